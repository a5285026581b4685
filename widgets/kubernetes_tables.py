"""The tables of a Kubernetes cluster's screen, and the words of its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, Generic, NamedTuple, TypeVar

from desk.words import clock, count, plural, ratio, size, span
from probes.kubernetes.facts import (
    Autoscaler,
    Budget,
    Certificate,
    Event,
    Job,
    KubernetesFacts,
    Node,
    Pod,
    Service,
    Trouble,
    Workload,
)
from widgets.lines import Line, Span, Tone, dim, line
from widgets.panel import Column, Table

T = TypeVar("T")

_GONE: Final = "–"
_DAY: Final = 86400.0
SOON: Final = 21 * _DAY
"""Seconds before its end from which a certificate is worth a line."""
FATAL: Final = (Trouble.CRASH, Trouble.IMAGE, Trouble.CONFIG)
"""What does not go away by itself."""
STEADY: Final = (Trouble.NONE, Trouble.COMING, Trouble.LEAVING)
"""What is no trouble by itself."""


class Seen(NamedTuple, Generic[T]):
    """A row with the reading it is of: ages and use are told by it."""

    one: T
    facts: KubernetesFacts


def _seen(pick: Callable[[KubernetesFacts], Sequence[T]]) -> Callable[[KubernetesFacts], Sequence[Seen[T]]]:
    return lambda facts: [Seen(one, facts) for one in pick(facts)]


def _key(row: Seen[Any]) -> str:
    return str(row.one.key)


def _age(row: Seen[Any]) -> float | None:
    return row.facts.since(row.one.created)


def _or_gone(value: float | None, words: Callable[[float], str]) -> str:
    return _GONE if value is None else words(value)


def _cores(value: float) -> str:
    """Cpu as kubectl top prints it: thousandths of a core."""
    return f"{value * 1000:.0f}m"


def _ago(facts: KubernetesFacts, at: datetime | None) -> str:
    since = facts.since(at)
    return _GONE if since is None else span(max(0.0, float(int(since))))


def name_of(facts: KubernetesFacts, one: Any) -> str:
    """An object's name, with its namespace where several are read."""
    return str(one.name) if len(facts.namespaces) == 1 or not one.namespace else f"{one.namespace}/{one.name}"


# pods


def pod_word(facts: KubernetesFacts, pod: Pod) -> str:
    """What a person calls its state: kubectl's word, but a loop is called one also while it runs."""
    return "restarts again" if facts.looping(pod) and pod.trouble is not Trouble.CRASH else str(pod.status)


def pod_why(facts: KubernetesFacts, pod: Pod) -> str:
    """Why it is not ready; of one that is, what else there is to know."""
    words = [str(pod.why)] if pod.why else []
    if facts.recent(pod.oom_at) and "memory" not in str(pod.why):
        words.append(f"ran out of memory {_ago(facts, pod.oom_at)} ago")
    elif pod.restarts and facts.recent(pod.restarted_at) and not pod.why:
        how = next((str(box.ended) for box in pod.containers if box.restarts and box.ended), "")
        words.append(f"restarted {_ago(facts, pod.restarted_at)} ago{f', {how}' if how else ''}")
    if not pod.is_ready and pod.trouble is Trouble.COMING:
        words.append(f"for {_ago(facts, pod.created)}")
    return ", ".join(words)


def _pod_tone(row: Seen[Pod]) -> Tone:
    pod = row.one
    if pod.done or pod.trouble is Trouble.LEAVING:
        return Tone.DIM
    if row.facts.looping(pod) or pod.trouble in FATAL:
        return Tone.CRITICAL
    if pod.trouble in (Trouble.COMING, Trouble.NONE):
        return Tone.NOTICE if row.facts.recent(pod.oom_at) else Tone.PLAIN
    return Tone.WARNING


def _pod_memory(row: Seen[Pod]) -> float | None:
    use = row.facts.pod_use.get(row.one.key)
    return use.memory if use else None


def _pod_cpu(row: Seen[Pod]) -> float | None:
    use = row.facts.pod_use.get(row.one.key)
    return use.cpu if use else None


def _pod_share(row: Seen[Pod]) -> float | None:
    used, limit = _pod_memory(row), row.one.memory_limit
    return used / limit if used is not None and limit else None


def _restarts(row: Seen[Pod]) -> str:
    pod = row.one
    return count(pod.restarts) + (f" ({_ago(row.facts, pod.restarted_at)} ago)" if pod.restarted_at else "")


def _pairs(*pairs: tuple[str, str]) -> list[Line]:
    return [line(dim(f"{name:<18}"), words) for name, words in pairs]


def _pod_about(row: Seen[Pod]) -> Sequence[Line]:
    pod, facts = row.one, row.facts
    lines = _pairs(
        ("pod", f"{pod.namespace}/{pod.name}"),
        ("state", f"{pod.status}{': ' + str(pod.why) if pod.why else ''}"),
        ("node", f"{pod.node or 'none yet'}  {pod.address}"),
        ("made by", pod.owner or "a person"),
        ("cpu", f"{_or_gone(_pod_cpu(row), _cores)} of {_or_gone(pod.cpu_request, _cores)} asked for"),
        ("memory", f"{_or_gone(_pod_memory(row), size)} of {_or_gone(pod.memory_limit, size)} at most"),
        ("made", f"{_ago(facts, pod.created)} ago"),
        ("uid", pod.uid),
    )
    for box in pod.containers:
        last = f"; before: {box.ended} {_ago(facts, box.ended_at)} ago" if box.ended else ""
        kind = "init " if box.init else ""
        ready = "" if box.ready or box.init else ", not ready"
        lines.append(line())
        lines += _pairs(
            (f"{kind}container", f"{box.name}  {box.word}{ready}, {plural(box.restarts, 'restart')}{last}"),
            ("image", f"{box.image}  {box.digest}"),
        )
    return lines


_PODS: Final[Table[KubernetesFacts, Seen[Pod]]] = Table(
    name="pods",
    title="pods",
    rows=_seen(lambda facts: facts.pods),
    key=_key,
    columns=(
        Column("pod", lambda row: name_of(row.facts, row.one), 40),
        Column("ready", lambda row: f"{row.one.ready}/{row.one.total}", 5, right=True),
        Column("status", lambda row: pod_word(row.facts, row.one), 18),
        Column("restarts", _restarts, 16, lambda row: row.one.restarts, least=90, descending=True),
        Column("age", lambda row: _ago(row.facts, row.one.created), 6, _age, True),
        Column("cpu", lambda row: _or_gone(_pod_cpu(row), _cores), 7, _pod_cpu, True, 110, True),
        Column("memory", lambda row: _or_gone(_pod_memory(row), size), 9, _pod_memory, True, 110, True),
        Column("of limit", lambda row: _or_gone(_pod_share(row), ratio), 8, _pod_share, True, 110, True),
        Column("node", lambda row: row.one.node or _GONE, 20, least=180),
        Column("why", lambda row: pod_why(row.facts, row.one)),
    ),
    empty="there is no pod here",
    tone=_pod_tone,
    detail=_pod_about,
    looks=("logs", "describe", "previous", "errors"),
)


# workloads


def worst_pod(facts: KubernetesFacts, one: Workload) -> Pod | None:
    """The pod in most trouble that a workload has; None when all are well."""
    return facts.worst.get(one.key)


def workload_word(facts: KubernetesFacts, one: Workload) -> str:
    """One or two words for how it is."""
    worst = worst_pod(facts, one)
    if one.refused:
        return "refused"
    if one.short and worst is not None and worst.trouble not in STEADY:
        return str(worst.trouble.value)
    if one.desired == 0 and one.kind != "daemonset":
        return "scaled to 0"
    if one.stuck:
        return "rollout stuck"
    if one.paused:
        return "paused"
    if one.rolling:
        return "rolling out"
    return "short" if one.short else "well"


def workload_why(facts: KubernetesFacts, one: Workload) -> str:
    """Why it lacks pods, by its controller or by the pod in most trouble."""
    worst = worst_pod(facts, one)
    words = [str(one.refused)] if one.refused else []
    if worst is not None and (one.short or worst.trouble not in STEADY):
        words.append(pod_why(facts, worst))
    if one.stuck and not words:
        words.append(str(one.stuck))
    if one.rolling and one.desired:
        words.append(f"{one.updated} of {one.desired} are of the new version")
    scaler = facts.scaler(one.key)
    if scaler is not None and scaler.pinned:
        words.append("its autoscaler is at its upper bound")
    return "; ".join(word for word in words if word)


def _workload_tone(row: Seen[Workload]) -> Tone:
    one = row.one
    if one.desired == 0:
        return Tone.DIM
    if one.short and not one.ready:
        return Tone.CRITICAL
    return Tone.WARNING if one.short or one.stuck or one.refused else Tone.PLAIN


def _bounds(row: Seen[Workload]) -> str:
    scaler = row.facts.scaler(row.one.key)
    return f"{scaler.least} to {scaler.most}" if scaler else _GONE


def _workload_about(row: Seen[Workload]) -> Sequence[Line]:
    one, facts = row.one, row.facts
    restarted = f", restart asked for {_ago(facts, one.restarted_at)} ago" if one.restarted_at else ""
    lines = _pairs(
        (one.kind, f"{one.namespace}/{one.name}"),
        ("state", f"{workload_word(facts, one)}{': ' + why if (why := workload_why(facts, one)) else ''}"),
        ("pods", f"{one.ready} ready, {one.updated} updated, {one.available} available of {one.desired}"),
        ("revision", f"{one.revision or _GONE}{restarted}"),
        ("autoscaler", _bounds(row)),
        ("selector", one.selector),
        ("made", f"{_ago(facts, one.created)} ago"),
        *(("image", str(image)) for image in one.images),
    )
    return [*lines, line(), *(_pod_line(facts, pod) for pod in facts.of(one.key)[:50])]


def _pod_line(facts: KubernetesFacts, pod: Pod) -> Line:
    tone = _pod_tone(Seen(pod, facts))
    return line(Span(f"{pod.name}  {pod.ready}/{pod.total}  {pod_word(facts, pod)}  {pod_why(facts, pod)}", tone))


_WORKLOADS: Final[Table[KubernetesFacts, Seen[Workload]]] = Table(
    name="workloads",
    title="workloads",
    rows=_seen(lambda facts: facts.workloads),
    key=_key,
    columns=(
        Column("workload", lambda row: name_of(row.facts, row.one), 28),
        Column("sort", lambda row: row.one.kind, 11, least=100),
        Column("ready", lambda row: f"{row.one.ready}/{row.one.desired}", 7, lambda row: -row.one.short, True),
        Column("state", lambda row: workload_word(row.facts, row.one), 16),
        Column("hpa", _bounds, 9, least=120),
        Column("revision", lambda row: row.one.revision[-10:] or _GONE, 10, least=140),
        Column("image", lambda row: ", ".join(map(str, row.one.images)), 34, least=150),
        Column("why", lambda row: workload_why(row.facts, row.one)),
    ),
    empty="there is no workload here",
    tone=_workload_tone,
    detail=_workload_about,
    looks=("logs", "describe", "errors", "history"),
)


# nodes


def node_words(node: Node) -> str:
    """Why a node is not ready, and what it is short of."""
    words = [str(node.why or node.cause)] if not node.ready else []
    words += [f"short of {', '.join(node.pressures)}"] if node.pressures else []
    return "; ".join(words)


def _node_word(node: Node) -> str:
    return f"{'ready' if node.ready else 'NOT READY'}{', cordoned' if node.cordoned else ''}"


def _node_tone(row: Seen[Node]) -> Tone:
    if not row.one.ready:
        return Tone.CRITICAL
    return Tone.WARNING if row.one.pressures else Tone.DIM if row.one.cordoned else Tone.PLAIN


def _node_share(row: Seen[Node], what: str) -> float | None:
    use, whole = row.facts.node_use.get(row.one.key), getattr(row.one, what)
    used = getattr(use, what) if use else None
    return used / whole if used is not None and whole else None


def _node_cpu(row: Seen[Node]) -> float | None:
    return _node_share(row, "cpu")


def _node_memory(row: Seen[Node]) -> float | None:
    return _node_share(row, "memory")


def _node_about(row: Seen[Node]) -> Sequence[Line]:
    node, facts = row.one, row.facts
    return _pairs(
        ("node", str(node.name)),
        ("state", f"{_node_word(node)} {node_words(node)}"),
        (
            "for pods",
            f"{_or_gone(node.cpu, _cores)} cpu, {_or_gone(node.memory, size)}, {_or_gone(node.pods, count)} pods",
        ),
        ("kubelet", f"{node.kubelet}  {node.address}  {node.roles}"),
        ("taints", ", ".join(map(str, node.taints)) or "none"),
        ("made", f"{_ago(facts, node.created)} ago"),
        ("uid", node.uid),
    )


_NODES: Final[Table[KubernetesFacts, Seen[Node]]] = Table(
    name="nodes",
    title="nodes",
    rows=_seen(lambda facts: facts.nodes),
    key=_key,
    columns=(
        Column("node", lambda row: row.one.name, 30),
        Column("state", lambda row: _node_word(row.one), 19),
        Column("cpu", lambda row: _or_gone(_node_cpu(row), ratio), 6, _node_cpu, True),
        Column("memory", lambda row: _or_gone(_node_memory(row), ratio), 6, _node_memory, True),
        Column("version", lambda row: row.one.kubelet, 12, least=90),
        Column("age", lambda row: _ago(row.facts, row.one.created), 6, _age, True, least=70),
        Column("roles", lambda row: row.one.roles or _GONE, 16, least=110),
        Column("address", lambda row: row.one.address, 16, least=130),
        Column("why", lambda row: node_words(row.one)),
    ),
    empty="no node could be read",
    tone=_node_tone,
    detail=_node_about,
    looks=("describe", "network"),
)  # fmt: skip


# autoscalers and budgets


def measures_of(one: Autoscaler) -> str:
    """What an autoscaler looks at: now, and as it should be."""
    return ", ".join(f"{m.name} {m.current or _GONE} of {m.target or _GONE}" for m in one.measures) or _GONE


def scaler_word(one: Autoscaler) -> str:
    """How an autoscaler is, in a few words."""
    if one.able is False or one.active is False:
        return "does not scale"
    return "at its maximum" if one.pinned else "well"


def _scaler_tone(row: Seen[Autoscaler]) -> Tone:
    return Tone.PLAIN if scaler_word(row.one) == "well" else Tone.WARNING


_AUTOSCALERS: Final[Table[KubernetesFacts, Seen[Autoscaler]]] = Table(
    name="autoscalers",
    title="autoscalers",
    rows=_seen(lambda facts: facts.autoscalers),
    key=_key,
    columns=(
        Column("autoscaler", lambda row: name_of(row.facts, row.one), 26),
        Column("scales", lambda row: row.one.target, 30, least=100),
        Column("min", lambda row: count(row.one.least), 5, lambda row: row.one.least, True, least=70),
        Column("now", lambda row: count(row.one.current), 5, lambda row: row.one.current, True),
        Column("wants", lambda row: count(row.one.desired), 5, lambda row: row.one.desired, True),
        Column("max", lambda row: count(row.one.most), 5, lambda row: row.one.most, True),
        Column("state", lambda row: scaler_word(row.one), 15),
        Column("measures", lambda row: measures_of(row.one), 28, least=90),
        Column("scaled", lambda row: _ago(row.facts, row.one.scaled_at), 7,
               lambda row: row.facts.since(row.one.scaled_at), True, least=120),
        Column("why", lambda row: row.one.why),
    ),
    empty="there is no autoscaler here",
    tone=_scaler_tone,
    looks=("describe", "logs"),
)  # fmt: skip

_BUDGETS: Final[Table[KubernetesFacts, Seen[Budget]]] = Table(
    name="budgets",
    title="disruption budgets",
    rows=_seen(lambda facts: facts.budgets),
    key=_key,
    columns=(
        Column("budget", lambda row: name_of(row.facts, row.one), 30),
        Column("may go", lambda row: count(row.one.allowed), 6, lambda row: row.one.allowed, True),
        Column("healthy", lambda row: f"{row.one.healthy}/{row.one.expected}", 8, right=True),
        Column("rule", lambda row: row.one.rule, 20),
        Column("pods", lambda row: row.one.selector or _GONE),
    ),
    empty="there is no disruption budget here",
    tone=lambda row: Tone.NOTICE if row.one.allowed == 0 else Tone.PLAIN,
    looks=("describe",),
)


# what else

_EVENTS: Final[Table[KubernetesFacts, Seen[Event]]] = Table(
    name="events",
    title="warnings",
    rows=_seen(lambda facts: facts.events),
    key=_key,
    columns=(
        Column("utc", lambda row: clock(row.one.last) if row.one.last else _GONE, 8, lambda row: row.one.last),
        Column("times", lambda row: count(row.one.count), 5, lambda row: row.one.count, True, descending=True),
        Column("about", lambda row: f"{str(row.one.kind).lower()} {row.one.name}", 40),
        Column("reason", lambda row: row.one.reason, 18),
        Column("message", lambda row: row.one.said),
    ),
    empty="no warning is kept (events live for an hour or so)",
    detail=lambda row: _pairs(
        ("about", row.one.about), ("reason", str(row.one.reason)), ("message", str(row.one.said)),
        ("times", count(row.one.count)), ("first", f"{_ago(row.facts, row.one.first)} ago"),
        ("last", f"{_ago(row.facts, row.one.last)} ago"),
    ),
    subject=lambda row: row.one.about,
    looks=("describe", "logs"),
)  # fmt: skip


def _behind(one: Service) -> str:
    if one.ready is None:
        return _GONE
    return f"{count(one.ready)}{f' ({one.unready} not ready)' if one.unready else ''}"


def _service_tone(row: Seen[Service]) -> Tone:
    return Tone.WARNING if row.one.ready == 0 or row.one.pending else Tone.PLAIN


_SERVICES: Final[Table[KubernetesFacts, Seen[Service]]] = Table(
    name="services",
    title="services, ingresses",
    rows=_seen(lambda facts: facts.services),
    key=_key,
    columns=(
        Column("name", lambda row: name_of(row.facts, row.one), 28),
        Column("sort", lambda row: f"{row.one.kind} {row.one.sort}", 22, least=70),
        Column("answer", lambda row: _behind(row.one), 16, lambda row: row.one.ready, True),
        Column(
            "address", lambda row: "no address yet" if row.one.pending else ", ".join(map(str, row.one.addresses)), 30
        ),
        Column("ports or routes", lambda row: ", ".join(map(str, row.one.ports))),
    ),
    empty="there is no service here",
    tone=_service_tone,
    looks=("describe", "logs"),
)


def _done(row: Seen[Job]) -> str:
    return f"{row.one.succeeded}/{_or_gone(row.one.wanted, count)}" if row.one.kind == "job" else ""


def _began(row: Seen[Job]) -> str:
    return _ago(row.facts, row.one.began)


def _ended(row: Seen[Job]) -> str:
    return _ago(row.facts, row.one.ended)


_JOB_TONES: Final = {"failed": Tone.WARNING, "complete": Tone.DIM, "suspended": Tone.DIM}

_JOBS: Final[Table[KubernetesFacts, Seen[Job]]] = Table(
    name="jobs",
    title="jobs",
    rows=_seen(lambda facts: facts.jobs),
    key=_key,
    columns=(
        Column("job", lambda row: name_of(row.facts, row.one), 34),
        Column("sort", lambda row: row.one.kind, 8, least=100),
        Column("state", lambda row: row.one.state, 10),
        Column("done", _done, 7, right=True),
        Column("failed", lambda row: count(row.one.failed), 6, lambda row: row.one.failed, True, 90, True),
        Column("last began", _began, 10, lambda row: row.facts.since(row.one.began), True, least=70),
        Column("last ended", _ended, 10, lambda row: row.facts.since(row.one.ended), True, least=100),
        Column("schedule, or why", lambda row: row.one.why or row.one.schedule),
    ),
    empty="there is no job here",
    tone=lambda row: _JOB_TONES.get(row.one.state, Tone.PLAIN),
    looks=("describe", "logs"),
)  # fmt: skip


def time_left(row: Seen[Certificate]) -> float | None:
    """Seconds until a certificate expires; negative when it has."""
    since = row.facts.since(row.one.not_after)
    return None if since is None else -since


def _renewed_in(row: Seen[Certificate]) -> float | None:
    """Seconds until cert-manager renews it; negative when it should have."""
    since = row.facts.since(row.one.renewal)
    return None if since is None else -since


def _renewal(left: float | None) -> str:
    return _GONE if left is None else f"in {left / _DAY:.0f} d" if left > 0 else "OVERDUE"


def expires(left: float | None) -> str:
    """The time left in days."""
    return _GONE if left is None else f"{left / _DAY:.0f} d" if left > 0 else "EXPIRED"


_CERTIFICATES: Final[Table[KubernetesFacts, Seen[Certificate]]] = Table(
    name="certificates",
    title="certificates",
    rows=_seen(lambda facts: facts.certificates),
    key=_key,
    columns=(
        Column("certificate", lambda row: name_of(row.facts, row.one), 30),
        Column("ready", lambda row: "yes" if row.one.ready else "NO", 5),
        Column("left", lambda row: expires(time_left(row)), 8, time_left, True),
        Column("renewal", lambda row: _renewal(_renewed_in(row)), 8, _renewed_in, True, least=70),
        Column("names", lambda row: ", ".join(map(str, row.one.names)), 40, least=100),
        Column("why", lambda row: row.one.why),
    ),
    empty="there is no certificate of cert-manager here",
    tone=lambda row: Tone.PLAIN if row.one.ready and (time_left(row) or 0) > SOON else Tone.WARNING,
    looks=("describe",),
)


TABLES: Final[tuple[Table[Any, Any], ...]] = (
    _WORKLOADS,
    _PODS,
    _NODES,
    _AUTOSCALERS,
    _EVENTS,
    _SERVICES,
    _JOBS,
    _CERTIFICATES,
    _BUDGETS,
)
"""In the order of the screen."""
