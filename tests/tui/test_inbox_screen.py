"""The inbox as a person uses it: keys in, what is decided and what is on the screen out."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from desk.engine import Engine, Watched
from desk.inbox.case import What
from probes.base import Handling, ProbeError, Rule, Severity
from tests.toys import Thing, ToyFacts, ToyProbe, context, room, target
from tests.tui.test_screens import MovingClock, Sitting, sitting
from tui import wiring
from tui.places import Places
from tui.room import Room
from tui.screens.inbox import InboxScreen
from tui.secrets import Secrets

RULES = (
    Rule(
        name="big", gauge="size_bytes", op=">", threshold=1024, severity=Severity.WARNING, say="{thing} is {value}",
        handling=Handling(
            procedure="https://wiki.example/shrink", suggest="shrink it", see="shelf", search="line 7",
            aliases=("Too big",), respond=300,
        ),
    ),
    Rule(name="huge", gauge="size_bytes", op=">", threshold=1 << 20, severity=Severity.CRITICAL, say="{thing} {value}"),
)  # fmt: skip


def toys(clock: MovingClock | None = None) -> Room:
    made = room("shelf", every=0.1)
    made.engine = Engine([Watched(ToyProbe(target("shelf", every=0.1), context()), RULES)], clock or MovingClock())
    made.who = "ann"
    return made


async def opened(person: Sitting) -> None:
    await person.sees("kite is 2 KiB")
    await person.press("A")
    await person.sees("Alerts  1 waiting", "big kite")


async def answer(person: Sitting, label: str, text: str = "") -> None:
    await person.sees(label)
    await person.press(*("space" if letter == " " else letter for letter in text), "enter")


async def test_an_alert_is_taken_in_hand_with_a_note_and_let_go_again() -> None:
    async with sitting(toys(), (100, 44)) as person:
        await opened(person)
        await person.press("t")
        await answer(person, "take “big” in hand", "on it")
        await person.sees("ann has it", "1 in hand", "ann since", ": on it", "acknowledged by ann")
        await person.press("t")
        await answer(person, "let go of “big”")
        await person.sees("1 waiting", "released by ann")


async def test_the_cursor_goes_with_the_alert_that_was_taken_in_hand() -> None:
    async with sitting(toys(), (100, 30)) as person:
        person.toy().answers = ToyFacts((Thing("kite", 2048), Thing("rock", 4096)))
        await person.press("A")
        await person.sees("Alerts  2 waiting")
        screen = person.app.screen
        assert isinstance(screen, InboxScreen)
        taken = screen.item
        assert taken is not None
        await person.press("t")
        await answer(person, "take “big” in hand")
        await person.sees("1 waiting", "1 in hand")
        await person.until(lambda: screen._list.keys()[-1] == taken.key, "what is in hand below what waits")
        assert screen.item is not None
        assert screen.item.key == taken.key


async def test_esc_leaves_an_alert_as_it_is() -> None:
    async with sitting(toys()) as person:
        await opened(person)
        await person.press("t")
        await person.sees("take “big” in hand")
        await person.press("escape")
        await person.sees_no("take “big” in hand")
        assert person.room.cases()[0].acknowledged is None
        for key in ("s", "m"):
            await person.press(key)
            await person.sees("Esc back")
            await person.press("escape")
            await person.sees("Alerts  1 waiting")
        assert person.room.engine.inbox.silences() == []


async def test_a_silence_asks_until_when_and_why_and_takes_neither_for_granted() -> None:
    async with sitting(toys()) as person:
        await opened(person)
        for end, reason, said in (
            ("soon", None, "“soon” is no end"),
            ("40d", "x", "30 days at most"),
            ("30m", "", "without a reason"),
        ):
            await person.press("s")
            await answer(person, "Silence what?")
            await answer(person, "for how long?", end)
            if reason is not None:
                await answer(person, "why?", reason)
            await person.sees(said)
            assert person.room.engine.inbox.silences() == []


async def test_a_silenced_alert_is_counted_apart_and_its_row_stays_as_it_is() -> None:
    clock = MovingClock()
    async with sitting(toys(clock)) as person:
        await opened(person)
        await person.press("s")
        await answer(person, "this alert alone")
        await answer(person, "for how long?", "30m")
        await answer(person, "why?", "known")
        await person.sees("1 silenced", "silent ", "known (ann)")
        await person.press("q")
        await person.sees("1 alert silenced, nothing else needs attention", "▲ kite")
        clock.later(1801)
        await person.sees("kite is 2 KiB", "1 alert ")
        case = person.room.cases()[0].id
        await person.until(
            lambda: What.SPEAKS_AGAIN in {change.what for change in person.room.engine.inbox.life(case)},
            "it speaks again",
        )


async def test_a_silence_of_a_warning_lets_the_critical_speak() -> None:
    async with sitting(toys()) as person:
        await opened(person)
        await person.press("s")
        await answer(person, "this alert alone")
        await answer(person, "for how long?", "1h")
        await answer(person, "why?", "known")
        await person.sees("1 silenced")
        person.toy().answers = ToyFacts((Thing("kite", 2 << 20),))
        await person.sees("1 waiting", "✕", "huge kite")


async def test_a_maintenance_window_stands_in_the_top_line_until_somebody_ends_it() -> None:
    async with sitting(toys(), (100, 44)) as person:
        await opened(person)
        await person.press("m")
        await answer(person, "Maintenance window over what?")
        await answer(person, "what is the window called?", "move")
        await answer(person, "for how long?", "2h")
        await answer(person, "why?", "new rack")
        await person.sees("maintenance until ", "1 silenced")
        await person.press("w")
        await person.sees("maintenance “move” of everything", "ann: new rack; holds 1 alert back")
        await person.press("enter")
        await person.sees("End maintenance “move” of everything?", "leave it")
        await person.press("enter")
        await person.sees_no("End maintenance")
        await person.press("q")
        await person.sees("Alerts  1 silenced")
        await person.press("u")
        await person.sees("End maintenance “move” of everything?")
        await person.press("down", "enter")
        await person.sees("Alerts  1 waiting", "speaks again by ann")
        await person.sees_no("maintenance until")
        await person.press("u")
        await person.sees("nothing silences it here")


async def test_one_key_leads_to_the_procedure_the_log_the_row_and_what_the_rule_says_to_look_at() -> None:
    async with sitting(toys()) as person:
        await opened(person)
        await person.press("p")
        await person.sees("https://wiki.example/shrink", "shrink it", "copied")
        assert person.app.clipboard == "https://wiki.example/shrink"
        await person.press("q")
        await person.press("l")
        await person.sees("searching for line 7")
        await person.press("q")
        await person.sees("Alerts  1 waiting")
        await person.press("h")
        await person.sees("size_bytes")
        await person.press("q")
        await person.sees("Alerts  1 waiting")
        await person.press("enter")
        await person.sees("▸things", "shelf  toy")
        assert person.app.screen.pointed == ("shelf", "kite")  # type: ignore[attr-defined]
        await person.press("q")
        await person.sees("Alerts  1 waiting")
        await person.press("v")
        await person.sees("▸things")


async def test_an_escalation_needs_words() -> None:
    heard: list[str] = []
    made = toys()
    made.engine.inbox.heard.append(lambda change: heard.append(f"{change.what.value}: {change.note}"))
    async with sitting(made, (100, 44)) as person:
        await opened(person)
        await person.press("e")
        await answer(person, "escalate: what is asked of whom?")
        await person.sees("an escalation needs words")
        await person.press("e")
        await answer(person, "escalate: what is asked of whom?", "who knows kites")
        await person.sees("escalated by ann: who knows kites")
        assert heard[-1] == "escalated: who knows kites"


async def test_many_of_one_rule_open_into_lines_of_their_own() -> None:
    made = toys()
    async with sitting(made) as person:
        person.toy().answers = ToyFacts((Thing("ball", 1), *(Thing(f"kite{n}", 4096) for n in range(5))))
        await person.press("A")
        await person.sees("5 × big", "5 alerts: ")
        await person.press("t")
        await answer(person, "take 5 alerts in hand")
        await person.sees("ann has it")
        assert all(case.handed == "ann" for case in person.room.cases())
        await person.press("enter")
        await person.sees("big kite0", "big kite4")
        await person.press("slash", "k", "i", "t", "e", "3", "enter")
        await person.sees_no("big kite0")
        await person.press("escape")
        await person.sees("5 × big")


async def test_when_nothing_is_wrong_the_last_alert_is_told_and_c_lists_it() -> None:
    async with sitting(toys()) as person:
        await opened(person)
        person.toy().answers = ToyFacts((Thing("ball", 1),))
        await person.sees("nothing is wrong: 1 target read", "the last alert ended", "kite is 2 KiB")
        await person.press("c")
        await person.sees("ended ", "big kite")
        await person.press("t")
        await person.sees("it is over already")
        await person.press("d")
        await person.sees("cleared", "nobody had it")


async def test_nothing_is_called_well_when_the_target_cannot_be_read() -> None:
    from probes.base import Cause

    async with sitting(toys()) as person:
        person.toy().answers = ProbeError(Cause.REFUSED, "connection refused by db:5432")
        await person.press("A")
        await person.sees("no-answer", "DOWN refused", "2 waiting")


async def test_a_session_that_only_looks_says_so_and_decides_nothing() -> None:
    made = toys()
    made.undecided_because = "looking only: it was opened with --read-only"
    async with sitting(made) as person:
        await opened(person)
        for key in ("t", "s", "m", "e", "u"):
            await person.press(key)
            await person.sees("looking only: it was opened with --read-only")
        await person.press("w")
        await person.sees("nothing is silenced")
        assert person.room.cases()[0].acknowledged is None


async def test_the_room_frozen_shows_the_cases_as_they_were() -> None:
    async with sitting(toys()) as person:
        await opened(person)
        await person.press("f")
        await person.sees("FROZEN")
        person.toy().answers = ToyFacts((Thing("ball", 1),))
        await person.until(lambda: not person.room.engine.cases(), "the alert is over")
        assert "big kite" in person.screen()
        await person.press("f")
        await person.sees("nothing is wrong")


@pytest.mark.parametrize("size", [(60, 15), (200, 60)])
async def test_at_every_size_the_alert_its_words_and_who_has_it_are_seen(size: tuple[int, int]) -> None:
    async with sitting(toys(), size) as person:
        await opened(person)
        await person.sees("kite is 2 KiB", "to go", "since", "in hand")
        assert all(len(text) <= size[0] for text in person.screen().splitlines())


def test_who_only_looks_for_good_decides_nothing_and_who_may_not_act_still_decides(tmp_path: Path) -> None:
    places = Places(tmp_path / "user", tmp_path / "site", tmp_path / "state")
    assert wiring.undecided_because(False, places) == ""
    assert "--read-only" in wiring.undecided_because(True, places)
    places.site.mkdir()
    places.passive.touch()
    assert "passive" in wiring.undecided_because(False, places)


def test_who_looks_once_finds_the_silences_of_the_sessions_and_none_where_there_are_none(tmp_path: Path) -> None:
    places = Places(tmp_path / "user", tmp_path / "site", tmp_path / "state")
    made = toys()
    assert wiring.silences(made.profile, places) == []
    journal = wiring.journal(made.profile, made.engine, Secrets({}), places)
    journal.serve(made.engine.inbox)
    journal.step()
    until = made.engine.clock.now() + timedelta(hours=1)
    made.engine.inbox.open_window("move", until, "ann", "new rack")
    journal.close()
    assert [one.name for one in wiring.silences(made.profile, places)] == ["move"]
    wiring.inbox_file(made.profile, places).write_bytes(b"garbage" * 99)
    assert wiring.silences(made.profile, places) == []
