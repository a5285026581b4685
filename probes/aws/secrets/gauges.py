"""Which numbers of secrets everybody may use, and which are worth a person's attention by default."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from probes.aws.secrets.facts import SecretsFacts
from probes.base import Gauges, GaugeSpec, Missing, Rule, Severity, Unit

LABELLED: Final = 100
"""Secrets that get gauges, the worst first."""

SPECS: Final = (
    GaugeSpec("secrets", "Secrets that are watched."),
    GaugeSpec("deletion", "1 when a secret is marked for deletion.", better="low"),
    GaugeSpec("deletion_in_seconds", "Time until a marked secret is gone for good.", Unit.SECONDS, better="high"),
    GaugeSpec("rotation_overdue_seconds", "Time that a rotation is late.", Unit.SECONDS, better="low"),
    GaugeSpec("pending_seconds", "Time that a version has been AWSPENDING.", Unit.SECONDS, better="low"),
    GaugeSpec("unchanged_seconds", "Time since a secret was last changed in any way.", Unit.SECONDS),
    GaugeSpec("missing", "1 when there is no such secret.", better="low"),
)

RULES: Final = (
    Rule(
        name="marked-for-deletion", gauge="deletion", op=">", threshold=0, severity=Severity.CRITICAL,
        missing=Missing.CLEAR,
        say="{secret} is marked for deletion: nobody can read it any more",
    ),
    Rule(
        name="rotation-unfinished", gauge="pending_seconds", op=">", threshold=3600, severity=Severity.WARNING,
        missing=Missing.CLEAR,
        say="{secret}: a rotation has not ended for {value}, its version is still AWSPENDING",
    ),
    Rule(
        name="rotation-overdue", gauge="rotation_overdue_seconds", op=">", threshold=86400, severity=Severity.WARNING,
        missing=Missing.CLEAR,
        say="{secret}: its rotation is {value} late",
    ),
    Rule(
        name="missing", gauge="missing", op=">", threshold=0, severity=Severity.WARNING, missing=Missing.CLEAR,
        say="there is no secret {secret}: check the name, account and region",
    ),
)  # fmt: skip


def measured(facts: SecretsFacts, now: datetime) -> Gauges:
    """The gauges of a reading."""
    gauges = Gauges()
    gauges.put("secrets", len(facts.secrets))
    for one in facts.secrets[:LABELLED]:
        name = one.name
        gauges.put("missing", 1 if one.missing else None, secret=name)
        gauges.put("deletion", 1 if one.deleted is not None else None, secret=name)
        left = (one.deleted - now).total_seconds() if one.deleted is not None else None
        gauges.put("deletion_in_seconds", left if left is not None and left > 0 else None, secret=name)
        gauges.put("rotation_overdue_seconds", one.overdue, secret=name)
        gauges.put("pending_seconds", one.pending, secret=name)
        age = (now - one.changed).total_seconds() if one.changed is not None else None
        gauges.put("unchanged_seconds", age if age is not None and age >= 0 else None, secret=name)
    return gauges
