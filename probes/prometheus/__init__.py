"""Metrics: the `prometheus` kind, a Prometheus server; and the `metrics` kind, an application's own numbers."""
