"""What the board knows, and how fresh it says it is."""

from __future__ import annotations

from datetime import UTC, datetime

from desk.board import Board, Freshness
from probes.base import Cause, Failure, Gap, GaugeKey, SafeText, Snapshot, State
from tests.toys import StillClock, ToyFacts, target

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def snapshot(**gauges: float) -> Snapshot[ToyFacts]:
    return Snapshot("shelf", NOW, 0.01, ToyFacts(), {GaugeKey(name): value for name, value in gauges.items()})


def failure(cause: Cause = Cause.REFUSED) -> Failure:
    return Failure("shelf", NOW, cause, SafeText("refused"))


def board() -> tuple[Board, StillClock]:
    clock = StillClock()
    return Board([target(every=2.0)], clock), clock


def test_a_target_that_never_answered_is_waiting() -> None:
    made, clock = board()
    assert made.slot("shelf").freshness(clock.monotonic()) is Freshness.WAITING
    assert made.slot("shelf").age(clock.monotonic()) is None


def test_a_reading_is_fresh_until_two_beats_were_missed() -> None:
    made, clock = board()
    made.take(snapshot())
    clock.seconds += 5
    assert made.slot("shelf").freshness(clock.monotonic()) is Freshness.FRESH
    clock.seconds += 1
    assert made.slot("shelf").freshness(clock.monotonic()) is Freshness.STALE


def test_a_failure_keeps_the_last_good_reading_and_its_age() -> None:
    made, clock = board()
    made.take(snapshot(x=1))
    clock.seconds += 3
    slot = made.take(failure())
    assert slot.snapshot is not None
    assert slot.age(clock.monotonic()) == 3
    assert slot.state(clock.monotonic()) is State.DOWN


def test_a_recovery_forgets_the_failure() -> None:
    made, clock = board()
    made.take(failure())
    slot = made.take(snapshot())
    assert (slot.failure, slot.misses, slot.failing_since) == (None, 0, None)
    assert slot.state(clock.monotonic()) is State.LIVE


def test_a_row_of_failures_remembers_when_it_began() -> None:
    made, clock = board()
    began = clock.seconds
    made.take(failure())
    clock.seconds += 10
    slot = made.take(failure(Cause.TIMEOUT_READ))
    assert (slot.failing_since, slot.misses) == (began, 2)


def test_values_expire_after_ten_beats_or_half_a_minute() -> None:
    made, clock = board()
    made.take(snapshot())
    clock.seconds += 29
    assert not made.slot("shelf").expired(clock.monotonic())
    clock.seconds += 2
    assert made.slot("shelf").expired(clock.monotonic())


def test_a_reading_with_a_gap_is_partial() -> None:
    made, clock = board()
    made.take(Snapshot("shelf", NOW, 0.0, ToyFacts(), {}, (Gap("sizes", Cause.DENIED),)))
    assert made.slot("shelf").state(clock.monotonic()) is State.PARTIAL


def test_a_missing_value_is_a_gap_in_the_history() -> None:
    made, _ = board()
    made.take(snapshot(x=1, y=2))
    made.take(snapshot(y=3))
    made.take(failure())
    assert made.series("shelf").values("x") == [1, None, None]
    assert made.series("shelf").values("y") == [2, 3, None]


def test_a_frozen_board_stays_as_it_was() -> None:
    made, _ = board()
    made.take(snapshot(x=1))
    still = made.freeze()
    made.take(snapshot(x=2))
    assert still.series("shelf").values("x") == [1]
    assert still.slot("shelf").snapshot is not made.slot("shelf").snapshot


def test_the_bell_rings_for_each_change_and_the_names_are_drained_once() -> None:
    made, _ = board()
    rung: list[int] = []
    made.bell = lambda: rung.append(1)
    made.take(snapshot())
    made.take(failure())
    assert len(rung) == 2
    assert made.drain() == {"shelf"}
    assert made.drain() == set()
