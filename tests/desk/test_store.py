"""The store: order, sharing between sessions, and every way in which a disk can fail."""

from __future__ import annotations

import sqlite3
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.store import FileStore, Row, StoreError
from tests.desk.inboxes import START


def row(id: str, about: str = "case", days: float = 0.0) -> Row:
    return Row(id, START + timedelta(days=days), about, {"id": id})


def test_what_was_appended_is_read_in_order_by_everybody(tmp_path: Path) -> None:
    one, other = FileStore.open(tmp_path / "s.db"), FileStore.open(tmp_path / "s.db")
    one.append("inbox", [row("a"), row("b")])
    other.append("inbox", [row("c")])
    one.append("runs", [row("x")])
    assert [found.id for found in one.read("inbox")] == ["a", "b", "c"]
    first = other.read("inbox", most=1)[0]
    assert (first.id, first.at, first.about, first.body) == ("a", START, "case", {"id": "a"})
    assert [found.id for found in other.read("inbox", after=first.seq)] == ["b", "c"]
    one.close()
    other.close()


def test_news_is_what_another_session_wrote(tmp_path: Path) -> None:
    one, other = FileStore.open(tmp_path / "s.db"), FileStore.open(tmp_path / "s.db")
    one.news()
    assert not one.news()
    one.append("inbox", [row("a")])
    assert not one.news()
    other.append("inbox", [row("b")])
    assert one.news()
    assert not one.news()
    one.close()
    other.close()


def test_a_record_appended_twice_is_kept_once(tmp_path: Path) -> None:
    store = FileStore.open(tmp_path / "s.db")
    store.append("inbox", [row("a")])
    store.append("inbox", [row("a"), row("b")])
    assert [found.id for found in store.read("inbox")] == ["a", "b"]
    store.close()


def test_what_is_old_goes_but_not_what_stands_open(tmp_path: Path) -> None:
    store = FileStore.open(tmp_path / "s.db")
    store.append("inbox", [row("a", "open", -40), row("b", "over", -40), row("c", "over")])
    assert store.forget("inbox", START - timedelta(days=31), ["open"]) == 1
    assert [found.id for found in store.read("inbox")] == ["a", "c"]
    store.append("inbox", [row("d")])
    assert [found.id for found in store.read("inbox")][-1] == "d"
    store.close()


def test_the_file_and_its_folder_are_for_us_alone(tmp_path: Path) -> None:
    store = FileStore.open(tmp_path / "deep" / "s.db")
    store.append("inbox", [row("a")])
    for path in (tmp_path / "deep").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o700
    store.close()


def test_secrets_do_not_reach_the_disk(tmp_path: Path) -> None:
    store = FileStore.open(tmp_path / "s.db", lambda text: text.replace("hunter2", "***"))
    store.append("inbox", [Row("a", START, "case", {"words": "password hunter2"})])
    assert store.read("inbox")[0].body == {"words": "password ***"}
    store.close()


def test_a_secret_that_is_the_same_word_as_a_field_or_what_must_stay_as_it_is_changes_neither(tmp_path: Path) -> None:
    store = FileStore.open(tmp_path / "s.db", lambda text: text.replace("target", "***"), ["target", "matches"])
    more = [{"words": "the target", "target": "a target"}, None, 1]
    body = {"target": "target", "matches": [["target"]], "more": more}
    store.append("inbox", [Row("target", START, "target", body)])
    (found,) = store.read("inbox")
    more = [{"words": "the ***", "target": "a target"}, None, 1]
    assert (found.id, found.about, found.body) == ("target", "target", {**body, "more": more})
    store.close()


@pytest.mark.parametrize("damage", [b"this is no database, but it is long enough to be looked at" * 40, None])
def test_a_damaged_file_is_known_as_one(tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "s.db"
    if damage is None:
        store = FileStore.open(path)
        store.append("inbox", [row(str(number)) for number in range(500)])
        store.close()
        whole = path.read_bytes()
        path.write_bytes(whole[:4096] + b"\xff" * 8192 + whole[12288:])
    else:
        path.write_bytes(damage)
    with pytest.raises(StoreError) as raised:
        FileStore.open(path)
    assert raised.value.damaged


def test_half_a_character_becomes_a_question_mark(tmp_path: Path) -> None:
    store = FileStore.open(tmp_path / "s.db")
    store.append("inbox", [Row("a", START, "case", {"text": "kite \ud83e"})])
    assert store.read("inbox")[0].body == {"text": "kite ?"}
    store.close()


@pytest.mark.parametrize(
    "bad",
    [
        Row("b", START, "case", {"value": float("nan")}),
        Row("b", START, "\ud83e", {}),
        Row("b", START, "case", {"value": object()}),
    ],
)
def test_a_record_that_has_no_form_in_a_file_is_refused_as_any_trouble_and_the_store_goes_on(
    tmp_path: Path, bad: Row
) -> None:
    store = FileStore.open(tmp_path / "s.db")
    with pytest.raises(StoreError, match="can't take a record"):
        store.append("inbox", [row("a"), bad])
    store.append("inbox", [row("c")])
    assert [found.id for found in store.read("inbox")] == ["c"]
    store.close()


def test_a_file_of_another_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(StoreError, match="form 9") as raised:
        FileStore.open(path)
    assert not raised.value.damaged
    with pytest.raises(StoreError, match="form 9"):
        FileStore.look(path)


def test_a_file_that_was_moved_or_deleted_takes_nothing_more(tmp_path: Path) -> None:
    store = FileStore.open(tmp_path / "s.db")
    (tmp_path / "s.db").rename(tmp_path / "other.db")
    with pytest.raises(StoreError, match="moved or deleted"):
        store.append("inbox", [row("a")])
    FileStore.open(tmp_path / "s.db").close()
    with pytest.raises(StoreError, match="moved or deleted"):
        store.news()
    store.close()


def test_a_folder_that_is_no_folder_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"s\.db can.t be used: (not a directory|file exists)"):
        FileStore.open(tmp_path / "file" / "s.db")


def test_a_full_disk_is_said_and_nothing_of_the_batch_is_kept(tmp_path: Path) -> None:
    store = FileStore.open(tmp_path / "s.db")
    store._db.execute("PRAGMA max_page_count = 12")  # SQLite's own word for a disk that has no more room
    with pytest.raises(StoreError, match="full") as raised:
        store.append("inbox", [Row(str(number), START, "case", {"words": "x" * 900}) for number in range(200)])
    assert not raised.value.damaged
    assert store.read("inbox") == []
    store.close()


@pytest.mark.parametrize("body", ["{broken", "[" * 100_000], ids=["broken", "deep"])
def test_what_is_no_json_is_read_as_nothing(tmp_path: Path, body: str) -> None:
    store = FileStore.open(tmp_path / "s.db")
    store.append("inbox", [row("a")])
    store._db.execute("UPDATE record SET body = ?", (body,))
    store._db.commit()
    assert store.read("inbox")[0].body == {}
    store.close()


@settings(max_examples=25, deadline=None)
@given(batches=st.lists(st.lists(st.integers(0, 30), max_size=8), max_size=8), page=st.integers(1, 5))
def test_read_page_by_page_it_is_what_was_appended_first(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]], page: int
) -> None:
    store = FileStore.open(tmp_path_factory.mktemp("store") / "s.db")
    for batch in batches:
        store.append("inbox", [row(str(number)) for number in batch])
    found: list[str] = []
    after = 0
    while rows := store.read("inbox", after, page):
        found += [one.id for one in rows]
        after = rows[-1].seq
    assert found == list(dict.fromkeys(str(number) for batch in batches for number in batch))
    store.close()
