"""What a profile says about the alerts that other systems raise: the procedure to follow, the time to respond.

Their limits stay theirs; what is said here is what to do, and how much it matters to us.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from desk.alert import Alert
from desk.rules import merged
from probes.base import Handling, Severity


@dataclass(frozen=True, slots=True)
class Theirs:
    """What is said about alerts of one name, or of names alike."""

    name: str
    """As they call it; * is any text, ? any letter."""
    target: str | None
    """The target whose alerts are meant; None: any."""
    severity: Severity | None
    """How much it matters; None: as they say."""
    handling: Handling

    def suits(self, alert: Alert) -> bool:
        """True when it speaks of this alert. Large and small letters are the same."""
        named = fnmatchcase(alert.rule.lower(), self.name.lower().replace("[", "[[]"))
        return alert.theirs is not None and self.target in (None, alert.target) and named


def instructed(alert: Alert, entries: Iterable[Theirs]) -> Alert:
    """The alert with what is said about it; of several entries each adds to the ones before."""
    for entry in entries:
        if entry.suits(alert):
            severity = alert.severity if entry.severity is None else entry.severity
            alert = replace(alert, severity=severity, handling=merged(alert.handling, entry.handling))
    return alert
