-- Who copies this server, what copies make it keep, and how far behind it is when it is a copy itself.
-- pg_stat_get_wal_senders() gives the rows of pg_stat_replication without a second copy of all backends' state.
WITH /* opsroom */ here AS MATERIALIZED (
    SELECT
        pg_catalog.pg_is_in_recovery() AS standby,
        CASE
            WHEN pg_catalog.pg_is_in_recovery()
                THEN coalesce(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
            ELSE pg_catalog.pg_current_wal_lsn()
        END AS lsn
)
SELECT json_build_object(
    'replicas', (
        SELECT json_agg(r)
        FROM (
            SELECT
                w.pid,
                w.state,
                w.sync_state,
                extract(epoch FROM w.write_lag) AS write_lag,
                extract(epoch FROM w.flush_lag) AS flush_lag,
                extract(epoch FROM w.replay_lag) AS replay_lag,
                pg_catalog.pg_wal_lsn_diff(here.lsn, w.replay_lsn) AS behind
            FROM pg_catalog.pg_stat_get_wal_senders() AS w
            CROSS JOIN here
            LIMIT 50
        ) AS r
    ),
    'slots', (
        SELECT json_agg(s)
        FROM (
            SELECT
                slot_name AS name,
                slot_type AS type,
                database,
                active,
                active_pid,
                age(xmin) AS xmin_age,
                age(catalog_xmin) AS catalog_xmin_age,
                pg_catalog.pg_wal_lsn_diff(here.lsn, restart_lsn) AS retained,
                wal_status,
                safe_wal_size AS safe_bytes,
                NULL::float8 AS inactive_for,
                NULL::text AS lost
            FROM pg_catalog.pg_replication_slots
            CROSS JOIN here
            LIMIT 50
        ) AS s
    ),
    'standby', (
        SELECT json_build_object(
            'behind', pg_catalog.pg_wal_lsn_diff(
                pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()
            ),
            'replayed_ago', extract(epoch FROM clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()),
            'paused', CASE WHEN here.standby THEN pg_catalog.pg_is_wal_replay_paused() END,
            'receiver', (SELECT status FROM pg_catalog.pg_stat_wal_receiver)
        )
        FROM here
        WHERE here.standby
    ),
    'archiver', (
        SELECT json_build_object(
            'archived', archived_count,
            'failed', failed_count,
            'archived_ago', extract(epoch FROM clock_timestamp() - last_archived_time),
            'failed_ago', extract(epoch FROM clock_timestamp() - last_failed_time)
        )
        FROM pg_catalog.pg_stat_archiver
    )
)
