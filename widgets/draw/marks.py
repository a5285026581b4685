"""The signs and bars of the room, in Unicode, and their ASCII stand-ins for terminals that have no more."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from functools import cache
from typing import Final

from rich.cells import get_character_cell_size

_LEVELS: Final = "▁▂▃▄▅▆▇█"
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


class Sign(Enum):
    """A state's shape: readable without any colour."""

    FINE = "●"
    NOTICE = "◆"
    WARNING = "▲"
    CRITICAL = "✕"
    UNKNOWN = "?"
    NONE = " "


ASCII: Final = str.maketrans(
    {
        **dict.fromkeys("─━┄┅┈┉╌╍═╴╶╸╺–—−‐‑▔▁⎺⎽", "-"),
        **dict.fromkeys("│┃┆┇┊┋╎╏║╵╷╹╻▐▌", "|"),
        **dict.fromkeys("┌┐└┘├┤┬┴┼┏┓┗┛┣┫┳┻╋╔╗╚╝╠╣╦╩╬╭╮╯╰", "+"),
        **dict.fromkeys("░·∙⋅", "."),
        **dict.fromkeys("•★◉■▪", "*"),
        **dict.fromkeys("○◌□◇●", "o"),
        **dict.fromkeys("△↑⇡", "^"),
        **dict.fromkeys("▽↓⇣▼▾", "v"),
        **dict.fromkeys("▶▷→❯›»▸", ">"),
        **dict.fromkeys("◀◁◄←❮‹«", "<"),
        **dict.fromkeys("‘’", "'"),
        **dict.fromkeys("“”", '"'),
        "◆": "i", "▲": "!", "✕": "x", "✗": "x", "✓": "+", "×": "x", "…": "~", "⏸": "=",
        "▁": "_", "▂": ".", "▃": "-", "▄": "=", "▅": "+", "▆": "*", "▇": "%", "█": "#", "▓": "#", "▒": "=", "▀": "=",
        "▏": " ", "▎": " ", "▍": "-", "▋": "=", "▊": "#", "▉": "#",
        "►": "$", "‡": "&", "⏎": "<", "↺": "@", "µ": "u", "±": "~", "≈": "~", "°": "'", "\xa0": " ",
    }
)  # fmt: skip
"""Every drawing character has a stand-in of the same width."""


def plain(text: str) -> str:
    """The ASCII form of a text, as many cells wide; what has no stand-in becomes a question mark for each cell.

    >>> plain("● worker ▁▃█ → 2"), plain("日本 é"), plain("┌─┐ ok …")
    ('o worker _-# > 2', '???? ?', '+-+ ok ~')
    """
    text = text.translate(ASCII)
    return text if text.isascii() else "".join(map(_question, text))


@cache
def _question(char: str) -> str:
    return char if char.isascii() else "?" * get_character_cell_size(char)


def spark(values: Sequence[float | None], width: int, top: float | None = None) -> str:
    """The newest `width` values as a line of bars from zero to `top` (default: the greatest shown).

    A gap is a blank and a zero is the lowest bar, so that silence does not look like idleness.

    >>> spark([0, 5, None, 10], 4)
    '▁▄ █'
    >>> spark([1, 2], 4)
    '  ▄█'
    """
    shown = list(values)[-width:] if width > 0 else []
    peak = top if top is not None else max((value for value in shown if value is not None), default=0.0)
    cells = "".join(" " if value is None else _LEVELS[_level(value, peak)] for value in shown)
    return cells.rjust(width)


def _level(value: float, peak: float) -> int:
    if peak <= 0 or value <= 0:
        return 0
    return min(7, int(min(value / peak, 1.0) * 8 - 1e-9))


def bar(share: float | None, width: int) -> str:
    """A share of one as a filled bar.

    >>> bar(0.5, 4), bar(None, 4)
    ('██░░', '····')
    """
    if share is None:
        return "·" * width
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[part] if part else "")).ljust(width, "░")
