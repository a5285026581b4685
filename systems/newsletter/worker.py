"""A worker: sends campaign e-mails and computes insights, one job after the other, through BullMQ's own library.

It notes each e-mail in PostgreSQL. A job it cannot do fails with the reason; it never stops for one.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any, Final

import psycopg
from bullmq import Worker

from systems.newsletter.place import Place
from systems.programs import end_with_manager, log

PER_SECOND: Final = 9.0
"""E-mails a worker sends in a second."""

TOLD: Final = 10
"""E-mails for which there is one line in the log."""

REFUSED: Final = 50
"""Every so many addresses there is one that the provider refuses."""


class Desk:
    """What one worker holds: the provider's key, and its connection to PostgreSQL, opened when it is first needed."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._key = place.keys("mail")[0]
        self._database: psycopg.AsyncConnection[Any] | None = None
        self._lock = asyncio.Lock()
        self._sent = 0

    async def send(self, job: Any, token: str) -> dict[str, str]:
        """Send one e-mail and note it."""
        await asyncio.sleep(1 / PER_SECOND)
        if self._key not in self._place.keys("mail"):
            log("ERROR", f"job {job.id} {job.name}: Resend answered 401, the API key was replaced")
            raise ValueError("Resend: 401 the API key was replaced")
        number = int(job.id) if str(job.id).isdigit() else 1
        if number % REFUSED == 0:
            log("ERROR", f"job {job.id} {job.name}: Resend answered 422, invalid recipient")
            raise ValueError("Resend: 422 invalid recipient")
        await self._note(int(job.data["campaign"]))
        self._sent += 1
        if self._sent % TOLD == 0:
            log("INFO", f"{self._sent} e-mails sent, the last is job {job.id} of campaign {job.data['campaign']}")
        return {"status": "sent"}

    async def compute(self, job: Any, token: str) -> dict[str, str]:
        """Compute an insight."""
        await asyncio.sleep(0.4)
        log("INFO", f"insight {job.id} ready for tenant {job.data['tenant']}")
        return {"status": "ready"}

    async def _note(self, campaign: int) -> None:
        async with self._lock:
            try:
                if self._database is None or self._database.closed:
                    keywords: Any = self._place.database("newsletter-worker")
                    self._database = await psycopg.AsyncConnection.connect(autocommit=True, **keywords)
                await self._database.execute(
                    "INSERT INTO email_events (campaign_id, event_type, created_at) VALUES (%s, 'sent', now())",
                    [campaign],
                )
            except (OSError, psycopg.Error) as error:
                log("ERROR", f"the database does not answer: {type(error).__name__}")
                if self._database is not None:
                    await self._database.close()
                raise RuntimeError("database: not reachable") from None


async def main(place: Place, number: int) -> None:
    """Work until told to stop."""
    desk = Desk(place)
    options: Any = {"connection": place.queue_url, "drainDelay": 5}
    workers = [Worker("campaign-emails", desk.send, options), Worker("ai-insights", desk.compute, options)]
    stop = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, stop.set)
    log("INFO", f"worker {number} ready")
    await stop.wait()
    for worker in workers:
        await worker.close(force=True)


if __name__ == "__main__":
    place = Place.of(sys.argv)
    end_with_manager(place.folder)
    asyncio.run(main(place, int(sys.argv[5])))
