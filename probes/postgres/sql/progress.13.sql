-- How far long maintenance has come.
SELECT /* opsroom */ coalesce(json_agg(p), '[]'::json)
FROM (
    SELECT
        one.command, one.pid, one.datname AS database, one.phase, one.done, one.total,
        CASE
            WHEN one.datname = current_database()
                THEN (SELECT relname FROM pg_catalog.pg_class WHERE oid = one.relid)
        END AS relation
    FROM (
        SELECT 'VACUUM' AS command, pid, datname, relid, phase, heap_blks_scanned AS done, heap_blks_total AS total
        FROM pg_catalog.pg_stat_progress_vacuum
        UNION ALL
        SELECT command, pid, datname, relid, phase, heap_blks_scanned, heap_blks_total
        FROM pg_catalog.pg_stat_progress_cluster
        UNION ALL
        SELECT
            command, pid, datname, relid, phase,
            CASE WHEN blocks_total > 0 THEN blocks_done ELSE tuples_done END,
            CASE WHEN blocks_total > 0 THEN blocks_total ELSE tuples_total END
        FROM pg_catalog.pg_stat_progress_create_index
        UNION ALL
        SELECT 'ANALYZE', pid, datname, relid, phase, sample_blks_scanned, sample_blks_total
        FROM pg_catalog.pg_stat_progress_analyze
        UNION ALL
        SELECT 'BASE BACKUP', pid, NULL, NULL, phase, backup_streamed, backup_total
        FROM pg_catalog.pg_stat_progress_basebackup
    ) AS one
    LIMIT 50
) AS p
