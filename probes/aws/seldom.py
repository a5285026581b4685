"""What a target speaks of among many things of one account, and what of them is asked for only once in a while."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Final

_AGAIN: Final = 60.0
"""Seconds until what got no answer is asked again, if that is sooner."""


class Names:
    """Which things a target speaks of, by name or pattern, whatever their case; with none, all of them."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [one.lower() for one in patterns]
        self.literal = [one for one in self._patterns if not set("*?[") & set(one)]

    @property
    def exact(self) -> bool:
        """True when every one of them is named, so that AWS can be asked for just these."""
        return 0 < len(self.literal) == len(self._patterns)

    def meant(self, *names: str) -> bool:
        """True when one of these names is asked for."""
        return not self._patterns or any(fnmatchcase(name, one) for name in names for one in self._patterns)


class Seldom:
    """Something that is asked for once in a while; in between the last answer stands, with its age."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._tried: float | None = None
        self._at: float | None = None
        self._well = True

    def due(self, every: float) -> bool:
        """True when it is time to ask; from then on it counts as asked."""
        now = self._monotonic()
        if self._tried is not None and now - self._tried < (every if self._well else min(every, _AGAIN)):
            return False
        self._tried, self._well = now, False
        return True

    def answered(self) -> None:
        """An answer came."""
        self._at, self._well = self._monotonic(), True

    @property
    def age(self) -> float | None:
        """Seconds since the last answer."""
        return None if self._at is None else self._monotonic() - self._at
