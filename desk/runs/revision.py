"""What became of a procedure since a run of it began: the file may have been edited meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher

from desk.runbook.book import Procedure, Runbook, Step


@dataclass(frozen=True, slots=True)
class Change:
    """One difference, by the steps' texts."""

    number: int | None
    """The step of the run that it is about, from 0; None: it is new."""
    was: str = ""
    now: str = ""


def changes(before: Procedure, now: Procedure | None) -> tuple[Change, ...]:
    """What differs between the steps as the run has them and as they stand in the file now, in order.

    A procedure that is not there any more has lost all of them.
    """
    old, new = list(map(_said, before.steps)), list(map(_said, now.steps)) if now is not None else []
    found: list[Change] = []
    for tag, first, end, start, stop in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        pairs = max(end - first, stop - start)
        for place in range(pairs):
            number = first + place if first + place < end else None
            found.append(
                Change(
                    number,
                    old[first + place] if number is not None else "",
                    new[start + place] if start + place < stop else "",
                )
            )
    return tuple(found)


def same(before: Procedure, books: Iterable[Runbook], path: str) -> Procedure | None:
    """The procedure of that title in a runbook as it is now, the nearest of several; None: it is not there."""
    there = [one for book in books if book.path == path for one in book.procedures if one.title == before.title]
    return min(there, key=lambda one: (one.path != before.path, abs(one.line - before.line)), default=None)


def moved(before: Procedure, number: int, now: Procedure) -> int | None:
    """Where a step, counted from 0, stands in another revision; None: nothing there says the same."""
    old, new = list(map(_said, before.steps)), list(map(_said, now.steps))
    for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        if block.a <= number < block.a + block.size:
            return block.b + number - block.a
    return None


def _said(step: Step) -> str:
    """What a person reads and does, without where it stands: blanks make no difference."""
    parts = (step.choice, step.title, step.text, step.command.text if step.command is not None else "")
    return " | ".join(dict.fromkeys(" ".join(part.split()) for part in parts if part))
