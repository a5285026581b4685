"""Reads saved queries: those that are due, one after the other over one connection, each on its own account.

A query that fails costs its own row. One that runs out of time is asked more rarely, and none takes more than a
twentieth of the time between two askings.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from probes.base import (
    Cause,
    Context,
    Found,
    Gap,
    Look,
    Probe,
    ProbeError,
    SafeText,
    Sheet,
    Snapshot,
    Target,
    Unit,
)
from probes.postgres.address import resolve
from probes.postgres.complaints import translated
from probes.postgres.literals import without_literals
from probes.postgres.saved import values
from probes.postgres.saved.asking import SAVED, Answer, Asker, Fault
from probes.postgres.saved.facts import Row, SavedQuery, SqlFacts
from probes.postgres.saved.gauges import RULES, SPECS, limit_rules, limit_specs, measured
from probes.postgres.saved.settings import QuerySettings, SqlSettings

SHARE: Final = 20.0
"""A query is asked at most this many times its own duration apart: a twentieth of the time goes to it."""
RAREST: Final = 3600.0
"""Seconds between two askings of a query that keeps running out of time, at most."""
_KEPT_ROWS: Final = 50
"""Named rows of one query that are kept."""
_EARLY: Final = 0.9
"""A query is due this part of its time after the last: readings do not come to the second."""
_SPENT: Final = 0.9
"""Part of a reading's time that queries may use."""

_ABOUT: Final = """
SELECT /* opsroom */
    pg_catalog.now()::text, pg_catalog.current_setting('server_version'), current_user::text,
    pg_catalog.current_database()::text, pg_catalog.pg_is_in_recovery(),
    (
        SELECT pg_catalog.concat_ws(',',
            CASE WHEN r.rolsuper THEN 'superuser' END, CASE WHEN r.rolcreaterole THEN 'create roles' END,
            CASE WHEN r.rolcreatedb THEN 'create databases' END, CASE WHEN r.rolreplication THEN 'replication' END,
            CASE WHEN r.rolbypassrls THEN 'bypass row security' END)
        FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user
    ),
    (
        SELECT pg_catalog.string_agg('member of ' || g.rolname, ',' ORDER BY g.rolname)
        FROM pg_catalog.pg_roles AS g
        WHERE g.rolname IN ('pg_write_all_data', 'pg_signal_backend', 'pg_execute_server_program', 'pg_maintain',
                            'pg_write_server_files', 'pg_read_server_files', 'pg_checkpoint')
            AND pg_catalog.pg_has_role(current_user, g.oid, 'USAGE')
    )
"""


@dataclass
class _Course:
    """One query over time."""

    due: float = 0.0
    """Monotonic seconds."""
    tries: int = 0
    """Times in a row that it ran out of time."""
    every: float = 0.0
    slowed: str = ""
    fact: SavedQuery | None = None
    at: float | None = None
    """When it was asked last."""
    last: float | None = None
    last_at: float | None = None
    seen_at: float | None = None
    """When there was a number last, or when it was first wanted."""


class SqlProbe(Probe[SqlFacts]):
    """The saved queries of one database."""

    kind = "sql"
    settings_type = SqlSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, SqlSettings)
        self.settings = target.settings
        # limits written beside queries are this target's own rules, beside those of its kind
        self.gauges = (*SPECS, *limit_specs(self.settings.query))  # type: ignore[misc]
        self.rules = (*RULES, *limit_rules(self.settings.query))  # type: ignore[misc]
        self._link = Asker(target.name, context.operator, self.settings.pooled, SAVED)
        self._courses = {name: _Course() for name in self.settings.query}
        self._about = SqlFacts()

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """Nothing: which questions matter, a person must say."""
        return ()

    async def read(self) -> Snapshot[SqlFacts]:
        """Log in if need be, then ask what is due."""
        began = self.context.monotonic()
        kept = self._link.is_open
        try:
            now = await self._greet()
        except ProbeError as error:
            if not kept or error.cause not in (Cause.RESET, Cause.CLOSED_EARLY, Cause.REFUSED):
                raise
            self._link.cut()
            now = await self._greet()
        late = await self._ask_due(began, now)
        at = self.context.monotonic()
        facts = replace(self._about, queries=tuple(self._told(name, at) for name in self.settings.query))
        gaps = (
            [Gap(f"{late} queries", Cause.SLOW, SafeText("no time was left in this reading; next time"))]
            if late
            else []
        )
        return self.snapshot(facts, measured(facts), began, gaps)

    async def _greet(self) -> datetime | None:
        """Who we are there, and what time it is. Raises `ProbeError`."""
        if not self._link.is_open:
            self.doing = "connecting"
            self._link.where = "the server"
            address = await self._link.lane.run(resolve, self.settings.place, self.context.secrets, os.environ)
            await self._link.open(address)
        self.doing = "reading"
        import psycopg

        try:
            row = await self._link.once(_ABOUT, {})
        except psycopg.Error as error:
            self._link.cut()
            raise translated(error, self._link.where) from None
        if row is None or len(row) != 7:
            raise ProbeError(Cause.GARBAGE, f"{self._link.where} does not answer as PostgreSQL does")
        now, version, role, database, standby, own, groups = row
        powers = [one for part in (own, groups) if isinstance(part, str) for one in part.split(",") if one]
        self._about = SqlFacts(
            where=SafeText(self._link.where, 100),
            version=SafeText(str(version), 40),
            database=SafeText(str(database), 80),
            role=SafeText(str(role), 80),
            standby=standby if isinstance(standby, bool) else None,
            powers=tuple(SafeText(one, 80) for one in (powers[:1] if powers[:1] == ["superuser"] else powers)),
        )
        try:
            return datetime.fromisoformat(str(now))
        except ValueError:
            return None

    async def _ask_due(self, began: float, now: datetime | None) -> int:
        """Ask what is due, the longest overdue first; how many were left for the next reading."""
        asked_at = self.context.monotonic()
        due = sorted((one for one in self._courses if self._courses[one].due <= asked_at), key=self._order)
        for number, name in enumerate(due):
            query, course = self.settings.query[name], self._courses[name]
            left = self.settings.timeout * _SPENT - (self.context.monotonic() - began) - 0.1
            if number and left < query.timeout:
                return len(due) - number
            at = self.context.monotonic()
            clock = now + timedelta(seconds=at - asked_at) if now is not None else None
            await self._ask(name, query, course, max(0.1, min(query.timeout, left)), clock)
        return 0

    def _order(self, name: str) -> float:
        return self._courses[name].due

    async def _ask(self, name: str, query: QuerySettings, course: _Course, within: float, now: datetime | None) -> None:
        before = course.fact
        try:
            answer = await self._link.answer(query.statement, query.params, within, query.limit, self.settings.zone)
            fact = understood(name, query, answer, now)
            course.tries = max(0, course.tries - 1) if answer.took < within / 2 else course.tries
        except Fault as fault:
            fact = replace(blank(name, query), why=fault.why, hint=fault.hint, fault=fault.word)
            course.tries += fault.word == "timed out"
        at = self.context.monotonic()
        if before is not None and course.at is not None and before.value is not None:
            fact = replace(fact, previous=before.value, previous_ago=at - course.at)
        if fact.value is not None:
            course.last, course.last_at = fact.value, at
        if fact.value is not None or (query.by and not fact.why):
            course.seen_at = at
        course.fact, course.at = fact, at
        self._pace(query, course, at)

    def _pace(self, query: QuerySettings, course: _Course, at: float) -> None:
        """When it is asked again."""
        usual = max(query.every, self.settings.every)
        took = course.fact.took if course.fact is not None else None
        course.every = min(RAREST, usual * 2 ** min(course.tries, 12)) if course.tries else usual
        course.slowed = "it ran out of time" if course.every > usual else ""
        if took is not None and took * SHARE > course.every:
            course.every, course.slowed = took * SHARE, "it takes long"
        if course.every < usual:
            course.every = usual
        course.due = at + course.every * _EARLY

    def _told(self, name: str, at: float) -> SavedQuery:
        """The query as it stands at this moment."""
        query, course = self.settings.query[name], self._courses[name]
        if course.seen_at is None:
            course.seen_at = at
        fact = course.fact
        if fact is None or course.at is None:
            why = "it was not asked yet"
            return replace(blank(name, query), why=why, asked=False, blind=at - course.seen_at)
        gone = fact.value is None and not (query.by and not fact.why)
        return replace(
            fact,
            age=at - course.at,
            every=course.every,
            slowed=course.slowed,
            blind=at - course.seen_at if gone else 0.0,
            last=course.last if gone else None,
            last_age=at - course.last_at if gone and course.last_at is not None else None,
        )

    def looks(self) -> tuple[Look, ...]:
        """The rows of a query."""
        return (Look("rows", "rows of the last answer"),) if self.settings.query else ()

    async def look(self, name: str, subject: str) -> Sheet:
        """The rows of the last answer; nothing is asked anew."""
        if name != "rows":
            return await super().look(name, subject)
        course = self._courses.get(subject)
        if course is None or course.fact is None:
            raise ProbeError(Cause.GONE, "there is no such query, or no answer yet")
        return sheet(course.fact)

    def abort(self) -> None:
        """Cut the connection."""
        self._link.cut()

    async def close(self) -> None:
        """Let go of everything."""
        await self._link.close()
        self._link.release()


def blank(name: str, query: QuerySettings) -> SavedQuery:
    """A query without an answer."""
    return SavedQuery(
        name=name,
        title=query.label(name),
        unit=query.base,
        by=SafeText(query.by, 63),
        warn=query.warn,
        critical=query.critical,
        when=query.when,
        lasts=query.lasts,
        sql=SafeText(without_literals(query.sql), 2000),
        key=query.act.key if query.act is not None else (),
    )


def understood(name: str, query: QuerySettings, answer: Answer, now: datetime | None) -> SavedQuery:
    """What an answer means. Raises `Fault` when the number can't be had from it."""
    covered = {
        at for at, (column, oid) in enumerate(zip(answer.names, answer.types, strict=True))
        if column in query.redact or values.is_secret(column, oid)
    }  # fmt: skip
    table = tuple(
        tuple(values.COVERED if at in covered and raw is not None else values.cell(raw) for at, raw in enumerate(row))
        for row in answer.rows
    )
    fact = replace(
        blank(name, query),
        columns=tuple(SafeText(column, 63) for column in answer.names),
        table=table,
        count=len(table),
        cut=answer.more,
        took=answer.took,
        notes=tuple(_notes(query, answer, covered)),
    )
    if query.of == "rows":
        return replace(fact, value=float(len(table)))
    return _numbered(fact, query, answer, now)


def _numbered(fact: SavedQuery, query: QuerySettings, answer: Answer, now: datetime | None) -> SavedQuery:
    at = _column(answer, query.value, "the number") if query.value else 0
    if not answer.names:
        raise Fault("no column", "it answers without a column")
    of = _column(answer, query.by, "the names of the rows") if query.by else None
    oid = answer.types[at]
    found: list[Row] = []
    for row in answer.rows:
        try:
            value = values.number(row[at], oid, query.time, now)
        except values.NotANumber as error:
            column = SafeText(answer.names[at], 63)
            raise Fault("not a number", f"the column {column} {error}", "see value, time and of of the query") from None
        label = values.cell(row[of]) if of is not None else None
        found.append(Row(label if label is not None else SafeText("NULL" if of is not None else ""), value))
    unit = Unit.SECONDS if query.unit is None and oid == values.INTERVAL else fact.unit
    known = [row.value for row in found if row.value is not None]
    worst = (max if query.when == "above" else min)(known, default=None)
    why = "" if worst is not None else "no row came" if not found else "it is NULL"
    if of is None:
        return replace(fact, unit=unit, value=worst, why=why)
    found.sort(key=lambda row: (row.value is None, -(row.value or 0.0) if query.when == "above" else row.value or 0.0))
    return replace(fact, unit=unit, value=worst, why="" if found else why, rows=tuple(found[:_KEPT_ROWS]))


def _column(answer: Answer, name: str, what: str) -> int:
    if name in answer.names:
        return answer.names.index(name)
    there = SafeText(", ".join(answer.names), 120)
    raise Fault("no such column", f"its answer has no column {SafeText(name, 63)} for {what}", f"there are: {there}")


def _notes(query: QuerySettings, answer: Answer, covered: set[int]) -> Iterable[SafeText]:
    if covered:
        names = ", ".join(answer.names[at] for at in sorted(covered))
        yield SafeText(f"covered: {names}. Better not asked for at all: they are fetched all the same", 300)
    for name in query.redact:
        if name not in answer.names:
            yield SafeText(f"redact names {name}, and the answer has no such column", 200)
    if answer.more and query.of == "rows":
        yield SafeText(f"there are more than {len(answer.rows)} rows: ask for count(*) to know how many")


def sheet(fact: SavedQuery) -> Sheet:
    """The rows of an answer as lines."""
    if fact.why and not fact.table:
        return Sheet(fact.title, (SafeText(fact.why), SafeText(fact.hint)))
    more = 1 if fact.cut else 0
    rows = "1 row" if fact.count == 1 else f"{fact.count} rows"
    head = [SafeText(rows + (", and there are more" if more else "")), SafeText()]
    return Sheet(fact.title, (*head, *fact.lines()), 0)


__all__ = ["SqlProbe", "blank", "sheet", "understood"]
