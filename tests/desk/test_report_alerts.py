"""The shift's report and an alert's history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from desk.audit.record import START, Code, Record
from desk.report import alerts
from desk.report.acts import NO_END, Act, acts
from desk.report.alerts import Episode
from desk.report.paper import Report, Span
from probes.base import Severity

MORNING = datetime(2026, 11, 21, 6, tzinfo=UTC)
EVENING = MORNING + timedelta(hours=8)


def after(minutes: float) -> datetime:
    return MORNING + timedelta(minutes=minutes)


BACKLOG = Episode(
    "jobs", "queue-backlog", Severity.WARNING, "mail: 4,812 waiting", after(10),
    aliases=("Queue Backup",), labels=(("queue", "mail"),), acknowledged=after(14), by="ada@bastion",
    cleared=after(40), procedure="queue-backlog",
)  # fmt: skip
DOWN = Episode("api", "no-answer", Severity.CRITICAL, "DOWN refused", after(400))
RESTART = Act(after(20), "ada@bastion", "restart worker", "jobs", "backlog", "done", "CONFIRMED")


def shift(
    *episodes: Episode, done: tuple[Act, ...] = (), unwatched: tuple[tuple[datetime, datetime], ...] = ()
) -> Report:
    return alerts.shift("shop", episodes, done, unwatched, MORNING, EVENING, EVENING)


def rows(report: Report) -> Mapping[str, tuple[tuple[Any, ...], ...]]:
    return {one.table.name: one.table.rows for one in report.sections if one.table is not None}


def test_a_shift_tells_what_was_raised_what_is_open_and_what_was_done() -> None:
    report = shift(BACKLOG, DOWN, done=(RESTART,), unwatched=((after(60), after(90)),))
    assert report.sections[0].lines == (
        "2 alerts (1 critical, 1 warning), 1 still open",
        "nobody has it in hand: api: DOWN refused",
        "1 act, 0 of them not well",
        "longest: api: DOWN refused, 1h20m",
    )
    found = rows(report)
    assert [row[2] for row in found["open"]] == ["api"]
    assert [row[2] for row in found["alerts"]] == ["jobs", "api"]
    assert found["unwatched"] == ((after(60), after(90), Span(1800.0)),)


def test_what_somebody_let_go_again_is_in_nobodys_hand_and_what_is_held_or_quiet_at_the_end_is() -> None:
    open_ones = [replace(DOWN, target=name) for name in ("let-go", "held", "quiet")]
    let_go, held, quiet = open_ones
    report = shift(
        replace(let_go, acknowledged=after(401), by="ada"), replace(held, held="bo"), replace(quiet, quiet=True)
    )
    assert [one for one in report.sections[0].lines if "in hand" in one] == [
        "nobody has it in hand: let-go: DOWN refused"
    ]


def test_without_a_history_it_is_not_known_when_nobody_watched() -> None:
    report = alerts.shift("shop", (), (), None, MORNING, EVENING, EVENING)
    assert report.sections[-1].empty == "not known: no history is kept"


def test_what_was_over_before_the_shift_or_came_after_it_is_not_told() -> None:
    before = replace(BACKLOG, raised=after(-60), cleared=after(-1))
    later = replace(BACKLOG, raised=EVENING + timedelta(seconds=1), cleared=None)
    assert rows(shift(before, later))["alerts"] == ()


def test_what_was_cleared_after_the_shift_was_open_at_its_end() -> None:
    assert len(rows(shift(replace(BACKLOG, cleared=EVENING + timedelta(hours=1))))["open"]) == 1


def test_what_came_again_and_again_has_a_line_of_its_own() -> None:
    often = [replace(BACKLOG, raised=after(10 * n), cleared=after(10 * n + 5)) for n in range(4)]
    assert "4 times: jobs queue-backlog" in shift(*often).sections[0].lines


def test_an_act_without_a_known_end_is_not_counted_as_well() -> None:
    assert "1 act, 1 of them not well" in shift(done=(replace(RESTART, outcome=NO_END, verdict=""),)).sections[0].lines


def test_an_alert_is_found_by_its_name_its_alias_and_its_target_however_they_are_written() -> None:
    for name in ("queue-backlog", "Queue Backlog", "QUEUE BACKUP", "jobs", "jobs.queue-backlog"):
        assert alerts.is_called(BACKLOG, name)
    assert not alerts.is_called(BACKLOG, "backlog")


def test_the_history_of_an_alert_tells_how_often_how_long_and_what_was_done() -> None:
    again = replace(BACKLOG, raised=after(-600), cleared=after(-480), acknowledged=None, by="")
    elsewhere = replace(RESTART, target="api")
    report = alerts.history(
        "shop", "queue-backlog", (BACKLOG, again, DOWN), (RESTART, elsewhere),
        MORNING - timedelta(days=6, hours=16), EVENING, EVENING,
    )  # fmt: skip
    assert report.sections[0].lines[:3] == (
        "2 times, 2.0 a week",
        "lasted 1h15m in the middle, 2h00m at most",
        "in hand after 4m00s in the middle, 1 of 2 times",
    )
    assert [row[:4] for row in rows(report)["acts"]] == [(after(20), Span(600.0), "ada@bastion", "restart worker")]


def test_an_alert_that_was_never_raised_says_so() -> None:
    report = alerts.history("shop", "nonsense", (BACKLOG,), (), MORNING, EVENING, EVENING)
    assert report.sections[0].lines == ("it was not raised in this time, or nobody watched",)


# out of the audit


def record(seq: int, code: Code, minutes: float, writer: str = "w", **data: Any) -> Record:
    return Record(writer, seq, after(minutes), code, data, START)


OPENED = record(
    0, Code.SESSION_OPENED, 0, actor={"name": "ada", "host": "bastion"}, about={"system": "shop", "environment": "live"}
)
INTENT = record(
    1, Code.INTENT, 1, act="a1", action="restart", target="jobs", reason="backlog", subject={"name": "worker"}
)


def read(*records: Record) -> list[Act]:
    return acts(records, "shop", "live", MORNING, EVENING)


def test_an_act_is_told_with_its_end_though_that_came_later() -> None:
    done = record(2, Code.DONE, 2, act="a1")
    found = record(3, Code.VERDICT, 600, act="a1", truth="CONFIRMED")
    assert read(found, done, INTENT, OPENED) == [
        Act(after(1), "ada@bastion", "restart worker", "jobs", "backlog", "done", "CONFIRMED")
    ]


def test_an_act_whose_end_nobody_knows_says_so() -> None:
    assert read(OPENED, INTENT)[0].outcome == NO_END


def test_the_words_of_what_went_wrong_are_told() -> None:
    said = record(2, Code.UNKNOWN, 2, act="a1", words="no answer in 10 s")
    assert read(OPENED, INTENT, said)[0].outcome == "unknown: no answer in 10 s"


def test_acts_of_another_system_and_of_another_time_are_left_out() -> None:
    other = record(0, Code.SESSION_OPENED, 0, actor={}, about={"system": "shop", "environment": "test"})
    assert read(other, INTENT) == []
    assert acts([OPENED, INTENT], "shop", "live", after(2), EVENING) == []


def test_records_of_any_shape_do_no_harm() -> None:
    odd = record(1, Code.INTENT, 1, act=7, action=None, target=["x"], subject="worker")
    assert read(OPENED, odd)[0].target == ""
