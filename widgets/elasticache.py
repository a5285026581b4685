"""Draws managed caches: nodes with their load, shards with their primary, and what throws data out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, NamedTuple

from desk.words import amount, count, plural, ratio, span
from probes.aws.elasticache.facts import CacheEvent, CacheGroup, CacheNode, ElastiCacheFacts, Policy, Shard
from probes.aws.elasticache.policies import key_of
from probes.base import Severity, Unit
from widgets.aws import seat_line
from widgets.draw.marks import bar, spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Panel, Table, View, name_column

_GONE: Final = "–"
_WIDE: Final = 100
_MOST: Final = 40
"""Lines of the overview; the screen of its own shows them all."""
_YES: Final = {True: "yes", False: "no", None: _GONE}


class ShardRow(NamedTuple):
    """A shard with the group it belongs to."""

    group: CacheGroup
    shard: Shard


def _or_gone(value: float | None, words: Callable[[float], str]) -> str:
    return _GONE if value is None else words(value)


def _per_minute(value: float | None) -> str:
    return _GONE if value is None else amount(value, Unit.PER_MINUTE)


def _severity(view: View[ElastiCacheFacts], node: CacheNode) -> Severity | None:
    """What the rules say; what does not answer is never drawn as well."""
    said = view.severity(cache=node.name)
    return Severity.NOTICE if said is None and not node.serves else said


def _engine(node: CacheNode) -> str:
    return f"{node.engine} {node.version}".strip() or _GONE


def _row(view: View[ElastiCacheFacts], node: CacheNode, width: int) -> Line:
    """Sign, name, state, role, memory, and where there is room what else tells its load."""
    severity, name = _severity(view, node), name_column(width)
    parts: list[Part] = [
        sign(severity), " ", fit(strong(node.name), name), " ",
        toned(fit(node.status or _GONE, 12).text, severity), " ",
        Span(bar(node.memory, 6), Tone.CHART), " ", fit(f"mem {_or_gone(node.memory, ratio)}", 9),
    ]  # fmt: skip
    spare = width - name - 32
    for text, cells in (
        (f"hit {_or_gone(node.hits, ratio)}", 9), (f"evict {_per_minute(node.evictions)}", 15), (node.role, 7),
        (f"cpu {_or_gone(node.cpu, ratio)}", 9), (_engine(node), 16), (str(node.size), 18),
    ):  # fmt: skip
        if spare < cells + 1:
            break
        parts += [" ", fit(text, cells)]
        spare -= cells + 1
    return line(*parts, key=node.key, severity=severity)


def _pairs(pairs: Sequence[tuple[str, str]]) -> list[Line]:
    return [line(dim(f"{name:<20}"), words) for name, words in pairs if words]


def _about(node: CacheNode) -> Sequence[Line]:
    """All that is known of a node."""
    mode = ", cluster mode" if node.sharded else ""
    in_force = "" if str(node.in_force) in ("", "in-sync") else f" ({node.in_force})"
    locks = f"on the way {_YES[node.transit]}, where it is kept {_YES[node.rest]}, token {_YES[node.login]}"
    return _pairs(
        [
            ("node", f"{node.cluster}/{node.id}"),
            ("state", node.status or _GONE),
            ("engine", f"{_engine(node)}  {node.size}"),
            ("endpoint", f"{node.host}:{node.port or _GONE}"),
            ("group", f"{node.group} shard {node.shard or _GONE}{mode}" if node.group else ""),
            ("role", node.role or _GONE),
            ("zone", str(node.zone)),
            ("cpu of the engine", _or_gone(node.cpu, ratio)),
            ("memory", f"{_or_gone(node.memory, ratio)} of what is for data"),
            ("hit rate", _or_gone(node.hits, ratio)),
            ("evictions", _per_minute(node.evictions)),
            ("connections", _or_gone(node.connections, count)),
            ("replica lag", span(node.lag) if node.lag is not None else ""),
            ("encrypted", locks),
            ("parameter group", f"{node.parameters or _GONE}{in_force}"),
            ("security groups", ", ".join(node.groups) or _GONE),
            ("waits for its window", ", ".join(map(str, node.pending)) or "nothing"),
            ("maintenance window", f"{node.window} UTC"),
            ("made", f"{node.made:%Y-%m-%d %H:%M} UTC" if node.made else _GONE),
        ]
    )


def _about_shard(row: ShardRow) -> Sequence[Line]:
    group, shard = row
    reader = f", for reading {shard.reader}" if shard.reader else ""
    endpoint = shard.host or group.host
    return _pairs(
        [
            ("group", f"{group.name}  {group.about}"),
            ("state", f"{group.status or _GONE}, shard {shard.id} {shard.status}"),
            ("cluster mode", _YES[group.sharded]),
            ("endpoint", f"{endpoint}:{shard.port or group.port or _GONE}{reader}"),
            ("slots", str(shard.slots)),
            ("primary", shard.primary or "not told"),
            ("nodes", ", ".join(shard.members) or "none"),
            ("node type", str(group.size) or _GONE),
            ("automatic failover", group.failover or _GONE),
            ("several zones", group.multi_zone or _GONE),
            ("snapshots", f"{_or_gone(group.kept, count)} days kept, window {group.snapshot_window or _GONE} UTC"),
            ("waits for its window", ", ".join(map(str, group.pending)) or "nothing"),
        ]
    )


def _tone(one: CacheNode | CacheGroup) -> Tone:
    if one.serves:
        return Tone.PLAIN
    return Tone.WARNING if one.changes else Tone.CRITICAL


_LOOKS: Final = ("events", "parameters")

_NODES: Final[Table[ElastiCacheFacts, CacheNode]] = Table(
    name="nodes",
    title="nodes",
    rows=lambda facts: facts.nodes,
    key=lambda node: node.key,
    label=lambda node: node.name,
    columns=(
        Column("node", lambda node: node.name, 26),
        Column("state", lambda node: node.status or _GONE, 14),
        Column("role", lambda node: node.role or _GONE, 8, least=60),
        Column("mem", lambda node: _or_gone(node.memory, ratio), 6, lambda node: node.memory, True, 0, True),
        Column("hit", lambda node: _or_gone(node.hits, ratio), 6, lambda node: node.hits, True, 70),
        Column("evict", lambda node: _per_minute(node.evictions), 9, lambda node: node.evictions, True, 80, True),
        Column("cpu", lambda node: _or_gone(node.cpu, ratio), 6, lambda node: node.cpu, True, 90, True),
        Column("conn", lambda node: _or_gone(node.connections, count), 6, lambda n: n.connections, True, 100, True),
        Column("type", lambda node: node.size, 18, least=120),
        Column("engine", lambda node: _engine(node), 16, least=140),
        Column("endpoint, or what waits", lambda node: ", ".join(map(str, node.pending)) or node.host),
    ),
    empty="there is no cache of these names",
    tone=_tone,
    detail=_about,
    looks=_LOOKS,
)

_SHARDS: Final[Table[ElastiCacheFacts, ShardRow]] = Table(
    name="shards",
    title="shards of groups",
    rows=lambda facts: [ShardRow(group, shard) for group in facts.groups for shard in group.shards],
    key=lambda row: row.group.key(row.shard),
    label=lambda row: f"{row.group.name}/{row.shard.id}",
    columns=(
        Column("group/shard", lambda row: f"{row.group.name}/{row.shard.id}", 30),
        Column("state", lambda row: row.group.status or _GONE, 14),
        Column("nodes", lambda row: count(len(row.shard.members)), 5, lambda row: len(row.shard.members), True),
        Column("failover", lambda row: row.group.failover or _GONE, 9, least=70),
        Column("primary", lambda row: row.shard.primary or _GONE, 26, least=90),
        Column("type", lambda row: row.group.size, 18, least=120),
        Column("endpoint", lambda row: row.shard.host or row.group.host),
    ),
    empty="there is no replication group of these names",
    tone=lambda row: _tone(row.group),
    detail=_about_shard,
    looks=_LOOKS,
)

_PARAMETERS: Final[Table[ElastiCacheFacts, Policy]] = Table(
    name="parameters",
    title="parameter groups",
    rows=lambda facts: facts.policies,
    key=lambda one: key_of(one.group),
    label=lambda one: f"parameter group {one.group}",
    columns=(
        Column("group", lambda one: one.group, 40),
        Column("maxmemory-policy", lambda one: one.policy or _GONE),
    ),
    empty="no parameter group of a Redis or Valkey is known yet: they are read while you look",
)

_EVENTS: Final[Table[ElastiCacheFacts, CacheEvent]] = Table(
    name="events",
    title="events",
    rows=lambda facts: tuple(dict.fromkeys(facts.events)),
    key=lambda one: f"{one.at.timestamp():.6f} {one.source} {one.words}",
    columns=(
        Column("utc", lambda one: f"{one.at:%m-%d %H:%M:%S}", 14, lambda one: one.at, descending=True),
        Column("cache", lambda one: one.source, 26),
        Column("what happened", lambda one: one.words),
    ),
    empty="ElastiCache told nothing of them in the last 24 hours, or was not asked yet",
)


class ElastiCachePanel(Panel[ElastiCacheFacts]):
    """The managed caches of an account and region."""

    title = "CACHE"
    help = (
        "mem: used share of the memory for data. hit: share of lookups that found something. evict: items thrown out\n"
        "a minute to make room. cpu: of the engine's one thread (for memcached: of the machine). By CloudWatch, a few\n"
        "minutes old. role is not told for groups in cluster mode. policy: maxmemory-policy of the parameter group,\n"
        "read while you look; a on a parameter group sets it. CONFIG SET does not work on ElastiCache."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_NODES, _SHARDS, _PARAMETERS, _EVENTS)

    def headline(self, view: View[ElastiCacheFacts]) -> Sequence[Part]:
        """How many nodes answer."""
        nodes = view.facts.nodes
        parts: list[Part] = [f"{count(sum(node.serves for node in nodes))} of {plural(len(nodes), 'node')} up"]
        if view.facts.absent:
            parts.append(toned(f"{len(view.facts.absent)} not there", view.severity("absent") or Severity.NOTICE))
        return parts

    def brief(self, view: View[ElastiCacheFacts], width: int) -> Sequence[Line]:
        """A line for each node, those in trouble first."""
        nodes = sorted(view.facts.nodes, key=lambda node: -(_severity(view, node) or 0))
        found = [_row(view, node, width) for node in nodes[:_MOST]]
        if len(nodes) > _MOST:
            found.append(line(dim(f"and {plural(len(nodes) - _MOST, 'more node')}")))
        missing = [line(sign(Severity.WARNING), f" there is no {name}") for name in view.facts.absent]
        return [*missing, *found] or [line(dim("there is no cache here"))]

    def head(self, view: View[ElastiCacheFacts], width: int) -> Sequence[Line]:
        """The fullest nodes, the groups, then from where it is looked at."""
        facts = view.facts
        fullest = sorted(facts.nodes, key=lambda node: -(node.memory or 0.0))[:4]
        lines = [self._memory(view, node, width) for node in fullest]
        for group in facts.groups[:3]:
            words = f"{group.status or _GONE}, failover {group.failover or _GONE}, {plural(len(group.shards), 'shard')}"
            lines.append(line(fit(dim(group.name), 22), " ", toned(words, view.severity(cache=group.name))))
        for policy in facts.policies:
            lines.append(line(fit(dim("policy"), 22), f" {policy.policy or _GONE}  ({policy.group})"))
        return [*lines, seat_line(facts.seat)]

    def _memory(self, view: View[ElastiCacheFacts], node: CacheNode, width: int) -> Line:
        cells = 20 if width > 90 else 10
        words = f"{_or_gone(node.memory, ratio)}  hit {_or_gone(node.hits, ratio)}  evict {_per_minute(node.evictions)}"
        parts: list[Part] = [fit(dim(node.name), 22), " ", Span(bar(node.memory, cells), Tone.CHART), "  "]
        parts.append(toned(words, view.severity("memory_ratio", cache=node.name)))
        if width >= _WIDE:
            parts += ["  ", Span(spark(view.history("memory_ratio", cache=node.name), 20), Tone.CHART)]
        return line(*parts)
