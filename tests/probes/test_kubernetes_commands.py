"""kubectl both ways: what we write is what we understand, in the many spellings people use, and never elsewhere."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.base import Context, Request, Target
from probes.kubernetes.act import KubernetesActuator
from probes.kubernetes.settings import KubernetesSettings
from tests.probes.acting import comes_back
from tests.probes.rigs import TestSecrets


def actuator(**settings: object) -> KubernetesActuator:
    given = {"namespaces": ["shop"], "context": "prod"} | settings
    return KubernetesActuator(
        Target("cluster", "kubernetes", KubernetesSettings.model_validate(given)), Context(TestSecrets())
    )


HERE = actuator()

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
WORKLOADS = st.builds(
    lambda kind, namespace, name: f"{kind}/{namespace}/{name}",
    st.sampled_from(["deployment", "statefulset", "daemonset"]),
    NAMES,
    NAMES,
)
PODS = st.builds(lambda namespace, name: f"pod/{namespace}/{name}", NAMES, NAMES)
SEVERAL = st.lists(WORKLOADS, min_size=1, max_size=3, unique=True).map(tuple)
IMAGES = st.lists(st.from_regex(r"[a-z][a-z0-9]{0,8}=[a-z]{1,9}(:[a-z0-9.]{1,9}|@sha256:[0-9a-f]{8})", fullmatch=True),
                  min_size=1, max_size=3).map(",".join)  # fmt: skip
REQUESTS = st.one_of(
    st.builds(Request, st.sampled_from(["restart", "stop"]), SEVERAL),
    st.builds(Request, st.just("scale"), WORKLOADS.map(lambda row: (row,)), st.integers(1, 5000)),
    st.builds(Request, st.just("undo"), WORKLOADS.map(lambda row: (row,)), st.none(), st.integers(1, 999).map(str)),
    st.builds(Request, st.just("image"), WORKLOADS.map(lambda row: (row,)), st.none(), IMAGES),
    st.builds(
        Request,
        st.just("minimum"),
        st.one_of(WORKLOADS, st.builds(lambda namespace, name: f"hpa/{namespace}/{name}", NAMES, NAMES)).map(
            lambda row: (row,)
        ),
        st.integers(1, 500),
        st.sampled_from(["30m", "60m", "12345m", "for good"]),
    ),
    st.builds(
        Request, st.sampled_from(["evict", "delete"]), st.lists(PODS, min_size=1, max_size=3, unique=True).map(tuple)
    ),
)


@given(REQUESTS)
def test_every_request_comes_back_from_its_own_line(request_: Request) -> None:
    assert comes_back(HERE, request_)


SPELLINGS = {
    "kubectl rollout restart deployment/backend -n shop": Request("restart", ("deployment/shop/backend",)),
    "kubectl -n shop rollout restart deploy backend worker": Request(
        "restart", ("deployment/shop/backend", "deployment/shop/worker")
    ),
    "kubectl --namespace=shop rollout restart sts/db ds/agent": Request(
        "restart", ("statefulset/shop/db", "daemonset/shop/agent")
    ),
    "sudo kubectl -nshop scale --replicas=5 deployment backend": Request("scale", ("deployment/shop/backend",), 5),
    "kubectl scale deployment backend --replicas 5": Request("scale", ("deployment/shop/backend",), 5),
    "kubectl scale deploy/backend --replicas=0 -n shop": Request("stop", ("deployment/shop/backend",)),
    "kubectl rollout undo deployment/backend -n shop": Request("undo", ("deployment/shop/backend",)),
    "kubectl rollout undo deployment/backend --to-revision=3 -n shop": Request(
        "undo", ("deployment/shop/backend",), None, "3"
    ),
    "kubectl set image deployment/backend backend=sociallive/backend:1.4 -n shop": Request(
        "image", ("deployment/shop/backend",), None, "backend=sociallive/backend:1.4"
    ),
    "kubectl delete pod backend-6d4-x7 -n shop --wait=false": Request("delete", ("pod/shop/backend-6d4-x7",)),
    """kubectl patch hpa backend -n shop -p '{"spec":{"minReplicas":5}}'""": Request(
        "minimum", ("hpa/shop/backend",), 5
    ),
}


@pytest.mark.parametrize("line", SPELLINGS)
def test_what_people_write_is_understood(line: str) -> None:
    from desk.commandline import recognised

    found = recognised(line, HERE)
    assert found is not None
    assert found.request == SPELLINGS[line]


@pytest.mark.parametrize(
    "line",
    [
        "kubectl --context staging rollout restart deployment/backend -n shop",
        "KUBECONFIG=/elsewhere kubectl rollout restart deployment/backend -n shop",
        "kubectl delete deployment backend -n shop",
        "kubectl delete configmap --field-selector metadata.name!=active-config -n shop",
        "kubectl delete pod backend-1 -n shop --force --grace-period=0",
        "kubectl delete pods --all -n shop",
        "kubectl delete pod -l app=backend -n shop",
        "kubectl scale deployment backend --replicas=five -n shop",
        "kubectl scale deployment backend --replicas=5 --current-replicas=3 -n shop",
        "kubectl set image deployment/backend *=x:1 -n shop",
        """kubectl patch hpa backend -n shop -p '{"spec":{"minReplicas":5,"maxReplicas":9}}'""",
        """kubectl patch deployment backend -n shop -p '{"spec":{"replicas":5}}'""",
        """kubectl patch hpa backend -n shop -p '{"metadata":{"annotations":5},"spec":{"minReplicas":5}}'""",
        f"kubectl patch hpa backend -n shop -p '{'[' * 3000}'",
        "kubectl --as=root rollout restart deployment/backend -n shop",
        "kubectl apply -f k8s/",
        "kubectl get pods -n shop",
        "kubectl rollout status deployment/backend -n shop",
    ],
)
def test_what_means_another_place_or_more_than_we_do_is_not_taken(line: str) -> None:
    from desk.commandline import recognised

    assert recognised(line, HERE) is None


def test_a_line_without_a_namespace_is_told_which_one_is_meant() -> None:
    from desk.commandline import recognised

    found = recognised("kubectl scale deployment backend --replicas=5", HERE)
    assert found is not None
    assert found.warning == "The line names no namespace, so kubectl takes its context's; here it is shop."
    assert recognised("kubectl scale deployment backend --replicas=5", actuator(namespaces=["shop", "other"])) is None
    assert recognised("kubectl scale deployment backend --replicas=5", actuator(namespaces=["*"])) is None


EVICT = "kubectl create --raw /api/v1/namespaces/shop/pods/web-1/eviction -f"
BODY = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web-1", "namespace": "shop"}}


def test_an_eviction_is_understood_with_its_body_beside_it_and_not_with_another() -> None:
    from desk.commandline import recognised

    meant = Request("evict", ("pod/shop/web-1",))
    old = json.dumps(BODY | {"apiVersion": "policy/v1beta1"}, indent=1)
    for line in (f"{EVICT} it.json", f"{EVICT} - <<< '{json.dumps(BODY)}'", f"{EVICT} - <<< '{old}'"):
        found = recognised(line, HERE)
        assert found is not None, line
        assert found.request == meant
    other = json.dumps(BODY | {"metadata": {"name": "db-0", "namespace": "shop"}})
    more = json.dumps(BODY | {"deleteOptions": {"gracePeriodSeconds": 0}})
    for line in (f"{EVICT} -", f"{EVICT} - <<< '{other}'", f"{EVICT} - <<< '{more}'", f"{EVICT} - <<< no",
                 f"{EVICT} it.json <<< '{json.dumps(BODY)}'"):  # fmt: skip
        assert recognised(line, HERE) is None, line


def test_deleting_a_pod_is_told_of_the_gentler_way() -> None:
    from desk.commandline import recognised

    found = recognised("kubectl delete pod backend-1 -n shop", HERE)
    assert found is not None
    assert found.warning == "Deleting ignores disruption budgets; `evict` respects them."
