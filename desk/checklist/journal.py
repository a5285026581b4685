"""The way of checklists to the store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from desk import journal
from desk.checklist.ledger import Ledger
from desk.checklist.record import STREAM, Record, What, read, written
from desk.journal import Journal
from desk.store import FileStore, Row

_KNOWN: Final = "known"
"""What records of that kind are about; they are never forgotten."""

_AS_IS: Final = ("id", "checklist", "box", "schedule")


class ChecklistJournal(Journal[Record]):
    """One session's way to the records of checklists, for two years of quarters."""

    stream = STREAM
    keeps = "checklists"
    lasts = timedelta(days=800)
    as_is = _AS_IS
    _ledger: Ledger
    _first = True
    """Until the ledger knows what was kept."""

    def start(self, ledger: Ledger, changed: Callable[[], None] = lambda: None) -> None:
        """Begin; on the event loop. `changed` is told when what is shown may have changed."""
        self.serve(ledger, changed)
        self.begin()

    def serve(self, ledger: Ledger, changed: Callable[[], None] = lambda: None) -> None:
        """Belong to the ledger of a session."""
        self._ledger = ledger
        ledger.keep(self.write, changed)

    def about(self, record: Record) -> str:
        """Its checklist; what says since when one is known is about that alone."""
        return about(record)

    def written(self, record: Record) -> Mapping[str, Any]:
        """As JSON values."""
        return written(record)

    def parsed(self, body: Mapping[str, Any]) -> Record:
        """The record again."""
        return read(body)

    def brought(self, records: Sequence[Record], live: bool) -> None:
        """The ledger takes them in."""
        self._hand(self._ledger.take, records)

    def ready(self) -> None:
        """The ledger knows what was kept."""
        if self._first:
            self._first = False
            self._hand(self._ledger.opened)

    def again(self) -> None:
        """What this session knows is written into the new file too."""
        self.write(self._ledger.again())

    def lasting(self) -> Collection[str]:
        """Since when each checklist is known."""
        return {_KNOWN}


def about(record: Record) -> str:
    """What a record belongs to."""
    return _KNOWN if record.what is What.KNOWN else record.checklist


def look(path: Path) -> list[Record]:
    """Every record of a file, for who looks only once; none where there is no file. Raises `StoreError`."""
    return journal.look(path, STREAM, read)


def keep(path: Path, records: Sequence[Record], redact: Callable[[str], str] = lambda text: text) -> None:
    """Append records to a file at once, for who looks only once. Raises `StoreError`."""
    store = FileStore.open(path, redact, _AS_IS)
    try:
        store.append(STREAM, [Row(one.id, one.at, about(one), written(one)) for one in records])
    finally:
        store.close()
