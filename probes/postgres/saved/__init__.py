"""Saved SQL: named, read-only queries of a profile, each with a number, rows, limits and an age."""
