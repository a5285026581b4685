"""Which numbers of queues everybody may use, and which are worth a person's attention by default.

The rules about one queue all look at `waiting`, so that of several only the worst speaks.
"""

from __future__ import annotations

from typing import Final

from probes.base import Capacity, Gauges, GaugeSpec, Missing, Rule, Severity, Unit
from probes.redis.queues.facts import Queue as OneQueue
from probes.redis.queues.facts import QueuesFacts

LABELLED: Final = 60
"""Queues that get gauges."""

SPECS: Final = (
    GaugeSpec("depth", "Jobs in a state, by the library's own word for it.", better="low"),
    GaugeSpec("waiting", "Jobs a worker could take now.", better="low"),
    GaugeSpec("growth_per_second", "Waiting jobs more per second, over some 12 s.", Unit.PER_SECOND, better="low"),
    GaugeSpec("arrived_per_second", "Jobs added per second.", Unit.PER_SECOND, capacity=Capacity.LOAD),
    GaugeSpec("drained_per_second", "Jobs taken off the queue per second.", Unit.PER_SECOND, better="high"),
    GaugeSpec("empty_in_seconds", "Time until it is empty at this rate; absent unless it drains.", Unit.SECONDS),
    GaugeSpec("oldest_waiting_seconds", "Time the next job has waited.", Unit.SECONDS, better="low"),
    GaugeSpec("oldest_active_seconds", "Time the longest-running job has run.", Unit.SECONDS),
    GaugeSpec("workers", "Workers that serve the queue; absent when that is unknown.", better="high"),
    GaugeSpec("unserved", "Jobs that wait while no worker is there.", better="low"),
    GaugeSpec("unserved_growth_per_second", "Growth of a queue without a worker.", Unit.PER_SECOND, better="low"),
    GaugeSpec(
        "stuck_seconds", "Time since a job was taken, while jobs wait and none runs.", Unit.SECONDS, better="low"
    ),
    GaugeSpec("held_seconds", "Time since a job was taken, while jobs wait and some run.", Unit.SECONDS, better="low"),
    GaugeSpec("stalled", "Jobs marked active that no worker holds.", better="low"),
    GaugeSpec("failed_per_minute", "Jobs that failed in the last minute.", Unit.PER_MINUTE, better="low"),
    GaugeSpec("finished", "Jobs that ended in the last minute, well or badly."),
    GaugeSpec("failing_ratio", "Share of the last minute's jobs that failed.", Unit.RATIO, better="low"),
    GaugeSpec(
        "job_median_seconds",
        "Time that half of the jobs took, of those completed in the last 15 min that are kept; absent below ten.",
        Unit.SECONDS,
        better="low",
    ),
    GaugeSpec(
        "job_p95_seconds",
        "Time that 95 of 100 of the same jobs stayed within; absent below ten.",
        Unit.SECONDS,
        better="low",
    ),
    GaugeSpec("jobs_measured", "Completed jobs of the last 15 min whose time is known."),
    GaugeSpec("paused", "1 when the queue is paused."),
    GaugeSpec("missing", "1 when there is no such queue.", better="low"),
    GaugeSpec("shared", "A number that belongs to all queues together, labelled with what it counts."),
)

RULES: Final = (
    Rule(
        name="no-worker-growing", gauge="waiting", op=">", threshold=0, severity=Severity.CRITICAL,
        samples="unserved_growth_per_second", min_samples=0.2,
        say="{queue}: {value} waiting, growing {growth_per_second}, no worker is running",
    ),
    Rule(
        name="no-worker", gauge="waiting", op=">", threshold=0, severity=Severity.WARNING, hold=10,
        samples="unserved", min_samples=1,
        say="{queue}: {value} waiting, no worker is running",
    ),
    Rule(
        name="backlog", gauge="waiting", op=">", threshold=1000, clear=800, severity=Severity.CRITICAL,
        say="{queue}: {value} waiting, growth {growth_per_second}, workers running: {workers}",
    ),
    Rule(
        name="stuck", gauge="waiting", op=">", threshold=0, severity=Severity.CRITICAL,
        samples="stuck_seconds", min_samples=60,
        say="{queue}: {value} waiting and none taken for {stuck_seconds}",
    ),
    Rule(
        name="held-up", gauge="waiting", op=">", threshold=0, severity=Severity.WARNING,
        samples="held_seconds", min_samples=300,
        say="{queue}: {value} waiting, no new one taken for {held_seconds}; the workers are on long jobs",
    ),
    Rule(
        name="growing", gauge="waiting", op=">=", threshold=20, severity=Severity.WARNING, hold=2,
        samples="growth_per_second", min_samples=5,
        say="{queue}: {value} waiting, growing {growth_per_second}, workers running: {workers}",
    ),
    Rule(
        name="old-jobs", gauge="waiting", op=">", threshold=0, severity=Severity.WARNING,
        samples="oldest_waiting_seconds", min_samples=300,
        say="{queue}: the next job has waited {oldest_waiting_seconds}, {value} waiting",
    ),
    Rule(
        name="failing", gauge="failing_ratio", op=">", threshold=0.2, clear=0.15, severity=Severity.WARNING,
        samples="finished", min_samples=20,
        say="{queue}: {value} of its jobs fail, {failed_per_minute}",
    ),
    Rule(
        name="failing-most", gauge="failing_ratio", op=">", threshold=0.5, clear=0.4, severity=Severity.CRITICAL,
        samples="finished", min_samples=20,
        say="{queue}: {value} of its jobs fail, {failed_per_minute}",
    ),
    Rule(
        name="stalled", gauge="stalled", op=">", threshold=0, severity=Severity.WARNING, hold=15,
        say="{queue}: {value:job} marked active but held by no worker; will run again",
    ),
    Rule(
        name="paused", gauge="paused", op=">", threshold=0, severity=Severity.NOTICE,
        say="{queue} is paused, {waiting} waiting",
    ),
    Rule(
        name="missing", gauge="missing", op=">", threshold=0, severity=Severity.WARNING, hold=15,
        missing=Missing.CLEAR,
        say="there is no queue {queue}: check the name or prefix",
    ),
)  # fmt: skip


def measured(facts: QueuesFacts) -> Gauges:
    """The gauges of a reading."""
    gauges = Gauges()
    for queue in facts.queues[:LABELLED]:
        _depths(gauges, queue)
        _movement(gauges, queue)
        _ends(gauges, queue)
    for total in facts.totals:
        gauges.put("shared", total.value, what=total.name)
    return gauges


def _depths(gauges: Gauges, queue: OneQueue) -> None:
    name = queue.name
    gauges.put("missing", 1 if queue.missing else None, queue=name)
    for state, depth in queue.depths.items():
        gauges.put("depth", depth, queue=name, state=state)
    gauges.put("waiting", queue.waiting, queue=name)
    gauges.put("paused", None if queue.missing else int(queue.paused), queue=name)
    gauges.put("stalled", queue.stalled, queue=name)
    gauges.put("workers", queue.workers, queue=name)


def _movement(gauges: Gauges, queue: OneQueue) -> None:
    name = queue.name
    gauges.put("growth_per_second", queue.growth, queue=name)
    gauges.put("arrived_per_second", queue.arrived, queue=name)
    gauges.put("drained_per_second", queue.drained, queue=name)
    gauges.put("empty_in_seconds", queue.empty_in, queue=name)
    if queue.unserved:
        gauges.put("unserved", queue.waiting, queue=name)
        gauges.put("unserved_growth_per_second", queue.growth, queue=name)
    gauges.put("held_seconds" if queue.active else "stuck_seconds", queue.stuck, queue=name)


def _ends(gauges: Gauges, queue: OneQueue) -> None:
    name = queue.name
    gauges.put("oldest_waiting_seconds", queue.oldest_waiting if queue.waiting else None, queue=name)
    gauges.put("oldest_active_seconds", queue.oldest_active, queue=name)
    gauges.put("failed_per_minute", queue.failed_minute, queue=name)
    gauges.put("finished", queue.finished_minute, queue=name)
    gauges.put("failing_ratio", queue.failing_ratio, queue=name)
    if queue.took is not None:
        gauges.put("job_median_seconds", queue.took.median, queue=name)
        gauges.put("job_p95_seconds", queue.took.p95, queue=name)
        gauges.put("jobs_measured", queue.took.jobs, queue=name)
