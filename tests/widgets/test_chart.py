"""Charts: every value is where it belongs, gaps are open, no line is too wide, and no label lies on another."""

from __future__ import annotations

import itertools
import math
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from desk.history import Bucket, Cell
from probes.base import Severity, Unit
from widgets.chart import LINES, Chart, Course, Limit, Mark, across, draw, legend, small
from widgets.draw.axis import time_ticks, value_ticks
from widgets.draw.canvas import Canvas, Stroke, Style, slices
from widgets.draw.marks import plain
from widgets.lines import Line, Tone

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp()
HOUR = 3600.0

VALUES = st.floats(-1e9, 1e9, allow_nan=False)
BUCKETS = st.lists(
    st.tuples(st.integers(0, 59), st.lists(VALUES, min_size=1, max_size=4)), unique_by=lambda one: one[0], max_size=40
).map(
    lambda found: [
        Bucket(NOON + at * 60, 60.0, Cell(len(values), min(values), max(values), math.fsum(values), values[-1]))
        for at, values in sorted(found)
    ]
)


def steady(value: float, since: float = NOON, minutes: int = 60, skip: range = range(0)) -> list[Bucket]:
    return [
        Bucket(since + at * 60, 60.0, Cell(1, value, value, value, value)) for at in range(minutes) if at not in skip
    ]


def wave(low: float = 10.0, high: float = 90.0) -> list[Bucket]:
    found = []
    for at in range(60):
        value = low + (high - low) * (1 + math.sin(at / 8)) / 2
        found.append(Bucket(NOON + at * 60, 60.0, Cell(5, value - 4, value + 4, 5 * value, value)))
    return found


def chart(*courses: Course, **more: object) -> Chart:
    return Chart(courses or (Course("depth", wave()),), Unit.COUNT, NOON, NOON + HOUR, **more)  # type: ignore[arg-type]


def text(lines: list[Line]) -> str:
    return "\n".join(line.text.rstrip() for line in lines)


CHARTS = st.builds(
    Chart,
    courses=st.lists(st.builds(Course, st.sampled_from(["mail", "sms", "日本"]), BUCKETS), min_size=1, max_size=6),
    unit=st.sampled_from(list(Unit)),
    since=st.just(NOON),
    until=st.floats(NOON + 10, NOON + 40 * 86400),
    before=st.lists(st.builds(Course, st.just("yesterday"), BUCKETS), max_size=2),
    limits=st.lists(st.builds(Limit, VALUES, st.sampled_from(list(Severity))), max_size=3),
    marks=st.lists(
        st.builds(Mark, st.floats(NOON - 99, NOON + 9999), st.just("▲"), st.just(Tone.WARNING), st.just("x")),
        max_size=3,
    ),
    cursor=st.none() | st.floats(NOON, NOON + 10),
    empty=st.lists(st.text(max_size=30), max_size=3),
    style=st.sampled_from(list(Style)),
)


@settings(deadline=None, max_examples=30)
@given(CHARTS, st.integers(0, 120), st.integers(0, 30))
def test_a_picture_is_as_large_as_asked_and_the_same_for_the_same(made: Chart, width: int, height: int) -> None:
    for paint in (draw, small):
        lines = paint(made, width, max(height, 6))
        assert len(lines) == max(height, 6)
        assert all(cell_len(line.text) <= width for line in lines)
        assert lines == paint(made, width, max(height, 6))
    assert cell_len(legend(made, width).text) <= width
    assert across(made, width, height) >= 1


@settings(deadline=None, max_examples=30)
@given(BUCKETS, st.sampled_from(list(Style)), st.integers(10, 70), st.integers(2, 20))
def test_every_value_is_seen_in_its_column_and_where_there_is_none_nothing_is(
    buckets: list[Bucket], style: Style, width: int, height: int
) -> None:
    low = min((one.cell.least for one in buckets), default=0.0)
    high = max((one.cell.most for one in buckets), default=1.0)
    canvas = Canvas(width, height, low, high, style)
    found = slices(buckets, NOON, NOON + HOUR, canvas.columns)
    grid = canvas.paint(found)
    fine = style.fineness[0]
    for one in buckets:
        first = int((one.start - NOON) / HOUR * canvas.columns + 1e-9)
        for value in (one.cell.mean, *((one.cell.least, one.cell.most) if style is not Style.BLOCKS else ())):
            row = canvas.cell_row(value)
            assert row is not None
            assert grid[row][min(first, canvas.columns - 1) // fine][0] != " "
    for column in range(width):
        if all(one is None for one in found[column * fine : (column + 1) * fine]):
            assert all(line[column][0] == " " for line in grid)


@given(BUCKETS, st.integers(1, 200))
def test_a_column_has_exactly_what_was_in_its_time(buckets: list[Bucket], columns: int) -> None:
    length = HOUR / columns
    for column, one in enumerate(slices(buckets, NOON, NOON + HOUR, columns)):
        left, right = NOON + column * length, NOON + (column + 1) * length
        inside = [b for b in buckets if b.start < right - 1e-6 and b.end > left + 1e-6]
        around = [b for b in buckets if b.start < right + 1e-6 and b.end > left - 1e-6]
        if one is None:
            assert not inside
        else:
            assert min(b.cell.least for b in around) <= one.least <= one.mean <= one.most
            assert one.most <= max(b.cell.most for b in around)
            assert all(one.least <= b.cell.least and one.most >= b.cell.most for b in inside)


@pytest.mark.parametrize("style", list(Style))
def test_a_gap_is_open_and_as_wide_as_it_was_long(style: Style) -> None:
    lines = draw(chart(Course("depth", steady(5.0, skip=range(20, 40))), style=style), 70, 12)
    width = across(chart(Course("depth", steady(5.0))), 70, 12)
    rows = [line.text[-width:] for line in lines[:-2]]
    blank = [column for column in range(width) if all(row[column : column + 1] in (" ", "") for row in rows)]
    assert width / 3 - 3 <= len(blank) <= width / 3 + 1
    assert blank == list(range(blank[0], blank[-1] + 1))


@given(st.floats(-1e12, 1e12), st.floats(1e-3, 1e12), st.sampled_from(list(Unit)), st.integers(2, 20))
def test_ticks_of_values_are_round_in_order_within_and_told_apart(
    low: float, tall: float, unit: Unit, most: int
) -> None:
    if tall < abs(low) * 1e-6:
        return
    ticks = value_ticks(low, low + tall, unit, most)
    assert len(ticks) <= most
    assert [tick.at for tick in ticks] == sorted({tick.at for tick in ticks})
    assert len({tick.label for tick in ticks}) == len(ticks)
    assert all(low - tall * 0.01 <= tick.at <= low + tall * 1.01 for tick in ticks)


@given(st.floats(1e6, 4e9), st.floats(10, 40 * 86400), st.integers(10, 250))
def test_ticks_of_time_are_what_a_clock_shows_and_never_overlap(since: float, span: float, width: int) -> None:
    lines = draw(Chart((Course("depth", ()),), Unit.COUNT, since, since + span), max(width, 24), 8)
    words = re.findall(r"\d\d:\d\d(?::\d\d)?|\d{1,2} [A-Z][a-z]{2}", lines[-1].text)
    assert "".join(words).replace(" ", "") == lines[-1].text.replace(" ", "").removeprefix("UTC")
    for tick in time_ticks(since, since + span, width):
        assert since - 1e-6 <= tick.at <= since + span + 1e-6
        moment = datetime.fromtimestamp(tick.at, UTC)
        assert tick.label in (f"{moment:%H:%M}", f"{moment:%H:%M:%S}") or (moment.hour, moment.minute) == (0, 0)


def test_the_date_stands_where_it_changes() -> None:
    lines = draw(Chart((Course("x", ()),), Unit.COUNT, NOON, NOON + 86400), 80, 8)
    assert "2 Mar" in lines[-1].text
    assert "18:00" in lines[-1].text


def test_a_limit_is_a_line_with_its_number_and_hides_no_value() -> None:
    lines = draw(chart(limits=[Limit(60, Severity.WARNING), Limit(5000, Severity.CRITICAL)]), 70, 16)
    said = text(lines)
    assert "▲ 60" in said
    assert "✕ 5,000 above" in said
    assert "╌╌╌" in said
    bare = draw(chart(), 70, 16)
    for row, other in zip(bare, lines, strict=True):
        for was, now in itertools.zip_longest(row.text, other.text, fillvalue=" "):
            if "\u2801" <= was <= "\u28ff" and "5,000" not in other.text:
                assert "\u2801" <= now <= "\u28ff"


def test_what_happened_stands_on_the_axis_and_the_worse_of_two_is_seen() -> None:
    marks = [
        Mark(NOON + 1800, "✕", Tone.CRITICAL, "bad", 5),
        Mark(NOON + 1801, "●", Tone.GOOD, "good", 1),
        Mark(NOON - 5, "►", Tone.KEY, "before"),
    ]
    axis = draw(chart(marks=marks), 70, 12)[-2].text
    assert axis.count("✕") == 1
    assert not set(axis) & {"●", "►"}
    share = axis.index("✕") / len(axis)
    assert 0.45 < share < 0.6


def test_what_was_yesterday_is_told_from_what_is_now_without_any_colour() -> None:
    beside = draw(chart(Course("now", steady(50.0)), before=[Course("yesterday", steady(20.0))]), 70, 14)
    rows = [line.text[6:] for line in beside if "⠒" in line.text or "⠤" in line.text or "⠂" in line.text]
    assert len({row.strip()[:8] for row in rows}) == len(rows) == 2


def test_the_cursor_stands_in_its_column_also_in_a_gap() -> None:
    lines = draw(chart(Course("depth", steady(5.0, skip=range(20, 40))), cursor=NOON + 1800), 70, 12)
    columns = {line.text.index("┃") for line in lines[:-1] if "┃" in line.text}
    assert len(columns) == 1


def test_several_gauges_are_told_apart_by_letters_at_their_ends_and_in_the_legend() -> None:
    made = chart(Course("mail", steady(10.0)), Course("sms", steady(50.0)), Course("ai", steady(90.0)))
    ends = [line.text.rstrip()[-1] for line in draw(made, 70, 14) if line.text.rstrip()[-1:] in "abc"]
    assert ends == ["c", "b", "a"]
    assert legend(made, 70).text.strip() == "a mail 10   b sms 50   c ai 90"


def test_many_gauges_get_small_pictures_on_one_scale_and_those_without_room_are_counted() -> None:
    made = chart(*(Course(f"queue {number}", steady(float(number))) for number in range(12)))
    assert len(made.courses) > LINES
    said = text(small(made, 80, 20))
    assert "queue 0" in said
    assert "queue 7" in said
    assert "queue 8" not in said
    assert "4 more: PgDn" in said
    assert "each from 0 to 12" in said
    assert "queue 11" in text(small(made, 80, 20, 8))


def test_where_there_is_nothing_the_words_say_why_and_the_time_stays() -> None:
    said = text(draw(chart(Course("depth", ()), empty=["nobody watched from 12:00 to 13:00"]), 70, 12))
    assert "nobody watched from 12:00 to 13:00" in said
    assert "12:30" in said


def test_no_room_is_said() -> None:
    assert draw(chart(), 20, 3)[0].text.strip() == "no room for a chart"


def test_in_ascii_every_character_stays_what_it_is() -> None:
    for line in draw(chart(style=Style.ASCII), 70, 16):
        assert "?" not in plain(line.text)


@pytest.mark.parametrize(("value", "low", "high"), [(0.0, 0, 1), (5.0, 0, 10), (-5.0, -10, 0)])
def test_one_value_alone_has_a_picture_around_it(value: float, low: float, high: float) -> None:
    said = text(draw(chart(Course("depth", steady(value))), 70, 14))
    assert f"{low:g}┤" in said
    assert re.search(rf"{high:g}┤|{high:g}\.0┤", said)


def test_a_stroke_without_a_haze_draws_the_mean_only() -> None:
    canvas = Canvas(30, 10, 0, 100, Style.BRAILLE)
    found = slices(wave(), NOON, NOON + HOUR, canvas.columns)
    band, solid = canvas.paint(found), canvas.paint(found, Stroke.SOLID)
    count = [sum(char != " " for row in grid for char, _ in row) for grid in (band, solid)]
    assert count[0] > count[1]
    assert all(line for row in solid for char, line in row if char != " ")
