"""Where a procedure has several ways to go on, and which steps belong to which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from desk.runbook.book import Procedure, StepKind


@dataclass(frozen=True, slots=True)
class Fork:
    """Steps that belong to one way or another; a person says which is taken."""

    at: int
    """Number of the step at which it is decided: the decision before them, else their first."""
    ways: Mapping[int, str]
    """The way of each of its steps, by number."""

    @property
    def names(self) -> tuple[str, ...]:
        """The ways, in order."""
        return tuple(dict.fromkeys(self.ways.values()))


def forks(procedure: Procedure) -> tuple[Fork, ...]:
    """The forks of a procedure: steps of one part that stand together and name a way, after their decision if any."""
    found: list[Fork] = []
    number = 0
    for part in procedure.parts:
        at: int | None = None
        ways: dict[int, str] = {}
        for step in part.steps:
            if step.kind is StepKind.DECISION or not step.choice:
                found += [Fork(_at(at, ways), ways)] if ways else []
                at, ways = (number if step.kind is StepKind.DECISION else None), {}
            else:
                ways[number] = step.choice
            number += 1
        found += [Fork(_at(at, ways), ways)] if ways else []
    return tuple(found)


def _at(decision: int | None, ways: Mapping[int, str]) -> int:
    return decision if decision is not None else min(ways)
