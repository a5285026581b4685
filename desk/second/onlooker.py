"""What others ask a second person for, in a session that may look at it and not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from desk.second.colleagues import Colleagues
from desk.second.proposal import Answer, Proposal

_ENDING: Final = 0.5
"""Seconds that the ways get to let go."""


class Onlooker:
    """Hears what is asked, on every way; asks nothing and answers nothing."""

    def __init__(self, ways: Sequence[Colleagues]) -> None:
        self._ways = ways

    def begin(self, bell: Callable[[], None] = lambda: None) -> None:
        """Begin, on the event loop; `bell` rings when others ask anew."""
        for way in self._ways:
            way.begin(_unasked, bell)

    def pending(self) -> list[Proposal]:
        """What others ask, oldest first."""
        found = {one.id: one for way in self._ways for one in way.pending()}
        return sorted(found.values(), key=lambda one: (one.asked, one.id))

    async def close(self) -> None:
        """Let go, in a moment."""
        closing = [asyncio.ensure_future(way.close()) for way in self._ways]
        if closing:
            await asyncio.wait(closing, timeout=_ENDING)


def _unasked(answer: Answer) -> str:
    """Nobody was asked anything from here."""
    return "this session asks nothing"
