"""The open incident as the wall shows it: the one place where the wall knows what an incident is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from desk import words
from probes.base import SafeText
from widgets.incident import entry_words
from widgets.lines import Tone
from widgets.wall_incident import Happening, Situation, Timer

if TYPE_CHECKING:
    from desk.incident.incident import Incident
    from desk.incident.incidents import Incidents
    from desk.incident.timeline import Entry
    from desk.shared.presence import Present
    from tui.timelines import Timelines

_TONES: Final = (Tone.CRITICAL, Tone.WARNING)
"""Of the worst severity and the next; the others are notices."""

_NEWEST: Final = 60
"""Entries of the timeline at most."""

_LINE: Final = 300
"""Characters of one."""

Mask = Callable[[str], str]


def situation(
    incidents: Incidents,
    now: datetime,
    mask: Mask,
    present: Sequence[Present] = (),
    timelines: Timelines | None = None,
) -> Situation | None:
    """The worst open incident, without what `mask` takes out of its texts; None where none is open.

    `present`: who else is on the system now. `timelines`: what happened beside it; None: that is not known.
    """
    there = incidents.open()
    if not there:
        return None
    one = there[0]
    if timelines is not None:
        timelines.look(one.id)
    woven = timelines.entries(one.id) if timelines is not None else incidents.entries(one.id)
    entries = [entry for entry in woven if entry.words]

    def said(text: str) -> str:
        return str(SafeText(mask(text), _LINE))

    return Situation(
        level=said(one.level).upper(),
        title=said(one.title),
        stage=one.stage.value,
        tone=_tone(incidents.scheme.rank(one.level)),
        seconds=(now - one.at).total_seconds(),
        security=one.security is not None,
        roles=_roles(one, said),
        people=_people(entries, present, now, mask),
        timers=tuple(Timer(said(timer.words), timer.left(now)) for timer in incidents.timers(one.id)),
        timeline=tuple(
            Happening(words.clock(entry.at), said(_words(entry, mask)), said(entry.by)) for entry in entries[-_NEWEST:]
        ),
        unseen=said(timelines.trouble(one.id)) if timelines is not None else "",
        others=len(there) - 1,
    )


def _tone(rank: int) -> Tone:
    return _TONES[rank] if rank < len(_TONES) else Tone.NOTICE


def _roles(incident: Incident, said: Mask) -> tuple[tuple[str, str], ...]:
    """Every role with who has it; one that nobody has is shown as such."""
    from desk.incident.record import Role

    return tuple((role.value, said(incident.roles.get(role, ""))) for role in Role)


def _people(
    entries: Sequence[Entry], present: Sequence[Present], now: datetime, mask: Mask
) -> tuple[tuple[str, str], ...]:
    """Each person with what they look at and what they did last, whoever did something last first."""

    def said(text: str) -> str:
        return str(SafeText(mask(text), _LINE))

    newest = {entry.by: entry for entry in entries if entry.by}
    order = sorted(newest, key=lambda name: newest[name].at, reverse=True)
    looking: dict[str, dict[str, str]] = {}
    for one in present:
        if not one.here.wall:
            looking.setdefault(one.here.name, {})[one.by] = _looks(one)
    found = []
    for name in dict.fromkeys((*order, *looking)):
        there = looking.get(name, {})
        several = len(there) > 1  # people who share an account: the store tells them apart, what they wrote does not
        parts = [] if several else [one for one in there.values() if one]
        if name in newest:
            entry = newest[name]
            ago = words.age(max(0.0, (now - entry.at).total_seconds()))
            parts.append(f"{said(_words(entry, mask))}, {ago} ago")
        if parts or not several:
            found.append((said(name), "; ".join(parts) or "is here"))
        if several:
            found += [(said(f"{name} ({login})"), looks or "is here") for login, looks in there.items()]
    return tuple(found)


def _words(entry: Entry, mask: Mask) -> str:
    """What happened, and where; secrets are taken out of each of its texts as it was written."""
    there = replace(
        entry, words=mask(entry.words), target=mask(entry.target), before=mask(entry.before), after=mask(entry.after)
    )
    return entry_words(there)


def _looks(one: Present) -> str:
    """What somebody looks at, as they tell others."""
    said = [f"looks at {one.here.screen}"] if one.here.screen else []
    return ", ".join([*said, *(["ARMED"] if one.here.armed else [])])
