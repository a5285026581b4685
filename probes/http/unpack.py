"""Unpacks a compressed body up to a limit, so that no small answer becomes a great one in memory."""

from __future__ import annotations

import zlib

from probes.base import SafeText


class Inflate:
    """Undoes gzip and deflate up to the body limit; anything else stays as it came, said in a note."""

    def __init__(self, encoding: str, limit: int) -> None:
        """`limit` in bytes, unpacked."""
        self._limit = limit
        self.out = bytearray()
        self.notes: tuple[SafeText, ...] = ()
        self._engine = zlib.decompressobj(47) if encoding in ("gzip", "x-gzip", "deflate") else None
        if encoding not in ("", "identity") and self._engine is None:
            self.notes = (SafeText(f"the body is compressed with {SafeText(encoding, 20)} and not read", 80),)

    def feed(self, chunk: bytes) -> None:
        """A piece as it came."""
        if self._engine is None:
            self.out += chunk if not self.notes else b""
            return
        try:
            self.out += self._engine.decompress(chunk, max(1, self._limit - len(self.out)))
        except zlib.error:
            self._engine = None
            self.notes = (SafeText("the body says it is compressed and is not"),)
