"""Silences alerts and ends silences, by one request each, through the API v2 of an Alertmanager or of Grafana's own.

A silence matches exactly the labels that were looked at, and always has an end. The server keeps no condition with a
request, so the alerts are looked at directly before; the act's id in the comment finds the silence again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from probes.alerting import act_rights, commands
from probes.alerting.act_once import ActingApi
from probes.alerting.address import ReachSettings, known
from probes.alerting.alertmanager import AlertmanagerSettings
from probes.alerting.api import said_by
from probes.alerting.facts import Alert, AlertsFacts, labels_of
from probes.alerting.grafana import ALERTMANAGER, GrafanaSettings
from probes.alerting.parse import filters, held, matchers_of, rows, silence_of, silences, stamp, table, worth_saying
from probes.alerting.plans import (
    ACTIONS,
    LEAST,
    MOST,
    NO_ACKNOWLEDGE,
    SILENCE,
    UNSILENCE,
    differs,
    ending,
    no_end,
    no_silence,
    silence_notes,
    silencing,
    until,
)
from probes.alerting.verdict import comment, found, is_ended, is_silent, same_silence
from probes.base import (
    Action,
    Actuator,
    Cause,
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

_MOST: Final = 100
"""Silences in one plan."""
_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_SETTLES: Final = 20.0
_BACK: Final = timedelta(minutes=1)
"""A beginning in the past is taken for now, one in the future is waited for: small differences of clocks must not."""


class SilencingActuator(Actuator[AlertsFacts]):
    """Makes and ends silences. A subject is an alert's labels as its row has them, or the id of a silence."""

    actions = ACTIONS
    product = "Alertmanager"
    prefix = ""
    """Stands between the address and the API's paths."""

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, ReachSettings)
        self.settings = target.settings
        self._api = ActingApi(target.name, self.settings, context, self.product, self.prefix)

    # offers

    def offers(self, facts: AlertsFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """Silence for alerts, its end for silences, each with why it makes no sense for any of these."""
        wanted = set(subjects)
        alerts = [one for one in facts.alerts if one.key in wanted]
        quiet = [one for one in facts.silences if one.id in wanted]
        if alerts and quiet:
            return tuple(Offer(one, "alerts and silences are chosen together") for one in ACTIONS)
        if alerts:
            return (Offer(SILENCE, _agreed([no_silence([one]) for one in alerts])),)
        return (Offer(UNSILENCE, _agreed([no_end(one) for one in quiet])),) if quiet else ()

    # plan

    async def plan(self, request: Request) -> Plan:
        """Look at the alerts that a silence would match, or at the silence."""
        if request.action == "acknowledge":
            raise ProbeError(Cause.MISSING, NO_ACKNOWLEDGE, "press a on its row")
        action = next((one for one in ACTIONS if one.name == request.action), None)
        if action is None or (action is UNSILENCE and request.number is not None):
            raise ProbeError(Cause.MISSING, f"{self.product} has no such action")
        if not 0 < len(request.subjects) <= _MOST:
            raise ProbeError(Cause.MISSING, f"choose alerts or silences, {_MOST} at most")
        if action is UNSILENCE:
            return await self._plan_end(request)
        if request.number is None or not LEAST <= request.number <= MOST:
            raise ProbeError(Cause.MISSING, f"a silence needs its length: {LEAST} to {MOST} minutes, then it ends")
        return await self._plan_silence(request, request.number)

    async def _plan_silence(self, request: Request, minutes: int) -> Plan:
        listed = await self._silences()
        looked_at = self.context.now()
        skew = worth_saying(self._api.skew)
        end = (looked_at + timedelta(minutes=minutes)).replace(microsecond=0)
        shown = end + timedelta(seconds=skew or 0.0)
        subjects = []
        for key in dict.fromkeys(request.subjects):
            alerts = await self._matched(_labels(key))
            if not alerts:
                raise ProbeError(
                    Cause.GONE, f"no alert with {SafeText(key, 120)} fires now", "there is nothing to hold"
                )
            subjects.append(silencing(key, alerts, silences(listed, {}, self._now()), shown))
        chosen = [one for one in subjects if not one.barred]
        plan = self._planned(SILENCE, request, subjects, looked_at)
        return replace(
            plan,
            due=end if chosen else None,
            undo=SafeText(f"end the silence; without that it ends by itself at {until(shown)}", 200),
            notes=tuple(map(SafeText, [*silence_notes(minutes, shown, skew), *self._line_notes])),
        )

    async def _plan_end(self, request: Request) -> Plan:
        alerts = await self._matched({})
        looked_at = self.context.now()
        subjects = []
        for id in dict.fromkeys(request.subjects):
            told = await self._silence(id)
            if told is None:
                raise ProbeError(Cause.GONE, f"there is no silence {SafeText(id, 64)} any more")
            held_back = [one for one in alerts if id in one.silenced_by]
            subjects.append(ending(silence_of(told, {}, self._now()), _updated(told), held_back))
        plan = self._planned(UNSILENCE, request, subjects, looked_at)
        undo = SafeText("silence the alerts again, with a new end")
        return replace(plan, undo=undo, notes=tuple(map(SafeText, self._line_notes)))

    @property
    def _line_notes(self) -> list[str]:
        return ["the line leaves the login out"] if self.settings.token or self.settings.user else []

    def _planned(self, action: Action, request: Request, subjects: Sequence[Subject], looked_at: datetime) -> Plan:
        chosen = tuple(one.key for one in subjects if not one.barred) or request.subjects
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=SafeText(self._api.where, 200),
            pin=self._pin,
            subjects=tuple(subjects),
            command=tuple(self.render(Request(action.name, chosen, request.number)).splitlines()),
            looked_at=looked_at,
            danger=action.danger,
            answers=2 * self.settings.timeout + 2.0,
            settles=_SETTLES,
        )

    @property
    def _pin(self) -> Identity:
        """An Alertmanager has no identity of its own that outlives a restart: its address is what is pinned."""
        return ((self.product.lower(), self._api.url + self.prefix),)

    # doing it

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Look at the alerts or the silence again, then send one request."""
        sent = False

        async def announced() -> None:
            nonlocal sent
            await sending()
            sent = True

        do = self._silence_it if plan.action.name == SILENCE.name else self._end_it
        try:
            return await do(plan, subject, act, announced)
        except ProbeError as error:
            if not sent:
                raise
            return Outcome(Result.UNKNOWN, error.message, (("act", act),))

    async def _silence_it(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        labels = _labels(subject.key)
        alerts = await self._matched(labels)
        if words := self._moved(plan) or differs(subject.identity, alerts):
            return _changed(words)
        if no_silence(alerts):
            return _changed("told -> silenced by somebody meanwhile")
        if plan.due is None or plan.due <= self.context.now():
            return Outcome(Result.REFUSED, SafeText("its end has passed: look again"))
        ends = stamp(plan.due + timedelta(seconds=worth_saying(self._api.skew) or 0.0))
        body = {
            "matchers": matchers_of(labels),
            "startsAt": stamp(self._now() - _BACK),
            "endsAt": ends,
            "createdBy": self.context.operator,
            "comment": comment(act, self.context.operator),
        }
        status, answer = await self._api.make(body, sending, self.settings.timeout)
        return self._answered(status, answer, act, (("ends", ends),))

    async def _end_it(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        told = await self._silence(subject.key)
        if words := self._moved(plan):
            return _changed(words)
        if told is None:
            return _changed(f"{dict(subject.identity)['state']} -> gone")
        now = {"state": str(table(told.get("status")).get("state")), "updated": _updated(told)}
        if words := same_silence(dict(subject.identity), now):
            return _changed(words)
        status, answer = await self._api.end(_checked(subject.key), sending, self.settings.timeout)
        return self._answered(status, answer, act, ())

    def _moved(self, plan: Plan) -> str:
        return "" if plan.pin == self._pin else "another address is meant by this target"

    def _answered(self, status: int, body: bytes, act: str, facts: Identity) -> Outcome:
        """What an answer means. Of an error of the server's own, or of a proxy before it, nobody knows."""
        facts = (("act", act), *facts)
        if 200 <= status < 300:
            if body.lstrip()[:1] == b"<":
                return Outcome(Result.UNKNOWN, SafeText("a web page answered"), facts)
            id = _made(body)
            return Outcome(Result.DONE, SafeText("accepted"), (*facts, ("silence", id)) if id else facts)
        said = said_by(body)
        if status >= 500:
            return Outcome(Result.UNKNOWN, SafeText(f"HTTP {status}: {said}", 200), facts)
        try:
            self._api.check(status, body)
        except ProbeError as error:
            return Outcome(Result.FAILED, error.message, facts)
        return Outcome(Result.FAILED, SafeText(f"HTTP {status}: {said}", 200), facts)

    # looking whether it is true

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look for the silence by the act's id, and at the alerts it should hold back."""
        if plan.action.name != SILENCE.name:
            return is_ended(await self._silence(subject.key), plan, outcome, after)
        labels = labels_of(subject.key)
        if labels is None:
            return Verdict(Truth.UNKNOWN, SafeText("its labels can't be read any more"))
        one = found(await self._silences(), labels, plan, outcome)
        return is_silent(one, await self._matched(labels) if one else (), plan, outcome, after)

    # the server

    def _now(self) -> datetime:
        return self.context.now() + timedelta(seconds=worth_saying(self._api.skew) or 0.0)

    async def _matched(self, labels: Mapping[str, str]) -> tuple[Alert, ...]:
        """The alerts that carry these labels now, whatever else they carry."""
        told = await self._api.get("/api/v2/alerts", filters(labels))
        alerts = held(told, self.settings.severity, self._now()).everything
        wanted = labels.items()
        return tuple(one for one in alerts if wanted <= (labels_of(one.key) or {}).items())

    async def _silences(self) -> list[Mapping[str, Any]]:
        return rows(await self._api.get("/api/v2/silences"), "silences")

    async def _silence(self, id: str) -> Mapping[str, Any] | None:
        """One silence; None when there is none with this id."""
        try:
            told = table(await self._api.get(f"/api/v2/silence/{_checked(id)}"))
        except ProbeError as error:
            if error.cause is Cause.GONE:
                return None
            raise
        if told.get("id") != id:
            raise ProbeError(Cause.GARBAGE, f"{self._api.where} does not answer like an Alertmanager")
        return told

    # words

    def render(self, request: Request) -> str:
        """`amtool silence add` or `expire` for an Alertmanager, curl for Grafana."""
        return commands.render(request, self._here, self.context.now())

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line of amtool or curl would silence here, or end."""
        return commands.recognise(line, self._here, self.context.now())

    @property
    def _here(self) -> commands.Here:
        address = known(self.settings) or self._api.address
        return commands.Here(address, self.prefix, self.kind == "grafana")

    async def rights(self) -> Sequence[Right]:
        """What we may do there, as far as reading tells."""
        return await act_rights.of_alertmanager(self._api)

    def abort(self) -> None:
        """Cut every connection."""
        self._api.cut()

    async def close(self) -> None:
        """Let go of every connection."""
        await self._api.close()


class AlertmanagerActuator(SilencingActuator):
    """Silences of an Alertmanager."""

    kind = "alertmanager"

    def __init__(self, target: Target, context: Context) -> None:
        assert isinstance(target.settings, AlertmanagerSettings)
        super().__init__(target, context)


class GrafanaActuator(SilencingActuator):
    """Silences of Grafana's own Alertmanager."""

    kind = "grafana"
    product = "Grafana"
    prefix = ALERTMANAGER

    def __init__(self, target: Target, context: Context) -> None:
        assert isinstance(target.settings, GrafanaSettings)
        super().__init__(target, context)

    async def rights(self) -> Sequence[Right]:
        """What the service account may do, as Grafana tells it itself, and what is more than is needed."""
        return await act_rights.of_grafana(self.target.name, self.settings, self.context)


def _labels(key: str) -> dict[str, str]:
    labels = labels_of(key)
    if labels is None:
        raise ProbeError(Cause.GONE, f"{SafeText(key, 80)} is not an alert's labels", "choose the alert on the screen")
    return labels


def _checked(id: str) -> str:
    if not _ID.fullmatch(id):
        raise ProbeError(Cause.GONE, f"{SafeText(id, 64)} is no silence's id")
    return id


def _updated(told: Mapping[str, Any]) -> str:
    return str(SafeText(str(told.get("updatedAt") or "unknown"), 60))


def _made(body: bytes) -> str:
    try:
        answer = table(json.loads(body))
    except (ValueError, RecursionError):
        return ""
    id = answer.get("silenceID") or answer.get("silenceId") or ""
    return str(id) if _ID.fullmatch(str(id)) else ""


def _agreed(reasons: Iterable[str]) -> str:
    """Why none of them can; empty when one can."""
    found = list(reasons)
    return found[0] if all(found) else ""


def _changed(words: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {words}", 300))
