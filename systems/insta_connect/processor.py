"""webhook-processor: works through the events that came. It learns which accounts there are when it starts."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from systems.insta_connect.database import Database, DatabaseError
from systems.insta_connect.logbook import Logbook
from systems.insta_connect.meters import Meters
from systems.insta_connect.place import Place
from systems.programs import end_with_manager

SERVICE: Final = "webhook-processor"

BATCH: Final = 25
"""Events taken at once."""

PAUSE: Final = 0.25
"""Seconds between two batches."""

REFUSED: Final = 150
"""Every so many events there is one whose medium has been deleted meanwhile."""

TOLD: Final = 60
"""Events for which there is one line in the log."""

_TAKE: Final = "SELECT id, account_id FROM webhook_events WHERE status = 'pending' ORDER BY id LIMIT %s"
_SETTLE: Final = "UPDATE webhook_events SET status = %s, error = %s, processed_at = now() WHERE id = ANY(%s)"


class Processor:
    """Takes events and settles them."""

    def __init__(self, place: Place) -> None:
        self.meters = Meters(SERVICE)
        self.log = Logbook(place.logs, SERVICE)
        self.database = Database(place, self.meters, 2)
        self.accounts: set[int] = set()
        self._done = 0
        place.over("webhook-errors")  # it learns every account that there is now

    async def work(self) -> None:
        """For ever."""
        while True:
            try:
                if not self.accounts:
                    rows = await self.database.query("SELECT id FROM meta_accounts")
                    self.accounts = {row[0] for row in rows}
                    self.log.info(f"{len(self.accounts)} accounts known")
                await self._batch()
            except DatabaseError as error:
                if self.accounts:  # at first the database may still be coming up
                    self.log.error(f"webhook events can't be read: {error}")
                await asyncio.sleep(1)
            await asyncio.sleep(PAUSE)

    async def _batch(self) -> None:
        failed: dict[str, list[int]] = {}
        good: list[int] = []
        for number, account in await self.database.query(_TAKE, BATCH):
            if reason := self._refusal(number, account):
                failed.setdefault(reason, []).append(number)
            else:
                good.append(number)
        for reason, numbers in failed.items():
            await self.database.query(_SETTLE, "failed", reason, numbers)
            self.meters.count("webhook_events_total", len(numbers), result="failed")
            self.log.error(f"webhook event {numbers[-1]} failed: {reason}")
        if good:
            await self.database.query(_SETTLE, "processed", "", good)
            self.meters.count("webhook_events_total", len(good), result="processed")
            self._tell(len(good))

    def _refusal(self, number: int, account: int) -> str:
        if account not in self.accounts:
            return f"unknown account {account}"
        return "the medium is not there any more" if number % REFUSED == 0 else ""

    def _tell(self, count: int) -> None:
        before, self._done = self._done, self._done + count
        if self._done // TOLD > before // TOLD:
            self.log.info(f"{self._done} webhook events processed")


async def main(place: Place) -> None:
    """Work until ended."""
    processor = Processor(place)
    processor.log.info(f"{SERVICE} ready")
    async with asyncio.TaskGroup() as group:
        group.create_task(processor.meters.keep(place.folder / "metrics"))
        group.create_task(processor.work())


if __name__ == "__main__":
    place = Place.of(sys.argv)
    end_with_manager(place.folder)
    asyncio.run(main(place))
