"""The rules in force: what each says, and who said it."""

from __future__ import annotations

from desk.inforce import InForce, Own, in_force
from desk.profile import parse
from probes.base import OURS
from tests.toys import ToyKinds, ToyProbe

HEAD = 'system = "nursery"\n[toy.shelf]\n'


def told(text: str) -> dict[tuple[str, str], InForce]:
    profile = parse(HEAD + text, ToyKinds(), "/somewhere/nursery.toml")
    own = {target.name: Own(ToyProbe.rules, ToyProbe.gauges) for target in profile.targets}
    return {(one.rule, one.severity.name.lower()): one for one in in_force(profile, own)}


def test_what_nobody_has_set_is_opsrooms_default() -> None:
    found = told("")
    assert {rule: (one.when, one.handling.origin) for (rule, _), one in found.items()} == {
        "no-answer": ("it can't be read", OURS),
        "big": ("size_bytes > 1 KiB", OURS),
        "many": ("things > 2", OURS),
    }


def test_what_the_profile_sets_is_told_with_its_line() -> None:
    found = told('[[rule]]\nname = "big"\nthreshold = 2048\nhold = 60\nclear = 1024\nconsecutive = 3\n')
    one = found["big", "warning"]
    assert one.when == "size_bytes > 2 KiB, for 1m, 3 readings in a row, clears at 1 KiB"
    assert one.handling.origin == "nursery.toml:3"
    assert found["many", "critical"].handling.origin == OURS


def test_to_say_what_to_do_about_it_changes_nobodys_limit() -> None:
    one = told('[[rule]]\nname = "big"\nprocedure = "Tidy up"\n')["big", "warning"]
    assert (one.handling.origin, one.handling.procedure) == (OURS, "Tidy up")


def test_two_entries_about_one_rule_add_up() -> None:
    text = '[[rule]]\nname = "big"\nprocedure = "Tidy up"\n[[rule]]\nname = "big"\nthreshold = 5\nrespond = "5m"\n'
    one = told(text)["big", "warning"]
    assert (one.handling.origin, one.handling.procedure, one.handling.respond) == ("nursery.toml:6", "Tidy up", 300.0)


def test_a_figure_nobody_gave_stays_ours_wherever_it_stands() -> None:
    text = '[[rule]]\nname = "deep"\nwhen = "shelf.things > 5 for 5m"\ncritical = "> 9"\nours = true\nclear = 4\n'
    found = told(text)
    assert found["deep", "warning"].when == "shelf.things > 5, for 5m, clears at 4"
    assert found["deep", "critical"].when == "shelf.things > 9"
    assert {one.handling.origin for (rule, _), one in found.items() if rule == "deep"} == {f"{OURS} in nursery.toml:3"}


def test_what_is_switched_off_is_told_too() -> None:
    text = (
        '[[rule]]\nname = "deep"\nwhen = "shelf.things > 5"\nenabled = false\n'
        '[[rule]]\nname = "many"\nenabled = false\n[[rule]]\nname = "no-answer"\ntarget = "shelf"\nenabled = false\n'
    )
    found = told(text)
    assert {rule: one.enabled for (rule, _), one in found.items()} == {
        "deep": False, "no-answer": False, "big": True, "many": False,
    }  # fmt: skip


def test_how_long_a_target_may_be_silent_can_be_said() -> None:
    one = told('[[rule]]\nname = "no-answer"\nconsecutive = 2\nhold = 30\nseverity = "notice"\n')["no-answer", "notice"]
    assert one.when == "it can't be read, for 30s, 2 readings in a row"
    assert one.record == {
        "target": "shelf", "rule": "no-answer", "severity": "notice", "when": one.when, "from": "nursery.toml:3",
        "enabled": True,
    }  # fmt: skip
