"""Sentry, kind `sentry`: the unresolved issues of an organisation's projects."""

from probes.alerting.sentry.facts import Issue, SentryFacts
from probes.alerting.sentry.probe import SentryProbe
from probes.alerting.sentry.settings import SentrySettings

__all__ = ["Issue", "SentryFacts", "SentryProbe", "SentrySettings"]
