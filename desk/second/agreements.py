"""A session's part in what two people agree on: what it asks, what it answers, and all of that on record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

from desk.actor import Actor
from desk.audit import Chronicle, Code, Record, Trail, Unrecorded
from desk.clock import Clock
from desk.ids import new_id
from desk.second.colleagues import Colleagues, Unreachable
from desk.second.hold import Hold
from desk.second.proposal import EXPIRY, OVER, Answer, Matter, Person, Proposal, State, Unfit, one_person
from desk.second.rule import Rule
from probes.base import Lane, ProbeError

_PATIENCE: Final = 5.0
"""Seconds that one way may take for anything."""
_ENDING: Final = 0.5
"""Seconds that the ways get to let go."""

_CODES: Final[Mapping[State, Code]] = {
    State.APPROVED: Code.SECOND_APPROVED,
    State.REFUSED: Code.SECOND_REFUSED,
    State.EXPIRED: Code.SECOND_EXPIRED,
    State.WITHDRAWN: Code.SECOND_WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class Draft:
    """What a second person is to be asked, before it has an id, a name and an end. As in `Proposal`."""

    digest: str
    what: str
    where: str
    danger: str
    changes: tuple[str, ...]
    reason: str
    typed: str = ""
    felt: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    undo: str = ""


class Agreements:
    """What this session asks of others, and what others ask of it."""

    def __init__(
        self,
        hold: Hold,
        trail: Trail,
        clock: Clock,
        ways: Sequence[Colleagues] = (),
        redact: Callable[[str], str] = lambda text: text,
    ) -> None:
        """`hold` says what needs a second person; `ways` lead to other people; `redact` takes out secrets."""
        self.hold = hold
        self._redact = redact
        self._trail = trail
        self._clock = clock
        self._ways = list(ways)
        self._matters: dict[str, Matter] = {}
        self._told: dict[str, State] = {}
        """Up to which state each is on record."""
        self._through: dict[str, Colleagues] = {}
        """The way on which the answer came."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._bell: Callable[[], None] = lambda: None
        self._began = False
        self.witness: Callable[[], Sequence[Record]] = tuple
        """Gives the audits of others on this system, as far as the shared store has brought them; may wait."""
        self.unclear: Callable[[], Sequence[str]] = tuple
        """What nobody can understand in the rule of the profile; asked before a session is armed, in a thread."""
        self._lane = Lane("unclear", limit=2)

    # life

    def begin(self, bell: Callable[[], None] = lambda: None) -> None:
        """Begin, on the event loop; `bell` rings when something others see has changed."""
        self._bell, self._began = bell, True
        for way in self._ways:
            way.begin(partial(self._take, way), self._bell)

    def join(self, way: Colleagues) -> None:
        """One more way to other people."""
        self._ways.append(way)
        if self._began:
            way.begin(partial(self._take, way), self._bell)

    async def close(self) -> None:
        """Withdraw what waits, and let go."""
        for id_ in list(self._matters):
            with suppress(Unfit, TimeoutError):
                async with asyncio.timeout(_ENDING):
                    await self.withdraw(id_)
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=_ENDING)
        for task in list(self._tasks):
            task.cancel()
        closing = [asyncio.ensure_future(way.close()) for way in self._ways]
        if closing:
            await asyncio.wait(closing, timeout=_ENDING)
        self.hold.close()
        self._lane.close()

    def tick(self) -> None:
        """Once a second: what nobody answered in time has expired."""
        for id_ in list(self._matters):
            self._note(self.matter(id_))

    # who can be asked

    @property
    def alone(self) -> str:
        """Why no second person can be asked; empty: one can be."""
        if any(not way.trouble for way in self._ways):
            return ""
        if not self._ways:
            return "a second person must agree, and the profile names no way to one: no store, no folder to meet in"
        told = "; ".join(f"{way.name}: {way.trouble}" for way in self._ways)
        return f"a second person must agree, and none can be asked ({told})"

    @property
    def reached(self) -> str:
        """Where one can be asked: "on this machine, through the store"."""
        return " and ".join(way.name for way in self._ways if not way.trouble)

    # asking

    async def propose(self, draft: Draft) -> Matter:
        """Ask a second person. Raises `Unreachable` when none can be asked, `Unrecorded` when that can't be kept."""
        rule, now = self.hold.in_force, self._clock.now()
        me = _person(self._trail.actor, self._ways)
        system, environment = (str(self._trail.about.get(one, "")) for one in ("system", "environment"))
        proposal = Proposal(
            id=new_id(),
            digest=draft.digest,
            system=system,
            environment=environment,
            by=me,
            what=self._redact(draft.what),
            where=self._redact(draft.where),
            danger=draft.danger,
            changes=tuple(map(self._redact, draft.changes)),
            felt=tuple(map(self._redact, draft.felt)),
            command=tuple(map(self._redact, draft.command)),
            undo=self._redact(draft.undo),
            reason=self._redact(draft.reason),
            typed=draft.typed,
            asked=now,
            expires=now + timedelta(seconds=EXPIRY),
            approvers=rule.approvers,
        )
        matter = Matter(proposal, self._clock.monotonic() + EXPIRY)
        if alone := self.alone:
            raise Unreachable(alone)
        await self._trail.note(Code.SECOND_ASKED, _asked(proposal))
        self._matters[proposal.id] = matter
        troubles = []
        for way in self._ways:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await way.ask(proposal)
            except TimeoutError:
                troubles.append(f"{way.name}: no answer within {_PATIENCE:g} s")
            except Unreachable as error:
                troubles.append(f"{way.name}: {error}")
        if len(troubles) == len(self._ways):
            await self.withdraw(proposal.id)
            raise Unreachable(f"a second person must agree, and none can be asked ({'; '.join(troubles)})")
        return self.matter(proposal.id)

    def matter(self, id_: str) -> Matter:
        """Where something that was asked stands now. Raises `Unfit` when nothing of that id was."""
        there = self._matters.get(id_)
        if there is None:
            raise Unfit("nothing of that kind was asked of a second person")
        return there.at(self._clock.monotonic())

    def approves(self, id_: str, digest: str) -> bool:
        """True while a second person's approval of what has this digest waits to be used."""
        with suppress(Unfit):
            matter = self.matter(id_)
            return matter.state is State.APPROVED and matter.proposal.digest == digest
        return False

    async def use(self, id_: str, digest: str) -> Answer:
        """What was approved begins now; on record before this returns, and at most once for ever.

        Raises `Unfit`, `Unreachable` or `Unrecorded`: then nothing may be done, and nothing is permitted any more.
        """
        used = self.matter(id_).use(digest, self._clock.monotonic())
        way, answer = self._through[id_], used.answer
        assert answer is not None
        self._matters[id_], self._told[id_] = used, State.USED  # whatever comes now: never a second time
        try:
            async with asyncio.timeout(_PATIENCE):
                await way.use(id_, digest)
        except TimeoutError:
            raise Unreachable(f"{way.name} did not say within {_PATIENCE:g} s whether it may be used") from None
        finally:
            self._end(id_, State.USED)
        await self._settled(f"record of {id_}")  # what was approved stands before what was used
        await self._trail.note(Code.SECOND_USED, {"request": id_, "digest": digest, "by": answer.told["by"]})
        return answer

    async def withdraw(self, id_: str) -> None:
        """Nobody is asked any more. Raises `Unfit` when it is over already."""
        matter = self.matter(id_).withdraw(self._clock.monotonic())
        self._matters[id_] = matter
        self._note(matter)
        await self._settled(f"record of {id_}", f"end of {id_}")

    def _take(self, way: Colleagues, answer: Answer) -> str:
        """An answer came on a way; why it does not count, or nothing."""
        try:
            matter = self.matter(answer.proposal).take(answer, self._clock.monotonic())
        except Unfit as error:
            return str(error)
        self._matters[answer.proposal] = matter
        self._through[answer.proposal] = way
        self._note(matter)
        self._bell()
        return ""

    def _note(self, matter: Matter) -> None:
        """Put on record where something stands, once for each state; who was asked need not wait any more."""
        id_, state = matter.proposal.id, matter.state
        self._matters[id_] = matter
        code = _CODES.get(state)
        if code is None or self._told.get(id_) is state:
            return
        self._told[id_] = state
        answer = matter.answer if state in (State.APPROVED, State.REFUSED) else None
        data: dict[str, Any] = {"request": id_, "digest": matter.proposal.digest, "what": matter.proposal.what}
        data |= {"by": answer.told["by"], "words": answer.words} if answer is not None else {}
        self._later(f"record of {id_}", self._recorded(code, data))
        if state in OVER:
            self._end(id_, state)

    async def _recorded(self, code: Code, data: Mapping[str, Any]) -> None:
        with suppress(Unrecorded):  # what is done on it is recorded before it is done
            await self._trail.note(code, data)

    def _end(self, id_: str, state: State) -> None:
        for way in self._ways:
            self._later(f"end of {id_}", way.end(id_, state))

    def _later(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settled(self, *names: str) -> None:
        """Wait until what was begun under these names is done, for a while."""
        waiting = {task for task in self._tasks if task.get_name() in names}
        if waiting:
            await asyncio.wait(waiting, timeout=_PATIENCE)

    # answering

    def pending(self) -> list[Proposal]:
        """What others ask, oldest first; nothing of somebody who is this person as far as anything tells."""
        me = _person(self._trail.actor, self._ways)
        found = {one.id: one for way in self._ways for one in way.pending() if not one.by.same(me)}
        return sorted(found.values(), key=lambda one: (one.asked, one.id))

    def barred(self) -> list[tuple[Proposal, str]]:
        """What others seem to ask and this person can't answer, with the reason: who asks is this person as well."""
        me = _person(self._trail.actor, self._ways)
        found = {one.id: one for way in self._ways for one in way.pending()}
        return [(one, same) for one in found.values() if (same := one_person(one.by, me))]

    async def refresh(self) -> None:
        """Look now what others ask. What can't be reached has its own words."""
        await asyncio.gather(*(self._refreshed(way) for way in self._ways))

    @staticmethod
    async def _refreshed(way: Colleagues) -> None:
        with suppress(Unreachable, TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await way.refresh()

    async def answer(self, proposal: Proposal, granted: bool, words: str = "") -> Answer:
        """Answer what another person asks; returns once it counts.

        Raises `Unfit`, `Unreachable`, or `Unrecorded`: then nothing was answered.
        """
        way = next((one for one in self._ways if proposal in one.pending()), None)
        if way is None:
            raise Unfit("it is over: it was withdrawn, has expired or was done")
        if same := one_person(proposal.by, _person(self._trail.actor, self._ways)):
            raise Unfit(same)
        data = {"request": proposal.id, "digest": proposal.digest, "granted": granted, "words": words}
        asked = {"what": proposal.what, "where": proposal.where, "reason": proposal.reason, "of": way.name}
        asker = proposal.told["by"]
        await self._trail.note(Code.SECOND_GIVEN, {**data, **asked, "asker": asker})
        try:
            async with asyncio.timeout(_PATIENCE):
                return await way.answer(proposal, granted, words)
        except TimeoutError:
            raise Unreachable("no answer: nobody knows whether it counts") from None

    # the rule itself

    async def stand(self, read: Callable[[], Chronicle]) -> None:
        """See to it that what is in force is understood and kept, before anything is done.

        Raises `Unrecorded` when it is not, or can't be.
        """
        try:
            unclear = await self._lane.run(self.unclear)
        except ProbeError as error:
            raise Unrecorded(f"whether the profile's rule is understood can't be told: {error.message}") from None
        if unclear:
            raise Unrecorded("; ".join(unclear))
        try:
            await self.hold.recall(read)
            await self.hold.hear(self.witness)
            if not self.hold.stands:
                await self._keep(self.hold.in_force, "")
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise Unrecorded(f"what needs a second person can't be looked up or kept: {why}") from None

    async def weaken(self, id_: str, digest: str) -> None:
        """Two people have agreed on what the profile says. Raises as `use` does; `OSError` when it can't be kept."""
        if digest != self.hold.digest:
            raise Unfit("the rule has changed since it was asked about")
        rule, heard = self.hold.said, self.hold.heard  # as they agreed on it, whatever comes while that is used
        await self.use(id_, digest)
        await self._keep(rule, id_, {"heard": heard})
        self.hold.leave_behind(heard)

    async def _keep(self, rule: Rule, agreed: str, more: Mapping[str, Any] | None = None) -> None:
        """Audit first: when only that has it, the stricter one goes on to hold."""
        data = {"rule": rule.told, "words": rule.words, "request": agreed, **(more or {})}
        await self._trail.note(Code.SECOND_RULE, data)
        await self.hold.keep(rule)
        self.hold.audited(rule)


def _person(actor: Actor, ways: Sequence[Colleagues]) -> Person:
    marks = {f"uid {actor.uid}", *([f"uid {actor.login}"] if actor.login is not None else [])}
    here = f"on {actor.host}, boot {actor.process.boot}"
    marks |= {f"{one} {here}" for one in marks} if actor.process.boot else set()
    return Person(actor.name, frozenset(marks).union(*(way.mine for way in ways)), actor.host)


def _asked(proposal: Proposal) -> dict[str, Any]:
    told = proposal.told
    names = ("digest", "what", "where", "danger", "changes", "command", "reason", "approvers", "expires")
    return {"request": proposal.id, **{name: told[name] for name in names}}
