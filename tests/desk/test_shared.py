"""What is shared, as far as it needs no server: words, what others say, the copy of the audit, and merged stories."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from desk.actor import who
from desk.alert import Alert
from desk.audit import Code, Trail
from desk.clock import SystemClock
from desk.codec import CodecError, plain
from desk.inbox.ahead import believed
from desk.inbox.book import Book
from desk.inbox.case import Case, Silence, What
from desk.inbox.case import Standing as CaseStanding
from desk.inbox.inbox import Inbox
from desk.inbox.record import Record, read, written
from desk.notices.row import State
from desk.notices.spool import Spool
from desk.notices.told import Told, ToldFile, parsed
from desk.profile import ProfileError, parse
from desk.shared import audit
from desk.shared.file import CarriedFile, Cursor
from desk.shared.presence import Here, others, told
from desk.shared.standing import Standing
from desk.store import Row, StoreError
from probes.base import Carried, Seen, Severity
from tests.toys import StillClock
from tui.kinds import Kinds

START = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)


# words


@pytest.mark.parametrize(
    ("standing", "brief", "words"),
    [
        (Standing(), "", ""),
        (
            Standing(True, 100.0, "connection refused by db:5432", "is it running?"),
            "STORE LOST 43 s: connection refused by db:5432",
            "STORE LOST 43 s: connection refused by db:5432 (is it running?); kept here, merged when it is back",
        ),
        (
            Standing(True, 100.0, "no answer from db:5432", waiting=12),
            "STORE LOST 43 s, 12 records wait: no answer from db:5432",
            "STORE LOST 43 s: no answer from db:5432; kept here, merged when it is back; 12 records wait",
        ),
        (
            Standing(True, trouble="inbox.db can't be used: disk I/O error"),
            "STORE: not all is shared",
            "not all is shared: inbox.db can't be used: disk I/O error",
        ),
        (Standing(True, refused=1), "", "the store does not take 1 record of ours, kept here only"),
    ],
)  # fmt: skip
def test_how_it_stands_is_said_in_words(standing: Standing, brief: str, words: str) -> None:
    assert (standing.brief(143.9), standing.words(143.9)) == (brief, words)
    head, colon, why = brief.partition(":")
    told = head.replace("43 s", "43 s (E)") + colon + why + " (E)" * ("LOST" not in brief)
    assert standing.brief(143.9, "E") == (told if brief else ""), "the key to all of it stands before what may be cut"


def test_what_others_say_of_themselves_is_safe_short_and_never_ourselves() -> None:
    seen = [
        Seen("me", "ada", told(Here("ada", "a")), 0.0),
        Seen("s1", "bob", told(Here("bob\x1b[2J" + "x" * 500, "b", "orders", armed=True)), 3.0),
        Seen("s2", "eve", {"name": 1}, 3.0),
        Seen("s3", "eve", None, 3.0),
        Seen("s4", "tv", told(Here("kiosk", "hall", "", "INC-4", wall=True)), 1.0),
    ]
    found = others(seen, "me")
    assert [one.session for one in found] == ["s1", "s4"]
    assert found[0].words.startswith("bob^[[2Jxxx")
    assert len(found[0].here.name) <= 61
    assert found[1].words == "wall at hall: INC-4"


# the file and how far it was carried


def carried(number: int) -> Carried:
    return Carried(f"r{number}", 1_000 + number, "case", json.dumps({"id": number}), number, "bob")


def test_what_was_brought_and_how_far_are_kept_together_and_not_given_back(tmp_path: Path) -> None:
    file = CarriedFile.open(tmp_path / "s.db")
    file.append("inbox", [Row("mine", START, "case", {"id": "mine"})])
    assert file.bring("store", "inbox", [carried(1), carried(2)], carried(2)) == 2
    assert file.bring("store", "inbox", [carried(2), carried(3)], carried(3)) == 1
    assert file.cursor("store", "inbox") == Cursor(0, "", 3, "r3")
    assert [row.id for row in file.to_push("store", "inbox", 0, 10)] == ["mine"]
    assert file.waiting("store", "inbox") == 1
    file.pushed("store", "inbox", 1, "mine")
    file.pushed("store", "inbox", 0, "older")  # another session of this machine was faster
    assert file.cursor("store", "inbox") == Cursor(1, "mine", 3, "r3")
    assert file.waiting("store", "inbox") == 0
    assert (file.source("inbox", "r1"), file.source("inbox", "mine")) == ("bob", "")
    assert [row.id for row in file.to_push("another", "inbox", 0, 10)] == ["mine", "r1", "r2", "r3"]
    file.close()


def test_a_store_that_lost_everything_is_given_everything_again(tmp_path: Path) -> None:
    file = CarriedFile.open(tmp_path / "s.db")
    file.bring("store", "inbox", [carried(1)], carried(1))
    file.afresh("store", "inbox")
    assert file.cursor("store", "inbox") == Cursor()
    assert [row.id for row in file.to_push("store", "inbox", 0, 10)] == ["r1"]
    file.close()


def test_a_file_that_was_moved_away_is_not_carried_on(tmp_path: Path) -> None:
    file = CarriedFile.open(tmp_path / "s.db")
    (tmp_path / "s.db").unlink()
    with pytest.raises(StoreError, match="moved or deleted"):
        file.cursor("store", "inbox")
    with pytest.raises(StoreError, match="moved or deleted"):
        file.bring("store", "inbox", [carried(1)], carried(1))
    file.close()


# the audit


async def test_the_audit_is_copied_once_whole_and_about_this_system_only(tmp_path: Path) -> None:
    for system in ("shop", "bank"):
        about = {"system": system, "environment": "production"}
        trail = Trail(tmp_path / "audit", who({}), SystemClock(), about)
        await trail.note(Code.INTENT, {"act": system})
        await trail.close()
    copy = audit.AuditCopy(tmp_path / "audit", tmp_path / "shared.db", "shop", "production")
    for _ in range(2):
        copy.copy()
    found = audit.witnessed(tmp_path / "shared.db")
    assert [one.record.code for one in found] == [Code.SESSION_OPENED, Code.INTENT, Code.SESSION_CLOSED]
    assert {one.by for one in found} == {""}
    copy.close()


async def test_a_record_of_the_audit_that_was_changed_on_its_way_is_none(tmp_path: Path) -> None:
    trail = Trail(tmp_path / "audit", who({}), SystemClock(), {"system": "shop", "environment": ""})
    kept = await trail.note(Code.INTENT, {"act": "1", "ratio": 0.1})
    await trail.close()
    body = {**kept.fields, "hash": kept.hash}
    assert audit.parsed(json.loads(json.dumps(body))).hash == kept.hash
    with pytest.raises(CodecError):
        audit.parsed({**body, "data": {"act": "2"}})


# notices


def test_what_another_machine_has_told_is_told(tmp_path: Path) -> None:
    file = ToldFile(tmp_path / "shared.db")
    one = Told("change", "team", "case", "mark", "raised", 1_772_000_000.0)
    file.keep([one, one])
    assert file.news() == [one]
    assert file.news() == []
    spool = Spool.in_memory()
    spool.begin(["team"], 0.0)
    for _ in range(2):
        spool.elsewhere([one])
    assert spool.states() == {("change", "team"): State.TOLD}
    assert spool.due("team", 1_772_000_001.0) is None
    file.close()
    with pytest.raises(CodecError):
        parsed({**plain(one), "change": ""})


# the inbox, whatever the order


def story(records: list[Record]) -> dict[str, object]:
    book = Book()
    for one in records:
        book.take(one)
    return {str(identity): (life.id, life.held) for identity, life in book.open.items()}


def happened(seed: int) -> list[Record]:
    """Two machines that were apart, and both said what began and ended."""
    chance, made, cases = random.Random(seed), [], list[str]()
    for number in range(40):
        at, way = START + timedelta(seconds=number), chance.random()
        if way < 0.4 or not cases:
            cases.append(f"case{number:03}")
            alert = Alert("db", f"rule{chance.randrange(2)}", Severity.WARNING, "g", (), "much", since=0.0, at=at)
            made.append(Record(f"{number:03}", at, What.RAISED, cases[-1], alert=alert))
        else:
            what = chance.choice([What.ACKNOWLEDGED, What.RELEASED, What.CLEARED])
            made.append(Record(f"{number:03}", at, what, chance.choice(cases[-3:]), "ada"))
    return made


def mixed(records: list[Record], chance: random.Random) -> list[Record]:
    """In an order that can happen: each machine's own stay in theirs."""
    left = [one for one in records if int(one.case[-3:]) % 2]
    right = [one for one in records if not int(one.case[-3:]) % 2]
    made = []
    while left or right:
        made.append((left if left and (not right or chance.random() < 0.5) else right).pop(0))
    return made


@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_two_machines_that_were_apart_know_the_same_open_cases_once_they_are_merged(
    seed: int, chance: random.Random
) -> None:
    records = happened(seed)
    ours = [one for one in records if int(one.case[-3:]) % 2]
    theirs = [one for one in records if not int(one.case[-3:]) % 2]
    assert story(ours + theirs) == story(theirs + ours) == story(mixed(records, chance)) == story(records)


@given(st.integers(0, 10_000), st.randoms(use_true_random=False), st.integers(1, 30))
def test_what_comes_in_pages_tells_the_same_as_what_comes_one_by_one(
    seed: int, chance: random.Random, page: int
) -> None:
    records = happened(seed)
    book, coming, taken = Book(), mixed(records, chance), []
    for place in range(0, len(coming), page):
        taken += [record for record, _, _ in book.take_all(coming[place : place + page])]
    assert sorted(one.id for one in taken) == sorted(one.id for one in records)
    assert {str(identity): (life.id, life.held) for identity, life in book.open.items()} == story(records)
    assert list(book.take_all(records)) == []


def test_merging_what_two_machines_did_apart_takes_work_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one alert that comes and goes all night, page by page as it comes from a store."""
    made: list[list[Record]] = []
    for offset, machine in enumerate("ab"):
        mine = []
        for number in range(500):
            at = START + timedelta(seconds=10 * number + offset)
            case = f"case{number:04}{machine}"
            alert = Alert("db", "rule", Severity.WARNING, "g", (), "much", since=0.0, at=at)
            mine.append(Record(f"{number:04}{machine}r", at, What.RAISED, case, alert=alert))
            mine.append(Record(f"{number:04}{machine}s", at + timedelta(seconds=5), What.CLEARED, case))
        made.append(mine)
    ours, theirs = made
    told = 0
    add = Book._add

    def counted(self: Book, record: Record) -> object:
        nonlocal told
        told += 1
        return add(self, record)

    monkeypatch.setattr(Book, "_add", counted)
    book = Book()
    list(book.take_all(ours))
    for place in range(0, len(theirs), 200):
        list(book.take_all(theirs[place : place + 200]))
    assert len(book.lives) > 400
    assert told <= 10 * (len(ours) + len(theirs))  # one by one it would be half a million


def test_a_machine_whose_clock_is_ahead_swallows_no_alert_and_no_decision() -> None:
    clock, kept = StillClock(), list[Record]()
    inbox = Inbox(clock, {"db": "postgres"}, kept.extend)
    inbox.open(True)
    alert = Alert("db", "rule", Severity.WARNING, "g", (), "much", since=clock.seconds, at=clock.wall, value=1.0)

    def later() -> list[Case]:
        clock.seconds, clock.wall = clock.seconds + 1, clock.wall + timedelta(seconds=1)
        inbox.look("db", [alert])
        inbox.tick()
        return inbox.cases()

    later()
    ahead = clock.wall + timedelta(hours=1)
    inbox.take([Record("theirs", ahead, What.CLEARED, kept[0].case)])
    (case,) = later()
    assert case.standing is CaseStanding.OPEN
    assert [one.what for one in kept] == [What.RAISED, What.RAISED]
    inbox.take([Record("hers", ahead + timedelta(hours=1), What.ACKNOWLEDGED, case.id, "eve")])
    inbox.acknowledge(later()[0], "ada", "mine")
    (case,) = later()
    assert case.acknowledged is not None
    assert case.acknowledged.by == "ada"
    inbox.release(case, "ada")
    assert later()[0].standing is CaseStanding.OPEN
    assert len(kept) == 4
    assert [one.id for one in sorted(kept, key=lambda one: one.at)] == [one.id for one in kept]


def test_a_record_dated_centuries_ahead_counts_from_when_the_store_got_it_and_says_so() -> None:
    far, kept = START.replace(year=2500), START + timedelta(minutes=5)
    alert = Alert("db", "rule", Severity.WARNING, "g", (), "much", since=0.0, at=far)
    silence = Silence("s", (), far, far + timedelta(hours=2), "eve", "a move")
    told = [
        Record("1", far, What.RAISED, "case", alert=alert),
        Record("2", far + timedelta(minutes=1), What.ACKNOWLEDGED, "case", "eve", "mine"),
        Record("3", far, silence=silence),
    ]

    def arrived(record: Record, at: datetime = kept) -> Record:
        body = json.dumps(written(record))
        stamp = int(record.at.timestamp() * 1000)
        return read(json.loads(believed(Carried(record.id, stamp, "", body, kept=int(at.timestamp() * 1000))).body))

    raised, held, quiet = map(arrived, told)
    assert raised.at == held.at == kept
    assert raised.alert is not None
    assert raised.alert.at == kept
    assert held.note == "mine; dated 2500-03-01 by a clock that is wrong"
    assert quiet.silence is not None
    assert (quiet.silence.at, quiet.silence.until) == (kept, kept + timedelta(hours=2))
    book = Book()
    for one in (raised, held):
        book.take(one)
    (life,) = book.open.values()
    assert book.after(life.identity, kept + timedelta(minutes=1)) == kept + timedelta(minutes=1)
    for honest in (START - timedelta(days=400), kept + timedelta(hours=20)):
        late = Record("4", honest, What.RELEASED, "case", "ada", "a clock that differs a little, or news that waited")
        assert arrived(late) == late


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(exclude_categories=[])),
        lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=4), inside, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["at", "note", "alert", "silence", "more"]),
    st.sampled_from(["at", "until", "note"]),
)
@example("\ud800", "note", "at")
def test_nothing_in_a_record_that_is_dated_ahead_keeps_it_from_lying_in_a_file(
    odd: object, field: str, part: str
) -> None:
    far = "2500-03-01T00:00:00+00:00"
    for body in ({"at": far, field: odd}, {"at": far, "alert": {"at": far, part: odd}, "silence": {part: odd}}):
        row = Carried("1", 16_730_000_000_000, "", json.dumps(body), kept=1_772_330_000_000)
        found = believed(row)
        assert isinstance(json.loads(found.body.encode("utf-8")), dict)
        assert found.at == row.kept


# the profile


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ("postgresql://ada:hunter2@db/ops", "holds a password in clear"),
        ("postgres://ada@db/ops?password=hunter2", "holds a password in clear"),
        ("mysql://db/ops", "the address must begin with postgres:// or postgresql://"),
    ],
)
def test_a_store_that_can_not_be_is_refused_with_its_line_and_no_password(store: str, said: str) -> None:
    with pytest.raises(ProfileError) as error:
        parse(f'system = "shop"\n\nstore = "{store}"\n[host.local]\n', Kinds(), "p.toml")
    assert str(error.value).startswith(f"p.toml:3: store: {said}")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("store", ["postgresql://ada@db/ops?sslmode=verify-full", "env:OPSROOM_STORE"])
def test_a_store_is_an_address_or_a_reference_to_one(store: str) -> None:
    made = parse(f'system = "shop"\nstore = "{store}"\n[host.local]\n', Kinds(), "p.toml")
    assert made.store == store
