"""The simulated cluster keeps what a real one keeps: who looked too long ago changes nothing, a rollout leaves nobody
unserved, budgets and bounds are heeded.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from systems.social_live import controllers, kubelet
from systems.social_live.apiserver import ApiServer
from systems.social_live.bucket import Bucket
from systems.social_live.controllers import Autoscalers, Deployments
from systems.social_live.documents import BEFORE, FAILING, MISSING, RELEASE, REVISION, furnished
from systems.social_live.kubelet import Kubelet
from systems.social_live.store import NAMESPACE, Doc
from systems.web import Asked

IN = f"/namespaces/{NAMESPACE}"
BACKEND = f"/apis/apps/v1{IN}/deployments/backend"
SCALER = f"/apis/autoscaling/v2{IN}/horizontalpodautoscalers/backend"


class Cluster:
    """The cluster without a network, whose pods live fast."""

    def __init__(self) -> None:
        self.store = furnished()
        self.kubelet = Kubelet(self.store, random.Random(1))
        self.deployments = Deployments(self.store, self.kubelet, random.Random(1))
        self.autoscalers = Autoscalers(self.store, self.kubelet)
        self.api = ApiServer(self.store, self.kubelet)
        self.least = 99
        """The fewest pods of the backend that served at any step."""
        self.until(lambda: len(self.kubelet.serving("backend")) == 3)
        self.least = 99

    def until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not true():
            assert time.monotonic() < end
            self.kubelet.tick(0.01)
            self.deployments.tick()
            self.autoscalers.tick()
            self.least = min(self.least, len(self.kubelet.serving("backend")))

    async def ask(self, method: str, path: str, body: Any = None, sort: str = "merge") -> tuple[int, Any]:
        path, _, asked = path.partition("?")
        query: Mapping[str, str] = dict(pair.split("=", 1) for pair in asked.split("&") if pair)
        headers = {"content-type": f"application/{sort}-patch+json"}
        answer = await self.api.answer(Asked(method, path, query, headers, json.dumps(body).encode()))
        return answer.status, json.loads(answer.body)

    async def get(self, path: str) -> Doc:
        status, found = await self.ask("GET", path)
        assert status == 200
        assert isinstance(found, dict)
        return found

    def images(self) -> set[str]:
        return {life.image for life in self.kubelet.of("backend")}

    async def release(self, image: str) -> None:
        change = {"spec": {"template": {"spec": {"containers": [{"name": "backend", "image": image}]}}}}
        assert (await self.ask("PATCH", BACKEND, change, "strategic-merge"))[0] == 200


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    for name in ("PULLS", "STARTS", "ENDS"):
        monkeypatch.setattr(kubelet, name, 0.01)
    monkeypatch.setattr(controllers, "SYNC", 0.01)
    return Cluster()


async def test_a_patch_by_who_looked_before_another_change_is_refused_and_changes_nothing(cluster: Cluster) -> None:
    seen = await cluster.get(BACKEND)
    version = {"metadata": {"resourceVersion": seen["metadata"]["resourceVersion"]}}
    assert (await cluster.ask("PATCH", BACKEND, version | {"spec": {"replicas": 4}}))[0] == 200
    status, told = await cluster.ask("PATCH", BACKEND, version | {"spec": {"replicas": 9}})
    assert (status, told["reason"]) == (409, "Conflict")
    now = await cluster.get(BACKEND)
    assert now["spec"]["replicas"] == 4
    assert now["metadata"]["generation"] == seen["metadata"]["generation"] + 1


async def test_a_rollout_replaces_every_pod_and_never_serves_with_fewer(cluster: Cluster) -> None:
    await cluster.release(FAILING)
    cluster.until(lambda: cluster.images() == {FAILING} and len(cluster.kubelet.serving("backend")) == 3)
    assert cluster.least == 3
    sets = (await cluster.get(f"/apis/apps/v1{IN}/replicasets?labelSelector=app=backend"))["items"]
    kept = {one["spec"]["template"]["spec"]["containers"][0]["image"]: one for one in sets}
    revisions = {image: kept[image]["metadata"]["annotations"][REVISION] for image in kept}
    assert revisions == {BEFORE: "13", RELEASE: "14", FAILING: "15"}
    await cluster.release(RELEASE)
    cluster.until(lambda: cluster.images() == {RELEASE} and len(cluster.kubelet.of("backend")) == 3)
    assert (await cluster.get(BACKEND))["metadata"]["annotations"][REVISION] == "16"


async def test_a_rollout_without_its_image_says_so_and_takes_nothing_away(cluster: Cluster) -> None:
    one = cluster.store.find("deployments", "backend")
    assert one is not None
    one["spec"]["progressDeadlineSeconds"] = 0.2
    await cluster.release(MISSING)

    def stuck() -> bool:
        assert one is not None
        return any(said.get("reason") == "ProgressDeadlineExceeded" for said in one["status"]["conditions"])

    cluster.until(stuck)
    pods = (await cluster.get(f"/api/v1{IN}/pods?labelSelector=app=backend"))["items"]
    waits = [pod["status"]["containerStatuses"][0]["state"].get("waiting", {}).get("reason", "") for pod in pods]
    assert sorted(waits) == ["", "", "", "ImagePullBackOff"]
    assert cluster.least == 3


async def test_an_eviction_that_a_budget_forbids_ends_no_pod(cluster: Cluster) -> None:
    first, second, third = cluster.kubelet.serving("backend")
    first.wedged = True
    cluster.until(lambda: not first.serves)
    path = f"/api/v1{IN}/pods/{second.name}"
    status, told = await cluster.ask("POST", f"{path}/eviction", {"deleteOptions": {}})
    assert status == 429
    assert told["details"]["causes"][0]["reason"] == "DisruptionBudget"
    status, _ = await cluster.ask("DELETE", path, {"preconditions": {"uid": third.doc["metadata"]["uid"]}})
    assert status == 409
    assert second.ending is None
    assert (await cluster.ask("POST", f"/api/v1{IN}/pods/{first.name}/eviction", {}))[0] == 201
    cluster.until(lambda: len(cluster.kubelet.serving("backend")) == 3 and first not in cluster.kubelet.of("backend"))


async def test_a_raised_minimum_brings_pods_and_a_number_set_by_hand_does_not_stay(cluster: Cluster) -> None:
    for life in cluster.kubelet.of("backend"):
        life.cpu = 0.12
    assert (await cluster.ask("PATCH", SCALER, {"spec": {"minReplicas": 5}}))[0] == 200
    cluster.until(lambda: len(cluster.kubelet.serving("backend")) == 5)
    assert (await cluster.ask("PATCH", f"{BACKEND}/scale", {"spec": {"replicas": 2}}))[0] == 200
    one = cluster.store.find("deployments", "backend")
    assert one is not None
    cluster.until(lambda: one["spec"]["replicas"] == 5 and len(cluster.kubelet.serving("backend")) == 5)


async def test_the_bucket_is_listed_page_by_page_with_last_nights_dump_in_it() -> None:
    bucket = Bucket()
    query = {"list-type": "2", "prefix": "database/", "max-keys": "10"}
    first = (await bucket.answer(Asked("GET", "/social-live-backups", query, {}))).body.decode()
    assert first.count("<Key>") == 10
    more = query | {"continuation-token": "10"}
    second = (await bucket.answer(Asked("GET", "/social-live-backups", more, {}))).body.decode()
    assert second.count("<Key>") == 5
    newest = max(bucket.kept, key=lambda one: one.at)
    assert newest.key in first + second
    head = await bucket.answer(Asked("HEAD", f"/social-live-backups/{newest.key}", {}, {}))
    assert head.headers["Content-Length"] == str(newest.size)
