"""The inbox on disk: sessions that share it, restarts, and disks that fail. The room goes on in each."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from desk.inbox.case import Match, Standing, What
from desk.inbox.inbox import Inbox
from desk.inbox.journal import InboxJournal, standing_silences
from desk.journal import WAITING
from desk.locks import FileLocks
from desk.store import FileStore, Row, StoreError
from probes.base import Handling
from tests.desk.inboxes import START, HandClock, Told, alert, ids, theirs


class Session:
    """One session: its inbox, and the way to the file they share."""

    def __init__(self, folder: Path, clock: HandClock, **more: object) -> None:
        self.told = Told(clock, ids=_ids)
        self.inbox = self.told.inbox
        self.journal = InboxJournal(folder / "inbox.db", clock, FileLocks(folder / "locks"), **more)  # type: ignore[arg-type]
        self.journal.serve(self.inbox)
        self.journal.step()

    def close(self) -> None:
        self.journal.close()


_made = 0


def _ids() -> str:
    global _made
    _made += 1
    return f"{_made:08}"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def test_what_one_session_decides_the_other_sees_and_each_change_is_told_once_in_both(
    tmp_path: Path, clock: HandClock
) -> None:
    one, other = Session(tmp_path, clock), Session(tmp_path, clock)
    assert (one.inbox.leads, other.inbox.leads) == (True, False)
    for session in (other, one):
        session.told.look(alert(clock))
        session.journal.step()
    other.journal.step()
    other.inbox.acknowledge(other.inbox.cases()[0], "bob", "mine")
    until = clock.now() + timedelta(hours=1)
    other.inbox.open_window("move", until, "bob", "new rack")
    other.journal.step()
    one.journal.step()
    assert one.inbox.cases()[0].handed == "bob"
    assert one.inbox.cases()[0].standing is Standing.SILENCED
    assert [window.name for window in one.inbox.windows()] == ["move"]
    one.journal.step()
    other.journal.step()
    assert [change.what for change in one.told.changes] == [What.RAISED, What.ACKNOWLEDGED, What.SILENCED]
    assert sorted(ids(one.told.changes)) == sorted(ids(other.told.changes))
    one.close()
    other.close()


def test_another_session_leads_when_the_first_has_ended(tmp_path: Path, clock: HandClock) -> None:
    one, other = Session(tmp_path, clock), Session(tmp_path, clock)
    one.told.look(alert(clock))
    one.close()
    other.told.look(alert(clock))
    other.journal.step()
    assert other.inbox.leads
    assert [change.what for change in other.told.changes] == [What.RAISED]
    other.told.look()
    other.journal.step()
    assert [change.what for change in other.told.changes] == [What.RAISED, What.CLEARED]
    other.close()


def test_a_restart_finds_the_case_its_owner_and_the_silences(tmp_path: Path, clock: HandClock) -> None:
    one = Session(tmp_path, clock)
    one.told.look(alert(clock))
    one.inbox.acknowledge(one.inbox.cases()[0], "ann")
    one.inbox.silence((Match("target", "db"),), clock.now() + timedelta(hours=1), "ann", "known")
    one.close()
    clock.passed += 600
    again = Session(tmp_path, clock)
    again.told.look(alert(clock))
    again.journal.step()
    (case,) = again.inbox.cases()
    assert again.told.all == []
    assert (case.handed, case.alert.at, case.id) == ("ann", START, one.told.changes[0].case.id)
    assert [silence.reason for silence in again.inbox.silences()] == ["known"]
    assert [silence.reason for silence in standing_silences(tmp_path / "inbox.db", clock.now())] == ["known"]
    assert standing_silences(tmp_path / "inbox.db", clock.now() + timedelta(hours=1)) == []
    again.close()


def test_before_the_file_is_read_nothing_begins(tmp_path: Path, clock: HandClock) -> None:
    told = Told(clock)
    journal = InboxJournal(tmp_path / "inbox.db", clock, FileLocks(tmp_path / "locks"))
    journal.serve(told.inbox)
    told.look(alert(clock))
    assert told.all == []
    assert [case.alert.target for case in told.inbox.cases()] == ["mail"]
    journal.step()
    journal.step()
    assert [change.what for change in told.changes] == [What.RAISED]
    journal.close()


def test_a_disk_that_never_answers_does_not_stop_the_inbox(clock: HandClock) -> None:
    told = Told(clock)
    told.inbox.keep(lambda records: None)
    told.look(alert(clock))
    told.after(10)
    told.after(3)
    assert [change.what for change in told.changes] == [What.RAISED]


class FailingStore:
    """A disk that fails when it is told to."""

    fails = ""

    def __init__(self, path: Path) -> None:
        if self.fails:
            raise StoreError(self.fails)
        self.inner = FileStore.open(path)

    def append(self, stream: str, rows: Sequence[Row]) -> None:
        if self.fails:
            raise StoreError(self.fails)
        self.inner.append(stream, rows)

    def read(self, stream: str, after: int = 0, most: int = 1000) -> Sequence[Row]:
        return self.inner.read(stream, after, most)

    def news(self) -> bool:
        return self.inner.news()

    def forget(self, stream: str, before: object, but: object = ()) -> int:
        return self.inner.forget(stream, before, but)  # type: ignore[arg-type]

    def close(self) -> None:
        self.inner.close()


def test_a_full_disk_is_said_everybody_is_told_and_what_waited_is_kept_later(
    tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Session(tmp_path, clock, opened=lambda path, redact, as_is: FailingStore(path))
    monkeypatch.setattr(FailingStore, "fails", "inbox.db: database or disk is full")
    one.told.look(alert(clock))
    one.journal.step()
    assert "disk is full" in one.journal.trouble
    assert [change.what for change in one.told.changes] == [What.RAISED]
    one.inbox.acknowledge(one.inbox.cases()[0], "ann")
    one.journal.step()
    assert one.inbox.cases()[0].handed == "ann"
    monkeypatch.setattr(FailingStore, "fails", "")
    clock.passed += 10
    one.journal.step()
    one.journal.step()
    assert one.journal.trouble == ""
    one.close()
    again = Session(tmp_path, clock)
    assert [case.handed for case in again.inbox.unseen()] == ["ann"]
    again.close()


def test_a_disk_that_is_full_from_the_start_is_said_and_the_inbox_works(
    tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FailingStore, "fails", "inbox.db: read-only file system")
    one = Session(tmp_path, clock, opened=lambda path, redact, as_is: FailingStore(path))
    one.told.look(alert(clock))
    one.journal.step()
    assert one.journal.trouble == "decisions and alerts are not kept: inbox.db: read-only file system"
    assert one.inbox.leads
    assert [change.what for change in one.told.changes] == [What.RAISED]
    one.journal.write([])
    for _ in range(WAITING + 5):
        one.journal._rows.append(one.journal._rows[0])
    one.journal.step()
    assert len(one.journal._rows) == WAITING
    one.close()


@pytest.mark.parametrize("fails", ["opened", "read"])
def test_a_file_that_can_be_read_only_later_is_not_told_as_happening_now(
    tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    before = Session(tmp_path, clock)
    before.told.look(alert(clock, labels=(("queue", "old"),)), alert(clock, labels=(("queue", "open"),)))
    clock.passed += 60
    before.told.look(alert(clock, labels=(("queue", "open"),)))
    before.close()

    def denied(store: FailingStore, stream: str, after: int = 0, most: int = 1000) -> Sequence[Row]:
        raise StoreError("inbox.db: disk i/o error")

    with monkeypatch.context() as ill:
        if fails == "opened":
            ill.setattr(FailingStore, "fails", "inbox.db: disk i/o error")
        else:
            ill.setattr(FailingStore, "read", denied)
        one = Session(tmp_path, clock, opened=lambda path, redact, as_is: FailingStore(path))
        assert "disk i/o error" in one.journal.trouble
        assert one.inbox.ready
    clock.passed += 10
    one.journal.step()
    assert one.journal.trouble == ""
    assert (one.told.all, [case.alert.row for case in one.inbox.unseen()]) == ([], ["open"])
    one.told.look(alert(clock, labels=(("queue", "new"),)))
    one.journal.step()
    assert [change.case.alert.row for change in one.told.all] == ["new"]
    one.close()


def test_a_damaged_file_is_set_aside_whole_and_what_stands_open_is_kept_in_the_new_one(
    tmp_path: Path, clock: HandClock
) -> None:
    one = Session(tmp_path, clock)
    one.told.look(alert(clock))
    one.inbox.open_window("move", clock.now() + timedelta(hours=1), "ann", "new rack")
    one.journal.step()
    path = tmp_path / "inbox.db"
    one.journal._store.close()  # type: ignore[union-attr]
    for part in tmp_path.glob("inbox.db-*"):
        part.unlink()
    path.write_bytes(b"garbage" * 999)
    one.journal._store = None
    clock.passed += 10
    one.journal.step()
    assert "kept as inbox-damaged-" in one.journal.trouble
    one.journal.step()
    one.journal.step()
    assert one.journal.trouble == ""
    assert (next(tmp_path.glob("inbox-damaged-*.db"))).read_bytes() == b"garbage" * 999
    before = list(one.told.all)
    one.close()
    again = Session(tmp_path, clock)
    again.told.look(alert(clock))
    again.journal.step()
    assert again.told.all == []
    assert [case.id for case in again.inbox.cases()] == [before[0].case.id]
    assert [window.name for window in again.inbox.windows()] == ["move"]
    again.close()


def test_a_file_that_is_gone_is_made_anew_with_what_stands_open(tmp_path: Path, clock: HandClock) -> None:
    one, other = Session(tmp_path, clock), Session(tmp_path, clock)
    one.told.look(alert(clock))
    one.journal.step()
    other.journal.step()
    for part in tmp_path.glob("inbox.db*"):
        part.unlink()
    for session in (one, other, one, other):
        clock.passed += 10
        session.journal.step()
        session.journal.step()
    assert (one.journal.trouble, other.journal.trouble) == ("", "")
    one.told.look()
    one.journal.step()
    other.journal.step()
    assert [change.what for change in other.told.changes] == [What.RAISED, What.CLEARED]
    one.close()
    other.close()


def test_what_another_version_wrote_is_left_out_and_nothing_else(tmp_path: Path, clock: HandClock) -> None:
    one = Session(tmp_path, clock)
    one.told.look(alert(clock))
    one.journal.step()
    assert one.journal._store is not None
    one.journal._store.append("inbox", [Row("x", START, "case", {"what": "SOMETHING NEW"}), Row("y", START, "", {})])
    one.close()
    again = Session(tmp_path, clock)
    assert len(again.inbox.unseen()) == 1
    again.close()


def test_a_secret_that_is_the_same_word_as_a_target_or_a_label_takes_no_case_and_no_silence_away(
    tmp_path: Path, clock: HandClock
) -> None:
    def redact(text: str) -> str:
        return "[secret]"  # whatever it says: every text is a secret

    one = Session(tmp_path, clock, redact=redact)
    found = theirs(clock, "am", "f", labels=(("queue", "mail"),), link="https://x/?token=hunter2", row="r")
    one.told.look(alert(clock, handling=Handling(aliases=("full",), see="db", procedure="hunter2")))
    one.told.look(found, target="am")
    one.inbox.acknowledge(one.inbox.cases()[0], "ann", "hunter2")
    until = clock.now() + timedelta(hours=1)
    made = one.inbox.silence((Match("label", "campaign", "queue"),), until, "ann", "password hunter2")
    before = one.inbox.cases()
    one.close()
    assert b"hunter2" not in (tmp_path / "inbox.db").read_bytes()
    again = Session(tmp_path, clock)
    unseen = again.inbox.unseen()
    assert [(case.id, case.alert.identity, case.alert.rule) for case in unseen] == [
        (case.id, case.alert.identity, case.alert.rule) for case in before
    ]
    assert {case.alert.words for case in unseen} == {"[secret]"}
    (silence,) = again.inbox.silences()
    assert (silence.id, silence.matches, silence.until, silence.upto) == (made.id, made.matches, until, made.upto)
    assert (silence.by, silence.reason) == ("[secret]", "[secret]")
    again.told.look(alert(clock))
    again.told.look(found, target="am")
    again.journal.step()
    assert again.told.all == []
    again.close()


def test_locks_that_cannot_be_had_do_not_keep_anybody_from_being_told(tmp_path: Path, clock: HandClock) -> None:
    (tmp_path / "locks").write_text("no folder")
    one = Session(tmp_path, clock)
    one.told.look(alert(clock))
    one.journal.step()
    assert [change.what for change in one.told.changes] == [What.RAISED]
    one.close()


def test_who_watches_other_targets_leads_as_well_and_ends_nothing_of_the_others(
    tmp_path: Path, clock: HandClock
) -> None:
    one, other = (Session(tmp_path, clock, watched=[name]) for name in ("queues.mail", "postgres.db"))
    assert (one.inbox.leads, other.inbox.leads) == (True, True)
    one.told.look(alert(clock, target="mail"))
    other.inbox._kinds = {"db": "postgres"}
    other.told.look(alert(clock, target="db"), target="db")
    for session in (one, other, one):
        session.journal.step()
    for _ in range(4):
        other.told.after(3600)
        other.told.look(alert(clock, target="db"), target="db")
        other.journal.step()
    one.journal.step()
    assert [case.alert.target for case in one.inbox.history(START, clock.now()) if case.cleared is None] == [
        "mail",
        "db",
    ]
    other.told.after(24 * 3600)
    other.journal.step()
    one.close()
    other.close()


def test_old_cases_are_forgotten_and_open_ones_are_not(tmp_path: Path, clock: HandClock) -> None:
    one = Session(tmp_path, clock)
    one.told.look(alert(clock), alert(clock, labels=(("queue", "stays"),)))
    clock.passed += 60
    one.told.look(alert(clock, labels=(("queue", "stays"),)))
    one.journal.step()
    one.close()
    clock.passed += 40 * 86400
    Session(tmp_path, clock).close()
    again = Session(tmp_path, clock)
    assert [case.alert.row for case in again.inbox.history(START, clock.now())] == ["stays"]
    again.close()


async def test_on_its_own_thread_it_keeps_and_shares_while_the_loop_goes_on(tmp_path: Path) -> None:
    from desk.clock import SystemClock

    clock = SystemClock()
    inboxes = [Inbox(clock, {"mail": "queues"}) for _ in range(2)]
    journals = [InboxJournal(tmp_path / "inbox.db", clock, FileLocks(tmp_path / "locks")) for _ in inboxes]
    for journal, inbox in zip(journals, inboxes, strict=True):
        journal.start(inbox)
        async with asyncio.timeout(10):
            while not inbox.ready:
                await asyncio.sleep(0.01)
    now = alert(HandClock(), at=clock.now(), since=clock.monotonic())
    for inbox in inboxes:
        inbox.look("mail", [now])
    inboxes[0].acknowledge(inboxes[0].cases()[0], "ann")
    async with asyncio.timeout(10):
        while inboxes[1].cases()[0].handed != "ann":
            await asyncio.sleep(0.01)
    for journal in journals:
        journal.close()


_SESSION = """
import asyncio, sys
from pathlib import Path
from desk.clock import SystemClock
from desk.inbox.inbox import Inbox
from desk.inbox.journal import InboxJournal
from desk.locks import FileLocks
from tests.desk.inboxes import HandClock, alert

async def main(folder):
    clock = SystemClock()
    inbox = Inbox(clock, {"mail": "queues"})
    inbox.heard.append(lambda change: print(change.id, change.case.id, change.what.name, flush=True))
    InboxJournal(folder / "inbox.db", clock, FileLocks(folder / "locks")).start(inbox)
    number = 0
    while True:
        number += 1
        names = [f"q{one}" for one in range(4) if number >> one & 1]
        more = dict(at=clock.now(), since=clock.monotonic(), rule=f"r{number}", key=f"{number // 16}")
        found = [alert(HandClock(), labels=(("queue", name),), **more) for name in names]
        inbox.look("mail", found)
        await asyncio.sleep(0.002)

asyncio.run(main(Path(sys.argv[1])))
"""


def killed(folder: Path, kills: int, chance: random.Random) -> tuple[int, int]:
    """Sessions that are killed while they write, one after the other: (changes told, changes kept)."""
    told: list[str] = []
    for _ in range(kills):
        with subprocess.Popen(
            [sys.executable, "-c", _SESSION, str(folder)], stdout=subprocess.PIPE, text=True
        ) as session:
            assert session.stdout is not None
            told.append(session.stdout.readline().strip())
            for _ in range(chance.randrange(60)):
                told.append(session.stdout.readline().strip())
            session.send_signal(signal.SIGKILL)
            told += [line.strip() for line in session.stdout.read().splitlines() if line.count(" ") == 2]
    store = FileStore.open(folder / "inbox.db")
    kept: dict[str, str] = {}
    after = 0
    while rows := store.read("inbox", after):
        kept |= {row.id: row.about for row in rows}
        after = rows[-1].seq
    store.close()
    lost = [line for line in told if line and line.split()[0] not in kept]
    assert lost == [], "what was told is kept, so that the next session does not tell it again"
    assert len({line.split()[0] for line in told if line}) == len([line for line in told if line])
    return len(told), len(kept)


def test_a_session_killed_while_it_writes_has_told_nothing_that_is_not_kept(tmp_path: Path) -> None:
    told, kept = killed(tmp_path, 2, random.Random(7))
    assert kept >= told > 4
