"""Giving room back: on a real Engine exactly what was listed goes and nothing else; on a fake what one can't stage."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from probes.base import Context, Danger, Outcome, Plan, ProbeError, Request, Result, Subject, Target, Truth
from probes.docker import history, leftovers
from probes.docker.act import DockerActuator
from probes.docker.settings import DockerSettings
from tests.probes.acting import carried_out, settled
from tests.probes.test_docker_act import LATER, NoSecrets, words
from tests.stack import docker
from tests.stack.faultproxy import FaultProxy, Mode

MINE = f"opsroom-test.yard={os.getpid()}"
"""What only things of these tests have: other things of the same test session share the other label."""
LABELS = ("--label", f"{docker.LABEL}={os.getpid()}", "--label", MINE)
on_engine = [pytest.mark.engine, pytest.mark.docker]


class Yard:
    """A real Engine behind a proxy, and what this test has left lying about on it.

    Others use that Engine too: of what a plan lists only what is the test's own is ever removed.
    """

    def __init__(self, engine: docker.Engine, folder: Path, proxy: FaultProxy) -> None:
        self.engine, self.proxy, self.state = engine, proxy, folder / "state"
        self.images: list[str] = []
        self.tag = f"yard{os.getpid()}"
        self.actuator = self.acting()

    def acting(self, **settings: Any) -> DockerActuator:
        given = DockerSettings.model_validate({"url": f"unix://{self.proxy.listen}", "timeout": 20} | settings)
        return DockerActuator(Target("box", "docker", given), Context(NoSecrets(), state=self.state))

    def image(self, name: str = "") -> str:
        """A new image that nobody uses; its id."""
        holder = self.engine.run("create", *LABELS, docker.IMAGE, "true", name or os.urandom(4).hex()).strip()
        change = ["-c", f"LABEL {docker.LABEL}={os.urandom(4).hex()}"]
        id = self.engine.run("commit", *change, holder, *([name] if name else [])).strip()
        self.engine.run("rm", holder)
        self.images.append(id)
        return id

    def container(self, *options: str, script: str = "exit 0") -> str:
        """A container that has ended; its id."""
        words = [*LABELS, "--network", "none", *options, docker.IMAGE, "sh", "-c", script]
        id = self.engine.run("create", *words).strip()
        self.engine.run("start", id)
        self.engine.run("wait", id)
        return id

    def network(self) -> str:
        return self.engine.run("network", "create", *LABELS, f"{self.tag}-{os.urandom(3).hex()}").strip()

    def volume(self, name: str) -> str:
        return self.engine.run("volume", "create", *LABELS, f"{self.tag}-{name}").strip()

    def there(self, what: str, id: str) -> bool:
        try:
            self.engine.run(what, "inspect", id)
        except RuntimeError:
            return False
        return True

    @property
    def sent(self) -> int:
        """Requests at the wire that could have changed something."""
        return sum(self.proxy.seen(verb) for verb in (b"POST /", b"DELETE /"))

    async def plan(self, action: str, *subjects: str, word: str = "") -> Plan:
        return await self.actuator.plan(Request(action, subjects, word=word))

    async def remove(self, plan: Plan, subject: Subject) -> tuple[Outcome, Any]:
        outcome = await carried_out(self.actuator, plan, subject, [])
        return outcome, await settled(self.actuator, plan, subject, outcome)

    async def end(self) -> None:
        await self.actuator.close()
        of_test = ("--filter", f"label={MINE}")
        for listing, remove in (
            (("ps", "-aq", *of_test), ("rm", "-f", "-v")),
            (("network", "ls", "-q", *of_test), ("network", "rm")),
            (("volume", "ls", "-q", *of_test), ("volume", "rm", "-f")),
        ):
            if found := self.engine.run(*listing).split():
                self.engine.run(*remove, *found)
        for name in self.engine.run("volume", "ls", "-q").split():
            if name.startswith(f"{self.tag}-"):  # made by a container, so without the label
                self.engine.run("volume", "rm", name)
        for id in self.images:
            if self.there("image", id):
                self.engine.run("rmi", "-f", id)


@pytest.fixture
async def yard(docker_engine: docker.Engine, tmp_path: Path) -> AsyncIterator[Yard]:
    with FaultProxy(docker_engine.socket, listen=tmp_path / "d.sock") as proxy:
        found = Yard(docker_engine, tmp_path, proxy)
        yield found
        await found.end()


def of(plan: Plan, id: str) -> Subject:
    (found,) = [subject for subject in plan.subjects if subject.key == id]
    return found


@pytest.mark.engine
@pytest.mark.docker
async def test_what_is_listed_is_removed_by_its_id_and_what_came_meanwhile_stays(yard: Yard) -> None:
    image, network, done = yard.image(), yard.network(), yard.container()
    plan = await yard.plan("prune", word="everything")
    later = yard.image()
    assert plan.danger is Danger.DESTRUCTIVE
    assert plan.action.word is not None
    for what, id in (("container", done), ("network", network), ("image", image)):
        subject = of(plan, id)
        assert not subject.spared, subject.spared
        outcome, verdict = await yard.remove(plan, subject)
        assert (outcome.result, verdict.truth) == (Result.DONE, Truth.CONFIRMED), (what, outcome)
        assert "containers run on" in str(verdict.words)
        assert not yard.there(what, id)
    assert yard.there("image", later)
    assert yard.sent == 3
    assert "volumes are not in it" in words(plan.notes)
    assert f"docker image rm {image}" in plan.command
    assert "MiB" in str(of(plan, image).before)


@pytest.mark.engine
@pytest.mark.docker
async def test_what_a_container_uses_is_not_listed_also_when_it_is_stopped(yard: Yard) -> None:
    image = yard.image()
    holder = yard.engine.run("create", *LABELS, image, "true").strip()
    plan = await yard.plan("prune", word="everything-and-all-images")
    assert image not in {subject.key for subject in plan.subjects}
    assert of(plan, holder)
    with pytest.raises(ProbeError, match="a container has the image"):
        await yard.plan("remove-image", image)


@pytest.mark.engine
@pytest.mark.docker
async def test_images_with_names_are_only_in_the_wider_prune(yard: Yard) -> None:
    image = yard.image(f"{yard.tag}/tool:1")
    narrow, wide = await yard.plan("prune", word="images") if yard.image() else None, None
    wide = await yard.plan("prune", word="all-images")
    assert narrow is not None
    assert image not in {subject.key for subject in narrow.subjects}
    assert not of(wide, image).spared
    yard.engine.run("tag", image, f"{yard.tag}/tool:2")
    again = await yard.plan("prune", word="all-images")
    assert of(again, image).barred
    assert "2 names" in str(of(again, image).spared)


@pytest.mark.engine
@pytest.mark.docker
async def test_an_image_that_a_service_can_be_rolled_back_to_is_barred(yard: Yard) -> None:
    image = yard.image()
    engine = (await yard.plan("prune", word="images")).pin[0][1]
    past = history.Past(image, "shop/web:1", "", "", "2026-03-01T00:00:00+00:00", "act", "ann", "deploy")
    history.note(yard.state, engine, "shop", "web", [past])
    plan = await yard.plan("prune", word="images")
    assert of(plan, image).barred
    assert "shop/web can be rolled back to it" in str(of(plan, image).spared)


@pytest.mark.engine
@pytest.mark.docker
async def test_one_that_is_remembered_meanwhile_is_not_removed(yard: Yard) -> None:
    image = yard.image()
    plan = await yard.plan("prune", word="images")
    past = history.Past(image, "shop/web:1", "", "", "2026-03-01T00:00:00+00:00", "act", "ann", "deploy")
    history.note(yard.state, plan.pin[0][1], "shop", "web", [past])
    outcome = await carried_out(yard.actuator, plan, of(plan, image), [])
    assert outcome.result is Result.REFUSED
    assert yard.there("image", image)


@pytest.mark.engine
@pytest.mark.docker
async def test_stopped_containers_of_a_project_and_failed_ones_are_spared_unless_taken_in(yard: Yard) -> None:
    label = ("--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.service=web")
    of_project, failed, fine = yard.container(*label), yard.container(script="exit 3"), yard.container()
    plan = await yard.plan("prune", word="containers")
    assert "of Compose project shop" in str(of(plan, of_project).spared)
    assert "its log is evidence" in str(of(plan, failed).spared)
    assert not of(plan, fine).spared
    assert not of(plan, failed).barred
    taken = plan.taking_in([failed])
    outcome, verdict = await yard.remove(taken, of(taken, failed))
    assert (outcome.result, verdict.truth) == (Result.DONE, Truth.CONFIRMED)


def started(yard: Yard, id: str) -> None:
    yard.engine.run("start", id)


def used(yard: Yard, id: str) -> None:
    yard.engine.run("create", *LABELS, id, "true")


def named(yard: Yard, id: str) -> None:
    yard.engine.run("tag", id, f"{yard.tag}/now:1")


def removed(yard: Yard, id: str) -> None:
    yard.engine.run("rmi", id)


@pytest.mark.engine
@pytest.mark.docker
@pytest.mark.parametrize(
    ("what", "change", "says"),
    [
        ("image", used, "a container has the image now"),
        ("image", named, "no name -> yard"),
        ("image", removed, "no name -> gone"),
        ("container", started, "exited -> in use"),
    ],
)
async def test_what_changed_since_it_was_listed_is_left_alone(
    yard: Yard, what: str, change: Callable[[Yard, str], None], says: str
) -> None:
    id = yard.image() if what == "image" else yard.container(script="test -e /tmp/x && sleep 60; touch /tmp/x")
    plan = await yard.plan("prune", word=f"{what}s")
    change(yard, id)
    sent: list[str] = []
    outcome = await carried_out(yard.actuator, plan, of(plan, id), sent)
    assert (outcome.result, sent, yard.sent) == (Result.REFUSED, [], 0)
    assert f"changed since you looked: {says}" in str(outcome.words)


@pytest.mark.engine
@pytest.mark.docker
async def test_a_volume_is_removed_alone_by_name_and_only_when_nobody_has_it(yard: Yard) -> None:
    cache, kept, held = yard.volume("cache"), yard.volume("pgdata"), yard.volume("held")
    yard.engine.run("create", *LABELS, "-v", f"{held}:/data", docker.IMAGE, "true")
    choices = {choice.word: str(choice.about) for choice in await yard.actuator.choices("remove-volume", ())}
    assert held not in choices
    assert "protected by the profile" in choices[kept]
    protected = await yard.plan("remove-volume", word=kept)
    assert protected.subjects[0].barred
    with pytest.raises(ProbeError, match="a container has the volume"):
        await yard.plan("remove-volume", word=held)
    plan = await yard.plan("remove-volume", word=cache)
    assert (plan.danger, plan.action.grave) == (Danger.DESTRUCTIVE, True)
    outcome, verdict = await yard.remove(plan, plan.subjects[0])
    assert (outcome.result, verdict.truth) == (Result.DONE, Truth.CONFIRMED)
    assert (yard.there("volume", cache), yard.there("volume", kept), yard.there("volume", held)) == (False, True, True)


@pytest.mark.engine
@pytest.mark.docker
async def test_a_volume_that_somebody_made_anew_is_left_alone(yard: Yard) -> None:
    name = yard.volume("cache")
    plan = await yard.plan("remove-volume", word=name)
    yard.engine.run("volume", "rm", name)
    yard.engine.run("create", *LABELS, "-v", f"{name}:/data", docker.IMAGE, "true")
    outcome = await carried_out(yard.actuator, plan, plan.subjects[0], [])
    assert outcome.result is Result.REFUSED
    assert yard.there("volume", name)


@pytest.mark.engine
@pytest.mark.docker
async def test_the_choices_say_how_much_each_prune_would_take(yard: Yard) -> None:
    yard.image()
    found = {choice.word: str(choice.about) for choice in await yard.actuator.choices("prune", ())}
    assert found["images"].endswith("at most: images no name is left to")
    assert found["build-cache"] == "nothing to remove: what builds have kept"
    assert found.keys() == leftovers.WORDS.keys()
    assert list(found)[:2] == ["images", "all-images"]


@pytest.mark.engine
@pytest.mark.docker
@pytest.mark.once
@pytest.mark.parametrize("mode", [Mode.LOSE, Mode.RESET, Mode.CLOSE, Mode.GARBAGE, Mode.HTML])
async def test_a_removal_is_asked_for_once_whatever_breaks(yard: Yard, mode: Mode) -> None:
    image = yard.image()
    plan = await yard.plan("prune", word="images")
    yard.proxy.become(mode, when=b"DELETE /")
    sent: list[str] = []
    outcome = await carried_out(yard.actuator, plan, of(plan, image), sent)
    yard.proxy.become(Mode.PASS)
    assert (outcome.result, len(sent), yard.sent) == (Result.UNKNOWN, 1, 1)
    verdict = await yard.actuator.verify(plan, of(plan, image), outcome, LATER)
    assert verdict.truth is (Truth.REFUTED if yard.there("image", image) else Truth.CONFIRMED)


# a fake Engine, for what a real one can't be made to say


class Fake:
    """An Engine with a build cache and nothing else, which says what it is told to a change."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer = b'{"CachesDeleted": ["abcdefghij0123456789xyzuv"], "SpaceReclaimed": 1048576}'
        self.status = 200
        self.hang = False
        self.counting = 0
        """How many times it says that it adds up its disks for somebody else."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, url, _ = head.split(b"\r\n")[0].decode().split(" ")
                path = "/" + url.split("/", 2)[2] if url.startswith("/v1.") else url
                status, body = 200, json.dumps(await self._told(path.partition("?")[0])).encode()
                if path == "/system/df" and self.counting:
                    self.counting -= 1
                    status, body = 500, b'{"message":"a disk usage operation is already running"}'
                if method != "GET":
                    self.asked.append(f"{method} {path}")
                    status, body = self.status, self.answer
                writer.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)
                await writer.drain()
        writer.close()

    async def _told(self, path: str) -> Any:
        cache = {"ID": "abcdefghij0123456789xyzuv", "Type": "regular", "InUse": False, "Size": 1 << 20}
        if path == "/system/df" and self.hang:
            await asyncio.Event().wait()
        return {
            "/version": {"Version": "28.0", "ApiVersion": "1.48"},
            "/info": {"ID": "ENGINE", "Name": "box"},
            "/system/df": {"BuildCache": [cache, cache | {"ID": "b" * 25, "InUse": True}]},
        }.get(path, [])


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[tuple[Fake, DockerActuator]]:
    found = Fake()
    server = await asyncio.start_unix_server(found.serve, tmp_path / "f.sock")
    given = DockerSettings.model_validate({"url": f"unix://{tmp_path}/f.sock", "timeout": 5})
    actuator = DockerActuator(Target("box", "docker", given), Context(NoSecrets()))
    yield found, actuator
    await actuator.close()
    server.close()


async def test_an_engine_that_adds_up_its_disks_for_somebody_else_is_asked_again(
    fake: tuple[Fake, DockerActuator],
) -> None:
    engine, actuator = fake
    engine.counting = 2
    (subject,) = (await actuator.plan(Request("prune", word="build-cache"))).subjects
    assert (engine.counting, str(subject.name)) == (0, "build cache abcdefghij0123456789xyzuv")


async def test_build_cache_is_removed_record_by_record(fake: tuple[Fake, DockerActuator]) -> None:
    engine, actuator = fake
    plan = await actuator.plan(Request("prune", word="build-cache"))
    (subject,) = plan.subjects
    outcome = await carried_out(actuator, plan, subject, [])
    assert outcome.result is Result.DONE
    (asked,) = engine.asked
    path, _, query = asked.partition("?")
    assert (path, parse_qs(query)["filters"]) == ("POST /build/prune", ['{"id": ["abcdefghij0123456789xyzuv"]}'])
    verdict = await actuator.verify(plan, subject, outcome, 0.0)
    assert (verdict.truth, str(verdict.words)) == (Truth.CONFIRMED, "gone, 1.0 MiB given back")
    assert plan.command == ("docker builder prune --all --filter id=abcdefghij0123456789xyzuv",)


@pytest.mark.parametrize(
    ("status", "body", "result", "says"),
    [
        (409, b'{"message": "in use by container x"}', Result.REFUSED, "it is in use: in use by container x"),
        (403, b"<html>no</html>", Result.FAILED, "see the socket proxy"),
        (500, b'{"message": "no space left"}', Result.FAILED, "no space left"),
        (502, b"<html>bad gateway</html>", Result.UNKNOWN, "not as an Engine does"),
        (200, b"<html>sign in</html>", Result.UNKNOWN, "not as an Engine does"),
    ],
)
async def test_every_answer_to_a_removal_is_taken_for_what_it_is(
    fake: tuple[Fake, DockerActuator], status: int, body: bytes, result: Result, says: str
) -> None:
    engine, actuator = fake
    engine.status, engine.answer = status, body
    plan = await actuator.plan(Request("prune", word="build-cache"))
    outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    assert outcome.result is result
    assert says in str(outcome.words)
    assert len(engine.asked) == 1


async def test_where_nothing_is_left_over_that_is_said(fake: tuple[Fake, DockerActuator]) -> None:
    with pytest.raises(ProbeError, match="nothing of that sort is unused"):
        await fake[1].plan(Request("prune", word="networks"))
    with pytest.raises(ProbeError, match="prune takes one of"):
        await fake[1].plan(Request("prune", word="volumes"))
