"""Programs that are waited for: an argument list, never a shell; bounded in time and output.

A program that is late is killed with its children. One that can't be killed (it hangs inside the kernel) is left
behind and counted: nobody waits for it, and after a few of them no more of its kind are started.

No secret may be passed in `argv`: it is visible to every user of the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from probes.base import Cause, ProbeError, SafeText

_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
         "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DBUS_SYSTEM_BUS_ADDRESS", "SSH_AUTH_SOCK")  # fmt: skip
_OF_A_PERSON = ("TERM", "COLORTERM", "SHELL", "EDITOR", "VISUAL", "PAGER", "LESS", "PSQLRC", "PSQL_EDITOR",
                "KUBECONFIG", "LC_ALL", "LC_CTYPE", "NO_COLOR", "HTTPS_PROXY", "NO_PROXY", "AWS_PROFILE", "AWS_REGION",
                "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE")  # fmt: skip
"""What a program gets besides that a person works in."""
_CHUNK = 65536
LONGEST: Final = 1 << 20
"""Bytes of one line that `lines` keeps."""
_GRACE: Final = 1.0
"""Seconds a killed program may take to be gone."""
_MOST: Final = 4
"""Programs of one name that may be left behind at once."""
_STREAM: Final = (
    'exec 3<&0; "$@" </dev/null 3<&- & p=$!; { cat <&3; kill -9 0; } >/dev/null 2>&1 & '
    'c=$!; wait "$p"; e=$?; kill "$c"; exit "$e"'
)
"""A stream ends with whoever reads it, also when we are killed outright: the input is ours, and ends when we do."""
_left: dict[str, list[_Child]] = {}
"""Killed programs that were not gone in time, by name."""
_ending: set[asyncio.Task[bool]] = set()
"""Programs being ended that were given up while they started."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program answered."""

    code: int
    """Exit code; negative when a signal ended it."""
    out: bytes
    err: bytes
    cut: bool = False
    """True when output beyond the limit was thrown away."""

    @property
    def complaint(self) -> SafeText:
        """The last line it wrote to standard error, safe to show."""
        lines = self.err.strip().splitlines()
        return SafeText(lines[-1] if lines else b"", 300)


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {"LC_ALL": "C.UTF-8", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"} | dict(extra or {})


_Started = tuple[asyncio.SubprocessTransport, asyncio.subprocess.SubprocessStreamProtocol]


class _Child:
    """A program that runs, and its two pipes."""

    def __init__(
        self, transport: asyncio.SubprocessTransport, protocol: asyncio.subprocess.SubprocessStreamProtocol
    ) -> None:
        self._transport = transport
        self._process = asyncio.subprocess.Process(transport, protocol, asyncio.get_running_loop())
        assert protocol.stdout is not None
        assert protocol.stderr is not None
        self.out, self.err = protocol.stdout, protocol.stderr
        self.wait = self._process.wait

    @property
    def is_over(self) -> bool:
        """True when the system has told its exit code."""
        return self._process.returncode is not None

    async def end(self) -> bool:
        """Kill it and what it started; False when it is not gone in time: then the loop reaps it whenever it goes."""
        if not self.is_over:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        for fd in (0, 1, 2):  # a child of its own that escaped may hold the other ends for ever
            pipe = self._transport.get_pipe_transport(fd)
            if pipe is not None:
                pipe.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await self.wait()
        return self.is_over


async def _start(
    argv: Sequence[str],
    env: Mapping[str, str] | None,
    cwd: Path | None = None,
    held: bool = False,
    name: str = "",
) -> _Child:
    """`held`: its input stays open. `name`: by which it is told of; absent: that of the program."""
    name = name or argv[0]
    still = [one for one in _left.pop(name, ()) if not one.is_over]
    if still:
        _left[name] = still
    if len(still) >= _MOST:
        raise ProbeError(Cause.TIMEOUT_READ, f"{len(still)} calls of {name} hang and can't be ended")
    loop = asyncio.get_running_loop()
    try:
        made = await _whole(
            loop.subprocess_exec(
                lambda: asyncio.subprocess.SubprocessStreamProtocol(limit=_CHUNK, loop=loop),
                *argv,
                stdin=asyncio.subprocess.PIPE if held else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=_environment(env),
                cwd=cwd,
                start_new_session=True,
            )
        )
    except FileNotFoundError:
        raise ProbeError(Cause.MISSING, f"{name} is not installed here") from None
    except PermissionError:
        raise ProbeError(Cause.LOCAL_PERM, f"not allowed to run {name}") from None
    except OSError as error:
        raise ProbeError(Cause.LOCAL_PERM, SafeText(f"{name} can't be run: {error.strerror}", 300)) from None
    except ValueError:  # the reason could hold a value
        words = f"{name} can't be run: an argument or its environment holds what no program can be given"
        raise ProbeError(Cause.LOCAL_PERM, SafeText(words, 300)) from None
    return _Child(*made)


async def _whole(starting: Coroutine[None, None, _Started]) -> _Started:
    """A start that is not cut in two: cancelled half-way, the loop of Python 3.11 waits for its program for ever."""
    task = asyncio.ensure_future(starting)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_abandon)
        raise


def _abandon(task: asyncio.Task[_Started]) -> None:
    """Nobody waits for this program any more."""
    if not task.cancelled() and task.exception() is None:
        ending = asyncio.ensure_future(_Child(*task.result()).end())
        _ending.add(ending)
        ending.add_done_callback(_ending.discard)


async def _end(child: _Child, name: str) -> None:
    """End a program; one that doesn't go is counted under its name until it does."""
    if not await child.end():
        _left.setdefault(name, []).append(child)


async def _collect(stream: asyncio.StreamReader, limit: int) -> tuple[bytes, bool]:
    kept = bytearray()
    cut = False
    while chunk := await stream.read(_CHUNK):
        room = limit - len(kept)
        kept += chunk[:room]
        cut = cut or len(chunk) > room
    return bytes(kept), cut


async def run(
    argv: Sequence[str],
    within: float = 5.0,
    limit: int = 8 << 20,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Ran:
    """Run a program to its end and return what it said. `cwd`: the folder it is started in, ours if absent.

    Raises `ProbeError`: MISSING when it isn't installed, TIMEOUT_READ when it isn't done `within` seconds
    (it and its children are then killed).
    """
    child = await _start(argv, env, cwd)
    try:
        async with asyncio.timeout(within):
            (out, cut), (err, _) = await asyncio.gather(_collect(child.out, limit), _collect(child.err, 1 << 16))
            code = await child.wait()
    except TimeoutError:
        raise ProbeError(Cause.TIMEOUT_READ, f"{argv[0]} gave no answer in {within:g} s") from None
    finally:
        await _end(child, argv[0])
    return Ran(code, out, err, cut)


async def lines(
    argv: Sequence[str], env: Mapping[str, str] | None = None, *, held: bool = False
) -> AsyncGenerator[bytes, None]:
    """Stream a program's output line by line until it ends or the iterator is closed, which kills it.

    Of a line longer than `LONGEST` only the beginning is kept. It ends with us, even when we are killed outright.
    `held`: it sees to that itself, by its input, which stays open and ends when we do.
    """
    kept = _environment(env)
    found = shutil.which(argv[0], path=kept.get("PATH"))  # what can't be started is told as ever
    bound = ["sh", "-c", _STREAM, "opsroom", found, *argv[1:]] if found and not held else argv
    child = await _start(bound, env, held=True, name=argv[0])
    try:
        rest = b""
        while chunk := await child.out.read(_CHUNK):
            *whole, rest = (rest + chunk).split(b"\n")
            for one in whole:
                yield one[:LONGEST]
            rest = rest[:LONGEST]
        if rest:
            yield rest
    finally:
        await _end(child, argv[0])


async def on_terminal(
    argv: Sequence[str], env: Mapping[str, str] | None = None, keep: Sequence[int] = ()
) -> asyncio.subprocess.Process:
    """Start a program on our own terminal, in a process group of its own, for a person to work in.

    Whoever calls gives it the terminal and takes that back. `keep` are files it inherits. Raises `ProbeError` when it
    did not start.
    """
    kept = {name: os.environ[name] for name in (*_KEPT, *_OF_A_PERSON) if name in os.environ}
    try:
        return await asyncio.create_subprocess_exec(*argv, env=kept | dict(env or {}), pass_fds=keep, process_group=0)
    except FileNotFoundError:
        raise ProbeError(Cause.MISSING, f"{argv[0]} is not installed here") from None
    except PermissionError:
        raise ProbeError(Cause.LOCAL_PERM, f"not allowed to run {argv[0]}") from None
    except OSError as error:
        raise ProbeError(Cause.LOCAL_PERM, SafeText(f"{argv[0]} did not start: {error.strerror}", 300)) from None


async def attached(argv: Sequence[str], env: Mapping[str, str], longest: int) -> asyncio.subprocess.Process:
    """Start a program that we talk with through its pipes, in a session of its own, with this environment and no more.

    Lines of its output may have `longest` bytes. Whoever calls ends it. Raises `ProbeError` when it did not start.
    """
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        return await asyncio.create_subprocess_exec(
            *argv, stdin=pipe, stdout=pipe, stderr=nothing, env=dict(env), limit=longest, start_new_session=True
        )
    except OSError as error:
        raise ProbeError(Cause.LOCAL_PERM, SafeText(f"{argv[0]} did not start: {error.strerror}", 300)) from None
