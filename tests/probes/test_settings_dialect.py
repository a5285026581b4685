"""What a line that edits a file of settings means when it stands in somebody's runbook."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as some

from probes.base import CommandLine, Danger, Dialect, Sort
from probes.settings import dialect as module
from tests.probes.spoken import line, meant, words

DIALECT = cast(Dialect, module)


@pytest.mark.parametrize(
    ("text", "place", "warned"),
    [
        ("sed -i -e 's|^WORKERS=.*|WORKERS=2|' /srv/shop/.env", "/srv/shop/.env", "history"),
        ("sed -i 's/WORKERS=.*/WORKERS=2/' ./.env", "./.env", "history"),
        ("sed -i '/^OLD_KEY=/d' config/shop.env", "config/shop.env", ""),
        ("tee -a .env.production <<< 'NEW_KEY=x'", ".env.production", "second line"),
    ],
)
def test_an_edit_that_we_have_an_act_for_is_one_of_our_acts(text: str, place: str, warned: str) -> None:
    found = meant(DIALECT, text)
    assert (found.sort, found.danger, found.kind, found.target) == (Sort.ACTION, Danger.DISRUPTIVE, "settings", place)
    assert warned in found.warning


@pytest.mark.parametrize(
    ("text", "stdin", "asked", "becomes"),
    [
        ("sed -i -e 's|^KEY=.*|KEY=<value>|' /srv/.env", "", ("<value>",), ""),
        ("sed -i -e 's|^A=.*|A=<value>|' -e 's|^B=.*|B=<value>|' /srv/.env", "", ("<value>", "<value>"), ""),
        ("sed -i -e 's|^KEY=.*|KEY=<generated hex>|' /srv/.env", "", ("<generated hex>",), ""),
        ("sed -i '/^KEY=/d' /srv/.env", "", (), ""),
        ("tee -a /srv/.env", "KEY=<value>\n", ("<value>",), ""),
        ("tee -a /srv/.env", "KEY=<generated hex>", ("<generated hex>",), "tee -a /srv/.env <<< 'KEY=<value>'"),
        (
            'sed -i "s|^KEY=.*|KEY=$NEW_KEY|" /srv/.env',
            "",
            ("$NEW_KEY",),
            "sed -i -e 's|^KEY=.*|KEY=<value>|' /srv/.env",
        ),
    ],
)
def test_the_values_of_an_edit_are_asked_for_by_its_act_and_never_taken_over(
    text: str, stdin: str, asked: tuple[str, ...], becomes: str
) -> None:
    found = meant(DIALECT, text, stdin=stdin)
    assert (found.asked, found.becomes) == (asked, becomes)


@pytest.mark.parametrize(
    "text",
    [
        "sed -i 's/a/b/' app.conf", "sed -n 1,20p .env", "sed -i 's/A=.*/B=1/' .env", "echo A=1 > .env", "cat .env",
        "sed", "tee -a notes.txt <<< 'A=1'", "tee -a .env <<EOF\nA=1\nB=2\nEOF",
    ],
)  # fmt: skip
def test_other_lines_are_none_of_this_world(text: str) -> None:
    assert module.understand(line(text)) is None


def test_a_statement_of_sql_is_none_of_this_world() -> None:
    assert module.understand(CommandLine(sql="SELECT 1")) is None


@given(some.sampled_from(["sed", "tee", "echo"]), words)
def test_no_words_are_too_strange(program: str, rest: list[str]) -> None:
    found = module.understand(CommandLine((program, *rest)))
    assert found is None or found.sort is Sort.ACTION
