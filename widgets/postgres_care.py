"""Tables and indexes of a PostgreSQL database on the detail screen: what is dead, unused, invalid or read whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from desk.words import plural
from probes.base import SafeText
from probes.postgres.care.facts import Care, IndexCare, TableCare
from probes.postgres.facts import PostgresFacts
from widgets.lines import Line, Part, Tone, dim, line, strong
from widgets.panel import Column, Table
from widgets.postgres_tables import GONE, age_of, count_of, or_gone, rate_of, ratio_of, size_of

_DEAD: Final = 0.2
"""Share of dead rows from which on a table is drawn as one to look at."""


def _cleaned(one: TableCare) -> Part:
    return "never" if one.vacuumed is None else age_of(one.vacuumed)


def _counted(one: TableCare) -> Part:
    return "never" if one.analysed is None else age_of(one.analysed)


def _table_tone(one: TableCare) -> Tone:
    if one.locked:
        return Tone.DIM
    return Tone.WARNING if (one.dead_ratio or 0) >= _DEAD and (one.dead or 0) >= 1000 else Tone.PLAIN


def _note(one: TableCare) -> str:
    if one.locked:
        return "locked whole now: not measured"
    said = []
    if one.heavy:
        said.append(f"read whole {count_of(one.seq_scans)} times, {count_of(one.rows_per_scan)} rows each")
    if one.analysed is None and (one.rows or 0) >= 1000:
        said.append("never analysed")
    return ", ".join(said)


def _table_detail(one: TableCare) -> Sequence[Line]:
    both = None if one.bytes is None else one.bytes + (one.index_bytes or 0)
    return [
        line(strong(SafeText(one.key)), f"  {count_of(one.rows)} rows, {count_of(one.dead)} dead, "
             f"{ratio_of(one.dead_ratio)}"),
        line(f"table {size_of(one.bytes)}, its indexes {size_of(one.index_bytes)}, together {size_of(both)}"),
        line(f"room the rows seem not to need: {size_of(one.bloat)}", dim("  an estimate from the column statistics")),
        line(f"vacuumed {_ago(one.vacuumed)}, analysed {_ago(one.analysed)}, changed since {count_of(one.changed)}"),
        line(f"read from end to end {count_of(one.seq_scans)} times, {count_of(one.rows_per_scan)} rows each, "
             f"now {rate_of(one.seq_rate)}; by an index {count_of(one.index_scans)} times"),
        *([line(_note(one))] if _note(one) else []),
    ]  # fmt: skip


def _ago(value: float | None) -> str:
    return "never" if value is None else f"{age_of(value)} ago"


CARED_TABLES: Final[Table[PostgresFacts, TableCare]] = Table(
    name="tables",
    title="tables",
    rows=lambda facts: facts.care.tables if facts.care else (),
    beyond=lambda facts: facts.care.tables_left_out if facts.care else 0,
    key=lambda one: one.key,
    columns=(
        Column("size", lambda one: size_of(one.bytes), 10, lambda one: one.bytes, right=True, descending=True),
        Column("rows", lambda one: count_of(one.rows), 12, lambda one: one.rows, right=True, descending=True),
        Column("dead", lambda one: ratio_of(one.dead_ratio), 7, lambda one: one.dead_ratio, right=True,
               descending=True),
        Column("vacuumed", _cleaned, 8, lambda one: one.vacuumed, right=True, least=70, descending=True),
        Column("analysed", _counted, 8, lambda one: one.analysed, right=True, least=80, descending=True),
        Column("indexes", lambda one: size_of(one.index_bytes), 10, lambda one: one.index_bytes, right=True, least=95,
               descending=True),
        Column("read whole", lambda one: rate_of(one.seq_rate), 11, lambda one: one.seq_rate, right=True, least=110,
               descending=True),
        Column("bloat, est.", lambda one: size_of(one.bloat), 11, lambda one: one.bloat, right=True, least=130,
               descending=True),
        Column("", _note, 36, least=170),
        Column("table", lambda one: SafeText(one.key)),
    ),
    empty="no table was looked at yet",
    tone=_table_tone,
    detail=_table_detail,
    looks=("columns",),
    order="size",
)  # fmt: skip


def _index_tone(one: IndexCare) -> Tone:
    if not one.valid and not one.building:
        return Tone.CRITICAL
    return Tone.WARNING if one.twin else Tone.DIM if one.unused else Tone.PLAIN


def _index_detail(one: IndexCare) -> Sequence[Line]:
    used = f", last {age_of(one.used)} ago" if one.used is not None else ""
    lines = [
        line(strong(SafeText(one.key)), "  of ", SafeText(one.table), f"  {size_of(one.bytes)}"),
        line(f"used {count_of(one.scans)} times on this server since its statistics begin{used}"),
        line(f"room its entries seem not to need: {size_of(one.bloat)}", dim("  an estimate")),
        line(one.definition),
    ]
    if one.constraint:
        lines.insert(1, line("constraint ", one.constraint, " stands on it: it can't be dropped by itself"))
    if one.note:
        lines.insert(1, line(strong(SafeText(one.note))))
    return lines


CARED_INDEXES: Final[Table[PostgresFacts, IndexCare]] = Table(
    name="indexes",
    title="indexes",
    rows=lambda facts: facts.care.indexes if facts.care else (),
    beyond=lambda facts: facts.care.indexes_left_out if facts.care else 0,
    key=lambda one: f"index {one.key}",
    label=lambda one: one.key,
    columns=(
        Column("size", lambda one: size_of(one.bytes), 10, lambda one: one.bytes, right=True, descending=True),
        Column("used", lambda one: count_of(one.scans), 12, lambda one: one.scans, right=True),
        Column("last", lambda one: age_of(one.used), 8, lambda one: one.used, right=True, least=90, descending=True),
        Column("note", lambda one: SafeText(one.note or ("constraint" if one.constraint else "")), 30, least=60),
        Column("table", lambda one: SafeText(one.table), 24, least=100),
        Column("bloat, est.", lambda one: size_of(one.bloat), 11, lambda one: one.bloat, right=True, least=140,
               descending=True),
        Column("index", lambda one: SafeText(one.key)),
    ),
    empty="no index was looked at yet",
    tone=_index_tone,
    detail=_index_detail,
)  # fmt: skip


def care_parts(care: Care) -> list[Part]:
    """What a look at tables and indexes found, in a few words."""
    broken = [one for one in care.indexes if not one.valid and not one.building]
    said: list[Part] = [f"{count_of(len(care.tables) + care.tables_left_out)} tables"]
    if broken:
        one = SafeText(f"invalid index {broken[0].key}")
        said.append(strong(one if len(broken) == 1 else f"{len(broken)} invalid indexes"))
    if unused := care.unused:
        size = size_of(sum(one.bytes or 0 for one in unused))
        said.append(f"{plural(len(unused), 'index', 'indexes')} unused, {size}")
    if care.slow_log is not None:
        log = care.slow_log
        value = "off" if str(log.value) == "-1" else f"from {log.value}"
        said.append(f"slow-query log {value} ({or_gone(log.source)})")
    if care.pending:
        said.append(f"{plural(len(care.pending), 'changed setting')} not in force before a restart")
    longer = "" if care.since_reset else " or longer"
    said.append(dim(f"uses counted for {age_of(care.since)}{longer}" if care.since is not None else GONE))
    return said
