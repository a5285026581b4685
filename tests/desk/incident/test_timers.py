"""What is due in an incident: at the right minute, by the stricter of two rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from desk.incident.incidents import CLIPBOARD
from desk.incident.record import Role, Sent
from desk.incident.scheme import OURS, Contact, Level, Rung, Scheme, adopted
from desk.incident.timers import Kind, Step, Timer, Turn, disturbed, ladder
from desk.runbook.book import Contact as BookContact
from desk.runbook.book import Level as BookLevel
from desk.runbook.book import Runbook
from desk.runbook.book import Rung as BookRung
from tests.desk.inboxes import HandClock
from tests.desk.incidents import Person, minutes

LEAD = Contact("lead", "engineering lead", "Lee", ("+49 30 1", "lee@example.com"))
LADDER = (
    Rung("1", "on-call", 0.0),
    Rung("2", "lead", 3600.0),
    Rung("3", "CTO", 7200.0, levels=("P1",), flags=("data loss",)),
)
"""C-127 to C-129: at once, after an hour, after two hours of the worst or at once when data is lost."""


def session(clock: HandClock, **changes: object) -> Person:
    base = Scheme(
        (Level("P1", "", 900, 1800, 900, 1800), Level("P2", "", 3600, watch=600)), (LEAD,), LADDER, OURS.templates
    )
    return Person("ann", clock, scheme=replace(base, **changes))  # type: ignore[arg-type]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def of(ann: Person, name: str, kind: Kind) -> list[Timer]:
    return [one for one in ann.book.timers(name) if one.kind is kind]


def due(ann: Person, name: str, kind: Kind) -> datetime:
    (one,) = of(ann, name, kind)
    return one.due


def turns(ann: Person, name: str) -> list[Turn]:
    return [one.turn for one in steps(ann, name)]


def steps(ann: Person, name: str) -> tuple[Step, ...]:
    return ladder(ann.of(name), ann.book.scheme, ann.clock.now())


def test_somebody_should_be_at_it_within_the_shorter_of_both_times(clock: HandClock) -> None:
    ann = session(clock, respond=1800.0)
    worst, mild = ann.book.declare("out", "P1").id, ann.book.declare("slow", "P2").id
    assert (due(ann, worst, Kind.RESPOND), due(ann, mild, Kind.RESPOND)) == (minutes(15), minutes(30))
    ann.book.acknowledge(worst)
    assert of(ann, worst, Kind.RESPOND) == []


def test_each_rung_of_the_ladder_comes_at_its_minute_and_not_before(clock: HandClock) -> None:
    ann = session(clock)
    name = ann.book.declare("out", "P1").id
    assert turns(ann, name) == [Turn.DUE, Turn.WAITING, Turn.WAITING]
    ann.book.call(name, "1", "the one on call", answered=True)
    clock.passed = 3600 - 0.001
    assert turns(ann, name) == [Turn.CALLED, Turn.WAITING, Turn.WAITING]
    clock.passed = 3600
    assert turns(ann, name) == [Turn.CALLED, Turn.DUE, Turn.WAITING]
    (call, *_) = of(ann, name, Kind.ESCALATE)
    assert call.contact == LEAD
    assert call.words == "call engineering lead, Lee (it lasts 1 h)"
    clock.passed = 7200
    assert turns(ann, name)[2] is Turn.DUE


def test_a_flag_brings_a_turn_at_once_also_for_a_milder_severity(clock: HandClock) -> None:
    ann = session(clock)
    name = ann.book.declare("slow", "P2").id
    assert steps(ann, name)[2].why == "only for P1"
    clock.passed = 60
    ann.book.flag(name, "data loss")
    step = steps(ann, name)[2]
    assert (step.turn, step.due, step.why) == (Turn.DUE, minutes(1), "data loss")
    ann.book.flag(name, "data loss", on=False)
    assert steps(ann, name)[2].turn is Turn.NOT_NEEDED


def test_the_ladder_rests_while_it_is_mitigated_and_begins_anew_when_it_comes_back(clock: HandClock) -> None:
    ann = session(clock)
    name = ann.book.declare("out", "P1").id
    ann.book.call(name, "1", "the one on call", answered=False)
    clock.passed = 600
    ann.book.mitigate(name)
    clock.passed = 3600
    assert turns(ann, name) == [Turn.CALLED, Turn.NOT_NEEDED, Turn.NOT_NEEDED]
    ann.book.reopen(name, "again")
    assert turns(ann, name) == [Turn.DUE, Turn.WAITING, Turn.WAITING]
    assert steps(ann, name)[1].due == minutes(120)


def test_who_comes_second_is_called_when_the_first_does_not_answer(clock: HandClock) -> None:
    ladder = (Rung("first", "primary", 0.0), Rung("second", "secondary", 900.0, "called"))
    ann = session(clock, ladder=ladder)
    name = ann.book.declare("out", "P1").id
    assert (steps(ann, name)[1].turn, steps(ann, name)[1].due) == (Turn.WAITING, None)
    clock.passed = 120
    ann.book.call(name, "first", "primary", answered=False)
    assert steps(ann, name)[1].due == minutes(17)
    clock.passed = 17 * 60
    assert turns(ann, name)[1] is Turn.DUE
    assert steps(ann, name)[1].why == "primary did not answer within 15 min"
    ann.book.call(name, "first", "primary", answered=True)
    assert turns(ann, name)[1] is Turn.NOT_NEEDED


def test_a_rung_for_when_nobody_is_at_it_rests_once_somebody_is(clock: HandClock) -> None:
    ann = session(clock, ladder=(Rung("1", "lead", 900.0, "unacknowledged"),))
    name = ann.book.declare("out", "P1").id
    clock.passed = 900
    assert turns(ann, name) == [Turn.DUE]
    ann.book.assign(name, Role.COMMANDER, "bob")
    assert turns(ann, name) == [Turn.NOT_NEEDED]
    assert steps(ann, name)[0].why == "ann is at it"


def test_people_and_customers_are_told_by_the_stricter_rule_and_a_failed_message_does_not_count(
    clock: HandClock,
) -> None:
    ann = session(clock, public=1200.0, internal=600.0)
    name = ann.book.declare("out", "P1").id
    assert (due(ann, name, Kind.INTERNAL), due(ann, name, Kind.PUBLIC)) == (minutes(10), minutes(15))
    clock.passed = 300
    ann.book.message(name, "public", "public", CLIPBOARD, "we look into it")
    assert due(ann, name, Kind.PUBLIC) == minutes(20)
    message = ann.book.message(name, "internal", "internal", "team", "it is the queue")
    ann.book.answered(name, message, Sent.UNSENT, "no connection")
    assert due(ann, name, Kind.INTERNAL) == minutes(10)
    ann.book.answered(name, message, Sent.SENT, "ok")
    assert due(ann, name, Kind.INTERNAL) == minutes(15)
    ann.book.resolve(name, early="a false alarm")
    (last,) = of(ann, name, Kind.PUBLIC)
    assert (last.due, last.words) == (minutes(20), "tell customers that it is over")
    ann.book.message(name, "resolved", "public", CLIPBOARD, "it is over")
    assert of(ann, name, Kind.PUBLIC) == []


def test_who_was_told_nothing_is_not_owed_that_it_is_over_and_who_was_is_owed_it_when_the_next_was_due(
    clock: HandClock,
) -> None:
    ann = session(clock, public=1200.0, internal=600.0)
    name = ann.book.declare("out", "P1").id
    clock.passed = 60
    ann.book.message(name, "internal", "internal", CLIPBOARD, "it is the queue")
    clock.passed = 30 * 60
    ann.book.resolve(name, early="a false alarm")
    assert of(ann, name, Kind.PUBLIC) == []
    assert due(ann, name, Kind.INTERNAL) == minutes(30), "it was due while it went on, and nobody could say it is over"


def test_it_is_watched_for_the_longer_of_both_times_and_an_alert_disturbs_it(clock: HandClock) -> None:
    ann = session(clock, watch=900.0)
    worst, mild = ann.book.declare("out", "P1").id, ann.book.declare("slow", "P2").id
    clock.passed = 60
    for name in (worst, mild):
        ann.book.mitigate(name)
    assert (due(ann, worst, Kind.WATCH), due(ann, mild, Kind.WATCH)) == (minutes(31), minutes(16))
    alerts = [(minutes(0.5), "before"), (minutes(9), "later"), (minutes(4), "disk full")]
    assert disturbed(ann.of(worst), alerts) == (minutes(4), "disk full")
    assert disturbed(ann.of(worst), alerts[:1]) is None


def test_a_post_mortem_is_asked_for_within_two_days_and_until_it_is_written(clock: HandClock) -> None:
    ann = session(clock)
    name = ann.book.declare("out", "P1").id
    ann.book.resolve(name, early="a false alarm")
    assert due(ann, name, Kind.MEETING) == minutes(48 * 60)
    assert due(ann, name, Kind.POST_MORTEM) == minutes(7 * 24 * 60)
    ann.book.plan_post_mortem(name, minutes(24 * 60))
    assert of(ann, name, Kind.MEETING) == []
    assert due(ann, name, Kind.POST_MORTEM) == minutes(24 * 60)
    ann.book.post_mortem_written(name, "https://wiki.example/pm/1")
    assert of(ann, name, Kind.POST_MORTEM) == []


def test_an_expected_end_and_an_items_day_are_due_too(clock: HandClock) -> None:
    ann = session(clock)
    name = ann.book.declare("out", "P1").id
    ann.book.expect(name, minutes(20))
    assert due(ann, name, Kind.ETA) == minutes(20)
    ann.book.expect(name, None)
    assert of(ann, name, Kind.ETA) == []
    item = ann.book.add_item(name, "a bigger queue", "bob", minutes(90))
    assert due(ann, name, Kind.ITEM) == minutes(90)
    ann.book.do_item(name, item)
    assert of(ann, name, Kind.ITEM) == []


def test_what_is_over_is_told_once_in_a_session(clock: HandClock) -> None:
    ann = session(clock, ladder=())
    name = ann.book.declare("out", "P1").id
    assert ann.book.rings() == []
    clock.passed = 900
    assert {timer.kind for _, timer in ann.book.rings()} == {Kind.RESPOND, Kind.PUBLIC}
    assert ann.book.rings() == []
    ann.book.message(name, "public", "public", CLIPBOARD, "we look into it")
    clock.passed = 1800
    assert {timer.kind for _, timer in ann.book.rings()} == {Kind.INTERNAL, Kind.PUBLIC}


def test_a_timer_tells_how_much_is_left_and_how_much_has_gone() -> None:
    timer = Timer(Kind.WATCH, minutes(30), minutes(0), "watch")
    assert (timer.left(minutes(20)), timer.share(minutes(15)), timer.over(minutes(30))) == (600.0, 0.5, True)
    assert (timer.share(minutes(-5)), timer.share(minutes(90)), timer.over(minutes(29.99))) == (0.0, 1.0, False)


def test_what_a_profile_leaves_open_its_runbook_says(clock: HandClock) -> None:
    book = Runbook(
        "/srv/RUNBOOK.md",
        "a" * 64,
        contacts=(BookContact(1, "DBA", "Dee", ("+1 555 0101",)), BookContact(2, "dba", "again", ("x",))),
        ladder=(BookRung(3, "DBA", 300.0, "after 5 minutes"), BookRung(4, "the CTO", None)),
        levels=(BookLevel(5, "SEV1", "down", 900.0), BookLevel(6, "SEV2")),
    )
    made = adopted(OURS, [book])
    assert (made.levels_by, [one.name for one in made.levels]) == ("RUNBOOK.md", ["SEV1", "SEV2"])
    assert [(one.contact, one.after) for one in made.ladder] == [("DBA", 300.0)]
    assert made.contact("dba") == Contact("DBA", "DBA", "Dee", ("+1 555 0101",))
    mine = replace(OURS, levels=(Level("A"),), levels_by="profile", ladder=(Rung("1", "me", 0.0),))
    assert (adopted(mine, [book]).levels, adopted(mine, [book]).ladder) == (mine.levels, mine.ladder)


@pytest.mark.parametrize(
    ("rung", "said"),
    [
        (BookRung(1, "On-call engineer", 0.0, "On-call engineer (at once)"), "call On-call engineer (at once)"),
        (BookRung(1, "Team lead", 0.0, "Level 1: call the Team lead (0-15 minutes)"), "call Team lead (at once)"),
        (BookRung(1, "Leitung", 0.0, "sofort | Leitung"), "call Leitung (at once)"),
        (
            BookRung(1, "Security", 0.0, "Security (at once, for a key in wrong hands)"),
            "call Security (at once): for a key in wrong hands",
        ),
        (BookRung(1, "Ann", 0.0, "Ann, 24/7, immediately"), "call Ann (at once): 24/7, immediately"),
        (
            BookRung(1, "manager", 0.0, "No answer at once: call the manager"),
            "call manager (at once): No answer at once: call the manager",
        ),
        (BookRung(1, "DBA", 300.0, "DBA (if it lasts > 5 minutes)"), "call DBA (it lasts 5 min)"),
        (
            BookRung(1, "DBA", 300.0, "DBA (if it lasts > 5 minutes, or rows are lost)"),
            "call DBA: if it lasts > 5 minutes, or rows are lost",
        ),
        (
            BookRung(1, "DBA", 300.0, "DBA after 5 minutes: say that 2 hours are left"),
            "call DBA: after 5 minutes: say that 2 hours are left",
        ),
    ],
)
def test_a_rung_of_a_runbook_says_once_who_is_called_and_when(clock: HandClock, rung: BookRung, said: str) -> None:
    scheme = adopted(OURS, [Runbook("/srv/RUNBOOK.md", "a" * 64, ladder=(rung,))])
    ann = session(clock, ladder=scheme.ladder)
    name = ann.book.declare("no mail", "P1").id
    assert [one.words for one in of(ann, name, Kind.ESCALATE)] == [said]


def test_a_rung_of_a_runbook_keeps_what_its_time_does_not_say(clock: HandClock) -> None:
    lines = ("DBA (if it lasts > 5 minutes)", "DBA (if it lasts > 5 minutes, or rows are lost)", "DBA after 5 min")
    says = []
    for text in lines:
        book = Runbook("/srv/RUNBOOK.md", "a" * 64, ladder=(BookRung(1, "DBA", 300.0, text),))
        says += [one.say for one in adopted(OURS, [book]).ladder]
    assert says == ["", "if it lasts > 5 minutes, or rows are lost", ""]


def test_whom_a_severity_wants_told_is_told_at_once_and_anew_when_it_comes_back(clock: HandClock) -> None:
    levels = (Level("P1", notify=("lead", "nobody-known")), Level("P2"))
    ann = session(clock, levels=levels, ladder=())
    name = ann.book.declare("no mail", "P2").id
    assert of(ann, name, Kind.TELL) == []
    clock.passed = 300.0
    ann.book.grade(name, "P1")
    lead, other = of(ann, name, Kind.TELL)
    assert (lead.words, lead.contact) == ("tell engineering lead, Lee: +49 30 1, lee@example.com", LEAD)
    assert (lead.due - ann.of(name).at).total_seconds() == 300
    assert other.words == "tell nobody-known"
    ann.book.call(name, "", LEAD.called, False, "no answer")
    assert [one.about for one in of(ann, name, Kind.TELL)] == ["nobody-known"]
    ann.book.resolve(name, early="a drill")
    assert of(ann, name, Kind.TELL) == []
    clock.passed = 540.0
    ann.book.reopen(name, "it is back")
    assert {one.about for one in of(ann, name, Kind.TELL)} == {"lead", "nobody-known"}
    assert {(one.due - ann.of(name).at).total_seconds() for one in of(ann, name, Kind.TELL)} == {540}
