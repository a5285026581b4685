"""Counts what a retention would delete, in bounded time: exactly where that is quick, else as the planner guesses."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

from probes.base import Cause, ProbeError
from probes.postgres import parse
from probes.postgres.address import SESSION
from probes.postgres.care import names
from probes.postgres.care.plans import Along, Counted, gives
from probes.postgres.care.retention import Retention
from probes.postgres.care.sight import Referrer, Relation, ask
from probes.postgres.link import Link

COUNTING: Final[Mapping[str, str]] = {**SESSION, "statement_timeout": "1500ms"}
"""Settings of the session that counts: a count that takes longer becomes an estimate."""
_COUNTED: Final = 4.0
"""Seconds after which no further table that refers to the rows is counted."""
_LISTED: Final = 200
"""Foreign keys that are followed; the server tells of one more."""


async def counted(link: Link, retention: Retention, one: Relation) -> Counted:
    """How many rows would go, and what else goes with them. Raises `ProbeError`."""
    part = "minute" if "hour" in retention.keep else "hour"  # so that a second look sees the same rows
    moment = f"date_trunc('{part}', now() - interval '{retention.keep}')"
    before = str(await ask(link, f"SELECT /* opsroom */ to_json(({moment})::text)"))
    wanted = names.split(retention.column)
    column = next((each for each in one.columns if wanted is not None and each.name == wanted[1]), None)
    if column is None:
        raise ProbeError(Cause.MISSING, f"{one.key} has no column {retention.column}", "correct the profile")
    if not one.deletable or not column.type.startswith(("timestamp", "date")):
        return Counted(None, False, before, column.type)
    test = old(retention, before)
    rows, exact = await rows_of(link, f"{one.key} AS t WHERE {test}")
    others, ends = list[Along](), time.monotonic() + _COUNTED
    for way, again in ways(one.key, one.referrers[:_LISTED]):
        last = way[-1]
        found, sure = None, True
        if time.monotonic() < ends and all(each.readable for each in way):
            found, sure = await rows_of(link, _along(one.key, test, way))
        of = last.of if len(way) > 1 else ""
        others.append(Along(last.table, gives(last.action, of), found, sure, again))
    return Counted(rows, exact, before, column.type, tuple(others), len(one.referrers) > _LISTED)


def ways(table: str, referrers: Sequence[Referrer]) -> list[tuple[tuple[Referrer, ...], bool]]:
    """(how one gets from the table to a foreign key, whether that leads back) for each key, the nearest first.

    A table is gone through once: where keys run in a circle, or two ways lead to one table, the first way is taken.
    """
    found: list[tuple[tuple[Referrer, ...], bool]] = []
    queue: list[tuple[str, tuple[Referrer, ...]]] = [(table, ())]
    reached = {table}
    for here, way in queue:  # grows while it is gone through
        for each in (one for one in referrers if one.of == here):
            cascades = each.action == "c"
            found.append(((*way, each), cascades and each.table in reached))
            if cascades and each.table not in reached:
                reached.add(each.table)
                queue.append((each.table, (*way, each)))
    return found


def _along(table: str, test: str, way: Sequence[Referrer]) -> str:
    """FROM and WHERE of the rows at the end of a way: each step takes those that refer to rows of the step before."""
    inner, alias = f"{table} AS t WHERE {test}", "t"
    for number, each in enumerate(way):
        refers = ", ".join(f"{alias}.{name}" for name in each.refers)
        alias = f"c{number}"
        columns = ", ".join(f"{alias}.{name}" for name in each.columns)
        inner = f"{each.table} AS {alias} WHERE ({columns}) IN (SELECT {refers} FROM {inner})"
    return inner


def old(retention: Retention, before: str) -> str:
    """The condition for rows `t` that may go."""
    return f"t.{retention.column} < {names.literal(before)}::timestamptz"


async def rows_of(link: Link, what: str) -> tuple[float | None, bool]:
    """(how many rows, whether that was counted and not guessed). Raises `ProbeError`."""
    try:
        return parse.number(await ask(link, f"SELECT /* opsroom */ to_json(count(*)) FROM {what}")), True
    except ProbeError as error:
        if error.cause is not Cause.SLOW or not link.is_open:
            raise
    found = await ask(link, f"EXPLAIN /* opsroom */ (FORMAT JSON) SELECT 1 FROM {what}")
    plans = parse.rows(found)
    return (parse.number(parse.part(plans[0].get("Plan")).get("Plan Rows")) if plans else None), False


async def left(link: Link, retention: Retention, one: Relation, before: str) -> tuple[bool, float | None]:
    """(whether a row is left that is older, how many if that is quickly told)."""
    test = f"{one.key} AS t WHERE {old(retention, before)}"
    some = await ask(link, f"SELECT /* opsroom */ to_json(EXISTS (SELECT 1 FROM {test}))")
    if some is not True:
        return False, 0.0
    rows, exact = await rows_of(link, test)
    return True, rows if exact else None
