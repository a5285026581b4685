"""What containers use, without making a reading wait: the Engine needs one to two seconds for each answer.

Control group files are read when this machine shows them (and they name the container); else one stream for each
container is kept open beside the readings, for a bounded number of containers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from probes.base import Cause, ProbeError, Rates
from probes.docker.engine import EngineApi
from probes.docker.facts import Container, Use
from probes.docker.parse import amount, table

STREAMS: Final = 40
"""Streams kept open at most: each costs the Engine some work every second."""
_FRESH: Final = 10.0
"""Seconds a sample of a stream may be shown."""
_AGAIN: Final = 10.0
"""Seconds before a broken stream is opened again."""
_REFUSED: Final = 300.0
"""Seconds before a refused stream is asked for again."""
_LINE: Final = 1 << 20
"""Bytes of one sample at most."""


@dataclass(frozen=True, slots=True)
class _Sample:
    use: Use
    at: float


class Streams:
    """One stats stream for each container that is wanted."""

    def __init__(self, api: EngineApi, monotonic: Callable[[], float]) -> None:
        self._api = api
        self._monotonic = monotonic
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._samples: dict[str, _Sample] = {}
        self._not_before: dict[str, float] = {}
        self.refused: ProbeError | None = None
        """Why the Engine does not give samples at all."""

    def want(self, ids: Iterable[str]) -> int:
        """Follow these containers and no others; returns how many are too many to follow."""
        wanted = list(ids)
        kept = set(wanted[:STREAMS])
        for gone in self._tasks.keys() - kept:
            self._tasks.pop(gone).cancel()
        for gone in self._samples.keys() - kept:
            del self._samples[gone]
        self._not_before = {one: at for one, at in self._not_before.items() if one in kept or one == ""}
        now = self._monotonic()
        if now >= self._not_before.get("", 0.0):
            self.refused = None
            for one in kept:
                if (one not in self._tasks or self._tasks[one].done()) and now >= self._not_before.get(one, 0.0):
                    self._tasks[one] = asyncio.create_task(self._follow(one))
        return len(wanted) - len(kept)

    def use(self, id: str) -> Use:
        """The newest sample of a container; empty when there is none or it is old."""
        sample = self._samples.get(id)
        return sample.use if sample is not None and self._monotonic() - sample.at < _FRESH else Use()

    def stop(self) -> None:
        """End every stream."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        self._samples.clear()

    async def _follow(self, id: str) -> None:
        self._not_before[id] = self._monotonic() + _AGAIN
        rest = b""
        try:
            async with aclosing(self._api.stream(f"/containers/{id}/stats", {"stream": "1"})) as chunks:
                async for chunk in chunks:
                    *whole, rest = (rest + chunk).split(b"\n")
                    for one in whole:
                        self._take(id, one)
                    if len(rest) > _LINE:
                        return
        except ProbeError as error:
            if error.cause is Cause.DENIED:
                self.refused = error
                self._not_before[""] = self._monotonic() + _REFUSED

    def _take(self, id: str, raw: bytes) -> None:
        with contextlib.suppress(ValueError, RecursionError):
            self._samples[id] = _Sample(stream_use(table(json.loads(raw))), self._monotonic())


def stream_use(sample: Mapping[str, Any]) -> Use:
    """What a sample of the Engine says; the first of a stream knows no cpu yet.

    cpu: share of the machine's time between two samples, times its cores, as `docker stats` counts it.
    """
    cpu, before = table(sample.get("cpu_stats")), table(sample.get("precpu_stats"))
    memory = table(sample.get("memory_stats"))
    return Use(cpu=_cores(cpu, before), memory=_without_cache(memory.get("usage"), table(memory.get("stats"))))


def _cores(cpu: Mapping[str, Any], before: Mapping[str, Any]) -> float | None:
    used, used_before = (amount(table(one.get("cpu_usage")).get("total_usage")) for one in (cpu, before))
    passed, passed_before = (amount(one.get("system_cpu_usage")) for one in (cpu, before))
    if used is None or used_before is None or passed is None or passed_before is None:
        return None
    cores = amount(cpu.get("online_cpus")) or len(table(cpu.get("cpu_usage")).get("percpu_usage") or ())
    if not cores or passed <= passed_before or used < used_before:
        return None
    return (used - used_before) / (passed - passed_before) * cores


def _without_cache(usage: object, stats: Mapping[str, Any]) -> float | None:
    used = amount(usage)
    if used is None:
        return None
    cache = amount(stats.get("total_inactive_file")) or amount(stats.get("inactive_file")) or 0.0
    return used - cache if cache < used else used


class ControlGroups:
    """Reads what containers use from the kernel's files. Blocking, some 40 microseconds a container."""

    def __init__(self, proc: str = "/proc", root: str = "/sys/fs/cgroup") -> None:
        self._proc = proc
        self._root = root
        self._rates = Rates()

    def read(self, containers: Iterable[Container], at: float) -> dict[str, Use]:
        """The use of each container whose files can be read here; `at` is monotonic seconds."""
        found = {}
        keep: set[object] = set()
        for one in containers:
            use = self._one(one, at)
            if use is not None:
                found[one.id] = use
                keep.add(one.id)
        self._rates.forget(keep)
        return found

    def _one(self, one: Container, at: float) -> Use | None:
        pid = one.details.pid if one.details else None
        groups = _groups(_slurp(f"{self._proc}/{pid}/cgroup")) if pid else {}
        groups = {name: path for name, path in groups.items() if one.id in path}
        if "" in groups:
            return self._unified(one.id, self._root + groups[""], at)
        if "memory" in groups and "cpuacct" in groups:
            return self._split(one.id, groups, at)
        return None

    def _unified(self, id: str, folder: str, at: float) -> Use | None:
        """Version 2: one folder for everything."""
        used = _number(_slurp(f"{folder}/memory.current"))
        if used is None:
            return None
        micros = _fields(_slurp(f"{folder}/cpu.stat")).get("usage_usec")
        rate = self._rates.per_second(id, micros, at)
        kills = _fields(_slurp(f"{folder}/memory.events")).get("oom_kill")
        memory = _without_cache(used, _fields(_slurp(f"{folder}/memory.stat")))
        return Use(rate / 1e6 if rate is not None else None, memory, int(kills) if kills is not None else None)

    def _split(self, id: str, groups: Mapping[str, str], at: float) -> Use | None:
        """Version 1: a folder for each controller."""
        folder = f"{self._root}/memory{groups['memory']}"
        used = _number(_slurp(f"{folder}/memory.usage_in_bytes"))
        if used is None:
            return None
        nanos = _number(_slurp(f"{self._root}/cpuacct{groups['cpuacct']}/cpuacct.usage"))
        rate = self._rates.per_second(id, nanos, at)
        kills = _fields(_slurp(f"{folder}/memory.oom_control")).get("oom_kill")
        memory = _without_cache(used, _fields(_slurp(f"{folder}/memory.stat")))
        return Use(rate / 1e9 if rate is not None else None, memory, int(kills) if kills is not None else None)


def _slurp(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(1 << 16)
    except OSError:
        return b""


def _groups(raw: bytes) -> dict[str, str]:
    """Controller to path, from /proc/PID/cgroup; the unified hierarchy has the empty name."""
    found: dict[str, str] = {}
    for line in raw.decode("utf-8", "replace").splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if ".." not in path.split("/"):
            found.update(dict.fromkeys(names.split(","), path))
    return found


def _number(raw: bytes) -> float | None:
    found = re.match(rb"\d{1,20}", raw)
    return float(found[0]) if found else None


def _fields(raw: bytes) -> dict[str, float]:
    """Lines of `name value`."""
    return {name.decode(): float(value) for name, value in re.findall(rb"(?m)^(\w{1,40}) (\d{1,20})$", raw)}
