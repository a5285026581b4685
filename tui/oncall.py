"""Who is on call, as a PagerDuty target of the board last said, and how long ago; nothing is asked anew."""

from __future__ import annotations

from desk import words
from desk.board import Board
from probes.alerting.pagerduty.facts import OnCall, PagerDutyFacts
from probes.base import SafeText


def on_call(board: Board, reference: str, now: float) -> str:
    """The people behind "pagerduty:SCHEDULE" (its id or its name), in the order they are told, with the age of the
    answer; or that nobody knows. `now` in monotonic seconds. Empty for no reference.
    """
    system, _, wanted = reference.partition(":")
    found: list[OnCall] = []
    ages = [0.0]
    for slot in board.slots() if system == "pagerduty" and wanted else ():
        facts = slot.snapshot.facts if slot.snapshot is not None else None
        there = facts.on_call or () if isinstance(facts, PagerDutyFacts) else ()
        if those := [one for one in there if wanted.casefold() in _names(one)]:
            found += those
            ages.append(slot.age(now) or 0.0)
    if not found:
        return f"on call: not known here, ask {SafeText(reference, 60)}" if reference else ""
    people = dict.fromkeys(str(one.user) for one in sorted(found, key=lambda one: one.level))
    return f"on call: {', '.join(people)}, as of {words.age(max(ages))} ago"


def _names(one: OnCall) -> tuple[str, ...]:
    """What a schedule is called, in lower case: its name, and the id within the key."""
    parts = one.key.split("/")
    return str(one.schedule).casefold(), parts[2].casefold() if len(parts) > 2 else ""
