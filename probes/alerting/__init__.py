"""Alerts and silences: an Alertmanager (kind `alertmanager`), and a Grafana with its own (kind `grafana`)."""
