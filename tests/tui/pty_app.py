"""A program in a terminal of its own, driven and read as a person would: keys in, bytes out.

Nothing here sleeps for a fixed time: each wait has a condition and a deadline. The terminal is read only while a
method waits, so that not calling any is a terminal that has stopped reading.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import psutil
import pyte

ROOT: Final = Path(__file__).resolve().parents[2]

_BASE_ENV: Final = {
    "TERM": "xterm-256color",
    "LANG": "C.UTF-8",
    "PATH": os.environ.get("PATH", os.defpath),
    "PYTHONPATH": str(ROOT),
}
_LAUNCH: Final = """\
import fcntl, os, signal, sys, termios
fcntl.ioctl(1, termios.TIOCSCTTY, 0)
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)
for number in filter(None, sys.argv[1].split(",")):
    signal.signal(int(number), signal.SIG_IGN)
os.execvp(sys.argv[2], sys.argv[2:])
"""
"""Takes the terminal as its own, forgets which signals the tests themselves were told to ignore (`nohup`, or `&` in a
script), then becomes the program."""

_MODE: Final = re.compile(rb"\x1b\[\?([\d;]+)([hl])")
_BEYOND_PYTE: Final = re.compile(rb"\x1b\[[<>=][\d;]*u|\x1b\[\?[\d;]*\$p")


class PtyApp:
    """Starts `argv` on a new terminal; a context manager that ends it.

        with PtyApp([sys.executable, "app.py"]) as app:
            app.wait_for("ready")
            app.send("q")
            assert app.wait_exit() == 0

    Waits raise AssertionError with the screen in it when their deadline passes.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        size: tuple[int, int] = (80, 24),
        env: Mapping[str, str] | None = None,
        stdin: Path | None = None,
        ignore: Sequence[signal.Signals] = (),
        cwd: Path | None = None,
    ) -> None:
        """`size` in columns and lines; `env` on top of a clean base (an empty value removes a name).

        `stdin`: a file in the keyboard's place. `ignore`: signals the program finds ignored, as under nohup.
        """
        self.screen: pyte.Screen = pyte.Screen(*size)
        self._stream: Any = pyte.ByteStream(self.screen)
        self.output = bytearray()
        """Every byte the program has written and we have read."""
        self.master, slave = os.openpty()
        self.resize(*size)
        self.settings = termios.tcgetattr(slave)
        """The terminal's settings before the program started."""
        self._slave = slave
        self._process = self._start(argv, {**_BASE_ENV, **(env or {})}, stdin, ignore, cwd)
        self.started = time.monotonic()

    def _start(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        stdin: Path | None,
        ignore: Sequence[signal.Signals],
        cwd: Path | None,
    ) -> subprocess.Popen[bytes]:
        keyboard = os.open(stdin, os.O_RDONLY) if stdin else self._slave
        ignored = ",".join(str(int(number)) for number in ignore)
        try:
            return subprocess.Popen(
                [sys.executable, "-IS", "-c", _LAUNCH, ignored, *argv],
                stdin=keyboard,
                stdout=self._slave,
                stderr=self._slave,
                env={name: value for name, value in env.items() if value},
                cwd=cwd,
                start_new_session=True,
            )
        finally:
            if stdin:
                os.close(keyboard)

    def __enter__(self) -> PtyApp:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)
        self.close_master()
        if self._slave >= 0:
            os.close(self._slave)
            self._slave = -1

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Has the program not ended yet?"""
        return self._process.poll() is None

    @property
    def text(self) -> str:
        """The screen as text, one line per row."""
        return "\n".join(self.screen.display)

    @property
    def modes(self) -> dict[int, bool]:
        """Each private mode the program has touched, and whether it left it on."""
        found: dict[int, bool] = {}
        for numbers, verb in _MODE.findall(bytes(self.output)):
            found.update({int(number): verb == b"h" for number in numbers.split(b";")})
        return found

    @property
    def current_settings(self) -> list[Any]:
        """The terminal's settings now."""
        return termios.tcgetattr(self.master)

    def send(self, keys: str | bytes) -> None:
        """Type `keys`."""
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        self._process.send_signal(number)

    def resize(self, columns: int, lines: int) -> None:
        """Change the terminal's size; the kernel tells the program."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        if columns and lines:
            self.screen.resize(lines, columns)

    def close_master(self) -> None:
        """The connection drops: the terminal is gone for the program."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1
            os.close(self._slave)
            self._slave = -1

    def read(self, timeout: float = 0.05) -> bytes:
        """What the program has written, waiting up to `timeout` seconds for the first byte."""
        if self.master < 0 or not select.select([self.master], [], [], timeout)[0]:
            return b""
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return b""
        self.output += data
        self._stream.feed(_BEYOND_PYTE.sub(b"", data))
        return data

    def wait_until(self, condition: Callable[[], bool], timeout: float = 30, why: str = "condition") -> None:
        """Read until `condition()` holds."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"no {why} within {timeout} s; the screen:\n{self.text}")
            self.read(0.01)

    def wait_unread(self, condition: Callable[[], bool], timeout: float = 30) -> None:
        """Wait until `condition()` holds, without reading: a terminal that has stopped."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"not within {timeout} s"
            select.select([], [], [], 0.02)

    def wait_for(self, text: str, timeout: float = 30) -> None:
        """Read until `text` is on the screen."""
        self.wait_until(lambda: text in self.text, timeout, repr(text))

    def wait_quiet(self, quiet: float = 0.3, timeout: float = 30) -> None:
        """Read until the program has written nothing for `quiet` seconds."""
        deadline = time.monotonic() + timeout
        while self.read(quiet):
            assert time.monotonic() < deadline, f"never quiet; the screen:\n{self.text}"

    def wait_exit(self, timeout: float = 30) -> int:
        """Read until the program has ended, and what it left in the terminal; its exit code (-n for signal n)."""
        self.wait_until(lambda: not self.running, timeout, "exit")
        while self.read(0):
            pass
        return self._process.returncode

    def wait_exit_unread(self, timeout: float = 30) -> int:
        """Wait for the end without reading a byte: the terminal has stopped."""
        return self._process.wait(timeout)

    def cpu_seconds(self) -> float:
        """Processor time the program has used."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def wakeups(self) -> int:
        """How often the program's threads have gone to sleep, in all."""
        total = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            status = (task / "status").read_text()
            total += int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])
        return total

    def memory(self) -> int:
        """Resident bytes of the program."""
        return int(psutil.Process(self.pid).memory_info().rss)


def python(*arguments: str) -> list[str]:
    """The command line of this Python."""
    return [sys.executable, *arguments]
