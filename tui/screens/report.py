"""Reports over the screen one came from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from desk import words
from desk.report.paper import Report
from probes.base import Lane, ProbeError
from tui.room import Room
from tui.screens.base import RoomScreen
from tui.screens.sheet import Sheet
from widgets.lines import Line, dim, line
from widgets.report import report_lines

if TYPE_CHECKING:
    from tui.reports import Reports

Make = Callable[["Reports", datetime], Report]

REPORTS: Final[Sequence[tuple[str, str, Make]]] = (
    ("report capacity", "how full it is getting, and when the room is gone", lambda of, now: of.capacity(now)),
    ("report shift", "the last eight hours: alerts, acts, not watched",
     lambda of, now: of.shift(now - timedelta(hours=8), now, now)),
    ("report day", "the same of the last 24 hours", lambda of, now: of.shift(now - timedelta(days=1), now, now)),
)  # fmt: skip
"""(name, words, what makes it)."""

_LANE: Final = Lane("reports", 1)


class ReportSheet(Sheet):
    """A report, made in a thread while one waits here."""

    def __init__(self, room: Room, name: str, make: Callable[[], Report]) -> None:
        super().__init__(room, name, self._report_lines)
        self._make = make
        self._report: Report | None = None
        self._said = "reading what was kept …"
        self._task: asyncio.Task[None] | None = None

    def on_mount(self) -> None:
        """Begin."""
        super().on_mount()
        self._task = asyncio.create_task(self._run())

    async def on_unmount(self) -> None:
        """Nobody waits any more."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        from tui.reports import NoReport

        try:
            self._report = await _LANE.run(self._make)
        except NoReport as error:
            self._said = str(error)
        except ProbeError:
            self._said = "an earlier report is still being made; try again in a moment"
        self.draw()

    def _report_lines(self, width: int) -> list[Line]:
        if self._report is None:
            return [line(), line(dim(self._said))]
        asked = f"opsroom report {self._report.name} --to FILE writes it; y copies it"
        return [*report_lines(self._report, width), line(), line(dim(asked))]


def open_report(screen: RoomScreen, room: Room, name: str) -> None:
    """Show a report of this name."""
    make = next(make for known, _, make in REPORTS if known == name)
    reports, now = room.reports, room.engine.clock.now()
    if reports is None:
        screen.say("nothing is kept of this session")
        return
    title = f"{name.removeprefix('report ').capitalize()}, made {words.clock(now)}"
    screen.app.push_screen(ReportSheet(room, title, lambda: make(reports(), now)))
