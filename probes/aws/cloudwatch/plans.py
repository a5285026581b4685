"""What silencing, enabling or testing an alarm would do, before it is done: who is not told, what fires."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from probes.aws.cloudwatch.commands import ENABLE, SILENCE
from probes.aws.cloudwatch.facts import Alarm, AlarmState, is_scaling
from probes.aws.cloudwatch.parse import action_words, ends_instances
from probes.aws.cloudwatch.truth import known
from probes.base import Danger, SafeText, Subject, lasted

_NAMED: Final = 8
"""Actions named for one alarm at most."""
LONG: Final = 240
"""Minutes from which a silence is long."""


def subject_of(action: str, one: Alarm) -> Subject:
    """One alarm as it would be acted on."""
    hindrance = _hindrance(action, one)
    on = "on" if one.enabled else "off"
    after = {SILENCE: f"{one.state.word}, actions off", ENABLE: f"{one.state.word}, actions on"}.get(action, "ALARM")
    return Subject(
        key=one.key,
        name=one.name,
        identity=known(one),
        before=SafeText(f"{one.state.word}, actions {on}"),
        after=SafeText(after),
        felt=tuple(SafeText(words, 300) for words in _felt(action, one)),
        spared=SafeText(hindrance),
        barred=bool(hindrance),
    )


def _hindrance(action: str, one: Alarm) -> str:
    if action == SILENCE:
        return "" if one.enabled else "its actions are off already"
    if action == ENABLE:
        return "its actions are on already" if one.enabled else ""
    return "it is in ALARM already: nothing would fire" if one.state is AlarmState.ALARM else ""


def _felt(action: str, one: Alarm) -> list[str]:
    if action == SILENCE:
        found = [f"not done while it is silent: {words}" for words in _named(one.actions)]
        return found or ["it has no action for ALARM anyway"]
    if action == ENABLE:
        return [f"it is in ALARM now: nothing is sent for that ({one.reason})"] if one.state is AlarmState.ALARM else []
    if not one.enabled:
        return ["its actions are off: nothing fires, only its state changes"]
    return [f"really done: {words}" for words in _named(one.actions)] or ["it has no action for ALARM: nothing fires"]


def _named(arns: Sequence[str]) -> list[str]:
    words = [action_words(arn) for arn in arns[:_NAMED]]
    return words + ([f"and {len(arns) - _NAMED} more"] if len(arns) > _NAMED else [])


def danger_of(action: str, alarms: Sequence[Alarm]) -> Danger:
    """What it can cost: a test of an alarm that ends an instance ends that instance."""
    if action == ENABLE:
        return Danger.REVERSIBLE
    if action != SILENCE and any(one.enabled and any(map(ends_instances, one.actions)) for one in alarms):
        return Danger.DESTRUCTIVE
    return Danger.DISRUPTIVE


def notes_of(action: str, alarms: Sequence[Alarm], parents: Sequence[str], minutes: int | None) -> list[str]:
    """What else a person should know."""
    if action == SILENCE:
        found = [
            "Its state goes on changing, in silence.",
            "What goes off meanwhile and stays so sends nothing when the actions are on again: look yourself then.",
        ]
        if any(is_scaling(arn) for one in alarms for arn in one.actions):
            found.append("Scaling is an action too: nothing scales by it meanwhile.")
        if parents:
            found.append(f"Composite alarms look at its state and still tell: {', '.join(parents[:5])}.")
        if minutes is not None and minutes > LONG:
            found.append(f"{lasted(minutes * 60)} is long for a silence: four hours are a usual limit.")
        return found
    if action == ENABLE:
        fired = [str(one.name) for one in alarms if one.state is AlarmState.ALARM and not one.enabled]
        return [f"In ALARM already, and silent about it: {', '.join(fired[:10])}."] if fired else []
    if any(one.type == "composite" for one in alarms):
        return ["A composite alarm stays in ALARM until one of the alarms below it changes."]
    return [
        "CloudWatch looks again at its next evaluation and takes it back, mostly within a minute: then what is done for"
        " OK is done too."
    ] + ([f"Composite alarms look at its state and may go off with it: {', '.join(parents[:5])}."] if parents else [])


def parents_of(alarms: Sequence[Alarm], everything: Sequence[Alarm]) -> list[str]:
    """Names of composite alarms whose rule names one of these."""
    names = {re.escape(one.key) for one in alarms} | {re.escape(one.arn) for one in alarms if one.arn}
    if not names:
        return []
    reference = re.compile(r"\(\s*[\"']?(?:" + "|".join(sorted(names)) + r")[\"']?\s*\)")
    keys = {one.key for one in alarms}
    composites = (one for one in everything if one.type == "composite" and one.key not in keys)
    return [str(one.name) for one in composites if reference.search(str(one.threshold))]
