"""What a profile says about its incidents: every error at once, with file, line, key and a guess."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk.incident.scheme import LEVELS, OURS, Contact, Level, Rung, Scheme
from desk.incident.table import TABLES
from desk.profile import ProfileError, parse, schema
from tests.toys import ToyKinds
from tui.kinds import KINDS

HEAD = 'system = "nursery"\n[toy.shelf]\n[notify.team]\nkind = "slack"\nurl = "env:SLACK"\n'

GOOD = """
[incident]
respond = "10m"
public = "20m"
watch = "45m"
meeting = "24h"
status_page = "https://status.example"
post_mortem = "post-mortem.md"
chat = "inc-{date}"

[[severity]]
name = "SEV1"
about = "a complete outage"
respond = "15m"
public = "15m"
watch = "30m"
notify = ["lead"]
[[severity]]
name = "SEV2"
respond = "1h"

[contacts.lead]
role = "engineering lead"
name = "Lee"
phone = "+49 30 1234"
email = "lee@example.com"
[contacts.oncall]
oncall = "pagerduty:PABC123"

[[escalation]]
contact = "oncall"
after = "0s"
[[escalation]]
contact = "engineering lead"
after = "15m"
since = "called"
[[escalation]]
name = "top"
contact = "the CTO"
after = "2h"
severity = ["SEV1"]
flags = ["data loss"]
say = "ask whether to shut down"

[[message]]
name = "public"
audience = "public"
text = "We are slow: {impact}"
channels = ["team"]
"""


def scheme(text: str, file: str = "/srv/room.toml") -> Scheme:
    return parse(HEAD + text, ToyKinds(), file).incidents


def problems(text: str) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        parse(HEAD + text, ToyKinds(), "room.toml")
    return [str(one) for one in caught.value.problems]


def test_a_profile_that_says_nothing_has_our_scheme() -> None:
    made = scheme("")
    assert (made.levels, made.levels_by, made.templates) == (LEVELS, "ours", OURS.templates)
    assert (made.ladder, made.contacts, made.meeting) == ((), (), 48 * 3600)


def test_what_a_profile_says_is_understood() -> None:
    made = scheme(GOOD)
    assert made.levels == (
        Level("SEV1", "a complete outage", 900, None, 900, 1800, ("lead",)),
        Level("SEV2", "", 3600),
    )
    assert made.levels_by == "profile"
    assert made.contacts == (
        Contact("lead", "engineering lead", "Lee", ("+49 30 1234", "lee@example.com")),
        Contact("oncall", oncall="pagerduty:PABC123"),
    )
    assert made.ladder == (
        Rung("1", "oncall", 0.0),
        Rung("2", "engineering lead", 900.0, "called"),
        Rung("top", "the CTO", 7200.0, "declared", ("SEV1",), ("data loss",), "ask whether to shut down"),
    )
    assert made.contact("engineering lead").person == "Lee"
    assert (made.meeting, made.post_mortem) == (86400, Path("/srv/post-mortem.md"))
    assert (made.response("SEV1"), made.response("SEV2")) == (600, 600)
    assert (made.cadence("SEV1", "public"), made.cadence("SEV2", "public")) == (900, 1200)
    assert (made.watching("SEV1"), made.watching("nothing of that name")) == (2700, 2700)
    public = made.template("public")
    assert public is not None
    assert (public.text, public.channels, public.ours) == ("We are slow: {impact}", ("team",), False)
    assert [one.name for one in made.templates] == ["public", "internal", "update", "resolved"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[severity]\n", "severity: must be written as [[severity]]"),
        ('[[severity]]\nname = "a"\nrespnd = "5m"\n', "respnd: is not a known key; did you mean respond?"),
        ('[[severity]]\nname = "a"\nrespond = "soon"\n', "room.toml:8: severity.0.respond"),
        ('[[severity]]\nname = "a"\n[[severity]]\nname = "A"\n', "severity.1.name: stands there twice"),
        (
            '[contacts.lead]\nphone = "1"\n[[severity]]\nname = "a"\nnotify = ["leed"]\n',
            "names leed, which is not a contact of this profile; did you mean lead?",
        ),
        (
            '[[severity]]\nname = "a"\npage = ["team"]\n',
            "severity.0.page: names team, which is no [notify.NAME] of kind pagerduty",
        ),
        ('[contacts.lead]\nrole = "x"\n', "contacts.lead: says no way to reach them"),
        ('[contacts."a b"]\nphone = "1"\n', "is not a good name"),
        ("[[contacts]]\n", "contacts: must hold named tables"),
        ('[contacts.x]\noncall = "opsgenie:1"\n', 'must be "pagerduty:SCHEDULE"'),
        ('[contacts.x]\nlink = "ftp://x"\n', "must be an address that begins with https://"),
        ('[[escalation]]\ncontact = "x"\n', "needs after or flags"),
        ('[[escalation]]\ncontact = "x"\nafter = "1m"\nsince = "called"\n', "there is no rung before this one"),
        (
            '[[escalation]]\ncontact = "x"\nafter = "1m"\nseverity = ["P11"]\n',
            "names P11, which is not a severity of this profile; did you mean P1?",
        ),
        (
            '[contacts.lead]\nphone = "1"\n[[escalation]]\ncontact = "leed"\nafter = "1m"\n',
            "escalation.0.contact: is not a contact of this profile; did you mean lead?",
        ),
        ('[[escalation]]\nname = "a"\ncontact = "x"\nafter = "1m"\n' * 2, "escalation.1.name: stands there twice"),
        ('[[message]]\nname = "a"\ntext = "{impakt}"\n', "has {impakt}, which nothing fills in; did you mean impact?"),
        ('[[message]]\nname = "a b"\ntext = "x"\n', "message.0.name: must be one word"),
        ('[[message]]\nname = "a"\ntext = "x"\naudience = "all"\n', "message.0.audience"),
        (
            '[[message]]\nname = "a"\ntext = "x"\nchannels = ["teem"]\n',
            "names teem, which is no [notify.NAME] of kind slack, webhook or email; did you mean team?",
        ),
        ('[[message]]\nname = "a"\ntext = "x"\n' * 2, "message.1.name: stands there twice"),
        ('[incident]\nchat = "{title}"\n', "has no {title} to fill in"),
        ('[incident]\nmeeting = "never"\n', "incident.meeting"),
        ('[incident]\npost_mortem = "~nobody-of-that-name/x"\n', "there is no such person"),
        ("[[incident]]\n", "incident"),
        ("[incidents]\n", "did you mean incident?"),
    ],
    ids=lambda text: text.replace("\n", " ")[:60],
)
def test_what_is_wrong_is_said_with_its_place(text: str, said: str) -> None:
    found = problems(text)
    assert any(said in one for one in found), found
    assert all(one.startswith("room.toml") for one in found)


def test_several_faults_are_told_at_once() -> None:
    found = problems('[incident]\nwatch = "x"\n[[severity]]\n[[escalation]]\ncontact = "x"\n[[message]]\nname = "a"\n')
    assert len(found) == 4


def test_the_schema_knows_every_table() -> None:
    made = schema(ToyKinds())
    assert set(TABLES) <= set(made["properties"])
    assert made["properties"]["message"]["items"]["properties"]["audience"]["enum"] == ["internal", "public"]


def test_no_kind_has_the_name_of_a_table() -> None:
    assert not set(TABLES) & {kind.name for kind in KINDS}
