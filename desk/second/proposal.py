"""What is asked of a second person, what they answer, and where that stands. Pure: every time is handed in.

A proposal is one plan (or one change of the rule itself), named by its digest. It waits ten minutes at most, it is
answered once, by somebody else than who asks, and what was approved is used once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from probes.base import SafeText

EXPIRY: Final = 600.0
"""Seconds a proposal waits; then it has expired, which is neither yes nor no."""
LONGEST: Final = 32 << 10
"""Bytes a proposal may have as JSON; what is longer can't be read by anybody before they agree."""

_ID: Final = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
_DIGEST: Final = re.compile(r"^[0-9a-f]{64}$")
_WORDS: Final = 500
"""Characters of what is answered."""


class Unfit(Exception):
    """It can't be: the message says why, for a person."""


class State(Enum):
    """Where a proposal stands. It leaves PENDING once, and no state but APPROVED after that."""

    PENDING = "waits for a second person"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    """Nobody answered in time, or what was approved was not used in time: neither yes nor no."""
    WITHDRAWN = "withdrawn"
    USED = "used"
    """It was approved, and what it is about has begun. It permits nothing more."""


OVER: Final = frozenset({State.REFUSED, State.EXPIRED, State.WITHDRAWN, State.USED})
"""States that nothing leads out of."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, as somebody else than themselves has proven: the kernel, or a database."""

    name: str
    marks: frozenset[str] = frozenset()
    """What tells them apart: "uid 1000", "login 1000", "role ada". Two persons with one mark in common are one."""
    host: str = ""
    proof: str = ""
    """How it is known, in words: "uid 1000 and login uid 1000 by the kernel"; empty: it is not proven."""

    def same(self, other: Person) -> bool:
        """True when both are one person as far as can be told; who bears no mark at all is never somebody else."""
        return not self.marks or not other.marks or not self.marks.isdisjoint(other.marks)


def one_person(asker: Person, second: Person) -> str:
    """Why one of them can't be the second person for the other, and what to do; empty: they are two people."""
    if not second.same(asker):
        return ""
    lead = "who asks can't be the second person"
    shared = sorted(asker.marks & second.marks)
    roles = [one for one in shared if one.startswith("role ")]
    users = [one.partition(",")[0] for one in shared if one not in roles]
    if users:
        here = next((one for one in users if " on " in one), users[0])
        own = "log in to the machine with an account of your own, not by su from a shared one"
        return f"{lead}, and both are {here}: {own}"
    if roles:
        return f"{lead}, and both are {roles[0]} of the store: answer with a login of your own"
    return f"{lead}, and nothing proves that this is somebody else: log in with an account of your own"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is asked of a second person. All of it is shown before they answer."""

    id: str
    """UUID version 7."""
    digest: str
    """Names exactly what is asked for (`guard.agreed_of`)."""
    system: str
    environment: str
    by: Person
    what: str
    """In a few words: "purge orders"."""
    where: str
    """Target, kind, place."""
    danger: str
    changes: tuple[str, ...]
    """Each object: before -> after."""
    felt: tuple[str, ...]
    """Blast radius."""
    command: tuple[str, ...]
    undo: str
    reason: str
    typed: str
    """What the second person types to approve, letter by letter; empty: y."""
    asked: datetime
    expires: datetime
    """For everybody but the session that asks, which goes by its own monotonic clock."""
    approvers: frozenset[str] = frozenset()
    """Who may answer: names, `@group`; empty: everybody else."""

    def left(self, now: datetime) -> float:
        """Seconds until it expires; 0 once it has."""
        return max(0.0, (self.expires - now).total_seconds())

    def same(self, other: Proposal) -> bool:
        """True when both ask the same in the same words, on whatever way and by whoever's clock each was heard."""
        return replace(other, by=self.by, expires=self.expires) == self

    @property
    def told(self) -> dict[str, Any]:
        """It as JSON values."""
        made: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        made |= {name: list(made[name]) for name in _LISTS}
        made |= {name: made[name].astimezone(UTC).isoformat() for name in _TIMES}
        made["approvers"] = sorted(self.approvers)
        made["by"] = told_person(self.by)
        return made

    @classmethod
    def read(cls, told: object) -> Proposal:
        """It again from what somebody else wrote: every text is made safe. Raises `Unfit`."""
        if not isinstance(told, Mapping):
            raise Unfit("it is no request")
        try:
            made: dict[str, Any] = {name: _safe(told[name]) for name in _TEXTS}
            made |= {name: tuple(_safe(one) for one in _listed(told[name])) for name in _LISTS}
            made |= {name: _time(told[name]) for name in _TIMES}
            made["approvers"] = frozenset(_safe(one) for one in _listed(told["approvers"]))
            made["by"] = read_person(told["by"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise Unfit(f"it is no request: {type(error).__name__}") from None
        proposal = cls(**made)
        if not _ID.match(proposal.id) or not _DIGEST.match(proposal.digest):
            raise Unfit("it is no request: it names nothing")
        return proposal


_TEXTS: Final = ("id", "digest", "system", "environment", "what", "where", "danger", "undo", "reason", "typed")
_LISTS: Final = ("changes", "felt", "command")
_TIMES: Final = ("asked", "expires")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a second person said to one proposal."""

    proposal: str
    """Its id."""
    digest: str
    """What they saw."""
    granted: bool
    by: Person
    words: str = ""
    """Why, above all when it was refused."""

    @property
    def told(self) -> dict[str, Any]:
        """It as JSON values."""
        return {
            "proposal": self.proposal,
            "digest": self.digest,
            "granted": self.granted,
            "by": told_person(self.by),
            "words": self.words,
        }


def answered(told: object, by: Person) -> Answer:
    """An answer from what somebody sent; who they are is proven elsewhere. Raises `Unfit`."""
    if not isinstance(told, Mapping):
        raise Unfit("it is no answer")
    proposal, digest, granted, said = (told.get(name) for name in ("id", "digest", "granted", "words"))
    if not (isinstance(proposal, str) and isinstance(digest, str) and isinstance(granted, bool)):
        raise Unfit("it is no answer")
    if not _ID.match(proposal) or not _DIGEST.match(digest):
        raise Unfit("it is no answer: it names nothing")
    return Answer(proposal, digest, granted, by, str(SafeText(said, _WORDS)) if isinstance(said, str) else "")


@dataclass(frozen=True, slots=True)
class Matter:
    """A proposal and where it stands. Each step gives a new one, or raises `Unfit` and changes nothing.

    `now` and `deadline` are monotonic seconds of the session that asks.
    """

    proposal: Proposal
    deadline: float
    state: State = State.PENDING
    answer: Answer | None = None

    def at(self, now: float) -> Matter:
        """How it stands at a time: what was neither answered nor used in time has expired."""
        lapsed = self.state in (State.PENDING, State.APPROVED) and now >= self.deadline
        return replace(self, state=State.EXPIRED) if lapsed else self

    def take(self, answer: Answer, now: float) -> Matter:
        """A second person has answered."""
        there = self.at(now)
        if there.state is not State.PENDING:
            raise Unfit(f"it is {there.state.value} already")
        if answer.proposal != self.proposal.id or answer.digest != self.proposal.digest:
            raise Unfit("the answer is to something else")
        if not answer.by.proof:
            raise Unfit("nobody proves who answers")
        if answer.by.same(self.proposal.by):
            raise Unfit("who asks can't be the second person")
        return replace(there, state=State.APPROVED if answer.granted else State.REFUSED, answer=answer)

    def use(self, digest: str, now: float) -> Matter:
        """What was approved begins now: once, for nothing else, and in time."""
        there = self.at(now)
        if there.state is not State.APPROVED:
            raise Unfit(_NOT_APPROVED[there.state])
        if digest != self.proposal.digest:
            raise Unfit("it has changed since a second person approved it")
        return replace(there, state=State.USED)

    def withdraw(self, now: float) -> Matter:
        """Nobody wants it any more."""
        there = self.at(now)
        if there.state in OVER:
            raise Unfit(f"it is {there.state.value} already")
        return replace(there, state=State.WITHDRAWN)


_NOT_APPROVED: Final = {
    State.PENDING: "no second person has answered yet",
    State.REFUSED: "the second person has refused it",
    State.EXPIRED: "what was asked of a second person has expired: ask again",
    State.WITHDRAWN: "what was asked of a second person was withdrawn",
    State.USED: "what a second person approved was done already: it permits nothing more",
}


def told_person(one: Person) -> dict[str, Any]:
    """A person as JSON values."""
    return {"name": one.name, "marks": sorted(one.marks), "host": one.host, "proof": one.proof}


def read_person(told: object) -> Person:
    """A person again. Raises `ValueError`, `KeyError` or `TypeError`."""
    if not isinstance(told, Mapping):
        raise ValueError("it is nobody")
    marks = frozenset(_safe(one) for one in _listed(told["marks"]))
    return Person(_safe(told["name"]), marks, _safe(told["host"]), _safe(told["proof"]))


def _safe(text: object) -> str:
    if not isinstance(text, str):
        raise ValueError("it is no text")
    return str(SafeText(text))


def _listed(found: object) -> list[object]:
    if not isinstance(found, list):
        raise ValueError("it is no list")
    return found


def _time(text: object) -> datetime:
    at = datetime.fromisoformat(_safe(text))
    if at.tzinfo is None:
        raise ValueError("without a zone")
    return at.astimezone(UTC)
