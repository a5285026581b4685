"""Reads a Redis or Valkey server as a cache: one PING, then INFO and the slow log in one batch. Changes nothing.

Rates come from the growth of counters between readings; a restart, seen by the run id, begins them anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from probes.base import (
    Cause,
    Console,
    Context,
    Found,
    Gap,
    Look,
    Probe,
    ProbeError,
    SafeText,
    Sheet,
    Snapshot,
    Target,
)
from probes.redis import bigkeys, info, latency, slowlog
from probes.redis.address import RedisSettings, found
from probes.redis.connection import Command, Link, Refusal, complaint
from probes.redis.console import consoles
from probes.redis.facts import RedisFacts, Slow, Traffic
from probes.redis.gauges import RULES, SPECS, measured
from probes.redis.hits import RECENT, HitRate, Rate
from probes.redis.lookups import OWN
from probes.redis.meters import Window

MINUTE: Final = 60.0
RESTART_KEPT: Final = 600.0
"""Seconds a restart that was seen is told."""
REFUSED: Final = 300.0
"""Seconds before a refused command is tried again."""
QUEUES_KEPT: Final = 300.0
"""Seconds it is taken for granted that queues live here."""
QUEUES_SOUGHT: Final = 20.0
"""Seconds after which they are looked for again when there were none."""
_SCANS: Final = 10
"""Steps of the search for queues."""
_QUEUE_KEYS: Final = ("rq:queues", "queues", "unacked", "_kombu.binding.celery")
_ERROR_CODES: Final = 50


class RedisProbe(Probe[RedisFacts]):
    """One server."""

    kind = "redis"
    settings_type = RedisSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, RedisSettings)
        self.settings = target.settings
        self._link = self._new_link()
        self._looking: set[Link] = set()
        self._run_id = ""
        self._restarted_at: float | None = None
        self._pings: deque[float] = deque(maxlen=5)
        self._meters: dict[str, Window] = {}
        self._hits = HitRate()
        self._last_slow: int | None = None
        self._slow_refused: tuple[Gap, float] | None = None
        self._queues: tuple[bool | None, float] | None = None

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """REDIS_URL, a local socket, or a listener on the usual port."""
        return found(environ, "cache")

    def consoles(self, facts: RedisFacts | None, subject: str) -> tuple[Console, ...]:
        """redis-cli, for the server as a whole."""
        return consoles(self.settings, self.context)

    async def read(self) -> Snapshot[RedisFacts]:
        """Two round trips."""
        return await self._link.revived(self._reading)

    async def _reading(self) -> Snapshot[RedisFacts]:
        began = self.context.monotonic()
        self.doing = "reading" if self._link.is_open else "connecting"
        await self._link.open()
        self.doing = "reading"
        await self._ping()
        gaps: list[Gap] = []
        reply, slow_reply = await self._ask(gaps)
        at, own = self.context.monotonic(), OWN.of(self._link.server)
        fields = info.fields(reply)
        self._notice_restart(fields, at)
        rate = self._hits.rate(fields, own, at)
        queues = await self._holds_queues(at)
        facts = replace(self._facts(fields, slow_reply, at, rate), holds_queues=queues)
        if not fields.get("run_id"):
            gaps.append(Gap("most of the server's own figures", Cause.MISSING, SafeText("INFO is cut short here")))
        return self.snapshot(facts, measured(facts), began, gaps)

    def looks(self) -> tuple[Look, ...]:
        """The largest keys, and how fast it answers."""
        return (Look("big-keys", "largest keys, a sample"), Look("latency", "a hundred pings"))

    async def look(self, name: str, subject: str) -> Sheet:
        """Sample the keyspace of a database, or the server's answers, over a connection of its own."""
        if name not in ("big-keys", "latency"):
            return await super().look(name, subject)
        number = subject.removeprefix("db")
        link = self._new_link(int(number) if number.isdecimal() and number != subject else None)
        self._looking.add(link)
        try:
            return await (latency.sample(link) if name == "latency" else bigkeys.sample(link))
        finally:
            self._looking.discard(link)
            await link.close()

    def abort(self) -> None:
        """Cut the socket."""
        self._link.abort()

    async def close(self) -> None:
        """Let go of every connection."""
        for link in (self._link, *self._looking):
            await link.close()

    def _new_link(self, db: int | None = None) -> Link:
        settings = self.settings if db is None else self.settings.model_copy(update={"db": db})
        return Link(self.target.name, settings, self.context.secrets, self.context.operator)

    # asking

    async def _ping(self) -> None:
        sent = self.context.monotonic()
        (reply,) = await self._link.ask([("PING",)])
        if isinstance(reply, Refusal) and not reply.denied:
            raise complaint(reply, self._link.where)
        self._pings.append(self.context.monotonic() - sent)

    async def _ask(self, gaps: list[Gap]) -> tuple[bytes, Any]:
        """INFO, and the slow log unless it was refused a while ago."""
        commands: list[Command] = [("INFO",)]
        if self._slow_refused is not None and self.context.monotonic() < self._slow_refused[1]:
            gaps.append(self._slow_refused[0])
        else:
            commands.append(("SLOWLOG", "GET", slowlog.ASKED))
        reply, *rest = await self._link.ask(commands)
        if isinstance(reply, Refusal):
            raise complaint(reply, self._link.where)
        if not isinstance(reply, bytes):
            raise ProbeError(Cause.GARBAGE, f"{self._link.where} answered INFO with something else")
        if rest and isinstance(rest[0], Refusal):
            gaps.append(self._slow_gap(rest[0]))
            return reply, None
        return reply, rest[0] if rest else None

    def _slow_gap(self, refusal: Refusal) -> Gap:
        denied = "the ACL needs +slowlog|get" if refusal.denied else "this server does not offer it"
        gap = Gap("the slow log", Cause.DENIED if refusal.denied else Cause.MISSING, SafeText(denied))
        self._slow_refused = (gap, self.context.monotonic() + REFUSED)
        return gap

    async def _holds_queues(self, at: float) -> bool | None:
        """Whether queues live here too: known keys, or a bounded search for BullMQ's."""
        if self._queues is None or at >= self._queues[1]:
            answer = await self._search()
            self._queues = (answer, at + (QUEUES_SOUGHT if answer is False else QUEUES_KEPT))
        return self._queues[0]

    async def _search(self) -> bool | None:
        (known,) = await self._link.ask([("EXISTS", *_QUEUE_KEYS)])
        if isinstance(known, Refusal):
            return None
        if known:
            return True
        cursor: Any = b"0"
        for _ in range(_SCANS):
            (reply,) = await self._link.ask([("SCAN", cursor, "MATCH", "*:meta", "COUNT", 1000)])
            if not isinstance(reply, list) or len(reply) != 2:
                return None
            cursor, keys = reply
            if any(isinstance(key, bytes) and key.count(b":") >= 2 for key in keys):
                return True
            if cursor == b"0":
                return False
        return None

    # what the answers mean

    def _notice_restart(self, fields: info.Info, at: float) -> None:
        run_id = fields.get("run_id", "")
        if self._run_id and run_id and run_id != self._run_id:
            uptime = info.number(fields.get("uptime_in_seconds"))
            self._restarted_at = at - (uptime or 0.0)
            self._meters.clear()
            self._hits = HitRate()
            self._last_slow = None
            self._queues = None
        self._run_id = run_id or self._run_id

    def _facts(self, fields: info.Info, slow_reply: Any, at: float, rate: Rate) -> RedisFacts:
        now = info.server_now(fields, self.context.now())
        slow = slowlog.entries(slow_reply, now)
        valkey = fields.get("server_name") == "valkey" or "valkey_version" in fields
        version = fields.get("valkey_version") if valkey else fields.get("redis_version")
        return RedisFacts(
            server="valkey" if valkey else "redis",
            version=SafeText(version, 40),
            run_id=SafeText(fields.get("run_id"), 60),
            uptime=info.number(fields.get("uptime_in_seconds")),
            restarted=self._restarted(at),
            ping=_median(self._pings),
            clients=info.number(fields.get("connected_clients")),
            max_clients=info.number(fields.get("maxclients")),
            blocked=info.number(fields.get("blocked_clients")),
            traffic=self._traffic(fields, at, rate),
            memory=info.memory(fields),
            persistence=info.persistence(fields, now),
            replication=info.replication(fields),
            databases=info.databases(fields),
            slow=slow,
            new_slow=self._new_slow(slow, slow_reply),
        )

    def _restarted(self, at: float) -> float | None:
        if self._restarted_at is None or at - self._restarted_at > RESTART_KEPT:
            return None
        return max(0.0, at - self._restarted_at)

    def _new_slow(self, slow: tuple[Slow, ...], reply: Any) -> int | None:
        if not isinstance(reply, list):
            return None
        before = self._last_slow
        self._last_slow = max((one.id for one in slow), default=before if before is not None else -1)
        return None if before is None else sum(one.id > before for one in slow)

    def _meter(self, name: str, value: float | None, at: float, seconds: float, counter: bool = True) -> Window:
        meter = self._meters.setdefault(name, Window(seconds, counter))
        meter.add(value, at)
        return meter

    def _traffic(self, fields: info.Info, at: float, rate: Rate) -> Traffic:
        def counted(field: str, seconds: float) -> Window:
            return self._meter(field, info.number(fields.get(field)), at, seconds)

        return Traffic(
            hit_ratio=rate.ratio,
            lookups=rate.lookups,
            hit_ratio_minute=rate.minute,
            hit_ratio_usual=rate.usual,
            commands_per_second=counted("total_commands_processed", RECENT).per_second(),
            evicted_per_minute=counted("evicted_keys", MINUTE).per_minute(),
            expired_per_minute=counted("expired_keys", MINUTE).per_minute(),
            rejected_per_minute=counted("rejected_connections", MINUTE).per_minute(),
            in_per_second=counted("total_net_input_bytes", RECENT).per_second(),
            out_per_second=counted("total_net_output_bytes", RECENT).per_second(),
            errors_per_minute=self._errors(fields, at),
        )

    def _errors(self, fields: info.Info, at: float) -> dict[str, float]:
        """Errors per minute by code; a code that appears now was at zero before."""
        counts = info.errors(fields)
        first = "errors" not in self._meters
        self._meters.setdefault("errors", Window(MINUTE))
        rates: dict[str, float] = {}
        for code, count in list(counts.items())[:_ERROR_CODES]:
            name = f"errors {code}"
            if name not in self._meters and not first:
                self._meter(name, 0.0, at - self.settings.every, MINUTE)
            rate = self._meter(name, count, at, MINUTE).per_minute()
            if rate:
                rates[code] = rate
        return rates


def _median(numbers: Iterable[float]) -> float | None:
    ordered = sorted(numbers)
    half = len(ordered) // 2
    return (ordered[half] + ordered[-half - 1]) / 2 if ordered else None
