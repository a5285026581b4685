"""Loose reading of command lines: every simple command of any text, with what is written where a value belongs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.runbook.shell import LONGEST, leaves, parsed
from desk.runbook.sql import cuts, is_sql, statements

PIECES = [
    "docker compose restart api",
    "rm -rf",
    "kubectl get pods -n <ns>",
    "$X",
    "${Y:-z}",
    "$(ls",
    ")",
    "`",
    "'",
    '"',
    "|",
    "&&",
    "||",
    ";",
    "\n",
    "\\\n",
    "<<EOF",
    "EOF",
    "<(",
    ">",
    ">>",
    "2>&1",
    "<pod-name>",
    "{name}",
    "[x]",
    "é",
    "→",
    "==",
    "if [ -f x ]; then",
    "fi",
    "for i in 1 2; do",
    "done",
    "#",
    "case x in",
    "esac",
    "{",
    "}",
    "(",
    "SELECT 1;",
    "\x00",
]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kill <pid>", [("kill", "<pid>")]),
        ("kubectl logs <name of pod> -n {namespace}", [("kubectl", "logs", "<name of pod>", "-n", "{namespace}")]),
        ("docker logs [service] --tail 5", [("docker", "logs", "[service]", "--tail", "5")]),
        ("docker restart $NAME", [("docker", "restart", "$NAME")]),
        ('echo "$A" ${B}', [("echo", "$A", "${B}")]),
        ("redis-cli GET größe", [("redis-cli", "GET", "größe")]),
        ("find . 2>/dev/null -delete", [("find", ".", "-delete")]),
        ("test_db == x", [("test_db", "==", "x")]),
        ("[[ $a == b ]] && rm x", [("rm", "x")]),
        ("docker rm $(docker ps -aq)", [("docker", "rm", "$(docker ps -aq)"), ("docker", "ps", "-aq")]),
        ("diff <(a b) <(c)", [("diff", "<(a b)", "<(c)"), ("a", "b"), ("c",)]),
        ("if ! a; then b; else c; fi", [("a",), ("b",), ("c",)]),
        ("for i in 1 2; do a $i; done", [("a", "$i")]),
        ("f() { a; }; f", [("a",), ("f",)]),
        ("case $x in a) b ;; esac", [("b",)]),
        ("X=$(a b)", [("a", "b")]),
        ("X=1 a", [("a",)]),
        ("> app.log", [(":",)]),
        ("a --one \\\n  # why\n  --two", [("a", "--one", "--two")]),
        ("a \\   # first\n  --two", [("a", "--two")]),
        ("curl http://h/p?a=1&b=2 -s", [("curl", "http://h/p?a=1&b=2", "-s")]),
        ("curl http://h/p?a=<x>&b=<y>", [("curl", "http://h/p?a=<x>&b=<y>")]),
        ("$ docker ps\n$ docker images", [("docker", "ps"), ("docker", "images")]),
    ],
)
def test_every_simple_command_is_found_with_its_words_as_they_are_written(
    text: str, words: list[tuple[str, ...]]
) -> None:
    assert [one.words for one in leaves(text)] == words


def test_wrappers_are_taken_off_and_named() -> None:
    (one,) = leaves("sudo -u postgres env PGHOST=db timeout -k 5 30 psql shop")
    assert one.words == ("psql", "shop")
    assert one.through == ("sudo", "env", "timeout")
    assert one.environment == {"PGHOST": "db"}


def test_a_pipe_says_what_feeds_it_and_where_it_leads() -> None:
    first, second, third = leaves("cat dump.sql | psql shop | tee out.txt")
    assert first.piped == (("psql", "shop"), ("tee", "out.txt"))
    assert second.fed == ("cat", "dump.sql")
    assert second.piped == (("tee", "out.txt"),)
    assert third.fed == ("psql", "shop")


@pytest.mark.parametrize(
    ("text", "stdin"),
    [
        ("psql <<SQL\nselect 1\nSQL", "select 1\n"),
        ("psql <<< 'select 1'", "select 1"),
        ("echo 'select 1' | psql", "select 1"),
        ("printf '%s' FLUSHALL | psql", "FLUSHALL"),
        ("cat <<EOF | psql\nselect 1\nEOF", "select 1\n"),
        ("cat dump.sql | psql", ""),
    ],
)
def test_what_a_command_is_given_to_read_is_known_where_it_is_written_down(text: str, stdin: str) -> None:
    assert leaves(text)[-1].words == ("psql",)
    assert leaves(text)[-1].stdin == stdin


def test_files_read_and_written_are_told_and_nowhere_is_no_file() -> None:
    (one,) = leaves("psql shop < in.sql > out.txt 2>> err.txt")
    assert (one.reads, one.writes) == ("in.sql", ("out.txt", "err.txt"))
    (one,) = leaves("curl -s http://h/ > /dev/null 2>&1")
    assert (one.reads, one.writes) == ("", ())
    assert parsed("a > x; b >> y").leaves[0].replaces == ("x",)
    assert parsed("a > x; b >> y").leaves[1].replaces == ()


def test_what_a_text_leaves_behind_is_told() -> None:
    found = parsed("A=1; export B=2; cd /srv/app && C=$(cd /tmp; pwd); read -p 'go? ' D")
    assert found.sets == ("A", "B", "C", "D")
    assert found.folder == "/srv/app"
    assert parsed("(cd /tmp && ls)").folder == ""
    assert parsed("X=1 run").sets == ()


def test_a_loop_without_an_end_is_endless() -> None:
    assert parsed("while true; do a; sleep 1; done").endless
    assert not parsed("while true; do a && break; done").endless
    assert not parsed("while read x; do a; done").endless


def test_what_the_grammar_refuses_is_split_by_hand_rather_into_too_many() -> None:
    found = parsed("echo don't && sudo rm -rf /srv")
    assert not found.certain
    assert ("rm", "-rf", "/srv") in [leaf.line.words for leaf in found.leaves]
    assert ("rm", "x") in [one.words for one in leaves("if true; then\n  rm x")]
    assert ("rm", "x") in [one.words for one in leaves("echo $(rm x")]


def test_bare_sql_is_statements() -> None:
    assert [one.sql for one in leaves("-- all\nSELECT ';' FROM t; DROP TABLE t;")] == [
        "SELECT ';' FROM t",
        "DROP TABLE t",
    ]
    assert statements("select $$;$$; select 2") == ["select $$;$$", "select 2"]
    assert cuts("select 1;") == [9]


@pytest.mark.parametrize(
    "text",
    [
        "truncate -s 0 app.log",
        "show me the logs",
        "update-alternatives --list",
        "set -euo pipefail",
        "select x in a b; do echo $x; done",
        "create-cluster start",
        "drop the packet",
        "begin with a backup",
        "analyze-logs x",
        "kill 12; sleep 1",
        "with care",
        "call the owner",
        "use a mirror",
        "copy a b",
        "table of contents",
    ],
)
def test_what_only_begins_like_sql_is_none(text: str) -> None:
    assert not is_sql(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "select count(*) from t",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "VACUUM ANALYZE;",
        "vacuum full t;",
        "UPDATE t SET a = 1",
        "DELETE FROM t",
        "TRUNCATE t;",
        "ALTER SYSTEM SET a = 1",
        "SHOW max_connections;",
        "REINDEX TABLE t",
        "EXPLAIN ANALYZE SELECT 1",
        "SET work_mem = '1GB';",
        "BEGIN;",
        "GRANT ALL ON t TO u",
        "DROP TABLE IF EXISTS t",
        "-- why\nSELECT 1",
        "CREATE INDEX CONCURRENTLY i ON t(a)",
        "UPDATE <table> SET a = 1",
    ],
)
def test_sql_is_seen_as_sql(text: str) -> None:
    assert is_sql(text)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join))
def test_no_mixture_of_pieces_raises(text: str) -> None:
    for one in leaves(text):
        assert one.words or one.sql


@given(st.text(max_size=200))
def test_no_text_raises(text: str) -> None:
    parsed(text)


@given(st.lists(st.sampled_from(PIECES), max_size=8).map(" ".join))
def test_a_command_in_front_is_never_lost(text: str) -> None:
    assert any("zap" in one.words for one in leaves(f"zap --all x\n{text}"))


def test_a_huge_text_and_a_deep_one_are_read_in_time() -> None:
    assert leaves("x " * LONGEST)
    assert isinstance(leaves("(" * 5000), list)
    assert isinstance(leaves("a $(" * 3000), list)


def test_what_is_only_handed_on_to_others_is_not_set() -> None:
    assert parsed("export TOKEN").sets == ()
    assert parsed("export TOKEN=$(cat t) OTHER").sets == ("TOKEN",)


def test_what_a_group_writes_into_a_pipe_is_all_that_its_commands_say() -> None:
    assert leaves("{ echo 'begin;'; echo 'drop table a;'; } | psql")[-1].stdin == "begin;\ndrop table a;"
    assert leaves("while read -r one; do echo rm $one; done < list | sh")[-1].stdin == "rm $one"
    unseen = leaves("(echo 'select 1;'; cat other.sql) | psql")[-1]
    assert (unseen.stdin, unseen.fed) == ("", ("{",))


def test_a_subshell_at_the_start_of_a_substitution_is_no_arithmetic() -> None:
    assert ("rm", "-r", "b") in [one.words for one in leaves('echo "$((cd a && rm -r b))"')]
    assert [one.words for one in leaves("echo $((a + 1))")] == [("echo", "$((a + 1))")]


def test_a_redirect_alone_in_a_substitution_writes_its_file() -> None:
    assert [one.writes for one in leaves("A=$(> app.log)")] == [("app.log",)]


def test_a_blank_that_does_not_break_is_a_blank() -> None:
    assert leaves("docker\N{NO-BREAK SPACE}rm a")[0].words == ("docker", "rm", "a")
