"""Where a server of metrics is and what it takes to ask it: address, login, headers, trust. Secrets are never shown."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator, model_validator

from probes.base import BadUrl, Cause, Context, ProbeError, Referring, Secret, Settings, parse_url

_SCHEMES: Final = frozenset({"http", "https"})
_REFERENCE: Final = ("env:", "file:", "command:")
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class WebSettings(Settings):
    """A server that is asked over HTTP."""

    model_config = ConfigDict(hide_input_in_errors=True)

    every: float = Field(default=10.0, ge=0.5, le=3600, description="Seconds between two readings.")
    timeout: float = Field(default=8.0, gt=0, le=60, description="Seconds a reading may take in all.")
    url: Referring = Field(description="Where it is: http://host:port or https://…, or env:NAME.")
    token: Secret | None = Field(None, description="Bearer token, by reference.")
    password: Secret | None = Field(None, description="Password of the user that the url names, by reference.")
    headers: dict[str, Referring] = Field(
        default_factory=dict,
        description="Headers to send; a value may be a reference, and a secret one must be: env:NAME, file:/path.",
    )
    tls_verify: bool = Field(True, description="Refuse a server whose certificate is not trusted.")
    ca: str | None = Field(None, description="PEM file of the authorities to trust instead of this machine's.")

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        if not url.startswith(_REFERENCE):
            try:
                parse_url(url, _SCHEMES)
            except BadUrl as error:
                raise ValueError(str(error)) from None
        return url

    @field_validator("headers")
    @classmethod
    def _sendable(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name) or not _is_line(value):
                raise ValueError("a header has a plain name and a value of one line")
        return headers

    @model_validator(mode="after")
    def _one_login(self) -> WebSettings:
        if self.token is not None and self.password is not None:
            raise ValueError("give a token or a password, not both")
        return self


@dataclass(frozen=True, slots=True)
class Place:
    """A server, with its secrets resolved."""

    scheme: str
    host: str
    port: int
    url: str = field(repr=False)
    """Without user, password and fragment."""
    where: str
    """For a person: host:port."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    verify: bool = True
    ca: str | None = None


def place_of(settings: WebSettings, context: Context) -> Place:
    """Resolve what the settings refer to. Raises `ProbeError`, without any secret in its words."""
    url = _secret(settings.url, context) if settings.url.startswith(_REFERENCE) else settings.url
    try:
        end = parse_url(url, _SCHEMES)
    except BadUrl as error:
        raise ProbeError(Cause.AUTH, f"the address {error}", "correct the url of this target") from None
    parts = urlsplit(url)
    tail = parts.path + (f"?{parts.query}" if parts.query else "")
    headers = tuple((name, _value(value, context)) for name, value in settings.headers.items())
    if settings.token is not None:
        headers += (("Authorization", f"Bearer {_secret(settings.token, context)}"),)
    elif end.user is not None:
        password = _secret(settings.password, context) if settings.password else end.password or ""
        headers += (("Authorization", f"Basic {b64encode(f'{end.user}:{password}'.encode()).decode('ascii')}"),)
    return Place(
        scheme=end.scheme,
        host=end.host,
        port=end.port or (443 if end.scheme == "https" else 80),
        url=f"{end.scheme}://{parts.netloc.rpartition('@')[2]}{tail}",
        where=end.where,
        headers=headers,
        verify=settings.tls_verify,
        ca=settings.ca,
    )


def _value(text: str, context: Context) -> str:
    return _secret(text, context) if text.startswith(_REFERENCE) else text


def _secret(reference: str, context: Context) -> str:
    try:
        found = context.secrets.resolve(reference)
    except LookupError as error:
        words = str(error.args[0]) if error.args else "a secret can't be had"
        raise ProbeError(Cause.AUTH, words, "the profile refers to a secret that this machine can't give") from None
    if not _is_line(found):
        raise ProbeError(Cause.AUTH, "a secret for this server is not one line of plain characters")
    return found


def _is_line(text: str) -> bool:
    return text.isascii() and text.isprintable()
