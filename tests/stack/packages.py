"""What `tests/stack/up` installs and fetches: Debian packages, the Compose plugin, Kubernetes, systemd's root.

Only what is missing, only as root on Debian, only through apt and its signatures. Fixtures never come here: a test run
downloads nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.stack import docker, kubernetes, kubesettings, pgbouncer, places, postgres, process, systemd

SUITE = "bookworm"
"""Debian's release inside the systemd container: a known systemd (252)."""

COMPOSE_SUITE = "trixie"
"""The first Debian release with Compose v2; the plugin needs only libc."""

APT = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=300")


class Wanted(NamedTuple):
    """A Debian package, and whether what it brings is here already."""

    package: str
    present: bool


def say(text: str) -> None:
    """One line of progress."""
    sys.stdout.write(f"stack: {text}\n")
    sys.stdout.flush()


def wanted() -> tuple[Wanted, ...]:
    """Every package the engines need, in the order of the engines."""
    programs = places.program
    return (
        Wanted("postgresql", postgres.find("system") is not None),
        Wanted("pgbouncer", pgbouncer.find() is not None),
        Wanted("redis-server", programs("redis-server", "valkey-server") is not None),
        Wanted("memcached", programs("memcached") is not None),
        Wanted("prometheus", programs("prometheus") is not None),
        Wanted("prometheus-alertmanager", programs("prometheus-alertmanager") is not None),
        Wanted("prometheus-node-exporter", programs("prometheus-node-exporter") is not None),
        *(Wanted(package, kubernetes.built() or present) for package, present in _kubernetes_source()),
        Wanted("etcd-server", programs("etcd") is not None),
        Wanted("kubernetes-client", programs("kubectl") is not None),
        Wanted("containernetworking-plugins", (kubesettings.NETWORKING / "bridge").exists()),
        Wanted("iproute2", programs("ip") is not None),
        Wanted("openssl", programs("openssl") is not None),
        Wanted("openssh-server", programs("sshd") is not None),
        Wanted("openssh-client", programs("ssh") is not None),
        Wanted("docker.io", docker.find() is not None or bool(programs("docker") and programs("dockerd"))),
        Wanted("iptables", docker.find() is not None or programs("iptables") is not None),
        Wanted("busybox-static", programs("busybox") is not None),
        Wanted("logrotate", programs("logrotate") is not None),
        Wanted("strace", programs("strace") is not None),
        Wanted("nodejs", programs("node", "nodejs") is not None),
        Wanted("npm", programs("npm") is not None),
        Wanted("curl", programs("curl") is not None),
        Wanted("chromium", programs("chromium") is not None),
        Wanted("mmdebstrap", systemd.root_file_system().exists() or programs("mmdebstrap") is not None),
    )


def _kubernetes_source() -> tuple[Wanted, ...]:
    """What compiling Kubernetes takes."""
    programs = places.program
    return (
        Wanted("golang-1.19-go", Path("/usr/lib/go-1.19/bin/go").exists()),
        Wanted(
            "golang-github-modern-go-reflect2-dev", Path("/usr/share/gocode/src/github.com/modern-go/reflect2").exists()
        ),
        Wanted("rsync", programs("rsync") is not None),
        Wanted("make", programs("make") is not None),
        Wanted("dpkg-dev", programs("dpkg-source") is not None),
    )


def install() -> None:
    """Install the missing packages in one go; says so when it may not."""
    missing = [item.package for item in wanted() if not item.present]
    if not missing:
        say("packages: all there")
    elif os.getuid() != 0 or places.program("apt-get") is None:
        say(f"packages: missing {', '.join(missing)}; only root on Debian can install them")
    else:
        say(f"packages: installing {', '.join(missing)}")
        apt("update")
        apt("install", "-y", "--no-install-recommends", *missing)


RIGHTS = (
    "sudo", "polkitd", "libpolkit-agent-1-0", "libpolkit-gobject-1-0", "libduktape207", "libexpat1", "libglib2.0-0",
    "sgml-base", "xml-core",
)  # fmt: skip
"""What sudo and polkit need in the systemd container, which has neither."""


def fetch_rights() -> None:
    """Keep the packages of sudo and polkit in the cache, for the systemd container."""
    folder = places.cache() / "rights"
    if any(folder.glob("*.deb")) or os.getuid() != 0 or places.program("apt-get") is None:
        return
    say("sudo and polkit: fetching their packages for the systemd container")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        apt("download", *RIGHTS, folder=folder)
    except places.Unavailable:  # the lists are missing or old
        apt("update")
        apt("download", *RIGHTS, folder=folder)


def fetch_compose() -> None:
    """Unpack the Compose v2 plugin into the cache, unless `docker compose` works already."""
    if places.program("docker") is None or _compose_works():
        return
    _may_fetch("docker compose")
    say(f"docker compose: fetching Debian's plugin from {COMPOSE_SUITE} (5 s)")
    work = places.new_folder("compose")
    try:
        _unpack_compose(work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def build_root() -> None:
    """Build the root file system with systemd in it (20 to 70 s), once per recipe."""
    archive = systemd.root_file_system()
    if archive.exists():
        return
    _may_fetch("systemd")
    say("systemd: building a root file system (about a minute, once)")
    partial = archive.with_suffix(".part.tar")
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", "--include=systemd-sysv,dbus,procps"]
    _call([*command, SUITE, str(partial), mirror()])
    partial.replace(archive)


def build_kubernetes() -> None:
    """Start building Kubernetes in the background, once per recipe; the first test that wants it waits for it."""
    if kubernetes.built():
        return
    _may_fetch("kubernetes")
    if kubernetes.building():
        say("kubernetes: is being built already")
        return
    say("kubernetes: building it in the background (five minutes, once)")
    argv = [sys.executable, "-m", "tests.stack.kubebuild"]
    log = kubernetes.build_log()
    log.unlink(missing_ok=True)
    env = os.environ | {"PYTHONPATH": str(places.HERE.parent.parent)}
    process.start(kubernetes.BUILD, argv, log=log, ready=lambda: True, env=env, owned=False)


def mirror() -> str:
    """The archive this machine installs from: the new root and the plugin come from the same place."""
    told = _call(["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Identifier: Packages"])
    found = [uri for release, _, uri in (line.partition(" ") for line in told.splitlines()) if release == SUITE]
    return found[0] if found else "http://deb.debian.org/debian"


def _compose_works() -> bool:
    command = [str(places.program("docker")), "compose", "version"]
    done = subprocess.run(command, env=docker.environment(), capture_output=True, timeout=20, check=False)
    return done.returncode == 0


def _unpack_compose(work: Path) -> None:
    apt(*other_suite(work, f"deb {mirror()} {COMPOSE_SUITE} main"), "update")
    apt(*other_suite(work), "download", "docker-compose", folder=work)
    _call(["dpkg", "-x", str(next(work.glob("docker-compose_*.deb"))), str(work / "tree")])
    plugin = places.cache() / "docker-config" / "cli-plugins" / "docker-compose"
    plugin.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(work / "tree" / "usr" / "libexec" / "docker" / "cli-plugins" / "docker-compose", plugin)


def other_suite(work: Path, line: str = "") -> tuple[str, ...]:
    """apt's options for lists of our own in `work`; `line` writes what they are, once."""
    sources = work / "sources.list"
    if line:
        sources.write_text(f"{line}\n")
    for folder in ("lists", "cache"):
        (work / folder).mkdir(exist_ok=True)
    settings = {
        "Dir::State::Lists": work / "lists",
        "Dir::Cache": work / "cache",
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "/dev/null",
        "APT::Sandbox::User": "root",
    }
    return tuple(part for name, value in settings.items() for part in ("-o", f"{name}={value}"))


def _may_fetch(what: str) -> None:
    if os.getuid() != 0 or places.program("apt-get") is None:
        raise places.Unavailable(f"{what}: only root on Debian can fetch it")


def apt(*words: str, folder: Path | None = None) -> None:
    """Run apt-get; `Unavailable` with its complaint when it fails."""
    _call([*APT, *words], folder)


def _call(command: Sequence[str], folder: Path | None = None) -> str:
    """Run a command; its complaint becomes the reason an engine is unavailable."""
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    done = subprocess.run(command, cwd=folder, env=quiet, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise places.Unavailable(f"{command[0]}: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout
