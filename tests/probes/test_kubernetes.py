"""The kubernetes kind on documents of an old and a new API server: what is read, what is said, what it costs."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from desk.alert import Alert
from desk.board import Board
from desk.rules import RuleBook
from probes.base import Cause, Context, Snapshot, Target
from probes.kubernetes.events import event, grouped
from probes.kubernetes.facts import KubernetesFacts, Pod, Trouble, Use
from probes.kubernetes.gauges import LABELLED, measured
from probes.kubernetes.network import behind, endpoint_addresses, ingress, service, slice_addresses
from probes.kubernetes.nodes import node_use, pod_use
from probes.kubernetes.pages import page
from probes.kubernetes.parse import quantity, selector
from probes.kubernetes.pods import pod, unscheduled
from probes.kubernetes.probe import KubernetesProbe
from probes.kubernetes.scaling import autoscaler
from probes.kubernetes.settings import KubernetesSettings
from probes.kubernetes.workloads import cronjob, daemonset, deployment, job, statefulset
from tests.probes import kubefake as fake
from tests.probes.kubefake import NOW, FakeCluster
from tests.toys import StillClock

CANARY = "hunter2-CANARY-x9"


class NoSecrets:
    def resolve(self, reference: str) -> str:
        raise LookupError(reference)


@asynccontextmanager
async def probing(cluster: FakeCluster, folder: Path, **settings: Any) -> AsyncIterator[KubernetesProbe]:
    """A probe of a cluster whose clock stands still, as ours does."""
    cluster.clock = lambda: NOW
    with fake.running(cluster):
        config = fake.kubeconfig(folder, {"it": f"http://127.0.0.1:{cluster.port}"})
        made = KubernetesSettings.model_validate({"kubeconfig": str(config), "timeout": 5, **settings})
        probe = KubernetesProbe(Target("it", "kubernetes", made), Context(NoSecrets(), now=lambda: NOW))
        try:
            yield probe
        finally:
            await probe.close()


def read(item: fake.Doc) -> Pod:
    """One pod as it is understood."""
    found = pod(item)
    assert found is not None
    return found


def alerts(snapshots: list[Snapshot[KubernetesFacts]], every: float = 5.0) -> list[Alert]:
    """What the rules say after these readings."""
    clock = StillClock()
    target = Target("it", "kubernetes", KubernetesSettings())
    board = Board([target], clock)
    book = RuleBook("it", KubernetesProbe.rules, KubernetesProbe.gauges)
    said: tuple[Alert, ...] = ()
    for snapshot in snapshots:
        board.take(snapshot)
        said = book.judge(board.slot("it"), clock.monotonic(), clock.now())
        clock.seconds += every
    return list(said)


# pods: the word kubectl prints, and why


def test_a_running_pod_is_well() -> None:
    found = read(fake.pod())
    assert (str(found.status), found.trouble, found.ready, found.total) == ("Running", Trouble.NONE, 1, 1)
    assert found.owner == "deployment/shop/web"
    assert not found.why
    assert (found.cpu_request, found.memory_limit) == (0.1, 256 * 2.0**20)
    assert found.containers[0].digest == "sha256:abababababab"


def test_a_crash_loop_says_how_its_container_ended() -> None:
    found = read(fake.crashing())
    assert (str(found.status), found.trouble, found.restarts) == ("CrashLoopBackOff", Trouble.CRASH, 7)
    assert "exit 3" in found.why


def test_a_container_killed_for_memory_says_at_which_limit() -> None:
    found = read(fake.crashing(reason="OOMKilled", code=137))
    assert "killed for lack of memory at its limit of 256 MiB" in found.why
    assert found.oom_at is not None


@pytest.mark.parametrize(
    ("item", "word", "trouble", "why"),
    [
        (fake.waiting("a", "img", "ErrImagePull", "no such"), "ErrImagePull", Trouble.IMAGE, "ErrImagePull: no such"),
        (fake.waiting("a", "img", "InvalidImageName"), "InvalidImageName", Trouble.IMAGE, "shop/web:1.4"),
        (fake.waiting("a", "img", "ErrImageNeverPull"), "ErrImageNeverPull", Trouble.IMAGE, "shop/web:1.4"),
        (
            fake.waiting("a", "cfg", "CreateContainerConfigError", 'configmap "app" not found'),
            "CreateContainerConfigError", Trouble.CONFIG, 'configmap "app" not found',
        ),
        (fake.waiting("a", "new", "ContainerCreating"), "ContainerCreating", Trouble.COMING, "events say"),
        (
            fake.unscheduled("a", "big", "0/3 nodes are available: 3 Insufficient memory."),
            "Pending", Trouble.UNSCHEDULED, "3 Insufficient memory, of 3 nodes",
        ),
        (
            fake.pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory.", ready="False"),
            "Evicted", Trouble.EVICTED, "low on resource: memory",
        ),
        (
            fake.pod(ready="False", containerStatuses=[fake.container_status(ready=False)]),
            "Running", Trouble.NOT_READY, "GET :8080/health does not pass",
        ),
        (
            fake.pod(phase="Succeeded", ready="False",
                     containerStatuses=[fake.container_status(ready=False, state=fake.ended(0, "Completed"))]),
            "Completed", Trouble.NONE, "",
        ),
        (
            fake.pod(phase="Failed", ready="False",
                     containerStatuses=[fake.container_status(ready=False, state=fake.ended(2))]),
            "Error", Trouble.FAILED, "main ended with exit 2",
        ),
        (
            fake.pod(meta=fake.deployed("web") | {"deletionTimestamp": fake.ago(10), "finalizers": ["x/y"]}),
            "Terminating", Trouble.LEAVING, "asked for its end",
        ),
        (
            fake.pod(meta=fake.deployed("web") | {"deletionTimestamp": fake.ago(10)}, reason="NodeLost"),
            "Unknown", Trouble.LEAVING, "asked for its end",
        ),
    ],
)  # fmt: skip
def test_a_pod_has_the_word_kubectl_prints_and_a_reason(item: fake.Doc, word: str, trouble: Trouble, why: str) -> None:
    found = read(item)
    assert (str(found.status), found.trouble) == (word, trouble)
    assert why in found.why


def test_init_containers_are_counted_and_named() -> None:
    spec = {"initContainers": [{"name": "migrate"}, {"name": "warm"}]}
    pending = [{"type": "Initialized", "status": "False"}]
    waits = fake.pod(
        ready="False", phase="Pending", spec=spec, conditions=pending,
        initContainerStatuses=[
            fake.container_status("migrate", ready=True, state=fake.ended(0, "Completed")),
            fake.container_status("warm", ready=False),
        ],
        containerStatuses=[fake.container_status(ready=False, state={"waiting": {"reason": "PodInitializing"}})],
    )  # fmt: skip
    found = read(waits)
    assert (str(found.status), found.trouble) == ("Init:1/2", Trouble.COMING)
    assert "warm has not ended" in found.why

    broken = json.loads(json.dumps(waits))
    broken["status"]["initContainerStatuses"][0] = fake.container_status(
        "migrate",
        ready=False,
        restartCount=4,
        state={"waiting": {"reason": "CrashLoopBackOff"}},
        lastState=fake.ended(7),
    )
    found = read(broken)
    assert (str(found.status), found.trouble) == ("Init:CrashLoopBackOff", Trouble.CRASH)
    assert "init container migrate ends again and again: exit 7" in found.why


def test_a_sidecar_that_runs_counts_among_the_ready_containers() -> None:
    spec = {"initContainers": [{"name": "proxy", "restartPolicy": "Always"}]}
    found = read(fake.pod(spec=spec, initContainerStatuses=[fake.container_status("proxy")]))
    assert (str(found.status), found.ready, found.total) == ("Running", 2, 2)


def test_a_readiness_gate_that_is_not_true_is_named() -> None:
    gate = {"type": "target-health.example/lb", "status": "False"}
    found = read(fake.pod(conditions=[{"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady"}, gate]))
    assert found.trouble is Trouble.NOT_READY
    assert "target-health.example/lb" in found.why


def test_the_schedulers_words_lose_their_numbers_but_not_their_reasons() -> None:
    said = "0/9 nodes are available: 2 Insufficient cpu, 7 node(s) had untolerated taint {a: b}. preemption: 0/9 nodes"
    assert str(unscheduled(said)) == "Insufficient cpu, node(s) had untolerated taint"
    assert str(unscheduled("")) == "no node takes it"


@pytest.mark.parametrize(
    "junk", [{}, {"metadata": {"name": "x"}}, {"metadata": 3}, {"metadata": {"uid": [], "name": 4}}]
)
@pytest.mark.parametrize(
    "parse", [pod, deployment, statefulset, daemonset, job, cronjob, autoscaler, service, ingress, event]
)
def test_what_has_no_identity_is_left_out(parse: Callable[[Any], Any], junk: fake.Doc) -> None:
    assert parse(junk) is None


def test_a_pod_of_nonsense_is_missing_values_and_no_error() -> None:
    junk = {"metadata": {"name": "x", "uid": "u", "ownerReferences": 3, "labels": []},
            "spec": {"containers": [{"name": 7, "resources": "x"}, 4]},
            "status": {"containerStatuses": {"a": 1}, "conditions": [None, {"type": 3}], "phase": 9}}  # fmt: skip
    found = read(junk)
    assert (str(found.status), found.created, found.memory_limit) == ("Unknown", None, None)


# other objects


def test_quantities_are_read_in_every_spelling() -> None:
    assert [quantity(one) for one in ("1500m", "1Gi", "128974848", "12e6", "3", 2, "1k", "x", "", None, "1ZZ")] == [
        1.5, 2.0**30, 128974848.0, 12e6, 3.0, 2.0, 1000.0, None, None, None, None
    ]  # fmt: skip


def test_a_selector_is_written_as_kubectl_takes_it() -> None:
    odd = {
        "matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["x", "y"]}, {"key": "b", "operator": "Huh"}]
    }
    assert selector({"matchLabels": {"b": "2", "a": "1"}}) == "a=1,b=2"
    assert selector({"app": "web"}) == "app=web"
    assert selector(odd) == ""


@pytest.mark.parametrize("version", ["v1", "v2beta2", "v2"])
def test_an_autoscaler_says_the_same_in_every_version(version: str) -> None:
    found = autoscaler(fake.hpa(version, current=10, most=10, desired=10, limited="True"))
    assert found is not None
    assert found.pinned
    assert (found.able, found.active, found.limited) == (True, True, True)
    assert (str(found.measures[0].name), str(found.measures[0].current), found.measures[0].ratio) == (
        "cpu",
        "90 %",
        1.8,
    )
    blind = autoscaler(fake.hpa(version, active="False"))
    assert blind is not None
    assert (blind.active, blind.pinned) == (False, False)
    assert "unable to get metrics" in blind.why


def test_a_scaler_with_one_possible_number_is_not_pinned() -> None:
    found = autoscaler(fake.hpa("v2", current=3, most=3, desired=3, limited="True"))
    assert found is not None
    assert not found.pinned


def test_a_rollout_that_goes_no_further_says_why() -> None:
    stuck = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "has timed out"}
    quota = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: small"}
    found = deployment(fake.workload(ready=1, status={"updatedReplicas": 1, "conditions": [stuck, quota]}))
    assert found is not None
    assert (found.rolling, found.short) == (True, 1)
    assert "timed out" in found.stuck
    assert "exceeded quota" in found.refused


def test_a_workload_whose_controller_has_not_looked_yet_is_rolling() -> None:
    found = deployment(fake.workload(status={"observedGeneration": 2}))
    assert found is not None
    assert found.rolling


def test_a_statefulset_at_rest_is_fully_updated() -> None:
    item = fake.workload("db", 3)
    item["status"] = {"replicas": 3, "readyReplicas": 2, "currentRevision": "db-1", "updateRevision": "db-1"}
    item["metadata"].pop("generation")
    found = statefulset(item)
    assert found is not None
    assert (found.updated, found.short, found.rolling, found.key) == (3, 1, False, "statefulset/shop/db")


def test_a_cron_job_tells_its_last_run() -> None:
    spec = {"schedule": "0 3 * * *", "timeZone": "Europe/Vienna", "suspend": True}
    item = {"metadata": fake.meta("mail"), "spec": spec, "status": {"lastScheduleTime": fake.ago(60)}}
    found = cronjob(item)
    assert found is not None
    assert (found.state, str(found.schedule)) == ("suspended", "0 3 * * * Europe/Vienna")
    assert found.ended is None


def test_what_answers_behind_a_service_is_counted_once() -> None:
    one = {"metadata": fake.meta("a", labels={"kubernetes.io/service-name": "web"}),
           "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": False}},
                         {"addresses": ["10.0.0.2"], "conditions": {"ready": True}}]}  # fmt: skip
    other = {"metadata": fake.meta("b", labels={"kubernetes.io/service-name": "web"}),
             "endpoints": [{"addresses": ["10.0.0.2"], "conditions": {}}]}  # fmt: skip
    old = {
        "metadata": fake.meta("web"),
        "subsets": [{"addresses": [{"ip": "10.0.0.2"}], "notReadyAddresses": [{"ip": "1"}]}],
    }
    sliced = [found for found in map(slice_addresses, (one, other)) if found is not None]
    assert behind(sliced) == {"service/shop/web": (1, 1)}
    ends = endpoint_addresses(old)
    assert ends is not None
    assert behind([ends]) == {"service/shop/web": (1, 1)}


def test_an_old_and_a_new_ingress_lead_to_the_same_place() -> None:
    def made(backend: fake.Doc) -> fake.Doc:
        paths = {"paths": [{"path": "/", "backend": backend}]}
        return {"metadata": fake.meta("shop"), "spec": {"rules": [{"host": "shop.example", "http": paths}]}}

    new = ingress(made({"service": {"name": "web", "port": {"number": 80}}}))
    old = ingress(made({"serviceName": "web", "servicePort": 80}))
    assert new is not None
    assert old is not None
    assert [str(one) for one in new.ports] == [str(one) for one in old.ports] == ["http://shop.example/ → web:80"]


def test_use_that_one_container_lacks_is_missing_and_not_smaller() -> None:
    whole = {
        "metadata": {"name": "a", "namespace": "shop"},
        "containers": [{"usage": {"cpu": "5m", "memory": "1Mi"}}] * 2,
    }
    assert pod_use(whole) == ("pod/shop/a", Use(0.01, 2.0**21))
    part = whole | {"containers": [{"usage": {"cpu": "5m"}}, {"usage": {"cpu": "5m", "memory": "1Mi"}}]}
    found = pod_use(part)
    assert found is not None
    assert (found[1].cpu, found[1].memory) == (0.01, None)
    node = node_use({"metadata": {"name": "n"}, "usage": {"cpu": "2", "memory": "x"}})
    assert node is not None
    assert (node[0], node[1].memory) == ("node/n", None)


def test_warnings_of_one_reason_are_one_row_with_the_newest_message() -> None:
    made = [
        event(fake.warning("a", "BackOff", f"message {number}", seconds, 3)) for number, seconds in ((1, 9), (2, 400))
    ]
    found = grouped([one for one in made if one is not None], 10)
    assert [(one.count, str(one.said)) for one in found] == [(6, "message 1")]
    newer = event({"involvedObject": {"kind": "Node", "name": "n"}, "reason": "x", "eventTime": fake.ago(5),
                   "series": {"count": 12, "lastObservedTime": fake.ago(1)}})  # fmt: skip
    assert newer is not None
    assert (newer.count, newer.about) == (12, "node/n")


def test_a_page_is_taken_apart_one_object_at_a_time_and_as_a_whole_alike() -> None:
    body = {"kind": "PodList", "metadata": {"continue": "t", "remainingItemCount": 7}, "items": [{"n": 1}, 3, {"n": 2}]}
    back = {"items": body["items"], "metadata": body["metadata"]}
    nested = {"metadata": {"x": {"items": [1]}, "continue": "t", "remainingItemCount": 7}, "items": body["items"]}
    for one in (body, back, nested):
        for text in (json.dumps(one), json.dumps(one, indent=1), json.dumps(one, separators=(",", ":"))):
            found = page(text.encode(), lambda row: row["n"])
            assert found is not None
            assert (found.kept, found.number, found.token, found.left) == ([1, 2], 3, "t", 7)
    empty = page(b'{"kind": "PodList", "items": null}', lambda row: row)
    assert empty is not None
    assert empty.kept == []
    assert page(b'{"kind": "Status"}', lambda row: row) is None
    with pytest.raises(ValueError, match="Expecting"):
        page(b'{"items": [{"n": 1}, {"n"', lambda row: row)


# a whole reading


async def test_a_new_cluster_is_read_whole(tmp_path: Path) -> None:
    async with probing(fake.small_cluster(), tmp_path, expect_nodes=4) as probe:
        found = await probe.read()
    facts = found.facts
    assert (str(facts.version), str(facts.context), [str(one) for one in facts.namespaces]) == (
        "v1.32.1",
        "it",
        ["shop"],
    )
    assert [str(one.name)[:3] for one in facts.pods] == ["api", "cfg", "img", "big", "web", "web"]
    assert facts.worst["deployment/shop/api"].trouble is Trouble.CRASH
    assert facts.node_use["node/node-1"].memory == 3670016 * 1024
    assert found.gauge("workload_memory_ratio", workload="shop/web") == 0.9375
    assert found.gauge("nodes_missing") == 1
    assert found.gauge("certificate_left_seconds", certificate="shop/shop-tls") == pytest.approx(12 * 86400, abs=2)
    (long,) = facts.certificates
    assert long.not_after is not None
    short = replace(long, not_before=long.not_after - timedelta(days=24))
    told = measured(replace(facts, certificates=(short,)), ()).values
    assert {key.name: value for key, value in told.items() if key.name.startswith("certificate")} == {
        "certificate_left_ratio": pytest.approx(0.5, abs=0.001)
    }
    assert found.gaps == ()
    assert {one.key for one in facts.services if one.ready == 0} == {"service/shop/api"}
    assert facts.pods[0].uid
    assert facts.workloads[0].version == "100"


async def test_an_old_cluster_is_read_by_the_versions_it_serves(tmp_path: Path) -> None:
    cluster = fake.small_cluster(new=False)
    async with probing(cluster, tmp_path) as probe:
        found = await probe.read()
    assert str(found.facts.version) == "v1.20.2"
    assert found.facts.autoscalers[0].pinned
    assert found.facts.budgets[0].allowed == 0
    assert [one.kind for one in found.facts.jobs] == ["job", "cronjob"]
    for path in (
        "autoscaling/v2beta2",
        "policy/v1beta1",
        "batch/v1beta1/namespaces/shop/cronjobs",
        "discovery.k8s.io/v1beta1",
    ):
        assert cluster.count(f"/apis/{path}")
    assert cluster.count("/apis/autoscaling/v2/") == cluster.count("certificates") == 0
    assert [(gap.part, gap.cause, str(gap.hint)) for gap in found.gaps] == [
        ("cpu and memory of nodes", Cause.MISSING, "metrics-server is not installed")
    ]
    assert found.facts.absent == ("metrics-server", "cert-manager")
    assert found.gauge("cpu_ratio") is None


async def test_certificates_that_should_be_there_are_missed(tmp_path: Path) -> None:
    async with probing(fake.small_cluster(new=False), tmp_path, certificates=True) as probe:
        found = await probe.read()
    assert "cert-manager is not installed" in {str(gap.hint) for gap in found.gaps}


async def test_what_changes_slowly_is_read_seldom_unless_somebody_looks(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    async with probing(cluster, tmp_path) as probe:
        await probe.read()
        cluster.asked.clear()
        found = await probe.read()
        assert cluster.count("/services") == cluster.count("/events") == cluster.count("/apis?") == 0
        assert cluster.count("/pods") == cluster.count("/nodes") == 1
        assert found.facts.services
        probe.watched = True
        await probe.read()
        assert cluster.count("/services") == cluster.count("/events") == 1


async def test_a_pod_of_which_nothing_new_is_said_is_the_same_object(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    async with probing(cluster, tmp_path) as probe:
        before = (await probe.read()).facts
        cluster.objects["pods"][0]["metadata"]["resourceVersion"] = "101"
        after = (await probe.read()).facts
    same = [one is other for one, other in zip(before.pods, after.pods, strict=True)]
    assert same.count(False) == 1


async def test_no_value_of_an_environment_and_no_token_comes_out(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    async with probing(cluster, tmp_path) as probe:
        found = await probe.read()
        sheets = [await probe.look("describe", one.key) for one in found.facts.pods]
        sheets.append(await probe.look("configmaps", ""))
    text = repr(found) + repr(sheets) + repr(probe._api.place)
    assert CANARY not in text
    assert "t0ken" not in text


async def test_several_namespaces_are_read_each_and_a_star_reads_all(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    cluster.objects["pods"].append(fake.pod("mail-1", "", "post"))
    async with probing(cluster, tmp_path, namespaces=["shop", "post"], selector="app=web") as probe:
        found = await probe.read()
        assert [str(one.name) for one in found.facts.pods] == ["web-7d9f8c6b5-aaaaa", "web-7d9f8c6b5-bbbbb"]
        assert cluster.count("/namespaces/post/pods?labelSelector=app%3Dweb") == 1
    cluster = fake.small_cluster()
    cluster.objects["pods"].append(fake.pod("mail-1", "", "post"))
    (tmp_path / "b").mkdir()
    async with probing(cluster, tmp_path / "b", namespaces=["*"]) as probe:
        found = await probe.read()
        assert len(found.facts.pods) == 7
        assert cluster.count("/api/v1/pods?limit=500") == 1
        assert found.facts.namespaces == ()


# what is worth attention


async def test_what_is_broken_is_said_with_its_reason(tmp_path: Path) -> None:
    async with probing(fake.small_cluster(), tmp_path, expect_nodes=4) as probe:
        found = await probe.read()
    said = {one.words for one in alerts([found] * 30)}
    assert said >= {
        "node node-3 is not ready: its kubelet is silent",
        "3 of 4 expected nodes are there",
        "node node-2 is short of memory",
        "shop/api: 1 crash-looping, exit 3",
        "shop/img: 1 can't get their image, image shop/web:1.4",
        'shop/cfg: 1 can\'t start, configmap "app" not found',
        "shop/big: no node takes 1 of its pods, Insufficient memory",
        "shop/api: none of 1 ready",
        "shop/web: at its upper bound of 10 and wants more",
        "shop/web: a pod uses 94 % of its memory limit; beyond it the kernel kills it",
        "service shop/api: nothing behind it answers",
        "job shop/mail-1 failed: Job has reached the backoff limit",
        "certificate shop/shop-tls ends in 12d00h",
    }, said


async def test_a_short_deployment_is_said_after_two_minutes_and_not_before(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    cluster.objects["deployments"] = [fake.workload("web", 3, 2)]
    async with probing(cluster, tmp_path) as probe:
        found = await probe.read()
    names = [{one.rule for one in alerts([found] * number)} for number in (24, 26)]
    assert "replicas-short" not in names[0]
    assert "replicas-short" in names[1]


async def test_a_crash_loop_stays_one_alert_while_its_container_happens_to_run(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    async with probing(cluster, tmp_path) as probe:
        down = await probe.read()
        runs = fake.container_status(restartCount=7, lastState=fake.ended(3))
        cluster.objects["pods"][2] = fake.pod("api-7d9f8c6b5-ccccc", "api", containerStatuses=[runs])
        cluster.objects["pods"][2]["metadata"]["resourceVersion"] = "200"
        up = await probe.read()
    assert up.facts.pods[-1].trouble is Trouble.NONE
    labels = [next(key for key in one.gauges if key.name == "crash_looping") for one in (down, up)]
    assert labels[0] == labels[1]


def test_labels_are_bounded_however_many_things_break() -> None:
    from probes.kubernetes.gauges import measured

    pods = tuple(read(fake.crashing(f"p{number}", "", meta={"labels": {}})) for number in range(400))
    workloads = tuple(replace(found, name=found.name) for number in range(400)
                      if (found := deployment(fake.workload(f"w{number}", 3, 0))) is not None)  # fmt: skip
    gauges = measured(KubernetesFacts(at=NOW, pods=pods, workloads=workloads), {"pods", "nodes"})
    assert 3 * LABELLED < len(gauges.values) < 1000


# size


async def test_ten_thousand_pods_are_read_in_time_and_hold_nobody_up(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    many = [fake.pod(f"web-7d9f8c6b5-{number:05d}") for number in range(10_000)]
    cluster.objects["pods"] = many
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.01)
            longest = max(longest, time.perf_counter() - began)

    async with probing(cluster, tmp_path, timeout=60) as probe:
        await probe.read()
        heart = asyncio.create_task(beat())
        spent = time.thread_time()
        found = await probe.read()
        spent = time.thread_time() - spent
        heart.cancel()
    assert len(found.facts.pods) == 10_000
    assert cluster.count("/pods?") >= 21  # the first reading takes as many pages as there is time for
    assert max(int(one.partition("limit=")[2].partition("&")[0]) for one in cluster.asked if "/pods?" in one) == 500
    assert spent < 6.0, "seconds of cpu on the event loop"
    assert longest < 5, "seconds in which no key would have been answered, server in the same process"
