"""The one connection to a server: opened when needed, kept, and cut hard when it hangs.

A question is asked in a task of its own that is never cancelled while the server works on it: the driver would then
try to cancel politely, which takes up to twelve seconds with a silent server. `cut` closes the socket instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from probes.base import Cause, Lane, ProbeError, from_os_error, load
from probes.postgres.address import SESSION, Address, connection_params, looked_up
from probes.postgres.complaints import translated

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.AsyncConnection[tuple[Any, ...]]

T = TypeVar("T")

_PREPARED_AFTER: Final = 2
"""Times a question is asked before the server keeps its plan: planning costs ten times what answering does."""
_BIGGEST: Final = 8 << 20
"""Bytes of one answer."""


async def open_connection(
    address: Address, operator: str, pooled: bool, lane: Lane, session: Mapping[str, str] = SESSION
) -> Connection:
    """A logged-in connection in autocommit. Raises `ProbeError`."""
    await load("psycopg")
    import psycopg
    from psycopg.conninfo import make_conninfo

    try:
        params = await lane.run(looked_up, address.params)
        connection = await psycopg.AsyncConnection.connect(
            make_conninfo("", **connection_params(params, operator, pooled, session)),
            autocommit=True,
            prepare_threshold=None if pooled else _PREPARED_AFTER,
        )
    except psycopg.Error as error:
        raise translated(error, address.where) from None
    except UnicodeError:
        raise ProbeError(Cause.DNS_NX, f"no such host: {address.where}") from None
    except OSError as error:
        raise from_os_error(error, address.where) from None
    _read_text_bytewise(connection)
    return connection


def _read_text_bytewise(connection: Connection) -> None:
    """Text that isn't UTF-8, as databases of encoding SQL_ASCII hold it, must not end the reading."""
    from psycopg.adapt import Loader

    class Lenient(Loader):
        """Decodes what it can and marks the rest."""

        def load(self, data: bytes | bytearray | memoryview) -> str:
            return bytes(data).decode("utf-8", "replace")

    for name in ("text", "json"):
        connection.adapters.register_loader(name, Lenient)


def _hang_up(connection: Connection) -> None:
    """Close the socket below the driver, so that whoever waits on it wakes at once."""
    import psycopg

    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.pgconn.socket)) as below:
        below.shutdown(socket.SHUT_RDWR)


class Link:
    """Keeps one connection to an address. Has one user at a time."""

    def __init__(self, name: str, operator: str, pooled: bool, session: Mapping[str, str] = SESSION) -> None:
        """`session` are the settings of our session there; a pooler's are not ours to set."""
        self._operator = operator
        self._pooled = pooled
        self._session = session
        self._lane = Lane(f"postgres-{name}", limit=2)
        self._connection: Connection | None = None
        self._busy: asyncio.Task[Any] | None = None
        self.where = ""
        """The place, for error messages."""
        self.was_cut = False
        """True after `cut`, until the next login."""
        self.local = False
        """True when the connection does not leave this machine."""

    @property
    def lane(self) -> Lane:
        """Threads for what blocks: name look-ups and programs that give secrets."""
        return self._lane

    @property
    def is_open(self) -> bool:
        """True while the connection seems to live."""
        return self._connection is not None and not self._connection.closed

    @property
    def encrypted(self) -> bool:
        """True when the connection is under TLS."""
        return self._connection is not None and self._connection.pgconn.ssl_in_use

    async def open(self, address: Address) -> None:
        """Log in. Raises `ProbeError`."""
        self.where = address.where
        self.local = address.local
        self.was_cut = False
        connecting = open_connection(address, self._operator, self._pooled, self._lane, self._session)
        self._connection = await self._alone(connecting, polite=True)

    async def try_login(self, address: Address) -> None:
        """Log in a second time and leave at once. Raises `ProbeError`."""
        connection = await open_connection(address, self._operator, self._pooled, self._lane)
        await connection.close()

    async def ask(self, question: str) -> Any:
        """The JSON document that a question answers with. Raises `ProbeError`; the connection may be lost then."""
        if self._connection is None:
            raise ProbeError(Cause.CLOSED_EARLY, f"the connection to {self.where} is gone")
        return await self._alone(self._ask(self._connection, question))

    async def run(self, statement: str) -> None:
        """Run one statement to its end, sent once. Raises what the driver raises; `ProbeError` without a connection.

        Whoever gives up waiting hangs up; the server may go on with it.
        """
        if self._connection is None:
            raise ProbeError(Cause.CLOSED_EARLY, f"the connection to {self.where} is gone")
        await self._alone(self._run(self._connection, statement))

    @staticmethod
    async def _run(connection: Connection, statement: str) -> None:
        await connection.execute(statement.encode(), prepare=False)

    def told(self, name: str) -> str:
        """What the server last told of a setting that it reports by itself, such as application_name."""
        if self._connection is None or self._connection.closed:
            return ""
        return (self._connection.pgconn.parameter_status(name.encode()) or b"").decode("utf-8", "replace")

    async def lines(self, statement: str) -> list[str]:
        """The first column, a text, of all rows of one statement.

        It goes by the extended protocol, so that the server refuses a second one behind it. Raises what the driver
        raises; `ProbeError` without a connection.
        """
        if self._connection is None:
            raise ProbeError(Cause.CLOSED_EARLY, f"the connection to {self.where} is gone")
        return await self._alone(self._lines(self._connection, statement))

    @staticmethod
    async def _lines(connection: Connection, statement: str) -> list[str]:
        cursor = connection.cursor(binary=True)  # asking for binary values is what makes the driver use it
        await cursor.execute(statement.encode(), prepare=False)
        result = cursor.pgresult
        values = [result.get_value(row, 0) for row in range(result.ntuples)] if result is not None else []
        return [(value or b"").decode("utf-8", "replace") for value in values]

    async def leave(self) -> None:
        """End what `opened` began, if there is still a connection. Never raises what the driver raises."""
        if self._connection is not None:
            await self._alone(leave(self._connection))

    async def once(self, statement: str, values: Mapping[str, object]) -> tuple[Any, ...] | None:
        """The first row of one statement, sent once and in one piece; None when it gave none.

        Raises `ProbeError` when there is no connection, and what the driver raises.
        """
        if self._connection is None:
            raise ProbeError(Cause.CLOSED_EARLY, f"the connection to {self.where} is gone")
        return await self._alone(self._once(self._connection, statement, values))

    @staticmethod
    async def _once(connection: Connection, statement: str, values: Mapping[str, object]) -> tuple[Any, ...] | None:
        cursor = await connection.execute(statement.encode(), values, prepare=False)
        return await cursor.fetchone()

    async def _ask(self, connection: Connection, question: str) -> Any:
        text = await self._fetch(connection, question)
        if len(text) > _BIGGEST:
            raise ProbeError(Cause.TOO_BIG, f"the answer of {self.where} is too big")
        return json.loads(text)

    async def _fetch(self, connection: Connection, question: str) -> str:
        import psycopg

        try:
            cursor = await connection.execute((_quiet(question) if self._pooled else question).encode())
            while cursor.description is None and cursor.nextset():
                pass
            row = await cursor.fetchone()
        except psycopg.Error as error:
            await self._leave_transaction(connection)
            raise translated(error, self.where) from None
        return str(row[0]) if row is not None and row[0] is not None else "null"

    async def _leave_transaction(self, connection: Connection) -> None:
        import psycopg

        if self._pooled and not connection.closed:
            with contextlib.suppress(psycopg.Error):
                await connection.rollback()

    async def _alone(self, work: Coroutine[Any, Any, T], polite: bool = False) -> T:
        """Run `work` so that cancelling us cuts the connection instead of waiting for the driver."""
        self._busy = task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if polite:
                task.cancel()
            self.cut()
            task.add_done_callback(_forget)
            raise
        finally:
            self._busy = None

    def cut(self) -> None:
        """Hang up without a word. The next question needs a new connection."""
        connection, self._connection = self._connection, None
        self.was_cut = True
        if connection is None:
            return
        _hang_up(connection)
        if self._busy is None:
            connection.pgconn.finish()
        else:
            self._busy.add_done_callback(lambda _: connection.pgconn.finish())

    async def close(self) -> None:
        """Say goodbye."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def release(self) -> None:
        """Let the threads go; for good."""
        self._lane.close()


def _forget(task: asyncio.Task[Any]) -> None:
    """Nobody waits for it any more: its error has no reader and its connection no user."""
    if task.cancelled() or task.exception() is not None:
        return
    if hasattr(task.result(), "pgconn"):
        task.result().pgconn.finish()


def opened(limits: Mapping[str, str]) -> str:
    """What begins a read-only transaction with settings of its own, and a savepoint that `leave` goes back to.

    All settings are one call: pg_stat_statements would count each value of a plain SET as another statement.
    """
    settings = ", ".join(f"pg_catalog.set_config('{name}', '{value}', true)" for name, value in limits.items())
    return f"{_BEGIN}; SELECT /* opsroom */ {settings}; SAVEPOINT /* opsroom */ opsroom"


async def leave(connection: Connection) -> None:
    """End a transaction that `opened` began: nothing done in it stays, and yet it counts as committed.

    The server counts whole transactions: pg_stat_database.xact_rollback is for those of the applications.
    https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-DATABASE-VIEW
    """
    import psycopg

    if connection.closed:
        return
    with contextlib.suppress(psycopg.Error):
        await connection.execute(_LEFT, prepare=False)
    if not connection.closed and connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
        with contextlib.suppress(psycopg.Error):  # it broke off before the savepoint
            await connection.execute(b"ROLLBACK", prepare=False)


_BEGIN: Final = "BEGIN /* opsroom */ READ ONLY"
_LEFT: Final = b"ROLLBACK /* opsroom */ TO opsroom; COMMIT /* opsroom */"


def _quiet(question: str) -> str:
    """The question in a transaction of its own with our limits: a pooler's connection is not ours to configure."""
    limits = " ".join(f"SET /* opsroom */ LOCAL {name} = '{SESSION[name]}';" for name in SESSION if name in _LOCAL)
    return f"{_BEGIN}; {limits} {question}; COMMIT /* opsroom */"


_LOCAL: Final = frozenset(SESSION) - {"default_transaction_read_only", "idle_in_transaction_session_timeout"}


def combined(parts: Mapping[str, str]) -> str:
    """One question out of several: a document with the answer of each under its name."""
    inner = ",\n".join(f"'{name}', (\n{text}\n)" for name, text in parts.items())
    return f"SELECT /* opsroom */ json_build_object(\n{inner}\n)"
