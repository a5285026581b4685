"""The panel of a file of settings on given facts: every width, gaps, wide characters, and never a secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from probes.base import SafeText, Severity, Snapshot
from probes.settings.facts import Entry, SettingsFacts, User
from probes.settings.gauges import measured
from widgets.lines import Line, width_of
from widgets.panel import View, Worry
from widgets.settings import SettingsPanel

WIDTHS = (40, 58, 78, 118, 200)
DAY = datetime(2026, 3, 1, 3, 12, tzinfo=UTC)
PLAIN = Entry("COLOUR", False, SafeText("red"), 3, line=2)
KEY = Entry("API_KEY", True, SafeText(), 40, "ab12cd", 3, applied=False, proven=True)
URL = Entry("DATABASE_URL", True, SafeText("postgres://app:***@db/app"), 44, "12ab34", 4, applied=True)
FINE = SettingsFacts(
    SafeText("/srv/app/.env"), mode=0o640, owner=SafeText("app"), size=900, changed=DAY, entries=(PLAIN, URL),
    applies=("box/web",), tracked=False,
)  # fmt: skip
BUSY = replace(
    FINE, mode=0o644, entries=(PLAIN, KEY, URL, replace(PLAIN, key="TWICE", times=2)), missing=("NEEDED", "OTHER"),
    example=SafeText("/srv/app/.env.example"), bad=(7, 9), tracked=True, looked=True, link=SafeText("/srv/other"),
    left=("..env.0123456789ab",), users=(User(SafeText("shop-web-1"), DAY, True, ("API_KEY",)),),
)  # fmt: skip
FACTS = {
    "nothing": SettingsFacts(SafeText("/x")),
    "fine": FINE,
    "busy": BUSY,
    "wide": replace(BUSY, missing=tuple(f"秘密{n}" * 20 for n in range(99)), file=SafeText("/設定" * 80)),
}


def view(facts: SettingsFacts, *worries: Worry) -> View[SettingsFacts]:
    gauges = measured(facts, 7200.0 if facts.changed else None).values
    return View("env", Snapshot("env", DAY, 0.1, facts, gauges), lambda name, **labels: [], worries)


def drawn(lines: Sequence[Line]) -> str:
    return "\n".join(one.text for one in lines)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("facts", FACTS.values(), ids=FACTS)
def test_no_line_is_wider_than_its_panel(facts: SettingsFacts, width: int) -> None:
    panel = SettingsPanel()
    for line in (*panel.brief(view(facts), width), *panel.head(view(facts), width), *panel.more(view(facts), width)):
        assert width_of(line.spans) <= width, line.text
    assert panel.headline(view(facts))


def test_what_is_to_be_done_is_said_in_one_line() -> None:
    text = drawn(SettingsPanel().brief(view(BUSY), 200))
    assert "not applied: API_KEY; missing: NEEDED, OTHER; every user can read its secrets; 1 key twice" in text
    assert "a killed session left its secrets beside it" in text
    calm = drawn(SettingsPanel().brief(view(FINE), 118))
    assert "/srv/app/.env, changed 2h00m ago, nothing to remark" in calm


def test_the_head_tells_mode_owner_link_and_what_is_made_from_it() -> None:
    text = drawn(SettingsPanel().head(view(BUSY), 200))
    for part in (
        "-> /srv/other",
        "rw-r--r-- app",
        "left beside it by a killed session: ..env.0123456789ab",
        "counts once made new: box/web",
        "kept in git",
        "on line 7, 9",
    ):
        assert part in text


@pytest.mark.parametrize("facts", [FINE, BUSY])
def test_its_path_stands_once_in_its_head_and_once_on_the_overview(facts: SettingsFacts) -> None:
    panel, path = SettingsPanel(), "/srv/app/.env"
    assert (
        drawn(panel.head(view(facts), 200)).count(f"{path} ") + drawn(panel.head(view(facts), 200)).count(f"{path},")
        == 1
    )
    room = drawn([*panel.brief(view(facts), 200), *panel.more(view(facts), 200)])
    assert room.count(f"{path} ") + room.count(f"{path},") == 1
    assert "rw-r" in room
    assert room.count("nothing to remark") == (facts is FINE)


def test_a_secret_is_a_row_of_dots_and_an_address_has_none_in_it() -> None:
    keys = SettingsPanel.tables[0]
    cells = {row.key: [str(getattr(column.cell(row), "text", column.cell(row))) for column in keys.columns]
             for row in keys.rows(BUSY)}  # fmt: skip
    assert cells["API_KEY"][1:5] == ["40", "ab12cd", "NO", "••••••"]
    assert cells["DATABASE_URL"][4] == "••••••  postgres://app:***@db/app"
    assert cells["COLOUR"][4] == "red"
    assert keys.detail is not None
    assert "its value is never shown" in drawn(keys.detail(KEY))
    assert "none: below 8 characters" in drawn(keys.detail(PLAIN))
    assert "none: there is no key for marks" in drawn(keys.detail(replace(KEY, mark="")))
    kept = replace(KEY, earlier=DAY)
    assert "kept until 2026-03-01: retire proves that it is dead" in drawn(keys.detail(kept))
    assert keys.columns[-1].cell(kept) == "not applied: made new, it is, retire old value"
    users = SettingsPanel.tables[1]
    assert [str(column.cell(BUSY.users[0])) for column in users.columns] == [
        "shop-web-1", "2026-03-01 03:12", "yes", "API_KEY"
    ]  # fmt: skip


def test_what_the_rules_say_is_shown_with_its_sign() -> None:
    worry = Worry(Severity.CRITICAL, "open_to_all", (), "every user of this machine can read its secrets")
    (line,) = SettingsPanel().brief(view(BUSY, worry), 80)
    assert line.severity is Severity.CRITICAL
    assert SettingsPanel().brief(view(FINE), 80)[0].severity is None
