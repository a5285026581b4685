"""What Sentry's issues look like: those that happen most and those that are new first; whose each is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from desk.words import age, amount, count, plural
from probes.alerting.sentry.facts import Issue, SentryFacts
from probes.base import Severity, Unit
from widgets.draw.marks import spark
from widgets.lines import TONES, Line, Part, Span, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Panel, Table, View, name_column

_GONE: Final = "–"
_BRIEF: Final = 6
"""Issues that get a line each on the overview."""
_NEW: Final = timedelta(hours=1)
_LEVELS: Final = {"fatal": Severity.CRITICAL, "error": Severity.WARNING}


def _severity(one: Issue) -> Severity:
    return _LEVELS.get(one.level, Severity.NOTICE)


def _ago(facts: SentryFacts, at: datetime | None) -> str:
    return _GONE if at is None else age(max(0.0, (facts.read_at - at).total_seconds()))


def _rate(one: Issue) -> str:
    return one.pace or _GONE


def _number(value: int | None) -> str:
    return _GONE if value is None else count(value)


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else _GONE


def _worth(facts: SentryFacts) -> list[Issue]:
    """The issues worth a line: new, back, fatal or frequent, the worst first; quiet ones only by number."""

    def fresh(one: Issue) -> bool:
        return one.first_seen is not None and facts.read_at - one.first_seen <= _NEW

    loud = [one for one in facts.issues if one.rate or fresh(one) or one.returned or one.level == "fatal"]
    return sorted(loud, key=lambda one: (-_severity(one), not (one.returned or fresh(one)), -(one.rate or 0.0)))


def _row(facts: SentryFacts, one: Issue, width: int) -> Line:
    name = max(name_column(width), min(len(one.short), 18, width // 3))
    parts: list[Part] = [
        sign(_severity(one)), " ", fit(strong(one.short), name), " ",
        toned(fit(one.state or one.level, 10).text, _severity(one)), " ", fit(_rate(one), 9, right=True),
    ]  # fmt: skip
    spare = width - name - 25
    if spare > 8:
        parts += ["  ", fit(" in ".join(str(part) for part in (one.title, one.where) if part), spare).text.rstrip()]
    return line(*parts, key=one.id, severity=_severity(one))


def _about(one: Issue) -> Sequence[Line]:
    """All that is known of an issue."""
    caught = {True: "not caught by the program", False: "caught", None: _GONE}[one.unhandled]
    pairs: list[tuple[str, Part]] = [
        ("issue", strong(one.short)),
        ("what", one.title),
        ("where", one.where or _GONE),
        ("project", one.project or _GONE),
        ("level", f"{one.level}, {caught}"),
        ("state", one.state or _GONE),
        ("priority", one.priority or _GONE),
        ("events", f"{_number(one.events)}, now {_rate(one)}"),
        ("users", _number(one.users)),
        ("first seen", _moment(one.first_seen)),
        ("last seen", _moment(one.last_seen)),
        ("assigned to", one.assigned or "nobody"),
        ("seen at", one.link or _GONE),
    ]
    lines = [line(dim(f"{name:<12}"), words) for name, words in pairs]
    if one.course:
        lines.append(line(Span(spark([float(number) for number in one.course], 24), Tone.CHART), dim("  last day")))
    return lines


ISSUES: Final[Table[SentryFacts, Issue]] = Table(
    name="issues",
    title="issues",
    rows=lambda facts: facts.issues,
    key=lambda one: one.id,
    label=lambda one: f"{one.short} {one.title}",
    columns=(
        Column("issue", lambda one: one.short, 14),
        Column("level", lambda one: one.level, 7, lambda one: -_severity(one)),
        Column("state", lambda one: one.state or _GONE, 10),
        Column("now", _rate, 9, lambda one: one.rate, True, descending=True),
        Column("last day", lambda one: spark([float(n) for n in one.course], 24), 24, least=130),
        Column("events", lambda one: _number(one.events), 7, lambda one: one.events, True, 80, True),
        Column("users", lambda one: _number(one.users), 6, lambda one: one.users, True, 90, True),
        Column("last (UTC)", lambda one: f"{one.last_seen:%m-%d %H:%M}" if one.last_seen else _GONE, 11,
               lambda one: one.last_seen, least=100, descending=True),
        Column("whose", lambda one: one.assigned or "nobody", 14, least=110),
        Column("what", lambda one: one.title),
    ),
    empty="nothing is unresolved",
    tone=lambda one: TONES[_severity(one)] if one.rate else Tone.PLAIN,
    detail=_about,
)  # fmt: skip


class SentryPanel(Panel[SentryFacts]):
    """Draws the issues of an organisation."""

    title = "ISSUES"
    help = (
        "unresolved issues of the projects in the profile, as Sentry groups them. level: the worst event's own.\n"
        "now: events a minute since the last whole hour began, so of one to two hours; – where Sentry tells no hours.\n"
        "state: new, ongoing, escalating (many more than before), regressed (was resolved and is back).\n"
        "events and users: of the days in the profile (days). last: when it was seen last, UTC, by Sentry's clock.\n"
        "An issue is an alert when its level reaches `level` and it happens now: often (`limit`), new, back or fatal.\n"
        "The 500 that were seen last are read; whether there are more is said."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (ISSUES,)

    def headline(self, view: View[SentryFacts]) -> Sequence[Part]:
        """How many are unresolved, new, back, and how often they happen."""
        facts = view.facts
        many = facts.unresolved
        parts: list[Part] = [f"{count(many)} unresolved" if many is not None else f"more than {len(facts.issues)}"]
        if many == 0:
            parts = [Span("nothing unresolved", Tone.GOOD)]
        for gauge, words in (("new_issues", "new"), ("returned_issues", "back")):
            number = view.snapshot.gauge(gauge)
            parts += [toned(f"{count(number)} {words}", Severity.WARNING)] if number else []
        rate = view.snapshot.gauge("events_per_minute")
        return [*parts, amount(rate, Unit.PER_MINUTE)] if rate is not None else parts

    def brief(self, view: View[SentryFacts], width: int) -> Sequence[Line]:
        """A line for each issue that happens or is new, the worst first."""
        loud = _worth(view.facts)
        lines = [_row(view.facts, one, width) for one in loud[:_BRIEF]]
        if len(loud) > _BRIEF:
            lines.append(line(dim(f"and {plural(len(loud) - _BRIEF, 'more issue')}"), severity=_severity(loud[_BRIEF])))
        return lines

    def head(self, view: View[SentryFacts], width: int) -> Sequence[Line]:
        """Whose issues these are, by level, and the newest of them."""
        facts = view.facts
        levels = [
            (level, view.snapshot.gauge("issues", level=level)) for level in ("fatal", "error", "warning", "other")
        ]
        told = "  ".join(f"{level} {count(number)}" for level, number in levels if number)
        lines = [line(fit(f"{facts.where}, organisation {facts.organization}", width).text.rstrip())]
        lines += [line(told)] if told else []
        newest = max((one for one in facts.issues if one.first_seen), key=lambda one: str(one.first_seen), default=None)
        if newest is not None:
            said = f"newest: {newest.short} {newest.title}, first seen {_ago(facts, newest.first_seen)} ago"
            lines.append(line(dim(fit(said, width).text.rstrip())))
        if facts.skew is not None:
            lines.append(line(Span(f"its clock is {facts.skew:+.0f} s from ours: ages are by its own", Tone.WARNING)))
        return lines
