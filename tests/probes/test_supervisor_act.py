"""Starting, stopping and restarting on a real supervisord, and on one that says strange things."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import xmlrpc.client
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from probes.base import (
    Cause,
    Context,
    Danger,
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
from probes.supervisor.act import RESTART, SCALE, START, STOP, SupervisorActuator
from probes.supervisor.address import SupervisorSettings
from probes.supervisor.facts import Process, Service, Stage, SupervisorFacts
from probes.supervisor.probe import SupervisorProbe
from probes.supervisor.verdict import Sight, called, is_down, is_up, known, same
from tests.probes.acting import ACT, carried_out, perform, settled
from tests.probes.test_supervisor import CANARY, OneSecret, Supervisord, end, start
from tests.stack.faultproxy import FaultProxy, Mode, hung

PROGRAMS = """
[program:web]
command=/bin/sleep 1000
startsecs=1

[program:idle]
command=/bin/sleep 1000
autostart=false
startsecs=0

[program:stubborn]
command=/bin/sh -c 'trap "" TERM; while :; do sleep 0.1; done'
startsecs=0
stopwaitsecs=2

[program:worker-1]
command=/bin/sleep 1000
startsecs=1
autorestart=false
[program:worker-2]
command=/bin/sleep 1000
startsecs=1
autorestart=false
[program:worker-3]
command=/bin/sleep 1000
startsecs=1
autostart=false
autorestart=false
[group:worker]
programs=worker-1,worker-2,worker-3

[program:broken]
command=/bin/sh -c 'exit 3'
autostart=false
startretries=1

[program:missing]
command=/no/such/program
autostart=false

[program:task]
command=/bin/true
startsecs=0
autorestart=false

[program:loop]
command=/bin/sh -c 'sleep 0.2; exit 4'
startretries=10000
autostart=false

[program:brief]
command=/bin/sh -c 'sleep 0.3; exit 5'
startsecs=0
autostart=false
"""

ONLY_WEB = """
[program:web]
command=/bin/sleep 1000
startsecs=0
"""

SENT = b"system.multicall"
CHANGING = (b"stopProcess", b"startProcess")


@pytest.fixture(scope="module")
def supervisord(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisord]:
    one = start(Path(os.path.realpath(tmp_path_factory.mktemp("act"))), PROGRAMS)
    yield one
    end(one)


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Supervisord]:
    """One that a test may end."""
    one = start(tmp_path, ONLY_WEB)
    yield one
    end(one)


@pytest.fixture
def proxy(supervisord: Supervisord, tmp_path: Path) -> Iterator[FaultProxy]:
    with FaultProxy(supervisord.folder / "s.sock", listen=tmp_path / "p.sock") as one:
        yield one


def actuator_of(url: str, **settings: Any) -> SupervisorActuator:
    given = SupervisorSettings(url=url, **settings)
    return SupervisorActuator(Target("app", "supervisor", given), Context(OneSecret()))


@pytest.fixture
async def actuator(proxy: FaultProxy) -> AsyncIterator[SupervisorActuator]:
    """One that goes through the proxy."""
    one = actuator_of(f"unix://{proxy.listen}", timeout=2.0)
    yield one
    await one.close()
    await one.close()


class Ctl:
    """What somebody else does meanwhile."""

    def __init__(self, one: Supervisord) -> None:
        self.url = one.web.replace("http://", f"http://ops:{CANARY}@") + "/RPC2"

    def call(self, method: str, *words: Any) -> Any:
        with xmlrpc.client.ServerProxy(self.url) as server:
            return getattr(server.supervisor, method)(*words)

    def info(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("getProcessInfo", key)
        return found

    async def until(self, key: str, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while not true(found := self.info(key)):
                await asyncio.sleep(0.05)
        return found

    async def in_state(self, key: str, wanted: str) -> dict[str, Any]:
        return await self.until(key, lambda one: one["statename"] == wanted)

    async def put(self, key: str, wanted: str) -> dict[str, Any]:
        """Bring a process into RUNNING or STOPPED, whatever it was."""
        async with asyncio.timeout(20):
            while (one := self.info(key))["statename"] != wanted:
                if wanted == "RUNNING" and one["statename"] in ("STOPPED", "EXITED", "FATAL"):
                    self.call("startProcess", key, False)
                if wanted == "STOPPED" and one["statename"] in ("RUNNING", "BACKOFF", "STARTING"):
                    self.call("stopProcess", key, False)
                if wanted == "STOPPED" and one["statename"] in ("EXITED", "FATAL"):
                    break
                await asyncio.sleep(0.05)
        return one

    async def kill(self, key: str) -> dict[str, Any]:
        os.kill(self.info(key)["pid"], signal.SIGKILL)
        return await self.in_state(key, "EXITED")


@pytest.fixture
def ctl(supervisord: Supervisord) -> Ctl:
    return Ctl(supervisord)


def changes(proxy: FaultProxy) -> int:
    """Requests that change something, as they stood on the wire."""
    return proxy.seen(SENT)


def words_of(plan: Plan) -> str:
    parts = [*plan.felt, *plan.notes, plan.undo, *(word for one in plan.subjects for word in one.felt)]
    return "\n".join(map(str, parts))


# to the end, on the real one


@pytest.mark.engine
async def test_a_process_is_started_and_counts_once_it_has_run(
    actuator: SupervisorActuator, ctl: Ctl, proxy: FaultProxy
) -> None:
    await ctl.put("idle:idle", "STOPPED")
    done = await perform(actuator, Request("start", ("idle:idle",)))
    assert [one.result for one in done.outcomes] == [Result.DONE]
    assert done.verdicts[0].truth is Truth.CONFIRMED
    pid = ctl.info("idle:idle")["pid"]
    assert f"pid {pid}" in str(done.outcomes[0].words)
    assert f"pid {pid}" in str(done.verdicts[0].words)
    assert (changes(proxy), done.sent) == (1, ["idle:idle"])
    assert str(done.plan.undo) == "stop it again"


@pytest.mark.engine
async def test_a_process_is_stopped(actuator: SupervisorActuator, ctl: Ctl, proxy: FaultProxy) -> None:
    before = await ctl.put("idle:idle", "RUNNING")
    done = await perform(actuator, Request("stop", ("idle",)))
    assert (done.outcomes[0].result, done.verdicts[0].truth) == (Result.DONE, Truth.CONFIRMED)
    assert ctl.info("idle:idle")["statename"] == "STOPPED"
    assert dict(done.plan.subjects[0].identity)["pid"] == str(before["pid"])
    assert "idle: 0 of 1 running process stays up meanwhile" in map(str, done.plan.felt)
    assert changes(proxy) == 1


@pytest.mark.engine
async def test_a_restart_is_one_request_and_gives_a_new_process(
    actuator: SupervisorActuator, ctl: Ctl, proxy: FaultProxy
) -> None:
    old = (await ctl.put("web:web", "RUNNING"))["pid"]
    done = await perform(actuator, Request("restart", ("web:web",)))
    assert (done.outcomes[0].result, done.verdicts[0].truth) == (Result.DONE, Truth.CONFIRMED)
    new = ctl.info("web:web")["pid"]
    assert new != old
    assert dict(done.outcomes[0].facts)["pid"] == str(new)
    assert (changes(proxy), [proxy.seen(one) for one in CHANGING]) == (1, [1, 1])
    assert "changed configuration files are not read" in words_of(done.plan)
    assert "it gets SIGTERM and 10 s to finish" in words_of(done.plan)
    assert done.plan.command == (f"supervisorctl -s unix://{proxy.listen} restart web",)


@pytest.mark.engine
async def test_a_service_is_restarted_one_process_after_the_other(actuator: SupervisorActuator, ctl: Ctl) -> None:
    await ctl.put("worker:worker-3", "STOPPED")
    old = [(await ctl.put(f"worker:worker-{number}", "RUNNING"))["pid"] for number in (1, 2)]
    done = await perform(actuator, Request("restart", ("worker",)))
    assert [one.key for one in done.plan.chosen] == ["worker:worker-1", "worker:worker-2"]
    assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED] * 2
    assert not {ctl.info(f"worker:worker-{number}")["pid"] for number in (1, 2)} & set(old)
    left = done.plan.subjects[2]
    assert (left.key, left.barred) == ("worker:worker-3", False)
    assert str(left.spared) in ("was never started", "was stopped on purpose")
    assert "worker: 1 of 2 running processes stay up meanwhile, one after the other" in map(str, done.plan.felt)
    assert len(done.plan.command) == 2
    assert RESTART.rolling


@pytest.mark.engine
@pytest.mark.parametrize("action", ["start", "restart"])
async def test_killed_workers_are_up_again_within_seconds(actuator: SupervisorActuator, ctl: Ctl, action: str) -> None:
    await ctl.put("worker:worker-3", "STOPPED")
    for number in (1, 2):
        await ctl.put(f"worker:worker-{number}", "RUNNING")
        await ctl.kill(f"worker:worker-{number}")
    async with asyncio.timeout(12):
        done = await perform(actuator, Request(action, ("worker",)))
    assert [one.key for one in done.plan.chosen] == ["worker:worker-1", "worker:worker-2"]
    assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED] * 2
    assert ctl.info("worker:worker-3")["statename"] == "STOPPED"


@pytest.mark.engine
async def test_start_takes_in_what_rests_when_nothing_is_dead(actuator: SupervisorActuator, ctl: Ctl) -> None:
    for number in (1, 2):
        await ctl.put(f"worker:worker-{number}", "RUNNING")
    await ctl.put("worker:worker-3", "STOPPED")
    plan = await actuator.plan(Request("start", ("worker",)))
    assert [one.key for one in plan.chosen] == ["worker:worker-3"]
    assert {str(one.spared) for one in plan.subjects if one.barred} == {"it runs already"}


@pytest.mark.engine
async def test_a_service_is_scaled_up_by_what_rests_and_down_by_its_last(
    actuator: SupervisorActuator, ctl: Ctl
) -> None:
    await ctl.put("worker:worker-3", "STOPPED")
    for number in (1, 2):
        await ctl.put(f"worker:worker-{number}", "RUNNING")
    done = await perform(actuator, Request("scale", ("worker",), 3))
    assert [(one.key, str(one.after)) for one in done.plan.chosen] == [("worker:worker-3", "running, new process")]
    assert done.plan.danger is Danger.REVERSIBLE
    assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED]
    done = await perform(actuator, Request("scale", ("worker:worker-1",), 1))
    assert [one.key for one in done.plan.chosen] == ["worker:worker-3", "worker:worker-2"]
    assert done.plan.danger is Danger.DISRUPTIVE
    assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED] * 2
    assert ctl.info("worker:worker-1")["statename"] == "RUNNING"
    for number, words in ((1, "1 of worker run already"), (4, "worker has 3 processes in all, 1 of them run")):
        with pytest.raises(ProbeError) as raised:
            await actuator.plan(Request("scale", ("worker",), number))
        assert str(raised.value.message) == words


@pytest.mark.engine
async def test_a_restart_of_what_does_not_run_is_a_start_and_says_so(
    actuator: SupervisorActuator, ctl: Ctl, proxy: FaultProxy
) -> None:
    await ctl.put("idle:idle", "STOPPED")
    done = await perform(actuator, Request("restart", ("idle",)))
    assert done.verdicts[0].truth is Truth.CONFIRMED
    assert "idle: does not run, so it is a start only" in words_of(done.plan)
    assert [proxy.seen(one) for one in CHANGING] == [0, 1]


@pytest.mark.engine
async def test_what_dies_at_once_is_refuted_with_the_reason(actuator: SupervisorActuator, ctl: Ctl) -> None:
    await ctl.put("broken:broken", "STOPPED")
    done = await perform(actuator, Request("start", ("broken",)))
    assert done.verdicts[0].truth is Truth.REFUTED
    assert "given up: Exited too quickly" in str(done.verdicts[0].words)


@pytest.mark.engine
async def test_a_program_that_is_not_there_fails_with_that_word(actuator: SupervisorActuator) -> None:
    done = await perform(actuator, Request("start", ("missing",)))
    assert (done.outcomes[0].result, str(done.outcomes[0].words)) == (Result.FAILED, "its program is not there")


@pytest.mark.engine
async def test_what_supervisord_tries_again_and_again_can_be_stopped(actuator: SupervisorActuator, ctl: Ctl) -> None:
    await ctl.put("loop:loop", "STOPPED")
    ctl.call("startProcess", "loop:loop", False)
    first = await ctl.in_state("loop:loop", "BACKOFF")
    plan = await actuator.plan(Request("stop", ("loop",)))
    await ctl.until("loop:loop", lambda one: one["start"] > first["start"])
    outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    assert outcome.result is Result.DONE
    assert (await settled(actuator, plan, plan.subjects[0], outcome)).truth is Truth.CONFIRMED


@pytest.mark.engine
async def test_one_that_dies_after_its_start_is_never_called_well(actuator: SupervisorActuator, ctl: Ctl) -> None:
    await ctl.put("brief:brief", "STOPPED")
    plan = await actuator.plan(Request("start", ("brief",)))
    outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    born = ctl.info("brief:brief")["start"]
    await ctl.until("brief:brief", lambda one: one["start"] > born and one["statename"] == "RUNNING")
    verdict = await actuator.verify(plan, plan.subjects[0], outcome, 3.0)
    assert verdict.truth is Truth.PENDING
    assert "died once" in str(verdict.words) or "ended again" in str(verdict.words)
    await ctl.put("brief:brief", "STOPPED")


@pytest.mark.engine
async def test_a_task_that_is_run_again_may_finish(actuator: SupervisorActuator, ctl: Ctl) -> None:
    await ctl.in_state("task:task", "EXITED")
    done = await perform(actuator, Request("start", ("task",)))
    assert (done.outcomes[0].result, done.verdicts[0].truth) == (Result.DONE, Truth.CONFIRMED)


@pytest.mark.engine
async def test_one_that_will_not_end_is_told_to_stop_and_waited_for(actuator: SupervisorActuator, ctl: Ctl) -> None:
    await ctl.put("stubborn:stubborn", "RUNNING")
    plan = await actuator.plan(Request("stop", ("stubborn",)))
    outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    first = await actuator.verify(plan, plan.subjects[0], outcome, 0.1)
    assert (outcome.result, str(outcome.words)) == (Result.DONE, "told to stop")
    assert (first.truth, "stopping for 0 s" in str(first.words)) == (Truth.PENDING, True)
    assert (await settled(actuator, plan, plan.subjects[0], outcome)).truth is Truth.CONFIRMED
    assert "2 s to finish, then it is killed" in words_of(plan)


@pytest.mark.engine
async def test_all_means_every_service_and_leaves_what_was_stopped_alone(
    actuator: SupervisorActuator, ctl: Ctl
) -> None:
    await ctl.put("idle:idle", "STOPPED")
    await ctl.put("web:web", "RUNNING")
    plan = await actuator.plan(Request("restart"))
    keys = [one.key for one in plan.chosen]
    assert "web:web" in keys
    assert "idle:idle" not in keys
    assert "task:task" not in keys


# the plan


@pytest.mark.engine
async def test_two_addresses_of_one_supervisord_have_one_pin(supervisord: Supervisord) -> None:
    login = {"username": "ops", "password": "env:SUPERVISOR_PASSWORD"}
    by_socket = await actuator_of(supervisord.url).plan(Request("restart", ("web",)))
    by_port = await actuator_of(supervisord.web, **login).plan(Request("restart", ("web",)))
    assert by_socket.pin == by_port.pin
    assert dict(by_socket.pin)["supervisord"] == str(supervisord.process.pid)
    assert CANARY not in repr(by_port)


@pytest.mark.engine
@pytest.mark.parametrize("name", ["nothing", "worker:worker-9", "web:web;rm", "-web", "web\nweb", "worker:*", "$(id)"])
async def test_a_row_that_is_not_there_is_gone(actuator: SupervisorActuator, name: str) -> None:
    with pytest.raises(ProbeError) as caught:
        await actuator.plan(Request("restart", (name,)))
    assert caught.value.cause is Cause.GONE


@pytest.mark.engine
async def test_a_short_name_of_a_whole_service_is_not_guessed(actuator: SupervisorActuator) -> None:
    with pytest.raises(ProbeError) as caught:
        await actuator.plan(Request("restart", ("worker:worker",)))
    assert str(caught.value.hint) == "the whole service is worker:*"


@pytest.mark.engine
async def test_groups_outside_the_profile_are_out_of_reach(supervisord: Supervisord) -> None:
    actuator = actuator_of(supervisord.url, groups=["web"])
    assert [one.key for one in (await actuator.plan(Request("restart"))).subjects] == ["web:web"]
    with pytest.raises(ProbeError) as caught:
        await actuator.plan(Request("restart", ("idle",)))
    assert caught.value.cause is Cause.GONE


# the wrong target


@pytest.mark.engine
async def test_a_process_that_was_restarted_meanwhile_is_left_alone(
    actuator: SupervisorActuator, ctl: Ctl, proxy: FaultProxy
) -> None:
    old = (await ctl.put("web:web", "RUNNING"))["pid"]
    plan = await actuator.plan(Request("restart", ("web",)))
    os.kill(old, signal.SIGKILL)
    new = (await ctl.until("web:web", lambda one: one["pid"] not in (0, old)))["pid"]
    sent: list[str] = []
    outcome = await carried_out(actuator, plan, plan.subjects[0], sent)
    assert outcome.result is Result.REFUSED
    assert f"pid {old} of" in str(outcome.words)
    assert f"-> pid {new} of" in str(outcome.words)
    assert (changes(proxy), sent, ctl.info("web:web")["pid"]) == (0, [], new)


@pytest.mark.engine
async def test_a_process_that_somebody_started_meanwhile_is_left_alone(
    actuator: SupervisorActuator, ctl: Ctl, proxy: FaultProxy
) -> None:
    await ctl.put("idle:idle", "STOPPED")
    plan = await actuator.plan(Request("start", ("idle",)))
    await ctl.put("idle:idle", "RUNNING")
    outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    assert (outcome.result, changes(proxy)) == (Result.REFUSED, 0)
    assert "changed since you looked: not running" in str(outcome.words)


@pytest.mark.engine
async def test_another_supervisord_at_the_same_place_is_left_alone(tmp_path: Path) -> None:
    one = start(tmp_path, ONLY_WEB)
    actuator = actuator_of(one.url)
    plan = await actuator.plan(Request("stop", ("web",)))
    end(one)
    again = start(tmp_path, ONLY_WEB)
    try:
        sent: list[str] = []
        outcome = await carried_out(actuator, plan, plan.subjects[0], sent)
        assert (outcome.result, sent) == (Result.REFUSED, []), outcome.words
        assert f"supervisord {one.process.pid} -> {again.process.pid}" in str(outcome.words)
        verdict = await actuator.verify(plan, plan.subjects[0], outcome, 1.0)
        assert verdict.truth is Truth.UNKNOWN
        assert Ctl(again).info("web:web")["statename"] in ("STARTING", "RUNNING")
    finally:
        end(again)


# once, whatever becomes of the answer


@pytest.mark.engine
@pytest.mark.parametrize(
    ("mode", "arrives"),
    [
        (Mode.LOSE, True),
        (Mode.TRUNCATE, True),
        (Mode.RESET, False),
        (Mode.SILENT, False),
        (Mode.CLOSE, False),
        (Mode.GARBAGE, False),
        (Mode.HTML, False),
    ],
)
@pytest.mark.once
async def test_a_start_goes_out_once_and_the_look_afterwards_tells_the_truth(
    actuator: SupervisorActuator, ctl: Ctl, proxy: FaultProxy, mode: Mode, arrives: bool
) -> None:
    await ctl.put("idle:idle", "STOPPED")
    plan = await actuator.plan(Request("start", ("idle",)))
    proxy.become(mode, when=SENT)
    sent: list[str] = []
    outcome = await carried_out(actuator, plan, plan.subjects[0], sent)
    assert (outcome.result, sent, changes(proxy)) == (Result.UNKNOWN, ["idle:idle"], 1)
    async with asyncio.timeout(20):
        while proxy.open:
            await asyncio.sleep(0.01)
    proxy.heard.clear()
    proxy.become(Mode.PASS)
    verdict = await settled(actuator, plan, plan.subjects[0], outcome)
    assert verdict.truth is (Truth.CONFIRMED if arrives else Truth.REFUTED)
    assert (ctl.info("idle:idle")["statename"] == "RUNNING") is arrives
    assert changes(proxy) == 0, "looking sends nothing"


@pytest.mark.engine
@pytest.mark.once
async def test_a_restart_whose_answer_is_lost_is_done_once(
    actuator: SupervisorActuator, ctl: Ctl, proxy: FaultProxy
) -> None:
    old = (await ctl.put("web:web", "RUNNING"))["pid"]
    plan = await actuator.plan(Request("restart", ("web",)))
    proxy.become(Mode.LOSE, when=SENT)
    outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    new = ctl.info("web:web")["pid"]
    proxy.become(Mode.PASS)
    assert (outcome.result, changes(proxy)) == (Result.UNKNOWN, 1)
    assert (await settled(actuator, plan, plan.subjects[0], outcome)).truth is Truth.CONFIRMED
    assert (new != old, ctl.info("web:web")["pid"]) == (True, new)


@pytest.mark.engine
async def test_a_connection_that_breaks_while_it_stops_leaves_it_stopped_and_that_is_said(
    actuator: SupervisorActuator, ctl: Ctl, proxy: FaultProxy
) -> None:
    await ctl.put("stubborn:stubborn", "RUNNING")
    plan = await actuator.plan(Request("restart", ("stubborn",)))
    carrying = asyncio.create_task(carried_out(actuator, plan, plan.subjects[0], []))
    await ctl.in_state("stubborn:stubborn", "STOPPING")
    proxy.become(Mode.RESET)
    outcome = await carrying
    proxy.become(Mode.PASS)
    assert outcome.result is Result.UNKNOWN
    assert (await actuator.verify(plan, plan.subjects[0], outcome, 0.1)).truth is Truth.PENDING
    verdict = await settled(actuator, plan, plan.subjects[0], outcome)
    assert verdict.truth is Truth.REFUTED
    assert "stopped and not started: the connection ended half-way" in str(verdict.words)
    assert ctl.info("stubborn:stubborn")["statename"] == "STOPPED"
    assert changes(proxy) == 1
    assert "should the connection break while it stops" in words_of(plan)


@pytest.mark.engine
async def test_an_abort_cuts_a_request_that_hangs(actuator: SupervisorActuator, ctl: Ctl, proxy: FaultProxy) -> None:
    await ctl.put("idle:idle", "STOPPED")
    plan = await actuator.plan(Request("start", ("idle",)))
    proxy.become(Mode.SILENT, when=SENT)
    carrying = asyncio.create_task(carried_out(actuator, plan, plan.subjects[0], []))
    async with asyncio.timeout(20):
        while not changes(proxy):
            await asyncio.sleep(0.01)
    actuator.abort()
    async with asyncio.timeout(15):
        outcome = await carrying
    assert outcome.result is Result.UNKNOWN


@pytest.mark.engine
async def test_a_connection_that_is_gone_before_the_request_sends_nothing(
    actuator: SupervisorActuator, ctl: Ctl, proxy: FaultProxy
) -> None:
    await ctl.put("idle:idle", "STOPPED")
    plan = await actuator.plan(Request("start", ("idle",)))

    async def sending() -> None:
        proxy.become(Mode.RESET)
        async with asyncio.timeout(20):
            while proxy.open:
                await asyncio.sleep(0.01)
        proxy.become(Mode.PASS)

    outcome = await actuator.carry_out(plan, plan.subjects[0], ACT, sending)
    assert (outcome.result, changes(proxy)) == (Result.FAILED, 0)
    assert "before anything was sent" in str(outcome.words)


# nothing is sent


@pytest.mark.engine
async def test_a_supervisord_that_is_not_there_fails_and_nothing_is_sent(private: Supervisord) -> None:
    actuator = actuator_of(private.url)
    plan = await actuator.plan(Request("stop", ("web",)))
    end(private)
    sent: list[str] = []
    outcome = await carried_out(actuator, plan, plan.subjects[0], sent)
    assert (outcome.result, sent) == (Result.FAILED, [])


@pytest.mark.engine
async def test_a_supervisord_that_hangs_fails_and_nothing_is_sent(private: Supervisord) -> None:
    actuator = actuator_of(private.url, timeout=3.0)
    plan = await actuator.plan(Request("stop", ("web",)))
    sent: list[str] = []
    with hung(private.process.pid):
        outcome = await carried_out(actuator, plan, plan.subjects[0], sent)
    assert (outcome.result, sent) == (Result.FAILED, [])


@pytest.mark.engine
async def test_a_wrong_password_is_refused_in_words_and_shown_nowhere(supervisord: Supervisord) -> None:
    right = actuator_of(supervisord.web, username="ops", password="env:SUPERVISOR_PASSWORD")
    plan = await right.plan(Request("stop", ("web",)))
    wrong = actuator_of(supervisord.web, username="ops")
    sent: list[str] = []
    outcome = await carried_out(wrong, plan, plan.subjects[0], sent)
    assert (outcome.result, sent) == (Result.FAILED, [])
    assert "another user or password" in str(outcome.words)
    assert CANARY not in repr([plan, outcome])


@pytest.mark.engine
async def test_rights_are_all_or_nothing(supervisord: Supervisord) -> None:
    assert [one.grant for one in await actuator_of(supervisord.url).rights()] == [Grant.HELD]
    with pytest.raises(ProbeError):
        await actuator_of(supervisord.web).rights()


# what only a strange one says


class Fake:
    """A supervisord that answers reads as told, and the one request that changes something with a reply of ours."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.reply: tuple[int, Any] = (200, [])
        self.info: dict[str, Any] = {
            "name": "web", "group": "web", "state": 20, "pid": 812, "start": 100, "stop": 0, "now": 200,
            "exitstatus": 0, "spawnerr": "", "stdout_logfile": "/x", "stderr_logfile": "",
        }  # fmt: skip
        self.url = ""

    def answer(self, method: str) -> tuple[int, Any]:
        self.heard.append(method)
        told: dict[str, Any] = {
            "supervisor.getPID": 77,
            "supervisor.getIdentification": "supervisor",
            "supervisor.getSupervisorVersion": "3.0",
            "supervisor.getState": {"statename": "RUNNING", "statecode": 1},
            "supervisor.getAllProcessInfo": [self.info],
            "supervisor.getProcessInfo": self.info,
            "supervisor.getAllConfigInfo": xmlrpc.client.Fault(1, "UNKNOWN_METHOD"),
        }
        return self.reply if method == "system.multicall" else (200, told[method])


@contextmanager
def serving(fake: Fake) -> Iterator[Fake]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            _, method = xmlrpc.client.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, value = fake.answer(method or "")
            fault = isinstance(value, xmlrpc.client.Fault)
            body = xmlrpc.client.dumps(value if fault else (value,), methodresponse=not fault, allow_none=True).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{fake.url}/RPC2")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def fake() -> Iterator[Fake]:
    with serving(Fake()) as one:
        yield one


def fault(code: int, text: str = "NO") -> dict[str, Any]:
    return {"faultCode": code, "faultString": text}


def process_info(fake: Fake, **changes: Any) -> dict[str, Any]:
    return fake.info | changes


@pytest.mark.parametrize(
    ("status", "value", "result", "words"),
    [
        (500, "", Result.UNKNOWN, "failed to answer (HTTP 500)"),
        (502, "", Result.UNKNOWN, "HTTP 502"),
        (302, "", Result.UNKNOWN, "HTTP 302"),
        (401, "", Result.FAILED, "another user or password"),
        (403, "", Result.FAILED, "does not allow this"),
        (200, xmlrpc.client.Fault(6, "SHUTDOWN_STATE"), Result.FAILED, "shutting down"),
        (200, xmlrpc.client.Fault(1, "UNKNOWN_METHOD"), Result.FAILED, "UNKNOWN_METHOD"),
        (200, [True], Result.UNKNOWN, "does not answer as supervisord does"),
        (200, "yes", Result.UNKNOWN, "does not answer as supervisord does"),
    ],
)
async def test_a_reply_that_says_no_is_told_from_one_that_says_nothing(
    fake: Fake, status: int, value: Any, result: Result, words: str
) -> None:
    fake.reply = (status, value)
    actuator = actuator_of(fake.url)
    plan = await actuator.plan(Request("restart", ("web",)))
    outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    assert (outcome.result, words in str(outcome.words)) == (result, True), outcome
    assert fake.heard.count("system.multicall") == 1


NEW = {"pid": 913, "start": 200}
DOWN = {"pid": 0, "state": 0, "stop": 199}


@pytest.mark.parametrize(
    ("action", "said", "then", "now", "result", "words"),
    [
        ("restart", [True, True], {}, NEW, Result.DONE, "stopped and started, pid 913"),
        ("restart", [fault(70), True], {}, NEW, Result.DONE, "it had ended by itself; started, pid 913"),
        ("restart", [True, fault(20)], {}, DOWN, Result.PARTIAL, "stopped, but not started: its program is not there"),
        ("restart", [True, fault(50)], {}, DOWN | {"state": 30, "spawnerr": "bad"}, Result.PARTIAL,
         "its first start failed, supervisord tries again: bad"),
        ("restart", [fault(30, "no"), fault(60)], {}, {}, Result.FAILED, "supervisord says: no"),
        ("restart", [fault(10), fault(10)], {}, {}, Result.FAILED, "supervisord has no such process any more"),
        ("restart", [True, True], {"pid": 900, "start": 150}, NEW, Result.DONE,
         "stopped and started, pid 913; it was another run by then: pid 900 of 00:02:30 UTC"),
        ("stop", [True], {}, DOWN, Result.DONE, "stopped"),
        ("stop", [True], {}, {"state": 40}, Result.DONE, "told to stop"),
        ("stop", [fault(70)], {}, DOWN, Result.FAILED, "it does not run"),
    ],
)  # fmt: skip
async def test_the_parts_of_an_answer_mean_one_thing_together(
    fake: Fake, action: str, said: list[Any], then: Any, now: Any, result: Result, words: str
) -> None:
    fake.reply = (200, [process_info(fake, **then), *said, process_info(fake, **now)])
    actuator = actuator_of(fake.url)
    plan = await actuator.plan(Request(action, ("web",)))
    outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    assert (outcome.result, str(outcome.words)) == (result, words)


async def test_an_old_one_that_does_not_tell_its_configuration_is_taken_by_its_defaults(fake: Fake) -> None:
    plan = await actuator_of(fake.url).plan(Request("restart", ("web",)))
    assert "it gets SIGTERM and 10 s to finish" in words_of(plan)
    assert plan.answers == 20.0


async def test_a_process_that_is_unknown_by_now_is_gone(fake: Fake) -> None:
    actuator = actuator_of(fake.url)
    plan = await actuator.plan(Request("stop", ("web",)))
    fake.info = xmlrpc.client.Fault(10, "BAD_NAME")  # type: ignore[assignment]
    outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    assert outcome.result is Result.REFUSED
    assert "not there any more" in str(outcome.words)
    assert (await actuator.verify(plan, plan.subjects[0], outcome, 1.0)).truth is Truth.REFUTED
    assert "system.multicall" not in fake.heard


# what is offered


def one(stage: Stage, group: str = "a", name: str = "x", **more: Any) -> Process:
    alive = stage in (Stage.RUNNING, Stage.STARTING, Stage.STOPPING)
    return Process(SafeText(group), SafeText(name), stage, 5 if alive else None, started=100, **more)


def offered(subjects: list[str], *processes: Process, state: str = "RUNNING") -> dict[str, str]:
    facts = SupervisorFacts(services=(Service(SafeText("a"), processes),), state=SafeText(state))
    return {offer.action.name: offer.refused for offer in actuator_of("unix:///x").offers(facts, subjects)}


@pytest.mark.parametrize(
    ("stage", "start_refused", "stop_refused", "restart_refused"),
    [
        (Stage.RUNNING, "it runs already", "", ""),
        (Stage.STARTING, "supervisord is starting it already", "", ""),
        (Stage.BACKOFF, "supervisord is starting it already", "", ""),
        (Stage.STOPPED, "", "it does not run", ""),
        (Stage.EXITED, "", "it does not run", ""),
        (Stage.FATAL, "", "it does not run", ""),
        (Stage.STOPPING, "it is stopping", "it is stopping", "it is stopping"),
        (Stage.UNKNOWN, *["supervisord does not know its state"] * 3),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(
    stage: Stage, start_refused: str, stop_refused: str, restart_refused: str
) -> None:
    expected = {"start": start_refused, "stop": stop_refused, "restart": restart_refused, "scale": "it has one process"}
    assert offered(["a:x"], one(stage)) == expected
    assert offered(["a"], one(stage)) == expected


def test_a_service_with_one_that_can_be_acted_on_is_offered_all() -> None:
    assert set(offered(["a"], one(Stage.RUNNING), one(Stage.FATAL, name="y")).values()) == {""}


def test_rows_that_are_gone_offer_nothing() -> None:
    assert offered(["b"], one(Stage.RUNNING)) == {}
    assert offered([], one(Stage.RUNNING)) == {}
    assert offered(["a", "b"], one(Stage.RUNNING))["stop"] == ""


def test_a_supervisord_that_shuts_down_takes_no_orders() -> None:
    assert set(offered(["a"], one(Stage.RUNNING), state="SHUTDOWN").values()) == {"supervisord is shutting down"}


# what is true


RUN = known(one(Stage.RUNNING))
DONE = Outcome(Result.DONE, SafeText("started"), (("pid", "9"),))
LOST = Outcome(Result.UNKNOWN, SafeText("no answer"))


def sight(process: Process, outcome: Outcome = DONE, after: float = 5.0, planned: Any = RUN) -> Sight:
    return Sight(process, dict(planned), outcome, after)


def fresh(stage: Stage, pid: int | None = 9, **more: Any) -> Process:
    return Process(SafeText("a"), SafeText("x"), stage, pid, started=150, **more)


@pytest.mark.parametrize(
    ("found", "truth", "words"),
    [
        (sight(fresh(Stage.RUNNING, up=1.0)), Truth.PENDING, "running for 1 s, pid 9: counts after 2 s"),
        (sight(fresh(Stage.RUNNING, up=2.0)), Truth.CONFIRMED, "running for 2 s, pid 9"),
        (sight(fresh(Stage.RUNNING, up=2.0), DONE, 1.5), Truth.PENDING, "counts after 2 s"),
        (sight(fresh(Stage.RUNNING, up=2.0), LOST), Truth.PENDING, "counts after 2 s"),
        (sight(fresh(Stage.RUNNING, up=3.0), LOST), Truth.CONFIRMED, "running for 3 s"),
        (sight(fresh(Stage.RUNNING, 11, up=4.0)), Truth.PENDING, "after it died once: counts after 10 s"),
        (sight(fresh(Stage.RUNNING, 11, up=11.0)), Truth.CONFIRMED, "after it died once"),
        (sight(one(Stage.RUNNING)), Truth.REFUTED, "not done: the old process still runs, pid 5"),
        (sight(one(Stage.RUNNING), LOST, 1.0), Truth.PENDING, "the old process still runs"),
        (sight(one(Stage.RUNNING), LOST, 4.0), Truth.REFUTED, "the old process still runs"),
        (sight(fresh(Stage.STARTING, up=0.0)), Truth.PENDING, "starting for 0 s"),
        (sight(fresh(Stage.BACKOFF, None)), Truth.PENDING, "supervisord tries again"),
        (sight(fresh(Stage.FATAL, None)), Truth.REFUTED, "supervisord has given up"),
        (sight(fresh(Stage.EXITED, None, exit_status=1, down=5.0)), Truth.REFUTED, "ended again after its start"),
        (sight(fresh(Stage.EXITED, None, exit_status=1, down=0.0)), Truth.PENDING, "it ended again"),
        (sight(fresh(Stage.EXITED, None, exit_status=0, down=5.0)), Truth.REFUTED, "finished"),
        (sight(one(Stage.STOPPED, down=9.0)), Truth.REFUTED, "somebody has stopped it again"),
        (sight(one(Stage.STOPPED, down=1.0), LOST), Truth.PENDING, "stopped, not yet started"),
        (sight(one(Stage.STOPPED, down=3.0), LOST), Truth.REFUTED, "connection ended half-way"),
        (sight(one(Stage.STOPPING)), Truth.PENDING, "stopping for 5 s"),
        (sight(one(Stage.UNKNOWN)), Truth.UNKNOWN, "does not know"),
    ],
)
def test_a_start_is_true_only_with_a_new_process_that_has_held(found: Sight, truth: Truth, words: str) -> None:
    verdict = is_up(found)
    assert (verdict.truth, words in str(verdict.words)) == (truth, True), verdict


@pytest.mark.parametrize(
    ("found", "truth", "words"),
    [
        (sight(one(Stage.STOPPED, down=3.0)), Truth.CONFIRMED, "stopped for 3 s"),
        (sight(one(Stage.STOPPING)), Truth.PENDING, "stopping for 5 s"),
        (sight(one(Stage.RUNNING), LOST, 1.0), Truth.PENDING, "it still runs"),
        (sight(one(Stage.RUNNING), LOST), Truth.REFUTED, "not stopped: it still runs, pid 5"),
        (sight(fresh(Stage.RUNNING, up=3.0)), Truth.REFUTED, "it runs again: pid 9 for 3 s"),
        (sight(one(Stage.BACKOFF)), Truth.REFUTED, "not stopped"),
        (sight(one(Stage.EXITED, down=1.0)), Truth.PENDING, "ended by itself"),
        (sight(one(Stage.EXITED, down=3.0)), Truth.CONFIRMED, "down for 3 s"),
        (sight(one(Stage.UNKNOWN)), Truth.UNKNOWN, "does not know"),
    ],
)
def test_a_stop_is_true_only_while_it_is_down(found: Sight, truth: Truth, words: str) -> None:
    verdict = is_down(found)
    assert (verdict.truth, words in str(verdict.words)) == (truth, True), verdict


def test_tries_to_start_are_one_run_and_other_runs_are_not() -> None:
    trying, next_try = known(one(Stage.STARTING)), known(fresh(Stage.BACKOFF, None))
    assert same(trying, next_try)
    assert not same(trying, known(fresh(Stage.RUNNING)))
    assert same(trying, known(one(Stage.RUNNING))), "the very same process, only further"
    assert not same(RUN, known(fresh(Stage.RUNNING, 5))), "the number was used again"
    assert called(known(one(Stage.STOPPED))) == "not running, last started 00:01:40 UTC"


async def test_what_the_real_panel_names_is_understood(fake: Fake) -> None:
    """The rows of the panel, and the labels of the alerts, are subjects of a plan."""
    probe = SupervisorProbe(Target("app", "supervisor", SupervisorSettings(url=fake.url)), Context(OneSecret()))
    with pytest.raises(KeyError):  # the fake keeps no log; its processes are well
        fake.answer("supervisor.readLog")
    facts = (await probe.read()).facts
    await probe.close()
    rows = [str(service.name) for service in facts.services] + [one.key for one in facts.processes]
    actuator = actuator_of(fake.url)
    for row in rows:
        assert [offer.action for offer in actuator.offers(facts, [row])] == [START, STOP, RESTART, SCALE]
        assert (await actuator.plan(Request("stop", (row,)))).subjects[0].key == "web:web"
