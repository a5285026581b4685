"""Sessions on one shared store, for tests: each with files, locks and connections of its own, as on another machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from desk.clock import SystemClock
from desk.codec import CodecError
from desk.locks import FileLocks
from desk.shared.file import CarriedFile
from desk.shared.locks import SharedLocks
from desk.shared.presence import Here
from desk.shared.relay import Relay, Strand
from desk.store import FileStore, Row
from probes.postgres.address import PostgresSettings, connection_params, resolve
from probes.postgres.complaints import translated
from probes.store.line import Line
from probes.store.locks import AdvisoryLocks
from probes.store.making import schema
from probes.store.records import Records
from tests.stack import postgres
from tui.secrets import Secrets

STREAMS = ("inbox", "runs")
SYSTEM = "shop/production"

_numbers = count(1)


def line(url: str, name: str) -> Line:
    """A connection to be, as the roof makes it."""
    address = resolve(PostgresSettings(url=url), Secrets({}), {})
    return Line(lambda: (connection_params(address.params, "", True), address.where), translated, name)


def prepared(server: postgres.Postgres, people: tuple[str, ...] = ("ada", "bob")) -> str:
    """A database with a store in it that these people may use; its name."""
    database = f"store{next(_numbers)}"
    server.sql(f"CREATE DATABASE {database}", database="postgres")
    server.sql(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'opsroom_people') THEN "
        "CREATE ROLE opsroom_people NOLOGIN; END IF; END $$",
        database="postgres",
    )
    for name in people:
        server.sql(
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') THEN "
            f"CREATE ROLE {name} LOGIN PASSWORD '{server.password}'; GRANT opsroom_people TO {name}; END IF; END $$",
            database="postgres",
        )
    server.sql(schema(), database=database)
    return database


def plain(body: Mapping[str, Any]) -> object:
    """What the records of these tests are read as."""
    if "id" not in body:
        raise CodecError("no id")
    return body["id"]


class Session:
    """One person at one machine."""

    def __init__(
        self,
        folder: Path,
        url: str,
        name: str = "ada",
        system: str = SYSTEM,
        parsed: Callable[[Mapping[str, Any]], object] = plain,
    ) -> None:
        self.folder = folder
        self.name = name
        self.clock = SystemClock()
        self.arrived: list[str] = []
        session = f"{name}-{folder.name}"
        self.records = Records(line(url, f"opsroom/{session}"), system)
        strands = [
            Strand(one, folder / f"{one}.db", parsed, lambda one=one: self.arrived.append(one))  # type: ignore[misc]
            for one in STREAMS
        ]
        here = Here(name, folder.name)
        self.relay = Relay(self.records, strands, self.clock, session, here, self._tend, self._lost)
        self.locks = SharedLocks(
            FileLocks(folder / "locks"),
            AdvisoryLocks(line(url, f"opsroom-locks/{session}"), system, session),
            self.clock,
            session,
            self.relay.settled,
            self.relay.wake,
        )

    def _tend(self) -> None:
        self.locks.tend()

    def _lost(self) -> None:
        self.locks.suspect()

    def write(self, *ids: str, stream: str = "inbox", about: str = "case") -> None:
        """Append records, as a journal does."""
        store = FileStore.open(self.folder / f"{stream}.db")
        store.append(stream, [Row(id, datetime.now(UTC), about, {"id": id}) for id in ids])
        store.close()
        self.relay.wake()

    def read(self, stream: str = "inbox") -> list[str]:
        """The ids of what lies in the file, in its order."""
        store = FileStore.open(self.folder / f"{stream}.db")
        found = [row.id for row in store.read(stream, most=1_000_000)]
        store.close()
        return found

    def unsent(self, stream: str = "inbox") -> int:
        """Records that it does not know to be in the store."""
        file = CarriedFile.open(self.folder / f"{stream}.db")
        try:
            return file.waiting(file.last_store(stream), stream)
        finally:
            file.close()

    def close(self) -> None:
        """End the session."""
        self.relay.close()
        self.locks.close()


def wait_for(what: Callable[[], object], seconds: float = 30.0) -> None:
    """Until it is so."""
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it never came true"
        threading.Event().wait(0.01)
