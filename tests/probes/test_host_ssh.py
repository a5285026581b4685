"""Another machine over a real sshd: the same numbers as here, and what a machine lacks costs its own part only."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from probes.base import Cause, Context, ProbeError, Snapshot, Target
from probes.host.facts import HostFacts
from probes.host.probe import HostProbe, HostSettings
from probes.host.remote import QUICK, RemoteHost, parse_space, split
from tests.conftest import obtain
from tests.probes.sshing import Between, between, ready
from tests.stack import places
from tests.stack.sshd import HOST, Sshd
from tests.toys import NoSecrets

LONG = 30.0


def probe(**settings: Any) -> HostProbe:
    given = HostSettings.model_validate({"ssh": HOST, "timeout": LONG} | settings)
    return HostProbe(Target("web", "host", given), Context(NoSecrets()))


@pytest.fixture
async def far() -> AsyncIterator[HostProbe]:
    one = probe()
    yield one
    await one.close()
    await one.close()


@pytest.fixture
def there(new_sshd: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch) -> Between:
    return between(new_sshd, monkeypatch)


@pytest.fixture
def server(new_sshd: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch) -> Sshd:
    return ready(new_sshd(), monkeypatch)


def told(path: str) -> str:
    """What one of this machine's own files says."""
    return Path(path).read_text().strip()


def busy_program() -> subprocess.Popen[bytes]:
    """A process that is easily found, with a secret and a control character on its command line."""
    spins = "import time\nend = time.time() + 60\nwhile time.time() < end: pass"
    return subprocess.Popen([sys.executable, "-S", "-c", spins, "--password", "hunter2", "\x1b[2J"])


def parts(snapshot: Snapshot[HostFacts]) -> set[str]:
    return {gap.part for gap in snapshot.gaps}


def dear_again(one: HostProbe) -> None:
    """Let the next reading ask for everything."""
    assert one._far is not None
    one._far._dear_at = None


async def failure(one: HostProbe) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        await one.read()
    return caught.value


@pytest.mark.engine
async def test_a_machine_over_ssh_gives_what_it_gives_here(server: Sshd, far: HostProbe) -> None:
    here = HostProbe(Target("local", "host", HostSettings(timeout=LONG)), Context(NoSecrets()))
    await far.read()
    await here.read()
    theirs, ours = await far.read(), await here.read()
    await here.close()
    one, other = theirs.facts, ours.facts
    assert (one.name, one.kernel, one.cores) == (other.name, other.kernel, other.cores)
    assert (one.memory.total, one.memory.swap_total) == (other.memory.total, other.memory.swap_total)
    assert one.uptime == pytest.approx(other.uptime, abs=60)
    assert str(one.over) == "ssh web-1"
    assert str(one.machine) == told("/etc/machine-id")
    assert one.cpu.busy is not None
    assert len(one.cpu.cores) == one.cores
    assert one.files_open is not None
    root = {str(disk.mount): disk for disk in one.disks}["/"]
    same = {str(disk.mount): disk for disk in other.disks}["/"]
    assert (root.total, root.fstype) == (same.total, same.fstype)
    assert root.used == pytest.approx(same.used, abs=0.02)
    assert root.inodes_used == pytest.approx(same.inodes_used, abs=0.02)
    assert {str(net.name) for net in one.interfaces} & {str(net.name) for net in other.interfaces} >= {"lo"}
    assert {key.name for key in theirs.gauges} >= {"cpu_busy_ratio", "load1", "memory_used_ratio", "disk_used_ratio"}
    assert {key.name for key in theirs.gauges} <= {spec.name for spec in HostProbe.gauges}
    assert far.looks() == ()


@pytest.mark.engine
async def test_its_processes_are_shown_with_user_command_and_use(server: Sshd, far: HostProbe) -> None:
    busy = busy_program()
    try:
        await far.read()
        dear_again(far)
        facts = (await far.read()).facts
        mine = next(one for one in facts.processes if one.pid == busy.pid)
    finally:
        busy.kill()
        busy.wait()
    assert mine.cpu is not None
    assert mine.cpu > 0.05
    assert mine.rss is not None
    assert mine.rss > 1 << 20
    assert mine.age is not None
    assert 0 <= mine.age < 60
    assert str(mine.user)
    assert "--password ***" in str(mine.command)
    assert "hunter2" not in str(facts)
    assert "\x1b" not in str(mine.command)
    assert facts.tally is not None
    assert facts.tally.total >= len(facts.processes) > 1


@pytest.mark.engine
async def test_a_machine_that_was_started_anew_begins_its_counters_anew(there: Between, far: HostProbe) -> None:
    await far.read()
    assert (await far.read()).facts.cpu.busy is not None
    boot = told("/proc/sys/kernel/random/boot_id")
    there.edits(f"s/^{boot}$/00000000-1111-2222-3333-444444444444/")
    before = far._memory
    reading = await far.read()
    assert reading.facts.cpu.busy is None
    assert reading.facts.disks
    assert far._memory is not before
    assert (await far.read()).facts.cpu.busy is not None


@pytest.mark.engine
async def test_another_machine_behind_the_same_name_is_not_taken_for_the_one_before(
    there: Between, far: HostProbe
) -> None:
    await far.read()
    mine = told("/etc/machine-id")
    there.edits(f"s/^{mine}$/{'0' * 32}/")
    dear_again(far)
    reading = await far.read()
    assert str(reading.facts.machine) == "0" * 32
    assert reading.facts.cpu.busy is None


def programs(folder: Path, *names: str) -> str:
    """A PATH with nothing but these programs."""
    folder.mkdir()
    for name in names:
        found = places.program(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return str(folder)


def applets(busybox: Path, folder: Path) -> None:
    """What a small machine has, all of it busybox."""
    folder.mkdir()
    every = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for name in set(every) & {"sh", "env", "cat", "grep", "sed", "cut", "df", "ps", "awk", "head", "id"}:
        (folder / name).symlink_to(busybox)


@pytest.mark.engine
async def test_a_bare_machine_gives_what_it_has_and_names_the_rest(
    there: Between, far: HostProbe, tmp_path: Path
) -> None:
    path = programs(tmp_path / "bin", "sh", "env", "cat", "grep", "sed")
    there.does(f"PATH={path}")
    await far.read()
    reading = await far.read()
    assert parts(reading) == {"processes", "disks", "connections"}
    assert reading.facts.memory.used is not None
    assert reading.facts.cpu.busy is not None
    assert reading.facts.disks == ()
    assert reading.facts.tally is None


@pytest.mark.engine
async def test_a_busybox_is_read_too(there: Between, far: HostProbe, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    applets(obtain("busybox", lambda: places.needed("busybox")), folder)
    there.does(f"PATH={folder}")
    await far.read()
    reading = await far.read()
    assert parts(reading) <= {"users and command lines of processes", "other users' processes"}
    facts = reading.facts
    assert facts.cpu.busy is not None
    assert facts.tally is not None
    assert facts.tally.total > 1
    assert shutil.disk_usage("/").total == {str(disk.mount): disk for disk in facts.disks}["/"].total


@pytest.mark.engine
async def test_what_is_hidden_there_is_named_in_every_reading(there: Between, far: HostProbe) -> None:
    there.edits("/ user$/{n;s/.*/1000/;}\ns/ - proc proc rw/ - proc proc rw,hidepid=invisible/")
    for _ in range(2):
        assert "other users' processes" in parts(await far.read())


@pytest.mark.engine
async def test_a_network_file_system_is_named_and_not_asked(there: Between, far: HostProbe) -> None:
    there.edits("/ self\\/mountinfo$/a 99 1 0:99 / /srv/nfs rw - nfs server:/x rw")
    facts = (await far.read()).facts
    remote = {str(disk.mount): disk for disk in facts.disks}["/srv/nfs"]
    assert remote.remote
    assert remote.total is None
    assert "not asked over ssh" in str(remote.trouble)


@pytest.mark.engine
async def test_something_without_linux_files_is_no_machine_we_can_read(there: Between, far: HostProbe) -> None:
    there.edits("s/ uptime$/ downtime/")
    error = await failure(far)
    assert error.cause is Cause.MISSING
    assert "no /proc" in str(error.message)


@pytest.mark.engine
async def test_an_answer_that_is_too_long_is_not_read(there: Between, far: HostProbe) -> None:
    there.does("head -c 9000000 /dev/zero", "after")
    error = await failure(far)
    assert error.cause is Cause.TOO_BIG
    assert "more than 4 MiB" in str(error.message)


@pytest.mark.engine
async def test_a_machine_that_falls_silent_is_stale_and_comes_back(there: Between) -> None:
    far = probe(timeout=3)
    await far.read()
    there.does("sleep 30")
    error = await failure(far)
    assert (error.cause, "web-1 gave no answer" in str(error.message)) == (Cause.TIMEOUT_READ, True)
    there.calm()
    async with asyncio.timeout(LONG):
        while True:
            with contextlib.suppress(ProbeError):
                await far.read()
                break
    await far.close()


@pytest.mark.engine
async def test_several_targets_of_one_machine_share_its_login(there: Between) -> None:
    every = [probe() for _ in range(3)]
    await asyncio.gather(*(one.read() for one in every))
    assert there.logins() == 1
    for one in every:
        await one.close()


@pytest.mark.engine
async def test_every_command_is_the_same_but_for_a_word_that_nobody_can_guess(there: Between, far: HostProbe) -> None:
    for _ in range(3):
        await far.read()
    asked = [re.sub(r"[0-9a-f]{16}", "NONCE", one) for one in there.asked()]
    assert len(asked) == 3
    assert asked[1] == asked[2]
    assert len(set(there.asked())) == 3


@pytest.mark.parametrize("name", ["proc", "cgroup", "kernel_log"])
def test_paths_of_this_machine_are_refused_beside_ssh(name: str) -> None:
    with pytest.raises(ValidationError, match=f"{name} is a path on this one"):
        HostSettings.model_validate({"ssh": HOST, name: "/proc"})


def test_the_program_that_reads_holds_nothing_a_shell_of_any_kind_could_trip_over() -> None:
    assert "!" not in QUICK
    assert "\n" not in QUICK


def test_parts_of_an_answer_can_only_be_named_by_who_knew_the_word() -> None:
    assert split(b"x\nguess uptime\n1\n\nword uptime\n5 9\nother stat\nz\n", "word") == {
        "uptime": b"5 9\nother stat\nz\n"
    }


def test_lines_of_df_that_make_no_sense_are_left_out() -> None:
    raw = b"Filesystem 1024-blocks Used Available Capacity Mounted on\nx - - - - /a\ny 10 5 -3 50% /b\nz 1 1 1 1% rel\n"
    assert [path for path, _ in parse_space(raw, b"junk\n")] == [b"/b"]
    assert parse_space(raw, b"")[0][1].available == 0


async def test_a_machine_that_was_never_read_is_given_up_quietly() -> None:
    one = RemoteHost(HOST, 10, ())
    await one.close()
    await one.close()
