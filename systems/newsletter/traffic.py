"""Everything that happens to the newsletter system from outside: its data, its visitors, its campaigns.

May be restarted at any moment: it makes only what is not there yet, and plays no fault of the script twice. An engine
that is away costs what needs it and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from typing import Any, Final

import redis

from systems.endings import Endings
from systems.engines import postgres_programs, redis_program
from systems.faults import play
from systems.furnish import furnish
from systems.newsletter import SCRIPT, TOGETHER
from systems.newsletter.faults import Faults
from systems.newsletter.place import Place
from systems.programs import end_with_manager, log, say
from systems.web import ask

CAMPAIGNS: Final = 40
EVENTS: Final = 40_000

STEADY: Final = 4
"""E-mails a second in normal life."""
BURST: Final = 58
"""E-mails a second of the large campaign: 40 more than two workers send."""
LARGE: Final = 1800
"""E-mails of the large campaign."""
TOLD: Final = 50
"""E-mails for which there is one line in the log."""
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
DO $$ BEGIN
    IF current_setting('server_version_num')::int >= 170000 THEN GRANT MAINTAIN ON email_events TO opsroom; END IF;
END $$;
"""
"""From version 17 on the room may vacuum the largest table, and still can't read it."""


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
                path = f"/api/campaigns/{self.random.randint(1, CAMPAIGNS)}" if detail else "/api/campaigns"
                await ask(self.place.web, path, within=4)
            await asyncio.sleep(0.1)

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


async def announce(place: Place) -> None:
    """Say so when the application is healthy."""
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            if (await ask(place.web, "/api/health", within=4)).status == 200:
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
