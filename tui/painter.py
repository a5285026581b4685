"""Sends a terminal only the cells that changed, in as few bytes as that takes.

The framework paints whole lines of a widget and says every style in full. Over a slow line that is what a person waits
for, so what the terminal shows is remembered here and only the difference goes out. Text that is not understood goes
out as it came, and the memory is dropped: then too much is sent, never too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from rich.cells import cell_len, get_character_cell_size

AFRESH: Final = "\x1b[?7l"
"""Makes the painter forget what the terminal shows; tells the terminal only what it knows, that lines don't wrap."""

FRAME_START: Final = "\x1b[?2026h"
FRAME_END: Final = "\x1b[?2026l"

_TOKEN: Final = re.compile(
    r"\x1b\[(?P<line>\d+);(?P<column>\d+)H"
    r"|\x1b\[(?P<look>[\d;]*)m"
    r"|(?P<text>[^\x00-\x1f\x7f]+)"
    r"|(?P<next>\r?\n)"
    r"|\x1b\[\?2026[hl]"
)
_FRONT: Final = re.compile(r"38;.*|3[0-79]|9[0-7]")
_BACK: Final = re.compile(r"48;.*|4[0-79]|10[0-7]")

_BRIDGE: Final = 4
"""So many unchanged cells between two changes are cheaper to write again than to jump over."""


@dataclass(frozen=True, slots=True)
class Look:
    """A style in the parameters of SGR (ECMA-48, 8.3.117); empty for the terminal's own."""

    attributes: frozenset[str] = frozenset()
    front: str = ""
    back: str = ""


PLAIN: Final = Look()


@cache
def look_of(parameters: str) -> Look:
    """What SGR parameters make of a plain terminal.

    >>> look_of("1;38;2;1;2;3;44")
    Look(attributes=frozenset({'1'}), front='38;2;1;2;3', back='44')
    """
    attributes: set[str] = set()
    front = back = ""
    for part in _parts(parameters):
        if part in ("", "0"):
            attributes, front, back = set(), "", ""
        elif _FRONT.fullmatch(part):
            front = part
        elif _BACK.fullmatch(part):
            back = part
        else:
            attributes.add(part)
    return Look(frozenset(attributes), front, back)


def _parts(parameters: str) -> Iterator[str]:
    """The parameters, those of an extended colour together."""
    numbers = iter(parameters.split(";"))
    for number in numbers:
        if number in ("38", "48"):
            space = next(numbers, "")
            rest = [next(numbers, "") for _ in range(3 if space == "2" else 1)]
            number = ";".join([number, space, *rest])
        yield number


@cache
def turn(old: Look, new: Look) -> str:
    """The shortest way from one style to another.

    >>> red, green = look_of("1;31"), look_of("1;32")
    >>> turn(red, red), turn(red, green), turn(red, look_of("31")), turn(red, PLAIN)
    ('', '\\x1b[32m', '\\x1b[;31m', '\\x1b[m')
    """
    if old == new:
        return ""
    start: list[str] = []
    if old.attributes - new.attributes or (old.front and not new.front) or (old.back and not new.back):
        start, old = [""], PLAIN  # only a reset takes these away
    colours = [part for part, was in ((new.front, old.front), (new.back, old.back)) if part != was]
    return f"\x1b[{';'.join([*start, *sorted(new.attributes - old.attributes), *colours])}m"


@cache
def _one_cell(char: str) -> bool:
    return get_character_cell_size(char) == 1


@dataclass(slots=True)
class _Row:
    """The cells of a line: a character each and its look, None where we don't know."""

    chars: list[str | None] = field(default_factory=list)
    looks: list[Look | None] = field(default_factory=list)

    def put(self, first: int, chars: list[str] | list[None], look: Look | None) -> None:
        end = first + len(chars)
        missing = end - len(self.chars)
        if missing > 0:
            self.chars += [None] * missing
            self.looks += [None] * missing
        self.chars[first:end] = chars
        self.looks[first:end] = [look] * len(chars)

    def changes(self, first: int, chars: list[str], look: Look) -> list[tuple[int, int]]:
        """Where these cells would differ from what is there: stretches, counted from `first`."""
        size = len(chars)
        old, looks = self.chars[first : first + size], self.looks[first : first + size]
        if old == chars and looks.count(look) == size:
            return []
        known = len(old)
        different = [n for n in range(size) if n >= known or old[n] != chars[n] or looks[n] != look]
        stretches: list[tuple[int, int]] = []
        for n in different:
            if stretches and n - stretches[-1][1] <= _BRIDGE:
                stretches[-1] = (stretches[-1][0], n + 1)
            else:
                stretches.append((n, n + 1))
        return stretches


class Painter:
    """Knows what one terminal shows. For one thread."""

    def __init__(self) -> None:
        self._rows: dict[int, _Row] = {}
        self._look: Look | None = None
        """What the terminal is set to; None: unknown."""
        self._at: tuple[int, int] | None = None
        """Line and column of the terminal's cursor, from 1; None: unknown."""

    def paint(self, text: str) -> str:
        """What to send instead of `text`, which is one write of the framework's."""
        out: list[str] = []
        place: tuple[int, int] | None = None
        look, was = PLAIN, self._look
        end = 0
        for token in _TOKEN.finditer(text):
            if token.start() != end:
                return self._forget(text, was)
            end = token.end()
            match token.lastgroup:
                case "text" if place is not None:
                    place = self._write(out, place, look, token[0])
                case "text":
                    return self._forget(text, was)
                case "look":
                    look = look_of(token["look"])
                case "column":
                    place = int(token["line"]), int(token["column"])
                case "next" if place is not None:
                    place = place[0] + 1, 1
        if end != len(text):
            return self._forget(text, was)
        if place is not None:
            self._move(out, place)
        body = "".join(out)
        return FRAME_START + body + FRAME_END if body and text.startswith(FRAME_START) else body

    def _forget(self, text: str, was: Look | None) -> str:
        """The text as it came, in the style it expects."""
        reset = turn(was, PLAIN) if was is not None else ""
        self._rows.clear()
        self._look = self._at = None
        return reset + text

    def _write(self, out: list[str], place: tuple[int, int], look: Look, text: str) -> tuple[int, int]:
        """Add what of a run differs from the screen; the place after it."""
        line, column = place
        row = self._rows.setdefault(line, _Row())
        if not text.isascii() and not all(map(_one_cell, text)):
            width = cell_len(text)
            self._put(out, place, look, text)
            self._at = None  # terminals disagree on the width of such text
            row.put(column - 1, [None] * width, None)
            return line, column + width
        chars = list(text)
        for start, stop in row.changes(column - 1, chars, look):
            self._put(out, (line, column + start), look, text[start:stop])
        row.put(column - 1, chars, look)
        return line, column + len(chars)

    def _put(self, out: list[str], place: tuple[int, int], look: Look, text: str) -> None:
        self._move(out, place)
        out.append("\x1b[m" + turn(PLAIN, look) if self._look is None else turn(self._look, look))
        out.append(text)
        self._look = look
        self._at = place[0], place[1] + len(text)

    def _move(self, out: list[str], place: tuple[int, int]) -> None:
        if self._at == place:
            return
        line, column = place
        if self._at is not None and self._at[0] == line and self._at[1] < column:
            out.append(f"\x1b[{column - self._at[1]}C")
        else:
            out.append(f"\x1b[{line};{column}H")
        self._at = place
