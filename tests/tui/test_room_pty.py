"""The whole program on a real terminal: it opens, answers keys, is drawn as the terminal can, and leaves it whole."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from desk.locks import FileLocks, Held
from desk.replay import evidence
from desk.replay.recording import Recording
from tests.tui.pty_app import PtyApp, python
from tui.places import Places

pytestmark = pytest.mark.terminal

PROFILE = """system = "shop"
environment = "production"
production = true
[host.local]
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A person with one profile."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "shop.toml").write_text(PROFILE)
    return tmp_path


@contextmanager
def opsroom(
    home: Path, *words: str, size: tuple[int, int] = (100, 30), environ: Mapping[str, str] | None = None
) -> Iterator[PtyApp]:
    """The program, started as a person would."""
    env = {"OPSROOM_HOME": str(home), "HOME": str(home), **(environ or {})}
    with PtyApp(python("-m", "tui", *words), size=size, env=env, cwd=home) as app:
        yield app


def opened(app: PtyApp, *texts: str) -> None:
    """Wait until the first reading is on the screen."""
    for text in ("HOST", "ago", *texts):
        app.wait_for(text)


def whole(app: PtyApp) -> None:
    """The terminal is as it was found: no other screen, no mouse, a cursor, its settings."""
    left_on = {mode for mode, on in app.modes.items() if on}
    assert left_on <= {7, 25}
    assert app.modes[25]
    assert not app.modes[1049]
    assert app.current_settings == app.settings


# In and out


def test_it_opens_on_the_machine_within_seconds_and_q_gives_the_terminal_back(home: Path) -> None:
    with opsroom(home) as app:
        opened(app, "shop", "PRODUCTION", "disarmed", "? help")
        assert time.monotonic() - app.started < 8
        app.send("q")
        assert app.wait_exit() == 0
        whole(app)


def test_escape_never_leaves(home: Path) -> None:
    with opsroom(home) as app:
        opened(app)
        app.send("\x1b")
        app.wait_quiet()
        assert app.running
        app.send("q")
        assert app.wait_exit() == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGQUIT, 131)]
)
def test_a_signal_ends_it_with_its_code_and_the_terminal_whole(home: Path, number: signal.Signals, code: int) -> None:
    with opsroom(home) as app:
        opened(app)
        app.signal(number)
        assert app.wait_exit() == code
        whole(app)


def test_ctrl_c_leaves_at_once_with_its_code(home: Path) -> None:
    with opsroom(home) as app:
        opened(app)
        app.send("\x03")
        assert app.wait_exit() == 130
        whole(app)


@pytest.mark.usefixtures("bash")
def test_ctrl_z_hands_the_shell_its_terminal_and_fg_brings_the_room_back(home: Path) -> None:
    shell = ["bash", "--norc", "--noprofile", "-i"]
    env = {"PS1": "shell> ", "HISTFILE": "/dev/null", "OPSROOM_HOME": str(home), "HOME": str(home)}
    with PtyApp(shell, size=(100, 30), env=env, cwd=home) as app:
        app.wait_for("shell>")
        app.send(" ".join([*python("-m", "tui"), "\r"]))
        opened(app)
        app.send("\x1a")
        app.wait_for("Stopped")
        assert not app.modes[1049]
        assert app.modes[25]
        app.send("fg\r")
        app.wait_until(lambda: app.modes[1049], why="the room again")
        opened(app)
        app.send("q")
        app.wait_until(lambda: not app.modes[1049], why="the shell again")
        app.send("exit 0\r")
        app.wait_exit()


@pytest.mark.usefixtures("bash")
def test_a_session_that_is_stopped_keeps_nobody_from_leading(home: Path) -> None:
    """Nobody would be told of anything while its person is in the shell."""
    places = Places.of({"OPSROOM_HOME": str(home), "HOME": str(home)})
    lock = f"inbox {places.system('shop', 'production') / 'inbox.db'} host.local"

    def leads() -> bool:
        try:
            FileLocks(places.locks).claim(lock, "another session").release()
        except Held:
            return True
        return False

    env = {"PS1": "shell> ", "HISTFILE": "/dev/null", "OPSROOM_HOME": str(home), "HOME": str(home)}
    with PtyApp(["bash", "--norc", "--noprofile", "-i"], size=(100, 30), env=env, cwd=home) as app:
        app.wait_for("shell>")
        app.send(" ".join([*python("-m", "tui"), "\r"]))
        opened(app)
        app.wait_until(leads, why="the lead")
        app.send("\x1a")
        app.wait_for("Stopped")
        assert not leads()
        app.send("fg\r")
        app.wait_until(lambda: app.modes[1049], why="the room again")
        app.wait_until(leads, why="the lead again")
        app.send("q")
        app.wait_until(lambda: not app.modes[1049], why="the shell again")
        app.send("exit 0\r")
        app.wait_exit()


def test_ctrl_l_paints_over_what_something_else_wrote(home: Path) -> None:
    with opsroom(home) as app:
        opened(app)
        app.screen.reset()
        app.send("\x0c")
        opened(app, "? help", "PRODUCTION")


def test_a_dead_connection_ends_it(home: Path) -> None:
    with opsroom(home) as app:
        opened(app)
        app.close_master()
        assert app.wait_exit_unread() in (129, -1)


def test_a_target_that_hangs_does_not_hold_anybody_up(home: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        (home / "config" / "shop.toml").write_text(f'{PROFILE}[http.silent]\nurl = "{url}"\n')
        with opsroom(home) as app:
            opened(app)
            began = time.monotonic()
            app.send("q")
            assert app.wait_exit() == 0
            assert time.monotonic() - began < 10
            whole(app)


# Keys


def test_a_digit_opens_the_block_and_q_comes_back(home: Path) -> None:
    with opsroom(home) as app:
        opened(app)
        app.send("1")
        app.wait_for("local  host")
        app.send("q")
        app.wait_until(lambda: "local  host" not in app.text, why="the overview")
        assert app.running


def test_the_question_mark_explains_keys_and_numbers(home: Path) -> None:
    with opsroom(home) as app:
        opened(app)
        app.send("?")
        app.wait_for("Keys: overview")
        app.send("\x1b")
        app.wait_until(lambda: "Keys: overview" not in app.text, why="the overview")


def test_the_colon_finds_everything_by_name(home: Path) -> None:
    with opsroom(home) as app:
        opened(app)
        app.send(":local")
        app.wait_for("open local")
        app.send("\r")
        app.wait_for("local  host")


def test_keys_of_ones_own_work_from_the_start(home: Path) -> None:
    (home / "config" / "preferences.toml").write_text('theme = "day"\n[keys]\n"room.help" = "H"\n')
    with opsroom(home) as app:
        opened(app, "H help")
        app.send("H")
        app.wait_for("Keys: overview")


# Any terminal


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 48), (250, 70)])
def test_every_size_shows_what_counts(home: Path, size: tuple[int, int]) -> None:
    with opsroom(home, size=size) as app:
        opened(app, "shop", "? help")
        assert len(app.text.splitlines()) == size[1]
        app.send("1")
        app.wait_for("local  host")


@pytest.mark.parametrize("size", [(20, 5), (3, 2)])
def test_a_terminal_that_is_far_too_small_can_be_made_larger(home: Path, size: tuple[int, int]) -> None:
    with opsroom(home, size=size) as app:
        app.wait_until(lambda: len(app.output) > 50, why="a first picture")
        app.resize(80, 24)
        opened(app)


def colours(output: bytes) -> set[bytes]:
    """Every number that sets a colour; 39 and 49 are the terminal's own."""
    import re

    found: set[bytes] = set()
    for numbers in re.findall(rb"\x1b\[([\d;]*)m", output):
        found |= {one for one in numbers.split(b";") if one and (30 <= int(one) <= 49 or 90 <= int(one) <= 107)}
    return found - {b"39", b"49"}


def test_without_colours_every_state_is_told_by_word_and_sign(home: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (home / "config" / "shop.toml").write_text(
        PROFILE
        + f'[http.gone]\nurl = "http://127.0.0.1:{port}/"\n[http.secretless]\nurl = "env:NOT_SET"\n'
        + '[[rule]]\nname = "always"\nkind = "host"\ngauge = "cores"\nop = ">"\nthreshold = 0\n'
        + 'severity = "warning"\nsay = "{value} cores at work"\n'
    )
    with opsroom(home, environ={"NO_COLOR": "1"}) as app:
        opened(app, "DOWN refused", "▲", "✕", "cores at work", "gone", "secretless", "alerts")
        assert colours(bytes(app.output)) == set()


@pytest.mark.parametrize(("term", "environ"), [("linux", {}), ("xterm", {}), ("xterm-256color", {"FORCE_COLOR": "1"})])
def test_a_terminal_is_given_no_more_colours_than_it_has(home: Path, term: str, environ: dict[str, str]) -> None:
    with opsroom(home, environ={"TERM": term, **environ}) as app:
        opened(app)
        found = colours(bytes(app.output))
        assert found
        assert (b"38" in found or b"48" in found) is ("256" in term)
        assert b"\x1b[38;2;" not in app.output


@pytest.mark.parametrize("environ", [{"LANG": "C"}, {"LANG": "", "LC_ALL": "POSIX"}, {"LANG": "en_GB.ISO-8859-1"}])
def test_a_locale_without_utf8_gets_ascii_only(home: Path, environ: dict[str, str]) -> None:
    with opsroom(home, environ=environ) as app:
        opened(app, "? help")
        app.send("1")
        app.wait_for("local  host")
        app.send("?")
        app.wait_for("Keys: detail")
        app.wait_quiet()
        assert bytes(app.output).isascii()


def test_ascii_can_be_asked_for(home: Path) -> None:
    with opsroom(home, "--ascii") as app:
        opened(app)
        assert bytes(app.output).isascii()


@pytest.mark.parametrize("theme", ["night", "day", "safe", "plain"])
def test_each_theme_opens(home: Path, theme: str) -> None:
    with opsroom(home, "--theme", theme) as app:
        opened(app)


def test_the_mouse_is_left_alone_over_a_connection(home: Path) -> None:
    with opsroom(home, environ={"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}) as app:
        opened(app)
        assert not {1000, 1002, 1003, 1006} & {mode for mode, on in app.modes.items() if on}


# Refused


def refusal(home: Path, *words: str, stdin: Path | None = None, **environ: str) -> str:
    """What is said by a program that doesn't open and leaves the terminal alone."""
    env = {"OPSROOM_HOME": str(home), "HOME": str(home), **environ}
    with PtyApp(python("-m", "tui", *words), size=(200, 24), env=env, stdin=stdin, cwd=home) as app:
        assert app.wait_exit() == 2
        assert app.modes == {}
        assert app.current_settings == app.settings
        assert "Traceback" not in app.text
        return app.text


@pytest.mark.parametrize("term", ["dumb", "unknown", "vt100"])
def test_a_terminal_that_cannot_draw_is_refused(home: Path, term: str) -> None:
    assert f"cannot be drawn on a terminal of type {term}" in refusal(home, TERM=term)


def test_a_terminal_nobody_named_is_refused(home: Path) -> None:
    assert "TERM is not set" in refusal(home, TERM="")


def test_input_that_is_no_terminal_is_refused(home: Path) -> None:
    assert "the input is not one" in refusal(home, stdin=Path("/dev/null"))


def test_a_theme_nobody_made_is_refused(home: Path) -> None:
    assert "no theme named sunset; there are night, day, safe, plain" in refusal(home, "--theme", "sunset")
    assert "no theme named sunset" in refusal(home, OPSROOM_THEME="sunset")


def test_wrong_preferences_are_refused_with_file_and_line(home: Path) -> None:
    path = home / "config" / "preferences.toml"
    path.write_text('theme = "sunset"\n[keys]\n"table.sort" = "slash"\n')
    said = refusal(home)
    assert f"{path}:1: theme: must be one of night, day, safe, plain" in said
    assert f"{path}:3: keys.table.sort: slash is bound to both table.sort and table.filter" in said


def test_a_broken_profile_never_opens_the_room(home: Path) -> None:
    (home / "config" / "shop.toml").write_text(PROFILE + "evry = 3\n")
    assert "shop.toml:5: host.local.evry: is not a known key; did you mean every?" in refusal(home)


# Privacy


def test_no_secret_reaches_the_screen(home: Path) -> None:
    canary = "hunter2-canary"
    (home / "config" / "shop.toml").write_text(PROFILE + '[http.health]\nurl = "env:HEALTH"\n')
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://app:{canary}@127.0.0.1:{free.getsockname()[1]}/"
    with opsroom(home, environ={"HEALTH": url}) as app:
        opened(app, "DOWN refused")
        for keys in ("1", "d", "\x1b", "q", "A", "q", "?", "q"):
            app.send(keys)
            app.wait_quiet(0.1)
        app.send("q")
        assert app.wait_exit() == 0
        assert canary.encode() not in app.output
    kept = [path for path in (home / "state").rglob("*") if path.is_file()]
    assert not [path for path in kept if canary.encode() in path.read_bytes()]
    (box,) = [path for path in kept if path.name == "tape.db"]
    recording = Recording.open(box, lambda kind: None)
    evidence.write(recording, home / "all.json", *(recording.edges() or ()))
    recording.close()
    assert "connection refused" in (home / "all.json").read_text()
    assert canary not in (home / "all.json").read_text()
