"""The engine of a replay: it has a board, alerts and a clock like the living one, and reads a recording instead.

It makes no probe of any kind, so that nothing can be connected to. Everything that comes from disk is read in threads;
the board is changed on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from desk.alert import Alert
from desk.board import Board
from desk.engine import Engine
from desk.inbox.case import Case
from desk.poller import within
from desk.replay.recording import Course, FactsOf, Frame, Header, Recording, Silence
from desk.series import SHOWN, Series
from desk.tape.tape import TapeError
from probes.base import (
    Cause,
    Context,
    GaugeKey,
    Lane,
    Look,
    Probe,
    ProbeError,
    SafeText,
    Settings,
    Sheet,
    Snapshot,
    Target,
)

SPEEDS: Final = (1, 10, 60)
"""Recorded seconds for each second of playing."""

_LEAP: Final = 600.0
"""Seconds of recording that one picture moves on by at most."""

_ENDING: Final = 0.3
"""Seconds that letting go may take."""

NOT_RECORDED: Final = "this is a recording: logs and closer looks are not in it"


class RecordedClock:
    """The time of the recording."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        """The moment that is shown."""
        return self.at

    def monotonic(self) -> float:
        """Its seconds since 1970."""
        return self.at.timestamp()


class _NoSecrets:
    def resolve(self, reference: str) -> str:
        raise LookupError("a replay needs no secret")


class Recorded(Probe[Any]):
    """Stands where a probe would: there is nothing to read, and what a person looks closer at is not recorded."""

    kind = "recorded"

    def __init__(self, target: Target) -> None:
        super().__init__(target, Context(_NoSecrets()))

    async def read(self) -> Snapshot[Any]:
        """Never: a recording has been read already."""
        raise ProbeError(Cause.MISSING, NOT_RECORDED)

    def looks(self) -> tuple[Look, ...]:
        """Two that say why there is none."""
        return (Look("log", "not recorded", follow=True), Look("look", "not recorded"))

    async def look(self, name: str, subject: str) -> Sheet:
        """The reason."""
        raise ProbeError(Cause.MISSING, NOT_RECORDED)

    async def follow(self, name: str, subject: str) -> AsyncGenerator[SafeText, None]:
        """The reason."""
        raise ProbeError(Cause.MISSING, NOT_RECORDED)
        yield SafeText()


class Player(Engine):
    """Plays a recording: `jump` goes anywhere, `play` goes on, the board and the alerts follow."""

    def __init__(self, path: Path, facts_of: FactsOf, when: datetime) -> None:
        """Opens the file and shows the moment, or the nearest of which there is anything. Raises `TapeError`."""
        self.recording = Recording.open(path, facts_of)
        try:
            edges = self.recording.edges()
            if edges is None:
                raise TapeError(f"{path.name} holds no recording: nothing was ever written into it")
            self.edges = edges
            self._later = Recording.open(path, facts_of)
            self.clock_: RecordedClock = RecordedClock(max(when, edges[0]))
            super().__init__((), self.clock_)
            self._lane, self._beside = Lane("replay", limit=1), Lane("replay history", limit=1)
            self._turn = asyncio.Lock()
            self._wanted = 0
            """Number of the newest jump; what belongs to an earlier one is thrown away."""
            self._filling: asyncio.Task[None] | None = None
            self._since: list[tuple[str, float, Any]] = []
            """Gauges that came while the history was still being read."""
            self.recalled: Callable[[str], None] = lambda name: None
            """Told of each target whose history has been read: what was drawn of it before is not so any more."""
            self.speed = 0
            """Recorded seconds for each second; 0: it stands still."""
            self.header: Header
            self.silence: Silence | None = None
            self._said: tuple[Alert, ...] = ()
            self._inbox: tuple[Case, ...] = ()
            self._recorded: dict[str, Recorded] = {}
            self._show(*self._board_at(self.clock_.at))
        except BaseException:
            self.recording.close()
            raise

    # what a room asks of its engine

    def probe(self, name: str) -> Probe[Any]:
        """What stands where the target's probe would."""
        return self._recorded[name]

    def alerts(self, name: str | None = None) -> list[Alert]:
        """What was wrong, of one target or of all; worst first."""
        return [self._as_it_was(one) for one in self._said if name in (None, one.target)]

    def cases(self) -> list[Case]:
        """The inbox as it was."""
        return [one if one.away else replace(one, alert=self._as_it_was(one.alert)) for one in self._inbox]

    def _as_it_was(self, alert: Alert) -> Alert:
        """With the number of its target's reading: marks keep what was said, not every change of a value."""
        if alert.value is None or alert.key or not alert.gauge or alert.target not in self._recorded:
            return alert
        slot = self.board.slot(alert.target)
        value = slot.snapshot.gauges.get(GaugeKey(alert.gauge, alert.labels)) if slot.snapshot is not None else None
        return alert if value is None else replace(alert, value=value)

    def start(self) -> None:
        """Fill in the history of what is shown."""
        self._fill()

    def read_now(self, name: str | None = None) -> None:
        """Nothing is read: it was."""

    def watch(self, name: str, on: bool = True) -> None:
        """Nobody is asked for more."""

    @property
    def pace(self) -> float:
        """As it was."""
        return self.board.pace

    @pace.setter
    def pace(self, factor: float) -> None:
        """Stays as it was."""

    def __len__(self) -> int:
        return len(self._recorded)

    async def close(self) -> None:
        """Let go of the file."""
        self._wanted += 1
        if self._filling is not None:
            await within(_ENDING, self._filling)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ENDING), self._turn:
                self.recording.close()
        self._later.close()
        self._lane.close()
        self._beside.close()

    # jumps

    @property
    def at(self) -> datetime:
        """The moment that is shown."""
        return self.clock_.at

    async def jump(self, when: datetime) -> None:
        """Show another moment. Raises `TapeError`."""
        self._wanted += 1
        wanted = self._wanted
        async with self._turn:
            if wanted != self._wanted:
                return  # somebody wants to go elsewhere by now
            made = await self._lane.run(self._board_at, when)
            if wanted == self._wanted:
                self._show(*made)
                self._fill()

    async def find(self, look: Callable[[Recording, datetime], Any]) -> Any:
        """What the recording says of the present moment, looked up in a thread. Raises `TapeError`."""
        async with self._turn:
            return await self._lane.run(look, self.recording, self.at)

    async def step(self, forward: bool) -> bool:
        """To the next reading, or the one before; False where there is none."""
        look = Recording.reading_after if forward else Recording.reading_before
        there = await self.find(look)
        if there is None:
            return False
        await (self.go_on(there) if forward else self.jump(there))
        return True

    async def go_on(self, until: datetime) -> None:
        """Let pass what was recorded until a later moment. Raises `TapeError`."""
        if (until - self.at).total_seconds() > _LEAP:
            await self.jump(until)
            return
        async with self._turn:
            wanted, header = self._wanted, self.header
            course = await self._lane.run(self.recording.course, self.at, until, header)
            if wanted != self._wanted:
                return
            if (course.header.session, course.header.pace) == (header.session, header.pace):
                self._pass(course)
                return
        await self.jump(until)

    async def move_on(self, seconds: float) -> bool:
        """Go on by so many recorded seconds, but not past the end; False when it is there already."""
        until = self.at + timedelta(seconds=seconds)
        if until > self.edges[1]:
            await self.look_again()
        until = min(until, self.edges[1])
        if until <= self.at:
            return False
        await self.go_on(until)
        return True

    async def play(self, seconds: float) -> None:
        """Go on by so many seconds of a person's time at the present speed."""
        if self.speed and not self._turn.locked():
            until = self.at + timedelta(seconds=min(seconds * self.speed, _LEAP))
            await self.go_on(min(until, max(self.end, self.at)))

    @property
    def end(self) -> datetime:
        """Where playing ends: the last reading, or what a person asked for."""
        return self._end or self.edges[1]

    _end: datetime | None = None

    def until(self, end: datetime) -> None:
        """Play no further than this."""
        self._end = min(end, self.edges[1])

    async def look_again(self) -> None:
        """Has more been recorded meanwhile?"""
        edges = await self.find(lambda recording, _: recording.edges())
        self.edges = edges or self.edges

    def _board_at(self, when: datetime) -> tuple[Frame, Board]:
        """The board at a moment, made anew; in a thread."""
        frame = self.recording.frame(when)
        header = frame.header
        clock = RecordedClock(header.began)
        board = Board((_target(*one) for one in header.targets), clock)
        for name, readings in frame.readings.items():
            for at, reading in readings:
                clock.at = at
                board.pace = next((pace for since, pace in reversed(frame.paces) if since <= at), header.pace)
                board.take(_of(reading, name))
        clock.at, board.pace = when, header.pace
        return frame, board

    def _show(self, frame: Frame, board: Board) -> None:
        board.bell = self.board.bell
        board._clock = self.clock_
        self.clock_.at = frame.at
        self.header, self.silence = frame.header, frame.silence
        self._said, self._inbox = frame.alerts, frame.cases
        self.board = board
        targets = {slot.target.name: slot.target for slot in board.slots()}
        self._recorded = {name: Recorded(target) for name, target in targets.items()}
        for name in targets:  # until it is read, the history on screen is none rather than a wrong one
            board.recall(name, Series())
        board.bell()

    def _pass(self, course: Course) -> None:
        for step in course.steps:
            self.clock_.at = step.at
            if step.reading is not None:
                self.board.take(step.reading)
            else:
                self.board.series(step.target).add(step.gauges or {}, step.at.timestamp())
            if self._filling is not None and not self._filling.done():
                self._since.append((step.target, step.at.timestamp(), step.gauges))
        self.clock_.at, self.header = course.until, course.header
        self.silence = course.silence
        if course.alerts is not None:
            self._said = course.alerts
        if course.cases is not None:
            self._inbox = course.cases
        self.board.bell()

    # the history, beside

    def _fill(self) -> None:
        """Read the history of every target: first what sparklines show, then the rest of the hour."""
        self._since = []
        history = self._history(self._filling, self._wanted, self.at, self.header)
        self._filling = asyncio.get_running_loop().create_task(history)

    async def _history(self, earlier: asyncio.Task[None] | None, wanted: int, when: datetime, header: Header) -> None:
        if earlier is not None:
            await asyncio.wait({earlier})  # it ends with the target it is at
        for most in (SHOWN, 0):
            for name, kind, _ in header.targets:
                if wanted != self._wanted:
                    return
                try:
                    series = await self._beside.run(self._later.series, name, kind, when, header, most)
                except (TapeError, ProbeError):
                    return  # without a history; the board is there
                if wanted != self._wanted:
                    return
                for target, at, gauges in self._since:
                    if target == name:
                        series.add(gauges or {}, at)
                self.board.recall(name, series)
                self.recalled(name)
                self.board.bell()

    async def filled(self) -> None:
        """Wait until the whole history is there."""
        while (filling := self._filling) is not None and not filling.done():
            await asyncio.wait({filling})


def _target(name: str, kind: str, every: float) -> Target:
    return Target(name, kind, Settings.model_construct(every=every))


def _of(reading: Any, name: str) -> Any:
    """A failure says in its own words of which target it is: it stands under the name of the file."""
    return reading if reading.target == name else replace(reading, target=name)
