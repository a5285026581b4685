-- The biggest indexes: whether they are used, valid, and like another one.
WITH /* opsroom */ known AS MATERIALIZED (
    SELECT c.oid, n.nspname, c.relname, c.relpages, c.reltuples, c.relam
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'i' AND c.relpersistence <> 't'
        AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
),
biggest AS MATERIALIZED (
    SELECT k.*
    FROM known AS k
    JOIN pg_catalog.pg_index AS i ON i.indexrelid = k.oid
    ORDER BY i.indisvalid, k.relpages DESC, k.oid
    LIMIT :rows
)
SELECT json_build_object(
    'total', (SELECT count(*) FROM known),
    'page', current_setting('block_size')::int,
    'indexes', (
        SELECT json_agg(r)
        FROM (
            SELECT
                format('%I.%I', b.nspname, b.relname) AS key,
                (
                    SELECT format('%I.%I', n.nspname, t.relname)
                    FROM pg_catalog.pg_class AS t
                    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
                    WHERE t.oid = i.indrelid
                ) AS "table",
                s.idx_scan AS scans,
                NULL AS used,
                b.relpages AS pages,
                b.reltuples AS tuples,
                i.indisvalid AND i.indisready AND i.indislive AS valid,
                EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index AS p WHERE p.index_relid = b.oid)
                    AS building,
                i.indisunique AS "unique",
                (SELECT conname FROM pg_catalog.pg_constraint WHERE conindid = b.oid AND contype IN ('p', 'u', 'x')
                    LIMIT 1) AS "constraint",
                m.amname AS method,
                i.indkey::text AS columns,
                i.indclass::text || '/' || i.indcollation::text AS classes,
                i.indoption::text AS options,
                i.indnkeyatts AS keys,
                i.indexprs IS NULL AND i.indpred IS NULL AS plain,
                pg_catalog.pg_get_indexdef(b.oid) AS definition,
                (
                    SELECT CASE WHEN count(w.avg_width) = i.indnatts THEN sum((1 - w.null_frac) * w.avg_width) END
                    FROM pg_catalog.pg_attribute AS a
                    JOIN pg_catalog.pg_class AS t ON t.oid = a.attrelid
                    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
                    LEFT JOIN pg_catalog.pg_stats AS w
                        ON w.schemaname = n.nspname AND w.tablename = t.relname AND w.attname = a.attname
                        AND NOT w.inherited
                    WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
                ) AS width
            FROM biggest AS b
            JOIN pg_catalog.pg_index AS i ON i.indexrelid = b.oid
            JOIN pg_catalog.pg_am AS m ON m.oid = b.relam
            LEFT JOIN pg_catalog.pg_stat_all_indexes AS s ON s.indexrelid = b.oid
        ) AS r
    )
)
