"""Starts the faults of the system that are asked for, and notices when somebody has remedied one."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import xmlrpc.client
from typing import Any, Final

import psycopg

from systems import control
from systems.faults import Acts, as_long_as, killed, outlived, watch
from systems.newsletter.place import FLAWED, SOUND, Place, let_in, new_key
from systems.newsletter.world import RUNNING

POOL: Final = 4
"""Sessions in the pool: one can hold what the others wait for."""

USUAL: Final = tuple(f"worker:worker-{number}" for number in range(1, RUNNING + 1))
"""The workers that healing starts."""

KILLED: Final = {
    "dead-worker": ("worker", signal.SIGKILL, USUAL),
    "application-down": ("newsletter-app", signal.SIGKILL),
    "database-down": ("postgres", signal.SIGINT),  # it ends every session and then itself
    "redis-down": ("redis", signal.SIGKILL),
}
"""The group of programs that a fault ends, and by which signal."""

REPLACED: Final = {"refused-emails": ("mail", "worker"), "lost-storage": ("storage", "newsletter-app")}
"""The key that somebody replaces, and who goes on with the old one."""

DEAD: Final = 3
"""Times that each row is written anew: so many dead ones lie beside one that lives."""

_BEAT: Final = 0.3

_REPORT = (
    "SELECT count(*) FROM email_events a JOIN email_events b ON a.event_type <> b.event_type"
    " JOIN subscribers s ON s.email <> a.event_type WHERE a.created_at < b.created_at + interval '3 days'"
)
"""Hours of work for one core."""


class Faults:
    """Five times a second, each fault that is asked for and not yet running."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._pool: list[psycopg.AsyncConnection[Any]] = []
        self._turn = asyncio.Lock()

    async def watch(self) -> None:
        """For ever. What is wrong with the application itself lives there, and the campaigns are the traffic's."""
        acts: Acts = {
            "runaway-query": self.runaway,
            "blocked-sessions": self.blocked,
            "dead-rows": self.dead_rows,
            "bad-release": self.released,
            **{name: lambda how=how: killed(self.place, *how) for name, how in KILLED.items()},  # type: ignore[misc]
            **{name: lambda how=how: self.replaced(*how) for name, how in REPLACED.items()},  # type: ignore[misc]
        }
        await watch(self.place, acts, (psycopg.Error, OSError))

    async def _session(self, application: str) -> psycopg.AsyncConnection[Any]:
        keywords: Any = self.place.database(application)
        return await psycopg.AsyncConnection.connect(autocommit=True, **keywords)

    async def runaway(self) -> None:
        """A report that takes for ever; ends when it is cancelled or its session is terminated."""
        connection = await self._session("newsletter-report")
        try:
            await connection.execute(_REPORT)
        finally:
            _drop(connection)

    async def pool(self) -> list[psycopg.AsyncConnection[Any]]:
        """Sessions that are open before anybody needs them, as an application's are; a lost one is opened anew."""
        async with self._turn:
            self._pool = [one for one in self._pool if await self._lives(one)]
            while len(self._pool) < POOL:
                self._pool.append(await self._session("newsletter-app"))
            return self._pool

    async def tend(self) -> None:
        """Every few seconds, sessions that were lost."""
        while True:
            with contextlib.suppress(psycopg.Error, OSError):
                await self.pool()
            await asyncio.sleep(3)

    async def _lives(self, connection: psycopg.AsyncConnection[Any]) -> bool:
        """Asked only of a session at rest: a question to one in the middle of a fault would move what is seen of it."""
        if connection.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
            return not connection.closed
        try:
            await connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    async def blocked(self) -> None:
        """An idle transaction holds a row that others wait for; over when the last of them got it."""
        holder, *others = await self.pool()
        await holder.execute("BEGIN")
        await holder.execute("UPDATE campaigns SET name = name WHERE id = 1")
        waits = [one.execute("UPDATE campaigns SET sent = sent + 1 WHERE id = 1") for one in others]
        try:
            await asyncio.shield(asyncio.gather(*waits, return_exceptions=True))
        finally:
            with contextlib.suppress(psycopg.Error):
                await holder.execute("ROLLBACK")

    async def dead_rows(self) -> None:
        """Every row is written anew, again and again, and autovacuum is off; over when somebody has vacuumed."""
        connection = await self._session("newsletter-import")
        try:
            await connection.execute("ALTER TABLE email_events SET (autovacuum_enabled = off)")
            before = await self._vacuumed(connection)
            for _ in range(DEAD):
                await connection.execute("UPDATE email_events SET created_at = created_at")
            while await self._vacuumed(connection) == before:
                await asyncio.sleep(_BEAT)
        except asyncio.CancelledError:
            async with await self._session("newsletter-import") as other:
                await other.execute("VACUUM email_events")
            raise
        finally:
            _drop(connection)
            async with await self._session("newsletter-import") as other:
                await other.execute("ALTER TABLE email_events RESET (autovacuum_enabled)")

    async def _vacuumed(self, connection: psycopg.AsyncConnection[Any]) -> Any:
        """How often the table has been vacuumed by hand."""
        counted = "SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'email_events'"
        return await (await connection.execute(counted.encode())).fetchone()

    async def replaced(self, name: str, group: str) -> None:
        """There is a new key, and who holds the old one is turned away; over when they have been started anew."""
        before, new = self.place.keys(name), new_key()
        let_in(self.place.folder, name, new)
        try:
            await outlived(self.place, group)
        finally:
            let_in(self.place.folder, name, new, *before)

    async def released(self) -> None:
        """The flawed release is deployed; over when another one was set, and the application was started with it."""
        try:
            await self._deploy(FLAWED)
            await as_long_as(lambda: self.place.wanted == FLAWED or self.place.runs(FLAWED))
        except asyncio.CancelledError:
            await self._deploy(SOUND)
            raise

    async def _deploy(self, release: str) -> None:
        self.place.deploy(release)
        for method in ("stopProcess", "startProcess"):
            with contextlib.suppress(xmlrpc.client.Fault):  # it is down already, or somebody else has started it
                await asyncio.to_thread(control.call, self.place.folder, method, "newsletter-app")


def _drop(connection: psycopg.AsyncConnection[Any]) -> None:
    """Close without waiting for the server: its session ends when it notices."""
    with contextlib.suppress(psycopg.Error, OSError):
        connection.cancel()
    connection.pgconn.finish()
