"""The simulated part of the world in one process: the cluster with its API, the pages behind its ingress, what watches
them, and the bucket of backups. PostgreSQL and Redis, which the pages use, are real.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from typing import Final

from systems.endings import Endings
from systems.engines import postgres_programs, redis_program
from systems.faults import play
from systems.furnish import furnish
from systems.programs import end_with_manager, log, say
from systems.social_live import SCRIPT, TOGETHER
from systems.social_live.apiserver import ApiServer
from systems.social_live.bucket import Bucket
from systems.social_live.controllers import Autoscalers, Deployments
from systems.social_live.database import SCHEMA, Cache, Database
from systems.social_live.documents import furnished
from systems.social_live.faults import Faults
from systems.social_live.kubelet import Kubelet
from systems.social_live.monitoring import Grafana, Prometheus, Watched
from systems.social_live.place import Place
from systems.social_live.visitors import Visitors
from systems.web import serve

BEAT: Final = 0.2
"""Seconds of a step of everything that lives."""


class World:
    """Everything that is played, on one clock."""

    def __init__(self, place: Place) -> None:
        self.place = place
        chance = random.Random(7)
        self.store = furnished()
        self.kubelet = Kubelet(self.store, chance)
        self.deployments = Deployments(self.store, self.kubelet, chance)
        self.autoscalers = Autoscalers(self.store, self.kubelet)
        self.database = Database(place)
        self.visitors = visitors = Visitors(self.kubelet, self.database, chance)
        self.prometheus = Prometheus(
            {
                "namespace:backend_memory:ratio": visitors.memory_share,
                "namespace:backend_cpu:ratio": visitors.cpu_share,
                "namespace:backend_requests:rate": lambda: visitors.rate,
            }
        )
        down, errors = "backend serves nobody", "more than one request in twenty fails"
        slow, memory = "requests take longer than a second", "the backend is short of memory"
        self.grafana = Grafana(
            [
                Watched("Service Down", "critical", self._unserved, 0.5, 5, down),
                Watched("High Error Rate", "critical", self._failing, 0.05, 5, errors),
                Watched("High Response Time", "warning", self._slowness, 1.0, 6, slow),
                Watched("High Memory Usage", "warning", visitors.memory_share, 0.85, 6, memory),
            ]
        )

    def _unserved(self) -> float:
        return float(not self.kubelet.serving("backend"))

    def _failing(self) -> float | None:
        return self.visitors.failed_share if self.kubelet.serving("backend") else None

    def _slowness(self) -> float | None:
        serving = len(self.kubelet.serving("backend"))
        return self.visitors.takes(self.visitors.rate / serving) if serving else None

    async def live(self) -> None:
        """One step after the other, each as long as it really took."""
        before = sampled = time.monotonic()
        while True:
            await asyncio.sleep(BEAT)
            now = time.monotonic()
            self.kubelet.tick(now - before)
            self.deployments.tick()
            self.autoscalers.tick()
            self.visitors.tick(now - before)
            self.grafana.tick()
            if now - sampled >= 1:
                self.prometheus.tick()
                sampled = now
            before = now

    async def begin(self) -> None:
        """Faults that come by themselves, once the platform is healthy."""
        await self.announce()
        await play(self.place, SCRIPT, TOGETHER)

    async def announce(self) -> None:
        """Say so when the platform is healthy."""
        while not (self.kubelet.serving("backend") and self.kubelet.serving("frontend")):
            await asyncio.sleep(BEAT)
        say(self.place.folder, "social-live: healthy, three pods serve the API")


async def main(place: Place, by_themselves: bool) -> None:
    """Until ended."""
    world = World(place)
    api = ApiServer(world.store, world.kubelet)
    async with asyncio.TaskGroup() as group:
        for port, answer in (
            (place.kubernetes, api.answer),
            (place.api, world.visitors.api),
            (place.web, world.visitors.web),
            (place.prometheus, world.prometheus.answer),
            (place.grafana, world.grafana.answer),
            (place.s3, Bucket().answer),
        ):
            group.create_task((await serve(port, answer)).serve_forever())
        group.create_task(world.live())
        group.create_task(Endings(place.folder).watch())
        say(place.folder, "cluster: the API answers, simulated")
        if postgres_programs() is not None:
            await furnish(place.folder, place.postgres, "social_live", SCHEMA)
            await world.database.prepare()
            group.create_task(world.database.live())
        else:
            world.database.there = False
        if redis_program() is not None:
            group.create_task(Cache(place).live())
        faults = Faults(place, world.store, world.kubelet, world.visitors, world.database)
        group.create_task(faults.watch())
        group.create_task(world.begin() if by_themselves else world.announce())
        log("INFO", "the cluster lives")


if __name__ == "__main__":
    place = Place.of(sys.argv)
    end_with_manager(place.folder)
    asyncio.run(main(place, sys.argv[-1] == "1"))
