"""Amazon CloudWatch Logs: log groups, what they keep and for how long, and patterns counted in them."""

from probes.aws.cloudwatch_logs.facts import Count, Group, LogsFacts
from probes.aws.cloudwatch_logs.probe import CloudWatchLogsProbe
from probes.aws.cloudwatch_logs.settings import CloudWatchLogsSettings, PatternSetting

__all__ = ["CloudWatchLogsProbe", "CloudWatchLogsSettings", "Count", "Group", "LogsFacts", "PatternSetting"]
