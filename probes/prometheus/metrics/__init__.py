"""The `metrics` kind: what an application exposes of itself, as Prometheus text, OpenMetrics or JSON."""
