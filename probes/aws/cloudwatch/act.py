"""Silences, enables and tests alarms: one request for each, sent once.

CloudWatch keeps no condition with these requests, so an alarm is looked at directly before: its ARN and the time of its
last change of configuration must be as planned. A silence has no end there; ours does, and is taken back then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from probes.aws.act_once import send
from probes.aws.calls import Calls, Refused
from probes.aws.cloudwatch import commands
from probes.aws.cloudwatch.commands import MOST_MINUTES, REASON
from probes.aws.cloudwatch.facts import Alarm, AlarmState, CloudWatchFacts
from probes.aws.cloudwatch.listing import Alarms
from probes.aws.cloudwatch.plans import danger_of, notes_of, parents_of, subject_of
from probes.aws.cloudwatch.probe import history
from probes.aws.cloudwatch.settings import CloudWatchSettings
from probes.aws.cloudwatch.truth import is_set, known, reason_for, was_tested
from probes.aws.rights import rights
from probes.base import (
    Action,
    Actuator,
    Cause,
    CommandLine,
    Context,
    Danger,
    Identity,
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
    Verdict,
    Word,
)

SILENCE: Final = Action(
    commands.SILENCE,
    "silence",
    Danger.DISRUPTIVE,
    "Turns an alarm's actions off for so many minutes: nobody is told and nothing scales by it; its state goes on.",
    Number("minutes", 1, MOST_MINUTES),
    noun="alarm",
)
ENABLE: Final = Action(
    commands.ENABLE,
    "enable actions",
    Danger.REVERSIBLE,
    "Turns an alarm's actions on; for what it found before, it stays silent.",
    noun="alarm",
)
TEST: Final = Action(
    commands.TEST,
    "test (really fires)",
    Danger.DISRUPTIVE,
    "Sets an alarm to ALARM: its real actions fire, such as paging and scaling; CloudWatch sets it back by itself.",
    word=Word("reason", REASON),
    many=False,
)

NEEDED: Final = {
    "cloudwatch:DisableAlarmActions": "silence alarms",
    "cloudwatch:EnableAlarmActions": "turn alarms on again",
    "cloudwatch:SetAlarmState": "test alarms",
}
"""IAM actions that acting needs."""

_MOST: Final = 100
"""Alarms in one plan."""
_OPERATIONS: Final = {commands.SILENCE: "disable_alarm_actions", commands.ENABLE: "enable_alarm_actions"}
_SETTLES: Final = 30.0
_TOLD: Final = 90.0
"""Seconds until an alarm's history tells of a change."""


class CloudWatchActuator(Actuator[CloudWatchFacts]):
    """Acts on alarms of one account and region. A subject is an alarm by its name."""

    kind = "cloudwatch"
    actions = (SILENCE, ENABLE, TEST)

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, CloudWatchSettings)
        self.settings = target.settings
        self._calls = Calls(self.settings, context, f"{target.name}-act")
        self._alarms = Alarms(self._calls, (), self.settings.timeout / 2)

    def offers(self, facts: CloudWatchFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """Silence, enable, test, each with why it makes no sense for these."""
        wanted = set(subjects)
        found = [one for one in facts.alarms if one.key in wanted]
        if not found:
            return ()
        return (
            Offer(SILENCE, "" if any(one.enabled for one in found) else "its actions are off already"),
            Offer(ENABLE, "" if not all(one.enabled for one in found) else "its actions are on already"),
            Offer(TEST, _untestable(found)),
        )

    async def plan(self, request: Request) -> Plan:
        """Look at the alarms afresh, and at what else looks at them."""
        action = _action(request)
        whose = await self._calls.whose()
        found = await self._alarms.named(request.subjects)
        looked_at = self.context.now()
        for name in request.subjects:
            if name not in found:
                raise ProbeError(Cause.GONE, f"there is no alarm {SafeText(name, 80)} any more")
        alarms = [found[name] for name in dict.fromkeys(request.subjects)]
        subjects = tuple(subject_of(request.action, one) for one in alarms)
        chosen = tuple(one.key for one in subjects if not one.spared)
        parents = [] if request.action == commands.ENABLE else parents_of(alarms, await self._alarms.composites())
        silence = request.action == commands.SILENCE
        assert request.number is not None or not silence
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=SafeText(f"CloudWatch of {whose.place}", 250),
            pin=whose.pin,
            subjects=subjects,
            command=(self.render(request),),
            looked_at=looked_at,
            danger=danger_of(request.action, alarms),
            undo=SafeText(_UNDO[request.action]),
            due=looked_at + timedelta(minutes=request.number) if silence and request.number else None,
            reverse=Request(commands.ENABLE, chosen) if silence else None,
            notes=tuple(SafeText(note, 400) for note in notes_of(request.action, alarms, parents, request.number)),
            answers=self.settings.timeout,
            settles=_TOLD if request.action == commands.TEST else _SETTLES,
        )

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Look at the alarm once more, then send the one request."""
        whose = await self._calls.whose()
        if whose.pin != plan.pin:
            return _changed(f"this login is of {whose.account} {whose.region} now")
        one = (await self._alarms.named([subject.key])).get(subject.key)
        if one is None:
            return _changed("there is no such alarm any more")
        if known(one) != subject.identity:
            return _changed(_told(known(one)))
        if plan.request.action == commands.TEST and one.state is AlarmState.ALARM:
            return _changed("it has gone into ALARM by itself")
        operation, parameters = _asked(plan, subject, act)
        try:
            await send(self._calls, sending, "cloudwatch", operation, **parameters)
        except Refused as error:
            return Outcome(Result.FAILED, error.message)
        return Outcome(Result.DONE, SafeText(_DONE[plan.request.action]), (("act", act),))

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look at the alarm; for a test at its history too, since a metric alarm is soon set back."""
        await self._calls.whose()
        one = (await self._alarms.named([subject.key])).get(subject.key)
        if plan.request.action != commands.TEST:
            return is_set(one, plan.request.action == commands.ENABLE, subject.identity, outcome, after)
        verdict = was_tested(one, [], plan, outcome, after)
        if verdict.share == 1.0 or one is None:
            return verdict
        return was_tested(one, await self._since(subject.key, plan), plan, outcome, after)

    async def _since(self, name: str, plan: Plan) -> list[Mapping[str, Any]] | None:
        """What its history tells since the plan; None where none is kept."""
        back = self.context.now() - plan.looked_at + timedelta(minutes=1)
        try:
            return (await history(self._calls, name, max(back, timedelta(minutes=1))))[0]
        except ProbeError as error:
            if error.cause not in (Cause.MISSING, Cause.DENIED, Cause.OVERLOADED):
                raise
            return None

    def render(self, request: Request) -> str:
        """`aws cloudwatch disable-alarm-actions --alarm-names a b`."""
        return commands.render(request, self.settings)

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line of the AWS command line would do to alarms here."""
        return commands.recognise(line, self.settings)

    async def rights(self) -> Sequence[Right]:
        """By IAM's own judgement, where it may be asked."""
        return await rights(self._calls, NEEDED)

    async def close(self) -> None:
        """Let go of the threads."""
        self._calls.close()


_UNDO: Final = {
    commands.SILENCE: "turn its actions on again, at the latest when the time is up",
    commands.ENABLE: "silence it again",
    commands.TEST: "what it sent can't be called back; its state goes back by itself",
}
_DONE: Final = {
    commands.SILENCE: "CloudWatch has turned its actions off",
    commands.ENABLE: "CloudWatch has turned its actions on",
    commands.TEST: "CloudWatch has set it to ALARM",
}


def _action(request: Request) -> Action:
    """The action of a request that has everything it needs."""
    action = next((one for one in CloudWatchActuator.actions if one.name == request.action), None)
    if action is None or (request.number is None) is not (action.number is None):
        raise ProbeError(Cause.MISSING, "cloudwatch has no such action")
    if action.number is not None and not action.number.least <= (request.number or 0) <= action.number.most:
        raise ProbeError(Cause.MISSING, f"a silence lasts 1 to {MOST_MINUTES} minutes")
    if action.word is not None and not re.fullmatch(action.word.pattern, request.word):
        raise ProbeError(Cause.MISSING, "a test needs a reason in a few words: it stands in the alarm's history")
    if not request.subjects or (not action.many and len(request.subjects) > 1):
        raise ProbeError(Cause.MISSING, "one alarm at a time" if request.subjects else "an alarm must be named")
    if len(request.subjects) > _MOST:
        raise ProbeError(Cause.TOO_BIG, f"{len(request.subjects)} alarms at once are too many, {_MOST} at most")
    return action


def _asked(plan: Plan, subject: Subject, act: str) -> tuple[str, dict[str, Any]]:
    """The operation and its parameters."""
    if plan.request.action == commands.TEST:
        reason = reason_for(plan.request.word, act)
        return "set_alarm_state", {"AlarmName": subject.key, "StateValue": "ALARM", "StateReason": reason}
    return _OPERATIONS[plan.request.action], {"AlarmNames": [subject.key]}


def _untestable(found: Sequence[Alarm]) -> str:
    if len(found) > 1:
        return "one alarm at a time"
    return "it is in ALARM already" if found[0].state is AlarmState.ALARM else ""


def _changed(now: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {now}", 300))


def _told(identity: Identity) -> str:
    told = dict(identity)
    return f"{told['alarm'].rpartition(':')[2]}, configured {told['configured']}"
