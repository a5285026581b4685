"""Lines, the overview's layout, and the two widgets that paint them."""

from __future__ import annotations

import ast
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len, get_character_cell_size
from textual.app import App, ComposeResult
from textual.geometry import Region

from desk.alert import Alert, of_theirs
from desk.board import Board
from desk.inbox.case import Case, Standing
from probes.base import Cause, Failure, Gap, GaugeKey, Raised, SafeText, Severity, Snapshot, State
from tests.toys import StillClock, Thing, ToyFacts, ToyPanel, target
from widgets.draw.marks import bar, plain, spark
from widgets.folding import folded
from widgets.lines import Line, Span, Tone, fit, line, width_of
from widgets.lineview import LineView
from widgets.overview import (
    LOST,
    Block,
    Entry,
    Heading,
    attention,
    banner,
    draw,
    footer,
    gap_lines,
    key_of,
    parts_of,
    whole,
)
from widgets.panel import Column, Table
from widgets.table import KeyedTable

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def text(one: Line) -> str:
    return "".join(span.text for span in one.spans)


def entry(
    name: str = "shelf",
    things: int = 3,
    severity: Severity | None = None,
    failure: Cause | None = None,
    simulated: bool = False,
) -> Entry:
    clock = StillClock()
    board = Board([target(name, simulated=simulated)], clock)
    if things >= 0:
        facts = ToyFacts(tuple(Thing(f"thing {number}", number) for number in range(things)))
        board.take(Snapshot(name, NOW, 0.0, facts, {GaugeKey("things"): things}))
    if failure is not None:
        board.take(Failure(name, NOW, failure, SafeText("not today"), SafeText("try tomorrow")))
    alerts = () if severity is None else (Alert(name, "many", severity, "things", (), "too many", 990.0, NOW),)
    return Entry(board.slot(name), ToyPanel(), board.series(name), alerts)


class TestSketch:
    def test_a_reading_is_drawn_once_for_each_width(self) -> None:
        one = entry()
        assert one.brief(40) is one.brief(40)
        assert one.brief(30) is not one.brief(40)

    def test_another_reading_or_another_alert_is_drawn_anew(self) -> None:
        first, other = entry(things=3), entry(things=4)
        assert text(line(*replace(other, sketch=first.sketch).headline())) == "4 things"
        assert text(line(*first.headline())) == "3 things"
        worse = replace(first, alerts=entry(severity=Severity.CRITICAL).alerts)
        assert worse.brief(40) is not first.brief(40)


class TestMarks:
    def test_silence_does_not_look_like_idleness(self) -> None:
        assert spark([0, None, 0], 3) == "▁ ▁"

    @given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=50), st.integers(0, 60))
    def test_a_sparkline_has_just_its_width(self, values: list[float | None], width: int) -> None:
        assert len(spark(values, width)) == width

    @given(st.none() | st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 60))
    def test_a_bar_has_just_its_width(self, share: float | None, width: int) -> None:
        assert len(bar(share, width)) == width

    @given(st.text(alphabet=st.characters(categories=["L", "M", "N", "P", "S"]), max_size=60))
    def test_the_ascii_form_is_ascii_and_as_wide(self, raw: str) -> None:
        assert plain(raw).isascii()
        assert len(plain(raw)) == sum(map(get_character_cell_size, raw))

    def test_no_sign_of_ours_becomes_a_question_mark_which_stands_for_what_is_not_known(self) -> None:
        rooms = Path(__file__).resolve().parents[2]
        files = [
            *(rooms / "widgets").glob("*.py"),
            *(rooms / "tui").glob("*.py"),
            *(rooms / "tui/screens").glob("*.py"),
        ]
        said = [node.value for file in files for node in ast.walk(ast.parse(file.read_text()))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)]  # fmt: skip
        signs = {one for one in "".join(said) if unicodedata.category(one)[0] in "PS" and not one.isascii()}
        assert len(signs) > 40
        assert {one for one in signs if plain(one) == "?"} == set()

    @given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"]), max_size=40), st.integers(0, 30))
    def test_fitting_gives_just_the_width(self, raw: str, width: int) -> None:
        assert width_of([fit(raw, width)]) == width


class TestOverview:
    @pytest.mark.parametrize("height", [1, 3, 5, 8, 20, 60])
    @pytest.mark.parametrize("width", [60, 80, 160, 250])
    def test_it_never_takes_more_than_its_room(self, width: int, height: int) -> None:
        blocks = [
            Block("TOYS", 1, (entry(things=9),)),
            Block("MORE", 2, (entry("box"), entry("bag", failure=Cause.RESET))),
        ]
        lines = draw(blocks, width, height, 1000.0)
        assert len(lines) <= height
        assert all(width_of(one.spans[:-1]) <= width for one in lines)

    def test_old_words_beside_a_name_are_dimmed_alone_and_among_others(self) -> None:
        old = entry("bag", failure=Cause.RESET)
        for block in (Block("TOYS", 1, (old,)), Block("TOYS", 1, (entry("box"), old))):
            spans = [span for one in draw([block], 120, 20, 1000.0) for span in one.spans if "3 things" in span.text]
            assert Tone.DIM in {span.tone for span in spans}
            assert len({span.tone for span in spans}) == len(block.entries)

    def test_what_only_plays_the_real_thing_says_so_beside_its_name(self) -> None:
        played, real = entry("shelf", simulated=True), entry("box")
        (title, *_) = draw([Block("TOYS", 1, (played,))], 60, 10, 1000.0)
        assert " 1 TOYS SIMULATED" in text(title)
        title, *lines = draw([Block("TOYS", 1, (played, real))], 60, 10, 1000.0)
        assert "SIMULATED" not in text(title)
        assert ["SIMULATED" in text(one) for one in lines if "shelf" in text(one) or "box" in text(one)] == [
            True,
            False,
        ]

    def test_where_room_is_short_every_target_is_named_before_more_is_said_of_one(self) -> None:
        toys = (entry("health", things=4), entry("elsewhere", things=4), entry("services", things=4))
        _, *lines = draw([Block("SERVICES", 1, toys)], 80, 4, 1000.0)
        assert [one.text.split()[1] for one in lines] == ["health", "elsewhere", "services"]
        ill = entry("services", things=4, severity=Severity.CRITICAL)
        _, *lines = draw([Block("SERVICES", 1, (*toys[:2], ill))], 80, 5, 1000.0)
        assert [parts_of(one.key)[0] for one in lines] == ["services", "services", "health", "elsewhere"]
        _, *lines = draw([Block("SERVICES", 1, toys)], 80, 40, 1000.0)
        assert [parts_of(one.key)[0] for one in lines][:2] == ["health", "health"], "with room each says all it has"

    def test_among_real_things_of_another_kind_each_line_of_what_is_played_says_so(self) -> None:
        played, real = entry("nodes", things=3, simulated=True), entry("cache", things=2)
        other = replace(played.slot.target, kind="another")
        played = replace(played, slot=replace(played.slot, target=other))
        for width in (70, 80, 250):
            title, *lines = draw([Block("CACHES", 1, (real, played))], width, 12, 1000.0)
            of = {name: [text(one) for one in lines if one.key.startswith(name)] for name in ("nodes", "cache")}
            assert len(of["nodes"]) == 3
            assert all(one.endswith("  SIMULATED") for one in of["nodes"])
            assert not any("SIMULATED" in one for one in (*of["cache"], text(title)))
            assert all(width_of(one.spans) <= width for one in lines)
        (title, *_) = draw([Block("CACHES", 1, (real, played))], 60, 12, 1000.0)
        assert "CACHES partly SIMULATED" in text(title)

    def test_every_block_has_its_title_even_when_the_room_is_small(self) -> None:
        blocks = [Block(f"B{number}", number, (entry(f"t{number}", things=9),)) for number in range(1, 6)]
        shown = "\n".join(map(text, draw(blocks, 60, 10, 1000.0)))
        assert all(f"B{number}" in shown for number in range(1, 6))

    def test_where_not_every_block_has_a_line_the_worst_stay_and_the_others_are_named(self) -> None:
        calm = [Block(f"CALM{number}", 0, (entry(f"calm{number}"),)) for number in range(6)]
        bad = Block("BAD", 0, (entry("bad", severity=Severity.CRITICAL),))
        lines = draw([*calm, bad], 60, 4, 1000.0)
        assert [one.text.split()[0] for one in lines] == ["CALM0", "CALM1", "BAD", "no"]
        assert lines[-1].text.strip() == "no room for CALM2, CALM3, CALM4, CALM5"
        assert all(one.key for one in lines[:-1]), "each can be opened"

    def test_the_worst_block_gets_the_room(self) -> None:
        calm = Block("CALM", 1, (entry("a", things=9),))
        sick = Block("SICK", 2, (entry("b", things=9, severity=Severity.CRITICAL),))
        shown = [text(one) for one in draw([calm, sick], 80, 10, 1000.0)]
        at = next(number for number, one in enumerate(shown) if "SICK" in one)
        assert len(shown) - at - 1 > at - 1

    def test_words_beside_a_title_that_has_no_room_are_left_out_whole_and_the_worst_stay(self) -> None:
        class Wordy(ToyPanel):
            def headline(self, view: Any) -> Any:
                return ["all is quiet in here", "and in there too", Span("2 dead", Tone.CRITICAL)]

        shown = text(draw([Block("TOYS", 1, (replace(entry(), panel=Wordy()),))], 52, 4, 1000.0)[0])
        assert "all is quiet in here  2 dead" in shown
        assert "and in" not in shown

    def test_what_is_old_is_not_shown_in_colour(self) -> None:
        old = entry(severity=Severity.CRITICAL, failure=Cause.RESET)
        title, _, _, *values = draw([Block("TOYS", 1, (old,))], 80, 8, 1000.0)
        assert {span.tone for one in values for span in one.spans if span.text.strip()} == {Tone.DIM}
        assert Span("3 things", Tone.DIM) in title.spans

    def test_a_failure_with_many_words_is_cut_with_an_ellipsis(self) -> None:
        shown = [text(one) for one in draw([Block("TOYS", 1, (entry(failure=Cause.RESET),))], 24, 8, 1000.0)]
        assert shown[1].endswith("…")

    def test_room_to_spare_is_used_for_what_a_panel_can_add(self) -> None:
        class Rich(ToyPanel):
            def more(self, view: Any, width: int) -> Any:
                return [line("more to say")]

        block = Block("TOYS", 1, (replace(entry(), panel=Rich()),))
        assert any("more to say" in text(one) for one in draw([block], 80, 20, 1000.0))
        assert not any("more to say" in text(one) for one in draw([block], 80, 5, 1000.0))

    def test_what_the_brief_or_the_words_beside_the_title_say_is_not_said_again_below(self) -> None:
        class Wordy(ToyPanel):
            def more(self, view: Any, width: int) -> Any:
                return [line("  thing 2"), line("3 things"), line("one that is new"), line("too long " * 30)]

        made = replace(entry(), panel=Wordy())
        lines = [one.text.strip() for one in draw([Block("TOYS", 1, (made,))], 60, 20, 1000.0)]
        assert sum("thing 2" in one for one in lines) == 1
        assert sum("3 things" in one for one in lines) == 1
        assert "one that is new" in lines
        assert any(one.startswith("too long") and one.endswith("…") for one in lines)

    def test_what_is_left_out_is_counted(self) -> None:
        shown = text(draw([Block("TOYS", 1, (entry(things=9),))], 80, 4, 1000.0)[0])
        assert "+6 more" in shown

    def test_a_failed_target_keeps_its_values_with_their_age_and_says_why(self) -> None:
        broken = entry(failure=Cause.TIMEOUT_READ)
        shown = "\n".join(map(text, draw([Block("TOYS", 1, (broken,))], 80, 20, 1007.0)))
        assert "STALE timeout-read  not today" in shown
        assert "last good values are 7 s old" in shown
        assert "try tomorrow" in shown
        assert "? thing 1" in shown
        assert "●" not in shown, "what was fine then may not be so now"

    def test_values_that_are_too_old_are_not_shown_any_more(self) -> None:
        shown = "\n".join(map(text, draw([Block("TOYS", 1, (entry(failure=Cause.REFUSED),))], 80, 20, 1100.0)))
        assert "no data since 00:00:00 UTC (1m40s ago)" in shown
        assert "thing 1" not in shown

    def test_a_target_that_has_not_answered_yet_says_for_how_long(self) -> None:
        shown = "\n".join(map(text, draw([Block("TOYS", 1, (entry(things=-1),))], 80, 20, 1002.0)))
        assert "waiting for the first answer (2 s)" in shown

    def test_a_target_that_is_still_starting_is_no_fault_yet(self) -> None:
        starting = entry(things=-1, failure=Cause.REFUSED)
        shown = "\n".join(map(text, draw([Block("TOYS", 1, (starting,))], 80, 20, 1002.0)))
        assert "waiting for the first answer (2 s): not today" in shown
        shown = "\n".join(map(text, draw([Block("TOYS", 1, (starting,))], 80, 20, 1006.0)))
        assert "DOWN refused" in shown

    def test_nothing_is_ever_just_blank(self) -> None:
        for one in (entry(things=-1), entry(things=-1, failure=Cause.DENIED)):
            shown = draw([Block("TOYS", 1, (one,))], 80, 20, 1009.0)
            assert len([line for line in shown if text(line).strip()]) >= 2

    def test_the_attention_line_has_words_first_and_counts_the_rest(self) -> None:
        alerts = [
            Alert("shelf", "r", Severity.CRITICAL, f"g{number}", (), f"fault {number}", 940.0, NOW)
            for number in range(3)
        ]
        (shown,) = attention([Case("", alert, Standing.OPEN) for alert in alerts], 1000.0, 80, 1)
        assert text(shown).startswith(" ✕ fault 0 ")
        assert "shelf  1m00s" in text(shown)
        assert "+2 more" in text(shown)
        assert width_of(shown.spans) == 80

    def test_words_are_cut_before_the_name_they_are_about(self) -> None:
        alert = Alert("shelf", "r", Severity.CRITICAL, "", (), "DOWN refused: " + "very " * 30, 940.0, NOW)
        (shown,) = attention([Case("", alert, Standing.OPEN)], 1000.0, 60, 1)
        assert "…  shelf  1m00s" in text(shown)

    def test_nothing_is_called_well_before_everybody_answered(self) -> None:
        (opening,) = attention([], 1000.0, 80, 1, "opening: 2 of 6 still to answer")
        assert "?" in text(opening)
        assert "nothing needs attention" not in text(opening)
        shown = text(banner(Heading("shop", "test", False, "read-only", 0, waiting=2), "03:12:41 UTC", 80))
        assert "waiting for 2" in shown
        assert "well" not in shown

    @pytest.mark.parametrize("environment", ["production", ""])
    def test_on_the_smallest_screen_a_long_name_gives_way_to_the_environment_and_to_what_may_be_done(
        self, environment: str
    ) -> None:
        heading = Heading("newsletter-of-a-large-house", environment, bool(environment), "ARMED 9:41", 12, armed=True)
        shown = text(banner(heading, "03:12:41 UTC", 60))
        assert cell_len(shown) == 60
        assert ("▌PRODUCTION▐" if environment else "NO ENVIRONMENT") in shown
        assert "▌ARMED 9:41▐" in shown
        assert "12 alerts" in shown
        assert shown.endswith("03:12:41 UTC ")

    def test_production_is_told_by_word_and_shape(self) -> None:
        shown = text(banner(Heading("shop", "production", True, "read-only", 2), "03:12:41 UTC", 80))
        assert "▌PRODUCTION▐" in shown
        assert "2 alerts" in shown
        assert len(shown) == 80

    @pytest.mark.parametrize("width", [60, 80, 160])
    def test_a_picture_that_stands_still_says_so_on_every_screen_and_has_no_clock_that_goes_on(
        self, width: int
    ) -> None:
        noted = "maintenance until tomorrow 14:00  STORE LOST 03:01, 12 wait  1 run open: p"
        heading = Heading("newsletter", "production", True, "ARMED 9:41", 2, note=noted, armed=True, frozen="03:12:41")
        shown = text(banner(heading, "03:19:00 UTC", width))
        assert "FROZEN" in shown
        assert "03:12:41" in shown
        assert "03:19:00" not in shown

    @pytest.mark.parametrize("width", [60, 80, 160])
    def test_that_no_audit_takes_what_is_done_is_said_on_every_screen(self, width: int) -> None:
        glass = "BREAK GLASS: audit on stderr ONLY"
        heading = Heading(
            "newsletter", "production", True, "ARMED 9:41", 2, note="1 run open: p", armed=True, glass=glass
        )
        shown = text(banner(heading, "03:19:00 UTC", width))
        assert cell_len(shown) == width
        assert "▌PRODUCTION▐" in shown
        assert "▌ARMED 9:41▐" in shown
        assert "BREAK GLASS" in shown
        assert (glass in shown) is (width == 160)

    def test_the_foot_shows_as_many_keys_as_fit(self) -> None:
        assert text(footer([("?", "help"), ("q", "quit")], 9)).strip() == "? help"

    def test_a_key_goes_to_its_target_and_row_and_back(self) -> None:
        assert parts_of(key_of("shelf", "row 1")) == ("shelf", "row 1")


class Painted:
    """Counts what a widget asks to have repainted."""

    def __init__(self, widget: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.regions: list[Region] = []
        whole = widget.refresh

        def refresh(*regions: Region, **more: Any) -> Any:
            self.regions.extend(regions or [Region(0, 0, *widget.size)])
            return whole(*regions, **more)

        monkeypatch.setattr(widget, "refresh", refresh)

    def cells(self) -> int:
        total = sum(region.area for region in self.regions)
        self.regions.clear()
        return total


class One(App[None]):
    """An app with one widget."""

    def __init__(self, widget: Any) -> None:
        super().__init__()
        self.widget = widget

    def compose(self) -> ComposeResult:
        yield self.widget


TABLE: Table[Any, Any] = Table(
    name="things",
    title="things",
    rows=lambda facts: facts.things,
    key=lambda thing: thing.name,
    columns=(
        Column("name", lambda thing: thing.name, 12),
        Column(
            "size", lambda thing: f"{thing.size:g}" if thing.size is not None else "–", 8, lambda t: t.size, right=True
        ),
    ),
    empty="there is no thing",
)


def screen_text(app: App[None]) -> list[str]:
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


class TestTable:
    async def test_one_changed_cell_repaints_one_cell(self, monkeypatch: pytest.MonkeyPatch) -> None:
        table = KeyedTable()
        async with One(table).run_test(size=(60, 20)) as pilot:
            table.use(TABLE)
            table.show([Thing(f"t{n}", n) for n in range(10_000)])
            await pilot.pause()
            painted = Painted(table, monkeypatch)
            table.show([Thing(f"t{n}", n if n != 5 else 999) for n in range(10_000)])
            assert painted.cells() <= 8

    async def test_rows_that_are_not_seen_cost_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        table = KeyedTable()
        async with One(table).run_test(size=(60, 20)) as pilot:
            table.use(TABLE)
            table.show([Thing(f"t{n}", n) for n in range(10_000)])
            await pilot.pause()
            painted = Painted(table, monkeypatch)
            table.show([Thing(f"t{n}", n if n < 100 else -n) for n in range(10_000)])
            assert painted.cells() == 0

    async def test_the_cursor_stays_on_its_row_when_others_come_go_and_move(self) -> None:
        table = KeyedTable()
        async with One(table).run_test(size=(60, 10)) as pilot:
            table.use(TABLE)
            table.show([Thing("a", 1), Thing("b", 2), Thing("c", 3)])
            await pilot.pause()
            table.seek("b")
            table.show([Thing("z", 9), Thing("c", 3), Thing("y", 8), Thing("b", 2)])
            await pilot.pause()
            assert (table.cursor, table.current) == ("b", Thing("b", 2))
            assert screen_text(pilot.app)[4].startswith("▸ b")

    async def test_a_row_that_vanished_gives_the_cursor_to_its_neighbour(self) -> None:
        table = KeyedTable()
        async with One(table).run_test(size=(60, 10)):
            table.use(TABLE)
            table.show([Thing("a", 1), Thing("b", 2), Thing("c", 3)])
            table.seek("b")
            table.show([Thing("a", 1), Thing("c", 3)])
            assert table.cursor == "c"

    async def test_marks_belong_to_rows_and_hidden_ones_are_counted(self) -> None:
        table = KeyedTable()
        async with One(table).run_test(size=(60, 10)):
            table.use(TABLE)
            table.show([Thing("apple", 1), Thing("berry", 2)])
            table.mark()
            table.find("berry")
            assert table.marked == {"apple"}
            assert table.hidden_marks() == 1
            assert table.count == (1, 2)

    async def test_an_empty_table_has_words(self) -> None:
        table = KeyedTable()
        async with One(table).run_test(size=(60, 10)) as pilot:
            table.use(TABLE)
            table.show([])
            await pilot.pause()
            assert "there is no thing" in screen_text(pilot.app)[1]
            table.show([Thing("a", 1)])
            table.find("nothing like it")
            await pilot.pause()
            assert "Esc shows all" in screen_text(pilot.app)[1]


class TestLineView:
    async def test_a_changed_number_repaints_its_cells_only(self, monkeypatch: pytest.MonkeyPatch) -> None:
        view = LineView()
        async with One(view).run_test(size=(80, 10)) as pilot:
            view.show([line("cpu ", Span("12 %"), " of one")])
            await pilot.pause()
            painted = Painted(view, monkeypatch)
            view.show([line("cpu ", Span("13 %"), " of one")])
            assert painted.cells() == 4
            view.show([line("cpu ", Span("13 %"), " of one")])
            assert painted.cells() == 0

    async def test_the_cursor_stays_with_its_line(self) -> None:
        view = LineView()
        async with One(view).run_test(size=(80, 10)):
            view.show([line("a", key="a"), line("b", key="b")])
            view.point("b")
            view.show([line("new", key="n"), line("b", key="b"), line("a", key="a")])
            assert view.cursor == "b"
            assert view.move(1)
            assert view.cursor == "a"
            assert not view.move(1)

    async def test_raw_control_bytes_do_not_pass_the_last_gate(self) -> None:
        view = LineView()
        async with One(view).run_test(size=(80, 10)) as pilot:
            view.show([line("evil \x1b]52;c;x\x07 \u202e")])
            await pilot.pause()
            assert screen_text(pilot.app)[0] == "evil ^[]52;c;x^G <U+202E>"

    async def test_in_ascii_mode_only_ascii_is_drawn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(LineView, "ascii_only", True)
        view = LineView()
        async with One(view).run_test(size=(80, 10)) as pilot:
            view.show([line("● ▲ ✕ ▁▃█ é 漢")])
            await pilot.pause()
            assert screen_text(pilot.app)[0].isascii()


# what must be read whole


@given(st.lists(st.text("ab -日", max_size=30), max_size=4), st.integers(12, 40))
def test_a_folded_line_is_never_wider_than_it_may_be_and_loses_no_word(parts: list[str], width: int) -> None:
    whole_line = line("    ", *(Span(part, Tone.DIM) for part in parts))
    lines = folded(whole_line, width, 4)
    assert all(width_of(one.spans) <= width for one in lines)
    assert "".join(map(text, lines)).replace(" ", "") == text(whole_line).replace(" ", "")


def test_a_blank_at_the_very_end_of_the_room_does_not_make_the_line_too_long() -> None:
    assert [text(one) for one in folded(line("one two three"), 7, 2)] == ["one two", "  three"]


def test_blanks_that_no_word_follows_get_no_line_of_their_own() -> None:
    for width in range(13, 60):
        made = folded(line("16:52 ", "x ", "jobs: warning raised: campaign", "  "), width, 12)
        assert all(one.text.strip() for one in made), width


def test_lines_are_folded_group_by_group_as_long_as_all_of_them_fit() -> None:
    long = line("  why it is down, in more words than fit")
    short = line("  cpu 3 %")
    groups = (([long], 2), ([short], 1), ([long], 2))
    assert [text(one) for one in whole(groups, 30, 9)] == [
        *(told := ["  why it is down, in more ", "    words than fit"]), "  cpu 3 %", *told
    ]  # fmt: skip
    assert [text(one)[:5] for one in whole(groups, 30, 4)] == ["  why", "    w", "  cpu", "  why"]
    assert len(whole(groups, 30, 2)) == 2
    assert whole((([long], 1),), 30, 9) == [long]


def test_a_part_that_is_missing_is_not_called_down() -> None:
    one = entry()
    snapshot = one.slot.snapshot
    assert snapshot is not None
    gaps = (Gap("component Faxes", Cause.GONE, SafeText("the page has: API")), Gap("3 more keys", Cause.TOO_BIG))
    drawn = gap_lines(replace(one, slot=replace(one.slot, snapshot=replace(snapshot, gaps=gaps))))
    assert [text(each) for each in drawn] == [
        "  ? NOT READ: component Faxes  the page has: API",
        "  ? LEFT OUT: 3 more keys",
    ]
    assert {*LOST} == {*State} - {State.LIVE, State.WAITING}


def test_a_target_that_has_no_value_is_not_marked_as_fine_among_several() -> None:
    blocks = [Block("SHELVES", 1, (entry("a"), entry("b", things=-1, failure=Cause.REFUSED)))]
    early, late = ([text(one).rstrip() for one in draw(blocks, 80, 20, now)] for now in (1000.0, 1060.0))
    assert any(one.startswith("  ● a") for one in early)
    assert any(one.startswith("  ? b") for one in early)
    assert any(one.startswith("  ✕ b") for one in late)


def test_an_old_value_beside_a_name_says_in_the_same_line_that_it_is_old() -> None:
    block = Block("TOYS", 1, (entry("one"), entry("two", failure=Cause.TIMEOUT_READ)))
    lines = [text(made) for made in draw([block], 80, 20, 1000.0)]
    assert [one for one in lines if " two " in one and "STALE, was  3 things" in one], lines
    assert not [one for one in lines if " one " in one and "was" in one]


def test_what_is_silenced_where_it_was_raised_colours_nothing() -> None:
    down = SafeText("Down")
    theirs = Raised(key="k", name=down, severity=Severity.CRITICAL, words=down, row="web-1")
    loud, quiet = (of_theirs("a", replace(theirs, silenced=silent), 0.0, 9.0, NOW) for silent in (False, True))
    assert replace(entry("a"), alerts=(loud,)).severity is Severity.CRITICAL
    assert replace(entry("a"), alerts=(quiet,)).severity is None
    assert (loud.row, loud.identity.about) == ("web-1", "k")
