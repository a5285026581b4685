"""What acting on Sentry and PagerDuty has in common: one request, sent once, after a look directly before it.

Neither service keeps a condition with a request, so what is acted on is looked at directly before, and refused when it
is not what the plan was made of. No retry, no redirect: what breaks on the way is told, never tried again.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, TypeVar

from probes.alerting.api import Reply
from probes.alerting.hosted import HostedApi, HostedSettings, Ways, reason
from probes.base import (
    Action,
    Actuator,
    Cause,
    Context,
    Identity,
    Outcome,
    Plan,
    ProbeError,
    Request,
    Result,
    SafeText,
    Sending,
    Subject,
    Target,
    Truth,
    Verdict,
)

F = TypeVar("F")

MOST: Final = 50
"""Rows in one plan: each is looked at by itself."""
_REPLY: Final = 1 << 20
"""Bytes of an answer."""
_SETTLES: Final = 20.0
_LEAVES: Final = "http11.send_request_headers.started"
"""What the driver reports directly before the request's first byte, with its connection made."""


@dataclass(frozen=True, slots=True)
class Change:
    """A request that changes something, ready to leave."""

    method: str
    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


class ActingApi(HostedApi):
    """A service that one thing is asked of."""

    async def change(self, what: Change, sending: Sending, within: float) -> Reply:
        """Send it once; `sending` is awaited when the connection stands and nothing has left. Raises `ProbeError`."""
        return await self._calls.run(self._change(what, sending, within))

    async def _change(self, what: Change, sending: Sending, within: float) -> Reply:
        client, url, headers, extensions = await self._route(what.path)
        extensions["trace"] = self._announcing(sending)
        headers |= {"Content-Type": "application/json", **what.headers}
        body = json.dumps(what.body).encode()
        opening = client.stream(what.method, url, content=body, headers=headers, extensions=extensions)
        return await self._replied(opening, within, _REPLY)

    def _announcing(self, sending: Sending) -> Any:
        announced = False

        async def traced(event: str, info: Any) -> None:
            nonlocal announced
            await self._traced(event, info)
            if event == _LEAVES:
                if announced:
                    raise ProbeError(Cause.INTERNAL, "the driver began to send a second time")
                announced = True
                await sending()

        return traced


class HostedActuator(Actuator[F]):
    """Acts on rows of a service, one request for each. A subclass says what a row is and what each act sends."""

    ways: ClassVar[Ways]
    thing: ClassVar[str]
    """What a row is called: "incident"."""

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, HostedSettings)
        self._api = ActingApi(target.name, target.settings, context, self.ways)

    # what a service says of itself

    @abstractmethod
    async def look(self, key: str) -> Mapping[str, Any] | None:
        """The object as it is now; None when it is gone. Raises `ProbeError`."""

    @abstractmethod
    def subject(self, request: Request, key: str, told: Mapping[str, Any]) -> Subject:
        """The row as it would be acted on."""

    @abstractmethod
    def identity(self, action: str, told: Mapping[str, Any]) -> Identity:
        """What must still be so when it is acted on."""

    @abstractmethod
    async def what(self, plan: Plan, subject: Subject) -> Change:
        """The request for one row; nothing has been sent. Raises `ProbeError`."""

    @abstractmethod
    async def truth(self, plan: Plan, subject: Subject, outcome: Outcome, told: Mapping[str, Any]) -> tuple[bool, str]:
        """(whether it is so now, in words)."""

    @abstractmethod
    def checked(self, request: Request, action: Action) -> None:
        """Raise `ProbeError` for a request that lacks something."""

    def kept(self, answer: Any) -> Identity:
        """What of the answer `truth` needs later."""
        return ()

    async def ready(self) -> None:
        """What must be known before a plan is made. Raises `ProbeError`."""

    def notes(self, request: Request) -> Sequence[str]:
        """What else a person should know."""
        return ()

    def finished(self, plan: Plan) -> Plan:
        """The plan with what is special about its action."""
        return plan

    # plan

    async def plan(self, request: Request) -> Plan:
        """Look at each row afresh."""
        action = next((one for one in self.actions if one.name == request.action), None)
        if action is None:
            raise ProbeError(Cause.MISSING, f"{self.ways.product} has no such action")
        keys = tuple(dict.fromkeys(request.subjects))
        if not 0 < len(keys) <= MOST:
            raise ProbeError(Cause.MISSING, f"choose {self.thing}s, {MOST} at most")
        self.checked(request, action)
        await self.ready()
        subjects = []
        for key in keys:
            told = await self.look(key)
            if told is None:
                raise ProbeError(Cause.GONE, f"there is no {self.thing} {SafeText(key, 40)} any more")
            subjects.append(self.subject(request, key, told))
        chosen = tuple(one.key for one in subjects if not one.barred) or keys
        line = Request(action.name, chosen, request.number, request.word)
        noted = [*self.notes(request), "the line leaves the token out"]
        return self.finished(
            Plan(
                target=self.target.name,
                kind=self.kind,
                action=action,
                request=request,
                place=SafeText(self._api.where, 200),
                pin=self._pin,
                subjects=tuple(subjects),
                command=tuple(self.render(line).splitlines()),
                looked_at=self.context.now(),
                danger=action.danger,
                notes=tuple(map(SafeText, noted)),
                answers=2 * self.target.settings.timeout + 2.0,
                settles=_SETTLES,
            )
        )

    @property
    def _pin(self) -> Identity:
        """A service is known by its address: whose account it is, the token decides."""
        return ((self.ways.product.lower(), self._api.url),)

    # doing it

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Look at the row again, then send one request."""
        sent = False

        async def announced() -> None:
            nonlocal sent
            await sending()
            sent = True

        try:
            await self.ready()
            told = await self.look(subject.key)
            if plan.pin != self._pin:
                return _changed("another address is meant by this target")
            if told is None:
                return _changed(f"the {self.thing} is gone")
            if moved := _differs(dict(subject.identity), dict(self.identity(plan.action.name, told))):
                return _changed(moved)
            what = await self.what(plan, subject)
            reply = await self._api.change(what, announced, self.target.settings.timeout)
        except ProbeError as error:
            if not sent:
                raise
            return Outcome(Result.UNKNOWN, error.message, (("act", act),))
        return self._answered(reply, act)

    def _answered(self, reply: Reply, act: str) -> Outcome:
        """What an answer means. Of an error of the service's own, or of a proxy before it, nobody knows."""
        facts: Identity = (("act", act),)
        if 200 <= reply.status < 300:
            if reply.body.lstrip()[:1] == b"<":
                return Outcome(Result.UNKNOWN, SafeText("a web page answered"), facts)
            try:
                kept = self.kept(self._api.parsed(reply.body)) if reply.body else ()
            except ProbeError as error:
                return Outcome(Result.UNKNOWN, error.message, facts)
            return Outcome(Result.DONE, SafeText("accepted"), (*facts, *kept))
        if reply.status >= 500 or reply.status == 408:
            return Outcome(Result.UNKNOWN, SafeText(f"HTTP {reply.status}: {reason(reply.body)}", 200), facts)
        try:
            self._api.judge(reply)
        except ProbeError as error:
            return Outcome(Result.FAILED, error.message, facts)
        return Outcome(Result.FAILED, SafeText(f"HTTP {reply.status}: {reason(reply.body)}", 200), facts)

    # looking whether it is true

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look at the row."""
        told = await self.look(subject.key)
        if told is None:
            return Verdict(Truth.UNKNOWN, SafeText(f"the {self.thing} is gone"), final=True)
        is_so, words = await self.truth(plan, subject, outcome, told)
        if is_so:
            return Verdict(Truth.CONFIRMED, SafeText(words, 300))
        limit = plan.answers if outcome.result is Result.UNKNOWN else plan.settles / 2
        if after < limit:
            return Verdict(Truth.PENDING, SafeText(f"{words}; it may still come, {after:.0f} of {limit:.0f} s", 300))
        return Verdict(Truth.REFUTED, SafeText(words, 300))

    def abort(self) -> None:
        """Cut every connection."""
        self._api.cut()

    async def close(self) -> None:
        """Let go of every connection."""
        await self._api.close()


def _differs(planned: Mapping[str, str], now: Mapping[str, str]) -> str:
    """How an identity has moved, as "from -> to"; empty when it has not."""
    for name, was in planned.items():
        if now.get(name) != was:
            return f"{name} {was or 'nobody'} -> {now.get(name) or 'nobody'}"
    return ""


def _changed(words: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {words}", 300))
