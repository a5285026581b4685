"""Reads whether logs are rotated and given up as the profile says; it looks at names, sizes and dates, never inside."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from probes.base import (
    Cause,
    Context,
    Gap,
    Lane,
    Probe,
    ProbeError,
    SafeText,
    Settings,
    Shape,
    Snapshot,
    Target,
    WholePath,
)
from probes.rotation.containers import loose_ends
from probes.rotation.facts import Configuration, Holder, Journal, Log, LogFile, RotationFacts
from probes.rotation.files import family, holders, read_files
from probes.rotation.gauges import GAUGES, RULES, gauges_of
from probes.rotation.journal import read_journal
from probes.rotation.logrotate import covering, read_configurations, read_record

_WATCHED: Final = 600.0
"""Seconds of watching after which the growth that was seen counts, not what the files suggest."""
_WINDOW: Final = 86400.0
_SELDOM: Final = 60.0
"""Seconds between two looks at what processes have open."""
_AGE: Final = re.compile(r"([1-9]\d{0,4})([hdwy])")
_AGES: Final = {"h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_SIZE: Final = re.compile(r"([1-9]\d{0,6})(KB|MB|GB|TB)")


class LogSettings(BaseModel):
    """One log: its files, and how long and how large it may be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[
        str, Shape(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,60}$", 'a name of letters, digits, ., - and _, such as "nginx"')
    ] = Field(description="What it is called here.")
    files: str = Field(description="The files that are written to; * in the last part stands for names.")
    keep: str | None = Field(default=None, description='How long rotated files are kept: "30d".')
    most: str | None = Field(default=None, description='What all of it may take: "5GB".')

    @field_validator("files")
    @classmethod
    def _one_folder(cls, value: str) -> str:
        if not re.fullmatch(r"/[^\x00-\x1f]+", value):
            raise ValueError("must be a whole path, beginning with /")
        folder, _, name = value.rpartition("/")
        if set(folder) & set("*?[") or not name or ".." in folder.split("/"):
            raise ValueError("files are named by one folder, written out, and a pattern for the names in it")
        return value

    @field_validator("keep")
    @classmethod
    def _age(cls, value: str | None) -> str | None:
        if value is not None and not _AGE.fullmatch(value):
            raise ValueError('must be a number and h, d, w or y without a space: "12h", "30d"')
        return value

    @field_validator("most")
    @classmethod
    def _bytes(cls, value: str | None) -> str | None:
        if value is not None and not _SIZE.fullmatch(value):
            raise ValueError('must be a whole number and KB, MB, GB or TB without a space: "500MB", "5GB"')
        return value

    @property
    def kept(self) -> float | None:
        """Seconds."""
        found = _AGE.fullmatch(self.keep or "")
        return int(found[1]) * _AGES[found[2]] if found else None

    @property
    def limit(self) -> int | None:
        """Bytes, in powers of ten as disks are sold."""
        found = _SIZE.fullmatch(self.most or "")
        return int(found[1]) * 1000 ** (("KB", "MB", "GB", "TB").index(found[2]) + 1) if found else None


class RotationSettings(Settings):
    """Which logs, and where logrotate and the journal are."""

    every: float = Field(default=60.0, ge=0.5, le=3600, description="Seconds between two readings.")
    timeout: float = Field(default=10.0, gt=0, le=60, description="Seconds a reading may take in all.")
    log: tuple[LogSettings, ...] = Field(default=(), max_length=100, description="Logs that are looked after.")
    logrotate: WholePath | None = Field(
        default="/etc/logrotate.conf", description="logrotate's main file; it includes the others."
    )
    status: WholePath = Field(default="/var/lib/logrotate/status", description="logrotate's record of its rotations.")
    journal: bool = Field(default=True, description="Look at systemd's journal too, where there is one.")
    prefix: tuple[str, ...] = Field(
        default=(), max_length=20, description="Words before journalctl, such as those that reach another machine."
    )
    docker: WholePath = Field(default="/var/lib/docker", description="Docker's folder, if readable.")
    sudo: bool = Field(default=False, description="Run logrotate and journalctl by sudo -n; see contrib/rotation.")

    @model_validator(mode="after")
    def _apart(self) -> RotationSettings:
        for what in ("name", "files"):
            values = [getattr(one, what) for one in self.log]
            if len(set(values)) < len(values):
                raise ValueError(f"two logs have the same {what}")
        return self

    def one(self, name: str) -> LogSettings | None:
        """The log of that name."""
        return next((log for log in self.log if log.name == name), None)


class RotationProbe(Probe[RotationFacts]):
    """Looks after logs."""

    kind = "rotation"
    settings_type = RotationSettings
    gauges = GAUGES
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, RotationSettings)
        self.settings = target.settings
        self._lane = Lane("rotation", limit=2)
        self._sizes: dict[str, dict[tuple[int, int], int]] = {}
        self._grown: dict[str, deque[tuple[float, int]]] = {}
        self._held: tuple[list[Holder], int] | None = None
        self._held_at: float | None = None

    async def read(self) -> Snapshot[RotationFacts]:
        """Look at files and configurations, then ask the journal."""
        began = self.context.monotonic()
        self.doing = "reading"
        facts, gaps = await self._lane.run(self._look_around, began)
        if self.settings.journal:
            try:
                journal: Journal | None = await read_journal(self.settings.prefix, self.settings.timeout * 0.5)
            except ProbeError as error:
                journal = None
                if error.cause is not Cause.MISSING or self.settings.prefix:
                    gaps.append(Gap(f"size of the journal: {error.message}", error.cause, error.hint))
            facts = replace(facts, journal=journal)
        if gaps and not any(log.files for log in facts.logs) and facts.journal is None and not facts.configurations:
            raise ProbeError(gaps[0].cause, gaps[0].part, gaps[0].hint)
        return self.snapshot(facts, gauges_of(facts, self.context.now()), began, gaps)

    def _look_around(self, at: float) -> tuple[RotationFacts, list[Gap]]:
        """In a thread: everything but the journal."""
        gaps: list[Gap] = []
        configurations: list[Configuration] | None = None
        record: Mapping[str, datetime] = {}
        ran_at = None
        if self.settings.logrotate is not None:
            try:
                configurations = read_configurations(self.settings.logrotate)
                record, ran_at = read_record(self.settings.status)
            except ProbeError as error:
                gaps.append(Gap(f"logrotate: {error.message}", error.cause, error.hint))
        if self._held_at is None or at - self._held_at >= _SELDOM:
            folders = sorted({one.files.rpartition("/")[0] for one in self.settings.log})
            self._held, self._held_at = (holders(folders) if folders else None), at
        logs = []
        for one in self.settings.log:
            try:
                logs.append(self._log(one, configurations, record, at))
            except ProbeError as error:
                logs.append(Log(one.name, one.files, keep=one.kept, most=one.limit))
                gaps.append(Gap(f"log {one.name}: {error.message}", error.cause, error.hint))
        for log in logs:
            if log.left_out:
                read = f"{len(log.files):,} of {len(log.files) + log.left_out:,}"
                said = SafeText("the newest are read: sizes are at least what is shown")
                gaps.append(Gap(f"files of log {log.name}: {read}", Cause.TOO_BIG, said))
        loose = loose_ends(self.settings.docker)
        if loose is not None and loose[2]:
            gaps.append(Gap(f"logs of {loose[2]} more containers", Cause.TOO_BIG))
        unseen = self._held[1] if self._held is not None else 0
        if unseen and self.settings.log:
            hint = SafeText("only root sees what every process has open")
            gaps.append(Gap(f"open files of {unseen} processes of others", Cause.LOCAL_PERM, hint))
        facts = RotationFacts(
            logs=tuple(logs),
            configurations=tuple(configurations or ()),
            ran_at=ran_at,
            loose=tuple(loose[0]) if loose is not None else (),
            containers=loose[1] if loose is not None else None,
            unseen=unseen,
        )
        return facts, gaps

    def _log(
        self,
        settings: LogSettings,
        configurations: Sequence[Configuration] | None,
        record: Mapping[str, datetime],
        at: float,
    ) -> Log:
        files, left_out, free = read_files(settings.files)
        live = [one for one in files if not one.rotated]
        found = [covering(one.path, configurations) for one in live] if configurations is not None else []
        covered = [pair for pair in found if pair is not None]
        dates = [record[one.path] for one in live if one.path in record]
        newest = max((one.changed for one in files if one.rotated), default=None)
        rotated_at = min(dates) if dates else datetime.fromtimestamp(newest, UTC) if newest is not None else None
        periods = [stanza.period for _, stanza in covered if stanza.period is not None]
        growth, estimated = self._growth(settings.name, files, at)
        return Log(
            name=settings.name,
            pattern=settings.files,
            files=tuple(files),
            left_out=left_out,
            keep=settings.kept,
            most=settings.limit,
            covered_by=tuple(dict.fromkeys(one.path for one, _ in covered)),
            uncovered=None if configurations is None else sum(pair is None for pair in found),
            period=max(periods, default=None) if any(one.size for one in live) else None,
            rotated_at=rotated_at,
            growth=growth,
            estimated=estimated,
            free=free,
            astray=tuple(self._astray(settings.files, files)),
        )

    def _growth(self, name: str, files: Sequence[LogFile], at: float) -> tuple[float | None, bool]:
        """(bytes per second, whether that is only what the files suggest)."""
        before = self._sizes.get(name)
        sizes = {(one.device, one.inode): one.size for one in files if not one.rotated}
        self._sizes[name] = sizes
        grown = self._grown.setdefault(name, deque(maxlen=2000))
        if before is None:
            grown.append((at, 0))
        else:
            more = sum(max(0, size - before.get(inode, 0)) for inode, size in sizes.items())
            grown.append((at, more))
        while len(grown) > 2 and at - grown[1][0] > _WINDOW:
            grown.popleft()
        watched = at - grown[0][0]
        if watched >= _WATCHED:
            return sum(more for _, more in list(grown)[1:]) / watched, False
        return self._suggested(files), True

    def _suggested(self, files: Sequence[LogFile]) -> float | None:
        """What each file has got since the one before it was put away."""
        now = self.context.now().timestamp()
        total, known = 0.0, False
        for one in files:
            if one.rotated:
                continue
            before = [
                other.changed
                for other in files
                if other.rotated and (about := family(other.name)) is not None and about.base in (one.name, _base(one))
            ]
            if before and now - max(before) > 60:
                total, known = total + one.size / (now - max(before)), True
        return total if known else None

    def _astray(self, pattern: str, files: Sequence[LogFile]) -> list[Holder]:
        """Who writes into what was rotated or removed. What is renamed keeps its inode, so it is told by that."""
        folder = pattern.rpartition("/")[0]
        rotated = {(one.device, one.inode) for one in files if one.rotated}
        mine = {one.name for one in files}
        found = []
        for one in self._held[0] if self._held is not None else ():
            name = one.path.rpartition("/")[2]
            about = family(name)
            ours = name in mine or (about is not None and about.base in mine)
            removed = one.deleted and ours and one.path.startswith(folder)
            if one.writes and ((one.device, one.inode) in rotated or removed):
                found.append(one)
        return found[:50]

    def abort(self) -> None:
        """Nothing to cut: a thread that hangs is left behind."""

    async def close(self) -> None:
        """Let the thread go."""
        self._lane.close()


def _base(one: LogFile) -> str:
    about = family(one.name)
    return about.base if about is not None else one.name
