"""Acts of earlier sessions whose end nobody knows: looked into, never repeated, and closed with a note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from desk.audit import Code, Record, Trail, Unfinished
from desk.deed import Step
from probes.base import Action, Actuator, Danger, Outcome, Plan, Request, Result, SafeText, Subject, Truth, Verdict

_MEANS = {
    Truth.CONFIRMED: "applied",
    Truth.REFUTED: "not applied",
    Truth.PENDING: "not yet true",
    Truth.UNKNOWN: "cannot tell",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One such act."""

    act: str
    target: str
    words: str
    """Who wanted what, in one line."""
    said: str
    """How far it got."""
    intent: Record
    outcome: Outcome

    def found(self, verdict: Verdict) -> str:
        """What a look says about it."""
        return f"{_MEANS[verdict.truth]}: {verdict.words}"


def case(one: Unfinished) -> Case:
    """An unfinished act, in words."""
    data = one.intent.data
    subject = _table(data.get("subject"))
    if one.intent.code is Code.INTENT:
        words = f"{data.get('action')} {subject.get('name')} ({data.get('kind')} {data.get('target')})"
    else:
        words = f"act {one.act}: what was wanted stands in the system's log only"
    if one.outcome is not None:
        said = f"no clear answer: {one.outcome.data.get('words')}"
    elif one.sent:
        said = "the session ended after the request was sent"
    else:
        said = "the session ended before the request was sent"
    return Case(one.act, str(data.get("target")), str(SafeText(words)), str(SafeText(said)), one.intent, _outcome(one))


def restored(record: Record, actuator: Actuator[Any]) -> tuple[Plan, Step] | None:
    """The plan and its one subject as far as a look needs them; None when the kind has changed since."""
    data = record.data
    action = next((one for one in actuator.actions if one.name == data.get("action")), None)
    if action is None or data.get("kind") != actuator.kind:
        return None
    try:
        return _plan(data, action), Step(_subject(_table(data["subject"])), act=str(data["act"]))
    except (KeyError, TypeError, ValueError):
        return None


async def settle(trail: Trail, one: Case, note: str, found: str) -> None:
    """Close it with what was found and a person's note. Raises `Unrecorded`."""
    await trail.note(Code.SETTLED, {"act": one.act, "note": note, "found": found})


def _outcome(one: Unfinished) -> Outcome:
    """Its outcome as far as there was one."""
    if one.outcome is None:
        return Outcome(Result.UNKNOWN, SafeText("no outcome was recorded"))
    facts = tuple((str(key), str(value)) for key, value in _table(one.outcome.data.get("facts")).items())
    return Outcome(Result.UNKNOWN, SafeText(str(one.outcome.data.get("words", ""))), facts)


def _plan(data: Mapping[str, Any], action: Action) -> Plan:
    number = data.get("number")
    request = Request(
        action.name,
        tuple(map(str, data["subjects"])),
        number if isinstance(number, int) else None,
        str(data.get("word", "")),
    )
    return Plan(
        target=str(data["target"]),
        kind=str(data["kind"]),
        action=action,
        request=request,
        place=SafeText(str(data["place"])),
        pin=_pairs(data["pin"]),
        subjects=(_subject(_table(data["subject"])),),
        command=tuple(map(str, data["command"])),
        looked_at=datetime.fromisoformat(data["looked_at"]),
        danger=Danger[str(data["danger"]).upper()],
    )


def _subject(told: Mapping[str, Any]) -> Subject:
    return Subject(
        key=str(told["key"]),
        name=SafeText(str(told["name"])),
        identity=_pairs(told["identity"]),
        before=SafeText(str(told["before"])),
        after=SafeText(str(told["after"])),
    )


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(text)) for name, text in value)


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
