"""Sets the retention of log groups: one request for each, sent once.

The service keeps no condition with it, so a group is looked at directly before: its ARN, the time of its making and its
retention must be as planned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from probes.aws.act_once import send
from probes.aws.calls import Calls, Refused
from probes.aws.cloudwatch_logs import commands
from probes.aws.cloudwatch_logs.commands import DAYS, RETENTION
from probes.aws.cloudwatch_logs.events import from_ms
from probes.aws.cloudwatch_logs.facts import Group, LogsFacts
from probes.aws.cloudwatch_logs.groups import group_named
from probes.aws.cloudwatch_logs.plans import LOWERED, RAISED, danger_of, kept, known, lowers, subject_of
from probes.aws.cloudwatch_logs.settings import CloudWatchLogsSettings
from probes.aws.rights import rights
from probes.base import (
    Action,
    Actuator,
    Cause,
    CommandLine,
    Context,
    Danger,
    Number,
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

SET_RETENTION: Final = Action(
    RETENTION,
    "set retention",
    Danger.REVERSIBLE,
    "Sets after how many days a log group deletes what was written; a lower number deletes what is older.",
    Number("days", DAYS[0], DAYS[-1]),
    grave=True,
    noun="log group",
)

NEEDED: Final = {"logs:PutRetentionPolicy": "set the retention of log groups"}
"""IAM actions that acting needs."""

_MOST: Final = 20
"""Groups in one plan."""
_ARRIVING: Final = 5.0
"""Seconds in which a request without an answer may still be on its way."""


class CloudWatchLogsActuator(Actuator[LogsFacts]):
    """Acts on log groups of one account and region. A subject is a group by its name."""

    kind = "cloudwatch_logs"
    reads_pipes = True
    actions = (SET_RETENTION,)

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, CloudWatchLogsSettings)
        self.settings = target.settings
        self._calls = Calls(self.settings, context, f"{target.name}-act")

    def offers(self, facts: LogsFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """The retention, for groups that are there."""
        there = {one.key for one in facts.groups}
        return (Offer(SET_RETENTION),) if any(one in there for one in subjects) else ()

    async def plan(self, request: Request) -> Plan:
        """Look at the groups afresh, and at how old what they keep is."""
        days = _days(request)
        whose = await self._calls.whose()
        names = list(dict.fromkeys(request.subjects))
        found = await asyncio.gather(*(group_named(self._calls, name) for name in names))
        for name, one in zip(names, found, strict=True):
            if one is None:
                raise ProbeError(Cause.GONE, f"there is no log group {SafeText(name, 120)} any more")
        groups = [one for one in found if one is not None]
        looked_at = self.context.now()
        oldest = await asyncio.gather(*(self._oldest(one) for one in groups if lowers(one, days)))
        first = dict(zip([one.key for one in groups if lowers(one, days)], oldest, strict=True))
        subjects = tuple(subject_of(one, days, first.get(one.key), looked_at) for one in groups)
        changing = [one for one in groups if one.retention != days]
        lowered = any(lowers(one, days) for one in changing)
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=SET_RETENTION,
            request=request,
            place=SafeText(f"CloudWatch Logs of {whose.place}", 250),
            pin=whose.pin,
            subjects=subjects,
            command=tuple(self.render(request).split("\n")),
            looked_at=looked_at,
            danger=max((danger_of(one, days) for one in changing), default=Danger.REVERSIBLE),
            undo=SafeText("" if lowered else _undo(changing)),
            notes=(SafeText(LOWERED if lowered else RAISED),) if changing else (),
            answers=self.settings.timeout,
        )

    async def _oldest(self, group: Group) -> datetime | None:
        """The first event of the stream that was written to longest ago; None where it can't be told."""
        try:
            answer = await self._calls.read(
                "logs", "describe_log_streams",
                logGroupName=group.key, orderBy="LastEventTime", descending=False, limit=50,
            )  # fmt: skip
        except ProbeError as error:
            if error.cause not in (Cause.DENIED, Cause.MISSING, Cause.GONE):
                raise
            return None
        first = [row.get("firstEventTimestamp") for row in answer.get("logStreams") or () if isinstance(row, dict)]
        known_ones = [at for at in first if isinstance(at, int) and at > 0]
        return from_ms(min(known_ones)) if known_ones else None

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Look at the group once more, then send the one request."""
        whose = await self._calls.whose()
        if whose.pin != plan.pin:
            return _changed(f"this login is of {whose.account} {whose.region} now")
        one = await group_named(self._calls, subject.key)
        if one is None:
            return _changed("there is no such group any more")
        if known(one) != subject.identity:
            return _changed(f"kept {kept(one.retention)}, made {one.created:%Y-%m-%d %H:%M:%S} UTC"
                            if one.created else f"kept {kept(one.retention)}")  # fmt: skip
        days = _days(plan.request)
        try:
            await send(self._calls, sending, "logs", "put_retention_policy", logGroupName=one.key, retentionInDays=days)
        except Refused as error:
            return Outcome(Result.FAILED, error.message)
        return Outcome(Result.DONE, SafeText(f"CloudWatch Logs keeps it {kept(days)} now"), (("act", act),))

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look at the group's retention."""
        await self._calls.whose()
        one = await group_named(self._calls, subject.key)
        planned = dict(subject.identity)
        if one is None:
            return Verdict(Truth.REFUTED, SafeText("there is no such group any more"))
        if dict(known(one))["created"] != planned["created"]:
            return Verdict(Truth.UNKNOWN, SafeText("another group has its name now"))
        words = f"it is kept {kept(one.retention)}"
        if one.retention == plan.request.number:
            return Verdict(Truth.CONFIRMED, SafeText(words), 1.0)
        if outcome.result is Result.UNKNOWN and after >= _ARRIVING:
            return Verdict(Truth.REFUTED, SafeText(f"not done: {words}"))
        return Verdict(Truth.PENDING, SafeText(f"{words} still"))

    def render(self, request: Request) -> str:
        """`aws logs put-retention-policy --log-group-name /ecs/api --retention-in-days 30`."""
        return commands.render(request, self.settings)

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line of the AWS command line would do to log groups here."""
        return commands.recognise(line, self.settings)

    async def rights(self) -> Sequence[Right]:
        """By IAM's own judgement, where it may be asked."""
        return await rights(self._calls, NEEDED)

    async def close(self) -> None:
        """Let go of the threads."""
        self._calls.close()


def _days(request: Request) -> int:
    """The days of a request that has everything it needs."""
    if request.action != RETENTION or request.number is None:
        raise ProbeError(Cause.MISSING, "cloudwatch_logs has no such action")
    if request.number not in DAYS:
        near = [day for day in DAYS if day < request.number][-1:] + [day for day in DAYS if day > request.number][:1]
        hint = f"near are {' and '.join(map(str, near))}; all: {', '.join(map(str, DAYS))}"
        raise ProbeError(Cause.MISSING, f"CloudWatch Logs can't keep logs for {request.number} days", hint)
    if not request.subjects:
        raise ProbeError(Cause.MISSING, "a log group must be named")
    if len(request.subjects) > _MOST:
        raise ProbeError(Cause.TOO_BIG, f"{len(request.subjects)} groups at once are too many, {_MOST} at most")
    return request.number


def _undo(changing: Sequence[Group]) -> str:
    before = sorted({kept(one.retention) for one in changing})
    return f"set it back to {', '.join(before)}" if before else ""


def _changed(now: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {now}", 300))
