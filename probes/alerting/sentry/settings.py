"""Which Sentry, which projects, and from when an issue is an alert."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, field_validator

from probes.alerting.hosted import HostedSettings
from probes.base import Shape

LEVELS: Final = ("sample", "debug", "info", "warning", "error", "fatal")
"""How bad an issue is, the mildest first. https://develop.sentry.dev/sdk/data-model/event-payloads/"""
_SLUG: Final = Shape(r"^[a-z0-9_-]{1,100}$", 'its slug as in its address, such as "acme"')


class SentrySettings(HostedSettings):
    """Which Sentry, which projects, and from when an issue is an alert."""

    organization: Annotated[str, _SLUG] = Field(description="Slug of the organisation.")
    region: Literal["us", "de"] | None = Field(
        default=None, description="Where sentry.io keeps the organisation: us or de; absent: sentry.io itself."
    )
    projects: tuple[Annotated[str, _SLUG], ...] = Field(
        default=(), max_length=50, description="Slugs of the projects that are meant; none: all."
    )
    environments: tuple[str, ...] = Field(
        default=(), max_length=20, description="Environments that are meant, such as production; none: all."
    )
    query: str = Field(
        default="", max_length=400, description='More to search for, in Sentry\'s own words: "assigned:me".'
    )
    days: int = Field(default=14, ge=1, le=90, description="Only issues that were seen in so many days.")
    level: Literal["debug", "info", "warning", "error", "fatal"] = Field(
        default="error", description="The mildest level that can be an alert."
    )
    limit: float = Field(
        default=1.0,
        ge=0,
        le=1e6,
        description="Events a minute from which an issue is an alert; new, escalating and returned ones always are.",
    )

    @field_validator("environments")
    @classmethod
    def _plain(cls, environments: tuple[str, ...]) -> tuple[str, ...]:
        if not all(one and one.isprintable() and len(one) <= 64 for one in environments):
            raise ValueError("holds a name that no environment has")
        return environments

    @property
    def home(self) -> str:
        """Sentry's own service, in the region that is named."""
        return f"https://{self.region}.sentry.io" if self.region else "https://sentry.io"
