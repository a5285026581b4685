"""Draws a Redis or Valkey server as a cache: does it hit, is there room, does it answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from desk.words import age, amount, count, plural, ratio, size, span
from probes.base import Severity, Unit
from probes.redis.facts import Keyspace, RedisFacts, Replica, Slow
from widgets.draw.marks import bar, spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, joined, line, sign, toned, width_of
from widgets.panel import Column, Panel, Table, View

_GONE: Final = "–"
_LABEL: Final = 9
_BAR: Final = 20
_RATES: Final = 42
"""Cells for the words beside a trend."""


def _count(value: float | None) -> str:
    return _GONE if value is None else count(round(value) if value >= 10 else round(value, 1))


def _size(value: float | None) -> str:
    return _GONE if value is None else size(value)


def _ratio(value: float | None) -> str:
    return _GONE if value is None else ratio(value)


def _span(value: float | None) -> str:
    return _GONE if value is None else span(value)


def _age(value: float | None) -> str:
    return _GONE if value is None else age(value)


def _minute(value: float | None) -> str:
    return _GONE if value is None else amount(value, Unit.PER_MINUTE)


def hit(facts: RedisFacts) -> str:
    """The hit rate in words; no look-up is no rate."""
    traffic = facts.traffic
    if traffic.hit_ratio is not None:
        fall = traffic.hit_fall
        fell = f" (-{round(fall * 100)} from usual)" if fall is not None and fall >= 0.03 else ""
        return f"hit {ratio(traffic.hit_ratio)}{fell}"
    return "no look-ups" if traffic.lookups == 0 else f"hit {_GONE}"


def memory(facts: RedisFacts) -> str:
    """Memory against its limit, or alone where there is none."""
    full = facts.memory.full_ratio
    return f"mem {ratio(full)}" if full is not None else f"mem {_size(facts.memory.used)}"


def _limit(facts: RedisFacts) -> str:
    memory = facts.memory
    if memory.limit is None:
        return _size(memory.used)
    return f"{_size(memory.used)} of {_size(memory.limit)}" if memory.limit else f"{_size(memory.used)}, no limit"


def _full(facts: RedisFacts) -> str:
    """What happens when memory is full."""
    policy = facts.memory.policy
    if not policy:
        return ""
    return f"{policy}: " + (
        "drops keys when full" if facts.memory.drops_keys else "keys without a lifetime are never dropped"
    )


def _saved(facts: RedisFacts) -> str:
    """What would survive a restart, in a few words."""
    kept = facts.persistence
    if kept.failed:
        return f"last {kept.failed[0]} failed"
    journal = {True: "every write kept (AOF)", False: "no AOF", None: ""}[kept.aof]
    saved = kept.last_save_age
    first = saved is not None and facts.uptime is not None and saved >= facts.uptime - 1  # the start counts as a save
    snapshot = "no snapshot since its start" if first else f"snapshot {age(saved)} ago" if saved is not None else ""
    unsaved = f"{plural(kept.changes, 'change')}{'' if first else ' since'}" if kept.changes else ""
    return ", ".join(word for word in (journal, snapshot, unsaved) if word) or _GONE


def _copies(facts: RedisFacts) -> str:
    """Its place in the replication."""
    copies = facts.replication
    if copies.role == "replica":
        link = {True: "connected", False: "cut off", None: "link unknown"}[copies.link_up]
        return f"replica of {copies.master}, {link}"
    if copies.role != "master":
        return _GONE
    if not copies.replicas:
        return "master without replicas"
    return f"master of {plural(len(copies.replicas), 'replica')}"


def _problems(view: View[RedisFacts]) -> list[Line]:
    """What the rules say, a line for each part; where the words say all, the block says no more."""
    return [
        line(sign(worry.severity), " ", toned(worry.words, worry.severity), severity=worry.severity)
        for worry in view.worries
        if worry.gauge
    ]


def _trimmed(drawn: Line, width: int) -> Line:
    """The line without what does not fit."""
    kept: list[Span] = []
    left = width
    for one in drawn.spans:
        cells = width_of((one,))
        if cells > left:
            kept.append(fit(one, left))
            break
        kept.append(one)
        left -= cells
    return Line(tuple(kept), drawn.key, drawn.severity)


def _tone(view: View[RedisFacts], *gauges: str) -> Severity | None:
    found = [severity for gauge in gauges if (severity := view.severity(gauge)) is not None]
    return max(found, default=None)


def _gauge(label: str, share: float | None, words: str, severity: Severity | None, room: int) -> list[Part]:
    """A labelled bar with words."""
    tone = toned("", severity).tone if severity is not None else Tone.CHART
    return [dim(f"{label:<{_LABEL}}"), Span(bar(share, room), tone), " ", toned(words, severity)]


_DATABASES: Final[Table[RedisFacts, Keyspace]] = Table(
    name="databases",
    title="databases",
    rows=lambda facts: facts.databases,
    key=lambda one: str(one.number),
    columns=(
        Column("database", lambda one: f"db{one.number}", 10, lambda one: one.number),
        Column("keys", lambda one: _count(one.keys), 14, lambda one: one.keys, True, 0, True),
        Column("with a lifetime", lambda one: _count(one.expires), 16, lambda one: one.expires, True, 0, True),
        Column("average lifetime", lambda one: _span(one.average_ttl)),
    ),
    empty="every database is empty",
    looks=("big-keys", "latency"),
    subject=lambda one: f"db{one.number}",
)

_SLOW: Final[Table[RedisFacts, Slow]] = Table(
    name="slow",
    title="slow commands",
    rows=lambda facts: facts.slow,
    key=lambda one: str(one.id),
    columns=(
        Column("ago", lambda one: _age(one.age), 8, lambda one: one.age, True),
        Column("took", lambda one: span(one.took), 8, lambda one: one.took, True, 0, True),
        Column("client", lambda one: one.client, 22, least=90),
        Column("command", lambda one: one.command),
    ),
    empty="the slow log is empty",
    subject=lambda one: "",
)

_REPLICAS: Final[Table[RedisFacts, Replica]] = Table(
    name="replicas",
    title="replicas",
    rows=lambda facts: facts.replication.replicas,
    key=lambda one: str(one.address),
    columns=(
        Column("replica", lambda one: one.address, 28),
        Column("silent", lambda one: _age(one.lag), 8, lambda one: one.lag, True, 0, True),
        Column("behind", lambda one: _size(one.behind), 10, lambda one: one.behind, True, 0, True),
        Column("state", lambda one: one.state),
    ),
    empty="nobody copies this server",
    subject=lambda one: "",
)


class RedisPanel(Panel[RedisFacts]):
    """One server."""

    title = "CACHE"
    help = (
        "hit: look-ups that found their key, last 10 s (keyspace_hits, keyspace_misses), without our own.\n"
        "no look-ups: nothing was asked, so there is no rate.\n"
        "usual: what it was in the minutes before. Where queues live here too, their own look-ups are in the rate.\n"
        "evict: keys dropped to make room. mem: used_memory of maxmemory. ping: there and back, median of five.\n"
        "Queues need the policy noeviction, or their jobs may be dropped; clearing such a cache would delete them.\n"
        "slow commands show the command and its key only, never values. All from INFO and SLOWLOG GET."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_SLOW, _DATABASES, _REPLICAS)

    def headline(self, view: View[RedisFacts]) -> Sequence[Part]:
        """Hit rate, evictions, memory."""
        facts = view.facts
        return [
            toned(hit(facts), _tone(view, "hit_ratio")),
            toned(f"evict {_minute(facts.traffic.evicted_per_minute)}", _tone(view, "evicted_per_minute")),
            toned(memory(facts), _tone(view, "memory_ratio")),
        ]

    def brief(self, view: View[RedisFacts], width: int) -> Sequence[Line]:
        """What is wrong, then clients and speed, then what it keeps."""
        facts = view.facts
        clients = f"{_count(facts.clients)} clients"
        busy: list[Part] = [
            toned(clients, _tone(view, "clients_ratio", "rejected_per_minute")),
            f"{_rate(facts.traffic.commands_per_second)} commands",
            toned(f"ping {_span(facts.ping)}", _tone(view, "ping_seconds")),
        ]
        if facts.blocked:
            busy.append(dim(f"{_count(facts.blocked)} in blocking calls"))
        if facts.new_slow:
            busy.append(f"{plural(facts.new_slow, 'new slow command')}")
        if width >= 90:
            busy.append(dim(f"{facts.server} {facts.version}, up {_span(facts.uptime)}"))
        lines = [*_problems(view), line("  ", *joined(busy))]
        kept = [_copies(facts), _saved(facts)]
        lines.append(line(dim("  " + "  ".join(kept))))
        if facts.holds_queues:
            lines.append(line(dim("  queues live here too: clearing it would delete their jobs")))
        return [_trimmed(one, width) for one in lines]

    def head(self, view: View[RedisFacts], width: int) -> Sequence[Line]:
        """Bars for hit rate, memory and clients; rates over time; what it keeps."""
        facts = view.facts
        lines = [
            *_courses(view, width),
            line(dim(f"{'kept':<{_LABEL}}"), f"{_saved(facts)}; {_copies(facts)}"),
            line(dim(f"{'server':<{_LABEL}}"), f"{facts.server} {facts.version or _GONE}, up {_span(facts.uptime)}, "
                 f"ping {_span(facts.ping)}"),
            *_errors(facts),
        ]  # fmt: skip
        if facts.holds_queues:
            lines.append(line(Span("queues live here too: clearing it would delete their jobs", Tone.NOTICE)))
        return [_trimmed(one, width) for one in lines]

    def more(self, view: View[RedisFacts], width: int) -> Sequence[Line]:
        """The head without what the brief says."""
        return [_trimmed(one, width) for one in (*_courses(view, width), *_errors(view.facts))]


def _courses(view: View[RedisFacts], width: int) -> list[Line]:
    """Bars for hit rate, memory and clients; rates over time; keys."""
    facts = view.facts
    room = max(6, min(_BAR, width - 50))
    share = None if facts.clients is None or not facts.max_clients else facts.clients / facts.max_clients
    hits = f"{hit(facts).removeprefix('hit ')}, last minute {_ratio(facts.traffic.hit_ratio_minute)}"
    hits += f", usual {_ratio(facts.traffic.hit_ratio_usual)}" if facts.traffic.hit_ratio_usual is not None else ""
    return [
        line(*_gauge("hits", facts.traffic.hit_ratio, hits, _tone(view, "hit_ratio"), room)),
        line(*_gauge("memory", facts.memory.full_ratio, f"{_limit(facts)}  {_full(facts)}",
                     _tone(view, "memory_ratio", "may_drop_jobs"), room)),
        line(*_gauge("clients", share, f"{_count(facts.clients)} of {_count(facts.max_clients)}, "
                     f"{_count(facts.blocked)} in blocking calls", _tone(view, "clients_ratio"), room)),
        _trend(view, "hit rate", "hit_ratio", 1.0, width),
        _trend(view, "commands", "commands_per_second", None, width,
               f"{_rate(facts.traffic.commands_per_second)}, in {_bytes(facts.traffic.in_per_second)}, "
               f"out {_bytes(facts.traffic.out_per_second)}"),
        line(dim(f"{'keys':<{_LABEL}}"), f"{_keys(facts)} keys, {_gone_keys(facts)}"),
    ]  # fmt: skip


def _rate(value: float | None) -> str:
    return _GONE if value is None else amount(value, Unit.PER_SECOND)


def _bytes(value: float | None) -> str:
    return _GONE if value is None else amount(value, Unit.BYTES_PER_SECOND)


def _keys(facts: RedisFacts) -> str:
    known = [one.keys for one in facts.databases]
    return _GONE if None in known or not facts.version else count(sum(value for value in known if value is not None))


def _gone_keys(facts: RedisFacts) -> str:
    traffic = facts.traffic
    return f"evicted {_minute(traffic.evicted_per_minute)}, expired {_minute(traffic.expired_per_minute)}"


def _errors(facts: RedisFacts) -> list[Line]:
    rates = sorted(facts.traffic.errors_per_minute.items(), key=lambda pair: -pair[1])[:3]
    words = ", ".join(f"{code} {_minute(rate)}" for code, rate in rates)
    return [line(dim(f"{'errors':<{_LABEL}}"), words)] if words else []


def _trend(view: View[RedisFacts], label: str, gauge: str, top: float | None, width: int, words: str = "") -> Line:
    """A gauge over time."""
    room = max(0, min(60, width - _LABEL - _RATES))
    return line(dim(f"{label:<{_LABEL}}"), Span(spark(view.history(gauge), room, top), Tone.CHART), "  ", words)
