"""Probes and actuators of CloudWatch and its logs, made for a port on loopback."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from probes.aws.cloudwatch.act import CloudWatchActuator
from probes.aws.cloudwatch.probe import CloudWatchProbe
from probes.aws.cloudwatch.settings import CloudWatchSettings
from probes.aws.cloudwatch_logs.act import CloudWatchLogsActuator
from probes.aws.cloudwatch_logs.probe import CloudWatchLogsProbe
from probes.aws.cloudwatch_logs.settings import CloudWatchLogsSettings
from probes.base import Context, Target
from tests.probes.awswatch import settings
from tests.probes.rigs import TestSecrets


def alarms_of(port: int, **more: Any) -> CloudWatchProbe:
    """A probe of alarms."""
    made = CloudWatchSettings.model_validate(settings(port, **more))
    return CloudWatchProbe(Target("it", "cloudwatch", made), Context(TestSecrets()))


def alarm_hands(port: int, **more: Any) -> CloudWatchActuator:
    """What acts on alarms."""
    made = CloudWatchSettings.model_validate(settings(port, **more))
    return CloudWatchActuator(Target("it", "cloudwatch", made), Context(TestSecrets()))


def logs_of(port: int, now: Callable[[], datetime] | None = None, **more: Any) -> CloudWatchLogsProbe:
    """A probe of log groups."""
    made = CloudWatchLogsSettings.model_validate(settings(port, **more))
    context = Context(TestSecrets(), now=now) if now else Context(TestSecrets())
    return CloudWatchLogsProbe(Target("it", "cloudwatch_logs", made), context)


def log_hands(port: int, **more: Any) -> CloudWatchLogsActuator:
    """What acts on log groups."""
    made = CloudWatchLogsSettings.model_validate(settings(port, **more))
    return CloudWatchLogsActuator(Target("it", "cloudwatch_logs", made), Context(TestSecrets()))
