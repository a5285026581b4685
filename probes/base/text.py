"""Text from outside, made safe once, at the edge where it enters.

A terminal obeys bytes that a database row, a log line or a container label may carry. `SafeText` is the only
form in which such text travels: cut first, then every character that could steer a terminal is made visible.
It is not a `str`, so that a raw string can't be mistaken for it; formatting it gives safe text.
"""

from __future__ import annotations

import re
from typing import Final

CELL_LIMIT: Final = 4096
"""Characters kept of one field; the cut is visible as an ellipsis."""

LINE_LIMIT: Final = 16384
"""Characters kept of one log line."""

_HIDDEN: Final = re.compile("[\u115f\u1160\u3164\uffa0\u034f\u061c\u17b4\u17b5\u180b-\u180f]")
"""Letters and marks that print as nothing: names made of them look empty or alike."""

_PILE: Final = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3})[\u0300-\u036f\u0483-\u0489\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
"""More than three combining marks on one letter climb out of their cell."""

_BREAK: Final = re.compile(r"\r\n|[\n\t]")


def _visible(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return "^" + chr(code + 64)
    if code == 0x7F:
        return "^?"
    return f"<U+{code:04X}>"


def armour(text: str) -> str:
    r"""The visible form of a text: no character in it can steer a terminal.

    Line breaks and tabs become one space; other control, format, private and unpaired characters are shown.

    >>> armour("ok\x1b[2Jgone")
    'ok^[[2Jgone'
    >>> armour("total\r\n12")
    'total 12'
    >>> armour("a\u202eb")
    'a<U+202E>b'
    """
    if text.isascii() and text.isprintable():
        return text
    text = _BREAK.sub(" ", text)
    if not text.isprintable():
        text = "".join(char if char.isprintable() else _visible(char) for char in text)
    if not text.isascii():
        text = _HIDDEN.sub(lambda found: _visible(found[0]), text)
        text = _PILE.sub(lambda found: found[1] + "…", text)
    return text


class SafeText:
    """One line of text from outside, safe to draw. Immutable; equal and ordered by its visible form.

    >>> str(SafeText(b"caf\\xc3\\xa9 \\xff"))
    'café \\\\xff'
    >>> f"{SafeText('web'):>5}"
    '  web'
    """

    __slots__ = ("_text",)
    _text: str

    def __init__(self, raw: str | bytes | bytearray | memoryview | None = "", limit: int = CELL_LIMIT) -> None:
        """Cut `raw` to `limit` characters, decode bytes as UTF-8 (bad ones shown), make it visible."""
        if raw is None:
            raw = ""
        cut = len(raw) > limit
        raw = raw[:limit]
        text = raw if isinstance(raw, str) else bytes(raw).decode("utf-8", "backslashreplace")
        object.__setattr__(self, "_text", armour(text) + ("…" if cut else ""))

    @classmethod
    def line(cls, raw: str | bytes) -> SafeText:
        """A log line: longer than a cell may be, its line end dropped."""
        trimmed = raw.rstrip("\r\n") if isinstance(raw, str) else raw.rstrip(b"\r\n")
        return cls(trimmed, LINE_LIMIT)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("SafeText can't be changed")

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"SafeText({self._text!r})"

    def __format__(self, spec: str) -> str:
        return format(self._text, spec)

    def __len__(self) -> int:
        return len(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, SafeText) else NotImplemented

    def __lt__(self, other: SafeText) -> bool:
        return self._text < other._text

    def __contains__(self, part: str) -> bool:
        return part in self._text
