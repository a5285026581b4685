"""PagerDuty, kind `pagerduty`: open incidents, and who is on call."""

from probes.alerting.pagerduty.facts import Incident, OnCall, PagerDutyFacts
from probes.alerting.pagerduty.probe import PagerDutyProbe
from probes.alerting.pagerduty.settings import PagerDutySettings

__all__ = ["Incident", "OnCall", "PagerDutyFacts", "PagerDutyProbe", "PagerDutySettings"]
