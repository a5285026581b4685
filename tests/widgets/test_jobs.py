"""The panel of a scheduler on given facts: every width, nothing at all, many in trouble, wide characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from probes.base import Danger, SafeText, Severity, Snapshot
from probes.http.jobs.facts import Execution, Job, JobsFacts, Own
from probes.http.jobs.gauges import measured
from widgets.jobs import JobsPanel
from widgets.lines import Line, joined, width_of
from widgets.panel import View, Worry

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOB = Job(
    "1", SafeText("fetch twitch"), SafeText("twitch"), 15.0, every=900.0, paused=False, last_run=NOON, last_age=60.0,
    last_status=SafeText("ok"),
)  # fmt: skip
LIMITED = replace(
    JOB, id="2", name=SafeText("fetch x"), last_status=SafeText("rate_limited"), failed=True, limited=True
)
LATE = replace(JOB, id="3", name=SafeText("report"), last_age=4000.0)
PAUSED = replace(JOB, id="4", name=SafeText("old"), paused=True, last_age=1e9)
OWN = Own("stop-sending", "stop sending", "Holds back every message.", Danger.DISRUPTIVE, SafeText("POST /x"), False)
MIXED = JobsFacts(
    url=SafeText("https://api.example"),
    jobs=(JOB, LIMITED, LATE, PAUSED),
    executions=(Execution("2/1", LIMITED.name, SafeText("rate_limited"), NOON, 1.5, SafeText("429"), True),),
    counted=((SafeText("rate_limited"), 1),),
    own=(OWN, replace(OWN, name="start", true=True), replace(OWN, name="odd", true=None)),
    more=2,
)
ODD = {
    "nothing": JobsFacts(),
    "actions": JobsFacts(own=(OWN,), lists=False),
    "well": JobsFacts(jobs=(JOB,)),
    "mixed": MIXED,
    "many": JobsFacts(jobs=tuple(replace(LIMITED, id=str(number)) for number in range(40))),
    "huge": JobsFacts(jobs=(replace(LATE, every=1e12, last_age=1e15, interval=1e12, name=SafeText("x" * 300)),)),
    "wide": JobsFacts(jobs=(replace(LIMITED, name=SafeText("停止" * 60), last_status=SafeText("健" * 40)),)),
}


def view(facts: JobsFacts, *worries: Worry) -> View[JobsFacts]:
    def recent(name: str, **labels: str) -> Sequence[float | None]:
        return ()

    return View("scheduler", Snapshot("scheduler", NOON, 0.01, facts, measured(facts).values), recent, worries)


def text(drawn: Line) -> str:
    return "".join(span.text for span in drawn.spans)


@pytest.mark.parametrize("width", [40, 58, 78, 118, 200])
@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_every_line_fits_its_room(facts: JobsFacts, width: int) -> None:
    for one in [*JobsPanel().brief(view(facts), width), *JobsPanel().head(view(facts), width)]:
        assert width_of(one.spans) <= width, text(one)


def test_what_is_in_trouble_is_named_with_its_reason() -> None:
    worry = Worry(Severity.WARNING, "job_failed", (("job", "fetch x"), ("status", "rate_limited")), "w")
    lines = JobsPanel().brief(view(MIXED, worry), 118)
    assert "4 jobs  1 paused  1 late  1 failed" in text(lines[0])
    assert lines[0].severity is Severity.WARNING
    assert "fetch x" in text(lines[1])
    assert "last run rate_limited" in text(lines[1])
    assert lines[1].key == "job/2"
    assert "report" in text(lines[2])
    assert "every 15m00s" in text(lines[2])
    assert len(lines) == 3, "a paused job is not late"


def test_what_is_not_well_is_never_drawn_as_well() -> None:
    assert JobsPanel().brief(view(MIXED), 118)[0].severity is Severity.NOTICE


def test_the_rest_is_counted() -> None:
    assert "and 35 more jobs in trouble" in text(JobsPanel().brief(view(ODD["many"]), 78)[-1])


def test_a_place_of_actions_counts_those() -> None:
    assert "".join(span.text for span in joined(JobsPanel().headline(view(ODD["actions"])))) == "1 action"


def test_the_head_counts_executions() -> None:
    words = "\n".join(map(text, JobsPanel().head(view(MIXED), 118)))
    assert "executions: 1 rate_limited" in words
    assert "2 jobs without an id of their own are left out" in words


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_every_cell_and_detail_can_be_drawn(facts: JobsFacts) -> None:
    for table in JobsPanel.tables:
        rows = table.rows(facts)
        assert len({table.key(row) for row in rows}) == len(rows)
        for row in rows:
            assert all(column.cell(row) is not None for column in table.columns)
            assert table.tone(row) is not None
            if table.detail is not None:
                assert table.detail(row)


def test_rows_are_called_by_their_names_and_not_by_their_keys() -> None:
    jobs, _, own = JobsPanel.tables
    assert jobs.label is not None
    assert own.label is not None
    assert (str(jobs.label(JOB)), str(own.label(OWN))) == ("fetch twitch", "stop sending")
