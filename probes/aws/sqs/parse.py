"""What SQS answers, as facts. Attributes are texts there; one that is missing or no number is None."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from probes.aws.sqs.facts import Counts, Move, Policy
from probes.base import SafeText

_MOST: Final = 10**15
"""No count and no number of seconds is greater."""


def number(value: object) -> int | None:
    """A count as SQS writes it; None for what is none.

    >>> number("12"), number(3), number("-1"), number("1e5"), number(None), number(True)
    (12, 3, None, None, None, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 <= value <= _MOST else None
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        return int(value)
    return None


def counts(attributes: Mapping[str, Any]) -> Counts:
    """The three counts."""
    return Counts(
        number(attributes.get("ApproximateNumberOfMessages")),
        number(attributes.get("ApproximateNumberOfMessagesNotVisible")),
        number(attributes.get("ApproximateNumberOfMessagesDelayed")),
    )


def policy(attributes: Mapping[str, Any]) -> Policy:
    """How the queue is set up."""
    redrive = _redrive(attributes.get("RedrivePolicy"))
    created = str(attributes.get("CreatedTimestamp", ""))[:40]
    key = attributes.get("KmsMasterKeyId")
    by_sqs = str(attributes.get("SqsManagedSseEnabled", "")).lower() == "true"
    return Policy(
        arn=str(attributes.get("QueueArn", ""))[:300],
        created=created,
        created_at=moment(created),
        retention=number(attributes.get("MessageRetentionPeriod")),
        visibility=number(attributes.get("VisibilityTimeout")),
        delay=number(attributes.get("DelaySeconds")),
        max_receives=number(redrive.get("maxReceiveCount")),
        dead_arn=str(redrive.get("deadLetterTargetArn", ""))[:300],
        fifo=str(attributes.get("FifoQueue", "")).lower() == "true",
        encrypted=SafeText(f"KMS {key}", 120) if key else SafeText("by SQS" if by_sqs else ""),
    )


def _redrive(raw: object) -> Mapping[str, Any]:
    """The redrive policy: JSON within the attribute."""
    try:
        found = json.loads(raw) if isinstance(raw, str) and len(raw) < 4096 else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def moment(stamp: str) -> datetime | None:
    """Seconds since 1970, as a text, as a time; None for what is none."""
    try:
        return datetime.fromtimestamp(float(stamp), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def move(entry: Mapping[str, Any]) -> Move:
    """One entry of ListMessageMoveTasks."""
    return Move(
        status=str(SafeText(str(entry.get("Status", "")), 20)),
        handle=str(entry.get("TaskHandle") or "")[:1024],
        destination=SafeText(name_of(str(entry.get("DestinationArn") or "")), 100),
        moved=number(entry.get("ApproximateNumberOfMessagesMoved")),
        to_move=number(entry.get("ApproximateNumberOfMessagesToMove")),
        rate=number(entry.get("MaxNumberOfMessagesPerSecond")),
        started=number(entry.get("StartedTimestamp")),
        reason=SafeText(str(entry.get("FailureReason") or ""), 160),
    )


def name_of(arn_or_url: str) -> str:
    """A queue's name, from its ARN or its address.

    >>> name_of("arn:aws:sqs:eu-west-1:123456789012:mail"), name_of("https://sqs.eu-west-1.amazonaws.com/1/mail")
    ('mail', 'mail')
    """
    return arn_or_url.rpartition("/" if "/" in arn_or_url else ":")[2]


def account_of(arn_or_url: str) -> str:
    """The account of a queue, from its ARN or its address; empty when neither tells."""
    parts = arn_or_url.split("/" if "/" in arn_or_url else ":")
    return parts[-2] if len(parts) > 2 and parts[-2].isdecimal() and len(parts[-2]) == 12 else ""


def region_of(arn: str) -> str:
    """The region of a queue, from its ARN; empty when it does not tell."""
    parts = arn.split(":")
    return parts[3] if len(parts) == 6 else ""
