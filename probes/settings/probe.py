"""Reads a file of settings: its keys without their secrets, who may read it, what has not been applied yet."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from probes.base import (
    Cause,
    Context,
    Found,
    Gap,
    Lane,
    Look,
    Probe,
    ProbeError,
    SafeText,
    Sheet,
    Snapshot,
    Target,
    hide_password,
)
from probes.settings import file, leftover, marks, undo
from probes.settings.containers import Running, running
from probes.settings.dotenv import Line
from probes.settings.facts import Entry, SettingsFacts, User
from probes.settings.gauges import RULES, SPECS, measured
from probes.settings.marks import Marks
from probes.settings.prove import tried
from probes.settings.settings import FileSettings

_SHOWN: Final = 120
"""Characters shown of a value that is no secret."""
_MOST: Final = 1000
"""Keys shown."""


class SettingsProbe(Probe[SettingsFacts]):
    """One file."""

    kind = "settings"
    settings_type = FileSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, FileSettings)
        self.settings = target.settings
        self._lane = Lane("settings", limit=1)

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """A file .env in the folder one stands in, beside a Compose file."""
        here = Path(environ.get("PWD") or ".")
        names = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
        if here.is_absolute() and (here / ".env").is_file() and any((here / name).is_file() for name in names):
            yield Found("env", {"file": str(here / ".env")}, "there is a .env beside a Compose file")

    async def read(self) -> Snapshot[SettingsFacts]:
        """The file, its example, and the containers made from it."""
        began = self.context.monotonic()
        self.doing = "reading"
        gaps: list[Gap] = []
        try:
            made = await self._lane.run(marks.kept, self.context.state)
        except ProbeError as error:
            made = None
            gaps.append(Gap("marks of values", error.cause, error.message))
        try:
            olds = await self._lane.run(self._kept) if self.settings.rotate else ()
        except ProbeError as error:
            olds = ()
            gaps.append(Gap("whether earlier values are kept", error.cause, error.hint or error.message))
        found, facts = await self._lane.run(self._facts, made, olds)
        if self.settings.docker and self.settings.applies:
            try:
                facts = compared(found, facts, await self._running())
            except ProbeError as error:
                gaps.append(Gap("whether it is applied", error.cause, error.hint or error.message))
        if facts.tracked is None:
            gaps.append(Gap("whether git keeps it", Cause.MISSING))
        if len(found.document.settings) > _MOST:
            gaps.append(Gap(f"{len(found.document.settings) - _MOST} more keys", Cause.TOO_BIG))
        age = (self.context.now() - facts.changed).total_seconds() if facts.changed else None
        return self.snapshot(facts, measured(facts, max(0.0, age) if age is not None else None), began, gaps)

    async def _running(self) -> list[Running]:
        services = [one.partition("/")[2].rpartition("/")[2] for one in self.settings.applies]
        url = str(self.settings.docker)
        if url.startswith(("env:", "file:")):
            try:
                url = self.context.secrets.resolve(url)
            except LookupError as error:
                raise ProbeError(Cause.AUTH, f"the Engine's url: {error}") from None
        return await running(url, self.settings.project, services, self.settings.timeout)

    def _facts(self, made: Marks | None, olds: Sequence[undo.Old]) -> tuple[file.Read, SettingsFacts]:
        found = file.read(self.settings.file)
        example = self.settings.example or f"{self.settings.file}.example"
        wanted = file.keys_of(example)
        document = found.document
        there, times = document.settings, document.twice
        entries = [
            replace(
                entry(self.settings, made, line, document.number(key), times.get(key, 1)),
                earlier=undo.unproven(olds, key, line.value) if key in self.settings.rotate else None,
            )
            for key, line in list(there.items())[:_MOST]
        ]
        return found, SettingsFacts(
            file=SafeText(self.settings.file, 200),
            link=SafeText(found.path if found.linked else "", 200),
            mode=found.status.st_mode & 0o7777,
            owner=file.owner(found.status),
            size=found.status.st_size,
            changed=datetime.fromtimestamp(found.status.st_mtime, UTC),
            entries=tuple(entries),
            missing=tuple(key for key in wanted or () if key not in there),
            example=SafeText(example if wanted is not None else "", 200),
            bad=tuple(document.bad),
            tracked=file.tracked(found.path),
            left=leftover.left(found),
            applies=self.settings.applies,
            renewed=self.settings.renewed,
        )

    def looks(self) -> tuple[Look, ...]:
        """Trying a key where the profile says how, and what is kept of earlier values."""
        kept = Look("kept", "changes that can be taken back")
        return (*((Look("prove", "try whether this key works"),) if self.settings.rotate else ()), kept)

    async def look(self, name: str, subject: str) -> Sheet:
        """Try a key's value, and the one before it; or list what is kept."""
        olds = await self._lane.run(self._kept)
        if name == "kept":
            lines = [f"{one.at:%Y-%m-%d %H:%M}  {one.action} of {', '.join(one.keys)} by {one.by}, kept until "
                     f"{one.until:%Y-%m-%d}" for one in olds]  # fmt: skip
            return Sheet(f"changes of {self.settings.file}", tuple(map(SafeText, lines or ["none is kept"])))
        if name != "prove":
            return await super().look(name, subject)
        rotation = self.settings.rotate.get(subject)
        if rotation is None:
            raise ProbeError(Cause.MISSING, f"the profile does not say how {SafeText(subject, 60)} is tried")
        line = (await self._lane.run(file.read, self.settings.file)).document.settings.get(subject)
        said = [] if line is None else [f"the value in the file: {(await tried(rotation.prove, line.value)).words}"]
        before = undo.before(olds, subject)
        if before is not None:
            said.append(f"the value before it: {(await tried(rotation.prove, before)).words}")
        return Sheet(f"{subject} tried", tuple(map(SafeText, said or ["the file does not have it"])))

    def _kept(self) -> tuple[undo.Old, ...]:
        return undo.kept(self.context.state, os.path.realpath(self.settings.file), self.context.now())

    async def close(self) -> None:
        """Let go of the thread."""
        self._lane.close()


def entry(settings: FileSettings, made: Marks | None, line: Line, number: int, times: int) -> Entry:
    """One key as it may be shown."""
    secret = settings.is_secret(line.key, line.value)
    shown = _address(line.value) if secret else line.value
    return Entry(
        key=str(SafeText(line.key, 200)),
        secret=secret,
        shown=SafeText(shown, _SHOWN),
        length=len(line.value),
        mark=made.value(line.value) if made is not None else "",
        line=number,
        times=times,
        refers=not line.literal,
        proven=line.key in settings.rotate,
    )


def _address(value: str) -> str:
    """Where an address leads, without what is secret in it; nothing for any other secret."""
    scheme, mark, rest = value.partition("://")
    if not mark or not scheme.replace("+", "").isalnum() or "@" not in rest:
        return ""
    return hide_password(value) if rest.count("@") == 1 and "***" in hide_password(value) else ""


def compared(found: file.Read, facts: SettingsFacts, users: Iterable[Running]) -> SettingsFacts:
    """The facts, with what the containers have."""
    there = found.document.settings
    applied: dict[str, bool] = {}
    seen = []
    for one in users:
        known = {key: one.environment[key] == line.value for key, line in there.items()
                 if line.literal and key in one.environment}  # fmt: skip
        for key, same in known.items():
            applied[key] = applied.get(key, True) and same
        older = one.made is not None and facts.changed is not None and one.made < facts.changed
        seen.append(User(one.name, one.made, older, tuple(key for key, same in known.items() if not same)))
    entries = tuple(replace(one, applied=applied.get(one.key)) for one in facts.entries)
    return replace(facts, entries=entries, users=tuple(seen), looked=True)
