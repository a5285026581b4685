"""What a target of managed databases is told."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from probes.aws.settings import AwsSettings
from probes.base import Shape

_Name = Annotated[
    str, Shape(r"^[A-Za-z0-9*?\[\]!-]{1,80}$", 'the name of an instance, * for more of them, such as "shop-*"')
]
_Source = Annotated[
    str,
    Shape(
        r"^(sg-[0-9a-f]{1,20}|[0-9a-fA-F:.]{2,39}/[0-9]{1,3})$",
        'a security group or a range of addresses, such as "sg-0a1b2c3d" or "10.0.0.0/16"',
    ),
]


class RdsSettings(AwsSettings):
    """Which databases of an account and region."""

    every: float = Field(default=30.0, ge=0.5, le=3600, description="Seconds between two readings.")
    instances: tuple[_Name, ...] = Field(
        default=(),
        max_length=100,
        description='DB instances or clusters by name or pattern: ["orders-*"]. Default: all.',
    )
    reach_from: tuple[_Source, ...] = Field(
        default=(),
        max_length=10,
        description="Security groups or networks from which the database port must be open: sg-..., 10.0.0.0/16.",
    )
    metrics_every: float = Field(
        default=120.0, ge=60, le=3600, description="Seconds between two looks at CloudWatch, which costs."
    )
    fresh: float = Field(default=26.0, gt=0, le=8760, description="Hours the newest snapshot may be old.")
