"""What a black box tells about a moment: the system, the newest readings, the alerts, and where nothing was recorded.

Everything here reads from disk and belongs into a thread.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from desk import codec, words
from desk.alert import Alert, Identity, worst_first
from desk.inbox.case import Case
from desk.series import SPAN, Series
from desk.tape.scribe import BEGUN, read_alerts, read_cases, read_identity, read_said
from desk.tape.tape import Entry, Kept, Mark, Tape, TapeError
from probes.base import Cause, Failure, GaugeKey, SafeText, Snapshot

FactsOf = Callable[[str], Any]
"""The type of a kind's facts; None for a kind that this version does not know."""

QUIET: Final = 90.0
"""Seconds without any reading that may pass while a session watches: targets that fail are asked ever less often."""

_SILENCES: Final = 100
"""Times without readings that are told of one span."""

_BETWEEN: Final = 30.0
"""Seconds between the end of a session and the next one's first reading that are worth a word."""


@dataclass(frozen=True, slots=True)
class Unread:
    """Stands for facts of a kind that this version does not know; the gauges are there."""

    kind: str


@dataclass(frozen=True, slots=True)
class Header:
    """The session that recorded a moment."""

    session: str
    """Its id; empty where the file does not tell."""
    system: str
    environment: str
    production: bool
    description: str
    began: datetime
    targets: tuple[tuple[str, str, float], ...]
    """(name, kind, seconds between two readings), in the profile's order."""
    pace: float = 1.0
    ended: datetime | None = None
    """When it said that it ended, if that was before the moment."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A time in which nothing was recorded."""

    since: datetime
    until: datetime | None
    """None: nothing came after it."""
    ended: bool
    """True when the session had said that it ends: nobody watched."""

    @property
    def told(self) -> str:
        """In words."""
        why = "nobody watched" if self.ended else "no session recorded"
        if self.until is None:
            return f"nothing was recorded after {stamp(self.since)}: {why}"
        same = self.since.date() == self.until.date()
        end = words.clock(self.until) if same else stamp(self.until)
        lasted = words.span((self.until - self.since).total_seconds())
        begin = words.clock(self.since) if same else stamp(self.since)
        return f"nothing was recorded from {begin} to {end} ({lasted}): {why}"


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything at one moment."""

    at: datetime
    header: Header
    readings: Mapping[str, Sequence[tuple[datetime, Snapshot[Any] | Failure]]]
    """Of each target its last good reading and the failures after it, oldest first; empty: it had not answered yet."""
    paces: Sequence[tuple[datetime, float]]
    """(since when, pace), oldest first."""
    alerts: tuple[Alert, ...]
    """`since` in seconds since 1970."""
    cases: tuple[Case, ...]
    """The same as the inbox showed them."""
    silence: Silence | None
    """Where the moment lies in a time without readings."""


@dataclass(frozen=True, slots=True)
class Step:
    """One reading on the way from one moment to a later one."""

    at: datetime
    target: str
    gauges: Mapping[GaugeKey, float] | None
    """None: it failed."""
    reading: Snapshot[Any] | Failure | None
    """Whole; None where a later one of the same target is under the steps."""


@dataclass(frozen=True, slots=True)
class Course:
    """The way from one moment to a later one."""

    until: datetime
    steps: Sequence[Step]
    alerts: tuple[Alert, ...] | None
    """At its end; None: as before."""
    cases: tuple[Case, ...] | None
    silence: Silence | None
    header: Header
    """Of its end; another session than that of its beginning has another board."""


class Recording:
    """An open black box. One thread at a time."""

    def __init__(self, tape: Tape, facts_of: FactsOf) -> None:
        self._tape = tape
        self._facts_of = facts_of
        self.path = tape.path

    @classmethod
    def open(cls, path: Path, facts_of: FactsOf) -> Recording:
        """Raises `TapeError`."""
        return cls(Tape.read(path), facts_of)

    def close(self) -> None:
        """Let go of the file."""
        self._tape.close()

    # the moment

    def edges(self) -> tuple[datetime, datetime] | None:
        """(first, last) moment of which there is a reading; None: there is none."""
        kept = self._tape.kept()
        return (min(one.first for one in kept), max(one.last for one in kept)) if kept else None

    def frame(self, when: datetime) -> Frame:
        """Everything at that moment. Raises `TapeError`."""
        with self._tape.steady():
            header = self.header(when)
            since, alerts = header.began, self.alerts(when)
            readings = {name: self._newest(name, kind, since, when) for name, kind, _ in header.targets}
            return Frame(
                at=when,
                header=header,
                readings=readings,
                paces=self._paces(min((found[0][0] for found in readings.values() if found), default=when), when),
                alerts=alerts,
                cases=self.cases(when, alerts),
                silence=self.silence(when, header),
            )

    def header(self, when: datetime) -> Header:
        """The session that recorded that moment; of an earlier one where none did, of the first before all of them."""
        found = self._tape.last_mark("session", when)
        if found is None:
            first = self._tape.next_mark("session", when)
            found = (0, first) if first is not None else None
        ended: datetime | None = None
        if found is not None and found[1].body.get("is") == "ended":
            ended = found[1].at
            mark: Mark | None = found[1]
            while mark is not None and mark.body.get("is") == "ended":
                mark = self._tape.previous_mark("session", mark.at)
            found = None if mark is None else (0, mark)
        if found is None:
            return self._without_header()
        return self._header(found[1], ended)

    def _header(self, mark: Mark, ended: datetime | None) -> Header:
        body = mark.body
        try:
            targets = tuple((str(name), str(kind), float(every)) for name, kind, every in body["targets"])
            return Header(
                session=str(body["id"]),
                system=str(SafeText(str(body.get("system", "")), 60)),
                environment=str(SafeText(str(body.get("environment", "")), 30)),
                production=body.get("production") is True,
                description=str(SafeText(str(body.get("description", "")), 300)),
                began=datetime.fromisoformat(body["began"]),
                targets=tuple((str(SafeText(name, 60)), kind, every) for name, kind, every in targets),
                pace=float(body.get("pace", 1.0)),
                ended=ended,
            )
        except (KeyError, TypeError, ValueError):
            return self._without_header()

    def _without_header(self) -> Header:
        """What can be said where no session says what it is: the targets that have readings."""
        kept = self._tape.kept()
        newest: dict[str, Kept] = {}
        for one in kept:
            if one.name not in newest or one.last > newest[one.name].last:
                newest[one.name] = one
        first = min((one.first for one in kept), default=datetime.fromtimestamp(0, UTC))
        targets = tuple((one.name, one.kind, 2.0) for one in newest.values())
        return Header("", "a recording", "", False, "", first, targets)

    def _paces(self, since: datetime, until: datetime) -> Sequence[tuple[datetime, float]]:
        found = [(since, self.header(since).pace)]
        for mark in self._tape.marks(since, until, ("session",)):
            pace = mark.body.get("pace")
            if isinstance(pace, int | float):
                found.append((mark.at, float(pace)))
        return found

    def _newest(
        self, name: str, kind: str, since: datetime, when: datetime
    ) -> Sequence[tuple[datetime, Snapshot[Any] | Failure]]:
        found = []
        for entry in self._tape.back(name, kind, since, when):
            reading = self._read(entry)
            found.append((entry.at, reading))
            if isinstance(reading, Snapshot):
                break
        return found[::-1]

    def _read(self, entry: Entry) -> Snapshot[Any] | Failure:
        """A reading as it was; of a kind that is not known, its gauges; a failure where it can't be understood."""
        facts = self._facts_of(entry.kind)
        if facts is None:
            recorded = {**entry.reading, "facts": {"kind": entry.kind}} if "facts" in entry.reading else entry.reading
            facts = Unread
        else:
            recorded = entry.reading
        try:
            return codec.read(entry.target, facts, recorded)
        except codec.CodecError:
            said = SafeText("another version of Opsroom recorded this, and its values can't be understood")
            return Failure(entry.target, entry.at, Cause.VERSION, said, SafeText("the version that recorded it can"))

    def alerts(self, when: datetime) -> tuple[Alert, ...]:
        """What was wrong at that moment; `since` in seconds since 1970."""
        found: dict[Identity, Alert] = {}
        whole = self._tape.last_mark("alerts", when)
        place, since = 0, when - timedelta(seconds=SPAN)
        if whole is not None:
            place, since = whole[0], whole[1].at - timedelta(seconds=60)
            found = {one.identity: one for one in read_alerts(whole[1].body.get("alerts", ()))}
        for mark in self._tape.written_after(place, since, when, ("alert", "said")):
            for identity in mark.body.get("went", ()):
                try:
                    found.pop(read_identity(identity), None)
                except ValueError:
                    continue
            came = read_alerts((*mark.body.get("came", ()), *mark.body.get("other", ())))
            found.update({one.identity: one for one in came})
            read_said(mark.body.get("said", ()), found)
        return tuple(worst_first(found.values()))

    def cases(self, when: datetime, alerts: Sequence[Alert]) -> tuple[Case, ...]:
        """The inbox at that moment, with the alerts of the same moment."""
        mark = self._tape.last_mark("cases", when)
        return tuple(read_cases(() if mark is None else mark[1].body.get("cases", ()), alerts))

    def silence(self, when: datetime, header: Header) -> Silence | None:
        """The time without any reading in which a moment lies."""
        before, after = self._tape.before(when + timedelta(milliseconds=1)), self._tape.after(when)
        if before is None:
            return Silence(when, after, False) if after is not None and after - when > _allowed(header) else None
        marks = self._tape.marks(before, when if after is None else after, ("session",))
        ended = any(mark.body.get("is") == "ended" for mark in marks)
        if after is None:
            least = timedelta(seconds=2) if ended else _allowed(header)
            return Silence(before, None, ended) if when - before > least else None
        least = timedelta(seconds=_BETWEEN) if ended else _allowed(header)
        return Silence(before, after, ended) if after - before > least else None

    def silences(self, since: datetime, until: datetime) -> Sequence[Silence]:
        """The times without any reading within a span, or around a moment; a hundred at most."""
        found, at = list[Silence](), since
        while at <= until and len(found) < _SILENCES:
            header = self.header(at)
            silence = self.silence(at, header)
            if silence is not None:
                found.append(silence)
            if silence is not None and silence.until is None:
                break
            after = self._tape.gap_after(at if silence is None else silence.until or at, _least(header), until)
            if after is None:
                break
            at = after + timedelta(milliseconds=1)
        return found

    # as it was written

    def entries(self, when: datetime) -> Sequence[Entry]:
        """The readings that made the board at a moment."""
        found = []
        header = self.header(when)
        for name, kind, _ in header.targets:
            of_target = []
            for entry in self._tape.back(name, kind, header.began, when):
                of_target.append(entry)
                if "failure" not in entry.reading:
                    break
            found += of_target[::-1]
        return found

    def names(self) -> Sequence[str]:
        """Every target there is any reading of."""
        return list(dict.fromkeys(one.name for one in self._tape.kept()))

    def between(self, name: str, since: datetime, until: datetime) -> Iterator[Entry]:
        """The readings of a target in a span, oldest first."""
        return self._tape.between(name, since, until)

    def all_marks(self, since: datetime, until: datetime) -> Iterator[Mark]:
        """Every mark of a span, oldest first."""
        return self._tape.all_marks(since, until)

    # the way on

    def course(self, since: datetime, until: datetime, header: Header) -> Course:
        """What was read after one moment until a later one. Raises `TapeError`."""
        with self._tape.steady():
            begin, steps = since + timedelta(milliseconds=1), list[Step]()
            for name, kind, _ in header.targets:
                steps += self._steps(name, kind, begin, until)
            steps.sort(key=lambda step: step.at)
            marked = self._tape.marks(begin, until, ("alert", "said", "alerts", "cases"))
            now = self.header(until)
            alerts = self.alerts(until) if marked else None
            return Course(
                until=until,
                steps=steps,
                alerts=alerts,
                cases=None if alerts is None else self.cases(until, alerts),
                silence=self.silence(until, now),
                header=now,
            )

    def _steps(self, name: str, kind: str, since: datetime, until: datetime) -> list[Step]:
        """Of a target: whole are the last good reading and every failure, which is all that a board remembers."""
        found: list[tuple[int, str, Mapping[GaugeKey, float] | None]] = []
        for at, raw in self._tape.written(name, kind, since, until):
            try:
                text = raw.decode()
                found.append((at, text, codec.gauges_of(text)))
            except ValueError:
                continue  # damaged: a gap
        good = [number for number, (_, _, gauges) in enumerate(found) if gauges is not None][-1:]
        steps = []
        for number, (at, text, gauges) in enumerate(found):
            reading = self._whole(name, kind, at, text) if gauges is None or number in good else None
            steps.append(Step(_moment(at), name, gauges, reading))
        return steps

    def _whole(self, name: str, kind: str, at: int, text: str) -> Snapshot[Any] | Failure | None:
        try:
            return self._read(Entry(name, kind, _moment(at), json.loads(text)))
        except ValueError:
            return None

    def series(self, name: str, kind: str, when: datetime, header: Header, most: int = 0) -> Series:
        """The history of a target up to a moment: of an hour, or its newest `most` readings. Raises `TapeError`."""
        since = max(header.began, when - timedelta(seconds=SPAN))
        series = Series()
        for at, raw in self._tape.written(name, kind, since, when, most):
            try:
                gauges = codec.gauges_of(raw.decode())
            except ValueError:
                continue
            if gauges is None:
                series.miss(at / 1000)
            else:
                series.add(gauges, at / 1000)
        return series

    # jumps

    def reading_after(self, when: datetime) -> datetime | None:
        """The moment of the next reading of any target."""
        return self._tape.after(when)

    def reading_before(self, when: datetime) -> datetime | None:
        """The moment of the reading before."""
        return self._tape.before(when)

    def alert_after(self, when: datetime) -> Mark | None:
        """The next moment at which an alert came."""
        mark = self._tape.next_mark("alert", when)
        while mark is not None and not mark.body.get("came"):
            mark = self._tape.next_mark("alert", mark.at)
        return mark

    def alert_before(self, when: datetime) -> Mark | None:
        """The moment before at which an alert came."""
        mark = self._tape.previous_mark("alert", when)
        while mark is not None and not mark.body.get("came"):
            mark = self._tape.previous_mark("alert", mark.at)
        return mark

    def act_after(self, when: datetime) -> Mark | None:
        """The next act that was begun."""
        mark = self._tape.next_mark("act", when)
        while mark is not None and mark.body.get("what") != BEGUN:
            mark = self._tape.next_mark("act", mark.at)
        return mark

    def act_before(self, when: datetime) -> Mark | None:
        """The act before."""
        mark = self._tape.previous_mark("act", when)
        while mark is not None and mark.body.get("what") != BEGUN:
            mark = self._tape.previous_mark("act", mark.at)
        return mark

    def acts(self, when: datetime, span: timedelta = timedelta(hours=24)) -> Sequence[Mark]:
        """What was done in the time around a moment, oldest first."""
        return self._tape.marks(when - span, when + span, ("act",))


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def _allowed(header: Header) -> timedelta:
    """How long a session that watches may be without any reading."""
    quickest = min((every for _, _, every in header.targets), default=2.0)
    return timedelta(seconds=max(QUIET, 3 * quickest * header.pace))


def _least(header: Header) -> timedelta:
    return min(_allowed(header), timedelta(seconds=_BETWEEN))


def stamp(at: datetime) -> str:
    """A moment with its date and zone.

    >>> stamp(datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC))
    '2026-03-01 03:12:41 UTC'
    """
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


__all__ = ["Course", "FactsOf", "Frame", "Header", "Recording", "Silence", "Step", "TapeError", "Unread", "stamp"]
