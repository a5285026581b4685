"""What every AWS kind is told: which account and region, with whose credentials, and what looking may cost."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field, field_validator, model_validator

from probes.base import BadUrl, Referring, Secret, Settings, Shape, parse_url

SCHEMES: Final = frozenset({"http", "https"})


class AwsSettings(Settings):
    """One account and region, pinned: nothing outside changes it while the room is open."""

    model_config = ConfigDict(hide_input_in_errors=True)

    every: float = Field(default=15.0, ge=0.5, le=3600, description="Seconds between two readings.")
    timeout: float = Field(default=10.0, gt=0, le=60, description="Seconds a reading may take in all.")
    profile: str | None = Field(
        default=None, max_length=200, description="Profile of ~/.aws/config. Default: as the AWS command line finds it."
    )
    region: Annotated[str, Shape(r"^[a-z0-9-]{2,30}$", 'a region, such as "eu-west-1"')] | None = Field(
        default=None,
        description="Region, such as eu-west-1. Default: as the AWS command line finds it.",
    )
    account: Annotated[str, Shape(r"^\d{12}$", 'the 12 digits of an account, such as "123456789012"')] | None = Field(
        default=None,
        description="The account it must be; with any other nothing is read and nothing is done.",
    )
    endpoint: Referring | None = Field(
        default=None, description="Another place than AWS that speaks its protocol: https://host, or env:NAME."
    )
    key_id: Secret | None = Field(default=None, description="Access key id, where no profile has it.")
    secret_key: Secret | None = Field(default=None, description="Secret access key, where no profile has it.")
    cost_cap: float = Field(
        default=1.0, gt=0, le=1000, description="US dollars a day that looking at this target may cost, by list prices."
    )

    @field_validator("endpoint")
    @classmethod
    def _usable(cls, endpoint: str | None) -> str | None:
        if endpoint is not None and not endpoint.startswith(("env:", "file:", "command:")):
            try:
                parse_url(endpoint, SCHEMES)
            except BadUrl as error:
                raise ValueError(str(error)) from None
        return endpoint

    @model_validator(mode="after")
    def _both_or_none(self) -> AwsSettings:
        if (self.key_id is None) != (self.secret_key is None):
            raise ValueError("key_id and secret_key go together")
        return self
