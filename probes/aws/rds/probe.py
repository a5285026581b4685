"""Reads the managed databases of an account and region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Final

from probes.aws.calls import Calls
from probes.aws.rds import logs, parse
from probes.aws.rds.facts import Cluster, Event, Instance, RdsFacts, Snapshots, StoredSnapshot
from probes.aws.rds.gauges import RULES, SPECS, measured
from probes.aws.rds.read import CAP, Reader, events_of
from probes.aws.rds.settings import RdsSettings
from probes.aws.values import named, tables
from probes.base import Cause, Context, Gap, Look, Probe, ProbeError, SafeText, Settings, Sheet, Snapshot, Target

SHOWN: Final = 500
"""Snapshots of a reading that are kept one by one."""
_LINES: Final = 3000
_EVENTS: Final = Look("events", "events of the last 14 days", evidence=True)
_LOGS: Final = Look("logs", "newest lines of its log files", evidence=True)
_SNAPSHOTS: Final = Look("snapshots", "all snapshots")
_MAINTENANCE: Final = Look("maintenance", "pending maintenance")
_REACH: Final = Look("reach", "who reaches its port")


class RdsProbe(Probe[RdsFacts]):
    """DB instances and clusters with their storage, load, snapshots and reachability."""

    kind = "rds"
    settings_type: ClassVar[type[Settings]] = RdsSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, RdsSettings)
        self._settings = target.settings
        self._calls = Calls(target.settings, context, f"rds-{target.name}")
        self._reader = Reader(target.settings, self._calls)

    async def read(self) -> Snapshot[RdsFacts]:
        """Look at the databases; at what changes slowly only now and then."""
        began = self.context.monotonic()
        self.doing = "reading"
        await self._calls.whose()
        reader, now = self._reader, self.context.now()
        instances, clusters = await reader.databases()
        await reader.snapshots(instances, clusters, self.watched)
        instances = await reader.measured(instances)
        instances = await reader.reachable(instances, self.watched)
        instances = await reader.maintained(instances, self.watched)
        names = [*(one.name for one in instances), *(one.name for one in clusters)]
        kept = reader.known_snapshots
        facts = RdsFacts(
            seat=await self._calls.seat(),
            instances=tuple(instances),
            clusters=tuple(clusters),
            absent=tuple(name for name in reader.names.literal if name not in names),
            snapshots=kept[:SHOWN],
            snapshots_more=len(kept[SHOWN:]),
            snapshots_age=reader.snapshots_age,
            events=await reader.events(names) if self.watched else (),
        )
        if facts.snapshots_age is not None:
            facts = self._backed_up(facts, kept)
        gaps = reader.all_gaps()
        if reader.snapshots_cut:
            gaps.append(Gap(f"snapshots beyond the first {CAP:,}", Cause.TOO_BIG, SafeText("name the databases")))
        return self.snapshot(facts, measured(facts, now, self._settings.fresh), began, gaps)

    def _backed_up(self, facts: RdsFacts, kept: Sequence[StoredSnapshot]) -> RdsFacts:
        """The facts with each database's own snapshots; none at all is a fact too."""
        by_name = parse.gathered(kept, self.context.now())
        nothing = Snapshots()

        def of(one: Instance) -> Instance:
            return one if one.cluster else replace(one, snapshots=by_name.get(one.name, nothing))

        def of_cluster(one: Cluster) -> Cluster:
            return replace(one, snapshots=by_name.get(one.name, nothing))

        return replace(
            facts, instances=tuple(map(of, facts.instances)), clusters=tuple(map(of_cluster, facts.clusters))
        )

    def looks(self) -> tuple[Look, ...]:
        """Events, log files, snapshots, maintenance, reachability of one database."""
        return (_EVENTS, _LOGS, _SNAPSHOTS, _MAINTENANCE, _REACH)

    async def look(self, name: str, subject: str) -> Sheet:
        """Ask afresh about one database, by its name."""
        await self._calls.whose()
        if name == _EVENTS.name:
            found = await events_of(self._calls, 14 * 24)
            return _sheet(_EVENTS.title, [_told(one) for one in found if subject in ("", str(one.source))])
        if name == _LOGS.name:
            return _sheet(_LOGS.title, await logs.newest(self._calls, subject))
        if name == _SNAPSHOTS.name:
            return _sheet(_SNAPSHOTS.title, await self._stored(subject))
        if name == _MAINTENANCE.name:
            return _sheet(_MAINTENANCE.title, await self._planned(subject))
        if name == _REACH.name:
            return _sheet(_REACH.title, await self._reached(subject))
        raise ProbeError(Cause.MISSING, f"rds has no look named {SafeText(name, 40)}")

    async def _stored(self, subject: str) -> list[str]:
        given = {"DBInstanceIdentifier": subject} if subject else {}
        answer = await self._calls.listed("rds", "describe_db_snapshots", "DBSnapshots", CAP, 100, **given)
        lines = [parse.snapshot(one) for one in tables(answer.items)]
        if not lines and subject:
            answer = await self._calls.listed(
                "rds", "describe_db_cluster_snapshots", "DBClusterSnapshots", CAP, 100, DBClusterIdentifier=subject
            )
            lines = [parse.snapshot(one) for one in tables(answer.items)]
        lines.sort(key=lambda one: one.begun.timestamp() if one.begun else 0.0, reverse=True)
        return [_snapshot_line(one) for one in lines]

    async def _planned(self, subject: str) -> list[str]:
        answer = await self._calls.listed(
            "rds", "describe_pending_maintenance_actions", "PendingMaintenanceActions", CAP, 100
        )
        found = []
        for raw in tables(answer.items):
            name = named(raw.get("ResourceIdentifier")).rpartition(":")[2]
            for one in parse.maintenance(raw) if subject in ("", name) else ():
                when = f"after {one.after:%Y-%m-%d %H:%M}" if one.after else "in the next window you opt in to"
                forced = f", forced {one.forced:%Y-%m-%d %H:%M}" if one.forced else ""
                found.append(f"{name}  {one.what}  {when}{forced}  {one.about}")
        return found

    async def _reached(self, subject: str) -> list[str]:
        answer = await self._calls.read("rds", "describe_db_instances", DBInstanceIdentifier=subject)
        (one,) = [parse.instance(raw) for raw in tables(answer.get("DBInstances"))][:1] or [Instance(subject)]
        (reached,) = await self._reader.reachable([one], watched=True)
        lines = [f"{reached.name} listens at {reached.host}:{reached.port or '–'}, groups {', '.join(reached.groups)}"]
        lines.append("public address: yes" if reached.public else "public address: no")
        word = {True: "open", False: "closed", None: "can't tell"}
        lines += [f"from {one.source}: {word[one.open]}: {one.why}" for one in reached.reach]
        lines += ["the profile names no source: reach_from"] if not reached.reach else []
        lines += ["network ACLs, routes and the sender's outgoing rules are not looked at"]
        return lines

    async def close(self) -> None:
        """Let go of the threads."""
        self._calls.close()


def _told(one: Event) -> str:
    return f"{one.at:%Y-%m-%d %H:%M:%S}  {one.source}  {one.words}"


def _snapshot_line(one: StoredSnapshot) -> str:
    begun = f"{one.begun:%Y-%m-%d %H:%M}" if one.begun else "–"
    progress = f" {one.progress:.0%}" if one.progress is not None and not one.usable else ""
    size = f"{one.allocated / parse.GIB:,.0f} GiB" if one.allocated else "–"
    lock = {True: "encrypted", False: "not encrypted", None: ""}[one.encrypted]
    return f"{begun}  {one.status}{progress}  {one.sort}  {size}  {lock}  {one.id}"


def _sheet(title: str, lines: Sequence[str]) -> Sheet:
    shown = tuple(SafeText.line(one) for one in lines[:_LINES])
    return Sheet(title, shown or (SafeText("there is nothing"),), max(0, len(lines) - _LINES))
