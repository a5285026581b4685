-- Bytes of each database that we may measure. Walks the files, so it is asked rarely.
SELECT /* opsroom */ coalesce(json_object_agg(b.datname, b.bytes), '{}'::json)
FROM (
    SELECT datname, pg_catalog.pg_database_size(oid) AS bytes
    FROM pg_catalog.pg_database
    WHERE datallowconn
        AND (
            has_database_privilege(oid, 'CONNECT')
            OR pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
        )
    LIMIT 100
) AS b
