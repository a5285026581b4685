"""Records and presence in the shared store."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from probes.base import Carried, Seen
from probes.store.line import Line

MOST: Final = 4 << 20
"""Bytes that are asked for at once; a single record may have as many."""

_APPEND: Final = """INSERT INTO opsroom_store.record (system, stream, id, at, about, body)
SELECT %s, %s, one.id, one.at, one.about, one.body
FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::text[]) WITH ORDINALITY AS one (id, at, about, body, place)
ORDER BY one.place ON CONFLICT DO NOTHING"""

_READ: Final = """SELECT seq, id, at, about, body, by, (extract(epoch FROM kept) * 1000)::bigint FROM (
    SELECT seq, id, at, about, body, by, kept,
        sum(octet_length(body)) OVER (ORDER BY seq) AS whole, row_number() OVER (ORDER BY seq) AS place
    FROM (
        SELECT * FROM opsroom_store.record WHERE system = %s AND stream = %s AND seq > %s ORDER BY seq LIMIT %s
    ) AS next
) AS fit WHERE whole <= %s OR place = 1 ORDER BY seq"""
"""At most so many records, and of long ones fewer."""


_SEEN: Final = """SELECT left(session, 100), by, body, extract(epoch FROM clock_timestamp() - seen)::float8
FROM opsroom_store.presence
WHERE system = %s AND seen > clock_timestamp() - interval '30 seconds' ORDER BY session LIMIT 200"""


class Records:
    """A session's way to the records and the presence of one system. Belongs to one thread, but for `wake`."""

    def __init__(self, line: Line, system: str) -> None:
        self._line = line
        self._system = system
        self._ear, self._bell = os.pipe()
        os.set_blocking(self._ear, False)
        os.set_blocking(self._bell, False)

    def open(self) -> str:
        """Log in, check that it is a store of our form, begin to listen; the store's own id."""
        id = self._line.open()
        self._line.listen()
        return id

    def append(self, stream: str, rows: Sequence[Carried]) -> None:
        """Keep these, all or none. Raises `Unkeepable`."""
        columns: list[Any] = [
            [row.id for row in rows],
            [row.at for row in rows],
            [row.about for row in rows],
            [row.body for row in rows],
        ]
        self._line.ask(_APPEND, (self._system, stream, *columns))

    def read(self, stream: str, after: int, most: int) -> list[Carried]:
        """The records after a place, in their order."""
        found = self._line.ask(_READ, (self._system, stream, after, most, MOST))
        return [Carried(id, at, about, body, seq, by, kept) for seq, id, at, about, body, by, kept in found]

    def has(self, stream: str, id: str, seq: int | None = None) -> bool:
        """True when it holds this record, at that place where one is given."""
        where = "SELECT 1 FROM opsroom_store.record WHERE system = %s AND stream = %s AND id = %s"
        if seq is None:
            return bool(self._line.ask(where, (self._system, stream, id)))
        return bool(self._line.ask(f"{where} AND seq = %s", (self._system, stream, id, seq)))

    def here(self, session: str, says: object) -> list[Seen]:
        """Say that we are there; everybody who is, with us."""
        rows = self._line.ask(
            "SELECT left(session, 100), by, body, age FROM opsroom_store.here(%s, %s, %s)",
            (self._system, session, json.dumps(says)),
        )
        return [Seen(session, by, read_json(body), age) for session, by, body, age in rows]

    def seen(self) -> list[Seen]:
        """Everybody who is there, without saying that we are."""
        rows = self._line.ask(_SEEN, (self._system,))
        return [Seen(session, by, read_json(body), age) for session, by, body, age in rows]

    def streams(self) -> list[tuple[str, int, datetime]]:
        """(stream, how many records, when the last was kept) of each."""
        rows = self._line.ask(
            "SELECT stream, count(*), max(kept) FROM opsroom_store.record WHERE system = %s GROUP BY stream ORDER BY 1",
            (self._system,),
        )
        return [(str(stream), int(number), kept) for stream, number, kept in rows]

    def gone(self, session: str) -> None:
        """Say that we leave."""
        self._line.ask("SELECT opsroom_store.gone(%s, %s)", (self._system, session), within=1.0)
        self._line.close()

    def wait(self, seconds: float) -> bool:
        """Wait until something is told of this system, `wake` is called, or time is up."""
        ends = time.monotonic() + seconds
        while True:
            left = ends - time.monotonic()
            self._line.wait(max(0.0, left), self._ear)
            heard, self._line.heard = self._line.heard, []
            if self._system in heard:
                return True
            with suppress(BlockingIOError):
                os.read(self._ear, 4096)
                return False
            if left <= 0:
                return False

    def wake(self) -> None:
        """End `wait`; from any thread."""
        with suppress(OSError):
            os.write(self._bell, b"x")

    def cut(self) -> None:
        """Let go of the connection at once."""
        self._line.cut()


def read_json(body: object) -> object:
    """A text of the store as JSON values; None where it is none."""
    try:
        return json.loads(str(body))
    except (ValueError, RecursionError):
        return None
