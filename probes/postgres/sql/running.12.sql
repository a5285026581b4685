-- What one session runs, or ran last, who runs it and where, how that role finds tables, and whether we may become
-- that role (session_user: SET ROLE asks who has logged in).
SELECT /* opsroom */ json_build_object(
    'statement', (
        SELECT row_to_json(t)
        FROM (
            SELECT
                CASE WHEN octet_length(s.query) <= 100000 THEN s.query END AS query,
                octet_length(s.query) AS bytes,
                (
                    SELECT setting::int FROM pg_catalog.pg_settings WHERE name = 'track_activity_query_size'
                ) AS room,
                s.usename AS "user", r.rolsuper AS superuser, s.datname AS database,
                s.backend_type AS backend, s.state,
                (
                    SELECT substr(one, 13)
                    FROM pg_catalog.pg_db_role_setting AS c, unnest(c.setconfig) AS one
                    WHERE c.setdatabase IN (0, s.datid) AND c.setrole IN (0, s.usesysid) AND one LIKE 'search\_path=%'
                    ORDER BY c.setrole <> 0 DESC, c.setdatabase <> 0 DESC
                    LIMIT 1
                ) AS path,
                session_user AS login,
                (
                    SELECT bool_or(o.rolsuper)
                    FROM pg_catalog.pg_roles AS o
                    WHERE o.rolname IN (session_user, current_user)
                ) AS powerful,
                pg_has_role(
                    session_user, r.oid,
                    CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END
                ) AS member
            FROM pg_catalog.pg_stat_activity AS s
            LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.usesysid
            WHERE format('%s %s', s.pid, s.backend_start) = :ids
        ) AS t
    )
)
