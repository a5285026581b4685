"""Draws a Kubernetes cluster: what is broken and why comes first, what is well takes one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

from desk.words import plural, ratio, span
from probes.base import Severity
from probes.kubernetes.called import called
from probes.kubernetes.facts import KubernetesFacts, Trouble
from widgets.draw.marks import Sign, bar, spark
from widgets.kubernetes_tables import (
    FATAL,
    SOON,
    STEADY,
    TABLES,
    Seen,
    expires,
    measures_of,
    name_of,
    node_words,
    pod_why,
    pod_word,
    scaler_word,
    time_left,
    workload_why,
    workload_word,
    worst_pod,
)
from widgets.lines import Line, Part, Span, Tone, dim, fit, joined, line, sign, strong, toned, width_of
from widgets.panel import Panel, Table, View

_ROLLED: Final = frozenset({"deployment", "statefulset", "daemonset"})
"""Sorts of rows that stand for pods which they make."""
_TOGETHER: Final = 3
"""Lines for workloads that are well."""


Broken = tuple[str, str, str, str, Severity, str]
"""(name, what it is, a figure, why, how bad, row) of something that is broken."""


def _broken(view: View[KubernetesFacts], width: int) -> list[Line]:
    """A line for each thing that is broken, the worst first."""
    found = [*_nodes(view.facts), *_workloads(view.facts), *_pods(view.facts), *_others(view)]
    longest = max((len(one[0]) for one in found), default=0)
    named = min(34, max(14, width * 5 // 16), max(10, longest))
    return [_trouble_line(one, named, width) for one in sorted(found, key=lambda one: -one[4])]


def _trouble_line(broken: Broken, named: int, width: int) -> Line:
    """Sign, name, how many, what it is, and why."""
    name, word, figure, why, severity, key = broken
    parts: list[Part] = [sign(severity), " ", fit(strong(name), named), " ", fit(figure, 6, right=True), " "]
    parts += [toned(fit(word, 16).text, severity)]
    spare = width - named - 28
    if why and spare > 8:
        parts += ["  ", Span(fit(why, spare).text.rstrip())]
    return line(*parts, key=key, severity=severity)


def _nodes(facts: KubernetesFacts) -> Iterator[Broken]:
    for one in facts.nodes:
        if not one.ready or one.pressures:
            severity = Severity.WARNING if one.ready else Severity.CRITICAL
            word = "under pressure" if one.ready else "node not ready"
            yield str(one.name), word, "", node_words(one), severity, one.key


def _workloads(facts: KubernetesFacts) -> Iterator[Broken]:
    for one in facts.workloads:
        worst = worst_pod(facts, one)
        ill = worst is not None and worst.trouble not in STEADY
        if not (one.short or one.stuck or one.refused or ill):
            continue
        severity = Severity.WARNING
        if one.short and not one.ready:
            severity = Severity.CRITICAL
        elif one.rolling and not ill and not one.stuck and not one.refused:
            severity = Severity.NOTICE
        figure = f"{one.ready}/{one.desired}"
        yield name_of(facts, one), workload_word(facts, one), figure, workload_why(facts, one), severity, one.key


def _pods(facts: KubernetesFacts) -> Iterator[Broken]:
    """Pods that no workload's line speaks of, and those that are ready for now."""
    spoken_of = {one.key for one in facts.workloads}
    for one in facts.pods:
        if facts.looping(one) and one.trouble is Trouble.NONE:
            word, severity = pod_word(facts, one), Severity.WARNING
        elif one.owner in spoken_of or one.trouble in STEADY or one.owner.startswith("job/"):
            continue
        else:
            word = one.trouble.value
            severity = Severity.CRITICAL if one.trouble in FATAL else Severity.WARNING
        yield name_of(facts, one), word, f"{one.ready}/{one.total}", pod_why(facts, one), severity, one.key


def _others(view: View[KubernetesFacts]) -> Iterator[Broken]:
    facts = view.facts
    for scaler in facts.autoscalers:
        if (word := scaler_word(scaler)) != "well":
            why = measures_of(scaler) if scaler.pinned else str(scaler.why)
            figure = f"{scaler.current}/{scaler.most}"
            yield name_of(facts, scaler), word, figure, why, Severity.WARNING, scaler.key
    for service in facts.services:
        if service.ready == 0:
            why = "nothing behind it answers"
            yield name_of(facts, service), "service empty", "0", why, Severity.WARNING, service.key
    for certificate in facts.certificates:
        left = time_left(Seen(certificate, facts))
        if not certificate.ready or (left is not None and left < SOON):
            why = str(certificate.why) or "the certificate runs out"
            yield name_of(facts, certificate), "certificate", expires(left), why, Severity.WARNING, certificate.key
    for job in facts.jobs:
        if job.kind == "job" and view.severity("job_failed", job=f"{job.namespace}/{job.name}") is not None:
            yield name_of(facts, job), "job failed", f"{job.failed}×", str(job.why), Severity.NOTICE, job.key


def _well(facts: KubernetesFacts, width: int) -> list[Line]:
    """Workloads that are well, side by side."""
    well = [one for one in facts.workloads if one.desired and not (one.short or one.stuck or one.refused)]
    rows: list[list[Part]] = [[]]
    for one in well:
        part = Span(f"{Sign.FINE.value} {name_of(facts, one)}{f' ×{one.ready}' if one.ready > 1 else ''}", Tone.GOOD)
        if rows[-1] and width_of(joined([*rows[-1], part])) > width:
            if len(rows) == _TOGETHER:
                break
            rows.append([])
        rows[-1].append(fit(part, min(width, width_of([part]))))
    shown = sum(map(len, rows))
    lines = [line(*joined(row)) for row in rows if row]
    if shown < len(well):
        lines.append(line(dim(f"and {plural(len(well) - shown, 'more workload')} ready")))
    return lines


class KubernetesPanel(Panel[KubernetesFacts]):
    """One cluster, or the namespaces of it that are read."""

    title = "CLUSTER"
    help = (
        "ready 1/2: one of two pods passes its readiness check. status: the word kubectl prints.\n"
        "why: from the container's state and last end, the scheduler, the controller; `describe` shows its events.\n"
        "restarts again: it runs now, but its containers have ended three times or more, the last within 6 min.\n"
        "cpu, memory: what metrics-server measured last; of limit: of what the pod may use before it is killed.\n"
        "at its maximum: the autoscaler stands at its upper bound and wants more.\n"
        "What changes slowly (use, services, jobs, events, certificates) is read each sixth time, or always while\n"
        "this screen is open. Cluster, context and namespaces were looked up once and stay."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = TABLES

    def called(self, facts: KubernetesFacts, name: str) -> Sequence[str] | None:
        """As kubectl would take it."""
        return called(facts, name)

    def is_about(self, row: str, label: str, text: str) -> bool:
        """Its labels leave the sort away: "shop/web" is a workload's, an autoscaler's or a service's by the label."""
        sort, _, rest = row.partition("/")
        return text == row or (text == rest and label in (("workload", "owner") if sort in _ROLLED else (sort,)))

    def headline(self, view: View[KubernetesFacts]) -> Sequence[Part]:
        """Nodes, pods, what is broken."""
        facts = view.facts
        parts: list[Part] = []
        if facts.nodes:
            ready, all_ = sum(one.ready for one in facts.nodes), max(len(facts.nodes), facts.expected or 0)
            bad = Severity.CRITICAL if ready < all_ else None
            parts.append(toned(f"{ready} of {plural(all_, 'node')} ready", bad))
        there = [one for one in facts.pods if not one.done and one.trouble is not Trouble.LEAVING]
        short = sum(not one.is_ready for one in there)
        severity = view.severity() if short else None
        parts.append(toned(f"{len(there) - short} of {plural(len(there), 'pod')} ready", severity))
        crashing = sum(facts.looping(one) for one in facts.pods)
        parts += [toned(f"{crashing} crash-looping", Severity.CRITICAL)] if crashing else []
        return parts

    def brief(self, view: View[KubernetesFacts], width: int) -> Sequence[Line]:
        """What is broken, each with its reason; then what is well, together."""
        facts = view.facts
        lines = [*_broken(view, width), *_well(facts, width)]
        if not facts.pods and not facts.workloads:
            where = ", ".join(map(str, facts.namespaces)) or "any namespace"
            lines.append(line(dim(fit(f"no pod and no workload was read in {where}", width).text.rstrip())))
        return lines

    def head(self, view: View[KubernetesFacts], width: int) -> Sequence[Line]:
        """Which cluster this is, then what its nodes have left."""
        facts = view.facts
        where = ", ".join(map(str, facts.namespaces)) or "all"
        words = [
            f"context {facts.context}",
            str(facts.server),
            f"namespaces {where}",
            f"Kubernetes {facts.version or '?'}",
        ]
        lines = [line(fit("  ".join(words), width).text.rstrip())]
        for name, gauge in (("cpu", "cpu_ratio"), ("memory", "memory_ratio")):
            share = view.snapshot.gauge(gauge)
            if share is not None:
                course = Span(spark(view.history(gauge), max(8, min(40, width - 44))), Tone.CHART)
                filled = Span(bar(share, 20 if width > 70 else 10), Tone.CHART)
                lines.append(line(dim(f"{name:<8}"), filled, "  ", fit(f"{ratio(share)} of nodes", 16), course))
        notes = [f"not installed: {', '.join(facts.absent)}"] if facts.absent else []
        if facts.skew is not None and abs(facts.skew) > 10:
            notes.append(f"its clock is {span(abs(facts.skew))} {'ahead of' if facts.skew > 0 else 'behind'} ours")
        if facts.insecure:
            warning = "TLS NOT CHECKED: this may be another server"
            lines.append(line(toned(fit(warning, width).text.rstrip(), Severity.WARNING)))
        if notes:
            lines.append(line(dim(fit("  ".join(notes), width).text.rstrip())))
        return lines
