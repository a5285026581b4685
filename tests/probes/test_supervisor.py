"""The supervisor probe against a real supervisord, and on what only a strange one would say."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from desk.alert import Alert
from desk.board import Board
from desk.rules import RuleBook, placeholders
from probes.base import Cause, Context, ProbeError, Snapshot, Target, parse_url
from probes.base.log import Times
from probes.base.logmerge import Order
from probes.supervisor.address import SupervisorSettings
from probes.supervisor.facts import Process, Service, Stage, SupervisorFacts
from probes.supervisor.logs import PIECE, Tail, ordered
from probes.supervisor.memory import Growth, Lives, parse_deaths
from probes.supervisor.probe import SupervisorProbe, parse_process
from probes.supervisor.rpc import Fault, Rpc, Unspeakable
from probes.supervisor.use import Usage
from tests.missing import missing
from tests.stack.faultproxy import FaultProxy, Mode, hung
from tests.stack.places import free_port
from tests.toys import StillClock

CANARY = "hunter2-CANARY-x9"
_SPAWN_ERROR = 50
"""supervisord's answer to a start that failed before it had answered."""

PROGRAMS = """
[program:web]
command=/bin/sh -c 'n=0; while :; do n=$((n+1)); printf "$F" $n; sleep 0.1; done'
environment=F="tick %%s caf\\303\\251 \\033[31mred\\033[0m\\n"
startsecs=0

[program:worker]
command=/bin/sleep 1000
process_name=%(program_name)s_%(process_num)02d
numprocs=2
autorestart=false
startsecs=0
redirect_stderr=true

[program:broken]
command=/bin/sh -c 'echo cannot begin >&2; exit 3'
autostart=false
startretries=0

[program:task]
command=/bin/true
startsecs=0
autorestart=unexpected

[program:answered]
command=/bin/sh -c 'exit 2'
exitcodes=0,2
startsecs=0
autorestart=unexpected

[program:spare]
command=/bin/sleep 1000
autostart=false
stdout_logfile=NONE
stderr_logfile=NONE
"""


class OneSecret:
    def __init__(self, secret: str = CANARY) -> None:
        self.secret = secret

    def resolve(self, reference: str) -> str:
        if reference != "env:SUPERVISOR_PASSWORD":
            raise LookupError(f"the environment variable {reference[4:]} is not set")
        return self.secret


@dataclass
class Supervisord:
    """A supervisord of the test's own."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/s.sock"

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def start(folder: Path, programs: str = PROGRAMS) -> Supervisord:
    program = Path(sys.executable).parent / "supervisord"
    if not program.exists():
        missing("supervisor: the package is not installed")
    port = free_port()
    (folder / "conf").write_text(
        f"[supervisord]\nnodaemon=true\nlogfile={folder}/main.log\npidfile={folder}/pid\nchildlogdir={folder}\n"
        f"loglevel=info\n{'user=root' if os.getuid() == 0 else ''}\n"
        f"[unix_http_server]\nfile={folder}/s.sock\nchmod=0700\n"
        f"[inet_http_server]\nport=127.0.0.1:{port}\nusername=ops\npassword={CANARY}\n"
        "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        + programs
    )
    with (folder / "out").open("wb") as out:
        running = subprocess.Popen([program, "-n", "-c", folder / "conf"], stdout=out, stderr=out, cwd=folder)
    deadline = time.monotonic() + 40
    while not listens(folder / "s.sock"):
        assert running.poll() is None, (folder / "out").read_text()
        assert time.monotonic() < deadline, "supervisord does not listen"
        time.sleep(0.02)
    return Supervisord(folder, port, running)


def listens(path: Path) -> bool:
    """Whether somebody takes a connection there: a socket that is there may be nobody's yet, or nobody's any more."""
    with socket.socket(socket.AF_UNIX) as made:
        return made.connect_ex(str(path)) == 0


def end(one: Supervisord) -> None:
    one.process.terminate()
    try:
        one.process.wait(10)
    except subprocess.TimeoutExpired:
        one.process.kill()
        one.process.wait(5)


@pytest.fixture(scope="module")
def own_supervisord(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisord]:
    folder = Path(os.path.realpath(tmp_path_factory.mktemp("sv")))
    one = start(folder)
    yield one
    end(one)


@pytest.fixture
def own_private(tmp_path: Path) -> Iterator[Supervisord]:
    """One that a test may end."""
    one = start(tmp_path)
    yield one
    end(one)


Make = Callable[..., SupervisorProbe]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[SupervisorProbe] = []

    def new(url: str, clock: StillClock | None = None, secret: str = CANARY, **settings: Any) -> SupervisorProbe:
        secrets = OneSecret(secret)
        context = Context(secrets) if clock is None else Context(secrets, clock.monotonic, clock.now)
        made.append(SupervisorProbe(Target("app", "supervisor", SupervisorSettings(url=url, **settings)), context))
        return made[-1]

    yield new
    for probe in made:
        await probe.close()


async def until(probe: SupervisorProbe, holds: Callable[[SupervisorFacts], bool]) -> Snapshot[SupervisorFacts]:
    async with asyncio.timeout(15):
        while not holds((snapshot := await probe.read()).facts):
            await asyncio.sleep(0.05)
    return snapshot


def service(facts: SupervisorFacts, name: str) -> Service:
    return next(one for one in facts.services if str(one.name) == name)


def process(facts: SupervisorFacts, key: str) -> Process:
    return next(one for one in facts.processes if one.key == key)


async def command(one: Supervisord, method: str, *params: Any) -> None:
    """What a person does with supervisorctl; the probe itself never does."""
    rpc = Rpc(parse_url(one.url, {"unix"}), None, 10.0)
    try:
        await rpc.call(method, *params)
    except Fault as fault:
        if fault.code != _SPAWN_ERROR:
            raise
    finally:
        await rpc.close()


async def failure_of(probe: SupervisorProbe) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        await probe.read()
    return caught.value


# the real one


@pytest.mark.engine
async def test_services_are_counted_by_what_should_run(own_supervisord: Supervisord, make: Make) -> None:
    snapshot = await until(make(own_supervisord.url), lambda facts: service(facts, "web").running == 1)
    facts = snapshot.facts
    assert str(facts.version).startswith("4.")
    assert facts.pid == own_supervisord.process.pid
    assert [str(facts.state), facts.here] == ["RUNNING", True]
    words = {one.key: one.word for one in facts.processes}
    assert words["web:web"] == "running"
    assert words["spare:spare"] == "not started"
    assert words["task:task"] == "finished"
    assert (service(facts, "worker").running, service(facts, "worker").wanted) == (2, 2)
    assert (service(facts, "spare").wanted, service(facts, "task").wanted, service(facts, "task").dead) == (0, 0, 0)
    assert snapshot.gaps == ()


@pytest.mark.engine
async def test_an_exit_that_the_configuration_expects_is_no_death(own_supervisord: Supervisord, make: Make) -> None:
    facts = (await until(make(own_supervisord.url), lambda facts: process(facts, "answered:answered").expected)).facts
    one = process(facts, "answered:answered")
    assert (one.exit_status, one.word, one.dead) == (2, "finished", False)


@pytest.mark.engine
async def test_memory_and_cpu_include_children(own_supervisord: Supervisord, make: Make) -> None:
    probe = make(own_supervisord.url)
    await until(probe, lambda facts: (process(facts, "web:web").use.processes or 0) >= 2)
    snapshot = await until(probe, lambda facts: process(facts, "web:web").use.cpu is not None)
    assert 1 << 18 < (snapshot.gauge("memory_bytes", service="web") or 0) < 1 << 26
    assert 0 <= (snapshot.gauge("cpu_ratio", service="web") or 0) < 2


@pytest.mark.engine
async def test_a_killed_worker_is_named_with_its_signal(own_private: Supervisord, make: Make) -> None:
    clock = StillClock()
    probe = make(own_private.url, clock)
    facts = (await until(probe, lambda facts: service(facts, "worker").running == 2)).facts
    victim = process(facts, "worker:worker_01")
    assert victim.pid is not None
    os.kill(victim.pid, signal.SIGKILL)
    snapshot = await until(probe, lambda facts: service(facts, "worker").running == 1)
    one = snapshot.facts.processes[0]
    assert one.key == "worker:worker_01", "the dead one comes first"
    assert (one.word, one.died) == ("killed", "killed (signal 9, possibly out of memory)")
    assert [alert.words for alert in alerts(snapshot, probe, clock)] == ["worker: 1 of 2 running, 1 dead"]
    assert snapshot.gauge("dead_process", process=one.key, service="worker", why=one.died) == 1.0


@pytest.mark.engine
async def test_what_can_not_be_started_is_fatal_with_its_reason(own_private: Supervisord, make: Make) -> None:
    probe = make(own_private.url)
    await probe.read()
    await command(own_private, "startProcess", "broken", False)
    facts = (await until(probe, lambda facts: process(facts, "broken:broken").stage is Stage.FATAL)).facts
    assert process(facts, "broken:broken").dead
    said = "exited with 3, too soon after its start"
    await until(probe, lambda facts: process(facts, "broken:broken").why == said)  # its log may be read a little later


@pytest.mark.engine
async def test_one_that_a_person_stopped_is_not_dead_and_not_wanted(own_private: Supervisord, make: Make) -> None:
    probe = make(own_private.url)
    await until(probe, lambda facts: service(facts, "worker").running == 2)
    await command(own_private, "stopProcess", "worker:worker_00")
    facts = (await until(probe, lambda facts: service(facts, "worker").running == 1)).facts
    assert (service(facts, "worker").wanted, service(facts, "worker").dead) == (1, 0)
    assert process(facts, "worker:worker_00").word == "stopped"


@pytest.mark.engine
async def test_a_restart_is_seen_though_it_runs_again(own_private: Supervisord, make: Make) -> None:
    probe = make(own_private.url)
    first = process((await until(probe, lambda facts: service(facts, "web").running == 1)).facts, "web:web")
    assert first.pid is not None
    os.kill(first.pid, signal.SIGSEGV)
    again = await until(probe, lambda facts: service(facts, "web").restarts == 1 and service(facts, "web").running == 1)
    one = process(again.facts, "web:web")
    assert one.why == "restarted once in 10 min, crashed (signal 11, SIGSEGV)"


@pytest.mark.engine
async def test_a_supervisord_that_ends_is_down_and_one_that_comes_back_is_found(tmp_path: Path, make: Make) -> None:
    one = start(tmp_path)
    probe = make(one.url)
    await probe.read()
    end(one)
    error = await failure_of(probe)
    assert error.cause is Cause.REFUSED
    assert "is it running?" in str(error.hint)
    again = start(tmp_path)
    try:
        assert (await probe.read()).facts.pid == again.process.pid
    finally:
        end(again)


@pytest.mark.engine
async def test_a_supervisord_that_was_replaced_between_two_readings_is_no_failure(tmp_path: Path, make: Make) -> None:
    one = start(tmp_path)
    probe = make(one.url)
    await probe.read()
    end(one)
    again = start(tmp_path)
    try:
        facts = (await probe.read()).facts
        assert facts.pid == again.process.pid
        assert sum(one.restarts for one in facts.services) == 0
    finally:
        end(again)


@pytest.mark.engine
async def test_a_hanging_supervisord_costs_one_deadline(own_private: Supervisord, make: Make) -> None:
    probe = make(own_private.url, timeout=3.0)
    await probe.read()
    with hung(own_private.process.pid):
        began = time.monotonic()
        assert (await failure_of(probe)).cause is Cause.TIMEOUT_READ
        assert time.monotonic() - began < 10
    await probe.read()


@pytest.mark.engine
async def test_a_wrong_password_is_denied_and_a_right_one_is_not_shown(
    own_supervisord: Supervisord, make: Make
) -> None:
    login = {"username": "ops", "password": "env:SUPERVISOR_PASSWORD"}
    assert (await make(own_supervisord.web, **login).read()).facts.pid == own_supervisord.process.pid
    wrong = await failure_of(make(own_supervisord.web, secret=f"{CANARY}-not", **login))
    assert (wrong.cause, CANARY in str(wrong)) == (Cause.AUTH, False)
    assert (await failure_of(make(own_supervisord.web))).cause is Cause.AUTH
    unset = await failure_of(make(own_supervisord.web, username="ops", password="env:NOT_SET"))
    assert unset.cause is Cause.AUTH


@pytest.mark.engine
async def test_only_the_named_groups_are_watched(own_supervisord: Supervisord, make: Make) -> None:
    facts = (await make(own_supervisord.url, groups=["web"]).read()).facts
    assert [str(one.name) for one in facts.services] == ["web"]


@pytest.mark.engine
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
async def test_a_socket_that_is_not_ours_is_denied(own_supervisord: Supervisord, make: Make) -> None:
    probe = make(own_supervisord.url)
    folder = own_supervisord.folder
    while folder != folder.parent and folder != Path("/tmp"):
        folder.chmod(folder.stat().st_mode | 0o011)
        folder = folder.parent
    await asyncio.sleep(0)
    os.seteuid(65534)
    try:
        error = await failure_of(probe)
    finally:
        os.seteuid(0)
    assert error.cause is Cause.LOCAL_PERM
    assert "unix_http_server" in str(error.hint)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("mode", "cause"),
    [
        (Mode.REFUSE, Cause.REFUSED),
        (Mode.SILENT, Cause.TIMEOUT_READ),
        (Mode.RESET, Cause.RESET),
        (Mode.TRUNCATE, Cause.CLOSED_EARLY),
        (Mode.CLOSE, Cause.CLOSED_EARLY),
        (Mode.HTML, Cause.GARBAGE),
    ],
)
async def test_every_way_to_get_no_answer_has_its_name_and_heals(
    own_supervisord: Supervisord, make: Make, tmp_path: Path, mode: Mode, cause: Cause
) -> None:
    with FaultProxy(own_supervisord.folder / "s.sock", listen=tmp_path / "p.sock") as proxy:
        probe = make(f"unix://{tmp_path}/p.sock", timeout=3.0)
        await probe.read()
        proxy.mode = mode
        found = (await failure_of(probe)).cause
        if mode is Mode.RESET and found is Cause.CLOSED_EARLY:
            found = Cause.RESET  # on a local socket the two differ only while data is unread
        assert found is cause
        async with asyncio.timeout(20):
            while proxy.open:
                await asyncio.sleep(0.01)
        proxy.mode = Mode.PASS
        await probe.read()


@pytest.mark.engine
async def test_abort_ends_a_hanging_read_and_the_next_one_connects_afresh(
    own_supervisord: Supervisord, make: Make, tmp_path: Path
) -> None:
    with FaultProxy(own_supervisord.folder / "s.sock", listen=tmp_path / "p.sock") as proxy:
        probe = make(f"unix://{tmp_path}/p.sock", timeout=30)
        await probe.read()
        proxy.mode = Mode.SILENT
        asked = proxy.asked
        task = asyncio.create_task(probe.read())
        async with asyncio.timeout(20):
            while proxy.asked == asked:
                await asyncio.sleep(0.01)
            probe.abort()
            with pytest.raises(ProbeError):
                await task
            while proxy.open:
                await asyncio.sleep(0.01)
        proxy.mode = Mode.PASS
        await probe.read()


@pytest.mark.engine
async def test_a_reading_is_two_calls_over_one_connection(
    own_supervisord: Supervisord, make: Make, tmp_path: Path
) -> None:
    with FaultProxy(own_supervisord.folder / "s.sock", listen=tmp_path / "p.sock") as proxy:
        probe = make(f"unix://{tmp_path}/p.sock")
        await until(probe, lambda facts: process(facts, "answered:answered").expected)
        before = proxy.requests
        for _ in range(3):
            await probe.read()
        assert (proxy.connections, proxy.requests - before) == (1, 6)
        assert b"startProcess" not in proxy.heard
        assert b"signal" not in proxy.heard


# logs of the real one


async def lines_until(probe: SupervisorProbe, name: str, subject: str, holds: Callable[[list[str]], bool]) -> list[str]:
    found: list[str] = []
    stream = probe.follow(name, subject)
    async with asyncio.timeout(15), aclosing(stream) as lines:
        async for line in lines:
            found.append(str(line))
            if holds(found):
                break
    return found


@pytest.mark.engine
async def test_a_log_is_followed_line_by_line_without_loss(own_supervisord: Supervisord, make: Make) -> None:
    found = await lines_until(make(own_supervisord.url), "logs", "web:web", lambda lines: len(lines) >= 25)
    numbers = [int(line.split()[1]) for line in found]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert all(line.endswith("café ^[[31mred^[[0m") for line in found)


@pytest.mark.engine
async def test_a_log_that_is_begun_anew_is_followed_on(own_private: Supervisord, make: Make) -> None:
    probe = make(own_private.url)
    cleared = False

    def enough(lines: list[str]) -> bool:
        nonlocal cleared
        if not cleared and len(lines) > 20:
            cleared = True
            (own_private.folder / "clear").touch()
        return "(the log was begun anew)" in lines and lines[-1] != "(the log was begun anew)"

    async def clear() -> None:
        async with asyncio.timeout(15):
            while not (own_private.folder / "clear").exists():
                await asyncio.sleep(0.02)
        await command(own_private, "clearProcessLogs", "web")

    task = asyncio.create_task(clear())
    found = await lines_until(probe, "logs", "web", enough)
    await task
    assert found[-1].startswith("tick ")


@pytest.mark.engine
async def test_errors_are_a_log_of_their_own_or_said_not_to_be(own_private: Supervisord, make: Make) -> None:
    probe = make(own_private.url)
    await command(own_private, "startProcess", "broken", False)
    await until(probe, lambda facts: process(facts, "broken:broken").stage is Stage.FATAL)
    assert "cannot begin" in await lines_until(probe, "errors", "broken:broken", lambda lines: bool(lines))
    for name, subject, cause in (
        ("errors", "spare:spare", Cause.MISSING),
        ("logs", "spare:spare", Cause.MISSING),
        ("logs", "nobody", Cause.GONE),
        ("logs", "", Cause.MISSING),
        ("other", "web:web", Cause.MISSING),
    ):
        with pytest.raises(ProbeError) as caught:
            await lines_until(probe, name, subject, bool)
        assert caught.value.cause is cause, (name, subject)


@pytest.mark.engine
async def test_the_log_of_supervisord_can_be_looked_at(own_supervisord: Supervisord, make: Make) -> None:
    probe = make(own_supervisord.url)
    sheet = await probe.look("supervisord", "")
    assert any("supervisord started with pid" in line for line in sheet.lines)
    assert len((await probe.look("logs", "web:web")).lines) > 0


PAIR = """
[program:pair]
command={python} {folder}/pair.py %(process_num)d
process_name=%(program_name)s_%(process_num)d
numprocs=2
startsecs=0
"""
SPEAKS = """import pathlib, sys, time
from datetime import UTC, datetime
here, who = pathlib.Path(__file__).parent, sys.argv[1]
for number in "123":
    while not (here / f"{who}.{number}").exists():
        time.sleep(0.02)
    print(datetime.now(UTC).isoformat(), "says", who, number)
    print("  at", who, flush=True)
    (here / f"{who}.{number}.said").touch()
time.sleep(1000)
"""


@pytest.mark.engine
async def test_the_past_of_a_services_processes_is_one_in_the_order_of_its_times(tmp_path: Path, make: Make) -> None:
    """Two processes of a real supervisord speak in turn: 0, 1, 0, 1."""
    (tmp_path / "pair.py").write_text(SPEAKS)
    one = start(tmp_path, PAIR.format(python=sys.executable, folder=tmp_path))
    try:
        async with asyncio.timeout(20):
            for number in (1, 2, 3):
                for who in (0, 1):
                    (tmp_path / f"{who}.{number}").touch()
                    while not (tmp_path / f"{who}.{number}.said").exists():
                        await asyncio.sleep(0.01)
        found = await lines_until(make(one.url), "logs", "pair", lambda lines: len(lines) >= 12)
        sheet = await make(one.url).look("logs", "pair")
    finally:
        end(one)
    turns = [f"pair_{who} │ {who} {number}" for number in (1, 2, 3) for who in (0, 1)]
    for told in (found, [str(line) for line in sheet.lines]):
        assert [re.sub(r"\S+ says ", "", line) for line in told if "says" in line] == turns
        assert [line.partition("at ")[2] for line in told if "  at" in line] == ["0", "1"] * 3
        assert all("  at" in line for line in told[1::2]), "what tells no time stays behind the line before it"


# logs that only a test can write


@dataclass
class FakeLog:
    """A log as supervisord gives it: pieces of bytes that must be whole UTF-8."""

    text: bytes = b""
    refused: int = 0
    asked: list[tuple[int, int]] = field(default_factory=list)

    async def call(self, method: str, name: str, offset: int, length: int) -> Any:
        if method.startswith("tail"):
            return ["", len(self.text), True]
        self.asked.append((offset, length))
        try:
            return self.text[offset : offset + length].decode()
        except UnicodeDecodeError:
            self.refused += 1
            raise Unspeakable(Cause.GARBAGE, "HTTP 500") from None


def tail(log: FakeLog, prefix: str = "") -> Tail:
    return Tail(cast(Rpc, log), "web:web", "Stdout", prefix)


async def news(one: Tail) -> list[str]:
    return [str(line) for line in await one.news()]


async def test_a_line_is_shown_when_its_end_has_come() -> None:
    log = FakeLog(b"one\ntw")
    one = tail(log, "w │ ")
    assert await news(one) == ["w │ one"]
    log.text += b"o\nthree\n"
    assert await news(one) == ["w │ two", "w │ three"]
    assert await news(one) == []


async def test_a_log_without_times_stands_first_and_is_named_and_without_any_times_that_is_said() -> None:
    async def past(*texts: bytes) -> list[str]:
        tails = [
            Tail(cast(Rpc, FakeLog(text)), name, "Stdout", f"{name} │ ") for name, text in zip("ab", texts, strict=True)
        ]
        news = [(one, await one.news()) for one in tails]
        return [str(line) for line in ordered(news, Order(), Times(lambda: datetime.now(UTC)), time.time() + 60)]

    assert await past(b"2026-03-01 03:00:01 x\n", b"plain\n") == [
        "b │ (its lines tell no time: they stand before those of the others)",
        "b │ plain",
        "a │ 2026-03-01 03:00:01 x",
    ]
    assert await past(b"one\n", b"two\n") == [
        "(no line tells a time: the logs stand one after the other)",
        "a │ one",
        "b │ two",
    ]
    assert await past(b"one\n", b"") == ["a │ one"], "a log alone is in order"


async def test_a_log_faster_than_is_shown_leaves_a_counted_gap() -> None:
    log = FakeLog(b"start\n")
    one = tail(log)
    await one.news()
    log.text += b"x" * 99 + b"\n"
    log.text += (b"y" * 99 + b"\n") * 10_000
    found = await news(one)
    assert found[0] == f"({len(log.text) - 6 - PIECE:,} bytes left out: it writes faster than is shown)"
    assert sum(len(line) for line in found) < PIECE + 200


async def test_a_letter_cut_at_the_end_comes_whole_next_time() -> None:
    log = FakeLog(b"caf\xc3")
    one = tail(log)
    assert await news(one) == []
    log.text = "café\n".encode()
    assert await news(one) == ["café"]
    assert log.refused == 1


async def test_a_log_that_is_not_utf8_is_stepped_over_once() -> None:
    log = FakeLog(b"good\n")
    one = tail(log)
    assert await news(one) == ["good"]
    log.text += b"\xff\xfe\xff\xfe\xff\xfe bad \xff\xff\xff\xff\n"
    assert [line for line in await news(one) if "not UTF-8" in line]
    refused = log.refused
    log.text += b"good again\n"
    assert await news(one) == ["good again"]
    assert log.refused == refused


async def test_a_line_without_end_is_shown_in_pieces() -> None:
    log = FakeLog(b"")
    one = tail(log)
    await one.news()
    for _ in range(3):
        log.text += b"z" * 20_000
        assert len(await one.news()) == 1
        assert one.rest == ""


# what a strange one says


@asynccontextmanager
async def answering(raw: bytes) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(raw)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    one = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{one.sockets[0].getsockname()[1]}"
    finally:
        one.close()


def xml(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><methodResponse>&b;</methodResponse>'


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        (xml(BOMB), Cause.GARBAGE),
        (xml(BOMB.decode().encode("utf-16")), Cause.GARBAGE),
        (xml(b"<html><title>nginx</title></html>"), Cause.GARBAGE),
        (xml(b"", "404 Not Found"), Cause.GARBAGE),
        (xml(b"", "500 Internal Server Error"), Cause.GARBAGE),
        (xml(b"", "403 Forbidden"), Cause.DENIED),
        (xml(b""), Cause.GARBAGE),
        (xml(b"<methodResponse><params><param><value><int>x</int></value></param></params>"), Cause.GARBAGE),
        (xml(b"<methodResponse><params></params></methodResponse>"), Cause.GARBAGE),
        (xml(xmlrpc.client.dumps(({"not": "a version"},), methodresponse=True).encode()), Cause.GARBAGE),
        (xml(xmlrpc.client.dumps(xmlrpc.client.Fault(6, "SHUTDOWN_STATE")).encode()), Cause.OVERLOADED),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (9 << 20), Cause.TOO_BIG),
        (b"\x00\xff\r\n\r\n", Cause.GARBAGE),
    ],
)  # fmt: skip
async def test_an_answer_that_is_none_is_named(make: Make, raw: bytes, cause: Cause) -> None:
    async with answering(raw) as url:
        assert (await failure_of(make(url))).cause is cause


def row(**changes: Any) -> dict[str, Any]:
    known = {
        "name": "w", "group": "g", "start": 100, "stop": 0, "now": 160, "state": 20, "spawnerr": "", "exitstatus": 0,
        "pid": 7, "stdout_logfile": "/x", "stderr_logfile": "",
    }  # fmt: skip
    return known | changes


VALUE = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.lists(st.integers(), max_size=2)
)


@given(
    st.dictionaries(
        st.sampled_from(sorted(row())),
        VALUE,
    )
    | VALUE
)
def test_no_row_breaks_the_reading_of_it(row: Any) -> None:
    one = parse_process(row)
    if one is not None:
        assert isinstance(one.word, str)
        assert isinstance(one.why, str)
        assert one.up is None or one.up >= 0
        assert not (one.dead and not one.wanted)


def parsed(**changes: Any) -> Process:
    one = parse_process(row(**changes))
    assert one is not None
    return one


def test_uptime_is_by_the_servers_clock_and_a_gap_when_that_was_set_back() -> None:
    assert parsed().up == 60.0
    assert parsed(now=50).up is None
    assert parsed(state=100, stop=150).down == 10.0


@pytest.mark.parametrize(
    ("changes", "word", "why"),
    [
        ({"state": 100, "exitstatus": 137}, "exited 137", "killed (signal 9, possibly out of memory)"),
        ({"state": 100, "exitstatus": 143}, "exited 143", "terminated (signal 15)"),
        ({"state": 100, "exitstatus": 1}, "exited 1", "exited with 1"),
        ({"state": 100, "exitstatus": 127}, "exited 127", "its command was not found"),
        ({"state": 100, "exitstatus": -1}, "ended", "ended by a signal"),
        ({"state": 100, "exitstatus": 0}, "finished", ""),
        ({"state": 0, "stop": 150}, "stopped", ""),
        ({"state": 0, "start": 0}, "not started", ""),
        ({"state": 200, "spawnerr": "can't find command 'x'"}, "fatal", "can't find command 'x'"),
        ({"state": 77}, "unknown", ""),
    ],
)
def test_states_and_ends_are_said_in_words(changes: dict[str, Any], word: str, why: str) -> None:
    one = parsed(**changes)
    assert (one.word, one.why) == (word, why)


def test_deaths_are_read_from_the_log_and_the_last_one_counts() -> None:
    log = """2026-03-01 03:12:40,000 INFO spawned: 'a' with pid 7
2026-03-01 03:12:41,003 WARN exited: a (exit status 1; not expected)
2026-03-01 03:12:42,003 WARN exited: a (terminated by SIGABRT (core dumped); not expected)
2026-03-01 03:12:43,003 INFO exited: b c (exit status 0; expected)
2026-03-01 03:12:44,003 WARN exited: d (terminated by signal 40; not expected)
2026-03-01 03:12:45,003 WARN exited: e (unknown termination cause 0x00ff; not expected)
exited: f (exit status 99"""
    found = {name: (one.words, one.expected) for name, one in parse_deaths(log).items()}
    assert found["a"] == ("crashed (signal 6, SIGABRT)", False)
    assert found["b c"] == ("exited with 0", True)
    assert found["d"][0].startswith("ended")
    assert found["e"][0] == "unknown termination cause 0x00ff"
    assert "f" not in found


def test_restarts_older_than_ten_minutes_are_not_recent() -> None:
    lives = Lives()
    for number in range(4):
        lives.note("a", 100 + number, 7 + number, 1000.0 + number)
    assert lives.restarts("a", 1010.0) == (3, 3)
    assert lives.restarts("a", 1700.0) == (3, 0)
    lives.keep([])
    assert lives.restarts("a", 1010.0) == (0, 0)


def test_a_first_start_and_a_stop_are_no_restarts() -> None:
    lives = Lives()
    lives.note("a", None, None, 1.0)
    lives.note("a", 100, 7, 2.0)
    lives.note("a", 100, None, 3.0)
    assert lives.restarts("a", 4.0) == (0, 0)
    lives.note("a", 200, 8, 5.0)
    assert lives.restarts("a", 6.0) == (1, 1)


def test_growth_is_said_after_five_seconds_and_not_of_a_newborn() -> None:
    growth = Growth()
    mib = float(1 << 20)
    assert growth.note("a", 1, 10 * mib, 3.0, 0.0) is None
    assert [growth.note("a", 1, (10 + 2 * at) * mib, 100.0 + at, float(at)) for at in (2, 4, 6)] == [None, None, None]
    assert growth.note("a", 1, 26 * mib, 108.0, 8.0) == 2 * mib
    assert growth.note("a", 2, 90 * mib, 110.0, 10.0) is None, "another process is another story"
    assert growth.note("a", 2, None, 112.0, 12.0) is None


def stat_line(parent: int, ticks: int, pages: int, born: int = 5) -> str:
    return f"1 (a) b) S {parent} 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 {born} 0 {pages} 0"


def test_use_adds_up_children_and_leaves_strangers_alone(tmp_path: Path) -> None:
    for pid, line, children in (
        (10, stat_line(1, 100, 3), "11"),
        (11, stat_line(10, 50, 2), ""),
        (12, stat_line(9, 9, 9), ""),
    ):
        (tmp_path / f"{pid}/task/{pid}").mkdir(parents=True)
        (tmp_path / f"{pid}/stat").write_text(line)
        (tmp_path / f"{pid}/task/{pid}/children").write_text(children)
    usage = Usage(str(tmp_path))
    first = usage.read({"a": 10, "b": 12, "c": 99}, 1, 0.0)
    assert list(first) == ["a"], "one whose parent is not this supervisord is somebody else's process"
    assert (first["a"].memory, first["a"].cpu, first["a"].processes) == (5 * os.sysconf("SC_PAGE_SIZE"), None, 2)
    (tmp_path / "11/stat").write_text(stat_line(10, 50 + os.sysconf("SC_CLK_TCK"), 2))
    assert usage.read({"a": 10}, 1, 2.0)["a"].cpu == pytest.approx(0.5)
    shutil.rmtree(tmp_path / "10")
    assert usage.read({"a": 10}, 1, 4.0) == {}


# settings and rules


def alerts(snapshot: Snapshot[SupervisorFacts], probe: SupervisorProbe, clock: StillClock) -> tuple[Alert, ...]:
    board = Board([probe.target], clock)
    book = RuleBook("app", SupervisorProbe.rules, SupervisorProbe.gauges)
    return book.judge(board.take(snapshot), clock.monotonic(), clock.now())


@pytest.mark.parametrize("url", [f"ftp://{CANARY}", f"http://a:{CANARY}@b@c", "unix://"])
def test_an_address_that_can_not_work_is_refused_without_echoing_it(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SupervisorSettings(url=url)
    assert CANARY not in str(caught.value)


def test_every_setting_is_described() -> None:
    assert all(one.description for one in SupervisorSettings.model_fields.values())


def test_rules_speak_of_gauges_and_labels_that_exist() -> None:
    declared = {spec.name for spec in SupervisorProbe.gauges}
    for rule in SupervisorProbe.rules:
        assert rule.gauge in declared
        assert placeholders(rule.say) <= declared | {"service", "value", "limit"}


@pytest.mark.engine
async def test_gauges_are_those_declared(own_supervisord: Supervisord, make: Make) -> None:
    snapshot = await make(own_supervisord.url).read()
    assert {key.name for key in snapshot.gauges} <= {spec.name for spec in SupervisorProbe.gauges}
