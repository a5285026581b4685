"""The newest output of a service's containers, from CloudWatch Logs.

There is no cheap live stream: the same few seconds are asked for again and again, and what was seen is left out by its
event id.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from probes.aws.calls import Calls, Refused
from probes.aws.ecs.facts import Revision
from probes.base import Cause, ProbeError, SafeText
from probes.base.text import LINE_LIMIT

BACK: Final = timedelta(minutes=10)
"""How far back a tail begins."""
OVERLAP: Final = timedelta(seconds=15)
"""How far each look reaches back behind the newest line: lines of several streams come in out of order."""
EVERY: Final = 3.0
"""Seconds between two looks; FilterLogEvents allows few a second for a whole account."""
_PAGE: Final = 200
_PAGES: Final = 5
_SEEN: Final = 5000


@dataclass(frozen=True, slots=True)
class Source:
    """Streams of one log group."""

    group: str
    prefix: str = ""
    """What the names of the streams begin with; empty: all."""
    stream: str = ""
    """The whole name of one stream; then no prefix is needed."""
    label: str = ""
    """Stands before each line where there are several sources."""


def sources(revision: Revision | None, override: str, task: str, region: str) -> list[Source]:
    """Where the output of a service, or of one `task` of it, goes. Raises `ProbeError` when that is not known."""
    if override:
        return [Source(override)]
    places = [place for place in (revision.logs if revision else ()) if place.region in ("", region)]
    if not places:
        elsewhere = sorted({place.region for place in (revision.logs if revision else ())})
        if elsewhere:
            raise ProbeError(Cause.MISSING, f"its log is kept in {', '.join(elsewhere)}, and this target is {region}")
        raise ProbeError(
            Cause.MISSING,
            "its task definition names no log group of CloudWatch",
            'set log_group = { "service" = "/group" } in the profile',
        )
    several = len(places) > 1
    found = []
    for place in places:
        prefix = f"{place.prefix}/{place.container}/" if place.prefix else ""
        stream = f"{prefix}{task}" if task and prefix else ""
        found.append(Source(place.group, prefix, stream, f"{place.container} │ " if several else ""))
    return found


async def tail(calls: Calls, wanted: Sequence[Source], lines: int = 100) -> list[SafeText]:
    """The newest lines of the last minutes."""
    since = calls.context.now() - BACK
    rows = [row for source in wanted for row in await _some(calls, source, since)]
    return [_line(label, row) for label, row in sorted(rows, key=lambda pair: _when(pair[1]))[-lines:]]


async def follow(calls: Calls, wanted: Sequence[Source], every: float = EVERY) -> AsyncIterator[SafeText]:
    """Lines as they come, each once, until the iterator is closed."""
    seen: dict[str, None] = {}
    since = calls.context.now() - BACK
    silent = True
    while True:
        try:
            rows = [row for source in wanted for row in await _some(calls, source, since)]
        except ProbeError as error:
            if error.cause not in (Cause.THROTTLED, Cause.TIMEOUT_READ, Cause.RESET, Cause.CLOSED_EARLY):
                raise
            yield SafeText(f"-- {error.message}; going on --")
            rows = []
        for label, row in sorted(rows, key=lambda pair: _when(pair[1])):
            key = str(row.get("eventId") or f"{_when(row)} {row.get('logStreamName')} {row.get('message')}")
            if key in seen:
                continue
            seen[key] = None
            silent = False
            yield _line(label, row)
            since = max(since, _moment(row) - OVERLAP)
        while len(seen) > _SEEN:
            del seen[next(iter(seen))]
        if silent:
            silent = False
            yield SafeText(f"-- nothing in the last {BACK.total_seconds() / 60:.0f} minutes; waiting --")
        await asyncio.sleep(every)


async def _some(calls: Calls, source: Source, since: datetime) -> list[tuple[str, dict[str, Any]]]:
    """Events of a source from a time on, page by page: a page may be empty and not the last."""
    asked: dict[str, Any] = {"logGroupName": source.group, "startTime": int(since.timestamp() * 1000), "limit": _PAGE}
    if source.stream:
        asked["logStreamNames"] = [source.stream]
    elif source.prefix:
        asked["logStreamNamePrefix"] = source.prefix
    found: list[tuple[str, dict[str, Any]]] = []
    for _ in range(_PAGES):
        try:
            answer = await calls.read("logs", "filter_log_events", **asked)
        except Refused as error:
            if error.code == "ResourceNotFoundException":
                what = (
                    f"the log group {source.group} has no stream of it"
                    if source.stream
                    else f"no log group {source.group}"
                )
                raise ProbeError(Cause.GONE, SafeText(what, 200)) from None
            raise
        found += [(source.label, row) for row in answer.get("events") or () if isinstance(row, dict)]
        if not answer.get("nextToken") or answer["nextToken"] == asked.get("nextToken"):
            break
        asked["nextToken"] = answer["nextToken"]
    return found


def _when(row: dict[str, Any]) -> int:
    at = row.get("timestamp")
    return at if isinstance(at, int) else 0


def _moment(row: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(_when(row) / 1000, UTC)


def _line(label: str, row: dict[str, Any]) -> SafeText:
    said = str(row.get("message", "")).rstrip("\r\n")
    return SafeText(f"{_moment(row):%H:%M:%S} {label}{said}", LINE_LIMIT)
