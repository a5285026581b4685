"""The look before and after an act: which Redis answers, what it holds, and its keys page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from probes.base import Cause, Identity, ProbeError, SafeText
from probes.redis.connection import Command, Link, Refusal, complaint
from probes.redis.facts import Keyspace
from probes.redis.info import Info, databases, fields, number

PAGE: Final = 1000
"""Keys the server looks at in one step of SCAN."""


@dataclass(frozen=True, slots=True)
class Here:
    """The server that answers on a connection."""

    run: str
    """Its run id: another one for each start of the process."""
    role: str
    product: str
    """"Redis 7.0.15"."""
    db: int
    cluster: bool
    info: Info = field(repr=False)
    databases: tuple[Keyspace, ...] = ()

    @property
    def pin(self) -> Identity:
        """What tells it, and the database, from any other."""
        return (("run", self.run), ("database", str(self.db)))

    @property
    def policy(self) -> str:
        """maxmemory-policy."""
        return self.info.get("maxmemory_policy", "")

    @property
    def used(self) -> float | None:
        """Bytes in use."""
        return number(self.info.get("used_memory"))

    @property
    def limit(self) -> float | None:
        """maxmemory in bytes; 0: none."""
        return number(self.info.get("maxmemory"))

    @property
    def replicas(self) -> int:
        """Replicas that copy it."""
        return round(number(self.info.get("connected_slaves")) or 0)

    def keys(self, db: int) -> Keyspace:
        """What a database holds."""
        return next((one for one in self.databases if one.number == db), Keyspace(db, 0.0, 0.0))


async def asked(link: Link, commands: Sequence[Command]) -> list[Any]:
    """The replies over a connection that must be there already. Raises `ProbeError`, for a refusal too.

    A new connection could lead to another server: whoever acts never makes one by asking.
    """
    if not link.is_open:
        raise ProbeError(Cause.CLOSED_EARLY, f"the connection to {link.where} was cut")
    replies = await link.ask(commands)
    for reply in replies:
        if isinstance(reply, Refusal):
            raise complaint(reply, link.where)
    return replies


async def look(link: Link, db: int) -> Here:
    """Which server answers, and how it is. Raises `ProbeError`."""
    reply, stats = await asked(link, [("INFO",), ("INFO", "commandstats")])
    told = fields(reply if isinstance(reply, bytes) else b"")
    told |= fields(stats if isinstance(stats, bytes) else b"")
    run, role = told.get("run_id", ""), told.get("role", "")
    if not run or not role:
        raise ProbeError(Cause.MISSING, "the server does not say which one it is (run_id, role)")
    valkey = told.get("valkey_version")
    product = f"Valkey {valkey}" if valkey else f"Redis {told.get('redis_version', '')}"
    cluster = told.get("cluster_enabled") == "1"
    return Here(run[:64], role, str(SafeText(product, 40)).strip(), db, cluster, told, databases(told))


def flushes(here: Here) -> int:
    """How often the server was told to flush a database since its counters began."""
    calls = here.info.get("cmdstat_flushdb", "").partition("calls=")[2].partition(",")[0]
    return int(calls) if calls.isdecimal() else 0


async def pages(link: Link, pattern: str, start: bytes = b"0") -> AsyncIterator[tuple[bytes, list[bytes]]]:
    """(where to go on, keys that match) for each step of SCAN; the last leads to b"0". Raises `ProbeError`.

    What is there from the first step to the last is met, once or more often. https://redis.io/docs/latest/commands/scan/
    """
    cursor = start
    while True:
        (reply,) = await asked(link, [("SCAN", cursor, "MATCH", pattern.encode(), "COUNT", PAGE)])
        if not isinstance(reply, list) or len(reply) != 2 or not isinstance(reply[1], list):
            raise ProbeError(Cause.GARBAGE, f"{link.where} answered SCAN with something else")
        cursor = reply[0] if isinstance(reply[0], bytes) else b"0"
        yield cursor, [key for key in reply[1] if isinstance(key, bytes)]
        if cursor == b"0":
            return
