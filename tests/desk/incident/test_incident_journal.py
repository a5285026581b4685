"""Incidents are kept in a file that any session resumes, and that is quick to read back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from time import perf_counter

import pytest

from desk.incident.incidents import Incidents, unsettled
from desk.incident.journal import IncidentJournal, look
from desk.incident.record import STREAM, Record, Stage, What, written
from desk.store import FileStore, Row
from tests.desk.inboxes import START, HandClock
from tests.desk.incidents import minutes


class Desk:
    """One person's session: its incidents and their way to the file."""

    def __init__(self, folder: Path, clock: HandClock, who: str = "ann", mask: str = "") -> None:
        def redact(text: str) -> str:
            return text.replace(mask, "[secret]") if mask else text

        self.book = Incidents(clock, who, f"{who}-host", mask=redact)
        self.journal = IncidentJournal(folder / "incidents.db", clock, redact)
        self.journal.serve(self.book)
        self.journal.step()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def test_what_one_session_does_another_sees_and_a_third_resumes(tmp_path: Path, clock: HandClock) -> None:
    ann, bob = Desk(tmp_path, clock), Desk(tmp_path, clock, "bob")
    name = ann.book.declare("slow", "P1").id
    assert ann.book.unkept(name) == 1
    ann.journal.step()
    assert ann.book.unkept(name) == 0
    bob.journal.step()
    bob.book.investigate(name)
    bob.journal.step()
    ann.journal.step()
    seen = ann.book.get(name)
    assert seen is not None
    assert (seen.stage, seen.people) == (Stage.INVESTIGATING, ("ann", "bob"))
    ann.journal.close()
    bob.journal.close()
    later = Desk(tmp_path, clock, "cid")
    assert later.book.get(name) == seen
    later.book.mitigate(name)
    later.journal.close()
    (found,) = look(tmp_path / "incidents.db")
    assert (found.stage, found.records[-1].by) == (Stage.MITIGATED, "cid")


def test_a_file_that_is_lost_gets_what_is_not_settled_again(tmp_path: Path, clock: HandClock) -> None:
    ann = Desk(tmp_path, clock)
    name = ann.book.declare("slow", "P1").id
    ann.journal.step()
    (tmp_path / "incidents.db").unlink()
    ann.book.note(name, "the disk was swapped")
    ann.journal.step()
    assert "incidents are not kept" in ann.journal.trouble
    clock.passed = 11
    ann.journal.step()
    ann.journal.step()
    ann.journal.close()
    (found,) = look(tmp_path / "incidents.db")
    assert [one.what for one in found.records] == [What.DECLARED, What.NOTED]


def test_a_secret_is_taken_out_of_texts_and_no_name_is_broken_by_one(tmp_path: Path, clock: HandClock) -> None:
    ann = Desk(tmp_path, clock, mask="P1")
    name = ann.book.declare("P1 is out", "P1").id
    ann.journal.close()
    (found,) = look(tmp_path / "incidents.db")
    assert (found.id, found.title, found.level) == (name, "[secret] is out", "P1")


def test_what_is_settled_is_forgotten_after_years_and_what_is_not_never(tmp_path: Path, clock: HandClock) -> None:
    ann = Desk(tmp_path, clock)
    done, waits = ann.book.declare("done", "P4").id, ann.book.declare("waits", "P4").id
    for name in (done, waits):
        ann.book.resolve(name)
    ann.book.post_mortem_written(done, "wiki")
    ann.book.add_item(waits, "a bigger queue")
    ann.journal.step()
    clock.passed = 1101 * 86400
    ann.journal.step()
    ann.journal.close()
    assert [one.id for one in look(tmp_path / "incidents.db")] == [waits]


def test_an_incident_is_settled_when_nothing_of_it_waits(clock: HandClock) -> None:
    book = Incidents(clock, "ann")
    name = book.declare("slow", "P4", security="a stranger was in").id

    def waits(days: float = 0.0) -> bool:
        found = book.get(name)
        assert found is not None
        return unsettled(found, clock.now() + timedelta(days=days))

    book.resolve(name)
    assert waits(days=500), "evidence is still kept"
    book.release(name, "it is stored")
    assert (waits(days=89), waits(days=91)) == (True, False)
    item = book.add_item(name, "a bigger queue")
    assert waits(days=91)
    book.do_item(name, item)
    book.post_mortem_written(name, "wiki")
    assert not waits()


def test_what_is_no_record_is_passed_over(tmp_path: Path, clock: HandClock) -> None:
    ann = Desk(tmp_path, clock)
    name = ann.book.declare("slow", "P1").id
    ann.journal.close()
    store = FileStore.open(tmp_path / "incidents.db")
    store.append(STREAM, [Row("odd", START, name, {"v": 99, "what": "SUNG"})])
    store.close()
    assert [one.id for one in look(tmp_path / "incidents.db")] == [name]
    assert look(tmp_path / "nothing.db") == []


def many(number: int, incidents: int) -> list[Record]:
    """So many records of so many incidents, by four people whose sessions know each other."""
    clock = HandClock()
    people = [Incidents(clock, who, who) for who in ("ann", "bob", "cid", "dan")]
    kept: list[Record] = []
    for one in people:
        one.keep(kept.extend)
    names = [people[0].declare(f"slow {place}", "P2").id for place in range(incidents)]
    records = list(kept)
    for place in range(number - len(records)):
        incident = names[place % incidents]
        after = records[max(0, len(records) - incidents)].id
        records.append(
            Record(
                f"r{place:06}", minutes(place / 60), incident, What.NOTED, f"p{place % 4}", f"h{place % 4}",
                f"s{place % 4}", place // 4 + 1, after, f"note {place}",
            )
        )  # fmt: skip
    return records


@pytest.mark.parametrize("incidents", [1, 200])
def test_ten_thousand_records_are_read_back_in_seconds(tmp_path: Path, clock: HandClock, incidents: int) -> None:
    records = many(10_000, incidents)
    store = FileStore.open(tmp_path / "incidents.db")
    store.append(STREAM, [Row(one.id, one.at, one.incident, written(one)) for one in records])
    store.close()
    began = perf_counter()
    found = look(tmp_path / "incidents.db")
    took = perf_counter() - began
    assert sum(len(one.records) for one in found) == 10_000
    assert took < 30.0
