"""Who is on call now, as a PagerDuty target of the board last said; nothing is asked anew."""

from __future__ import annotations

from typing import Final

from desk.board import Board, Freshness
from probes.alerting.pagerduty.facts import OnCall, PagerDutyFacts

UNKNOWN: Final = "not known who is on call"


def on_call(board: Board, reference: str, now: float) -> str:
    """The people behind "pagerduty:SCHEDULE" (its id or its name), in the order they are told; or that nobody knows.

    `now` in monotonic seconds: an old answer is none.
    """
    system, _, wanted = reference.partition(":")
    found: list[OnCall] = []
    for slot in board.slots() if system == "pagerduty" and wanted else ():
        facts = slot.snapshot.facts if slot.snapshot is not None else None
        if isinstance(facts, PagerDutyFacts) and slot.freshness(now) is Freshness.FRESH:
            found += [one for one in facts.on_call or () if wanted.casefold() in _names(one)]
    people = dict.fromkeys(str(one.user) for one in sorted(found, key=lambda one: one.level))
    return ", ".join(people) or UNKNOWN


def _names(one: OnCall) -> tuple[str, ...]:
    """What a schedule is called, in lower case: its name, and the id within the key."""
    parts = one.key.split("/")
    return str(one.schedule).casefold(), parts[2].casefold() if len(parts) > 2 else ""
