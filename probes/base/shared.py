"""What the desk asks of the server behind a shared store: records and presence, locks, requests to a second person.

Every call waits for the network and is bounded in time; none is for the event loop. Every method may raise
`ProbeError`, whose message says for a person why the store can't be had.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Unkeepable(Exception):
    """The store will never take these records as they are; the message says why."""


@dataclass(frozen=True, slots=True)
class Carried:
    """One record on its way to the store or from it, as it stands in a file."""

    id: str
    at: int
    """When it happened, milliseconds since 1970."""
    about: str
    body: str
    """JSON, as it was written."""
    seq: int = 0
    """Its place: in the file for what goes there, in the store for what comes from it."""
    by: str = ""
    """The login that brought it there, as the server says."""
    kept: int = 0
    """When the store got it, by the server's clock, milliseconds since 1970; 0: it comes from no store."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A session that is there, as it told the store of itself."""

    session: str
    by: str
    """The login, as the server says."""
    says: object
    """JSON values."""
    age: float
    """Seconds since it was heard of."""


class SharedRecords(Protocol):
    """Records and presence: one connection, one thread at a time but for `wake`."""

    def open(self) -> str:
        """Log in, check that it is a store of our form, begin to listen; the store's own id."""
        ...

    def append(self, stream: str, rows: Sequence[Carried]) -> None:
        """Keep these, all or none; those known already are left as they are. Raises `Unkeepable`."""
        ...

    def read(self, stream: str, after: int, most: int) -> Sequence[Carried]:
        """The records after a place, in their order; nothing will ever come before what was read."""
        ...

    def has(self, stream: str, id: str, seq: int | None = None) -> bool:
        """True when it holds this record, at that place where one is given."""
        ...

    def here(self, session: str, says: object) -> Sequence[Seen]:
        """Say that we are there; everybody who is, with us."""
        ...

    def gone(self, session: str) -> None:
        """Say that we leave, and leave."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait until something is told, `wake` is called, or time is up; True: somebody told something."""
        ...

    def wake(self) -> None:
        """End `wait`; from any thread."""
        ...

    def cut(self) -> None:
        """Let go of the connection at once; the next `open` makes another."""
        ...


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a lock on the server."""

    session: str
    by: str
    words: str


class LockServer(Protocol):
    """Locks: a connection of their own, with which they end. One thread at a time."""

    def open(self) -> None:
        """Log in anew; an earlier connection of this session that the server still holds is ended first."""
        ...

    def alive(self) -> bool:
        """True while the connection lives, by asking."""
        ...

    def claim(self, name: str, words: str) -> Holder | None:
        """Take a lock; None: it is ours, else who has it."""
        ...

    def release(self, name: str) -> None:
        """Let go of one."""
        ...

    def cut(self) -> None:
        """Let go of the connection at once, and of every lock with it."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request to a second person, as the store knows it. Who and when is the server's word."""

    id: str
    digest: str
    says: object
    """JSON values, as the one who asks wrote them."""
    by: str
    """The login that asks."""
    left: float
    """Seconds until it is over; 0 once it is."""
    granted: bool | None
    """None: nobody has answered."""
    answered_by: str
    words: str
    used: bool
    withdrawn: bool
    mine: bool
    """True when this login asked."""
    lets: bool
    """True when this login is among those who may answer."""


class SharedRequests(Protocol):
    """Requests to a second person, on the same connection as the records and by the same thread."""

    def me(self) -> str:
        """Our login, as the server says."""
        ...

    def ask(self, id: str, digest: str, says: object, approvers: Sequence[str], seconds: float) -> bool:
        """Let others know of a request; True: they may, False: another one has its id."""
        ...

    def answer(self, id: str, digest: str, granted: bool, words: str) -> bool:
        """Answer one; True: that counts."""
        ...

    def use(self, id: str, digest: str) -> bool:
        """Use up what was approved; True: now, and once for ever."""
        ...

    def withdraw(self, id: str) -> bool:
        """Nobody wants it any more; True: it was not over."""
        ...

    def wanted(self, id: str = "") -> Sequence[Wanted]:
        """What is asked on this system and not long over, the oldest first; with an id only that."""
        ...
