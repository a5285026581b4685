-- What an act rests on: the server, what our role may do, and the sessions concerned with those they wait for.
-- Who waits, and for whom, is looked up for the hundred longest waits and for the sessions asked about.
WITH /* opsroom */ activity AS MATERIALIZED (
    SELECT
        *,
        state IS NULL AND backend_start IS NULL AND query = '<insufficient privilege>' AS hidden
    FROM pg_catalog.pg_stat_activity
),
waiting AS MATERIALIZED (
    SELECT pid, pg_catalog.pg_blocking_pids(pid) AS blockers
    FROM (
        SELECT pid
        FROM activity
        WHERE wait_event_type = 'Lock'
        ORDER BY pid = ANY (ARRAY[:ids]::int[]) DESC, query_start
        LIMIT 100
    ) AS longest
),
shown AS MATERIALIZED (
    SELECT a.*, w.blockers
    FROM activity AS a
    LEFT JOIN waiting AS w ON w.pid = a.pid
    WHERE a.pid = ANY (ARRAY[:ids]::int[])
        OR w.pid IS NOT NULL
        OR a.pid IN (SELECT unnest(blockers) FROM waiting)
),
guarded AS MATERIALIZED (
    SELECT
        p.proname,
        p.prosecdef AND has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE') AS usable,
        o.rolsuper AS all_powerful,
        NOT o.rolsuper AND pg_has_role(o.oid, 'pg_signal_backend', 'USAGE') AS able,
        EXISTS (SELECT 1 FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a WHERE a.grantee = 0)
            AS everybodys
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    JOIN pg_catalog.pg_roles AS o ON o.oid = p.proowner
    WHERE n.nspname = 'opsroom'
        AND p.proname IN ('cancel', 'terminate')
        AND pg_catalog.oidvectortypes(p.proargtypes)
            = 'integer, timestamp with time zone, text, timestamp with time zone, timestamp with time zone, '
            || 'timestamp with time zone, uuid, integer'
)
SELECT json_build_object(
    'number', current_setting('server_version_num')::int,
    'version', current_setting('server_version'),
    'started', pg_catalog.pg_postmaster_start_time()::text,
    'in_recovery', pg_catalog.pg_is_in_recovery(),
    'role', current_user,
    'database', current_database(),
    'own', pg_catalog.pg_backend_pid(),
    'superuser', (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),
    'reads_all', pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
    'signals', pg_has_role(current_user, 'pg_signal_backend', 'USAGE'),
    'powers', (
        SELECT json_agg(rolname ORDER BY rolname)
        FROM pg_catalog.pg_roles
        WHERE rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files',
                          'pg_write_all_data')
            AND pg_has_role(current_user, oid, 'USAGE')
    ),
    'guarded', (SELECT json_agg(g) FROM guarded AS g),
    'sessions', (
        SELECT json_agg(r)
        FROM (
            SELECT
                s.pid,
                s.hidden,
                s.datname AS database,
                s.usename AS "user",
                s.application_name AS application,
                host(s.client_addr) AS client,
                s.state,
                s.wait_event_type AS wait_type,
                s.wait_event,
                s.backend_type,
                s.backend_start::text AS backend_start,
                s.xact_start::text AS xact_start,
                s.query_start::text AS query_start,
                s.state_change::text AS state_change,
                extract(epoch FROM clock_timestamp() - s.backend_start) AS backend_age,
                extract(epoch FROM clock_timestamp() - s.xact_start) AS xact_age,
                extract(epoch FROM clock_timestamp() - s.query_start) AS query_age,
                extract(epoch FROM clock_timestamp() - s.state_change) AS state_age,
                s.backend_xid IS NOT NULL AS writes,
                role.rolsuper AS superuser,
                role.oid IS NOT NULL AND pg_has_role(current_user, role.oid, 'USAGE') AS ours,
                s.blockers AS blocked_by,
                left(s.query, 2000) AS query
            FROM shown AS s
            LEFT JOIN pg_catalog.pg_roles AS role ON role.oid = s.usesysid
        ) AS r
    )
)
