"""Which ConfigMaps something refers to. Only names and dates are read, never what is in them.

A reference is looked for in pods and in everything that makes pods, old ReplicaSets included: rolling back needs
theirs. What an operator or a program reads through the API by itself can't be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from probes.base import Cause, ProbeError, SafeText
from probes.kubernetes.api import METADATA, KubeApi, Resource
from probes.kubernetes.parse import Row, items, moment, names, raw, row_of, rows, table

MAKERS: Final[Mapping[str, str]] = {
    "pods": "Pod", "deployments": "Deployment", "replicasets": "ReplicaSet", "statefulsets": "StatefulSet",
    "daemonsets": "DaemonSet", "jobs": "Job", "cronjobs": "CronJob", "replicationcontrollers": "ReplicationController",
}  # fmt: skip
"""What may refer to a ConfigMap, and its kind."""
_SYSTEM: Final = frozenset(
    {"kube-root-ca.crt", "openshift-service-ca.crt", "istio-ca-root-cert", "linkerd-identity-trust-roots"}
)
"""Put into each namespace by the cluster itself."""


@dataclass(frozen=True, slots=True)
class ConfigMap:
    """A ConfigMap, and who refers to it."""

    namespace: SafeText
    name: SafeText
    uid: str
    version: str
    created: datetime | None
    changed: datetime | None
    """When a field of it was set last, where the server keeps that."""
    used_by: tuple[str, ...]
    """Rows of what refers to it."""
    reserved: str = ""
    """Why it is not to be touched though nothing refers to it."""


async def config_maps(api: KubeApi, served: Mapping[str, Resource], namespaces: Sequence[str]) -> tuple[ConfigMap, ...]:
    """The ConfigMaps of some namespaces with their users. Raises `ProbeError` when any part can't be read: a scan
    with a hole in it would call something unused that is not."""
    used: dict[tuple[str, str], set[str]] = {}
    found: list[ConfigMap] = []
    for namespace in namespaces:
        for plural, kind in MAKERS.items():
            resource = served.get(plural)
            if resource is None:
                raise ProbeError(Cause.MISSING, f"this cluster does not serve {plural}, so that no scan is complete")
            listed = await api.listed(resource, lambda item, kind=kind: list(_uses(item, kind)), namespace)  # type: ignore[misc]
            if listed.left:
                raise ProbeError(
                    Cause.TOO_BIG, f"there are more {plural} than can be read, so that no scan is complete"
                )
            for place, name, row in (one for many in listed.items for one in many):
                used.setdefault((place, name), set()).add(row)
        listed_maps = await api.listed(served["configmaps"], _config_map, namespace, accept=METADATA)
        found += listed_maps.items
    named = [
        ConfigMap(
            one.namespace, one.name, one.uid, one.version, one.created, one.changed,
            tuple(sorted(used.get((str(one.namespace), str(one.name)), ()))), one.reserved,
        )
        for one in found
    ]  # fmt: skip
    return tuple(sorted(named, key=lambda one: (bool(one.used_by or one.reserved), str(one.namespace), str(one.name))))


def _uses(item: Row, kind: str) -> Iterator[tuple[str, str, str]]:
    """(namespace, ConfigMap, row of the user) for each reference in one object."""
    meta, spec = table(item.get("metadata")), table(item.get("spec"))
    namespace, row = raw(meta.get("namespace")), row_of(kind, meta.get("namespace"), meta.get("name"))
    if kind == "CronJob":
        spec = table(table(spec.get("jobTemplate")).get("spec"))
    pod = spec if kind == "Pod" else table(table(spec.get("template")).get("spec"))
    for name in dict.fromkeys(references(pod)):
        yield namespace, name, row


def references(pod: Row) -> Iterator[str]:
    """Names of the ConfigMaps a pod's spec refers to: volumes, projected ones too, and environment."""
    for volume in rows(pod.get("volumes")):
        yield from _name(volume.get("configMap"))
        for source in rows(table(volume.get("projected")).get("sources")):
            yield from _name(source.get("configMap"))
    boxes = (rows(pod.get(key)) for key in ("containers", "initContainers", "ephemeralContainers"))
    for box in (one for many in boxes for one in many):
        for one in rows(box.get("envFrom")):
            yield from _name(one.get("configMapRef"))
        for one in rows(box.get("env")):
            yield from _name(table(one.get("valueFrom")).get("configMapKeyRef"))


def _name(reference: Any) -> Iterable[str]:
    name = raw(table(reference).get("name"))
    return (name,) if name else ()


def _config_map(item: Row) -> ConfigMap | None:
    namespace, name, uid, version = names(item)
    if not uid or not name:
        return None
    meta = table(item.get("metadata"))
    changes = [at for one in rows(meta.get("managedFields")) if (at := moment(one.get("time"))) is not None]
    labels = table(meta.get("labels"))
    reserved = ""
    if str(name) in _SYSTEM:
        reserved = "put there by the cluster"
    elif items(meta.get("ownerReferences")):
        reserved = "belongs to another object"
    elif raw(labels.get("owner")) == "helm" or "control-plane.alpha.kubernetes.io/leader" in table(
        meta.get("annotations")
    ):
        reserved = "kept by a program (Helm, a leader's lock)"
    elif str(namespace).startswith("kube-"):
        reserved = "in a namespace of the cluster itself"
    created = moment(meta.get("creationTimestamp"))
    return ConfigMap(namespace, name, uid, version, created, max(changes, default=created), (), reserved)
