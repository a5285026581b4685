"""Does acts of care: each is one statement on a connection of its own, which is kept while the statement is under way.

It looks once more on that connection directly before: what has another oid by then is refused. A statement that has
not ended within a few seconds is under way; the server's tables of progress and its catalogue tell what becomes of it.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from probes.base import (
    Action,
    Cause,
    Choice,
    Context,
    Outcome,
    Plan,
    ProbeError,
    Request,
    Result,
    Right,
    SafeText,
    Sending,
    Subject,
    Truth,
    Verdict,
)
from probes.postgres import parse
from probes.postgres.act_statements import ENTER, FORGET, RELOAD, session_of, setting_of, statement_of
from probes.postgres.address import ACTING, SESSION, PostgresSettings, for_acts, resolve
from probes.postgres.care import definition, names, plans, truth
from probes.postgres.care.catalogue import BY_NAME, REFUSED
from probes.postgres.care.commands import render, threshold
from probes.postgres.care.deleting import COUNTING, counted, left
from probes.postgres.care.ending import all_of, deleted, difference, leftover, said_of
from probes.postgres.care.locks import in_the_way
from probes.postgres.care.room import free_at
from probes.postgres.care.sight import CARER, CareSight, ask, look
from probes.postgres.complaints import translated
from probes.postgres.link import Link
from probes.postgres.questions import question
from probes.postgres.rights import CareRights, care_rights
from probes.postgres.sight import linked

if TYPE_CHECKING:
    pass

BEGINS: Final = 3.0
"""Seconds after which a statement that has not ended is said to be under way."""
_HEARS: Final = 0.5
"""Seconds for the end of a statement to reach us once the server shows it no longer."""
_SAID_NO: Final = ("0A", "22", "28", "2B", "3D", "3F", "42", "55", "OR")
"""Classes of SQLSTATE that end a statement because it can't be done."""
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SETTING: Final = re.compile(r"[a-z_][a-z0-9_.]{0,100}")
_SERVER_WIDE: Final = ("slow-log", "reset-statements")

_MAY: Final = """
SELECT json_build_object(
    'alters', has_parameter_privilege('log_min_duration_statement', 'ALTER SYSTEM'),
    'sets', has_parameter_privilege('log_min_duration_statement', 'SET') AND (
        SELECT pg_has_role(current_user, datdba, 'USAGE') FROM pg_catalog.pg_database WHERE datname = current_database()
    )
)"""
_COUNTED_SINCE: Final = """
SELECT json_build_object(
    'reset', (SELECT stats_reset::text FROM {schema}.pg_stat_statements_info),
    'may', has_function_privilege((SELECT min(oid) FROM pg_catalog.pg_proc WHERE proname = 'pg_stat_statements_reset'),
        'EXECUTE'),
    'known', (SELECT count(*) FROM {schema}.pg_stat_statements(false))
)"""
_TABLES_LEFT: Final = """
SELECT json_build_object(
    'total', count(*),
    'done', count(*) FILTER (WHERE {field} >= {since}::timestamptz)
)
FROM pg_catalog.pg_stat_user_tables AS s
JOIN pg_catalog.pg_class AS c ON c.oid = s.relid
WHERE c.relpersistence <> 't' AND c.relkind IN ('r', 'm')"""


@dataclass(slots=True)
class _Running:
    """A statement under way, and the connection it runs on."""

    link: Link
    task: asyncio.Task[None]

    def hang_up(self) -> None:
        """Leave; the server goes on, or notices."""
        self.task.cancel()
        self.link.cut()
        self.link.release()


class Caring:
    """Plans, does and checks acts of care on one database."""

    def __init__(self, name: str, settings: PostgresSettings, context: Context, links: set[Link]) -> None:
        """`links` are the connections that `abort` of the actuator may cut."""
        self._name = name
        self._settings = settings
        self._context = context
        self._links = links
        self._running: dict[tuple[int, str], _Running] = {}
        """Statements under way, by pid and backend_start."""

    def _linked(self, session: Mapping[str, str] = SESSION) -> AbstractAsyncContextManager[Link]:
        return linked(self._name, self._settings, self._context, self._links, session)

    # what could be done

    async def choices(self, action: str, subjects: Sequence[str]) -> Sequence[Choice]:
        """Retentions of the profile; indexes for foreign keys that have none; usual thresholds."""
        if action == "delete-old":
            return [
                Choice(word, SafeText(f"{one.table}: {one.column} older than {one.keep}"))
                for word, one in self._settings.retention.items()
            ]
        if action == "slow-log":
            return [
                Choice("1000 ms for 30 min", SafeText("for a while; set back by itself while the session is armed")),
                Choice("1000 ms", SafeText("until it is set again")),
                Choice("off", SafeText("no statement is logged for its time")),
                Choice("default", SafeText("what postgresql.conf says: ALTER SYSTEM RESET")),
            ]
        if action != "create-index" or len(subjects) != 1:
            return ()
        async with self._linked() as link:
            sight = await look(link, subjects)
        found = sight.found(subjects[0])
        about = SafeText("a foreign key that no index serves: deletes in the other table read this one whole")
        return [Choice(f"({columns})", about) for columns in (found[0].bare if found else ())]

    # plan

    async def plan(self, request: Request, kind: str) -> Plan:
        """Look at what it is about, at whom it would wait for, and at what it needs. Raises `ProbeError`."""
        action = BY_NAME.get(request.action)
        if action is None:
            raise await self._not_done(request)
        if self._settings.pooled:
            raise ProbeError(Cause.MISSING, "through a pooler the limits of our session do not hold",
                             "set act_url to the server itself and pooled = false")  # fmt: skip
        if request.action in _SERVER_WIDE:
            return await self._plan_server(action, request, kind)
        if request.action == "delete-old":
            return await self._plan_deletion(action, request, kind)
        if len(request.subjects) > plans.MOST:
            raise ProbeError(Cause.TOO_BIG, f"more than {plans.MOST} at once are too many")
        if not request.subjects and request.action not in ("analyze", "vacuum"):
            raise ProbeError(Cause.MISSING, "say which table or index", "by its name, with its schema")
        async with self._linked() as link:
            sight = await look(link, (*request.subjects, *self._new_name(request)))
            free = free_at(sight.folder, sight.own, link.local)
        found = plans.relations(request, sight)
        if request.action == "create-index":
            subjects = tuple(plans.new_index(one, request.word, sight)[0] for one in found)
        elif found:
            subjects = tuple(plans.subject_of(action, one, sight, free) for one in found)
        else:
            subjects = (plans.whole(action, sight),)
        undo = plans.STOPS.get(action.name, "")
        if action.name == "drop-index":
            undo = "; ".join(one.definition for one in found)
        return self._plan(action, request, kind, sight, subjects, undo,
                          tuple(plans.notes_of(action.name, subjects, found, sight)))  # fmt: skip

    @staticmethod
    def _new_name(request: Request) -> tuple[str, ...]:
        """The name a new index would have, to see whether it is taken."""
        if request.action != "create-index" or not request.subjects:
            return ()
        table = names.split(request.subjects[0])
        try:
            name = definition.read(request.word).named(table[1] if table else "")
        except definition.Unreadable:
            return ()
        schema = f"{names.quoted(table[0])}." if table and table[0] else ""
        return (f"{schema}{names.quoted(name)}",)

    async def _not_done(self, request: Request) -> ProbeError:
        """Why a line that is known is nothing that is done from here."""
        why, instead = REFUSED.get(request.action, ("PostgreSQL has no such action here", ""))
        if request.action == "setting" and _SETTING.fullmatch(request.word):
            async with self._linked() as link:
                asked = f"SELECT to_json(context) FROM pg_catalog.pg_settings WHERE name = '{request.word}'"
                context = await ask(link, asked)
            if context == "postmaster":
                why = f"{request.word} takes effect at a restart of the server only: it is no live change"
                instead = "write it into postgresql.conf, or the parameter group, and plan the restart"
            elif context is None:
                why = f"the server knows no setting {request.word}"
        return ProbeError(Cause.MISSING, why, instead)

    async def _plan_deletion(self, action: Action, request: Request, kind: str) -> Plan:
        retention = self._settings.retention.get(request.word)
        if retention is None:
            raise ProbeError(Cause.MISSING, f"the profile knows no retention {SafeText(request.word, 60)}")
        async with self._linked(COUNTING) as link:
            sight = await look(link, [retention.table])
            (one,) = plans.relations(Request(action.name, (retention.table,)), sight)
            found = await counted(link, retention, one)
        subject = plans.old_rows(request.word, retention, one, found, sight)
        return self._plan(action, request, kind, sight, (subject,), plans.STOPS[action.name],
                          tuple(plans.notes_of(action.name, (subject,), (one,), sight)))  # fmt: skip

    async def _plan_server(self, action: Action, request: Request, kind: str) -> Plan:
        async with self._linked() as link:
            sight = await look(link, ())
            if action.name == "reset-statements":
                subject = await self._statistics(link, sight)
                return self._plan(action, request, kind, sight, (subject,), "", ("write down the worst ones first",))
            way = await self._way(link, sight)
        subject = plans.slow_log(request.word, sight, way)
        back = plans.previous(sight)
        minutes = (threshold(request.word) or (None, None))[1]
        made = self._plan(action, request, kind, sight, (subject,), f"set it back: {back}",
                          ("a plain SET would hold for one session only, and for nobody else",))  # fmt: skip
        if minutes is None:
            return made
        due = made.looked_at + timedelta(minutes=minutes)
        return replace(made, due=due, reverse=Request(action.name, (), None, back))

    async def _way(self, link: Link, sight: CareSight) -> plans.Way:
        may: parse.Document = {}
        if sight.number >= 150000:
            may = parse.part(await ask(link, _MAY))
        return plans.way_of(sight, may.get("alters") is True, may.get("sets") is True)

    async def _statistics(self, link: Link, sight: CareSight) -> Subject:
        if not sight.statements:
            raise ProbeError(Cause.MISSING, "pg_stat_statements is not in this database")
        if sight.number < 140000:
            raise ProbeError(Cause.VERSION, "before PostgreSQL 14 nobody can tell whether they were reset")
        known = parse.part(await ask(link, _COUNTED_SINCE.format(schema=sight.statements)))
        barred = (
            ""
            if known.get("may") is True
            else f"{sight.role} may not: GRANT EXECUTE ON FUNCTION pg_stat_statements_reset TO {sight.role}"
        )
        return Subject(
            key="statistics of statements",
            name=SafeText("statistics of statements, of all databases and users"),
            identity=(("schema", sight.statements), ("reset", parse.word(known.get("reset")))),
            before=SafeText(f"{plans.count(parse.number(known.get('known')))} statements counted "
                            f"since {parse.word(known.get('reset')) or 'nobody knows when'}"),
            after=SafeText("none counted: what was slow before is forgotten"),
            felt=(SafeText("everybody who compares with earlier figures starts at zero"),),
            spared=SafeText(barred),
            barred=bool(barred),
        )  # fmt: skip

    def _plan(self, action: Action, request: Request, kind: str, sight: CareSight, subjects: tuple[Subject, ...],
              undo: str, notes: Sequence[str]) -> Plan:  # fmt: skip
        quick = action.name in _SERVER_WIDE
        aimed = Request(action.name, tuple(one.key for one in subjects) if request.subjects else (), None, request.word)
        return Plan(
            target=self._name,
            kind=kind,
            action=action,
            request=request,
            place=sight.place,
            pin=sight.pin,
            subjects=subjects,
            command=tuple(render(aimed, self._settings.retention).splitlines()),
            looked_at=self._context.now(),
            danger=action.danger,
            undo=SafeText(undo, 1000),
            notes=tuple(map(SafeText, notes)),
            answers=BEGINS + 9.0,
            settles=20.0 if quick else self._settings.care_within + 60.0,
        )

    async def rights(self) -> Sequence[Right]:
        """What the login for acts may do to tables, indexes and settings. Raises `ProbeError`."""
        wanted = tuple(dict.fromkeys(one.table for one in self._settings.retention.values()))
        async with self._linked() as link:
            sight = await look(link, wanted)
            seen = parse.part(await ask(link, question("may", sight.number)))
            way = await self._way(link, sight)
        found = [(table, next(iter(sight.found(table)), None)) for table in wanted]
        return care_rights(
            CareRights(
                number=sight.number,
                role=sight.role,
                superuser=sight.superuser,
                tables=parse.whole(seen.get("tables")),
                maintained=parse.whole(seen.get("maintained")),
                owned=parse.whole(seen.get("owned")),
                owner=parse.name(seen.get("owner")),
                logs=bool(way.how),
                retained=tuple((table, one is not None and one.deletable) for table, one in found),
            )
        )

    # doing it

    async def do(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Look once more, then send the one statement; wait a few seconds for its end."""
        known = act if _UUID.fullmatch(act) else ""
        if plan.action.name in _SERVER_WIDE:
            return await self._set(plan, subject, known, sending)
        link = Link(self._name, self._context.operator, self._settings.pooled,
                    session_of(plan.action.name, self._settings.care_within))  # fmt: skip
        self._links.add(link)
        kept = False
        try:
            await link.open(await link.lane.run(resolve, for_acts(self._settings), self._context.secrets, os.environ))
            sight = await look(link, self._concerned(plan, subject))
            one = sight.by_oid(dict(subject.identity).get("oid", ""))
            if changed := difference(plan, subject, one, sight):
                return changed
            retention = self._settings.retention.get(plan.request.word) if plan.action.name == "delete-old" else None
            statement = statement_of(plan, subject, one, retention, known)
            entered = await link.once(ENTER, {"name": f"{CARER}{self._context.operator}"[:63]})
            pid, start = (int(entered[1]), str(entered[2])) if entered is not None else (0, "")
            await sending()
            task = asyncio.ensure_future(link.run(statement))
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            done, _ = await asyncio.wait({task}, timeout=BEGINS)
            facts = (("pid", str(pid)), ("backend_start", start), ("began", sight.now))
            if not done:
                self._running[pid, start] = _Running(link, task)
                kept = True
                return Outcome(Result.DONE, SafeText(f"under way, pid {pid}: {plan.action.title}"), facts)
            return await self._ended(link, plan, subject, task, facts)
        finally:
            self._links.discard(link)
            if not kept:
                if link.is_open:
                    await link.close()
                link.release()

    @staticmethod
    def _concerned(plan: Plan, subject: Subject) -> tuple[str, ...]:
        known = dict(subject.identity)
        return tuple(known[name] for name in ("name", "index", "table") if name in known)

    async def _ended(
        self, link: Link, plan: Plan, subject: Subject, task: asyncio.Task[None], facts: tuple[tuple[str, str], ...]
    ) -> Outcome:
        """What the end of a statement means. `ProbeError` when nobody knows how it ended."""
        import psycopg

        try:
            task.result()
        except psycopg.Error as error:
            if not link.is_open or error.sqlstate is None:
                raise translated(error, link.where) from None
            return await self._failed(link, plan, subject, said_of(error), facts)
        gone = deleted(link)
        said = f"{plan.action.title}: the server has done it" + (
            f", {plans.count(gone)} rows" if gone is not None else ""
        )
        return Outcome(Result.DONE, SafeText(said), (*facts, ("ended", "done")))

    async def _failed(
        self, link: Link, plan: Plan, subject: Subject, words: str, facts: tuple[tuple[str, str], ...]
    ) -> Outcome:
        """FAILED when nothing is left of it; PARTIAL with what is."""
        gone = deleted(link)
        ended = (*facts, ("ended", words))
        if plan.action.name == "delete-old" and gone:
            return Outcome(
                Result.PARTIAL, SafeText(f"{words}: {plans.count(gone)} rows are deleted, and stay so"), ended
            )
        try:
            sight = await look(link, self._concerned(plan, subject))
        except ProbeError:
            return Outcome(Result.PARTIAL, SafeText(f"{words}; what is left of it could not be seen"), ended)
        if left_over := leftover(plan, subject, sight):
            return Outcome(Result.PARTIAL, SafeText(f"{words}; left INVALID: {left_over}, drop it"), ended)
        way = ""
        if (one := sight.by_oid(dict(subject.identity).get("oid", ""))) is not None:
            way = in_the_way(plan.action.name, one, sight)
        return Outcome(Result.FAILED, SafeText(f"{words}{f': {way}' if way else ''}; nothing was changed"), ended)

    async def _set(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Set the threshold, or forget statistics."""
        import psycopg

        planned = dict(subject.identity)
        async with self._linked(ACTING) as link:
            sight = await look(link, ())
            if moved := truth.elsewhere(plan, sight):
                return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {moved.words}"))
            try:
                if plan.action.name == "reset-statements":
                    now = parse.part(await ask(link, _COUNTED_SINCE.format(schema=sight.statements or "public")))
                    if parse.word(now.get("reset")) != planned["reset"]:
                        return Outcome(Result.REFUSED, SafeText("changed since you looked: somebody has reset them"))
                    await sending()
                    await _within(link, FORGET.format(act=act, schema=sight.statements))
                    return Outcome(Result.DONE, SafeText("reset"))
                if sight.slow_log[0] != planned["value"]:
                    was, found = plans.spoken(planned["value"]), plans.spoken(sight.slow_log[0])
                    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {was} -> {found}"))
                await sending()
                await _within(link, setting_of(plan.request.word, planned["how"], str(sight.database), act))
            except psycopg.Error as error:
                if link.is_open and (error.sqlstate or "").startswith(_SAID_NO):
                    return Outcome(Result.FAILED, SafeText(f"{said_of(error)}; nothing was changed"))
                raise translated(error, link.where) from None
            if planned["how"] != "system":
                return Outcome(Result.DONE, SafeText("set for the database: sessions have it when they connect anew"))
            try:
                await _within(link, RELOAD.format(act=act))
            except (psycopg.Error, ProbeError):
                return Outcome(Result.PARTIAL, SafeText("written, but the server was not told to read it: reload it"))
        return Outcome(Result.DONE, SafeText("written, and the server told to read it"))

    # whether it is true

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Follow the statement while it runs, then ask the catalogue. Raises `ProbeError`."""
        facts = dict(outcome.facts)
        ended = facts.get("ended", "")
        running = self._running.get((int(facts.get("pid", "0")), facts.get("backend_start", "")))
        async with self._linked(COUNTING if plan.action.name == "delete-old" else SESSION) as link:
            sight = await look(link, self._concerned(plan, subject))
            verdict = truth.elsewhere(plan, sight) or truth.under_way(outcome, after, sight)
            if verdict is None and running is not None:
                await asyncio.wait({running.task}, timeout=_HEARS)  # the server has ended it: its word is on the way
                ended = self._end_of(running) if running.task.done() else ended
                sight = await look(link, self._concerned(plan, subject))
            if verdict is None:
                verdict = await self._settled(link, plan, subject, after, sight, ended)
        if running is not None and verdict.truth is not Truth.PENDING:
            self._forget(facts)
        return verdict

    def _end_of(self, running: _Running) -> str:
        import psycopg

        try:
            running.task.result()
        except psycopg.Error as error:
            if error.sqlstate is None or not running.link.is_open:
                return "the connection was lost under way"
            gone = deleted(running.link)
            return said_of(error) + (f" after {plans.count(gone)} rows" if gone is not None else "")
        except (ProbeError, asyncio.CancelledError):
            return "the connection was lost under way"
        return "done"

    def _forget(self, facts: Mapping[str, str]) -> None:
        running = self._running.pop((int(facts.get("pid", "0")), facts.get("backend_start", "")), None)
        if running is not None:
            running.hang_up()

    async def _settled(
        self, link: Link, plan: Plan, subject: Subject, after: float, sight: CareSight, ended: str
    ) -> Verdict:
        planned = dict(subject.identity)
        if plan.action.name == "slow-log":
            wanted = (threshold(plan.request.word) or (None, None))[0]
            return truth.on_threshold(plan, subject, sight.slow_log[0], sight.slow_log[1], wanted, after)
        if plan.action.name == "reset-statements":
            known = parse.part(await ask(link, _COUNTED_SINCE.format(schema=sight.statements or "public")))
            if parse.word(known.get("reset")) != planned["reset"]:
                return Verdict(Truth.CONFIRMED, SafeText(f"counted anew since {parse.word(known.get('reset'))}"))
            return Verdict(Truth.REFUTED, SafeText("the statistics are as they were"))
        if plan.action.name == "delete-old":
            return await self._deleted(link, plan, planned, sight, ended)
        if "database" in planned:
            field = "last_analyze" if plan.action.name == "analyze" else "last_vacuum"
            asked = _TABLES_LEFT.format(field=field, since=names.literal(planned["now"]))
            found = parse.part(await ask(link, asked))
            return all_of(parse.whole(found.get("done")), parse.whole(found.get("total")), after, ended)
        return truth.on_relation(plan, subject, after, sight, ended)

    async def _deleted(
        self, link: Link, plan: Plan, planned: Mapping[str, str], sight: CareSight, ended: str
    ) -> Verdict:
        one = sight.by_oid(planned["oid"])
        retention = self._settings.retention.get(plan.request.word)
        if one is None or retention is None:
            return Verdict(Truth.UNKNOWN, SafeText(f"{planned['name']} is not there any more"))
        some, rows = await left(link, retention, one, planned["before"])
        if not some:
            return Verdict(Truth.CONFIRMED, SafeText(f"no row before {planned['before']} is left; vacuum comes next"))
        held = "; others hold them" if ended == "done" else ""
        words = f"{ended or 'its session is gone'}: {plans.count(rows)} rows are left{held}"
        return Verdict(Truth.REFUTED, SafeText(f"{words}; what is deleted stays deleted"))

    def close(self) -> None:
        """Leave statements under way to the server."""
        for running in self._running.values():
            running.hang_up()
        self._running.clear()


async def _within(link: Link, statement: str) -> None:
    """Run a statement that is quick. Raises `ProbeError` when no answer comes, and what the driver raises."""
    try:
        async with asyncio.timeout(4.0):
            await link.run(statement)
    except TimeoutError:
        raise ProbeError(Cause.TIMEOUT_READ, f"no answer from {link.where} within 4 s") from None
