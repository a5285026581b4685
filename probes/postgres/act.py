"""Cancels queries and ends sessions: one guarded statement for one session, over a connection of its own.

The server compares the session with what was looked at in the statement that signals it (`guard.MATCHES`): where it
differs, no row is left and nothing is signalled. Acts of care stand in `act_care`; the rest of the package only reads.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Final

from probes.base import (
    Action,
    Actuator,
    Cause,
    Choice,
    CommandLine,
    Context,
    Danger,
    Identity,
    Offer,
    Outcome,
    Plan,
    ProbeError,
    Recognised,
    Request,
    Result,
    Right,
    SafeText,
    Sending,
    Subject,
    Target,
    Verdict,
)
from probes.postgres import commands
from probes.postgres.act_care import Caring
from probes.postgres.address import ACTING, PostgresSettings, place_in
from probes.postgres.bulk import bulk_of, chosen
from probes.postgres.care import catalogue as care
from probes.postgres.complaints import translated
from probes.postgres.facts import PostgresFacts, Session
from probes.postgres.guard import MATCHES, is_session, same, values_of
from probes.postgres.link import Link
from probes.postgres.plans import (
    CLIENT,
    felt_of,
    hindrance,
    left_alone,
    named,
    notes_of,
    state_of,
    subjects_of,
)
from probes.postgres.rights import rights_of
from probes.postgres.sight import Sight, linked, look
from probes.postgres.truth import FREED, is_true

CANCEL: Final = Action(
    "cancel",
    "cancel query",
    Danger.DISRUPTIVE,
    "Ends the query a session runs; the session stays, and so does its client's connection.",
    noun="query",
)
TERMINATE: Final = Action(
    "terminate",
    "end session",
    Danger.DISRUPTIVE,
    "Ends a session: its transaction is rolled back, its locks are let go, its client loses the connection.",
    grave=True,
    noun="session",
)

WAIT: Final = 700
"""Milliseconds the server waits for a session to be gone before it answers, PostgreSQL 14 and newer."""
_ANSWERS: Final = 4.0
"""Seconds for the answer to the one statement."""
_WAITS: Final = 140000
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SAID_NO: Final = ("0A", "22", "28", "3D", "3F", "42")
"""Classes of SQLSTATE that end a statement before it has done anything."""

SIGNAL: Final = """
WITH /* opsroom {act} */ found AS MATERIALIZED (
    SELECT s.pid
    FROM pg_catalog.pg_stat_activity AS s
    WHERE {matches}
    AND pg_catalog.pg_postmaster_start_time() = %(started)s::timestamptz
    AND pg_catalog.pg_is_in_recovery() = %(in_recovery)s::bool
)
SELECT {call} FROM found"""
CALLS: Final = {
    "cancel": "pg_catalog.pg_cancel_backend(found.pid)",
    "terminate": "pg_catalog.pg_terminate_backend(found.pid)",
}
WAITING_CALLS: Final = CALLS | {"terminate": f"pg_catalog.pg_terminate_backend(found.pid, {WAIT})"}
GUARDED: Final = """
SELECT /* opsroom {act} */ opsroom.{action}(
    %(pid)s::int4, %(backend_start)s::timestamptz, %(state)s::text, %(state_change)s::timestamptz,
    %(query_start)s::timestamptz, %(xact_start)s::timestamptz, %(act)s::uuid, %(wait)s::int4
)
WHERE pg_catalog.pg_postmaster_start_time() = %(started)s::timestamptz
    AND pg_catalog.pg_is_in_recovery() = %(in_recovery)s::bool"""


class PostgresActuator(Actuator[PostgresFacts]):
    """Acts on sessions of one server. A subject is a session: "pid backend_start"."""

    kind = "postgres"
    reads_pipes = True
    actions = (CANCEL, TERMINATE, *care.ACTIONS)

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, PostgresSettings)
        self.settings = target.settings
        self._links: set[Link] = set()
        self._caring = Caring(target.name, self.settings, context, self._links)

    # offers

    def offers(self, facts: PostgresFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """Cancel and terminate for rows that are one session each, or whose session we are not shown; care for tables,
        indexes and the database as a whole."""
        if not subjects or any(one in care.rows_of(facts) for one in subjects):
            return care.offers(facts, subjects, self.settings.retention)
        refusals: dict[str, list[str]] = {action.name: [] for action in (CANCEL, TERMINATE)}
        for subject in subjects:
            session, reason = _row(facts, subject)
            if session is None and reason is None:
                return ()
            for name, reasons in refusals.items():
                reasons.append(reason or (hindrance(name, session) if session is not None else ""))
        return tuple(
            Offer(action, refusals[action.name][0] if all(refusals[action.name]) else "")
            for action in (CANCEL, TERMINATE)
        )

    async def choices(self, action: str, subjects: Sequence[str]) -> Sequence[Choice]:
        """Words for an act of care."""
        return await self._caring.choices(action, subjects)

    # plan

    async def plan(self, request: Request) -> Plan:
        """Look at the sessions afresh, at those they wait for and at those that wait for them."""
        if request.action not in CALLS and request.number is None:
            return await self._caring.plan(request, self.kind)
        action = next((one for one in self.actions if one.name == request.action), None)
        if action is None or request.number is not None:
            raise ProbeError(Cause.MISSING, "PostgreSQL has no such action here")
        bulk = bulk_of(request.word) if not request.subjects else None
        if bulk is None:
            named(request)
        async with linked(self.target.name, self.settings, self.context, self._links) as link:
            if bulk is not None:
                request = Request(action.name, await chosen(link, bulk))
            sight = await look(link, (pid for pid, _ in named(request)))
        looked_at = self.context.now()
        subjects = subjects_of(action, request, sight)
        if bulk is not None:
            subjects = left_alone(subjects, sight)
            request = Request(action.name, tuple(one.key for one in subjects))
        kept = [one for one in subjects if not one.spared] or subjects
        writes = any(one.writes for one in sight.sessions if one.key in {other.key for other in kept})
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=sight.place,
            pin=sight.pin,
            subjects=subjects,
            command=tuple(self.render(Request(action.name, tuple(one.key for one in kept))).splitlines()),
            looked_at=looked_at,
            danger=action.danger,
            felt=tuple(map(SafeText, felt_of(action.name, subjects, sight))),
            notes=tuple(map(SafeText, notes_of(action.name, request, subjects, sight, self.settings.pooled))),
            answers=4.0 + _ANSWERS,
            settles=60.0 if writes else 20.0,
        )

    # doing it

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Look once more, then signal the session in the statement that compares it; or do an act of care."""
        if plan.action.name not in CALLS:
            return await self._caring.do(plan, subject, act, sending)
        pid = int(dict(subject.identity)["pid"])
        name = plan.action.name
        async with linked(self.target.name, self.settings, self.context, self._links, ACTING) as link:
            sight = await look(link, [pid])
            if changed := _difference(plan, subject, sight):
                return changed
            behind = sight.behind(pid)
            statement, values = _statement(name, subject, sight, act)
            await sending()
            row = await self._send(link, statement, values, sight, name)
            if isinstance(row, Outcome):
                return row
            if row is None or row[0] == "changed":
                return await self._not_found(link, plan, subject)
        return _answered(name, row[0], sight.number, behind)

    async def _send(
        self, link: Link, statement: str, values: dict[str, object], sight: Sight, name: str
    ) -> tuple[object, ...] | Outcome | None:
        """The row that came back; FAILED when the server said no. `ProbeError` when nobody knows."""
        import psycopg

        try:
            async with asyncio.timeout(_ANSWERS):
                return await link.once(statement, values)
        except TimeoutError:
            raise ProbeError(Cause.TIMEOUT_READ, f"no answer from {link.where} within {_ANSWERS:g} s") from None
        except psycopg.Error as error:
            state = error.sqlstate or ""
            if state == "42501":
                needs = f"GRANT pg_signal_backend TO {sight.role}, or EXECUTE on opsroom.{name}"
                return Outcome(Result.FAILED, SafeText(f"{sight.role} may not signal this session: {needs}"))
            if state.startswith(_SAID_NO) and link.is_open:
                return Outcome(Result.FAILED, SafeText(f"the server refused the statement (SQLSTATE {state})"))
            raise translated(error, link.where) from None

    async def _not_found(self, link: Link, plan: Plan, subject: Subject) -> Outcome:
        """The server found nobody who matched; why, if it can still be seen."""
        try:
            sight = await look(link, [int(dict(subject.identity)["pid"])])
        except ProbeError:
            return Outcome(Result.REFUSED, SafeText("changed since you looked: the server found no such session"))
        found = _difference(plan, subject, sight)
        return found or Outcome(Result.REFUSED, SafeText("changed while it was looked at; nothing was signalled"))

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look for the session by its identity, and for those that waited for it; or for what an act of care did."""
        if plan.action.name not in CALLS:
            return await self._caring.verify(plan, subject, outcome, after)
        pids = {int(dict(subject.identity)["pid"])}
        waited = dict(outcome.facts).get(FREED, "")
        pids |= {int(one.partition(" ")[0]) for one in waited.split(";") if one[:1].isdigit()}
        async with linked(self.target.name, self.settings, self.context, self._links) as link:
            sight = await look(link, pids)
        return is_true(plan, subject, outcome, after, sight)

    # words

    def render(self, request: Request) -> str:
        """`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ... AND backend_start = ...`."""
        return commands.render(request, self.settings.retention)

    def recognise(self, line: CommandLine) -> Recognised | None:
        """The sessions that a statement, bare or through psql to this server, would signal."""
        return commands.recognise(line, self._places(), self.settings.retention)

    def _places(self) -> list[commands.Place]:
        """Where the profile's logins lead, as far as it says so itself."""
        written = [url for url in (self.settings.url, self.settings.act_url) if url]
        return [commands.Place(**(place_in(url) or {})) for url in written if "://" in url] or [commands.Place()]

    async def rights(self) -> Sequence[Right]:
        """What the login for acts may do there."""
        async with linked(self.target.name, self.settings, self.context, self._links) as link:
            found = rights_of(await look(link, ()))
        return [*found, *await self._caring.rights()]

    def abort(self) -> None:
        """Hang up on every connection."""
        for link in self._links:
            link.cut()

    async def close(self) -> None:
        """Let go of every connection; what is under way is left to the server."""
        self._caring.close()
        for link in list(self._links):
            await link.close()


def _statement(name: str, subject: Subject, sight: Sight, act: str) -> tuple[str, dict[str, object]]:
    """The one statement that changes something, and its values."""
    values: dict[str, object] = {
        **values_of(subject.identity),
        "started": dict(sight.pin)["started"],
        "in_recovery": dict(sight.pin)["standby"] == "yes",
    }
    known = act if _UUID.fullmatch(act) else ""
    if _by_function(name, subject, sight):
        return GUARDED.format(act=known, action=name), values | {"act": known or None, "wait": WAIT}
    call = (WAITING_CALLS if sight.number >= _WAITS else CALLS)[name]
    return SIGNAL.format(act=known, matches=MATCHES, call=call), values


def _by_function(name: str, subject: Subject, sight: Sight) -> bool:
    """True when the guarded function does it: it can be called, and its owner may signal that session."""
    function = sight.function(name)
    session = sight.session(int(dict(subject.identity)["pid"]))
    if function is None or session is None:
        return False
    return function.all_powerful or (function.able and not session.superuser)


def _row(facts: PostgresFacts, subject: str) -> tuple[Session | None, str | None]:
    """(the session of a row, why nothing can be done to it): both None when the row is no session."""
    by_key = {one.key: one for one in facts.sessions}
    if subject in by_key:
        return by_key[subject], ""
    by_pid = {one.pid: one for one in facts.sessions}
    for knot in facts.knots:
        if knot.key == subject:
            prepared = "a prepared transaction: ROLLBACK PREPARED ends it"
            return knot.session or by_pid.get(knot.pid), "" if knot.pid else prepared
    for one in facts.progress:
        if subject == f"{one.command} {one.pid}":
            return by_pid.get(one.pid), ""
    if any(subject == f"replica {one.pid}" for one in facts.replicas):
        return None, "replication: no client's session"
    return None, None


def _difference(plan: Plan, subject: Subject, sight: Sight) -> Outcome | None:
    """REFUSED with what has changed; None when all is as it was looked at."""
    planned = dict(subject.identity)
    pid = int(planned["pid"])
    now = sight.session(pid)
    if sight.pin != plan.pin:
        was, found = dict(plan.pin), dict(sight.pin)
        what = next(name for name in ("system_identifier", "standby", "started") if was.get(name) != found.get(name))
        return _changed(f"{what.replace('_', ' ')} {was.get(what)}", f"{found.get(what)}, another server")
    if now is None:
        gone = "hidden from us now" if pid in sight.hidden else "gone"
        return _changed(str(subject.name), gone)
    if not is_session(subject.identity, now):
        return _changed(str(subject.name), f"gone, its pid belongs to {now.who} now")
    if now.backend_type != CLIENT or not same(subject.identity, now):
        return _changed(planned.get("state", "state not known"), _since(planned, now))
    return None


def _since(planned: dict[str, str], now: Session) -> str:
    if now.state == planned.get("state"):
        if planned.get("xact_start") and now.xact_start != planned["xact_start"]:
            return f"{now.state} in another transaction"
        return f"{now.state}, but since {now.state_change}"
    return state_of(now)


def _changed(planned: str, now: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {planned} -> {now}"))


def _answered(name: str, answer: object, number: int, behind: Sequence[Session]) -> Outcome:
    """What the server's answer means; who waited is kept, so that it can be told later who goes on."""
    facts: Identity = (("answer", str(answer).lower()),)
    if behind:
        facts += ((FREED, ";".join(one.key for one in behind)),)
    if answer == "terminated" or (answer is True and name == TERMINATE.name and number >= _WAITS):
        return Outcome(Result.DONE, SafeText("session ended"), facts)
    if answer is True or answer == "signalled":
        return Outcome(Result.DONE, SafeText("signal sent"), facts)
    if answer is False and name == TERMINATE.name and number >= _WAITS:
        return Outcome(Result.DONE, SafeText(f"signal sent, still there after {WAIT} ms"), facts)
    if answer is False or answer == "gone":
        return Outcome(Result.REFUSED, SafeText("already gone: it ended by itself just then"))
    raise ProbeError(Cause.GARBAGE, "the server's answer can't be understood")
