"""Metrics: the `prometheus` kind, a Prometheus server; and the `metrics` kind, an application's own numbers."""

from probes.prometheus.facts import Host, PrometheusFacts, RuleTrouble, ScrapeTarget, Server, ServerAlert
from probes.prometheus.metrics.exposition import Metric
from probes.prometheus.metrics.facts import MetricsFacts
from probes.prometheus.metrics.probe import MetricsProbe, MetricsSettings
from probes.prometheus.probe import PrometheusProbe, PrometheusSettings
from probes.prometheus.tiles import Chart, Row, Tile

__all__ = [
    "Chart",
    "Host",
    "Metric",
    "MetricsFacts",
    "MetricsProbe",
    "MetricsSettings",
    "PrometheusFacts",
    "PrometheusProbe",
    "PrometheusSettings",
    "Row",
    "RuleTrouble",
    "ScrapeTarget",
    "Server",
    "ServerAlert",
    "Tile",
]
