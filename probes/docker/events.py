"""What the Engine reports about containers as it happens: evidence beside the readings, never their source.

A stream that breaks loses nothing but evidence: every reading lists all containers again. Stopping by hand is told
from dying by itself here, because an inspection does not say.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from probes.base import Cause, ProbeError
from probes.docker.engine import EngineApi
from probes.docker.facts import Event
from probes.docker.parse import ID, amount, table, text

KEPT: Final = 200
RECENT: Final = 600.0
"""Seconds in which a restart or an out-of-memory kill is recent."""
_SINCE: Final = 3600
"""Seconds looked back at first; the Engine itself keeps its last 256 events."""
_AGAIN: Final = 5.0
_REFUSED: Final = 300.0
_LINE: Final = 4 << 20
_WANTED: Final = ("kill", "oom", "die", "start", "restart", "stop", "destroy", "health_status", "pause", "unpause")
_SIGNALS: Final = {"2": "SIGINT", "3": "SIGQUIT", "9": "SIGKILL", "15": "SIGTERM", "SIGKILL": "SIGKILL"}


class Events:
    """Follows the Engine's events and remembers the last ones."""

    def __init__(self, api: EngineApi, monotonic: Callable[[], float], now: Callable[[], datetime]) -> None:
        self._api = api
        self._monotonic = monotonic
        self._now = now
        self._seen: deque[Event] = deque(maxlen=KEPT)
        self._kinds: deque[tuple[str, str, datetime]] = deque(maxlen=4 * KEPT)
        """(container id, action, when) of the actions that tell how a container ended."""
        self._last: datetime | None = None
        self._task: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self.live = False
        """The stream is open."""
        self.failed: ProbeError | None = None
        """Why there is no stream."""

    def follow(self, project: str) -> None:
        """Keep the stream open: opened again when it broke, from where it broke."""
        if (self._task is None or self._task.done()) and self._monotonic() >= self._not_before:
            self._not_before = self._monotonic() + _AGAIN
            self._task = asyncio.create_task(self._follow(project))

    def stop(self) -> None:
        """End the stream; what was seen is kept."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self.live = False

    def newest(self) -> tuple[Event, ...]:
        """What happened, newest first."""
        return tuple(reversed(self._seen))

    def by_hand(self, id: str) -> bool:
        """True when the container's last end followed a request to kill or stop it."""
        asked = False
        for one, action, _ in self._kinds:
            if one == id:
                asked = {"kill": True, "start": False}.get(action, asked)
        return asked

    def restarts(self, id: str) -> int:
        """Recent starts that followed an end nobody asked for."""
        count, asked, ended = 0, False, False
        for one, action, at in self._kinds:
            if one != id:
                continue
            if action == "start":
                count += ended and not asked and self._is_recent(at)
                asked = ended = False
            asked = asked or action == "kill"
            ended = ended or action == "die"
        return count

    def out_of_memory(self, id: str) -> bool:
        """True when the kernel killed something in the container recently."""
        return any(one == id and action == "oom" and self._is_recent(at) for one, action, at in self._kinds)

    def touched(self) -> set[str]:
        """Ids of containers anything is remembered about."""
        return {one for one, _, _ in self._kinds}

    def _is_recent(self, at: datetime) -> bool:
        return self._now() - at <= timedelta(seconds=RECENT)

    async def _follow(self, project: str) -> None:
        wanted = {"type": ["container"], "event": list(_WANTED)}
        if project:
            wanted["label"] = [f"com.docker.compose.project={project}"]
        start = self._last or self._now() - timedelta(seconds=_SINCE)
        query = {"filters": json.dumps(wanted), "since": f"{start.timestamp():.9f}"}
        try:
            await self._read(query)
            self.failed = ProbeError(Cause.CLOSED_EARLY, "the Engine ended its event stream")
        except ProbeError as error:
            self.failed = error
            if error.cause is Cause.DENIED:
                self._not_before = self._monotonic() + _REFUSED
        finally:
            self.live = False

    async def _read(self, query: Mapping[str, str]) -> None:
        rest = b""
        async with aclosing(self._api.stream("/events", query)) as chunks:
            async for chunk in chunks:
                self.live, self.failed = True, None
                *whole, rest = (rest + chunk).split(b"\n")
                for one in whole:
                    with contextlib.suppress(ValueError, RecursionError):
                        self.take(table(json.loads(one)))
                if len(rest) > _LINE:
                    raise ProbeError(Cause.TOO_BIG, "an event is too long")

    def take(self, answer: Mapping[str, Any]) -> None:
        """Remember one event; what is not a container's is ignored."""
        actor = table(answer.get("Actor"))
        given = table(actor.get("Attributes"))
        id, action, at = actor.get("ID"), answer.get("Action"), _moment(answer)
        if not isinstance(id, str) or not ID.fullmatch(id) or not isinstance(action, str) or at is None:
            return
        if self._last is not None and at <= self._last:
            return
        self._last = at
        action = action.split(":")[0] if action.startswith("exec") else action
        if action in ("kill", "die", "start", "oom"):
            self._kinds.append((id, action, at))
        if (what := _words(action, given)) is not None:
            self._seen.append(Event(at, id, text(given.get("name")), what))


def _moment(answer: Mapping[str, Any]) -> datetime | None:
    nanos = amount(answer.get("timeNano"))
    if nanos is None:
        return None
    try:
        return datetime.fromtimestamp(nanos / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _words(action: str, given: Mapping[str, Any]) -> str | None:
    """What happened, in our words; None for what is of no interest."""
    if action == "die":
        return f"ended, exit code {text(given.get('exitCode'), 12)}"
    if action == "kill":
        number = str(text(given.get("signal"), 12))
        return f"was sent {_SIGNALS.get(number, f'signal {number}')} by request"
    if action.startswith("health_status"):
        return f"check says {text(action.partition(':')[2].strip(), 20) or 'something'}"
    return {
        "oom": "ran out of memory",
        "start": "started",
        "restart": "restarted by request",
        "stop": "stopped by request",
        "destroy": "removed",
        "pause": "paused",
        "unpause": "resumed",
    }.get(action)
