"""A table of very many rows: it is filtered and ordered in slices, and no key waits for the whole of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from tui.kinds import Kinds
from widgets import table as module
from widgets.panel import Column, Table
from widgets.table import KeyedTable, ordering, widths

MANY = 5000


@dataclass(frozen=True)
class Row:
    """A row that counts how often it was asked for its text."""

    name: str
    size: float | None
    asked: list[str] = field(default_factory=list, compare=False)

    def told(self) -> str:
        self.asked.append(self.name)
        return self.name


TABLE: Table[Any, Any] = Table(
    name="rows",
    title="rows",
    rows=lambda facts: facts,
    key=lambda row: row.name,
    columns=(
        Column("name", lambda row: row.told(), 12),
        Column("size", lambda row: f"{row.size}", 8, lambda row: row.size, True, descending=True),
    ),
    empty="there is no row",
)


class One(App[None]):
    """An app with one table."""

    def __init__(self, table: KeyedTable) -> None:
        super().__init__()
        self.table = table

    def compose(self) -> ComposeResult:
        yield self.table


def rows(count: int = MANY, asked: list[str] | None = None) -> list[Row]:
    return [Row(f"row-{number:05d}", float(number % 97), [] if asked is None else asked) for number in range(count)]


def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every slice is over at once."""
    monkeypatch.setattr(module, "_SLICE", -1.0)


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 40
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0)


def names(table: KeyedTable) -> list[str]:
    return [key for key, _ in table._rows]


async def test_the_first_rows_of_a_filter_are_shown_before_all_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    slowly(monkeypatch)
    table = KeyedTable()
    async with One(table).run_test(size=(60, 20)):
        table.use(TABLE)
        table.show(rows())
        table.find("7")
        assert table.count == (MANY, MANY)
        seen: set[int] = set()
        wanted = [row.name for row in rows() if "7" in row.name or "7" in f"{row.size}"]
        await until(lambda: seen.add(len(names(table))) or names(table) == wanted)  # type: ignore[func-returns-value]
        assert min(seen) < len(wanted) < MANY
        assert table.count == (len(wanted), MANY)


async def test_of_letters_typed_together_only_the_last_filter_is_worked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    slowly(monkeypatch)
    asked: list[str] = []
    table = KeyedTable()
    async with One(table).run_test(size=(60, 20)):
        table.use(TABLE)
        table.show(rows(asked=asked))
        asked.clear()
        for end in range(1, 10):
            table.find("row-00012"[:end])
        assert not asked
        await until(lambda: names(table) == ["row-00012"])
        assert asked.count("row-04999") == 1


async def test_a_second_letter_asks_no_row_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    table = KeyedTable()
    async with One(table).run_test(size=(60, 20)):
        table.use(TABLE)
        table.show(rows(asked=asked))
        table.find("0001")
        await until(lambda: len(names(table)) < MANY)
        table._finish()
        table.find("00012")
        await until(lambda: names(table) == ["row-00012"])
        assert asked.count("row-04999") == 1


async def test_what_rows_say_is_made_while_the_first_letter_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    slowly(monkeypatch)
    asked: list[str] = []
    table = KeyedTable()
    async with One(table).run_test(size=(60, 20)):
        table.use(TABLE)
        table.show(rows(asked=asked))
        table.expect()
        await until(lambda: "row-04999" in asked)
        table.find("row-00012")
        await until(lambda: names(table) == ["row-00012"])
        assert asked.count("row-04999") == 1


async def test_the_cursor_comes_back_to_its_row_when_the_filter_has_found_it(monkeypatch: pytest.MonkeyPatch) -> None:
    slowly(monkeypatch)
    table = KeyedTable()
    async with One(table).run_test(size=(60, 20)):
        table.use(TABLE)
        table.show(rows())
        table.seek("row-04997")
        table.find("9")
        await until(lambda: len(names(table)) < MANY)
        assert table.cursor != "row-04997"
        table.find("99")
        await until(lambda: table.cursor == "row-04997")
        table._finish()
        assert (table.cursor, table.current.name) == ("row-04997", "row-04997")  # type: ignore[union-attr]


async def test_who_moves_meanwhile_stays_where_they_went(monkeypatch: pytest.MonkeyPatch) -> None:
    slowly(monkeypatch)
    table = KeyedTable()
    async with One(table).run_test(size=(60, 20)):
        table.use(TABLE)
        table.show(rows())
        table.seek("row-04997")
        table.find("9")
        await until(lambda: len(names(table)) < MANY)
        table.first()
        there = table.cursor
        table._finish()
        assert table.cursor == there != "row-04997"


async def test_a_filter_taken_back_and_an_order_are_there_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    slowly(monkeypatch)
    table = KeyedTable()
    async with One(table).run_test(size=(60, 20)):
        table.use(TABLE)
        table.show(rows())
        table.find("row-00012")
        table.find("")
        assert table.count == (MANY, MANY)
        table.sort_next()
        table.sort_next()
        assert table.order == "size"
        assert names(table)[:2] == ["row-00096", "row-00193"]
        table.reverse()
        assert names(table)[:2] == ["row-00000", "row-00097"]


async def test_marks_are_never_acted_on_before_the_filter_is_through(monkeypatch: pytest.MonkeyPatch) -> None:
    slowly(monkeypatch)
    table = KeyedTable()
    async with One(table).run_test(size=(60, 20)):
        table.use(TABLE)
        table.show(rows())
        table.marked = {"row-00012", "row-04000"}
        table.find("0001")
        assert [row.name for row in table.chosen()] == ["row-00012"]
        assert table.hidden_marks() == 1


async def test_a_new_reading_keeps_the_filter_and_the_rows_until_it_is_through(monkeypatch: pytest.MonkeyPatch) -> None:
    slowly(monkeypatch)
    table = KeyedTable()
    async with One(table).run_test(size=(60, 20)):
        table.use(TABLE)
        table.show(rows())
        table.find("0001")
        table._finish()
        before = names(table)
        table.show(rows(MANY + 1))
        assert names(table) == before
        await until(lambda: table.count == (len(before), MANY + 1) and table._rows[0][1] is table._all[1])
        assert names(table) == before


async def test_few_rows_are_filtered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    slowly(monkeypatch)
    table = KeyedTable()
    async with One(table).run_test(size=(60, 20)):
        table.use(TABLE)
        table.show(rows(200))
        table.find("row-00012")
        assert names(table) == ["row-00012"]


def whole(work: Generator[bool, None, list[Any]]) -> list[Any]:
    """What work gives that is done step by step."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            return list(done.value)


@given(st.lists(st.none() | st.floats(allow_nan=False)), st.booleans())
def test_rows_with_a_value_stand_in_order_and_equals_as_they_came(
    sizes: Iterable[float | None], descending: bool
) -> None:
    given_rows = [Row(f"{number}", size) for number, size in enumerate(sizes)]
    known = [row for row in given_rows if row.size is not None]
    work = ordering([(row.name, row) for row in given_rows], TABLE.columns[1], descending)
    found = [row for _, row in whole(work)]
    assert found[: len(known)] == sorted(known, key=lambda row: row.size or 0.0, reverse=descending)
    assert found[len(known) :] == [row for row in given_rows if row.size is None]


@pytest.mark.parametrize("cells", [160, 120, 80, 60])
def test_no_table_of_any_kind_is_cut_by_the_edge_of_the_screen(cells: int) -> None:
    kinds = Kinds()
    for kind in kinds.names():
        for table in kinds.panel(kind).tables:
            fitted = widths(table.columns, cells)
            taken = 2 + sum(width for _, width in fitted) + len(fitted) - 1
            assert taken <= cells, (kind, table.name)
            (*_, (last, room)) = fitted
            assert last.width or room >= 6, (kind, table.name)


def test_where_room_is_short_words_give_and_numbers_and_the_rows_name_stay() -> None:
    columns: tuple[Column[Any], ...] = (
        Column("name", str, 20),
        Column("where", str, 40),
        Column("size", str, 9, right=True),
        Column("what", str),
    )
    assert [width for _, width in widths(columns, 100)] == [20, 40, 9, 26]
    assert [width for _, width in widths(columns, 80)] == [20, 30, 9, 16]
    assert [width for _, width in widths(columns, 60)] == [18, 16, 9, 12]
