"""Looking whether a slow act has come true: AWS takes minutes for it, so it is asked ever more seldom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Final

from probes.base import ProbeError, Verdict

_LONGEST: Final = 15.0
"""Seconds between two looks at most."""
_KEPT: Final = 100
"""Acts that are remembered."""


class Paced:
    """The last verdict of each act, until the next look is due."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._last: dict[Hashable, tuple[float, Verdict | ProbeError]] = {}

    async def verdict(self, act: Hashable, after: float, look: Callable[[], Awaitable[Verdict]]) -> Verdict:
        """What `look` says, or what it said last while that is young. Raises the `ProbeError` that it raised."""
        now = self._monotonic()
        known = self._last.get(act)
        if known is None or now - known[0] >= min(_LONGEST, 1 + after / 10):
            said: Verdict | ProbeError
            try:
                said = await look()
            except ProbeError as error:
                said = error
            known = self._last[act] = (now, said)
            while len(self._last) > _KEPT:
                del self._last[next(iter(self._last))]
        if isinstance(known[1], ProbeError):
            raise known[1]
        return known[1]
