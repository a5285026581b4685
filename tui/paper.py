"""The audit on paper: what `opsroom audit show` and `opsroom audit verify` print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from desk import words
from desk.audit import Chronicle, Code, Record
from desk.audit.chronicle import missing
from desk.shared.witness import Comparison
from probes.base import SafeText

_SAID: Final[Mapping[Code, str]] = {
    Code.SESSION_OPENED: "opened",
    Code.SESSION_CLOSED: "closed",
    Code.ARMED: "armed",
    Code.DISARMED: "disarmed",
    Code.INTENT: "will",
    Code.SENT: "sent",
    Code.DONE: "done",
    Code.REFUSED: "REFUSED",
    Code.FAILED: "FAILED",
    Code.UNKNOWN: "UNKNOWN",
    Code.PARTIAL: "PARTIAL",
    Code.VERDICT: "found",
    Code.SETTLED: "settled",
    Code.SECOND_ASKED: "asked",
    Code.SECOND_APPROVED: "APPROVED",
    Code.SECOND_REFUSED: "refused",
    Code.SECOND_EXPIRED: "expired",
    Code.SECOND_WITHDRAWN: "withdrew",
    Code.SECOND_USED: "used",
    Code.SECOND_GIVEN: "answered",
    Code.SECOND_RULE: "rule",
    Code.MISSED: "missed",
}


def shown(chronicle: Chronicle, last: int) -> list[str]:
    """The newest records, oldest first, a line each."""
    actors = {chapter.writer: _actor(chapter.records) for chapter in chronicle.chapters}
    acts = {str(one.data.get("act")): one for one in chronicle.records() if one.code is Code.INTENT}
    return [_line(record, actors.get(record.writer, "?"), acts) for record in chronicle.records()[-last:]]


def as_json(chronicle: Chronicle, last: int) -> list[str]:
    """The newest records as they stand in the files, a JSON object each."""
    return [record.line.decode("ascii").rstrip("\n") for record in chronicle.records()[-last:]]


def verified(chronicle: Chronicle, witness: Iterable[str], store: Comparison | None = None) -> tuple[list[str], bool]:
    """(what there is to say, whether every record is as it was written). `store`: what a shared store has seen."""
    lost = missing(chronicle, witness)
    beside = store or Comparison()
    problems = [*chronicle.problems, *beside.problems]
    lines = [f"note: {note}" for note in (*chronicle.notes, *beside.notes)]
    lines += [f"WRONG: {problem}" for problem in problems]
    lines += [f"WRONG: the witness has seen {one[:16]}…, which is not there" for one in lost]
    open_ends = chronicle.unfinished()
    lines += [f"open: act {one.act} of {one.intent.data.get('target')} has no known end" for one in open_ends]
    records, writers = len(chronicle.records()), len(chronicle.chapters)
    whole = not problems and not lost
    counted = f"{words.plural(records, 'record')} by {words.plural(writers, 'session')}"
    lines.append(f"{counted}: " + ("all as they were written" if whole else "NOT as they were written"))
    if store is not None:
        others = f", and {store.elsewhere} of other people or machines" if store.elsewhere else ""
        lines.append(f"the store has {store.matched} of them as they stand here{others}")
    newest = chronicle.records()[-1:]
    lines += [f"newest: {record.hash}  keep it elsewhere; --witness holds it against the files" for record in newest]
    return lines, whole


def _actor(records: Sequence[Record]) -> str:
    first = records[0] if records else None
    told = first.data.get("actor") if first is not None and first.code is Code.SESSION_OPENED else None
    return str(SafeText(f"{_in(told, 'name') or '?'}@{_in(told, 'host') or '?'}", 60))


def _line(record: Record, actor: str, acts: Mapping[str, Record]) -> str:
    at = f"{record.at:%Y-%m-%d %H:%M:%S}Z"
    return str(SafeText(f"{at}  {actor}  {_SAID[record.code]:<8} {_words(record, acts)}", 1000)).rstrip()


def _words(record: Record, acts: Mapping[str, Record]) -> str:
    data = record.data
    match record.code:
        case Code.SESSION_OPENED:
            about = data.get("about")
            return f"a session on {_in(about, 'system')} {_in(about, 'environment')}"
        case Code.ARMED:
            minutes = data.get("minutes")
            return f"{'without an end' if minutes is None else f'for {minutes} min'}: {data.get('reason')}"
        case Code.DISARMED:
            return str(data.get("why", ""))
        case Code.INTENT:
            subject = data.get("subject")
            change = f"{_in(subject, 'before')} -> {_in(subject, 'after')}"
            return f"{_aim(data)}: {change} ({data.get('reason')})"
        case Code.REFUSED if "act" not in data:
            return f"{data.get('action')} on {data.get('target')}: {data.get('reason')}"
        case Code.SETTLED:
            return f"{_of(data, acts)}: {data.get('note')} (found: {data.get('found')})"
        case Code.SESSION_CLOSED | Code.MISSED:
            return ""
        case _ if record.code in _SECOND:
            return _second(record)
        case _:
            said = " ".join(str(data[key]) for key in ("truth", "words") if data.get(key))
            return f"{_of(data, acts)}: {said}" if said else _of(data, acts)


def _second(record: Record) -> str:
    """What two people agreed on, who, and how that is proven."""
    data, code = record.data, record.code
    id_, what = str(data.get("request") or "")[-6:], data.get("what")
    by = f"{_in(data.get('by'), 'name')} ({_in(data.get('by'), 'proof')})"
    said = f": {data.get('words')}" if data.get("words") else ""
    if code is Code.SECOND_ASKED:
        return f"[{id_}] a second person: {what} ({data.get('reason')})"
    if code in (Code.SECOND_APPROVED, Code.SECOND_REFUSED):
        return f"[{id_}] {what} by {by}{said}"
    if code is Code.SECOND_USED:
        return f"[{id_}] what {by} approved"
    if code is Code.SECOND_GIVEN:
        asker, word = data.get("asker"), "yes" if data.get("granted") is True else "no"
        return f"[{id_}] {word} to {_in(asker, 'name')} ({_in(asker, 'proof')}): {what}{said}"
    if code is Code.SECOND_RULE:
        agreed = f", agreed on in [{id_}]" if id_ else ""
        return f"a second person must agree to: {data.get('words')}{agreed}"
    return f"[{id_}] {what}"


_SECOND: Final = frozenset(code for code in Code if code.value.startswith("second."))


def _of(data: Mapping[str, Any], acts: Mapping[str, Record]) -> str:
    intent = acts.get(str(data.get("act")))
    return _aim(intent.data) if intent is not None else f"act {data.get('act')}"


def _aim(data: Mapping[str, Any]) -> str:
    return f"{data.get('action')} {_in(data.get('subject'), 'name')} on {data.get('target')}"


def _in(table: object, key: str) -> str:
    """What a table of a record holds; records may be of any shape once somebody has written in them."""
    return str(table.get(key) or "") if isinstance(table, Mapping) else ""
