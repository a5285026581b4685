"""Logs of a machine: files that grow and are rotated, and the journal of systemd."""

from probes.logs.facts import File, Found, LogsFacts, Source, Type
from probes.logs.probe import LogsProbe
from probes.logs.settings import LogsSettings, PatternSetting

__all__ = ["File", "Found", "LogsFacts", "LogsProbe", "LogsSettings", "PatternSetting", "Source", "Type"]
