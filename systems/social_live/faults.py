"""Starts the faults that are asked for, and notices when somebody has remedied one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from systems.faults import Acts, watch
from systems.social_live.database import UNHAPPY, Database
from systems.social_live.documents import CAUSE, FAILING, MISSING, RELEASE
from systems.social_live.kubelet import Kubelet, Life
from systems.social_live.place import Place
from systems.social_live.store import Doc, Store
from systems.social_live.visitors import Visitors

_BEAT: Final = 0.2
ENOUGH: Final = 6
"""Pods of the backend that a crowd needs."""
CALM: Final = 4.0
"""Seconds for which that many must serve before the crowd has what it came for."""


class Faults:
    """Each is begun once, and over when its cause is gone."""

    def __init__(self, place: Place, store: Store, kubelet: Kubelet, visitors: Visitors, database: Database) -> None:
        self._place = place
        self._store = store
        self._kubelet = kubelet
        self._visitors = visitors
        self._database = database

    async def watch(self) -> None:
        """Five times a second, each fault that is asked for and not yet running; one that is healed is ended."""
        acts: Acts = {
            "bad-release": lambda: self._released(FAILING, "release 2.15.0: a new feed"),
            "missing-image": lambda: self._released(MISSING, "release 2.15.1: the new feed, mended"),
            "service-down": self._wedged,
            "slow-database": self._database.hold,
            "crowd": self._crowd,
            "memory-leak": self._leak,
            "connection-leak": self._kept_sessions,
        }
        await watch(self._place, acts, UNHAPPY)

    def _backend(self) -> Doc:
        found = self._store.find("deployments", "backend")
        assert found is not None
        return found

    async def _released(self, image: str, cause: str) -> None:
        """A release nobody looked at; over when the deployment no longer wants it. Healing goes back to the last."""
        self._release(image, cause)
        try:
            while self._image() == image or any(life.image == image for life in self._kubelet.of("backend")):
                await asyncio.sleep(_BEAT)
        finally:
            if self._image() == image:
                self._release(RELEASE, "taken back")

    def _image(self) -> str:
        return str(self._backend()["spec"]["template"]["spec"]["containers"][0]["image"])

    def _release(self, image: str, cause: str) -> None:
        change = {"spec": {"template": {"spec": {"containers": [{"name": "backend", "image": image}]}}}}
        self._store.patch(self._backend(), change | {"metadata": {"annotations": {CAUSE: cause}}}, strategic=True)

    async def _wedged(self) -> None:
        """Every pod of the backend stands still; over when each of them was replaced. Healing wakes them."""
        await self._until_replaced(self._hold_still, self._wake)

    @staticmethod
    def _hold_still(life: Life) -> None:
        life.wedged = True
        life.log("ERROR", "EventLoop blocked: every pool client waits for a lock that its own request holds")

    @staticmethod
    def _wake(life: Life) -> None:
        life.wedged = False

    async def _leak(self) -> None:
        """What they cache is never let go of; over when each of them was replaced. Healing lets it go."""
        await self._until_replaced(self._let_grow, self._let_go)

    @staticmethod
    def _let_grow(life: Life) -> None:
        life.leaking = True
        life.log("WARN", "High memory usage detected: the feed cache has no upper bound")

    @staticmethod
    def _let_go(life: Life) -> None:
        life.leaking = False

    async def _until_replaced(self, begin: Callable[[Life], None], end: Callable[[Life], None]) -> None:
        ill = list(self._kubelet.of("backend"))
        for life in ill:
            begin(life)
        try:
            while any(life in ill and life.ending is None for life in self._kubelet.of("backend")):
                await asyncio.sleep(_BEAT)
        finally:
            for life in ill:
                end(life)

    async def _kept_sessions(self) -> None:
        """Uploads keep their sessions; over when most were ended, or the pods that hold them were replaced."""
        leak = asyncio.ensure_future(self._database.leak())
        pods = asyncio.ensure_future(self._until_replaced(lambda life: None, lambda life: None))
        try:
            await asyncio.wait({leak, pods}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in (leak, pods):
                one.cancel()
            await asyncio.gather(leak, pods, return_exceptions=True)

    async def _crowd(self) -> None:
        """More people than three pods can serve; they leave when they have been served for a while."""
        self._visitors.crowd = True
        try:
            served = time.monotonic()
            while time.monotonic() - served < CALM:
                await asyncio.sleep(_BEAT)
                if len(self._kubelet.serving("backend")) < ENOUGH:
                    served = time.monotonic()
        finally:
            self._visitors.crowd = False
