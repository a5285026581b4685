"""Bytes of a runbook as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.runbook import text as module
from desk.runbook.text import decoded, front_matter


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_text_is_read_in_whatever_encoding_it_was_written(coding: str) -> None:
    said = "# Störung\n\nPrüfe die Warteschlange, dann: `df -h`\n"
    assert decoded(said.encode(coding)) == (said, [])


def test_line_ends_of_other_systems_are_line_ends() -> None:
    assert decoded(b"a\r\nb\r\n")[0] == "a\nb\n"
    assert decoded(b"a\rb\r")[0] == "a\nb\n"
    assert decoded(b"a\r\r\nb\n")[0] == "a\nb\n"


@pytest.mark.parametrize("said", ["🚨 Störung", "→ weiter", "„Café“ – 5 °C", "Перезапуск", "接続エラー", "┌──┐"])
def test_text_that_was_encoded_twice_is_shown_as_meant_and_told(said: str) -> None:
    twice = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in said.encode())
    text, repairs = decoded(f"# Titel\n\n{twice}\n".encode())
    assert text == f"# Titel\n\n{said}\n"
    assert [repair.line for repair in repairs] == [3]
    assert "encoded twice" in repairs[0].what


@pytest.mark.parametrize("said", ["CAFÉ» und „Wärme“", "São João, não", "naïve façade…", "ÄÖÜ ß", "100 €–200 €"])
def test_ordinary_letters_are_left_as_they_are(said: str) -> None:
    assert decoded(said.encode()) == (said, [])


def test_what_is_no_utf_8_is_read_as_windows_1252_and_told() -> None:
    text, repairs = decoded("Prüfen – für Köln\n".encode("cp1252"))
    assert text == "Prüfen – für Köln\n"
    assert "Windows-1252" in repairs[0].what


def test_a_few_bad_bytes_do_not_change_the_encoding() -> None:
    text, repairs = decoded("prüfe für öde Übel".encode() + b"\n\xff\n")
    assert text.startswith("prüfe für öde Übel\n\ufffd")
    assert repairs[0].line == 2


def test_controls_and_turned_text_stay_out_of_sight() -> None:
    text, repairs = decoded("a\n\x1b[2Jb \u202etxt\u200b\u00a0c\n".encode())
    assert text == "a\n\ufffd[2Jb \ufffdtxt c\n"
    assert {repair.line for repair in repairs} == {2}


@pytest.mark.parametrize("mark", ["\u061c", "\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069"])
def test_no_mark_that_turns_the_direction_of_writing_comes_through(mark: str) -> None:
    text, repairs = decoded(f"a\nrm {mark}x\n".encode())
    assert text == "a\nrm \ufffdx\n"
    assert [(one.line, "control characters" in one.what) for one in repairs] == [(2, True)]


def test_what_is_beyond_the_cap_is_left_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    text, repairs = decoded(b"1234\n6789\nabcdef\n")
    assert text == "1234\n6789\n"
    assert "only the first" in repairs[0].what


@given(st.binary(max_size=400))
def test_no_bytes_raise_and_no_line_is_lost(data: bytes) -> None:
    text, _ = decoded(data)
    assert "\r" not in text
    assert "\x00" not in text
    if b"\r" not in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")) and b"\x00" not in data:
        assert text.count("\n") == data.count(b"\n")


def test_front_matter_is_told_from_a_rule() -> None:
    assert front_matter(["---", "title: Queue", "tags:", "  - ops", "---", "text"]) == 5
    assert front_matter(["+++", 'title = "Queue"', "+++"]) == 3
    assert front_matter(["---", "Some text here", "---"]) == 0
    assert front_matter(["---", "", "---"]) == 0
    assert front_matter([]) == 0
