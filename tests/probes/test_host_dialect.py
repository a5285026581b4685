"""What lines about a machine mean when they stand in somebody's notes."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as some

from probes.base import CommandLine, Danger, Dialect, Meaning
from probes.host import dialect as module
from tests.probes.spoken import carried, line, meant, said, words

DIALECT = cast(Dialect, module)

ROWS = [
    ("zfs rollback tank/shop@before", "shell other destructive", "tank/shop@before"),
    ("zfs receive -F tank/shop", "shell other destructive", "tank/shop"),
    ("zfs snapshot tank/shop@before", "shell other reversible", "tank/shop@before"),
    ("rpcinfo -d 100003 3", "shell other disruptive", "3"),
    ("rpcinfo -p", "shell host read", ""),
    ("vmtouch -e /srv/db", "shell other disruptive", "/srv/db"),
    ("df -h", "reading host read", ""),
    ("df -hT /srv/data", "reading host read", "/srv/data"),
    ("du -sh /srv/*", "reading host read", "/srv/*"),
    ("free -m", "reading host read", ""),
    ("top", "reading host read", ""),
    ("top -b -n 1", "reading host read", ""),
    ("top -H -p <pid>", "reading host read", "<pid>"),
    ("htop", "reading host read", ""),
    ("ps aux --sort=-%mem", "reading host read", ""),
    ("ps -ef", "reading host read", ""),
    ("ss -tlnp", "reading host read", ""),
    ("ss -K dst 10.0.0.4", "shell other disruptive", "10.0.0.4"),
    ("netstat -tulpn", "reading host read", ""),
    ("sudo lsof -i :8080", "reading host read", ":8080"),
    ("lsof +L1", "reading host read", "+L1"),
    ("uptime", "reading host read", ""),
    ("vmstat 1 5", "reading host read", ""),
    ("iostat -xz 1", "reading host read", ""),
    ("sar -n DEV 1 3", "reading host read", ""),
    ("nproc", "reading host read", ""),
    ("lscpu", "reading host read", ""),
    ("pgrep -fa shop", "reading host read", "shop"),
    ("dmesg -T", "reading host read", "kernel"),
    ("dmesg -C", "shell maintenance destructive", "kernel"),
    ("dmesg -n 1", "shell other disruptive", "kernel"),
    ("lsblk", "reading host read", ""),
    ("mount", "reading host read", ""),
    ("mount /dev/sdb1 /srv", "shell other disruptive", "/srv"),
    ("mount -a", "shell other disruptive", ""),
    ("umount -l /srv", "shell stop disruptive", "/srv"),
    ("uname -a", "reading host read", ""),
    ("hostname -f", "reading host read", ""),
    ("hostname shop2", "shell other disruptive", "shop2"),
    ("hostnamectl set-hostname shop2", "shell other disruptive", "set-hostname"),
    ("date -u +%F", "shell host read", ""),
    ("date -d yesterday", "shell host read", ""),
    ("date -s '2031-01-01'", "shell other disruptive", ""),
    ("timedatectl", "shell host read", ""),
    ("timedatectl set-timezone UTC", "shell other disruptive", "set-timezone"),
    ("who -b", "shell host read", ""),
    ("last reboot", "shell host read", ""),
    ("ulimit -n", "shell host read", ""),
    ("ulimit -n 65535", "shell other reversible", "65535"),
    ("sysctl -a", "shell host read", ""),
    ("sysctl vm.swappiness", "shell host read", "vm.swappiness"),
    ("sysctl -w vm.swappiness=10", "shell other disruptive", "vm.swappiness"),
    ("sysctl -p", "shell other disruptive", ""),
    ("cat /proc/meminfo", "reading host read", "/proc/meminfo"),
    ("cat /sys/block/sda/size", "shell host read", "/sys/block/sda/size"),
    ("kill 812", "shell terminate disruptive", "812"),
    ("sudo kill -9 <pid>", "shell terminate disruptive", "<pid>"),
    ("kill -SIGTERM $PID", "shell terminate disruptive", "$PID"),
    ("kill -s KILL 812", "shell terminate disruptive", "812"),
    ("kill -HUP 812", "shell restart disruptive", "812"),
    ("kill -USR1 812", "shell other disruptive", "812"),
    ("kill -STOP 812", "shell stop disruptive", "812"),
    ("kill -CONT 812", "shell start reversible", "812"),
    ("kill -0 812", "shell host read", "812"),
    ("kill -l", "shell host read", ""),
    ("pkill -f 'shop worker'", "shell terminate disruptive", "shop worker"),
    ("pkill -s 0 shop", "shell terminate disruptive", "shop"),
    ("pkill -HUP nginx", "shell restart disruptive", "nginx"),
    ("killall -9 shop", "shell terminate disruptive", "shop"),
    ("killall -s HUP nginx", "shell restart disruptive", "nginx"),
    ("fuser -v /srv", "reading host read", "/srv"),
    ("fuser -k 8080/tcp", "shell terminate disruptive", "8080/tcp"),
    ("fuser -mk /srv", "shell terminate disruptive", "/srv"),
    ("renice -n 5 -p 812", "shell other disruptive", "812"),
    ("swapoff -a", "shell other disruptive", "-a"),
    ("fdisk -l", "shell host read", ""),
    ("parted -s /dev/sdb mklabel gpt", "shell other destructive", "/dev/sdb"),
    ("mdadm --detail /dev/md0", "shell host read", "/dev/md0"),
    ("smartctl -a /dev/sda", "shell host read", "/dev/sda"),
    ("smartctl -t long /dev/sda", "shell other disruptive", "/dev/sda"),
    ("zpool status", "shell host read", ""),
    ("zpool destroy tank", "shell other destructive", "tank"),
    ("chronyc tracking", "shell host read", ""),
    ("chronyc makestep", "shell other disruptive", "makestep"),
    ("nvidia-smi", "shell host read", ""),
    ("nvidia-smi --gpu-reset -i 0", "shell other disruptive", "gpu"),
    ("reboot", "shell restart disruptive", ""),
    ("shutdown -r +5", "shell restart disruptive", ""),
    ("shutdown -h now", "shell stop disruptive", ""),
    ("init 6", "shell restart disruptive", ""),
]


@pytest.mark.parametrize(("text", "expected", "target"), ROWS)
def test_a_line_means_what_its_writer_meant(text: str, expected: str, target: str) -> None:
    assert said(DIALECT, text) == (expected, target)


@pytest.mark.parametrize(
    ("text", "part", "becomes"),
    [
        ("df -h", "inodes", ""),
        ("df -ih", "", ""),
        ("free -h", "available", ""),
        ("top", "never ends", "top -b -n 1"),
        ("top -b -n1", "", ""),
        ("top -p '$(docker exec shop pgrep node)'", "not the machine's", ""),
        ("netstat -tulpn", "ss shows the same", "ss -tulpn"),
        ("netstat -an | wc -l", "ss shows the same", "ss -an | wc -l"),
        ("netstat -rn", "ss shows the same", ""),
        ("kill -9 812", "TERM comes first", ""),
        ("kill 812", "", ""),
        ("pkill shop", "name fits", ""),
        ("pkill -f shop", "whole command lines", ""),
        ("dmesg --clear", "all there is", ""),
    ],
)
def test_what_a_line_gets_wrong_is_said_with_what_is_done_instead(text: str, part: str, becomes: str) -> None:
    found = meant(DIALECT, text)
    assert part in found.warning
    assert bool(part) == bool(found.warning)
    assert found.becomes == becomes


@pytest.mark.parametrize(
    ("text", "endless"),
    [("vmstat 1", True), ("vmstat 1 5", False), ("vmstat -s", False), ("iostat -x 2", True), ("top", True),
     ("sar", False), ("top -bn1", False), ("dmesg -w", True),
     ("nvidia-smi -l 1", True), ("dstat", True), ("htop", True)],
)  # fmt: skip
def test_samples_without_a_count_never_end(text: str, endless: bool) -> None:
    assert meant(DIALECT, text).endless is endless


def test_a_command_in_another_namespace_or_on_other_cores_is_carried() -> None:
    assert carried(DIALECT, "taskset -c 0,1 rm -rf /srv/old").words == ("rm", "-rf", "/srv/old")
    assert carried(DIALECT, "nsenter -t 812 -n ss -tlnp").words == ("ss", "-tlnp")
    assert meant(DIALECT, "taskset -pc 0 812").danger is Danger.DISRUPTIVE


def test_the_environment_of_a_process_is_secret() -> None:
    assert meant(DIALECT, "cat /proc/812/environ").reveals


@pytest.mark.parametrize("text", ["cat /etc/hosts", "awk '{system(\"x\")}' /proc/stat", "topgrade", "echo kill 812"])
def test_other_lines_are_none_of_this_world(text: str) -> None:
    assert module.understand(line(text)) is None


PROGRAMS = sorted({*module._SPECIAL, *module._LOOKS, *module._LIVE, *module._SAMPLED, *module._RUNNERS, "cat", "awk"})


@given(some.sampled_from(PROGRAMS), words)
def test_no_words_are_too_strange(program: str, rest: list[str]) -> None:
    module.understand(CommandLine((program, *rest)))


signals = some.sampled_from(
    ["-9", "-15", "-KILL", "-SIGTERM", "-s9", "-sTERM", "-n 2", "-TERM", "-INT", "-QUIT", "-s KILL"]
)


@given(signals, some.lists(some.integers(2, 99_999).map(str), min_size=1, max_size=4), some.booleans())
def test_every_spelling_of_a_deadly_signal_ends_processes(signal: str, pids: list[str], end: bool) -> None:
    found = module.understand(CommandLine(("/bin/kill", *signal.split(), *(["--"] if end else []), *pids)))
    assert isinstance(found, Meaning)
    assert (found.verb.value, found.danger, found.target) == ("terminate", Danger.DISRUPTIVE, " ".join(pids))
