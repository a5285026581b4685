"""Pulls, deploys and roll-backs: on a real Engine with real Compose, and images from a registry of the test's own."""

from __future__ import annotations

import asyncio
import os
import shutil
import warnings
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from probes.base import Cause, Context, Outcome, Plan, ProbeError, Request, Result, SafeText, Target, Truth
from probes.docker import act_pull, history
from probes.docker.act import DockerActuator
from probes.docker.images import major_jump, short_id
from probes.docker.probe import DockerProbe
from probes.docker.settings import DockerSettings
from probes.exec import job
from tests.probes.acting import ACT, carried_out, perform, settled
from tests.probes.test_docker_act import LATER, NoSecrets, Started, one, words
from tests.stack import docker, registry
from tests.stack.faultproxy import FaultProxy, Mode

pytestmark = [pytest.mark.engine, pytest.mark.docker]

FILE = """
services:
  web:
    image: {image}
    init: true
    stop_grace_period: 1s
    labels: {{opsroom.test: "{owner}"}}
    network_mode: none
    command: ["sleep", "3600"]
    environment: {{COLOUR: {colour}}}
  worker:
    image: opsroom-test/bb:1
    pull_policy: never
    init: true
    stop_grace_period: 1s
    labels: {{opsroom.test: "{owner}"}}
    network_mode: none
    command: ["sleep", "3600"]
"""


@cache
def tree() -> bytes:
    """A root file system with a shell."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        return docker.busybox_tree()


class Shop:
    """A project whose web comes from a registry, on a real Engine behind a proxy."""

    def __init__(self, engine: docker.Engine, hub: registry.Registry, folder: Path, proxy: FaultProxy) -> None:
        self.engine, self.hub, self.folder, self.proxy = engine, hub, folder, proxy
        self.project = f"dep{os.getpid()}"
        self.state = folder / "state"
        self.actuator = self.acting()
        self.ids: dict[str, str] = {}

    def acting(self, state: bool = True) -> DockerActuator:
        given = DockerSettings.model_validate(
            {"url": f"unix://{self.proxy.listen}", "project": self.project, "timeout": 20}
        )
        context = Context(NoSecrets(), operator="ann", state=self.state if state else None)
        return DockerActuator(Target("box", "docker", given), context)

    @property
    def image(self) -> str:
        return self.hub.name(f"{self.project}/web:1")

    def push(self, version: str, *more: str, tag: str = "1") -> str:
        """A new image under the same name; its digest. No other session has one with the same id on this Engine."""
        env = ["PATH=/bin", f"VERSION={version}", f"SESSION={self.project}", *more]
        config = {"Env": env, "Cmd": ["sh"]}
        return self.hub.put(f"{self.project}/web", tag, tree(), config)

    def write(self, image: str = "", colour: str = "red") -> None:
        text = FILE.format(image=image or self.image, owner=os.getpid(), colour=colour)
        (self.folder / "compose.yaml").write_text(text)

    def up(self) -> None:
        self.write()
        self.engine.run("pull", "-q", self.image)
        self.compose("up", "-d")

    def compose(self, *arguments: str) -> None:
        self.engine.run("compose", "-p", self.project, "-f", str(self.folder / "compose.yaml"), *arguments)

    def container(self, service: str = "web") -> str:
        labels = (f"com.docker.compose.project={self.project}", f"com.docker.compose.service={service}")
        flags = [word for label in labels for word in ("--filter", f"label={label}")]
        return self.engine.run("ps", "-aq", "--no-trunc", *flags).strip()

    def runs(self, service: str = "web") -> str:
        """Id of the image that runs."""
        return self.engine.run("inspect", "-f", "{{.Image}}", self.container(service)).strip()

    def means(self, name: str = "") -> str:
        """Id of the image that a name means."""
        return self.engine.run("image", "inspect", "-f", "{{.Id}}", name or self.image).strip()

    def names(self, id: str) -> str:
        return self.engine.run("image", "inspect", "-f", "{{.RepoTags}}", id)

    async def do(self, action: str, *subjects: str, word: str = "", between: Any = lambda plan: None) -> Any:
        shutil.rmtree(self.state / "jobs", ignore_errors=True)  # every act has one id in these tests
        return await perform(self.actuator, Request(action, subjects, word=word), between)

    async def end(self) -> None:
        await self.actuator.close()
        of_project = f"label=com.docker.compose.project={self.project}"
        found = self.engine.run("ps", "-aq", "--filter", of_project).split()
        if found:
            self.engine.run("rm", "-f", "-v", *found)
        listed = self.engine.run(
            "images", "-a", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"
        ).splitlines()
        ours = {line.split()[1] for line in listed if self.project in line.split()[0]}
        if ours:
            self.engine.run("rmi", "-f", *sorted(ours))


@pytest.fixture(scope="module")
def hub() -> Iterator[registry.Registry]:
    with registry.serving() as found:
        yield found


@pytest.fixture
async def shop(
    docker_engine: docker.Engine, hub: registry.Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    compose_project: docker.Project,
) -> AsyncIterator[Shop]:  # fmt: skip
    if "DOCKER_CONFIG" in docker_engine.environment:
        monkeypatch.setenv("DOCKER_CONFIG", docker_engine.environment["DOCKER_CONFIG"])
    assert compose_project.name
    hub.go.set()
    with FaultProxy(docker_engine.socket, listen=tmp_path / "d.sock") as proxy:
        found = Shop(docker_engine, hub, tmp_path, proxy)
        found.push("1")
        found.up()
        yield found
        await found.end()


async def test_a_pull_tells_by_digest_what_came_and_leaves_the_containers_alone(shop: Shop) -> None:
    old, container = shop.means(), shop.container()
    digest = shop.push("2")
    done = await shop.do("pull", "web")
    outcome, verdict = one(done)
    assert (outcome.result, verdict.truth) == (Result.DONE, Truth.CONFIRMED)
    new = shop.means()
    assert new != old
    assert str(verdict.words).startswith(f"{shop.image}: {short_id(old)} -> {short_id(new)}")
    assert digest.removeprefix("sha256:")[:8] in str(verdict.words)
    assert (shop.container(), shop.runs()) == (container, old)
    assert done.plan.command == (f"docker pull {shop.image}",)
    again = await shop.do("pull", "web")
    assert str(one(again)[1].words).startswith("nothing newer")


async def test_a_pull_goes_on_when_the_session_ends_and_another_one_tells_its_end(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.push("3")
    shop.hub.go.clear()
    plan = await shop.actuator.plan(Request("pull", ("web",)))
    outcome = await carried_out(shop.actuator, plan, plan.subjects[0], [])
    assert str(outcome.words).startswith("under way")
    await shop.actuator.close()
    later = shop.acting()
    pending = await later.verify(plan, plan.subjects[0], outcome, 1.0)
    assert pending.truth is Truth.PENDING
    assert pending.share is None or pending.share < 1.0
    monkeypatch.setattr(act_pull, "STILL", 0.0)
    assert "stalled" in str((await later.verify(plan, plan.subjects[0], outcome, 1.0)).words)
    shop.hub.go.set()
    assert (await settled(later, plan, plan.subjects[0], outcome)).truth is Truth.CONFIRMED
    await later.close()


async def test_a_pull_whose_begin_was_not_heard_of_in_time_is_unknown_and_seen_by_the_image(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = job.begin

    async def unheard(*words: Any, **more: Any) -> None:
        await begin(*words, **more)
        raise ProbeError(Cause.TIMEOUT_READ, "no word in time")

    monkeypatch.setattr(job, "begin", unheard)
    shop.push("5")
    plan = await shop.actuator.plan(Request("pull", ("web",)))
    outcome = await carried_out(shop.actuator, plan, plan.subjects[0], [])
    assert outcome.result is Result.UNKNOWN
    async with asyncio.timeout(30):
        while (await shop.actuator.verify(plan, plan.subjects[0], outcome, 1.0)).truth is not Truth.CONFIRMED:
            await asyncio.sleep(0.1)


async def test_an_image_that_the_registry_does_not_have_refutes_a_pull_in_our_words(shop: Shop) -> None:
    shop.write(shop.hub.name(f"{shop.project}/none:1"))
    done = await shop.do("pull", "web")
    verdict = one(done)[1]
    assert verdict.truth is Truth.REFUTED
    assert "the registry has no such image" in str(verdict.words)


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "DENIED", "is the name right? else docker login"),
        (429, "TOOMANYREQUESTS", "the registry's limit of pulls is reached"),
        (418, "TEAPOT", "exit code 1, its words are in "),
    ],
)
async def test_a_registry_that_says_no_is_told_in_our_words(shop: Shop, status: int, code: str, said: str) -> None:
    shop.hub.refused[f"{shop.project}/web"] = (status, code)
    try:
        done = await shop.do("pull", "web")
    finally:
        shop.hub.refused.clear()
    verdict = one(done)[1]
    assert verdict.truth is Truth.REFUTED
    assert said in str(verdict.words)


async def test_what_can_not_be_pulled_is_barred_with_its_reason(shop: Shop) -> None:
    plan = await shop.actuator.plan(Request("pull"))
    assert {str(subject.name): str(subject.spared) for subject in plan.subjects} == {
        f"{shop.project}/web": "",
        f"{shop.project}/worker": "its file says pull_policy: never",
    }
    digest = shop.push("1")
    shop.write(f"{shop.image}@{digest}")
    pinned = await shop.actuator.plan(Request("pull", ("web",)))
    assert not pinned.subjects[0].barred or "by its digest" in str(pinned.subjects[0].spared)


async def test_a_name_that_was_moved_meanwhile_is_not_pulled(shop: Shop) -> None:
    sent: list[str] = []
    plan = await shop.actuator.plan(Request("pull", ("web",)))
    shop.push("4")
    shop.engine.run("pull", "-q", shop.image)
    outcome = await carried_out(shop.actuator, plan, plan.subjects[0], sent)
    assert (outcome.result, sent) == (Result.REFUSED, [])
    assert "changed since you looked" in str(outcome.words)


async def test_a_deploy_runs_the_pulled_image_and_remembers_and_keeps_the_old_one(shop: Shop) -> None:
    old, worker = shop.means(), shop.container("worker")
    shop.push("2")
    await shop.do("pull", "web")
    done = await shop.do("deploy", "web")
    outcome, verdict = one(done)
    assert (outcome.result, verdict.truth) == (Result.DONE, Truth.CONFIRMED), (outcome, verdict)
    assert shop.runs() == shop.means() != old
    assert shop.container("worker") == worker
    assert f"{short_id(old)} is kept" in str(verdict.words)
    assert "opsroom-kept:" in shop.names(old)
    assert dict(outcome.facts)["ran before"] == old
    (past,) = history.of(shop.state, shop.project, "web")
    assert (past.image, past.name, past.act, past.by, past.why) == (old, shop.image, ACT, "ann", "deploy")
    assert past.digest.startswith(f"{shop.hub.name(shop.project)}/web@sha256:")
    (kept,) = (shop.state / "deploys").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert str(done.plan.undo) == f"roll back to {short_id(old)}"
    assert shop.engine.run("image", "inspect", "-f", "{{.Id}}", old).strip() == old


async def test_a_roll_back_makes_compose_start_the_earlier_image_and_forward_again(shop: Shop) -> None:
    old = shop.means()
    shop.push("2")
    await shop.do("pull", "web")
    await shop.do("deploy", "web")
    new = shop.runs()
    choices = await shop.actuator.choices("roll-back", ("web",))
    assert [choice.word for choice in choices] == [short_id(old)]
    assert "deploy by ann" in str(choices[0].about)
    back = await shop.do("roll-back", "web", word=choices[0].word)
    outcome, verdict = one(back)
    assert (outcome.result, verdict.truth) == (Result.DONE, Truth.CONFIRMED), (outcome, verdict)
    assert shop.runs() == old == shop.means()
    assert "until the next pull" in words(back.plan.notes)
    assert back.plan.command[1] == f"docker tag {short_id(old)} {shop.image}"
    forward = await shop.do("roll-back", "web", word=short_id(new))
    assert one(forward)[1].truth is Truth.CONFIRMED
    assert shop.runs() == new
    probe = DockerProbe(Target("box", "docker", shop.actuator.settings), Context(NoSecrets(), state=shop.state))
    lines = words((await probe.look("deploys", "web")).lines)
    assert short_id(old) in lines
    assert "roll-back by ann" in lines
    await probe.close()


async def test_a_service_that_runs_what_its_file_says_is_left_alone(shop: Shop) -> None:
    plan = await shop.actuator.plan(Request("deploy"))
    assert all(subject.barred for subject in plan.subjects)
    assert "runs what its file says already" in str(plan.subjects[0].spared)
    shop.write(colour="blue")
    changed = await shop.actuator.plan(Request("deploy"))
    assert [str(subject.name) for subject in changed.chosen] == [f"{shop.project}/web"]
    assert "variables that change: COLOUR" in words(changed.notes)
    assert "only its file has changed" in words(changed.notes)


async def test_a_deploy_of_all_makes_only_what_changed_new(shop: Shop) -> None:
    worker = shop.container("worker")
    shop.write(colour="blue")
    done = await shop.do("deploy")
    assert one(done)[1].truth is Truth.CONFIRMED
    assert shop.container("worker") == worker


async def test_a_store_of_another_major_version_is_not_deployed(shop: Shop) -> None:
    shop.push("1", "PG_MAJOR=15")
    await shop.do("pull", "web")
    await shop.do("deploy", "web")
    shop.push("2", "PG_MAJOR=16")
    await shop.do("pull", "web")
    plan = await shop.actuator.plan(Request("deploy", ("web",)))
    assert plan.subjects[0].barred
    assert "PostgreSQL 15 -> 16" in str(plan.subjects[0].spared)


async def test_an_image_that_is_gone_can_not_be_gone_back_to_and_says_how_to_fetch_it(shop: Shop) -> None:
    old = shop.means()
    shop.push("2")
    await shop.do("pull", "web")
    await shop.do("deploy", "web")
    shop.engine.run("rmi", "-f", old)
    plan = await shop.actuator.plan(Request("roll-back", ("web",), word=short_id(old)))
    assert plan.subjects[0].barred
    assert "docker pull 127.0.0.1:" in str(plan.subjects[0].spared)
    with pytest.raises(ProbeError, match="not remembered"):
        await shop.actuator.plan(Request("roll-back", ("web",), word="0123456789ab"))


async def test_a_file_that_names_its_image_by_digest_is_not_rolled_back_here(shop: Shop) -> None:
    old = shop.means()
    shop.push("2")
    await shop.do("pull", "web")
    await shop.do("deploy", "web")
    digest = shop.push("2")
    shop.write(f"{shop.image}@{digest}")
    plan = await shop.actuator.plan(Request("roll-back", ("web",), word=short_id(old)))
    assert "put the earlier digest back there" in str(plan.subjects[0].spared)


async def changed_between(shop: Shop, request: Request, change: Any) -> Outcome:
    plan = await shop.actuator.plan(request)
    assert plan.chosen
    change()
    sent: list[str] = []
    outcome = await carried_out(shop.actuator, plan, plan.subjects[0], sent)
    assert sent == []
    return outcome


async def test_an_image_that_was_pulled_between_look_and_deploy_is_not_deployed(shop: Shop) -> None:
    shop.push("2")
    await shop.do("pull", "web")
    before = shop.container()

    def pulled() -> None:
        shop.push("3")
        shop.engine.run("pull", "-q", shop.image)

    outcome = await changed_between(shop, Request("deploy", ("web",)), pulled)
    assert outcome.result is Result.REFUSED
    assert f"changed since you looked: {shop.image}" in str(outcome.words)
    assert shop.container() == before


async def test_where_what_runs_can_not_be_remembered_nothing_is_changed(shop: Shop) -> None:
    shop.push("2")
    await shop.do("pull", "web")
    shop.state.mkdir(exist_ok=True)

    def blocked() -> None:
        (shop.state / "deploys").write_text("a file where the folder should be")

    outcome = await changed_between(shop, Request("deploy", ("web",)), blocked)
    assert outcome.result is Result.FAILED
    assert "can't be remembered" in str(outcome.words)


@pytest.mark.once
@pytest.mark.parametrize("mode", [Mode.LOSE, Mode.RESET, Mode.GARBAGE, Mode.CLOSE])
async def test_a_roll_back_is_sent_once_whatever_breaks_under_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    old = shop.means()
    shop.push("2")
    await shop.do("pull", "web")
    await shop.do("deploy", "web")
    plan = await shop.actuator.plan(Request("roll-back", ("web",), word=short_id(old)))
    started = Started(shop.folder, monkeypatch)
    tags = shop.proxy.seen(b"/tag?")
    shop.proxy.become(mode, when=b"/tag?")
    sent: list[str] = []
    outcome = await carried_out(shop.actuator, plan, plan.subjects[0], sent)
    shop.proxy.become(Mode.PASS)
    assert (outcome.result, len(sent)) == (Result.UNKNOWN, 1)
    assert shop.proxy.seen(b"/tag?") == tags + 1
    assert started.ups == []
    assert (await shop.actuator.verify(plan, plan.subjects[0], outcome, LATER)).truth is Truth.REFUTED


async def test_a_compose_that_says_no_after_the_name_was_moved_is_told_as_half_done(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = shop.means()
    shop.push("2")
    await shop.do("pull", "web")
    await shop.do("deploy", "web")
    plan = await shop.actuator.plan(Request("roll-back", ("web",), word=short_id(old)))
    Started(shop.folder, monkeypatch, 'case "$*" in *" up -d"*) echo "no room" >&2; exit 1;; esac')
    outcome = await carried_out(shop.actuator, plan, plan.subjects[0], [])
    assert outcome.result is Result.PARTIAL
    assert "means the earlier image now" in str(outcome.words)


async def test_a_deploy_is_looked_back_on_from_its_record_alone(shop: Shop) -> None:
    shop.push("2")
    await shop.do("pull", "web")
    plan = await shop.actuator.plan(Request("deploy", ("web",)))
    await carried_out(shop.actuator, plan, plan.subjects[0], [])
    bare: Plan = replace(plan, subjects=plan.subjects[:1], notes=(), felt=(), settles=30.0)
    unknown = Outcome(Result.UNKNOWN, SafeText("the session ended"))
    async with asyncio.timeout(20):
        while (verdict := await shop.actuator.verify(bare, plan.subjects[0], unknown, LATER)).truth is Truth.PENDING:
            await asyncio.sleep(0.2)
    assert verdict.truth is Truth.CONFIRMED


async def test_without_a_folder_nothing_is_remembered_and_that_is_said(shop: Shop) -> None:
    shop.write(colour="blue")
    forgetful = shop.acting(state=False)
    plan = await forgetful.plan(Request("deploy", ("web",)))
    assert "no folder to remember" in words(plan.notes)
    with pytest.raises(ProbeError, match="no folder"):
        await forgetful.plan(Request("pull", ("web",)))
    await forgetful.close()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"PG_MAJOR": "15"}, {"PG_MAJOR": "15"}, ""),
        ({"PG_MAJOR": "15"}, {}, ""),
        ({"REDIS_VERSION": "6.2.14"}, {"REDIS_VERSION": "7.2.4"}, "Redis 6 -> 7"),
        ({"MARIADB_VERSION": "1:10.11.6+maria~ubu2204"}, {"MARIADB_VERSION": "1:11.2.2"}, "MariaDB 10 -> 11"),
    ],
)
def test_a_jump_of_the_major_version_is_told_by_the_images_variables(
    before: dict[str, str], after: dict[str, str], said: str
) -> None:
    assert major_jump(before, after) == said
