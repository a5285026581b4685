"""Where a part of this world finds its neighbours, and which faults are on."""

from __future__ import annotations

from dataclasses import dataclass

from systems.ground import Ground

PORTS = ("postgres", "redis", "kubernetes", "api", "web", "prometheus", "grafana", "s3")
"""One for each part that listens, in the order of a command line."""


@dataclass(frozen=True, slots=True)
class Place(Ground):
    """The world's folder and ports."""

    owner = "social_live"

    redis: int
    kubernetes: int
    api: int
    web: int
    prometheus: int
    grafana: int
    s3: int
