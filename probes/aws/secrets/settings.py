"""What a target of secrets is told."""

from __future__ import annotations

from pydantic import Field

from probes.aws.settings import AwsSettings


class SecretsSettings(AwsSettings):
    """Secrets of one account and region."""

    every: float = Field(default=60.0, ge=0.5, le=3600, description="Seconds between two readings.")
    names: tuple[str, ...] = Field(
        default=(),
        max_length=200,
        description='Secrets by name, ARN or pattern ("production/*"). Default: all of the account, 10,000 at most.',
    )
    prefix: str = Field(
        default="", max_length=256, description="Only secrets whose name begins like this, such as production/."
    )
    used_by: tuple[str, ...] = Field(
        default=(),
        max_length=50,
        description="Services that read these secrets when they start; named before a value is changed.",
    )
