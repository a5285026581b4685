"""Very many objects: something is seen soon, what is cut says so and follows, and no reading asks for everything."""

from __future__ import annotations

import gzip
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bench import many
from bench.fakes.aws import Account
from bench.fakes.pods import METRICS, PODS, Cluster
from bench.fakes.server import Answer, Reply, Request, port_of, serve
from desk.profile import load
from probes.base import Cause, Context, Probe, ProbeError
from probes.kubernetes import parts
from probes.kubernetes.facts import KubernetesFacts
from tests.toys import StillClock
from tui.kinds import Kinds
from tui.secrets import Secrets

CROWDS = {crowd.kind: crowd for crowd in many.crowds()}


@asynccontextmanager
async def reading(
    kind: str, answer: Answer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Probe[Any]]:
    """A probe of one target at a made-up cloud, looked at."""
    monkeypatch.setenv(many.KEY, "bench")
    server = await serve(answer)
    path = folder / "many.toml"
    path.write_text(many.profile_text(CROWDS[kind], port_of(server), folder))
    kinds = Kinds()
    target = load(path, kinds).targets[0]
    context = Context(Secrets(os.environ), time.monotonic, StillClock().now, "bench")
    probe = kinds.facts(kind)(target, context)
    probe.watched = True
    try:
        yield probe
    finally:
        await probe.close()
        server.close()


def counted(answer: Answer, what: Callable[[Request], str]) -> tuple[Answer, Counter[str]]:
    """The same cloud, and how often it was asked for what."""
    counts: Counter[str] = Counter()

    def counting(request: Request) -> Reply:
        counts[what(request)] += 1
        return answer(request)

    return counting, counts


async def test_the_first_reading_of_very_many_pods_shows_some_and_says_what_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_FIRST", -1.0)
    cluster, counts = counted(Cluster(1200), lambda request: request.path)
    async with reading("kubernetes", cluster, tmp_path, monkeypatch) as probe:
        first = await probe.read()
        assert isinstance(first.facts, KubernetesFacts)
        assert (len(first.facts.pods), counts[PODS], counts[METRICS]) == (500, 1, 1)
        gap = next(gap for gap in first.gaps if gap.part == "700 or more further pods")
        assert (gap.cause, str(gap.hint)) == (Cause.TOO_BIG, "follow soon")
        probe.watched = False  # what was begun is read to its end also when nobody looks
        second = await probe.read()
        assert (len(second.facts.pods), len(second.facts.pod_use), second.gaps) == (1200, 1200, ())


async def test_a_pod_that_did_not_change_stays_the_same_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_FIRST", 60.0)
    async with reading("kubernetes", Cluster(600), tmp_path, monkeypatch) as probe:
        first = {pod.uid: pod for pod in (await probe.read()).facts.pods}
        second = {pod.uid: pod for pod in (await probe.read()).facts.pods}
        changed = {uid for uid in first if first[uid] is not second[uid]}
        assert first.keys() == second.keys()
        assert len(changed) == 12
        assert all(first[uid].version != second[uid].version for uid in changed)
        assert len({id(pod.containers) for pod in second.values()}) < len(second) // 2


@pytest.mark.parametrize(
    ("packed", "cause"),
    [(b"no gzip at all", Cause.GARBAGE), (gzip.compress(b" " * (33 << 20), 1), Cause.TOO_BIG)],
    ids=["garbage", "a bomb"],
)
async def test_a_packed_answer_that_cannot_be_unpacked_says_so(
    packed: bytes, cause: Cause, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster(10)

    def answer(request: Request) -> Reply:
        if request.path != PODS:
            return cluster(request)
        return Reply(packed, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})

    async with reading("kubernetes", answer, tmp_path, monkeypatch) as probe:
        with pytest.raises(ProbeError) as raised:
            await probe.read()
        assert raised.value.cause is cause


def operation(request: Request) -> str:
    """What an account is asked for."""
    return request.headers.get("x-amz-target", "").rpartition(".")[2]


async def test_the_bounds_of_very_many_services_are_asked_for_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from probes.aws.ecs import probe as ecs

    monkeypatch.setattr(ecs, "_BOUNDED", 60)
    monkeypatch.setitem(ecs._EVERY, "bounds of auto-scaling", (0.0, 0.0))
    account, counts = counted(Account(services=150), operation)
    async with reading("ecs", account, tmp_path, monkeypatch) as probe:
        assert isinstance(probe, ecs.EcsProbe)
        probe.watched = False
        await probe._calls.whose()
        await probe._roster.read()
        names = [one.name for one in probe._roster.services.values()]
        for known in (60, 120, 150):
            await probe._read_bounds(names)
            assert len(probe._bounds) == known
        assert counts["DescribeScalableTargets"] == 6
        await probe._read_bounds(names[:10])
        assert set(probe._bounds) == set(names[:10])


async def test_the_first_reading_of_queues_asks_for_no_move_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, counts = counted(Account(queues=30), operation)
    async with reading("sqs", account, tmp_path, monkeypatch) as probe:
        await probe.read()
        assert counts["ListMessageMoveTasks"] == 0
        await probe.read()
        assert counts["ListMessageMoveTasks"] > 0
