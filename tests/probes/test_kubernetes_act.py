"""Acts on a real cluster, from plan to CONFIRMED; on the very object that was looked at, or not at all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from probes.base import Cause, Context, Danger, Grant, ProbeError, Request, Result, Target, Truth
from probes.kubernetes.act import KubernetesActuator
from probes.kubernetes.probe import KubernetesProbe
from probes.kubernetes.settings import KubernetesSettings
from tests.probes.acting import perform
from tests.probes.rigs import TestSecrets
from tests.stack.kubeapi import Cluster

ROOT: Final = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(240)]


def target(cluster: Cluster, namespace: str, **more: Any) -> Target:
    given = {"kubeconfig": str(cluster.kubeconfig), "namespaces": [namespace]} | more
    return Target("cluster", "kubernetes", KubernetesSettings.model_validate(given))


@asynccontextmanager
async def acting(cluster: Cluster, namespace: str, **more: Any) -> AsyncIterator[KubernetesActuator]:
    actuator = KubernetesActuator(target(cluster, namespace, **more), Context(TestSecrets()))
    try:
        yield actuator
    finally:
        await actuator.close()


def one(cluster: Cluster, namespace: str, name: str = "web") -> Any:
    return cluster.ask("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")


def pods(cluster: Cluster, namespace: str) -> list[Any]:
    found = cluster.ask("GET", f"/api/v1/namespaces/{namespace}/pods")["items"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


async def ready(cluster: Cluster, namespace: str, number: int, name: str = "web") -> None:
    async with asyncio.timeout(90):
        while one(cluster, namespace, name)["status"].get("readyReplicas", 0) != number:
            await asyncio.sleep(0.2)


def fast(cluster: Cluster, namespace: str, replicas: int = 1, **more: Any) -> None:
    """A deployment that takes no risk with availability and gives up on a rollout soon."""
    cluster.deploy(namespace, "web", replicas=replicas, **more)
    patch = {
        "spec": {
            "progressDeadlineSeconds": 8,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        }
    }
    cluster.ask(
        "PATCH",
        f"/apis/apps/v1/namespaces/{namespace}/deployments/web",
        patch,
        kind="application/strategic-merge-patch+json",
    )


async def test_scale_restart_a_bad_image_and_the_way_back_on_real_pods(cluster: Cluster, namespace: str) -> None:
    fast(cluster, namespace)
    await ready(cluster, namespace, 1)
    row = f"deployment/{namespace}/web"
    async with acting(cluster, namespace) as actuator:
        scaled = await perform(actuator, Request("scale", (row,), 2))
        assert scaled.verdicts[0].truth is Truth.CONFIRMED, scaled
        assert str(scaled.plan.undo) == "scale to 1 again"
        before = {pod["metadata"]["uid"] for pod in pods(cluster, namespace)}

        restarted = await perform(actuator, Request("restart", (row,)))
        assert restarted.verdicts[0].truth is Truth.CONFIRMED, restarted
        assert not before & {pod["metadata"]["uid"] for pod in pods(cluster, namespace)}
        notes = one(cluster, namespace)["spec"]["template"]["metadata"]["annotations"]
        assert notes["opsroom/action-id"]

        broken = await perform(actuator, Request("image", (row,), word="main=opsroom-test/nothing:1"))
        assert broken.verdicts[0].truth is Truth.REFUTED, broken
        assert "timed out progressing" in str(broken.verdicts[0].words)
        assert "opsroom-test/nothing:1" in str(broken.verdicts[0].words)

        probe = KubernetesProbe(actuator.target, Context(TestSecrets()))
        snapshot = await probe.read()
        offers = {offer.action.name: offer.refused for offer in actuator.offers(snapshot.facts, [row])}
        await probe.close()
        assert offers["undo"] == ""
        choices = await actuator.choices("undo", (row,))
        good = next(choice for choice in choices if "nothing" not in str(choice.about))
        back = await perform(actuator, Request("undo", (row,), word=good.word))
        assert back.verdicts[0].truth is Truth.CONFIRMED, back
        assert one(cluster, namespace)["spec"]["template"]["spec"]["containers"][0]["image"] == cluster.image


async def test_a_workload_that_was_changed_since_is_left_alone(cluster: Cluster, namespace: str) -> None:
    fast(cluster, namespace)
    await ready(cluster, namespace, 1)
    row, path = f"deployment/{namespace}/web", f"/apis/apps/v1/namespaces/{namespace}/deployments/web"

    def by_somebody_else(_: object) -> None:
        cluster.ask("PATCH", path, {"spec": {"replicas": 2}}, kind="application/merge-patch+json")

    async with acting(cluster, namespace) as actuator:
        done = await perform(actuator, Request("restart", (row,)), by_somebody_else)
        assert done.outcomes[0].result is Result.REFUSED
        assert "changed since you looked" in str(done.outcomes[0].words)
        assert done.sent == []
        assert "annotations" not in one(cluster, namespace)["spec"]["template"]["metadata"]


async def test_a_pod_of_the_same_name_is_not_the_same_pod(cluster: Cluster, namespace: str) -> None:
    def made() -> None:
        spec = {"containers": [{"name": "main", "image": cluster.image, "imagePullPolicy": "Never",
                                "command": ["sleep", "1000"]}], "terminationGracePeriodSeconds": 0}  # fmt: skip
        cluster.ask("POST", f"/api/v1/namespaces/{namespace}/pods", {"metadata": {"name": "lone"}, "spec": spec})

    def anew(_: object) -> None:
        cluster.ask("DELETE", f"/api/v1/namespaces/{namespace}/pods/lone?gracePeriodSeconds=0")
        made()

    made()
    async with acting(cluster, namespace) as actuator:
        for action in ("evict", "delete"):
            done = await perform(actuator, Request(action, (f"pod/{namespace}/lone",)), anew)
            assert done.plan.danger is Danger.DESTRUCTIVE
            assert done.outcomes[0].result is Result.REFUSED
            assert "changed since you looked" in str(done.outcomes[0].words)
            assert len(done.sent) == 1
            assert [pod["metadata"]["name"] for pod in pods(cluster, namespace)] == ["lone"]


async def test_an_evicted_pod_is_replaced_and_a_budget_is_respected(cluster: Cluster, namespace: str) -> None:
    fast(cluster, namespace, replicas=2)
    await ready(cluster, namespace, 2)
    name = pods(cluster, namespace)[0]["metadata"]["name"]
    async with acting(cluster, namespace) as actuator:
        done = await perform(actuator, Request("evict", (f"pod/{namespace}/{name}",)))
        assert done.verdicts[0].truth is Truth.CONFIRMED, done
        assert name not in [pod["metadata"]["name"] for pod in pods(cluster, namespace)]

        budget = {
            "metadata": {"name": "keep"},
            "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}},
        }
        path = f"/apis/policy/v1beta1/namespaces/{namespace}/poddisruptionbudgets"
        cluster.ask("POST", path, budget)
        async with asyncio.timeout(30):
            while cluster.ask("GET", f"{path}/keep").get("status", {}).get("currentHealthy") != 2:
                await asyncio.sleep(0.1)
        name = pods(cluster, namespace)[0]["metadata"]["name"]
        held = await perform(actuator, Request("evict", (f"pod/{namespace}/{name}",)))
        assert "budget keep allows no pod to go now" in str(held.plan.subjects[0].felt)
        assert held.outcomes[0].result is Result.FAILED
        assert "keep needs 2 healthy pods" in str(held.outcomes[0].words)
        gone = await perform(actuator, Request("delete", (f"pod/{namespace}/{name}",)))
        assert gone.verdicts[0].truth is Truth.CONFIRMED, gone


async def test_the_line_of_an_eviction_can_be_pasted_into_a_shell_as_it_stands(
    cluster: Cluster, namespace: str
) -> None:
    fast(cluster, namespace, replicas=1)
    await ready(cluster, namespace, 1)
    name = pods(cluster, namespace)[0]["metadata"]["name"]
    async with acting(cluster, namespace) as actuator:
        (line,) = (await actuator.plan(Request("evict", (f"pod/{namespace}/{name}",)))).command
    env = os.environ | {"KUBECONFIG": str(cluster.kubeconfig), "HOME": "/nonexistent"}
    pasted = await asyncio.create_subprocess_exec(
        "bash", "-c", line, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(pasted.communicate(), 30)
    assert pasted.returncode == 0, said
    assert name not in [pod["metadata"]["name"] for pod in pods(cluster, namespace)]


async def test_where_an_autoscaler_rules_its_minimum_is_raised_and_the_number_left_alone(
    cluster: Cluster, namespace: str
) -> None:
    fast(cluster, namespace)
    await ready(cluster, namespace, 1)
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    body = {"metadata": {"name": "web"}, "spec": {"minReplicas": 1, "maxReplicas": 3, "scaleTargetRef": reference}}
    cluster.ask("POST", f"/apis/autoscaling/v1/namespaces/{namespace}/horizontalpodautoscalers", body)
    row = f"deployment/{namespace}/web"
    async with acting(cluster, namespace) as actuator:
        with pytest.raises(ProbeError, match="autoscaler web sets its number: raise its minimum"):
            await actuator.plan(Request("scale", (row,), 3))
        with pytest.raises(ProbeError, match="allows 3 at most"):
            await actuator.plan(Request("minimum", (row,), 9, "30m"))
        done = await perform(actuator, Request("minimum", (row,), 2, "30m"))
        assert done.verdicts[0].truth is Truth.CONFIRMED, done
        assert done.plan.due is not None
        assert done.plan.reverse == Request("minimum", (f"hpa/{namespace}/web",), 1, "for good")
        assert done.plan.command[0].split()[:4] == ["kubectl", "patch", "hpa", "web"]
        back = await perform(actuator, done.plan.reverse)
        assert back.verdicts[0].truth is Truth.CONFIRMED, back
        path = f"/apis/autoscaling/v1/namespaces/{namespace}/horizontalpodautoscalers/web"
        found = cluster.ask("GET", path)
        assert found["spec"]["minReplicas"] == 1
        assert "opsroom/minimum-for" not in found["metadata"].get("annotations", {})


async def test_a_roll_back_brings_back_its_own_cause_and_gives_way_to_a_change_in_between(
    cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast(cluster, namespace)
    await ready(cluster, namespace, 1)
    row, path = f"deployment/{namespace}/web", f"/apis/apps/v1/namespaces/{namespace}/deployments/web"

    def change(**body: Any) -> None:
        cluster.ask("PATCH", path, body, kind="application/merge-patch+json")

    def cause(number: int) -> object:
        sets = cluster.ask("GET", f"/apis/apps/v1/namespaces/{namespace}/replicasets")["items"]
        notes = [one["metadata"]["annotations"] for one in sets]
        mine = [one for one in notes if one["deployment.kubernetes.io/revision"] == str(number)]
        return mine[0].get("kubernetes.io/change-cause") if mine else None

    async def until(number: int, wanted: str) -> None:
        async with asyncio.timeout(30):
            while cause(number) != wanted:
                await asyncio.sleep(0.2)

    change(metadata={"annotations": {"kubernetes.io/change-cause": "first"}})
    await until(1, "first")
    new = {"template": {"metadata": {"labels": {"version": "2"}}}}
    change(metadata={"annotations": {"kubernetes.io/change-cause": "second"}}, spec=new)
    await until(2, "second")
    async with acting(cluster, namespace) as actuator:
        earlier = actuator._earlier

        async def meanwhile(*given: Any) -> Any:
            made = await earlier(*given)
            change(metadata={"labels": {"touched": "yes"}})
            return made

        monkeypatch.setattr(actuator, "_earlier", meanwhile)
        held = await perform(actuator, Request("undo", (row,), word="1"))
        assert held.outcomes[0].result is Result.REFUSED
        assert "changed since you looked" in str(held.outcomes[0].words)
        monkeypatch.setattr(actuator, "_earlier", earlier)
        back = await perform(actuator, Request("undo", (row,), word="1"))
        assert back.verdicts[0].truth is Truth.CONFIRMED, back
        assert "version" not in one(cluster, namespace)["spec"]["template"]["metadata"]["labels"]
        assert (cause(3), cause(2)) == ("first", "second")


async def test_to_zero_is_a_verb_of_its_own(cluster: Cluster, namespace: str) -> None:
    fast(cluster, namespace)
    await ready(cluster, namespace, 1)
    row = f"deployment/{namespace}/web"
    async with acting(cluster, namespace) as actuator:
        done = await perform(actuator, Request("stop", (row,)))
        assert done.plan.danger is Danger.DISRUPTIVE
        assert done.plan.action.grave
        assert done.verdicts[0].truth is Truth.CONFIRMED, done
        with pytest.raises(ProbeError, match="it has no pod to replace"):
            await actuator.plan(Request("restart", (row,)))
        with pytest.raises(ProbeError, match="it is at 0 already"):
            await actuator.plan(Request("stop", (row,)))


async def test_what_is_not_there_or_not_ours_is_refused_by_name(cluster: Cluster, namespace: str) -> None:
    async with acting(cluster, namespace) as actuator:
        with pytest.raises(ProbeError) as caught:
            await actuator.plan(Request("restart", (f"deployment/{namespace}/nobody",)))
        assert caught.value.cause is Cause.GONE
        with pytest.raises(ProbeError, match="namespace kube-system is not of this target"):
            await actuator.plan(Request("restart", ("deployment/kube-system/coredns",)))
        fast(cluster, namespace)
        with pytest.raises(ProbeError, match="can mean another image tomorrow"):
            await actuator.plan(Request("image", (f"deployment/{namespace}/web",), word="main=web:latest"))


def ours(cluster: Cluster, namespace: str) -> Path:
    """A login with nothing but what contrib gives for looking and acting, in one namespace; its kubeconfig."""
    base = "/apis/rbac.authorization.k8s.io/v1"
    name = f"ann-{namespace}"
    login = cluster.login(name, None)
    for file in ("view.yaml", "act.yaml"):
        for role in yaml.safe_load_all((ROOT / "contrib" / "kubernetes" / file).read_text("utf-8")):
            if role["metadata"]["name"] not in roles_of(cluster):
                cluster.ask("POST", f"{base}/clusterroles", role)
    for role in ("opsroom-view", "opsroom-act"):
        body = {
            "metadata": {"name": role},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
        }
        cluster.ask("POST", f"{base}/namespaces/{namespace}/rolebindings", body)
    return login.kubeconfig


def roles_of(cluster: Cluster) -> set[str]:
    found = cluster.ask("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles")["items"]
    return {role["metadata"]["name"] for role in found}


async def test_the_roles_of_contrib_are_enough_to_look_and_act_and_not_for_more(
    cluster: Cluster, namespace: str
) -> None:
    fast(cluster, namespace)
    await ready(cluster, namespace, 1)
    login = str(ours(cluster, namespace))
    row = f"deployment/{namespace}/web"
    async with acting(cluster, namespace, kubeconfig=login) as actuator:
        probe = KubernetesProbe(actuator.target, Context(TestSecrets()))
        snapshot = await probe.read()
        await probe.close()
        assert [one.key for one in snapshot.facts.workloads] == [row]
        assert snapshot.facts.pods
        scaled = await perform(actuator, Request("scale", (row,), 2))
        assert scaled.verdicts[0].truth is Truth.CONFIRMED, scaled
        restarted = await perform(actuator, Request("restart", (row,)))
        assert restarted.verdicts[0].truth is Truth.CONFIRMED, restarted
        name = pods(cluster, namespace)[0]["metadata"]["name"]
        evicted = await perform(actuator, Request("evict", (f"pod/{namespace}/{name}",)))
        assert evicted.verdicts[0].truth is Truth.CONFIRMED, evicted
        name = pods(cluster, namespace)[0]["metadata"]["name"]
        deleted = await perform(actuator, Request("delete", (f"pod/{namespace}/{name}",)))
        assert deleted.outcomes[0].result is Result.FAILED
        assert "may not delete pods" in str(deleted.outcomes[0].words)
        rights = {right.name: right.grant for right in await actuator.rights()}
        assert rights["evict pods"] is Grant.HELD
        assert set(rights.values()) == {Grant.HELD}
