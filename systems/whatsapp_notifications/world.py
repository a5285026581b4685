"""What runs in the WhatsApp notifications system's world, told to the process manager."""

from __future__ import annotations

from systems.programs import Programs, manage
from systems.stage import Plan


def prepare(plan: Plan) -> list[str]:
    """Write the configuration and return the command of the process manager."""
    return manage(plan.folder, configuration(plan))


def configuration(plan: Plan) -> str:
    """The process manager's configuration."""
    ports, programs = plan.ports, Programs(plan)
    programs.postgres(ports["postgres"])
    programs.redis(ports["redis"])
    where = (ports[name] for name in ("postgres", "redis", "web", "cloud", "vendors"))
    programs.add("platform", "whatsapp_notifications.platform", *where, int(plan.faults))
    return programs.text()
