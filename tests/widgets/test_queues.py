"""The queues panel on given facts: every width, gaps, huge numbers, wide characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from probes.base import GaugeKey, SafeText, Severity, Snapshot
from probes.redis.queues.facts import FailedJob, Group, Outlook, Queue, QueuesFacts, Took, Total, Worker
from probes.redis.queues.gauges import measured
from probes.redis.queues.probe import QueuesProbe
from widgets.lines import Line, Tone, joined, width_of
from widgets.panel import View, Worry
from widgets.queues import QueuesPanel, outlook, took_words

WIDTHS = (40, 58, 78, 118, 200)

BACKLOG = Queue(
    name=SafeText("campaign-emails"), dialect="bullmq",
    depths={"wait": 4812, "active": 0, "delayed": 3, "failed": 61, "completed": 9},
    waiting=4812, active=0, failed=61, workers=0, oldest_waiting=372, stalled=0, failed_minute=2, finished_minute=2,
    arrived=38.2, drained=0.0, growth=38.2, outlook=Outlook.NEVER, stuck=125,
)  # fmt: skip
CALM = Queue(
    name=SafeText("ai-insights"), dialect="bullmq", depths={"wait": 12, "active": 2, "failed": 0}, waiting=12, active=2,
    failed=0, workers=2, oldest_waiting=1.4, arrived=1.0, drained=1.3, growth=-0.3, outlook=Outlook.DRAINS, empty_in=40,
)  # fmt: skip
MISSING = Queue(
    SafeText("mial"),
    "bullmq",
    missing=True,
    trouble=SafeText("no such queue yet; is the name right?"),
)
JOB = FailedJob(
    queue=SafeText("campaign-emails"), id=SafeText("4711"), name=SafeText("send"),
    reason=SafeText("Resend: 422 invalid recipient"), attempts=3, age=65,
    stack=(SafeText("Error: 422"), SafeText("at x")),
)  # fmt: skip
WORKER = Worker(
    id=SafeText("10.0.0.7:51234"), name=SafeText("one"), queues=(SafeText("ai-insights"),),
    state=SafeText("waits for a job"), since=3720, silent=2,
)  # fmt: skip
GROUP = Group(SafeText("orders"), SafeText("mailer"), None, 3, 12.0, 2)
BUSY = QueuesFacts(
    queues=(CALM, BACKLOG, MISSING), failed=(JOB, replace(JOB, id=SafeText("9"), age=None, attempts=None, stack=())),
    workers=(WORKER,), groups=(GROUP,), totals=(Total("retry", "failed, waiting for another try", 7),),
)  # fmt: skip

ODD = {
    "nothing": QueuesFacts(),
    "searching": QueuesFacts(searching=True),
    "busy": BUSY,
    "gaps": QueuesFacts(
        queues=(Queue(SafeText("a"), "list"), Queue(SafeText("b"), "", missing=True)),
        failed=(FailedJob(SafeText(), SafeText(), SafeText(), SafeText()),),
        workers=(Worker(SafeText("w"), SafeText()),),
        groups=(Group(SafeText("s"), SafeText("g")),),
        totals=(Total("x", "y"),),
    ),
    "huge": QueuesFacts(
        queues=tuple(
            replace(
                BACKLOG,
                name=SafeText(f"queue-{number}"),
                waiting=1e15,
                active=1e12,
                failed=1e12,
                growth=1e9,
                arrived=1e9,
                drained=1e9,
                oldest_waiting=1e9,
                stuck=1e9,
                stalled=10**9,
                workers=10**6,
            )
            for number in range(100)
        ),
        more=10**6,
    ),
    "wide": QueuesFacts(
        queues=(replace(BACKLOG, name=SafeText("メール配信" * 20), trouble=SafeText("倉" * 90)),),
        failed=(replace(JOB, queue=SafeText("列" * 60), reason=SafeText("失敗" * 200)),),
        workers=(replace(WORKER, name=SafeText("作業" * 40)),),
        totals=(Total("t", "全" * 90, 1e15, 1e9),),
    ),
}


def view(facts: QueuesFacts, *worries: Worry, history: Sequence[float | None] = (1, None, 30, 90)) -> View[QueuesFacts]:
    def recent(name: str, **labels: str) -> Sequence[float | None]:
        return history

    taken = datetime(2026, 3, 1, tzinfo=UTC)
    return View("jobs", Snapshot("jobs", taken, 0.01, facts, measured(facts).values), recent, worries)


def worry(severity: Severity, gauge: str, queue: str) -> Worry:
    return Worry(severity, gauge, (("queue", queue),), "words")


def text(drawn: Line) -> str:
    return "".join(span.text for span in drawn.spans)


def shown(lines: Sequence[Line]) -> str:
    return "\n".join(text(drawn) for drawn in lines)


CRITICAL = worry(Severity.CRITICAL, "waiting", "campaign-emails")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_every_line_fits_its_room(facts: QueuesFacts, width: int) -> None:
    panel = QueuesPanel()
    for drawn in [*panel.brief(view(facts), width), *panel.head(view(facts), width), *panel.more(view(facts), width)]:
        assert width_of(drawn.spans) <= width, text(drawn)


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_the_head_stays_short(facts: QueuesFacts) -> None:
    assert len(QueuesPanel().head(view(facts), 118)) <= 10


@pytest.mark.parametrize("width", [58, 78])
def test_a_backlog_is_read_in_one_line(width: int) -> None:
    drawn = QueuesPanel().brief(view(BUSY, CRITICAL), width)
    words = " ".join(text(drawn[0]).split())
    failed = "61 failed " if width == 78 else ""
    assert words.startswith(f"✕ campaign-emails 4,812 wait 0 active {failed}drains: never")
    assert (drawn[0].severity, drawn[0].key) == (Severity.CRITICAL, "campaign-emails")


def test_a_job_that_failed_tells_when_and_not_how_long_ago_for_what_is_drawn_stands_until_the_next_reading() -> None:
    old = replace(JOB, id=SafeText("9"), age=2 * 86400.0)
    jobs = (JOB, old, replace(JOB, age=None), replace(JOB, age=1e15))
    drawn = [text(one) for one in QueuesPanel().more(view(replace(BUSY, failed=jobs)), 118)]
    told = [one.partition(": ")[0] for one in drawn if one.startswith("failed")]
    assert told[:3] == ["failed 2026-02-28 23:58:55 UTC", "failed 2026-02-27 00:00:00 UTC", "failed"]


def test_a_wide_screen_says_why() -> None:
    drawn = text(QueuesPanel().brief(view(BUSY, CRITICAL), 118)[0])
    assert "no worker" in drawn
    assert "growing 38/s" in drawn


def test_columns_stand_under_each_other() -> None:
    lines = [text(one) for one in QueuesPanel().brief(view(QueuesFacts(queues=(CALM, BACKLOG))), 78)]
    assert len({one.index(" wait") for one in lines}) == 1
    assert len({one.index(" failed") for one in lines}) == 1


def test_a_missing_queue_has_words_and_no_number() -> None:
    drawn = QueuesPanel().brief(view(QueuesFacts(queues=(MISSING,))), 58)
    assert text(drawn[0]).rstrip() == "◆ mial     no such queue yet; is the name right?"
    assert drawn[0].severity is Severity.NOTICE
    assert "0" not in text(drawn[0])


def test_the_worst_queue_comes_first() -> None:
    keys = [drawn.key for drawn in QueuesPanel().brief(view(BUSY, CRITICAL), 118)]
    assert keys[:3] == ["campaign-emails", "mial", "ai-insights"]


@pytest.mark.parametrize(
    ("queue", "words"),
    [
        (replace(CALM, outlook=Outlook.EMPTY), "empty"),
        (replace(CALM, outlook=Outlook.STEADY), "keeps pace"),
        (replace(CALM, outlook=Outlook.PAUSED), "paused"),
        (replace(CALM, outlook=Outlook.UNKNOWN), "drains: –"),
        (replace(CALM, empty_in=3700), "drains: 1h01m"),
    ],
)
def test_the_outlook_has_a_word_for_each_case(queue: Queue, words: str) -> None:
    assert outlook(queue) == words


def test_the_headline_adds_up_and_says_when_nobody_works() -> None:
    parts = joined(QueuesPanel().headline(view(BUSY, CRITICAL)))
    assert "".join(span.text for span in parts) == "4,824 waiting  2 failed in the last minute  no worker"


def test_what_is_not_known_is_a_dash_and_never_a_zero() -> None:
    unknown = QueuesFacts(queues=(Queue(SafeText("a"), "celery"),))
    drawn = QueuesPanel().brief(view(unknown), 118)
    assert "0" not in text(drawn[0])
    assert "–" in text(drawn[0])


@pytest.mark.parametrize(
    ("took", "words"),
    [
        (None, "unknown: the queue does not tell"),
        (
            Took(0),
            "unknown: 0 completed jobs of the last 15 min are kept, removeOnComplete may keep none",
        ),
        (Took(3), "unknown: 3 completed jobs of the last 15 min are kept, too few to tell"),
        (
            Took(240, 0.25, 4.0, 61.0),
            "250 ms in the middle, 95 % within 4 s, 1m01s at most: 240 completed jobs of the last 15 min",
        ),
    ],
)
def test_how_long_jobs_take_is_told_with_how_many_it_is_known_of(took: Took | None, words: str) -> None:
    assert took_words(Queue(SafeText("mail"), "bullmq", took=took)) == words


def test_what_all_queues_share_is_said_once() -> None:
    assert "7 failed, waiting for another try" in shown(QueuesPanel().brief(view(BUSY), 118))


def test_in_the_detail_of_a_queue_no_number_touches_the_name_before_it() -> None:
    detail = next(table for table in QueuesPanel.tables if table.name == "queues").detail
    assert detail is not None
    lines = [one.text for one in detail(replace(CALM, depths={**CALM.depths, "waiting-children": 7}))]
    (children,) = [text for text in lines if "waiting-children" in text]
    assert children.split() == ["in", "waiting-children", "7"]
    assert {text[children.index("7") - 1] for text in lines} == {" "}, "all stand under each other"


def test_the_detail_of_a_failed_job_shows_reason_and_stack() -> None:
    detail = next(table for table in QueuesPanel.tables if table.name == "failed").detail
    assert detail is not None
    lines = shown(detail(JOB))
    for words in ("4711", "Resend: 422 invalid recipient", "1m05s ago, after 3 attempts", "Error: 422", "at x"):
        assert words in lines


def test_columns_leave_room_for_the_last_one_on_a_narrow_terminal() -> None:
    for table in QueuesPanel.tables:
        assert [column.width for column in table.columns].count(0) == 1
        assert table.columns[-1].width == 0
        for width in (60, 80, 118):
            fixed = sum(column.width + 1 for column in table.columns if width >= column.least and column.width)
            assert fixed <= width - 10, (table.name, width)


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_every_cell_of_every_table_can_be_drawn_and_sorted(facts: QueuesFacts) -> None:
    for table in QueuesPanel.tables:
        rows = table.rows(facts)
        assert len({table.key(row) for row in rows}) == len(rows)
        for row in rows:
            assert isinstance(table.tone(row), Tone)
            if table.detail is not None:
                assert table.detail(row)
            for column in table.columns:
                column.cell(row)
        for column in table.columns:
            if column.sort is not None:
                keys: list[Any] = [column.sort(row) for row in rows]
                sorted(key for key in keys if key is not None)


def test_the_panel_asks_for_gauges_that_exist() -> None:
    asked: set[str] = set()

    def recent(name: str, **labels: str) -> Sequence[float | None]:
        asked.add(GaugeKey(name).name)
        return ()

    QueuesPanel().head(View("jobs", view(BUSY).snapshot, recent), 200)
    assert asked
    assert asked <= {spec.name for spec in QueuesProbe.gauges}
