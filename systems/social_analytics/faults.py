"""What can go wrong with the system, truly, and how it is noticed that somebody has remedied it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

import psycopg
import redis.asyncio
from redis.exceptions import RedisError

from systems.faults import Acts, as_long_as, watch
from systems.social_analytics.backend import Backend
from systems.social_analytics.place import LOGIN, MEMORY
from systems.social_analytics.region import Region, restart_cache, stop_cache
from systems.social_analytics.scheduler import SHORT, USUAL, Scheduler
from systems.social_analytics.traffic import CROWD, STEADY, Traffic

TAKEN: Final = 35
"""Sessions there are with the forgotten ones, of forty that there may be: the room's own still find a place."""
QUEUED: Final = 8
"""Visitors who wait from which on a crowd is too much for the tasks."""
CALM: Final = 3.0
"""Seconds for which fewer must wait before it counts as served."""
_LOOK: Final = 0.3
_IMPORTED: Final = 3000
"""Bytes of each key that the import leaves in the cache."""
_ROOM: Final = 40
"""Keys of the import that are taken out again: pages find their room, and throw each other out."""


class Faults:
    """Starts what is asked for; each ends by its remedy, or by being healed."""

    def __init__(self, region: Region, scheduler: Scheduler, traffic: Traffic) -> None:
        self._region = region
        self._place = region.place
        self._scheduler = scheduler
        self._traffic = traffic

    async def watch(self) -> None:
        """Five times a second, each fault that is asked for and not yet running."""
        acts: Acts = {
            "wedged-tasks": self.wedged,
            "crowd": self.crowd,
            "leaked-sessions": self.leaked,
            "storage-full": self.full,
            "stopped-scheduler": self.stopped,
            "revoked-login": self.revoked,
            "dead-cache": self.dead,
            "evictions": self.evictions,
            "rate-limits": self.limited,
            "bad-release": self.released,
        }
        await watch(self._place, acts, (psycopg.Error, OSError, RedisError))

    async def wedged(self) -> None:
        """Every task that runs now fails its health check, for as long as it lives."""
        hit = await self._bodies()
        for one in hit:
            one.wedged = True
        try:
            await as_long_as(lambda: any(one in hit for one in self._region.bodies()))
        finally:
            for one in hit:
                one.wedged = False

    async def crowd(self) -> None:
        """Visitors until nobody waits for some seconds: more tasks were given to them."""
        self._traffic.rate = CROWD
        try:
            await as_long_as(lambda: self._waiting() < QUEUED)
            calm = 0.0
            while calm < CALM:
                calm = calm + _LOOK if self._waiting() < QUEUED else 0.0
                await asyncio.sleep(_LOOK)
        finally:
            self._traffic.rate = STEADY

    async def leaked(self) -> None:
        """Sessions nobody uses, until they are ended or their tasks are replaced."""
        bodies = await self._bodies()
        (clients,) = (
            await bodies[0].query("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
        )[0]
        wanted = max(0, TAKEN - int(clients))
        for number, one in enumerate(bodies):
            await one.leak(wanted // len(bodies) + (number < wanted % len(bodies)))
        try:
            await as_long_as(lambda: sum(one.still_leaked() for one in bodies))
        finally:
            for one in bodies:
                one.forget()

    async def full(self) -> None:
        """No byte is left, until there is more storage."""
        one = self._region.databases.instance
        before, one.status = one.storage, "storage-full"
        self._region.databases.say(one.name, "The free storage capacity for DB Instance is 0%")
        try:
            await as_long_as(lambda: one.storage <= before or one.status != "available")
        finally:
            if one.status == "storage-full":
                one.status = "available"

    async def stopped(self) -> None:
        """The scheduler of every task that runs now hangs."""
        hit = await self._bodies()
        for one in hit:
            one.schedules = False
        try:
            await as_long_as(lambda: not any(one.schedules for one in self._region.bodies()))
        finally:
            for one in hit:
                one.schedules = True

    async def revoked(self) -> None:
        """The platform accepts any other secret, which tasks read when they start."""
        platforms = self._scheduler.platforms
        platforms.revoked = self._region.secrets.value(LOGIN).get("client_secret", "")
        try:
            await as_long_as(
                lambda: any(one.login.get("client_secret") == platforms.revoked for one in self._region.bodies())
            )
            await as_long_as(lambda: self._last("failed"))
        finally:
            platforms.revoked = None

    async def dead(self) -> None:
        """The cache's process is ended; a reboot of the node starts another."""
        await asyncio.to_thread(stop_cache, self._place)
        cache = self._cache()
        try:
            await self._until_it_answers(cache)
        except asyncio.CancelledError:
            await asyncio.to_thread(restart_cache, self._place)
            raise
        finally:
            await cache.aclose()

    async def _until_it_answers(self, cache: Any) -> None:
        while True:
            with contextlib.suppress(OSError, TimeoutError, RedisError):
                await cache.ping()
                return
            await asyncio.sleep(_LOOK)

    async def evictions(self) -> None:
        """Keys that never expire fill the cache, and its policy may throw out only those that do."""
        cache = self._cache()
        try:
            await cache.config_set("maxmemory", MEMORY)
            await cache.config_set("maxmemory-policy", "volatile-lru")
            number = await self._import(cache)
            while not await self._has_room(cache):
                if not await cache.exists(f"import:{number - 1}"):
                    return  # somebody has emptied it
                await asyncio.sleep(_LOOK)
        finally:
            keys = [key async for key in cache.scan_iter("import:*", count=1000)]
            if keys and not self._place.on("evictions"):
                await cache.unlink(*keys)
            await cache.aclose()

    async def _has_room(self, cache: Any) -> bool:
        """It may use more memory, or throw out what never expires."""
        told = await cache.config_get("maxmemory*")
        return int(told["maxmemory"]) > MEMORY or not told["maxmemory-policy"].startswith("volatile")

    async def _import(self, cache: Any) -> int:
        """Keys until nothing that could be thrown out is left, then room for a few pages; how many keys stay."""
        number, full = 0, False
        while not full:
            async with cache.pipeline(transaction=False) as pipe:
                for one in range(number, number + 20):
                    pipe.set(f"import:{one}", "x" * _IMPORTED)
                answers = await pipe.execute(raise_on_error=False)
            full = any(isinstance(one, Exception) for one in answers)
            number += 20
            await asyncio.sleep(0)
        keys = [f"import:{one}" for one in range(max(0, number - _ROOM), number)]
        await cache.unlink(*keys)
        return max(1, number - _ROOM)

    async def limited(self) -> None:
        """Half the calls are allowed, until the jobs want no more than that."""
        platforms = self._scheduler.platforms
        platforms.allowed["twitch"] = SHORT
        try:
            await as_long_as(lambda: self._scheduler.demand("twitch") > SHORT)
            await as_long_as(lambda: self._last("rate_limited"))
        finally:
            platforms.allowed["twitch"] = USUAL

    async def released(self) -> None:
        """A release that fails many requests, until nothing of it runs."""
        service = self._region.service
        good, bad = service.deployments[0].revision, self._region.release(bad=True)
        self._region.cluster.deploy(service, bad)
        try:
            await as_long_as(lambda: service.deployments[0].revision == bad)
            await as_long_as(lambda: any(one.bad for one in self._region.bodies()))
        except asyncio.CancelledError:
            self._region.cluster.deploy(service, good)
            raise

    def _waiting(self) -> int:
        return sum(one.queued for one in self._region.bodies())

    def _last(self, status: str) -> bool:
        return any(one.last_status == status and one.enabled for one in self._scheduler.jobs.values())

    async def _bodies(self) -> list[Backend]:
        """What runs, once something does."""
        while not (found := self._region.bodies()):
            await asyncio.sleep(_LOOK)
        return found

    def _cache(self) -> Any:
        return redis.asyncio.Redis.from_url(
            self._place.cache_url, decode_responses=True, socket_timeout=2, socket_connect_timeout=2
        )
