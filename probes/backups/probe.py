"""Reads a folder of backups: which there are, whether the newest can be used, and what was proven of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Final

from probes.backups import folder, ledger, plans, programs, store, whole
from probes.backups.facts import ARCHIVES, Backup, BackupsFacts, Head, Leftover, Offsite, Work
from probes.backups.gauges import FORMATS, RULES, SPECS, fault_of, measured, spoiled, wrong_database, wrong_format
from probes.backups.head import major
from probes.backups.login import resolved
from probes.backups.settings import BackupsSettings
from probes.backups.work import FORGOTTEN, work_of
from probes.base import (
    Cause,
    Context,
    Found,
    Gap,
    Identity,
    Lane,
    Look,
    Probe,
    ProbeError,
    SafeText,
    Settings,
    Sheet,
    Snapshot,
    Target,
    lasted,
)
from probes.exec import job, run

_BEFORE: Final = 7
_LEAST: Final = 3
_DAYS: Final = timedelta(days=14)
_LATE: Final = 1.5
"""Times the usual, after which a backup between two others is missing."""
_CONTENTS: Final = Look("contents", "what is in this backup")
_CHECK: Final = Look("check", "whether it is whole, read to its end")
_CHECKING: Final = 600.0
"""Seconds a look may read."""
_QUICK: Final = 2.0
"""Seconds a reading waits for the newest to be read to its end."""
_CHECKED: Final = 20
"""Backups at most that are read to their end by themselves until one is whole."""
_COPIES_EVERY: Final = 300.0
_LINES: Final = 2000
_FOLDERS: Final = ("/var/backups/postgresql", "/backups/postgresql", "/backups", "/var/lib/pgsql/backups")


class BackupsProbe(Probe[BackupsFacts]):
    """One folder."""

    kind = "backups"
    settings_type: ClassVar[type[Settings]] = BackupsSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, BackupsSettings)
        self._settings = target.settings
        self._lane = Lane(f"backups-{target.name}", limit=3)
        self._far = Lane(f"copies-{target.name}", limit=1)
        self._heads: dict[Identity, Head] = {}
        self._sizes: dict[str, float] = {}
        """Of the last reading: what has changed since is being written."""
        self._faults: dict[Identity, SafeText | None] = {}
        """What was found by reading a backup to its end; None: it can't be told here."""
        self._checking: asyncio.Task[None] | None = None
        self._copies: store.Copies | ProbeError | None = None
        self._copied_at = 0.0
        self._asking: asyncio.Task[None] | None = None
        self._wanted: SafeText | None = None

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """A usual folder with a dump in it."""
        for place in _FOLDERS:
            try:
                names = sorted(os.listdir(place))[:2000]
            except OSError:
                continue
            dumps = [name for name in names if name.endswith((".dump", ".sql.gz", ".sql", ".backup"))]
            if dumps:
                pattern = "*" + dumps[-1][dumps[-1].index(".") :] if "." in dumps[-1] else "*"
                yield Found("backups", {"folder": place, "pattern": pattern[:200]}, f"{place} holds {dumps[-1]}")
                return

    # reading

    async def read(self) -> Snapshot[BackupsFacts]:
        """List the folder, judge it, and say what jobs and copies there are."""
        began = self.context.monotonic()
        self.doing = "reading"
        settings = self._settings
        found = await self._lane.run(folder.listed, settings.folder, settings.pattern, self._heads)
        self._heads = {one.identity: one.head for one in found.backups if one.head.format != "unreadable"}
        now = self.context.now()
        gaps: list[Gap] = []
        if found.cut:
            words = SafeText("move what is no backup elsewhere: the newest may not be among those that are looked at")
            gaps.append(Gap(f"files beyond the first {folder.MOST:,}", Cause.TOO_BIG, words))
        if found.unreadable:
            gaps.append(
                Gap(f"what {found.unreadable} backups begin with", Cause.LOCAL_PERM, SafeText("a right to read"))
            )
        wanted = await self._database(gaps)
        work = await self._work(now)
        backups = await self._lane.run(self._proofs, found.backups)
        growing = {one.name for one in backups if self._sizes.get(one.name, one.size) != one.size}
        self._sizes = {one.name: one.size for one in backups}
        unfinished = [self._leftover(one.name, one.size, one.at, work, now) for one in found.unfinished]
        unfinished += [Leftover(one.shown, one.size, 0.0, True) for one in backups if one.name in growing]
        backups = [self._judged(one) for one in backups if one.name not in growing]
        backups = await self._checked(backups)
        offsite, backups = self._offsite(backups, now, gaps)
        facts = self._facts(backups, found, wanted, unfinished, work, offsite, now)
        if backups and backups[0].at > now + plans.SKEW:
            words = SafeText("is a clock wrong, or was the file touched?")
            gaps.append(Gap(f"how old {backups[0].shown} is: it is dated in the future", Cause.CLOCK, words))
        since = f"for {lasted((now - facts.proven).total_seconds())}" if facts.proven else "yet"
        age = (now - facts.proven).total_seconds() if facts.proven else None
        return self.snapshot(facts, measured(facts, settings, age, since), began, gaps)

    async def _database(self, gaps: list[Gap]) -> SafeText | None:
        """The name of the database that is dumped; None: not configured, or not to be had."""
        login = self._settings.database
        if login is not None and self._wanted is None:
            try:
                params = await self._lane.run(resolved, login, self.context.secrets)
            except ProbeError as error:
                gaps.append(Gap("which database they should be of", error.cause, error.hint))
                return None
            self._wanted = SafeText(params.get("dbname") or params.get("user") or "", 63) or None
        return self._wanted

    def _proofs(self, backups: Sequence[Backup]) -> list[Backup]:
        state = self.context.state
        if state is None:
            return list(backups)
        place = ledger.shelf(state, self._settings.folder)
        return [
            replace(one, proof=ledger.proof_of(place, one.identity)) if number < folder.KEPT else one
            for number, one in enumerate(backups)
        ]

    async def _work(self, now: datetime) -> tuple[Work, ...]:
        state = self.context.state
        if state is None:
            return ()
        place = ledger.shelf(state, self._settings.folder)
        found = []
        for task in await self._lane.run(ledger.tasks, place):
            standing = await job.look(ledger.job_of(state, task.act))
            made = await self._lane.run(ledger.made_by, place, task.act)
            work = work_of(task, standing, made, self._settings.folder, now)
            if work.state != FORGOTTEN or work.left:
                found.append(work)
        return tuple(found)

    @staticmethod
    def _leftover(name: str, size: float, at: datetime, work: Sequence[Work], now: datetime) -> Leftover:
        age = max(0.0, (now - at).total_seconds())
        act = folder.act_of(name)
        ours = any(one.act == act and one.state == "under way" for one in work)
        return Leftover(SafeText(name, 255), size, age, ours or (not act and age < 120))

    def _judged(self, one: Backup) -> Backup:
        """With what is known of it as a whole."""
        if one.head.format == "empty":
            return replace(one, whole=False, fault=SafeText("it is empty: 0 bytes"))
        if one.identity in self._faults:
            fault = self._faults[one.identity]
            return one if fault is None else replace(one, whole=not fault, fault=fault)
        if one.proof is not None and one.proof.good:
            return replace(one, whole=True)
        return one

    async def _checked(self, backups: list[Backup]) -> list[Backup]:
        """With what reading the newest to its end gives, where that is quick; else a later reading tells."""
        until = self.context.monotonic() + _QUICK
        if self._checking is not None and not self._checking.done():
            return backups  # it was not quick
        self._check_newest(backups)
        while self._checking is not None and (left := until - self.context.monotonic()) > 0:
            running = self._checking
            await asyncio.wait({running}, timeout=left)
            backups = [self._judged(one) for one in backups]
            self._check_newest(backups)
            if self._checking is running:
                break
        return backups

    def _check_newest(self, backups: Sequence[Backup]) -> None:
        """Read the newest to its end, once, in the background; where it is not whole the one before it, and so on."""
        keep = {one.identity for one in backups}
        self._faults = {identity: fault for identity, fault in self._faults.items() if identity in keep}
        if self._checking is not None and not self._checking.done():
            return
        self._checking = None
        for number, one in enumerate(backups[:_CHECKED]):
            other = wrong_format(one, self._settings.format) or wrong_database(one, self._wanted)
            spoilt = bool(other) or one.head.format == "empty"
            if spoilt and number:
                continue
            known = one.identity in self._faults or one.whole is not None
            if not known and one.head.usable and one.size <= self._settings.check_up_to:
                self._checking = asyncio.create_task(self._check(one))
                return
            if not spoilt and one.whole is not False:
                return

    async def _check(self, one: Backup) -> None:
        try:
            self._faults[one.identity] = await self._fault(one, _CHECKING)
        except ProbeError:
            self._faults[one.identity] = None

    async def _fault(self, one: Backup, within: float) -> SafeText:
        path = Path(self._settings.folder) / one.name
        reader = None
        if one.head.format in ARCHIVES:
            there = await programs.installed(self._settings.programs)
            reader = programs.for_restore(there, major(one.head.program), None).path("pg_restore")
        return await whole.fault_of(path, reader, within, self._lane)

    def _offsite(self, backups: list[Backup], now: datetime, gaps: list[Gap]) -> tuple[Offsite | None, list[Backup]]:
        """What is known of the copies, asked in the background every few minutes."""
        place = self._settings.offhost
        if place is None:
            return None, backups
        idle = self._asking is None or self._asking.done()
        if idle and (self._copies is None or self.context.monotonic() - self._copied_at >= _COPIES_EVERY):
            self._asking = asyncio.create_task(self._ask_copies())
        where = SafeText(store.named(place), 200)
        there = self._copies
        if not isinstance(there, store.Copies):
            if there is not None:
                gaps.append(Gap("the copies off this host", there.cause, there.message))
            return Offsite(where, None), backups
        marked = [
            one
            if one.head.format == "directory" or (there.cut and one.name not in there.sizes)
            else replace(one, copied=there.sizes.get(one.name) == one.size)
            for one in backups
        ]
        newest = next((one for one in marked if one.copied), None)
        odd = tuple(one.shown for one in marked if there.sizes.get(one.name, one.size) != one.size)
        return (
            Offsite(
                place=where,
                count=len(there.sizes),
                newest=newest.at if newest else None,
                name=newest.shown if newest else SafeText(),
                differing=odd[:50],
                age=max(0.0, (now - newest.at).total_seconds()) if newest else None,
                looked_ago=self.context.monotonic() - self._copied_at,
            ),
            marked,
        )

    async def _ask_copies(self) -> None:
        place = self._settings.offhost
        assert place is not None
        try:
            keys = await self._far.run(store.keys_of, place, self.context.secrets)
            self._copies = await self._far.run(store.copies, place, keys, self._settings.pattern)
        except ProbeError as error:
            self._copies = error
        self._copied_at = self.context.monotonic()

    def _facts(
        self,
        backups: Sequence[Backup],
        found: folder.Listing,
        wanted: SafeText | None,
        unfinished: Sequence[Leftover],
        work: tuple[Work, ...],
        offsite: Offsite | None,
        now: datetime,
    ) -> BackupsFacts:
        usable = [one for one in backups[1:] if not spoiled(one, self._settings, wanted)]
        sizes = [one.size for one in usable[:_BEFORE]]
        last = tuple(_marked(one, self._settings, wanted) for one in backups[: folder.KEPT])
        fit = [one for one in last if not one.spoilt and one.at <= now + plans.SKEW]
        good, vouched = fit[0] if fit else None, next(filter(self._is_read, fit), None)
        every = self._settings.expected
        rhythm = every * 3600 if every is not None else cadence(backups)
        proofs = [one.proof.at for one in backups if one.proof and one.proof.good and one.proof.restored]
        return BackupsFacts(
            folder=SafeText(self._settings.folder, 300),
            pattern=SafeText(self._settings.pattern),
            database=wanted,
            last=last,
            count=len(backups),
            total=sum(one.size for one in backups),
            others=found.others,
            age=age_of(backups, now),
            good=good,
            good_age=_since(good, now),
            vouched_age=_since(vouched, now),
            median=_median(sizes) if len(sizes) >= _LEAST else None,
            cadence=rhythm,
            gaps=holes(backups, rhythm, now),
            unfinished=tuple(unfinished[:50]),
            free=found.free,
            offsite=offsite,
            work=work,
            proven=max(proofs, default=None),
            scratch=self._settings.scratch is not None,
        )

    def _is_read(self, one: Backup) -> bool:
        """True when it was read to its end, or when nobody will do so here."""
        return bool(one.whole) or one.identity in self._faults or one.size > self._settings.check_up_to

    # looking closer

    def looks(self) -> tuple[Look, ...]:
        """The contents of a backup, and whether it is whole."""
        return (_CONTENTS, _CHECK)

    async def look(self, name: str, subject: str) -> Sheet:
        """Read one backup: its list of contents, or all of it."""
        found = await self._lane.run(folder.listed, self._settings.folder, self._settings.pattern, self._heads)
        one = next((one for one in found.backups if one.name == subject), None)
        if one is None:
            raise ProbeError(Cause.GONE, "that backup is not there any more")
        if name == _CHECK.name:
            fault = await self._fault(one, _CHECKING)
            self._faults[one.identity] = fault
            words = fault or SafeText(f"whole: {one.size:,.0f} bytes read to the end. Only a restore proves more.")
            return Sheet(f"{one.shown}: {_CHECK.title}", (words,))
        return await self._contents(one)

    async def _contents(self, one: Backup) -> Sheet:
        told = [
            SafeText(f"format    {FORMATS.get(one.head.format, one.head.format)}"),
            SafeText(f"database  {one.head.database or 'it does not tell'}"),
            SafeText(f"server    {one.head.server or 'it does not tell'}"),
            SafeText(f"pg_dump   {one.head.program or 'it does not tell'}"),
        ]
        if one.head.format not in ARCHIVES:
            return Sheet(f"{one.shown}: {_CONTENTS.title}", tuple(told))
        there = await programs.installed(self._settings.programs)
        reader = programs.for_restore(there, major(one.head.program), None).path("pg_restore")
        ran = await run([reader, "--list", f"{self._settings.folder}/{one.name}"], within=20.0)
        if ran.code != 0:
            raise ProbeError(Cause.GARBAGE, whole.explained(ran.complaint))
        lines = [SafeText.line(raw) for raw in ran.out.splitlines()]
        note = SafeText("This list says nothing about the data behind it: it may be cut off all the same.")
        return Sheet(f"{one.shown}: {_CONTENTS.title}", (*told, note, *lines[:_LINES]), max(0, len(lines) - _LINES))

    async def close(self) -> None:
        """Let go of the threads; what is read in the background ends."""
        for task in (self._checking, self._asking):
            if task is not None:
                task.cancel()
        self._lane.close()
        self._far.close()


def _since(one: Backup | None, now: datetime) -> float | None:
    return max(0.0, (now - one.at).total_seconds()) if one is not None else None


def _marked(one: Backup, settings: BackupsSettings, wanted: SafeText | None) -> Backup:
    """With what speaks against it."""
    word, why = fault_of(one, settings, wanted)
    return replace(one, spoilt=word, fault=one.fault or SafeText(why, 300)) if word else one


def age_of(newest_first: Sequence[Backup], now: datetime) -> float | None:
    """Seconds since the newest; None when there is none, or only some dated in the future: those prove no freshness."""
    past = next((one for one in newest_first if one.at <= now + plans.SKEW), None)
    return max(0.0, (now - past.at).total_seconds()) if past is not None else None


def _median(values: Sequence[float]) -> float:
    """Of at least one value; by hand, since the library's own takes long to load."""
    ordered, half = sorted(values), len(values) // 2
    return float(ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2)


def cadence(newest_first: Sequence[Backup]) -> float | None:
    """Seconds between two backups as they came: the median; None when there are too few to tell."""
    spans = [(one.at - other.at).total_seconds() for one, other in pairwise(newest_first[: 2 * _BEFORE + 1])]
    return _median(spans) if len(spans) >= _LEAST else None


def holes(newest_first: Sequence[Backup], every: float | None, now: datetime) -> tuple[tuple[datetime, float], ...]:
    """(when it began, seconds) of each time of the last 14 days, between two backups, in which one is missing.

    Empty ones fill no hole. The time since the newest is no hole: its age tells that.
    """
    if not every:
        return ()
    real = [one for one in newest_first if one.size]
    found = [
        (before.at, (after.at - before.at).total_seconds())
        for after, before in pairwise(real)
        if after.at > now - _DAYS and (after.at - before.at).total_seconds() > _LATE * every
    ]
    return tuple(reversed(found))[:50]
