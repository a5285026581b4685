"""A file of KEY=VALUE settings, such as .env: read without its secrets; only `act` changes it."""

from probes.settings.facts import Entry, SettingsFacts, User
from probes.settings.marks import SHORTEST
from probes.settings.probe import SettingsProbe
from probes.settings.settings import FileSettings

__all__ = ["SHORTEST", "Entry", "FileSettings", "SettingsFacts", "SettingsProbe", "User"]
