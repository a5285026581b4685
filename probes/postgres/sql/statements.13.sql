-- Counters of every statement, without the texts, which would have to be read from a file.
SELECT /* opsroom */ json_build_object(
    'since', NULL::text,
    'rows', (
        SELECT json_agg(json_build_array(s.queryid, s.userid, s.dbid, s.calls, s.seconds, s.rows))
        FROM (
            SELECT
                queryid::text AS queryid, userid::int8 AS userid, dbid::int8 AS dbid,
                sum(calls) AS calls, sum(total_exec_time) / 1000 AS seconds, sum(rows) AS rows
            FROM :schema.pg_stat_statements(false)
            WHERE queryid IS NOT NULL
            GROUP BY queryid, userid, dbid
            ORDER BY sum(total_exec_time) DESC
            LIMIT 5000
        ) AS s
    )
)
