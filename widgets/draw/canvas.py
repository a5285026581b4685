"""A picture of values over time in character cells: dots of braille, blocks, or ASCII. Pure, and never interpolated.

A canvas has columns finer than cells where its style has them: two in braille (https://www.unicode.org/charts/PDF/U2800.pdf),
one in blocks and ASCII. Each column has what was in its time: the least, the mean and the greatest value, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final, NamedTuple

from desk.history.bucket import Bucket

_BRAILLE: Final = 0x2800
_DOTS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bits of a cell's dots: left column from top to bottom, right column."""
_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
_LOW_TO_HIGH: Final = "_-'"


class Style(Enum):
    """What the terminal can show."""

    BRAILLE = "dots"
    BLOCKS = "blocks"
    ASCII = "ASCII"

    @property
    def fineness(self) -> tuple[int, int]:
        """Columns and rows in a cell."""
        return {Style.BRAILLE: (2, 4), Style.BLOCKS: (1, 8), Style.ASCII: (1, 3)}[self]


class Slice(NamedTuple):
    """What was in the time of one column."""

    least: float
    mean: float
    most: float
    joins: bool
    """True when nothing is missing between it and the column before."""


class Stroke(Enum):
    """How one course is told from another without any colour: columns that are drawn, of how many; with a haze or not.

    The haze goes from the least to the greatest value.
    """

    BAND = (1, 1, True)
    SOLID = (1, 1, False)
    DASHED = (6, 8, False)
    SHORT = (2, 4, False)
    DOTTED = (1, 3, False)

    @property
    def haze(self) -> bool:
        """True when the least and the greatest values are shown too."""
        return self.value[2]

    def drawn(self, column: int) -> bool:
        """True where the line is not interrupted on purpose."""
        return column % self.value[1] < self.value[0]


Cell = tuple[str, bool]
"""A character, and whether it is of the line (else of the haze)."""
_NOTHING: Final[Cell] = (" ", False)


def slices(buckets: Sequence[Bucket], since: float, until: float, columns: int) -> list[Slice | None]:
    """What was in each column's time; a bucket longer than a column is in each that it touches, whole.

    >>> from desk.history.bucket import Cell as C
    >>> found = slices([Bucket(0, 10, C(1, 5, 5, 5, 5)), Bucket(30, 10, C(2, 1, 3, 4, 3))], 0, 40, 4)
    >>> [None if one is None else (one.least, one.mean, one.most) for one in found]
    [(5, 5.0, 5), None, None, (1, 2.0, 3)]
    """
    found: list[Slice | None] = []
    first, length = 0, (until - since) / max(1, columns)
    ended = since
    """Up to where nothing is missing so far."""
    for column in range(columns):
        left, right = since + column * length, since + (column + 1) * length
        last = column == columns - 1
        while first < len(buckets) and buckets[first].end <= left and buckets[first].start < left:
            ended = buckets[first].end
            first += 1
        place, inside = first, list[Bucket]()
        while place < len(buckets) and (buckets[place].start < right or (last and buckets[place].start <= until)):
            inside.append(buckets[place])
            place += 1
        if not inside:
            found.append(None)
            continue
        readings = sum(one.cell.readings for one in inside)
        mean = sum(one.cell.mean * (one.cell.readings / readings) for one in inside)
        least, most = min(one.cell.least for one in inside), max(one.cell.most for one in inside)
        before = found[-1] if found else None
        joins = before is not None and (inside[0].start < left or inside[0].start <= ended + 1e-6)
        ended = max(one.end for one in inside)
        found.append(Slice(least, min(max(mean, least), most), most, joins))
    return found


class Canvas:
    """A grid of cells; the lowest row of dots is `low`, the highest `high`."""

    def __init__(self, width: int, height: int, low: float, high: float, style: Style) -> None:
        self.width, self.height, self.style = width, height, style
        self._low, self._high, self._scale = low, high, (high - low) or 1.0
        across, up = style.fineness
        self.columns, self.rows = width * across, height * up

    def row(self, value: float) -> int:
        """The row of dots a value is in, from the bottom; what is beyond is at the edge."""
        share = min(1.0, max(0.0, (value - self._low) / self._scale))
        return min(self.rows - 1, int(share * self.rows))

    def cell_row(self, value: float) -> int | None:
        """The row of cells a value is in, from the top; None when it is beyond."""
        if not self._low <= value <= max(self._high, self._low + self._scale):
            return None
        return self.height - 1 - self.row(value) // self.style.fineness[1]

    def paint(self, found: Sequence[Slice | None], stroke: Stroke = Stroke.BAND) -> list[list[Cell]]:
        """The rows of cells, from the top, of one course."""
        painters: dict[Style, Callable[[Sequence[Slice | None], Stroke], list[list[Cell]]]] = {
            Style.BRAILLE: self._braille,
            Style.BLOCKS: self._blocks,
            Style.ASCII: self._ascii,
        }
        return painters[self.style](found, stroke)

    def _braille(self, found: Sequence[Slice | None], stroke: Stroke) -> list[list[Cell]]:
        lines = [[0] * self.width for _ in range(self.height)]
        hazes = [[0] * self.width for _ in range(self.height)]

        def dot(grid: list[list[int]], column: int, row: int) -> None:
            down = self.rows - 1 - row
            grid[down // 4][column // 2] |= _DOTS[column % 2][down % 4]

        before = 0
        for column, one in enumerate(found):
            if one is None:
                continue
            row = self.row(one.mean)
            if stroke.haze:
                bottom, top = self.row(one.least), self.row(one.most)
                for at in range(bottom, top + 1):
                    if (at + column) % 2 == 0 or at in (bottom, top):
                        dot(hazes, column, at)
            if stroke.drawn(column) or not one.joins:
                first, last = sorted((row, before if one.joins else row))
                for at in range(first, last + 1):
                    dot(lines, column, at)
            before = row
        return [
            [
                (chr(_BRAILLE + line), True) if line else (chr(_BRAILLE + haze), False) if haze else _NOTHING
                for line, haze in zip(*both, strict=True)
            ]
            for both in zip(lines, hazes, strict=True)
        ]

    def _blocks(self, found: Sequence[Slice | None], stroke: Stroke) -> list[list[Cell]]:
        grid = [[_NOTHING] * self.width for _ in range(self.height)]
        for column, one in enumerate(found):
            if one is None:
                continue
            top, most = self.row(one.mean), self.row(one.most)
            for row in range(self.height):
                base = (self.height - 1 - row) * 8
                filled = top + 1 - base
                if not stroke.haze:
                    if (0 < filled <= 8 or (row == self.height - 1 and filled <= 0)) and stroke.drawn(column):
                        grid[row][column] = ("▀" if filled > 4 else "▄", True)
                elif filled > 0:
                    grid[row][column] = (_EIGHTHS[min(8, filled)], True)
                elif base <= most:
                    grid[row][column] = ("░", False)
        return grid

    def _ascii(self, found: Sequence[Slice | None], stroke: Stroke) -> list[list[Cell]]:
        grid = [[_NOTHING] * self.width for _ in range(self.height)]
        before = 0
        for column, one in enumerate(found):
            if one is None:
                continue
            row = self.row(one.mean)
            at = self.height - 1 - row // 3
            if stroke.haze:
                top, bottom = (self.height - 1 - self.row(value) // 3 for value in (one.most, one.least))
                for down in range(top, bottom + 1):
                    grid[down][column] = (".", False)
            if stroke.drawn(column) or not one.joins:
                if one.joins and abs(before - at) > 1:
                    for down in range(min(before, at) + 1, max(before, at)):
                        grid[down][column] = ("|", True)
                grid[at][column] = (_LOW_TO_HIGH[row % 3], True)
            before = at
        return grid
