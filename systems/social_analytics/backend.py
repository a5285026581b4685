"""What a task runs: the service, with a pool of real sessions, a real cache, and room for a few requests at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import select
import time
from typing import Any, Final

import psycopg
import redis.asyncio
from redis.exceptions import RedisError

from systems.cloud.ecs import Task
from systems.social_analytics.place import Place

SLOTS: Final = 2
"""Requests that a task works on together."""
WORK: Final = 0.12
"""Seconds a page takes: with two slots a task serves some 16 in a second."""
QUEUE: Final = 60
"""Requests that may wait in a task; more are turned away with 429."""
POOL: Final = 2
"""Sessions of a task."""
KEPT: Final = 240
"""Seconds the cache keeps a page."""
PAGES: Final = 60
_PAGE: Final = 6000
"""Bytes of a page."""
_FAILS: Final = 0.45
"""Share of requests that a bad release fails."""


class Backend:
    """One task's program."""

    def __init__(self, task: Task, place: Place, bad: bool, login: dict[str, str], say: Any) -> None:
        """`login`: what it reads of the platform's secret when it starts; `say` writes a line of its log."""
        self.task = task
        self.bad = bad
        self.login = login
        self.wedged = False
        self.schedules = True
        """Its scheduler runs; only one task's is in charge."""
        self.waiting = 0
        self.busy = 0.0
        """Seconds of work done so far, of all slots together."""
        self.leaked: list[psycopg.AsyncConnection[Any]] = []
        self._place = place
        self._say = say
        self._slots = asyncio.Semaphore(SLOTS)
        self._pool: asyncio.Queue[psycopg.AsyncConnection[Any] | None] = asyncio.Queue()
        for _ in range(POOL):
            self._pool.put_nowait(None)
        self._cache = redis.asyncio.Redis.from_url(place.cache_url, socket_timeout=1, socket_connect_timeout=1)
        self._ended = False
        self._cache_lost = False
        say("INFO", f"revision {task.revision} listens on {task.ip}:8000")

    @property
    def well(self) -> bool:
        """It answers its health check."""
        return not self.wedged

    @property
    def queued(self) -> int:
        """Requests that wait for a slot."""
        return max(0, self.waiting - SLOTS)

    def end(self) -> None:
        """It is stopped: its sessions end with it."""
        self._ended = True
        while not self._pool.empty():
            drop(self._pool.get_nowait())
        self.forget()
        self._say("INFO", "stopped")

    async def query(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask PostgreSQL through the pool; a broken session is opened anew by the next question."""
        session = await self._pool.get()
        try:
            if session is None or session.closed:
                session = await self.session()
            async with asyncio.timeout(3):
                cursor = await session.execute(text.encode(), values)
                return await cursor.fetchall() if cursor.description else []
        except BaseException:
            drop(session)
            session = None
            raise
        finally:
            if self._ended:
                drop(session)
            else:
                self._pool.put_nowait(session)

    async def stir(self) -> None:
        """Use each session of the pool: only those that were forgotten lie idle for long."""
        for _ in range(POOL):
            with contextlib.suppress(OSError, TimeoutError, psycopg.Error):
                await self.query("SELECT 1")

    async def session(self) -> psycopg.AsyncConnection[Any]:
        """A new session."""
        keywords: Any = self._place.database(f"backend-{self.task.id[:6]}")
        return await psycopg.AsyncConnection.connect(autocommit=True, **keywords)

    async def page(self, number: int) -> int:
        """One visitor's page; the status it is answered with."""
        if self.wedged:
            return 503
        if self.waiting >= QUEUE:
            return 429
        self.waiting += 1
        try:
            async with self._slots:
                began = time.monotonic()
                if self.bad and random.random() < _FAILS:
                    self._say("ERROR", f"GET /api/accounts/{number} failed: KeyError 'reach'")
                    return 500
                try:
                    await self._page(number)
                except (OSError, TimeoutError, psycopg.Error) as error:
                    self._say("ERROR", f"GET /api/accounts/{number} failed: {type(error).__name__}")
                    return 500
                await asyncio.sleep(max(0.0, WORK - (time.monotonic() - began)))
                self.busy += time.monotonic() - began
                return 200
        finally:
            self.waiting -= 1

    async def _page(self, number: int) -> None:
        """From the cache, else from the database; without a cache it is only slower."""
        key = f"page:{number}"
        try:
            if await self._cache.get(key) is not None:
                return
        except (OSError, TimeoutError, RedisError):
            self._lose_cache()
        rows = await self.query(
            "SELECT count(*), sum(likes), max(at) FROM posts WHERE account = %s", number % PAGES + 1
        )
        body = json.dumps([str(one) for one in rows[0]]).ljust(_PAGE)
        with contextlib.suppress(OSError, TimeoutError, RedisError):
            await self._cache.set(key, body, ex=KEPT + number % 30)
            self._cache_lost = False

    def _lose_cache(self) -> None:
        if not self._cache_lost:
            self._say("WARN", "the cache does not answer; pages come from the database")
        self._cache_lost = True

    async def health(self, scheduler: bool) -> tuple[int, dict[str, Any]]:
        """Ready or not, with each part by itself. The cache and the scheduler are no reason to send callers away."""
        checks = {"database": "ok", "cache": "ok", "scheduler": "ok" if scheduler else "stopped"}
        try:
            await self.query("SELECT 1")
        except (OSError, TimeoutError, psycopg.Error):
            checks["database"] = "failed"
        try:
            await self._cache.ping()
        except (OSError, TimeoutError, RedisError):
            checks["cache"] = "failed"
        ready = checks["database"] == "ok" and not self.wedged
        return (200 if ready else 503), {"status": "ready" if ready else "not ready", "checks": checks}

    async def leak(self, number: int) -> None:
        """Open sessions that nobody ever uses."""
        for _ in range(number):
            with contextlib.suppress(OSError, psycopg.Error):
                self.leaked.append(await self.session())

    def still_leaked(self) -> int:
        """Of the forgotten sessions those that the server has not ended. Nothing is asked: that would wake them."""
        for one in list(self.leaked):
            if one.closed or select.select([one.pgconn.socket], [], [], 0)[0]:
                self.leaked.remove(one)
                drop(one)
        return len(self.leaked)

    def forget(self) -> None:
        """Close what was leaked."""
        for one in self.leaked:
            drop(one)
        self.leaked.clear()


def drop(session: psycopg.AsyncConnection[Any] | None) -> None:
    """Close without waiting for the server."""
    if session is not None:
        with contextlib.suppress(psycopg.Error, OSError):
            session.pgconn.finish()
