"""The numbers a supervisord gives and the rules that stand on them by default."""

from __future__ import annotations

from typing import Final

from probes.base import Capacity, Gauges, GaugeSpec, Rule, Severity, Unit
from probes.supervisor.facts import Service, SupervisorFacts

MEBIBYTE: Final = float(1 << 20)

SPECS: Final = (
    GaugeSpec("running", "Processes of a service that run.", better="high"),
    GaugeSpec("wanted", "Processes of a service that should run: not stopped, not finished, started at least once."),
    GaugeSpec("dead", "Processes of a service that should run and do not.", better="low"),
    GaugeSpec("dead_process", "1 for a process that should run and does not, with how it died.", better="low"),
    GaugeSpec("restarts_total", "Starts of a service's processes seen since we watch, after the first.", counter=True,
              better="low"),
    GaugeSpec("restarts_recent", "Those within the last ten minutes.", better="low"),
    GaugeSpec("uptime_seconds", "How long the youngest process of a service has run.", Unit.SECONDS),
    GaugeSpec("memory_bytes", "Resident memory of a service, children included; shared pages count for each.",
              Unit.BYTES, better="low", capacity=Capacity.SIZE),
    GaugeSpec("memory_growth_bytes_per_second", "How fast that grew in the last 20 s, after the first 15 s of life.",
              Unit.BYTES_PER_SECOND, better="low"),
    GaugeSpec("cpu_ratio", "Cores a service uses; 1 is one whole core.", Unit.RATIO, better="low"),
    GaugeSpec("processes", "Processes supervisord knows."),
)  # fmt: skip

RULES: Final = (
    Rule(
        name="dead",
        gauge="dead",
        op=">",
        threshold=0.0,
        severity=Severity.CRITICAL,
        say="{service}: {running} of {wanted} running, {value} dead",
    ),
    Rule(
        name="restart-loop",
        gauge="restarts_recent",
        op=">=",
        threshold=3.0,
        severity=Severity.WARNING,
        say="{service} restarted {value} times in 10 min, now {running} of {wanted} running",
    ),
    Rule(
        name="memory-grows",
        gauge="memory_growth_bytes_per_second",
        op=">",
        threshold=MEBIBYTE,
        clear=MEBIBYTE / 4,
        hold=5.0,
        severity=Severity.WARNING,
        say="{service}: memory grows {value}, now {memory_bytes}",
    ),
)

_NAMED: Final = 5
"""Dead processes named in gauges at most."""


def measured(facts: SupervisorFacts) -> Gauges:
    """The gauges of one reading."""
    gauges = Gauges()
    for service in facts.services:
        _put_service(gauges, service)
    for one in [one for one in facts.processes if one.dead][:_NAMED]:
        gauges.put("dead_process", 1.0, process=one.key, service=one.group, why=one.died or one.word)
    gauges.put("processes", len(facts.processes) + facts.more)
    return gauges


def _put_service(gauges: Gauges, service: Service) -> None:
    name = service.name
    gauges.put("running", service.running, service=name)
    gauges.put("wanted", service.wanted, service=name)
    gauges.put("dead", service.dead, service=name)
    gauges.put("restarts_total", service.restarts, service=name)
    gauges.put("restarts_recent", service.restarts_recent, service=name)
    gauges.put("uptime_seconds", service.up, service=name)
    gauges.put("memory_bytes", service.memory, service=name)
    gauges.put("memory_growth_bytes_per_second", service.growth, service=name)
    gauges.put("cpu_ratio", service.cpu, service=name)
