"""Reads a listing of any length in little memory: of many keys the newest few matter, their number and their size."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any, Final

from probes.aws.s3.facts import Stored
from probes.base import SafeText, finite

KEPT: Final = 100
"""Objects of a listing that are kept one by one."""
_BEFORE: Final = 7
"""Backups before the newest by which its size is judged."""
_LEAST: Final = 3
_DAYS: Final = 14
_DAILY: Final = 30 * 3600.0
"""Seconds between two backups, at most, of which one comes every day."""


@dataclass(slots=True)
class Listing:
    """What was seen so far."""

    prefix: str
    pattern: str
    count: int = 0
    total: float = 0.0
    others: int = 0
    cut: bool = False
    _newest: list[tuple[datetime, str, Stored]] = field(default_factory=list)
    """A heap: the oldest of those kept comes first."""

    def take(self, contents: Iterable[Mapping[str, Any]]) -> None:
        """One page of ListObjectsV2."""
        for raw in contents:
            key, size, at = raw.get("Key"), finite(raw.get("Size")), raw.get("LastModified")
            if not isinstance(key, str) or size is None or not isinstance(at, datetime) or not self._counts(key):
                self.others += 1
            else:
                self._count(key, size, at.astimezone(UTC), str(raw.get("StorageClass", "")))

    def _counts(self, key: str) -> bool:
        """A key that ends with a slash is what consoles make of a folder."""
        return not key.endswith("/") and fnmatchcase(key.removeprefix(self.prefix), self.pattern)

    def _count(self, key: str, size: float, at: datetime, sort: str) -> None:
        self.count += 1
        self.total += size
        if len(self._newest) == KEPT and self._newest[0][:2] >= (at, key):
            return
        one = (at, key, Stored(key, SafeText(key, 1024), size, at, str(SafeText(sort, 40))))
        if len(self._newest) < KEPT:
            heapq.heappush(self._newest, one)
        else:
            heapq.heappushpop(self._newest, one)

    @property
    def newest(self) -> tuple[Stored, ...]:
        """The newest, newest first; of equals the one whose key comes last."""
        return tuple(one for _, _, one in sorted(self._newest, key=lambda kept: kept[:2], reverse=True))


def usual_size(newest_first: Sequence[Stored]) -> float | None:
    """The median size of the seven before the newest; None with fewer than three."""
    before = [one.size for one in newest_first[1 : 1 + _BEFORE]]
    return median(before) if len(before) >= _LEAST else None


def cadence(newest_first: Sequence[Stored]) -> float | None:
    """Seconds between two backups as they came: the median; None when there are too few to tell."""
    gaps = [(one.at - other.at).total_seconds() for one, other in pairwise(newest_first[: 2 * _BEFORE + 1])]
    return median(gaps) if len(gaps) >= _LEAST else None


def missing_days(newest_first: Sequence[Stored], every: float | None, now: datetime) -> tuple[date, ...]:
    """Whole days, in UTC, of the last 14 without one, oldest first; nothing when they don't come once a day.

    Days before the oldest one that is known and today, which is not over, are left out.
    """
    if every is None or not newest_first or every > _DAILY:
        return ()
    have = {one.at.date() for one in newest_first}
    first = max(min(have), now.date() - timedelta(days=_DAYS))
    days = (now.date() - first).days
    return tuple(day for day in (first + timedelta(days=n) for n in range(days)) if day not in have)


def median(values: Iterable[float]) -> float:
    """The one in the middle, or half-way between the two in the middle.

    >>> median([3.0, 1.0, 2.0]), median([1.0, 2.0])
    (2.0, 1.5)
    """
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
