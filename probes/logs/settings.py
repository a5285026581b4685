"""Which files and units are watched, and what is counted in them."""

from __future__ import annotations

from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from probes.base import Settings, Shape
from probes.base.log import sound

KERNEL: Final = "kernel"
"""Stands for the kernel's own log among the units."""
UNIT: Final = r"^[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]{0,255}$"
_File = Annotated[
    str, Shape(r"^[^\x00-\x1f]{1,1000}$", 'the path of a file, * for names, such as "/var/log/nginx/*.log"')
]
_Unit = Annotated[str, Shape(UNIT, 'the name of a unit, such as "nginx.service"')]
_Pattern = Annotated[str, Shape(r"^[^\x00-\x1f\"{}]{1,60}$", 'a name without quotes and braces, such as "timeouts"')]
JSON: Final = "json:"
"""Stands before the name of a field that tells a line's type."""


class PatternSetting(BaseModel):
    """A pattern that is counted minute by minute and can be followed and searched for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    regex: str = Field(
        min_length=1, max_length=1000, description="Regular expression; (?i) at its beginning: case does not matter."
    )
    files: tuple[str, ...] = Field(
        default=(),
        max_length=50,
        description="Only in these of the target's files and journal entries, as they are written there. Default: all.",
    )
    limit: int | None = Field(default=None, ge=0, description="More finds than this within the window are an alert.")

    @field_validator("regex")
    @classmethod
    def _sound(cls, regex: str) -> str:
        sound(regex)
        return regex


class LogsSettings(Settings):
    """Files and units of this machine."""

    every: float = Field(default=5.0, ge=0.5, le=3600, description="Seconds between two readings.")
    timeout: float = Field(default=10.0, gt=0, le=60, description="Seconds a reading may take in all.")
    files: tuple[_File, ...] = Field(
        default=(),
        max_length=30,
        description='Files, or patterns of them: "/var/log/app/*.log", "logs/error-*.log". New ones are found as they'
        " come; compressed ones are only searched.",
    )
    journal: tuple[_Unit, ...] = Field(
        default=(), max_length=20, description='Units whose journal is read, by name; "kernel" is the kernel\'s log.'
    )
    patterns: dict[_Pattern, str | PatternSetting] = Field(
        default_factory=dict,
        max_length=30,
        description='What is counted, by a name: { "refresh failed" = "token refresh (failed|refused)" }, or with a'
        ' limit: { "refresh failed" = { regex = "...", limit = 3 } }.',
    )
    type: str = Field(
        default="",
        max_length=400,
        description='What a line\'s type is: a regular expression with one group, or "json:FIELD". Default: its words'
        " without numbers, ids and quoted texts.",
    )
    window: int = Field(default=5, ge=1, le=60, description="Minutes in which limits count.")
    since: int = Field(default=15, ge=1, le=1440, description="Minutes that are counted and drawn.")
    first: int = Field(default=8, ge=1, le=256, description="MiB that the first reading looks at, at most.")
    budget: int = Field(default=16, ge=1, le=256, description="MiB that a reading looks at; more is left out and said.")
    silent: int | None = Field(
        default=None, ge=1, le=10080, description="Minutes after which a source that writes nothing is an alert."
    )
    zone: str = Field(
        default="", max_length=60, description='Zone of times that name none: "UTC". Default: this machine\'s.'
    )
    prefix: tuple[str, ...] = Field(
        default=(),
        description='Words put before journalctl: ["ssh", "web1"] or ["docker", "exec", "NAME"]. No secrets.',
    )

    @field_validator("patterns")
    @classmethod
    def _patterns(cls, patterns: dict[str, str | PatternSetting]) -> dict[str, str | PatternSetting]:
        for one in patterns.values():
            if isinstance(one, str):
                sound(one)
        return patterns

    @field_validator("type")
    @classmethod
    def _type(cls, type: str) -> str:
        if type and not type.startswith(JSON) and sound(type).groups != 1:
            raise ValueError("must have one group: what stands in it is the type")
        return type

    @field_validator("zone")
    @classmethod
    def _zone(cls, zone: str) -> str:
        try:
            if zone:
                ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError('is not the name of a zone; write it as "UTC" or "Europe/Berlin"') from None
        return zone

    @model_validator(mode="after")
    def _whole(self) -> LogsSettings:
        if not self.files and not self.journal:
            raise ValueError("needs files or journal: what to watch")
        if self.window > self.since:
            raise ValueError("window must lie within since")
        known = {*self.files, *self.journal}
        for name, one in self.named.items():
            if unknown := [place for place in one.files if place not in known]:
                raise ValueError(f"pattern {name} looks in {unknown[0]}, which stands neither in files nor in journal")
        return self

    @property
    def named(self) -> dict[str, PatternSetting]:
        """The patterns, all in their long form."""
        return {name: PatternSetting(regex=one) if isinstance(one, str) else one for name, one in self.patterns.items()}
