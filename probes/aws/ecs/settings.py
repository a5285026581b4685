"""What a profile says about an ECS cluster."""

from __future__ import annotations

import re
from typing import Final

from pydantic import Field, field_validator

from probes.aws.settings import AwsSettings

NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,255}")
"""Name of a cluster, a service or a family, by ECS's own rule."""
ARN: Final = re.compile(r"arn:aws[a-z-]*:ecs:[a-z0-9-]+:\d{12}:(cluster|service)/([a-zA-Z0-9_/-]{1,511})")
_GLOB: Final = re.compile(r"[a-zA-Z0-9_*?\[\]!-]{1,255}")


class EcsSettings(AwsSettings):
    """A cluster, or the services of it that one system is."""

    cluster: str = Field("default", description="Name or ARN of the cluster.")
    services: tuple[str, ...] = Field(
        (), max_length=500, description='Only these services, such as "api" or "shop-*". Default: all, 2,000 at most.'
    )
    log_group: dict[str, str] = Field(
        {}, description="Log group of a service whose task definition does not tell, by the service's name."
    )

    @field_validator("cluster")
    @classmethod
    def _is_cluster(cls, cluster: str) -> str:
        arn = ARN.fullmatch(cluster)
        if not NAME.fullmatch(cluster) and not (arn and arn[1] == "cluster"):
            raise ValueError("must be the name or the ARN of a cluster")
        return cluster

    @field_validator("services")
    @classmethod
    def _are_services(cls, services: tuple[str, ...]) -> tuple[str, ...]:
        for one in services:
            arn = ARN.fullmatch(one)
            if not _GLOB.fullmatch(one) and not (arn and arn[1] == "service"):
                raise ValueError(f"{one!r:.80} is no service's name, pattern or ARN")
        return tuple(dict.fromkeys(bare(one) for one in services))

    @property
    def cluster_name(self) -> str:
        """The cluster's name, also where its ARN is given."""
        return bare(self.cluster)

    @property
    def named(self) -> tuple[str, ...]:
        """Services given by their whole names."""
        return tuple(one for one in self.services if NAME.fullmatch(one))

    @property
    def lists(self) -> bool:
        """The cluster must be asked which services there are."""
        return len(self.named) < len(self.services) or not self.services


def bare(reference: str) -> str:
    """The name in a name or an ARN.

    >>> bare("arn:aws:ecs:eu-west-1:123456789012:service/shop/api"), bare("api")
    ('api', 'api')
    """
    return reference.rpartition("/")[2]
