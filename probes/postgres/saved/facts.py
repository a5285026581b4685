"""What is known of saved queries after one reading. Missing is None, never zero; NULL is missing too."""

from __future__ import annotations

from dataclasses import dataclass

from probes.base import SafeText, Unit


@dataclass(frozen=True, slots=True)
class Row:
    """The number of one row, by the column that names it."""

    of: SafeText
    value: float | None


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """One query: its number now, the one before, its rows, or why there is none."""

    name: str
    title: str
    unit: Unit = Unit.COUNT
    value: float | None = None
    """In its base unit; of several rows the worst one's."""
    why: str = ""
    """Why there is no number, in a person's words; empty when there is one."""
    hint: str = ""
    fault: str = ""
    """`why` in one or two words, the same for all faults of a sort; empty when it was answered."""
    asked: bool = True
    """False until it was asked for the first time."""
    by: SafeText = SafeText()
    rows: tuple[Row, ...] = ()
    """Numbers of the rows, where a column names them; the worst first."""
    columns: tuple[SafeText, ...] = ()
    table: tuple[tuple[SafeText | None, ...], ...] = ()
    """The rows as they came, redacted; None is NULL."""
    count: int | None = None
    """Rows that came."""
    cut: bool = False
    """True when there are more rows than were fetched."""
    previous: float | None = None
    """The number of the asking before."""
    previous_ago: float | None = None
    """Seconds between the two."""
    age: float | None = None
    """Seconds since it was asked."""
    last: float | None = None
    """The last number there was, when there is none now."""
    last_age: float | None = None
    took: float | None = None
    """Seconds the server needed."""
    every: float | None = None
    """Seconds between two askings, as it is now."""
    slowed: str = ""
    """Why it is asked more rarely than the profile says."""
    blind: float | None = None
    """Seconds without a number, where it has a limit."""
    warn: float | None = None
    critical: float | None = None
    when: str = "above"
    lasts: float = 0.0
    sql: SafeText = SafeText()
    """The query without its literals."""
    notes: tuple[SafeText, ...] = ()
    key: tuple[str, ...] = ()
    """Columns that tell a row from all others, where something can be done for one."""

    @property
    def change(self) -> float | None:
        """By how much the number differs from the one before."""
        return None if self.value is None or self.previous is None else self.value - self.previous

    def lines(self, most: int = 1000, widest: int = 40) -> list[SafeText]:
        """The rows as they came, one line each under their columns."""
        drawn = [["NULL" if one is None else str(one) for one in row] for row in self.table[:most]]
        wide = [
            min(widest, max([len(column), *(len(row[at]) for row in drawn)])) for at, column in enumerate(self.columns)
        ]

        def one(cells: list[str]) -> SafeText:
            cut = [
                text if len(text) <= width else text[: width - 1] + "…" for text, width in zip(cells, wide, strict=True)
            ]
            return SafeText.line("  ".join(f"{text:<{width}}" for text, width in zip(cut, wide, strict=True)).rstrip())

        return [one([str(column) for column in self.columns]), *(one(row) for row in drawn)]


@dataclass(frozen=True, slots=True)
class SqlFacts:
    """A database and its saved queries."""

    where: SafeText = SafeText()
    version: SafeText = SafeText()
    database: SafeText = SafeText()
    role: SafeText = SafeText()
    standby: bool | None = None
    """True when it answers from a standby, which may be behind."""
    powers: tuple[SafeText, ...] = ()
    """What our role may do that no saved query needs."""
    queries: tuple[SavedQuery, ...] = ()
