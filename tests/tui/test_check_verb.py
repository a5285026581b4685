"""`opsroom check NAME`: one checklist without a screen, on this very machine."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from tests.desk.checklist.lists import profile
from tui import check as once
from tui import checklists, terminal
from tui.cli import main

PROFILE = """
system = "shop"
[host.local]
[http.web]
url = "http://127.0.0.1:9/"
timeout = 20

[[checklist]]
name = "morning"
title = "Morning round"
schedule = "daily 09:00"
zone = "Europe/Berlin"
[[checklist.box]]
say = "The machine runs"
check = "local.uptime_seconds > 0"
[[checklist.box]]
say = "Somebody looked"
manual = true

[[checklist]]
name = "tight"
[[checklist.box]]
say = "It has run for a century"
check = "local.uptime_seconds > 36500d"
critical = "< 1s"

[[checklist]]
name = "web"
[[checklist.box]]
say = "The site answers"
check = "web.up == 1"

[[checklist]]
name = "alone"
[[checklist.box]]
say = "The machine runs"
check = "host.uptime_seconds > 0"
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person with one profile; leaving is seen as a code."""

    def leave(code: int) -> NoReturn:
        raise SystemExit(code)

    for name in list(os.environ):
        if name.startswith("OPSROOM"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OPSROOM_HOME", str(tmp_path))
    monkeypatch.setattr(terminal, "leave", leave)
    monkeypatch.setattr(once, "_APART", 0.02)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "shop.toml").write_text(PROFILE)
    return tmp_path


def call(*words: str) -> Result:
    """What it says, given time enough on a machine that is busy with other tests."""
    if words[:1] == ("check",) and "--seconds" not in words:
        words = (*words, "--seconds", "60")
    return CliRunner().invoke(main, words, prog_name="opsroom")


def test_a_checklist_is_looked_at_once_and_what_a_person_signs_makes_it_no_worse() -> None:
    found = call("check", "morning")
    assert found.exit_code == 0
    first, runs, looked, last = found.stdout.splitlines()
    assert first.startswith("shop  Morning round")
    assert runs.startswith("good       The machine runs  ")
    assert looked == "not done   Somebody looked"
    assert last == "1 good, 1 not done"


def test_each_form_tells_the_same_with_its_own_code() -> None:
    assert call("check", "tight").exit_code == 1
    monitoring = call("check", "tight", "--nagios")
    assert (monitoring.exit_code, monitoring.stdout[:30]) == (1, "WARNING - tight: It has run fo")
    body = call("check", "tight", "--json")
    assert (body.exit_code, json.loads(body.stdout)["boxes"][0]["verdict"]) == (1, "amber")
    junit = call("check", "tight", "--junit")
    assert (junit.exit_code, ElementTree.fromstring(junit.stdout)[0].get("failures")) == (1, "1")
    assert "| [ ] amber | It has run for a century |" in call("check", "tight", "--markdown").stdout


def test_where_nothing_can_be_reached_that_is_another_code() -> None:
    found = call("check", "web", "--seconds", "60")
    assert found.exit_code == 3
    assert "unknown    The site answers  web: refused, " in found.stdout
    assert call("check", "web", "--nagios", "--seconds", "60").exit_code == 3


def test_what_is_recorded_is_there_next_time(home: Path) -> None:
    assert "any time" in call("check", "--list").stdout
    assert not list(home.rglob("checklists.db")), "who only looks keeps nothing"
    assert call("check", "alone", "--record").exit_code == 0
    lines = {line.split()[0]: line for line in call("check", "--list").stdout.splitlines()}
    assert "done by check by" in lines["alone"]
    assert "not due yet" in lines["morning"]
    assert "CE" in lines["morning"], "the next time, by the zone's own clock"


def test_what_is_asked_for_wrongly_is_refused_in_words() -> None:
    found = call("check", "mornin")
    assert (found.exit_code, found.stderr) == (2, "opsroom: there is no checklist mornin; did you mean morning?\n")
    assert "name one; --list shows them" in call("check", "--junit").stderr
    assert "name one; --list shows them" in call("check", "--record").stderr


def test_a_runbook_that_is_not_there_is_told_and_its_checklist_is_not_well(home: Path) -> None:
    file = home / "config" / "shop.toml"
    text = PROFILE.replace('name = "alone"', 'name = "alone"\nfrom = "Every day"')
    file.write_text('runbook = "RUNBOOK.md"\n' + text)
    found = call("check", "alone")
    assert (found.exit_code, "RUNBOOK.md: no such file" in found.stderr) == (1, True)
    assert found.stdout.endswith("1 good, the boxes under “Every day” could not be read from a runbook\n")
    assert call("check", "alone", "--record").exit_code == 1
    assert "done by" not in call("check", "--list").stdout, "half of it is not the whole"
    (home / "config" / "RUNBOOK.md").write_text("# Shop\n\n## Every week\n\n- [ ] Dust\n")
    assert call("check", "alone").exit_code == 1, "its heading is gone"
    (home / "config" / "RUNBOOK.md").write_text("# Shop\n\n## Every day\n\n- [ ] Dust\n")
    assert call("check", "alone").exit_code == 0
    (home / "config" / "RUNBOOK.md").unlink()
    checked = call("config", "validate")
    assert (checked.exit_code, "RUNBOOK.md: no such file" in checked.stderr) == (2, True)


def test_a_rule_that_compares_a_target_with_another_still_speaks_where_only_that_target_is_looked_at() -> None:
    rule = '[[rule]]\nname = "{}"\nwhen = "{}"\nseverity = "warning"\n'
    text = "".join(
        rule.format(name, when)
        for name, when in (("more", "shelf.things - box.things > 10"), ("less", "box.things - shelf.things > 10"))
    )
    boxes = '[[checklist]]\nname = "one"\n[[checklist.box]]\nsay = "Well"\n'
    made = profile(text + boxes + 'reading = "shelf"\n')
    narrow = checklists.narrowed(made, made.checklists[0])
    assert [one.name for one in narrow.targets] == ["shelf", "box"]
    assert "more" in {one.name for one in narrow.standing}
    made = profile(text + boxes + 'check = "shelf.things < 3"\n')
    narrow = checklists.narrowed(made, made.checklists[0])
    assert ([one.name for one in narrow.targets], narrow.standing) == (["shelf"], ())


def test_the_profile_is_shown_and_counted_with_its_checklists() -> None:
    assert call("config", "validate").stdout.endswith("shop.toml: ok, 2 targets, 4 checklists\n")
    shown = json.loads(call("config", "show").stdout)["checklists"]["morning"]
    assert (shown["schedule"], shown["zone"]) == ("daily 09:00", "Europe/Berlin")
    assert [one["answered by"] for one in shown["boxes"]] == ["local.uptime_seconds > 0", "a person"]
