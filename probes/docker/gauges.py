"""Which numbers of an Engine's services everybody may use, and which are worth a person's attention by default.

Data, and the one function that turns facts into gauges.
"""

from __future__ import annotations

from typing import Final

from probes.base import Capacity, Gauges, GaugeSpec, Rule, SafeText, Severity, Unit
from probes.docker.facts import LOOP, DockerFacts, Service

LABELLED: Final = 100
"""Services that get gauges; the ones in most trouble come first."""

SPECS: Final = (
    GaugeSpec("running", "Replicas of a service that run.", better="high"),
    GaugeSpec("wanted", "Replicas that should run: all but finished tasks and containers never started."),
    GaugeSpec("dead", "Replicas not running, of a service of which none runs, labelled with why.", better="low"),
    GaugeSpec("short", "Replicas not running, of a service of which some run, labelled with why.", better="low"),
    GaugeSpec("unhealthy", "Running replicas whose own check fails.", better="low"),
    GaugeSpec("check_failures", "Failed checks in a row of the replica in most trouble.", better="low"),
    GaugeSpec("paused", "Replicas that are paused.", better="low"),
    GaugeSpec("restarts_total", "Restarts by the restart policy, all replicas.", counter=True, better="low"),
    GaugeSpec("restarts_recent", "Restarts by the restart policy in the last ten minutes.", better="low"),
    GaugeSpec("oom_killed", "Replicas killed for lack of memory, now or in the last ten minutes.", better="low"),
    GaugeSpec("cpu_ratio", "Cpu of all replicas; 1 is one core fully used.", Unit.RATIO, capacity=Capacity.LOAD),
    GaugeSpec("memory_bytes", "Memory of all replicas, without cache that could be given back.", Unit.BYTES),
    GaugeSpec(
        "memory_ratio",
        "Greatest share of its own memory limit that a replica uses.",
        Unit.RATIO,
        better="low",
        capacity=Capacity.USED,
    ),
    GaugeSpec("image_outdated", "Running replicas that don't run the image its name means now.", better="low"),
    GaugeSpec("containers", "Containers there are."),
    GaugeSpec("containers_running", "Containers that run.", better="high"),
)

RULES: Final = (
    Rule(
        name="dead", gauge="dead", op=">", threshold=0, severity=Severity.CRITICAL, consecutive=2,
        say="{service}: none of {replicas} running, {how}",
    ),
    Rule(
        name="short", gauge="short", op=">", threshold=0, severity=Severity.WARNING, consecutive=2,
        say="{service}: {value} of {replicas} not running, {how}",
    ),
    Rule(
        name="unhealthy", gauge="unhealthy", op=">", threshold=0, severity=Severity.CRITICAL,
        say="{service}: {value} of {running} running unhealthy, {check_failures:failed check} in a row",
    ),
    Rule(
        name="restarted", gauge="restarts_recent", op=">", threshold=0, severity=Severity.NOTICE,
        say="{service}: restarted itself {value:time} in the last 10 min",
    ),
    Rule(
        name="restart-loop", gauge="restarts_recent", op=">=", threshold=LOOP, severity=Severity.CRITICAL,
        say="{service}: dies and restarts again and again, {value} times in 10 min",
    ),
    Rule(
        name="out-of-memory", gauge="oom_killed", op=">", threshold=0, severity=Severity.CRITICAL,
        say="{service}: killed for lack of memory ({value} in the last 10 min)",
    ),
    Rule(
        name="memory", gauge="memory_ratio", op=">", threshold=0.9, severity=Severity.WARNING, clear=0.85, hold=10,
        say="{service}: memory at {value} of its limit, {memory_bytes} used; beyond it the kernel kills it",
    ),
    Rule(
        name="image-outdated", gauge="image_outdated", op=">", threshold=0, severity=Severity.NOTICE, hold=600,
        say="{service}: {value} of {running} still run the image from before the last pull or build; deploy applies it",
    ),
    Rule(
        name="paused", gauge="paused", op=">", threshold=0, severity=Severity.WARNING, hold=60,
        say="{service}: {value} paused, it answers nobody until it is resumed",
    ),
)  # fmt: skip


def measured(facts: DockerFacts) -> Gauges:
    """The gauges of a reading."""
    gauges = Gauges()
    for service in facts.services[:LABELLED]:
        _life(gauges, service)
        _trouble(gauges, service)
        _use(gauges, service)
    gauges.put("containers", facts.total)
    gauges.put("containers_running", facts.total_running)
    return gauges


def _life(gauges: Gauges, service: Service) -> None:
    gauges.put("running", service.running, service=service.name)
    gauges.put("wanted", service.wanted, service=service.name)
    if service.missing and not service.looping:
        name = "short" if service.running else "dead"
        gauges.put(name, service.missing, service=service.name, replicas=str(service.wanted), how=how(service))


def how(service: Service) -> str:
    """Why replicas are missing, in a few words that don't change from reading to reading."""
    worst = service.worst
    why = worst.why if worst.why != worst.word else ""
    return str(SafeText(", ".join(part for part in (worst.word, why) if part), 120))


def _trouble(gauges: Gauges, service: Service) -> None:
    members = service.members
    gauges.put("unhealthy", service.unhealthy, service=service.name)
    if service.unhealthy and service.worst.health is not None:
        gauges.put("check_failures", service.worst.health.failures, service=service.name)
    gauges.put("paused", sum(one.state == "paused" for one in members), service=service.name)
    gauges.put("oom_killed", sum(one.oom_recent for one in members), service=service.name)
    gauges.put("restarts_total", service.restarts, service=service.name)
    gauges.put("restarts_recent", service.restarts_recent, service=service.name)


def _use(gauges: Gauges, service: Service) -> None:
    gauges.put("image_outdated", service.outdated, service=service.name)
    gauges.put("cpu_ratio", service.cpu, service=service.name)
    gauges.put("memory_bytes", service.memory, service=service.name)
    gauges.put("memory_ratio", service.memory_ratio, service=service.name)
