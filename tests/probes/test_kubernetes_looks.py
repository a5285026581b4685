"""The closer looks at a cluster: logs and what they count to, one object, revisions, ConfigMaps, traffic of nodes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from probes.base import Cause, Context, ProbeError, Sheet, Target
from probes.kubernetes.logs import Count, LogLines, level_of, shown
from probes.kubernetes.probe import KubernetesProbe
from probes.kubernetes.references import references
from probes.kubernetes.settings import KubernetesSettings
from tests.probes import kubefake as fake
from tests.probes.kubefake import NOW, FakeCluster

WEB = "web-7d9f8c6b5-aaaaa"
API = "api-7d9f8c6b5-ccccc"


class NoSecrets:
    def resolve(self, reference: str) -> str:
        raise LookupError(reference)


@asynccontextmanager
async def looking(cluster: FakeCluster, folder: Path) -> AsyncIterator[KubernetesProbe]:
    cluster.clock = lambda: NOW
    with fake.running(cluster):
        config = fake.kubeconfig(folder, {"it": f"http://127.0.0.1:{cluster.port}"})
        settings = KubernetesSettings(kubeconfig=str(config), timeout=5)
        probe = KubernetesProbe(Target("it", "kubernetes", settings), Context(NoSecrets(), now=lambda: NOW))
        try:
            await probe.read()
            yield probe
        finally:
            await probe.close()


def text(sheet: Sheet) -> str:
    return "\n".join(map(str, sheet.lines))


def lines_of(*words: str, begin: str = "2026-03-01T02:00:0") -> bytes:
    return "".join(f"{begin}{number}.123456789Z {line}\n" for number, line in enumerate(words)).encode()


# lines


def test_lines_are_put_together_from_pieces_and_cut_where_they_never_end() -> None:
    lines = LogLines()
    assert list(lines.feed(b"one\ntw")) == [b"one"]
    assert list(lines.feed(b"o\n\nthr")) == [b"two", b""]
    assert list(lines.feed(b"x" * 100_000)) == []
    (last,) = lines.rest()
    assert len(last) < 20_000


def test_a_line_is_safe_and_has_its_moment() -> None:
    found = shown(b"2026-03-01T03:12:41.5Z evil \x1b[2J\r", "web │ ")
    assert str(found) == "web │ 03-01 03:12:41  evil ^[[2J"
    assert str(shown(b"without")) == "without"


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ('{"level":"error","msg":"x"}', "error"),
        ('{"level":50,"msg":"x"}', "error"),
        ('{"severity":"WARNING"}', "warning"),
        ('{"level":"info","msg":"ERROR in the title"}', ""),
        ("time=x level=fatal msg=y", "fatal"),
        ("E0301 03:12:41.123456 1 main.go:3] no", "error"),
        ("2026-03-01 ERROR could not", "error"),
        ("[error] 7#7: upstream timed out", "error"),
        ("panic: runtime error", "fatal"),
        ("Traceback (most recent call last):", "error"),
        ("INFO handled with 0 ERROR", ""),
        ("0 errors, terror averted", ""),
    ],
)
def test_the_level_of_a_line_is_found_where_loggers_write_it(line: str, level: str) -> None:
    assert level_of(line.encode()) == level


def test_statuses_of_an_access_log_are_counted_from_400_on() -> None:
    count = Count("nginx")
    for line in (
        '10.0.0.1 - - [01/Mar/2026:03:12:41 +0000] "GET / HTTP/1.1" 403 153 "-" "curl"',
        '10.0.0.1 - - [01/Mar/2026:03:12:41 +0000] "GET /401 HTTP/1.1" 200 401 "-" "curl"',
        '{"status": 502, "path": "/"}',
    ):
        count.take(line.encode())
    assert dict(count.statuses) == {"403": 1, "502": 1}


# logs


async def test_a_crash_loop_is_read_with_the_run_before(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    cluster.logs = {(API, "main", True): lines_of("panic: boom"), (API, "main", False): lines_of("starting")}
    async with looking(cluster, tmp_path) as probe:
        found = [str(line) async for line in probe.follow("logs", f"pod/shop/{API}")]
        sheet = await probe.look("previous", f"pod/shop/{API}")
    assert found[0] == "── end of the run before: Error, exit 3 ──"
    assert found[1:] == [
        "03-01 02:00:00  panic: boom",
        "── this run ──",
        "03-01 02:00:00  starting",
        "(this log has ended)",
    ]
    assert "panic: boom" in text(sheet)
    assert cluster.count("previous=true") == 2


async def test_the_logs_of_a_workload_are_one_stream_with_the_names_of_its_pods(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    other = "web-7d9f8c6b5-bbbbb"
    cluster.logs = {(WEB, "main", False): lines_of("a", "b"), (other, "main", False): lines_of("c")}
    async with looking(cluster, tmp_path) as probe:
        for subject in ("deployment/shop/web", "web", "hpa/shop/web", "service/shop/web"):
            found = {str(line) async for line in probe.follow("logs", subject)}
            assert f"{WEB} │ 03-01 02:00:01  b" in found, subject
            assert f"{other} │ 03-01 02:00:00  c" in found
    assert cluster.count("tailLines=100") == 8


async def test_a_pod_that_has_no_log_yet_says_so(tmp_path: Path) -> None:
    async with looking(fake.small_cluster(), tmp_path) as probe:
        sheet = await probe.look("logs", "pod/shop/img-7d9f8c6b5-ddddd")
        assert "there is no such log: container is waiting to start" in text(sheet)
        with pytest.raises(ProbeError, match="no such log"):
            [line async for line in probe.follow("logs", "pod/shop/img-7d9f8c6b5-ddddd")]


@pytest.mark.parametrize("subject", ["pod/shop/gone", "deployment/shop/gone", "nobody", "cronjob/shop/gone"])
async def test_what_is_gone_is_told_as_gone(subject: str, tmp_path: Path) -> None:
    async with looking(fake.small_cluster(), tmp_path) as probe:
        with pytest.raises(ProbeError) as caught:
            await probe.look("logs", subject)
    assert caught.value.cause is Cause.GONE


async def test_errors_are_counted_over_all_pods_and_all_lines_with_the_span_they_cover(tmp_path: Path) -> None:
    """No tail cuts the count, the run before is in it, and nobody believes that a day was read when it was not."""
    cluster = fake.small_cluster()
    many = ["INFO fine"] * 8 + ["ERROR one"]
    again = fake.container_status(restartCount=1, lastState=fake.ended(1))
    cluster.objects["pods"][1] = fake.pod("web-7d9f8c6b5-bbbbb", containerStatuses=[again])
    cluster.logs = {
        (WEB, "main", False): lines_of(*many) * 50,
        ("web-7d9f8c6b5-bbbbb", "main", False): lines_of("WARN x", begin="2026-03-01T03:00:0"),
        ("web-7d9f8c6b5-bbbbb", "main", True): lines_of("FATAL y", "ERROR z", begin="2026-03-01T02:50:0"),
    }
    async with looking(cluster, tmp_path) as probe:
        sheet = await probe.look("errors", "deployment/shop/web")
    said = text(sheet)
    assert said.splitlines()[0] == "1 fatal  51 error  1 warning  in 453 lines"
    assert "covered: 2026-03-01T02:00:00 to 2026-03-01T03:00:00 UTC; asked for 24 h" in said
    assert "all of these pods together only from 2026-03-01T03:00:00 on" in said
    assert "bbbbb/main (run before)  1 fatal  1 error" in said
    assert "ERROR z" in said
    asked = [one for one in cluster.asked if "/log?" in one]
    assert all("sinceSeconds=86400" in one and "tailLines" not in one for one in asked)


async def test_a_log_that_is_too_long_is_counted_in_part_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probes.kubernetes.looks._BYTES", 1 << 20)
    cluster = fake.small_cluster()
    cluster.logs = {(WEB, "main", False): lines_of("ERROR x" * 40, "INFO y") * 20_000}
    async with looking(cluster, tmp_path) as probe:
        said = text(await probe.look("errors", f"pod/shop/{WEB}"))
    assert "cut after 1 MiB, at 2026-03-01T02:00:0" in said


# one object


async def test_a_pod_is_described_with_its_reasons_and_events(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    async with looking(cluster, tmp_path) as probe:
        said = text(await probe.look("describe", f"pod/shop/{API}"))
    for words in ("ends again and again: exit 3", "7 restarts", "exit 3, 1m00s ago", "memory 256 Mi", "BackOff ×42"):
        assert words in said
    assert cluster.count(f"involvedObject.name%3D{API}%2CinvolvedObject.kind%3DPod") == 1


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("deployment/shop/web", "scaled by        hpa web, 3 to 10"),
        ("node/node-3", "Kubelet stopped posting node status."),
        ("hpa/shop/web", "TooManyReplicas"),
        ("certificate/shop/shop-tls", "Ready"),
        ("job/shop/mail-1", "backoff limit"),
        ("service/shop/web", "selector         app=web"),
        ("pdb/shop/web", "selector         app=web"),
    ],
)
async def test_every_row_can_be_looked_at_closely(row: str, words: str, tmp_path: Path) -> None:
    async with looking(fake.small_cluster(), tmp_path) as probe:
        assert words in text(await probe.look("describe", row))


async def test_a_look_works_before_the_first_reading(tmp_path: Path) -> None:
    with fake.running(fake.small_cluster()) as cluster:
        made = KubernetesSettings.model_validate(fake.leading_to(cluster.port))
        probe = KubernetesProbe(Target("it", "kubernetes", made), Context(NoSecrets()))
        said = text(await probe.look("describe", "deployment/shop/web"))
        await probe.close()
    assert "shop/web:1.4" in said


async def test_an_event_leads_to_what_it_is_about(tmp_path: Path) -> None:
    async with looking(fake.small_cluster(), tmp_path) as probe:
        sheet = await probe.look("describe", f"event/pod/shop/{API}/BackOff")
    assert sheet.title == f"pod shop/{API}"


async def test_events_one_may_not_read_leave_the_rest_of_a_description(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    async with looking(cluster, tmp_path) as probe:
        cluster.faults = {"/api/v1/namespaces/shop/events": fake.refused("me", "list", "events", "shop")}
        assert "no event is kept" in text(await probe.look("describe", f"pod/shop/{API}"))


# revisions


def replica_set(number: int, image: str, pods: int = 0, owner: str = "uid-shop-web") -> fake.Doc:
    annotations = {"deployment.kubernetes.io/revision": str(number), "kubernetes.io/change-cause": f"ticket {number}"}
    meta = fake.meta(f"web-{number}", annotations=annotations, labels={"app": "web"},
                     ownerReferences=[{"uid": owner, "kind": "Deployment", "name": "web"}])  # fmt: skip
    template = {"spec": {"containers": [{"name": "main", "image": image}]}}
    return {"metadata": meta, "spec": {"template": template}, "status": {"replicas": pods, "readyReplicas": pods}}


async def test_the_history_names_what_each_revision_ran_and_why(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    sets = [replica_set(3, "shop/web:1.3"), replica_set(4, "shop/web:1.4", 2), replica_set(9, "other:1", owner="x")]
    cluster.objects["replicasets"] = sets
    async with looking(cluster, tmp_path) as probe:
        said = text(await probe.look("history", "deployment/shop/web"))
        from_pod = text(await probe.look("history", f"pod/shop/{WEB}"))
    assert said == from_pod
    assert said.index("revision 4 (current)  2h00m ago  2 of 2 ready") < said.index("revision 3")
    assert "shop/web:1.3" in said
    assert "ticket 3" in said
    assert "other:1" not in said
    assert "no ConfigMap, Secret or database goes back" in said


async def test_a_statefulset_keeps_its_revisions_elsewhere(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    database = fake.workload("db", 1)
    database["status"] |= {"currentRevision": "db-2", "updateRevision": "db-2"}
    cluster.objects["statefulsets"] = [database]
    spec = {"template": {"spec": {"containers": [{"name": "main", "image": "postgres:15"}]}}}
    owned: dict[str, Any] = {"labels": {"app": "db"}, "ownerReferences": [{"uid": "uid-shop-db"}]}
    cluster.objects["controllerrevisions"] = [
        {"metadata": fake.meta("db-2", **owned), "revision": 2, "data": {"spec": spec}}
    ]
    async with looking(cluster, tmp_path) as probe:
        said = text(await probe.look("history", "statefulset/shop/db"))
        with pytest.raises(ProbeError, match="keeps no revisions"):
            await probe.look("history", "service/shop/web")
    assert "revision 2 (current)" in said
    assert "postgres:15" in said


# ConfigMaps


def test_references_are_found_wherever_a_pod_may_have_them() -> None:
    box = {"envFrom": [{"configMapRef": {"name": "a"}}], "env": [{"valueFrom": {"configMapKeyRef": {"name": "b"}}}, {}]}
    pod = {
        "containers": [box],
        "initContainers": [{"envFrom": [{"configMapRef": {"name": "c"}}, {"secretRef": {"name": "x"}}]}],
        "ephemeralContainers": [{"env": [{"valueFrom": {"configMapKeyRef": {"name": "d"}}}]}],
        "volumes": [
            {"configMap": {"name": "e"}}, {"projected": {"sources": [{"configMap": {"name": "f"}}, {"secret": {}}]}}
        ],
    }  # fmt: skip
    assert sorted(references(pod)) == ["a", "b", "c", "d", "e", "f"]
    assert list(references({"volumes": "x", "containers": [1]})) == []


async def test_config_maps_nothing_refers_to_are_listed_and_their_content_is_never_asked_for(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    volume = {"volumes": [{"name": "v", "configMap": {"name": "app"}}]}
    old = replica_set(3, "x")
    old["spec"]["template"]["spec"]["volumes"] = [{"configMap": {"name": "app-before"}}]
    cron = {"metadata": fake.meta("mail"), "spec": {"jobTemplate": {"spec": {"template": {"spec": {
        "volumes": [{"configMap": {"name": "mail"}}]}}}}}}  # fmt: skip
    cluster.objects["pods"].append(fake.pod("direct", "", spec=volume))
    cluster.objects |= {"replicasets": [old], "cronjobs": [cron], "replicationcontrollers": []}
    maps = ["app", "app-before", "mail", "old", "kube-root-ca.crt"]
    cluster.objects["configmaps"] = [{"metadata": fake.meta(one), "data": {"x": "secret"}} for one in maps]
    async with looking(cluster, tmp_path) as probe:
        said = text(await probe.look("configmaps", ""))
        assert "1 of 5 ConfigMaps have nothing that refers to them" in said
        assert "shop/old  made 2h00m ago, changed 1h00m ago" in said
        assert "replicaset/shop/web-3" in said
        assert "put there by the cluster" in said
        cluster.faults = {
            "/apis/apps/v1/namespaces/shop/replicasets": fake.refused("me", "list", "replicasets", "shop")
        }
        with pytest.raises(ProbeError, match="may not list replicasets"):
            await probe.look("configmaps", "")
    accepted = [
        headers["Accept"] for path, headers in zip(cluster.asked, cluster.headers, strict=True) if "configmaps" in path
    ]
    assert all("PartialObjectMetadataList" in one for one in accepted)


# nodes


def counts(seconds: int, received: int, sent: int) -> dict[str, Any]:
    network = {"time": f"2026-03-01T03:12:{seconds:02}Z", "name": "eth0", "rxBytes": received, "txBytes": sent}
    return {"node": {"nodeName": "n", "network": network}}


async def test_traffic_of_every_node_is_a_rate_of_two_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probes.kubernetes.summary._AGAIN", 0.01)
    cluster = fake.small_cluster()
    cluster.summaries = {
        "node-1": [counts(10, 1000, 0), counts(10, 1000, 0), counts(20, 1000 + 10 * 2048, 500)],
        "node-2": [{"node": {}}],
        "node-3": [counts(10, 9000, 0), counts(20, 100, 0)],
    }
    cluster.faults = {"/api/v1/nodes/node-3": fake.refused("me", "get", "nodes/proxy")}
    async with looking(cluster, tmp_path) as probe:
        said = {str(line).split()[0]: str(line) for line in (await probe.look("network", "")).lines}
    assert "2.0 KiB/s" in said["node-1"]
    assert "50 B/s" in said["node-1"]
    assert "does not count network" in said["node-2"]
    assert "needs a role with verb get on nodes/proxy" in said["node-3"]


async def test_what_is_not_offered_is_refused(tmp_path: Path) -> None:
    async with looking(fake.small_cluster(), tmp_path) as probe:
        assert {one.name for one in probe.looks()} >= {"logs", "describe", "errors", "history", "configmaps", "network"}
        with pytest.raises(ProbeError, match="no look named nonsense"):
            await probe.look("nonsense", "")
        with pytest.raises(ProbeError, match="cannot follow"):
            [line async for line in probe.follow("nonsense", "")]
        assert json.dumps([one.name for one in probe.looks() if one.follow]) == '["logs"]'
