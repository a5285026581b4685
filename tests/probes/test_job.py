"""A job goes on when whoever began it is gone, and its end is told to whoever comes later."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from probes.base import Cause, ProbeError
from probes.exec import Ran, job, run
from probes.exec.job import Standing, State, begin, look, stop

PATIENCE = 20.0


def python(code: str) -> list[str]:
    return [sys.executable, "-u", "-c", code]


async def until(folder: Path, true: Callable[[Standing], object], seconds: float = PATIENCE) -> Standing:
    end = time.monotonic() + seconds
    while not true(standing := await look(folder)):
        assert time.monotonic() < end, standing
        await asyncio.sleep(0.02)
    return standing


async def ended(folder: Path) -> Standing:
    return await until(folder, lambda standing: standing.state is State.ENDED)


def keepers_of(folder: Path) -> list[psutil.Process]:
    return [one for one in psutil.process_iter(["cmdline"]) if (one.info["cmdline"] or [])[-1:] == [str(folder)]]


WAITS = "import sys, time; print('waits', flush=True); time.sleep(600)"


async def test_its_output_and_its_end_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "jobs" / "one"
    before = datetime.now(UTC)
    await begin(python("import sys; print('out'); sys.stderr.write('a\\nthe end\\n'); sys.exit(3)"), folder, within=20)
    standing = await ended(folder)
    assert (standing.code, standing.out, standing.err) == (3, b"out\n", b"a\nthe end\n")
    assert str(standing.complaint) == "the end"
    assert (standing.late, standing.stopped, standing.cut) == (False, False, False)
    assert standing.began is not None
    assert standing.ended is not None
    assert before - timedelta(seconds=1) <= standing.began <= standing.ended


async def test_what_it_writes_is_seen_while_it_runs(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    await begin(python(WAITS), folder, within=60)
    standing = await until(folder, lambda standing: standing.out == b"waits\n")
    assert standing.state is State.RUNNING
    assert await stop(folder)
    standing = await ended(folder)
    assert standing.stopped
    assert standing.code == -signal.SIGTERM
    assert not await stop(folder)


async def test_it_goes_on_when_the_session_is_killed(tmp_path: Path) -> None:
    folder, go = tmp_path / "one", tmp_path / "go"
    waits = f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.02)\nprint('done')"
    starter = (
        "import asyncio, os, pathlib, signal\nfrom probes.exec.job import begin\n"
        f"asyncio.run(begin({python(waits)!r}, pathlib.Path({str(folder)!r}), within=60))\n"
        "os.killpg(0, signal.SIGKILL)"
    )
    run = partial(subprocess.run, cwd=Path(__file__).parents[2], start_new_session=True, check=False)
    session = await asyncio.to_thread(run, [sys.executable, "-c", starter])
    assert session.returncode == -signal.SIGKILL
    assert (await look(folder)).state is State.RUNNING
    go.touch()
    standing = await ended(folder)
    assert (standing.code, standing.out) == (0, b"done\n")


async def test_one_that_is_late_is_ended_with_its_children_even_if_they_do_not_listen(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    child = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    parent = (
        f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-u', '-c', {child!r}]); print(p.pid); p.wait()"
    )
    await begin(python(parent), folder, within=1.5)
    standing = await until(folder, lambda standing: b"deaf" in standing.out)
    pid = next(int(line) for line in standing.out.split() if line.isdigit())
    standing = await ended(folder)
    assert standing.late
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_output_beyond_the_limit_is_thrown_away_and_that_is_told(tmp_path: Path) -> None:
    await begin(python("print('x' * 300000)"), tmp_path / "one", within=20, limit=1000)
    standing = await ended(tmp_path / "one")
    assert standing.out == b"x" * 1000
    assert standing.cut


async def test_a_file_takes_all_output_and_is_private(tmp_path: Path) -> None:
    out = tmp_path / "dump"
    await begin(python("print('x' * 300000)"), tmp_path / "one", within=20, limit=10, out=out)
    standing = await ended(tmp_path / "one")
    assert out.read_bytes() == b"x" * 300000 + b"\n"
    assert out.stat().st_mode & 0o777 == 0o600
    assert not standing.cut


async def test_a_file_is_read_as_its_input(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_bytes(b"from a file")
    await begin(python("import sys; print(sys.stdin.read())"), tmp_path / "one", within=20, stdin=given)
    assert (await ended(tmp_path / "one")).out == b"from a file\n"


async def test_a_file_that_is_there_is_not_written_over_and_nothing_is_begun(tmp_path: Path) -> None:
    out = tmp_path / "dump"
    out.write_text("precious")
    with pytest.raises(ProbeError, match="File exists"):
        await begin(python("print(1)"), tmp_path / "one", within=20, out=out)
    assert out.read_text() == "precious"
    assert not (tmp_path / "one").exists()


async def test_a_program_that_is_not_there_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="no-such-tool is not installed here") as raised:
        await begin(["no-such-tool"], tmp_path / "one", within=20, out=tmp_path / "dump")
    assert raised.value.cause is Cause.MISSING
    assert os.listdir(tmp_path) == []


async def test_one_folder_is_for_one_job(tmp_path: Path) -> None:
    await begin(python("print(1)"), tmp_path / "one", within=20)
    await ended(tmp_path / "one")
    with pytest.raises(ProbeError, match="no place to keep the job"):
        await begin(python("print(2)"), tmp_path / "one", within=20)
    assert (await look(tmp_path / "one")).out == b"1\n"


async def test_secrets_in_its_environment_are_written_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    await begin(python("import os; print(len(os.environ['TOKEN']))"), folder, within=20, env={"TOKEN": "canary-word"})
    assert (await ended(folder)).out == b"11\n"
    assert all(b"canary" not in path.read_bytes() for path in folder.iterdir())
    assert folder.stat().st_mode & 0o777 == 0o700


async def test_one_whose_keeper_was_killed_runs_while_its_program_lives_and_then_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    await begin(python(WAITS), folder, within=60)
    keepers = keepers_of(folder)
    await until(folder, lambda standing: standing.out)
    children = [child for keeper in keepers for child in keeper.children()]
    for one in keepers:
        one.kill()
    await asyncio.to_thread(psutil.wait_procs, keepers, 10)
    assert (await look(folder)).state is State.RUNNING
    for child in children:
        os.killpg(child.pid, signal.SIGKILL)
    standing = await until(folder, lambda standing: standing.state is State.LOST)
    assert standing.code is None


async def test_a_full_disk_takes_its_output_but_neither_the_program_nor_the_word_of_its_end(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))  # handed down to the keeper, as a disk with no room
    try:
        await begin(python("import sys; print('x' * 300000); sys.exit(7)"), tmp_path / "one", within=20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    standing = await ended(tmp_path / "one")
    assert standing.code == 7
    assert standing.out == b"x" * 1000
    assert standing.cut


async def test_what_a_program_has_left_running_on_purpose_lives_on(tmp_path: Path) -> None:
    daemon = "subprocess.Popen(['sleep', '600'], stdout=-3, stderr=-3)"
    await begin(python(f"import subprocess; print({daemon}.pid)"), tmp_path / "one", within=20)
    standing = await ended(tmp_path / "one")
    assert standing.code == 0
    left = psutil.Process(int(standing.out))
    try:
        with pytest.raises(psutil.TimeoutExpired):
            left.wait(0.5)
        assert left.cmdline() == ["sleep", "600"]
    finally:
        left.kill()


async def test_no_word_from_its_keeper_means_that_nobody_knows_and_its_folder_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., Awaitable[Ran]] = vars(job)["run"]

    async def deaf(argv: Sequence[str], **more: Any) -> Ran:
        return replace(await real(argv, **more), code=-9, out=b"")

    monkeypatch.setattr(job, "run", deaf)
    with pytest.raises(ProbeError, match=r"whether .* has begun is not known") as raised:
        await begin(python("print('it ran')"), tmp_path / "one", within=20)
    assert raised.value.cause is Cause.TIMEOUT_READ
    assert (await ended(tmp_path / "one")).out == b"it ran\n"


async def test_nobody_else_may_read_what_is_kept_of_it_whatever_the_mask(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        await begin(python("print(1)"), tmp_path / "one", within=20)
    finally:
        os.umask(mask)
    await ended(tmp_path / "one")
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "one").iterdir()} == {0o600}


async def test_words_that_no_program_can_be_given_are_told_and_nothing_runs(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="embedded null byte") as raised:
        await begin(["echo", "a\0b"], tmp_path / "one", within=20)
    assert raised.value.cause is Cause.LOCAL_PERM
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize("env", [{"TOKEN": "a\0b"}, {"A=B": "c"}], ids=["a value", "a name"])
async def test_an_environment_that_no_program_can_be_given_is_told_and_leaves_nothing(
    tmp_path: Path, env: dict[str, str]
) -> None:
    with pytest.raises(ProbeError, match="no program can be given") as caught:
        await begin(python("pass"), tmp_path / "one", within=20, env=env)
    assert caught.value.cause is Cause.LOCAL_PERM
    assert not (tmp_path / "one").exists(), "whoever looks later would take it for a run"


async def test_a_keeper_that_cannot_be_started_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "sys", SimpleNamespace(executable=str(tmp_path / "python")))
    with pytest.raises(ProbeError) as caught:
        await begin(["true"], tmp_path / "one", within=20)
    assert caught.value.cause is Cause.MISSING
    assert not (tmp_path / "one").exists()


async def test_a_keeper_that_is_asked_to_end_ends_its_program_first(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    await begin(python(WAITS), folder, within=60)
    await until(folder, lambda standing: standing.out)
    for one in keepers_of(folder):
        one.terminate()
    assert (await ended(folder)).stopped


async def test_a_job_that_never_was_is_lost(tmp_path: Path) -> None:
    assert (await look(tmp_path / "none")).state is State.LOST


async def test_half_a_report_of_the_end_is_no_report(tmp_path: Path) -> None:
    (tmp_path / "ended.json").write_text('{"code": 0')
    assert (await look(tmp_path)).state is State.LOST
    (tmp_path / "ended.json").write_text(json.dumps([1]))
    assert (await look(tmp_path)).state is State.LOST


async def test_only_the_newest_ended_jobs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "KEPT", 2)
    for number in range(5):
        await begin(python("pass"), tmp_path / str(number), within=20)
        await ended(tmp_path / str(number))
    assert sorted(os.listdir(tmp_path)) == ["2", "3", "4"]


# what another user's is


OTHER = ["setpriv", "--reuid", "65534", "--clear-groups"]
"""Runs a program as nobody, as sudo would as root."""
alone = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a program as another user")


@pytest.fixture
def powerless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keepers that may not send signals to what belongs to somebody else, as every user but root."""

    async def without(argv: Sequence[str], **more: Any) -> Ran:
        return await run(["setpriv", "--bounding-set", "-kill", "--inh-caps", "-kill", *argv], **more)

    monkeypatch.setattr(job, "run", without)


@alone
@pytest.mark.usefixtures("powerless")
@pytest.mark.parametrize("within", [60.0, 0.3])
async def test_what_may_not_be_ended_is_told_and_never_called_stopped(tmp_path: Path, within: float) -> None:
    folder = tmp_path / "one"
    waits = "trap 'echo done; exit 0' USR1; echo waits; while :; do sleep 0.02; done"
    await begin([*OTHER, "sh", "-c", waits], folder, within=within, cwd=Path("/"))
    await until(folder, lambda standing: standing.out == b"waits\n")
    if within > 1:
        assert await stop(folder)
    standing = await until(folder, lambda standing: standing.denied)
    assert standing.state is State.RUNNING
    keepers_of(folder)[0].children()[0].send_signal(signal.SIGUSR1)
    standing = await ended(folder)
    assert (standing.code, standing.stopped, standing.late, standing.denied) == (0, False, False, True)
    assert standing.out == b"waits\ndone\n"


@alone
@pytest.mark.usefixtures("powerless")
async def test_what_a_stopped_program_leaves_running_as_another_user_is_told(tmp_path: Path) -> None:
    """As sudo does when it is killed, because what it runs does not heed that it is asked to end."""
    folder, child = tmp_path / "one", tmp_path / "child"
    leaves = f"{' '.join(OTHER)} sleep 600 & echo $! >{child}; echo begun; wait"
    await begin(["sh", "-c", leaves], folder, within=60)
    await until(folder, lambda standing: standing.out == b"begun\n")
    left = psutil.Process(int(child.read_text()))
    await asyncio.to_thread(lambda: wait_for_owner(left))
    try:
        assert await stop(folder)
        standing = await ended(folder)
        assert (standing.stopped, standing.left, left.is_running()) == (True, True, True)
    finally:
        left.kill()


def wait_for_owner(process: psutil.Process) -> None:
    end = time.monotonic() + PATIENCE
    while process.uids().real != 65534:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_begins_with_sudo_can_be_asked_to_end_and_not_be_killed_unless_one_is_root(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    words = "it runs by sudo, as another user: it can be asked to end, but not be killed"
    assert job.only_asked(["/usr/bin/sudo", "-n", "certbot"]) == words
    assert job.only_asked(["certbot"]) == ""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert job.only_asked(["sudo", "certbot"]) == ""
