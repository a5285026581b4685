"""What is kept of a gauge over a short time, and how many such times become a few bytes and back, without any loss.

A gauge that does not change costs next to nothing: columns are written as what differs from the value before, and of
equal bytes little is left once they are compressed.
"""

from __future__ import annotations

import math
import operator
import struct
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Final, NamedTuple

STEP: Final = 60
"""Seconds of a bucket of the short tier."""

LONG_STEP: Final = 600
"""Seconds of a bucket of the long tier."""

_MANY: Final = 0xFFFF_FFFF
"""Readings that are counted in a bucket at most."""


class Cell(NamedTuple):
    """Values of one gauge over a short time. There is no cell of no reading."""

    readings: int
    """How many there were."""
    least: float
    most: float
    total: float
    """Sum of the values."""
    last: float
    """The value that was read last."""
    fell: int = 0
    """How often a counter was lower than before: its source was restarted. Always 0 for what is no counter."""

    @property
    def mean(self) -> float:
        """Mean of the values; of numbers too great to be added up, the last."""
        mean = self.total / self.readings
        return min(max(mean, self.least), self.most) if math.isfinite(mean) else self.last

    def and_then(self, later: Cell) -> Cell:
        """This cell and a later one as one.

        >>> Cell(1, 2.0, 2.0, 2.0, 2.0).and_then(Cell(2, 1.0, 5.0, 6.0, 5.0, 1))
        Cell(readings=3, least=1.0, most=5.0, total=8.0, last=5.0, fell=1)
        """
        return Cell(
            min(self.readings + later.readings, _MANY),
            min(self.least, later.least),
            max(self.most, later.most),
            self.total + later.total,
            later.last,
            min(self.fell + later.fell, _MANY),
        )


class Bucket(NamedTuple):
    """A cell with its time."""

    start: float
    """Seconds since 1970, UTC."""
    span: float
    """Seconds it covers; 0: one reading."""
    cell: Cell

    @property
    def end(self) -> float:
        """The first moment that is no longer in it."""
        return self.start + self.span

    @property
    def at(self) -> datetime:
        """When it began, aware UTC."""
        return datetime.fromtimestamp(self.start, UTC)


Row = tuple[int, Cell]
"""A cell and its place: of its gauge in a set, or of its minute in a block."""


def together(cells: Iterable[Cell]) -> Cell:
    """Cells in order of time as one; there must be one."""
    found = iter(cells)
    whole = next(found)
    for cell in found:
        whole = whole.and_then(cell)
    return whole


def regrouped(buckets: Iterable[Bucket], step: int) -> list[Bucket]:
    """Buckets in order of time as longer ones of `step` seconds; what is longer already stays as it is."""
    found: list[Bucket] = []
    for one in buckets:
        start = one.start // step * step
        if found and found[-1].start == start and found[-1].span == step and one.span <= step:
            found[-1] = Bucket(start, step, found[-1].cell.and_then(one.cell))
        else:
            found.append(one if one.span >= step else Bucket(start, step, one.cell))
    return found


_NUMBERS: Final = "<{0}H{0}I{0}I"
_DEFLATE: Final = -12
"""Deflate without a header and with a window of 4 KiB: https://www.rfc-editor.org/rfc/rfc1951."""


def packed(rows: Sequence[Row]) -> bytes:
    """Rows as bytes, exactly; at most 65,535, places below 65,536."""
    size = len(rows)
    cells = [cell for _, cell in rows]
    last = _bits([cell.last for cell in cells])
    columns = (
        last ^ (last << 64 & (1 << 64 * size) - 1),
        last ^ _bits([cell.least for cell in cells]),
        last ^ _bits([cell.most for cell in cells]),
        _bits([cell.last * cell.readings for cell in cells]) ^ _bits([cell.total for cell in cells]),
    )
    numbers = struct.pack(
        _NUMBERS.format(size),
        *(place for place, _ in rows), *(cell.readings for cell in cells), *(cell.fell for cell in cells),
    )  # fmt: skip
    parts = [numbers]
    for column in columns:
        raw = column.to_bytes(8 * size, "little")
        parts += [raw[byte::8] for byte in range(8)]
    packer = zlib.compressobj(6, zlib.DEFLATED, _DEFLATE, 5)
    return struct.pack("<H", size) + packer.compress(b"".join(parts)) + packer.flush()


def unpacked(body: bytes) -> list[Row]:
    """Rows from bytes. Raises `ValueError` when they are damaged."""
    try:
        (size,) = struct.unpack_from("<H", body)
        opener = zlib.decompressobj(_DEFLATE)
        raw = opener.decompress(body[2:], 42 * size + 1)
        numbers = struct.unpack_from(_NUMBERS.format(size), raw)
        if len(raw) != 42 * size or not opener.eof:
            raise ValueError("it has another length than it says")
    except (zlib.error, struct.error) as error:
        raise ValueError(str(error)) from None
    places, counts, fell = numbers[:size], numbers[size : 2 * size], numbers[2 * size :]
    columns = []
    for start in (10 * size + 8 * size * number for number in range(4)):
        column = bytearray(8 * size)
        for byte in range(8):
            column[byte::8] = raw[start + byte * size : start + (byte + 1) * size]
        columns.append(bytes(column))
    steps = struct.unpack(f"<{size}Q", columns[0])
    last_bits = int.from_bytes(struct.pack(f"<{size}Q", *accumulate(steps, operator.xor)), "little")
    last = _floats(last_bits, size)
    least = _floats(last_bits ^ int.from_bytes(columns[1], "little"), size)
    most = _floats(last_bits ^ int.from_bytes(columns[2], "little"), size)
    expected = _bits([value * count for value, count in zip(last, counts, strict=True)])
    total = _floats(expected ^ int.from_bytes(columns[3], "little"), size)
    if not all(counts):
        raise ValueError("a cell of no reading")
    return list(zip(places, map(Cell, counts, least, most, total, last, fell), strict=True))


def _bits(values: Sequence[float]) -> int:
    return int.from_bytes(struct.pack(f"<{len(values)}d", *values), "little")


def _floats(bits: int, size: int) -> tuple[float, ...]:
    return struct.unpack(f"<{size}d", bits.to_bytes(8 * size, "little"))


def bundled(chunks: Sequence[bytes]) -> bytes:
    """Chunks as one, in which each can be found without touching the others."""
    ends = list(accumulate(map(len, chunks)))
    return struct.pack(f"<H{len(chunks)}I", len(chunks), *ends) + b"".join(chunks)


def chunk(body: bytes, place: int) -> bytes:
    """The chunk at a place of a bundle; empty when it has none. Raises `ValueError` when it is damaged.

    >>> chunk(bundled([b"a", b"", b"bc"]), 2), chunk(bundled([b"a"]), 7)
    (b'bc', b'')
    """
    try:
        (many,) = struct.unpack_from("<H", body)
        if place >= many:
            return b""
        first = struct.unpack_from("<I", body, 2 + 4 * (place - 1))[0] if place else 0
        (end,) = struct.unpack_from("<I", body, 2 + 4 * place)
    except struct.error as error:
        raise ValueError(str(error)) from None
    head = 2 + 4 * many
    return body[head + first : head + end]


def chunks(body: bytes) -> int:
    """How many chunks a bundle has; 0 when it is damaged."""
    return int(struct.unpack_from("<H", body)[0]) if len(body) >= 2 else 0
