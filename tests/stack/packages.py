"""What `tests/stack/up` installs and fetches: Debian packages, the Compose plugin and the systemd root file system.

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

from tests.stack import docker, places, postgres, systemd

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
        Wanted("redis-server", programs("redis-server", "valkey-server") is not None),
        Wanted("memcached", programs("memcached") is not None),
        Wanted("docker.io", docker.find() is not None or bool(programs("docker") and programs("dockerd"))),
        Wanted("iptables", docker.find() is not None or programs("iptables") is not None),
        Wanted("busybox-static", programs("busybox") is not None),
        Wanted("mmdebstrap", systemd.root_file_system().exists() or programs("mmdebstrap") is not None),
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
        _apt("update")
        _apt("install", "-y", "--no-install-recommends", *missing)


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
    sources = work / "sources.list"
    sources.write_text(f"deb {mirror()} {COMPOSE_SUITE} main\n")
    for folder in ("lists", "cache"):
        (work / folder).mkdir()
    own = ["-o", f"Dir::State::Lists={work}/lists", "-o", f"Dir::Cache={work}/cache"]
    own += ["-o", f"Dir::Etc::SourceList={sources}", "-o", "Dir::Etc::SourceParts=/dev/null"]
    own += ["-o", "APT::Sandbox::User=root"]
    _apt(*own, "update")
    _apt(*own, "download", "docker-compose", folder=work)
    _call(["dpkg", "-x", str(next(work.glob("docker-compose_*.deb"))), str(work / "tree")])
    plugin = places.cache() / "docker-config" / "cli-plugins" / "docker-compose"
    plugin.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(work / "tree" / "usr" / "libexec" / "docker" / "cli-plugins" / "docker-compose", plugin)


def _may_fetch(what: str) -> None:
    if os.getuid() != 0 or places.program("apt-get") is None:
        raise places.Unavailable(f"{what}: only root on Debian can fetch it")


def _apt(*words: str, folder: Path | None = None) -> None:
    _call([*APT, *words], folder)


def _call(command: Sequence[str], folder: Path | None = None) -> str:
    """Run a command; its complaint becomes the reason an engine is unavailable."""
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    done = subprocess.run(command, cwd=folder, env=quiet, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise places.Unavailable(f"{command[0]}: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout
