"""What a target of stored backups is told."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field, model_validator

from probes.aws.settings import AwsSettings
from probes.base import Shape

_R2: Final = ".r2.cloudflarestorage.com"


class S3Settings(AwsSettings):
    """One bucket, and which of its keys are the backups."""

    every: float = Field(default=60.0, ge=0.5, le=3600, description="Seconds between two readings.")
    timeout: float = Field(default=20.0, gt=0, le=60, description="Seconds a reading may take in all.")
    bucket: Annotated[
        str,
        Shape(
            r"^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$",
            'the name of a bucket, without s3:// and without a slash, such as "shop-backups"',
        ),
    ] = Field(
        description="The bucket's name, without s3:// and without a slash.",
    )
    prefix: str = Field(
        default="", max_length=900, description='What the keys begin with: "database/". Default: all of them.'
    )
    pattern: str = Field(
        default="*", max_length=200, description='Only keys like this count, behind the prefix: "*.sql.gz".'
    )
    fresh: float = Field(default=26.0, gt=0, le=8760, description="Hours the newest backup may be old.")
    min_size: int = Field(default=1, ge=0, description="Bytes the newest backup must have at least.")
    expected: float | None = Field(
        default=None, gt=0, le=8760, description="Hours between two backups. Default: as the last ones came."
    )
    list_every: float = Field(
        default=300.0,
        ge=60,
        le=86400,
        description="Seconds between two listings: a million keys cost $0.005.",
    )

    @model_validator(mode="before")
    @classmethod
    def _region_of_r2(cls, given: Any) -> Any:
        """R2 knows one region, `auto` (https://developers.cloudflare.com/r2/api/s3/api/#bucket-region)."""
        if isinstance(given, dict) and not given.get("region") and _R2 in str(given.get("endpoint", "")):
            return {**given, "region": "auto"}
        return given
