"""The secrets panel on given facts: every width, gaps, wide characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from probes.aws.calls import Seat
from probes.aws.secrets.facts import OneSecret, SecretsFacts, Version
from probes.base import SafeText, Severity, Snapshot
from widgets.lines import Line, Tone, width_of
from widgets.panel import View, Worry
from widgets.secrets import SecretsPanel

WIDTHS = (40, 58, 78, 118, 200)
DAY = datetime(2026, 3, 1, 3, 12, tzinfo=UTC)
SEAT = Seat(SafeText("123456789012 eu-west-1 as ops/ann"), 12, None)
FINE = OneSecret(
    SafeText("production/db"), "arn:x", SafeText("the shop"), DAY, DAY, DAY, DAY, True, DAY,
    versions=(
        Version("16b9e9f2-f80d-4e1b-8bbd-2be8cc944578", ("AWSCURRENT",), DAY), Version("b" * 36, ("AWSPREVIOUS",)),
    ),
    tags=2,
)  # fmt: skip
MARKED = replace(FINE, name=SafeText("production/old"), deleted=DAY)
HANGS = replace(FINE, name=SafeText("production/hangs"), pending=7200.0)
LATE = replace(FINE, name=SafeText("production/late"), overdue=3 * 86400.0)
MISSING = OneSecret(SafeText("production/none"), missing=True, trouble=SafeText("no such secret: check the name"))
FACTS = {
    "nothing": SecretsFacts(SEAT),
    "listing": SecretsFacts(SEAT, (FINE,), listing=True),
    "busy": SecretsFacts(SEAT, (MISSING, MARKED, HANGS, LATE, FINE)),
    "wide": SecretsFacts(SEAT, tuple(replace(MARKED, name=SafeText(f"秘密{n}" * 30)) for n in range(99))),
    "gaps": SecretsFacts(SEAT, (OneSecret(SafeText("x")),)),
}


def view(facts: SecretsFacts, *worries: Worry) -> View[SecretsFacts]:
    return View("keys", Snapshot("keys", DAY, 0.1, facts), lambda name, **labels: [], worries)


def drawn(lines: Sequence[Line]) -> str:
    return "\n".join(one.text for one in lines)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("facts", FACTS.values(), ids=FACTS)
def test_no_line_is_wider_than_its_panel(facts: SecretsFacts, width: int) -> None:
    panel = SecretsPanel()
    for line in (*panel.brief(view(facts), width), *panel.head(view(facts), width)[:-1]):
        assert width_of(line.spans) <= width, line.text
    assert panel.headline(view(facts))


def test_what_is_wrong_has_a_line_of_its_own_and_the_rest_one_together() -> None:
    lines = SecretsPanel().brief(view(FACTS["busy"]), 118)
    text = drawn(lines)
    assert [line.key for line in lines[:4]] == [
        "production/none", "production/old", "production/hangs", "production/late"
    ]  # fmt: skip
    for part in ("no such secret", "marked for deletion, 2026-03-01", "has not ended for 2h00m", "rotation 3d00h late"):
        assert part in text
    assert "1 secret without a remark" in text


def test_an_alert_decides_the_severity_of_a_line() -> None:
    worry = Worry(Severity.CRITICAL, "deletion", (("secret", "production/old"),), "gone")
    lines = SecretsPanel().brief(view(FACTS["busy"], worry), 118)
    assert {line.key: line.severity for line in lines}["production/old"] is Severity.CRITICAL


def test_the_detail_tells_versions_and_dates_and_a_dash_for_what_is_not_known() -> None:
    table = SecretsPanel.tables[0]
    assert table.detail is not None
    text = drawn(table.detail(FINE))
    assert "16b9e9f2…4578 of 2026-03-01 03:12 UTC" in text
    for row in (OneSecret(SafeText("x")), MISSING, MARKED):
        assert "None" not in drawn(table.detail(row))
    cells = {column.title: str(column.cell(OneSecret(SafeText("x")))) for column in table.columns}
    assert cells["changed"] == cells["current"] == "–"
    assert table.tone(MARKED) is Tone.CRITICAL
    assert table.tone(HANGS) is Tone.WARNING


def test_a_list_under_way_says_so_and_the_seat_comes_last() -> None:
    lines = SecretsPanel().head(view(FACTS["listing"]), 118)
    assert "the list is being read: 1 so far" in drawn(lines)
    assert "ops/ann" in lines[-1].text
