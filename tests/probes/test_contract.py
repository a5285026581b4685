"""One contract for every kind of the table: against the real engine, and through a proxy that breaks the connection.

The cells are F1 to F5, F9 and F14 of the fault matrix: refused, black hole, silence, reset, drip, truncation, garbage,
a web page, a closed connection, an unknown name, an engine that comes back.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from desk import codec
from desk.clock import SystemClock
from desk.poller import Poller, Reading
from desk.replay.player import Player
from desk.rules import placeholders
from probes.base import Cause, Context, Failure, Probe, SafeText, Snapshot, Target, armour, secure_link
from tests.desk.recordings import Session, overview
from tests.probes.rigs import CANARY, RIGS, Rig, TestSecrets, proxied
from tests.stack.faultproxy import FaultProxy, Mode
from tests.toys import StillClock
from tui.keys import Keymap
from tui.kinds import KINDS, Kinds
from tui.replay import ReplayKinds, ReplayRoom
from tui.room import Room
from widgets.panel import View

LATE = {Cause.TIMEOUT_READ, Cause.TIMEOUT_CONNECT, Cause.SLOW}
CUT = {Cause.RESET, Cause.CLOSED_EARLY, Cause.REFUSED}

EXPECTED: dict[Mode, set[Cause]] = {
    Mode.REFUSE: {Cause.REFUSED},
    Mode.BLACKHOLE: {Cause.TIMEOUT_CONNECT},
    Mode.SILENT: {Cause.TIMEOUT_READ, Cause.TIMEOUT_CONNECT},
    Mode.RESET: CUT,
    Mode.RESET_LATER: CUT | {Cause.GARBAGE},
    Mode.DRIP: LATE,
    Mode.TRUNCATE: CUT | {Cause.GARBAGE},
    Mode.GARBAGE: {Cause.GARBAGE, Cause.VERSION} | CUT,
    Mode.HTML: {Cause.GARBAGE, Cause.VERSION} | CUT,
    Mode.CLOSE: CUT,
}
"""What may be said of each way to break a connection."""

EVERY = [pytest.param(kind.name, marks=RIGS[kind.name].marks) for kind in KINDS]
BREAKABLE = [pytest.param(kind.name, marks=RIGS[kind.name].marks) for kind in KINDS if not RIGS[kind.name].local]


class Watch:
    """A probe under its poller, as it is in the room."""

    def __init__(self, probe: Probe[Any]) -> None:
        self.probe = probe
        self.last: Reading | None = None
        self.bugs: list[Exception] = []
        self._came = asyncio.Event()
        self.poller = Poller(probe, self._take, SystemClock(), lambda name, error: self.bugs.append(error))

    def _take(self, reading: Reading) -> None:
        self.last = reading
        self._came.set()

    async def until(self, true: Callable[[Reading], bool], what: str) -> Reading:
        """The first reading from now on of which this is true."""
        try:
            async with asyncio.timeout(25):
                while True:
                    self._came.clear()
                    self.poller.read_now()
                    await self._came.wait()
                    if self.last is not None and true(self.last):
                        return self.last
        except TimeoutError:
            pytest.fail(f"waited for {what}; last: {self.last}; bugs: {self.bugs}")


def make(kind: str, settings: Any) -> Probe[Any]:
    probe_type = Kinds().facts(kind)
    made = probe_type.settings_type.model_validate({"every": 0.5, "timeout": 1.5, **settings})
    return probe_type(Target("it", kind, made), Context(TestSecrets()))


@asynccontextmanager
async def watched(probe: Probe[Any]) -> AsyncIterator[Watch]:
    watch = Watch(probe)
    task = asyncio.create_task(watch.poller.run())
    try:
        yield watch
    finally:
        task.cancel()
        probe.abort()
        await asyncio.wait({task})
        await probe.close()
        await probe.close()


@asynccontextmanager
async def healthy(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Watch, FaultProxy | None]]:
    """The kind on its real engine, answering."""
    rig: Rig = RIGS[kind]
    if rig.local:
        settings = dict(rig.bare)
        if kind == "systemd":
            settings = {"prefix": list(request.getfixturevalue("systemd_host").prefix), "timeout": 10}
        async with watched(make(kind, settings)) as watch:
            await watch.until(lambda reading: isinstance(reading, Snapshot), "a reading")
            yield watch, None
        return
    with proxied(rig, request) as proxy:
        async with watched(make(kind, rig.settings(proxy.port))) as watch:
            await watch.until(lambda reading: isinstance(reading, Snapshot), "a reading")
            yield watch, proxy


def snapshot(watch: Watch) -> Snapshot[Any]:
    assert isinstance(watch.last, Snapshot)
    return watch.last


def test_every_kind_has_a_rig() -> None:
    assert {kind.name for kind in KINDS} == set(RIGS)


@pytest.mark.parametrize("kind", EVERY)
async def test_a_reading_is_whole_typed_and_frozen(kind: str, request: pytest.FixtureRequest) -> None:
    async with healthy(kind, request) as (watch, _):
        await watch.until(lambda reading: isinstance(reading, Snapshot), "a second reading")
        found = snapshot(watch)
        assert found.taken_at.tzinfo is not None
        assert found.took >= 0
        declared = {spec.name for spec in watch.probe.gauges}
        assert {key.name for key in found.gauges} <= declared
        assert all(math.isfinite(value) for value in found.gauges.values())
        assert dataclasses.is_dataclass(found.facts)
        with pytest.raises((dataclasses.FrozenInstanceError, AttributeError)):
            setattr(found.facts, dataclasses.fields(found.facts)[0].name, None)
        recorded = json.loads(json.dumps(codec.reading(found), allow_nan=False))
        assert codec.read("it", type(found.facts), recorded) == found
        assert not watch.bugs


@pytest.mark.parametrize("kind", EVERY)
async def test_a_panel_draws_what_the_real_engine_said(kind: str, request: pytest.FixtureRequest) -> None:
    async with healthy(kind, request) as (watch, _):
        panel = Kinds().panel(kind)
        view: View[Any] = View("it", snapshot(watch), lambda name, **labels: [1.0, None, 2.0])
        assert panel.title
        assert panel.help
        for width in (40, 58, 80, 118, 200):
            lines = [*panel.brief(view, width), *panel.head(view, width)]
            assert all(span.text.isprintable() for line in lines for span in line.spans)
        for table in panel.tables:
            rows = table.rows(snapshot(watch).facts)
            assert len({table.key(row) for row in rows}) == len(rows), f"{table.name}: keys must be unique"
            for row in rows:
                assert all(column.cell(row) is not None for column in table.columns)
                if table.detail is not None:
                    assert table.detail(row)


@pytest.mark.parametrize("kind", EVERY)
async def test_a_replay_shows_what_the_real_engine_said_line_by_line(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with healthy(kind, request) as (watch, _):
        readings = [snapshot(watch)]
        for _ in range(2):
            soon = readings[-1].taken_at + timedelta(milliseconds=2)  # the recording's clock counts milliseconds
            await watch.until(lambda one, then=soon: isinstance(one, Snapshot) and one.taken_at > then, "news")  # type: ignore[misc]
            readings.append(snapshot(watch))
    clock = StillClock()
    clock.wall = readings[0].taken_at - timedelta(seconds=2)
    session = Session(tmp_path, clock=clock, targets=[watch.probe.target], probes=lambda target: watch.probe)
    session.reads(readings)
    live = overview(Room(session.engine, session.profile, Kinds(), Keymap()))
    session.write()
    kinds = ReplayKinds()
    player = Player(session.path, kinds.facts_type, clock.wall)
    room = ReplayRoom(player, kinds, Keymap())
    player.start()
    await player.filled()
    assert player.board.slot("it").snapshot == readings[-1]
    assert overview(room) == live
    await player.close()


@pytest.mark.parametrize("kind", EVERY)
async def test_what_another_system_raises_is_safe_to_show_and_the_same_each_time(
    kind: str, request: pytest.FixtureRequest
) -> None:
    async with healthy(kind, request) as (watch, _):
        probe = watch.probe
        if type(probe).raised is not Probe.raised:
            await watch.until(lambda one: isinstance(one, Snapshot) and bool(probe.raised(one.facts)), "an alert")
        found = snapshot(watch)
        raised = probe.raised(found.facts)
        again = codec.read("it", type(found.facts), codec.reading(found))
        assert isinstance(again, Snapshot)
        assert raised == probe.raised(again.facts)
        assert len({one.key for one in raised}) == len(raised)
        rows = {table.key(row) for table in Kinds().panel(kind).tables for row in table.rows(found.facts)}
        for one in raised:
            assert isinstance(one.name, SafeText)
            assert isinstance(one.words, SafeText)
            assert one.key
            assert one.name
            assert one.words
            assert one.row in rows
            assert all(armour(text) == text for text in (one.acknowledged, one.procedure, *chain(*one.labels)))
            assert one.link == secure_link(one.link)
            assert one.since is None or one.since.utcoffset() == timedelta(0)
            assert one.since is None or one.since <= found.taken_at + timedelta(seconds=5)
            assert all(number is None or math.isfinite(number) for number in (one.value, one.limit))
            assert CANARY not in repr(one)
        assert not watch.bugs


@pytest.mark.parametrize("kind", EVERY)
def test_a_rule_asks_only_for_what_its_kind_has(kind: str) -> None:
    probe = Kinds().facts(kind)
    names = [spec.name for spec in probe.gauges]
    assert len(set(names)) == len(names)
    assert len({rule.name for rule in probe.rules}) == len(probe.rules)
    for rule in probe.rules:
        assert rule.gauge in names
        assert rule.samples is None or rule.samples in names
        assert all(name.isidentifier() for name in placeholders(rule.say))
        assert not rule.say.endswith(".")


@pytest.mark.parametrize("mode", EXPECTED, ids=lambda mode: mode.value)
@pytest.mark.parametrize("kind", BREAKABLE)
async def test_a_broken_connection_has_its_words_and_heals(
    kind: str, mode: Mode, request: pytest.FixtureRequest
) -> None:
    async with healthy(kind, request) as (watch, proxy):
        assert proxy is not None
        proxy.mode = mode
        reading = await watch.until(lambda one: not answered_well(one), f"words for {mode}")
        if mode in (Mode.BLACKHOLE, Mode.REFUSE):  # the open connection was lost first; the next one is never made
            reading = await watch.until(lambda one: one is not reading and not answered_well(one), "a second try")
        if isinstance(reading, Failure):
            assert reading.cause in EXPECTED[mode], reading
            assert str(reading.message)
            assert CANARY not in json.dumps([str(reading.message), str(reading.hint)])
        else:
            assert mode is Mode.HTML, "only a web page may pass for an answer, and then a wrong one"
            assert RIGS[kind].web
        proxy.mode = Mode.PASS
        await watch.until(lambda one: isinstance(one, Snapshot) and answered_well(one), "recovery")
        assert not watch.bugs


def answered_well(reading: Reading) -> bool:
    """A snapshot that does not itself say that the answer was wrong."""
    return isinstance(reading, Snapshot) and getattr(reading.facts, "ok", True) is True


@pytest.mark.parametrize("kind", BREAKABLE)
async def test_a_silent_target_is_let_go_in_a_moment(kind: str, request: pytest.FixtureRequest) -> None:
    async with healthy(kind, request) as (watch, proxy):
        assert proxy is not None
        proxy.mode = Mode.SILENT
        hanging = asyncio.create_task(watch.probe.read())
        await asyncio.wait({hanging}, timeout=0.3)
        began = asyncio.get_running_loop().time()
        hanging.cancel()
        watch.probe.abort()
        await asyncio.wait({hanging}, timeout=5)
        assert hanging.done()
        assert asyncio.get_running_loop().time() - began < 4


@pytest.mark.parametrize("kind", [param for param in BREAKABLE if param.values[0] not in ("docker", "supervisor")])
async def test_an_unknown_name_is_told_as_such(kind: str) -> None:
    settings = {
        key: value.replace("127.0.0.1:1", "no-such-host.invalid:1") if isinstance(value, str) else value
        for key, value in RIGS[kind].settings(1).items()
    }
    async with watched(make(kind, {**settings, "timeout": 10})) as watch:
        reading = await watch.until(lambda one: isinstance(one, Failure), "words for an unknown name")
        assert isinstance(reading, Failure)
        assert reading.cause in (Cause.DNS_NX, Cause.DNS_FAIL)
        assert not watch.bugs
