"""PostgreSQL's command lines, both ways, without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.commandline import recognised
from probes.base import CommandLine, Context, Recognised, Request, Target
from probes.postgres.act import PostgresActuator
from probes.postgres.address import PostgresSettings, place_in
from probes.postgres.commands import pid_of
from probes.postgres.guard import moment
from tests.probes.acting import comes_back


class NoSecrets:
    """Has none, and is asked for none."""

    def resolve(self, reference: str) -> str:
        raise AssertionError("a command line asks for no secret")


def actuator(**settings: Any) -> PostgresActuator:
    given_ = {"url": "postgresql://app@db1:5433/shop"} | settings
    return PostgresActuator(Target("main", "postgres", PostgresSettings(**given_)), Context(NoSecrets()))


START = "2026-03-01 03:02:11.48+00"
PID = Request("terminate", ("18422",))
SESSION = Request("terminate", (f"18422 {START}",))
QUERY = Request("cancel", ("18422",))


def meant(text: str, **settings: Any) -> Recognised | None:
    return recognised(text, actuator(**settings))


# both ways

moments = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9998, 12, 31))


def _subject(pid: int, at: datetime | None) -> str:
    if at is None:
        return str(pid)
    return f"{pid} {moment(at.replace(tzinfo=UTC).isoformat(' '))}"


subjects = st.builds(_subject, st.integers(1, 2**31 - 1), st.none() | moments)


@given(st.sampled_from(["cancel", "terminate"]), st.lists(subjects, min_size=1, max_size=5, unique=True))
def test_every_request_comes_back_from_its_own_line(action: str, named: list[str]) -> None:
    assert comes_back(actuator(), Request(action, tuple(named)))


def test_the_line_says_when_the_session_began() -> None:
    assert actuator().render(SESSION) == (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE pid = 18422 AND backend_start = '{START}';"
    )  # fmt: skip
    assert (
        actuator().render(Request("cancel", ("1", "2"))) == "SELECT pg_cancel_backend(1);\nSELECT pg_cancel_backend(2);"
    )


@given(moments, st.integers(-14 * 4, 14 * 4))
def test_a_moment_is_the_same_in_every_zone(at: datetime, quarters: int) -> None:
    here = at.replace(tzinfo=UTC)
    try:
        there = here.astimezone(datetime.now(UTC).astimezone().tzinfo).astimezone(_zone(quarters))
    except OverflowError:
        return
    assert moment(there.isoformat(" ")) == moment(here.isoformat("T")) == moment(str(moment(here.isoformat(" "))))


def _zone(quarters: int) -> Any:
    from datetime import timezone

    return timezone(timedelta(minutes=15 * quarters))


@pytest.mark.parametrize(
    "text",
    [
        "", "infinity", "2026-03-01", "2026-03-01 03:02:11", "2026-13-01 03:02:11+00", "2026-03-01 03:02:11+00'; DROP",
        "٢٠٢٦-03-01 03:02:11+00", "0044-03-15 00:00:00+00 BC", "2026-03-01 03:02:11.1234567+00",
        "0001-01-01 00:00:00+14",
    ],
)  # fmt: skip
def test_what_is_no_moment_for_certain_is_none(text: str) -> None:
    assert moment(text) is None


# the spellings people write

WHERE = "FROM pg_stat_activity WHERE pid = 18422"
SPELLINGS = {
    "SELECT pg_terminate_backend(18422)": PID,
    "select PG_TERMINATE_BACKEND ( 18422 ) ;": PID,
    "SELECT pg_catalog.pg_terminate_backend(18422);": PID,
    "SELECT pg_terminate_backend('18422')": PID,
    "SELECT pg_terminate_backend(18422::int)": PID,
    "SELECT pg_terminate_backend(18422, 5000)": PID,
    "SELECT pg_terminate_backend(18422, timeout => 5000)": PID,
    "SELECT pg_terminate_backend(18422) AS ended": PID,
    "SELECT pg_terminate_backend(18422) ended": PID,
    "SELECT * FROM pg_terminate_backend(18422)": PID,
    "SELECT pg_terminate_backend(18422) -- the report": PID,
    "SELECT /* the report */ pg_terminate_backend(18422)": PID,
    f"SELECT pg_terminate_backend(pid) {WHERE}": PID,
    f"SELECT pid, usename, pg_terminate_backend(pid), query {WHERE}": PID,
    f"SELECT pg_terminate_backend(18422) {WHERE}": PID,
    "SELECT pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity AS a WHERE a.pid = 18422": PID,
    "SELECT pg_terminate_backend(pg_stat_activity.pid) FROM pg_stat_activity WHERE pg_stat_activity.pid = 18422": PID,
    f"SELECT pg_terminate_backend(pid) {WHERE} AND pid <> pg_backend_pid()": PID,
    f"SELECT pg_terminate_backend(pid) {WHERE} AND backend_type = 'client backend' AND pid != pg_backend_pid()": PID,
    f"SELECT pg_terminate_backend(pid) {WHERE} AND backend_start = '{START}'": SESSION,
    f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_start = '{START}' AND pid = 18422": SESSION,
    f"SELECT pg_terminate_backend(pid) {WHERE} AND backend_start = '2026-03-01 04:02:11.480+01'::timestamptz": SESSION,
    f"SELECT pg_terminate_backend(pid) {WHERE} AND backend_start = timestamptz '2026-03-01T03:02:11.48Z'": SESSION,
    f"SELECT pg_terminate_backend(pid) {WHERE} AND backend_start = TIMESTAMP WITH TIME ZONE '{START}'": SESSION,
    "SELECT pg_cancel_backend(18422)": QUERY,
    f"select pg_cancel_backend(pid) as x {WHERE}": QUERY,
    "SELECT pg_cancel_backend(1), pg_cancel_backend(2)": Request("cancel", ("1", "2")),
    "SELECT pg_cancel_backend(1); SELECT pg_cancel_backend(2);": Request("cancel", ("1", "2")),
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid IN (1, 2, 1)": Request("cancel", ("1", "2")),
    'psql -c "SELECT pg_terminate_backend(18422)"': PID,
    "sudo -u postgres psql -c 'SELECT pg_terminate_backend(18422);'": PID,
    "$ psql -XAtc 'SELECT pg_terminate_backend(18422)'": PID,
    "psql -X -A -t -q -w --command='SELECT pg_terminate_backend(18422)'": PID,
    "/usr/bin/psql -h db1 -p 5433 -U app -d shop -c 'SELECT pg_terminate_backend(18422)'": PID,
    "psql -hdb1 -p5433 -Uapp shop -c 'SELECT pg_terminate_backend(18422)'": PID,
    "psql shop app -c 'SELECT pg_terminate_backend(18422)'": PID,
    "psql --host=db1 --port 5433 -c 'SELECT pg_terminate_backend(18422)'": PID,
    "psql postgresql://app@db1:5433/shop -c 'SELECT pg_terminate_backend(18422)'": PID,
    "psql 'host=db1 port=5433 dbname=shop user=app' -c 'SELECT pg_terminate_backend(18422)'": PID,
    "psql -d postgres://db1:5433/shop?sslmode=require -c 'SELECT pg_terminate_backend(18422)'": PID,
    "PGHOST=db1 PGPORT=5433 PGPASSWORD=x psql -c 'SELECT pg_terminate_backend(18422)'": PID,
    "env PGDATABASE=shop psql -v ON_ERROR_STOP=1 -c 'SELECT pg_terminate_backend(18422)'": PID,
    "psql -c 'SELECT pg_terminate_backend(18422)' | grep t": PID,
    "psql -c 'SELECT pg_cancel_backend(1)' -c 'SELECT pg_cancel_backend(2)'": Request("cancel", ("1", "2")),
    "psql <<'SQL'\nSELECT pg_terminate_backend(18422);\nSQL": PID,
    "psql -f - <<< 'SELECT pg_terminate_backend(18422)'": PID,
    'echo "SELECT pg_terminate_backend(18422)" | psql -q': PID,
}


@pytest.mark.parametrize("text", SPELLINGS)
def test_the_spellings_people_write_are_understood(text: str) -> None:
    found = meant(text)
    assert found is not None
    assert found.request == SPELLINGS[text]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle'",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'shop' AND pid <> pg_backend_pid()",
        f"SELECT pg_terminate_backend(pid) {WHERE} AND state = 'idle'",
        f"SELECT pg_terminate_backend(pid) {WHERE} OR true",
        f"SELECT pg_terminate_backend(pid) {WHERE} OR state = 'idle'",
        f"SELECT pg_terminate_backend(pid) {WHERE} AND pid = 2",
        f"SELECT pg_terminate_backend(2) {WHERE}",
        f"SELECT pg_terminate_backend(pid) {WHERE} AND backend_start = '2026-03-01 03:02:11'",
        f"SELECT pg_terminate_backend(pid) {WHERE} AND backend_start > '{START}'",
        f"SELECT pg_terminate_backend(pid) {WHERE} AND backend_type = 'walsender'",
        f"SELECT pg_terminate_backend(pid) {WHERE} LIMIT 1",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid IN (1, 2) AND backend_start = '{START}'",
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE pid = 18422",
        "SELECT pg_terminate_backend(b.pid) FROM pg_stat_activity AS a WHERE a.pid = 18422",
        "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'x'",
        "SELECT pg_terminate_backend(pid)",
        "SELECT pg_terminate_backend(18422 + 1)",
        "SELECT pg_terminate_backend(-1)",
        "SELECT pg_terminate_backend(0)",
        "SELECT pg_terminate_backend(4294967296)",
        "SELECT pg_terminate_backend(1.5)",
        "SELECT pg_terminate_backend(1e3)",
        "SELECT pg_terminate_backend(18422) AND true",
        "SELECT pg_terminate_backend(18422), pg_cancel_backend(2)",
        "SELECT pg_terminate_backend(18422); SELECT pg_cancel_backend(2)",
        "SELECT pg_terminate_backend(18422); SELECT 1",
        "SELECT pg_terminate_backend(18422); DROP TABLE campaigns",
        "SELECT other.pg_terminate_backend(18422)",
        "SELECT pg_terminate_backend(E'18422')",
        "SELECT pg_cancel_backend(18422, 5000)",
        "SELECT pg_reload_conf()",
        "SELECT 'pg_terminate_backend(18422)'",
        "psql",
        "psql -f kill.sql",
        "psql -h db2 -c 'SELECT pg_terminate_backend(18422)'",
        "psql -h db1 -c 'SELECT pg_terminate_backend(18422)'",
        "psql -p 5432 -c 'SELECT pg_terminate_backend(18422)'",
        "psql -U root -c 'SELECT pg_terminate_backend(18422)'",
        "psql -d other -c 'SELECT pg_terminate_backend(18422)'",
        "psql other -c 'SELECT pg_terminate_backend(18422)'",
        "psql postgresql://app@db2:5433/shop -c 'SELECT pg_terminate_backend(18422)'",
        "psql postgresql://app@db1/shop -c 'SELECT pg_terminate_backend(18422)'",
        "psql service=shop -c 'SELECT pg_terminate_backend(18422)'",
        "psql 'host=db1,db2 port=5433' -c 'SELECT pg_terminate_backend(18422)'",
        "psql 'host=db1 port=5433 hostaddr=10.0.0.9' -c 'SELECT pg_terminate_backend(18422)'",
        "PGHOST=db2 psql -c 'SELECT pg_terminate_backend(18422)'",
        "PGSERVICE=shop psql -c 'SELECT pg_terminate_backend(18422)'",
        "PGOPTIONS='-c role=root' psql -c 'SELECT pg_terminate_backend(18422)'",
        "psql --frobnicate -c 'SELECT pg_terminate_backend(18422)'",
        "psql -o /tmp/x -c 'SELECT pg_terminate_backend(18422)'",
        "psql -v pid=1 -c 'SELECT pg_terminate_backend(:pid)'",
        "psql -c 'SELECT pg_terminate_backend(18422)' -f more.sql",
        "psql a b c -c 'SELECT pg_terminate_backend(18422)'",
        "psql -c",
        "psql -c 'SELECT pg_terminate_backend(18422)' | xargs kill",
        "psql -c 'SELECT pg_terminate_backend(18422) \\watch'",
        "psql -c 'SELECT pg_cancel_backend(1)' <<< 'SELECT pg_cancel_backend(2)'",
        "echo 'SELECT pg_terminate_backend(18422)'",
        "echo 'SELECT pg_terminate_backend(18422)' | psql -h db2",
        "docker exec db psql -c 'SELECT pg_terminate_backend(18422)'",
        "kill 18422",
        "",
    ],
)  # fmt: skip
def test_what_is_not_certain_or_of_another_place_is_not_ours(text: str) -> None:
    assert meant(text) is None


def test_a_bare_pid_is_told_about_and_a_session_is_not() -> None:
    bare, whole = meant("SELECT pg_terminate_backend(18422)"), meant(actuator().render(SESSION))
    assert bare is not None
    assert whole is not None
    assert bare.warning.startswith("A pid alone may belong to another session by the time it runs")
    assert whole.warning == ""


@pytest.mark.parametrize(
    ("text", "settings", "ours"),
    [
        ("psql -h db1 -U act -p 5433 -d shop -c {}", {"act_url": "postgresql://act@db1:5433/shop"}, True),
        ("psql -h db1 -U app -p 5433 -d shop -c {}", {"act_url": "postgresql://act@db1:5433/shop"}, True),
        ("psql -h db1 -c {}", {"url": "postgresql://app@db1/shop"}, True),
        ("psql -h 127.0.0.1 -c {}", {"url": "postgresql://app@localhost/shop"}, True),
        ("psql -h localhost -p 5432 -c {}", {"url": "postgresql://app@[::1]/shop"}, True),
        ("psql -h localhost -c {}", {"url": "postgresql://app@db1/shop"}, False),
        ("psql -h db1 -c {}", {"url": "env:DATABASE_URL"}, False),
        ("psql -c {}", {"url": "env:DATABASE_URL"}, True),
        ("psql -h /tmp -c {}", {"url": "postgresql:///shop?host=/tmp"}, True),
    ],
)  # fmt: skip
def test_a_place_on_the_line_must_be_one_of_the_profile_s(text: str, settings: dict[str, Any], ours: bool) -> None:
    found = meant(text.format("'SELECT pg_terminate_backend(18422)'"), **settings)
    assert (found is not None) is ours


@given(st.text())
def test_no_text_is_an_accident(text: str) -> None:
    for shape in (
        "{}",
        "SELECT pg_terminate_backend({})",
        "SELECT pg_terminate_backend(pid) {}",
        f"SELECT {WHERE}{{}}",
    ):
        statement = shape.replace("{}", text)
        for line in (
            CommandLine(sql=statement),
            CommandLine(words=("psql", "-c", statement)),
            CommandLine(words=("psql", text, "-c", "SELECT pg_cancel_backend(1)"), environment={"PGHOST": text}),
            CommandLine(words=("psql",), stdin=statement),
        ):
            found = actuator().recognise(line)
            assert found is None or all(pid_of(subject) for subject in found.request.subjects)
    pid_of(text)
    place_in(text)


def test_what_a_place_holds_is_never_a_password() -> None:
    assert place_in("postgresql://app:hunter2@db/x") == {"host": "db", "dbname": "x", "user": "app"}
    assert place_in("host=db password=hunter2") == {"host": "db"}
    assert place_in("host='db") is None


# chosen by what they do


@given(st.sampled_from(["cancel", "terminate"]), st.sampled_from(["active", "idle", "idle in transaction"]),
       st.integers(1, 999_999))  # fmt: skip
def test_sessions_chosen_by_what_they_do_come_back_from_their_own_line(action: str, state: str, seconds: int) -> None:
    assert comes_back(actuator(), Request(action, (), None, f"{state} for {seconds} s"))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle' "
         "AND state_change < NOW() - INTERVAL '15 minutes';", "idle for 900 s"),
        ("SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE state='active' "
         "AND now() - query_start > interval '5 minutes' AND pid <> pg_backend_pid()", "active for 300 s"),
        ("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'shop' and "
         "state = 'idle in transaction' and state_change < current_timestamp - '1 hour'::interval",
         "idle in transaction for 3600 s"),
    ],
)  # fmt: skip
def test_a_line_that_ends_whoever_it_finds_becomes_a_list_to_look_at(text: str, word: str) -> None:
    found = meant(text)
    assert found is not None
    assert found.request == Request("terminate", (), None, word)
    assert "each is signalled by its identity" in found.warning


@pytest.mark.parametrize(
    "where",
    ["state = 'idle'", "state = 'disabled' AND state_change < now() - interval '1 min'", "usename = 'app'",
     "state = 'idle' OR state_change < now() - interval '1 min'", "state_change < now() - interval '1 min'",
     "state = 'idle' AND state_change < now() - interval '1 min' AND usename = 'app'"],
)  # fmt: skip
def test_a_choice_that_we_would_make_differently_is_not_recognised(where: str) -> None:
    assert meant(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {where}") is None
