"""`python -m tests.stack.kubebuild`: builds Kubernetes from Debian's own source package; five minutes on two cores.

Only bookworm's source carries a whole server (1.20.2, with everything it vendors); later ones are cut down to kubectl.
`tests/stack/up` starts this in the background. It takes only the processor time that nobody else wants, works in a
folder of its own, and moves the programs into the cache when they are finished.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from tests.stack import kubernetes, packages, places

GO = Path("/usr/lib/go-1.19/bin")
"""Of golang-1.19-go; the source asks for 1.15 or later."""

REFLECT2 = Path("/usr/share/gocode/src/github.com/modern-go/reflect2")
"""Of golang-github-modern-go-reflect2-dev. The vendored 1.0.1 breaks map iteration from Go 1.18 on: it crashes."""


class Change(NamedTuple):
    """A substitution in one source file; it has to fit."""

    file: str
    pattern: str
    by: str


CHANGES = (
    # Without CAP_SYS_RESOURCE nobody may ask for less than nought, and runc then starts no container.
    Change("pkg/kubelet/dockershim/docker_sandbox.go", r"(defaultSandboxOOMAdj int = )-\d+", r"\g<1>0"),
    Change("pkg/kubelet/qos/policy.go", r"(KubeletOOMScoreAdj +int = )-\d+", r"\g<1>0"),
    Change("pkg/kubelet/qos/policy.go", r"(guaranteedOOMScoreAdj +int = )-\d+", r"\g<1>0"),
    # The machine's kernel settings and its /var/log belong to others.
    Change("pkg/kubelet/cm/container_manager_linux.go", r"b := KernelTunableModify", "b := KernelTunableWarn"),
    Change("pkg/kubelet/kubelet.go", r'(ContainerLogsDir = )"[^"]+"', rf'\g<1>"{kubernetes.LOGS}/containers"'),
    Change(
        "pkg/kubelet/kuberuntime/legacy.go", r'(ContainerLogsDir = )"[^"]+"', rf'\g<1>"{kubernetes.LOGS}/containers"'
    ),
    Change(
        "pkg/kubelet/kuberuntime/kuberuntime_manager.go", r'(Directory = )"[^"]+"', rf'\g<1>"{kubernetes.LOGS}/pods"'
    ),
)


def build() -> None:
    """Fetch, change, compile and keep; nothing when the cache has it. Raises `Unavailable`."""
    with (places.cache() / "kubernetes.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if kubernetes.built():
            return
        work = places.new_folder("kubebuild")
        try:
            source = _fetch(work)
            change(source)
            _compile(source, work)
            _keep(source / "_output" / "bin")
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _fetch(work: Path) -> Path:
    packages.apt(*packages.other_suite(work, f"deb-src {packages.mirror()} {packages.SUITE} main"), "update")
    packages.apt(*packages.other_suite(work), "source", "kubernetes", folder=work)
    return next(path for path in work.glob("kubernetes-*") if path.is_dir())


def change(source: Path) -> None:
    """Apply CHANGES and the newer reflect2. Raises `Unavailable` when the source is another."""
    for wanted in CHANGES:
        file = source / wanted.file
        text, fitted = re.subn(wanted.pattern, wanted.by, file.read_text())
        if fitted != 1:
            raise places.Unavailable(f"kubernetes: the source is another than expected in {wanted.file}")
        file.write_text(text)
    vendored = source / "vendor" / "github.com" / "modern-go" / "reflect2"
    for old in (*vendored.glob("*.go"), *vendored.glob("*.s")):
        old.unlink()
    for new in (*REFLECT2.glob("*.go"), *REFLECT2.glob("*.s")):
        if not new.name.endswith("_test.go"):
            shutil.copy(new, vendored)


def _compile(source: Path, work: Path) -> None:
    """Compiled where a GOPATH of its own sees it as k8s.io/kubernetes, with nothing to download."""
    inside = work / "go" / "src" / "k8s.io" / "kubernetes"
    inside.parent.mkdir(parents=True)
    inside.symlink_to(source)
    own = {"GOPATH": str(work / "go"), "GOCACHE": str(work / "gocache"), "HOME": str(work), "GOPROXY": "off"}
    own |= {"CGO_ENABLED": "0", "GOFLAGS": "", "PATH": f"{GO}{os.pathsep}{os.environ['PATH']}", "PWD": str(inside)}
    what = " ".join(f"cmd/{name}" for name in kubernetes.PROGRAMS)
    command = ["make", "-C", str(inside), f"WHAT={what}", "GOLDFLAGS=-s -w"]
    if subprocess.run(command, env=os.environ | own, cwd=inside, check=False).returncode:
        raise places.Unavailable("kubernetes: it does not compile")


def _keep(made: Path) -> None:
    partial = kubernetes.binaries().with_suffix(".part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in kubernetes.PROGRAMS:
        shutil.copy(made / name, partial)
    partial.replace(kubernetes.binaries())


def _end(number: int, frame: FrameType | None) -> None:
    """Take the compilers along."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.killpg(0, number)


def main() -> int:
    """Build as politely as the kernel knows; 1 with the reason when it cannot be done."""
    signal.signal(signal.SIGTERM, _end)
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    try:
        build()
    except places.Unavailable as missing:
        packages.say(f"UNAVAILABLE {missing}")
        return 1
    packages.say("kubernetes: built")
    return 0


if __name__ == "__main__":
    sys.exit(main())
