-- What the waiting sessions wait for, and since when. Asked only when somebody waits.
SELECT /* opsroom */ coalesce(json_agg(w), '[]'::json)
FROM (
    SELECT
        l.pid,
        l.locktype,
        l.mode,
        CASE WHEN l.database = d.oid THEN (SELECT relname FROM pg_catalog.pg_class WHERE oid = l.relation) END
            AS relation,
        extract(epoch FROM clock_timestamp() - l.waitstart) AS waited
    FROM pg_catalog.pg_locks AS l
    CROSS JOIN (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) AS d
    WHERE NOT l.granted
    ORDER BY l.waitstart
    LIMIT 200
) AS w
