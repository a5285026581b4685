"""The timeline: everything that happened beside an incident, once, in the order in which it happened."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.audit.record import Code
from desk.audit.record import Record as AuditRecord
from desk.inbox.case import Acknowledgement, Case, Silence, Standing
from desk.inbox.case import What as CaseWhat
from desk.inbox.record import Record as CaseRecord
from desk.incident.beside import of_audit, of_cases, of_runs
from desk.incident.timeline import Entry, Source, skews_of, span_of, woven
from desk.runs.runs import Runs
from probes.base import Severity
from tests.desk.inboxes import START, HandClock, alert
from tests.desk.incidents import Person, minutes
from tests.desk.procedures import KITES, NAME, TOKEN


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def ann(clock: HandClock) -> Person:
    return Person("ann", clock)


def entry(id: str, at: float, **more: Any) -> Entry:
    return Entry(id, START + timedelta(seconds=at), Source.NOTE, id, **more)


def told(entries: Iterable[Entry]) -> list[str]:
    return [one.words for one in entries]


def audit(writer: str, *said: tuple[float, Code, dict[str, Any]], host: str = "bastion") -> list[AuditRecord]:
    """What one session of the shop wrote into the audit; times in seconds after the beginning."""
    about = {"system": "shop", "environment": "live", "profile": ""}
    opened = (0.0, Code.SESSION_OPENED, {"about": about, "actor": {"name": "bob", "host": host}})
    return [
        AuditRecord(writer, seq, START + timedelta(seconds=at), code, data, "")
        for seq, (at, code, data) in enumerate((opened, *said))
    ]


ACT = {"deed": "deed-1", "act": "act-1"}
INTENT = {
    **ACT, "action": "scale", "target": "web", "reason": "too slow", "command": ["docker compose up --scale web=4"],
    "subject": {"name": "web", "before": "2 run", "after": "4 run"},
}  # fmt: skip
SCALED = (
    (60.0, Code.INTENT, INTENT),
    (60.1, Code.SENT, ACT),
    (61.0, Code.DONE, {**ACT, "words": "accepted"}),
    (65.0, Code.VERDICT, {**ACT, "truth": "confirmed", "words": "4 run"}),
)


def test_an_act_is_told_with_what_was_before_and_after_and_what_was_true_then() -> None:
    found = woven(of_audit(audit("w1", *SCALED), "shop", "live", START, minutes(9)))
    assert told(found) == ["scale web: too slow", "scale web done: accepted", "scale web: 4 run"]
    intent, _, verdict = found
    assert (intent.before, intent.after, intent.by, intent.target) == ("2 run", "4 run", "bob", "web")
    assert intent.detail == "docker compose up --scale web=4"
    assert (verdict.verdict, verdict.host) == ("confirmed", "bastion")


def test_acts_on_other_systems_and_at_other_times_are_not_told() -> None:
    records = audit("w1", *SCALED)
    assert told(of_audit(records, "shop", "test", START, minutes(9))) == []
    assert told(of_audit(records, "shop", "live", minutes(5), minutes(9))) == []
    late = of_audit(records, "shop", "live", START + timedelta(seconds=64), minutes(9))
    assert told(late) == ["scale web: 4 run"]


def test_a_refused_act_and_one_closed_by_hand_are_told() -> None:
    refused = (5.0, Code.REFUSED, {**INTENT, "reason": "evidence is kept"})
    settled = (9.0, Code.SETTLED, {**INTENT, "note": "it was me"})
    found = told(of_audit(audit("w1", refused, settled), "shop", "live", START, minutes(1)))
    assert found == ["scale web refused: evidence is kept", "scale web closed by hand: it was me"]


def test_a_second_persons_part_is_told_and_comes_after_the_question_on_any_clock() -> None:
    asked = {"request": "r1", "what": "purge queue mail"}
    bob = audit("w1", (10.0, Code.SECOND_ASKED, asked), (20.0, Code.SECOND_USED, {**asked, "by": {"name": "cid"}}))
    cid = audit("w2", (-30.0, Code.SECOND_GIVEN, {**asked, "granted": True, "asker": {}}), host="laptop")
    found = woven(*(of_audit(one, "shop", "live", minutes(-1), minutes(1)) for one in (cid, bob)))
    assert told(found) == [
        "a second person is asked: purge queue mail",
        "approves what is asked: purge queue mail",
        "begun with the approval by cid: purge queue mail",
    ]
    assert [one.source for one in found] == [Source.APPROVAL] * 3
    assert str(skews_of(found)[0]) == "the clock of bastion is at least 40 s ahead of that of laptop"


def test_an_answer_that_was_heard_is_told_once_and_by_who_gave_it() -> None:
    asked = {"request": "r1", "what": "purge queue mail"}
    heard = (12.0, Code.SECOND_APPROVED, {**asked, "by": {"name": "cid"}, "words": "go"})
    bob = audit("w1", (10.0, Code.SECOND_ASKED, asked), heard)
    cid = audit("w2", (11.0, Code.SECOND_GIVEN, {**asked, "granted": True, "asker": {}}), host="laptop")
    found = woven(of_audit([*cid, *bob], "shop", "live", START, minutes(1)))
    assert told(found) == ["a second person is asked: purge queue mail", "approved: purge queue mail: go"]
    assert [one.by for one in found] == ["bob", "cid"]


def test_alerts_are_told_as_they_came_and_went(clock: HandClock) -> None:
    raised = alert(clock)
    records = [
        CaseRecord("r3", minutes(9), CaseWhat.CLEARED, "case-1", alert=replace(raised, value=4.0)),
        CaseRecord("r1", START, CaseWhat.RAISED, "case-1", alert=raised),
        CaseRecord("r2", minutes(1), CaseWhat.ACKNOWLEDGED, "case-1", "bob", "on it"),
    ]
    found = woven(of_cases(records, START, minutes(60)))
    assert told(found) == [
        "warning raised: campaign: 1,204 waiting",
        "alert acknowledged: on it",
        "warning cleared: campaign: 1,204 waiting (4)",
    ]
    assert [one.target for one in found] == ["mail"] * 3
    assert told(of_cases(records, minutes(0.5), minutes(5))) == ["alert acknowledged: on it"]


def seconds(number: float) -> datetime:
    return START + timedelta(seconds=number)


def case(id: str, at: float, what: CaseWhat, name: str, raised: Any, **more: Any) -> CaseRecord:
    return CaseRecord(id, seconds(at), what, name, alert=raised, **more)


def test_what_three_sessions_said_of_their_own_copy_of_one_alert_is_told_once(clock: HandClock) -> None:
    """Apart from the store each of them leads, and each reads the number at a moment of its own."""
    raised = alert(clock)
    other = replace(raised, words="campaign: 1,209 waiting", value=1209.0)
    worse = replace(raised, severity=Severity.CRITICAL)
    records = [
        case("r1", 0, CaseWhat.RAISED, "case-2", raised),
        case("r2", 1, CaseWhat.RAISED, "case-1", other),
        case("r3", 4, CaseWhat.RAISED, "case-3", raised),
        case("r4", 30, CaseWhat.WORSE, "case-1", worse),
        case("r5", 31, CaseWhat.WORSE, "case-3", worse),
        case("r6", 40, CaseWhat.ACKNOWLEDGED, "case-2", raised, by="ann"),
        case("r7", 41, CaseWhat.ACKNOWLEDGED, "case-1", raised, by="ann"),
        case("r8", 60, CaseWhat.CLEARED, "case-3", worse),
        case("r9", 62, CaseWhat.CLEARED, "case-2", worse),
    ]
    random.Random(7).shuffle(records)
    found = woven(of_cases(records, START, minutes(60)))
    assert told(found) == [
        "warning raised: campaign: 1,204 waiting",
        "critical worse: campaign: 1,204 waiting",
        "warning acknowledged: campaign: 1,204 waiting",
        "warning acknowledged: campaign: 1,204 waiting",
        "critical cleared: campaign: 1,204 waiting",
    ]
    assert [(one.id, one.copies) for one in (found[0], found[-1])] == [
        ("case-2", ("case-1", "case-3")),
        ("r8", ("r9",)),
    ]


def test_what_is_not_the_same_stays_a_line_of_its_own(clock: HandClock) -> None:
    raised = alert(clock)
    others = [
        replace(raised, target="other"),
        replace(raised, rule="another"),
        replace(raised, labels=(("queue", "digest"),)),
        replace(raised, severity=Severity.CRITICAL),
    ]
    apart = [
        case(f"r{place}", place, CaseWhat.RAISED, f"case-{place}", one) for place, one in enumerate((raised, *others))
    ]
    late = case("r8", 60, CaseWhat.RAISED, "case-8", raised)
    assert len(list(of_cases([*apart, late], START, minutes(60)))) == 6


def test_an_alert_that_came_back_within_seconds_is_told_each_time(clock: HandClock) -> None:
    """In one session, and in two that each saw both times."""
    raised = alert(clock)
    there = [
        case("r1", 0, CaseWhat.RAISED, "case-1", raised),
        case("r3", 3, CaseWhat.CLEARED, "case-1", raised),
        case("r5", 6, CaseWhat.RAISED, "case-3", raised),
        case("r7", 9, CaseWhat.CLEARED, "case-3", raised),
    ]
    elsewhere = [
        case("r2", 1, CaseWhat.RAISED, "case-2", raised),
        case("r4", 4, CaseWhat.CLEARED, "case-2", raised),
        case("r6", 7, CaseWhat.RAISED, "case-4", raised),
        case("r8", 10, CaseWhat.CLEARED, "case-4", raised),
    ]
    words = [f"warning {what}: campaign: 1,204 waiting" for what in ("raised", "cleared")] * 2
    assert told(woven(of_cases(there, START, minutes(60)))) == words
    assert told(woven(of_cases([*there, *elsewhere], START, minutes(60)))) == words


def test_a_copy_is_told_where_what_it_is_a_copy_of_lies_before_the_time(clock: HandClock) -> None:
    raised = alert(clock)
    records = [case(f"r{at}", at, CaseWhat.RAISED, f"case-{at}", raised) for at in (0, 2, 3)]
    (only,) = of_cases(records, seconds(1), minutes(60))
    assert (only.id, only.copies) == ("case-2", ("case-3",))


def test_a_silence_that_the_store_was_told_again_is_told_once(clock: HandClock) -> None:
    made = Silence("s1", (), START, minutes(30), "ann", "works")
    lifted = replace(made, lifted=minutes(2), lifted_by="bob")
    records = [
        CaseRecord("r1", START, silence=made),
        CaseRecord("r2", START, silence=made),
        CaseRecord("r3", minutes(2), by="bob", silence=lifted),
    ]
    assert [one.id for one in woven(of_cases(records, START, minutes(60)))] == ["r1", "r3"]


def test_what_was_said_of_a_copy_stands_with_the_line_that_tells_it(clock: HandClock, ann: Person) -> None:
    raised = alert(clock)
    clock.passed = 5
    made = ann.book.declare(
        "backlog", "P1", Case("case-2", raised, Standing.ACKNOWLEDGED, Acknowledgement("bob", START))
    )
    ann.book.react(made.id, "case-2", "seen")
    records = [case("r1", 0, CaseWhat.RAISED, "case-1", raised), case("r2", 1, CaseWhat.RAISED, "case-2", raised)]
    found = ann.book.entries(made.id, of_cases(records, START, minutes(9)))
    assert told(found)[:2] == ["warning raised: campaign: 1,204 waiting", "declared P1: backlog"]
    assert found[0].reactions == ("ann: seen",)


def test_an_incident_comes_after_the_alert_it_was_declared_from(clock: HandClock) -> None:
    ahead, ann = Person("ahead", clock, ahead=30.0), Person("ann", clock)
    raised = alert(ahead.clock, at=ahead.clock.now())
    clock.passed = 5
    made = ann.book.declare(
        "backlog", "P1", Case("case-1", raised, Standing.ACKNOWLEDGED, Acknowledgement("bob", START))
    )
    record = CaseRecord("r1", raised.at, CaseWhat.RAISED, "case-1", alert=raised)
    found = ann.book.entries(made.id, of_cases([record], START, minutes(9)))
    assert told(found)[:2] == ["warning raised: campaign: 1,204 waiting", "declared P1: backlog"]
    assert found[1].behind


def test_steps_of_procedures_are_told_with_what_was_found_and_follow_their_act(clock: HandClock) -> None:
    runs = Runs(clock, "bob")
    kept: list[Any] = []
    runs.keep(kept.extend)
    run = runs.begin(KITES, "/srv/RUNBOOK.md", "a" * 64, (NAME, TOKEN)).id
    runs.done(run, 0, "3 kites", "a\nb", deed="deed-1")
    runs.skip(run, 1, "no wind")
    found = woven(of_runs(kept, START, minutes(60)), of_audit(audit("w1", *SCALED), "shop", "live", START, minutes(60)))
    (begun, *_) = found
    assert begun.words == f"procedure {KITES.title} begun"
    done = next(one for one in found if one.words.startswith("step 1 ") and one.source is Source.STEP)
    assert (done.detail, done.by) == ("a\nb", "bob")
    assert told(found).index("scale web: too slow") < found.index(done), "evidence comes after the act it is of"
    assert any("skipped: no wind" in one for one in told(found))


def test_a_reaction_is_a_line_of_its_own_and_stands_with_what_it_is_about(ann: Person) -> None:
    name = ann.book.declare("slow", "P1").id
    ann.book.note(name, "it is the queue")
    note = ann.book.entries(name)[-1]
    ann.book.react(name, note.id, "seen")
    ann.book.react(name, note.id, "seen")
    first, second, *reactions = ann.book.entries(name)
    assert (first.reactions, second.reactions) == ((), ("ann: seen",))
    assert {one.source for one in reactions} == {Source.REACTION}
    assert len(ann.of(name).reactions) == 1


def test_what_was_changed_shortly_before_belongs_to_it(ann: Person, clock: HandClock) -> None:
    clock.passed = 3600
    name = ann.book.declare("slow", "P1").id
    assert ann.book.span(name) == (minutes(45), minutes(60))
    ann.book.set_began(name, minutes(30))
    clock.passed = 4000
    ann.book.resolve(name, early="a false alarm")
    clock.passed = 9000
    ann.book.note(name, "said later")
    assert ann.book.span(name) == (minutes(15), START + timedelta(seconds=4000))
    assert span_of(ann.of(name), clock.now())[1] == START + timedelta(seconds=4000)


def test_an_entry_that_comes_twice_is_told_once_and_a_circle_does_no_harm() -> None:
    one, two = entry("one", 5, follows=("two",)), entry("two", 1, follows=("one",))
    assert sorted(told(woven([one, two], [two, one]))) == ["one", "two"]
    assert woven([one, two]) == woven([two, one])


_ENTRIES = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from("abc"), st.lists(st.integers(0, 30), max_size=2)), max_size=20
)


@settings(max_examples=200, deadline=None)
@given(_ENTRIES, st.randoms(use_true_random=False))
def test_nothing_stands_before_what_it_follows_whatever_the_clocks_say(
    made: list[tuple[int, str, list[int]]], chance: random.Random
) -> None:
    """Links lead to what was made before, as they do in the world; times are anything."""
    entries = [
        entry(f"e{n}", at, session=f"s{host}", seq=n, host=host, follows=tuple(f"e{one}" for one in links if one < n))
        for n, (at, host, links) in enumerate(made)
    ]
    shuffled = list(entries)
    chance.shuffle(shuffled)
    found = woven(shuffled)
    assert [one.id for one in found] == [one.id for one in woven(entries)]
    assert sorted(one.id for one in found) == sorted(one.id for one in entries)
    places = {one.id: place for place, one in enumerate(found)}
    for one in found:
        assert all(places[name] < places[one.id] for name in one.follows)
    for session in {one.session for one in found}:
        own = [one.seq for one in found if one.session == session]
        assert own == sorted(own)
    newest = datetime.min.replace(tzinfo=START.tzinfo)
    for one in found:
        assert one.behind == ((newest - one.at).total_seconds() >= 1)
        newest = max(newest, one.at)


def test_where_clocks_agree_the_time_alone_decides() -> None:
    entries = [entry(f"e{at}", at) for at in (9, 3, 7, 1)]
    assert told(woven(entries)) == ["e1", "e3", "e7", "e9"]
    assert skews_of(entries) == ()
