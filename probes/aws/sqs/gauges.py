"""Which numbers of SQS queues everybody may use, and which are worth a person's attention by default."""

from __future__ import annotations

from typing import Final

from probes.aws.sqs.facts import Queue, SqsFacts
from probes.base import Gauges, GaugeSpec, Missing, Rule, Severity, Unit

LABELLED: Final = 100
"""Queues that get gauges, the worst first."""

SPECS: Final = (
    GaugeSpec("queues", "Queues that are watched."),
    GaugeSpec("depth", "Messages by state: visible, in_flight, delayed. Approximate.", better="low"),
    GaugeSpec("waiting", "Visible messages of a queue that is no dead-letter queue. Approximate.", better="low"),
    GaugeSpec("net_per_minute", "Visible messages more a minute, over 30 to 60 s.", Unit.PER_MINUTE, better="low"),
    GaugeSpec("empty_in_seconds", "Time until it is empty at this rate; absent unless it drains.", Unit.SECONDS),
    GaugeSpec("oldest_age_seconds", "Age of the oldest message, by CloudWatch.", Unit.SECONDS, better="low"),
    GaugeSpec("kept_ratio", "Age of the oldest message against the retention; 1: it is thrown away.", Unit.RATIO,
              better="low"),
    GaugeSpec("stuck_seconds", "Time that messages were visible and none was taken.", Unit.SECONDS, better="low"),
    GaugeSpec("dead_letters", "Visible messages of a dead-letter queue. Approximate.", better="low"),
    GaugeSpec("dead_letters_per_minute", "Dead letters more a minute, over 30 to 60 s.", Unit.PER_MINUTE, better="low"),
    GaugeSpec("missing", "1 when there is no such queue.", better="low"),
)  # fmt: skip

RULES: Final = (
    Rule(
        name="backlog", gauge="waiting", op=">", threshold=1000, clear=800, severity=Severity.CRITICAL,
        say="{queue}: ~{value} visible, net {net_per_minute}",
    ),
    Rule(
        name="stuck", gauge="stuck_seconds", op=">", threshold=300, severity=Severity.CRITICAL,
        say="{queue}: ~{waiting} visible, none in flight for {value}: nobody takes them",
    ),
    Rule(
        name="old-messages", gauge="oldest_age_seconds", op=">", threshold=300, clear=240, severity=Severity.WARNING,
        say="{queue}: its oldest message is {value} old, ~{waiting} visible",
    ),
    Rule(
        name="lost-soon", gauge="kept_ratio", op=">", threshold=0.8, severity=Severity.WARNING,
        say="{queue}: its oldest message has used {value} of the retention, then it is thrown away",
    ),
    Rule(
        name="dead-letters", gauge="dead_letters", op=">", threshold=0, severity=Severity.WARNING,
        say="{queue}: ~{value:dead letter}",
    ),
    Rule(
        name="dead-letters-growing", gauge="dead_letters_per_minute", op=">", threshold=0.9, severity=Severity.CRITICAL,
        say="{queue}: dead letters grow by {value}, ~{dead_letters} there",
    ),
    Rule(
        name="missing", gauge="missing", op=">", threshold=0, severity=Severity.WARNING, missing=Missing.CLEAR,
        say="there is no queue {queue}: check the name, account and region",
    ),
)  # fmt: skip


def measured(facts: SqsFacts) -> Gauges:
    """The gauges of a reading."""
    gauges = Gauges()
    gauges.put("queues", len(facts.queues))
    for queue in facts.queues[:LABELLED]:
        _one(gauges, queue)
    return gauges


def _one(gauges: Gauges, queue: Queue) -> None:
    name, seen, counts = queue.name, queue.seen, queue.seen.counts
    gauges.put("missing", 1 if seen.missing else None, queue=name)
    gauges.put("depth", counts.visible, queue=name, state="visible")
    gauges.put("depth", counts.in_flight, queue=name, state="in_flight")
    gauges.put("depth", counts.delayed, queue=name, state="delayed")
    gauges.put("net_per_minute", seen.net, queue=name)
    gauges.put("empty_in_seconds", seen.empty_in, queue=name)
    if queue.oldest is not None and seen.policy.retention:
        gauges.put("kept_ratio", queue.oldest / seen.policy.retention, queue=name)
    if queue.is_dead_letter:
        gauges.put("dead_letters", counts.visible, queue=name)
        gauges.put("dead_letters_per_minute", seen.net, queue=name)
    else:
        gauges.put("waiting", counts.visible, queue=name)
        gauges.put("stuck_seconds", seen.stuck, queue=name)
        gauges.put("oldest_age_seconds", queue.oldest, queue=name)
