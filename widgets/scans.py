"""Draws scans: one line for each thing that is scanned, and every finding that is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from desk.words import count, plural, span
from probes.base import Severity
from probes.scans.facts import Finding, Level, Scan, ScansFacts, Standing
from widgets.lines import Line, Part, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Panel, Table, View, name_column

_GONE: Final = "–"
_TONES: Final = {Level.CRITICAL: Tone.CRITICAL, Level.HIGH: Tone.WARNING}


def _counts(one: Scan) -> str:
    """The counts, the worst first, without those that are none."""
    if one.at is None:
        return ""
    told = [f"{count(one.counts[level])} {level.name.lower()}" for level in sorted(one.counts, reverse=True)
            if one.counts[level]]  # fmt: skip
    return ", ".join(told) or "none known"


def _state(one: Scan) -> str:
    """What is to be said beside the counts."""
    if one.standing is Standing.RUNNING:
        return "scanning now"
    if one.cause is not None:
        return f"{one.words}; {one.hint}" if one.hint else str(one.words)
    if one.standing is Standing.WAITING:
        return "not scanned yet"
    told = [f"{count(one.fixable)} fixable"] if one.fixable else []
    told += [f"{count(len(one.appeared))} new"] if one.appeared else []
    told += [f"{plural(one.skipped, 'package')} not judged"] if one.skipped else []
    told += [str(one.note)] if one.note else []
    return ", ".join(told)


def _rank(one: Scan) -> tuple[int, ...]:
    """The worst first; for sorting."""
    return tuple(-one.counts.get(level, 0) for level in sorted(Level, reverse=True))


def _age(view: View[ScansFacts], one: Scan) -> str:
    return _GONE if one.at is None else f"{span(max(0, int((view.snapshot.taken_at - one.at).total_seconds())))} ago"


def _row(view: View[ScansFacts], one: Scan, width: int) -> Line:
    severity = view.severity(scan=one.key)
    if severity is None and one.cause is not None:
        severity = Severity.NOTICE
    mark = dim("?") if one.at is None and severity is None else sign(severity)
    name = name_column(width)
    counts = _counts(one)
    parts: list[Part] = [mark, " ", fit(strong(one.subject), name, tail=True), " ", fit(dim(one.tool), 9), " "]
    said = "  ".join(word for word in (counts, _state(one), _age(view, one) if one.at is not None else "") if word)
    parts.append(toned(fit(said, max(0, width - name - 13)).text.rstrip(), severity))
    return line(*parts, key=one.key, severity=severity)


def _about(one: Scan) -> Sequence[Line]:
    """All that is known of a scan."""
    pairs = [
        ("found", _counts(one) or _GONE),
        ("fixable", count(one.fixable) if one.at is not None else _GONE),
        ("not judged", count(one.skipped) if one.at is not None else _GONE),
        ("done", f"{one.at:%Y-%m-%d %H:%M} UTC" if one.at is not None else _GONE),
        ("took", _GONE if one.took is None else span(one.took)),
        ("its list", f"of {one.database:%Y-%m-%d %H:%M} UTC" if one.database is not None else _GONE),
        ("last try", _state(one) if one.at is None or one.cause is not None else "went through"),
        ("note", one.note or _GONE),
    ]
    lines = [line(dim(f"{name:<11}"), words) for name, words in pairs]
    for title, names in (("new", one.appeared), ("gone", one.disappeared)):
        lines += [line(dim(f"{title:<11}"), name) for name in (names or ())[:20]]
    return lines


@dataclass(frozen=True, slots=True)
class _Row:
    scan: Scan
    finding: Finding
    number: int


def _findings(facts: ScansFacts) -> Sequence[_Row]:
    rows = [_Row(scan, one, number) for scan in facts.scans for number, one in enumerate(scan.findings)]
    return sorted(rows, key=lambda row: -row.finding.level)[:2000]


def _fix(one: Finding) -> str:
    return str(one.fixed) or ("a fix exists" if one.fixable else "none known")


_SCANS: Final[Table[ScansFacts, Scan]] = Table(
    name="scans",
    title="scans",
    rows=lambda facts: sorted(facts.scans, key=_rank),
    key=lambda one: one.key,
    columns=(
        Column("what", lambda one: one.subject, 34, tail=True),
        Column("by", lambda one: one.tool, 10),
        Column("critical", lambda one: _number(one, Level.CRITICAL), 8, lambda one: one.counts.get(Level.CRITICAL),
               True, descending=True),
        Column("high", lambda one: _number(one, Level.HIGH), 6, lambda one: one.counts.get(Level.HIGH), True),
        Column("medium", lambda one: _number(one, Level.MEDIUM), 6, right=True, least=90),
        Column("low", lambda one: _number(one, Level.LOW), 6, right=True, least=90),
        Column("unrated", lambda one: _number(one, Level.UNRATED), 7, right=True, least=80),
        Column("fixable", lambda one: count(one.fixable) if one.at is not None else _GONE, 7, right=True, least=100),
        Column("done", lambda one: f"{one.at:%m-%d %H:%M}" if one.at is not None else _GONE, 11, least=110),
        Column("what else", _state),
    ),
    empty="nothing is scanned",
    tone=lambda one: Tone.WARNING if one.counts.get(Level.CRITICAL) else Tone.DIM if one.at is None else Tone.PLAIN,
    detail=_about,
    looks=("findings",),
)  # fmt: skip


def _number(one: Scan, level: Level) -> str:
    return _GONE if one.at is None else count(one.counts.get(level, 0))


_FINDINGS: Final[Table[ScansFacts, _Row]] = Table(
    name="findings",
    title="vulnerabilities",
    rows=_findings,
    key=lambda row: f"{row.scan.key} {row.number}",
    columns=(
        Column("severity", lambda row: row.finding.level.name.lower(), 9, lambda row: row.finding.level,
               descending=True),
        Column("id", lambda row: row.finding.id, 20),
        Column("package", lambda row: row.finding.package, 22),
        Column("installed", lambda row: row.finding.installed or _GONE, 16, least=90),
        Column("fixed in", lambda row: _fix(row.finding), 18),
        Column("where", lambda row: row.scan.subject, 24, least=120),
        Column("title", lambda row: row.finding.title),
    ),
    empty="no vulnerability is known",
    tone=lambda row: _TONES.get(row.finding.level, Tone.PLAIN),
    subject=lambda row: row.scan.key,
    looks=("findings",),
)  # fmt: skip


class ScansPanel(Panel[ScansFacts]):
    """Known vulnerabilities of images and dependencies."""

    title = "SCANS"
    help = (
        "Counts are of the last scan that worked; its age stands beside them. Scans run seldom, one after the other,\n"
        "after everything else on the machine: trivy, npm audit, pnpm audit, pip-audit, each where it is installed.\n"
        "fixable: a version without it is known. unrated: pip-audit gives no severity. not judged: packages that the\n"
        "tool did not know, which says nothing about them. new: the scan before had it not, in this session.\n"
        "report: a file that somebody else's scan wrote. Nothing is repaired from here: dependencies are changed in a\n"
        "checkout, where the lock file is reviewed, and never on the running host."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_SCANS, _FINDINGS)

    def headline(self, view: View[ScansFacts]) -> Sequence[Part]:
        """Critical and high ones of all scans."""
        done = [one for one in view.facts.scans if one.at is not None]
        if not done:
            return ("not scanned yet",)
        parts: list[Part] = [f"{len(done)} of {plural(len(view.facts.scans), 'scan')}"]
        for level in (Level.CRITICAL, Level.HIGH):
            number = sum(one.counts.get(level, 0) for one in done)
            parts.append(toned(f"{count(number)} {level.name.lower()}", view.severity(level.name.lower())))
        return parts

    def brief(self, view: View[ScansFacts], width: int) -> Sequence[Line]:
        """A line for each scan, the worst first."""
        return [_row(view, one, width) for one in sorted(view.facts.scans, key=_rank)[:20]]

    def head(self, view: View[ScansFacts], width: int) -> Sequence[Line]:
        """What runs, or when the next begins."""
        running = next((one for one in view.facts.scans if one.standing is Standing.RUNNING), None)
        if running is not None:
            return (line(fit(f"scanning now: {running.key}", width)),)
        if view.facts.next_at is None:
            return (line(dim(fit("only reports of others are read", width).text)),)
        wait = max(0, int((view.facts.next_at - view.snapshot.taken_at).total_seconds()))
        return (line(dim(fit(f"the next scan begins in {span(wait)}", width).text)),)
