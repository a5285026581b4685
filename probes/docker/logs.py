"""A container's log: the Engine's frames taken apart, lines put together, each made safe and bounded.

Frame: one byte of stream (1 output, 2 errors), three of nothing, four of length, then the payload; a container with a
terminal has no frames. Source: https://docs.docker.com/reference/api/engine/ (ContainerAttach, "Stream format").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from probes.base.logmerge import Stamped, moment
from probes.base.text import LINE_LIMIT

_HEADER: Final = 8
_STAMP: Final = re.compile(rb"^(\d{4}-(\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) ?")


class LogLines:
    """Takes bytes as they come and gives whole lines; an endless line is cut and the rest of it dropped."""

    def __init__(self, framed: bool, prefix: str = "") -> None:
        self._framed = framed
        self._prefix = prefix
        self._raw = bytearray()
        self._left = 0
        """Payload bytes of the current frame still to come."""
        self._stream = 1
        self._parts: dict[int, bytearray] = {}

    def feed(self, chunk: bytes) -> Iterator[Stamped]:
        """The lines that are whole now."""
        if not self._framed:
            yield from self._text(1, chunk)
            return
        self._raw += chunk
        while self._raw:
            if self._left == 0:
                if len(self._raw) < _HEADER:
                    return
                self._stream = self._raw[0]
                self._left = int.from_bytes(self._raw[4:_HEADER], "big")
                del self._raw[:_HEADER]
                continue
            payload = bytes(self._raw[: self._left])
            del self._raw[: self._left]
            self._left -= len(payload)
            yield from self._text(self._stream, payload)

    def rest(self) -> Iterator[Stamped]:
        """What is left when the log ends without a line end."""
        for stream, part in self._parts.items():
            if part:
                yield self._line(stream, bytes(part))
        self._parts.clear()

    def _text(self, stream: int, payload: bytes) -> Iterator[Stamped]:
        part = self._parts.setdefault(stream, bytearray())
        *whole, last = payload.split(b"\n")
        for one in whole:
            self._add(part, one)
            yield self._line(stream, bytes(part))
            part.clear()
        self._add(part, last)

    def _add(self, part: bytearray, more: bytes) -> None:
        room = LINE_LIMIT + 64 - len(part)
        if room > 0:
            part += more[:room]

    def _line(self, stream: int, raw: bytes) -> Stamped:
        raw = raw.removesuffix(b"\r")
        stamp = _STAMP.match(raw)
        when = b"%b %b  " % (stamp[2], stamp[3]) if stamp else b""
        errors = b"err  " if stream == 2 else b""
        text = self._prefix.encode() + when + errors + raw[stamp.end() if stamp else 0 :]
        return Stamped(text, LINE_LIMIT, moment(stamp[1]) if stamp else None)
