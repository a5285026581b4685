"""Cases as lines to look at: what two systems tell of is one, and many of one rule on one target are one as well."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from desk.inbox.case import Case, Standing

FOLD: Final = 4
"""Alerts of one rule on one target that become one line."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line: an alert, or several that are told together."""

    cases: tuple[Case, ...]
    """At least one; the most urgent first."""
    alerts: int = 1
    """How many alerts it stands for; what two systems tell of is one."""
    key: str = ""

    @property
    def face(self) -> Case:
        """The one whose words it shows."""
        return self.cases[0]

    @property
    def folded(self) -> bool:
        """True when it stands for several alerts."""
        return self.alerts > 1

    @property
    def sources(self) -> str:
        """Who says so, each once."""
        return ", ".join(dict.fromkeys(case.source for case in self.cases))

    @property
    def handed(self) -> str:
        """Who has all of it in hand; empty: nobody, or not of all."""
        names = list(dict.fromkeys(case.handed for case in self.cases if case.handed))
        if self.folded and not all(case.handed for case in self.cases):
            return ""
        return ", ".join(names)


def items(cases: Iterable[Case], opened: Collection[str] = ()) -> list[Item]:
    """The lines for cases in the order of urgency. `opened`: keys of folded lines whose alerts stand by themselves."""
    singles: dict[str, list[Case]] = {}
    for case in cases:
        singles.setdefault(_mark(case), []).append(case)
    folds: dict[str, list[list[Case]]] = {}
    for found in singles.values():
        folds.setdefault(_fold(found[0]), []).append(found)
    made: list[Item] = []
    for key, alerts in folds.items():
        if len(alerts) >= FOLD and key not in opened:
            made.append(Item(tuple(case for found in alerts for case in found), len(alerts), key))
        else:
            made += [Item(tuple(found), 1, _mark(found[0])) for found in alerts]
    places = {id(case): place for place, found in enumerate(singles.values()) for case in found}
    return sorted(made, key=lambda item: places[id(item.face)])


def speaking(cases: Iterable[Case]) -> tuple[list[Case], int]:
    """(those that are not silenced, how many alerts are)."""
    known = list(cases)
    loud = [case for case in known if case.standing is not Standing.SILENCED]
    silent = {_mark(case) for case in known if case.standing is Standing.SILENCED} - {_mark(case) for case in loud}
    return loud, len(silent)


def number(cases: Sequence[Case]) -> int:
    """How many alerts these are; what two systems tell of is one."""
    return len({_mark(case) for case in cases})


def _mark(case: Case) -> str:
    fingerprint = case.alert.theirs.fingerprint if case.alert.theirs is not None else ""
    return f"same {fingerprint}" if fingerprint else f"{case.alert.identity} {case.id if case.cleared else ''}".strip()


def _fold(case: Case) -> str:
    return f"fold {case.alert.target} {case.alert.rule} {case.standing.value}"
