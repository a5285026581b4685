"""A memcached server as a cache, by its text protocol
(https://github.com/memcached/memcached/blob/master/doc/protocol.txt): one question, `stats`, on one connection."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field, field_validator

from probes.base import (
    Capacity,
    Cause,
    Context,
    Found,
    Gauges,
    GaugeSpec,
    Probe,
    ProbeError,
    Rates,
    Rule,
    SafeText,
    Settings,
    Severity,
    Snapshot,
    Target,
    Unit,
    finite,
    from_os_error,
    parse_url,
)

_PORT = 11211
_MOST_LINES = 500


@dataclass(frozen=True, slots=True)
class MemcachedFacts:
    """What the server says of itself; None is unknown."""

    version: SafeText
    uptime: float | None
    """Seconds since it started."""
    items: float | None
    used: float | None
    """Bytes of stored items."""
    limit: float | None
    """Bytes it may use."""
    connections: float | None
    connections_limit: float | None
    hit_ratio: float | None
    """Share of the lookups since the last reading that found something; None when there were none."""
    lookups: float | None
    """Lookups per second since the last reading."""
    evictions: float | None
    """Items a minute thrown out to make room."""


class MemcachedSettings(Settings):
    """Where the server is."""

    url: str = Field(default="memcached://127.0.0.1:11211", description="memcached://host:port or memcached:///socket.")

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        place = parse_url(url, {"memcached"}, _PORT)
        if place.user is not None or place.password is not None:
            raise ValueError("names a user, and the text protocol has no login")
        return url


class MemcachedProbe(Probe[MemcachedFacts]):
    """Reads `stats`."""

    kind = "memcached"
    settings_type: ClassVar[type[Settings]] = MemcachedSettings
    gauges = (
        GaugeSpec("hit_ratio", "Share of the lookups since the last reading that hit.", Unit.RATIO, better="high"),
        GaugeSpec("lookups_per_second", "Lookups since the last reading.", Unit.PER_SECOND),
        GaugeSpec("evictions_per_minute", "Items thrown out to make room.", Unit.PER_MINUTE, better="low"),
        GaugeSpec("memory_used_ratio", "Stored bytes against the limit.", Unit.RATIO, capacity=Capacity.USED),
        GaugeSpec("items", "Items stored."),
        GaugeSpec(
            "connections_used_ratio",
            "Open connections against the limit.",
            Unit.RATIO,
            better="low",
            capacity=Capacity.USED,
        ),
    )
    rules = (
        Rule(
            name="hit-rate-low",
            gauge="hit_ratio",
            op="<",
            threshold=0.5,
            severity=Severity.WARNING,
            hold=10,
            samples="lookups_per_second",
            min_samples=5,
            say="only {value} of {lookups_per_second} lookups hit the cache",
        ),
        Rule(
            name="connections-near-limit",
            gauge="connections_used_ratio",
            op=">",
            threshold=0.9,
            severity=Severity.CRITICAL,
            say="{value} of its connections are in use",
        ),
    )

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, MemcachedSettings)
        self._endpoint = parse_url(target.settings.url, {"memcached"}, _PORT)
        self._rates = Rates()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """A server on its usual local socket."""
        for path in ("/run/memcached/memcached.sock", "/var/run/memcached/memcached.sock"):
            if os.path.exists(path):
                yield Found("memcached", {"url": f"memcached://{path}"}, f"{path} is there")
                return

    async def read(self) -> Snapshot[MemcachedFacts]:
        """Ask once."""
        began = self.context.monotonic()
        try:
            stats = await self._stats()
        except ProbeError:
            self.abort()
            raise
        except asyncio.IncompleteReadError:
            self.abort()
            raise ProbeError(Cause.CLOSED_EARLY, f"{self._endpoint.where} closed the connection") from None
        except asyncio.LimitOverrunError:
            self.abort()
            raise ProbeError(Cause.GARBAGE, f"{self._endpoint.where} does not speak memcached") from None
        except OSError as error:
            self.abort()
            raise from_os_error(error, self._endpoint.where) from None
        facts = self._facts(stats, self.context.monotonic())
        return self.snapshot(facts, _measured(facts), began)

    async def _stats(self) -> dict[bytes, bytes]:
        reader, writer = await self._connected()
        self.doing = "reading"
        writer.write(b"stats\r\n")
        await writer.drain()
        stats: dict[bytes, bytes] = {}
        for _ in range(_MOST_LINES):
            words = (await reader.readuntil(b"\r\n")).split(None, 2)
            if words == [b"END"]:
                return stats
            if len(words) != 3 or words[0] != b"STAT":
                break
            stats[words[1]] = words[2].strip()
        raise ProbeError(Cause.GARBAGE, f"{self._endpoint.where} does not speak memcached")

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self.doing = "connecting"
            if self._endpoint.host:
                opened = await asyncio.open_connection(self._endpoint.host, self._endpoint.port)
            else:
                opened = await asyncio.open_unix_connection(self._endpoint.path)
            self._streams = opened
        return self._streams

    def _facts(self, stats: Mapping[bytes, bytes], now: float) -> MemcachedFacts:
        def number(name: bytes) -> float | None:
            try:
                return finite(float(stats[name]))
            except (KeyError, ValueError):
                return None

        hits = self._rates.per_second("hits", number(b"get_hits"), now)
        misses = self._rates.per_second("misses", number(b"get_misses"), now)
        evictions = self._rates.per_second("evictions", number(b"evictions"), now)
        lookups = None if hits is None or misses is None else hits + misses
        return MemcachedFacts(
            version=SafeText(stats.get(b"version", b""), 40),
            uptime=number(b"uptime"),
            items=number(b"curr_items"),
            used=number(b"bytes"),
            limit=number(b"limit_maxbytes"),
            connections=number(b"curr_connections"),
            connections_limit=number(b"max_connections"),
            hit_ratio=hits / lookups if hits is not None and lookups else None,
            lookups=lookups,
            evictions=None if evictions is None else evictions * 60,
        )

    def abort(self) -> None:
        """Cut the connection."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].transport.abort()

    async def close(self) -> None:
        """Let go of the connection."""
        self.abort()


def _share(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _measured(facts: MemcachedFacts) -> Gauges:
    gauges = Gauges()
    gauges.put("hit_ratio", facts.hit_ratio)
    gauges.put("lookups_per_second", facts.lookups)
    gauges.put("evictions_per_minute", facts.evictions)
    gauges.put("memory_used_ratio", _share(facts.used, facts.limit))
    gauges.put("items", facts.items)
    gauges.put("connections_used_ratio", _share(facts.connections, facts.connections_limit))
    return gauges
