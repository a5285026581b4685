"""What a profile says of rows that may go: `[postgres.main.retention.sessions] table, column, keep = "90 days"`."""

from __future__ import annotations

import re
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from probes.postgres.care import names

_KEEP: Final = re.compile(r"([1-9]\d{0,5}) (hour|day|week|month|year)s?")
KEEP: Final = r"[1-9]\d{0,5} (?:hour|day|week|month|year)s?"


class Retention(BaseModel):
    """Rows of one table that may be deleted once a moment in them is old enough."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str = Field(description='The table, with its schema: "public.sessions".')
    column: str = Field(description="The column with the moment that counts: a timestamp or date.")
    keep: str = Field(description='How long a row is kept from that moment on, at least: "90 days", "2 years".')
    batch: int = Field(1000, ge=1, le=100_000, description="Rows of one transaction.")
    pause: float = Field(0.5, ge=0, le=60, description="Seconds between two batches, for replicas and autovacuum.")

    @field_validator("table")
    @classmethod
    def _is_a_table(cls, value: str) -> str:
        written = names.written(value)
        if written is None or "." not in written:
            raise ValueError('must name a table with its schema, such as "public.sessions"')
        return written

    @field_validator("column")
    @classmethod
    def _is_a_column(cls, value: str) -> str:
        found = names.split(value)
        if found is None or found[0] is not None:
            raise ValueError("must be the name of one column")
        return names.quoted(found[1])

    @field_validator("keep")
    @classmethod
    def _is_a_time(cls, value: str) -> str:
        if spelled(value) is None:
            raise ValueError('must be a time such as "90 days", in hours, days, weeks, months or years')
        return str(spelled(value))


def spelled(text: str) -> str | None:
    """A time to keep rows in one spelling; None when it is none.

    >>> spelled("90 days"), spelled("1 Days"), spelled("90"), spelled("0 days")
    ('90 days', '1 day', None, None)
    """
    found = _KEEP.fullmatch(" ".join(text.lower().split()))
    return None if found is None else f"{found[1]} {found[2]}{'' if found[1] == '1' else 's'}"
