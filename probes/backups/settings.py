"""What a profile says about a folder of backups: which files, how fresh, of which database, and where copies go."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from probes.base import BadUrl, Referring, Secret, Settings, Shape, WholePath, parse_url
from probes.base.target import Referable

SCHEMES: Final = frozenset({"postgresql", "postgres"})
REFERENCE: Final = ("env:", "file:", "command:")
_SPAN: Final = {"m": 1 / 60, "h": 1.0, "d": 24.0, "w": 168.0}
_UNITS: Final = r"m|min|minutes?|h|hours?|d|days?|w|weeks?"
_SIZE: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY: Final = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}

Format = Literal["custom", "tar", "directory", "plain"]
"""What pg_dump can write (https://www.postgresql.org/docs/current/app-pgdump.html, -F)."""


def hours(given: Any) -> Any:
    """A number of hours, or a text such as "90m", "26h", "30d", "1 day". Raises ValueError.

    >>> hours("30d"), hours(26), hours("90m"), hours("1 day")
    (720.0, 26, 1.5, 24.0)
    """
    if not isinstance(given, str):
        return given
    found = re.fullmatch(rf"\s*(\d+(?:\.\d+)?)\s*({_UNITS})?\s*", given, re.IGNORECASE)
    if found is None:
        raise ValueError('must be hours, such as 26, or text with a unit, such as "90m", "26h" or "8d"')
    return float(found[1]) * _SPAN[(found[2] or "h")[0].lower()]


def size(given: Any) -> Any:
    """A number of bytes, or a text such as "1MB", "20 GiB". Raises ValueError.

    >>> size("1MB"), size("1 KiB"), size(7)
    (1000000, 1024, 7)
    """
    if not isinstance(given, str):
        return given
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", given, re.IGNORECASE)
    if found is None or (found[3] and not found[2]):
        raise ValueError('must be bytes, such as 4096, or text with a unit, such as "20kB", "1MB" or "2GiB"')
    unit = found[2].lower()
    return int(float(found[1]) * (_BINARY[unit] if found[3] else _SIZE[unit]))


_Bucket = Annotated[
    str,
    Shape(
        r"^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$",
        'the name of a bucket, without s3:// and without a slash, such as "shop-backups"',
    ),
]
_Region = Annotated[str, Shape(r"^[a-z0-9-]{2,30}$", 'a region, such as "eu-west-1"')]
Hours = Annotated[float, BeforeValidator(hours, json_schema_input_type=float | str)]
Bytes = Annotated[int, BeforeValidator(size, json_schema_input_type=int | str)]


class Login(BaseModel):
    """A database of a server, and how to log in there."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Referring = Field(description="postgresql://user@host:port/database, or env:DATABASE_URL.")
    password: Secret | None = Field(default=None, description="Reference to the password.")

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        if not url.startswith(REFERENCE):
            try:
                parse_url(url, SCHEMES)
            except BadUrl as error:
                raise ValueError(f"the address {error}") from None
        return url


class Offhost(BaseModel):
    """Where copies are kept: another folder (a mount, say), or a bucket of a store that speaks S3."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    folder: WholePath | None = Field(default=None, max_length=1000, description="An absolute path.")
    bucket: _Bucket | None = Field(default=None, description="Name of a bucket.")
    prefix: str = Field(default="", max_length=900, description='What the keys begin with: "database/".')
    endpoint: Referring | None = Field(default=None, description="Another place than AWS that speaks S3: https://host.")
    region: _Region | None = Field(default=None, description="Region of the bucket.")
    profile: str | None = Field(default=None, max_length=200, description="Profile of ~/.aws/config.")
    key_id: Secret | None = Field(default=None, description="Access key id, where no profile has it.")
    secret_key: Secret | None = Field(default=None, description="Secret access key, where no profile has it.")

    @model_validator(mode="after")
    def _one_place(self) -> Offhost:
        if (self.folder is None) == (self.bucket is None):
            raise ValueError("name a folder or a bucket")
        if (self.key_id is None) != (self.secret_key is None):
            raise ValueError("key_id and secret_key go together")
        return self


class Check(BaseModel):
    """A question that a restored database must answer well."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sql: str = Field(min_length=1, max_length=4000, description="One SELECT that gives one number.")
    least: float = Field(default=1.0, description="The number must be at least this.")
    of_live: float | None = Field(
        default=None, gt=0, le=1, description="And at least this share of what the live database answers."
    )


def _spelled_out(given: Any) -> Any:
    return {"sql": given} if isinstance(given, str) else given


class BackupsSettings(Settings):
    """One folder of PostgreSQL backups."""

    model_config = ConfigDict(hide_input_in_errors=True)

    every: float = Field(default=30.0, ge=0.5, le=3600, description="Seconds between two readings.")
    timeout: float = Field(default=10.0, gt=0, le=60, description="Seconds a reading may take in all.")
    folder: WholePath = Field(max_length=1000, description="Where the backups are; an absolute path.")
    pattern: Annotated[str, Shape(r"^[^/]+$", 'a name without a slash, * for what differs, such as "shop-*.dump"')] = (
        Field(default="*", max_length=200, description='Only names like this count: "newsletter-*.dump".')
    )
    fresh: Hours = Field(default=26.0, gt=0, le=8760, description='How old the newest may be: hours, or "26h", "8d".')
    expected: Hours | None = Field(
        default=None, gt=0, le=8760, description='Time between two backups: "1d". Default: as the last ones came.'
    )
    min_size: Bytes = Field(default=1, ge=0, description='What the newest must have at least: bytes, or "1MB".')
    shrink: float = Field(
        default=0.5, ge=0, lt=1, description="Share of the usual size below which the newest is too small."
    )
    keep: Hours = Field(default=720.0, gt=0, le=87600, description='Older backups may be pruned: hours, or "30d".')
    proven: Hours = Field(
        default=840.0, gt=0, le=87600, description='How old the last proven restore may be: hours, or "35d".'
    )
    format: Format | None = Field(
        default=None, description="The one format that backups must have. Default: any that pg_dump writes."
    )
    check_up_to: Bytes = Field(
        default=10**9, ge=0, description='The newest is read to its end, once, up to this size: bytes, or "1GB".'
    )
    programs: WholePath | None = Field(
        default=None, description="Folder of pg_dump, pg_restore and psql. Default: looked for."
    )
    database: Annotated[Login | None, Referable()] = Field(default=None, description="What is dumped: {url, password}.")
    admin: Annotated[Login | None, Referable()] = Field(
        default=None, description="Login that makes and renames databases there. Default: the one of `database`."
    )
    scratch: Annotated[Login | None, Referable()] = Field(
        default=None, description="Server on which a backup is restored to prove it: {url, password}."
    )
    offhost: Annotated[Offhost | None, Referable()] = Field(
        default=None, description="Where copies are kept: {folder} or {bucket, endpoint, key_id, secret_key}."
    )
    checks: dict[str, Annotated[Check, BeforeValidator(_spelled_out, json_schema_input_type=Check | str)]] = Field(
        default_factory=dict, max_length=20, description="Questions to a restored database: name = SELECT, or {sql}."
    )


__all__ = ["BackupsSettings", "Bytes", "Check", "Format", "Hours", "Login", "Offhost"]
