"""The only door to other programs: `run` and `lines` for those we wait for, `job` for those that outlive us, `ssh` for
those of other machines."""

from probes.exec.program import LONGEST, Ran, attached, lines, on_terminal, run

__all__ = ["LONGEST", "Ran", "attached", "lines", "on_terminal", "run"]
