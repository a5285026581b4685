-- Sessions, their numbers and who waits for whom, from one pass over pg_stat_activity.
WITH /* opsroom */ activity AS MATERIALIZED (
    SELECT
        *,
        state IS NULL AND backend_start IS NULL AND query = '<insufficient privilege>' AS hidden
    FROM pg_catalog.pg_stat_activity
),
clients AS MATERIALIZED (
    SELECT *
    FROM activity
    WHERE backend_type = 'client backend' OR (hidden AND datid IS NOT NULL AND usesysid IS NOT NULL)
),
waiting AS MATERIALIZED (
    SELECT pid, pg_catalog.pg_blocking_pids(pid) AS blockers
    FROM (SELECT pid FROM activity WHERE wait_event_type = 'Lock' ORDER BY query_start LIMIT 100) AS longest
),
shown AS MATERIALIZED (
    SELECT a.*, w.blockers
    FROM activity AS a
    LEFT JOIN waiting AS w ON w.pid = a.pid
    WHERE a.pid <> pg_catalog.pg_backend_pid()
        AND NOT a.hidden
        AND ((a.state IS NOT NULL AND a.state <> 'idle') OR a.pid IN (SELECT unnest(blockers) FROM waiting))
)
SELECT json_build_object(
    'in_recovery', pg_catalog.pg_is_in_recovery(),
    'started', pg_catalog.pg_postmaster_start_time()::text,
    'uptime', extract(epoch FROM clock_timestamp() - pg_catalog.pg_postmaster_start_time()),
    'pid', pg_catalog.pg_backend_pid(),
    'max_connections', current_setting('max_connections')::int,
    'superuser_reserved', current_setting('superuser_reserved_connections')::int,
    'reserved', current_setting('reserved_connections', true)::int,
    'used', (SELECT count(*) FROM clients),
    'hidden', (SELECT count(*) FROM clients WHERE hidden),
    'ours', (SELECT count(*) FROM clients WHERE application_name LIKE 'opsroom/%'),
    'states', (
        SELECT json_object_agg(coalesce(state, 'unknown'), n)
        FROM (
            SELECT state, count(*) AS n
            FROM clients
            WHERE NOT hidden AND application_name NOT LIKE 'opsroom/%'
            GROUP BY state
        ) AS s
    ),
    'groups', (
        SELECT json_agg(g)
        FROM (
            SELECT
                application_name AS application,
                usename AS "user",
                datname AS database,
                count(*) AS total,
                count(*) FILTER (WHERE state = 'active' AND pid <> pg_catalog.pg_backend_pid()) AS active,
                count(*) FILTER (WHERE state = 'idle') AS idle,
                count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS in_transaction,
                count(*) FILTER (WHERE wait_event_type = 'Lock') AS blocked,
                count(*) FILTER (WHERE hidden) AS hidden,
                max(extract(epoch FROM clock_timestamp() - state_change)) FILTER (WHERE state = 'idle') AS idle_longest
            FROM clients
            GROUP BY application_name, usename, datname
            ORDER BY count(*) DESC
            LIMIT 300
        ) AS g
    ),
    'waits', (
        SELECT json_agg(w)
        FROM (
            SELECT wait_event_type AS type, wait_event AS event, count(*) AS n
            FROM activity
            WHERE state = 'active' AND wait_event_type IS NOT NULL AND pid <> pg_catalog.pg_backend_pid()
            GROUP BY wait_event_type, wait_event
            ORDER BY count(*) DESC
            LIMIT 20
        ) AS w
    ),
    'shown', (SELECT count(*) FROM shown),
    'sessions', (
        SELECT json_agg(r)
        FROM (
            SELECT
                s.pid,
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
                age(s.backend_xmin) AS xmin_age,
                s.backend_xid IS NOT NULL AS writes,
                role.rolsuper AS superuser,
                s.blockers AS blocked_by,
                CASE WHEN :text THEN left(s.query, 2000) END AS query
            FROM shown AS s
            LEFT JOIN pg_catalog.pg_roles AS role ON role.oid = s.usesysid
            ORDER BY s.blockers IS NULL, s.pid NOT IN (SELECT unnest(blockers) FROM waiting), s.xact_start
            LIMIT :rows
        ) AS r
    ),
    'prepared', (
        SELECT json_agg(p)
        FROM (
            SELECT
                gid, owner, database, age(transaction) AS xid_age,
                extract(epoch FROM clock_timestamp() - prepared) AS age
            FROM pg_catalog.pg_prepared_xacts
            ORDER BY prepared
            LIMIT 20
        ) AS p
    )
)
