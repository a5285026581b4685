"""What is asked of a second person, drawn: one line of a list, the whole of it, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from desk import words
from desk.second import Matter, Person, Proposal, State
from probes.base import SafeText
from widgets.folding import folded
from widgets.lines import Line, Span, Tone, dim, line, strong

_LABEL: Final = 9
"""Cells for the word at the start of a line."""
_SHORT: Final = 6
"""Last characters of an id that a person types; its first ones are the time."""

_OUTCOMES: Final = {
    State.APPROVED: ("APPROVED", Tone.GOOD),
    State.USED: ("APPROVED and used", Tone.GOOD),
    State.REFUSED: ("REFUSED", Tone.CRITICAL),
    State.EXPIRED: ("EXPIRED", Tone.WARNING),
    State.WITHDRAWN: ("WITHDRAWN", Tone.NOTICE),
}


def short(proposal: Proposal) -> str:
    """What a person calls a request."""
    return proposal.id[-_SHORT:]


def person(one: Person) -> str:
    """Who, and how that is known."""
    return f"{one.name}" + (f" ({one.proof})" if one.proof else "")


def ended(matter: Matter, width: int) -> list[Line]:
    """What came of it."""
    word, tone = _OUTCOMES[matter.state]
    answer = matter.answer
    said: str
    if matter.state is State.EXPIRED:
        said = "nobody answered in time: neither yes nor no" if answer is None else "it was not used in time"
    elif matter.state is State.WITHDRAWN:
        said = "nobody is asked any more"
    else:
        said = f"by {person(answer.by)}" if answer is not None else ""
        said += f": {answer.words}" if answer is not None and answer.words else ""
    return folded(line(" ", Span(word, tone), "  ", said), width, 3)


def pressing(waiting: Sequence[Proposal], now: datetime, key: str) -> str:
    """What waits for this person, in a line; empty: nothing does."""
    if not waiting:
        return ""
    first = waiting[0]
    count = words.plural(len(waiting), "request")
    return f"{key}: {count} for a second person, {left(first, now)} left: {first.by.name} wants to {_what(first)}"


def barred(found: Sequence[tuple[Proposal, str]], width: int) -> list[Line]:
    """What this person can't answer, and why."""
    made: list[Line] = []
    for one, why in found:
        made.append(line())
        made += folded(line(dim(f"{one.by.name} wants to "), _what(one)), width, 2)
        made += folded(line("  ", Span(f"not for you to answer: {why}", Tone.WARNING)), width, 2)
    return made


def _what(proposal: Proposal) -> str:
    return str(SafeText(proposal.what, 80))


def left(proposal: Proposal, now: datetime) -> str:
    """How long it waits on.

    >>> words.span(552)
    '9m12s'
    """
    return words.span(proposal.left(now))


def listed(waiting: Sequence[Proposal], now: datetime, width: int) -> list[Line]:
    """Each request in a line, the first to expire first."""
    made: list[Line] = []
    for one in waiting:
        head = Span(f"{left(one, now) + ' left':<16}", Tone.WARNING)
        rest = dim(f"  {one.reason}  [{short(one)}]")
        made += folded(line(head, " ", strong(f"{one.by.name}: {_what(one)}"), rest, key=one.id), width, 18)
    return made


def whole(one: Proposal, now: datetime, width: int, waits: bool = True) -> list[Line]:
    """All of a request: nobody agrees to what they have not seen. `waits`: it can still be answered."""
    tone = Tone.CRITICAL if one.danger.isupper() else Tone.NOTICE
    made = [*folded(line(" ", strong(one.what), "   ", Span(one.danger, tone)), width, 3), line()]
    made += _labelled("asked by", [person(one.by)], width)
    made += _labelled("why", [one.reason], width)
    made += _labelled("where", [f"{one.system} {one.environment.upper()}  {one.where}"], width)
    made += _labelled("what", one.changes, width)
    made += _labelled("felt", one.felt, width)
    made += _labelled("command", one.command, width)
    made += _labelled("undo", [one.undo], width)
    if waits:
        made += _labelled("waits", [f"{left(one, now)} more; then it has expired, which is neither yes nor no"], width)
    return made


def _labelled(label: str, texts: Sequence[str], width: int) -> list[Line]:
    made: list[Line] = []
    for number, text in enumerate(texts):
        made += folded(line(" ", dim(f"{label if number == 0 else '':<{_LABEL}}"), text), width, _LABEL + 1)
    return made
