"""What the file of the history is made of, and what can be wrong with it."""

from __future__ import annotations

import json
from typing import Final

from desk.history.bucket import LONG_STEP, STEP, Row, chunk, unpacked
from desk.keep import KeepError
from probes.base import GaugeKey

FORM: Final = 1
"""Version of the tables; `PRAGMA user_version`."""

SHORT: Final = 2 * 86400
"""Seconds for which minutes are kept."""

LONG: Final = 30 * 86400
"""Seconds for which the buckets of ten minutes are kept."""

HOUR: Final = 3600
"""Seconds of a block of the short tier."""

LONG_BLOCK: Final = 6 * 3600
"""Seconds of a block of the long tier."""

TIERS: Final = ((STEP, HOUR, SHORT), (LONG_STEP, LONG_BLOCK, LONG))
"""Seconds of a bucket, seconds of a block, seconds for which it is kept."""

TABLES: Final = """
CREATE TABLE target (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE gauge_set (id INTEGER PRIMARY KEY, target INTEGER NOT NULL);
CREATE INDEX gauge_set_target ON gauge_set (target);
CREATE TABLE gauge (
    target INTEGER NOT NULL, key TEXT NOT NULL, gauge_set INTEGER NOT NULL, place INTEGER NOT NULL,
    PRIMARY KEY (target, key, gauge_set)
) WITHOUT ROWID;
CREATE INDEX gauge_place ON gauge (gauge_set, place);
CREATE TABLE minute (
    gauge_set INTEGER NOT NULL, start INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (gauge_set, start)
);
CREATE INDEX minute_start ON minute (start, gauge_set);
CREATE TABLE block (
    gauge_set INTEGER NOT NULL, step INTEGER NOT NULL, start INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (gauge_set, step, start)
);
CREATE INDEX block_start ON block (step, start);
CREATE TABLE watch (since INTEGER NOT NULL, until INTEGER NOT NULL);
"""


class ArchiveError(KeepError):
    """The history's file can't be used; the message says why, for a person."""


def named(key: GaugeKey) -> str:
    """A gauge as the file calls it."""
    return json.dumps([key.name, *(part for pair in key.labels for part in pair)])


def key_of(name: str) -> GaugeKey:
    """A gauge of the file.

    >>> key_of(named(GaugeKey("depth", (("queue", "mail"), ("state", "wait")))))
    GaugeKey(name='depth', labels=(('queue', 'mail'), ('state', 'wait')))
    """
    first, *rest = json.loads(name)
    return GaugeKey(first, tuple(zip(rest[::2], rest[1::2], strict=True)))


def rows_of(body: bytes) -> list[Row]:
    """Its rows; of damaged ones none: a gap, as if nothing had been read."""
    try:
        return unpacked(body) if body else []
    except ValueError:
        return []


def chunk_of(body: bytes, place: int) -> bytes:
    """The chunk of a place; of a damaged bundle none."""
    try:
        return chunk(body, place) if body else b""
    except ValueError:
        return b""
