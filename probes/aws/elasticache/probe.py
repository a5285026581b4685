"""Reads the managed caches of an account and region."""

from __future__ import annotations

from typing import ClassVar, Final

from probes.aws.calls import Calls
from probes.aws.elasticache.facts import ElastiCacheFacts
from probes.aws.elasticache.gauges import RULES, SPECS, measured
from probes.aws.elasticache.read import Reader, events_of
from probes.aws.elasticache.settings import ElastiCacheSettings
from probes.aws.values import tables
from probes.base import Cause, Context, Look, Probe, ProbeError, SafeText, Settings, Sheet, Snapshot, Target

_LINES: Final = 1000
_EVENTS: Final = Look("events", "events of the last 14 days", evidence=True)
_PARAMETERS: Final = Look("parameters", "parameters that differ from the default, and those of memory", evidence=True)


class ElastiCacheProbe(Probe[ElastiCacheFacts]):
    """Clusters, their nodes and replication groups, with what CloudWatch knows of them."""

    kind = "elasticache"
    settings_type: ClassVar[type[Settings]] = ElastiCacheSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, ElastiCacheSettings)
        self._calls = Calls(target.settings, context, f"elasticache-{target.name}")
        self._reader = Reader(target.settings, self._calls)
        self._parameter_groups: dict[str, str] = {}

    async def read(self) -> Snapshot[ElastiCacheFacts]:
        """Look at the caches; at parameters and events only while somebody looks."""
        began = self.context.monotonic()
        self.doing = "reading"
        await self._calls.whose()
        reader = self._reader
        nodes, groups = await reader.caches()
        nodes = await reader.measured(nodes)
        names = {*(one.cluster for one in nodes), *(one.name for one in groups)}
        self._parameter_groups = {one.cluster: str(one.parameters) for one in nodes}
        facts = ElastiCacheFacts(
            seat=await self._calls.seat(),
            nodes=tuple(nodes),
            groups=tuple(groups),
            absent=tuple(name for name in reader.names.literal if name not in names),
            policies=await reader.policies(nodes) if self.watched else (),
            events=await reader.events(names) if self.watched else (),
        )
        return self.snapshot(facts, measured(facts), began, reader.gaps())

    def looks(self) -> tuple[Look, ...]:
        """Events and parameters of one cluster."""
        return (_EVENTS, _PARAMETERS)

    async def look(self, name: str, subject: str) -> Sheet:
        """Ask afresh about a row: cluster/NAME/NODE or group/NAME/SHARD; or about all."""
        await self._calls.whose()
        whole = subject.split("/")[1] if subject.count("/") == 2 else ""
        if name == _EVENTS.name:
            told = await events_of(self._calls, 14 * 24)
            lines = [
                f"{one.at:%Y-%m-%d %H:%M:%S}  {one.source}  {one.words}"
                for one in told
                if whole in ("", str(one.source)) or str(one.source).startswith(f"{whole}-")
            ]
            return _sheet(_EVENTS.title, lines)
        if name == _PARAMETERS.name:
            return _sheet(_PARAMETERS.title, await self._parameters(whole))
        raise ProbeError(Cause.MISSING, f"elasticache has no look named {SafeText(name, 40)}")

    async def _parameters(self, cluster: str) -> list[str]:
        known = self._parameter_groups
        group = known.get(cluster) or next(
            (value for name, value in known.items() if name.startswith(f"{cluster}-")), ""
        )
        if not group:
            raise ProbeError(Cause.MISSING, "choose one of its nodes: its parameter group is not known")
        answer = await self._calls.listed(
            "elasticache", "describe_cache_parameters", "Parameters", 1000, 100, CacheParameterGroupName=group
        )
        shown = [
            f"{one.get('ParameterName')} = {one.get('ParameterValue', '–')}  ({one.get('Source')})"
            for one in tables(answer.items)
            if one.get("Source") == "user" or "memory" in str(one.get("ParameterName"))
        ]
        return [f"parameter group {group}", *shown, "CONFIG SET does not work on ElastiCache: change the group instead"]

    async def close(self) -> None:
        """Let go of the threads."""
        self._calls.close()


def _sheet(title: str, lines: list[str]) -> Sheet:
    shown = tuple(SafeText.line(one) for one in lines[:_LINES])
    return Sheet(title, shown or (SafeText("there is nothing"),), max(0, len(lines) - _LINES))
