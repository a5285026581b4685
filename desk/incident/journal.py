"""The way of incidents to the store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from desk import journal
from desk.incident.incident import Incident, folded
from desk.incident.incidents import Incidents, unsettled
from desk.incident.record import AS_IS, STREAM, Record, read, written
from desk.journal import Journal

FILE: Final = "incidents.db"
"""In the folder of a system."""


class IncidentJournal(Journal[Record]):
    """One session's way to the records of incidents; what is not settled is kept for as long as that takes."""

    stream = STREAM
    keeps = "incidents"
    lasts = timedelta(days=1100)
    as_is = AS_IS
    _incidents: Incidents

    def start(self, incidents: Incidents) -> None:
        """Begin; on the event loop."""
        self.serve(incidents)
        self.begin()

    def serve(self, incidents: Incidents) -> None:
        """Belong to the incidents of a session."""
        self._incidents = incidents
        incidents.keep(self.write)

    def about(self, record: Record) -> str:
        """Its incident."""
        return record.incident

    def written(self, record: Record) -> Mapping[str, Any]:
        """As JSON values."""
        return written(record)

    def parsed(self, body: Mapping[str, Any]) -> Record:
        """The record again."""
        return read(body)

    def brought(self, records: Sequence[Record], live: bool) -> None:
        """The incidents take them in."""
        self._hand(self._incidents.take, records)

    def put(self, records: Sequence[Record]) -> None:
        """The incidents hear that they are kept."""
        self._hand(self._incidents.kept, [record.id for record in records])

    def again(self) -> None:
        """What is not settled is written into the new file too."""
        self.write(self._incidents.again())

    def lasting(self) -> Collection[str] | None:
        """Incidents that are not settled, by the whole file: another session may know more than this one."""
        assert self._store is not None
        pages = journal.pages(self._store, STREAM, read)
        now = self._clock.now()
        return {one.id for one in _folded(record for found, _ in pages for record in found) if unsettled(one, now)}


def look(path: Path) -> list[Incident]:
    """Every incident of a file, the oldest first, for who looks only once. Raises `StoreError`."""
    return sorted(_folded(journal.look(path, STREAM, read)), key=lambda one: (one.at, one.id))


def _folded(records: Iterable[Record]) -> list[Incident]:
    known: dict[str, list[Record]] = {}
    for record in records:
        known.setdefault(record.incident, []).append(record)
    return [one for several in known.values() if (one := folded(several)) is not None]
