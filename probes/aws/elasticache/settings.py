"""What a target of managed caches is told."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from probes.aws.settings import AwsSettings
from probes.base import Shape

_Name = Annotated[
    str, Shape(r"^[A-Za-z0-9*?\[\]!-]{1,80}$", 'the name of a cache, * for more of them, such as "shop-*"')
]


class ElastiCacheSettings(AwsSettings):
    """Which caches of an account and region."""

    every: float = Field(default=30.0, ge=0.5, le=3600, description="Seconds between two readings.")
    caches: tuple[_Name, ...] = Field(
        default=(),
        max_length=100,
        description='Clusters or replication groups by name or pattern: ["sessions-*"]. Default: all.',
    )
    metrics_every: float = Field(
        default=120.0, ge=60, le=3600, description="Seconds between two looks at CloudWatch, which costs."
    )
