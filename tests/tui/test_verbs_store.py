"""`opsroom store` where there is no store to be had, and the audit held against one: words, and how it ends."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from desk.actor import who
from desk.audit import Code, Trail
from desk.clock import SystemClock
from desk.ids import new_id
from desk.shared import audit
from desk.shared.file import CarriedFile
from probes.store.making import schema
from probes.store.records import Records
from tests.probes.storing import line, prepared
from tests.stack.postgres import Postgres
from tests.tui.test_cli import home, run, write

__all__ = ["home"]

verbs = pytest.mark.parametrize("verb", ["init", "show"])


def named(store: str) -> str:
    """A profile that names this store."""
    return f'system = "shop"\nstore = "{store}"\n[host.box]\n'


@verbs
def test_a_profile_without_a_store_says_how_to_name_one(home: Path, verb: str) -> None:
    write(home, 'system = "shop"\n[host.box]\n')
    found = run(home, "store", verb)
    assert found.returncode == 2
    assert 'write store = "env:OPSROOM_STORE"' in found.stderr


@verbs
def test_a_reference_that_can_not_be_given_is_a_matter_of_configuration(home: Path, verb: str) -> None:
    write(home, named("env:OPSROOM_STORE"))
    found = run(home, "store", verb)
    assert found.returncode == 2
    assert "OPSROOM_STORE is not set" in found.stderr


@verbs
def test_a_server_that_is_not_there_may_be_tried_again(home: Path, verb: str) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and does not listen: nobody else can take the port
        write(home, named(f"postgresql://ada@127.0.0.1:{held.getsockname()[1]}/ops"))
        found = run(home, "store", verb)
    assert found.returncode == 3
    assert "refused" in found.stderr
    assert "Traceback" not in found.stderr


def test_the_statements_are_printed_without_any_profile(home: Path) -> None:
    found = run(home, "store", "init", "--print")
    assert (found.returncode, found.stdout) == (0, schema())


# the audit and its witness


async def act(folder: Path, system: str) -> None:
    """A session that did something."""
    trail = Trail(folder, who({}), SystemClock(), {"system": system, "environment": ""})
    await trail.note(Code.INTENT, {"act": "1", "action": "restart", "target": "web", "reason": "it is stuck"})
    await trail.note(Code.DONE, {"act": "1"})
    await trail.close()


def carried(state: Path, system: str, url: str) -> None:
    """What a session does with its audit while the store is there."""
    copy = audit.AuditCopy(state / "audit", state / "shared.db", system, "")
    copy.copy()
    copy.close()
    file = CarriedFile.open(state / "shared.db")
    records = Records(line(url, "opsroom/carrying"), f"{system}/")
    store = records.open()
    records.append(audit.STREAM, file.to_push(store, audit.STREAM, 0, 1000))
    records.cut()
    file.close()


@pytest.mark.engine
def test_the_store_is_a_witness_of_what_was_cut_from_a_file_of_the_audit(home: Path, postgres: Postgres) -> None:
    url, system = postgres.url("ada", prepared(postgres)), f"shop{new_id()}"
    write(home, f'system = "{system}"\nstore = "env:OPSROOM_STORE"\n[host.box]\n')
    asyncio.run(act(home / "state" / "audit", system))
    carried(home / "state", system, url)
    whole = run(home, "audit", "verify", "--store", OPSROOM_STORE=url)
    assert (whole.returncode, whole.stderr) == (0, "")
    assert "the store has 4 of them as they stand here" in whole.stdout
    (path,) = (home / "state" / "audit").glob("*.jsonl")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:1]))
    assert run(home, "audit", "verify").returncode == 0, "by itself it was killed early"
    found = run(home, "audit", "verify", "--store", OPSROOM_STORE=url)
    assert found.returncode == 1
    assert "record 1 (act.intent, " in found.stdout
    assert "restart, web, it is stuck), which ada brought to the store, is not there" in found.stdout
    assert postgres.password not in found.stdout + found.stderr


def test_a_witness_that_can_not_be_reached_is_no_verdict(home: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and does not listen
        write(home, named(f"postgresql://ada@127.0.0.1:{held.getsockname()[1]}/ops"))
        found = run(home, "audit", "verify", "--store")
    assert (found.returncode, found.stdout) == (3, "")
    assert "refused" in found.stderr
