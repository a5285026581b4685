"""`python -m tests.stack up | down | status`: get the engines ready, end what was started, tell what is there.

`up` installs what is missing, starts the Docker Engine, which test runs share, and leaves Kubernetes building in the
background; with names (`up postgres redis`) it starts those too and prints where they are. It is safe to repeat.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.stack import aws, cacheservers, docker, kubernetes, packages, places, postgres, process, prometheus, systemd
from tests.stack.packages import say

EXTRA: dict[str, Callable[[], str]] = {
    "postgres": lambda: postgres.start(owned=False).url(),
    "redis": lambda: cacheservers.start_redis(owned=False).url,
    "memcached": lambda: f"127.0.0.1:{cacheservers.start_memcached(owned=False).port}",
    "moto": lambda: aws.start_moto(owned=False).url,
    "ministack": lambda: aws.start_ministack(docker.find(), owned=False).url,
    "prometheus": lambda: prometheus.start_prometheus(rules=prometheus.RULES, owned=False).url,
    "alertmanager": lambda: prometheus.start_alertmanager(owned=False).url,
    "kubernetes": lambda: str(kubernetes.keep(docker.start(owned=False)).kubeconfig),
}
"""Engines a person may want by hand; tests start their own."""


def up(names: Sequence[str]) -> int:
    """Prepare everything; the exit code is 1 when an engine cannot be had and CI=true says that all must be there."""
    began = time.monotonic()
    steps: list[Callable[[], None]] = [
        packages.install,
        packages.fetch_compose,
        packages.fetch_rights,
        packages.build_kubernetes,
        packages.build_root,
        _engine,
    ]
    failures = [reason for step in steps if (reason := _reason(step))]
    for name in names:
        say(f"{name}: {EXTRA[name]()}")
    for reason in failures:
        say(f"UNAVAILABLE {reason}")
    say(f"ready in {time.monotonic() - began:.0f} s")
    return 1 if failures and os.environ.get("CI") == "true" else 0


def down() -> int:
    """End what `up` started and what killed test sessions left behind; a session that runs keeps its own."""
    engine = docker.find()
    ended, kept = kubernetes.remove_leftovers(engine)
    say(f"kubernetes: {ended} clusters ended, {kept} in use")
    removed, used = _remove_leftovers(engine) if engine else (0, 0)
    used += kept + docker.in_use()
    say(f"docker: {removed} left containers and networks removed, {used} in use")
    for record in list(process.records()):
        if (record.name == "dockerd" and used) or record.name in kubernetes.names():
            say(f"{record.name}: kept, a test session is using it")
        elif record.ownerless:
            process.stop(record)
            places.remove(Path(record.folder))
            say(f"{record.name}: ended (pid {record.pid})")
    return 0


def status() -> int:
    """One line per engine: where it would come from, and what runs now."""
    engine = docker.find()
    found = {
        "postgres": ", ".join(f"{origin} {postgres.find(origin)}" for origin in postgres.origins()),
        "redis": str(cacheservers.find_redis() or ""),
        "memcached": str(places.program("memcached") or ""),
        "moto": str(aws.find("moto") or ""),
        "ministack": str(aws.find("ministack") or ""),
        "prometheus": str(places.program("prometheus") or ""),
        "alertmanager": str(places.program("prometheus-alertmanager") or ""),
        "node exporter": str(places.program("prometheus-node-exporter") or ""),
        "docker": f"{engine.version} at {engine.url}" if engine else "",
        "kubernetes": _kubernetes(),
        "systemd": str(systemd.root_file_system()) if systemd.root_file_system().exists() else "",
    }
    for name, where in found.items():
        say(f"{name}: {where or 'none'}")
    for record in process.records():
        say(f"running: {record.name}, pid {record.pid}")
    return 0


def _remove_leftovers(engine: docker.Engine) -> tuple[int, int]:
    swept = [docker.remove_leftovers(engine), aws.remove_leftovers(engine)]
    return sum(removed for removed, _ in swept), sum(kept for _, kept in swept)


def _kubernetes() -> str:
    if kubernetes.built():
        return str(kubernetes.binaries())
    return f"is being built, see {kubernetes.build_log()}" if kubernetes.building() else ""


def _engine() -> None:
    engine = docker.start(owned=False)
    say(f"docker: {engine.version} at {engine.url}")
    if not engine.run("images", "-q", systemd.IMAGE).strip():
        systemd.import_image(engine)


def _reason(step: Callable[[], None]) -> str:
    try:
        step()
    except places.Unavailable as missing:
        return str(missing)
    return ""


def main(words: Sequence[str]) -> int:
    """Run one command; 2 for a command there is not."""
    verb, names = (words[0], words[1:]) if words else ("", ())
    if verb == "up" and all(name in EXTRA for name in names):
        return up(names)
    if verb in ("down", "status") and not names:
        return {"down": down, "status": status}[verb]()
    sys.stderr.write(f"usage: python -m tests.stack up [{' '.join(EXTRA)}] | down | status\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
