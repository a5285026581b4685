"""The door to other machines, against a real sshd: what goes through, what can't, and what each fault is called."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import TypeAdapter, ValidationError

from probes.base import Cause, CommandLine, ProbeError, State, said_over_ssh
from probes.exec import Ran, program, ssh
from probes.exec.ssh import Destination, Line, NotBegun, Way
from probes.exec.ssh_words import SessionsFull, login_failed, session_failed
from tests.probes.sshing import between, ready
from tests.stack import process
from tests.stack.faultproxy import FaultProxy, Mode
from tests.stack.sshd import HOST, Sshd

LONG: Final = 30.0
ROOT: Final = Path(__file__).resolve().parents[2]


@pytest.fixture
def server(new_sshd: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch) -> Sshd:
    return ready(new_sshd(), monkeypatch)


@pytest.fixture
async def way() -> AsyncIterator[Way]:
    one = Way(HOST)
    yield one
    await one.close()


@contextlib.contextmanager
def proxied(server: Sshd) -> Iterator[FaultProxy]:
    """The way there, with somebody on it who breaks it."""
    with FaultProxy(server.port) as proxy:
        server.configure(proxy.port)
        yield proxy


async def refused(way: Way) -> NotBegun:
    """Why there is no login."""
    with pytest.raises(NotBegun) as caught:
        async with asyncio.timeout(LONG):
            await way.line()
    return caught.value


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG):
        while not true():
            await asyncio.sleep(0.02)


def gone(pid: int | None) -> bool:
    return pid is None or process.start_ticks(pid) is None


# What can be written in a profile


@pytest.mark.parametrize(
    "text", ["web-1", "ops@db1.example.net", "10.0.0.7", "::1", "fe80::1%eth0", "a", "svc_x@host_1", "UPPER"]
)
def test_a_host_of_the_configuration_or_a_person_at_a_host_is_taken(text: str) -> None:
    assert TypeAdapter(Destination).validate_python(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "-oProxyCommand=touch /tmp/x", "--", "-", "-l", "ops@-oProxyCommand=x", "-x@host", "a b", "a\tb", "a\n",
        "a\nb", "web-1;reboot", "$(reboot)", "`reboot`", "a|b", "a&b", "a'b", 'a"b', "a\\b", "a@b@c", "a/b", "~", "é",
        "a\x00", "@host", "ops@", "ssh://web-1", "x" * 300,
    ],
)  # fmt: skip
def test_what_ssh_or_a_shell_could_take_for_something_else_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="a Host of your ssh configuration"):
        TypeAdapter(Destination).validate_python(text)


# What goes through


@pytest.mark.engine
async def test_a_program_gets_its_words_as_they_are_and_its_answer_comes_back_whole(server: Sshd, way: Way) -> None:
    words = ["a b", "$HOME", "it's", '"', "*", ";", "\\x", "line\nbreak", "", "`id`", "é"]
    ran = await (await way.line()).run(["printf", "<%s>", *words])
    assert ran == Ran(0, "".join(f"<{word}>" for word in words).encode(), b"")


@pytest.mark.engine
async def test_no_word_becomes_a_command_there(server: Sshd, way: Way, tmp_path: Path) -> None:
    line = await way.line()
    mark = tmp_path / "mark"
    for word in (f"; touch {mark}", f"$(touch {mark})", f"`touch {mark}`", f"' touch {mark} '", f"\n touch {mark}\n"):
        assert (await line.run(["printf", "%s", word])).out == word.encode()
    assert not mark.exists()


@pytest.mark.engine
async def test_exit_code_output_and_complaints_are_told_apart(server: Sshd, way: Way) -> None:
    line = await way.line()
    assert await line.run(["sh", "-c", "echo out; echo err >&2; exit 255"]) == Ran(255, b"out\n", b"err\n")
    assert (await line.run(["no-such-program"])).code == 127
    assert await line.run(["7", "x y"], script='echo "$2"; exit $1') == Ran(7, b"x y\n", b"")


@pytest.mark.engine
async def test_what_a_machine_says_at_a_login_is_not_taken_for_the_answer(
    new_sshd: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch, way: Way, tmp_path: Path
) -> None:
    (tmp_path / "banner").write_text("Access denied to strangers! \x1b[2J\n")
    there = between(new_sshd, monkeypatch, Banner=str(tmp_path / "banner"))
    there.does("echo Welcome; echo 'Permission denied, says the motd' >&2")
    there.does("echo Bye", "after")
    ran = await (await way.line()).run(["sh", "-c", "echo out; echo err >&2"])
    assert ran == Ran(0, b"out\n", b"err\n")


@pytest.mark.engine
async def test_lines_come_one_by_one_until_nobody_wants_them(server: Sshd, way: Way) -> None:
    line = await way.line()
    every = line.lines(["sh", "-c", "echo one; echo two; exec sleep 60"])
    async with asyncio.timeout(LONG):
        assert [await anext(every), await anext(every)] == [b"one", b"two"]
    await every.aclose()
    assert [one async for one in line.lines(["printf", "a\\nb"])] == [b"a", b"b"]


@pytest.mark.engine
async def test_many_share_one_login_and_the_last_one_ends_it(server: Sshd) -> None:
    ways = [Way(HOST) for _ in range(6)]
    lines = await asyncio.gather(*(way.line() for way in ways))
    assert len(set(map(id, lines))) == 1
    line = lines[0]
    assert server.log().count("Accepted publickey") == 1
    for way in ways[1:]:
        await way.close()
        await way.close()
    assert line.alive
    assert (await line.run(["echo", "still"])).out == b"still\n"
    master = line.master
    await ways[0].close()
    assert not line.alive
    await until(lambda: gone(master))


@pytest.mark.engine
async def test_the_control_socket_lies_where_nobody_else_can_go(server: Sshd, way: Way) -> None:
    control = (await way.line()).control
    folder = control.parent.stat()
    assert (stat.S_IMODE(folder.st_mode), folder.st_uid) == (0o700, os.getuid())
    assert stat.S_ISSOCK(control.stat().st_mode)
    assert len(str(control)) < 80


@pytest.mark.engine
async def test_what_the_configuration_forwards_shares_or_runs_is_left_out(
    server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        greedy = {
            "LocalForward": f"{busy} 127.0.0.1:1", "ExitOnForwardFailure": "yes", "RemoteCommand": "echo theirs",
            "RequestTTY": "force", "ControlMaster": "auto", "ControlPath": str(tmp_path / "theirs"),
            "PermitLocalCommand": "yes", "LocalCommand": f"touch {tmp_path}/local", "ForwardAgent": "yes",
            "LogLevel": "QUIET", "ControlPersist": "yes",
        }  # fmt: skip
        server.configure(more={"greedy": greedy})
        way = Way("greedy")
        line = await way.line()
        assert await line.run(["printf", "ours"]) == Ran(0, b"ours", b"")
        assert os.listdir(tmp_path) == []
        await way.close()


@pytest.mark.engine
async def test_a_session_that_ends_without_a_word_takes_its_connection_along(server: Sshd) -> None:
    code = """
import asyncio, sys
from probes.exec.ssh import Way
async def main():
    line = await Way("web-1").line()
    print(line.master, line.control.parent)
asyncio.run(main())
"""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    pid, folder = done.stdout.split()
    await until(lambda: not os.path.exists(folder))
    await until(lambda: gone(int(pid)))


@pytest.mark.engine
@pytest.mark.parametrize("how", ["nobody wants them", "the session is killed"])
async def test_lines_that_never_come_are_not_waited_for_there_when(server: Sshd, how: str) -> None:
    code = """
import asyncio, sys
from contextlib import aclosing
from probes.exec.ssh import Way
async def main():
    line = await Way("web-1").line()
    async with aclosing(line.lines(["sh", "-c", "echo $$; exec sleep 1000"])) as every:
        print((await anext(every)).decode(), flush=True)
        if sys.argv[1] != "nobody wants them":
            await asyncio.sleep(1000)
    print("closed", flush=True)
    await asyncio.sleep(1000)
asyncio.run(main())
"""
    session = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, how, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert session.stdout is not None
    try:
        async with asyncio.timeout(LONG):
            there = int(await session.stdout.readline())
            if how == "nobody wants them":
                assert await session.stdout.readline() == b"closed\n"
            else:
                session.kill()
        await until(lambda: gone(there))
    finally:
        with contextlib.suppress(ProcessLookupError):
            session.kill()
        await session.wait()


async def test_what_a_killed_session_left_is_taken_away_and_what_lives_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(ssh, "_SHORT", 200)
    monkeypatch.setattr(ssh, "_folders", [])
    for name in ("opsroom-ssh-left", "opsroom-ssh-lives", "opsroom-ssh-new", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1").touch()
        if not name.endswith("new"):
            os.utime(tmp_path / name, (1, 1))
    lives = os.open(tmp_path / "opsroom-ssh-lives", os.O_RDONLY)
    fcntl.flock(lives, fcntl.LOCK_EX)
    try:
        ours = ssh._folder()
        assert set(os.listdir(tmp_path)) == {"opsroom-ssh-lives", "opsroom-ssh-new", "other", ours.name}
        os.utime(ours, (1, 1))
        ssh._sweep(tmp_path)
        assert ours.is_dir()
    finally:
        os.close(lives)


# What can go wrong with a login


@pytest.mark.engine
async def test_an_unknown_host_key_says_how_it_becomes_known(server: Sshd, way: Way) -> None:
    server.known.write_text("")
    error = await refused(way)
    assert error.cause is Cause.HOST_KEY
    assert error.cause.state is State.DOWN
    assert "host key of web-1 is not known here" in str(error.message)
    assert "log in once by hand, `ssh web-1`" in str(error.hint)
    assert server.known.read_text() == ""


@pytest.mark.engine
async def test_a_changed_host_key_is_told_with_its_fingerprint_and_never_accepted(server: Sshd, way: Way) -> None:
    other = (server.folder / "key.pub").read_text()
    server.known.write_text(f"opsroom-test {other}")
    error = await refused(way)
    assert error.cause is Cause.HOST_KEY
    assert "has changed" in str(error.message)
    assert server.fingerprint in str(error.message)
    assert server.known.read_text() == f"opsroom-test {other}"
    assert "Accepted" not in server.log()


@pytest.mark.engine
async def test_a_changed_host_key_is_refused_even_where_the_configuration_asks_for_no_checks(
    server: Sshd, way: Way
) -> None:
    server.configure(more={HOST: {"StrictHostKeyChecking": "no"}})
    server.known.write_text(f"opsroom-test {(server.folder / 'key.pub').read_text()}")
    error = await refused(way)
    assert error.cause is Cause.HOST_KEY
    assert "has changed" in str(error.message)
    assert ssh._open == set(), "the connection is ended"


@pytest.mark.engine
async def test_a_key_that_is_not_let_in_is_denied_and_nothing_is_asked(server: Sshd, way: Way) -> None:
    (server.folder / "authorized_keys").write_text("")
    error = await refused(way)
    assert error.cause is Cause.AUTH
    assert error.cause.state is State.DENIED
    assert "publickey" in str(error.message)
    assert "without a question" in str(error.hint)


@pytest.mark.engine
async def test_a_key_that_wants_its_passphrase_is_not_asked_for_it(server: Sshd, way: Way) -> None:
    words = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "hunter2", "-f", str(server.folder / "key")]
    await asyncio.to_thread(subprocess.run, words, check=True, capture_output=True, timeout=LONG)
    error = await refused(way)
    assert error.cause is Cause.AUTH
    assert "ssh-add" in str(error.hint)


@pytest.mark.engine
async def test_a_server_that_is_down_refuses_and_one_that_is_back_is_met_again(server: Sshd, way: Way) -> None:
    with proxied(server) as proxy:
        proxy.become(Mode.REFUSE)
        error = await refused(way)
        assert (error.cause, str(error.message)) == (Cause.REFUSED, "connection refused by web-1")
        proxy.become(Mode.PASS)
        async with asyncio.timeout(LONG):
            while True:
                with contextlib.suppress(ProbeError):
                    await way.line()
                    break
                await asyncio.sleep(0.1)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("mode", "causes"),
    [
        (Mode.SILENT, {Cause.TIMEOUT_CONNECT}),
        (Mode.RESET, {Cause.RESET}),
        (Mode.HTML, {Cause.GARBAGE, Cause.CLOSED_EARLY, Cause.RESET}),
        (Mode.CLOSE, {Cause.CLOSED_EARLY, Cause.RESET}),
    ],
    ids=["silent", "reset", "a web page", "closed"],
)
async def test_a_login_that_breaks_is_called_by_what_broke_it(
    server: Sshd, way: Way, monkeypatch: pytest.MonkeyPatch, mode: Mode, causes: set[Cause]
) -> None:
    if mode is Mode.SILENT:
        monkeypatch.setattr(ssh, "LOGIN", 2.0)
    with proxied(server) as proxy:
        proxy.become(mode)
        error = await refused(way)
    assert error.cause in causes, error
    assert HOST in str(error.message)


@pytest.mark.engine
async def test_a_server_with_too_many_logins_says_so(
    new_sshd: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    server = ready(new_sshd({"MaxStartups": "1:100:1"}), monkeypatch)
    with socket.create_connection(("127.0.0.1", server.port)) as other:
        other.recv(64)
        error = await refused(way)
    assert error.cause in (Cause.CLOSED_EARLY, Cause.RESET, Cause.THROTTLED), error
    assert "too many" in str(error.hint)


@pytest.mark.engine
async def test_a_name_that_is_no_host_is_named(server: Sshd) -> None:
    way = Way("no-such-host.invalid")
    error = await refused(way)
    await way.close()
    assert error.cause in (Cause.DNS_NX, Cause.DNS_FAIL)
    assert "no-such-host.invalid" in str(error.message)


@pytest.mark.engine
async def test_a_configuration_that_ssh_does_not_take_is_told(server: Sshd, way: Way) -> None:
    with (server.folder / "config").open("a") as file:
        file.write("NoSuchOption yes\n")
    error = await refused(way)
    assert error.cause is Cause.LOCAL_PERM
    assert "its own configuration" in str(error.message)


async def test_a_machine_without_ssh_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: Way) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = await refused(way)
    assert (error.cause, str(error.message)) == (Cause.MISSING, "ssh is not installed here")


@pytest.mark.engine
async def test_a_login_goes_on_when_whoever_asked_gives_up(server: Sshd, way: Way) -> None:
    with proxied(server) as proxy:
        proxy.become(Mode.SILENT)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await way.line()
        proxy.become(Mode.PASS)
        async with asyncio.timeout(LONG):
            await way.line()
        assert proxy.connections == 1


# What can go wrong later


@pytest.mark.engine
async def test_a_silence_is_late_and_not_the_end(server: Sshd, way: Way) -> None:
    with proxied(server) as proxy:
        line = await way.line()
        proxy.become(Mode.SILENT)
        with pytest.raises(ProbeError) as caught:
            await line.run(["echo", "x"], within=1.0)
        assert caught.value.cause is Cause.TIMEOUT_READ
        assert not isinstance(caught.value, NotBegun)
        proxy.become(Mode.PASS)
        assert (await line.run(["echo", "again"], within=LONG)).out == b"again\n"
        assert await way.line() is line


@pytest.mark.engine
async def test_a_connection_that_hangs_for_good_is_replaced(server: Sshd, way: Way) -> None:
    line = await way.line()
    assert line.master is not None
    os.kill(line.master, 19)
    for _ in range(3):
        with pytest.raises(ProbeError):
            await line.run(["echo", "x"], within=0.5)
    os.kill(line.master, 18)
    async with asyncio.timeout(LONG):
        other = await way.line()
    assert other is not line
    assert (await other.run(["echo", "x"])).out == b"x\n"


@pytest.mark.engine
async def test_a_connection_that_is_lost_under_way_leaves_open_what_was_done(server: Sshd, way: Way) -> None:
    with proxied(server) as proxy:
        line = await way.line()
        running = asyncio.ensure_future(line.run(["sleep", "60"], within=LONG))
        await asyncio.sleep(0.3)
        proxy.become(Mode.RESET)
        with pytest.raises(ProbeError) as caught:
            await running
        assert caught.value.cause is Cause.CLOSED_EARLY
        assert not isinstance(caught.value, NotBegun)
        assert "lost" in str(caught.value.message)


@pytest.mark.engine
async def test_nothing_goes_around_a_connection_that_has_ended(server: Sshd, way: Way, tmp_path: Path) -> None:
    line = await way.line()
    assert line.master is not None
    os.kill(line.master, 9)
    await until(lambda: gone(line.master))
    with pytest.raises(NotBegun) as caught:
        await line.run(["touch", str(tmp_path / "mark")])
    assert caught.value.cause is Cause.RESET
    assert not (tmp_path / "mark").exists()
    assert not line.alive
    assert (await (await way.line()).run(["echo", "new"])).out == b"new\n"
    assert server.log().count("Accepted publickey") == 2


@pytest.mark.engine
async def test_fewer_programs_run_at_once_where_sshd_wants_fewer(
    new_sshd: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    ready(new_sshd({"MaxSessions": "1"}), monkeypatch)
    line = await way.line()
    every = await asyncio.gather(*(line.run(["sh", "-c", f"sleep 0.2; echo {n}"], LONG) for n in range(6)))
    assert [ran.out for ran in every] == [f"{n}\n".encode() for n in range(6)]


@pytest.mark.engine
async def test_an_sshd_that_allows_no_program_is_told_and_nothing_has_begun(
    new_sshd: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    ready(new_sshd({"MaxSessions": "0"}), monkeypatch)
    with pytest.raises(NotBegun) as caught:
        await (await way.line()).run(["true"])
    assert caught.value.cause is Cause.THROTTLED
    assert "MaxSessions" in str(caught.value.message)


@pytest.mark.engine
async def test_an_account_that_runs_something_else_is_told(
    new_sshd: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    ready(new_sshd({"ForceCommand": "echo this account is not for you; exit 1"}), monkeypatch)
    with pytest.raises(ProbeError) as caught:
        await (await way.line()).run(["true"])
    assert caught.value.cause is Cause.DENIED
    assert "this account is not for you" in str(caught.value.message)


@pytest.mark.engine
async def test_an_answer_without_its_end_is_not_taken_for_whole(
    new_sshd: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    there = between(new_sshd, monkeypatch)
    there.edits("/half/q")
    with pytest.raises(ProbeError) as caught:
        await (await way.line()).run(["printf", "one\nhalf\nother\n"])
    assert caught.value.cause is Cause.CLOSED_EARLY


@pytest.mark.engine
async def test_more_than_was_wanted_is_cut_and_says_so(server: Sshd, way: Way) -> None:
    ran = await (await way.line()).run(["head", "-c", "300000", "/dev/zero"], limit=10_000)
    assert ran.cut
    assert len(ran.out) <= 10_000


@pytest.mark.engine
async def test_a_socket_there_is_led_to_one_of_ours(server: Sshd, way: Way, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as there:
        there.bind(str(tmp_path / "there.sock"))
        there.listen()
        ours = await (await way.line()).socket(str(tmp_path / "there.sock"))
        assert ours == await (await way.line()).socket(str(tmp_path / "there.sock"))
        assert stat.S_IMODE(ours.stat().st_mode) == 0o600

        def answer() -> None:
            one, _ = there.accept()
            with one:
                one.sendall(b"hello")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        reader, writer = await asyncio.open_unix_connection(str(ours))
        async with asyncio.timeout(LONG):
            assert await reader.read() == b"hello"
        writer.close()
        thread.join(LONG)
    for odd in ("relative", "/a:b", "/a b", "/x\n"):
        with pytest.raises(ProbeError):
            await (await way.line()).socket(odd)


# Words without a server


@pytest.mark.parametrize(
    ("said", "cause", "words"),
    [
        ("Connection closed by 10.0.0.1 port 22", Cause.CLOSED_EARLY, "hung up during the login"),
        ("kex_exchange_identification: banner line contains invalid characters", Cause.GARBAGE, "no sshd"),
        ("Exceeded MaxStartups", Cause.THROTTLED, "no more logins"),
        ("Received disconnect: 2: Too many authentication failures", Cause.AUTH, "too many keys"),
        ("ssh: connect to host x port 22: No route to host", Cause.REFUSED, "no way to"),
        ("Unable to negotiate with 10.0.0.1 port 22: no matching host key type", Cause.VERSION, "in common"),
        ("sign_and_send_pubkey: signing failed: agent refused operation\nPermission denied (publickey).", Cause.AUTH,
         "agent"),
        ("ssh: Could not resolve hostname x: Temporary failure in name resolution", Cause.DNS_FAIL, "looked up"),
        ("something new \x1b[31m", Cause.REFUSED, "something new ^[[31m"),
        ("", Cause.REFUSED, "ended with 255"),
    ],
)  # fmt: skip
def test_each_complaint_of_a_login_has_its_own_words(said: str, cause: Cause, words: str) -> None:
    error = login_failed(Ran(255, b"", said.encode()), "web-1")
    assert error.cause is cause
    assert words in str(error.message)


@pytest.mark.parametrize(
    "said",
    [
        "mux_client_request_session: read from master failed: Broken pipe\nConnection closed by UNKNOWN port 65535",
        "mux_client_request_session: write packet: Broken pipe\nConnection closed by UNKNOWN port 65535",
        "mux_client_request_session: write packet: Broken pipe\n"
        "banner exchange: Connection to UNKNOWN port 65535: Broken pipe",
        "anything else",
    ],
)
def test_where_it_may_have_begun_it_is_not_said_that_it_has_not(said: str) -> None:
    assert not isinstance(session_failed(Ran(255, b"", said.encode()), "web-1"), NotBegun)


@pytest.mark.parametrize(
    "end", ["Connection closed by UNKNOWN port 65535", "banner exchange: Connection to UNKNOWN port 65535: Broken pipe"]
)
def test_however_the_detour_ends_what_was_refused_has_not_begun(end: str) -> None:
    said = f"mux_client_request_session: session request failed: Session open refused by peer\r\n{end}\r\n"
    assert isinstance(session_failed(Ran(255, b"", said.encode()), "web-1"), SessionsFull)
    said = f"Control socket connect(/x): No such file or directory\r\n{end}\r\n"
    assert isinstance(session_failed(Ran(255, b"", said.encode()), "web-1"), NotBegun)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (CommandLine(("ssh", "web-1", "uptime")), ("uptime",)),
        (CommandLine(("/usr/bin/ssh", "web-1", "docker restart api")), ("docker", "restart", "api")),
        (CommandLine(("ssh", "web-1", "echo", "'a b'")), ("echo", "a b")),
        (CommandLine(("ssh", "web-1", "echo", "a b")), ("echo", "a", "b")),
        (CommandLine(("ssh", "web-2", "uptime")), None),
        (CommandLine(("ssh", "-p", "22", "web-1", "uptime")), None),
        (CommandLine(("ssh", "web-1")), None),
        (CommandLine(("ssh", "web-1", "-p", "uptime")), None),
        (CommandLine(("ssh", "web-1", "reboot; uptime")), None),
        (CommandLine(("ssh", "web-1", "echo $HOME")), None),
        (CommandLine(("ssh", "web-1", "ls *")), None),
        (CommandLine(("ssh", "web-1", "uptime"), through=("sudo",)), None),
        (CommandLine(("rsh", "web-1", "uptime")), None),
    ],
)
def test_a_line_over_ssh_is_what_the_shell_there_reads(line: CommandLine, told: Any) -> None:
    assert said_over_ssh(line, "web-1") == told


def test_a_line_that_never_was_has_nothing_to_end(tmp_path: Path) -> None:
    assert not Line("web-1", tmp_path / "none").alive


# What we hand out


def handed_out(socket_there: Path) -> list[str]:
    """The options of each key in the file we give, without the address, for a socket of ours."""
    lines = (ROOT / "contrib" / "ssh" / "authorized_keys").read_text("utf-8").splitlines()
    keys = [line.partition(" ssh-ed25519 ")[0] for line in lines if line.startswith("restrict")]
    return [one.replace(',from="10.0.0.7"', "").replace("/var/run/docker.sock", str(socket_there)) for one in keys]


def knocks(listening: socket.socket) -> bool:
    """True when somebody has come to a socket."""
    listening.settimeout(0.0)
    try:
        listening.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@pytest.mark.engine
@pytest.mark.parametrize("leads", [False, True], ids=["programs alone", "one socket too"])
async def test_the_key_that_is_handed_out_runs_programs_and_leads_where_it_says(
    server: Sshd, way: Way, tmp_path: Path, leads: bool
) -> None:
    options = handed_out(tmp_path / "docker.sock")[leads]
    (server.folder / "authorized_keys").write_text(f"{options} {(server.folder / 'key.pub').read_text()}")
    line = await way.line()
    assert (await line.run(["echo", "x"])).out == b"x\n"
    with contextlib.ExitStack() as held:
        for name, may in (("docker.sock", leads), ("other.sock", False)):
            there = held.enter_context(socket.socket(socket.AF_UNIX))
            there.bind(str(tmp_path / name))
            there.listen()
            reader, writer = await asyncio.open_unix_connection(str(await line.socket(str(tmp_path / name))))
            if may:
                await until(lambda there=there: knocks(there))  # type: ignore[misc]
            async with asyncio.timeout(LONG):
                assert await reader.read() == b""
            assert not knocks(there)
            writer.close()
        network = held.enter_context(socket.socket())
        network.bind(("127.0.0.1", 0))
        network.listen()
        port = network.getsockname()[1]
        led = await program.run([*line._base(), "-W", f"127.0.0.1:{port}", "--", HOST], within=LONG)
        assert led.code != 0
        assert not knocks(network)
