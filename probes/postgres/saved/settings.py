"""What a profile says about saved queries: where to ask, and each query with its number, limits and bounds."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    field_validator,
    model_validator,
)

from probes.base import Referring, SafeText, Secret, Settings, Severity, Shape, Unit
from probes.exec import template
from probes.postgres.address import PostgresSettings
from probes.postgres.saved.statement import Statement, read

MOST: Final = 60
"""Queries of one target."""
MOST_ROWS: Final = 1000
"""Rows of one answer that a profile may ask for."""

Name = Annotated[str, Shape(r"^[a-z][a-z0-9_]{0,39}$", 'a name of small letters, digits and _, such as "open_orders"')]
Value = StrictBool | StrictInt | StrictFloat | StrictStr | datetime | date
"""What may stand for a parameter; it is sent beside the query, never put into it."""


class RowAct(BaseModel):
    """What can be done for a row of a query: `[sql.NAME.query.QUERY.act]`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    key: tuple[Name, ...] = Field(
        min_length=1,
        max_length=4,
        description="Columns that tell a row from all others; the command may be given them.",
    )
    argv: tuple[str, ...] = Field(
        min_length=1, max_length=100, description='Program and arguments; "{id}" stands for the column id of the key.'
    )
    what: str = Field("", max_length=200, description="One sentence: what it does.")
    danger: Literal["reversible", "disruptive", "destructive"] = Field(
        "destructive", description="The worst it can do; what nobody has judged is destructive."
    )
    pattern: str = Field(
        r"[\w.:@+-]{1,100}", max_length=200, description="What each value of the key must match as a whole."
    )
    same: tuple[Name, ...] = Field(
        (),
        max_length=20,
        description="Columns that must still say the same. Default: all that are shown, but intervals.",
    )
    changes: bool = Field(
        True,
        description="true: it has come true once the row is gone or says something else. false: once it ended well.",
    )
    timeout: float = Field(60.0, gt=0, le=3600, description="Seconds after which it is ended.")
    cwd: str = Field("", max_length=500, description="Folder it is started in, absolute or from ~ on.")
    env: dict[str, Secret] = Field({}, description='Its environment besides, by reference: {TOKEN = "env:TOKEN"}.')
    ok: tuple[int, ...] = Field((0,), min_length=1, max_length=20, description="Exit codes that mean success.")
    undo: str = Field("", max_length=200, description="How it is taken back, in words.")

    @field_validator("argv")
    @classmethod
    def _whole(cls, argv: tuple[str, ...]) -> tuple[str, ...]:
        if not argv[0].strip() or any("\0" in one or len(one) > 8000 for one in argv):
            raise ValueError("names no program, or holds an argument that no program can be given")
        return argv

    @field_validator("pattern")
    @classmethod
    def _matches(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError):
            raise ValueError("is no regular expression") from None
        return pattern

    @model_validator(mode="after")
    def _sound(self) -> Self:
        template.check(self.argv, self.key, "column of the key")
        return self


class QuerySettings(BaseModel):
    """One query: `[sql.NAME.query.QUERY]`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)

    sql: str = Field(description="One SELECT. $name stands for a value of params.")
    title: str = Field("", max_length=40, description="What a person reads. Default: the name.")
    unit: Unit | None = Field(None, description="What the number counts; decides how it is written.")
    of: Literal["value", "rows"] = Field("value", description="The number: a column's value, or how many rows came.")
    value: str = Field("", max_length=63, description="Column with the number. Default: the first one.")
    by: str = Field("", max_length=63, description="Column that names the rows: each has a number and limits.")
    time: Literal["age", "until"] | None = Field(
        None, description="Of a point in time: seconds since then (age) or until then."
    )
    warn: float | None = Field(None, allow_inf_nan=False, description="Limit of a warning, in the base unit.")
    critical: float | None = Field(None, allow_inf_nan=False, description="Limit of a critical alert.")
    when: Literal["above", "below"] = Field("above", description="On which side of its limits the number is bad.")
    lasts: float = Field(
        0.0, alias="for", ge=0, le=86400, allow_inf_nan=False, description="Seconds it must be bad before an alert."
    )
    every: float = Field(0.0, ge=0, le=86400, description="Seconds between two askings; 0: as often as the target.")
    timeout: float = Field(5.0, ge=0.1, le=30, description="Seconds after which the server ends it.")
    limit: int = Field(100, ge=1, le=MOST_ROWS, description="Rows fetched at most.")
    redact: tuple[str, ...] = Field((), max_length=100, description="Columns that are never shown.")
    params: dict[Name, Value] = Field(default_factory=dict, description="Values of the parameters.")
    act: RowAct | None = Field(None, description="What can be done for a row: [sql.NAME.query.QUERY.act].")

    _statement: Statement = PrivateAttr()

    @model_validator(mode="after")
    def _sound(self) -> QuerySettings:
        try:
            self._statement = read(self.sql)
        except ValueError as error:
            raise ValueError(f"the query {error}") from None
        wanted, given = set(self._statement.names), set(self.params)
        if missing := sorted(wanted - given):
            raise ValueError(f"the query needs a value for ${missing[0]}: write params = {{ {missing[0]} = ... }}")
        if idle := sorted(given - wanted):
            raise ValueError(f"the query never uses ${idle[0]}")
        if self.value in self.redact and self.value:
            raise ValueError(f"the number stands in {self.value}, which is not to be shown")
        if self.by in self.redact and self.by:
            raise ValueError(f"the rows are named by {self.by}, which is not to be shown")
        if self.act is not None and set(self.act.key) & set(self.redact):
            raise ValueError("a column of the key of act is not to be shown: what is acted on must be seen")
        if self.of == "rows" and (self.value or self.by or self.time):
            raise ValueError('of = "rows" counts the rows: value, by and time have no place there')
        if self.time and self.unit not in (None, Unit.SECONDS):
            raise ValueError('an age is in seconds: leave unit out, or write unit = "seconds"')
        both = self.warn is not None and self.critical is not None and self.warn != self.critical
        if both and ((self.critical or 0.0) > (self.warn or 0.0)) != (self.when == "above"):
            other = "below" if self.when == "above" else "above"
            raise ValueError(f'critical must lie {self.when} warn; or set when = "{other}"')
        return self

    @property
    def statement(self) -> Statement:
        """The query as it is sent."""
        return self._statement

    @property
    def base(self) -> Unit:
        """The unit of the number."""
        return self.unit or (Unit.SECONDS if self.time else Unit.COUNT)

    @property
    def limits(self) -> tuple[tuple[Severity, float], ...]:
        """The limits that are set, the milder first."""
        both = ((Severity.WARNING, self.warn), (Severity.CRITICAL, self.critical))
        return tuple((severity, limit) for severity, limit in both if limit is not None)

    def label(self, name: str) -> str:
        """What a person reads."""
        return str(SafeText(self.title or name.replace("_", " "), 40))


class SqlSettings(Settings):
    """A PostgreSQL database and the queries it is asked."""

    model_config = ConfigDict(hide_input_in_errors=True)

    every: float = Field(default=60.0, ge=0.5, le=3600, description="Seconds between two readings.")
    timeout: float = Field(default=30.0, gt=0, le=60, description="Seconds a reading may take in all.")
    url: Referring = Field(
        "", description="postgresql://user@host:port/database, or env:DATABASE_URL; empty: what libpq finds by itself."
    )
    password: Secret | None = Field(None, description="Reference to the password; absent: ~/.pgpass or none.")
    service: str | None = Field(None, description="Name of a section of pg_service.conf.")
    pooled: bool = Field(False, description="True behind PgBouncer and the like: no start-up options are sent.")
    zone: Annotated[str, Shape(r"^[A-Za-z0-9_+/-]{0,60}$", 'a time zone, such as "Europe/Berlin"')] = Field(
        "", description="Time zone for days and hours; empty: the server's own."
    )
    query: dict[Name, QuerySettings] = Field(
        default_factory=dict, description="The queries: [sql.NAME.query.QUERY], each with its sql."
    )

    @property
    def runs_programs(self) -> bool:  # type: ignore[override]
        """True when a row of a query can be handed to a program."""
        return any(one.act is not None for one in self.query.values())

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        PostgresSettings(url=url)
        return url

    @field_validator("query")
    @classmethod
    def _few(cls, found: dict[str, QuerySettings]) -> dict[str, QuerySettings]:
        if len(found) > MOST:
            raise ValueError(f"has more than {MOST} queries")
        return found

    @model_validator(mode="after")
    def _any(self) -> Self:
        if not self.query:
            raise ValueError("needs a query: a table [sql.NAME.query.QUERY] with its sql")
        return self

    @property
    def place(self) -> PostgresSettings:
        """Where to ask, as the postgres kind takes it."""
        return PostgresSettings.model_validate(
            {"url": self.url, "password": self.password, "service": self.service, "pooled": self.pooled}
        )


__all__ = ["MOST_ROWS", "QuerySettings", "RowAct", "SqlSettings", "Value"]
