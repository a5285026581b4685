"""How a profile is found, what is built from it, and that a broken one is never opened halfway."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from desk.profile import Profile, ProfileError, parse
from desk.rules import RuleChange
from probes.base import Found, Referring, Secret, Target
from tests.toys import StillClock, ToyKinds, ToyProbe, ToySettings, target
from tui import wiring
from tui.kinds import Kinds
from tui.places import Places
from tui.secrets import Secrets

ROOM = 'system = "nursery"\n[toy.shelf]\n'


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(tmp_path / "user", tmp_path / "site", tmp_path / "state")
    found.user.mkdir()
    found.site.mkdir()
    return found


def write(folder: Path, name: str, text: str = ROOM) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


# Which profile


def test_without_any_profile_there_is_none(places: Places) -> None:
    assert wiring.find_profile(None, {}, places) is None


def test_the_only_profile_is_taken(places: Places) -> None:
    path = write(places.site, "shop")
    assert wiring.find_profile(None, {}, places) == path


def test_preferences_are_no_profile(places: Places) -> None:
    write(places.user, "preferences", "")
    write(places.user, ".hidden")
    assert places.profiles() == []


def test_several_profiles_must_be_chosen_from_by_name(places: Places) -> None:
    write(places.user, "shop")
    write(places.site, "mail")
    with pytest.raises(wiring.Choose, match="choose one with --profile: shop, mail"):
        wiring.find_profile(None, {}, places)


def test_a_name_is_looked_up_in_the_folders(places: Places) -> None:
    write(places.user, "shop")
    mail = write(places.site, "mail")
    assert wiring.find_profile("mail", {}, places) == mail


def test_of_two_with_one_name_the_persons_own_counts(places: Places) -> None:
    own = write(places.user, "shop")
    write(places.site, "shop")
    assert wiring.find_profile("shop", {}, places) == own


def test_an_unknown_name_tells_the_known_ones(places: Places) -> None:
    write(places.user, "shop")
    with pytest.raises(wiring.Choose, match="no profile named shp; known: shop"):
        wiring.find_profile("shp", {}, places)


def test_the_command_line_counts_before_the_environment(places: Places) -> None:
    write(places.user, "shop")
    mail = write(places.user, "mail")
    environ = {"OPSROOM_PROFILE": "shop"}
    assert wiring.find_profile("mail", environ, places) == mail
    assert wiring.find_profile(None, environ, places) == places.user / "shop.toml"


@pytest.mark.parametrize("given", ["./room", "/etc/x/room.toml", "room.toml"])
def test_a_path_is_a_path(given: str, places: Places) -> None:
    assert wiring.find_profile(given, {}, places) == Path(given)


def test_a_path_may_begin_at_home(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ops")
    assert wiring.find_profile("~/room.toml", {}, places) == Path("/home/ops/room.toml")
    assert wiring.find_profile("~nobody-here/room.toml", {}, places) == Path("~nobody-here/room.toml")


def test_folders_that_are_missing_or_no_folders_hold_nothing(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    assert Places(tmp_path / "absent", plain, tmp_path).profiles() == []


def test_the_folders_follow_the_environment(tmp_path: Path) -> None:
    places = Places.of({"OPSROOM_HOME": str(tmp_path)})
    assert (places.user, places.state) == (tmp_path / "config", tmp_path / "state")
    assert places.preferences == tmp_path / "config" / "preferences.toml"
    assert places.site == Path("/etc/opsroom")


# What is opened


def test_a_broken_profile_opens_nothing(places: Places) -> None:
    write(places.user, "shop", ROOM + "evry = 2\n")
    with pytest.raises(ProfileError):
        wiring.open_profile(None, ToyKinds(), {}, places)


def test_without_a_profile_the_machine_is_looked_at(places: Places) -> None:
    class Seen(ToyProbe):
        @classmethod
        def discover(cls, environ: object) -> tuple[Found, ...]:
            return (Found("shelf", {"url": "toy://seen"}, "it was there"),)

    class Kinds(ToyKinds):
        def facts(self, kind: str) -> type[ToyProbe]:
            return Seen

    profile = wiring.open_profile(None, Kinds(), {}, places)
    assert [(one.name, one.kind) for one in profile.targets] == [("shelf", "toy")]
    assert profile.file == ""
    assert not profile.production


def test_building_connects_nothing(places: Places) -> None:
    profile = Profile("nursery", "", False, "", (target("shelf"), target("box")))
    engine = wiring.build(profile, ToyKinds(), Secrets({}), places, StillClock())
    probe = engine.probe("shelf")
    assert isinstance(probe, ToyProbe)
    assert probe.reads == 0
    assert probe.context.operator


def rules_of(profile: Profile, places: Places, at_once: bool = False) -> dict[str, float]:
    engine = wiring.build(profile, ToyKinds(), Secrets({}), places, at_once=at_once)
    return {rule.name: rule.hold + rule.consecutive for rule in engine._watched["shelf"].rules}


def test_the_profiles_rules_reach_the_engine(places: Places) -> None:
    changes = (
        RuleChange("big", None, None, False, {}),
        RuleChange("many", "toy", "shelf", True, {"hold": 60.0, "consecutive": 3}),
    )
    profile = Profile("nursery", "", False, "", (target("shelf"),), changes)
    assert rules_of(profile, places) == {"many": 63.0}


def test_who_looks_only_once_is_told_without_waiting(places: Places) -> None:
    changes = (RuleChange("many", None, None, True, {"hold": 60.0, "consecutive": 3}),)
    profile = Profile("nursery", "", False, "", (target("shelf"),), changes)
    assert rules_of(profile, places, at_once=True) == {"big": 1.0, "many": 2.0}


# Secrets and bugs


class _Deep(ToySettings):
    url: Referring = ""
    other: Referring | None = None
    password: Secret | None = None
    needed: Secret = "env:NEEDED"
    headers: dict[str, Referring] = Field(default_factory=dict)
    text: str = ""
    texts: list[str] = Field(default_factory=list)
    table: dict[str, str] = Field(default_factory=dict)


def references(**settings: Any) -> set[str]:
    profile = Profile("x", "", False, "", (Target("shelf", "toy", _Deep.model_validate(settings)),))
    return set(wiring.references(profile)) - {"env:NEEDED"}


def test_every_reference_in_a_profile_is_found_however_deep() -> None:
    given = {"url": "env:URL", "other": "env:O", "password": "file:/run/secret", "needed": "command:vault read y"}
    assert references(**given, headers={"Authorization": "command:vault read x"}) == {
        *given.values(),
        "command:vault read x",
    }


def test_text_of_a_setting_that_takes_no_reference_is_only_text() -> None:
    told = "command:touch /tmp/x"
    assert references(text=told, texts=[told], table={"a": told}) == set()


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("http", {"url": "http://h/", "expect_text": "command:x", "expect": {"$.a": "command:x"}, "ca": "file:/x"}),
        ("systemd", {"units": ["command:x"], "prefix": ["command:x"]}),
        ("queues", {"queues": ["command:x"], "prefix": "command:x"}),
        ("host", {"proc": "file:/proc", "ignore": ["command:x"]}),
        ("postgres", {"service": "command:x"}),
        ("supervisor", {"groups": ["command:x"], "username": "env:U"}),
        ("docker", {"project": "command:x", "tls": "file:/x"}),
    ],
)
def test_of_a_real_kind_only_addresses_headers_and_passwords_are_looked_up(kind: str, settings: dict[str, Any]) -> None:
    model = Kinds().facts(kind).settings_type
    profile = Profile("x", "", False, "", (Target("a", kind, model.model_validate(settings)),))
    assert list(wiring.references(profile)) == []


def test_addresses_headers_and_passwords_of_the_real_kinds_are_looked_up() -> None:
    text = 'system = "x"\n' + "".join(
        f'[{kind}.{kind}]\nurl = "env:{kind}"\n'
        for kind in ("http", "postgres", "redis", "queues", "supervisor", "docker")
    )
    text += '[http.other]\nurl = "http://u@h/"\npassword = "file:/p"\nheaders = { Cookie = "command:c" }\n'
    assert set(wiring.references(parse(text, Kinds()))) == {
        *(f"env:{kind}" for kind in ("http", "postgres", "redis", "queues", "supervisor", "docker")),
        "file:/p",
        "command:c",
    }


def fail(secret: str) -> Exception:
    try:
        raise ValueError(f"cannot connect with {secret}")
    except ValueError as error:
        return error


def test_a_bug_is_kept_in_a_private_file_without_secrets_and_once(places: Places) -> None:
    secrets = Secrets({"DB": "hunter2-canary"})
    secrets.resolve("env:DB")
    wiring._noted.clear()
    for _ in range(3):
        wiring.note_bug(places, secrets, "shelf", fail("hunter2-canary"))
    (report,) = places.state.iterdir()
    assert report.name.startswith("bug-shelf")
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text()
    assert "hunter2-canary" not in text
    assert "cannot connect with [secret]" in text
    assert "test_wiring.py" in text


def test_a_bug_that_cannot_be_kept_stops_nothing(places: Places) -> None:
    places.state.symlink_to(os.sep)
    wiring._noted.clear()
    wiring.note_bug(places, Secrets({}), "shelf", fail("x"))
    assert places.state.is_symlink()


def test_a_password_in_an_address_is_no_reference() -> None:
    profile = parse('system = "x"\n[toy.shelf]\nurl = "toy://app:pw@here"\n', ToyKinds())
    assert list(wiring.references(profile)) == []
