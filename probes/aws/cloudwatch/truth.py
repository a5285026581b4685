"""Whether what was asked of an alarm is true now, by the alarm itself and by its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from probes.aws.cloudwatch.facts import Alarm, AlarmState
from probes.aws.cloudwatch.parse import moment
from probes.aws.cloudwatch.probe import reason_of
from probes.base import Identity, Outcome, Plan, Result, SafeText, Truth, Verdict

ARRIVING: Final = 5.0
"""Seconds in which a request without an answer may still be on its way, and an answer of old still be given."""
_PATIENT: Final = 10.0
"""Seconds an endpoint is given to show its history."""
_RECORDED: Final = 45.0
"""Seconds after which a history tells of everything that was done."""
MARK: Final = "opsroom"
"""Stands in the reason of every test of ours."""


def known(one: Alarm) -> Identity:
    """What tells this alarm, as it is configured, from any other of its name."""
    configured = one.configured.isoformat() if one.configured else "unknown"
    return (("alarm", one.arn or one.key), ("configured", configured))


def is_set(alarm: Alarm | None, wanted: bool, planned: Identity, outcome: Outcome, after: float) -> Verdict:
    """Whether its actions are on (`wanted`) or off."""
    if alarm is None:
        return Verdict(Truth.REFUTED, SafeText("there is no such alarm any more"))
    if dict(known(alarm))["alarm"] != dict(planned)["alarm"]:
        return Verdict(Truth.UNKNOWN, SafeText("another alarm has its name now"))
    state = "on" if alarm.enabled else "off"
    words = f"its actions are {state}, it is {alarm.state.word}"
    if alarm.enabled is wanted:
        return Verdict(Truth.CONFIRMED, SafeText(words), 1.0)
    if outcome.result is Result.UNKNOWN and after >= ARRIVING:
        return Verdict(Truth.REFUTED, SafeText(f"not done: {words}"))
    return Verdict(Truth.PENDING, SafeText(f"{words} still"))


def reason_for(word: str, act: str) -> str:
    """What a test writes as the reason of the state: a person's words, and the id of the act."""
    return f"{word} ({MARK} {act})"


def is_ours(reason: str, plan: Plan, outcome: Outcome) -> bool:
    """True for the reason that our test has written: by its id, or by its words where the answer was lost."""
    act = dict(outcome.facts).get("act")
    return reason == reason_for(plan.request.word, act) if act else reason.startswith(f"{plan.request.word} ({MARK} ")


def was_tested(
    alarm: Alarm | None,
    items: Sequence[Mapping[str, Any]] | None,
    plan: Plan,
    outcome: Outcome,
    after: float,
) -> Verdict:
    """Whether it went into ALARM by us. `items`: its history since the plan; None: the endpoint keeps none."""
    if alarm is None:
        return Verdict(Truth.REFUTED, SafeText("there is no such alarm any more"))
    still = alarm.updated is None or alarm.updated >= plan.looked_at.replace(microsecond=0)
    if alarm.state is AlarmState.ALARM and still and is_ours(str(alarm.reason), plan, outcome):
        return Verdict(Truth.CONFIRMED, SafeText("it is in ALARM by this test"), 1.0)
    for item in items or ():
        if is_ours(reason_of(item), plan, outcome):
            at = moment(item.get("Timestamp"))
            when = f" at {at:%H:%M:%S} UTC" if at else ""
            return Verdict(Truth.CONFIRMED, SafeText(f"it was in ALARM{when}, and is {alarm.state.word} again"), 1.0)
    if items is None and after >= _PATIENT:
        words = f"it is {alarm.state.word}, and there is no history to tell whether it went off"
        return Verdict(Truth.UNKNOWN, SafeText(words))
    words = f"it is {alarm.state.word}; its history does not tell of the test"
    if items is not None and outcome.result is Result.UNKNOWN and after >= _RECORDED:
        return Verdict(Truth.REFUTED, SafeText(f"not done: {words}"))
    return Verdict(Truth.PENDING, SafeText(f"{words} yet"))
