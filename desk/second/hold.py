"""Which rule is in force: the profile's, or the stricter one that held before, until two people agree on less.

What held is kept twice: in a private file, and in the audit. Where the two differ the stricter one counts. So does what
other sessions on the system put into the shared store, whatever their machine: it only ever makes a rule stricter, and
nobody but this session's own profile and people says who may agree.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from desk.audit import Chronicle, Code, Record, digest
from desk.private import open_file, open_folder
from desk.second.rule import Rule
from probes.base import Lane, ProbeError

_FILE: Final = "second.json"
_LARGEST: Final = 64 << 10
"""Bytes the file may have."""


class Hold:
    """The rule of one system, as one session has to keep it."""

    def __init__(
        self, said: Rule, folder: Path | None, about: Mapping[str, Any], targets: frozenset[str] = frozenset()
    ) -> None:
        """`said`: what the profile says, whose targets are `targets`; `about`: of the audit.

        `folder` is where the file lies; None: it is kept in the audit alone.
        """
        self._said = said
        self._targets = targets
        self._folder = folder
        self._about = (str(about.get("system", "")), str(about.get("environment", "")))
        self._lane = Lane("second", limit=1)
        self._turn = asyncio.Lock()
        self._kept = Rule()
        self._audited = Rule()
        self._heard: dict[str, Record] = {}
        """What others have put on record of theirs, by the shared store."""
        self._theirs = Rule()
        """What they have in force by that."""
        self._settled: frozenset[str] = frozenset()
        """Those of them that two people here have agreed to leave behind."""
        self.known = False
        """True once what held before was looked at."""

    @property
    def before(self) -> Rule:
        """What was last in force, here and elsewhere."""
        return self._kept.joined(self._audited).joined(self._theirs)

    @property
    def heard(self) -> list[str]:
        """The records of others that are known by now; who agrees on less leaves them behind."""
        return sorted(self._heard.keys() | self._settled)

    @property
    def said(self) -> Rule:
        """What the profile says. A target that is not in it any more has lost no protection by that."""
        gone = self.before.protected - self._targets
        return replace(self._said, protected=self._said.protected | gone) if self._said and gone else self._said

    @property
    def in_force(self) -> Rule:
        """What needs a second person now."""
        before = self.before
        return self.said if self.said.covers(before) else self.said.joined(before)

    @property
    def weakened(self) -> bool:
        """True when the profile asks for less than what was in force, and nobody has agreed to that yet."""
        return not self.said.covers(self.before)

    @property
    def digest(self) -> str:
        """Names the change from what is in force to what the profile says."""
        return digest({"about": list(self._about), "from": self.in_force.told, "to": self.said.told})

    async def recall(self, read: Callable[[], Chronicle]) -> None:
        """Look what held before; `read` gives the whole audit. What can't be read is no reason to ask for less.

        Raises `OSError` when the file or the audit is there and can't be read.
        """
        async with self._turn:
            if self.known:
                return
            try:
                self._kept, self._audited, self._settled = await self._lane.run(self._look, read)
            except ProbeError as error:
                raise OSError(str(error.message)) from None
            self.known = True

    async def hear(self, read: Callable[[], Iterable[Record]]) -> None:
        """Look what others have in force; `read` gives their audits as the shared store has brought them.

        Raises `OSError` when that is there and can't be read.
        """
        async with self._turn:
            try:
                found = await self._lane.run(lambda: [one for one in read() if one.code is Code.SECOND_RULE])
            except ProbeError as error:
                raise OSError(str(error.message)) from None
            self._take({_id(one): one for one in found})

    def leave_behind(self, heard: Iterable[str]) -> None:
        """Two people here have agreed on less than others have in force, by these records."""
        self._settled |= frozenset(heard)
        self._take(self._heard)

    def _take(self, heard: Mapping[str, Record]) -> None:
        self._heard = {name: one for name, one in heard.items() if name not in self._settled}
        self._theirs = _strictest(self._heard.values())

    async def keep(self, rule: Rule) -> None:
        """This one is in force from now on. Raises `OSError`; then the one before is."""
        async with self._turn:
            try:
                await self._lane.run(self._write, rule)
            except ProbeError as error:
                raise OSError(str(error.message)) from None
            self._kept = rule

    def audited(self, rule: Rule) -> None:
        """The audit says so by now."""
        self._audited = rule

    @property
    def stands(self) -> bool:
        """True when file and audit both tell what is in force."""
        return self._kept == self.in_force == self._audited

    def close(self) -> None:
        """Let go."""
        self._lane.close()

    def _look(self, read: Callable[[], Chronicle]) -> tuple[Rule, Rule, frozenset[str]]:
        found = read()
        return self._filed(), last_rule(found, *self._about), _left_behind(found, *self._about)

    def _filed(self) -> Rule:
        if self._folder is None or not (self._folder / _FILE).exists():
            return Rule()
        inside = open_folder(self._folder)
        try:
            with os.fdopen(open_file(inside, _FILE, os.O_RDONLY), "rb") as file:
                return Rule.read(json.loads(file.read(_LARGEST)))
        except ValueError:
            raise OSError(f"{self._folder / _FILE} is not as it was written") from None
        finally:
            os.close(inside)

    def _write(self, rule: Rule) -> None:
        if self._folder is None:
            return
        inside = open_folder(self._folder)
        try:
            new = f"{_FILE}.new"
            with suppress(FileNotFoundError):
                os.unlink(new, dir_fd=inside)
            opened = open_file(inside, new, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            with os.fdopen(opened, "w", encoding="utf-8") as file:
                json.dump(rule.told, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, _FILE, src_dir_fd=inside, dst_dir_fd=inside)
            os.fsync(inside)
        finally:
            os.close(inside)


def last_rule(found: Chronicle, system: str, environment: str) -> Rule:
    """The rule that the audit says was last in force for a system; one that asks for nothing where it says none."""
    for one in reversed(_rules(found, system, environment)):
        with suppress(ValueError):
            return Rule.read(one.data.get("rule"))
    return Rule()


def _rules(found: Chronicle, system: str, environment: str) -> list[Record]:
    """The records of a system's rule, in order."""
    here = {
        chapter.writer
        for chapter in found.chapters
        if chapter.records and _about(chapter.records[0].data) == (system, environment)
    }
    return [one for one in found.records() if one.code is Code.SECOND_RULE and one.writer in here]


def _left_behind(found: Chronicle, system: str, environment: str) -> frozenset[str]:
    """What others had in force when two people here agreed on less."""
    told = (one.data.get("heard") for one in _rules(found, system, environment) if one.data.get("request"))
    return frozenset(name for names in told if isinstance(names, list) for name in names if isinstance(name, str))


def _strictest(records: Iterable[Record]) -> Rule:
    """What asks for whatever any of them asks for. Who may agree is never for others to say: they could name nobody."""
    made = Rule()
    for one in sorted(records, key=_id):
        with suppress(ValueError):
            made = made.joined(replace(Rule.read(one.data.get("rule")), approvers=frozenset()))
    return made


def _id(record: Record) -> str:
    return f"{record.writer}/{record.seq}"


def _about(data: Mapping[str, Any]) -> tuple[str, str]:
    about = data.get("about")
    there = about if isinstance(about, Mapping) else {}
    return str(there.get("system", "")), str(there.get("environment", ""))
