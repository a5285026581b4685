"""Closer looks as pages to read: one object with its conditions and events, revisions, ConfigMaps.

No value of an environment, no annotation as a whole and nothing of a Secret is shown: they may hold secrets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from probes.base import SafeText, Sheet, lasted
from probes.kubernetes.events import event, grouped
from probes.kubernetes.facts import KubernetesFacts, Pod, Use
from probes.kubernetes.parse import Row, items, moment, quantity, raw, rows, selector, table, text, whole
from probes.kubernetes.pods import owner_of, pod
from probes.kubernetes.references import ConfigMap
from probes.kubernetes.rollouts import Revision

_EVENTS: Final = 40
_PODS: Final = 200


def _ago(at: datetime | None, now: datetime | None) -> str:
    return f"{lasted((now - at).total_seconds())} ago" if at is not None and now is not None and now >= at else "?"


def _pair(name: str, value: object) -> SafeText:
    return SafeText(f"{name:<16} {value}", 1000)


def size(value: float | None) -> str:
    """Bytes in Mi as people write them in a manifest."""
    return "–" if value is None else f"{value / 2**20:.0f} Mi"


def cores(value: float | None) -> str:
    """Cores as people write them in a manifest."""
    return "–" if value is None else f"{value * 1000:.0f}m"


def object_sheet(row: str, item: Row, events: Iterable[Row], facts: KubernetesFacts) -> Sheet:
    """Everything about one object that is fit to be shown."""
    kind = row.partition("/")[0]
    lines = list(_common(item, facts.at))
    if kind == "pod":
        lines += _pod_lines(item, facts)
    elif kind == "node":
        lines += _node_lines(item, facts)
    else:
        lines += _workload_lines(row, item, facts)
    lines += _conditions(item, facts.at)
    lines += _event_lines(events, facts.at)
    return Sheet(f"{kind} {row.partition('/')[2]}", tuple(lines))


def _common(item: Row, now: datetime | None) -> Iterator[SafeText]:
    meta = table(item.get("metadata"))
    yield _pair("name", text(meta.get("name")))
    if raw(meta.get("namespace")):
        yield _pair("namespace", text(meta.get("namespace")))
    yield _pair("uid", text(meta.get("uid")))
    yield _pair("made", f"{_ago(moment(meta.get('creationTimestamp')), now)}")
    if (deleted := moment(meta.get("deletionTimestamp"))) is not None:
        kept = ", ".join(str(text(one)) for one in items(meta.get("finalizers"))[:6])
        yield _pair("to be gone", f"{_ago(deleted, now)}{f'; kept by finalizers {kept}' if kept else ''}")
    labels = selector(table(meta.get("labels")))
    if labels:
        yield _pair("labels", SafeText(labels, 600))
    if owner := owner_of(meta):
        yield _pair("made by", SafeText(owner))


def _pod_lines(item: Row, facts: KubernetesFacts) -> Iterator[SafeText]:
    one = pod(item)
    if one is None:
        return
    spec = table(item.get("spec"))
    yield _pair("status", f"{one.status}{f': {one.why}' if one.why else ''}")
    yield _pair("node", f"{one.node or 'none'}  address {one.address or 'none'}  {one.quality}")
    yield _pair("service account", text(spec.get("serviceAccountName")) or "default")
    yield _pair("use now", _used(facts.pod_use.get(one.key), one))
    for box in one.containers:
        yield SafeText("")
        yield SafeText(f"{'init container' if box.init else 'container'} {box.name}")
        yield _pair("  image", f"{box.image}  {box.digest}")
        yield _pair("  state", f"{box.word}{'' if box.ready or box.init else ', not ready'}, {box.restarts} restarts")
        if box.ended:
            yield _pair("  ended last", f"{box.ended}, {_ago(box.ended_at, facts.at)}")
        asks = f"cpu {cores(box.cpu_request)}, memory {size(box.memory_request)}"
        yield _pair("  asks for", f"{asks}; may use cpu {cores(box.cpu_limit)}, memory {size(box.memory_limit)}")
    yield from _mounts(spec)


def _used(use: Use | None, one: Pod) -> str:
    if use is None:
        return "unknown (no metrics)"
    cpu = f"cpu {cores(use.cpu)} of {cores(one.cpu_request)} asked for"
    return f"{cpu}, memory {size(use.memory)} of {size(one.memory_limit)} at most"


def _mounts(spec: Row) -> Iterator[SafeText]:
    """Names of what is mounted; never what is in it."""
    found = []
    for volume in rows(spec.get("volumes"))[:30]:
        for kind, field in (
            ("configMap", "name"),
            ("secret", "secretName"),
            ("persistentVolumeClaim", "claimName"),
            ("hostPath", "path"),
        ):
            if isinstance(volume.get(kind), dict):
                found.append(f"{kind} {text(table(volume[kind]).get(field))}")
    if found:
        yield SafeText("")
        yield _pair("volumes", SafeText(", ".join(found), 800))


def _node_lines(item: Row, facts: KubernetesFacts) -> Iterator[SafeText]:
    status = table(item.get("status"))
    info = table(status.get("nodeInfo"))
    yield _pair("kubelet", f"{text(info.get('kubeletVersion'))}  {text(info.get('containerRuntimeVersion'))}")
    yield _pair("system", f"{text(info.get('osImage'))}, {text(info.get('kernelVersion'))}")
    for words, key in (("capacity", "capacity"), ("for pods", "allocatable")):
        have = table(status.get(key))
        told = f"cpu {cores(quantity(have.get('cpu')))}, memory {size(quantity(have.get('memory')))}"
        yield _pair(words, f"{told}, {text(have.get('pods'))} pods")
    if table(item.get("spec")).get("unschedulable") is True:
        yield _pair("cordoned", "takes no new pods")
    name = raw(table(item.get("metadata")).get("name"))
    mine = [one for one in facts.pods if str(one.node) == name and not one.done]
    asked = sum(one.memory_request or 0 for one in mine)
    if mine:
        yield _pair("pods read", f"{len(mine)}, asking for {size(asked)} of memory")
        yield from _pod_list(mine)


def _pod_list(pods: Sequence[Pod]) -> Iterator[SafeText]:
    for one in pods[:_PODS]:
        yield SafeText(f"  {one.namespace}/{one.name}  {one.ready}/{one.total}  {one.status}  {one.why}")
    if len(pods) > _PODS:
        yield SafeText(f"  and {len(pods) - _PODS} more")


def _workload_lines(row: str, item: Row, facts: KubernetesFacts) -> Iterator[SafeText]:
    spec = table(item.get("spec"))
    if (labels := selector(spec.get("selector"))) != "":
        yield _pair("selector", SafeText(labels, 600))
    template = table(spec.get("template"))
    for box in rows(table(template.get("spec")).get("containers")):
        yield _pair("image", f"{text(box.get('name'))}: {text(box.get('image'))}")
    if "replicas" in spec:
        yield _pair("wanted", whole(spec.get("replicas")))
    scaler = facts.scaler(row)
    if scaler is not None:
        yield _pair("scaled by", f"hpa {scaler.name}, {scaler.least} to {scaler.most}, wants {scaler.desired}")
    mine = facts.of(row)
    if mine:
        yield SafeText("")
        yield _pair("pods", len(mine))
        yield from _pod_list(mine)


def _conditions(item: Row, now: datetime | None) -> Iterator[SafeText]:
    found = rows(table(item.get("status")).get("conditions"))[:30]
    if found:
        yield SafeText("")
        yield SafeText("conditions")
    for one in found:
        when = _ago(moment(one.get("lastTransitionTime")), now)
        head = f"  {text(one.get('type')):<22} {text(one.get('status')):<8} {when:<14} {text(one.get('reason'))}"
        yield SafeText(f"{head}  {text(one.get('message'), 300)}", 600)


def _event_lines(events: Iterable[Row], now: datetime | None) -> Iterator[SafeText]:
    found = grouped((one for row in events if (one := event(row)) is not None), _EVENTS)
    yield SafeText("")
    yield SafeText("events, the newest first" if found else "no event is kept about it")
    for one in found:
        times = f" ×{one.count}" if one.count > 1 else ""
        yield SafeText(f"  {_ago(one.last, now):<14} {one.reason}{times}: {one.said}", 800)


def history_sheet(name: str, found: Sequence[Revision], now: datetime | None) -> Sheet:
    """The revisions of a workload, the newest first."""
    lines = [SafeText("rolling back changes the template alone: no ConfigMap, Secret or database goes back with it")]
    lines.append(SafeText(""))
    for one in found:
        pods = "" if one.pods is None else f"  {one.ready} of {one.pods} ready" if one.pods else "  no pods"
        lines.append(
            SafeText(f"revision {one.number}{' (current)' if one.current else ''}  {_ago(one.created, now)}{pods}")
        )
        lines.append(SafeText(f"    {', '.join(map(str, one.images))}", 800))
        lines += [SafeText(f"    {one.cause}")] if one.cause else []
    if not found:
        lines.append(SafeText("no revision is kept"))
    return Sheet(f"revisions of {name}", tuple(lines))


def config_sheet(found: Sequence[ConfigMap], now: datetime | None, most: int = 2000) -> Sheet:
    """ConfigMaps nothing refers to, then the others with their users."""
    unused = [one for one in found if not one.used_by and not one.reserved]
    lines = [
        SafeText(
            "References in pods and in what makes pods were looked for, in old revisions too. What an operator or a"
        ),
        SafeText("program reads through the API by itself can't be seen: ask before one is deleted."),
        SafeText(""),
        SafeText(f"{len(unused)} of {len(found)} ConfigMaps have nothing that refers to them"),
    ]
    for one in unused:
        lines.append(
            SafeText(f"  {one.namespace}/{one.name}  made {_ago(one.created, now)}, changed {_ago(one.changed, now)}")
        )
    lines.append(SafeText(""))
    for one in found:
        if one.used_by or one.reserved:
            who = ", ".join(one.used_by[:4]) + (f" and {len(one.used_by) - 4} more" if len(one.used_by) > 4 else "")
            lines.append(
                SafeText(f"  {one.namespace}/{one.name}  changed {_ago(one.changed, now)}  {who or one.reserved}", 600)
            )
    return Sheet("ConfigMaps and who refers to them", tuple(lines[:most]), max(0, len(lines) - most))
