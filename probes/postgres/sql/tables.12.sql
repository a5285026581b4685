-- The biggest tables: rows, dead rows, when they were cleaned and counted last, how they are read, how big they are.
-- What somebody holds or wants for himself alone is not measured: that would wait for him.
WITH /* opsroom */ locked AS MATERIALIZED (
    SELECT DISTINCT l.relation
    FROM pg_catalog.pg_locks AS l
    WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
        AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
),
known AS MATERIALIZED (
    SELECT c.oid, n.nspname, c.relname, c.relpages, c.reltuples, c.reloptions
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
        AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
),
biggest AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY relpages DESC, oid) AS rank
    FROM known
    ORDER BY relpages DESC, oid
    LIMIT :rows
),
widths AS MATERIALIZED (
    SELECT s.schemaname, s.tablename, count(*) AS columns, sum((1 - s.null_frac) * s.avg_width) AS width
    FROM pg_catalog.pg_stats AS s
    WHERE NOT s.inherited AND (s.schemaname, s.tablename) IN (SELECT nspname, relname FROM biggest)
    GROUP BY s.schemaname, s.tablename
)
SELECT json_build_object(
    'total', (SELECT count(*) FROM known),
    'reset', (
        SELECT extract(epoch FROM clock_timestamp() - stats_reset)
        FROM pg_catalog.pg_stat_database
        WHERE datname = current_database()
    ),
    'uptime', extract(epoch FROM clock_timestamp() - pg_catalog.pg_postmaster_start_time()),
    'page', current_setting('block_size')::int,
    'tables', (
        SELECT json_agg(r)
        FROM (
            SELECT
                format('%I.%I', b.nspname, b.relname) AS key,
                s.n_live_tup AS live,
                s.n_dead_tup AS dead,
                s.n_mod_since_analyze AS changed,
                extract(epoch FROM clock_timestamp() - greatest(s.last_vacuum, s.last_autovacuum)) AS vacuumed,
                extract(epoch FROM clock_timestamp() - greatest(s.last_analyze, s.last_autoanalyze)) AS analysed,
                s.seq_scan, s.seq_tup_read, s.idx_scan,
                b.relpages AS pages,
                b.reltuples AS tuples,
                (SELECT substring(o FROM '[0-9]+$') FROM unnest(b.reloptions) AS o WHERE o LIKE 'fillfactor=%')
                    AS filled,
                w.width,
                w.columns = (
                    SELECT count(*)
                    FROM pg_catalog.pg_attribute AS a
                    WHERE a.attrelid = b.oid AND a.attnum > 0 AND NOT a.attisdropped
                ) AS measured,
                b.oid IN (SELECT relation FROM locked) AS locked,
                CASE WHEN b.rank <= 100 AND b.oid NOT IN (SELECT relation FROM locked)
                    THEN pg_catalog.pg_table_size(b.oid) END AS bytes,
                CASE WHEN b.rank <= 100 AND b.oid NOT IN (SELECT relation FROM locked)
                    THEN pg_catalog.pg_indexes_size(b.oid) END AS index_bytes
            FROM biggest AS b
            LEFT JOIN pg_catalog.pg_stat_all_tables AS s ON s.relid = b.oid
            LEFT JOIN widths AS w ON w.schemaname = b.nspname AND w.tablename = b.relname
            ORDER BY b.rank
        ) AS r
    )
)
