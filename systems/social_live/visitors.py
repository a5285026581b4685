"""The people on the platform: requests that pods answer, slowly or wrongly when something is the matter; and its pages.

How long a request takes grows with what its pod has to do, as in a queue with one server: the time of one request over
what is left of the pod.
"""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_left
from typing import Final

from systems.social_live.database import Database
from systems.social_live.documents import FAILING
from systems.social_live.kubelet import LIMIT, Kubelet, Life
from systems.web import METRICS, PLAIN, Answer, Asked, told

USUAL: Final = 40.0
"""Requests a second on a quiet day."""
CROWD: Final = 62.0
"""Requests a second more when a crowd uploads."""
A_POD: Final = 32.0
"""Requests a second that fill a pod."""
TAKES: Final = 0.075
"""Seconds of one request in an idle pod, its database's part left out."""
CPU: Final = 0.0075
"""Seconds of cpu that a request costs; what a crowd uploads costs a tenth: it waits for the storage."""
FAILS: Final = 0.25
"""Share of requests that the failing release answers with an error."""
BUCKETS: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
"""Upper bounds of the histogram, in seconds."""
TOLD: Final = 60
"""Requests for which a pod logs one line."""


class Visitors:
    """Requests, and what came of them."""

    def __init__(self, kubelet: Kubelet, database: Database, chance: random.Random) -> None:
        self._kubelet = kubelet
        self._database = database
        self._chance = chance
        self.crowd = False
        self.statuses: dict[int, float] = {200: 0.0, 500: 0.0, 503: 0.0}
        """Requests answered so far, by status."""
        self.buckets = [0.0 for _ in (*BUCKETS, None)]
        """Requests so far, by how long they took; the last holds those beyond every bound."""
        self.seconds = 0.0
        """All the time requests have taken."""
        self.failed_share = 0.0
        """Of the requests of this moment."""
        self._told: dict[str, float] = {}

    @property
    def rate(self) -> float:
        """Requests a second now."""
        return USUAL + (CROWD if self.crowd else 0.0)

    def tick(self, seconds: float) -> None:
        """The requests of so many seconds."""
        arrive = self.rate * seconds * self._chance.uniform(0.9, 1.1)
        serving = self._kubelet.serving("backend")
        failed = arrive
        if serving:
            failed = sum(self._served(life, arrive / len(serving), seconds) for life in serving)
        else:
            self.statuses[503] += arrive
        self.failed_share = failed / arrive
        for life in self._kubelet.of("frontend"):
            life.cpu = 0.02 + 0.0006 * arrive / seconds

    def _served(self, life: Life, number: float, seconds: float) -> float:
        """Requests that come to one pod; how many of them failed."""
        wants = USUAL / self.rate
        life.cpu = 0.01 + number / seconds * CPU * (wants + (1 - wants) / 10)
        takes = self.takes(number / seconds)
        share = 0.0002
        if not self._database.answers:
            share = 0.9
        if life.image == FAILING:
            share = max(share, FAILS)
        failed = number * share
        self.statuses[500] += failed
        self.statuses[200] += number - failed
        self.seconds += number * takes
        for _ in range(8):  # each stands for an eighth of them
            self.buckets[bisect_left(BUCKETS, takes * self._chance.lognormvariate(0.0, 0.25))] += number / 8
        self._log(life, number, takes, share)
        return failed

    def takes(self, rate: float) -> float:
        """Seconds of a usual request in a pod to which so many come a second."""
        return TAKES / (1 - min(0.965, rate / A_POD)) + self._database.seconds

    def _log(self, life: Life, number: float, takes: float, share: float) -> None:
        """A line for some requests, and one for each kind of trouble now and then."""
        count = self._told.get(life.name, 0.0) + number
        if share > 0.01 and self._chance.random() < 0.25:
            why = (
                "TypeError: Cannot read properties of undefined (reading 'cursor') at FeedService.page"
                if life.image == FAILING
                else "QueryFailedError: timeout exceeded when trying to reach PostgreSQL"
            )
            life.log("ERROR", f"[ExceptionsHandler] GET /feed 500 {why}")
        if takes > 1 and self._chance.random() < 0.1:
            life.log("WARN", f"GET /feed 200 {takes * 1000:.0f}ms, slower than 1000ms")
        if count > TOLD:
            life.log("LOG", f"GET /feed 200 {takes * 1000:.0f}ms, {TOLD} requests since the last line")
            count = 0.0
        self._told[life.name] = count

    # what they see

    async def api(self, request: Asked) -> Answer:
        """The backend behind its ingress."""
        if not self._kubelet.serving("backend"):
            return Answer(503, b"no healthy upstream", PLAIN)
        if request.path == "/metrics":
            return Answer(200, self.exposition().encode(), METRICS)
        if request.path != "/health":
            return told({"statusCode": 404, "message": "Cannot GET here"}, 404)
        await asyncio.sleep(min(0.4, self.takes(self.rate / max(1, len(self._kubelet.serving("backend")))) / 4))
        if not self._database.answers:
            return told({"status": "error", "database": "down"}, 503)
        return told({"status": "ok", "database": "up"})

    async def web(self, request: Asked) -> Answer:
        """The web application behind its ingress."""
        if not self._kubelet.serving("frontend"):
            return Answer(503, b"no healthy upstream", PLAIN)
        return Answer(200, b"<!doctype html><title>Social Live</title>", "text/html; charset=utf-8")

    def exposition(self) -> str:
        """The backend's own numbers, in the text format of Prometheus."""
        lines = ["# TYPE http_requests_total counter"]
        lines += [f'http_requests_total{{status="{code}"}} {count:.2f}' for code, count in self.statuses.items()]
        lines.append("# TYPE http_request_duration_seconds histogram")
        total = 0.0
        for bound, count in zip((*BUCKETS, "+Inf"), self.buckets, strict=True):
            total += count
            lines.append(f'http_request_duration_seconds_bucket{{le="{bound}"}} {total:.2f}')
        lines += [
            f"http_request_duration_seconds_sum {self.seconds:.3f}",
            f"http_request_duration_seconds_count {total:.2f}",
        ]
        heap = max((life.memory * 0.7 for life in self._kubelet.serving("backend")), default=0.0)
        lines += ["# TYPE nodejs_heap_size_used_bytes gauge", f"nodejs_heap_size_used_bytes {heap:.0f}"]
        people = 1247 + 60 * self._chance.uniform(-1, 1)
        lines += ["# TYPE active_users gauge", f"active_users {people:.0f}", ""]
        return "\n".join(lines)

    def memory_share(self) -> float | None:
        """What the backend's containers hold of what they may."""
        lives = [life for life in self._kubelet.of("backend") if life.runs and life.ending is None]
        return sum(life.memory for life in lives) / (LIMIT * len(lives)) if lives else None

    def cpu_share(self) -> float | None:
        """What the backend uses of what its pods ask for."""
        lives = self._kubelet.serving("backend")
        return sum(life.cpu for life in lives) / (0.25 * len(lives)) if lives else None
