"""Locks of the shared store: PostgreSQL's advisory locks of a session, which end with its connection.

https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from probes.base import Holder, ProbeError
from probes.store.line import Line

_ASKED: Final = 3
"""Times a lock is asked for while nobody can be seen who has it: whoever had it may be gone by then."""


class AdvisoryLocks:
    """A session's locks on one system. Belongs to one thread at a time."""

    def __init__(self, line: Line, system: str, session: str) -> None:
        self._line = line
        self._system = system
        self._session = session

    def open(self) -> None:
        """Log in anew; an earlier connection of this session that the server still holds is ended first."""
        self._line.open()
        self._line.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = %s AND usename = session_user AND pid <> pg_backend_pid()",
            (self._line.name[:63],),
        )

    def alive(self) -> bool:
        """True while the connection lives, by asking."""
        try:
            return self._line.is_open and self._line.ask("SELECT 1", within=3.0) == [(1,)]
        except ProbeError:
            return False

    def claim(self, name: str, words: str) -> Holder | None:
        """Take a lock; None: it is ours, else who has it."""
        for _ in range(_ASKED):
            ((mine, session, by, said),) = self._line.ask(
                "SELECT mine, CASE WHEN holder_by = session_user THEN holder_session ELSE '' END, holder_by, "
                "holder_words FROM opsroom_store.claim(%s, %s, %s, %s)",
                (key_of(name), self._system, self._session, words.replace("\0", "")),
            )
            if mine:
                return None
            if by:
                break
        return Holder(session, by, said)

    def release(self, name: str) -> None:
        """Let go of one."""
        self._line.ask("SELECT opsroom_store.release(%s)", (key_of(name),), within=3.0)

    def cut(self) -> None:
        """Let go of the connection at once, and of every lock with it."""
        self._line.cut()


def key_of(name: str) -> int:
    """The number of a lock: 64 bits of a hash, as PostgreSQL counts them.

    What a profile calls its system is no part of it: what two profiles watch is one thing.

    >>> key_of("a") != key_of("b"), -(2**63) <= key_of("a") < 2**63
    (True, True)
    """
    told = sha256(b"\0".join((b"opsroom lock", name.encode()))).digest()
    return int.from_bytes(told[:8], "big", signed=True)
