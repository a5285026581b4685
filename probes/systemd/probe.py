"""Reads systemd's units through `systemctl show` and its journal through `journalctl`: no bus library, no rights.

Starting and stopping is done in `act`, not here; and no prompt for a password can come up.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import deque
from collections.abc import AsyncGenerator, Coroutine, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final

from pydantic import Field, field_validator, model_validator

from probes import exec as programs
from probes.base import (
    Cause,
    Context,
    Found,
    Gap,
    Look,
    Probe,
    ProbeError,
    Rates,
    SafeText,
    Settings,
    Sheet,
    Snapshot,
    Target,
)
from probes.exec.ssh import Destination
from probes.systemd import journal
from probes.systemd.calls import Calls
from probes.systemd.facts import Journal, SystemdFacts, Unit
from probes.systemd.gauges import RULES, SPECS, measured
from probes.systemd.parse import (
    PATTERN,
    PROPERTIES,
    UNIT,
    Block,
    asked_for,
    blocks,
    failed_names,
    unit,
    whole,
)
from probes.systemd.reach import Reach

SHOWN: Final = 300
"""Units shown at most."""
FAILED: Final = 50
"""Failed units outside the profile shown at most."""
TAIL: Final = 100
"""Lines of a log shown before it is followed."""
RECENT: Final = 600.0
"""Seconds in which a restart is recent."""
_LAST_WORDS: Final = 3
"""Lines of the journal shown for a failed unit."""
_HEARD: Final = 20
"""Lines read for them: systemd adds its own."""
_LOOP_PAUSE: Final = 30.0
"""Seconds between two looks at the last words of a unit that restarts all the time."""
_SPOKEN: Final = 3
"""Failed units whose last words are read in one reading."""
_PATIENCE: Final = 1.5
"""Seconds a reading waits for the journal."""
_REFUSED: Final = 300.0
"""Seconds before a refused journal is asked again."""
UTC_SINCE: Final = 248
"""systemctl prints times in UTC on demand since this version."""
_FIELDS_SINCE: Final = 236
"""journalctl gives chosen fields only since this version."""


class SystemdSettings(Settings):
    """Units of this machine, or of another one: over ssh, or behind a prefix."""

    units: tuple[str, ...] = Field(
        (),
        max_length=100,
        description='Units to watch: "nginx", "web@*.service", "backup.timer". Patterns as in a shell.',
    )
    failed: bool = Field(True, description="Show every other unit of the machine that has failed.")
    user: bool = Field(False, description="Read the user's own systemd instead of the system's.")
    ssh: Destination | None = Field(
        None, description="Another machine: a Host of your ssh configuration, or user@host. Nothing is installed there."
    )
    prefix: tuple[str, ...] = Field(
        (), description='Words put before every command: ["docker", "exec", "NAME"]. No secrets.'
    )
    sudo: bool = Field(
        False, description="Put `sudo -n` before systemctl when a unit is started or stopped; reading never needs it."
    )

    @field_validator("units")
    @classmethod
    def _names(cls, units: tuple[str, ...]) -> tuple[str, ...]:
        for one in units:
            if not PATTERN.fullmatch(one):
                raise ValueError("a unit's name has letters, digits and : _ . \\ @ - and does not begin with -")
        return units

    @model_validator(mode="after")
    def _one_way(self) -> SystemdSettings:
        if self.ssh is not None and self.prefix:
            raise ValueError("ssh and prefix are two ways to a machine: take one of them out")
        return self

    @property
    def by(self) -> tuple[str, ...]:
        """What a person would type before a command."""
        return ("ssh", self.ssh) if self.ssh is not None else self.prefix


class SystemdProbe(Probe[SystemdFacts]):
    """The units of one machine."""

    kind = "systemd"
    settings_type = SystemdSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, SystemdSettings)
        self.settings = target.settings
        self._calls = Calls()
        self._reach = Reach(self.settings.prefix, self.settings.ssh)
        self._version: int | None = None
        self._rates = Rates()
        self._grown: dict[str, deque[tuple[float, int]]] = {}
        self._counted: dict[str, int] = {}
        self._said: dict[tuple[str, str, str], Journal] = {}
        """Last words by unit, run and state."""
        self._journal_gap: Gap | None = None
        self._journal_not_before = 0.0

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """A machine that runs systemd; its failed units show at once."""
        if os.path.isdir("/run/systemd/system"):
            yield Found("units", {}, "this machine runs systemd")

    async def read(self) -> Snapshot[SystemdFacts]:
        """What failed, how the machine is, and the units' properties: two rounds of systemctl."""
        began = self.context.monotonic()
        self.doing = "connecting" if self._version is None else "reading"
        machine, failed = await self._together(self._machine(), self._failed())
        self._version = major(machine.get("Version"))
        self.doing = "reading"
        names = [*self.settings.units, *failed]
        found = blocks(await self._show(names), SHOWN * 2) if names else []
        units = [self._counts(one, began) for one in self._sorted(found)]
        self._forget(units)
        gaps = self._unmatched(units)
        shown = await self._with_words(units[:SHOWN], gaps)
        facts = SystemdFacts(
            version=SafeText(machine.get("Version"), 60),
            state=SafeText(machine.get("SystemState"), 40),
            failed=whole(machine.get("NFailedUnits")),
            units=tuple(shown),
            more=max(0, len(units) - SHOWN),
        )
        return self.snapshot(facts, measured(facts), began, gaps)

    def looks(self) -> tuple[Look, ...]:
        """Log and timers."""
        return (
            Look("logs", "log of the unit", follow=True, evidence=True),
            Look("timers", "timers and when they run next"),
        )

    async def look(self, name: str, subject: str) -> Sheet:
        """Take one closer look."""
        if name == "timers":
            ran = await self._calls.cuttable(self._systemctl(["list-timers", "--all", "--full"], within=10))
            lines = tuple(SafeText.line(one) for one in ran.splitlines()[:300])
            return Sheet("timers", lines)
        if name == "logs":
            argv = [*self._journalctl(_checked(subject)), "-n", str(TAIL)]
            ran_logs = await self._calls.cuttable(self._ran(argv, 10, 4 << 20))
            _refuse_journal(ran_logs)
            return Sheet(f"log of {subject}", tuple(map(journal.entry, ran_logs.out.splitlines())))
        return await super().look(name, subject)

    async def follow(self, name: str, subject: str) -> AsyncGenerator[SafeText, None]:
        """The unit's journal as it grows."""
        if name != "logs":
            raise ProbeError(Cause.MISSING, f"systemd cannot follow {name}")
        argv = [*self._journalctl(_checked(subject)), "-n", str(TAIL), "-f"]
        async with aclosing((await self._reach.road()).lines(argv)) as lines:
            async for raw in lines:
                yield journal.entry(raw)

    def abort(self) -> None:
        """End what runs; its processes are killed."""
        self._calls.cut()

    async def close(self) -> None:
        """End what runs."""
        await self._calls.ended()
        await self._reach.close()

    # the two programs

    def _argv(self, program: str) -> list[str]:
        return [program, *(["--user"] if self.settings.user else []), "--no-pager"]

    def _journalctl(self, name: str) -> list[str]:
        program = ["journalctl", "--no-pager", "-o", "json"]
        fields = [f"--output-fields={journal.FIELDS}"] if (self._version or 0) >= _FIELDS_SINCE else []
        return [*program, *fields, "--user-unit" if self.settings.user else "-u", name]

    async def _ran(self, argv: Sequence[str], within: float, limit: int = 8 << 20) -> programs.Ran:
        return await (await self._reach.road()).run(argv, within, limit)

    async def _systemctl(self, words: Sequence[str], within: float | None = None) -> bytes:
        argv = [*self._argv("systemctl"), "--no-ask-password", *words]
        ran = await self._ran(argv, within or self.settings.timeout)
        if ran.code != 0 and (not ran.out.strip() or no_bus(ran.err)):
            raise refusal(ran, self.settings.prefix)
        return ran.out

    async def _machine(self) -> Block:
        raw = await self._systemctl(["show", "--property=Version,SystemState,NFailedUnits"])
        found = blocks(raw, 1)
        if not found or "Version" not in found[0]:
            raise ProbeError(Cause.GARBAGE, f"systemctl did not answer with properties: {SafeText(raw[:60])}")
        return found[0]

    async def _failed(self) -> list[str]:
        if not self.settings.failed:
            return []
        raw = await self._systemctl(["list-units", "--failed", "--all", "--full", "--plain", "--no-legend"])
        return failed_names(raw, FAILED)

    async def _show(self, names: Sequence[str]) -> bytes:
        utc = ["--timestamp=utc"] if (self._version or 0) >= UTC_SINCE else []
        return await self._calls.cuttable(
            self._systemctl(["show", f"--property={','.join(PROPERTIES)}", *utc, "--", *names])
        )

    async def _together(
        self, one: Coroutine[Any, Any, Block], two: Coroutine[Any, Any, list[str]]
    ) -> tuple[Block, list[str]]:
        async def both() -> tuple[Block, list[str]]:
            first, second = asyncio.ensure_future(one), asyncio.ensure_future(two)
            try:
                return await first, await second
            finally:
                first.cancel()
                second.cancel()
                await asyncio.gather(first, second, return_exceptions=True)

        return await self._calls.cuttable(both())

    # what the blocks mean

    def _sorted(self, found: Sequence[Block]) -> list[Unit]:
        """Each unit once, those of the profile in its order first, then the failed ones."""
        order = {name: place for place, name in enumerate(self.settings.units)}
        units: dict[str, Unit] = {}
        for block in found:
            asked = asked_for(block, self.settings.units)
            one = unit(block, asked, self.context.now())
            if one.id and (one.asked or one.failed):
                units.setdefault(one.id, one)
        return sorted(units.values(), key=lambda one: (order.get(one.asked, len(order)), one.id))

    def _counts(self, one: Unit, at: float) -> Unit:
        """What only two readings together tell: restarts and cpu."""
        cpu = self._rates.per_second(one.id, one.cpu_seconds, at)
        return replace(one, restarts_recent=self._restarts(one, at), cpu=cpu)

    def _restarts(self, one: Unit, at: float) -> int | None:
        if one.restarts is None:
            return None
        grown = self._grown.setdefault(one.id, deque(maxlen=200))
        before = self._counted.get(one.id)
        if before is None and one.looping:
            grown.append((at, 1))
        elif before is not None and one.restarts > before:
            grown.append((at, one.restarts - before))
        self._counted[one.id] = one.restarts
        while grown and at - grown[0][0] > RECENT:
            grown.popleft()
        return sum(more for _, more in grown)

    def _forget(self, units: Sequence[Unit]) -> None:
        keep = {one.id for one in units}
        for gone in self._counted.keys() - keep:
            self._counted.pop(gone)
            self._grown.pop(gone, None)
        self._rates.forget(set(keep))

    def _unmatched(self, units: Sequence[Unit]) -> list[Gap]:
        """Patterns of the profile that no unit answers to; systemctl is silent about them."""
        met = {one.asked for one in units}
        return [
            Gap(f"units like {one}", Cause.MISSING, SafeText("systemd has none loaded"))
            for one in self.settings.units
            if one not in met and re.search(r"[*?\[]", one)
        ]

    # last words

    async def _with_words(self, units: list[Unit], gaps: list[Gap]) -> list[Unit]:
        """Failed units with the last lines of their journal, read once for each failure."""
        wanting = [one for one in units if one.failed or one.looping]
        marks = {one.id: self._mark(one) for one in wanting}
        self._said = {mark: said for mark, said in self._said.items() if mark in marks.values()}
        new = [one for one in wanting if marks[one.id] not in self._said][:_SPOKEN]
        if new and self.context.monotonic() >= self._journal_not_before:
            self._journal_gap = None
            said = await self._calls.cuttable(self._words(new))
            self._said.update({marks[id]: words for id, words in said.items()})
        if self._journal_gap is not None and wanting:
            gaps.append(self._journal_gap)
        return [replace(one, journal=self._said.get(marks.get(one.id, ("", "", "")), Journal())) for one in units]

    def _mark(self, one: Unit) -> tuple[str, str, str]:
        """What changes when a unit has new last words."""
        if one.looping:
            return (one.id, "loop", str(self.context.monotonic() // _LOOP_PAUSE))
        return (one.id, one.invocation, f"{one.active} {one.since}")

    async def _words(self, units: Sequence[Unit]) -> dict[str, Journal]:
        found: dict[str, Journal] = {}
        try:
            async with asyncio.timeout(_PATIENCE):
                for one in units:
                    argv = [*self._journalctl(one.id), "-n", str(_HEARD)]
                    ran = await self._ran(argv, _PATIENCE, 1 << 20)
                    _refuse_journal(ran)
                    found[one.id] = Journal(journal.last_words(ran.out, _LAST_WORDS))
        except TimeoutError:
            self._journal_gap = Gap("last lines of failed units", Cause.SLOW, SafeText("the journal takes too long"))
        except ProbeError as error:
            self._journal_gap = Gap("last lines of failed units", error.cause, error.hint or error.message)
            self._journal_not_before = self.context.monotonic() + _REFUSED
        return found


def _checked(name: str) -> str:
    if not UNIT.fullmatch(name):
        raise ProbeError(Cause.MISSING, "that is not the name of a unit")
    return name


def major(version: str | None) -> int | None:
    """252 from "252.38-1~deb12u1" or "systemd 219"."""
    found = re.search(r"\d{2,4}", version or "")
    return int(found[0]) if found else None


def no_bus(err: bytes) -> bool:
    """True when systemctl complains that there is no systemd to ask."""
    return b"connect to bus" in err or b"not been booted" in err


def refusal(ran: programs.Ran, prefix: Sequence[str]) -> ProbeError:
    """Why systemctl did not answer, in our words."""
    said = ran.err.decode("utf-8", "replace").lower()
    if "not been booted" in said:
        return ProbeError(Cause.MISSING, "this machine does not run systemd")
    if "access denied" in said or "authentication required" in said or "permission denied" in said:
        return ProbeError(Cause.DENIED, "systemd does not let us read its units")
    if "connect to bus" in said or "transport endpoint" in said or "connection refused" in said:
        return ProbeError(Cause.REFUSED, "no answer from systemd's bus", "is dbus running?")
    if "unrecognized option" in said or "unknown option" in said or "invalid option" in said:
        return ProbeError(Cause.VERSION, "this systemctl is too old or too new for us", ran.complaint)
    if prefix and not said.startswith(("failed to", "unit ")):
        return ProbeError(Cause.REFUSED, f"{SafeText(prefix[0], 40)} did not get through{_said(ran)}")
    return ProbeError(Cause.GARBAGE, f"systemctl ended with {ran.code}{_said(ran)}")


def _said(ran: programs.Ran) -> str:
    """What a program complained about, behind a colon, if it said anything."""
    return f": {ran.complaint}" if ran.complaint else ""


def _refuse_journal(ran: programs.Ran) -> None:
    said = ran.err.lower()
    if b"not seeing messages" in said or b"permission denied" in said or b"insufficient permissions" in said:
        raise ProbeError(
            Cause.DENIED, "the journal hides other users' messages", "usermod -aG systemd-journal, for who runs opsroom"
        )
    if ran.code != 0 and not ran.out:
        raise ProbeError(Cause.GARBAGE, f"journalctl ended with {ran.code}{_said(ran)}")
