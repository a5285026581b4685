"""Logs of a machine: files that grow and are rotated, and the journal of systemd."""
