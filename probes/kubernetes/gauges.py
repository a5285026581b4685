"""Which numbers of a cluster everybody may use, and which are worth a person's attention by default.

Labels are bounded: what is in most trouble gets them first. Pods are told by what made them, so that a thing that is
replaced again and again is one alert and not many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from probes.base import Capacity, Gauges, GaugeSpec, Rule, Severity, Unit, expiry
from probes.kubernetes.facts import LATELY, KubernetesFacts, Pod, Trouble

LABELLED: Final = 60
"""Workloads, owners, nodes, autoscalers, certificates and services that get gauges of their own, of each so many."""

_DAY: Final = 86400.0

SPECS: Final = (
    GaugeSpec("nodes", "Nodes there are."),
    GaugeSpec("nodes_ready", "Nodes that are ready.", better="high"),
    GaugeSpec("nodes_expected", "Nodes there should be, by the profile."),
    GaugeSpec("nodes_missing", "Nodes that should be there and are not.", better="low"),
    GaugeSpec("node_not_ready", "1 for a node that is not ready, labelled with why.", better="low"),
    GaugeSpec("node_pressure", "1 for a node that is short of something, labelled with what.", better="low"),
    GaugeSpec("node_cpu_ratio", "Cpu used of what pods may have of a node.", Unit.RATIO, capacity=Capacity.LOAD),
    GaugeSpec("node_memory_ratio", "Memory used of what pods may have of a node.", Unit.RATIO, capacity=Capacity.USED),
    GaugeSpec("cpu_ratio", "Cpu used of what pods may have of all nodes.", Unit.RATIO, capacity=Capacity.LOAD),
    GaugeSpec("memory_ratio", "Memory used of what pods may have of all nodes.", Unit.RATIO, capacity=Capacity.USED),
    GaugeSpec("pods", "Pods that are there, finished ones left out.", capacity=Capacity.SIZE),
    GaugeSpec("pods_ready", "Pods that are ready.", better="high"),
    GaugeSpec("pods_not_ready", "Pods that should be ready and are not.", better="low"),
    GaugeSpec(
        "restarts_recent", "Pods of which a container ended and was started in the last ten minutes.", better="low"
    ),
    GaugeSpec("crash_looping", "Pods of an owner whose containers end again and again, with how.", better="low"),
    GaugeSpec("image_errors", "Pods of an owner whose image can't be had.", better="low"),
    GaugeSpec("config_errors", "Pods of an owner that can't be started as configured.", better="low"),
    GaugeSpec("unscheduled", "Pods of an owner that no node takes, with why.", better="low"),
    GaugeSpec("not_ready", "Pods of an owner that run and are not ready, with why.", better="low"),
    GaugeSpec("oom_killed", "Pods of an owner killed for lack of memory in the last ten minutes.", better="low"),
    GaugeSpec("evicted", "Pods of an owner, made in the last day, that were evicted.", better="low"),
    GaugeSpec("stuck_terminating", "Pods of an owner that should have been gone a minute ago.", better="low"),
    GaugeSpec("replicas_desired", "Pods a workload should have."),
    GaugeSpec("replicas_ready", "Pods of a workload that are ready.", better="high"),
    GaugeSpec("replicas_short", "Ready pods a workload lacks while it has some.", better="low"),
    GaugeSpec("replicas_none", "Pods a workload should have and of which none is ready.", better="low"),
    GaugeSpec("rollout_stuck", "1 for a workload whose rollout goes no further, with why.", better="low"),
    GaugeSpec(
        "workload_cpu_ratio", "Cpu a workload's pods use of what they ask for.", Unit.RATIO, capacity=Capacity.LOAD
    ),
    GaugeSpec(
        "workload_memory_ratio",
        "Greatest share of its memory limit that a pod of a workload uses.",
        Unit.RATIO,
        capacity=Capacity.USED,
    ),
    GaugeSpec("workload_memory_bytes", "Memory a workload's pods use.", Unit.BYTES),
    GaugeSpec("hpa_replicas", "Pods an autoscaler has now."),
    GaugeSpec("hpa_max", "Pods an autoscaler may have."),
    GaugeSpec("hpa_pinned", "1 for an autoscaler that stands at its upper bound and wants more.", better="low"),
    GaugeSpec("hpa_blind", "1 for an autoscaler that can't read what it looks at, or can't scale.", better="low"),
    GaugeSpec("service_empty", "1 for a service behind which nothing answers.", better="low"),
    GaugeSpec("job_failed", "1 for a job that failed in the last six hours.", better="low"),
    GaugeSpec("certificate_left_seconds", "Until a certificate expires.", Unit.SECONDS, better="high"),
    GaugeSpec(
        "certificate_left_ratio",
        "Share of its time that a certificate made for few weeks has left.",
        Unit.RATIO,
        better="high",
    ),
    GaugeSpec("certificate_expired_seconds", "Since a certificate has expired.", Unit.SECONDS, better="low"),
    GaugeSpec("certificate_not_ready", "1 for a certificate that is not ready, with why.", better="low"),
    GaugeSpec("warnings", "Groups of warnings among the events of the last ten minutes.", better="low"),
    GaugeSpec(
        "clock_skew_seconds", "How far this machine's clock is from the API server's.", Unit.SECONDS, better="low"
    ),
)

RULES: Final = (
    Rule(
        name="node-not-ready", gauge="node_not_ready", op=">", threshold=0, severity=Severity.CRITICAL, consecutive=2,
        say="node {node} is not ready: {why}",
    ),
    Rule(
        name="nodes-missing", gauge="nodes_missing", op=">", threshold=0, severity=Severity.CRITICAL, consecutive=2,
        say="{nodes} of {nodes_expected} expected nodes are there",
    ),
    Rule(
        name="node-pressure", gauge="node_pressure", op=">", threshold=0, severity=Severity.WARNING, consecutive=2,
        say="node {node} is short of {what}",
    ),
    Rule(
        name="crash-loop", gauge="crash_looping", op=">", threshold=0, severity=Severity.CRITICAL,
        say="{owner}: {value} crash-looping, {why}",
    ),
    Rule(
        name="image", gauge="image_errors", op=">", threshold=0, severity=Severity.CRITICAL, consecutive=2,
        say="{owner}: {value} can't get their image, {why}",
    ),
    Rule(
        name="not-configured", gauge="config_errors", op=">", threshold=0, severity=Severity.CRITICAL, consecutive=2,
        say="{owner}: {value} can't start, {why}",
    ),
    Rule(
        name="unscheduled", gauge="unscheduled", op=">", threshold=0, severity=Severity.WARNING, hold=60,
        say="{owner}: no node takes {value} of its pods, {why}",
    ),
    Rule(
        name="pods-not-ready", gauge="not_ready", op=">", threshold=0, severity=Severity.WARNING, hold=120,
        say="{owner}: {value} running and not ready, {why}",
    ),
    Rule(
        name="out-of-memory", gauge="oom_killed", op=">", threshold=0, severity=Severity.CRITICAL,
        say="{owner}: killed for lack of memory ({value} in the last 10 min)",
    ),
    Rule(
        name="evicted", gauge="evicted", op=">", threshold=0, severity=Severity.NOTICE,
        say="{owner}: {value} of the last day were evicted from their node",
    ),
    Rule(
        name="stuck-terminating", gauge="stuck_terminating", op=">", threshold=0, severity=Severity.NOTICE, hold=60,
        say="{owner}: {value:pod} asked to end and still there",
    ),
    Rule(
        name="replicas-short", gauge="replicas_short", op=">", threshold=0, severity=Severity.WARNING, hold=120,
        say="{workload}: {value} of {replicas_desired} not ready",
    ),
    Rule(
        name="replicas-none", gauge="replicas_none", op=">", threshold=0, severity=Severity.CRITICAL, hold=15,
        say="{workload}: none of {value} ready",
    ),
    Rule(
        name="rollout-stuck", gauge="rollout_stuck", op=">", threshold=0, severity=Severity.WARNING, consecutive=2,
        say="{workload}: its rollout goes no further, {why}",
    ),
    Rule(
        name="workload-memory", gauge="workload_memory_ratio", op=">", threshold=0.9, severity=Severity.WARNING,
        clear=0.85, hold=30,
        say="{workload}: a pod uses {value} of its memory limit; beyond it the kernel kills it",
    ),
    Rule(
        name="memory", gauge="memory_ratio", op=">", threshold=0.85, severity=Severity.WARNING, clear=0.8, hold=900,
        say="memory of the nodes at {value}",
    ),
    Rule(
        name="cpu", gauge="cpu_ratio", op=">", threshold=0.9, severity=Severity.WARNING, clear=0.85, hold=900,
        say="cpu of the nodes at {value}",
    ),
    Rule(
        name="hpa-pinned", gauge="hpa_pinned", op=">", threshold=0, severity=Severity.WARNING, hold=60,
        say="{hpa}: at its upper bound of {hpa_max} and wants more",
    ),
    Rule(
        name="hpa-blind", gauge="hpa_blind", op=">", threshold=0, severity=Severity.WARNING, hold=60,
        say="{hpa}: does not scale, {why}",
    ),
    Rule(
        name="service-empty", gauge="service_empty", op=">", threshold=0, severity=Severity.WARNING, hold=60,
        say="service {service}: nothing behind it answers",
    ),
    Rule(
        name="job-failed", gauge="job_failed", op=">", threshold=0, severity=Severity.NOTICE,
        say="job {job} failed: {why}",
    ),
    *expiry.rules(
        "certificate {certificate}", "certificate_left_seconds", "certificate_left_ratio", "certificate_expired_seconds"
    ),
    Rule(
        name="certificate-not-ready", gauge="certificate_not_ready", op=">", threshold=0, severity=Severity.WARNING,
        hold=60,
        say="certificate {certificate} is not ready: {why}",
    ),
    Rule(
        name="clock", gauge="clock_skew_seconds", op=">", threshold=60, severity=Severity.WARNING, consecutive=2,
        say="this machine's clock and the API server's differ by {value}",
    ),
)  # fmt: skip


def short_name(row: str) -> str:
    """A row as a person says it: "shop/web" for "deployment/shop/web"; of other sorts with the sort before it.

    >>> short_name("deployment/shop/web"), short_name("job/shop/mail-1"), short_name("node/one")
    ('shop/web', 'job shop/mail-1', 'node one')
    """
    kind, _, rest = row.partition("/")
    return rest if kind in ("deployment", "statefulset", "daemonset") else f"{kind} {rest}"


def owner_name(one: Pod) -> str:
    """How alerts call what a pod belongs to."""
    return short_name(one.owner) if one.owner else f"pod {one.namespace}/{one.name}"


def measured(facts: KubernetesFacts, there: Iterable[str]) -> Gauges:
    """The gauges of a reading; of parts that were not read (`there` names those that were) there are none."""
    gauges, read = Gauges(), set(there)
    if "nodes" in read:
        _nodes(gauges, facts)
    if "pods" in read:
        _pods(gauges, facts)
    _workloads(gauges, facts)
    for scaler in facts.autoscalers[:LABELLED]:
        name = f"{scaler.namespace}/{scaler.name}"
        gauges.put("hpa_replicas", scaler.current, hpa=name)
        gauges.put("hpa_max", scaler.most, hpa=name)
        gauges.put("hpa_pinned", float(scaler.pinned), hpa=name)
        if scaler.active is False or scaler.able is False:
            gauges.put("hpa_blind", 1, hpa=name, why=_stable(str(scaler.why)))
    for service in [one for one in facts.services if one.ready == 0][:LABELLED]:
        gauges.put("service_empty", 1, service=f"{service.namespace}/{service.name}")
    for job in facts.jobs[:LABELLED]:
        if job.kind == "job" and job.state == "failed" and facts.recent(job.ended, LATELY):
            gauges.put("job_failed", 1, job=f"{job.namespace}/{job.name}", why=str(job.why))
    for certificate in facts.certificates[:LABELLED]:
        name = f"{certificate.namespace}/{certificate.name}"
        passed = facts.since(certificate.not_after)
        if passed is not None:
            share = expiry.share_left(certificate.not_before, certificate.not_after, -passed)
            gauge = "certificate_left_seconds" if passed < 0 else "certificate_expired_seconds"
            gauges.put(gauge if share is None else "certificate_left_ratio", abs(passed) if share is None else share,
                       certificate=name)  # fmt: skip
        if not certificate.ready:
            gauges.put("certificate_not_ready", 1, certificate=name, why=_stable(str(certificate.why)))
    if "events" in read:
        gauges.put("warnings", sum(facts.recent(one.last) for one in facts.events))
    gauges.put("clock_skew_seconds", None if facts.skew is None else abs(facts.skew))
    return gauges


def _stable(words: str) -> str:
    """A reason without what differs from reading to reading."""
    return "".join("#" if char.isdigit() else char for char in words)[:120]


def _nodes(gauges: Gauges, facts: KubernetesFacts) -> None:
    gauges.put("nodes", len(facts.nodes))
    gauges.put("nodes_ready", sum(one.ready for one in facts.nodes))
    if facts.expected is not None:
        gauges.put("nodes_expected", facts.expected)
        gauges.put("nodes_missing", max(0, facts.expected - len(facts.nodes)))
    for one in facts.nodes[:LABELLED]:
        name = str(one.name)
        if not one.ready:
            gauges.put("node_not_ready", 1, node=name, why=str(one.cause))
        for what in one.pressures:
            gauges.put("node_pressure", 1, node=name, what=what)
        if (use := facts.node_use.get(one.key)) is not None:
            gauges.put("node_cpu_ratio", _share(use.cpu, one.cpu), node=name)
            gauges.put("node_memory_ratio", _share(use.memory, one.memory), node=name)
    known = [(facts.node_use[one.key], one) for one in facts.nodes if one.key in facts.node_use]
    gauges.put("cpu_ratio", _share(_total(use.cpu for use, _ in known), _total(one.cpu for _, one in known)))
    gauges.put("memory_ratio", _share(_total(use.memory for use, _ in known), _total(one.memory for _, one in known)))


def _share(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _total(values: Iterable[float | None]) -> float | None:
    found = list(values)
    known = [value for value in found if value is not None]
    return sum(known) if known and len(known) == len(found) else None


_TOLD: Final[Mapping[Trouble, str]] = {
    Trouble.CRASH: "crash_looping",
    Trouble.IMAGE: "image_errors",
    Trouble.CONFIG: "config_errors",
    Trouble.UNSCHEDULED: "unscheduled",
    Trouble.NOT_READY: "not_ready",
}


def _pods(gauges: Gauges, facts: KubernetesFacts) -> None:
    there = [one for one in facts.pods if not one.done]
    gauges.put("pods", len(there))
    gauges.put("pods_ready", sum(one.is_ready for one in there))
    gauges.put("pods_not_ready", sum(_lacks(one) for one in there))
    gauges.put("restarts_recent", sum(one.restarts > 0 and facts.recent(one.restarted_at) for one in there))
    counts: dict[str, Counter[str]] = {}
    why: dict[tuple[str, str], str] = {}
    for one in there:
        trouble = Trouble.CRASH if facts.looping(one) else one.trouble
        if (name := _TOLD.get(trouble)) is not None:
            owner = owner_name(one)
            counts.setdefault(name, Counter())[owner] += 1
            why.setdefault((name, owner), _stable_cause(one))
    for name, counted in counts.items():
        for owner, number in counted.most_common(LABELLED):
            gauges.put(name, number, owner=owner, why=why[name, owner])
    _counted(gauges, "oom_killed", there, lambda one: one.oom_at is not None and facts.recent(one.oom_at))
    _counted(gauges, "evicted", there, lambda one: one.trouble is Trouble.EVICTED and facts.recent(one.created, _DAY))
    _counted(gauges, "stuck_terminating", there, lambda one: (facts.since(one.deleted) or 0) > 60)


def _stable_cause(one: Pod) -> str:
    words = one.cause if one.trouble in _TOLD else next((box.ended for box in one.containers if box.restarts), "")
    return str(words)[:120]


def _lacks(one: Pod) -> bool:
    return one.trouble not in (Trouble.NONE, Trouble.LEAVING, Trouble.FAILED, Trouble.EVICTED)


def _counted(gauges: Gauges, name: str, pods: Iterable[Pod], true: Callable[[Pod], bool]) -> None:
    """How many pods of each owner there are of which something is true."""
    for owner, number in Counter(owner_name(one) for one in pods if true(one)).most_common(LABELLED):
        gauges.put(name, number, owner=owner)


def _workloads(gauges: Gauges, facts: KubernetesFacts) -> None:
    shown = facts.workloads[:LABELLED]
    wanted = {one.key for one in shown}
    pods: dict[str, list[Pod]] = {}
    for pod in facts.pods:
        if pod.owner in wanted and facts.pod_use:
            pods.setdefault(pod.owner, []).append(pod)
    for one in shown:
        name = short_name(one.key)
        gauges.put("replicas_desired", one.desired, workload=name)
        gauges.put("replicas_ready", one.ready, workload=name)
        if one.short:
            gauge = "replicas_short" if one.ready else "replicas_none"
            gauges.put(gauge, one.short, workload=name)
        if one.stuck or one.refused:
            gauges.put("rollout_stuck", 1, workload=name, why=_stable(str(one.refused or one.stuck)))
        _use(gauges, facts, name, pods.get(one.key, ()))


def _use(gauges: Gauges, facts: KubernetesFacts, name: str, pods: Iterable[Pod]) -> None:
    known = [(facts.pod_use[one.key], one) for one in pods if one.key in facts.pod_use]
    if not known:
        return
    gauges.put("workload_memory_bytes", _total(use.memory for use, _ in known), workload=name)
    shares = [share for use, one in known if (share := _share(use.memory, one.memory_limit)) is not None]
    gauges.put("workload_memory_ratio", max(shares, default=None), workload=name)
    cpu, asked = _total(use.cpu for use, _ in known), _total(one.cpu_request for _, one in known)
    gauges.put("workload_cpu_ratio", _share(cpu, asked), workload=name)
