"""Where an endpoint is and what goes along to it: settings that several kinds share, and their secrets resolved.

What is resolved is never shown: a person sees host, port and path; a query is an ellipsis.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from pydantic import ConfigDict, Field, field_validator

from probes.base import (
    BadUrl,
    Cause,
    ProbeError,
    Referring,
    SafeText,
    Secret,
    SecretSource,
    Settings,
    parse_url,
    secret_parameters,
)

SCHEMES: Final = frozenset({"http", "https"})
_REFERENCE: Final = ("env:", "file:", "command:")
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SHORTEST: Final = 4
"""Shorter secrets are not searched for in texts: they would blank out ordinary words."""


class ReachSettings(Settings):
    """How an endpoint is reached."""

    model_config = ConfigDict(hide_input_in_errors=True)

    url: Referring = Field(description="Where to ask: http://host:port/path or https://…, or env:NAME.")
    token: Secret | None = Field(None, description="A token by reference; it goes along as Authorization: Bearer.")
    headers: dict[str, Referring] = Field(
        default_factory=dict,
        description="Headers to send; a value may be a reference, and a secret one must be: env:NAME, file:/path.",
    )
    password: Secret | None = Field(None, description="Password of the user that the url names, by reference.")
    tls_verify: bool = Field(True, description="Refuse a server whose certificate is not trusted.")
    ca: str | None = Field(None, description="PEM file of the authorities to trust instead of this machine's.")
    environment_proxy: bool = Field(False, description="Go through the proxy that HTTP_PROXY and its like name.")

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        if not url.startswith(_REFERENCE):
            try:
                parse_url(url, SCHEMES)
            except BadUrl as error:
                raise ValueError(str(error)) from None
        return url

    @field_validator("headers")
    @classmethod
    def _sendable(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _NAME.fullmatch(name) or not is_line(value):
                raise ValueError("a header has a plain name and a value of one line")
        return headers


@dataclass(frozen=True, slots=True)
class Reach:
    """A place with what goes along, secrets resolved."""

    url: str = field(repr=False)
    """Without user, password and fragment; it may end in a query that holds secrets."""
    where: str
    """The place for a person: host:port."""
    shown: SafeText
    """The address for a person, without its query."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Every secret that goes along, so that it can be taken out of what comes back."""

    def covered(self, text: bytes) -> bytes:
        """A text without any of our secrets, which an answer may repeat."""
        for secret in self.secrets:
            text = text.replace(secret.encode(), b"***")
        return text


def is_line(text: str) -> bool:
    """True for one line of plain characters, as a header takes it."""
    return text.isascii() and text.isprintable()


def reach(settings: ReachSettings, secrets: SecretSource, query: Mapping[str, str] | None = None) -> Reach:
    """Where the settings lead. Raises `ProbeError` when a secret can't be had or the address behind one is unusable."""
    known: list[str] = []

    def value(text: str) -> str:
        if not text.startswith(_REFERENCE):
            return text
        known.append(_secret(text, secrets))
        return known[-1]

    url = value(settings.url)
    try:
        end = parse_url(url, SCHEMES)
    except BadUrl as error:
        raise ProbeError(Cause.AUTH, f"the address {error}", "correct the url of this target") from None
    scheme, _, rest = url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    tail = rest[len(authority) :].partition("#")[0]
    known[:] = secret_parameters(url)  # an address as a whole is no secret
    headers = tuple((name, value(text)) for name, text in settings.headers.items())
    if settings.token:
        headers += (("Authorization", f"Bearer {value(settings.token)}"),)
    password = value(settings.password) if settings.password else end.password
    if password:
        known.append(password)
    if end.user is not None:
        headers += (("Authorization", _basic(end.user, password or "")),)
    path, mark, given = tail.partition("?")
    asked = urlencode({name: value(text) for name, text in (query or {}).items()})
    whole = "&".join(filter(None, (given, asked)))
    return Reach(
        url=f"{scheme}://{authority.rpartition('@')[2]}{path}{'?' if mark or whole else ''}{whole}",
        where=end.where,
        shown=SafeText(f"{scheme}://{end.where}{path}{'?…' if mark or whole else ''}", 200),
        headers=headers,
        secrets=tuple(sorted({one for one in known if len(one) >= _SHORTEST}, key=len, reverse=True)),
    )


def _secret(reference: str, secrets: SecretSource) -> str:
    try:
        found = secrets.resolve(reference)
    except LookupError as error:
        words = str(error.args[0]) if error.args else "a secret can't be had"
        raise ProbeError(Cause.AUTH, words, "the profile refers to a secret that this machine can't give") from None
    if not is_line(found):
        raise ProbeError(Cause.AUTH, "a secret for this endpoint is not one line of plain characters")
    return found


def _basic(user: str, password: str) -> str:
    from base64 import b64encode

    return "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")
