"""The way to a second person: a socket of the machine whose peer the kernel names, or a database that knows its users.

A way carries and proves; it decides little. The session that asks keeps the state of what it asked (`Matter`), and each
way sees to it by itself that nobody answers twice or for themselves, and that nothing is used twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from desk.second.proposal import Answer, Proposal, State

Take = Callable[[Answer], str]
"""Hands an answer to the session that asked, on its event loop; "" when it counts, else why it does not."""


class Unreachable(Exception):
    """A way leads nowhere now; the message says why, for a person."""


class Colleagues(Protocol):
    """One way to other people. All methods are called on the event loop and never hold it up; each is bounded in time.

    A database does this with its own clock and its own names: a row for each proposal with who asked (`session_user`),
    an answer that is written only while the row has none, is not expired by the server's `now()`, and is by another
    `session_user`; `use` is one UPDATE of a row that is approved, not used, not expired and has this digest.
    """

    name: str
    """What a person calls it: "this machine", "the store"."""

    @property
    def trouble(self) -> str:
        """Why nobody can be reached through it now; empty: somebody could be."""
        ...

    @property
    def mine(self) -> frozenset[str]:
        """The marks by which this way would know the person at this session, as `Person.marks`: {"role ada"}."""
        ...

    def begin(self, take: Take, bell: Callable[[], None]) -> None:
        """Begin. `take` is handed every answer to what this session asked; `bell` rings when others ask anew."""
        ...

    async def ask(self, proposal: Proposal) -> None:
        """Let others know of it until it ends. Raises `Unreachable`; then nobody knows of it through this way."""
        ...

    def pending(self) -> Sequence[Proposal]:
        """What others ask and wait for, on the same system, oldest first, as last heard; never what this person asks.

        It holds what could be answered: not expired, not answered, nor withdrawn. Who asks is as the way has proven it
        (`by.proof`), whatever the proposal said. Everything in it is safe to show.
        """
        ...

    async def refresh(self) -> None:
        """Look now what others ask. Raises `Unreachable`."""
        ...

    async def answer(self, proposal: Proposal, granted: bool, words: str) -> Answer:
        """Answer what somebody else asks; returns once the answer counts, with this person as the way names them.

        Raises `Unfit` when it does not count (expired, answered already, one's own, not among the approvers), and
        `Unreachable` when nobody knows whether it does.
        """
        ...

    async def use(self, proposal: str, digest: str) -> None:
        """What was answered through this way is used now: lasting before it returns, and at most once for ever.

        Raises `Unfit` when it may not be, `Unreachable` when that can't be known; then nothing is done.
        """
        ...

    async def end(self, proposal: str, state: State) -> None:
        """It is over (used, expired, refused, withdrawn): nobody is to be asked any more. Never raises."""
        ...

    async def close(self) -> None:
        """Let go, in a moment. May be called twice; never raises."""
        ...
