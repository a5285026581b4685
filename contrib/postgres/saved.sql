-- A login for the saved queries of Opsroom (kind sql): SELECT on named tables, and nothing else. PostgreSQL 12 and newer.
--
--   psql -X -v ON_ERROR_STOP=1 -v tables='shop.orders, shop.users' -v schemas='shop' -d DATABASE -f saved.sql
--
-- as a superuser or the tables' owner who may create roles; safe to repeat. Better than tables are views of what is asked.
-- To keep a column out of reach for good, give columns:  GRANT SELECT (id, expires_at) ON meta_accounts TO opsroom_sql;
-- Then give the login a password (\password opsroom_sql), and let it in from the bastion only: pg_hba.conf, hostssl.
--
-- The session settings are seat belts, which a client may loosen; what holds is that nothing but SELECT is granted.
-- It is no member of pg_monitor, pg_signal_backend or any other role: it sees nobody's queries and ends nobody.

BEGIN;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'opsroom_sql') THEN
        CREATE ROLE opsroom_sql LOGIN NOINHERIT CONNECTION LIMIT 5;
    END IF;
END
$$;

ALTER ROLE opsroom_sql SET default_transaction_read_only = on;
ALTER ROLE opsroom_sql SET statement_timeout = '30s';
ALTER ROLE opsroom_sql SET lock_timeout = '250ms';
ALTER ROLE opsroom_sql SET idle_in_transaction_session_timeout = '10s';

GRANT USAGE ON SCHEMA :schemas TO opsroom_sql;
GRANT SELECT ON :tables TO opsroom_sql;

COMMIT;
