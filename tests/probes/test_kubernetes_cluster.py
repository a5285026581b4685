"""The kubernetes kind on a real cluster: what its controllers, its kubelet and its rights make of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from probes.base import Cause, Context, ProbeError, Snapshot, Target
from probes.kubernetes.facts import KubernetesFacts, Trouble
from probes.kubernetes.probe import KubernetesProbe
from probes.kubernetes.settings import KubernetesSettings
from tests.stack.faultproxy import hung
from tests.stack.kubeapi import Cluster, write_kubeconfig

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(240)]

CRASH = ("sh", "-c", "echo 'panic: boom' >&2; exit 3")
EATER = ("sh", "-c", "x=a; while :; do x=$x$x; done")


class NoSecrets:
    def resolve(self, reference: str) -> str:
        raise LookupError(reference)


@asynccontextmanager
async def probing(config: Path, namespace: str, **settings: Any) -> AsyncIterator[KubernetesProbe]:
    given = {"kubeconfig": str(config), "namespaces": [namespace], "timeout": 8, **settings}
    made = KubernetesSettings.model_validate(given)
    probe = KubernetesProbe(Target("it", "kubernetes", made), Context(NoSecrets()))
    probe.watched = True
    try:
        yield probe
    finally:
        await probe.close()


async def until(
    probe: KubernetesProbe, true: Callable[[Snapshot[KubernetesFacts]], bool], what: str, within: float = 90.0
) -> Snapshot[KubernetesFacts]:
    """The first reading of which this is true."""
    found: Snapshot[KubernetesFacts] | None = None
    try:
        async with asyncio.timeout(within):
            while True:
                found = await probe.read()
                if true(found):
                    return found
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(f"waited for {what}; last: {found}")


async def test_everything_broken_has_its_reason_and_what_is_well_has_none(cluster: Cluster, namespace: str) -> None:
    cluster.deploy(namespace, "web", replicas=2)
    cluster.deploy(namespace, "crash", CRASH)
    cluster.deploy(namespace, "img", container={"image": "opsroom-test/none:1"})
    cluster.deploy(namespace, "cfg", container={"envFrom": [{"configMapRef": {"name": "absent"}}]})
    cluster.deploy(namespace, "big", container={"resources": {"requests": {"memory": "900Gi"}}})
    failing = {"readinessProbe": {"exec": {"command": ["false"]}}}
    cluster.deploy(namespace, "sick", ("sleep", "1000"), container=failing)
    wanted = {
        "crash": Trouble.CRASH, "img": Trouble.IMAGE, "cfg": Trouble.CONFIG, "big": Trouble.UNSCHEDULED,
        "sick": Trouble.NOT_READY,
    }  # fmt: skip
    async with probing(cluster.kubeconfig, namespace) as probe:

        def troubles(found: Snapshot[KubernetesFacts]) -> dict[str, Trouble]:
            return {row.split("/")[-1]: pod.trouble for row, pod in found.facts.worst.items()}

        found = await until(
            probe,
            lambda one: troubles(one) == wanted and one.gauge("replicas_ready", workload=f"{namespace}/web") == 2,
            "all in their trouble",
        )  # fmt: skip
        facts = found.facts
        why = {row.split("/")[-1]: str(pod.why) for row, pod in facts.worst.items()}
        assert "exit 3" in why["crash"]
        assert "opsroom-test/none:1" in why["img"]
        assert 'configmap "absent" not found' in why["cfg"]
        assert "Insufficient memory" in why["big"]
        assert "command false does not pass" in why["sick"]
        assert "1.20" in facts.version
        (node,) = facts.nodes
        assert (node.ready, str(node.name), node.pressures) == (True, cluster.node, ())
        assert facts.since(node.created) is not None
        assert abs(facts.skew or 0.0) < 2
        said = cluster.kubectl("get", "pods", "-n", namespace, "--no-headers")
        for line in said.splitlines():
            name, _, status, *_ = line.split()
            pod = facts.pod(f"pod/{namespace}/{name}")
            assert pod is not None
            assert str(pod.status) in (status, "Error", "CrashLoopBackOff", "ErrImageNeverPull")

        crash = facts.worst[f"deployment/{namespace}/crash"].key
        lines = [str(line) async for line in _some(probe, crash)]
        assert any("panic: boom" in line for line in lines)
        errors = await probe.look("errors", f"deployment/{namespace}/crash")
        assert "fatal" in str(errors.lines[0])
        assert not str(errors.lines[0]).startswith("0 fatal")
        described = "\n".join(map(str, (await probe.look("describe", crash)).lines))
        assert "BackOff" in described


async def _some(probe: KubernetesProbe, row: str) -> AsyncIterator[Any]:
    async with aclosing(probe.follow("logs", row)) as lines:
        async for line in lines:
            yield line


async def test_a_container_that_takes_too_much_memory_is_seen_to_be_killed_for_it(
    cluster: Cluster, namespace: str
) -> None:
    limits = {"resources": {"limits": {"memory": "16Mi"}}}
    cluster.deploy(namespace, "eater", EATER, container=limits)
    async with probing(cluster.kubeconfig, namespace) as probe:
        found = await until(probe, lambda one: any(pod.oom_at for pod in one.facts.pods), "a kill for lack of memory")
        assert found.gauge("oom_killed", owner=f"{namespace}/eater") == 1
        found = await until(probe, lambda one: "16 MiB" in str(one.facts.pods[0].why), "the limit in its reason")


async def test_a_rollout_has_its_course_and_leaves_a_history(cluster: Cluster, namespace: str) -> None:
    cluster.deploy(namespace, "web", replicas=2)
    cluster.wait_ready(namespace, "web", 2)
    async with probing(cluster.kubeconfig, namespace) as probe:
        before = (await probe.read()).facts.workloads[0]
        cluster.kubectl("rollout", "restart", "deployment/web", "-n", namespace)
        seen = await until(probe, lambda one: one.facts.workloads[0].rolling, "the rollout to be seen")
        assert seen.facts.workloads[0].version != before.version
        after = await until(
            probe, lambda one: not one.facts.workloads[0].rolling and one.facts.workloads[0].ready == 2, "its end"
        )
        assert after.facts.workloads[0].uid == before.uid
        assert after.facts.workloads[0].restarted_at is not None
        assert after.facts.workloads[0].revision == "2"
        said = [str(line) for line in (await probe.look("history", f"deployment/{namespace}/web")).lines]
        assert [line.split("  ")[0] for line in said if line.startswith("revision")] == [
            "revision 2 (current)",
            "revision 1",
        ]


async def test_one_who_may_read_a_namespace_and_no_nodes_sees_the_rest(cluster: Cluster, namespace: str) -> None:
    cluster.deploy(namespace, "web")
    login = cluster.login(f"viewer-{namespace}", "view", namespace)
    async with probing(login.kubeconfig, namespace) as probe:
        found = await until(probe, lambda one: bool(one.facts.pods), "pods")
        gaps = {gap.part: (gap.cause, str(gap.hint)) for gap in found.gaps}
        assert gaps["nodes"] == (Cause.DENIED, "needs a role with verb list on nodes in the whole cluster")
        assert found.facts.workloads
        with pytest.raises(ProbeError, match="may not list nodes"):
            await probe.look("network", "")
    async with probing(login.kubeconfig, "default") as other:
        with pytest.raises(ProbeError) as caught:
            await other.read()
    assert caught.value.cause is Cause.DENIED
    assert "may not list pods in namespace default" in str(caught.value.message)


async def test_a_token_the_cluster_does_not_know_is_told_as_such(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    write_kubeconfig(config, "nobody", cluster.server, cluster.ca, {"token": "junk"})
    async with probing(config, namespace) as probe:
        with pytest.raises(ProbeError) as caught:
            await probe.read()
    assert caught.value.cause is Cause.AUTH


async def test_an_api_server_that_hangs_is_late_and_comes_back(cluster: Cluster, namespace: str) -> None:
    async with probing(cluster.kubeconfig, namespace, timeout=3) as probe:
        await probe.read()
        with hung(cluster.pids["kube-apiserver"]), pytest.raises((ProbeError, TimeoutError)):
            async with asyncio.timeout(4):
                await probe.read()
        probe.abort()
        assert (await until(probe, lambda one: True, "an answer")).facts.nodes


async def test_a_silent_kubelet_makes_its_node_not_ready(cluster: Cluster, namespace: str) -> None:
    async with probing(cluster.kubeconfig, namespace) as probe:
        with hung(cluster.pids["kubelet"]):
            found = await until(probe, lambda one: not one.facts.nodes[0].ready, "a node that is not ready")
            assert str(found.facts.nodes[0].cause) == "its kubelet is silent"
            assert found.gauge("nodes_ready") == 0
        await until(probe, lambda one: one.facts.nodes[0].ready, "the node again")


async def test_jobs_services_and_budgets_are_read_in_the_versions_of_2021(cluster: Cluster, namespace: str) -> None:
    cluster.deploy(namespace, "web", replicas=2)
    template = {"spec": {"restartPolicy": "Never", "dnsPolicy": "Default", "containers": [
        {"name": "main", "image": cluster.image, "imagePullPolicy": "Never", "command": ["false"]}]}}  # fmt: skip
    once = {"backoffLimit": 0, "template": template}
    yearly = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": once}}
    for path, body in (
        ("/api/v1/namespaces/{}/services", {"spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}),
        ("/apis/policy/v1beta1/namespaces/{}/poddisruptionbudgets",
         {"spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}}),
        ("/apis/batch/v1/namespaces/{}/jobs", {"spec": once}),
        ("/apis/batch/v1beta1/namespaces/{}/cronjobs", {"spec": yearly}),
        ("/api/v1/namespaces/{}/configmaps", {"data": {"x": "y"}}),
    ):  # fmt: skip
        cluster.ask("POST", path.format(namespace), {"metadata": {"name": "it"}, **body})
    cluster.wait_ready(namespace, "web", 2)
    async with probing(cluster.kubeconfig, namespace) as probe:

        def settled(one: Snapshot[KubernetesFacts]) -> bool:
            states = {job.kind: job.state for job in one.facts.jobs}
            healthy = [budget.healthy for budget in one.facts.budgets]
            ready = [service.ready for service in one.facts.services]
            return states == {"job": "failed", "cronjob": "waiting"} and healthy == [2] and ready == [2]

        found = await until(probe, settled, "job, service and budget to settle")
        assert found.facts.budgets[0].allowed == 0
        assert found.gauge("job_failed", job=f"{namespace}/it", why="Job has reached the specified backoff limit") == 1
        said = "\n".join(map(str, (await probe.look("configmaps", "")).lines))
        assert f"{namespace}/it  made" in said


async def test_use_comes_from_metrics_and_its_absence_is_named(cluster_metrics: Cluster, namespace: str) -> None:
    cluster = cluster_metrics
    cluster.deploy(namespace, "web")
    cluster.wait_ready(namespace, "web", 1)
    async with probing(cluster.kubeconfig, namespace) as probe:
        found = await until(probe, lambda one: bool(one.facts.pod_use), "use of the pods")
        assert found.gauge("memory_ratio") is not None
        assert found.gauge("workload_memory_bytes", workload=f"{namespace}/web") is not None
        assert not any(gap.cause is Cause.MISSING for gap in found.gaps)


async def test_a_cluster_without_metrics_says_so(cluster: Cluster, namespace: str) -> None:
    async with probing(cluster.kubeconfig, namespace) as probe:
        found = await probe.read()
    assert [(gap.cause, str(gap.hint)) for gap in found.gaps] == [(Cause.MISSING, "metrics-server is not installed")]


async def test_traffic_of_the_node_comes_from_its_kubelet(cluster: Cluster, namespace: str) -> None:
    async with probing(cluster.kubeconfig, namespace) as probe:
        await probe.read()
        lines = [str(line) for line in (await probe.look("network", "")).lines]
    assert lines[1].startswith(cluster.node)
    assert "B/s" in lines[1] or "network" in lines[1]
