-- Statistics of the columns of one table: figures only, never the values that occur.
SELECT /* opsroom */ json_build_object(
    'columns', (
        SELECT json_agg(r)
        FROM (
            SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
                s.null_frac AS nulls, s.n_distinct AS "distinct", s.correlation, s.avg_width AS width
            FROM pg_catalog.pg_attribute AS a
            JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
            JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            LEFT JOIN pg_catalog.pg_stats AS s
                ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname AND NOT s.inherited
            WHERE format('%I.%I', n.nspname, c.relname) = :names AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY a.attnum
            LIMIT 500
        ) AS r
    )
)
