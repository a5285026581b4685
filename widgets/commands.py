"""Draws the commands of a profile: how each ended last, when, and what runs now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from desk import words
from probes.base import Severity
from probes.commands.facts import Command, CommandsFacts, Past
from widgets.draw.marks import Sign
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Panel, Table, View, name_column

_NOTHING: Final = "–"
_TAIL: Final = 4
"""Lines of a running command's output that its own screen shows at the top."""


def _when(moment: datetime | None, now: datetime) -> str:
    return _NOTHING if moment is None else f"{words.age(max(0.0, (now - moment).total_seconds()))} ago"


def _age(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else (now - moment).total_seconds()


def _state(one: Command, now: datetime, reading: str = "reads: v shows it") -> str:
    newest = one.newest
    if newest is not None and newest.runs:
        denied = ", and we may not end it" if newest.denied else ""
        return f"runs for {words.age(_age(newest.began, now) or 0.0)}{denied}"
    if one.missing:
        return str(one.missing)
    if one.reads:
        return reading
    return "never run from here" if newest is None else newest.words


def _severity(one: Command, view: View[CommandsFacts] | None = None) -> Severity | None:
    said = view.severity(command=one.name) if view is not None else None
    last = one.last
    if said is None and one.running is None and last is not None and (last.failed or not last.ended):
        return Severity.NOTICE
    return said


def _mark(one: Command, severity: Severity | None) -> Span:
    if one.running is not None and severity is None:
        return Span("…", Tone.NOTICE)
    if severity is None and (one.last is None or one.missing):
        return dim(Sign.NONE.value)
    return sign(severity)


def _row(one: Command, view: View[CommandsFacts], width: int) -> Line:
    severity = _severity(one, view)
    newest = one.newest
    now = view.facts.at
    name = name_column(width)
    spare = max(0, width - name - 15)
    ended = _when(newest.ended, now) if newest is not None else ""
    said = _state(one, now, "only reads")
    tail = f"  {one.tail[-1]}" if one.tail else ""
    return line(
        _mark(one, severity), " ", fit(strong(one.name), name), " ", fit(ended, 10, right=True), "  ",
        toned(fit(said + tail, spare).text.rstrip(), severity), key=one.name, severity=severity,
    )  # fmt: skip


def _tone(row: tuple[Command, datetime]) -> Tone:
    severity = _severity(row[0])
    return Tone.PLAIN if severity is None else toned("", severity).tone


def _code(past: Past | None) -> str:
    return _NOTHING if past is None or past.code is None else str(past.code)


def _detail(row: tuple[Command, datetime]) -> Sequence[Line]:
    one, now = row

    def part(label: str, *parts: Part) -> Line:
        return line(fit(dim(label), 11), "  ", *parts)

    made = [part("command", strong(one.line)), part("what", str(one.what) or _NOTHING)]
    made.append(part("danger", "only reads: v on its row runs it and shows what it says" if one.reads else one.danger))
    made += [part("asks for", ", ".join(one.parameters))] if one.parameters else []
    made += [part("needs" if number == 0 else "", str(need)) for number, need in enumerate(one.needs)]
    made += [] if one.production else [part("", "never in production")]
    made.append(part("time limit", words.span(one.timeout)))
    made += [part("", Span(str(one.missing), Tone.WARNING))] if one.missing else []
    for number, past in enumerate(one.past[:20]):
        began = "–" if past.began is None else f"{past.began:%Y-%m-%d %H:%M:%S} UTC"
        made.append(part("runs" if number == 0 else "", f"{began}  {past.words}", dim(f"  act {past.act}")))
        if past.last:
            made.append(part("", dim(str(past.last))))
    well = one.succeeded
    told = "not yet, as far as is known here" if well is None else f"last {_when(well, now)}"
    return made if one.reads else [*made, part("well", told)]


def _rows(facts: CommandsFacts) -> Sequence[tuple[Command, datetime]]:
    return [(one, facts.at) for one in facts.commands]


class CommandsPanel(Panel[CommandsFacts]):
    """Draws commands."""

    title = "COMMANDS"
    help = (
        "Lines of the profile that are run as they stand, for what Opsroom does not do by itself. Only runs that were\n"
        "begun from this machine are known. A run is well when it ended by itself, with a good exit code and the\n"
        "output expected; a run that was stopped has not failed. It goes on when the session ends. l shows what it\n"
        "writes, without secrets; who began it and why stands in the audit under the act's id. What only reads is run\n"
        "by v, which shows what it says."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (
        Table(
            name="commands",
            title="commands",
            rows=_rows,
            key=lambda row: row[0].name,
            columns=(
                Column("command", lambda row: strong(row[0].name), 18),
                Column("state", lambda row: _state(row[0], row[1]), 34),
                Column(
                    "ended",
                    lambda row: _when(row[0].last.ended if row[0].last else None, row[1]),
                    11,
                    lambda row: _age(row[0].last.ended if row[0].last else None, row[1]),
                    True,
                ),
                Column("code", lambda row: _code(row[0].last), 5, right=True),
                Column(
                    "well",
                    lambda row: _when(row[0].succeeded, row[1]),
                    11,
                    lambda row: _age(row[0].succeeded, row[1]),
                    True,
                    least=100,
                ),
                Column("line", lambda row: row[0].line),
            ),
            empty="no command stands in the profile",
            tone=_tone,
            detail=_detail,
            looks=("output",),
        ),
    )

    def headline(self, view: View[CommandsFacts]) -> Sequence[Part]:
        """How many there are, run, and ended badly."""
        there = view.facts.commands
        parts: list[Part] = [words.plural(len(there), "command")]
        running = sum(one.running is not None for one in there)
        parts += [f"{running} running"] if running else []
        failed = sum(one.last is not None and one.last.failed for one in there)
        return (*parts, *([toned(f"{failed} failed", view.severity("last_run_failed"))] if failed else []))

    def brief(self, view: View[CommandsFacts], width: int) -> Sequence[Line]:
        """What runs and what failed first, then the others in the profile's order."""

        def rank(one: Command) -> tuple[bool, int]:
            return one.running is None, -(_severity(one, view) or 0)

        return [_row(one, view, width) for one in sorted(view.facts.commands, key=rank)]

    def head(self, view: View[CommandsFacts], width: int) -> Sequence[Line]:
        """What runs, with the end of its output."""
        made: list[Line] = []
        for one in view.facts.commands:
            if one.running is not None:
                made.append(_row(one, view, width))
                made += [line("    ", dim(str(text)[: max(8, width - 6)])) for text in one.tail[-_TAIL:]]
        return made[:12] or [line(dim("nothing runs"))]
