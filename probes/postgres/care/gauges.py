"""Numbers of care for rules and history. Every threshold here is ours; a profile changes it."""

from __future__ import annotations

from typing import Final

from probes.base import Gauges, GaugeSpec, Missing, Rule, Severity, Unit
from probes.postgres.care.facts import Care

_NAMED: Final = 5
"""Tables or indexes named in one gauge at most: the worst."""
_SOME: Final = 10_000.0
"""Rows from which on a table is worth a word."""

SPECS: Final = (
    GaugeSpec("index_invalid", "1 for an index that a failed build left: it costs writes and serves no query.",
              better="low"),
    GaugeSpec("index_unused_bytes", "Size of an index no query has used for a week at least; the biggest five.",
              Unit.BYTES, better="low"),
    GaugeSpec("table_dead_ratio", "Share of a table's rows that are dead; the worst five of those with many.",
              Unit.RATIO, better="low"),
    GaugeSpec("table_dead_rows", "Dead rows of a table; the worst five by share.", better="low"),
    GaugeSpec("table_never_analysed", "Rows of a table whose columns have no statistics; the biggest five.",
              better="low"),
    GaugeSpec("table_sequential_rows_per_second", "Rows read by reading tables from end to end; the worst five.",
              Unit.PER_SECOND, better="low"),
    GaugeSpec("settings_pending_restart", "Settings that were changed in a file and wait for a restart.",
              better="low"),
)  # fmt: skip

RULES: Final = (
    Rule(
        name="invalid-index", gauge="index_invalid", op=">", threshold=0, severity=Severity.WARNING,
        missing=Missing.CLEAR, say="index {index} is invalid: it costs every write and serves no query",
    ),
    Rule(
        name="unused-index", gauge="index_unused_bytes", op=">", threshold=256 * 2.0**20, severity=Severity.NOTICE,
        missing=Missing.CLEAR, say="no query has used index {index} for a week or more; it takes {value}",
    ),
    Rule(
        name="dead-rows", gauge="table_dead_ratio", op=">", threshold=0.3, severity=Severity.NOTICE, clear=0.2,
        samples="table_dead_rows", min_samples=_SOME, missing=Missing.CLEAR,
        say="{value} of the rows of {table} are dead ({table_dead_rows}): vacuum does not keep up",
    ),
    Rule(
        name="never-analysed", gauge="table_never_analysed", op=">=", threshold=_SOME, severity=Severity.NOTICE,
        missing=Missing.CLEAR, say="{table} was never analysed: its queries are planned blindly",
    ),
    Rule(
        name="sequential-reads", gauge="table_sequential_rows_per_second", op=">", threshold=1_000_000.0,
        severity=Severity.NOTICE, missing=Missing.CLEAR,
        say="{table} is read from end to end again and again, {value} rows: an index may be missing",
    ),
    Rule(
        name="pending-restart", gauge="settings_pending_restart", op=">", threshold=0, severity=Severity.NOTICE,
        missing=Missing.CLEAR, say="settings that wait for a restart of the server: {value}",
    ),
)  # fmt: skip


def measure(gauges: Gauges, care: Care | None) -> None:
    """Add the gauges of a look."""
    if care is None:
        return
    gauges.put("settings_pending_restart", len(care.pending))
    for index in [one for one in care.indexes if not one.valid and not one.building][:_NAMED]:
        gauges.put("index_invalid", 1, index=index.key)
    for index in sorted(care.unused, key=lambda one: -(one.bytes or 0))[:_NAMED]:
        gauges.put("index_unused_bytes", index.bytes, index=index.key)
    dead = [one for one in care.tables if (one.dead or 0) >= _SOME / 10]
    for table in sorted(dead, key=lambda one: -(one.dead_ratio or 0))[:_NAMED]:
        gauges.put("table_dead_ratio", table.dead_ratio, table=table.key)
        gauges.put("table_dead_rows", table.dead, table=table.key)
    blind = [one for one in care.tables if one.analysed is None and (one.changed or 0) >= _SOME]
    for table in sorted(blind, key=lambda one: -(one.rows or 0))[:_NAMED]:
        gauges.put("table_never_analysed", table.rows, table=table.key)
    read = [one for one in care.tables if one.seq_rate]
    for table in sorted(read, key=lambda one: -(one.seq_rate or 0))[:_NAMED]:
        gauges.put("table_sequential_rows_per_second", table.seq_rate, table=table.key)
