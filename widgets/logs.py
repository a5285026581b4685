"""Draws logs of a machine: what is wrong first, then each source with its pace and its errors, patterns and types."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from desk.words import age, amount, clock, count, plural, size
from probes.base import Severity, Unit
from probes.base.log import Level
from probes.logs.facts import File, Found, LogsFacts, Source, Type
from widgets.draw.marks import Sign, spark
from widgets.levels import LEVEL_TONES
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Panel, Table, View, name_column

_GONE: Final = "–"
_BARS: Final = 30
_TYPES_BRIEF: Final = 2


def _age(seconds: float | None) -> str:
    return _GONE if seconds is None else age(seconds)


def _when(at: datetime | None) -> str:
    return _GONE if at is None else f"{at:%m-%d %H:%M:%S}"


def _errors(one: Source) -> str:
    if not one.minutes:
        return _GONE
    return count(one.errors) if one.levelled or not one.lines else _GONE


def _found(one: Found) -> str:
    """Finds within the window; a plus when not all of it was looked at."""
    return _GONE if one.found is None else f"{count(one.found)}{'' if one.whole else '+'}"


def _what_else(one: Source) -> str:
    words = [str(one.trouble)] if one.trouble else []
    words += [f"{plural(one.unreadable, 'file')} not readable"] if one.unreadable else []
    words += [f"{size(one.skipped)} left out" if one.kind == "files" else "lines left out"] if one.skipped else []
    return ", ".join(words)


def _covered(facts: LogsFacts, one: Source) -> str:
    """From when on it was looked at, where that is not the whole time that is drawn."""
    if one.since is None:
        return "" if one.trouble else "nothing read yet"
    late = (facts.taken_at - one.since).total_seconds() < (facts.since - 1) * 60
    return f"since {clock(one.since)}" if late else ""


def _source_row(view: View[LogsFacts], one: Source, width: int) -> Line:
    facts, severity, name = view.facts, view.severity(source=str(one.name)), name_column(width) + 6
    bars = spark(one.minutes, max(0, min(facts.since, _BARS, width - name - 52)))
    said = ", ".join(words for words in (_what_else(one), _covered(facts, one)) if words)
    parts: list[Part] = [
        dim(Sign.UNKNOWN.value) if one.trouble and severity is None else sign(severity),
        " ", fit(strong(one.name), name, tail=True), " ",
        toned(fit(f"{_errors(one)} err", 9, right=True).text, view.severity("errors_per_minute", source=str(one.name))),
        fit(dim(f" in {facts.window} min"), 10), Span(bars, Tone.CHART), "  ",
        fit(f"{_GONE if one.rate is None else amount(one.rate, Unit.PER_SECOND)}", 7, right=True),
        fit(dim(f"  {_age(one.age)} ago"), 12),
    ]  # fmt: skip
    parts.append(fit(dim(said), max(0, width - name - len(bars) - 43)))
    return line(*parts, key=one.key, severity=severity)


def _pattern_row(view: View[LogsFacts], one: Found, width: int) -> Line:
    name = name_column(width) + 6
    severity = Severity.WARNING if one.over else None
    bars = spark(one.minutes, max(0, min(view.facts.since, _BARS, width - name - 52)))
    limit = "" if one.limit is None else f"limit {count(one.limit)}"
    last = f"last {clock(one.last)}" if one.last is not None else ""
    said = ", ".join(words for words in (limit, last) if words)
    parts: list[Part] = [
        dim(Sign.UNKNOWN.value) if one.found is None else sign(severity), " ", fit(strong(one.name), name), " ",
        toned(fit(f"{_found(one)}    ", 9, right=True).text, severity), fit(dim(f" in {one.window} min"), 10),
        Span(bars, Tone.CHART), "  ", fit(dim(said), max(0, width - name - len(bars) - 24)),
    ]  # fmt: skip
    return line(*parts, key=one.key, severity=severity)


def _pairs(pairs: Sequence[tuple[str, Part]]) -> list[Line]:
    return [line(dim(f"{name:<14}"), words) for name, words in pairs]


def _about_source(one: Source) -> Sequence[Line]:
    looked = f"from {_when(one.since)} UTC on" if one.since else "nothing read yet"
    lines = _pairs([
        ("source", one.name),
        ("files", count(one.files) if one.kind == "files" else "the journal"),
        ("size", _GONE if one.size is None else size(one.size)),
        ("newest line", f"{_age(one.age)} ago"),
        ("pace", _GONE if one.rate is None else amount(one.rate, Unit.PER_SECOND)),
        ("in the window", f"{count(one.lines)} lines, {_errors(one)} errors, {count(one.warnings)} warnings,"
                          f" {count(one.lines - one.levelled)} tell no level"),
        ("looked at", looked),
        ("left out", _GONE if not one.skipped else _what_else(one)),
        ("trouble", one.trouble or _GONE),
    ])  # fmt: skip
    return [*lines, line(Span(spark(one.minutes, 60), Tone.CHART), dim("  errors, a bar a minute, newest right"))]


def _about_pattern(one: Found) -> Sequence[Line]:
    lines = _pairs([
        ("pattern", one.name),
        ("expression", one.regex),
        ("found", f"{_found(one)} in {one.window} min" + ("" if one.whole else ", not all of them looked at")),
        ("limit", _GONE if one.limit is None else f"{count(one.limit)} in {one.window} min"),
        ("first, last", f"{_when(one.first)}, {_when(one.last)} UTC"),
    ])  # fmt: skip
    return [*lines, line(Span(spark(one.minutes, 60), Tone.CHART), dim("  a bar a minute, newest right"))]


def _about_type(one: Type) -> Sequence[Line]:
    return _pairs([
        ("type", one.type),
        ("level", one.level.word),
        ("counted", count(one.count)),
        ("first, last", f"{_when(one.first)}, {_when(one.last)} UTC"),
        ("newest", one.sample),
    ])  # fmt: skip


_STATES: Final = {"read": "", "rotated": "renamed or removed, read to its end"}

_SOURCES: Final[Table[LogsFacts, Source]] = Table(
    name="sources",
    title="sources",
    rows=lambda facts: facts.sources,
    key=lambda one: one.key,
    columns=(
        Column("source", lambda one: one.name, 34, tail=True),
        Column("errors", _errors, 8, lambda one: one.errors, right=True, descending=True),
        Column("lines", lambda one: count(one.lines), 9, lambda one: one.lines, True, 70, True),
        Column("pace", lambda one: _GONE if one.rate is None else amount(one.rate, Unit.PER_SECOND), 9,
               lambda one: one.rate, True, 80, True),
        Column("newest", lambda one: _age(one.age), 8, lambda one: one.age, True),
        Column("size", lambda one: _GONE if one.size is None else size(one.size), 9, lambda o: o.size, True, 90, True),
        Column("what else", _what_else),
    ),
    empty="no source is set",
    tone=lambda one: Tone.WARNING if one.trouble or one.unreadable else Tone.PLAIN,
    detail=_about_source,
    looks=("follow", "search"),
)  # fmt: skip

_PATTERNS: Final[Table[LogsFacts, Found]] = Table(
    name="patterns",
    title="patterns",
    rows=lambda facts: facts.patterns,
    key=lambda one: one.key,
    label=lambda one: one.name,
    columns=(
        Column("pattern", lambda one: one.name, 26),
        Column("found", _found, 8, lambda one: one.found, right=True, descending=True),
        Column("limit", lambda one: _GONE if one.limit is None else count(one.limit), 7, lambda o: o.limit, True),
        Column("minutes", lambda one: spark(one.minutes, 15), 15, least=90),
        Column("last (UTC)", lambda one: _when(one.last), 15, lambda one: one.last, descending=True),
        Column("expression", lambda one: one.regex),
    ),
    empty="no pattern is set: name some in the profile",
    tone=lambda one: Tone.WARNING if one.over else Tone.PLAIN,
    detail=_about_pattern,
    looks=("follow", "search"),
)

_TYPES: Final[Table[LogsFacts, Type]] = Table(
    name="types",
    title="types of errors",
    rows=lambda facts: facts.types,
    key=lambda one: one.key,
    columns=(
        Column("count", lambda one: count(one.count), 8, lambda one: one.count, right=True, descending=True),
        Column("level", lambda one: one.level.word, 8, lambda one: one.level, descending=True),
        Column("first (UTC)", lambda one: _when(one.first), 15, lambda one: one.first, least=100),
        Column("last (UTC)", lambda one: _when(one.last), 15, lambda one: one.last, descending=True),
        Column("type", lambda one: one.type),
    ),
    empty="no line of level warning or worse since we look",
    tone=lambda one: LEVEL_TONES.get(one.level, Tone.PLAIN),
    detail=_about_type,
    looks=("follow",),
)

_FILES: Final[Table[LogsFacts, File]] = Table(
    name="files",
    title="files",
    rows=lambda facts: facts.files,
    beyond=lambda facts: facts.more,
    key=lambda one: one.key,
    columns=(
        Column("file", lambda one: one.path, 48, tail=True),
        Column("size", lambda one: _GONE if one.size is None else size(one.size), 9, lambda o: o.size, True),
        Column("written", lambda one: _age(one.age), 9, lambda one: one.age, True),
        Column("what else", lambda one: _STATES.get(one.state, one.state)
               + (f" begun anew {one.anew}x" if one.anew else "")),
    ),
    empty="no file is there",
    tone=lambda one: Tone.WARNING if one.state in ("denied", "unreadable") else Tone.PLAIN,
    detail=None,
    looks=("follow", "search"),
)  # fmt: skip


class LogsPanel(Panel[LogsFacts]):
    """Files and units of one machine."""

    title = "LOGS"
    help = (
        "err: lines of level error or worse in the last minutes, as words, JSON, logfmt, klog or priorities tell; the\n"
        "bars are minutes, the newest right, a blank was not looked at. 12+: lines were left out: at least so many.\n"
        "since: when looking began. types: lines without numbers, ids and quoted texts. Secrets are masked: ***.\n"
        "tail -F FILE, journalctl -fu UNIT: l on its line; it follows new names, rotation and truncation.\n"
        "grep TEXT FILE*, zgrep: v, search; a text, or /expression/, after -C 2 or --since 2h. journalctl -k: kernel.\n"
        "cut | sort | uniq -c: the table of types, or c in a log. Limits of rules are ours; a profile changes them."
    )  # fmt: skip
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_SOURCES, _PATTERNS, _TYPES, _FILES)

    def headline(self, view: View[LogsFacts]) -> Sequence[Part]:
        """How many sources, their errors, what is over its limit or can't be read."""
        facts = view.facts
        over = sum(one.over is True for one in facts.patterns)
        closed = sum(bool(one.trouble or one.unreadable) for one in facts.sources)
        parts: list[Part] = [plural(len(facts.sources), "source")]
        if any(one.minutes for one in facts.sources):
            errors = f"{plural(facts.errors, 'error')} in {facts.window} min"
            parts.append(toned(errors, view.severity("errors_per_minute") or view.severity("error_ratio")))
        parts += [toned(f"{plural(over, 'pattern')} over its limit", Severity.WARNING)] if over else []
        parts += [toned(f"{plural(closed, 'source')} not readable", Severity.WARNING)] if closed else []
        return parts

    def brief(self, view: View[LogsFacts], width: int) -> Sequence[Line]:
        """Patterns over their limit, sources, the other patterns, the most frequent errors."""
        facts = view.facts
        lines = [_pattern_row(view, one, width) for one in facts.patterns if one.over]
        lines += [_source_row(view, one, width) for one in facts.sources]
        lines += [_pattern_row(view, one, width) for one in facts.patterns if not one.over]
        return [*lines, *(_type_row(one, width) for one in facts.types[:_TYPES_BRIEF] if one.level >= Level.ERROR)]

    def head(self, view: View[LogsFacts], width: int) -> Sequence[Line]:
        """The sources and the patterns; what they cover."""
        facts = view.facts
        lines = [_source_row(view, one, width) for one in facts.sources[:5]]
        return [*lines, *(_pattern_row(view, one, width) for one in facts.patterns[:4])]


def _type_row(one: Type, width: int) -> Line:
    name = name_column(width) + 6
    number = f"{count(one.count)}×"
    words = fit(Span(str(one.type), LEVEL_TONES.get(one.level, Tone.PLAIN)), max(0, width - name - 4))
    return line("  ", fit(dim(f"{number} {one.level.word}"), name), "  ", words, key=one.key)
