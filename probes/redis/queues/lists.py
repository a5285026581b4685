"""Plain lists as queues: producers push at one end, workers pop at the other; which is which Redis does not know.

Redis keeps no empty list, so a list that was never seen is said to be unknown rather than empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from probes.base import SafeText
from probes.redis.queues.dialect import WRONG_TYPE, Ask, Counters, Part, is_wrong_type, whole
from probes.redis.queues.facts import Queue

LARGE: Final = 65536
"""Bytes of an element beyond which the ends of its list are not looked at again."""
NEVER_SEEN: Final = SafeText("not seen yet: it is empty, or the name is wrong")


class Lists:
    """Remembers which lists were there once."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._large: set[str] = set()

    async def read(self, ask: Ask, names: Sequence[str]) -> Part:
        """All lists in one round trip."""
        looked = [name for name in names if name not in self._large]
        replies = await ask(
            [*(("LLEN", name) for name in names), *(("LINDEX", name, end) for name in looked for end in (0, -1))]
        )
        ends = {name: replies[len(names) + 2 * at :][:2] for at, name in enumerate(looked)}
        return Part(tuple(self._queue(name, replies[at], ends.get(name)) for at, name in enumerate(names)))

    def _queue(self, name: str, length: Any, ends: Sequence[Any] | None) -> tuple[Queue, Counters]:
        if length:
            self._seen.add(name)
        shown = SafeText(name)
        if is_wrong_type(length):
            return Queue(shown, "list", trouble=WRONG_TYPE), Counters()
        if name not in self._seen:
            return Queue(shown, "list", trouble=NEVER_SEEN), Counters()
        waiting = whole(length)
        return Queue(shown, "list", {"wait": waiting}, waiting), Counters(ends=self._ends(name, ends))

    def _ends(self, name: str, ends: Sequence[Any] | None) -> tuple[bytes, bytes] | None:
        """Both ends, when they differ: equal ones tell nothing."""
        if ends is None:
            return None
        first, last = ends
        if not isinstance(first, bytes) or not isinstance(last, bytes):
            return None
        if len(first) > LARGE or len(last) > LARGE:
            self._large.add(name)
            return None
        return (first, last) if first != last else None
