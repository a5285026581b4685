"""Temporary measures: an alarm silenced until nine, a higher minimum until tomorrow. They stay in sight until they end.

A measure begins with an act whose plan names an end, and is over when its reverse was done, when it ends by itself, or
when a person has closed it with a note. All of that stands in the audit, so it outlives the session.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from desk.audit import Chronicle, Code, Record, Trail
from desk.audit.record import OUTCOMES
from desk.deed import Deed
from probes.base import Identity, Plan, Request, Result, SafeText

_BEGUN: Final = frozenset({Result.DONE, Result.PARTIAL, Result.UNKNOWN})
"""Results after which a measure may be in force."""
_BEGUN_CODES: Final = frozenset({Code.SENT, Code.DONE, Code.PARTIAL, Code.UNKNOWN})
"""The same of the record; SENT alone: the session was killed before any answer."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One of them, in force."""

    deed: str
    """Id of the deed it began with."""
    target: str
    words: str
    """What was done: "silence production-ecs-high-cpu"."""
    by: str
    reason: str
    due: datetime
    """When it is to end, aware UTC."""
    reverse: Request | None
    """What takes it back; None: it ends by itself."""
    pin: Identity = ()
    """Identity of the system it is in force on: another profile may have another target of that name."""

    @property
    def place(self) -> Identity | str:
        """What tells the system it is about from others."""
        return self.pin or self.target

    def overdue(self, now: datetime) -> bool:
        """True when its time is up and nobody has taken it back."""
        return self.reverse is not None and now >= self.due


class Measures:
    """Those in force, the first to end first."""

    def __init__(self) -> None:
        self._known: dict[str, Measure] = {}

    def standing(self, now: datetime) -> list[Measure]:
        """What is in force now; what ends by itself is left out once its time is up."""
        there = (one for one in self._known.values() if one.reverse is not None or now < one.due)
        return sorted(there, key=lambda one: (one.due, one.deed))

    def remember(self, chronicle: Chronicle, about: Mapping[str, Any]) -> None:
        """Take in what earlier sessions and other people began and ended, of the system that `about` names."""
        self._known = found(chronicle, about) | self._known

    def take(self, deed: Deed, by: str) -> None:
        """A deed is over: it may have begun a measure, or taken one back."""
        plan = deed.plan
        results = {step.outcome.result for step in deed.steps if step.outcome is not None}
        if plan.due is not None and results & _BEGUN:
            data = {**told(plan), "pin": plan.pin}
            _add(self._known, _begun(deed.id, data, plan.target, by, deed.reason))
        elif plan.due is None:
            done = {one.subject.key for one in deed.steps if one.outcome and one.outcome.result is Result.DONE}
            whole = len(done) == len(deed.steps)
            _end(self._known, plan.pin or plan.target, plan.request, done, whole)

    def forget(self, deed: str) -> None:
        """It was closed with a note."""
        self._known.pop(deed, None)


def told(plan: Plan) -> dict[str, Any]:
    """A plan's end, where it has one, and of how many objects it is, for the record."""
    if plan.due is None:
        return {"of": len(plan.chosen)}
    reverse = plan.reverse
    names = ", ".join(str(subject.name) for subject in plan.chosen[:3])
    more = f" and {len(plan.chosen) - 3} more" if len(plan.chosen) > 3 else ""
    return {
        "of": len(plan.chosen),
        "due": plan.due.isoformat(),
        "measure": f"{plan.action.title} {names}{more}",
        "reverse": None
        if reverse is None
        else {
            "action": reverse.action,
            "subjects": list(reverse.subjects),
            "number": reverse.number,
            "word": reverse.word,
        },
    }


def found(chronicle: Chronicle, about: Mapping[str, Any]) -> dict[str, Measure]:
    """Deed -> the measure it began, for those that nothing has ended; only of the system that `about` names.

    The audit of a machine holds what was done to every system that is looked after from there.
    """
    ours = [chapter for chapter in chronicle.chapters if _system(_opening(chapter.records, "about")) == _system(about)]
    people = {chapter.writer: str(_opening(chapter.records, "actor").get("name", "")) for chapter in ours}
    deeds: dict[str, _Told] = {}
    of_act: dict[str, _Told] = {}
    closed: set[str] = set()
    for record in chronicle.records():
        if record.writer not in people:
            continue
        act, deed = str(record.data.get("act")), str(record.data.get("deed"))
        if record.code is Code.INTENT:
            of_act[act] = deeds.setdefault(deed, _Told(record.data, people[record.writer]))
            of_act[act].keys[act] = _key(record.data)
        elif (record.code is Code.SENT or record.code in OUTCOMES) and act in of_act:
            of_act[act].codes[act] = record.code
        elif record.code is Code.SETTLED and "measure" in record.data:
            closed.add(str(record.data["measure"]))
    begun: dict[str, Measure] = {}
    for deed, one in deeds.items():
        try:
            if "due" in one.intent and _BEGUN_CODES & set(one.codes.values()):
                _add(begun, _begun(deed, one.intent, one.target, one.by, str(one.intent.get("reason", ""))))
                if deed in closed:
                    del begun[deed]
            elif "due" not in one.intent:
                done = {one.keys[act] for act, code in one.codes.items() if code is Code.DONE}
                whole = len(done) == one.intent.get("of", len(one.keys))
                _end(begun, _pin(one.intent) or one.target, _request(one.intent), done, whole)
        except (KeyError, TypeError, ValueError):
            continue
    return begun


async def close(trail: Trail, measures: Measures, one: Measure, note: str) -> None:
    """End it with a person's note: somebody else has taken it back. Raises `Unrecorded`."""
    await trail.note(Code.SETTLED, {"measure": one.deed, "note": note})
    measures.forget(one.deed)


@dataclass(slots=True)
class _Told:
    """What the audit tells about one deed."""

    intent: Mapping[str, Any]
    by: str
    codes: dict[str, Code] = field(default_factory=dict)
    """Act -> how far it got."""
    keys: dict[str, str] = field(default_factory=dict)
    """Act -> key of its subject."""

    @property
    def target(self) -> str:
        return str(self.intent.get("target"))


def _add(begun: dict[str, Measure], new: Measure) -> None:
    """One more; it takes the place of an earlier one of the same rows, and leads back to before that."""
    for old in list(begun.values()):
        if old.reverse is None or new.reverse is None or old.place != new.place:
            continue
        back, ours = old.reverse, new.reverse
        if back.action == ours.action and set(back.subjects) == set(ours.subjects):
            new = replace(new, reverse=back)
            del begun[old.deed]
        elif replace(back, subjects=()) == replace(ours, subjects=()):
            _shorten(begun, old, set(ours.subjects))
    begun[new.deed] = new


def _end(begun: dict[str, Measure], place: Identity | str, request: Request, done: Set[str], whole: bool) -> None:
    """Take out what a request has set for good, row by row: `done` are those it was done to, `whole`: to all."""
    rows = done | set(request.subjects) if whole else done
    for one in list(begun.values()):
        if one.place == place and one.reverse is not None and one.reverse.action == request.action:
            _shorten(begun, one, rows)


def _shorten(begun: dict[str, Measure], one: Measure, rows: Set[str]) -> None:
    assert one.reverse is not None
    left = tuple(subject for subject in one.reverse.subjects if subject not in rows)
    if left:
        begun[one.deed] = replace(one, reverse=replace(one.reverse, subjects=left))
    else:
        del begun[one.deed]


def _begun(deed: str, data: Mapping[str, Any], target: str, by: str, reason: str) -> Measure:
    reverse, due = data["reverse"], datetime.fromisoformat(str(data["due"]))
    if due.tzinfo is None:
        raise ValueError("no zone")
    return Measure(
        deed=deed,
        target=target,
        words=str(SafeText(str(data["measure"]), 200)),
        by=str(SafeText(by, 60)),
        reason=str(SafeText(reason, 200)),
        due=due,
        reverse=_request(reverse) if isinstance(reverse, Mapping) else None,
        pin=_pin(data),
    )


def _pin(data: Mapping[str, Any]) -> Identity:
    return tuple((str(name), str(value)) for name, value in data.get("pin") or ())


def _key(data: Mapping[str, Any]) -> str:
    subject = data.get("subject")
    return str(subject.get("key")) if isinstance(subject, Mapping) else ""


def _request(data: Mapping[str, Any]) -> Request:
    number = data.get("number")
    return Request(
        str(data["action"]),
        tuple(map(str, data["subjects"])),
        number if isinstance(number, int) else None,
        str(data.get("word", "")),
    )


def _opening(records: Iterable[Record], name: str) -> Mapping[str, Any]:
    """What a writer's first record tells under a name; empty when it has none."""
    for record in records:
        if record.code is Code.SESSION_OPENED:
            told = record.data.get(name)
            return told if isinstance(told, Mapping) else {}
    return {}


def _system(about: Mapping[str, Any]) -> tuple[Any, Any]:
    return about.get("system"), about.get("environment")
