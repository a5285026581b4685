"""Who would make an act of care wait. An act that would have to wait is refused, and the session in its way named.

What waits for a lock on a table makes everybody wait who comes after it:
https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from probes.base import lasted
from probes.postgres.care.sight import CareSight, Holder, Relation

BRIEF: Final = 1.0
"""Seconds an act waits for a lock on a table at most, and everybody behind it with it. Our figure."""
PATIENT: Final = 60.0
"""Seconds that an act "concurrently", behind which nobody waits, waits for each older transaction. Our figure."""
LONG: Final = 10.0
"""Seconds a transaction is open before an act "concurrently" is not begun because of it. Our figure."""

_SHARE_UPDATE: Final = frozenset(
    {"ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"}
)
_ROW: Final = frozenset({"ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"})
CONFLICTS: Final = {
    "analyze": _SHARE_UPDATE,
    "vacuum": _SHARE_UPDATE,
    "reindex": _SHARE_UPDATE,
    "create-index": _SHARE_UPDATE,
    "drop-index": _SHARE_UPDATE,
    "delete-old": _ROW,
    "vacuum-full": None,
}
"""Modes of lock that the act's own waits for; None: every mode."""
CONCURRENT: Final = frozenset({"reindex", "create-index", "drop-index"})


def in_the_way(action: str, relation: Relation, sight: CareSight) -> str:
    """The session that would make an act on a relation wait; empty when none would."""
    concerned = {relation.oid, relation.table_oid}
    for one in sight.holders:
        modes = CONFLICTS[action]
        if one.relation in concerned and (modes is None or one.mode in modes) and not one.yields and _lasts(one):
            verb = "holds" if one.granted else "waits for"
            return f"it would wait for {_who(one)}, which {verb} {one.mode} on it"
    if action in CONCURRENT:
        for one in (*_users(concerned, sight.holders), *sight.transactions):
            if one.age is not None and one.age > LONG:
                return f"it would wait for {_who(one)} to end"
    return ""


def _users(concerned: set[str], holders: Iterable[Holder]) -> Iterable[Holder]:
    return (one for one in holders if one.relation in concerned and not one.yields)


def _lasts(one: Holder) -> bool:
    """A short query has let go by the time we ask; what is not told, or waits itself, is taken to stay."""
    return one.age is None or one.age > BRIEF or not one.granted


def _who(one: Holder) -> str:
    if not one.pid:
        return "a prepared transaction"
    age = f", its transaction open for {lasted(one.age)}" if one.age is not None else ""
    return f"{one.pid} {one.who}{' (' + one.state + ')' if one.state else ''}{age}"
