"""Telling people about alerts: at least once, in order, and never twice for one change once it was told."""
