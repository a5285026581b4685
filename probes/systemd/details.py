"""One systemd asked through systemctl: which one it is, and all that an act needs to know of its units. Only reads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from probes.base import Cause, Identity, ProbeError, SafeText
from probes.systemd.facts import Unit
from probes.systemd.parse import PROPERTIES, UNIT, Block, blocks, unit
from probes.systemd.probe import UTC_SINCE, SystemdSettings, major, no_bus, refusal
from probes.systemd.reach import Road

_MORE: Final = (
    "RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "UpheldBy", "RefuseManualStart", "RefuseManualStop",
    "TimeoutStartUSec", "TimeoutStopUSec", "CollectMode",
)  # fmt: skip
_FOLLOWING: Final = ("RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf")
"""Units that stop when it stops: systemd.unit(5), Requires=, Requisite=, BindsTo=, PartOf= from the other side."""
_MACHINE: Final = re.compile(r"[0-9a-f]{32}")
_BOOT: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SPAN: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(us|ms|s|min|h|d|w|month|y)")
_UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800, "month": 2629800,
                 "y": 31557600}  # fmt: skip
_SECONDS: Final = 90.0
"""systemd's own limit for a start or a stop where none is set."""


@dataclass(frozen=True, slots=True)
class Detail:
    """A unit, with what matters when it is started or stopped."""

    unit: Unit
    names: tuple[str, ...] = ()
    """All its names: its own and its aliases."""
    following: tuple[str, ...] = ()
    """Units that are stopped with it."""
    upheld_by: tuple[str, ...] = ()
    """Units that start it again when it is down."""
    no_start: bool = False
    """True when it may only be started by another unit."""
    no_stop: bool = False
    start_limit: float = _SECONDS
    """Seconds its start may take; infinity: for ever."""
    stop_limit: float = _SECONDS
    """Seconds until it is killed when it does not stop."""
    forgets: bool = False
    """True when systemd forgets it although it failed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which systemd answers."""

    pin: Identity
    version: str

    @property
    def in_utc(self) -> list[str]:
        """What makes its systemctl print times in UTC."""
        return ["--timestamp=utc"] if (major(self.version) or 0) >= UTC_SINCE else []


async def place_of(settings: SystemdSettings, road: Road) -> Place:
    """Which systemd answers, by machine, its run since it was switched on, and manager. Raises `ProbeError`."""
    found = blocks(await _ask(settings, road, ["show", "--property=Version,ControlGroup"]), 1)
    if not found or "Version" not in found[0]:
        raise ProbeError(Cause.GARBAGE, "systemctl did not answer with properties")
    ran = await road.run(["cat", "/etc/machine-id", "/proc/sys/kernel/random/boot_id"], settings.timeout, 1 << 16)
    machine, *more = ran.out.decode("ascii", "replace").split() or [""]
    if not _MACHINE.fullmatch(machine):
        raise ProbeError(Cause.MISSING, "the machine has no id: it can't be told from another", "/etc/machine-id")
    group = str(SafeText(found[0].get("ControlGroup", ""), 120))
    manager = f"of a user, {group}" if settings.user else "of the system"
    boot = [("boot", one) for one in more[:1] if _BOOT.fullmatch(one)]
    return Place((("machine", machine), *boot, ("manager", manager)), str(SafeText(found[0]["Version"], 40)))


async def details_of(
    settings: SystemdSettings, road: Road, place: Place, names: Sequence[str], now: datetime
) -> list[Detail]:
    """The units of these names, one for each name, in their order. Raises `ProbeError`."""
    if any(not UNIT.fullmatch(name) for name in names):
        raise ProbeError(Cause.GONE, "that is not the name of a unit")
    wanted = f"--property={','.join((*PROPERTIES, *_MORE))}"
    found = blocks(await _ask(settings, road, ["show", wanted, *place.in_utc, "--", *names]), len(names) + 1)
    if len(found) != len(names):
        raise ProbeError(Cause.GARBAGE, "systemctl did not answer for each unit")
    return [_detail(block, name, now) for block, name in zip(found, names, strict=True)]


async def running(settings: SystemdSettings, road: Road, names: Sequence[str]) -> set[str]:
    """Those of these units that are active. Raises `ProbeError`."""
    safe = [name for name in names if UNIT.fullmatch(name)]
    if not safe:
        return set()
    found = blocks(await _ask(settings, road, ["show", "--property=Id,ActiveState", "--", *safe]), len(safe) + 1)
    return {block.get("Id", "") for block in found if block.get("ActiveState") in ("active", "activating", "reloading")}


def arguments(settings: SystemdSettings, words: Sequence[str], *, rooted: bool = False) -> list[str]:
    """The argument list for systemctl there; `rooted` puts sudo before it where the profile says so."""
    sudo = ["sudo", "-n"] if rooted and settings.sudo else []
    user = ["--user"] if settings.user else []
    return [*sudo, "systemctl", *user, "--no-pager", "--no-ask-password", *words]


async def _ask(settings: SystemdSettings, road: Road, words: Sequence[str]) -> bytes:
    ran = await road.run(arguments(settings, words), settings.timeout)
    if ran.code != 0 and (not ran.out.strip() or no_bus(ran.err)):
        raise refusal(ran, settings.prefix)
    return ran.out


def _detail(block: Block, asked: str, now: datetime) -> Detail:
    return Detail(
        unit=unit(block, asked, now),
        names=_listed(block, ("Names",)),
        following=_listed(block, _FOLLOWING),
        upheld_by=_listed(block, ("UpheldBy",)),
        no_start=block.get("RefuseManualStart") == "yes",
        no_stop=block.get("RefuseManualStop") == "yes",
        start_limit=seconds(block.get("TimeoutStartUSec")),
        stop_limit=seconds(block.get("TimeoutStopUSec")),
        forgets=block.get("CollectMode") == "inactive-or-failed",
    )


def _listed(block: Mapping[str, str], properties: Sequence[str]) -> tuple[str, ...]:
    names = [name for one in properties for name in block.get(one, "").split()[:100]]
    return tuple(dict.fromkeys(name for name in names if UNIT.fullmatch(name)))


def seconds(span: str | None) -> float:
    """A time span as systemctl prints it.

    >>> seconds("1min 30s"), seconds("500ms"), seconds("infinity"), seconds(None)
    (90.0, 0.5, inf, 90.0)
    """
    if span == "infinity":
        return float("inf")
    parts = [_SPAN.fullmatch(part) for part in (span or "").split()]
    if not parts or None in parts:
        return _SECONDS
    return float(sum(float(part[1]) * _UNITS[part[2]] for part in parts if part is not None))
