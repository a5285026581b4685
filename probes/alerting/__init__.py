"""Alerts and silences: an Alertmanager (kind `alertmanager`), and a Grafana with its own (kind `grafana`)."""

from probes.alerting.alertmanager import AlertmanagerProbe, AlertmanagerSettings
from probes.alerting.facts import (
    Alert,
    AlertmanagerFacts,
    AlertsFacts,
    Dashboard,
    DataSource,
    Fired,
    GrafanaFacts,
    RuleState,
    Silence,
)
from probes.alerting.grafana import GrafanaProbe, GrafanaSettings

__all__ = [
    "Alert",
    "AlertmanagerFacts",
    "AlertmanagerProbe",
    "AlertmanagerSettings",
    "AlertsFacts",
    "Dashboard",
    "DataSource",
    "Fired",
    "GrafanaFacts",
    "GrafanaProbe",
    "GrafanaSettings",
    "RuleState",
    "Silence",
]
