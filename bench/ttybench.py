"""One program in a pty, measured: start, steady state, keys, a hung backend, quit.

Output is time-stamped when it is read and parsed later, in the pauses, so that the slow emulator neither delays a
time stamp nor takes CPU from the program while it is measured. It must never leave a program behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import random
import re
import select
import shlex
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from bench.vt import MUST_RESET, Responder, VtScreen, encode_key

COLUMNS: Final = 160
ROWS: Final = 48

BURST_GAP: Final = 0.005
"""Seconds: output closer together than this is one burst of writing."""
IDLE_GAP: Final = 0.040
"""Seconds: output that pauses this long has finished its frame."""
LATE: Final = 0.250
"""Seconds after which a key counts as late."""
PACE: Final = (0.6, 1.4)
"""The pause between two keys varies by these factors, so that it never beats with a refresh."""

_DROPPED = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "TMUX", "TMUX_PANE", "NO_COLOR", "COLUMNS", "LINES")


@dataclass(frozen=True, slots=True)
class Program:
    """What is run and how it is recognised."""

    name: str
    command: str
    """Split as a shell would, without a shell."""
    ready: str
    """Expression that matches the screen's lines as soon as live data is visible."""
    keys: tuple[str, ...] = ("down", "up")
    """Sent in turn; `KEY=>EXPRESSION` waits until the screen matches, `KEY=>!EXPRESSION` until it does not."""
    quit: str = "q"
    setup: tuple[str, ...] = ()
    """Keys sent once after the start."""
    rows: tuple[int, int] | None = None
    """Only changes in these rows count as the answer to a key."""
    hang_keys: tuple[str, ...] = ()
    """The keys while the backend hangs; none: `keys`."""
    hang_every: float = 0.5
    """Seconds between those keys."""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of output and when it was read."""

    at: float
    data: bytes


class CannotRun(Exception):
    """A program could not be executed."""


class Session:
    """One run of a program in a pty; every piece of output is kept with its time."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.screen = VtScreen(COLUMNS, ROWS)
        self.responder = Responder(COLUMNS, ROWS)
        self.chunks: list[Chunk] = []
        self.exit_code: int | None = None
        self._parsed = 0
        self._ended = False
        self.pid, self._terminal, self.started = _spawn(program)
        self._poll = select.poll()
        self._poll.register(self._terminal, select.POLLIN)

    def pump(self, seconds: float, *, idle: float | None = None) -> None:
        """Read, and never parse, for a time; with `idle`, until output pauses that long."""
        deadline = time.perf_counter() + seconds
        last: float | None = None
        while not self._ended:
            now = time.perf_counter()
            limit = deadline if idle is None or last is None else min(deadline, last + idle)
            if now >= limit:
                return
            if self._poll.poll(max(0.0, (limit - now) * 1000)) and self._read():
                last = self.chunks[-1].at

    def _read(self) -> bool:
        try:
            data = os.read(self._terminal, 65536)
        except OSError:
            data = b""
        if not data:
            self._ended = True
            return False
        self.chunks.append(Chunk(time.perf_counter(), data))
        reply = self.responder.answer(data, self._cursor)
        if reply:
            os.write(self._terminal, reply)
        return True

    def _cursor(self) -> tuple[int, int]:
        for _ in self.replay():
            pass
        return self.screen.cursor()

    def replay(self, watch: range | None = None) -> Iterator[tuple[Chunk, bool]]:
        """Parse what was read and not parsed yet: each piece, and whether it changed the screen."""
        while self._parsed < len(self.chunks):
            chunk = self.chunks[self._parsed]
            self._parsed += 1
            yield chunk, self.screen.feed(chunk.data, watch)

    def catch_up(self) -> None:
        """Parse all pending output and forget the bytes."""
        for _ in self.replay():
            pass
        self.chunks.clear()
        self._parsed = 0

    def send(self, key: str) -> float:
        """Send one key; the time of the write."""
        flags = self.responder.key_flags[-1] if self.responder.key_flags else 0
        data = encode_key(key, key_flags=flags, application="1" in self.screen.modes)
        at = time.perf_counter()
        os.write(self._terminal, data)
        return at

    @property
    def alive(self) -> bool:
        """False once the program has ended; then `exit_code` is known."""
        if self.exit_code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.exit_code = os.waitstatus_to_exitcode(status)
        return self.exit_code is None

    def quit(self, timeout: float = 5.0) -> float | None:
        """Send the quit keys; seconds from the last one until the process was gone, None when it had to be killed."""
        at = time.perf_counter()
        with contextlib.suppress(OSError):
            for index, key in enumerate(self.program.quit.split()):
                self.pump(0.3 if index else 0.0)
                at = self.send(key)
        took: float | None = None
        while took is None and time.perf_counter() - at < timeout:
            self.pump(0.005)
            if self._ended:
                time.sleep(0.001)
            if not self.alive:
                took = time.perf_counter() - at
        self.close()
        return took

    def close(self) -> None:
        """End the program, whatever it does, with its process group."""
        for one in (signal.SIGTERM, signal.SIGKILL):
            if not self.alive:
                break
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, one)
                os.killpg(self.pid, signal.SIGCONT)
            self._wait(1.0)
        for _ in self.replay():
            pass
        with contextlib.suppress(OSError):
            os.close(self._terminal)

    def _wait(self, seconds: float) -> None:
        deadline = time.perf_counter() + seconds
        while self.alive and time.perf_counter() < deadline:
            self.pump(0.01)
            if self._ended:
                time.sleep(0.01)

    def modes_left(self) -> list[str]:
        """Terminal modes the program should have switched off, and did not."""
        return sorted(self.screen.modes & MUST_RESET)


def _environment(program: Program) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in _DROPPED}
    terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    return {**kept, **terminal, **program.environment}


def _spawn(program: Program) -> tuple[int, int, float]:
    """Start the program in a new pty; its pid, our end of the pty and the time of its exec."""
    arguments = shlex.split(program.command)
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    # A session leader's first terminal becomes its controlling one: so it is opened by the child, not passed on.
    files = [(os.POSIX_SPAWN_OPEN, 0, os.ttyname(theirs), os.O_RDWR, 0)]
    copies = [(os.POSIX_SPAWN_DUP2, 0, number) for number in (1, 2)]
    try:
        pid = os.posix_spawnp(
            arguments[0],
            arguments,
            _environment(program),
            file_actions=[*files, *copies],
            setsid=True,
            setsigdef=[signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE],
        )
    except OSError as error:
        os.close(ours)
        raise CannotRun(f"cannot run {arguments[0]}: {error.strerror}") from None
    finally:
        os.close(theirs)
    return pid, ours, time.perf_counter()


@dataclass(slots=True)
class Start:
    """Milliseconds from the exec; None where it never came."""

    first_byte: float | None = None
    first_paint: float | None = None
    ready: float | None = None
    cpu: float | None = None
    """CPU milliseconds of the process tree until live data."""


@dataclass(frozen=True, slots=True)
class Steady:
    """A program left alone for a while."""

    cpu: float
    """Per cent of one core, whole process tree."""
    rss: float
    """Megabytes, whole process tree."""
    bytes_s: float
    wakeups_s: float
    """Voluntary context switches of all threads."""
    noise: float
    """Per cent of one core used by everything else but the backend."""
    backend: float | None
    """Per cent of one core used by the database server."""


@dataclass(slots=True)
class Keys:
    """Milliseconds from a key to the first visible change."""

    samples: list[float] = field(default_factory=list)
    missed: int = 0
    """Keys without a visible change before the time ran out."""


@dataclass(slots=True)
class Hang:
    """Keys pressed at a fixed pace while the backend hangs."""

    pressed: int
    late: int
    """Answered after 250 ms, or not while it hung."""
    longest: float
    """Seconds the screen stayed deaf at most."""
    screen: str
    """What one saw at the end."""
    quit: float | None = None
    """Milliseconds; None: it did not leave in time and was killed."""


@dataclass(slots=True)
class Run:
    """One full run of one program."""

    start: Start
    steady: Steady | None = None
    keys: Keys | None = None
    quit: float | None = None
    """Milliseconds; None: killed."""
    modes_left: list[str] = field(default_factory=list)
    spin: float = 0.0
    """Milliseconds of a fixed loop just before: the machine's speed."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long each part of a run takes."""

    settle: float
    steady: float
    keys: int
    pause: float
    ready_timeout: float = 20.0
    key_timeout: float = 3.0


def _family(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def tree_cpu(pid: int) -> float:
    """CPU seconds of a process tree so far, its reaped children included."""
    total = 0.0
    for process in _family(pid):
        with contextlib.suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])
    return total


def tree_wakeups(pid: int) -> int:
    """Voluntary context switches of all threads of a process tree so far (Linux; elsewhere 0)."""
    total = 0
    for process in _family(pid):
        for status in Path(f"/proc/{process.pid}/task").glob("*/status"):
            with contextlib.suppress(OSError):
                match = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status.read_text(), re.MULTILINE)
                total += int(match[1]) if match else 0
    return total


def tree_rss(pid: int) -> float:
    """Megabytes of resident memory of a process tree."""
    total = 0
    for process in _family(pid):
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total / 1e6


def machine_cpu() -> float:
    """CPU seconds the whole machine has used since it started."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0) + getattr(times, "guest", 0) + getattr(times, "guest_nice", 0)
    return float(sum(times) - idle)


def spin() -> float:
    """Best milliseconds of a fixed loop: how fast the machine is right now."""

    def once() -> float:
        began = time.perf_counter()
        for _ in range(100_000):
            pass
        return time.perf_counter() - began

    return 1000 * min(once() for _ in range(5))


def wait_for_quiet(limit: float, patience: float) -> None:
    """Wait until the machine has used less than `limit` per cent of a core for a second, or patience is over."""
    deadline = time.perf_counter() + patience
    while time.perf_counter() < deadline:
        before = machine_cpu()
        time.sleep(1.0)
        if 100 * (machine_cpu() - before) < limit:
            return


def measure_start(session: Session, timeout: float) -> Start:
    """Run until live data is on the screen, or the time is over."""
    ready = re.compile(session.program.ready, re.MULTILINE)
    result = Start()
    deadline = session.started + timeout
    while result.ready is None and time.perf_counter() < deadline and session.alive:
        session.pump(min(0.5, deadline - time.perf_counter()), idle=IDLE_GAP)
        cpu = 1000 * tree_cpu(session.pid)
        for chunk, changed in session.replay():
            _note(result, session.screen, ready, 1000 * (chunk.at - session.started), changed, cpu)
    return result


def _note(result: Start, screen: VtScreen, ready: re.Pattern[str], at: float, changed: bool, cpu: float) -> None:
    if result.first_byte is None:
        result.first_byte = at
    if not changed:
        return
    if result.first_paint is None and screen.painted():
        result.first_paint = at
    if result.ready is None and ready.search(screen.text()):
        result.ready, result.cpu = at, cpu


def measure_steady(session: Session, seconds: float, backend: int | None) -> Steady:
    """Leave the program alone for a while; `backend` is the database server's pid."""
    session.catch_up()
    session.pump(0.02)
    session.catch_up()
    others, own = machine_cpu(), time.process_time()
    served = tree_cpu(backend) if backend else 0.0
    wakeups, cpu, began = tree_wakeups(session.pid), tree_cpu(session.pid), time.perf_counter()
    session.pump(seconds)
    took, cpu = time.perf_counter() - began, tree_cpu(session.pid) - cpu
    wakeups = tree_wakeups(session.pid) - wakeups
    served = tree_cpu(backend) - served if backend else 0.0
    others = machine_cpu() - others - (time.process_time() - own) - cpu - served
    return Steady(
        cpu=100 * cpu / took,
        rss=tree_rss(session.pid),
        bytes_s=sum(len(chunk.data) for chunk in session.chunks) / took,
        wakeups_s=wakeups / took,
        noise=max(0.0, 100 * others / took),
        backend=100 * served / took if backend else None,
    )


Goal = Callable[[VtScreen], bool]


def _step(text: str) -> tuple[str, Goal | None]:
    """A key, and what ends the wait for it; None: any change."""
    key, arrow, pattern = text.partition("=>")
    if not arrow:
        return key, None
    wanted = not pattern.startswith("!")
    expression = re.compile(pattern if wanted else pattern[1:], re.MULTILINE)
    return key, lambda screen: (expression.search(screen.text()) is not None) == wanted


def _watched(program: Program) -> range | None:
    return range(program.rows[0], program.rows[1] + 1) if program.rows else None


def measure_keys(session: Session, pace: Pace, chance: random.Random) -> Keys:
    """Send the keys in turn and wait for each to show."""
    result = Keys()
    steps = [_step(text) for text in session.program.keys]
    for index in range(pace.keys):
        if not session.alive:
            break
        session.pump(pace.pause * chance.uniform(*PACE))
        session.catch_up()
        key, goal = steps[index % len(steps)]
        shown = _answer(session, session.send(key), goal, pace.key_timeout)
        if shown is None:
            result.missed += 1
        else:
            result.samples.append(1000 * shown)
    return result


def _answer(session: Session, sent: float, goal: Goal | None, timeout: float) -> float | None:
    """Seconds until the first change that counts; None when none came."""
    watch = _watched(session.program)
    while time.perf_counter() - sent < timeout and session.alive:
        session.pump(min(timeout, 0.25), idle=IDLE_GAP)
        found: float | None = None
        for chunk, changed in session.replay(watch):
            if found is None and changed and chunk.at >= sent and (goal is None or goal(session.screen)):
                found = chunk.at - sent
        if found is not None:
            return found
    return None


def measure_hang(session: Session, seconds: float) -> Hang:
    """Press keys at a fixed pace (the backend hangs already) and see which are answered."""
    program = session.program
    steps = [_step(text)[0] for text in program.hang_keys or program.keys]
    session.pump(0.5)
    session.catch_up()
    sent: list[float] = []
    changes: list[float] = []
    began = time.perf_counter()
    while time.perf_counter() - began < seconds and session.alive:
        sent.append(session.send(steps[len(sent) % len(steps)]))
        session.pump(program.hang_every)
        changes += [chunk.at for chunk, changed in session.replay(_watched(program)) if changed]
    waits = _waits(sent, changes, time.perf_counter())
    return Hang(len(sent), sum(wait > LATE for wait in waits), max(waits, default=0.0), session.screen.text())


def _waits(sent: Sequence[float], changes: Sequence[float], end: float) -> list[float]:
    """Seconds from each key to the next change, or to the end where none came."""
    return [next((at for at in changes if at >= key), max(end, key + 2 * LATE)) - key for key in sent]


def settle(session: Session, seconds: float) -> None:
    """Send the set-up keys and let the program come to rest."""
    for key in session.program.setup:
        session.pump(0.4)
        session.catch_up()
        session.send(key)
    session.pump(seconds)


def measure(program: Program, pace: Pace, chance: random.Random, backend: int | None) -> Run:
    """One run; with a pace of no keys and no steady time, the start and the quit only."""
    speed = spin()
    session = Session(program)
    try:
        run = Run(measure_start(session, pace.ready_timeout), spin=speed)
        if run.start.ready is not None and session.alive and pace.keys:
            settle(session, pace.settle)
            run.steady = measure_steady(session, pace.steady, backend)
            run.keys = measure_keys(session, pace, chance)
        elif session.program.setup:
            settle(session, 0.4)
        took = session.quit()
        run.quit = None if took is None else 1000 * took
    finally:
        session.close()
    run.modes_left = session.modes_left()
    return run
