"""The machines of a cluster: ready or not and why, what they are short of, what pods may have of them."""

from __future__ import annotations

from typing import Final

from probes.base import SafeText
from probes.kubernetes.facts import Node, Use
from probes.kubernetes.parse import (
    Row,
    conditions,
    holds,
    moment,
    names,
    quantity,
    raw,
    row_of,
    rows,
    sentence,
    table,
    text,
)

_ROLE: Final = "node-role.kubernetes.io/"
_PRESSURES: Final = {
    "MemoryPressure": "memory",
    "DiskPressure": "disk",
    "PIDPressure": "process ids",
    "NetworkUnavailable": "network",
}


def node(item: Row) -> Node | None:
    """One Node of a list; None when it has no name or uid."""
    _, name, uid, version = names(item)
    if not uid or not name:
        return None
    meta, spec, status = table(item.get("metadata")), table(item.get("spec")), table(item.get("status"))
    found = conditions(status)
    state = found.get("Ready")
    ready = holds(state) is True
    why, cause = SafeText(), SafeText()
    if not ready:
        silent = raw(table(state).get("status")) in ("Unknown", "")
        cause = SafeText("its kubelet is silent" if silent else raw(table(state).get("reason"), 60) or "not ready")
        why = sentence(table(state).get("message"), 200) or cause
    allocatable = table(status.get("allocatable"))
    roles = [key.removeprefix(_ROLE) for key in table(meta.get("labels")) if key.startswith(_ROLE)]
    return Node(
        name=name,
        uid=uid,
        version=version,
        ready=ready,
        why=why,
        cause=cause,
        pressures=tuple(words for kind, words in _PRESSURES.items() if holds(found.get(kind))),
        cordoned=spec.get("unschedulable") is True,
        kubelet=text(table(status.get("nodeInfo")).get("kubeletVersion"), 60),
        roles=SafeText(",".join(sorted(roles)[:6]), 80),
        created=moment(meta.get("creationTimestamp")),
        cpu=quantity(allocatable.get("cpu")),
        memory=quantity(allocatable.get("memory")),
        pods=quantity(allocatable.get("pods")),
        address=_address(status),
        taints=tuple(
            SafeText(f"{raw(one.get('key'), 100)}{'=' if one.get('value') else ''}{raw(one.get('value'), 60)}"
                     f":{raw(one.get('effect'), 20)}")
            for one in rows(spec.get("taints"))[:10]
        ),
    )  # fmt: skip


def _address(status: Row) -> SafeText:
    found = {raw(one.get("type")): one.get("address") for one in rows(status.get("addresses"))}
    return text(found.get("InternalIP") or found.get("ExternalIP") or found.get("Hostname"), 100)


def node_use(item: Row) -> tuple[str, Use] | None:
    """(row, use) of one NodeMetrics."""
    _, name, _, _ = names(item)
    usage = table(item.get("usage"))
    return (row_of("node", "", str(name)), _use(usage)) if name else None


def pod_use(item: Row) -> tuple[str, Use] | None:
    """(row, use) of one PodMetrics: the sum of its containers; what one of them lacks is missing."""
    namespace, name, _, _ = names(item)
    uses = [_use(table(one.get("usage"))) for one in rows(item.get("containers"))]
    if not name or not uses:
        return None
    cpus, memories = [one.cpu for one in uses], [one.memory for one in uses]
    cpu = sum(one for one in cpus if one is not None) if None not in cpus else None
    memory = sum(one for one in memories if one is not None) if None not in memories else None
    return f"pod/{namespace}/{name}", Use(cpu, memory)


def _use(usage: Row) -> Use:
    return Use(quantity(usage.get("cpu")), quantity(usage.get("memory")))
