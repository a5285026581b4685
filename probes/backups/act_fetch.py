"""Brings a copy back to this host: under a temporary name, compared with what the store says of it.

Blocking: for a job. Where an answer broke off it is asked for again, from there on and only of the very same object
(If-Match: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BufferedWriter
from typing import TYPE_CHECKING, Any, Final

from probes.backups.act_copies import copied, source
from probes.backups.folder import identity_now
from probes.backups.settings import Offhost
from probes.backups.store import Away, Keys, away, client, named, said
from probes.base import Cause, Identity, ProbeError

if TYPE_CHECKING:
    from hashlib import _Hash

_CHUNK: Final = 1 << 20
_TRIES: Final = 4
_WAIT = 1.0
"""Seconds before it is asked again, where nothing came."""
_SLEPT: Final = 60.0
"""Seconds without a byte after which an answer has broken off."""
_USUAL: Final = (8 << 20, 16 << 20, 5 << 20)
"""Bytes of a part, as programs upload: those of aws and rclone, ours."""

Told = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Brought:
    """What was fetched."""

    sha256: str
    compared: str
    """With what: "the sum of the copy"; empty: the store tells no sum of it."""
    written: int
    """Nanoseconds since 1970: when the backup was written, as far as is known."""


def from_folder(place: str, name: str, identity: Identity, part: str, tell: Told) -> Brought:
    """Copy it from another folder and read it back. Raises `OSError`, `ProbeError`."""
    if identity_now(place, name) is None:
        raise ProbeError(Cause.GONE, "the copy is gone meanwhile")
    size = int(dict(identity)["size"])
    with source(f"{place}/{name}", identity) as file:
        summed = copied(file, size, part, tell)
        told = os.fstat(file.fileno())
    if os.path.getsize(part) != size:
        raise ProbeError(Cause.GARBAGE, f"the copy gave {os.path.getsize(part):,} of its {size:,} bytes")
    return Brought(summed, "the sum of what was read", told.st_mtime_ns)


def from_bucket(place: Offhost, keys: Keys, name: str, identity: Identity, part: str, tell: Told) -> Brought:
    """Download it and compare size and sum. Raises `OSError`, `ProbeError`."""
    found = away(place, keys, name)
    if found is None:
        raise ProbeError(Cause.GONE, "the copy is gone meanwhile")
    if found.identity != identity:
        raise ProbeError(Cause.GONE, "changed since you looked: another copy has that name now")
    tag = dict(identity)["tag"]
    store = client(place, keys, within=_SLEPT)
    try:
        sums = _Sums(*_part_length(store, place, name, found.size, tag))
        with open(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            _download(store, place, name, found.size, tag, _Into(file, sums, found.size, tell))
            file.flush()
            os.fsync(file.fileno())
    finally:
        store.close()
    written = found.marks.get("written", "")
    at = int(written) if re.fullmatch(r"\d{1,19}", written) else int(found.at.timestamp() * 1e9)
    return Brought(sums.whole.hexdigest(), _compared(found, tag, sums), at)


@dataclass(slots=True)
class _Sums:
    """Of all of it, and of its parts."""

    length: int
    """Bytes of a part; 0: it has none."""
    sure: bool
    """The store itself has told that length."""
    whole: _Hash = field(default_factory=hashlib.sha256)
    md5: _Hash = field(default_factory=lambda: hashlib.md5(usedforsecurity=False))
    parts: list[bytes] = field(default_factory=list)
    inside: int = 0
    """Bytes of the part that is not finished yet."""

    def take(self, data: bytes) -> None:
        """The next bytes."""
        self.whole.update(data)
        left = memoryview(data)
        while self.length and len(left) >= self.length - self.inside:
            self.md5.update(left[: self.length - self.inside])
            left = left[self.length - self.inside :]
            self._ended()
        self.md5.update(left)
        self.inside += len(left)

    def _ended(self) -> None:
        self.parts.append(self.md5.digest())
        self.md5, self.inside = hashlib.md5(usedforsecurity=False), 0

    def tag(self) -> str:
        """As a store makes it: of the bytes, or of the sums of the parts."""
        if not self.length:
            return self.md5.hexdigest()
        if self.inside:
            self._ended()
        return f"{hashlib.md5(b''.join(self.parts), usedforsecurity=False).hexdigest()}-{len(self.parts)}"


@dataclass(slots=True)
class _Into:
    """Where the bytes go."""

    file: BufferedWriter
    sums: _Sums
    size: int
    tell: Told
    had: int = 0

    def take(self, data: bytes) -> None:
        """The next bytes. Raises `ProbeError` when there are too many."""
        self.had += len(data)
        if self.had > self.size:
            raise ProbeError(Cause.GARBAGE, f"the store gave more than the {self.size:,} bytes of the copy")
        self.file.write(data)
        self.sums.take(data)
        self.tell(min(0.99, self.had / self.size))


def _download(store: Any, place: Offhost, name: str, size: int, tag: str, into: _Into) -> None:
    """All of it; asked again from where an answer broke off. Raises `OSError`, `ProbeError`."""
    from botocore.exceptions import BotoCoreError, ClientError

    where = {"Bucket": place.bucket, "Key": place.prefix + name, "IfMatch": tag}
    stalled = 0
    while stalled < _TRIES:
        begun = into.had
        try:
            answer = store.get_object(**where, **({"Range": f"bytes={begun}-"} if begun else {}))
            if begun and not str(answer.get("ContentRange", "")).startswith(f"bytes {begun}-"):
                raise ProbeError(Cause.GARBAGE, f"{named(place)} gave another part of the copy than was asked for")
            with contextlib.closing(answer["Body"]) as body:
                while data := body.read(_CHUNK):
                    into.take(data)
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
            if status == 412:
                words = "changed since you looked: another copy has that name now"
                raise ProbeError(Cause.GONE, words) from None
            if status == 404:
                raise ProbeError(Cause.GONE, "the copy is gone meanwhile") from None
            if stalled == _TRIES - 1 or status < 500:
                raise said(error, place) from None
        except BotoCoreError as error:
            if stalled == _TRIES - 1 and not into.had:
                raise said(error, place) from None
        if into.had == size:
            return
        stalled = 0 if into.had > begun else stalled + 1
        time.sleep(_WAIT * stalled)
    words = f"only {into.had:,} of the copy's {size:,} bytes came, and then, {_TRIES} times, no more"
    raise ProbeError(Cause.CLOSED_EARLY, words)


def _part_length(store: Any, place: Offhost, name: str, size: int, tag: str) -> tuple[int, bool]:
    """(bytes of the parts it was uploaded in, all but the last alike, 0: none or not known; the store has told it)."""
    from botocore.exceptions import BotoCoreError, ClientError

    found = re.fullmatch(r'"?[0-9a-f]{32}-(\d{1,5})"?', tag)
    if found is None:
        return 0, False
    told: list[int] = []
    with contextlib.suppress(BotoCoreError, ClientError, KeyError):  # not every store knows parts
        first = store.head_object(Bucket=place.bucket, Key=place.prefix + name, PartNumber=1)
        told = [int(first["ContentLength"])]
    number = int(found[1])
    likely = (*told, *_USUAL, -(-size // max(1, number)))
    length = next((one for one in likely if one and -(-size // one) == number), 0)
    return length, length in told


def _compared(found: Away, tag: str, sums: _Sums) -> str:
    """With what the bytes agree. Raises `ProbeError` when they don't."""
    ours = found.marks.get("sha256", "")
    if ours:
        if ours != sums.whole.hexdigest():
            raise ProbeError(Cause.GARBAGE, "its sum differs from that of the backup that was copied: it is damaged")
        return "the sum of the backup that was copied"
    bare = tag.strip('"')
    if not found.plain or not re.fullmatch(r"[0-9a-f]{32}(-\d{1,5})?", bare) or ("-" in bare and not sums.length):
        return ""
    if sums.tag() == bare:
        return "the store's sum of it"
    if "-" in bare and not sums.sure:
        return ""  # the parts may have had another length
    raise ProbeError(Cause.GARBAGE, "its sum differs from the one the store tells: it is damaged")


def dated(part: str, written: int, now: float) -> None:
    """Give a file the time of the backup: a fetched one is not a new one. Never a time to come. Raises `OSError`."""
    at = min(written, int(now * 1e9))
    os.utime(part, ns=(at, at))
