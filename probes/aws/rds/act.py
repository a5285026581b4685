"""Takes snapshots of databases, restores them to new instances, grows storage, reboots: one call to RDS each.

RDS takes names, not identities, so an instance is looked at directly before. Nothing is ever stopped, deleted, made
smaller, or restored over something that is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from probes.aws.act_once import send
from probes.aws.calls import Calls, Refused
from probes.aws.metrics import Metric, Metrics
from probes.aws.paced import Paced
from probes.aws.rds import commands, parse, plans, truth
from probes.aws.rds.facts import Event, RdsFacts
from probes.aws.rds.plans import GROW, REBOOT, RESTORE, SNAPSHOT_ACT
from probes.aws.rds.read import events_of
from probes.aws.rds.settings import RdsSettings
from probes.aws.rds.sight import Sight, Source, sight, sight_if_there, source, sources
from probes.aws.rights import rights
from probes.aws.values import named, table
from probes.base import (
    Actuator,
    Cause,
    Choice,
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
    lasted,
)

_MOST_CHOICES: Final = 200
_CALLS: Final = {
    "snapshot": "create_db_snapshot",
    "restore": "restore_db_instance_from_db_snapshot",
    "grow": "modify_db_instance",
    "reboot": "reboot_db_instance",
}
_NEEDED: Final = {
    "rds:CreateDBSnapshot": "take snapshots",
    "rds:AddTagsToResource": "mark what was made",
    "rds:RestoreDBInstanceFromDBSnapshot": "restore to a new instance",
    "rds:ModifyDBInstance": "grow storage",
    "rds:RebootDBInstance": "reboot",
}
_ACCEPTED: Final = {
    "snapshot": "RDS has begun the snapshot {id}",
    "restore": "RDS has begun to make {id}",
    "grow": "RDS has accepted {number} GiB",
    "reboot": "RDS reboots it",
}


class RdsActuator(Actuator[RdsFacts]):
    """The databases of one target. A subject is an instance's identifier."""

    kind = "rds"
    actions = plans.ACTIONS

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, RdsSettings)
        self.settings = target.settings
        self._calls = Calls(target.settings, context, f"rds-act-{target.name}")
        self._paced = Paced(context.monotonic)

    def offers(self, facts: RdsFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """All four for an instance, each with why it can't be done now; nothing for a cluster."""
        found = [one for one in facts.instances if one.name in subjects]
        if len(found) != 1 or len(subjects) != 1:
            return ()
        return tuple(Offer(action, plans.hindrance(action, found[0])) for action in self.actions)

    async def choices(self, action: str, subjects: Sequence[str]) -> Sequence[Choice]:
        """Snapshots that can be restored, newest first."""
        if action != RESTORE.name:
            return ()
        now = self.context.now()
        found = await sources(self._calls, subjects[0] if subjects else "", _MOST_CHOICES)
        return tuple(Choice(str(one.one.id), _about(one, now)) for one in found if one.one.usable)

    # plan

    async def plan(self, request: Request) -> Plan:
        """Look at the instance afresh, and at the snapshot it is about."""
        action = next((one for one in self.actions if one.name == request.action), None)
        if (
            action is None
            or (action is GROW) != (request.number is not None)
            or (action is RESTORE) != bool(request.word)
        ):
            raise ProbeError(Cause.MISSING, "rds has no such act")
        if len(request.subjects) > 1 or not (request.subjects or action is RESTORE):
            raise ProbeError(Cause.MISSING, "name one DB instance")
        kept = await self._source(request) if action is RESTORE else None
        name = request.subjects[0] if request.subjects else str(kept.one.of) if kept else ""
        there = await self._of(name, kept)
        if action is REBOOT:
            there = replace(there, one=replace(there.one, connections=await self._connections(name)))
        looked_at = self.context.now()
        subject, parameters = self._aimed(action, there, kept, request, looked_at)
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=there.whose.place,
            pin=there.pin,
            subjects=(subject,),
            command=(commands.line_of(action.name, parameters, self.settings),),
            looked_at=looked_at,
            danger=action.danger,
            undo=SafeText(plans.undo(action)),
            notes=tuple(map(SafeText, plans.notes(action, there, kept, looked_at))),
            answers=3 * self.settings.timeout,
            settles=plans.SETTLES[action.name],
        )

    async def _source(self, request: Request) -> Source:
        found = await source(self._calls, request.word)
        if found is None:
            raise ProbeError(Cause.GONE, f"there is no snapshot {SafeText(request.word, 80)}")
        if request.subjects and str(found.one.of) != request.subjects[0]:
            raise ProbeError(Cause.MISSING, f"that snapshot is of {found.one.of}, not of {request.subjects[0]}")
        return found

    async def _connections(self, name: str) -> float | None:
        """How many are open, where CloudWatch can tell."""
        metric = Metric("AWS/RDS", "DatabaseConnections", (("DBInstanceIdentifier", name),))
        try:
            return (await Metrics(self._calls).read({"open": metric}))["open"].latest
        except ProbeError:
            return None

    async def _of(self, name: str, kept: Source | None) -> Sight:
        try:
            return await sight(self._calls, name)
        except ProbeError as error:
            if kept is None or error.cause is not Cause.GONE:
                raise
            words = f"{kept.one.of}, of which the snapshot is, is gone: with which groups and parameters it ran is lost"
            raise ProbeError(Cause.GONE, words, "restore it by hand, with each setting written out") from None

    def _aimed(
        self, action: Any, there: Sight, kept: Source | None, request: Request, at: Any
    ) -> tuple[Subject, dict[str, Any]]:
        """(the subject, the parameters of the call without the act's own mark)."""
        if action is SNAPSHOT_ACT:
            parameters = plans.snapshot_parameters(there, at, "")
            id = str(parameters.pop("DBSnapshotIdentifier")).rstrip("-")
            return plans.snapshot_subject(there), {
                "DBInstanceIdentifier": there.one.name,
                "DBSnapshotIdentifier": id,
            }
        if action is RESTORE and kept is not None:
            return plans.restore_subject(there, kept, at), plans.restore_parameters(there, kept, at)
        if action is GROW:
            number = request.number or 0
            return plans.grow_subject(there, number), plans.grow_parameters(there, number)
        return plans.reboot_subject(there), {"DBInstanceIdentifier": there.one.name}

    # doing it

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Look once more, then send the one call."""
        kept = await source(self._calls, plan.request.word) if plan.action.name == RESTORE.name else None
        name = dict(subject.identity)["source"] if plan.action.name == RESTORE.name else subject.key
        there = await sight_if_there(self._calls, name)
        if there is None or (plan.action.name == RESTORE.name and kept is None):
            return _changed(subject, "it is gone")
        if there.pin != plan.pin:
            return _changed(subject, f"it is {there.one.resource} in {there.whose.account} {there.whose.region} now")
        now, parameters = self._aimed(plan.action, there, kept, plan.request, plan.looked_at)
        if plan.action.name == SNAPSHOT_ACT.name:
            parameters = plans.snapshot_parameters(there, plan.looked_at, act)
        if now.identity != subject.identity:
            return _changed(subject, _differing(subject, now))
        if now.barred:
            return Outcome(Result.REFUSED, now.spared)
        if plan.action.name == RESTORE.name:
            parameters["Tags"] = [*parameters["Tags"], {"Key": "opsroom-act", "Value": act}]
        try:
            answer = await send(self._calls, sending, "rds", _CALLS[plan.action.name], **parameters)
        except Refused as error:
            return _refused(error, parameters)
        return _accepted(plan, answer, parameters)

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look whether it has come true; AWS is asked ever more seldom."""

        async def look() -> Verdict:
            return await self._verified(plan, subject, outcome, after)

        act = (plan.action.name, subject.key, plan.looked_at, outcome.result)
        return await self._paced.verdict(act, after, look)

    async def _verified(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        whose = await self._calls.whose()
        if not set(whose.pin) <= set(plan.pin):
            return Verdict(Truth.UNKNOWN, SafeText("the login is of another account or region now"))
        match plan.action.name:
            case SNAPSHOT_ACT.name:
                return truth.after_snapshot(subject, await self._taken(plan, subject, outcome), outcome, after)
            case RESTORE.name:
                return truth.after_restore(subject, await sight_if_there(self._calls, subject.key), outcome, after)
        there = await sight_if_there(self._calls, subject.key)
        if plan.action.name == GROW.name:
            return truth.after_grow(subject, there, plan.request.number or 0, outcome, after)
        told = await self._told(since=plan.looked_at, SourceIdentifier=subject.key, SourceType="db-instance")
        return truth.after_reboot(subject, there, told, plan.looked_at, outcome, after)

    async def _taken(self, plan: Plan, subject: Subject, outcome: Outcome) -> Source | None:
        """The snapshot of an act: by its id, or by what its id begins with when no answer told it."""
        id = dict(outcome.facts).get("snapshot")
        if id is not None:
            return await source(self._calls, id)
        begins = commands.snapshot_id(subject.key, plan.looked_at)
        found = await sources(self._calls, subject.key, _MOST_CHOICES)
        return next((one for one in found if str(one.one.id).startswith(f"{begins}-")), None)

    async def _told(self, **given: Any) -> Sequence[Event]:
        """What AWS tells in its events; nothing where it may not be asked: the state still tells."""
        try:
            return await events_of(self._calls, **given)
        except ProbeError as error:
            if error.cause in (Cause.DENIED, Cause.MISSING, Cause.GARBAGE):
                return ()
            raise

    # words

    def render(self, request: Request) -> str:
        """`aws rds create-db-snapshot ...`."""
        return commands.render(request, self.settings, self.context.now())

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line of `aws rds` would do here."""
        return commands.recognise(line, self.settings)

    async def rights(self) -> Sequence[Right]:
        """What IAM says the login may do."""
        return await rights(self._calls, _NEEDED)

    async def close(self) -> None:
        """Let go of the threads."""
        self._calls.close()


def _about(found: Source, now: Any) -> SafeText:
    one = found.one
    age = f"{lasted((now - one.begun).total_seconds())} old" if one.begun else "of unknown age"
    size = f", {one.allocated / parse.GIB:,.0f} GiB" if one.allocated else ""
    lock = {True: ", encrypted", False: ", not encrypted", None: ""}[one.encrypted]
    return SafeText(f"{age}, {one.sort}{size}{lock}")


def _changed(subject: Subject, how: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {how}"))


def _differing(planned: Subject, now: Subject) -> str:
    then = dict(planned.identity)
    pairs = [(name, then.get(name, ""), value) for name, value in now.identity]
    return ", ".join(f"{name} {old or '–'} -> {new or '–'}" for name, old, new in pairs if old != new)


def _refused(error: Refused, parameters: dict[str, Any]) -> Outcome:
    """What RDS said no with; only one of its noes means that the act was done already."""
    id = str(parameters.get("DBSnapshotIdentifier", ""))
    if error.code.startswith("DBSnapshotAlreadyExists"):
        return Outcome(Result.DONE, SafeText(f"this act has begun it already: {id}"), (("snapshot", id),))
    if error.code.startswith("DBInstanceAlreadyExists"):
        return Outcome(Result.REFUSED, SafeText("there is an instance of that name already"))
    if error.code.startswith("InvalidDBInstanceState"):
        return Outcome(Result.REFUSED, SafeText("RDS does not allow it in the state the instance is in"))
    hint = f"; {error.hint}" if error.hint else ""
    return Outcome(Result.FAILED, SafeText(f"RDS said no: {error.message}{hint}"))


def _accepted(plan: Plan, answer: dict[str, Any], parameters: dict[str, Any]) -> Outcome:
    instance, taken = table(answer.get("DBInstance")), table(answer.get("DBSnapshot"))
    facts: list[tuple[str, str]] = []
    id = ""
    if plan.action.name == SNAPSHOT_ACT.name:
        id = str(parameters["DBSnapshotIdentifier"])
        facts = [("snapshot", id), ("status", named(taken.get("Status")))]
    else:
        id = str(parameters["DBInstanceIdentifier"])
        facts = [("name", id), ("status", named(instance.get("DBInstanceStatus")))]
        facts += [("resource", named(instance.get("DbiResourceId")))]
    words = _ACCEPTED[plan.action.name].format(id=id, number=plan.request.number)
    return Outcome(Result.DONE, SafeText(words), tuple(facts))
