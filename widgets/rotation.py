"""Draws how logs are kept: size, growth, what rotates them, and what nobody looks after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from desk.words import count, plural, size, span
from probes.base import Severity
from probes.rotation.facts import Configuration, Journal, Log, Loose, RotationFacts
from widgets.lines import Line, Part, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Panel, Table, View, name_column

_GONE: Final = "–"
_DAY: Final = 86400
_LONG: Final = 3650 * _DAY


def _growth(one: Log) -> str:
    """Bytes a day; about, while it is only what the files suggest."""
    if one.growth is None:
        return _GONE
    return f"{'about ' if one.estimated else ''}{size(one.growth * _DAY)}/d"


def _full(one: Log) -> str:
    if one.full_in is None:
        return _GONE
    return span(int(one.full_in)) if one.full_in < _LONG else "years"


def _rotation(one: Log) -> str:
    """What rotates it, or that nothing does."""
    if one.uncovered is None:
        return "logrotate not known"
    if one.uncovered:
        return f"nothing rotates {plural(one.uncovered, 'file')}"
    if not one.files:
        return "there is no such file"
    by = ", ".join(path.rpartition("/")[2] for path in one.covered_by)
    return f"rotated by {by}" if by else "no file is written to"


def _takes(one: Log) -> str:
    """Bytes of all files; with a plus when not all were read."""
    return f"{size(one.total)}{'+' if one.left_out else ''}" if one.files else _GONE


def _cut(one: Log) -> str:
    return f"{count(len(one.files))} of {count(len(one.files) + one.left_out)} files read" if one.left_out else ""


def _astray(one: Log) -> str:
    if not one.astray:
        return ""
    first = one.astray[0]
    return f"{first.program} {first.pid} writes into a {'removed' if first.deleted else 'rotated'} file"


def _row(view: View[RotationFacts], one: Log, width: int) -> Line:
    severity = view.severity(log=one.name)
    severity = Severity.NOTICE if severity is None and not one.files else severity
    parts: list[Part] = [sign(severity), " ", fit(strong(one.name), name_column(width)), " "]
    parts += [fit(_takes(one), 9, right=True), "  "]
    said = ", ".join(
        word for word in (_astray(one), _cut(one), _growth(one) if one.growth else "", _rotation(one)) if word
    )
    parts.append(toned(fit(said, max(0, width - name_column(width) - 14)).text.rstrip(), severity))
    return line(*parts, key=one.name, severity=severity)


def _about(one: Log) -> Sequence[Line]:
    """All that is known of a log."""
    rotated = one.rotated
    pairs = [
        ("files", f"{one.pattern}: {len(one.live)} written to, {len(rotated)} rotated"),
        ("left out", f"{_cut(one)}, the newest" if one.left_out else "nothing"),
        ("takes", f"{_takes(one)} of {size(one.most) if one.most else 'no limit'}"),
        ("kept for", span(one.keep) if one.keep else "the profile does not say"),
        ("growth", f"{_growth(one)}, disk full in {_full(one)}"),
        ("rotation", _rotation(one)),
        ("period", span(one.period) if one.period else _GONE),
        ("last", f"{one.rotated_at:%Y-%m-%d %H:%M} UTC" if one.rotated_at is not None else _GONE),
    ]
    lines = [line(dim(f"{name:<10}"), words) for name, words in pairs]
    lines += [line(dim("astray    "), f"{who.program} {who.pid}: {who.path}") for who in one.astray[:10]]
    largest = sorted(one.files, key=lambda file: -file.size)[:10]
    return lines + [line(dim("file      "), fit(size(file.size), 10, right=True), "  ", file.name) for file in largest]


def _of_configuration(one: Configuration) -> Sequence[Line]:
    lines = []
    for stanza in one.stanzas:
        period = "by size" if stanza.period is None else f"every {span(stanza.period)}"
        told = [", ".join(stanza.patterns), period, f"keeps {stanza.keeps}"]
        told += ["packed"] if stanza.compresses else []
        told += ["copied and truncated"] if stanza.copies else []
        told += [] if stanza.copies or stanza.tells else ["nothing tells the writer"]
        lines.append(line("; ".join(told)))
    return lines or [line(dim("says nothing about files of its own"))]


_LOGS: Final[Table[RotationFacts, Log]] = Table(
    name="logs",
    title="logs",
    rows=lambda facts: facts.logs,
    key=lambda one: one.name,
    columns=(
        Column("log", lambda one: one.name, 20),
        Column("takes", _takes, 10, lambda one: one.total, True,
               descending=True),
        Column("files", lambda one: count(len(one.files) + one.left_out), 6, lambda one: len(one.files), True, 80),
        Column("growth", _growth, 18, lambda one: one.growth, True, 90),
        Column("disk full in", _full, 12, lambda one: one.full_in, True, 100),
        Column("kept", lambda one: span(one.keep) if one.keep else _GONE, 7, lambda one: one.keep, True, 110),
        Column("rotation", lambda one: _astray(one) or ", ".join(filter(None, (_cut(one), _rotation(one))))),
    ),
    empty="the profile names no log",
    tone=lambda one: Tone.WARNING if one.astray or one.uncovered else Tone.PLAIN,
    detail=_about,
)  # fmt: skip
_CONFIGURATIONS: Final[Table[RotationFacts, Configuration]] = Table(
    name="configurations",
    title="configurations of logrotate",
    rows=lambda facts: facts.configurations,
    key=lambda one: one.path,
    columns=(
        Column("file", lambda one: one.path, 40),
        Column("for", lambda one: ", ".join(word for stanza in one.stanzas for word in stanza.patterns) or _GONE),
    ),
    empty="logrotate is not configured here, or its configuration can't be read",
    detail=_of_configuration,
)


_LOOSE: Final[Table[RotationFacts, Loose]] = Table(
    name="containers",
    title="containers without a limit",
    rows=lambda facts: facts.loose,
    key=lambda one: str(one.container),
    columns=(
        Column("container", lambda one: one.container, 40),
        Column("log", lambda one: size(one.size) if one.size is not None else _GONE, 10, lambda one: one.size, True),
    ),
    empty="every container's log has a limit, or Docker's folder can't be read",
)


_JOURNAL: Final[Table[RotationFacts, Journal]] = Table(
    name="journal",
    title="journal",
    rows=lambda facts: () if facts.journal is None else (facts.journal,),
    key=lambda one: "journal",
    columns=(
        Column("journal", lambda one: "of this machine", 20),
        Column("takes", lambda one: size(one.size), 10, lambda one: one.size, True),
        Column("at most", lambda one: one.limit or "a tenth of its disk, 4 GiB", 28),
        Column("kept for", lambda one: one.keeps or "no end by time"),
    ),
    empty="there is no journal here, or it can't be read",
)


def _journal_line(view: View[RotationFacts], width: int) -> Sequence[Line]:
    journal = view.facts.journal
    if journal is None:
        return ()
    severity = view.severity("journal_bytes")
    limit = f"of {journal.limit} at most" if journal.limit else "of a tenth of its disk, 4 GiB at most"
    keeps = f", for {journal.keeps}" if journal.keeps else ""
    said = fit(f"journal  {size(journal.size)} {limit}{keeps}", max(4, width - 2)).text.rstrip()
    return (line(sign(severity), " ", toned(said, severity), key="journal", severity=severity),)


class RotationPanel(Panel[RotationFacts]):
    """Logs of one machine, and what keeps them small."""

    title = "LOG ROTATION"
    help = (
        "takes: the log and all its rotated files; 2 GiB+: at least, not all were read. growth: what was written\n"
        "while it was watched; about: what the dates of its files suggest. disk full in: by this log alone. kept: by\n"
        "the profile. Rotated files are told by their names: app.log.1, app.log-20260301.gz, error-2026-03-01.log\n"
        "beside a later one. nothing rotates: no configuration of logrotate names the file. writes into a rotated\n"
        "file: its writer was not told; what it writes is lost when the file goes. last: by logrotate's record, else\n"
        "the newest file. Rotating is done on a configuration, Tab. Removing takes only what the profile's keep gives\n"
        "up. Containers: json-file without max-size."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_LOGS, _CONFIGURATIONS, _JOURNAL, _LOOSE)

    def headline(self, view: View[RotationFacts]) -> Sequence[Part]:
        """All bytes, and the log that fills its disk first."""
        facts = view.facts
        cut = "+" if any(one.left_out for one in facts.logs) else ""
        parts: list[Part] = [f"{plural(len(facts.logs), 'log')} {size(sum(one.total for one in facts.logs))}{cut}"]
        soonest = min((one for one in facts.logs if one.full_in is not None), key=lambda one: one.full_in or 0,
                      default=None)  # fmt: skip
        if soonest is not None and (soonest.full_in or 0) < 90 * _DAY:
            parts.append(toned(f"disk full in {_full(soonest)}", view.severity("full_in_seconds")))
        if facts.journal is not None:
            parts.append(f"journal {size(facts.journal.size)}")
        return parts

    def brief(self, view: View[RotationFacts], width: int) -> Sequence[Line]:
        """A line for each log, those in trouble first, then the journal and loose containers."""
        ranked = sorted(view.facts.logs, key=lambda one: (-(view.severity(log=one.name) or 0), -one.total))
        lines = [*(_row(view, one, width) for one in ranked), *_journal_line(view, width)]
        if view.facts.loose:
            said = f"{plural(len(view.facts.loose), 'container')} without a limit for the log"
            lines.append(line(sign(Severity.NOTICE), " ", fit(said, max(4, width - 2)), severity=Severity.NOTICE))
        return lines

    def head(self, view: View[RotationFacts], width: int) -> Sequence[Line]:
        """When logrotate last ran, and the journal."""
        at = view.facts.ran_at
        ran = "its last run is not known"
        if at is not None:
            ran = f"ran {span(max(0, int((view.snapshot.taken_at - at).total_seconds())))} ago"
        known = plural(len(view.facts.configurations), "configuration")
        return (line(fit(f"logrotate {ran}, {known}", width)), *_journal_line(view, width))
