"""Amazon CloudWatch: its alarms, and the metrics a team has chosen to see beside them."""

from probes.aws.cloudwatch.facts import Alarm, AlarmState, CloudWatchFacts, Dashboard, Tile
from probes.aws.cloudwatch.probe import CloudWatchProbe
from probes.aws.cloudwatch.settings import CloudWatchSettings, MetricSetting

__all__ = [
    "Alarm",
    "AlarmState",
    "CloudWatchFacts",
    "CloudWatchProbe",
    "CloudWatchSettings",
    "Dashboard",
    "MetricSetting",
    "Tile",
]
