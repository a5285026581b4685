"""The file behind the checklists: several sessions see the same, nothing is lost, and the disk never holds them up."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from desk.checklist.journal import ChecklistJournal, keep, look
from desk.checklist.judge import Judged, Verdict
from desk.checklist.ledger import Ledger, judged_record
from desk.checklist.standing import State
from desk.store import FileStore, Store, StoreError
from tests.desk.checklist.lists import HandClock, checklist


class Session:
    """A ledger and its way to the file; every step is the test's."""

    def __init__(self, path: Path, clock: HandClock, **more: object) -> None:
        self.list = checklist()
        self.ledger = Ledger([self.list], clock)
        self.journal = ChecklistJournal(path, clock, **more)  # type: ignore[arg-type]
        self.journal.serve(self.ledger)
        self.journal.step()

    def done(self) -> None:
        for box in self.list.boxes:
            self.ledger.sign(self.list, box, "ann", Judged(Verdict.TO_DO))
        self.ledger.sign_off(self.list, "ann", "quiet", {})

    def stands(self) -> State:
        return self.ledger.standings()[0].state


def test_what_one_session_signs_the_other_sees_and_a_later_one_too(tmp_path: Path) -> None:
    clock, path = HandClock(), tmp_path / "checklists.db"
    first, second = Session(path, clock), Session(path, clock)
    clock.to("2026-03-02T09:30")
    first.done()
    first.journal.step()
    assert second.stands() is State.DUE
    second.journal.step()
    assert second.stands() is State.DONE
    first.journal.close()
    second.journal.close()
    third = Session(path, clock)
    run = third.ledger.run(third.list)
    assert run is not None
    assert (run.by, run.handed) == ("ann", "quiet")
    third.journal.close()


def test_two_sessions_that_open_together_know_the_schedule_from_the_same_moment(tmp_path: Path) -> None:
    clock, path = HandClock(), tmp_path / "checklists.db"
    first = Session(path, clock)
    first.journal.step()
    clock.to("2026-03-04T20:00")
    second = Session(path, clock)
    assert [past.due.day for past in second.ledger.history(second.list)] == [4, 3, 2]
    assert all(past.missed for past in second.ledger.history(second.list))
    first.journal.close()
    second.journal.close()


def test_what_waits_is_written_when_the_session_ends(tmp_path: Path) -> None:
    clock, path = HandClock(), tmp_path / "checklists.db"
    session = Session(path, clock)
    session.done()
    session.journal.close()
    assert any(record.note == "quiet" for record in look(path))


def test_what_cannot_be_kept_is_said_and_waits(tmp_path: Path) -> None:
    clock, path = HandClock(), tmp_path / "checklists.db"
    ill = [True]

    def opened(where: Path, redact: object, as_is: object) -> Store:
        if ill[0]:
            raise StoreError("the disk is full")
        return FileStore.open(where)

    session = Session(path, clock, opened=opened)
    session.done()
    session.journal.step()
    assert "not kept: the disk is full" in session.journal.trouble
    assert session.ledger.run(session.list) is not None
    ill[0] = False
    clock.passed += 11
    session.journal.step()
    session.journal.step()
    assert session.journal.trouble == ""
    assert any(record.note == "quiet" for record in look(path))
    session.journal.close()


def test_a_damaged_file_is_put_aside_whole(tmp_path: Path) -> None:
    clock, path = HandClock(), tmp_path / "checklists.db"
    path.write_bytes(b"this is no database at all, " * 40)
    session = Session(path, clock)
    assert "kept as checklists-damaged" in session.journal.trouble
    session.journal.step()
    assert session.journal.trouble == ""
    session.journal.close()


def test_a_round_that_goes_on_is_kept_again_when_its_file_is_damaged_under_way(tmp_path: Path) -> None:
    clock, path = HandClock(), tmp_path / "checklists.db"
    session = Session(path, clock)
    session.done()
    session.journal.step()
    assert any(record.note == "quiet" for record in look(path))
    session.journal.let_go()
    for part in tmp_path.glob("checklists.db-*"):
        part.unlink()
    path.write_bytes(b"this is no database at all, " * 40)
    clock.passed += 11
    session.journal.step()
    assert "kept as checklists-damaged" in session.journal.trouble
    for _ in range(2):
        session.journal.step()
    assert any(record.note == "quiet" for record in look(path))
    session.journal.close()


def test_a_record_that_cannot_be_read_costs_only_itself(tmp_path: Path) -> None:
    clock, path = HandClock(), tmp_path / "checklists.db"
    keep(path, [judged_record(checklist(), "cron", clock.now(), {})])
    with sqlite3.connect(path) as db:
        db.execute('UPDATE record SET body = \'{"what": "nonsense"}\'')
    db.close()
    keep(path, [judged_record(checklist(), "cron", clock.now(), {})])
    assert len(look(path)) == 1


def test_secrets_are_taken_out_of_what_is_kept(tmp_path: Path) -> None:
    clock, path = HandClock(), tmp_path / "checklists.db"
    judged = {"look": Judged(Verdict.BAD, "refused hunter2")}
    keep(path, [judged_record(checklist(), "cron", clock.now(), judged)], lambda text: text.replace("hunter2", "***"))
    assert look(path)[0].evidence[0].words == "refused ***"


def test_what_tells_records_apart_stays_although_a_secret_is_the_same_word(tmp_path: Path) -> None:
    clock = HandClock()

    def redact(text: str) -> str:
        return text.replace("morning", "[secret]").replace("look", "[secret]").replace("daily", "[secret]")

    session = Session(tmp_path / "room.db", clock, redact=redact)
    session.ledger.sign(session.list, session.list.boxes[0], "ann", Judged(Verdict.TO_DO, "look, a bird"))
    session.journal.step()
    session.journal.close()
    known, signed = look(tmp_path / "room.db")
    assert (known.checklist, known.schedule) == ("morning", "daily 09:00 UTC")
    assert (signed.box, signed.evidence[0].box, signed.evidence[0].words) == ("look", "look", "[secret], a bird")
    judged = {"look": Judged(Verdict.BAD, "look there")}
    keep(tmp_path / "once.db", [judged_record(checklist(), "cron", clock.now(), judged)], redact)
    (record,) = look(tmp_path / "once.db")
    assert (record.checklist, record.evidence[0].box, record.evidence[0].words) == ("morning", "look", "[secret] there")


def test_there_is_nothing_to_look_at_where_nothing_was_kept(tmp_path: Path) -> None:
    assert look(tmp_path / "none.db") == []


def test_old_runs_go_and_the_schedule_stays_known(tmp_path: Path) -> None:
    clock, path = HandClock(), tmp_path / "checklists.db"
    session = Session(path, clock)
    session.done()
    session.journal.step()
    clock.passed += 802 * 86400
    session.journal.step()
    session.journal.step()
    session.journal.close()
    assert [record.what.value for record in look(path)] == ["known"]
