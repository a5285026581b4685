"""A file of KEY=VALUE lines, taken apart and put together again: comments, order, quotes and line ends stay.

Compose's rules hold (https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/#env-file-syntax):
single quotes are literal, in double quotes and without quotes `$` stands for other variables, ` #` begins a comment,
and of a key that stands there twice the last one counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,199}")
LONGEST: Final = 1 << 20
"""Bytes of a file that is read."""
_MARK: Final = "\ufeff"
_LINE: Final = re.compile(r"(\s*(?:export\s+)?)([A-Za-z_][A-Za-z0-9_.-]{0,199})(\s*=[ \t]*)(.*)", re.S)
_BARE: Final = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]{0,199})\s*")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_@%+,.:/=~^-]*")
_STRANGE: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


class Unfit(ValueError):
    """A value that can't be written, or a file that can't be read; the message holds no value."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file, or the lines of one value; `key` is empty for all else."""

    raw: str
    """As it stands there, without its line end."""
    end: str
    key: str = ""
    before: str = ""
    """What stands before the key: "export "."""
    sign: str = "="
    quote: str = ""
    value: str = ""
    """What the key is set to, unless `literal` is false."""
    literal: bool = True
    """False: it refers to other variables, so that only who uses it knows the value."""
    comment: str = ""
    """What follows the value, with the space before it."""
    bad: bool = False
    """It is neither a setting nor a comment."""


@dataclass(frozen=True, slots=True)
class Document:
    """A whole file."""

    lines: tuple[Line, ...]
    mark: bool = False
    """It begins with a byte order mark."""

    @property
    def settings(self) -> dict[str, Line]:
        """Each key with the line that counts: the last one."""
        return {line.key: line for line in self.lines if line.key}

    @property
    def twice(self) -> dict[str, int]:
        """Keys that stand there more than once, and how often."""
        keys = [line.key for line in self.lines if line.key]
        return {key: keys.count(key) for key in dict.fromkeys(keys) if keys.count(key) > 1}

    @property
    def bad(self) -> list[int]:
        """Numbers of lines that are no setting."""
        number, found = 1, []
        for line in self.lines:
            if line.bad:
                found.append(number)
            number += line.raw.count("\n") + 1
        return found

    def number(self, key: str) -> int:
        """The line on which the value that counts begins; 0 when there is none."""
        number, found = 1, 0
        for line in self.lines:
            if line.key == key:
                found = number
            number += line.raw.count("\n") + 1
        return found

    def encoded(self) -> bytes:
        """The file."""
        return ((_MARK if self.mark else "") + "".join(line.raw + line.end for line in self.lines)).encode()

    def with_values(self, changes: Mapping[str, str | None]) -> Document:
        """The file with these keys set; None takes a key away, wherever it stands. Raises `Unfit`."""
        found = self
        for key, value in changes.items():
            found = found._without(key) if value is None else found._with(key, value)
        return found

    def _with(self, key: str, value: str) -> Document:
        if not KEY.fullmatch(key):
            raise Unfit("that is no name of a setting")
        places = [number for number, line in enumerate(self.lines) if line.key == key]
        if not places:
            return self._added(key, value)
        lines, at = list(self.lines), places[-1]
        old = lines[at]
        quote, body = written(value, old.quote)
        raw = f"{old.before}{key}{old.sign}{quote}{body}{quote}{old.comment}"
        lines[at] = replace(old, raw=raw, quote=quote, value=value, literal=True, bad=False)
        return replace(self, lines=tuple(lines))

    def _added(self, key: str, value: str) -> Document:
        end = next((line.end for line in self.lines if line.end), "\n")
        lines = list(self.lines)
        if lines and not lines[-1].end:
            lines[-1] = replace(lines[-1], end=end)
        quote, body = written(value)
        lines.append(_line(f"{key}={quote}{body}{quote}", end))
        return replace(self, lines=tuple(lines))

    def with_lines(self, lines: Mapping[str, str | None]) -> Document:
        """The file with these keys' lines put back as they stood; None takes a key away. Raises `Unfit`."""
        found = self
        for key, raw in lines.items():
            if raw is None:
                found = found._without(key)
                continue
            found = found if key in found.settings else found._added(key, "")
            last = max(number for number, line in enumerate(found.lines) if line.key == key)
            put = _line(raw, found.lines[last].end)
            if put.key != key:
                raise Unfit("what was kept of it can't be read")
            found = replace(found, lines=(*found.lines[:last], put, *found.lines[last + 1 :]))
        return found

    def _without(self, key: str) -> Document:
        return replace(self, lines=tuple(line for line in self.lines if line.key != key))


def written(value: str, quote: str = "") -> tuple[str, str]:
    """(quote, text between the quotes) of a value, so that every reader takes it for the same. Raises `Unfit`.

    >>> written("a b#c"), written("it's"), written("v1.2", '"')
    (("'", 'a b#c'), ('"', "it's"), ('"', 'v1.2'))
    """
    if _STRANGE.search(value):
        raise Unfit("a value has one line, without control characters")
    if quote != "'" and _PLAIN.fullmatch(value):
        return quote, value
    if "'" not in value and not value.endswith("\\"):
        return "'", value
    if not set('"$\\`') & set(value):
        return '"', value
    raise Unfit("a value with ' and one of \" $ \\ ` is read differently by each program: choose another one")


def parse(raw: bytes) -> Document:
    """The file, taken apart. Raises `Unfit`."""
    if len(raw) > LONGEST:
        raise Unfit(f"it is greater than {LONGEST >> 20} MiB")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Unfit("it is not written in UTF-8") from None
    if "\x00" in text:
        raise Unfit("it holds NUL bytes")
    mark = text.startswith(_MARK)
    left = re.findall(r"[^\n]*\n|[^\n]+$", text.removeprefix(_MARK))
    lines: list[Line] = []
    while left:
        whole = left.pop(0)
        while (open_quote := _unclosed(whole)) and left and _closes(open_quote, left):
            whole += left.pop(0)
        body = whole.rstrip("\n").removesuffix("\r")
        lines.append(_line(body, whole[len(body) :]))
    return Document(tuple(lines), mark)


def _unclosed(text: str) -> str:
    """The quote with which a value begins that does not end on its line; empty when there is none."""
    found = _LINE.fullmatch(text)
    if found is None or found[4][:1] not in ("'", '"'):
        return ""
    return "" if _end(found[4]) else found[4][0]


def _closes(quote: str, left: Sequence[str]) -> bool:
    return any(quote in line for line in left)


def _end(value: str) -> int:
    """Where a quoted value ends: the place of its closing quote; 0 when there is none."""
    quote, at = value[0], 1
    while at < len(value):
        if value[at] == "\\":
            at += 2
            continue
        if value[at] == quote:
            return at
        at += 1
    return 0


def _line(body: str, end: str) -> Line:
    if not body.strip() or body.lstrip().startswith("#"):
        return Line(body, end)
    found = _LINE.fullmatch(body)
    if found is None:
        return Line(body, end, bad=_BARE.fullmatch(body) is None)
    before, key, sign, rest = found.groups()
    if rest[:1] in ("'", '"') and (close := _end(rest)):
        inner, quote = rest[1:close], rest[0]
        value = inner if quote == "'" else re.sub(r"\\(.)", lambda one: _ESCAPES.get(one[1], one[0]), inner)
        literal = quote == "'" or not re.search(r"(?<!\\)\$", inner)
        return Line(body, end, key, before, sign, quote, value, literal, rest[close + 1 :])
    cut = re.search(r"\s+#|\s*$", rest)
    at = cut.start() if cut is not None else len(rest)
    value = rest[:at]
    odd = rest[:1] in ("'", '"')
    return Line(body, end, key, before, sign, "", value, "$" not in value, rest[at:], bad=odd)
