"""Scans now and then, one after the other, beside the readings; a reading only tells what is known."""

from __future__ import annotations

import asyncio
import glob
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from pydantic import Field, field_validator, model_validator

from probes.base import (
    Cause,
    Context,
    Gap,
    Gauges,
    Lane,
    Look,
    Probe,
    ProbeError,
    SafeText,
    Settings,
    Sheet,
    Snapshot,
    Target,
)
from probes.scans import tools
from probes.scans.facts import Finding, Level, Report, Scan, ScansFacts, Standing
from probes.scans.gauges import GAUGES, RULES
from probes.scans.parse import database_of, report_of

_KEPT: Final = 300
"""Findings of one scan that are kept, the worst."""
_TOLD: Final = 50
"""New ones that are kept by name."""
_REPORT: Final = 64 << 20
_REPORTS: Final = 50
_PLACE: Final = r"^/[^\x00-\x1f]*$"
_IMAGE: Final = r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,300}$"


class ScansSettings(Settings):
    """What is scanned, by which tool, how often."""

    every: float = Field(default=30.0, ge=0.5, le=3600, description="Seconds between two readings of what is known.")
    trivy: tuple[str, ...] = Field(default=(), max_length=50, description="Images that trivy scans.")
    trivy_fs: tuple[str, ...] = Field(default=(), max_length=50, description="Folders that trivy scans.")
    npm: tuple[str, ...] = Field(default=(), max_length=50, description="Folders with a package-lock.json.")
    pnpm: tuple[str, ...] = Field(default=(), max_length=50, description="Folders with a pnpm-lock.yaml.")
    pip: tuple[str, ...] = Field(
        default=(),
        max_length=50,
        description="Python environments, or lists of exact versions, that pip-audit looks through.",
    )
    reports: tuple[str, ...] = Field(
        default=(),
        max_length=50,
        description="Reports in JSON that others have made: of trivy, npm audit, pnpm audit or pip-audit; * for names.",
    )
    rescan: float = Field(default=86400.0, ge=60, le=30 * 86400, description="Seconds between two scans of one thing.")
    first: float = Field(default=120.0, ge=0, le=86400, description="Seconds after the start before the first scan.")
    within: float = Field(default=900.0, ge=1, le=7200, description="Seconds one scan may take.")

    @field_validator("trivy", "trivy_fs", "npm", "pnpm", "pip", "reports", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("trivy")
    @classmethod
    def _images(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _each(value, _IMAGE, 'must be the name of an image, such as "nginx:1.27"')

    @field_validator("trivy_fs", "npm", "pnpm", "pip", "reports")
    @classmethod
    def _paths(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _each(value, _PLACE, 'must be whole paths that begin with /, such as "/srv/app"')

    @model_validator(mode="after")
    def _any(self) -> Self:
        if not (self.trivy or self.trivy_fs or self.npm or self.pnpm or self.pip or self.reports):
            raise ValueError("needs trivy, trivy_fs, npm, pnpm, pip or reports: what is scanned")
        return self

    @property
    def jobs(self) -> tuple[tools.Job, ...]:
        """Everything a tool is to be run for, each once."""
        found = [tools.Job("trivy", one) for one in self.trivy]
        found += [tools.Job("trivy", one, files=True) for one in self.trivy_fs]
        for tool, subjects in (("npm", self.npm), ("pnpm", self.pnpm), ("pip-audit", self.pip)):
            found += [tools.Job(tool, one) for one in subjects]
        return tuple({job.key: job for job in found}.values())


def _each(value: tuple[str, ...], pattern: str, words: str) -> tuple[str, ...]:
    if not all(re.fullmatch(pattern, one) for one in value):
        raise ValueError(words)
    return value


class ScansProbe(Probe[ScansFacts]):
    """Lets the tools scan and keeps what they found."""

    kind = "scans"
    settings_type = ScansSettings
    gauges = GAUGES
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, ScansSettings)
        self.settings = target.settings
        self._jobs = self.settings.jobs
        self._scans = {job.key: Scan(job.key, job.tool, SafeText(job.subject, 200)) for job in self._jobs}
        self._known: dict[str, frozenset[str]] = {}
        """Every finding of the last scan that worked, to tell what is new."""
        self._next = self.context.now() + timedelta(seconds=self.settings.first)
        self._task: asyncio.Task[None] | None = None
        self._files = Lane("scans", limit=2)
        self._stamps: dict[str, tuple[float, Scan]] = {}

    async def read(self) -> Snapshot[ScansFacts]:
        """What is known now; scanning goes on beside it."""
        began = self.context.monotonic()
        if self._jobs and (self._task is None or self._task.done()):
            if self._task is not None and not self._task.cancelled() and (error := self._task.exception()):
                self._task = None
                raise error
            self._task = asyncio.create_task(self._scan_for_ever())
        self.doing = "reading"
        self._tell_missing()
        reported = await self._files.run(self._read_reports) if self.settings.reports else []
        scans = (*self._scans.values(), *reported)
        running = any(one.standing is Standing.RUNNING for one in scans)
        facts = ScansFacts(scans, None if running or not self._jobs else self._next)
        return self.snapshot(facts, self._gauges(scans), began, _gaps(scans))

    def _tell_missing(self) -> None:
        """Tools that are not here are told at once, not when their turn comes."""
        for key, one in self._scans.items():
            if one.standing is Standing.WAITING and (error := tools.absent(one.tool)) is not None:
                self._scans[key] = _failed(one, error)

    def _gauges(self, scans: Sequence[Scan]) -> Gauges:
        gauges = Gauges()
        now = self.context.now()
        for one in scans:
            if one.cause is None:
                gauges.put("scan_failed", 0.0, scan=one.key)
            elif one.cause is not Cause.MISSING:
                gauges.put("scan_failed", 1.0, scan=one.key, why=one.words)
            if one.at is None:
                continue
            for level in Level:
                gauges.put(level.name.lower(), one.counts.get(level, 0), scan=one.key)
            if not one.counts.get(Level.CRITICAL):
                gauges.put("high_alone", one.counts.get(Level.HIGH, 0), scan=one.key)
            gauges.put("fixable", one.fixable, scan=one.key)
            gauges.put("skipped", one.skipped, scan=one.key)
            gauges.put("scan_age_seconds", max(0.0, (now - one.at).total_seconds()), scan=one.key)
            gauges.put("appeared", None if one.appeared is None else len(one.appeared), scan=one.key)
            if one.database is not None:
                gauges.put("database_age_seconds", max(0.0, (now - one.database).total_seconds()), scan=one.key)
        return gauges

    # scanning

    async def _scan_for_ever(self) -> None:
        while True:
            await asyncio.sleep(max(0.0, (self._next - self.context.now()).total_seconds()))
            for job in self._jobs:
                self._scans[job.key] = replace(self._scans[job.key], standing=Standing.RUNNING)
                self._scans[job.key] = await self._scanned(job, self._scans[job.key])
            self._next = self.context.now() + timedelta(seconds=self.settings.rescan)

    async def _scanned(self, job: tools.Job, before: Scan) -> Scan:
        began = self.context.monotonic()
        try:
            ran = await tools.run(await self._files.run(tools.arguments, job), self.settings.within)
            try:
                tool, report = await self._files.run(report_of, ran.out)
            except ProbeError:
                if ran.out.strip().startswith(b"{"):
                    raise
                raise tools.complaint(job.tool, ran) from None
            if tool != job.tool:
                raise ProbeError(Cause.GARBAGE, f"the report is not one of {job.tool}")
            database = await self._database() if job.tool == "trivy" else None
        except ProbeError as error:
            return _failed(before, error)
        took = self.context.monotonic() - began
        return replace(self._with(before, report, self.context.now()), took=took, database=database)

    async def _database(self) -> datetime | None:
        try:
            ran = await tools.run(["trivy", "version", "--format", "json"], 30.0)
        except ProbeError:
            return None
        return database_of(ran.out)

    def _with(self, before: Scan, report: Report, at: datetime) -> Scan:
        """The scan with a new report, compared with the one before it."""
        now = frozenset(f"{one.id} in {one.package}" for one in report.findings)
        last = self._known.get(before.key)
        self._known[before.key] = now
        counts = dict.fromkeys(Level, 0)
        for one in report.findings:
            counts[one.level] += 1
        return replace(
            before,
            standing=Standing.DONE,
            counts=counts,
            findings=report.findings[:_KEPT],
            fixable=sum(one.fixable for one in report.findings),
            skipped=report.skipped,
            note=report.note,
            appeared=None if last is None else tuple(map(SafeText, sorted(now - last)[:_TOLD])),
            disappeared=None if last is None else tuple(map(SafeText, sorted(last - now)[:_TOLD])),
            at=at,
            cause=None,
            words=SafeText(),
            hint=SafeText(),
        )

    # reports of others

    def _read_reports(self) -> list[Scan]:
        """In a thread: each report that is new or has changed; the others as they were read."""
        found: list[Scan] = []
        for pattern in self.settings.reports:
            paths = sorted(glob.glob(pattern, recursive=True))[:_REPORTS] or (
                [] if glob.has_magic(pattern) else [pattern]
            )
            if not paths:
                lost = Scan(f"report {pattern}", "report", SafeText(pattern, 200), Standing.FAILED)
                found.append(replace(lost, cause=Cause.GONE, words=SafeText("there is no report")))
            found += [self._report(path) for path in paths]
        return list({one.key: one for one in found}.values())

    def _report(self, path: str) -> Scan:
        key = f"report {path}"
        blank = Scan(key, "report", SafeText(path, 200), Standing.FAILED)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            gone = isinstance(error, FileNotFoundError)
            cause = Cause.GONE if gone else Cause.LOCAL_PERM
            words = "there is no report" if gone else f"it can't be read: {error.strerror}"
            return replace(self._stamps.get(key, (0.0, blank))[1], cause=cause, words=SafeText(words, 200))
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            kept = self._stamps.get(key)
            if kept is not None and kept[0] == about.st_mtime:
                return kept[1]
            if not stat.S_ISREG(about.st_mode) or about.st_size > _REPORT:
                return replace(blank, cause=Cause.GARBAGE, words=SafeText("no file, or longer than 64 MiB"))
            try:
                tool, report = report_of(file.read(_REPORT))
            except ProbeError as error:
                return replace(blank, cause=error.cause, words=error.message, hint=error.hint)
            except OSError as error:
                return replace(blank, cause=Cause.LOCAL_DISK, words=SafeText(f"it can't be read: {error.strerror}"))
        scan = replace(self._with(blank, report, datetime.fromtimestamp(about.st_mtime, UTC)), tool=tool)
        self._stamps[key] = (about.st_mtime, scan)
        return scan

    # looking closer

    def looks(self) -> tuple[Look, ...]:
        """Every finding of one scan."""
        return (Look("findings", "findings of the scan"),)

    async def look(self, name: str, subject: str) -> Sheet:
        """The findings of one scan, the worst first."""
        every = [*self._scans.values(), *(scan for _, scan in self._stamps.values())]
        scan = next((one for one in every if one.key == subject), None)
        if name != "findings" or scan is None:
            raise ProbeError(Cause.GONE, "there is no such scan")
        lines = tuple(SafeText(_line(one), 300) for one in scan.findings)
        return Sheet(f"findings of {scan.key}", lines, (scan.total or 0) - len(lines))

    def abort(self) -> None:
        """End what is scanned now; the next reading begins it again."""
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        """End it, and wait a moment until the tool is gone."""
        self.abort()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=2.0)
        self._files.close()


def _line(one: Finding) -> str:
    fixed = f", fixed in {one.fixed}" if one.fixed else ", a fix exists" if one.fixable else ", no fix known"
    return f"{one.level.name.lower():<9}{one.id}  {one.package} {one.installed}{fixed}  {one.title}"


def _failed(before: Scan, error: ProbeError) -> Scan:
    """The scan, after a try that gave nothing."""
    standing = Standing.MISSING if error.cause is Cause.MISSING else Standing.FAILED
    return replace(before, standing=standing, cause=error.cause, words=error.message, hint=error.hint)


def _gaps(scans: Sequence[Scan]) -> list[Gap]:
    """What gave no result, as one line: the panel lists them one by one."""
    lost = [(one, one.cause) for one in scans if one.cause is not None]
    if len(lost) < 2:
        return [Gap(f"scan of {one.key}: {one.words}", cause, one.hint) for one, cause in lost]
    told = "; ".join(f"{one.key}: {one.words}" for one, _ in lost)
    cause = next((cause for _, cause in lost if cause is not Cause.MISSING), Cause.MISSING)
    return [Gap(f"{len(lost)} of {len(scans)} scans", cause, SafeText(told, 600))]
