"""Hands the terminal to another program and takes it back whole.

The program runs in a process group of its own that has the terminal: its keys, Ctrl-C and changes of size are its own,
and all of it is ended with us. Reading and alerts go on meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from probes.base import Cause, ProbeError, SafeText
from probes.exec import on_terminal

if TYPE_CHECKING:
    from tui.app import OpsroomApp

_BEAT: Final = 0.2
"""Seconds between two looks whether the program was stopped."""
AT_ONCE: Final = 3.0
"""Seconds within which a program that ends badly has probably not opened: a person gets to read why."""
_GRACE: Final = 0.4
"""Seconds a program has to end when the session does."""
_KEYS_MENDED: Final = "\x1b[<u\x1b[>4;0m"
"""Keys as they were, where the terminal knows of other ways."""
_MENDED: Final = (
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1004l"  # no mouse, no paste marks, no focus reports
    "\x1b[?1047l\x1b7\x1b[r\x1b8"  # the plain screen, all of its lines, the cursor where it was
    "\x1b[?1l\x1b>\x1b(B\x0f\x1b[?7h\x1b[0m\x1b[?25h"
)
"""Takes back what a program may have left of its own in the terminal."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a console came to its end."""

    code: int
    """Exit code; negative when a signal ended it."""
    seconds: float


class Terminal:
    """Our terminal, lent to one program at a time."""

    def __init__(self) -> None:
        self._app: OpsroomApp | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._found: _Found | None = None
        self._leaving = asyncio.Event()

    def belongs_to(self, app: OpsroomApp) -> None:
        """The application that draws on it."""
        self._app = app
        app.at_cut = self.cut

    @property
    def why_not(self) -> str:
        """Why it can't be lent now; empty: it can."""
        driver = self._app._driver if self._app is not None else None
        if driver is None or not hasattr(driver, "lend"):
            return "there is no terminal to hand over"
        return "another program has it" if self._found is not None else ""

    async def lend(
        self, argv: Sequence[str], env: Mapping[str, str], files: Mapping[str, str], greeting: str = ""
    ) -> Ended:
        """Let a program have it until it ends. Raises `ProbeError` when it did not start.

        `files` are had by the program as private files, by the variable that names each; none stays behind.
        """
        from tui.driver import QuietDriver

        app, driver = self._app, self._app._driver if self._app is not None else None
        if app is None or not isinstance(driver, QuietDriver) or self.why_not:
            raise ProbeError(Cause.MISSING, self.why_not or "there is no terminal to hand over")
        app.app_suspend_signal.publish(app)
        driver.lend(self._stop, self._continue)
        self._found = _Found()
        try:
            with driver.no_automatic_restart(), ExitStack() as stack:
                named = {name: stack.enter_context(_private(text)) for name, text in files.items()}
                _say(greeting)
                return await self._run(argv, {**env, **{name: path for name, (path, _) in named.items()}},
                                       [fd for _, fd in named.values() if fd >= 0])  # fmt: skip
        finally:
            self._take_back()
            if not self._leaving.is_set():
                driver.resume_application_mode()
                app.app_resume_signal.publish(app)
                app.refresh(layout=True)

    async def _run(self, argv: Sequence[str], env: Mapping[str, str], keep: Sequence[int]) -> Ended:
        began = time.monotonic()
        process = await on_terminal(argv, env, keep)
        self._process = process
        self._continue()
        try:
            code = await self._over(process)
        except asyncio.CancelledError:
            self._signal(signal.SIGKILL)
            raise
        finally:
            self._process = None
        ended = Ended(code, time.monotonic() - began)
        if code != 0 and ended.seconds < AT_ONCE and not self._leaving.is_set():
            self._take_terminal()
            await self._read_first(f"{argv[0].rpartition('/')[2]} ended with exit code {code}; Enter goes back")
        return ended

    async def _over(self, process: asyncio.subprocess.Process) -> int:
        """Wait for the end; a program that was stopped goes on: there is no shell that could bring it back."""
        waiting = asyncio.ensure_future(process.wait())
        while not waiting.done():
            await asyncio.wait({waiting}, timeout=_BEAT)
            if _stopped(process.pid):
                self._continue()
        return waiting.result()

    async def _read_first(self, words: str) -> None:
        """Leave what stands on the terminal to be read until Enter is pressed."""
        loop, pressed = asyncio.get_running_loop(), asyncio.Event()

        def read() -> None:
            try:
                data = os.read(0, 1024)
            except OSError:
                data = b""
            if not data or b"\n" in data or b"\r" in data:
                pressed.set()

        _say(words)
        leaving = asyncio.ensure_future(self._leaving.wait())
        entered = asyncio.ensure_future(pressed.wait())
        loop.add_reader(0, read)
        try:
            await asyncio.wait({leaving, entered}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.remove_reader(0)
            leaving.cancel()
            entered.cancel()

    def _continue(self) -> None:
        """Give the program the terminal, and have it go on should it wait for that."""
        process = self._process
        if process is None:
            return
        _foreground(process.pid)
        self._signal(signal.SIGCONT)

    def _stop(self) -> None:
        """Stop with the program, as a shell's job does, and go on with it.

        The program first: whoever waits for a line already gets the next one, though the shell has the terminal.
        """
        self._signal(signal.SIGSTOP)
        self._take_terminal()
        ours = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        if self._app is not None:
            self._app.stand_aside()
        os.kill(0, signal.SIGTSTP)
        if self._app is not None:
            self._app.go_on()
        signal.signal(signal.SIGTSTP, ours)
        self._continue()

    def _signal(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)

    def _take_terminal(self) -> None:
        _foreground(os.getpgrp())
        if self._found is not None:
            self._found.restore()

    def _take_back(self) -> None:
        """The terminal as it was found, whatever the program has left in it; what was typed too late is dropped."""
        self._take_terminal()
        driver = self._app._driver if self._app is not None else None
        _write((_KEYS_MENDED if getattr(driver, "enhanced", False) else "") + _MENDED)
        with suppress(termios.error):
            termios.tcflush(0, termios.TCIFLUSH)
        self._found = None

    async def end(self) -> None:
        """The session ends: so does the program, in a moment."""
        self._leaving.set()
        process = self._process
        if process is None:
            return
        self._signal(signal.SIGHUP)
        self._signal(signal.SIGCONT)
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await process.wait()
        self._signal(signal.SIGKILL)

    def cut(self) -> None:
        """The process ends now: from any thread."""
        self._signal(signal.SIGKILL)
        if self._found is not None:
            self._take_back()


class _Found:
    """The terminal's settings, to be put back."""

    def __init__(self) -> None:
        self._settings: list[Any] | None = None
        with suppress(termios.error):
            self._settings = termios.tcgetattr(0)
        self._blocking = [os.get_blocking(fd) for fd in (0, 1, 2)]

    def restore(self) -> None:
        """Put them back."""
        if self._settings is not None:
            with _undisturbed(), suppress(termios.error):
                termios.tcsetattr(0, termios.TCSANOW, self._settings)
        for fd, blocking in zip((0, 1, 2), self._blocking, strict=True):
            with suppress(OSError):
                os.set_blocking(fd, blocking)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Touching the terminal from the background would stop us."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stopped(pid: int) -> bool:
    """True while a child of ours stands still. Returns at once, and takes nothing from who waits for its end."""
    with suppress(ChildProcessError):
        return os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    return False


def _foreground(group: int) -> None:
    """Give a process group the terminal; where there is no job control it has it already."""
    with _undisturbed(), suppress(OSError):
        os.tcsetpgrp(0, group)


@contextlib.contextmanager
def _private(text: str) -> Iterator[tuple[str, int]]:
    """(path, descriptor to be inherited or -1) of a file that only we can read: in memory alone where that goes."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("opsroom", os.MFD_CLOEXEC)
        try:
            os.fchmod(fd, 0o600)
            os.write(fd, text.encode())
            yield f"/proc/self/fd/{fd}", fd
        finally:
            os.close(fd)
        return
    fd, path = tempfile.mkstemp(prefix="opsroom-")
    try:
        os.write(fd, text.encode())
        os.close(fd)
        yield path, -1
    finally:
        os.unlink(path)


def _say(words: str) -> None:
    for line in words.splitlines():
        _write(f"{SafeText(line, 300)}\n")


def _write(text: str) -> None:
    with suppress(OSError):
        os.write(1, text.encode("utf-8", "replace"))
