"""What PagerDuty looks like: incidents that nobody has in hand first, and who is on call now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from desk.words import age, count, plural
from probes.alerting.pagerduty.facts import Incident, OnCall, PagerDutyFacts
from probes.base import Severity
from widgets.lines import TONES, Line, Part, Span, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Panel, Table, View, name_column

_GONE: Final = "–"
_BRIEF: Final = 6
"""Incidents that get a line each on the overview."""


def _severity(one: Incident) -> Severity:
    return Severity.WARNING if one.urgency == "low" else Severity.CRITICAL


def _names(names: Sequence[object], none: str = _GONE) -> str:
    return ", ".join(map(str, names)) or none


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else _GONE


def _age(one: Incident) -> str:
    return _GONE if one.age is None else age(one.age)


def _hand(one: Incident) -> str:
    """Who has it in hand, or whom it waits for."""
    if one.status == "acknowledged":
        return _names(one.acknowledged, "somebody")
    return f"waits for {_names(one.assigned, 'nobody')}"


def _row(one: Incident, width: int) -> Line:
    name = max(8, name_column(width) // 2)
    severity = _severity(one)
    parts: list[Part] = [
        sign(severity), " ", fit(strong(one.name), name), " ",
        toned(fit(one.status, 12).text, severity if one.status == "triggered" else Severity.NOTICE), " ",
        fit(_age(one), 6, right=True),
    ]  # fmt: skip
    spare = width - name - 24
    if spare > 8:
        service = f"{one.service}: " if one.service else ""
        parts += ["  ", fit(f"{service}{one.title}  ({_hand(one)})", spare).text.rstrip()]
    return line(*parts, key=one.id, severity=severity)


def _about(one: Incident) -> Sequence[Line]:
    """All that is known of an incident."""
    pairs: list[tuple[str, Part]] = [
        ("incident", strong(one.name)),
        ("what", one.title),
        ("service", one.service or _GONE),
        ("status", f"{one.status}, since {_moment(one.changed)}"),
        ("urgency", one.urgency or _GONE),
        ("priority", one.priority or "none"),
        ("began", _moment(one.created)),
        ("assigned to", _names(one.assigned, "nobody")),
        ("in hand", _names(one.acknowledged, "nobody has acknowledged it")),
        ("escalates", _moment(one.escalates) if one.escalates else "not by itself"),
        ("policy", one.policy or _GONE),
        ("teams", _names(one.teams)),
        ("alerts", _GONE if one.alerts is None else f"{count(one.alerts)} still fire"),
        ("seen at", one.link or _GONE),
        ("id", one.id),
    ]
    return [line(dim(f"{name:<12}"), words) for name, words in pairs]


INCIDENTS: Final[Table[PagerDutyFacts, Incident]] = Table(
    name="incidents",
    title="incidents",
    rows=lambda facts: facts.incidents,
    key=lambda one: one.id,
    label=lambda one: f"{one.name} {one.title}",
    columns=(
        Column("incident", lambda one: one.name, 9, lambda one: one.number),
        Column("status", lambda one: one.status, 12),
        Column("urgency", lambda one: one.urgency or _GONE, 7),
        Column("prio", lambda one: one.priority or _GONE, 5, least=100),
        Column("age", _age, 6, lambda one: one.age, True, descending=True),
        Column("service", lambda one: one.service or _GONE, 18, least=80),
        Column("in hand", _hand, 22, least=110),
        Column("what", lambda one: one.title),
    ),
    empty="no incident is open",
    tone=lambda one: TONES[_severity(one)] if one.status == "triggered" else Tone.PLAIN,
    detail=_about,
)

ON_CALL: Final[Table[PagerDutyFacts, OnCall]] = Table(
    name="oncall",
    title="on call",
    rows=lambda facts: facts.on_call or (),
    key=lambda one: one.key,
    columns=(
        Column("policy", lambda one: one.policy, 26),
        Column("level", lambda one: str(one.level), 5, lambda one: one.level, True),
        Column("on call now", lambda one: one.user, 24),
        Column("until (UTC)", lambda one: f"{one.until:%m-%d %H:%M}" if one.until else "always", 12,
               lambda one: one.until),
        Column("schedule", lambda one: one.schedule or _GONE),
    ),
    empty="nobody is on call, or it may not be read",
    subject=lambda one: "",
    label=lambda one: one.user,
)  # fmt: skip


class PagerDutyPanel(Panel[PagerDutyFacts]):
    """Draws the open incidents of an account."""

    title = "INCIDENTS"
    help = (
        "open incidents: triggered, which nobody has in hand, and acknowledged. age: by PagerDuty's clock.\n"
        "urgency high is critical here, low a warning; a priority such as P1 may say more.\n"
        "escalates: when it goes to the next level of its policy, if nobody acts.\n"
        "on call: who is told first now (level 1) and who after them, read every minute. A policy of the profile\n"
        "without anybody is an alert. The newest 1,000 incidents are read; whether there are more is said."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (INCIDENTS, ON_CALL)

    def headline(self, view: View[PagerDutyFacts]) -> Sequence[Part]:
        """How many wait, how many are in hand."""
        facts = view.facts
        waiting = sum(one.status == "triggered" for one in facts.incidents)
        held = len(facts.incidents) - waiting
        worst = max((_severity(one) for one in facts.incidents if one.status == "triggered"), default=None)
        parts: list[Part] = [toned(f"{count(waiting)} triggered", worst)] if waiting else []
        parts += [f"{count(held)} acknowledged"] if held else []
        more = [dim("and more")] if facts.cut else []
        return [*(parts or [Span("no open incident", Tone.GOOD)]), *more]

    def brief(self, view: View[PagerDutyFacts], width: int) -> Sequence[Line]:
        """A line for each incident, those that wait first; then who is on call."""
        facts = view.facts
        lines = [_row(one, width) for one in facts.incidents[:_BRIEF]]
        if len(facts.incidents) > _BRIEF:
            left = facts.incidents[_BRIEF:]
            words = f"and {plural(len(left), 'more incident')}"
            lines.append(line(dim(words), severity=max(map(_severity, left))))
        return [*lines, *self._first(facts, width)]

    def _first(self, facts: PagerDutyFacts, width: int) -> list[Line]:
        """Who is told first, by policy, in one line."""
        first: dict[str, list[str]] = {}
        for one in facts.on_call or ():
            if one.level == 1:
                first.setdefault(str(one.policy), []).append(str(one.user))
        said = "; ".join(f"{policy}: {', '.join(dict.fromkeys(users))}" for policy, users in first.items())
        lines = [line(dim(fit(f"on call  {said}", width).text.rstrip()))] if said else []
        if facts.nobody:
            words = f"nobody is on call for {', '.join(facts.nobody)}"
            lines.append(line(toned(fit(words, width).text.rstrip(), Severity.WARNING), severity=Severity.WARNING))
        return lines

    def head(self, view: View[PagerDutyFacts], width: int) -> Sequence[Line]:
        """Which account this is and who is on call."""
        facts = view.facts
        lines = [line(fit(str(facts.where), width).text.rstrip()), *self._first(facts, width)]
        if facts.skew is not None:
            lines.append(line(Span(f"its clock is {facts.skew:+.0f} s from ours: ages are by its own", Tone.WARNING)))
        return lines

    def more(self, view: View[PagerDutyFacts], width: int) -> Sequence[Line]:
        """Where it is read; the brief says the rest."""
        return self.head(view, width)[:1]
