"""Which log groups are watched, and which patterns are counted in them."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from probes.aws.settings import AwsSettings
from probes.base import Shape

GROUP: Final = r"[A-Za-z0-9_./#-]"
"""Letters of a group's name: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html."""
_FIELD: Final = r"^[A-Za-z_@][A-Za-z0-9_@-]*(?:\.[A-Za-z0-9_@-]+)*$"
_VALUE: Final = r"^[^\"\\\x00-\x1f]{1,200}$"

GroupName = Annotated[
    str, Shape(rf"^(?:{GROUP}|[*?]){{1,512}}$", 'the name of a log group, * for more of them, such as "/ecs/shop-*"')
]
_Column = Annotated[
    str,
    Shape(
        r"^(?:\.\.\.|[A-Za-z_][A-Za-z0-9_]*)$",
        'a name of letters, digits and _, such as "status", or "..." for the rest',
    ),
]


class PatternSetting(BaseModel):
    """One pattern that is counted every minute and can be searched for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Shape(r"^[A-Za-z0-9_.-]{1,60}$", 'a short name without spaces, such as "errors"')] = Field(
        description="A short name, unique in the target: errors."
    )
    kind: Literal["filter", "text", "json-field", "space-field"] = Field(
        default="filter",
        description="How to find it: by CloudWatch's own filter syntax, by a text, by a field of JSON lines, or by a"
        " column of lines with spaces between. A status code is a field: as text 429 is found in any number.",
    )
    pattern: str = Field(default="", max_length=1024, description="What to find, for the kinds filter and text.")
    field: str = Field(
        default="", max_length=200, description="The field, for the kinds with one: status, http.status."
    )
    op: Literal["=", "!=", ">", ">=", "<", "<="] = Field(
        default="=", description="How the field compares to the value."
    )
    value: str = Field(default="", max_length=200, description="What the field is compared to: 429.")
    columns: tuple[_Column, ...] = Field(
        default=(),
        max_length=60,
        description='Names of the columns of a line, in order; one may be "...": ["ip", "...", "status", "bytes"].',
    )
    groups: tuple[GroupName, ...] = Field(
        default=(), max_length=50, description="Groups to look in, by name or pattern. Default: all that are watched."
    )
    since: int = Field(default=60, ge=5, le=1440, description="Minutes that are counted, drawn and searched.")
    window: int = Field(default=5, ge=1, le=1440, description="Minutes in which the limit counts.")
    limit: int | None = Field(default=None, ge=0, description="More finds than this within the window are an alert.")

    @model_validator(mode="after")
    def _whole(self) -> PatternSetting:
        if self.window > self.since:
            raise ValueError("window must lie within since")
        if self.kind in ("filter", "text"):
            if not self.pattern.strip():
                raise ValueError("pattern must not be empty")
            return self
        if not re.fullmatch(_FIELD, self.field) or not re.fullmatch(_VALUE, self.value):
            raise ValueError(f"{self.kind} needs field and value")
        if self.op not in ("=", "!=") and not re.fullmatch(r"-?\d+(?:\.\d+)?", self.value):
            raise ValueError(f"{self.op} compares numbers only")
        if self.kind == "space-field" and (self.columns.count("...") > 1 or self.columns.count(self.field) != 1):
            raise ValueError('columns must name the field once, and have "..." once at most')
        return self


class CloudWatchLogsSettings(AwsSettings):
    """Log groups of one account and region."""

    every: float = Field(default=60.0, ge=0.5, le=3600, description="Seconds between two readings.")
    timeout: float = Field(default=20.0, gt=0, le=60, description="Seconds a reading may take in all.")
    groups: tuple[GroupName, ...] = Field(
        default=(),
        max_length=200,
        description='Names of log groups, or patterns with * and ?: "/ecs/*". Default: all of the region.',
    )
    patterns: tuple[PatternSetting, ...] = Field(default=(), max_length=30, description="Patterns to count.")
    silent: dict[GroupName, Annotated[int, Field(ge=1, le=1440)]] = Field(
        default_factory=dict,
        max_length=50,
        description='Minutes after which a group that writes nothing is an alert, by name or pattern: {"/ecs/*" = 10}.',
    )

    @field_validator("patterns")
    @classmethod
    def _unique(cls, patterns: tuple[PatternSetting, ...]) -> tuple[PatternSetting, ...]:
        names = [one.name for one in patterns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two patterns are named {twice[0]}")
        return patterns
