"""The world's main program: the simulated cloud whose tasks are processes, what is not ours, customers and faults.

What it listens on is loopback: the cloud's endpoint, the gateway before the API, and the vendors.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Final

from systems.docker.api import listen
from systems.engines import postgres_programs, redis_program
from systems.faults import play
from systems.furnish import furnish
from systems.programs import end_with_manager, log, say
from systems.web import ask, serve
from systems.whatsapp_notifications import SCRIPT, TOGETHER
from systems.whatsapp_notifications.faults import Faults
from systems.whatsapp_notifications.gateway import Customers, Gateway
from systems.whatsapp_notifications.place import Place
from systems.whatsapp_notifications.region import Region, furnish_cache
from systems.whatsapp_notifications.vendors import Vendors

SENT: Final = 20_000
"""Notifications that were sent before the curtain."""

_SCHEMA: Final = f"""
CREATE TABLE notifications (
    id bigserial PRIMARY KEY, client text NOT NULL, recipient_phone text NOT NULL, template text NOT NULL,
    status text NOT NULL DEFAULT 'queued', created_at timestamptz NOT NULL DEFAULT now(), sent_at timestamptz
);
INSERT INTO notifications (client, recipient_phone, template, status, created_at, sent_at)
    SELECT (ARRAY['shop','bank'])[n % 2 + 1], '+49151' || lpad((n * 7919 % 10000000)::text, 7, '0'), 'code', 'sent',
        now() - n * interval '1 minute', now() - n * interval '1 minute' + interval '2 seconds'
    FROM generate_series(1, {SENT}) n;
GRANT SELECT (id) ON notifications TO opsroom;
ANALYZE notifications;
"""


async def announce(place: Place) -> None:
    """Say so when the API is healthy."""
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            answer = await ask(place.web, "/v1/health")
            if answer.status == 200 and all(
                json.loads(answer.body)[part]["connected"] for part in ("database", "redis")
            ):
                return say(place.folder, "api: healthy")
        await asyncio.sleep(0.1)


async def begin(place: Place, customers: Customers, by_themselves: bool) -> None:
    """Tell when it is healthy; then customers come, and faults by themselves."""
    await announce(place)
    async with asyncio.TaskGroup() as group:
        group.create_task(customers.shop())
        group.create_task(customers.bank())
        if by_themselves:
            group.create_task(play(place, SCRIPT, TOGETHER))


async def main(place: Place, by_themselves: bool) -> None:
    """Until ended."""
    place.apis.mkdir(mode=0o700, exist_ok=True)
    for left in place.apis.iterdir():
        left.unlink()
    region, vendors = Region(place), Vendors()
    gateway, customers = Gateway(place, vendors.whatsapp), Customers(place)
    cloud = await serve(place.cloud, region.gate().answer)
    outside = await serve(place.vendors, vendors.answer)
    web = await serve(place.web, gateway.answer)
    log("INFO", "the simulated cloud answers")
    if postgres_programs() is not None:
        await furnish(place.folder, place.postgres, place.owner, _SCHEMA)
    if redis_program() is not None:
        await furnish_cache(place)
    docker = await listen(region.docker, place.docker)
    await region.docker.up(place.compose)
    async with cloud, outside, web, docker, asyncio.TaskGroup() as group:
        group.create_task(region.live())
        group.create_task(Faults(region, vendors, gateway, customers).watch())
        group.create_task(begin(place, customers, by_themselves))


if __name__ == "__main__":
    place = Place.of(sys.argv)
    end_with_manager(place.folder)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(place, sys.argv[-1] == "1"))
