"""What stands before the API: hands each request to a task that answers, and counts; and the customers behind it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from systems.web import METRICS, Answer, Asked, ask, told
from systems.whatsapp_notifications.place import Place
from systems.whatsapp_notifications.vendors import WhatsApp

TEMPLATES: Final = ("order_sent", "order_arrived", "code", "reminder")
_EVERY: Final = 2.0
"""Seconds between two bursts of the bank."""
_BURST: Final = 9
_SHOP: Final = 0.8
"""Seconds between two messages of the shop."""
_LEARNS: Final = 2.0
"""Seconds until a customer whose key is not accepted has been told the new one."""


class Gateway:
    """One address for all tasks of the API."""

    def __init__(self, place: Place, whatsapp: WhatsApp) -> None:
        self.statuses: Counter[int] = Counter({202: 0, 401: 0, 500: 0, 503: 0})
        """Of messages that were handed in."""
        self.clients: Counter[str] = Counter({"shop": 0, "bank": 0})
        """Messages taken, by customer."""
        self.exhausted = 0
        """Requests that found no session."""
        self._place = place
        self._whatsapp = whatsapp
        self._turn = 0

    async def answer(self, asked: Asked) -> Answer:
        """One request."""
        if asked.path == "/metrics":
            return Answer(200, self._metrics(), METRICS)
        answer = await self._handed(asked)
        if asked.path == "/v1/messages":
            self.statuses[answer.status] += 1
            self.exhausted += b"pool exhausted" in answer.body
            if answer.status == 202:
                self.clients[json.loads(answer.body).get("client", "")] += 1
        return answer

    async def _handed(self, asked: Asked) -> Answer:
        ports = self.ports()
        headers = {name: asked.headers[name] for name in ("x-api-key", "x-forwarded-for") if name in asked.headers}
        for _ in ports:
            self._turn += 1
            port = ports[self._turn % len(ports)]
            try:
                answer = await ask(port, asked.path, asked.method, asked.body, headers)
                return Answer(answer.status, answer.body)
            except ConnectionError:
                with contextlib.suppress(OSError):
                    os.unlink(self._place.apis / str(port))  # it was killed, and could not say so
            except (OSError, TimeoutError):
                return told({"error": "the API does not answer"}, 504)
        return told({"error": "no task of the API is there"}, 503)

    def ports(self) -> Sequence[int]:
        """Of the tasks that listen."""
        return sorted(int(name) for name in os.listdir(self._place.apis))

    def _metrics(self) -> bytes:
        counts: Sequence[tuple[str, str, str, Mapping[Any, int]]] = [
            ("http_requests_total", "Messages handed in.", "status", self.statuses),
            ("accepted_total", "Messages taken, by customer.", "client", self.clients),
            ("deliveries_total", "What WhatsApp said to messages.", "result", self._whatsapp.results),
        ]
        lines = []
        for name, about, label, found in counts:
            lines += [f"# HELP {name} {about}", f"# TYPE {name} counter"]
            lines += [f'{name}{{{label}="{one}"}} {number}' for one, number in sorted(found.items())]
        lines += ["# HELP pool_exhausted_total Requests that found no session of the database."]
        lines += ["# TYPE pool_exhausted_total counter", f"pool_exhausted_total {self.exhausted}", ""]
        return "\n".join(lines).encode()


class Customers:
    """A shop that sends one by one, a bank that sends in bursts, and whoever has stolen the shop's key."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._random = random.Random(3)
        self._keys: dict[str, str] = {}

    async def shop(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(_SHOP * self._random.uniform(0.6, 1.4))
            await self._send("shop")

    async def bank(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(_EVERY)
            await asyncio.gather(*(self._send("bank") for _ in range(_BURST)))

    async def _send(self, client: str) -> None:
        if client not in self._keys:
            self._keys[client] = self.key(client)
        if await self.send(self._keys[client], f"10.20.0.{7 if client == 'shop' else 9}") == 401:
            await asyncio.sleep(_LEARNS)
            self._keys[client] = self.key(client)

    def key(self, client: str) -> str:
        """What a customer has been told."""
        return self._place.settings().get(f"API_KEY_{client.upper()}", "")

    async def send(self, key: str, sender: str, template: str = "") -> int:
        """One message; the status it is answered with, 0 when nobody answers."""
        phone = f"+49151{self._random.randrange(10**7):07}"
        body = json.dumps({"to": phone, "template": template or self._random.choice(TEMPLATES)}).encode()
        headers = {"X-API-Key": key, "X-Forwarded-For": sender}
        with contextlib.suppress(OSError, TimeoutError):
            return (await ask(self._place.web, "/v1/messages", "POST", body, headers, 8.0)).status
        return 0
