"""Commands of a profile: what is refused before anything runs, what a reading tells of their runs, and the looks."""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from desk.commandline import recognised
from desk.profile import ProfileError, load, parse
from probes.base import Cause, Context, ProbeError, Request, SafeText, Target, references
from probes.commands.act import CommandsActuator
from probes.commands.facts import CommandsFacts
from probes.commands.known import known
from probes.commands.parameters import bound, filled
from probes.commands.probe import CommandsProbe
from probes.commands.settings import CommandsSettings, Run, requirement, shell_text
from probes.exec import job, pin
from tests.probes.acting import comes_back
from tests.toys import NoSecrets
from tui.kinds import Kinds

SECRET = "hunter2-canary"


class OneSecret:
    """Knows one, until it is forgotten."""

    known = True

    def resolve(self, reference: str) -> str:
        if not self.known:
            raise LookupError("the environment variable TOKEN is not set")
        return SECRET


def settings(**runs: Mapping[str, Any]) -> CommandsSettings:
    return CommandsSettings.model_validate({"run": runs})


def target(made: CommandsSettings) -> Target:
    return Target("app", "commands", made)


def python(code: str) -> list[str]:
    return [sys.executable, "-u", "-c", code]


def probe(made: CommandsSettings, state: Path | None, secrets: Any = None) -> CommandsProbe:
    return CommandsProbe(target(made), Context(secrets or NoSecrets(), state=state))


async def begun(made: CommandsProbe, name: str, act: str = "019a0000-0000-7000-8000-000000000001") -> Path:
    """A run, as the actuator begins it."""
    folder = made._runs.folder(name)
    assert folder is not None
    run = made.settings.run[name]
    await job.begin(run.argv, folder / act, within=run.timeout)
    return folder / act


async def until_over(made: CommandsProbe) -> CommandsFacts:
    end = time.monotonic() + 20
    while True:
        facts = (await made.read()).facts
        if all(one.running is None and one.past for one in facts.commands):
            return facts
        assert time.monotonic() < end, facts
        await asyncio.sleep(0.05)


# What a profile may say


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"argv": []}, "at least 1 item"),
        ({"argv": [""]}, "names no program"),
        ({"argv": ["x", "--tenant={tenant}"], "parameters": {"tenant": "[a-z]+"}}, "not used"),
        ({"argv": ["x", "{tenant}", "a{tenant}"], "parameters": {"tenant": "[a-z]+"}}, "an argument of its own"),
        ({"argv": ["x", "{tenant}"]}, "not among parameters"),
        ({"argv": ["x"], "parameters": {"tenant": "[a-z]+"}}, "not used"),
        ({"argv": ["x", "{a}"], "parameters": {"a": "["}}, "no regular expression"),
        ({"argv": ["{a}"], "parameters": {"a": "[a-z]+"}}, "program itself"),
        ({"argv": ["sh", "-c", "{a}"], "parameters": {"a": ".+"}}, "would be run as a program text"),
        ({"argv": ["mariadb", "-e", "{a}"], "parameters": {"a": ".+"}}, "would be run as a program text"),
        ({"argv": ["docker", "exec", "m", "mongosh", "--eval", "{a}"], "parameters": {"a": ".+"}}, "a program text"),
        ({"argv": ["sqlite3", "/a.db", "{a}"], "parameters": {"a": ".+"}}, "would get into a text that is run"),
        ({"argv": ["docker", "exec", "x", "bash", "-lc", "{a}"], "parameters": {"a": ".+"}}, "run as a program text"),
        ({"argv": ["python3", "-c", "{a}"], "parameters": {"a": ".+"}}, "run as a program text"),
        ({"argv": ["psql", "-c", "{a}"], "parameters": {"a": ".+"}}, "run as a program text"),
        ({"argv": ["ssh", "db", "restart", "{a}"], "parameters": {"a": ".+"}}, "a text that is run"),
        ({"argv": ["x"], "env": {"TOKEN": "in clear"}}, "must be a reference to a secret"),
        ({"argv": ["x"], "needs": {"backup": "is fresh"}}, "is written as"),
        ({"argv": ["x"], "reads": True, "production": False}, "what only reads"),
        ({"argv": ["x"], "reads": True, "needs": {"b": "n age_seconds <= 1"}}, "what only reads"),
        ({"argv": ["x"], "preview": "status"}, "must be a command with reads"),
    ],
)
def test_what_could_be_meant_otherwise_is_refused_in_the_profile(said: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(it=said)


def test_a_shell_is_a_text_of_the_profile_and_its_parameters_come_after_it() -> None:
    made = settings(it={"argv": ["sh", "-c", 'echo "$1"', "sh", "{word}"], "parameters": {"word": ".*"}})
    argv = filled(made.run["it"], {"word": "; rm -rf /"})
    assert argv == ("sh", "-c", 'echo "$1"', "sh", "; rm -rf /")
    assert shell_text(argv) == 'echo "$1"'
    assert known(argv, None).notes == ('a shell runs this text: echo "$1"',)


def test_a_profile_that_others_may_write_runs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_text('system = "shop"\n[commands.app.run.greet]\nargv = ["true"]\n')
    path.chmod(0o666)
    with pytest.raises(ProfileError, match=r"commands\.app: says what is run, and others may write this file"):
        load(path, Kinds())
    path.chmod(0o600)
    assert load(path, Kinds()).targets[0].name == "app"


def test_references_inside_a_command_are_known_and_a_secret_in_clear_is_told() -> None:
    made = settings(it={"argv": ["x"], "env": {"TOKEN": "command:pass show token"}})
    assert list(references(made)) == [(("run", "it", "env", "TOKEN"), "command:pass show token")]
    text = 'system = "shop"\n[commands.app.run.it]\nargv = ["x"]\nenv = {TOKEN = "abc"}\n'
    with pytest.raises(ProfileError, match=r"commands\.app\.run\.it\.env\.TOKEN: holds a secret in clear"):
        parse(text, Kinds())


# Parameters


def a_run(**more: Any) -> Run:
    return settings(it={"argv": ["x", "{tenant}"], "parameters": {"tenant": "[a-z0-9-]{1,40}"}, **more}).run["it"]


def test_a_value_is_one_argument_whatever_is_in_it() -> None:
    run = a_run(parameters={"tenant": ".+"})
    assert filled(run, bound(run, "a b; $(reboot) `x` 'y'")) == ("x", "a b; $(reboot) `x` 'y'")


@pytest.mark.parametrize("value", ["", "UPPER", "a b", "a\n", "x" * 41, "a;b", "\0"])
def test_a_value_that_does_not_match_is_refused(value: str) -> None:
    with pytest.raises(ProbeError, match="does not match"):
        bound(a_run(), value)


def test_a_value_that_would_be_an_option_is_refused_unless_the_pattern_begins_with_a_dash() -> None:
    with pytest.raises(ProbeError, match="taken for an option"):
        bound(a_run(), "-rf")
    assert bound(a_run(parameters={"tenant": "-[0-9]"}), "-1") == {"tenant": "-1"}


def test_several_parameters_are_told_by_name() -> None:
    run = settings(it={"argv": ["x", "{a}", "{b}"], "parameters": {"a": r"\w+", "b": r".+"}}).run["it"]
    assert filled(run, bound(run, "b='two words' a=1")) == ("x", "1", "two words")
    for wrong in ("", "a=1", "a=1 b=2 c=3", "a=1 a=2", "b='x"):
        with pytest.raises(ProbeError):
            bound(run, wrong)


# The dialect

WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_characters="\x7f"), max_size=12)
LINES = st.lists(WORDS, min_size=1, max_size=4).map(lambda words: ["npx", *words])


@given(LINES, st.booleans())
def test_the_line_of_a_command_means_that_command(argv: list[str], stopping: bool) -> None:
    try:
        made = settings(migrate={"argv": argv})
    except ValidationError:
        return
    actuator = CommandsActuator(target(made), Context(NoSecrets()))
    assert comes_back(actuator, Request("stop" if stopping else "run", ("migrate",)))


@given(WORDS.filter(lambda word: word and not word.startswith("-")), WORDS)
def test_parameters_are_read_back_from_the_line(tenant: str, reason: str) -> None:
    made = settings(
        one={"argv": ["./tool", "--tenant", "{tenant}"], "parameters": {"tenant": ".*"}},
        two={"argv": ["./tool", "{tenant}", "{why}"], "parameters": {"tenant": ".*", "why": "-?.*"}},
    )
    actuator = CommandsActuator(target(made), Context(NoSecrets()))
    assert comes_back(actuator, Request("run", ("one",), word=tenant))
    from probes.commands.parameters import word_of

    both = word_of(made.run["two"], {"tenant": tenant, "why": reason})
    assert comes_back(actuator, Request("run", ("two",), word=both))


def test_a_line_is_known_only_to_the_letter() -> None:
    made = settings(
        migrate={"argv": ["docker", "compose", "exec", "-T", "app", "npx", "prisma", "migrate", "deploy"]},
        prune={"argv": ["sudo", "-n", "docker", "prune"]},
        load={"argv": ["env", "STAGE=live", "bin/load"]},
        slow={"argv": ["timeout", "--signal=KILL", "5", "bin/slow"]},
        status={"argv": ["npx", "prisma", "migrate", "status"], "reads": True},
    )
    actuator = CommandsActuator(target(made), Context(NoSecrets()))

    def meant(text: str) -> str:
        found = recognised(text, actuator)
        return found.request.subjects[0] if found is not None else ""

    line = "docker compose exec -T app npx prisma migrate deploy"
    assert meant(line) == meant(f"/usr/bin/{line}") == meant(f"$ {line}") == "migrate"
    assert meant("sudo -n docker prune") == "prune"
    for other in (f"{line} --force", line.replace("deploy", "dev"), f"sudo {line}", f"{line} | tee x", "docker prune"):
        assert meant(other) == "", other
    assert meant("npx prisma migrate status") == "", "what only reads is a look"
    assert meant("env STAGE=live bin/load") == "load"
    assert meant("timeout --signal=KILL 5 bin/slow") == "slow"
    for other in (f"DATABASE_URL=staging {line}", f"{line} < more.sql", "env STAGE=test bin/load", "bin/load"):
        assert meant(other) == "", "it is given something else than the profile gives it"


# What is known of some lines


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["npx", "prisma", "migrate", "dev"], "migrate deploy applies what is pending"),
        (
            ["docker", "compose", "exec", "app", "npx", "prisma", "migrate", "reset", "--force"],
            "may empty the database",
        ),
        (["npx", "prisma", "db", "push"], "without a migration"),
        (["sh", "-c", "npx prisma migrate dev"], "may empty the database"),
    ],
)
def test_a_migration_tool_that_may_empty_the_database_never_runs_in_production(argv: list[str], words: str) -> None:
    assert words in known(argv, None).not_in_production


def test_npm_puts_what_follows_behind_the_script_and_the_script_is_shown(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"scripts": {"prisma:migrate": "prisma migrate dev"}}')
    found = known(["npm", "run", "prisma:migrate", "deploy"], tmp_path)
    assert found.notes == ("the script prisma:migrate is: prisma migrate dev, and deploy is put behind it",)
    assert "may empty the database" in found.not_in_production


def test_studio_is_refused_and_resolve_and_downgrade_say_what_they_do_not_do() -> None:
    assert "editor with write access" in known(["npx", "prisma", "studio"], None).refused
    assert "no SQL is undone" in known(["npx", "prisma", "migrate", "resolve", "--rolled-back", "x"], None).notes[0]
    assert "may drop columns" in known(["alembic", "downgrade", "-1"], None).notes[0]


def test_a_need_is_read_with_its_words() -> None:
    found = requirement("backup", 'backups.nightly newest_good_age_seconds{folder="pg"} <= 3600')
    assert (found.target, found.gauge, found.labels) == (
        "backups.nightly",
        "newest_good_age_seconds",
        (("folder", "pg"),),
    )
    assert (found.at_most, found.at_least, found.words) == (3600, None, "a backup younger than 1 h")
    assert requirement("copies", "s3.backups objects >= 3").at_least == 3


# The program


def test_a_program_is_found_once_and_told_by_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "tool"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    first = pin.program(str(path))
    assert first.real == str(path)
    path.write_text("#!/bin/sh\nreboot\n")
    assert pin.program(str(path)).identity != first.identity


def test_a_program_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tool"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o777)
    with pytest.raises(ProbeError, match="can be written by everybody: nothing is run from there"):
        pin.program(str(path))
    path.chmod(0o755)
    tmp_path.chmod(0o777)
    with pytest.raises(ProbeError, match="can be written by everybody"):
        pin.program(str(path))
    tmp_path.chmod(0o700)
    assert pin.program(str(path)).path == str(path)


@dataclass
class Entry:
    """A user and a group as the tables of the system tell them."""

    pw_name: str = ""
    pw_gid: int = 0
    gr_name: str = ""
    gr_mem: tuple[str, ...] = ()


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A program whose folder a group may write, and what the tables say of that group."""

    gid = 4711 if os.geteuid() == 0 else os.getegid()

    def made(name: str, members: tuple[str, ...] = (), *, also: str = "") -> Path:
        users = [Entry(pw_name="ops", pw_gid=gid), *([Entry(pw_name=also, pw_gid=gid)] if also else [])]
        monkeypatch.setattr(pwd, "getpwuid", lambda uid: users[0])
        monkeypatch.setattr(pwd, "getpwall", lambda: users)
        monkeypatch.setattr(grp, "getgrgid", lambda found: Entry(gr_name=name, gr_mem=members))
        folder = tmp_path / "tools"
        folder.mkdir()
        (folder / "tool").write_text("#!/bin/sh\n")
        (folder / "tool").chmod(0o755)
        for one in (folder, folder / "tool"):
            os.chown(one, -1, gid)
        folder.chmod(0o775)
        return folder / "tool"

    return made


@pytest.mark.parametrize(
    ("name", "members", "also"),
    [("deploy", (), ""), ("ops", ("eve",), ""), ("ops", (), "eve"), ("deploy", ("ops", "eve"), "")],
)
def test_a_program_that_a_group_may_write_is_refused_with_what_mends_it(
    group: Callable[..., Path], name: str, members: tuple[str, ...], also: str
) -> None:
    path = group(name, members, also=also)
    with pytest.raises(ProbeError) as caught:
        pin.program(str(path))
    folder = path.parent
    words = f"{folder} can be written by the group {name}: nothing is run from there until chmod g-w {folder}"
    assert str(caught.value.message) == words
    folder.chmod(0o755)
    path.chmod(0o775)
    with pytest.raises(ProbeError, match=f"tool can be written by the group {name}"):
        pin.program(str(path))
    path.chmod(0o755)
    assert pin.program(str(path)).path == str(path)


def test_a_group_in_which_only_its_owner_is_may_write_and_so_may_roots(group: Callable[..., Path]) -> None:
    path = group("ops", ("ops",))
    assert pin.program(str(path)).path == str(path), "a private group, as Debian gives each user one"
    assert pin._private(0, os.geteuid()), "root's group"


def test_a_folder_like_tmp_is_a_step_that_holds_and_what_lies_in_it_is_looked_at(tmp_path: Path) -> None:
    shared = tmp_path / "tmp"
    path = shared / "own" / "tool"
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    shared.chmod(0o1777)
    assert pin.program(str(path)).path == str(path)
    shared.chmod(0o777)
    with pytest.raises(ProbeError, match="can be written by everybody: nothing is run from there until chmod go-w"):
        pin.program(str(path))
    shared.chmod(0o1777)
    path.parent.chmod(0o757)
    with pytest.raises(ProbeError, match="own can be written by everybody: nothing is run from there until chmod o-w"):
        pin.program(str(path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_program_of_somebody_else_is_refused_also_behind_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "tool", tmp_path / "link"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    link.symlink_to(path)
    assert pin.program(str(link)).path == str(link)
    os.chown(path, 65534, 65534)
    with pytest.raises(ProbeError, match="belongs to nobody"):
        pin.program(str(link))


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="no-such-tool is not installed here") as caught:
        pin.program("no-such-tool")
    assert caught.value.cause is Cause.MISSING
    (tmp_path / "text").write_text("x")
    with pytest.raises(ProbeError, match="no program that may be run"):
        pin.program(str(tmp_path / "text"))


# Readings


async def test_a_command_that_never_ran_has_no_numbers_of_a_run(tmp_path: Path) -> None:
    found = await probe(settings(it={"argv": ["true"]}), tmp_path).read()
    assert found.facts.commands[0].newest is None
    assert {key.name for key in found.gauges} == {"running", "unavailable"}
    without = await probe(settings(it={"argv": ["no-such-tool"]}), None).read()
    assert str(without.facts.commands[0].missing) == "no-such-tool is not installed here"
    assert without.gauge("unavailable") == 1


async def test_the_end_of_a_run_is_told_with_its_code_and_last_line(tmp_path: Path) -> None:
    made = probe(settings(it={"argv": python("import sys; print('half'); sys.exit('no such table')")}), tmp_path)
    await begun(made, "it")
    facts = await until_over(made)
    (past,) = facts.commands[0].past
    assert (past.code, past.ok, past.failed, str(past.last)) == (1, False, True, "no such table")
    found = await made.read()
    assert found.gauge("last_exit_code", command="it") == 1
    assert found.gauge("last_run_failed", command="it") == 1
    assert found.gauge("last_success_age_seconds", command="it") is None, "it never ended well"


async def test_success_is_a_good_code_and_the_output_that_is_expected(tmp_path: Path) -> None:
    made = probe(
        settings(
            good={"argv": python("print('All migrations applied.')"), "expect": "^All .* applied"},
            silent={"argv": ["true"], "expect": "applied"},
            other={"argv": python("raise SystemExit(3)"), "ok": [0, 3]},
        ),
        tmp_path,
    )
    for name in made.settings.run:
        await begun(made, name)
    facts = await until_over(made)
    assert {one.name: one.past[0].ok for one in facts.commands} == {"good": True, "silent": False, "other": True}
    assert "its output is not as expected" in facts.commands[1].past[0].words
    found = await made.read()
    age = found.gauge("last_success_age_seconds", command="good")
    assert age is not None
    assert 0 <= age < 30


async def test_what_a_run_writes_is_seen_while_it_runs_and_its_secrets_are_not(tmp_path: Path) -> None:
    code = f"import time; print('token is {SECRET}'); print('\\x1b[31mpassword=abc123\\x1b[0m'); time.sleep(600)"
    secrets = OneSecret()
    made = probe(settings(it={"argv": python(code), "env": {"TOKEN": "env:TOKEN"}}), tmp_path, secrets)
    folder = await begun(made, "it")
    end = time.monotonic() + 20
    while len(tail := (await made.read()).facts.commands[0].tail) < 2:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
    assert [str(one) for one in tail] == ["token is ***", "password=***"]
    secrets.known = False
    told = (await made.read()).facts.commands[0].tail
    assert all("withheld" in str(one) for one in told), "a secret that can't be looked up can't be taken out"
    assert await job.stop(folder)
    facts = await until_over(made)
    assert facts.commands[0].past[0].stopped
    assert not facts.commands[0].past[0].failed, "a person stopped it"


async def test_a_run_whose_keeper_is_gone_is_lost_and_not_well(tmp_path: Path) -> None:
    made = probe(settings(it={"argv": ["true"]}), tmp_path)
    folder = made._runs.folder("it")
    assert folder is not None
    (folder / "019a").mkdir(parents=True)
    spec = folder / "019a" / "spec.json"
    spec.write_text("{}")
    assert (await made.read()).facts.commands[0].running is not None, "it may be about to begin"
    os.utime(spec, (time.time() - 100, time.time() - 100))
    found = await made.read()
    assert "nobody knows how it ended" in found.facts.commands[0].past[0].words
    assert found.gauge("last_run_lost", command="it") == 1
    assert found.gauge("last_exit_code", command="it") is None


async def test_another_line_of_the_same_name_has_its_own_runs(tmp_path: Path) -> None:
    made = probe(settings(it={"argv": ["true"]}), tmp_path)
    await begun(made, "it")
    await until_over(made)
    assert (await probe(settings(it={"argv": ["false"]}), tmp_path).read()).facts.commands[0].past == ()


# Looks


async def followed(made: CommandsProbe, subject: str) -> list[str]:
    stream = cast("Any", made.follow("output", subject))
    lines: list[str] = []
    async with aclosing(cast("AsyncIterator[SafeText]", stream)) as following:  # type: ignore[type-var]
        async for line in following:
            lines.append(str(line))
    return lines


async def test_output_is_followed_to_its_end_and_complaints_are_marked(tmp_path: Path) -> None:
    code = "import sys, time\nfor n in range(3): print('line', n); time.sleep(0.2)\nsys.stderr.write('careful')"
    made = probe(settings(it={"argv": python(code)}), tmp_path)
    await begun(made, "it")
    async with asyncio.timeout(20):
        lines = await followed(made, "it")
    assert lines[:-1] == ["line 0", "line 1", "line 2", "2> careful"]
    assert lines[-1].startswith("── exit code 0 after")
    assert await followed(made, "") == lines, "without a row it is the newest of all"


async def test_a_command_that_never_ran_has_nothing_to_follow(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="has not run from here yet"):
        await followed(probe(settings(it={"argv": ["true"]}), tmp_path), "it")


async def test_what_only_reads_is_a_look_and_no_other_command_is() -> None:
    made = probe(
        settings(
            status={
                "argv": python("print('3 applied'); raise SystemExit(2)"),
                "reads": True,
                "what": "what is applied",
            },
            deploy={"argv": ["true"]},
        ),
        None,
    )
    assert [(look.name, look.row) for look in made.looks()] == [("output", ""), ("read-status", "status")]
    sheet = await made.look("read-status", "")
    assert [str(line) for line in sheet.lines] == ["3 applied", "── exit code 2"]
    with pytest.raises(ProbeError, match="no look named"):
        await made.look("read-deploy", "")
    with pytest.raises(ProbeError, match="status only reads: v shows what it says"):
        await followed(made, "status")


async def test_a_look_that_is_late_is_ended_and_told() -> None:
    made = probe(settings(it={"argv": python("import time; time.sleep(600)"), "reads": True, "timeout": 0.3}), None)
    with pytest.raises(ProbeError, match=r"gave no answer in 0.3 s"):
        await made.look("read-it", "")
