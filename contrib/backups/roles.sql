-- Roles for backups: one that dumps, one that proves, one that restores and switches. For PostgreSQL 14 and newer.
-- Run as a superuser, with your own names in the place of `newsletter`; the passwords go into the profile by reference:
--   [backups.nightly]
--   database = { url = "postgresql://opsroom_dump@db/newsletter", password = "env:DUMP_PASSWORD" }
--   scratch  = { url = "postgresql://opsroom_prove@db/postgres",  password = "env:PROVE_PASSWORD" }
--   admin    = { url = "postgresql://opsroom_restore@db/postgres", password = "env:RESTORE_PASSWORD" }

-- Dumps: reads every table of every database it may connect to, and writes nothing.
CREATE ROLE opsroom_dump LOGIN CONNECTION LIMIT 5;
GRANT pg_read_all_data TO opsroom_dump;
ALTER ROLE opsroom_dump SET default_transaction_read_only = on;

-- Proves: makes scratch databases and drops its own. It owns nothing else, so it can reach no other data.
-- Better still on another server: a restore is load, and what a dump holds is run as this role.
CREATE ROLE opsroom_prove LOGIN CREATEDB CONNECTION LIMIT 5;

-- Restores and switches: makes databases, and renames those of the role that owns the live one.
CREATE ROLE opsroom_restore LOGIN CREATEDB CONNECTION LIMIT 5;
GRANT newsletter TO opsroom_restore;

-- Only where a switch may end the sessions that are in the way:
-- GRANT pg_signal_backend TO opsroom_restore;
