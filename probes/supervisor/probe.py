"""Reads a supervisord: its processes, how they fare, why they died. Starting and stopping is done in `act`, not here.

A reading is two calls; supervisord's own log is read only when a process has died or been started again, because its
API does not say which signal ended one.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final

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
)
from probes.base.log import Times
from probes.base.logmerge import AHEAD, Order
from probes.supervisor.address import SupervisorSettings, connect, endpoint
from probes.supervisor.facts import Process, Service, Stage, SupervisorFacts, Use, exit_words
from probes.supervisor.gauges import RULES, SPECS, measured
from probes.supervisor.logs import Channel, Tail, follow, ordered
from probes.supervisor.memory import Death, Growth, Lives, parse_deaths
from probes.supervisor.rpc import Fault, Rpc
from probes.supervisor.use import Usage

SHOWN: Final = 500
"""Processes shown at most, those in trouble first."""
_SOCKETS: Final = ("/run/supervisor.sock", "/var/run/supervisor.sock", "/run/supervisor/supervisor.sock",
                   "/tmp/supervisor.sock")  # fmt: skip
_LOG: Final = 32 << 10
"""Bytes of supervisord's own log that are searched for deaths."""
_AGAIN: Final = 300.0
"""Seconds until something that was refused is asked for again."""
_TOGETHER: Final = 6
"""Logs followed together at most."""


@dataclass(frozen=True, slots=True)
class _Greeting:
    """What a supervisord says about itself when it is met."""

    version: SafeText
    identity: SafeText
    pid: int | None
    connection: int
    """Number of the connection it was met on."""


class SupervisorProbe(Probe[SupervisorFacts]):
    """One supervisord."""

    kind = "supervisor"
    settings_type = SupervisorSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, SupervisorSettings)
        self.settings = target.settings
        self._rpc: Rpc | None = None
        self._greeting: _Greeting | None = None
        self._pid: int | None = None
        self._lives = Lives()
        self._growth = Growth()
        self._usage = Usage()
        self._lane = Lane("supervisor", limit=2)
        self._deaths: dict[str, Death] = {}
        self._unread: tuple[Cause, float] | None = None
        self._log_wanted = False
        self._asked: set[tuple[str, int | None]] = set()
        self._shown: tuple[Process, ...] = ()

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """The socket supervisord makes where distributions and its own sample put it."""
        for path in _SOCKETS:
            if _is_open_socket(path):
                yield Found("processes", {"url": f"unix://{path}"}, f"there is a socket at {path}")
                return

    async def read(self) -> Snapshot[SupervisorFacts]:
        """Read all processes, once more when a kept connection turns out to be dead."""
        began = self.context.monotonic()
        met = self._greeting is not None
        try:
            return await self._read(began)
        except ProbeError as error:
            self._greeting = None
            if not met or error.cause not in (Cause.CLOSED_EARLY, Cause.RESET):
                self._drop()
                raise
        return await self._read(began)

    async def _read(self, began: float) -> Snapshot[SupervisorFacts]:
        self.doing = "connecting"
        rpc = await self._connected()
        state = await rpc.call("getState")
        if self._greeting is None or self._greeting.connection != rpc.connections:
            self._meet(await self._greet(rpc))
        assert self._greeting is not None
        self.doing = "reading"
        rows = await rpc.call("getAllProcessInfo")
        processes = self._processes(rows)
        gaps = await self._look_into_deaths(rpc, processes)
        processes = self._with_deaths(processes)
        shown = sorted(processes, key=_order)[:SHOWN]
        use = await self._use(shown)
        shown = [replace(one, use=use.get(one.key, one.use)) for one in shown]
        self._shown = tuple(shown)
        facts = SupervisorFacts(
            services=self._services(shown),
            more=len(processes) - len(shown),
            version=self._greeting.version,
            identity=self._greeting.identity,
            state=SafeText(str(_table(state).get("statename", ""))[:41], 40),
            pid=self._greeting.pid,
            here=bool(use),
        )
        return self.snapshot(facts, measured(facts), began, gaps)

    def looks(self) -> tuple[Look, ...]:
        """The logs."""
        return (
            Look("logs", "log of the process", follow=True, evidence=True),
            Look("errors", "standard error of the process", follow=True, evidence=True),
            Look("supervisord", "log of supervisord itself", evidence=True),
        )

    async def look(self, name: str, subject: str) -> Sheet:
        """Take one closer look."""
        if name == "supervisord":
            text = await (await self._connected()).call("readLog", -_LOG, 0)
            lines = str(text).splitlines()[1:] if len(str(text)) >= _LOG else str(text).splitlines()
            return Sheet("log of supervisord", tuple(SafeText.line(line) for line in lines))
        if name in ("logs", "errors"):
            tails = await self._tails(name, subject, await self._connected())
            news = [(tail, await tail.news()) for tail in tails]
            past = ordered(news, Order(), Times(self.context.now), self._wall() + AHEAD)
            return Sheet(f"last lines of {SafeText(subject, 60)}", tuple(past))
        return await super().look(name, subject)

    async def follow(self, name: str, subject: str) -> AsyncGenerator[SafeText, None]:
        """A process's log, or those of a service's processes together, each line with its process's name."""
        if name not in ("logs", "errors"):
            raise ProbeError(Cause.MISSING, f"supervisor cannot follow {name}")
        rpc = await self._new_rpc()
        try:
            tails = await self._tails(name, subject, rpc)
            several = follow(tails[:_TOGETHER], Times(self.context.now), self._wall)
            async with aclosing(several) as lines:
                if len(tails) > _TOGETHER:
                    yield SafeText(f"following {_TOGETHER} of {len(tails)} logs")
                async for line in lines:
                    yield line
        finally:
            await rpc.close()

    def _wall(self) -> float:
        return self.context.now().timestamp()

    def abort(self) -> None:
        """Cut the connection."""
        self._drop()

    async def close(self) -> None:
        """Let go of the connection."""
        rpc, self._rpc = self._rpc, None
        self._lane.close()
        if rpc is not None:
            await rpc.close()

    # connecting

    async def _connected(self) -> Rpc:
        if self._rpc is None:
            self._rpc = await self._new_rpc()
        return self._rpc

    async def _new_rpc(self) -> Rpc:
        return await connect(self.settings, self.context)

    def _drop(self) -> None:
        rpc, self._rpc = self._rpc, None
        self._greeting = None
        if rpc is not None:
            rpc.cut()

    async def _greet(self, rpc: Rpc) -> _Greeting:
        version = await rpc.call("getSupervisorVersion")
        if not isinstance(version, str):
            raise ProbeError(Cause.GARBAGE, f"{rpc.where} does not answer as supervisord does")
        identity = await rpc.call("getIdentification")
        pid = await rpc.call("getPID")
        return _Greeting(SafeText(version, 20), SafeText(str(identity)[:61], 60), _whole(pid), rpc.connections)

    def _meet(self, greeting: _Greeting) -> None:
        """Another supervisord than before starts everything anew: that is no restart of each process."""
        if greeting.pid != self._pid:
            self._lives, self._growth = Lives(), Growth()
        self._greeting, self._pid = greeting, greeting.pid

    # reading

    def _processes(self, rows: Any) -> list[Process]:
        if not isinstance(rows, list):
            raise ProbeError(Cause.GARBAGE, "supervisord does not list its processes as it should")
        now = self.context.monotonic()
        wanted = set(self.settings.groups)
        found: dict[str, Process] = {}
        for row in rows:
            one = parse_process(row)
            if one is None or (wanted and str(one.group) not in wanted):
                continue
            if self._lives.note(one.key, one.started, one.pid, now):
                self._log_wanted = True
            total, recent = self._lives.restarts(one.key, now)
            found[one.key] = replace(one, restarts=total, restarts_recent=recent)
        self._lives.keep(found)
        return list(found.values())

    async def _look_into_deaths(self, rpc: Rpc, processes: Sequence[Process]) -> list[Gap]:
        """Read supervisord's own log when there is a death to explain that it has not explained yet."""
        ended = [one for one in processes if one.dead or (one.stage is Stage.EXITED and one.exit_status)]
        dead = {(one.key, one.started) for one in ended}
        now = self.context.monotonic()
        refused = self._unread is not None and now - self._unread[1] < _AGAIN
        if (dead - self._asked or self._log_wanted) and not refused:
            self._log_wanted = False
            self._asked = dead
            await self._read_log(rpc, now)
        if self._unread is None or not (dead or any(one.restarts_recent for one in processes)):
            return []
        return [Gap("how processes died", self._unread[0], SafeText("supervisord's own log can't be read"))]

    async def _read_log(self, rpc: Rpc, now: float) -> None:
        try:
            text = await rpc.call("readLog", -_LOG, 0)
        except ProbeError as error:
            if not isinstance(error, Fault) and error.cause is not Cause.GARBAGE:
                raise
            self._unread = error.cause, now
            return
        self._unread = None
        self._deaths = parse_deaths(text if isinstance(text, str) else "")

    def _with_deaths(self, processes: list[Process]) -> list[Process]:
        """Each process with how it died; the log names it without its group, so only where that is unique."""
        names = Counter(str(one.name) for one in processes)
        return [
            _explained(one, self._deaths.get(str(one.name)) if names[str(one.name)] == 1 else None) for one in processes
        ]

    async def _use(self, processes: Sequence[Process]) -> dict[str, Use]:
        assert self._greeting is not None
        pids = {one.key: one.pid for one in processes if one.pid is not None}
        if self._greeting.pid is None or not pids or not self._may_be_here():
            return {}
        return await self._lane.run(self._usage.read, pids, self._greeting.pid, self.context.monotonic())

    def _may_be_here(self) -> bool:
        end = endpoint(self.settings, self.context.secrets)
        return end.scheme == "unix" or end.host in ("127.0.0.1", "localhost", "::1")

    def _services(self, processes: Sequence[Process]) -> tuple[Service, ...]:
        now = self.context.monotonic()
        grouped: dict[str, list[Process]] = {}
        for one in processes:
            grouped.setdefault(str(one.group), []).append(one)
        found = [Service(members[0].group, tuple(members)) for members in grouped.values()]
        self._growth.keep(grouped)
        return tuple(
            replace(one, growth=self._growth.note(str(one.name), _identity(one), one.memory, one.up, now))
            for one in found
        )

    async def _tails(self, name: str, subject: str, rpc: Rpc) -> list[Tail]:
        """A tail for each process that a subject names: a process or a whole service."""
        if not subject:
            raise ProbeError(Cause.MISSING, "a log belongs to one process or service: go to its line first")
        if not self._shown:
            self._shown = tuple(sorted(self._processes(await rpc.call("getAllProcessInfo")), key=_order))
        found = [one for one in self._shown if one.key == subject or str(one.group) == subject]
        if not found:
            raise ProbeError(Cause.GONE, f"there is no process {SafeText(subject, 60)} any more")
        channel: Channel = "Stdout" if name == "logs" else "Stderr"
        kept = [one for one in found if (one.has_log if name == "logs" else one.has_errors)]
        if not kept:
            what = "log" if name == "logs" else "log of errors apart"
            hint = "its errors may go into its log (redirect_stderr)" if name == "errors" else "stdout_logfile names it"
            raise ProbeError(Cause.MISSING, f"supervisord keeps no {what} of {SafeText(subject, 60)}", hint)
        many = len(kept) > 1
        return [Tail(rpc, one.key, channel, f"{one.name} │ " if many else "") for one in kept]


def parse_process(row: Any) -> Process | None:
    """One row of getAllProcessInfo, every part checked; None when it names no process."""
    row = _table(row)
    name, group = row.get("name"), row.get("group")
    if not isinstance(name, str) or not isinstance(group, str) or not name:
        return None
    stage = _stage(row.get("state"))
    start, stop, now = _whole(row.get("start")), _whole(row.get("stop")), _whole(row.get("now"))
    alive = stage in (Stage.RUNNING, Stage.STARTING, Stage.STOPPING)
    status = row.get("exitstatus")
    ended = isinstance(status, int) and not isinstance(status, bool) and stage is Stage.EXITED
    return Process(
        group=SafeText(group, 80),
        name=SafeText(name, 80),
        stage=stage,
        pid=_whole(row.get("pid")) if alive else None,
        started=start,
        up=_since(start, now) if alive else None,
        down=_since(stop, now) if not alive else None,
        exit_status=status if ended else None,
        died=exit_words(status) if ended and isinstance(status, int) and status != 0 else "",
        trouble=SafeText(_text(row.get("spawnerr")), 200),
        has_log=bool(_text(row.get("stdout_logfile"))),
        has_errors=bool(_text(row.get("stderr_logfile"))),
    )


def _explained(one: Process, death: Death | None) -> Process:
    if death is None:
        return one
    if one.stage is Stage.EXITED:
        by_signal = one.exit_status == -1
        return replace(one, died=death.words if by_signal else one.died, expected=death.expected)
    return replace(one, died=death.words)


def _order(one: Process) -> tuple[int, str, str]:
    """The worst first: dead, then what is on its way, then what runs, then what should not."""
    rank = 0 if one.dead else 1 if one.stage is Stage.STARTING else 2 if one.running else 3
    return rank, str(one.group), str(one.name)


def _identity(service: Service) -> object:
    return tuple(sorted((one.key, one.pid) for one in service.processes))


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _whole(value: Any) -> int | None:
    """A positive number, or None: supervisord writes 0 for "not yet"."""
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        return None
    return value


def _text(value: Any) -> str:
    return value[:1000] if isinstance(value, str) else ""


def _since(then: int | None, now: int | None) -> float | None:
    """Seconds by the server's own clock; one that was set back gives none."""
    return float(now - then) if then is not None and now is not None and now >= then else None


def _stage(value: Any) -> Stage:
    try:
        return Stage(value)
    except ValueError:
        return Stage.UNKNOWN


def _is_open_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode) and os.access(path, os.R_OK | os.W_OK)
    except OSError:
        return False
