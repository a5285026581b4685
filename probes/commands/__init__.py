"""Commands of a profile's own, for what no kind does natively: fixed argument lists, guarded and recorded."""

from probes.commands.facts import Command, CommandsFacts, Past
from probes.commands.probe import CommandsProbe
from probes.commands.settings import CommandsSettings

__all__ = ["Command", "CommandsFacts", "CommandsProbe", "CommandsSettings", "Past"]
