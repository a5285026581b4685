"""Which numbers of a file of settings everybody may use, and which are worth a person's attention."""

from __future__ import annotations

from typing import Final

from probes.base import Gauges, GaugeSpec, Rule, Severity, Unit
from probes.settings.facts import SettingsFacts

SPECS: Final = (
    GaugeSpec("keys", "Keys in the file."),
    GaugeSpec("missing", "Keys of its example that it does not have.", better="low"),
    GaugeSpec("duplicates", "Keys that stand in it more than once.", better="low"),
    GaugeSpec("malformed", "Lines that are no setting.", better="low"),
    GaugeSpec("not_applied", "Keys of which a container that uses it has another value.", better="low"),
    GaugeSpec("open_to_all", "1 when every user of the machine can read a secret in it.", better="low"),
    GaugeSpec("in_git", "1 when it holds secrets and is kept in git.", better="low"),
    GaugeSpec(
        "leftovers", "New files beside it, with its values, that killed sessions have left behind.", better="low"
    ),
    GaugeSpec("changed_age_seconds", "Time since it was last changed.", Unit.SECONDS),
)

RULES: Final = (
    Rule(
        name="open-to-all", gauge="open_to_all", op=">", threshold=0, severity=Severity.WARNING,
        say="every user of this machine can read its secrets: chmod o-r",
    ),
    Rule(
        name="not-applied", gauge="not_applied", op=">", threshold=0, severity=Severity.WARNING, hold=120,
        say="{value} changed and not applied: what runs has another value until it is made new",
    ),
    Rule(
        name="missing-keys", gauge="missing", op=">", threshold=0, severity=Severity.WARNING,
        say="keys of its example that are missing: {value}",
    ),
    Rule(
        name="duplicate-keys", gauge="duplicates", op=">", threshold=0, severity=Severity.NOTICE,
        say="keys that stand in it twice, of which the last counts: {value}",
    ),
    Rule(
        name="malformed", gauge="malformed", op=">", threshold=0, severity=Severity.WARNING,
        say="{value:line} can't be read as a setting",
    ),
    Rule(
        name="leftovers", gauge="leftovers", op=">", threshold=0, severity=Severity.WARNING,
        say="a killed session left its secrets beside it ({value}): sweep takes them away",
    ),
    Rule(
        name="in-git", gauge="in_git", op=">", threshold=0, severity=Severity.WARNING,
        say="it holds secrets and is kept in git: they are in its history",
    ),
)  # fmt: skip


def measured(facts: SettingsFacts, age: float | None) -> Gauges:
    """The gauges of a reading; `age` is the seconds since the file was changed."""
    gauges = Gauges()
    gauges.put("keys", len(facts.entries))
    gauges.put("missing", len(facts.missing) if facts.example else None)
    gauges.put("duplicates", facts.twice)
    gauges.put("malformed", len(facts.bad))
    gauges.put("not_applied", len(facts.unapplied) if facts.looked else None)
    gauges.put("open_to_all", float(bool(facts.secrets) and bool(facts.mode & 0o004)))
    gauges.put("in_git", None if facts.tracked is None else float(facts.tracked and bool(facts.secrets)))
    gauges.put("leftovers", len(facts.left))
    gauges.put("changed_age_seconds", age)
    return gauges
