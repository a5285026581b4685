"""Rows of saved queries for which something can be done: how each is named, and how the command line for it reads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from probes.base import CommandLine, Recognised, Request, SafeText, quoted
from probes.postgres.saved.facts import SavedQuery, SqlFacts
from probes.postgres.saved.settings import RowAct

RUN: Final = "run"

_SHOWN: Final = 6
"""Columns in which a row is told."""


@dataclass(frozen=True, slots=True)
class Actable:
    """One row. Thousands are made at each reading: what only a row that is seen needs is made when it is asked for."""

    of: SavedQuery
    row: tuple[SafeText | None, ...]
    """Its cells, as they came."""
    places: tuple[int, ...]
    """Of the columns of its key."""

    @property
    def key(self) -> str:
        """The query and the values of its key: "failed_events/4711"."""
        return key_of(self.of.name, self.values)

    @property
    def query(self) -> str:
        """Title of the query."""
        return self.of.title

    @property
    def values(self) -> tuple[str, ...]:
        """Of the key, as they are shown."""
        return tuple(str(self.row[at]) for at in self.places)

    @property
    def told(self) -> SafeText:
        """The other columns, in words."""
        return words({str(name): self.row[at] for at, name in enumerate(self.of.columns) if at not in self.places})


def actable(facts: SqlFacts) -> list[Actable]:
    """The rows of the last answers for which something can be done, in the order of the queries."""
    return [row for query in facts.queries if query.key for row in _of(query)]


def _of(query: SavedQuery) -> list[Actable]:
    columns = [str(column) for column in query.columns]
    if not set(query.key) <= set(columns):
        return []
    places = tuple(columns.index(name) for name in query.key)
    return [Actable(query, row, places) for row in query.table if all(row[at] is not None for at in places)]


def words(cells: Mapping[str, SafeText | None]) -> SafeText:
    """Columns and what they say, in a line.

    >>> str(words({"status": SafeText("failed"), "tries": None}))
    'status failed, tries NULL'
    """
    some = [f"{name} {'NULL' if one is None else one}" for name, one in cells.items()]
    return SafeText.line(", ".join(some[:_SHOWN]) + (", …" if len(some) > _SHOWN else ""))


def key_of(query: str, values: Sequence[str]) -> str:
    """How a row is named.

    >>> key_of("failed", ["4711", "a/b"]), values_of("failed/4711/a%2Fb")
    ('failed/4711/a%2Fb', ('failed', ('4711', 'a/b')))
    """
    return "/".join((query, *(one if one.isalnum() and one.isascii() else quote(one, safe=":@+ ") for one in values)))


def values_of(key: str) -> tuple[str, tuple[str, ...]]:
    """(the query, the values of its key)."""
    query, *values = key.split("/")
    return query, tuple(map(unquote, values))


def unfit(act: RowAct, values: Sequence[str]) -> str:
    """Why the values of a key can't be handed to the command, in words; empty: they can."""
    for name, value in zip(act.key, values, strict=True):
        if not value.isprintable():
            return f"{name} holds what can't be seen"
        if not re.fullmatch(act.pattern, value):
            return f"{name} does not match {act.pattern}"
        if value.startswith("-"):
            return f"{name} begins with a dash, so that it would be taken for an option"
    return ""


def filled(act: RowAct, values: Sequence[str]) -> tuple[str, ...]:
    """The argument list with the values in their places."""
    places = {f"{{{name}}}": value for name, value in zip(act.key, values, strict=True)}
    return tuple(places.get(one, one) for one in act.argv)


def render(request: Request, acts: Mapping[str, RowAct]) -> str:
    """The command for each row, line by line."""
    lines = []
    for key in request.subjects:
        query, values = values_of(key)
        act = acts.get(query)
        known = act is not None and len(act.key) == len(values)
        lines.append(quoted(filled(act, values) if act is not None and known else [key]))
    return "\n".join(lines)


def recognise(line: CommandLine, acts: Mapping[str, RowAct]) -> Recognised | None:
    """The row that a line is for, letter by letter; one that gives the command anything besides is another one."""
    if line.stdin or line.reads or line.piped or line.sql or line.through or line.environment:
        return None
    for query, act in acts.items():
        values = _values(act, line.words)
        if values is not None:
            return Recognised(Request(RUN, (key_of(query, values),)))
    return None


def _values(act: RowAct, argv: Sequence[str]) -> tuple[str, ...] | None:
    if len(argv) != len(act.argv):
        return None
    found: dict[str, str] = {}
    for place, word in zip(act.argv, argv, strict=True):
        name = place[1:-1] if place.startswith("{") and place.endswith("}") else ""
        if name in act.key:
            if found.setdefault(name, word) != word:
                return None
        elif place != word:
            return None
    values = tuple(found[name] for name in act.key)
    return None if unfit(act, values) else values
