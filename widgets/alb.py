"""Draws target groups: those whose load balancer has nobody to send callers to come first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from desk.words import count, plural, span
from probes.aws.alb.facts import AlbFacts, Balancer, Group
from probes.aws.alb.health import TargetState
from probes.base import Severity
from widgets.aws import seat_line
from widgets.draw.marks import Sign, spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, sign, strong, toned, width_of
from widgets.panel import Column, Panel, Table, View, name_column

_GONE: Final = "–"
_WIDE: Final = 100
_LINES: Final = 10
"""Groups that get a line each at most."""


def _or_gone(value: float | None, words: Any) -> str:
    return _GONE if value is None else str(words(value))


def _severity(view: View[AlbFacts], group: Group) -> Severity | None:
    """What the rules say; unhealthy targets are never drawn as well."""
    said = view.severity(group=group.name)
    unwell = group.targetless or (group.health is not None and group.health.unhealthy)
    return Severity.NOTICE if said is None and unwell else said


def _mark(group: Group, severity: Severity | None) -> Span:
    if severity is None and group.health is None:
        return dim(Sign.UNKNOWN.value)
    return dim(Sign.NONE.value) if severity is None and not group.balancers else sign(severity)


def _healthy(group: Group) -> str:
    return _GONE if group.health is None else f"{group.healthy}/{group.targets}"


def _extra(group: Group) -> str:
    """What a person should know beside the counts."""
    words = ["no load balancer uses it"] if not group.balancers else []
    if group.targetless:
        words.append("no healthy target (503)" if group.targets else "no target is registered (503)")
    words += [f"{number} × {why}" for why, number in (group.health.reasons if group.health else ())[:2]]
    if group.errors:
        words.append(f"{plural(group.errors, 'answer')} 5xx a minute")
    return ", ".join(words)


def _times(group: Group) -> str:
    return (
        f"{_or_gone(group.average, span):>6} avg {_or_gone(group.p95, span):>6} p95 {_or_gone(group.p99, span):>6} p99"
    )


def _row(view: View[AlbFacts], group: Group, width: int) -> Line:
    severity, name = _severity(view, group), name_column(width)
    parts: list[Part] = [
        _mark(group, severity), " ", fit(strong(group.name), name), " ",
        toned(fit(_healthy(group), 7, right=True).text, severity), dim(" healthy"),
    ]  # fmt: skip
    spare = width - name - 18
    if width >= _WIDE:
        course = spark(view.history("response_seconds", group=group.name), 10)
        parts += ["  ", fit(_times(group), 34), " ", Span(course, Tone.CHART)]
        spare -= 47
    elif width >= 70:
        parts += ["  ", fit(f"{_or_gone(group.average, span)} avg", 11)]
        spare -= 13
    extra = _extra(group)
    if extra and spare > 6:
        parts += ["  ", Span(fit(extra, spare - 2).text.rstrip(), toned("", severity).tone)]
    return line(*parts, key=group.arn, severity=severity)


def _about(facts_group: Group) -> Sequence[Line]:
    """All that is known of a group and its targets."""
    group = facts_group
    pairs = [
        ("group", f"{group.name}  {group.protocol}:{group.port if group.port is not None else _GONE}  {group.type}"),
        ("check", group.check or _GONE),
        ("used by", ", ".join(arn.partition(":loadbalancer/")[2] or arn for arn in group.balancers) or "nobody"),
        ("response", _times(group).strip()),
        ("requests", f"{_or_gone(group.requests, count)} a minute"),
        ("5xx", f"{count(group.errors)} a minute by its targets" if group.errors is not None else "none reported"),
        ("read", f"{span(group.age)} ago"),
    ]
    lines = [line(dim(f"{name:<10}"), words) for name, words in pairs]
    return lines + [_target(one) for one in (group.health.targets if group.health else ())]


def _target(one: TargetState) -> Line:
    port = f":{one.port}" if one.port is not None else ""
    tone = Tone.GOOD if one.state == "healthy" else Tone.CRITICAL if "unhealthy" in one.state else Tone.DIM
    return line(dim("target    "), fit(f"{one.id}{port}", 30), " ", Span(fit(one.state, 12).text, tone), " ", one.why)


def _tone(group: Group) -> Tone:
    if group.targetless:
        return Tone.CRITICAL
    if group.health is not None and group.health.unhealthy:
        return Tone.WARNING
    return Tone.PLAIN if group.balancers else Tone.DIM


_Pair = tuple[Group, TargetState]


def _targets(facts: AlbFacts) -> list[_Pair]:
    pairs = [(group, one) for group in facts.groups for one in (group.health.targets if group.health else ())]
    return sorted(pairs, key=lambda pair: pair[1].state == "healthy")[:5000]


_GROUPS: Final[Table[AlbFacts, Group]] = Table(
    name="groups",
    title="target groups",
    rows=lambda facts: facts.groups,
    key=lambda group: group.arn,
    columns=(
        Column("group", lambda group: group.name, 26),
        Column("healthy", _healthy, 8, lambda group: group.healthy, True),
        Column("average", lambda g: _or_gone(g.average, span), 8, lambda g: g.average, True, 70, True),
        Column("p95", lambda g: _or_gone(g.p95, span), 8, lambda g: g.p95, True, 90, True),
        Column("p99", lambda g: _or_gone(g.p99, span), 8, lambda g: g.p99, True, 100, True),
        Column("req/min", lambda g: _or_gone(g.requests, count), 8, lambda g: g.requests, True, 80, True),
        Column("5xx/min", lambda g: _or_gone(g.errors, count), 8, lambda g: g.errors, True, 80, True),
        Column("check", lambda g: g.check, 34, least=160),
        Column("what else", _extra),
    ),
    empty="there is no target group here",
    tone=_tone,
    detail=_about,
)

_TARGETS: Final[Table[AlbFacts, _Pair]] = Table(
    name="targets",
    title="targets",
    rows=_targets,
    key=lambda pair: f"{pair[0].arn} {pair[1].id} {pair[1].port} {pair[1].zone}",
    columns=(
        Column("target", lambda pair: f"{pair[1].id}{'' if pair[1].port is None else f':{pair[1].port}'}", 28),
        Column("group", lambda pair: pair[0].name, 24),
        Column("state", lambda pair: pair[1].state, 12),
        Column("zone", lambda pair: pair[1].zone or _GONE, 11, least=90),
        Column("why", lambda pair: pair[1].why),
    ),
    empty="no target is registered",
    tone=lambda pair: (
        Tone.PLAIN if pair[1].state == "healthy" else Tone.CRITICAL if "unh" in pair[1].state else Tone.DIM
    ),
)

_BALANCERS: Final[Table[AlbFacts, Balancer]] = Table(
    name="balancers",
    title="load balancers",
    rows=lambda facts: facts.balancers,
    key=lambda one: one.arn,
    columns=(
        Column("load balancer", lambda one: one.name, 24),
        Column("state", lambda one: one.state or _GONE, 15),
        Column("type", lambda one: one.type, 11),
        Column("scheme", lambda one: one.scheme, 15, least=90),
        Column("5xx/min", lambda one: _or_gone(one.errors, count), 8, lambda one: one.errors, True, 0, True),
        Column("zones", lambda one: ", ".join(one.zones) or _GONE, 34, least=140),
        Column("name, or what is wrong", lambda one: one.reason or one.dns),
    ),
    empty="no load balancer uses these groups",
    tone=lambda one: Tone.PLAIN if one.state in ("active", "") else Tone.CRITICAL,
)


class AlbPanel(Panel[AlbFacts]):
    """Target groups and their load balancers."""

    title = "LOAD BALANCERS"
    help = (
        "2/3 healthy: two of three registered targets pass their check and get requests.\n"
        "No healthy target: the balancer itself answers 503; that is no error of the application.\n"
        "avg, p95, p99: TargetResponseTime of the last whole minute, from CloudWatch; – when nothing was reported.\n"
        "5xx by the balancer (HTTPCode_ELB_5XX) and by the targets (HTTPCode_Target_5XX) are kept apart.\n"
        "Metrics are read every five minutes, each minute while this screen is open: they cost by the piece."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_GROUPS, _TARGETS, _BALANCERS)

    def headline(self, view: View[AlbFacts]) -> Sequence[Part]:
        """How many groups, and how many have nobody."""
        facts = view.facts
        parts: list[Part] = [plural(len(facts.groups), "target group")]
        empty = sum(one.targetless for one in facts.groups)
        if empty:
            parts.append(toned(f"{count(empty)} without a healthy target", view.severity() or Severity.NOTICE))
        return parts

    def brief(self, view: View[AlbFacts], width: int) -> Sequence[Line]:
        """A line for each group, those in trouble first."""
        ranked = [(_severity(view, one), one) for one in view.facts.groups]
        ranked.sort(key=lambda pair: -(pair[0] or 0))
        lines = [_row(view, one, width) for _, one in ranked[:_LINES]]
        if len(ranked) > _LINES:
            lines.append(line(dim(f"and {plural(len(ranked) - _LINES, 'more target group')}")))
        lines += [_lost(view, str(name), width) for name in view.facts.absent]
        return lines or [line(dim(fit("there is no target group here", width).text.rstrip()))]

    def head(self, view: View[AlbFacts], width: int) -> Sequence[Line]:
        """The balancers, and from where they are looked at."""
        lines = []
        for one in view.facts.balancers[:4]:
            errors = "" if one.errors is None else f"  {count(one.errors)} × 5xx by itself in a minute"
            words = f"{one.name}  {one.type}  {one.state}  {one.scheme}  {', '.join(one.zones)}{errors}"
            tone = Tone.PLAIN if one.state in ("active", "") else Tone.CRITICAL
            lines.append(line(Span(fit(words, width).text.rstrip(), tone)))
        seat = seat_line(view.facts.seat)
        return [*lines, seat if width_of(seat.spans) <= width else line(fit(seat.text, width).text.rstrip())]


def _lost(view: View[AlbFacts], name: str, width: int) -> Line:
    severity = view.severity(called=name) or Severity.NOTICE
    words = fit(f"{name}: there is no such load balancer or target group", max(1, width - 2)).text.rstrip()
    return line(sign(severity), " ", toned(words, severity), severity=severity)
