"""The garbage collector goes through everything only while nobody waits for a key."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from tui.garbage import EVERY, LATEST, STILL, Garbage


@pytest.fixture
def garbage() -> Iterator[Garbage]:
    before = gc.get_threshold()
    made = Garbage()
    made.begin(1000.0)
    yield made
    made.end()
    assert gc.get_threshold() == before
    gc.unfreeze()


class Ring:
    """Refers to itself: only the collector ends it."""

    def __init__(self) -> None:
        self.itself = self


def test_a_full_collection_takes_what_refers_to_itself(garbage: Garbage) -> None:
    ring = Ring()
    seen = weakref.ref(ring)
    gc.collect(1)  # it grows old, and out of the reach of the short ones
    del ring
    gc.collect(1)
    assert seen() is not None
    assert garbage.tidy(1000.0 + EVERY)
    assert seen() is None


def test_python_begins_none_of_its_own(garbage: Garbage) -> None:
    full = gc.get_stats()[2]["collections"]
    kept = [[number] for number in range(200_000)]
    assert gc.get_stats()[2]["collections"] == full
    assert len(kept) == 200_000


def test_two_are_a_while_apart(garbage: Garbage) -> None:
    assert not garbage.tidy(1000.0 + EVERY - 1)
    assert garbage.tidy(1000.0 + EVERY)
    assert not garbage.tidy(1000.0 + EVERY + 1)


def test_none_begins_while_keys_are_pressed(garbage: Garbage) -> None:
    garbage.keyed(1000.0 + EVERY)
    assert not garbage.tidy(1000.0 + EVERY + STILL / 2)
    assert garbage.tidy(1000.0 + EVERY + STILL)


def test_whoever_never_stops_pressing_keys_gets_one_all_the_same(garbage: Garbage) -> None:
    for second in range(int(EVERY), int(LATEST)):
        garbage.keyed(1000.0 + second)
        assert not garbage.tidy(1000.0 + second)
    assert garbage.tidy(1000.0 + LATEST)
