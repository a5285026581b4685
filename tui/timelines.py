"""The timelines of a session's incidents: their own records, woven with the alerts, acts and procedures of their time,
which are read again while somebody looks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from desk.incident.incidents import Incidents
from desk.incident.timeline import Entry
from probes.base import Lane, ProbeError
from tui.incident_papers import NoPapers, Papers

if TYPE_CHECKING:
    from tui.room import Room

AGAIN: Final = 2.0
"""Seconds between two looks for what happened beside an incident that somebody looks at."""

_PATIENT: Final = 5
"""So many times as long as the last look took, it is waited until the next."""


@dataclass(slots=True)
class _Beside:
    """What happened beside one incident, as of the last look."""

    entries: list[Entry] = field(default_factory=list)
    version: int = 0
    next: float = 0.0
    """When it is looked again, monotonic seconds."""
    task: asyncio.Task[None] | None = None
    trouble: str = ""


@dataclass(slots=True)
class _Woven:
    of: tuple[str, int]
    entries: list[Entry]


class Timelines:
    """They belong to the event loop and never wait for the disk."""

    def __init__(self, room: Room, incidents: Incidents, papers: Papers | None) -> None:
        """`papers`: what lies beside; None: nothing does."""
        self._room, self._incidents, self._papers = room, incidents, papers
        self._lane = Lane("timelines", limit=1)
        self._beside: dict[str, _Beside] = {}
        self._woven: dict[str, _Woven] = {}
        self.changed: Callable[[], None] = lambda: None
        """Called when a look has ended."""

    def close(self) -> None:
        """Look no more."""
        for one in self._beside.values():
            if one.task is not None:
                one.task.cancel()
        self._lane.close()

    def look(self, incident: str) -> None:
        """Somebody looks at it: see what happened beside it, if that was not seen just now."""
        there = self._incidents.get(incident)
        if there is None or self._papers is None:
            return
        seen = self._beside.setdefault(incident, _Beside())
        idle = seen.task is None or seen.task.done()
        if idle and self._room.engine.clock.monotonic() >= seen.next:
            seen.task = asyncio.create_task(self._read(incident, seen, self._papers))

    async def _read(self, incident: str, seen: _Beside, papers: Papers) -> None:
        clock = self._room.engine.clock
        since, until = self._incidents.span(incident)
        began = clock.monotonic()
        there = self._room.procedures
        known = there.runs.records() if there is not None else []
        alerts = self._room.engine.inbox.records(since, until)
        try:
            found = await self._lane.run(papers.beside, since, until, alerts, known)
        except (NoPapers, ProbeError) as error:
            seen.trouble = str(error)
        else:
            seen.trouble = ""
            if found != seen.entries:
                seen.entries, seen.version = found, seen.version + 1
        ended = clock.monotonic()
        seen.next = ended + max(AGAIN, _PATIENT * (ended - began))
        self.changed()

    def entries(self, incident: str) -> list[Entry]:
        """Its timeline as far as it is known by now."""
        there = self._incidents.get(incident)
        if there is None:
            return []
        seen = self._beside.get(incident) or _Beside()
        of = there.last.id + str(len(there.records)), seen.version
        made = self._woven.get(incident)
        if made is None or made.of != of:
            made = self._woven[incident] = _Woven(of, self._incidents.entries(incident, seen.entries))
        return made.entries

    def trouble(self, incident: str) -> str:
        """Why not all of its time is seen; empty: it is."""
        seen = self._beside.get(incident)
        return seen.trouble if seen is not None else ""
