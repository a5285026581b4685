-- Two logins for Opsroom, the least that will do: one that looks, one that acts. PostgreSQL 12 and newer.
--
--   psql -X -v ON_ERROR_STOP=1 -d DATABASE -f roles.sql        as a superuser; safe to repeat
--
-- DATABASE is the one Opsroom logs in to: the functions live there. Then give both logins a password (\password), and
-- let them in from the bastion only: pg_hba.conf, hostssl ... scram-sha-256.
-- pg_monitor shows the whole text of everybody's queries: treat what these logins see as secret.

BEGIN;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'opsroom_read') THEN
        CREATE ROLE opsroom_read LOGIN CONNECTION LIMIT 20;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'opsroom_act') THEN
        CREATE ROLE opsroom_act LOGIN CONNECTION LIMIT 5;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'opsroom_signal') THEN
        CREATE ROLE opsroom_signal NOLOGIN;
    END IF;
    IF current_setting('server_version_num')::int >= 160000 THEN
        -- with reserved_connections = 2 in postgresql.conf both get in when the server is full
        GRANT pg_use_reserved_connections TO opsroom_read, opsroom_act;
    END IF;
END
$$;

-- the one that looks
GRANT pg_monitor TO opsroom_read;
ALTER ROLE opsroom_read SET statement_timeout = '2s';
ALTER ROLE opsroom_read SET lock_timeout = '250ms';
ALTER ROLE opsroom_read SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE opsroom_read SET default_transaction_read_only = on;
-- Plans of statements (the look "explain") are made as the role that runs them, if opsroom_read may become it:
--   GRANT app TO opsroom_read WITH INHERIT FALSE, SET TRUE;        PostgreSQL 16 and newer
--   GRANT app TO opsroom_read;                                     before: it has all of that role's rights then
-- Give it roles that trust each other only: to plan, the server may call functions of one, which could become another.

-- the one that acts: it sees what it acts on, and signals through the functions below and in no other way
GRANT pg_monitor TO opsroom_act;
ALTER ROLE opsroom_act SET statement_timeout = '10s';
ALTER ROLE opsroom_act SET lock_timeout = '250ms';
ALTER ROLE opsroom_act SET idle_in_transaction_session_timeout = '5s';

-- the power to signal belongs to a role nobody can log in as. Not to a superuser: what belongs to one could end
-- superusers' sessions too.
GRANT pg_signal_backend, pg_read_all_stats TO opsroom_signal;

CREATE SCHEMA IF NOT EXISTS opsroom;
REVOKE ALL ON SCHEMA opsroom FROM PUBLIC;
GRANT USAGE ON SCHEMA opsroom TO opsroom_act;

-- True while process `p` is the session that was looked at, and does what it did then. The server remembers what it
-- told of sessions until the transaction ends; pg_stat_clear_snapshot makes it look again.
-- A running query that commits on its own (a procedure, an index built concurrently) is told without `xs`.
CREATE OR REPLACE FUNCTION opsroom.is_still(
    p int, bs timestamptz, st text, sc timestamptz, qs timestamptz, xs timestamptz
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_stat_clear_snapshot();
    RETURN EXISTS (
        SELECT
        FROM pg_stat_activity AS s
        WHERE s.pid = p
            AND s.backend_start = bs
            AND s.state IS NOT DISTINCT FROM st
            AND s.state_change IS NOT DISTINCT FROM sc
            AND s.query_start IS NOT DISTINCT FROM qs
            AND (s.xact_start IS NOT DISTINCT FROM xs OR (xs IS NULL AND s.state = 'active'))
            AND s.backend_type = 'client backend'
            AND s.pid <> pg_backend_pid()
    );
END
$$;

-- Ends that session or none: 'terminated', 'signalled' (still there after wait_ms), 'gone' or 'changed'.
-- One line in the server's log for each attempt, whatever becomes of the client.
CREATE OR REPLACE FUNCTION opsroom.terminate(
    p int, bs timestamptz, st text, sc timestamptz, qs timestamptz, xs timestamptz, act uuid, wait_ms int
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE LOG 'opsroom terminate act=% by=% pid=% backend_start=%', act, session_user, p, bs;
    IF NOT opsroom.is_still(p, bs, st, sc, qs, xs) THEN
        RETURN 'changed';
    END IF;
    IF current_setting('server_version_num')::int < 140000 THEN
        RETURN CASE WHEN pg_terminate_backend(p) THEN 'signalled' ELSE 'gone' END;
    END IF;
    RETURN CASE WHEN pg_terminate_backend(p, least(greatest(wait_ms, 1), 5000)) THEN 'terminated' ELSE 'signalled' END;
END
$$;

-- Cancels that query or none: 'signalled', 'gone' or 'changed'. `wait_ms` is there so that both are called alike.
CREATE OR REPLACE FUNCTION opsroom.cancel(
    p int, bs timestamptz, st text, sc timestamptz, qs timestamptz, xs timestamptz, act uuid, wait_ms int
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE LOG 'opsroom cancel act=% by=% pid=% backend_start=%', act, session_user, p, bs;
    IF st IS DISTINCT FROM 'active' OR NOT opsroom.is_still(p, bs, st, sc, qs, xs) THEN
        RETURN 'changed';
    END IF;
    RETURN CASE WHEN pg_cancel_backend(p) THEN 'signalled' ELSE 'gone' END;
END
$$;

ALTER FUNCTION opsroom.is_still OWNER TO opsroom_signal;
ALTER FUNCTION opsroom.terminate OWNER TO opsroom_signal;
ALTER FUNCTION opsroom.cancel OWNER TO opsroom_signal;
GRANT USAGE ON SCHEMA opsroom TO opsroom_signal;
REVOKE ALL ON FUNCTION opsroom.is_still, opsroom.terminate, opsroom.cancel FROM PUBLIC;
GRANT EXECUTE ON FUNCTION opsroom.terminate, opsroom.cancel TO opsroom_act;

COMMIT;
