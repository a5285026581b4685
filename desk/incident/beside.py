"""What happened beside an incident, as entries of its timeline: alerts, acts, approvals, steps of procedures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from desk.actor import called
from desk.alert import Alert
from desk.audit.record import OUTCOMES, Code
from desk.audit.record import Record as AuditRecord
from desk.inbox.case import Silence
from desk.inbox.case import What as CaseWhat
from desk.inbox.record import Record as CaseRecord
from desk.incident.copies import copies
from desk.incident.timeline import Entry, Source
from desk.runs.record import Judgement
from desk.runs.record import Record as RunRecord
from desk.runs.record import What as RunWhat
from desk.words import amount
from probes.base import Unit


def of_cases(records: Iterable[CaseRecord], since: datetime, until: datetime) -> Iterator[Entry]:
    """Alerts as they came, grew worse, were taken in hand and went; what sessions say alike of their own copies of one
    alert is told once, as the first of them said it."""
    there = sorted(records, key=lambda one: (one.at, one.id))
    alike = copies(there)
    known: dict[str, str] = {}
    met: set[str] = set()
    silenced: set[tuple[Silence, datetime]] = set()
    made: dict[str, Entry] = {}
    for record in there:
        if record.alert is not None:
            known[record.case] = record.alert.target
        first = record.what is CaseWhat.RAISED and record.case not in met
        met.add(record.case)
        if not since <= record.at <= until:
            continue
        if record.silence is not None and record.what is None:
            if (record.silence, record.at) not in silenced:  # a store that lost it was told of it again
                made[record.id] = _of_silence(record, record.silence)
            silenced.add((record.silence, record.at))
            continue
        name = record.case if first else record.id
        told = alike.get(record.id, record.id)
        if (one := made.get(told)) is not None:
            made[told] = replace(one, copies=(*one.copies, name))
            continue
        made[told] = Entry(
            name, record.at, Source.ALERT, _of_case(record), record.by, target=known.get(record.case, ""),
            about=record.case, follows=() if first else (record.case,),
        )  # fmt: skip
    yield from made.values()


def _of_silence(record: CaseRecord, silence: Silence) -> Entry:
    return Entry(
        record.id, record.at, Source.ALERT, f"silence of {silence.about}: {silence.reason}", record.by or silence.by
    )


def _of_case(record: CaseRecord) -> str:
    note = f": {record.note}" if record.note else ""
    what = record.what.value if record.what is not None else ""
    alert = record.alert
    if alert is None:
        return f"alert {what}{note}"
    return f"{alert.severity.name.lower()} {what}: {alert.words}{_proof(alert)}{note}"


def _proof(alert: Alert) -> str:
    """The number in brackets, where the sentence does not hold it already and it is more than yes or no."""
    if alert.value is None or (alert.unit is Unit.COUNT and alert.value in (0, 1)):
        return ""
    told = amount(alert.value, alert.unit)
    return "" if re.search(rf"(?<![\d.,]){re.escape(told)}(?![\d.,]*\d)", alert.words) else f" ({told})"


def of_audit(
    records: Iterable[AuditRecord], system: str, environment: str, since: datetime, until: datetime
) -> Iterator[Entry]:
    """Acts on a system, refused ones too: what was asked, what a second person said, what was answered, what was true
    afterwards."""
    writers: dict[str, tuple[str, str, bool]] = {}
    acts: dict[str, Mapping[str, Any]] = {}
    there = sorted(records, key=lambda one: (one.writer, one.seq))
    heard = {_text(one.data.get("request")) for one in there if one.code in _HEARD}
    for record in there:
        data = record.data
        if record.code is Code.SESSION_OPENED:
            about, actor = _table(data.get("about")), _table(data.get("actor"))
            ours = (_text(about.get("system")), _text(about.get("environment"))) == (system, environment)
            claimed = {name: _text(said) for name, said in _table(actor.get("claimed")).items()}
            name = called(_text(actor.get("name")) or "?", claimed)
            writers[record.writer] = name, _text(actor.get("host")), ours
            continue
        who, host, ours = writers.get(record.writer, ("?", "", False))
        act = _text(data.get("act"))
        if record.code is Code.INTENT:
            acts[act] = data
        if not ours or not since <= record.at <= until:
            continue
        if record.code is Code.SECOND_GIVEN and _text(data.get("request")) in heard:
            continue  # told once: as who asked has heard it
        made = _of_second(record) if record.code in _SECOND else _of_act(record, acts.get(act, data))
        if made is not None:
            yield replace(made, by=made.by or who, host=host, session=record.writer, seq=record.seq)


def _of_act(record: AuditRecord, intent: Mapping[str, Any]) -> Entry | None:
    data, subject = record.data, _table(intent.get("subject"))
    action, target, name = _text(intent.get("action")), _text(intent.get("target")), _text(subject.get("name"))
    what = f"{action} {name}".strip()
    words = _text(data.get("words"))
    entry = Entry(
        f"{record.writer}/{record.seq}", record.at, Source.ACT, "", target=target, about=_text(data.get("deed"))
    )
    if record.code is Code.INTENT:
        reason = f": {_text(data.get('reason'))}" if data.get("reason") else ""
        command = intent.get("command")
        return replace(
            entry, words=f"{what}{reason}", before=_text(subject.get("before")), after=_text(subject.get("after")),
            detail="\n".join(map(str, command)) if isinstance(command, list) else "",
        )  # fmt: skip
    if record.code in OUTCOMES:
        said = f": {_text(data.get('reason')) or words}" if words or data.get("reason") else ""
        return replace(entry, words=f"{what} {record.code.value.removeprefix('act.')}{said}")
    if record.code is Code.VERDICT:
        truth = _text(data.get("truth"))
        return replace(
            entry, words=f"{what}: {words or truth}", verdict=truth, before=_text(subject.get("before")),
            after=_text(subject.get("after")),
        )  # fmt: skip
    if record.code is Code.SETTLED:
        return replace(entry, words=f"{what} closed by hand: {_text(data.get('note'))}")
    return None


_SECOND: Final[Mapping[Code, str]] = {
    Code.SECOND_ASKED: "a second person is asked",
    Code.SECOND_APPROVED: "approved",
    Code.SECOND_REFUSED: "refused",
    Code.SECOND_EXPIRED: "nobody answered in time",
    Code.SECOND_WITHDRAWN: "no longer asked",
    Code.SECOND_USED: "begun with the approval",
    Code.SECOND_GIVEN: "answered",
    Code.SECOND_RULE: "what needs a second person",
}

_HEARD: Final = frozenset({Code.SECOND_APPROVED, Code.SECOND_REFUSED})
"""That an answer came, on record with who asked."""


def _of_second(record: AuditRecord) -> Entry:
    """Two people about one act; what was answered is said by who answered."""
    data, code = record.data, record.code
    request = _text(data.get("request"))
    by = _text(_table(data.get("by")).get("name"))
    words = _SECOND[code]
    if code is Code.SECOND_GIVEN:
        words = f"{'approves' if data.get('granted') is True else 'refuses'} what is asked"
    elif code is Code.SECOND_USED and by:
        words += f" by {by}"
    said = [words, _text(data.get("what")), _text(data.get("words"))]
    asked = code is Code.SECOND_ASKED and bool(request)
    return Entry(
        request if asked else f"{record.writer}/{record.seq}", record.at, Source.APPROVAL,
        ": ".join(one for one in said if one), by if code in _HEARD else "", about=request,
        follows=() if asked or not request else (request,),
    )  # fmt: skip


def of_runs(records: Iterable[RunRecord], since: datetime, until: datetime) -> Iterator[Entry]:
    """Procedures: begun, each step with what was found, how they ended."""
    there = sorted(records, key=lambda one: (one.at, one.id))
    begun = {one.run: one for one in there if one.begun is not None}
    for record in there:
        first = begun.get(record.run)
        words = _of_run(record, first)
        if not words or not since <= record.at <= until:
            continue
        judged = record.judgement.value if record.judgement is not Judgement.NONE else ""
        earlier = first.id if first is not None and first is not record else ""
        follows = tuple(one for one in (earlier, record.deed) if one)
        yield Entry(
            record.id, record.at, Source.STEP, words, record.by, verdict=judged,
            detail=record.output or record.command, about=record.run, follows=follows,
        )  # fmt: skip


def _of_run(record: RunRecord, first: RunRecord | None) -> str:
    begun = first.begun if first is not None else None
    title = begun.procedure.title if begun is not None else "a procedure"
    text = f": {record.text}" if record.text else ""
    match record.what:
        case RunWhat.BEGUN:
            return f"procedure {title} begun"
        case RunWhat.ENDED if record.end is not None:
            return f"procedure {title} {record.end.value}{text}"
        case RunWhat.HANDED:
            return f"procedure {title}: {record.text} goes on"
        case RunWhat.DONE | RunWhat.SKIPPED | RunWhat.NOTED | RunWhat.CHOSEN:
            if record.step is None:
                return f"procedure {title}{text}" if text else ""
            steps = tuple(begun.procedure.steps) if begun is not None else ()
            name = steps[record.step].title if 0 <= record.step < len(steps) else ""
            done = "" if record.what is RunWhat.DONE else f" {record.what.value}"
            return f"step {record.step + 1} {name}{done}{text}".replace("  ", " ")
    return ""


def _table(value: object) -> Mapping[str, Any]:
    """Records may be of any shape once somebody has written in them."""
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
