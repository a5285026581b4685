"""The bytes of a runbook as text to read: whatever wrote them, no line is added or lost, and nothing raises."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import Final

from desk.runbook.book import Repair

MAX_BYTES: Final = 16 * 1024 * 1024
"""What is read of a file at most; a Repair tells that the rest was left."""

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE: Final = 4096
_ZEROS: Final = 0.3
"""Share of zero bytes in every second place from which text without a mark is UTF-16."""
_STRAY: Final = 0.2
"""Share of bad bytes among what is not ASCII up to which a text is still taken for UTF-8."""

_SPACES: Final = "\u00a0\u2007\u202f\u2028\u2029"
_HIDDEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Controls of a terminal, and those that turn the direction of writing and so show a command as another one."""
_EMPTY: Final = re.compile("[\u00ad\u200b\u2060\ufeff]")
"""Characters without width that come along when text is copied; those that emoji and scripts need stay."""

_BYTE: Final = {bytes([code]).decode("cp1252", "ignore") or chr(code): code for code in range(0x80, 0x100)}
_REST: Final = "[" + "".join(re.escape(sign) for sign, code in _BYTE.items() if code < 0xC0) + "]"
_TWICE: Final = re.compile(
    f"[\u00c2-\u00f4](?:(?<=[\u00c2\u00c3]){_REST}|(?<=[\u00c4-\u00df]){_REST}(?:[\u00c4-\u00df]{_REST})+"
    f"|(?<=[\u00e0-\u00ef]){_REST}{{2}}|(?<=[\u00f0-\u00f4]){_REST}{{3}})"
)
_LIKELY: Final = re.compile("[\u00a0-\u00ff\u2000-\u2bff\u3000-\u30ff\ufe0f\U0001f000-\U0001faff]")
_ENOUGH: Final = 3

_PAIR: Final = re.compile(r"\s|#|[-\]})]|[\w\"'.-]+\s*[:=]|\[[\w\"'.-]+\]")
_FRONT: Final = {"---": ("---", "..."), "+++": ("+++",)}
_FRONT_LINES: Final = 400


def decoded(data: bytes) -> tuple[str, list[Repair]]:
    r"""The text of a file, its lines ended by line feeds, and what was read otherwise than it stands.

    >>> decoded(b"\xef\xbb\xbf# Queue\r\nok\r\n")
    ('# Queue\nok\n', [])
    >>> decoded("ðŸ“– Runbook".encode())[0]
    '📖 Runbook'
    """
    repairs: list[Repair] = []
    cut = len(data) > MAX_BYTES
    if cut:
        data = data[: data.rfind(b"\n", 0, MAX_BYTES) + 1 or MAX_BYTES]
    text = _lines(_characters(data, repairs))
    if cut:
        repairs.append(
            Repair(text.count("\n") + 1, f"only the first {MAX_BYTES // 1024 // 1024} MiB of the file are read")
        )
    if not text.isascii():
        text = _once(text, repairs)
        text = _without(_EMPTY, "", text, "characters without width are left out", repairs)
        for space in _SPACES:
            text = text.replace(space, " ")
    text = _without(_HIDDEN, "\ufffd", text, "control characters are shown as \ufffd", repairs)
    return text, repairs


def front_matter(lines: Sequence[str]) -> int:
    """How many lines the front matter takes, with its fences; 0 when there is none.

    >>> front_matter(["---", "title: Queue", "---", "# Queue"]), front_matter(["---", "", "# Queue", "---"])
    (3, 0)
    """
    ends = _FRONT.get(lines[0].rstrip()) if lines else None
    if ends is None:
        return 0
    for number, line in enumerate(lines[1 : _FRONT_LINES + 1], 1):
        if line.rstrip() in ends:
            inside = [one for one in lines[1:number] if one.strip()]
            names = any(":" in one or "=" in one for one in inside)
            return number + 1 if names and all(_PAIR.match(one) for one in inside) else 0
    return 0


def _characters(data: bytes, repairs: list[Repair]) -> str:
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    sample = data[:_SAMPLE]
    if len(sample) > 3:
        half = len(sample) // 2
        if sample[1::2].count(0) > half * _ZEROS and not sample[::2].count(0):
            return data.decode("utf-16-le", "replace")
        if sample[::2].count(0) > half * _ZEROS and not sample[1::2].count(0):
            return data.decode("utf-16-be", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    if bad <= _STRAY * sum(not sign.isascii() for sign in text):
        repairs.append(Repair(line, f"{bad} bytes are no UTF-8; they are shown as \ufffd"))
        return text
    repairs.append(Repair(line, "the file is not in UTF-8; it is read as Windows-1252"))
    return "".join(_SIGN[code] for code in data)


_SIGN: Final = [chr(code) for code in range(0x80)] + list(_BYTE)


def _lines(text: str) -> str:
    if "\r" not in text:
        return text
    text = re.sub("\r+\n", "\n", text)
    return text if "\n" in text else text.replace("\r", "\n")


def _once(text: str, repairs: list[Repair]) -> str:
    """Text that was encoded twice, as it was meant."""
    if _TWICE.search(text) is None:
        return text
    good = [mended for found in _TWICE.finditer(text) if (mended := _decoded_twice(found[0])) != found[0]]
    many = sum(map(len, good)) >= _ENOUGH
    first: list[int] = []
    signs: list[int] = []

    def mend(found: re.Match[str]) -> str:
        mended = _decoded_twice(found[0])
        if mended == found[0] or not (many or _LIKELY.match(mended)):
            return found[0]
        first.append(found.start())
        signs.append(len(mended))
        return mended

    mended = _TWICE.sub(mend, text)
    if first:
        repairs.append(
            Repair(text.count("\n", 0, first[0]) + 1, f"{sum(signs)} characters were encoded twice; shown as meant")
        )
    return mended


def _decoded_twice(signs: str) -> str:
    try:
        return bytes(_BYTE[sign] for sign in signs).decode("utf-8")
    except UnicodeDecodeError:
        return signs


def _without(what: re.Pattern[str], by: str, text: str, words: str, repairs: list[Repair]) -> str:
    found = what.search(text)
    if found is None:
        return text
    repairs.append(Repair(text.count("\n", 0, found.start()) + 1, words))
    return what.sub(by, text)
