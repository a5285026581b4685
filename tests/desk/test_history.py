"""The history on disk: what is put in comes out, gaps stay gaps, both tiers agree, and the size is kept."""

from __future__ import annotations

import math
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.history import LONG_STEP, MOST, STEP, Archive, ArchiveError, Bucket, Cell, Past
from desk.history.archive import LEAST
from desk.history.bucket import packed, regrouped, together, unpacked
from desk.history.file import TIERS
from desk.history.rollup import Minute, Rollup
from probes.base import GaugeKey

BEGAN = 1_772_323_200  # 2026-03-01 00:00 UTC
DAY, HOUR = 86400, 3600
DEPTH = GaugeKey("depth", (("queue", "mail"),))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def cell(value: float, readings: int = 1) -> Cell:
    return Cell(readings, value, value, value * readings, value)


def noisy(chance: random.Random) -> Cell:
    """What is hardest to keep: nothing in it repeats."""
    values = [chance.random() for _ in range(4)]
    return Cell(4, min(values), max(values), sum(values), values[-1])


def fold_all(archive: Archive, now: float) -> None:
    while archive.fold(now):
        pass


def kept(path: Path, key: GaugeKey = DEPTH, since: float = 0, until: float = 1e11, step: float = STEP) -> list[Bucket]:
    with Past.read(path) as past:
        return past.window("jobs", key, since, until, step)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.db"


@pytest.fixture
def archive(path: Path) -> Iterator[Archive]:
    made = Archive.write(path)
    yield made
    made.close()


CELLS = st.builds(
    lambda values, fell: Cell(len(values), min(values), max(values), sum(values), values[-1], fell),
    st.lists(NUMBERS, min_size=1, max_size=5),
    st.integers(0, 3),
)


@given(st.dictionaries(st.integers(0, 65535), CELLS, max_size=70))
def test_cells_come_back_exactly(found: dict[int, Cell]) -> None:
    rows = sorted(found.items())
    assert repr(unpacked(packed(rows))) == repr(rows)


@given(st.binary(max_size=200), st.integers(0, 199), st.integers(0, 255))
def test_damaged_cells_are_a_value_error_and_nothing_else(body: bytes, at: int, byte: int) -> None:
    whole = bytearray(packed([(3, cell(1.5)), (7, cell(2.5, 9))]))
    whole[at % len(whole)] = byte
    for damaged in (body, bytes(whole)):
        try:
            unpacked(damaged)
        except ValueError:
            continue


@given(st.lists(st.tuples(st.integers(0, 7199), st.integers(-100, 100)), min_size=1, max_size=60))
def test_readings_become_exactly_their_minutes_and_a_minute_without_one_is_absent(found: list[tuple[int, int]]) -> None:
    rollup, expected = Rollup(), dict[int, list[int]]()
    for at, value in found:
        rollup.add("jobs", BEGAN + at, {DEPTH: float(value)})
        expected.setdefault(at // STEP * STEP, []).append(value)
    minutes = {minute.start - BEGAN: minute.cells[DEPTH] for minute in rollup.closed(BEGAN + DAY)}
    assert minutes == {
        start: Cell(len(values), min(values), max(values), sum(values), values[-1])
        for start, values in expected.items()
    }
    assert rollup.closed(BEGAN + 2 * DAY) == []


def test_only_the_open_minute_stays_open() -> None:
    rollup = Rollup()
    for at in (0, 59, 60, 125):
        rollup.add("jobs", BEGAN + at, {DEPTH: 1.0})
    assert [minute.start - BEGAN for minute in rollup.closed(BEGAN + 130)] == [0, 60]
    assert [minute.start - BEGAN for minute in rollup.all()] == [120]


def test_a_counter_that_fell_is_recognised_also_across_minutes_and_a_gauge_that_fell_is_nothing() -> None:
    rollup = Rollup(lambda target, gauge: gauge == "sent_total")
    for at, value in ((0, 10.0), (50, 12.0), (70, 3.0), (80, 4.0), (90, 1.0)):
        rollup.add("jobs", BEGAN + at, {GaugeKey("sent_total"): value, GaugeKey("depth"): value})
    first, second = rollup.all()
    assert [first.cells[GaugeKey("sent_total")].fell, second.cells[GaugeKey("sent_total")].fell] == [0, 2]
    assert second.cells[GaugeKey("depth")].fell == 0


READINGS = st.lists(
    st.tuples(st.integers(0, 14 * HOUR), st.integers(0, 3), st.integers(-1000, 1000)), min_size=1, max_size=120
)


@settings(max_examples=25, deadline=None)
@given(readings=READINGS, folds=st.lists(st.integers(0, 16 * HOUR), max_size=4))
def test_whatever_is_folded_when_the_same_comes_out_and_both_tiers_agree(
    tmp_path_factory: pytest.TempPathFactory, readings: list[tuple[int, int, int]], folds: list[int]
) -> None:
    path = tmp_path_factory.mktemp("history") / "state" / "history.db"
    archive, rollup, minutes = Archive.write(path), Rollup(), dict[tuple[int, int], list[Cell]]()
    due = sorted(folds)
    for at, which, value in sorted(readings):
        key = GaugeKey("depth", (("queue", f"q{which}"),))
        while due and due[0] < at:
            archive.add(rollup.closed(BEGAN + due[0]))
            fold_all(archive, BEGAN + due.pop(0))
        rollup.add("jobs", BEGAN + at, {key: float(value)})
        minutes.setdefault((which, (BEGAN + at) // STEP * STEP), []).append(cell(value))
    archive.add(rollup.all())
    for which in range(4):
        key = GaugeKey("depth", (("queue", f"q{which}"),))
        expected = [Bucket(at, STEP, together(found)) for (one, at), found in sorted(minutes.items()) if one == which]
        assert kept(path, key) == expected
        fold_all(archive, BEGAN + DAY)
        assert kept(path, key) == expected
        assert kept(path, key, step=LONG_STEP) == regrouped(expected, LONG_STEP)
        half = BEGAN + 7 * HOUR
        assert kept(path, key, half, half + HOUR) == [
            one for one in expected if one.end > half and one.start <= half + HOUR
        ]
    archive.close()


def test_a_gap_is_never_filled(archive: Archive, path: Path) -> None:
    for minute in (0, 1, 30, 31, 200):
        archive.add([Minute("jobs", BEGAN + minute * STEP, {DEPTH: cell(5.0)})])
    fold_all(archive, BEGAN + DAY)
    assert [(one.start - BEGAN) / STEP for one in kept(path)] == [0, 1, 30, 31, 200]
    assert [(one.start - BEGAN) / STEP for one in kept(path, step=LONG_STEP)] == [0, 30, 200]
    assert kept(path, GaugeKey("depth")) == []


def test_what_comes_late_because_the_clock_went_back_is_added_to_its_minute(archive: Archive, path: Path) -> None:
    archive.add([Minute("jobs", BEGAN, {DEPTH: cell(5.0)}), Minute("jobs", BEGAN + STEP, {DEPTH: cell(6.0)})])
    fold_all(archive, BEGAN + DAY)
    archive.add([Minute("jobs", BEGAN, {DEPTH: cell(1.0)})])
    assert kept(path)[0].cell == Cell(2, 1.0, 5.0, 6.0, 1.0)
    fold_all(archive, BEGAN + DAY)
    assert kept(path)[0].cell == Cell(2, 1.0, 5.0, 6.0, 1.0)
    assert [one.start - BEGAN for one in kept(path)] == [0, STEP]
    assert kept(path, step=LONG_STEP)[0].cell.readings == 3


def test_a_clock_that_goes_back_is_noticed_and_a_small_step_is_not() -> None:
    rollup = Rollup()
    rollup.add("jobs", BEGAN + 500, {DEPTH: 1.0})
    rollup.add("jobs", BEGAN + 499, {DEPTH: 1.0})
    assert rollup.went_back == 0
    rollup.add("jobs", BEGAN + 300, {DEPTH: 1.0})
    assert (rollup.went_back, rollup.newest) == (200, BEGAN + 300)


def test_minutes_go_after_two_days_and_everything_after_thirty(archive: Archive, path: Path) -> None:
    for day in range(40):
        archive.add([Minute("jobs", BEGAN + day * DAY, {DEPTH: cell(float(day))})])
    now = BEGAN + 39 * DAY + 7 * HOUR
    fold_all(archive, now)
    while archive.trim(now):
        pass
    days = [(one.start - BEGAN) / DAY for one in kept(path)]
    assert days == list(range(10, 40))
    assert [one.span for one in kept(path)] == [LONG_STEP] * 28 + [STEP] * 2


def test_a_clock_that_leaps_ahead_takes_only_little_of_what_is_there(archive: Archive, path: Path) -> None:
    for hour in range(60):
        archive.add([Minute("jobs", BEGAN + hour * HOUR, {DEPTH: cell(1.0)})])
    fold_all(archive, BEGAN + 3 * DAY)
    archive.trim(BEGAN + 10_000 * DAY)
    assert len(kept(path, step=LONG_STEP)) >= 60 - 4 * 6


def test_where_it_is_full_the_oldest_minutes_go_first_and_the_long_tier_last(path: Path) -> None:
    chance = random.Random(3)
    archive = Archive.write(path, LEAST)
    keys = [GaugeKey("depth", (("queue", f"q{number}"),)) for number in range(60)]
    largest = 0
    for hour in range(30):
        for minute in range(0, 60, 2):
            at = BEGAN + hour * HOUR + minute * STEP
            archive.add([Minute("jobs", at, {key: noisy(chance) for key in keys})])
        fold_all(archive, BEGAN + (hour + 1) * HOUR)
        archive.trim(BEGAN + (hour + 1) * HOUR)
        largest = max(largest, sum(one.stat().st_size for one in path.parent.iterdir() if "shm" not in one.name))
    assert largest <= LEAST
    found = kept(path, keys[7])
    spans = [one.span for one in found]
    assert spans == sorted(spans, reverse=True)
    assert {STEP, LONG_STEP} == set(spans)
    assert found[0].start == BEGAN
    archive.close()


def test_a_size_set_smaller_makes_the_file_smaller(path: Path) -> None:
    chance = random.Random(4)
    archive = Archive.write(path, 4 * LEAST)
    keys = [GaugeKey("depth", (("queue", f"q{number}"),)) for number in range(60)]
    for hour in range(22):
        archive.add(
            [
                Minute("jobs", BEGAN + hour * HOUR + minute * STEP, {key: noisy(chance) for key in keys})
                for minute in range(60)
            ]
        )
        fold_all(archive, BEGAN + (hour + 1) * HOUR)
    archive.settle()
    archive.close()
    assert path.stat().st_size > LEAST
    Archive.write(path, LEAST).close()
    assert path.stat().st_size <= LEAST
    assert kept(path, keys[0], step=LONG_STEP)


def test_no_more_gauges_of_a_target_are_kept_than_is_said_and_new_ones_follow_once_old_ones_stay_away(
    archive: Archive, path: Path
) -> None:
    def churned(start: int, hour: int) -> int:
        cells = {GaugeKey("depth", (("pid", str(number)),)): cell(1.0) for number in range(start, start + 700)}
        return archive.add([Minute("jobs", BEGAN + hour * HOUR, cells)])

    assert churned(0, 0) == 0
    assert churned(700, 0) == 1400 - MOST
    assert churned(700, 3) == 0
    assert len(kept(path, GaugeKey("depth", (("pid", "1399"),)))) == 1
    assert len(kept(path, GaugeKey("depth", (("pid", "700"),)))) == 2
    with Past.read(path) as past:
        assert len(past.gauges("jobs")) == 1400


def test_a_gauge_that_comes_back_is_one_with_what_it_was(archive: Archive, path: Path) -> None:
    archive.add([Minute("jobs", BEGAN, {DEPTH: cell(1.0)})])
    archive.close()
    again = Archive.write(path)
    again.add([Minute("jobs", BEGAN + 5 * DAY, {GaugeKey("new"): cell(1.0), DEPTH: cell(2.0)})])
    assert [one.cell.last for one in kept(path)] == [1.0, 2.0]
    with Past.read(path) as past:
        assert past.gauges("jobs") == [DEPTH, GaugeKey("new")]
        assert past.began("jobs", DEPTH) == BEGAN
        assert past.began("jobs", GaugeKey("no")) is None
    again.close()


def test_when_somebody_watched_is_known(archive: Archive, path: Path) -> None:
    for minute in (0, 1, 2):
        archive.add([], BEGAN + minute * STEP)
    archive.close()
    again = Archive.write(path)
    again.add([], BEGAN + 40 * STEP)
    again.add([], BEGAN + 41 * STEP)
    again.close()
    with Past.read(path) as past:
        assert past.watched(BEGAN, BEGAN + HOUR) == [
            (BEGAN, BEGAN + 2 * STEP),
            (BEGAN + 40 * STEP, BEGAN + 41 * STEP),
        ]


def test_one_damaged_row_is_a_gap_and_no_more(archive: Archive, path: Path) -> None:
    for hour in range(3):
        archive.add([Minute("jobs", BEGAN + hour * HOUR, {DEPTH: cell(1.0)})])
    fold_all(archive, BEGAN + DAY)
    archive.close()
    with sqlite3.connect(path) as rough:
        rough.execute("UPDATE block SET body = x'0100ffffffff00' WHERE start = ?", (BEGAN + HOUR,))
        rough.execute("UPDATE block SET body = x'00' WHERE step = 600")
    assert [one.start - BEGAN for one in kept(path)] == [0, 2 * HOUR]


def test_rubbish_another_form_and_no_file_are_told_in_words(path: Path) -> None:
    with pytest.raises(ArchiveError, match="unable to open"):
        Past.read(path)
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"rubbish " * 1000)
    with pytest.raises(ArchiveError) as found:
        Archive.write(path)
    assert found.value.damaged
    path.unlink()
    Archive.write(path).close()
    with sqlite3.connect(path) as rough:
        rough.execute("PRAGMA user_version = 9")
    with pytest.raises(ArchiveError, match="form 9"):
        Past.read(path)
    with pytest.raises(ArchiveError, match="form 9"):
        Archive.write(path)


def test_only_we_may_read_the_file(archive: Archive, path: Path) -> None:
    archive.add([Minute("jobs", BEGAN, {DEPTH: cell(1.0)})])
    assert {part.stat().st_mode & 0o777 for part in path.parent.iterdir()} == {0o600}


def test_numbers_too_great_to_be_added_up_keep_what_can_be_known() -> None:
    great = together([cell(1e308), cell(1.5e308)])
    assert math.isinf(great.total)
    assert (great.least, great.most, great.mean) == (1e308, 1.5e308, 1.5e308)
    assert unpacked(packed([(0, great)])) == [(0, great)]


def test_the_tiers_fit_into_each_other() -> None:
    for step, block, age in TIERS:
        assert block % step == 0
        assert age % block == 0
        assert block // step <= 65535
