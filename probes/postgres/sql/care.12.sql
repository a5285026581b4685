-- What an act on tables and indexes rests on: these relations, who holds or will hold them up, and our rights there.
-- Who holds a relation whole is told, so its size is not measured: that would wait for him.
WITH /* opsroom */ wanted AS MATERIALIZED (
    SELECT n ->> 0 AS schema, n ->> 1 AS name
    FROM json_array_elements(:names::json) AS n
),
named AS MATERIALIZED (
    SELECT c.*, n.nspname, w.name AS wanted, w.schema AS within
    FROM wanted AS w
    JOIN pg_catalog.pg_class AS c ON c.relname = w.name AND c.relkind IN ('r', 'm', 'p', 'i', 'I')
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = w.schema
        OR (w.schema IS NULL AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_t')
    LIMIT 400
),
concerned AS MATERIALIZED (
    SELECT oid FROM named
    UNION
    SELECT i.indrelid FROM pg_catalog.pg_index AS i JOIN named AS r ON r.oid = i.indexrelid
),
held AS MATERIALIZED (
    SELECT l.pid, l.relation, l.mode, l.granted
    FROM pg_catalog.pg_locks AS l
    WHERE l.locktype = 'relation' AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
        AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
        AND l.relation IN (SELECT oid FROM concerned)
),
locked AS MATERIALIZED (SELECT DISTINCT relation FROM held WHERE mode = 'AccessExclusiveLock')
SELECT json_build_object(
    'number', current_setting('server_version_num')::int,
    'version', current_setting('server_version'),
    'started', pg_catalog.pg_postmaster_start_time()::text,
    'in_recovery', pg_catalog.pg_is_in_recovery(),
    'role', current_user,
    'database', current_database(),
    'superuser', (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),
    'own', pg_catalog.pg_backend_pid(),
    'now', clock_timestamp()::text,
    'checks', coalesce(current_setting('client_connection_check_interval', true), '0'),
    'folder', (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'data_directory'),
    'replicas', (SELECT count(*) FROM pg_catalog.pg_stat_replication),
    'relations', (
        SELECT json_agg(r)
        FROM (
            SELECT
                r.wanted, r.within, r.oid::text AS oid, r.relkind AS kind,
                format('%I.%I', r.nspname, r.relname) AS key,
                r.nspname ~ '^pg_(catalog|toast)$' AS system,
                coalesce(pg_catalog.pg_relation_filenode(r.oid), 0)::text AS file,
                r.reltablespace::text AS tablespace,
                r.reltuples AS tuples,
                r.relpages AS pages,
                pg_has_role(current_user, r.relowner, 'USAGE') AS owned,
                (SELECT pg_has_role(current_user, d.datdba, 'USAGE') FROM pg_catalog.pg_database AS d
                    WHERE d.datname = current_database()) AS database_owned,
                CASE WHEN current_setting('server_version_num')::int >= 170000
                    THEN has_table_privilege(coalesce(i.indrelid, r.oid), 'MAINTAIN') END AS maintained,
                CASE WHEN r.relkind IN ('r', 'p') THEN has_table_privilege(r.oid, 'DELETE')
                    AND has_table_privilege(r.oid, 'SELECT') AND has_table_privilege(r.oid, 'UPDATE') END AS deletable,
                has_schema_privilege(r.relnamespace, 'CREATE') AS adds,
                (SELECT rolname FROM pg_catalog.pg_roles WHERE oid = r.relowner) AS owner,
                CASE WHEN r.oid NOT IN (SELECT relation FROM locked) AND NOT EXISTS (SELECT 1 FROM locked)
                    AND r.relkind <> 'p' THEN pg_catalog.pg_table_size(r.oid) END AS bytes,
                CASE WHEN r.oid NOT IN (SELECT relation FROM locked) AND NOT EXISTS (SELECT 1 FROM locked)
                    AND r.relkind IN ('r', 'm') THEN pg_catalog.pg_indexes_size(r.oid) END AS index_bytes,
                s.n_live_tup AS live, s.n_dead_tup AS dead,
                s.last_vacuum::text AS vacuumed, s.last_analyze::text AS analysed,
                i.indrelid::text AS table_oid,
                (SELECT format('%I.%I', tn.nspname, t.relname) FROM pg_catalog.pg_class AS t
                    JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace WHERE t.oid = i.indrelid) AS "table",
                i.indisvalid AND i.indisready AS valid,
                i.indisreplident AS identifies,
                i.indisexclusion AS excludes,
                (SELECT conname FROM pg_catalog.pg_constraint WHERE conindid = r.oid LIMIT 1) AS "constraint",
                u.idx_scan AS scans,
                CASE WHEN i.indexrelid IS NOT NULL THEN pg_catalog.pg_get_indexdef(r.oid) END AS definition,
                (
                    SELECT json_agg(json_build_object(
                        'key', format('%I.%I', xn.nspname, x.relname), 'oid', x.oid::text,
                        'valid', xi.indisvalid AND xi.indisready, 'definition', pg_catalog.pg_get_indexdef(x.oid)
                    ) ORDER BY x.oid)
                    FROM pg_catalog.pg_index AS xi
                    JOIN pg_catalog.pg_class AS x ON x.oid = xi.indexrelid
                    JOIN pg_catalog.pg_namespace AS xn ON xn.oid = x.relnamespace
                    WHERE xi.indrelid = coalesce(i.indrelid, r.oid)
                ) AS indexes,
                (
                    SELECT json_agg(json_build_object('name', a.attname, 'quoted', quote_ident(a.attname),
                        'type', format_type(a.atttypid, NULL), 'number', a.attnum) ORDER BY a.attnum)
                    FROM pg_catalog.pg_attribute AS a
                    WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
                ) AS columns,
                (
                    -- foreign keys that point at it, or at rows that a delete takes along, each once however they run
                    WITH RECURSIVE reached (oid) AS (
                        SELECT r.oid WHERE r.relkind IN ('r', 'p')
                        UNION
                        SELECT k.conrelid
                        FROM reached AS t
                        JOIN pg_catalog.pg_constraint AS k ON k.contype = 'f' AND k.confdeltype = 'c'
                            AND k.conparentid = 0
                            AND (k.confrelid = t.oid
                                OR k.confrelid IN (SELECT a FROM pg_catalog.pg_partition_ancestors(t.oid) AS a))
                    )
                    SELECT json_agg(json_build_object('name', k.conname, 'action', k.confdeltype,
                        'of', (SELECT format('%I.%I', kn.nspname, kc.relname) FROM pg_catalog.pg_class AS kc
                            JOIN pg_catalog.pg_namespace AS kn ON kn.oid = kc.relnamespace WHERE kc.oid = k.reached),
                        'table', (SELECT format('%I.%I', kn.nspname, kc.relname) FROM pg_catalog.pg_class AS kc
                            JOIN pg_catalog.pg_namespace AS kn ON kn.oid = kc.relnamespace WHERE kc.oid = k.conrelid),
                        'readable', has_table_privilege(k.conrelid, 'SELECT'),
                        'columns', (SELECT json_agg(quote_ident(a.attname) ORDER BY p.at) FROM unnest(k.conkey)
                            WITH ORDINALITY AS p (number, at) JOIN pg_catalog.pg_attribute AS a
                            ON a.attrelid = k.conrelid AND a.attnum = p.number),
                        'refers', (SELECT json_agg(quote_ident(a.attname) ORDER BY p.at) FROM unnest(k.confkey)
                            WITH ORDINALITY AS p (number, at) JOIN pg_catalog.pg_attribute AS a
                            ON a.attrelid = k.confrelid AND a.attnum = p.number)
                    ) ORDER BY k.conname)
                    FROM (
                        SELECT k.*, t.oid AS reached
                        FROM reached AS t
                        JOIN pg_catalog.pg_constraint AS k ON k.contype = 'f' AND k.conparentid = 0
                            AND (k.confrelid = t.oid
                                OR k.confrelid IN (SELECT a FROM pg_catalog.pg_partition_ancestors(t.oid) AS a))
                        LIMIT 201
                    ) AS k
                ) AS referrers,
                (
                    SELECT json_agg(f.columns)
                    FROM (
                        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY p.at) AS columns
                        FROM pg_catalog.pg_constraint AS k
                        CROSS JOIN unnest(k.conkey) WITH ORDINALITY AS p (number, at)
                        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = p.number
                        WHERE k.contype = 'f' AND k.conrelid = r.oid
                            AND NOT EXISTS (
                                SELECT 1 FROM pg_catalog.pg_index AS xi
                                WHERE xi.indrelid = r.oid AND xi.indisvalid AND xi.indpred IS NULL
                                    AND (xi.indkey::int2[])[0 : array_length(k.conkey, 1) - 1] @> k.conkey
                            )
                        GROUP BY k.oid
                        LIMIT 20
                    ) AS f
                ) AS bare,
                (SELECT count(*) FROM pg_catalog.pg_trigger AS g WHERE g.tgrelid = r.oid AND NOT g.tgisinternal
                    AND g.tgenabled <> 'D' AND (g.tgtype & 8) <> 0) AS triggers
            FROM named AS r
            LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = r.oid
            LEFT JOIN pg_catalog.pg_stat_all_tables AS s ON s.relid = r.oid
            LEFT JOIN pg_catalog.pg_stat_all_indexes AS u ON u.indexrelid = r.oid
        ) AS r
    ),
    'holders', (
        SELECT json_agg(r)
        FROM (
            SELECT h.pid, h.relation::text AS relation, h.mode, h.granted, a.application_name AS application,
                a.usename AS "user", a.state, a.backend_type,
                extract(epoch FROM clock_timestamp() - a.xact_start) AS age
            FROM held AS h
            LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = h.pid
            LIMIT 500
        ) AS r
    ),
    'transactions', (
        SELECT json_agg(r)
        FROM (
            SELECT a.pid, a.application_name AS application, a.usename AS "user", a.state, a.backend_type,
                extract(epoch FROM clock_timestamp() - a.xact_start) AS age
            FROM pg_catalog.pg_stat_activity AS a
            WHERE a.datname = current_database() AND a.pid <> pg_catalog.pg_backend_pid()
                AND a.backend_xmin IS NOT NULL AND a.xact_start IS NOT NULL
                AND a.query !~* '^\s*(/\*.*?\*/\s*)*(autovacuum: )?(vacuum|analyze)'
            ORDER BY a.xact_start
            LIMIT 50
        ) AS r
    ),
    'sessions', (
        SELECT json_agg(r)
        FROM (
            SELECT a.pid, a.backend_start::text AS backend_start, a.state, a.application_name AS application,
                a.wait_event_type AS wait_type, a.wait_event,
                extract(epoch FROM clock_timestamp() - a.query_start) AS age
            FROM pg_catalog.pg_stat_activity AS a
            WHERE a.application_name LIKE 'opsroom-care/%'
            LIMIT 50
        ) AS r
    ),
    'progress', (SELECT coalesce(json_agg(p), '[]'::json) FROM (
        SELECT pid, 'VACUUM' AS command, phase, heap_blks_scanned AS done, heap_blks_total AS total
        FROM pg_catalog.pg_stat_progress_vacuum
        UNION ALL
        SELECT pid, command, phase, heap_blks_scanned, heap_blks_total FROM pg_catalog.pg_stat_progress_cluster
        UNION ALL
        SELECT pid, command, phase, CASE WHEN blocks_total > 0 THEN blocks_done ELSE tuples_done END,
            CASE WHEN blocks_total > 0 THEN blocks_total ELSE tuples_total END
        FROM pg_catalog.pg_stat_progress_create_index
    ) AS p),
    'slow_log', (
        SELECT row_to_json(s)
        FROM (
            SELECT reset_val AS value, source, coalesce(sourcefile, '') LIKE '%postgresql.auto.conf' AS automatic
            FROM pg_catalog.pg_settings
            WHERE name = 'log_min_duration_statement'
        ) AS s
    ),
    'reloads', (
        SELECT bool_or(has_function_privilege(oid, 'EXECUTE'))
        FROM pg_catalog.pg_proc
        WHERE proname = 'pg_reload_conf' AND pronamespace = 'pg_catalog'::regnamespace
    ),
    'statements', (
        SELECT quote_ident(n.nspname)
        FROM pg_catalog.pg_extension AS e
        JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
        WHERE e.extname = 'pg_stat_statements'
    )
)
