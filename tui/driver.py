"""The line to the terminal: sleeps while nothing happens, never makes the app wait, gives everything back.

Keys are read in a thread that sleeps until there are any, and stamped when they arrive. Frames are written in another,
what changed of them (`tui.painter`); if the terminal stops reading, frames are dropped and the whole screen is painted
once it reads again.
The event loop must never wait for the terminal here. POSIX only.
"""

from __future__ import annotations

import math
import os
import select
import selectors
import signal
import sys
import termios
import threading
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from textual import constants, events
from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.driver import Driver
from textual.geometry import Size
from textual.message import Message

from tui.capabilities import ascii_only, screen_bytes
from tui.painter import AFRESH, FRAME_END, FRAME_START, Painter
from tui.terminal import EXIT_HANGUP, Lifelines

if TYPE_CHECKING:
    from textual.app import App

BACKLOG_LIMIT: Final = 128 * 1024
"""Characters the terminal may be behind before frames are dropped. One frame may go over it."""

CHUNK: Final = 4096
"""Bytes per write: what a stalled terminal can hold us up with."""

TURN: Final = 0.05
"""Seconds in which the terminal takes the last bytes when we leave, if it takes any and we have the processor."""

TURNS: Final = (3, 10)
"""Turns it has for what waits, and then for the farewell alone. Counted, for a machine may stand still meanwhile."""

RESIZE_PAUSE: Final = 0.05
"""Seconds over which changes of size are gathered into one."""

ESCAPE_PAUSE: Final = constants.ESCAPE_DELAY + 0.01
"""Seconds after which an escape byte alone is the Escape key."""

LENT_AFTER: Final = 0.1
"""Seconds for which a signal from the keyboard may still have been meant for the program that had the terminal."""

_STRING_END: Final = b"\x1b\\"
"""Ends whatever sequence was cut off; nothing where none was."""

_ENTER: Final = "\x1b[?1049h\x1b[?7l\x1b[?25l\x1b[?1004h\x1b[?2004h"
"""Alternate screen, no wrap, no cursor, focus reports, bracketed paste."""
_MOUSE: Final = "\x1b[?1000h\x1b[?1003h\x1b[?1006h"
_ENHANCE: Final = "\x1b[>1u\x1b[?2026$p"
"""Kitty's keyboard protocol, at the level that leaves typing usable if we are killed; can frames be synchronised?"""
_LEAVE_ENHANCED: Final = "\x1b[<u\x1b[?2026l"
_LEAVE: Final = "\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1004l\x1b[?7h\x1b[0m\x1b[?1049l\x1b[?25h"

_MISREADINGS: Final = (ArithmeticError, LookupError, RuntimeError, ValueError, StopIteration, ParseError)
"""What the framework's parser raises on bytes it did not expect; it cannot be used after."""


@contextmanager
def _also_in_background() -> Iterator[None]:
    """What is set meanwhile does not stop us, should we have been moved to the background."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Keyboard:
    """Reads keys in a thread that sleeps until there is one."""

    def __init__(self, fd: int, deliver: Callable[[Message], None], gone: Callable[[], None]) -> None:
        """`deliver` gets each event, `gone` is called once if the terminal closes; both in the thread."""
        self._fd = fd
        self._deliver = deliver
        self._gone = gone
        self._parser = XTermParser()
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._run, name="keyboard", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Read no more. Returns at once."""
        if self._waker < 0:
            return
        waker, self._waker = self._waker, -1
        os.close(waker)  # the thread sees the end of the pipe
        if self._thread is not threading.current_thread():
            self._thread.join(0.5)

    def _run(self) -> None:
        # poll() cannot watch terminals on macOS
        pick = selectors.SelectSelector if sys.platform == "darwin" else selectors.PollSelector
        with pick() as selector:
            selector.register(self._fd, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            pause = None
            while True:
                ready = {key.fd for key, _ in selector.select(pause)}
                if self._wake in ready:
                    break
                if self._fd in ready and not self._take():
                    self._gone()
                    break
                pause = ESCAPE_PAUSE if ready else None
                self._parse("")
        os.close(self._wake)

    def _take(self) -> bool:
        """Read what is there; False if the terminal has gone."""
        try:
            data = os.read(self._fd, 4096)
        except BlockingIOError:
            return True
        except OSError:
            return False
        for char in self._decode(data):
            self._parse(char)
        return bool(data)

    def _parse(self, char: str) -> None:
        """Deliver the events that `char` completes; with none, those that waited for more."""
        try:
            for event in self._parser.feed(char) if char else self._parser.tick():
                self._deliver(event)
        except _MISREADINGS:
            self._parser = XTermParser()


class Outlet:
    """Writes frames to the terminal in a thread; whoever offers one never waits."""

    def __init__(self, fd: int, plain: bool, caught_up: Callable[[], None], gone: Callable[[], None]) -> None:
        """`caught_up` is called when a terminal that missed frames can take one again; `gone` when it closed."""
        self._fd = fd
        self._plain = plain
        self._caught_up = caught_up
        self._gone = gone
        self._news = threading.Condition()
        self._waiting: list[str] = []
        self._painter = Painter()
        self._backlog = 0
        self._missed = False
        self._dead = False
        self._farewell: str | None = None
        self._cut = False
        self._leaving = False
        """True when nothing but the farewell is still to be written."""
        self._thread = threading.Thread(target=self._run, name="outlet", daemon=True)
        self._thread.start()

    def offer(self, text: str) -> bool:
        """Have `text` written soon; False if the terminal is too far behind and it was dropped."""
        with self._news:
            if self._backlog > BACKLOG_LIMIT or self._dead or self._farewell is not None:
                self._missed = True
                return False
            self._waiting.append(text)
            self._backlog += len(text)
            self._news.notify()
        return True

    def forget(self) -> None:
        """Take nothing of what the terminal shows for granted any more."""
        with self._news:
            self._waiting.append(AFRESH)
            self._backlog += len(AFRESH)
            self._news.notify()

    def close(self, farewell: str) -> bool:
        """Write what waits, then `farewell`; a terminal that takes nothing loses the rest. False if it took neither."""
        with self._news:
            self._farewell = farewell
            self._news.notify()
        for_all, for_the_last = TURNS
        if self._ended(for_all):
            return True
        with self._news:
            self._waiting.clear()
            if not self._leaving:
                self._cut = True
                self._drop()  # what holds up the thread
        return self._ended(for_the_last)

    def _ended(self, turns: int) -> bool:
        for _ in range(turns):
            self._thread.join(TURN)
            if not self._thread.is_alive():
                return True
        return False

    def _run(self) -> None:
        while texts := self._next():
            self._send(screen_bytes("".join(map(self._painter.paint, texts)), self._plain))
            self._sent(sum(map(len, texts)))
        with self._news:
            self._leaving = True
        if self._cut:
            self._drop()  # what the cut write has filled the terminal with again
        self._send((_STRING_END if self._cut else b"") + (self._farewell or "").encode("ascii"), last=True)

    def _drop(self) -> None:
        """Throw away what the terminal has not taken, and wake the write that waits for room.

        Linux wakes nobody for the first; for settings, were they the same, it does.
        """
        with _also_in_background(), suppress(termios.error):
            termios.tcflush(self._fd, termios.TCOFLUSH)
            termios.tcsetattr(self._fd, termios.TCSANOW, termios.tcgetattr(self._fd))

    def _next(self) -> list[str]:
        """All that waits; nothing when it is time to stop."""
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._farewell is not None)
            texts, self._waiting = self._waiting, []
        return texts

    def _sent(self, size: int) -> None:
        with self._news:
            self._backlog -= size
            catch_up = self._missed and self._backlog == 0 and self._farewell is None and not self._dead
            if catch_up:
                self._missed = False
        if catch_up:
            self._caught_up()

    def _send(self, data: bytes, last: bool = False) -> None:
        at = 0
        while at < len(data) and not self._dead and (last or not self._cut):
            try:
                at += os.write(self._fd, data[at : at + CHUNK])
            except BlockingIOError:  # another program has made the terminal non-blocking
                select.select([], [self._fd], [])
            except OSError:
                self._dead = True
                if not last:
                    self._gone()


class QuietDriver(Driver):
    """The terminal as the app sees it."""

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        term = os.environ.get("TERM", "")
        self.enhanced = not term.startswith(("linux", "vt", "screen", "cygwin")) and (
            os.environ.get("TERM_PROGRAM") != "Apple_Terminal"  # prints a letter of the query
        )
        """Whether it is spoken to in Kitty's keyboard protocol."""
        self._plain = ascii_only(os.environ)
        self._turn = threading.Lock()
        self._keyboard: Keyboard | None = None
        self._outlet: Outlet | None = None
        self._found: list[Any] | None = None
        """The terminal's settings as we found them."""
        self._frame: list[str] | None = None
        """The parts of a synchronised frame, while one is being drawn."""
        self._drawn_for = (0, 0)
        """The size that the last text was drawn for."""
        self._resize_due = False
        self._tell_resume = False
        self._lent_until = 0.0

    @property
    def lent(self) -> bool:
        """Does another program have the terminal now, or had it a moment ago? Then its Ctrl-C is not meant for us."""
        return time.monotonic() < self._lent_until

    @property
    def can_suspend(self) -> bool:
        return True

    def write(self, data: str) -> None:
        """Send text to the terminal; a synchronised frame goes as a whole or not at all. Never waits."""
        if self._frame is not None:
            self._frame.append(data)
            if data == FRAME_END:
                data, self._frame = "".join(self._frame), None
                self._offer(data)
        elif data == FRAME_START:
            self._frame = [data]
        else:
            self._offer(data)

    def paint_afresh(self) -> None:
        """Send the next frame whole, whatever the terminal shows."""
        if self._outlet is not None:
            self._outlet.forget()

    def _offer(self, data: str) -> None:
        if data and self._outlet is not None:
            size = self._app.size
            if size != self._drawn_for:
                self._drawn_for = size
                self._outlet.forget()
            self._outlet.offer(data)

    def start_application_mode(self) -> None:
        self._set_raw()
        self._frame = None
        self._size = self._measure()
        outlet = Outlet(1, self._plain, self._repaint, self._hang_up)
        outlet.offer(_ENTER + (_MOUSE if self._mouse else "") + (_ENHANCE if self.enhanced else ""))
        self._outlet = outlet
        self._listen({signal.SIGWINCH: self._resized, signal.SIGTSTP: self._stop, signal.SIGCONT: self._continued})
        self._keyboard = Keyboard(0, self.process_message, self._hang_up)
        self._send_size()
        if self._tell_resume:
            self._tell_resume = False
            self.send_message(self.SignalResume())

    def disable_input(self) -> None:
        if self._keyboard is not None:
            self._keyboard.stop()
            self._keyboard = None
            with suppress(termios.error):
                termios.tcflush(0, termios.TCIFLUSH)

    def stop_application_mode(self) -> None:
        """Give the terminal back as it was found. From any thread; a second call does nothing."""
        with self._turn:
            if self._outlet is None:
                return
            self._listen(dict.fromkeys((signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)))
            self.disable_input()
            outlet, self._outlet = self._outlet, None
            outlet.close((_LEAVE_ENHANCED if self.enhanced else "") + _LEAVE)
            self._set_found()

    def suspend_application_mode(self) -> None:
        self._lent_until = math.inf
        super().suspend_application_mode()

    def resume_application_mode(self) -> None:
        super().resume_application_mode()
        self._lent_until = time.monotonic() + LENT_AFTER

    def lend(self, stopped: Callable[[], None], continued: Callable[[], None]) -> None:
        """Give the terminal back, for another program to have.

        `stopped` is called when somebody wants us stopped meanwhile, in our place; `continued` when we go on.
        """
        self.suspend_application_mode()
        self._listen({signal.SIGTSTP: stopped, signal.SIGCONT: continued})

    def _set_raw(self) -> None:
        """Keys one by one, without echo and without signals. In the background this waits for the foreground."""
        try:
            self._found = termios.tcgetattr(0)
            raw = termios.tcgetattr(0)
            raw[0] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR | termios.ISTRIP)
            raw[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
            raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
            termios.tcsetattr(0, termios.TCSANOW, raw)
        except termios.error:
            self._found = None

    def _set_found(self) -> None:
        if self._found is None:
            return
        with _also_in_background(), suppress(termios.error):
            termios.tcsetattr(0, termios.TCSANOW, self._found)

    def _listen(self, calls: dict[signal.Signals, Callable[[], None] | None]) -> None:
        """Have the loop make each call when its signal comes; None gives the signal back to the system."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number, call in calls.items():
            signal.signal(number, signal.SIG_DFL if call is None else self._in_loop(call))

    def _in_loop(self, call: Callable[[], None]) -> Callable[[int, FrameType | None], None]:
        def handler(_number: int, _frame: FrameType | None) -> None:
            self._soon(call)

        return handler

    def _soon(self, call: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop has closed: nobody is left to care
            self._loop.call_soon_threadsafe(call)

    def _resized(self) -> None:
        if not self._resize_due:
            self._resize_due = True
            self._loop.call_later(RESIZE_PAUSE, self._send_size)

    def _send_size(self) -> None:
        self._resize_due = False
        self.paint_afresh()  # many terminals clear or wrap what they show
        size = Size(*self._measure())
        self.send_message(events.Resize(size, size))

    def _measure(self) -> tuple[int, int]:
        """Columns and lines; 80 by 24 for a terminal that does not know."""
        with suppress(OSError):
            columns, lines = os.get_terminal_size(1)
            if columns and lines:
                return columns, lines
        return 80, 24

    def _stop(self) -> None:
        """Give the terminal back and stop, as the terminal's own Ctrl-Z would; take it again on return."""
        self.suspend_application_mode()
        app = self._app
        if isinstance(app, Lifelines):
            app.stand_aside()
        os.kill(0, signal.SIGTSTP)
        if isinstance(app, Lifelines):
            app.go_on()
        self._tell_resume = True
        self.resume_application_mode()
        self._repaint()

    def _continued(self) -> None:
        """Somebody stopped us without a word and the shell may have changed the terminal: set it up again."""
        if self._outlet is not None:
            self.stop_application_mode()
            self.start_application_mode()
            self._repaint()

    def _repaint(self) -> None:
        self._soon(lambda: self._app.call_later(self._app.refresh))

    def _hang_up(self) -> None:
        """The terminal has gone; so do we."""
        app = self._app
        if isinstance(app, Lifelines):
            app.leave_with(EXIT_HANGUP)
        else:
            self._soon(lambda: app.exit(return_code=EXIT_HANGUP))
