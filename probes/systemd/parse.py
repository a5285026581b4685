"""From what `systemctl show` prints to units: blocks of `Name=value`, each value checked.

Its other outputs are made for people and change between versions; these properties are a stable interface.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

from probes.base import SafeText
from probes.systemd.facts import Unit

PROPERTIES: Final = (
    "Id", "Names", "Description", "LoadState", "ActiveState", "SubState", "Type", "UnitFileState", "Result",
    "ActiveEnterTimestamp", "InactiveEnterTimestamp", "StateChangeTimestamp", "MainPID", "InvocationID", "NRestarts",
    "Restart", "MemoryCurrent", "MemoryMax", "TasksCurrent", "CPUUsageNSec", "ExecMainCode", "ExecMainStatus",
    "StatusText", "Triggers", "TriggeredBy", "NextElapseUSecRealtime", "LastTriggerUSec", "NeedDaemonReload", "Job",
)  # fmt: skip
"""What is asked of a unit. Environment, command line and file are never asked for: they may hold secrets."""

UNIT: Final = re.compile(r"(?!-)[A-Za-z0-9:_.\\@-]{1,255}")
"""A unit's name; neither an option nor a path."""
PATTERN: Final = re.compile(r"(?!-)[A-Za-z0-9:_.\\@*?\[\]-]{1,255}")

_UNSET: Final = frozenset({"", "[not set]", "n/a", "infinity", "18446744073709551615"})
_CODES: Final = {"1": "exited", "2": "killed", "3": "dumped"}
"""ExecMainCode is the kernel's CLD_ code (waitid(2))."""
_STAMP: Final = re.compile(r"(?:[A-Z][a-z]{2} )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)? (UTC|GMT|[+-]\d\d(?:\d\d)?)")
_LISTED: Final = 8
_WORD: Final = 64

Block = Mapping[str, str]


def blocks(raw: bytes, most: int) -> list[dict[str, str]]:
    """The blocks of an output, at most `most`; a line without a name belongs to the value before it."""
    found: list[dict[str, str]] = []
    for part in re.split(rb"\n\s*\n", raw.strip())[:most]:
        block: dict[str, str] = {}
        name = ""
        for line in part.decode("utf-8", "replace").splitlines():
            head, mark, value = line.partition("=")
            if mark and head.isidentifier():
                name, block[head] = head, value[:4096]
            elif name:
                block[name] = (block[name] + " " + line)[:4096]
        if block:
            found.append(block)
    return found


def number(value: str | None) -> float | None:
    """A count; None when it is not set, without limit, or no number."""
    if value is None or value in _UNSET or not value.isascii() or not value.isdecimal() or len(value) > 20:
        return None
    found = float(value)
    return found if math.isfinite(found) and found < 2**63 else None


def whole(value: str | None) -> int | None:
    """A count as an integer."""
    found = number(value)
    return None if found is None else int(found)


def moment(value: str | None) -> datetime | None:
    """A time in UTC, as systemctl prints it when it is asked to; another zone's name can't be trusted.

    >>> moment("Sat 2026-03-01 03:12:41 UTC").isoformat(), moment("@1772334761").year, moment("n/a")
    ('2026-03-01T03:12:41+00:00', 2026, None)
    >>> moment("Sun 2026-03-01 03:12:41 CET") is None
    True
    """
    if value is None or value in _UNSET or len(value) > 60:
        return None
    if value.startswith("@") and (seconds := number(value[1:])) is not None and seconds < 1e11:
        return datetime.fromtimestamp(seconds, UTC)
    found = _STAMP.fullmatch(value)
    if found is None:
        return None
    zone = "+00:00" if found[2] in ("UTC", "GMT") else found[2]
    try:
        return datetime.fromisoformat(found[1] + zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def seconds_since(then: datetime | None, now: datetime) -> float | None:
    """Age in seconds; None when unknown, or when the other clock is ahead of ours."""
    if then is None:
        return None
    age = (now - then) / timedelta(seconds=1)
    return max(age, 0.0) if age > -5 else None


def word(block: Block, name: str) -> str:
    """A property that is one of systemd's own words; empty when it is anything else."""
    value = block.get(name, "")
    return value if re.fullmatch(r"[a-z][a-z0-9-]{0,40}", value) else ""


def unit(block: Block, asked: str, now: datetime) -> Unit:
    """One unit from its block."""
    active = word(block, "ActiveState")
    since = _entered(block, active) or moment(block.get("StateChangeTimestamp"))
    ended = _CODES.get(block.get("ExecMainCode", ""), "")
    limit, nanos = number(block.get("MemoryMax")), number(block.get("CPUUsageNSec"))
    invocation = block.get("InvocationID", "")
    return Unit(
        id=str(SafeText(block.get("Id", ""), 255)),
        asked=asked,
        description=SafeText(block.get("Description"), 120),
        load=word(block, "LoadState"),
        active=active,
        sub=word(block, "SubState"),
        kind=word(block, "Type"),
        enabled=word(block, "UnitFileState"),
        result=word(block, "Result"),
        since=since,
        age=seconds_since(since, now),
        pid=whole(block.get("MainPID")) or None,
        invocation=invocation if re.fullmatch(r"[0-9a-f]{32}", invocation) else "",
        restarts=whole(block.get("NRestarts")),
        restart=word(block, "Restart"),
        memory=number(block.get("MemoryCurrent")),
        memory_limit=limit,
        tasks=whole(block.get("TasksCurrent")),
        cpu_seconds=nanos / 1e9 if nanos is not None else None,
        exit_kind=ended,
        exit_status=whole(block.get("ExecMainStatus")) if ended else None,
        status=SafeText(block.get("StatusText"), 160),
        triggers=_names(block.get("Triggers")),
        triggered_by=_names(block.get("TriggeredBy")),
        next_run=moment(block.get("NextElapseUSecRealtime")),
        last_run=moment(block.get("LastTriggerUSec")),
        needs_reload=block.get("NeedDaemonReload") == "yes",
        job=(whole(block.get("Job")) or 0) > 0,
    )


def _entered(block: Block, active: str) -> datetime | None:
    """When it came into its state: sub-states come and go without the state changing."""
    if active in ("active", "reloading"):
        return moment(block.get("ActiveEnterTimestamp"))
    if active in ("inactive", "failed"):
        return moment(block.get("InactiveEnterTimestamp"))
    return None


def _names(value: str | None) -> tuple[SafeText, ...]:
    return tuple(SafeText(name, _WORD) for name in (value or "").split()[:_LISTED])


def failed_names(raw: bytes, most: int) -> list[str]:
    """Names of units from `systemctl list-units --plain --no-legend`; a leading mark of older versions is dropped."""
    found = []
    for line in raw.decode("utf-8", "replace").splitlines():
        words = [one for one in line.split()[:2] if one not in ("●", "*", "×", "○")]
        if words and UNIT.fullmatch(words[0]) and "." in words[0]:
            found.append(words[0])
    return found[:most]


def asked_for(block: Block, wanted: Iterable[str]) -> str:
    """Which of the wanted names or patterns a unit answers to; empty when none."""
    names = {block.get("Id", ""), *block.get("Names", "").split()}
    for one in wanted:
        full = one if re.search(r"\.[a-z]+$|[*?\[]", one) else f"{one}.service"
        if full in names or one in names:
            return one
        if re.search(r"[*?\[]", one) and any(_matches(name, one) for name in names):
            return one
    return ""


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name.rpartition(".")[0], pattern)
