"""Resolves, archives and assigns issues of Sentry, by one request each.

https://docs.sentry.io/api/events/update-an-issue/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from probes.alerting.act_hosted import Change, HostedActuator
from probes.alerting.api import moment
from probes.alerting.parse import table, worth_saying
from probes.alerting.sentry import commands
from probes.alerting.sentry.facts import Issue, SentryFacts
from probes.alerting.sentry.parse import issues
from probes.alerting.sentry.probe import WAYS
from probes.alerting.sentry.settings import SentrySettings
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

RESOLVE: Final = Action(
    commands.RESOLVE, "resolve", Danger.REVERSIBLE,
    what="Calls the issue resolved: the next event of it makes it come back as regressed.",
    noun="issue",
)  # fmt: skip
ARCHIVE: Final = Action(
    commands.ARCHIVE, "archive for a time", Danger.DISRUPTIVE,
    number=Number("minutes", commands.LEAST, commands.MOST),
    what="Takes the issue out of sight until a set time: nobody is told of it meanwhile, whatever happens.",
    noun="issue",
)  # fmt: skip
ASSIGN: Final = Action(
    commands.ASSIGN, "assign", Danger.REVERSIBLE,
    word=Word("e-mail or name of a member, or team:ID", commands.PERSON),
    what="Gives the issue to a member or a team, who are told of it.",
    noun="issue",
)  # fmt: skip
_LATE: Final = 120.0
"""Seconds by which an archive may end otherwise than it was asked."""


class SentryActuator(HostedActuator[SentryFacts]):
    """Acts on the issues of one organisation."""

    kind = "sentry"
    actions = (RESOLVE, ARCHIVE, ASSIGN)
    ways = replace(WAYS, scope="the scope event:write; see contrib/sentry/README.md")
    thing = "issue"

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, SentrySettings)
        self.settings = target.settings

    def offers(self, facts: SentryFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """All three for issues that are unresolved."""
        wanted = set(subjects)
        there = any(one.id in wanted for one in facts.issues)
        return tuple(Offer(action) for action in self.actions) if there else ()

    # plan

    def checked(self, request: Request, action: Action) -> None:
        """The length, the person."""
        if action is ARCHIVE and (request.number is None or not commands.LEAST <= request.number <= commands.MOST):
            least, most = commands.LEAST, commands.MOST
            raise ProbeError(Cause.MISSING, f"an archive needs its length: {least} to {most} minutes, then it ends")
        if action is ASSIGN and not request.word:
            raise ProbeError(Cause.MISSING, "to whom? the e-mail or name of a member, or team:ID")

    async def look(self, key: str) -> Mapping[str, Any] | None:
        """One issue."""
        if not commands.ISSUE.fullmatch(key):
            return None
        try:
            told, _ = await self._api.page(f"/api/0/organizations/{self.settings.organization}/issues/{key}/")
        except ProbeError as error:
            if error.cause is Cause.GONE:
                return None
            raise
        if table(told).get("id") != key:
            raise ProbeError(Cause.GARBAGE, f"{self._api.where} does not answer like Sentry")
        return table(told)

    def _issue(self, told: Mapping[str, Any]) -> Issue:
        return issues([told], self.context.now())[0]

    def identity(self, action: str, told: Mapping[str, Any]) -> Identity:
        """Its status, and whose it is; not how often it happens, which never stands still."""
        one = self._issue(told)
        return (("issue", one.id), ("status", _status(told)), ("assigned", str(one.assigned)))

    def subject(self, request: Request, key: str, told: Mapping[str, Any]) -> Subject:
        """The issue as it would be acted on."""
        one = self._issue(told)
        refused = f"it is {_status(told)} already" if _status(told) != "unresolved" else ""
        if request.action == ASSIGN.name:
            refused = ""
        after = {RESOLVE.name: "resolved", ASSIGN.name: f"{request.word}'s"}
        seen = f"{one.events} events" if one.events is not None else "how often is not told"
        users = f", {one.users} users" if one.users is not None else ""
        return Subject(
            key=key,
            name=SafeText(f"{one.short} {one.title}", 200),
            identity=self.identity(request.action, told),
            before=SafeText(f"{_status(told)}, {one.level}, {one.assigned or 'nobody'}'s, {seen}{users}"),
            after=SafeText(after.get(request.action, f"archived for {lasted((request.number or 0) * 60)}")),
            felt=(SafeText("nobody is told of new events meanwhile"),) if request.action == ARCHIVE.name else (),
            spared=SafeText(refused),
            barred=bool(refused),
        )

    def notes(self, request: Request) -> Sequence[str]:
        """What resolving does not do."""
        words = {RESOLVE.name: "what is wrong is not mended by it: the next event brings it back"}
        return [words[request.action]] if request.action in words else []

    def finished(self, plan: Plan) -> Plan:
        """When an archive ends, and how each can be taken back."""
        undo = {
            RESOLVE.name: "unresolve it in Sentry; the next event does so by itself",
            ARCHIVE.name: "unarchive it in Sentry; without that it ends by itself",
            ASSIGN.name: "assign it to whose it was",
        }
        due = None
        if plan.action is ARCHIVE and plan.chosen:
            due = plan.looked_at + timedelta(minutes=plan.request.number or 0)
        return replace(plan, undo=SafeText(undo[plan.action.name]), due=due)

    # doing it

    async def what(self, plan: Plan, subject: Subject) -> Change:
        """The one request."""
        path = f"/api/0/organizations/{self.settings.organization}/issues/{subject.key}/"
        return Change("PUT", path, commands.wanted(plan.request))

    async def truth(self, plan: Plan, subject: Subject, outcome: Outcome, told: Mapping[str, Any]) -> tuple[bool, str]:
        """By the issue's status and whose it is."""
        status, one = _status(told), self._issue(told)
        if plan.action.name == RESOLVE.name:
            return status == "resolved", status
        if plan.action.name == ASSIGN.name:
            person = table(told.get("assignedTo"))
            names = {str(person.get(name) or "").lower() for name in ("email", "name", "username")}
            names |= {f"{person.get('type')}:{person.get('id')}"}
            moved = str(one.assigned) != dict(subject.identity)["assigned"]
            return bool(person) and (plan.request.word.lower() in names or moved), f"{one.assigned or 'nobody'}'s"
        return self._archived(plan, status, told)

    def _archived(self, plan: Plan, status: str, told: Mapping[str, Any]) -> tuple[bool, str]:
        until = moment(table(told.get("statusDetails")).get("ignoreUntil"))
        if status != "archived" or until is None:
            return False, status
        skew = timedelta(seconds=worth_saying(self._api.skew) or 0.0)
        meant = plan.looked_at + timedelta(minutes=plan.request.number or 0)
        late = (until - skew - meant).total_seconds()
        words = f"archived until {until - skew:%Y-%m-%d %H:%M} UTC"
        return abs(late) <= _LATE, words if abs(late) <= _LATE else f"{words}, which is not what was asked"

    # words

    def render(self, request: Request) -> str:
        """The curl line, one for each issue."""
        return commands.render(request, self._here)

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line of curl or sentry-cli would do here."""
        return commands.recognise(line, self._here)

    @property
    def _here(self) -> commands.Here:
        return commands.Here(self.settings.url or self.settings.home, self.settings.organization)

    async def rights(self) -> Sequence[Right]:
        """What we may do there, as far as reading tells: no token says which scopes it has."""
        path = f"/api/0/organizations/{self.settings.organization}/issues/"
        remedy = SafeText("a token with the scope event:write; see contrib/sentry/README.md")
        try:
            await self._api.page(path, [("query", "is:unresolved"), ("limit", "1")])
        except ProbeError as error:
            if error.cause not in (Cause.AUTH, Cause.DENIED):
                raise
            return [Right("read issues", Grant.MISSING, error.message)]
        return [Right("read issues", Grant.HELD), Right("change issues", Grant.UNKNOWN, remedy)]


def _status(told: Mapping[str, Any]) -> str:
    """unresolved, resolved or archived, which the interface calls ignored."""
    status = str(told.get("status") or "")
    return {"ignored": "archived"}.get(status, str(SafeText(status, 30)))
