"""Move tasks and dead-letter sources, as far as the place answers such questions: AWS does, stand-ins often don't."""

from __future__ import annotations

from typing import Final

from probes.aws.calls import Calls, Refused
from probes.aws.sqs.facts import Move
from probes.aws.sqs.parse import move
from probes.base import Cause, ProbeError

SHOWN: Final = 10
"""Move tasks that are told at most; the service keeps no more."""
SOURCES: Final = 100
"""Queues whose dead letters go to one queue, at most."""


async def tasks(calls: Calls, arn: str) -> tuple[Move, ...]:
    """The newest move tasks out of a queue, newest first. `ProbeError(Cause.MISSING)` where nobody knows of them."""
    try:
        answer = await calls.read("sqs", "list_message_move_tasks", SourceArn=arn, MaxResults=SHOWN)
    except ProbeError as error:
        raise await _unknown(calls, error) from None
    found = [move(entry) for entry in answer.get("Results") or () if isinstance(entry, dict)]
    return tuple(sorted(found, key=lambda one: -(one.started or 0)))


async def sources(calls: Calls, url: str) -> tuple[str, ...]:
    """Addresses of the queues whose dead letters come here. `ProbeError(Cause.MISSING)` where nobody can tell."""
    try:
        found = await calls.listed("sqs", "list_dead_letter_source_queues", "queueUrls", SOURCES, QueueUrl=url)
    except ProbeError as error:
        raise await _unknown(calls, error) from None
    return tuple(one for one in found.items if isinstance(one, str))


async def _unknown(calls: Calls, error: ProbeError) -> ProbeError:
    """A stand-in that breaks down over an operation does not know it; AWS itself knows every one."""
    elsewhere = bool((await calls.whose()).endpoint)
    if elsewhere and isinstance(error, Refused) and error.code in ("500", "501", "404"):
        return ProbeError(Cause.MISSING, f"{calls.where} does not know move tasks")
    if not elsewhere and error.cause is Cause.MISSING:
        return ProbeError(Cause.INTERNAL, error.message)
    return error
