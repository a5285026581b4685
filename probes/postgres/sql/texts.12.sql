-- The texts of a few statements, with the names of who runs them.
SELECT /* opsroom */ coalesce(json_agg(t), '[]'::json)
FROM (
    SELECT
        s.queryid::text AS queryid, s.userid::int8 AS userid, s.dbid::int8 AS dbid, left(s.query, 2000) AS query,
        r.rolname AS "user", d.datname AS database
    FROM :schema.pg_stat_statements(true) AS s
    LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.userid
    LEFT JOIN pg_catalog.pg_database AS d ON d.oid = s.dbid
    WHERE s.queryid IN (:ids)
    LIMIT 200
) AS t
