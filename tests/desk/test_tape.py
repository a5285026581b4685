"""The black box on disk: whole readings back, damage stays a gap, the size is kept, and several may read."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.keep import set_aside
from desk.tape.tape import Entry, Left, Mark, Tape, TapeError

BEGAN = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def entry(seconds: float, name: str = "db", **more: Any) -> Entry:
    rows = [{"pid": number, "query": f"SELECT {number} FROM campaigns"} for number in range(30)]
    return Entry(name, "toy", later(seconds), {"v": 1, "at": later(seconds).isoformat(), "facts": rows, **more})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "nursery.tape"


@pytest.fixture
def tape(path: Path) -> Iterator[Tape]:
    made = Tape.write(path)
    yield made
    made.close()


def test_what_was_kept_comes_back_for_each_target_at_a_moment(tape: Tape, path: Path) -> None:
    tape.add([entry(0), entry(2, "cache"), entry(10, x=1), entry(20, x=2)])
    found = Tape.read(path).at(later(15))
    assert [(one.target, one.at) for one in found] == [("db", later(10)), ("cache", later(2))]
    assert found[0].reading == entry(10, x=1).reading
    assert list(Tape.read(path).at(later(-1))) == []


def test_a_span_has_every_reading_in_order(tape: Tape) -> None:
    tape.add(entry(at, x=at) for at in range(0, 900, 10))
    found = list(tape.between("db", later(100), later(700)))
    assert [one.reading["x"] for one in found] == [*range(100, 701, 10)]
    assert list(tape.between("nobody", later(0), later(900))) == []


def test_only_we_may_read_the_file(tape: Tape, path: Path) -> None:
    tape.add([entry(0)])
    assert {part.stat().st_mode & 0o777 for part in path.parent.glob("nursery.tape*")} == {0o600}


def test_what_has_not_changed_costs_next_to_nothing(tape: Tape, path: Path) -> None:
    tape.add([entry(0)])
    tape.add(entry(at) for at in range(1, 200))
    with sqlite3.connect(path) as look:
        first, rest = look.execute("SELECT max(length(body)), sum(length(body)) FROM reading").fetchone()
    assert rest / 200 < first / 3


def test_secrets_are_taken_out_before_they_are_kept(path: Path) -> None:
    tape = Tape.write(path, redact=lambda text: text.replace("hunter2", "***"))
    tape.add([entry(0, x="hunter2")], [Mark(later(0), "note", "db", {"said": "hunter2"})])
    tape.close()
    assert b"hunter2" not in path.read_bytes()
    with_marks = Tape.read(path)
    assert with_marks.at(later(0))[0].reading["x"] == "***"
    assert with_marks.marks(later(0), later(0))[0].body == {"said": "***"}


def test_a_clock_that_went_back_leaves_what_is_there_as_it_is_and_is_said_until_it_has_caught_up(tape: Tape) -> None:
    assert tape.add([entry(10, x=1)]) == Left(0, 0)
    assert tape.add([entry(5, x=2), entry(10, x=0, name="cache")]) == Left(0, 1)
    assert tape.behind
    assert tape.add([entry(11, name="cache")]) == Left(0, 0)
    assert tape.behind
    assert tape.add([entry(10, x=3), entry(11, x=4)]) == Left(0, 0)
    assert not tape.behind
    assert [one.reading["x"] for one in tape.between("db", later(0), later(60))] == [1, 4]


def test_the_oldest_go_when_the_file_is_full_and_no_stretch_is_cut(path: Path) -> None:
    tape = Tape.write(path, limit=200 << 10)
    noise = random.Random(1)
    for minute in range(60):
        tape.add(entry(minute * 60 + at, x=noise.randbytes(600).hex()) for at in range(0, 60, 10))
        tape.trim()
        assert tape.size <= 200 << 10
    (kept,) = tape.kept()
    assert kept.last == later(59 * 60 + 50)
    assert later(0) < kept.first < later(59 * 60)
    found = list(tape.between("db", later(0), later(3600)))
    assert found[0].at == kept.first
    assert len(found) == (kept.last - kept.first).total_seconds() / 10 + 1


def test_what_comes_after_the_oldest_went_can_be_read_also_where_they_were_of_the_present_stretch(path: Path) -> None:
    tape = Tape.write(path, limit=100 << 10)
    noise = random.Random(1)
    large, second = noise.randbytes(3000).hex(), 0

    def read(second: int) -> list[Entry]:
        return [entry(second, f"db{number}", x=large, y=noise.randbytes(100).hex()) for number in range(20)]

    while not tape.trim():
        tape.add(read(second))
        second += 1
    assert 1 < second < 60
    said = read(second)
    tape.add(said)
    assert list(tape.at(later(second))) == said
    tape.close()


def test_what_is_older_than_it_may_be_goes_with_its_marks(tape: Tape) -> None:
    tape.add((entry(at, x=at) for at in range(0, 3600, 100)), [Mark(later(at), "note", "db", {}) for at in (10, 3000)])
    gone = tape.trim(later(1800))
    (kept,) = tape.kept()
    assert later(1500) <= kept.first <= later(1800)
    assert gone == (kept.first - later(0)).total_seconds() / 100
    assert [mark.at for mark in tape.marks(later(0), later(3600))] == [later(3000)]


def test_a_reading_that_has_no_form_in_json_is_left_out_and_counted(tape: Tape) -> None:
    assert tape.add([entry(0), entry(1, x=float("nan")), entry(2)]) == Left(1, 0)
    assert [one.at for one in tape.between("db", later(0), later(9))] == [later(0), later(2)]


def test_a_mark_that_has_no_form_in_json_is_left_out_and_counted_and_takes_nothing_with_it(tape: Tape) -> None:
    strange = [float("nan"), "\ud800", {1, 2}]
    marks = [Mark(later(at), "note", "db", {"n": one}) for at, one in enumerate([1, *strange, 2])]
    assert tape.add([entry(0)], marks) == Left(3, 0)
    assert [mark.body["n"] for mark in tape.marks(later(0), later(9))] == [1, 2]
    assert [one.at for one in tape.between("db", later(0), later(9))] == [later(0)]


def test_the_newest_marks_about_a_target_are_counted_after_the_others_were_left_out(tape: Tape) -> None:
    tape.add([], [Mark(later(at), "act", "db" if at % 4 == 0 else "cache", {"n": at}) for at in range(40)])
    tape.add([], [Mark(later(at), "said", "db", {}) for at in range(40)])
    found = tape.newest_marks("db", later(0), later(34), ("act", "alert"), 3)
    assert [mark.body["n"] for mark in found] == [24, 28, 32]


def test_a_size_that_cannot_be_read_is_said_as_everything_is(tape: Tape) -> None:
    tape.close()
    with pytest.raises(TapeError, match=r"nursery\.tape can't be read"):
        _ = tape.size


def test_readings_before_and_after_a_moment_and_the_gap_between(tape: Tape) -> None:
    tape.add([entry(0), entry(10), entry(100), entry(5, "cache")])
    assert (tape.before(later(10)), tape.after(later(10))) == (later(5), later(100))
    assert (tape.before(later(0)), tape.after(later(100))) == (None, None)
    assert [one.at for one in tape.back("db", "toy", later(0), later(50))] == [later(10), later(0)]
    assert tape.gap_after(later(0), timedelta(seconds=30), later(200)) == later(10)
    assert tape.gap_after(later(0), timedelta(seconds=300), later(200)) is None


def test_marks_come_back_in_order(tape: Tape) -> None:
    tape.add([], [Mark(later(at), "alert", "db", {"n": at}) for at in (5, 1, 3)])
    assert [mark.body["n"] for mark in tape.marks(later(0), later(4))] == [1, 3]


def test_a_reader_sees_one_moment_however_much_is_written(tape: Tape, path: Path) -> None:
    tape.add([entry(0, x=0)])
    reader = Tape.read(path)
    with reader.steady():
        assert reader.at(later(60))[0].reading["x"] == 0
        tape.add([entry(1, x=1)])
        assert reader.at(later(60))[0].reading["x"] == 0
    assert reader.at(later(60))[0].reading["x"] == 1


def test_a_writer_goes_on_where_another_left_off(tape: Tape, path: Path) -> None:
    tape.add([entry(0, x=0)])
    tape.close()
    again = Tape.write(path)
    again.add([entry(0, x=9), entry(10, x=1)])
    assert [one.reading["x"] for one in again.between("db", later(0), later(60))] == [0, 1]


def test_damage_in_one_reading_is_a_gap_and_the_others_are_there(tape: Tape, path: Path) -> None:
    tape.add(entry(at, x=at) for at in range(0, 50, 10))
    tape.close()
    with sqlite3.connect(path) as breaking:
        breaking.execute("UPDATE reading SET body = x'ff00ff' WHERE at % 1000 = 0 AND at = ?", (_ms(later(20)),))
    assert [one.reading["x"] for one in Tape.read(path).between("db", later(0), later(60))] == [0, 10, 30, 40]


def test_a_lost_key_reading_costs_its_stretch_and_no_more(tape: Tape, path: Path) -> None:
    tape.add(entry(at, x=at) for at in range(0, 700, 50))
    tape.close()
    with sqlite3.connect(path) as breaking:
        breaking.execute("DELETE FROM reading WHERE at = ?", (_ms(later(0)),))
    assert [one.reading["x"] for one in Tape.read(path).between("db", later(0), later(900))] == [*range(300, 700, 50)]


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


@pytest.mark.parametrize("content", [b"", b"not a database at all, but some text that is long enough" * 40])
def test_a_file_that_is_none_is_said_to_be_damaged_and_kept_aside(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(content)
    if content:
        with pytest.raises(TapeError, match="not a database") as caught:
            Tape.write(path)
        assert caught.value.damaged
        aside = set_aside(path, BEGAN)
        assert aside.read_bytes() == content
        assert aside.name == "nursery-damaged-20260301T030000.tape"
    Tape.write(path).add([entry(0)])


def test_a_file_of_another_version_is_left_alone(tape: Tape, path: Path) -> None:
    tape.close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 7")
    for opened in (Tape.read, Tape.write):
        with pytest.raises(TapeError, match="form 7, known is 1: another version wrote it") as caught:
            opened(path)
        assert not caught.value.damaged


def test_no_file_to_read_is_said(path: Path) -> None:
    with pytest.raises(TapeError, match="can't be read"):
        Tape.read(path)


def test_a_folder_that_others_may_write_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o777)
    with pytest.raises(TapeError, match="can be written by others"):
        Tape.write(path)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(st.tuples(st.integers(1, 400), values), min_size=1, max_size=20))
def test_any_readings_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, told: list[Any]) -> None:
    tape = Tape.write(tmp_path_factory.mktemp("tape") / "state" / "x.tape")
    at, sent = 0, []
    for step, value in told:
        at += step
        sent.append(Entry("db", "toy", later(at), {"v": 1, "facts": value}))
    tape.add(sent)
    assert list(tape.between("db", later(0), later(at))) == sent
    tape.close()
