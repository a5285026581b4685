"""Takes the README's pictures: opens the demonstration, starts faults, presses keys, and keeps what a person sees.

    python -m screenshots.take [NAME ...]

Every picture is of the real application on real engines; nothing in it is made up.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from systems.stage import Stage
from tui import wall as walls
from tui import wiring
from tui.app import OpsroomApp
from tui.keys import Keymap
from tui.kinds import Kinds
from tui.places import Places
from tui.room import Room
from tui.secrets import Secrets

HERE: Final = Path(__file__).parent
PATIENCE: Final = 120.0
"""Seconds a scene may take to show what it waits for."""
PEACE: Final = 60.0
"""Seconds a picture that shows the machine waits for it to be quiet; then it is taken as it is."""
QUIET: Final = 0.3
"""Share of the processors in use below which a machine is quiet; the demonstration itself needs less."""
ARMED: Final = 0.7
"""Seconds after which a dialog takes a key for an answer."""
CALM: Final = 8
"""Readings of the healthy system before the faults begin, so that the pictures show a change."""
PUBLIC: Final = Path("/tmp")
"""Where a picture may show that the run's folder lies: it tells nothing of this machine."""
COURSE: Final = 30
"""Readings at least when the picture is taken, so that the sparklines have something to show."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture: faults that are on, keys that are pressed, and the words that make it."""

    name: str
    size: tuple[int, int]
    faults: tuple[str, ...] = ()
    steps: tuple[tuple[str, str], ...] = ()
    """(words to wait for, key to press then)."""
    sees: tuple[str, ...] = ()
    """Words that must all be there when the picture is taken."""
    theme: str = "night"
    course: int = COURSE
    """Readings at least when it is taken."""
    wall: bool = False
    """True for the wall."""
    system: str = "newsletter"
    pulse: tuple[str, str] = ("health", "latency_seconds")
    """The target and the gauge whose readings are counted."""


_PROCEDURE: Final = (
    ("drains: never", "A"),
    ("nobody has it", "p"),
    ("not begun", "enter"),
    ("step 2", "enter"),
    ("step 3", "enter"),
    ("step 4", "enter"),
    ("following", "q"),
)
"""From the alert to where the ways part."""
_INCIDENT: Final = (
    ("drains: never", "A"),
    ("nobody has it", "I"),
    ("how severe is it?", "P"),
    ("", "2"),
    ("partial outage", "enter"),
    ("Enter declares P2", "enter"),
    ("declared P2", "t"),
    ("Which role?", "c"),
    ("decides", "enter"),
    ("Who is commander?", "a"),
    ("you", "enter"),
    ("ann is commander", "n"),
    ("a note for the timeline", "t"),
    *(("", "space" if letter == " " else letter) for letter in "he worker is far behind; one more is started"),
    ("", "enter"),
)
"""From the alert to an incident with a commander and a note."""
_THREE: Final = ("dead-worker", "queue-backlog", "blocked-sessions")

SCENES: Final = (
    Scene("calm", (120, 36), sees=("6 of 6 processes running", "nothing needs attention")),
    Scene("overview", (160, 48), _THREE, sees=("2 dead", "drains: never", "blocked by")),
    Scene("small", (80, 24), _THREE, sees=("2 dead", "drains: never", "blocked by")),
    Scene(
        "postgres",
        (140, 40),
        ("blocked-sessions", "runaway-query"),
        (("POSTGRES", "2"), ("▸sessions", "tab")),
        ("▸blocking", "└"),
    ),
    Scene(
        "act",
        (110, 30),
        ("blocked-sessions",),
        (("sits idle in its transaction", "X"),),
        ("end session", "sessions wait for it", "▸[ Cancel ]"),
        course=0,
    ),
    Scene(
        "acted",
        (110, 20),
        ("dead-worker",),
        (("worker: 0 of 2 running", "R"), ("▸[ Cancel ]", "tab"), ("▸[ restart worker, 2 processes ]", "enter")),
        ("2 processes   CONFIRMED", "running for"),
        course=0,
    ),
    Scene(
        "queues", (140, 40), ("queue-backlog",), (("QUEUES", "3"),), ("▸queues", "growing", "drains: never"), course=18
    ),
    Scene("inbox", (140, 36), _THREE, (("drains: never", "A"),), ("Alerts", "nobody has it", "raised once")),
    Scene(
        "procedure",
        (120, 34),
        ("queue-backlog",),
        _PROCEDURE,
        ("step 5", "Option A: more workers", "drains: never"),
        course=0,
    ),
    Scene(
        "procedure-done",
        (120, 34),
        ("queue-backlog",),
        (
            *_PROCEDURE,
            ("step 5", "enter"),
            ("Which way?", "enter"),
            ("step 6", "enter"),
            ("asked once", "5"),
            ("step 6", "enter"),
            ("▸[ Cancel ]", "tab"),
            ("▸[ scale worker", "enter"),
            ("CONFIRMED", "q"),
        ),
        ("good scale worker", "CONFIRMED", "worker ×5"),
        course=18,
    ),
    Scene(
        "checklist", (120, 30), (), (("nothing needs attention", "c"), ("Checklists", "enter")), ("good", "not done")
    ),
    Scene("wall", (160, 48), _THREE, sees=("3 CRITICAL",), wall=True),
    Scene("incident", (160, 48), ("queue-backlog",), _INCIDENT, ("“ the worker is", "commander ann", "tell customers")),
    Scene("incident-small", (80, 24), ("queue-backlog",), _INCIDENT, ("the worker is", "commander ann")),
    *(
        Scene(
            system.replace("_", "-"),
            (132, 40),
            (fault,),
            sees=(words,),
            system=system,
            pulse=(target, "latency_seconds"),
        )
        for system, fault, target, words in (
            ("social_analytics", "leaked-sessions", "ready", "connections are taken"),
            ("social_live", "bad-release", "api", "High Error Rate"),
        )
    ),
    Scene("day", (120, 36), ("cache-misses",), sees=("cache hit rate",), theme="day"),
)


def seen(app: OpsroomApp) -> str:
    """The text on the screen."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def until(true: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Wait for a condition; TimeoutError says for which."""
    try:
        async with asyncio.timeout(patience):
            while not true():
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise TimeoutError(f"after {patience:g} s still not: {what}") from error
    print(f"  {what}")


def without_the_machine(profile: str, kinds: Kinds) -> str:
    """The profile with the host's rules off: the machine a picture is taken on is no part of the story."""
    rules = (rule.name for rule in kinds.facts("host").rules)
    return profile + "".join(f'\n[[rule]]\nkind = "host"\nname = "{name}"\nenabled = false\n' for name in rules)


async def take(scene: Scene, stage: Stage) -> str:
    """Play a scene and return the picture."""
    environ = {**os.environ, **stage.environ}
    kinds = Kinds()
    places = replace(Places.of(environ), state=stage.folder / "state", acts=stage.folder / "acts")
    text = stage.profile_path.read_text(encoding="utf-8")
    stage.profile_path.write_text(without_the_machine(text, kinds), encoding="utf-8")
    profile = wiring.open_profile(str(stage.profile_path), kinds, environ, places)
    secrets = Secrets(environ)
    room = Room(wiring.build(profile, kinds, secrets, places), profile, kinds, Keymap(), stage)
    room.hands = wiring.hands(profile, room.engine, kinds, secrets, places, environ)
    room.who = "ann"
    room.make_procedures = partial(wiring.procedures, room, secrets, places)
    room.make_incidents = partial(wiring.incidents, room, secrets, places)
    room.make_checklists = partial(wiring.checklists, profile, room.engine, secrets, places)
    app = OpsroomApp(room, secrets, scene.theme, ("a demonstration", None))
    if scene.wall:
        app = walls.make(profile, kinds, secrets, places, environ, scene.theme, ["overview"])
        room = app.room

    def peace() -> bool:
        """True when the panel of the host has nothing to tell but the demonstration."""
        if "local" not in {slot.target.name for slot in room.board.slots()}:
            return True
        host = room.board.slot("local").snapshot
        return host is not None and not host.facts.kills.recent and (host.facts.cpu.busy or 1.0) < QUIET

    def readings() -> int:
        """Readings of the scene's pulse that are remembered."""
        target, gauge = scene.pulse
        return sum(value is not None for value in room.board.series(target).values(gauge))

    async with app.run_test(size=scene.size) as pilot:
        await until(lambda: all(slot.snapshot for slot in room.board.slots()), "every target answered")
        await until(lambda: readings() >= CALM, f"{CALM} readings")
        for fault in scene.faults:
            stage.fault(fault)
        for words, key in scene.steps:
            await until(lambda words=words: words in seen(app), f"sees {words!r}")  # type: ignore[misc]
            if words.startswith("▸["):
                await asyncio.sleep(ARMED)
            await pilot.press(key)
        await until(lambda: readings() >= scene.course, f"{scene.course} readings")
        await until(lambda: all(words in seen(app) for words in scene.sees), f"sees {', '.join(scene.sees)}")
        if not scene.steps:
            with suppress(TimeoutError):
                await until(lambda: peace() and all(words in seen(app) for words in scene.sees), "is quiet", PEACE)
        return picture(app.export_screenshot(title=f"opsroom demo: {scene.name}"), stage)


def picture(drawn: str, stage: Stage) -> str:
    """The drawing, without fonts from other people's servers and without the random letters in this run's folder."""
    drawn = re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
    drawn = drawn.replace('<svg class="rich-terminal"', '<svg class="rich-terminal" xml:space="preserve"')
    if stage.folder.parent == PUBLIC:
        drawn = drawn.replace(stage.folder.name, stage.folder.name[:-8] + "xxxxxxxx")
    if str(stage.folder) in drawn:
        raise ValueError("the picture shows a folder of this machine")
    return drawn


def main(names: Sequence[str]) -> None:
    """Take the named pictures, or all."""
    os.environ.pop("NO_COLOR", None)
    if strange := set(names) - {scene.name for scene in SCENES}:
        sys.exit(f"there is no scene {', '.join(sorted(strange))}; known: {', '.join(scene.name for scene in SCENES)}")
    for scene in SCENES:
        if names and scene.name not in names:
            continue
        print(scene.name)
        with Stage.start(scene.system, faults=False) as stage:
            drawn = asyncio.run(take(scene, stage))
        (HERE / f"{scene.name}.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
