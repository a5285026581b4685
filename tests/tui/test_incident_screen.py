"""Incidents as a person on watch lives through them: keys in, what is kept and what is on the screen out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from desk.incident.incident import Incident
from desk.incident.incidents import Incidents
from desk.incident.journal import IncidentJournal
from desk.incident.record import Role, Sent, Stage
from desk.incident.scheme import OURS, Contact, Rung, Scheme, Template
from desk.incident.unsaid import Unsaid
from probes.base import Delivery, Fate, Notice, SafeText
from tests.toyhands import Toybox, toy_hands
from tests.toys import Thing, ToyFacts, room
from tests.tui.test_acting import confirm, seen
from tests.tui.test_screens import MovingClock, Sitting, sitting
from tui.app import OpsroomApp
from tui.incident_papers import Papers
from tui.incidents import IncidentDesk
from tui.places import Places
from tui.room import Room
from tui.secrets import Secrets
from tui.wiring import journal

SCHEME = replace(
    OURS,
    contacts=(Contact("lead", "engineering lead", "Ann", ("555-0100", "ann@example.org")),),
    ladder=(Rung("1", "lead", 600.0, "unacknowledged", say="say what is down"), Rung("2", "boss", 1800.0)),
    templates=(Template("short", "internal", "{title}: {impact}", ("ops",)), *OURS.templates),
    levels_by="profile",
)


class Wire:
    """Channels that take what they are told, or fail."""

    def __init__(self, fate: Fate = Fate.TOLD) -> None:
        self.fate = fate
        self.told: list[tuple[str, Notice]] = []

    def channels(self) -> Sequence[str]:
        return ["ops"]

    async def page(self, channel: str, notice: Notice) -> Delivery:
        return await self.send(channel, notice)

    async def send(self, channel: str, notice: Notice) -> Delivery:
        self.told.append((channel, notice))
        return Delivery(self.fate, SafeText("HTTP 200" if self.fate is Fate.TOLD else "HTTP 500"))


def places(folder: Path) -> Places:
    found = Places.of({"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")})
    return replace(found, state=folder / "state", acts=folder / "acts")


def furnished(
    folder: Path,
    clock: MovingClock | None = None,
    who: str = "ann",
    scheme: Scheme = SCHEME,
    wire: Wire | None = None,
    path: Path | None = None,
    targets: Sequence[str] = ("shelf",),
) -> Room:
    """A room with toys, an inbox that is kept, and incidents that are kept."""
    made = room(*targets, every=0.1, clock=clock or MovingClock())
    made.who = who
    there = places(folder)
    secrets = Secrets({})
    made.keep = lambda: journal(made.profile, made.engine, secrets, there)

    def desk() -> IncidentDesk:
        ticking = made.engine.clock
        file = IncidentJournal(path or folder / "acts" / "incidents.db", ticking)
        unsaid = Unsaid(folder / "acts" / "unsaid", who)
        book, papers = Incidents(ticking, who, "here", scheme), Papers(made.profile, there)
        return IncidentDesk(made, book, file, papers, wire, str, unsaid)

    made.make_incidents = desk
    return made


def only(person: Sitting) -> Incident:
    assert person.room.incidents is not None
    found = person.room.incidents.incidents.all()
    assert len(found) == 1, found
    return found[0]


def typed(text: str) -> list[str]:
    return [{" ": "space", "-": "minus", ":": "colon", "/": "slash", ".": "full_stop"}.get(one, one) for one in text]


async def answer(person: Sitting, label: str, text: str = "") -> None:
    await person.sees(label)
    await person.press(*typed(text), "enter")


async def choose(person: Sitting, title: str, text: str) -> None:
    """Narrow a choice down to one line and take it."""
    await person.sees(title, "type to narrow down")
    await person.press(*typed(text))
    await person.until(lambda: person.app.screen._view.cursor is not None, "a line to choose")  # type: ignore[attr-defined]
    await person.press("enter")
    await person.sees_no(title)


async def declared(person: Sitting, level: str = "P1", title: str = "no mail") -> Incident:
    await person.until(lambda: person.room.incidents is not None, "the incidents")
    await person.press("I")
    await choose(person, "how severe is it?", level)
    await answer(person, f"Enter declares {level}", title)
    await person.sees(f"declared {level}: {title}")
    return only(person)


async def test_an_incident_is_declared_with_a_few_keys_and_stands_on_every_screen(tmp_path: Path) -> None:
    clock = MovingClock()
    async with sitting(furnished(tmp_path, clock)) as person:
        await person.until(lambda: person.room.incidents is not None, "the incidents")
        await person.press("I")
        await person.sees("how severe is it?", "leave it", "complete outage")
        await person.press("enter")
        await person.sees("no incident was declared", "TOYS")
        made = await declared(person)
        assert (made.title, made.level, made.stage, made.by) == ("no mail", "P1", Stage.DECLARED, "ann")
        await person.sees(
            "▌P1▐ no mail", "commander –", "scribe –", "somebody should be at it", "■ declared P1: no mail"
        )
        await person.press("escape")
        await person.sees("TOYS", "▌INCIDENT P1▐", "no mail", "call engineering lead, Ann in 9m")
        clock.later(12 * 60)
        await person.sees("▌INCIDENT P1▐ 12m", "call engineering lead, Ann OVERDUE 2m")
        await person.press("I")
        await person.sees("▌P1▐ no mail", "12m")


async def test_an_alert_becomes_an_incident_and_each_leads_to_the_other(tmp_path: Path) -> None:
    async with sitting(furnished(tmp_path), (100, 30)) as person:
        await person.until(lambda: person.room.incidents is not None, "the incidents")
        await person.press("A")
        await person.sees("nobody has it")
        await person.until(lambda: any(one.id for one in person.app.screen.cases), "a case that is kept")  # type: ignore[attr-defined]
        await person.press("I")
        await choose(person, "how severe is it?", "P2")
        await person.sees("Enter declares P2", "shelf: kite is 2 KiB")
        await person.press("enter")
        await person.sees("declared P2: shelf: kite is 2 KiB", "warning raised: kite is 2 KiB")
        made = only(person)
        assert [one.words for one in made.linked("case")] == ["shelf: kite is 2 KiB"]
        assert made.about.occasion is not None
        await person.press("o")
        await person.sees("▸ kite")
        await person.press("escape")
        await person.sees("declared P2")
        await person.press("escape")
        await person.sees("Alerts", "INCIDENT P2")
        await person.press("I")
        await person.sees("declared P2")
        assert len(person.room.incidents.incidents.all()) == 1  # type: ignore[union-attr]


async def test_a_note_is_typed_and_stands_at_the_foot_and_esc_keeps_what_was_typed(tmp_path: Path) -> None:
    async with sitting(furnished(tmp_path)) as person:
        await declared(person)
        await person.press("enter")
        await person.sees("a note for the timeline")
        await person.press(*typed("the queue"), "escape")
        await person.sees("the note is kept: n goes on with it", "a note was begun")
        await person.press("escape")
        await person.sees("INCIDENT P1")
        await person.press("I")
        await person.sees("a note was begun")
        await person.press("n")
        await answer(person, "the queue", " grows")
        await person.sees("“ the queue grows", "noted")
        assert [one.text for one in only(person).notes] == ["the queue grows"]
        await person.sees_no("a note was begun")


async def test_roles_severity_and_expected_end_are_set_handed_over_and_taken_back(tmp_path: Path) -> None:
    async with sitting(furnished(tmp_path), (100, 30)) as person:
        await declared(person, "P2")
        await person.press("t")
        await choose(person, "Which role?", "commander")
        await choose(person, "Who is commander?", "ann")
        await person.sees("commander ann", "somebody is at it", "ann is commander")
        await person.press("t")
        await choose(person, "Which role?", "commander")
        await choose(person, "Who is commander?", "bob")
        await person.sees("commander bob", "bob is commander, handed over by ann")
        await person.press("s")
        await choose(person, "How severe is it?", "P1")
        await answer(person, "P1 instead of P2: why?", "all of it")
        await person.sees("▌P1▐", "severity P1: all of it")
        await person.press("u")
        await answer(person, "when should it be over?", "soon")
        await person.sees("“soon” is no end")
        await person.press("u")
        await answer(person, "when should it be over?", "45m")
        await person.sees("in 44m")
        await person.press("u")
        await answer(person, "when should it be over?", "-")
        await person.sees("nobody knows when it ends")
        found = only(person)
        assert (found.level, found.roles[Role.COMMANDER], found.eta) == ("P1", "bob", None)


async def test_it_is_mitigated_watched_resolved_and_opened_again(tmp_path: Path) -> None:
    clock = MovingClock()
    async with sitting(furnished(tmp_path, clock), (100, 30)) as person:
        person.toy().answers = ToyFacts((Thing("ball", 10),))
        await person.sees("all well")
        await declared(person)
        await person.press("x")
        await choose(person, "How far is it?", "mitigated")
        await answer(person, "mitigated: by what?", "restarted")
        await person.sees("mitigated, watched", "mitigated: restarted", "watch whether it holds")
        await person.press("x")
        await choose(person, "How far is it?", "resolved")
        await person.sees("Resolve it?", "it is watched until")
        await choose(person, "Resolve it?", "over all the same")
        await answer(person, "why is it over all the same?")
        await person.sees("without a reason it stays open")
        assert only(person).stage is Stage.MITIGATED
        clock.later(31 * 60)
        await person.sees("watched long enough: resolve it")
        await person.press("x")
        await choose(person, "How far is it?", "resolved")
        await answer(person, "resolved: what was it?", "a full disk")
        await person.sees("resolved: a full disk", "set a day for the post-mortem")
        await person.press("x")
        await choose(person, "How far is it?", "again")
        await answer(person, "open again: why?", "full again")
        await person.sees("re-opened: full again")
        assert only(person).open


async def test_alerts_that_stand_are_named_before_it_is_resolved_and_kept_with_the_reason(tmp_path: Path) -> None:
    async with sitting(furnished(tmp_path), (100, 30)) as person:
        await person.sees("kite is 2 KiB")
        await declared(person)
        await person.press("x")
        await choose(person, "How far is it?", "resolved")
        await person.sees("Resolve it?", "alert open: shelf: kite is 2 KiB", "it was not mitigated and watched")
        await choose(person, "Resolve it?", "all the same")
        await answer(person, "why is it over all the same?", "a drill")
        await person.sees("resolved: still open: shelf: kite is 2 KiB; a drill")
        assert not only(person).open


async def test_an_alert_that_comes_while_it_is_watched_is_a_reason_to_open_it_again(tmp_path: Path) -> None:
    async with sitting(furnished(tmp_path), (100, 30)) as person:
        person.toy().answers = ToyFacts((Thing("ball", 10),))
        await person.sees("all well")
        await declared(person)
        await person.press("x")
        await choose(person, "How far is it?", "mitigated")
        await answer(person, "mitigated: by what?")
        await person.sees("mitigated, watched")
        person.toy().answers = ToyFacts((Thing("crate", 5000),))
        await person.sees("it may not be over: shelf: crate is 4.9 KiB; x opens it again")


async def test_a_message_is_seen_filled_in_and_refused_by_name_until_it_is_whole(tmp_path: Path) -> None:
    wire = Wire()
    async with sitting(furnished(tmp_path, wire=wire), (100, 30)) as person:
        await declared(person)
        await person.press("m")
        await choose(person, "Which message?", "short")
        await person.sees("no mail: {impact}", "it does not leave: not filled in: impact (what customers feel)")
        await person.press("j", "j", "j", "enter")
        await person.sees("it does not leave: not filled in: impact", "send it to ops")
        assert (wire.told, only(person).messages) == ([], ())
        await person.press("k", "k", "enter")
        await answer(person, "{impact}: what customers feel?", "no letters")
        await person.sees("no mail: no letters")
        await person.sees_no("it does not leave")
        assert only(person).impact == "no letters"
        await person.press("G", "enter")
        await person.sees("message to ops sent: HTTP 200", "internal message short to ops")
        assert [(name, one.words) for name, one in wire.told] == [("ops", "no mail: no letters")]
        told = only(person).messages[0]
        assert (told.sent, told.message.text) == (Sent.SENT, "no mail: no letters")


async def test_what_is_copied_goes_to_the_clipboard_word_by_word_and_is_written_down(tmp_path: Path) -> None:
    async with sitting(furnished(tmp_path), (100, 30)) as person:
        await declared(person)
        await person.press("m")
        await choose(person, "Which message?", "own words to customers")
        await person.sees("fill in {update}")
        await person.press("j", "enter")
        await answer(person, "{update}: what is new", "we are at it")
        await person.sees_no("it does not leave")
        await person.press("j", "enter")
        await person.sees("copied, and written down as told")
        assert person.app.clipboard == "we are at it"
        told = only(person).messages[0]
        assert (told.sent, told.message.audience, told.message.text) == (Sent.COPIED, "public", "we are at it")


async def test_a_message_that_did_not_get_through_says_so_and_stays_due(tmp_path: Path) -> None:
    async with sitting(furnished(tmp_path, wire=Wire(Fate.REFUSED)), (100, 30)) as person:
        await declared(person)
        await person.press("b")
        await choose(person, "What is known?", "impact")
        await answer(person, "what do customers feel?", "little")
        await person.sees("impact noted")
        await person.press("m")
        await choose(person, "Which message?", "short")
        await person.sees("no mail: little")
        await person.press("G", "enter")
        await person.sees("refused to ops (HTTP 500)", "message to ops refused: HTTP 500")
        assert only(person).said("internal") is None


async def test_the_ladder_says_whose_turn_it_is_and_a_call_is_written_down(tmp_path: Path) -> None:
    clock = MovingClock()
    async with sitting(furnished(tmp_path, clock), (100, 30)) as person:
        await declared(person)
        clock.later(11 * 60)
        await person.sees("OVERDUE", "call engineering lead, Ann (nobody is at it after 10 min): say what is down")
        await person.press("e")
        await person.sees("Who is called?", "NOW, due for 1m", "555-0100")
        await choose(person, "Who is called?", "lead")
        await person.sees("Call engineering lead, Ann", "555-0100, ann@example.org; tell them: say what is down")
        await person.press(*typed("copy 555"), "enter")
        await person.until(lambda: person.app.clipboard == "555-0100", "the number on the clipboard")
        await choose(person, "called, they answered", "they answered")
        await answer(person, "Ann answered: what was said?", "she comes")
        await person.sees("called Ann, answered: she comes")
        assert [(one.rung, one.who, one.answered) for one in only(person).calls] == [("1", "Ann", True)]
        await person.press("c")
        await person.sees("Whom to call", "✓ called engineering lead", "called by ann, answered", "in 18m", "boss")


async def test_whom_to_call_says_who_is_on_call_and_where_people_meet(tmp_path: Path) -> None:
    rota = Contact("rota", "on-call engineer", oncall="pagerduty:PABC123")
    scheme = replace(
        SCHEME,
        contacts=(*SCHEME.contacts, rota),
        status_page="https://status.example.org",
        manager="https://incidents.example.org",
        chat="inc-{id}",
    )
    async with sitting(furnished(tmp_path, scheme=scheme), (100, 40)) as person:
        one = await declared(person)
        await person.press("c")
        await person.sees("Whom to call", "on-call engineer", "on call: not known here, ask pagerduty:PABC123")
        await person.sees("Places", f"chat channel  inc-{one.short}", "status page  https://status.example.org")
        await person.sees("manager  https://incidents.example.org")


async def test_the_post_mortem_goes_into_a_file_of_our_own_and_never_over_another(tmp_path: Path) -> None:
    async with sitting(furnished(tmp_path), (100, 30)) as person:
        await declared(person)
        await person.press("n")
        await answer(person, "a note for the timeline", "it was the disk")
        await person.sees("“ it was the disk", "warning raised: kite is 2 KiB")
        for said in ("written:", "there is a paper.md already"):
            await person.press("w")
            await choose(person, "Post-mortem", "draft")
            await person.sees("write the draft to")
            await person.press("ctrl+u", *typed(str(tmp_path / "paper.md")), "enter")
            await person.sees(said)
        text = (tmp_path / "paper.md").read_text()
        assert (tmp_path / "paper.md").stat().st_mode & 0o777 == 0o600
        for words in ("# Post-mortem: no mail", "it was the disk", "kite is 2 KiB", "declared P1"):
            assert words in text
        assert only(person).written is None, "a draft is not yet a post-mortem"


async def test_action_items_are_added_with_owner_and_day_tracked_and_done(tmp_path: Path) -> None:
    clock = MovingClock()
    async with sitting(furnished(tmp_path, clock), (100, 30)) as person:
        person.toy().answers = ToyFacts((Thing("ball", 10),))
        await declared(person)
        await person.press("i")
        await person.sees("Action items of no mail", "add one")
        await person.press("enter")
        await answer(person, "what is to be done?", "watch the disk")
        await answer(person, "who does it?", "bob")
        await answer(person, "until when?", "7d")
        await person.sees("[ ] watch the disk", "bob, due")
        await person.press("escape")
        await person.sees("action item: watch the disk (bob)")
        clock.later(9 * 86400)
        await person.press("escape")
        await person.sees("1 action item OVERDUE: L")
        await person.press("L")
        await person.sees("Incidents", "1 open", "1 OVERDUE")
        await person.press("i")
        await person.sees("[ ] watch the disk", "OVERDUE", "P1 no mail")
        await person.press("enter")
        await person.sees("nothing is left to do")
        await person.press("escape")
        await person.sees_no("OVERDUE: L")
        assert only(person).items[0].done is not None


async def test_a_post_mortem_that_nobody_sets_a_day_for_is_said_on_every_screen(tmp_path: Path) -> None:
    clock = MovingClock()
    async with sitting(furnished(tmp_path, clock), (100, 30)) as person:
        made = await declared(person)
        assert person.room.incidents is not None
        person.room.incidents.incidents.resolve(made.id, early="a drill")
        await person.press("escape")
        await person.sees_no("INCIDENT P1")
        assert "post-mortem OVERDUE" not in person.screen()
        clock.later(timedelta(hours=49).total_seconds())
        await person.sees("post-mortem OVERDUE: L")
        person.room.incidents.incidents.plan_post_mortem(made.id, person.room.incidents.now + timedelta(days=1))
        await person.sees_no("post-mortem OVERDUE")


async def test_another_session_brings_what_it_says_and_goes_on_where_this_one_left(tmp_path: Path) -> None:
    async with sitting(furnished(tmp_path), (100, 30)) as ann:
        made = await declared(ann)
        async with sitting(furnished(tmp_path, who="bob"), (100, 30)) as bob:
            await bob.sees("INCIDENT P1", "no mail")
            await bob.press("I")
            await bob.sees("declared P1: no mail")
            await bob.press("n")
            await answer(bob, "a note for the timeline", "from bob")
            await bob.sees("“ from bob")
            await ann.sees("“ from bob", "bob")
    async with sitting(furnished(tmp_path, who="eve"), (100, 30)) as eve:
        await eve.sees("INCIDENT P1")
        await eve.press("I")
        await eve.sees("“ from bob", "declared P1: no mail")
        assert only(eve).id == made.id


async def test_when_nothing_can_be_kept_that_is_said_and_kept_as_soon_as_it_can(tmp_path: Path) -> None:
    clock, file = MovingClock(), tmp_path / "blocked" / "incidents.db"
    file.parent.write_text("a file where a folder should be")
    async with sitting(furnished(tmp_path, clock, path=file), (120, 30)) as person:
        await declared(person)
        await person.sees("incidents NOT KEPT: L", "incidents are not kept", "nothing is lost")
        await person.press("n")
        await answer(person, "a note for the timeline", "still here")
        await person.sees("“ still here")
        file.parent.unlink()
        clock.later(60)
        await person.sees_no("NOT KEPT")
        await person.until(lambda: person.room.incidents.incidents.unkept(only(person).id) == 0, "kept")  # type: ignore[union-attr]
    async with sitting(furnished(tmp_path, who="bob", path=file), (120, 30)) as bob:
        await bob.sees("INCIDENT P1")
        await bob.press("I")
        await bob.sees("“ still here")


async def test_the_timeline_follows_scrolls_is_narrowed_down_and_shows_all_of_an_entry(tmp_path: Path) -> None:
    async with sitting(furnished(tmp_path), (80, 24)) as person:
        made = await declared(person)
        assert person.room.incidents is not None
        for number in range(40):
            person.room.incidents.incidents.note(made.id, f"note {number} " + "word " * (60 if number == 0 else 1))
        await person.sees("note 39")
        await person.press("g")
        await person.sees("declared P1: no mail")
        await person.sees_no("note 39")
        person.room.incidents.incidents.note(made.id, "one more")
        await person.press("slash")
        await answer(person, "show entries that hold", "more")
        await person.sees("“ one more", "holding “more”")
        await person.sees_no("declared P1: no mail")
        await person.press("escape")
        await person.sees_no("holding")
        await person.press("G")
        await person.sees("“ one more")
        person.room.incidents.incidents.note(made.id, "and another")
        await person.sees("“ and another")
        await person.press("d")
        await person.sees("Entry of the timeline", "and another", "from      note", "who       ann")


async def test_without_an_incident_the_list_says_how_one_is_declared(tmp_path: Path) -> None:
    async with sitting(furnished(tmp_path), (60, 15)) as person:
        await person.until(lambda: person.room.incidents is not None, "the incidents")
        await person.press("L")
        await person.sees("Incidents", "none is open", "n declares one")
        await person.press("n")
        await choose(person, "how severe is it?", "P3")
        await answer(person, "Enter declares P3", "odd")
        await person.sees("▌P3▐ odd", "declared P3: odd")
        await person.press("escape")
        await person.sees("1 open", "odd")


async def test_a_session_that_only_looks_declares_nothing(tmp_path: Path) -> None:
    made = furnished(tmp_path)
    made.undecided_because = "looking only"
    async with sitting(made) as person:
        await person.until(lambda: person.room.incidents is not None, "the incidents")
        await person.press("I")
        await person.sees("looking only")
        assert person.room.incidents is not None
        assert person.room.incidents.incidents.all() == []


@asynccontextmanager
async def acting(folder: Path, size: tuple[int, int] = (100, 30)) -> AsyncIterator[tuple[Sitting, Toybox]]:
    """A session that may act on the toys of `it`, and whose incidents see what it does."""
    made, box = furnished(folder, targets=("it",)), Toybox()
    made.read_only_because = ""
    hands = toy_hands(folder / "acts", box, made.engine.clock)
    hands.trail.about = {"system": "nursery", "environment": "test"}
    app = OpsroomApp(made, Secrets({}), "night", ("tests", 10), lambda: hands)
    async with app.run_test(size=size) as pilot:
        person = Sitting(app, pilot)
        await person.sees("ball", "ARMED")
        yield person, box


async def test_what_is_done_writes_itself_into_the_timeline_with_what_came_of_it(tmp_path: Path) -> None:
    async with acting(tmp_path) as (person, box):
        await declared(person)
        await person.press("escape")
        await person.sees("INCIDENT P1", "▲ kite")
        await person.press("R")
        await person.sees("restart kite", "INCIDENT P1", "[ restart kite")
        await confirm(person)
        await person.sees("CONFIRMED")
        await person.press("escape")
        await person.sees("▌INCIDENT P1▐")
        await person.press("I")
        await person.sees("► it: restart kite: tests (it is there → another one)", "[CONFIRMED]", "declared P1")
        assert len(box.requests) == 1


async def test_while_evidence_is_kept_what_destroys_it_is_refused_until_a_person_says_why_and_types_it(
    tmp_path: Path,
) -> None:
    async with acting(tmp_path) as (person, box):
        await declared(person)
        await person.press("v")
        await answer(person, "keep evidence: why?", "a break-in")
        await person.sees("EVIDENCE IS KEPT since", "a break-in")
        await person.press("escape")
        await person.sees("INCIDENT P1", "EVIDENCE", "▲ kite")
        await person.until(lambda: bool(only(person).security), "security mode")
        await person.press("R")
        await person.sees("it can't be done: evidence is kept for incident", "a break-in", "override, with a reason")
        await person.sees_no("[ restart kite")
        await person.press("tab", "tab", "enter")
        await person.sees("reason", "type destroy evidence to go on", "let it through")
        await person.press(*typed("it is copied"), "enter")
        await person.press(*typed("destroy evidence"), "enter")
        await seen(person)
        assert box.requests == []
        await person.press("enter")
        await person.sees("let through, and written down", "[ restart kite")
        assert box.requests == []
        await confirm(person)
        await person.sees("CONFIRMED")
        assert len(box.requests) == 1
        assert [one.reason for one in only(person).overrides] == ["it is copied"]
        await person.press("escape")
        await person.sees("INCIDENT P1")
        await person.press("I")
        await person.sees("evidence overridden: it is copied", "declared P1")
        await person.press("v")
        await answer(person, "keep evidence no longer: why?", "all is copied")
        await person.sees("security mode off: all is copied")
        await person.sees_no("EVIDENCE IS KEPT")


async def test_an_override_without_its_reason_or_its_word_lets_nothing_through(tmp_path: Path) -> None:
    async with acting(tmp_path) as (person, box):
        made = await declared(person)
        assert person.room.incidents is not None
        person.room.incidents.incidents.secure(made.id, "a break-in")
        await person.press("escape")
        await person.sees("EVIDENCE", "▲ kite")
        await person.press("R")
        await person.sees("override, with a reason")
        await person.press("tab", "tab", "enter")
        await person.sees("type destroy evidence to go on")
        await person.press(*typed("why not"), "enter", *typed("destroy"), "enter")
        await person.sees("type destroy evidence to go on, Esc to leave")
        await person.press("escape")
        await person.sees("INCIDENT P1")
        assert (box.requests, only(person).overrides) == ([], ())
