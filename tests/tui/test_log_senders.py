"""Who sends the lines of a log, and how fast: by address, or by what an expression takes out of a line."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from tests.tui.test_log_screen import reading
from tests.tui.test_screens import Sitting
from tui.screens.log_senders import From, address, taking

LINES = [
    *(f'2026-03-01T03:12:{second:02}Z INFO 10.0.0.7 - "GET / HTTP/1.1" tenant=acme 200' for second in range(0, 60, 2)),
    *(f'2026-03-01T03:13:{second:02}Z INFO 10.0.0.7 - "GET / HTTP/1.1" tenant=acme 200' for second in range(0, 30, 2)),
    "2026-03-01T03:13:40Z ERROR 2001:db8::7 refused after 1.2.3.4.5 tries tenant=zoo",
    "2026-03-01T03:14:00Z INFO nobody in particular",
]


KEYS = {"/": "slash", "=": "equals_sign", "(": "left_parenthesis", ")": "right_parenthesis",
        "[": "left_square_bracket", "]": "right_square_bracket", "-": "minus", "+": "plus"}  # fmt: skip


async def counted(person: Sitting, by: Sequence[str], *seen: str) -> None:
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


async def test_the_busiest_minute_is_counted_whole_where_the_lines_of_several_sources_come_mixed() -> None:
    mixed = [f"2026-03-01T03:{minute}:{second:02}Z INFO 10.0.0.7" for second in range(20) for minute in (12, 13)]
    async with reading((118, 40), *mixed, "2026-03-01T03:14:00Z INFO nobody in particular") as (person, _):
        await counted(person, "", "41 lines of 1 sender")
        row = next(text.split() for text in person.screen().splitlines() if text.endswith("10.0.0.7"))
        assert row[-6:][2] == "20"


async def test_a_sender_that_was_silent_since_yesterday_is_not_shown_as_of_today() -> None:
    lines = ["2026-02-28T23:00:00Z INFO 10.0.0.7", "2026-03-01T03:14:00Z INFO 10.0.0.8 nobody in particular"]
    async with reading((80, 24), *lines) as (person, _):
        await counted(person, "", "2 lines of 2 senders")
        row = next(text for text in person.screen().splitlines() if text.endswith("10.0.0.7"))
        assert "02-28 23:00" in row


async def test_the_lines_of_a_chosen_sender_are_those_that_were_counted_for_it() -> None:
    lines = ["tenant=7 asked", "7 tenants, of which tenant=8 asked", "2001:DB8:0::7 nobody in particular"]
    async with reading((118, 40), *lines) as (person, _):
        await counted(person, [KEYS.get(one, one) for one in "/tenant=([0-9]+)/"], "3 lines of 2 senders")
        await person.press("enter")
        await person.sees("only matches: 1 of 3")
        await person.press("escape")
        await person.sees_no("only matches")
        await counted(person, "", "3 lines of 1 sender", "2001:db8::7")
        await person.press("enter")
        await person.sees("only matches: 1 of 3", "2001:DB8:0::7 nobody")


async def test_what_an_expression_takes_out_is_counted_too() -> None:
    async with reading((118, 40), *LINES) as (person, _):
        letters = [KEYS.get(one, one) for one in "/tenant=([a-z]+)/"]
        await counted(person, letters, "47 lines of 2 senders in 2m00s", "acme", "zoo")


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
    assert From(address, "10.0.0.7").search("from 10.0.0.7: ok")
    assert not From(address, "10.0.0.7").search("from 10.0.0.71: ok")
    assert taking(re.compile("t=(a)?"))("t=b") == ""
