"""How a box stands by what was read: good, amber, bad, or unknown with its reason. Pure; nothing is asked here.

A value that is missing or old is never good: what can't be seen to be so is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from desk import words
from desk.alert import Alert
from desk.board import Board, Freshness, Slot
from desk.checklist.box import Box, Checklist, Test
from desk.condition import Across, Expression, Gauge, Limit, Number, Over, Sum, duration, gauges
from desk.evaluate import COMPARE, Labels, values
from desk.standing import SpecOf, of_target, unit_of
from probes.base import Cause, Gap, Severity, Unit


class Verdict(Enum):
    """How a box stands."""

    GOOD = "good"
    AMBER = "amber"
    """Neither good nor bad: between the two limits."""
    BAD = "bad"
    UNKNOWN = "unknown"
    """It can't be seen."""
    TO_DO = "to do"
    """A person has to look, and has not yet."""


RANK: Final[Mapping[Verdict, int]] = {
    Verdict.GOOD: 0, Verdict.TO_DO: 1, Verdict.AMBER: 2, Verdict.UNKNOWN: 3, Verdict.BAD: 4,
}  # fmt: skip
"""The worse, the higher."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict and what proves it."""

    verdict: Verdict
    words: str = ""
    """The value, or why there is none."""
    value: float | None = None
    """In its base unit; of several the one that decided."""
    unit: Unit = Unit.COUNT
    about: str = ""
    """What tells it from its likes: "/var"; empty: it has none."""
    age: float | None = None
    """Seconds since that was read; of several the oldest."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a box is judged by."""

    board: Board
    alerts: Sequence[Alert]
    now: float
    """Monotonic seconds."""
    kinds: Mapping[str, str]
    """Target to kind."""
    spec: SpecOf
    """(target, gauge): its declaration."""

    def targets(self, source: str) -> tuple[str, ...]:
        """The targets that a name means: itself, or all of a kind."""
        if source in self.kinds:
            return (source,)
        return tuple(name for name, kind in self.kinds.items() if kind == source)


def needed(checklist: Checklist, kinds: Mapping[str, str]) -> list[str]:
    """The targets that must be read for a checklist. `kinds`: target to kind."""
    sources = {source for box in checklist.boxes for source in box.sources}
    return [name for name, kind in kinds.items() if name in sources or kind in sources]


def judge(box: Box, sight: Sight) -> Judged:
    """How a box stands now."""
    if box.test is not None:
        found = _tested(box.test, sight)
        return found if box.by_itself else replace(found, verdict=Verdict.TO_DO)
    if box.reading:
        return _read(box.reading, sight)
    return Judged(Verdict.TO_DO)


def _blind(slot: Slot, now: float) -> str:
    """Why a target's values can't be trusted now; empty: they can."""
    name, fresh = slot.target.name, slot.freshness(now)
    if fresh is Freshness.FRESH:
        return ""
    if slot.failure is not None:
        return f"{name}: {slot.failure.cause.value}, {slot.failure.message}"
    age = slot.age(now)
    return f"{name}: no answer yet" if age is None else f"{name}: no answer for {words.age(age)}"


def _age(slots: Iterable[Slot], now: float) -> float | None:
    return max((age for slot in slots if (age := slot.age(now)) is not None), default=None)


# a row of the system itself


def _read(reading: str, sight: Sight) -> Judged:
    name, _, row = reading.partition("/")
    if name not in sight.kinds:
        return Judged(Verdict.UNKNOWN, f"{name} is not in the profile")
    slot = sight.board.slot(name)
    if blind := _blind(slot, sight.now):
        return Judged(Verdict.UNKNOWN, blind, age=_age([slot], sight.now))
    age = slot.age(sight.now)
    found = [one for one in sight.alerts if one.target == name and (not row or row in _rows(one))]
    worst = max(found, key=lambda one: one.severity, default=None)
    if worst is not None and worst.severity > Severity.NOTICE:
        verdict = Verdict.BAD if worst.severity is Severity.CRITICAL else Verdict.AMBER
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        return Judged(verdict, f"{worst.words}{more}", worst.value, worst.unit, age=age)
    if row and not _is_there(row, slot):
        return Judged(Verdict.UNKNOWN, f"{name} has nothing called {row}", age=age)
    gaps = slot.snapshot.gaps if slot.snapshot is not None and not row else ()
    if gap := next((one for one in gaps if one.cause not in _NOT_INSTALLED), None):
        return Judged(Verdict.UNKNOWN, _gap(slot, gap), age=age)
    return Judged(Verdict.GOOD, "no alert", age=age)


_NOT_INSTALLED: Final = (Cause.MISSING, Cause.VERSION)
"""Parts that this target does not have; its panel says so, and it may be well without them."""


def _rows(alert: Alert) -> set[str]:
    return {alert.row, *(text for _, text in alert.labels)}


def _is_there(row: str, slot: Slot) -> bool:
    """True when the newest reading has a number of that row."""
    gauges_ = slot.snapshot.gauges if slot.snapshot is not None else {}
    return any(row == text for key in gauges_ for _, text in key.labels)


# a number


def _tested(test: Test, sight: Sight) -> Judged:
    kinds = [source for source in test.targets if source not in sight.kinds]
    if not kinds:
        return _of(test, test.of, sight)
    targets = sight.targets(kinds[0])
    if not targets:
        return Judged(Verdict.UNKNOWN, f"{kinds[0]} is not in the profile")
    judged = [
        _of(test, of_target(test.of, kinds[0], name), sight, name if len(targets) > 1 else "") for name in targets
    ]
    return max(judged, key=lambda one: RANK[one.verdict])


def _of(test: Test, of: Expression, sight: Sight, named: str = "") -> Judged:
    """One expression; `named` is said of its value where several targets have one."""
    names = list(dict.fromkeys(gauge.source for gauge in gauges(of)))
    strange = next((name for name in names if name not in sight.kinds), None)
    if strange is not None:
        return Judged(Verdict.UNKNOWN, f"{strange} is not in the profile")
    slots = [sight.board.slot(name) for name in names]
    age = _age(slots, sight.now)
    if blind := next((said for slot in slots if (said := _blind(slot, sight.now))), ""):
        return Judged(Verdict.UNKNOWN, blind, age=age)
    found = values(of, sight.board, sight.now, lambda name, gauge: _counter(sight, name, gauge))
    unit = unit_of(of, sight.spec)
    if not found:
        return Judged(Verdict.UNKNOWN, _why_none(of, sight), unit=unit, age=age)
    if blind := _partial(of, slots):
        return Judged(Verdict.UNKNOWN, blind, unit=unit, age=age)
    labels, value = max(found.items(), key=lambda one: (RANK[verdict(test, one[1])], _distance(test, one[1])))
    if verdict(test, value) is Verdict.GOOD and _several(of, found) and (blind := _unseen(slots)):
        return Judged(Verdict.UNKNOWN, blind, unit=unit, age=age)
    about = " ".join([*([named] if named else []), *_telling(labels, found)])
    said = words.amount(value, unit)
    return Judged(verdict(test, value), f"{said}{f' ({about})' if about else ''}", value, unit, about, age)


def _partial(of: Expression, slots: Sequence[Slot]) -> str:
    """Why what is counted or added up may be more than was seen; empty: it is all there."""
    return _unseen(slots) if any(isinstance(part, Across) for part in _parts(of)) else ""


def _several(of: Expression, found: Mapping[Labels, float]) -> bool:
    """True when it asks for every row there is, and one more may be among what was not read."""
    pinned = {where.label for gauge in gauges(of) for where in gauge.where if where.how == "="}
    return any(name not in pinned for labels in found for name, _ in labels)


def _unseen(slots: Sequence[Slot]) -> str:
    """A part of these targets that they have and that could not be read; empty: there is none."""
    gaps = ((slot, gap) for slot in slots if slot.snapshot is not None for gap in slot.snapshot.gaps)
    return next((_gap(slot, gap) for slot, gap in gaps if gap.cause not in _NOT_INSTALLED), "")


def _gap(slot: Slot, gap: Gap) -> str:
    return f"{slot.target.name}: {gap.part} could not be read ({gap.cause.value})"


def _counter(sight: Sight, target: str, gauge: str) -> bool:
    spec = sight.spec(target, gauge)
    return spec is not None and spec.counter


def _why_none(of: Expression, sight: Sight) -> str:
    windows = list(_windows(of))
    long = max((one.window + one.ago for one in windows), default=0.0)
    if long:
        names = {gauge.source for gauge in gauges(of)}
        began = [sight.board.series(name).began for name in names]
        watched = min((sight.now - one for one in began if one is not None), default=0.0)
        if watched < long:
            return f"needs {duration(long)} of readings, there are {words.span(int(watched))}"
    return f"no value of {of}"


def _parts(of: Expression) -> Iterable[Expression]:
    """An expression and all that it is made of."""
    yield of
    match of:
        case Sum():
            yield from _parts(of.left)
            yield from _parts(of.right)
        case Across():
            yield from _parts(of.of)
        case Gauge() | Over() | Number():
            pass


def _windows(of: Expression) -> Iterable[Over]:
    return (part for part in _parts(of) if isinstance(part, Over))


def _telling(labels: Labels, found: Mapping[Labels, float]) -> list[str]:
    """The labels of one that its likes don't have."""
    if len(found) == 1:
        return []
    return [text for name, text in labels if any(dict(other).get(name) != text for other in found)]


def verdict(test: Test, value: float) -> Verdict:
    """How a number stands against the limits.

    >>> from desk.condition import parse_expression, parse_limit
    >>> one = Test(parse_expression("a.b"), good=parse_limit("< 100"), critical=parse_limit("> 1000"))
    >>> [verdict(one, value).value for value in (5, 100, 1001)]
    ['good', 'amber', 'bad']
    """
    if test.critical is not None and _holds(test.critical, value):
        return Verdict.BAD
    if test.good is not None:
        if _holds(test.good, value):
            return Verdict.GOOD
        return Verdict.BAD if test.critical is None else Verdict.AMBER
    if test.warn is not None and _holds(test.warn, value):
        return Verdict.AMBER
    return Verdict.GOOD


def _holds(limit: Limit, value: float) -> bool:
    return COMPARE[limit.op](value, limit.value)


def _distance(test: Test, value: float) -> float:
    """How far a number lies on the bad side: of several that stand alike the furthest is told."""
    limit = test.good or test.warn or test.critical
    if limit is None:
        return value
    if limit.op in ("==", "!="):
        return abs(value - limit.value)
    upwards = limit.op[0] == ("<" if test.good is not None else ">")
    return value if upwards else -value
