"""Commands as they are drawn: what runs and what failed first, nothing green that was not seen to be well."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from probes.base import SafeText, Severity, Snapshot
from probes.commands.facts import Command, CommandsFacts, Past
from probes.commands.gauges import measured
from probes.exec.job import State
from widgets.commands import CommandsPanel
from widgets.panel import View, Worry

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)


def past(ago: float = 600, took: float = 12, **more: Any) -> Past:
    ended = NOW - timedelta(seconds=ago)
    plain = Past("019a", State.ENDED, ended - timedelta(seconds=took), ended, 0, ok=True, last=SafeText("all applied"))
    return replace(plain, **more)


RUNS = Past("019b", State.RUNNING, NOW - timedelta(seconds=42))
FAILED = past(code=1, ok=False, last=SafeText("no such table"))


def command(name: str, *runs: Past, **more: Any) -> Command:
    plain = Command(
        name, SafeText(f"npx {name}"), SafeText("applies what is pending"), "destructive", False, ("tenant",),
        (SafeText("backups.nightly newest_good_age_seconds <= 3600"),), 600.0, True, past=runs,
    )  # fmt: skip
    return replace(plain, **more)


def view(*commands: Command, worries: tuple[Worry, ...] = ()) -> View[CommandsFacts]:
    facts = CommandsFacts(commands, NOW)
    snapshot = Snapshot("app", NOW, 0.0, facts, measured(facts).values)
    return View("app", snapshot, lambda name, **labels: [], worries)


def text(lines: Any) -> str:
    return "\n".join(line.text for line in lines)


def test_what_runs_comes_first_then_what_failed() -> None:
    failed = Worry(Severity.WARNING, "last_run_failed", (("command", "migrate"),), "it failed")
    shown = view(command("stats", past()), command("migrate", FAILED), command("load", RUNS), worries=(failed,))
    lines = CommandsPanel().brief(shown, 100)
    assert [line.key for line in lines] == ["load", "migrate", "stats"]
    assert "runs for 42 s" in lines[0].text
    assert "exit code 1 after 12 s" in lines[1].text
    assert lines[1].severity is Severity.WARNING
    assert "10m00s ago" in lines[2].text


def test_what_never_ran_is_not_green() -> None:
    (line,) = CommandsPanel().brief(view(command("migrate")), 100)
    assert "never run from here" in line.text
    assert line.spans[0].text == " " or not line.severity
    assert "●" not in line.text
    (line,) = CommandsPanel().brief(view(command("migrate", missing=SafeText("npx is not installed here"))), 100)
    assert "npx is not installed here" in line.text


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (past(late=True, code=-15, ok=False), "it was ended after 12 s: its time was up"),
        (past(stopped=True, code=-15, ok=False), "it was stopped after 12 s"),
        (past(matched=False, ok=False), "exit code 0 after 12 s, and its output is not as expected"),
        (past(code=-9, ok=False), "killed by signal 9"),
        (Past("019a", State.LOST, NOW - timedelta(hours=1)), "nobody knows how it ended"),
    ],
)
def test_each_end_has_its_words(one: Past, words: str) -> None:
    assert words in text(CommandsPanel().brief(view(command("migrate", one)), 120))


def test_the_details_tell_line_needs_and_earlier_runs() -> None:
    (table,) = CommandsPanel().tables
    facts = CommandsFacts((command("migrate", FAILED, past(7200), production=False),), NOW)
    (row,) = table.rows(facts)
    assert table.detail is not None
    told = text(table.detail(row))
    for words in (
        "npx migrate", "backups.nightly newest_good_age_seconds <= 3600", "never in production", "10m00s", "tenant",
        "exit code 1 after 12 s", "no such table", "act 019a", "last 2h00m ago",
    ):  # fmt: skip
        assert words in told, (words, told)


def test_what_only_reads_says_so_and_names_its_key_only_where_that_key_is() -> None:
    reads = command("status", reads=True, danger="reversible")
    assert "only reads" in text(CommandsPanel().brief(view(reads), 100))
    assert "v shows it" not in text(CommandsPanel().brief(view(reads), 100)), "the overview has no such key"
    (table,) = CommandsPanel().tables
    (row,) = table.rows(CommandsFacts((reads,), NOW))
    assert "reads: v shows it" in [column.cell(row) for column in table.columns]
    assert table.detail is not None
    told = text(table.detail(row))
    assert "v on its row runs it and shows what it says" in told
    assert "not yet" not in told, "it has no runs that could have ended well"


def test_the_head_shows_the_end_of_what_a_run_writes() -> None:
    tail = tuple(SafeText(f"line {number}") for number in range(6))
    told = text(CommandsPanel().head(view(command("load", RUNS, tail=tail)), 80))
    assert "line 5" in told
    assert "line 1" not in told
    assert "nothing runs" in text(CommandsPanel().head(view(command("load")), 80))


@pytest.mark.parametrize("width", [40, 58, 80, 118, 200])
def test_it_fits_every_width(width: int) -> None:
    shown = view(command("a-rather-long-name-of-a-command", FAILED), command("b", RUNS), command("c"))
    for line in [*CommandsPanel().brief(shown, width), *CommandsPanel().head(shown, width)]:
        assert len(line.text) <= width
        assert all(span.text.isprintable() for span in line.spans)
    assert CommandsPanel().headline(shown)[0] == "3 commands"
