"""Reads a Kubernetes cluster, or some namespaces of it. Never changes anything.

A reading is a handful of lists; what changes slowly is listed seldom, unless somebody looks at the target's own screen.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from probes.base import Cause, Console, Context, Found, Gap, Look, Probe, ProbeError, SafeText, Sheet, Snapshot, Target
from probes.kubernetes.api import KubeApi, Resource
from probes.kubernetes.build import facts_of
from probes.kubernetes.complaints import Asked
from probes.kubernetes.console import consoles
from probes.kubernetes.discovery import discover
from probes.kubernetes.facts import KubernetesFacts
from probes.kubernetes.gauges import RULES, SPECS, measured
from probes.kubernetes.kubeconfig import ACCOUNT, current_context
from probes.kubernetes.looks import Looks
from probes.kubernetes.parse import table, text
from probes.kubernetes.parts import Parts
from probes.kubernetes.settings import KubernetesSettings, namespaces_of

REDISCOVER = 600.0
"""Seconds after which a cluster is asked again what it serves."""


@dataclass(frozen=True, slots=True)
class _Greeting:
    """What a cluster says about itself when it is met."""

    version: SafeText
    served: Mapping[str, Resource]
    at: float


class KubernetesProbe(Probe[KubernetesFacts]):
    """One cluster as one system sees it."""

    kind = "kubernetes"
    settings_type = KubernetesSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, KubernetesSettings)
        self.settings = target.settings
        self._api = KubeApi(self.settings, context, f"kubernetes-{target.name}")
        self._greeting: _Greeting | None = None
        self._parts: Parts | None = None
        self._facts = KubernetesFacts()
        self._looks = Looks(self._api, self.settings)

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """The current context of the kubeconfig, or the cluster we run in. The context is written down, so that a
        later `kubectl config use-context` leads nobody elsewhere."""
        try:
            name = current_context(environ)
        except (ProbeError, ImportError):
            return
        if name:
            yield Found("cluster", {"context": name}, f"the kubeconfig's current context is {SafeText(name, 60)}")
        elif environ.get("KUBERNETES_SERVICE_HOST") and os.path.exists(ACCOUNT / "token"):
            yield Found("cluster", {}, "this machine is a pod with a service account")

    def consoles(self, facts: KubernetesFacts | None, subject: str) -> tuple[Console, ...]:
        """A shell in each running container of a pod, or of a workload's pods."""
        return consoles(facts, subject, self.settings, self._api)

    async def read(self) -> Snapshot[KubernetesFacts]:
        """The lists that are due, and what is known from before."""
        began = self.context.monotonic()
        try:
            return await self._read(began)
        except ProbeError as error:
            if error.cause is not Cause.THROTTLED:
                self._greeting = None
            raise

    async def _read(self, began: float) -> Snapshot[KubernetesFacts]:
        self.doing = "connecting"
        place = await self._api.locate()
        if self._greeting is None or began - self._greeting.at > REDISCOVER:
            self._greeting = await self._greet(began)
        self.doing = "reading"
        if self._parts is None:
            spaces = namespaces_of(self.settings, place)
            self._parts = Parts(self._api, spaces, self.settings.selector or "", self.settings.timeout)
        await self._parts.read(self._greeting.served, self.watched)
        kept, version = self._parts.kept, self._greeting.version
        if self._parts.moved:
            self._greeting = None
        at = self._api.server_time()
        facts = await self._api.aside(facts_of, kept, self.settings, place, version, at, self._api.skew)
        self._facts = facts
        self._looks.know(facts)
        there = {*kept.found} | ({"pods"} if "pods" not in kept.gaps else set())
        gauges = await self._api.aside(measured, facts, there)
        return self.snapshot(facts, gauges, began, self._gaps(kept.gaps))

    def _gaps(self, found: Mapping[str, Gap]) -> list[Gap]:
        """What is missing; that cert-manager is not installed is one only where it should be."""
        gaps = [gap for name, gap in found.items() if name != "certificates" or self._misses_certificates(gap)]
        seen: set[tuple[Cause, str]] = set()
        told = []
        for gap in gaps:  # one absent metrics-server is one gap
            mark = (gap.cause, str(gap.hint))
            if gap.cause is Cause.MISSING and mark in seen:
                continue
            seen.add(mark)
            told.append(gap)
        return told

    def _misses_certificates(self, gap: Gap) -> bool:
        return gap.cause is not Cause.MISSING or self.settings.certificates

    async def _greet(self, now: float) -> _Greeting:
        served = await discover(self._api)
        try:
            version = table(await self._api.get("/version", Asked("get", "/version"), limit=1 << 16))
        except ProbeError as error:
            if error.cause is not Cause.DENIED:
                raise
            version = {}
        return _Greeting(text(version.get("gitVersion"), 60), served, now)

    def looks(self) -> tuple[Look, ...]:
        """Logs, counts of errors, everything about one object, revisions, ConfigMaps, network."""
        return self._looks.offered

    async def look(self, name: str, subject: str) -> Sheet:
        """Take one closer look."""
        return await self._looks.take(await self._met(), name, subject)

    async def follow(self, name: str, subject: str) -> AsyncGenerator[SafeText, None]:
        """The log of a pod, or of a workload's pods together, each line with its pod's name."""
        if name != "logs":
            raise ProbeError(Cause.MISSING, f"kubernetes cannot follow {name}")
        async with aclosing(self._looks.follow(await self._met(), subject)) as lines:
            async for line in lines:
                yield line

    async def _met(self) -> Mapping[str, Resource]:
        """What the cluster serves, also before the first reading."""
        await self._api.locate()
        if self._greeting is None:
            self._greeting = await self._greet(self.context.monotonic())
        return self._greeting.served

    def abort(self) -> None:
        """Cut every connection; the next reading begins afresh."""
        self._api.cut()
        self._greeting = None

    async def close(self) -> None:
        """Let go of the cluster."""
        await self._api.close()
