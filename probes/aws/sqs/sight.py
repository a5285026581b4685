"""A fresh look at one queue, for an act: which one it is, what is in it, and where its messages come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from probes.aws.account import Whose
from probes.aws.calls import Calls
from probes.aws.sqs import moves, parse
from probes.aws.sqs.catalogue import found, is_gone
from probes.aws.sqs.facts import Counts, Policy
from probes.base import Cause, Identity, ProbeError, SafeText

_SEARCHED: Final = 40
"""Queues that are looked through for dead-letter sources where the place can't name them."""


@dataclass(frozen=True, slots=True)
class One:
    """A queue as it is now."""

    name: str
    url: str
    counts: Counts
    policy: Policy

    @property
    def identity(self) -> Identity:
        """What must still be so when we act: a queue that was made anew has another stamp."""
        return (("queue", self.name), ("url", self.url), ("created", self.policy.created))

    @property
    def before(self) -> SafeText:
        """The three counts, in words."""
        return SafeText(said(self.counts))


def said(counts: Counts) -> str:
    """Counts in words; they are approximate, and say so.

    >>> said(Counts(12, 0, None))
    '~12 visible, ~0 in flight, ? delayed'
    """
    parts = (("visible", counts.visible), ("in flight", counts.in_flight), ("delayed", counts.delayed))
    return ", ".join(f"{'?' if value is None else f'~{value:,}'} {name}" for name, value in parts)


async def look(calls: Calls, subject: str) -> One:
    """The queue that a row's name, an address or an ARN means. Raises `ProbeError(Cause.GONE)` when it is not there."""
    whose = await calls.whose()
    name = parse.name_of(subject)
    if ":" in subject:
        _ours(subject, whose)
    url = subject if "://" in subject else await found(calls, name)
    if not url:
        raise ProbeError(Cause.GONE, f"there is no queue {SafeText(name, 100)} any more")
    return await look_at(calls, url)


async def look_at(calls: Calls, url: str) -> One:
    """The queue at an address. Raises `ProbeError(Cause.GONE)` when it is not there."""
    name = parse.name_of(url)
    try:
        answer = await calls.read("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])
    except ProbeError as error:
        if is_gone(error):
            raise ProbeError(Cause.GONE, f"there is no queue {SafeText(name, 100)} any more") from None
        raise
    attributes = answer.get("Attributes") or {}
    one = One(name, url, parse.counts(attributes), parse.policy(attributes))
    if not one.policy.created or not one.policy.arn:
        raise ProbeError(Cause.GARBAGE, f"{calls.where} does not say which queue {SafeText(name, 100)} is")
    return one


async def sources(calls: Calls, one: One) -> tuple[str, ...]:
    """ARNs of the queues whose dead letters come here."""
    urls: Sequence[str]
    try:
        urls = await moves.sources(calls, one.url)
    except ProbeError as error:
        if error.cause is not Cause.MISSING:
            raise
        urls = await _every(calls)
    asked = [{"QueueUrl": url, "AttributeNames": ["QueueArn", "RedrivePolicy"]} for url in urls]
    arns = []
    for answer in await calls.each("sqs", "get_queue_attributes", asked):
        if isinstance(answer, ProbeError):
            if not is_gone(answer):
                raise answer
            continue
        policy = parse.policy(answer.get("Attributes") or {})
        if policy.dead_arn == one.policy.arn:
            arns.append(policy.arn)
    return tuple(sorted(arns))


async def _every(calls: Calls) -> Sequence[str]:
    """All queues, where there are few."""
    listed = await calls.listed("sqs", "list_queues", "QueueUrls", _SEARCHED, page_size=_SEARCHED + 1)
    if listed.cut:
        raise ProbeError(Cause.TOO_BIG, f"{calls.where} can't say whose dead letters these are, and has many queues")
    return [url for url in listed.items if isinstance(url, str)]


def _ours(subject: str, whose: Whose) -> None:
    """Raise `ProbeError` for an address or ARN of another account or region."""
    account = parse.account_of(subject)
    region = parse.region_of(subject) if subject.startswith("arn:") else ""
    if account and account != whose.account:
        raise ProbeError(Cause.DENIED, f"that queue is of account {account}, this login is of {whose.account}")
    if region and region != whose.region:
        raise ProbeError(Cause.DENIED, f"that queue is in {region}, this target in {whose.region}")
