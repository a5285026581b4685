"""A Kubernetes cluster of one node for tests: etcd, API server, controller manager, scheduler and a kubelet on Docker.

The programs are Kubernetes 1.20, built once by `tests/stack/up`. It is among the last releases that run pods on Docker
by themselves, and speaks `autoscaling/v1` and `v2beta2`, `policy/v1beta1`, `batch/v1beta1`. Pods are containers on the
test stack's Docker Engine, have addresses on a bridge of their own, and reach nothing beyond it.

One cluster at a time on a machine, for two kubelets on one engine would end each other's pods: a session that asks for
one waits until the other's is over. The one that `up kubernetes` started is used by the sessions that follow, in turn.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.stack import docker, kubesettings, places, process
from tests.stack.kubeapi import NODE, Cluster, Refused
from tests.stack.kubesettings import ADDRESS, BRIDGE, PAUSE, SUBNET

PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")

BUILD = "kubernetes-build"
"""The name on record of the build that runs in the background."""

BUILD_WITHIN = 900.0
"""Seconds a session waits for it; alone on two cores it takes 300."""

WAIT_WITHIN = 600.0
"""Seconds a session waits for another's cluster to end."""

LOGS = Path("/var/log/opsroom-test")
"""Where our kubelet is built to keep the logs of pods: a folder that is nobody else's."""

_PAUSE_COMMAND = """CMD ["/bin/sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done"]"""
_RECORD = "kubernetes-"

METRICS = f"{_RECORD}metrics"
"""The name on record of the stand-in for metrics-server, see `metricsapi`."""

_ENDING = ("kubelet", "metrics", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd")


def binaries() -> Path:
    """Where `up` keeps the programs; the name changes with the recipe."""
    return places.cache() / "kubernetes-1.20.2-1"


def built() -> bool:
    """Whether the programs are there."""
    return binaries().is_dir()


def building() -> bool:
    """Whether they are being built now."""
    return any(record.name == BUILD for record in process.records())


def build_log() -> Path:
    """What the build says."""
    return places.run() / "kubernetes-build.log"


@contextlib.contextmanager
def reserved(engine: docker.Engine) -> Iterator[Cluster]:
    """This machine's cluster, for us alone: the one `up kubernetes` started, else a new one that ends with us.

    Waits for the build and for whoever has it, both bounded. Raises `Unavailable`.
    """
    _wait_for_build()
    with _lock(WAIT_WITHIN):
        standing = _standing(engine)
        cluster = standing or start(engine)
        try:
            yield cluster
        finally:
            if standing is None:
                clear(engine)


def start(engine: docker.Engine, *, owned: bool = True) -> Cluster:
    """A new, empty cluster (10 s); what an older one left is cleared away first. Raises `Unavailable`."""
    if not built():
        raise places.Unavailable("Kubernetes is not built; tests/stack/up builds it")
    if os.getuid() != 0:
        raise places.Unavailable("only root can run a kubelet")
    clear(engine)
    if _sandboxes(engine, ours=False):
        raise places.Unavailable(f"another kubelet has pods on the Docker Engine at {engine.url}")
    folder = places.new_folder("kubernetes")
    _tell({"folder": str(folder)})
    try:
        return _start(engine, folder, owned=owned)
    except BaseException:
        clear(engine)
        raise


def keep(engine: docker.Engine) -> Cluster:
    """Start a cluster that stays until `down`, for people; the one that stands already is kept."""
    _wait_for_build()
    with _lock(WAIT_WITHIN):
        cluster = _standing(engine) or start(engine, owned=False)
        _tell({"folder": str(cluster.folder), "kept": [cluster.server, dict(cluster.pids), engine.url]})
        return cluster


def names() -> frozenset[str]:
    """What a cluster's programs are called on record."""
    return frozenset(_RECORD + name for name in _ENDING)


def remove_leftovers(engine: docker.Engine | None) -> tuple[int, int]:
    """End a cluster nobody uses, with its mounts and containers; how many were ended, and how many stay (0 or 1)."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(_lock(0))
        except places.Unavailable:
            return 0, 1
        there = any(record.name in names() for record in process.records()) or _bridge_exists()
        clear(engine)
        return int(there), 0


def clear(engine: docker.Engine | None) -> None:
    """End every program of a cluster, then what a kubelet leaves: containers, mounts, the bridge, logs."""
    remaining = [record for record in process.records() if record.name in names()]
    for name in _ENDING:
        for record in remaining:
            if record.name == _RECORD + name:
                process.stop(record)
    if engine is not None:
        process.wait_until(lambda: _emptied(engine), 60)
    if told := _told():
        _unmount(Path(told["folder"]))
        places.remove(Path(told["folder"]))
    if _bridge_exists():
        _ip("link", "delete", BRIDGE)
    shutil.rmtree(LOGS, ignore_errors=True)
    _description().unlink(missing_ok=True)


def _start(engine: docker.Engine, folder: Path, *, owned: bool) -> Cluster:
    if not engine.run("images", "-q", PAUSE).strip():
        docker.import_image(engine, PAUSE, docker.busybox_tree(), _PAUSE_COMMAND, "ENV PATH=/bin")
    _make_bridge()
    store, port, kubelet_port = places.free_port(), places.free_port(), places.free_port()
    server = f"https://127.0.0.1:{port}"
    kubesettings.write(folder, server, kubelet_port, engine)
    pids: dict[str, int] = {}
    cluster = Cluster(server, folder, pids, engine)
    steps = {
        "etcd": (kubesettings.etcd(folder, store), lambda: _listens(store)),
        "kube-apiserver": (kubesettings.api_server(folder, store, port), lambda: _ready(cluster)),
        "kube-controller-manager": (kubesettings.controller_manager(folder), lambda: True),
        "kube-scheduler": (kubesettings.scheduler(folder), lambda: True),
        "kubelet": (kubesettings.kubelet(folder, engine), lambda: _node_ready(cluster)),
    }
    for name, (flags, ready) in steps.items():
        program = binaries() / name if name in PROGRAMS else places.program(name)
        if program is None:
            raise places.Unavailable(f"{name} is not installed")
        log = folder / f"{name}.log"
        pids[name] = process.start(_RECORD + name, [program, *flags], log=log, ready=ready, within=60, owned=owned)
    return cluster


def _ready(cluster: Cluster) -> bool:
    try:
        return bool(cluster.ask("GET", "/readyz") == "ok")
    except (OSError, Refused):
        return False


def _node_ready(cluster: Cluster) -> bool:
    """Pods can be scheduled, service accounts are handed tokens, and the roles made out of others are made."""
    try:
        node = cluster.ask("GET", f"/api/v1/nodes/{NODE}")
        account = cluster.ask("GET", "/api/v1/namespaces/default/serviceaccounts/default")
        view = cluster.ask("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/view")
    except (OSError, Refused):
        return False
    states = {condition["type"]: condition["status"] for condition in node["status"].get("conditions", ())}
    return bool(
        states.get("Ready") == "True" and not node["spec"].get("taints") and account.get("secrets") and view["rules"]
    )


def _wait_for_build() -> None:
    with contextlib.suppress(TimeoutError):
        process.wait_until(built, BUILD_WITHIN, still=building)
    if not built():
        said = build_log().read_text(errors="replace").strip()[-300:] if build_log().exists() else ""
        raise places.Unavailable(f"Kubernetes is not built; tests/stack/up builds it. {said}".strip())


def _standing(engine: docker.Engine) -> Cluster | None:
    """The cluster a person started, if it is in order."""
    told = _told()
    if "kept" not in told:
        return None
    server, pids, url = told["kept"]
    cluster = Cluster(server, Path(told["folder"]), pids, engine)
    whole = url == engine.url and {record.pid for record in process.records()}.issuperset(pids.values())
    return cluster if whole and _ready(cluster) and _node_ready(cluster) else None


@contextlib.contextmanager
def _lock(within: float) -> Iterator[None]:
    """Hold what stands for this machine's one cluster; the kernel gives it back when the holder dies."""
    with (places.run() / "kubernetes.lock").open("w") as file:
        with contextlib.suppress(TimeoutError):
            process.wait_until(lambda: _locked(file.fileno()), within)
        if not _locked(file.fileno()):
            raise places.Unavailable("another test session has the cluster")
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _description() -> Path:
    return places.run() / "kubernetes.json"


def _tell(what: Mapping[str, Any]) -> None:
    """For whoever comes after: where the cluster's folder is, and all of a cluster that is kept."""
    _description().write_text(json.dumps(what))


def _told() -> dict[str, Any]:
    return dict(json.loads(_description().read_text())) if _description().exists() else {}


def _emptied(engine: docker.Engine) -> bool:
    """Whether no container of ours is left; those that are get removed, some perhaps by a kubelet's last order."""
    left = _containers(engine) + _sandboxes(engine, ours=True)
    if left:
        with contextlib.suppress(RuntimeError):
            engine.run("rm", "-f", "-v", *left)
    return not left


def _sandboxes(engine: docker.Engine, *, ours: bool) -> list[str]:
    """Containers that hold a pod's namespaces: ours, or another kubelet's."""
    listing = ("ps", "-aq", "--no-trunc", "--filter", "label=io.kubernetes.docker.type=podsandbox")
    mine = engine.run(*listing, "--filter", f"ancestor={PAUSE}").split()
    return mine if ours else [name for name in engine.run(*listing).split() if name not in mine]


def _containers(engine: docker.Engine) -> list[str]:
    """Containers of pods whose logs are where our kubelet keeps them."""
    wanted = ("--filter", "label=io.kubernetes.docker.type=container")
    told = engine.run("ps", "-a", *wanted, "--format", '{{.ID}} {{.Label "io.kubernetes.container.logpath"}}')
    lines = (line.partition(" ") for line in told.splitlines())
    return [name for name, _, log in lines if log.startswith(f"{LOGS}/")]


def _unmount(folder: Path) -> None:
    """A kubelet leaves the volumes of its pods mounted."""
    targets = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for target in sorted(targets, reverse=True):
        if target.startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", target], capture_output=True, check=False)


def _make_bridge() -> None:
    if _ip("-4", "route", "show", SUBNET):
        raise places.Unavailable(f"{SUBNET} is in use on this machine, and pods would live there")
    _ip("link", "add", BRIDGE, "type", "bridge")
    _ip("address", "add", f"{ADDRESS}/24", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")


def _bridge_exists() -> bool:
    return Path("/sys/class/net", BRIDGE).exists()


def _ip(*words: str) -> str:
    program = places.program("ip")
    if program is None:
        raise places.Unavailable("ip is not installed (iproute2)")
    done = subprocess.run([program, *words], capture_output=True, text=True, timeout=10, check=False)
    if done.returncode:
        raise places.Unavailable(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0
