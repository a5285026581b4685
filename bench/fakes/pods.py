"""An API server of Kubernetes with very many pods, listed page by page as a real one does.

Continue tokens, remainingItemCount, discovery in one document and gzip for long answers are as in
https://kubernetes.io/docs/reference/using-api/api-concepts/. A list is of one moment; from one to the next some two of
a hundred pods have changed.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from bench.fakes.server import Reply, Request

MOMENTS: Final = 3
"""Different states of the cluster, shown in turn."""
PER_DEPLOYMENT: Final = 50
PER_NODE: Final = 100
_NAMESPACES: Final = 20
_ENV: Final = 24
_MADE: Final = "2026-02-11T08:31:07Z"

PODS: Final = "/api/v1/pods"
METRICS: Final = "/apis/metrics.k8s.io/v1beta1/pods"
SERVED: Final = {
    "apps/v1": ("deployments", "statefulsets", "daemonsets", "replicasets", "controllerrevisions"),
    "batch/v1": ("jobs", "cronjobs"),
    "autoscaling/v2": ("horizontalpodautoscalers",),
    "policy/v1": ("poddisruptionbudgets",),
    "networking.k8s.io/v1": ("networkpolicies", "ingresses"),
    "discovery.k8s.io/v1": ("endpointslices",),
    "metrics.k8s.io/v1beta1": ("nodes", "pods"),
}
Doc = dict[str, Any]


def _fields(*paths: str) -> Doc:
    """A record of who set which field, as long as real ones are."""
    return {f"f:{path}": {".": {}, "f:name": {}, "f:value": {}} for path in paths}


def _pod() -> Doc:
    """A pod as a Deployment's controller and a kubelet leave it; `%(...)s` are filled in for each."""
    names = [f"SETTING_{number:02d}" for number in range(_ENV)]
    box = {
        "name": "app",
        "image": "registry.example/shop/%(app)s:1.4.%(revision)s",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": name, "value": f"value-of-{name.lower()}"} for name in names],
        "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
        "volumeMounts": [
            {"name": "settings", "mountPath": "/etc/app"},
            {"name": "kube-api-access", "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        ],
        "livenessProbe": {"httpGet": {"path": "/live", "port": "http", "scheme": "HTTP"}, "periodSeconds": 10},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http", "scheme": "HTTP"}, "periodSeconds": 5},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }
    proxy = {
        "name": "proxy",
        "image": "registry.example/mesh/proxy:2.1.0",
        "resources": {"limits": {"memory": "128Mi"}, "requests": {"cpu": "20m", "memory": "64Mi"}},
        "terminationMessagePath": "/dev/termination-log",
        "imagePullPolicy": "IfNotPresent",
    }
    managed = {"manager": "controller-manager", "operation": "Update", "apiVersion": "v1", "time": _MADE}
    tolerated = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
    return {
        "metadata": {
            "name": "%(name)s",
            "generateName": "%(app)s-6d5f9c7b48-",
            "namespace": "%(namespace)s",
            "uid": "%(uid)s",
            "resourceVersion": "%(version)s",
            "creationTimestamp": _MADE,
            "labels": {"app": "%(app)s", "team": "team-%(team)s", "pod-template-hash": "6d5f9c7b48"},
            "annotations": {"kubectl.kubernetes.io/default-container": "app", "checksum/settings": "3f" * 32},
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "%(app)s-6d5f9c7b48", "uid": "%(owner)s",
                 "controller": True, "blockOwnerDeletion": True}
            ],
            "managedFields": [
                managed | {"fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": _fields("labels", "annotations"),
                           "f:spec": _fields(*names, "containers", "affinity", "volumes", "tolerations")}},
                managed | {"manager": "kubelet", "subresource": "status", "fieldsType": "FieldsV1",
                           "fieldsV1": {"f:status": _fields("conditions", "containerStatuses", "hostIP", "podIP")}},
            ],
        },
        "spec": {
            "volumes": [
                {"name": "settings", "configMap": {"name": "%(app)s", "defaultMode": 420}},
                {"name": "kube-api-access", "projected": {"sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                ]}},
            ],
            "containers": [box, proxy],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "%(app)s", "nodeName": "%(node)s", "schedulerName": "default-scheduler",
            "securityContext": {}, "priority": 0, "enableServiceLinks": True,
            "preemptionPolicy": "PreemptLowerPriority",
            "tolerations": [
                {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300} for key in tolerated
            ],
        },
        "status": {
            "phase": "%(phase)s",
            "conditions": [
                {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": _MADE}
                for kind, status in (("PodReadyToStartContainers", "True"), ("Initialized", "True"),
                                     ("Ready", "%(ready)s"), ("ContainersReady", "%(ready)s"), ("PodScheduled", "True"))
            ],
            "hostIP": "10.1.0.%(team)s", "podIP": "%(address)s", "podIPs": [{"ip": "%(address)s"}],
            "startTime": _MADE, "qosClass": "Burstable",
            "containerStatuses": ["%(app_status)s", _status("proxy", "registry.example/mesh/proxy:2.1.0")],
        },
    }  # fmt: skip


def _status(name: str, image: str, **given: Any) -> Doc:
    """A container that runs and is ready, unless told otherwise."""
    base: Doc = {
        "name": name,
        "state": {"running": {"startedAt": _MADE}},
        "lastState": {},
        "ready": True,
        "restartCount": 0,
        "image": image,
        "imageID": "registry.example/shop@sha256:" + "5c" * 32,
        "containerID": "containerd://" + "7a" * 32,
        "started": True,
    }
    return base | given


def _compact(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))


def _ended(code: int, reason: str) -> Doc:
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": _MADE, "finishedAt": _MADE}}


_IMAGE: Final = "registry.example/shop/%(app)s:1.4.%(revision)s"
_LOOP: Final = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}}
_PULL: Final = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
_STATES: Final[Mapping[str, tuple[str, str, str]]] = {
    "well": ("Running", "True", _compact(_status("app", _IMAGE, restartCount="%(restarts)s"))),
    "crash": ("Running", "False", _compact(_status("app", _IMAGE, state=_LOOP, lastState=_ended(137, "OOMKilled"),
              ready=False, started=False, restartCount="%(restarts)s"))),
    "image": ("Pending", "False", _compact(_status("app", _IMAGE, state=_PULL, ready=False, started=False,
              restartCount="%(restarts)s"))),
    "unready": ("Running", "False", _compact(_status("app", _IMAGE, ready=False, restartCount="%(restarts)s"))),
}  # fmt: skip
"""State -> (phase, ready, status of the container "app")."""


def _state_of(number: int) -> str:
    """What is wrong with a pod: of 200 two crash, one has no image, two are not ready."""
    return {17: "crash", 117: "crash", 51: "image", 83: "unready", 183: "unready"}.get(number % 200, "well")


_TEMPLATES: Final = {
    state: _compact(_pod()).replace('"%(app_status)s"', status).replace('"%(restarts)s"', "%(restarts)s")
    for state, (_, _, status) in _STATES.items()
}


def pod(number: int, moment: int) -> str:
    """One pod at one of the moments, as JSON."""
    state = _state_of(number)
    phase, ready, _ = _STATES[state]
    app, changed = number // PER_DEPLOYMENT, number % 100 == moment
    mark = f"{number * 2654435761 % 2**32:08x}"
    return _TEMPLATES[state] % {
        "name": f"app-{app:04d}-6d5f9c7b48-{mark[:5]}{number % PER_DEPLOYMENT:02d}",
        "app": f"app-{app:04d}",
        "namespace": f"space-{app % _NAMESPACES:02d}",
        "uid": f"{mark}-0000-4000-8000-{number:012d}",
        "owner": f"{app:08x}-0000-4000-9000-000000000000",
        "version": str(100_000 + number + (1_000_000 * (moment + 1) if changed else 0)),
        "revision": str(app % 7),
        "team": str(app % 9),
        "node": f"node-{number % max(1, 10_000 // PER_NODE):03d}",
        "address": f"10.{64 + number // 65536}.{number // 256 % 256}.{number % 256}",
        "phase": phase,
        "ready": ready,
        "restarts": str((7 if state == "crash" else 0) + (moment if changed else 0)),
    }


def metric(number: int, moment: int) -> str:
    """What metrics-server says of one pod."""
    named = json.loads(pod(number, moment))["metadata"]
    meta = {"name": named["name"], "namespace": named["namespace"], "creationTimestamp": _MADE}
    usage = {"cpu": f"{(number * 7919 + moment) % 400}m", "memory": f"{150_000 + (number * 104729) % 250_000}Ki"}
    boxes = [{"name": "app", "usage": usage}, {"name": "proxy", "usage": {"cpu": "3m", "memory": "40960Ki"}}]
    return _compact({"metadata": meta, "timestamp": _MADE, "window": "15s", "containers": boxes})


def deployments(pods: int) -> Iterator[str]:
    """The workloads behind so many pods."""
    for app in range((pods + PER_DEPLOYMENT - 1) // PER_DEPLOYMENT):
        mine = range(app * PER_DEPLOYMENT, min(pods, (app + 1) * PER_DEPLOYMENT))
        ready = sum(_state_of(number) == "well" for number in mine)
        box = {"name": "app", "image": f"registry.example/shop/app-{app:04d}:1.4.{app % 7}"}
        yield _compact(
            {
                "metadata": {"name": f"app-{app:04d}", "namespace": f"space-{app % _NAMESPACES:02d}",
                             "uid": f"{app:08x}-0000-4000-a000-000000000000", "resourceVersion": str(app + 1),
                             "generation": 3, "creationTimestamp": _MADE,
                             "annotations": {"deployment.kubernetes.io/revision": "3"}},
                "spec": {"replicas": len(mine), "selector": {"matchLabels": {"app": f"app-{app:04d}"}},
                         "template": {"spec": {"containers": [box]}}, "strategy": {"type": "RollingUpdate"}},
                "status": {"observedGeneration": 3, "replicas": len(mine), "updatedReplicas": len(mine),
                           "readyReplicas": ready, "availableReplicas": ready,
                           "conditions": [{"type": "Progressing", "status": "True"}]},
            }
        )  # fmt: skip


def nodes(pods: int) -> Iterator[str]:
    """The machines they run on."""
    for number in range(max(1, pods // PER_NODE)):
        has = {"cpu": "16", "memory": "64Gi", "pods": "250"}
        yield _compact(
            {
                "metadata": {"name": f"node-{number:03d}", "uid": f"{number:08x}-0000-4000-b000-000000000000",
                             "resourceVersion": str(number + 1), "creationTimestamp": _MADE},
                "spec": {},
                "status": {"allocatable": has, "capacity": has, "nodeInfo": {"kubeletVersion": "v1.33.4"},
                           "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
                           "addresses": [{"type": "InternalIP", "address": f"10.1.0.{number}"}]},
            }
        )  # fmt: skip


class Cluster:
    """The API server."""

    def __init__(self, pods: int) -> None:
        self.pods = pods
        self._lists = 0
        self._small: Mapping[str, Sequence[str]] = {
            "deployments": tuple(deployments(pods)),
            "nodes": tuple(nodes(pods)),
        }
        self._pages: dict[tuple[str, int, int, int], bytes] = {}

    def prepare(self, page: int = 500) -> None:
        """Make the pages that will be asked for, so that no answer takes long."""
        for path in (PODS, METRICS):
            for moment in range(MOMENTS):
                for begin in range(0, self.pods, page):
                    self._page(path, moment, begin, page)

    def __call__(self, request: Request) -> Reply:
        """One answer."""
        path = request.path
        if path == "/version":
            return Reply(b'{"major":"1","minor":"33","gitVersion":"v1.33.4"}')
        if path == "/apis":
            return Reply(_compact(_groups()).encode())
        if path in (PODS, METRICS):
            return self._many(path, request)
        base, _, plural = path.rpartition("/")
        if base == "/api/v1" or plural in SERVED.get(base.removeprefix("/apis/"), ()):
            return Reply(_list_of(() if "metrics" in base else self._small.get(plural, ()), {}).encode())
        return _refusal(404, "NotFound", "the server could not find the requested resource")

    def _many(self, path: str, request: Request) -> Reply:
        """One page of a long list; a list that is begun is of a moment of its own."""
        limit = int(request.query.get("limit", 0)) or self.pods
        token = request.query.get("continue", "")
        moment, begin = self._lists % MOMENTS, 0
        if token:
            try:
                moment, begin = map(int, base64.b64decode(token).split(b"/"))
            except ValueError:
                return _refusal(400, "BadRequest", "continue key is not valid")
        elif path == PODS:
            self._lists += 1
        packed = self._page(path, moment, begin, limit)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Reply(packed, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})
        return Reply(gzip.decompress(packed))

    def _page(self, path: str, moment: int, begin: int, limit: int) -> bytes:
        """Packed, and kept."""
        key = path, moment, begin, limit
        if key not in self._pages:
            end = min(self.pods, begin + limit)
            make = pod if path == PODS else metric
            meta: Doc = {"resourceVersion": str(9_000_000 + moment)}
            if end < self.pods:
                meta |= {"continue": base64.b64encode(b"%d/%d" % (moment, end)).decode()}
                meta["remainingItemCount"] = self.pods - end
            text = _list_of([make(number, moment) for number in range(begin, end)], meta)
            self._pages[key] = gzip.compress(text.encode(), 1)
        return self._pages[key]


def _list_of(items: Iterable[str], meta: Doc) -> str:
    """A list as an API server writes it: its metadata, then its items."""
    return f'{{"kind":"List","apiVersion":"v1","metadata":{_compact(meta)},"items":[{",".join(items)}]}}\n'


def _refusal(status: int, reason: str, said: str) -> Reply:
    return Reply(_compact({"kind": "Status", "code": status, "reason": reason, "message": said}).encode(), status)


def _groups() -> Doc:
    """Discovery in one document."""
    items = []
    for one, plurals in SERVED.items():
        group, version = one.split("/")
        resources = [{"resource": plural} for plural in plurals]
        items.append({"metadata": {"name": group}, "versions": [{"version": version, "resources": resources}]})
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": items}
