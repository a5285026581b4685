"""Reads the machine itself, from the kernel's own files. No rights are needed for most of it; nothing is changed.

Small files, process table and disks are read side by side in a thread each, so that a stuck process or disk costs
its own part only, which is then named as a gap.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import ClassVar, Final, TypeVar

from pydantic import Field, model_validator

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
    Settings,
    Sheet,
    Snapshot,
    Target,
)
from probes.exec.ssh import Destination
from probes.host.disks import Mount, RemoteMounts, Space, ask, gather_disks, parse_mounts
from probes.host.facts import Disk, HostFacts, Kills
from probes.host.gauges import RULES, SPECS, measured
from probes.host.kernel_log import Kill, parse_kills, read_log, tail
from probes.host.listening import listening
from probes.host.numbers import real, slurp
from probes.host.portable import ABSENT, PortableHost
from probes.host.processes import ProcessTable, Sweep
from probes.host.remote import RemoteHost
from probes.host.system import System, SystemFiles

T = TypeVar("T")

_PART: Final = 2.0
"""Seconds one part may take before the reading goes on without it."""
_RECENT: Final = 300.0
"""Seconds an out-of-memory kill is worth an alert."""
_LINES: Final = 400
"""Lines of the kernel log that a look shows."""


class HostSettings(Settings):
    """A machine: the one Opsroom runs on, or another one by ssh."""

    ssh: Destination | None = Field(
        None, description="Another machine: a Host of your ssh configuration, or user@host. Nothing is installed there."
    )
    proc: str = Field("/proc", description="Folder of the kernel's files, when the host's is mounted elsewhere.")
    cgroup: str = Field("/sys/fs/cgroup", description="Folder of our own control group.")
    kernel_log: str = Field("/dev/kmsg", description="The kernel's log, for the names of killed processes.")
    processes: int = Field(200, ge=1, le=500, description="Processes shown at most.")
    ignore: tuple[str, ...] = Field((), description="Paths of mounted file systems to leave alone.")

    @model_validator(mode="after")
    def _of_one_machine(self) -> HostSettings:
        if self.ssh is not None and (given := {"proc", "cgroup", "kernel_log"} & self.model_fields_set):
            raise ValueError(f"ssh reads another machine, {min(given)} is a path on this one: take one of them out")
        return self


class OutOfMemory:
    """Remembers when the kernel killed something, from its counter and, where it may be read, its log."""

    def __init__(self, log: str) -> None:
        self._log = log
        self._total: float | None = None
        self._grown: list[tuple[float, int]] = []
        """(seconds after boot, kills) of each growth of the counter that we saw."""
        self._named: list[Kill] = []
        self._begun = False

    def judge(self, total: float | None, contained: float | None, uptime: float | None) -> Kills:
        """What is known now. Blocking: reads the kernel log at first and when the counter has grown."""
        if uptime is None:
            return Kills(total, contained)
        more = 0 if total is None or self._total is None else int(max(total - self._total, 0))
        self._total = total
        if more:
            self._grown.append((uptime, more))
        if more or not self._begun:
            self._begun = True
            self._named = parse_kills(read_log(self._log) or b"")[-50:]
        self._grown = [kill for kill in self._grown if uptime - kill[0] <= _RECENT]
        return self._told(total, contained, uptime)

    def _told(self, total: float | None, contained: float | None, uptime: float) -> Kills:
        named = [kill for kill in self._named if 0 <= uptime - kill.after <= _RECENT]
        recent = max(len(named), sum(count for _, count in self._grown))
        last = max([kill.after for kill in named] + [at for at, _ in self._grown], default=None)
        victim = SafeText(f"{named[-1].name} (pid {named[-1].pid})") if named else SafeText()
        return Kills(total, contained, recent, None if last is None else max(uptime - last, 0.0), victim)


class HostProbe(Probe[HostFacts]):
    """One machine: the one Opsroom runs on, or another one over ssh."""

    kind = "host"
    settings_type = HostSettings
    gauges = SPECS
    rules = RULES
    linux: ClassVar[bool] = sys.platform == "linux"

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        settings = target.settings
        assert isinstance(settings, HostSettings)
        self.settings = settings
        self.doing = "reading"
        self._files = SystemFiles(settings.proc, settings.cgroup)
        self._table = ProcessTable(settings.proc)
        self._memory = OutOfMemory("" if settings.ssh else settings.kernel_log)
        self._far = RemoteHost(settings.ssh, settings.processes, settings.ignore) if settings.ssh else None
        self._remote = RemoteMounts()
        self._portable = PortableHost()
        self._lanes = {part: Lane(f"host-{part}", limit=1) for part in ("system", "processes", "disks", "look")}

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """This machine: it is always there."""
        del environ
        return (Found("local", {}, "the machine this runs on"),)

    async def read(self) -> Snapshot[HostFacts]:
        """Read the machine once; a part that hangs or is missing becomes a gap."""
        began = self.context.monotonic()
        if self._far is not None:
            facts, gaps = await self._over_ssh(self._far, began)
        else:
            facts, gaps = await (self._from_kernel(began) if self.linux else self._from_psutil(began))
        return self.snapshot(facts, measured(facts), began, gaps)

    async def close(self) -> None:
        """Let go of threads and helpers."""
        await self._remote.close()
        if self._far is not None:
            await self._far.close()
        for lane in self._lanes.values():
            lane.close()

    def looks(self) -> tuple[Look, ...]:
        """The kernel's log, and who listens, of this machine where it runs Linux."""
        local = self.linux and self._far is None
        return (
            (
                Look("kernel", "kernel log", evidence=True),
                Look("ports", "ports that somebody listens on", evidence=True),
            )
            if local
            else ()
        )

    async def look(self, name: str, subject: str) -> Sheet:
        """The newest lines of the kernel's log, each with the seconds after boot; or who listens where."""
        if name not in {one.name for one in self.looks()}:
            return await super().look(name, subject)
        if name == "ports":
            lines = await self._lanes["look"].run(listening, self.settings.proc)
            return Sheet("port, how, address, who listens", tuple(lines) or (SafeText("nobody listens"),))
        raw = await self._lanes["look"].run(read_log, self.settings.kernel_log)
        if raw is None:
            raise ProbeError(
                Cause.DENIED, "the kernel log may not be read", "it needs root or the capability CAP_SYSLOG"
            )
        newest, dropped = tail(raw, _LINES)
        return Sheet("kernel log, seconds after boot", tuple(newest), dropped)

    async def _from_psutil(self, at: float) -> tuple[HostFacts, list[Gap]]:
        gaps = [Gap(part, Cause.MISSING, SafeText("only Linux gives this")) for part in ABSENT]
        facts, disks = await asyncio.gather(
            self._lanes["system"].run(self._portable.read, at, self.settings.processes),
            self._part("disks", gaps, self._portable.disks),
        )
        return replace(facts, disks=disks or ()), gaps

    async def _from_kernel(self, at: float) -> tuple[HostFacts, list[Gap]]:
        gaps: list[Gap] = []
        (system, kills), sweep, local = await asyncio.gather(
            self._lanes["system"].run(self._small_files, at),
            self._part("processes", gaps, self._sweep, at),
            self._part("disks", gaps, self._local_disks),
        )
        if system.blank:
            raise ProbeError(Cause.MISSING, "the kernel tells nothing here", "is /proc mounted?")
        mounts, answers = local or ([], {})
        disks, dropped = await gather_disks(mounts, answers, self._remote, system.traffic, at)
        gaps += _gaps(system, kills)
        return _facts(system, kills, sweep, disks, dropped), gaps

    async def _over_ssh(self, far: RemoteHost, at: float) -> tuple[HostFacts, list[Gap]]:
        self.doing = "connecting"
        await far.way.line()
        self.doing = "reading"
        told = await far.read(at, self.settings.timeout * 0.96)
        if told.again:
            self._memory = OutOfMemory("")
        kills = self._memory.judge(told.system.kills, None, told.system.uptime)
        gaps = [*_gaps(told.system, kills, "the kernel log is not read over ssh"), *told.gaps]
        facts = _facts(told.system, kills, told.sweep, told.disks, told.dropped)
        return replace(facts, over=SafeText(f"ssh {far.way.destination}", 120), machine=told.machine), gaps

    async def _part(self, part: str, gaps: list[Gap], call: Callable[..., T], *args: object) -> T | None:
        """What the call gives, or None and a gap when it doesn't answer in time."""
        try:
            async with asyncio.timeout(_PART):
                return await self._lanes[part].run(call, *args)
        except TimeoutError:
            gaps.append(Gap(part, Cause.TIMEOUT_READ, SafeText(f"no answer within {_PART:g} s")))
        except ProbeError as error:
            gaps.append(Gap(part, error.cause, error.message))
        return None

    def _small_files(self, at: float) -> tuple[System, Kills]:
        system = self._files.read(at)
        return system, self._memory.judge(system.kills, system.kills_contained, system.uptime)

    def _sweep(self, at: float) -> Sweep | None:
        uptime = real(((slurp(self.settings.proc + "/uptime") or b"").split() or [b""])[0])
        return self._table.sweep(at, uptime, self.settings.processes)

    def _local_disks(self) -> tuple[list[Mount], dict[bytes, Space | SafeText]]:
        left = {os.fsencode(path) for path in self.settings.ignore}
        raw = slurp(self.settings.proc + "/self/mountinfo")
        mounts = [mount for mount in parse_mounts(raw) if mount.path not in left]
        return mounts, ask([mount for mount in mounts if mount.local])


def _gaps(system: System, kills: Kills, log: str = "the kernel log needs root") -> list[Gap]:
    gaps = [Gap(part, Cause.MISSING, SafeText("the kernel does not tell")) for part in system.missing]
    if system.hides_processes:
        gaps.append(Gap("other users' processes", Cause.DENIED, SafeText("/proc is mounted with hidepid")))
    if kills.recent and not kills.victim:
        gaps.append(Gap("names of killed processes", Cause.DENIED, SafeText(log)))
    return gaps


def _facts(system: System, kills: Kills, sweep: Sweep | None, disks: tuple[Disk, ...], dropped: int) -> HostFacts:
    return HostFacts(
        name=system.name,
        kernel=system.kernel,
        cores=system.cores,
        cpu=system.cpu,
        load=system.load,
        memory=system.memory,
        pressure=system.pressure,
        disks=disks,
        disks_dropped=dropped,
        interfaces=system.interfaces,
        sockets=system.sockets,
        files_open=system.files_open,
        files_limit=system.files_limit,
        processes=sweep.rows if sweep else (),
        tally=sweep.tally if sweep else None,
        biggest=sweep.biggest if sweep else None,
        kills=kills,
        uptime=system.uptime,
    )
