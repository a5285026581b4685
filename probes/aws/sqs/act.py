"""Looks at, moves and throws away messages of SQS queues. Which queue it is, is looked at again directly before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from probes.aws import rights
from probes.aws.account import Whose
from probes.aws.act_once import send
from probes.aws.calls import Calls, Refused
from probes.aws.sqs import commands, moves, plans, sight, truth
from probes.aws.sqs.act_by_hand import ByHand
from probes.aws.sqs.actions import (
    ACTIONS,
    BY_HAND,
    CANCEL,
    EACH,
    HIDDEN_FOR,
    LOOKED_AT,
    PEEK,
    PURGE,
    PURGING,
    REDRIVE,
)
from probes.aws.sqs.catalogue import is_gone
from probes.aws.sqs.facts import Move, Queue, SqsFacts
from probes.aws.sqs.parse import name_of
from probes.aws.sqs.peeked import PEEKED, Glance, message
from probes.aws.sqs.settings import SqsSettings
from probes.aws.sqs.sight import One
from probes.base import (
    Action,
    Actuator,
    Cause,
    Choice,
    CommandLine,
    Context,
    Identity,
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

RIGHTS: Final = {
    "sqs:ReceiveMessage": "look at messages, and move dead letters",
    "sqs:ChangeMessageVisibility": "give messages back that were looked at",
    "sqs:StartMessageMoveTask": "redrive dead letters",
    "sqs:CancelMessageMoveTask": "cancel a move of dead letters",
    "sqs:DeleteMessage": "take moved messages out of a dead-letter queue",
    "sqs:SendMessage": "put moved messages into their destination",
    "sqs:PurgeQueue": "purge queues",
}
"""Rights that the acts need, by IAM's names."""


class SqsActuator(Actuator[SqsFacts]):
    """Acts on the queues of one account. A subject is a queue's name."""

    kind = "sqs"
    reads_pipes = True
    actions = ACTIONS

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, SqsSettings)
        self.settings = target.settings
        self._calls = Calls(self.settings, context, f"{target.name}-act")
        self._whose: Whose | None = None
        self._known: dict[str, str] = {}
        """Name -> address of the queues that were seen."""
        self._purged: dict[str, float] = {}
        """Address -> when we purged it, monotonic seconds."""

    # offers

    def offers(self, facts: SqsFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """Each act for one queue, with why it makes no sense now."""
        self._known |= {str(one.name): one.seen.url for one in facts.queues if one.seen.url}
        if len(subjects) != 1:
            return ()
        queue = facts.queue(subjects[0])
        return () if queue is None else tuple(Offer(action, _no(action, queue)) for action in self.actions)

    async def choices(self, action: str, subjects: Sequence[str]) -> Sequence[Choice]:
        """The queues that dead letters can go back to."""
        if action != REDRIVE.name or len(subjects) != 1:
            return ()
        one = await self._looked(subjects[0])
        found = await sight.sources(self._calls, one)
        several = [Choice(EACH, SafeText("each message back to the queue it came from"))] if len(found) > 1 else []
        return (*several, *(Choice(name_of(arn), SafeText("its dead letters come here")) for arn in found))

    # plan

    async def plan(self, request: Request) -> Plan:
        """Look at the queue, and for a redrive at both ends, afresh."""
        action = next((one for one in self.actions if one.name == request.action), None)
        if action is None or request.hidden or (request.word and action.word is None):
            raise ProbeError(Cause.MISSING, "queues have no such action")
        if len(request.subjects) != 1:
            raise ProbeError(Cause.MISSING, "choose one queue")
        if request.number is not None and (action.number is None or not 1 <= request.number <= action.number.most):
            raise ProbeError(Cause.MISSING, "1 to 500 messages a second can be moved")
        looked_at = self.context.now()
        one = await self._looked(request.subjects[0])
        drawn = await self._drawn(action, one, request)
        whose = await self._who()
        named = Request(action.name, (one.name,), request.number, request.word)
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=whose.place,
            pin=_pin(whose, one.url),
            subjects=(drawn.subject,),
            command=tuple(self.render(named).splitlines()),
            looked_at=looked_at,
            danger=action.danger,
            felt=drawn.felt,
            undo=drawn.undo,
            notes=drawn.notes,
            answers=drawn.answers,
            settles=drawn.settles,
        )

    async def _drawn(self, action: Action, one: One, request: Request) -> plans.Drawn:
        if action is PEEK:
            return plans.peek(one)
        if action is PURGE:
            left = self._purging(one.url)
            until = None if left <= 0 else self.context.now() + timedelta(seconds=left)
            return plans.purge(one, until, bool(await self._sources_if_known(one)))
        if action is CANCEL:
            running = next((move for move in await self._tasks(one) if move.status == "RUNNING"), None)
            if running is None:
                raise ProbeError(Cause.GONE, f"no move out of {SafeText(one.name, 100)} is under way")
            return plans.cancel(one, running)
        try:
            tasks, known = await self._tasks(one), True
        except ProbeError as error:
            if error.cause is not Cause.MISSING:
                raise
            tasks, known = (), False
        found = await sight.sources(self._calls, one)
        how = plans.way(one, request.word, found, known, request.number)
        if how.destination != EACH:
            how = plans.Way(how.destination, how.sources, known, await self._looked(how.destination), request.number)
        return plans.redrive(one, how, next((move for move in tasks if move.status == "RUNNING"), None))

    async def _sources_if_known(self, one: One) -> tuple[str, ...]:
        """For a remark only: where the place can't tell, nothing is said."""
        try:
            return await moves.sources(self._calls, one.url)
        except ProbeError:
            return ()

    def _purging(self, url: str) -> float:
        """Seconds that a purge of ours is still under way."""
        at = self._purged.get(url)
        return 0.0 if at is None else at + PURGING - self.context.monotonic()

    # doing it

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Look at the queue again, then send the one request."""
        told = dict(subject.identity)
        whose = await self._who()
        if _pin(whose, told["url"]) != plan.pin:
            return _changed("it is another account, region or endpoint")
        try:
            one = await sight.look_at(self._calls, told["url"])
        except ProbeError as error:
            if error.cause is Cause.GONE:
                return _changed("the queue is gone")
            raise
        if one.policy.created != told["created"]:
            return _changed("the queue was deleted and made anew")
        try:
            if plan.action is PURGE:
                return await self._purge(one, sending)
            if plan.action is PEEK:
                return await self._peek(one, sending)
            if plan.action is CANCEL:
                return await self._cancel(one, told, sending)
            return await self._redrive(plan, one, told, sending)
        except Refused as error:
            return self._refused(plan.action, error)

    async def _purge(self, one: One, sending: Sending) -> Outcome:
        if (left := self._purging(one.url)) > 0:
            return self._running(left)
        await send(self._calls, sending, "sqs", "purge_queue", QueueUrl=one.url)
        self._purged[one.url] = self.context.monotonic()
        until = self.context.now() + timedelta(seconds=PURGING)
        words = SafeText(f"accepted, in progress until {until:%H:%M:%S} UTC")
        return Outcome(Result.DONE, words, (("until", until.isoformat(timespec="seconds")),))

    def _running(self, left: float) -> Outcome:
        until = self.context.now() + timedelta(seconds=left)
        return Outcome(Result.REFUSED, SafeText(f"a purge is under way until {until:%H:%M:%S} UTC at the latest"))

    async def _peek(self, one: One, sending: Sending) -> Outcome:
        answer = await send(
            self._calls, sending, "sqs", "receive_message",
            QueueUrl=one.url, MaxNumberOfMessages=LOOKED_AT, VisibilityTimeout=HIDDEN_FOR, WaitTimeSeconds=1,
            AttributeNames=["All"], MessageAttributeNames=["All"],
        )  # fmt: skip
        raw = [each for each in answer.get("Messages") or () if isinstance(each, dict)]
        glance = Glance(self.context.now(), tuple(map(message, raw)), one.policy.max_receives)
        PEEKED.keep(one.url, glance, self.context.monotonic)
        back, why = await self._given_back(one, [str(each.get("ReceiptHandle", "")) for each in raw])
        facts = (("received", str(len(raw))), ("given back", str(back)))
        if not raw:
            return Outcome(
                Result.DONE, SafeText("no message was received: none is visible, or the receive missed it"), facts
            )
        most = one.policy.max_receives
        last = sum(1 for each in glance.messages if most is not None and (each.receives or 0) >= most)
        warn = f"; {last} of them become dead letters at their next receive" if last else ""
        if back == len(raw):
            return Outcome(Result.DONE, SafeText(f"{back} seen and given back: see its messages{warn}"), facts)
        words = f"{len(raw)} seen, {len(raw) - back} not given back ({why}): hidden for up to {HIDDEN_FOR} s{warn}"
        return Outcome(Result.PARTIAL, SafeText(words, 300), facts)

    async def _given_back(self, one: One, receipts: Sequence[str]) -> tuple[int, str]:
        """Make messages visible again; how many are, and why the others aren't."""
        if not receipts:
            return 0, ""
        entries = [
            {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
            for number, receipt in enumerate(receipts)
        ]
        try:
            answer = await send(
                self._calls, _announced, "sqs", "change_message_visibility_batch", QueueUrl=one.url, Entries=entries
            )
        except ProbeError as error:
            return 0, str(error.message)
        return len(answer.get("Successful") or ()), "the queue did not take them back"

    async def _cancel(self, one: One, told: dict[str, str], sending: Sending) -> Outcome:
        running = next((move for move in await self._tasks(one) if move.handle == told["task"]), None)
        if running is None or running.status != "RUNNING":
            return _changed("the move has ended")
        answer = await send(self._calls, sending, "sqs", "cancel_message_move_task", TaskHandle=told["task"])
        count = answer.get("ApproximateNumberOfMessagesMoved")
        return Outcome(Result.DONE, SafeText(f"accepted; ~{count} were moved before"), (("moved", str(count)),))

    async def _redrive(self, plan: Plan, one: One, told: dict[str, str], sending: Sending) -> Outcome:
        if " ".join(await sight.sources(self._calls, one)) != told["sources"]:
            return _changed("other queues send their dead letters here now")
        to = await self._looked(told["destination"]) if told["destination"] != EACH else None
        if to is not None and to.policy.created != told["destination created"]:
            return _changed("the destination was deleted and made anew")
        if told["by"] == "hand":
            if to is None:
                return _changed("it can't be told where each message came from")
            wanted = min(one.counts.visible or 0, BY_HAND)
            by_hand = ByHand(self._calls, one.url, to.url, wanted, plan.request.number)
            return await by_hand.run(sending, plan.answers)
        if any(move.status == "RUNNING" for move in await self._tasks(one)):
            return _changed("a move is under way already")
        where = {"DestinationArn": told["destination"]} if to is not None else {}
        pace = {"MaxNumberOfMessagesPerSecond": plan.request.number} if plan.request.number is not None else {}
        answer = await send(
            self._calls, sending, "sqs", "start_message_move_task", SourceArn=one.policy.arn, **where, **pace
        )
        return await self._started(one, str(answer.get("TaskHandle", ""))[:1024])

    async def _started(self, one: One, handle: str) -> Outcome:
        """What the list says of the new task right away: some fail at once."""
        facts: Identity = (("task", handle),)
        try:
            newest = next(iter(await self._tasks(one)), None)
        except ProbeError:
            newest = None
        if newest is None:
            return Outcome(Result.DONE, SafeText("accepted"), facts)
        facts = (*facts, ("started", str(newest.started or "")))
        if newest.status != "FAILED":
            return Outcome(Result.DONE, SafeText(f"accepted, {truth.progress(newest)}"), facts)
        result = Result.PARTIAL if newest.moved else Result.FAILED
        return Outcome(result, SafeText(f"it failed, {truth.progress(newest)}: {newest.reason}", 300), facts)

    def _refused(self, action: Action, error: Refused) -> Outcome:
        """What the service's own refusal means. Raises what is no answer of the service."""
        if error.cause in (Cause.GARBAGE, Cause.OVERLOADED):
            raise error
        if error.code.endswith("PurgeQueueInProgress"):
            return self._running(float(PURGING))
        if is_gone(error) or error.code.endswith("ResourceNotFoundException"):
            return _changed("it is gone")
        if action is REDRIVE and error.code.endswith("UnsupportedOperation"):
            return _changed("a move is under way already, or no queue sends its dead letters here")
        result = Result.REFUSED if error.cause in (Cause.DENIED, Cause.AUTH) else Result.FAILED
        return Outcome(result, error.message)

    # looking whether it is true

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look at the queue, or at its move tasks."""
        told = dict(subject.identity)
        if _pin(await self._who(), told["url"]) != plan.pin:
            return Verdict(Truth.UNKNOWN, SafeText("this login is of another account, region or endpoint now"))
        try:
            one = await sight.look_at(self._calls, told["url"])
        except ProbeError as error:
            if error.cause is Cause.GONE:
                return Verdict(Truth.UNKNOWN, SafeText("the queue is gone"))
            raise
        if one.policy.created != told["created"]:
            return Verdict(Truth.UNKNOWN, SafeText("another queue of that name is there now"))
        if plan.action is PURGE:
            return truth.purged(one, after)
        if plan.action is PEEK:
            return truth.peeked(one, outcome, after)
        if plan.action is CANCEL:
            return await truth.cancelled(self._calls, subject, one)
        return await truth.moved(self._calls, plan, subject, one, outcome, after)

    # words and rights

    def render(self, request: Request) -> str:
        """A line of the AWS command line."""
        return commands.render(request, self._here())

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line of the AWS command line means here."""
        return commands.recognise(line, self._here())

    def _here(self) -> commands.Here:
        account = self._whose.account if self._whose is not None else self.settings.account or ""
        region = self._whose.region if self._whose is not None else self.settings.region or ""
        return commands.Here(self.settings, account, region, self._known)

    async def rights(self) -> Sequence[Right]:
        """What the login may do, by IAM's own simulation."""
        return await rights.rights(self._calls, RIGHTS)

    # looking

    async def _looked(self, subject: str) -> One:
        one = await sight.look(self._calls, subject)
        await self._who()
        self._known[one.name] = one.url
        return one

    async def _who(self) -> Whose:
        self._whose = await self._calls.whose()
        return self._whose

    async def _tasks(self, one: One) -> tuple[Move, ...]:
        return await moves.tasks(self._calls, one.policy.arn)

    async def close(self) -> None:
        """Let go of the threads."""
        self._calls.close()


async def _announced() -> None:
    """What is sent was announced with the request before it."""


def _pin(whose: Whose, url: str) -> Identity:
    return (*whose.pin, ("queue", url))


def _changed(words: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {words}", 300))


def _no(action: Action, queue: Queue) -> str:
    """Why this can't be done to a queue by the last reading; empty when it can."""
    if queue.seen.missing or not queue.seen.url:
        return "there is no such queue"
    if action is CANCEL:
        return "" if queue.moving is not None else "no move is known to be under way"
    if action is REDRIVE:
        if queue.moving is not None:
            return "a move is under way"
        return "no message is visible there" if queue.seen.counts.visible == 0 else ""
    return ""
