"""What is known about the tables and indexes of the database we are logged in to. None is "not known", never zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from probes.base import SafeText

_WEEK: Final = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class TableCare:
    """One table or materialised view, as the statistics and the catalogue tell of it."""

    key: str
    """Its name with its schema, quoted where SQL needs it: "public.orders"."""
    rows: float | None = None
    """Live rows, an estimate of the server's."""
    dead: float | None = None
    """Dead rows, an estimate of the server's."""
    vacuumed: float | None = None
    """Seconds since it was last vacuumed, by hand or by autovacuum; None: never, or before the statistics begin."""
    analysed: float | None = None
    """Seconds since its column statistics were last renewed; None: never, or before the statistics begin."""
    changed: float | None = None
    """Rows changed since then."""
    seq_scans: float | None = None
    """Times it was read from end to end since the statistics begin."""
    seq_rows: float | None = None
    """Rows read that way."""
    seq_rate: float | None = None
    """Rows read that way per second between the last two readings."""
    index_scans: float | None = None
    bytes: float | None = None
    """Of the table with its TOAST table; None when it was locked whole, or is not among the biggest."""
    index_bytes: float | None = None
    """Of all its indexes."""
    bloat: float | None = None
    """Bytes that the rows seem not to need: an estimate from the column statistics, often wrong by a tenth."""
    locked: bool = False
    """True when somebody holds it, or waits to have it, for himself alone."""

    @property
    def dead_ratio(self) -> float | None:
        """Share of its rows that are dead."""
        if self.rows is None or self.dead is None or self.rows + self.dead <= 0:
            return None
        return self.dead / (self.rows + self.dead)

    @property
    def rows_per_scan(self) -> float | None:
        """Rows that one reading from end to end takes."""
        return self.seq_rows / self.seq_scans if self.seq_rows is not None and self.seq_scans else None

    @property
    def heavy(self) -> bool:
        """True for a large table that is mostly read from end to end. What is large and mostly are our figures."""
        scans = (self.seq_scans or 0) + (self.index_scans or 0)
        return (self.rows or 0) >= 10_000 and (self.seq_scans or 0) >= 100 and (self.seq_scans or 0) > scans / 2


@dataclass(frozen=True, slots=True)
class IndexCare:
    """One index."""

    key: str
    """Its name with its schema, quoted where SQL needs it."""
    table: str
    """The key of its table."""
    bytes: float | None = None
    scans: float | None = None
    """Times it was used on this server since the statistics begin."""
    used: float | None = None
    """Seconds since it was last used; PostgreSQL 16 and newer."""
    valid: bool = True
    """False for one that a failed build has left: it is written to and serves no query."""
    building: bool = False
    """True while it is being built: not valid yet, and nothing wrong."""
    unique: bool = False
    constraint: SafeText = SafeText()
    """The constraint it serves; such an index can't be dropped by itself."""
    twin: str = ""
    """The key of an index that does the same."""
    covered_by: str = ""
    """The key of an index that begins with all its columns."""
    definition: SafeText = SafeText()
    bloat: float | None = None
    """Bytes that its entries seem not to need, estimated; B-trees of plain columns only."""

    @property
    def unused(self) -> bool:
        """True when no query has used it here since the statistics begin, and it serves no constraint."""
        return self.scans == 0 and self.valid and not self.unique and not self.constraint

    @property
    def note(self) -> str:
        """What is worth knowing about it, in a few words."""
        if self.building:
            return "being built"
        if not self.valid:
            return "INVALID: costs writes, serves no query"
        if self.twin:
            return f"the same as {self.twin}"
        if self.unused:
            return "unused so far"
        return f"begins like {self.covered_by}" if self.covered_by else ""


@dataclass(frozen=True, slots=True)
class Lasting:
    """A setting of the server that outlives sessions."""

    name: str
    value: SafeText
    """As the server writes it, with its unit."""
    source: str
    """PostgreSQL's word for where it comes from: configuration file, database, command line, default ..."""
    pending: bool = False
    """True when the file says something else and only a restart brings it."""


@dataclass(frozen=True, slots=True)
class Care:
    """What a look at the database's tables, indexes and settings has given."""

    tables: tuple[TableCare, ...] = ()
    indexes: tuple[IndexCare, ...] = ()
    tables_left_out: int = 0
    indexes_left_out: int = 0
    since: float | None = None
    """Seconds that the statistics cover at least."""
    since_reset: bool = False
    """True when they were reset then; else they are as old as the server's last start, or older."""
    slow_log: Lasting | None = None
    """log_min_duration_statement as a new session gets it."""
    pending: tuple[str, ...] = ()
    """Settings that wait for a restart."""
    age: float = 0.0
    """Seconds since the look."""

    @property
    def unused(self) -> tuple[IndexCare, ...]:
        """Indexes that no query has used for a week at least; none while the statistics are younger."""
        if self.since is None or self.since < _WEEK:
            return ()
        return tuple(one for one in self.indexes if one.unused)

    def table(self, key: str) -> TableCare | None:
        """The table of that name."""
        return next((one for one in self.tables if one.key == key), None)

    def index(self, key: str) -> IndexCare | None:
        """The index of that name."""
        return next((one for one in self.indexes if one.key == key), None)
