"""The draft of a post-mortem in Markdown: what the records tell, and places for what only people know.

Nothing that comes from outside does anything there. A time that is not known is said to be not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from desk.incident.chart import Chart, drawn
from desk.incident.incident import Incident
from desk.incident.places import PLACE
from desk.incident.record import Role
from desk.incident.timeline import Entry, Source, skews_of
from desk.report.paper import plain
from desk.words import span
from probes.base import SafeText

UNKNOWN: Final = "not known"

_LONG: Final = 2000
"""Characters of a text."""

_BLOCK: Final = re.compile(r"^([#+=-]|\d+[.)](?=\s|$))")
"""How a line begins that Markdown takes for a heading, a list or a rule."""

_BEHIND: Final = " \\*"

_TO_FILL: Final = "*to be filled in*"


@dataclass(frozen=True, slots=True)
class Took:
    """How long a part of an incident took."""

    name: str
    """ "detect", "acknowledge", "mitigate", "resolve"."""
    seconds: float | None
    """None: not known."""
    how: str
    """From what to what; or why it is not known."""

    def __str__(self) -> str:
        return span(self.seconds) if self.seconds is not None else UNKNOWN


def took(incident: Incident) -> tuple[Took, ...]:
    """How long it took to detect, acknowledge, mitigate and resolve it.

    The last three count from the moment it was noticed, and after a re-opening to the last time, for what did not hold
    had not helped.
    """
    noticed = (incident.detected, "the alert was raised" if incident.about.detected else "it was declared")
    began = (incident.began, "it began, as somebody found out")
    seen = incident.acknowledged
    at_it = (seen.at if seen is not None else None, seen.text or "somebody said so" if seen is not None else "")
    eased = incident.mitigated or incident.resolved
    words = "it was mitigated" if incident.mitigated is not None else "it was resolved"
    return (
        _took("detect", began, noticed, "nobody said when it began", ""),
        _took("acknowledge", noticed, at_it, "", "nobody said that they were at it"),
        _took("mitigate", noticed, (eased, words), "", "it is not mitigated"),
        _took("resolve", noticed, (incident.resolved, "it was resolved"), "", "it is not resolved"),
    )


def _took(
    name: str, since: tuple[datetime | None, str], until: tuple[datetime | None, str], no_since: str, no_until: str
) -> Took:
    if since[0] is None or until[0] is None:
        return Took(name, None, no_since if since[0] is None else no_until)
    seconds = (until[0] - since[0]).total_seconds()
    how = f"from {_moment(since[0])} ({since[1]}) to {_moment(until[0])} ({until[1]})"
    if seconds < 0:
        return Took(name, None, f"the times contradict each other: {how}")
    return Took(name, seconds, how)


def markdown(
    incident: Incident,
    entries: Sequence[Entry],
    system: str,
    charts: Iterable[Chart] = (),
    template: str | None = None,
    now: datetime | None = None,
) -> str:
    """The draft. `template`: Markdown with the places of `PARTS` and of `facts` in { }; None: ours."""
    known = {**parts(incident, entries, charts), **facts(incident, system, now)}
    text = template if template is not None else TEMPLATE
    made = PLACE.sub(lambda found: known.get(found[1], found[0]), text)
    return re.sub(r"\n{3,}", "\n\n", made).rstrip() + "\n"


def strange(template: str) -> tuple[str, ...]:
    """Places of a template that nothing fills in."""
    return tuple(dict.fromkeys(one for one in PLACE.findall(template) if one not in PARTS and one not in FACTS))


PARTS: Final[Mapping[str, str]] = {
    "times": "how long it took to detect, acknowledge, mitigate and resolve it, each with how that is known",
    "timeline": "the whole timeline as a table",
    "charts": "the numbers of its alerts over its time",
    "items": "action items as boxes",
    "messages": "what people were told",
    "notes": "what people wrote down",
    "roles": "who did what",
    "alerts": "the alerts that belong to it",
    "phases": "when it reached which stage",
}
"""Places that become several lines."""

FACTS: Final[Mapping[str, str]] = {
    "id": "", "title": "", "severity": "", "system": "", "stage": "", "impact": "", "cause": "", "commander": "",
    "people": "", "began": "", "detected": "", "declared": "", "acknowledged": "", "mitigated": "", "resolved": "",
    "duration": "", "reopened": "", "date": "", "made": "",
}  # fmt: skip
"""Places that become a few words."""


def facts(incident: Incident, system: str, now: datetime | None = None) -> dict[str, str]:
    """What a few words say, harmless in Markdown."""
    end = incident.resolved or incident.mitigated
    began = incident.began or incident.detected
    seen = incident.acknowledged
    whole = span((end - began).total_seconds()) if end is not None and end >= began else UNKNOWN
    return {
        "id": inert(incident.short),
        "title": inert(incident.title),
        "severity": inert(incident.level),
        "system": inert(system),
        "stage": incident.stage.value,
        "impact": inert(incident.impact) or _TO_FILL,
        "cause": inert(incident.cause) or _TO_FILL,
        "commander": inert(incident.commander) or UNKNOWN,
        "people": inert(", ".join(incident.people)),
        "began": _moment(incident.began),
        "detected": _moment(incident.detected),
        "declared": _moment(incident.at),
        "acknowledged": _moment(seen.at if seen is not None else None),
        "mitigated": _moment(incident.mitigated),
        "resolved": _moment(incident.resolved),
        "duration": whole,
        "reopened": str(incident.reopened),
        "date": f"{began.astimezone(UTC):%Y-%m-%d}",
        "made": _moment(now),
    }


def parts(incident: Incident, entries: Sequence[Entry], charts: Iterable[Chart] = ()) -> dict[str, str]:
    """What several lines say, harmless in Markdown."""
    made = {
        "times": _times(incident),
        "timeline": _timeline(entries),
        "charts": _charts(incident, charts),
        "items": _items(incident),
        "messages": _messages(incident),
        "notes": (f"- {_moment(one.at)} {inert(one.by)}: {inert(one.text)}" for one in incident.notes),
        "roles": (f"- {role.value}: {inert(who)}" for role in Role if (who := incident.roles.get(role))),
        "alerts": (f"- {inert(one.words or one.id)}" for one in incident.linked("case")),
        "phases": (
            f"- {_moment(one.at)} {one.stage.value} by {inert(one.by)}" + (f": {inert(one.text)}" if one.text else "")
            for one in incident.phases
        ),
    }
    return {name: "\n".join(lines) or "none" for name, lines in made.items()}


def inert(text: str, most: int = _LONG) -> str:
    """Text from outside that is nothing but text in Markdown, on one line, also at its beginning.

    >>> inert("# not a heading\\n<b>"), inert("- no list"), inert("1. nor this")
    ('\\\\# not a heading \\\\<b\\\\>', '\\\\- no list', '1\\\\. nor this')
    """
    made = plain(str(SafeText(" ".join(text.split()), most)))
    return _BLOCK.sub(lambda found: f"{found[1][:-1]}\\{found[1][-1]}", made)


def _times(incident: Incident) -> Iterator[str]:
    yield "| Time to | Took | How that is known |"
    yield "| --- | ---: | --- |"
    for one in took(incident):
        yield f"| {one.name} | {one} | {inert(one.how)} |"


def _timeline(entries: Sequence[Entry]) -> Iterator[str]:
    for skew in skews_of(entries):
        yield f"- {inert(str(skew))}"
    if any(one.behind for one in entries):
        yield f"-{_BEHIND}: by a clock that is behind; it happened after what stands above it"
    yield ""
    yield "| Time (UTC) | What | Who | Where |"
    yield "| --- | --- | --- | --- |"
    day = ""
    for one in entries:
        at = one.at.astimezone(UTC)
        told = f"{at:%H:%M:%S}" if f"{at:%Y-%m-%d}" == day else f"{at:%Y-%m-%d %H:%M:%S}"
        day = f"{at:%Y-%m-%d}"
        told += _BEHIND if one.behind else ""
        yield f"| {told} | {_line(one)} | {inert(one.by)} | {inert(one.target)} |"


def _line(entry: Entry) -> str:
    said = [inert(entry.words)]
    if entry.before or entry.after:
        said.append(f"({inert(entry.before) or '?'} → {inert(entry.after) or '?'})")
    if entry.verdict:
        said.append(f"— {inert(entry.verdict)}")
    if entry.source is Source.MESSAGE and entry.detail:
        said.append(f"“{inert(entry.detail)}”")
    if entry.reactions:
        said.append(f"[{inert('; '.join(entry.reactions))}]")
    return " ".join(said)


def _charts(incident: Incident, charts: Iterable[Chart]) -> Iterator[str]:
    marks = [("noticed", incident.detected), ("mitigated", incident.mitigated), ("resolved", incident.resolved)]
    found = [(at, name) for name, at in marks if at is not None]
    for one in charts:
        yield f"{inert(one.title)}"
        yield ""
        yield "```text"
        yield from drawn(one, found)
        yield "```"
        yield ""


def _items(incident: Incident) -> Iterator[str]:
    for one in incident.items:
        box = "x" if one.done is not None else " "
        owner = inert(one.owner) or "nobody yet"
        due = f"{one.due.astimezone(UTC):%Y-%m-%d}" if one.due is not None else "no day yet"
        done = f", done {_moment(one.done.at)} by {inert(one.done.by)}" if one.done is not None else ""
        yield f"- [{box}] {inert(one.text)} ({owner}, due: {due}{done})"


def _messages(incident: Incident) -> Iterator[str]:
    for one in incident.messages:
        how = f"{one.message.audience}, {one.message.channel}, {one.sent.value}"
        yield f"- {_moment(one.at)} {inert(one.by)} ({inert(how)})"
        for line in one.message.text.splitlines():
            yield f"  > {inert(line)}" if line.strip() else "  >"


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if at is not None else UNKNOWN


TEMPLATE: Final = f"""# Post-mortem: {{title}}

| | |
| --- | --- |
| System | {{system}} |
| Severity | {{severity}} |
| Status | {{stage}} |
| Incident | {{id}} |
| Commander | {{commander}} |
| People | {{people}} |
| Noticed | {{detected}} |
| Resolved | {{resolved}} |
| Duration | {{duration}} |

All times are UTC. This draft was made of what was recorded; a person has to finish it.

## Summary

{_TO_FILL}

## Impact

{{impact}}

How many were affected, for how long, and what was promised to them: {_TO_FILL}

## Cause

{{cause}}

## Times

{{times}}

## Course

{{charts}}

## Timeline

{{timeline}}

## What people were told

{{messages}}

## What went well

{_TO_FILL}

## What went badly

{_TO_FILL}

## Where we were lucky

{_TO_FILL}

## Action items

{{items}}

- [ ] the runbook says what was learned
"""
"""Ours."""

__all__ = ["FACTS", "PARTS", "TEMPLATE", "UNKNOWN", "Took", "facts", "inert", "markdown", "parts", "strange", "took"]
