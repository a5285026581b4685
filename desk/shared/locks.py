"""Locks that hold across machines while the shared store is there, and on this machine always.

A lock is taken here first, then in the store. While the store is lost the one here must do, and that is said (`doubt`).
When it is back every lock that is still held is taken there too; one that somebody else has by then is lost (`held`).
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

from desk.clock import Clock
from desk.locks import Claim, Held, Locks
from probes.base import Holder, LockServer, ProbeError, SafeText

ALONE: Final = "the store is lost: only people on this machine are kept from acting at the same time"
"""What is said of a lock that only holds here."""

WAIT: Final = 4.0
"""Seconds that the first lock waits for what the store has; then it is taken here alone."""

_LOOK: Final = 4.0
"""Seconds between two looks whether the connection lives that the locks hang on."""
_SLOWEST: Final = 15.0
_SOMEBODY: Final = "somebody else is acting on it"


class SharedClaim:
    """A lock that is held here, and in the store where that is there."""

    def __init__(self, owner: SharedLocks, name: str, words: str, local: Claim) -> None:
        self._owner = owner
        self.name = name
        self.words = words
        self.local = local
        self.there = False
        """True while it is held in the store as far as we know."""
        self.connection = 0
        """The connection on which it is held, counted from 1; another one means that nobody held it in between."""
        self.lost = ""
        """Who has it now, where it was lost; empty: it was not."""
        self.over = False

    @property
    def held(self) -> bool:
        """False once somebody else has it, or it was released."""
        return not self.over and not self.lost and self.local.held

    @property
    def doubt(self) -> str:
        """Whom it does not keep away."""
        return f"the lock was lost with the store: {self.lost}" if self.lost else "" if self.there else ALONE

    def release(self) -> None:
        """Let go; never waits: the store is told beside."""
        if not self.over:
            self.over = True
            self._owner.let_go(self)

    def __enter__(self) -> SharedClaim:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class SharedLocks:
    """Gives locks by name. `claim` waits for the network: it is for a thread, never for the event loop."""

    def __init__(
        self,
        local: Locks,
        server: LockServer,
        clock: Clock,
        session: str,
        settled: threading.Event,
        wake: Callable[[], None] = lambda: None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`settled` is set once the store was tried; `wake` makes somebody call `tend` soon."""
        self._local = local
        self._server = server
        self._clock = clock
        self._session = session
        self._settled = settled
        self._wake = wake
        self._chance = chance
        self._turn = threading.Lock()
        self._gate = threading.Lock()
        """For the two lists below: nobody holds it while waiting for the network."""
        self._claims: list[SharedClaim] = []
        self._leaving: list[str] = []
        self._there = False
        self._connections = 0
        self._looked = self._next = -math.inf
        self._tries = 0

    @property
    def connected(self) -> bool:
        """True while locks hold across machines."""
        return self._there

    def claim(self, name: str, words: str) -> SharedClaim:
        """Take the lock of this name. Raises `Held` with what its holder is doing, or `OSError`."""
        self._settled.wait(WAIT)
        made = SharedClaim(self, name, words, self._local.claim(name, words))
        try:
            with self._turn:
                if not self._there and self._next == -math.inf:
                    self._connect()
                with self._gate:
                    self._claims.append(made)  # before anybody else may see the connection break
                self._take(made)
        except BaseException:
            self._drop(made)
            raise
        if made.lost:
            self._drop(made)
            raise Held(made.lost)
        return made

    def _drop(self, claim: SharedClaim) -> None:
        """It came to nothing."""
        with self._gate:
            if claim in self._claims:
                self._claims.remove(claim)
        claim.local.release()

    def let_go(self, claim: SharedClaim) -> None:
        """A claim is released: here at once, in the store as soon as somebody has the time for it."""
        with self._gate:
            if claim in self._claims:
                self._claims.remove(claim)
            if claim.there:
                self._leaving.append(claim.name)
        claim.local.release()
        self._wake()

    def tend(self) -> None:
        """Look after the connection, and after what was released or lost; on a thread that may wait."""
        with self._turn:
            now = self._clock.monotonic()
            if self._there and now - self._looked >= _LOOK:
                self._looked = now
                if not self._server.alive():
                    self._lose()
            if not self._there and now >= self._next:
                self._connect()
            with self._gate:
                waiting = [claim for claim in self._claims if not claim.there and not claim.lost]
            for claim in waiting:
                self._take(claim)
            self._settle()

    def confirmed(self, claim: SharedClaim) -> bool:
        """Ask the store whether a lock is still held there; on a thread that may wait."""
        with self._turn:
            connection = claim.connection
            if self._there and not self._server.alive():
                self._lose()
            return claim.there and claim.connection == connection

    def settle(self, within: float) -> None:
        """Wait until the store knows what was released, so many seconds at most."""
        ends = time.monotonic() + within
        while self._there and self._leaving and time.monotonic() < ends:
            time.sleep(0.01)

    def suspect(self) -> None:
        """Another connection to the same server broke or was made: look at once how this one does."""
        self._looked = -math.inf
        self._next = min(self._next, self._clock.monotonic())

    def close(self) -> None:
        """Let go of everything."""
        with self._gate:
            claims, self._claims = self._claims, []
        for claim in claims:
            claim.over = True
            claim.local.release()
        if self._turn.acquire(timeout=0.5):
            self._there = False
            self._server.cut()
            self._turn.release()

    # with the turn

    def _connect(self) -> None:
        try:
            self._server.open()
        except ProbeError:
            self._lose()
            return
        self._there, self._tries, self._looked = True, 0, self._clock.monotonic()
        self._connections += 1
        with self._gate:
            self._leaving.clear()
            claims = list(self._claims)
        for claim in claims:
            if not claim.lost:
                self._take(claim)

    def _take(self, claim: SharedClaim) -> None:
        if not self._there:
            return
        self._settle(claim.name)
        try:
            holder = self._server.claim(claim.name, claim.words)
        except ProbeError:
            self._lose()
            return
        ours = holder is not None and holder.session == self._session  # a connection of ours that is being ended
        claim.lost = "" if holder is None or ours else _told(holder)
        with self._gate:
            claim.there, claim.connection = holder is None, self._connections
            if claim.there and claim.over:  # released meanwhile
                self._leaving.append(claim.name)

    def _settle(self, name: str | None = None) -> None:
        """Release in the store what was released here; with a name only that."""
        while self._there:
            with self._gate:
                wanted = next((one for one in self._leaving if name in (None, one)), None)
                if wanted is None:
                    return
                self._leaving.remove(wanted)
            try:
                self._server.release(wanted)
            except ProbeError:
                self._lose()

    def _lose(self) -> None:
        self._server.cut()
        self._there = False
        self._tries += 1
        pause = min(_SLOWEST, 0.5 * 2.0 ** min(self._tries - 1, 16)) * (0.5 + self._chance() / 2)
        self._next = self._clock.monotonic() + pause
        with self._gate:
            self._leaving.clear()
            for claim in self._claims:
                claim.there = False


def _told(holder: Holder) -> str:
    said = str(SafeText(holder.words, 300)) or _SOMEBODY
    return f"{said} ({SafeText(holder.by, 60)}, by the store)" if holder.by else said
