-- Traffic counters and the age of each database; differences between two readings are the numbers shown.
-- numbackends is left out on purpose: it would copy every backend's state a second time.
SELECT /* opsroom */ json_build_object(
    'totals', (
        SELECT json_build_object(
            'commits', sum(xact_commit),
            'rollbacks', sum(xact_rollback),
            'blocks_read', sum(blks_read),
            'blocks_hit', sum(blks_hit),
            'rows_read', sum(tup_fetched),
            'rows_written', sum(tup_inserted + tup_updated + tup_deleted),
            'temp_bytes', sum(temp_bytes),
            'deadlocks', sum(deadlocks),
            'conflicts', sum(conflicts),
            'checksum_failures', sum(checksum_failures)
        )
        FROM pg_catalog.pg_stat_database
    ),
    'databases', (
        SELECT json_agg(b)
        FROM (
            SELECT
                d.datname AS name,
                d.datallowconn AS open,
                d.datconnlimit AS sessions_limit,
                age(d.datfrozenxid) AS xid_age,
                mxid_age(d.datminmxid) AS mxid_age,
                s.xact_commit AS commits,
                s.xact_rollback AS rollbacks,
                s.blks_read AS blocks_read,
                s.blks_hit AS blocks_hit,
                s.temp_bytes AS temp_bytes,
                s.deadlocks,
                s.stats_reset::text AS since
            FROM pg_catalog.pg_database AS d
            LEFT JOIN pg_catalog.pg_stat_database AS s ON s.datid = d.oid
            ORDER BY s.xact_commit DESC NULLS LAST
            LIMIT 200
        ) AS b
    ),
    'oldest_xid', (SELECT max(age(datfrozenxid)) FROM pg_catalog.pg_database),
    'oldest_mxid', (SELECT max(mxid_age(datminmxid)) FROM pg_catalog.pg_database),
    'freeze_max_age', current_setting('autovacuum_freeze_max_age')::float8,
    'checkpoints', (
        SELECT json_build_object('timed', num_timed, 'requested', num_requested)
        FROM pg_catalog.pg_stat_checkpointer
    )
)
