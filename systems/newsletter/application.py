"""The web application: health, metrics, and campaigns read from PostgreSQL through a cache in Redis.

What is wrong with it lives in its memory, so that a restart truly cures it. Listens on loopback only.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
import redis.asyncio

from systems.newsletter.place import FLAWED, RELEASES, Place
from systems.programs import end_with_manager, log
from systems.web import METRICS, Answer, Asked, serve, told

LEAK_STEP: Final = 6 * 1024 * 1024
"""Bytes that the leak takes at once."""

LEAK_BEAT: Final = 0.25
"""Seconds between two steps of the leak."""

LEAK_DRAG: Final = 0.08
"""Seconds by which each step makes the health check slower."""

LEAK_MOST: Final = 200 * 1024 * 1024
"""Bytes at which it stops taking more: a demonstration must not harm its machine."""

TOLD: Final = 50
"""Requests for which there is one line in the log."""

KEPT: Final = 60
"""Seconds the cache keeps a campaign."""

FAILS: Final = 3
"""Every so many pages there is one that the flawed release fails."""

UNHAPPY = (OSError, TimeoutError, psycopg.Error, redis.RedisError)
"""What a neighbour's trouble raises."""


class Application:
    """Answers requests; holds one connection to each neighbour."""

    def __init__(self, place: Place, release: str) -> None:
        self.place = place
        self.release = release
        self.began = time.monotonic()
        self.cache = redis.asyncio.Redis.from_url(place.queue_url, socket_timeout=2, socket_connect_timeout=2)
        self.database: psycopg.AsyncConnection[Any] | None = None
        self.lock = asyncio.Lock()
        self.leaked: list[bytearray] = []
        self.served: dict[int, int] = {}
        """Requests answered, by status."""
        self.misses = 0
        self.pages = 0
        """Pages that somebody has asked for."""
        self.key = place.keys("storage")[0]
        self.toiling: threading.Thread | None = None
        for fault in ("cache-misses", "memory-leak", "busy-application"):
            place.over(fault)  # a restart cures them

    async def query(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask PostgreSQL; a broken connection is opened anew by the next request."""
        async with asyncio.timeout(3), self.lock:
            if self.database is None or self.database.closed:
                keywords: Any = self.place.database("newsletter-app")
                self.database = await psycopg.AsyncConnection.connect(autocommit=True, **keywords)
            try:
                cursor = await self.database.execute(text.encode(), values)
                return await cursor.fetchall()
            except BaseException:
                await self.database.close()
                raise

    async def campaigns(self, numbers: Iterable[int]) -> list[Any]:
        """Campaigns with their figures; from the cache what is there, the rest from PostgreSQL."""
        keys = {number: self._key(number) for number in numbers}
        found: dict[int, Any] = dict(zip(keys, await self.cache.mget(keys.values()), strict=True))
        if absent := [number for number, body in found.items() if body is None]:
            self.misses += len(absent)
            rows = await self.query(
                "SELECT c.id, c.name, count(e.id) FROM campaigns c LEFT JOIN email_events e ON e.campaign_id = c.id"
                " WHERE c.id = ANY(%s) GROUP BY c.id",
                absent,
            )
            found |= {row[0]: json.dumps({"name": row[1], "events": row[2]}).encode() for row in rows}
            await self._keep({keys[number]: body for number in absent if (body := found[number])})
        return [json.loads(body) for body in found.values() if body]

    def _key(self, number: int) -> str:
        """Under the fault a key nobody has ever used, as a key with a time in it would be."""
        mark = f":{time.monotonic_ns()}" if self.place.on("cache-misses") else ""
        return f"cache:campaign:{number}{mark}"

    async def _keep(self, bodies: dict[str, bytes]) -> None:
        async with self.cache.pipeline(transaction=False) as pipe:
            for key, body in bodies.items():
                pipe.set(key, body, ex=5 if key.count(":") > 2 else KEPT)
            await pipe.execute()

    async def health(self) -> Answer:
        """Every dependency asked; 503 with the same body when one fails."""
        checks = {
            "database": await self._check(lambda: self.query("SELECT 1")),
            "redis": await self._check(self.cache.ping),
            "queue": await self._check(lambda: self.cache.llen("bull:campaign-emails:wait")),
            "storage": await self._check(lambda: asyncio.to_thread(self._store)),
        }
        if self.leaked:
            await asyncio.sleep(min(1.9, len(self.leaked) * LEAK_DRAG))  # as a collector under pressure would
        well = all(check["status"] == "healthy" for check in checks.values())
        body = {
            "status": "healthy" if well else "unhealthy",
            "timestamp": datetime.now(UTC).isoformat(),
            "uptime": round(time.monotonic() - self.began, 1),
            "version": self.release,
            "environment": "demo",
            "checks": checks,
        }
        return told(body, 200 if well else 503)

    def _store(self) -> None:
        """Write a file and remove it, if the storage lets us in."""
        if self.key not in self.place.keys("storage"):
            raise PermissionError("the key of the storage was replaced")
        path = self.place.folder / "storage-check"
        path.write_bytes(b"x")
        path.unlink(missing_ok=True)

    async def _check(self, ask: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
        began = time.perf_counter()
        try:
            await ask()
        except UNHAPPY as error:
            return {"status": "unhealthy", "error": type(error).__name__}
        return {"status": "healthy", "latency_ms": round((time.perf_counter() - began) * 1000, 2)}

    def metrics(self) -> bytes:
        """Our own figures, in the Prometheus text format."""
        lines = ["# HELP http_requests_total Requests answered.", "# TYPE http_requests_total counter"]
        lines += [f'http_requests_total{{status="{status}"}} {count}' for status, count in sorted(self.served.items())]
        lines += ["# HELP cache_misses_total Campaigns the cache did not have.", "# TYPE cache_misses_total counter"]
        lines += [f"cache_misses_total {self.misses}"]
        lines += ["# HELP uptime_seconds Time since the start.", "# TYPE uptime_seconds gauge"]
        lines += [f"uptime_seconds {time.monotonic() - self.began:.1f}", ""]
        return "\n".join(lines).encode()

    async def leak(self) -> None:
        """Grow while the fault is on; shrink when it is healed from outside."""
        while True:
            await asyncio.sleep(LEAK_BEAT)
            if self.place.on("memory-leak"):
                if len(self.leaked) * LEAK_STEP < LEAK_MOST:
                    self.leaked.append(bytearray(b"x") * LEAK_STEP)
            elif self.leaked:
                self.leaked.clear()

    async def toil(self) -> None:
        """Compute what nobody wants while the fault is on, in a thread: requests are still answered, but later."""
        while True:
            await asyncio.sleep(LEAK_BEAT)
            if self.place.on("busy-application") and self.toiling is None:
                self.toiling = threading.Thread(target=self._toil, daemon=True)
                self.toiling.start()

    def _toil(self) -> None:
        while self.place.on("busy-application"):
            sum(range(200_000))
        self.toiling = None

    async def answer(self, asked: Asked) -> Answer:
        """One request, counted."""
        try:
            async with asyncio.timeout(5):
                answer = await self._route(asked.path)
        except (*UNHAPPY, ValueError, KeyError) as error:
            answer = told({"error": type(error).__name__}, 500)
            log("ERROR", f"{type(error).__name__} while answering a request, release {self.release}")
        self.served[answer.status] = self.served.get(answer.status, 0) + 1
        if (answered := sum(self.served.values())) % TOLD == 0:
            log("INFO", f"{answered} requests answered, {self.misses} campaigns were not in the cache")
        return answer

    async def _route(self, path: str) -> Answer:
        if path == "/api/health":
            return await self.health()
        if path == "/metrics":
            return Answer(200, self.metrics(), METRICS)
        if path == "/api/campaigns":
            return self._page(await self.campaigns(range(1, 41)))
        if path.startswith("/api/campaigns/"):
            return self._page(await self.campaigns([int(path.rpartition("/")[2])]))
        return told({"error": "not found"}, 404)

    def _page(self, campaigns: list[Any]) -> Answer:
        """What a visitor gets. The flawed release looks for what not every campaign has."""
        self.pages += 1
        if self.release == FLAWED and self.pages % FAILS == 0:
            raise KeyError("archived_at")
        return told(campaigns)


async def main(place: Place) -> None:
    """Serve until ended."""
    if (release := place.wanted) not in RELEASES:
        log("ERROR", f"there is no release {release!r} on this machine, only {', '.join(RELEASES)}")
        sys.exit(1)
    application = Application(place, release)
    server = await serve(place.web, application.answer)
    place.started.write_text(release, encoding="utf-8")
    log("INFO", f"newsletter-app {release} listening on port {place.web}")
    async with asyncio.TaskGroup() as group:
        group.create_task(application.leak())
        group.create_task(application.toil())
        group.create_task(server.serve_forever())


if __name__ == "__main__":
    place = Place.of(sys.argv)
    end_with_manager(place.folder)
    asyncio.run(main(place))
