"""Lines of several logs as one: in the order of their times, each log's own order kept, and nothing waits for long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.base import Cause, ProbeError, SafeText
from probes.base.logmerge import Order, Stamped, merged

Lines = list[tuple[float | None, str]]
LOG = st.lists(st.one_of(st.none(), st.floats(0, 100)), max_size=20)


@given(st.lists(LOG, min_size=1, max_size=4))
def test_each_log_keeps_its_own_order_and_no_line_is_lost(logs: list[list[float | None]]) -> None:
    sources = [(str(name), [(at, (name, number)) for number, at in enumerate(log)]) for name, log in enumerate(logs)]
    found = Order().of(sources)
    for name, log in enumerate(logs):
        assert [number for source, number in found if source == name] == list(range(len(log)))


def test_lines_stand_in_the_order_of_their_times_and_a_line_without_one_behind_its_own() -> None:
    order = Order()
    one: Lines = [(None, "a head"), (2.0, "a2"), (None, "a2 trace"), (6.0, "a6")]
    other: Lines = [(1.0, "b1"), (4.0, "b4"), (3.0, "b back in time"), (5.0, "b5")]
    plain: Lines = [(None, "c plain")]
    found = order.of([("a", one), ("b", other), ("c", plain)])
    assert found == ["c plain", "b1", "a head", "a2", "a2 trace", "b4", "b back in time", "b5", "a6"]
    later: Lines = [(None, "a6 trace"), (8.0, "a8")]
    other = [(7.0, "b7")]
    assert order.of([("b", other), ("a", later)]) == ["a6 trace", "b7", "a8"]


def test_a_time_that_lies_ahead_is_not_when_it_was_written() -> None:
    one, other = [(1.0, "a1"), (900.0, "a next run in a year"), (3.0, "a3")], [(2.0, "b2")]
    assert Order().of([("a", one), ("b", other)], latest=100) == ["a1", "a next run in a year", "b2", "a3"]


def test_5000_lines_of_several_logs_take_no_time() -> None:
    sources = [(str(name), [(float(number), "x" * 100) for number in range(1000)]) for name in range(5)]
    began = time.process_time()
    assert len(Order().of(sources)) == 5000
    assert time.process_time() - began < 1


async def log(lines: Sequence[tuple[float, str]], more: asyncio.Event | None = None) -> AsyncGenerator[SafeText, None]:
    """Its past, then after a sign one line more."""
    for at, text in lines:
        yield Stamped(text, at=at)
    if more is not None:
        await more.wait()
        yield Stamped("what came", at=0.0)


async def failing(error: ProbeError) -> AsyncGenerator[SafeText, None]:
    raise error
    yield SafeText()


async def test_the_past_of_all_comes_in_order_then_what_comes_as_it_comes() -> None:
    more = asyncio.Event()
    found: list[str] = []
    async with asyncio.timeout(10):
        async for line in merged([log([(1.0, "a1"), (3.0, "a3")], more), log([(2.0, "b2"), (4.0, "b4")])]):
            found.append(str(line))
            if len(found) == 4:
                more.set()
    assert found == ["a1", "b2", "a3", "b4", "what came"]


async def test_a_log_that_says_nothing_keeps_the_others_waiting_a_moment_only() -> None:
    never = asyncio.Event()
    stream = merged([log([(1.0, "a1")], never), log([], never)])
    async with asyncio.timeout(20):
        assert str(await anext(stream)) == "a1"
    await stream.aclose()


async def test_one_log_alone_is_not_waited_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probes.base.logmerge._QUIET", 60.0)
    monkeypatch.setattr("probes.base.logmerge._PATIENCE", 60.0)
    never = asyncio.Event()
    stream = merged([log([(1.0, "a1")], never)])
    async with asyncio.timeout(20):
        assert str(await anext(stream)) == "a1"
    await stream.aclose()


async def test_a_log_that_breaks_off_is_said_and_the_failure_of_the_last_one_raised() -> None:
    gone = ProbeError(Cause.GONE, "it went away")
    more = asyncio.Event()
    found: list[str] = []
    async for line in merged([log([(1.0, "a1")], more), failing(gone)]):
        found.append(str(line))
        more.set()
    assert sorted(found) == ["(a log broke off: it went away)", "a1", "what came"]
    with pytest.raises(ProbeError, match="it went away"):
        [line async for line in merged([failing(gone), failing(gone)])]
