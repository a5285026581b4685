"""What a person signs, and what becomes of runs: done, late, missed; the same in every session."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.checklist.book import Book
from desk.checklist.box import Against, Asked, Box, Checklist
from desk.checklist.judge import Judged, Verdict
from desk.checklist.ledger import Ledger, LedgerError, judged_record
from desk.checklist.record import Record, What, read, written
from desk.checklist.standing import State, attention
from probes.base import Unit
from tests.desk.checklist.lists import HandClock, checklist, profile

TO_DO = Judged(Verdict.TO_DO)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Shift:
    """One session and its clock; what it writes is remembered."""

    def __init__(self, *lists: Checklist, clock: HandClock | None = None) -> None:
        self.clock = clock or HandClock()
        self.list = lists[0] if lists else checklist()
        self.ledger = Ledger(lists or (self.list,), self.clock)
        self.written: list[Record] = []
        self.ledger.keep(self.written.extend)
        self.ledger.opened()

    def stands(self) -> State:
        return self.ledger.standings()[0].state

    def sign(self, *names: str, by: str = "ann") -> None:
        for box in self.list.boxes:
            if not names or box.key in names:
                self.ledger.sign(self.list, box, by, TO_DO)

    def off(self, by: str = "ann", note: str = "") -> None:
        self.ledger.sign_off(self.list, by, note, {})

    def done(self) -> None:
        self.sign()
        self.off()


def test_a_day_goes_from_not_due_to_due_to_done() -> None:
    shift = Shift()
    shift.clock.to("2026-03-02T07:30")
    assert shift.stands() is State.COMING
    shift.clock.to("2026-03-02T09:00")
    assert shift.stands() is State.DUE
    shift.done()
    assert shift.stands() is State.DONE
    shift.clock.to("2026-03-03T08:00")
    assert shift.stands() is State.COMING, "an hour before the next is due that one is worked at"
    shift.clock.to("2026-03-03T09:00")
    assert shift.stands() is State.DUE


def test_what_is_signed_shortly_before_it_is_due_belongs_to_the_run_that_comes() -> None:
    shift = Shift(clock=HandClock("2026-03-02T08:10"))
    shift.done()
    shift.clock.to("2026-03-02T10:00")
    assert shift.stands() is State.DONE
    assert [past.due for past in shift.ledger.history(shift.list)] == [at("2026-03-02T09:00")]


def test_after_its_hours_it_is_missed_in_sight_and_can_still_be_done() -> None:
    shift = Shift(checklist(within=timedelta(hours=2)))
    shift.clock.to("2026-03-02T11:00")
    assert shift.stands() is State.MISSED
    assert attention(shift.ledger.standings()) == "morning MISSED"
    shift.done()
    assert shift.stands() is State.DONE
    assert attention(shift.ledger.standings()) == ""


def test_each_run_that_nobody_did_stays_visible() -> None:
    shift = Shift()
    shift.clock.to("2026-03-04T10:00")
    shift.done()
    shift.clock.to("2026-03-06T20:00")
    history = [(past.due.day, past.missed) for past in shift.ledger.history(shift.list)]
    assert history == [(6, True), (5, True), (4, False), (3, True), (2, True)]


def test_what_was_due_before_it_was_known_was_missed_by_nobody() -> None:
    shift = Shift(clock=HandClock("2026-03-02T20:00"))
    assert shift.stands() is State.COMING
    assert shift.ledger.history(shift.list) == []
    assert shift.ledger.standings()[0].next == at("2026-03-03T09:00")


def test_what_nobody_knew_of_is_never_late() -> None:
    shift = Shift(clock=HandClock("2026-03-02T20:00"))
    shift.done()
    one = shift.ledger.standings()[0]
    assert (one.state, one.over) == (State.DONE, None)


def test_another_schedule_begins_anew() -> None:
    shift = Shift()
    shift.clock.to("2026-03-05T20:00")
    later = Shift(checklist(schedule="weekdays 06:00"), clock=shift.clock)
    later.ledger.take(shift.written)
    later.ledger.opened()
    assert later.ledger.history(later.list) == []
    shift.clock.to("2026-03-06T20:00")
    assert [past.due for past in later.ledger.history(later.list)] == [at("2026-03-06T06:00")]


def test_one_without_a_schedule_is_a_run_a_day_and_never_missed() -> None:
    shift = Shift(checklist(schedule=None, zone="Europe/Berlin"))
    shift.done()
    shift.clock.to("2026-03-02T22:59")
    assert shift.stands() is State.DONE
    shift.clock.to("2026-03-02T23:00")
    assert shift.stands() is State.FREE
    shift.clock.to("2026-03-09T12:00")
    assert len(shift.ledger.history(shift.list)) == 1


def test_several_people_sign_their_boxes_and_all_are_named() -> None:
    shift = Shift()
    shift.sign("look", by="ann")
    shift.sign("listen", by="bob")
    shift.off("ann", "the fan is loud")
    shift.off("bob")
    run = shift.ledger.run(shift.list)
    assert run is not None
    assert {key: mark.by for key, mark in run.marks.items()} == {"look": "ann", "listen": "bob"}
    assert (run.by, run.handed) == ("ann, bob", "the fan is loud")


def test_what_the_evening_hands_over_the_morning_sees() -> None:
    morning, evening = checklist("look"), checklist("light", name="evening", title="Evening")
    shift = Shift(morning, evening)
    shift.ledger.sign(evening, evening.boxes[0], "ann", TO_DO)
    shift.ledger.sign_off(evening, "ann", "mind the cat", {})
    assert shift.ledger.handed(evening) is None
    found = shift.ledger.handed(morning)
    assert found is not None
    assert (found[0], found[1].by, found[1].note) == ("Evening", "ann", "mind the cat")


def test_what_is_left_keeps_it_open_until_it_is_signed_or_skipped_for_a_reason() -> None:
    shift = Shift()
    with pytest.raises(LedgerError, match="“look” and 1 more still to do"):
        shift.off()
    shift.sign("look")
    with pytest.raises(LedgerError, match="without a reason"):
        shift.ledger.skip(shift.list, shift.list.boxes[1], "ann", "  ")
    shift.ledger.skip(shift.list, shift.list.boxes[1], "ann", "no ears today")
    shift.off()
    run = shift.ledger.run(shift.list)
    assert run is not None
    assert (run.marks["listen"].what, run.marks["listen"].note) == (What.SKIPPED, "no ears today")


def test_what_has_no_box_or_not_all_of_them_is_not_signed_off() -> None:
    shift = Shift(checklist(boxes=()))
    with pytest.raises(LedgerError, match="it has no box"):
        shift.off()
    shift = Shift(checklist(source="Every day", unread=True))
    shift.sign()
    with pytest.raises(LedgerError, match="“Every day” could not be read"):
        shift.off()
    assert shift.stands() is State.COMING


def test_a_run_without_anybody_is_never_whole_while_boxes_are_not_here() -> None:
    good = {"few": Judged(Verdict.GOOD, "1")}
    now = HandClock().now()
    assert judged_record(checklist("few"), "cron", now, good).whole
    assert not judged_record(checklist("few", source="Every day", unread=True), "cron", now, good).whole
    assert not judged_record(checklist(boxes=()), "cron", now, {}).whole


def test_what_is_taken_back_is_no_evidence_any_more_in_whatever_order_records_come() -> None:
    shift = Shift()
    box = shift.list.boxes[0]
    shift.ledger.sign(shift.list, box, "ann", Judged(Verdict.TO_DO, "7", 7.0))
    shift.clock.passed += 1
    shift.ledger.take_back(shift.list, box, "ann")
    for records in (shift.written, shift.written[::-1]):
        book = Book()
        book.take(records)
        run = book.run("morning", shift.list.due(shift.clock.now()))
        assert run is not None
        assert run.evidence == {}
    shift.clock.passed += 1
    shift.ledger.sign(shift.list, box, "ann", Judged(Verdict.TO_DO, "8", 8.0))
    for records in (shift.written, shift.written[::-1]):
        book = Book()
        book.take(records)
        run = book.run("morning", shift.list.due(shift.clock.now()))
        assert run is not None
        assert run.evidence[box.key].words == "8"


def test_a_signature_can_be_taken_back() -> None:
    shift = Shift()
    shift.sign()
    shift.clock.passed += 1
    shift.ledger.take_back(shift.list, shift.list.boxes[0], "ann")
    assert [box.key for box in shift.ledger.left(shift.list)] == ["look"]


@pytest.mark.parametrize("bad", [Verdict.BAD, Verdict.UNKNOWN])
def test_what_is_not_well_is_handed_over_in_words(bad: Verdict) -> None:
    made = profile('[[checklist]]\nname = "morning"\n[[checklist.box]]\nsay = "few"\ncheck = "shelf.things < 3"\n')
    shift = Shift(*made.checklists)
    judged = {"few": Judged(bad, "9", 9.0, Unit.COUNT)}
    with pytest.raises(LedgerError, match=f"“few” is {bad.value}; say what the next shift should know"):
        shift.ledger.sign_off(shift.list, "ann", "", judged)
    shift.ledger.note(shift.list, "ann", "it is known", shift.list.boxes[0])
    shift.ledger.sign_off(shift.list, "ann", "", judged)
    run = shift.ledger.run(shift.list)
    assert run is not None
    assert run.evidence["few"].value == 9.0
    assert [note.text for note in run.notes] == ["it is known"]


def test_a_value_stands_beside_the_last_run_or_the_same_day_of_the_week() -> None:
    boxes = (
        Box("posts", "posts", asked=Asked.NUMBER),
        Box("users", "users", asked=Asked.NUMBER, against=Against.WEEKDAY),
    )
    shift = Shift(checklist(boxes=boxes), clock=HandClock("2026-03-02T10:00"))
    for day in (2, 3, 8):
        shift.clock.to(f"2026-03-0{day}T10:00")
        for box in shift.list.boxes:
            shift.ledger.sign(shift.list, box, "ann", Judged(Verdict.GOOD, str(day), float(day)))
        shift.off()
    shift.clock.to("2026-03-09T10:00")
    before = [shift.ledger.previous(shift.list, box.against) for box in shift.list.boxes]
    assert [run.evidence[box.key].words for run, box in zip(before, shift.list.boxes, strict=True) if run] == ["8", "2"]


def test_a_run_without_anybody_counts_as_done_only_when_nothing_was_left() -> None:
    made = profile('[[checklist]]\nname = "morning"\n[[checklist.box]]\nsay = "few"\ncheck = "shelf.things < 3"\n')
    shift = Shift(*made.checklists)
    now = shift.clock.now()
    shift.ledger.take([judged_record(shift.list, "cron", now, {"few": Judged(Verdict.UNKNOWN, "nobody is there")})])
    run = shift.ledger.run(shift.list)
    assert run is not None
    assert (run.done, run.begun) == (None, True)
    shift.ledger.take([judged_record(shift.list, "cron", now, {"few": Judged(Verdict.BAD, "9", 9.0)})])
    assert run.done == now


def test_every_session_comes_to_the_same_runs_in_whatever_order_records_come() -> None:
    shift = Shift()
    for day in (2, 3):
        shift.clock.to(f"2026-03-0{day}T10:00")
        shift.sign()
        shift.clock.passed += 1
        shift.ledger.take_back(shift.list, shift.list.boxes[0], "bob")
        shift.clock.passed += 1
        shift.ledger.skip(shift.list, shift.list.boxes[0], "cid", "why not")
        shift.ledger.note(shift.list, "bob", "hm")
        shift.off("cid")
    shift.clock.to("2026-03-05T20:00")
    for seed in range(20):
        records = shift.written * 2
        random.Random(seed).shuffle(records)
        book = Book()
        book.take(records)
        assert book.history(shift.list, shift.clock.now()) == shift.ledger.history(shift.list)


@given(st.sampled_from(list(What)), st.text(max_size=40), st.floats(allow_nan=False, allow_infinity=False))
def test_a_record_is_read_as_it_was_written(what: What, text: str, value: float) -> None:
    judged = {"a": Judged(Verdict.AMBER, text, value, Unit.BYTES, "/", 3.0)}
    made = judged_record(checklist("a"), text, at("2026-03-02T10:00"), judged)
    due = None if what is What.KNOWN else made.due
    record = Record(made.id, made.at, what, "morning", due, text, "a", text, made.evidence, schedule=text)
    assert read(written(record)) == record
