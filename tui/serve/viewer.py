"""The program behind one page: an app for looking only, drawn into lines of text, and gone when its pipe closes.

What it is to show comes as the first line of its input, and then sizes, keys and that a picture was seen, a JSON object
a line. What it draws goes out the same way: the lines that changed, each a list of [text, ink, ground, looks, cells].
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    from textual.strip import Strip

KEYS: Final[Mapping[str, str]] = {
    "ArrowUp": "up", "ArrowDown": "down", "ArrowLeft": "left", "ArrowRight": "right", "Enter": "enter",
    "Escape": "escape", "Tab": "tab", "Backspace": "backspace", "Delete": "delete", "PageUp": "pageup",
    "PageDown": "pagedown", "Home": "home", "End": "end",
}  # fmt: skip
"""Keys that have a name, in the browser's words and in ours; of the others only those that are one character."""

NARROWEST: Final = (40, 10)
WIDEST: Final = (400, 150)
"""Columns and lines that a page may have."""

UNSEEN: Final = 2
"""Pictures that may be on their way: a page that is slow gets the next one when it has seen one of these."""

_BOLD, _DIM, _SLANTED, _UNDERLINED = 1, 2, 4, 8
_RUN: Final = re.compile(r"[ -~]+|([^ -~])\1*")
"""What can be set in one piece: plain text, or one other character again and again."""

Piece = tuple[str, str, str, int, int]
"""(text, colour of the ink, of the ground, looks, cells it takes)."""


def pieces(strip: Strip) -> list[Piece]:
    """A line of the screen as a page draws it."""
    from rich.cells import cell_len

    made: list[Piece] = []
    for text, style, control in strip:
        if control or not text:
            continue
        ink = ground = ""
        looks = 0
        if style is not None:
            ink = style.color.get_truecolor().hex if style.color is not None else ""
            ground = style.bgcolor.get_truecolor().hex if style.bgcolor is not None else ""
            if style.reverse:
                ink, ground = ground, ink
            flags = ((style.bold, _BOLD), (style.dim, _DIM), (style.italic, _SLANTED), (style.underline, _UNDERLINED))
            looks = sum(flag for on, flag in flags if on)
        made += [(run[0], ink, ground, looks, cell_len(run[0])) for run in _RUN.finditer(text)]
    return made


class Press:
    """Writes pictures in a thread of its own: what is newest when the page is ready for it, and only what differs."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._news = threading.Condition()
        self._newest: tuple[tuple[int, int], list[list[Piece]]] | None = None
        self._over = False
        self._unseen = 0
        self._beating = False
        self._shown: list[list[Piece]] = []
        self._size = (0, 0)
        self._thread = threading.Thread(target=self._run, name="press", daemon=True)
        self._thread.start()

    def show(self, size: tuple[int, int], lines: list[list[Piece]]) -> None:
        """Have this picture written soon; one that still waits is dropped."""
        with self._news:
            self._newest = size, lines
            self._news.notify()

    def seen(self) -> None:
        """The page has drawn a picture and can take another."""
        with self._news:
            self._unseen = max(0, self._unseen - 1)
            self._news.notify()

    def beat(self) -> None:
        """The app lives, whether anything has changed or not: a page that hears nothing calls its picture old."""
        with self._news:
            self._beating = True
            self._news.notify()

    def close(self) -> None:
        """Write no more."""
        with self._news:
            self._over = True
            self._news.notify()

    def _run(self) -> None:
        while (said := self._next()) is not None:
            with suppress(OSError, ValueError):
                self._out.write(json.dumps(said, separators=(",", ":")).encode() + b"\n")
                self._out.flush()

    def _next(self) -> dict[str, Any] | None:
        """What is to be said next, once there is something and the page is ready for it; None: it is over."""
        with self._news:
            self._news.wait_for(self._ready)
            if self._over:
                return None
            picture, self._newest, self._beating = self._newest, None, False
            self._unseen += 1
        return self._changes(*picture) if picture is not None else {"lines": {}}

    def _ready(self) -> bool:
        return self._over or (self._unseen < UNSEEN and (self._beating or self._newest is not None))

    def _changes(self, size: tuple[int, int], lines: list[list[Piece]]) -> dict[str, Any]:
        before, self._shown = self._shown if size == self._size else [], lines
        said: dict[str, Any] = {} if size == self._size else {"size": list(size)}
        self._size = size
        changed = {
            str(number): line for number, line in enumerate(lines) if number >= len(before) or line != before[number]
        }
        return said | {"lines": changed}


def main(source: BinaryIO, out: BinaryIO) -> None:
    """Show what the first line of the input asks for, until there is no more input."""
    from tui.serve.viewing import show

    line = source.readline(1 << 16)
    if line:
        show(json.loads(line), source, Press(out))


if __name__ == "__main__":
    pipe, sys.stdout = sys.stdout.buffer, open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for good
    main(sys.stdin.buffer, pipe)
    os._exit(0)
