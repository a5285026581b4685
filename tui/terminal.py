"""Opening the screen, and every way out of it: a key, a signal, a dead connection, a crash, a thread that hangs.

Each way out gives the terminal back as it was found, runs the hooks, is over in time and has a true exit code.
Imports the standard library only, so that a refusal costs nothing. Never shows an exception's message or a local.
"""

from __future__ import annotations

import base64
import os
import re
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from textual.app import App
    from textual.driver import Driver

    _App = App[Any]
else:
    _App = object

EXIT_OK: Final = 0
EXIT_BAD: Final = 1
"""The checked thing is bad, or we crashed."""
EXIT_USAGE: Final = 2
EXIT_RETRY: Final = 3
"""A connection failed that may work later."""
EXIT_HANGUP: Final = 129
EXIT_INTERRUPT: Final = 130

COPY_LIMIT: Final = 74_994
"""Bytes of base64 that terminals are known to take in one OSC 52 sequence."""

WITHHELD: Final = "(message withheld)"
"""Stands for an exception's message where nobody has said how to redact it."""

_REFUSED_TERMS: Final = frozenset({"dumb", "unknown", "emacs", "network", "vt52", "vt100"})
_SCREEN_PIECE: Final = 240
"""Bytes GNU screen passes through in one wrapped string."""
_CRASH_LIMIT: Final = 256 * 1024
"""Characters kept of a crash report."""
REPORTS: Final = 10
"""Reports kept of crashes, and as many of bugs: the newest."""
_REPORT: Final = re.compile(r"(crash|bug)-.*\d{8}T\d{6}Z-\d+-\d{6}\.txt")


# Before the screen opens


def check_terminal(env: Mapping[str, str] = os.environ) -> str | None:
    """Why a full screen cannot open here, in one line for a person; None if it can."""
    if not os.isatty(0):
        return "The screen needs a terminal, and the input is not one. For scripts, use `opsroom check`."
    if not os.isatty(1):
        return "The screen needs a terminal, and the output is not one. For scripts, use `opsroom check`."
    term = env.get("TERM", "")
    if not term:
        return "The screen needs to know the terminal, and TERM is not set. Try TERM=xterm-256color."
    if term in _REFUSED_TERMS:
        return f"The screen cannot be drawn on a terminal of type {term}. Try TERM=xterm-256color."
    return None


# Copying


def copy_sequence(text: str, env: Mapping[str, str]) -> bytes | None:
    """The bytes that put `text` on the clipboard of the person's own terminal; None if it is too long for that.

    OSC 52, ended by ST. Inside tmux it goes twice, wrapped (for `allow-passthrough`) and bare (for
    `set-clipboard on`); tmux drops what it does not allow. GNU screen takes short pieces, which cannot hold an ST.
    """
    payload = base64.b64encode(text.encode("utf-8", "replace"))
    if len(payload) > COPY_LIMIT:
        return None
    term = env.get("TERM", "")
    if env.get("TMUX") or term.startswith("tmux"):
        bare = b"\x1b]52;c;" + payload + b"\x1b\\"
        return b"\x1bPtmux;" + bare.replace(b"\x1b", b"\x1b\x1b") + b"\x1b\\" + bare
    if env.get("STY") or term.startswith("screen"):
        whole = b"\x1b]52;c;" + payload + b"\a"
        pieces = (whole[at : at + _SCREEN_PIECE] for at in range(0, len(whole), _SCREEN_PIECE))
        return b"".join(b"\x1bP" + piece + b"\x1b\\" for piece in pieces)
    return b"\x1b]52;c;" + payload + b"\x1b\\"


def write_private(folder: Path, stem: str, text: str) -> Path:
    """Write `text` into a new file in `folder` that only we can read, and give its path.

    Raises OSError if the folder is a link, somebody else's, or writable by others. The file never exists before,
    and no link is followed. Of reports, "crash" and "bug-...", only the newest are kept; other files stay.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    name = f"{stem}-{stamp}-{os.getpid()}-{time.monotonic_ns() % 1_000_000:06}.txt"
    inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _check_owner(inside, folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(name, flags, 0o600, dir_fd=inside), "w", encoding="utf-8", errors="replace") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
        if report := _REPORT.fullmatch(name):
            with suppress(OSError):
                _prune(inside, report[1])
    finally:
        os.close(inside)
    return folder / name


def _prune(folder: int, sort: str) -> None:
    """Remove all reports of a sort but the newest in the open folder; one that can't be removed stays."""
    aged = []
    for name in os.listdir(folder):
        one = _REPORT.fullmatch(name)
        if one is None or one[1] != sort:
            continue
        with suppress(OSError):
            aged.append((os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime_ns, name))
    for _, name in sorted(aged)[:-REPORTS]:
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)


def _check_owner(fd: int, folder: Path) -> None:
    status = os.fstat(fd)
    if status.st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    if status.st_mode & 0o022:
        raise PermissionError(f"{folder} can be written by others")


# Crashing


def _links(error: BaseException) -> Iterator[BaseException]:
    """The exception, and what led to it, newest first; each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, BaseExceptionGroup):
            waiting.extend(reversed(one.exceptions))
        if before := one.__cause__ or (None if one.__suppress_context__ else one.__context__):
            waiting.append(before)


def crash_report(error: BaseException, redact: Callable[[str], str]) -> str:
    """The report of a crash: where, without any local; what, with each message passed through `redact`."""
    parts = []
    for one in _links(error):
        notes = [note for note in getattr(one, "__notes__", ()) if isinstance(note, str)]
        said = redact("\n".join([str(one), *notes]))
        parts.append(f"{type(one).__module__}.{type(one).__qualname__}: {said}\n")
        parts += traceback.StackSummary.extract(traceback.walk_tb(one.__traceback__), limit=200).format()
        parts.append("\n")
    report = "".join(parts)[:_CRASH_LIMIT]
    return "".join(char if char.isprintable() or char == "\n" else "?" for char in report)


def crash_line(error: BaseException, folder: Path | None, redact: Callable[[str], str]) -> str:
    """Write the report of a crash into `folder`; give the one line a person sees. Never raises OSError."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {'/'.join(Path(frames[-1].filename).parts[-2:])}:{frames[-1].lineno}" if frames else ""
    what = f"Opsroom stopped because of a fault of its own ({type(error).__name__}{where})."
    if folder is None:
        return what
    try:
        path = write_private(folder, "crash", crash_report(error, redact))
    except OSError as denied:
        return f"{what} No report could be written: {denied.strerror or type(denied).__name__}."
    return f"{what} Report, without any values: {path}"


def say(line: str) -> None:
    """One line to standard error, whatever has become of Python's own streams."""
    with suppress(OSError):
        if select.select([], [2], [], 0.2)[1]:
            os.write(2, f"{line}\n".encode("utf-8", "replace"))


def quiet_excepthook(folder: Path | None, redact: Callable[[str], str]) -> Callable[..., None]:
    """A `sys.excepthook` for what goes wrong outside the screen: one line, a private report, a true exit code."""

    def hook(_kind: type[BaseException], error: BaseException, _tb: object) -> None:
        if isinstance(error, KeyboardInterrupt):
            leave(EXIT_INTERRUPT)
        say(crash_line(error, folder, redact))
        leave(EXIT_BAD)

    return hook


# Leaving


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()


def leave(code: int) -> NoReturn:
    """End the process now, output flushed if that takes no longer than 0.2 s, whatever threads still hang."""
    flusher = threading.Thread(target=_flush, daemon=True)
    with suppress(RuntimeError):
        flusher.start()
        flusher.join(0.2)
    os._exit(code)


def _ways_out() -> dict[int, int]:
    """Exit code for each signal that means: leave. One that is ignored (nohup) stays ignored."""
    names = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    return {int(n): 128 + n for n in numbers if signal.getsignal(n) is not signal.SIG_IGN}


_FROM_KEYBOARD: Final = frozenset({signal.SIGINT, getattr(signal, "SIGQUIT", signal.SIGINT)})
"""Signals that the terminal also sends to us when they are meant for a program we lent it to."""


class Lifeline:
    """A thread that sleeps until it is time to leave, asks the app to, and sees to it that we are gone in time.

    It hears signals through a pipe, so that it works while the app's own thread hangs.
    """

    def __init__(
        self,
        ask: Callable[[int], None],
        cut: Callable[[int], None],
        *,
        lent: Callable[[], bool],
        nudge: Callable[[], None],
        grace: float,
    ) -> None:
        """`ask(code)` asks the app to leave; `cut(code)` ends the process after `grace` seconds.

        `lent()` says whether another program has the terminal now. `nudge()` wakes the app's thread, where Python
        runs the handlers of other signals: the system may have given the signal to a thread that sleeps on.
        """
        self._ask = ask
        self._cut = cut
        self._lent = lent
        self._nudge = nudge
        self._grace = grace
        self._code = EXIT_OK
        self._until = 0.0
        """When the process is cut, in monotonic seconds."""
        self._codes: dict[int, int] = {}
        self._ear, self._cord = os.pipe()
        os.set_blocking(self._cord, False)

    def tie(self) -> None:
        """Listen. From the main thread signals are taken over too; elsewhere only `pull` is heard."""
        threading.Thread(target=self._wait, name="lifeline", daemon=True).start()
        if threading.current_thread() is not threading.main_thread():
            return
        self._codes = _ways_out()
        for number in self._codes:
            signal.signal(number, lambda number, _frame: self._ring(number))
        signal.set_wakeup_fd(self._cord, warn_on_full_buffer=False)

    def pull(self, code: int) -> None:
        """The app is leaving by itself, with `code`: from now on its time is limited."""
        self._code = code
        self._ring(0)

    def allow(self, seconds: float) -> None:
        """The terminal has been given back: what is left to do may take so long from now, and longer than the grace."""
        self._until = time.monotonic() + seconds

    def _ring(self, number: int) -> None:
        with suppress(BlockingIOError):
            os.write(self._cord, bytes([number]))

    def _heard(self) -> tuple[int, bool]:
        """Wait for a reason to leave: the exit code, and whether the app must still be asked."""
        while True:
            number = os.read(self._ear, 1)[0]
            if number == 0:
                return self._code, False
            if number in self._codes and not (number in _FROM_KEYBOARD and self._lent()):
                return self._codes[number], True
            self._nudge()

    def _wait(self) -> None:
        code, from_outside = self._heard()
        if from_outside:
            self._ask(code)
        self._until = max(self._until, time.monotonic() + self._grace)
        while (left := self._until - time.monotonic()) > 0:
            time.sleep(left)
        self._cut(code)


class Lifelines(_App):
    """Mixin for the app, before `App` among the bases: every way out is clean, private and in time.

    Takes over the crash path, the signals, `exit` and the clipboard. After `run()`, call `leave(app.return_code or 0)`.
    """

    leave_grace: float = 1.5
    """Seconds from the wish to leave to the end of the process, on_unmount hooks included."""
    crash_folder: Path | None = None
    """Where crash reports and long copies go: the private state folder. None: nowhere."""
    at_cut: Callable[[], None] | None = None
    """Called when the process is cut short, from another thread: takes the terminal from whoever has it."""
    _lifeline: Lifeline | None = None
    _crash: str | None = None

    def redact(self, text: str) -> str:
        """An exception's message, fit for the crash report. Withheld unless the app knows better."""
        return WITHHELD

    def stand_aside(self) -> None:
        """The process is stopped next, by Ctrl-Z: let go of what others wait for."""

    def go_on(self) -> None:
        """The process goes on."""

    def leave_with(self, code: int) -> None:
        """Leave with this exit code; from any thread."""
        self._in_loop(lambda: self.exit(return_code=code))

    def allow(self, seconds: float) -> None:
        """After `run()`: what is tidied up now may take so many seconds; then the process ends all the same."""
        if self._lifeline is not None:
            self._lifeline.allow(seconds)

    def _nudge(self) -> None:
        self._in_loop(lambda: None)

    def _in_loop(self, call: Callable[[], None]) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has closed: we are as good as gone
                self._loop.call_soon_threadsafe(call)

    def action_interrupt(self) -> None:
        """Leave as Ctrl-C would have it."""
        self.exit(return_code=EXIT_INTERRUPT)

    def exit(self, result: Any = None, return_code: int = 0, message: Any = None) -> None:
        super().exit(result, return_code, message)
        self._limit_time(return_code)

    def get_driver_class(self) -> type[Driver]:
        if os.name != "posix":
            return super().get_driver_class()
        from tui.driver import QuietDriver

        return QuietDriver

    def copy_to_clipboard(self, text: str) -> None:
        self._clipboard = text
        sequence = copy_sequence(text, os.environ)
        if sequence is None:
            self._copy_to_file(text)
        elif self._driver is not None:
            self._driver.write(sequence.decode("ascii"))

    def _copy_to_file(self, text: str) -> None:
        try:
            if self.crash_folder is None:
                raise FileNotFoundError
            path = write_private(self.crash_folder, "copy", text)
        except OSError:
            self.notify("Too long to copy, and no file could be written.", severity="warning", markup=False)
        else:
            self.notify(f"Too long to copy. It is in {path}", markup=False)

    def _build_driver(self, headless: bool, inline: bool, mouse: bool, size: tuple[int, int] | None) -> Driver:
        driver = super()._build_driver(headless, inline, mouse, size)
        if not headless:
            self._lifeline = Lifeline(
                self.leave_with, self._cut, lent=self._lent, nudge=self._nudge, grace=self.leave_grace
            )
            self._lifeline.tie()
        return driver

    def _lent(self) -> bool:
        return bool(getattr(self._driver, "lent", False))

    def _cut(self, code: int) -> None:
        if self._driver is not None:
            self._driver.stop_application_mode()
        if self.at_cut is not None:
            self.at_cut()
        if self._crash is not None:
            say(self._crash)
        leave(code)

    def _limit_time(self, code: int) -> None:
        if self._lifeline is not None:
            self._lifeline.pull(code)

    def _handle_exception(self, error: Exception) -> None:
        self._return_code = EXIT_BAD
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
            inner = getattr(error, "error", None)  # a worker's failure carries the real one
            reason = inner if isinstance(inner, BaseException) else error
            self._crash = crash_line(reason, self.crash_folder, self.redact)
        self._close_messages_no_wait()
        self._limit_time(EXIT_BAD)

    def _fatal_error(self) -> None:
        self.panic()

    def panic(self, *renderables: object) -> None:
        """Stop because of an error; what `renderables` would show of it stays private."""
        error = sys.exc_info()[1]
        self._handle_exception(error if isinstance(error, Exception) else RuntimeError("panic"))

    def _print_error_renderables(self) -> None:
        if self._crash is None:
            super()._print_error_renderables()
            return
        self._exit_renderables.clear()
        say(self._crash)
        self._crash = None
