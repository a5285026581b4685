"""The way to a second person through the shared store: the server says who asks, who answers, and what time it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Final, TypeVar

from desk.clock import Clock
from desk.second.colleagues import Take, Unreachable
from desk.second.proposal import LONGEST, Answer, Person, Proposal, State, Unfit
from desk.shared.relay import Relay
from probes.base import ProbeError, SafeText, SharedRequests, Wanted

T = TypeVar("T")

_PATIENCE: Final = 5.0
"""Seconds that anything here may take."""
_OVER: Final = "it is over: it was withdrawn, has expired or was answered"


class StoreColleagues:
    """Other logins of the same store."""

    name = "the store"

    def __init__(self, relay: Relay, requests: SharedRequests, system: str, environment: str, clock: Clock) -> None:
        self._relay = relay
        self._requests = requests
        self._about = (system, environment)
        self._clock = clock
        self._me = ""
        self._asked: dict[str, str] = {}
        """What this session asks: its digest by id; only the relay's thread and the loop's single steps touch it."""
        self._pending: tuple[Proposal, ...] = ()
        self._take: Take = lambda answer: "nobody listens"
        self._bell: Callable[[], None] = lambda: None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def trouble(self) -> str:
        """Why nobody can be reached through it now; empty: somebody could be."""
        standing = self._relay.standing
        if standing.lost is not None:
            return f"the store is lost: {standing.why}"
        return "" if self._me else "it was not reached yet"

    @property
    def mine(self) -> frozenset[str]:
        """Our login there."""
        return _marks(self._me) if self._me else frozenset()

    def begin(self, take: Take, bell: Callable[[], None]) -> None:
        """Begin; whenever the relay has looked, what is asked is looked at too."""
        self._take, self._bell = take, bell
        self._loop = asyncio.get_running_loop()
        self._relay.heard.append(self._heard)
        self._relay.send(self._look)

    # who asks

    async def ask(self, proposal: Proposal) -> None:
        """Let others know of it."""
        if len(json.dumps(proposal.told)) > LONGEST:
            raise Unreachable("it is too much for anybody to read: do less at once")
        left = proposal.left(self._clock.now())
        known = await self._sent(
            lambda: self._requests.ask(
                proposal.id, proposal.digest, proposal.told, sorted(proposal.approvers), max(1.0, left)
            )
        )
        if not known:
            raise Unreachable("the store does not take the request")
        self._asked[proposal.id] = proposal.digest

    async def use(self, proposal: str, digest: str) -> None:
        """Use it up, by one statement there."""
        if not await self._sent(lambda: self._requests.use(proposal, digest)):
            raise Unfit("the store says that it was not approved, has expired or was used already")

    async def end(self, proposal: str, state: State) -> None:
        """Nobody is to be asked any more."""
        self._asked.pop(proposal, None)
        if state is not State.USED:
            with suppress(Unreachable):
                await self._sent(lambda: self._requests.withdraw(proposal))

    # who is asked

    def pending(self) -> Sequence[Proposal]:
        """What others ask, as last heard."""
        now = self._clock.now()
        return [one for one in self._pending if one.left(now) > 0]

    async def refresh(self) -> None:
        """Look now what others ask."""
        await self._sent(lambda: self._look(""))

    async def answer(self, proposal: Proposal, granted: bool, words: str) -> Answer:
        """Answer what somebody else asks; returns once the store has it."""
        counts = await self._sent(
            lambda: (
                self._requests.answer(proposal.id, proposal.digest, granted, words)
                or _why(self._requests.wanted(proposal.id))
            )
        )
        if counts is not True:
            raise Unfit(str(counts))
        self._pending = tuple(one for one in self._pending if one.id != proposal.id)
        return Answer(proposal.id, proposal.digest, granted, _person(self._me), words)

    async def close(self) -> None:
        """Let go."""
        self._closed = True
        with suppress(ValueError):
            self._relay.heard.remove(self._heard)

    # on the relay's thread

    def _heard(self) -> None:
        if self._relay.standing.lost is None and not self._closed:
            self._relay.send(self._look, at_once=False)

    def _look(self, lost: str) -> None:
        if lost or self._closed:
            self._tell(())
            return
        self._me = str(SafeText(self._requests.me(), 63))
        found = self._requests.wanted()
        self._tell(tuple(made for one in found if (made := self._read(one)) is not None))
        for one in found:
            if one.mine and one.granted is not None and self._asked.get(one.id) == one.digest:
                self._call(self._answered, one)

    def _read(self, one: Wanted) -> Proposal | None:
        """What somebody else asks and we may answer, the same at every look; None for all else."""
        if one.mine or not one.lets or one.granted is not None or one.used or one.withdrawn or one.left <= 0:
            return None
        try:
            told = Proposal.read(one.says)
        except Unfit:
            return None
        if (told.id, told.digest) != (one.id, one.digest) or (told.system, told.environment) != self._about:
            return None
        by = _person(str(SafeText(one.by, 63)))
        # who has two logins there is still one user of one machine; what is claimed only ever makes people the same
        claimed = {mark for mark in told.by.marks if ", boot " in mark}
        by = replace(by, host=told.by.host, marks=by.marks | claimed)
        made = replace(told, by=by, expires=self._clock.now() + timedelta(seconds=one.left))
        return next((known for known in self._pending if known.by == by and known.same(made)), made)

    def _tell(self, pending: tuple[Proposal, ...]) -> None:
        before, self._pending = self._pending, pending
        if [one.id for one in before] != [one.id for one in pending]:
            self._call(self._bell)

    def _call(self, call: Callable[..., object], *given: object) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(call, *given)

    def _answered(self, one: Wanted) -> None:
        if self._asked.pop(one.id, None) is not None:
            by = _person(str(SafeText(one.answered_by, 63)))
            self._take(Answer(one.id, one.digest, bool(one.granted), by, str(SafeText(one.words, 500))))

    async def _sent(self, work: Callable[[], T]) -> T:
        """Do it on the relay's thread. Raises `Unreachable`."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def settle(found: T | None, error: Exception | None) -> None:
            if done.done():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(found)  # type: ignore[arg-type]

        def errand(lost: str) -> None:
            if lost:
                self._call_on(loop, settle, None, Unreachable(lost))
                return
            try:
                found = work()
            except ProbeError as error:
                self._call_on(loop, settle, None, Unreachable(f"the store is lost: {error.message}"))
                raise
            self._call_on(loop, settle, found, None)

        self._relay.send(errand)
        try:
            async with asyncio.timeout(_PATIENCE):
                return await done
        except TimeoutError:
            raise Unreachable(f"the store did not answer within {_PATIENCE:g} s") from None

    @staticmethod
    def _call_on(loop: asyncio.AbstractEventLoop, call: Callable[..., object], *given: object) -> None:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(call, *given)


def _why(found: Sequence[Wanted]) -> str:
    """Why an answer does not count."""
    one = next(iter(found), None)
    if one is None:
        return _OVER
    if one.mine:
        return "who asks can't be the second person"
    if not one.lets:
        return "you are not among those who may answer"
    return f"it was answered already, by {SafeText(one.answered_by, 63)}" if one.granted is not None else _OVER


def _marks(login: str) -> frozenset[str]:
    return frozenset({f"role {login}"})


def _person(login: str) -> Person:
    return Person(login, _marks(login), "", f"by the store: role {login}")
