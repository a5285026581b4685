"""The poller and the engine: deadlines, slowing down, bugs, leaving."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from desk.engine import Engine, Watched
from desk.poller import LONGEST, LONGEST_DENIED, Poller, Reading, pause
from probes.base import Cause, Failure, ProbeError, Snapshot
from tests.toys import StillClock, ToyProbe, context, target


def probe(**settings: Any) -> ToyProbe:
    return ToyProbe(target(**settings), context())


class Caught:
    """Gathers readings and waits for the next one."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.bugs: list[Exception] = []
        self._came = asyncio.Event()

    def take(self, reading: Reading) -> None:
        self.readings.append(reading)
        self._came.set()

    async def until(self, enough: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not enough():
                self._came.clear()
                await self._came.wait()


async def first_reading(toy: ToyProbe, count: int = 1) -> Caught:
    caught = Caught()
    poller = Poller(toy, caught.take, StillClock(), lambda name, error: caught.bugs.append(error))
    task = asyncio.create_task(poller.run())
    await caught.until(lambda: len(caught.readings) >= count)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return caught


async def test_a_read_that_works_is_delivered() -> None:
    caught = await first_reading(probe())
    assert isinstance(caught.readings[0], Snapshot)


async def test_a_refusal_is_delivered_with_its_reason() -> None:
    toy = probe()
    toy.answers = ProbeError(Cause.REFUSED, "connection refused")
    (reading,) = (await first_reading(toy)).readings
    assert isinstance(reading, Failure)
    assert reading.cause is Cause.REFUSED


async def test_a_bug_costs_one_panel_and_tells_no_secret() -> None:
    toy = probe()
    toy.answers = ValueError("password=canary")
    caught = await first_reading(toy)
    (reading,) = caught.readings
    assert isinstance(reading, Failure)
    assert reading.cause is Cause.INTERNAL
    assert "canary" not in str(reading.message)
    assert isinstance(caught.bugs[0], ValueError)


@pytest.mark.parametrize(("doing", "cause"), [("connecting", Cause.TIMEOUT_CONNECT), ("reading", Cause.TIMEOUT_READ)])
async def test_a_silent_target_is_cut_at_the_deadline(doing: str, cause: Cause) -> None:
    class Silent(ToyProbe):
        async def read(self) -> Snapshot[object]:  # type: ignore[override]
            self.doing = doing
            await asyncio.Event().wait()
            raise AssertionError

    toy = Silent(target(timeout=0.05), context())
    (reading,) = (await first_reading(toy)).readings
    assert isinstance(reading, Failure)
    assert reading.cause is cause
    assert toy.aborted >= 1


async def test_a_read_that_cannot_be_cut_is_never_joined_by_a_second() -> None:
    running = 0

    class Stubborn(ToyProbe):
        async def read(self) -> Snapshot[object]:  # type: ignore[override]
            nonlocal running
            running += 1
            assert running == 1
            while True:
                try:
                    await release.wait()
                    running -= 1
                    raise ProbeError(Cause.RESET, "gone")
                except asyncio.CancelledError:
                    continue

    release = asyncio.Event()
    toy = Stubborn(target(timeout=0.05, every=0.05), context())
    caught = Caught()
    poller = Poller(toy, caught.take, StillClock(), lambda name, error: caught.bugs.append(error))
    task = asyncio.create_task(poller.run())
    await caught.until(lambda: len(caught.readings) >= 3)
    release.set()
    task.cancel()
    await asyncio.wait({task})
    assert "earlier read still hangs" in str(
        caught.readings[1].message if isinstance(caught.readings[1], Failure) else ""
    )
    assert not caught.bugs


async def test_reading_now_does_not_wait_for_the_beat() -> None:
    toy, caught = probe(every=3600), Caught()
    poller = Poller(toy, caught.take, StillClock(), lambda name, error: None)
    task = asyncio.create_task(poller.run())
    await caught.until(lambda: len(caught.readings) == 1)
    poller.read_now()
    await caught.until(lambda: len(caught.readings) == 2)
    task.cancel()
    await asyncio.wait({task})


def test_it_slows_down_and_never_gives_up() -> None:
    assert pause(2, 100, False, 0) == LONGEST
    assert pause(2, 100, True, 0) == LONGEST_DENIED
    assert pause(120, 100, False, 0) == 120


def test_many_rooms_do_not_come_back_in_step() -> None:
    assert pause(2, 3, False, 0.0) < pause(2, 3, False, 0.5) < pause(2, 3, False, 1.0)


async def test_leaving_takes_a_moment_though_every_backend_hangs() -> None:
    toys = [ToyProbe(target(f"toy{number}", timeout=60), context()) for number in range(5)]
    for toy in toys:
        toy.hang = asyncio.Event()
    engine = Engine([Watched(toy, ()) for toy in toys], StillClock())
    engine.start()
    async with asyncio.timeout(20):
        while not all(toy.reads for toy in toys):
            await asyncio.sleep(0)
    began = asyncio.get_running_loop().time()
    await engine.close()
    assert asyncio.get_running_loop().time() - began < 5
    assert all(toy.closed == 1 for toy in toys)


async def test_one_dead_target_leaves_the_others_their_beat() -> None:
    dead, alive = ToyProbe(target("dead", timeout=60), context()), ToyProbe(target("alive", every=0.05), context())
    dead.hang = asyncio.Event()
    engine = Engine([Watched(dead, ()), Watched(alive, ())], StillClock())
    engine.start()
    async with asyncio.timeout(30):
        while alive.reads < 5:
            await asyncio.sleep(0.01)
    assert dead.reads == 1
    await engine.close()
