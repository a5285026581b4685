"""Starts the faults of the system that are asked for, and notices when somebody has remedied one."""

from __future__ import annotations

import asyncio
import secrets
import signal
from pathlib import Path
from typing import Any, Final

import psycopg

from systems.faults import Acts, killed, watch
from systems.insta_connect import dumps
from systems.insta_connect.place import Place

KILLED: Final = {
    "refresh-down": ("token-refresh", signal.SIGKILL),
    "processor-down": ("webhook-processor", signal.SIGKILL),
    "application-down": ("insta-connect-app", signal.SIGKILL),
    "database-down": ("postgresql", signal.SIGINT),  # it ends every session and then itself
}
"""The program that a fault ends, and by which signal."""

STRANGERS: Final = 5
"""Accounts that come with the fault of the webhooks."""

_LOCK: Final = "UPDATE api_usage SET calls = calls WHERE day = current_date"
"""The row that every request of the application wants."""

_BEAT: Final = 0.2


class Faults:
    """Five times a second, each fault that is asked for and not yet running."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.strangers: list[int] = []
        """Accounts that the processor has never heard of."""

    async def watch(self) -> None:
        """For ever."""
        acts: Acts = {
            "token-refresh": self.secret_replaced,
            "webhook-errors": self.accounts_added,
            "database-connections": self.row_held,
            "broken-backup": self.dump_cut_off,
            **{name: lambda name=name: killed(self.place, *KILLED[name]) for name in KILLED},  # type: ignore[misc]
        }
        await watch(self.place, acts, (psycopg.Error, OSError))

    async def secret_replaced(self) -> None:
        """A new secret, which a service knows once it has been restarted; in the end the old one passes again."""
        before = self.place.accepted.read_text(encoding="utf-8").split()[0]
        new = secrets.token_hex(16)
        _write(self.place.secret, new)
        _write(self.place.accepted, new)
        try:
            await self._while_on("token-refresh")
        finally:
            _write(self.place.accepted, f"{new}\n{before}")

    async def accounts_added(self) -> None:
        """New accounts, of which events come from now on."""
        async with await self._session("insta-connect-signup") as connection:
            cursor = await connection.execute(
                "INSERT INTO meta_accounts (id, username, access_token, media, expires_at)"
                " SELECT n, 'studio' || n, 'ig-' || n, 12, now() + interval '60 days' FROM generate_series("
                "(SELECT max(id) + 1 FROM meta_accounts), (SELECT max(id) + %s FROM meta_accounts)) n RETURNING id",
                [STRANGERS],
            )
            rows = await cursor.fetchall()
        self.strangers = [row[0] for row in rows]
        try:
            await self._while_on("webhook-errors")
        finally:
            self.strangers = []

    async def row_held(self) -> None:
        """An idle transaction holds the row that each request wants; over when its session has been ended."""
        holder, watcher = await self._session("insta-connect-import"), await self._session("insta-connect-setup")
        try:
            await holder.execute("BEGIN")
            await holder.execute(_LOCK)
            there = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
            while await (await watcher.execute(there, [holder.info.backend_pid])).fetchone():
                await asyncio.sleep(_BEAT)
        finally:
            for one in (holder, watcher):
                one.pgconn.finish()  # its session ends when the server notices

    async def dump_cut_off(self) -> None:
        """A dump without its end is the newest; over when there is a newer one, or it has been deleted."""
        broken = await asyncio.to_thread(dumps.cut_off, self.place)
        try:
            while broken.exists() and max(self.place.backups.glob("*.dump")) == broken:
                await asyncio.sleep(_BEAT)
        except asyncio.CancelledError:
            broken.unlink(missing_ok=True)
            raise

    async def _while_on(self, name: str) -> None:
        while self.place.on(name):
            await asyncio.sleep(_BEAT)

    async def _session(self, application: str) -> psycopg.AsyncConnection[Any]:
        keywords: Any = self.place.database(application)
        return await psycopg.AsyncConnection.connect(autocommit=True, **keywords)


def _write(path: Path, text: str) -> None:
    """Whole or not at all: others read it at any time."""
    new = path.with_name(f"{path.name}.new")
    new.touch(mode=0o600)
    new.write_text(text, encoding="utf-8")
    new.replace(path)
