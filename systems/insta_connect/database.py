"""A service's few connections to PostgreSQL, each query measured with the wait for one of them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

import psycopg

from systems.insta_connect.meters import Meters
from systems.insta_connect.place import Place

PATIENCE: Final = 4.0
"""Seconds to wait for a connection and its answer."""

_LIMITS: Final = "-c lock_timeout=3s -c statement_timeout=5s"


class DatabaseError(Exception):
    """A query that came to nothing, in a few words."""


class Database:
    """A pool of connections; a lost one is opened anew by the next query."""

    def __init__(self, place: Place, meters: Meters, size: int) -> None:
        self._keywords: Any = {**place.database(meters.service), "options": _LIMITS}
        self._meters = meters
        self.size = size
        self._free: asyncio.Queue[psycopg.AsyncConnection[Any] | None] = asyncio.Queue()
        for _ in range(size):
            self._free.put_nowait(None)

    @property
    def used(self) -> int:
        """Connections that are under way."""
        return self.size - self._free.qsize()

    async def query(self, text: str, *values: object, within: float = PATIENCE) -> list[tuple[Any, ...]]:
        """Rows. Raises `DatabaseError`."""
        result = "error"
        try:
            with self._meters.timed("db_query_duration_seconds"):
                async with asyncio.timeout(within):
                    rows = await self._query(text, values)
            result = "ok"
            return rows
        except TimeoutError:
            words = "connection pool exhausted" if self._free.empty() else "the database does not answer"
            raise DatabaseError(words) from None
        except psycopg.errors.LockNotAvailable:
            raise DatabaseError("lock timeout") from None
        except (OSError, psycopg.Error) as error:
            raise DatabaseError(f"database: {type(error).__name__}") from None
        finally:
            self._meters.count("db_queries_total", result=result)

    async def _query(self, text: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        connection = await self._free.get()
        kept = False
        try:
            if connection is None or connection.closed:
                connection = await psycopg.AsyncConnection.connect(autocommit=True, **self._keywords)
            cursor = await connection.execute(text.encode(), values)
            rows = await cursor.fetchall() if cursor.description else []
            kept = True
            return rows
        except psycopg.errors.LockNotAvailable:
            kept = True
            raise
        finally:
            if not kept and connection is not None:
                with contextlib.suppress(psycopg.Error, OSError):
                    connection.cancel()
                connection.pgconn.finish()
            self._free.put_nowait(connection if kept else None)
