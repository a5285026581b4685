"""The table of kinds: one line for each sort of thing Opsroom can watch.

Names are dotted and resolved when a profile asks for the kind, so a driver or panel nobody uses is never loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from probes.base import Probe
from widgets.panel import Panel


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of thing: its name in a profile, what reads it, what draws it, and the block it appears in."""

    name: str
    probe: str
    panel: str
    block: str
    summary: str
    """What it watches, in a few words; for help and `init`."""


KINDS = (
    Kind("http", "probes.http:HttpProbe", "widgets.http:HttpPanel", "SERVICES", "an HTTP endpoint and its body"),
    Kind(
        "supervisor",
        "probes.supervisor:SupervisorProbe",
        "widgets.supervisor:SupervisorPanel",
        "SERVICES",
        "processes under supervisord",
    ),
    Kind(
        "docker", "probes.docker:DockerProbe", "widgets.docker:DockerPanel", "SERVICES", "containers, Compose services"
    ),
    Kind("systemd", "probes.systemd:SystemdProbe", "widgets.systemd:SystemdPanel", "SERVICES", "systemd units"),
    Kind(
        "postgres", "probes.postgres:PostgresProbe", "widgets.postgres:PostgresPanel", "POSTGRES", "a PostgreSQL server"
    ),
    Kind("queues", "probes.redis:QueuesProbe", "widgets.queues:QueuesPanel", "QUEUES", "queues that live in Redis"),
    Kind(
        "redis", "probes.redis:RedisProbe", "widgets.redis:RedisPanel", "CACHE", "a Redis or Valkey server as a cache"
    ),
    Kind(
        "memcached",
        "probes.memcached:MemcachedProbe",
        "widgets.memcached:MemcachedPanel",
        "MEMCACHED",
        "a memcached server as a cache",
    ),
    Kind("host", "probes.host:HostProbe", "widgets.host:HostPanel", "HOST", "this machine"),
)
"""In the order of the overview."""


def _load(dotted: str) -> Any:
    module, name = dotted.split(":")
    return getattr(import_module(module), name)


class Kinds:
    """The table as the desk sees it, and the way from a kind to its classes."""

    def __init__(self, kinds: Iterable[Kind] = KINDS) -> None:
        self._kinds = {kind.name: kind for kind in kinds}

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds.values())

    def names(self) -> list[str]:
        """All kinds, in the order of the overview."""
        return list(self._kinds)

    def kind(self, name: str) -> Kind:
        """One line of the table."""
        return self._kinds[name]

    def facts(self, kind: str) -> type[Probe[Any]]:
        """The probe's class: its settings, gauges and rules stand on it."""
        return cast(type[Probe[Any]], _load(self._kinds[kind].probe))

    def panel(self, kind: str) -> Panel[Any]:
        """The presenter of a kind."""
        return cast(Panel[Any], _load(self._kinds[kind].panel)())

    def blocks(self) -> list[str]:
        """Titles of the overview's blocks, in order."""
        return list(dict.fromkeys(kind.block for kind in self._kinds.values()))
