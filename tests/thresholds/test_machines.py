"""Threshold rows of a machine, read from files as its kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from probes.base import Severity
from tests.probes.test_host import MEMINFO, SWAP, Kernel
from tests.thresholds.room import opened

TICKS = 100_000


class Machine(Kernel):
    """A machine of two cores that is busy, or not."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.place = {"proc": str(root), "cgroup": str(root / "cgroup"), "kernel_log": str(root / "kmsg")}
        self._busy = self._idle = 0

    def works(self, share: float) -> None:
        """It has been so busy since the last look."""
        self._busy += int(TICKS * share)
        self._idle += TICKS - int(TICKS * share)
        half = f"{self._busy // 2} 0 0 {self._idle // 2} 0 0 0 0 0 0"
        self.write("stat", f"cpu  {self._busy} 0 0 {self._idle} 0 0 0 0 0 0\ncpu0 {half}\ncpu1 {half}\n")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "proc")


async def test_e20_memory_is_more_than_90_percent_full(machine: Machine) -> None:
    def left(kilobytes: int) -> None:
        machine.write("meminfo", MEMINFO.format(available=kilobytes) + SWAP)

    async with opened("newsletter", {"local": machine.place}) as room:
        alert = await room.proves(
            "local", "memory", severity=Severity.CRITICAL, words=r"memory 9\d %.*",
            bad=lambda: left(600), between=lambda: left(850), good=lambda: left(1600),
        )  # fmt: skip
        assert alert.limit == 0.9
        assert alert.handling.procedure == "High Memory Usage"


async def test_e50_there_is_twice_as_much_work_as_cores(machine: Machine) -> None:
    def load(one: float) -> None:
        machine.write("loadavg", f"{one:.2f} 2.00 1.50 2/300 4242\n")

    load(1.0)
    async with opened("newsletter", {"local": machine.place}) as room:
        await room.proves(
            "local", "load", severity=Severity.WARNING, words=r".*2\.5.*", hold=60.0,
            bad=lambda: load(5.0), between=lambda: load(3.6), good=lambda: load(2.0),
        )  # fmt: skip


async def test_e49_all_cores_together_are_more_than_80_percent_busy(machine: Machine) -> None:
    async with opened("newsletter", {"local": machine.place}) as room:

        async def look(share: float) -> bool:
            machine.works(share)
            await room.read("local")
            return room.alert("cpu") is not None

        assert not any([await look(0.5) for _ in range(3)])
        seen = [await look(0.9) for _ in range(31)]
        assert seen == [False] * 30 + [True], "for a minute, at a look in two seconds"
        alert = room.alert("cpu")
        assert alert is not None
        assert (alert.severity, alert.limit) == (Severity.WARNING, 0.8)
        assert await look(0.75), "between 70 and 80 it stays"
        assert not await look(0.5)
