"""Does a session that may not act ever ask a system to change? A monkey at the keys, and every command by name.

    python -m tests.safety.monkey --events 50000

The demonstration's real engines run behind proxies that read along (`tests.safety.wire`), so that what counts is what
was really sent. Two rooms are opened on them, one after the other: a read-only one as `opsroom demo --read-only` makes
it, and one that could act but is not armed. In each, every command of the palette is done once on every kind of screen,
then come random keys, clicks, pastes (commands among them) and changes of size. Wishes to leave are counted and not
followed.

The monkey never gives a reason: where the question why to act is open, Enter becomes Esc. So the second room stays
disarmed, which is checked, and of it holds the same as of the first: nothing but reading may be on any wire, and no
program may be started nor process signalled. The demonstration's own faults may be started; they come from outside, not
over a wire, and are healed now and then.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from textual import events
from textual.geometry import Size
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key

from desk.guard import Mode
from tests.safety.demo_room import MonkeyApp, Programs, Wires, opened, seat, wires
from tui.keys import KEYS
from tui.screens.detail import Detail
from tui.screens.prompt import Prompt
from tui.screens.sheet import Menu, open_look

ALL_KEYS: Final = sorted(
    {one for key in KEYS for one in key.keys.split(",")}
    | set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .:-_*")
    | {"escape", "tab", "shift+tab", "enter", "up", "down", "left", "right", "backspace", "delete", "insert", "f1",
       "ctrl+u", "ctrl+w", "ctrl+a", "ctrl+c", "ctrl+d", "ctrl+q", "ctrl+s", "ctrl+v", "ctrl+x", "ctrl+backslash"}
)  # fmt: skip
CAPITALS: Final = ("R", "D", "P", "S", "C", "X", "a", "E", "F", "A", "exclamation_mark")
MOVES: Final = ("up", "down", "j", "k", "enter", "escape", "tab", "q", "colon", "G", "g", "1", "2", "3", "4", "5")
PASTES: Final = (
    "supervisorctl restart worker:*", "sudo supervisorctl stop all\n", "SELECT pg_terminate_backend(1)",
    "psql -c 'select pg_cancel_backend(4711)'\n", "redis-cli flushall", "redis-cli -n 0 flushdb\r\n",
    "docker compose up -d --scale worker=0", "systemctl stop postgresql", "kill -9 1\n", "rm -rf /\r",
    "R\t\r\r\r", "worker", "\x1b[A\r", "[@click=app.restart]x[/]", "x" * 5000,
)  # fmt: skip
SIZES: Final = ((80, 24), (120, 40), (200, 60), (132, 43), (56, 12), (40, 10), (20, 5), (1, 1))

_BATCH: Final = 8
"""Events between two moments in which all must have been handled."""
_LEAPING: Final = 40
"""Events after which the monkey finds itself on another kind of screen."""
_HEALING: Final = 1000
"""Events after which the demonstration's faults are healed."""


@dataclass
class Found:
    """What a run found."""

    events: int = 0
    commands: set[tuple[str, str]] = field(default_factory=set)
    """(kind of screen, command of the palette) that was done there."""
    screens: Counter[str] = field(default_factory=Counter)
    """Kind of screen -> how often the monkey was found on it."""
    leaving: int = 0
    wrong: list[str] = field(default_factory=list)
    sent: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The figures, on one line."""
        kinds = len({kind for kind, _ in self.commands})
        sent = ", ".join(
            f"{name} {sum(count.values()):,} of {len(count)} sorts" for name, count in sorted(self.sent.items())
        )
        return (
            f"{self.events:,} events, {len(self.commands)} palette commands on {kinds} kinds of screen, "
            f"{self.leaving} wishes to leave; on the wire: {sent}; {len(self.wrong)} that may change something"
        )


def key(name: str) -> events.Key:
    """A key as the terminal's driver makes it."""
    name = _character_to_key(name) if len(name) == 1 and not name.isalnum() else name
    original = REPLACED_KEYS.get(name, name)
    try:
        character: str | None = unicodedata.lookup(_get_unicode_name_from_key(original))
    except KeyError:
        character = name if len(name) == 1 else {"enter": "\r", "tab": "\t", "escape": "\x1b"}.get(name)
    return events.Key(name, character)


class Monkey:
    """Does anything, to a plan that its seed makes."""

    def __init__(self, app: MonkeyApp, seed: int, found: Found) -> None:
        self.app = app
        self.chance = random.Random(seed)
        self.found = found

    async def play(self, count: int) -> None:
        """So many events."""
        for number in range(count):
            await self._one()
            if number % _BATCH == 0:
                await self.app.handled()
                self.found.screens[type(self.app.screen).__name__] += 1
            if number % _HEALING == 0:
                self._heal()
            if number % _LEAPING == 0:
                await self._leap()
            self.found.events += 1
        await self.app.handled()

    async def _one(self) -> None:
        draw = self.chance.random()
        if draw < 0.80:
            pool = self.chance.choice((ALL_KEYS, ALL_KEYS, CAPITALS, MOVES, MOVES))
            await self.press(self.chance.choice(pool))
        elif draw < 0.95:
            self._mouse()
        elif draw < 0.99:
            self.app.send(events.Paste(self.chance.choice(PASTES)))
        else:
            self.app.become(Size(*self.chance.choice(SIZES)))

    async def press(self, name: str) -> None:
        """A key; one that would give a reason to act becomes Esc."""
        if name == "enter":
            await self.app.handled()
            if any("why act on" in prompt.placeholder for prompt in self.app.screen.query(Prompt)):
                name = "escape"
        self.app.send(key(name))

    def _mouse(self) -> None:
        x, y = self.chance.randrange(max(1, self.app.size.width)), self.chance.randrange(max(1, self.app.size.height))
        draw = self.chance.random()
        if draw < 0.15:
            kind = self.chance.choice((events.MouseScrollDown, events.MouseScrollUp))
            self.app.send(kind(None, x, y, 0, 0, 0, False, False, False, x, y))
            return
        self.app.send(events.MouseMove(None, x, y, 0, 0, 0, False, False, False, x, y))
        button = self.chance.choice((1, 1, 1, 2, 3))
        for _ in range(self.chance.choice((1, 1, 2, 3))):
            self.app.send(events.MouseDown(None, x, y, 0, 0, button, False, False, False, x, y))
            self.app.send(events.MouseUp(None, x, y, 0, 0, button, False, False, False, x, y))

    async def _leap(self) -> None:
        tour = Tour(self.app, self.found)
        await tour.home()
        await self.chance.choice(list(tour.kinds().values()))()

    def _heal(self) -> None:
        stage = self.app.room.stage
        for name in stage.active() if stage is not None else ():
            assert stage is not None
            stage.heal(name)


# Every command by name, on every kind of screen


class Tour:
    """Does every command of the palette on every kind of screen."""

    def __init__(self, app: MonkeyApp, found: Found) -> None:
        self.app = app
        self.found = found

    async def home(self) -> None:
        """Back to the overview, with no question open."""
        app = self.app
        while len(app.screen_stack) > 2:
            await app.pop_screen()
        for _ in range(3):  # a question, a filter, a zoom
            app.send(key("escape"))
            await app.handled()

    async def press(self, *names: str) -> None:
        """Keys, handled."""
        for name in names:
            self.app.send(key(name))
        await self.app.handled()

    def kinds(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Kind of screen -> how one gets there from the overview."""

        def detail(name: str) -> Callable[[], Awaitable[None]]:
            async def there() -> None:
                await self.app.push_screen(Detail(self.app.room, name))
                await self.app.handled()

            return there

        def by(*names: str, first: str = "") -> Callable[[], Awaitable[None]]:
            async def there() -> None:
                if first:
                    await detail(first)()
                await self.press(*names)

            return there

        async def answer() -> None:
            await detail("cache")()
            screen, room = self.app.screen, self.app.room
            assert isinstance(screen, Detail)
            open_look(screen, room, "cache", room.engine.probe("cache").looks()[0].name, screen.pointed[1])
            await self.app.handled()

        targets = [target.name for target in self.app.room.profile.targets]
        return {
            "overview": by(),
            **{f"detail of {name}": detail(name) for name in targets},
            "help": by("question_mark"),
            "alerts": by("A"),
            "acts": by("E"),
            "faults": by("F"),
            "palette": by("colon"),
            "row": by("d", first="main"),
            "looks": by("v", first="app"),
            "log": by("l", first="app"),
            "answer": answer,
        }

    async def go(self, only: Sequence[str] = ()) -> None:
        """Everywhere, everything; or `only` on some kinds of screen."""
        for kind, there in self.kinds().items():
            if not only or kind in only:
                await self._at(kind, there)
        await self.home()

    async def _at(self, kind: str, there: Callable[[], Awaitable[None]]) -> None:
        left: list[str] | None = None
        while left is None or left:
            await self.home()
            await there()
            menu = await self._palette()
            offered = [item[0] for item in menu._items]
            left = offered if left is None else [one for one in left if one in offered]
            if left:
                await self._choose(menu, left.pop(0), kind)

    async def _palette(self) -> Menu:
        self.app.action_palette()
        await self.app.handled()
        menu = self.app.screen
        assert isinstance(menu, Menu), f"the palette is not open, but {menu}"
        return menu

    async def _choose(self, menu: Menu, command: str, kind: str) -> None:
        menu._view.point(command)
        menu.action_choose()
        await self.app.handled()
        self.found.commands.add((kind, command))


# Running it


async def roam(on: Wires, count: int, seed: int, read_only: bool, only: Sequence[str]) -> Found:
    """One room: the tour, then the monkey."""
    found = Found()
    on.forget()
    taken = seat(on, read_only)
    room = taken.room
    if (taken.hands is None) is not read_only or bool(room.read_only_because) is not read_only:
        raise AssertionError("that is not the room that was meant")
    programs = Programs.listen()
    async with opened(taken) as app:
        await Tour(app, found).go(only)
        await Monkey(app, seed, found).play(count)
        found.leaving = app.leaving
        if read_only and room.hands is not None:
            found.wrong.append("a read-only room has been given hands")
        elif room.hands is not None and (room.hands.mode is not Mode.DISARMED or room.hands.runner is not None):
            found.wrong.append("the monkey has armed the session")
    programs.listening = False
    found.wrong += [f"a program: {one}" for one in programs.seen]
    found.wrong += on.changing()
    found.sent = on.sent
    return found


def run(count: int, seed: int = 1, only: Sequence[str] = ()) -> dict[str, Found]:
    """Both rooms, with half of the events each; the tour goes to every kind of screen, or `only` to some."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="opsroom-monkey-") as place, wires(Path(place)) as on:
        for name, read_only in (("read-only", True), ("disarmed", False)):
            found[name] = asyncio.run(roam(on, count // 2, seed, read_only, only))
    return found


def main(words: list[str]) -> int:
    """Run it and say a line of figures for each room."""
    parser = argparse.ArgumentParser(prog="tests.safety.monkey")
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="Say every command that was on a wire.")
    chosen = parser.parse_args(words)
    began = time.monotonic()
    found = run(chosen.events, chosen.seed)
    for name, one in found.items():
        lines = [f"monkey, {name}: {one.line}", *one.wrong]
        if chosen.show:
            lines += [f"{engine}: {n} x {text}" for engine, all in one.sent.items() for text, n in all.most_common()]
            lines.append(f"screens: {dict(one.screens)}")
        sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.write(f"monkey: {time.monotonic() - began:.0f} s\n")
    return 1 if any(one.wrong for one in found.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
