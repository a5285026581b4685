"""A running test cluster, and what tests arrange in it: namespaces, workloads, and logins with few rights."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.stack import docker, places, process

NODE = "node1"

IMAGE = docker.IMAGE
"""busybox alone, on the engine already: a pod's `imagePullPolicy` has to be Never."""

SERVE = """
trap 'exit 0' TERM
mkdir -p /www && echo ok >/www/health && httpd -p 8080 -h /www
while :; do sleep 1 & wait $!; done
"""
"""A shell script that answers GET /health on port 8080 and ends at once when asked."""


class Refused(Exception):
    """The API server said no; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who may log in."""

    token: str
    kubeconfig: Path
    """Names the cluster `test`, the context and user by the login's name; carries the token."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster of one node."""

    server: str
    """`https://127.0.0.1:PORT`."""
    folder: Path
    """Holds certificates, kubeconfigs, data and one log a program."""
    pids: Mapping[str, int]
    """Of `etcd`, `kube-apiserver`, `kube-controller-manager`, `kube-scheduler`, `kubelet`: to be hung, not killed."""
    engine: docker.Engine
    node: str = NODE
    image: str = IMAGE

    @property
    def ca(self) -> Path:
        """The authority that signed the server's certificate."""
        return self.folder / "pki" / "ca.crt"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's, with a client certificate; its context is `admin`."""
        return self.folder / "admin.kubeconfig"

    def ask(self, method: str, path: str, body: object = None, *, kind: str = "application/json") -> Any:
        """Ask as administrator; the parsed answer, or its text when it is none. Raises `Refused`."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.load_cert_chain(self.folder / "pki" / "admin.crt", self.folder / "pki" / "admin.key")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server + path, data, {"Content-Type": kind}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30, context=context) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise Refused(refusal.code, refusal.read(2000).decode(errors="replace")) from None
        return json.loads(text) if text.startswith("{") else text

    def kubectl(self, *words: str, login: Login | None = None, within: float = 60.0) -> str:
        """Run the machine's kubectl as administrator, or as somebody, and give back what it prints.

        RuntimeError with its complaint when it fails.
        """
        program = places.program("kubectl")
        if program is None:
            raise places.Unavailable("kubectl is not installed")
        command: list[str | Path] = [program, "--kubeconfig", login.kubeconfig if login else self.kubeconfig, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=within, check=False)
        if done.returncode:
            raise RuntimeError(f"kubectl {words[0]}: {done.stderr.strip()[-600:]}")
        return done.stdout

    def new_namespace(self, name: str) -> str:
        """Make a namespace and wait until pods can be made in it (0.1 s)."""
        self.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        process.wait_until(lambda: bool(self._found(account).get("secrets")), 30)
        return name

    def end_namespace(self, name: str) -> None:
        """Have a namespace and all in it removed, without waiting for it; pods end at once."""
        pods = f"/api/v1/namespaces/{name}/pods?gracePeriodSeconds=0"
        self.ask("DELETE", f"/api/v1/namespaces/{name}")
        self.ask("DELETE", pods)

    def deploy(
        self,
        namespace: str,
        name: str,
        command: Sequence[str] = ("sh", "-c", SERVE),
        *,
        replicas: int = 1,
        container: Mapping[str, Any] | None = None,
        spec: Mapping[str, Any] | None = None,
    ) -> Any:
        """Make a Deployment whose pods have the label `app: NAME` and one container `main`; it may not be ready yet.

        `container` and `spec` add to, or win over, what the container and the pod's spec say. The usual command answers
        /health on port 8080 and is probed for it.
        """
        probed = {"readinessProbe": {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 1}}
        one: dict[str, Any] = {"name": "main", "image": IMAGE, "imagePullPolicy": "Never", "command": list(command)}
        one |= {"resources": {"requests": {"cpu": "10m", "memory": "8Mi"}, "limits": {"memory": "64Mi"}}}
        one |= (probed if SERVE in command else {}) | dict(container or {})
        pod = {"containers": [one], "dnsPolicy": "Default", "terminationGracePeriodSeconds": 2} | dict(spec or {})
        labels = {"app": name}
        body = {
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        }
        return self.ask("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", body)

    def ready(self, namespace: str, name: str) -> int:
        """How many pods of a Deployment are available."""
        told = self.ask("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
        return int(told["status"].get("availableReplicas", 0))

    def wait_ready(self, namespace: str, name: str, replicas: int, within: float = 60.0) -> None:
        """Wait until that many pods are available (3 s); TimeoutError."""
        process.wait_until(lambda: self.ready(namespace, name) == replicas, within)

    def pods(self, namespace: str, selector: str = "") -> list[Any]:
        """The pods of a namespace, as the API tells them."""
        query = urllib.parse.urlencode({"labelSelector": selector})
        items: list[Any] = self.ask("GET", f"/api/v1/namespaces/{namespace}/pods?{query}")["items"]
        return items

    def login(self, name: str, role: str | None = "view", namespace: str | None = None) -> Login:
        """Make a service account in `default`, bound to a ClusterRole everywhere or in one namespace alone.

        With `role` None it may do nothing. Kubernetes' own roles are `view`, `edit` and `admin`; `view` sees no nodes
        and no secrets (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles).
        """
        accounts = "/api/v1/namespaces/default/serviceaccounts"
        self.ask("POST", accounts, {"metadata": {"name": name}})
        if role is not None:
            within = f"/namespaces/{namespace}" if namespace else ""
            kind = "rolebindings" if namespace else "clusterrolebindings"
            body = {
                "metadata": {"name": name},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
            }
            self.ask("POST", f"/apis/rbac.authorization.k8s.io/v1{within}/{kind}", body)
        process.wait_until(lambda: bool(self._found(f"{accounts}/{name}").get("secrets")), 30)
        secret = self._found(f"{accounts}/{name}")["secrets"][0]["name"]
        token = base64.b64decode(
            self.ask("GET", f"/api/v1/namespaces/default/secrets/{secret}")["data"]["token"]
        ).decode()
        file = self.folder / f"{name}.kubeconfig"
        write_kubeconfig(file, name, self.server, self.ca, {"token": token})
        return Login(token, file)

    def _found(self, path: str) -> Mapping[str, Any]:
        """The object, or an empty one while there is none."""
        try:
            found: Mapping[str, Any] = self.ask("GET", path)
        except Refused as refusal:
            if refusal.status != 404:
                raise
            return {}
        return found


def write_kubeconfig(file: Path, name: str, server: str, ca: Path, user: Mapping[str, str]) -> None:
    """Write a kubeconfig as kubectl would: one cluster `test`, one user and one context, both named `name`."""
    says = "".join(f"    {key}: {value}\n" for key, value in user.items())
    trusted = base64.b64encode(ca.read_bytes()).decode()
    file.write_text(f"""apiVersion: v1
kind: Config
clusters:
- name: test
  cluster:
    server: {server}
    certificate-authority-data: {trusted}
users:
- name: {name}
  user:
{says}contexts:
- name: {name}
  context:
    cluster: test
    user: {name}
    namespace: default
current-context: {name}
""")
    file.chmod(0o600)
