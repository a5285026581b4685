"""A pod as the API describes it, turned into what a person asks first: is it ready, and if not, why.

The word for its state is the one kubectl prints, by the same rules
(https://github.com/kubernetes/kubernetes/blob/master/pkg/printers/internalversion/printers.go, printPod).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Final

from probes.base import SafeText
from probes.kubernetes.facts import Container, Pod, Trouble
from probes.kubernetes.parse import (
    NOTHING,
    Row,
    conditions,
    holds,
    items,
    moment,
    names,
    quantity,
    raw,
    row_of,
    rows,
    sentence,
    table,
    text,
    whole,
)

_IMAGE: Final = frozenset(
    {"ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError",
     "RegistryUnavailable", "SignatureValidationFailed"}
)  # fmt: skip
_CONFIG: Final = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreStartHookError",
     "PostStartHookError", "PreCreateHookError"}
)  # fmt: skip
_COMING: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
_SAID: Final = 200
_NODES: Final = re.compile(r"^0/(\d+) nodes are available: (.*?)\.?(?: preemption: .*)?$")
_NUMBERS: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class _Status:
    """One entry of containerStatuses, with what its container's spec adds."""

    one: Container
    waiting: str
    """Reason it waits; empty when it does not."""
    said: SafeText
    running: bool
    code: int | None
    """Exit code, when it has ended."""
    reason: str
    """Reason it has ended."""
    signal: int
    started: bool
    sidecar: bool
    """An init container that goes on running."""
    check: str
    """Its readiness probe, in words."""


def pod(item: Row, known: Mapping[str, Pod] | None = None) -> Pod | None:
    """One pod of a list; the known one when nothing has changed. None when it has no name or uid."""
    meta = table(item.get("metadata"))
    same = known.get(raw(meta.get("uid"), 64)) if known else None
    if same is not None and same.version and same.version == raw(meta.get("resourceVersion"), 64):
        return same
    namespace, name, uid, version = names(item)
    if not uid or not name:
        return None
    spec, status = table(item.get("spec")), table(item.get("status"))
    regular = list(_statuses(spec, status, "containers", "containerStatuses", init=False))
    initial = list(_statuses(spec, status, "initContainers", "initContainerStatuses", init=True))
    found = conditions(status)
    word, initialising = _word(spec, status, found, regular, initial)
    deleted = moment(meta.get("deletionTimestamp"))
    if deleted is not None and raw(status.get("phase")) not in ("Succeeded", "Failed"):
        word = "Unknown" if raw(status.get("reason")) == "NodeLost" else "Terminating"
    is_ready = holds(found.get("Ready")) is True and deleted is None
    counted = [*regular, *(one for one in initial if one.sidecar)]
    trouble, why, cause = _trouble(status, found, word, is_ready, deleted, initialising, regular, initial)
    every = [*initial, *regular]
    return Pod(
        key=f"pod/{namespace}/{name}",
        namespace=namespace,
        name=name,
        uid=uid,
        version=version,
        status=text(word, 80),
        trouble=trouble,
        why=why,
        cause=cause,
        ready=sum(one.one.ready for one in counted),
        total=len(counted),
        is_ready=is_ready,
        restarts=sum(one.one.restarts for one in (every if initialising else counted)),
        restarted_at=max((at for one in every if one.one.restarts and (at := one.one.ended_at)), default=None),
        oom_at=max((at for one in every if "OOM" in str(one.one.ended) and (at := one.one.ended_at)), default=None),
        created=moment(meta.get("creationTimestamp")),
        deleted=deleted,
        node=text(spec.get("nodeName")),
        address=text(status.get("podIP"), 60),
        owner=owner_of(meta),
        containers=_alike(tuple(one.one for one in every)),
        quality=raw(status.get("qosClass"), 20),
        template=template_of(meta),
    )


@lru_cache(maxsize=4096)
def _alike(containers: tuple[Container, ...]) -> tuple[Container, ...]:
    """The same object for the same containers: those of one template differ seldom."""
    return containers


def template_of(meta: Row) -> str:
    """The hash of the template a pod was made from."""
    labels = table(meta.get("labels"))
    return raw(labels.get("pod-template-hash") or labels.get("controller-revision-hash"), 80)


def owner_of(meta: Row) -> str:
    """The row of what made an object. A ReplicaSet named after a Deployment's template stands for the Deployment."""
    for one in rows(meta.get("ownerReferences")):
        if one.get("controller") is not True and len(items(meta.get("ownerReferences"))) > 1:
            continue
        kind, name = raw(one.get("kind")), raw(one.get("name"))
        mark = raw(table(meta.get("labels")).get("pod-template-hash"))
        if kind == "ReplicaSet" and mark and name.endswith(f"-{mark}"):
            kind, name = "Deployment", name.removesuffix(f"-{mark}")
        return row_of(kind, meta.get("namespace"), name)
    return ""


def _statuses(spec: Row, status: Row, specs: str, statuses: str, init: bool) -> Iterator[_Status]:
    """The containers in the order of the spec; one without a status has not been looked at by a kubelet yet."""
    said = {raw(one.get("name")): one for one in rows(status.get(statuses))}
    for one in rows(spec.get(specs)):
        yield _status(one, said.get(raw(one.get("name")), {}), init)


def _status(spec: Row, status: Row, init: bool) -> _Status:
    state, last = table(status.get("state")), table(table(status.get("lastState")).get("terminated"))
    waiting, ended = table(state.get("waiting")), table(state.get("terminated"))
    newest = ended or last
    code = whole(ended.get("exitCode")) if ended else None
    reason, signal = raw(ended.get("reason"), 60), whole(ended.get("signal"))
    waits = raw(waiting.get("reason"), 60)
    running = "running" in state
    word = waits or (_ending(reason, signal, code) if ended else "Running" if running else "Waiting")
    resources = table(spec.get("resources"))
    requests, limits = table(resources.get("requests")), table(resources.get("limits"))
    one = Container(
        name=text(spec.get("name")),
        image=text(spec.get("image")),
        word=text(word),
        ready=status.get("ready") is True,
        restarts=whole(status.get("restartCount")),
        init=init,
        ended=_last(newest),
        ended_at=moment(newest.get("finishedAt")),
        cpu_request=quantity(requests.get("cpu")),
        cpu_limit=quantity(limits.get("cpu")),
        memory_request=quantity(requests.get("memory")),
        memory_limit=quantity(limits.get("memory")),
        digest=_digest(status.get("imageID")),
    )
    return _Status(
        one=one,
        waiting=waits if waiting else "",
        said=sentence(waiting.get("message") or ended.get("message"), _SAID),
        running=running,
        code=code,
        reason=reason,
        signal=signal,
        started=status.get("started") is True,
        sidecar=init and spec.get("restartPolicy") == "Always",
        check=_check(table(spec.get("readinessProbe"))),
    )


def _digest(value: object) -> str:
    """The shortened digest of an image id: "docker-pullable://x@sha256:abc..." or "sha256:abc..."."""
    found = re.search(r"sha256:([0-9a-f]{12})", value[:600]) if isinstance(value, str) else None
    return f"sha256:{found[1]}" if found else ""


def _ending(reason: str, signal: int, code: int | None) -> str:
    """An ending as kubectl says it."""
    if reason:
        return reason
    return f"Signal:{signal}" if signal else f"ExitCode:{code or 0}"


def _last(ended: Row) -> SafeText:
    """How a container's last run ended, with its number."""
    if not ended:
        return NOTHING
    reason, code, signal = raw(ended.get("reason"), 60), whole(ended.get("exitCode")), whole(ended.get("signal"))
    number = f"signal {signal}" if signal else f"exit {code}"
    return text(number if reason in ("", "Error") else f"{reason}, {number}", 100)


def _check(probe: Row) -> str:
    """A readiness probe in words."""
    if not probe:
        return ""
    for kind, words in (("httpGet", "GET "), ("tcpSocket", "connecting to "), ("grpc", "gRPC ")):
        if isinstance(probe.get(kind), dict):
            where = table(probe[kind])
            return f"{words}:{where.get('port')}{raw(where.get('path'), 60) if kind == 'httpGet' else ''}"
    command = " ".join(str(one) for one in items(table(probe.get("exec")).get("command"))[:4])
    return f"command {command[:60]}" if command else "its own check"


def _word(
    spec: Row, status: Row, found: Mapping[str, Row], regular: Sequence[_Status], initial: Sequence[_Status]
) -> tuple[str, bool]:
    """(the word kubectl prints, it is still initialising)."""
    word = raw(status.get("reason"), 80) or raw(status.get("phase"), 80) or "Unknown"
    if raw(found.get("PodScheduled", {}).get("reason")) == "SchedulingGated":
        word = "SchedulingGated"
    initialising = False
    for number, one in enumerate(initial):
        if one.code == 0 or (one.sidecar and one.started):
            continue
        if one.code is not None:
            word = f"Init:{_ending(one.reason, one.signal, one.code)}"
        elif one.waiting and one.waiting != "PodInitializing":
            word = f"Init:{one.waiting}"
        else:
            word = f"Init:{number}/{len(initial)}"
        initialising = True
        break
    if initialising and holds(found.get("Initialized")) is not True:
        return word, True
    runs = False
    for one in reversed(regular):
        if one.waiting:
            word = one.waiting
        elif one.code is not None:
            word = _ending(one.reason, one.signal, one.code)
        elif one.one.ready and one.running:
            runs = True
    if word == "Completed" and runs:
        word = "Running" if holds(found.get("Ready")) is True else "NotReady"
    return word, False


def _trouble(
    status: Row,
    found: Mapping[str, Row],
    word: str,
    is_ready: bool,
    deleted: datetime | None,
    initialising: bool,
    regular: Sequence[_Status],
    initial: Sequence[_Status],
) -> tuple[Trouble, SafeText, SafeText]:
    """(what is wrong, in a sentence, in a few words that don't change)."""
    if deleted is not None:
        return Trouble.LEAVING, SafeText("somebody or something asked for its end"), SafeText("is being deleted")
    if is_ready or word in ("Completed", "Succeeded"):
        return Trouble.NONE, NOTHING, NOTHING
    phase, reason = raw(status.get("phase")), raw(status.get("reason"), 60)
    if phase == "Failed":
        said = sentence(status.get("message"), _SAID)
        if reason == "Evicted":
            return Trouble.EVICTED, said or SafeText("evicted from its node"), SafeText("evicted from its node")
        ended = next((one for one in (*regular, *initial) if one.code), None)
        words = SafeText(f"{ended.one.name} ended with {ended.one.ended}") if ended else said or SafeText(reason)
        return Trouble.FAILED, words, SafeText(str(ended.one.ended) if ended else reason)
    scheduled = found.get("PodScheduled")
    if phase == "Pending" and holds(scheduled) is False:
        said = sentence(table(scheduled).get("message"), _SAID)
        words = SafeText(_NODES.sub(r"\2, of \1 nodes", str(said)) or "no node takes it")
        return Trouble.UNSCHEDULED, words, unscheduled(str(said))
    for one in initial if initialising else regular:
        told = _of_container(one)
        if told is not None:
            return told
    return _not_yet(found, phase, word, initialising, regular, initial)


def unscheduled(said: str) -> SafeText:
    """The reasons of the scheduler without its numbers: "Insufficient memory, node(s) had taint".

    >>> str(unscheduled("0/3 nodes are available: 2 Insufficient memory, 1 node(s) had taint {a: b}. preemption: 0/3"))
    'Insufficient memory, node(s) had taint'
    """
    _, _, reasons = said.partition("available: ")
    reasons = re.split(r"\. ?(?:preemption|$)", reasons)[0]
    parts = (_NUMBERS.sub("", re.split(r" ?\{|, that", part)[0]).strip(" .") for part in reasons.split(", "))
    kept = list(dict.fromkeys(part for part in parts if part and not part.startswith("that the pod")))
    return SafeText(", ".join(kept[:3]) or "no node takes it", 120)


def _of_container(one: _Status) -> tuple[Trouble, SafeText, SafeText] | None:
    """What one container has to complain of; None when nothing."""
    name, kind = one.one.name, "init container " if one.one.init else ""
    if one.waiting == "CrashLoopBackOff":
        how = _crash(one)
        return Trouble.CRASH, SafeText(f"{kind}{name} ends again and again: {how}"), SafeText(how)
    if one.waiting in _IMAGE or (one.waiting and "Image" in one.waiting):
        told = f": {one.said}" if one.said and not str(one.said).startswith("Back-off pulling") else ""
        words = SafeText(f"{one.one.image}, {one.waiting}{told}", 300)
        return Trouble.IMAGE, words, SafeText(f"image {one.one.image}", 160)
    if one.waiting in _CONFIG or one.waiting not in _COMING:
        said = str(one.said) or "no reason given"
        words = SafeText(f"{kind}{name}: {said} ({one.waiting})", 300)
        return Trouble.CONFIG, words, SafeText(said, 120)
    if one.code is not None and not (one.one.init and one.code == 0) and one.one.word != SafeText("Completed"):
        how = _crash(one)
        again = one.one.restarts > 0
        words = SafeText(f"{kind}{name} ended: {how}")
        return (Trouble.CRASH if again else Trouble.NOT_READY), words, SafeText(how)
    return None


def _crash(one: _Status) -> str:
    """How a container that ends again and again ended last."""
    if "OOM" in str(one.one.ended):
        limit = one.one.memory_limit
        at = f" at its limit of {limit / 2**20:.0f} MiB" if limit else ""
        return f"killed for lack of memory{at}"
    return str(one.one.ended) or one.reason or "no reason given"


def _not_yet(
    found: Mapping[str, Row],
    phase: str,
    word: str,
    initialising: bool,
    regular: Sequence[_Status],
    initial: Sequence[_Status],
) -> tuple[Trouble, SafeText, SafeText]:
    """A pod on its way, or one that runs and is not ready."""
    if initialising:
        one = next((one for one in initial if one.code != 0 and not (one.sidecar and one.started)), initial[0])
        words = SafeText(f"init container {one.one.name} has not ended yet")
        return Trouble.COMING, words, SafeText(f"init container {one.one.name}")
    waits = [one for one in regular if not one.one.ready]
    running = [one for one in waits if one.running]
    if phase == "Pending" or (waits and not running):
        return Trouble.COMING, SafeText("its containers are being made; events say what is in the way"), SafeText(word)
    if running:
        one = running[0]
        check = f": {one.check} does not pass" if one.check else ""
        return (
            Trouble.NOT_READY,
            SafeText(f"{one.one.name} runs and is not ready{check}"),
            SafeText(f"{one.one.name}{check or ' is not ready'}"),
        )
    ready = found.get("Ready", {})
    said = sentence(ready.get("message"), _SAID) or SafeText(raw(ready.get("reason"), 60))
    gate = next((str(text(kind)) for kind, one in found.items() if "/" in kind and holds(one) is not True), "")
    words = SafeText(f"readiness gate {gate} is not true") if gate else said or SafeText("it does not say why")
    return Trouble.NOT_READY, words, SafeText(raw(ready.get("reason"), 60) or "not ready")


def aged(found: Pod, at: datetime | None) -> Pod:
    """The pod, its end being late when it should have been gone for a while."""
    if found.deleted is None or at is None:
        return found
    late = (at - found.deleted).total_seconds()
    if late < 60:
        return found
    minutes = f"{late / 60:.0f} min" if late < 7200 else f"{late / 3600:.0f} h"
    return replace(found, why=SafeText(f"should have been gone {minutes} ago: a finalizer, or a node that is gone"))
