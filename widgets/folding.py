"""Lines that must be read whole: broken at blanks where they are too long, never cut."""

from __future__ import annotations

import textwrap
from itertools import accumulate, takewhile

from rich.cells import cell_len, get_character_cell_size

from widgets.lines import Line, Span, line, width_of


def wrapped(text: str, width: int, hang: int = 0) -> list[Line]:
    """A paragraph, broken at words; lines after the first begin `hang` cells further right."""
    return [line(part) for part in textwrap.wrap(text, width, subsequent_indent=" " * hang) or [""]]


def folded(one: Line, width: int, indent: int = 4) -> list[Line]:
    """A line too long for the width, broken into several of its tones, at a blank where there is one.

    >>> [part.text for part in folded(line("one two three"), 8, 2)]
    ['one two ', '  three']
    >>> [part.text for part in folded(line("日本語日本語"), 6, 0)]
    ['日本語', '日本語']
    """
    if width_of(one.spans) <= width:
        return [one]
    indent = min(indent, width // 2)
    lines: list[Line] = []
    row: list[Span] = []
    left, begun = width, False
    for span in one.spans:
        rest = span.text
        while rest:
            piece = rest if cell_len(rest) <= left else rest[: _break(rest, left, begun)]
            row.append(Span(piece, span.tone))
            rest, left, begun = rest[len(piece) :], left - cell_len(piece), True
            if rest:
                rest = rest.lstrip(" ")
                lines.append(Line(tuple(row), one.key if not lines else "", one.severity))
                row, left, begun = [Span(" " * indent)], width - indent, False
    if lines and not "".join(span.text for span in row).strip():
        return lines  # only the blanks between two words were left
    return [*lines, Line(tuple(row), one.key if not lines else "", one.severity)]


def _break(text: str, room: int, begun: bool) -> int:
    """Characters of a text that go on this line: up to the last blank that fits; all that fits when there is none."""
    fitting = len(list(takewhile(lambda cells: cells <= room, accumulate(map(get_character_cell_size, text)))))
    blank = text.rfind(" ", 0, fitting + 1)
    return min(blank + 1, fitting) if blank > 0 else (0 if begun and room < 12 else max(fitting, 1))
