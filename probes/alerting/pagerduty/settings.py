"""Which account of PagerDuty, and which of its services, teams and escalation policies."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from probes.alerting.hosted import HostedSettings
from probes.base import Secret, Shape

_ID: Final = Shape(r"^[A-Z0-9]{4,30}$", 'an id as in its address, such as "PIJ90N7"')
Id = Annotated[str, _ID]


class PagerDutySettings(HostedSettings):
    """Which account of PagerDuty, and which of its services, teams and escalation policies."""

    token: Secret = Field(description="A REST API key of the account or of a user, by reference.")
    region: Literal["us", "eu"] = Field(default="us", description="Where PagerDuty keeps the account.")
    services: tuple[Id, ...] = Field(
        default=(), max_length=100, description="Ids of the services that are meant; none: all."
    )
    teams: tuple[Id, ...] = Field(default=(), max_length=50, description="Ids of the teams that are meant; none: all.")
    policies: tuple[Id, ...] = Field(
        default=(), max_length=50, description="Ids of escalation policies: who is on call for them; none: all."
    )
    sender: (
        Annotated[str, Shape(r"^[^@\s]{1,100}@[A-Za-z0-9.-]{1,200}$", 'an e-mail address, such as "a@b.example"')]
        | None
    ) = Field(
        default=None, description="E-mail of the PagerDuty user in whose name is acted; a user's token needs none."
    )

    @property
    def home(self) -> str:
        """PagerDuty's interface in the account's region."""
        return "https://api.eu.pagerduty.com" if self.region == "eu" else "https://api.pagerduty.com"
