"""What a target of queues is told."""

from __future__ import annotations

from pydantic import Field

from probes.aws.settings import AwsSettings


class SqsSettings(AwsSettings):
    """Queues of one account and region."""

    queues: tuple[str, ...] = Field(
        default=(),
        max_length=500,
        description='Queues by name, address or pattern ("mail-*"). Default: all of the account, 10,000 at most.',
    )
    ages: int = Field(
        default=20,
        ge=0,
        le=500,
        description="Queues whose oldest message is asked of CloudWatch, the worst first; each costs 1.4 cents a day.",
    )
