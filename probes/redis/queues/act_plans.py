"""What retrying, pausing and resuming would do, in words."""

from __future__ import annotations

from typing import Final

from probes.base import Action, Danger, Identity, SafeText, Subject, lasted
from probes.redis.queues.act_library import MOST, Crowd, FailedOne, Library
from probes.redis.queues.act_truth import served

RETRY: Final = Action(
    "retry",
    "retry",
    Danger.DISRUPTIVE,
    "Sets failed jobs going again, as their library does it: each waits in its queue and runs once more.",
    noun="job",
)
RETRY_ALL: Final = Action(
    "retry-all",
    "retry all failed",
    Danger.DISRUPTIVE,
    f"Sets going all jobs of a queue that have failed until now, {MOST:,} at most; later failures are left alone.",
    grave=True,
    noun="queue",
)
PAUSE: Final = Action(
    "pause",
    "pause",
    Danger.DISRUPTIVE,
    "Lets no worker take a job of the queue; what runs goes on to its end.",
    noun="queue",
)
RESUME: Final = Action(
    "resume", "resume", Danger.REVERSIBLE, "Lets workers take the jobs of a paused queue again.", noun="queue"
)
ACTIONS: Final = (RETRY, RETRY_ALL, PAUSE, RESUME)

TWICE: Final = SafeText("the job runs again: what it did before it failed is done twice unless it is idempotent")
ALL_TWICE: Final = SafeText("each job runs again: what it did before it failed is done twice unless it is idempotent")


def job_subject(key: str, library: Library, crowd: Crowd, one: FailedOne) -> Subject:
    """One failed job."""
    ago = "failed" if one.age is None else f"failed {lasted(one.age)} ago"
    after = "" if one.attempts is None else f" after {one.attempts} attempt{'' if one.attempts == 1 else 's'}"
    why = f": {one.reason}" if one.reason else ""
    hindrance = one.hindrance or crowd.hindrance
    return Subject(
        key=key,
        name=SafeText(f"{crowd.queue.name} {SafeText(one.id, 60)}", 120),
        identity=one.identity,
        before=SafeText(f"{ago}{after}{why}", 300),
        after=SafeText("waiting again" + ("" if one.attempts is None else ", its attempts count on")),
        felt=tuple(map(SafeText, filter(None, (one.tries, _takers(crowd))))),
        spared=SafeText(hindrance, 200),
        barred=bool(hindrance),
    )


def queue_subject(action: Action, key: str, library: Library, crowd: Crowd, failed: int | None) -> Subject:
    """One queue, all of its failed jobs or itself."""
    hindrance = crowd.hindrance or _hindrance(action, library, crowd, failed)
    return Subject(
        key=key,
        name=crowd.queue.name,
        identity=(*crowd.identity, ("failed", str(failed or 0))) if action is RETRY_ALL else crowd.identity,
        before=SafeText(_before(action, crowd, failed)),
        after=SafeText(_after(action, crowd, failed)),
        felt=tuple(map(SafeText, _felt(action, crowd))),
        spared=SafeText(hindrance, 200),
        barred=bool(hindrance),
    )


def _hindrance(action: Action, library: Library, crowd: Crowd, failed: int | None) -> str:
    if action is RETRY_ALL:
        return "none of its jobs has failed" if failed == 0 else ""
    if not library.pauses:
        return cannot_pause(library.title)
    if action is PAUSE:
        return "it is paused already" if crowd.queue.paused else ""
    return "" if crowd.queue.paused else "it is not paused"


def cannot_pause(title: str) -> str:
    """Why a library's queue can't be paused."""
    return f"{title} can't pause one queue" + (": rq suspend halts all workers" if title == "RQ" else "")


def _before(action: Action, crowd: Crowd, failed: int | None) -> str:
    queue = crowd.queue
    waiting = f"{queue.waiting:,.0f} waiting" if queue.waiting is not None else "an unknown number waiting"
    running = f"{queue.active:,.0f} running" if queue.active is not None else "an unknown number running"
    if action is RETRY_ALL:
        return f"{'an unknown number' if failed is None else format(failed, ',')} failed, {waiting}"
    return f"{'paused' if queue.paused else 'not paused'}: {waiting}, {running}"


def _after(action: Action, crowd: Crowd, failed: int | None) -> str:
    if action is RETRY_ALL:
        left = max(0, (failed or 0) - MOST)
        rest = f"; {left:,} are left for another time" if left else ""
        return f"{min(failed or 0, MOST):,} waiting again{rest}"
    if action is RESUME:
        return f"not paused: {crowd.queue.waiting or 0:,.0f} can be taken"
    running = f", {crowd.queue.active:,.0f} still run to their end" if crowd.queue.active else ""
    return f"paused: no worker takes a job{running}"


def _felt(action: Action, crowd: Crowd) -> list[str]:
    if action is PAUSE:
        arrived = crowd.queue.arrived
        more = f", {arrived:.0f} more each second" if arrived and arrived >= 1 else ""
        return [f"{crowd.queue.waiting or 0:,.0f} waiting jobs stay where they are{more}"]
    takers = _takers(crowd)
    return [takers] if takers else []


def _takers(crowd: Crowd) -> str:
    """Who takes what waits."""
    return "the queue is paused: it is taken once it is resumed" if crowd.queue.paused else served(crowd)


def differs(planned: Identity, now: Identity) -> str:
    """What is not as it was, "from -> to"; empty when all is. A mark of the newest failure may move on."""
    before, after = dict(planned), dict(now)
    for name, value in before.items():
        if name in ("up to", "failed") or after.get(name, "") == value:
            continue
        return f"{name} {SafeText(value, 60) or 'none'} -> {SafeText(after.get(name, ''), 60) or 'none'}"
    return ""
