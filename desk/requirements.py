"""What an act needs to be so elsewhere, held against the board: a fresh backup before a migration.

Missing is never zero, and old is never good enough: only a fresh value that keeps the limit meets a requirement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from desk import words
from desk.board import Board, Freshness, Slot
from probes.base import GaugeKey, Plan, Requirement, SafeText, Unit

_AGE: Final = "age_seconds"
"""How the name of a gauge ends that tells an age: it has grown since it was read."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A requirement, and how it stands."""

    requirement: Requirement
    met: bool
    said: str
    """How it is now: "newest of backups.nightly is 9 h old"."""

    @property
    def words(self) -> str:
        """Both: "a backup younger than 1 h: newest of backups.nightly is 9 h old"."""
        return f"{needed(self.requirement)}: {self.said}"


Find = Callable[[Plan], Sequence[Finding]]
"""How everything a plan requires stands now."""


class Requirements:
    """Holds plans against a board."""

    def __init__(self, board: Board, now: Callable[[], float], units: Mapping[str, Mapping[str, Unit]]) -> None:
        """`units`: of the gauges of each target; `now` gives monotonic seconds."""
        self._board = board
        self._now = now
        self._units = units

    def __call__(self, plan: Plan) -> tuple[Finding, ...]:
        """How each requirement of a plan stands now, in its order."""
        return tuple(map(self.find, plan.requires))

    def find(self, one: Requirement) -> Finding:
        """How one stands now."""
        slot = self._slot(one.target)
        if slot is None:
            return Finding(one, False, f"this profile has no target {SafeText(one.target, 60)}")
        now, name = self._now(), f"{slot.target.kind}.{slot.target.name}"
        fresh, age = slot.freshness(now), slot.age(now)
        if fresh is Freshness.WAITING or slot.snapshot is None or age is None:
            return Finding(one, False, f"{name} was not read yet")
        if fresh is not Freshness.FRESH:
            why = f" ({slot.failure.cause.value})" if slot.failure is not None else ""
            return Finding(one, False, f"{name} was last read {words.age(age)} ago{why}: how it is now is not known")
        value = slot.snapshot.gauges.get(GaugeKey(one.gauge, one.labels))
        if value is None:
            stem = _stem(one).removeprefix("newest").strip()
            if stem and not one.labels and one.gauge.endswith(_AGE):
                return Finding(one, False, f"{name} has no {stem} one now; make one there first")
            return Finding(one, False, f"{name} has no {_called(one)}{self._others(one, slot)}")
        if one.gauge.endswith(_AGE):
            value += age
        high = one.at_most is not None and value > one.at_most
        low = one.at_least is not None and value < one.at_least
        bounded = one.at_most is not None or one.at_least is not None
        way = "; make a newer one there first" if high and one.gauge.endswith(_AGE) else ""
        return Finding(one, bounded and not high and not low, f"{self._value(one, name, value)}{way}")

    def _slot(self, target: str) -> Slot | None:
        kind, _, name = target.rpartition(".")
        try:
            slot = self._board.slot(name)
        except KeyError:
            return None
        return slot if kind in ("", slot.target.kind) else None

    def _value(self, one: Requirement, name: str, value: float) -> str:
        stem = _stem(one)
        labels = "".join(f" {text}" for _, text in one.labels)
        of = f"{name}{labels}"
        if one.gauge.endswith(_AGE):
            return f"{f'{stem} of {of}' if stem else of} is {words.age(max(0.0, value))} old"
        unit = self._units.get(one.target.rpartition(".")[2], {}).get(one.gauge, Unit.COUNT)
        return f"{one.gauge.replace('_', ' ')} of {of} is {words.amount(value, unit)}"

    def _others(self, one: Requirement, slot: Slot) -> str:
        """The same gauge with other labels, which may have been meant."""
        assert slot.snapshot is not None
        there = [str(key) for key in slot.snapshot.gauges if key.name == one.gauge]
        return f"; it has {SafeText(', '.join(there[:3]), 120)}" if there else " now"


def _stem(one: Requirement) -> str:
    """What an age is of, by its gauge's name: "newest good"."""
    return one.gauge.removesuffix(_AGE).rstrip("_").replace("_", " ")


def _called(one: Requirement) -> str:
    return str(SafeText(str(GaugeKey(one.gauge, one.labels)), 120))


def needed(one: Requirement) -> str:
    """What is needed, for a person."""
    if one.words:
        return str(SafeText(one.words, 200))
    limits = [f"at most {one.at_most:g}"] if one.at_most is not None else []
    limits += [f"at least {one.at_least:g}"] if one.at_least is not None else []
    return f"{_called(one)} of {SafeText(one.target, 60)} {' and '.join(limits)}"


def unmet(plan: Plan, found: Sequence[Finding]) -> str:
    """Why a plan must wait: the first requirement that is not met, or that nobody looked at. Empty: it need not."""
    by_requirement = {one.requirement: one for one in found}
    for one in plan.requires:
        finding = by_requirement.get(one)
        if finding is None:
            return f"needs {needed(one)}: it is not known here"
        if not finding.met:
            return f"needs {finding.words}"
    return ""
