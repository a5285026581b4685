"""The API: takes messages from customers, notes them in PostgreSQL and hands them to the queue. A real process."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import random
import signal
import sys
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
import redis.asyncio
from redis.exceptions import RedisError

from systems.programs import log
from systems.stage import die_with_parent
from systems.web import Answer, Asked, serve, told
from systems.whatsapp_notifications.aws import sqs
from systems.whatsapp_notifications.place import QUEUE, Place, pool_size
from systems.whatsapp_notifications.store import Exhausted, Store

KEPT: Final = 300
"""Seconds for which a message that comes again is known."""
_FAREWELL: Final = 1.5
"""Seconds it takes at most to finish what it has begun, when it is stopped."""
_FAILS: Final = 0.45
"""Share of messages on which a flawed release fails."""
_NOTE: Final = "INSERT INTO notifications (client, recipient_phone, template) VALUES (%s, %s, %s) RETURNING id"


class Api:
    """Answers requests."""

    def __init__(self, place: Place) -> None:
        self.version = os.environ.get("VERSION", "1.0.0")
        self._flawed = os.environ.get("FLAWED") == "1"
        self._busy = 0
        """Requests that wait for an answer."""
        self._place = place
        self._store = Store(place, "api", pool_size())
        self._cache = redis.asyncio.Redis.from_url(place.cache_url, socket_timeout=1, socket_connect_timeout=1)
        self._clients = {
            value: name.removeprefix("API_KEY_").lower()
            for name, value in os.environ.items()
            if name.startswith("API_KEY_") and value
        }

    async def answer(self, asked: Asked) -> Answer:
        """One request."""
        self._busy += 1
        try:
            return await self._answer(asked)
        finally:
            self._busy -= 1

    async def done(self) -> None:
        """Nobody waits for an answer any more, or has waited for too long; who is on his way here comes first."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                await asyncio.sleep(0.2)
                while self._busy:
                    await asyncio.sleep(0.02)
                await asyncio.sleep(0.1)

    async def _answer(self, asked: Asked) -> Answer:
        match asked.path:
            case "/health":
                now = datetime.now(UTC).isoformat(timespec="seconds")
                return told({"status": "healthy", "version": self.version, "timestamp": now})
            case "/v1/health":
                return await self._health()
            case "/v1/messages" if asked.method == "POST":
                return await self._message(asked)
        return told({"error": "not found"}, 404)

    async def _health(self) -> Answer:
        database = cache = True
        try:
            await self._store.query("SELECT 1 FROM notifications LIMIT 1")
        except (Exhausted, OSError, TimeoutError, psycopg.Error):
            database = False
        try:
            await self._cache.ping()
        except (OSError, TimeoutError, RedisError):
            cache = False
        body = {"status": "healthy" if database else "unhealthy", "version": self.version}
        return told({**body, "database": {"connected": database}, "redis": {"connected": cache}}, 200)

    async def _message(self, asked: Asked) -> Answer:
        key = asked.headers.get("x-api-key", "")
        client, mark = self._clients.get(key, ""), hashlib.sha256(key.encode()).hexdigest()[:8]
        status, words = await self._taken(asked, client) if client else (401, "no such key")
        level = "ERROR" if status >= 500 else "WARN" if status >= 400 else "INFO"
        sender = asked.headers.get("x-forwarded-for", "-")
        log(level, f"POST /v1/messages {status} client={client or '-'} key={mark} from={sender} {words}".rstrip())
        return told({"status": status, "message": words, "client": client}, status)

    async def _taken(self, asked: Asked, client: str) -> tuple[int, str]:
        """(status, what went wrong)."""
        told = asked.document()
        phone, template = str(told.get("to", "")), str(told.get("template", ""))
        if self._flawed and random.random() < _FAILS:
            return 500, "KeyError 'components' in render_template"
        await self._is_known(phone, template)
        try:
            ((id,),) = await self._store.query(_NOTE, client, phone, template)
            message = json.dumps({"id": id, "to": phone, "template": template})
            await sqs(self._place, "SendMessage", QUEUE, MessageBody=message)
        except Exhausted as error:
            return 503, str(error)
        except (OSError, TimeoutError, psycopg.Error) as error:
            return 503, f"{type(error).__name__}: not taken"
        return 202, ""

    async def _is_known(self, phone: str, template: str) -> None:
        """Remember the message; without the cache one that comes twice is sent twice, and that is said."""
        try:
            await self._cache.set(f"seen:{phone}:{template}", "1", ex=KEPT, nx=True)
        except (OSError, TimeoutError, RedisError) as error:
            log("WARN", f"not remembered, may be sent twice: {str(error)[:60] or type(error).__name__}")


async def main(place: Place) -> None:
    """Until told to stop; its port is a free one, and told by a file."""
    api = Api(place)
    stop = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, stop.set)
    server = await serve(0, api.answer)
    port: Any = server.sockets[0].getsockname()[1]
    file = place.apis / str(port)
    file.write_text(str(os.getpid()), encoding="utf-8")
    log("INFO", f"version {api.version} listens on port {port}")
    try:
        await stop.wait()
    finally:
        file.unlink(missing_ok=True)
    await api.done()
    log("INFO", "stopped")


if __name__ == "__main__":
    die_with_parent(signal.SIGKILL, os.getppid())
    asyncio.run(main(Place.of(sys.argv)))
