"""The panels of Sentry and PagerDuty on given facts: every width, gaps, huge numbers, wide characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from probes.alerting.pagerduty.facts import Incident, OnCall, PagerDutyFacts
from probes.alerting.pagerduty.gauges import measure as measure_incidents
from probes.alerting.sentry.facts import Issue, SentryFacts
from probes.alerting.sentry.gauges import measure as measure_issues
from probes.base import Gauges, SafeText, Severity, Snapshot
from widgets.lines import Line, Part, Span, Tone, width_of
from widgets.pagerduty import PagerDutyPanel
from widgets.panel import Panel, View
from widgets.sentry import SentryPanel

WIDTHS = (40, 58, 78, 118, 200)
NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
WIDE = SafeText("数据库错误" * 60)

ISSUE = Issue(
    "45", SafeText("SHOP-1"), SafeText("ValueError: bad amount"), SafeText("shop.pay"), SafeText("shop"), "error",
    "new", "high", 12345, 14, NOW - timedelta(minutes=20), NOW, SafeText("Anna"), True, True, "https://s.example/45/",
    (0, 4, 9, 60), 2.4, NOW - timedelta(hours=2),
)  # fmt: skip
BARE_ISSUE = replace(
    ISSUE, id="46", level="info", state="", events=None, users=None, first_seen=None, last_seen=None, course=(),
    rate=None, began=None, assigned=SafeText(), person=False, unhandled=None, link="", where=SafeText(),
)  # fmt: skip
NONE = SentryFacts(SafeText("Sentry at s.example"), "acme", (), 0, NOW, None)
ISSUES = {
    "nothing": NONE,
    "busy": replace(NONE, issues=(ISSUE, BARE_ISSUE), unresolved=2, skew=-61.0),
    "many": replace(NONE, issues=tuple(replace(ISSUE, id=str(n), rate=1e9, users=10**15) for n in range(400)),
                    unresolved=None),
    "wide": replace(NONE, where=WIDE, issues=(replace(ISSUE, short=WIDE, title=WIDE, where=WIDE, assigned=WIDE),)),
}  # fmt: skip

INCIDENT = Incident(
    "PT4KH01", 1234, SafeText("The queue is full"), "triggered", "high", SafeText("P1"), SafeText("Mail"),
    SafeText("Mail people"), (SafeText("Engineering"),), NOW - timedelta(minutes=12), NOW, 720.0, (SafeText("Anna"),),
    ("PXPGF42",), (), NOW + timedelta(minutes=5), 2, "https://acme.pagerduty.com/incidents/PT4KH01",
)  # fmt: skip
HELD = replace(INCIDENT, id="P2", number=None, status="acknowledged", urgency="low", acknowledged=(SafeText("Bo"),),
               escalates=None, alerts=None, created=None, age=None)  # fmt: skip
ANNA = OnCall("a", "PT20YPA", SafeText("Mail people"), 1, SafeText("Anna Berg"), SafeText("Nights"), NOW)
CALM = PagerDutyFacts(SafeText("PagerDuty at api.pagerduty.com"), (), False, None, (), None)
INCIDENTS = {
    "nothing": CALM,
    "busy": replace(CALM, incidents=(INCIDENT, HELD), on_call=(ANNA, replace(ANNA, key="b", level=2, until=None)),
                    nobody=("PNOBODY",), skew=3601.0),
    "many": replace(CALM, incidents=tuple(replace(INCIDENT, id=f"P{n}", age=1e13) for n in range(900)), cut=True),
    "wide": replace(CALM, where=WIDE, incidents=(replace(INCIDENT, title=WIDE, service=WIDE, priority=WIDE),),
                    on_call=(replace(ANNA, user=WIDE, policy=WIDE),), nobody=("P" * 300,)),
}  # fmt: skip


def issues(name: str) -> View[Any]:
    measured = Gauges()
    measure_issues(measured, ISSUES[name], ISSUES[name].unresolved is not None)
    return View("shop", Snapshot("shop", NOW, 0.1, ISSUES[name], measured.values), lambda name, **labels: [])


def incidents(name: str) -> View[Any]:
    measured = Gauges()
    measure_incidents(measured, INCIDENTS[name])
    return View("paging", Snapshot("paging", NOW, 0.1, INCIDENTS[name], measured.values), lambda name, **labels: [])


def text_of(parts: Sequence[Line | Part]) -> str:
    return "\n".join(one.text if isinstance(one, Line | Span) else str(one) for one in parts)


EVERY = [
    *((SentryPanel(), issues(name)) for name in ISSUES),
    *((PagerDutyPanel(), incidents(name)) for name in INCIDENTS),
]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("panel", "view"), EVERY)
def test_no_line_is_wider_than_its_room(panel: Panel[Any], view: View[Any], width: int) -> None:
    for one in (*panel.brief(view, width), *panel.head(view, width)):
        assert width_of(one.spans) <= width or one.text.startswith("its clock"), one.text
    assert len(panel.brief(view, width)) <= 9
    assert len(panel.head(view, width)) <= 6
    for table in panel.tables:
        for row in table.rows(view.facts):
            assert all(column.cell(row) is not None for column in table.columns)
            assert table.detail is None or table.detail(row)
            assert table.tone(row) in Tone


def test_issues_that_happen_are_told_first_with_their_rate() -> None:
    panel, view = SentryPanel(), issues("busy")
    assert text_of(panel.headline(view)) == "2 unresolved\n1 new\n2.4/min"
    (first,) = panel.brief(view, 118)
    assert first.text.startswith("▲ SHOP-1")
    assert "ValueError: bad amount in shop.pay" in first.text
    assert (first.severity, first.key) == (Severity.WARNING, "45")
    head = text_of(panel.head(view, 118))
    assert "newest: SHOP-1 ValueError: bad amount, first seen 20m00s ago" in head
    assert "its clock is -61 s from ours" in head


def test_nothing_unresolved_is_well_and_more_than_was_read_is_said() -> None:
    (calm,) = SentryPanel().headline(issues("nothing"))[:1]
    assert calm == Span("nothing unresolved", Tone.GOOD)
    many = issues("many")
    assert "more than 400" in text_of(SentryPanel().headline(many))
    assert "and 394 more issues" in text_of(SentryPanel().brief(many, 118))


def test_an_incident_says_whom_it_waits_for_or_who_has_it() -> None:
    panel, view = PagerDutyPanel(), incidents("busy")
    waiting, held, who, nobody = panel.brief(view, 118)
    assert "triggered" in waiting.text
    assert "Mail: The queue is full  (waits for Anna)" in waiting.text
    assert "(Bo)" in held.text
    assert "on call  Mail people: Anna Berg" in who.text
    assert (nobody.text, nobody.severity) == ("nobody is on call for PNOBODY", Severity.WARNING)
    assert [one.severity for one in (waiting, held)] == [Severity.CRITICAL, Severity.WARNING]
    assert text_of(panel.headline(view)) == "1 triggered\n1 acknowledged"


def test_no_open_incident_is_well_and_a_cut_list_is_said() -> None:
    assert PagerDutyPanel().headline(incidents("nothing")) == [Span("no open incident", Tone.GOOD)]
    assert "and more" in text_of(PagerDutyPanel().headline(incidents("many")))
