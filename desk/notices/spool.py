"""The spool: what is to be told through which channel, on disk before anything is sent.

A change and a channel are one row, and only one. A row is WAITING, then SENDING while a try is under way, and at last
TOLD, GIVEN_UP, PASSED (it came and went before it could be told) or DROPPED (the spool was full). A row that a killed
session left SENDING may have been told: it waits again, in doubt, under the same id.

SQLite in WAL mode with synchronous FULL: what was put survives a killed process and a power cut
(https://www.sqlite.org/pragma.html#pragma_synchronous). Any session may put; the one that holds the lock sends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar

from desk import keep
from desk.inbox.case import Change, What
from desk.notices.channel import OPENING, PAUSED, Channel
from desk.notices.file import opened, prepare, trouble
from desk.notices.row import Due, State, Way
from desk.notices.told import Told
from desk.notices.wording import summary
from probes.base import Notice, read_notice

_T = TypeVar("_T")

MOST: Final = 5000
"""Rows of a channel that wait at most; then the oldest are dropped, and counted."""

KEPT: Final = 7 * 86_400.0
"""Seconds for which is remembered what was told. A change that is older is never put."""

SUMMED: Final = 300
"""Notices in one summary at most."""

DAY: Final = 86_400.0

_COLUMNS: Final = "change, channel, case_id, identity, what, put, due, state, held, doubt, tries, batch, ended, body"
_SET: Final = "UPDATE notice SET {} WHERE channel = ? AND change = ?"
_FIRST: Final = """NOT EXISTS (SELECT 1 FROM notice AS before WHERE before.channel = one.channel
    AND before.case_id = one.case_id AND before.n < one.n AND before.state IN ('waiting', 'sending')
    AND (one.batch = '' OR before.batch != one.batch))"""
"""Nothing of the same case was put before it and waits still, but for what is told in the same summary."""
_OPEN: Final = "('waiting', 'sending')"
_PASS: Final = "UPDATE notice SET state = 'passed', ended = ?, body = ''"
_SOME: Final = "('waiting', 'sending', 'told')"


class Spool:
    """An open spool. It belongs to one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._db = connection
        self.name = name

    @classmethod
    def open(cls, path: Path) -> Spool:
        """The spool on disk; made where it is not there. Raises `SpoolError`."""
        return cls(opened(path), path.name)

    @classmethod
    def look(cls, path: Path) -> Spool:
        """The spool on disk, only to be read. Raises `SpoolError`, and FileNotFoundError where there is none."""
        if not path.exists():
            raise FileNotFoundError(path)
        try:
            connection = keep.connect(path, "ro", by_hand=True)
            connection.execute("SELECT count(*) FROM channel").fetchone()
        except (OSError, sqlite3.Error) as error:
            raise trouble(path.name, error) from None
        return cls(connection, path.name)

    @classmethod
    def in_memory(cls) -> Spool:
        """A spool for as long as no disk takes one."""
        connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        prepare(connection)
        return cls(connection, "memory")

    def close(self) -> None:
        """Let go of the file. May be called twice."""
        self._db.close()

    # putting

    def begin(self, channels: Iterable[str], now: float) -> None:
        """From now on there are these channels; new ones are not told what was before. Raises `SpoolError`."""
        self._within(
            lambda: self._db.executemany(
                "INSERT OR IGNORE INTO channel (name, began) VALUES (?, ?)", [(name, now) for name in channels]
            )
        )

    def put(
        self,
        channels: Sequence[Channel],
        changes: Sequence[tuple[Change, Notice]],
        environment: str,
        now: float,
        late: Collection[str] = (),
    ) -> int:
        """Keep each change for each channel that wants it; how many rows are new.

        A change that was put before is not put again. `late`: ids of those that are told once more because an earlier
        session may have been killed over them; what a channel has seen since is left out. Raises `SpoolError`.
        """

        def put() -> int:
            seen = dict(self._db.execute("SELECT name, seen FROM channel").fetchall())
            new = 0
            for change, notice in changes:
                at = change.at.timestamp()
                for one in channels:
                    if change.id not in late or at >= seen.get(one.name, 0.0):
                        new += self._put(one, change, notice, environment, now)
                self._db.execute("UPDATE channel SET seen = max(seen, ?)", (at,))
            return new

        return self._within(put)

    def _put(self, channel: Channel, change: Change, notice: Notice, environment: str, now: float) -> int:
        settings = channel.settings
        at = change.at.timestamp()
        since = max(now - KEPT, self._began(channel.name, now))
        if not settings.outside or at < since or self._has(change.id, channel.name):
            return 0
        told = self._count("channel = ? AND case_id = ? AND state IN " + _SOME, channel.name, change.case.id) > 0
        if not channel.wants(change, environment, told):
            return 0
        identity, what = _mark(str(change.case.alert.identity)), change.what
        state, due = State.WAITING, now
        if self._passes(channel, change, now):
            state = State.PASSED
        elif what in PAUSED:
            due = max(now, self._last(channel.name, identity, what, now) + getattr(settings, "pause_seconds", 0.0))
        if state is State.WAITING and due <= now and what in OPENING:
            self._db.execute(
                "UPDATE notice SET due = ?, held = 0 WHERE channel = ? AND case_id = ? AND held AND state = 'waiting'",
                (now, channel.name, change.case.id),
            )
        body = replace(notice, id=f"{change.id}:{channel.name}").as_json() if state is State.WAITING else ""
        self._db.execute(
            "INSERT INTO notice (change, channel, case_id, identity, what, put, due, state, held, doubt, tries, batch, "
            "ended, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, '', ?, ?)",
            (change.id, channel.name, change.case.id, identity, what.value, now, due, state.value, due > now,
             None if state is State.WAITING else now, body),
        )  # fmt: skip
        self._cap(channel.name, now)
        return 1

    def _passes(self, channel: Channel, change: Change, now: float) -> bool:
        """Does this change take back one that nobody was told of? Then neither is told."""
        case = (channel.name, change.case.id)
        held = "channel = ? AND case_id = ? AND state = 'waiting' AND held AND what = ?"
        back = {What.BETTER: What.WORSE, What.WORSE: What.BETTER}.get(change.what)
        if back is not None and self._count(held, *case, back.value):
            self._db.execute(f"{_PASS} WHERE {held}", (now, *case, back.value))
            return True
        if change.what is not What.CLEARED:
            return False
        known = self._count(
            "channel = ? AND case_id = ? AND (state IN ('told', 'sending') OR doubt OR batch != '')", *case
        )
        skip = getattr(channel.settings, "passed", "tell") == "skip"
        raised = "(held OR tries)" if skip else "held"
        quiet = self._count(
            f"channel = ? AND case_id = ? AND state = 'waiting' AND {raised} "
            "AND n = (SELECT min(n) FROM notice WHERE channel = ? AND case_id = ? AND state = 'waiting')",
            *case, *case,
        )  # fmt: skip
        blocked = (
            skip
            and self._db.execute(
                "SELECT count(*) FROM channel WHERE name = ? AND since IS NOT NULL", (channel.name,)
            ).fetchone()[0]
        )
        if known or not (quiet or blocked):
            return False
        self._db.execute(f"{_PASS} WHERE channel = ? AND case_id = ? AND state = 'waiting'", (now, *case))
        return True

    def _began(self, channel: str, now: float) -> float:
        row = self._db.execute("SELECT began FROM channel WHERE name = ?", (channel,)).fetchone()
        return row[0] if row is not None and row[0] <= now else 0.0

    def _last(self, channel: str, identity: str, what: What, now: float) -> float:
        """When such a change of such an alert was last put to be told, Unix seconds."""
        found = self._db.execute(
            "SELECT max(max(put, due)) FROM notice WHERE channel = ? AND identity = ? AND what = ? "
            f"AND state IN {_SOME}",
            (channel, identity, what.value),
        ).fetchone()[0]
        return found if found is not None and found < now + DAY else 0.0

    def _cap(self, channel: str, now: float) -> None:
        over = self._count("channel = ? AND state = 'waiting'", channel) - MOST
        if over > 0:
            self._db.execute(
                "UPDATE notice SET state = 'dropped', ended = ?, body = '' WHERE n IN (SELECT n FROM notice WHERE "
                "channel = ? AND state = 'waiting' ORDER BY n LIMIT ?)",
                (now, channel, over),
            )

    # sending

    def recover(self, channel: str, now: float) -> int:
        """What an earlier session left half sent waits again, in doubt; how many."""
        return self._within(
            lambda: (
                self._db.execute(
                    "UPDATE notice SET state = 'waiting', doubt = 1, due = ? WHERE channel = ? AND state = 'sending'",
                    (now, channel),
                ).rowcount
            )
        )

    def due(self, channel: str, now: float) -> Due | None:
        """What is to be sent now; marked as being sent. None: nothing. Raises `SpoolError`.

        Within a case nothing overtakes what was put before it.
        """
        return self._within(lambda: self._due(channel, now))

    def _due(self, channel: str, now: float) -> Due | None:
        row = self._db.execute(
            f"SELECT n, batch FROM notice AS one WHERE channel = ? AND state = 'waiting' AND (due <= ? OR put > ?) "
            f"AND {_FIRST} AND NOT EXISTS (SELECT 1 FROM channel WHERE name = one.channel AND until > ? AND until < ?) "
            "ORDER BY n LIMIT 1",
            (channel, now, now, now, now + DAY),
        ).fetchone()
        if row is None:
            return None
        which, value = ("batch = ?", row[1]) if row[1] else ("n = ?", row[0])
        rows = self._db.execute(
            f"SELECT change, body, tries FROM notice WHERE channel = ? AND state = 'waiting' AND {which} ORDER BY n",
            (channel, value),
        ).fetchall()
        changes = tuple(one[0] for one in rows)
        self._db.executemany(_SET.format("state = 'sending'"), [(channel, change) for change in changes])
        parts = tuple(read_notice(one[1]) for one in rows)
        return Due(changes, summary(row[1], parts) if row[1] else parts[0], max(one[2] for one in rows))

    def told(self, due: Due, channel: str, now: float) -> bool:
        """It was told: never again. True when that ends an outage of the channel. Raises `SpoolError`."""

        def mark() -> bool:
            self._db.executemany(
                _SET.format("state = 'told', ended = ?, body = ''"), [(now, channel, change) for change in due.changes]
            )
            ill = self._db.execute("SELECT tries FROM channel WHERE name = ? AND tries > 0", (channel,)).fetchone()
            self._db.execute(
                "UPDATE channel SET since = NULL, tries = 0, until = 0, words = '', told = ? WHERE name = ?",
                (now, channel),
            )
            return ill is not None

        return self._within(mark)

    def marks(self, due: Due, channel: str, now: float) -> list[Told]:
        """What was told, for sessions on other machines. Raises `SpoolError`."""
        holes = ", ".join("?" for _ in due.changes)
        found = self._within(
            lambda: self._db.execute(
                f"SELECT change, channel, case_id, identity, what FROM notice WHERE channel = ? "
                f"AND change IN ({holes})",
                (channel, *due.changes),
            ).fetchall()
        )
        return [Told(change, channel, case, identity, what, now) for change, channel, case, identity, what in found]

    def elsewhere(self, told: Iterable[Told]) -> None:
        """Another machine has told these: never again, also where they come only later. Raises `SpoolError`."""
        rows = [(one.change, one.channel, one.case, one.identity, one.what, one.at, one.at, one.at) for one in told]
        self._within(
            lambda: self._db.executemany(
                "INSERT INTO notice (change, channel, case_id, identity, what, put, due, state, held, doubt, tries, "
                "batch, ended, body) VALUES (?, ?, ?, ?, ?, ?, ?, 'told', 0, 0, 0, '', ?, '') ON CONFLICT DO UPDATE "
                "SET state = 'told', ended = excluded.ended, body = '' WHERE state = 'waiting'",
                rows,
            )
        )

    def failed(
        self, due: Due, channel: str, now: float, again: float, words: str, *, doubt: bool = False, alone: bool = False
    ) -> None:
        """It was not told. `again`: when to try again, Unix seconds; `alone`: others may be tried meanwhile.

        `doubt`: it may have been told all the same. A summary that is not taken is told in parts. Raises `SpoolError`.
        """
        apart = alone and len(due.changes) > 1

        def mark() -> None:
            self._db.executemany(
                _SET.format(
                    "state = 'waiting', due = ?, held = 0, doubt = doubt OR ?, tries = tries + 1, "
                    "batch = CASE WHEN ? THEN '' ELSE batch END"
                ),
                [(again if alone else now, doubt, apart, channel, change) for change in due.changes],
            )
            self._db.execute(
                "UPDATE channel SET since = coalesce(since, ?), tries = tries + ?, until = max(until, ?), words = ? "
                "WHERE name = ?",
                (now, not alone, 0.0 if alone else again, words, channel),
            )

        self._within(mark)

    def expire(self, channel: str, before: float, now: float) -> int:
        """Give up what was put before that moment and waits still; how many. Ask only after a try that failed."""
        return self._within(
            lambda: (
                self._db.execute(
                    "UPDATE notice SET state = 'given up', ended = ?, body = '' "
                    "WHERE channel = ? AND state = 'waiting' AND put < ?",
                    (now, channel, before),
                ).rowcount
            )
        )

    def gather(self, channel: str, batch: str, more_than: int, now: float) -> int:
        """After an outage: make one summary of what waits, if it is more than that; how many it stands for."""
        if more_than == 0:
            return 0
        late = (
            "FROM notice AS one WHERE channel = ? AND state = 'waiting' AND due <= ? AND batch = '' AND NOT EXISTS "
            "(SELECT 1 FROM notice AS before WHERE before.channel = one.channel AND before.case_id = one.case_id "
            "AND before.n < one.n AND before.state = 'waiting' AND (before.due > ? OR before.batch != ''))"
        )

        def mark() -> int:
            found: int = self._db.execute(f"SELECT count(*) {late}", (channel, now, now)).fetchone()[0]
            if found <= more_than:
                return 0
            return self._db.execute(
                f"UPDATE notice SET batch = ? WHERE n IN (SELECT n {late} ORDER BY n LIMIT {SUMMED})",
                (batch, channel, now, now),
            ).rowcount

        return self._within(mark)

    def tidy(self, known: Iterable[str], now: float) -> None:
        """Forget what was told long ago, and give up what has waited a day for a channel that nobody knows."""

        def mark() -> None:
            self._db.execute("DELETE FROM notice WHERE ended < ? AND put < ?", (now - KEPT, now - KEPT))
            names = [*known]
            holes = ", ".join("?" for _ in names)
            self._db.execute(
                f"UPDATE notice SET state = 'given up', ended = ?, body = '' WHERE channel NOT IN ({holes}) "
                f"AND state IN {_OPEN} AND put < ?",
                (now, *names, now - DAY),
            )

        self._within(mark)

    def adopt(self, other: Spool) -> None:
        """Take over what another spool knows; what was told, here or there, stays told. Raises `SpoolError`."""

        def copy() -> None:
            self._db.executemany(
                f"INSERT INTO notice ({_COLUMNS}) VALUES ({', '.join('?' for _ in _COLUMNS.split(','))}) "
                "ON CONFLICT DO UPDATE SET state = excluded.state, due = excluded.due, held = excluded.held, "
                "doubt = excluded.doubt, tries = excluded.tries, batch = excluded.batch, ended = excluded.ended, "
                "body = excluded.body WHERE notice.state != 'told'",
                other._db.execute(f"SELECT {_COLUMNS} FROM notice ORDER BY n").fetchall(),
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO channel VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                other._db.execute("SELECT * FROM channel").fetchall(),
            )

        self._within(copy)

    # looking

    def way(self, channel: str, now: float) -> Way:
        """How a channel does. Raises `SpoolError`."""
        try:
            waiting, oldest, stuck = self._db.execute(
                "SELECT count(*), min(put), sum(tries > 0) FROM notice WHERE channel = ? AND NOT held "
                f"AND state IN {_OPEN}",
                (channel,),
            ).fetchone()
            row = self._db.execute(
                "SELECT since, tries, until, words, told FROM channel WHERE name = ?", (channel,)
            ).fetchone()
            lost = dict(
                self._db.execute(
                    "SELECT state, count(*) FROM notice WHERE channel = ? AND state IN ('given up', 'dropped') "
                    "AND ended > ? GROUP BY state",
                    (channel, now - DAY),
                ).fetchall()
            )
        except sqlite3.Error as error:
            raise trouble(self.name, error) from None
        since, tries, until, words, told = row or (None, 0, 0.0, "", None)
        return Way(
            channel, waiting, oldest, since, tries, until, words, told, lost.get("given up", 0), lost.get("dropped", 0),
            stuck or 0,
        )  # fmt: skip

    def states(self) -> dict[tuple[str, str], State]:
        """State of each row, by change and channel."""
        rows = self._db.execute("SELECT change, channel, state FROM notice ORDER BY n")
        return {(change, channel): State(state) for change, channel, state in rows}

    def _has(self, change: str, channel: str) -> bool:
        return self._count("change = ? AND channel = ?", change, channel) > 0

    def _count(self, which: str, *values: object) -> int:
        found: int = self._db.execute(f"SELECT count(*) FROM notice WHERE {which}", values).fetchone()[0]
        return found

    def _within(self, work: Callable[[], _T]) -> _T:
        """All of it or nothing, on disk when it returns."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                found = work()
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise trouble(self.name, error) from None
        return found


def _mark(identity: str) -> str:
    """Tells alerts apart, and nothing about them."""
    return sha256(identity.encode("utf-8", "backslashreplace")).hexdigest()[:20]
