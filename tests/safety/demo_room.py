"""The demonstration's room with somebody on every wire: real engines, a counting proxy before each, no hands or idle
ones.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from textual import events
from textual.geometry import Size
from textual.pilot import Pilot

from desk.hands import Hands
from systems.stage import Stage
from tests.safety import wire
from tui import wiring
from tui.app import OpsroomApp
from tui.keys import Keymap
from tui.kinds import Kinds
from tui.places import Places
from tui.room import Room
from tui.screens.overview import Overview
from tui.secrets import Secrets

_PATIENCE: Final = 30.0
"""Seconds in which keys must have been handled."""

_ACTING: Final = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.kill", "os.killpg")
"""What Python tells when a program is started or a process is signalled. Source: docs.python.org, audit events."""


@dataclass
class Wires:
    """A stage, the profile that leads to it by way of the proxies, and what went through them."""

    stage: Stage
    profile: Path
    proxies: dict[str, wire.CountingProxy]

    @property
    def sent(self) -> dict[str, Counter[str]]:
        """Engine -> command -> how often."""
        return {name: Counter(proxy.asked_for) for name, proxy in self.proxies.items()}

    def forget(self) -> None:
        """Begin anew."""
        for proxy in self.proxies.values():
            proxy.asked_for.clear()

    def changing(self) -> list[str]:
        """Every command that may have changed something, with why."""
        found = []
        for name, judge in JUDGES.items():
            for command, count in sorted(self.proxies[name].asked_for.items()):
                if why := judge(command):
                    found.append(f"{name}: {count} x {' '.join(command.split())[:300]!r}: {why}")
        return found


JUDGES: Final = {
    "supervisor": wire.changing_rpc,
    "postgres": wire.changing_sql,
    "redis": wire.changing_redis,
    "web": wire.changing_http,
}


@contextmanager
def wires(folder: Path) -> Iterator[Wires]:
    """The demonstration's engines, each behind a proxy that reads along."""
    with ExitStack() as stack:
        stage = stack.enter_context(Stage.start("newsletter", faults=False))
        port = stage.ports
        proxies = {
            "postgres": wire.CountingProxy(port["postgres"], wire.PostgresReader),
            "redis": wire.CountingProxy(port["redis"], wire.RedisReader),
            "web": wire.CountingProxy(port["web"], wire.HttpReader),
            "supervisor": wire.CountingProxy(
                stage.folder / "supervisor.sock", wire.HttpReader, stage.folder / "watched.sock"
            ),
        }
        text = stage.profile_path.read_text(encoding="utf-8").replace("/supervisor.sock", "/watched.sock")
        for name in ("postgres", "redis", "web"):
            text = text.replace(f":{port[name]}", f":{proxies[name].port}")
        for proxy in proxies.values():
            stack.enter_context(proxy)
        profile = folder / "profile.toml"
        profile.write_text(text, encoding="utf-8")
        yield Wires(stage, profile, proxies)


@dataclass(frozen=True, slots=True)
class Seat:
    """What an app is opened with."""

    room: Room
    secrets: Secrets
    hands: Callable[[], Hands] | None = None
    """Makes what acts; None where the session is read-only for good."""


def seat(on: Wires, read_only: bool = True) -> Seat:
    """The room as `opsroom demo --read-only` opens it; else as `opsroom demo` does, but not armed."""
    environ = {**os.environ, **on.stage.environ}
    kinds, secrets = Kinds(), Secrets(environ)
    places = replace(Places.of(environ), acts=on.stage.folder / "acts")
    profile = wiring.open_profile(str(on.profile), kinds, environ, places)
    engine = wiring.build(profile, kinds, secrets, places)
    why_not = wiring.read_only_because(profile, read_only, places)
    room = Room(engine, profile, kinds, Keymap({}), on.stage, read_only_because=why_not)
    hands = None if why_not else partial(wiring.hands, profile, engine, kinds, secrets, places, environ)
    return Seat(room, secrets, hands)


class MonkeyApp(OpsroomApp):
    """The app: it counts the wishes to leave and stays, tells when keys are handled, and writes down named actions."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat.room, seat.secrets, "night", hands=seat.hands)
        self.leaving = 0
        self.named: list[str] = []
        """Actions that were asked for by a text, as `[@click=...]` does; keys go another way."""
        self.reached = asyncio.Event()
        self._bindings.bind("f12", "mark", "mark", show=False)

    def exit(self, result: Any = None, return_code: int = 0, message: Any = None) -> None:
        self.leaving += 1

    def action_mark(self) -> None:
        """All keys before this one have been handled."""
        self.reached.set()

    async def _broker_event(self, event_name: str, event: events.Event, default_namespace: Any) -> bool:
        done = await super()._broker_event(event_name, event, default_namespace)
        if done:
            self.named.append(event_name)
        return done

    def send(self, event: events.Event) -> None:
        """What the terminal's driver does with something that came in."""
        assert self._driver is not None
        self._driver.process_message(event)

    def become(self, size: Size) -> None:
        """The terminal has another size."""
        assert self._driver is not None
        self._driver._size = (size.width, size.height)
        self.post_message(events.Resize(size, size))

    async def handled(self) -> None:
        """Wait until everything that was sent has been handled. Raises what the app has stopped of."""
        self.reached.clear()
        waiting: asyncio.Future[bool] = asyncio.ensure_future(self.reached.wait())
        stopped: asyncio.Future[bool] = asyncio.ensure_future(self._exception_event.wait())
        left: set[asyncio.Future[bool]] = {waiting, stopped}
        done: set[asyncio.Future[bool]] = set()
        ends = time.monotonic() + _PATIENCE
        while not done and time.monotonic() < ends:
            self.send(events.Key("f12", None))  # again: a line that ends drops what follows in the burst
            done, left = await asyncio.wait(left, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
        for one in left:
            one.cancel()
        if self._exception is not None:
            raise self._exception
        if not done:
            raise TimeoutError(f"keys were not handled within {_PATIENCE:g} s: {self.focused} on {self.screen_stack}")


@asynccontextmanager
async def opened(seat: Seat) -> AsyncIterator[MonkeyApp]:
    """The app on a terminal in memory, every target read once, the cursor on a line."""
    app, room = MonkeyApp(seat), seat.room

    def ready() -> bool:
        read = all(slot.snapshot for slot in room.board.slots())
        screen = app.screen
        return (
            read and isinstance(screen, Overview) and bool(screen.pointed[0]) and (not seat.hands or bool(room.hands))
        )

    async with app.run_test(size=(120, 40), notifications=True, tooltips=True) as pilot:
        await until(pilot, ready)
        try:
            yield app
        finally:
            OpsroomApp.exit(app)


async def until(pilot: Pilot[int], true: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(60):
        while not true():
            await pilot.pause(0.05)


class Programs:
    """Programs started and processes signalled by this process, while it is asked for."""

    _installed: Programs | None = None

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.listening = False
        sys.addaudithook(self._hear)

    @classmethod
    def listen(cls) -> Programs:
        """The only one there is, emptied: what listens to Python's audit events can't be taken away again."""
        cls._installed = cls._installed or cls()
        cls._installed.seen.clear()
        cls._installed.listening = True
        return cls._installed

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.listening and event in _ACTING:
            self.seen.append(f"{event} {arguments[:2]}")
