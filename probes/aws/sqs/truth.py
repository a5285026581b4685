"""Whether an act on a queue has come true, by what the service counts and lists now."""

from __future__ import annotations

from typing import Final

from probes.aws.calls import Calls
from probes.aws.sqs import moves
from probes.aws.sqs.actions import HIDDEN_FOR, PURGING
from probes.aws.sqs.facts import Move
from probes.aws.sqs.sight import One, said
from probes.base import Outcome, Plan, Result, SafeText, Subject, Truth, Verdict

_GIVEN_UP: Final = 2.0 * PURGING
"""Seconds after which what is there was sent since, or was not purged: nobody can tell."""
_SHOWS: Final = 20.0
"""Seconds within which a move task shows in the list."""
_SLACK: Final = 2000
"""Milliseconds that our clock and the service's may differ."""


def purged(one: One, after: float) -> Verdict:
    """Only after a minute the counts can prove it."""
    if after < PURGING:
        left = SafeText(f"in progress for {PURGING - after:.0f} s more; {said(one.counts)}")
        return Verdict(Truth.PENDING, left, after / PURGING)
    if one.counts.total == 0:
        return Verdict(Truth.CONFIRMED, SafeText(f"{said(one.counts)}, {after:.0f} s after"), 1.0)
    truth = Truth.UNKNOWN if one.counts.total is None or after >= _GIVEN_UP else Truth.PENDING
    return Verdict(truth, SafeText(f"{said(one.counts)}: sent since, or not purged yet"))


def peeked(one: One, outcome: Outcome, after: float) -> Verdict:
    """Given back by us, or visible again because their time is over."""
    told = dict(outcome.facts)
    if outcome.result is Result.UNKNOWN:
        if after <= HIDDEN_FOR:
            return Verdict(
                Truth.PENDING, SafeText(f"what was received stays hidden for {HIDDEN_FOR - after:.0f} s more")
            )
        words = f"nothing was seen; what was received is visible again: {said(one.counts)}"
        return Verdict(Truth.REFUTED, SafeText(words))
    received, back = told.get("received", "0"), told.get("given back", "0")
    if received == back:
        return Verdict(Truth.CONFIRMED, SafeText(f"{received} seen and given back; {said(one.counts)}"))
    if after <= HIDDEN_FOR:
        return Verdict(Truth.PENDING, SafeText(f"some stay hidden for {HIDDEN_FOR - after:.0f} s more"))
    return Verdict(Truth.CONFIRMED, SafeText(f"{received} seen, visible again by their time; {said(one.counts)}"))


async def moved(calls: Calls, plan: Plan, subject: Subject, one: One, outcome: Outcome, after: float) -> Verdict:
    """By the move task, or by what we moved ourselves."""
    told = dict(outcome.facts)
    if dict(subject.identity).get("by") == "hand":
        return _by_hand(one, outcome)
    tasks = await moves.tasks(calls, one.policy.arn)
    found = _task(tasks, told, plan)
    if found is None:
        words = "no such move task is listed"
        return Verdict(Truth.PENDING if after < _SHOWS else Truth.REFUTED, SafeText(words))
    share = None if not found.to_move or found.moved is None else min(1.0, found.moved / found.to_move)
    match found.status:
        case "COMPLETED":
            return Verdict(Truth.CONFIRMED, SafeText(f"{progress(found)}; {said(one.counts)}"), 1.0)
        case "FAILED":
            why = f": {found.reason}" if found.reason else ""
            return Verdict(Truth.REFUTED, SafeText(f"failed half-way, {progress(found)}{why}", 300), share)
        case "CANCELLED":
            return Verdict(Truth.REFUTED, SafeText(f"it was cancelled, {progress(found)}"), share)
        case _:
            return Verdict(Truth.PENDING, SafeText(f"under way, {progress(found)}"), share)


def progress(move: Move) -> str:
    """How far a move came.

    >>> progress(Move("RUNNING", moved=12, to_move=40)), progress(Move("RUNNING"))
    ('~12 of ~40 moved', '~? moved')
    """
    done = "?" if move.moved is None else f"{move.moved:,}"
    return f"~{done} moved" if move.to_move is None else f"~{done} of ~{move.to_move:,} moved"


def _task(tasks: tuple[Move, ...], told: dict[str, str], plan: Plan) -> Move | None:
    """The task that was started: by its start where that was told, else the first one since the look."""
    if started := told.get("started"):
        return next((one for one in tasks if str(one.started) == started), None)
    if handle := told.get("task"):
        running = next((one for one in tasks if one.handle == handle), None)
        if running is not None:
            return running
    since = plan.looked_at.timestamp() * 1000 - _SLACK
    later = [one for one in tasks if one.started is not None and one.started >= since]
    return min(later, key=lambda one: one.started or 0, default=None)


def _by_hand(one: One, outcome: Outcome) -> Verdict:
    told = dict(outcome.facts)
    if outcome.result is Result.DONE:
        return Verdict(Truth.CONFIRMED, SafeText(f"{told.get('moved', '?')} moved; {said(one.counts)}"), 1.0)
    if outcome.result is Result.PARTIAL:
        words = f"{told.get('moved', '?')} of {told.get('wanted', '?')} moved; {said(one.counts)}"
        return Verdict(Truth.REFUTED, SafeText(words))
    return Verdict(Truth.UNKNOWN, SafeText(f"nobody counted what was moved; {said(one.counts)}"))


async def cancelled(calls: Calls, subject: Subject, one: One) -> Verdict:
    """By the list of tasks."""
    identity = dict(subject.identity)
    tasks = await moves.tasks(calls, one.policy.arn)
    found = next(
        (move for move in tasks if identity["task"] == move.handle or identity["started"] == str(move.started)), None
    )
    if found is None:
        return Verdict(Truth.UNKNOWN, SafeText("the move task is not listed any more"))
    if found.status == "CANCELLED":
        return Verdict(Truth.CONFIRMED, SafeText(f"cancelled, {progress(found)}"))
    if found.status in ("COMPLETED", "FAILED"):
        return Verdict(Truth.REFUTED, SafeText(f"it had ended before: {found.status.lower()}, {progress(found)}"))
    return Verdict(Truth.PENDING, SafeText(f"{found.status.lower()}, {progress(found)}"))
