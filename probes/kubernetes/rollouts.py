"""The revisions of a workload: what it ran before, since when, and why it was changed where somebody wrote that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from probes.base import Cause, ProbeError, SafeText
from probes.kubernetes.api import KubeApi, Resource
from probes.kubernetes.facts import Workload
from probes.kubernetes.parse import Row, moment, names, raw, rows, sentence, some, table, whole
from probes.kubernetes.workloads import CAUSE, REVISION, images_of

PLURALS: Final[Mapping[str, str]] = {
    "deployment": "deployments",
    "statefulset": "statefulsets",
    "daemonset": "daemonsets",
}
"""Names of the API for the kinds of a workload."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One state a workload's template has had."""

    number: int
    name: str
    """Of the ReplicaSet or ControllerRevision that keeps it."""
    uid: str
    images: tuple[SafeText, ...]
    containers: tuple[str, ...]
    """Their names, in the same order."""
    created: datetime | None
    cause: SafeText = SafeText()
    """Annotation kubernetes.io/change-cause."""
    pods: int | None = None
    ready: int | None = None
    current: bool = False


async def revisions(api: KubeApi, served: Mapping[str, Resource], workload: Workload) -> tuple[Revision, ...]:
    """The revisions of a workload that are kept, the newest first. Raises `ProbeError`."""
    kept_in = "replicasets" if workload.kind == "deployment" else "controllerrevisions"
    resource = served.get(kept_in)
    if resource is None:
        raise ProbeError(Cause.MISSING, f"this cluster does not serve {kept_in}")
    query = {"labelSelector": workload.selector} if workload.selector else {}

    def keep(item: Row) -> Revision | None:
        mine = any(
            raw(one.get("uid"), 64) == workload.uid for one in rows(table(item.get("metadata")).get("ownerReferences"))
        )
        return _revision(item, workload) if mine else None

    found = (await api.listed(resource, keep, str(workload.namespace), query)).items
    found.sort(key=lambda one: one.number, reverse=True)
    return tuple(found)


def _revision(item: Row, workload: Workload) -> Revision | None:
    _, name, uid, _ = names(item)
    meta, spec = table(item.get("metadata")), table(item.get("spec"))
    annotations = table(meta.get("annotations"))
    plain = "revision" in item  # a ControllerRevision
    written = raw(annotations.get(REVISION), 20)
    number = some(item.get("revision")) if plain else (int(written) if written.isdecimal() else None)
    if number is None:
        return None
    template = (
        table(table(table(item.get("data")).get("spec")).get("template")) if plain else table(spec.get("template"))
    )
    status = table(item.get("status"))
    return Revision(
        number=number,
        name=str(name),
        uid=uid,
        images=images_of(template),
        containers=tuple(raw(one.get("name"), 100) for one in rows(table(template.get("spec")).get("containers"))),
        created=moment(meta.get("creationTimestamp")),
        cause=sentence(annotations.get(CAUSE), 200),
        pods=None if plain else whole(status.get("replicas")),
        ready=None if plain else whole(status.get("readyReplicas")),
        current=workload.revision in (str(name), written) and bool(workload.revision),
    )
