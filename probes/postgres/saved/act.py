"""Acts on rows of saved queries: the profile's command is run here with the row's key as its arguments, once a row.

The query is asked directly before, for that row alone, and the row must still say what was seen; it is asked again
afterwards, and the act has come true once the row is gone or says something else. What was run for a row from here
before is kept and told: such a row is left out unless a person takes it in.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC
from hashlib import sha256
from pathlib import Path
from typing import Final

from probes.base import (
    Action,
    Actuator,
    Cause,
    CommandLine,
    Context,
    Danger,
    Grant,
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
    Truth,
    Verdict,
    lasted,
)
from probes.exec import job, pin
from probes.exec.job import Standing, State
from probes.postgres.address import resolve
from probes.postgres.saved import rows
from probes.postgres.saved.asking import SAVED, Answer, Asker, Fault
from probes.postgres.saved.facts import SqlFacts
from probes.postgres.saved.found import FoundRows, found_in, only
from probes.postgres.saved.settings import QuerySettings, RowAct, SqlSettings
from probes.postgres.saved.statement import Statement, narrowed, place

RUN: Final = Action(
    rows.RUN,
    "run",
    Danger.REVERSIBLE,
    "Runs the command that the profile gives for the rows of this query, here and once for each row.",
    noun="row",
)
ANSWERS: Final = 40.0
"""Seconds in which the query must have been asked and the command begun."""
PLANS: Final = 8.0
"""Seconds a query may take where its rows are looked at before an act; the desk waits for 10."""
LOOKS: Final = 4.0
"""The same afterwards, where the desk waits for 5: what nobody waits for any more, the server must end by itself."""
SETTLES: Final = 30.0
"""Seconds beyond the command's own time in which the row must say something else."""
KEPT: Final = 2000
"""Rows of a query whose runs are kept, those that ran last."""
MOST: Final = 100
"""Rows that are acted on at once."""

_DANGERS: Final[Mapping[str, Danger]] = {
    "reversible": Danger.REVERSIBLE,
    "disruptive": Danger.DISRUPTIVE,
    "destructive": Danger.DESTRUCTIVE,
}


class SqlActuator(Actuator[SqlFacts]):
    """Runs the profile's commands for rows."""

    kind = "sql"
    actions = (RUN,)

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, SqlSettings)
        self.settings = target.settings
        self._acts = {name: one.act for name, one in self.settings.query.items() if one.act is not None}
        self._link = Asker(target.name, context.operator, self.settings.pooled, SAVED)
        self._asking = asyncio.Lock()

    def offers(self, facts: SqlFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """A run, for rows of one query that has a command."""
        parts = [rows.values_of(key) for key in subjects]
        there = {(one.of.name, one.values) for one in rows.actable(facts)}
        if not subjects or not set(parts) <= there:
            return ()
        if len({query for query, _ in parts}) > 1:
            return (Offer(RUN, "these are rows of several queries"),)
        query, _ = parts[0]
        act = self._acts.get(query)
        if act is None:
            return ()
        why = next((why for _, found in parts if (why := rows.unfit(act, found))), "")
        return (Offer(RUN, why or ("" if self.context.state is not None else "there is no folder to keep a run in")),)

    def _of(self, request: Request) -> tuple[str, QuerySettings, RowAct, list[tuple[str, ...]]]:
        """(the query's name, itself, its command, the values of each row's key). Raises `ProbeError`."""
        parts = [rows.values_of(key) for key in request.subjects]
        names = {query for query, _ in parts}
        name = next(iter(names), "")
        act = self._acts.get(name)
        if request.action != RUN.name or len(names) != 1 or act is None:
            raise ProbeError(Cause.MISSING, "it is for rows of one query that has an act in the profile")
        if len(parts) > MOST:
            raise ProbeError(Cause.MISSING, f"it is done for {MOST} rows at once at most")
        for _, found in parts:
            if len(found) != len(act.key):
                raise ProbeError(Cause.GONE, "the key of these rows is another one by now")
            if why := rows.unfit(act, found):
                raise ProbeError(Cause.MISSING, SafeText(why, 300))
        return name, self.settings.query[name], act, [found for _, found in parts]

    async def plan(self, request: Request) -> Plan:
        """Ask for the rows, and look what was run for them before."""
        name, query, act, wanted = self._of(request)
        if self.context.state is None:
            raise ProbeError(Cause.LOCAL_PERM, "there is no folder to keep a run in")
        found = await self._rows(query, act, PLANS)
        program = await asyncio.to_thread(_program, act)
        subjects = [await self._subject(name, act, each, found, program) for each in wanted]
        notes = [act.what] if act.what else []
        notes += [f"its environment gets {one} by reference" for one in act.env]
        notes += [asked] if (asked := job.only_asked(act.argv)) else []
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=RUN,
            request=request,
            place=SafeText(f"this machine, {os.uname().nodename}, for rows of {self._link.where}", 300),
            pin=(("machine", os.uname().nodename), ("database", self._link.where), ("query", name)),
            subjects=tuple(subjects),
            command=tuple(rows.render(request, self._acts).split("\n")),
            looked_at=self.context.now(),
            danger=_DANGERS[act.danger],
            undo=SafeText(act.undo, 300),
            notes=tuple(SafeText(one, 300) for one in notes),
            answers=ANSWERS,
            settles=act.timeout + SETTLES,
        )

    async def _subject(
        self, name: str, act: RowAct, wanted: tuple[str, ...], found: FoundRows, program: Identity
    ) -> Subject:
        row = only(found, wanted)
        before = await self._before(name, act, wanted)
        runs = any(one.state is State.RUNNING for _, one in before)
        after = "the command has run" + (", and the row is gone or says something else" if act.changes else "")
        title = self.settings.query[name].label(name)
        return Subject(
            key=rows.key_of(name, wanted),
            name=SafeText(f"{title} {' '.join(wanted)}", 200),
            identity=(("row", row.digest), ("ran", str(len(before))), *program),
            before=rows.words(row.cells) if row.cells else SafeText("it is there"),
            after=SafeText(after),
            spared=SafeText("its command runs already" if runs else _told(act, before), 300),
            barred=runs,
        )

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Ask for the row once more, and begin its command if it still says the same."""
        name, query, does, _ = self._of(plan.request)
        _, wanted = rows.values_of(subject.key)
        found = await self._row(query, does, wanted, query.timeout)
        program = await asyncio.to_thread(_program, does)
        row, seen = found.rows.get(wanted), dict(subject.identity)
        if wanted in found.twice or row is None:
            more = ", or not among the rows that are fetched" if row is None and found.more else ""
            return Outcome(Result.REFUSED, SafeText(f"changed since you looked: the row is not there any more{more}"))
        if row.digest != seen["row"]:
            said = rows.words(row.cells)
            return Outcome(Result.REFUSED, SafeText(f"changed since you looked: the row says {said} now", 300))
        if (("row", row.digest), ("ran", seen["ran"]), *program) != subject.identity:
            return Outcome(Result.REFUSED, SafeText("changed since you looked: it is another program now"))
        folder = self._folder(name, does, wanted)
        if len(await asyncio.to_thread(_kept, folder)) != int(seen["ran"]):
            return Outcome(Result.REFUSED, SafeText("changed since you looked: its command has run meanwhile"))
        env = await asyncio.to_thread(self._env, does)
        argv = rows.filled(does, wanted)
        await asyncio.to_thread(_forget, folder.parent)
        await sending()
        try:
            await job.begin(
                [dict(program)["path"], *argv[1:]], folder / act, within=does.timeout, env=env, cwd=_cwd(does)
            )
        except ProbeError as error:
            if error.cause is Cause.TIMEOUT_READ:
                raise
            return Outcome(Result.FAILED, error.message)
        return Outcome(Result.DONE, SafeText("it is under way"), (("run", act),))

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """How the command ended, and what the row says now."""
        name, query, does, _ = self._of(plan.request)
        _, wanted = rows.values_of(subject.key)
        folder = self._folder(name, does, wanted)
        act = dict(outcome.facts).get("run", "")
        if not act:  # its answer was lost: what has run since the look is its run
            kept, ran = await asyncio.to_thread(_kept, folder), int(dict(subject.identity)["ran"])
            if len(kept) <= ran:
                return Verdict(Truth.REFUTED, SafeText("it never began, or its record is gone"))
            act = kept[ran]
        if not (folder / act).is_dir():
            return Verdict(Truth.UNKNOWN, SafeText("the record of its run is gone"))
        standing = await job.look(folder / act)
        ended = _ended(does, standing)
        if standing.state is State.RUNNING:
            return Verdict(Truth.PENDING, SafeText("its command runs"))
        if standing.state is State.LOST:
            young = standing.began is None and after < 5.0
            return Verdict(Truth.PENDING if young else Truth.UNKNOWN, SafeText(ended))
        if not _well(does, standing):
            complaint = f": {standing.complaint}" if standing.complaint else ""
            return Verdict(Truth.REFUTED, SafeText(f"{ended}{complaint}", 300))
        if not does.changes:
            return Verdict(Truth.CONFIRMED, SafeText(ended))
        found = await self._row(query, does, wanted, LOOKS)
        row = found.rows.get(wanted)
        if row is None and found.more:
            words = f"{ended}; there are more rows than are fetched, and it is not among the first"
            return Verdict(Truth.UNKNOWN, SafeText(words))
        if row is None:
            return Verdict(Truth.CONFIRMED, SafeText(f"{ended}, and the row is gone"))
        if row.digest != dict(subject.identity)["row"]:
            return Verdict(Truth.CONFIRMED, SafeText(f"{ended}, and the row says {rows.words(row.cells)} now", 300))
        return Verdict(Truth.PENDING, SafeText(f"{ended}, but the row still says the same"))

    # the query

    async def _rows(self, query: QuerySettings, act: RowAct, within: float) -> FoundRows:
        """The rows now, so many seconds at most. Raises `ProbeError`."""
        try:
            return found_in(query, act, await self._answer(query, query.statement, query.params, query.limit, within))
        except Fault as fault:
            raise _without_rows(fault) from None

    async def _row(self, query: QuerySettings, act: RowAct, wanted: Sequence[str], within: float) -> FoundRows:
        """One row now, and whatever has the same key: the same query, asked for that key alone, so that a row is found
        however many there are. Raises `ProbeError`.
        """
        alone = narrowed(query.statement, act.key)
        values = {**query.params, **{place(at): value for at, value in enumerate(wanted)}}
        try:
            return found_in(query, act, await self._answer(query, alone, values, max(2, query.limit), within))
        except Fault as fault:
            if fault.word != "not possible":  # two columns of one name can't be told apart there
                raise _without_rows(fault) from None
        return await self._rows(query, act, within)

    async def _answer(
        self, query: QuerySettings, statement: Statement, given: Mapping[str, object], limit: int, within: float
    ) -> Answer:
        """Raises `Fault` and `ProbeError`."""
        async with self._asking:
            if not self._link.is_open:
                address = await self._link.lane.run(resolve, self.settings.place, self.context.secrets, os.environ)
                await self._link.open(address)
            try:
                return await self._link.answer(statement, given, min(query.timeout, within), limit, self.settings.zone)
            except ProbeError:
                self._link.cut()
                raise

    # what was run

    def _folder(self, query: str, act: RowAct, wanted: Sequence[str]) -> Path:
        """Where the runs for a row are kept."""
        assert self.context.state is not None
        what = sha256("\0".join((*act.argv, "", act.cwd)).encode()).hexdigest()[:12]
        row = sha256("\0".join(wanted).encode()).hexdigest()[:24]
        return self.context.state / "jobs" / "sql" / f"{self.target.name}.{query}.{what}" / row

    async def _before(self, query: str, act: RowAct, wanted: Sequence[str]) -> list[tuple[str, Standing]]:
        """(act, how it ended) of each run for a row, the oldest first."""
        folder = self._folder(query, act, wanted)
        return [(one, await job.look(folder / one)) for one in await asyncio.to_thread(_kept, folder)]

    def _env(self, act: RowAct) -> dict[str, str]:
        try:
            return {name: self.context.secrets.resolve(reference) for name, reference in act.env.items()}
        except LookupError as error:
            words = str(error.args[0]) if error.args else "a secret can't be had"
            raise ProbeError(Cause.AUTH, words, "the profile refers to a secret that this machine can't give") from None

    # lines

    def render(self, request: Request) -> str:
        """The command of each row."""
        return rows.render(request, self._acts)

    def recognise(self, line: CommandLine) -> Recognised | None:
        """The row that a line is for, to the letter."""
        return rows.recognise(line, self._acts)

    async def rights(self) -> Sequence[Right]:
        """Each program: whether it is here, ours to run, and nobody else's to change."""
        found = []
        for name, act in self._acts.items():
            try:
                await asyncio.to_thread(_program, act)
            except ProbeError as error:
                found.append(Right(f"run the command for rows of {name}", Grant.MISSING, error.message))
            else:
                found.append(Right(f"run the command for rows of {name}", Grant.HELD))
        return found

    def abort(self) -> None:
        """Cut the connection over which rows are asked for."""
        self._link.cut()

    async def close(self) -> None:
        """Let go of it."""
        await self._link.close()
        self._link.release()


def _without_rows(fault: Fault) -> ProbeError:
    return ProbeError(Cause.MISSING, SafeText(f"the query gives no rows: {fault.why}", 300))


def _cwd(act: RowAct) -> Path | None:
    return Path(os.path.expanduser(act.cwd)) if act.cwd else None


def _program(act: RowAct) -> Identity:
    """The program as it is now; blocks. Raises `ProbeError`."""
    cwd = _cwd(act)
    if cwd is not None:
        if not cwd.is_absolute():
            raise ProbeError(Cause.MISSING, SafeText(f"cwd must be absolute, and {act.cwd} is not", 300))
        pin.folder(cwd)
    found = pin.program(act.argv[0], cwd)
    told = dict(found.identity)
    return (("path", found.path), ("program", f"{told['file']} ({told['owner']}, {told['mode']}, {told['is']})"))


def _well(act: RowAct, standing: Standing) -> bool:
    return standing.code in act.ok and not standing.late and not standing.stopped


def _ended(act: RowAct, standing: Standing) -> str:
    """How a run ended, in a few words."""
    if standing.state is State.RUNNING:
        return "it runs"
    if standing.state is State.LOST:
        return "nobody knows how it ended"
    if standing.late:
        return f"it was ended after {lasted(act.timeout)}: its time was up"
    return f"exit code {standing.code}"


def _told(act: RowAct, before: Sequence[tuple[str, Standing]]) -> str:
    """That it ran for a row before; empty: it did not, as far as is kept here."""
    if not before:
        return ""
    _, last = before[-1]
    when = f" at {last.began.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if last.began is not None else ""
    often = "once" if len(before) == 1 else f"{len(before)} times"
    return f"it has run before, {often} from here, last{when}: {_ended(act, last)}"


def _kept(folder: Path) -> list[str]:
    """Ids of the acts for a row, the oldest first; an id begins with its time. Blocks; raises `ProbeError`."""
    try:
        return sorted(path.name for path in folder.iterdir() if path.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        words = SafeText(f"whether it ran before can't be read: {error.strerror}", 300)
        raise ProbeError(Cause.LOCAL_DISK, words) from None


def _forget(folder: Path) -> None:
    """Let go of the rows whose commands ran longest ago, but for those that still run. Blocks."""
    try:
        kept = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    except OSError:
        return
    for path in kept[:-KEPT]:
        if not any(map(job.goes_on, path.glob("*"))):
            shutil.rmtree(path, ignore_errors=True)
