"""Numbers of commands for rules and history."""

from __future__ import annotations

from typing import Final

from probes.base import Gauges, GaugeSpec, Rule, Severity, Unit
from probes.commands.facts import CommandsFacts
from probes.exec.job import State

SPECS: Final = (
    GaugeSpec("last_exit_code", "Exit code of the last run that is over; negative for a signal."),
    GaugeSpec("last_run_failed", "1 when the last run ended badly, late or without the output expected, else 0."),
    GaugeSpec("last_run_lost", "1 when nobody knows how the last run ended, else 0."),
    GaugeSpec("last_run_seconds", "How long the last run took.", Unit.SECONDS),
    GaugeSpec("last_success_age_seconds", "Time since a run last ended well.", Unit.SECONDS, better="low"),
    GaugeSpec("running_seconds", "How long the run that is under way has lasted; missing when none is.", Unit.SECONDS),
    GaugeSpec("running", "Commands that run now."),
    GaugeSpec("unavailable", "Commands whose program is not installed here.", better="low"),
)
RULES: Final = (
    Rule(
        name="command-failed",
        gauge="last_run_failed",
        op=">=",
        threshold=1,
        severity=Severity.WARNING,
        say="{command}: its last run failed, exit code {last_exit_code}",
    ),
    Rule(
        name="command-lost",
        gauge="last_run_lost",
        op=">=",
        threshold=1,
        severity=Severity.WARNING,
        say="{command}: nobody knows how its last run ended",
    ),
)


def measured(facts: CommandsFacts) -> Gauges:
    """The gauges of a reading; what never ran has none."""
    gauges = Gauges()
    for one in facts.commands:
        last, running, well = one.last, one.running, one.succeeded
        if last is not None:
            gauges.put("last_exit_code", last.code, command=one.name)
            gauges.put("last_run_failed", float(last.failed), command=one.name)
            gauges.put("last_run_lost", float(last.state is State.LOST), command=one.name)
            gauges.put("last_run_seconds", last.took, command=one.name)
        if well is not None:
            gauges.put("last_success_age_seconds", (facts.at - well).total_seconds(), command=one.name)
        if running is not None and running.began is not None:
            gauges.put("running_seconds", (facts.at - running.began).total_seconds(), command=one.name)
    gauges.put("running", sum(one.running is not None for one in facts.commands))
    gauges.put("unavailable", sum(bool(one.missing) for one in facts.commands))
    return gauges
