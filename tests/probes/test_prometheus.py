"""A Prometheus server: real ones that scrape what the test exposes, and answers no healthy server would give."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from desk.alert import Alert
from desk.board import Board
from desk.clock import SystemClock
from desk.profile import parse as parse_profile
from desk.rules import RuleBook
from probes.base import Cause, Context, ProbeError, SafeText, Severity, Snapshot, Target
from probes.prometheus.answers import MOST_POINTS, ExpressionTile
from probes.prometheus.facts import Host, PrometheusFacts
from probes.prometheus.fleet import MOST_HOSTS, Fleet, good_matchers, jobs_question, questions
from probes.prometheus.gauges import measured
from probes.prometheus.probe import PrometheusProbe, PrometheusSettings
from probes.prometheus.tiles import Tile
from probes.prometheus.watch import alerts_of, troubled_of
from tests.probes.exposing import Answer, Application, application
from tests.probes.rigs import CANARY, TestSecrets
from tests.stack import prometheus as stack
from tui.kinds import Kinds
from tui.places import Places
from tui.secrets import Secrets
from tui.wiring import build


def make(url: str, *tiles: dict[str, Any], **more: Any) -> PrometheusProbe:
    settings = PrometheusSettings.model_validate({"url": url, "tile": list(tiles), "every": 1, **more})
    return PrometheusProbe(Target("main", "prometheus", settings), Context(TestSecrets()))


@asynccontextmanager
async def probing(url: str, *tiles: dict[str, Any], **more: Any) -> AsyncIterator[PrometheusProbe]:
    made = make(url, *tiles, **more)
    try:
        yield made
    finally:
        await made.close()


async def until(
    made: PrometheusProbe, true: Callable[[PrometheusFacts], bool], within: float = 40
) -> Snapshot[PrometheusFacts]:
    """The first reading of which this is true."""
    deadline = time.monotonic() + within
    while True:
        found = await made.read()
        if true(found.facts):
            return found
        assert time.monotonic() < deadline, found.facts
        await asyncio.sleep(0.1)


def tile(facts: PrometheusFacts, name: str) -> Tile:
    return next(one for one in facts.tiles if one.name == name)


class Rules:
    """The rules of one probe, fed with its readings."""

    def __init__(self, made: PrometheusProbe) -> None:
        self.made = made
        self.clock = SystemClock()
        self.board = Board([made.target], self.clock)
        self.book = RuleBook("main", made.rules, made.gauges)

    def judge(self, found: Snapshot[PrometheusFacts]) -> tuple[Alert, ...]:
        return self.book.judge(self.board.take(found), self.clock.monotonic(), self.clock.now())


# real servers


@pytest.fixture
def shop(
    node_exporter: stack.NodeExporter, new_prometheus: Callable[..., stack.Prometheus]
) -> Iterator[tuple[stack.NodeExporter, stack.Prometheus]]:
    """A server that scrapes what the test exposes."""
    node_exporter.expose(
        "shop", 'shop_users 41\nshop_requests_total{code="200"} 5\nshop_requests_total{code="500"} 1\n'
    )
    yield node_exporter, new_prometheus(jobs={"node": [node_exporter.address], "dead": ["127.0.0.1:1"]})
    node_exporter.expose("shop", "")


@pytest.mark.engine
async def test_tiles_hold_what_the_server_says_or_why_it_says_nothing(
    shop: tuple[stack.NodeExporter, stack.Prometheus],
) -> None:
    _, server = shop
    tiles = [
        {"name": "users", "expr": "shop_users"},
        {"name": "twice", "expr": "2 * sum(shop_users)"},
        {"name": "codes", "expr": "sum by (code) (shop_requests_total)", "by": "code"},
        {"name": "absent", "expr": "no_such_metric"},
        {"name": "share", "expr": "vector(0) / 0"},
        {"name": "endless", "expr": "vector(1) / 0"},
        {"name": "many", "expr": "shop_requests_total"},
        {"name": "wrong", "expr": "sum("},
        {"name": "matrix", "expr": "shop_users[5m]"},
        {"name": "constant", "expr": "42"},
    ]
    async with probing(server.url, *tiles) as made:
        found = await until(made, lambda facts: tile(facts, "users").value is not None)
    facts = found.facts
    assert tile(facts, "users").value == 41
    assert tile(facts, "users").exact_age
    assert 0 <= (tile(facts, "users").age or 0) < 5
    assert tile(facts, "twice").value == 82
    assert [(str(row.of), row.value) for row in tile(facts, "codes").rows] == [("200", 5), ("500", 1)]
    assert tile(facts, "constant").value == 42
    said = {one.name: str(one.why) for one in facts.tiles if one.why}
    assert said.pop("wrong").startswith("the expression is refused: ")
    assert said == {
        "absent": "no data",
        "share": "is NaN",
        "endless": "is +Inf",
        "many": "2 series, one expected",
        "matrix": "gives a matrix, not a number",
    }
    assert all(found.gauge("value", tile=name) is None for name in said)
    assert found.gauge("value", tile="codes", of="500") == 1


@pytest.mark.engine
async def test_the_server_tells_what_is_wrong_with_its_targets_alerts_and_rules(prometheus: stack.Prometheus) -> None:
    def told(facts: PrometheusFacts) -> bool:
        down = any(alert.firing and str(alert.name) == "TargetDown" for alert in facts.alerts)
        return down and bool(facts.rule_troubles)

    async with probing(prometheus.url) as made:
        made._kept.clear()
        deadline = time.monotonic() + 40
        while not told((found := await made.read()).facts):
            made._kept.pop("rules", None)
            assert time.monotonic() < deadline, found.facts
            await asyncio.sleep(0.1)
        facts = found.facts
        book = Rules(made)
        book.judge(found)
        words = [alert.words for alert in book.judge(await made.read())]
        raised = [str(one.words) for one in made.raised(facts)]
    down = next(one for one in facts.troubled if str(one.job) == "dead")
    assert str(down.error).endswith("connection refused")
    assert not str(down.error).startswith("Get")
    firing = next(alert for alert in facts.alerts if str(alert.name) == "TargetDown")
    assert (firing.firing, firing.severity) == (True, Severity.CRITICAL)
    assert str(firing.summary) == "dead is down"
    pending = [alert for alert in facts.alerts if not alert.firing]
    assert {str(alert.name) for alert in pending} == {"StillWaiting"}
    assert [str(rule.name) for rule in facts.rule_troubles] == ["Unreadable"]
    assert facts.rules == len(stack.RULES)
    assert str(facts.server.version).startswith("2.")
    assert facts.server.config_ok is True
    assert facts.skew is not None
    assert abs(facts.skew) < 2
    assert raised == ["TargetDown: dead is down"]
    assert not any("TargetDown" in one for one in words)
    assert any("can't be scraped: its numbers are missing" in one for one in words)
    assert any(one.startswith("rule Unreadable of group test can't be evaluated") for one in words)


@pytest.mark.engine
async def test_what_costs_the_server_much_is_asked_only_while_somebody_looks(prometheus: stack.Prometheus) -> None:
    async with probing(prometheus.url) as made:
        assert (await made.read()).facts.server.series is None
        made.watched = True
        server = (await made.read()).facts.server
        assert server.series is not None
        assert server.series > 100
        assert server.top_metrics


@pytest.mark.engine
async def test_who_opens_the_room_late_need_not_wait_for_what_has_lasted(
    shop: tuple[stack.NodeExporter, stack.Prometheus],
) -> None:
    exporter, server = shop
    limited = {"name": "users", "title": "Users", "expr": "shop_users", "critical": 100, "for": 4, "range": 0}
    async with probing(server.url, limited) as made:
        await until(made, lambda facts: tile(facts, "users").value == 41)
        assert Rules(made).judge(await made.read()) == ()
    exporter.expose("shop", "shop_users 140\n")
    deadline = time.monotonic() + 30
    while server.value("min_over_time(shop_users[8s]) > 100 and count_over_time(shop_users[8s]) >= 8") is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)
    async with probing(server.url, limited) as late:
        (alert,) = [one for one in Rules(late).judge(await late.read()) if one.rule.startswith("users")]
    assert alert.words.startswith("Users is 140, above 100 for ")
    assert alert.severity is Severity.CRITICAL


@pytest.mark.engine
async def test_a_chart_holds_the_servers_memory_with_its_gaps(
    shop: tuple[stack.NodeExporter, stack.Prometheus],
) -> None:
    _, server = shop
    deadline = time.monotonic() + 40
    while (server.value("count_over_time(shop_users[1m])") or 0) < 4:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)
    async with probing(server.url, {"name": "users", "expr": "shop_users", "range": 60}) as made:
        chart = tile((await made.read()).facts, "users").chart
    assert chart is not None
    assert len(chart.points) == 61
    assert chart.points[0] is None, "a minute ago there was no server yet"
    assert 41 in chart.points
    assert 0 not in chart.points


@pytest.mark.engine
async def test_a_limit_in_a_profile_raises_an_alert_in_the_room(
    shop: tuple[stack.NodeExporter, stack.Prometheus], tmp_path: Path
) -> None:
    _, server = shop
    text = f"""
system = "shop"
[prometheus.main]
url = "{server.url}"
every = 0.5
[[prometheus.main.tile]]
name = "users"
title = "Users {{now}}"
expr = "shop_users"
warning = 40
"""
    profile = parse_profile(text, Kinds())
    engine = build(profile, Kinds(), Secrets({}), Places(tmp_path, tmp_path, tmp_path))
    engine.start()
    try:
        deadline = time.monotonic() + 40
        while not [alert for alert in engine.alerts() if alert.rule == "users-warning"]:
            assert time.monotonic() < deadline, engine.alerts()
            await asyncio.sleep(0.1)
        (alert,) = [alert for alert in engine.alerts() if alert.rule == "users-warning"]
        assert alert.words == "Users {now} is 41, limit 40"
    finally:
        await engine.close()


@pytest.mark.engine
async def test_a_real_host_of_the_fleet_has_its_figures(shop: tuple[stack.NodeExporter, stack.Prometheus]) -> None:
    exporter, server = shop
    async with probing(server.url, fleet='job="node"', window=4) as made:
        found = await until(made, lambda facts: bool(facts.hosts) and facts.hosts[0].cpu is not None)
    (host,) = found.facts.hosts
    assert str(host.instance) == exporter.address
    assert host.up is True
    for share in (host.cpu, host.memory, host.disk):
        assert share is not None
        assert 0 <= share <= 1
    assert str(host.mount).startswith("/")
    assert host.load is not None
    assert host.received is not None
    assert host.booted is not None
    assert host.booted > 60
    assert not [gap for gap in found.gaps if gap.part != "jobs of node exporters"]


def exposed(number: int) -> str:
    """One of five hundred hosts: 7 has a full disk, 8 little memory left."""
    used = 0.95 if number == 7 else 0.3
    free = 0.02 if number == 8 else 0.6
    return f"""node_uname_info{{nodename="h{number}"}} 1
node_load1 0.5
node_time_seconds {time.time()}
node_cpu_seconds_total{{cpu="0",mode="idle"}} {time.time() * 0.75}
node_cpu_seconds_total{{cpu="0",mode="user"}} {time.time() * 0.25}
node_memory_MemTotal_bytes 100
node_memory_MemAvailable_bytes {free * 100}
node_filesystem_size_bytes{{mountpoint="/",fstype="ext4",device="/dev/a"}} 1000
node_filesystem_avail_bytes{{mountpoint="/",fstype="ext4",device="/dev/a"}} 900
node_filesystem_size_bytes{{mountpoint="/data",fstype="ext4",device="/dev/b"}} 1000
node_filesystem_avail_bytes{{mountpoint="/data",fstype="ext4",device="/dev/b"}} {1000 - used * 1000}
node_filesystem_size_bytes{{mountpoint="/run",fstype="tmpfs",device="tmpfs"}} 10
node_filesystem_avail_bytes{{mountpoint="/run",fstype="tmpfs",device="tmpfs"}} 0
node_network_receive_bytes_total{{device="eth0"}} {time.time() * 1000}
node_network_transmit_bytes_total{{device="eth0"}} {time.time() * 500}
node_boot_time_seconds {time.time() - 3600}
"""


@pytest.mark.engine
async def test_five_hundred_hosts_cost_no_more_questions_than_one(
    new_prometheus: Callable[..., stack.Prometheus],
) -> None:
    with application() as hosts:

        def answer(path: str) -> Answer:
            number = int(parse_qs(urlsplit(path).query)["host"][0])
            return Answer("no", 500) if number == 13 else Answer(exposed(number))

        hosts.answers = answer
        relabel = [
            {"source_labels": ["__address__"], "target_label": "__param_host"},
            {
                "source_labels": ["__address__"],
                "regex": "(.*)",
                "target_label": "instance",
                "replacement": "h${1}:9100",
            },
            {"target_label": "__address__", "replacement": f"127.0.0.1:{hosts.port}"},
        ]
        scrape = {
            "job_name": "fleet",
            "scrape_interval": "4s",
            "scrape_timeout": "4s",
            "static_configs": [{"targets": [str(number) for number in range(500)]}],
            "relabel_configs": relabel,
        }
        server = new_prometheus(scrape=[scrape])
        async with probing(server.url, fleet=True, window=20) as made:
            found = await until(made, lambda facts: sum(host.cpu is not None for host in facts.hosts) == 499, within=60)
            began = time.monotonic()
            found = await made.read()
            took = time.monotonic() - began
            book = Rules(made)
            book.judge(found)
            alerts = book.judge(await made.read())
    facts = found.facts
    assert len(facts.hosts) == 500
    assert facts.hosts_down == 1
    assert [str(host.instance) for host in facts.hosts[:3]] == ["h13:9100", "h8:9100", "h7:9100"]
    sick = {str(host.instance): host for host in facts.hosts}
    assert sick["h7:9100"].disk == pytest.approx(0.95)
    assert str(sick["h7:9100"].mount) == "/data"
    assert sick["h8:9100"].memory == pytest.approx(0.98)
    assert sick["h100:9100"].cpu == pytest.approx(0.25, abs=0.1)
    assert sick["h100:9100"].received == pytest.approx(1000, rel=0.2)
    words = [alert.words for alert in alerts]
    assert "h13:9100 is down: its node exporter can't be scraped" in words
    assert "h7:9100 has /data 95 % full" in words
    assert len(found.gauges) < 1000, "history has room for a thousand gauges of a target"
    assert took < 15


@pytest.mark.engine
async def test_a_host_that_is_down_or_no_longer_scraped_is_said_as_that_with_its_age_and_no_old_figures(
    new_prometheus: Callable[..., stack.Prometheus], tmp_path: Path
) -> None:
    places, dead = tmp_path / "hosts.json", set[str]()

    def put(*hosts: str) -> None:
        made = tmp_path / "new.json"
        made.write_text(json.dumps([{"targets": hosts}]))
        made.replace(places)

    def answer(path: str) -> Answer:
        host = parse_qs(urlsplit(path).query)["host"][0]
        return Answer("no", 500) if host in dead else Answer(exposed(1))

    with application() as hosts:
        hosts.answers = answer
        put("web", "db", "old")
        scrape = {
            "job_name": "fleet",
            "scrape_interval": "1s",
            "file_sd_configs": [{"files": [str(places)], "refresh_interval": "1s"}],
            "relabel_configs": [
                {"source_labels": ["__address__"], "target_label": "__param_host"},
                {"source_labels": ["__address__"], "target_label": "instance"},
                {"target_label": "__address__", "replacement": f"127.0.0.1:{hosts.port}"},
            ],
        }
        server = new_prometheus(scrape=[scrape])
        async with probing(server.url, fleet=True, window=10) as made:
            found = await until(
                made, lambda facts: len(facts.hosts) == 3 and all(host.cpu is not None for host in facts.hosts), 60
            )
            assert all(host.up and host.heard is not None and host.heard < 60 for host in found.facts.hosts)
            dead.add("db")
            put("web", "db")
            found = await until(made, lambda facts: (facts.hosts_down, facts.hosts_silent) == (1, 1), 60)
            said = measured(found.facts).values
    by_name = {str(host.instance): host for host in found.facts.hosts}
    assert [str(host.instance) for host in found.facts.hosts] == ["db", "old", "web"]
    for name in ("db", "old"):
        host = by_name[name]
        assert (host.cpu, host.memory, host.disk, host.load, host.received) == (None,) * 5
        assert host.heard is not None
        assert host.heard > 0
    assert by_name["web"].memory is not None
    counted = {key.name: value for key, value in said.items() if not key.labels}
    assert (counted["hosts"], counted["hosts_down"], counted["hosts_silent"]) == (3, 1, 1)


# answers of no healthy server


def success(result: Any, kind: str = "vector", **more: Any) -> str:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more})


def sample(value: str, **labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": [time.time(), value]}


class Fake:
    """A server whose answers the test decides; well unless told otherwise."""

    def __init__(self) -> None:
        self.by_expression: dict[str, Answer] = {}
        self.by_path: dict[str, Answer] = {}
        self.skew = 0.0

    def answer(self, path: str) -> Answer:
        parts = urlsplit(path)
        asked = parse_qs(parts.query).get("query", [""])[0]
        name = parts.path.removeprefix("/api/v1/")
        if name in self.by_path:
            return self.by_path[name]
        if asked in self.by_expression and name == "query":
            return self.by_expression[asked]
        if asked == "time()":
            now = time.time() + self.skew
            return Answer(success([now, str(now)], "scalar"))
        if name == "query_range":
            return Answer(success([], "matrix"))
        if name == "query":
            return Answer(success([sample("1", up="1")]))
        return Answer('{"status":"success","data":{}}')


@pytest.fixture
def fake() -> Iterator[tuple[Fake, Application]]:
    made = Fake()
    with application() as app:
        app.answers = made.answer
        yield made, app


def at(app: Application) -> str:
    return f"http://127.0.0.1:{app.port}"


REFUSED = '{"status":"error","errorType":"%s","error":"it \\u001b[2J says so"}'


@pytest.mark.parametrize(
    ("answer", "cause", "words"),
    [
        (Answer("<html>Log in</html>"), Cause.GARBAGE, "does not answer as Prometheus does"),
        (Answer('{"status":"success"}'), Cause.GARBAGE, "does not tell its time"),
        (Answer('{"ok":true}'), Cause.GARBAGE, "does not answer as Prometheus does"),
        (Answer("[" * 100_000), Cause.GARBAGE, "does not answer as Prometheus does"),
        (Answer("", 401), Cause.AUTH, "wants a login"),
        (Answer(REFUSED % "unauthorized", 403), Cause.DENIED, "may not read it"),
        (Answer("", 404), Cause.MISSING, "nothing at this path"),
        (Answer(REFUSED % "too_many", 429), Cause.THROTTLED, "too many requests"),
        (Answer("", 302, {"Location": "/graph"}), Cause.GARBAGE, "redirects to /graph"),
        (Answer("\x1b[2J", 500), Cause.GARBAGE, "answers 500"),
        (Answer("", 502), Cause.OVERLOADED, "answers 502"),
        (Answer(REFUSED % "unavailable", 503), Cause.OVERLOADED, "it ^[[2J says so"),
        (Answer("x" * (9 << 20)), Cause.TOO_BIG, "greater than 8 MiB"),
    ],
)
async def test_each_bad_answer_has_its_cause_and_words(
    fake: tuple[Fake, Application], answer: Answer, cause: Cause, words: str
) -> None:
    made, app = fake
    made.by_path["query"] = answer
    async with probing(at(app)) as probe:
        with pytest.raises(ProbeError) as caught:
            await probe.read()
    assert caught.value.cause is cause
    assert words in str(caught.value.message)
    assert "\x1b" not in str(caught.value.message)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(REFUSED % "bad_data", 400), "the expression is refused: it ^[[2J says so"),
        (Answer(REFUSED % "execution", 422), "the expression can't be worked out: it ^[[2J says so"),
        (Answer(REFUSED % "timeout", 503), "the expression takes the server too long: it ^[[2J says so"),
        (Answer(success([sample("1")]) + " " * (9 << 20)), "is greater than 8 MiB"),
        (Answer(success([])), "no data"),
        (Answer(success([sample("NaN")])), "is NaN"),
        (Answer(success([sample("1_000")])), "is 1_000"),
        (Answer(success([sample("1", a="1"), sample("2", a="2")])), "2 series, one expected"),
        (Answer(success([{"metric": {}, "histogram": [1, {}]}])), "no data"),
        (Answer(success("what")), "no data"),
        (Answer(success([1, "two"], "string")), "gives a string, not a number"),
    ],
)
async def test_an_ill_expression_costs_its_own_tile_only(
    fake: tuple[Fake, Application], answer: Answer, why: str
) -> None:
    made, app = fake
    made.by_expression["ill()"] = answer
    tiles = [{"name": "ill", "expr": "ill()", "warning": 1}, {"name": "well", "expr": "well()", "warning": 0}]
    async with probing(at(app), *tiles) as probe:
        found = await probe.read()
    assert why in str(tile(found.facts, "ill").why)
    assert tile(found.facts, "ill").value is None
    assert tile(found.facts, "well").value == 1


async def test_an_expression_that_takes_too_long_costs_its_own_tile_only(fake: tuple[Fake, Application]) -> None:
    _, app = fake
    answer = app.answers
    hold = threading.Event()

    def slowly(path: str) -> Answer | None:
        if "slow" in path:
            hold.wait(20)
        return answer(path)

    app.answers = slowly
    tiles = [{"name": "slow", "expr": "slow()"}, {"name": "well", "expr": "well()"}]
    async with probing(at(app), *tiles, timeout=4.0) as probe:
        found = await probe.read()
        hold.set()
    assert str(tile(found.facts, "slow").why) == "no answer in time"
    assert tile(found.facts, "well").value == 1


async def test_a_part_the_server_does_not_have_is_a_gap(fake: tuple[Fake, Application]) -> None:
    made, app = fake
    for path in ("targets", "rules", "alerts", "status/buildinfo", "status/runtimeinfo"):
        made.by_path[path] = Answer("404 page not found", 404)
    async with probing(at(app), {"name": "well", "expr": "well()"}) as probe:
        found = await probe.read()
    assert {gap.part for gap in found.gaps} == {"targets", "rules", "alerts", "build", "status"}
    assert {gap.cause for gap in found.gaps} == {Cause.MISSING}
    assert found.facts.rules is None
    assert tile(found.facts, "well").value == 1


async def test_what_the_server_warns_of_stands_beside_the_number(fake: tuple[Fake, Application]) -> None:
    made, app = fake
    made.by_expression["odd()"] = Answer(
        success([sample("3")], warnings=["PromQL warning: \x1b[2J"], infos=["an info"])
    )
    async with probing(at(app), {"name": "odd", "expr": "odd()"}) as probe:
        found = tile((await probe.read()).facts, "odd")
    assert found.value == 3
    assert [str(note) for note in found.notes] == ["PromQL warning: ^[[2J", "an info"]


async def test_rows_beyond_the_cap_are_counted_and_said(fake: tuple[Fake, Application]) -> None:
    made, app = fake
    rows = [sample(str(number), user=f"u{number}") for number in range(1200)]
    made.by_expression["rows()"] = Answer(success(rows))
    async with probing(at(app), {"name": "rows", "expr": "rows()", "by": "user", "top": 3}) as probe:
        found = tile((await probe.read()).facts, "rows")
    assert len(found.rows) == 3
    assert found.more_rows == 997
    assert [str(note) for note in found.notes] == ["more than 1000 series: the others are left out"]


async def test_series_that_share_a_label_are_told_apart_and_said(fake: tuple[Fake, Application]) -> None:
    made, app = fake
    made.by_expression["rows()"] = Answer(success([sample("1", code="200", pod="a"), sample("2", code="200", pod="b")]))
    async with probing(at(app), {"name": "rows", "expr": "rows()", "by": "code"}) as probe:
        found = await probe.read()
    assert [str(row.of) for row in tile(found.facts, "rows").rows] == ["200 (pod=b)", "200 (pod=a)"]
    assert "several series share a code" in str(tile(found.facts, "rows").notes[0])


async def test_a_clock_that_differs_is_told_and_spoils_no_chart(fake: tuple[Fake, Application]) -> None:
    made, app = fake
    made.skew = 3601.0
    async with probing(at(app), {"name": "well", "expr": "well()"}) as probe:
        book = Rules(probe)
        alerts: tuple[Alert, ...] = ()
        for _ in range(3):
            found = await probe.read()
            alerts = book.judge(found)
    assert found.facts.skew == pytest.approx(3601, abs=2)
    assert [alert.words for alert in alerts] == ["its clock differs from ours by 1h00m"]
    ranges = [parse_qs(urlsplit(path).query) for path, _ in app.asked if "query_range" in path]
    assert all(float(one["end"][0]) > time.time() + 3500 for one in ranges)


async def test_a_login_goes_with_every_request_and_shows_nowhere(fake: tuple[Fake, Application]) -> None:
    _, app = fake
    url = f"http://reader@127.0.0.1:{app.port}/prom/"
    async with probing(url, {"name": "well", "expr": "well()"}, password="env:SECRET") as probe:
        found = await probe.read()
        assert app.asked[0][0].startswith("/prom/api/v1/query?")
        assert all(headers["authorization"].startswith("Basic ") for _, headers in app.asked)
        assert CANARY not in repr(found) + repr(vars(probe)) + repr(vars(probe._api))


async def test_a_failing_reload_is_an_alert(fake: tuple[Fake, Application]) -> None:
    made, app = fake
    made.by_path["status/runtimeinfo"] = Answer('{"status":"success","data":{"reloadConfigSuccess":false}}')
    async with probing(at(app)) as probe:
        (alert,) = Rules(probe).judge(await probe.read())
    assert alert.words == "its last configuration could not be loaded: it goes on with an older one"


async def test_a_fleet_without_exporters_says_so(fake: tuple[Fake, Application]) -> None:
    made, app = fake
    made.by_expression["count by (job) (last_over_time(node_uname_info[1h]))"] = Answer(success([]))
    async with probing(at(app), fleet=True) as probe:
        found = await probe.read()
    assert [gap.part for gap in found.gaps] == ["hosts"]
    assert found.facts.hosts == ()


async def test_a_fleet_that_is_not_told_is_not_known_and_no_fleet_of_none(fake: tuple[Fake, Application]) -> None:
    made, app = fake
    made.by_expression[jobs_question("")] = Answer(success([sample("2", job="node")]))
    asked = questions("", {"node"}, 300)
    made.by_expression[asked["up"]] = Answer(REFUSED % "timeout", 503)
    made.by_expression[asked["heard"]] = Answer(success([sample("4", job="node", instance="web")]))
    async with probing(at(app), fleet=True) as probe:
        found = await probe.read()
    assert not found.facts.hosts_known
    assert found.facts.hosts == ()
    assert "up" in [gap.part for gap in found.gaps]
    assert not [key for key in measured(found.facts).values if key.name.startswith("hosts")]


async def test_a_closer_look_gives_every_series_of_a_tile(fake: tuple[Fake, Application]) -> None:
    made, app = fake
    made.by_expression["rows()"] = Answer(success([sample("1.5", a="\x1b[2J"), sample("NaN", a="2")]))
    async with probing(at(app), {"name": "rows", "expr": "rows()"}) as probe:
        sheet = await probe.look("series", "rows")
        assert [str(row).split() for row in sheet.lines[2:]] == [["1.5", '{a="^[[2J"}'], ["NaN", '{a="2"}']]


# pure parts


@given(st.floats(0, 31 * 86400), st.floats(0, 86400))
def test_a_chart_has_at_most_three_hundred_points(span: float, lasts: float) -> None:
    made = ExpressionTile.model_validate({"name": "a", "expr": "a", "range": span, "for": lasts, "warning": 1})
    if made.step is None:
        assert span == 0
        assert lasts == 0
        return
    assert made.points + 1 <= MOST_POINTS
    assert made.points * made.step >= min(span, lasts) * 0.99


KEYS = st.sampled_from(["activeTargets", "alerts", "labels", "health", "activeAt", "annotations"])
LEAVES = st.none() | st.booleans() | st.floats() | st.text(max_size=5)


@given(
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
        max_leaves=12,
    )
)
def test_no_answer_whatever_makes_the_reading_of_alerts_and_targets_fail(value: Any) -> None:
    for one in alerts_of(value, 0.0):
        assert str(one.name).isprintable() or not str(one.name)
    assert len({one.key for one in troubled_of(value, 0.0)}) == len(troubled_of(value, 0.0))


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ('job="node"', True),
        ('job=~"a|b",env!="x"', True),
        ("job=node", False),
        ('job="a"} or vector(1', False),
        ("", False),
        ('job="a",', False),
    ],
)
def test_label_matchers_are_what_they_say(text: str, good: bool) -> None:
    assert good_matchers(text) is good


def test_nine_questions_are_asked_of_any_fleet_and_jobs_cannot_break_out() -> None:
    asked = questions('env="prod"', {'no"de', "a.b"}, 60)
    assert len(asked) == 9
    assert all('job=~"a\\\\.b|no\\"de"' in one for one in asked.values())


def test_more_hosts_than_are_shown_are_counted() -> None:
    fleet = Fleet()
    for number in range(MOST_HOSTS + 5):
        fleet.hosts["node", str(number)] = Host(SafeText(str(number)), SafeText("node"), up=True)
    hosts = fleet.worst_first()
    facts = PrometheusFacts(fleet=True, hosts=tuple(hosts[:MOST_HOSTS]), more_hosts=5)
    gauges = measured(facts).values
    assert len(gauges) < 1000
    assert gauges[next(key for key in gauges if key.name == "hosts")] == MOST_HOSTS + 5


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "ftp://h"},
        {"url": "http://h/?a=b"},
        {"url": "http://h", "token": "in-clear"},
        {"url": "http://h", "token": "env:A", "password": "env:B"},
        {"url": "http://h", "fleet": "job=node"},
        {"url": "http://h", "tile": [{"name": "a", "expr": ""}]},
        {"url": "http://h", "tile": [{"name": "a", "expr": "a"}] * 2},
        {"url": "http://h", "tile": [{"name": f"a{number}", "expr": "a"} for number in range(61)]},
        {"url": "http://h", "headers": {"X": "a\nb"}},
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PrometheusSettings.model_validate(settings)


def test_a_server_named_in_the_environment_is_found() -> None:
    (found,) = PrometheusProbe.discover({"PROMETHEUS_URL": "http://h:9090"})
    assert found.settings == {"url": "env:PROMETHEUS_URL"}
    assert list(PrometheusProbe.discover({})) == []
