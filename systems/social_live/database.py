"""What the platform does to its real PostgreSQL and Redis, and the faults that live there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import psycopg
import redis.asyncio
from psycopg import sql

from systems.social_live.place import Place

PEOPLE: Final = 1200
POSTS: Final = 9000
MOST: Final = 40
"""Sessions that PostgreSQL allows."""
READERS: Final = 3
"""Sessions that read feeds; one more writes."""
LEAKED: Final = 25
"""Sessions that are opened and never given back."""
FEED_WITHIN: Final = 3.0
"""Seconds after which the backend gives up on its database."""
_BEAT: Final = 0.3
FEEDS: Final = 150
"""Feeds that are in the cache."""
_LOOKS: Final = 8
"""Look-ups in the cache at a time."""
_KEPT: Final = "x" * 1500
"""What stands for a feed."""

UNHAPPY = (OSError, TimeoutError, psycopg.Error, redis.RedisError)
"""What a neighbour's trouble raises."""

SCHEMA: Final = f"""
CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, created_at timestamptz NOT NULL);
CREATE TABLE posts (id bigserial PRIMARY KEY, user_id int NOT NULL REFERENCES users, body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(), deleted_at timestamptz);
CREATE TABLE user_sessions (id bigserial PRIMARY KEY, user_id int NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz NOT NULL);
CREATE TABLE feed_items (id bigserial PRIMARY KEY, user_id int NOT NULL, post_id bigint NOT NULL,
    score real NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
INSERT INTO users SELECT n, 'person ' || n, now() - n * interval '3 hours' FROM generate_series(1, {PEOPLE}) n;
INSERT INTO posts (user_id, body, created_at)
    SELECT n % {PEOPLE} + 1, 'post ' || n, now() - n * interval '2 minutes' FROM generate_series(1, {POSTS}) n;
INSERT INTO user_sessions (user_id, created_at, expires_at)
    SELECT n % {PEOPLE} + 1, now() - n * interval '4 minutes', now() - n * interval '4 minutes' + interval '1 day'
    FROM generate_series(1, 6000) n;
INSERT INTO feed_items (user_id, post_id, score)
    SELECT n % {PEOPLE} + 1, n % {POSTS} + 1, random() FROM generate_series(1, 12000) n;
CREATE INDEX idx_posts_created_at ON posts (created_at);
CREATE INDEX idx_feed_items_user ON feed_items (user_id);
"""

_POST: Final = "INSERT INTO posts (user_id, body) VALUES (%s, 'a new post')"
_SESSION: Final = "INSERT INTO user_sessions (user_id, expires_at) VALUES (%s, now() + interval '1 day')"
_FEED: Final = (
    "SELECT p.id, p.body FROM feed_items f JOIN posts p ON p.id = f.post_id"
    " WHERE f.user_id = %s ORDER BY f.score DESC LIMIT 20 FOR SHARE OF p"
)
"""A person's feed; it waits where somebody holds the posts."""


class Database:
    """The backend's sessions, and how long its feed takes."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._chance = random.Random(11)
        self._asked: dict[int, float] = {}
        """Since when each reader waits for its answer, monotonic."""
        self._took = 0.004
        self._failing: set[int] = set()
        """Sessions whose last question was not answered."""
        self.there = True
        """False where no PostgreSQL is installed."""
        self.leaked: list[psycopg.AsyncConnection[Any]] = []

    @property
    def answers(self) -> bool:
        """Does it answer anybody?"""
        return self.there and len(self._failing) < READERS + 1

    @property
    def seconds(self) -> float:
        """What a feed takes now; of one that is waited for, what it has taken already."""
        waited = max((time.monotonic() - since for since in self._asked.values()), default=0.0)
        return min(FEED_WITHIN, max(self._took, waited))

    async def session(self, application: str) -> psycopg.AsyncConnection[Any]:
        """A new session."""
        keywords: Any = self._place.database(application)
        return await psycopg.AsyncConnection.connect(autocommit=True, **keywords)

    async def prepare(self) -> None:
        """Let the room count people and posts, by a login that can do nothing else, and care for the tables."""
        keywords: Any = self._place.database("backend-setup") | {"user": "postgres"}
        async with await psycopg.AsyncConnection.connect(autocommit=True, **keywords) as one:
            if not await (await one.execute("SELECT 1 FROM pg_roles WHERE rolname = 'counts'")).fetchone():
                password = sql.Literal(os.environ["OPSROOM_DEMO_COUNTS_PASSWORD"])
                await one.execute(sql.SQL("CREATE ROLE counts LOGIN PASSWORD {}").format(password))
            await one.execute("GRANT SELECT ON users, posts, user_sessions TO counts")
            if one.info.server_version >= 170000:
                await one.execute("GRANT pg_maintain TO opsroom")

    async def live(self) -> None:
        """Feeds that are read, posts that are written, for ever."""
        async with asyncio.TaskGroup() as group:
            for number in range(READERS):
                group.create_task(self._work(number, self._read))
            group.create_task(self._work(READERS, self._write))

    async def _work(self, number: int, ask: Callable[[int, psycopg.AsyncConnection[Any]], Awaitable[None]]) -> None:
        """One session's questions; a lost session is opened anew."""
        one: psycopg.AsyncConnection[Any] | None = None
        while True:
            try:
                if one is None or one.closed:
                    one = await self.session("backend")
                await ask(number, one)
                self._failing.discard(number)
            except UNHAPPY:
                self._failing.add(number)
                if one is not None:
                    one.pgconn.finish()
                one = None
            await asyncio.sleep(_BEAT)

    async def _read(self, number: int, one: psycopg.AsyncConnection[Any]) -> None:
        began = self._asked[number] = time.monotonic()
        try:
            await one.execute(_FEED.encode(), [self._chance.randint(1, PEOPLE)])
        finally:
            del self._asked[number]
        self._took = time.monotonic() - began

    async def _write(self, number: int, one: psycopg.AsyncConnection[Any]) -> None:
        who = self._chance.randint(1, PEOPLE)
        await one.execute(_POST.encode(), [who])
        await one.execute(_SESSION.encode(), [who])

    # faults

    async def hold(self) -> None:
        """A migration that was left open holds the posts; over when its session is ended."""
        holder = await self.session("migration-shell")
        try:
            await holder.execute("BEGIN")
            await holder.execute("LOCK TABLE posts IN EXCLUSIVE MODE")
            async for _ in holder.notifies():
                pass
        finally:
            holder.pgconn.finish()

    async def leak(self) -> None:
        """Sessions that nobody gives back; over when most of them were ended, by whomever."""
        try:
            while len(self.leaked) < LEAKED:
                self.leaked.append(await self.session("backend-uploads"))
            while len(self.leaked) > LEAKED // 2:
                await asyncio.sleep(0.5)
                self.leaked = [one for one in self.leaked if await _lives(one)]
        finally:
            self.give_back()

    def give_back(self) -> None:
        """End the sessions that were leaked."""
        for one in self.leaked:
            one.pgconn.finish()
        self.leaked.clear()


async def _lives(one: psycopg.AsyncConnection[Any]) -> bool:
    """Is the server still there for it? Only what came by itself is read: a question would end its idleness."""
    with contextlib.suppress(psycopg.Error):
        one.pgconn.consume_input()
        return one.pgconn.status == psycopg.pq.ConnStatus.OK
    return False


class Cache:
    """Feeds that are kept in Redis for a while."""

    def __init__(self, place: Place) -> None:
        self._redis = redis.asyncio.Redis(port=place.redis, socket_timeout=2, socket_connect_timeout=2)
        self._chance = random.Random(5)

    async def live(self) -> None:
        """Look-ups, most of them of what is there."""
        with contextlib.suppress(*UNHAPPY):
            for number in range(1, FEEDS + 1):
                await self._redis.set(_feed(number), _KEPT, ex=self._chance.randint(60, 180))
        while True:
            with contextlib.suppress(*UNHAPPY):
                for _ in range(_LOOKS):
                    key = _feed(self._chance.randint(1, FEEDS))
                    if await self._redis.get(key) is None:
                        await self._redis.set(key, _KEPT, ex=self._chance.randint(60, 180))
            await asyncio.sleep(_BEAT)


def _feed(number: int) -> str:
    return f"feed:{number}"
