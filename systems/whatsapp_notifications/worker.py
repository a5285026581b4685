"""A worker: takes messages from the queue, sends them over WhatsApp and notes what became of them. A real process.

What WhatsApp refuses for a reason that passes is kept and tried again, later each time; what it refuses for good is
given back, until the queue takes it out.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import psycopg

from systems.programs import log
from systems.stage import die_with_parent
from systems.web import Answer, ask
from systems.whatsapp_notifications.aws import sqs, token
from systems.whatsapp_notifications.place import QUEUE, Place
from systems.whatsapp_notifications.store import Exhausted, Store

HELD: Final = 8
"""Seconds for which a message is hidden, and again with every try."""
AGAIN: Final = 1
"""Seconds until one that was refused for good is given out again."""
_LATEST: Final = 3.0
"""Seconds between two tries at most."""
_IDLE: Final = 0.4
"""Seconds until an empty queue is asked again."""
_SENT: Final = "UPDATE notifications SET status = 'sent', sent_at = now() WHERE id = %s"


class Worker:
    """So many lanes, each with one message at a time; none is taken for which no lane is free."""

    def __init__(self, place: Place, token: str) -> None:
        given = os.environ.get("WORKER_CONCURRENCY", "4")
        self.lanes = max(1, int(given)) if given.isdecimal() else 4
        self._place = place
        self._token = token
        self._store = Store(place, "worker", 2)
        self._under_way: set[asyncio.Task[None]] = set()

    async def work(self) -> None:
        """For ever."""
        while True:
            free, found = min(10, self.lanes - len(self._under_way)), list[dict[str, Any]]()
            try:
                if free:
                    asked = {"MaxNumberOfMessages": free, "VisibilityTimeout": HELD}
                    found = (await sqs(self._place, "ReceiveMessage", QUEUE, **asked)).get("Messages") or []
            except (OSError, TimeoutError) as error:
                log("ERROR", f"SQS does not answer: {type(error).__name__}")
            for one in found:
                task = asyncio.ensure_future(self._one(one))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=_IDLE, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(_IDLE)

    async def _one(self, message: dict[str, Any]) -> None:
        told, receipt = json.loads(message["Body"]), message["ReceiptHandle"]
        try:
            if await self._until(self._sent, told, receipt) and await self._until(self._noted, told, receipt):
                await sqs(self._place, "DeleteMessage", QUEUE, ReceiptHandle=receipt)
            else:
                await self._hide(receipt, AGAIN)
        except (OSError, TimeoutError) as error:
            log("ERROR", f"message {told['id']} is left to the queue: {type(error).__name__}")

    async def _until(
        self, attempt: Callable[[dict[str, Any]], Awaitable[bool | None]], told: Any, receipt: str
    ) -> bool:
        """Try for as long as it takes; False when there is no use in it."""
        wait = 0.5
        while (done := await attempt(told)) is None:
            await self._hide(receipt, HELD)
            await asyncio.sleep(wait)
            wait = min(_LATEST, wait * 2)
        return done

    async def _sent(self, told: dict[str, Any]) -> bool | None:
        """True, False when it is refused for good, None when it may go another time."""
        status, words = await self._asked(told)
        if status != 200:
            log("WARN" if status == 429 else "ERROR", f"message {told['id']} status={status} {words}")
        return True if status == 200 else False if status == 400 else None

    async def _asked(self, told: dict[str, Any]) -> tuple[int, str]:
        """(status, WhatsApp's words)."""
        body = {"messaging_product": "whatsapp", "to": told["to"], "template": {"name": told["template"]}}
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            path = "/v21.0/100000000000001/messages"
            answer: Answer = await ask(self._place.vendors, path, "POST", json.dumps(body).encode(), headers)
        except (OSError, TimeoutError) as error:
            return 503, type(error).__name__
        if answer.status == 200:
            return 200, ""
        return answer.status, str(json.loads(answer.body or b"{}").get("error", {}).get("message", ""))

    async def _noted(self, told: dict[str, Any]) -> bool | None:
        try:
            await self._store.query(_SENT, told["id"])
        except (Exhausted, OSError, TimeoutError, psycopg.Error) as error:
            why = str(error).partition("\n")[0][:60] or type(error).__name__
            log("ERROR", f"message {told['id']} was sent and is not noted: {why}")
            return None
        return True

    async def _hide(self, receipt: str, seconds: int) -> None:
        try:
            await sqs(self._place, "ChangeMessageVisibility", QUEUE, ReceiptHandle=receipt, VisibilityTimeout=seconds)
        except OSError:
            log("WARN", "a message was not held in time: it may be sent twice")


async def main(place: Place) -> None:
    """Until told to stop."""
    worker = Worker(place, await token(place))
    stop = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, stop.set)
    log("INFO", f"takes messages, {worker.lanes} at a time")
    work = asyncio.ensure_future(worker.work())
    await stop.wait()
    work.cancel()
    log("INFO", "stopped")


if __name__ == "__main__":
    die_with_parent(signal.SIGKILL, os.getppid())
    asyncio.run(main(Place.of(sys.argv)))
