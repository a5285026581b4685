"""What a profile says of a file of settings: which keys are secret, what is made from it, how a key is proven."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from probes.base import BadUrl, Referring, Settings, parse_url
from probes.settings.dotenv import KEY

SECRET: Final = (
    "*KEY*", "*SECRET*", "*TOKEN*", "*PASS*", "*PWD*", "*CREDENTIAL*", "*PRIVATE*", "*SALT*", "*AUTH*", "*_URL",
    "*_URI", "*DSN*", "*WEBHOOK*", "*SIGNING*", "*CERT*",
)  # fmt: skip
"""Names of keys whose values are nobody's business, by default."""
_RANDOM: Final = re.compile(r"(?=[^\s]*\d)(?=[^\s]*[A-Za-z])[A-Za-z0-9_+/=.:-]{20,}")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def secret_name(name: str, patterns: Sequence[str] = SECRET) -> bool:
    """Whether a name is one of those whose values are nobody's business."""
    return any(fnmatch.fnmatchcase(name.upper(), pattern.upper()) for pattern in patterns)


class Prove(BaseModel):
    """How a value is tried: one GET that carries it in a header."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="https://..., asked with GET; changes nothing there.")
    header: str = Field("Authorization: Bearer {}", description="The header; {} stands for the value.")
    ok: tuple[int, ...] = Field((200, 204), description="HTTP answers that prove that it works.")
    dead: tuple[int, ...] = Field((401, 403), description="HTTP answers that prove that it does not work any more.")

    @field_validator("url")
    @classmethod
    def _safe(cls, url: str) -> str:
        try:
            place = parse_url(url, {"http", "https"})
        except BadUrl as error:
            raise ValueError(str(error)) from None
        if place.scheme == "http" and place.host not in _LOOPBACK:
            raise ValueError("must begin with https://: a secret would travel in clear")
        return url

    @field_validator("header")
    @classmethod
    def _one(cls, header: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9-]+: ?[\x20-\x7e]*", header) or header.count("{}") != 1:
            raise ValueError('is written as "Name: text {}", with {} once for the value')
        return header


class Rotation(BaseModel):
    """How one key is rotated."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prove: Prove


class FileSettings(Settings):
    """A file of KEY=VALUE settings."""

    model_config = ConfigDict(hide_input_in_errors=True)

    every: float = Field(10.0, ge=0.5, le=3600, description="Seconds between two readings.")
    file: str = Field(description="The file: /srv/newsletter/.env.")
    secret: tuple[str, ...] = Field(SECRET, description="Names of keys whose values are never shown, as patterns.")
    example: str | None = Field(None, description="A file with all keys it should have. Default: FILE.example.")
    applies: tuple[str, ...] = Field(
        (),
        description='What is made from it, as TARGET/SERVICE: "containers/app". A change counts once it is made new.',
    )
    read_at_start: bool = Field(
        False, description="What uses it reads the file itself when it starts, so that a restart applies a change."
    )
    docker: Referring | None = Field(
        None, description="The Engine's socket, to see whether a change is applied: unix:///var/run/docker.sock."
    )
    project: str | None = Field(None, max_length=128, description="Compose project of what is made from it.")
    rotate: Mapping[str, Rotation] = Field(default_factory=dict, description="How a key is proven when it is rotated.")
    keep_days: float = Field(
        7.0, gt=0, le=90, description="Days for which an old value is kept, to take a change back."
    )

    @model_validator(mode="before")
    @classmethod
    def _served(cls, given: Any) -> Any:
        """One `applies` may be written as text; what is made from the file is what serves it."""
        if isinstance(given, dict):
            if isinstance(given.get("applies"), str):
                given = given | {"applies": (given["applies"],)}
            first = next(iter(given.get("applies") or ()), None)
            if first and not given.get("served_by"):
                given = given | {"served_by": first}
        return given

    @field_validator("file", "example")
    @classmethod
    def _absolute(cls, path: str | None) -> str | None:
        if path is not None and not os.path.isabs(os.path.expanduser(path)):
            raise ValueError("is a whole path, beginning with / or ~")
        return os.path.expanduser(path) if path is not None else None

    @field_validator("applies")
    @classmethod
    def _rows(cls, applies: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[A-Za-z0-9_-]+/.+", one) for one in applies):
            raise ValueError('is written as "TARGET/SERVICE"')
        return applies

    @field_validator("rotate")
    @classmethod
    def _keys(cls, rotate: Mapping[str, Rotation]) -> Mapping[str, Rotation]:
        if not all(map(KEY.fullmatch, rotate)):
            raise ValueError("names a key that can't be one")
        return rotate

    @property
    def renewed(self) -> str:
        """What must be done to what uses it for a change to count: it is "made new", or "restarted"."""
        return "restarted" if self.read_at_start else "made new"

    def is_secret(self, key: str, value: str = "") -> bool:
        """Whether a key's value is never shown: by its name, or because it looks like a secret."""
        return secret_name(key, self.secret) or key in self.rotate or "://" in value or bool(_RANDOM.fullmatch(value))
