"""Rotating by a real logrotate, shortening a real journal, removing rotated files and no other."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.commandline import recognised
from probes.base import Cause, Context, Danger, Outcome, ProbeError, Request, Result, SafeText, Target, Truth
from probes.rotation import commands
from probes.rotation.act import RotationActuator
from probes.rotation.probe import RotationSettings
from tests.conftest import obtain
from tests.probes.acting import carried_out, comes_back, perform, settled
from tests.probes.test_rotation import House, force, logrotate, writer
from tests.stack import places
from tests.stack import systemd as systemd_stack
from tests.stack.process import wait_until
from tests.test_contrib import provide
from tests.toys import NoSecrets

__all__ = ["writer"]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
async def make(house: House) -> AsyncIterator[Any]:
    made: list[RotationActuator] = []

    def actuator(**settings: Any) -> RotationActuator:
        context = Context(NoSecrets(), state=house.folder / "state")
        made.append(RotationActuator(Target("logs", "rotation", house.settings(**settings)), context))
        return made[-1]

    yield actuator
    for one in made:
        await one.close()


# removing


async def test_rotated_files_that_are_old_enough_are_removed_and_nothing_else(house: House, make: Any) -> None:
    live = house.write("app.log", 10, days=90)
    young = house.write("app.log.1", 10, days=5)
    old = [house.write("app.log.2.gz", 2000, days=40), house.write("app.log.3.gz", 3000, days=50)]
    other = house.write("unrelated.txt", 10, days=90)
    done = await perform(make(), Request("delete", ("shop",), number=30))
    assert [one.result for one in done.outcomes] == [Result.DONE, Result.DONE]
    assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED, Truth.CONFIRMED]
    assert [path.exists() for path in (live, young, *old, other)] == [True, True, False, False, True]
    assert done.plan.danger is Danger.DESTRUCTIVE
    assert [str(one) for one in done.plan.felt] == ["2 files, 4.9 KiB, are gone for ever"]


@pytest.mark.parametrize("days", [1, 29])
async def test_what_the_profile_keeps_is_not_removed(days: int, house: House, make: Any) -> None:
    house.write("app.log", 1)
    house.write("app.log.1", 1, days=60)
    with pytest.raises(ProbeError) as caught:
        await make().plan(Request("delete", ("shop",), number=days))
    assert caught.value.cause is Cause.DENIED
    with pytest.raises(ProbeError, match="does not say"):
        await make(log={"keep": None}).plan(Request("delete", ("shop",), number=400))


async def test_a_file_that_a_process_has_open_is_left_out_and_told(house: House, make: Any, writer: Any) -> None:
    house.write("app.log", 1)
    writer(house.write("app.log.1", 10, days=60))
    os.utime(house.logs / "app.log.1", (0, 0))
    plan = await make().plan(Request("delete", ("shop",), number=30))
    assert plan.chosen == ()
    assert "has it open" in str(plan.subjects[0].spared)


def written(path: Path) -> None:
    path.write_bytes(b"new lines")


def replaced(path: Path) -> None:
    at = path.stat().st_mtime
    path.rename(path.with_name("kept"))
    path.write_bytes((path.with_name("kept")).read_bytes())
    os.utime(path, (at, at))


def linked(path: Path) -> None:
    path.rename(path.with_name("kept"))
    path.symlink_to("kept")


def moved_folder(path: Path) -> None:
    folder = path.parent
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to("elsewhere")


@pytest.mark.parametrize("change", [written, replaced, linked, moved_folder, Path.unlink])
async def test_another_file_than_the_one_looked_at_is_never_removed(change: Any, house: House, make: Any) -> None:
    house.write("app.log", 1)
    path = house.write("app.log.1", 10, days=60)
    done = await perform(make(), Request("delete", ("shop",), number=30), lambda plan: change(path))
    assert [one.result for one in done.outcomes] == [Result.REFUSED]
    assert "changed since you looked" in str(done.outcomes[0].words)
    assert done.sent == []


async def test_a_file_that_changes_between_the_last_look_and_the_act_stays(house: House, make: Any) -> None:
    house.write("app.log", 1)
    path = house.write("app.log.1", 10, days=60)
    actuator = make()
    plan = await actuator.plan(Request("delete", ("shop",), number=30))

    async def sending() -> None:
        replaced(path)

    outcome = await actuator.carry_out(plan, plan.chosen[0], "act", sending)
    assert outcome.result is Result.REFUSED
    assert path.exists()


async def test_a_folder_behind_a_link_is_no_hindrance(house: House, make: Any) -> None:
    house.logs.rename(house.folder / "elsewhere")
    house.logs.symlink_to("elsewhere")
    house.write("app.log", 1)
    path = house.write("app.log.1", 10, days=60)
    done = await perform(make(), Request("delete", ("shop",), number=30))
    assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED]
    assert not path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not")
async def test_who_may_not_remove_is_told_so_and_nothing_is_gone(house: House, make: Any) -> None:
    house.write("app.log", 1)
    path = house.write("app.log.1", 10, days=60)
    actuator = make()
    plan = await actuator.plan(Request("delete", ("shop",), number=30))
    os.seteuid(65534)
    try:
        outcome = await carried_out(actuator, plan, plan.chosen[0], [])
    finally:
        os.seteuid(0)
    assert outcome.result is Result.FAILED
    assert "Permission denied" in str(outcome.words)
    assert path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not")
async def test_what_can_not_be_looked_at_is_not_called_gone(house: House, make: Any) -> None:
    house.write("app.log", 1)
    path = house.write("app.log.1", 10, days=60)
    actuator = make()
    plan = await actuator.plan(Request("delete", ("shop",), number=30))
    house.logs.chmod(0o700)
    os.seteuid(65534)
    try:
        with pytest.raises(ProbeError, match="can't be looked at"):
            await actuator.verify(plan, plan.chosen[0], Outcome(Result.UNKNOWN, SafeText()), 1.0)
    finally:
        os.seteuid(0)
    assert path.exists()


async def test_when_nothing_is_old_enough_that_is_said(house: House, make: Any) -> None:
    house.write("app.log", 1)
    with pytest.raises(ProbeError, match="no rotated file"):
        await make().plan(Request("delete", ("shop",), number=30))


# rotating


async def test_a_configuration_is_rotated_by_the_real_logrotate_and_seen_to_be(house: House, make: Any) -> None:
    logrotate()
    house.write("app.log", 100)
    house.write("web.log", 100)
    house.write("empty.log", 0)
    rule = house.rule("shop", "daily\nrotate 3\nnotifempty\ncreate")
    done = await perform(make(), Request("rotate", (str(rule),)))
    assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED], done
    assert str(done.verdicts[0].words) == "2 of 2 files were rotated"
    assert (house.logs / "app.log.1").stat().st_size == 100
    assert not (house.logs / "empty.log.1").exists()


async def test_of_more_files_than_are_looked_at_that_is_said_and_never_counted_as_done(house: House, make: Any) -> None:
    logrotate()
    for number in range(212):
        house.write(f"app{number:03}.log", 10)
    rule = house.rule("shop", "daily\nrotate 3\ncreate")
    actuator = make()
    plan = await actuator.plan(Request("rotate", (str(rule),)))
    assert str(plan.subjects[0].before).startswith("200 of 212 files looked at, ")
    words = "200 of 212 files are looked at: the other 12 are rotated too, but neither what goes of them nor"
    assert any(str(note).startswith(words) for note in plan.notes)
    assert plan.danger is Danger.DESTRUCTIVE, "what goes of the others is not known"
    done = await perform(actuator, Request("rotate", (str(rule),)))
    (verdict,) = done.verdicts
    assert (verdict.truth, str(verdict.words)) == (
        Truth.UNKNOWN,
        "200 of 212 files were rotated; the other 12 were not looked at",
    )
    assert (house.logs / "app211.log.1").exists()
    house.write("app212.log", 10)
    refused = await carried_out(actuator, plan, plan.subjects[0], [])
    assert (refused.result, str(refused.words)) == (Result.REFUSED, "changed since you looked: its files are others")


async def test_a_log_that_is_copied_and_truncated_counts_as_rotated(house: House, make: Any) -> None:
    logrotate()
    house.write("app.log", 100)
    done = await perform(make(), Request("rotate", (str(house.rule("shop", "rotate 3\ncopytruncate")),)))
    assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED], done


async def test_the_file_that_would_go_is_named_and_makes_it_destructive(house: House, make: Any) -> None:
    logrotate()
    house.write("app.log", 100)
    rule = house.rule("shop", "rotate 2")
    assert (await make().plan(Request("rotate", (str(rule),)))).danger is Danger.DISRUPTIVE
    house.write("app.log.1", 10, days=1)
    oldest = house.write("app.log.2", 20, days=2)
    done = await perform(make(), Request("rotate", (str(rule),)))
    assert done.plan.danger is Danger.DESTRUCTIVE
    assert [str(one) for one in done.plan.chosen[0].felt] == [f"{oldest} goes"]
    assert sorted(one.stat().st_size for one in house.logs.iterdir()) == [10, 100]


async def test_files_that_go_by_their_age_are_named_and_make_it_destructive(house: House, make: Any) -> None:
    logrotate()
    house.write("app.log", 100)
    young, old = house.write("app.log.1", 10, days=5), house.write("app.log.2", 20, days=40)
    done = await perform(make(), Request("rotate", (str(house.rule("shop", "rotate 10\nmaxage 30")),)))
    assert done.plan.danger is Danger.DESTRUCTIVE
    assert [str(one) for one in done.plan.chosen[0].felt] == [f"{old} goes"]
    assert sorted(one.stat().st_size for one in house.logs.iterdir()) == [10, 100]
    assert young.stat().st_size == 100


async def test_a_configuration_that_would_keep_nothing_when_run_alone_is_barred(house: House, make: Any) -> None:
    """`rotate 4` stands in the main file: a real logrotate -f of the other alone removes the log."""
    rule = house.rule("shop", "daily")
    house.write("app.log", 100)
    plan = await make().plan(Request("rotate", (str(rule),)))
    assert plan.subjects[0].barred
    assert "would keep no old file" in str(plan.subjects[0].spared)
    await asyncio.to_thread(force, logrotate(), house, rule)
    assert not any(path.name.startswith("app.log") and path.stat().st_size for path in house.logs.iterdir())


async def test_what_counts_only_with_the_main_file_and_a_writer_nobody_tells_are_said(house: House, make: Any) -> None:
    house.write("app.log", 100)
    plan = await make().plan(Request("rotate", (str(house.rule("shop", "rotate 3")),)))
    notes = " ".join(map(str, plan.notes))
    assert "without what the main file says" in notes
    assert "goes on writing into the rotated file" in notes


async def test_a_failure_of_logrotate_is_told_in_its_words(house: House, make: Any) -> None:
    logrotate()
    house.write("app.log", 100)
    rule = house.rule("shop", "rotate 3\npostrotate\nexit 3\nendscript")
    done = await perform(make(), Request("rotate", (str(rule),)))
    assert [one.truth for one in done.verdicts] == [Truth.REFUTED]
    assert "logrotate ended with 1" in str(done.verdicts[0].words)


async def test_a_changed_configuration_or_log_is_refused(house: House, make: Any) -> None:
    house.write("app.log", 100)
    rule = house.rule("shop", "rotate 3")
    done = await perform(make(), Request("rotate", (str(rule),)), lambda plan: rule.write_text("# nothing\n"))
    assert [one.result for one in done.outcomes] == [Result.REFUSED]
    rule = house.rule("shop", "rotate 3")
    done = await perform(make(), Request("rotate", (str(rule),)), lambda plan: house.write("more.log", 1))
    assert "changed since you looked: its files" in str(done.outcomes[0].words)
    assert done.sent == []


async def test_logrotate_is_run_once_however_often_the_act_is_asked(
    house: House, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = house.folder / "bin" / "logrotate"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho run >> {house.folder}/runs\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    house.write("app.log", 100)
    actuator = make()
    plan = await actuator.plan(Request("rotate", (str(house.rule("shop", "rotate 3")),)))
    first = await carried_out(actuator, plan, plan.chosen[0], [])
    again = await carried_out(actuator, plan, plan.chosen[0], [])
    assert (first.result, again.result) == (Result.DONE, Result.FAILED)
    verdict = await settled(make(), plan, plan.chosen[0], first)
    assert verdict.truth is Truth.REFUTED
    assert "not rotated" in str(verdict.words)
    assert (house.folder / "runs").read_text() == "run\n"


async def test_a_file_that_logrotate_does_not_include_and_the_main_one_are_refused(house: House, make: Any) -> None:
    with pytest.raises(ProbeError) as gone:
        await make().plan(Request("rotate", ("/etc/passwd",)))
    assert gone.value.cause is Cause.GONE
    with pytest.raises(ProbeError) as everything:
        await make().plan(Request("rotate", (str(house.main),)))
    assert everything.value.cause is Cause.DENIED


# the journal


@pytest.mark.systemd
@pytest.mark.parametrize(("action", "word"), [("vacuum-size", "9M"), ("vacuum-time", "1min")])
async def test_a_real_journal_gives_up_the_files_that_were_named(
    action: str, word: str, systemd_host: systemd_stack.Host, make: Any
) -> None:
    for _ in range(3):
        systemd_host.run("sh", "-c", "logger -t opsroom-test something; journalctl --sync; journalctl --rotate")
    age_archived(systemd_host)
    actuator = make(prefix=list(systemd_host.prefix), timeout=20)
    for _ in range(5):
        done = await perform(actuator, Request(action, ("journal",), word=word))
        if done.outcomes[0].result is not Result.REFUSED:  # a journal grows, and the act looks again
            break
    assert [one.result for one in done.outcomes] == [Result.DONE], done.outcomes
    assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED], done.verdicts
    assert done.plan.danger is Danger.DESTRUCTIVE
    assert any("whole files" in str(note) for note in done.plan.notes)
    again = await actuator.plan(Request(action, ("journal",), word=word))
    assert again.subjects[0].barred


ARCHIVED = "find /var/log/journal /run/log/journal -name '*@*.journal' "
"""Its files that are no longer written to; one of the folders may be missing."""


def age_archived(host: systemd_stack.Host) -> None:
    """Give the archived files the date of yesterday: systemd takes the earliest that it finds for one.

    journald writes the state "archived" (2, byte 16 of a file) a moment after it has renamed a file.
    """
    states = ARCHIVED + "-exec od -An -j16 -N1 -tu1 {} ';' 2>/dev/null"
    wait_until(lambda: set(host.run("sh", "-c", states, ok=False).split()) == {"2"}, 20)
    host.run("sh", "-c", ARCHIVED + "-exec touch -d yesterday {} +", ok=False)


FAKE = """
import os, sys
folder = sys.argv[1]
words = sys.argv[2:]
open(folder + "/asked", "a").write(" ".join(words) + "\\n")
if words[0] == "find":
    print(open(folder + "/files").read(), end="")
elif "--disk-usage" not in words:
    how = open(folder + "/how").read()
    if how == "die":
        os.kill(os.getpid(), 9)
    if how == "odd":
        sys.exit("Failed to delete one archived journal")
    sys.exit(how == "fail" and (sys.stderr.write("Failed to vacuum: Permission denied\\n") and 1))
"""


class FakeJournal:
    """Lists and gives up what it is told to, and counts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "fake.py").write_text(FAKE)
        self.files(3)
        self.how("well")

    def files(self, number: int) -> None:
        head = "@" + "a" * 32 + "-" + "0" * 16 + "-"
        lines = [f"16384 1700000000.0 /var/log/journal/m/system{head}{at:016x}.journal" for at in range(number)]
        (self.folder / "files").write_text("\n".join([*lines, "16384 1.0 /var/log/journal/m/system.journal", ""]))

    def how(self, word: str) -> None:
        (self.folder / "how").write_text(word)

    @property
    def prefix(self) -> list[str]:
        return [sys.executable, "-S", str(self.folder / "fake.py"), str(self.folder)]

    def vacuums(self) -> int:
        return sum("--vacuum" in line for line in (self.folder / "asked").read_text().splitlines())


@pytest.fixture
def fake(tmp_path: Path) -> FakeJournal:
    (tmp_path / "fake").mkdir()
    return FakeJournal(tmp_path / "fake")


@pytest.mark.parametrize(
    ("how", "result"),
    [("well", Result.DONE), ("fail", Result.FAILED), ("odd", Result.PARTIAL), ("die", Result.UNKNOWN)],
)
@pytest.mark.once
async def test_the_journal_is_asked_once_however_it_answers(
    how: str, result: Result, fake: FakeJournal, make: Any
) -> None:
    fake.how(how)
    actuator = make(prefix=fake.prefix)
    plan = await actuator.plan(Request("vacuum-time", ("journal",), word="30d"))
    outcome = await carried_out(actuator, plan, plan.chosen[0], [])
    assert outcome.result is result
    assert fake.vacuums() == 1
    assert (await actuator.verify(plan, plan.chosen[0], outcome, 1)).truth is Truth.PENDING
    fake.files(0)
    assert (await actuator.verify(plan, plan.chosen[0], outcome, 1)).truth is Truth.CONFIRMED


async def test_other_files_than_the_named_ones_are_refused(fake: FakeJournal, make: Any) -> None:
    done = await perform(
        make(prefix=fake.prefix), Request("vacuum-size", ("journal",), word="10M"), lambda _: fake.files(5)
    )
    assert [one.result for one in done.outcomes] == [Result.REFUSED]
    assert "changed since you looked" in str(done.outcomes[0].words)
    assert fake.vacuums() == 0


async def test_that_fewer_files_go_than_were_named_is_no_hindrance(fake: FakeJournal, make: Any) -> None:
    """The journal shrinks and grows by itself: an archived file is made smaller a moment after it was put away."""
    actuator = make(prefix=fake.prefix)
    plan = await actuator.plan(Request("vacuum-size", ("journal",), word="10M"))
    fake.files(2)
    assert (await carried_out(actuator, plan, plan.chosen[0], [])).result is Result.DONE
    assert fake.vacuums() == 1


async def test_what_would_go_can_be_seen_before_a_word_is_picked(fake: FakeJournal, make: Any) -> None:
    found = await make(prefix=fake.prefix).choices("vacuum-time", ["journal"])
    assert ("30d", "3 files, 24.0 MiB would go") in [(one.word, str(one.about)) for one in found]


@pytest.mark.parametrize(
    ("request_", "cause"),
    [
        (Request("burn", ("shop",)), Cause.MISSING),
        (Request("delete", ("shop",)), Cause.MISSING),
        (Request("delete", ("none",), number=40), Cause.GONE),
        (Request("vacuum-time", ("shop",), word="30d"), Cause.GONE),
        (Request("vacuum-time", ("journal",), word="soon"), Cause.MISSING),
        (Request("rotate"), Cause.MISSING),
    ],
)
async def test_what_is_not_there_is_refused_in_words(request_: Request, cause: Cause, make: Any) -> None:
    with pytest.raises(ProbeError) as caught:
        await make().plan(request_)
    assert caught.value.cause is cause


# the dialect

LOGS = [
    {"name": "shop", "files": "/var/log/shop/*.log", "keep": "30d"},
    {"name": "errors", "files": "/srv/app/logs/error-*.log", "keep": "30d"},
    {"name": "web", "files": "/var/log/web/access.log"},
]


def speaking(**settings: Any) -> RotationActuator:
    given_settings = RotationSettings.model_validate({"log": LOGS} | settings)
    return RotationActuator(Target("logs", "rotation", given_settings), Context(NoSecrets()))


REQUESTS = st.one_of(
    st.builds(
        lambda name, days: Request("delete", (name,), number=days),
        st.sampled_from([str(one["name"]) for one in LOGS]), st.integers(1, 3650),
    ),
    st.builds(
        lambda number, unit: Request("vacuum-time", ("journal",), word=f"{number}{unit}"),
        st.integers(1, 99999), st.sampled_from(["min", "h", "d", "weeks", "month", "years"]),
    ),
    st.builds(
        lambda number, unit: Request("vacuum-size", ("journal",), word=f"{number}{unit}"),
        st.integers(1, 9999999), st.sampled_from("KMGT"),
    ),
    st.builds(
        lambda name: Request("rotate", (f"/etc/logrotate.d/{name}",)),
        st.from_regex(r"[a-z][a-z0-9 ._-]{0,20}", fullmatch=True),
    ),
)  # fmt: skip


@given(
    REQUESTS, st.booleans(), st.sampled_from([(), ("docker", "exec", "sd1"), ("sudo", "-u", "x", "--")]), st.booleans()
)
def test_a_rendered_line_is_recognised_as_the_same_request(
    request_: Request, sudo: bool, prefix: tuple[str, ...], usual: bool
) -> None:
    status = {} if usual else {"status": "/srv/status"}
    assert comes_back(speaking(sudo=sudo, prefix=prefix, **status), request_)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("sudo logrotate -f /etc/logrotate.d/shop", Request("rotate", ("/etc/logrotate.d/shop",))),
        ("logrotate -vf /etc/logrotate.d/shop", Request("rotate", ("/etc/logrotate.d/shop",))),
        ("logrotate --force --verbose /etc/logrotate.conf", Request("rotate", ("/etc/logrotate.conf",))),
        ("logrotate /etc/logrotate.conf", None),
        ("logrotate -d -f /etc/logrotate.conf", None),
        ("logrotate -f -s /tmp/x /etc/logrotate.conf", None),
        ("sudo journalctl --vacuum-time=30d", Request("vacuum-time", ("journal",), word="30d")),
        ("journalctl --vacuum-time 30days", Request("vacuum-time", ("journal",), word="30d")),
        ("journalctl --vacuum-size=500M -q", Request("vacuum-size", ("journal",), word="500M")),
        ("journalctl --rotate --vacuum-time=1d", None),
        ("journalctl --vacuum-time=1d --vacuum-size=1G", None),
        ("journalctl -u shop", None),
        ("find /var/log/shop -name '*.log.*' -mtime +30 -delete", Request("delete", ("shop",), number=31)),
        ("find /var/log/shop/ -type f -mtime +29 -exec rm -f {} \\;", Request("delete", ("shop",), number=30)),
        ("find /var/log/shop -name '*.log.*' -mtime +30 -exec rm {} +", Request("delete", ("shop",), number=31)),
        ("find /var/log/shop -mtime +30 -print0 | xargs -0 rm -f", Request("delete", ("shop",), number=31)),
        ("find /srv/app/logs -name 'error-*.log' -mtime +30 -delete", Request("delete", ("errors",), number=31)),
        ("find /var/log/shop -name '*.log.*' -delete", None),
        ("find /var/log/shop -name '*.log.*' -mtime +30", None),
        ("find /var/log/shop -name '*.log.*' -mtime -30 -delete", None),
        ("find /var/log/other -name '*.log.*' -mtime +30 -delete", None),
        ("find /var/log/shop -name '*.log.*' -mtime +30 -exec gzip {} +", None),
        ("find /var/log/shop -mtime +30 -delete | wc -l", None),
    ],
)  # fmt: skip
def test_the_spellings_of_people_are_understood(line: str, wanted: Request | None) -> None:
    found = recognised(line, speaking())
    assert (found.request if found else None) == wanted


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("logrotate -f /etc/logrotate.conf", "rotates everything"),
        ("journalctl --vacuum-time=30d", "some newer lines go"),
        ("find /var/log/shop -name '*.log*' -mtime +30 -delete", "the log that is written to as well"),
    ],
)
def test_what_a_line_does_wrongly_is_said(line: str, words: str) -> None:
    found = recognised(line, speaking())
    assert found is not None
    assert words in found.warning


def test_the_line_for_find_means_as_many_days(tmp_path: Path) -> None:
    """A real find: what is 30 days old goes, what is 29 stays."""
    obtain("rotation", lambda: places.needed("find"))
    house = House(tmp_path)
    house.write("app.log.1", 1, days=29.9)
    house.write("app.log.2", 1, days=30.1)
    actuator = RotationActuator(Target("logs", "rotation", house.settings()), Context(NoSecrets()))
    line = actuator.render(Request("delete", ("shop",), number=30))
    subprocess.run(["sh", "-c", line], check=True)
    assert [path.name for path in house.logs.iterdir()] == ["app.log.1"]


def test_offers_suit_the_row(house: House) -> None:
    from probes.rotation.facts import Configuration, Journal, Log, LogFile, RotationFacts

    facts = RotationFacts(
        logs=(
            Log(
                "shop",
                "/x/*.log",
                (LogFile("/x", "a.log", 1, 1.0, 1, 1, False),),
                keep=1.0,
                covered_by=("/etc/logrotate.d/a",),
                uncovered=0,
            ),
            Log("web", "/y/*.log", uncovered=1),
        ),
        configurations=(Configuration("/etc/logrotate.d/a", (), ""),),
        journal=Journal(1),
    )
    actuator = RotationActuator(Target("logs", "rotation", house.settings()), Context(NoSecrets()))

    def offered(*rows: str) -> list[tuple[str, str]]:
        return [(one.action.name, one.refused) for one in actuator.offers(facts, rows)]

    assert offered("journal") == [("vacuum-time", ""), ("vacuum-size", "")]
    assert offered("/etc/logrotate.d/a") == [("rotate", "")]
    assert offered("shop") == [
        ("rotate", "Tab: done on /etc/logrotate.d/a"),
        ("delete", "nothing of it was rotated"),
    ]
    assert offered("web") == [
        ("rotate", "nothing rotates it"),
        ("delete", "the profile does not say how long it is kept"),
    ]
    assert offered("gone") == []
    for row in ("/x/*.log", "/x/a.log"):
        assert actuator.beside(facts, "logs", row) == ["shop", "/etc/logrotate.d/a"]
    assert actuator.beside(facts, "host", "/x/a.log") == ()
    assert actuator.beside(facts, "logs", "/z/*.log") == []


async def test_rights_say_what_is_missing(make: Any) -> None:
    told = {right.name: right.grant.value for right in await make().rights()}
    assert told["remove old files of shop"] == "held"
    assert told["rotate, shorten the journal"] in ("held", "missing")


SUDOERS = Path(__file__).parents[2] / "contrib" / "rotation" / "opsroom.sudoers"


def test_our_sudoers_names_the_very_commands_that_are_run() -> None:
    named = [
        line.strip(" ,\\").replace("\\=", "=") for line in SUDOERS.read_text().splitlines() if line.startswith("    /")
    ]
    assert named == [
        "/usr/sbin/" + " ".join(commands.rotating("/etc/logrotate.d/newsletter", commands.Here())),
        "/usr/bin/" + " ".join(commands.vacuuming("vacuum-time", "30d")),
        "/usr/bin/" + " ".join(commands.vacuuming("vacuum-size", "1G")),
    ]


@pytest.mark.systemd
@pytest.mark.parametrize("name", ["rotation", "certbot"])
def test_our_sudoers_is_one_that_sudo_takes(name: str, systemd_host: systemd_stack.Host) -> None:
    obtain("systemd", lambda: provide(systemd_host))
    text = (SUDOERS.parents[1] / name / SUDOERS.name).read_text()
    systemd_host.run("sh", "-c", 'printf "%s" "$1" > /tmp/it && visudo -cf /tmp/it', "sh", text)
