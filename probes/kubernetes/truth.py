"""Whether what was done to a workload, an autoscaler or a pod has come true. Pure.

A rollout is judged as `kubectl rollout status` judges it: the controller has seen the change, every pod is of the new
template, all are available, none of the old are left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from probes.base import Outcome, Result, SafeText, Truth, Verdict, lasted
from probes.kubernetes.facts import Autoscaler, Pod, Workload
from probes.kubernetes.sight import Seen

STANDS: Final = 10.0
"""Seconds a number must stand before it is believed: an autoscaler or a deploy tool may set it back."""


def facts_of(outcome: Outcome) -> Mapping[str, str]:
    """What the server said of the change."""
    return dict(outcome.facts)


def after_rollout(seen: Seen, then: Mapping[str, str], outcome: Outcome, worst: Sequence[Pod], after: float) -> Verdict:
    """A new template, or the same one anew."""
    one = seen.one
    if one.uid != then["uid"]:
        return Verdict(Truth.REFUTED, SafeText("it was deleted and made anew meanwhile"))
    told = facts_of(outcome).get("generation", "")
    wanted = int(told) if told.isdecimal() else int(then["generation"]) + 1
    lost = outcome.result is Result.UNKNOWN and seen.digest == then.get("template")  # others change it, too
    if seen.generation < wanted or lost:
        sure = outcome.result is not Result.UNKNOWN or after < STANDS
        return Verdict(Truth.PENDING if sure else Truth.REFUTED, SafeText("the change is not there"))
    if not one.observed:
        return Verdict(Truth.PENDING, SafeText("its controller has not seen the change yet"), 0.0)
    fresh = one.desired - seen.kept
    share = min(one.updated / fresh if fresh else 1.0, one.available / one.desired) if one.desired else 1.0
    words = f"{one.updated} of {fresh} new, {one.available} available"
    if one.stuck:
        return Verdict(Truth.REFUTED, SafeText(f"{words}; {one.stuck}{_why(worst)}", 400))
    if one.updated >= fresh and one.available >= one.desired and one.current <= max(one.desired, one.updated):
        told = f"available, {one.updated} of them new" if seen.kept else "new and available"
        return Verdict(Truth.CONFIRMED, SafeText(f"{one.available} of {one.desired} pods are {told}"), 1.0)
    return Verdict(Truth.PENDING, SafeText(f"{words}{_why(worst)}", 400), min(share, 0.99))


def after_scale(one: Workload, then: Mapping[str, str], number: int, worst: Sequence[Pod], after: float) -> Verdict:
    """A number of pods."""
    if one.uid != then["uid"]:
        return Verdict(Truth.REFUTED, SafeText("it was deleted and made anew meanwhile"))
    if one.desired != number:
        words = f"it wants {one.desired} pods: something else sets its number"
        return Verdict(Truth.PENDING if after < 2 else Truth.REFUTED, SafeText(words))
    words = f"{one.ready} of {number} ready"
    if one.observed and one.ready == number and one.current == number:
        if after < STANDS:
            return Verdict(Truth.PENDING, SafeText(f"{words}, looking whether it stays so"), 0.9)
        return Verdict(Truth.CONFIRMED, SafeText(f"{words} for {lasted(after)}"), 1.0)
    if one.refused:
        return Verdict(Truth.PENDING, SafeText(f"{words}; {one.refused}", 400))
    share = min(one.ready, number) / max(one.current, number, 1)
    return Verdict(Truth.PENDING, SafeText(f"{words}{_why(worst)}", 400), min(share, 0.89))


def after_minimum(one: Autoscaler, then: Mapping[str, str], number: int, after: float) -> Verdict:
    """The fewest pods of an autoscaler."""
    if one.uid != then["uid"]:
        return Verdict(Truth.REFUTED, SafeText("the autoscaler was made anew meanwhile"))
    if one.least != number:
        words = f"its minimum is {one.least}: something else sets it"
        return Verdict(Truth.PENDING if after < 2 else Truth.REFUTED, SafeText(words))
    if one.current >= number:
        return Verdict(Truth.CONFIRMED, SafeText(f"{one.current} pods, at least {number}"), 1.0)
    return Verdict(Truth.PENDING, SafeText(f"{one.current} of {number} pods"), one.current / number)


def after_end(now: Pod | None, then: Mapping[str, str], siblings: Sequence[Pod], wanted: int | None) -> Verdict:
    """A pod that was to go, and the one in its place. `wanted` is how many its maker wants; None: nobody makes any."""
    if now is not None and now.uid == then["uid"]:
        words = "on its way out" if now.deleted is not None else f"still there, {now.status}"
        return Verdict(Truth.PENDING, SafeText(words), 0.2)
    if wanted is None:
        return Verdict(Truth.CONFIRMED, SafeText("it is gone"), 1.0)
    ready = sum(one.is_ready and one.deleted is None for one in siblings)
    if ready >= wanted:
        return Verdict(Truth.CONFIRMED, SafeText(f"it is gone; {ready} of {wanted} ready"), 1.0)
    return Verdict(Truth.PENDING, SafeText(f"it is gone; {ready} of {wanted} ready{_why(siblings)}", 400), 0.6)


def _why(pods: Sequence[Pod]) -> str:
    """Why one of them is not ready, if one says so."""
    said = next((one for one in pods if not one.is_ready and one.why), None)
    return f"; {said.name}: {said.why}" if said is not None else ""
