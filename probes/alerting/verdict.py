"""Whether a silence was made or ended, told from a fresh look, the plan and the outcome alone. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from probes.alerting.api import moment
from probes.alerting.facts import Alert
from probes.alerting.parse import exact, table
from probes.base import Outcome, Plan, Result, SafeText, Truth, Verdict

OURS: Final = re.compile(r"^opsroom act ([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})\b")
"""How the comment of a silence begins that Opsroom made; the id is the act's."""
_EARLY: Final = 5.0
"""Seconds by which a silence may end before the time it was made with."""


def comment(act: str, operator: str) -> str:
    """The comment of a silence: by the act's id it is found again, whatever became of the answer."""
    return f"opsroom act {act} by {operator}"


def found(
    silences: Sequence[Mapping[str, Any]], labels: Mapping[str, str], plan: Plan, outcome: Outcome
) -> Mapping[str, Any] | None:
    """The silence an act has made: by the act's id in its comment before anything else.

    Without the id (the session ended before there was an outcome) it is one of ours with exactly these labels and an
    id that was drawn after the plan's look: such ids begin with the time.
    """
    act = dict(outcome.facts).get("act", "")
    for one in silences:
        mark = OURS.match(str(one.get("comment") or ""))
        if mark is None or (act and mark[1] != act):
            continue
        late = act or _drawn(mark[1]) >= plan.looked_at.timestamp() - 1
        if late and exact(one.get("matchers")) == dict(labels):
            return one
    return None


def _drawn(id: str) -> float:
    """When an id was drawn, by its first 48 bits (RFC 9562, UUID version 7), in seconds."""
    return int(id.replace("-", "")[:12], 16) / 1000


def is_silent(
    one: Mapping[str, Any] | None, alerts: Sequence[Alert], plan: Plan, outcome: Outcome, after: float
) -> Verdict:
    """The silence is in force, and every alert with its labels is held back by it."""
    if one is None:
        return _not_yet(plan, outcome, after, "there is no silence with this act's id")
    state, ends, id = table(one.get("status")).get("state"), moment(one.get("endsAt")), str(one.get("id", ""))
    when = f"{ends:%H:%M:%S} UTC" if ends else "an unknown time"
    if state == "expired":
        meant = moment(dict(outcome.facts).get("ends"))
        if meant and ends and (meant - ends).total_seconds() > _EARLY:
            return _verdict(Truth.REFUTED, f"it was made, and somebody ended it at {when}")
        return _verdict(Truth.CONFIRMED, f"it was made, and it is over since {when}")
    if state != "active":
        return _verdict(Truth.PENDING, "it is there, and not in force yet")
    loud = [alert for alert in alerts if id not in alert.silenced_by]
    if loud:
        quiet = len(alerts) - len(loud)
        words = f"in force, {quiet} of {len(alerts)} alerts with these labels silent"
        return Verdict(Truth.PENDING, SafeText(words), quiet / len(alerts))
    silent = f"{len(alerts)} silent" if alerts else "the alert itself is over"
    return _verdict(Truth.CONFIRMED, f"in force until {when}, {silent}")


def is_ended(one: Mapping[str, Any] | None, plan: Plan, outcome: Outcome, after: float) -> Verdict:
    """The silence is not in force any more."""
    if one is None:
        return _verdict(Truth.CONFIRMED, "there is no such silence any more")
    ends = moment(one.get("endsAt"))
    if table(one.get("status")).get("state") == "expired":
        return _verdict(Truth.CONFIRMED, f"ended at {ends:%H:%M:%S} UTC" if ends else "ended")
    return _not_yet(plan, outcome, after, "it is still in force")


def same_silence(planned: Mapping[str, str], now: Mapping[str, str]) -> str:
    """How a silence differs from the planned one; empty when it doesn't."""
    if now["state"] != planned["state"]:
        return f"{planned['state']} -> {now['state']}"
    return "" if now["updated"] == planned["updated"] else "somebody changed it meanwhile"


def _not_yet(plan: Plan, outcome: Outcome, after: float, words: str) -> Verdict:
    """Of what was accepted it may become so while members of a cluster tell each other; of what nobody knows too."""
    limit = plan.answers if outcome.result is Result.UNKNOWN else plan.settles / 2
    if after < limit:
        return _verdict(Truth.PENDING, f"{words}; it may still come, {after:.0f} of {limit:.0f} s")
    return _verdict(Truth.REFUTED, words)


def _verdict(truth: Truth, words: str) -> Verdict:
    return Verdict(truth, SafeText(words))
