"""The look-ups that watching itself causes, so that they can be left out of the hit rate.

A server counts every look-up of a key, ours too: asking ten queues for their depth would read as hundreds of hits and
misses of the cache. So each connection notes its own, and whoever reports the rate of that server takes them off.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

_TELLING: Final = frozenset(
    {"LLEN", "ZCARD", "LRANGE", "ZRANGE", "ZREVRANGE", "HGETALL", "HLEN", "GET", "TYPE", "SMEMBERS", "LINDEX"}
)
"""Commands whose empty answer means that there is no such key."""
_HITTING: Final = frozenset({"ZCOUNT", "HGET", "HMGET", "SISMEMBER", "XINFO", "XPENDING", "XRANGE", "XREVRANGE"})
"""Commands that we send only when the key is likely to be there."""


class Ledger:
    """Hits and misses of ours, by server. One for the process; event loop only."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, int]] = {}

    def note(self, server: str, commands: Iterable[tuple[Any, ...]], replies: Iterable[Any]) -> None:
        """Add what a batch has caused."""
        hits, misses = self._counts.get(server, (0, 0))
        for command, reply in zip(commands, replies, strict=False):
            more_hits, more_misses = caused(command, reply)
            hits, misses = hits + more_hits, misses + more_misses
        self._counts[server] = (hits, misses)

    def of(self, server: str) -> tuple[int, int]:
        """(hits, misses) so far."""
        return self._counts.get(server, (0, 0))


OWN: Final = Ledger()
"""Every connection of this process writes here."""


def caused(command: tuple[Any, ...], reply: Any) -> tuple[int, int]:
    """(hits, misses) that a command has caused.

    >>> caused(("LLEN", "q"), 0), caused(("LLEN", "q"), 4), caused(("EXISTS", "a", "b", "c"), 2), caused(("INFO",), b"")
    ((0, 1), (1, 0), (2, 1), (0, 0))
    """
    name = command[0].decode("ascii", "replace") if isinstance(command[0], bytes) else str(command[0])
    if name == "EXISTS" and isinstance(reply, int):
        return reply, len(command) - 1 - reply
    if name in _TELLING:
        return (0, 1) if reply in (0, None, [], b"none") else (1, 0)
    return (1, 0) if name in _HITTING else (0, 0)
