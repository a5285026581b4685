"""Draws the services of an ECS cluster: what does not run, does not deploy or has no healthy target comes first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from desk.words import clock, count, plural, ratio, span
from probes.aws.ecs.facts import Deployment, EcsFacts, Event, Service, Task
from probes.base import Severity
from widgets.aws import seat_line
from widgets.draw.marks import Sign, spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, side_by_side, sign, strong, toned, width_of
from widgets.panel import Column, Panel, Table, View, name_column

_GONE: Final = "–"
_EACH: Final = 4
"""So many services that are well get a line each; more share lines."""
_LINES: Final = 12
"""Services in trouble that get a line each at most."""
_WIDE: Final = 100
"""Cells from which a line shows what a service uses."""
_WIDEST: Final = 160
_NARROW: Final = 58
_WORD: Final = 11
_REVISION: Final = 14
_OLD: Final = 60.0
"""Seconds from which a service's own age is shown."""


def _or_gone(value: float | None, words: Any) -> str:
    return _GONE if value is None else str(words(value))


def _severity(view: View[EcsFacts], service: Service) -> Severity | None:
    """What the rules say; something that is not as it should be is never drawn as well."""
    said = view.severity(service=service.name)
    return Severity.NOTICE if said is None and _unwell(service) else said


def _unwell(service: Service) -> bool:
    return bool(service.short or service.failed or service.looping or service.targetless) or service.status != "ACTIVE"


def _word(service: Service) -> str:
    """How it is, in a word."""
    if service.status != "ACTIVE":
        return service.status.lower() or "unknown"
    if service.failed is not None:
        return "failed"
    if service.looping:
        return "dying"
    if service.desired and not service.running:
        return "down"
    if service.deploying is not None:
        return "deploying"
    if service.targetless:
        return "no target"
    if service.short:
        return "short"
    return "running" if service.desired else "at zero"


def _extra(service: Service) -> str:
    """What a person should know beside it, the most telling first."""
    words = [str(service.last_stop)] if service.looping or service.short else []
    failed, deploying = service.failed, service.deploying
    if failed is not None:
        words.insert(0, f"deployment of {failed.revision} failed{': ' + str(failed.reason) if failed.reason else ''}")
    elif deploying is not None:
        words.append(f"{deploying.running} of {deploying.desired} new tasks run")
    if service.targetless:
        words.append("no healthy target (503)")
    if service.exits:
        words.append(f"{plural(service.exits, 'task')} ended by itself in 10 min")
    if service.ooms:
        words.append("likely out of memory")
    if service.bounds is not None and service.bounds.beyond(service.desired):
        words.append(f"outside auto-scaling's {service.bounds.words}")
    if service.age > _OLD:
        words.append(f"read {span(service.age)} ago")
    return ", ".join(word for word in words if word)


def _run(service: Service) -> str:
    return f"{service.running}/{service.desired}"


def _targets(service: Service) -> str:
    if not service.health:
        return _GONE
    return f"{service.healthy}/{sum(len(one.targets) for one in service.health)}"


def _use(service: Service) -> str:
    return f"{_or_gone(service.cpu, ratio):>5} cpu  {_or_gone(service.memory, ratio):>5} mem"


def _mark(service: Service, severity: Severity | None) -> Span:
    if severity is None and not service.desired:
        return dim(Sign.NONE.value)
    return dim(Sign.UNKNOWN.value) if severity is None and service.deploying is not None else sign(severity)


def _row(view: View[EcsFacts], service: Service, width: int) -> Line:
    severity, name = _severity(view, service), name_column(width)
    parts: list[Part] = [
        _mark(service, severity), " ", fit(strong(service.name), name), " ",
        toned(fit(_word(service), _WORD).text, severity), " ", fit(_run(service), 7, right=True),
    ]  # fmt: skip
    spare = width - name - 24
    if width >= _NARROW:
        parts += ["  ", fit(service.revision or _GONE, _REVISION)]
        spare -= _REVISION + 2
    if width >= _WIDE:
        parts += ["  ", Span(fit(_use(service), 20).text, Tone.DIM)]
        spare -= 22
    if width >= _WIDEST:
        parts += [" ", Span(spark(view.history("running", service=service.name), 10), Tone.CHART)]
        spare -= 12
    extra = _extra(service)
    if extra and spare > 6:
        parts += ["  ", Span(fit(extra, spare).text.rstrip(), toned("", severity).tone)]
    return line(*parts, key=service.name, severity=severity)


def _together(services: Sequence[Service], width: int) -> list[Line]:
    """Services that are well, side by side."""

    def mark(service: Service) -> Span:
        if service.desired:
            return Span(f"{Sign.FINE.value} {service.name} {_run(service)}", Tone.GOOD)
        return dim(f"{Sign.NONE.value} {service.name} at zero")

    return side_by_side(map(mark, services), width, lambda left: f"and {plural(left, 'more service')} as wanted")


def _tone(service: Service) -> Tone:
    if service.failed or service.looping or service.targetless or (service.desired and not service.running):
        return Tone.CRITICAL
    if service.short or service.status != "ACTIVE":
        return Tone.WARNING
    return Tone.PLAIN if service.desired else Tone.DIM


def _when(moment: datetime | None) -> str:
    return _GONE if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _about(service: Service) -> Sequence[Line]:
    """All that is known of a service."""
    percents = f"{_or_gone(service.least_percent, count)} % to {_or_gone(service.most_percent, count)} %"
    breaker = (
        "on, rolls back" if service.rolls_back else "on" if service.breaker else "off: a failed one goes on trying"
    )
    bounds = service.bounds
    pairs = [
        ("service", f"{service.name}  {service.status}  {service.launch}  {service.strategy}"),
        ("tasks", f"{service.running} of {service.desired} running, {service.pending} on their way"),
        ("revision", f"{service.revision}  {', '.join(map(str, service.images)) or _GONE}"),
        ("meanwhile", f"{percents} of the tasks run during a deployment"),
        ("breaker", breaker),
        ("deployed by", service.controller),
        ("exec", "enabled" if service.exec else "not enabled"),
        ("made", _when(service.created)),
        ("cpu, memory", f"{_or_gone(service.cpu, ratio)}, {_or_gone(service.memory, ratio)} of what is reserved"),
    ]
    if bounds is not None:
        held = f", suspended: {', '.join(bounds.suspended)}" if bounds.suspended else ""
        pairs.append(("auto-scaling", f"{bounds.words}{held}  {'; '.join(map(str, bounds.policies))}"))
    if service.last_stop:
        pairs.append(("last stop", str(service.last_stop)))
    lines = [line(dim(f"{name:<13}"), words) for name, words in pairs]
    lines += [_deployment(one) for one in service.deployments]
    for group in service.health or ():
        lines.append(line(dim("targets      "), f"{group.name}: {group.healthy} of {len(group.targets)} healthy"))
        lines += [line(dim("             "), f"{number} × {why}") for why, number in group.reasons]
    lines += [_event(one) for one in service.events]
    return lines


def _deployment(one: Deployment) -> Line:
    reason = f"  {one.reason}" if one.reason else ""
    tasks = f"{one.running} of {one.desired}, {one.pending} on their way, {one.failed} failed"
    words = f"{one.status} {one.revision} {one.rollout or _GONE}  {tasks}  since {_when(one.created)}{reason}"
    tone = Tone.CRITICAL if one.rollout == "FAILED" else Tone.PLAIN
    return line(dim("deployment   "), Span(words, tone))


def _event(one: Event) -> Line:
    again = f" ({one.times} times)" if one.times > 1 else ""
    words = f"{clock(one.at)} {one.said}{again}"
    return line(dim("event        "), dim(words) if one.steady else words)


def _events(facts: EcsFacts) -> list[tuple[Service, Event]]:
    found = [(service, one) for service in facts.services[:200] for one in service.events]
    return sorted(found, key=lambda pair: pair[1].at, reverse=True)[:300]


def _since(task: Task) -> str:
    return clock(moment) if (moment := task.stopped or task.started or task.created) else _GONE


def _task_tone(task: Task) -> Tone:
    if task.over:
        return Tone.CRITICAL if task.by_itself else Tone.DIM
    return Tone.WARNING if task.health == "UNHEALTHY" else Tone.PLAIN


_SERVICES: Final[Table[EcsFacts, Service]] = Table(
    name="services",
    title="services",
    rows=lambda facts: facts.services,
    key=lambda service: service.name,
    columns=(
        Column("service", lambda service: service.name, 24),
        Column("state", _word, 11),
        Column("run", _run, 7, lambda service: -service.short, True),
        Column("coming", lambda service: count(service.pending), 6, lambda service: service.pending, True, 80, True),
        Column("revision", lambda service: service.revision or _GONE, 18),
        Column("targets", _targets, 7, lambda service: service.healthy, True, 90),
        Column("bounds", lambda s: s.bounds.words if s.bounds else _GONE, 8, least=110),
        Column("cpu", lambda s: _or_gone(s.cpu, ratio), 6, lambda s: s.cpu, True, 120, True),
        Column("memory", lambda s: _or_gone(s.memory, ratio), 6, lambda s: s.memory, True, 120, True),
        Column("image", lambda s: ", ".join(map(str, s.images)) or _GONE, 30, least=160),
        Column("what else", lambda service: _extra(service)),
    ),
    empty="the cluster has no service here",
    tone=_tone,
    detail=_about,
    looks=("logs", "events"),
)

_TASKS: Final[Table[EcsFacts, Task]] = Table(
    name="tasks",
    title="tasks",
    rows=lambda facts: facts.tasks,
    key=lambda task: task.arn,
    label=lambda task: f"{task.service or 'task'} {task.id}",
    columns=(
        Column("task", lambda task: task.id[:13], 13),
        Column("service", lambda task: task.service or _GONE, 20),
        Column("state", lambda task: task.status.lower(), 12),
        Column("utc", _since, 8, lambda task: task.stopped or task.started or task.created, descending=True),
        Column("health", lambda task: task.health.lower() or _GONE, 9, least=100),
        Column("revision", lambda task: task.revision, 16, least=80),
        Column("zone", lambda task: task.zone or _GONE, 11, least=120),
        Column("address", lambda task: task.ip or _GONE, 15, least=140),
        Column("why it stopped", lambda task: (f"{task.stop_code} " if task.stop_code else "") + str(task.why)),
    ),
    empty="no task was read yet, or there is none",
    tone=_task_tone,
    looks=("task", "logs"),
)

_EVENTS: Final[Table[EcsFacts, tuple[Service, Event]]] = Table(
    name="events",
    title="events",
    rows=_events,
    key=lambda pair: f"{pair[0].name} {pair[1].id} {pair[1].at.isoformat()} {pair[1].said}",
    columns=(
        Column("utc", lambda pair: clock(pair[1].at), 8, lambda pair: pair[1].at, descending=True),
        Column("service", lambda pair: pair[0].name, 24),
        Column("times", lambda pair: count(pair[1].times), 5, lambda pair: pair[1].times, True, 90, True),
        Column("what it says", lambda pair: pair[1].said),
    ),
    empty="no service has said anything",
    tone=lambda pair: Tone.DIM if pair[1].steady else Tone.PLAIN,
    subject=lambda pair: pair[0].name,
    looks=("events", "logs"),
)


class EcsPanel(Panel[EcsFacts]):
    """The services of one cluster."""

    title = "SERVICES"
    help = (
        "2/3: two of the three tasks run that the service should have. From ecs:DescribeServices.\n"
        "deploying: a newer deployment is on its way; failed: ECS or its circuit breaker gave one up.\n"
        "dying: three tasks or more ended by themselves in ten minutes; why is in the table of tasks.\n"
        "targets: healthy ones of those registered with its load balancer; none means that callers get 503.\n"
        "cpu, memory: of what the tasks reserved, from CloudWatch, minutes old; – while no task runs.\n"
        "bounds: what auto-scaling keeps the count within. Stopped tasks are known for about an hour.\n"
        "Of a large cluster those in trouble are read at each look, the others in turn."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_SERVICES, _TASKS, _EVENTS)

    def headline(self, view: View[EcsFacts]) -> Sequence[Part]:
        """How many services are as wanted."""
        facts = view.facts
        unwell = sum(_unwell(one) for one in facts.services)
        parts: list[Part] = [plural(facts.known, "service")]
        if unwell:
            parts.append(toned(f"{count(unwell)} not as wanted", view.severity() or Severity.NOTICE))
        deploying = sum(one.deploying is not None for one in facts.services)
        return [*parts, f"{count(deploying)} deploying"] if deploying else parts

    def brief(self, view: View[EcsFacts], width: int) -> Sequence[Line]:
        """A line for each service in trouble or deploying, the others together."""
        ranked = [(_severity(view, one), one) for one in view.facts.services]
        bad = sorted((pair for pair in ranked if pair[0] is not None), key=lambda pair: -(pair[0] or 0))
        moving = [one for severity, one in ranked if severity is None and one.deploying is not None]
        well = [one for severity, one in ranked if severity is None and one.deploying is None]
        each = well if len(well) <= _EACH else []
        lines = [_row(view, one, width) for one in (*(one for _, one in bad[:_LINES]), *moving[:_LINES], *each)]
        if len(bad) > _LINES:
            lines.append(line(dim(f"and {plural(len(bad) - _LINES, 'more service')} not as wanted")))
        lines += [] if each else _together(well, width)
        lines += [_lost(view, str(name), width) for name in view.facts.absent]
        if not lines:
            lines.append(
                line(dim(fit(f"the cluster {view.facts.cluster.name} has no service here", width).text.rstrip()))
            )
        return lines

    def head(self, view: View[EcsFacts], width: int) -> Sequence[Line]:
        """The cluster itself, and from where it is looked at."""
        one = view.facts.cluster
        words = [f"cluster {one.name}", one.status or _GONE]
        words += [f"{plural(one.instances, 'instance')}"] if one.instances else []
        words += (
            [f"{plural(one.running, 'task')} running, {_or_gone(one.pending, count)} on their way"]
            if one.running is not None
            else []
        )
        lines = [line(fit("  ".join(words), width).text.rstrip())]
        if view.facts.tasks_age is not None and view.facts.tasks_age > _OLD:
            lines.append(line(dim(f"running tasks were read {span(view.facts.tasks_age)} ago")))
        return [*lines, _cut(seat_line(view.facts.seat), width)]


def _lost(view: View[EcsFacts], name: str, width: int) -> Line:
    severity = view.severity(service=name) or Severity.NOTICE
    words = fit("the cluster has no such service", max(1, width - name_column(width) - 3)).text.rstrip()
    return line(
        sign(severity), " ", fit(strong(name), name_column(width)), " ", toned(words, severity), severity=severity
    )


def _cut(whole: Line, width: int) -> Line:
    """A line within the room there is."""
    return whole if width_of(whole.spans) <= width else line(fit(whole.text, width).text.rstrip())
