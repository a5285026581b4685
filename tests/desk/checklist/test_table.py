"""`[[checklist]]` in a profile: every error at once, with file, line, key and a guess."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from desk.checklist.box import Against, Asked
from desk.profile import ProfileError, load, parse, schema
from tests.desk.checklist.lists import HEAD, box, profile
from tests.toys import ToyKinds

LIST = '[[checklist]]\nname = "morning"\n'
BOX = '[[checklist.box]]\nsay = "It is so"\n'


def problems(text: str) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        parse(HEAD + text, ToyKinds(), "room.toml")
    return [str(one) for one in caught.value.problems]


def test_a_checklist_is_understood() -> None:
    made = profile(
        """
[[checklist]]
name = "morning"
title = "Morning round"
schedule = "weekdays 9:00"
zone = "Europe/Berlin"
within = 2
[[checklist.box]]
say = "Few things"
check = "shelf.things < 3"
critical = "> 9"
procedure = "Tidy"
[[checklist.box]]
say = "Birds"
manual = true
value = "number"
unit = "birds"
against = "weekday"
link = "https://birds.example/"
[[checklist]]
name = "evening"
[[checklist.box]]
say = "The shelf is well"
reading = "shelf/kite"
"""
    )
    morning, evening = made.checklists
    assert (morning.title, evening.title) == ("Morning round", "evening")
    assert morning.schedule is not None
    assert (morning.schedule.text, morning.zone, morning.within) == (
        "weekdays 09:00",
        "Europe/Berlin",
        timedelta(hours=2),
    )
    first, second = morning.boxes
    assert (str(first.test), first.procedure, first.by_itself, first.place) == (
        "shelf.things < 3",
        "Tidy",
        True,
        "shelf",
    )
    assert (second.asked, second.unit, second.against, second.by_itself) == (
        Asked.NUMBER,
        "birds",
        Against.WEEKDAY,
        False,
    )
    assert first.origin == "room.toml:14"
    assert (evening.schedule, evening.boxes[0].place, evening.boxes[0].sources) == (None, "shelf/kite", ("shelf",))


def test_a_value_may_be_shown_to_the_person_who_signs() -> None:
    made = box("check = 'shelf.things'\nmanual = true")
    assert (made.by_itself, made.sources) == (False, ("shelf",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[checklist]\nx = 1", "room.toml:7: checklist: must be written as [[checklist]]"),
        (LIST, "checklist.0: has no box: add [[checklist.box]]"),
        ("[[checklist]]\n" + BOX + "manual = true", "checklist.0.name: is required"),
        (LIST + BOX + "manual = true\n" + LIST + BOX + "manual = true", "checklist.1.name: is already the name"),
        (
            LIST + 'shedule = "x"\n' + BOX + "manual = true",
            "room.toml:9: checklist.0.shedule: is not a known key; did you mean schedule?",
        ),
        (LIST + 'form = "x"\n' + BOX + "manual = true", "checklist.0.form: is not a known key; did you mean from?"),
        (LIST + 'schedule = "at nine"\n' + BOX + "manual = true", "checklist.0.schedule: must be one of"),
        (
            LIST + 'zone = "Europe/Berln"\n' + BOX + "manual = true",
            'write its name as "Europe/Berlin" or "UTC"; did you mean Europe/Berlin?',
        ),
        (LIST + "within = 0\n" + BOX + "manual = true", "checklist.0.within: must be more than 0"),
        (LIST + 'from = "Daily"\n', 'checklist.0.from: needs a runbook: write runbook = "RUNBOOK.md" at the top'),
        ('[[checklist]]\nname = "a b"\n' + BOX + "manual = true", "checklist.0.name: must be one word"),
        (LIST + BOX + 'check = "shelf.things"\nmanual = true\nvalue = "number"', "box.0.value: goes without check"),
        (LIST + BOX, "room.toml:9: checklist.0.box.0: says nothing of what answers it"),
        (
            LIST + BOX + "manual = true\n" + BOX + "manual = true",
            "room.toml:13: checklist.0.box.1.say: is already a box",
        ),
        (
            LIST + BOX + "manul = true",
            "room.toml:11: checklist.0.box.0.manul: is not a known key; did you mean manual?",
        ),
        (
            LIST + BOX + 'check = "shelf.thngs < 3"',
            "checklist.0.box.0.check: toy has no gauge thngs; did you mean things?",
        ),
        (
            LIST + BOX + 'check = "shef.things < 3"',
            "shef is neither a target of this profile nor a kind that it has; did you mean shelf?",
        ),
        (LIST + BOX + 'check = "shelf.things"', "checklist.0.box.0.check: has no limit: write shelf.things < 100"),
        (LIST + BOX + 'check = "shelf.things <"', "checklist.0.box.0.check: "),
        (LIST + BOX + 'check = "3 < 4"', "names no gauge"),
        (LIST + BOX + 'check = "shelf.things < 3 for 5m"', 'goes without "for"'),
        (LIST + BOX + 'check = "shelf.things"\nwarn = "> 3 for 5m"', 'box.0.warn: goes without "for"'),
        (LIST + BOX + 'check = "shelf.things < 3"\nwarn = "> 5"', "box.0.warn: goes without a limit in check"),
        (
            LIST + BOX + 'check = "shelf.things < 3"\ncritical = "> 2"',
            "box.0.critical: must lie outside of what is good, < 3",
        ),
        (LIST + BOX + 'check = "shelf.things < 3"\ncritical = "< 9"', "box.0.critical: must point the other way"),
        (
            LIST + BOX + 'check = "shelf.things"\nwarn = "> 5"\ncritical = "> 4"',
            "must be further than the first limit, > 5",
        ),
        (
            LIST + BOX + 'check = "shelf.things"\nwarn = "> 5"\ncritical = "< 4"',
            "must be further than the first limit, > 5",
        ),
        (LIST + BOX + 'check = "shelf.things"\ncritical = "much"', "box.0.critical: "),
        (LIST + BOX + 'manual = true\ncritical = "> 4"', "box.0.critical: goes with check only"),
        (LIST + BOX + 'check = "shelf.things < 3"\nreading = "shelf"', "box.0.reading: goes without check"),
        (LIST + BOX + 'check = "shelf.things < 3"\nmanual = true', "box.0.manual: goes without check"),
        (LIST + BOX + 'check = "shelf.things < 3"\nvalue = "number"', "box.0.value: goes with manual only"),
        (LIST + BOX + 'manual = true\nvalue = "date"', "box.0.value: must be"),
        (LIST + BOX + 'manual = true\nunit = "m"', 'box.0.unit: goes with value = "number" only'),
        (LIST + BOX + 'reading = "shef/kite"', "box.0.reading: is not a target of this profile; did you mean shelf?"),
        (LIST + BOX + 'manual = true\nsee = "shef"', "box.0.see: is not a target of this profile; did you mean shelf?"),
        (LIST + BOX + 'action = "shef"', "box.0.action: is not a target of this profile; did you mean shelf?"),
        (LIST + BOX + 'link = "javascript:x"', "box.0.link: must be an address that begins with https://"),
        (LIST + 'box = "x"', "checklist.0.box: must be a list"),
    ],
)
def test_each_mistake_has_its_words(text: str, said: str) -> None:
    found = problems(text)
    assert any(said in one for one in found), found


def test_every_mistake_is_told_at_once() -> None:
    found = problems(LIST + 'schedule = "x"\nzone = "y"\n' + BOX + 'check = "a.b < 1"\n' + BOX + "manual = true")
    assert len(found) == 4


def test_the_runbook_lies_beside_the_profile(tmp_path: Path) -> None:
    file = tmp_path / "room.toml"
    file.write_text('runbook = ["RUNBOOK.md", "/srv/other.md"]\n' + HEAD)
    assert load(file, ToyKinds()).runbooks == (tmp_path / "RUNBOOK.md", Path("/srv/other.md"))
    file.write_text('runbook = "docs/RUNBOOK.md"\n' + HEAD)
    assert load(file, ToyKinds()).runbooks == (tmp_path / "docs/RUNBOOK.md",)


def test_a_home_that_nobody_has_is_told_as_a_fault_of_the_profile() -> None:
    with pytest.raises(ProfileError) as caught:
        profile("", 'runbook = ["RUNBOOK.md", "~nobody-of-this-name/RUNBOOK.md"]\n')
    (said,) = map(str, caught.value.problems)
    assert "runbook: ~nobody-of-this-name/RUNBOOK.md: there is no such person" in said


@pytest.mark.parametrize("text", ["runbook = 3\n", 'runbook = ""\n', "runbook = [3]\n", 'runbook = "a\\u0000b"\n'])
def test_what_is_no_name_of_a_file_is_refused(text: str) -> None:
    with pytest.raises(ProfileError, match="runbook"):
        parse(text + HEAD, ToyKinds())


def test_the_schema_knows_them() -> None:
    made = schema(ToyKinds())
    assert {"runbook", "checklist"} <= set(made["properties"])
    assert "from" in made["$defs"]["checklist"]["properties"]
    assert made["$defs"]["checklist"]["properties"]["box"]["items"]["$ref"] == "#/$defs/BoxTable"
    assert "say" in made["$defs"]["BoxTable"]["properties"]
