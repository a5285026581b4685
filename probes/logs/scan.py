"""Searches files for a text or an expression, as a program of its own: it can be killed, and nobody's screen waits.

Run by its path with `python -I -S`, standard library only, so that it begins within a few hundredths of a second. What
to do is in the variable `OPSROOM_SCAN` as JSON (an argument list could be read by everybody):

    {"files": [[path, first byte], ...], "texts": [...] or "regex": "...", "ignore_case": false, "context": 0}

It answers in lines: `M<file>:<line>` a match, `C<file>:<line>` context of one, `P<bytes> <matches>` how far it is,
`G<number>` matches left out here, `E<file>:<word>` a file that can't be read, `D<bytes> <matches>` done.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import re
import sys
import time
import zlib
from collections import deque
from typing import IO, Any

CHUNK = 1 << 19
"""Bytes read at once: they stay in the processor's cache."""
LINE = 1 << 14
"""Bytes of a line that are given back."""
FIRST = 1000
"""Matches given back as they come; of further ones the newest."""
LAST = 4000
BEAT = 0.2
"""Seconds between two words on how far it is."""
OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_SPECIAL = frozenset(".^$*+?{}[]|()\\")


def literals(regex: str) -> list[str]:
    """The texts of which an expression is an alternative: `(ERROR|FATAL)`; none when it is more than that.

    >>> literals("(ERROR|FATAL|Exception)"), literals("a\\.b"), literals("a.b")
    (['ERROR', 'FATAL', 'Exception'], ['a.b'], [])
    """
    inner = regex
    if inner.startswith("(") and inner.endswith(")"):
        inner = inner[3:-1] if inner.startswith("(?:") else inner[1:-1]
    parts, at = [""], 0
    while at < len(inner):
        char = inner[at]
        if char == "|":
            parts.append("")
        elif char == "\\" and at + 1 < len(inner) and not inner[at + 1].isalnum():
            at += 1
            parts[-1] += inner[at]
        elif char in _SPECIAL:
            return []
        else:
            parts[-1] += char
        at += 1
    return parts if all(parts) else []


def needed(regex: str) -> str:
    """The longest text that every match of an expression holds for sure; empty: none is known.

    >>> needed(r"token \\w+ refused"), needed("a|b"), needed("(?i)x"), needed("ab*c")
    (' refused', '', '', 'a')
    """
    if "|" in regex or "(?" in regex:
        return ""
    best, run, depth, at = "", "", 0, 0
    while at <= len(regex):
        char = regex[at] if at < len(regex) else ""
        plain = ""
        if char == "\\" and at + 1 < len(regex):
            at += 1
            plain = regex[at] if not regex[at].isalnum() else ""
        elif char == "[":
            at = max(regex.find("]", at + 2), at)
        elif char == "{":
            at = max(regex.find("}", at), at)
        elif char in "()":
            depth += {"(": 1, ")": -1}.get(char, 0)
        elif char and char not in _SPECIAL:
            plain = char
        if plain and depth == 0:
            run += plain
        else:
            if char and char in "*?{":
                run = run[:-1]
            best, run = max(best, run, key=len), ""
        at += 1
    return best


class Finder:
    """Finds a text quickly: by the piece of it that takes the least time in the first bytes that are searched.

    Python looks for a text by its last letter first, and a letter that is everywhere makes that ten times slower.
    """

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._piece, self._ahead = text, 0
        self._tried = len(text) < 3

    def try_out(self, buffer: bytes | bytearray, stop: int) -> None:
        """Choose the piece, once."""
        if self._tried or stop < CHUNK // 2:
            return
        self._tried = True
        size = len(self.text)
        cuts = {(0, size)} | {(at, end) for at in range(size) for end in (at + 1, at + 2, at + 3, size) if end <= size}
        took: list[tuple[float, int, int]] = []  # seconds, minus its length, where it begins
        for at, end in sorted(cuts, key=lambda cut: cut[0] - cut[1])[:1] + sorted(cuts)[:64]:
            piece, place, hits, began = self.text[at:end], -1, 0, time.perf_counter()
            while hits < 200 and (place := buffer.find(piece, place + 1, stop)) >= 0:
                hits += 1
            took.append((time.perf_counter() - began if hits < 200 else 1.0, at - end, at))
        _, short, at = min(took)
        end = at - short
        self._piece, self._ahead = self.text[at:end], at

    def find(self, buffer: bytes | bytearray, at: int, stop: int) -> int:
        """The next place of the text; -1 when there is none."""
        if not self._ahead and len(self._piece) == len(self.text):
            return buffer.find(self.text, at, stop)
        place = at + self._ahead
        while (place := buffer.find(self._piece, place, stop)) >= 0:
            if buffer.startswith(self.text, place - self._ahead, stop):
                return place - self._ahead
            place += 1
        return -1


class Scan:
    """One search through many files."""

    def __init__(self, asked: dict[str, Any], out: int) -> None:
        self.files: list[tuple[str, int]] = [(path, start) for path, start in asked["files"]]
        self.context: int = asked.get("context", 0)
        self.ignore_case: bool = asked.get("ignore_case", False)
        texts: list[str] = asked.get("texts") or literals(asked["regex"])
        self.texts = [Finder(self._cased(one.encode())) for one in texts]
        self.regex: re.Pattern[bytes] | None = None
        if not texts:
            flags = re.MULTILINE | (re.IGNORECASE if self.ignore_case else 0)
            self.regex = re.compile(asked["regex"].encode(), flags)
            needs = needed(asked["regex"]).encode()
            self.texts = [Finder(self._cased(needs))] if needs else []
        self.matches = 0
        self.read = 0
        self._out, self._told = out, time.monotonic()
        self._said: list[bytes] = []
        self._kept: deque[list[bytes]] = deque(maxlen=LAST)
        self._group: list[bytes] = []
        self._number = 0
        self._after = 0
        """Lines that are still to be given after a match."""

    def _cased(self, text: bytes) -> bytes:
        return text.lower() if self.ignore_case else text

    def run(self) -> None:
        """Search all, in order."""
        for number, (path, start) in enumerate(self.files):
            self._number = number
            try:
                self._file(path, start)
            except PermissionError:
                self._say(b"E%d:not allowed to read it" % self._number)
            except FileNotFoundError:
                self._say(b"E%d:it is gone" % self._number)
            except (OSError, EOFError, zlib.error, lzma.LZMAError):
                self._say(b"E%d:it can't be read to its end" % self._number)
            self._end_group()
        left = self.matches - FIRST - len(self._kept)
        if left > 0:
            self._say(b"G%d" % left)
        for group in self._kept:
            self._said += group
        self._say(b"D%d %d" % (self.read, self.matches))
        self._flush()

    def _file(self, path: str, start: int) -> None:
        opener = OPENERS.get(os.path.splitext(path)[1])
        with open(path, "rb", buffering=0) as raw:
            if opener is None:
                raw.seek(start)
                self._stream(raw, raw, start)
            else:
                with opener(raw) as stream:
                    self._stream(stream, raw, 0)

    def _stream(self, stream: IO[bytes], raw: IO[bytes], start: int) -> None:
        """In chunks that end with a line; `raw` tells how far it is."""
        buffer = bytearray(CHUNK)
        view = memoryview(buffer)
        filled, before, self._after = 0, self.read, 0
        tail: list[bytes] = []
        while True:
            got = stream.readinto(view[filled:])  # type: ignore[attr-defined]
            end = filled + (got or 0)
            stop = end if not got else buffer.rfind(b"\n", 0, end) + 1
            if stop == 0 and end == len(buffer):
                stop = end  # a line longer than a chunk is searched in pieces
            if stop:
                self._chunk(buffer, stop, tail)
                if self.context:
                    tail = bytes(buffer[max(0, stop - (LINE * (self.context + 1))) : stop]).splitlines()[
                        -self.context :
                    ]
            view[: end - stop] = view[stop:end]
            filled = end - stop
            self.read = before + raw.tell() - start
            if not got:
                break
            self._tell()
        view.release()

    def _chunk(self, buffer: bytearray, stop: int, tail: list[bytes]) -> int:
        """All matches of whole lines; the end of the last line that was given back."""
        given = 0
        found = self._next(buffer, stop)
        if not self.context:
            self._lines(buffer, stop, found)
            return 0
        at = 0
        while (place := found(at)) >= 0:
            first = buffer.rfind(b"\n", 0, place) + 1
            last = buffer.find(b"\n", place, stop)
            last = stop if last < 0 else last
            self._match(buffer, first, last, given, tail)
            at = given = min(last + 1, stop)
            if at >= stop:
                break
        return self._following(buffer, given, stop)

    def _lines(self, buffer: bytearray, stop: int, found: Any) -> None:
        """The same without context: matches may be very many, and most are only counted."""
        places: list[tuple[int, int]] = []
        at = 0
        while at < stop and (place := found(at)) >= 0:
            first = buffer.rfind(b"\n", at, place) + 1 or at
            last = buffer.find(b"\n", place, stop)
            last = stop if last < 0 else last
            places.append((first, last))
            at = last + 1
        room = max(0, FIRST - self.matches)
        self.matches += len(places)
        now, later = places[:room], places[room:][-LAST:]
        self._said += [self._matched(buffer, first, last) for first, last in now]
        self._kept += [[self._matched(buffer, first, last)] for first, last in later]

    def _matched(self, buffer: bytearray, first: int, last: int) -> bytes:
        return b"M%d:%b" % (self._number, bytes(buffer[first : min(last, first + LINE)]))

    def _next(self, buffer: bytearray, stop: int) -> Any:
        """What finds the next match from a place on; -1 when there is none."""
        low = buffer.lower() if self.ignore_case else buffer
        for one in self.texts:
            one.try_out(low, stop)
        if (regex := self.regex) is not None:
            return lambda at: self._expressed(regex, buffer, low, at, stop)
        if len(self.texts) == 1:
            only = self.texts[0]
            return lambda at: only.find(low, at, stop)
        nexts = [-2] * len(self.texts)

        def soonest(at: int) -> int:
            for number, text in enumerate(self.texts):
                if nexts[number] != -1 and nexts[number] < at:
                    nexts[number] = text.find(low, at, stop)
            return min((one for one in nexts if one >= 0), default=-1)

        return soonest

    def _expressed(self, regex: re.Pattern[bytes], buffer: bytearray, low: bytearray, at: int, stop: int) -> int:
        """The next line that an expression fits within itself; a text that it needs is looked for first."""
        while at < stop:
            if self.texts:
                place = self.texts[0].find(low, at, stop)
                if place < 0:
                    return -1
                first = max(at, buffer.rfind(b"\n", 0, place) + 1)
            else:
                found = regex.search(buffer, at, stop)
                if found is None:
                    return -1
                first = place = found.start()
            last = buffer.find(b"\n", place, stop)
            last = stop if last < 0 else last
            within = regex.search(buffer, first, last)
            if within is not None:
                return within.start()
            at = last + 1
        return -1

    def _match(self, buffer: bytearray, first: int, last: int, given: int, tail: list[bytes]) -> None:
        self.matches += 1
        given = self._following(buffer, given, first)
        between = bytes(buffer[max(given, first - LINE * self.context) : first]).splitlines()
        lines = (tail + between if given == 0 else between)[-self.context :]
        if given == 0 or first - given > sum(len(line) + 1 for line in lines):
            self._end_group()
        for line in lines:
            self._give(b"C%d:%b" % (self._number, line[:LINE]))
        self._give(self._matched(buffer, first, last))
        self._after = self.context

    def _following(self, buffer: bytearray, start: int, stop: int) -> int:
        """Lines after a match, as many as are wanted; the end of the last of them."""
        while self._after and start < stop:
            end = buffer.find(b"\n", start, stop)
            end = stop if end < 0 else end
            self._give(b"C%d:%b" % (self._number, bytes(buffer[start : min(end, start + LINE)])))
            self._after -= 1
            start = min(end + 1, stop)
        return start

    def _give(self, line: bytes) -> None:
        self._group.append(line)

    def _end_group(self) -> None:
        """A match with what is around it is whole: give it back, or keep it until the end."""
        if not self._group:
            return
        if self.matches <= FIRST:
            self._said += self._group
        else:
            self._kept.append(self._group)
        self._group = []

    def _say(self, line: bytes) -> None:
        self._end_group()
        self._said.append(line)

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told >= BEAT:
            self._told = now
            self._said.append(b"P%d %d" % (self.read, self.matches))
            self._flush()

    def _flush(self) -> None:
        data = memoryview(b"".join(line.replace(b"\n", b" ") + b"\n" for line in self._said))
        self._said = []
        while data:
            data = data[os.write(self._out, data) :]


if __name__ == "__main__":
    try:
        Scan(json.loads(os.environ["OPSROOM_SCAN"]), sys.stdout.fileno()).run()
    except BrokenPipeError:
        os._exit(1)
