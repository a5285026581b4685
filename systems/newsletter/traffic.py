"""Everything that happens to the newsletter system from outside: its data, its visitors, its campaigns, its faults.

May be restarted at any moment: it makes only what is not there yet, and plays no fault of the script twice. An engine
that is away costs what needs it and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import xmlrpc.client
from typing import Any, Final

import psycopg
import redis

from systems import control
from systems.endings import Endings
from systems.engines import postgres_programs, redis_program
from systems.faults import Acts, play, watch
from systems.furnish import furnish
from systems.newsletter import SCRIPT, TOGETHER
from systems.newsletter.place import Place
from systems.newsletter.world import RUNNING
from systems.programs import end_with_manager, log, say

CAMPAIGNS: Final = 40
EVENTS: Final = 40_000

STEADY: Final = 4
"""E-mails a second in normal life."""
BURST: Final = 58
"""E-mails a second of the large campaign: 40 more than two workers send."""
LARGE: Final = 2400
"""E-mails of the large campaign."""
TOLD: Final = 50
"""E-mails for which there is one line in the log."""
POOL: Final = 4
"""Sessions in the pool: one can hold what the others wait for."""
DRAINED: Final = 50
"""E-mails waiting when the large campaign counts as sent."""

_SCHEMA = f"""
CREATE TABLE tenants (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE campaigns (id int PRIMARY KEY, tenant_id int REFERENCES tenants, name text, sent int DEFAULT 0,
    created_at timestamptz DEFAULT now());
CREATE TABLE subscribers (id int PRIMARY KEY, tenant_id int REFERENCES tenants, email text);
CREATE TABLE email_events (id bigserial PRIMARY KEY, campaign_id int, event_type text, created_at timestamptz);
INSERT INTO tenants SELECT n, 'tenant ' || n FROM generate_series(1, 8) n;
INSERT INTO campaigns SELECT n, n % 8 + 1, 'campaign ' || n FROM generate_series(1, {CAMPAIGNS}) n;
INSERT INTO subscribers SELECT n, n % 8 + 1, 'reader' || n || '@example.org' FROM generate_series(1, 5000) n;
INSERT INTO email_events (campaign_id, event_type, created_at)
    SELECT n % {CAMPAIGNS} + 1, (ARRAY['sent','open','click','bounce'])[n % 4 + 1], now() - n * interval '1 minute'
    FROM generate_series(1, {EVENTS}) n;
CREATE INDEX idx_email_events_campaign ON email_events (campaign_id);
"""

_REPORT = (
    "SELECT count(*) FROM email_events a JOIN email_events b ON a.event_type <> b.event_type"
    " JOIN subscribers s ON s.email <> a.event_type WHERE a.created_at < b.created_at + interval '3 days'"
)
"""Hours of work for one core."""


class Traffic:
    """Visitors and campaigns."""

    def __init__(self, place: Place) -> None:
        from bullmq import Queue  # here, so that filling the database need not wait for it

        self.place = place
        options: Any = {"connection": place.queue_url}
        self.emails = Queue("campaign-emails", options)
        self.insights = Queue("ai-insights", options)
        self.random = random.Random(7)
        self.count = 0
        """E-mails made so far."""
        self.large = 0
        """E-mails made of the large campaign; 0 when there is none."""

    async def visit(self) -> None:
        """Some requests a second: most visitors look at the list, some at one campaign."""
        while True:
            detail = self.random.random() < 0.2
            with contextlib.suppress(OSError, TimeoutError):
                await self._get(f"/api/campaigns/{self.random.randint(1, CAMPAIGNS)}" if detail else "/api/campaigns")
            await asyncio.sleep(0.1)

    async def _get(self, path: str) -> None:
        async with asyncio.timeout(4):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.place.web)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: newsletter\r\n\r\n".encode())
                await reader.read()
            finally:
                writer.close()

    async def campaign(self) -> None:
        """E-mails to send: a few a second, and those of a large campaign while there is one."""
        while True:
            number = STEADY // 2
            with contextlib.suppress(OSError, redis.RedisError):
                number = await self._each_half_second()
                await self.emails.addBulk([self._email() for _ in range(number)])
            await asyncio.sleep(0.5)

    async def _each_half_second(self) -> int:
        """How many e-mails come now. The large campaign is over when it is made and all but sent."""
        if not self.place.on("queue-backlog"):
            self.large = 0
        elif self.large < LARGE:
            if self.large == 0:
                log("INFO", f"a large campaign begins: {LARGE} e-mails, {BURST} a second")
            self.large += BURST // 2
            return BURST // 2
        elif sum((await self.emails.getJobCounts("wait", "prioritized")).values()) < DRAINED:
            log("INFO", f"the large campaign is sent: {LARGE} e-mails")
            self.place.over("queue-backlog")
            self.large = 0
        return STEADY // 2

    def _email(self) -> dict[str, Any]:
        """An e-mail to send; now and then one for later, and one that goes first."""
        self.count += 1
        if self.count % TOLD == 0:
            log("INFO", f"{self.count} e-mails handed to the workers")
        options: dict[str, Any] = {
            "attempts": 2,
            "removeOnComplete": {"count": 200},
            "removeOnFail": {"count": 200},
        }
        if self.count % 90 == 0:
            options["delay"] = 60_000
        elif self.count % 25 == 0:
            options["priority"] = 5
        return {"name": "send", "data": {"campaign": self.count % CAMPAIGNS + 1}, "opts": options}

    async def insight(self) -> None:
        """Something to compute now and then."""
        options = {"removeOnComplete": {"count": 50}}
        while True:
            with contextlib.suppress(OSError, redis.RedisError):
                await self.insights.add("insight", {"tenant": self.random.randint(1, 8)}, options)
            await asyncio.sleep(3)


class Faults:
    """Starts what is asked for, and notices when somebody has remedied it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._pool: list[psycopg.AsyncConnection[Any]] = []
        self._turn = asyncio.Lock()

    async def watch(self) -> None:
        """Five times a second, each fault that is asked for and not yet running."""
        acts: Acts = {
            "runaway-query": self.runaway,
            "blocked-sessions": self.blocked,
            "dead-worker": self.dead,
        }
        await watch(self.place, acts, (psycopg.Error, OSError))

    async def _session(self, application: str) -> psycopg.AsyncConnection[Any]:
        keywords: Any = self.place.database(application)
        return await psycopg.AsyncConnection.connect(autocommit=True, **keywords)

    async def runaway(self) -> None:
        """A report that takes for ever; ends when it is cancelled or its session is terminated."""
        connection = await self._session("newsletter-report")
        try:
            await connection.execute(_REPORT)
        finally:
            _drop(connection)

    async def pool(self) -> list[psycopg.AsyncConnection[Any]]:
        """Sessions that are open before anybody needs them, as an application's are; a lost one is opened anew."""
        async with self._turn:
            self._pool = [one for one in self._pool if await self._lives(one)]
            while len(self._pool) < POOL:
                self._pool.append(await self._session("newsletter-app"))
            return self._pool

    async def tend(self) -> None:
        """Every few seconds, sessions that were lost."""
        while True:
            with contextlib.suppress(psycopg.Error, OSError):
                await self.pool()
            await asyncio.sleep(3)

    async def _lives(self, connection: psycopg.AsyncConnection[Any]) -> bool:
        """Asked only of a session at rest: a question to one in the middle of a fault would move what is seen of it."""
        if connection.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
            return not connection.closed
        try:
            await connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    async def blocked(self) -> None:
        """An idle transaction holds a row that others wait for; over when the last of them got it."""
        holder, *others = await self.pool()
        await holder.execute("BEGIN")
        await holder.execute("UPDATE campaigns SET name = name WHERE id = 1")
        waits = [one.execute("UPDATE campaigns SET sent = sent + 1 WHERE id = 1") for one in others]
        try:
            await asyncio.shield(asyncio.gather(*waits, return_exceptions=True))
        finally:
            with contextlib.suppress(psycopg.Error):
                await holder.execute("ROLLBACK")

    async def dead(self) -> None:
        """Every worker is killed once; over when another one runs. Healing starts the usual ones."""
        killed = set((await self._workers()).values())
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while not set((await self._workers()).values()) - killed:
                await asyncio.sleep(0.4)
        except asyncio.CancelledError:
            await asyncio.to_thread(start_workers, self.place)
            raise

    async def _workers(self) -> dict[str, int]:
        return await asyncio.to_thread(control.running, self.place.folder, "worker")


def _drop(connection: psycopg.AsyncConnection[Any]) -> None:
    """Close without waiting for the server: its session ends when it notices."""
    with contextlib.suppress(psycopg.Error, OSError):
        connection.cancel()
    connection.pgconn.finish()


def start_workers(place: Place) -> None:
    """Start the usual workers again; one that runs already stays as it is."""
    for number in range(1, RUNNING + 1):
        with contextlib.suppress(OSError, xmlrpc.client.Fault):
            control.call(place.folder, "startProcess", f"worker:worker-{number}", False)


async def announce(place: Place) -> None:
    """Say so when the application is healthy."""
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(4):
                reader, writer = await asyncio.open_connection("127.0.0.1", place.web)
                try:
                    writer.write(b"GET /api/health HTTP/1.1\r\nHost: newsletter\r\n\r\n")
                    healthy = (await reader.read()).split(b" ")[1:2] == [b"200"]
                finally:
                    writer.close()
            if healthy:
                return say(place.folder, "newsletter-app: healthy")
        await asyncio.sleep(0.1)


async def begin(place: Place) -> None:
    """Faults that come by themselves, once the application is healthy."""
    await announce(place)
    await play(place, SCRIPT, TOGETHER)


async def main(place: Place, by_themselves: bool) -> None:
    """Until ended."""
    if postgres_programs() is not None:
        await furnish(place.folder, place.postgres, "newsletter", _SCHEMA)
    async with asyncio.TaskGroup() as group:
        group.create_task(begin(place) if by_themselves else announce(place))
        faults = Faults(place)
        group.create_task(faults.watch())
        if postgres_programs() is not None:
            group.create_task(faults.tend())
        traffic = Traffic(place)
        group.create_task(traffic.visit())
        if redis_program() is not None:
            group.create_task(traffic.campaign())
            group.create_task(traffic.insight())
        group.create_task(Endings(place.folder).watch())
        say(place.folder, "traffic: the first campaigns are on their way")


if __name__ == "__main__":
    place = Place.of(sys.argv)
    end_with_manager(place.folder)
    asyncio.run(main(place, sys.argv[5] == "1"))
