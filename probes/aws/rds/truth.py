"""Whether what was asked of a database is true now, from a fresh look, the plan and the outcome alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from probes.aws.rds.facts import Event
from probes.aws.rds.plans import settings_of
from probes.aws.rds.sight import Sight, Source
from probes.base import Outcome, Result, SafeText, Subject, Truth, Verdict

_BEGINS: Final = 60.0
"""Seconds in which AWS shows that it has begun."""
_TELLS: Final = 300.0
"""Seconds in which it tells of a restart in its events."""


def after_snapshot(subject: Subject, found: Source | None, outcome: Outcome, after: float) -> Verdict:
    """It is available, and of the instance that was looked at."""
    if found is None:
        return _not_yet(outcome, after, "there is no snapshot of this act")
    one, of = found.one, dict(found.identity)["of"]
    if of and of != dict(subject.identity)["instance"]:
        return _said(Truth.REFUTED, f"{one.id} is of another instance of that name")
    if one.usable:
        lock = {True: ", encrypted", False: ", not encrypted", None: ""}[one.encrypted]
        size = f", {one.allocated / 2**30:,.0f} GiB" if one.allocated else ""
        return _said(Truth.CONFIRMED, f"{one.id} is available{size}{lock}")
    if one.status in ("creating", "pending", "modifying", "copying"):
        share = "" if one.progress is None else f" {one.progress:.0%}"
        return Verdict(Truth.PENDING, SafeText(f"{one.id} is {one.status}{share}"), one.progress)
    return _said(Truth.REFUTED, f"{one.id} is {one.status}")


def after_restore(subject: Subject, found: Sight | None, outcome: Outcome, after: float) -> Verdict:
    """The new instance is available, with the settings of its source."""
    if found is None:
        return _not_yet(outcome, after, f"there is no instance {subject.key}")
    one, wanted = found.one, dict(subject.identity)
    if one.status.startswith(("failed", "incompatible", "restore-error", "deleting", "stopped")):
        return _said(Truth.REFUTED, f"{one.name} is {one.status}")
    if one.status != "available":
        return _said(Truth.PENDING, f"{one.name} is {one.status}")
    differing = [f"{name} {value or '–'}" for name, value in settings_of(found.raw) if value != wanted.get(name, value)]
    if differing and one.pending:
        return _said(Truth.PENDING, f"available; still to come: {', '.join(map(str, one.pending))}")
    if differing:
        return _said(Truth.REFUTED, f"available, but not like its source: {', '.join(differing)}")
    return _said(Truth.CONFIRMED, f"{one.name} is available at {one.host}:{one.port or '–'}, set up like its source")


def after_grow(subject: Subject, found: Sight | None, number: int, outcome: Outcome, after: float) -> Verdict:
    """Its storage has the new size."""
    wrong = _another(subject, found)
    if wrong is not None or found is None:
        return wrong or _said(Truth.REFUTED, "the instance is gone")
    one = found.one
    if found.gib == number:
        share = "" if one.progress is None else f", {one.progress:.0%}"
        still = f"; AWS still optimises it{share}" if one.status == "storage-optimization" else ""
        return _said(Truth.CONFIRMED, f"{found.gib:,} GiB, {one.status}{still}")
    waiting = found.raw.get("PendingModifiedValues") or {}
    if waiting.get("AllocatedStorage") == number or one.status in ("modifying", "storage-optimization"):
        return Verdict(Truth.PENDING, SafeText(f"{found.gib:,} of {number:,} GiB, {one.status}"), one.progress)
    return _not_yet(outcome, after, f"it has {found.gib:,} GiB, {one.status}")


def after_reboot(
    subject: Subject, found: Sight | None, events: Sequence[Event], since: datetime, outcome: Outcome, after: float
) -> Verdict:
    """It has restarted since, and answers again."""
    wrong = _another(subject, found)
    if wrong is not None or found is None:
        return wrong or _said(Truth.REFUTED, "the instance is gone")
    one = found.one
    if not one.serves:
        return _said(Truth.PENDING if one.changes else Truth.REFUTED, f"it is {one.status}")
    restarts = [event for event in events if event.at > since and "restarted" in str(event.words).lower()]
    if restarts:
        return _said(Truth.CONFIRMED, f"restarted at {restarts[0].at:%H:%M:%S} UTC, {one.status}")
    if dict(outcome.facts).get("status") == "rebooting":
        return _said(Truth.CONFIRMED, f"it was rebooting and is {one.status} again")
    if after < _TELLS:
        return _said(Truth.PENDING, f"{one.status}; no restart is told of yet")
    if outcome.result is Result.DONE:
        return _said(Truth.UNKNOWN, f"AWS accepted it, but tells of no restart; {one.status}")
    return _said(Truth.REFUTED, f"AWS tells of no restart; {one.status}")


def _another(subject: Subject, found: Sight | None) -> Verdict | None:
    if found is not None and found.one.resource != dict(subject.identity)["instance"]:
        return _said(Truth.REFUTED, "another instance has its name now")
    return None


def _not_yet(outcome: Outcome, after: float, words: str) -> Verdict:
    """AWS may show it a little later than it said so."""
    if after < _BEGINS:
        return _said(Truth.PENDING, f"{words} yet")
    accepted = "AWS accepted it, but " if outcome.result is Result.DONE else ""
    return _said(Truth.REFUTED, f"{accepted}{words}")


def _said(truth: Truth, words: str) -> Verdict:
    return Verdict(truth, SafeText(words))
