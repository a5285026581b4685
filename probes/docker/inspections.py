"""Inspects a container only when the list says that it changed, and only so many at a time.

An inspection costs the Engine far more than a row of the list; a still container is never inspected twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, NamedTuple

from probes.base import Cause, ProbeError
from probes.docker.engine import EngineApi
from probes.docker.events import RECENT
from probes.docker.facts import Details
from probes.docker.parse import Row, amount, details, status_age, status_code, status_health

AT_ONCE: Final = 6
BUDGET: Final = 60
"""Inspections in one reading; the rest follows in the next ones."""
_LIMIT: Final = 4 << 20
"""Bytes of an inspection."""
_REFUSED: Final = 300.0
"""Seconds before a refused inspection is asked for again."""
_YOUNG: Final = 60
"""Seconds after a start in which a restart could hide between two lists."""
_TROUBLED: Final = 10.0
"""Seconds between two inspections of a container that is failing its check."""


class _Sign(NamedTuple):
    """What of a row tells that something happened."""

    state: object
    health: str
    code: int | None


class Inspections:
    """Remembers what the inspections said."""

    def __init__(self, api: EngineApi, monotonic: Callable[[], float], now: Callable[[], datetime]) -> None:
        self._api = api
        self._monotonic = monotonic
        self._now = now
        self._known: dict[str, Details] = {}
        self._signs: dict[str, tuple[_Sign, int | None, float]] = {}
        """Sign, age (s) and time (monotonic seconds) of the last inspection."""
        self._grown: dict[str, deque[tuple[float, int]]] = {}
        """Restarts by time seen, from the growth of the Engine's counter."""
        self._not_before = 0.0
        self._broken: ProbeError | None = None
        """Why this reading can't go on."""
        self.refused: ProbeError | None = None
        """Why containers can't be inspected."""
        self.waiting = 0
        """Containers that wait for their inspection."""

    async def update(self, rows: Iterable[tuple[str, Row]]) -> None:
        """Inspect what is new or changed, not too many at once, those in trouble first."""
        listed = dict(rows)
        self._forget(listed.keys())
        due = [id for id, row in listed.items() if self._is_due(id, row)]
        due.sort(key=lambda id: (id in self._known, listed[id].get("State") == "running"))
        self.waiting = 0
        if self._monotonic() < self._not_before:
            return
        self.refused = self._broken = None
        turns = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for id in due[:BUDGET]:
                group.create_task(self._inspect(id, listed[id], turns))
        if self._broken is not None:
            raise self._broken
        if self.refused is None:
            self.waiting = sum(id not in self._signs for id in listed)

    def known(self, id: str) -> Details | None:
        """What the last inspection said."""
        return self._known.get(id)

    def restarts(self, id: str) -> int | None:
        """Restarts in the last ten minutes, as far as they were seen; None when it was never inspected."""
        if id not in self._known:
            return None
        grown = self._grown.get(id, deque())
        while grown and self._monotonic() - grown[0][0] > RECENT:
            grown.popleft()
        return sum(more for _, more in grown)

    def _is_due(self, id: str, row: Row) -> bool:
        before = self._signs.get(id)
        if before is None:
            return True
        sign, age, at = before
        now_age = status_age(row.get("Status"))
        if sign != _sign(row) or (age is not None and now_age is not None and now_age < age):
            return True
        if row.get("State") == "running" and now_age is not None and now_age <= _YOUNG:
            return True
        return sign.health in ("unhealthy", "starting") and self._monotonic() - at > _TROUBLED

    async def _inspect(self, id: str, row: Row, turns: asyncio.Semaphore) -> None:
        try:
            async with turns:
                if self.refused is not None or self._broken is not None:
                    return
                found = details(await self._api.get(f"/containers/{id}/json", limit=_LIMIT))
        except ProbeError as error:
            self._excuse(id, row, error)
            return
        self._count(id, row, found)
        self._known[id] = found
        self._signs[id] = (_sign(row), status_age(row.get("Status")), self._monotonic())

    def _excuse(self, id: str, row: Row, error: ProbeError) -> None:
        """A container that went away meanwhile is nothing; a refusal holds for all; the rest ends the reading."""
        if error.cause is Cause.DENIED:
            self.refused = error
            self._not_before = self._monotonic() + _REFUSED
        elif error.cause in (Cause.GONE, Cause.TOO_BIG, Cause.OVERLOADED):
            self._signs[id] = (_sign(row), status_age(row.get("Status")), self._monotonic())
        else:
            self._broken = error

    def _count(self, id: str, row: Row, found: Details) -> None:
        """Remember how many restarts are new; of a container first seen, those that must have been recent."""
        before = self._known.get(id)
        if found.restarts is None:
            return
        if before is None:
            made = amount(row.get("Created"))
            young = made is not None and self._now().timestamp() - made <= RECENT
            more = found.restarts if young else min(found.restarts, int(row.get("State") == "restarting"))
        else:
            more = found.restarts - (before.restarts or 0)
        if more > 0:
            self._grown.setdefault(id, deque(maxlen=200)).append((self._monotonic(), more))

    def _forget(self, keep: Iterable[str]) -> None:
        kept = set(keep)
        for gone in (self._known.keys() | self._signs.keys()) - kept:
            self._known.pop(gone, None)
            self._signs.pop(gone, None)
            self._grown.pop(gone, None)


def _sign(row: Row) -> _Sign:
    status = row.get("Status")
    return _Sign(row.get("State"), status_health(status), status_code(status))
