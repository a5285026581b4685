"""A view in a browser: who gets in, how many, with what, and that it is gone when nobody looks any more."""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner
from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tui.cli import main
from tui.keys import KEYS, Keymap
from tui.serve import server as serving
from tui.serve.gate import CROWD, SESSIONS, Gate, origin_of
from tui.serve.server import Server, accepted, environment, on_loopback, on_path
from tui.serve.viewer import UNSEEN, Press

ROOT = Path(__file__).resolve().parents[2]
GONE = 5.0
"""Seconds in which a program must be gone when its page is; measured where nothing else runs."""

PROFILE = """
system = "play"
environment = "demo"

[http.front]
url = "http://127.0.0.1:9/"
every = 60

[http.back]
url = "http://127.0.0.1:9/"
headers = { Authorization = "env:PLAY_KEY" }
every = 60
"""


class Served:
    """A server, and pages that come to it."""

    def __init__(self, server: Server, origin: str, path: str = "") -> None:
        self.server, self.origin, self.path = server, origin, path
        self.address = origin.replace("http", "ws", 1) + "/socket"
        self.pages: list[ClientConnection] = []

    def page(self, **more: Any) -> Any:
        """A socket as our page opens it."""
        if self.path:
            return unix_connect(self.path, self.address, origin=self.origin, proxy=None, **more)
        return connect(self.address, **{"origin": self.origin, "proxy": None, **more})

    async def enter(self, token: str | None = None) -> ClientConnection:
        """A page that has shown its token."""
        page: ClientConnection = await self.page()
        self.pages.append(page)
        await page.send(json.dumps({"token": self.server.gate.token if token is None else token}))
        return page


async def heard(page: ClientConnection, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first thing a page hears of which this is true; it tells of each picture that it has seen it."""
    async with asyncio.timeout(30):
        while True:
            said: dict[str, Any] = json.loads(await page.recv())
            if "lines" in said:
                with suppress(ConnectionClosed):
                    await page.send(json.dumps({"seen": True}))
            if true(said):
                return said


def programs(parent: int | None = None) -> list[psutil.Process]:
    """The programs behind pages that live now."""
    found = []
    for one in psutil.Process(parent).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "tui.serve.viewer" in one.cmdline() and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
    return found


async def until(true: Callable[[], bool], what: str, within: float = 30.0) -> float:
    """Wait for it; the seconds it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < within, f"after {within:g} s still not: {what}"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


def spec_of(folder: Path, **more: Any) -> dict[str, Any]:
    file = folder / "play.toml"
    file.write_text(PROFILE)
    return {"profile": str(file), "wall": True, "theme": "night", "every": 15.0, "pages": [], **more}


def surroundings(folder: Path) -> dict[str, str]:
    """What the server itself was started with: much that is nobody's business."""
    return {
        "PATH": os.environ["PATH"], "OPSROOM_HOME": str(folder / "home"), "PLAY_KEY": "ticket-4711",
        "DATABASE_URL": "postgres://app:hunter2@db/x", "AWS_SECRET_ACCESS_KEY": "geheim", "LD_PRELOAD": "/evil.so",
        "PYTHONSTARTUP": "/evil.py", "TEXTUAL": "devtools",
    }  # fmt: skip


@asynccontextmanager
async def served(folder: Path, path: str = "", **more: Any) -> AsyncIterator[Served]:
    sock = on_path(Path(path)) if path else on_loopback(0)
    origin = "http://localhost:8425" if path else f"http://127.0.0.1:{sock.getsockname()[1]}"
    environ = environment(surroundings(folder), ["env:PLAY_KEY", "file:/etc/x"], ROOT)
    server = Server(Gate([origin]), spec_of(folder, **more), environ)
    await server.start(sock)
    try:
        yield (made := Served(server, origin, path))
        await asyncio.gather(*(page.close() for page in made.pages))
    finally:
        await server.close()
        assert programs() == [], "the server is closed and a program lives on"


async def get(where: Served, path: str = "/", *headers: str, host: str = "") -> str:
    """What comes back for a request that is written by hand."""
    port = int(where.origin.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"GET {path} HTTP/1.1", f"Host: {host or where.origin.partition('//')[2]}", *headers]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    async with asyncio.timeout(30):
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    return answer.decode("utf-8", "replace")


# who gets in


@pytest.mark.parametrize(
    ("hosts", "origins", "socket_", "why"),
    [
        (["localhost:8"], [], False, ""),
        (["localhost:8"], ["http://localhost:8"], True, ""),
        (["localhost:8"], [], True, "no page asks"),
        (["localhost:8"], ["http://evil.example"], True, "another page asks"),
        (["localhost:8"], ["http://localhost:8.evil.example"], True, "another page asks"),
        (["localhost:8"], ["https://localhost:8"], True, "another page asks"),
        (["localhost:8"], ["http://localhost:80"], True, "another page asks"),
        (["localhost:8"], ["null"], True, "another page asks"),
        (["localhost:8"], ["http://localhost:8", "http://evil.example"], True, "another page asks"),
        (["localhost:8"], ["http://evil.example"], False, "another page asks"),
        (["evil.example:8"], [], False, "this is not an address of this server"),
        (["localhost"], [], False, "this is not an address of this server"),
        ([], [], False, "this is not an address of this server"),
        (["localhost:8", "evil.example"], [], False, "this is not an address of this server"),
    ],
)
def test_host_and_origin_are_taken_to_the_letter(hosts: list[str], origins: list[str], socket_: bool, why: str) -> None:
    assert Gate(["http://localhost:8"]).refusal(hosts, origins, socket_) == why


def test_a_token_has_128_bits_is_new_each_time_and_nothing_near_it_is_known() -> None:
    gates = [Gate(["http://localhost:8"]) for _ in range(100)]
    assert len({gate.token for gate in gates}) == 100
    assert {len(gate.token) for gate in gates} == {22}, "16 bytes in base64"
    token = gates[0].token
    assert gates[0].knows(token)
    assert not any(
        gates[0].knows(one) for one in ("", token[:-1], token + "A", token.swapcase(), "é" * 22, gates[1].token)
    )


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://localhost:8425", "http://localhost:8425"),
        ("http://LocalHost:80/", "http://localhost"),
        ("https://wall.example.com:443", "https://wall.example.com"),
        ("http://[::1]:9", "http://[::1]:9"),
        ("localhost:8425", None),
        ("http://me:pw@localhost", None),
        ("http://localhost/room", None),
        ("file:///x", None),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(text: str, origin: str | None) -> None:
    if origin is None:
        with pytest.raises(ValueError, match=r"(an origin|it) is written as"):
            origin_of(text)
    else:
        assert origin_of(text) == origin


async def test_a_hostile_page_opens_no_socket_even_with_the_token(tmp_path: Path) -> None:
    async with served(tmp_path) as where:
        for origin in ("https://evil.example", "null", None):
            with pytest.raises(InvalidStatus) as refused:
                await where.page(origin=origin)
            assert refused.value.response.status_code == HTTPStatus.FORBIDDEN
        assert programs() == []


async def test_a_name_that_was_made_to_point_here_is_refused_on_every_path(tmp_path: Path) -> None:
    async with served(tmp_path) as where:
        port = where.origin.rpartition(":")[2]
        for path in ("/", "/page.js", "/socket"):
            for host in (f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port}.evil.example"):
                assert (await get(where, path, host=host)).startswith("HTTP/1.1 403 ")


async def test_without_the_token_there_is_no_picture_and_no_program(tmp_path: Path) -> None:
    async with served(tmp_path) as where:
        for token in ("", "x" * 22, where.server.gate.token[:-1]):
            page = await where.enter(token)
            assert "no valid token" in json.loads(await page.recv())["words"]
            with pytest.raises(ConnectionClosed):
                await page.recv()
        async with where.page() as page:
            await page.send(json.dumps({"size": [80, 24]}))
            assert "no valid token" in json.loads(await page.recv())["words"]
        assert programs() == []
        assert where.server.gate.knocking == 0


async def test_who_says_nothing_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "PATIENCE", 0.3)
    async with served(tmp_path) as where:
        async with where.page() as page:
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(page.recv(), 30)
        assert where.server.gate.knocking == 0


async def test_of_a_crowd_that_says_nothing_the_newest_are_cut_and_who_is_inside_does_not_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "PATIENCE", 300.0)
    async with served(tmp_path) as where:
        inside = await where.enter()
        await heard(inside, lambda said: "lines" in said)
        port = int(where.origin.rpartition(":")[2])
        crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CROWD + 20)]
        for reader, _ in crowd[-20:]:
            with suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(), 30) == b""
        await until(lambda: where.server.gate.crowd == CROWD, "the others may stay")
        await heard(inside, lambda said: "lines" in said)
        for _, writer in crowd:
            writer.close()
        await until(lambda: where.server.gate.crowd == 1, "the crowd is gone")
        await heard(await where.enter(), lambda said: "lines" in said)


async def test_every_answer_forbids_what_a_page_could_load_from_elsewhere(tmp_path: Path) -> None:
    async with served(tmp_path) as where:
        for path in ("/", "/page.js", "/page.css", "/download/x", "/page/../server.py", "/?token=x"):
            answer = await get(where, path)
            assert "content-security-policy: default-src 'none';" in answer.lower()
            assert "frame-ancestors 'none'" in answer
            assert "Server:" not in answer
        assert (await get(where, "/../server.py")).startswith("HTTP/1.1 404 ")
        assert (await get(where, "/", "Origin: https://evil.example")).startswith("HTTP/1.1 403 ")


def test_the_page_names_no_other_address_and_can_neither_send_nor_open() -> None:
    for file in sorted((ROOT / "tui/serve/page").iterdir()):
        text = file.read_text("utf-8")
        assert not re.search(r"(?:https?:)?//[a-z]", text.replace("// ", "")), f"{file.name} names an address"
        for word in (
            "fetch(",
            "XMLHttpRequest",
            "window.open",
            "download",
            "innerHTML",
            "eval(",
            "<form",
            "<a ",
            "cookie",
        ):
            assert word not in text, f"{file.name}: {word}"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"key": "ArrowLeft"}, {"key": "ArrowLeft"}),
        ({"key": "?"}, {"key": "?"}),
        ({"key": "F12"}, {}),
        ({"key": "\x1b"}, {}),
        ({"key": ["q"]}, {}),
        ({"size": [80, 24], "more": 1}, {"size": [80, 24]}),
        ({"size": [1, 10**9]}, {"size": [40, 150]}),
        ({"size": [80.5, True]}, {}),
        ({"size": "80"}, {}),
        ({"seen": True, "open": "x"}, {"seen": True}),
        ({"seen": 10**9}, {}),
        ({"profile": "/etc/passwd"}, {}),
        ({}, {}),
    ],
)
def test_a_page_can_say_a_size_a_key_and_that_it_has_seen_and_nothing_else(
    said: dict[str, Any], told: dict[str, Any]
) -> None:
    assert accepted(said) == told


# what is seen


async def test_a_page_sees_the_wall_in_its_own_size_and_turns_its_pages(tmp_path: Path) -> None:
    async with served(tmp_path) as where:
        page = await where.enter()
        await page.send(json.dumps({"size": [90, 30]}))
        rows = (await heard(page, lambda said: said.get("size") == [90, 30]))["lines"]
        while len(rows) < 30:  # the screen is laid out by and by
            rows |= (await heard(page, lambda said: "lines" in said))["lines"]
        assert set(rows) == {str(number) for number in range(30)}
        assert {sum(piece[4] for piece in row) for row in rows.values()} == {90}
        await page.send(json.dumps({"key": "ArrowRight"}))
        await heard(page, lambda said: "[SERVICES]" in text_of(said))


async def test_a_page_that_leaves_by_a_key_is_told_so(tmp_path: Path) -> None:
    async with served(tmp_path) as where:
        page = await where.enter()
        await heard(page, lambda said: "lines" in said)
        await page.send(json.dumps({"key": "q"}))
        assert "has ended" in (await heard(page, lambda said: "words" in said))["words"]
        await until(lambda: programs() == [], "the program is gone")


async def test_a_room_to_look_around_in_opens_what_it_shows(tmp_path: Path) -> None:
    async with served(tmp_path, wall=False) as where:
        page = await where.enter()
        await heard(page, lambda said: "SERVICES" in text_of(said))
        await page.send(json.dumps({"key": "1"}))
        await heard(page, lambda said: "http" in text_of(said) and "back" in text_of(said))


async def test_a_slow_page_gets_the_newest_picture_and_never_a_queue_of_old_ones(tmp_path: Path) -> None:
    async with served(tmp_path) as where:
        page = await where.enter()
        for _ in range(UNSEEN):
            assert "lines" in json.loads(await asyncio.wait_for(page.recv(), 30))
        with pytest.raises(TimeoutError):  # its clock has gone on, and it beats
            await asyncio.wait_for(page.recv(), 3)
        await page.send(json.dumps({"seen": True}))
        assert "lines" in json.loads(await asyncio.wait_for(page.recv(), 30))


def test_what_is_pressed_waits_for_the_page_and_is_then_the_newest_alone() -> None:
    source, into = os.pipe()
    with open(source, "rb") as told, open(into, "wb") as out:
        press = Press(out)

        def hears() -> dict[str, Any]:
            assert select.select([told], [], [], 30)[0]
            said: dict[str, Any] = json.loads(told.readline())
            return said

        press.beat()
        assert hears() == {"lines": {}}, "a sign of life"
        press.show((2, 1), [[("a1", "", "", 0, 2)]])
        assert hears() == {"size": [2, 1], "lines": {"0": [["a1", "", "", 0, 2]]}}
        for text in ("a2", "a3"):
            press.beat()
            press.show((2, 1), [[(text, "", "", 0, 2)]])
        assert not select.select([told], [], [], 0.5)[0], "two are on their way"
        press.seen()
        assert hears() == {"lines": {"0": [["a3", "", "", 0, 2]]}}
        for _ in range(9):
            press.seen()
        assert not select.select([told], [], [], 0.5)[0], "nothing is new"
        press.close()


def text_of(said: dict[str, Any]) -> str:
    return "\n".join("".join(piece[0] for piece in line) for line in said.get("lines", {}).values())


def test_a_room_in_a_browser_has_no_key_that_asks_writes_sends_or_begins() -> None:
    keymap = Keymap().for_view()
    acting = {"act", "restart", "deploy", "pause", "scale", "cancel", "terminate", "console", "arm", "acts", "palette",
              "acknowledge", "silence", "lift", "window", "escalate", "export", "copy", "logs", "looks", "runbook",
              "checklists", "procedure", "suspend_process", "read_now", "choose", "mark"}  # fmt: skip
    bound = {binding.action.partition("(")[0] for key in KEYS for binding in keymap.bindings(key.where)}
    assert bound & acting == set()
    assert {"down", "open", "filter", "chart", "alerts", "describe", "leave"} <= bound


# how many, and how they end


async def test_of_fifty_at_once_four_get_in_and_nothing_is_left(tmp_path: Path) -> None:
    async def come(where: Served) -> str:
        try:
            page = await where.enter()
        except (InvalidStatus, OSError, TimeoutError) as error:
            return f"refused: {type(error).__name__}"
        with suppress(ConnectionClosed):
            said = await heard(page, lambda said: bool(said))
            if "lines" in said:
                inside.append(page)
                return "in"
            return str(said["words"])
        return "closed"

    inside: list[ClientConnection] = []
    async with served(tmp_path) as where:
        for _ in range(2):  # the second fifty find the door as the first did
            told = await asyncio.gather(*(come(where) for _ in range(50)))
            assert told.count("in") <= SESSIONS
            assert len(programs()) == len(inside) == where.server.gate.inside
            while len(inside) < SESSIONS:  # those that knocked at one time may have kept one another out
                assert await come(where) == "in"
            assert "4 places are taken" in await come(where)
            assert len(programs()) == SESSIONS
            for page in inside:
                await page.close()
            await until(lambda: programs() == [], "all programs are gone")
            await until(lambda: where.server.gate.inside == 0, "all have left")
            inside.clear()


@pytest.mark.parametrize("how", ["closes", "vanishes", "hangs"])
async def test_a_page_that_is_gone_takes_its_program_with_it(tmp_path: Path, how: str) -> None:
    async with served(tmp_path) as where:
        page = await where.enter()
        await heard(page, lambda said: "lines" in said)
        (program,) = programs()
        if how == "hangs":
            program.send_signal(signal.SIGSTOP)
        if how == "closes":
            await page.close()
        else:
            page.transport.abort()
        await until(lambda: programs() == [], "the program is gone")


async def falls_silent(where: Served) -> float:
    """A laptop whose lid is shut: nothing is closed, and nothing comes any more. The seconds its program lives on."""
    page = await where.enter()
    await heard(page, lambda said: "lines" in said)
    page.transport.pause_reading()  # no ping is answered from here on
    return await until(lambda: programs() == [], "the program is gone")


async def test_a_page_that_falls_silent_is_given_up_and_its_program_ends(tmp_path: Path) -> None:
    async with served(tmp_path) as where:
        await falls_silent(where)


def test_all_that_may_be_waited_for_is_less_than_five_seconds() -> None:
    assert sum(serving.ALIVE) + serving.PARTING + serving.FAREWELL < GONE


@pytest.mark.alone
async def test_a_program_is_gone_five_seconds_after_its_page_however_that_went(tmp_path: Path) -> None:
    async with served(tmp_path) as where:
        assert await falls_silent(where) < GONE
        for stop in (False, True):
            page = await where.enter()
            await heard(page, lambda said: "lines" in said)
            if stop:
                programs()[0].send_signal(signal.SIGSTOP)
            page.transport.abort()
            assert await until(lambda: programs() == [], "the program is gone") < GONE


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_server_that_ends_takes_every_program_with_it(tmp_path: Path, number: signal.Signals) -> None:
    with opened(tmp_path) as (process, address):
        pages = [await come_to(address) for _ in range(2)]
        for page in pages:
            await heard(page, lambda said: "lines" in said)
        there = programs(process.pid)
        assert len(there) == 2
        process.send_signal(number)
        await until(lambda: not any(alive(one) for one in there), "the programs are gone")
        assert process.wait(30) == (-number if number == signal.SIGKILL else 0)
        await asyncio.gather(*(page.close() for page in pages))


def alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


@contextmanager
def opened(folder: Path, profile: str = PROFILE, **more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`opsroom serve` in a process of its own, and the address it printed; `more` is in its environment."""
    (folder / "play.toml").write_text(profile)
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", "serve", str(folder / "play.toml"), "--wall"],
        cwd=ROOT, env=surroundings(folder) | {"LD_PRELOAD": ""} | more, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def come_to(address: str) -> ClientConnection:
    origin, _, token = address.partition("/#")
    page = await connect(origin.replace("http", "ws", 1) + "/socket", origin=origin, proxy=None)  # type: ignore[arg-type]
    await page.send(json.dumps({"token": token}))
    return page


# what a program gets


async def test_a_program_gets_places_and_what_the_profile_names_and_nothing_else(tmp_path: Path) -> None:
    async with served(tmp_path) as where:
        page = await where.enter()
        await heard(page, lambda said: "lines" in said)
        (program,) = programs()
        assert program.environ() == {
            "PATH": os.environ["PATH"], "OPSROOM_HOME": str(tmp_path / "home"), "PLAY_KEY": "ticket-4711",
            "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip


@pytest.mark.parametrize("ssh", ["", 'ssh = "web-1"'], ids=["this machine", "another machine"])
async def test_the_agent_of_a_person_is_for_a_profile_that_goes_to_other_machines(tmp_path: Path, ssh: str) -> None:
    host = f"\n[host.there]\n{ssh}\nevery = 3600\n"
    with opened(tmp_path, PROFILE + host, SSH_AUTH_SOCK="/nowhere/agent") as (process, address):
        page = await come_to(address)
        await heard(page, lambda said: "lines" in said)
        (program,) = programs(process.pid)
        assert ("SSH_AUTH_SOCK" in program.environ()) is bool(ssh)
        await page.close()


async def test_the_token_stands_in_the_first_line_and_nowhere_else(tmp_path: Path) -> None:
    with opened(tmp_path) as (process, address):
        token = address.partition("/#")[2]
        page = await come_to(address)
        await heard(page, lambda said: "lines" in said)
        for one in (psutil.Process(process.pid), *programs(process.pid)):
            assert token not in " ".join(one.cmdline())
            assert token not in json.dumps(one.environ())
        await page.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert process.stdout is not None
        assert token not in process.stdout.read()
        kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
        assert [path for path in kept if token.encode() in path.read_bytes()] == []


# another user of the machine

STRANGER = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
kind, where = sys.argv[1], sys.argv[2]
made = socket.socket(socket.AF_UNIX if kind == "path" else socket.AF_INET, socket.SOCK_STREAM)
made.settimeout(30)
try:
    made.connect(where if kind == "path" else ("127.0.0.1", int(where)))
except OSError as error:
    print("refused:", type(error).__name__); sys.exit()
origin = sys.argv[3]
made.sendall(("GET /socket HTTP/1.1\\r\\nHost: " + origin.partition("//")[2] + "\\r\\nOrigin: " + origin + "\\r\\n"
  "Connection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Version: 13\\r\\n"
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\\r\\n\\r\\n").encode())
said = b""
while b"\\r\\n\\r\\n" not in said:
    said += made.recv(4096)
word = b'{"token": "AAAAAAAAAAAAAAAAAAAAAA"}'
mask = bytes(4)
made.sendall(bytes([0x81, 0x80 | len(word)]) + mask + word)
while chunk := made.recv(4096):
    said += chunk
print(said.decode("utf-8", "replace"))
"""


async def stranger(*words: str) -> str:
    """What a program of another user gets to see."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STRANGER, *words, stdout=asyncio.subprocess.PIPE, cwd="/"
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return out.decode()


async def test_another_user_can_not_open_the_socket(tmp_path: Path) -> None:
    folder = Path("/tmp") / f"opsroom-test-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        async with served(tmp_path, path=str(folder / "room.sock")) as where:
            assert (folder / "room.sock").stat().st_mode & 0o777 == 0o600
            assert "refused: PermissionError" in await stranger("path", where.path, where.origin)
            page = await where.enter()
            await heard(page, lambda said: "lines" in said)
    finally:
        for one in folder.iterdir():
            one.unlink()
        folder.rmdir()


async def test_another_user_on_loopback_gets_no_further_than_the_token(tmp_path: Path) -> None:
    async with served(tmp_path) as where:
        port = where.origin.rpartition(":")[2]
        said = await stranger("port", port, where.origin)
        assert "101 Switching Protocols" in said
        assert "no valid token" in said
        assert "lines" not in said
        assert programs() == []


# where it listens


def test_it_listens_on_loopback_and_on_no_other_address() -> None:
    with on_loopback(0) as made:
        assert made.getsockname()[0] == "127.0.0.1"


def test_a_socket_that_somebody_left_is_replaced_and_one_in_use_or_no_socket_is_not(tmp_path: Path) -> None:
    path = tmp_path / "room.sock"
    with on_path(path) as first:
        first.listen()
        with pytest.raises(FileExistsError, match="somebody listens"):
            on_path(path)
    with on_path(path) as again:
        assert again.getsockname() == str(path)
    with on_path(path) as stuck:
        stuck.listen(0)
        with socket.socket(socket.AF_UNIX) as waiting:
            waiting.setblocking(False)
            waiting.connect(str(path))  # the queue is full, and nobody takes anything from it
            with pytest.raises(FileExistsError, match="somebody listens"):
                on_path(path)
    path.unlink()
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="something else"):
        on_path(path)
    assert path.read_text() == "mine"


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(PermissionError, match="written by others"):
        on_path(tmp_path / "room.sock")


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (["--port", "0.0.0.0:8425"], "is not a valid integer range"),
        (["--host", "0.0.0.0"], "No such option"),
        (["--socket", "x.sock"], "--socket needs --origin"),
        (["--socket", "x.sock", "--port", "1"], "exclude each other"),
        (["--origin", "localhost"], "is no origin"),
        (["--socket", "nowhere/x.sock", "--origin", "http://localhost:1"], "can't be listened on: no such file"),
        (["--wall", "--pages", "cellar"], "the wall has no page cellar"),
    ],
)
def test_what_can_not_be_served_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: list[str], said: str
) -> None:
    monkeypatch.setenv("OPSROOM_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    spec_of(tmp_path)
    done = CliRunner().invoke(main, ["serve", "play.toml", *wanted])
    assert done.exit_code == 2
    assert said in done.output


def test_a_machine_without_a_profile_is_not_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSROOM_HOME", str(tmp_path))
    done = CliRunner().invoke(main, ["serve"])
    assert done.exit_code == 2
    assert "serving needs a profile" in done.output


def test_a_port_that_is_taken_is_refused_in_words(tmp_path: Path) -> None:
    spec_of(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = CliRunner().invoke(main, ["serve", str(tmp_path / "play.toml"), "--port", str(taken.getsockname()[1])])
    assert done.exit_code == 2
    assert "can't be listened on: address already in use" in done.output
