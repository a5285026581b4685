"""What `opsroom init` writes can be read again, whatever was found, and holds no secret."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from desk.profile import parse
from probes.base import Found, Probe, Settings
from tests.toys import ToyKinds, ToyProbe
from tui import wiring
from tui.kinds import KINDS, Kind, Kinds
from tui.starter import starter

CANARY = "hunter2-canary"

ENVIRON = {
    "HOME": "/nonexistent",
    "PATH": "/usr/bin:/bin",
    "DATABASE_URL": f"postgresql://app:{CANARY}@127.0.0.1:1/shop",
    "PGHOST": "127.0.0.1",
    "PGPASSWORD": CANARY,
    "REDIS_URL": f"redis://:{CANARY}@127.0.0.1:1/0",
    "CELERY_BROKER_URL": f"redis://:{CANARY}@127.0.0.1:1/1",
}
"""What a machine may have set that runs an application."""


class Discovering(ToyKinds):
    """Toys that the machine seems to have."""

    def __init__(self, *found: Found) -> None:
        super().__init__()
        self.found = found

    def facts(self, kind: str) -> type[Probe[Any]]:
        here = self.found

        class Toy(ToyProbe):
            @classmethod
            def discover(cls, environ: Mapping[str, str]) -> tuple[Found, ...]:
                return here

        return Toy


def uncommented(text: str) -> str:
    """The profile with every default of a target switched on; those without a default stay out."""
    kept = []
    inside = False
    for line in text.splitlines():
        inside = line.startswith("[") or (inside and line != "")
        default = re.match(r"# ([a-z_]+ = .*)$", line) if inside else None
        kept.append(default[1] if default and "= ..." not in line else line)
    return "\n".join(kept)


def one_of(kind: str) -> tuple[str, Found]:
    """A target of a kind, with the least that it needs."""
    return kind, Found(f"my-{kind}", needed(kind, Kinds().facts(kind).settings_type), "a test")


NEEDED: dict[str, Any] = {
    "bucket": "my-bucket",
    "folder": "/var/backups/mine",
    "file": "/srv/mine/.env",
    "organization": "mine",
    "token": "env:MINE",
    "run": {"greet": {"argv": ["true"]}},
}
"""Values for settings without a default; a URL for all others."""
ALSO: dict[str, dict[str, Any]] = {
    "logs": {"files": ["/var/log/mine.log"]},
    "certificates": {"files": ["/etc/ssl/mine.pem"]},
    "scans": {"trivy": ["mine:1"]},
    "sql": {"query": {"one": {"sql": "SELECT 1"}}},
}
"""What a kind needs although each of its settings has a default."""


def needed(kind: str, settings: type[Settings]) -> dict[str, Any]:
    """Values for the settings without which there is nothing to watch."""
    required = (name for name, field in settings.model_fields.items() if field.is_required())
    return {name: NEEDED.get(name, "http://127.0.0.1:1/") for name in required} | ALSO.get(kind, {})


def test_what_is_found_is_written_and_read_again() -> None:
    found = [("toy", Found("shelf", {"url": "toy://there", "every": 1.5}, "TOY_URL is set"))]
    text = starter(found, ToyKinds())
    profile = parse(text, ToyKinds())
    assert "# TOY_URL is set" in text
    assert profile.targets[0].settings.model_dump()["url"] == "toy://there"
    assert profile.targets[0].settings.every == 1.5


def test_settings_left_alone_stand_there_with_their_default_and_meaning() -> None:
    text = starter([("toy", Found("shelf", {}, "why"))], ToyKinds())
    assert '# url = "toy://here"   # Where the toy is.' in text
    assert "# every = 0.5   # Seconds between two readings." in text


def test_a_kind_that_was_not_found_is_still_told_of() -> None:
    assert "#   [toy.NAME]  toys" in starter([], ToyKinds())


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_each_kind_is_written_so_that_it_can_be_read_again(kind: str) -> None:
    (target,) = parse(starter([one_of(kind)], Kinds()), Kinds()).targets
    assert (target.kind, target.name) == (kind, f"my-{kind}")


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_the_defaults_written_as_comments_are_the_defaults(kind: str) -> None:
    text = starter([one_of(kind)], Kinds())
    (bare,), (spelled,) = parse(text, Kinds()).targets, parse(uncommented(text), Kinds()).targets
    assert uncommented(text) != text
    assert bare.settings == spelled.settings


def test_what_this_machine_has_becomes_a_profile_that_is_right_and_free_of_secrets() -> None:
    kinds = Kinds()
    text = starter(wiring.discover(kinds, ENVIRON), kinds)
    profile = parse(text, kinds)
    assert {"postgres", "redis", "host"} <= {target.kind for target in profile.targets}
    assert "env:DATABASE_URL" in text
    assert "env:REDIS_URL" in text
    assert CANARY not in text


def test_a_discovered_room_holds_references_and_no_secret() -> None:
    profile = wiring.discovered_profile(Kinds(), ENVIRON)
    assert CANARY not in repr(profile)
    assert "env:DATABASE_URL" in set(wiring.references(profile))


def test_the_example_of_a_rule_is_right_when_it_is_switched_on() -> None:
    text, mark, example = starter([one_of("host")], Kinds()).partition("# [[rule]]")
    profile = parse(text + (mark + example).replace("# ", ""), Kinds())
    (change,) = profile.changes
    assert change.rule in {rule.name for rule in Kinds().facts("host").rules}


def test_the_examples_of_runbook_notices_and_incidents_are_right_when_they_are_switched_on() -> None:
    text, mark, examples = starter([one_of("host")], Kinds()).partition("# Who is told of alerts")
    examples = re.sub(r"(?m)^# (?=\[|[a-z_]+ = )", "", examples.partition("# A rule of your own")[0])
    profile = parse(text.replace("# runbook =", "runbook =") + mark + examples, Kinds())
    assert {one.name for one in profile.channels} >= {"team", "pager"}
    assert [path.name for path in profile.runbooks] == ["RUNBOOK.md"]
    scheme = profile.incidents
    assert [(one.name, one.page, one.notify) for one in scheme.levels] == [("P1", ("pager",), ("lead",))]
    assert (scheme.response("P1"), scheme.contact("lead").ways) == (900.0, ("555-0100",))
    assert [rung.contact for rung in scheme.ladder] == ["lead"]


@given(
    st.text(max_size=60),
    st.text(max_size=60),
    st.text(alphabet="abz_-09", min_size=1, max_size=20).filter(lambda name: name[0].isalnum()),
)
def test_no_text_from_the_machine_can_break_the_file(why: str, url: str, name: str) -> None:
    text = starter([("toy", Found(name, {"url": url}, why))], ToyKinds())
    (target,) = parse(text, ToyKinds()).targets
    assert target.name == name
    assert set(target.settings.model_dump()) == {*Settings.model_fields, "url"}
    text.encode("utf-8")


@given(st.floats(min_value=0.05, max_value=3600))
def test_numbers_keep_their_value(every: float) -> None:
    text = starter([("toy", Found("shelf", {"every": every}, ""))], ToyKinds())
    assert math.isclose(parse(text, ToyKinds()).targets[0].settings.every, every, rel_tol=0, abs_tol=0)


class _Shapes(Settings):
    """Every shape of value a setting may have."""

    texts: list[str] = Field(["a", 'b"c'])
    table: dict[str, float] = Field({"one two": 1.5, "x": 2})
    nothing: str | None = None
    small: float = 1e-7
    large: int = 10**15
    pair: tuple[int, ...] = (1, 2)


class _ShapesProbe(ToyProbe):
    settings_type: ClassVar[type[Settings]] = _Shapes  # type: ignore[assignment]


class _ShapeKinds(ToyKinds):
    def facts(self, kind: str) -> type[Probe[Any]]:
        return _ShapesProbe


def test_lists_tables_and_numbers_of_any_size_are_written_as_toml() -> None:
    text = starter([("toy", Found("shelf", {}, ""))], _ShapeKinds())
    assert parse(uncommented(text), _ShapeKinds()).targets[0].settings == _Shapes()


# Names


def test_two_findings_of_one_name_are_told_apart() -> None:
    kinds = Discovering(*(Found("main", {}, f"number {number}") for number in range(4)))
    names = [found.name for _, found in wiring.discover(kinds, {})]
    assert len(set(names)) == 4
    assert names[0] == "main"
    parse(starter(wiring.discover(kinds, {}), kinds), kinds)


def test_a_found_name_that_no_profile_would_take_is_made_fit() -> None:
    kinds = Discovering(Found("my shop.prod/é", {}, ""), Found("", {}, ""), Found("x" * 99, {}, ""))
    names = [found.name for _, found in wiring.discover(kinds, {})]
    assert names[0] == "my-shop-prod"
    assert len(parse(starter(wiring.discover(kinds, {}), kinds), kinds).targets) == 3


def test_the_name_of_a_kind_is_one_word_in_toml() -> None:
    assert all(re.fullmatch("[a-z][a-z0-9_]*", kind.name) for kind in KINDS)
    assert all(isinstance(kind, Kind) for kind in Kinds())
