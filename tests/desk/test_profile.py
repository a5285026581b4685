"""The profile: every error at once, with file, line, key and a guess; and never a traceback."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import Annotated, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from desk.profile import Profile, ProfileError, load, parse, schema
from desk.profile_rules import _sayable
from probes.base import Severity, Shape, WholePath
from tests.test_house import files_of, tree
from tests.toys import ToyKinds
from tui.kinds import KINDS, Kind, Kinds

GOOD = """
system = "nursery"
environment = "production"
production = true

[toy.shelf]
every = 1.0

[toy.box]
url = "toy://there"

[[rule]]
name = "many"
threshold = 9
"""


def problems(text: str) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        parse(text, ToyKinds(), "room.toml")
    return [str(problem) for problem in caught.value.problems]


def test_a_good_profile_is_understood() -> None:
    profile = parse(GOOD, ToyKinds())
    assert isinstance(profile, Profile)
    assert [target.name for target in profile.targets] == ["shelf", "box"]
    assert profile.production
    assert profile.changes[0].values == {"threshold": 9.0}


def test_every_error_is_told_at_once_with_its_line() -> None:
    found = problems('sistem = "x"\n[toy.shelf]\nevry = 1\ntimeout = "soon"\n[tooy.box]\n')
    assert len(found) == 5
    assert found[0].startswith("room.toml:")
    assert any("room.toml:1: sistem: is not a known key; did you mean system?" in one for one in found)
    assert any("room.toml:3: toy.shelf.evry: is not a known key; did you mean every?" in one for one in found)
    assert any("room.toml:4: toy.shelf.timeout" in one for one in found)
    assert any("room.toml:5: tooy: is not a known kind; did you mean toy?" in one for one in found)
    assert any("system: is required" in one for one in found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('system = "x"\nsystem = "y"', "room.toml:2: is not valid TOML"),
        ('system = "x"', "describes no target"),
        ('system = "x"\ntoy = 3', "must hold named tables"),
        ('system = "x"\n[toy]\nshelf = 1', "must be a table"),
        ('system = "x"\n[toy."bad name"]', "is not a good name"),
        ('system = "x"\n[toy.a]\nevery = 0.001', "toy.a.every"),
        ('system = "x"\n[toy.a]\nevery = nan', "toy.a.every"),
        ("system = 3\n[toy.a]", "system"),
        ('system = "x"\n[toy.a]\n[rule]\nname = "x"', "must be written as [[rule]]"),
        ('system = "x"\n[toy.a]\n[[rule]]\nname = "new"', "needs gauge, op, threshold, severity and say"),
        ('system = "x"\n[toy.a]\n[[rule]]\nname = "mny"\nenabled = false', "did you mean many?"),
        ('system = "x"\n[toy.a]\n[[rule]]\nname = "many"\ngauge = "thing"', "did you mean things?"),
        ('system = "x"\n[toy.a]\n[[rule]]\nname = "many"\nsay = "{oops"', "unpaired brace"),
        ('system = "x"\n[toy.a]\n[[rule]]\nname = "many"\ntarget = "b"', "is not a target of this profile"),
        ('system = "x"\n[toy.a]\n[[rule]]\nname = "many"\nkind = "tou"', "did you mean toy?"),
        ("x = " + "[" * 5000, "nested too deeply"),
        ('system = "x"\n[toy.a]\n[toy.a]', "room.toml:3: is not valid TOML: [toy.a] stands here twice"),
        ('system = "x"\n[toy.a]\nevery = 1\nevery = 2', "room.toml:4: is not valid TOML: this key stands here twice"),
        ('system = "x"\n[toy.a]\nevery = "soon"', "toy.a.every: must be a number, without quotes"),
        ('system = "x"\n[toy.a]\nevery = 0.001', "toy.a.every: must be at least 0.05"),
        ('system = "x"\n[toy.a]\ntimeout = 61', "toy.a.timeout: must be at most 60"),
        ('system = "x"\n[toy.a]\ntimeout = 0', "toy.a.timeout: must be more than 0"),
        ('system = "x"\n[toy.a]\nprotected = "soon"', "toy.a.protected: must be true or false, without quotes"),
        ('system = "x"\n[toy.a]\nurl = 3', "toy.a.url: must be text, in quotes"),
        ('system = ""\n[toy.a]', "system: must not be empty"),
        ('system = "x"\nrule = [1]\n[toy.a]', "rule.0: must be a table"),
        ('system = "x"\n[toy.a]\n[[rule]]\nname = "many"\nconsecutive = 1.5', "consecutive: must be a whole number"),
        ('system = "x"\n[toy.a]\n[[rule]]\nname = "many"\nop = "="', "op: must be '>', '>=',"),
        ('system = "x"\n[toy.a]\n[[rule]]\nname = "many"\nthreshold = nan', "neither nan nor infinite"),
        ('system = "x"\n[toy.a]\n[[rule]]\nname = "many"\nclear = "nan"', "neither nan nor infinite"),
        ('system = "x"\n[toy.a]\n[[rule]]\nname = "many"\nhold = inf', "neither nan nor infinite"),
        ('system = "x"\n[toy.a]\n[[rule]]\nname = "many"\nsay = "{valeu}"', "label for {valeu}; did you mean value?"),
        ('system = "x"\n[toy.a]\n[[rule]]\nname = "many"\nsay = "{thnig}"', "label for {thnig}; did you mean thing?"),
        ('system = "x"\n[toy.a]\n[[rule]]\nname = "many"\nsay = "{size_byte}"', "did you mean size_bytes?"),
        ('system = "x"\n[toy.a]\n[[rule]]\nname = "many"\nsay = "{value!z}"', "label for {value!z}"),
        ('system = "x"\n[toy.a]\n[[rule]]\nname = "many"\nsay = "{0}"', "label for {0}"),
        ('system = "x"\n[toy.a]\n[[rule]]\nname = "many"\nsay = "{value} of {}"', "has { } around nothing"),
    ],
)
def test_each_mistake_has_its_words(text: str, said: str) -> None:
    assert any(said in one for one in problems(text)), problems(text)


@pytest.mark.parametrize("say", ["{value} of {limit}", "{thing}, {things}", "{{}} {{value}} {{{value}}}", "{state}"])
def test_a_sentence_may_name_what_is_known_of_its_kind(say: str) -> None:
    text = f'system = "x"\n[toy.a]\n[[rule]]\nname = "many"\nsay = "{say}"\n'
    assert parse(text, ToyKinds()).changes[0].values == {"say": say}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_sentence_may_name_every_label_that_a_reading_can_carry(kind: Kind) -> None:
    calls = [node for path in files_of(kind) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    puts = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "put"]
    assert puts
    beside = [one.name for one in KINDS if files_of(one) == files_of(kind)]  # kinds of one package share its words
    known = set[str]().union(*(_sayable(Kinds().facts(name)) for name in beside))
    assert {word.arg for call in puts for word in call.keywords if word.arg} <= known


def kinds_problems(text: str) -> list[str]:
    """What is wrong with targets of the real kinds."""
    with pytest.raises(ProfileError) as caught:
        parse(f'system = "x"\n{text}\n', Kinds(), "room.toml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[systemd.a]\nunits = "nginx"', "systemd.a.units: must be a list, in [ ]"),
        ("[systemd.a]\nunits = [1]", "systemd.a.units.0: must be text, in quotes"),
        (
            '[http.a]\nurl = "http://h"\nexpect_status = "x"',
            "http.a.expect_status: must be a whole number or a list, in [ ]",
        ),
        ('[http.a]\nurl = "http://h"\nexpect_status = [900]', "http.a.expect_status.0: must be at most 599"),
        ('[http.a]\nurl = "http://h"\nheaders = "x"', "http.a.headers: must be a table"),
        ("[http.a]", "http.a.url: is required: where to ask: http://"),
        ("[commands.a.run]", "commands.a.run: must not be empty"),
        ('[backups.a]\nfolder = "b"', 'must be a whole path that begins with /, such as "/var/backups"'),
        ('[backups.a]\nfolder = "/b"\nfresh = "1 dya"', 'text with a unit, such as "90m", "26h" or "8d"'),
        ('[backups.a]\nfolder = "/b"\nmin_size = "big"', 'text with a unit, such as "20kB", "1MB" or "2GiB"'),
        ('[ecs.a]\naccount = "12"', 'must be the 12 digits of an account, such as "123456789012"'),
    ],
)
def test_the_words_know_nothing_of_the_library_that_checks(text: str, said: str) -> None:
    (found,) = kinds_problems(text)
    assert said in found


def models(hint: Any, seen: set[type[BaseModel]]) -> None:
    """Collect every table of settings that a hint leads to."""
    if isinstance(hint, type) and issubclass(hint, BaseModel) and hint not in seen:
        seen.add(hint)
        for field in hint.model_fields.values():
            models(field.annotation, seen)
            models(field.metadata, seen)
    for part in hint if isinstance(hint, list) else get_args(hint):
        models(part, seen)


def bare_patterns(hint: Any) -> list[str]:
    """Patterns in a hint that would be shown to whoever gets them wrong."""
    parts = hint if isinstance(hint, list | tuple) else get_args(hint)
    found = [part.pattern for part in parts if not isinstance(part, Shape) and getattr(part, "pattern", None)]
    inner = [part for part in (*parts, *(getattr(part, "metadata", None) for part in parts)) if part]
    return found + [pattern for part in inner for pattern in bare_patterns(part) if not isinstance(part, str)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_pattern_is_ever_shown_instead_of_words(kind: Kind) -> None:
    seen: set[type[BaseModel]] = set()
    models(Kinds().facts(kind.name).settings_type, seen)
    for model in seen:
        for name, field in model.model_fields.items():
            assert not bare_patterns([field.annotation, *field.metadata]), f"{model.__name__}.{name}: use Shape"


def test_a_bare_pattern_would_be_found() -> None:
    class Odd(BaseModel):
        plain: str = Field(pattern="^a$")
        inner: dict[Annotated[str, Field(pattern="^b$")], tuple[Annotated[str, Field(pattern="^c$")], ...]]
        words: WholePath | None = None

    found = [bare_patterns([field.annotation, *field.metadata]) for field in Odd.model_fields.values()]
    assert [sorted(set(one)) for one in found] == [["^a$"], ["^b$", "^c$"], []]


WITH_NOTHING = frozenset({
    "alb", "alertmanager", "cloudwatch", "cloudwatch_logs", "docker", "ecs", "elasticache", "grafana", "host",
    "kubernetes", "memcached", "postgres", "queues", "rds", "redis", "rotation", "secrets", "sqs", "supervisor",
    "systemd",
})  # fmt: skip
"""Kinds that know where to look by themselves: the usual port, this machine, the account that one is logged in to."""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_empty_section_works_or_says_what_it_needs(kind: Kind) -> None:
    if kind.name in WITH_NOTHING:
        assert parse(f'system = "x"\n[{kind.name}.a]\n', Kinds()).targets[0].kind == kind.name
        return
    (found,) = kinds_problems(f"[{kind.name}.a]")
    keys = Kinds().facts(kind.name).settings_type.model_fields
    assert re.search(rf"{kind.name}\.a(\.\w+: is required|: needs \w)", found)
    assert any(re.search(rf"\b{key}\b", found.partition(": ")[2]) for key in keys)


# Secrets


@pytest.mark.parametrize(
    "text",
    [
        '[postgres.a]\nurl = "postgresql://u:hunter2@h/db"',
        '[postgres.a]\nurl = "postgresql+psycopg://u:hunter2@h/db"',
        '[postgres.a]\nurl = "postgresql://u@h/db?password=hunter2"',
        '[postgres.a]\nurl = "postgresql://u@h/db?sslpassword=hunter2"',
        '[redis.a]\nurl = "redis://:hunter2@h/0"',
        '[queues.a]\nurl = "unix:///run/r.sock?password=hunter2"',
        '[http.a]\nurl = "https://u:hunter2@h/"',
        '[supervisor.a]\nurl = "http://u:hunter2@h:9001"',
    ],
)
def test_a_password_in_clear_is_refused_with_the_key_for_it_and_not_repeated(text: str) -> None:
    (found,) = kinds_problems(text)
    assert found.startswith("room.toml:3: ")
    assert '.url: holds a password in clear; take it out and set password = "env:NAME", or make' in found
    assert "hunter2" not in found


def test_a_password_where_there_is_no_key_for_it_is_refused_with_another_way_out() -> None:
    (found,) = kinds_problems('[docker.a]\nurl = "tcp://u:hunter2@h:1"')
    assert found.endswith('holds a password in clear; make the whole address a reference, such as "env:NAME"')


def test_a_password_in_clear_is_told_beside_every_other_fault() -> None:
    found = kinds_problems('[redis.a]\nurl = "redis://:hunter2@h/0"\nevry = 1')
    assert len(found) == 2


@pytest.mark.parametrize("name", ["Authorization", "cookie", "X-Api-Key", "X-Auth-Token", "My-Secret"])
def test_a_secret_header_is_given_by_reference_only(name: str) -> None:
    text = '[http.a]\nurl = "http://h/"\n[http.a.headers]\nAccept = "x"\n{} = "{}"'
    (found,) = kinds_problems(text.format(name, "Bearer hunter2"))
    assert found.startswith(f"room.toml:6: http.a.headers.{name}: holds a secret in clear; write a reference to it")
    assert "hunter2" not in found
    for reference in ("env:TOKEN", "file:/run/token", "command:vault read token"):
        parse(f'system = "x"\n{text.format(name, reference)}\n', Kinds())


@pytest.mark.parametrize("url", ["http://u@h/", "http://h:80/@user/x", "http://h/?deep=1", "env:URL", "file:/x:y@z"])
def test_an_address_without_a_password_is_taken(url: str) -> None:
    parse(f'system = "x"\n[http.a]\nurl = "{url}"\n', Kinds())


RUNS = 'system = "x"\n[redis.a]\npassword = "command:vault read x"\n[http.b]\nurl = "command:where"\n'


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_profile_that_others_may_write_runs_no_program(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "my room.toml"
    path.write_text(RUNS)
    path.chmod(mode)
    with pytest.raises(ProfileError) as caught:
        load(path, Kinds())
    remedy = f"runs a program, and others may write this file: look through it, then chmod go-w '{path}'"
    assert str(caught.value).splitlines() == [
        f"{path}:3: redis.a.password: {remedy}",
        f"{path}:5: http.b.url: {remedy}",
    ]
    path.chmod(mode & ~0o022)
    assert len(load(path, Kinds()).targets) == 2


def test_a_profile_that_others_may_write_may_hold_other_references(tmp_path: Path) -> None:
    path = tmp_path / "room.toml"
    path.write_text(RUNS.replace("command:", "file:/"))
    path.chmod(0o666)
    assert len(load(path, Kinds()).targets) == 2


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_profile_of_somebody_else_runs_no_program(tmp_path: Path) -> None:
    path = tmp_path / "room.toml"
    path.write_text(RUNS)
    os.chown(path, 65534, -1)
    with pytest.raises(ProfileError, match=r"runs a program, and this file belongs to somebody else: .* chown 0 "):
        load(path, Kinds())


def test_two_targets_of_one_name_are_refused_even_in_different_kinds() -> None:
    with pytest.raises(ProfileError):
        parse('system = "x"\n[toy.a]\n[toy.a]\n', ToyKinds())


def test_a_new_rule_of_ones_own_is_taken() -> None:
    text = (
        GOOD
        + '[[rule]]\nname = "few"\ngauge = "things"\nop = "<"\nthreshold = 1\nseverity = "critical"\nsay = "{value}"\n'
    )
    assert parse(text, ToyKinds()).changes[1].values["severity"] is Severity.CRITICAL


def test_the_name_of_a_system_cannot_steer_the_terminal() -> None:
    assert parse('system = "a\\u001b[2Jb"\n[toy.a]\n', ToyKinds()).system == "a^[[2Jb"


@pytest.mark.parametrize("make", ["folder", "pipe", "huge", "latin", "absent", "locked"])
def test_a_file_that_is_no_profile_is_refused_in_words(make: str, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    if make == "folder":
        path.mkdir()
    elif make == "pipe":
        os.mkfifo(path)
    elif make == "huge":
        path.write_bytes(b"#" * (1 << 21))
    elif make == "latin":
        path.write_bytes(b'system = "x"\n# caf\xe9\n')
    elif make == "locked":
        path.write_text(GOOD)
        path.chmod(0)
        if os.access(path, os.R_OK):  # root reads everything: the next best refusal is a broken link
            path.unlink()
            path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ProfileError) as caught:
        load(path, ToyKinds())
    assert str(path) in str(caught.value)


def test_windows_line_ends_and_a_byte_order_mark_are_no_reason_to_refuse(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(path, ToyKinds()).system == "nursery"


@given(st.text(max_size=200))
def test_no_text_at_all_makes_it_fall_over(text: str) -> None:
    with pytest.raises(ProfileError):
        parse(text, ToyKinds())


def test_the_schema_knows_every_key() -> None:
    made = schema(ToyKinds())
    assert {"system", "toy", "rule"} <= set(made["properties"])
    assert "url" in made["$defs"]["toy"]["properties"]
