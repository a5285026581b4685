"""What the environment says the terminal can show."""

from __future__ import annotations

import doctest

import pytest

from tui import capabilities
from tui.capabilities import ascii_only, colour_system, low_bandwidth, mouse_allowed, screen_bytes


def test_the_examples_in_the_docstrings_hold() -> None:
    failed, tried = doctest.testmod(capabilities)
    assert tried > 3
    assert failed == 0


@pytest.mark.parametrize(
    ("env", "colours"),
    [
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "truecolor"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, None),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, "256"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1", "FORCE_COLOR": "1"}, None),
        ({"TERM": "xterm", "FORCE_COLOR": "3"}, "truecolor"),
        ({"TERM": "xterm-256color", "FORCE_COLOR": "1"}, "256"),
        ({"TERM": "vt220", "FORCE_COLOR": "1"}, "standard"),
        ({"TERM": "xterm-256color", "FORCE_COLOR": "0"}, None),
        ({"TERM": "linux"}, "standard"),
        ({"TERM": "xterm"}, "standard"),
        ({"TERM": "vt220"}, None),
        ({"TERM": "xterm-kitty"}, "truecolor"),
        ({"TERM": "screen.xterm-256color", "STY": "1.pts", "COLORTERM": "truecolor"}, "256"),
        ({}, None),
    ],
)
def test_colours_are_what_the_person_and_the_terminal_allow(env: dict[str, str], colours: str | None) -> None:
    assert colour_system(env) == colours


@pytest.mark.parametrize(
    ("env", "plain"),
    [
        ({"LANG": "en_GB.UTF-8"}, False),
        ({"LANG": "de_DE.utf8"}, False),
        ({"LANG": "C.UTF-8"}, False),
        ({"LC_ALL": "C.UTF-8"}, False),
        ({"LC_CTYPE": "UTF-8"}, False),
        ({"LANG": "C"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "POSIX"}, True),
        ({"LANG": "en_GB.ISO-8859-1"}, True),
        ({"LANG": "en_GB.UTF-8", "TERM": "linux"}, True),
        ({}, True),
    ],
)
def test_the_locale_says_whether_to_draw_in_ascii(env: dict[str, str], plain: bool) -> None:
    assert ascii_only(env) is plain


def test_ascii_keeps_the_width_of_everything() -> None:
    drawn = "╭─┤ ok ├─╮│█▇▁░ ● ○ ▲ → … é ⠿ "
    assert len(screen_bytes(drawn, plain=True)) == len(drawn)
    assert screen_bytes("日e\u0301", plain=True) == b"??e"
    assert screen_bytes("日\ud800", plain=False) == "日?".encode()


def test_the_mouse_stays_off_at_the_far_end_of_a_connection() -> None:
    assert mouse_allowed({"TERM": "xterm"})
    assert not mouse_allowed({"TERM": "xterm", "SSH_TTY": "/dev/pts/1"})
    assert not mouse_allowed({"TERM": "linux"})
    assert low_bandwidth({"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"})
    assert not low_bandwidth({})
