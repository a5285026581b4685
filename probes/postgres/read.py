"""Reads a PostgreSQL server. It asks, and never changes, locks or ends anything.

One connection is kept, so that we are inside when the server is full; nearly everything is one question a reading.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from probes.base import (
    Cause,
    Console,
    Context,
    Found,
    Gap,
    Look,
    Probe,
    ProbeError,
    SafeText,
    Settings,
    Sheet,
    Snapshot,
    Target,
)
from probes.postgres import parse
from probes.postgres.address import Address, PostgresSettings, discover, resolve
from probes.postgres.care.looks import LOOKS, taken
from probes.postgres.care.read import CareReader
from probes.postgres.console import consoles
from probes.postgres.facts import Login, PostgresFacts, Server, Session, Statements
from probes.postgres.gauges import RULES, SPECS, measured
from probes.postgres.link import Link, combined
from probes.postgres.meters import StatementMeter, TrafficMeter
from probes.postgres.questions import chosen, question

_AGAIN: Final = 300.0
"""Seconds until a part that was refused is asked for again."""
_LOOK_AGAIN: Final = 60.0
"""Seconds until we look whether an absent extension is there now."""
_CROWDED: Final = 0.9
"""Used share of the connections from which on new logins are tried often."""
_OFTEN: Final = 5.0
"""Seconds between two logins at least while the server is full."""
_PATIENCE: Final = 0.3
"""Seconds a reading waits for a trial login; it goes on beside the next one."""

_PARTS: Final[Mapping[str, str]] = {
    "databases": "traffic of the databases",
    "replication": "replication",
    "progress": "progress of maintenance",
}


class Refusals:
    """Parts that could not be had: always said, but not asked for again at every reading."""

    def __init__(self) -> None:
        self._gaps: dict[str, tuple[Gap, float]] = {}

    def allows(self, part: str, at: float) -> bool:
        """True when the part may be asked for."""
        known = self._gaps.get(part)
        return known is None or at >= known[1]

    def note(self, part: str, words: str, error: ProbeError, at: float) -> None:
        """The part was refused at `at` (monotonic seconds)."""
        hint = error.hint or error.message
        self._gaps[part] = (Gap(words, error.cause, hint), at + _AGAIN)

    def clear(self, part: str) -> None:
        """The part was had."""
        self._gaps.pop(part, None)

    @property
    def gaps(self) -> list[Gap]:
        """What is missing now."""
        return [gap for gap, _ in self._gaps.values()]


class TrialLogin:
    """Logs in a second time now and then: our open connection says nothing about new ones."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._task: asyncio.Task[None] | None = None
        self._began = 0.0
        self.login = Login()

    def succeeded(self, seconds: float, at: float) -> None:
        """A login that took `seconds` was done anyway."""
        self.login = Login(seconds=seconds)
        self._began = at

    async def go_on(self, link: Link, address: Address, context: Context, crowded: bool) -> None:
        """Begin a login when one is due, and take the result of one that has ended."""
        at = context.monotonic()
        due = self._every > 0 and at - self._began >= (min(_OFTEN, self._every) if crowded else self._every)
        if self._task is None and due:
            self._began = at
            self._task = asyncio.ensure_future(link.try_login(address))
        if self._task is None:
            return
        await asyncio.wait({self._task}, timeout=_PATIENCE)
        if self._task.done():
            self._settle(self._task, context.monotonic() - self._began)

    def _settle(self, task: asyncio.Task[None], took: float) -> None:
        self._task = None
        try:
            task.result()
        except ProbeError as error:
            self.login = Login(refused=error.message)
        else:
            self.login = Login(seconds=took)

    def stop(self) -> None:
        """Give up a login under way."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())


class PostgresProbe(Probe[PostgresFacts]):
    """A PostgreSQL server, 12 or newer, directly or through a pooler."""

    kind = "postgres"
    settings_type: ClassVar[type[Settings]] = PostgresSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, PostgresSettings)
        self.settings = target.settings
        self._link = Link(target.name, context.operator, self.settings.pooled)
        self._address: Address | None = None
        self._identity: parse.Document = {}
        self._control: parse.Document = {}
        self._identified = 0.0
        self._full: tuple[ProbeError, float] | None = None
        """Why the last login failed because the server was full, and when."""
        self._refusals = Refusals()
        self._trial = TrialLogin(self.settings.login_every)
        self._fresh_meters()

    def _fresh_meters(self) -> None:
        self._traffic = TrafficMeter()
        self._statements = StatementMeter(self.settings.show_literals)
        self._due: dict[str, float] = {}
        self._care = CareReader(self.settings.care_every)

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """Servers that DATABASE_URL, PG* variables, pg_service.conf or a local socket speak of."""
        return discover(environ)

    def consoles(self, facts: PostgresFacts | None, subject: str) -> tuple[Console, ...]:
        """psql, for the server as a whole."""
        return consoles(self.settings, self.context)

    async def read(self) -> Snapshot[PostgresFacts]:
        """Read the server once."""
        began = self.context.monotonic()
        ping = await self._reach()
        self.doing = "reading"
        documents = await self._documents(began)
        facts = self._facts(documents, began)
        facts = replace(facts, sessions=await self._with_locks(facts.sessions))
        facts = replace(facts, knots=parse.knots_of(facts.sessions), statements=await self._read_statements(began))
        await self._measure_sizes(began)
        facts = replace(facts, care=await self._care.read(self._link, self._number, began, self.watched))
        facts = replace(facts, login=await self._login(facts, ping))
        return self.snapshot(facts, measured(facts), began, self._gaps(facts))

    # getting in

    async def _reach(self) -> float:
        """Make sure that our connection answers; seconds that took. A lost one is replaced once."""
        if self._link.is_open:
            self.doing = "reading"
            try:
                return await self._ping()
            except ProbeError:
                if self._link.is_open or self._link.was_cut:
                    raise
        self.doing = "connecting"
        await self._log_in()
        return await self._ping()

    async def _ping(self) -> float:
        began = self.context.monotonic()
        await self._link.ask("SELECT /* opsroom */ '1'::json")
        return self.context.monotonic() - began

    async def _log_in(self) -> None:
        began = self.context.monotonic()
        if self._full is not None and began - self._full[1] < _OFTEN:
            raise self._full[0]
        try:
            self._address = await self._link.lane.run(resolve, self.settings, self.context.secrets, os.environ)
            await self._link.open(self._address)
        except ProbeError as error:
            self._full = (error, began) if error.cause is Cause.OVERLOADED else None
            raise
        self._full = None
        self._trial.succeeded(self.context.monotonic() - began, self.context.monotonic())
        await self._identify()
        self._control = {}
        with contextlib.suppress(ProbeError):
            self._control = parse.part(await self._link.ask(question("control", self._number)))
        self._fresh_meters()

    async def _identify(self) -> None:
        self._identity = parse.part(await self._link.ask(question("identity", 120000)))
        self._identified = self.context.monotonic()
        chosen("activity", self._number)  # too old a server ends here, with words

    @property
    def _number(self) -> int:
        return parse.whole(self._identity.get("number"))

    # asking

    def _activity(self, text: bool) -> str:
        return question("activity", self._number, text="true" if text else "false", rows=str(self.settings.rows))

    async def _documents(self, at: float) -> dict[str, Any]:
        """Sessions, traffic, replication and progress in one round trip; what is refused costs its own part only."""
        readable = self._refusals.allows("text", at)
        wanted = [part for part in _PARTS if self._refusals.allows(part, at)]
        parts = {"activity": self._activity(readable)} | {part: question(part, self._number) for part in wanted}
        try:
            answer = parse.part(await self._link.ask(combined(parts)))
        except ProbeError:
            if not self._link.is_open:
                raise
            return await self._one_by_one(wanted, at)
        for part in (*wanted, *(["text"] if readable else [])):
            self._refusals.clear(part)
        return dict(answer)

    async def _one_by_one(self, wanted: Iterable[str], at: float) -> dict[str, Any]:
        answers: dict[str, Any] = {"activity": await self._sessions_alone(at)}
        for part in wanted:
            try:
                answers[part] = await self._link.ask(question(part, self._number))
            except ProbeError as error:
                if not self._link.is_open:
                    raise
                self._refusals.note(part, _PARTS[part], error, at)
        return answers

    async def _sessions_alone(self, at: float) -> Any:
        """The sessions; without their query texts when one of these can't be converted."""
        try:
            return await self._link.ask(self._activity(self._refusals.allows("text", at)))
        except ProbeError as error:
            if error.cause is not Cause.GARBAGE or not self._link.is_open:
                raise
            self._refusals.note("text", "query texts, one of which is broken", error, at)
            return await self._link.ask(self._activity(False))

    async def _with_locks(self, sessions: tuple[Session, ...]) -> tuple[Session, ...]:
        """Sessions that wait, with the lock they wait for; asked only when there are some."""
        at = self.context.monotonic()
        if not any(session.blocked for session in sessions) or not self._refusals.allows("waits", at):
            return sessions
        try:
            rows = parse.rows(await self._link.ask(question("waits", self._number)))
        except ProbeError as error:
            if not self._link.is_open:
                raise
            self._refusals.note("waits", "what waiting sessions wait for", error, at)
            return sessions
        self._refusals.clear("waits")
        by_pid = {parse.whole(row.get("pid")): row for row in rows}
        return tuple(parse.waiting(one, by_pid[one.pid]) if one.pid in by_pid else one for one in sessions)

    def _is_due(self, part: str, every: float, at: float) -> bool:
        if every <= 0 or at < self._due.get(part, 0.0) or not self._refusals.allows(part, at):
            return False
        self._due[part] = at + every
        return True

    async def _read_statements(self, at: float) -> Statements | None:
        if self.settings.statements_every <= 0:
            return None
        if not self._has_statements and at - self._identified >= _LOOK_AGAIN:
            await self._identify()
        if not self._has_statements:
            return None
        if self._is_due("statements", self.settings.statements_every, at):
            await self._take_statements(at)
        return self._statements.statements() if self._refusals.allows("statements", at) else None

    async def _take_statements(self, at: float) -> None:
        schema = str(self._identity.get("statements_schema"))
        try:
            answer = await self._link.ask(question("statements", self._number, schema=schema))
            unknown = self._statements.take(parse.part(answer), self.context.monotonic())
            if unknown:
                ids = ", ".join(unknown[:100])
                self._statements.learn(await self._link.ask(question("texts", self._number, schema=schema, ids=ids)))
        except ProbeError as error:
            if not self._link.is_open:
                raise
            self._refusals.note("statements", "slow statements", error, at)
        else:
            self._refusals.clear("statements")

    @property
    def _has_statements(self) -> bool:
        return bool(self._identity.get("statements_schema")) and self._identity.get("preloaded") is not False

    async def _measure_sizes(self, at: float) -> None:
        if not self._is_due("sizes", self.settings.sizes_every, at):
            return
        try:
            self._traffic.sized(await self._link.ask(question("sizes", self._number)))
        except ProbeError as error:
            if not self._link.is_open:
                raise
            self._refusals.note("sizes", "sizes of the databases", error, at)
        else:
            self._refusals.clear("sizes")

    async def _login(self, facts: PostgresFacts, ping: float) -> Login:
        if self._address is not None:
            crowded = (facts.connections.ratio or 0.0) > _CROWDED or bool(self._trial.login.refused)
            await self._trial.go_on(self._link, self._address, self.context, crowded)
        return replace(self._trial.login, ping=ping)

    # understanding

    def _server(self, activity: parse.Document) -> Server:
        local = self._address is not None and self._address.local
        return parse.server_of(self._identity, self._control, activity, self._link.encrypted, local)

    def _facts(self, documents: Mapping[str, Any], at: float) -> PostgresFacts:
        activity, replication = parse.part(documents.get("activity")), parse.part(documents.get("replication"))
        databases = parse.part(documents.get("databases"))
        sessions = tuple(
            parse.session_of(row, self.settings.show_literals) for row in parse.rows(activity.get("sessions"))
        )
        crowds, prepared = parse.crowds_of(activity), parse.prepared_of(activity)
        slots, connections = parse.slots_of(replication), parse.connections_of(activity)
        numbers: dict[str, float] = {}
        for crowd in crowds:
            numbers[str(crowd.database)] = numbers.get(str(crowd.database), 0.0) + crowd.total
        return PostgresFacts(
            server=self._server(activity),
            connections=connections,
            limited=connections.hidden > 0,
            sessions=sessions,
            sessions_left_out=max(parse.whole(activity.get("shown")) - len(sessions), 0),
            crowds=crowds,
            waits=parse.waits_of(activity),
            prepared=prepared,
            horizon=parse.horizon_of(sessions, prepared, slots),
            replicas=parse.replicas_of(replication, {session.pid: session for session in sessions}),
            slots=slots,
            standby=parse.standby_of(replication),
            archiver=parse.archiver_of(replication),
            traffic=self._traffic.measure(databases, at),
            databases=self._traffic.databases(databases, numbers, at),
            wraparound=parse.wraparound_of(databases),
            progress=parse.progress_of(documents.get("progress")),
        )

    def _gaps(self, facts: PostgresFacts) -> list[Gap]:
        gaps = self._refusals.gaps + self._care.gaps
        role = facts.server.role or "our role"
        if facts.limited:
            hidden = int(facts.connections.hidden)
            sessions = "1 session of another user is" if hidden == 1 else f"{hidden} other users' sessions are"
            words = f"{sessions} hidden: needs pg_monitor"
            gaps.append(Gap(words, Cause.DENIED, SafeText(f"GRANT pg_monitor TO {role}")))
        elif not facts.server.reads_all and facts.statements is not None:
            gaps.append(Gap("other users' statements", Cause.DENIED, SafeText(f"GRANT pg_monitor TO {role}")))
        if facts.connections.states.get("disabled"):
            gaps.append(Gap("what sessions do", Cause.MISSING, SafeText("track_activities is off; set it on")))
        if self.settings.statements_every > 0 and not self._has_statements:
            gaps.append(Gap("slow statements", Cause.MISSING, SafeText(self._remedy())))
        return gaps

    def _remedy(self) -> str:
        """What brings pg_stat_statements."""
        create = f"CREATE EXTENSION pg_stat_statements in database {self._identity.get('database')}"
        preload = "add pg_stat_statements to shared_preload_libraries and restart the server"
        if self._identity.get("statements_schema"):
            return preload
        return f"{preload}, then {create}" if self._identity.get("preloaded") is False else create

    # looking closer

    def looks(self) -> tuple[Look, ...]:
        """Column statistics, settings that last, roles, and the plan of a statement."""
        return LOOKS

    async def look(self, name: str, subject: str) -> Sheet:
        """Look over a connection of its own, which is closed again."""
        if name not in {one.name for one in LOOKS}:
            return await super().look(name, subject)
        bare = name == "explain"  # start-up options of ours would be the planner's too
        link = Link(self.target.name, self.context.operator, self.settings.pooled or bare)
        try:
            await link.open(await link.lane.run(resolve, self.settings, self.context.secrets, os.environ))
            return await taken(link, name, subject, self.settings.show_literals)
        finally:
            await link.close()
            link.release()

    # letting go

    def abort(self) -> None:
        """Hang up at once."""
        self._link.cut()
        self._trial.stop()

    async def close(self) -> None:
        """Log out."""
        self._trial.stop()
        await self._link.close()
        self._link.release()
