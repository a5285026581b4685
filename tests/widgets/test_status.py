"""The panel of a status page on given facts: every width, nothing read, much said, wide characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from probes.base import Cause, SafeText, Severity, Snapshot
from probes.http.status.facts import Component, Incident, Level, Maintenance, StatusFacts
from probes.http.status.gauges import measured
from widgets.lines import Line, width_of
from widgets.panel import View, Worry
from widgets.status import StatusPanel

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WELL = StatusFacts(
    page=SafeText("Mailer"), url=SafeText("https://status.example"), form="statuspage",
    says=SafeText("All Systems Operational"), updated=NOON, updated_age=60.0, read=NOON, read_age=0.0,
    components=(Component("a", SafeText("API"), SafeText("operational"), Level.FINE),),
)  # fmt: skip
ILL = replace(
    WELL,
    says=SafeText("Major outage"),
    components=(
        Component("a", SafeText("API"), SafeText("major outage"), Level.MAJOR, SafeText("Core"), NOON),
        Component("b", SafeText("Odd"), SafeText("purple"), None),
        Component("c", SafeText("Other"), SafeText("partial outage"), Level.PARTIAL, wanted=False),
    ),
    incidents=(
        *(
            Incident(f"i{number}", SafeText(f"Sending fails {number}"), SafeText("investigating"), True, Level.PARTIAL)
            for number in range(6)
        ),
        Incident("z", SafeText("Old"), SafeText("resolved"), False),
    ),
    maintenances=(Maintenance("m", SafeText("Disks"), SafeText("in progress"), True, NOON),),
    absent=("Gone",),
    more=4,
)
UNREAD = replace(ILL, trouble=Cause.REFUSED, words=SafeText("connection refused"), unread_for=90.0, read_age=120.0)
ODD = {
    "nothing": StatusFacts(),
    "never": StatusFacts(trouble=Cause.REFUSED, words=SafeText("connection refused by status:443"), unread_for=5.0),
    "well": WELL,
    "ill": ILL,
    "unread": UNREAD,
    "wide": replace(
        ILL, page=SafeText("停止" * 90), says=SafeText("停" * 300), incidents=(Incident("w", SafeText("健" * 160)),)
    ),
}


def view(facts: StatusFacts, *worries: Worry) -> View[StatusFacts]:
    def recent(name: str, **labels: str) -> Sequence[float | None]:
        return ()

    return View("mailer", Snapshot("mailer", NOON, 0.01, facts, measured(facts, "mailer").values), recent, worries)


def text(drawn: Line) -> str:
    return "".join(span.text for span in drawn.spans)


@pytest.mark.parametrize("width", [40, 58, 78, 118, 200])
@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_every_line_fits_its_room(facts: StatusFacts, width: int) -> None:
    for one in [*StatusPanel().brief(view(facts), width), *StatusPanel().head(view(facts), width)]:
        assert width_of(one.spans) <= width, text(one)


def test_a_page_where_all_is_fine_takes_one_line() -> None:
    (one,) = StatusPanel().brief(view(WELL), 78)
    assert text(one).startswith("● mailer")
    assert "1 component fine" in text(one)


def test_the_worst_component_and_its_incidents_are_named() -> None:
    worry = Worry(Severity.CRITICAL, "component_level", (("component", "API"),), "w")
    lines = StatusPanel().brief(view(ILL, worry), 118)
    assert "major outage" in text(lines[0])
    assert "API: major outage (+1 more)" in text(lines[0])
    assert lines[0].severity is Severity.CRITICAL
    assert "Sending fails 0 (investigating)" in text(lines[1])
    assert "and 2 more incidents" in text(lines[-1])


def test_a_page_that_can_not_be_read_keeps_its_word_with_its_age() -> None:
    assert "read 2m00s ago, not now: API: major outage" in text(StatusPanel().brief(view(UNREAD), 118)[0])
    assert any("not read now: connection refused" in text(one) for one in StatusPanel().head(view(UNREAD), 118))


def test_what_was_never_read_is_never_drawn_as_fine() -> None:
    (one,) = StatusPanel().brief(view(ODD["never"]), 118)
    assert "not read: connection refused by status:443" in text(one)
    assert one.severity is Severity.NOTICE


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_every_cell_and_detail_can_be_drawn(facts: StatusFacts) -> None:
    for table in StatusPanel.tables:
        rows = table.rows(facts)
        assert len({table.key(row) for row in rows}) == len(rows)
        for row in rows:
            assert all(column.cell(row) is not None for column in table.columns)
            assert table.tone(row) is not None
            if table.detail is not None:
                assert table.detail(row)
