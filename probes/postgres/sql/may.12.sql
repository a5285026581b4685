-- What our role may do to the tables of this database. Those of our own shared store are its owner's alone.
WITH /* opsroom */ listed AS MATERIALIZED (
    SELECT
        c.oid,
        o.rolname,
        pg_has_role(current_user, c.relowner, 'USAGE') AS owned,
        CASE WHEN current_setting('server_version_num')::int >= 170000
            THEN has_table_privilege(c.oid, 'MAINTAIN') ELSE false END AS maintained
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_roles AS o ON o.oid = c.relowner
    WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
        AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'opsroom_store')
)
SELECT json_build_object(
    'tables', count(*),
    'maintained', count(*) FILTER (WHERE owned OR maintained),
    'owned', count(*) FILTER (WHERE owned),
    'owner', (SELECT rolname FROM listed WHERE NOT owned GROUP BY rolname ORDER BY count(*) DESC, rolname LIMIT 1)
)
FROM listed
