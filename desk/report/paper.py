"""A report as data, and on paper: Markdown for people, JSON for programs, CSV for tables.

What comes from outside can do nothing there: no markup, no HTML, no formula of a spreadsheet.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from desk import words
from probes.base import Unit

VERSION: Final = 1
"""Of the JSON form; grows when it changes."""

NONE: Final = "–"
"""What is not known, as a person sees it."""

_MARKUP: Final = re.compile(r"([\\`*~&\[\]<>|]|(?<!\w)_|_(?!\w)|(?<=[A-Za-z]):(?=//)|@|(?<=www)\.)")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet may carry out: https://owasp.org/www-community/attacks/CSV_Injection."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with its unit; shown to people in human units, to programs as it is."""

    value: float
    unit: Unit
    signed: bool = False
    """True: a growth, shown with its sign."""

    def __str__(self) -> str:
        said = words.amount(self.value, self.unit)
        return f"+{said}" if self.signed and self.value > 0 else said


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time in seconds."""

    seconds: float

    def __str__(self) -> str:
        return words.span(self.seconds)


Cell = str | int | Amount | Span | datetime | None
"""What stands in a table; None: it is not known."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under names. The names are those of JSON too."""

    name: str
    """Stable: "gauges"."""
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def numeric(self, place: int) -> bool:
        """True for a column of nothing but numbers, which stand at its right."""
        cells = [row[place] for row in self.rows if row[place] is not None]
        return bool(cells) and all(isinstance(cell, int | Amount | Span) for cell in cells)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report."""

    title: str
    lines: tuple[str, ...] = ()
    """Sentences; each may hold text from outside."""
    table: Table | None = None
    empty: str = "none"
    """Said in place of a table without rows."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report as it is written."""

    name: str
    """Stable: "capacity"."""
    title: str
    system: str
    made: datetime
    since: datetime
    until: datetime
    sections: tuple[Section, ...]


def as_markdown(report: Report) -> str:
    """For people: GitHub's Markdown (https://github.github.com/gfm/)."""
    lines = [
        f"# {plain(report.title)}",
        "",
        f"{plain(report.system)}, {_time(report.since)} to {_time(report.until)}; made {_time(report.made)}. "
        "All times are UTC.",
    ]
    for section in report.sections:
        lines += ["", f"## {plain(section.title)}", ""]
        lines += [f"- {plain(one)}" for one in section.lines]
        if section.table is not None:
            lines += ["", *_rows(section.table)] if section.table.rows else ["", plain(section.empty) + "."]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def as_json(report: Report) -> str:
    """For programs: every number in its base unit, every moment as ISO 8601, in ASCII."""
    body = {
        "version": VERSION,
        "report": report.name,
        "title": report.title,
        "system": report.system,
        "made": _iso(report.made),
        "since": _iso(report.since),
        "until": _iso(report.until),
        "sections": [_section(one) for one in report.sections],
    }
    return json.dumps(body, indent=2, allow_nan=False) + "\n"


def as_csv(report: Report) -> str:
    """For spreadsheets: the tables one below the other, each row led by the table's name (RFC 4180)."""
    out = io.StringIO()
    sheet = csv.writer(out, lineterminator="\r\n")
    for table in [one.table for one in report.sections if one.table is not None]:
        sheet.writerow(["table", *table.columns])
        for row in table.rows:
            sheet.writerow([table.name, *(inert(_raw(cell)) for cell in row)])
    return out.getvalue()


def inert(value: object) -> object:
    """A cell that no spreadsheet takes for a formula; numbers stay numbers.

    >>> inert("=1+1"), inert(-3.5), inert("mail")
    ("'=1+1", -3.5, 'mail')
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _rows(table: Table) -> list[str]:
    lines = [
        _row(table.columns),
        _row(["---:" if right else "---" for right in map(table.numeric, range(len(table.columns)))]),
    ]
    return lines + [_row([plain(shown(cell)) for cell in row]) for row in table.rows]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def shown(cell: Cell) -> str:
    """A cell as people read it.

    >>> shown(None), shown(4812), shown(Amount(0.5, Unit.RATIO)), shown(datetime(2026, 11, 1, 3, 12, tzinfo=UTC))
    ('–', '4,812', '50 %', '2026-11-01 03:12')
    """
    if cell is None:
        return NONE
    return _time(cell) if isinstance(cell, datetime) else f"{cell:,}" if isinstance(cell, int) else str(cell)


def plain(text: str) -> str:
    """Text that is nothing but text in Markdown, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _section(section: Section) -> Mapping[str, Any]:
    body: dict[str, Any] = {"title": section.title, "lines": list(section.lines)}
    if section.table is not None:
        table = section.table
        body["table"] = table.name
        body["rows"] = [dict(zip(table.columns, map(_raw, row), strict=True)) for row in table.rows]
    return body


def _raw(cell: Cell) -> str | float | int | None:
    if isinstance(cell, Amount):
        return cell.value
    if isinstance(cell, Span):
        return round(cell.seconds, 3)
    return _iso(cell) if isinstance(cell, datetime) else cell


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
