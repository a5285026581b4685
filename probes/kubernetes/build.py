"""Facts made of what was read: what is broken first, each owner with the pod that tells why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from probes.base import SafeText
from probes.kubernetes.events import grouped
from probes.kubernetes.facts import Autoscaler, Job, KubernetesFacts, Pod, Trouble, Workload
from probes.kubernetes.kubeconfig import Place
from probes.kubernetes.network import behind, with_endpoints
from probes.kubernetes.parts import Kept
from probes.kubernetes.pods import aged
from probes.kubernetes.settings import KubernetesSettings, namespaces_of

EVENTS: Final = 300
"""Groups of warnings shown at most."""
JOBS: Final = 500
"""Jobs shown at most: finished ones pile up."""

RANKS: Final[Mapping[Trouble, int]] = {
    Trouble.CRASH: 0, Trouble.IMAGE: 0, Trouble.CONFIG: 0, Trouble.UNSCHEDULED: 1, Trouble.NOT_READY: 1,
    Trouble.FAILED: 2, Trouble.EVICTED: 2, Trouble.COMING: 3, Trouble.LEAVING: 4, Trouble.NONE: 5,
}  # fmt: skip
"""Which trouble a person should meet first."""


def facts_of(
    kept: Kept, settings: KubernetesSettings, place: Place, version: SafeText, at: datetime, skew: float | None
) -> KubernetesFacts:
    """The facts of a reading that was taken at `at`."""
    found = kept.found
    pods = sorted((aged(one, at) for one in kept.pods.values()), key=_pod_order)
    worst = worst_of(pods)
    workloads = [one for name in ("deployments", "statefulsets", "daemonsets") for one in found.get(name, ())]
    scalers: list[Autoscaler] = found.get("horizontalpodautoscalers", [])
    if settings.selector:
        there = {one.key for one in workloads}
        scalers = [one for one in scalers if one.target in there]
    endpoints = found.get("endpointslices", found.get("endpoints"))
    services = with_endpoints(found.get("services", ()), None if endpoints is None else behind(endpoints))
    return KubernetesFacts(
        at=at,
        context=SafeText(place.context, 200),
        server=SafeText(place.where, 200),
        cluster=place.identity,
        namespaces=tuple(SafeText(one, 253) for one in namespaces_of(settings, place) if one),
        user=SafeText(place.login.name, 100),
        version=version,
        skew=skew,
        insecure=place.unproven,
        metered="podmetrics" in found or "nodemetrics" in found,
        absent=kept.absent,
        expected=settings.expect_nodes,
        nodes=tuple(sorted(found.get("nodes", ()), key=lambda one: (one.ready, not one.pressures, str(one.name)))),
        pods=tuple(pods),
        workloads=tuple(sorted(workloads, key=lambda one: _workload_order(one, worst, settings.first))),
        autoscalers=tuple(sorted(scalers, key=_scaler_order)),
        budgets=tuple(sorted(found.get("poddisruptionbudgets", ()), key=lambda one: (one.allowed > 0, one.key))),
        jobs=tuple(_jobs([*found.get("cronjobs", ()), *found.get("jobs", ())])),
        services=tuple(sorted([*services, *found.get("ingresses", ())], key=_service_order)),
        events=grouped(found.get("events", ()), EVENTS),
        certificates=tuple(sorted(found.get("certificates", ()), key=_certificate_order)),
        pod_use=dict(found.get("podmetrics", ())),
        node_use=dict(found.get("nodemetrics", ())),
        worst=worst,
        first=settings.first,
    )


def worst_of(pods: Iterable[Pod]) -> dict[str, Pod]:
    """The pod in most trouble of each owner that has one; `pods` come with the worst first."""
    worst: dict[str, Pod] = {}
    for one in pods:
        if one.trouble is not Trouble.NONE:
            worst.setdefault(one.owner or one.key, one)
    return worst


def _pod_order(one: Pod) -> tuple[int, bool, str]:
    return RANKS[one.trouble], one.done, one.key


def _workload_order(one: Workload, worst: Mapping[str, Pod], first: tuple[str, ...]) -> tuple[Any, ...]:
    name = str(one.name)
    mine = first.index(name) if name in first else len(first)
    pod = worst.get(one.key)
    bad = min(RANKS[pod.trouble] if pod else 5, 1 if one.stuck or one.refused else 5)
    return bad if one.short else 5, mine, -one.short, one.key


def _scaler_order(one: Autoscaler) -> tuple[Any, ...]:
    return not one.pinned, one.active is not False, one.able is not False, one.key


def _service_order(one: Any) -> tuple[Any, ...]:
    return not (one.ready == 0 or one.pending), one.kind, one.key


def _certificate_order(one: Any) -> tuple[Any, ...]:
    return one.ready, one.not_after.timestamp() if one.not_after else 0.0, one.key


def _jobs(found: list[Job]) -> list[Job]:
    """Cron jobs and jobs: failed ones first, then running ones, then the newest."""
    order = {"failed": 0, "running": 1, "suspended": 2, "waiting": 2, "complete": 3}
    found.sort(key=lambda one: (order.get(one.state, 2), -(one.began.timestamp() if one.began else 0.0), one.key))
    return found[:JOBS]
