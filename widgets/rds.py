"""Draws managed databases: which do not answer, which fill up, and how old their newest snapshot is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from desk.words import age, count, plural, ratio, size, span
from probes.aws.rds.facts import Cluster, Event, Instance, RdsFacts, StoredSnapshot
from probes.base import Severity
from widgets.aws import seat_line
from widgets.draw.marks import bar, spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Panel, Table, View, name_column

_GONE: Final = "–"
_WIDE: Final = 100
_MOST: Final = 40
"""Lines of the overview; the screen of its own shows them all."""
_YES: Final = {True: "yes", False: "no", None: _GONE}


def _or_gone(value: float | None, words: Callable[[float], str]) -> str:
    return _GONE if value is None else words(value)


def _moment(at: datetime | None) -> str:
    return _GONE if at is None else f"{at:%Y-%m-%d %H:%M}"


def _severity(view: View[RdsFacts], one: Instance | Cluster) -> Severity | None:
    """What the rules say; what does not answer is never drawn as well."""
    said = view.severity(database=one.name)
    return Severity.NOTICE if said is None and not one.serves else said


def _engine(one: Instance | Cluster) -> str:
    return f"{one.engine} {one.version}".strip() or _GONE


def _role(one: Instance) -> str:
    if one.cluster:
        return {True: "writer", False: "reader", None: "member"}[one.writer]
    return "replica" if one.replica_of else "two zones" if one.multi_zone else "one zone"


def _free(one: Instance) -> str:
    share = f" ({ratio(one.free_ratio)})" if one.free_ratio is not None else ""
    return f"{_or_gone(one.free, size)} free{share}"


def _snapshot_age(view: View[RdsFacts], one: Instance | Cluster) -> str:
    """Age of the newest snapshot, or what is being taken."""
    known = one.snapshots
    if known is None:
        return _GONE
    for taken in known.under_way:
        return f"snapshot {_or_gone(taken.progress, ratio)}"
    age = view.snapshot.gauge("snapshot_age_seconds", database=one.name)
    return "no snapshot" if age is None else f"snapshot {span(int(age))}"


def _row(view: View[RdsFacts], one: Instance, width: int) -> Line:
    """Sign, name, state, free storage, and where there is room load and backup."""
    severity, name = _severity(view, one), name_column(width)
    parts: list[Part] = [
        sign(severity), " ", fit(strong(one.name), name), " ", toned(fit(one.status or _GONE, 12).text, severity), " ",
        Span(bar(one.full, 6), Tone.CHART), " ", fit(_free(one), 22),
    ]  # fmt: skip
    spare = width - name - 45
    for text, cells in ((_snapshot_age(view, one), 18), (f"cpu {_or_gone(one.cpu, ratio)}", 10),
                        (f"{_or_gone(one.connections, count)} connections", 17), (_engine(one), 22)):  # fmt: skip
        if spare < cells + 1:
            break
        parts += [" ", fit(text, cells)]
        spare -= cells + 1
    return line(*parts, key=one.name, severity=severity)


def _cluster_row(view: View[RdsFacts], one: Cluster, width: int) -> Line:
    severity, name = _severity(view, one), name_column(width)
    writer = f"writer {one.writer}" if one.writer else "no writer"
    parts: list[Part] = [
        sign(severity), " ", fit(strong(one.name), name), " ", toned(fit(one.status or _GONE, 12).text, severity), " ",
        fit(f"cluster, {plural(len(one.members), 'member')}, {writer}", max(10, width - name - 35)), " ",
        fit(_snapshot_age(view, one), 18),
    ]  # fmt: skip
    return line(*parts, key=one.name, severity=severity)


def _pairs(pairs: Sequence[tuple[str, str]]) -> list[Line]:
    return [line(dim(f"{name:<20}"), words) for name, words in pairs if words]


def _about(one: Instance) -> Sequence[Line]:
    """All that is known of an instance."""
    grows = f", grows by itself to {size(one.grows_to)}" if one.grows_to else ""
    speed = f", {count(one.iops)} IOPS" if one.iops else ""
    speed += f", {count(one.throughput)} MiB/s" if one.throughput else ""
    full = f", full in {span(one.full_in)} at this pace" if one.full_in is not None else ""
    kept = one.snapshots
    of_cluster = f" of cluster {one.cluster}" if one.cluster else ""
    lines = _pairs(
        [
            ("instance", f"{one.name}  {one.resource}"),
            ("state", one.status or _GONE),
            ("engine", f"{_engine(one)}  {one.size}"),
            ("endpoint", f"{one.host}:{one.port or _GONE}"),
            ("role", f"{_role(one)}{of_cluster}" + (f" of {one.replica_of}" if one.replica_of else "")),
            ("replicas", ", ".join(map(str, one.replicas))),
            ("storage", f"{_or_gone(one.allocated, size)} {one.storage}{speed}{grows}"),
            ("free", f"{_free(one)}{full}"),
            ("cpu, connections", f"{_or_gone(one.cpu, ratio)}, {_or_gone(one.connections, count)}"),
            ("replica lag", span(one.lag) if one.lag is not None else ""),
            ("waits for its window", ", ".join(map(str, one.pending)) or "nothing"),
            ("maintenance window", f"{one.window} UTC"),
            ("backups", f"{_or_gone(one.retention, count)} days kept, window {one.backup_window} UTC"),
            ("snapshots", f"{count(kept.count)} available, {kept.days} of the last 7 days" if kept else _GONE),
            ("restorable up to", f"{_moment(one.restorable)} UTC"),
            ("parameter group", ", ".join(map(str, one.parameters)) or _GONE),
            ("subnet group", str(one.subnets) or _GONE),
            ("security groups", ", ".join(one.groups) or _GONE),
            ("public address", _YES[one.public] + (", open to every address" if one.open_to_all else "")),
            ("encrypted", _YES[one.encrypted]),
            ("deletion protection", _YES[one.protected]),
            ("made", f"{_moment(one.made)} UTC"),
        ]
    )
    word = {True: "open", False: "CLOSED", None: "can't tell"}
    lines += _pairs([(f"from {reach.source}", f"{word[reach.open]}: {reach.why}") for reach in one.reach])
    for due in one.maintenance:
        lines += _pairs([("AWS wants", f"{due.what} after {_moment(due.after)}, forced {_moment(due.forced)}")])
    return lines


def _about_cluster(one: Cluster) -> Sequence[Line]:
    return _pairs(
        [
            ("cluster", f"{one.name}  {one.resource}"),
            ("state", one.status or _GONE),
            ("engine", _engine(one)),
            ("endpoint", f"{one.host}:{one.port or _GONE}"),
            ("for reading", str(one.reader)),
            ("members", ", ".join(map(str, one.members)) or "none"),
            ("writer", str(one.writer) or _GONE),
            ("waits for its window", ", ".join(map(str, one.pending)) or "nothing"),
            ("maintenance window", f"{one.window} UTC"),
            ("backups", f"{_or_gone(one.retention, count)} days kept"),
            ("restorable up to", f"{_moment(one.restorable)} UTC"),
            ("encrypted", _YES[one.encrypted]),
            ("deletion protection", _YES[one.protected]),
        ]
    )


def _tone(one: Instance | Cluster) -> Tone:
    if one.serves:
        return Tone.PLAIN
    return Tone.WARNING if one.changes else Tone.CRITICAL


def _snapshot_tone(one: StoredSnapshot) -> Tone:
    return Tone.PLAIN if one.usable else Tone.NOTICE if one.status == "creating" else Tone.CRITICAL


_LOOKS: Final = ("logs", "events", "snapshots", "maintenance", "reach")

_INSTANCES: Final[Table[RdsFacts, Instance]] = Table(
    name="instances",
    title="instances",
    rows=lambda facts: facts.instances,
    beyond=lambda facts: facts.more,
    key=lambda one: one.name,
    columns=(
        Column("instance", lambda one: one.name, 26),
        Column("state", lambda one: one.status or _GONE, 14),
        Column("free", lambda one: _or_gone(one.free_ratio, ratio), 6, lambda one: one.free_ratio, True),
        Column("full in", lambda one: _or_gone(one.full_in, span), 7, lambda one: one.full_in, True, 60),
        Column("cpu", lambda one: _or_gone(one.cpu, ratio), 6, lambda one: one.cpu, True, 70, True),
        Column("conn", lambda one: _or_gone(one.connections, count), 6, lambda one: one.connections, True, 80, True),
        Column("storage", lambda one: _or_gone(one.allocated, size), 9, lambda one: one.allocated, True, 90, True),
        Column("role", lambda one: _role(one), 9, least=100),
        Column("class", lambda one: one.size, 16, least=120),
        Column("engine", lambda one: _engine(one), 22, least=140),
        Column("endpoint, or what waits", lambda one: ", ".join(map(str, one.pending)) or one.host),
    ),
    empty="there is no DB instance of these names",
    tone=_tone,
    detail=_about,
    looks=_LOOKS,
)

_CLUSTERS: Final[Table[RdsFacts, Cluster]] = Table(
    name="clusters",
    title="clusters",
    rows=lambda facts: facts.clusters,
    key=lambda one: one.name,
    columns=(
        Column("cluster", lambda one: one.name, 26),
        Column("state", lambda one: one.status or _GONE, 14),
        Column("members", lambda one: count(len(one.members)), 7, lambda one: len(one.members), True),
        Column("writer", lambda one: one.writer or _GONE, 26, least=80),
        Column("engine", lambda one: _engine(one), 24, least=110),
        Column("endpoint", lambda one: one.host),
    ),
    empty="there is no DB cluster of these names",
    tone=_tone,
    detail=_about_cluster,
    looks=_LOOKS,
)

_SNAPSHOTS: Final[Table[RdsFacts, StoredSnapshot]] = Table(
    name="snapshots",
    title="snapshots",
    rows=lambda facts: facts.snapshots,
    beyond=lambda facts: facts.snapshots_more,
    key=lambda one: f"{one.of} {one.id}",
    columns=(
        Column("taken, utc", lambda one: _moment(one.begun), 16, lambda one: one.begun, descending=True),
        Column("of", lambda one: one.of, 22),
        Column("state", lambda one: one.status, 11),
        Column("done", lambda one: _or_gone(one.progress, ratio), 6, lambda one: one.progress, True, 70),
        Column("sort", lambda one: one.sort, 10, least=80),
        Column("storage", lambda one: _or_gone(one.allocated, size), 9, lambda one: one.allocated, True, 90, True),
        Column("encrypted", lambda one: _YES[one.encrypted], 9, least=100),
        Column("snapshot", lambda one: one.id),
    ),
    empty="no snapshot was found, or they were not read yet",
    tone=_snapshot_tone,
    subject=lambda one: str(one.of),
    looks=("snapshots", "events"),
)

_EVENTS: Final[Table[RdsFacts, Event]] = Table(
    name="events",
    title="events",
    rows=lambda facts: tuple(dict.fromkeys(facts.events)),
    key=lambda one: f"{one.at.timestamp():.6f} {one.source} {one.words}",
    columns=(
        Column("utc", lambda one: f"{one.at:%m-%d %H:%M:%S}", 14, lambda one: one.at, descending=True),
        Column("database", lambda one: one.source, 26),
        Column("what happened", lambda one: one.words),
    ),
    empty="RDS told nothing of them in the last 24 hours, or was not asked yet",
    subject=lambda one: str(one.source),
    looks=("events",),
)


class RdsPanel(Panel[RdsFacts]):
    """The managed databases of an account and region."""

    title = "DATABASES"
    help = (
        "state: RDS's own word. free: free storage by CloudWatch against what is allocated; a cluster has none of its\n"
        "own. full in: at the pace of the last three hours; – means it does not shrink. cpu, connections: by\n"
        "CloudWatch, a few minutes old. snapshot: age of the newest that is available, which does not prove that it\n"
        "can be restored. Read now and then: snapshots every 5 min, maintenance every hour, events while you look.\n"
        "reach: whether security groups open the port from the places the profile names."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_INSTANCES, _CLUSTERS, _SNAPSHOTS, _EVENTS)

    def headline(self, view: View[RdsFacts]) -> Sequence[Part]:
        """How many answer."""
        every: tuple[Instance | Cluster, ...] = (*view.facts.instances, *view.facts.clusters)
        well = sum(one.serves for one in every)
        parts: list[Part] = [f"{count(well)} of {plural(len(every), 'database')} up"]
        if view.facts.absent:
            parts.append(toned(f"{len(view.facts.absent)} not there", view.severity("absent") or Severity.NOTICE))
        return parts

    def brief(self, view: View[RdsFacts], width: int) -> Sequence[Line]:
        """A line for each, those in trouble first."""
        facts = view.facts
        every: list[Instance | Cluster] = [*facts.instances, *facts.clusters]
        every.sort(key=lambda one: -(_severity(view, one) or 0))
        found = [
            _row(view, one, width) if isinstance(one, Instance) else _cluster_row(view, one, width)
            for one in every[:_MOST]
        ]
        if len(every) > _MOST:
            found.append(line(dim(f"and {plural(len(every) - _MOST, 'more database')}")))
        missing = [line(sign(Severity.CRITICAL), f" there is no {name}") for name in facts.absent]
        return [*missing, *found] or [line(dim("there is no database here"))]

    def head(self, view: View[RdsFacts], width: int) -> Sequence[Line]:
        """Storage and load of those that matter most, then from where it is looked at."""
        facts = view.facts
        tight = [one for one in facts.instances if one.free_ratio is not None]
        tight.sort(key=lambda one: one.free_ratio or 0.0)
        lines = [self._storage(view, one, width) for one in tight[:5]]
        read = _or_gone(facts.snapshots_age, lambda seconds: f"read {age(seconds)} ago")
        more = f", {plural(facts.snapshots_more, 'more')} not shown" if facts.snapshots_more else ""
        lines.append(line(fit(dim("snapshots"), 13), f"{count(len(facts.snapshots))}{more}, {read}"))
        return [*lines, seat_line(facts.seat)]

    def _storage(self, view: View[RdsFacts], one: Instance, width: int) -> Line:
        cells = 20 if width > 90 else 10
        full = f"  full in {span(one.full_in)}" if one.full_in is not None else ""
        parts: list[Part] = [fit(dim(one.name), 22), " ", Span(bar(one.full, cells), Tone.CHART), "  "]
        parts.append(toned(f"{_free(one)}{full}", view.severity("free_ratio", database=one.name)))
        if width >= _WIDE:
            course = spark(view.history("free_bytes", database=one.name), 20)
            parts += ["  ", Span(course, Tone.CHART)]
        return line(*parts)
