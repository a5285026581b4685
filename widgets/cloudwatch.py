"""Draws CloudWatch: alarms that have gone off and alarms nobody would hear first, then the chosen metrics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from desk.words import age, amount, count, plural, span
from probes.aws.cloudwatch.facts import Alarm, AlarmState, CloudWatchFacts, Dashboard, Tile
from probes.base import Severity
from widgets.aws import seat_line
from widgets.draw.marks import Sign, spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Panel, Table, View, name_column

_GONE: Final = "–"
_BRIEF: Final = 6
"""Alarms in trouble with a line of their own at most."""
_WIDE: Final = 90
"""Cells from which a line says when an alarm goes off; below, its name needs the room."""
_NO_DATA: Final = "no data: are the dimensions complete?"


def _ago(facts: CloudWatchFacts, at: datetime | None) -> str:
    if at is None or facts.taken_at is None:
        return _GONE
    return age(max(0.0, (facts.taken_at - at).total_seconds()))


def _severity(one: Alarm) -> Severity | None:
    if one.raised:
        return Severity.CRITICAL
    if not one.enabled:
        return Severity.WARNING
    return Severity.NOTICE if one.state is AlarmState.INSUFFICIENT_DATA else None


def _tone(one: Alarm) -> Tone:
    severity = _severity(one)
    if severity is None:
        return Tone.PLAIN
    return {Severity.CRITICAL: Tone.CRITICAL, Severity.WARNING: Tone.WARNING}.get(severity, Tone.NOTICE)


def _actions(one: Alarm) -> str:
    if not one.enabled:
        return "OFF"
    if one.suppressed:
        return "suppressed"
    return f"{len(one.actions)}{' scaling' if one.scales_only else ''}" if one.actions else "none"


def _row(facts: CloudWatchFacts, one: Alarm, width: int) -> Line:
    """Sign, name, state, since when, when it goes off."""
    severity, wide = _severity(one), width >= _WIDE
    name = min(44, width * 2 // 5) if wide else max(8, width - 25)
    off = "" if one.enabled else ", actions off" if wide else ", off"
    state = fit(f"{one.state.word}{off}", 19 if wide else 13).text
    parts: list[Part] = [
        sign(severity), " ", fit(strong(one.name), name), " ", toned(state, severity), " ",
        fit(_ago(facts, one.since), 6, right=True),
    ]  # fmt: skip
    if wide:
        parts += ["  ", fit(dim(one.threshold), width - name - 31)]
    return line(*parts, key=one.key, severity=severity)


def _value(tile: Tile, value: float | None) -> str:
    return _GONE if value is None else amount(value, tile.unit)


def _said(tile: Tile) -> str:
    """What there is to say about a metric without a value of now, or its limits."""
    if not tile.read:
        return "could not be asked for"
    if tile.latest is None:
        at = f"{tile.at:%Y-%m-%d %H:%M} UTC" if tile.at else ""
        return f"no data since {at}" if tile.stale else _NO_DATA
    limits = [_value(tile, limit) for limit in (tile.warn, tile.critical) if limit is not None]
    return f"limit {'below ' if tile.below else ''}{' / '.join(limits)}" if limits else ""


def _tile(tile: Tile, width: int) -> Line:
    name = name_column(width) + 4
    course = spark(tile.course, max(0, min(60, width - name - 40))) if tile.course else ""
    mark = dim(Sign.UNKNOWN.value) if tile.latest is None else sign(tile.level)
    parts: list[Part] = [
        mark, " ", fit(tile.title, name), " ",
        toned(fit(_value(tile, tile.latest), 9, right=True).text, tile.level), " ", Span(course, Tone.CHART), "  ",
    ]  # fmt: skip
    rest = width - name - len(course) - 15
    parts.append(fit(dim(_said(tile)), max(0, rest)))
    return line(*parts, key="", severity=tile.level)


def _about(one: Alarm) -> Sequence[Line]:
    """All that is known of an alarm without asking anew."""
    since = f"{one.since:%Y-%m-%d %H:%M:%S} UTC" if one.since else _GONE
    told = "on" if one.enabled else "OFF: nobody is told, nothing scales"
    pairs: list[tuple[str, Part]] = [
        ("alarm", one.name),
        ("type", one.type),
        ("state", one.state.value),
        ("since", since),
        ("why", one.reason or _GONE),
        ("goes off at", one.threshold or _GONE),
        ("actions", f"{told}, {plural(len(one.actions), 'action')} for ALARM"),
        ("suppressor", one.suppressor or _GONE),
        ("suppressed now", one.suppressed or "no"),
        ("ARN", one.arn or _GONE),
    ]
    return [line(dim(f"{name:<16}"), words) for name, words in pairs]


def _about_tile(tile: Tile) -> Sequence[Line]:
    pairs: list[tuple[str, Part]] = [
        ("metric", tile.what),
        ("dimensions", tile.dimensions or "none"),
        ("now", _value(tile, tile.latest)),
        ("point of", f"{tile.at:%H:%M:%S} UTC" if tile.at else _GONE),
        ("", _said(tile)),
    ]
    lines = [line(dim(f"{name:<16}"), words) for name, words in pairs]
    return [*lines, line(Span(spark(tile.course, 60), Tone.CHART), dim(f"  last {span(tile.span)}"))]


_ALARMS: Final[Table[CloudWatchFacts, Alarm]] = Table(
    name="alarms",
    title="alarms",
    rows=lambda facts: facts.alarms,
    key=lambda one: one.key,
    columns=(
        Column("alarm", lambda one: one.name, 40),
        Column("state", lambda one: one.state.word, 8),
        Column("since (UTC)", lambda one: f"{one.since:%m-%d %H:%M}" if one.since else _GONE, 12, lambda o: o.since),
        Column("actions", _actions, 10),
        Column("type", lambda one: one.type, 9, least=110),
        Column("goes off at", lambda one: one.threshold),
    ),
    empty="no alarm is here, or none fits the names in the profile",
    tone=_tone,
    detail=_about,
    looks=("history", "definition"),
)

_TILES: Final[Table[CloudWatchFacts, Tile]] = Table(
    name="metrics",
    title="metrics",
    rows=lambda facts: facts.tiles,
    key=lambda tile: tile.name,
    columns=(
        Column("metric", lambda tile: tile.title, 28),
        Column("now", lambda tile: _value(tile, tile.latest), 10, lambda tile: tile.latest, right=True),
        Column("last hour", lambda tile: spark(tile.course, 30), 30, least=100),
        Column("of", lambda tile: f"{tile.at:%H:%M}" if tile.at else _GONE, 6),
        Column("what", lambda tile: _said(tile) or tile.what),
    ),
    empty="no metric is chosen: set metrics in the profile",
    tone=lambda tile: {Severity.CRITICAL: Tone.CRITICAL, Severity.WARNING: Tone.WARNING}.get(
        tile.level or Severity.NOTICE, Tone.PLAIN
    ),
    detail=_about_tile,
    subject=lambda tile: "",
)

_DASHBOARDS: Final[Table[CloudWatchFacts, Dashboard]] = Table(
    name="dashboards",
    title="dashboards",
    rows=lambda facts: facts.dashboards,
    key=lambda one: one.url,
    columns=(Column("dashboard", lambda one: one.name, 30), Column("address", lambda one: one.url)),
    empty="no dashboard is named in the profile",
    subject=lambda one: "",
)


class CloudWatchPanel(Panel[CloudWatchFacts]):
    """Alarms and chosen metrics of one account and region."""

    title = "ALARMS"
    help = (
        "ALARM, no data, OK: the states of CloudWatch; no data is INSUFFICIENT_DATA: nothing can be told.\n"
        "goes off at: statistic, limit, and how many of how many periods must be beyond it.\n"
        "actions OFF: whatever it finds, nobody is told. suppressed: a composite alarm kept silent by another one.\n"
        "scaling: it drives scaling and tells nobody; to be in ALARM is its normal life, so it is not counted.\n"
        "metrics: the newest point, and the last hour. No point is no data, never zero: services that do not run\n"
        "report nothing, and a metric asked for without all its dimensions does not exist.\n"
        "$ a day: what looking costs, by list prices."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_ALARMS, _TILES, _DASHBOARDS)

    def headline(self, view: View[CloudWatchFacts]) -> Sequence[Part]:
        """How many have gone off, are silent, know nothing."""
        facts = view.facts
        if not facts.counts:
            return [dim("alarms not known")]
        parts: list[Part] = []
        raised, muted = len(facts.raised), len(facts.muted)
        parts += [toned(f"{count(raised)} in ALARM", Severity.CRITICAL)] if raised else []
        parts += [toned(f"{count(muted)} with actions off", Severity.WARNING)] if muted else []
        lacking = facts.counts.get(AlarmState.INSUFFICIENT_DATA, 0)
        parts += [f"{count(lacking)} no data"] if lacking else []
        return [*parts, f"{count(facts.counts.get(AlarmState.OK, 0))} OK"]

    def brief(self, view: View[CloudWatchFacts], width: int) -> Sequence[Line]:
        """A line for each alarm in trouble, then the metrics, then how many are well."""
        facts = view.facts
        bad = [one for one in facts.alarms if _severity(one) not in (None, Severity.NOTICE)]
        lines = [_row(facts, one, width) for one in bad[:_BRIEF]]
        if len(bad) > _BRIEF:
            lines.append(line(dim(f"and {plural(len(bad) - _BRIEF, 'more alarm')}"), severity=Severity.WARNING))
        lines += [_tile(tile, width) for tile in facts.tiles]
        if facts.counts and not bad:
            lines.append(_well(facts, width))
        return lines

    def head(self, view: View[CloudWatchFacts], width: int) -> Sequence[Line]:
        """How many alarms are in which state, the metrics, and from where it is looked."""
        facts = view.facts
        lines = [_well(facts, width)] if facts.counts else []
        lines += [_tile(tile, width) for tile in facts.tiles[:6]]
        if facts.whole_age >= 1:
            words = f"alarms that are OK are of {span(facts.whole_age)} ago"
            lines.append(line(dim(fit(words, width).text.rstrip())))
        return [*lines, seat_line(facts.seat)]


def _well(facts: CloudWatchFacts, width: int) -> Line:
    counts = facts.counts
    scaling = sum(one.state is AlarmState.ALARM and one.scales_only for one in facts.alarms)
    words = [f"{count(counts.get(AlarmState.OK, 0))} OK"]
    words += [f"{count(counts.get(AlarmState.ALARM, 0) - scaling)} in ALARM"]
    words += [f"{plural(scaling, 'policy', 'policies')} scaling"] if scaling else []
    words += [f"{count(counts.get(AlarmState.INSUFFICIENT_DATA, 0))} no data"]
    return line(fit(", ".join(words), width).text.rstrip())
