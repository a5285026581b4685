"""Which notices were told, as sessions on several machines let each other know: what one has told no other tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from desk.codec import CodecError, plain, shared
from desk.store import FileStore, Row

STREAM: Final = "told"


@dataclass(frozen=True, slots=True)
class Told:
    """One change that one channel has told. Texts are ids and marks, never shown."""

    change: str
    channel: str
    case: str
    identity: str
    """Mark of the alert."""
    what: str
    at: float
    """Unix seconds."""

    @property
    def id(self) -> str:
        """Unique in the stream."""
        return f"{self.change}:{self.channel}"


def parsed(body: Mapping[str, Any]) -> Told:
    """It again. Raises `CodecError`."""
    found: Told = shared(Told, body)
    if not found.change or not found.channel or max(map(len, (found.change, found.channel, found.case))) > 200:
        raise CodecError("it tells of nothing")
    return found


class ToldFile:
    """The file in which it stands. Belongs to one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._store: FileStore | None = None
        self._after = 0

    def keep(self, told: Sequence[Told]) -> None:
        """Let others know. Raises `StoreError`."""
        rows = [Row(one.id, _at(one.at), one.channel, plain(one)) for one in told]
        self._opened().append(STREAM, rows)

    def news(self) -> list[Told]:
        """What was told, by whomever, since this was last asked. Raises `StoreError`."""
        store = self._opened()
        found: list[Told] = []
        while rows := store.read(STREAM, self._after):
            self._after = rows[-1].seq
            for row in rows:
                try:
                    found.append(parsed(row.body))
                except CodecError:
                    continue
        return found

    def close(self) -> None:
        """Let go of it."""
        store, self._store = self._store, None
        self._after = 0
        if store is not None:
            store.close()

    def _opened(self) -> FileStore:
        if self._store is None:
            self._store = FileStore.open(self._path)
        return self._store


def _at(seconds: float) -> datetime:
    from datetime import UTC

    return datetime.fromtimestamp(seconds, UTC)
