"""Incidents are folds of records: the same in whatever order they come, and nothing of them is lost."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.codec import CodecError
from desk.inbox.case import Acknowledgement, Case, Standing
from desk.incident.incident import Incident, folded
from desk.incident.incidents import CLIPBOARD, IncidentError
from desk.incident.order import Skew
from desk.incident.record import Link, Record, Role, Sent, Stage, What, read, written
from desk.incident.scheme import OURS
from tests.desk.inboxes import START, HandClock, alert
from tests.desk.incidents import Person, minutes, sent, words


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def ann(clock: HandClock) -> Person:
    return Person("ann", clock)


def test_an_incident_tells_what_it_is_who_is_at_it_and_how_far_it_is(ann: Person, clock: HandClock) -> None:
    made = ann.book.declare("mail does not go out", "P1")
    name = made.id
    assert (made.stage, made.open, made.acknowledged, made.commander) == (Stage.DECLARED, True, None, "")
    clock.passed = 60
    ann.book.assign(name, Role.COMMANDER, "ann")
    ann.book.assign(name, Role.SCRIBE, "bob")
    ann.book.investigate(name, "the queue first")
    ann.book.set_impact(name, "no order is confirmed")
    ann.book.expect(name, minutes(30))
    ann.book.flag(name, "data loss")
    clock.passed = 600
    ann.book.mitigate(name, "the worker runs again")
    found = ann.of(name)
    assert (found.stage, found.mitigated, found.commander) == (Stage.MITIGATED, minutes(10), "ann")
    assert found.acknowledged is not None
    assert (found.acknowledged.at, found.acknowledged.text) == (minutes(1), "ann is commander")
    assert (found.impact, found.eta, found.flags) == ("no order is confirmed", minutes(30), {"data loss": minutes(1)})
    assert found.roles[Role.SCRIBE] == "bob"
    clock.passed += 30 * 60
    ann.book.resolve(name, "all mail is out")
    found = ann.of(name)
    assert (found.resolved, found.open) == (minutes(40), False)
    assert [one.stage.value for one in found.phases] == ["declared", "investigating", "mitigated", "resolved"]


def test_it_is_declared_from_an_alert_with_when_that_was_raised_and_who_had_it_in_hand(
    ann: Person, clock: HandClock
) -> None:
    raised = alert(clock)
    clock.passed = 120
    taken = Acknowledgement("bob", clock.now())
    clock.passed = 300
    case = Case("case-1", raised, Standing.ACKNOWLEDGED, taken)
    made = ann.book.declare("backlog", "P2", case)
    assert (made.detected, made.at) == (START, minutes(5))
    assert made.acknowledged is not None
    assert (made.acknowledged.at, made.acknowledged.by) == (minutes(2), "bob")
    assert made.about.occasion is not None
    assert (made.about.occasion.target, made.about.occasion.rule) == ("mail", "backlog")
    assert [one.id for one in made.linked("case")] == ["case-1"]
    assert ann.book.of_case("case-1") == [ann.of(made.id)]


def test_it_is_not_over_before_it_was_watched_unless_somebody_says_why(ann: Person, clock: HandClock) -> None:
    name = ann.book.declare("slow", "P1").id
    with pytest.raises(IncidentError, match="was not mitigated"):
        ann.book.resolve(name)
    ann.book.mitigate(name)
    clock.passed = 29 * 60
    with pytest.raises(IncidentError, match="watched until 03:42:41"):
        ann.book.resolve(name)
    ann.book.resolve(name, "fine", early="a false alarm")
    assert ann.of(name).phases[-1].text == "fine; a false alarm"
    with pytest.raises(IncidentError, match="it is over: re-open it first"):
        ann.book.grade(name, "P2")


def test_one_that_comes_back_is_reopened_and_its_first_fix_counts_no_more(ann: Person, clock: HandClock) -> None:
    name = ann.book.declare("slow", "P3").id
    with pytest.raises(IncidentError, match="it is not over"):
        ann.book.reopen(name, "still slow")
    ann.book.mitigate(name)
    clock.passed = 20 * 60
    ann.book.resolve(name)
    clock.passed = 60 * 60
    ann.book.reopen(name, "slow again")
    found = ann.of(name)
    assert (found.stage, found.open, found.resolved, found.mitigated) == (Stage.REOPENED, True, None, None)
    assert (found.reopened, found.clock) == (1, minutes(60))
    clock.passed += 60
    ann.book.mitigate(name)
    assert ann.of(name).mitigated == minutes(61)


def test_a_role_is_handed_over_and_the_timeline_says_from_whom(ann: Person) -> None:
    name = ann.book.declare("slow", "P2").id
    ann.book.assign(name, Role.COMMANDER, "ann")
    ann.book.assign(name, Role.COMMANDER, "bob", "end of my shift")
    ann.book.assign(name, Role.COMMANDER)
    assert ann.of(name).commander == ""
    assert words(ann, name)[1:] == [
        "ann is commander",
        "bob is commander, handed over by ann: end of my shift",
        "nobody is commander",
    ]


def test_a_message_is_kept_word_by_word_with_what_became_of_it(ann: Person) -> None:
    name = ann.book.declare("slow", "P2").id
    copied = ann.book.message(name, "public", "public", CLIPBOARD, "We are slow.")
    posted = ann.book.message(name, "internal", "internal", "team", "We are slow, it is the queue.")
    found = {one.id: one for one in ann.of(name).messages}
    assert (found[copied].sent, found[posted].sent) == (Sent.COPIED, Sent.SENDING)
    assert [found[copied].said, found[posted].said] == [True, False]
    ann.book.answered(name, posted, Sent.REFUSED, "its channel is gone")
    told = {one.id: one for one in ann.of(name).messages}[posted]
    assert (told.sent, told.words, told.message.text) == (
        Sent.REFUSED, "its channel is gone", "We are slow, it is the queue.",
    )  # fmt: skip
    assert ann.of(name).said("internal") is None
    assert words(ann, name)[-1] == "message to team refused: its channel is gone"


def test_a_secret_is_never_told_and_never_kept(clock: HandClock) -> None:
    ann = Person("ann", clock, mask=lambda text: text.replace("hunter2", "[secret]"))
    name = ann.book.declare("the password hunter2 is out", "P1").id
    with pytest.raises(IncidentError, match="a secret stands in it"):
        ann.book.message(name, "", "public", "team", "it was hunter2")
    ann.book.note(name, "hunter2 was used at 03:00")
    assert "hunter2" not in str([written(one) for one in ann.wrote])
    assert ann.of(name).title == "the password [secret] is out"


def test_action_items_are_tracked_over_all_incidents_until_they_are_done(ann: Person, clock: HandClock) -> None:
    first, second = ann.book.declare("slow", "P4").id, ann.book.declare("slower", "P4").id
    later = ann.book.add_item(first, "a bigger queue", "bob", minutes(90))
    sooner = ann.book.add_item(second, "an alert on its depth", due=minutes(60))
    never = ann.book.add_item(second, "talk to them")
    ann.book.resolve(first)
    assert [item.id for _, item in ann.book.items()] == [sooner, later, never]
    ann.book.change_item(second, sooner, owner="ann")
    clock.passed = 61 * 60
    (_, item), *_ = ann.book.items()
    assert (item.owner, item.text, item.overdue(clock.now())) == ("ann", "an alert on its depth", True)
    ann.book.do_item(second, sooner, "it fires")
    ann.book.do_item(first, later)
    assert [item.id for _, item in ann.book.items()] == [never]
    ann.book.reopen_item(first, later, "it is too small still")
    assert [item.id for _, item in ann.book.items()] == [later, never]
    with pytest.raises(IncidentError, match="no such action item"):
        ann.book.do_item(first, never)


def test_of_two_that_are_the_same_one_goes_on_with_the_links_of_both(ann: Person) -> None:
    first, second = ann.book.declare("slow", "P2").id, ann.book.declare("also slow", "P2").id
    ann.book.link(second, Link("run", "run-1", "Drain the queue"))
    ann.book.join(second, first)
    assert not ann.of(second).open
    assert [one.id for one in ann.book.open()] == [first]
    assert [one.id for one in ann.of(first).linked("run")] == ["run-1"]
    with pytest.raises(IncidentError, match="joined"):
        ann.book.grade(second, "P1")
    with pytest.raises(IncidentError, match="does not go on"):
        ann.book.join(first, second)


# several people


def test_of_two_who_say_something_at_once_the_later_counts_and_both_are_in_the_timeline(clock: HandClock) -> None:
    ann, bob = Person("ann", clock), Person("bob", clock)
    name = ann.book.declare("slow", "P3").id
    bob.hear(ann)
    clock.passed = 10
    ann.book.grade(name, "P1", "it is all of them")
    clock.passed = 11
    bob.book.grade(name, "P2", "half of them")
    ann.hear(bob)
    bob.hear(ann)
    assert ann.of(name) == bob.of(name)
    assert ann.of(name).level == "P2"
    assert words(bob, name)[1:] == ["severity P1: it is all of them", "severity P2: half of them"]


def test_at_the_very_same_moment_the_id_decides_for_everybody(clock: HandClock) -> None:
    ann, bob = Person("ann", clock), Person("bob", clock)
    name = ann.book.declare("slow", "P3").id
    bob.hear(ann)
    ann.book.rename(name, "slow mail")
    bob.book.rename(name, "slow shop")
    ann.hear(bob)
    bob.hear(ann)
    assert ann.of(name).title == bob.of(name).title == "slow shop"


def test_who_answers_what_they_saw_wins_whatever_their_clock_says(clock: HandClock) -> None:
    ann, bob = Person("ann", clock, ahead=40.0), Person("bob", clock)
    name = ann.book.declare("slow", "P3").id
    ann.book.grade(name, "P1")
    bob.hear(ann)
    bob.book.grade(name, "P2", "only half of them")
    ann.hear(bob)
    assert ann.of(name).level == "P2"
    assert words(ann, name)[-1] == "severity P2: only half of them"
    assert ann.of(name).skews == (Skew("ann-host", "bob-host", 40.0),)
    assert str(ann.of(name).skews[0]) == "the clock of ann-host is at least 40 s ahead of that of bob-host"


def test_a_clock_that_is_a_year_ahead_spoils_nobody_elses_times(clock: HandClock) -> None:
    ann, bob = Person("ann", clock, ahead=365 * 86400.0), Person("bob", clock)
    name = bob.book.declare("slow", "P3").id
    ann.hear(bob)
    ann.book.note(name, "I am from the future")
    bob.hear(ann)
    clock.passed = 60
    bob.book.mitigate(name)
    assert bob.of(name).mitigated == minutes(1)
    assert words(bob, name) == ["declared P3: slow", "I am from the future", "mitigated"]
    entries = bob.book.entries(name)
    assert [one.behind for one in entries] == [False, False, True]


def test_a_clock_that_was_put_back_keeps_what_one_session_did_in_order(ann: Person, clock: HandClock) -> None:
    name = ann.book.declare("slow", "P3").id
    clock.passed = -90
    ann.book.investigate(name)
    ann.book.mitigate(name)
    assert ann.of(name).stage is Stage.MITIGATED
    assert ann.of(name).skews == (Skew("ann-host", "ann-host", 90.0),)
    assert "was put back by at least 1m30s" in str(ann.of(name).skews[0])


def scripted() -> tuple[str, list[Record]]:
    """Three people on hosts with other clocks work on one incident, some of the time without hearing each other."""
    clock = HandClock()
    chance = random.Random(8)
    ann, bob, cid = Person("ann", clock), Person("bob", clock, ahead=-7.0), Person("cid", clock, ahead=55.0)
    people = (ann, bob, cid)
    name = ann.book.declare("slow", "P3", security="somebody was in").id
    for one in (bob, cid):
        one.hear(ann)
    for number in range(60):
        clock.passed += chance.random() * 20
        one = people[number % 3]
        match number % 10:
            case 0:
                one.book.grade(name, chance.choice(["P1", "P2", "P3"]))
            case 1:
                one.book.note(name, f"note {number}")
            case 2:
                one.book.assign(name, chance.choice(list(Role)), chance.choice(["ann", "bob", "", "cid"]))
            case 3:
                one.book.set_impact(name, f"impact {number}")
            case 4:
                one.book.add_item(name, f"item {number}", chance.choice(["", "ann"]))
            case 5:
                told = one.book.message(name, "internal", "internal", "team", f"message {number}")
                one.book.answered(name, told, chance.choice([Sent.SENT, Sent.UNSENT]))
            case 6:
                one.book.flag(name, "data loss", chance.random() < 0.5)
            case 7 if one.of(name).open_items():
                one.book.do_item(name, one.of(name).open_items()[0].id)
            case 8:
                one.book.expect(name, minutes(number))
            case 9:
                one.book.call(name, "1", "the lead", chance.random() < 0.5)
        if chance.random() < 0.4:
            other = chance.choice([each for each in people if each is not one])
            one.hear(other)
    return name, sent(people)


_NAME, _RECORDS = scripted()
_WHOLE = folded(_RECORDS)


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.lists(st.integers(0, len(_RECORDS) - 1), max_size=40))
def test_records_make_the_same_incident_in_any_order_and_any_number(chance: random.Random, again: list[int]) -> None:
    shuffled = [*_RECORDS, *(_RECORDS[place] for place in again)]
    chance.shuffle(shuffled)
    assert folded(shuffled) == _WHOLE
    halves = Person("dan", HandClock())
    cut = chance.randrange(len(shuffled))
    halves.book.take(shuffled[:cut])
    halves.book.take(shuffled[cut:])
    assert halves.of(_NAME) == _WHOLE


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False))
def test_no_record_is_lost_from_the_timeline_and_none_stands_before_what_it_follows(chance: random.Random) -> None:
    shuffled = list(_RECORDS)
    chance.shuffle(shuffled)
    found = folded(shuffled)
    assert found is not None
    places = {one.id: place for place, one in enumerate(found.records)}
    assert set(places) == {one.id for one in _RECORDS}
    for one in found.records:
        assert not one.after or places[one.after] < places[one.id]
    for who in ("ann", "bob", "cid"):
        own = [one.seq for one in found.records if one.by == who]
        assert own == sorted(own)


def test_without_its_beginning_there_is_no_incident_yet() -> None:
    assert folded(one for one in _RECORDS if one.what is not What.DECLARED) is None
    late = Person("dan", HandClock())
    late.book.take([one for one in _RECORDS if one.what is not What.DECLARED])
    assert late.book.all() == []
    late.book.take(_RECORDS)
    assert late.of(_NAME) == _WHOLE


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 3)), max_size=12))
def test_records_that_no_session_would_write_are_put_in_some_order_and_always_the_same(
    links: list[tuple[int, int, int]],
) -> None:
    first = _RECORDS[0]
    odd = [
        Record(
            f"x{number}", START + timedelta(seconds=number % 3), first.incident, What.NOTED, "eve",
            session=f"s{seq}", seq=seq, after=f"x{after}", text=str(name),
        )
        for number, (name, after, seq) in enumerate(links)
    ]  # fmt: skip
    forwards, backwards = folded([first, *odd]), folded([*reversed(odd), first])
    assert forwards == backwards
    assert isinstance(forwards, Incident)
    assert len(forwards.records) == len(odd) + 1


# as it is written


def test_every_record_is_read_as_it_was_written() -> None:
    assert [read(written(one)) for one in _RECORDS] == _RECORDS


@pytest.mark.parametrize(
    "change",
    [
        {"at": "2026-03-01T03:12:41"},
        {"id": ""},
        {"incident": ""},
        {"what": "NOTHING"},
        {"what": "STAGED"},
        {"what": "ROLE"},
        {"what": "MESSAGE"},
        {"what": "DECLARED"},
        {"when": "2026-03-01T03:12:41"},
        {"stage": "SOMEWHERE"},
        {"seq": "one"},
    ],
    ids=str,
)
def test_what_is_no_record_is_refused(change: dict[str, object]) -> None:
    note = written(Record("n", START, "i", What.NOTED, "ann", text="hello"))
    with pytest.raises(CodecError):
        read({**note, **change})


def test_what_nobody_can_do_is_refused_in_words(ann: Person, clock: HandClock) -> None:
    with pytest.raises(IncidentError, match="needs a title"):
        ann.book.declare(" ", "P1")
    with pytest.raises(IncidentError, match="not known here"):
        ann.book.note("nobody's", "hello")
    name = ann.book.declare("slow", "P1").id
    with pytest.raises(IncidentError, match="in the future"):
        ann.book.set_began(name, clock.now() + timedelta(seconds=1))
    with pytest.raises(IncidentError, match="a reason is needed"):
        ann.book.secure(name, "")
    with pytest.raises(IncidentError, match="is not on"):
        ann.book.release(name, "all is saved")
    with pytest.raises(IncidentError, match="an empty message"):
        ann.book.message(name, "", "public", "team", " \n")
    ann.book.investigate(name)
    with pytest.raises(IncidentError, match="it is investigating already"):
        ann.book.investigate(name)


def test_the_scheme_puts_the_worst_first(ann: Person) -> None:
    for level in ("P3", "P1", "SEV 9", "p2"):
        ann.book.declare(f"of {level}", level)
    assert [one.level for one in ann.book.open()] == ["P1", "p2", "P3", "SEV 9"]
    assert ann.book.scheme is OURS
