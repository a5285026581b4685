"""An application's own metrics: an application that exposes what the test says, and real exporters."""

from __future__ import annotations

import asyncio
import gzip
import math
import ssl
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from desk.alert import Alert
from desk.board import Board
from desk.profile import ProfileError
from desk.profile import parse as parse_profile
from desk.rules import RuleBook
from probes.base import Cause, Context, ProbeError, Snapshot, Target
from probes.prometheus.metrics.exposition import parse, read_sample
from probes.prometheus.metrics.facts import MetricsFacts
from probes.prometheus.metrics.meters import quantile
from probes.prometheus.metrics.probe import MetricsProbe, MetricsSettings
from probes.prometheus.metrics.selector import parse_selector
from probes.prometheus.tiles import Tile
from tests.probes.exposing import Application, application
from tests.probes.rigs import CANARY, TestSecrets
from tests.stack import prometheus
from tests.toys import StillClock
from tui.kinds import Kinds

PACKED = gzip.compress(b"a 1\n" * 99, mtime=0)
BOMB = gzip.compress(b"a" * (40 << 20), 1, mtime=0)


@pytest.fixture
def app() -> Iterator[Application]:
    with application() as made:
        yield made


class Room:
    """A probe on a clock of the test's own, and its rules."""

    def __init__(self, app: Application, *tiles: dict[str, Any], **more: Any) -> None:
        settings = MetricsSettings.model_validate({"url": app.url, "tile": list(tiles), **more})
        self.clock = StillClock()
        context = Context(TestSecrets(), self.clock.monotonic, self.clock.now)
        self.target = Target("app", "metrics", settings)
        self.probe = MetricsProbe(self.target, context)
        self.board = Board([self.target], self.clock)
        self.book = RuleBook("app", self.probe.rules, self.probe.gauges)

    async def read(self, after: float = 10.0) -> Snapshot[MetricsFacts]:
        self.clock.seconds += after
        self.clock.wall += timedelta(seconds=after)
        return await self.probe.read()

    async def tile(self, after: float = 10.0) -> Tile:
        """The only tile, read again."""
        (found,) = (await self.read(after)).facts.tiles
        return found

    async def alerts(self, after: float = 10.0) -> tuple[Alert, ...]:
        """What the rules say after one more reading."""
        slot = self.board.take(await self.read(after))
        return self.book.judge(slot, self.clock.monotonic(), self.clock.now())


@asynccontextmanager
async def room(app: Application, *tiles: dict[str, Any], **more: Any) -> AsyncIterator[Room]:
    made = Room(app, *tiles, **more)
    try:
        yield made
    finally:
        await made.probe.close()


def counted(**codes: float) -> str:
    """An exposition of requests by status, from one process."""
    lines = [f'requests_total{{code="{code[1:]}"}} {value}' for code, value in codes.items()]
    return "\n".join(["# TYPE requests_total counter", *lines, "process_start_time_seconds 1000", ""])


# values


async def test_a_gauge_is_shown_as_it_is_and_several_series_are_added_and_said(app: Application) -> None:
    app.body = 'users{zone="a"} 40\nusers{zone="b"} 2\n'
    async with room(app, {"name": "users", "from": "users"}) as made:
        tile = await made.tile()
        assert tile.value == 42
        assert [str(note) for note in tile.notes] == ["the sum of 2 series"]
    async with room(app, {"name": "users", "from": 'users{zone=~"a|c"}', "scale": 0.5}) as made:
        assert (await made.tile()).value == 20


@pytest.mark.parametrize(
    ("body", "why", "idle"),
    [
        ("other 1\n", "no data", False),
        ('users{zone="b"} 1\n', "no series has these labels", False),
        ('users{zone="a"} NaN\n', "is no number (NaN or infinite)", True),
        ('users{zone="a"} +Inf\n', "is no number (NaN or infinite)", True),
        ('{"users": 1}', "the answer is JSON and has no metrics", False),
    ],
)
async def test_what_is_not_there_has_its_words_and_is_never_a_zero(
    app: Application, body: str, why: str, idle: bool
) -> None:
    app.body = body
    async with room(app, {"name": "users", "from": 'users{zone="a"}', "warning": 1}) as made:
        tile = await made.tile()
        assert (tile.value, str(tile.why), tile.idle) == (None, why, idle)
        assert (await made.read()).gauge("value", tile="users") is None


async def test_a_sample_with_a_time_has_its_age(app: Application) -> None:
    async with room(app, {"name": "backup", "from": "backup_bytes", "unit": "bytes"}) as made:
        taken = made.clock.now().timestamp() - 3590
        app.body = f"backup_bytes 7 {taken * 1000:.0f}\n"
        tile = await made.tile()
        assert tile.exact_age
        assert tile.age == pytest.approx(3600, abs=1)


# rates


async def test_a_rate_needs_two_readings_and_is_that_of_the_window(app: Application) -> None:
    async with room(app, {"name": "r", "from": "requests_total", "as": "rate", "window": 30}) as made:
        app.body = counted(c200=1000)
        first = await made.tile()
        assert (first.value, str(first.why)) == (None, "needs two readings")
        app.body = counted(c200=1050)
        assert (await made.tile()).value == 5
        app.body = counted(c200=1050)
        assert (await made.tile()).value == 2.5
        for _ in range(3):
            tile = await made.tile()
        assert tile.value == 0, "what grew before the window is forgotten"


async def test_a_rate_by_the_minute_is_sixty_times_that_by_the_second(app: Application) -> None:
    async with room(app, {"name": "r", "from": "requests_total", "as": "rate", "unit": "per minute"}) as made:
        app.body = counted(c200=0)
        await made.tile()
        app.body = counted(c200=10)
        assert (await made.tile()).value == 60


async def test_a_counter_that_goes_back_tells_nothing_of_that_interval(app: Application) -> None:
    async with room(app, {"name": "r", "from": "requests_total", "as": "rate", "window": 15}) as made:
        for value in (1000, 1100):
            app.body = counted(c200=value)
            await made.tile()
        app.body = counted(c200=7).replace("process_start_time_seconds 1000", "")
        tile = await made.tile()
        assert tile.value == 10, "the interval before it is still in the window"
        tile = await made.tile()
        assert tile.value == 0
    async with room(app, {"name": "r", "from": "requests_total", "as": "rate", "window": 5}) as made:
        for value in (1000, 1100):
            app.body = counted(c200=value)
            await made.tile()
        app.body = counted(c200=7)
        tile = await made.tile()
        assert (tile.value, str(tile.why)) == (None, "needs two readings")


async def test_a_new_process_is_noticed_even_when_its_counter_is_already_higher(app: Application) -> None:
    async with room(app, {"name": "r", "from": "requests_total", "as": "rate", "window": 5}) as made:
        for value in (10, 20):
            app.body = counted(c200=value)
            await made.tile()
        app.body = counted(c200=5000).replace("_seconds 1000", "_seconds 2000")
        snapshot = await made.read()
        assert snapshot.facts.tiles[0].value is None
        assert [str(note) for note in snapshot.facts.notes] == ["its process began anew since the reading before"]


async def test_the_first_error_of_a_process_counts_though_its_series_is_new(app: Application) -> None:
    tile = {"name": "e", "from": 'requests_total{code=~"5.."}', "as": "ratio", "of": "requests_total"}
    async with room(app, tile) as made:
        app.body = counted(c200=100)
        await made.tile()
        app.body = counted(c200=190)
        assert (await made.tile()).value == 0, "the counter is there, and no series has counted an error"
        app.body = counted(c200=190, c500=10)
        assert (await made.tile()).value == pytest.approx(0.1)


async def test_a_new_series_of_an_unknown_process_waits_for_its_second_reading(app: Application) -> None:
    async with room(app, {"name": "e", "from": 'requests_total{code="500"}', "as": "rate"}) as made:
        bodies = [counted(c200=1), counted(c200=2, c500=4000), counted(c200=3, c500=4010)]
        values = []
        for body in bodies:
            app.body = body.replace("process_start_time_seconds 1000", "")
            values.append((await made.tile()).value)
        assert values == [None, 0, 0.5]


async def test_a_rate_by_label_has_a_row_for_each(app: Application) -> None:
    async with room(app, {"name": "r", "from": "requests_total", "as": "rate", "by": "code", "top": 2}) as made:
        app.body = counted(c200=0, c404=0, c500=0)
        await made.tile()
        app.body = counted(c200=100, c404=10, c500=50)
        snapshot = await made.read()
        (tile,) = snapshot.facts.tiles
        assert [(str(row.of), row.value) for row in tile.rows] == [("200", 10), ("500", 5)]
        assert tile.more_rows == 1
        assert snapshot.gauge("value", tile="r", of="500") == 5


# shares, averages, percentiles

RATIO = {"name": "errors", "from": 'requests_total{code="500"}', "of": "requests_total", "as": "ratio", "unit": "ratio"}


async def test_a_share_of_no_events_is_no_number_and_no_alarm(app: Application) -> None:
    async with room(app, {**RATIO, "warning": 0.05}) as made:
        app.body = counted(c200=5, c500=5)
        await made.tile()
        tile = await made.tile()
        assert (tile.value, str(tile.why), tile.idle) == (None, "no events in 60 s", True)
        for _ in range(30):
            assert await made.alerts() == ()


async def test_a_share_of_two_events_raises_nothing_and_of_twenty_it_does(app: Application) -> None:
    async with room(app, {**RATIO, "title": "Error rate", "warning": 0.05, "critical": 0.5}) as made:
        app.body = counted(c200=0, c500=0)
        await made.alerts()
        app.body = counted(c200=1, c500=1)
        assert await made.alerts() == ()
        app.body = counted(c200=18, c500=3)
        (alert,) = await made.alerts()
        assert alert.words == "Error rate is 14 %, limit 5 %"
        app.body = counted(c200=18, c500=83)
        (alert,) = await made.alerts()
        assert alert.severity.name == "CRITICAL"


async def test_a_limit_with_for_waits_that_long(app: Application) -> None:
    async with room(app, {"name": "users", "from": "users", "critical": 10, "for": 300}) as made:
        app.body = "users 11\n"
        for _ in range(30):
            assert await made.alerts() == ()
        assert [alert.words for alert in await made.alerts()] == ["users is 11, limit 10"]


async def test_a_limit_can_lie_below(app: Application) -> None:
    async with room(app, {"name": "users", "from": "users", "warning": 10, "critical": 5, "when": "below"}) as made:
        app.body = "users 12\n"
        assert await made.alerts() == ()
        app.body = "users 4\n"
        assert [alert.severity.name for alert in await made.alerts()] == ["CRITICAL"]


async def test_a_number_that_vanishes_keeps_its_alert_and_raises_one_of_its_own(app: Application) -> None:
    async with room(app, {"name": "users", "from": "users", "critical": 10}) as made:
        app.body = "users 11\n"
        await made.alerts()
        app.body = "other 1\n"
        for _ in range(12):
            assert [alert.rule for alert in await made.alerts()] == ["users-critical"]
        rules = {alert.rule: alert.words for alert in await made.alerts()}
        assert rules["users-critical"] == "as of 03:12:51 UTC: users is 11, limit 10"
        assert rules["no-data"] == "users has had no number for 2m10s: its limit sees nothing"


async def test_an_average_is_that_of_the_last_seconds(app: Application) -> None:
    async with room(app, {"name": "a", "from": "took_seconds", "as": "average", "unit": "seconds"}) as made:
        app.body = "took_seconds_sum 1000\ntook_seconds_count 1000\n"
        await made.tile()
        app.body = "took_seconds_sum 1050\ntook_seconds_count 1010\n"
        tile = await made.tile()
        assert (tile.value, tile.events) == (5, 10)


def histogram(*cumulative: float) -> str:
    bounds = ("0.1", "0.5", "1", "+Inf")
    lines = [f'took_seconds_bucket{{le="{le}"}} {seen}' for le, seen in zip(bounds, cumulative, strict=True)]
    return "\n".join(["# TYPE took_seconds histogram", *lines, ""])


async def test_a_percentile_is_worked_out_from_what_fell_into_the_buckets_since(app: Application) -> None:
    p95 = {"name": "p", "from": "took_seconds", "as": "percentile", "percentile": 0.95, "unit": "seconds"}
    async with room(app, p95) as made:
        app.body = histogram(1000, 1000, 1000, 1000)
        assert (await made.tile()).value is None
        app.body = histogram(1000, 1050, 1100, 1100)
        tile = await made.tile()
        assert tile.value == pytest.approx(0.95), "a thousand quick ones long ago do not hide the slow ones now"
        assert tile.events == 100
        app.body = histogram(1000, 1050, 1100, 1400)
        tile = await made.tile()
        assert (tile.value, tile.at_least) == (1, True), "beyond the last bound it is at least that bound"


async def test_a_summary_gives_its_own_quantile_and_says_so(app: Application) -> None:
    p95 = {"name": "p", "from": "took_seconds", "as": "percentile", "percentile": 0.95}
    async with room(app, p95) as made:
        app.body = 'took_seconds{quantile="0.5"} 1\ntook_seconds{quantile="0.95"} 7\n'
        tile = await made.tile()
        assert tile.value == 7
        assert "a summary's own quantile, over its own window" in [str(note) for note in tile.notes]
        app.body = 'took_seconds{quantile="0.95"} NaN\n'
        assert str((await made.tile()).why) == "is NaN: nothing was seen"
        app.body = 'took_seconds{quantile="0.99"} 1\n'
        assert str((await made.tile()).why) == "the summary has no quantile 0.95"


@given(st.lists(st.integers(0, 50), min_size=2, max_size=8), st.floats(0.01, 0.99))
def test_a_quantile_lies_between_the_bounds_of_the_bucket_it_falls_into(seen: list[int], share: float) -> None:
    bounds = [float(number + 1) for number in range(len(seen) - 1)] + [math.inf]
    total, buckets = 0, {}
    for bound, more in zip(bounds, seen, strict=True):
        total += more
        buckets[bound] = float(total)
    found = quantile(share, buckets)
    if total == 0:
        assert found is None
        return
    assert found is not None
    value, at_least = found
    under = sum(more for bound, more in zip(bounds, seen, strict=True) if bound < value)
    assert under <= share * total + 1e-6
    assert at_least == (share * total > buckets[bounds[-2]])


# JSON


@pytest.mark.parametrize(
    ("body", "value", "why"),
    [
        ('{"queue": {"depth": 12}}', 12, ""),
        ('{"queue": {"depth": NaN}}', None, "is null"),
        ('{"queue": {"depth": "12"}}', None, "is a str, not a number"),
        ('{"queue": {"depth": true}}', None, "is a bool, not a number"),
        ('{"queue": []}', None, "is not in the document"),
        ("depth 12\n", None, "the answer is no JSON"),
    ],
)
async def test_a_number_in_json_is_found_by_its_path(
    app: Application, body: str, value: float | None, why: str
) -> None:
    app.body = body
    async with room(app, {"name": "depth", "from": "$.queue.depth"}) as made:
        tile = await made.tile()
        assert (tile.value, str(tile.why)) == (value, why)


async def test_a_json_document_lists_its_numbers_and_says_when_they_are_odd(app: Application) -> None:
    app.body = '{"a": {"b c": 1, "n": NaN}, "list": [{"x": 2.5}], "text": "no"}'
    async with room(app) as made:
        facts = (await made.read()).facts
        assert [(str(one.name), one.value) for one in facts.metrics] == [('$.a["b c"]', 1), ("$.list[0].x", 2.5)]
        assert "NaN" in str(facts.notes[0])


async def test_counters_in_json_have_rates_and_shares(app: Application) -> None:
    async with room(app, {"name": "e", "from": "$.failed", "of": "$.all", "as": "ratio"}) as made:
        app.body = '{"failed": 0, "all": 0}'
        await made.tile()
        app.body = '{"failed": 5, "all": 50}'
        assert (await made.tile()).value == pytest.approx(0.1)


# what is no answer


@pytest.mark.parametrize(
    ("status", "headers", "body", "cause", "words"),
    [
        (200, {}, "<html><title>Log in</title>", Cause.GARBAGE, "gives a web page, not metrics"),
        (200, {}, "", Cause.GARBAGE, "gives nothing"),
        (200, {}, "Please sign in\n", Cause.GARBAGE, "gives no metrics: Please sign in"),
        (200, {}, b"\x00\x1b[2J\xff", Cause.GARBAGE, "gives no metrics: ^@^[[2J"),
        (200, {"Content-Type": "application/json"}, "{oops", Cause.GARBAGE, "looks like JSON and is none"),
        (200, {"Content-Type": "application/json"}, "[" * 100_000, Cause.GARBAGE, "looks like JSON and is none"),
        (200, {"Content-Type": "application/openmetrics-text"}, "a 1\n", Cause.CLOSED_EARLY, "before its end mark"),
        (200, {"Content-Type": "application/vnd.google.protobuf"}, b"\x08\x01", Cause.GARBAGE, "protobuf"),
        (200, {"Content-Encoding": "gzip"}, "plain", Cause.GARBAGE, "says it is packed and is not"),
        (200, {"Content-Encoding": "br"}, "plain", Cause.GARBAGE, "is packed with br"),
        (200, {"Content-Encoding": "gzip"}, PACKED[:-9], Cause.CLOSED_EARLY, "in its middle"),
        (200, {"Content-Encoding": "gzip"}, BOMB, Cause.TOO_BIG, "greater than 16 MiB"),
        (301, {"Location": "https://sso.example/?token=x"}, "", Cause.GARBAGE, "redirects to https://sso.example/"),
        (401, {}, "", Cause.AUTH, "wants a login"),
        (403, {}, "", Cause.DENIED, "may not read it"),
        (404, {}, "", Cause.MISSING, "nothing at this path"),
        (429, {}, "", Cause.THROTTLED, "too many requests"),
        (500, {}, "\x1b[31mTraceback", Cause.GARBAGE, "answers 500"),
        (503, {}, "", Cause.OVERLOADED, "answers 503"),
    ],
)
async def test_each_bad_answer_has_its_cause_and_words(
    app: Application, status: int, headers: dict[str, str], body: str | bytes, cause: Cause, words: str
) -> None:
    app.status, app.headers, app.body = status, headers, body
    async with room(app) as made:
        with pytest.raises(ProbeError) as caught:
            await made.read()
        assert caught.value.cause is cause
        assert words in str(caught.value.message)
        assert "token" not in str(caught.value.message)


async def test_a_packed_answer_is_unpacked(app: Application) -> None:
    app.headers = {"Content-Encoding": "gzip"}
    app.body = gzip.compress(b"users 4\n", mtime=0) + gzip.compress(b"more 1\n")
    async with room(app, {"name": "users", "from": "users"}) as made:
        snapshot = await made.read()
        assert snapshot.facts.tiles[0].value == 4
        assert snapshot.facts.samples == 2


async def test_bad_lines_are_counted_and_said_and_hide_nothing(app: Application) -> None:
    app.body = 'users 4\nusers{x="1" 5\n\x1b[2J\nusers 9\nother 1e400\n'
    async with room(app, {"name": "users", "from": "users"}) as made:
        snapshot = await made.read()
        assert snapshot.facts.tiles[0].value == 4
        assert snapshot.facts.bad_lines == 2
        assert str(snapshot.facts.first_bad) == 'users{x="1" 5'
        assert "1 samples are of a series that came before" in str(snapshot.facts.notes[0])
        assert [gap.part for gap in snapshot.gaps] == ["some lines"]


async def test_a_login_goes_with_every_request_and_shows_nowhere(app: Application) -> None:
    async with room(app, token="env:SECRET", headers={"X-Scope-OrgID": "shop"}) as made:
        snapshot = await made.read()
        assert app.asked[-1][1]["authorization"] == f"Bearer {CANARY}"
        assert app.asked[-1][1]["x-scope-orgid"] == "shop"
        assert CANARY not in repr(snapshot) + repr(vars(made.probe))


async def test_a_closer_look_gives_every_series_of_a_tile(app: Application) -> None:
    async with room(app, {"name": "r", "from": "shop_requests_total", "as": "rate"}) as made:
        await made.read()
        sheet = await made.probe.look("series", "r")
        assert [str(row).strip() for row in sheet.lines[2:]] == [
            "1027  shop_requests_total{code=200}",
            "3  shop_requests_total{code=500}",
        ]
        with pytest.raises(ProbeError):
            await made.probe.look("series", "unknown")


# reading the text format

NAMES = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,10}", fullmatch=True)
KEYS = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,10}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.floats() | st.integers(-(10**15), 10**15).map(float)


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def written(value: float) -> str:
    return (
        "NaN" if math.isnan(value) else "+Inf" if value == math.inf else "-Inf" if value == -math.inf else repr(value)
    )


@given(NAMES, st.dictionaries(KEYS, TEXTS, max_size=4), NUMBERS, st.none() | st.integers(10**12, 10**13), st.data())
def test_what_a_client_writes_is_read_back(
    name: str, labels: dict[str, str], value: float, at: int | None, data: st.DataObject
) -> None:
    gap = data.draw(st.sampled_from(["", " ", "\t "]))
    inside = ",".join(f'{gap}{key}{gap}={gap}"{escaped(text)}"{gap}' for key, text in labels.items())
    tail = data.draw(st.sampled_from(["", ","])) if labels else ""
    line = f"{name}{{{inside}{tail}}} {gap}{written(value)}" + (f" {at}" if at is not None else "")
    found = read_sample(line)
    assert found is not None
    assert (found.name, dict(found.labels)) == (name, labels)
    assert found.value == value or (math.isnan(value) and math.isnan(found.value))
    assert found.at == (None if at is None else at / 1000)
    whole = parse(f"# TYPE {name} gauge\n{line}\r\n".encode(), {name})
    assert whole.bad == 0
    assert len(whole.samples[name]) == 1


@given(st.binary(max_size=300) | st.text('ab{}",=\\ \n#1.eN\t', max_size=200).map(str.encode))
@example(b'a{b="')
@example(b'{"a b",c="d"} 1 # {x="}"} 2 3')
def test_no_bytes_whatever_make_it_fail(body: bytes) -> None:
    found = parse(body, {"a", "b"})
    assert found.lines + found.bad >= 0
    assert all(ord(char) >= 32 for char in str(found.first_bad))


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("a 1", 1.0),
        ("a{} 1", 1.0),
        ('a{b="}"} 2 1700000000000', 2.0),
        ('a_bucket{le="1"} 17 # {trace_id="a}b"} 0.67 1.5e9', 17.0),
        ('{"a.b",c="d"} 3', 3.0),
        ("a 0x1p3", None),
        ("a ١٢", None),
        ('a{b="c",b="d"} 1', None),
        ("a{b=c} 1", None),
        ("a 1 2 3", None),
        ("9a 1", None),
        ("a", None),
    ],
)
def test_a_line_is_read_strictly(line: str, value: float | None) -> None:
    found = read_sample(line)
    assert (found.value if found else None) == value


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "line", ["a" + " " * 60_000 + '"', "a{" + '"' * 60_000, 'a{b="' + "\\" * 60_001, "a" * 9_000_000]
)
def test_no_line_takes_long(line: str) -> None:
    assert parse("\n".join([line] * 3).encode(), {"a"}).bad == 3


@pytest.mark.engine
def test_real_exporters_are_read_without_a_bad_line(
    node_exporter: prometheus.NodeExporter, prometheus: prometheus.Prometheus
) -> None:
    for server in (node_exporter, prometheus):
        for accept in ("text/plain;version=0.0.4", "application/openmetrics-text;version=1.0.0"):
            request = urllib.request.Request(f"{server.url}/metrics", headers={"Accept": accept})
            with urllib.request.urlopen(request, timeout=10) as answer:
                body, kind = answer.read(), answer.headers["Content-Type"]
            found = parse(body, {"process_start_time_seconds", "node_cpu_seconds_total", "go_info"})
            lines = [line for line in body.decode().splitlines() if line and not line.startswith("#")]
            assert (found.bad, found.lines) == (0, len(lines))
            assert found.samples["process_start_time_seconds"][0].value > 1.7e9
            assert found.ended == kind.startswith("application/openmetrics-text")
            assert found.metrics["process_start_time_seconds"].type == "gauge"


@pytest.mark.engine
async def test_a_real_exporter_is_read_through_the_probe(node_exporter: prometheus.NodeExporter) -> None:
    clock = StillClock()
    tiles = [
        {"name": "load", "from": "node_load1"},
        {"name": "cpu", "from": 'node_cpu_seconds_total{mode!="idle"}', "of": "node_cpu_seconds_total", "as": "ratio"},
    ]
    settings = MetricsSettings.model_validate({"url": f"{node_exporter.url}/metrics", "tile": tiles})
    made = MetricsProbe(Target("node", "metrics", settings), Context(TestSecrets(), clock.monotonic, clock.now))
    first = (await made.read()).facts
    assert first.tiles[0].value is not None
    assert first.form == "text"
    total = parse_selector("node_cpu_seconds_total")
    assert total.name in {str(metric.name) for metric in first.metrics}
    await made.close()


# profiles


def test_a_profile_names_the_line_of_a_bad_tile() -> None:
    text = """
system = "shop"
[metrics.app]
url = "http://127.0.0.1:3000/metrics"
[[metrics.app.tile]]
name = "errors"
from = "requests_total"
as = "ratio"
[[metrics.app.tile]]
name = "slow"
from = "took_seconds"
warnin = 3
"""
    with pytest.raises(ProfileError) as caught:
        parse_profile(text, Kinds(), "shop.toml")
    found = [str(problem) for problem in caught.value.problems]
    assert any(one.startswith("shop.toml:5: metrics.app.tile.0: ") and "needs `of`" in one for one in found)
    assert any(one.startswith("shop.toml:12: metrics.app.tile.1.warnin: is not a known key") for one in found)


@pytest.mark.parametrize(
    "tile",
    [
        {"name": "A", "from": "a"},
        {"name": "a", "from": "a{b=c}"},
        {"name": "a", "from": 'a{b=~"("}'},
        {"name": "a", "from": "$.a..b"},
        {"name": "a", "from": "$.a", "by": "code"},
        {"name": "a", "from": "a", "as": "ratio", "of": "$.b"},
        {"name": "a", "from": "a", "warning": 2, "critical": 1},
        {"name": "a", "from": "a", "warning": math.nan},
        {"name": "a", "from": "a", "unit": "furlongs"},
    ],
)
def test_a_tile_that_cannot_be_is_refused(tile: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MetricsSettings.model_validate({"url": "http://h/metrics", "tile": [tile]})


def test_two_tiles_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError):
        MetricsSettings.model_validate({"url": "http://h/metrics", "tile": [{"name": "a", "from": "a"}] * 2})


# encryption


async def test_plain_http_where_tls_is_expected_is_told(app: Application) -> None:
    async with room(app, url=f"https://127.0.0.1:{app.port}/metrics") as made:
        with pytest.raises(ProbeError) as caught:
            await made.read()
        assert caught.value.cause is Cause.TLS_PLAIN
        assert "plain http" in str(caught.value.hint)


async def test_a_handshake_that_never_ends_is_told_in_time() -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    settings = MetricsSettings.model_validate({"url": f"https://127.0.0.1:{port}/metrics", "timeout": 0.8})
    made = MetricsProbe(Target("app", "metrics", settings), Context(TestSecrets()))
    try:
        with pytest.raises(ProbeError) as caught:
            await made.read()
        assert caught.value.cause in (Cause.TIMEOUT_CONNECT, Cause.TIMEOUT_READ)
    finally:
        await made.close()
        silent.close()


def signed_by_itself(folder: Path) -> tuple[Path, Path]:
    """(key, certificate) for localhost."""
    key, pem = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(pem), "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, check=True, capture_output=True)
    return key, pem


async def test_a_certificate_nobody_vouches_for_is_refused_unless_it_is_named(tmp_path: Path) -> None:
    key, pem = signed_by_itself(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nusers 4\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    told: dict[str, Cause | int] = {}
    for name, host, more in (
        ("stranger", "localhost", {}),
        ("other name", "127.0.0.1", {"ca": str(pem)}),
        ("named", "localhost", {"ca": str(pem)}),
        ("trusted blindly", "127.0.0.1", {"tls_verify": False}),
    ):
        settings = MetricsSettings.model_validate({"url": f"https://{host}:{port}/metrics", **more})
        made = MetricsProbe(Target("app", "metrics", settings), Context(TestSecrets()))
        try:
            told[name] = (await made.read()).facts.samples
        except ProbeError as error:
            told[name] = error.cause
        finally:
            await made.close()
    server.close()
    assert told == {"stranger": Cause.TLS_UNTRUSTED, "other name": Cause.TLS_NAME, "named": 1, "trusted blindly": 1}
