"""A folder of real dumps, and targets that lead to it, for the tests of `backups`."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from desk.board import Slot
from desk.rules import RuleBook
from probes.backups.act import BackupsActuator
from probes.backups.facts import BackupsFacts
from probes.backups.probe import BackupsProbe
from probes.backups.settings import BackupsSettings
from probes.base import Context, Snapshot, Target
from tests.probes.rigs import TestSecrets
from tests.stack.postgres import PASSWORD, Postgres
from tests.stack.process import wait_until

ROWS = 2000
KEEPER = "keeper"
"""Owns the databases of these tests and makes new ones; no superuser, as a backup is never restored as one unasked."""
_MAKE = f"""
DO $$ BEGIN
    CREATE ROLE {KEEPER} LOGIN CREATEDB PASSWORD '{PASSWORD}';
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
GRANT pg_signal_backend, pg_read_all_settings, pg_read_all_stats TO {KEEPER};
"""


class Here(TestSecrets):
    """Knows the server's password, and none for a reference that says so."""

    def resolve(self, reference: str) -> str:
        """The password of these tests, or a wrong one."""
        return "not-the-password" if reference == "env:WRONG" else super().resolve(reference)


@dataclass
class Stage:
    """A server with a database of its own, a folder, and a state of its own."""

    server: Postgres
    folder: Path
    state: Path
    live: str
    role: str = KEEPER

    def settings(self, **more: Any) -> BackupsSettings:
        """A target's settings."""
        login = {"url": self.url(self.live), "password": "env:SECRET"}
        made: dict[str, Any] = {
            "folder": str(self.folder),
            "pattern": "shop-*.dump",
            "programs": str(self.server.binaries),
            "database": login,
            "scratch": {**login, "url": self.url("postgres")},
            "checks": {"people": "SELECT count(*) FROM people"},
            "timeout": 20,
        }
        return BackupsSettings.model_validate(made | more)

    def url(self, database: str, port: int | None = None) -> str:
        """An address without a password."""
        return f"postgresql://{self.role}@127.0.0.1:{port or self.server.port}/{database}"

    def context(self) -> Context:
        """With a state of its own."""
        return Context(Here(), state=self.state)

    def actuator(self, **more: Any) -> BackupsActuator:
        """What acts there."""
        return BackupsActuator(Target("nightly", "backups", self.settings(**more)), self.context())

    def probe(self, **more: Any) -> BackupsProbe:
        """What reads there."""
        return BackupsProbe(Target("nightly", "backups", self.settings(**more)), self.context())

    def sql(self, statement: str, database: str = "") -> str:
        """What a statement gives; the session that asked has left when this returns."""
        where = database or self.live
        said = self.server.sql(statement, database=where)
        if where != "postgres":
            asks = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{where}' AND application_name = 'psql'"
            wait_until(lambda: self.server.sql(asks, database="postgres") == "0", 20)
        return said

    def databases(self) -> list[str]:
        """Those that begin like ours, and scratch ones."""
        names = f"datname ~ '^{self.live}(_|$)' OR datname LIKE 'opsroom_verify%'"
        return self.sql(f"SELECT datname FROM pg_database WHERE {names} ORDER BY 1", "postgres").split()

    def dump(
        self, name: str, form: str = "c", database: str = "", age: timedelta = timedelta(), more: Sequence[str] = ()
    ) -> Path:
        """A real dump, some time old by its file."""
        path = self.folder / name
        env = os.environ | {"PGPASSWORD": self.server.password}
        argv = [str(self.server.binaries / "pg_dump"), "-F", form, "-f", str(path), *more]
        argv.append(self.server.address("postgres", database or self.live))
        subprocess.run(argv, env=env, check=True, capture_output=True, timeout=60)
        return aged(path, age)

    def names(self) -> list[str]:
        """What is in the folder."""
        return sorted(os.listdir(self.folder))

    def drop(self) -> None:
        """Remove the databases again."""
        for name in self.databases():
            self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', "postgres")


def keeps(server: Postgres, database: str) -> None:
    """Make a database that the keeper owns."""
    server.sql(_MAKE, database="postgres")
    server.sql(f"CREATE DATABASE {database} OWNER {KEEPER}", database="postgres")


@contextmanager
def mounted(place: Path, options: str) -> Iterator[Path]:
    """A small file system of its own; only root may make one."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def session_of(code: str, folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Another process that runs this code, and the first line that it prints."""
    session = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=folder)
    assert session.stdout is not None
    return session, session.stdout.readline()


def aged(path: Path, age: timedelta) -> Path:
    """The file, as if it had been written a while ago."""
    at = (datetime.now(UTC) - age).timestamp()
    os.utime(path, (at, at))
    return path


def plain(folder: Path, name: str, body: str = "SELECT 1;", age: timedelta = timedelta(), end: bool = True) -> Path:
    """A plain dump, written by hand."""
    last = "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n" if end else ""
    first = "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n-- Dumped from database version 15.18\n"
    text = f"{first}{body}\n{last}"
    path = folder / name
    path.write_text(text)
    return aged(path, age)


async def read(probe: BackupsProbe, settled: Callable[[BackupsFacts], object] = lambda facts: True) -> Snapshot[Any]:
    """The first reading of which this is true."""
    async with asyncio.timeout(30):
        while True:
            found = await probe.read()
            if settled(found.facts):
                return found
            await asyncio.sleep(0.05)


def told(found: Snapshot[Any]) -> dict[str, str]:
    """Rule -> sentence of what a reading raises."""
    target = Target(found.target, "backups", BackupsSettings(folder="/x"))
    book = RuleBook(target.name, BackupsProbe.rules, BackupsProbe.gauges)
    alerts: Any = ()
    for number in range(2):
        alerts = book.judge(Slot(target, 0.0, found, 600.0 * number), 600.0 * number, found.taken_at)
    return {alert.rule: alert.words for alert in alerts}
