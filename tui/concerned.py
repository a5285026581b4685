"""What a step of a procedure is about here: which targets and rows, and what is read of them now."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from desk import words
from desk.board import Freshness
from desk.condition import gauges
from desk.runbook.book import Command, Procedure
from desk.runs.record import Judgement
from probes.base import GaugeKey, SafeText
from tui.kinds import KINDS
from tui.room import Room
from widgets.lines import Line, Span
from widgets.overview import shows_values
from widgets.panel import Panel

_BLOCKS: Final = {kind.name: kind.block for kind in KINDS}
_ROWS: Final = 2000
"""Rows of a table among which a name is looked for."""
_VALUES: Final = 4
"""Gauges of a row that are told."""
_MOST: Final = 3
"""Targets of a kind that are shown when a step does not say which."""

Place = tuple[str, str]
"""(target, row); without a row the target as a whole."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What is read of a place now."""

    target: str
    row: str
    value: str
    """In a line; empty: there is none."""
    age: float | None
    """Seconds; None: it was never read."""
    judgement: Judgement
    why: str = ""
    """What is wrong with it, in words."""

    @property
    def told(self) -> str:
        """It in a line, with its age."""
        old = "" if self.age is None else f" ({words.age(self.age)} old)"
        return f"{self.target}: {self.value or 'no value'}{old}{f'; {self.why}' if self.why else ''}"


def places(room: Room, command: Command | None, first: str = "") -> list[Place]:
    """The places that a command is about: the row it names, else the targets of its kind; `first` before others.

    Where the profile has nothing of that kind, it is what bears the same name, or the targets of the same sort: a line
    of Compose may be about a service of systemd here.
    """
    if command is None or not command.kind:
        return []
    there = [slot.target.name for slot in room.board.slots() if slot.target.kind == command.kind]
    if asked := _asked_at(room, command):
        return [(asked, "")]
    if not there:
        return list(islice(_alike(room, command), _MOST))
    there.sort(key=lambda name: name != first)
    if wanted := wanted_of(command).lower():
        for name in there:
            if _is_called(room, name, wanted):
                return [(name, "")]
        for name in there:
            for subject, label in rows(room, name):
                if wanted in (subject.lower(), label.lower()):
                    return [(name, subject)]
        for name in there:
            meant = _meant(room, name, wanted_of(command))
            if meant is not None:
                return [(name, subject) for subject in meant[:_MOST]] or [(name, "")]
        names = named(command)
        for name in there if names else ():
            if subjects := subjects_of(room, name, names):
                return [(name, subject) for subject in subjects[:_MOST]]
    return [(name, "") for name in there[:_MOST]]


def wanted_of(command: Command) -> str:
    """The one thing that a command names; empty where it names none, or what is yet to be filled in.

    >>> wanted_of(Command(1, 1, "x", target="api")), wanted_of(Command(1, 1, "x", target="pod/<pod>"))
    ('api', '')
    """
    name = command.target.strip()
    return "" if re.search(r"[<>${}\[\]*]", name) else name


def _alike(room: Room, command: Command) -> Iterator[Place]:
    """The places that show what a reading of another world would: the rows of its names, else targets of its sort."""
    names = named(command)
    for slot in room.board.slots():
        subjects = subjects_of(room, slot.target.name, names) if names else None
        if subjects is not None:
            yield from ((slot.target.name, subject) for subject in subjects)
        elif not names and _BLOCKS.get(slot.target.kind, "") == _BLOCKS.get(command.kind):
            yield slot.target.name, ""


def _is_called(room: Room, target: str, wanted: str) -> bool:
    """Whether a target is what a command names: by its name, or by the address that it is asked at."""
    wanted = wanted.lower().rstrip("/")
    return wanted in (target.lower(), _address(room, target)) or _alone_on(room, target, wanted)


def _alone_on(room: Room, target: str, host: str) -> bool:
    """Whether a target is the only one of its kind that is asked on a host: `pg_isready -h db` means that one."""
    kind = room.board.slot(target).target.kind
    alike = [slot.target.name for slot in room.board.slots() if slot.target.kind == kind]
    there = [name for name in alike if (parts := _parts(_address(room, name))) is not None and parts.hostname == host]
    return bool(host) and there == [target]


def _address(room: Room, target: str) -> str:
    """Where a target is asked: its address, or the place in a store of objects; empty where it has none."""
    settings = room.board.slot(target).target.settings
    url, bucket, prefix = (getattr(settings, name, "") for name in ("url", "bucket", "prefix"))
    if isinstance(url, str) and url:
        return url.lower().rstrip("/")
    return f"s3://{bucket}/{prefix or ''}".lower().rstrip("/") if isinstance(bucket, str) and bucket else ""


def _parts(address: str) -> SplitResult | None:
    """What an address is made of; None: it is none, whatever it looks like.

    >>> _parts("http://api：3000/health") is None
    True
    """
    try:
        return urlsplit(address)
    except ValueError:
        return None


def _asked_at(room: Room, command: Command) -> str:
    """The target of another kind that is asked at the address of a command, or at one above it: a line of curl may be
    about an API that a kind of its own reads. Of several the nearest; empty: none, or one of its own kind is there."""
    wanted = wanted_of(command).lower().rstrip("/")
    parts = _parts(wanted)
    if parts is None or not parts.netloc:
        return ""
    found: dict[str, str] = {}
    for slot in room.board.slots():
        address = _address(room, slot.target.name)
        if address == wanted and slot.target.kind == command.kind:
            return ""
        there = _parts(address)
        path = there.path if there is not None else ""
        above = slot.target.kind != command.kind and path and wanted.startswith(f"{address}/")
        if address == wanted or above:
            found.setdefault(address, slot.target.name)
    return found[max(found, key=len)] if found else ""


def _meant(room: Room, target: str, wanted: str) -> Sequence[str] | None:
    """The rows that a command line of a target's own world means by a name, as its panel tells them."""
    slot = room.board.slot(target)
    return None if slot.snapshot is None else room.panel(slot.target).called(slot.snapshot.facts, wanted)


def named(command: Command) -> list[str]:
    """What a command speaks of, by the names that other worlds may know it by.

    >>> named(Command(1, 1, "x", target="deployment/api worker")), named(Command(1, 1, "x", target="<pod>"))
    (['api', 'worker'], [])
    """
    words = (word.rpartition("/")[2].removesuffix(".service") for word in command.target.split())
    return [word for word in words if re.fullmatch(r"[A-Za-z0-9][\w.-]*", word)]


def subjects_of(room: Room, target: str, names: list[str]) -> tuple[str, ...] | None:
    """The rows of a target by these names; None unless every one is there."""
    known: dict[str, str] = {}
    for subject, label in rows(room, target):
        known.setdefault(label.lower(), subject)
        known.setdefault(subject.lower(), subject)
    found = [known.get(name.lower()) for name in names]
    return None if None in found else tuple(one for one in found if one is not None)


def concerned(room: Room, procedure: Procedure, first: str = "") -> list[Place]:
    """Every place that the steps of a procedure are about, each target once; `first` (of its alert) first."""
    found: dict[str, str] = {first: ""} if first and first in _names(room) else {}
    for step in procedure.steps:
        for target, row in places(room, step.command, first):
            found[target] = found.get(target) or row
    return list(found.items())


def rows(room: Room, target: str) -> Iterator[tuple[str, str]]:
    """(subject, what a person calls it) of each row of a target's tables."""
    slot = room.board.slot(target)
    if slot.snapshot is None:
        return
    for table in room.panel(slot.target).tables:
        for row in islice(table.rows(slot.snapshot.facts), _ROWS):
            subject = (table.subject or table.key)(row)
            yield subject, str(table.label(row)) if table.label is not None else subject


def told_rows(room: Room, target: str) -> Iterator[tuple[str, str]]:
    """(subject, what its row says) of each row of a target's tables: what one is picked by that has a number for a
    name."""
    slot = room.board.slot(target)
    if slot.snapshot is None:
        return
    for table in room.panel(slot.target).tables:
        for row in islice(table.rows(slot.snapshot.facts), _ROWS):
            subject = (table.subject or table.key)(row)
            cells = (column.cell(row) for column in table.columns)
            texts = (" ".join((cell.text if isinstance(cell, Span) else str(cell)).split()) for cell in cells)
            said = "  ".join(text for text in texts if text not in ("", "–", subject))
            yield subject, said


def looked(room: Room, place: Place, wanted: str = "") -> Looked:
    """What is read of a place now, and whether a limit is passed there. `wanted`: the one thing that it is read for; a
    whole target that is not that thing says nothing of it."""
    target, row = place
    slot, now = room.board.slot(target), room.now
    age = slot.age(now)
    fresh = slot.freshness(now) is Freshness.FRESH
    panel = room.panel(slot.target)
    alerts = [
        one
        for one in room.alerts(target)
        if not row or one.row in ("", row) or any(panel.is_about(row, *label) for label in one.labels)
    ]
    if not shows_values(slot, now):
        why = slot.failure.message if slot.failure is not None else "not read yet"
        return Looked(target, row, "", age, Judgement.UNKNOWN, str(why))
    value = _value(room, target, row)
    if not fresh:
        return Looked(target, row, value, age, Judgement.UNKNOWN, "no fresh reading")
    if not value:
        return Looked(target, row, "", age, Judgement.UNKNOWN, "nothing of it is read")
    if wanted and not row and not _is_whole(room, target, wanted):
        return Looked(target, row, value, age, Judgement.UNKNOWN, f"no row of that name: {SafeText(wanted, 100)}")
    worst = max(alerts, key=lambda one: one.severity, default=None)
    if worst is not None:
        return Looked(target, row, value, age, Judgement.BAD, worst.words)
    return Looked(target, row, value, age, Judgement.GOOD if _judges(room, place) else Judgement.NONE)


def _is_whole(room: Room, target: str, wanted: str) -> bool:
    """Whether what a command names is all of a target: the target itself, an address below it, "pods" of a cluster."""
    below = bool(address := _address(room, target)) and wanted.lower().startswith(f"{address}/")
    return below or _is_called(room, target, wanted) or _meant(room, target, wanted) == ()


def _judges(room: Room, place: Place) -> bool:
    """True when some rule looks at what was read of a place: where none does, silence is no praise."""
    target, row = place
    slot = room.board.slot(target)
    sources = (target, slot.target.kind)
    limited = {rule.gauge for rule in room.engine.rules(target)}
    limited |= {one.name for rule in room.engine.standing_rules for one in gauges(rule.of) if one.source in sources}
    keys = slot.snapshot.gauges if slot.snapshot is not None else ()
    panel = room.panel(slot.target)
    return any(key.name in limited and (not row or _is_about(panel, row, key)) for key in keys)


def _is_about(panel: Panel[Any], row: str, key: GaugeKey) -> bool:
    return any(panel.is_about(row, *label) for label in key.labels)


def _value(room: Room, target: str, row: str) -> str:
    """A row's line of its panel, else its gauges; of a whole target its headline."""
    entry = room.entry(target)
    if row:
        line = next((one for one in entry.brief(100) if one.key == row), None)
        if line is not None:
            return _said(line)
        return _gauges(room, target, row) or next((said for one, said in told_rows(room, target) if one == row), "")
    return "  ".join(str(getattr(part, "text", part)) for part in entry.headline()) or next(
        (_said(one) for one in entry.brief(100)), ""
    )


def _gauges(room: Room, target: str, row: str) -> str:
    snapshot = room.board.slot(target).snapshot
    specs = {spec.name: spec for spec in room.engine.probe(target).gauges}
    found: list[str] = []
    for key, value in snapshot.gauges.items() if snapshot is not None else ():
        if key.name in specs and row in (text for _, text in key.labels):
            found.append(f"{key.name} {words.amount(value, specs[key.name].unit)}")
    return "  ".join(found[:_VALUES])


def _said(line: Line) -> str:
    return str(SafeText(" ".join(line.text.split()), 200))


def _names(room: Room) -> Sequence[str]:
    return [slot.target.name for slot in room.board.slots()]
