"""Gives secrets new values, and old ones back. Values pass through memory on their way and are kept nowhere."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from probes.aws.account import Whose
from probes.aws.act_once import send
from probes.aws.calls import Calls, Refused
from probes.aws.rights import rights
from probes.aws.secrets import commands, plans
from probes.aws.secrets.facts import CURRENT, PREVIOUS, OneSecret, SecretsFacts
from probes.aws.secrets.merge import Member, NotKeys, Unfit, fingerprint, members, merged, same
from probes.aws.secrets.parse import moment, secret, short
from probes.aws.secrets.plans import ACTIONS, REPLACE, SET, UNDO, Value
from probes.aws.secrets.settings import SecretsSettings
from probes.base import (
    Action,
    Actuator,
    Cause,
    Choice,
    CommandLine,
    Context,
    Hidden,
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
    "secretsmanager:GetSecretValue": "read a value, to change one key of it",
    "secretsmanager:PutSecretValue": "give secrets new values",
    "secretsmanager:UpdateSecretVersionStage": "go back to the version before",
}
"""Rights that the acts need, by IAM's names."""
_SOON: Final = 5.0
"""Seconds within which a new version shows everywhere."""
_STALE: Final = frozenset({"InvalidParameterException", "ResourceExistsException"})
"""The versions are not those that were named any more."""


class SecretsActuator(Actuator[SecretsFacts]):
    """Acts on the secrets of one account. A subject is a secret's name."""

    kind = "secrets"
    reads_pipes = True
    actions = ACTIONS

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, SecretsSettings)
        self.settings = target.settings
        self._calls = Calls(self.settings, context, f"{target.name}-act")
        self._whose: Whose | None = None
        self._known: dict[str, str] = {}
        """ARN -> name of the secrets that were seen."""
        logging.getLogger("botocore").setLevel(logging.INFO)  # lower, the library writes whole requests into its log

    # offers

    def offers(self, facts: SecretsFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """Each act for one secret, with why it makes no sense now."""
        self._known |= {one.arn: str(one.name) for one in facts.secrets if one.arn}
        if len(subjects) != 1:
            return ()
        one = facts.secret(subjects[0])
        return () if one is None else tuple(Offer(action, _no(action, one)) for action in self.actions)

    async def choices(self, action: str, subjects: Sequence[str]) -> Sequence[Choice]:
        """The keys of the current value, or the version before."""
        if len(subjects) != 1 or action not in (SET.name, UNDO.name):
            return ()
        one = await self._described(subjects[0])
        if action == UNDO.name:
            previous = one.at(PREVIOUS)
            return () if previous is None else (Choice(previous.id, SafeText(f"{PREVIOUS} of {one.name}", 200)),)
        keys = _keys(await self._value(one))
        return tuple(Choice(key, SafeText(f"holds {keys[key].about}")) for key in keys if "," not in key)

    # plan

    async def plan(self, request: Request) -> Plan:
        """Look at the secret, and at its value in memory, afresh."""
        action = next((one for one in self.actions if one.name == request.action), None)
        if action is None or request.number is not None or (request.word and action.word is None):
            raise ProbeError(Cause.MISSING, "secrets have no such action")
        if len(request.subjects) != 1:
            raise ProbeError(Cause.MISSING, "choose one secret")
        looked_at = self.context.now()
        one = await self._described(request.subjects[0])
        notes: list[SafeText] = []
        if action is UNDO:
            subject = plans.undo(one, request.word)
            undo = SafeText("the same again brings the newer version back")
        else:
            subject, notes = await self._changing(action, one, request)
            current = short(dict(subject.identity)["current"])
            undo = SafeText(f"go back a version: {current} is kept as {PREVIOUS}")
        whose = await self._who()
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=whose.place,
            pin=(*whose.pin, ("secret", one.arn)),
            subjects=(subject,),
            command=tuple(self.render(Request(action.name, (str(one.name),), word=request.word)).splitlines()),
            looked_at=looked_at,
            danger=action.danger,
            felt=plans.felt(self.settings.used_by, self.settings.served_by),
            undo=undo,
            notes=tuple(notes),
        )

    async def _changing(self, action: Action, one: OneSecret, request: Request) -> tuple[Subject, list[SafeText]]:
        value = await self._value(one)
        keys: Mapping[str, Member] | None = None
        if action is SET:
            keys = _keys(value)
        elif (there := _keys_or_none(value)) is not None:
            raise ProbeError(Cause.MISSING, SafeText(f"it holds keys ({plans.listed(list(there))}): set those", 300))
        changes = _changes(action, request)
        try:
            if keys is not None:
                merged(value.reveal(), changes)
        except Unfit as error:
            raise ProbeError(Cause.MISSING, SafeText(str(error), 200)) from None
        now = self.context.now()
        notes = [*plans.notes(one, keys, list(changes)), *plans.often(value.created, now)]
        return plans.put(one, value, keys, changes, now), notes

    # doing it

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Look whether the planned version is still the current one, then send the one request."""
        told = dict(subject.identity)
        whose = await self._who()
        if (*whose.pin, ("secret", told["arn"])) != plan.pin:
            return _changed("it is another account, region or endpoint")
        try:
            one = await self._described(told["arn"])
            if plan.action is UNDO:
                return await self._go_back(one, told, sending)
            return await self._put(plan, one, told, act, sending)
        except Refused as error:
            return _refused(error)
        except ProbeError as error:
            if error.cause is Cause.GONE:
                return _changed("the secret is gone")
            raise

    async def _put(self, plan: Plan, one: OneSecret, told: Mapping[str, str], act: str, sending: Sending) -> Outcome:
        if one.deleted is not None:
            return _changed("it is marked for deletion")
        value = await self._value(one)
        if value.version != told["current"]:
            return _changed(f"{CURRENT} {short(told['current'])} -> {short(value.version)}")
        changes = _changes(plan.action, plan.request)
        try:
            text = merged(value.reveal(), changes) if plan.action is SET else changes[""]
        except (Unfit, NotKeys):
            return _changed("its keys")
        answer = await send(
            self._calls, sending, "secretsmanager", "put_secret_value",
            SecretId=one.arn, ClientRequestToken=act, SecretString=text,
        )  # fmt: skip
        version = str(answer.get("VersionId", ""))[:64]
        return Outcome(Result.DONE, SafeText(f"accepted as version {short(version)}"), (("version", version),))

    async def _go_back(self, one: OneSecret, told: Mapping[str, str], sending: Sending) -> Outcome:
        for stage, name in ((CURRENT, "current"), (PREVIOUS, "previous")):
            found = one.at(stage)
            if found is None or found.id != told[name]:
                return _changed(f"{stage} {short(told[name])} -> {short(found.id) if found is not None else 'none'}")
        await send(
            self._calls, sending, "secretsmanager", "update_secret_version_stage",
            SecretId=one.arn, VersionStage=CURRENT,
            MoveToVersionId=told["previous"], RemoveFromVersionId=told["current"],
        )  # fmt: skip
        return Outcome(Result.DONE, SafeText("accepted"), (("version", told["previous"]),))

    # looking whether it is true

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look which version is current now, and whether its keys are the planned ones."""
        told = dict(subject.identity)
        if (*(await self._who()).pin, ("secret", told["arn"])) != plan.pin:
            return Verdict(Truth.UNKNOWN, SafeText("this login is of another account, region or endpoint now"))
        one = await self._described(told["arn"])
        current, previous = one.at(CURRENT), one.at(PREVIOUS)
        if current is None:
            return Verdict(Truth.UNKNOWN, SafeText(f"no version is {CURRENT}"))
        if current.id == told["current"]:
            still = SafeText(f"{CURRENT} is still {short(current.id)}")
            return Verdict(Truth.PENDING if after < _SOON else Truth.REFUTED, still)
        wanted = told.get("previous") or dict(outcome.facts).get("version", "")
        if wanted and current.id != wanted:
            return Verdict(Truth.REFUTED, SafeText(f"{CURRENT} is {short(current.id)}, not {short(wanted)}"))
        if previous is None or previous.id != told["current"]:
            return Verdict(
                Truth.PENDING, SafeText(f"{CURRENT} is {short(current.id)}, {PREVIOUS} is not the old one yet")
            )
        words = f"{CURRENT} is {short(current.id)}, {PREVIOUS} {short(previous.id)}"
        if plan.action is UNDO:
            return Verdict(Truth.CONFIRMED, SafeText(words))
        return await self._proven(plan, one, told, words, sure=bool(wanted))

    async def _proven(self, plan: Plan, one: OneSecret, told: Mapping[str, str], words: str, sure: bool) -> Verdict:
        """By the keys of the new value; and by the value itself, where no answer told its version."""
        if not sure and not plan.request.hidden:
            return Verdict(Truth.UNKNOWN, SafeText(f"{words}: whose it is can't be told any more"))
        try:
            value = await self._value(one)
        except ProbeError as error:
            truth = Truth.CONFIRMED if sure else Truth.UNKNOWN
            return Verdict(truth, SafeText(f"{words}; its keys can't be looked at: {error.message}", 300))
        keys = _keys_or_none(value)
        if told["keys"] and (keys is None or fingerprint(set(keys)) != told["keys"]):
            return Verdict(Truth.REFUTED, SafeText(f"{words}; its keys are not the planned ones"))
        if not sure and not _holds(value, plan):
            return Verdict(Truth.REFUTED, SafeText(f"{words}; its value is not what was typed"))
        count = f"; its {len(keys)} keys are the planned ones" if told["keys"] and keys is not None else ""
        return Verdict(Truth.CONFIRMED, SafeText(words + count))

    # words and rights

    def render(self, request: Request) -> str:
        """A line of the AWS command line; it holds no value."""
        return commands.render(request, self._here())

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line of the AWS command line means here; a value in it is not kept."""
        return commands.recognise(line, self._here())

    def _here(self) -> commands.Here:
        account = self._whose.account if self._whose is not None else self.settings.account or ""
        region = self._whose.region if self._whose is not None else self.settings.region or ""
        return commands.Here(self.settings, account, region, self._known)

    async def rights(self) -> Sequence[Right]:
        """What the login may do, by IAM's own simulation."""
        return await rights(self._calls, RIGHTS)

    # looking

    async def _described(self, id: str) -> OneSecret:
        """The secret of a name or ARN. Raises `ProbeError(Cause.GONE)` when it is not there."""
        whose = await self._who()
        if id.startswith("arn:") and id.split(":")[3:5] != [whose.region, whose.account]:
            raise ProbeError(Cause.DENIED, f"that secret is not of account {whose.account}, {whose.region}")
        try:
            one = secret(await self._calls.read("secretsmanager", "describe_secret", SecretId=id))
        except ProbeError as error:
            if error.cause is Cause.GONE:
                raise ProbeError(Cause.GONE, f"there is no secret {SafeText(id, 200)} any more") from None
            raise
        if not one.arn:
            raise ProbeError(Cause.GARBAGE, f"{self._calls.where} does not say which secret it is")
        self._known[one.arn] = str(one.name)
        return one

    async def _value(self, one: OneSecret) -> Value:
        """The current value, in memory."""
        answer = await self._calls.read("secretsmanager", "get_secret_value", SecretId=one.arn, VersionStage=CURRENT)
        text = answer.get("SecretString")
        version = str(answer.get("VersionId", ""))[:64]
        return Value(version, moment(answer.get("CreatedDate")), text if isinstance(text, str) else None)

    async def _who(self) -> Whose:
        self._whose = await self._calls.whose()
        return self._whose

    async def close(self) -> None:
        """Let go of the threads."""
        self._calls.close()


def _keys(value: Value) -> dict[str, Member]:
    """The keys of a value. Raises `ProbeError` when it holds none."""
    try:
        return members(value.reveal())
    except NotKeys:
        raise ProbeError(Cause.MISSING, "it holds no keys but one value: replace that") from None


def _keys_or_none(value: Value) -> dict[str, Member] | None:
    try:
        return members(value.reveal())
    except NotKeys:
        return None


def _changes(action: Action, request: Request) -> dict[str, str]:
    """Key -> typed value; for a whole value the key is empty. Raises `ProbeError` when one is missing."""
    keys = commands.parts(request.word) if action is SET else [""]
    hidden: Sequence[Hidden] = request.hidden
    if not keys or len(set(keys)) != len(keys):
        raise ProbeError(Cause.MISSING, "name the keys, each once, with commas between them")
    if len(hidden) != len(keys) or not all(one.reveal() for one in hidden):
        about = f" of {plans.listed(keys)}" if action is SET else ""
        raise ProbeError(Cause.MISSING, SafeText(f"the new value{about} is not there yet: type it", 300))
    return {key: one.reveal() for key, one in zip(keys, hidden, strict=True)}


def _holds(value: Value, plan: Plan) -> bool:
    """True when the value has what was typed."""
    changes = _changes(plan.action, plan.request)
    if plan.action is REPLACE:
        return value.reveal() == changes[""]
    return all(same(value.reveal(), key, one) for key, one in changes.items())


def _no(action: Action, one: OneSecret) -> str:
    """Why this can't be done by the last reading; empty when it can."""
    if one.missing or not one.arn:
        return "there is no such secret"
    if one.deleted is not None:
        return "it is marked for deletion"
    if one.owner:
        return f"{one.owner} owns it and changes it itself"
    return "it has no version before the current one" if action is UNDO and one.at(PREVIOUS) is None else ""


def _changed(words: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {words}", 300))


def _refused(error: Refused) -> Outcome:
    """What the service's own refusal means. Raises what is no answer of the service."""
    if error.cause in (Cause.GARBAGE, Cause.OVERLOADED):
        raise error
    if error.cause is Cause.GONE:
        return _changed("the secret is gone")
    if error.code in _STALE:
        return _changed("its versions are not the planned ones")
    result = Result.REFUSED if error.cause in (Cause.DENIED, Cause.AUTH) else Result.FAILED
    return Outcome(result, SafeText(f"Secrets Manager refused it: {error.code}") if error.code else error.message)
