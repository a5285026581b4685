"""What a chart is made of: the history on disk and the hour in memory, limits of rules, and what happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from desk.alert import Identity
from desk.audit.record import Code
from desk.condition import Gauge, Over
from desk.history.bucket import LONG_STEP, STEP, Bucket, Cell
from desk.history.course import gaps
from desk.history.file import ArchiveError
from desk.history.past import Past
from desk.inbox.case import What
from desk.tape.scribe import read_alerts, read_identity
from desk.tape.tape import Tape, TapeError
from desk.words import clock, plural, span
from probes.base import GaugeKey, GaugeSpec, SafeText, Severity, Unit
from tui.room import Room
from widgets.chart import Limit, Mark
from widgets.lines import SIGNS, TONES, Tone

DAY: Final = 86400.0
WEEK: Final = 7 * DAY

FINE: Final = 2 * DAY
"""Seconds up to which minutes are asked for; of longer windows the long tier shows enough."""

_ONE: Final = Cell(1, 0.0, 0.0, 0.0, 0.0)

_SAID: Final = 3
"""Times without anybody that are named; more are counted."""

_MARKS: Final = 2000
"""Marks of the black box about one target that are looked at, the newest."""

_DONE: Final = frozenset({Code.SENT.value, Code.DONE.value, Code.PARTIAL.value, Code.UNKNOWN.value})
"""Records of an act that has reached the system, or may have."""

_SAME: Final = 5.0
"""Seconds within which two marks of one sign are one thing that happened."""

_PER_SECOND: Final = {Unit.COUNT: Unit.PER_SECOND, Unit.BYTES: Unit.BYTES_PER_SECOND, Unit.SECONDS: Unit.RATIO}
"""In what the growth of a counter is told."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is wanted of the file."""

    path: Path | None
    target: str
    keys: tuple[GaugeKey, ...]
    """The one that is looked at first."""
    since: float
    until: float


@dataclass
class Kept:
    """What the file has."""

    courses: dict[GaugeKey, list[Bucket]] = field(default_factory=dict)
    yesterday: list[Bucket] = field(default_factory=list)
    week: list[Bucket] = field(default_factory=list)
    watched: list[tuple[float, float]] = field(default_factory=list)
    gauges: list[GaugeKey] = field(default_factory=list)
    began: float | None = None
    marks: list[Mark] = field(default_factory=list)
    """What the black box beside it says happened."""
    trouble: str = ""
    """Why it has nothing, in words; empty: it was read."""


def fetch(ask: Ask) -> Kept:
    """Read the file; in a thread of its own."""
    if ask.path is None:
        return Kept(trouble="no history is kept on disk")
    step = STEP if ask.until - ask.since <= FINE else LONG_STEP
    kept = Kept()
    try:
        with Past.read(ask.path) as past:
            for key in ask.keys:
                kept.courses[key] = past.window(ask.target, key, ask.since, ask.until, step)
            for back, course in ((DAY, kept.yesterday), (WEEK, kept.week)):
                course += past.window(ask.target, ask.keys[0], ask.since - back, ask.until - back, step)
            kept.watched = past.watched(ask.since, ask.until)
            kept.gauges = past.gauges(ask.target)
            kept.began = past.began(ask.target, ask.keys[0])
    except ArchiveError as error:
        missing = not ask.path.exists()
        kept.trouble = "no history is on disk yet" if missing else f"the history on disk can't be read: {error}"
    kept.marks = _recorded(ask)
    return kept


def _recorded(ask: Ask) -> list[Mark]:
    """What the black box of the same system says was done, came and went; nothing where there is none."""
    assert ask.path is not None
    found: list[Mark] = []
    acts, said = set[str](), dict[Identity, str]()
    with suppress(TapeError):
        tape = Tape.read(ask.path.with_name("tape.db"))
        try:
            first, last = datetime.fromtimestamp(ask.since, UTC), datetime.fromtimestamp(ask.until, UTC)
            for mark in tape.newest_marks(ask.target, first, last, ("act", "alert"), _MARKS):
                if mark.sort == "alert":
                    came = read_alerts(_listed(mark.body, "came"))
                    said.update((one.identity, one.words) for one in came)
                    found += [_raised(mark.at, one.severity, one.words) for one in came]
                    found += [_cleared(mark.at, said.get(one, one.about)) for one in _went(mark.body)]
                elif mark.body.get("what") in _DONE and mark.body.get("act") not in acts:
                    acts.add(str(mark.body.get("act")))
                    found.append(Mark(mark.at.timestamp(), "►", Tone.KEY, _by(mark.body), 9))
        finally:
            tape.close()
    return found


def _listed(body: Mapping[str, Any], name: str) -> Sequence[Any]:
    """A list in a mark; none where another version wrote it otherwise."""
    found = body.get(name)
    return found if isinstance(found, list) else ()


def _went(body: Mapping[str, Any]) -> Iterator[Identity]:
    for one in _listed(body, "went"):
        with suppress(ValueError):
            yield read_identity(one)


def _by(act: Mapping[str, Any]) -> str:
    return str(SafeText(f"{act.get('title') or 'an act'}, by {act.get('who') or 'somebody'}", 200))


def spec_of(room: Room, target: str, name: str) -> GaugeSpec:
    """The declaration of a gauge; of one that nobody declared its name alone."""
    kind = room.board.slot(target).target.kind
    declared = {spec.name: spec for spec in room.kinds.facts(kind).gauges}
    declared |= {spec.name: spec for spec in room.engine.probe(target).gauges}
    return declared.get(name, GaugeSpec(name, ""))


def unit_of(spec: GaugeSpec) -> Unit:
    """In which unit its chart is: of a counter how fast it grows."""
    return _PER_SECOND.get(spec.unit, spec.unit) if spec.counter else spec.unit


def limits_of(room: Room, target: str, key: GaugeKey) -> list[Limit]:
    """Where rules begin to speak of a gauge."""
    found = [Limit(rule.threshold, rule.severity) for rule in room.engine.rules(target) if rule.gauge == key.name]
    labels = dict(key.labels)
    for rule in room.engine.standing_rules:
        of = rule.of.gauge if isinstance(rule.of, Over) and rule.of.statistic not in ("rate", "delta") else rule.of
        if not isinstance(of, Gauge) or (of.source, of.name) != (target, key.name):
            continue
        if all(where.suits(labels.get(where.label, "")) for where in of.where):
            found += [Limit(level.limit.value, level.severity) for level in rule.levels]
    return list(dict.fromkeys(found))


def marks_of(room: Room, target: str, since: float, until: float, recorded: Sequence[Mark] = ()) -> list[Mark]:
    """What happened to a target in a window: alerts that came and went, and what was done.

    `recorded`: what the black box knows; what this session knows too is told once.
    """
    first, last = datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC)
    found: list[Mark] = []
    told = set()
    for change in room.engine.inbox.changes(first, last):
        alert = change.case.alert
        if alert.target != target:
            continue
        if change.what in (What.RAISED, What.WORSE):
            told.add(alert.identity)
            found.append(_raised(change.at, alert.severity, alert.words))
        elif change.what is What.CLEARED:
            found.append(_cleared(change.at, alert.words))
    for alert in room.alerts(target):
        if first <= alert.at <= last and alert.identity not in told:
            found.append(_raised(alert.at, alert.severity, alert.words))
    now, wall = room.engine.clock.monotonic(), room.engine.clock.now().timestamp()
    for deed in room.deeds:
        from widgets.act import aim  # where there is no deed nothing that speaks of acts is loaded: the wall has none

        at = wall - (now - deed.began)
        if deed.plan.target == target and not deed.refused:
            found.append(Mark(at, "►", Tone.KEY, f"{aim(deed.plan)}: {deed.reason}", 9))
    for mark in recorded:
        if not any(other.sign == mark.sign and abs(other.at - mark.at) <= _SAME for other in found):
            found.append(mark)
    return sorted((mark for mark in found if since <= mark.at <= until), key=lambda mark: mark.at)


def _raised(at: datetime, severity: Severity, words: str) -> Mark:
    return Mark(at.timestamp(), SIGNS[severity].value, TONES[severity], words, 2 + severity)


def _cleared(at: datetime, words: str) -> Mark:
    return Mark(at.timestamp(), "●", Tone.GOOD, f"cleared: {words}", 1)


def nothing(room: Room, kept: Kept, target: str, shown: Sequence[Bucket], since: float, until: float) -> list[str]:
    """Why there is nothing, or not everything, to be seen in a window; in words."""
    began = room.board.series(target).began
    now, wall = room.engine.clock.monotonic(), room.engine.clock.now().timestamp()
    watched = [*kept.watched, *([(wall - (now - began), wall)] if began is not None else [])]
    unwatched = gaps([Bucket(start, end - start, _ONE) for start, end in sorted(watched)], since, until)
    first = min([*(one.start for one in shown), *([kept.began] if kept.began is not None else [])], default=None)
    said = [kept.trouble]
    if room.historian is not None:
        standing = room.historian.standing
        said = [f"history {standing.words}" if standing.ill else kept.trouble, standing.note]
    if first is None:
        said.append("there is no value of this gauge yet" if not shown else "")
    elif first >= until:
        said.append(f"this gauge began later, at {_when(first, wall)}")
    elif first > since + 60:
        said.append(f"this gauge began {span(max(0, int(wall - first)))} ago, at {_when(first, wall)}")
        unwatched = [(max(start, first), end) for start, end in unwatched if end > first]
    long = [(start, end) for start, end in unwatched if end - start >= max(90.0, (until - since) / 200)]
    if first is not None:
        said += [f"nobody watched from {_when(start, wall)} to {_when(end, wall)}" for start, end in long[:_SAID]]
        if len(long) > _SAID:
            said.append(f"and at {plural(len(long) - _SAID, 'other time')}")
    if not shown and not long and first is not None and first < until:
        said.append(f"it was watched, and {target} gave no such value")
    return [one for one in said if one]


def _when(at: float, wall: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    text = clock(moment) if moment.second else f"{moment:%H:%M}"
    return text if abs(wall - at) < DAY / 2 else f"{moment:%Y-%m-%d} {text}"


def gauge_of(room: Room, target: str, row: str) -> GaugeKey | None:
    """The gauge behind a row: the one an alert speaks of, else the first that moves; those that rules ask for first.

    None: the target has no gauge that is remembered.
    """
    known = list(room.board.series(target).keys())
    if not known and (slot := room.board.slot(target)).snapshot is not None:
        known = list(slot.snapshot.gauges)  # a replay reads what was before beside it, and after it
    of_row = [key for key in known if row and row in (text for _, text in key.labels)]
    for alert in room.alerts(target):
        key = GaugeKey(alert.gauge, alert.labels)
        if key in known and (not row or key in of_row or alert.row == row):
            return key
    asked = [rule.gauge for rule in room.engine.rules(target)]
    declared = [spec.name for spec in room.engine.probe(target).gauges]
    order = {name: place for place, name in reversed(list(enumerate([*asked, *declared])))}
    found = sorted(of_row or known, key=lambda key: (order.get(key.name, len(order)), key))
    if not of_row:
        found.sort(key=lambda key: bool(key.labels))
    values = room.board.series(target)
    moving = (key for key in found if len({*values.values(key.name, **dict(key.labels))} - {None}) > 1)
    return next(moving, found[0] if found else None)
