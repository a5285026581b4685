"""The scans panel on given facts: every width, scans that never ran, findings of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from probes.base import Cause, SafeText, Severity, Snapshot
from probes.scans.facts import Finding, Level, Scan, ScansFacts, Standing
from widgets.lines import width_of
from widgets.panel import View, Worry
from widgets.scans import ScansPanel

WIDTHS = (40, 58, 78, 118, 200)
NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
FINDING = Finding(SafeText("CVE-2026-1"), SafeText("openssl"), SafeText("1.1"), SafeText("1.2"), Level.CRITICAL,
                  SafeText("bad"), True)  # fmt: skip
DONE = Scan(
    "trivy app:1", "trivy", SafeText("app:1"), Standing.DONE, {Level.CRITICAL: 1, Level.HIGH: 0, Level.UNRATED: 2},
    (FINDING,), 1, 3, SafeText("debian 10 gets no more updates"), (SafeText("CVE-2026-1 in openssl"),), (),
    NOW - timedelta(hours=5), 12.0,
)  # fmt: skip
MISSING = Scan("npm /srv", "npm", SafeText("/srv"), Standing.MISSING, cause=Cause.MISSING,
               words=SafeText("npm is not installed here"), hint=SafeText("it comes with Node.js"))  # fmt: skip
BUSY = ScansFacts((MISSING, DONE, replace(DONE, key="b", standing=Standing.RUNNING)), None)
ODD = {
    "nothing": ScansFacts(),
    "busy": BUSY,
    "waiting": ScansFacts((Scan("pip-audit /srv", "pip-audit", SafeText("/srv")),), NOW + timedelta(minutes=2)),
    "wide": ScansFacts(tuple(replace(DONE, key=str(n), subject=SafeText("数据库" * 60)) for n in range(50))),
}


def view(facts: ScansFacts, *worries: Worry) -> View[ScansFacts]:
    def recent(name: str, **labels: str) -> Sequence[float | None]:
        return ()

    return View("code", Snapshot("code", NOW, 0.01, facts), recent, worries)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_no_line_is_wider_than_it_may_be(facts: ScansFacts, width: int) -> None:
    panel = ScansPanel()
    for line in (*panel.brief(view(facts), width), *panel.head(view(facts), width)):
        assert width_of(line.spans) <= width, line.text
    assert panel.headline(view(facts))


def test_counts_age_and_what_was_not_judged_stand_on_the_line() -> None:
    worry = Worry(Severity.WARNING, "critical", (("scan", DONE.key),), "1 critical")
    text = ScansPanel().brief(view(ScansFacts((DONE,)), worry), 200)[0].text
    for part in ("1 critical", "2 unrated", "1 fixable", "1 new", "3 packages not judged", "5h00m ago"):
        assert part in text


def test_a_missing_tool_says_where_it_comes_from_and_is_not_drawn_as_well() -> None:
    line = ScansPanel().brief(view(ScansFacts((MISSING,))), 118)[0]
    assert "not installed here; it comes with Node.js" in line.text
    assert line.severity is Severity.NOTICE


def test_what_was_never_scanned_has_no_zeroes() -> None:
    scans, findings = ScansPanel.tables
    (row,) = scans.rows(ODD["waiting"])
    assert [str(column.cell(row)) for column in scans.columns][2:4] == ["–", "–"]
    assert len({findings.key(one) for one in findings.rows(BUSY)}) == len(findings.rows(BUSY)) == 2
    assert findings.subject is not None
    assert findings.subject(findings.rows(BUSY)[0]) == DONE.key
