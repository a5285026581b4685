"""The driver at the level of bytes: a real program on a real pseudo-terminal."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.tui.pty_app import PtyApp, python
from tui.driver import Outlet

pytestmark = pytest.mark.terminal

TINY = python("-m", "tests.tui.tiny_app")
MOUSE_TOO = [*TINY, "mouse"]
OFF_AT_THE_END = (1049, 1000, 1002, 1003, 1006, 1015, 1016, 2004, 2026, 1004)
"""Private modes that must not outlive the program: alternate screen, mouse, paste, frames, focus."""


@contextmanager
def started(argv: list[str] = MOUSE_TOO, **options: object) -> Iterator[PtyApp]:
    with PtyApp(argv, **options) as app:  # type: ignore[arg-type]
        app.wait_for("ready")
        app.wait_quiet(0.1)
        yield app


def assert_given_back(app: PtyApp) -> None:
    on = {mode for mode, value in app.modes.items() if value}
    assert not on.intersection(OFF_AT_THE_END)
    assert {7, 25} <= on, "line wrap and cursor are back"
    assert app.current_settings == app.settings


def assert_calm(app: PtyApp, limit: float = 0.1) -> None:
    """Less than `limit` of a processor over a second."""
    before = app.cpu_seconds()
    app.wait_quiet(1.0, timeout=3)
    assert app.cpu_seconds() - before < limit


def test_leaving_by_key_gives_the_terminal_back_at_once() -> None:
    with started() as app:
        began = time.monotonic()
        app.send("q")
        assert app.wait_exit() == 0
        assert time.monotonic() - began < 8
        assert_given_back(app)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGQUIT, 131), (signal.SIGTERM, 143)],
)
def test_a_signal_to_leave_restores_the_terminal_and_runs_the_hooks(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    with started(env={"MARK": str(mark)}) as app:
        began = time.monotonic()
        app.signal(number)
        assert app.wait_exit() == code
        assert time.monotonic() - began < 8
        assert_given_back(app)
    assert mark.read_text() == "unmounted"


def test_ctrl_c_is_an_interrupt() -> None:
    with started() as app:
        app.send("\x03")
        assert app.wait_exit() == 130
        assert_given_back(app)


@pytest.mark.parametrize("ignored", [(), (signal.SIGHUP,)], ids=["hup", "nohup"])
def test_a_dropped_connection_ends_the_app(ignored: tuple[signal.Signals, ...], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with started(env={"MARK": str(mark)}, ignore=ignored) as app:
        began = time.monotonic()
        app.close_master()
        assert app.wait_exit() == 129
        assert time.monotonic() - began < 8
    assert mark.read_text() == "unmounted"


def test_a_keyboard_at_its_end_ends_the_app() -> None:
    with PtyApp(MOUSE_TOO, stdin=Path("/dev/null")) as app:
        assert app.wait_exit() == 129
        assert {m for m, on in app.modes.items() if on}.isdisjoint(OFF_AT_THE_END)


def test_an_app_that_hangs_still_leaves_when_told(tmp_path: Path) -> None:
    hanging = tmp_path / "hanging"
    with started(env={"HANG": str(hanging)}) as app:
        app.send("h")
        app.wait_until(hanging.exists)
        began = time.monotonic()
        app.signal(signal.SIGTERM)
        assert app.wait_exit() == 143
        assert time.monotonic() - began < 10
        assert_given_back(app)


def test_a_hook_that_hangs_cannot_hold_the_app_back(tmp_path: Path) -> None:
    with started(env={"SLOW_END": "1"}) as app:
        began = time.monotonic()
        app.send("q")
        assert app.wait_exit() == 0
        assert time.monotonic() - began < 10
        assert_given_back(app)


@pytest.mark.alone
def test_an_idle_app_sleeps() -> None:
    with started() as app:
        before = app.wakeups(), app.cpu_seconds()
        app.read(2)
        assert app.wakeups() - before[0] <= 2
        assert app.cpu_seconds() - before[1] <= 0.02


KEYS: list[tuple[str | bytes, str]] = [
    ("j", "j"),
    ("\x1b", "escape"),
    ("\x1b[A", "up"),
    ("\x1b[99999999999;1uk", "k"),
    (b"\xff\xfen", "n"),
    ("\x1b[?2026;2$ym", "m"),
    ("ü", "ü"),
]


def test_keys_arrive_whatever_came_before_them() -> None:
    with started() as app:
        for keys, name in KEYS:
            app.send(keys)
            app.wait_for(f"key={name};")


def test_a_large_paste_is_one_event_and_keys_work_after_it() -> None:
    with started() as app:
        app.send("\x1b[200~")
        for _ in range(100):
            app.send("q" * 1000)
            app.read(0)
        app.send("\x1b[201~j")
        app.wait_for("key=j;")


def test_the_mouse_is_left_alone_unless_wanted() -> None:
    with started(TINY) as app:
        assert not any(app.modes.get(mode) for mode in (1000, 1002, 1003, 1006))
    with started(MOUSE_TOO) as app:
        assert app.modes[1000]
        assert app.modes[1006]


class Beats:
    """The tiny app's own account of how its event loop does, kept in a file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "beats"

    def _read(self) -> list[str]:
        return (self.path.read_text().split() if self.path.exists() else []) or ["0", "0"]

    @property
    def count(self) -> int:
        return int(self._read()[0])

    @property
    def worst(self) -> float:
        return float(self._read()[1])


@contextmanager
def stalled(folder: Path, beats: int) -> Iterator[tuple[PtyApp, Beats]]:
    """An app that paints at 50 Hz on a terminal that has not read for that many frames."""
    beat = Beats(folder)
    with started(env={"BEATS": str(beat.path)}) as app:
        app.send("\x1b[?2026;2$y")  # the terminal can synchronise frames
        app.send("t")
        app.wait_until(lambda: beat.count > 20, why="beats")
        wanted = beat.count + beats
        app.wait_unread(lambda: beat.count > wanted)
        yield app, beat


@pytest.mark.alone
def test_a_terminal_that_stops_reading_stops_nothing_else(tmp_path: Path) -> None:
    with stalled(tmp_path, beats=100) as (app, beat):
        memory = app.memory()
        wanted = beat.count + 200
        app.wait_unread(lambda: beat.count > wanted)
        assert beat.worst < 2, "half of the stall: a loop that waits for the terminal has no beat at all"
        assert app.memory() - memory < 2 * 1024 * 1024
        seen = beat.count
        app.wait_until(lambda: any(f"beats={n};" in app.text for n in range(seen, beat.count + 1)), why="news")
        app.wait_for("ready")
        app.wait_for("size=80x24;")
        app.send("q")
        assert app.wait_exit() == 0
        assert_given_back(app)
    frames = bytes(app.output)
    assert frames.count(b"\x1b[?2026h") + 1 == frames.count(b"\x1b[?2026l"), "each frame ends; leaving adds one"


def test_leaving_waits_for_no_stalled_terminal(tmp_path: Path) -> None:
    with stalled(tmp_path, beats=150) as (app, _):
        app.send("q")
        assert app.wait_exit_unread() == 0
        app.wait_exit()
        assert_given_back(app)


def test_a_stalled_terminal_takes_the_farewell_before_it_is_let_go() -> None:
    master, slave = os.openpty()
    outlet = Outlet(slave, True, lambda: None, lambda: None)
    try:
        while outlet.offer("0123456789" * 1000):  # until it is as far behind as it may be
            pass
        assert outlet.close("\x1b[?1049l"), "whoever writes was woken, and has ended"
        said = b""
        while select.select([master], [], [], 0)[0]:
            said += os.read(master, 65536)
        assert said.endswith(b"\x1b\\\x1b[?1049l")
    finally:
        os.close(slave)
        os.close(master)


def test_a_storm_of_sizes_is_survived() -> None:
    with started() as app:
        sizes = [(1, 1), (0, 0), (250, 60), (20, 5), (3, 70), (500, 200), (80, 1)]
        for turn in range(400):
            app.resize(*sizes[turn % len(sizes)])
            app.read(0.005)
        app.resize(91, 27)
        app.wait_for("size=91x27;")
        assert_calm(app)
        app.send("q")
        assert app.wait_exit() == 0
        assert_given_back(app)


@pytest.mark.usefixtures("bash")
def test_ctrl_z_stops_and_fg_brings_the_screen_back() -> None:
    shell = ["bash", "--norc", "--noprofile", "-i"]
    with PtyApp(shell, env={"PS1": "shell> ", "HISTFILE": "/dev/null"}) as app:
        app.wait_for("shell>")
        app.send(" ".join([*MOUSE_TOO, "\r"]))
        app.wait_for("size=80x24;")
        app.wait_quiet(0.1)
        app.send("\x1a")
        app.wait_for("Stopped")
        assert not any(app.modes.get(mode) for mode in OFF_AT_THE_END if mode != 2004)  # bash has paste on
        tiny = psutil.Process(app.pid).children()[0]
        assert tiny.status() == psutil.STATUS_STOPPED
        app.screen.reset()
        app.send("fg\r")
        app.wait_for("size=80x24;")
        app.send("j")
        app.wait_for("key=j;")
        assert app.modes[1049]
        app.send("q")
        app.wait_for("shell>")
        assert not app.modes[1049]
        app.send("exit 0\r")
        app.wait_exit()


def test_ctrl_z_with_nobody_to_return_to_does_not_stop_for_ever() -> None:
    with started() as app:
        app.send("\x1a")
        app.wait_until(lambda: bytes(app.output).count(b"\x1b[?1049h") == 2)
        app.send("j")
        app.wait_for("key=j;")


def test_a_sudden_stop_and_continue_repaints() -> None:
    with started() as app:
        app.signal(signal.SIGSTOP)
        app.wait_until(lambda: psutil.Process(app.pid).status() == psutil.STATUS_STOPPED)
        app.screen.reset()
        app.signal(signal.SIGCONT)
        app.wait_for("size=80x24;")
        app.send("j")
        app.wait_for("key=j;")


def test_a_redraw_paints_over_what_another_program_wrote() -> None:
    with started() as app:
        app.screen.reset()
        app.send("r")
        app.wait_for("size=80x24;")
        app.wait_for("ready")


def test_a_change_of_one_character_sends_little_more() -> None:
    with started() as app:
        app.send("j")
        app.wait_for("key=j;")
        app.wait_quiet(0.1)
        before = len(app.output)
        app.send("k")
        app.wait_for("key=k;")
        app.wait_quiet(0.1)
        assert len(app.output) - before < 60


def test_a_c_locale_gets_ascii_only() -> None:
    with started(env={"LANG": "C", "LC_ALL": "C"}) as app:
        app.send("t")
        app.wait_for("beats=")
        assert all(byte < 0x80 for byte in app.output)


def test_ctrl_c_in_a_program_that_has_the_terminal_is_not_for_us() -> None:
    with started() as app:
        app.send("e")
        app.wait_for("lent")
        assert not app.modes[1049]
        app.send("\x03")
        app.wait_for("back")
        app.send("j")
        app.wait_for("key=j;")
        app.send("q")
        assert app.wait_exit() == 0
