"""What runs in the social analytics system's world, told to the process manager."""

from __future__ import annotations

from systems.programs import Programs, manage
from systems.social_analytics.place import SESSIONS
from systems.stage import Plan


def prepare(plan: Plan) -> list[str]:
    """Write the configuration and return the command of the process manager."""
    return manage(plan.folder, configuration(plan))


def configuration(plan: Plan) -> str:
    """The process manager's configuration."""
    ports, programs = plan.ports, Programs(plan)
    programs.postgres(ports["postgres"], f"max_connections={SESSIONS}")
    programs.redis(ports["redis"])
    where = ports["postgres"], ports["redis"], ports["web"], ports["cloud"]
    programs.add("platform", "social_analytics.platform", *where, int(plan.faults))
    return programs.text()
