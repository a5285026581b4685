"""Whether what was asked of a cache is true now, from a fresh look, the plan and the outcome alone. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from probes.aws.elasticache.facts import CacheEvent
from probes.aws.elasticache.sight import Sight
from probes.base import Outcome, Result, SafeText, Subject, Truth, Verdict

_BEGINS: Final = 60.0
"""Seconds in which AWS shows that it has begun."""
_TELLS: Final = 300.0
"""Seconds in which it tells in its events of what it did."""
_NODE: Final = re.compile(r"\b\d{4}\b")


def after_reboot(
    subject: Subject, found: Sight | None, events: Sequence[CacheEvent], since: datetime, outcome: Outcome, after: float
) -> Verdict:
    """It has restarted since, and answers again."""
    if found is None or found.node is None:
        return _said(Truth.REFUTED, "the node is gone")
    node, id = found.node, dict(subject.identity)["node"]
    if not node.serves:
        return _said(Truth.PENDING if node.changes else Truth.REFUTED, f"it is {node.status}")
    told = [
        event
        for event in events
        if event.at > since and re.search(r"restarted|rebooted", str(event.words).lower()) and _of(event, id)
    ]
    if told:
        return _said(Truth.CONFIRMED, f"restarted at {told[0].at:%H:%M:%S} UTC, {node.status}; the cache is cold")
    if dict(outcome.facts).get("status", "").startswith("rebooting"):
        return _said(Truth.CONFIRMED, f"it was rebooting and is {node.status} again; the cache is cold")
    return _untold(outcome, after, f"AWS tells of no restart; {node.status}")


def _of(event: CacheEvent, id: str) -> bool:
    named = _NODE.findall(str(event.words))
    return not named or id in named


def after_failover(
    subject: Subject, found: Sight | None, events: Sequence[CacheEvent], since: datetime, outcome: Outcome, after: float
) -> Verdict:
    """Another node is primary, and the group is available again."""
    if found is None or found.shard is None or found.group is None:
        return _said(Truth.REFUTED, "the shard is gone")
    then, shard, group = dict(subject.identity), found.shard, found.group
    moved = bool(shard.primary and then["primary"] and shard.primary != then["primary"])
    told = [event for event in events if event.at > since and _completed(event, then["members"].split())]
    if group.status != "available":
        words = f"{shard.primary} is primary; the group is {group.status}" if moved else f"the group is {group.status}"
        return _said(Truth.PENDING if group.serves or group.changes else Truth.REFUTED, words)
    if moved:
        return _said(Truth.CONFIRMED, f"{shard.primary} is primary, {then['primary']} was; the group is available")
    if told:
        return _said(Truth.CONFIRMED, f"completed at {told[0].at:%H:%M:%S} UTC; the group is available")
    return _untold(outcome, after, f"{shard.primary or 'the same'} is still primary, as far as AWS tells")


def _completed(event: CacheEvent, members: Sequence[str]) -> bool:
    words = str(event.words)
    return "ailover" in words and "completed" in words and any(member in words for member in members)


def after_resize(subject: Subject, found: Sight | None, word: str, outcome: Outcome, after: float) -> Verdict:
    """It has the new node type, and is available."""
    if found is None:
        return _said(Truth.REFUTED, "the cache is gone")
    if found.size == word and found.status == "available":
        return _said(Truth.CONFIRMED, f"{word}, available")
    if found.status == "modifying" or any(word in str(one) for one in found.pending):
        return _said(Truth.PENDING, f"{found.status}, {found.size}")
    if after < _BEGINS:
        return _said(Truth.PENDING, f"{found.status}, {found.size}; it has not begun yet")
    accepted = "AWS accepted it, but " if outcome.result is Result.DONE else ""
    return _said(Truth.REFUTED, f"{accepted}it is {found.status}, {found.size}")


def _untold(outcome: Outcome, after: float, words: str) -> Verdict:
    if after < _TELLS:
        return _said(Truth.PENDING, words)
    if outcome.result is Result.DONE:
        return _said(Truth.UNKNOWN, f"AWS accepted it; {words}")
    return _said(Truth.REFUTED, words)


def _said(truth: Truth, words: str) -> Verdict:
    return Verdict(truth, SafeText(words))
