"""What a profile says about the alerts that other systems raise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from desk.alert import Alert, of_theirs
from desk.profile import ProfileError, parse
from desk.theirs import instructed
from probes.base import Raised, SafeText, Severity
from tests.toys import ToyKinds

AT = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
HEAD = 'system = "nursery"\n[toy.shelf]\n[toy.box]\n'


def alert(name: str = "TooManyToys", target: str = "shelf", **more: Any) -> Alert:
    raised = Raised(key="k", name=SafeText(name), severity=Severity.WARNING, words=SafeText("12 toys"), **more)
    return of_theirs(target, raised, 1000.0, 1000.0, AT)


def said(*entries: str) -> Any:
    return parse(HEAD + "".join(f'[[rule]]\nname = "x"\n{one}\n' for one in entries), ToyKinds(), "x.toml").theirs


@pytest.mark.parametrize("since", [None, AT + timedelta(hours=1)])
def test_an_alert_that_tells_no_fit_beginning_began_when_it_was_first_read_at_each_reading(
    since: datetime | None,
) -> None:
    raised = Raised(key="k", name=SafeText("x"), severity=Severity.WARNING, words=SafeText("y"), since=since)
    read = [
        of_theirs("shelf", raised, 1000.0, 1000.0 + passed, AT + timedelta(seconds=passed)) for passed in (0, 5, 60)
    ]
    assert {(one.at, one.since) for one in read} == {(AT, 1000.0)}


def test_the_procedure_and_the_time_to_respond_are_added_and_the_limit_stays_theirs() -> None:
    found = instructed(alert(), said('theirs = "TooManyToys"\nprocedure = "Tidy up"\nrespond = "5m"\nsee = "box"'))
    assert (found.handling.procedure, found.handling.respond, found.handling.see) == ("Tidy up", 300.0, "box")
    assert (found.severity, found.handling.origin) == (Severity.WARNING, "shelf")


def test_what_they_say_themselves_stays_where_the_profile_says_nothing() -> None:
    theirs = alert(procedure="https://wiki/toys")
    assert instructed(theirs, said('theirs = "*"\nseverity = "critical"')).handling.procedure == "https://wiki/toys"
    assert instructed(theirs, said('theirs = "*"\nseverity = "critical"')).severity is Severity.CRITICAL
    assert instructed(theirs, said('theirs = "*"\nprocedure = "Tidy up"')).handling.procedure == "Tidy up"


@pytest.mark.parametrize(
    ("entry", "suits"),
    [
        ('theirs = "toomany*"', True), ('theirs = "TooManyToys"\ntarget = "shelf"', True),
        ('theirs = "TooManyToys"\ntarget = "box"', False), ('theirs = "TooMany"', False),
    ],
)  # fmt: skip
def test_it_speaks_of_alerts_by_their_name_and_target(entry: str, suits: bool) -> None:
    assert instructed(alert(), said(entry + "\nmute = true")).handling.muted is suits


def test_of_several_entries_each_adds_to_the_ones_before() -> None:
    found = instructed(alert(), said('theirs = "*"\nprocedure = "Look"\nmute = true', 'theirs = "Too*"\nsee = "box"'))
    assert (found.handling.procedure, found.handling.see, found.handling.muted) == ("Look", "box", True)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            'when = "shelf.things > 3"',
            "x.toml:7: rule.0.when: goes without theirs: that alert has its own limit and words",
        ),
        ("threshold = 3", "x.toml:7: rule.0.threshold: goes without theirs: that alert has its own limit and words"),
        ("enabled = false", "x.toml:7: rule.0.enabled: goes without theirs: write mute = true, so that nobody is told"),
        ("ours = true", "x.toml:7: rule.0.ours: goes without theirs: the figure is theirs"),
        ('target = "shelv"', "x.toml:7: rule.0.target: is not a target of this profile; did you mean shelf?"),
        ('see = "shelv"', "x.toml:7: rule.0.see: is not a target of this profile; did you mean shelf?"),
    ],
)
def test_what_is_theirs_alone_is_refused(line: str, words: str) -> None:
    with pytest.raises(ProfileError) as caught:
        said(f'theirs = "TooManyToys"\n{line}')
    assert str(caught.value) == words


def test_a_bracket_in_a_name_is_that_bracket() -> None:
    entry = 'theirs = "[shelf] too * toys"\nprocedure = "Tidy up"'
    assert instructed(alert("[shelf] too many toys"), said(entry)).handling.procedure == "Tidy up"


def test_a_priority_that_changes_makes_no_other_alert() -> None:
    before, after = alert(labels=(("priority", "P3"),)), alert("Far too many toys", labels=(("priority", "P1"),))
    assert before.identity == after.identity
