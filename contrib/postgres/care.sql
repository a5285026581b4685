-- What acts of care need beyond roles.sql, and no more. Run after it, where these acts are wanted.
--
--   psql -X -v ON_ERROR_STOP=1 -d DATABASE -f care.sql        as a superuser; safe to repeat
--
-- From PostgreSQL 17 on MAINTAIN lets a role vacuum, analyse and reindex tables and nothing else: it is given for the
-- schema public here; repeat it for others, or GRANT pg_maintain TO opsroom_act for all of them. Before 17 only a
-- table's owner may: GRANT owner TO opsroom_act then, and know that a member of the owner may do anything to its tables.
-- To make and drop indexes takes the owner in every version.
-- Old rows of a retention: GRANT SELECT, UPDATE, DELETE ON that_table TO opsroom_act. UPDATE is for locking rows.

BEGIN;

DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 170000 THEN
        EXECUTE 'GRANT MAINTAIN ON ALL TABLES IN SCHEMA public TO opsroom_act';
    END IF;
    IF current_setting('server_version_num')::int >= 150000 THEN
        -- before 15 only a superuser sets the slow-query threshold
        EXECUTE 'GRANT ALTER SYSTEM ON PARAMETER log_min_duration_statement TO opsroom_act';
        GRANT EXECUTE ON FUNCTION pg_catalog.pg_reload_conf() TO opsroom_act;
    END IF;
END
$$;

COMMIT;
