"""The way of runs to the store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from desk.journal import Journal
from desk.runs.record import AS_IS, STREAM, Record, read, written
from desk.runs.runs import Runs


class RunJournal(Journal[Record]):
    """One session's way to the records of runs; those of open runs are kept for as long as they are open."""

    stream = STREAM
    keeps = "runs"
    lasts = timedelta(days=400)
    as_is = AS_IS
    _runs: Runs

    def start(self, runs: Runs) -> None:
        """Begin; on the event loop."""
        self.serve(runs)
        self.begin()

    def serve(self, runs: Runs) -> None:
        """Belong to the runs of a session."""
        self._runs, self._begun, self._over = runs, set[str](), set[str]()
        runs.keep(self.write)

    def about(self, record: Record) -> str:
        """Its run."""
        return record.run

    def written(self, record: Record) -> Mapping[str, Any]:
        """As JSON values."""
        return written(record)

    def parsed(self, body: Mapping[str, Any]) -> Record:
        """The record again."""
        return read(body)

    def brought(self, records: Sequence[Record], live: bool) -> None:
        """The runs take them in."""
        self._know(records)
        self._hand(self._runs.take, records)

    def put(self, records: Sequence[Record]) -> None:
        """The runs hear that they are kept."""
        self._know(records)
        self._hand(self._runs.kept, [record.id for record in records])

    def again(self) -> None:
        """What goes on is written into the new file too."""
        self.write(self._runs.again())

    def lasting(self) -> Collection[str]:
        """Runs that go on."""
        return self._begun - self._over

    def _know(self, records: Sequence[Record]) -> None:
        self._begun.update(record.run for record in records)
        self._over.update(record.run for record in records if record.end is not None)
