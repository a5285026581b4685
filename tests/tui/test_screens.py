"""The room as a person uses it: keys in, what is on the screen out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from desk.board import Freshness
from desk.clock import SystemClock
from desk.engine import Engine, Watched
from probes.base import Cause, ProbeError, SafeText
from systems.stage import Fault
from tests.toys import Thing, ToyFacts, ToyProbe, context, room, target
from tui.app import OpsroomApp
from tui.room import Room
from tui.screens.base import RoomScreen
from tui.screens.detail import Detail
from tui.screens.overview import Overview
from tui.secrets import Secrets


def toy(made: Room, name: str) -> ToyProbe:
    found = made.engine.probe(name)
    assert isinstance(found, ToyProbe)
    return found


class MovingClock(SystemClock):
    """The system's clock, which a test may put forward."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def later(self, seconds: float) -> None:
        self._ahead += seconds

    def monotonic(self) -> float:
        return super().monotonic() + self._ahead

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self._ahead)


class Sitting:
    """A person in front of the room."""

    def __init__(self, app: OpsroomApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot
        self.room = app.room

    def toy(self, name: str = "shelf") -> ToyProbe:
        return toy(self.room, name)

    def screen(self) -> str:
        if not self.app.screen_stack:
            return ""  # it comes up, or goes
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def sees(self, *texts: str) -> None:
        """Wait until all of these are on the screen."""
        await self.until(lambda: all(text in self.screen() for text in texts), f"{texts} on\n{self.screen()}")

    async def sees_no(self, text: str) -> None:
        """Wait until this is not on the screen any more."""
        await self.until(lambda: text not in self.screen(), f"no {text!r} on\n{self.screen()}")

    async def until(self, true: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(30):
                while not true():
                    await self.pilot.pause(0.02)
        except TimeoutError:
            pytest.fail(f"waited for {what}\nnow:\n{self.screen()}")


@asynccontextmanager
async def sitting(made: Room | None = None, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Sitting]:
    made = made or room("shelf", every=0.1)
    app = OpsroomApp(made, Secrets({}), "night")
    async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        person = Sitting(app, pilot)
        await person.sees("TOYS")
        await person.sees("ball")
        yield person


async def test_the_overview_names_what_is_wrong_and_its_age() -> None:
    async with sitting() as person:
        await person.sees("▲ kite is 2 KiB", "1 alert", "TOYS  2 things", "0 s ago", "read-only", "? help")


async def test_enter_opens_and_escape_comes_back() -> None:
    async with sitting() as person:
        await person.sees("● ball")
        await person.press("enter")
        await person.sees("shelf  toy  LIVE", "▸things")
        assert isinstance(person.app.screen, Detail)
        await person.press("escape")
        await person.until(lambda: isinstance(person.app.screen, Overview), "the overview")


async def test_what_only_plays_the_real_thing_says_so_on_the_overview_and_on_its_own_screen() -> None:
    async with sitting(room("shelf", every=0.1, simulated=True)) as person:
        await person.sees("TOYS SIMULATED")
        await person.press("enter")
        await person.sees("shelf  toy  SIMULATED  LIVE")


async def test_the_attention_key_opens_the_very_row() -> None:
    async with sitting() as person:
        await person.sees("kite is 2 KiB")
        await person.press("o")
        await person.sees("▸ kite")


async def test_a_digit_opens_the_block_of_that_number() -> None:
    async with sitting() as person:
        await person.press("1")
        await person.sees("shelf  toy  LIVE")


async def test_a_digit_opens_the_worst_row_of_its_block() -> None:
    async with sitting() as person:
        await person.press("1")
        await person.sees("▸ kite")


async def test_the_cursor_stays_on_the_worst_line_until_a_person_moves_it() -> None:
    async with sitting(room("shelf", "box", every=0.1)) as person:
        person.toy("shelf").answers = person.toy("box").answers = ToyFacts((Thing("ball", 1),))
        await person.sees_no("kite")
        person.toy("box").answers = ToyFacts((Thing("ball", 1), Thing("crate", 5000)))
        await person.sees("crate")
        overview = person.app.screen
        assert isinstance(overview, Overview)
        await person.until(lambda: overview.pointed[0] == "box", "the cursor on what is worst")
        await person.press("j")
        before = overview.pointed
        person.toy("shelf").answers = ToyFacts((Thing("anvil", 9000),))
        await person.sees("anvil")
        assert overview.pointed == before


async def test_the_digit_of_no_block_does_nothing() -> None:
    async with sitting() as person:
        await person.press("9")
        assert isinstance(person.app.screen, Overview)


async def test_a_target_that_stops_answering_keeps_its_values_and_says_why() -> None:
    async with sitting() as person:
        await person.sees("● ball")
        person.toy().answers = ProbeError(Cause.REFUSED, "connection refused by db:5432", "is it running?")
        await person.sees("DOWN refused", "connection refused by db:5432", "last good values are", "ball", "2 alerts")
        person.toy().answers = ToyFacts((Thing("bear", 1),))
        await person.sees("● bear", "nothing needs attention", "all well")


async def test_a_reading_that_hangs_leaves_the_keys_alone() -> None:
    async with sitting(room("shelf", "box", every=0.1, timeout=0.2)) as person:
        await person.sees("0 s ago")
        person.toy().hang = asyncio.Event()
        await person.sees("STALE timeout-read")
        await person.press("question_mark")
        await person.sees("Keys: overview")


async def test_a_filter_narrows_the_table_and_escape_takes_it_back() -> None:
    async with sitting() as person:
        await person.press("1", "slash", "k", "i", "t", "enter")
        await person.sees("1 of 2, filter “kit”")
        await person.sees_no("ball")
        await person.press("escape")
        await person.sees("ball", "▸things")
        assert isinstance(person.app.screen, Detail)


async def test_a_filter_of_nothing_says_so() -> None:
    async with sitting() as person:
        await person.press("slash", "x", "y", "z", "enter")
        await person.sees("no line holds “xyz”; Esc shows all")
        await person.press("escape")
        await person.sees("● ball")


async def test_typing_a_filter_presses_no_key_of_the_screen() -> None:
    async with sitting() as person:
        await person.press("slash", "q", "f")
        assert person.room.still is None
        assert person.app.is_running
        await person.press("escape")


async def test_freeze_holds_the_picture_and_goes_on_reading() -> None:
    async with sitting() as person:
        await person.sees("● ball")
        await person.press("f")
        await person.sees("FROZEN since")
        reads = person.toy().reads
        person.toy().answers = ToyFacts((Thing("bear", 1),))
        await person.until(lambda: person.toy().reads > reads + 2, "more readings")
        assert "bear" not in person.screen()
        await person.press("f")
        await person.sees("● bear")


async def test_the_table_turns_sorts_and_marks() -> None:
    async with sitting() as person:
        await person.press("1", "g", "space")
        await person.sees("1 marked", "+ ball")
        await person.press("s", "s")
        await person.sees("size ↑")
        await person.press("i")
        await person.sees("size ▼")
        await person.press("tab")
        await person.sees("▸nothing", "nothing at all")


async def test_a_table_says_how_many_rows_it_leaves_out() -> None:
    async with sitting() as person:
        person.toy().answers = ToyFacts((Thing("ball", 1), Thing("kite", 2)), more=1234)
        await person.press("1")
        await person.sees("▸things  nothing   2, 1,234 more not listed")
        person.toy().answers = ToyFacts((Thing("ball", 1), Thing("kite", 2)))
        await person.until(lambda: "not listed" not in person.screen(), "nothing left out")


@pytest.mark.parametrize("width", range(30, 64, 6))
async def test_the_title_of_a_target_leaves_out_what_has_no_room_and_cuts_no_word(width: int) -> None:
    made = room("shelf", every=60)
    async with sitting(made, (width, 12)) as person:
        await person.press("1")
        await person.sees("shelf  toy  LIVE")
        title = person.screen().splitlines()[1].strip()
        assert re.fullmatch(r"shelf  toy  LIVE  \d+ s ago(, read every 60 s(, took \d+ ms)?)?", title)


async def test_details_of_a_row_show_all_its_columns_and_how_old_they_are() -> None:
    clock = MovingClock()
    made = room("shelf", every=0.1)
    made.engine = Engine([Watched(ToyProbe(target("shelf", every=0.1), context()), ())], clock)
    async with sitting(made) as person:
        await person.press("1", "g", "d")
        await person.sees("shelf: things", "name  ball", "size  10", "as it was read ")
        taken = re.search(r"as it was read .+ ago, at (\S+) UTC", person.screen())
        assert taken is not None
        clock.later(36000)
        await person.sees("as it was read 10h", f"at {taken[1]} UTC")


async def test_a_log_is_followed_searched_and_left() -> None:
    async with sitting() as person:
        await person.press("1", "g", "l")
        await person.sees("line 199 about ball", "200 lines", "the log has ended")
        await person.press("slash", *"199", "enter", "p", "g")
        await person.sees("line 0 about ball", "newer below, G follows")
        await person.press("G")
        await person.sees("line 199 about ball")
        await person.press("escape", "escape")
        assert isinstance(person.app.screen, Detail)


async def test_a_closer_look_answers_in_place() -> None:
    async with sitting() as person:
        await person.press("1", "g", "v", "down", "enter")
        await person.sees("sizes of ball")


async def test_a_look_that_can_not_be_had_says_so_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look(self: ToyProbe, name: str, subject: str) -> None:
        raise ProbeError(Cause.MISSING, "sizes belong to one toy", "go to its line first")

    monkeypatch.setattr(ToyProbe, "look", look)
    async with sitting() as person:
        await person.press("1", "v", "j", "enter")
        await person.sees("◆ sizes belong to one toy", "    go to its line first")
        assert "UNSUPPORTED" not in person.screen()
        assert "missing" not in person.screen()


async def test_a_fault_of_ours_in_a_look_is_said_and_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look(self: ToyProbe, name: str, subject: str) -> None:
        raise ZeroDivisionError

    async def follow(self: ToyProbe, name: str, subject: str) -> AsyncGenerator[SafeText, None]:
        yield SafeText("the first line")
        raise ZeroDivisionError

    monkeypatch.setattr(ToyProbe, "look", look)
    monkeypatch.setattr(ToyProbe, "follow", follow)
    async with sitting() as person:
        await person.press("1", "g", "v", "down", "enter")
        await person.sees("a fault of our own (ZeroDivisionError)")
        await person.sees_no("asking …")
        await person.press("escape", "escape")
        await person.sees("▸things")
        await person.press("l")
        await person.sees("the first line", "broken off: a fault of our own (ZeroDivisionError)")
        assert "following" not in person.screen()


async def test_an_answer_that_stays_on_the_screen_says_how_old_it_is() -> None:
    clock = MovingClock()
    async with sitting(room("shelf", every=0.1, clock=clock)) as person:
        await person.press("1", "g", "v", "down", "enter")
        await person.sees("sizes of ball")
        await person.until(lambda: re.search(r"\d s old", person.screen()) is not None, "its age")
        clock.later(300)
        await person.until(lambda: re.search(r"5m\d\ds old", person.screen()) is not None, "its age, later")


async def test_help_tells_the_keys_and_what_the_numbers_mean() -> None:
    async with sitting() as person:
        await person.press("1", "question_mark")
        await person.sees("Keys: detail", "Orders by the next column.")
        await person.press("G")
        await person.sees("Things and their sizes.")
        await person.press("g")
        await person.sees("Keys: detail")


async def test_the_palette_finds_by_name_and_does_it() -> None:
    async with sitting() as person:
        await person.press("colon", *"shelf")
        await person.sees("open shelf")
        await person.press("enter")
        await person.sees("shelf  toy  LIVE")


async def test_escape_in_the_palette_does_nothing_but_go_back() -> None:
    async with sitting() as person:
        for typed in ((), ("f", "i", "l")):
            await person.press("colon", *typed)
            await person.sees("Commands")
            await person.press("escape")
            await person.sees("TOYS")
            await person.sees_no("Commands")
            assert isinstance(person.app.screen, Overview)
            assert not person.app.screen.query("Prompt")


async def test_the_palette_offers_the_closer_looks_at_what_is_under_the_cursor() -> None:
    async with sitting() as person:
        await person.press("1", "colon", *"look at")
        await person.sees("look at logs")
        await person.press("enter")
        await person.sees("log of the toy")


async def test_slower_reading_is_not_called_stale() -> None:
    made = room("shelf", every=2.0)
    async with sitting(made) as person:
        await person.press("minus", "minus", "minus")
        person.toy().answers = ToyFacts((Thing("bear", 1),))
        await person.press("r")
        await person.sees("bear", "every interval x8")
        slot = made.board.slot("shelf")
        assert slot.freshness(made.now + 30) is Freshness.FRESH
        assert slot.freshness(made.now + 40) is Freshness.STALE
        person.toy().answers = ToyFacts((Thing("doll", 1),))
        await person.press("plus")
        await person.sees("doll")


async def test_a_target_that_never_answered_is_not_said_to_hold_nothing() -> None:
    made = room("shelf", "cellar", every=0.1)
    toy(made, "cellar").answers = ProbeError(Cause.REFUSED, "nobody there")
    async with sitting(made) as person:
        await person.press("1")
        await person.sees("cellar  toy", "nobody there", "no answer yet, tried for")
        await person.sees_no("there is no toy")


async def test_values_too_old_to_be_values_are_gone_from_the_detail_screen() -> None:
    clock = MovingClock()
    async with sitting(room("shelf", every=0.5, clock=clock)) as person:
        await person.press("1", "g")
        await person.sees("▸ ball")
        person.toy().answers = ProbeError(Cause.REFUSED, "nobody there")
        await person.press("r")
        await person.sees("last good values are", "ball")
        clock.later(60)
        await person.sees("no data since")
        await person.sees_no("ball")


async def test_copying_says_what_it_took_and_takes_every_marked_row() -> None:
    async with sitting() as person:
        await person.press("1", "g", "y")
        await person.sees("copied 1 line, ")
        await person.press("space", "space", "y")
        await person.sees("copied 2 lines, ")
        assert person.app.clipboard.splitlines() == ["ball\t10", "kite\t2048"]


async def test_what_there_is_to_say_once_is_said_when_the_room_opens() -> None:
    made = room("shelf", every=0.1)
    made.greeting = "found on this machine"
    async with sitting(made) as person:
        await person.sees("found on this machine")
        await person.press("question_mark")
        await person.sees("Keys: overview")
        assert "found on this machine" not in person.screen()


async def test_what_is_asked_stays_in_sight_while_one_types() -> None:
    async with sitting() as person:
        await person.press("A")
        await person.sees("Alerts  1 waiting")
        await person.press("slash")
        await person.sees("show alerts that hold")
        await person.press("k", "i")
        await person.sees("\nki", "show alerts that hold")
        await person.press("enter")
        await person.sees("filter “ki”", "? help")
        await person.sees_no("show alerts that hold")


async def test_a_question_that_is_wider_than_the_screen_is_read_to_its_end_before_and_while_one_types() -> None:
    async with sitting(size=(60, 15)) as person:
        screen = person.app.screen
        assert isinstance(screen, RoomScreen)
        said: list[str] = []
        question = "when should it be over? 30m, 2h, 14:00 (UTC); - nobody knows; Esc leaves it as it is"
        screen.ask(question, "", lambda text: None, said.append, lambda: said.append("left"))

        def whole() -> bool:
            return question in " ".join(" ".join(person.screen().splitlines()[-3:]).split())

        await person.until(whole, "the whole question")
        await person.press("2", "h")
        await person.until(lambda: whole() and "2h" in person.screen(), "the whole question, and what was typed")
        await person.press("enter")
        await person.sees_no("nobody knows")
        await person.sees("? help")
        assert said == ["2h"]


async def test_what_is_longer_than_the_screen_says_how_far_it_was_read() -> None:
    async with sitting() as person:
        await person.press("question_mark")
        await person.sees("Keys: overview", "PgDn read on")
        assert re.search(r" Help +21 of \d+\n", person.screen())
        await person.press("G")
        await person.sees_no("PgDn read on")
        assert re.search(r" Help +(\d+) of \1\n", person.screen())


class Stage:
    """A demonstration of two faults, the last told in more than a line."""

    def __init__(self) -> None:
        self.on: list[str] = []

    def faults(self) -> list[Fault]:
        more = [Fault(f"fault-{n}", f"fault {n}", "it happens") for n in range(9)]
        what = "it is told in so many words that it takes more than one line, and the last is this"
        return [*more, Fault("leak", "leak", what)]

    def active(self) -> list[str]:
        return self.on

    def fault(self, name: str) -> None:
        self.on.append(name)

    def heal(self, name: str) -> None:
        self.on.remove(name)

    def progress(self) -> list[str]:
        return []


async def test_the_faults_say_how_they_are_started_and_the_last_is_read_whole() -> None:
    made = room("shelf", every=0.1)
    made.stage = stage = Stage()
    async with sitting(made, (60, 15)) as person:
        await person.press("F")
        await person.sees("Enter starts a fault", "fault 0", "Enter choose")
        await person.press("G")
        await person.sees("leak", "the last is this")
        await person.press("enter")
        await person.sees("on   leak", "started: leak")
        assert stage.on == ["leak"]


async def test_the_alerts_are_listed_with_their_rule() -> None:
    async with sitting() as person:
        await person.sees("kite is 2 KiB")
        await person.press("A")
        await person.sees("Alerts  1 waiting", "big kite", "our rule big", "raised once in the last 7 days")
        await person.press("enter")
        await person.sees("▸ kite")


async def test_slower_is_shown_and_faster_ends_at_the_configured_pace() -> None:
    async with sitting() as person:
        await person.press("minus", "minus")
        await person.sees("every interval x4")
        await person.press("plus", "plus", "plus")
        await person.sees("intervals as configured")
        assert person.room.engine.pace == 1.0


async def test_zoom_gives_the_screen_to_one_block() -> None:
    async with sitting() as person:
        await person.press("z")
        await person.sees("TOYS")
        await person.press("escape")
        assert isinstance(person.app.screen, Overview)


async def test_escape_never_leaves_and_q_does() -> None:
    async with sitting() as person:
        await person.press("escape", "escape")
        assert person.app.is_running
        await person.press("q")
        await person.until(lambda: person.app.return_code == 0, "the exit code")


async def test_interrupt_leaves_with_its_own_code() -> None:
    async with sitting() as person:
        await person.press("ctrl+c")
        await person.until(lambda: person.app.return_code == 130, "the exit code")


async def test_everybody_is_let_go_at_the_end() -> None:
    async with sitting() as person:
        toy = person.toy()
        await person.press("q")
    assert toy.closed == 1


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 48), (250, 70)])
async def test_every_size_from_small_to_wall_is_useful(size: tuple[int, int]) -> None:
    async with sitting(room("shelf", "box", every=0.1), size) as person:
        await person.sees("TOYS", "kite", "? help", "nursery")
        await person.press("1")
        await person.sees("▸things", "▸ kite")


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (5, 1), (40, 3)])
async def test_no_size_makes_it_fall_over(size: tuple[int, int]) -> None:
    made = room("shelf", every=0.1)
    app = OpsroomApp(made, Secrets({}), "night")
    async with app.run_test(size=size) as pilot:
        for key in ("1", "question_mark", "escape", "escape", "slash", "a", "escape", "A"):
            await pilot.press(key)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert app.is_running


HOSTILE = [
    "[/]", "[/x]", "[@click=app.leave]press me[/]", "ERROR [/usr/bin/x] died", "\x1b]52;c;ZXZpbA==\x07", "\x9b2J",
    "a\u202eb", "[bold]x", "\\", "[link=http://x]y[/link]", "{}%s$x", ":smile:", "漢" * 500, "x" * 100_000, "\x00", "",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
async def test_no_text_from_outside_steers_the_screen(name: str) -> None:
    from probes.base import SafeText

    def thing(text: Any) -> Thing:
        return Thing(f"{SafeText(text)}", 4096)

    async with sitting() as person:
        person.toy().answers = ToyFacts((thing(name), Thing("bear", 1)))
        await person.sees("● bear")
        for keys in (["1"], ["d"], ["escape"], ["l"], ["escape"], ["escape"], ["A"], ["escape"]):
            await person.press(*keys)
            assert all(one.isprintable() for one in person.screen().splitlines())
        await person.pilot.click(offset=(5, 3))
        assert person.app.is_running
