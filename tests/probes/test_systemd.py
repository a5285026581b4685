"""The systemd kind against scripted programs, and against a real systemd where there is one."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from desk.alert import Alert
from desk.board import Board
from desk.rules import RuleBook, placeholders
from probes.base import Cause, Context, ProbeError, Snapshot, State, Target
from probes.systemd.facts import SystemdFacts, Unit
from probes.systemd.journal import entry, last_words
from probes.systemd.parse import blocks, failed_names, moment, number, unit
from probes.systemd.probe import SystemdProbe, SystemdSettings
from tests.stack import systemd as systemd_stack

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
NGINX = {
    "Id": "nginx.service",
    "Names": "nginx.service web.service",
    "Description": "A web server",
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "Type": "forking",
    "UnitFileState": "enabled",
    "Result": "success",
    "ActiveEnterTimestamp": "Sun 2026-03-01 00:12:41 UTC",
    "StateChangeTimestamp": "Sun 2026-03-01 00:12:41 UTC",
    "MainPID": "812",
    "InvocationID": "ab" * 16,
    "NRestarts": "0",
    "Restart": "on-failure",
    "MemoryCurrent": "1048576",
    "MemoryMax": "infinity",
    "TasksCurrent": "5",
    "CPUUsageNSec": "1000000000",
    "ExecMainCode": "0",
    "ExecMainStatus": "0",
}
FAILED = {
    "ActiveState": "failed",
    "SubState": "failed",
    "Result": "exit-code",
    "InactiveEnterTimestamp": "Sun 2026-03-01 03:12:01 UTC",
    "ExecMainCode": "1",
    "ExecMainStatus": "7",
    "MainPID": "0",
}

FAKE = """
import json, sys, time
told = json.load(open(sys.argv[1]))
words = sys.argv[2:]
open(sys.argv[1] + ".asked", "a").write(json.dumps(words) + "\\n")
program = words[0]
verb = next((one for one in words[1:] if not one.startswith("-")), "")
if program == "journalctl":
    part = "journal"
elif verb == "show":
    part = "units" if "--" in words else "machine"
else:
    part = "failed"
answer = told.get(part, {})
if answer.get("hang"):
    time.sleep(600)
sys.stdout.buffer.write(answer.get("out", "").encode("utf-8", "surrogateescape"))
sys.stderr.write(answer.get("err", ""))
sys.exit(answer.get("code", 0))
"""


@dataclass
class Clock:
    """Time that moves only when a test moves it."""

    seconds: float = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds - 1000)


class NoSecrets:
    def resolve(self, reference: str) -> str:
        raise LookupError(reference)


class FakeSystemd:
    """Programs that answer as told."""

    def __init__(self, folder: Path) -> None:
        self._script = folder / "fake.py"
        self._told = folder / "told.json"
        self._script.write_text(FAKE)
        self.parts: dict[str, dict[str, Any]] = {}
        self.says("machine", "Version=252.38-1~deb12u1\nNFailedUnits=0\nSystemState=running\n")

    @property
    def prefix(self) -> list[str]:
        return [sys.executable, "-S", str(self._script), str(self._told)]

    def says(self, part: str, out: str = "", err: str = "", code: int = 0, hang: bool = False) -> None:
        self.parts[part] = {"out": out, "err": err, "code": code, "hang": hang}
        self._told.write_text(json.dumps(self.parts))

    def units(self, *units: dict[str, str]) -> None:
        self.says("units", "\n".join("".join(f"{name}={value}\n" for name, value in one.items()) for one in units))

    def asked(self) -> list[list[str]]:
        file = self._told.with_name("told.json.asked")
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def systemd(tmp_path: Path) -> FakeSystemd:
    return FakeSystemd(tmp_path)


def make(systemd: FakeSystemd, *units: str, clock: Clock | None = None, **settings: Any) -> SystemdProbe:
    clock = clock or Clock()
    given = SystemdSettings.model_validate({"units": units, "prefix": systemd.prefix} | settings)
    return SystemdProbe(Target("box", "systemd", given), Context(NoSecrets(), clock.monotonic, clock.now))


def alerts(*snapshots: Snapshot[SystemdFacts]) -> dict[str, str]:
    """What the rules say after these readings: sentence by rule."""
    clock = Clock()
    board = Board([Target("box", "systemd", SystemdSettings.model_validate({}))], clock)
    book = RuleBook("box", SystemdProbe.rules, SystemdProbe.gauges)
    found: tuple[Alert, ...] = ()
    for one in snapshots:
        clock.seconds += 2
        found = book.judge(board.take(one), clock.seconds, NOW)
    return {alert.rule: alert.words for alert in found}


# what a reading says


async def test_a_running_unit_is_told_under_its_real_name(systemd: FakeSystemd) -> None:
    systemd.units(NGINX)
    snapshot = await make(systemd, "web").read()
    (nginx,) = snapshot.facts.units
    assert (nginx.id, nginx.asked, nginx.word, nginx.age, nginx.pid) == ("nginx.service", "web", "running", 10800, 812)
    assert nginx.memory_limit is None
    assert snapshot.gauge("active", unit="nginx.service") == 1
    assert snapshot.gauge("memory_bytes", unit="nginx.service") == 1 << 20
    assert alerts(snapshot) == {}


async def test_nothing_is_asked_that_may_hold_a_secret_or_wait_for_a_password(systemd: FakeSystemd) -> None:
    systemd.units(NGINX)
    await make(systemd, "web").read()
    for words in systemd.asked():
        assert "--no-ask-password" in words
        assert "--no-pager" in words
        assert not any("Environment" in one or "ExecStart=" in one for one in words)


async def test_a_failed_unit_says_its_exit_code_and_its_last_words(systemd: FakeSystemd) -> None:
    systemd.units(NGINX | FAILED)
    lines = [("nginx", "bind() to 0.0.0.0:80 failed"), ("systemd", "nginx.service: Failed with result 'exit-code'.")]
    systemd.says("journal", "".join(json.dumps({"SYSLOG_IDENTIFIER": a, "MESSAGE": b}) + "\n" for a, b in lines))
    snapshot = await make(systemd, "nginx").read()
    assert alerts(snapshot) == {"failed": "nginx.service failed: exit code 7"}
    assert [str(one) for one in snapshot.facts.units[0].journal.lines] == ["nginx: bind() to 0.0.0.0:80 failed"]
    assert snapshot.facts.units[0].age == 40


async def test_last_words_are_read_once_for_each_failure(systemd: FakeSystemd) -> None:
    systemd.units(NGINX | FAILED)
    systemd.says("journal", json.dumps({"MESSAGE": "bye"}) + "\n")
    probe = make(systemd, "nginx")
    for _ in range(3):
        snapshot = await probe.read()
    assert [str(one) for one in snapshot.facts.units[0].journal.lines] == ["bye"]
    assert sum(words[0] == "journalctl" for words in systemd.asked()) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Result": "oom-kill"}, "killed for lack of memory"),
        ({"Result": "signal", "ExecMainCode": "2", "ExecMainStatus": "9"}, "killed by SIGKILL"),
        ({"Result": "core-dump", "ExecMainCode": "3", "ExecMainStatus": "11"}, "crashed with SIGSEGV"),
        ({"Result": "start-limit-hit"}, "given up: failed too often too quickly"),
        ({"Result": "exit-code", "ExecMainStatus": "203"}, "exit code 203, its program can't be run"),
        ({"Result": "timeout"}, "took too long to start or stop"),
        ({"Result": "something-new", "ExecMainCode": "0"}, "something-new"),
        ({"NRestarts": "5"}, "exit code 7, given up after 5 restarts"),
    ],
)
def test_every_end_has_its_words(given: dict[str, str], words: str) -> None:
    assert unit(NGINX | FAILED | given, "nginx", NOW).why == words


async def test_an_active_unit_whose_program_ended_says_nothing_about_a_server(systemd: FakeSystemd) -> None:
    systemd.units(NGINX | {"Id": "postgresql.service", "Names": "postgresql.service", "SubState": "exited"})
    snapshot = await make(systemd, "postgresql").read()
    (one,) = snapshot.facts.units
    assert (one.word, one.runs) == ("exited", None)
    assert "says nothing about a server" in one.why
    assert snapshot.gauge("active", unit="postgresql.service") is None


async def test_a_stopped_server_is_down_but_a_task_between_runs_is_not(systemd: FakeSystemd) -> None:
    off = {"ActiveState": "inactive", "SubState": "dead", "MainPID": "0"}
    task = {"Id": "task.service", "Names": "task.service", "Type": "oneshot"}
    timed = {"Id": "timed.service", "Names": "timed.service", "TriggeredBy": "timed.timer"}
    systemd.units(NGINX | off, NGINX | off | task, NGINX | off | timed)
    probe = make(systemd, "nginx", "task", "timed")
    first, second = await probe.read(), await probe.read()
    assert alerts(first, second) == {"down": "nginx.service does not run: ended without an error, or stopped by hand"}
    assert [one.word for one in first.facts.units] == ["stopped", "between runs", "between runs"]


@pytest.mark.parametrize(
    ("load", "word"), [("not-found", "not found"), ("masked", "masked"), ("error", "can't be loaded")]
)
async def test_a_unit_that_cannot_be_used_is_told(systemd: FakeSystemd, load: str, word: str) -> None:
    systemd.units(NGINX | {"LoadState": load, "ActiveState": "inactive", "SubState": "dead"})
    snapshot = await make(systemd, "nginx").read()
    assert snapshot.facts.units[0].word == word
    assert list(alerts(snapshot)) == ["unusable"]


async def test_other_failed_units_of_the_machine_are_shown(systemd: FakeSystemd) -> None:
    systemd.says("machine", "Version=252\nNFailedUnits=1\nSystemState=degraded\n")
    systemd.says("failed", "● backup.service loaded failed failed Nightly backup\n")
    systemd.units(NGINX, NGINX | FAILED | {"Id": "backup.service", "Names": "backup.service"})
    snapshot = await make(systemd, "nginx").read()
    assert [(one.id, one.asked) for one in snapshot.facts.units] == [("nginx.service", "nginx"), ("backup.service", "")]
    assert alerts(snapshot) == {"other-failed": "backup.service failed on this machine: exit code 7"}
    assert snapshot.gauge("failed_units") == 1
    asked = next(words for words in systemd.asked() if "--" in words)
    assert asked[asked.index("--") + 1 :] == ["nginx", "backup.service"]


async def test_a_restart_loop_is_seen_from_the_growing_counter(systemd: FakeSystemd) -> None:
    clock = Clock()
    probe = make(systemd, "nginx", clock=clock)
    snapshots = []
    for restarts in (40, 41, 42, 43):
        systemd.units(NGINX | {"NRestarts": str(restarts)})
        snapshots.append(await probe.read())
        clock.seconds += 2
    assert [one.gauge("restarts_recent", unit="nginx.service") for one in snapshots] == [0, 1, 2, 3]
    assert "3 times in 10 min" in alerts(*snapshots)["restart-loop"]
    clock.seconds += 700
    assert (await probe.read()).gauge("restarts_recent", unit="nginx.service") == 0


async def test_cpu_is_the_growth_between_two_readings(systemd: FakeSystemd) -> None:
    clock = Clock()
    probe = make(systemd, "nginx", clock=clock)
    systemd.units(NGINX)
    assert (await probe.read()).gauge("cpu_ratio", unit="nginx.service") is None
    clock.seconds += 2
    systemd.units(NGINX | {"CPUUsageNSec": "2000000000"})
    assert (await probe.read()).gauge("cpu_ratio", unit="nginx.service") == 0.5


async def test_what_is_not_accounted_is_missing_and_not_zero(systemd: FakeSystemd) -> None:
    unset = dict.fromkeys(("MemoryCurrent", "TasksCurrent", "CPUUsageNSec"), "[not set]")
    systemd.units(NGINX | unset | {"MemoryMax": "18446744073709551615"})
    snapshot = await make(systemd, "nginx").read()
    one = snapshot.facts.units[0]
    assert (one.memory, one.tasks, one.cpu, one.memory_limit) == (None, None, None, None)
    assert snapshot.gauge("memory_bytes", unit="nginx.service") is None


async def test_a_pattern_nothing_answers_to_is_a_gap(systemd: FakeSystemd) -> None:
    systemd.units(NGINX)
    snapshot = await make(systemd, "ngin*", "zzz@*.service").read()
    assert [gap.part for gap in snapshot.gaps] == ["units like zzz@*.service"]
    assert snapshot.facts.units[0].asked == "ngin*"


async def test_a_timer_says_when_it_runs_next(systemd: FakeSystemd) -> None:
    timer = {"Id": "b.timer", "Names": "b.timer", "SubState": "waiting", "Triggers": "b.service"}
    systemd.units(NGINX | timer | {"NextElapseUSecRealtime": "Sun 2026-03-01 04:12:41 UTC", "LastTriggerUSec": "n/a"})
    (one,) = (await make(systemd, "b.timer").read()).facts.units
    assert (one.word, one.next_run, one.last_run) == ("waiting", NOW + timedelta(hours=1), None)
    assert [str(name) for name in one.triggers] == ["b.service"]


async def test_without_anything_to_watch_the_failed_units_are_enough(systemd: FakeSystemd) -> None:
    snapshot = await make(systemd).read()
    assert snapshot.facts.units == ()
    assert str(snapshot.facts.state) == "running"


# when it does not answer


NOT_BOOTED = (
    "System has not been booted with systemd as init system (PID 1). Can't operate.\n"
    "Failed to connect to bus: Host is down\n"
)


async def failure(probe: SystemdProbe) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        await probe.read()
    return caught.value


@pytest.mark.parametrize(
    ("err", "code", "cause"),
    [
        (NOT_BOOTED, 1, Cause.MISSING),
        ("Failed to connect to bus: No such file or directory\n", 1, Cause.REFUSED),
        ("Failed to get properties: Access denied\n", 1, Cause.DENIED),
        ("Failed to get properties: Interactive authentication required.\n", 1, Cause.DENIED),
        ("Failed to get properties: Transport endpoint is not connected\n", 1, Cause.REFUSED),
        ("systemctl: unrecognized option '--no-ask-password'\n", 1, Cause.VERSION),
        ("ssh: connect to host web1 port 22: Connection refused\n", 255, Cause.REFUSED),
        ("Error response from daemon: No such container: sd1\n", 1, Cause.REFUSED),
        ("Failed to do \x1b[31msomething\n", 3, Cause.GARBAGE),
    ],
)  # fmt: skip
async def test_a_refusal_is_named(systemd: FakeSystemd, err: str, code: int, cause: Cause) -> None:
    systemd.says("machine", "", err, code)
    systemd.says("failed", "", err, code)
    error = await failure(make(systemd, "nginx"))
    assert error.cause is cause
    assert "\x1b" not in str(error)


async def test_a_refusal_without_words_ends_in_no_colon(systemd: FakeSystemd) -> None:
    systemd.says("machine", "", "", 4)
    systemd.says("failed", "", "", 4)
    assert str((await failure(make(systemd, "nginx"))).message).endswith("did not get through")


async def test_an_answer_that_is_none_is_garbage(systemd: FakeSystemd) -> None:
    systemd.says("machine", "<html>nonsense\x00\udcff")
    assert (await failure(make(systemd, "nginx"))).cause is Cause.GARBAGE


async def test_a_program_that_is_not_there_is_unsupported(systemd: FakeSystemd) -> None:
    error = await failure(make(systemd, prefix=["no-such-program-here"]))
    assert error.cause.state is State.UNSUPPORTED


async def test_a_hung_systemctl_is_a_time_out(systemd: FakeSystemd) -> None:
    systemd.says("machine", hang=True)
    error = await failure(make(systemd, "nginx", timeout=0.3))
    assert error.cause is Cause.TIMEOUT_READ


async def until(true: Callable[[], Any], within: float = 30.0) -> Any:
    async with asyncio.timeout(within):
        while not (found := true()):
            await asyncio.sleep(0.02)
    return found


async def test_abort_ends_a_hung_reading_and_the_next_one_works(systemd: FakeSystemd) -> None:
    systemd.says("failed", hang=True)
    systemd.units(NGINX)
    probe = make(systemd, "nginx", timeout=30)
    reading = asyncio.create_task(failure(probe))
    await until(lambda: len(systemd.asked()) == 2)
    probe.abort()
    async with asyncio.timeout(15):
        assert (await reading).cause is Cause.CLOSED_EARLY
    systemd.says("failed")
    assert (await probe.read()).facts.units[0].id == "nginx.service"


async def test_a_hidden_journal_is_a_gap_that_says_what_would_help(systemd: FakeSystemd) -> None:
    systemd.units(NGINX | FAILED)
    systemd.says("journal", "", "Hint: You are currently not seeing messages from other users and the system.\n")
    probe = make(systemd, "nginx")
    await probe.read()
    snapshot = await probe.read()
    assert [(gap.cause, "systemd-journal" in gap.hint) for gap in snapshot.gaps] == [(Cause.DENIED, True)]
    assert sum(words[0] == "journalctl" for words in systemd.asked()) == 1


async def test_a_slow_journal_delays_nothing_for_long(systemd: FakeSystemd) -> None:
    systemd.units(NGINX | FAILED)
    systemd.says("journal", hang=True)
    began = time.monotonic()
    snapshot = await make(systemd, "nginx").read()
    assert time.monotonic() - began < 15
    assert "last lines" in snapshot.gaps[0].part
    assert snapshot.facts.units[0].failed


async def test_an_old_systemctl_is_not_asked_for_what_it_does_not_know(systemd: FakeSystemd) -> None:
    systemd.says("machine", "Version=219\n")
    systemd.units(NGINX | FAILED)
    await make(systemd, "nginx").read()
    assert not any("--timestamp=utc" in words for words in systemd.asked())
    assert not any(one.startswith("--output-fields") for words in systemd.asked() for one in words)


# text from outside


@pytest.mark.parametrize(
    "odd", ["", "x" * 5000, "\x1b[2J", "-1", "1e999", "9" * 400, "nan", "=", "٣", "18446744073709551616"]
)
def test_an_odd_value_anywhere_is_a_gap_and_no_crash(odd: str) -> None:
    for name in NGINX | FAILED:
        found = unit(NGINX | {name: odd}, "nginx", NOW)
        said = [str(getattr(found, field.name)) for field in fields(found)] + [found.word, found.why]
        assert not any("\x1b" in one for one in said)


def test_blocks_are_kept_apart_and_bounded() -> None:
    raw = b"Id=a.service\nStatusText=one\ntwo\n\nId=b.service\n\n\nId=c.service\n"
    assert blocks(raw, 2) == [{"Id": "a.service", "StatusText": "one two"}, {"Id": "b.service"}]
    assert blocks(b"", 5) == []
    assert blocks(b"\xff\xfe no block", 5) == []


def test_names_of_failed_units_are_checked() -> None:
    raw = b"\xe2\x97\x8f a.service loaded failed\n--root=/ x\n../../b.service x\nc;reboot.service\nd.mount loaded\n"
    assert failed_names(raw, 10) == ["a.service", "d.mount"]


@pytest.mark.parametrize("name", ["--root=/", "-a", "a.service;reboot", "../x", "a b", "", "x" * 256, "$(id)", "a\nb"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        SystemdSettings.model_validate({"units": [name]})


async def test_a_log_of_a_name_that_is_none_is_refused(systemd: FakeSystemd) -> None:
    with pytest.raises(ProbeError):
        await make(systemd).look("logs", "--flush")
    with pytest.raises(ProbeError):
        async for _ in make(systemd).follow("logs", "-x"):
            pass
    assert systemd.asked() == []


def test_a_journal_entry_may_be_bytes_or_nothing() -> None:
    assert str(entry(json.dumps({"MESSAGE": [104, 105, 27, 255], "PRIORITY": "3"}))) == "err  hi^[\\xff"
    assert str(entry(json.dumps({"MESSAGE": None}))) == "(a message too long to show)"
    assert (
        str(entry(json.dumps({"MESSAGE": ["first", "second"], "__REALTIME_TIMESTAMP": "0"}))) == "01-01 00:00:00  first"
    )
    assert str(entry(b"{cut")) == "(an entry that can't be read)"
    assert str(entry(b"[1]")) == "(an entry that can't be read)"
    assert str(entry(b"[" * 100_000)) == "(an entry that can't be read)"
    assert str(entry(json.dumps({"PRIORITY": 5, "__REALTIME_TIMESTAMP": "9" * 40}))) == "(no message)"


def test_systemds_own_lines_are_the_last_resort() -> None:
    own, other = ({"SYSLOG_IDENTIFIER": name, "MESSAGE": name} for name in ("app", "systemd"))
    raw = "\n".join(map(json.dumps, (own, other, other))).encode()
    assert [str(one) for one in last_words(raw, 3)] == ["app: app"]
    assert [str(one) for one in last_words(json.dumps(other).encode(), 3)] == ["systemd: systemd"]


@pytest.mark.parametrize(
    "text", ["", "n/a", "0", "Sun 2026-13-01 00:00:00 UTC", "Sun 2026-03-01 00:00:00 CEST", "@" + "9" * 30]
)
def test_a_time_that_is_none_is_missing(text: str) -> None:
    assert moment(text) is None


def test_a_count_without_limit_is_missing() -> None:
    assert [number(text) for text in ("5", "infinity", "[not set]", "18446744073709551615", "-1", None)] == [5.0] + [
        None
    ] * 5


def test_a_clock_that_is_ahead_gives_no_age() -> None:
    assert unit(NGINX | {"ActiveEnterTimestamp": "Sun 2027-03-01 00:12:41 UTC"}, "nginx", NOW).age is None


def test_every_rule_asks_for_what_the_gauges_give() -> None:
    names = {spec.name for spec in SystemdProbe.gauges}
    for rule in SystemdProbe.rules:
        assert rule.gauge in names
        assert placeholders(rule.say) <= names | {"unit", "how", "value", "limit"}


async def test_closing_twice_or_before_any_reading_is_fine(systemd: FakeSystemd) -> None:
    probe = make(systemd)
    await probe.close()
    await probe.close()


# against a real systemd

SCRIPT = r"""
cd /etc/systemd/system
w() { printf "$2" > "$1"; }
w or-good.service '[Service]\nExecStart=/bin/sleep 1d\n[Install]\nAlias=or-fine.service\nWantedBy=basic.target\n'
w or-flaky.service '[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=0.2\n'
w or-died.service '[Service]\nExecStart=/bin/sh -c "echo last words; kill -9 $$$$"\n'
w or-gone.service '[Service]\nExecStart=/no/such/program\n'
w or-meta.service '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n'
w or-task.service '[Service]\nType=oneshot\nExecStart=/bin/true\n'
w or-task.timer '[Timer]\nOnCalendar=hourly\n'
ln -sf /dev/null or-hidden.service
systemctl daemon-reload
systemctl enable or-good.service
systemctl start or-good or-flaky or-meta or-task or-task.timer
systemctl start or-died or-gone
true
"""
CLEANUP = """
systemctl stop 'or-*'
systemctl disable or-good.service
rm /etc/systemd/system/or-*
systemctl daemon-reload
systemctl reset-failed 'or-*'
"""


@pytest.fixture(scope="module")
def prefix(systemd_host: systemd_stack.Host) -> Iterator[tuple[str, ...]]:
    """Words before a command that run it where a real systemd has our units."""
    systemd_host.run("sh", "-c", SCRIPT)
    yield systemd_host.prefix
    systemd_host.run("sh", "-c", CLEANUP, ok=False)


@pytest.fixture
async def real(prefix: tuple[str, ...]) -> AsyncIterator[SystemdProbe]:
    units = ["or-fine", "or-flaky", "or-meta", "or-task", "or-task.timer", "or-hidden", "or-nope", "or-z*"]
    settings = SystemdSettings.model_validate({"units": units, "prefix": prefix})
    probe = SystemdProbe(Target("real", "systemd", settings), Context(NoSecrets()))
    yield probe
    await probe.close()


async def _unit(probe: SystemdProbe, name: str, true: Callable[[Unit], Any] = lambda one: True) -> Unit:
    async with asyncio.timeout(30):
        while True:
            for one in (await probe.read()).facts.units:
                if one.id == name and true(one):
                    return one


@pytest.mark.engine
@pytest.mark.systemd
async def test_real_units_are_told_in_words(real: SystemdProbe) -> None:
    good = await _unit(real, "or-good.service")
    assert (good.word, good.asked) == ("running", "or-fine")
    assert good.age is not None
    assert len(good.invocation) == 32
    words = {one.id: one.word for one in (await real.read()).facts.units}
    assert words["or-meta.service"] == "exited"
    assert words["or-task.service"] == "between runs"
    assert words["or-task.timer"] == "waiting"
    assert words["or-hidden.service"] == "masked"
    assert words["or-nope.service"] == "not found"
    assert (await _unit(real, "or-task.timer")).next_run is not None


@pytest.mark.engine
@pytest.mark.systemd
async def test_a_real_failure_has_its_reason_and_last_words(real: SystemdProbe) -> None:
    died = await _unit(real, "or-died.service", lambda one: one.journal.lines)
    assert died.why == "killed by SIGKILL"
    assert "last words" in str(died.journal.lines[-1])
    assert (await _unit(real, "or-gone.service")).why == "exit code 203, its program can't be run"
    assert ((await real.read()).gauge("failed_units") or 0) >= 2


@pytest.mark.engine
@pytest.mark.systemd
async def test_a_real_loop_is_a_loop(real: SystemdProbe) -> None:
    flaky = await _unit(real, "or-flaky.service", lambda one: (one.restarts_recent or 0) >= 3)
    assert (flaky.restarts or 0) >= 3


@pytest.mark.engine
@pytest.mark.systemd
async def test_a_real_log_is_read_and_followed(real: SystemdProbe) -> None:
    await real.read()
    lines = (await real.look("logs", "or-died.service")).lines
    assert any("last words" in str(line) for line in lines)
    async with (
        asyncio.timeout(10),
        aclosing(real.follow("logs", "or-died.service")) as log,
    ):
        async for one in log:
            if "last words" in str(one):
                break
    assert any("or-task.timer" in str(line) for line in (await real.look("timers", "")).lines)
