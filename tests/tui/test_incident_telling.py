"""Who is told of an incident: at once by its severity, by a page, by messages; and what was begun is never lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from desk.incident.record import Sent
from desk.incident.scheme import Contact, Level, Template
from probes.base import Fate
from tests.tui.test_incident_screen import SCHEME, Wire, answer, choose, declared, furnished, only, typed
from tests.tui.test_screens import MovingClock, Sitting, sitting
from tui.screens.incidents import page

LEVELS = (Level("P1", "all of it", 900.0, notify=("lead", "duty"), page=("pager",)), Level("P2", "a part"))
TELLING = replace(
    SCHEME,
    levels=LEVELS,
    contacts=(*SCHEME.contacts, Contact("duty", "on call", "", ("#duty",), "pagerduty:PABC")),
    ladder=(),
)


async def test_whom_the_severity_wants_told_stands_there_with_the_way_until_they_were(tmp_path: Path) -> None:
    clock = MovingClock()
    scheme = replace(TELLING, levels=(replace(LEVELS[0], page=()), LEVELS[1]))
    async with sitting(furnished(tmp_path, clock, scheme=scheme), (80, 24)) as person:
        await declared(person)
        await person.sees("NOW", "tell engineering lead, Ann: 555-0100, ann@example.org", "tell on call: #duty")
        clock.later(120)
        await person.sees("OVERDUE 2m")
        await person.press("e")
        await person.sees("Who is called?", "NOW, told at once by the severity; 555-0100")
        await choose(person, "Who is called?", "lead")
        await choose(person, "Call engineering lead, Ann", "they answered")
        await answer(person, "Ann answered: what was said?")
        await person.sees_no("tell engineering lead")
        await person.sees("tell on call: #duty")
        await person.press("c")
        await person.sees("Whom to call", "#duty", "on call: not known here, ask pagerduty:PABC")
        await person.press("escape")
        await person.sees("▌P1▐ no mail")
        await person.press("escape")
        await person.sees("INCIDENT P1", "tell on call")


async def test_a_worse_severity_wants_people_told_too_and_pages_once(tmp_path: Path) -> None:
    wire = Wire()
    async with sitting(furnished(tmp_path, scheme=TELLING, wire=wire), (100, 30)) as person:
        await declared(person, "P2")
        assert wire.told == []
        await person.sees_no("tell engineering lead")
        await person.press("s")
        await choose(person, "How severe is it?", "P1")
        await answer(person, "P1 instead of P2: why?")
        await person.sees("tell engineering lead, Ann", "page to pager sent: HTTP 200")
        ((channel, notice),) = wire.told
        made = only(person)
        assert (channel, notice.event, notice.case, notice.words) == ("pager", "raised", made.id, "P1 no mail")
        assert made.said("internal") is None, "a page is no message to our people"
        for level in ("P2", "P1"):
            await person.press("s")
            await choose(person, "How severe is it?", level)
            await answer(person, f"{level} instead of")
            await person.sees(f"▌{level}▐")
        assert len(wire.told) == 1


async def test_a_page_that_did_not_get_through_is_said_and_a_person_tries_again(tmp_path: Path) -> None:
    wire = Wire(Fate.UNSENT)
    async with sitting(furnished(tmp_path, scheme=TELLING, wire=wire), (100, 30)) as person:
        await person.until(lambda: person.room.incidents is not None, "the incidents")
        await person.press("I")
        await choose(person, "how severe is it?", "P1")
        await answer(person, "Enter declares P1", "no mail")
        await person.sees("page to pager not sent: HTTP 500", "declared P1: no mail")
        await person.sees("nobody was paged through pager yet: e tries again")
        wire.fate = Fate.TOLD
        await person.press("e")
        await person.sees("Who is called?", "NOW, it was not taken yet")
        await choose(person, "Who is called?", "page pager")
        await person.sees("page to pager sent: HTTP 200")
        await person.sees_no("nobody was paged")
        assert [one.id for _, one in wire.told] == [one.id for one in only(person).messages]
        assert {one.case for _, one in wire.told} == {only(person).id}
        assert [one.sent for one in only(person).messages] == [Sent.UNSENT, Sent.SENT]
        await person.press("e")
        await person.sees("Who is called?", "leave it")
        assert "page pager" not in person.screen()


async def resolved(person: Sitting) -> None:
    await person.press("x")
    await choose(person, "How far is it?", "resolved")
    await choose(person, "Resolve it?", "over all the same")
    await answer(person, "why is it over all the same?", "a drill")


async def test_a_page_ends_with_its_incident_and_calls_again_when_that_comes_back(tmp_path: Path) -> None:
    wire = Wire()
    async with sitting(furnished(tmp_path, scheme=TELLING, wire=wire), (100, 30)) as person:
        await declared(person)
        await person.sees("page to pager sent: HTTP 200")
        wire.fate = Fate.UNSENT
        await resolved(person)
        await person.sees("end of page to pager not sent: HTTP 500", "pager may still call somebody for it")
        assert only(person).said("internal") is None, "the end of a page is no message to our people"
        wire.fate = Fate.TOLD
        await person.press("e")
        await choose(person, "Who is called?", "end the page to pager")
        await person.sees("end of page to pager sent: HTTP 200")
        await person.sees_no("may still call")
        desk = person.room.incidents
        assert desk is not None
        desk.incidents.reopen(only(person).id, "back")
        page(person.room, desk, only(person).id)
        await person.until(lambda: len(wire.told) == 4, "a second call")
        assert [one.event for _, one in wire.told] == ["raised", "cleared", "cleared", "raised"]
        assert {one.case for _, one in wire.told} == {only(person).id}


async def test_who_was_never_called_is_not_told_that_it_is_over(tmp_path: Path) -> None:
    wire = Wire(Fate.UNSENT)
    async with sitting(furnished(tmp_path, scheme=TELLING, wire=wire), (100, 30)) as person:
        await declared(person)
        await person.sees("page to pager not sent: HTTP 500", "nobody was paged through pager yet")
        desk = person.room.incidents
        assert desk is not None
        desk.incidents.resolve(only(person).id, early="a drill")
        page(person.room, desk, only(person).id)
        await person.sees("set a day for the post-mortem")
        await person.sees_no("nobody was paged")
        assert [one.event for _, one in wire.told] == ["raised"]


async def test_on_a_small_screen_the_choices_stay_in_sight_and_a_long_message_scrolls(tmp_path: Path) -> None:
    long = Template("long", "internal", "\n".join(f"sentence {number}" for number in range(1, 31)), ("ops",))
    scheme = replace(SCHEME, templates=(long, *SCHEME.templates))
    wire = Wire()
    async with sitting(furnished(tmp_path, scheme=scheme, wire=wire), (60, 15)) as person:
        await declared(person)
        await person.press("m")
        await choose(person, "Which message?", "long")
        choices = ("leave it", "copy it", "send it to ops")
        await person.sees("sentence 1", "lines 1 to ", " of 30", "to be pasted", *choices)
        for _ in range(30):
            if "sentence 30" in person.screen():
                break
            await person.press("pagedown")
            await person.sees(*choices)
        await person.sees("sentence 30", *choices)
        await person.press("G", "enter")
        await person.sees("message to ops sent")
        assert [one.words for _, one in wire.told] == [long.text]


def kept(folder: Path, text: str) -> bool:
    """True when a text that was begun is on disk."""
    return any(f'"{text}"' in one.read_text() for one in (folder / "acts" / "unsaid").glob("*.json"))


async def test_a_note_that_was_begun_is_gone_on_with_in_the_next_session(tmp_path: Path) -> None:
    async with sitting(furnished(tmp_path)) as person:
        await declared(person)
        await person.press("n")
        await person.sees("a note for the timeline")
        await person.press(*typed("the queue"))
        await person.until(lambda: kept(tmp_path, "the queue"), "what was typed on disk")
    async with sitting(furnished(tmp_path)) as person:
        await person.sees("INCIDENT P1")
        await person.press("I")
        await person.sees("declared P1", "a note was begun")
        await person.press("n")
        await answer(person, "the queue", " grows")
        await person.sees("“ the queue grows")
        await person.sees_no("a note was begun")
    async with sitting(furnished(tmp_path, who="bob")) as bob:
        await bob.sees("INCIDENT P1")
        await bob.press("I")
        await bob.sees("“ the queue grows")
        assert "a note was begun" not in bob.screen()


async def test_what_was_begun_of_a_message_is_offered_again_and_never_sent_by_itself(tmp_path: Path) -> None:
    wire = Wire()
    async with sitting(furnished(tmp_path, wire=wire), (100, 30)) as person:
        await declared(person)
        await person.press("m")
        await choose(person, "Which message?", "own words to customers")
        await person.sees("fill in {update}")
        await person.press("j", "enter")
        await person.sees("{update}: what is new")
        await person.press(*typed("we are at it"), "escape")
        await person.sees("begun: we are at it", "it does not leave")
        await person.until(lambda: kept(tmp_path, "we are at it"), "what was typed on disk")
    async with sitting(furnished(tmp_path, wire=wire), (100, 30)) as person:
        await person.sees("INCIDENT P1")
        await person.press("I")
        await person.sees("declared P1")
        await person.press("m")
        await choose(person, "Which message?", "own words to customers")
        await person.sees("begun: we are at it", "it does not leave")
        await person.press("j", "enter")
        await answer(person, "{update}: what is new", " now")
        await person.sees_no("it does not leave")
        await person.press("G", "enter")
        await person.sees("message to ops sent")
        assert [one.words for _, one in wire.told] == ["we are at it now"]
        await person.press("m")
        await choose(person, "Which message?", "own words to customers")
        await person.sees("fill in {update}")
        assert "begun" not in person.screen()
