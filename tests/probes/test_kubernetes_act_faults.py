"""One request for each act, whatever becomes of its answer; and what the server's refusals mean."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from probes.base import Context, Grant, Outcome, ProbeError, Request, Result, SafeText, Target, Truth
from probes.kubernetes import plans, truth
from probes.kubernetes.act import KubernetesActuator
from probes.kubernetes.api import Resource
from probes.kubernetes.scaling import autoscaler
from probes.kubernetes.settings import KubernetesSettings
from probes.kubernetes.sight import Seen
from probes.kubernetes.workloads import deployment, statefulset
from tests.probes.acting import carried_out, perform
from tests.probes.kubefake import FakeCluster, leading_to, running, small_cluster
from tests.probes.rigs import TestSecrets
from tests.stack.faultproxy import FaultProxy, Mode

REQUESTS = {
    "restart": Request("restart", ("deployment/shop/web",)),
    "scale": Request("scale", ("deployment/shop/web",), 7),
    "stop": Request("stop", ("deployment/shop/web",)),
    "evict": Request("evict", ("pod/shop/web-1",)),
    "delete": Request("delete", ("pod/shop/web-1",)),
}
LINES = {"restart": b"PATCH /", "scale": b"PATCH /", "stop": b"PATCH /", "evict": b"POST /", "delete": b"DELETE /"}


@pytest.fixture
def shop() -> Iterator[FakeCluster]:
    cluster = small_cluster()
    cluster.objects.pop("horizontalpodautoscalers", None)
    deployment = next(one for one in cluster.objects["deployments"] if one["metadata"]["name"] == "web")
    pod = cluster.objects["pods"][0]
    pod["metadata"] |= {"name": "web-1", "namespace": "shop"}
    for path, one in (("/apis/apps/v1/namespaces/shop/deployments/web", deployment),
                      ("/api/v1/namespaces/shop/pods/web-1", pod)):  # fmt: skip
        cluster.more[path] = lambda one=one: json.dumps(one).encode()  # type: ignore[misc]
    with running(cluster) as served:
        yield served


@asynccontextmanager
async def acting(port: int) -> AsyncIterator[KubernetesActuator]:
    settings = KubernetesSettings.model_validate(leading_to(port) | {"namespaces": ["shop"], "timeout": 5})
    actuator = KubernetesActuator(Target("cluster", "kubernetes", settings), Context(TestSecrets()))
    try:
        yield actuator
    finally:
        await actuator.close()


@pytest.mark.once
@pytest.mark.parametrize("mode", [Mode.RESET, Mode.SILENT, Mode.GARBAGE, Mode.CLOSE])
@pytest.mark.parametrize("action", REQUESTS)
async def test_a_lost_answer_costs_one_request_and_nobody_knows(shop: FakeCluster, action: str, mode: Mode) -> None:
    with FaultProxy(shop.port) as proxy:
        async with acting(proxy.port) as actuator:
            plan = replace(await actuator.plan(REQUESTS[action]), answers=1.5)
            proxy.become(mode, when=LINES[action])
            sent: list[str] = []
            outcome = await carried_out(actuator, plan, plan.subjects[0], sent)
            assert (outcome.result, len(sent)) == (Result.UNKNOWN, 1)
            assert proxy.seen(LINES[action]) == 1


@pytest.mark.parametrize("action", REQUESTS)
async def test_a_server_that_is_gone_by_then_is_asked_nothing(shop: FakeCluster, action: str) -> None:
    with FaultProxy(shop.port) as proxy:
        async with acting(proxy.port) as actuator:
            done = await perform(actuator, REQUESTS[action], lambda _: proxy.become(Mode.REFUSE))
            assert [outcome.result for outcome in done.outcomes] == [Result.FAILED]
            assert done.sent == []
            assert proxy.seen(LINES[action]) == 0


class Says:
    """A front that reads from the fake cluster and answers what changes something as it is told."""

    def __init__(self, cluster: FakeCluster, status: int, body: dict[str, Any]) -> None:
        self.asked: list[tuple[str, Any]] = []
        says = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                self.answer(*cluster.answer(self.path, dict(self.headers))[::2])

            def do_PATCH(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                says.asked.append((self.command, sent))
                self.answer(status, json.dumps(body).encode())

            do_POST = do_DELETE = do_PATCH

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Be quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> int:
        return int(self.server.server_address[1])

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


REFUSALS = {
    409: (Result.REFUSED, "changed since you looked"),
    404: (Result.REFUSED, "changed since you looked"),
    403: (Result.FAILED, "may not"),
    422: (Result.FAILED, "refused: it says no"),
    429: (Result.FAILED, "budget"),
    500: (Result.UNKNOWN, "HTTP 500"),
    504: (Result.UNKNOWN, "HTTP 504"),
}


@pytest.mark.once
@pytest.mark.parametrize("status", REFUSALS)
async def test_what_the_server_says_decides_whether_anything_was_done(shop: FakeCluster, status: int) -> None:
    result, words = REFUSALS[status]
    causes = [{"reason": "DisruptionBudget", "message": "the budget keep needs 2"}]
    details = {"name": "web-1", "causes": causes}
    said = {"kind": "Status", "code": status, "message": "it says no", "reason": "x", "details": details}
    says = Says(shop, status, said)
    with says as port:
        async with acting(port) as actuator:
            plan = await actuator.plan(REQUESTS["evict"])
            outcome = await carried_out(actuator, plan, plan.subjects[0], [])
            assert outcome.result is result
            assert words in str(outcome.words)
            assert len(says.asked) == 1
            assert says.asked[0][1]["deleteOptions"]["preconditions"]["uid"]


@pytest.mark.parametrize(
    ("status", "message", "words"),
    [
        (429, "Too many requests, please try again later.", "the API server asks us to wait"),
        (500, "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
         "two disruption budgets"),
    ],
)  # fmt: skip
async def test_an_eviction_that_fails_for_another_reason_than_a_budget_says_so(
    shop: FakeCluster, status: int, message: str, words: str
) -> None:
    with Says(shop, status, {"kind": "Status", "code": status, "message": message}) as port:
        async with acting(port) as actuator:
            done = await perform(actuator, REQUESTS["evict"])
            assert done.outcomes[0].result is Result.FAILED
            assert words in str(done.outcomes[0].words)


@pytest.mark.once
async def test_an_answer_that_no_api_server_gives_tells_nothing(shop: FakeCluster) -> None:
    with Says(shop, 200, {}) as port:
        async with acting(port) as actuator:
            plan = await actuator.plan(REQUESTS["restart"])
            assert (await carried_out(actuator, plan, plan.subjects[0], [])).result is Result.UNKNOWN


async def test_a_lost_restart_is_not_taken_for_done_because_somebody_else_scaled(shop: FakeCluster) -> None:
    with FaultProxy(shop.port) as proxy:
        async with acting(proxy.port) as actuator:
            plan = await actuator.plan(REQUESTS["restart"])
            proxy.become(Mode.RESET, when=b"PATCH /")
            outcome = await carried_out(actuator, plan, plan.subjects[0], [])
            proxy.become(Mode.PASS)
            deployment = next(one for one in shop.objects["deployments"] if one["metadata"]["name"] == "web")
            deployment["metadata"]["generation"] = deployment["metadata"].get("generation", 1) + 1
            deployment["status"]["observedGeneration"] = deployment["metadata"]["generation"]
            verdict = await actuator.verify(plan, plan.subjects[0], outcome, 60.0)
            assert verdict.truth is Truth.REFUTED


async def test_an_act_is_looked_at_ever_more_seldom(shop: FakeCluster) -> None:
    async with acting(shop.port) as actuator:
        plan = await actuator.plan(REQUESTS["restart"])
        outcome = Outcome(Result.DONE, SafeText("accepted"), (("generation", "999"),))
        looks = 0
        for tenths in range(600):
            before = len(actuator._looked)
            known = next(iter(actuator._looked.values()), None)
            await actuator.verify(plan, plan.subjects[0], outcome, tenths / 10)
            looks += before == 0 or next(iter(actuator._looked.values())) is not known
        assert looks < 60


async def test_what_rests_at_0_under_an_autoscaler_can_be_woken() -> None:
    rests = deployment({"metadata": {"name": "web", "namespace": "shop", "uid": "u"}, "spec": {"replicas": 0}})
    scaler = autoscaler(
        {
            "metadata": {"name": "web", "namespace": "shop", "uid": "s"},
            "spec": {"maxReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
        }
    )
    assert rests is not None
    assert plans.able(plans.SCALE, rests, scaler) == ""
    assert "raise its minimum" in plans.able(plans.SCALE, replace(rests, desired=2), scaler)


def test_a_partition_is_told_and_waited_for() -> None:
    item = {
        "metadata": {"name": "db", "namespace": "shop", "uid": "u", "generation": 2},
        "spec": {"replicas": 5, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}}},
        "status": {"observedGeneration": 2, "replicas": 5, "readyReplicas": 5, "availableReplicas": 5,
                   "updatedReplicas": 2, "currentRevision": "a", "updateRevision": "b"},
    }  # fmt: skip
    built = statefulset(item)
    assert built is not None
    seen = Seen(built, item, Resource("statefulsets", "apps"))
    assert "its partition leaves 3 of its 5 pods as they are" in plans.rollout_felt(plans.RESTART, seen, ())
    done = Outcome(Result.DONE, SafeText("accepted"), (("generation", "2"),))
    verdict = truth.after_rollout(seen, {"uid": "u", "generation": "1"}, done, [], 5.0)
    assert (verdict.truth, str(verdict.words)) == (Truth.CONFIRMED, "5 of 5 pods are available, 2 of them new")
    item["spec"]["updateStrategy"]["rollingUpdate"]["partition"] = 5  # type: ignore[index]
    with pytest.raises(ProbeError, match="by its partition none of its 5 pods is replaced"):
        plans.rollout_felt(plans.RESTART, seen, ())


async def test_each_change_names_the_version_it_was_decided_on(shop: FakeCluster) -> None:
    says = Says(shop, 409, {"kind": "Status", "code": 409, "message": "the object has been modified"})
    with says as port:
        async with acting(port) as actuator:
            for action in ("restart", "scale", "stop"):
                done = await perform(actuator, REQUESTS[action])
                assert done.outcomes[0].result is Result.REFUSED
    assert all(body["metadata"]["resourceVersion"] for _, body in says.asked)
    assert [body["spec"].get("replicas") for _, body in says.asked] == [None, 7, 0]


async def test_a_rollout_that_nobody_knows_of_is_found_by_its_generation(shop: FakeCluster) -> None:
    with FaultProxy(shop.port) as proxy:
        async with acting(proxy.port) as actuator:
            plan = await actuator.plan(REQUESTS["restart"])
            proxy.become(Mode.RESET, when=b"PATCH /")
            outcome = await carried_out(actuator, plan, plan.subjects[0], [])
            proxy.become(Mode.PASS)
            early = await actuator.verify(plan, plan.subjects[0], outcome, 1.0)
            late = await actuator.verify(plan, plan.subjects[0], outcome, 60.0)
            assert (early.truth, late.truth) == (Truth.PENDING, Truth.REFUTED)


async def test_rights_tell_what_is_held_missing_and_too_much(shop: FakeCluster) -> None:
    with Says(shop, 201, {"kind": "SelfSubjectAccessReview", "status": {"allowed": True}}) as port:
        async with acting(port) as actuator:
            rights = {right.name: right.grant for right in await actuator.rights()}
            assert rights["evict pods"] is Grant.HELD
            assert rights["read secrets"] is Grant.EXCESS
    with Says(shop, 201, {"kind": "SelfSubjectAccessReview", "status": {"allowed": False}}) as port:
        async with acting(port) as actuator:
            told = {right.name: right for right in await actuator.rights()}
            assert told["evict pods"].grant is Grant.MISSING
            assert str(told["evict pods"].remedy) == "a Role with verb create on pods/eviction in namespace shop"
            assert "read secrets" not in told
