"""Whether a session is really gone, or its query over: told by identity, never by the answer to the signal."""

from __future__ import annotations

from typing import Final

from probes.base import Outcome, Plan, Result, SafeText, Subject, Truth, Verdict, lasted
from probes.postgres.facts import Session
from probes.postgres.guard import is_session, same_query
from probes.postgres.plans import counted
from probes.postgres.sight import Sight

FREED: Final = "waited"
"""Name of the outcome's fact that holds the sessions which waited: "pid backend_start;pid backend_start"."""
_WAKES: Final = 1.5
"""Seconds those that waited get to go on, and a session whose query was just over gets to end."""


def is_true(plan: Plan, subject: Subject, outcome: Outcome, after: float, sight: Sight) -> Verdict:
    """What a look says about one act, `after` seconds since its answer."""
    was, now = dict(plan.pin), dict(sight.pin)
    if was.get("standby") != now["standby"] or _differ(was, now, "system_identifier"):
        return Verdict(Truth.UNKNOWN, SafeText("another server answers there now"))
    if was.get("started") != now["started"]:
        return Verdict(Truth.CONFIRMED, SafeText(f"the server was started anew at {now['started']}: it is over"))
    pid = int(dict(subject.identity)["pid"])
    if pid in sight.hidden:
        return Verdict(Truth.UNKNOWN, SafeText(f"what has pid {pid} now is hidden from {sight.role}"))
    found = sight.session(pid)
    session = found if found is not None and is_session(subject.identity, found) else None
    if plan.action.name == "cancel":
        return _cancelled(subject, session, outcome, after, sight)
    return _ended(subject, session, outcome, after, sight)


def _differ(was: dict[str, str], now: dict[str, str], name: str) -> bool:
    return name in was and name in now and was[name] != now[name]


def _ended(subject: Subject, session: Session | None, outcome: Outcome, after: float, sight: Sight) -> Verdict:
    if session is None:
        return _with_freed("session ended", outcome, after, sight)
    change = dict(subject.identity).get("state_change", "")
    if session.state_change != change and after >= _WAKES:
        return Verdict(Truth.REFUTED, SafeText(f"it works on: {session.state} since {session.state_change}"))
    sent = "signal sent" if outcome.result is Result.DONE else "nobody knows whether the signal came through"
    doing = "ends what it does" if session.active else "does not react"
    wait = f", on {session.wait_type}:{session.wait_event}" if session.wait_event else ""
    return Verdict(Truth.PENDING, SafeText(f"{sent}, still there after {lasted(after)} ({doing}{wait})"))


def _cancelled(subject: Subject, session: Session | None, outcome: Outcome, after: float, sight: Sight) -> Verdict:
    if session is None:
        return _with_freed("query over, its session has ended too", outcome, after, sight)
    if not same_query(subject.identity, session):
        state = "runs another query now" if session.active else session.state
        failed = "; its transaction has failed, its locks are let go" if session.state.endswith("(aborted)") else ""
        return _with_freed(f"query over, session stays: {state}{failed}", outcome, after, sight)
    sent = "signal sent" if outcome.result is Result.DONE else "nobody knows whether the signal came through"
    wait = f", waits on {session.wait_type}:{session.wait_event}" if session.wait_event else ""
    return Verdict(Truth.PENDING, SafeText(f"{sent}, query still runs after {lasted(after)}{wait}"))


def _with_freed(words: str, outcome: Outcome, after: float, sight: Sight) -> Verdict:
    """It is true; and how many of those that waited go on. They get a moment to wake."""
    waited = [one for one in dict(outcome.facts).get(FREED, "").split(";") if one]
    if not waited:
        return Verdict(Truth.CONFIRMED, SafeText(words))
    left = [one for one in sight.sessions if one.key in waited and (one.blocked_by or one.blocked)]
    free = len(waited) - len(left)
    if left and after < _WAKES:
        return Verdict(Truth.PENDING, SafeText(f"{words}; {free} of {len(waited)} behind it go on"))
    said = f"{words}; {free} of {counted(len(waited))} set free"
    if left:
        for_whom = ", ".join(str(pid) for pid in left[0].blocked_by) or "another"
        said += f", {left[0].pid} waits for {for_whom} now"
    return Verdict(Truth.CONFIRMED, SafeText(said))
