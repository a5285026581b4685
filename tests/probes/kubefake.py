"""An API server made of documents, over real HTTP: the old one of 2021 or a new one, well or with faults.

What it serves is written here after the API's own reference, not taken from anywhere.
"""

from __future__ import annotations

import atexit
import json
import shutil
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

Doc = dict[str, Any]

OLD: dict[str, list[str]] = {
    "apps/v1": ["deployments", "statefulsets", "daemonsets", "replicasets", "controllerrevisions"],
    "batch/v1": ["jobs"],
    "batch/v1beta1": ["cronjobs"],
    "autoscaling/v1": ["horizontalpodautoscalers"],
    "autoscaling/v2beta1": ["horizontalpodautoscalers"],
    "autoscaling/v2beta2": ["horizontalpodautoscalers"],
    "policy/v1beta1": ["poddisruptionbudgets"],
    "networking.k8s.io/v1": ["networkpolicies", "ingresses"],
    "discovery.k8s.io/v1beta1": ["endpointslices"],
}
"""What Kubernetes 1.20 serves."""
NEW: dict[str, list[str]] = {
    "apps/v1": OLD["apps/v1"],
    "batch/v1": ["jobs", "cronjobs"],
    "autoscaling/v2": ["horizontalpodautoscalers"],
    "autoscaling/v1": ["horizontalpodautoscalers"],
    "policy/v1": ["poddisruptionbudgets"],
    "networking.k8s.io/v1": ["networkpolicies", "ingresses"],
    "discovery.k8s.io/v1": ["endpointslices"],
    "metrics.k8s.io/v1beta1": ["nodes", "pods"],
    "cert-manager.io/v1": ["certificates", "issuers"],
}
"""What 1.32 serves, with metrics-server and cert-manager."""

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)


def ago(seconds: float) -> str:
    """A moment before `NOW` as the API writes it."""
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def meta(name: str, namespace: str = "shop", **given: Any) -> Doc:
    """Metadata of an object; its uid comes of its name."""
    base: Doc = {
        "name": name,
        "uid": f"uid-{namespace}-{name}",
        "resourceVersion": "100",
        "creationTimestamp": ago(7200),
        "managedFields": [{"manager": "kubectl", "time": ago(3600), "fieldsV1": {"f:spec": {}}}],
    }
    return base | ({"namespace": namespace} if namespace else {}) | given


def deployed(name: str, mark: str = "7d9f8c6b5") -> Doc:
    """Metadata of a pod of a Deployment."""
    owner = {"kind": "ReplicaSet", "name": f"{name}-{mark}", "uid": "x", "controller": True, "apiVersion": "apps/v1"}
    return {"labels": {"app": name, "pod-template-hash": mark}, "ownerReferences": [owner]}


def container_status(name: str = "main", **given: Any) -> Doc:
    """A container that runs and is ready."""
    base: Doc = {
        "name": name,
        "image": "shop/web:1.4",
        "imageID": "docker-pullable://shop/web@sha256:" + "ab" * 32,
        "ready": True,
        "restartCount": 0,
        "started": True,
        "state": {"running": {"startedAt": ago(7000)}},
        "lastState": {},
    }
    return base | given


def ended(code: int = 1, reason: str = "Error", seconds: float = 60) -> Doc:
    """A state: the container has ended."""
    return {
        "terminated": {"exitCode": code, "reason": reason, "finishedAt": ago(seconds), "startedAt": ago(seconds + 5)}
    }


def pod(name: str = "web-7d9f8c6b5-abcde", owner: str = "web", namespace: str = "shop", **status: Any) -> Doc:
    """A pod that is ready, unless told otherwise."""
    box = {
        "name": "main",
        "image": "shop/web:1.4",
        "env": [{"name": "DATABASE_URL", "value": "postgres://app:hunter2-CANARY-x9@db/app"}],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}},
        "readinessProbe": {"httpGet": {"path": "/health", "port": 8080}},
    }
    extra = status.pop("meta", deployed(owner) if owner else {})
    spec = {"containers": [box], "nodeName": "node-1", "serviceAccountName": "default"} | status.pop("spec", {})
    ready = status.pop("ready", "True")
    base: Doc = {
        "phase": "Running",
        "podIP": "10.0.0.7",
        "qosClass": "Burstable",
        "conditions": [
            {"type": "PodScheduled", "status": "True"},
            {"type": "Initialized", "status": "True"},
            {"type": "Ready", "status": ready, "reason": "" if ready == "True" else "ContainersNotReady"},
        ],
        "containerStatuses": [container_status()],
    }
    return {"metadata": meta(name, namespace, **extra), "spec": spec, "status": base | status}


def crashing(name: str = "api-1", owner: str = "api", reason: str = "Error", code: int = 3, **given: Any) -> Doc:
    """A pod in a crash loop."""
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}}
    status = container_status(ready=False, restartCount=7, started=False, state=waiting, lastState=ended(code, reason))
    return pod(name, owner, ready="False", containerStatuses=[status], **given)


def waiting(name: str, owner: str, reason: str, message: str = "", phase: str = "Pending") -> Doc:
    """A pod whose container waits."""
    status = container_status(ready=False, started=False, state={"waiting": {"reason": reason, "message": message}})
    return pod(name, owner, ready="False", phase=phase, containerStatuses=[status])


def unscheduled(name: str, owner: str, message: str) -> Doc:
    """A pod that no node takes."""
    found = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return pod(name, owner, phase="Pending", conditions=[found], containerStatuses=[], spec={"nodeName": ""})


def workload(name: str = "web", replicas: int = 2, ready: int | None = None, **given: Any) -> Doc:
    """A Deployment that is complete, unless told otherwise."""
    ready = replicas if ready is None else ready
    status = {
        "replicas": replicas, "readyReplicas": ready, "updatedReplicas": replicas, "availableReplicas": ready,
        "observedGeneration": 3,
        "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}],
    } | given.pop("status", {})  # fmt: skip
    annotations = {"deployment.kubernetes.io/revision": "4"}
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "main", "image": "shop/web:1.4"}]},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template} | given.pop(
        "spec", {}
    )
    return {"metadata": meta(name, generation=3, annotations=annotations, **given), "spec": spec, "status": status}


def node(name: str = "node-1", ready: str = "True", **given: Any) -> Doc:
    """A node that is ready, unless told otherwise."""
    found = [
        {"type": "Ready", "status": ready, "reason": "KubeletReady" if ready == "True" else "NodeStatusUnknown",
         "message": "" if ready == "True" else "Kubelet stopped posting node status."},
        {"type": "MemoryPressure", "status": given.pop("pressure", "False")},
    ]  # fmt: skip
    status = {
        "conditions": found,
        "allocatable": {"cpu": "3920m", "memory": "7Gi", "pods": "110"},
        "capacity": {"cpu": "4", "memory": "8Gi", "pods": "110"},
        "nodeInfo": {"kubeletVersion": "v1.32.1", "osImage": "Linux", "kernelVersion": "6.1"},
        "addresses": [{"type": "InternalIP", "address": "10.1.0.4"}],
    }
    labels = {"node-role.kubernetes.io/worker": ""}
    return {"metadata": meta(name, "", labels=labels), "spec": given, "status": status}


def hpa(version: str, name: str = "web", current: int = 3, most: int = 10, **given: Any) -> Doc:
    """An autoscaler in autoscaling/v1, v2beta2 or v2."""
    limited = given.pop("limited", "False")
    active = given.pop("active", "True")
    found = [
        {"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"},
        {"type": "ScalingActive", "status": active, "reason": "ValidMetricFound" if active == "True" else
         "FailedGetResourceMetric", "message": "" if active == "True" else "unable to get metrics for resource cpu"},
        {"type": "ScalingLimited", "status": limited, "reason": "TooManyReplicas",
         "message": "the desired replica count is more than the maximum replica count"},
    ]  # fmt: skip
    spec: Doc = {"scaleTargetRef": {"kind": "Deployment", "name": name}, "minReplicas": 3, "maxReplicas": most}
    status: Doc = {"currentReplicas": current, "desiredReplicas": given.pop("desired", current)}
    if version == "v1":
        found_json = json.dumps(found)
        spec["targetCPUUtilizationPercentage"] = 50
        status["currentCPUUtilizationPercentage"] = 90
        given["annotations"] = {"autoscaling.alpha.kubernetes.io/conditions": found_json}
    else:
        metric = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
        spec["metrics"] = [{"type": "Resource", "resource": metric}]
        current_metric = {"name": "cpu", "current": {"averageUtilization": 90, "averageValue": "90m"}}
        status |= {"conditions": found, "currentMetrics": [{"type": "Resource", "resource": current_metric}]}
    return {"metadata": meta(name, **given), "spec": spec, "status": status}


def warning(about: str, reason: str, message: str, seconds: float = 60, count: int = 1, kind: str = "Pod") -> Doc:
    """A warning among the events."""
    return {
        "metadata": meta(f"{about}.{reason}.{seconds}"),
        "involvedObject": {"kind": kind, "name": about, "namespace": "shop"},
        "type": "Warning", "reason": reason, "message": message, "count": count,
        "firstTimestamp": ago(seconds + 300), "lastTimestamp": ago(seconds),
    }  # fmt: skip


@dataclass
class Fault:
    """What is answered instead."""

    status: int = 503
    body: bytes = b'{"kind": "Status", "status": "Failure", "message": "no"}'
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = -1
    """How often; -1: always."""


def refused(user: str, verb: str, resource: str, namespace: str = "") -> Fault:
    """A 403 as the API server words it."""
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    said = f'{resource} is forbidden: User "{user}" cannot {verb} resource "{resource}" in API group "" {where}'
    return Fault(403, json.dumps({"kind": "Status", "reason": "Forbidden", "message": said, "code": 403}).encode())


@dataclass
class FakeCluster:
    """Documents, and how they are served."""

    served: dict[str, list[str]] = field(default_factory=lambda: dict(NEW))
    version: str = "v1.32.1"
    aggregated: bool = True
    objects: dict[str, list[Doc]] = field(default_factory=dict)
    """By resource: "pods", "deployments"; metrics as "metrics.k8s.io/pods"."""
    faults: dict[str, Fault] = field(default_factory=dict)
    """By the beginning of a path; the longest that fits."""
    logs: dict[tuple[str, str, bool], bytes] = field(default_factory=dict)
    """By (pod, container, previous)."""
    summaries: dict[str, list[Doc]] = field(default_factory=dict)
    """Of the kubelets, by node; each answer takes one, the last stays."""
    token: str = ""
    """When set, what must come as a bearer token."""
    hang: set[str] = field(default_factory=set)
    """Beginnings of paths that are never answered."""
    skew: float = 0.0
    expire: int = 0
    """So many continue tokens are answered with 410."""
    asked: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    more: dict[str, Callable[[], bytes]] = field(default_factory=dict)
    """Ready-made answers by path."""
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    port: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def count(self, part: str) -> int:
        """How many requests had this in them."""
        return sum(part in one for one in self.asked)

    def answer(self, target: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        """What is said to one GET."""
        self.asked.append(target)
        self.headers.append(headers)
        parts = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if self.token and headers.get("Authorization") != f"Bearer {self.token}":
            return 401, {}, b'{"kind": "Status", "code": 401, "reason": "Unauthorized", "message": "Unauthorized"}'
        found = max((one for one in self.faults if parts.path.startswith(one)), key=len, default=None)
        if found is not None and self.faults[found].times != 0:
            fault = self.faults[found]
            fault.times -= 1
            return fault.status, fault.headers, fault.body
        if any(parts.path.startswith(one) for one in self.hang):
            self.over.wait()
        if parts.path in self.more:
            return 200, {}, self.more[parts.path]()
        return self._answer(parts.path, query, headers.get("Accept", ""))

    def _answer(self, path: str, query: Mapping[str, str], accept: str) -> tuple[int, Mapping[str, str], bytes]:
        if path == "/version":
            return _json({"gitVersion": self.version, "major": "1"})
        if path == "/apis":
            return _json(self._groups("APIGroupDiscoveryList" in accept and self.aggregated))
        words = path.strip("/").split("/")
        if words[0] == "apis" and len(words) == 3:
            names = self.served.get(f"{words[1]}/{words[2]}")
            return (
                _missing()
                if names is None
                else _json({"resources": [{"name": one, "verbs": ["list"]} for one in names]})
            )
        rest = words[2:] if words[0] == "api" else words[3:]
        group = "" if words[0] == "api" else f"{words[1]}/{words[2]}"
        namespace = ""
        if len(rest) > 2 and rest[0] == "namespaces":
            namespace, rest = rest[1], rest[2:]
        if group and rest[0] not in self.served.get(group, ()):
            return _missing()
        key = f"metrics.k8s.io/{rest[0]}" if group.startswith("metrics") else rest[0]
        if rest[-1] == "log":
            return self._log(rest[1], query)
        if rest[-1] == "summary":
            answers = self.summaries[rest[1]]
            return _json(answers.pop(0) if len(answers) > 1 else answers[0])
        found = [one for one in self.objects.get(key, ()) if namespace in ("", one["metadata"].get("namespace"))]
        if len(rest) == 2:
            mine = [one for one in found if one["metadata"]["name"] == rest[1]]
            return _json(mine[0]) if mine else _missing(rest[1])
        return self._page([one for one in found if _selected(one, query)], query, "PartialObjectMetadata" in accept)

    def _page(self, found: list[Doc], query: Mapping[str, str], bare: bool) -> tuple[int, Mapping[str, str], bytes]:
        begin, limit = int(query.get("continue", "0")), int(query.get("limit", "0")) or len(found) + 1
        if begin and self.expire:
            self.expire -= 1
            return 410, {}, b'{"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}'
        page = found[begin : begin + limit]
        left = len(found) - begin - len(page)
        meta = {"resourceVersion": "1"} | ({"continue": str(begin + limit), "remainingItemCount": left} if left else {})
        items = [{"metadata": one["metadata"]} for one in page] if bare else page
        return _json({"kind": "List", "metadata": meta, "items": items})

    def _log(self, name: str, query: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        body = self.logs.get((name, query.get("container", ""), query.get("previous") == "true"))
        if body is None:
            return 400, {}, json.dumps({"kind": "Status", "message": "container is waiting to start"}).encode()
        if tail := int(query.get("tailLines", "0")):
            body = b"\n".join(body.rstrip(b"\n").split(b"\n")[-tail:]) + b"\n"
        return 200, {"Content-Type": "text/plain"}, body

    def _groups(self, aggregated: bool) -> Doc:
        groups: dict[str, list[str]] = {}
        for one in self.served:
            group, version = one.split("/")
            groups.setdefault(group, []).append(version)
        if not aggregated:
            listed = [{"name": name, "versions": [{"version": one} for one in those]} for name, those in groups.items()]
            return {"kind": "APIGroupList", "groups": listed}
        items = [
            {
                "metadata": {"name": name},
                "versions": [
                    {"version": one, "resources": [{"resource": plural} for plural in self.served[f"{name}/{one}"]]}
                    for one in those
                ],
            }
            for name, those in groups.items()
        ]
        return {"kind": "APIGroupDiscoveryList", "items": items}


def _json(value: Any) -> tuple[int, Mapping[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _missing(name: str = "") -> tuple[int, Mapping[str, str], bytes]:
    details = {"details": {"name": name}} if name else {}
    return (
        404,
        {},
        json.dumps({"kind": "Status", "code": 404, "reason": "NotFound", "message": "no"} | details).encode(),
    )


def _selected(one: Doc, query: Mapping[str, str]) -> bool:
    labels = one["metadata"].get("labels", {})
    wanted = [pair.split("=") for pair in query.get("labelSelector", "").split(",") if "=" in pair]
    if any(labels.get(key) != value for key, value in wanted):
        return False
    fields = dict(
        pair.split("=") for pair in query.get("fieldSelector", "").split(",") if "=" in pair and "!" not in pair
    )
    return all(one["involvedObject"][key.split(".")[1]] == value for key, value in fields.items())


@contextmanager
def running(cluster: FakeCluster, tls: ssl.SSLContext | None = None) -> Iterator[FakeCluster]:
    """Serve it on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            status, headers, body = cluster.answer(self.path, dict(self.headers))
            self.send_response_only(status)
            now = cluster.clock() + timedelta(seconds=cluster.skew)
            told = {"Date": format_datetime(now, usegmt=True), "Content-Length": str(len(body))} | dict(headers)
            for name, value in told.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def handle(self) -> None:
            with suppress(OSError):  # the client has left, or the two do not trust each other
                super().handle()

        def log_message(self, format: str, *args: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    cluster.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield cluster
    finally:
        cluster.over.set()
        server.shutdown()
        server.server_close()


def small_cluster(new: bool = True) -> FakeCluster:
    """A shop on three nodes: some of it well, some of it broken in every usual way."""
    version = "v2" if new else "v2beta2"
    cluster = FakeCluster() if new else FakeCluster(served=dict(OLD), version="v1.20.2", aggregated=False)
    cluster.objects = {
        "nodes": [node("node-1"), node("node-2", pressure="True"), node("node-3", ready="Unknown")],
        "pods": [
            pod("web-7d9f8c6b5-aaaaa"), pod("web-7d9f8c6b5-bbbbb"), crashing("api-7d9f8c6b5-ccccc"),
            waiting("img-7d9f8c6b5-ddddd", "img", "ImagePullBackOff", 'Back-off pulling image "shop/web:1.4"'),
            waiting("cfg-7d9f8c6b5-eeeee", "cfg", "CreateContainerConfigError", 'configmap "app" not found'),
            unscheduled("big-7d9f8c6b5-fffff", "big", "0/3 nodes are available: 3 Insufficient memory."),
        ],
        "deployments": [
            workload("web"), workload("api", 1, 0), workload("img", 1, 0), workload("cfg", 1, 0), workload("big", 1, 0)
        ],
        "statefulsets": [], "daemonsets": [],
        "horizontalpodautoscalers": [hpa(version, "web", 10, 10, limited="True", desired=10)],
        "poddisruptionbudgets": [
            {"metadata": meta("web"), "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}},
             "status": {"currentHealthy": 2, "desiredHealthy": 2, "expectedPods": 2, "disruptionsAllowed": 0}}
        ],
        "jobs": [
            {"metadata": meta("mail-1"), "spec": {"completions": 1}, "status": {"failed": 2, "startTime": ago(900),
             "conditions": [{"type": "Failed", "status": "True", "message": "Job has reached the backoff limit",
                             "lastTransitionTime": ago(600)}]}}
        ],
        "cronjobs": [
            {"metadata": meta("mail"), "spec": {"schedule": "*/5 * * * *"}, "status": {"lastScheduleTime": ago(30)}}
        ],
        "services": [
            {"metadata": meta(name), "spec": {"type": "ClusterIP", "clusterIP": "10.2.0.9", "selector": {"app": name},
             "ports": [{"port": 80, "targetPort": 8080}]}, "status": {}} for name in ("web", "api")
        ],
        "endpointslices": [
            {"metadata": meta("web-x", labels={"kubernetes.io/service-name": "web"}),
             "endpoints": [{"addresses": ["10.0.0.7"], "conditions": {"ready": True}},
                           {"addresses": ["10.0.0.8"], "conditions": {}}]}
        ],
        "ingresses": [
            {"metadata": meta("shop"), "spec": {"ingressClassName": "nginx", "tls": [{"hosts": ["shop.example"]}],
             "rules": [{"host": "shop.example", "http": {"paths": [
                 {"path": "/", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]},
             "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}}}
        ],
        "events": [
            warning("api-7d9f8c6b5-ccccc", "BackOff", "Back-off restarting failed container", 30, 40),
            warning("api-7d9f8c6b5-ccccc", "BackOff", "Back-off restarting failed container main", 20, 2),
        ],
        "configmaps": [{"metadata": meta(name), "data": {"x": "hunter2-CANARY-x9"}} for name in ("app", "old")],
    }  # fmt: skip
    if new:
        use = {"usage": {"cpu": "980m", "memory": "3670016Ki"}}
        cluster.objects |= {
            "certificates": [
                {"metadata": meta("shop-tls"), "spec": {"dnsNames": ["shop.example"], "secretName": "shop-tls"},
                 "status": {"conditions": [{"type": "Ready", "status": "True"}],
                            "notAfter": (NOW + timedelta(days=12)).strftime("%Y-%m-%dT%H:%M:%SZ")}}
            ],
            "metrics.k8s.io/nodes": [{"metadata": {"name": "node-1"}} | use],
            "metrics.k8s.io/pods": [
                {"metadata": {"name": "web-7d9f8c6b5-aaaaa", "namespace": "shop"},
                 "containers": [{"name": "main", "usage": {"cpu": "51234567n", "memory": "245760Ki"}}]}
            ],
        }  # fmt: skip
    return cluster


def kubeconfig(
    folder: Path, servers: Mapping[str, str], namespace: str = "shop", user: str = "    token: t0ken\n"
) -> Path:
    """A kubeconfig with a context for each server, named as told; the first is the current one."""
    lines = [
        "apiVersion: v1",
        "kind: Config",
        f"current-context: {next(iter(servers))!r}",
        "users:",
        "- name: me",
        "  user:",
    ]
    lines += [user.rstrip("\n"), "clusters:"]
    for name, server in servers.items():
        lines += [f"- name: {name!r}", "  cluster:", f"    server: {server}"]
    lines.append("contexts:")
    for name in servers:
        lines += [
            f"- name: {name!r}",
            "  context:",
            f"    cluster: {name!r}",
            "    user: me",
            f"    namespace: {namespace}",
        ]
    path = folder / "config"
    path.write_text("\n".join(lines) + "\n")
    return path


@contextmanager
def shop(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a cluster with a shop on it."""
    with running(small_cluster()) as cluster:
        yield cluster.port


def leading_to(port: int) -> dict[str, str]:
    """Settings of a target that leads to a port. The context is named after where it leads, in a file of its own."""
    folder = Path(tempfile.mkdtemp(prefix="opsroom-kube-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    places = [f"127.0.0.1:{port}", f"no-such-host.invalid:{port}"]
    return {"kubeconfig": str(kubeconfig(folder, {one: f"http://{one}" for one in places})), "context": places[0]}
