"""What is in the simulated cluster when it opens: nodes, workloads, how they are reached, what bounds them."""

from __future__ import annotations

import copy
import hashlib
import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from systems.social_live.store import NAMESPACE, Doc, Store, stamp

NODES: Final = 3
NODE_CPU: Final = 3.92
"""Cores of a node that pods may have."""
NODE_MEMORY: Final = 7 << 30
MIB: Final = 1 << 20

RELEASE: Final = "sociallive/backend:2.14.1"
"""What runs when the world opens."""
BEFORE: Final = "sociallive/backend:2.14.0"
FAILING: Final = "sociallive/backend:2.15.0"
"""A release that fails one request in four."""
MISSING: Final = "sociallive/backend:2.15.1"
"""A release that nobody has pushed."""
FRONTEND: Final = "sociallive/frontend:1.31.0"
KNOWN: Final = frozenset(
    {RELEASE, BEFORE, FAILING, "sociallive/backend:2.13.4", FRONTEND, "sociallive/frontend:1.30.2"}
)
"""Images that the registry has."""

CAUSE: Final = "kubernetes.io/change-cause"
REVISION: Final = "deployment.kubernetes.io/revision"
HASH: Final = "pod-template-hash"

SERVED: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "apps": {"v1": ("deployments", "statefulsets", "daemonsets", "replicasets", "controllerrevisions")},
    "batch": {"v1": ("jobs", "cronjobs")},
    "autoscaling": {"v2": ("horizontalpodautoscalers",)},
    "policy": {"v1": ("poddisruptionbudgets",)},
    "networking.k8s.io": {"v1": ("ingresses",)},
    "discovery.k8s.io": {"v1": ("endpointslices",)},
    "metrics.k8s.io": {"v1beta1": ("nodes", "pods")},
    "cert-manager.io": {"v1": ("certificates",)},
}
"""Groups, versions and what they serve, besides core/v1."""


def ago(**span: float) -> str:
    """A moment before now."""
    return stamp(datetime.now(UTC) - timedelta(**span))


def meta(name: str, namespace: str = NAMESPACE, **more: Any) -> Doc:
    """Metadata of a new object."""
    return {"name": name, **({"namespace": namespace} if namespace else {}), **more}


def owner(kind: str, doc: Doc, version: str = "apps/v1") -> list[Doc]:
    """That this object has made another."""
    found = doc["metadata"]
    return [{"apiVersion": version, "kind": kind, "name": found["name"], "uid": found["uid"], "controller": True}]


def mark_of(template: Doc) -> str:
    """The hash by which the pods of a template are told from others."""
    whole = int(hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest(), 16)
    letters = "bcdfghjklmnpqrstvwxz2456789"
    return "".join(letters[whole // 27**at % 27] for at in range(9))


def some_letters(number: int, chance: random.Random) -> str:
    """The end of a pod's name."""
    return "".join(chance.choice("bcdfghjklmnpqrstvwxz2456789") for _ in range(number))


def furnished() -> Store:
    """The cluster on a quiet day."""
    store = Store()
    for number in range(1, NODES + 1):
        store.put("nodes", node(f"node-{number}", f"10.1.0.{number + 3}"))
    earlier = _template("backend", BEFORE, 3000)
    backend = store.put("deployments", _deployment("backend", RELEASE, 3, 3000))
    backend["metadata"]["annotations"][CAUSE] = "release 2.14.1: smaller pictures in the feed"
    backend["metadata"]["annotations"][REVISION] = "13"
    kept = replica_set(backend, earlier, 13, "release 2.14.0: comments under videos")
    kept["metadata"]["creationTimestamp"] = ago(days=9)
    store.put("replicasets", kept)
    store.put("deployments", _deployment("frontend", FRONTEND, 2, 8080))
    store.put("horizontalpodautoscalers", _autoscaler())
    for name, least in (("backend", 2), ("frontend", 1)):
        store.put("poddisruptionbudgets", _budget(name, least))
    for name, port in (("backend", 3000), ("frontend", 8080)):
        store.put("services", _service(name, port))
    store.put("ingresses", _ingress())
    for name in ("backend-config", "active-config", "old-banner"):
        store.put("configmaps", {"metadata": meta(name, creationTimestamp=ago(days=40)), "data": {}})
    for name, host, days in (("api-tls", "api.social-live.example", 61), ("app-tls", "app.social-live.example", 47)):
        store.put("certificates", _certificate(name, host, days))
    cron = store.put("cronjobs", _cronjob())
    store.put("jobs", _job(cron))
    return store


def node(name: str, address: str) -> Doc:
    """A machine that is ready."""
    quiet = [{"type": one, "status": "False"} for one in ("MemoryPressure", "DiskPressure", "PIDPressure")]
    return {
        "metadata": meta(name, "", labels={"node-role.kubernetes.io/worker": ""}, creationTimestamp=ago(days=90)),
        "spec": {},
        "status": {
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}, *quiet],
            "capacity": {"cpu": "4", "memory": "8Gi", "pods": "110"},
            "allocatable": {"cpu": f"{NODE_CPU * 1000:.0f}m", "memory": str(NODE_MEMORY), "pods": "110"},
            "nodeInfo": {"kubeletVersion": "v1.32.1", "osImage": "simulated", "kernelVersion": "0"},
            "addresses": [{"type": "InternalIP", "address": address}],
        },
    }


def _template(name: str, image: str, port: int) -> Doc:
    box = {
        "name": name,
        "image": image,
        "ports": [{"containerPort": port}],
        "envFrom": [{"configMapRef": {"name": "backend-config"}}],
        "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
        "readinessProbe": {"httpGet": {"path": "/health", "port": port}},
    }
    return {"metadata": {"labels": {"app": name}}, "spec": {"containers": [box]}}


def _deployment(name: str, image: str, replicas: int, port: int) -> Doc:
    return {
        "metadata": meta(name, labels={"app": name}, annotations={}, creationTimestamp=ago(days=80)),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "progressDeadlineSeconds": 12,
            "template": _template(name, image, port),
        },
        "status": {},
    }


def replica_set(deployment: Doc, template: Doc, revision: int, cause: str | None) -> Doc:
    """What keeps the pods of one template of a deployment."""
    name, mark = deployment["metadata"]["name"], mark_of(template)
    marked = copy.deepcopy(template)
    marked["metadata"].setdefault("labels", {})[HASH] = mark
    notes = {REVISION: str(revision)} | ({CAUSE: cause} if cause else {})
    found = meta(
        f"{name}-{mark}",
        labels=marked["metadata"]["labels"],
        annotations=notes,
        ownerReferences=owner("Deployment", deployment),
    )
    return {"metadata": found, "spec": {"replicas": 0, "template": marked}, "status": {"replicas": 0}}


def pod(replicas: Doc, chance: random.Random) -> Doc:
    """A pod that waits for a node."""
    template, made = replicas["spec"]["template"], replicas["metadata"]
    found = meta(
        f"{made['name']}-{some_letters(5, chance)}",
        labels=dict(template["metadata"]["labels"]),
        annotations=dict(template["metadata"].get("annotations", {})),
        ownerReferences=owner("ReplicaSet", replicas),
    )
    return {
        "metadata": found,
        "spec": copy.deepcopy(template["spec"]),
        "status": {"phase": "Pending", "qosClass": "Burstable", "conditions": [], "containerStatuses": []},
    }


def _autoscaler() -> Doc:
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
    }
    return {
        "metadata": meta("backend", creationTimestamp=ago(days=80)),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "backend"},
            "minReplicas": 3,
            "maxReplicas": 50,
            "metrics": [metric],
        },
        "status": {"currentReplicas": 3, "desiredReplicas": 3},
    }


def _budget(name: str, least: int) -> Doc:
    spec = {"minAvailable": least, "selector": {"matchLabels": {"app": name}}}
    return {"metadata": meta(name, creationTimestamp=ago(days=80)), "spec": spec, "status": {}}


def _service(name: str, port: int) -> Doc:
    spec = {
        "type": "ClusterIP",
        "clusterIP": f"10.96.{port // 256}.{port % 256}",
        "selector": {"app": name},
        "ports": [{"port": 80, "targetPort": port}],
    }
    return {"metadata": meta(name, creationTimestamp=ago(days=80)), "spec": spec, "status": {}}


def _ingress() -> Doc:
    def rule(host: str, name: str) -> Doc:
        backend = {"service": {"name": name, "port": {"number": 80}}}
        return {"host": host, "http": {"paths": [{"path": "/", "backend": backend}]}}

    hosts = {"api.social-live.example": "backend", "app.social-live.example": "frontend"}
    spec = {
        "ingressClassName": "nginx",
        "tls": [{"hosts": list(hosts)}],
        "rules": [rule(host, name) for host, name in hosts.items()],
    }
    status = {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}
    return {"metadata": meta("social-live", creationTimestamp=ago(days=80)), "spec": spec, "status": status}


def _certificate(name: str, host: str, days: float) -> Doc:
    now = datetime.now(UTC)
    status = {
        "conditions": [{"type": "Ready", "status": "True", "reason": "Ready"}],
        "notBefore": stamp(now - timedelta(days=90 - days)),
        "notAfter": stamp(now + timedelta(days=days)),
        "renewalTime": stamp(now + timedelta(days=days - 30)),
    }
    return {"metadata": meta(name), "spec": {"dnsNames": [host], "secretName": name}, "status": status}


def last_night() -> datetime:
    """Two o'clock UTC, the last time it was: when the backup is made."""
    now = datetime.now(UTC)
    at = now.replace(hour=2, minute=0, second=0, microsecond=0)
    return at if at <= now else at - timedelta(days=1)


def _cronjob() -> Doc:
    status = {"lastScheduleTime": stamp(last_night()), "lastSuccessfulTime": stamp(last_night() + timedelta(minutes=4))}
    found = meta("database-backup", creationTimestamp=ago(days=80))
    return {"metadata": found, "spec": {"schedule": "0 2 * * *"}, "status": status}


def _job(cron: Doc) -> Doc:
    status = {
        "succeeded": 1,
        "startTime": stamp(last_night()),
        "completionTime": stamp(last_night() + timedelta(minutes=4)),
        "conditions": [{"type": "Complete", "status": "True"}],
    }
    found = meta(
        f"database-backup-{int(last_night().timestamp()) // 60}", ownerReferences=owner("CronJob", cron, "batch/v1")
    )
    return {"metadata": found, "spec": {"completions": 1}, "status": status}
