"""Episodes of alerts out of the inbox's records, for who was not there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from desk.codec import CodecError
from desk.inbox.book import Book, Life
from desk.inbox.case import What
from desk.inbox.record import STREAM, read
from desk.report.alerts import Episode
from desk.store import Row, Store

_PAGE: Final = 2000
"""Records read at once."""


def rows(store: Store) -> Iterable[Row]:
    """Every record that is kept. Raises `StoreError`."""
    after = 0
    while page := store.read(STREAM, after, _PAGE):
        yield from page
        after = page[-1].seq


def episodes(kept: Iterable[Row], kinds: Mapping[str, str]) -> list[Episode]:
    """Every episode that the records tell of; what another version wrote is passed over. `kinds`: of targets."""
    book = Book()
    for row in kept:
        try:
            book.take(read(row.body))
        except CodecError:
            continue
    return [_episode(life, kinds.get(life.alert.target, "another system")) for life in book.lives.values()]


def _episode(life: Life, kind: str) -> Episode:
    alert = life.alert
    taken = next((one for one in life.records if one.what is What.ACKNOWLEDGED), None)
    there = alert.theirs.acknowledged if alert.theirs is not None else ""
    severities = [one.alert.severity for one in life.records if one.alert is not None]
    return Episode(
        target=alert.target,
        name=alert.rule,
        severity=max([alert.severity, *severities]),
        words=alert.words,
        raised=alert.at,
        source=kind if alert.theirs is not None else "",
        labels=alert.labels,
        aliases=alert.handling.aliases,
        procedure=alert.handling.procedure,
        acknowledged=taken.at if taken is not None else None,
        by=taken.by if taken is not None else "",
        held=life.held.by if life.held is not None else there,
        quiet=bool(life.quiet),
        cleared=life.cleared,
    )
