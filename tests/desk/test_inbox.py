"""The inbox: each change once, one open case of each alert, silences that end, and what people decide."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.inbox.book import Book
from desk.inbox.case import InboxError, Match, Standing, What
from desk.inbox.inbox import SETTLING, TELLING
from desk.inbox.quiet import TWIN
from desk.inbox.record import Record, read, written
from desk.inbox.sight import CALM, FLAPS, WINDOW
from probes.base import Handling, Severity
from tests.desk.inboxes import CRITICAL, WARNING, HandClock, Told, alert, ids, responding, theirs


def test_an_alert_is_told_when_it_begins_and_when_it_ends() -> None:
    one = Told()
    one.look(alert(one.clock))
    one.look(alert(one.clock))
    one.after(5)
    one.look()
    one.look()
    assert one.told() == [What.RAISED, What.CLEARED]
    assert len(set(ids(one.changes))) == 2
    assert one.changes[0].case.id == one.changes[1].case.id
    assert one.inbox.cases() == []


def test_the_newest_numbers_are_shown_and_the_age_stays() -> None:
    one = Told()
    one.look(alert(one.clock))
    began = one.clock.now()
    one.clock.passed += 60
    one.look(alert(one.clock, value=3000.0))
    (case,) = one.inbox.cases()
    assert (case.alert.value, case.alert.at, case.alert.since) == (3000.0, began, 1000.0)


def test_a_record_tells_the_alert_as_it_was_when_it_came() -> None:
    one = Told()
    one.look(alert(one.clock, value=126))
    one.after(10)
    one.look(alert(one.clock, value=1627))
    one.look(alert(one.clock, CRITICAL, value=1627))
    assert one.inbox.cases()[0].alert.value == 1627
    found = one.inbox.records(one.clock.now() - timedelta(hours=1), one.clock.now())
    assert [(record.what, record.alert.value) for record in found if record.alert is not None] == [
        (What.RAISED, 126),
        (What.WORSE, 1627),
    ]
    assert one.inbox.records(one.clock.now() + timedelta(seconds=1), one.clock.now() + timedelta(hours=1)) == []


def test_who_has_it_in_hand_for_a_warning_has_not_for_a_critical() -> None:
    one = Told()
    one.look(alert(one.clock))
    one.inbox.acknowledge(one.inbox.cases()[0], "ann", "on it")
    assert one.inbox.cases()[0].standing is Standing.ACKNOWLEDGED
    assert one.inbox.cases()[0].handed == "ann"
    one.clock.passed += 5
    one.look(alert(one.clock, CRITICAL))
    assert one.inbox.cases()[0].standing is Standing.OPEN
    assert one.told() == [What.RAISED, What.ACKNOWLEDGED, What.WORSE]
    one.clock.passed += 5
    one.look(alert(one.clock))
    assert one.told()[-1] is What.BETTER
    assert one.inbox.cases()[0].acknowledged is None


def test_what_is_in_hand_can_be_let_go() -> None:
    one = Told()
    one.look(alert(one.clock))
    one.inbox.acknowledge(one.inbox.cases()[0], "ann")
    one.inbox.release(one.inbox.cases()[0], "ann", "off to bed")
    assert one.inbox.cases()[0].standing is Standing.OPEN
    assert (one.changes[-1].what, one.changes[-1].note) == (What.RELEASED, "off to bed")
    with pytest.raises(InboxError, match="nobody has it"):
        one.inbox.release(one.inbox.cases()[0], "bob")


def test_nobody_in_time_is_said_once_and_the_clock_stops_for_who_takes_it() -> None:
    one = Told()
    one.look(responding(one.clock, 300))
    assert one.inbox.cases()[0].due == one.clock.now() + timedelta(seconds=300)
    one.after(299)
    assert one.told() == [What.RAISED]
    one.after(1)
    one.after(100)
    assert one.told() == [What.RAISED, What.LATE]
    assert one.inbox.cases()[0].late
    one.inbox.acknowledge(one.inbox.cases()[0], "ann")
    case = one.inbox.cases()[0]
    assert (case.late, case.due) == (False, None)
    one.look(responding(one.clock, 300, CRITICAL))
    one.after(301)
    assert one.told()[-2:] == [What.WORSE, What.LATE]


def test_a_silence_needs_a_reason_an_end_and_no_more_than_thirty_days() -> None:
    one = Told()
    now = one.clock.now()
    for until, reason, words in (
        (now + timedelta(hours=1), "  ", "reason"),
        (now, "deploy", "still to come"),
        (now + timedelta(days=31), "deploy", "30 days"),
        (now.replace(tzinfo=None) + timedelta(hours=1), "deploy", "still to come"),
    ):
        with pytest.raises(InboxError, match=words):
            one.inbox.silence((), until, "ann", reason)
    with pytest.raises(InboxError, match="name"):
        one.inbox.open_window("", now + timedelta(hours=1), "ann", "deploy")
    assert one.inbox.silences() == []


def test_what_a_silence_held_back_speaks_again_at_its_end() -> None:
    one = Told()
    one.look(alert(one.clock))
    until = one.clock.now() + timedelta(minutes=30)
    one.inbox.silence((Match("target", "mail"),), until, "ann", "known, ticket 12")
    case = one.inbox.cases()[0]
    assert (case.standing, case.silenced_until) == (Standing.SILENCED, until)
    assert "ticket 12" in case.silenced_by
    assert "ann" in case.silenced_by
    one.after(1799)
    assert one.told() == [What.RAISED, What.SILENCED]
    one.after(1)
    assert one.told() == [What.RAISED, What.SILENCED, What.SPEAKS_AGAIN]
    assert one.inbox.cases()[0].standing is Standing.OPEN


def test_what_begins_within_a_silence_is_kept_but_told_to_nobody() -> None:
    one = Told()
    one.inbox.silence((), one.clock.now() + timedelta(minutes=30), "ann", "moving house")
    one.look(alert(one.clock))
    one.after(60)
    one.look()
    assert one.changes == []
    assert [change.what for change in one.all] == [What.RAISED, What.CLEARED]
    assert all(change.quiet for change in one.all)


def test_the_end_of_what_was_told_is_told_even_within_a_silence() -> None:
    one = Told()
    one.look(alert(one.clock))
    one.inbox.silence((), one.clock.now() + timedelta(minutes=30), "ann", "moving house")
    one.look()
    assert one.told() == [What.RAISED, What.SILENCED, What.CLEARED]


def test_a_window_that_is_ended_early_says_by_whom() -> None:
    one = Told()
    window = one.inbox.open_window("move", one.clock.now() + timedelta(hours=2), "ann", "new rack")
    one.look(alert(one.clock))
    assert one.inbox.windows() == [window]
    assert [case.alert.target for case in one.inbox.matched(window)] == ["mail"]
    one.inbox.lift(window.id, "bob")
    assert one.inbox.windows() == []
    assert [(change.what, change.by) for change in one.changes] == [(What.SPEAKS_AGAIN, "bob")]
    with pytest.raises(InboxError, match="over already"):
        one.inbox.lift(window.id, "bob")


def test_a_silence_of_a_warning_does_not_hold_a_critical_back() -> None:
    one = Told()
    one.look(alert(one.clock))
    matches = (Match("target", "mail"), Match("about", "depth"), Match("label", "campaign", "queue"))
    one.inbox.silence(matches, one.clock.now() + timedelta(hours=2), "ann", "known", upto=WARNING)
    one.clock.passed += 5
    one.look(alert(one.clock, CRITICAL))
    assert one.told() == [What.RAISED, What.SILENCED, What.WORSE]
    assert one.inbox.cases()[0].standing is Standing.OPEN


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        (Match("target", "mail"), True),
        (Match("target", "mai"), False),
        (Match("kind", "queues"), True),
        (Match("rule", "backlog"), True),
        (Match("about", "depth"), True),
        (Match("label", "campaign", "queue"), True),
        (Match("label", "campaign", "state"), False),
    ],
)
def test_a_silence_is_about_what_matches_whole(match: Match, hit: bool) -> None:
    one = Told()
    one.inbox.silence((match,), one.clock.now() + timedelta(hours=1), "ann", "x")
    one.look(alert(one.clock))
    assert (one.inbox.cases()[0].standing is Standing.SILENCED) is hit


def test_muted_rules_are_shown_and_never_told() -> None:
    one = Told()
    one.look(alert(one.clock, handling=Handling(muted=True, respond=1)))
    one.after(60)
    assert one.inbox.cases()[0].quiet == "muted"
    one.look()
    assert one.changes == []
    assert [change.quiet for change in one.all] == ["muted", "muted"]


def test_what_flaps_is_told_once_until_it_is_calm() -> None:
    one = Told()
    for _ in range(12):
        one.look(alert(one.clock))
        one.after(20)
        one.look()
        one.after(20)
    assert one.told() == [What.RAISED, What.CLEARED] * (FLAPS - 1) + [What.RAISED]
    (case,) = one.inbox.cases()
    assert case.away
    assert case.flaps >= FLAPS
    for _ in range(int(CALM) // 20):
        one.after(20)
    assert one.told()[-1] is What.CLEARED
    assert one.inbox.cases() == []


def test_what_flapped_and_stays_is_steady_again() -> None:
    one = Told()
    for _ in range(6):
        one.look(alert(one.clock))
        one.after(20)
        one.look()
        one.after(20)
    one.look(alert(one.clock))
    one.after(WINDOW + 1)
    (case,) = one.inbox.cases()
    assert (case.flaps, case.away, case.standing) == (0, False, Standing.OPEN)
    one.look()
    assert one.told()[-1] is What.CLEARED


def test_a_severity_that_swings_is_told_at_its_worst() -> None:
    one = Told()
    for _ in range(10):
        one.look(alert(one.clock, CRITICAL))
        one.after(10)
        one.look(alert(one.clock))
        one.after(10)
    assert one.told() == [What.RAISED, What.BETTER, What.WORSE, What.BETTER, What.WORSE]


def test_the_same_alert_from_two_systems_is_told_once() -> None:
    one = Told()
    one.look(theirs(one.clock, "prom", "f1"), target="prom")
    one.look(theirs(one.clock, "am", "f1"), target="am")
    assert [change.case.alert.target for change in one.changes] == ["prom"]
    one.look(target="prom")
    one.look(target="am")
    assert one.told() == [What.RAISED, What.CLEARED]


def test_who_outlasts_the_one_that_spoke_for_it_speaks() -> None:
    one = Told()
    one.look(theirs(one.clock, "prom", "f1"), target="prom")
    one.look(theirs(one.clock, "am", "f1"), target="am")
    one.look(target="prom")
    one.after(1)
    one.after(TWIN - 2)
    assert one.told() == [What.RAISED, What.CLEARED]
    one.after(2)
    assert one.told() == [What.RAISED, What.CLEARED, What.SPEAKS_AGAIN]


def test_what_is_silenced_where_it_comes_from_is_told_to_nobody() -> None:
    one = Told()
    one.look(theirs(one.clock, "am", "f1", silenced=True), target="am")
    assert one.changes == []
    assert one.inbox.cases()[0].standing is Standing.SILENCED
    one.look(theirs(one.clock, "am", "f1"), target="am")
    assert one.told() == [What.SPEAKS_AGAIN]


def test_an_escalation_is_told_whatever_keeps_it_quiet() -> None:
    one = Told()
    one.look(alert(one.clock, handling=Handling(muted=True)))
    with pytest.raises(InboxError, match="words"):
        one.inbox.escalate(one.inbox.cases()[0], "ann", " ")
    one.inbox.escalate(one.inbox.cases()[0], "ann", "who knows this queue?")
    assert [(change.what, change.note) for change in one.changes] == [(What.ESCALATED, "who knows this queue?")]


def test_nothing_is_decided_about_what_is_over() -> None:
    one = Told()
    one.look(alert(one.clock))
    (case,) = one.inbox.cases()
    one.look()
    with pytest.raises(InboxError, match="over already"):
        one.inbox.acknowledge(case, "ann")


def test_a_note_cannot_steer_a_terminal() -> None:
    one = Told()
    one.look(alert(one.clock))
    one.inbox.acknowledge(one.inbox.cases()[0], "ann", "on it\x1b[2J")
    assert "\x1b" not in one.changes[-1].note


class Shelf:
    """A store in memory, that one session after another is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def session(self, clock: HandClock, leads: bool = True) -> Told:
        """A session that has read everything that is there; what it writes is kept at once."""
        one = Told(clock, lambda records: None, ids=lambda: f"{len(self.records):06}-{id(one)}")

        def keep(records: object) -> None:
            new = [read(written(record)) for record in records]  # type: ignore[attr-defined]
            self.records.extend(new)
            one.inbox.kept([record.id for record in new])

        one.inbox.keep(keep)
        one.inbox.take(list(self.records), live=False)
        one.inbox.open(leads)
        return one


def test_a_restart_while_an_alert_holds_is_the_same_case_and_tells_nothing() -> None:
    shelf, clock = Shelf(), HandClock()
    first = shelf.session(clock)
    first.look(alert(clock))
    first.inbox.acknowledge(first.inbox.cases()[0], "ann")
    began = clock.now()
    clock.passed += 3600
    second = shelf.session(clock)
    assert [case.alert.words for case in second.inbox.unseen()] == ["campaign: 1,204 waiting"]
    second.after(5)
    second.look()
    second.after(SETTLING - 5)
    second.look(alert(clock))
    (case,) = second.inbox.cases()
    assert second.all == []
    assert case.id == first.changes[0].case.id
    assert case.handed == "ann"
    assert case.alert.at == began
    assert case.alert.since == clock.monotonic() - (3600 + SETTLING)


def test_what_is_not_seen_again_after_a_restart_is_over_in_time() -> None:
    shelf, clock = Shelf(), HandClock()
    shelf.session(clock).look(alert(clock))
    second = shelf.session(clock)
    second.after(3600)
    assert second.all == [], "before its target was read nobody knows"
    second.inbox.look("mail", (), read=False)
    second.after(3600)
    assert second.all == []
    second.look()
    second.after(SETTLING - 1)
    assert second.all == []
    second.after(1)
    assert second.told() == [What.CLEARED]
    assert second.inbox.unseen() == []


def test_a_session_that_follows_tells_what_the_leading_one_recorded_and_nothing_of_its_own() -> None:
    shelf, clock = Shelf(), HandClock()
    leader, follower = shelf.session(clock), shelf.session(clock, leads=False)
    follower.look(alert(clock))
    assert [case.id for case in follower.inbox.cases()] == [""]
    assert follower.all == []
    leader.look(alert(clock))
    follower.inbox.take(shelf.records)
    assert ids(follower.changes) == ids(leader.changes)
    assert follower.inbox.cases()[0].id == leader.inbox.cases()[0].id
    follower.inbox.acknowledge(follower.inbox.cases()[0], "bob", "mine")
    leader.inbox.take(shelf.records)
    assert leader.inbox.cases()[0].handed == "bob"
    assert ids(leader.changes) == ids(follower.changes)
    assert leader.told() == [What.RAISED, What.ACKNOWLEDGED]


def test_what_is_decided_before_the_leading_session_has_begun_the_case_is_decided_about_it() -> None:
    shelf, clock = Shelf(), HandClock()
    leader, follower = shelf.session(clock), shelf.session(clock, leads=False)
    follower.look(alert(clock))
    follower.inbox.acknowledge(follower.inbox.cases()[0], "bob", "I saw it first")
    assert follower.inbox.cases()[0].handed == "bob"
    assert shelf.records == []
    leader.look(alert(clock))
    follower.inbox.take(list(shelf.records))
    leader.inbox.take(list(shelf.records))
    assert leader.inbox.cases()[0].handed == follower.inbox.cases()[0].handed == "bob"
    assert leader.told() == follower.told() == [What.RAISED, What.ACKNOWLEDGED]


def test_what_was_decided_about_an_alert_that_went_is_forgotten() -> None:
    shelf, clock = Shelf(), HandClock()
    follower = shelf.session(clock, leads=False)
    follower.look(alert(clock))
    (case,) = follower.inbox.cases()
    follower.inbox.acknowledge(case, "bob")
    follower.inbox.release(follower.inbox.cases()[0], "bob")
    assert follower.inbox.cases()[0].standing is Standing.OPEN
    follower.look()
    with pytest.raises(InboxError, match="over already"):
        follower.inbox.acknowledge(case, "bob")
    follower.inbox.open(leads=True)
    follower.look(alert(clock))
    assert follower.told() == [What.RAISED]


def test_of_a_case_that_two_leading_sessions_began_there_is_one() -> None:
    shelf, clock = Shelf(), HandClock()
    one, other = shelf.session(clock), shelf.session(clock)
    other.look(alert(clock))
    one.look(alert(clock))
    one.inbox.acknowledge(one.inbox.cases()[0], "bob")
    for session in (one, other):
        session.inbox.take(list(shelf.records))
    assert one.inbox.cases()[0].id == other.inbox.cases()[0].id
    assert one.inbox.cases()[0].handed == other.inbox.cases()[0].handed == "bob"
    span = clock.now() - timedelta(hours=1), clock.now()
    assert len(one.inbox.history(*span)) == len(other.inbox.history(*span)) == 1


def test_who_takes_the_lead_ends_what_it_sees_is_over() -> None:
    shelf, clock = Shelf(), HandClock()
    leader, follower = shelf.session(clock), shelf.session(clock, leads=False)
    leader.look(alert(clock))
    follower.inbox.take(list(shelf.records))
    follower.look(alert(clock))
    clock.passed += 5
    follower.look()
    assert follower.told() == [What.RAISED]
    follower.inbox.open(leads=True)
    assert follower.told() == [What.RAISED, What.CLEARED]


def test_a_change_is_told_once_it_is_kept_and_in_any_case_soon() -> None:
    one = Told(store=lambda records: None)
    one.inbox.open(leads=True)
    one.look(alert(one.clock))
    assert one.changes == []
    one.after(TELLING)
    assert one.told() == [What.RAISED]
    one.inbox.kept(ids(one.changes))
    one.after(TELLING)
    assert one.told() == [What.RAISED]


def test_the_record_of_a_case_is_read_as_it_was_written() -> None:
    one = Told()
    one.look(theirs(one.clock, "am", "f1", labels=(("a", "b"),)), target="am")
    one.inbox.silence((Match("label", "b", "a"),), one.clock.now() + timedelta(hours=1), "ann", "x", name="move")
    for record in (
        Record("1", one.clock.now(), What.RAISED, "c", alert=one.changes[0].case.alert),
        Record("2", one.clock.now(), silence=one.inbox.silences()[0]),
    ):
        assert read(written(record)) == record


def test_history_knows_each_episode_and_how_often_it_came() -> None:
    one = Told()
    start = one.clock.now()
    one.look(alert(one.clock))
    one.after(60)
    one.look()
    one.after(7200)
    one.look(alert(one.clock, CRITICAL))
    episodes = one.inbox.history(start, one.clock.now())
    assert [(case.cleared is None, case.alert.severity) for case in episodes] == [(False, WARNING), (True, CRITICAL)]
    assert one.inbox.times(episodes[0].alert.identity, start) == 2
    assert one.inbox.times(episodes[0].alert.identity, start + timedelta(hours=1)) == 1
    assert [change.what for change in one.inbox.life(episodes[0].id)] == [What.RAISED, What.CLEARED]
    assert [change.what for change in one.inbox.changes(start)] == [What.RAISED, What.CLEARED, What.RAISED]


# any life at all

_STEPS = st.one_of(
    st.tuples(st.just("look"), st.sets(st.sampled_from("abc")), st.sampled_from([WARNING, CRITICAL])),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 30.0, 400.0, 2000.0])),
    st.tuples(st.just("ack"), st.integers(0, 2)),
    st.tuples(st.just("silence"), st.sampled_from("abc"), st.sampled_from([5.0, 60.0, 1000.0])),
    st.tuples(st.just("lift"), st.integers(0, 2)),
)


@settings(max_examples=120, deadline=None)
@given(st.lists(_STEPS, max_size=40))
def test_in_any_life_each_change_is_told_once_and_replaying_the_records_gives_the_same_cases(
    steps: list[tuple[object, ...]],
) -> None:
    shelf, clock = Shelf(), HandClock()
    one = shelf.session(clock)
    for step in steps:
        match step:
            case ("look", names, severity):
                one.look(*(alert(clock, severity, labels=(("queue", name),)) for name in sorted(names)))  # type: ignore[call-overload, arg-type]
            case ("wait", float(seconds)):
                one.after(seconds)
            case ("ack", int(place)) if place < len(one.inbox.cases()):
                one.inbox.acknowledge(one.inbox.cases()[place], "ann")
            case ("silence", str(name), float(seconds)):
                until = clock.now() + timedelta(seconds=seconds)
                one.inbox.silence((Match("label", name, "queue"),), until, "ann", "x")
            case ("lift", int(place)) if place < len(one.inbox.silences()):
                one.inbox.lift(one.inbox.silences()[place].id, "bob")
        cases = one.inbox.cases()
        assert len({case.alert.identity for case in cases}) == len(cases)
        assert all(silence.until > clock.now() for silence in one.inbox.silences())
        assert all(case.silenced_until is None or case.silenced_until > clock.now() for case in cases)
    assert len(set(ids(one.all))) == len(one.all)
    assert {change.id for change in one.changes} <= {change.id for change in one.all}
    _begin_and_end_in_turn(one)
    again = shelf.session(clock, leads=False)
    span = clock.now() - timedelta(days=10), clock.now()
    mine, theirs_ = one.inbox.history(*span), again.inbox.history(*span)
    assert [(c.id, c.cleared, c.acknowledged, c.due) for c in mine] == [
        (c.id, c.cleared, c.acknowledged, c.due) for c in theirs_
    ]
    assert again.all == []


def _begin_and_end_in_turn(one: Told) -> None:
    """Of each alert no case begins while another is open, and who was told of an end was told of the beginning."""
    open_now: dict[object, str] = {}
    told: set[str] = set()
    for change in one.all:
        identity, case = change.case.alert.identity, change.case.id
        if change.what is What.RAISED:
            assert identity not in open_now
            open_now[identity] = case
        assert open_now[identity] == case
        if change.what is What.CLEARED:
            del open_now[identity]
            assert bool(change.quiet) is (case not in told)
        if not change.quiet:
            told.add(case)


@given(st.permutations(range(4)))
def test_decisions_of_several_sessions_count_alike_in_any_order(order: list[int]) -> None:
    clock = HandClock()
    raised = Record("0", clock.now(), What.RAISED, "c", alert=alert(clock))
    moments = [clock.now() + timedelta(seconds=n) for n in range(1, 5)]
    decisions = [
        Record("1", moments[0], What.ACKNOWLEDGED, "c", "ann"),
        Record("2", moments[1], What.RELEASED, "c", "ann"),
        Record("3", moments[2], What.ACKNOWLEDGED, "c", "bob"),
        Record("4", moments[3], What.CLEARED, "c"),
    ]
    book = Book()
    book.take(raised)
    for place in order:
        book.take(decisions[place])
    life = book.lives["c"]
    assert life.ack is not None
    assert (life.ack.by, life.cleared, book.open) == ("bob", moments[3], {})
    assert book.take(replace(raised)) is None


def test_who_is_needed_most_stands_first() -> None:
    one = Told()
    one.look(
        alert(one.clock, WARNING, labels=(("queue", "old"),)),
        alert(one.clock, CRITICAL, labels=(("queue", "held"),)),
        alert(one.clock, CRITICAL, labels=(("queue", "free"),)),
        alert(one.clock, CRITICAL, labels=(("queue", "silent"),)),
    )
    held = next(case for case in one.inbox.cases() if case.alert.row == "held")
    one.inbox.acknowledge(held, "ann")
    one.inbox.silence((Match("label", "silent", "queue"),), one.clock.now() + timedelta(hours=1), "ann", "x")
    assert [case.alert.row for case in one.inbox.cases()] == ["free", "held", "old", "silent"]
    assert Severity.CRITICAL in {case.alert.severity for case in one.inbox.cases()}


_SHARED = st.one_of(
    st.tuples(st.just("look"), st.integers(0, 1), st.sets(st.sampled_from("ab")), st.sampled_from([WARNING, CRITICAL])),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 30.0, 400.0])),
    st.tuples(st.just("ack"), st.integers(0, 1)),
    st.tuples(st.just("silence"), st.integers(0, 1), st.sampled_from([5.0, 1000.0])),
    st.tuples(st.just("share"), st.integers(0, 1)),
)


@settings(max_examples=120, deadline=None)
@given(st.lists(_SHARED, max_size=40))
def test_sessions_that_share_a_store_end_with_the_same_cases_whatever_order_they_read_in(
    steps: list[tuple[object, ...]],
) -> None:
    shelf, clock = Shelf(), HandClock()
    both = shelf.session(clock), shelf.session(clock, leads=False)
    for step in steps:
        match step:
            case ("look", int(who), names, severity):
                both[who].look(*(alert(clock, severity, labels=(("queue", name),)) for name in sorted(names)))  # type: ignore[call-overload, arg-type]
            case ("wait", float(seconds)):
                clock.passed += seconds
                for one in both:
                    one.inbox.tick()
            case ("ack", int(who)) if both[who].inbox.cases():
                both[who].inbox.acknowledge(both[who].inbox.cases()[0], f"person {who}")
            case ("silence", int(who), float(seconds)):
                both[who].inbox.silence((), clock.now() + timedelta(seconds=seconds), "ann", "x")
            case ("share", int(who)):
                both[who].inbox.take(list(shelf.records))
    for _ in range(3):
        for one in both:
            one.inbox.take(list(shelf.records))
    span = clock.now() - timedelta(days=10), clock.now()
    first, second = ({c.id: (c.cleared, c.handed) for c in one.inbox.history(*span)} for one in both)
    assert first == second
    for one in both:
        assert len(set(ids(one.all))) == len(one.all)
        there = [case for case in one.inbox.history(*span) if case.cleared is None]
        assert len({case.alert.identity for case in there}) == len(there)
    assert {silence.id for silence in both[0].inbox.silences()} == {silence.id for silence in both[1].inbox.silences()}
    assert sorted(ids(both[0].changes)) == sorted(ids(both[1].changes))
