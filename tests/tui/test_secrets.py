"""Where secrets come from, what is refused, and that none of them leaves again."""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from tui.secrets import Secrets

CANARY = 'p@ss w/rd"7é'


def fault(secrets: Secrets, reference: str) -> str:
    """The words with which a reference is refused."""
    with pytest.raises(LookupError) as caught:
        secrets.resolve(reference)
    return str(caught.value)


def program(folder: Path, text: str) -> Path:
    """A program that holds a secret."""
    path = folder / "give"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path


def test_a_variable_of_the_environment_is_a_secret() -> None:
    assert Secrets({"DB": CANARY}).resolve("env:DB") == CANARY


def test_a_variable_that_is_not_set_is_named() -> None:
    assert fault(Secrets({}), "env:DB_PASSWORD") == "the environment variable DB_PASSWORD is not set"


def test_a_private_file_is_a_secret_without_its_line_end(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{CANARY}\r\n")
    path.chmod(0o600)
    assert Secrets({}).resolve(f"file:{path}") == CANARY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    path.write_text(CANARY)
    path.chmod(mode)
    said = fault(Secrets({}), f"file:{path}")
    assert "can be read by others: chmod 600 it" in said
    assert CANARY not in said


def test_a_file_that_is_no_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    assert "is not a regular file" in fault(Secrets({}), f"file:{pipe}")
    assert "is not a regular file" in fault(Secrets({}), f"file:{tmp_path}")
    assert "cannot be read: no such file" in fault(Secrets({}), f"file:{tmp_path}/absent")
    assert "cannot be read: not a path" in fault(Secrets({}), "file:a\0b")
    assert "~nobody-here" in fault(Secrets({}), "file:~nobody-here/x")


async def test_a_program_gives_a_secret(tmp_path: Path) -> None:
    secrets = Secrets(os.environ)
    reference = f"command:{program(tmp_path, 'echo from $1')} vault"
    await secrets.prepare([reference, reference, "env:NOT_ASKED"])
    assert secrets.resolve(reference) == "from vault"


@pytest.mark.parametrize(
    ("text", "words"),
    [("exit 3", "give ended with code 3"), ("exit 0", "give ended with no answer"), ("echo x; exit 1", "with code 1")],
)
async def test_a_program_that_fails_says_how_and_its_arguments_stay_private(
    tmp_path: Path, text: str, words: str
) -> None:
    secrets = Secrets(os.environ)
    reference = f"command:{program(tmp_path, text)} --token hunter2"
    await secrets.prepare([reference])
    said = fault(secrets, reference)
    assert words in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("/nowhere/vault read x", "/nowhere/vault is not installed here"),
        ("'unpaired", "cannot be run"),
        (" ", "nothing cannot be run"),
        ("/etc read", "/etc"),
    ],
)
async def test_a_program_that_cannot_be_run_is_told(command: str, words: str) -> None:
    secrets = Secrets(os.environ)
    await secrets.prepare([f"command:{command}"])
    assert words in fault(secrets, f"command:{command}")


async def test_a_file_that_is_no_program_is_told(tmp_path: Path) -> None:
    path = tmp_path / "give"
    path.write_bytes(b"\x7fELF nonsense")
    path.chmod(0o700)
    secrets = Secrets(os.environ)
    await secrets.prepare([f"command:{path}"])
    assert "give can't be run" in fault(secrets, f"command:{path}")


async def test_a_program_that_is_late_is_not_waited_for() -> None:
    secrets = Secrets(os.environ)
    secrets.patience = 0.2
    reference = f"command:{sys.executable} -c 'import time; time.sleep(60)'"
    began = time.monotonic()
    await secrets.prepare([reference])
    assert time.monotonic() - began < 30
    assert "no answer in 0.2 s" in fault(secrets, reference)


def test_a_program_nobody_asked_yet_is_told() -> None:
    assert "was not asked yet" in fault(Secrets({}), "command:pass show db")


@pytest.mark.parametrize("reference", ["hunter2-plain", "vault:x", ""])
def test_a_secret_written_out_is_refused_and_not_repeated(reference: str) -> None:
    said = fault(Secrets({}), reference)
    assert said == "a secret is given as env:NAME, file:/path or command:program"


@pytest.mark.parametrize(
    "shape",
    [
        CANARY,
        quote(CANARY, safe=""),
        json.dumps(CANARY),
        json.dumps(CANARY, ensure_ascii=False),
        repr(CANARY),
        base64.b64encode(CANARY.encode()).decode(),
    ],
)
def test_a_secret_is_taken_out_of_any_text_in_each_of_its_shapes(shape: str) -> None:
    secrets = Secrets({"DB": CANARY})
    secrets.resolve("env:DB")
    assert secrets.redact(f"before {shape} after").startswith("before ")
    for gone in (CANARY, shape.strip("\"'=")):
        assert gone not in secrets.redact(f"before {shape} after")


def test_the_password_inside_an_address_is_taken_out_by_itself() -> None:
    secrets = Secrets({"DATABASE_URL": "postgresql://app:s3%40cret@db/shop"})
    secrets.resolve("env:DATABASE_URL")
    assert secrets.redact("login as app with s3@cret or s3%40cret") == "login as app with [secret] or [secret]"


def test_the_secrets_among_the_parameters_of_an_address_are_taken_out_too() -> None:
    secrets = Secrets({"URL": "https://h/x?deep=sight&token=t0k%2Fen&password=s3cret"})
    secrets.resolve("env:URL")
    assert secrets.redact("sight t0k/en t0k%2Fen s3cret") == "sight [secret] [secret] [secret]"


def test_words_that_everybody_knows_stay_readable() -> None:
    secrets = Secrets({"DATABASE_URL": "postgresql://postgres:postgres@db/postgres", "PIN": "on"})
    secrets.resolve("env:DATABASE_URL")
    secrets.resolve("env:PIN")
    assert secrets.redact("postgres is on") == "postgres is on"
