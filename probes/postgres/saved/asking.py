"""Asks one saved query: in a read-only transaction, as one statement with bound values, for so many rows and seconds.

The query is sent as `DECLARE ... CURSOR FOR query` by the extended protocol: the server takes one statement there, only
a SELECT, no data-modifying WITH, and hands out no more rows than are fetched.
https://www.postgresql.org/docs/current/sql-declare.html

What a function of the database did there all the same (a notification, a setting) is taken back to a savepoint. The
transaction itself is committed: the server counts it, and one rolled back would look like a failure of the application.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from probes.base import Cause, ProbeError, SafeText
from probes.postgres.address import SESSION
from probes.postgres.complaints import translated
from probes.postgres.link import Link, leave, opened
from probes.postgres.saved.statement import Statement

if TYPE_CHECKING:
    import psycopg

SAVED: Final[Mapping[str, str]] = {
    name: value for name, value in SESSION.items() if name not in ("search_path", "timezone", "statement_timeout")
}
"""Settings of the session: read-only and patient with nobody, but names and days are those of the role and server."""

BIGGEST: Final = 8 << 20
"""Bytes of one answer."""
GRACE: Final = 1.0
"""Seconds that the server is given beyond its own limit before the connection is cut."""
WAITS: Final = 0.25
"""Seconds a query may wait for a lock."""

_DECLARE: Final = "DECLARE /* opsroom */ opsroom NO SCROLL CURSOR FOR "
_LIMITS: Final[Mapping[str, str]] = {
    "idle_in_transaction_session_timeout": "10s",
    "cursor_tuple_fraction": "1",
    "datestyle": "ISO",
    "intervalstyle": "iso_8601",
    "bytea_output": "hex",
}
_CONNECTION: Final = frozenset({"57P01", "57P02", "57P03", "57P05", "53300", "25P03"})
"""Faults after which the connection is not there any more."""
_QUOTED: Final = re.compile(r'[«"„“]([^«»"„“”]{1,130})[»"“”]')
_DENIED: Final = re.compile(r"permission denied for (\w+) (\S{1,130})")


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows as they came, each value as text."""

    names: tuple[str, ...]
    types: tuple[int, ...]
    """OIDs."""
    rows: tuple[tuple[bytes | None, ...], ...]
    more: bool
    took: float
    """Seconds."""


class Fault(Exception):
    """Why one query was not answered; the others may be."""

    def __init__(self, word: str, why: str, hint: str = "") -> None:
        self.word = word
        """One or two words, the same for all faults of a sort."""
        self.why = why
        self.hint = hint
        super().__init__(why)


class Asker(Link):
    """The connection over which saved queries are asked. Has one user at a time."""

    async def answer(
        self, statement: Statement, values: Mapping[str, object], within: float, limit: int, zone: str = ""
    ) -> Answer:
        """The rows of a query, `within` seconds. Raises `Fault`; `ProbeError` when the connection is lost with it."""
        connection = self._connection
        if connection is None:
            raise ProbeError(Cause.CLOSED_EARLY, f"the connection to {self.where} is gone")
        given = [values[name] for name in statement.names]
        try:
            async with asyncio.timeout(within + GRACE):
                return await self._alone(self._rows(connection, statement, given, within, limit, zone))
        except TimeoutError:
            raise ProbeError(
                Cause.TIMEOUT_READ, f"{self.where} did not even end a query that was out of time", "does it hang?"
            ) from None

    async def _rows(
        self,
        connection: psycopg.AsyncConnection[Any],
        statement: Statement,
        given: Sequence[object],
        within: float,
        limit: int,
        zone: str,
    ) -> Answer:
        import psycopg

        began = time.monotonic()
        try:
            times = {"statement_timeout": max(1, round(within * 1000)), "lock_timeout": round(WAITS * 1000)}
            limits = {**_LIMITS, **{name: str(value) for name, value in times.items()}}
            if zone:
                limits["timezone"] = zone
            await connection.execute(opened(limits).encode(), prepare=False)
            cursor = psycopg.AsyncRawCursor(connection)
            # binary: the extended protocol, which takes one statement only; a declaration answers with no rows
            await cursor.execute((_DECLARE + statement.text).encode(), given, prepare=False, binary=True)
            await cursor.execute(f"FETCH /* opsroom */ FORWARD {limit + 1} FROM opsroom".encode(), prepare=False)
            found = _read(cursor.pgresult, limit, time.monotonic() - began)
        except psycopg.Error as error:
            state = error.sqlstate or ""
            if connection.closed or not state or state in _CONNECTION:
                raise translated(error, self.where) from None
            raise explained(error, statement, within) from None
        finally:
            await leave(connection)
        return found


def _read(result: psycopg.pq.abc.PGresult | None, limit: int, took: float) -> Answer:
    if result is None:
        raise Fault("no rows", "it answered without rows")
    columns = range(result.nfields)
    names = tuple((result.fname(at) or b"?").decode("utf-8", "replace") for at in columns)
    rows, size = [], 0
    for place in range(min(limit, result.ntuples)):
        row = tuple(result.get_value(place, at) for at in columns)
        size += sum(len(one) for one in row if one is not None)
        rows.append(row)
    if size > BIGGEST:
        raise Fault("too big", f"its answer has {size >> 20} MiB", "ask for fewer columns, or left(column, 100)")
    return Answer(names, tuple(result.ftype(at) for at in columns), tuple(rows), result.ntuples > limit, took)


def explained(error: psycopg.Error, statement: Statement, within: float) -> Fault:
    """What the server says against one query, in our words: its own may hold data.

    https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    state, said = error.sqlstate or "", error.diag.message_primary or ""
    named = _QUOTED.search(said)
    name = f" {SafeText(named[1], 130)}" if named else ""
    place = _place(error, statement)
    if state == "57014":
        if "timeout" in said or not said.isascii():
            hint = "EXPLAIN it: is an index missing? or raise its timeout"
            return Fault("timed out", f"it took longer than {within:g} s and was ended", hint)
        return Fault("cancelled", "somebody cancelled it on the server")
    if state == "55P03":
        return Fault("locked", f"a lock on what it reads was not free within {WAITS:g} s", "somebody changes the table")
    if state == "25006":
        return Fault("read-only", "it would change something: the server refuses that in a read-only transaction")
    if state == "42501":
        return _denied(said)
    if state == "42P01":
        return Fault("no such table", f"there is no table or view{name}{place}", "see the role's search_path, too")
    if state == "42703":
        return Fault("no such column", f"there is no column{name}{place}")
    if state in ("42883", "42704", "3F000"):
        return Fault("unknown name", f"it names something that is not there{place}", "a function, type or schema")
    if state == "42601":
        return Fault("syntax error", f"syntax error{place}", "only one statement, and only a SELECT")
    if state in ("42P02", "42P18", "42804", "42846", "22P02", "22007", "22008"):
        return Fault("wrong type", f"a value or a parameter does not suit its type{place}", "cast it: $days::int")
    if state == "22012":
        return Fault("division by zero", "it divides by zero", "write nullif(..., 0)")
    if state.startswith("22"):
        return Fault("bad data", f"it stumbles over a value (SQLSTATE {state})")
    if state.startswith("40"):
        return Fault("conflict", "the server ended it in favour of others", "on a standby: replaying goes first")
    if state.startswith(("53", "54")):
        return Fault("overloaded", "the server is out of memory, disk or another limit")
    if state in ("58P01", "58030", "XX001", "XX002"):
        return Fault("unreadable", "the server can't read its own files", "do not restart it; look at its log")
    if state.startswith("42") or state == "0A000":
        return Fault("not possible", f"the server does not take it as it is (SQLSTATE {state}){place}")
    return Fault("failed", f"the server refused it (SQLSTATE {state})")


def _denied(said: str) -> Fault:
    found = _DENIED.search(said)
    if found is None:
        return Fault("denied", "our role may not do a part of it", "GRANT SELECT on what it reads")
    kind, name = SafeText(found[1], 30), SafeText(found[2], 130)
    if str(kind) in ("table", "relation", "view", "sequence"):
        return Fault("denied", f"our role may not read {name}", f"GRANT SELECT ON {name} TO our role")
    if str(kind) == "schema":
        return Fault("denied", f"our role may not look into the schema {name}", f"GRANT USAGE ON SCHEMA {name}")
    return Fault("denied", f"our role may not use the {kind} {name}")


def _place(error: psycopg.Error, statement: Statement) -> str:
    """Where in the written query it is, by line and column; empty when the server does not say."""
    position = error.diag.statement_position or ""
    if not position.isdecimal():
        return ""
    at = int(position) - 1 - len(_DECLARE)
    if at < 0:
        return ""
    before = statement.text[:at]
    line = before.count("\n") + 1
    start = before.rfind("\n") + 1
    column = statement.written_at(at) - statement.written_at(start) + 1
    return f" (line {line}, column {column})" if "\n" in statement.text else f" (at character {column})"
