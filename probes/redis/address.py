"""Where a Redis answers and how to log in, from settings; shared by the kinds `redis` and `queues`.

Addresses and passwords may be references. No error ever repeats what was given.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import Field, field_validator

from probes.base import BadUrl, Cause, Endpoint, Found, ProbeError, Referring, Secret, SecretSource, Settings, parse_url

SCHEMES: Final = frozenset({"redis", "rediss", "valkey", "valkeys", "unix"})
PORT: Final = 6379

_REFERENCE: Final = ("env:", "file:", "command:")
_SOCKETS: Final = (
    "/run/redis/redis-server.sock",
    "/run/redis/redis.sock",
    "/var/run/redis/redis.sock",
    "/run/valkey/valkey.sock",
)
_VARIABLES: Final = ("REDIS_URL", "VALKEY_URL", "REDIS_URI")


class RedisSettings(Settings):
    """Where the server is and who we are to it."""

    url: Referring = Field(
        default="redis://127.0.0.1:6379/0",
        description="Address: redis://, rediss:// (TLS) or unix:///path, or a reference such as env:REDIS_URL.",
    )
    username: str | None = Field(default=None, description="User for AUTH, where the server has ACL users.")
    password: Secret | None = Field(default=None, description="Password by reference; else the one in the address.")
    db: int | None = Field(default=None, ge=0, le=100000, description="Database number; else the one in the address.")
    ca_file: str | None = Field(default=None, description="File with the certificate authority, for rediss://.")
    verify: bool = Field(default=True, description="Check the server's certificate, for rediss://.")

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        if not url.startswith(_REFERENCE):
            _parsed(url)
        return url


@dataclass(frozen=True, slots=True)
class Address:
    """A server and a database in it, ready to connect to."""

    where: str
    """For a person: host:port or the socket's path."""
    host: str
    port: int
    path: str = ""
    """The socket's path when it is local."""
    db: int = 0
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    verify: bool = True


def _parsed(url: str) -> Endpoint:
    """Raises `BadUrl`."""
    endpoint = parse_url(url, SCHEMES, PORT)
    if endpoint.scheme == "unix":
        if endpoint.host or not endpoint.path:
            raise BadUrl("names no socket; write unix:///path")
        return endpoint
    if not endpoint.host:
        raise BadUrl("names no host")
    if endpoint.path.strip("/") and not endpoint.path.strip("/").isdecimal():
        raise BadUrl("ends in something that is no database number")
    return endpoint


def _database(endpoint: Endpoint) -> int:
    text = endpoint.query.get("db", "0") if endpoint.scheme == "unix" else endpoint.path.strip("/") or "0"
    return int(text) if text.isdecimal() else 0


def _fetch(secrets: SecretSource, reference: str) -> str:
    try:
        return secrets.resolve(reference)
    except LookupError as error:
        words = str(error.args[0]) if error.args else "a secret can't be had"
        raise ProbeError(Cause.AUTH, words, "the profile refers to a secret that this machine can't give") from None


def resolve(settings: RedisSettings, secrets: SecretSource) -> Address:
    """Settings as an address, references looked up. Raises `ProbeError`."""
    url = _fetch(secrets, settings.url) if settings.url.startswith(_REFERENCE) else settings.url
    try:
        endpoint = _parsed(url)
    except BadUrl as error:
        raise ProbeError(Cause.AUTH, f"the address {error}", "correct the url of this target") from None
    return Address(
        where=endpoint.where,
        host=endpoint.host,
        port=endpoint.port or PORT,
        path=endpoint.path if endpoint.scheme == "unix" else "",
        db=_database(endpoint) if settings.db is None else settings.db,
        tls=endpoint.scheme in ("rediss", "valkeys"),
        username=settings.username or endpoint.user,
        password=_fetch(secrets, settings.password) if settings.password else endpoint.password,
        ca_file=settings.ca_file,
        verify=settings.verify,
    )


def found(environ: Mapping[str, str], name: str) -> Iterable[Found]:
    """The server this machine speaks of: a variable, a local socket, or a listener on the usual port."""
    for variable in _VARIABLES:
        if environ.get(variable, "").split("://")[0] in SCHEMES:
            return [Found(name, {"url": f"env:{variable}"}, f"{variable} is set")]
    for path in _SOCKETS:
        if os.path.exists(path):
            return [Found(name, {"url": f"unix://{path}"}, f"there is a socket at {path}")]
    if _listens(PORT):
        return [Found(name, {"url": f"redis://127.0.0.1:{PORT}/0"}, f"something listens on port {PORT}")]
    return []


def _listens(port: int) -> bool:
    """True when a local program listens on the port, as far as Linux tells without asking it."""
    try:
        with open("/proc/net/tcp", encoding="ascii", errors="replace") as table:
            rows = [line.split() for line in table.read(1 << 20).splitlines()[1:]]
    except OSError:
        return False
    return any(len(row) > 3 and row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)
