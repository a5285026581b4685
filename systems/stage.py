"""The stage of a demonstration: real engines in a private folder, all of them ended with us, however we end.

A keeper process holds a pipe from the one who opened the stage. When the pipe closes (the opener left, or was killed)
it ends everything and removes the folder. It adopts orphans, so that nothing can slip away, and it is two processes
that watch each other, so that killing one of them changes nothing. Never listens beyond loopback. The opener imports
nothing heavy from here.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final

from systems.files import filled

_FILES: Final = ("profile.toml", "RUNBOOK.md")
"""What every world's package brings; a world that brings more says so in `FILES`."""

_FAREWELL: Final = 3.0
"""Seconds the engines get to end by themselves before they are killed: a database that is being made is finished."""

ENDED: Final = "the demonstration has ended"
"""Begins the last line of progress when everything ended without having been asked to."""

_LAST_WORDS: Final = 4096
"""Bytes of the keeper's log in which the reason of its end is looked for."""

_NO_REASON: Final = ("For help, use ",)
"""Lines that the process manager adds to its reason."""

_LONGEST_ADDRESS: Final = 100
"""Bytes a socket's path may have: the kernel takes 107, on macOS 103."""

_SUBREAPER: Final = 36
"""PR_SET_CHILD_SUBREAPER of prctl(2): orphaned descendants become our children."""

_PARENT_DEATH: Final = 1
"""PR_SET_PDEATHSIG of prctl(2): a signal when the parent is gone. A change of user clears it, exec does not."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that can go wrong on stage, truly, and be remedied from outside."""

    name: str
    title: str
    what: str
    """One sentence: what happens, and what heals it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a system's world is built from."""

    folder: Path
    ports: Mapping[str, int]
    faults: bool
    """True when faults come by themselves."""


class Stage:
    """An open stage, as its opener sees it."""

    def __init__(self, system: str, folder: Path, ports: Mapping[str, int], environ: Mapping[str, str]) -> None:
        self._world = _world(system)
        self._system = system
        self._folder = folder
        self._ports = ports
        self.environ = dict(environ)
        """What the profile's secret references need."""
        self._keeper: subprocess.Popen[bytes] | None = None
        self._log: BinaryIO | None = None
        """What the keeper and the process manager print; still open when the file is gone."""

    @classmethod
    def start(cls, system: str, faults: bool = True) -> Stage:
        """Open a stage and return at once; the engines come up meanwhile.

        LookupError for an unknown system, and when a package that its world is made with is not installed.
        """
        world = _world(system)
        if missing := [name for name in world.NEEDS if find_spec(name) is None]:
            raise LookupError(f"the demonstration needs {', '.join(missing)}: pip install 'opsroom[demo]'")
        folder = Path(tempfile.mkdtemp(prefix="opsroom-demo-", dir=ground()))
        try:
            folder.chmod(0o711 if os.getuid() == 0 else 0o700)  # as root, PostgreSQL runs as nobody and must get in
            (folder / "faults").mkdir(mode=0o700)
            ports = free_ports(world.PORTS)
            environ = {name: secrets.token_urlsafe(18) for name in world.SECRETS}
            stage = cls(system, folder, ports, environ)
            for name in getattr(world, "FILES", _FILES):
                (folder / name).touch(mode=0o600)
                (folder / name).write_text(filled(system, name, folder, ports), encoding="utf-8")
            stage._spawn(faults)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return stage

    @property
    def profile_path(self) -> Path:
        """The profile of this run, with its ports."""
        return self._folder / "profile.toml"

    @property
    def folder(self) -> Path:
        """The private folder."""
        return self._folder

    @property
    def ports(self) -> Mapping[str, int]:
        """The loopback port of each part of the system."""
        return self._ports

    @property
    def keeper(self) -> int | None:
        """Process id of the keeper."""
        return self._keeper.pid if self._keeper is not None else None

    def progress(self) -> list[str]:
        """What the engines said while they came up, one line each; last, why everything ended, if it did."""
        try:
            said = (self._folder / "progress").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            said = []
        return said if self._keeper is None or self._keeper.poll() is None else [*said, self._last_words()]

    def _last_words(self) -> str:
        """Why the keeper has ended: the last line that it or the process manager printed."""
        said = b"" if self._log is None else os.pread(self._log.fileno(), _LAST_WORDS, self._log_starts())
        lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
        words = next((line for line in reversed(lines) if not line.startswith(_NO_REASON)), "no reason is known")
        return f"{ENDED}: {words}"

    def _log_starts(self) -> int:
        """Where the last bytes of the log begin."""
        assert self._log is not None
        return max(0, os.fstat(self._log.fileno()).st_size - _LAST_WORDS)

    def faults(self) -> tuple[Fault, ...]:
        """Every fault of this system."""
        faults: tuple[Fault, ...] = self._world.FAULTS
        return faults

    def active(self) -> set[str]:
        """Names of the faults that are on."""
        try:
            return set(os.listdir(self._folder / "faults"))
        except OSError:
            return set()

    def fault(self, name: str) -> None:
        """Start a fault; KeyError for an unknown one."""
        (self._folder / "faults" / self._known(name)).touch()

    def heal(self, name: str) -> None:
        """End a fault; nothing happens when it is not on."""
        with contextlib.suppress(OSError):
            (self._folder / "faults" / self._known(name)).unlink()

    def stop(self) -> None:
        """End everything; returns when nothing is left. May be called twice."""
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        if keeper.stdin is not None:
            keeper.stdin.close()
        if keeper.poll() is None:
            os.killpg(keeper.pid, signal.SIGCONT)  # a suspended one would not notice
        try:
            keeper.wait(5 * _FAREWELL)
        except subprocess.TimeoutExpired:
            keeper.kill()
            keeper.wait()
        if self._log is not None:
            self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _known(self, name: str) -> str:
        if name not in {fault.name for fault in self.faults()}:
            raise KeyError(name)
        return name

    def _spawn(self, faults: bool) -> None:
        ports = [f"{name}={port}" for name, port in self._ports.items()]
        argv = [sys.executable, "-m", "systems.stage", self._system, str(self._folder), str(int(faults)), *ports]
        home = os.pathsep.join(filter(None, (str(Path(__file__).resolve().parent.parent), os.getenv("PYTHONPATH"))))
        self._log = open(self._folder / "keeper.log", "a+b")  # noqa: SIM115 - read as long as the stage is open
        self._keeper = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            env={**os.environ, **self.environ, "PYTHONPATH": home},
            start_new_session=True,
        )


def known() -> list[str]:
    """Names of the example systems that can be played with."""
    return sorted(path.parent.name for path in Path(__file__).parent.glob("*/world.py"))


def _world(system: str) -> Any:
    """The module of an example system. LookupError for anything else."""
    there = known()
    world = import_module(f"systems.{system}") if system in there else None
    if not all(hasattr(world, name) for name in ("NEEDS", "PORTS", "FAULTS")):
        from difflib import get_close_matches  # only where a name was mistyped

        near = get_close_matches(system, there, 1, 0.8)
        said = f"did you mean {near[0]}?" if near else f"there are {', '.join(there)}"
        raise LookupError(f"there is no example system named {system}; {said}")
    return world


def reachable(path: Path) -> bool:
    """Can every user get to `path`? Root may hold it in a folder of its own, where the user nobody is not let in."""
    try:
        return all(step.stat().st_mode & 0o001 for step in (path, *path.parents))
    except OSError:
        return False


def ground() -> str | None:
    """Where a stage may stand: its sockets' paths must be short, and as root the user nobody must be let in.

    None, the usual place, when there is no better one.
    """
    places = (tempfile.gettempdir(), "/tmp", "/var/tmp")
    return next((place for place in places if _short(place) and _open_to_us(Path(place))), None)


def _short(place: str) -> bool:
    """Is the path of a socket in a stage's folder here no longer than the kernel takes?

    The process manager binds its socket by a name with its process id in it.
    """
    return len(os.fsencode(place)) + len("/opsroom-demo-xxxxxxxx/supervisor.sock.4194304") <= _LONGEST_ADDRESS


def _open_to_us(place: Path) -> bool:
    return reachable(place) if os.getuid() == 0 else os.access(place, os.W_OK | os.X_OK)


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """A free loopback port for each name; all are held until all are known, so that none comes twice."""
    held = {}
    for name in names:
        held[name] = socket.socket()
        held[name].bind(("127.0.0.1", 0))
    ports = {name: one.getsockname()[1] for name, one in held.items()}
    for one in held.values():
        one.close()
    return ports


# The keeper


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def die_with_parent(number: int, parent: int) -> None:
    """From now on the death of our parent sends us this signal (on Linux); ends us when it is dead already."""
    _prctl(_PARENT_DEATH, number)
    if os.getppid() != parent:
        os._exit(1)


def _parents() -> Iterable[tuple[int, int]]:
    """(process, its parent) of every process."""
    if not os.path.isdir("/proc/self"):
        told = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=False).stdout
        for line in told.splitlines():
            with contextlib.suppress(ValueError):
                pid, parent = line.split()
                yield int(pid), int(parent)
        return
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                stat = Path(f"/proc/{name}/stat").read_bytes()
                yield int(name), int(stat.rpartition(b")")[2].split()[1])


def _children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    return children


def descendants(root: int) -> list[int]:
    """Process ids below `root`, nearest first."""
    children, found, waiting = _children(), list[int](), [root]
    while waiting:
        for child in children.get(waiting.pop(0), ()):
            found.append(child)
            waiting.append(child)
    return found


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


class Keeper:
    """Keeps one child until the pipe closes, a signal comes, or the child is gone; then ends everything below."""

    def __init__(
        self,
        folder: Path,
        spawn: Callable[[], int],
        ask: signal.Signals,
        parent: int | None = None,
        door: Path | None = None,
    ) -> None:
        self._folder = folder
        self._spawn = spawn
        self._ask = ask
        """The signal that ends the child."""
        self._parent = parent
        """Process id of the keeper above us, which we do not outlive."""
        self._door = door
        """The child's socket, until we have knocked at it."""
        self._child: int | None = None
        self._leaving = False

    def keep(self) -> None:
        """Until the end; afterwards nothing is left."""
        import resource

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._leave)
        _prctl(_SUBREAPER, 1)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # they are asked to end by SIGQUIT
        if self._parent is not None:
            _prctl(_PARENT_DEATH, signal.SIGTERM)
            self._leaving = self._leaving or os.getppid() != self._parent
        try:
            if not self._leaving:
                self._child = self._spawn()
            self._wait()
        finally:
            self._end()

    def _leave(self, number: int, frame: object) -> None:
        self._leaving = True

    def _gone(self) -> bool:
        if self._child is not None:
            with contextlib.suppress(ChildProcessError):
                if not os.waitpid(self._child, os.WNOHANG)[0]:
                    return False
            self._child = None
        return True

    def _wait(self) -> None:
        while not self._leaving and not self._gone():
            self._knock()
            pause = 0.02 if self._door is not None else 0.2
            if select.select([0], [], [], pause)[0] and not os.read(0, 1024):
                return

    def _knock(self) -> None:
        """A new process manager sleeps for a second before it starts anything, unless somebody comes to its socket."""
        if self._door is not None:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as visitor:
                visitor.connect(str(self._door))
                self._door = None

    def _end(self) -> None:
        """The child first, so that it starts nothing again; then those it left are asked, and the rest is killed."""
        before = descendants(os.getpid())
        _tell(before, signal.SIGCONT)  # a suspended one could not end, nor could a server that waits for it
        for number, patience in ((self._ask, 2 * _FAREWELL), (signal.SIGKILL, _FAREWELL)):
            if self._child is not None:
                with contextlib.suppress(OSError):
                    os.kill(self._child, number)
            until = time.monotonic() + patience
            while not self._gone() and time.monotonic() < until:
                _pause()
        self._sweep(signal.SIGQUIT, lambda: set(_children().get(os.getpid(), ())))  # who ends its own first
        self._sweep(signal.SIGKILL, lambda: self._left(before))
        shutil.rmtree(self._folder, ignore_errors=True)

    def _sweep(self, number: signal.Signals, find: Callable[[], set[int]]) -> None:
        until = time.monotonic() + _FAREWELL
        told: set[int] = set()
        while (left := find()) and time.monotonic() < until:
            _tell(left - told, number)
            _tell(left - told, signal.SIGCONT)
            told |= left
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            _pause()

    def _left(self, before: list[int]) -> set[int]:
        """What is below us; where orphans are not handed to us, also what was."""
        orphans = () if sys.platform == "linux" else (pid for pid in before if _exists(pid))
        return {*descendants(os.getpid()), *orphans}


def _tell(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each that is still there."""
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def _pause() -> None:
    select.select([], [], [], 0.02)


def _second(folder: Path, command: Callable[[], list[str]]) -> int:
    """Fork the second keeper, which runs the process manager; its process id."""
    first = os.getpid()
    if pid := os.fork():
        return pid
    try:
        door = folder / "supervisor.sock"
        ask = signal.SIGKILL if sys.platform == "linux" else signal.SIGTERM  # elsewhere orphans do not come to us
        Keeper(folder, lambda: _manager(command()), ask, first, door).keep()
    finally:
        os._exit(0)


def _prepared(system: str, plan: Plan) -> list[str]:
    """What the process manager needs is written; the command that runs it."""
    command: list[str] = import_module(f"systems.{system}.world").prepare(plan)
    return command


def _manager(command: list[str]) -> int:
    # pdeathsig is set by the child itself, between fork and exec: the manager's own code is not ours
    born = partial(die_with_parent, signal.SIGTERM, os.getpid())
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=born)
    process.returncode = 0  # we wait for it by its id; the object must not
    return process.pid


def main(argv: list[str]) -> None:
    """`python -m systems.stage SYSTEM FOLDER FAULTS NAME=PORT ...`"""
    system, folder, faults, *pairs = argv
    ports = {name: int(port) for name, _, port in (pair.partition("=") for pair in pairs)}
    plan = Plan(Path(folder), ports, faults == "1")
    _world(system)
    os.umask(0o077)
    Keeper(plan.folder, lambda: _second(plan.folder, lambda: _prepared(system, plan)), signal.SIGTERM).keep()


if __name__ == "__main__":
    main(sys.argv[1:])
