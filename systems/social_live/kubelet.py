"""The lives of the simulated pods: scheduled, pulled, started, ready, in trouble, ended; what they use and log."""

from __future__ import annotations

import hashlib
import random
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from systems.social_live.documents import KNOWN, MIB, NODE_MEMORY
from systems.social_live.store import NAMESPACE, Doc, Store, stamp

PULLS: Final = 0.5
"""Seconds until an image is there."""
STARTS: Final = 1.2
"""Seconds from the start of a container until it answers."""
ENDS: Final = 1.0
"""Seconds a pod takes to end when it is asked to."""
ASKED_FOR: Final = 256 * MIB
"""Memory each pod asks for, which the scheduler counts."""
LIMIT: Final = 512 * MIB
USUAL: Final = 185 * MIB
"""Memory of a pod in normal life."""
LEAK: Final = 40 * MIB
"""Bytes a second that the leak takes."""
LEAK_MOST: Final = 492 * MIB
"""Bytes at which it stops: a little below what the kernel kills for."""
_KEPT: Final = 3000
"""Lines of a log."""
_EVENTS: Final = 200


@dataclass(slots=True)
class Life:
    """What a pod's document does not tell."""

    doc: Doc
    born: float
    pulled: float | None = None
    """When its container started, monotonic."""
    ready: bool = False
    wedged: bool = False
    """Its event loop stands still: it runs and answers nothing."""
    leaking: bool = False
    ending: float | None = None
    """When it was asked to end, monotonic."""
    cpu: float = 0.01
    """Cores."""
    memory: float = USUAL * 0.4
    """Bytes."""
    lines: deque[bytes] = field(default_factory=lambda: deque(maxlen=_KEPT))
    said: int = 0
    """Lines so far."""

    @property
    def name(self) -> str:
        """The pod's name."""
        return str(self.doc["metadata"]["name"])

    @property
    def app(self) -> str:
        """Which workload's it is."""
        return str(self.doc["metadata"]["labels"]["app"])

    @property
    def image(self) -> str:
        """What it runs."""
        return str(self.doc["spec"]["containers"][0]["image"])

    @property
    def runs(self) -> bool:
        """Has its container started?"""
        return self.pulled is not None

    @property
    def serves(self) -> bool:
        """Do requests come to it?"""
        return self.ready and self.ending is None

    def log(self, level: str, text: str) -> None:
        """A line of its log, with the moment before it as the API keeps it."""
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
        self.lines.append(f"{moment}000Z {level} {text}\n".encode())
        self.said += 1


class Kubelet:
    """All nodes' pods."""

    def __init__(self, store: Store, chance: random.Random) -> None:
        self._store = store
        self._chance = chance
        self.lives: dict[str, Life] = {}
        """By the pod's uid."""
        self._addresses = 10

    def of(self, app: str) -> list[Life]:
        """The lives of a workload's pods."""
        return [life for life in self.lives.values() if life.app == app]

    def serving(self, app: str) -> list[Life]:
        """Those that requests come to."""
        return [life for life in self.of(app) if life.serves]

    def end(self, doc: Doc) -> None:
        """Ask a pod to end."""
        life = self.lives.get(doc["metadata"]["uid"])
        if life is not None and life.ending is None:
            life.ending = time.monotonic()
            doc["metadata"]["deletionTimestamp"] = stamp()
            life.log("LOG", "SIGTERM: finishing the requests under way")
            self._store.changed(doc)
            self._tell(life)

    def tick(self, seconds: float) -> None:
        """Let every pod live on for this long."""
        for doc in self._store.all("pods"):
            uid = doc["metadata"]["uid"]
            if uid not in self.lives:
                self.lives[uid] = Life(doc, time.monotonic())
        for uid, life in list(self.lives.items()):
            if life.ending is not None and time.monotonic() - life.ending > ENDS:
                self._store.remove("pods", life.doc)
                del self.lives[uid]
            else:
                self._live(life, seconds)

    def _live(self, life: Life, seconds: float) -> None:
        now, spec = time.monotonic(), life.doc["spec"]
        if "nodeName" not in spec and not self._schedule(life):
            return
        if life.pulled is None and now - life.born > PULLS and life.image in KNOWN:
            life.pulled = now
            life.log("LOG", f"Starting Nest application, image {life.image}")
        if life.pulled is not None:
            ready = now - life.pulled > STARTS and not life.wedged
            if ready and not life.ready:
                life.log("LOG", "Nest application successfully started")
            life.ready = ready
            self._remember(life, seconds)
        self._tell(life)

    def _remember(self, life: Life, seconds: float) -> None:
        """Memory: to what is usual, or up with the leak."""
        if life.leaking:
            life.memory = min(LEAK_MOST, life.memory + LEAK * seconds)
        else:
            usual = USUAL * (1 + self._chance.uniform(-0.02, 0.02))
            life.memory += (usual - life.memory) * min(1.0, seconds)

    def _schedule(self, life: Life) -> bool:
        """Find a node with room."""
        used = {doc["metadata"]["name"]: 0 for doc in self._store.all("nodes")}
        for other in self.lives.values():
            name = other.doc["spec"].get("nodeName")
            if name in used:
                used[name] += ASKED_FOR
        name, least = min(used.items(), key=lambda one: one[1])
        if least + ASKED_FOR > NODE_MEMORY:
            reason = f"0/{len(used)} nodes are available: {len(used)} Insufficient memory."
            condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": reason}
            if life.doc["status"]["conditions"] != [condition]:
                life.doc["status"]["conditions"] = [condition]
                self._store.changed(life.doc)
            return False
        life.doc["spec"]["nodeName"] = name
        life.born = time.monotonic()
        self._addresses += 1
        life.doc["status"]["podIP"] = f"10.244.{self._addresses // 250}.{self._addresses % 250 + 1}"
        return True

    def _tell(self, life: Life) -> None:
        """Write into the document how it is, where that has changed."""
        status = life.doc["status"]
        told = self._status(life)
        if any(status.get(name) != value for name, value in told.items()):
            was_waiting = str(status.get("containerStatuses"))
            status.update(told)
            self._store.changed(life.doc)
            self._announce(life, was_waiting)

    def _status(self, life: Life) -> Doc:
        ready = life.ready and life.ending is None
        said = {"status": "True"} if ready else {"status": "False", "reason": "ContainersNotReady"}
        conditions = [
            {"type": "PodScheduled", "status": "True"},
            {"type": "Initialized", "status": "True"},
            {"type": "Ready", **said},
        ]
        box = life.doc["spec"]["containers"][0]
        state: dict[str, Any]
        known = life.doc["status"]["containerStatuses"]
        if life.pulled is not None:
            began = known[0]["state"].get("running", {}).get("startedAt") if known else None
            state = {"running": {"startedAt": began or stamp()}}
        elif life.image in KNOWN:
            state = {"waiting": {"reason": "ContainerCreating"}}
        elif time.monotonic() - life.born < 3 * PULLS:
            said_no = f'failed to pull image "{life.image}": not found'
            state = {"waiting": {"reason": "ErrImagePull", "message": said_no}}
        else:
            state = {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{life.image}"'}}
        container = {
            "name": box["name"],
            "image": life.image,
            "imageID": f"{life.image.partition(':')[0]}@sha256:{_digest(life.image)}" if life.runs else "",
            "ready": life.ready,
            "started": life.runs,
            "restartCount": 0,
            "state": state,
            "lastState": {},
        }
        return {
            "phase": "Running" if life.runs else "Pending",
            "conditions": conditions,
            "containerStatuses": [container],
        }

    def _announce(self, life: Life, before: str) -> None:
        """Events for what a person looks for among them."""
        state = life.doc["status"]["containerStatuses"][0]["state"]
        reason = state.get("waiting", {}).get("reason", "")
        if reason in ("ErrImagePull", "ImagePullBackOff") and reason not in before:
            self.event(life.doc, "Failed", f'Failed to pull image "{life.image}": the registry has no such tag')
        if life.wedged and not life.ready and "'ready': True" in before:
            self.event(life.doc, "Unhealthy", "Readiness probe failed: Get /health: context deadline exceeded")

    def event(self, about: Doc, reason: str, message: str, kind: str = "Pod") -> None:
        """A warning among the cluster's events."""
        events = self._store.all("events")
        for old in events[: max(0, len(events) - _EVENTS)]:
            self._store.remove("events", old)
        name = about["metadata"]["name"]
        self._store.put(
            "events",
            {
                "metadata": {"name": f"{name}.{time.time_ns():x}", "namespace": NAMESPACE},
                "involvedObject": {"kind": kind, "name": name, "namespace": NAMESPACE},
                "type": "Warning",
                "reason": reason,
                "message": message,
                "count": 1,
                "firstTimestamp": stamp(),
                "lastTimestamp": stamp(),
            },
        )


def _digest(image: str) -> str:
    return hashlib.sha256(image.encode()).hexdigest()
