-- Who we are and whom we talk to: asked once, after login.
SELECT /* opsroom */ json_build_object(
    'number', current_setting('server_version_num')::int,
    'version', current_setting('server_version'),
    'role', current_user,
    'database', current_database(),
    'superuser', (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),
    'reads_all', pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
    'preloaded', (
        SELECT setting LIKE '%pg_stat_statements%'
        FROM pg_catalog.pg_settings
        WHERE name = 'shared_preload_libraries'
    ),
    'statements_schema', (
        SELECT quote_ident(n.nspname)
        FROM pg_catalog.pg_extension AS e
        JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
        WHERE e.extname = 'pg_stat_statements'
    ),
    'statements_version', (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'pg_stat_statements')
)
