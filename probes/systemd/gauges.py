"""Which numbers of units everybody may use, and which are worth a person's attention by default.

Data, and the one function that turns facts into gauges.
"""

from __future__ import annotations

from typing import Final

from probes.base import Capacity, Gauges, GaugeSpec, Rule, Severity, Unit
from probes.systemd.facts import SystemdFacts
from probes.systemd.facts import Unit as SystemdUnit

LABELLED: Final = 100
"""Units that get gauges."""
_OTHERS: Final = 5
"""Failed units outside the profile that are named."""

SPECS: Final = (
    GaugeSpec("active", "1 when a unit does its work; absent when its state says nothing about that.", better="high"),
    GaugeSpec("failed", "1 when a unit of the profile failed, labelled with why.", better="low"),
    GaugeSpec("down", "1 when a unit of the profile is stopped though it should run.", better="low"),
    GaugeSpec("unusable", "1 when a unit of the profile is not found, masked or can't be loaded.", better="low"),
    GaugeSpec("other_failed", "1 for a failed unit outside the profile, labelled with why.", better="low"),
    GaugeSpec("restarts_total", "Automatic restarts since the last start by request.", counter=True, better="low"),
    GaugeSpec("restarts_recent", "Automatic restarts in the last ten minutes.", better="low"),
    GaugeSpec("memory_bytes", "Memory of the unit's processes.", Unit.BYTES),
    GaugeSpec(
        "memory_ratio", "Share of the unit's own memory limit.", Unit.RATIO, better="low", capacity=Capacity.USED
    ),
    GaugeSpec(
        "cpu_ratio", "Cpu of the unit's processes; 1 is one core fully used.", Unit.RATIO, capacity=Capacity.LOAD
    ),
    GaugeSpec("tasks", "Processes and threads of the unit."),
    GaugeSpec("age_seconds", "Time in the present state.", Unit.SECONDS),
    GaugeSpec("failed_units", "Failed units of the whole machine.", better="low"),
)

RULES: Final = (
    Rule(
        name="failed", gauge="failed", op=">", threshold=0, severity=Severity.CRITICAL,
        say="{unit} failed: {how}",
    ),
    Rule(
        name="down", gauge="down", op=">", threshold=0, severity=Severity.CRITICAL, consecutive=2,
        say="{unit} does not run: {how}",
    ),
    Rule(
        name="unusable", gauge="unusable", op=">", threshold=0, severity=Severity.WARNING,
        say="{unit}: {how}",
    ),
    Rule(
        name="restarted", gauge="restarts_recent", op=">", threshold=0, severity=Severity.NOTICE,
        say="{unit} died and was restarted {value:time} in the last 10 min",
    ),
    Rule(
        name="restart-loop", gauge="restarts_recent", op=">=", threshold=3, severity=Severity.CRITICAL,
        say="{unit} dies and restarts again and again, {value} times in 10 min",
    ),
    Rule(
        name="memory", gauge="memory_ratio", op=">", threshold=0.9, severity=Severity.WARNING, clear=0.85, hold=10,
        say="{unit}: memory at {value} of its limit, {memory_bytes} used",
    ),
    Rule(
        name="other-failed", gauge="other_failed", op=">", threshold=0, severity=Severity.WARNING,
        say="{unit} failed on this machine: {how}",
    ),
)  # fmt: skip


def measured(facts: SystemdFacts) -> Gauges:
    """The gauges of a reading."""
    gauges = Gauges()
    gauges.put("failed_units", facts.failed)
    for unit in [unit for unit in facts.units if unit.asked][:LABELLED]:
        _state(gauges, unit)
        _use(gauges, unit)
    for unit in [unit for unit in facts.units if not unit.asked and unit.failed][:_OTHERS]:
        gauges.put("other_failed", 1, unit=unit.id, how=how(unit))
    return gauges


def how(unit: SystemdUnit) -> str:
    """Why a unit does not work, in words that don't change from reading to reading."""
    return unit.why or unit.word


def _state(gauges: Gauges, unit: SystemdUnit) -> None:
    runs = unit.runs
    if runs is not None:
        gauges.put("active", int(runs), unit=unit.id)
    if unit.failed and unit.usable:
        gauges.put("failed", 1, unit=unit.id, how=how(unit))
    elif not unit.usable:
        gauges.put("unusable", 1, unit=unit.id, how=how(unit))
    elif unit.active == "inactive" and runs is False:
        gauges.put("down", 1, unit=unit.id, how=how(unit))
    gauges.put("restarts_total", unit.restarts, unit=unit.id)
    gauges.put("restarts_recent", unit.restarts_recent, unit=unit.id)


def _use(gauges: Gauges, unit: SystemdUnit) -> None:
    gauges.put("memory_bytes", unit.memory, unit=unit.id)
    if unit.memory is not None and unit.memory_limit:
        gauges.put("memory_ratio", unit.memory / unit.memory_limit, unit=unit.id)
    gauges.put("cpu_ratio", unit.cpu, unit=unit.id)
    gauges.put("tasks", unit.tasks, unit=unit.id)
    gauges.put("age_seconds", unit.age, unit=unit.id)
