"""Acts on containers and Compose services: on a real Engine, through a proxy that counts and breaks, and on a fake."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from desk.commandline import recognised
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
    Target,
    Truth,
    Verdict,
)
from probes.docker.act import DockerActuator
from probes.docker.facts import DockerFacts
from probes.docker.limits import Limits, danger, refused, wanted
from probes.docker.parse import container, services
from probes.docker.settings import DockerSettings
from tests.probes.acting import Performed, carried_out, comes_back, perform, settled
from tests.stack import docker
from tests.stack.faultproxy import FaultProxy, Mode

CANARY = "hunter2-CANARY-x9"
SERVES = "trap 'exit 0' TERM; while :; do sleep 0.2 & wait $!; done"
"""Runs until it is asked to end, and then ends at once."""
LATER = 1000.0
"""Seconds after which nothing more comes by itself."""


class NoSecrets:
    def resolve(self, reference: str) -> str:
        raise LookupError(reference)


def acting_on(url: str, project: str | None = None, **settings: Any) -> DockerActuator:
    given = DockerSettings.model_validate({"url": url, "project": project, "timeout": 5} | settings)
    return DockerActuator(Target("box", "docker", given), Context(NoSecrets()))


class Stage:
    """A project of the test's own on the real Engine, and an actuator that reaches it through a proxy."""

    def __init__(self, engine: docker.Engine, folder: Path, proxy: FaultProxy) -> None:
        self.engine = engine
        self.folder = folder
        self.proxy = proxy
        self.project = f"acts{os.getpid()}"
        self.actuator = acting_on(f"unix://{proxy.listen}", self.project, timeout=20)

    @property
    def posts(self) -> int:
        """Requests at the wire that could have changed something."""
        return sum(self.proxy.seen(verb) for verb in (b"POST /", b"DELETE /", b"PUT /"))

    def run(self, name: str, script: str = SERVES, *options: str, service: str = "") -> str:
        """Start a container; with `service` as Compose would label it. Its id."""
        labels = [docker.LABEL + f"={os.getpid()}", f"com.docker.compose.project={self.project}"]
        labels += [f"com.docker.compose.service={service or name}"]
        words = [word for label in labels for word in ("--label", label)]
        words += ["--network", "none", "--stop-timeout", "1", "--name", f"{self.project}-{name}", *options]
        return self.engine.run("run", "-d", *words, docker.IMAGE, "sh", "-c", script).strip()

    def compose(self, text: str, *words: str) -> None:
        """Write the Compose file and bring it up."""
        self.file.write_text(text)
        base = ("compose", "-p", self.project, "-f", str(self.file))
        self.engine.run(*base, *(words or ("up", "-d")))

    @property
    def file(self) -> Path:
        return self.folder / "compose.yaml"

    def ids(self, service: str) -> list[str]:
        labels = (f"com.docker.compose.project={self.project}", f"com.docker.compose.service={service}")
        flags = [word for label in labels for word in ("--filter", f"label={label}")]
        return self.engine.run("ps", "-aq", "--no-trunc", *flags).split()

    def inspect(self, id: str, format: str) -> str:
        return self.engine.run("inspect", "-f", format, id).strip()

    def started(self, id: str) -> str:
        return self.inspect(id, "{{.State.StartedAt}}")

    async def do(
        self, action: str, *subjects: str, number: int | None = None, between: Any = lambda plan: None
    ) -> Performed:
        return await perform(self.actuator, Request(action, subjects, number), between)

    async def end(self) -> None:
        await self.actuator.close()
        of_project = f"label=com.docker.compose.project={self.project}"
        found = self.engine.run("ps", "-aq", "--filter", of_project).split()
        if found:
            self.engine.run("rm", "-f", "-v", *found)
        networks = self.engine.run("network", "ls", "-q", "--filter", of_project).split()
        if networks:
            self.engine.run("network", "rm", *networks)


@pytest.fixture
async def stage(docker_engine: docker.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    if "DOCKER_CONFIG" in docker_engine.environment:
        monkeypatch.setenv("DOCKER_CONFIG", docker_engine.environment["DOCKER_CONFIG"])
    with FaultProxy(docker_engine.socket, listen=tmp_path / "d.sock") as proxy:
        found = Stage(docker_engine, tmp_path, proxy)
        yield found
        await found.end()


@pytest.fixture
def composed(compose_project: docker.Project, stage: Stage) -> Stage:
    """The same where there is Compose: the session's own project proves it."""
    assert compose_project.name != stage.project
    return stage


async def until(true: Callable[[], Any], within: float = 40.0) -> None:
    async with asyncio.timeout(within):
        while not true():
            await asyncio.sleep(0.05)


def one(done: Performed) -> tuple[Outcome, Verdict]:
    assert len(done.outcomes) == len(done.verdicts) == 1
    return done.outcomes[0], done.verdicts[0]


def words(things: Any) -> str:
    return " | ".join(map(str, things))


real = [pytest.mark.engine, pytest.mark.docker]


def on_engine(test: Any) -> Any:
    for mark in real:
        test = mark(test)
    return test


# containers, for real


@on_engine
async def test_a_container_is_restarted_once_and_seen_to_live(stage: Stage) -> None:
    id = stage.run("web")
    before = stage.started(id)
    done = await stage.do("restart", id)
    outcome, verdict = one(done)
    assert (outcome.result, verdict.truth) == (Result.DONE, Truth.CONFIRMED)
    assert stage.started(id) != before
    assert stage.posts == 1
    assert stage.proxy.seen(f"/containers/{id}/restart HTTP".encode()) == 1
    (subject,) = done.plan.subjects
    assert dict(subject.identity) == {
        "engine": done.plan.pin[0][1],
        "container": id,
        "state": "running",
        "started": before,
    }
    assert str(subject.before).startswith("running for ")
    assert done.plan.danger is Danger.DISRUPTIVE
    assert "recreate does" in words(done.plan.notes)
    assert "it has 1 s to end its work (its own setting)" in words(subject.felt)


@on_engine
async def test_a_container_is_stopped_and_started_again(stage: Stage) -> None:
    id = stage.run("web")
    stopped = await stage.do("stop", id)
    assert [verdict.truth for verdict in stopped.verdicts] == [Truth.CONFIRMED]
    assert stage.inspect(id, "{{.State.Running}}") == "false"
    assert str(stopped.plan.undo) == "start"
    started = await stage.do("start", f"/{stage.project}-web")
    assert [verdict.truth for verdict in started.verdicts] == [Truth.CONFIRMED]
    assert stage.inspect(id, "{{.State.Running}}") == "true"
    assert started.plan.danger is Danger.REVERSIBLE
    assert stage.posts == 2


@on_engine
async def test_one_that_does_not_end_in_its_time_is_said_to_have_been_killed(stage: Stage) -> None:
    id = stage.run("deaf", "trap '' TERM; while :; do sleep 1; done")
    _, verdict = one(await stage.do("stop", id))
    assert verdict.truth is Truth.CONFIRMED
    assert str(verdict.words) == "stopped, exit code 137: it did not end in its 1 s and was killed"


@on_engine
async def test_the_replicas_of_a_service_are_restarted_one_by_one_each_with_its_own_request(stage: Stage) -> None:
    ids = [stage.run(f"web-{number}", service="web") for number in (1, 2)]
    other = stage.run("worker")
    untouched = stage.started(other)
    done = await stage.do("restart", "web")
    assert done.plan.action.rolling
    assert sorted(subject.key for subject in done.plan.chosen) == sorted(ids)
    assert [verdict.truth for verdict in done.verdicts] == [Truth.CONFIRMED] * 2
    assert stage.posts == 2
    assert stage.started(other) == untouched
    assert "one replica after the other, 1 of 2 go on" in words(done.plan.felt)
    assert done.plan.command == (f"docker compose -p {stage.project} restart web",)


@on_engine
async def test_a_check_of_its_own_must_have_passed(stage: Stage) -> None:
    check = ("--health-cmd", "test -e /tmp/ok", "--health-interval", "500ms", "--health-retries", "40")
    id = stage.run("web", f"rm -f /tmp/ok; {SERVES}", *check)
    plan = await stage.actuator.plan(Request("restart", (id,)))
    outcome = await carried_out(stage.actuator, plan, plan.subjects[0], [])
    first = await stage.actuator.verify(plan, plan.subjects[0], outcome, 0.0)
    assert first.truth is Truth.PENDING
    assert "its check has not passed yet" in str(first.words)
    stage.engine.run("exec", id, "touch", "/tmp/ok")
    last = await settled(stage.actuator, plan, plan.subjects[0], outcome)
    assert last.truth is Truth.CONFIRMED
    assert "healthy" in str(last.words)


@on_engine
async def test_a_check_that_fails_refutes_it(stage: Stage) -> None:
    check = ("--health-cmd", "echo port 80 closed; false", "--health-interval", "500ms", "--health-retries", "2")
    _, verdict = one(await stage.do("restart", stage.run("web", SERVES, *check)))
    assert verdict.truth is Truth.REFUTED
    assert "port 80 closed" in str(verdict.words)


@on_engine
async def test_one_that_dies_right_after_its_restart_refutes_it(stage: Stage) -> None:
    id = stage.run("web", f"test -e /tmp/again && sleep 1 && exit 3; touch /tmp/again; {SERVES}")
    await until(lambda: "again" in stage.engine.run("exec", id, "ls", "/tmp"))
    outcome, verdict = one(await stage.do("restart", id))
    assert (outcome.result, verdict.truth) == (Result.DONE, Truth.REFUTED)
    assert "exited 3" in str(verdict.words)


@on_engine
async def test_one_that_ends_well_though_it_should_serve_refutes_it(stage: Stage) -> None:
    id = stage.run("web", f"test -e /tmp/again && exit 0; touch /tmp/again; {SERVES}")
    await until(lambda: "again" in stage.engine.run("exec", id, "ls", "/tmp"))
    _, verdict = one(await stage.do("restart", id))
    assert verdict.truth is Truth.REFUTED
    assert "finished" in str(verdict.words)


@on_engine
async def test_one_that_dies_again_and_again_after_its_restart_refutes_it(stage: Stage) -> None:
    script = f"test -e /tmp/again && exit 3; touch /tmp/again; {SERVES}"
    id = stage.run("web", script, "--restart", "always")
    await until(lambda: "again" in stage.engine.run("exec", id, "ls", "/tmp"))
    _, verdict = one(await stage.do("restart", id))
    assert verdict.truth is Truth.REFUTED
    assert "dies again and again" in str(verdict.words)


@on_engine
async def test_a_crash_loop_can_be_stopped_though_its_start_never_stays_the_same(stage: Stage) -> None:
    id = stage.run("crasher", "exit 137", "--restart", "always")
    await until(lambda: int(stage.inspect(id, "{{.RestartCount}}")) > 1)
    first = stage.started(id)

    def later(plan: Plan) -> None:
        assert "restarted" in dict(plan.subjects[0].identity)["started"]
        assert stage.started(id) != first or int(stage.inspect(id, "{{.RestartCount}}")) > 1

    outcome, verdict = one(await stage.do("stop", id, between=later))
    assert (outcome.result, verdict.truth) == (Result.DONE, Truth.CONFIRMED)
    assert stage.inspect(id, "{{.State.Status}}") == "exited"


@on_engine
async def test_a_finished_task_is_offered_said_and_seen_to_end(stage: Stage) -> None:
    id = stage.run("migrate", "sleep 0.5")
    await until(lambda: stage.inspect(id, "{{.State.Status}}") == "exited")
    done = await stage.do("start", id)
    assert "finished task" in words(done.plan.notes)
    assert str(done.plan.subjects[0].before).startswith("finished")
    assert str(one(done)[1].words) == "it ran to its end, exit code 0"


@on_engine
async def test_a_container_that_vanishes_when_it_stops_is_a_destructive_stop(stage: Stage) -> None:
    id = stage.run("once", SERVES, "--rm")
    done = await stage.do("stop", id)
    assert done.plan.danger is Danger.DESTRUCTIVE
    assert "removes it and its log" in words(done.plan.notes)
    assert one(done)[1].truth is Truth.CONFIRMED


@on_engine
async def test_a_service_leaves_out_its_one_off_tasks_unless_they_are_taken_in(stage: Stage) -> None:
    id = stage.run("web-1", service="web")
    task = stage.run("web-run", SERVES, "--label", "com.docker.compose.oneoff=True", service="web")
    plan = await stage.actuator.plan(Request("stop", ("web",)))
    assert [subject.key for subject in plan.chosen] == [id]
    assert {subject.key for subject in plan.taking_in([task]).chosen} == {id, task}


# another one than was looked at


def replaced(stage: Stage, id: str) -> None:
    stage.engine.run("rm", "-f", id)
    stage.run("web")


def restarted(stage: Stage, id: str) -> None:
    stage.engine.run("restart", id)


def stopped(stage: Stage, id: str) -> None:
    stage.engine.run("stop", id)


@on_engine
@pytest.mark.parametrize(
    ("change", "says"), [(replaced, "-> gone"), (restarted, "started 20"), (stopped, "running -> not running")]
)
@pytest.mark.parametrize("action", ["restart", "stop"])
async def test_one_that_changed_since_it_was_looked_at_is_left_alone(
    stage: Stage, action: str, change: Callable[[Stage, str], None], says: str
) -> None:
    id = stage.run("web")
    done = await stage.do(action, id, between=lambda plan: change(stage, id))
    (outcome,) = done.outcomes
    assert outcome.result is Result.REFUSED
    assert str(outcome.words).startswith("changed since you looked: ")
    assert says in str(outcome.words)
    assert done.sent == []
    assert stage.posts == 0


@on_engine
async def test_a_crash_loop_that_somebody_started_anew_is_left_alone(stage: Stage) -> None:
    id = stage.run("crasher", "test -e /tmp/ok || exit 1; sleep 1000", "--restart", "always")
    await until(lambda: int(stage.inspect(id, "{{.RestartCount}}")) > 3)

    def by_hand(plan: Plan) -> None:
        stage.engine.run("stop", id)
        stage.engine.run("start", id)

    done = await stage.do("stop", id, between=by_hand)
    assert [outcome.result for outcome in done.outcomes] == [Result.REFUSED]
    assert stage.posts == 0


@on_engine
async def test_what_is_gone_or_of_another_project_can_not_be_planned(stage: Stage) -> None:
    stage.run("web")
    elsewhere = acting_on(stage.engine.url, "no-such-project")
    for actuator, subject in ((stage.actuator, "0" * 64), (stage.actuator, "nobody"), (elsewhere, stage.ids("web")[0])):
        with pytest.raises(ProbeError) as told:
            await actuator.plan(Request("restart", (subject,)))
        assert told.value.cause is Cause.GONE


# a connection that breaks


@on_engine
@pytest.mark.parametrize(
    ("mode", "is_done"),
    [
        (Mode.LOSE, True),
        (Mode.RESET, False),
        (Mode.CLOSE, False),
        (Mode.GARBAGE, False),
        (Mode.HTML, False),
        (Mode.SILENT, False),
    ],
)
@pytest.mark.parametrize("action", ["restart", "stop"])
@pytest.mark.once
async def test_a_broken_connection_costs_one_request_and_leaves_the_truth_to_a_look(
    stage: Stage, action: str, mode: Mode, is_done: bool
) -> None:
    id = stage.run("web")
    plan = await stage.actuator.plan(Request(action, (id,)))
    hasty = replace(plan, answers=2.0) if mode is Mode.SILENT else plan
    stage.proxy.become(mode, when=b"POST /")
    sent: list[str] = []
    outcome = await carried_out(stage.actuator, hasty, plan.subjects[0], sent)
    assert (outcome.result, sent) == (Result.UNKNOWN, [id])
    assert stage.posts == 1
    await until(lambda: stage.proxy.open == 0)  # what it held back shall not go on afterwards
    stage.proxy.become(Mode.PASS)
    verdict = await settled(stage.actuator, plan, plan.subjects[0], outcome) if is_done else None
    verdict = verdict or await stage.actuator.verify(plan, plan.subjects[0], outcome, LATER)
    assert verdict.truth is (Truth.CONFIRMED if is_done else Truth.REFUTED)
    assert stage.posts == 1


@on_engine
async def test_while_it_may_still_come_the_look_says_so(stage: Stage) -> None:
    id = stage.run("web")
    plan = await stage.actuator.plan(Request("restart", (id,)))
    lost = Outcome(Result.UNKNOWN, plan.place)
    verdict = await stage.actuator.verify(plan, plan.subjects[0], lost, 1.0)
    assert verdict.truth is Truth.PENDING
    assert "1 of 11 s" in str(verdict.words)


@on_engine
async def test_an_engine_that_refuses_the_connection_is_asked_nothing(stage: Stage) -> None:
    id = stage.run("web")
    done = await stage.do("restart", id, between=lambda plan: stage.proxy.become(Mode.REFUSE))
    assert [outcome.result for outcome in done.outcomes] == [Result.FAILED]
    assert done.sent == []
    assert stage.posts == 0


@on_engine
async def test_cutting_it_ends_a_request_that_waits(stage: Stage) -> None:
    id = stage.run("deaf", "trap '' TERM; while :; do sleep 1; done", "--stop-timeout", "30")
    plan = await stage.actuator.plan(Request("stop", (id,)))
    sent: list[str] = []
    task = asyncio.create_task(carried_out(stage.actuator, plan, plan.subjects[0], sent))
    await until(lambda: stage.posts)
    stage.actuator.abort()
    async with asyncio.timeout(15):
        outcome = await task
    assert (outcome.result, sent) == (Result.UNKNOWN, [id])


@on_engine
async def test_a_start_that_the_engine_can_not_do_is_a_failure_with_its_reason(stage: Stage) -> None:
    name = f"{stage.project}-broken"
    labels = ("--label", f"{docker.LABEL}={os.getpid()}", "--label", f"com.docker.compose.project={stage.project}")
    id = stage.engine.run("create", *labels, "--network", "none", "--name", name, docker.IMAGE, "/nowhere").strip()
    done = await stage.do("start", id)
    (outcome,) = done.outcomes
    assert outcome.result is Result.FAILED
    assert "/nowhere" in str(outcome.words)
    assert stage.posts == 1


@on_engine
async def test_a_restart_that_only_stopped_it_is_told_as_half_done(stage: Stage) -> None:
    mounted = stage.folder / "mounted"
    mounted.touch()
    id = stage.run("web", SERVES, "-v", f"{mounted}:/mounted")

    def broken(plan: Plan) -> None:
        mounted.unlink()
        mounted.mkdir()

    outcome, verdict = one(await stage.do("restart", id, between=broken))
    assert (outcome.result, verdict.truth) == (Result.PARTIAL, Truth.REFUTED)
    assert "it was stopped and not started again" in str(outcome.words)
    assert stage.posts == 1
    mounted.rmdir()


# Compose services, for real

FILE = """
services:
  web:
    image: opsroom-test/bb:1
    command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.2 & wait $$!; done"]
    stop_grace_period: 2s
    network_mode: none
    labels: {{opsroom.test: "{owner}"}}
    environment: {{COLOUR: "{colour}", PASSWORD: {secret}}}
  worker:
    image: opsroom-test/bb:1
    command: ["sleep", "1000"]
    stop_grace_period: 1s
    network_mode: none
    labels: {{opsroom.test: "{owner}"}}
{more}
"""


def text(colour: str = "red", secret: str = CANARY, more: str = "") -> str:
    return FILE.format(owner=os.getpid(), colour=colour, secret=secret, more=more)


class Started:
    """Counts how often docker's program was started for what: a shim before the real one."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, body: str = "") -> None:
        real_one = shutil.which("docker")
        self.log = folder / "started"
        self.log.touch()
        shim = folder / "bin" / "docker"
        shim.parent.mkdir()
        shim.write_text(f'#!/bin/sh\necho "$*" >>{self.log}\n{body}\nexec {real_one} "$@"\n')
        shim.chmod(0o755)
        monkeypatch.setenv("PATH", f"{shim.parent}:{os.environ['PATH']}")

    @property
    def ups(self) -> list[str]:
        """Command lines that could have changed something."""
        return [line for line in self.log.read_text().splitlines() if " up -d" in line]


@on_engine
async def test_a_changed_environment_applies_by_recreation_and_to_no_other_service(composed: Stage) -> None:
    composed.compose(text("red"))
    (old,), (worker,) = composed.ids("web"), composed.ids("worker")
    composed.file.write_text(text("blue"))
    done = await composed.do("recreate", "web")
    outcome, verdict = one(done)
    assert (outcome.result, verdict.truth) == (Result.DONE, Truth.CONFIRMED)
    (new,) = composed.ids("web")
    assert new != old
    assert "COLOUR=blue" in composed.inspect(new, "{{.Config.Env}}")
    assert composed.ids("worker") == [worker]
    assert "variables that change: COLOUR" in words(done.plan.notes)
    assert "as the file says" in str(verdict.words)
    assert CANARY not in repr(done)


@on_engine
async def test_a_recreation_keeps_as_many_replicas_as_there_are(composed: Stage) -> None:
    composed.compose(text())
    composed.compose(text(), "up", "-d", "--scale", "web=2", "--scale", "worker=2")
    old = set(composed.ids("web"))
    done = await composed.do("recreate", "web")
    assert one(done)[1].truth is Truth.CONFIRMED
    assert len(composed.ids("web")) == len(composed.ids("worker")) == 2
    assert not old & set(composed.ids("web"))


@on_engine
async def test_a_service_is_scaled_up_and_down_and_nothing_else_moves(
    composed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed.compose(text())
    composed.compose(text(), "up", "-d", "--scale", "worker=2")
    workers, (first,) = composed.ids("worker"), composed.ids("web")
    begun = composed.started(first)
    started = Started(composed.folder, monkeypatch)
    up = await composed.do("scale", "web", number=3)
    assert one(up)[1].truth is Truth.CONFIRMED
    assert len(composed.ids("web")) == 3
    assert composed.started(first) == begun
    assert str(up.plan.subjects[0].before) == "1 container, 1 of 1 running"
    assert str(up.plan.subjects[0].after) == "3 containers, +2"
    assert up.plan.danger is Danger.REVERSIBLE
    assert str(up.plan.undo) == "scale web to 1"
    down = await composed.do("scale", "web", number=1)
    assert one(down)[1].truth is Truth.CONFIRMED
    assert composed.ids("web") == [first]
    assert composed.started(first) == begun
    assert down.plan.danger is Danger.DISRUPTIVE
    assert "this lowers it" in words(down.plan.felt)
    gone = f"{composed.project}-web-2, {composed.project}-web-3"
    assert f"{gone} will be stopped and removed" in words(down.plan.subjects[0].felt)
    assert f"gone: {gone}" in str(one(down)[1].words)
    assert composed.ids("worker") == workers
    assert len(started.ups) == 2
    assert [line.partition(" ")[2] for line in (*up.plan.command, *down.plan.command)] == started.ups


@on_engine
async def test_what_can_not_be_scaled_is_barred_with_its_reason(composed: Stage) -> None:
    base = '{image: "opsroom-test/bb:1", command: [sleep, "1000"], stop_grace_period: 1s, '
    more = f"""
  fixed: {base} ports: ["127.0.0.1:18471:80"]}}
  ranged: {base} ports: ["127.0.0.1:18472-18473:80"]}}
  named: {base} network_mode: none, container_name: {composed.project}-own}}
"""
    composed.compose(text(more=more))
    for service, number, says in (
        ("fixed", 2, "fixed port 18471"),
        ("ranged", 3, "fixed ports 18472-18473 of the machine: only 2 replicas"),
        ("named", 2, "container_name"),
        ("web", 1, "it has 1 container already"),
    ):
        plan = await composed.actuator.plan(Request("scale", (service,), number))
        assert plan.chosen == ()
        assert plan.taking_in([service]).chosen == ()
        assert says in str(plan.subjects[0].spared)
    for wrong in (0, 101, None):
        with pytest.raises(ProbeError, match="1 to 100"):
            await composed.actuator.plan(Request("scale", ("web",), wrong))
    assert one(await composed.do("recreate", "named"))[1].truth is Truth.CONFIRMED


@on_engine
async def test_files_with_variables_of_their_own_are_found_again(composed: Stage) -> None:
    variables = composed.folder / "some.env"
    variables.write_text("COLOUR=green\n")
    body = text("${COLOUR}")
    composed.file.write_text(body)
    composed.engine.run(
        "compose", "-p", composed.project, "-f", str(composed.file), "--env-file", str(variables), "up", "-d"
    )
    variables.write_text("COLOUR=yellow\n")
    done = await composed.do("recreate", "web")
    assert one(done)[1].truth is Truth.CONFIRMED
    assert "COLOUR=yellow" in composed.inspect(composed.ids("web")[0], "{{.Config.Env}}")


def edited(stage: Stage) -> None:
    stage.file.write_text(text("green"))


def touched(stage: Stage) -> None:
    stage.engine.run("restart", "-t", "1", stage.ids("web")[0])


def grown(stage: Stage) -> None:
    stage.compose(text(), "up", "-d", "--no-recreate", "--scale", "web=2", "web")


def elsewhere(stage: Stage) -> None:
    stage.compose(text(), "up", "-d", "--no-recreate", "--scale", "worker=2", "worker")


def removed(stage: Stage) -> None:
    stage.engine.run("rm", "-f", *stage.ids("web"))


@on_engine
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (edited, "configuration"),
        (touched, "-> running, 20"),
        (grown, "1 containers -> 2 (0 gone, 1 new)"),
        (elsewhere, "other services: worker 1 -> worker 2"),
        (removed, "1 containers -> 0"),
    ],
)
async def test_a_service_that_changed_since_it_was_looked_at_is_left_alone(
    composed: Stage, monkeypatch: pytest.MonkeyPatch, change: Callable[[Stage], None], says: str
) -> None:
    composed.compose(text())
    plan = await composed.actuator.plan(Request("scale", ("web",), 3))
    change(composed)
    started = Started(composed.folder, monkeypatch)
    sent: list[str] = []
    outcome = await carried_out(composed.actuator, plan, plan.subjects[0], sent)
    assert outcome.result is Result.REFUSED
    assert says in str(outcome.words)
    assert (sent, started.ups, composed.posts) == ([], [], 0)


@on_engine
@pytest.mark.parametrize("mode", [Mode.LOSE, Mode.RESET, Mode.CLOSE, Mode.GARBAGE])
@pytest.mark.once
async def test_compose_is_started_once_whatever_breaks_under_it(
    composed: Stage, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    composed.compose(text())
    started = Started(composed.folder, monkeypatch)
    plan = await composed.actuator.plan(Request("recreate", ("web",)))
    composed.proxy.become(mode, when=b"POST /")
    outcome = await carried_out(composed.actuator, plan, plan.subjects[0], [])
    composed.proxy.become(Mode.PASS)
    assert outcome.result in (Result.UNKNOWN, Result.PARTIAL)
    assert len(started.ups) == 1
    verdict = await composed.actuator.verify(plan, plan.subjects[0], outcome, LATER)
    assert verdict.truth is Truth.REFUTED
    assert len(started.ups) == 1


@on_engine
async def test_a_compose_that_hangs_is_ended_and_nobody_knows_what_it_did(
    composed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed.compose(text())
    plan = await composed.actuator.plan(Request("recreate", ("web",)))
    started = Started(composed.folder, monkeypatch, 'case "$*" in *" up -d"*) exec sleep 60;; esac')
    sent: list[str] = []
    outcome = await carried_out(composed.actuator, replace(plan, answers=3.0), plan.subjects[0], sent)
    assert (outcome.result, sent) == (Result.UNKNOWN, ["web"])
    pending = await composed.actuator.verify(plan, plan.subjects[0], outcome, 1.0)
    refuted = await composed.actuator.verify(plan, plan.subjects[0], outcome, LATER)
    assert (pending.truth, refuted.truth) == (Truth.PENDING, Truth.REFUTED)
    assert len(started.ups) == 1


@on_engine
async def test_a_compose_that_says_no_is_a_failure_without_the_values_it_quotes(
    composed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed.compose(text())
    plan = await composed.actuator.plan(Request("recreate", ("web",)))
    says = f"""case "$*" in *" up -d"*) echo 'no such image: "PASSWORD={CANARY}"' >&2; exit 1;; esac"""
    Started(composed.folder, monkeypatch, says)
    outcome = await carried_out(composed.actuator, plan, plan.subjects[0], [])
    assert outcome.result is Result.FAILED
    assert "no such image" in str(outcome.words)
    assert CANARY not in repr(outcome)


@on_engine
async def test_another_service_that_lost_a_container_refutes_it(composed: Stage) -> None:
    composed.compose(text())
    plan = await composed.actuator.plan(Request("scale", ("web",), 2))
    outcome = await carried_out(composed.actuator, plan, plan.subjects[0], [])
    assert outcome.result is Result.DONE
    composed.engine.run("rm", "-f", *composed.ids("worker"))
    verdict = await settled(composed.actuator, plan, plan.subjects[0], outcome)
    assert verdict.truth is Truth.REFUTED
    assert "other services changed too: worker 1 -> none" in str(verdict.words)


@on_engine
async def test_new_containers_that_die_refute_a_recreation(composed: Stage) -> None:
    composed.compose(text())
    composed.file.write_text(text().replace('"sleep", "1000"', '"sh", "-c", "exit 4"'))
    _, verdict = one(await composed.do("recreate", "worker"))
    assert verdict.truth is Truth.REFUTED
    assert "0 of 1 well" in str(verdict.words)
    assert "exited 4" in str(verdict.words)


@on_engine
async def test_without_its_files_a_service_is_neither_recreated_nor_scaled(
    composed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed.compose(text())

    async def says(*subjects: str) -> str:
        with pytest.raises(ProbeError) as told:
            await composed.actuator.plan(Request("recreate", subjects))
        assert told.value.cause is Cause.MISSING
        return str(told.value.message)

    composed.file.chmod(0o666)
    assert "anybody may write" in await says("web")
    composed.file.chmod(0o644)
    composed.file.write_text(f"services: {{web: {{image: '{CANARY}', ports: ['{CANARY}=x']}}}}")
    unreadable = await says("web")
    assert "Compose can't read its files" in unreadable
    assert CANARY not in unreadable
    composed.file.write_text("services: {api: {image: x}}")
    assert "web" in await says("web")
    composed.file.unlink()
    assert "is not on this machine" in await says("web")
    composed.run("alone")
    assert "do not say which Compose files" in await says("alone")
    composed.run("bad", SERVES, service="--remove-orphans")
    assert "names that Compose does not allow" in await says("--remove-orphans")


@on_engine
async def test_without_compose_the_rest_still_works(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = {"project.config_files": str(stage.file), "project.working_dir": str(stage.folder)}
    options = [word for name, value in labels.items() for word in ("--label", f"com.docker.compose.{name}={value}")]
    id = stage.run("web", SERVES, *options)
    stage.file.write_text(text())
    Started(
        stage.folder, monkeypatch, 'case "$1" in compose) echo "unknown command: docker compose" >&2; exit 1;; esac'
    )
    with pytest.raises(ProbeError, match="Docker Compose is not installed here") as told:
        await stage.actuator.plan(Request("recreate", ("web",)))
    assert told.value.cause is Cause.MISSING
    missing = {right.name: right.grant for right in await stage.actuator.rights()}
    assert missing["recreate and scale Compose services"] is Grant.MISSING
    assert one(await stage.do("stop", id))[1].truth is Truth.CONFIRMED


@on_engine
async def test_what_would_be_made_wrongly_is_barred(composed: Stage) -> None:
    composed.compose(text())
    composed.file.write_text(text("${NOBODY_SETS_THIS}"))
    plan = await composed.actuator.plan(Request("recreate", ("web",)))
    assert "asks for NOBODY_SETS_THIS" in str(plan.subjects[0].spared)
    assert plan.taking_in(["web"]).chosen == ()
    composed.file.write_text(text().replace("opsroom-test/bb:1", "opsroom-test/none:9"))
    plan = await composed.actuator.plan(Request("recreate", ("web",)))
    assert "opsroom-test/none:9 is not on the Engine's machine: pull it first" in str(plan.subjects[0].spared)
    assert not any("PATH" in str(note) for note in plan.notes)
    assert composed.posts == 0


@on_engine
async def test_the_raw_socket_is_more_than_is_needed(stage: Stage) -> None:
    rights = {right.name: right for right in await stage.actuator.rights()}
    assert rights["restart, stop and start containers"].grant is Grant.HELD
    (excess,) = (right for right in rights.values() if right.grant is Grant.EXCESS)
    assert "root" in excess.name
    assert "socket proxy" in str(excess.remedy)
    assert stage.posts == 0


# a fake Engine, for what a real one can't be made to say


def ident(number: int) -> str:
    return f"{number:064x}"


@dataclass
class Fake:
    """An Engine with two replicas of one service, which says what it is told to say to a POST."""

    url: str
    engine: str = "ENGINE"
    answer: bytes = b"HTTP/1.1 204 No Content\r\n\r\n"
    refused: tuple[str, ...] = ()
    """Beginnings of paths that a proxy before it answers with 403."""
    posted: list[str] = field(default_factory=list)
    started: dict[str, str] = field(default_factory=lambda: {ident(one): "2026-03-01T03:00:00Z" for one in (1, 2)})
    given: dict[str, Any] = field(default_factory=dict)
    """More of an inspection's configuration."""
    host: dict[str, Any] = field(default_factory=dict)
    """What a container may use."""
    used: int | None = None
    """Bytes that a container uses; None: that is not told."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, url, _ = head.split(b"\r\n")[0].decode().split(" ")
                path = "/" + url.partition("?")[0].split("/", 2)[2] if url.startswith("/v1.") else url.partition("?")[0]
                if method != "GET":
                    self.posted.append(f"{method} {path}")
                    writer.write(self.answer)
                    raise ConnectionError
                status, body = self._told(path)
                raw = json.dumps(body).encode()
                writer.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (status, len(raw)) + raw)
                await writer.drain()
        writer.close()

    def _told(self, path: str) -> tuple[int, Any]:
        if path.startswith(self.refused or ("-",)):
            return 403, "forbidden"
        if path == "/version":
            return 200, {"Version": "28.0", "ApiVersion": "1.48"}
        if path == "/info":
            return 200, {"ID": self.engine, "Name": "box", "SystemTime": "2026-03-01T03:12:41Z", "SecurityOptions": []}
        if path == "/containers/json":
            return 200, [self._row(id) for id in self.started]
        id = path.split("/")[2]
        if path.endswith("/stats"):
            return 200, {} if self.used is None else {"memory_stats": {"usage": self.used, "stats": {}}}
        return (200, self._inspection(id)) if id in self.started else (404, {"message": "no such container"})

    def _row(self, id: str) -> dict[str, Any]:
        labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
        return {"Id": id, "Names": [f"/shop-web-{int(id, 16)}"], "Labels": labels, "State": "running", "Status": "Up"}

    def _inspection(self, id: str) -> dict[str, Any]:
        row = self._row(id)
        state = {"Status": "running", "StartedAt": self.started[id], "ExitCode": 0}
        config = {"Labels": row["Labels"], "Env": [f"PASSWORD={CANARY}"]} | self.given
        return {"Id": id, "Name": row["Names"][0], "State": state, "Config": config, "HostConfig": self.host}


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[Fake]:
    found = Fake(f"unix://{tmp_path}/f.sock")
    server = await asyncio.start_unix_server(found.serve, tmp_path / "f.sock")
    yield found
    server.close()


def answer(status: int, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


@pytest.mark.parametrize(
    ("said", "result", "words_of_it"),
    [
        (answer(204), Result.DONE, "restarted"),
        (answer(304), Result.DONE, "it was so already"),
        (answer(404, b'{"message": "No such container"}'), Result.FAILED, "No such container"),
        (answer(409, b'{"message": "removal in progress"}'), Result.FAILED, "removal in progress"),
        (answer(500, b'{"message": "no space left"}'), Result.FAILED, "no space left"),
        (answer(403, b"<html>Forbidden</html>"), Result.FAILED, "does not allow POST /containers/ID/restart"),
        (answer(405, b"Method not allowed"), Result.FAILED, "does not allow POST"),
        (answer(301, b""), Result.FAILED, "HTTP 301"),
        (answer(502, b"<html>Bad gateway</html>"), Result.UNKNOWN, "HTTP 502"),
        (answer(504), Result.UNKNOWN, "HTTP 504"),
        (answer(200, b"<html>Please sign in</html>"), Result.UNKNOWN, "not as an Engine does"),
        (b"", Result.UNKNOWN, "closed the connection"),
        (b"HTTP/1.1 204 No Con", Result.UNKNOWN, "closed the connection"),
        (b"\x00\x01garbage\r\n\r\n", Result.UNKNOWN, "does not speak HTTP"),
    ],
)
async def test_every_answer_to_a_request_is_taken_for_what_it_is(
    fake: Fake, said: bytes, result: Result, words_of_it: str
) -> None:
    fake.answer = said
    actuator = acting_on(fake.url)
    plan = await actuator.plan(Request("restart", (ident(1),)))
    outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    assert outcome.result is result
    assert words_of_it in str(outcome.words)
    assert fake.posted == [f"POST /containers/{ident(1)}/restart"]
    await actuator.close()


async def test_another_engine_at_the_same_address_is_left_alone(fake: Fake) -> None:
    actuator = acting_on(fake.url)
    plan = await actuator.plan(Request("stop", (ident(1),)))
    fake.engine = "ANOTHER"
    outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    assert outcome.result is Result.REFUSED
    assert str(outcome.words) == "changed since you looked: Engine ENGINE -> Engine ANOTHER"
    with pytest.raises(ProbeError, match="another Engine answers now"):
        await actuator.verify(plan, plan.subjects[0], outcome, 0.0)
    assert fake.posted == []


async def test_an_engine_that_does_not_say_which_it_is_is_not_acted_on(fake: Fake) -> None:
    actuator = acting_on(fake.url)
    fake.engine = ""
    with pytest.raises(ProbeError, match="does not tell its identity"):
        await actuator.plan(Request("stop", (ident(1),)))
    fake.refused = ("/info",)
    with pytest.raises(ProbeError, match="does not say which Engine it is") as told:
        await actuator.plan(Request("stop", (ident(1),)))
    assert told.value.cause is Cause.DENIED
    assert "GET /info" in str(told.value.hint)


async def test_an_error_before_the_request_leaves_is_a_failure(fake: Fake) -> None:
    actuator = acting_on(fake.url)
    plan = await actuator.plan(Request("stop", (ident(1),)))
    fake.refused = ("/containers",)
    sent: list[str] = []
    outcome = await carried_out(actuator, plan, plan.subjects[0], sent)
    assert (outcome.result, sent, fake.posted) == (Result.FAILED, [], [])


async def test_what_can_not_be_recorded_is_not_sent(fake: Fake) -> None:
    actuator = acting_on(fake.url)
    plan = await actuator.plan(Request("stop", (ident(1),)))

    async def no_room() -> None:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space left"):
        await actuator.carry_out(plan, plan.subjects[0], "act", no_room)
    assert fake.posted == []


async def test_the_time_a_container_has_to_end_sets_how_long_is_waited(fake: Fake) -> None:
    actuator = acting_on(fake.url)
    for stop_timeout, answers, says in ((None, 20.0, "the default"), (90, 100.0, "90 s"), (-1, 310.0, "no limit")):
        fake.given = {"StopTimeout": stop_timeout}
        plan = await actuator.plan(Request("restart", (ident(1),)))
        assert plan.answers == answers
        assert says in words(plan.subjects[0].felt)
    fake.given = {"Healthcheck": {"Interval": 5_000_000_000, "Timeout": 1_000_000_000, "Retries": 5}}
    assert (await actuator.plan(Request("restart", (ident(1),)))).settles == 20.0 + 30.0 + 20.0


async def test_no_secret_of_a_container_is_in_a_plan(fake: Fake) -> None:
    done = await perform(acting_on(fake.url), Request("stop", ("web",)))
    assert len(done.plan.subjects) == 2
    assert CANARY not in repr(done)


@pytest.mark.parametrize(
    ("refused", "missing"),
    [
        (("/info",), {"read which", "restart, stop", "recreate and", "list and remove"}),
        (("/exec", "/containers/" + "0" * 64 + "/restart"), {"restart, stop"}),
        (("/exec", "/containers/" + "0" * 64 + "/json"), {"look at one"}),
    ],
)
async def test_what_a_proxy_keeps_back_is_named(fake: Fake, refused: tuple[str, ...], missing: set[str]) -> None:
    fake.refused = refused
    rights = await acting_on(fake.url).rights()
    lacking = {right.name for right in rights if right.grant is Grant.MISSING and "Compose" not in right.name}
    assert all(any(name.startswith(start) for start in missing) for name in lacking)
    assert len(lacking) == len(missing - {"recreate and"})
    assert not any(right.grant is Grant.EXCESS for right in rights)
    assert all(right.remedy for right in rights if right.grant is not Grant.HELD)
    assert fake.posted == []


async def test_where_nothing_answers_every_right_is_missing(tmp_path: Path) -> None:
    rights = await acting_on(f"unix://{tmp_path}/nobody.sock").rights()
    assert {right.grant for right in rights} == {Grant.MISSING}
    assert str(rights[0].remedy) == f"no socket at {tmp_path}/nobody.sock: is it running?"
    assert {str(right.remedy) for right in rights[1:]} == {"the Engine must be reached first"}


# what is offered


NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)


def facts(*rows: Mapping[str, Any]) -> DockerFacts:
    return DockerFacts(services=services(container(row, None, NOW) for row in rows))


def row(
    number: int, service: str = "web", state: str = "running", project: str = "shop", **more: Any
) -> dict[str, Any]:
    labels = {"com.docker.compose.project": project, "com.docker.compose.service": service} if project else {}
    status = "Exited (137) 4 minutes ago" if state == "exited" else "Up 3 hours"
    name = f"/{project}-{service}-{number}" if project else f"/{service}"
    return {"Id": ident(number), "Names": [name], "Labels": labels, "State": state, "Status": status} | more


def offered(reading: DockerFacts, *subjects: str) -> dict[str, str]:
    found = acting_on("unix:///nowhere").offers(reading, subjects)
    return {offer.action.name: offer.refused for offer in found}


def test_each_kind_of_row_is_offered_what_makes_sense_there() -> None:
    reading = facts(row(1), row(2, state="exited"), row(3, "db", "exited"), row(4, "lone", project=""))
    every = ("restart", "stop", "start", "recreate", "deploy", "pull", "scale", "roll-back")
    assert offered(reading, "web") == dict.fromkeys(every, "")
    assert offered(reading, ident(1)) == {"restart": "", "stop": "", "start": "it runs already", "limit": ""}
    assert offered(reading, "/shop-web-2") == {"restart": "", "stop": "it does not run", "start": "", "limit": ""}
    assert offered(reading, "shop/db")["stop"] == "it does not run"
    assert offered(reading, "lone") == {"restart": "", "stop": "", "start": "it runs already", "limit": ""}
    assert offered(reading, "web", "db") == dict.fromkeys(every[:6], "")
    assert offered(reading, "web", ident(3)).keys() == {"restart", "stop", "start"}


@pytest.mark.parametrize("state", ["removing", "dead"])
def test_what_is_being_removed_is_refused_everything(state: str) -> None:
    assert offered(facts(row(1, state=state)), ident(1)) == dict.fromkeys(
        ("restart", "stop", "start", "limit"), "it is being removed"
    )


def test_a_paused_container_is_not_started_but_may_be_stopped() -> None:
    found = offered(facts(row(1, state="paused")), ident(1))
    assert found == {"restart": "", "stop": "", "start": "it is paused", "limit": ""}


@pytest.mark.parametrize("subject", [ident(9), "/shop-web-9", "gone", "shop/gone", "", "/", "$(reboot)", "-t", "web;x"])
def test_rows_that_are_not_there_are_offered_nothing(subject: str) -> None:
    assert offered(facts(row(1)), subject) == {}
    assert offered(facts(row(1)), "web", subject) == {}
    assert offered(facts(row(1))).keys() == {"prune", "remove-volume"}


def test_a_name_that_two_things_have_is_offered_nothing() -> None:
    named = row(2, "api", Names=["/web"])
    assert offered(facts(row(1), named), "web") == {}
    assert offered(facts(row(1), named), "/web").keys() == {"restart", "stop", "start", "limit"}
    several = facts(row(1), row(2, project="blog"))
    assert offered(several, "web") == {}
    assert "recreate" in offered(several, "blog/web")


def test_a_shortened_id_means_a_container_only_when_it_is_long_and_the_only_one() -> None:
    first, second = "a" * 60 + "0001", "a" * 60 + "0002"
    reading = facts(row(1, Id=first), row(2, Id="b" * 64), row(3, Id=second))
    assert "stop" in offered(reading, "/" + "b" * 12)
    assert offered(reading, "/" + "b" * 4) == {}
    assert offered(reading, "/" + "a" * 12) == {}


def test_a_plan_s_own_lines_mean_the_request_again() -> None:
    actuator = acting_on("unix:///nowhere", "shop")
    assert actuator.render(Request("restart", (ident(1),))) == f"docker restart {ident(1)}"
    assert actuator.render(Request("restart", ("web",))) == "docker compose -p shop restart web"
    assert actuator.render(Request("scale", ("web",), 3)).endswith("--no-recreate --scale web=3 web")


# limits of memory and processor


async def limited(stage: Stage, word: str, *ids: str, between: Any = lambda plan: None) -> Performed:
    return await perform(stage.actuator, Request("limit", ids, word=word), between)


@on_engine
async def test_limits_of_a_running_container_are_changed_in_place_and_nothing_is_restarted(stage: Stage) -> None:
    id = stage.run("web", SERVES, "--memory", "64m", "--memory-swap", "96m")
    before = stage.started(id)
    done = await limited(stage, "memory=96m cpus=0.5", id)
    outcome, verdict = one(done)
    assert (outcome.result, verdict.truth) == (Result.DONE, Truth.CONFIRMED), (outcome, verdict)
    assert str(verdict.words) == "96 MiB of memory, 0.5 cores; it was not restarted"
    assert stage.inspect(id, "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}}") == (
        f"{96 << 20} {128 << 20} 500000000"
    )
    assert stage.started(id) == before
    assert stage.posts == 1
    (subject,) = done.plan.subjects
    assert str(subject.before) == "64 MiB of memory, processor without a limit"
    assert str(subject.after) == "96 MiB of memory, 0.5 cores"
    assert "recreate and deploy take this back" in words(done.plan.notes)
    assert done.plan.danger is Danger.DISRUPTIVE, "a processor without a limit gets one"
    more = await limited(stage, "cpus=1", id)
    assert (one(more)[1].truth, more.plan.danger) == (Truth.CONFIRMED, Danger.REVERSIBLE)
    again = await stage.actuator.plan(Request("limit", (id,), word="cpus=1"))
    assert (again.chosen, str(again.subjects[0].spared)) == ((), "it is so already")


@on_engine
async def test_limits_that_the_machine_has_not_are_refused_before_anything_is_sent(stage: Stage) -> None:
    id = stage.run("web")
    for word in ("memory=9999g", "cpus=999"):
        plan = await stage.actuator.plan(Request("limit", (id,), word=word))
        assert (plan.chosen, plan.subjects[0].barred) == ((), True)
        assert str(plan.subjects[0].spared).startswith("the machine has ")
    with pytest.raises(ProbeError, match="choose its containers"):
        await stage.actuator.plan(Request("limit", ("web",), word="cpus=1"))
    assert stage.posts == 0


@on_engine
async def test_a_container_whose_limits_or_run_are_others_by_now_is_not_touched(stage: Stage) -> None:
    id = stage.run("web", SERVES, "--memory", "64m")
    done = await limited(stage, "cpus=1", id, between=lambda plan: stage.engine.run("update", "--cpus", "0.3", id))
    assert done.outcomes[0].result is Result.REFUSED
    assert str(done.outcomes[0].words) == "changed since you looked: its limits are 64 MiB of memory, 0.3 cores now"
    done = await limited(stage, "cpus=1", id, between=lambda plan: stage.engine.run("restart", "-t", "1", id))
    assert done.outcomes[0].result is Result.REFUSED
    assert stage.posts == 0


async def test_limits_of_which_nobody_knows_whether_they_were_set_may_still_come(fake: Fake) -> None:
    actuator = acting_on(fake.url)
    plan = await actuator.plan(Request("limit", (ident(1),), word="cpus=1"))
    lost = Outcome(Result.UNKNOWN, plan.place)
    verdict = await actuator.verify(plan, plan.subjects[0], lost, 5.0)
    assert verdict.truth is Truth.PENDING
    assert "it may still come, 5 of 20 s" in str(verdict.words)
    assert (await actuator.verify(plan, plan.subjects[0], lost, LATER)).truth is Truth.REFUTED
    fake.host = {"NanoCpus": 10**9}
    assert (await actuator.verify(plan, plan.subjects[0], lost, LATER)).truth is Truth.CONFIRMED
    await actuator.close()


async def test_a_container_that_has_grown_beyond_its_new_limit_meanwhile_is_not_killed_by_it(fake: Fake) -> None:
    fake.used = 32 << 20
    actuator = acting_on(fake.url)
    plan = await actuator.plan(Request("limit", (ident(1),), word="memory=64m"))
    assert plan.chosen
    fake.used = 80 << 20
    sent: list[str] = []
    outcome = await carried_out(actuator, plan, plan.subjects[0], sent)
    assert outcome.result is Result.REFUSED
    assert "it uses 80 MiB now: with less it would be killed at once" in str(outcome.words)
    assert (sent, fake.posted) == ([], [])
    await actuator.close()


async def test_memory_use_that_nobody_tells_is_said_where_memory_is_taken_away(fake: Fake) -> None:
    actuator = acting_on(fake.url)
    told = "how much it uses now is not told: with less than that it would be killed at once"
    plan = await actuator.plan(Request("limit", (ident(1),), word="memory=64m"))
    assert told in words(plan.notes)
    plan = await actuator.plan(Request("limit", (ident(1),), word="cpus=1"))
    assert told not in words(plan.notes)
    fake.used = 32 << 20
    plan = await actuator.plan(Request("limit", (ident(1),), word="memory=64m"))
    assert told not in words(plan.notes)
    await actuator.close()


def test_less_memory_than_is_used_and_a_processor_that_is_limited_otherwise_are_refused() -> None:
    host = {"MemTotal": 8 << 30, "NCPU": 2}
    now = Limits(64 << 20, 128 << 20)
    assert "with less it would be killed at once" in refused(wanted("memory=32m"), now, 40.0 * (1 << 20), host)
    assert refused(wanted("memory=48m"), now, 40.0 * (1 << 20), host) == ""
    assert danger(wanted("memory=48m"), now) is Danger.DISRUPTIVE
    assert "cpu_quota" in refused(wanted("cpus=1"), Limits(quota=True), None, host)
    assert wanted("memory=1g").body(Limits()) == {"Memory": 1 << 30, "MemorySwap": 2 << 30}
    assert wanted("memory=1g").body(Limits(64 << 20, -1)) == {"Memory": 1 << 30, "MemorySwap": -1}
    for word in ("memory=1m", "cpus=0", "memory", "", "memory=64mcpus=1"):
        with pytest.raises(ProbeError):
            wanted(word)


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("docker update --memory 512m --cpus=1.5 web", Request("limit", ("/web",), word="memory=512m cpus=1.5")),
        ("docker update -m 1G web api", Request("limit", ("/web", "/api"), word="memory=1g")),
        ("docker update --restart always web", None),
        ("docker update --memory 512m --memory-swap 1g web", None),
        ("docker update --memory 512m", None),
        ("docker update web", None),
    ],
)
def test_a_line_that_changes_limits_means_that_and_no_more(line: str, request_: Request | None) -> None:
    actuator = acting_on("unix:///var/run/docker.sock")
    found = recognised(line, actuator)
    assert (found.request if found is not None else None) == request_
    assert request_ is None or comes_back(actuator, request_)
