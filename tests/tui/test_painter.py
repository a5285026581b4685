"""What goes to the terminal instead of the framework's frames, beside what those would have shown."""

from __future__ import annotations

from collections.abc import Sequence

import pyte
from hypothesis import given
from hypothesis import strategies as st

from tui.painter import AFRESH, FRAME_END, FRAME_START, Painter

LINES, COLUMNS = 4, 12
PARAMETERS = ("", "0", "1", "2;3", "1;31", "39", "38;2;1;2;3;48;2;4;5;6", "38;5;9;4", "7;48;5;200", "91;103")


@st.composite
def runs(draw: st.DrawFn) -> str:
    """A styled text somewhere on the screen, as the framework writes it."""
    line, column = draw(st.integers(1, LINES)), draw(st.integers(1, COLUMNS))
    text = draw(st.text(alphabet="ab █▅é", min_size=1, max_size=COLUMNS - column + 1))
    return f"\x1b[{line};{column}H\x1b[{draw(st.sampled_from(PARAMETERS))}m{text}\x1b[0m"


frames = st.lists(runs(), max_size=5).map(lambda runs: FRAME_START + "".join(runs) + "\x1b[1;1H" + FRAME_END)
others = st.sampled_from([AFRESH, "\x1b]52;c;YQ==\x07", "\x07", "\x1b[2J", "\x1b[3;2Hxy\x1b[K", "word"])


def shown(texts: Sequence[str]) -> tuple[object, ...]:
    """Every cell with its style, and the cursor's place, on a terminal that got these texts."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.Stream(screen)
    for text in texts:
        stream.feed(text)
    cells = [screen.buffer[line][column] for line in range(LINES) for column in range(COLUMNS)]
    return (*cells, screen.cursor.x, screen.cursor.y)


@given(st.lists(frames | others, max_size=8))
def test_the_terminal_shows_what_the_frames_would_have_shown(texts: list[str]) -> None:
    painter = Painter()
    assert shown([painter.paint(text) for text in texts]) == shown(texts)


@given(runs())
def test_the_same_text_again_sends_nothing(text: str) -> None:
    painter = Painter()
    painter.paint(text)
    assert painter.paint(text) == ""


def test_a_new_line_of_the_framework_is_a_place_not_a_scroll() -> None:
    painter = Painter()
    painter.paint("\x1b[1;1Hab\ncd")
    assert painter.paint("\x1b[1;1Hab\nce") == "\x1b[2;2He"


def test_only_the_cells_that_changed_are_sent() -> None:
    painter = Painter()
    painter.paint("\x1b[2;1H\x1b[1;31mwaited  6.7 s\x1b[0m")
    assert painter.paint("\x1b[2;1H\x1b[1;31mwaited  8.7 s\x1b[0m") == "\x1b[2;9H8\x1b[4C"


def test_a_change_of_style_alone_is_sent() -> None:
    painter = Painter()
    painter.paint("\x1b[1;1H\x1b[31mdown\x1b[0m")
    assert painter.paint("\x1b[1;1H\x1b[32mdown\x1b[0m") == "\x1b[1;1H\x1b[32mdown"


def test_a_style_is_said_once_for_all_runs_in_it() -> None:
    painter = Painter()
    painter.paint("\x1b[1;1H\x1b[31mab\x1b[0m")
    assert painter.paint("\x1b[2;1H\x1b[31mcd\x1b[0m\x1b[3;1H\x1b[31mef\x1b[0m") == "\x1b[2;1Hcd\x1b[3;1Hef"


def test_after_something_that_is_not_understood_everything_is_sent_again() -> None:
    painter = Painter()
    frame = "\x1b[1;1H\x1b[31mab\x1b[0m"
    painter.paint(frame)
    assert painter.paint(AFRESH).endswith(AFRESH)
    assert "ab" in painter.paint(frame)


def test_text_whose_width_terminals_disagree_on_is_always_sent_and_never_built_upon() -> None:
    painter = Painter()
    frame = "\x1b[1;1Hmail 📧\x1b[1;8Hok"
    assert painter.paint(frame).endswith("mail 📧\x1b[1;8Hok")
    assert "📧" in painter.paint(frame)
