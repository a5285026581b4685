"""`metrics.k8s.io` for the test cluster, out of the kubelet's own measurements, behind the API server's aggregation.

A stand-in for metrics-server, which Debian has not: `kubectl top` and autoscalers work with it. As a program,
`python -m tests.stack.metricsapi FOLDER PORT`, it is the server; `start` puts it behind the API server, `end` away.

https://github.com/kubernetes/metrics/blob/v0.20.2/pkg/apis/metrics/v1beta1/types.go
"""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.stack import certificates, kubernetes, kubesettings, places, process
from tests.stack.kubeapi import Cluster, Refused

GROUP = "metrics.k8s.io/v1beta1"
SERVICE = "/api/v1/namespaces/kube-system/services"
ENDPOINTS = "/api/v1/namespaces/kube-system/endpoints"
REGISTRATION = "/apis/apiregistration.k8s.io/v1/apiservices"
NAME = "metrics"


def start(cluster: Cluster) -> int:
    """Serve it, and wait until the API server passes it on with figures in it; the server's pid."""
    port = places.free_port()
    authority = certificates.Authority(cluster.folder / "pki")
    authority.server(NAME, f"DNS:{NAME}.kube-system.svc")
    argv = [sys.executable, "-m", "tests.stack.metricsapi", str(cluster.folder), str(port)]
    env = os.environ | {"PYTHONPATH": str(places.HERE.parent.parent)}
    log = cluster.folder / "metrics.log"
    pid = process.start(kubernetes.METRICS, argv, log=log, ready=lambda: _listens(port), env=env)
    cluster.ask("POST", SERVICE, {"metadata": {"name": NAME}, "spec": {"ports": [{"port": 443, "targetPort": port}]}})
    subset = {"addresses": [{"ip": kubesettings.ADDRESS}], "ports": [{"port": port}]}
    cluster.ask("POST", ENDPOINTS, {"metadata": {"name": NAME}, "subsets": [subset]})
    spec = {
        "group": "metrics.k8s.io",
        "version": "v1beta1",
        "service": {"name": NAME, "namespace": "kube-system"},
        "caBundle": base64.b64encode(authority.certificate.read_bytes()).decode(),
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
    }
    cluster.ask("POST", REGISTRATION, {"metadata": {"name": "v1beta1.metrics.k8s.io"}, "spec": spec})
    process.wait_until(lambda: _passed_on(cluster), 60)
    return pid


def end(cluster: Cluster, pid: int) -> None:
    """Take it away, and wait until the API server knows nothing of it."""
    cluster.ask("DELETE", f"{REGISTRATION}/v1beta1.metrics.k8s.io")
    cluster.ask("DELETE", f"{SERVICE}/{NAME}")
    process.stop_pid(pid)
    process.wait_until(lambda: not _passed_on(cluster), 30)


def _passed_on(cluster: Cluster) -> bool:
    """Whether the API server has the node's figures from here."""
    try:
        return bool(cluster.ask("GET", f"/apis/{GROUP}/nodes")["items"])
    except Refused:
        return False


def _listens(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((kubesettings.ADDRESS, port)) == 0


class Source:
    """What the kubelet measures, and which pods a selector means."""

    def __init__(self, folder: Path) -> None:
        pki = folder / "pki"
        settings = json.loads((folder / "kubelet.yaml").read_text())
        self._summary = f"https://{kubesettings.ADDRESS}:{settings['port']}/stats/summary"
        self._context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._context.load_cert_chain(pki / "api.crt", pki / "api.key")
        self._server = (folder / "server").read_text()

    def node(self) -> dict[str, Any]:
        """NodeMetrics of the one node."""
        told = self._get(self._summary)["node"]
        return _measured(told, {"name": told["nodeName"]}) | {"usage": _usage(told)}

    def pods(self, namespace: str, selector: str) -> Iterator[dict[str, Any]]:
        """PodMetrics of each pod whose containers have all been measured; an empty namespace is every one."""
        where = f"/namespaces/{namespace}" if namespace else ""
        query = urllib.parse.urlencode({"labelSelector": selector})
        meant = self._get(f"{self._server}/api/v1{where}/pods?{query}")["items"]
        labels = {pod["metadata"]["uid"]: pod["metadata"].get("labels", {}) for pod in meant}
        for pod in self._get(self._summary)["pods"]:
            reference, containers = pod["podRef"], pod.get("containers") or []
            if (
                reference["uid"] in labels
                and containers
                and all("usageNanoCores" in one.get("cpu", {}) for one in containers)
            ):
                about = {"name": reference["name"], "namespace": reference["namespace"]}
                measured = _measured(containers[0], about | {"labels": labels[reference["uid"]]})
                yield measured | {"containers": [{"name": one["name"], "usage": _usage(one)} for one in containers]}

    def _get(self, url: str) -> Any:
        with urllib.request.urlopen(url, timeout=10, context=self._context) as answer:
            return json.load(answer)


def _measured(told: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": about, "timestamp": told["cpu"]["time"], "window": "15s"}


def _usage(told: dict[str, Any]) -> dict[str, str]:
    memory = told.get("memory", {}).get("workingSetBytes", 0)
    return {"cpu": f"{told['cpu']['usageNanoCores']}n", "memory": f"{memory // 1024}Ki"}


class Answers(BaseHTTPRequestHandler):
    """Discovery, and the two lists and their items."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    source: Source

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        selector = urllib.parse.parse_qs(query).get("labelSelector", [""])[0]
        try:
            found, status = self._found(path.strip("/").split("/")[3:], selector), 404
        except OSError:  # the kubelet does not answer
            found, status = None, 503
        failed = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status}
        body = json.dumps(found or failed).encode()
        self.send_response(200 if found else status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _found(self, words: list[str], selector: str) -> dict[str, Any] | None:
        match words:
            case []:
                return _resources()
            case ["nodes"]:
                return _list("NodeMetricsList", [self.source.node()])
            case ["nodes", name]:
                node = self.source.node()
                return _one("NodeMetrics", node) if node["metadata"]["name"] == name else None
            case ["pods"]:
                return _list("PodMetricsList", list(self.source.pods("", selector)))
            case ["namespaces", namespace, "pods"]:
                return _list("PodMetricsList", list(self.source.pods(namespace, selector)))
            case ["namespaces", namespace, "pods", name]:
                named = (pod for pod in self.source.pods(namespace, "") if pod["metadata"]["name"] == name)
                return next((_one("PodMetrics", pod) for pod in named), None)
        return None


def _resources() -> dict[str, Any]:
    kinds = {"nodes": ("NodeMetrics", False), "pods": ("PodMetrics", True)}
    resources = [
        {"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list"]}
        for name, (kind, namespaced) in kinds.items()
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": GROUP, "resources": resources}


def _list(kind: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": kind, "apiVersion": GROUP, "metadata": {}, "items": items}


def _one(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "apiVersion": GROUP} | item


def main(folder: Path, port: int) -> None:
    """Serve until ended."""
    Answers.source = Source(folder)
    server = ThreadingHTTPServer((kubesettings.ADDRESS, port), Answers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pki" / f"{NAME}.crt", folder / "pki" / f"{NAME}.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
