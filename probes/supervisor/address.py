"""Where a supervisord answers and how to log in there. No error ever echoes an address or a password."""

from __future__ import annotations

from typing import Final

from pydantic import ConfigDict, Field, field_validator

from probes.base import (
    BadUrl,
    Cause,
    Context,
    Endpoint,
    ProbeError,
    Referring,
    Secret,
    SecretSource,
    Settings,
    load,
    parse_url,
)
from probes.supervisor.rpc import Rpc

SCHEMES: Final = frozenset({"unix", "http", "https"})
PORT: Final = 9001
_REFERENCE: Final = ("env:", "file:", "command:")


class SupervisorSettings(Settings):
    """A supervisord, by its socket or its port."""

    model_config = ConfigDict(hide_input_in_errors=True)

    url: Referring = Field(
        "unix:///var/run/supervisor.sock",
        description="Where supervisord answers: unix:///path, http://host:port, or env:NAME.",
    )
    username: str | None = Field(None, max_length=200, description="User, where the server asks for one.")
    password: Secret | None = Field(None, description="Password of that user, by reference.")
    groups: list[str] = Field(default_factory=list, description="Only these groups. Default: all.")

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        if not url.startswith(_REFERENCE):
            try:
                parse_url(url, SCHEMES, PORT)
            except BadUrl as error:
                raise ValueError(str(error)) from None
        return url

    @property
    def written(self) -> Endpoint | None:
        """Where it answers, as far as the profile itself says so; None when it only refers to an address."""
        return None if self.url.startswith(_REFERENCE) else parse_url(self.url, SCHEMES, PORT)


def endpoint(settings: SupervisorSettings, secrets: SecretSource) -> Endpoint:
    """Where it answers. Raises `ProbeError`."""
    url = settings.url
    try:
        return parse_url(_secret(url, secrets) if url.startswith(_REFERENCE) else url, SCHEMES, PORT)
    except BadUrl as error:
        raise ProbeError(Cause.AUTH, f"the address {error}", "correct the url of this target") from None


async def connect(settings: SupervisorSettings, context: Context) -> Rpc:
    """A connection of its own, made when it is first used. Raises `ProbeError`."""
    await load("httpx")
    end = endpoint(settings, context.secrets)
    user = settings.username or end.user
    password = _secret(settings.password, context.secrets) if settings.password else end.password
    return Rpc(end, (user, password or "") if user else None, settings.timeout)


def _secret(reference: str, secrets: SecretSource) -> str:
    try:
        return secrets.resolve(reference)
    except LookupError as error:
        words = str(error.args[0]) if error.args else "a secret can't be had"
        raise ProbeError(Cause.AUTH, words, "the profile refers to a secret that this machine can't give") from None
