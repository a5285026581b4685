"""What runs in the world of insta-connect, told to the process manager."""

from __future__ import annotations

import secrets
import shlex
import sys
from pathlib import Path

from systems.insta_connect.place import Place
from systems.programs import Programs, manage
from systems.stage import Plan

SERVICES = {"insta-connect-app": "application", "token-refresh": "refresh", "webhook-processor": "processor"}
"""The system's own services, and the module of each. Whoever is killed stays down until somebody starts it."""

_RETRY = """#!/bin/sh
# Hands failed webhook events to the processor once more: an id, or "all"; "list" only shows them.
PYTHONPATH={home} exec {python} -m systems.insta_connect.retry {folder} {port} "$1"
"""


def prepare(plan: Plan) -> list[str]:
    """Write the configuration and return the command of the process manager."""
    place = Place(plan.folder, *(plan.ports[name] for name in ("postgres", "web", "graph")))
    secret = secrets.token_hex(16)
    for path in (place.secret, place.accepted):
        path.write_text(secret, encoding="utf-8")
        path.chmod(0o600)
    place.backups.mkdir(mode=0o700, exist_ok=True)
    _retry(place)
    return manage(plan.folder, configuration(plan))


def _retry(place: Place) -> None:
    """The script that the runbook names."""
    script = place.folder / "retry-events"
    words = {
        "home": shlex.quote(str(Path(__file__).resolve().parents[2])),
        "python": shlex.quote(sys.executable),
        "folder": shlex.quote(str(place.folder)),
        "port": str(place.postgres),
    }
    script.write_text(_RETRY.format(**words), encoding="utf-8")
    script.chmod(0o700)


def configuration(plan: Plan) -> str:
    """The process manager's configuration."""
    programs = Programs(plan)
    where = plan.ports["postgres"], plan.ports["web"], plan.ports["graph"]
    programs.postgres(where[0], name="postgresql", more="autorestart=false")
    for name, module in SERVICES.items():
        programs.add(name, f"insta_connect.{module}", *where, more="autorestart=false")
    programs.add("graph-api", "insta_connect.graph", *where)
    programs.add("traffic", "insta_connect.traffic", *where, int(plan.faults))
    return programs.text()
