"""Starting, stopping and restarting units of a real systemd, and of one that answers as told."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from probes.base import (
    Cause,
    Context,
    Grant,
    Outcome,
    Plan,
    ProbeError,
    Request,
    Result,
    SafeText,
    Target,
    Truth,
)
from probes.systemd.act import RESTART, START, STOP, SystemdActuator
from probes.systemd.facts import SystemdFacts, Unit
from probes.systemd.probe import SystemdProbe, SystemdSettings
from probes.systemd.verdict import Sight, called, is_down, is_up, known, same
from tests.probes.acting import ACT, carried_out, perform, settled
from tests.stack import systemd as systemd_stack
from tests.toys import NoSecrets

BETWEEN = """
import json, os, subprocess, sys, time
told = json.load(open(sys.argv[1]))
words = sys.argv[2:]
open(sys.argv[1] + ".asked", "a").write(json.dumps(words) + "\\n")
real, act = told["real"], told["act"]
if words[0] == "sudo":
    if told["sudo"]:
        sys.stderr.write(told["sudo"])
        sys.exit(1)
    words = [one for one in words[1:] if one != "-n"]
    if words[0] == "-l":
        print("(root) NOPASSWD: ALL")
        sys.exit(0)
if "--no-block" in words and act:
    if act.get("first"):
        subprocess.run(real + words, capture_output=True)
    if act.get("hang"):
        time.sleep(600)
    if act.get("killed"):
        os.kill(os.getpid(), 9)
    sys.stdout.write(act.get("out", ""))
    sys.stderr.write(act.get("err", ""))
    sys.exit(act.get("code", 0))
if real:
    os.execvp(real[0], real + words)
if words[0] == "cat":
    print(told["machine"])
elif words[0] == "id":
    print(told["uid"])
elif "--" in words:
    for name in words[words.index("--") + 1:]:
        name = name if "." in name else name + ".service"
        unit = {"Id": name, "LoadState": "not-found"} | told["units"].get(name, {})
        print("".join(f"{key}={value}\\n" for key, value in unit.items()))
else:
    print("Version=252.38-1\\nControlGroup=/x")
"""
"""Stands before a command as `docker exec NAME` does: writes down what is asked, passes it on or breaks it."""

WEB = {
    "Id": "web.service",
    "Names": "web.service",
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "Type": "simple",
    "UnitFileState": "enabled",
    "Result": "success",
    "ActiveEnterTimestamp": "Sun 2026-03-01 00:12:41 UTC",
    "MainPID": "812",
    "InvocationID": "ab" * 16,
    "NRestarts": "0",
    "TimeoutStopUSec": "1min 30s",
    "TimeoutStartUSec": "1min 30s",
}
LOST = "Failed to restart: Transport endpoint is not connected"


class Way:
    """The way to a systemd, with somebody on it who counts."""

    def __init__(self, folder: Path, real: tuple[str, ...] = ()) -> None:
        self._script = folder / "between.py"
        self._told = folder / "told.json"
        self._script.write_text(BETWEEN)
        self.state: dict[str, Any] = {"real": real, "act": {}, "sudo": "", "machine": "c" * 32, "uid": 1000}
        self.state["units"] = {"web.service": dict(WEB)}
        self.becomes()

    def becomes(self, **changes: Any) -> None:
        self.state |= changes
        self._told.write_text(json.dumps(self.state))

    def unit(self, name: str, **changes: str) -> None:
        self.state["units"][name] = WEB | {"Id": name, "Names": name} | changes
        self.becomes()

    @property
    def prefix(self) -> list[str]:
        return [sys.executable, "-S", str(self._script), str(self._told)]

    def asked(self) -> list[list[str]]:
        file = self._told.with_name("told.json.asked")
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def changing(self) -> list[list[str]]:
        """Programs that were started to change something."""
        verbs = {"start", "stop", "restart", "reload", "kill", "reset-failed", "isolate"}
        return [words for words in self.asked() if verbs & set(words) and "-l" not in words]

    def actuator(self, **settings: Any) -> SystemdActuator:
        given = SystemdSettings.model_validate({"prefix": self.prefix} | settings)
        return SystemdActuator(Target("box", "systemd", given), Context(NoSecrets()))


@pytest.fixture
def way(tmp_path: Path) -> Way:
    """To a systemd that answers as told."""
    return Way(tmp_path)


UNITS = r"""
cd /etc/systemd/system
free='[Unit]\nStartLimitIntervalSec=0\n'
stay='[Service]\nExecStart=/bin/sleep 1d\n'
w() { printf "$2$3$4" > "$1"; }
w oa-web.service "$free" "$stay" '[Install]\nAlias=oa-fine.service\nWantedBy=basic.target\n'
w oa-two.service "$free" "$stay"
w oa-follower.service "$free" 'Requires=oa-web.service\nAfter=oa-web.service\n' "$stay"
w oa-task.service '[Service]\nType=oneshot\nExecStart=/bin/true\n'
w oa-timed.service '[Service]\nType=oneshot\nExecStart=/bin/true\n'
w oa-timed.timer '[Timer]\nOnCalendar=*-01-01\n'
w oa-fails.service '[Service]\nType=oneshot\nExecStart=/bin/sh -c "exit 7"\n'
w oa-slow.service "$free" "$stay" 'TimeoutStopSec=60\nExecStop=/bin/sh -c "while test ! -e /run/oa; do sleep 1; done"\n'
w oa-short.service '[Service]\nExecStart=/bin/sh -c "sleep 1; exit 3"\n'
w oa-loop.service "$free" '[Service]\nExecStart=/bin/sh -c "sleep 0.2; exit 4"\nRestart=always\nRestartSec=0.2\n'
w oa-gate.service "$free" '[Service]\nType=oneshot\nExecStart=/bin/sleep 1d\nTimeoutStartSec=infinity\n'
w oa-gated.service "$free" 'After=oa-gate.service\n' '[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=0.2\n'
w oa-limit.service '[Unit]\nStartLimitIntervalSec=600\nStartLimitBurst=1\n' "$stay"
w oa-alone.service '[Unit]\nRefuseManualStart=yes\nRefuseManualStop=yes\n' "$stay"
ln -sf /dev/null oa-hidden.service
systemctl daemon-reload
systemctl enable oa-web.service
systemctl start oa-timed.timer
true
"""
CLEANUP = """
systemctl stop --no-block 'oa-*'
systemctl kill -s KILL 'oa-*'
systemctl disable oa-web.service
rm /etc/systemd/system/oa-*
systemctl daemon-reload
systemctl reset-failed 'oa-*'
"""


@pytest.fixture(scope="module")
def host(systemd_host: systemd_stack.Host) -> Iterator[systemd_stack.Host]:
    systemd_host.run("sh", "-c", UNITS)
    yield systemd_host
    systemd_host.run("sh", "-c", CLEANUP, ok=False)


@pytest.fixture
def road(host: systemd_stack.Host, tmp_path: Path) -> Way:
    """To the real one."""
    return Way(tmp_path, host.prefix)


@pytest.fixture
def no_sudo(host: systemd_stack.Host) -> Iterator[None]:
    """No sudo in the container, whoever of this session has put it there before."""
    path = host.run("sh", "-c", "command -v sudo || true").strip()
    if path:
        host.run("mv", path, f"{path}.away")
    yield
    if path:
        host.run("mv", f"{path}.away", path)


@pytest.fixture
async def actuator(road: Way) -> AsyncIterator[SystemdActuator]:
    one = road.actuator()
    yield one
    await one.close()
    await one.close()


def words_of(plan: Plan) -> str:
    parts = [*plan.felt, *plan.notes, plan.undo, *(word for one in plan.subjects for word in one.felt)]
    return "\n".join(map(str, parts))


def value(host: systemd_stack.Host, unit: str, name: str) -> str:
    return host.systemctl("show", "-p", name, "--value", "--", unit).strip()


async def becomes(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.05)


async def looping(host: systemd_stack.Host, unit: str) -> None:
    host.systemctl("start", "--no-block", unit)
    await becomes(lambda: int(value(host, unit, "NRestarts")) > 0)


async def gate_shut(host: systemd_stack.Host) -> None:
    """From here on the next restart of oa-gated waits in systemd's queue."""
    host.systemctl("start", "--no-block", "oa-gate")
    await becomes(lambda: value(host, "oa-gated", "Job") not in ("", "0"))


# to the end, on the real one


@pytest.mark.engine
@pytest.mark.systemd
class TestReal:
    async def test_a_unit_is_started_and_counts_once_it_has_held(
        self, actuator: SystemdActuator, road: Way, host: systemd_stack.Host
    ) -> None:
        host.systemctl("stop", "oa-two")
        done = await perform(actuator, Request("start", ("oa-two.service",)))
        assert (done.outcomes[0].result, done.verdicts[0].truth) == (Result.DONE, Truth.CONFIRMED)
        assert str(done.verdicts[0].words).startswith("running for 3 s, pid ")
        assert host.state("oa-two") == "active (running)"
        expected = ["systemctl", "--no-pager", "--no-ask-password", "start", "--no-block", "--job-mode=fail", "--"]
        assert road.changing() == [[*expected, "oa-two.service"]]
        assert str(done.plan.undo) == "stop it again"
        assert dict(done.outcomes[0].facts)["invocation"] == value(host, "oa-two", "InvocationID")

    async def test_a_restart_gives_a_new_run_and_names_who_goes_with_it(
        self, actuator: SystemdActuator, road: Way, host: systemd_stack.Host
    ) -> None:
        host.systemctl("start", "oa-follower")
        old = value(host, "oa-web", "InvocationID")
        done = await perform(actuator, Request("restart", ("oa-web.service",)))
        assert (done.outcomes[0].result, done.verdicts[0].truth) == (Result.DONE, Truth.CONFIRMED)
        assert value(host, "oa-web", "InvocationID") not in ("", old)
        assert dict(done.plan.subjects[0].identity)["invocation"] == old
        assert "oa-follower.service: restarted with it" in words_of(done.plan)
        assert "it has 1m30s to end, then it is killed" in words_of(done.plan)
        assert len(road.changing()) == 1
        assert dict(done.plan.pin)["machine"] == host.run("cat", "/etc/machine-id").strip()

    async def test_a_unit_is_stopped_and_it_is_said_what_brings_it_back(
        self, actuator: SystemdActuator, road: Way, host: systemd_stack.Host
    ) -> None:
        host.systemctl("start", "oa-web", "oa-follower")
        done = await perform(actuator, Request("stop", ("oa-fine",)))
        assert (done.outcomes[0].result, done.verdicts[0].truth) == (Result.DONE, Truth.CONFIRMED)
        assert host.state("oa-web") == host.state("oa-follower") == "inactive (dead)"
        said = words_of(done.plan)
        assert "oa-fine is another name of oa-web.service" in said
        assert "oa-web.service starts again with the machine (enabled)" in said
        assert "oa-follower.service: stopped with it" in said
        assert [one.key for one in done.plan.subjects] == ["oa-web.service"]

    async def test_several_are_restarted_one_after_the_other(
        self, actuator: SystemdActuator, road: Way, host: systemd_stack.Host
    ) -> None:
        host.systemctl("start", "oa-web", "oa-two")
        done = await perform(actuator, Request("restart", ("oa-web.service", "oa-two.service")))
        assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED] * 2
        assert (len(road.changing()), len(done.plan.command), RESTART.rolling) == (2, 2, True)

    async def test_a_restart_of_one_that_is_down_is_a_start_and_says_so(
        self, actuator: SystemdActuator, host: systemd_stack.Host
    ) -> None:
        host.systemctl("stop", "oa-two")
        done = await perform(actuator, Request("restart", ("oa-two",)))
        assert done.verdicts[0].truth is Truth.CONFIRMED
        assert "oa-two.service does not run, so it is a start only" in words_of(done.plan)

    @pytest.mark.parametrize("unit", ["oa-task.service", "oa-timed.service"])
    async def test_a_task_has_run(self, actuator: SystemdActuator, unit: str) -> None:
        done = await perform(actuator, Request("start", (unit,)))
        assert (done.outcomes[0].result, done.verdicts[0].truth) == (Result.DONE, Truth.CONFIRMED)
        assert "finished" in str(done.verdicts[0].words)

    async def test_a_task_that_fails_is_refuted_with_its_exit_code(self, actuator: SystemdActuator) -> None:
        done = await perform(actuator, Request("start", ("oa-fails",)))
        assert done.verdicts[0].truth is Truth.REFUTED
        assert "exit code 7" in str(done.verdicts[0].words)

    async def test_one_that_dies_a_second_later_is_not_called_well(self, actuator: SystemdActuator) -> None:
        done = await perform(actuator, Request("start", ("oa-short",)))
        assert (done.outcomes[0].result, done.verdicts[0].truth) == (Result.DONE, Truth.REFUTED)
        assert "exit code 3" in str(done.verdicts[0].words)
        assert "must also hold for some seconds" in words_of(done.plan)

    async def test_one_that_dies_again_and_again_is_refuted_and_can_be_stopped(
        self, actuator: SystemdActuator, host: systemd_stack.Host
    ) -> None:
        host.systemctl("stop", "oa-loop")
        done = await perform(actuator, Request("start", ("oa-loop",)))
        assert done.verdicts[0].truth is Truth.REFUTED
        assert "it dies and is restarted by itself" in str(done.verdicts[0].words)
        before = int(value(host, "oa-loop", "NRestarts"))
        plan = await actuator.plan(Request("stop", ("oa-loop",)))
        await becomes(lambda: int(value(host, "oa-loop", "NRestarts")) > before + 1)
        outcome = await carried_out(actuator, plan, plan.subjects[0], [])
        assert outcome.result is Result.DONE, outcome
        assert (await settled(actuator, plan, plan.subjects[0], outcome)).truth is Truth.CONFIRMED
        assert host.state("oa-loop").split()[0] in ("inactive", "failed")

    async def test_the_stop_of_one_that_dies_again_and_again_is_not_held_up_by_its_next_restart(
        self, actuator: SystemdActuator, road: Way, host: systemd_stack.Host
    ) -> None:
        await looping(host, "oa-gated")
        plan = await actuator.plan(Request("stop", ("oa-gated",)))
        await gate_shut(host)
        before = len(road.changing())
        outcome = await carried_out(actuator, plan, plan.subjects[0], [])
        assert outcome.result is Result.DONE, outcome
        assert (await settled(actuator, plan, plan.subjects[0], outcome)).truth is Truth.CONFIRMED
        assert ["--job-mode=replace" in words for words in road.changing()[before:]] == [True]
        host.systemctl("stop", "oa-gate")

    async def test_one_whose_restart_is_queued_can_be_stopped_and_not_started(
        self, actuator: SystemdActuator, road: Way, host: systemd_stack.Host
    ) -> None:
        await looping(host, "oa-gated")
        await gate_shut(host)
        start = await actuator.plan(Request("start", ("oa-gated",)))
        assert str(start.subjects[0].spared) == "systemd works on it already"
        assert str(start.subjects[0].before).startswith("restarting")
        done = await perform(actuator, Request("stop", ("oa-gated",)))
        assert (done.outcomes[0].result, done.verdicts[0].truth) == (Result.DONE, Truth.CONFIRMED)
        host.systemctl("stop", "oa-gate")

    async def test_a_start_limit_is_named(self, actuator: SystemdActuator, host: systemd_stack.Host) -> None:
        host.systemctl("reset-failed", "oa-limit", ok=False)
        host.systemctl("start", "oa-limit")
        done = await perform(actuator, Request("restart", ("oa-limit",)))
        assert done.verdicts[0].truth is Truth.REFUTED
        assert "start limit hit" in str(done.verdicts[0].words)

    async def test_a_job_that_takes_long_is_shown_as_one_and_not_replaced(
        self, actuator: SystemdActuator, road: Way, host: systemd_stack.Host
    ) -> None:
        host.systemctl("start", "oa-slow")
        old = value(host, "oa-slow", "InvocationID")
        plan = await actuator.plan(Request("restart", ("oa-slow",)))
        assert "it has 1m00s to end" in words_of(plan)
        outcome = await carried_out(actuator, plan, plan.subjects[0], [])
        assert outcome.result is Result.DONE
        verdict = await actuator.verify(plan, plan.subjects[0], outcome, 41.0)
        assert (verdict.truth, str(verdict.words)) == (Truth.PENDING, "job running 41 s: stopping (stop)")
        second = await actuator.plan(Request("stop", ("oa-slow",)))
        assert str(second.subjects[0].spared) == "systemd works on it already"
        third = await carried_out(actuator, replace(plan, action=STOP), plan.subjects[0], [])
        assert third.result is Result.FAILED
        assert "another job" in str(third.words)
        host.run("touch", "/run/oa")
        assert (await settled(actuator, plan, plan.subjects[0], outcome)).truth is Truth.CONFIRMED
        assert value(host, "oa-slow", "InvocationID") != old

    async def test_what_can_not_be_acted_on_by_hand_is_barred(
        self, actuator: SystemdActuator, host: systemd_stack.Host
    ) -> None:
        for unit, reason in (
            ("oa-alone.service", "it refuses to be started by hand (RefuseManualStart)"),
            ("oa-hidden.service", "masked: it can't be started"),
            ("basic.target", "only services, timers, sockets, paths are acted on here"),
        ):
            subject = (await actuator.plan(Request("start", (unit,)))).subjects[0]
            assert (subject.barred, str(subject.spared)) == (True, reason)

    async def test_a_timer_is_started_again(self, actuator: SystemdActuator, host: systemd_stack.Host) -> None:
        done = await perform(actuator, Request("restart", ("oa-timed.timer",)))
        assert done.verdicts[0].truth is Truth.CONFIRMED
        assert host.state("oa-timed.timer") == "active (waiting)"

    @pytest.mark.parametrize("name", ["oa-nothing", "oa-nothing.service", "oa;reboot", "--root=x", "../x", "a b", ""])
    async def test_a_row_that_is_not_there_is_gone(self, actuator: SystemdActuator, road: Way, name: str) -> None:
        with pytest.raises(ProbeError) as caught:
            await actuator.plan(Request("restart", (name,)))
        assert caught.value.cause is Cause.GONE
        assert not [words for words in road.asked() if name and name in words and name != "oa-nothing"][1:]

    # the wrong target

    async def test_a_unit_that_was_restarted_meanwhile_is_left_alone(
        self, actuator: SystemdActuator, road: Way, host: systemd_stack.Host
    ) -> None:
        host.systemctl("start", "oa-two")
        plan = await actuator.plan(Request("stop", ("oa-two",)))
        host.systemctl("restart", "oa-two")
        sent: list[str] = []
        outcome = await carried_out(actuator, plan, plan.subjects[0], sent)
        assert (outcome.result, sent, road.changing()) == (Result.REFUSED, [], [])
        assert str(outcome.words).startswith("changed since you looked: pid ")
        assert host.state("oa-two") == "active (running)"

    async def test_a_unit_that_was_started_meanwhile_is_left_alone(
        self, actuator: SystemdActuator, road: Way, host: systemd_stack.Host
    ) -> None:
        host.systemctl("stop", "oa-two")
        plan = await actuator.plan(Request("start", ("oa-two",)))
        host.systemctl("start", "oa-two")
        outcome = await carried_out(actuator, plan, plan.subjects[0], [])
        assert (outcome.result, road.changing()) == (Result.REFUSED, [])
        assert "not running" in str(outcome.words)

    # once, whatever becomes of the answer

    @pytest.mark.parametrize(
        ("act", "arrives"),
        [
            pytest.param({"first": True, "err": LOST, "code": 1}, True, id="lost"),
            pytest.param({"first": True, "hang": True}, True, id="hangs-after"),
            pytest.param({"first": True, "killed": True}, True, id="killed-after"),
            pytest.param({"hang": True}, False, id="hangs"),
            pytest.param({"killed": True}, False, id="killed"),
            pytest.param({"err": "ssh: connection closed", "code": 255}, False, id="cut"),
            pytest.param({"out": "\x00\x1b[2J<html>", "code": 3}, False, id="garbage"),
        ],
    )
    @pytest.mark.once
    async def test_a_restart_is_sent_once_and_the_look_afterwards_tells_the_truth(
        self, road: Way, host: systemd_stack.Host, act: dict[str, Any], arrives: bool
    ) -> None:
        host.systemctl("start", "oa-two")
        actuator = road.actuator(timeout=4.0)
        plan = await actuator.plan(Request("restart", ("oa-two",)))
        old = value(host, "oa-two", "InvocationID")
        road.becomes(act=act)
        sent: list[str] = []
        outcome = await carried_out(actuator, plan, plan.subjects[0], sent)
        road.becomes(act={})
        assert (outcome.result, sent, len(road.changing())) == (Result.UNKNOWN, ["oa-two.service"], 1), outcome
        verdict = await settled(actuator, plan, plan.subjects[0], outcome)
        assert verdict.truth is (Truth.CONFIRMED if arrives else Truth.REFUTED)
        assert (value(host, "oa-two", "InvocationID") != old) is arrives
        assert len(road.changing()) == 1

    # rights

    async def test_who_may_not_is_told_so_and_never_asked_for_a_password(
        self, road: Way, host: systemd_stack.Host
    ) -> None:
        host.systemctl("start", "oa-two")
        other = ("setpriv", "--reuid=65534", "--clear-groups")
        actuator = road.actuator(prefix=[*road.prefix, *other])
        plan = await actuator.plan(Request("restart", ("oa-two",)))
        outcome = await carried_out(actuator, plan, plan.subjects[0], [])
        assert outcome.result is Result.FAILED
        assert "denied: it needs the right org.freedesktop.systemd1.manage-units" in str(outcome.words)
        assert "sudo = true" in str(outcome.words)
        assert [one.grant for one in await actuator.rights()] == [Grant.UNKNOWN]

    async def test_root_has_more_than_it_needs(self, actuator: SystemdActuator) -> None:
        assert [one.grant for one in await actuator.rights()] == [Grant.HELD, Grant.EXCESS]

    @pytest.mark.usefixtures("no_sudo")
    async def test_sudo_that_is_not_there_is_a_failure(self, road: Way, host: systemd_stack.Host) -> None:
        host.systemctl("start", "oa-two")
        prefix = list(host.prefix)
        actuator = road.actuator(prefix=prefix, sudo=True)
        plan = await actuator.plan(Request("restart", ("oa-two",)))
        outcome = await carried_out(actuator, plan, plan.subjects[0], [])
        assert (outcome.result, str(outcome.words)) == (Result.FAILED, "sudo or systemctl is not there")
        assert "sudo systemctl restart oa-two.service" in plan.command[0]


# on one that answers as told


async def test_sudo_stands_before_acts_only_and_never_asks(way: Way) -> None:
    way.becomes(act={"code": 0, "out": "fine"})
    actuator = way.actuator(sudo=True)
    plan = await actuator.plan(Request("restart", ("web",)))
    outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    assert outcome.result is Result.DONE
    (act,) = way.changing()
    assert act[:3] == ["sudo", "-n", "systemctl"]
    assert [words for words in way.asked() if words[0] == "sudo"] == [act]
    assert [one.grant for one in await actuator.rights()] == [Grant.HELD, Grant.EXCESS]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("sudo: a password is required", "sudo asks for a password"),
        ("ops is not in the sudoers file.", "sudoers does not allow this"),
        ("Sorry, user ops is not allowed to execute 'systemctl'", "sudoers does not allow this"),
    ],
)
async def test_what_sudo_denies_is_said_in_words(way: Way, said: str, words: str) -> None:
    way.becomes(sudo=said)
    actuator = way.actuator(sudo=True)
    plan = await actuator.plan(Request("restart", ("web",)))
    outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    assert (outcome.result, words in str(outcome.words)) == (Result.FAILED, True), outcome
    assert next(one.grant for one in await actuator.rights()) is Grant.MISSING


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Failed to restart web.service: Access denied", "manage-units"),
        ("Failed to restart web.service: Interactive authentication required.", "manage-units"),
        ("Failed to restart web.service: Unit web.service is masked.", "masked"),
        ("Failed to restart web.service: Unit web.service not found.", "knows no such unit"),
        ("Transaction for web.service/restart is destructive (x has 'stop' job queued", "another job"),
        ("Operation refused, unit web.service may be requested by dependency only", "by hand"),
        ("Job for web.service failed because start of the service was attempted too often.", "start limit hit"),
        ("Failed to connect to bus: No such file or directory", "no answer from systemd's bus"),
        ("systemctl: unrecognized option '--job-mode=fail'", "too old"),
        ("ops@web1: Permission denied (publickey).", "ssh was not let in"),
    ],
)
async def test_what_systemd_refuses_has_not_been_done(way: Way, said: str, words: str) -> None:
    way.becomes(act={"err": said, "code": 1})
    actuator = way.actuator()
    plan = await actuator.plan(Request("restart", ("web",)))
    outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    assert (outcome.result, words in str(outcome.words)) == (Result.FAILED, True), outcome
    assert len(way.changing()) == 1


@pytest.mark.parametrize(
    ("before", "action", "result", "words"),
    [("active", "restart", Result.PARTIAL, "stopped, but not started: start limit hit"),
     ("inactive", "start", Result.FAILED, "start limit hit")],
)  # fmt: skip
async def test_a_start_limit_that_shows_at_once_is_the_answer(
    way: Way, before: str, action: str, result: Result, words: str
) -> None:
    way.unit("web.service", ActiveState=before)
    way.becomes(act={"code": 0, "out": "fine"})
    actuator = way.actuator()
    plan = await actuator.plan(Request(action, ("web",)))

    async def sending() -> None:
        way.unit("web.service", ActiveState="failed", SubState="failed", Result="start-limit-hit", MainPID="0")

    outcome = await actuator.carry_out(plan, plan.subjects[0], ACT, sending)
    assert (outcome.result, str(outcome.words).startswith(words)) == (result, True), outcome


async def test_another_machine_at_the_same_place_is_left_alone(way: Way) -> None:
    actuator = way.actuator()
    plan = await actuator.plan(Request("restart", ("web",)))
    way.becomes(machine="d" * 32)
    outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    assert (outcome.result, way.changing()) == (Result.REFUSED, [])
    assert "machine cccccccc -> machine dddddddd" in str(outcome.words)
    assert (await actuator.verify(plan, plan.subjects[0], outcome, 1.0)).truth is Truth.UNKNOWN


async def test_a_machine_without_an_id_is_not_acted_on(way: Way) -> None:
    way.becomes(machine="uninitialized")
    with pytest.raises(ProbeError) as caught:
        await way.actuator().plan(Request("restart", ("web",)))
    assert caught.value.cause is Cause.MISSING


async def test_a_systemd_that_hangs_before_the_request_fails_and_nothing_is_sent(way: Way) -> None:
    actuator = way.actuator(timeout=2.0)
    plan = await actuator.plan(Request("stop", ("web",)))
    lost = SystemdActuator(
        Target("box", "systemd", SystemdSettings(prefix=("sleep", "60"), timeout=0.3)), Context(NoSecrets())
    )
    sent: list[str] = []
    outcome = await carried_out(lost, plan, plan.subjects[0], sent)
    assert (outcome.result, sent, way.changing()) == (Result.FAILED, [], [])


async def test_a_program_that_is_not_there_fails_and_nothing_is_sent(way: Way) -> None:
    plan = await way.actuator().plan(Request("stop", ("web",)))
    none = SystemdActuator(Target("box", "systemd", SystemdSettings(prefix=("/no/such",))), Context(NoSecrets()))
    sent: list[str] = []
    outcome = await carried_out(none, plan, plan.subjects[0], sent)
    assert (outcome.result, sent) == (Result.FAILED, [])


async def test_an_abort_kills_what_runs(way: Way) -> None:
    way.becomes(act={"hang": True})
    actuator = way.actuator(timeout=30)
    plan = await actuator.plan(Request("stop", ("web",)))
    carrying = asyncio.create_task(carried_out(actuator, plan, plan.subjects[0], []))
    await becomes(lambda: bool(way.changing()))
    actuator.abort()
    async with asyncio.timeout(15):
        assert (await carrying).result is Result.UNKNOWN


async def test_the_users_own_systemd_is_another_place(way: Way) -> None:
    way.becomes(act={"code": 0, "out": "fine"})
    actuator = way.actuator(user=True)
    plan = await actuator.plan(Request("restart", ("web",)))
    assert plan.pin != (await way.actuator().plan(Request("restart", ("web",)))).pin
    await carried_out(actuator, plan, plan.subjects[0], [])
    assert "--user" in way.changing()[0]
    assert [one.grant for one in await actuator.rights()] == [Grant.HELD]


async def test_what_is_known_of_a_unit_stands_in_the_plan(way: Way) -> None:
    way.unit(
        "web.service", TriggeredBy="web.socket", NeedDaemonReload="yes", TimeoutStopUSec="infinity", BoundBy="b.service"
    )
    way.unit("web.socket", SubState="listening")
    way.unit("b.service")
    restart = await way.actuator().plan(Request("restart", ("web",)))
    assert "its file changed since systemd read it" in words_of(restart)
    assert "b.service: restarted with it" in words_of(restart)
    assert "it may take for ever to end" in words_of(restart)
    assert restart.settles == 620.0
    stop = await way.actuator().plan(Request("stop", ("web",)))
    assert "web.service is started again by web.socket, which goes on" in words_of(stop)
    assert str(stop.subjects[0].before).endswith("pid 812")


@pytest.mark.parametrize("subjects", [(), tuple(f"u{number}" for number in range(101))])
async def test_units_are_named_and_not_too_many(way: Way, subjects: tuple[str, ...]) -> None:
    with pytest.raises(ProbeError):
        await way.actuator().plan(Request("restart", subjects))


# what is offered

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
RUNNING = Unit(
    "web.service", "web", load="loaded", active="active", sub="running", kind="simple", pid=812, invocation="a" * 32,
    restarts=0, since=NOW - timedelta(hours=3), age=10800.0,
)  # fmt: skip
DOWN = replace(RUNNING, active="inactive", sub="dead", pid=None)
FAILED = replace(DOWN, active="failed", sub="failed", result="exit-code", exit_kind="exited", exit_status=3)
LOOPING = replace(RUNNING, active="activating", sub="auto-restart", pid=None, restarts=7, result="exit-code")
MASKED = replace(DOWN, load="masked")
GONE = replace(DOWN, load="not-found")


def offered(subjects: list[str], *units: Unit, way: Way | None = None) -> dict[str, str]:
    actuator = SystemdActuator(Target("box", "systemd", SystemdSettings()), Context(NoSecrets()))
    return {offer.action.name: offer.refused for offer in actuator.offers(SystemdFacts(units=units), subjects)}


@pytest.mark.parametrize(
    ("unit", "start", "stop", "restart"),
    [
        (RUNNING, "it runs already", "", ""),
        (DOWN, "", "it does not run", ""),
        (FAILED, "", "it does not run", ""),
        (LOOPING, "systemd starts it again by itself", "", ""),
        (MASKED, "masked: it can't be started", "it does not run", "masked: it can't be started"),
        (GONE, "systemd knows no such unit", "it does not run", "systemd knows no such unit"),
        (replace(RUNNING, job=True), *["systemd works on it already"] * 3),
        (replace(RUNNING, id="a.target", asked=""), *["only services, timers, sockets, paths are acted on here"] * 3),
        (replace(RUNNING, load="masked"), "masked: it can't be started", "", "masked: it can't be started"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(unit: Unit, start: str, stop: str, restart: str) -> None:
    assert offered([unit.id], unit) == {"start": start, "stop": stop, "restart": restart}


def test_rows_that_are_gone_offer_nothing_and_aliases_are_rows() -> None:
    assert offered(["other.service"], RUNNING) == {}
    assert offered([], RUNNING) == {}
    assert offered(["web"], RUNNING) == offered(["web.service"], RUNNING)
    assert set(offered(["web.service", "b.service"], RUNNING, replace(FAILED, id="b.service")).values()) == {""}


async def test_what_the_real_panel_names_is_understood(way: Way) -> None:
    """The rows of the panel are subjects of a plan."""
    settings = SystemdSettings.model_validate({"units": ["web.service"], "prefix": way.prefix, "failed": False})
    probe = SystemdProbe(Target("box", "systemd", settings), Context(NoSecrets()))
    facts = (await probe.read()).facts
    await probe.close()
    actuator = way.actuator()
    for row in [unit.id for unit in facts.units]:
        assert [offer.action for offer in actuator.offers(facts, [row])] == [START, STOP, RESTART]
        assert (await actuator.plan(Request("stop", (row,)))).subjects[0].key == "web.service"


# what is true

DONE = Outcome(Result.DONE, SafeText("accepted"))
UNKNOWN = Outcome(Result.UNKNOWN, SafeText("no answer"))
NEW = replace(RUNNING, invocation="b" * 32, pid=913, age=5.0)
TASK = replace(DOWN, kind="oneshot")


def sight(one: Unit, outcome: Outcome = DONE, after: float = 5.0, planned: Unit = RUNNING, **more: Any) -> Sight:
    return Sight(one, dict(known(planned)), outcome, after, **more)


@pytest.mark.parametrize(
    ("found", "truth", "words"),
    [
        (sight(NEW), Truth.CONFIRMED, "running for 5 s, pid 913"),
        (sight(replace(NEW, age=1.0)), Truth.PENDING, "running for 1 s, pid 913: counts after 3 s"),
        (sight(replace(NEW, age=900.0), after=1.0), Truth.PENDING, "running for 1 s"),
        (sight(replace(NEW, age=None)), Truth.CONFIRMED, "running for 5 s"),
        (sight(replace(NEW, restarts=1)), Truth.PENDING, "after it died once: counts after 10 s"),
        (sight(replace(NEW, restarts=2, age=11.0), after=11.0), Truth.CONFIRMED, "after it died 2 times"),
        (sight(RUNNING), Truth.REFUTED, "not done: the old run goes on, pid 812"),
        (sight(RUNNING, UNKNOWN, 1.0), Truth.PENDING, "the old run goes on"),
        (sight(RUNNING, UNKNOWN), Truth.REFUTED, "the old run goes on"),
        (sight(replace(RUNNING, job=True, active="deactivating", sub="stop-sigterm"), after=41.0), Truth.PENDING,
         "job running 41 s: stopping (stop-sigterm)"),
        (sight(replace(NEW, active="activating", sub="start")), Truth.PENDING, "starting for 5 s (start)"),
        (sight(replace(LOOPING, invocation="b" * 32)), Truth.REFUTED, "dies and is restarted by itself, 7 times"),
        (sight(replace(LOOPING, invocation="b" * 32, restarts=1)), Truth.PENDING, "dies and is restarted by itself"),
        (sight(FAILED), Truth.REFUTED, "it failed: exit code 3"),
        (sight(replace(FAILED, result="start-limit-hit")), Truth.REFUTED, "start limit hit"),
        (sight(FAILED, UNKNOWN, 1.0, FAILED), Truth.PENDING, "not yet started"),
        (sight(FAILED, UNKNOWN, 5.0, FAILED), Truth.REFUTED, "not started: exit code 3"),
        (sight(replace(DOWN, invocation="b" * 32)), Truth.REFUTED, "it ended again without an error"),
        (sight(DOWN, UNKNOWN, 1.0, DOWN), Truth.PENDING, "not yet started"),
        (sight(DOWN, UNKNOWN, 5.0, DOWN), Truth.REFUTED, "not started: still stopped"),
        (sight(replace(TASK, invocation="b" * 32), planned=TASK), Truth.CONFIRMED, "finished with success"),
        (sight(replace(TASK, invocation=""), planned=TASK), Truth.CONFIRMED, "it is over, and it has not failed"),
        (sight(replace(TASK, invocation=""), planned=TASK, forgets=True), Truth.UNKNOWN, "keeps nothing of it"),
        (sight(TASK, UNKNOWN, planned=TASK), Truth.UNKNOWN, "never started, or over and forgotten"),
        (sight(replace(NEW, sub="exited", kind="oneshot", pid=None)), Truth.CONFIRMED, "finished with success"),
        (sight(replace(NEW, sub="exited", exit_kind="exited", exit_status=2)), Truth.REFUTED, "exit code 2"),
        (sight(GONE), Truth.REFUTED, "knows no such unit any more"),
    ],
)  # fmt: skip
def test_a_start_is_true_only_with_a_new_run_that_has_held(found: Sight, truth: Truth, words: str) -> None:
    verdict = is_up(found)
    assert (verdict.truth, words in str(verdict.words)) == (truth, True), verdict


@pytest.mark.parametrize(
    ("found", "truth", "words"),
    [
        (sight(DOWN), Truth.CONFIRMED, "stopped"),
        (sight(replace(FAILED, result="timeout")), Truth.CONFIRMED, "stopped; took too long"),
        (sight(replace(RUNNING, job=True, active="deactivating", sub="stop")), Truth.PENDING, "job running 5 s"),
        (sight(NEW), Truth.REFUTED, "it runs again, pid 913: something has started it"),
        (sight(RUNNING, UNKNOWN, 1.0), Truth.PENDING, "it still runs"),
        (sight(RUNNING, UNKNOWN), Truth.REFUTED, "not stopped: it still runs, pid 812"),
        (sight(LOOPING), Truth.REFUTED, "not stopped"),
    ],
)
def test_a_stop_is_true_only_while_it_is_down(found: Sight, truth: Truth, words: str) -> None:
    verdict = is_down(found)
    assert (verdict.truth, words in str(verdict.words)) == (truth, True), verdict


@pytest.mark.parametrize(
    ("before", "now", "alike"),
    [
        (RUNNING, RUNNING, True),
        (RUNNING, NEW, False),
        (RUNNING, replace(RUNNING, pid=5), False),
        (RUNNING, DOWN, False),
        (DOWN, replace(DOWN, invocation=""), True),
        (DOWN, FAILED, True),
        (DOWN, replace(DOWN, invocation="b" * 32), False),
        (LOOPING, replace(NEW, restarts=9, age=0.2), True),
        (LOOPING, replace(NEW, restarts=9, age=60.0), False),
        (LOOPING, replace(LOOPING, restarts=0), False),
        (RUNNING, replace(RUNNING, id="b.service"), False),
    ],
)
def test_a_run_is_told_from_another(before: Unit, now: Unit, alike: bool) -> None:
    assert same(known(before), known(now)) is alike


def test_a_run_has_words() -> None:
    assert called(known(RUNNING)) == "pid 812, run aaaaaaaa"
    assert called(known(DOWN)) == "not running, run aaaaaaaa"
    assert called(known(LOOPING)) == "restarting by itself, run aaaaaaaa"
