"""The closer looks at a cluster: logs, counts over logs, one object, revisions, ConfigMaps, network. Reads only.

A subject is a row of the panel ("pod/shop/web-1", "deployment/shop/web") or a plain name of a workload or pod.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final

from probes.base import Cause, Look, ProbeError, SafeText, Sheet
from probes.base.logmerge import merged
from probes.kubernetes.api import KubeApi, Resource
from probes.kubernetes.complaints import Asked
from probes.kubernetes.discovery import CORE
from probes.kubernetes.facts import KubernetesFacts, Workload
from probes.kubernetes.logs import Count, LogLines, count_lines, counted, shown
from probes.kubernetes.parse import Row, raw, rows, selector, table
from probes.kubernetes.references import config_maps
from probes.kubernetes.rollouts import PLURALS, revisions
from probes.kubernetes.settings import KubernetesSettings, namespaces_of
from probes.kubernetes.sheets import config_sheet, history_sheet, object_sheet
from probes.kubernetes.summary import traffic_lines
from probes.kubernetes.workloads import daemonset, deployment, statefulset

TAIL: Final = 100
"""Lines of each container's log shown before it is followed."""
PREVIOUS: Final = 40
"""Lines of the run before, for a container that ends again and again."""
FOLLOWED: Final = 10
"""Logs followed together at most."""
COUNTED: Final = 40
"""Logs counted at most."""
HOURS: Final = 24.0
_BYTES: Final = 8 << 20
"""Bytes of one container's log that are counted."""
_WITHIN: Final = 30.0
"""Seconds a closer look may take."""
_AT_ONCE: Final = 4
_EVENTS: Final = 500

_PLURALS: Final[Mapping[str, str]] = {
    **PLURALS,
    "pod": "pods",
    "node": "nodes",
    "job": "jobs",
    "cronjob": "cronjobs",
    "hpa": "horizontalpodautoscalers",
    "pdb": "poddisruptionbudgets",
    "service": "services",
    "ingress": "ingresses",
    "certificate": "certificates",
    "replicaset": "replicasets",
}
_KINDS: Final[Mapping[str, str]] = {
    "deployment": "Deployment", "statefulset": "StatefulSet", "daemonset": "DaemonSet", "pod": "Pod", "node": "Node",
    "job": "Job", "cronjob": "CronJob", "hpa": "HorizontalPodAutoscaler", "pdb": "PodDisruptionBudget",
    "service": "Service", "ingress": "Ingress", "certificate": "Certificate", "replicaset": "ReplicaSet",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """One container's log."""

    namespace: str
    pod: str
    container: str
    loops: bool = False
    """It ends again and again: the run before is what one wants to read."""
    restarts: int = 0
    ended: str = ""

    @property
    def name(self) -> str:
        """ "pod/container"."""
        return f"{self.pod}/{self.container}"


class Looks:
    """Takes closer looks with what the last reading knew."""

    offered: Final = (
        Look("logs", "log of the pod, or of all pods behind it", follow=True, evidence=True),
        Look("describe", "everything about it, and its events", evidence=True),
        Look("previous", "log of the run before, of a pod that restarts", evidence=True),
        Look("errors", "errors in its logs of 24 h, counted"),
        Look("history", "revisions of the workload"),
        Look("configmaps", "ConfigMaps, and which nothing refers to"),
        Look("network", "network traffic of the nodes"),
    )

    def __init__(self, api: KubeApi, settings: KubernetesSettings) -> None:
        self._api = api
        self._settings = settings
        self._facts = KubernetesFacts()

    def know(self, facts: KubernetesFacts) -> None:
        """Remember the newest reading."""
        self._facts = facts

    async def take(self, served: Mapping[str, Resource], name: str, subject: str) -> Sheet:
        """One look, bounded in time. Raises `ProbeError`."""
        try:
            async with asyncio.timeout(_WITHIN):
                return await self._take(served, name, subject)
        except TimeoutError:
            raise ProbeError(Cause.TIMEOUT_READ, f"the API server gave no whole answer in {_WITHIN:g} s") from None

    async def _take(self, served: Mapping[str, Resource], name: str, subject: str) -> Sheet:
        if name == "network":
            return Sheet("network of the nodes", tuple(await traffic_lines(self._api, await self._nodes(served), 15.0)))
        if name == "configmaps":
            spaces = namespaces_of(self._settings, self._api.place)
            return config_sheet(await config_maps(self._api, served, spaces), self._now())
        if name == "describe":
            return await self._describe(served, self._row(subject))
        if name == "history":
            workload = await self._workload(served, self._row(subject))
            return history_sheet(subject, await revisions(self._api, served, workload), self._now())
        if name in ("logs", "previous"):
            return await self._log_sheet(served, subject, previous=name == "previous")
        if name == "errors":
            return await self._errors(served, subject)
        raise ProbeError(Cause.MISSING, f"kubernetes has no look named {name}")

    def _now(self) -> Any:
        return self._api.server_time()

    # logs

    async def follow(self, served: Mapping[str, Resource], subject: str) -> AsyncGenerator[SafeText, None]:
        """Lines of all containers behind a subject as they come; for one in a loop the end of the run before first."""
        sources = await self._sources(served, subject)
        several = len(sources) > 1
        if len(sources) > FOLLOWED:
            yield SafeText(f"following {FOLLOWED} of {len(sources)} logs")
            sources = sources[:FOLLOWED]
        prefixes = _prefixes(sources) if several else [""] * len(sources)
        for one, prefix in zip(sources, prefixes, strict=True):
            if one.loops:
                yield SafeText(f"{prefix}── end of the run before: {one.ended or 'ended'} ──")
                try:
                    async with aclosing(self._log(one, prefix, previous=True, tail=PREVIOUS)) as lines:
                        async for line in lines:
                            yield line
                except ProbeError as error:
                    yield SafeText(f"{prefix}({error.message})")
                yield SafeText(f"{prefix}── this run ──")
        logs = [self._followed(one, prefix) for one, prefix in zip(sources, prefixes, strict=True)]
        async with aclosing(merged(logs)) as together:
            async for line in together:
                yield line

    async def _followed(self, one: Source, prefix: str) -> AsyncGenerator[SafeText, None]:
        async with aclosing(self._log(one, prefix, follow=True, tail=TAIL)) as lines:
            async for line in lines:
                yield line
        yield SafeText(f"{prefix}(this log has ended)")

    async def _log(
        self, one: Source, prefix: str, *, follow: bool = False, previous: bool = False, tail: int
    ) -> AsyncGenerator[SafeText, None]:
        query = {"container": one.container, "timestamps": "true", "tailLines": str(tail)}
        query |= ({"follow": "true"} if follow else {}) | ({"previous": "true"} if previous else {})
        lines = LogLines()
        async with aclosing(self._raw(one, query)) as chunks:
            async for chunk in chunks:
                for line in lines.feed(chunk):
                    yield shown(line, prefix)
        for line in lines.rest():
            yield shown(line, prefix)

    def _raw(self, one: Source, query: Mapping[str, str]) -> AsyncGenerator[bytes, None]:
        path = CORE["pods"].path(one.namespace, one.pod, "log")
        return self._api.stream(path, Asked("get", "pods/log", one.namespace, one.pod), query)

    async def _log_sheet(self, served: Mapping[str, Resource], subject: str, previous: bool) -> Sheet:
        sources = await self._sources(served, subject)
        if previous:
            sources = [one for one in sources if one.restarts] or sources
        lines: list[SafeText] = []
        for one in sources[:FOLLOWED]:
            lines.append(SafeText(f"── {one.name}{f', ended: {one.ended}' if previous and one.ended else ''} ──"))
            try:
                async with aclosing(self._log(one, "", previous=previous, tail=TAIL)) as some:
                    lines += [line async for line in some]
            except ProbeError as error:
                lines.append(SafeText(f"({error.message})"))
        left = max(0, len(sources) - FOLLOWED)
        lines += [SafeText(f"{left} of {len(sources)} logs were not read")] if left else []
        return Sheet(f"{'the run before, ' if previous else ''}last lines of {subject}", tuple(lines))

    async def _errors(self, served: Mapping[str, Resource], subject: str) -> Sheet:
        """Lines by level over all pods and containers, from all that is kept of the last day: no tail cuts it."""
        sources = await self._sources(served, subject)
        counts = [Count(one.name) for one in sources[:COUNTED]]
        before = [Count(f"{one.name} (run before)") for one in sources[:COUNTED] if one.restarts]
        gate = asyncio.Semaphore(_AT_ONCE)

        async def run(count: Count, one: Source, previous: bool) -> None:
            query = {"container": one.container, "timestamps": "true", "sinceSeconds": str(int(HOURS * 3600))}
            async with gate:
                try:
                    async with asyncio.timeout(_WITHIN * 0.8):
                        await counted(count, self._raw(one, query | ({"previous": "true"} if previous else {})), _BYTES)
                except TimeoutError:
                    count.cut = True

        restarted = [one for one in sources[:COUNTED] if one.restarts]
        await asyncio.gather(
            *(run(count, one, False) for count, one in zip(counts, sources, strict=False)),
            *(run(count, one, True) for count, one in zip(before, restarted, strict=True)),
        )
        lines = count_lines([*counts, *before], HOURS)
        left = len(sources) - len(counts)
        lines += [SafeText(f"{left} of {len(sources)} logs were not counted")] if left > 0 else []
        return Sheet(f"errors of {subject} in {HOURS:g} h", tuple(lines))

    async def _sources(self, served: Mapping[str, Resource], subject: str) -> list[Source]:
        """The containers behind a subject, those in trouble first."""
        row = self._row(subject)
        kind, _, rest = row.partition("/")
        namespace, _, name = rest.partition("/")
        if kind == "pod":
            items = [await self._object(served, row)]
        else:
            labels = await self._labels(served, row)
            found = await self._api.listed(served["pods"], lambda item: item, namespace, {"labelSelector": labels})
            items = list(found.items)
        sources = [one for item in items for one in _containers(item)]
        if not sources:
            raise ProbeError(Cause.GONE, f"there is no pod behind {SafeText(name or row, 100)}")
        return sorted(sources, key=lambda one: (not one.loops, one.name))

    async def _labels(self, served: Mapping[str, Resource], row: str) -> str:
        """The labels of the pods behind a row."""
        kind = row.partition("/")[0]
        if kind in ("hpa", "cronjob"):
            scaled = next((one.target for one in self._facts.autoscalers if one.key == row), "")
            made = next((one.key for one in self._facts.jobs if one.owner == row), "")
            if not (scaled or made):
                raise ProbeError(Cause.GONE, f"nothing is behind {SafeText(row, 100)} now")
            return await self._labels(served, scaled or made)
        spec = table((await self._object(served, row)).get("spec"))
        labels = selector(spec.get("selector"))
        if not labels:
            raise ProbeError(Cause.MISSING, f"{SafeText(row, 100)} has no pods of its own")
        return labels

    # one object

    def _row(self, subject: str) -> str:
        """The row that is meant; a plain name is that of a workload, else of a pod."""
        if "/" in subject:
            return self._about(subject)
        named = ((str(one.name), one.key) for many in (self._facts.workloads, self._facts.pods) for one in many)
        for name, row in named:
            if name == subject:
                return row
        if not subject:
            raise ProbeError(Cause.MISSING, "a cluster has no log of its own: choose a workload or a pod of it")
        raise ProbeError(Cause.GONE, f"there is no workload or pod {SafeText(subject, 60)}")

    def _about(self, subject: str) -> str:
        """An event stands for what it is about."""
        return next((one.about for one in self._facts.events if one.key == subject), subject)

    async def _object(self, served: Mapping[str, Resource], row: str) -> Row:
        kind, _, rest = row.partition("/")
        namespace, _, name = rest.rpartition("/")
        resource = served.get(_PLURALS.get(kind, ""))
        if resource is None:
            raise ProbeError(Cause.MISSING, f"there is no closer look at a {SafeText(kind, 40)}")
        asked = Asked("get", resource.name, namespace, name)
        return table(await self._api.get(resource.path(namespace, name), asked, limit=4 << 20))

    async def _describe(self, served: Mapping[str, Resource], row: str) -> Sheet:
        item = await self._object(served, row)
        kind = row.partition("/")[0]
        meta = table(item.get("metadata"))
        name, namespace = raw(meta.get("name")), raw(meta.get("namespace"))
        fields = f"involvedObject.name={name},involvedObject.kind={_KINDS[kind]}"
        try:
            found = await self._api.listed(
                served["events"], lambda event: event, namespace, {"fieldSelector": fields}, most=_EVENTS
            )
            events: list[Row] = list(found.items)
        except ProbeError as error:
            if error.cause is not Cause.DENIED:
                raise
            events = []
        return object_sheet(row, item, events, replace(self._facts, at=self._now()))

    async def _workload(self, served: Mapping[str, Resource], row: str) -> Workload:
        makers = {"deployment": deployment, "statefulset": statefulset, "daemonset": daemonset}
        pod = self._facts.pod(row)
        row = pod.owner if pod is not None and pod.owner.partition("/")[0] in makers else row
        make = makers.get(row.partition("/")[0])
        found = make(await self._object(served, row)) if make is not None else None
        if found is None:
            raise ProbeError(Cause.MISSING, f"{SafeText(row, 100)} keeps no revisions")
        return found

    async def _nodes(self, served: Mapping[str, Resource]) -> Sequence[str]:
        if self._facts.nodes:
            return [str(one.name) for one in self._facts.nodes]
        found = await self._api.listed(
            served["nodes"], lambda item: raw(table(item.get("metadata")).get("name")) or None
        )
        return found.items


def _containers(item: Row) -> list[Source]:
    """The containers of a pod that may have a log; of init containers those that have not ended well."""
    meta, spec, status = table(item.get("metadata")), table(item.get("spec")), table(item.get("status"))
    found = []
    for specs, statuses in (("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")):
        told = {raw(one.get("name")): one for one in rows(status.get(statuses))}
        for one in rows(spec.get(specs)):
            name = raw(one.get("name"))
            state = table(told.get(name, {}).get("state"))
            last = table(table(told.get(name, {}).get("lastState")).get("terminated"))
            if specs == "initContainers" and table(state.get("terminated")).get("exitCode") == 0:
                continue
            waiting = raw(table(state.get("waiting")).get("reason"))
            restarts = told.get(name, {}).get("restartCount")
            ended = f"{raw(last.get('reason'), 40)}, exit {last.get('exitCode')}" if last else ""
            found.append(
                Source(
                    raw(meta.get("namespace")),
                    raw(meta.get("name")),
                    name,
                    loops="BackOff" in waiting and bool(last) and "Image" not in waiting,
                    restarts=restarts if isinstance(restarts, int) else 0,
                    ended=ended,
                )
            )
    return found


def _prefixes(sources: Sequence[Source]) -> list[str]:
    """What stands before each line: the pod, with the container where pods have several."""
    pods = [one.pod for one in sources]
    alone = len(set(pods)) == len(pods)
    return [f"{one.pod if alone else one.name} │ " for one in sources]
