"""Reads what files and the journal have gained since the last reading, and counts it: by level, by pattern, by type.

The first reading looks back so many minutes and MiB and says from when on it has looked; later ones read what is new,
at most so many MiB, and say what they left out.
"""

from __future__ import annotations

import glob
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from probes.base import Cause, Context, Found, Gap, Lane, Look, Probe, ProbeError, SafeText, Snapshot, Target
from probes.base.log import ANSWERED, Asking, Level, Note, Times, masked, sound, type_of
from probes.logs import facts as told
from probes.logs.counting import MINUTE, Counter, TypeReader
from probes.logs.facts import PATTERN, TYPE, File, LogsFacts, Source, Type
from probes.logs.files import Follower, Looked
from probes.logs.follow import Fits, follow
from probes.logs.gauges import RULES, SPECS, measured
from probes.logs.journal import Journal
from probes.logs.query import Query, parse
from probes.logs.search import plan, search
from probes.logs.settings import LogsSettings

_SHOWN: Final = 500
"""Files shown at most."""
_TYPES: Final = 200
"""Types shown at most."""
_SHARE: Final = 0.8
"""Of the time of a reading for the journal."""
_PAST: Final = 64 << 20
"""Bytes of a unit's journal that a search reads."""


@dataclass(slots=True)
class _Watched:
    """One source, and what is known of it."""

    key: str
    counter: Counter
    follower: Follower | None = None
    journal: Journal | None = None
    looked: Looked = field(default_factory=Looked)
    trouble: str = ""
    taken: int = 0
    """Lines of the last reading."""
    skipped: int = 0
    skipping: int = 0
    last: float | None = None
    """Monotonic seconds of the last reading that succeeded."""
    rate: float | None = None


class LogsProbe(Probe[LogsFacts]):
    """Files and units of one machine."""

    kind = "logs"
    settings_type = LogsSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, LogsSettings)
        self.settings = settings = target.settings
        self._lane = Lane(target.name, limit=1)
        """For readings: a late one must end before the next begins, for both count into the same places."""
        self._aside = Lane(f"{target.name}-search", limit=2)
        self._times = Times(context.now, ZoneInfo(settings.zone) if settings.zone else None)
        self._patterns = {name: sound(one.regex) for name, one in settings.named.items()}
        back = (settings.first << 20) // max(1, len(settings.files))
        self._watched = [_Watched(one, self._counter(one), follower=Follower(one, back)) for one in settings.files]
        self._watched += [_Watched(one, self._counter(one), journal=self._journal(one)) for one in settings.journal]
        self._begun = False

    def _counter(self, key: str) -> Counter:
        patterns = {
            name: self._patterns[name] for name, one in self.settings.named.items() if not one.files or key in one.files
        }
        return Counter(self._times, patterns, self.settings.since, TypeReader(self.settings.type))

    def _journal(self, unit: str) -> Journal:
        return Journal(unit, self.settings.prefix)

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """Logs that lie where one stands."""
        if glob.glob("logs/*.log"):
            yield Found("logs", {"files": [os.path.join(os.getcwd(), "logs/*.log")]}, "logs/*.log is here")

    # reading

    async def read(self) -> Snapshot[LogsFacts]:
        """Count what is new."""
        began = self.context.monotonic()
        self.doing = "reading"
        wall = self.context.now().timestamp()
        files = [one for one in self._watched if one.follower is not None]
        if files:
            await self._lane.run(self._read_files, files, wall, began)
        for one in self._watched:
            if one.journal is not None:
                await self._read_journal(one, one.journal, wall, began)
            one.counter.forget(wall)
        self._begun = True
        facts = self._facts(wall)
        return self.snapshot(facts, measured(facts), began, self._gaps())

    def _read_files(self, files: list[_Watched], wall: float, now: float) -> None:
        """In the lane."""
        since = wall - self.settings.since * MINUTE
        budget = (self.settings.budget << 20) // len(files)
        for one in files:
            assert one.follower is not None
            one.looked = looked = one.follower.look(budget, now, since)
            one.trouble = looked.trouble
            self._begin(one, looked, wall, since)
            one.taken, one.skipping = 0, 0
            for piece in looked.pieces:
                if piece.skipped and self._begun:
                    one.skipping += piece.skipped
                    one.counter.cut(wall)
                for raw in piece.lines:
                    one.counter.take(raw.rstrip(b"\r").decode("utf-8", "replace"), piece.path, wall)
                one.taken += len(piece.lines)
            self._paced(one, now)

    def _begin(self, one: _Watched, looked: Looked, wall: float, since: float) -> None:
        """From when on a file is looked at, when that is seen for the first time."""
        news = {piece.path: piece for piece in looked.pieces}
        for file in looked.files:
            if file.state != "read" or file.written is None:
                continue
            piece = news.get(file.path)
            if not self._begun and (piece is None or not piece.lines):
                one.counter.begin(file.path, max(since, min(file.written, wall)), midst=True)
            elif piece is not None and piece.begun:
                whole = sum(map(len, piece.lines)) + len(piece.lines) >= (file.size or 0)
                at = next((at for raw in piece.lines[:50] if (at := self._own(raw)) is not None), wall)
                one.counter.begin(file.path, at, midst=not whole and not self._begun)

    def _own(self, raw: bytes) -> float | None:
        return self._times.of(raw[:600].decode("utf-8", "replace"))

    async def _read_journal(self, one: _Watched, journal: Journal, wall: float, now: float) -> None:
        since = wall - self.settings.since * MINUTE
        one.taken, one.skipping = 0, 0
        try:
            heard = await journal.news(since, self.settings.timeout * _SHARE)
        except ProbeError as error:
            if error.cause is Cause.GONE:
                one.journal = self._journal(one.key)
            one.trouble = str(error.message)
            return
        one.trouble = ""
        if not heard.cut or one.last is not None:
            one.counter.begin(one.key, since, midst=True)
        for entry in heard.entries:
            one.counter.take(f"{entry.who}: {entry.message}", one.key, wall, entry.level, entry.at)
        one.taken = len(heard.entries)
        if heard.cut and one.last is not None:
            one.skipping = 1
            one.counter.cut(wall)
        self._paced(one, now)

    def _paced(self, one: _Watched, now: float) -> None:
        one.skipped += one.skipping
        one.rate = one.taken / (now - one.last) if one.last is not None and now > one.last else None
        one.last = now

    # what it says

    def _facts(self, wall: float) -> LogsFacts:
        files = [file for one in self._watched for file in self._files(one, wall)]
        return LogsFacts(
            taken_at=self.context.now(),
            sources=tuple(self._source(one, wall) for one in self._watched),
            files=tuple(list({file.key: file for file in files}.values())[:_SHOWN]),
            more=sum(one.looked.more for one in self._watched),
            patterns=tuple(self._found(name, wall) for name in self._patterns),
            types=tuple(self._types()),
            window=self.settings.window,
            since=self.settings.since,
            silent=self.settings.silent,
        )

    def _files(self, one: _Watched, wall: float) -> Iterable[File]:
        for file in one.looked.files:
            age = None if file.written is None else max(0.0, wall - file.written)
            key = f"{file.path} ({file.state})" if file.state == "rotated" else file.path
            yield File(key, SafeText(file.path, 1000), one.key, file.size, age, file.state, file.anew)

    def _minutes(self, wall: float) -> range:
        this = int(wall) // MINUTE
        return range(this - self.settings.since + 1, this + 1)

    def _source(self, one: _Watched, wall: float) -> Source:
        counter = one.counter
        bins, _ = counter.window(wall, self.settings.window)
        known = [counter.minute(minute) for minute in self._minutes(wall)]
        there = [file for file in one.looked.files if file.size is not None]
        written = [file.written for file in there if file.written is not None]
        newest = max(written, default=None) if one.follower is not None else counter.newest
        return Source(
            key=one.key,
            name=SafeText(one.key, 200),
            kind="files" if one.follower is not None else "journal",
            files=len(there),
            size=sum(file.size or 0 for file in there) if there else None,
            age=None if newest is None else max(0.0, wall - newest),
            rate=None if one.trouble else one.rate,
            lines=sum(each.lines for each in bins),
            warnings=sum(each.warnings for each in bins),
            errors=sum(each.errors for each in bins),
            levelled=sum(each.levelled for each in bins),
            minutes=tuple(None if each is None else each.errors for each in known) if bins else (),
            since=_moment(counter.covered),
            skipped=one.skipped,
            skipping=one.skipping,
            unreadable=sum(file.state in ("denied", "unreadable") for file in one.looked.files),
            trouble=SafeText(one.trouble, 200),
        )

    def _found(self, name: str, wall: float) -> told.Found:
        setting = self.settings.named[name]
        counters = [one.counter for one in self._watched if not setting.files or one.key in setting.files]
        windows = [one.window(wall, self.settings.window) for one in counters]
        bins = [each for known, _ in windows for each in known]
        lines = sum(each.lines for each in bins)
        found = sum(each.found.get(name, 0) for each in bins)
        minutes = []
        for minute in self._minutes(wall):
            known = [each for one in counters if (each := one.minute(minute)) is not None]
            minutes.append(sum(each.found.get(name, 0) for each in known) if known else None)
        firsts = [one.first[name] for one in counters if name in one.first]
        lasts = [one.last[name] for one in counters if name in one.last]
        return told.Found(
            name=name,
            regex=SafeText(setting.regex, 1000),
            minutes=tuple(minutes),
            window=self.settings.window,
            found=found if bins else None,
            whole=bool(windows) and all(whole for _, whole in windows),
            limit=setting.limit,
            ratio=found / lines if lines else None,
            first=_moment(min(firsts, default=None)),
            last=_moment(max(lasts, default=None)),
        )

    def _types(self) -> Iterable[Type]:
        ranked = sorted(
            (one for watched in self._watched for one in watched.counter.types.ranked()),
            key=lambda one: (-one.count, one.type),
        )
        merged: dict[str, Type] = {}
        for one in ranked:
            key = TYPE + one.type
            before = merged.get(key)
            first, last = _moment(one.first), _moment(one.last)
            if before is not None:
                first = min((at for at in (first, before.first) if at is not None), default=None)
                last = max((at for at in (last, before.last) if at is not None), default=None)
            elif len(merged) >= _TYPES:
                continue
            count = one.count + (before.count if before is not None else 0)
            level = max(one.level, before.level if before is not None else Level.UNKNOWN)
            sample = SafeText.line(one.sample)
            merged[key] = Type(key, SafeText(one.type, 200), level, count, first, last, sample)
        return merged.values()

    def _gaps(self) -> Iterable[Gap]:
        for one in self._watched:
            if one.trouble:
                yield Gap(one.key, Cause.MISSING if one.follower is None else Cause.GONE, SafeText(one.trouble, 200))
            denied = [file.path for file in one.looked.files if file.state == "denied"]
            if denied:
                more = f" and {len(denied) - 1} more" if len(denied) > 1 else ""
                yield Gap(f"{denied[0]}{more}", Cause.LOCAL_PERM, SafeText("not allowed to read it"))
            if one.looked.more:
                yield Gap(f"{one.looked.more} older files of {one.key}", Cause.TOO_BIG)
            if one.skipping and one.follower is not None:
                said = SafeText(f"{one.skipping:,} bytes left out: raise `budget`, or read more often")
                yield Gap(f"some lines of {one.key}", Cause.TOO_BIG, said)
            elif one.skipping:
                yield Gap(f"some lines of {one.key}", Cause.TOO_BIG, SafeText("more is written than is read"))

    # closer looks

    def looks(self) -> tuple[Look, ...]:
        """Lines as they are written, and a search through everything that is kept."""
        about = "search all that is kept, rotated files too"
        return (
            Look("follow", "lines as they are written", follow=True, evidence=True),
            Asking("search", about, follow=True, asks="search for: text or /expression/; before it -C 2, --since 2h"),
        )

    def follow(self, name: str, subject: str) -> AsyncGenerator[SafeText, None]:
        """Lines of a source, a file, a pattern, a type, or of all."""
        about, _, answer = subject.partition(ANSWERED)
        if name == "follow":
            patterns, journals, fits = self._chosen(about)
            wall = partial(_seconds, self.context.now)
            return follow(patterns, journals, fits, self._times, self.context.monotonic, wall)
        if name == "search":
            return self._search(about, answer)
        raise ProbeError(Cause.MISSING, f"logs cannot follow {name}")

    def _chosen(self, about: str) -> tuple[list[str], list[Journal], Fits]:
        """The patterns of files, the journals, and which of their lines."""
        everything = [*self.settings.files], [self._journal(one) for one in self.settings.journal]
        if not about:
            return *everything, _every
        if about in self.settings.files:
            return [about], [], _every
        if about in self.settings.journal:
            return [], [self._journal(about)], _every
        if about.startswith(PATTERN):
            setting = self.settings.named.get(about.removeprefix(PATTERN))
            if setting is None:
                raise ProbeError(Cause.GONE, "the profile has no such pattern")
            regex = sound(setting.regex)
            files = [one for one in self.settings.files if not setting.files or one in setting.files]
            units = [one for one in self.settings.journal if not setting.files or one in setting.files]
            return files, [self._journal(one) for one in units], lambda line: regex.search(line) is not None
        if about.startswith(TYPE):
            wanted, reader = about.removeprefix(TYPE), TypeReader(self.settings.type)
            return *everything, lambda line: masked(reader(line) or type_of(masked(line))) == wanted
        if any(about == file.path for one in self._watched for file in one.looked.files):
            return [glob.escape(about)], [], _every
        raise ProbeError(Cause.GONE, "no source of the profile is called so")

    async def _search(self, about: str, typed: str) -> AsyncGenerator[SafeText, None]:
        """Finds in files, then in the journal."""
        patterns, journals, fits = self._chosen(about)
        if not typed.strip() and about.startswith(PATTERN):
            query = Query(self.settings.named[about.removeprefix(PATTERN)].regex, regex=True)
        else:
            query = parse(typed)
        since = None if query.since is None else self.context.now().timestamp() - query.since
        if patterns:
            files = await self._aside.run(plan, patterns, since, self._times)
            async with aclosing(search(files, query, named=True)) as lines:
                async for line in lines:
                    yield line
        for journal in journals:
            async with aclosing(self._search_journal(journal, query, since, fits)) as lines:
                async for line in lines:
                    yield line

    async def _search_journal(
        self, journal: Journal, query: Query, since: float | None, fits: Fits
    ) -> AsyncGenerator[SafeText, None]:
        yield Note(f"searching the journal of {journal.unit}, {query.words}")
        entries, cut = await journal.past(since or 0.0, 50.0, _PAST)
        regex = query.pattern()
        found = [one for one in entries if regex.search(one.line) and fits(one.line)]
        if cut:
            yield SafeText(f"(the journal of {journal.unit} was read up to {_PAST >> 20} MiB only)")
        for one in found:
            yield SafeText.line(f"{journal.unit} │ {masked(one.line)}")
        yield Note(f"searched {len(entries):,} entries of {journal.unit}: {len(found):,} found, {query.words}")

    async def close(self) -> None:
        """Let go of the files."""
        for one in self._watched:
            if one.follower is not None:
                one.follower.close()
        self._lane.close()
        self._aside.close()


def _seconds(now: Callable[[], datetime]) -> float:
    return now().timestamp()


def _every(line: str) -> bool:
    return True


def _moment(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)
