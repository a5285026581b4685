"""Everything that happens to insta-connect from outside: its data, its visitors, its events, its nights, its faults.

May be restarted at any moment: it makes only what is not there yet, and plays no fault of the script twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
from datetime import UTC, datetime
from typing import Any, Final

import psycopg

from systems.endings import Endings
from systems.engines import postgres_programs
from systems.faults import play
from systems.furnish import furnish, patiently
from systems.insta_connect import SCRIPT, TOGETHER, dumps
from systems.insta_connect.faults import Faults
from systems.insta_connect.place import Place
from systems.programs import end_with_manager, log, say
from systems.web import ask

ACCOUNTS: Final = 300
EVENTS: Final = 20_000

VISITS: Final = 5.0
"""Visitors a second."""
HOOKS: Final = 6.0
"""Events by webhook a second."""
ENDING: Final = 2.0
"""Tokens a second of which the end comes near: time passes quicker for them than for us."""
STRANGE: Final = 0.3
"""Share of events that are for accounts which nobody knows yet, while there are such."""
KINDS: Final = ("comments", "mentions", "story_insights")

_SCHEMA = f"""
CREATE TABLE meta_accounts (id int PRIMARY KEY, username text NOT NULL, access_token text NOT NULL, media int NOT NULL,
    expires_at timestamptz NOT NULL, tried_at timestamptz);
CREATE TABLE webhook_events (id bigserial PRIMARY KEY, account_id int NOT NULL, kind text NOT NULL,
    status text NOT NULL DEFAULT 'pending', error text NOT NULL DEFAULT '', tries int NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(), processed_at timestamptz);
CREATE TABLE api_usage (day date PRIMARY KEY, calls bigint NOT NULL DEFAULT 0);
INSERT INTO meta_accounts SELECT n, 'studio' || n, md5(random()::text), n % 40 + 1,
    now() + interval '20 days' + n * interval '3 hours' FROM generate_series(1, {ACCOUNTS}) n;
INSERT INTO webhook_events (account_id, kind, status, created_at, processed_at)
    SELECT n % {ACCOUNTS} + 1, (ARRAY['comments','mentions','story_insights'])[n % 3 + 1], 'processed',
    now() - n * interval '1 minute', now() - n * interval '1 minute' FROM generate_series(1, {EVENTS}) n;
INSERT INTO api_usage SELECT current_date + n FROM generate_series(-1, 2) n;
CREATE INDEX idx_webhook_events_status ON webhook_events (status) WHERE status <> 'processed';
CREATE INDEX idx_webhook_events_created ON webhook_events (created_at);
GRANT SELECT (id, username, expires_at, tried_at) ON meta_accounts TO opsroom;
GRANT SELECT (id, account_id, kind, status, error, tries, created_at) ON webhook_events TO opsroom;
"""
"""Who watches may see when a token ends, and never the token."""

_NEARER: Final = (
    "UPDATE meta_accounts SET expires_at = now() + interval '1 day' + random() * interval '5 days' WHERE id ="
    " (SELECT id FROM meta_accounts WHERE expires_at > now() + interval '7 days' ORDER BY random() LIMIT 1)"
)


class Traffic:
    """Visitors, events, and time."""

    def __init__(self, place: Place, faults: Faults) -> None:
        self.place = place
        self.faults = faults
        self.random = random.Random(7)
        self._visitors: set[asyncio.Task[None]] = set()

    async def visit(self) -> None:
        """Each visitor by themselves: one who waits holds nobody else up."""
        while True:
            task = asyncio.create_task(self._visited(self.random.randint(1, ACCOUNTS)))
            self._visitors.add(task)
            task.add_done_callback(self._visitors.discard)
            await asyncio.sleep(self.random.uniform(0.5, 1.5) / VISITS)

    async def _visited(self, account: int) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            await ask(self.place.web, f"/media/{account}", within=20)

    async def notify(self) -> None:
        """Events, as the Graph API would send them."""
        while True:
            strangers = self.faults.strangers
            strange = strangers and self.random.random() < STRANGE
            account = self.random.choice(strangers) if strange else self.random.randint(1, ACCOUNTS)
            body = {"account": account, "kind": self.random.choice(KINDS)}
            with contextlib.suppress(OSError, TimeoutError):
                await ask(self.place.web, "/webhooks", "POST", json.dumps(body).encode())
            await asyncio.sleep(self.random.uniform(0.6, 1.4) / HOOKS)

    async def age(self) -> None:
        """Tokens come near to their end."""
        connection: psycopg.AsyncConnection[Any] | None = None
        while True:
            try:
                if connection is None or connection.closed:
                    keywords: Any = self.place.database("insta-connect-setup")
                    connection = await psycopg.AsyncConnection.connect(autocommit=True, **keywords)
                await connection.execute(_NEARER)
            except (OSError, psycopg.Error):
                if connection is not None:
                    connection.pgconn.finish()
            await asyncio.sleep(1 / ENDING)

    async def back_up(self) -> None:
        """A dump at its hour of the night, for whoever leaves a demonstration open."""
        while True:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(dumps.last_nights, self.place, datetime.now(UTC))
            await asyncio.sleep(600)


async def announce(place: Place) -> None:
    """Say so when the application is healthy."""
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            if (await ask(place.web, "/health")).status == 200:
                return say(place.folder, "insta-connect-app: healthy")
        await asyncio.sleep(0.1)


async def begin(place: Place) -> None:
    """Faults that come by themselves, once the application is healthy."""
    await announce(place)
    await play(place, SCRIPT, TOGETHER)


async def main(place: Place, by_themselves: bool) -> None:
    """Until ended."""
    if postgres_programs() is not None:
        await furnish(place.folder, place.postgres, "insta_connect", _SCHEMA)
        with contextlib.suppress(OSError):
            await patiently(lambda: asyncio.to_thread(dumps.last_nights, place, datetime.now(UTC)), 10)
            say(place.folder, "backups: last week's dumps are there")
    log("INFO", "visitors and events are on their way")
    async with asyncio.TaskGroup() as group:
        group.create_task(begin(place) if by_themselves else announce(place))
        faults = Faults(place)
        traffic = Traffic(place, faults)
        for work in (faults.watch, traffic.visit, traffic.notify, traffic.age, traffic.back_up):
            group.create_task(work())
        group.create_task(Endings(place.folder).watch())


if __name__ == "__main__":
    place = Place.of(sys.argv)
    end_with_manager(place.folder)
    asyncio.run(main(place, sys.argv[5] == "1"))
