"""Runs of procedures: what was done, seen and decided at each step, by whom, and how it ended."""
