"""What is known about an Engine and its containers, and what a person calls it.

Only fields listed here leave the Engine: environment, commands and labels may hold secrets and are never kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from probes.base import SafeText

_CODES: Final = {
    125: "the Engine could not start it",
    126: "its command can't be run",
    127: "its command was not found",
    130: "interrupted",
    134: "aborted",
    137: "killed",
    139: "crashed, memory fault",
    143: "terminated",
}
"""Words for exit codes: 128 + a signal, and what the shell and the Engine use."""

LOOP: Final = 3
"""Restarts in ten minutes that make a loop."""

_ALWAYS: Final = frozenset({"always", "unless-stopped"})


@dataclass(frozen=True, slots=True)
class Health:
    """What a container's own check says."""

    word: str
    """healthy, unhealthy or starting."""
    failures: int | None = None
    """Failed checks in a row."""
    said: SafeText = SafeText()
    """Last line of the newest check's output."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a container uses."""

    cpu: float | None = None
    """Cores: 1 is one core fully used."""
    memory: float | None = None
    """Bytes, without the page cache that could be given back at once."""
    oom_kills: int | None = None
    """Processes in it killed for lack of memory since it started."""


@dataclass(frozen=True, slots=True)
class Details:
    """What only an inspection of the container tells."""

    exit_code: int | None = None
    oom_killed: bool = False
    """The Engine saw it killed for lack of memory; forgotten by the Engine when it starts again."""
    error: SafeText = SafeText()
    """Why it could not be started."""
    policy: str = ""
    """no, always, unless-stopped or on-failure."""
    retries: int | None = None
    """Most restarts of on-failure; None: no limit."""
    restarts: int | None = None
    """Restarts by the policy since it was made."""
    started: datetime | None = None
    finished: datetime | None = None
    health: Health | None = None
    memory_limit: float | None = None
    """Bytes; None: no limit of its own."""
    pid: int | None = None
    """Its first process on the Engine's machine."""
    tty: bool = False
    image: SafeText = SafeText()
    """The image's name as it was given when the container was made; the list forgets it once the name moves on."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image on the Engine's machine."""

    id: str
    """"sha256:" and 64 digits: the image itself, whatever it is called."""
    names: tuple[str, ...] = ()
    """"shop/web:1.4", checked; none: no name is left to it."""
    digests: tuple[str, ...] = ()
    """"shop/web@sha256:...", as registries know it."""
    created: datetime | None = None
    """When it was built, aware."""
    size: float | None = None
    """Bytes, layers it shares with others too."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container."""

    id: str
    """64 hexadecimal digits: the identity that no other container will ever have."""
    name: SafeText
    project: SafeText = SafeText()
    """Compose project; empty: not made by Compose."""
    service: SafeText = SafeText()
    """Compose service, else the container's name."""
    oneoff: bool = False
    """Made by `compose run`: a task beside the service."""
    stray: bool = False
    """Its Compose file is not the one of the project's other containers."""
    version: str = ""
    """Compose's hash of the configuration it was made from."""
    image: SafeText = SafeText()
    digest: str = ""
    """First twelve digits of the image's id."""
    image_id: str = ""
    image_now: str = ""
    """Id of the image that its image's name means now; empty: not known, or that name is gone."""
    image_created: datetime | None = None
    """When the image it runs was built."""
    state: str = "unknown"
    """created, running, paused, restarting, removing, exited or dead."""
    ports: tuple[SafeText, ...] = ()
    up: float | None = None
    """Seconds since it was started, when it runs."""
    down: float | None = None
    """Seconds since it ended, when it does not run."""
    clock: bool = False
    """Its start lies in the future: this machine's clock and the Engine's differ."""
    exit_code: int | None = None
    health: Health | None = None
    by_hand: bool = False
    """Stopped or killed through the Engine: its restart policy leaves it alone."""
    restarts_recent: int | None = None
    """Restarts by the policy in the last ten minutes."""
    oom_recent: bool = False
    """Killed for lack of memory now or in the last ten minutes."""
    details: Details | None = None
    """None: not inspected yet, or not allowed."""
    use: Use = Use()

    @property
    def running(self) -> bool:
        """It runs and is not paused."""
        return self.state == "running"

    @property
    def outdated(self) -> bool | None:
        """It does not run the image that its name means now; None when that is not known."""
        return self.image_now != self.image_id if self.image_now and self.image_id else None

    @property
    def image_name(self) -> SafeText:
        """The image's name as it was given when the container was made."""
        return self.details.image if self.details and self.details.image else self.image

    @property
    def memory_ratio(self) -> float | None:
        """Share of its own memory limit; None without a limit."""
        limit = self.details.memory_limit if self.details else None
        return self.use.memory / limit if limit and self.use.memory is not None else None

    @property
    def done(self) -> bool:
        """Ended well and not meant to run on: a task that is finished."""
        policy = self.details.policy if self.details else ""
        return self.state == "exited" and self.exit_code == 0 and policy not in _ALWAYS

    @property
    def wanted(self) -> bool:
        """It should be running: all but finished tasks and containers never started."""
        failed_start = self.details is not None and bool(self.details.error)
        return not (self.done or self.oneoff or self.state == "removing") and (self.state != "created" or failed_start)

    @property
    def word(self) -> str:
        """Its state in one or two words."""
        if self.running and self.health is not None and self.health.word != "healthy":
            return self.health.word
        if self.state == "exited":
            return "finished" if self.done else f"exited {_or_dash(self.exit_code)}"
        return self.state

    @property
    def why(self) -> str:
        """Why it is as it is, in words; empty when there is nothing to say."""
        if self.state in ("exited", "dead", "restarting", "created"):
            return self._ending()
        if self.running and self.health is not None and self.health.word == "unhealthy":
            return f"check failed {_or_dash(self.health.failures)} times: {self.health.said}"
        return ""

    def _ending(self) -> str:
        known = self.details or Details()
        if known.error:
            return f"could not be started: {SafeText(str(known.error), 80)}"
        if known.oom_killed:
            return "killed for lack of memory"
        if self.by_hand:
            return "stopped by hand"
        if known.policy == "on-failure" and known.retries and (known.restarts or 0) >= known.retries:
            return f"given up after {known.retries} restarts"
        if self.exit_code is None or self.done or self.state == "created":
            return ""
        if self.state == "restarting":
            return f"it ended with exit code {self.exit_code}"
        return _CODES.get(self.exit_code, "") if self.exit_code else "ended without an error"


@dataclass(frozen=True, slots=True)
class Service:
    """The containers of a Compose service, or one container that belongs to none."""

    name: str
    """Unique among the target's services; safe text."""
    containers: tuple[Container, ...]

    @property
    def members(self) -> tuple[Container, ...]:
        """Its replicas, without tasks started beside it."""
        return tuple(one for one in self.containers if not one.oneoff) or self.containers

    @property
    def wanted(self) -> int:
        """Replicas that should run."""
        return sum(one.wanted for one in self.members)

    @property
    def running(self) -> int:
        """Replicas that run."""
        return sum(one.running for one in self.members)

    @property
    def missing(self) -> int:
        """Replicas that should run and do not."""
        return sum(one.wanted and not one.running for one in self.members)

    @property
    def unhealthy(self) -> int | None:
        """Running replicas whose check fails; None when none has a check."""
        checks = [one for one in self.members if one.running and one.health is not None]
        return sum(one.health is not None and one.health.word == "unhealthy" for one in checks) if checks else None

    @property
    def worst(self) -> Container:
        """The replica in most trouble."""
        return min(self.members, key=trouble)

    @property
    def restarts_recent(self) -> int | None:
        """Restarts of all replicas in the last ten minutes; None when unknown."""
        known = [one.restarts_recent for one in self.members if one.restarts_recent is not None]
        return sum(known) if known else None

    @property
    def looping(self) -> bool:
        """It dies and restarts again and again, and waits for its next restart now."""
        return self.worst.state == "restarting" and (self.restarts_recent or 0) >= LOOP

    @property
    def up(self) -> float | None:
        """Seconds the youngest running replica has run."""
        return min((one.up for one in self.members if one.up is not None), default=None)

    @property
    def restarts(self) -> int | None:
        """Restarts of all replicas; None when unknown."""
        known = [one.details.restarts for one in self.members if one.details and one.details.restarts is not None]
        return sum(known) if known else None

    @property
    def cpu(self) -> float | None:
        """Cores used by all replicas."""
        return _sum([one.use.cpu for one in self.members])

    @property
    def memory(self) -> float | None:
        """Bytes used by all replicas."""
        return _sum([one.use.memory for one in self.members])

    @property
    def memory_ratio(self) -> float | None:
        """The greatest share of its memory limit that a replica uses."""
        return max((one.memory_ratio for one in self.members if one.memory_ratio is not None), default=None)

    @property
    def outdated(self) -> int | None:
        """Replicas that don't run the image its name means now; None when that is not known of any."""
        known = [one.outdated for one in self.members if one.outdated is not None]
        return sum(known) if known else None

    @property
    def image_created(self) -> datetime | None:
        """When the oldest image that a replica runs was built."""
        return min((one.image_created for one in self.members if one.image_created is not None), default=None)

    @property
    def mixed(self) -> bool:
        """Its replicas were made from different configurations."""
        return len({one.version for one in self.members if one.version}) > 1


@dataclass(frozen=True, slots=True)
class Event:
    """Something the Engine reported about a container."""

    at: datetime
    id: str
    name: SafeText
    what: str
    """Our words: "died, exit 137"."""


@dataclass(frozen=True, slots=True)
class DockerFacts:
    """An Engine and the containers on it."""

    version: SafeText = SafeText()
    api: str = ""
    """Version of the API that is spoken."""
    engine: SafeText = SafeText()
    """The Engine's own identity."""
    machine: SafeText = SafeText()
    cores: int | None = None
    memory: float | None = None
    """Bytes of the Engine's machine."""
    root: bool = False
    """Whoever may use this socket has root's power on the machine."""
    project: SafeText = SafeText()
    """The Compose project that is shown; empty: all."""
    services: tuple[Service, ...] = ()
    """The ones in most trouble first."""
    total: int = 0
    """Containers there are, shown or not."""
    total_running: int = 0
    events: tuple[Event, ...] = field(default=())
    """What happened to containers in the last hour, newest first."""
    images: tuple[Image, ...] = ()
    """Of the whole Engine, the newest first."""
    images_more: int = 0
    """Images that are there and not listed."""

    @property
    def containers(self) -> tuple[Container, ...]:
        """All containers shown."""
        return tuple(one for service in self.services for one in service.containers)

    @property
    def more(self) -> int:
        """Containers that are there and not shown."""
        return max(0, self.total - len(self.containers))


def trouble(one: Container) -> int:
    """How urgently a person should see a container; less is worse."""
    if one.state in ("dead", "restarting") or (one.wanted and not one.running):
        return 0
    if one.word == "unhealthy":
        return 1
    if one.oom_recent or one.restarts_recent:
        return 2
    if one.word == "starting" or one.state not in ("running", "exited"):
        return 3
    return 5 if one.done else 4


def _or_dash(value: int | None) -> str:
    return "–" if value is None else str(value)


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
