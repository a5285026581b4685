"""Acknowledges, resolves and escalates incidents of PagerDuty, and adds notes to them, by one request each.

https://developer.pagerduty.com/api-reference/8a0e1aa2ec666-update-an-incident
https://developer.pagerduty.com/api-reference/a1ac30885eb5f-create-a-note-on-an-incident
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from probes.alerting.act_hosted import Change, HostedActuator
from probes.alerting.api import moment
from probes.alerting.pagerduty import commands
from probes.alerting.pagerduty.facts import Incident, PagerDutyFacts
from probes.alerting.pagerduty.parse import ID, incident, rows
from probes.alerting.pagerduty.probe import WAYS
from probes.alerting.pagerduty.settings import PagerDutySettings
from probes.alerting.parse import table, worth_saying
from probes.base import (
    Action,
    Cause,
    CommandLine,
    Context,
    Danger,
    Grant,
    Identity,
    Number,
    Offer,
    Outcome,
    Plan,
    ProbeError,
    Recognised,
    Request,
    Right,
    SafeText,
    Subject,
    Target,
    Word,
    lasted,
)

ACKNOWLEDGE: Final = Action(
    commands.ACKNOWLEDGE, "acknowledge", Danger.REVERSIBLE,
    what="Says that you have it in hand: nobody further is told, until PagerDuty's own limit for that is over.",
    noun="incident",
)  # fmt: skip
RESOLVE: Final = Action(
    commands.RESOLVE, "resolve", Danger.DISRUPTIVE,
    what="Closes the incident: nobody is told of it any more, and it can't be opened again.",
    noun="incident",
)  # fmt: skip
ESCALATE: Final = Action(
    commands.ESCALATE, "escalate to a level", Danger.DISRUPTIVE, number=Number("level", 1, commands.LEVELS),
    what="Gives the incident to a level of its escalation policy: whoever is on call there is told now.",
    noun="incident",
)  # fmt: skip
NOTE: Final = Action(
    commands.NOTE, "add a note", Danger.REVERSIBLE, word=Word("note", commands.NOTES),
    what="Adds a note to the incident, which all who follow it can read.",
    noun="incident",
)  # fmt: skip
_EARLY: Final = timedelta(seconds=90)
"""By which a note's own time may lie before the plan's look: whole minutes and clocks differ."""


class PagerDutyActuator(HostedActuator[PagerDutyFacts]):
    """Acts on incidents in the name of the profile's sender, or of the token's own user."""

    kind = "pagerduty"
    actions = (ACKNOWLEDGE, RESOLVE, ESCALATE, NOTE)
    ways = WAYS
    thing = "incident"

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, PagerDutySettings)
        self.settings = target.settings
        self._named = self.settings.sender is not None
        """True once it is known in whose name is acted."""

    # offers

    def offers(self, facts: PagerDutyFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """All four for open incidents, each with why it makes no sense for any of these."""
        wanted = set(subjects)
        chosen = [one for one in facts.incidents if one.id in wanted]
        if not chosen:
            return ()
        held = all(one.status == "acknowledged" for one in chosen)
        refused = "somebody has it in hand already" if held else ""
        return (Offer(ACKNOWLEDGE, refused), *(Offer(one) for one in (RESOLVE, ESCALATE, NOTE)))

    # plan

    def checked(self, request: Request, action: Action) -> None:
        """The level, the note."""
        if action is ESCALATE and (request.number is None or not 1 <= request.number <= commands.LEVELS):
            raise ProbeError(Cause.MISSING, f"to which level? 1 to {commands.LEVELS}")
        if action is NOTE and not commands.is_note(request.word):
            raise ProbeError(Cause.MISSING, "a note needs words: one line, 500 signs at most")

    async def ready(self) -> None:
        """A token of an account acts for nobody: then the profile must say in whose name."""
        if self._named:
            return
        try:
            told, _ = await self._api.page("/users/me")
        except ProbeError as error:
            if error.cause not in (Cause.GARBAGE, Cause.DENIED, Cause.GONE):
                raise
            words = "this token belongs to no user: PagerDuty wants to know in whose name it is done"
            raise ProbeError(Cause.DENIED, words, "set sender to the e-mail of a user of PagerDuty") from None
        self._named = bool(table(told.get("user")).get("id"))

    async def look(self, key: str) -> Mapping[str, Any] | None:
        """One incident."""
        if not ID.fullmatch(key):
            return None
        try:
            told, _ = await self._api.page(f"/incidents/{key}")
        except ProbeError as error:
            if error.cause is Cause.GONE:
                return None
            raise
        found = table(table(told).get("incident"))
        if found.get("id") != key:
            raise ProbeError(Cause.GARBAGE, f"{self._api.where} does not answer like PagerDuty")
        return found

    def _incident(self, told: Mapping[str, Any]) -> Incident:
        now = self.context.now() + timedelta(seconds=worth_saying(self._api.skew) or 0.0)
        found = incident(told, now)
        if found is None:
            raise ProbeError(Cause.GARBAGE, f"{self._api.where} does not answer like PagerDuty")
        return found

    def identity(self, action: str, told: Mapping[str, Any]) -> Identity:
        """Its status and since when; to escalate also who has it; for a note it need only be there."""
        one = self._incident(told)
        marks: Identity = (("incident", one.id),)
        if action != NOTE.name:
            marks += (("status", one.status), ("since", _stamp(one)))
        if action == ESCALATE.name:
            marks += (("assigned", " ".join(one.assigned_ids)),)
        return marks

    def subject(self, request: Request, key: str, told: Mapping[str, Any]) -> Subject:
        """The incident as it would be acted on."""
        one = self._incident(told)
        refused = ""
        if one.status == "resolved" and request.action != NOTE.name:
            refused = "it is resolved already"
        elif one.status == "acknowledged" and request.action == ACKNOWLEDGE.name:
            refused = f"{_names(one.acknowledged) or 'somebody'} has it in hand already"
        return Subject(
            key=key,
            name=SafeText(f"{one.name} {one.title}", 200),
            identity=self.identity(request.action, told),
            before=SafeText(_before(one)),
            after=SafeText(_after(request)),
            felt=tuple(SafeText(words, 300) for words in _felt(request, one)),
            spared=SafeText(refused),
            barred=bool(refused),
        )

    def notes(self, request: Request) -> Sequence[str]:
        """In whose name, and what closing does not do."""
        said = [f"it is done in the name of {self.settings.sender or 'the user whose token this is'}"]
        if request.action == RESOLVE.name:
            said.append("what is wrong is not mended by it: if it goes on, a new incident may be opened")
        return said

    def finished(self, plan: Plan) -> Plan:
        """How each can be taken back."""
        undo = {
            ACKNOWLEDGE.name: "escalate it: then it waits for somebody again",
            ESCALATE.name: "acknowledge it, or escalate it to another level; who was told has been told",
        }
        return replace(plan, undo=SafeText(undo.get(plan.action.name, "")))

    # doing it

    async def what(self, plan: Plan, subject: Subject) -> Change:
        """The one request."""
        headers = {"From": self.settings.sender} if self.settings.sender else {}
        path = f"/incidents/{subject.key}"
        if plan.action.name == NOTE.name:
            return Change("POST", f"{path}/notes", {"note": {"content": plan.request.word}}, headers)
        return Change("PUT", path, {"incident": commands.wanted(plan.request)}, headers)

    def kept(self, answer: Any) -> Identity:
        """Whose it is by the answer, and the note's id."""
        told, note = table(table(answer).get("incident")), table(table(answer).get("note"))
        if told:
            return (("assigned", " ".join(self._incident(told).assigned_ids)),)
        return (("note", str(SafeText(str(note.get("id") or ""), 40))),)

    # looking whether it is true

    async def truth(self, plan: Plan, subject: Subject, outcome: Outcome, told: Mapping[str, Any]) -> tuple[bool, str]:
        """By the incident's status, whose it is, or its notes."""
        one = self._incident(told)
        match plan.action.name:
            case ACKNOWLEDGE.name:
                by = _names(one.acknowledged)
                words = f"{one.status}{f', by {by}' if by else ''}"
                return one.status in ("acknowledged", "resolved"), words
            case RESOLVE.name:
                return one.status == "resolved", f"{one.status}"
            case NOTE.name:
                return await self._noted(plan, subject, outcome)
        facts = dict(outcome.facts)
        before, now = dict(subject.identity)["assigned"], " ".join(one.assigned_ids)
        moved = now == facts["assigned"] if "assigned" in facts else now != before
        waits = f"{one.status}, waits for {_names(one.assigned) or 'nobody'}"
        return moved and one.status != "acknowledged", waits

    async def _noted(self, plan: Plan, subject: Subject, outcome: Outcome) -> tuple[bool, str]:
        told, _ = await self._api.page(f"/incidents/{subject.key}/notes")
        id = dict(outcome.facts).get("note", "")
        skew = timedelta(seconds=worth_saying(self._api.skew) or 0.0)
        for note in rows(told, "notes"):
            at = moment(note.get("created_at"))
            late = at is None or at - skew >= plan.looked_at - _EARLY
            if note.get("content") == plan.request.word and (note.get("id") == id if id else late):
                return True, "the note is there"
        return False, "there is no such note"

    # words

    def render(self, request: Request) -> str:
        """The curl line, one for each incident."""
        return commands.render(request, self._here)

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line of curl or pd would do here."""
        return commands.recognise(line, self._here)

    @property
    def _here(self) -> commands.Here:
        return commands.Here(self.settings.url or self.settings.home, self.settings.sender or "")

    async def rights(self) -> Sequence[Right]:
        """What we may do there, as far as reading tells: no key says whether it may write."""
        remedy = SafeText("a REST API key that is not read-only; see contrib/pagerduty/README.md")
        try:
            await self._api.page("/incidents", [("limit", "1"), ("statuses[]", "triggered")])
        except ProbeError as error:
            if error.cause not in (Cause.AUTH, Cause.DENIED):
                raise
            return [Right("read incidents", Grant.MISSING, error.message)]
        found = [Right("read incidents", Grant.HELD), Right("change incidents", Grant.UNKNOWN, remedy)]
        try:
            await self.ready()
        except ProbeError as error:
            return [*found, Right("act in somebody's name", Grant.MISSING, error.hint or error.message)]
        return [*found, Right("act in somebody's name", Grant.HELD)]


def _stamp(one: Incident) -> str:
    return one.changed.isoformat(timespec="seconds") if one.changed else "unknown"


def _names(names: Sequence[object]) -> str:
    return ", ".join(map(str, names))


def _before(one: Incident) -> str:
    held = f" by {_names(one.acknowledged)}" if one.acknowledged else ""
    waits = f", waits for {_names(one.assigned)}" if one.status == "triggered" and one.assigned else ""
    return f"{one.status}{held}{waits}, open for {lasted(one.age)}"


def _after(request: Request) -> str:
    words = {ACKNOWLEDGE.name: "acknowledged, in your hand", RESOLVE.name: "resolved", NOTE.name: "as it is"}
    return words.get(request.action, f"waits for level {request.number}")


def _felt(request: Request, one: Incident) -> list[str]:
    if request.action == NOTE.name:
        return [f"all who follow it can read: {request.word}"]
    if request.action == ESCALATE.name:
        return [f"whoever is on call at level {request.number} of {one.policy or 'its policy'} is told now"]
    told = f"{_names(one.assigned)} is told no more" if one.assigned else "nobody is told any more"
    alerts = f"; {one.alerts} of its alerts still fire" if request.action == RESOLVE.name and one.alerts else ""
    return [told + alerts]
