"""What was recorded as a file that can be handed on: a frame, or every reading and mark of a span. Inert JSON, ASCII.

    {"evidence": 1, "content": {...}, "sha256": "..."}

The hash is that of the bytes of `content` as they stand in the file, from its first brace to its last. It is written
as it is read, so that a day needs no more memory than a minute.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final

from desk import codec
from desk.replay.recording import Recording
from desk.tape.tape import Entry, Mark
from probes.base import hide_password

FORM: Final = 1
"""Version of the form; raised when an older reader would misread it."""

_BEGIN: Final = b'{"evidence":%d,\n"content":' % FORM
_BEFORE_HASH: Final = b',\n"sha256":"'

Redact = Callable[[str], str]


def write(
    recording: Recording,
    path: Path,
    since: datetime,
    until: datetime | None = None,
    redact: Redact = lambda text: text,
) -> None:
    """Write the frame at a moment, or a span of time, into a new file that only we can read.

    `redact` takes out secrets beyond those that were taken out when it was recorded. Raises `OSError` (a file of that
    name is there) or `TapeError`.
    """
    with _new(path) as stream:
        digest = hashlib.sha256()
        stream.write(_BEGIN)
        for piece in _content(recording, since, until):
            raw = redact(piece).encode("ascii", "backslashreplace")
            digest.update(raw)
            stream.write(raw)
        stream.write(_BEFORE_HASH + digest.hexdigest().encode() + b'"}\n')


def write_new(path: Path, text: str) -> None:
    """Write a text into a new file that only we can read. Raises `OSError`."""
    with _new(path) as stream:
        stream.write(text.encode())


def intact(path: Path) -> bool:
    """Does the content of a file still have its hash? Raises `OSError`, `ValueError` for a file of another sort."""
    digest, size = hashlib.sha256(), path.stat().st_size
    tail = len(_BEFORE_HASH) + 64 + len(b'"}\n')
    with path.open("rb") as stream:
        if stream.read(len(_BEGIN)) != _BEGIN or size < len(_BEGIN) + tail:
            raise ValueError(f"{path.name} is no evidence of this form")
        left = size - len(_BEGIN) - tail
        while left > 0 and (piece := stream.read(min(left, 1 << 16))):
            digest.update(piece)
            left -= len(piece)
        return stream.read() == _BEFORE_HASH + digest.hexdigest().encode() + b'"}\n'


def _new(path: Path) -> BinaryIO:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    return os.fdopen(handle, "wb")


def _content(recording: Recording, since: datetime, until: datetime | None) -> Iterator[str]:
    header = recording.header(since)
    head = {
        "made_at": datetime.now(UTC).isoformat(),
        "file": recording.path.name,
        "system": header.system,
        "environment": header.environment,
        "production": header.production,
        "since": since.isoformat(),
        "until": (until or since).isoformat(),
        "session": {"id": header.session, "began": header.began.isoformat(), "pace": header.pace},
        "targets": [{"name": name, "kind": kind, "every": every} for name, kind, every in header.targets],
        "silences": [
            {"since": one.since.isoformat(), "until": one.until and one.until.isoformat(), "nobody_watched": one.ended}
            for one in recording.silences(since, until or since)
        ],
        "alerts": [codec.plain(alert) for alert in recording.alerts(since)],
    }
    yield _text(head)[:-1] + ',\n"readings":['
    readings = recording.entries(since) if until is None else _span(recording, since, until)
    yield from _listed(_reading(one) for one in readings)
    yield '],\n"marks":['
    begin = since - timedelta(hours=1) if until is None else since
    yield from _listed(_mark(one) for one in recording.all_marks(begin, until or since) if one.sort in _TOLD)
    yield "]}"


_TOLD: Final = frozenset({"session", "alert", "said", "act", "note"})


def _span(recording: Recording, since: datetime, until: datetime) -> Iterator[Entry]:
    streams = [recording.between(name, since, until) for name in recording.names()]
    return heapq.merge(*streams, key=lambda entry: entry.at)


def _reading(entry: Entry) -> dict[str, Any]:
    return {"target": entry.target, "kind": entry.kind, "at": entry.at.isoformat(), "reading": entry.reading}


def _mark(mark: Mark) -> dict[str, Any]:
    return {"at": mark.at.isoformat(), "sort": mark.sort, "target": mark.target, "body": mark.body}


def _listed(items: Iterable[dict[str, Any]]) -> Iterator[str]:
    for number, item in enumerate(items):
        yield (",\n" if number else "\n") + _text(item)


def _text(value: Any) -> str:
    return json.dumps(_clean(value), separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _clean(value: Any) -> Any:
    """Without the passwords that addresses may carry."""
    if isinstance(value, str):
        return hide_password(value) if "://" in value else value
    if isinstance(value, dict):
        return {name: _clean(one) for name, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list | tuple) else value
