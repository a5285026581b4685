"""Draws a vendor's status page: what it says of the components that matter, and how old that is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from desk.words import age, clock, count, plural
from probes.base import Severity
from probes.http.status.facts import Component, Incident, Level, Maintenance, StatusFacts
from widgets.lines import Line, Part, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Panel, Table, View, name_column

_GONE: Final = "–"
_FEW: Final = 4
"""Incidents that get a line each on the overview."""
_WORDS: Final = {
    Level.FINE: "fine", Level.MAINTENANCE: "maintenance", Level.DEGRADED: "degraded", Level.PARTIAL: "partial outage",
    Level.MAJOR: "major outage",
}  # fmt: skip
_TONES: Final = {Level.DEGRADED: Tone.NOTICE, Level.PARTIAL: Tone.WARNING, Level.MAJOR: Tone.CRITICAL}


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment is not None else _GONE


def _severity(view: View[StatusFacts]) -> Severity | None:
    """What the rules say; what is not fine is never drawn as fine, nor what has never been read."""
    facts, said = view.facts, view.severity()
    unsure = facts.worst >= Level.DEGRADED or facts.trouble is not None
    return Severity.NOTICE if said is None and unsure else said


def _says(facts: StatusFacts) -> str:
    if facts.read is None:
        return f"not read: {facts.words}"
    ours, sick = facts.ours, [one for one in facts.ours if one.level is None or one.level >= Level.DEGRADED]
    if sick:
        words = f"{sick[0].name}: {sick[0].word}" + (f" (+{len(sick) - 1} more)" if len(sick) > 1 else "")
    elif facts.open:
        words = f"{facts.open[0].name} ({facts.open[0].word})"
    elif any(one.running and one.wanted for one in facts.maintenances):
        words = "maintenance under way"
    else:
        words = f"{plural(len(ours), 'component')} fine" if ours else str(facts.says) or "no open incident"
    if facts.trouble is not None:
        return f"read {age(facts.read_age or 0.0)} ago, not now: {words}"
    return words


def _row(view: View[StatusFacts], width: int) -> Line:
    facts = view.facts
    severity = _severity(view)
    name = name_column(width)
    word = _WORDS[facts.worst] if facts.read is not None else "not read"
    parts: list[Part] = [sign(severity), " ", fit(strong(view.name), name), " "]
    parts.append(toned(fit(word, 14).text, severity if facts.worst >= Level.DEGRADED else None))
    parts += ["  ", fit(_says(facts), max(0, width - name - 19)).text.rstrip()]
    return line(*parts, severity=severity)


def _incident_tone(one: Incident) -> Tone:
    if one.open is False or not one.wanted:
        return Tone.DIM
    return _TONES.get(one.level if one.level is not None else Level.DEGRADED, Tone.PLAIN)


def _incident_detail(one: Incident) -> Sequence[Line]:
    return [
        line(dim(f"{'incident':<10}"), one.name),
        line(dim(f"{'state':<10}"), one.word),
        line(dim(f"{'began':<10}"), _when(one.started)),
        line(dim(f"{'last word':<10}"), _when(one.updated)),
        line(dim(f"{'touches':<10}"), ", ".join(map(str, one.parts)) or _GONE),
        line(dim(f"{'they say':<10}"), one.latest or _GONE),
    ]


_COMPONENTS: Final[Table[StatusFacts, Component]] = Table(
    name="components",
    title="components",
    rows=lambda facts: (*facts.ours, *(one for one in facts.components if not one.wanted)),
    key=lambda one: f"component/{one.key}",
    columns=(
        Column("component", lambda one: one.name, 36),
        Column("they say", lambda one: one.word, 22),
        Column("group", lambda one: one.group or _GONE, 20, least=90),
        Column("changed", lambda one: _when(one.updated)),
    ),
    empty="the page names no component",
    tone=lambda one: Tone.DIM if not one.wanted else _TONES.get(one.level or Level.FINE, Tone.PLAIN),
)

_INCIDENTS: Final[Table[StatusFacts, Incident]] = Table(
    name="incidents",
    title="incidents",
    rows=lambda facts: (*facts.open, *(one for one in facts.incidents if one not in facts.open)),
    key=lambda one: f"incident/{one.key}",
    columns=(
        Column("state", lambda one: one.word, 14),
        Column("impact", lambda one: _WORDS[one.level] if one.level is not None else _GONE, 14, least=70),
        Column("last word", lambda one: _when(one.updated), 20, least=90),
        Column("incident", lambda one: one.name),
    ),
    empty="no incident is told",
    tone=_incident_tone,
    detail=_incident_detail,
)

_WORKS: Final[Table[StatusFacts, Maintenance]] = Table(
    name="maintenances",
    title="maintenances",
    rows=lambda facts: facts.maintenances,
    key=lambda one: f"maintenance/{one.key}",
    columns=(
        Column("state", lambda one: one.word, 14),
        Column("begins", lambda one: _when(one.begins), 20),
        Column("ends", lambda one: _when(one.ends), 20, least=90),
        Column("work", lambda one: one.name),
    ),
    empty="no maintenance is told",
    tone=lambda one: Tone.NOTICE if one.running and one.wanted else Tone.PLAIN if one.wanted else Tone.DIM,
)


class StatusPanel(Panel[StatusFacts]):
    """One vendor's status page."""

    title = "VENDORS"
    help = (
        "What a vendor says of itself, on Statuspage, incident.io, Instatus, or in a feed. Only the components\n"
        "that the profile names raise alerts; one that touches none of them is dim. Vendors are late with bad news:\n"
        "touched tells when they changed the page last. A page that can't be read is no outage of theirs: its last\n"
        "word stays, with its age, and counts for ten minutes. Read at most once a minute; what has not changed is\n"
        "not sent again (ETag)."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_COMPONENTS, _INCIDENTS, _WORKS)

    def headline(self, view: View[StatusFacts]) -> Sequence[Part]:
        """The worst that is said."""
        facts = view.facts
        word = _WORDS[facts.worst] if facts.read is not None else "not read"
        return (toned(word, _severity(view) if facts.worst >= Level.DEGRADED else None),)

    def brief(self, view: View[StatusFacts], width: int) -> Sequence[Line]:
        """A line for the page, and one for each further open incident."""
        facts = view.facts
        lines = [_row(view, width)]
        for one in facts.open[:_FEW]:
            said = view.severity("incident_level", incident=str(one.name)) or Severity.NOTICE
            words = fit(f"{one.name} ({one.word})", max(0, width - 4)).text.rstrip()
            lines.append(line("  ", sign(said), " ", words, key=f"incident/{one.key}", severity=said))
        if len(facts.open) > _FEW:
            lines.append(line(dim(f"    and {plural(len(facts.open) - _FEW, 'more incident')}")))
        return lines

    def head(self, view: View[StatusFacts], width: int) -> Sequence[Line]:
        """The page, what it says as a whole, and how old that is."""
        facts = view.facts
        title = f"{facts.page or view.name}  {facts.url}"
        lines = [line(strong(fit(title, width).text.rstrip()))]
        if facts.says:
            lines.append(line(fit(facts.says, width).text.rstrip()))
        touched = f"touched {age(facts.updated_age)} ago" if facts.updated_age is not None else "when touched: not told"
        read = f"read {clock(facts.read)} UTC" if facts.read is not None else "never read"
        form = f"  by {facts.form}" if facts.form else ""
        lines.append(line(dim(fit(f"{touched}  {read}{form}", width).text.rstrip())))
        if facts.trouble is not None:
            lines.append(line(toned(fit(f"not read now: {facts.words}", width).text.rstrip(), Severity.NOTICE)))
        if facts.absent:
            words = f"not on the page: {', '.join(facts.absent)}"
            lines.append(line(toned(fit(words, width).text.rstrip(), Severity.NOTICE)))
        if facts.more:
            lines.append(line(dim(fit(f"{count(facts.more)} more are not shown", width).text.rstrip())))
        return lines
