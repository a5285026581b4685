"""Alerts and silences, drawn alike for every kind that has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from desk.words import age, count, plural, span
from probes.alerting.facts import Alert, AlertsFacts, Silence
from probes.base import Severity
from widgets.lines import TONES, Line, Part, Span, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Table, View, name_column

GONE: Final = "–"
SEVERITIES: Final = {Severity.CRITICAL: "critical", Severity.WARNING: "warning", Severity.NOTICE: "other"}
_SOON: Final = 900.0
_EACH: Final = 8
"""Alerts that get a line each on the overview."""


def since(seconds: float | None) -> str:
    """How long ago; an en dash when it isn't known."""
    return GONE if seconds is None else age(max(0.0, seconds))


def left(silence: Silence) -> str:
    """How long a silence lasts, or since when it is over."""
    if silence.left is None:
        return GONE
    return f"{span(int(-silence.left))} ago" if silence.left < 0 else span(int(silence.left))


def moment(found: datetime | None) -> str:
    """A time in UTC."""
    return f"{found:%Y-%m-%d %H:%M:%S} UTC" if found else GONE


def word(alert: Alert) -> str:
    """The state of an alert, with who holds it back."""
    if alert.silenced_by:
        return "silenced"
    if alert.inhibited_by:
        return "held back"
    return {"active": "firing", "": "firing"}.get(alert.state, alert.state)


def _tone(alert: Alert) -> Tone:
    if not alert.active:
        return Tone.DIM
    return TONES[alert.severity] if alert.severity is not None else Tone.PLAIN


def _about(alert: Alert) -> Sequence[Line]:
    """All that is known of an alert."""
    pairs: list[tuple[str, Part]] = [
        ("alert", strong(alert.name)),
        ("severity", f"{alert.word or 'none given'}"),
        ("state", f"{word(alert)}, since {moment(alert.since)}"),
        ("told to", ", ".join(map(str, alert.receivers)) or GONE),
        ("silenced by", ", ".join(alert.silenced_by) or "nothing"),
        ("held back by", ", ".join(alert.inhibited_by) or "nothing"),
        ("rule", alert.source or GONE),
        ("fingerprint", alert.fingerprint or GONE),
    ]
    lines = [line(dim(f"{name:<13}"), words) for name, words in pairs]
    lines += [line(dim("annotation   "), strong(name), " ", text) for name, text in alert.annotations]
    return lines + [line(dim("label        "), strong(name), "=", text) for name, text in alert.labels]


def _about_silence(one: Silence) -> Sequence[Line]:
    """All that is known of a silence."""
    pairs: list[tuple[str, Part]] = [
        ("silence", one.id),
        ("state", one.state or GONE),
        ("from", moment(one.starts)),
        ("until", moment(one.ends)),
        ("by", one.author or GONE),
        ("comment", one.comment or GONE),
        ("holds back", plural(one.silences, "alert")),
    ]
    lines = [line(dim(f"{name:<11}"), words) for name, words in pairs]
    return lines + [line(dim("matches    "), text) for text in one.matchers]


ALERTS: Final[Table[AlertsFacts, Alert]] = Table(
    name="alerts",
    title="alerts",
    rows=lambda facts: facts.alerts,
    key=lambda alert: alert.key,
    label=lambda alert: f"{alert.name} {alert.where}".strip(),
    columns=(
        Column("alert", lambda alert: alert.name, 28),
        Column("severity", lambda alert: alert.word or GONE, 9, lambda alert: -(alert.severity or 0)),
        Column("state", word, 9),
        Column("since", lambda alert: since(alert.age), 6, lambda alert: alert.age, True),
        Column("where", lambda alert: alert.where or GONE, 30, least=90),
        Column("summary", lambda alert: alert.summary or GONE),
    ),
    empty="no alert is held",
    tone=_tone,
    detail=_about,
)

SILENCES: Final[Table[AlertsFacts, Silence]] = Table(
    name="silences",
    title="silences",
    rows=lambda facts: facts.silences,
    key=lambda silence: silence.id,
    label=lambda one: ", ".join(map(str, one.matchers)) or one.id,
    columns=(
        Column("matches", lambda one: ", ".join(map(str, one.matchers)) or GONE, 40),
        Column("state", lambda one: one.state or GONE, 8),
        Column("ends in", left, 10, lambda one: one.left, True),
        Column("alerts", lambda one: count(one.silences), 6, lambda one: one.silences, True, 70, True),
        Column("by", lambda one: one.author or GONE, 14, least=80),
        Column("comment", lambda one: one.comment or GONE),
    ),
    empty="nothing is silenced",
    tone=lambda one: Tone.DIM if one.state == "expired" else Tone.WARNING if _ending(one) else Tone.PLAIN,
    detail=_about_silence,
)


def _ending(one: Silence) -> bool:
    return one.state == "active" and one.left is not None and one.left <= _SOON


def counted(view: View[Any]) -> list[Part]:
    """How many fire by severity, how many are silent."""
    parts: list[Part] = []
    for severity, name in SEVERITIES.items():
        number = view.snapshot.gauge("alerts", severity=name)
        if number:
            parts.append(toned(f"{count(number)} {name}", severity))
    quiet = view.snapshot.gauge("alerts_suppressed") or 0
    silences = view.snapshot.gauge("silences_active")
    parts = parts or [Span("nothing fires", Tone.GOOD)]
    if quiet:
        parts.append(f"{count(quiet)} silent")
    if silences:
        parts.append(plural(silences, "silence"))
    return parts


def rows(view: View[Any], width: int) -> list[Line]:
    """A line for each alert that fires, the worst first; then the silences that are about to end."""
    facts: AlertsFacts = view.facts
    firing = [one for one in facts.alerts if one.active and one.severity is not None]
    lines = [_row(one, width) for one in firing[:_EACH]]
    if len(firing) > _EACH:
        lines.append(
            line(dim(f"and {plural(len(firing) - _EACH, 'more alert')} that fire"), severity=firing[_EACH].severity)
        )
    for one in [one for one in facts.silences if _ending(one)][:3]:
        matched = ", ".join(map(str, one.matchers))
        said = f"silence of {matched} ends in {left(one)}, {plural(one.silences, 'alert')} then told again"
        lines.append(line("▪ ", fit(said, max(8, width - 2)).text.rstrip(), key=one.id, severity=Severity.NOTICE))
    return lines


def _row(alert: Alert, width: int) -> Line:
    name = max(name_column(width), min(len(alert.name), 28, width // 3))
    parts: list[Part] = [
        sign(alert.severity), " ", fit(strong(alert.name), name), " ",
        toned(fit(alert.word or GONE, 9).text, alert.severity), " ", fit(since(alert.age), 6, right=True),
    ]  # fmt: skip
    spare = width - 20 - name
    said = " ".join(part for part in (str(alert.summary), alert.where) if part)
    if spare > 8 and said:
        parts += ["  ", fit(said, spare - 2).text.rstrip()]
    return line(*parts, key=alert.key, severity=alert.severity)


def clock_line(facts: AlertsFacts) -> list[Line]:
    """A word about clocks that differ."""
    if facts.skew is None:
        return []
    return [line(Span(f"its clock is {facts.skew:+.0f} s from ours: ages and ends are by its own", Tone.WARNING))]
