"""Which sorts of objects a cluster serves, and in which version: asked, never assumed, so that old and new ones work.

A server from 1.26 on may answer in one document (https://kubernetes.io/docs/concepts/overview/kubernetes-api/,
"Aggregated discovery"); an older one is asked once for each group that matters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from probes.base import Cause, ProbeError
from probes.kubernetes.api import KubeApi, Resource
from probes.kubernetes.complaints import Asked
from probes.kubernetes.parse import Row, raw, rows, table

_AGGREGATED: Final = ",".join(
    (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        "application/json",
    )
)
_LIMIT: Final = 16 << 20
"""Bytes of the document: clusters with many hundred custom resources have some megabytes."""
_GROUP: Final = 3.0
"""Seconds a group has to tell its resources: one behind a dead aggregated server tells them never."""

CORE: Final[Mapping[str, Resource]] = {
    name: Resource(name, namespaced=name not in ("nodes", "namespaces"))
    for name in (
        "pods",
        "nodes",
        "services",
        "endpoints",
        "events",
        "configmaps",
        "namespaces",
        "replicationcontrollers",
    )
}
"""What core/v1 has in every version."""

WANTED: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "deployments": ("apps", ("v1",)),
    "statefulsets": ("apps", ("v1",)),
    "daemonsets": ("apps", ("v1",)),
    "replicasets": ("apps", ("v1",)),
    "controllerrevisions": ("apps", ("v1",)),
    "jobs": ("batch", ("v1",)),
    "cronjobs": ("batch", ("v1", "v1beta1")),
    "horizontalpodautoscalers": ("autoscaling", ("v2", "v2beta2", "v1")),
    "poddisruptionbudgets": ("policy", ("v1", "v1beta1")),
    "ingresses": ("networking.k8s.io", ("v1", "v1beta1")),
    "endpointslices": ("discovery.k8s.io", ("v1", "v1beta1")),
    "nodemetrics": ("metrics.k8s.io", ("v1", "v1beta1")),
    "podmetrics": ("metrics.k8s.io", ("v1", "v1beta1")),
    "certificates": ("cert-manager.io", ("v1", "v1beta1", "v1alpha3", "v1alpha2")),
}
"""What is looked for besides: its group, and the versions of it we understand, the best first."""

_PLURAL: Final[Mapping[str, str]] = {"nodemetrics": "nodes", "podmetrics": "pods"}
"""What is called otherwise in its own group."""
_WHOLE: Final = frozenset({"nodemetrics"})
"""What belongs to no namespace."""


async def discover(api: KubeApi) -> dict[str, Resource]:
    """The sorts of objects this cluster serves, by our name for them. Raises `ProbeError`.

    Where discovery is forbidden the newest versions are taken; what is not there says so when it is read.
    """
    try:
        answer = table(await api.get("/apis", Asked("list", "API groups"), accept=_AGGREGATED, limit=_LIMIT))
    except ProbeError as error:
        if error.cause is not Cause.DENIED:
            raise
        return dict(CORE) | {name: _resource(name, group, versions[0]) for name, (group, versions) in WANTED.items()}
    if raw(answer.get("kind")) == "APIGroupDiscoveryList":
        served = _aggregated(answer)
    elif isinstance(answer.get("groups"), list):
        served = await _each(api, answer)
    else:
        raise ProbeError(Cause.GARBAGE, f"{api.place.where} does not answer like a Kubernetes API server")
    return dict(CORE) | _chosen(served)


def _resource(name: str, group: str, version: str) -> Resource:
    return Resource(_PLURAL.get(name, name), group, version, name not in _WHOLE)


def _chosen(served: Mapping[tuple[str, str], set[str]]) -> dict[str, Resource]:
    """The best version of each wanted sort."""
    found = {}
    for name, (group, versions) in WANTED.items():
        plural = _PLURAL.get(name, name)
        best = next((one for one in versions if plural in served.get((group, one), ())), None)
        if best is not None:
            found[name] = _resource(name, group, best)
    return found


def _aggregated(answer: Row) -> dict[tuple[str, str], set[str]]:
    """Resources by group and version, from the one document."""
    served: dict[tuple[str, str], set[str]] = {}
    for group in rows(answer.get("items")):
        name = raw(table(group.get("metadata")).get("name"))
        for version in rows(group.get("versions")):
            pair = name, raw(version.get("version"))
            there = {raw(one.get("resource")) for one in rows(version.get("resources"))}
            served[pair] = there or (_hoped(*pair) if raw(version.get("freshness")) == "Stale" else set())
    return served


def _hoped(group: str, version: str) -> set[str]:
    """What a group is expected to serve that is announced and does not answer now: its lists say what is wrong."""
    return {_PLURAL.get(name, name) for name, (known, all_) in WANTED.items() if known == group and version in all_}


async def _each(api: KubeApi, answer: Row) -> dict[tuple[str, str], set[str]]:
    """Resources by group and version, each asked for."""
    wanted = {(group, version) for group, versions in WANTED.values() for version in versions}
    there = {
        (raw(group.get("name")), raw(version.get("version")))
        for group in rows(answer.get("groups"))
        for version in rows(group.get("versions"))
    }

    async def one(group: str, version: str) -> tuple[tuple[str, str], set[str]]:
        asked = Asked("list", f"resources of {group}/{version}")
        try:
            async with asyncio.timeout(_GROUP):
                found = table(await api.get(f"/apis/{group}/{version}", asked, limit=4 << 20))
        except TimeoutError:
            return (group, version), _hoped(group, version)
        except ProbeError as error:
            if error.cause in (Cause.OVERLOADED, Cause.DENIED):
                return (group, version), _hoped(group, version)
            if error.cause in (Cause.MISSING, Cause.GONE):
                return (group, version), set()
            raise
        return (group, version), {raw(resource.get("name")) for resource in rows(found.get("resources"))}

    return dict(await asyncio.gather(*(one(*pair) for pair in sorted(wanted & there))))
