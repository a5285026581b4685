-- The whole text of one counted statement, who runs it and where, how that role finds tables, and whether we may become
-- that role (session_user: SET ROLE asks who has logged in).
SELECT /* opsroom */ json_build_object(
    'statement', (
        SELECT row_to_json(t)
        FROM (
            SELECT
                CASE WHEN octet_length(s.query) <= 100000 THEN s.query END AS query,
                octet_length(s.query) AS bytes,
                r.rolname AS "user", r.rolsuper AS superuser, d.datname AS database,
                'client backend' AS backend,
                (
                    SELECT substr(one, 13)
                    FROM pg_catalog.pg_db_role_setting AS c, unnest(c.setconfig) AS one
                    WHERE c.setdatabase IN (0, s.dbid) AND c.setrole IN (0, s.userid) AND one LIKE 'search\_path=%'
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
            FROM :schema.pg_stat_statements(true) AS s
            LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.userid
            LEFT JOIN pg_catalog.pg_database AS d ON d.oid = s.dbid
            WHERE format('%s/%s/%s', s.queryid, s.userid, s.dbid) = :ids
            ORDER BY position('/* opsroom */' IN s.query)  -- with track = all our PREPARE of it is counted beside it
            LIMIT 1
        ) AS t
    )
)
