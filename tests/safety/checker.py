"""Holds what a server received against what the audit says: anything that one of them can't explain is a violation."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from desk.audit import Code, Record, chronicle
from desk.audit.record import OUTCOMES, Broken, parse

_ORDER: Final = ({Code.INTENT}, {Code.SENT}, OUTCOMES, {Code.VERDICT})
_HARMLESS = ("it ends in the middle of a record", "it has no last word", "it holds no record")
_BRIDGED = "records before this one went to the system's log only"


@dataclass
class Joined:
    """What came of it."""

    acts: int = 0
    dangling: list[str] = field(default_factory=list)
    """Acts without a known end, all of them listed."""
    wrong: list[str] = field(default_factory=list)

    @property
    def doubled(self) -> int:
        """Requests beyond the first under one id."""
        return sum("twice" in one for one in self.wrong)

    @property
    def lost(self) -> int:
        """Requests without an intent, and acts without an end that nobody lists."""
        return sum("without an intent" in one or "not listed" in one for one in self.wrong)


def joined(wire: Sequence[str], folder: Path, log: Iterable[str] = (), refusals: bool = False) -> Joined:
    """Join the requests a server received (ids of acts, in order) with an audit folder and what the log received.

    Every process that wrote there must have ended. `refusals`: whether deeds may have been refused as a whole.
    """
    whole = chronicle.read(folder)
    logged = list(log)
    found = Joined()
    found.wrong += [f"the audit is damaged: {problem}" for problem in whole.problems]
    harmless = (*_HARMLESS, _BRIDGED) if logged else _HARMLESS
    found.wrong += [f"unexplained: {note}" for note in whole.notes if not note.words.startswith(harmless)]
    held = {record.hash for record in whole.records()}
    records = whole.records() + [record for record in map(_logged, logged) if record and record.hash not in held]
    by_act: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if "act" in record.data:
            by_act[str(record.data["act"])].append(record)
        elif record.code is Code.REFUSED and not refusals:
            found.wrong.append(f"unexplained refusal: {record.data.get('reason')}")
    found.acts = len(by_act)
    counts = Counter(wire)
    found.wrong += [f"{act}: received twice" for act, count in counts.items() if count > 1]
    found.wrong += [f"{act}: received without an intent" for act in counts if act not in by_act]
    listed = {one.act: one for one in whole.unfinished()}
    in_file = {str(record.data.get("act")) for record in whole.records()}
    for act, of_act in by_act.items():
        found.wrong += [f"{act}: {words}" for words in _told(of_act, counts[act])]
        ended = _ended(of_act)
        if not ended and act in listed:
            found.dangling.append(act)
            if counts[act] and not listed[act].sent:
                found.wrong.append(f"{act}: received, yet listed as not sent")
        elif not ended and act in in_file:
            found.wrong.append(f"{act}: has no known end and is not listed")
        elif ended and act in listed and _ended([one for one in of_act if one.hash in held]):
            found.wrong.append(f"{act}: has an end and is listed all the same")
    found.wrong += [f"{act}: listed, yet nowhere recorded" for act in listed if act not in by_act]
    return found


def _logged(line: str) -> Record | None:
    """The record on a line of the log; None: a note of missing ones."""
    try:
        record = parse(line[line.index("{") :].encode() + b"\n")
    except (ValueError, Broken):
        return None
    return None if record.code is Code.MISSED else record


def _ended(records: Sequence[Record]) -> bool:
    for record in records:
        if record.code is Code.SETTLED or (record.code in OUTCOMES and record.code is not Code.UNKNOWN):
            return True
        if record.code is Code.VERDICT and record.data.get("truth") in ("CONFIRMED", "REFUTED"):
            return True
    return False


def _told(records: Sequence[Record], received: int) -> Iterable[str]:
    """What is wrong with the records of one act, which was received so often."""
    codes = [record.code for record in sorted(records, key=lambda one: one.seq) if record.code is not Code.SETTLED]
    steps = [n for code in codes for n, step in enumerate(_ORDER) if code in step]
    if steps != sorted(set(steps)) or not codes or codes[0] is not Code.INTENT:
        yield f"records out of turn: {[code.value for code in codes]}"
    if received and not {Code.INTENT, Code.SENT} <= set(codes):
        yield "received without an intent to send it now"
    if len({record.writer for record in records if record.code is not Code.SETTLED}) != 1:
        yield "two sessions wrote about it"
    said = {record.code for record in records}
    if not received and said & {Code.DONE, Code.PARTIAL}:
        yield "recorded as done, yet never received"
    if received and said & {Code.REFUSED, Code.FAILED}:
        yield "received, yet recorded as not done"
    for record in records:
        words = str(record.data.get("truth") if record.code is Code.VERDICT else record.data.get("found", ""))
        if words.startswith(("CONFIRMED", "applied")) and not received:
            yield f"found to be so, yet never received: {words}"
        if words.startswith(("REFUTED", "not applied")) and received:
            yield f"found not to be so, yet received: {words}"
