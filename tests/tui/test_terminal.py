"""What we decide about a terminal before the screen opens, and what a crash may say."""

from __future__ import annotations

import base64
import os
import stat
import sys
from pathlib import Path

import pytest

from tests.tui.pty_app import PtyApp, python
from tests.tui.tiny_app import SECRET_HALVES, TinyApp
from tui.terminal import (
    COPY_LIMIT,
    WITHHELD,
    Lifelines,
    copy_sequence,
    crash_line,
    crash_report,
    write_private,
)

pytestmark = pytest.mark.terminal

TINY = python("-m", "tests.tui.tiny_app")
CHECK = python("-c", "from tui.terminal import check_terminal; print('answer:', check_terminal(), ':end')")
SECRET = "".join(SECRET_HALVES)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_the_module_needs_nothing_but_the_standard_library() -> None:
    code = "import sys; sys.path.insert(0, '.'); import tui.terminal; print([m for m in sys.modules if m in " + (
        "('textual', 'rich', 'asyncio', 'pydantic', 'click')])"
    )
    with PtyApp(python("-c", code), size=(200, 24)) as app:
        assert app.wait_exit() == 0
        assert "[]" in app.text


@pytest.mark.parametrize(
    ("term", "words"),
    [
        ("xterm-256color", "answer: None :end"),
        ("linux", "answer: None :end"),
        ("dumb", "type dumb"),
        ("vt100", "type vt100"),
        ("unknown", "type unknown"),
        ("", "TERM is not set"),
    ],
)
def test_the_type_of_terminal_is_checked(term: str, words: str) -> None:
    with PtyApp(CHECK, size=(200, 24), env={"TERM": term}) as app:
        assert app.wait_exit() == 0
        assert words in app.text


def test_input_that_is_no_terminal_is_refused() -> None:
    with PtyApp(CHECK, size=(200, 24), stdin=Path("/dev/null")) as app:
        app.wait_exit()
        assert "the input is not one" in app.text


def test_closed_input_is_refused() -> None:
    with PtyApp(["sh", "-c", 'exec "$@" <&-', "sh", *CHECK], size=(200, 24)) as app:
        assert app.wait_exit() == 0
        assert "the input is not one" in app.text


def test_output_that_is_no_terminal_is_refused() -> None:
    with PtyApp(["sh", "-c", '"$@" | cat', "sh", *CHECK], size=(200, 24)) as app:
        app.wait_exit()
        assert "the output is not one" in app.text


@pytest.mark.parametrize("key", ["x", "w"], ids=["action", "worker"])
def test_a_crash_says_one_line_and_no_secret(key: str, state: Path) -> None:
    with PtyApp(TINY, size=(200, 24), env={"STATE": str(state)}) as app:
        app.wait_for("ready")
        app.send(key)
        assert app.wait_exit() == 1
        assert app.text.count("Opsroom stopped because of a fault of its own") == 1
        assert SECRET.encode() not in app.output
        assert b"Traceback" not in app.output
        assert not app.modes[1049]
        assert app.modes[25]
        assert app.current_settings == app.settings
        (report,) = state.iterdir()
        assert str(report) in app.text.replace("\n", "")
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert SECRET not in report.read_text()
    assert "tiny_app.py" in report.read_text()


def test_a_report_names_each_cause_and_redacts_each_message() -> None:
    def redact(text: str) -> str:
        return text.replace(SECRET, "***")

    try:
        try:
            raise KeyError(SECRET)
        except KeyError as before:
            before.add_note(f"note {SECRET}")
            raise ExceptionGroup("group", [ValueError(f"inner {SECRET}\x1b[2J")]) from before
    except ExceptionGroup as error:
        report = crash_report(error, redact)
    assert SECRET not in report
    assert "\x1b" not in report
    for words in (
        "KeyError: '***'\nnote ***",
        "ExceptionGroup: group",
        "ValueError: inner ***?[2J",
        "test_terminal.py",
    ):
        assert words in report


def test_a_crash_with_no_place_for_the_report_still_says_its_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    line = crash_line(ValueError(SECRET), blocked, lambda text: text)
    assert line.startswith("Opsroom stopped")
    assert "No report could be written" in line
    assert SECRET not in line


def test_a_message_is_withheld_unless_somebody_redacts_it() -> None:
    assert Lifelines.redact(None, SECRET) == WITHHELD  # type: ignore[arg-type]


def test_an_error_outside_the_screen_is_as_private(state: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tui.terminal import *; from tui import terminal\n"
        f"sys.excepthook = terminal.quiet_excepthook(Path({str(state)!r}), lambda text: '-')\n"
        f"password = {SECRET_HALVES[0]!r} + {SECRET_HALVES[1]!r}\n"
        "raise ValueError(password)"
    )
    with PtyApp(python("-c", code), size=(200, 24)) as app:
        assert app.wait_exit() == 1
        assert "Opsroom stopped" in app.text
        assert SECRET.encode() not in app.output
    (report,) = state.iterdir()
    assert SECRET not in report.read_text()


def test_leaving_waits_for_no_thread() -> None:
    code = (
        "import threading, time; from tui.terminal import leave\n"
        "threading.Thread(target=time.sleep, args=(60,)).start(); print('last words'); leave(3)"
    )
    with PtyApp(python("-c", code)) as app:
        assert app.wait_exit(5) == 3
        assert "last words" in app.text


def test_a_private_file_is_ours_alone_whatever_the_umask(state: Path) -> None:
    before = os.umask(0)
    try:
        path = write_private(state, "copy", "text é")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert path.read_text("utf-8") == "text é"


def test_only_the_newest_reports_are_kept(state: Path) -> None:
    for _ in range(9):
        write_private(state, "copy", "text")
    written = [write_private(state, stem, "text") for _ in range(9) for stem in ("crash", "bug-main", "bug-the web")]
    kept = set(state.iterdir())
    crashes, bugs = [path for path in written if path.name[0] == "c"], [path for path in written if path.name[0] == "b"]
    assert {path for path in kept if path.name.startswith("crash")} == set(crashes[-10:])
    assert {path for path in kept if path.name.startswith("bug")} == set(bugs[-10:])
    assert len(kept) == 9 + 9 + 10, "what a person copied is theirs"


def test_pruning_reports_leaves_what_is_no_report_alone(state: Path) -> None:
    path = write_private(state, "crash", "text")
    others = [state / "crash-notes.txt", state / "bug-list.txt", state / f"{path.name}.bak"]
    for other in others:
        other.write_text("")
    (state / "crash-20200101T000000Z-1-000000.txt").mkdir()
    for _ in range(12):
        write_private(state, "crash", "text")
    assert all(other.exists() for other in others)
    assert not path.exists()


def test_a_folder_that_is_a_link_or_open_to_others_is_refused(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(real)
    with pytest.raises(OSError, match="link"):
        write_private(link, "copy", "text")
    real.chmod(0o777)
    with pytest.raises(PermissionError):
        write_private(real, "copy", "text")
    assert not list(real.iterdir())


def test_copying_ends_with_st_and_is_wrapped_where_needed() -> None:
    payload = base64.b64encode("copié".encode())
    bare = b"\x1b]52;c;" + payload + b"\x1b\\"
    assert copy_sequence("copié", {"TERM": "xterm"}) == bare
    wrapped = b"\x1bPtmux;\x1b\x1b]52;c;" + payload + b"\x1b\x1b\\\x1b\\"
    assert copy_sequence("copié", {"TERM": "screen", "TMUX": "/tmp/x,1,0"}) == wrapped + bare
    assert copy_sequence("copié", {"TERM": "tmux-256color"}) == wrapped + bare


def test_copying_through_screen_goes_in_short_pieces() -> None:
    sequence = copy_sequence("x" * 3000, {"TERM": "screen.xterm-256color", "STY": "1.pts"}) or b""
    pieces = sequence.split(b"\x1b\\")
    assert pieces.pop() == b""
    assert all(piece.startswith(b"\x1bP") and len(piece) <= 256 for piece in pieces)
    inner = b"".join(piece.removeprefix(b"\x1bP") for piece in pieces)
    assert inner == b"\x1b]52;c;" + base64.b64encode(b"x" * 3000) + b"\a"


def test_a_copy_that_is_too_long_is_refused() -> None:
    fits = COPY_LIMIT // 4 * 3
    assert copy_sequence("x" * fits, {}) is not None
    assert copy_sequence("x" * (fits + 1), {}) is None


def test_a_copy_in_the_app_is_one_sequence() -> None:
    with PtyApp(TINY) as app:
        app.wait_for("ready")
        app.send("y")
        wanted = b"\x1b]52;c;" + base64.b64encode(b"copied text") + b"\x1b\\"
        app.wait_until(lambda: wanted in app.output)


async def test_a_copy_that_is_too_long_goes_to_a_private_file(state: Path) -> None:
    app = TinyApp()
    app.crash_folder = state
    async with app.run_test():
        app.copy_to_clipboard("x" * 100_000)
    (name,) = os.listdir(state)
    assert name.startswith("copy-")
    assert (state / name).stat().st_size == 100_000


async def test_without_a_screen_a_crash_reaches_the_caller() -> None:
    app = TinyApp()

    async def press_x() -> None:
        async with app.run_test() as pilot:
            await pilot.press("x")
            await pilot.pause()

    with pytest.raises(ValueError, match="cannot connect"):
        await press_x()
    assert app.return_code == 1


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_leaving_survives_output_that_cannot_be_flushed() -> None:
    code = "from tui.terminal import leave\nprint('lost'); leave(2)"
    with PtyApp(["sh", "-c", '"$@" >/dev/full; echo code=$?', "sh", *python("-c", code)]) as app:
        app.wait_exit()
        assert "code=2" in app.text
