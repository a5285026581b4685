"""The host probe on the real machine, and on a made-up one whose kernel says odd things."""

from __future__ import annotations

import asyncio
import ctypes
import json
import math
import os
import pwd
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk import words
from desk.alert import Alert
from desk.board import Board
from desk.rules import RuleBook, placeholders
from probes.base import Cause, Context, ProbeError, SafeText, Snapshot, State, Target
from probes.host.disks import RemoteMounts, parse_mounts
from probes.host.facts import HostFacts
from probes.host.kernel_log import parse_kills, read_log
from probes.host.masking import masked
from probes.host.probe import HostProbe, HostSettings
from probes.host.processes import parse_stat
from probes.host.system import parse_connections, parse_pressure, parse_times
from tests.missing import missing

CANARY = "hunter2-CANARY-x9"

MEMINFO = "MemTotal: 8000 kB\nMemFree: 100 kB\nMemAvailable: {available} kB\nBuffers: 10 kB\nCached: 500 kB\n"
SWAP = "SwapTotal: 1000 kB\nSwapFree: 600 kB\n"


@dataclass
class Clock:
    """Time that moves only when a test moves it."""

    seconds: float = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)


class NoSecrets:
    def resolve(self, reference: str) -> str:
        raise LookupError(reference)


class Kernel:
    """A folder that looks like /proc: two cores, 8 MB of memory, one disk, one network card."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("stat", "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 50 0 50 350 50 0 0 0\ncpu1 50 0 50 350 50 0 0 0\n")
        self.write("loadavg", "3.10 2.00 1.50 2/300 4242\n")
        self.write("meminfo", MEMINFO.format(available=2000) + SWAP)
        self.write("vmstat", "pswpin 100\npswpout 10\noom_kill 0\n")
        self.write("uptime", "5000.00 9000.00\n")
        self.write("net/dev", self.network(1000, 500))
        self.write("net/tcp", "sl local\n 0: 0100007F:0019 00000000:0000 0A 0\n 1: 0:1 0:2 01 0\n")
        self.write("self/mountinfo", f"27 1 254:0 / {root} rw - ext4 /dev/vda rw\n")
        self.write("sys/kernel/hostname", "web-1\n")
        self.write("sys/fs/file-nr", "900\t0\t1000\n")

    @staticmethod
    def network(received: int, sent: int, errors: int = 0) -> str:
        numbers = f"{received} 9 {errors} 0 0 0 0 0 {sent} 9 0 0 0 0 0 0"
        return f"Inter-|\n face |\n  eth0: {numbers}\n    lo: {numbers}\n"

    def write(self, name: str, text: str | bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)

    def process(
        self,
        pid: int,
        name: str | bytes = "app",
        *,
        ticks: int = 0,
        start: int = 1000,
        pages: int | str = 100,
        state: str = "S",
        command: bytes = b"",
    ) -> None:
        raw = name.encode() if isinstance(name, str) else name
        rest = f" {state} 1 {pid} {pid} 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 3 0 {start} 1000000 {pages} 1 1 1"
        self.write(f"{pid}/stat", str(pid).encode() + b" (" + raw + b")" + rest.encode())
        self.write(f"{pid}/cmdline", command)


@dataclass
class Host:
    """A made-up machine, a probe on it, and the rules that judge it."""

    kernel: Kernel
    clock: Clock
    probe: HostProbe

    def __post_init__(self) -> None:
        self.board = Board([self.probe.target], self.clock)
        self.book = RuleBook(self.probe.target.name, HostProbe.rules, HostProbe.gauges)
        self.alerts: tuple[Alert, ...] = ()

    async def read(self, after: float = 2.0) -> Snapshot[HostFacts]:
        self.clock.seconds += after
        snapshot = await self.probe.read()
        slot = self.board.take(snapshot)
        self.alerts = self.book.judge(slot, self.clock.seconds, self.clock.now())
        return snapshot

    def said(self, rule: str) -> str:
        return next((alert.words for alert in self.alerts if alert.rule == rule), "")


def probe_of(clock: Clock, **values: Any) -> HostProbe:
    context = Context(NoSecrets(), clock.monotonic, clock.now)
    return HostProbe(Target("local", "host", HostSettings(**values)), context)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    kernel = Kernel(tmp_path / "proc")
    clock = Clock()
    probe = probe_of(
        clock, proc=str(kernel.root), cgroup=str(tmp_path / "cgroup"), kernel_log=str(tmp_path / "kmsg"), processes=5
    )
    yield Host(kernel, clock, probe)
    await probe.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


# ---- the machine's figures ----


async def test_the_first_reading_has_no_rates_and_says_so_with_gaps_not_zeros(host: Host) -> None:
    snapshot = await host.read()
    assert snapshot.facts.cpu.busy is None
    assert snapshot.facts.cpu.cores == (None, None)
    assert snapshot.facts.interfaces[0].received is None
    assert snapshot.gauge("cpu_busy_ratio") is None
    assert snapshot.gauge("net_receive_bytes_per_second") is None


async def test_cpu_shares_are_of_the_time_between_two_readings(host: Host) -> None:
    await host.read()
    host.kernel.write(
        "stat", "cpu  140 0 110 720 120 0 0 10 0 0\ncpu0 90 0 60 350 50 0 0 0\ncpu1 50 0 50 450 50 0 0 0\n"
    )
    cpu = (await host.read()).facts.cpu
    assert cpu.busy == pytest.approx(0.6)
    assert (cpu.user, cpu.system, cpu.iowait, cpu.steal) == pytest.approx((0.4, 0.1, 0.2, 0.1))
    assert cpu.cores == pytest.approx((1.0, 0.0))
    assert cpu.hottest == pytest.approx(1.0)


async def test_a_cpu_counter_that_goes_back_counts_as_none_spent(host: Host) -> None:
    await host.read()
    host.kernel.write("stat", "cpu  150 0 100 750 50 0 0 0\ncpu0 50 0 50 350 50 0 0 0\ncpu1 50 0 50 350 50 0 0 0\n")
    cpu = (await host.read()).facts.cpu
    assert cpu.busy == pytest.approx(0.5)
    assert cpu.iowait == 0
    assert cpu.cores == (None, None)


async def test_a_core_that_is_switched_on_has_no_share_yet(host: Host) -> None:
    await host.read()
    host.kernel.write("stat", "cpu  200 0 100 800 100 0 0 0\ncpu0 100 0 50 400 50 0 0 0\ncpu7 9 0 9 9 9 0 0 0\n")
    facts = (await host.read()).facts
    assert facts.cores == 2
    assert facts.cpu.cores[0] == pytest.approx(0.5)
    assert facts.cpu.cores[1] is None


async def test_memory_is_used_when_it_is_not_available(host: Host) -> None:
    memory = (await host.read()).facts.memory
    assert memory.used == pytest.approx(0.75)
    assert memory.swap_used == 400 * 1024


async def test_swap_rates_are_bytes_per_second(host: Host) -> None:
    await host.read()
    host.kernel.write("vmstat", "pswpin 2148\npswpout 10\noom_kill 0\n")
    memory = (await host.read(after=2.0)).facts.memory
    assert memory.swap_in == pytest.approx(1024 * os.sysconf("SC_PAGE_SIZE"))
    assert memory.swap_out == 0


async def test_network_rates_leave_loopback_out_of_the_total(host: Host) -> None:
    await host.read()
    host.kernel.write("net/dev", host.kernel.network(5000, 700, errors=4))
    snapshot = await host.read(after=2.0)
    assert snapshot.gauge("net_receive_bytes_per_second") == pytest.approx(2000)
    assert snapshot.gauge("net_transmit_bytes_per_second") == pytest.approx(100)
    assert snapshot.gauge("net_errors_per_second", interface="eth0") == pytest.approx(2)
    assert [one.virtual for one in snapshot.facts.interfaces] == [False, True]


async def test_a_network_card_whose_counter_went_back_has_no_rate(host: Host) -> None:
    await host.read()
    host.kernel.write("net/dev", host.kernel.network(10, 700))
    assert (await host.read()).facts.interfaces[0].received is None


async def test_connections_are_counted_by_state_and_not_at_every_reading(host: Host) -> None:
    assert (await host.read()).facts.sockets == {"listening": 1, "established": 1}
    host.kernel.write("net/tcp6", "sl local\n" + " 0: 0:1 0:2 08 0\n" * 3)
    assert "close-wait" not in (await host.read(after=2)).facts.sockets
    assert (await host.read(after=10)).facts.sockets["close-wait"] == 3


async def test_pressure_is_told_when_the_kernel_tells_it(host: Host) -> None:
    assert (await host.read()).facts.pressure == {}
    host.kernel.write("pressure/memory", "some avg10=30.00 avg60=0 total=1\nfull avg10=12.50 avg60=0 total=1\n")
    snapshot = await host.read()
    assert snapshot.facts.pressure["memory"].full == pytest.approx(0.125)
    assert snapshot.gauge("pressure_memory_ratio") == pytest.approx(0.3)


async def test_open_files_are_a_share_of_the_limit(host: Host) -> None:
    assert (await host.read()).gauge("files_used_ratio") == pytest.approx(0.9)


async def test_device_traffic_belongs_to_the_disk_of_that_device(host: Host) -> None:
    host.kernel.write("diskstats", " 254 0 vda 1 0 1000 5 1 0 2000 5 0 100 10\n")
    await host.read()
    host.kernel.write("diskstats", " 254 0 vda 1 0 1008 5 1 0 2000 5 0 1100 10\n")
    disk = (await host.read(after=2)).facts.disks[0]
    assert disk.read == pytest.approx(8 * 512 / 2)
    assert disk.written == 0
    assert disk.busy == pytest.approx(0.5)


# ---- what is missing or odd ----


async def test_a_missing_file_costs_its_own_part_and_is_named(host: Host) -> None:
    (host.kernel.root / "meminfo").unlink()
    (host.kernel.root / "net" / "dev").unlink()
    snapshot = await host.read()
    assert {gap.part for gap in snapshot.gaps} == {"memory", "swap", "network"}
    assert snapshot.facts.memory.used is None
    assert snapshot.facts.load.one == pytest.approx(3.1)


async def test_an_empty_machine_is_unsupported_and_not_idle(host: Host) -> None:
    shutil.rmtree(host.kernel.root)
    with pytest.raises(ProbeError) as caught:
        await host.read()
    assert caught.value.cause is Cause.MISSING
    assert caught.value.cause.state is State.UNSUPPORTED


@pytest.mark.parametrize(
    "rubbish", [b"", b"\0\xff\x1b[2J", b"nan -1 inf\n" * 9, b"cpu -1 -2 -3 -4\nMemTotal: -5 kB\n", b"9" * 5000]
)
async def test_rubbish_from_the_kernel_gives_gaps_and_never_a_bug(host: Host, rubbish: bytes) -> None:
    for name in ("meminfo", "vmstat", "uptime", "net/dev", "net/tcp", "self/mountinfo", "diskstats", "sys/fs/file-nr"):
        host.kernel.write(name, rubbish)
    host.kernel.write("pressure/cpu", rubbish)
    host.kernel.write("77/stat", rubbish)
    await host.read()
    snapshot = await host.read()
    assert snapshot.facts.memory.used is None
    assert snapshot.facts.disks == ()
    assert all(math.isfinite(value) and value >= 0 for value in snapshot.gauges.values())


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_bytes_break_a_parser(raw: bytes) -> None:
    parse_times(raw)
    parse_pressure(raw)
    parse_connections([raw])
    parse_mounts(raw)
    parse_stat(raw)
    parse_kills(raw)


async def test_a_process_table_that_hangs_is_a_gap_while_the_rest_lives(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def hang(*args: object) -> None:
        release.wait(30)

    monkeypatch.setattr("probes.host.probe._PART", 0.05)
    monkeypatch.setattr(host.probe, "_sweep", hang)
    first, second = await host.read(), await host.read()
    release.set()
    for snapshot in (first, second):
        assert [gap.part for gap in snapshot.gaps] == ["processes"]
        assert snapshot.gaps[0].cause is Cause.TIMEOUT_READ
        assert snapshot.facts.memory.used is not None
        assert snapshot.facts.tally is None


async def test_a_process_mount_that_hides_others_is_said(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    host.kernel.write("self/mountinfo", "22 27 0:21 / /proc rw - proc proc rw,hidepid=invisible\n")
    assert "other users' processes" in {gap.part for gap in (await host.read()).gaps}


# ---- processes ----


async def test_cpu_of_a_process_is_cores_used_since_the_last_reading(host: Host) -> None:
    host.kernel.process(10, "busy", ticks=100)
    host.kernel.process(11, "lazy", ticks=900)
    assert (await host.read()).facts.processes[0].cpu is None
    host.kernel.process(10, "busy", ticks=100 + 3 * os.sysconf("SC_CLK_TCK"))
    busy, lazy = (await host.read(after=2)).facts.processes
    assert busy.name == SafeText("busy")
    assert busy.cpu == pytest.approx(1.5)
    assert lazy.cpu == 0


async def test_a_pid_used_again_does_not_inherit_the_old_ones_time(host: Host) -> None:
    tick = os.sysconf("SC_CLK_TCK")
    host.kernel.process(10, "old", ticks=5000, start=1000, command=b"/bin/old\0")
    await host.read()
    host.kernel.process(10, "new", ticks=tick, start=5000 * tick - 10, command=b"/bin/new\0")
    [one] = (await host.read(after=2)).facts.processes
    assert one.cpu == pytest.approx(0.5)
    assert one.command == SafeText("/bin/new")
    assert one.key == f"10:{5000 * tick - 10}"


async def test_an_old_process_seen_for_the_first_time_has_no_rate(host: Host) -> None:
    await host.read()
    host.kernel.process(10, "hidden", ticks=99999, start=1000)
    assert (await host.read()).facts.processes[0].cpu is None


async def test_a_process_that_becomes_another_program_shows_its_new_command(host: Host) -> None:
    host.kernel.process(10, "sh", command=b"sh\0")
    await host.read()
    host.kernel.process(10, "server", command=b"/usr/bin/server\0--port=1\0")
    assert (await host.read()).facts.processes[0].command == SafeText("/usr/bin/server --port=1")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a b", "a b"),
        (") R 1 (", ") R 1 ("),
        ("((x))", "((x))"),
        (b"\x1b[2Jboo", "^[[2Jboo"),
        (b"caf\xc3\xa9 \xff", "café \\xff"),
        ("line\nbreak", "line break"),
    ],
)
async def test_a_process_name_may_hold_anything(host: Host, name: str | bytes, shown: str) -> None:
    host.kernel.process(10, name, ticks=7, pages=9, command=b"x\x1b]0;title\x07\0")
    [one] = (await host.read()).facts.processes
    assert str(one.name) == shown
    assert (one.pid, one.rss, one.threads) == (10, 9.0 * os.sysconf("SC_PAGE_SIZE"), 3)
    assert str(one.command) == "x^[]0;title^G"


async def test_a_process_that_vanishes_while_being_read_is_left_out(host: Host) -> None:
    host.kernel.process(10)
    (host.kernel.root / "11").mkdir()
    host.kernel.write("12/stat", "12 (cut) S 1")
    facts = (await host.read()).facts
    assert [one.pid for one in facts.processes] == [10]
    assert facts.tally is not None
    assert facts.tally.total == 1


async def test_zombies_and_stuck_processes_are_counted(host: Host) -> None:
    host.kernel.process(10, "dead", state="Z", pages=0)
    host.kernel.process(11, "stuck", state="D")
    snapshot = await host.read()
    assert snapshot.gauge("zombies") == 1
    assert snapshot.gauge("processes_blocked") == 1
    assert SafeText("[dead]") in [one.command for one in snapshot.facts.processes]


async def test_a_negative_memory_size_is_not_shown(host: Host) -> None:
    host.kernel.process(10, pages=-5)
    assert (await host.read()).facts.processes[0].rss == 0


async def test_the_table_is_cut_but_the_count_is_of_all(host: Host) -> None:
    for pid in range(10, 30):
        host.kernel.process(pid, pages=pid)
    facts = (await host.read()).facts
    assert [one.pid for one in facts.processes] == [29, 28, 27, 26, 25]
    assert facts.tally is not None
    assert facts.tally.total == 20


async def test_the_named_biggest_process_does_not_flicker(host: Host) -> None:
    host.kernel.process(10, "one", pages=1000)
    host.kernel.process(11, "two", pages=900)
    await host.read()
    host.kernel.process(11, "two", pages=1050)
    snapshot = await host.read()
    assert snapshot.facts.biggest is not None
    assert snapshot.facts.biggest.pid == 10
    host.kernel.process(11, "two", pages=2000)
    biggest = (await host.read()).facts.biggest
    assert biggest is not None
    assert biggest.pid == 11


@pytest.mark.parametrize(
    "argv",
    [
        ["app", f"--password={CANARY}"],
        ["app", f"--password={CANARY} and more {CANARY}"],
        ["app", "--db-password", CANARY],
        ["app", "-token", CANARY],
        ["app", f"API_KEY={CANARY}"],
        ["app", f"-Dspring.datasource.password={CANARY}"],
        ["app", f"--header=X-Api-Key: {CANARY}"],
        ["curl", "-H", f"Authorization: Bearer {CANARY}", "https://x"],
        ["curl", "-u", f"me:{CANARY}", "https://x"],
        ["curl", f"-ume:{CANARY}", "https://x"],
        ["curl", f"https://me:{CANARY}@x/"],
        ["curl", f"https://x/?a=1&access_token={CANARY}&b=2"],
        ["git", "clone", f"https://{CANARY}@code.example/x"],
        ["psql", f"postgresql://u:p@{CANARY}@db/app"],
        ["psql", f"host=db user=u password={CANARY} dbname=x"],
        ["redis-cli", "-h", "cache", "-a", CANARY],
        ["mysql", f"-p{CANARY}", "shop"],
        ["sshpass", "-p", CANARY, "ssh", "x"],
        ["sh", "-c", f"PGPASSWORD={CANARY} pg_dump -h db | gzip"],
        ["bash", "-lc", f"mysql -u root -p'{CANARY} x' < dump"],
        ["bash", "-c", f"echo 'unclosed --secret {CANARY}"],
        ["bash", "-c", f"curl -H 'Authorization: Bearer {CANARY}' x"],
        ["node", "-e", f'connect({{"password": "{CANARY}"}})'],
        ["app", f"SENTRY_DSN={CANARY}"],
        [f"server: login password={CANARY}"],
        [f"server --password {CANARY} --x"],
        ["docker", "login", "-u", "me", "-p", CANARY],
        ["app", "--connection-string", CANARY],
        ["env", f"AWS_SECRET_ACCESS_KEY={CANARY}", "app"],
    ],
)
def test_a_secret_in_a_command_line_is_masked(argv: list[str]) -> None:
    shown = masked(argv)
    for part in (CANARY, "hunter2", "CANARY"):
        assert part not in shown
    assert "***" in shown
    assert shown.startswith(argv[0].split()[0])


@pytest.mark.parametrize(
    "token",
    [
        "AKIA" + "IOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "ghp_" + "a" * 36,
        "sk_live_" + "b" * 24,
        "xoxb-" + "1234567890-abcdef",
    ],
)
def test_a_token_known_by_its_form_is_masked_wherever_it_stands(token: str) -> None:
    assert token not in masked(["app", token])
    assert token not in masked(["app", f"x,{token},y"])


@pytest.mark.parametrize(
    "argv",
    [
        ["nginx: worker process"],
        ["postgres: app newsletter 127.0.0.1(5432) idle"],
        ["python", "-m", "http.server", "--bind", "127.0.0.1", "8000"],
        ["redis-server", "*:6379"],
        ["node", "--max-old-space-size=512", "worker.js", "--queue=campaign-emails"],
        ["git", "log", "--author=someone"],
    ],
)
def test_an_ordinary_command_line_stays_as_it_is(argv: list[str]) -> None:
    assert masked(argv) == " ".join(argv)


@given(st.lists(st.text(max_size=40), max_size=6))
@settings(max_examples=200, deadline=None)
def test_masking_takes_any_words(argv: list[str]) -> None:
    masked(argv)


def test_masking_a_long_hostile_argument_is_quick() -> None:
    finished = threading.Event()

    def work() -> None:
        for text in ("a" * 4096, "pass" * 1024, "://" * 1365, "-pass" * 800, "key " * 1024, "bearer " * 500):
            masked(["sh", "-c", text])
            masked([text])
        finished.set()

    threading.Thread(target=work, daemon=True).start()
    assert finished.wait(5)


async def test_a_command_line_cut_in_the_middle_of_a_secret_shows_none_of_it(host: Host) -> None:
    command = b"app\0" + b"--password=" + b"p" * 3000 + b"\0" + b"redis://:" + CANARY.encode() * 200 + b"@cache\0"
    host.kernel.process(10, command=command)
    [one] = (await host.read()).facts.processes
    assert "CANARY" not in str(one.command)


# ---- disks ----


def test_mounts_are_the_real_ones_each_device_once() -> None:
    mounts = parse_mounts(
        b"22 27 0:21 / /proc rw,relatime - proc proc rw\n"
        b"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n"
        b"40 27 254:0 /var/lib /mnt/bind rw - ext4 /dev/vda rw\n"
        b"41 27 0:50 / /run/user/0/gvfs rw - fuse.gvfsd-fuse gvfsd rw\n"
        b"42 27 0:51 / /var/lib/docker/overlay2/abc/merged rw - overlay overlay rw\n"
        b"43 27 0:52 / /tmp rw shared:1 master:2 - tmpfs tmpfs rw\n"
        b"44 27 0:53 / /run/secrets rw - tmpfs tmpfs rw\n"
        b"45 27 7:1 / /snap/core ro - squashfs /dev/loop1 ro\n"
        b"46 27 0:60 / /net rw - autofs systemd-1 rw\n"
        b"47 27 8:1 / /mnt/my\\040disk ro - xfs /dev/sda1 ro\n"
        b"48 27 8:2 / /broken rw - ext4 /dev/sda2 ro,errors=remount-ro\n"
        b"49 27 0:61 / /mnt/nfs rw - nfs4 files:/export rw\n"
    )
    found = {mount.path: mount for mount in mounts}
    assert list(found) == [b"/", b"/tmp", b"/broken", b"/mnt/nfs", b"/mnt/my disk"]
    assert found[b"/mnt/my disk"].read_only
    assert not found[b"/mnt/my disk"].turned_read_only
    assert found[b"/broken"].turned_read_only
    assert [path for path, mount in found.items() if not mount.local] == [b"/mnt/nfs"]


def test_the_file_system_mounted_last_on_a_path_is_the_one_seen() -> None:
    [mount] = parse_mounts(b"1 0 8:1 / /data rw - ext4 /dev/a rw\n2 1 8:2 / /data rw - xfs /dev/b rw\n")
    assert mount.source == b"/dev/b"


def _df(path: Path) -> list[str]:
    argv = ["df", "-k", "--output=size,pcent", str(path)]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()[1].split()


async def test_a_disk_is_counted_as_df_does(host: Host) -> None:
    [disk] = (await host.read()).facts.disks
    size, percent = _df(host.kernel.root)
    assert disk.total == float(size) * 1024
    assert disk.used is not None
    assert math.ceil(round(disk.used * 100, 1)) == pytest.approx(int(percent.rstrip("%")), abs=1)


async def test_an_ignored_disk_is_left_alone(host: Host) -> None:
    probe = probe_of(host.clock, proc=str(host.kernel.root), ignore=(str(host.kernel.root),))
    assert (await probe.read()).facts.disks == ()
    await probe.close()


async def test_a_disk_that_turned_read_only_is_critical(host: Host) -> None:
    host.kernel.write("self/mountinfo", f"27 1 254:0 / {host.kernel.root} rw - ext4 /dev/vda ro\n")
    await host.read()
    assert "has turned read-only" in host.said("disk-read-only")


async def test_a_remote_disk_that_answers_is_shown_like_any_other(host: Host) -> None:
    host.kernel.write("self/mountinfo", f"27 1 0:9 / {host.kernel.root} rw - nfs4 files:/export rw\n")
    facts = (await host.read()).facts
    for _ in range(50):
        if facts.disks[0].used is not None:
            break
        facts = (await host.read(after=0.01)).facts
    [disk] = facts.disks
    assert disk.remote
    assert disk.total == os.statvfs(host.kernel.root).f_blocks * os.statvfs(host.kernel.root).f_frsize


async def test_a_silent_remote_disk_costs_only_itself_and_is_named(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = (sys.executable, "-c", "import time; time.sleep(60)")
    monkeypatch.setattr(RemoteMounts, "helper", hang)
    host.kernel.write(
        "self/mountinfo",
        f"27 1 254:0 / {host.kernel.root} rw - ext4 /dev/vda rw\n28 1 0:9 / /mnt/x rw - nfs4 files:/export rw\n",
    )
    await host.read()
    snapshot = await host.read(after=12)
    silent, local = snapshot.facts.disks
    assert str(silent.mount) == "/mnt/x"
    assert silent.silent == pytest.approx(12)
    assert local.used is not None
    assert host.said("disk-silent") == "no answer from /mnt/x for 12 s"
    assert snapshot.took == 0


async def test_a_disk_that_falls_silent_no_longer_shows_its_old_numbers(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.kernel.write("self/mountinfo", "28 1 0:9 / /mnt/x rw - nfs4 files:/export rw\n")
    monkeypatch.setattr(RemoteMounts, "helper", (sys.executable, "-c", "print('1 100 50 50 10 5')"))
    snapshot = await host.read()
    await asyncio.wait(host.probe._remote._tasks.values(), timeout=10)
    snapshot = await host.read()
    assert snapshot.gauge("disk_used_ratio", mount="/mnt/x") == pytest.approx(0.5)
    monkeypatch.setattr(RemoteMounts, "helper", (sys.executable, "-c", "import time; time.sleep(60)"))
    await host.read(after=20)
    snapshot = await host.read(after=4)
    assert snapshot.facts.disks[0].silent == pytest.approx(4)
    assert snapshot.gauge("disk_used_ratio", mount="/mnt/x") is None


async def test_a_remote_disk_that_forgot_us_says_why(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    script = "import sys; sys.exit('stat: cannot read: Stale file handle')"
    monkeypatch.setattr(RemoteMounts, "helper", (sys.executable, "-c", script))
    host.kernel.write("self/mountinfo", "28 1 0:9 / /mnt/x rw - nfs4 files:/export rw\n")
    snapshot = await host.read()
    for _ in range(50):
        if snapshot.facts.disks[0].trouble:
            break
        await asyncio.wait(host.probe._remote._tasks.values(), timeout=1)
        snapshot = await host.read(after=0.01)
    assert str(snapshot.facts.disks[0].trouble) == "its server no longer knows it"


_DEAD_MOUNT = """
import asyncio, ctypes, json, os, sys, time
from probes.base import Context, Target
from probes.host.probe import HostProbe, HostSettings
libc = ctypes.CDLL(None, use_errno=True)
handle = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={handle},rootmode=40000,user_id=0,group_id=0".encode()
if libc.mount(b"dead:/export", sys.argv[1].encode(), b"fuse.dead", 0, options) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
clock = [100.0]
class NoSecrets:
    def resolve(self, reference):
        raise LookupError
async def main():
    probe = HostProbe(Target("local", "host", HostSettings()), Context(NoSecrets(), lambda: clock[0]))
    began = time.monotonic()
    await probe.read()
    clock[0] += 12
    facts = (await probe.read()).facts
    took = time.monotonic() - began
    await probe.close()
    print(json.dumps({"took": took, "disks": [[str(d.mount), d.silent, d.used] for d in facts.disks],
                      "processes": len(facts.processes)}))
asyncio.run(main())
"""


@pytest.mark.engine
def test_a_truly_dead_file_system_does_not_hold_the_reading(tmp_path: Path) -> None:
    """A FUSE mount whose server never answers, in a mount namespace of its own: what a dead NFS server is like."""
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse") or shutil.which("unshare") is None:
        missing("a dead mount needs root, /dev/fuse and unshare")
    mount = tmp_path / "dead"
    mount.mkdir()
    ran = subprocess.run(
        ["unshare", "-m", "--propagation", "private", sys.executable, "-c", _DEAD_MOUNT, str(mount)],
        capture_output=True, text=True, timeout=30, check=False, env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said["disks"][0] == [str(mount), pytest.approx(12), None]
    assert said["took"] < 15
    assert said["processes"] > 0
    assert any(used is not None for _, _, used in said["disks"])


# ---- out of memory ----


async def test_a_kill_is_noticed_by_the_kernels_counter(host: Host) -> None:
    assert (await host.read()).facts.kills.recent == 0
    host.kernel.write("vmstat", "oom_kill 2\n")
    snapshot = await host.read()
    assert snapshot.facts.kills.recent == 2
    assert host.said("oom-kill") == "out of memory: the kernel killed a process, 2 killed in the last 5 min"
    assert "names of killed processes" in {gap.part for gap in snapshot.gaps}


async def test_kills_before_we_began_are_no_news(host: Host) -> None:
    host.kernel.write("vmstat", "oom_kill 7\n")
    snapshot = await host.read()
    assert snapshot.facts.kills.recent == 0
    assert snapshot.gauge("oom_kill_total") == 7
    assert host.said("oom-kill") == ""


async def test_the_kernel_log_names_the_victim_even_of_before_we_began(host: Host, tmp_path: Path) -> None:
    (tmp_path / "kmsg").write_bytes(
        b"6,1,10000000,-;booted\n"
        b"3,2,1000000000,-;Out of memory: Killed process 1 (older) total-vm:1kB\n"
        b"3,3,4900000000,-;Memory cgroup out of memory: Killed process 812 (my (odd) app) total-vm:9kB, anon-rss:8kB\n"
        b" SUBSYSTEM=x\n"
    )
    kills = (await host.read()).facts.kills
    assert str(kills.victim) == "my (odd) app (pid 812)"
    assert kills.last == pytest.approx(100)
    assert (
        host.said("oom-kill") == "out of memory: the kernel killed my (odd) app (pid 812), 1 killed in the last 5 min"
    )


async def test_a_kill_is_forgotten_after_five_minutes(host: Host) -> None:
    await host.read()
    host.kernel.write("vmstat", "oom_kill 1\n")
    await host.read()
    assert host.said("oom-kill")
    host.kernel.write("uptime", "5301.00 1.00\n")
    await host.read()
    assert host.said("oom-kill") == ""


def test_records_overwritten_while_reading_do_not_end_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kmsg").write_bytes(b"6,1,1000,-;first\n")
    read, broken = os.read, [BrokenPipeError()]

    def overwritten(handle: int, size: int) -> bytes:
        if broken:
            raise broken.pop()
        return read(handle, size)

    monkeypatch.setattr("probes.host.kernel_log.os.read", overwritten)
    assert read_log(str(tmp_path / "kmsg")) == b"6,1,1000,-;first\n"


async def test_the_kernel_log_can_be_looked_at(host: Host, tmp_path: Path) -> None:
    with pytest.raises(ProbeError) as caught:
        await host.probe.look("kernel", "")
    assert caught.value.cause is Cause.DENIED
    (tmp_path / "kmsg").write_bytes(b"".join(b"6,%d,%d,-;line %d\n" % (n, n * 1000, n) for n in range(1000)))
    sheet = await host.probe.look("kernel", "")
    assert (len(sheet.lines), sheet.dropped) == (400, 600)
    assert str(sheet.lines[-1]) == "0.999  line 999"


# ---- rules ----


def test_every_rule_speaks_of_declared_gauges_and_labels() -> None:
    declared = {spec.name for spec in HostProbe.gauges}
    labels = {"mount", "interface", "biggest", "pid", "victim", "value", "limit"}
    for rule in HostProbe.rules:
        assert rule.gauge in declared
        assert placeholders(rule.say) <= declared | labels, rule.name
    assert len({rule.name for rule in HostProbe.rules}) == len(HostProbe.rules)


async def test_full_memory_names_the_biggest_process(host: Host) -> None:
    host.kernel.process(412, "python3", pages=1500)
    host.kernel.write("meminfo", MEMINFO.format(available=400))
    await host.read()
    held = words.size(1500 * os.sysconf("SC_PAGE_SIZE"))
    assert host.said("memory") == f"memory 95 % used, 400 KiB left; the biggest is python3 (pid 412) with {held}"


async def test_full_memory_is_said_even_when_no_process_can_be_seen(host: Host) -> None:
    host.kernel.write("meminfo", MEMINFO.format(available=400))
    await host.read()
    assert "the biggest is not known" in host.said("memory")


async def test_a_busy_cpu_is_an_alert_only_when_it_lasts(host: Host) -> None:
    await host.read()
    user = 100
    for _ in range(20):
        user += 100
        host.kernel.write("stat", f"cpu  {user} 0 100 700 100 0 0 0\ncpu0 1 0 0 1\ncpu1 1 0 0 1\n")
        await host.read()
        if host.clock.seconds <= 1000 + 30:
            assert host.said("cpu") == ""
    assert host.said("cpu").startswith("cpu 100 % busy")


async def test_load_is_judged_per_core(host: Host) -> None:
    host.kernel.write("loadavg", "6.20 2.00 1.50 2/300 4242\n")
    for _ in range(35):
        await host.read()
    assert host.said("load") == "load 6.2 on 2 cores, 3.1 for each (limit 2)"


async def test_every_gauge_of_a_reading_is_declared(host: Host) -> None:
    host.kernel.process(10)
    await host.read()
    snapshot = await host.read()
    assert {key.name for key in snapshot.gauges} <= {spec.name for spec in HostProbe.gauges}


# ---- life ----


async def test_closing_twice_and_without_a_reading_is_harmless(host: Host) -> None:
    await host.probe.close()
    await host.probe.close()


def test_this_machine_is_always_found() -> None:
    [found] = HostProbe.discover({})
    assert found.name == "local"
    HostSettings(**found.settings)


async def test_without_linux_psutil_gives_what_it_can_and_gaps_name_the_rest(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HostProbe, "linux", False)
    probe = probe_of(clock)
    first = await probe.read()
    clock.seconds += 2
    snapshot = await probe.read()
    await probe.close()
    assert first.facts.cpu.busy is None
    assert snapshot.facts.memory.total == psutil.virtual_memory().total
    assert any(one.pid == os.getpid() for one in snapshot.facts.processes)
    assert "out-of-memory kills" in {gap.part for gap in snapshot.gaps}
    assert {key.name for key in snapshot.gauges} <= {spec.name for spec in HostProbe.gauges}
    assert probe.looks() == ()


# ---- the real machine ----


@pytest.fixture
async def real(clock: Clock) -> AsyncIterator[HostProbe]:
    if sys.platform != "linux":
        missing("these kernel files are Linux's")
    probe = probe_of(clock, processes=500)
    yield probe
    await probe.close()


async def test_the_real_machine_is_read_as_psutil_reads_it(real: HostProbe, clock: Clock) -> None:
    await real.read()
    clock.seconds += 2
    snapshot = await real.read()
    facts = snapshot.facts
    assert facts.memory.total == psutil.virtual_memory().total
    assert facts.cores == psutil.cpu_count()
    assert facts.uptime == pytest.approx(datetime.now().timestamp() - psutil.boot_time(), abs=5)
    assert {str(one.name) for one in facts.interfaces} == set(psutil.net_io_counters(pernic=True))
    assert facts.disks
    assert all(math.isfinite(value) and value >= 0 for value in snapshot.gauges.values())


async def test_our_own_process_is_in_the_real_table(real: HostProbe) -> None:
    facts = (await real.read()).facts
    own = next(one for one in facts.processes if one.pid == os.getpid())
    seen = psutil.Process()
    assert own.rss == pytest.approx(seen.memory_info().rss, rel=0.2)
    assert own.parent == os.getppid()
    assert str(own.user) == pwd.getpwuid(os.geteuid()).pw_name
    assert own.threads is not None
    assert facts.tally is not None
    assert facts.tally.total == pytest.approx(len(psutil.pids()), abs=20)


@pytest.fixture
def leaking() -> Iterator[int]:
    """The pid of a program with a password among its arguments."""
    with subprocess.Popen([f"postgres://u:{CANARY}@db", "60"], executable=shutil.which("sleep")) as child:
        yield child.pid
        child.kill()


async def test_a_real_process_with_a_secret_in_its_arguments_leaks_nothing(real: HostProbe, leaking: int) -> None:
    snapshot = await real.read()
    [one] = [one for one in snapshot.facts.processes if one.pid == leaking]
    assert str(one.command) == "postgres://***@db 60"
    assert "CANARY" not in repr(snapshot)


@pytest.fixture
def zombie() -> Iterator[int]:
    """The pid of a program that has ended and that we did not notice yet."""
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        yield child.pid


async def test_a_real_zombie_is_seen_as_one(real: HostProbe, zombie: int) -> None:
    facts = (await real.read()).facts
    assert next(one.state for one in facts.processes if one.pid == zombie) == "Z"


async def test_a_reading_leaves_the_loop_free(real: HostProbe, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = set()
    for part in ("_small_files", "_sweep", "_local_disks"):
        work = getattr(real, part)

        def noting(*args: Any, work: Any = work) -> Any:
            threads.add(threading.current_thread().name)
            return work(*args)

        monkeypatch.setattr(real, part, noting)
    await real.read()
    assert threads == {"lane-host-system", "lane-host-processes", "lane-host-disks"}


def test_the_real_name_of_a_thread_may_hold_anything() -> None:
    libc = ctypes.CDLL(None)
    before = Path("/proc/self/comm").read_bytes().rstrip(b"\n")
    libc.prctl(15, b"x) R (\x1b[2J", 0, 0, 0)
    try:
        stat = parse_stat(Path(f"/proc/self/task/{threading.get_native_id()}/stat").read_bytes())
    finally:
        libc.prctl(15, before, 0, 0, 0)
    assert stat is not None
    assert stat.name == b"x) R (\x1b[2J"
    assert re.fullmatch("[RSD]", stat.state)
