"""The world's main program: the simulated cloud and the service that runs in it, with its data, visitors and faults.

What it listens on is loopback: the cloud's endpoint, and the balancer before the service.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from typing import Any, Final

import psycopg

from systems.engines import postgres_programs, redis_program
from systems.faults import play
from systems.furnish import furnish
from systems.programs import end_with_manager, log, say
from systems.social_analytics import SCRIPT, TOGETHER
from systems.social_analytics.backend import PAGES, Backend
from systems.social_analytics.faults import Faults
from systems.social_analytics.place import Place
from systems.social_analytics.region import Region, furnish_cache
from systems.social_analytics.scheduler import Job, Platforms, Scheduler
from systems.social_analytics.traffic import Traffic
from systems.web import METRICS, Answer, Asked, serve, told

POSTS: Final = 30_000

_SCHEMA: Final = f"""
CREATE TABLE accounts (id int PRIMARY KEY, platform text NOT NULL, handle text NOT NULL);
CREATE TABLE posts (id int PRIMARY KEY, account int REFERENCES accounts, likes int, at timestamptz);
CREATE TABLE runs (id bigserial PRIMARY KEY, job text NOT NULL, status text NOT NULL, at timestamptz DEFAULT now());
INSERT INTO accounts SELECT n, (ARRAY['twitch','youtube','instagram','twitter'])[n % 4 + 1], 'creator-' || n
    FROM generate_series(1, {PAGES}) n;
INSERT INTO posts SELECT n, n % {PAGES} + 1, n * 37 % 4000, now() - n * interval '3 minutes'
    FROM generate_series(1, {POSTS}) n;
CREATE INDEX idx_posts_account ON posts (account);
ANALYZE accounts;
ANALYZE posts;
"""


class Service:
    """What the balancer's address answers to."""

    def __init__(self, place: Place, region: Region, scheduler: Scheduler, traffic: Traffic) -> None:
        self._place = place
        self._region = region
        self._scheduler = scheduler
        self._traffic = traffic
        self._token = os.environ["OPSROOM_DEMO_TOKEN"]

    @property
    def leader(self) -> Backend | None:
        """The task whose scheduler is in charge: the oldest in which it runs."""
        return next((one for one in self._region.bodies() if one.schedules), None)

    async def answer(self, asked: Asked) -> Answer:
        """One request, through the balancer."""
        backend = self._traffic.next()
        if backend is None:
            return Answer(503, b"<html><body>503 Service Temporarily Unavailable</body></html>", "text/html")
        match [part for part in asked.path.split("/") if part]:
            case ["health", "ready"]:
                status, body = await backend.health(self.leader is not None)
                return told(body, status)
            case ["health", "detailed"]:
                return told(await self._detailed(backend))
            case ["metrics"]:
                return Answer(200, self._metrics(), METRICS)
            case ["api", "jobs", *rest]:
                if asked.headers.get("authorization") != f"Bearer {self._token}":
                    return told({"error": "a token is needed"}, 401)
                return await self._jobs(asked, rest)
        return told({"error": "not found"}, 404)

    async def _jobs(self, asked: Asked, rest: list[str]) -> Answer:
        if not rest:
            wanted = asked.query.get("platform", "")
            return told([one.told() for one in self._scheduler.jobs.values() if wanted in ("", one.platform)])
        job = self._scheduler.jobs.get(int(rest[0])) if rest[0].isdigit() else None
        if job is None:
            return told({"error": "there is no such job"}, 404)
        match asked.method, rest[1:]:
            case "GET", ["executions"]:
                return told(list(job.runs))
            case "PUT", []:
                try:
                    seconds = int(json.loads(asked.body)["interval_seconds"])
                except (ValueError, KeyError, TypeError):
                    return told({"error": "interval_seconds is a number"}, 400)
                job.interval, job.due = max(1, seconds), min(job.due, time.monotonic() + seconds)
            case "POST", ["pause" | "resume" as word]:
                job.enabled = word == "resume"
            case "POST", ["run"]:
                job.due = time.monotonic()
            case "GET", []:
                pass
            case _:
                return told({"error": "not so"}, 405)
        return told(job.told())

    async def _detailed(self, backend: Backend) -> dict[str, Any]:
        _, ready = await backend.health(self.leader is not None)
        return ready | {
            "revision": backend.task.revision, "task": backend.task.id[:12], "tasks": len(self._region.bodies()),
            "waiting": sum(one.queued for one in self._region.bodies()),
        }  # fmt: skip

    def _metrics(self) -> bytes:
        lines = ["# HELP http_requests_total Requests answered.", "# TYPE http_requests_total counter"]
        lines += [
            f'http_requests_total{{status="{one}"}} {number}' for one, number in sorted(self._region.totals.items())
        ]
        lines += ["# HELP http_request_seconds_total Time they took.", "# TYPE http_request_seconds_total counter"]
        lines += [f"http_request_seconds_total {self._region.seconds:.3f}", ""]
        return "\n".join(lines).encode()

    async def schedule(self) -> None:
        """The scheduler's own loop, in whichever task is in charge."""
        while True:
            leader = self.leader
            if leader is not None:
                await self._scheduler.step(leader.login.get("client_secret", ""), self._note, self._region.say)
            await asyncio.sleep(0.2)

    async def _note(self, job: Job, message: str) -> str:
        """A run written down; what went wrong with that, or nothing."""
        if self._region.databases.instance.status == "storage-full":
            return "could not extend file: No space left on device"
        leader = self.leader
        try:
            if leader is not None:
                await leader.query("INSERT INTO runs (job, status) VALUES (%s, %s)", job.name, message)
        except (OSError, TimeoutError, psycopg.Error) as error:
            return f"database: {type(error).__name__}"
        return ""


async def announce(place: Place, region: Region) -> None:
    """Say so when the service is healthy."""
    while True:
        for body in region.bodies():
            status, said = await body.health(True)
            if status == 200 and said["checks"]["cache"] == "ok":
                return say(place.folder, "backend-service: healthy")
        await asyncio.sleep(0.1)


async def stir(region: Region) -> None:
    """Each task looks after its pool once a second."""
    while True:
        await asyncio.gather(*(body.stir() for body in region.bodies()))
        await asyncio.sleep(1)


async def begin(place: Place, region: Region) -> None:
    """Faults that come by themselves, once the service is healthy."""
    await announce(place, region)
    await play(place, SCRIPT, TOGETHER)


async def main(place: Place, by_themselves: bool) -> None:
    """Until ended."""
    region = Region(place)
    platforms = Platforms()
    scheduler, traffic = Scheduler(platforms), Traffic(region)
    service = Service(place, region, scheduler, traffic)
    cloud = await serve(place.cloud, region.gate().answer)
    log("INFO", "the simulated cloud answers")
    web = await serve(place.web, service.answer)
    if postgres_programs() is not None:
        await furnish(place.folder, place.postgres, "social_analytics", _SCHEMA)
    if redis_program() is not None:
        await furnish_cache(place)
    async with cloud, web, asyncio.TaskGroup() as group:
        group.create_task(region.live())
        group.create_task(service.schedule())
        group.create_task(traffic.visit())
        group.create_task(stir(region))
        group.create_task(Faults(region, scheduler, traffic).watch())
        group.create_task(begin(place, region) if by_themselves else announce(place, region))


if __name__ == "__main__":
    place = Place.of(sys.argv)
    end_with_manager(place.folder)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(place, sys.argv[6] == "1"))
