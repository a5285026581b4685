"""What makes pods: Deployments, StatefulSets, DaemonSets, Jobs, CronJobs; in the versions of their APIs we meet."""

from __future__ import annotations

from typing import Final

from probes.base import SafeText
from probes.kubernetes.facts import Job, Workload
from probes.kubernetes.parse import (
    Row,
    conditions,
    holds,
    moment,
    names,
    raw,
    rows,
    selector,
    sentence,
    some,
    table,
    text,
    whole,
)
from probes.kubernetes.pods import owner_of

RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"
"""The annotation of a pod template that `kubectl rollout restart` sets."""
REVISION: Final = "deployment.kubernetes.io/revision"
"""The annotation with the number of a Deployment's or ReplicaSet's revision."""
CAUSE: Final = "kubernetes.io/change-cause"
"""The annotation in which people write why they changed something."""


def images_of(template: Row) -> tuple[SafeText, ...]:
    """The images of a pod template, in order."""
    return tuple(text(one.get("image")) for one in rows(table(template.get("spec")).get("containers")))


def deployment(item: Row) -> Workload | None:
    """One Deployment of a list; None when it has no name or uid."""
    status = table(item.get("status"))
    found = conditions(status)
    progressing, failing = found.get("Progressing"), found.get("ReplicaFailure")
    return _workload(
        "deployment",
        item,
        desired=_replicas(item),
        current=whole(status.get("replicas")),
        ready=whole(status.get("readyReplicas")),
        updated=whole(status.get("updatedReplicas")),
        available=whole(status.get("availableReplicas")),
        stuck=_said(progressing) if progressing and holds(progressing) is False else SafeText(),
        refused=_said(failing) if failing and holds(failing) else SafeText(),
    )


def statefulset(item: Row) -> Workload | None:
    """One StatefulSet. `updatedReplicas` is left out when nothing is being updated."""
    status = table(item.get("status"))
    current, desired = whole(status.get("replicas")), _replicas(item)
    same = raw(status.get("currentRevision")) == raw(status.get("updateRevision"))
    return _workload(
        "statefulset",
        item,
        desired=desired,
        current=current,
        ready=whole(status.get("readyReplicas")),
        updated=current if same else whole(status.get("updatedReplicas")),
        available=whole(status.get("availableReplicas", status.get("readyReplicas"))),
        revision=raw(status.get("updateRevision"), 80),
    )


def daemonset(item: Row) -> Workload | None:
    """One DaemonSet; it wants a pod on each node that suits it."""
    status = table(item.get("status"))
    return _workload(
        "daemonset",
        item,
        desired=whole(status.get("desiredNumberScheduled")),
        current=whole(status.get("currentNumberScheduled")),
        ready=whole(status.get("numberReady")),
        updated=whole(status.get("updatedNumberScheduled")),
        available=whole(status.get("numberAvailable")),
    )


def _replicas(item: Row) -> int:
    return whole(table(item.get("spec")).get("replicas"), 1)


def _said(condition: Row | None) -> SafeText:
    given = table(condition)
    return sentence(given.get("message"), 240) or SafeText(raw(given.get("reason"), 80))


def _workload(
    kind: str,
    item: Row,
    *,
    desired: int,
    current: int,
    ready: int,
    updated: int,
    available: int,
    stuck: SafeText = SafeText(),
    refused: SafeText = SafeText(),
    revision: str = "",
) -> Workload | None:
    namespace, name, uid, version = names(item)
    if not uid or not name:
        return None
    meta, spec, status = table(item.get("metadata")), table(item.get("spec")), table(item.get("status"))
    template = table(spec.get("template"))
    strategy = table(spec.get("strategy") or spec.get("updateStrategy"))
    annotations = table(meta.get("annotations"))
    generation, observed = some(meta.get("generation")), some(status.get("observedGeneration"))
    return Workload(
        kind=kind,
        namespace=namespace,
        name=name,
        uid=uid,
        version=version,
        desired=desired,
        ready=ready,
        updated=updated,
        available=available,
        current=current,
        observed=generation is None or (observed is not None and observed >= generation),
        paused=spec.get("paused") is True,
        stuck=stuck,
        refused=refused,
        images=images_of(template),
        revision=revision or raw(annotations.get(REVISION), 20),
        created=moment(meta.get("creationTimestamp")),
        restarted_at=moment(table(table(template.get("metadata")).get("annotations")).get(RESTARTED)),
        selector=selector(spec.get("selector")),
        strategy=raw(strategy.get("type"), 20),
    )


def job(item: Row) -> Job | None:
    """One Job of a list."""
    namespace, name, uid, version = names(item)
    if not uid or not name:
        return None
    meta, spec, status = table(item.get("metadata")), table(item.get("spec")), table(item.get("status"))
    found = conditions(status)
    failed, complete = found.get("Failed"), found.get("Complete")
    ended = moment(status.get("completionTime"))
    if holds(failed):
        state, ended = "failed", moment(table(failed).get("lastTransitionTime"))
    elif holds(complete):
        state = "complete"
    elif spec.get("suspend") is True:
        state = "suspended"
    else:
        state = "running" if whole(status.get("active")) else "waiting"
    return Job(
        kind="job",
        namespace=namespace,
        name=name,
        uid=uid,
        version=version,
        wanted=some(spec.get("completions")),
        succeeded=whole(status.get("succeeded")),
        failed=whole(status.get("failed")),
        active=whole(status.get("active")),
        state=state,
        why=_said(failed) if holds(failed) else SafeText(),
        owner=owner_of(meta),
        began=moment(status.get("startTime")) or moment(meta.get("creationTimestamp")),
        ended=ended,
    )


def cronjob(item: Row) -> Job | None:
    """One CronJob of a list; `lastSuccessfulTime` is there from Kubernetes 1.21 on."""
    namespace, name, uid, version = names(item)
    if not uid or not name:
        return None
    spec, status = table(item.get("spec")), table(item.get("status"))
    active = len(rows(status.get("active")))
    zone = raw(spec.get("timeZone"), 60)
    return Job(
        kind="cronjob",
        namespace=namespace,
        name=name,
        uid=uid,
        version=version,
        active=active,
        state="suspended" if spec.get("suspend") is True else "running" if active else "waiting",
        schedule=SafeText(f"{raw(spec.get('schedule'), 100)}{' ' + zone if zone else ''}"),
        began=moment(status.get("lastScheduleTime")),
        ended=moment(status.get("lastSuccessfulTime")),
    )
