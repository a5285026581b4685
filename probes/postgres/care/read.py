"""Reads tables, indexes and lasting settings: seldom, oftener while somebody looks, each part with a gap of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from probes.base import Cause, Gap, ProbeError, Rates, SafeText
from probes.postgres import parse
from probes.postgres.care.facts import Care, IndexCare, Lasting, TableCare
from probes.postgres.link import Link
from probes.postgres.questions import question

WATCHED: Final = 15.0
"""Seconds between two looks while somebody looks at this target's own screen."""
TABLES: Final = 500
INDEXES: Final = 1000
_PARTS: Final = {
    "tables": "tables: dead rows, sizes, how they are read",
    "indexes": "indexes: use, validity",
    "lasting": "settings that last",
}
_LIMITS: Final = {"tables": TABLES, "indexes": INDEXES, "lasting": 0}
_HEADER: Final = 24
"""Bytes of a page that hold no rows. https://www.postgresql.org/docs/current/storage-page-layout.html"""


class CareReader:
    """Takes the looks, and keeps the last one of each part until a newer one is had."""

    def __init__(self, every: float) -> None:
        """`every`: seconds between two looks while nobody watches; 0: none then."""
        self._every = every
        self._taken: float | None = None
        self._had: dict[str, tuple[parse.Document, float]] = {}
        self._gaps: dict[str, Gap] = {}
        self._rates = Rates()
        self._care: Care | None = None

    @property
    def gaps(self) -> list[Gap]:
        """Parts that could not be had, or not whole."""
        return list(self._gaps.values())

    async def read(self, link: Link, number: int, at: float, watched: bool) -> Care | None:
        """The last look, taken afresh when one is due. Raises `ProbeError` only when the connection is lost."""
        if self._is_due(at, watched):
            self._taken = at
            for part in _PARTS:
                await self._take(part, link, number, at)
            self._care = self._made(at)
        if self._care is None or self._taken is None:
            return None
        return replace(self._care, age=max(at - self._taken, 0.0))

    def _is_due(self, at: float, watched: bool) -> bool:
        every = min(WATCHED, self._every or WATCHED) if watched else self._every
        return every > 0 and (self._taken is None or at - self._taken >= every)

    async def _take(self, part: str, link: Link, number: int, at: float) -> None:
        try:
            answer = parse.part(await link.ask(question(part, number, rows=str(_LIMITS[part]))))
        except ProbeError as error:
            if not link.is_open:
                raise
            self._gaps[part] = Gap(_PARTS[part], error.cause, error.hint or error.message)
            return
        self._had[part] = (answer, at)
        self._gaps.pop(part, None)
        left_out = parse.whole(answer.get("total")) - len(parse.rows(answer.get(part)))
        if left_out > 0:
            words = f"{left_out} smaller {part} of {parse.whole(answer.get('total'))}"
            self._gaps[part] = Gap(words, Cause.TOO_BIG, SafeText(f"the biggest {_LIMITS[part]} are listed"))

    def _made(self, at: float) -> Care | None:
        if not self._had:
            return None
        tables, indexes, lasting = (self._had.get(part, ({}, at))[0] for part in ("tables", "indexes", "lasting"))
        listed = tuple(self._table(row, tables, at) for row in parse.rows(tables.get("tables")))
        self._rates.forget({one.key for one in listed})
        found = indexes_of(indexes)
        reset, uptime = parse.seconds(tables.get("reset")), parse.seconds(tables.get("uptime"))
        settings = parse.rows(lasting.get("settings"))
        slow = next((row for row in settings if row.get("name") == "log_min_duration_statement"), None)
        return Care(
            tables=listed,
            indexes=found,
            tables_left_out=max(parse.whole(tables.get("total")) - len(listed), 0),
            indexes_left_out=max(parse.whole(indexes.get("total")) - len(found), 0),
            since=reset if reset is not None else uptime,
            since_reset=reset is not None,
            slow_log=None if slow is None else lasting_of(slow),
            pending=tuple(parse.word(row.get("name")) for row in settings if row.get("pending") is True),
        )

    def _table(self, row: Mapping[str, Any], document: parse.Document, at: float) -> TableCare:
        key, read = str(row.get("key")), parse.number(row.get("seq_tup_read"))
        live, tuples = parse.number(row.get("live")), parse.number(row.get("tuples"))
        return TableCare(
            key=key,
            rows=live if live else tuples,
            dead=parse.number(row.get("dead")),
            vacuumed=parse.seconds(row.get("vacuumed")),
            analysed=parse.seconds(row.get("analysed")),
            changed=parse.number(row.get("changed")),
            seq_scans=parse.number(row.get("seq_scan")),
            seq_rows=read,
            seq_rate=self._rates.per_second(key, read, at),
            index_scans=parse.number(row.get("idx_scan")),
            bytes=parse.number(row.get("bytes")),
            index_bytes=parse.number(row.get("index_bytes")),
            bloat=table_bloat(row, parse.number(document.get("page")) or 8192.0),
            locked=row.get("locked") is True,
        )


def lasting_of(row: Mapping[str, Any]) -> Lasting:
    """A setting out of the server's document."""
    value, unit = parse.word(row.get("value")), parse.word(row.get("unit"))
    text = SafeText(f"{value} {unit}".strip() if value != "-1" else value)
    return Lasting(parse.word(row.get("name")), text, parse.word(row.get("source")), row.get("pending") is True)


def table_bloat(row: Mapping[str, Any], page: float) -> float | None:
    """Bytes that the rows seem not to need: pages there are less pages the rows would fill; an estimate.

    A row takes its columns' mean width, 23 bytes of header rounded to 24, 4 bytes of pointer and some 4 of alignment.
    https://www.postgresql.org/docs/current/storage-page-layout.html
    """
    pages, rows, width = (parse.number(row.get(name)) for name in ("pages", "tuples", "width"))
    if row.get("measured") is not True or not pages or not rows or width is None:
        return None
    filled = parse.number(_int(row.get("filled"))) or 100.0
    needed = math.ceil(rows * (width + 32) / ((page - _HEADER) * filled / 100))
    return max(pages - needed, 0.0) * page


def _int(text: object) -> int | None:
    return int(text) if isinstance(text, str) and text.isdecimal() else None


def index_bloat(row: Mapping[str, Any], page: float) -> float | None:
    """Bytes that the entries of a B-tree seem not to need, pages 90 % filled; duplicates stored once are not counted.

    https://www.postgresql.org/docs/current/btree.html#BTREE-STRUCTURE
    """
    pages, rows, width = (parse.number(row.get(name)) for name in ("pages", "tuples", "width"))
    if row.get("method") != "btree" or row.get("plain") is not True or not pages or not rows or width is None:
        return None
    needed = math.ceil(rows * (8 * math.ceil((width + 8) / 8) + 4) / ((page - 40) * 0.9)) + 1
    return max(pages - needed, 0.0) * page


def indexes_of(document: parse.Document) -> tuple[IndexCare, ...]:
    """Indexes out of the server's document, with those named that do the same."""
    rows = parse.rows(document.get("indexes"))
    page = parse.number(document.get("page")) or 8192.0
    twins = _twins(rows)
    covers = _covers(rows)
    return tuple(
        IndexCare(
            key=str(row.get("key")),
            table=str(row.get("table")),
            bytes=None if (pages := parse.number(row.get("pages"))) is None else pages * page,
            scans=parse.number(row.get("scans")),
            used=parse.seconds(row.get("used")),
            valid=row.get("valid") is True,
            building=row.get("building") is True,
            unique=row.get("unique") is True,
            constraint=parse.name(row.get("constraint")),
            twin=twins.get(str(row.get("key")), ""),
            covered_by=covers.get(str(row.get("key")), ""),
            definition=SafeText(row.get("definition"), 1000),
            bloat=index_bloat(row, page),
        )
        for row in rows
    )


def _twins(rows: Sequence[parse.Document]) -> dict[str, str]:
    """Index -> another with the same definition but for its name; one that serves a constraint is never the twin."""
    kept: dict[tuple[str, ...], str] = {}
    found: dict[str, str] = {}
    for row in sorted(rows, key=lambda one: (not one.get("constraint"), not one.get("unique"), str(one.get("key")))):
        if row.get("valid") is not True:
            continue
        what = str(row.get("definition")).partition(" USING ")[2]
        mark = (str(row.get("table")), what)
        if mark in kept:
            found[str(row.get("key"))] = kept[mark]
        else:
            kept[mark] = str(row.get("key"))
    return found


def _covers(rows: Sequence[parse.Document]) -> dict[str, str]:
    """Plain B-tree -> a longer one of the same table that begins with all its columns in the same order."""
    plain: dict[str, list[tuple[list[str], list[str], str]]] = {}
    for row in rows:
        if row.get("method") == "btree" and row.get("plain") is True and row.get("valid") is True:
            keys = parse.whole(row.get("keys"))
            columns = str(row.get("columns")).split()[:keys]
            order = str(row.get("options")).split()[:keys]
            plain.setdefault(str(row.get("table")), []).append((columns, order, str(row.get("key"))))
    loose = {str(row.get("key")) for row in rows if not row.get("unique") and not row.get("constraint")}
    found: dict[str, str] = {}
    for same_table in plain.values():
        for columns, order, key in same_table:
            longer = (
                other for theirs, their_order, other in same_table
                if len(theirs) > len(columns) and theirs[: len(columns)] == columns
                and their_order[: len(columns)] == order
            )  # fmt: skip
            if key in loose and (other := next(longer, None)) is not None:
                found[key] = other
    return found
