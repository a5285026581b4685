"""Draws units: what failed and why comes first, with its last words; what is well takes one line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from desk.words import count, plural, ratio, size, span
from probes.base import Severity
from probes.systemd.facts import SystemdFacts, Unit
from widgets.draw.marks import Sign
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, side_by_side, sign, strong, toned, width_of
from widgets.panel import Column, Panel, Table, View, name_column

_GONE: Final = "–"
_EACH: Final = 4
"""So many units that are well get a line each; more share lines."""
_NAME: Final = 26
_WORD: Final = 13


def _or_gone(value: float | None, words: Any) -> str:
    return _GONE if value is None else str(words(value))


def _name(unit: Unit) -> str:
    """Its name; ".service" goes without saying."""
    return unit.id.removesuffix(".service")


def _severity(view: View[SystemdFacts], unit: Unit) -> Severity | None:
    """What the rules say; something that should run and does not is never drawn as well."""
    said = view.severity(unit=unit.id)
    return Severity.NOTICE if said is None and unit.runs is False and not unit.job else said


def _mark(unit: Unit, severity: Severity | None) -> Span:
    if severity is None and unit.runs is None:
        return dim(Sign.NONE.value if unit.idle else Sign.UNKNOWN.value)
    return sign(severity)


def _extra(unit: Unit) -> str:
    words = [unit.why]
    words += [f"restarted {plural(unit.restarts_recent, 'time')} in 10 min"] if unit.restarts_recent else []
    words += ["systemd is working on it"] if unit.job else []
    words += ["its file changed, needs daemon-reload"] if unit.needs_reload else []
    words += [str(unit.status)] if unit.status and not unit.why else []
    return ", ".join(word for word in words if word)


def _times(view: View[SystemdFacts], unit: Unit) -> str:
    """A timer's next and last run, as time from now."""
    now = view.snapshot.taken_at
    parts = []
    if unit.next_run is not None:
        parts.append(f"next in {_between(now, unit.next_run)}")
    if unit.last_run is not None:
        parts.append(f"last {_between(unit.last_run, now)} ago")
    return ", ".join(parts)


def _between(first: datetime, second: datetime) -> str:
    return span(max(0, int((second - first).total_seconds())))


def _name_width(units: Sequence[Unit], width: int) -> int:
    """Cells for the names: as many as the longest needs, within reason."""
    longest = max((width_of([Span(_name(unit))]) for unit in units), default=0)
    return max(name_column(width), min(longest, _NAME, width // 3))


def _row(view: View[SystemdFacts], unit: Unit, width: int, name: int) -> Line:
    """Sign, name, state, since when, and what else there is to say."""
    severity = _severity(view, unit)
    parts: list[Part] = [
        _mark(unit, severity), " ", fit(strong(_name(unit)), name), " ",
        toned(fit(unit.word, _WORD).text, severity), " ", fit(_or_gone(unit.age, span), 6, right=True),
    ]  # fmt: skip
    spare = width - 23 - name
    if width >= 90:
        parts += ["  ", fit(f"{_or_gone(unit.memory, size)}", 9, right=True)]
        spare -= 11
    extra = _times(view, unit) if unit.suffix == "timer" and not unit.why else _extra(unit)
    if extra and spare > 8:
        parts += ["  ", Span(fit(extra, spare - 2).text.rstrip(), toned("", severity).tone)]
    return line(*parts, key=unit.id, severity=severity)


def _last_words(view: View[SystemdFacts], unit: Unit, width: int) -> list[Line]:
    """The newest line of a failed unit's log, under it."""
    if not unit.journal.lines:
        return []
    said = fit(f"    log: {unit.journal.lines[-1]}", width).text.rstrip()
    return [line(dim(said), key=unit.id, severity=_severity(view, unit))]


def _together(units: Sequence[Unit], width: int) -> list[Line]:
    """Units that are well, side by side."""

    def mark(unit: Unit) -> Span:
        still = "·" if unit.idle else Sign.UNKNOWN.value
        if unit.runs:
            return Span(f"{Sign.FINE.value} {_name(unit)}", Tone.GOOD)
        return dim(f"{still} {_name(unit)} {unit.word}")

    return side_by_side(map(mark, units), width, lambda left: f"and {plural(left, 'more unit')}, none of them failed")


def _tone(unit: Unit) -> Tone:
    if unit.failed or (unit.runs is False and unit.usable):
        return Tone.CRITICAL
    if not unit.usable:
        return Tone.WARNING
    return Tone.PLAIN if unit.runs else Tone.DIM


def _about(unit: Unit) -> Sequence[Line]:
    """All that is known of a unit."""
    pairs = [
        ("unit", f"{unit.id}  {unit.description}"),
        ("asked for as", unit.asked or "not in the profile, shown because it failed"),
        ("state", f"{unit.word} ({unit.active or _GONE}, {unit.sub or _GONE}), for {_or_gone(unit.age, span)}"),
        ("why", unit.why or "nothing to say"),
        ("loaded", f"{unit.load or _GONE}, at boot: {unit.enabled or _GONE}"),
        ("main process", _or_gone(unit.pid, str)),
        ("this run", unit.invocation or _GONE),
        ("restarts", f"{_or_gone(unit.restarts, count)}, policy {unit.restart or _GONE}"),
        ("memory", f"{_or_gone(unit.memory, size)} of {_or_gone(unit.memory_limit, size)}"),
        ("cpu", f"{_or_gone(unit.cpu, ratio)} of a core"),
        ("tasks", _or_gone(unit.tasks, count)),
        ("starts", ", ".join(map(str, unit.triggers)) or _GONE),
        ("started by", ", ".join(map(str, unit.triggered_by)) or _GONE),
        ("says", str(unit.status) or _GONE),
    ]
    lines = [line(dim(f"{name:<14}"), words) for name, words in pairs]
    return lines + [line(dim("log           "), said) for said in unit.journal.lines]


_UNITS: Final[Table[SystemdFacts, Unit]] = Table(
    name="units",
    title="units",
    rows=lambda facts: facts.units,
    beyond=lambda facts: facts.more,
    key=lambda unit: unit.id,
    columns=(
        Column("unit", _name, 28),
        Column("state", lambda unit: unit.word, 13),
        Column("since", lambda unit: _or_gone(unit.age, span), 6, lambda unit: unit.age, True),
        Column("memory", lambda unit: _or_gone(unit.memory, size), 9, lambda unit: unit.memory, True, 70, True),
        Column("tasks", lambda unit: _or_gone(unit.tasks, count), 5, lambda unit: unit.tasks, True, 110, True),
        Column("restarts", lambda unit: _or_gone(unit.restarts, count), 8, lambda unit: unit.restarts, True, 80, True),
        Column("pid", lambda unit: _or_gone(unit.pid, str), 8, lambda unit: unit.pid, True, 100),
        Column("at boot", lambda unit: unit.enabled or _GONE, 9, least=120),
        Column("why, or what it says", lambda unit: _extra(unit) or unit.description),
    ),
    empty="no unit is watched, and none has failed",
    tone=_tone,
    detail=_about,
    looks=("logs", "timers"),
)


class SystemdPanel(Panel[SystemdFacts]):
    """The units of one machine."""

    title = "SERVICES"
    help = (
        "failed: the unit ended badly; why is systemd's Result and the exit code or signal of its main process.\n"
        "exited (?): its program has ended, yet systemd calls it active; that says nothing about a server.\n"
        "postgresql.service on Debian is such a one; the server is postgresql@15-main.\n"
        "between runs: a task, or a unit that a timer or socket starts; it is off until then.\n"
        "restarts: automatic ones since the last start by request. memory –: the machine does not count it.\n"
        "Failed units outside the profile are shown too. From systemctl show; logs from journalctl."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_UNITS,)

    def headline(self, view: View[SystemdFacts]) -> Sequence[Part]:
        """How many run, how many failed."""
        facts = view.facts
        watched = [unit for unit in facts.units if unit.asked]
        running = sum(unit.runs is True for unit in watched)
        parts: list[Part] = [f"{running} of {plural(len(watched), 'unit')} active"] if watched else []
        if facts.failed:
            parts.append(toned(f"{count(facts.failed)} failed", view.severity() or Severity.NOTICE))
        elif not watched:
            parts.append("no unit has failed" if facts.failed == 0 else str(facts.state) or _GONE)
        return parts

    def brief(self, view: View[SystemdFacts], width: int) -> Sequence[Line]:
        """A line for each unit in trouble with its last words, the others together."""
        ranked = [(_severity(view, unit), unit) for unit in view.facts.units]
        bad = sorted((pair for pair in ranked if pair[0] is not None), key=lambda pair: -(pair[0] or 0))
        well = [unit for severity, unit in ranked if severity is None]
        single = well if len(well) <= _EACH else []
        name = _name_width([unit for _, unit in bad] + single, width)
        lines: list[Line] = []
        for _, unit in bad:
            lines += [_row(view, unit, width, name), *_last_words(view, unit, width)]
        lines += [_row(view, unit, width, name) for unit in single] or _together(well, width)
        if not view.facts.units:
            lines.append(line(dim("no unit is watched, and none has failed")))
        return lines

    def head(self, view: View[SystemdFacts], width: int) -> Sequence[Line]:
        """The machine's systemd, and the last words of what failed."""
        facts = view.facts
        failed = "–" if facts.failed is None else count(facts.failed)
        said = f"systemd {facts.version}  machine {facts.state or _GONE}  failed units {failed}"
        lines = [line(fit(said, width).text.rstrip())]
        for unit in [unit for unit in facts.units if unit.journal.lines][:2]:
            lines += [line(dim(fit(f"{_name(unit)}: {one}", width).text.rstrip())) for one in unit.journal.lines]
        return lines
