"""Saved SQL: named, read-only queries of a profile, each with a number, rows, limits and an age."""

from probes.postgres.saved.facts import Row, SavedQuery, SqlFacts
from probes.postgres.saved.probe import SqlProbe
from probes.postgres.saved.settings import QuerySettings, SqlSettings

__all__ = ["QuerySettings", "Row", "SavedQuery", "SqlFacts", "SqlProbe", "SqlSettings"]
