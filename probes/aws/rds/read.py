"""What RDS, EC2 and CloudWatch are asked about databases, and how often: what changes slowly is asked seldom."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from probes.aws.calls import Calls, Listed
from probes.aws.metrics import Metric, Metrics, Points
from probes.aws.rds import parse, reach
from probes.aws.rds.facts import Cluster, Event, Instance, Maintenance, StoredSnapshot
from probes.aws.rds.gauges import LABELLED
from probes.aws.rds.settings import RdsSettings
from probes.aws.seldom import Names, Seldom
from probes.aws.values import named, tables
from probes.base import Cause, Gap, ProbeError, SafeText

T = TypeVar("T")

CAP: Final = 10_000
"""Databases, or snapshots, that are read at most."""
_PAGE: Final = 100
"""Items of one page: the most RDS gives."""
_EACH: Final = 8
"""So many databases are asked for their snapshots one by one; of more, all snapshots are listed."""
_SNAPSHOTS: Final = 300.0
"""Seconds between two looks at snapshots."""
_SNAPSHOTS_SOON: Final = 20.0
"""The same while one is being taken."""
_GROUPS: Final = 600.0
_MOST_GROUPS: Final = 200
"""Values a filter of EC2 may have."""
_MAINTENANCE: Final = 3600.0
_MAINTENANCE_WATCHED: Final = 300.0
_EVENTS: Final = 60.0
_MOST_EVENTS: Final = 500
_STORAGE: Final = 300.0
"""Seconds between two looks at free storage."""
_STORAGE_SPAN: Final = 3 * 3600.0
"""Seconds of it that tell a trend."""

_LOADS: Final = {"cpu": "CPUUtilization", "connections": "DatabaseConnections"}


class Reader:
    """Asks for one target, and remembers what need not be asked each time."""

    def __init__(self, settings: RdsSettings, calls: Calls) -> None:
        self.calls = calls
        self.names = Names(settings.instances)
        self._settings = settings
        self._metrics = Metrics(calls, every=settings.metrics_every)
        self._storage = Metrics(calls, span=_STORAGE_SPAN, every=max(_STORAGE, settings.metrics_every))
        monotonic = calls.context.monotonic
        self._snapshots_seldom, self._groups_seldom = Seldom(monotonic), Seldom(monotonic)
        self._maintenance_seldom, self._events_seldom = Seldom(monotonic), Seldom(monotonic)
        self._snapshots: tuple[StoredSnapshot, ...] = ()
        self._groups: dict[str, Mapping[str, Any]] = {}
        self._maintenance: dict[str, list[Maintenance]] = {}
        self._events: tuple[Event, ...] = ()
        self.gaps: list[Gap] = []
        self.snapshots_cut = False
        self._lost: dict[str, Gap] = {}
        """What could not be had, until it is had."""

    async def _part(self, part: str, asking: Awaitable[T]) -> T | None:
        """What was asked for; None, and a gap, when it could not be had."""
        try:
            found = await asking
        except ProbeError as error:
            hint = f"{error.message}; {error.hint}" if error.hint else error.message
            self._lost[part] = Gap(part, error.cause, SafeText(str(hint), 300))
            return None
        self._lost.pop(part, None)
        return found

    # databases

    async def databases(self) -> tuple[list[Instance], list[Cluster]]:
        """(instances, clusters). Raises `ProbeError` when instances can't be listed."""
        self.gaps = []
        raw, clusters = await asyncio.gather(self._instances(), self._clusters())
        if any(one.cut for one in raw):
            gap = Gap(f"DB instances beyond the first {CAP:,}", Cause.TOO_BIG, SafeText("name those that matter"))
            self.gaps.append(gap)
        found = {
            str(one.get("DBInstanceIdentifier")): parse.instance(one)
            for answer in raw
            for one in tables(answer.items)
            if self.names.meant(str(one.get("DBInstanceIdentifier")), str(one.get("DBClusterIdentifier")))
        }
        return _writers(list(found.values()), clusters or []), clusters or []

    async def _instances(self) -> list[Listed]:
        """All of them; or, where each is named, those of these names and the members of clusters of these names."""
        if not self.names.exact:
            return [await self._all("describe_db_instances", "DBInstances")]
        filters = ("db-instance-id", "db-cluster-id")
        return await _together(
            [self._all("describe_db_instances", "DBInstances", Filters=[self._named(one)]) for one in filters]
        )

    def _named(self, filter: str) -> dict[str, Any]:
        return {"Name": filter, "Values": self.names.literal}

    async def _all(self, operation: str, field: str, **given: Any) -> Listed:
        return await self.calls.listed("rds", operation, field, CAP, _PAGE, **given)

    async def _clusters(self) -> list[Cluster] | None:
        given = {"Filters": [self._named("db-cluster-id")]} if self.names.exact else {}
        raw = await self._part("clusters", self._all("describe_db_clusters", "DBClusters", **given))
        if raw is None:
            return None
        parsed = map(parse.cluster, tables(raw.items))
        return [one for one in parsed if self.names.meant(one.name, *map(str, one.members))]

    # snapshots

    async def snapshots(self, instances: Sequence[Instance], clusters: Sequence[Cluster], watched: bool) -> None:
        """Read them anew when it is time."""
        under_way = any(one.status == "creating" for one in self._snapshots)
        soon = under_way or "backing-up" in {*(one.status for one in instances), *(one.status for one in clusters)}
        every = _SNAPSHOTS_SOON if soon else 60.0 if watched else _SNAPSHOTS
        if not self._snapshots_seldom.due(every):
            return
        whole = [one.name for one in instances if not one.cluster]
        parts = await asyncio.gather(
            self._snapshots_of("describe_db_snapshots", "DBSnapshots", "DBInstanceIdentifier", whole),
            self._snapshots_of(
                "describe_db_cluster_snapshots",
                "DBClusterSnapshots",
                "DBClusterIdentifier",
                [one.name for one in clusters],
            ),
        )
        if any(part is None for part in parts):
            return
        found = [one for part in parts for one in part or ()]
        found.sort(key=lambda one: (one.begun is None, one.begun and -one.begun.timestamp(), str(one.id)))
        self._snapshots = tuple(found)
        self._snapshots_seldom.answered()

    async def _snapshots_of(
        self, operation: str, field: str, key: str, names: Sequence[str]
    ) -> list[StoredSnapshot] | None:
        if not names:
            return []
        part = "cluster snapshots" if "cluster" in operation else "snapshots"
        if len(names) <= _EACH:
            asked = [self._all(operation, field, **{key: name}) for name in names]
        else:
            asked = [self._all(operation, field)]
        answers = await self._part(part, _together(asked))
        if answers is None:
            return None
        self.snapshots_cut = any(one.cut for one in answers)
        wanted = set(names)
        parsed = (parse.snapshot(raw) for answer in answers for raw in tables(answer.items))
        return [one for one in parsed if str(one.of) in wanted]

    @property
    def known_snapshots(self) -> tuple[StoredSnapshot, ...]:
        """The newest first, by the last look."""
        return self._snapshots

    @property
    def snapshots_age(self) -> float | None:
        """Seconds since that look."""
        return self._snapshots_seldom.age

    # numbers

    async def measured(self, instances: Sequence[Instance]) -> list[Instance]:
        """The instances with what CloudWatch knows of them."""
        shown = instances[:LABELLED]
        storage = {
            one.name: _metric("FreeStorageSpace", one.name, 300) for one in shown if one.allocated and not one.cluster
        }
        loads = {
            f"{one.name} {key}": _metric(name, one.name)
            for one in shown
            for key, name in (*_LOADS.items(), *([("lag", "ReplicaLag")] if one.replica_of else []))
        }
        free = await self._part("free storage", self._storage.read(storage)) if storage else {}
        used = await self._part("cpu and connections", self._metrics.read(loads)) if loads else {}
        return [self._with_numbers(one, free or {}, used or {}) for one in instances]

    @staticmethod
    def _with_numbers(one: Instance, free: Mapping[str, Points], used: Mapping[str, Points]) -> Instance:
        points = free.get(one.name, Points())
        cpu = used.get(f"{one.name} cpu", Points()).latest
        lag = used.get(f"{one.name} lag", Points()).latest
        return replace(
            one,
            free=points.latest,
            free_at=points.at,
            full_in=parse.full_in(points),
            cpu=None if cpu is None else cpu / 100,
            connections=used.get(f"{one.name} connections", Points()).latest,
            lag=lag if lag is not None and lag >= 0 else None,  # -1: it is not known
        )

    # security groups

    async def reachable(self, instances: Sequence[Instance], watched: bool) -> list[Instance]:
        """The instances with who reaches their port."""
        wanted = sorted({group for one in instances for group in one.groups if group})[:_MOST_GROUPS]
        if wanted and (watched or self._settings.reach_from) and self._groups_seldom.due(_GROUPS):
            chosen = [{"Name": "group-id", "Values": wanted}]
            asked = self.calls.listed("ec2", "describe_security_groups", "SecurityGroups", 1000, Filters=chosen)
            answer = await self._part("security groups", asked)
            if answer is not None:
                self._groups = {named(one.get("GroupId")): one for one in tables(answer.items)}
                self._groups_seldom.answered()
        return [self._reached(one) for one in instances]

    def _reached(self, one: Instance) -> Instance:
        if one.port is None or not one.groups or not set(one.groups) <= self._groups.keys():
            return one
        rules = reach.rules_for(one.port, [self._groups[group] for group in one.groups])
        judged = tuple(reach.judged(source, one.port, rules) for source in self._settings.reach_from)
        return replace(one, reach=judged, open_to_all=reach.is_open_to_all(rules))

    # what AWS wants to do, and what it told

    async def maintained(self, instances: Sequence[Instance], watched: bool) -> list[Instance]:
        """The instances with what AWS wants to do to them."""
        if self._maintenance_seldom.due(_MAINTENANCE_WATCHED if watched else _MAINTENANCE):
            asked = self._all("describe_pending_maintenance_actions", "PendingMaintenanceActions")
            answer = await self._part("pending maintenance", asked)
            if answer is not None:
                self._maintenance_seldom.answered()
                self._maintenance = {
                    named(one.get("ResourceIdentifier")).rpartition(":")[2]: parse.maintenance(one)
                    for one in tables(answer.items)
                }
        known = self._maintenance
        return [replace(one, maintenance=tuple(known[one.name])) if one.name in known else one for one in instances]

    async def events(self, names: Iterable[str]) -> tuple[Event, ...]:
        """What RDS told of these databases in the last 24 hours, newest first."""
        if self._events_seldom.due(_EVENTS):
            found = await self._part("events", events_of(self.calls))
            if found is not None:
                self._events = found
                self._events_seldom.answered()
        wanted = set(names)
        return tuple(one for one in self._events if str(one.source) in wanted)

    def all_gaps(self) -> list[Gap]:
        """Every part that is missing now."""
        return [*self.gaps, *self._lost.values()]


async def events_of(calls: Calls, hours: int = 24, since: datetime | None = None, **given: Any) -> tuple[Event, ...]:
    """What RDS told, newest first. Events of other things than databases are left in."""
    span: dict[str, Any] = {"Duration": hours * 60}
    if since is not None:
        span = {"StartTime": since - timedelta(seconds=30), "EndTime": calls.context.now() + timedelta(seconds=60)}
    answer = await calls.listed("rds", "describe_events", "Events", _MOST_EVENTS, _PAGE, **span, **given)
    found = [one for one in map(parse.event, tables(answer.items)) if one is not None]
    return tuple(sorted(found, key=lambda one: one.at, reverse=True))


async def _together(asked: Sequence[Awaitable[Listed]]) -> list[Listed]:
    return list(await asyncio.gather(*asked))


def _writers(instances: list[Instance], clusters: Sequence[Cluster]) -> list[Instance]:
    writers = {cluster.name: str(cluster.writer) for cluster in clusters if cluster.writer}
    return [
        replace(one, writer=one.name == writers[str(one.cluster)]) if str(one.cluster) in writers else one
        for one in instances
    ]


def _metric(name: str, instance: str, period: int = 60) -> Metric:
    return Metric("AWS/RDS", name, (("DBInstanceIdentifier", instance),), "Average", period)
