"""The acts of care: what they are called, what they do, what they can cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from probes.base import Action, Danger, Offer, Word
from probes.postgres.care import names
from probes.postgres.care.retention import Retention

if TYPE_CHECKING:
    from probes.postgres.facts import PostgresFacts

ANALYZE: Final = Action(
    "analyze",
    "renew statistics",
    Danger.REVERSIBLE,
    "ANALYZE: reads a sample of the rows, so that queries are planned by what the table holds; blocks no query.",
    noun="table",
)
VACUUM: Final = Action(
    "vacuum",
    "vacuum",
    Danger.REVERSIBLE,
    "VACUUM (ANALYZE): makes the room of dead rows usable again and renews statistics; blocks no query, "
    "and the file stays as big as it is.",
    noun="table",
)
VACUUM_FULL: Final = Action(
    "vacuum-full",
    "rewrite table",
    Danger.DISRUPTIVE,
    "VACUUM FULL: writes the table anew without its dead rows; nobody can read or write it meanwhile.",
    grave=True,
    rolling=True,
    noun="table",
)
REINDEX: Final = Action(
    "reindex",
    "rebuild index",
    Danger.REVERSIBLE,
    "REINDEX CONCURRENTLY: builds an index anew beside the old one, then swaps them; blocks no query.",
    rolling=True,
    noun="relation",
)
CREATE_INDEX: Final = Action(
    "create-index",
    "create index",
    Danger.REVERSIBLE,
    "CREATE INDEX CONCURRENTLY: builds an index while the table goes on being read and written.",
    word=Word("definition, such as (user_id, created_at DESC)", r"(?s).{3,1000}"),
    many=False,
)
DROP_INDEX: Final = Action(
    "drop-index",
    "drop index",
    Danger.DISRUPTIVE,
    "DROP INDEX CONCURRENTLY: takes away an index that is invalid or that no query has used.",
    rolling=True,
    noun="index",
)
DELETE_OLD: Final = Action(
    "delete-old",
    "delete old rows",
    Danger.DESTRUCTIVE,
    "Deletes the rows that a retention of the profile no longer keeps, in batches of their own transactions.",
    word=Word("retention", r"[A-Za-z0-9_-]{1,60}", listed=True),
    many=False,
)
SLOW_LOG: Final = Action(
    "slow-log",
    "slow-query log",
    Danger.REVERSIBLE,
    "Sets log_min_duration_statement so that it lasts: statements that take longer are logged with their time.",
    word=Word(
        "threshold, such as 250 ms",
        r"(?i)(?:default|off|\d{1,10} ?(?:ms|s|min)?)"
        r"(?: for \d{1,4} ?min)?",
    ),
    many=False,
)
RESET_STATEMENTS: Final = Action(
    "reset-statements",
    "reset statement statistics",
    Danger.DESTRUCTIVE,
    "pg_stat_statements_reset(): forgets what every statement of every database has cost since the last reset.",
    many=False,
)

ACTIONS: Final = (
    ANALYZE, VACUUM, VACUUM_FULL, REINDEX, CREATE_INDEX, DROP_INDEX, DELETE_OLD, SLOW_LOG, RESET_STATEMENTS,
)  # fmt: skip
BY_NAME: Final = {one.name: one for one in ACTIONS}

ON_TABLES: Final = ("analyze", "vacuum", "vacuum-full", "reindex", "create-index")
ON_INDEXES: Final = ("reindex", "drop-index")
ON_ALL: Final = ("analyze", "vacuum", "delete-old", "slow-log", "reset-statements")
"""What is done to the database or the server as a whole."""

REFUSED: Final = {
    "reindex-all": (
        "a whole schema, database or catalogue is not reindexed from here",
        "it would run for hours under one lock after another: stand on the indexes that need it",
    ),
    "vacuum-full-all": (
        "VACUUM FULL of a whole database is not done from here",
        "it locks each table whole, one after the other: stand on the tables whose size is worth it",
    ),
    "setting": ("only the slow-query threshold is set from here", "other settings belong in postgresql.conf"),
    "delete": (
        "no retention of the profile says that these rows may go",
        "add [postgres.NAME.retention.WORD] with table, column and keep",
    ),
    "truncate": ("emptying a table is not done from here", "old rows go by a retention of the profile, in batches"),
}
"""Lines that are known and that nothing does: (why, what to do instead)."""


def rows_of(facts: PostgresFacts) -> frozenset[str]:
    """Subjects that are tables or indexes of the last look."""
    if facts.care is None:
        return frozenset()
    indexes = (names.INDEX + one.key for one in facts.care.indexes)
    return frozenset((*(one.key for one in facts.care.tables), *indexes))


def offers(facts: PostgresFacts, subjects: Sequence[str], retentions: Mapping[str, Retention]) -> Sequence[Offer]:
    """What can be done to these tables, or to these indexes, or to the database as a whole."""
    standby = "this server is a standby" if facts.server.in_recovery else ""
    if not subjects:
        none = "" if retentions else "the profile names no retention"
        return tuple(
            Offer(BY_NAME[name], (standby if name != "slow-log" else "") or (none if name == "delete-old" else ""))
            for name in ON_ALL
        )
    indexes = [one for one in subjects if one.startswith(names.INDEX)]
    if indexes and len(indexes) < len(subjects):
        return ()
    if not set(subjects) <= rows_of(facts):
        return ()
    actions = [BY_NAME[name] for name in (ON_INDEXES if indexes else ON_TABLES)]
    return tuple(
        Offer(one, standby or ("one at a time" if not one.many and len(subjects) > 1 else "")
              or (_kept(facts, indexes) if one is DROP_INDEX else ""))
        for one in actions
    )  # fmt: skip


def _kept(facts: PostgresFacts, indexes: Sequence[str]) -> str:
    """Why none of these indexes should go; empty when one may."""
    why = ""
    for subject in indexes:
        one = facts.care.index(subject.removeprefix(names.INDEX)) if facts.care is not None else None
        if one is None or one.building:
            why = "it is being built"
        elif one.constraint:
            why = f"constraint {one.constraint} stands on it"
        elif one.valid and one.scans != 0:
            why = "queries use it"
        else:
            return ""
    return why
