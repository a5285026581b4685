"""Backups in a folder as they are drawn."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from probes.backups.facts import Backup, BackupsFacts, Head, Leftover, Offsite, Proof, Work
from probes.base import SafeText, Severity, Snapshot
from widgets.backups import BackupsPanel
from widgets.panel import View, Worry

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
LAST = tuple(
    Backup(
        name=f"newsletter-{n}.dump",
        shown=SafeText(f"newsletter-{n}.dump"),
        size=2.0**20 * (10 - n),
        at=NOW - timedelta(hours=2 + 24 * n),
        identity=(("inode", str(n)),),
        head=Head("custom", SafeText("newsletter"), SafeText("15.18"), SafeText("15.18")),
        whole=True if n == 0 else None,
        copied=n > 0,
    )
    for n in range(9)
)
FACTS = BackupsFacts(
    SafeText("/backups"), SafeText("newsletter-*.dump"), SafeText("newsletter"), last=LAST, count=9, total=9.0 * 2**20,
    age=7200.0, good=LAST[0], good_age=7200.0,
    median=2.0**21 * 10, cadence=86400.0, free=2.0**30, proven=NOW - timedelta(days=3), scratch=True,
    offsite=Offsite(SafeText("s3://away/db/"), 8, LAST[1].at, LAST[1].shown, (), 93600.0),
    gaps=((NOW - timedelta(days=5), 172800.0),),
    unfinished=(Leftover(SafeText("x.part"), 5.0, 9000.0, False),),
    work=(Work("019a", "dump", SafeText("newsletter"), "under way", NOW, SafeText("dumping"), 0.4),),
)  # fmt: skip
EMPTY = BackupsFacts(SafeText("/backups"), SafeText("*"), None)


def view(facts: BackupsFacts, *worries: Worry) -> View[BackupsFacts]:
    return View("nightly", Snapshot("nightly", NOW, 0.0, facts), lambda name, **labels: [], worries)


def words_of(parts: Any) -> list[str]:
    return [str(getattr(part, "text", part)) for part in parts]


def text(lines: Any) -> str:
    return "\n".join(line.text for line in lines)


@pytest.mark.parametrize("width", [40, 58, 80, 118, 200])
def test_age_size_state_and_proof_of_the_newest_good_one_are_seen_at_every_width(width: int) -> None:
    assert words_of(BackupsPanel().headline(view(FACTS)))[:3] == ["newest good 2h00m old", "10 MiB", "proven 3d00h ago"]
    lines = BackupsPanel().brief(view(FACTS), width)
    for words in ("whole", "newsletter-0.dump"):
        assert words in text(lines)
    for line in (*lines, *BackupsPanel().head(view(FACTS), width)):
        assert len(line.text) <= width


@pytest.mark.parametrize("width", [40, 58, 80, 118])
def test_an_empty_newest_looks_bad_at_first_glance_and_the_newest_good_one_is_named(width: int) -> None:
    empty = replace(LAST[0], name="b", shown=SafeText("empty.dump"), size=0.0, head=Head("empty"), spoilt="empty",
                    fault=SafeText("it is empty: 0 bytes"))  # fmt: skip
    facts = replace(FACTS, last=(empty, *LAST), age=57.0)
    assert words_of(BackupsPanel().headline(view(facts)))[0] == "newest good 2h00m old"
    bad, good = BackupsPanel().brief(view(facts), width)
    assert "EMPTY" in bad.text
    assert "newest, 57 s old" in bad.text
    assert bad.severity is Severity.CRITICAL
    assert "newest good: " in good.text
    assert good.text.endswith("0.dump")
    head = text(BackupsPanel().head(view(facts), 118))
    assert "newest good  2h00m old, 10 MiB, whole: newsletter-0.dump" in head
    assert "newest       57 s old, 0 B, EMPTY: empty.dump" in head
    assert "it is empty" not in head  # once is enough


def test_no_good_one_at_all_is_said_in_place_of_an_age() -> None:
    spoilt = replace(LAST[0], spoilt="not whole", whole=False, fault=SafeText("it is cut off"))
    facts = replace(FACTS, last=(spoilt,), good=None, good_age=None, count=1)
    assert words_of(BackupsPanel().headline(view(facts)))[0] == "no good backup"
    assert len(BackupsPanel().brief(view(facts), 80)) == 1
    head = text(BackupsPanel().head(view(facts), 118))
    assert "newest good  none: not one backup here can be used" in head
    assert "it is cut off" in head


def test_one_that_nobody_has_read_is_not_called_good() -> None:
    unread = replace(LAST[0], whole=None)
    facts = replace(FACTS, last=(unread,), good=unread)
    assert words_of(BackupsPanel().headline(view(facts)))[0] == "newest unchecked 2h00m old"
    head = text(BackupsPanel().head(view(facts), 118))
    assert "unchecked    2h00m old, 10 MiB, not checked" in head
    assert "newest good" not in head


def test_one_that_is_too_old_says_so_beside_its_name() -> None:
    (line,) = BackupsPanel().brief(view(FACTS, Worry(Severity.CRITICAL, "newest_late_seconds", (), "x")), 80)
    assert "too old: newsletter-0.dump" in line.text


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"count": 0, "newest": None, "age": None}, "copies       none at s3://away/db/ yet"),
        ({"count": None}, "copies       not known: s3://away/db/ can't be looked at"),
        ({"newest": None, "age": None}, "copies       8 at s3://away/db/, of none of these backups"),
        ({"differing": (SafeText("a"),)}, "newest of a backup 1d02h old, 1 not of its backup's size"),
        ({"looked_ago": 240.0}, "newest of a backup 1d02h old, looked 4m00s ago"),
    ],
)
def test_what_is_known_of_the_copies_is_said_in_words(more: dict[str, Any], said: str) -> None:
    assert FACTS.offsite is not None
    facts = replace(FACTS, offsite=replace(FACTS.offsite, **more))
    assert said in text(BackupsPanel().head(view(facts), 118))


def test_how_often_they_come_and_what_is_missing_is_said_or_that_it_cannot_be() -> None:
    for more, said in (
        ({}, "9 backups, 9 MiB; every 1d00h, 1 gap in 14 days: 2d00h from 02-24 03:12"),
        ({"gaps": ()}, "every 1d00h, no gap in 14 days"),
        ({"cadence": None}, "9 backups, 9 MiB; too few to say how often they come"),
    ):
        assert said in text(BackupsPanel().head(view(replace(FACTS, **more)), 118))


def test_files_of_other_names_are_counted_where_no_backup_is_found() -> None:
    (line,) = BackupsPanel().brief(view(replace(EMPTY, others=3)), 80)
    assert "there is no backup in /backups; 3 files of other names than *" in line.text


def test_the_screen_of_a_folder_tells_what_is_proven_copied_missing_and_left() -> None:
    found = text(BackupsPanel().head(view(FACTS), 118))
    for words in ("/backups/newsletter-*.dump, of database newsletter", "10 MiB, whole", "50 % of the usual 20 MiB",
                  "9 backups", "every 1d00h", "1 gap in 14 days", "was restored 3d00h ago", "1d02h old",
                  "s3://away/db/", "1 GiB free", "1 unfinished file"):  # fmt: skip
        assert words in found


def test_what_is_under_way_is_in_the_headline() -> None:
    assert "dump 40 %" in words_of(BackupsPanel().headline(view(FACTS)))


def test_nothing_there_is_said_and_is_no_zero() -> None:
    worry = Worry(Severity.CRITICAL, "missing", (), "x")
    (line,) = BackupsPanel().brief(view(EMPTY, worry), 80)
    assert "there is no backup in /backups" in line.text
    assert line.severity is Severity.CRITICAL
    head = text(BackupsPanel().head(view(EMPTY), 80))
    assert "newest good  none: there is no backup here" in head
    assert "copies       none known: the profile names no place for them (offhost)" in head
    assert "0 B" not in head
    bare = text(BackupsPanel().head(view(replace(FACTS, proven=None, scratch=False)), 118))
    assert "none on record; set scratch in the profile to prove one" in bare


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({"spoilt": "empty", "head": Head("empty")}, "EMPTY"),
        ({"spoilt": "not whole", "fault": SafeText("it is cut off")}, "NOT WHOLE"),
        ({"spoilt": "failed proof", "fault": SafeText("it is cut off")}, "FAILED PROOF"),
        ({"spoilt": "wrong database", "fault": SafeText("it is cut off")}, "WRONG DATABASE"),
        ({"proof": Proof(True, True, NOW, SafeText("fine"))}, "restored"),
        ({"whole": None}, "not checked"),
    ],
)
def test_the_state_of_a_backup_is_a_word(more: Any, state: str) -> None:
    one = replace(LAST[0], **more)
    facts = replace(FACTS, last=(one,), good=None if one.spoilt else one)
    table = BackupsPanel.tables[0]
    assert state in [str(column.cell(one)) for column in table.columns]
    assert state in text(BackupsPanel().brief(view(facts), 118))
    assert table.detail is not None
    assert state in text(table.detail(one))
    if one.fault:
        assert "it is cut off" in text(table.detail(one))
        assert "it is cut off" in text(BackupsPanel().head(view(facts), 118))


def test_the_tables_name_their_rows_by_what_acts_are_about() -> None:
    backups, jobs, unfinished = BackupsPanel.tables
    assert backups.looks == ("contents", "check")
    assert [table.key(table.rows(FACTS)[0]) for table in (backups, jobs, unfinished)] == [
        "newsletter-0.dump",
        "019a",
        "x.part",
    ]
    for table in (backups, jobs, unfinished):
        assert all(column.cell(table.rows(FACTS)[0]) is not None for column in table.columns)
