"""How much memory and processor a container may use: as it is, as a person asks for it, and the line that sets it.

A running container's limits are changed in place (`docker update`); its Compose file goes on saying what it says.
https://docs.docker.com/reference/cli/docker/container/update/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from probes.base import Action, Danger, ProbeError, Recognised, Request, Word, quoted
from probes.base.failure import Cause
from probes.docker.parse import ID, table, whole

LIMIT: Final = Action(
    "limit", "set memory and CPU limits", Danger.REVERSIBLE,
    "Changes how much memory and processor the container may use, while it runs; nothing is restarted.",
    word=Word(
        "limits, such as memory=512m cpus=1.5",
        r"(?:memory=\d{1,7}[kmgKMG])?(?:(?:^| )cpus=\d{1,3}(?:\.\d{1,2})?)?",
    ),
    noun="container",
)  # fmt: skip
LEAST: Final = 6 << 20
"""Bytes below which the Engine takes no limit."""
NANO: Final = 10**9
"""A core in the Engine's unit."""

_WORD: Final = re.compile(
    r"(?:memory=(?P<size>\d{1,7})(?P<unit>[kmg]))?(?:(?:^| )cpus=(?P<cpus>\d{1,3}(?:\.\d{1,2})?))?", re.I
)
_UNITS: Final = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_SIZE: Final = re.compile(r"(\d{1,7})([kmgKMG])[bB]?")
_CPUS: Final = re.compile(r"\d{1,3}(?:\.\d{1,2})?")
_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a container may use; 0: without a limit."""

    memory: int = 0
    """Bytes."""
    swap: int = 0
    """Bytes of memory and swap together; -1: without a limit."""
    cpus: int = 0
    """Billionths of a core."""
    quota: bool = False
    """True when its processor time is limited in the older way, which can't be mixed with this one."""

    def __str__(self) -> str:
        memory = f"{_size(self.memory)} of memory" if self.memory else "memory without a limit"
        return f"{memory}, {_cores(self.cpus) if self.cpus else 'processor without a limit'}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; None: it stays."""

    memory: int | None = None
    cpus: int | None = None

    def body(self, now: Limits) -> dict[str, int]:
        """Of the one request. Swap stays as much as there was beside the memory; as the Engine does it, as much again
        where no limit was."""
        found: dict[str, int] = {}
        if self.memory is not None:
            beside = max(0, now.swap - now.memory) if now.memory and now.swap > 0 else self.memory
            found = {"Memory": self.memory, "MemorySwap": -1 if now.swap == -1 else self.memory + beside}
        if self.cpus is not None:
            found["NanoCpus"] = self.cpus
        return found

    def after(self, now: Limits) -> Limits:
        """What it may use then."""
        body = self.body(now)
        return Limits(body.get("Memory", now.memory), body.get("MemorySwap", now.swap), body.get("NanoCpus", now.cpus))

    def is_so(self, now: Limits) -> bool:
        """True when that is what it may use."""
        return self.memory in (None, now.memory) and self.cpus in (None, now.cpus)


def limits_of(inspection: object) -> Limits:
    """What an inspection says."""
    host = table(table(inspection).get("HostConfig"))
    return Limits(
        whole(host.get("Memory")) or 0,
        whole(host.get("MemorySwap")) or 0,
        whole(host.get("NanoCpus")) or 0,
        bool(whole(host.get("CpuQuota"))) and not whole(host.get("NanoCpus")),
    )


def wanted(word: str) -> Wanted:
    """What was typed. Raises `ProbeError` in a person's words.

    >>> wanted("memory=512m cpus=1.5"), wanted("cpus=2")
    (Wanted(memory=536870912, cpus=1500000000), Wanted(memory=None, cpus=2000000000))
    """
    found = _WORD.fullmatch(word.strip())
    if found is None or not word.strip():
        raise ProbeError(Cause.MISSING, "write memory=512m, cpus=1.5, or both")
    memory = int(found["size"]) * _UNITS[found["unit"].lower()] if found["size"] else None
    cpus = round(float(found["cpus"]) * NANO) if found["cpus"] else None
    if memory is not None and memory < LEAST:
        raise ProbeError(Cause.MISSING, f"the Engine takes no limit below {_size(LEAST)}")
    if cpus == 0:
        raise ProbeError(Cause.MISSING, "0 cores would be no limit at all; give a number")
    return Wanted(memory, cpus)


def word_of(sizes: Sequence[str], cpus: Sequence[str]) -> str:
    """The word for what a line gives; empty: it gives something else."""
    parts = []
    for text in sizes:
        found = _SIZE.fullmatch(text)
        if found is None:
            return ""
        parts.append(f"memory={found[1]}{found[2].lower()}")
    for text in cpus:
        if not _CPUS.fullmatch(text):
            return ""
        parts.append(f"cpus={text}")
    return " ".join(parts) if len(sizes) <= 1 and len(cpus) <= 1 else ""


def render(request: Request) -> str:
    """The line a person would type for it."""
    flags = [part.replace("memory=", "--memory=").replace("cpus=", "--cpus=") for part in request.word.split()]
    return quoted(["docker", "update", *flags, *(one.removeprefix("/") for one in request.subjects)])


def recognise(words: Sequence[str]) -> Recognised | None:
    """`docker update` with nothing but these two limits."""
    if words[:1] != ["update"]:
        return None
    sizes, cpus, names = list[str](), list[str](), list[str]()
    rest = list(words[1:])
    while rest:
        flag, equals, value = rest.pop(0).partition("=")
        if not flag.startswith("-"):
            names.append(flag)
        elif flag in ("-m", "--memory", "--cpus") and (equals or rest):
            (cpus if flag == "--cpus" else sizes).append(value if equals else rest.pop(0))
        else:
            return None
    word = word_of(sizes, cpus)
    names = [one.removeprefix("/") for one in names]
    if not word or not names or not all(_NAME.fullmatch(one) for one in names):
        return None
    subjects = tuple(dict.fromkeys(one if ID.fullmatch(one) else f"/{one}" for one in names))
    return Recognised(Request(LIMIT.name, subjects, word=word))


def refused(asked: Wanted, now: Limits, used: float | None, host: Any) -> str:
    """Why it can't be done, in words; empty: it can. `host`: the Engine's own account of its machine."""
    total, cores = whole(table(host).get("MemTotal")), whole(table(host).get("NCPU"))
    if asked.is_so(now):
        return "it is so already"
    if asked.memory is not None and total and asked.memory > total:
        return f"the machine has {_size(total)} in all"
    if asked.memory is not None and used is not None and asked.memory < used:
        return f"it uses {_size(used)} now: with less it would be killed at once"
    if asked.cpus is not None and cores and asked.cpus > cores * NANO:
        return f"the machine has {_cores(cores * NANO)}"
    if asked.cpus is not None and now.quota:
        return "its processor time is limited by cpu_quota, which can't be mixed with cpus: change it in its file"
    return ""


def takes_memory(asked: Wanted, now: Limits) -> bool:
    """True when it may use less memory then than it may now."""
    return asked.memory is not None and (not now.memory or asked.memory < now.memory)


def danger(asked: Wanted, now: Limits) -> Danger:
    """More interrupts nobody; less may."""
    fewer = takes_memory(asked, now)
    slower = asked.cpus is not None and (not now.cpus or asked.cpus < now.cpus)
    return Danger.DISRUPTIVE if fewer or slower else LIMIT.danger


def _size(value: float) -> str:
    return f"{value / (1 << 30):.3g} GiB" if value >= 1 << 30 else f"{value / (1 << 20):.4g} MiB"


def _cores(nano: int) -> str:
    return f"{nano / NANO:g} {'core' if nano == NANO else 'cores'}"
