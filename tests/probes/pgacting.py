"""Sessions of a real PostgreSQL that tests hold open and act on, and the actuator that does it."""

from __future__ import annotations

import select
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from probes.base import Context, Request, Target
from probes.postgres.act import PostgresActuator
from probes.postgres.address import PostgresSettings
from probes.postgres.guard import moment
from tests.stack.postgres import PASSWORD, Postgres
from tests.stack.process import wait_until


def prepared(server: Postgres) -> Postgres:
    """The server with a table, and with the role `actor`, which sees everything and may signal."""
    if server.sql("SELECT count(*) FROM pg_roles WHERE rolname = 'actor'") == "0":
        server.sql(f"CREATE ROLE actor LOGIN PASSWORD '{PASSWORD}'; GRANT pg_monitor TO actor")
        server.sql("CREATE TABLE campaigns (id int PRIMARY KEY, name text); GRANT ALL ON campaigns TO PUBLIC")
        server.sql("INSERT INTO campaigns VALUES (1, 'spring'), (2, 'summer')")
    server.sql("GRANT pg_signal_backend TO actor")
    return server


class Words:
    """Gives every reference the one password."""

    def resolve(self, reference: str) -> str:
        return PASSWORD


def actuator_at(port: int, role: str = "actor", operator: str = "anna", **settings: Any) -> PostgresActuator:
    given = {"url": f"postgresql://{role}@127.0.0.1:{port}/app", "password": "env:PW"} | settings
    made = PostgresSettings.model_validate(given)
    return PostgresActuator(Target("main", "postgres", made), Context(Words(), operator=operator))


class Sessions:
    """Sessions that a test holds open; all end with it."""

    def __init__(self, server: Postgres, stack: ExitStack) -> None:
        self.server = server
        self._stack = stack
        self._pids: dict[int, int] = {}
        stack.callback(self._end)

    def _end(self) -> None:
        """End them all on the server too: who sleeps there does not notice that its client has left."""
        own = ", ".join(str(pid) for pid in self._pids.values()) or "0"
        self.server.sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            f"WHERE pid IN ({own}) AND application_name <> '' AND pid <> pg_backend_pid()"
        )

    def open(
        self, application: str, *statements: str, role: str = "plain", database: str = "app"
    ) -> psycopg.Connection[Any]:
        """A session that has run these statements, each to its end."""
        words = make_conninfo(self.server.url(role, database), application_name=application)
        connection = self._stack.enter_context(psycopg.connect(words, autocommit=True))
        self._stack.callback(connection.close)
        self._pids[id(connection)] = connection.info.backend_pid
        for statement in statements:
            connection.execute(statement.encode())
        return connection

    def busy(self, application: str, statement: str, *before: str, role: str = "plain") -> psycopg.Connection[Any]:
        """A session in the middle of a statement."""
        connection = self.open(application, *before, role=role)
        connection.pgconn.send_query(statement.encode())
        while connection.pgconn.flush():
            select.select([], [connection.pgconn.socket], [], 1)
        wait_until(lambda: self.row(connection, "state") == "active" and self.row(connection, "query") == statement, 10)
        return connection

    def waiting(self, application: str, statement: str, *before: str) -> psycopg.Connection[Any]:
        """A session that waits for a lock."""
        connection = self.busy(application, statement, *before)
        wait_until(lambda: self.row(connection, "wait_event_type") == "Lock", 10)
        return connection

    def row(self, connection: psycopg.Connection[Any], column: str = "pid") -> str:
        """What the server tells of a session; empty when it is gone."""
        return self.of_pid(self._pids[id(connection)], column)

    def of_pid(self, pid: int, column: str) -> str:
        return self.watcher(f"SELECT {column}::text FROM pg_stat_activity WHERE pid = {pid}")

    def watcher(self, question: str) -> str:
        """The first value of an answer, asked by a superuser over a kept connection."""
        if not hasattr(self, "_watcher"):
            self._watcher = self.open("watcher", role="postgres")
        row = self._watcher.execute(question.encode()).fetchone()
        return "" if row is None or row[0] is None else str(row[0])

    def key(self, connection: psycopg.Connection[Any]) -> str:
        """The row of a session, as the panel names it."""
        pid = self._pids[id(connection)]
        start = moment(self.watcher(f"SELECT backend_start::text FROM pg_stat_activity WHERE pid = {pid}"))
        return f"{pid} {start}"

    def lives(self, connection: psycopg.Connection[Any]) -> bool:
        return bool(self.row(connection))


@asynccontextmanager
async def closing(actuator: PostgresActuator) -> AsyncIterator[PostgresActuator]:
    try:
        yield actuator
    finally:
        await actuator.close()
        await actuator.close()


def terminate(*subjects: str) -> Request:
    return Request("terminate", subjects)


def cancel(*subjects: str) -> Request:
    return Request("cancel", subjects)


def idle_in_transaction(sessions: Sessions, application: str = "newsletter") -> psycopg.Connection[Any]:
    return sessions.open(application, "BEGIN", "UPDATE campaigns SET name = 'x' WHERE id = 1")
