"""Files of settings as they are read: every way to write one, what may be shown of it, and whether it is applied."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from probes.base import Cause, Context, ProbeError, Snapshot, Target
from probes.settings import act_key
from probes.settings.dotenv import Unfit, parse, written
from probes.settings.facts import SettingsFacts
from probes.settings.probe import SettingsProbe
from probes.settings.settings import FileSettings
from tests.stack import docker

CANARY = "hunter2-CANARY-x9"


class NoSecrets:
    def resolve(self, reference: str) -> str:
        raise LookupError(reference)


def probing(path: Path, **settings: Any) -> SettingsProbe:
    """A probe that has the key for marks, in the folder `state` beside the file."""
    given = FileSettings.model_validate({"file": str(path)} | settings)
    state = path.parent / "state"
    act_key.made(state)
    return SettingsProbe(Target("app", "settings", given), Context(NoSecrets(), state=state))


async def reading(path: Path, **settings: Any) -> Snapshot[SettingsFacts]:
    probe = probing(path, **settings)
    try:
        return await probe.read()
    finally:
        await probe.close()


@pytest.fixture
def env(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_text(f"# app\nCOLOUR=red\nAPI_KEY={CANARY}\nDATABASE_URL=postgres://app:{CANARY}@db:5432/app?pool=20\n")
    path.chmod(0o640)
    return path


def put(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text)
    path.chmod(mode)


async def test_secrets_are_told_by_length_and_mark_and_never_by_value(env: Path) -> None:
    snapshot = await reading(env)
    entries = {one.key: one for one in snapshot.facts.entries}
    assert (str(entries["COLOUR"].shown), entries["COLOUR"].secret) == ("red", False)
    key = entries["API_KEY"]
    assert (str(key.shown), key.length, len(key.mark)) == ("", len(CANARY), 6)
    assert str(entries["DATABASE_URL"].shown) == "postgres://app:***@db:5432/app?pool=20"
    assert CANARY not in repr(snapshot)
    assert snapshot.gauge("keys") == 3


async def test_two_values_can_be_compared_by_their_marks_and_short_ones_have_none(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A_KEY=aaaaaaaaaaaa\nB_KEY=aaaaaaaaaaaa\nC_KEY=bbbbbbbbbbbb\nD_KEY=short\n")
    marks = [one.mark for one in (await reading(path)).facts.entries]
    assert marks[0] == marks[1] != marks[2]
    assert marks[3] == ""


@pytest.mark.parametrize("value", ["sk_live_51H8aXbCdEfGh2", "https://hooks.example.com/services/T00/B00/xyz"])
async def test_a_value_that_looks_like_a_secret_is_hidden_whatever_its_key(tmp_path: Path, value: str) -> None:
    path = tmp_path / ".env"
    path.write_text(f"HARMLESS={value}\n")
    snapshot = await reading(path)
    assert snapshot.facts.entries[0].secret
    assert value not in repr(snapshot)


async def test_a_secret_that_all_can_read_keys_that_are_missing_and_double_ones_are_told(env: Path) -> None:
    put(env, "A_KEY=x\nB=1\nA_KEY=yyyyyyyy\nthis is no setting\n", 0o644)
    put(env.with_name(".env.example"), "A_KEY=\nB=\nC=\n")
    snapshot = await reading(env)
    assert snapshot.facts.missing == ("C",)
    assert snapshot.facts.bad == (4,)
    names = ("open_to_all", "missing", "duplicates", "malformed")
    assert [snapshot.gauge(name) for name in names] == [1, 1, 1, 1]
    put(env, "A_KEY=x\n", 0o600)
    assert (await reading(env)).gauge("open_to_all") == 0


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, timeout=20)


async def test_a_file_in_git_is_told_from_one_beside_it(env: Path) -> None:
    git(env.parent, "init", "-q", ".")
    assert (await reading(env)).gauge("in_git") == 0
    git(env.parent, "add", "-f", ".env")
    assert (await reading(env)).gauge("in_git") == 1


async def test_a_link_is_followed_and_told(env: Path) -> None:
    link = env.parent / "link.env"
    link.symlink_to(env)
    facts = (await reading(link)).facts
    assert str(facts.link) == str(env)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda path: path.unlink(), Cause.GONE),
        (folder, Cause.MISSING),
        (lambda path: path.write_bytes(b"A=\xff\xfe\n"), Cause.GARBAGE),
        (lambda path: path.write_bytes(b"A=1\x00\n"), Cause.GARBAGE),
        (lambda path: path.write_bytes(b"A=1\n" * (1 << 19)), Cause.GARBAGE),
        (pipe, Cause.MISSING),
    ],
)
async def test_what_can_not_be_read_is_said_and_never_hangs(env: Path, make: Any, cause: Cause) -> None:
    make(env)
    with pytest.raises(ProbeError) as error:
        async with asyncio.timeout(20):
            await reading(env)
    assert error.value.cause is cause


async def test_a_file_one_may_not_read_says_so(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refused(path: Any, *given: Any, **more: Any) -> int:
        if str(path) == str(env):
            raise PermissionError(13, "Permission denied")
        return real(path, *given, **more)

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(ProbeError, match="not allowed to read") as error:
        await reading(env)
    assert error.value.cause is Cause.LOCAL_PERM


# the form of the file


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("A=1", "A", "1"),
        ("export A=1", "A", "1"),
        ("A = 1", "A", "1"),
        ("A='x # y'", "A", "x # y"),
        ('A="x # y" # why', "A", "x # y"),
        ("A=x#y", "A", "x#y"),
        ("A=x # y", "A", "x"),
        ('A="it\'s"', "A", "it's"),
        ('A="a\\nb"', "A", "a\nb"),
        ("A='a\\nb'", "A", "a\\nb"),
        ("A=", "A", ""),
        ("A=''", "A", ""),
        ("A=b=c", "A", "b=c"),
    ],
)
def test_the_ways_to_write_a_setting_are_understood(line: str, key: str, value: str) -> None:
    found = parse(line.encode()).settings
    assert found[key].value == value


def test_what_is_made_of_other_variables_is_told_from_what_is_literal() -> None:
    found = parse(b'A=$B\nC=\'$B\'\nD="$B"\nE="\\$B"\nF=b\n').settings
    assert [found[key].literal for key in "ACDEF"] == [False, True, False, True, True]


def test_a_value_of_several_lines_is_one_setting() -> None:
    document = parse(b'A="-----BEGIN\nxyz\n-----END"\nB=1\n')
    assert list(document.settings) == ["A", "B"]
    assert document.number("B") == 4


@given(some.binary(max_size=200))
def test_reading_and_writing_a_file_that_is_not_changed_gives_the_same_bytes(raw: bytes) -> None:
    with contextlib.suppress(Unfit):
        assert parse(raw).encoded() == raw


@given(
    some.text(some.characters(codec="utf-8"), max_size=40),
    some.sampled_from(["", "A=old\n", "A='old' # why\r\nB=2\r\n", "\ufeffB=1\nexport A=old", 'A="x"\nA=y\n', "# c"]),
)
def test_what_is_written_is_read_again_and_all_else_stays(value: str, before: str) -> None:
    document = parse(before.encode())
    try:
        after = parse(document.with_values({"A": value}).encoded())
    except Unfit:
        return
    assert after.settings["A"].value == value
    assert after.settings["A"].literal
    assert [line.raw for line in after.lines if line.key != "A"] == [
        line.raw for line in document.lines if line.key != "A"
    ]
    assert after.mark == document.mark


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\x00b", "it's $5", "it's \\ and \"", "\u2028"])
def test_what_readers_would_not_agree_on_is_not_written(value: str) -> None:
    with pytest.raises(Unfit) as error:
        written(value)
    assert value not in str(error.value)


def test_comments_order_quotes_and_line_ends_stay() -> None:
    raw = b'\xef\xbb\xbf# head\r\nexport A = "old"  # why\r\n\r\nB=2'
    assert parse(raw).with_values({"A": "new", "C": "a b"}).encoded() == (
        b"\xef\xbb\xbf# head\r\nexport A = \"new\"  # why\r\n\r\nB=2\r\nC='a b'\r\n"
    )


def test_a_key_that_is_taken_away_goes_from_all_its_lines() -> None:
    assert parse(b"A=1\nB=2\nA=3\n").with_values({"A": None}).encoded() == b"B=2\n"


VALUES = [
    "plain",
    "a b",
    "a#b",
    "x #y",
    "$HOME",
    "a$$b",
    "it's",
    'say "hi"',
    "back\\slash",
    "${X:-y}",
    "=",
    "`id`",
    "ä€",
]


@pytest.mark.engine
@pytest.mark.docker
def test_compose_itself_reads_every_value_as_it_was_meant(docker_engine: docker.Engine, tmp_path: Path) -> None:
    document = parse(b"")
    for number, value in enumerate(VALUES):
        document = document.with_values({f"V{number}": value})
    (tmp_path / "values.env").write_bytes(document.encoded())
    (tmp_path / "compose.yaml").write_text("services: {a: {image: x, env_file: [values.env]}}\n")
    said = docker_engine.run("compose", "-f", str(tmp_path / "compose.yaml"), "config", "--format", "json")
    found = json.loads(said)["services"]["a"]["environment"]
    assert [found[f"V{number}"].replace("$$", "$") for number in range(len(VALUES))] == VALUES


# what runs


class Engine:
    """Answers like an Engine with one container."""

    def __init__(self, environment: list[str]) -> None:
        self.environment = environment
        self.status = 200

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"GET ")
                labels = {"com.docker.compose.service": "web", "com.docker.compose.project": "shop"}
                body: Any = [{"Id": "a" * 64, "Labels": labels}, {"Id": "b" * 64, "Labels": {}}]
                if b"/containers/aaaa" in head:
                    body = {"Name": "/shop-web-1", "Created": "2020-01-01T00:00:00Z"}
                    body |= {"Config": {"Env": self.environment}}
                raw = json.dumps(body).encode()
                writer.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (self.status, len(raw)) + raw)
                await writer.drain()
        writer.close()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[tuple[Engine, str]]:
    found = Engine(["PATH=/bin", "COLOUR=blue", f"API_KEY={CANARY}"])
    server = await asyncio.start_unix_server(found.serve, tmp_path / "d.sock")
    yield found, f"unix://{tmp_path}/d.sock"
    server.close()


async def test_a_value_that_what_runs_does_not_have_is_not_applied(env: Path, engine: tuple[Engine, str]) -> None:
    snapshot = await reading(env, docker=engine[1], applies="box/web")
    applied = {one.key: one.applied for one in snapshot.facts.entries}
    assert applied == {"COLOUR": False, "API_KEY": True, "DATABASE_URL": None}
    (user,) = snapshot.facts.users
    assert (str(user.name), user.older, user.differs) == ("shop-web-1", True, ("COLOUR",))
    assert snapshot.gauge("not_applied") == 1
    assert CANARY not in repr(snapshot)


@pytest.mark.parametrize(("status", "cause"), [(403, Cause.DENIED), (500, Cause.GARBAGE)])
async def test_an_engine_that_does_not_let_us_look_is_a_gap(
    env: Path, engine: tuple[Engine, str], status: int, cause: Cause
) -> None:
    engine[0].status = status
    snapshot = await reading(env, docker=engine[1], applies="box/web")
    assert [gap.cause for gap in snapshot.gaps] == [cause]
    assert snapshot.gauge("not_applied") is None


async def test_an_engine_that_is_not_there_is_a_gap(env: Path, tmp_path: Path) -> None:
    snapshot = await reading(env, docker=f"unix://{tmp_path}/none.sock", applies="box/web")
    assert [gap.cause for gap in snapshot.gaps] == [Cause.REFUSED]


def test_what_is_made_from_a_file_is_what_serves_it() -> None:
    settings = FileSettings.model_validate({"file": "/srv/app/.env", "applies": "box/shop/web"})
    assert (settings.applies, settings.served_by) == (("box/shop/web",), "box/shop/web")


@pytest.mark.parametrize(
    "given",
    [
        {"file": ".env"},
        {"file": "/x", "applies": "web"},
        {"file": "/x", "rotate": {"A": {"prove": {"url": "http://api.example.com/me"}}}},
        {"file": "/x", "rotate": {"A": {"prove": {"url": "https://api.example.com/me", "header": "Bearer"}}}},
        {"file": "/x", "rotate": {"A B": {"prove": {"url": "https://api.example.com/me"}}}},
    ],
)
def test_settings_that_would_be_unsafe_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FileSettings.model_validate(given)


def test_a_file_beside_a_compose_file_is_found(tmp_path: Path) -> None:
    assert list(SettingsProbe.discover({"PWD": str(tmp_path)})) == []
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    (tmp_path / ".env").write_text("A=1\n")
    (found,) = SettingsProbe.discover({"PWD": str(tmp_path)})
    assert found.settings == {"file": str(tmp_path / ".env")}
