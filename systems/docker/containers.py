"""A container of a played Engine: a process of this machine, with its log, its check, its restarts and its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from systems.docker.checks import Check
from systems.docker.images import Doc, Image, stamp

KEPT: Final = 5000
"""Lines kept of a log."""
GRACE: Final = 10.0
"""Seconds between the polite signal and the kill where a container sets none."""
_FIRST_PAUSE: Final = 0.1
"""Seconds before the first restart by policy; each further one waits twice as long, a minute at most."""
_LONGEST_PAUSE: Final = 60.0
_CALM: Final = 10.0
"""Seconds of life after which the pause is short again."""
_BEAT: Final = 0.2
"""Seconds between two looks for what is new."""
_LINE: Final = 1 << 16
_ENTRY: Final = (sys.executable, "-I", "-S", str(Path(__file__).with_name("entry.py")))


class Line(NamedTuple):
    """A line of a log."""

    at: datetime
    stream: int
    """1 output, 2 errors."""
    text: bytes
    """With its end."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a container was made with, as whoever made it said."""

    name: str
    config: Doc
    host: Doc
    networks: Doc

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return dict(self.config.get("Labels") or {})

    @property
    def grace(self) -> float:
        """Seconds it is given to end."""
        said = self.config.get("StopTimeout")
        return GRACE if said is None else float(said)

    @property
    def policy(self) -> tuple[str, int]:
        """Which ends its restart policy answers with a start, and how often at most; 0: without an end."""
        said = self.host.get("RestartPolicy") or {}
        return said.get("Name") or "no", said.get("MaximumRetryCount") or 0


Note = Callable[["Container", str, Mapping[str, str]], None]
"""Tells the Engine what happened to a container: an action, and more about it."""


class Container:
    """One of them, from its creation to its removal."""

    def __init__(self, given: Given, image: Image, folder: Path, note: Note) -> None:
        self.id = secrets.token_hex(32)
        self.given = given
        self.name = given.name
        self.image = image
        self.created = datetime.now(UTC)
        self.state = "created"
        self.started: datetime | None = None
        self.finished: datetime | None = None
        self.exit_code = 0
        self.out_of_memory = False
        self.restarts = 0
        self.check: Check | None = None
        self.lines: deque[Line] = deque(maxlen=KEPT)
        self.said = 0
        """Lines it has written in all."""
        self._folder = folder
        self._note = note
        self._process: asyncio.subprocess.Process | None = None
        self._life: asyncio.Task[None] | None = None
        self._ending = False
        """Somebody asked for its end, so that no policy answers it."""

    @property
    def is_up(self) -> bool:
        """It runs, or waits for its next start."""
        return self.state in ("running", "restarting")

    @property
    def pid(self) -> int:
        """Of its process; 0 while there is none."""
        return self._process.pid if self._process is not None and self.state == "running" else 0

    @property
    def memory(self) -> int:
        """Bytes it may hold; 0: no limit."""
        return int(self.given.host.get("Memory") or 0)

    def environment(self) -> dict[str, str]:
        """What its image and its maker set; the names of this machine's own are beside it for its process."""
        said = dict(one.partition("=")[::2] for one in self.given.config.get("Env") or [])
        return {**self.image.environment, **said}

    # what is done to it

    async def start(self) -> bool:
        """False when it runs already."""
        if self.is_up:
            return False
        self.restarts, self._ending, self.out_of_memory = 0, False, False
        await self._begin()
        self._life = asyncio.create_task(self._live())
        return True

    async def stop(self, grace: float | None = None) -> bool:
        """Ask it to end, and kill it after its time; False when it does not run."""
        if not self.is_up:
            return False
        await self._end(int(getattr(signal, self.given.config.get("StopSignal") or "SIGTERM")), grace)
        self._note(self, "stop", {})
        return True

    async def restart(self, grace: float | None = None) -> None:
        """Stop it and start it; what does not run is started."""
        await self.stop(grace)
        await self.start()
        self._note(self, "restart", {})

    async def kill(self, number: int) -> bool:
        """Send a signal; False when it does not run. What ends by it stays so."""
        if self.state != "running" or self._process is None:
            return False
        self._ending = self._ending or number in (signal.SIGKILL, signal.SIGTERM)
        self._note(self, "kill", {"signal": str(number)})
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        return True

    async def close(self) -> None:
        """End it at once."""
        if self.is_up:
            await self._end(signal.SIGKILL, 0)

    async def ended(self) -> int:
        """Wait for its end; the code it ended with."""
        while self.is_up:
            await asyncio.sleep(_BEAT)
        return self.exit_code

    async def _end(self, number: int, grace: float | None) -> None:
        self._ending = True
        life = self._life
        assert life is not None
        if self.state == "restarting":
            life.cancel()
            self.state = "exited"
            return
        await self.kill(number)
        grace = self.given.grace if grace is None else grace
        done, _ = await asyncio.wait([life], timeout=None if grace < 0 else grace)
        if not done:
            await self.kill(signal.SIGKILL)
            await asyncio.wait([life])

    # its life

    async def _begin(self) -> None:
        words = [*(self.given.config.get("Entrypoint") or self.image.argv), *(self.given.config.get("Cmd") or [])]
        self._process = await asyncio.create_subprocess_exec(
            *_ENTRY,
            str(os.getpid()),
            *words,
            cwd=self._folder,
            env={**os.environ, **self.environment(), "HOSTNAME": self.id[:12]},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE,
            start_new_session=True,
        )
        self.state, self.started = "running", datetime.now(UTC)
        self._note(self, "start", {})

    async def _live(self) -> None:
        """Run after run, until one ends that nothing answers."""
        pause = _FIRST_PAUSE
        while True:
            began = time.monotonic()
            await self._run()
            if not self._comes_back():
                self.state = "exited"
                return
            self.state = "restarting"
            pause = _FIRST_PAUSE if time.monotonic() - began > _CALM else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            self.restarts += 1
            await self._begin()

    async def _run(self) -> None:
        """One run to its end."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        assert process.stderr is not None
        reading = [
            asyncio.create_task(self._read(process.stdout, 1)),
            asyncio.create_task(self._read(process.stderr, 2)),
        ]
        beside = [asyncio.create_task(self._mind())]
        test = (self.given.config.get("Healthcheck") or {}).get("Test") or ["NONE"]
        self.check = Check(self.given.config["Healthcheck"], self.environment()) if test[0] != "NONE" else None
        if self.check is not None:
            beside.append(asyncio.create_task(self.check.live(partial(self._note, self))))
        code = await process.wait()
        for task in beside:
            task.cancel()
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)  # what it left behind goes with it
        await asyncio.wait(reading, timeout=2)
        self.exit_code, self.finished = (code if code >= 0 else 128 - code), datetime.now(UTC)
        self._note(self, "die", {"exitCode": str(self.exit_code)})

    def _comes_back(self) -> bool:
        name, most = self.given.policy
        if self._ending or name == "no":
            return False
        return name != "on-failure" or (self.exit_code != 0 and (not most or self.restarts < most))

    async def _read(self, stream: asyncio.StreamReader, number: int) -> None:
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than anybody would read
                continue
            if not line:
                return
            self.lines.append(Line(datetime.now(UTC), number, line.rstrip(b"\r\n") + b"\n"))
            self.said += 1

    async def _mind(self) -> None:
        """As the kernel does: who holds more memory than he may is killed."""
        while self.memory:
            await asyncio.sleep(_BEAT)
            if self.pid and used(self.pid)[1] > self.memory:
                self.out_of_memory = True
                self._note(self, "oom", {})
                with contextlib.suppress(OSError):
                    os.killpg(self.pid, signal.SIGKILL)
                return

    # its log

    async def log(
        self, tail: int | None, since: float, follow: bool, written: Callable[[Line], bytes]
    ) -> AsyncGenerator[bytes, None]:
        """What it has written, at most the last `tail` lines, and on request what it writes until it ends."""
        kept = [line for line in self.lines if line.at.timestamp() >= since]
        said = self.said
        yield b"".join(map(written, kept if tail is None else kept[max(0, len(kept) - tail) :]))
        while follow and (self.is_up or said < self.said):
            fresh, said = min(self.said - said, len(self.lines)), self.said
            yield b"".join(map(written, list(self.lines)[-fresh:] if fresh else []))
            await asyncio.sleep(_BEAT)

    def told(self) -> Doc:
        """Its state, as an inspection tells it."""
        found: Doc = {
            "Status": self.state, "Running": self.is_up, "Paused": False, "Restarting": self.state == "restarting",
            "OOMKilled": self.out_of_memory, "Dead": False, "Pid": self.pid, "Error": "",
            "ExitCode": 0 if self.state == "running" else self.exit_code,
            "StartedAt": stamp(self.started), "FinishedAt": stamp(self.finished),
        }  # fmt: skip
        return found | ({"Health": self.check.told()} if self.check is not None else {})


def used(pid: int) -> tuple[float, int, int]:
    """Seconds of cpu, bytes of memory and number of processes, of one and what it has started; 0 when it is gone."""
    import psutil

    seconds, memory, number = 0.0, 0, 0
    with contextlib.suppress(psutil.Error):
        first = psutil.Process(pid)
        for one in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.Error), one.oneshot():
                times = one.cpu_times()
                seconds += times.user + times.system
                memory += one.memory_info().rss
                number += 1
    return seconds, memory, number


def sample(pid: int) -> dict[str, Any]:
    """What it uses now, as the Engine's statistics count it: nanoseconds of its own, and of all cores together."""
    import psutil

    seconds, memory, number = used(pid) if pid else (0.0, 0, 0)
    machine = sum(psutil.cpu_times()[:8])
    return {
        "cpu": {
            "cpu_usage": {"total_usage": int(seconds * 1e9), "usage_in_kernelmode": 0, "usage_in_usermode": 0},
            "system_cpu_usage": int(machine * 1e9),
            "online_cpus": psutil.cpu_count() or 1,
            "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
        },
        "memory": {"usage": memory, "stats": {"inactive_file": 0}} if pid else {},
        "pids": {"current": number} if pid else {},
    }
