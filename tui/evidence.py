"""Gathers evidence of an incident into a folder while the room goes on: what every target said last, logs and sessions
as they are now, alerts, the timeline, and a copy of the black box. Reads only."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from desk import codec, words
from desk.board import Slot
from desk.incident import paper
from desk.incident.bundle import Bundle, BundleError, Sealed
from desk.incident.incident import Incident
from desk.incident.incidents import IncidentError, Incidents
from desk.incident.timeline import Entry
from desk.keep import KeepError
from desk.tape.tape import Tape
from probes.base import Lane, Look, Occupied, ProbeError, SafeText
from tui.incident_papers import NoPapers, Papers
from tui.wiring import tape_file

if TYPE_CHECKING:
    from tui.room import Room

ROWS: Final = 40
"""Rows of one target that one look is taken of; those that are left out are named in the manifest."""

AT_ONCE: Final = 6
"""Looks that are taken side by side, of all targets together."""

PATIENCE: Final = 15.0
"""Seconds a look has."""

LONGEST: Final = 180.0
"""Seconds after which no further look is begun."""

QUIET: Final = 2.0
"""Seconds without a new line after which a log is taken to have given what it has."""

LINES: Final = 20_000
"""Lines of one log."""

LETTERS: Final = 8 << 20
"""Characters of one log."""

_NAMED: Final = 5
"""Things that could not be had which the timeline names."""

_PAUSE: Final = 0.2
"""Seconds after which a look is tried again that another one holds up."""

_BREATH: Final = 200
"""Lines after which others have their turn."""

Mask = Callable[[str], str]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One look at one row."""

    target: str
    look: Look
    subject: str
    called: str
    """What a person calls the row."""

    @property
    def about(self) -> str:
        of = f" of {SafeText(self.called, 80)}" if self.called else ""
        return f"{self.target}: {self.look.title}{of}"


@dataclass
class _Taken:
    """What a look has given."""

    at: datetime
    lines: list[str] = field(default_factory=list)
    cut: str = ""


class Evidence:
    """A session's way to gather evidence; one bundle at a time."""

    def __init__(self, room: Room, incidents: Incidents, papers: Papers | None, mask: Mask = str) -> None:
        """`papers`: what lies on disk beside the incidents; None: nothing does. `mask` takes secrets out of a line."""
        self._room, self._incidents, self._papers, self._mask = room, incidents, papers, mask
        self._lane = Lane("evidence", limit=1)
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._into: tuple[str, Path] | None = None
        """The incident's id and the folder that is filled, or was last."""
        self._done = self._all = 0
        self._gathered: dict[str, datetime] = {}
        self.patience, self.quiet = PATIENCE, QUIET

    @property
    def going(self) -> bool:
        """True while a bundle is being filled."""
        return self._task is not None and not self._task.done()

    @property
    def words(self) -> str:
        """How far it is, in words; empty: nothing is being gathered."""
        if not self.going:
            return ""
        return f"evidence is being gathered: {self._done} of {words.plural(self._all, 'look')}" if self._all else _BEGUN

    def since(self, incident: str) -> datetime | None:
        """When this session last gathered evidence of an incident; None: it did not."""
        return self._gathered.get(incident)

    @staticmethod
    def folder_of(incident: Incident, now: datetime) -> Path:
        """Where a bundle goes unless a person says otherwise."""
        return Path(os.path.expanduser(f"~/evidence-{incident.short}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"))

    def begin(self, incident: Incident, entries: Sequence[Entry], folder: Path, say: Callable[[str], None]) -> bool:
        """Gather into a folder that is not there yet; False while another bundle is being filled. `say` is told of
        the end, which stands in the incident's timeline as well."""
        if self.going:
            return False
        self._done = self._all = 0
        self._into = incident.id, folder
        self._task = asyncio.create_task(self._run(incident, entries, folder, say))
        self._task.add_done_callback(partial(_broken, say))
        return True

    def close(self) -> None:
        """Leave it. A folder without a manifest was not finished, and the timeline says so."""
        if self.going and self._into is not None:
            incident, folder = self._into
            self._note(incident, f"not to its end: the session ended; what lies in {folder.absolute()} has no manifest")
        if self._task is not None:
            self._task.cancel()
        self._lane.close()

    async def _run(
        self, incident: Incident, entries: Sequence[Entry], folder: Path, say: Callable[[str], None]
    ) -> None:
        try:
            made = await self._gather(incident, entries, folder)
        except (BundleError, ProbeError) as error:
            say(f"NO EVIDENCE: {error}")
            self._note(incident.id, f"nothing: {error}")
            return
        told = f"{words.plural(len(made.held), 'file')}, {words.size(made.size)}"
        lacks = f"; {words.plural(len(made.missed), 'thing')} could not be had" if made.missed else ""
        self._gathered[incident.id] = self._room.engine.clock.now()
        self._note(incident.id, f"{told}, in {made.folder}, SHA256SUMS {made.sha256}{lacks}{_named(made)}")
        say(f"evidence lies in {made.folder}: {told}{lacks}")

    def _note(self, incident: str, text: str) -> None:
        try:
            self._incidents.gathered(incident, text)
        except IncidentError as error:
            self._room.note(str(error))

    # what is gathered

    async def _gather(self, incident: Incident, entries: Sequence[Entry], folder: Path) -> Sealed:
        clock = self._room.engine.clock
        began = clock.now()
        bundle = await self._lane.run(Bundle, folder)
        for slot in self._room.engine.board.slots():
            await self._put_state(bundle, slot)
        await self._put_looks(bundle)
        await self._put_alerts(bundle, incident)
        await self._put_incident(bundle, incident, entries)
        if self._papers is not None:
            await self._put_tape(bundle, self._papers)
        profile = self._room.profile
        head = {
            "system": profile.system, "environment": profile.environment, "production": profile.production,
            "incident": incident.id, "severity": incident.level, "title": self._mask(incident.title),
            "gathered_by": self._incidents.who, "on": self._incidents.host,
            "began": began.isoformat(timespec="milliseconds"), "ended": clock.now().isoformat(timespec="milliseconds"),
        }  # fmt: skip
        return await self._written(bundle.close, head)

    async def _written(self, call: Callable[..., T], *args: Any) -> T:
        """One thing at a time is written, in a thread of its own."""
        async with self._writing:
            return await self._lane.run(call, *args)

    async def _put_state(self, bundle: Bundle, slot: Slot) -> None:
        """The last good reading of a target and the newest failure."""
        name, now = slot.target.name, self._room.engine.clock.monotonic()
        age, failing = slot.age(now), slot.failing_since
        about = f"{name}: the last reading, with its gaps" if age is not None else f"{name}: why it was not read"
        if slot.snapshot is None and slot.failure is None:
            bundle.miss(f"{name}: the last reading", "it has given none yet")
            return
        at = slot.snapshot.taken_at if slot.snapshot is not None else self._room.engine.clock.now()

        def pieces() -> Iterator[bytes]:
            body = {
                "target": name, "kind": slot.target.kind, "state": slot.state(now).value, "seconds_old": age,
                "reading": codec.reading(slot.snapshot) if slot.snapshot is not None else None,
                "failure": codec.reading(slot.failure)["failure"] if slot.failure is not None else None,
                "seconds_failing": None if failing is None else now - failing,
            }  # fmt: skip
            yield self._json(body)

        await self._put_json(bundle, f"state-{name}.json", about, pieces(), at, age)

    async def _put_json(
        self, bundle: Bundle, name: str, about: str, pieces: Iterator[bytes], at: datetime, age: float | None = None
    ) -> None:
        """One file of JSON; what has no form in it, a number that is none say, costs that file alone."""
        try:
            await self._written(bundle.put, name, about, pieces, at, age)
        except (TypeError, ValueError, RecursionError) as error:
            bundle.miss(about, f"it has no form in JSON: {type(error).__name__}")

    async def _put_alerts(self, bundle: Bundle, incident: Incident) -> None:
        """What is wrong, what was in the incident's time and has ended, and what people had decided about it."""
        past = self._room.engine.inbox.history(*self._incidents.span(incident.id))
        ended = [one for one in past if one.cleared is not None]
        body = [codec.plain(one) for one in (*self._room.engine.cases(), *ended)]
        now = self._room.engine.clock.now()
        about = "alerts, those of the incident's time that have ended too, and what was decided about them"
        await self._put_json(bundle, "alerts.json", about, _once(self._json, body), now)

    async def _put_incident(self, bundle: Bundle, incident: Incident, seen: Sequence[Entry]) -> None:
        """The incident with its timeline: alerts, acts, procedures and messages beside it."""
        one, now = self._incidents.get(incident.id) or incident, self._room.engine.clock.now()
        entries = list(seen)
        if self._papers is not None:
            try:
                entries = await self._written(self._papers.entries, one, now, seen)
            except NoPapers as error:
                bundle.miss("parts of the timeline", str(error))
        scheme, about = self._incidents.scheme, "the incident, with its timeline"

        def pieces(form: str) -> Iterator[bytes]:
            if form == "txt":
                lines = paper.as_text(one, entries, scheme, now).split("\n")
                yield from ((self._mask(text) + "\n").encode() for text in lines)
            else:
                yield self._json(json.loads(paper.as_json(one, entries, scheme, now)))

        for form in ("txt", "json"):
            await self._written(bundle.put, f"incident.{form}", about, pieces(form), now)

    async def _put_tape(self, bundle: Bundle, papers: Papers) -> None:
        """The black box as it stands; `opsroom replay --file` opens it."""
        path, now = tape_file(papers.profile, papers.places), self._room.engine.clock.now()
        about = "the black box: every reading that was recorded"

        def copy() -> None:
            try:
                tape = Tape.read(path)
            except KeepError as error:
                bundle.miss(about, str(error))
                return
            try:
                bundle.take("tape.db", about, tape.size, tape.copy, now)
            except KeepError as error:  # its size can't be had
                bundle.miss(about, str(error))
            finally:
                tape.close()

        standing = self._room.scribe.recorder.standing if self._room.scribe is not None else None
        if standing is not None and (standing.ill or standing.lost):
            lost = words.plural(standing.lost, "reading")
            bundle.miss("parts of the black box", f"it lacks {lost} of this session; {standing.words}")
        if self._room.profile.record_mib:
            await self._written(copy)
        else:
            bundle.miss(about, "the profile says that nothing is recorded")

    # looks

    async def _put_looks(self, bundle: Bundle) -> None:
        wanted = [one for slot in self._room.engine.board.slots() for one in self._of(bundle, slot)]
        self._all = len(wanted)
        gate = asyncio.Semaphore(AT_ONCE)
        clock = self._room.engine.clock
        end = clock.monotonic() + LONGEST

        async def one(each: _Wanted) -> None:
            async with gate:
                if clock.monotonic() > end:
                    bundle.miss(each.about, f"the time was up, after {words.span(LONGEST)}")
                else:
                    await self._put_look(bundle, each)
                self._done += 1

        order = _in_turn(wanted)
        for each, fault in zip(order, await asyncio.gather(*map(one, order), return_exceptions=True), strict=True):
            if isinstance(fault, Exception):  # what goes wrong in one probe must not cost the rest of the evidence
                bundle.miss(each.about, f"a fault of ours: {type(fault).__name__}")

    def _of(self, bundle: Bundle, slot: Slot) -> Iterator[_Wanted]:
        """The looks to take at one target: those that are evidence, at the rows of the first table they suit."""
        name = slot.target.name
        for look in self._room.engine.probe(name).looks():
            if not look.evidence:
                continue
            tables = [one for one in self._room.kinds.panel(slot.target.kind).tables if look.name in one.looks]
            if look.row or not tables:
                yield _Wanted(name, look, look.row, look.row)
                continue
            if slot.snapshot is None:
                bundle.miss(f"{name}: {look.title}", "it was never read: none of its rows is known")
                continue
            facts = slot.snapshot.facts
            table = next((one for one in tables if one.rows(facts)), tables[0])
            rows = list(dict.fromkeys((table.subject or table.key)(row) for row in table.rows(facts)))
            yield from (_Wanted(name, look, row, self._room.called(name, row)) for row in rows[:ROWS])
            if len(rows) > ROWS:
                left = words.plural(len(rows) - ROWS, "row")
                bundle.miss(f"{name}: {look.title} of {left} more", f"it is taken of {ROWS} rows at most")

    async def _put_look(self, bundle: Bundle, one: _Wanted) -> None:
        taken, why = _Taken(self._room.engine.clock.now()), ""
        try:
            await self._taken(one, taken)
        except TimeoutError:
            why = f"no answer in {words.span(self.patience)}"
        except ProbeError as error:
            why = str(error.message)
        except OSError as error:
            why = type(error).__name__
        if not taken.lines:
            waited = f"no line came in {words.span(self.patience)}" if taken.cut else "it is empty"
            bundle.miss(one.about, why or waited)
            return
        broken = f"broken off: {why}" if why else taken.cut
        about = f"{one.about}, {broken}" if broken else one.about
        name = "-".join(part for part in (one.target, one.look.name, one.subject) if part) + ".txt"
        lines = ((self._mask(text) + "\n").encode() for text in taken.lines)
        await self._written(partial(bundle.put, name, about, lines, taken.at, part=True))

    async def _taken(self, one: _Wanted, taken: _Taken) -> None:
        """Take a look; where another one holds it up, after that: ours are taken side by side."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.patience
        while True:
            try:
                return await (self._followed if one.look.follow else self._asked)(one, taken)
            except Occupied:
                if taken.lines or loop.time() > end:
                    raise
            await asyncio.sleep(_PAUSE)
            taken.at = self._room.engine.clock.now()

    async def _asked(self, one: _Wanted, taken: _Taken) -> None:
        async with asyncio.timeout(self.patience):
            sheet = await self._room.engine.probe(one.target).look(one.look.name, one.subject)
        taken.lines = [str(text) for text in sheet.lines]
        if sheet.dropped:
            taken.cut = f"without {words.plural(sheet.dropped, 'line')} that the look leaves out"

    async def _followed(self, one: _Wanted, taken: _Taken) -> None:
        """The lines that a log has; it is left once no more come for a while."""
        loop, letters = asyncio.get_running_loop(), 0
        stream = self._room.engine.probe(one.target).follow(one.look.name, one.subject)
        end = loop.time() + self.patience
        limit = asyncio.timeout_at(end)
        try:
            async with limit, aclosing(stream) as lines:
                async for text in lines:
                    taken.lines.append(str(text))
                    letters += len(text)
                    if len(taken.lines) >= LINES or letters >= LETTERS:
                        taken.cut = f"cut after {words.plural(len(taken.lines), 'line')}"
                        return
                    limit.reschedule(min(end, loop.time() + self.quiet))
                    if len(taken.lines) % _BREATH == 0:
                        await asyncio.sleep(0)
        except TimeoutError:
            if not limit.expired():
                raise
            if loop.time() >= end:
                taken.cut = f"the lines that came in {words.span(self.patience)}"

    def _json(self, body: Any) -> bytes:
        return (json.dumps(self._clean(body), indent=1, allow_nan=False, default=str) + "\n").encode()

    def _clean(self, value: Any) -> Any:
        """Without secrets in any of its texts."""
        if isinstance(value, str):
            return self._mask(value)
        if isinstance(value, dict):
            return {name: self._clean(one) for name, one in value.items()}
        return [self._clean(one) for one in value] if isinstance(value, list | tuple) else value


_BEGUN: Final = "evidence is being gathered"


def _broken(say: Callable[[str], None], task: asyncio.Task[None]) -> None:
    """A fault of ours is told as well: nobody must believe that there is evidence."""
    if not task.cancelled() and (fault := task.exception()) is not None:
        say(f"NO EVIDENCE: a fault of ours, {type(fault).__name__}; what was gathered has no manifest")


def _named(made: Sealed) -> str:
    """What could not be had, and why; of more than a few the manifest tells the rest."""
    some = "; ".join(f"{one.about} ({one.why})" for one in made.missed[:_NAMED])
    more = len(made.missed) - _NAMED
    return (f": {some}" if some else "") + (f"; and {more} more, in manifest.json" if more > 0 else "")


def _once(make: Callable[[Any], bytes], of: Any) -> Iterator[bytes]:
    """One piece, made where it is written."""
    yield make(of)


def _in_turn(wanted: Sequence[_Wanted]) -> list[_Wanted]:
    """A look of each target, then a second of each: one that hangs doesn't take the time of all."""
    of: dict[str, list[_Wanted]] = {}
    for one in wanted:
        of.setdefault(one.target, []).append(one)
    longest = max(map(len, of.values()), default=0)
    return [queue[place] for place in range(longest) for queue in of.values() if place < len(queue)]
