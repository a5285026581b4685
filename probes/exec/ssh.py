"""The door to other machines: programs run there by the person's own `ssh`, with nothing installed on the other side.

One connection for each machine, shared by all that ask for it in this process and by nobody else: its control socket
lies in a folder that only we can open. It is made with the person's own configuration, keys and known hosts; what runs
over it can't go around it, so that what was looked at and what is acted on are the same machine.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import fcntl
import itertools
import os
import re
import secrets
import shlex
import shutil
import signal
import stat
import tempfile
import time
import weakref
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

from probes.base import Cause, ProbeError, SafeText, Shape
from probes.exec import program
from probes.exec.program import Ran
from probes.exec.ssh_words import (
    NotBegun,
    SessionsFull,
    detour_failed,
    jumps_of,
    key_has_changed,
    login_failed,
    session_failed,
    silent,
    went_by_detour,
)

__all__ = ["Destination", "Line", "NotBegun", "Way"]

Destination = Annotated[
    str,
    Shape(
        r"^([A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}@)?[A-Za-z0-9_:][A-Za-z0-9_.:%-]{0,252}$",
        'a Host of your ssh configuration, or user@host, such as "web-1" or "ops@db1.example.net"',
    ),
]
"""Where `ssh` goes. It can neither begin with - nor hold a blank, so that it is never taken for an option."""

LOGIN: Final = 12.0
"""Seconds that a login may take, jump hosts included."""
KEEPS: Final = 60
"""Seconds a connection is kept that nobody uses: so long it may outlive a session that is killed outright."""
AT_ONCE: Final = 4
"""Programs that run over one connection at once; sshd allows ten of them where nothing is set (MaxSessions)."""
_RECENTLY: Final = 1.0
"""Seconds in which a login that has failed is not tried again for somebody else."""
_HUNG: Final = 3
"""Programs without an answer, one after the other, after which a new connection is made."""
_CONNECTION: Final = {
    "BatchMode": "yes", "ConnectTimeout": "10", "ConnectionAttempts": "1", "ControlMaster": "yes",
    "ControlPersist": str(KEEPS), "ServerAliveInterval": "5", "ServerAliveCountMax": "3", "ForwardAgent": "no",
    "ForwardX11": "no", "ClearAllForwardings": "yes", "PermitLocalCommand": "no", "RemoteCommand": "none",
    "RequestTTY": "no", "Tunnel": "no", "Compression": "yes", "LogLevel": "INFO", "StreamLocalBindMask": "0177",
}  # fmt: skip
"""What must be so, whatever the person's configuration says; keys, hosts, jumps and their checks stay theirs."""
_HEARD: Final = {"ControlMaster": "no", "ControlPath": "none", "ControlPersist": "no"}
"""A login for its complaints alone: nothing of it is kept."""
_PASSED: Final = ("KRB5CCNAME", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE",
                  "AWS_SHARED_CREDENTIALS_FILE")  # fmt: skip
"""What a login, or a ProxyCommand of the person's configuration, may need besides."""
_FIXED: Final = ("LC_ALL=C", "TZ=UTC", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0")
"""What every program there finds in its environment."""
_WHOLE: Final = 'echo M; echo M >&2; (S); c=$?; echo; echo M $c; exit "$c"'
_STREAM: Final = (
    'echo M; exec 3<&0; "$@" </dev/null 3<&- & p=$!; { cat <&3; kill "$p"; } >/dev/null 2>&1 & '
    'c=$!; wait "$p"; e=$?; kill "$c"; exit "$e"'
)
"""A stream ends with whoever reads it: its input is ours, and ends when we do. sshd alone would let it wait on."""
_SOCKET: Final = re.compile(r"/[A-Za-z0-9_./@+-]{1,200}")
"""Paths of sockets there: ssh takes a colon for a separator."""
_SHORT: Final = 60
"""Letters of our folder's path: a socket's may have 107, and ssh adds some while it makes one."""
_PREFIX: Final = "opsroom-ssh-"
"""How the names of such folders begin."""
_MASTER: Final = re.compile(rb"pid=(\d{1,10})")

_numbers = itertools.count(1)
_open: set[Line] = set()
"""Connections that were made and not ended."""
_folders: list[str] = []
"""The folder of our control sockets, once there is one."""


class Line:
    """One connection, from its login to its end. What runs over it runs on the machine that was met at the login."""

    def __init__(self, destination: str, control: Path) -> None:
        self.destination = destination
        self.control = control
        self.master: int | None = None
        """Process id of the `ssh` that holds the connection."""
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._room = AT_ONCE
        self._late = 0
        self._sockets: dict[str, Path] = {}

    @property
    def alive(self) -> bool:
        """False when it has ended, or should not be used any more. Its `ssh` takes the control socket with it."""
        return self._late < _HUNG and self.control.exists()

    async def run(
        self,
        words: Sequence[str] = (),
        within: float = 5.0,
        limit: int = 8 << 20,
        *,
        script: str = '"$@"',
        again: bool = True,
    ) -> Ran:
        """Run a program there to its end and return what it said; or a script for sh, the words being its arguments.

        Where sshd wants fewer at once it waits for its turn and asks once more, unless `again` says not to. Raises
        `NotBegun` when it certainly did not begin; any other `ProbeError` leaves that open.
        """
        mark = f"opsroom-{secrets.token_hex(8)}"
        argv = self._argv(_command(_WHOLE.replace("S", script, 1).replace("M", mark), words))
        while True:
            await self._turns.acquire()
            narrower = False
            try:
                return self._answer(await program.run(argv, within, limit), mark)
            except SessionsFull:
                narrower = self._room > 1
                self._room -= narrower
                if not narrower or not again:
                    raise
            except ProbeError as error:
                if error.cause is not Cause.TIMEOUT_READ:
                    raise
                self._late += 1
                raise ProbeError(Cause.TIMEOUT_READ, f"{self.destination} gave no answer in {within:g} s") from None
            finally:
                if not narrower:
                    self._turns.release()

    async def lines(self, words: Sequence[str]) -> AsyncGenerator[bytes, None]:
        """Stream a program's output line by line until it ends or the iterator is closed."""
        mark = f"opsroom-{secrets.token_hex(8)}"
        begun = False
        argv = self._argv(_command(_STREAM.replace("M", mark), words))
        async with aclosing(program.lines(argv, held=True)) as every:
            async for one in every:
                if begun:
                    yield one
                begun = begun or one.rstrip().endswith(mark.encode())
        if not begun:
            raise ProbeError(Cause.CLOSED_EARLY, f"{self.destination} did not begin to tell")

    async def socket(self, path: str) -> Path:
        """A Unix socket of ours that leads to the one of that path there, as long as this connection lasts."""
        if not _SOCKET.fullmatch(path):
            raise ProbeError(Cause.MISSING, f"{SafeText(path, 80)} is no path of a socket that ssh can lead to")
        if path not in self._sockets:
            ours = self.control.with_name(f"{self.control.name}-{len(self._sockets)}")
            ran = await program.run(self._control("forward", "-L", f"{ours}:{path}"), 5.0, 1 << 16)
            if ran.code != 0:
                raise ProbeError(Cause.REFUSED, f"ssh can't lead to {path} on {self.destination}", ran.complaint)
            self._sockets[path] = ours
        return self._sockets[path]

    async def end(self) -> None:
        """End the connection, and with it everything that runs over it. May be called twice."""
        _open.discard(self)
        if self.control.exists():
            with contextlib.suppress(ProbeError):
                await program.run(self._control("exit"), 2.0, 1 << 16)
        self.kill()

    def kill(self) -> None:
        """End it without asking, where it has not ended."""
        if self.master is not None and self.control.exists():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.master, signal.SIGTERM)
        self.master = None
        for left in (self.control, *self._sockets.values()):
            left.unlink(missing_ok=True)

    async def met(self) -> None:
        """Note which process holds it, once it stands."""
        ran = await program.run(self._control("check"), 2.0, 1 << 16)
        found = _MASTER.search(ran.out + ran.err)
        self.master = int(found[1]) if found else None
        _open.add(self)

    def _answer(self, ran: Ran, mark: str) -> Ran:
        self._late = 0
        _, sep, out = ran.out.partition(mark.encode() + b"\n")
        if not sep:
            error = session_failed(ran, self.destination)
            if isinstance(error, NotBegun) and not isinstance(error, SessionsFull):
                self._late = _HUNG
            raise error
        err = ran.err.partition(mark.encode() + b"\n")[2]
        if ran.cut:
            return replace(ran, out=out, err=err)
        out, _, end = out.rpartition(b"\n" + mark.encode() + b" ")
        code = end.partition(b"\n")[0]
        if not code.isdigit():
            raise ProbeError(
                Cause.CLOSED_EARLY, f"the connection to {self.destination} was lost before its answer was whole"
            )
        return replace(ran, out=out, err=err, code=int(code))

    def _base(self) -> list[str]:
        """Without the person's configuration, and without a way of its own: over this connection or not at all."""
        return ["ssh", "-F", "none", "-o", f"ControlPath={self.control}", "-o", "ControlMaster=no",
                "-o", "BatchMode=yes", "-o", "ProxyCommand=false"]  # fmt: skip

    def _argv(self, command: str) -> list[str]:
        return [*self._base(), "-T", "-e", "none", "--", self.destination, command]

    def _control(self, verb: str, *words: str) -> list[str]:
        return [*self._base(), "-O", verb, *words, "--", self.destination]


class _Shared:
    """The way to one machine, for all who go there."""

    def __init__(self, destination: str) -> None:
        self.destination = destination
        self.users = 0
        self._line: Line | None = None
        self._login: asyncio.Task[Line] | None = None
        self._failed: tuple[float, ProbeError] | None = None

    async def line(self) -> Line:
        """The connection; a login goes on when whoever waits for it gives up."""
        if self._line is not None and self._line.alive:
            return self._line
        now = asyncio.get_running_loop().time()
        if self._failed is not None and now - self._failed[0] < _RECENTLY:
            error = self._failed[1]
            raise type(error)(error.cause, error.message, error.hint)
        if self._login is None:
            self._login = asyncio.ensure_future(self._connect(self._line))
            self._login.add_done_callback(self._over)
        return await asyncio.shield(self._login)

    async def end(self) -> None:
        if self._login is not None:
            self._login.cancel()
            await asyncio.wait({self._login}, timeout=2.0)
        if self._line is not None:
            await self._line.end()
            self._line = None

    def _over(self, login: asyncio.Task[Line]) -> None:
        self._login = None
        if login.cancelled():
            return
        error = login.exception()
        if isinstance(error, ProbeError):
            self._failed = asyncio.get_running_loop().time(), error
        elif error is None:
            self._line = login.result()

    async def _connect(self, old: Line | None) -> Line:
        if old is not None:
            await old.end()
        line = Line(self.destination, _folder() / str(next(_numbers)))
        try:
            ran = await self._ssh({"ControlPath": str(line.control)}, "-f", "-N")
            if ran.code != 0:
                raise await self._why(ran)
            await line.met()
            if changed := key_has_changed(ran, self.destination):
                await line.end()
                raise changed
        except ProbeError as error:
            if error.cause is not Cause.TIMEOUT_READ:
                raise NotBegun(error.cause, error.message, error.hint) from None
            words = f"no login at {self.destination} within {LOGIN:g} s"
            hint = f"does `ssh {self.destination}` wait for a person: an agent that asks, a key to be touched?"
            raise NotBegun(Cause.TIMEOUT_CONNECT, words, hint) from None
        finally:
            if line not in _open:
                line.kill()
        return line

    async def _ssh(self, settings: Mapping[str, str], *words: str, command: str = "") -> Ran:
        """Run `ssh` with the person's configuration, and ours above it."""
        options = [f"-o{name}={value}" for name, value in (_CONNECTION | dict(settings)).items()]
        env = {name: os.environ[name] for name in _PASSED if name in os.environ}
        argv = ["ssh", *options, *words, "-T", "--", self.destination, *([command] if command else [])]
        return await program.run(argv, LOGIN, 1 << 16, env=env)

    async def _why(self, ran: Ran) -> NotBegun:
        """Why a login failed. What a jump host said was thrown away by ssh: it is asked once more, to be heard."""
        if not went_by_detour(ran):
            return login_failed(ran, self.destination)
        jumps = jumps_of((await self._ssh({}, "-G")).out)
        if b"timed out" in ran.err:
            return silent(self.destination, jumps)
        heard = await self._ssh(_HEARD, command="exit")
        return detour_failed(heard if heard.code != 0 else ran, self.destination, jumps)


_ways: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Shared]] = weakref.WeakKeyDictionary()


class Way:
    """One's own share in the way to a machine. Made cheaply; logs in when it is first used."""

    def __init__(self, destination: str) -> None:
        self.destination = destination
        self._shared: _Shared | None = None

    async def line(self) -> Line:
        """The connection as it stands, or a new one. Raises `NotBegun`: nothing was sent."""
        if self._shared is None:
            every = _ways.setdefault(asyncio.get_running_loop(), {})
            self._shared = every.setdefault(self.destination, _Shared(self.destination))
            self._shared.users += 1
        return await self._shared.line()

    async def close(self) -> None:
        """Give it up; whoever is the last one ends the connection. May be called twice."""
        shared, self._shared = self._shared, None
        if shared is None:
            return
        shared.users -= 1
        if not shared.users:
            _ways.get(asyncio.get_running_loop(), {}).pop(self.destination, None)
            await shared.end()


def _command(script: str, words: Sequence[str]) -> str:
    """One line for whatever shell a person has there: the script goes to sh, and each word stays one word."""
    return f"exec env {' '.join(_FIXED)} sh -c {shlex.quote(script)} {shlex.join(['opsroom', *words])}"


def _folder() -> Path:
    """Where the control sockets lie: ours alone (0700), on this machine, and gone with us."""
    if not _folders or not os.path.isdir(_folders[0]):
        wanted = next((one for one in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir()) if _fits(one)), "")
        _sweep(Path(wanted or "/tmp"))
        _folders[:] = [tempfile.mkdtemp(prefix=_PREFIX, dir=wanted or "/tmp")]
        fcntl.flock(os.open(_folders[0], os.O_RDONLY), fcntl.LOCK_EX)  # as long as we live
    return Path(_folders[0])


def _sweep(place: Path) -> None:
    """Take away what sessions left that were killed outright; their connections have ended by themselves."""
    for left in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = left.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or time.time() - found.st_mtime < KEEPS:
                continue
            folder = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(folder)


def _fits(folder: str) -> bool:
    plain = bool(_SOCKET.fullmatch(folder)) and len(folder) <= _SHORT
    return plain and os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def _forsake() -> None:
    """At the very end: what nobody has ended."""
    for line in tuple(_open):
        line.kill()
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)


atexit.register(_forsake)
