"""The order of things that several hosts wrote down, each by its own clock.

What is known to follow something never stands before it: a session's records follow one another, and a record follows
what its session knew. Apart from that the time decides, and of equal times the id. It is the order of a hybrid logical
clock (https://cse.buffalo.edu/tech-reports/2014-04.pdf), worked out afterwards from the links, so that a clock which
is wrong by a year spoils nobody else's times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final, Protocol, TypeVar

from desk import words

LEAST: Final = 1.0
"""Seconds that two clocks must differ to be worth a word."""

Place = tuple[datetime, int]
"""The moment a thing counts as, and its turn within that moment."""


class Happened(Protocol):
    """What can be put in order."""

    @property
    def id(self) -> str:
        """Unique."""
        ...

    @property
    def at(self) -> datetime:
        """When, by the clock of its host."""
        ...

    @property
    def host(self) -> str:
        """Whose clock that was; empty: nobody knows."""
        ...

    @property
    def session(self) -> str:
        """Which session wrote it; empty: nobody knows."""
        ...

    @property
    def seq(self) -> int:
        """Its number in that session."""
        ...


H = TypeVar("H", bound=Happened)


@dataclass(frozen=True, slots=True)
class Skew:
    """Two clocks that can be shown to differ: the later of two records has the earlier time."""

    ahead: str
    """The host whose clock is ahead."""
    behind: str
    """The host whose clock is behind; the same one when its clock was put back."""
    seconds: float
    """At least so many."""

    def __str__(self) -> str:
        least = words.span(self.seconds)
        if self.ahead == self.behind:
            return f"the clock of {self.ahead} was put back by at least {least}"
        return f"the clock of {self.ahead} is at least {least} ahead of that of {self.behind}"


def ordered(things: Iterable[H], after: Mapping[str, Sequence[str]]) -> list[H]:
    """Things in the order in which they happened, each once. `after`: ids of what is known to come before each."""
    return arranged(things, after)[0]


def skews(things: Iterable[H], after: Mapping[str, Sequence[str]]) -> tuple[Skew, ...]:
    """The clocks that can be shown to differ, the worst first."""
    return arranged(things, after)[1]


def arranged(things: Iterable[H], after: Mapping[str, Sequence[str]]) -> tuple[list[H], tuple[Skew, ...]]:
    """(`ordered`, `skews`) of the same things."""
    there = {one.id: one for one in things}
    before = _before(there, after)
    places = _places(there, before)
    line = sorted(there.values(), key=lambda one: (*places[one.id], one.id))
    return line, _skews(there, before)


def _skews(there: Mapping[str, H], before: Mapping[str, Sequence[str]]) -> tuple[Skew, ...]:
    found: dict[tuple[str, str], float] = {}
    for name, earlier in before.items():
        one = there[name]
        for other in (there[each] for each in earlier):
            if other.at <= one.at or not one.host or not other.host:
                continue
            seconds = (other.at - one.at).total_seconds()
            if seconds >= LEAST:
                pair = other.host, one.host
                found[pair] = max(seconds, found.get(pair, 0.0))
    made = [Skew(*pair, seconds) for pair, seconds in found.items()]
    return tuple(sorted(made, key=lambda one: (-one.seconds, one.ahead, one.behind)))


def _before(there: Mapping[str, H], after: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """For each what it is known to follow, as far as that is there."""
    found = {name: [one for one in after.get(name, ()) if one in there and one != name] for name in there}
    sessions: dict[str, list[H]] = {}
    for one in there.values():
        if one.session:
            sessions.setdefault(one.session, []).append(one)
    for several in sessions.values():
        several.sort(key=lambda one: (one.seq, one.at, one.id))
        for former, latter in pairwise(several):
            if former.seq < latter.seq:
                found[latter.id].append(former.id)
    return found


def _places(there: Mapping[str, H], before: Mapping[str, Sequence[str]]) -> dict[str, Place]:
    """Where each counts: at its own time, or directly behind the last thing it follows. What goes round in a circle,
    which no session writes, counts at its own time."""
    places: dict[str, Place] = {}
    entered: set[str] = set()
    for start in sorted(there):
        stack = [start]
        while stack:
            name = stack[-1]
            if name in places:
                stack.pop()
                continue
            waits = [one for one in before[name] if one not in places and one not in entered]
            entered.add(name)
            if waits:
                stack.extend(waits)
                continue
            stack.pop()
            earlier = [places[one] for one in before[name] if one in places]
            own = there[name].at, 0
            last = max(earlier, default=own)
            places[name] = own if not earlier or own[0] > last[0] else (last[0], last[1] + 1)
    return places
