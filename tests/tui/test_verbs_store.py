"""`opsroom store` where there is no store to be had: what it says, and the code that it ends with."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from probes.store.making import schema
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
