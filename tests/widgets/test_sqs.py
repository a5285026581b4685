"""The SQS panel on given facts: every width, gaps, huge numbers, wide characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from probes.aws.calls import Seat
from probes.aws.sqs.facts import Counts, Move, Outlook, Policy, Queue, Seen, SqsFacts
from probes.base import SafeText, Severity, Snapshot
from widgets.lines import Line, Tone, joined, width_of
from widgets.panel import View, Worry
from widgets.sqs import SqsPanel, outlook

WIDTHS = (40, 58, 78, 118, 200)
SEAT = Seat(SafeText("123456789012 eu-west-1 as ops/ann"), 1204, 0.12)
POLICY = Policy(
    arn="arn:aws:sqs:eu-west-1:123456789012:mail", created="1795273225", created_at=datetime(2026, 3, 1, tzinfo=UTC),
    retention=345600, visibility=30, delay=0, max_receives=3, encrypted=SafeText("by SQS"),
    dead_arn="arn:aws:sqs:eu-west-1:123456789012:mail-dlq",
)  # fmt: skip
BACKLOG = Queue(
    Seen(SafeText("mail"), "https://sqs/1/mail", Counts(4812, 3, 0), POLICY, 38.0, Outlook.GROWS, stuck=0.0),
    3.0, 372.0, (), 61,
)  # fmt: skip
DRAINING = Queue(
    Seen(SafeText("sms"), "https://sqs/1/sms", Counts(120, 4, 0), POLICY, -60.0, Outlook.DRAINS, 120.0), 700.0
)
LETTERS = Queue(
    Seen(SafeText("mail-dlq"), "https://sqs/1/mail-dlq", Counts(61, 0, 0), POLICY), 3.0, dead_of=(SafeText("mail"),),
    moves=(Move("RUNNING", "h", SafeText("mail"), 12, 40, 50, 1), Move("FAILED", moved=3, reason=SafeText("denied"))),
)  # fmt: skip
UNREAD = Queue(Seen(SafeText("later"), "https://sqs/1/later"), None)
MISSING = Queue(Seen(SafeText("gone"), "", missing=True, trouble=SafeText("no such queue: check the name")), 0.0)
BUSY = SqsFacts(SEAT, (MISSING, LETTERS, BACKLOG, DRAINING, UNREAD), unread=1)
WIDE = replace(BACKLOG.seen, name=SafeText("キュー" * 20), counts=Counts(10**12, 10**12, 10**12), net=1e12)
FACTS = {
    "nothing": SqsFacts(replace(SEAT, a_day=None)),
    "busy": BUSY,
    "huge": SqsFacts(SEAT, tuple(Queue(replace(WIDE, name=SafeText(f"キュー{n}" * 9)), 1e9, 1e9) for n in range(99))),
}


def view(facts: SqsFacts, *worries: Worry) -> View[SqsFacts]:
    snapshot = Snapshot("jobs", datetime(2026, 3, 1, tzinfo=UTC), 0.1, facts)
    return View("jobs", snapshot, lambda name, **labels: [1.0, None, 4812.0], worries)


def drawn(lines: Sequence[Line]) -> str:
    return "\n".join(one.text for one in lines)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("facts", FACTS.values(), ids=FACTS)
def test_no_line_is_wider_than_its_panel(facts: SqsFacts, width: int) -> None:
    panel = SqsPanel()
    for line in (*panel.brief(view(facts), width), *panel.head(view(facts), width)[:-1]):
        assert width_of(line.spans) <= width, line.text
    assert panel.headline(view(facts))


def test_every_count_says_that_it_is_about() -> None:
    text = drawn(SqsPanel().brief(view(BUSY), 200))
    for number in ("~4,812 visible", "~3 in flight", "~61 visible", "~61 dead"):
        assert number in " ".join(text.split())


def test_a_queue_says_where_it_goes() -> None:
    text = " ".join(drawn(SqsPanel().brief(view(BUSY), 200)).split())
    assert "drains: never" in text
    assert "drains: 2m00s" in text
    assert "moving: ~12 of ~40" in text
    assert "not read yet" in text
    assert "no such queue: check the name" in text
    assert "read 11m40s ago" in text


@pytest.mark.parametrize(
    ("state", "words"),
    [(Outlook.DRAINED, "drained"), (Outlook.ZERO, "~0, not sure yet"), (Outlook.STEADY, "keeps pace"),
     (Outlook.UNKNOWN, "drains: –")],
)  # fmt: skip
def test_only_a_drained_queue_is_called_so(state: Outlook, words: str) -> None:
    assert outlook(replace(BACKLOG, seen=replace(BACKLOG.seen, outlook=state))) == words


def test_what_is_not_known_is_a_dash_and_no_zero() -> None:
    table = SqsPanel.tables[0]
    cells = {column.title: str(column.cell(UNREAD)) for column in table.columns}
    assert cells["visible"] == cells["net"] == cells["oldest"] == cells["dead"] == cells["read"] == "–"
    assert table.detail is not None
    for row in (*BUSY.queues, Queue(Seen(SafeText("x"), ""), 1.0)):
        text = drawn(table.detail(row))
        assert "None" not in text
    assert table.tone(UNREAD) is Tone.DIM
    assert table.tone(LETTERS) is Tone.WARNING


def test_the_detail_of_a_queue_tells_its_setting_and_its_moves() -> None:
    table = SqsPanel.tables[0]
    assert table.detail is not None
    mail, letters = drawn(table.detail(BACKLOG)), drawn(table.detail(LETTERS))
    for part in ("mail-dlq, after 3 receives, ~61 there", "4d00h", "2026-03-01", "standard", "by SQS"):
        assert part in mail
    assert "running, ~12 of ~40 moved to mail" in letters
    assert "failed, ~3 of – moved back to where they came from: denied" in letters


def test_the_worst_comes_first_and_keeps_its_severity() -> None:
    worry = Worry(Severity.CRITICAL, "waiting", (("queue", "sms"),), "sms: ~120 visible")
    lines = SqsPanel().brief(view(BUSY, worry), 118)
    assert lines[0].key == "sms"
    assert lines[0].severity is Severity.CRITICAL


def test_dead_letters_are_not_counted_as_waiting() -> None:
    assert "".join(
        part.text if hasattr(part, "text") else str(part) for part in joined(SqsPanel().headline(view(BUSY)))
    ) == ("~4,932 visible  ~61 dead letters")


def test_the_head_ends_with_the_seat_and_tells_what_is_not_read_yet() -> None:
    lines = SqsPanel().head(view(BUSY), 118)
    assert "ops/ann" in lines[-1].text
    assert "1 queue of 5 not read yet" in drawn(lines)
