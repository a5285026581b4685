"""token-refresh: refreshes tokens that end soon. It reads the application's secret when it starts, and only then."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import Final

from systems.insta_connect.client import GraphClient, GraphError
from systems.insta_connect.database import Database, DatabaseError
from systems.insta_connect.logbook import Logbook
from systems.insta_connect.meters import Meters
from systems.insta_connect.place import Place
from systems.programs import end_with_manager

PAUSE: Final = 0.3
"""Seconds between two tokens."""

SERVICE: Final = "token-refresh"

_DUE: Final = (
    "SELECT id, username FROM meta_accounts WHERE expires_at < now() + interval '7 days'"
    " AND (tried_at IS NULL OR tried_at < %s OR tried_at < now() - interval '60 seconds')"
    " ORDER BY tried_at NULLS FIRST, expires_at LIMIT 1"
)
_COUNT: Final = "SELECT count(*) FROM meta_accounts WHERE expires_at < now() + interval '7 days'"


class Refresher:
    """Goes through the accounts."""

    def __init__(self, place: Place) -> None:
        self.began = datetime.now(UTC)
        self.meters = Meters(SERVICE)
        self.log = Logbook(place.logs, SERVICE)
        self.graph = GraphClient(place, self.meters, self.log)
        self.database = Database(place, self.meters, 1)
        self._met = False
        place.over("token-refresh")  # it has the secret that is valid now

    async def work(self) -> None:
        """For ever."""
        while True:
            try:
                await self._one()
                self._met = True
            except DatabaseError as error:
                if self._met:  # at first the database may still be coming up
                    self.log.error(f"tokens can't be looked up: {error}")
                await asyncio.sleep(1)
            await asyncio.sleep(PAUSE)

    async def _one(self) -> None:
        ((count,),) = await self.database.query(_COUNT)
        self.meters.set("tokens_expiring", float(count))
        if not (due := await self.database.query(_DUE, self.began)):
            return
        number, name = due[0]
        try:
            given = await self.graph.call(f"/refresh_access_token?account={number}")
        except GraphError as error:
            self.meters.count("token_refresh_total", result="failure")
            self.log.error(f"token of {name} could not be refreshed: {error}")
            await self.database.query("UPDATE meta_accounts SET tried_at = now() WHERE id = %s", number)
            return
        self.meters.count("token_refresh_total", result="success")
        self.log.info(f"token of {name} refreshed")
        await self.database.query(
            "UPDATE meta_accounts SET tried_at = NULL, access_token = %s, expires_at = now() + %s * interval '1 second'"
            " WHERE id = %s",
            given["access_token"],
            given["expires_in"],
            number,
        )


async def main(place: Place) -> None:
    """Work until ended."""
    refresher = Refresher(place)
    refresher.log.info(f"{SERVICE} ready")
    async with asyncio.TaskGroup() as group:
        group.create_task(refresher.meters.keep(place.folder / "metrics"))
        group.create_task(refresher.work())


if __name__ == "__main__":
    place = Place.of(sys.argv)
    end_with_manager(place.folder)
    asyncio.run(main(place))
