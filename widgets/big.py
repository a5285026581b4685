"""Letters and digits drawn of cells, to be read from across a room; in Unicode, and in plain ASCII."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

DOTS: Final = 5
"""Rows of dots that every letter has."""

_FONT: Final[dict[str, str]] = {
    "0": "111 101 101 101 111", "1": "010 110 010 010 111", "2": "111 001 111 100 111", "3": "111 001 111 001 111",
    "4": "101 101 111 001 001", "5": "111 100 111 001 111", "6": "111 100 111 101 111", "7": "111 001 001 010 010",
    "8": "111 101 111 101 111", "9": "111 101 111 001 111",
    "A": "010 101 111 101 101", "B": "110 101 110 101 110", "C": "111 100 100 100 111", "D": "110 101 101 101 110",
    "E": "111 100 110 100 111", "F": "111 100 110 100 100", "G": "0111 1000 1011 1001 0111",
    "H": "101 101 111 101 101", "I": "1 1 1 1 1", "J": "001 001 001 101 111", "K": "101 101 110 101 101",
    "L": "100 100 100 100 111", "M": "10001 11011 10101 10001 10001", "N": "1001 1101 1011 1001 1001",
    "O": "0110 1001 1001 1001 0110", "P": "110 101 110 100 100", "Q": "0110 1001 1001 1011 0111",
    "R": "110 101 110 101 101", "S": "011 100 010 001 110", "T": "111 010 010 010 010", "U": "101 101 101 101 111",
    "V": "101 101 101 101 010", "W": "10001 10001 10101 11011 10001", "X": "101 101 010 101 101",
    "Y": "101 101 010 010 010", "Z": "111 001 010 100 111",
    ":": "0 1 0 1 0", ".": "0 0 0 0 1", "-": "000 000 111 000 000", "–": "000 000 111 000 000", "!": "1 1 1 0 1",
    "%": "101 001 010 100 101", "/": "001 001 010 100 100", "+": "000 010 111 010 000", "?": "111 001 011 000 010",
    ",": "0 0 0 1 1", ";": "0 1 0 1 1", "'": "1 1 0 0 0", "(": "01 10 10 10 01", ")": "10 01 01 01 10",
    "=": "000 111 000 111 000", "<": "001 010 100 010 001", ">": "100 010 001 010 100", "_": "000 000 000 000 111",
    "#": "01010 11111 01010 11111 01010", "*": "000 101 010 101 000", " ": "00 00 00 00 00",
}  # fmt: skip
"""A row of dots each, from the top."""

_HALVES: Final = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a dot is."""

    across: int
    """Cells of its width."""
    down: int
    """Cells of its height; 0: half a cell."""

    @property
    def height(self) -> int:
        """Lines that a word takes."""
        return DOTS * self.down if self.down else (DOTS + 1) // 2


SCALES: Final = (Scale(8, 4), Scale(6, 3), Scale(4, 2), Scale(2, 1), Scale(1, 0))
"""The largest first. A cell is about twice as high as it is wide, so that these dots are square."""

PLAIN: Final = (*SCALES[:-1], Scale(1, 1))
"""The same where there are no half cells."""


def width_of(text: str, scale: Scale) -> int:
    """Cells that a text takes.

    >>> width_of("OK", Scale(1, 0)), width_of("", Scale(2, 1))
    (8, 0)
    """
    dots = [len(_dots(char)[0]) for char in text.upper()]
    return scale.across * (sum(dots) + max(0, len(dots) - 1))


def fitting(text: str, width: int, height: int, plain: bool = False) -> Scale | None:
    """The largest scale in which a text fits; None where it fits in none. `plain`: in ASCII.

    >>> fitting("OK", 80, 5), fitting("OK", 9, 4), fitting("OK", 5, 4)
    (Scale(across=2, down=1), Scale(across=1, down=0), None)
    """
    scales = PLAIN if plain else SCALES
    return next((one for one in scales if one.height <= height and width_of(text, one) <= width), None)


def big(text: str, scale: Scale) -> list[str]:
    """A text as lines of cells; a character that there is no letter for is a question mark.

    >>> big("1.", Scale(1, 0))
    ['▄█   ', ' █   ', '▀▀▀ ▀']
    >>> big("1", Scale(1, 1))
    [' █ ', '██ ', ' █ ', ' █ ', '███']
    """
    letters = [_dots(char) for char in text.upper()]
    rows = [[dot for letter in letters for dot in (*letter[row], False)][:-1] for row in range(DOTS)]
    if not scale.down:
        rows.append([False] * len(rows[0]))
        pairs = zip(rows[0::2], rows[1::2], strict=True)
        return ["".join(_HALVES[two] * scale.across for two in zip(*pair, strict=True)) for pair in pairs]
    drawn = ("".join(("█" if dot else " ") * scale.across for dot in row) for row in rows)
    return [one for one in drawn for _ in range(scale.down)]


def folded(text: str, width: int, lines: int, plain: bool = False, scale: Scale | None = None) -> list[str] | None:
    """A sentence in the smallest letters, or of that scale, in so many rows at most; None where it does not fit.

    >>> folded("to tie", 30, 1), folded("to tie", 12, 1)
    (['▀█▀ ▄▀▀▄    ▀█▀ █ █▀▀', ' █  █  █     █  █ █▀ ', ' ▀   ▀▀      ▀  ▀ ▀▀▀'], None)
    """
    scale = scale or (PLAIN if plain else SCALES)[-1]
    rows: list[str] = []
    for word in text.split():
        longer = f"{rows[-1]} {word}" if rows else word
        if rows and width_of(longer, scale) <= width:
            rows[-1] = longer
        elif width_of(word, scale) <= width:
            rows.append(word)
        else:
            return None
    if len(rows) > lines:
        return None
    made = [one for row in rows for one in (*big(row, scale), *([""] if scale.down else []))]
    return made[:-1] if scale.down else made


def rows_in(height: int, scale: Scale) -> int:
    """How many rows of letters have room in so many lines; those of half cells stand apart by themselves.

    >>> rows_in(6, Scale(1, 0)), rows_in(10, Scale(2, 1)), rows_in(11, Scale(2, 1))
    (2, 1, 2)
    """
    apart = 1 if scale.down else 0
    return max(0, (height + apart) // (scale.height + apart))


@cache
def _dots(char: str) -> tuple[tuple[bool, ...], ...]:
    """The rows of a character."""
    return tuple(tuple(dot == "1" for dot in row) for row in _FONT.get(char, _FONT["?"]).split())
