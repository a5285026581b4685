"""Approvals: these bytes, at this place, by this person; anything else is asked about anew."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from desk.approval import Approvals, Approved

AT = datetime(2026, 3, 1, 3, 12, tzinfo=UTC)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    file = tmp_path / "RUNBOOK.md"
    file.write_bytes(b"# one")
    return file


def test_what_was_approved_is_approved_also_for_a_later_session(tmp_path: Path, book: Path) -> None:
    Approvals(tmp_path / "approved").approve(book, b"# one", "ada", AT)
    found = Approvals(tmp_path / "approved").standing(book, b"# one")
    assert found.approved is Approved.YES
    assert found.last is not None
    assert (found.last.by, found.last.at) == ("ada", AT)


def test_one_byte_more_another_place_or_another_person_is_not_approved(tmp_path: Path, book: Path) -> None:
    kept = Approvals(tmp_path / "approved")
    kept.approve(book, b"# one", "ada", AT)
    changed = kept.standing(book, b"# one.")
    assert (changed.approved, changed.last is not None) == (Approved.CHANGED, True)
    assert kept.standing(tmp_path / "OTHER.md", b"# one").approved is Approved.NEVER
    assert Approvals(tmp_path / "approved", uid=1).standing(book, b"# one").approved is Approved.CHANGED


def test_a_link_to_the_file_is_that_file(tmp_path: Path, book: Path) -> None:
    kept = Approvals(tmp_path / "approved")
    kept.approve(book, b"# one", "ada", AT)
    link = tmp_path / "link.md"
    link.symlink_to(book)
    assert kept.standing(link, b"# one").approved is Approved.YES


def test_what_is_withdrawn_is_asked_about_again(tmp_path: Path, book: Path) -> None:
    kept = Approvals(tmp_path / "approved")
    kept.approve(book, b"# one", "ada", AT)
    kept.approve(book, b"# two", "ada", AT)
    assert kept.withdraw(book) == 2
    assert kept.standing(book, b"# one").approved is Approved.NEVER


def test_a_record_that_others_could_have_written_or_that_is_damaged_approves_nothing(
    tmp_path: Path, book: Path
) -> None:
    kept = Approvals(tmp_path / "approved")
    kept.approve(book, b"# one", "ada", AT)
    (record,) = (tmp_path / "approved").iterdir()
    record.write_text('{"path": 3}')
    assert kept.standing(book, b"# one").approved is Approved.NEVER
    kept.approve(book, b"# one", "ada", AT)
    (tmp_path / "approved").chmod(0o777)
    assert kept.standing(book, b"# one").approved is Approved.NEVER


def test_where_nothing_can_be_kept_it_is_said(tmp_path: Path, book: Path) -> None:
    (tmp_path / "approved").write_text("a file")
    with pytest.raises(OSError, match="directory"):
        Approvals(tmp_path / "approved").approve(book, b"# one", "ada", AT)
