"""Who sends the lines of a log, and how fast: by address, or by what an expression takes out of a line."""

from __future__ import annotations

import re

import pytest

from tests.tui.test_log_screen import reading
from tests.tui.test_screens import Sitting
from tui.screens.log_senders import address, only, taking

LINES = [
    *(f'2026-03-01T03:12:{second:02}Z INFO 10.0.0.7 - "GET / HTTP/1.1" tenant=acme 200' for second in range(0, 60, 2)),
    *(f'2026-03-01T03:13:{second:02}Z INFO 10.0.0.7 - "GET / HTTP/1.1" tenant=acme 200' for second in range(0, 30, 2)),
    "2026-03-01T03:13:40Z ERROR 2001:db8::7 refused after 1.2.3.4.5 tries tenant=zoo",
    "2026-03-01T03:14:00Z INFO nobody in particular",
]


async def counted(person: Sitting, by: str, *seen: str) -> None:
    await person.sees("nobody in particular")
    await person.press("a")
    await person.sees("count by: Enter for the address")
    await person.press(*by, "enter")
    await person.sees(*seen)


async def test_lines_are_counted_by_address_with_their_rate_and_one_sender_is_shown_alone() -> None:
    async with reading((118, 40), *LINES) as (person, _):
        await counted(person, "", "47 lines of 2 senders in 2m00s", "1 line without one")
        row = next(text.split() for text in person.screen().splitlines() if "10.0.0.7" in text)
        assert row[-6:] == ["45", "22.5", "30", "0", "03:13:28", "10.0.0.7"]
        row = next(text.split() for text in person.screen().splitlines() if "2001:db8::7" in text)
        assert row[-6:] == ["1", "0.5", "1", "1", "03:13:40", "2001:db8::7"]
        await person.press("j", "enter")
        await person.sees("only matches: 1 of 47", "refused after")


async def test_what_an_expression_takes_out_is_counted_too() -> None:
    async with reading((118, 40), *LINES) as (person, _):
        letters = [{"/": "slash", "=": "equals_sign", "(": "left_parenthesis", ")": "right_parenthesis",
                    "[": "left_square_bracket", "]": "right_square_bracket", "-": "minus", "+": "plus"}.get(one, one)
                   for one in "/tenant=([a-z]+)/"]  # fmt: skip
        await person.sees("nobody in particular")
        await person.press("a")
        await person.sees("count by: Enter for the address")
        await person.press(*letters, "enter")
        await person.sees("47 lines of 2 senders in 2m00s", "acme", "zoo")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('10.1.2.3 - - [01/Mar/2026] "GET /"', "10.1.2.3"),
        ("client=[::1]:5432", "::1"),
        ("peer ::ffff:10.0.0.1 gone", "10.0.0.1"),
        ("at 03:12:41 nothing", ""),
        ("version 1.2.3.4.5 and 999.1.1.1", ""),
        ("a" * 10_000, ""),
        (":" * 10_000, ""),
    ],
)
def test_an_address_is_told_from_times_and_versions(line: str, found: str) -> None:
    assert address(line) == found


def test_only_the_lines_of_that_sender_are_meant_and_not_of_one_that_begins_alike() -> None:
    assert only("10.0.0.7").search("from 10.0.0.7: ok")
    assert not only("10.0.0.7").search("from 10.0.0.71: ok")
    assert taking(re.compile("t=(a)?"))("t=b") == ""
