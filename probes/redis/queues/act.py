"""Sets failed jobs going again, and pauses and resumes queues, by one script each.

The run id of the server, its role and the object's identity are read on the same connection directly before; the
script itself looks once more before it writes. Each act has a connection of its own; nothing is sent twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from probes.base import (
    Action,
    Actuator,
    Cause,
    CommandLine,
    Context,
    Offer,
    Outcome,
    Plan,
    ProbeError,
    Recognised,
    Request,
    Result,
    Right,
    SafeText,
    Sending,
    Subject,
    Target,
    Truth,
    Verdict,
)
from probes.redis.address import resolve
from probes.redis.connection import Link
from probes.redis.queues import act_rights, act_truth, commands
from probes.redis.queues.act_library import Crowd, Library, Script, answer
from probes.redis.queues.act_plans import (
    ACTIONS,
    ALL_TWICE,
    PAUSE,
    RESUME,
    RETRY,
    RETRY_ALL,
    TWICE,
    cannot_pause,
    differs,
    job_subject,
    queue_subject,
)
from probes.redis.queues.act_sight import Server, Sight, asking, libraries, refusal, server
from probes.redis.queues.dialect import Ask
from probes.redis.queues.facts import FailedJob, Queue, QueuesFacts
from probes.redis.queues.probe import QueuesSettings

_MOST: Final = 100
"""Rows in one plan."""
_ANSWERS: Final = 10.0
_SETTLES: Final = 30.0


class QueuesActuator(Actuator[QueuesFacts]):
    """Acts on the queues of one Redis. A subject is a queue's name, or a failed job as `queue/id`."""

    kind = "queues"
    reads_pipes = True
    actions = ACTIONS

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, QueuesSettings)
        self.settings = target.settings
        self._libraries = libraries(self.settings)
        self._links: set[Link] = set()
        self._told: dict[str, str] = {}
        """The library of each queue that was planned for; for the line a person would type."""

    # offers

    def offers(self, facts: QueuesFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """Retry for failed jobs; retry-all, pause and resume for queues; each with why it makes no sense for any."""
        wanted = set(subjects)
        kinds = {str(queue.name): queue for queue in facts.queues}
        jobs = [job for job in facts.failed if f"{job.queue}/{job.id}" in wanted]
        queues = [kinds[name] for name in kinds if name in wanted]
        if queues and jobs:
            return tuple(Offer(one, "queues and failed jobs are chosen together") for one in (RETRY, RETRY_ALL))
        if jobs:
            return (Offer(RETRY, _agreed([_no_retry(job, kinds.get(str(job.queue))) for job in jobs])),)
        return tuple(
            Offer(action, _agreed([self._no(action, one) for one in queues]))
            for action in (RETRY_ALL, PAUSE, RESUME)
            if queues
        )

    def _no(self, action: Action, queue: Queue) -> str:
        """Why this can't be done to a queue; empty when it can."""
        if words := refusal(queue.dialect, queue):
            return words
        library = self._libraries[queue.dialect]
        if action is RETRY_ALL:
            return "none of its jobs has failed" if queue.failed == 0 else ""
        if not library.pauses:
            return cannot_pause(library.title)
        if action is PAUSE:
            return "it is paused already" if queue.paused else ""
        return "" if queue.paused else "it is not paused"

    # plan

    async def plan(self, request: Request) -> Plan:
        """Look at the server, the queues and the jobs afresh."""
        action = next((one for one in self.actions if one.name == request.action), None)
        if action is None or request.number is not None:
            raise ProbeError(Cause.MISSING, "queues have no such action")
        if not 0 < len(request.subjects) <= _MOST:
            what = "failed jobs" if action is RETRY else "queues"
            raise ProbeError(Cause.MISSING, f"choose the {what}, {_MOST} at most")
        async with self._linked() as link:
            return await self._plan(action, request, link)

    async def _plan(self, action: Action, request: Request, link: Link) -> Plan:
        ask = asking(link)
        here = await self._writable(ask, link)
        sight, found, looked_at = Sight(ask, self.settings), list[tuple[Library, Subject]](), self.context.now()
        for subject in dict.fromkeys(request.subjects):
            found.append(await self._seen(action, subject, sight))
        used = {library.name: library for library, _ in found}
        subjects = tuple(subject for _, subject in found)
        titles = " and ".join(library.title for library in used.values())
        chosen = tuple(one.key for one in subjects if not one.barred) or request.subjects
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=SafeText(f"{titles} in {here.product} at {link.where}, database {here.db}, run {here.run[:8]}", 300),
            pin=here.pin,
            subjects=subjects,
            command=tuple(self.render(Request(action.name, chosen)).splitlines()),
            looked_at=looked_at,
            danger=action.danger,
            felt=_twice(action, subjects),
            undo=SafeText(_undo(action)),
            notes=tuple(SafeText(library.note) for library in used.values()) if action in (RETRY, RETRY_ALL) else (),
            answers=_ANSWERS,
            settles=_SETTLES,
        )

    async def _seen(self, action: Action, key: str, sight: Sight) -> tuple[Library, Subject]:
        if action is RETRY:
            library, crowd, one = await sight.job(key)
            self._told[dict(one.identity)["queue"]] = library.name
            return library, job_subject(key, library, crowd, one)
        library, crowd, name = await sight.queue(key)
        self._told[name] = library.name
        failed = await library.left(sight.ask, name, dict(crowd.identity)["up to"]) if action is RETRY_ALL else None
        return library, queue_subject(action, key, library, crowd, failed)

    async def _writable(self, ask: Ask, link: Link) -> Server:
        """The server that answers. Raises `ProbeError` when it takes no writes."""
        found = await server(ask, self._db())
        if found.role != "master":
            raise ProbeError(Cause.DENIED, f"{link.where} is a replica and takes no writes", "name its master")
        return found

    def _db(self) -> int:
        return resolve(self.settings, self.context.secrets).db

    # doing it

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Look at server and object, then send the script once, over the same connection."""
        async with self._linked() as link:
            ask = asking(link)
            here = await server(ask, self._db())
            if (here.pin, here.role) != (plan.pin, "master"):
                return _other(plan, here)
            library = self._libraries[dict(subject.identity)["library"]]
            if changed := await self._changed(plan.action, library, ask, subject):
                return _changed(changed)
            script = await self._script(plan.action, library, ask, subject)
            await sending()
            if not link.is_open:
                return Outcome(Result.FAILED, SafeText("the connection was cut before anything was sent"))
            outcome = await _run(link, script)
        if outcome.result is Result.DONE and plan.action in (PAUSE, RESUME):
            return replace(outcome, words=SafeText("paused" if plan.action is PAUSE else "resumed"), facts=())
        return outcome

    async def _changed(self, action: Action, library: Library, ask: Ask, subject: Subject) -> str:
        """How the object differs from the planned one; empty when it doesn't."""
        told = dict(subject.identity)
        if action is RETRY:
            one = await library.failed(ask, told["queue"], told["job"])
            if one is None:
                return "failed -> not among the failed jobs any more"
            return differs(subject.identity, one.identity)
        crowd = await library.crowd(ask, told["queue"])
        if crowd is None:
            return "the queue -> no such queue"
        if action is not RETRY_ALL:
            return differs(subject.identity, crowd.identity)
        left = await library.left(ask, told["queue"], told["up to"])
        if left == 0:
            return f"{told['failed']} failed -> none of them is any more"
        paused_or_not = tuple(pair for pair in subject.identity if pair[0] != "paused")
        return differs(paused_or_not, crowd.identity)

    async def _script(self, action: Action, library: Library, ask: Ask, subject: Subject) -> Script:
        if action is RETRY:
            return await library.retry(ask, subject.identity)
        if action is RETRY_ALL:
            return await library.retry_all(ask, subject.identity)
        return library.pause(subject.identity, action.name)

    # looking whether it is true

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look at the job, the jobs or the queue."""
        async with self._linked() as link:
            ask = asking(link)
            if (await server(ask, self._db())).pin != plan.pin:
                words = "Redis was restarted or another one answers there now: look at the queue itself"
                return Verdict(Truth.UNKNOWN, SafeText(words))
            told = dict(subject.identity)
            library = self._libraries[told["library"]]
            crowd: Crowd | None = await library.crowd(ask, told["queue"])
            if plan.action in (PAUSE, RESUME):
                if crowd is None:
                    return Verdict(Truth.UNKNOWN, SafeText("there is no such queue any more"))
                return act_truth.paused(crowd, plan, outcome, after)
            look = act_truth.one if plan.action is RETRY else act_truth.every
            return await look(ask, library, crowd, subject, outcome, after)

    # words

    def render(self, request: Request) -> str:
        """`rq requeue` for RQ; for BullMQ, which has no program of its own, a line of node that could be run."""
        return commands.render(request, self._here())

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line of rq, of node or of redis-cli means here."""
        return commands.recognise(line, self._here())

    def _here(self) -> commands.Here:
        return commands.here(self.settings, self._told)

    async def rights(self) -> Sequence[Right]:
        """What our user may do there, asked of the server's own ACL by a script that writes nothing."""
        async with self._linked() as link:
            question = act_rights.question(self.settings)
            (reply,) = await link.ask([("EVAL", question.text, len(question.keys), *question.keys, *question.args)])
            return act_rights.found(self.settings, reply, link.where)

    # connections

    @asynccontextmanager
    async def _linked(self) -> AsyncIterator[Link]:
        """A connection of its own, gone afterwards."""
        link = Link(self.target.name, self.settings, self.context.secrets, self.context.operator)
        self._links.add(link)
        try:
            await link.open()
            yield link
        finally:
            self._links.discard(link)
            await link.close()

    def abort(self) -> None:
        """Cut every connection."""
        for link in list(self._links):
            link.abort()

    async def close(self) -> None:
        """Let go of every connection."""
        await asyncio.gather(*(link.close() for link in list(self._links)))


async def _run(link: Link, script: Script) -> Outcome:
    """The one request that changes something."""
    (reply,) = await link.ask([("EVAL", script.text, len(script.keys), *script.keys, *script.args)])
    return answer(reply, link.where)


def _agreed(reasons: Sequence[str]) -> str:
    """Why none of them can; empty when one can."""
    return reasons[0] if all(reasons) else ""


def _no_retry(job: FailedJob, queue: Queue | None) -> str:
    return "" if queue is None else refusal(queue.dialect, queue)


def _twice(action: Action, subjects: Sequence[Subject]) -> tuple[SafeText, ...]:
    if action is RETRY_ALL or (action is RETRY and len(subjects) > 1):
        return (ALL_TWICE,)
    return (TWICE,) if action is RETRY else ()


def _undo(action: Action) -> str:
    if action is PAUSE:
        return "resume it"
    return "pause it again; what was taken meanwhile has run" if action is RESUME else ""


def _changed(words: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {words}", 300))


def _other(plan: Plan, here: Server) -> Outcome:
    if here.role != "master":
        return _changed("master -> replica, which takes no writes")
    return _changed(f"Redis run {dict(plan.pin)['run'][:8]} -> run {here.run[:8]}, it was restarted or replaced")
