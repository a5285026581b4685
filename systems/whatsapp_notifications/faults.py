"""What can go wrong with the system, truly, and how it is noticed that somebody has remedied it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import psycopg
import redis.asyncio
from redis.exceptions import RedisError

from systems.faults import Acts, as_long_as, watch
from systems.whatsapp_notifications.gateway import Customers, Gateway
from systems.whatsapp_notifications.place import LOGIN, MEMORY, Place
from systems.whatsapp_notifications.region import Region, is_up, start_database, stop_database
from systems.whatsapp_notifications.vendors import AT_ONCE, FEW, Vendors

_LOOK: Final = 0.3
_WAITING: Final = 1200
"""Messages of a campaign that wait, for as long as the workers are few: what they send comes after."""
_ENOUGH: Final = 4
"""Workers from which on nothing comes after."""
_CALM: Final = 600
"""Messages that wait, below which a campaign is as good as sent."""
_QUIET: Final = 24
"""Looks in a row at which nothing more was refused, over three bursts, after which the remedy is believed."""
_REST: Final = 14
"""Looks in a row at which no message was handed to WhatsApp, after which its outage ends: a worker comes again within
three seconds. Counted, so that a machine that stands still for a moment ends nothing."""
_SALE: Final = "spring_sale"
_SALES: Final = 12
_STOLEN: Final = 1.0
"""Seconds between two waves of messages with the stolen key."""
_WAVE: Final = 8
_GIVES_UP: Final = 3
"""Waves that are refused whole, one after the other, after which the thief goes away."""
_IMPORTED: Final = 3000
"""Bytes of each key that the import leaves in Redis."""

_CAMPAIGN: Final = (
    "INSERT INTO notifications (client, recipient_phone, template)"
    " SELECT %s, '+49160' || lpad(n::text, 7, '0'), %s FROM generate_series(1, %s) n RETURNING id, recipient_phone"
)

_SNAPSHOT: Final = "backup-before-migration"
_DUMP: Final = b"COPY notifications TO STDOUT"
_MIGRATION: Final = b"DELETE FROM notifications WHERE created_at < now() - interval '1 hour'"
_BESIDE: Final = b"CREATE TEMPORARY TABLE restored (LIKE notifications)"
_LOAD: Final = b"COPY restored FROM STDIN"
_MISSING: Final = b"INSERT INTO notifications SELECT * FROM restored ON CONFLICT (id) DO NOTHING"

_COPY: Final = b"SELECT recipient_phone, pg_sleep(0.2) FROM notifications"
"""Takes an hour, as a large table would."""


class Faults:
    """Starts what is asked for; each ends by its remedy, or by being healed."""

    def __init__(self, region: Region, vendors: Vendors, gateway: Gateway, customers: Customers) -> None:
        self._region = region
        self._place: Place = region.place
        self._vendors = vendors
        self._gateway = gateway
        self._customers = customers

    async def watch(self) -> None:
        """Five times a second, each fault that is asked for and not yet running."""
        acts: Acts = {
            "bad-release": self.released,
            "revoked-token": self.revoked,
            "campaign": self.campaign,
            "hung-workers": self.hung,
            "paused-template": self.paused,
            "open-transaction": self.opened,
            "dead-database": self.dead,
            "leaked-key": self.stolen,
            "full-cache": self.full,
            "rate-limits": self.limited,
            "hung-api": self.silent,
            "data-leak": self.leaked,
            "clean-up": self.cleaned,
            "vendor-outage": self.out,
            "lost-rows": self.lost,
        }
        await watch(self._place, acts, (psycopg.Error, OSError, RedisError))

    async def released(self) -> None:
        """A release that fails many messages, until nothing of it runs."""
        service, sentry = self._region.service("api"), self._vendors.sentry
        good, bad = service.deployments[0].revision, self._region.release("api", flawed=True)
        title = "KeyError: 'components' in render_template"
        self._region.cluster.deploy(service, bad)
        failed = self._gateway.statuses[500]

        def goes_on() -> bool:
            nonlocal failed
            if (more := self._gateway.statuses[500] - failed) > 0:
                sentry.report(title, "api.messages", "error", more)
                failed += more
            return service.deployments[0].revision == bad or any(one.flawed for one in self._region.bodies("api"))

        try:
            await as_long_as(goes_on)
        except asyncio.CancelledError:
            self._region.cluster.deploy(service, good)
            raise
        finally:
            sentry.resolve(title)

    async def revoked(self) -> None:
        """WhatsApp accepts any other token, which workers are told when they start."""
        whatsapp, sentry = self._vendors.whatsapp, self._vendors.sentry
        title = "AuthError: 401, code 190 from WhatsApp"
        whatsapp.revoked = self._region.secrets.value(LOGIN).get("token", "")
        refused, quiet = whatsapp.results["refused"], 0
        try:
            while quiet < _QUIET:
                await asyncio.sleep(_LOOK)
                quiet += 1
                if (more := whatsapp.results["refused"] - refused) > 0:
                    sentry.report(title, "worker.send", "fatal", more)
                    refused, quiet = refused + more, 0
        finally:
            whatsapp.revoked = ""
            sentry.resolve(title)

    async def campaign(self) -> None:
        """More than two workers can send, until there are more of them, or it is over."""
        queue = self._region.queue
        while self._region.workers() < _ENOUGH:
            if (missing := _WAITING - queue.counts()[0]) > 0:
                await self._queue("summer", missing)
            await asyncio.sleep(_LOOK)
        await as_long_as(lambda: queue.counts()[0] > _CALM)

    async def hung(self) -> None:
        """Every worker that runs now does nothing any more."""
        await _hung(lambda: self._tasks("worker") | {one.pid for one in self._region.containers()})

    async def silent(self) -> None:
        """Every task of the API that runs now takes requests and answers none."""
        await _hung(lambda: self._tasks("api"))

    def _tasks(self, service: str) -> set[int]:
        return {one.pid for one in self._region.bodies(service) if one.pid is not None}

    async def paused(self) -> None:
        """A template is refused until its messages are dead letters; from then on it would be taken."""
        whatsapp, queue, dead = self._vendors.whatsapp, self._region.queue, self._region.dead
        whatsapp.paused.add(_SALE)
        try:
            await self._queue(_SALE, _SALES)
            await as_long_as(lambda: any(_SALE in one.body for one in queue.messages.values()))
        finally:
            whatsapp.paused.discard(_SALE)
        await as_long_as(lambda: dead.messages)

    async def opened(self) -> None:
        """A transaction that somebody left open holds a table, until its session is ended."""
        session = await self._session("migration")
        try:
            await session.set_autocommit(False)
            await session.execute("LOCK TABLE notifications IN ACCESS EXCLUSIVE MODE")
            await as_long_as(lambda: not select.select([session.pgconn.socket], [], [], 0)[0])
        finally:
            session.pgconn.finish()

    async def dead(self) -> None:
        """The server is gone; a reboot of the instance starts another."""
        await asyncio.to_thread(stop_database, self._place)
        try:
            while not await is_up(self._place):
                await asyncio.sleep(_LOOK)
        except asyncio.CancelledError:
            await asyncio.to_thread(start_database, self._place)
            raise

    async def cleaned(self) -> None:
        """A script meant for another place ends the API, the workers and the database; over when all three are back."""
        service = self._region.service("api")
        wanted, workers = service.desired, self._region.containers()
        service.desired = 0
        await asyncio.gather(asyncio.to_thread(stop_database, self._place), *(one.stop(1.0) for one in workers))
        try:
            while not (service.desired and self._region.containers() and await is_up(self._place)):
                await asyncio.sleep(_LOOK)
        except asyncio.CancelledError:
            service.desired = service.desired or wanted
            await asyncio.to_thread(start_database, self._place)
            await asyncio.gather(*(one.start() for one in workers))
            raise

    async def out(self) -> None:
        """WhatsApp serves nobody until it is left alone for a while; over when a message has gone through again."""
        whatsapp, sentry = self._vendors.whatsapp, self._vendors.sentry
        title = "ConnectionError: 503 from WhatsApp"
        whatsapp.out, rested, failed = True, 0, whatsapp.results["unavailable"]
        try:
            while rested < _REST:
                asked = whatsapp.asked
                await asyncio.sleep(_LOOK)
                rested = rested + 1 if whatsapp.asked == asked else 0
                if (more := whatsapp.results["unavailable"] - failed) > 0:
                    sentry.report(title, "worker.send", "error", more)
                    failed += more
        finally:
            whatsapp.out = False
            sentry.resolve(title)
        delivered = whatsapp.results["delivered"]
        await as_long_as(lambda: whatsapp.results["delivered"] == delivered)

    async def lost(self) -> None:
        """A migration deletes too much; what is missing is taken over from whatever is restored and available."""
        databases = self._region.databases
        before, kept = set(databases.instances), await self._snapshot()
        try:
            session = await self._session("migration")
            try:
                await session.execute(_MIGRATION)
            finally:
                session.pgconn.finish()
            while not any(
                one.status == "available" and name not in before for name, one in databases.instances.items()
            ):
                await asyncio.sleep(_LOOK)
        finally:
            while not await self._taken_over(kept):
                await asyncio.sleep(_LOOK)

    async def _snapshot(self) -> bytes:
        """All rows, as a snapshot of this moment has them."""
        self._region.databases.keep(_SNAPSHOT, timedelta(0), "manual")
        session = await self._session("migration")
        try:
            async with session.cursor().copy(_DUMP) as dump:
                return b"".join([bytes(part) async for part in dump])
        finally:
            session.pgconn.finish()

    async def _taken_over(self, kept: bytes) -> bool:
        """Those of the rows that are missing are there again; False when the database can't be asked now."""
        try:
            session = await self._session("migration")
            try:
                await session.execute(_BESIDE)
                async with session.cursor().copy(_LOAD) as load:
                    await load.write(kept)
                await session.execute(_MISSING)
            finally:
                session.pgconn.finish()
        except (psycopg.Error, OSError):
            return False
        return True

    async def leaked(self) -> None:
        """Somebody copies the numbers of all recipients, until his session is ended."""
        session = await self._session("export")
        try:
            await session.execute(_COPY)
        finally:
            session.pgconn.finish()

    async def stolen(self) -> None:
        """Somebody sends with the shop's key, until it is accepted no more."""
        key, refused = self._customers.key("shop"), 0
        while refused < _GIVES_UP:
            sender = f"203.0.113.{int(time.monotonic()) % 200 + 20}"
            wave = asyncio.gather(*(self._customers.send(key, sender, "code") for _ in range(_WAVE)))
            await asyncio.sleep(_STOLEN)
            refused = refused + 1 if set(await wave) == {401} else 0

    async def full(self) -> None:
        """Keys that never expire fill Redis, which then refuses every write."""
        cache = redis.asyncio.Redis.from_url(
            self._place.cache_url, decode_responses=True, socket_timeout=2, socket_connect_timeout=2
        )
        try:
            await cache.config_set("maxmemory", MEMORY)
            await cache.config_set("maxmemory-policy", "noeviction")
            await self._fill(cache)
            while True:
                told: Any = await cache.config_get("maxmemory*")
                if int(told["maxmemory"]) > MEMORY or told["maxmemory-policy"] != "noeviction":
                    return
                await asyncio.sleep(_LOOK)
        finally:
            keys = [key async for key in cache.scan_iter("import:*", count=1000)]
            if keys and not self._place.on("full-cache"):
                await cache.unlink(*keys)
            await cache.aclose()

    async def _fill(self, cache: Any) -> None:
        number, full = 0, False
        while not full:
            async with cache.pipeline(transaction=False) as pipe:
                for one in range(number, number + 20):
                    pipe.set(f"import:{one}", "x" * _IMPORTED)
                answers = await pipe.execute(raise_on_error=False)
            full, number = any(isinstance(one, Exception) for one in answers), number + 20
            await asyncio.sleep(0)

    async def limited(self) -> None:
        """WhatsApp takes few messages at a time, until the workers send no more than that."""
        whatsapp = self._vendors.whatsapp
        whatsapp.at_once, limited, quiet = FEW, whatsapp.results["limited"], 0
        try:
            while quiet < _QUIET:
                await asyncio.sleep(_LOOK)
                more = whatsapp.results["limited"] - limited
                limited, quiet = limited + more, 0 if more else quiet + 1
        finally:
            whatsapp.at_once = AT_ONCE

    async def _queue(self, template: str, number: int) -> None:
        """Messages of a campaign, noted and in the queue."""
        session = await self._session("campaign")
        try:
            cursor = await session.execute(_CAMPAIGN.encode(), ["bank", template, number])
            for id, phone in await cursor.fetchall():
                self._region.queue.put(json.dumps({"id": id, "to": phone, "template": template}))
        finally:
            with contextlib.suppress(psycopg.Error, OSError):
                await session.close()

    async def _session(self, application: str) -> psycopg.AsyncConnection[Any]:
        keywords: Any = self._place.database(application)
        return await psycopg.AsyncConnection.connect(autocommit=True, **keywords)


async def _hung(running: Callable[[], set[int]]) -> None:
    """Those that run now are stopped where they are, until none of them is left; healing lets them go on."""
    await as_long_as(lambda: not running())
    hit = running()
    for pid in hit:
        os.kill(pid, signal.SIGSTOP)
    try:
        await as_long_as(lambda: hit & running())
    finally:
        for pid in hit & running():
            os.kill(pid, signal.SIGCONT)
