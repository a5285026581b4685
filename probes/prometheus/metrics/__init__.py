"""The `metrics` kind: what an application exposes of itself, as Prometheus text, OpenMetrics or JSON."""

from probes.prometheus.metrics.facts import MetricsFacts
from probes.prometheus.metrics.probe import MetricsProbe, MetricsSettings

__all__ = ["MetricsFacts", "MetricsProbe", "MetricsSettings"]
