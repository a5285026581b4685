"""What runs in this world, told to the process manager."""

from __future__ import annotations

from systems.programs import Programs, manage
from systems.social_live.place import PORTS
from systems.stage import Plan


def prepare(plan: Plan) -> list[str]:
    """Write the configuration and return the command of the process manager."""
    return manage(plan.folder, configuration(plan))


def configuration(plan: Plan) -> str:
    """The process manager's configuration."""
    ports, programs = plan.ports, Programs(plan)
    programs.postgres(ports["postgres"], "max_connections=40")
    programs.redis(ports["redis"])
    programs.add("cluster", "social_live.cluster", *(ports[name] for name in PORTS), int(plan.faults))
    return programs.text()
