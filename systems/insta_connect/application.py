"""insta-connect-app: health, metrics, media of accounts, and the door for webhooks. Listens on loopback only.

What is wrong with it lives in its memory, so that a restart truly cures it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from datetime import UTC, datetime
from typing import Final

from systems.insta_connect.client import GraphClient, GraphError
from systems.insta_connect.database import Database, DatabaseError
from systems.insta_connect.logbook import Logbook
from systems.insta_connect.meters import Meters, exposed, kept
from systems.insta_connect.place import Place
from systems.programs import end_with_manager
from systems.web import METRICS, Answer, Asked, ask, serve, told

POOL: Final = 6
"""Connections to the database."""

STORM: Final = 8
"""Calls that are tried again and again without a pause, while the application is caught in that."""

BEAT: Final = 0.1
"""Seconds between two of one call's tries."""

SERVICE: Final = "insta-connect-app"


class Application:
    """Answers requests."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.began = time.monotonic()
        self.meters = Meters(SERVICE)
        self.log = Logbook(place.logs, SERVICE)
        self.graph = GraphClient(place, self.meters, self.log)
        self.database = Database(place, self.meters, POOL)
        place.over("api-latency")  # a restart cures it

    async def handle(self, asked: Asked) -> Answer:
        """One request, counted unless it only looks after us."""
        if asked.path == "/health":
            return await self.health()
        if asked.path == "/metrics":
            rows = [*self.meters.rows(), *kept(self.place.folder / "metrics", SERVICE)]
            return Answer(200, exposed(rows).encode(), METRICS)
        with self.meters.timed("http_request_duration_seconds"):
            answer = await self._served(asked)
        self.meters.count("http_requests_total", status=str(answer.status))
        return answer

    async def _served(self, asked: Asked) -> Answer:
        try:
            if asked.path == "/webhooks" and asked.method == "POST":
                return await self.webhook(asked)
            if asked.path.startswith("/media/"):
                return await self.media(int(asked.path.rpartition("/")[2]))
        except DatabaseError as error:
            self.log.error(f"{asked.method} {asked.path} 503: {error}")
            return told({"error": str(error)}, 503)
        except (ValueError, KeyError):
            return told({"error": "bad request"}, 400)
        return told({"error": "not found"}, 404)

    async def media(self, account: int) -> Answer:
        """An account's media: from the Graph API, or as they were known last when it does not give them."""
        await self.database.query("UPDATE api_usage SET calls = calls + 1 WHERE day = current_date")
        rows = await self.database.query("SELECT username, media FROM meta_accounts WHERE id = %s", account)
        if not rows:
            return told({"error": "no such account"}, 404)
        name, count = rows[0]
        stale = False
        try:
            count = len((await self.graph.call(f"/me/media?account={account}"))["data"])
        except GraphError as error:
            stale = True
            self.log.warn(f"media of {name} are shown as they were known last: {error}")
        return told({"username": name, "media": count, "stale": stale})

    async def webhook(self, asked: Asked) -> Answer:
        """An event: kept now, processed later."""
        body = json.loads(asked.body)
        await self.database.query(
            "INSERT INTO webhook_events (account_id, kind) VALUES (%s, %s)", int(body["account"]), str(body["kind"])
        )
        self.meters.count("webhook_events_total", result="received")
        return told({})

    async def health(self) -> Answer:
        """Whether it can do its work; 503 with the same body when it can't."""
        began = time.perf_counter()
        checks: dict[str, dict[str, object]] = {}
        try:
            await self.database.query("SELECT 1", within=2.0)
            took = round((time.perf_counter() - began) * 1000, 2)
            checks["database"] = {"status": "healthy", "latency_ms": took}
        except DatabaseError as error:
            checks["database"] = {"status": "unhealthy", "error": str(error)}
        well = all(check["status"] == "healthy" for check in checks.values())
        body = {
            "status": "healthy" if well else "unhealthy",
            "timestamp": datetime.now(UTC).isoformat(),
            "uptime": round(time.monotonic() - self.began, 1),
            "environment": "demo",
            "checks": checks,
        }
        return told(body, 200 if well else 503)

    async def storm(self) -> None:
        """While the fault is on: calls that are tried again at once, for ever, so that the API refuses all of them."""
        tasks: list[asyncio.Task[None]] = []
        while True:
            if self.place.on("api-latency") and not tasks:
                self.log.warn("a call is tried again without a pause")
                tasks = [asyncio.create_task(self._again()) for _ in range(STORM)]
            elif tasks and not self.place.on("api-latency"):
                for task in tasks:
                    task.cancel()
                tasks = []
            await asyncio.sleep(0.2)

    async def _again(self) -> None:
        while True:
            with contextlib.suppress(OSError, TimeoutError):
                answer = await ask(self.place.graph, "/me/media?account=1")
                self.meters.count("api_responses_total", status=str(answer.status))
            await asyncio.sleep(BEAT)


async def main(place: Place) -> None:
    """Serve until ended."""
    application = Application(place)
    server = await serve(place.web, application.handle)
    application.log.info(f"{SERVICE} listening on port {place.web}")
    async with asyncio.TaskGroup() as group:
        group.create_task(application.storm())
        group.create_task(server.serve_forever())


if __name__ == "__main__":
    place = Place.of(sys.argv)
    end_with_manager(place.folder)
    asyncio.run(main(place))
