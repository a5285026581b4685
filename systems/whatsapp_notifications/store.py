"""A process's way to PostgreSQL: a few sessions that are shared, and no waiting without an end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import psycopg

from systems.whatsapp_notifications.place import Place

WAITS: Final = 1.2
"""Seconds somebody waits for a session of the pool."""
TAKES: Final = 2.5
"""Seconds a statement may take."""


class Exhausted(Exception):
    """Every session is in use, and none came free."""


class Store:
    """The pool."""

    def __init__(self, place: Place, name: str, size: int) -> None:
        self._place = place
        self._name = name
        self._pool: asyncio.Queue[psycopg.AsyncConnection[Any] | None] = asyncio.Queue()
        for _ in range(size):
            self._pool.put_nowait(None)

    async def query(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of a statement. Raises `Exhausted`, OSError, TimeoutError and psycopg.Error."""
        async with self._session() as session, asyncio.timeout(TAKES):
            cursor = await session.execute(text.encode(), values)
            return await cursor.fetchall() if cursor.description else []

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        try:
            async with asyncio.timeout(WAITS):
                session = await self._pool.get()
        except TimeoutError:
            raise Exhausted("Connection pool exhausted") from None
        try:
            if session is None or session.closed:
                keywords: Any = self._place.database(self._name)
                session = await psycopg.AsyncConnection.connect(autocommit=True, **keywords)
            yield session
        except BaseException:
            if session is not None:
                with contextlib.suppress(psycopg.Error, OSError):
                    session.pgconn.finish()
            session = None
            raise
        finally:
            self._pool.put_nowait(session)
