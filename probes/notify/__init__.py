"""Telling people through other systems: a webhook, Slack, PagerDuty. What is sent is sent by `probes.notify.send`."""
