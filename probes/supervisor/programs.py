"""A fresh look at a supervisord before an act: which one it is, its processes, how each is started and stopped."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from probes.base import Cause, Identity, ProbeError, SafeText
from probes.supervisor.facts import Process
from probes.supervisor.probe import parse_process
from probes.supervisor.rpc import Fault, Rpc
from probes.supervisor.verdict import expected


@dataclass(frozen=True, slots=True)
class Program:
    """What the configuration says about a process; of the rest of it, which may hold secrets, nothing is kept."""

    start: float = 1.0
    """Seconds it must stay up to count as running."""
    tries: int = 3
    """Times supervisord tries again when it does not."""
    stop: float = 10.0
    """Seconds it may take to end before it is killed."""
    signal: int = 15
    exits: tuple[int, ...] = (0,)
    """Exit codes that are no trouble."""
    by_itself: bool = False
    """True when supervisord starts it at its own start."""
    rank: tuple[int, int] = (999, 999)
    """Its group's place and its own in the order of starting."""

    @property
    def signal_name(self) -> str:
        """SIGTERM, or the number of one that has no name."""
        try:
            return signal.Signals(self.signal).name
        except ValueError:
            return f"signal {self.signal}"

    @property
    def starting(self) -> float:
        """Seconds until all tries to start it are over; the pause grows by one each time. Ten minutes at most."""
        return min(600.0, self.start * (self.tries + 1) + self.tries * (self.tries + 1) / 2)


@dataclass(frozen=True, slots=True)
class Seen:
    """A supervisord as it was found."""

    version: str
    pin: Identity
    processes: Mapping[str, Process]
    programs: Mapping[str, Program]

    def program(self, key: str) -> Program:
        """How a process is started and stopped; supervisord's own defaults where it does not tell."""
        return self.programs.get(key, Program())

    def group(self, name: str) -> list[Process]:
        """The processes of a service."""
        return [one for one in self.processes.values() if str(one.group) == name]


async def see(rpc: Rpc, groups: Sequence[str]) -> Seen:
    """Look at everything, or at these groups only. Raises `ProbeError`."""
    version = await rpc.call("getSupervisorVersion")
    pin = await pin_of(rpc)
    rows = await rpc.call("getAllProcessInfo")
    programs = await _programs(rpc)
    if not isinstance(rows, list) or not isinstance(version, str):
        raise ProbeError(Cause.GARBAGE, f"{rpc.where} does not answer as supervisord does")
    found: dict[str, Process] = {}
    for row in rows:
        one = parse_process(row)
        if one is not None and (not groups or str(one.group) in groups):
            found[one.key] = expected(one, programs.get(one.key, Program()).exits)
    return Seen(str(SafeText(version, 20)), pin, found, programs)


async def pin_of(rpc: Rpc) -> Identity:
    """Which supervisord answers, by whatever address. Raises `ProbeError`."""
    pid, name = await rpc.call("getPID"), await rpc.call("getIdentification")
    if not isinstance(pid, int) or not isinstance(name, str):
        raise ProbeError(Cause.GARBAGE, f"{rpc.where} does not answer as supervisord does")
    return (("supervisord", str(pid)), ("identifier", str(SafeText(name, 60))))


async def _programs(rpc: Rpc) -> dict[str, Program]:
    """By full name; nothing where supervisord is too old to tell."""
    try:
        rows = await rpc.call("getAllConfigInfo")
    except Fault:
        return {}
    found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {f"{SafeText(str(row.get('group')), 80)}:{SafeText(str(row.get('name')), 80)}": _of(row) for row in found}


def _of(row: Mapping[str, Any]) -> Program:
    def number(name: str, default: int) -> int:
        value = row.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 86400 else default

    exits = row.get("exitcodes")
    return Program(
        start=number("startsecs", 1),
        tries=min(number("startretries", 3), 100),
        stop=number("stopwaitsecs", 10),
        signal=number("stopsignal", 15),
        exits=tuple(code for code in exits if isinstance(code, int)) if isinstance(exits, list) else (0,),
        by_itself=row.get("autostart") is True,
        rank=(number("group_prio", 999), number("process_prio", 999)),
    )
