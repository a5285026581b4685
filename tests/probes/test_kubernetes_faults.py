"""The kubernetes kind on an API server that refuses, throttles, pages badly or answers for one part and not another."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from desk.clock import SystemClock
from desk.poller import Poller, Reading
from probes.base import Cause, Context, Failure, ProbeError, Target
from probes.kubernetes.api import KubeApi, Resource
from probes.kubernetes.discovery import CORE, discover
from probes.kubernetes.probe import KubernetesProbe
from probes.kubernetes.settings import KubernetesSettings
from tests.probes import kubefake as fake
from tests.probes.kubefake import NOW, FakeCluster, Fault

POD = Resource("pods")


class NoSecrets:
    def resolve(self, reference: str) -> str:
        raise LookupError(reference)


@dataclass
class Clock:
    """Time that moves only when a test moves it."""

    seconds: float = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds - 1000)


@asynccontextmanager
async def probing(
    cluster: FakeCluster, folder: Path, clock: Clock | None = None, **settings: Any
) -> AsyncIterator[KubernetesProbe]:
    clock = clock or Clock()
    cluster.clock = clock.now
    with fake.running(cluster):
        config = fake.kubeconfig(folder, {"it": f"http://127.0.0.1:{cluster.port}"})
        made = KubernetesSettings.model_validate({"kubeconfig": str(config), "timeout": 5, **settings})
        context = Context(NoSecrets(), monotonic=clock.monotonic, now=clock.now)
        probe = KubernetesProbe(Target("it", "kubernetes", made), context)
        try:
            yield probe
        finally:
            probe.abort()
            await probe.close()


async def failure(probe: KubernetesProbe) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        await probe.read()
    return caught.value


@asynccontextmanager
async def asking(cluster: FakeCluster, folder: Path) -> AsyncIterator[KubeApi]:
    with fake.running(cluster):
        config = fake.kubeconfig(folder, {"it": f"http://127.0.0.1:{cluster.port}"})
        api = KubeApi(KubernetesSettings(kubeconfig=str(config), timeout=5), Context(NoSecrets()))
        try:
            yield api
        finally:
            await api.close()


def name(item: Any) -> str:
    return str(item["metadata"]["name"])


# what we may not read


async def test_a_part_we_may_not_read_is_a_gap_that_names_verb_resource_and_place(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    cluster.faults = {
        "/api/v1/nodes": fake.refused("viewer", "list", "nodes"),
        "/apis/apps/v1/namespaces/shop/deployments": fake.refused("viewer", "list", "deployments", "shop"),
    }
    async with probing(cluster, tmp_path) as probe:
        found = await probe.read()
        assert found.facts.pods
        assert [(gap.part, gap.cause, str(gap.hint)) for gap in found.gaps] == [
            ("nodes", Cause.DENIED, "needs a role with verb list on nodes in the whole cluster"),
            ("deployments", Cause.DENIED, "needs a role with verb list on deployments in namespace shop"),
        ]
        assert found.gauge("nodes") is None
        await probe.read()
        assert cluster.count("/nodes?") == 2 + cluster.count("metrics.k8s.io/v1beta1/nodes") - 1, "asked again seldom"
        cluster.faults = {}
        for _ in range(5):
            found = await probe.read()
        assert found.gaps == ()


async def test_pods_alone_forbidden_leave_the_rest(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    cluster.faults = {"/api/v1/namespaces/shop/pods": fake.refused("viewer", "list", "pods", "shop")}
    async with probing(cluster, tmp_path) as probe:
        found = await probe.read()
    assert [gap.part for gap in found.gaps] == ["pods"]
    assert found.facts.workloads
    assert found.gauge("pods") is None


async def test_nothing_allowed_is_denied_with_our_name(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    cluster.faults = {"/api": fake.refused("viewer", "list", "pods", "shop")}
    async with probing(cluster, tmp_path) as probe:
        told = await failure(probe)
    assert told.cause is Cause.DENIED
    assert str(told.message) == "may not list pods in namespace shop (user viewer)"


async def test_one_who_may_not_discover_reads_by_the_newest_versions(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    cluster.faults = {path: fake.refused("me", "get", path) for path in ("/apis", "/version")}
    cluster.faults |= {"/apis/": Fault(times=0)}
    async with probing(cluster, tmp_path) as probe:
        found = await probe.read()
    assert found.facts.autoscalers
    assert not found.facts.version


# the login


async def test_a_login_that_is_not_accepted_says_how_to_log_in_again(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    cluster.token = "another"
    async with probing(cluster, tmp_path) as probe:
        told = await failure(probe)
        assert (told.cause, "log in again" in str(told.hint)) == (Cause.AUTH, True)
        assert cluster.count("") == 1, "a token that can't renew itself is not tried twice"
        cluster.skew = 600
        told = await failure(probe)
    assert told.cause is Cause.CLOCK
    assert "600 s behind" in str(told.message)


async def test_an_empty_login_is_told_as_such(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    cluster.faults = {"/": fake.refused("system:anonymous", "list", "pods")}
    async with probing(cluster, tmp_path) as probe:
        told = await failure(probe)
    assert told.cause is Cause.AUTH
    assert "does not know who we are" in str(told.message)


# told to wait


async def test_a_server_that_asks_us_to_wait_is_left_alone_until_then(tmp_path: Path) -> None:
    cluster, clock = fake.small_cluster(), Clock()
    async with probing(cluster, tmp_path, clock) as probe:
        await probe.read()
        slow = Fault(429, b'{"kind": "Status", "reason": "TooManyRequests"}', {"Retry-After": "7"})
        cluster.faults = {"/api/v1/namespaces/shop/pods": slow}
        told = await failure(probe)
        assert (told.cause, str(told.message)) == (
            Cause.THROTTLED, "the API server asks us to wait; tries again in 7 s"
        )  # fmt: skip
        cluster.faults, asked = {}, len(cluster.asked)
        clock.seconds += 3
        told = await failure(probe)
        assert "tries again in 4 s" in str(told.message)
        assert len(cluster.asked) == asked, "nothing is sent while we wait"
        clock.seconds += 5
        assert (await probe.read()).facts.pods


async def test_a_wait_is_bounded_whatever_is_asked_for(tmp_path: Path) -> None:
    cluster, clock = fake.small_cluster(), Clock()
    details = json.dumps({"kind": "Status", "details": {"retryAfterSeconds": 10**9}}).encode()
    cluster.faults = {"/": Fault(429, details, {"Retry-After": "never"})}
    async with probing(cluster, tmp_path, clock) as probe:
        assert "in 60 s" in str((await failure(probe)).message)


# a part that does not answer


async def test_a_dead_metrics_server_costs_the_use_and_nothing_else(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    cluster.faults = {"/apis/metrics.k8s.io": Fault(503, b"service unavailable")}
    async with probing(cluster, tmp_path) as probe:
        found = await probe.read()
    assert {(gap.part, gap.cause) for gap in found.gaps} == {
        ("cpu and memory of nodes", Cause.OVERLOADED), ("cpu and memory of pods", Cause.OVERLOADED)
    }  # fmt: skip
    assert not found.facts.metered
    assert found.facts.absent == ()


async def test_a_part_that_hangs_is_given_up_before_the_reading_is(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    cluster.hang = {"/apis/metrics.k8s.io"}
    async with probing(cluster, tmp_path, timeout=2) as probe:
        found = await probe.read()
        assert {gap.cause for gap in found.gaps} == {Cause.TIMEOUT_READ}
        assert found.facts.pods
        assert (await probe.read()).facts.pods


async def test_an_old_server_whose_metrics_are_announced_and_dead_does_not_call_them_absent(tmp_path: Path) -> None:
    cluster = fake.small_cluster(new=False)
    cluster.served["metrics.k8s.io/v1beta1"] = ["nodes", "pods"]
    cluster.faults = {"/apis/metrics.k8s.io": Fault(503, b"service unavailable")}
    async with probing(cluster, tmp_path) as probe:
        found = await probe.read()
    assert {gap.cause for gap in found.gaps} == {Cause.OVERLOADED}
    assert found.facts.absent == ("cert-manager",)


@pytest.mark.parametrize(
    ("fault", "cause", "words"),
    [
        (Fault(500, b'{"kind": "Status", "message": "etcd leader changed"}'), Cause.OVERLOADED, "etcd leader changed"),
        (Fault(504, b""), Cause.OVERLOADED, "HTTP 504"),
        (Fault(200, b"<html>hello"), Cause.GARBAGE, "web page"),
        (Fault(403, b"<html>hello"), Cause.GARBAGE, "web page"),
        (Fault(302, b"", {"Location": "https://login"}), Cause.GARBAGE, "as a login page does"),
        (Fault(200, b'{"kind": "PodLi'), Cause.GARBAGE, "JSON"),
        (Fault(200, b"[1, 2]"), Cause.GARBAGE, "list of pods"),
        (Fault(200, b"{}"), Cause.GARBAGE, "list of pods"),
        (Fault(404, b"not found"), Cause.MISSING, "does not know pods"),
        (Fault(410, b""), Cause.SLOW, "changes faster"),
    ],
)
async def test_what_is_wrong_with_the_pods_is_the_readings_failure(
    fault: Fault, cause: Cause, words: str, tmp_path: Path
) -> None:
    cluster = fake.small_cluster()
    cluster.faults = {"/api/v1/namespaces/shop/pods": fault}
    async with probing(cluster, tmp_path) as probe:
        told = await failure(probe)
    assert told.cause is cause
    assert words in str(told.message)


async def test_a_version_that_is_served_no_more_is_looked_for_anew(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    async with probing(cluster, tmp_path) as probe:
        await probe.read()
        cluster.objects["horizontalpodautoscalers"] = [fake.hpa("v2beta2")]
        cluster.served = dict(fake.OLD)
        found = await probe.read()
        assert "autoscalers" in {gap.part for gap in found.gaps}
        found = await probe.read()
        assert found.facts.autoscalers
        assert "autoscalers" not in {gap.part for gap in found.gaps}


async def test_a_server_of_another_sort_is_told_as_such(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    cluster.faults = {"/apis": Fault(200, b'{"hello": "world"}')}
    async with probing(cluster, tmp_path) as probe:
        told = await failure(probe)
    assert (told.cause, "not answer like a Kubernetes API server" in str(told.message)) == (Cause.GARBAGE, True)


# paging


async def test_a_list_is_paged_to_its_end_without_a_row_twice(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    cluster.objects["pods"] = [fake.pod(f"p{number:04}", "") for number in range(1234)]
    async with asking(cluster, tmp_path) as api:
        found = await api.listed(POD, name, "shop")
    assert (len(found.items), len(set(found.items)), found.left) == (1234, 1234, 0)
    assert cluster.count("/pods?") == 3


async def test_a_list_that_has_expired_is_begun_again_once(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    cluster.objects["pods"] = [fake.pod(f"p{number:04}", "") for number in range(1234)]
    async with asking(cluster, tmp_path) as api:
        cluster.expire = 1
        found = await api.listed(POD, name, "shop")
        assert (len(found.items), len(set(found.items))) == (1234, 1234)
        cluster.expire = 2
        with pytest.raises(ProbeError, match="changes faster"):
            await api.listed(POD, name, "shop")


async def test_a_list_is_cut_at_its_cap_and_says_how_much_is_left(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    cluster.objects["pods"] = [fake.pod(f"p{number:04}", "") for number in range(1234)]
    async with asking(cluster, tmp_path) as api:
        found = await api.listed(POD, name, "shop", most=700)
    assert (len(found.items), found.left) == (700, 534)


async def test_more_pods_than_are_read_are_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probes.kubernetes.parts.MOST", 3)
    async with probing(fake.small_cluster(), tmp_path) as probe:
        found = await probe.read()
    assert [(gap.part, gap.cause) for gap in found.gaps] == [("3 or more further pods", Cause.TOO_BIG)]


async def test_a_page_that_is_too_great_is_asked_for_in_smaller_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = fake.small_cluster()
    cluster.objects["pods"] = [fake.pod(f"p{number:04}", "") for number in range(120)]
    whole = len(json.dumps(cluster.objects["pods"]))
    monkeypatch.setattr("probes.kubernetes.api.REPLY_LIMIT", whole // 2)
    async with asking(cluster, tmp_path) as api:
        found = await api.listed(POD, name, "shop")
        assert len(found.items) == 120
        monkeypatch.setattr("probes.kubernetes.api.REPLY_LIMIT", 100)
        with pytest.raises(ProbeError) as caught:
            await api.listed(POD, name, "shop")
    assert caught.value.cause is Cause.TOO_BIG


# discovery


@pytest.mark.parametrize("aggregated", [True, False])
async def test_discovery_chooses_the_best_version_in_one_document_or_many(aggregated: bool, tmp_path: Path) -> None:
    cluster = FakeCluster(aggregated=aggregated)
    async with asking(cluster, tmp_path) as api:
        served = await discover(api)
    assert (served["horizontalpodautoscalers"].version, served["cronjobs"].version) == ("v2", "v1")
    assert served["ingresses"].path("shop") == "/apis/networking.k8s.io/v1/namespaces/shop/ingresses"
    assert served["nodemetrics"].path("shop") == "/apis/metrics.k8s.io/v1beta1/nodes"
    assert (cluster.count("") == 1) is aggregated
    assert set(CORE) <= set(served)


async def test_a_group_that_is_announced_and_stale_is_still_asked(tmp_path: Path) -> None:
    cluster = FakeCluster()
    stale = {"version": "v1beta1", "freshness": "Stale", "resources": []}
    document = {
        "kind": "APIGroupDiscoveryList",
        "items": [{"metadata": {"name": "metrics.k8s.io"}, "versions": [stale]}],
    }
    cluster.more["/apis"] = lambda: json.dumps(document).encode()
    async with asking(cluster, tmp_path) as api:
        served = await discover(api)
    assert "podmetrics" in served
    assert "deployments" not in served


# the room around it


async def test_a_reading_that_hangs_is_cut_and_the_next_one_is_well(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    config_clock = SystemClock()
    cluster.hang = {"/api/v1/namespaces/shop/pods"}
    with fake.running(cluster):
        config = fake.kubeconfig(tmp_path, {"it": f"http://127.0.0.1:{cluster.port}"})
        settings = KubernetesSettings(kubeconfig=str(config), timeout=1, every=0.5)
        probe = KubernetesProbe(Target("it", "kubernetes", settings), Context(NoSecrets()))
        readings: list[Reading] = []
        poller = Poller(probe, readings.append, config_clock, lambda target, error: pytest.fail(repr(error)))
        readings.append(await poller._once())
        cluster.hang = set()
        readings.append(await poller._once())
        await probe.close()
    assert isinstance(readings[0], Failure)
    assert readings[0].cause is Cause.TIMEOUT_READ
    assert not isinstance(readings[1], Failure)
