"""The keeper of the demonstration: whoever is killed, and whenever, no process is left."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from systems.engines import postgres_programs, redis_program
from systems.newsletter import PORTS
from systems.stage import ENDED, Stage, _parents, descendants, free_ports, ground, reachable
from tests.missing import missing

OPENER = """
import sys
from systems.stage import Stage
with Stage.start("newsletter", faults=False) as stage:
    print(stage.folder, stage.keeper, stage.ports["web"], flush=True)
    sys.stdin.read()
"""


def until(true: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait for a condition; what it gave."""
    end = time.monotonic() + seconds
    while True:
        try:
            if found := true():
                return found
        except (OSError, psutil.Error, IndexError):
            pass
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        select.select([], [], [], 0.01)


def alive(folder: Path) -> list[str]:
    """Every process that names the folder or stands in it, in words."""
    found = []
    for process in psutil.process_iter():
        try:
            argv = " ".join(process.cmdline())
            if process.status() != psutil.STATUS_ZOMBIE and str(folder) in f"{argv} {process.cwd()}":
                found.append(f"{process.pid} {argv}")
        except psutil.Error:
            continue
    return found


def test_ports_are_free_and_no_two_are_alike() -> None:
    ports = free_ports(PORTS)
    assert tuple(ports) == PORTS
    assert len(set(ports.values())) == len(PORTS)


def test_an_unknown_system_is_told() -> None:
    with pytest.raises(LookupError, match="no example system named nowhere"):
        Stage.start("nowhere")


@pytest.mark.parametrize("name", ["stage", "", ".", "newsletter.world", "../systems/newsletter", "__pycache__"])
def test_what_is_no_world_is_told_beside_those_that_are(name: str) -> None:
    with pytest.raises(LookupError) as caught:
        Stage.start(name)
    assert str(caught.value).startswith(f"there is no example system named {name}; there are ")
    assert "newsletter" in str(caught.value).rpartition("there are ")[2]


def test_a_missing_package_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("systems.newsletter.NEEDS", ("surely_not_there",))
    with pytest.raises(LookupError, match=r"needs surely_not_there: pip install"):
        Stage.start("newsletter")


def test_the_opener_imports_nothing_heavy() -> None:
    heavy = {"supervisor", "psycopg", "redis", "bullmq", "psutil", "textual", "asyncio", "ctypes", "xmlrpc.client"}
    script = f"import sys, systems.stage, systems.newsletter; print(*({heavy!r} & sys.modules.keys()))"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.split() == []


def test_a_folder_of_roots_own_is_not_in_reach_of_others(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "program").touch(mode=0o755)
    assert not reachable(closed / "program")
    assert not reachable(tmp_path / "nothing")
    assert reachable(Path("/usr"))


@pytest.mark.skipif(os.getuid() != 0, reason="only root has to look for a place that nobody can pass")
def test_root_does_not_build_where_nobody_cannot_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert ground() == "/tmp"


def test_where_the_path_of_a_socket_would_be_too_long_a_shorter_place_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(long))
    assert ground() == "/tmp"


def test_descendants_are_found_through_every_generation() -> None:
    command = [sys.executable, "-c", "import subprocess, sys; subprocess.run(['sleep', '60'])"]
    child = subprocess.Popen(command)
    try:
        until(lambda: len(descendants(child.pid)) == 1, 30, "the grandchild")
        assert {child.pid, *descendants(child.pid)} <= set(descendants(os.getpid()))
    finally:
        for pid in descendants(child.pid):
            os.kill(pid, signal.SIGKILL)
        child.kill()
        child.wait()


def test_without_proc_the_processes_are_asked_of_ps(monkeypatch: pytest.MonkeyPatch) -> None:
    if not any((Path(folder) / "ps").exists() for folder in os.get_exec_path()):
        missing("ps is not installed here")
    monkeypatch.setattr("os.path.isdir", lambda path: False)
    assert (os.getpid(), os.getppid()) in set(_parents())


class Opened:
    """A stage, opened by a process of its own, and the processes that keep it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OPENER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        folder, keeper, web = self.process.stdout.readline().split()
        self.folder, self.keeper, self.web = Path(folder), int(keeper), int(web)

    def kill(self, victim: str) -> None:
        """SIGKILL, as the machine does when memory runs out."""
        if victim == "opener":
            self.process.kill()
        elif victim == "keepers and manager":
            os.killpg(self.keeper, signal.SIGKILL)
        else:
            os.kill(self.find(victim), signal.SIGKILL)

    def find(self, name: str) -> int:
        """Process id of the keeper, the second keeper or the process manager."""
        if name == "keeper":
            return self.keeper
        second: int = until(lambda: psutil.Process(self.keeper).children()[0].pid, 30, "the second keeper")
        if name == "second keeper":
            return second
        manager: int = until(lambda: psutil.Process(second).children()[0].pid, 30, "the process manager")
        return manager

    def has(self, moment: str) -> bool:
        """Has this moment of the start come?"""
        if moment == "at once":
            return True
        if moment == "while the database is made":
            return (self.folder / "postgres").exists()
        return "newsletter-app: healthy" in (self.folder / "progress").read_text()

    def leave(self) -> None:
        """End the opener as its user would."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture
def opened() -> Iterator[Opened]:
    if redis_program() is None or postgres_programs() is None:
        missing("the demonstration's engines are not installed: pip install 'opsroom[demo]'")
    made = Opened()
    yield made
    made.leave()
    until(lambda: not alive(made.folder), 30, "the end")


@pytest.mark.engine
@pytest.mark.parametrize("moment", ["at once", "while the database is made", "when all is up"])
@pytest.mark.parametrize("victim", ["opener", "keeper", "second keeper", "manager", "keepers and manager"])
def test_no_process_is_left_when_one_is_killed(opened: Opened, victim: str, moment: str) -> None:
    until(lambda: opened.has(moment), 30, moment)
    opened.kill(victim)
    until(lambda: not [one for one in alive(opened.folder) if not one.startswith(f"{opened.process.pid} ")], 20, "rest")
    if victim == "keepers and manager" or (victim, moment) == ("keeper", "at once"):
        opened.leave()  # nobody but the opener is left to tidy up
    until(lambda: not opened.folder.exists(), 20, "no folder")


@pytest.mark.engine
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_the_keeper_ends_everything(opened: Opened, number: signal.Signals) -> None:
    until(lambda: opened.has("while the database is made"), 30, "a start")
    os.kill(opened.keeper, number)
    until(lambda: not alive(opened.folder) and not opened.folder.exists(), 20, "an empty stage")


@pytest.mark.engine
def test_a_suspended_world_can_be_ended(opened: Opened) -> None:
    until(lambda: opened.has("when all is up"), 30, "a start")
    for pid in descendants(opened.find("second keeper")):
        os.kill(pid, signal.SIGSTOP)
    opened.process.kill()
    until(lambda: not alive(opened.folder) and not opened.folder.exists(), 20, "an empty stage")


@pytest.mark.engine
def test_suspended_keepers_can_be_ended_too(opened: Opened) -> None:
    until(lambda: opened.has("when all is up"), 30, "a start")
    for pid in (*descendants(opened.keeper), opened.keeper):
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    opened.leave()
    assert time.monotonic() - began < 15
    assert not opened.folder.exists()


@pytest.mark.engine
def test_when_everything_ends_by_itself_the_reason_is_the_last_of_the_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    monkeypatch.setattr("systems.stage.ground", lambda: None)
    with Stage.start("newsletter", faults=False) as stage:
        words = until(lambda: [one for one in stage.progress() if one.startswith(ENDED)], 20, "last words")
        assert words == [stage.progress()[-1]]
        assert "AF_UNIX path too long" in words[0]
    assert stage.progress() == []


@pytest.mark.engine
def test_five_times_up_and_down_leave_nothing(opened: Opened) -> None:
    opened.leave()
    for round_ in range(5):
        with Stage.start("newsletter", faults=False) as stage:
            if round_ % 2:
                until(lambda stage=stage: stage.progress(), 20, "the engines")  # type: ignore[misc]
        assert not stage.folder.exists()
        assert alive(stage.folder) == []


@pytest.mark.engine
def test_a_start_does_not_wait_for_the_engines(opened: Opened) -> None:
    took = []
    for _ in range(3):
        began = time.perf_counter()
        stage = Stage.start("newsletter", faults=False)
        took.append(time.perf_counter() - began)
        assert stage.profile_path.exists()
        stage.stop()
    assert min(took) < 1.5
