"""`[[rule]]` with `when`: what it makes, and each error with its line."""

from __future__ import annotations

import pytest

from desk.profile import ProfileError, parse
from probes.base import Missing, Severity
from tests.toys import ToyKinds

HEAD = 'system = "nursery"\n[toy.shelf]\n[toy.box]\n[[rule]]\nname = "deep"\n'
COMPLETE = 'gauge = "things"\nop = ">"\nthreshold = 1\nseverity = "notice"\nsay = "x"'


def problem(text: str) -> str:
    with pytest.raises(ProfileError) as caught:
        parse(HEAD + text, ToyKinds(), "room.toml")
    (found,) = caught.value.problems
    return str(found)


def test_the_short_form_is_a_whole_rule() -> None:
    (rule,) = parse(HEAD + 'when = "shelf.things > 1000 for 5m"\n', ToyKinds()).standing
    assert (str(rule.of), str(rule.levels[0].limit), rule.levels[0].severity) == (
        "shelf.things", "> 1000 for 5m", Severity.WARNING,
    )  # fmt: skip


def test_everything_a_rule_may_say_is_kept() -> None:
    text = (
        'when = "rate(shelf.things, 5m) > 5"\ncritical = "> 20 for 1m"\nseverity = "notice"\nclear = 4\n'
        'say = "{value}"\nconsecutive = 3\nmissing = "alert"\nsamples = "delta(shelf.things, 5m) >= 50"\n'
        'respond = "30m"\nprocedure = "Queue backup"\naliases = ["Deep", "Queue"]\nsuggest = "scale"\n'
        'see = "box"\nsearch = "token"\nmute = true\n'
    )
    (rule,) = parse(HEAD + text, ToyKinds()).standing
    mild, worse = rule.levels
    assert (mild.severity, mild.clear, worse.severity, str(worse.limit)) == (
        Severity.NOTICE, 4.0, Severity.CRITICAL, "> 20 for 1m",
    )  # fmt: skip
    assert (rule.consecutive, rule.missing, str(rule.samples)) == (3, Missing.ALERT, "delta(shelf.things, 5m) >= 50")
    handling = rule.handling
    assert (handling.respond, handling.procedure, handling.aliases) == (1800.0, "Queue backup", ("Deep", "Queue"))
    assert (handling.suggest, handling.see, handling.search, handling.muted) == ("scale", "box", "token", True)


def test_a_rule_about_a_kind_is_one_for_each_of_its_targets() -> None:
    found = parse(HEAD + 'when = "toy.things > 3"\n', ToyKinds()).standing
    assert [rule.targets for rule in found] == [("shelf",), ("box",)]


def test_a_rule_that_is_switched_off_is_checked_and_left_out() -> None:
    assert parse(HEAD + 'when = "toy.things > 3"\nenabled = false\n', ToyKinds()).standing == ()
    assert "toy has no gauge thigns" in problem('when = "toy.thigns > 3"\nenabled = false\n')


def test_how_to_handle_it_can_be_said_of_a_kinds_own_rule() -> None:
    text = 'system = "x"\n[toy.shelf]\n[[rule]]\nname = "many"\nprocedure = "Tidy up"\nrespond = "5m"\n'
    (change,) = parse(text, ToyKinds()).changes
    assert change.values["handling"].procedure == "Tidy up"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('when = "shelf.things"', "room.toml:6: rule.0.when: has no limit: write for example > 1000"),
        ('when = "shlf.things > 1"', "neither a target of this profile nor a kind that it has; did you mean shelf?"),
        ('when = "shelf.thing > 1"', "toy has no gauge thing; did you mean things?"),
        ('when = "shelf.things > 1"\nhold = 3', "room.toml:7: rule.0.hold: goes without when"),
        ('when = "shelf.things > 1"\ncritical = "< 1"', "rule.0.critical: must be further than the first limit, > 1"),
        ('when = "shelf.things > 5"\ncritical = "> 4"', "rule.0.critical: must be further than the first limit, > 5"),
        ('when = "shelf.things > 5"\ncritical = "9"', "rule.0.critical: should be one of > >= < <= == !=, found 9"),
        (
            'when = "shelf.things > 5"\ncritical = "> 9"\nseverity = "critical"',
            "severity must be notice or warning then",
        ),
        ('when = "shelf.things > 5"\nclear = 6', "rule.0.clear: must not be beyond the limit itself, which is > 5"),
        ('when = "shelf.things > 5"\nsamples = "things"', "rule.0.samples: after things a dot and a gauge"),
        ('when = "shelf.things > 5"\nsamples = "shelf.things"', "needs a limit here: shelf.things >= 50"),
        ('when = "shelf.things > 5"\nsay = "{oops"', "rule.0.say: has an unpaired brace"),
        ('when = "shelf.things > 5"\nsay = "{}"', "rule.0.say: has { } around nothing"),
        ('when = "shelf.things > 5"\nsay = "{value.real}"', "rule.0.say: {value.real} must be a name alone"),
        ('when = "shelf.things > 5"\nsay = "{value!r}"', "rule.0.say: {value} must be a name alone"),
        ('when = "shelf.things > 5"\nsay = "{value:.2f}"', "rule.0.say: {value} must be a name alone"),
        ('when = "shelf.things > 1e999"', "rule.0.when: 1e999 is too large a number"),
        ('when = "shelf.things > 5"\nsee = "bx"', "rule.0.see: is not a target of this profile; did you mean box?"),
        ('when = "shelf.things > 5"\nrespond = "soon"', "rule.0.respond: a length of time such as 5m should come"),
        ('critical = "> 5"\n' + COMPLETE, "rule.0.critical: goes with when only"),
        ('when = "shelf.things > 5"\nname2 = "x"', "rule.0.name2: is not a known key; did you mean name?"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, said: str) -> None:
    assert said in problem(text + "\n")


def test_the_second_limit_clears_where_it_says() -> None:
    text = 'when = "shelf.things > 5"\ncritical = "> 20"\nclear = 4\ncritical_clear = 15\n'
    (rule,) = parse(HEAD + text, ToyKinds()).standing
    assert [level.clear for level in rule.levels] == [4.0, 15.0]
    assert "must not be beyond its limit, which is > 20" in problem(text.replace("= 15", "= 25"))
    assert "goes with critical only" in problem('when = "shelf.things > 5"\ncritical_clear = 15\n')
    assert "goes with when only" in problem('kind = "toy"\ncritical_clear = 15\n' + COMPLETE)


def test_where_a_rule_stands_goes_with_its_alerts() -> None:
    (rule,) = parse(HEAD + 'when = "shelf.things > 5"\n', ToyKinds(), "/etc/opsroom/room.toml").standing
    assert rule.handling.origin == "room.toml:4"
    (rule,) = parse(HEAD + 'when = "shelf.things > 5"\nours = true\n', ToyKinds(), "room.toml").standing
    assert rule.handling.origin == "Opsroom's default in room.toml:4"


def test_a_kinds_own_rule_does_not_clear_beyond_its_limit() -> None:
    said = problem('kind = "toy"\nclear = 2\n' + COMPLETE)
    assert said == "room.toml:7: rule.0.clear: must not be beyond the limit itself, which is 1"


def test_of_silence_only_how_soon_and_how_bad_can_be_said() -> None:
    text = HEAD.replace('"deep"', '"no-answer"')
    (change,) = parse(text + "consecutive = 3\n", ToyKinds()).changes
    assert change.values == {"consecutive": 3}
    with pytest.raises(ProfileError, match="does not go with no-answer: it is about no gauge"):
        parse(text + "threshold = 3\n", ToyKinds())


def test_two_rules_about_one_target_have_two_names() -> None:
    again = 'when = "shelf.things > 5"\n[[rule]]\nname = "deep"\n'
    assert "is already the name of a rule about shelf" in problem(again + 'when = "toy.things > 9"\n')
    assert len(parse(HEAD + again + 'when = "box.things > 9"\n', ToyKinds()).standing) == 2


def test_where_to_look_must_be_there_for_a_kinds_own_rule_too() -> None:
    text = HEAD.replace('"deep"', '"many"') + 'see = "shelv"\n'
    with pytest.raises(ProfileError, match="see: is not a target of this profile; did you mean shelf"):
        parse(text, ToyKinds())
