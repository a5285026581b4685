"""The rows of a saved query by the values of their key, as they are before and after an act."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from probes.base import Cause, ProbeError, SafeText
from probes.postgres.saved import values
from probes.postgres.saved.asking import Answer
from probes.postgres.saved.settings import QuerySettings, RowAct


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A row as it is now."""

    cells: dict[str, SafeText | None]
    """Columns that are shown and compared, but for the key."""
    digest: str
    """Of those and the key, as they came."""


@dataclass(frozen=True, slots=True)
class FoundRows:
    """The rows of one asking, by the values of their key."""

    rows: dict[tuple[str, ...], FoundRow]
    twice: frozenset[tuple[str, ...]]
    """Keys that several rows have."""
    unlike: frozenset[tuple[str, ...]]
    """Keys that are not what they look like: too long, or with characters that are made visible or plain."""
    more: bool
    """True when there are more rows than were fetched: one that is not among them need not be gone."""


def found_in(query: QuerySettings, act: RowAct, answer: Answer) -> FoundRows:
    """The rows of an answer by their key. Raises `ProbeError` where a column is missing."""
    names = list(answer.names)
    if missing := [one for one in (*act.key, *act.same) if one not in names]:
        raise ProbeError(Cause.MISSING, SafeText(f"the answer has no column {missing[0]}", 200))
    hidden = {
        at for at, (column, oid) in enumerate(zip(names, answer.types, strict=True))
        if column in query.redact or values.is_secret(column, oid)
    }  # fmt: skip
    compared = [
        at for at, name in enumerate(names)
        if (name in act.same if act.same else at not in hidden and answer.types[at] != values.INTERVAL)
    ]  # fmt: skip
    places = [names.index(name) for name in act.key]
    found: dict[tuple[str, ...], FoundRow] = {}
    twice, unlike = set(), set()
    for row in answer.rows:
        cells = [values.cell(row[at]) for at in places]
        if any(one is None for one in cells):
            continue
        key = tuple(map(str, cells))
        if key in found:
            twice.add(key)
        if any(bytes(row[at] or b"") != text.encode() for at, text in zip(places, key, strict=True)):
            unlike.add(key)
        said = [b"\0" if row[at] is None else b"\1" + bytes(row[at] or b"") for at in (*places, *compared)]
        digest = sha256(b"".join(len(one).to_bytes(8, "big") + one for one in said)).hexdigest()[:16]
        shown = {names[at]: values.cell(row[at]) for at in compared if at not in places and at not in hidden}
        found[key] = FoundRow(shown, digest)
    return FoundRows(found, frozenset(twice), frozenset(unlike), answer.more)


def only(found: FoundRows, wanted: tuple[str, ...]) -> FoundRow:
    """The row of that key. Raises `ProbeError` where there is none, or several, or it is not as it is shown."""
    row = found.rows.get(wanted)
    named = SafeText(" ".join(wanted), 100)
    if wanted in found.twice:
        raise ProbeError(Cause.MISSING, f"several rows are named {named}: the key does not tell them apart")
    if row is None:
        more = ", or not among the rows that are fetched" if found.more else ""
        raise ProbeError(Cause.GONE, f"the row {named} is not there any more{more}")
    if wanted in found.unlike:
        raise ProbeError(Cause.MISSING, f"the key of the row {named} is not as it is shown: no command is given that")
    return row
