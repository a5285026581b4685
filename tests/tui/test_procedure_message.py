"""Messages that are sent from a procedure, without an incident: filled in, sent once, and noted with the run."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from textual import events

from desk.incident.scheme import OURS, Template
from probes.base import Delivery, Fate, Notice
from tests.tui.test_incident_screen import Wire, choose, typed
from tests.tui.test_incident_screen import furnished as with_incidents
from tests.tui.test_procedure_screen import BOOK, furnished, only, opened, runs
from tests.tui.test_screens import Sitting, sitting
from tui.room import Room

KEY = Template("new key", "public", "{system} has a new key since {since}: {update}", ("ops",))
SCHEME = replace(OURS, templates=(KEY, *OURS.templates), levels_by="profile")


def room(folder: Path, wire: Wire) -> Room:
    made = with_incidents(folder, scheme=SCHEME, wire=wire)
    furnished(made, folder, BOOK)
    return made


async def take(person: Sitting, key: str) -> None:
    """Go down to a line of the sheet and choose it."""
    view = person.app.screen._view  # type: ignore[attr-defined]
    for _ in range(8):
        if view.cursor == key:
            break
        await person.press("j")
    assert view.cursor == key
    await person.press("enter")


async def chosen(person: Sitting, text: str = "") -> None:
    """The message of the profile, filled in as far as a person says."""
    await person.until(lambda: person.room.incidents is not None, "the incidents")
    await opened(person)
    await person.press("m")
    await choose(person, "Which message?", "new key")
    await person.sees("nursery has a new key since", "it does not leave: not filled in: update", "fill in {update}")
    if text:
        await take(person, "fill update")
        await person.sees("{update}: what is new")
        await person.press(*typed(text), "enter")
        await person.sees(text, "send it to ops")
        await person.sees_no("it does not leave")


def notes(person: Sitting) -> list[str]:
    return [note.text for step in only(person).steps for note in step.notes]


async def test_a_message_is_sent_from_a_procedure_and_noted_word_by_word(tmp_path: Path) -> None:
    wire = Wire()
    async with sitting(room(tmp_path, wire), (120, 40)) as person:
        await chosen(person, "ask us for it")
        await take(person, "send ops")
        await person.until(lambda: len(notes(person)) == 2, "what became of it")
        [(channel, told)] = wire.told
        assert (channel, told.event, told.target, told.more) == ("ops", "message", "nursery", {"audience": "public"})
        assert told.words.startswith("nursery has a new key since 20")
        assert told.words.endswith(" UTC: ask us for it")
        assert notes(person) == [
            f"message new key to customers, ops: being sent: {told.words}",
            "message new key to customers, ops: sent (HTTP 200)",
        ]


async def test_that_a_message_leaves_is_noted_before_it_does(tmp_path: Path) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Wire):
        async def send(self, channel: str, notice: Notice) -> Delivery:
            arrived.set()
            await go_on.wait()
            return await super().send(channel, notice)

    async with sitting(room(tmp_path, Slow()), (120, 40)) as person:
        await chosen(person, "ask us for it")
        await take(person, "send ops")
        await person.until(arrived.is_set, "the request")
        [note] = notes(person)
        assert note.startswith("message new key to customers, ops: being sent: nursery has a new key")
        go_on.set()
        await person.until(lambda: len(notes(person)) == 2, "what became of it")


async def test_a_paste_of_several_lines_into_a_message_is_taken_whole(tmp_path: Path) -> None:
    async with sitting(room(tmp_path, Wire()), (120, 40)) as person:
        await chosen(person)
        await take(person, "fill update")
        await person.sees("{update}: what is new")
        person.app.screen.query_one("Prompt").post_message(events.Paste("the key is new\nask us for it\n"))
        await person.sees("the key is new ask us for it")
        await person.press("enter")
        await person.sees("nursery has a new key since", "UTC: the key is new ask us for it", "send it to ops")


async def test_what_was_not_taken_is_noted_as_that_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    wire = Wire(Fate.REFUSED)
    async with sitting(room(tmp_path, wire), (120, 40)) as person:
        await chosen(person, "ask us for it")
        await take(person, "send ops")
        await person.until(lambda: len(notes(person)) == 2, "what became of it")
        assert len(wire.told) == 1
        assert notes(person)[1] == "message new key to customers, ops: refused (HTTP 500)"


async def test_what_is_not_filled_in_does_not_leave_and_leaving_it_tells_nobody(tmp_path: Path) -> None:
    wire = Wire()
    async with sitting(room(tmp_path, wire), (120, 40)) as person:
        await chosen(person)
        await take(person, "send ops")
        await person.sees("it does not leave: not filled in")
        await person.press("escape")
        await person.sees("step 1")
        assert wire.told == []
        assert runs(person).all() == [], "to look at a message begins no run"


async def test_the_run_that_a_message_begins_is_the_one_that_it_names(tmp_path: Path) -> None:
    wire = Wire()
    named = replace(KEY, text="run {id}, by {operator}, since {since}: {update}")
    scheme = replace(SCHEME, templates=(named, *OURS.templates))
    made = with_incidents(tmp_path, scheme=scheme, wire=wire)
    furnished(made, tmp_path, BOOK)
    async with sitting(made, (120, 40)) as person:
        await person.until(lambda: person.room.incidents is not None, "the incidents")
        await opened(person)
        await person.press("m")
        await choose(person, "Which message?", "new key")
        await person.sees("it does not leave: not filled in: update")
        await take(person, "fill update")
        await person.sees("{update}: what is new")
        await person.press(*"x", "enter")
        await person.sees_no("it does not leave")
        await take(person, "send ops")
        await person.until(lambda: bool(wire.told) and len(notes(person)) == 2, "what became of it")
        [(_, told)] = wire.told
        assert told.words.startswith(f"run {only(person).id[-6:]}, by {only(person).by}, since 20")


async def test_a_long_message_is_noted_whole_and_one_that_can_not_be_does_not_leave(tmp_path: Path) -> None:
    wire = Wire()
    long = " ".join(f"key {number} is new" for number in range(400))
    endless = replace(KEY, name="all keys", text=long * 3)
    scheme = replace(SCHEME, templates=(replace(KEY, text=long), endless, *OURS.templates))
    made = with_incidents(tmp_path, scheme=scheme, wire=wire)
    furnished(made, tmp_path, BOOK)
    assert 4000 < len(long) < 15_000 < len(endless.text)
    async with sitting(made, (120, 40)) as person:
        await person.until(lambda: person.room.incidents is not None, "the incidents")
        await opened(person)
        await person.press("m")
        await choose(person, "Which message?", "all keys")
        await person.sees("Message all keys")
        await take(person, "send ops")
        await person.sees("it does not leave: it has 17,", "15,000 are the most that the run keeps")
        await person.press("escape")
        await person.sees("step 1")
        assert (wire.told, runs(person).all()) == ([], [])
        await person.press("m")
        await choose(person, "Which message?", "new key")
        await person.sees("Message new key")
        await take(person, "send ops")
        await person.until(lambda: bool(runs(person).all()) and len(notes(person)) == 2, "what became of it")
        assert notes(person)[0] == f"message new key to customers, ops: being sent: {long}"
        await person.press("d", "G")
        await person.sees("key 399 is new")
