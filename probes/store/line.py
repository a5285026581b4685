"""One connection to the server of a shared store: made when asked for, with a deadline of our own, cut when in doubt.

It belongs to one thread at a time. Nothing is sent twice: what was lost on the way is for the caller to ask about.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from probes.base import Cause, ProbeError, Unkeepable, from_os_error

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

FORM: Final = 1
"""Version of the tables that we know."""

CHANNEL: Final = "opsroom_store"
"""What is listened to, and the schema the tables are in."""

ANSWER: Final = 5.0
"""Seconds until an answer must be there; then the connection is cut."""

_SCRIPT: Final = 60.0
"""Seconds that a script may take."""

_SESSION: Final[Mapping[str, str]] = {
    "statement_timeout": "4s",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "5s",
    "search_path": "pg_catalog",
    "timezone": "UTC",
    "synchronous_commit": "on",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""Settings of our session there. A server that hears nothing from us for half a minute lets go of our locks."""

_PLAIN: Final = "NOT ENCRYPTED"
_BELIEVED: Final = "encrypted, and WHOEVER ANSWERS is believed"

Parameters = Callable[[], tuple[Mapping[str, str | int], str]]
"""Gives the parameters of libpq and the place for a person, each time anew; may wait, and raises `ProbeError`."""

Explained = Callable[["psycopg.Error", str], ProbeError]
"""(what the driver raised, the place) -> what that means, without a word of its text."""


class Line:
    """A connection, or none."""

    def __init__(self, parameters: Parameters, explained: Explained, name: str) -> None:
        """`name` is what the server is told of us; a session's own."""
        self._parameters = parameters
        self._where = "the store"
        self._explained = explained
        self.name = name
        self._connection: Connection | None = None
        self.heard: list[str] = []
        """What was told on the channel since it was last looked at."""

    @property
    def where(self) -> str:
        """The place, free of secrets."""
        return self._where

    @property
    def protection(self) -> str:
        """How what goes over it is kept from others, in words."""
        connection = self._connection
        if connection is None:
            return "not connected"
        if not connection.pgconn.ssl_in_use:
            return "it stays on this machine" if connection.info.host.startswith(("/", "@")) else _PLAIN
        if connection.info.get_parameters().get("sslmode", "").startswith("verify"):
            return "encrypted, and the server has proven who it is"
        return _BELIEVED

    @property
    def is_protected(self) -> bool:
        """True while nobody on the way can read what goes over it, or stand in the server's place."""
        return self.is_open and self.protection not in (_PLAIN, _BELIEVED)

    @property
    def is_open(self) -> bool:
        """True while the connection seems to live."""
        return self._connection is not None and not self._connection.closed

    def open(self) -> str:
        """Log in and check that a store of our form is there; its id. Raises `ProbeError`."""
        self.cut()
        self._connection = self._connected()
        self._settle(self._connection)
        try:
            found = self.ask("SELECT form, id FROM opsroom_store.form")
        except ProbeError as error:
            if error.cause in (Cause.VERSION, Cause.MISSING):
                raise _not_set_up() from None
            raise
        if not found:
            self.cut()
            raise _not_set_up()
        form, id = found[0]
        if form != FORM:
            self.cut()
            raise _another(form)
        return str(id)

    def raw(self) -> None:
        """Log in without asking for a store. Raises `ProbeError`."""
        self.cut()
        self._connection = self._connected()

    def ask(self, statement: str, values: Sequence[object] = (), within: float = ANSWER) -> list[tuple[Any, ...]]:
        """The rows that one statement gives.

        Raises `Unkeepable` when the server will never take a value as it is, and `ProbeError` for all else: the
        connection is cut then.
        """
        import psycopg

        connection = self._connection
        if connection is None:
            raise ProbeError(Cause.CLOSED_EARLY, f"the connection to {self._where} is gone")
        connection.patience = within  # type: ignore[attr-defined]
        try:
            cursor = connection.execute(statement.encode(), values or None, prepare=False)
            return cursor.fetchall() if cursor.description is not None else []
        except (psycopg.DataError, psycopg.IntegrityError) as error:  # the connection is well, and nothing was kept
            raise Unkeepable(f"the store does not take it (SQLSTATE {error.sqlstate or 'none'})") from None
        except psycopg.Error as error:
            state = error.sqlstate or ""
            self.cut()
            if state == "42501":
                raise ProbeError(
                    Cause.DENIED,
                    "our role may not use the store",
                    "GRANT opsroom_people TO it: contrib/postgres/store.sql",
                ) from None
            if state in ("3F000", "42P01", "42883"):
                raise _not_set_up() from None
            raise self._explained(error, self._where) from None
        except OSError as error:
            self.cut()
            raise from_os_error(error, self._where) from None
        except UnicodeError:
            self.cut()
            raise ProbeError(Cause.GARBAGE, f"{self._where} sends text that is none") from None

    def script(self, statements: str) -> None:
        """Run several statements in one go, without values. Raises `ProbeError`."""
        self.ask(statements, within=_SCRIPT)

    def listen(self) -> None:
        """Begin to hear what is told. Raises `ProbeError`."""
        self.ask(f"LISTEN {CHANNEL}")

    def wait(self, seconds: float, bell: int) -> None:
        """Until something comes from the server, or on `bell`, or time is up. Raises `ProbeError`."""
        import psycopg

        connection = self._connection
        if connection is None:
            raise ProbeError(Cause.CLOSED_EARLY, f"the connection to {self._where} is gone")
        if self.heard:
            return
        poll = select.poll()
        poll.register(bell, select.POLLIN)
        poll.register(connection.pgconn.socket, select.POLLIN)
        if connection.pgconn.socket not in {which for which, _ in poll.poll(max(0, int(seconds * 1000)))}:
            return
        try:
            connection.pgconn.consume_input()
            while (told := connection.pgconn.notifies()) is not None:
                self.heard.append(told.extra.decode("utf-8", "replace"))
        except psycopg.Error as error:
            self.cut()
            raise self._explained(error, self._where) from None
        if connection.pgconn.status != psycopg.pq.ConnStatus.OK:
            self.cut()
            raise ProbeError(Cause.CLOSED_EARLY, f"{self._where} closed the connection")

    def cut(self) -> None:
        """Hang up without a word."""
        connection, self._connection = self._connection, None
        self.heard.clear()
        if connection is None:
            return
        import psycopg

        with (
            contextlib.suppress(OSError, psycopg.Error),
            socket.socket(fileno=os.dup(connection.pgconn.socket)) as below,
        ):
            below.shutdown(socket.SHUT_RDWR)
        connection.pgconn.finish()

    def close(self) -> None:
        """Say goodbye, and hang up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self) -> Connection:
        import psycopg
        from psycopg.conninfo import make_conninfo

        told, self._where = self._parameters()
        parameters = {**told, "application_name": self.name[:63]}
        try:
            return _bounded().connect(make_conninfo("", **parameters), autocommit=True, prepare_threshold=None)
        except psycopg.Error as error:
            raise self._explained(error, self._where) from None
        except UnicodeError:
            raise ProbeError(Cause.DNS_NX, f"no such host: {self._where}") from None
        except OSError as error:
            raise from_os_error(error, self._where) from None

    def _settle(self, connection: Connection) -> None:
        settings = ", ".join(f"pg_catalog.set_config('{name}', '{value}', false)" for name, value in _SESSION.items())
        pid = self.ask(f"SELECT pg_catalog.pg_backend_pid(), {settings}")[0][0]
        if pid != connection.info.backend_pid:
            self.cut()
            raise ProbeError(
                Cause.VERSION,
                "a pooler stands before the server: locks and news would not pass it",
                "give the address of the server itself",
            )
        connection.add_notify_handler(lambda told: self.heard.append(told.payload))


def _not_set_up() -> ProbeError:
    return ProbeError(
        Cause.MISSING,
        "the store is not set up there",
        "run: opsroom store init, or contrib/postgres/store.sql as its owner",
    )


def _another(form: int) -> ProbeError:
    known = f"the store there has form {form}, and we know {FORM}"
    hint = "use a newer Opsroom" if form > FORM else "its owner runs: opsroom store init"
    return ProbeError(Cause.VERSION, known, hint)


def _bounded() -> type[Connection]:
    """The driver's connection with a deadline of our own: a server that falls silent holds nobody up."""
    import psycopg
    from psycopg.waiting import Ready, Wait

    class Bounded(psycopg.Connection[tuple[Any, ...]]):
        patience = ANSWER

        def wait(self, gen: Any, *more: Any, **named: Any) -> Any:
            ends = time.monotonic() + self.patience
            try:
                wanted = next(gen)
                while True:
                    poll = select.poll()
                    poll.register(self.pgconn.socket, _EVENTS[int(wanted)])
                    left = ends - time.monotonic()
                    found = poll.poll(int(left * 1000)) if left > 0 else []
                    if not found:
                        raise psycopg.OperationalError("timeout expired")
                    event = found[0][1]
                    writable = Ready.W if event & select.POLLOUT and wanted & Wait.W else 0
                    readable = Ready.R if event & ~select.POLLOUT or not writable else 0
                    wanted = gen.send(Ready(readable | writable))
            except StopIteration as over:
                return over.value

    return Bounded


_EVENTS: Final = {1: select.POLLIN, 2: select.POLLOUT, 3: select.POLLIN | select.POLLOUT}
"""What is waited for, by the driver's own numbers: reading, writing, either."""
