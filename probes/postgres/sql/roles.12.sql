-- Who may come in and what else they may: roles but those the server brings along. No password, not even whether there is one.
SELECT /* opsroom */ json_build_object(
    'roles', (
        SELECT json_agg(r)
        FROM (
            SELECT
                o.rolname AS name,
                o.rolsuper AS superuser,
                o.rolcreaterole AS makes_roles,
                o.rolcreatedb AS makes_databases,
                o.rolreplication AS replicates,
                o.rolbypassrls AS sees_all_rows,
                o.rolcanlogin AS login,
                CASE WHEN isfinite(o.rolvaliduntil)
                    THEN to_char(o.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') END AS until,
                o.rolvaliduntil < now() AS expired,
                (
                    SELECT json_agg(g.rolname ORDER BY g.rolname)
                    FROM pg_catalog.pg_auth_members AS m
                    JOIN pg_catalog.pg_roles AS g ON g.oid = m.roleid
                    WHERE m.member = o.oid
                ) AS groups,
                (SELECT count(*) FROM pg_catalog.pg_class AS c WHERE c.relowner = o.oid AND c.relkind IN ('r', 'p')) AS tables,
                (SELECT count(*) FROM pg_catalog.pg_stat_activity AS a WHERE a.usesysid = o.oid) AS sessions
            FROM pg_catalog.pg_roles AS o
            WHERE o.rolname !~ '^pg_'
            ORDER BY o.rolsuper DESC, o.rolcanlogin DESC, o.rolname
            LIMIT 1000
        ) AS r
    )
)
