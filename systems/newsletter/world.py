"""What runs in the newsletter's world, told to the process manager."""

from __future__ import annotations

from systems.newsletter.place import KEYS, let_in, new_key
from systems.programs import Programs, manage
from systems.stage import Plan

WORKERS = 5
"""Places for workers; the first two run from the start, the others wait to be needed."""

RUNNING = 2

STAYS_DOWN = "autorestart=false"
"""So that somebody has to start what was killed."""


def prepare(plan: Plan) -> list[str]:
    """Write the keys and the configuration, and return the command of the process manager."""
    for name in KEYS:
        let_in(plan.folder, name, new_key())
    return manage(plan.folder, configuration(plan))


def configuration(plan: Plan) -> str:
    """The process manager's configuration."""
    ports, programs = plan.ports, Programs(plan)
    programs.postgres(ports["postgres"])
    programs.redis(ports["redis"], STAYS_DOWN)
    where = ports["postgres"], ports["redis"], ports["web"]
    programs.add("newsletter-app", "newsletter.application", *where, more=STAYS_DOWN)
    names = [f"worker-{number}" for number in range(1, WORKERS + 1)]
    for number, name in enumerate(names, 1):
        start = "true" if number <= RUNNING else "false"
        programs.add(name, "newsletter.worker", *where, number, more=f"autostart={start}\n{STAYS_DOWN}")
    programs.group("worker", names)
    programs.add("traffic", "newsletter.traffic", *where, int(plan.faults))
    return programs.text()
