"""Whether failed jobs are really going again, and a queue is really paused: by looking, whatever was answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from probes.base import Outcome, Plan, Result, SafeText, Subject, Truth, Verdict
from probes.redis.queues.act_library import Crowd, Fate, Library, Phase, followed
from probes.redis.queues.dialect import Ask

STABLE: Final = 3.0
"""Seconds a job that was taken must not have failed before it counts, and one that waits may be taken."""
ARRIVING: Final = 3.0
"""Seconds in which a request without an answer may still be on its way."""


def _verdict(truth: Truth, words: str, share: float | None = None) -> Verdict:
    return Verdict(truth, SafeText(words, 300), share)


def _still(what: str, outcome: Outcome, after: float) -> Verdict:
    """It is as it was: a request that got no answer may yet arrive."""
    if outcome.result is Result.UNKNOWN and after < ARRIVING:
        return _verdict(Truth.PENDING, f"{what}, for {after:.0f} s since the request")
    return _verdict(Truth.REFUTED, what)


def paused(crowd: Crowd, plan: Plan, outcome: Outcome, after: float) -> Verdict:
    """Whether the queue takes jobs, or does not."""
    queue, wanted = crowd.queue, plan.action.name == "pause"
    halted = dict(crowd.identity).get("paused") == "yes"
    if halted is not wanted:
        return _still("it is paused" if halted else "it is not paused", outcome, after)
    waiting = f"{queue.waiting or 0:.0f} waiting"
    if wanted:
        running = f"{queue.active:.0f} still run to their end" if queue.active else "none runs"
        return _verdict(Truth.CONFIRMED, f"it is paused: {waiting}, {running}")
    return _verdict(Truth.CONFIRMED, f"it is not paused: {waiting}, {served(crowd)}")


def served(crowd: Crowd) -> str:
    """Who is there to take jobs."""
    if crowd.asleep:
        return crowd.asleep
    if crowd.queue.workers is None:
        return "whether a worker is there is not known"
    if crowd.queue.workers == 0:
        return "no worker is there to take them"
    return "1 worker is there" if crowd.queue.workers == 1 else f"{crowd.queue.workers} workers are there"


async def one(
    ask: Ask, library: Library, crowd: Crowd | None, subject: Subject, outcome: Outcome, after: float
) -> Verdict:
    """Whether one job is out of the failed ones, and has not failed again."""
    told = dict(subject.identity)
    (fate,) = await library.fates(ask, told["queue"], [told["job"]])
    match fate.phase:
        case Phase.FAILED if fate.failed_at == told["failed at"]:
            return _still("it is still among the failed jobs", outcome, after)
        case Phase.FAILED:
            return _verdict(Truth.REFUTED, f"it ran and failed again: {fate.reason or 'no reason is kept'}")
        case Phase.LATER:
            return _verdict(Truth.PENDING, f"it ran and failed once more, and is tried again by itself: {fate.reason}")
        case Phase.GONE:
            return _verdict(Truth.CONFIRMED, "it left the failed jobs and is not kept any more: done, or removed")
        case Phase.DONE:
            return _verdict(Truth.CONFIRMED, "it ran and is done")
        case Phase.RUNNING:
            taken = "taken by a worker, which works on it"
            return _verdict(Truth.CONFIRMED if after >= STABLE else Truth.PENDING, taken)
    return _waits(fate, crowd, after)


def _waits(fate: Fate, crowd: Crowd | None, after: float) -> Verdict:
    """It waits; for somebody who could take it at once one waits a little."""
    before = "" if fate.before_it is None else f", {fate.before_it} before it"
    if crowd is None:
        return _verdict(Truth.CONFIRMED, f"it is waiting again{before}")
    if crowd.queue.paused:
        return _verdict(Truth.CONFIRMED, f"it is waiting again{before}; the queue is paused")
    if crowd.queue.workers and not crowd.asleep and after < STABLE:
        return _verdict(Truth.PENDING, f"it is waiting again{before}")
    return _verdict(Truth.CONFIRMED, f"it is waiting again{before}; {served(crowd)}")


async def every(
    ask: Ask, library: Library, crowd: Crowd | None, subject: Subject, outcome: Outcome, after: float
) -> Verdict:
    """Whether the jobs of a queue are out of the failed ones, and how many failed again."""
    told = dict(subject.identity)
    planned = int(told["failed"])
    left = await library.left(ask, told["queue"], told["up to"])
    ids = followed(outcome)
    if left is None:
        return _verdict(Truth.UNKNOWN, "how many are left can't be told")
    if left >= planned and not ids:
        return _still(f"none of the {planned} has left the failed jobs", outcome, after)
    fates = await library.fates(ask, told["queue"], ids) if ids else []
    again = [one for one in fates if one.phase is Phase.FAILED and library.newer(one.failed_at, told["up to"])]
    share = max(0.0, min(1.0, 1 - left / planned)) if planned else None
    went = _counted(fates, planned - left) if fates else f"{planned - left} of {planned} left the failed jobs"
    if again:
        words = f"{len(again)} of {len(fates)} failed again: {again[0].reason or 'no reason is kept'}"
        return _verdict(Truth.REFUTED, f"{words}; {went}", share)
    if after < STABLE and _unsettled(fates, crowd):
        return _verdict(Truth.PENDING, went, share)
    if left:
        return _verdict(Truth.REFUTED, f"{left} of {planned} are still among the failed jobs", share)
    since = max(0, int(crowd.queue.failed or 0) - left) if crowd is not None and not fates else 0
    went += f"; {since} have failed in this queue since" if since else ""
    return _verdict(Truth.CONFIRMED, f"{went}; {served(crowd)}" if crowd is not None else went, share)


def _unsettled(fates: Sequence[Fate], crowd: Crowd | None) -> bool:
    """True while some could still fail at once."""
    busy = crowd is not None and bool(crowd.queue.workers) and not crowd.queue.paused and not crowd.asleep
    if not fates:
        return busy
    return any(one.phase is Phase.RUNNING or (busy and one.phase is Phase.WAITING) for one in fates)


def _counted(fates: Sequence[Fate], moved: int) -> str:
    """How many are where: "61 left the failed jobs: 40 waiting, 3 running, 18 done or removed"."""
    words = []
    for name, phases in (
        ("waiting", (Phase.WAITING,)),
        ("running", (Phase.RUNNING,)),
        ("failed once more and tried again by themselves", (Phase.LATER,)),
        ("done or removed", (Phase.DONE, Phase.GONE)),
    ):
        number = sum(one.phase in phases for one in fates)
        if number:
            words.append(f"{number} {name}")
    of = f" (of {len(fates)} of them)" if moved > len(fates) else ""
    return f"{moved} left the failed jobs" + (f": {', '.join(words)}{of}" if words else "")
