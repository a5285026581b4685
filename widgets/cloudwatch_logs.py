"""Draws log groups: patterns that are found too often and groups that fell silent first, then what each keeps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from desk.words import age, clock, count, plural, size
from probes.aws.cloudwatch_logs.facts import Count, Group, LogsFacts
from probes.base import Severity
from widgets.aws import seat_line
from widgets.draw.marks import Sign, spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Panel, Table, View, name_column

_GONE: Final = "–"
_BRIEF: Final = 6
_BEHIND: Final = 180.0
"""Seconds a count may be behind before that is said."""


def _ago(facts: LogsFacts, at: datetime | None) -> str:
    if at is None or facts.taken_at is None:
        return _GONE
    return age(max(0.0, (facts.taken_at - at).total_seconds()))


def _stored(one: Group) -> str:
    return _GONE if one.stored is None else size(one.stored)


def _kept(one: Group) -> str:
    return "never deleted" if one.retention is None else plural(one.retention, "day")


def _severity(one: Count) -> Severity | None:
    return Severity.WARNING if one.over else None


def _found(one: Count) -> str:
    """Finds within the window; a plus when not everything was looked at."""
    if one.found is None:
        return _GONE
    return f"{count(one.found)}{'' if one.whole else '+'}"


def _covered(facts: LogsFacts, one: Count) -> str:
    """What was looked at, in words, when that is not simply everything up to now."""
    if one.since is None or one.until is None:
        return "not read yet"
    late = facts.taken_at is not None and (facts.taken_at - one.until).total_seconds() > _BEHIND
    if not one.whole or late:
        return f"read up to {clock(one.until)}"
    return ""


def _row(facts: LogsFacts, one: Count, width: int) -> Line:
    """Sign, name, finds in the window, their course, and the limit."""
    name, severity = name_column(width) + 4, _severity(one)
    course = spark(one.minutes, max(0, min(60, width - name - 48)))
    mark = dim(Sign.UNKNOWN.value) if one.found is None else sign(severity)
    parts: list[Part] = [
        mark, " ", fit(strong(one.name), name), " ", toned(fit(_found(one), 8, right=True).text, severity),
        fit(dim(f" in {one.window} min"), 12), Span(course, Tone.CHART), "  ",
    ]  # fmt: skip
    limit = "" if one.limit is None else f"limit {count(one.limit)}"
    said = ", ".join(words for words in (limit, _covered(facts, one)) if words)
    parts.append(fit(dim(said), max(0, width - name - len(course) - 25)))
    return line(*parts, key=one.key, severity=severity)


def _about(one: Group) -> Sequence[Line]:
    """All that is known of a group."""
    silent = {None: "not known", True: "yes", False: "no"}[one.silent] if one.silent_after else "may be"
    pairs: list[tuple[str, Part]] = [
        ("group", one.name),
        ("stores", _GONE if one.stored is None else size(one.stored)),
        ("kept", _kept(one)),
        ("made", f"{one.created:%Y-%m-%d %H:%M} UTC" if one.created else _GONE),
        ("newest event", f"{one.last:%Y-%m-%d %H:%M:%S} UTC, may be an hour late" if one.last else _GONE),
        ("silent", silent + (f", more than {one.silent_after} min are an alert" if one.silent_after else "")),
        ("class", one.type or _GONE),
        ("ARN", one.arn or _GONE),
    ]
    return [line(dim(f"{name:<14}"), words) for name, words in pairs]


def _about_count(one: Count) -> Sequence[Line]:
    covered = f"{clock(one.since)} to {clock(one.until)} UTC" if one.since and one.until else "nothing yet"
    pairs: list[tuple[str, Part]] = [
        ("pattern", one.name),
        ("asked as", one.filter),
        ("kind", one.kind),
        ("found", f"{_found(one)} in {one.window} min, {count(one.total)} in all that was read"),
        ("limit", _GONE if one.limit is None else f"{count(one.limit)} in {one.window} min"),
        ("read", covered + ("" if one.whole else ", not from end to end yet")),
    ]
    lines = [line(dim(f"{name:<14}"), words) for name, words in pairs]
    lines += [line(dim(f"{'in' if first else '':<14}"), group) for first, group in _firsts(one)]
    return [*lines, line(Span(spark(one.minutes, 60), Tone.CHART), dim("  a bar a minute, newest right"))]


def _firsts(one: Count) -> list[tuple[bool, Part]]:
    return [(number == 0, group) for number, group in enumerate(one.groups[:20])]


def _tone(one: Group) -> Tone:
    return Tone.WARNING if one.silent else Tone.PLAIN


_GROUPS: Final[Table[LogsFacts, Group]] = Table(
    name="groups",
    title="groups",
    rows=lambda facts: facts.groups,
    key=lambda one: one.key,
    columns=(
        Column("group", lambda one: one.name, 44),
        Column("stores", _stored, 10, lambda one: one.stored, True, 70, True),
        Column("kept", _kept, 13, lambda one: one.retention),
        Column("newest (UTC)", lambda one: f"{one.last:%m-%d %H:%M}" if one.last else _GONE, 12, lambda o: o.last),
        Column("what else", lambda one: "silent" if one.silent else ""),
    ),
    empty="no log group is here, or none fits the names in the profile",
    tone=_tone,
    detail=_about,
    looks=("follow", "tail", "search"),
)

_COUNTS: Final[Table[LogsFacts, Count]] = Table(
    name="patterns",
    title="patterns",
    rows=lambda facts: facts.counts,
    key=lambda one: one.key,
    label=lambda one: one.name,
    columns=(
        Column("pattern", lambda one: one.name, 22),
        Column("found", _found, 8, lambda one: one.found, right=True, descending=True),
        Column("in", lambda one: f"{one.window} min", 8, lambda one: one.window),
        Column("limit", lambda one: _GONE if one.limit is None else count(one.limit), 8, lambda o: o.limit, True),
        Column("minutes", lambda one: spark(one.minutes, 30), 30, least=100),
        Column("asked as", lambda one: one.filter),
    ),
    empty="no pattern is set: name patterns in the profile",
    tone=lambda one: Tone.WARNING if one.over else Tone.PLAIN,
    detail=_about_count,
    looks=("search", "follow"),
)


class CloudWatchLogsPanel(Panel[LogsFacts]):
    """Log groups of one account and region."""

    title = "LOGS"
    help = (
        "12 in 5 min: how often a pattern was found in its window; 12+ when not everything could be read yet.\n"
        "the bars: finds of each minute, the newest right; a blank is a minute that was not looked at.\n"
        "read up to: more is written than is read, and the count catches up.\n"
        "stores: as the service last counted it. kept: days until what was written is deleted.\n"
        "newest: as the group's streams tell, up to an hour late. silent: really looked for, and nothing there.\n"
        "Secrets in lines are not shown: ***. Times are UTC."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_GROUPS, _COUNTS)

    def headline(self, view: View[LogsFacts]) -> Sequence[Part]:
        """How many groups, what they store, what is wrong."""
        facts = view.facts
        over = sum(one.over is True for one in facts.counts)
        silent = sum(one.silent is True for one in facts.groups)
        parts: list[Part] = [plural(len(facts.groups), "group") + ("+" if facts.cut else "")]
        parts += [size(facts.stored)] if facts.stored is not None else []
        parts += [toned(f"{plural(over, 'pattern')} over its limit", Severity.WARNING)] if over else []
        parts += [toned(f"{count(silent)} silent", Severity.WARNING)] if silent else []
        return parts

    def brief(self, view: View[LogsFacts], width: int) -> Sequence[Line]:
        """Silent groups, then the patterns, those over their limit first; without patterns the largest groups."""
        facts = view.facts
        lines = [_silent(one, width) for one in facts.groups if one.silent][:_BRIEF]
        lines += [_row(facts, one, width) for one in sorted(facts.counts, key=lambda one: one.over is not True)]
        if not facts.counts:
            largest = sorted(facts.groups, key=lambda one: -(one.stored or 0))[:_BRIEF]
            lines += [_group(facts, one, width) for one in largest]
        return lines

    def head(self, view: View[LogsFacts], width: int) -> Sequence[Line]:
        """The patterns, what all groups store, and from where it is looked."""
        facts = view.facts
        lines = [_row(facts, one, width) for one in facts.counts[:6]]
        endless = sum(one.retention is None for one in facts.groups)
        stored = _GONE if facts.stored is None else size(facts.stored)
        many = len(facts.groups)
        words = f"{plural(many, 'group')} {'stores' if many == 1 else 'store'} {stored}; "
        words += f"{count(endless)} of them never {'deletes' if endless == 1 else 'delete'}"
        return [*lines, line(fit(words, width).text.rstrip()), seat_line(facts.seat)]


def _silent(one: Group, width: int) -> Line:
    words = f"silent for more than {one.silent_after} min"
    name = min(44, max(10, width - 36))
    parts: list[Part] = [sign(Severity.WARNING), " ", fit(strong(one.name), name), "  "]
    return line(*parts, fit(toned(words, Severity.WARNING), max(0, width - name - 4)),
                key=one.key, severity=Severity.WARNING)  # fmt: skip


def _group(facts: LogsFacts, one: Group, width: int) -> Line:
    name = min(44, max(10, width - 36))
    words = f"{_stored(one):>9}  {_kept(one):<13}  {_ago(facts, one.last)}"
    return line("  ", fit(one.name, name), "  ", fit(dim(words), max(0, width - name - 4)), key=one.key)
