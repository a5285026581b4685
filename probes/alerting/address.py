"""Where an Alertmanager or a Grafana answers, with what it is given to let us in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import Field, field_validator

from probes.base import (
    BadUrl,
    Cause,
    Endpoint,
    ProbeError,
    Referring,
    Secret,
    SecretSource,
    Settings,
    Shape,
    parse_url,
)

SCHEMES: Final = frozenset({"http", "https"})
_PORTS: Final = {"http": 80, "https": 443}
_MATCHER: Final = re.compile(r"\s*[a-zA-Z_][a-zA-Z0-9_]*\s*(?:=~|!~|!=|=)\s*[^\s=~].*")
_HEADERS: Final = {"Accept": "application/json", "User-Agent": "opsroom", "Accept-Encoding": "identity"}
_REFERENCE: Final = ("env:", "file:", "command:")


class ReachSettings(Settings):
    """What both kinds share: the address, the login, and which alerts are meant."""

    every: float = Field(default=10.0, ge=0.5, le=3600, description="Seconds between two readings.")
    url: Referring = Field(default="", description="http:// or https:// address, with its path prefix if it has one.")
    token: Secret | None = Field(default=None, description="Bearer token, by reference.")
    user: str | None = Field(default=None, max_length=200, description="User of a basic login.")
    password: Secret | None = Field(default=None, description="Its password, by reference.")
    ca: str | None = Field(default=None, description="PEM file of the authority that signed the server's certificate.")
    matchers: tuple[str, ...] = Field(
        default=(), max_length=20, description='Only alerts with these labels, such as team="payments".'
    )
    severity: Annotated[str, Shape(r"^[a-zA-Z_][a-zA-Z0-9_]*$", 'the name of a label, such as "severity"')] = Field(
        default="severity", description="Label that says how bad an alert is."
    )
    external_labels: tuple[str, ...] = Field(
        default=(),
        max_length=20,
        description="Labels that a Prometheus adds when it sends an alert: by the others it is known to be the same.",
    )

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        if not url.startswith(_REFERENCE):
            _parsed(url)
        return url

    @field_validator("matchers")
    @classmethod
    def _matching(cls, matchers: tuple[str, ...]) -> tuple[str, ...]:
        for one in matchers:
            if not _MATCHER.fullmatch(one):
                raise ValueError('holds something that is no matcher; write name="value", name!="x" or name=~"a.*"')
        return matchers


@dataclass(frozen=True, slots=True)
class Address:
    """A server, ready to be asked; holds secrets and is never shown."""

    scheme: str
    host: str
    port: int
    path: str
    """Prefix of every path, without a slash at its end: "/alerts" or empty."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca: str | None = None

    @property
    def where(self) -> str:
        """The place for a person: host:port and the prefix."""
        return f"{self.netloc}{self.path}"

    @property
    def netloc(self) -> str:
        """host:port as a URL has it, without the usual port of its scheme."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address, without any secret."""
        return f"{self.scheme}://{self.netloc}{self.path}"


def known(settings: ReachSettings) -> Address | None:
    """The address as far as the profile itself says it, without any secret; None when it is a reference."""
    return None if settings.url.startswith(_REFERENCE) else _address(_parsed(settings.url), {}, settings.ca)


def resolve(settings: ReachSettings, secrets: SecretSource) -> Address:
    """The address with its login, references looked up. May block. Raises `ProbeError`."""
    endpoint = _endpoint(settings.url, secrets)
    headers = dict(_HEADERS)
    user = settings.user or endpoint.user
    if settings.token:
        headers["Authorization"] = f"Bearer {_header(_fetch(secrets, settings.token))}"
    elif user:
        password = _fetch(secrets, settings.password) if settings.password else endpoint.password or ""
        headers["Authorization"] = _basic(user, password)
    return _address(endpoint, headers, settings.ca)


def address_of(
    url: str, token: str | None, ca: str | None, scheme: str, headers: Mapping[str, str], secrets: SecretSource
) -> Address:
    """A service's address; `scheme` stands before the token. May block. Raises `ProbeError`."""
    told = {**_HEADERS, **headers}
    if token:
        told["Authorization"] = scheme + _header(_fetch(secrets, token))
    return _address(_endpoint(url, secrets), told, ca)


def _endpoint(url: str, secrets: SecretSource) -> Endpoint:
    try:
        return _parsed(_fetch(secrets, url) if url.startswith(_REFERENCE) else url)
    except BadUrl as error:
        raise ProbeError(Cause.AUTH, f"the address {error}", "correct the url of this target") from None


def same_place(one: Address, url: str) -> bool:
    """Whether a URL is that of the same server and prefix; localhost and 127.0.0.1 are one."""
    try:
        other = _address(_parsed(url), {}, None)
    except BadUrl:
        return False
    return (one.scheme, _host(one.host), one.port, one.path) == (
        other.scheme, _host(other.host), other.port, other.path,
    )  # fmt: skip


def _host(host: str) -> str:
    return "127.0.0.1" if host in ("localhost", "::1") else host


def _address(endpoint: Endpoint, headers: Mapping[str, str], ca: str | None) -> Address:
    port = endpoint.port or _PORTS[endpoint.scheme]
    path = endpoint.path.strip("/")
    return Address(endpoint.scheme, endpoint.host, port, f"/{path}" if path else "", headers, ca)


def _parsed(url: str) -> Endpoint:
    """Raises `BadUrl`."""
    endpoint = parse_url(url, SCHEMES)
    if endpoint.query:
        raise BadUrl("holds parameters; give the address alone")
    if any(ord(sign) < 33 or ord(sign) > 126 for sign in endpoint.path):
        raise BadUrl("holds signs that no path prefix has")
    return endpoint


def _fetch(secrets: SecretSource, reference: str) -> str:
    try:
        return secrets.resolve(reference).strip()
    except LookupError as error:
        words = str(error.args[0]) if error.args else "a secret can't be had"
        raise ProbeError(Cause.AUTH, words, "the profile refers to a secret that this machine can't give") from None


def _header(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ProbeError(Cause.AUTH, "the token holds signs that no token has", "look at what the reference gives")
    return value


def _basic(user: str, password: str) -> str:
    from base64 import b64encode

    return "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")


def base_of(url: str) -> str:
    """What a command line is given before a path; empty for a reference, and for what is no address."""
    if url.startswith(_REFERENCE):
        return ""
    try:
        return _address(_parsed(url), {}, None).url
    except BadUrl:
        return ""
