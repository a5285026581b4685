"""A report on the screen: what its paper says, in lines of the terminal's width."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len

from desk.report.paper import Report, Table, shown
from widgets.folding import folded
from widgets.lines import Line, dim, fit, line, strong

_WIDEST: Final = 44
"""Cells of a column at most."""


def report_lines(report: Report, width: int) -> list[Line]:
    """Every section, one below the other."""
    lines = folded(line(dim(f"{report.system}, {shown(report.since)} to {shown(report.until)} UTC")), width, 0)
    for section in report.sections:
        lines += [line(), line(strong(section.title))]
        for said in section.lines:
            lines += folded(line("  ", said), width)
        if section.table is not None:
            lines += _table(section.table, width) if section.table.rows else [line("  ", dim(section.empty))]
    return lines


def _table(table: Table, width: int) -> Iterator[Line]:
    heads = [name.replace("_", " ") for name in table.columns]
    rows = [[shown(cell) for cell in row] for row in table.rows]
    widest = min(_WIDEST, width // 2)
    widths = [min(widest, max(cell_len(row[place]) for row in [heads, *rows])) for place in range(len(heads))]
    right = [table.numeric(place) for place in range(len(heads))]
    for number, row in enumerate([heads, *rows]):
        fitted = (fit(cell, size, right=end).text for cell, size, end in zip(row, widths, right, strict=True))
        told = "  ".join(fitted).rstrip()
        yield from folded(line("  ", told if number else dim(told)), width)
