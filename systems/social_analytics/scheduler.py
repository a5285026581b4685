"""The scheduler and the platforms it asks: jobs every few seconds, each run noted, limits and logins as the platforms
have them. A demonstration has no time for hours, so intervals are seconds here.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

USUAL: Final = 60
"""Calls a minute that a platform allows."""
SHORT: Final = 18
"""The same under the fault: three jobs every five seconds make 36."""
_WINDOW: Final = 20.0
"""Seconds over which a platform counts."""
_RUNS: Final = 40


@dataclass
class Job:
    """One job."""

    id: int
    name: str
    platform: str
    interval: int
    """Seconds."""
    enabled: bool = True
    due: float = 0.0
    """When it runs next, monotonic seconds."""
    last_run: datetime | None = None
    last_status: str = ""
    runs: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_RUNS))
    """The newest first."""

    def told(self) -> dict[str, Any]:
        """As the API gives it."""
        following = datetime.now(UTC) + timedelta(seconds=max(0.0, self.due - time.monotonic()))
        return {
            "id": self.id, "name": self.name, "platform": self.platform, "interval_seconds": self.interval,
            "enabled": self.enabled, "last_run_at": self.last_run.isoformat() if self.last_run else None,
            "last_status": self.last_status or None, "next_run_at": following.isoformat() if self.enabled else None,
        }  # fmt: skip


JOBS: Final = (
    ("twitch-streams", "twitch", 5),
    ("twitch-clips", "twitch", 5),
    ("twitch-followers", "twitch", 5),
    ("youtube-videos", "youtube", 6),
    ("instagram-posts", "instagram", 7),
    ("twitter-mentions", "twitter", 8),
)


class Platforms:
    """The other side of the jobs."""

    def __init__(self) -> None:
        self.allowed = {platform: USUAL for _, platform, _ in JOBS}
        self.revoked: str | None = None
        """A client_secret that is not accepted any more."""
        self._calls: dict[str, deque[float]] = {platform: deque() for _, platform, _ in JOBS}

    def ask(self, platform: str, login: str) -> tuple[str, str]:
        """(status of the run, message)."""
        moment, calls = time.monotonic(), self._calls[platform]
        while calls and moment - calls[0] > _WINDOW:
            calls.popleft()
        if platform == "twitch" and login == self.revoked:
            return "failed", "401 invalid client secret"
        calls.append(moment)  # who is turned away and asks again is counted as well
        if len(calls) > self.allowed[platform] * _WINDOW / 60:
            return "rate_limited", "429 too many requests"
        return "success", "200"


class Scheduler:
    """The jobs and their runs."""

    def __init__(self, platforms: Platforms) -> None:
        self.platforms = platforms
        self.jobs = {number: Job(number, *one) for number, one in enumerate(JOBS, 1)}
        start = time.monotonic()
        for one in self.jobs.values():
            one.due = start + one.id * 0.4
        self._number = 0

    async def step(
        self, login: str, note: Callable[[Job, str], Awaitable[str]], say: Callable[[str, str], None]
    ) -> None:
        """Run what is due. `note` writes a result down and says what came of that: "" is well."""
        for job in self.jobs.values():
            if job.enabled and job.due <= time.monotonic():
                job.due = time.monotonic() + job.interval
                await self.run(job, login, note, say)

    async def run(
        self, job: Job, login: str, note: Callable[[Job, str], Awaitable[str]], say: Callable[[str, str], None]
    ) -> None:
        """Run one job now."""
        began = time.monotonic()
        status, message = self.platforms.ask(job.platform, login)
        if status == "success" and (trouble := await note(job, message)):
            status, message = "failed", trouble
        self._number += 1
        job.last_run, job.last_status = datetime.now(UTC), status
        took = round(time.monotonic() - began, 3)
        run = {
            "id": self._number,
            "status": status,
            "started_at": job.last_run.isoformat(),
            "took": took,
            "message": message,
        }
        job.runs.appendleft(run)
        level = {"success": "INFO", "rate_limited": "WARN"}.get(status, "ERROR")
        say(level, f"scheduler: {job.name} {status}: {message}")

    def demand(self, platform: str) -> float:
        """Calls a minute that the jobs of a platform want."""
        return sum(60 / one.interval for one in self.jobs.values() if one.platform == platform and one.enabled)
