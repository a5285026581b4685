"""The only door to other programs: `run` and `lines` for those we wait for, `job` for those that outlive us."""

from probes.exec.program import LONGEST, Ran, lines, on_terminal, run

__all__ = ["LONGEST", "Ran", "lines", "on_terminal", "run"]
