"""What brings the simulated cluster to what is wished of it: rollouts, numbers of pods, the autoscaler.

After what Kubernetes' own documentation says of Deployments and of horizontal pod autoscaling, made small.
"""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from typing import Any, Final

from systems.social_live.documents import CAUSE, HASH, REVISION, mark_of, pod, replica_set
from systems.social_live.kubelet import Kubelet, Life
from systems.social_live.store import Doc, Store, stamp

REVISIONS: Final = 10
"""Replica sets kept for going back."""
SYNC: Final = 2.0
"""Seconds between two looks of the autoscaler; 15 in a real cluster."""
CALM: Final = 60.0
"""Seconds for which it must see fewer pods suffice before it takes any away."""
TOLERANCE: Final = 0.1
"""How far the use may be from what is wished before it does anything."""
ASKED_CPU: Final = 0.25
"""Cores each pod asks for: its use is told as a share of these."""


@dataclass(slots=True)
class _Progress:
    """How far a rollout was, and since when."""

    seen: tuple[int, ...]
    at: float


class Deployments:
    """Rolls out templates and keeps the number of pods."""

    def __init__(self, store: Store, kubelet: Kubelet, chance: random.Random) -> None:
        self._store = store
        self._kubelet = kubelet
        self._chance = chance
        self._progress: dict[str, _Progress] = {}

    def tick(self) -> None:
        """One step for each deployment."""
        for one in self._store.all("deployments"):
            self._reconcile(one)

    def _reconcile(self, one: Doc) -> None:
        newest = self._newest(one)
        sets = self._store.owned("replicasets", one)
        rolling = one["spec"]["strategy"]["rollingUpdate"]
        desired = int(one["spec"]["replicas"])
        pods = {made["metadata"]["uid"]: self._pods(made) for made in sets}
        everyone = [life for lives in pods.values() for life in lives]
        mine = pods[newest["metadata"]["uid"]]
        room = desired + int(rolling["maxSurge"]) - len(everyone)
        for _ in range(min(desired - len(mine), room)):
            self._store.put("pods", pod(newest, self._chance))
        if desired == 0:
            for life in everyone:
                self._kubelet.end(life.doc)
        self._take_away(mine, len(mine) - desired)
        self._replace([life for life in everyone if life not in mine], mine, desired, int(rolling["maxUnavailable"]))
        for made in sets:
            made["spec"]["replicas"] = made["status"]["replicas"] = len(self._pods(made))
            made["status"]["readyReplicas"] = sum(life.serves for life in self._pods(made))
        self._tell(one, newest, desired)
        self._forget(sets, newest)

    def _pods(self, made: Doc) -> list[Life]:
        """The lives of a replica set's pods, those that are asked to end left out."""
        mark = made["metadata"]["labels"][HASH]
        found = self._kubelet.lives.values()
        known = [life for life in found if life.doc["metadata"]["labels"][HASH] == mark and life.ending is None]
        unborn = [doc for doc in self._store.owned("pods", made) if doc["metadata"]["uid"] not in self._kubelet.lives]
        return [*known, *(Life(doc, time.monotonic()) for doc in unborn)]

    def _newest(self, one: Doc) -> Doc:
        """The replica set of the present template, made or brought forward."""
        mark = mark_of(one["spec"]["template"])
        sets = self._store.owned("replicasets", one)
        last = max((int(made["metadata"]["annotations"][REVISION]) for made in sets), default=0)
        notes = one["metadata"].setdefault("annotations", {})
        found = next((made for made in sets if made["metadata"]["labels"][HASH] == mark), None)
        if found is None:
            made = replica_set(one, one["spec"]["template"], last + 1, notes.get(CAUSE))
            found = self._store.put("replicasets", made)
        elif int(found["metadata"]["annotations"][REVISION]) < last:
            found["metadata"]["annotations"][REVISION] = str(last + 1)
        notes[REVISION] = found["metadata"]["annotations"][REVISION]
        return found

    def _take_away(self, lives: list[Life], number: int) -> None:
        """End so many pods, those first that serve nobody, then the youngest."""
        for life in sorted(lives, key=lambda life: (life.serves, -life.born))[: max(0, number)]:
            self._kubelet.end(life.doc)

    def _replace(self, old: list[Life], new: list[Life], desired: int, missing: int) -> None:
        """End pods of earlier templates as far as enough others are there."""
        least = desired - missing
        idle = [life for life in old if not life.serves]
        spare = len(old) + len(new) - least - sum(not life.serves for life in new)
        ended = idle[: max(0, spare)]
        serving = [life for life in old if life.serves]
        ready = len(serving) + sum(life.serves for life in new)
        for life in (*ended, *serving[: max(0, ready - least)]):
            self._kubelet.end(life.doc)

    def _tell(self, one: Doc, newest: Doc, desired: int) -> None:
        sets = self._store.owned("replicasets", one)
        everyone = [life for made in sets for life in self._pods(made)]
        mine = self._pods(newest)
        ready, updated = sum(life.serves for life in everyone), len(mine)
        fresh = sum(life.serves for life in mine)
        whole = fresh >= desired and len(everyone) == desired
        name, seen = one["metadata"]["name"], (one["metadata"]["generation"], updated, fresh, len(everyone))
        known = self._progress.get(name)
        if known is None or known.seen != seen or whole:
            known = self._progress[name] = _Progress(seen, time.monotonic())
        late = time.monotonic() - known.at > one["spec"]["progressDeadlineSeconds"]
        reason = "NewReplicaSetAvailable" if whole else "ReplicaSetUpdated"
        progressing: dict[str, Any] = {"type": "Progressing", "status": "True", "reason": reason}
        if late:
            said = f'ReplicaSet "{newest["metadata"]["name"]}" has timed out progressing.'
            progressing |= {"status": "False", "reason": "ProgressDeadlineExceeded", "message": said}
        enough = ready >= desired - int(one["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"])
        one["status"] = {
            "replicas": len(everyone),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "updatedReplicas": updated,
            "observedGeneration": one["metadata"]["generation"],
            "conditions": [{"type": "Available", "status": str(enough)}, progressing],
        }

    def _forget(self, sets: list[Doc], newest: Doc) -> None:
        idle = [made for made in sets if made is not newest and not made["spec"]["replicas"]]
        idle.sort(key=lambda made: int(made["metadata"]["annotations"][REVISION]))
        for made in idle[: max(0, len(idle) - REVISIONS)]:
            self._store.remove("replicasets", made)


class Autoscalers:
    """Gives a deployment as many pods as its use of cpu asks for, within its bounds."""

    def __init__(self, store: Store, kubelet: Kubelet) -> None:
        self._store = store
        self._kubelet = kubelet
        self._looked = 0.0
        self._wished: list[tuple[float, int]] = []
        """(when, pods that would have sufficed) of the last minute."""

    def tick(self) -> None:
        """Look now and then; a bound that was moved is heeded at the next look."""
        now = time.monotonic()
        if now - self._looked < SYNC:
            return
        self._looked = now
        for scaler in self._store.all("horizontalpodautoscalers"):
            self._scale(scaler, now)

    def _scale(self, scaler: Doc, now: float) -> None:
        spec = scaler["spec"]
        one = self._store.find("deployments", spec["scaleTargetRef"]["name"])
        if one is None or int(one["spec"]["replicas"]) == 0:
            return
        current, serving = int(one["spec"]["replicas"]), self._kubelet.serving(one["metadata"]["name"])
        target = spec["metrics"][0]["resource"]["target"]["averageUtilization"] / 100
        use = sum(life.cpu for life in serving) / len(serving) / ASKED_CPU if serving else 0.0
        wished = current
        if serving and abs(use / target - 1) > TOLERANCE:
            wished = math.ceil(len(serving) * use / target)
        least, most = int(spec.get("minReplicas", 1)), int(spec["maxReplicas"])
        self._wished = [(at, number) for at, number in self._wished if now - at < CALM] + [(now, wished)]
        calm = max(number for _, number in self._wished)
        number = min(most, max(least, wished if wished > current else min(current, calm)))
        if number != current:
            one["spec"]["replicas"] = number
            one["metadata"]["generation"] += 1
            self._store.changed(one)
            scaler["status"]["lastScaleTime"] = stamp()
        limited = "True" if wished > most else "False"
        scaler["status"] |= {
            "currentReplicas": current,
            "desiredReplicas": number,
            "conditions": [
                {"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"},
                {"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound"},
                {"type": "ScalingLimited", "status": limited, "reason": "TooManyReplicas"},
            ],
            "currentMetrics": [
                {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": round(use * 100)}}}
            ],
        }
