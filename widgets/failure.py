"""Why something that a person asked for was not done or not shown, in their words.

The code of a cause and the state it puts a target in are for panels, scripts and the audit. A plan or a look that can't
be had says its message alone: "the policy is noeviction already" is neither DOWN nor gone.
"""

from __future__ import annotations

from typing import Final

from probes.base import Cause, ProbeError, Severity
from widgets.lines import Line, dim, line, sign

_ANSWERS: Final = frozenset({Cause.GONE, Cause.MISSING, Cause.VERSION, Cause.TOO_BIG})
"""Causes that are an answer: nothing is broken, it is only not to be had."""


def sorry(error: ProbeError) -> list[Line]:
    """What went wrong, and what can be done about it."""
    severity = Severity.NOTICE if error.cause in _ANSWERS else Severity.CRITICAL
    lines = [line("  ", sign(severity), " ", error.message)]
    return lines + ([line("    ", dim(error.hint))] if str(error.hint) else [])
