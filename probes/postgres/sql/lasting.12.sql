-- Settings that outlive a session: what differs from the default, what waits for a restart. No word that may be secret.
SELECT /* opsroom */ json_build_object(
    'settings', (
        SELECT json_agg(r)
        FROM (
            SELECT
                s.name,
                s.reset_val AS value,
                s.unit,
                s.context,
                s.source,
                coalesce(s.sourcefile, '') LIKE '%postgresql.auto.conf' AS automatic,
                -- what the command line says wins over the file, after a restart too
                s.pending_restart AND s.source <> 'command line' AS pending
            FROM pg_catalog.pg_settings AS s
            WHERE (
                s.name IN ('log_min_duration_statement', 'shared_buffers', 'max_connections', 'work_mem',
                           'maintenance_work_mem', 'autovacuum', 'statement_timeout', 'lock_timeout')
                OR s.pending_restart
                OR s.source IN ('configuration file', 'database', 'user', 'database user', 'global',
                                'command line', 'environment variable')
            )
            AND s.name !~* 'passw|secret|token|conninfo|command|key_file|api_?key'
            ORDER BY s.name
            LIMIT 300
        ) AS r
    ),
    'overrides', (
        SELECT json_agg(r)
        FROM (
            SELECT d.datname AS database, o.rolname AS role, c AS text
            FROM pg_catalog.pg_db_role_setting AS g
            CROSS JOIN unnest(g.setconfig) AS c
            LEFT JOIN pg_catalog.pg_database AS d ON d.oid = g.setdatabase
            LEFT JOIN pg_catalog.pg_roles AS o ON o.oid = g.setrole
            WHERE c LIKE 'log_min_duration_statement=%'
            LIMIT 20
        ) AS r
    )
)
