"""Where a server is and how to log in there: settings and what this machine knows become connection parameters.

Parameters that libpq does not know (Prisma's connection_limit, schema, pgbouncer ...) are dropped. No error ever
echoes an address or a password.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shlex
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

from pydantic import ConfigDict, Field, field_validator

from probes.base import BadUrl, Cause, Found, ProbeError, Referring, Secret, SecretSource, Settings, parse_url
from probes.postgres.care.retention import Retention

SCHEMES: Final = frozenset({"postgresql", "postgres"})
_DRIVER: Final = re.compile(r"^(postgres(?:ql)?)\+\w+://")
_REFERENCE: Final = ("env:", "file:", "command:")
_KNOWN: Final = frozenset(
    {
        "sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslcrldir", "sslsni", "sslnegotiation",
        "ssl_min_protocol_version", "ssl_max_protocol_version", "channel_binding", "require_auth", "gssencmode",
        "krbsrvname", "target_session_attrs", "passfile", "options",
    }
)  # fmt: skip
"""What may be set in the address; the rest is either ours or not libpq's.
https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"""
_SSL_MODES: Final = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})
_SOCKET_FOLDERS: Final = ("/var/run/postgresql", "/tmp")

SESSION: Final[Mapping[str, str]] = {
    "statement_timeout": "2s",
    "lock_timeout": "250ms",
    "idle_in_transaction_session_timeout": "5s",
    "default_transaction_read_only": "on",
    "search_path": "pg_catalog",
    "timezone": "UTC",
    "datestyle": "ISO",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
"""Settings of our own session: it gives up early, waits for no lock and writes nothing."""

ACTING: Final[Mapping[str, str]] = {**SESSION, "default_transaction_read_only": "off"}
"""Settings of a session that acts: the same limits, but read-only is no promise it could keep."""


class PostgresSettings(Settings):
    """A PostgreSQL server, seen through one of its databases."""

    model_config = ConfigDict(hide_input_in_errors=True)

    url: Referring = Field(
        "", description="postgresql://user@host:port/database, or env:DATABASE_URL; empty: what libpq finds by itself."
    )
    password: Secret | None = Field(None, description="Reference to the password; absent: ~/.pgpass or none.")
    service: str | None = Field(None, description="Name of a section of pg_service.conf.")
    act_url: Referring = Field("", description="Login for acts, written like url; empty: the same as for reading.")
    act_password: Secret | None = Field(None, description="Reference to the password of the login for acts.")
    pooled: bool = Field(False, description="True behind PgBouncer and the like: no start-up options are sent.")
    show_literals: bool = Field(False, description="Show strings and numbers in query text; they may be secrets.")
    rows: int = Field(200, ge=10, le=500, description="Sessions listed at most.")
    login_every: float = Field(
        15.0, ge=0, le=3600, description="Seconds between two trial logins; 0: only when our connection is lost."
    )
    statements_every: float = Field(
        10.0, ge=0, le=3600, description="Seconds between two readings of pg_stat_statements; 0: never."
    )
    sizes_every: float = Field(60.0, ge=0, le=86400, description="Seconds between two sizings; 0: never.")
    care_every: float = Field(
        300.0, ge=0, le=86400, description="Seconds between two looks at tables and indexes; 0: only while watched."
    )
    care_within: float = Field(
        14400.0, ge=10, le=172800, description="Seconds one act of care may take; then the server ends it."
    )
    retention: dict[str, Retention] = Field(
        default_factory=dict, description="Rows that may be deleted once they are old: table, column, keep."
    )

    @field_validator("retention")
    @classmethod
    def _words_are_plain(cls, value: dict[str, Retention]) -> dict[str, Retention]:
        if strange := next((one for one in value if not re.fullmatch(r"[A-Za-z0-9_-]{1,60}", one)), None):
            raise ValueError(f"{strange[:30]!r} is no plain word")
        return value

    @field_validator("url", "act_url")
    @classmethod
    def _url_is_usable(cls, value: str) -> str:
        if value and not value.startswith(_REFERENCE):
            try:
                _parse(value)
            except BadUrl as error:
                raise ValueError(f"the address {error}") from None
        return value


def for_acts(settings: PostgresSettings) -> PostgresSettings:
    """The settings with the login for acts in the place of the one for reading.

    A login of its own never gets the other one's password.
    """
    if settings.act_url:
        return settings.model_copy(update={"url": settings.act_url, "password": settings.act_password, "service": None})
    return settings.model_copy(update={"password": settings.act_password or settings.password})


@dataclass(frozen=True, slots=True)
class Address:
    """Connection parameters for libpq, and how a person calls the place."""

    where: str
    """host:port or the socket's folder; free of secrets."""
    params: Mapping[str, str] = field(repr=False)
    local: bool
    """True when the connection does not leave this machine."""


def _parse(url: str) -> tuple[dict[str, str], str]:
    """(libpq parameters, where) of an address; raises `BadUrl`."""
    end = parse_url(_DRIVER.sub(r"\1://", url.strip()), SCHEMES)
    params = {key: value for key, value in end.query.items() if key in _KNOWN and value}
    if (mode := end.query.get("ssl", "")) in _SSL_MODES:
        params.setdefault("sslmode", mode)
    host = end.host or end.query.get("host", "")
    port = str(end.port) if end.port is not None else end.query.get("port", "")
    if port and not port.isdigit():
        raise BadUrl("names a port that is no number")
    database = end.path.lstrip("/") or end.query.get("dbname", "")
    login = end.user or end.query.get("user", "")
    password = end.password or end.query.get("password", "")
    given = {"host": host, "port": port, "dbname": database, "user": login, "password": password}
    params |= {key: value for key, value in given.items() if value}
    return params, _where(host, port)


_PLACE: Final = ("host", "port", "dbname", "user")


def place_in(text: str) -> dict[str, str] | None:
    """Host, port, dbname and user, as far as an address or a libpq string says them; None when it can't be read.

    >>> place_in("postgres://app@db:5433/shop?sslmode=require"), place_in("host=db user='a b'"), place_in("service=x")
    ({'host': 'db', 'port': '5433', 'dbname': 'shop', 'user': 'app'}, {'host': 'db', 'user': 'a b'}, None)
    """
    try:
        params = _parse(text)[0] if "://" in text else dict(_pair(word) for word in shlex.split(text))
    except ValueError:  # BadUrl is one
        return None
    if params.keys() & {"service", "hostaddr", "options"} or "," in params.get("host", ""):
        return None
    return {name: params[name] for name in _PLACE if params.get(name)}


def _pair(word: str) -> tuple[str, str]:
    name, mark, value = word.partition("=")
    if not mark:
        raise ValueError("no value")
    return name, value


def _where(host: str, port: str) -> str:
    if not host or host.startswith("/"):
        return f"{host or 'the local socket'}" + (f" (port {port})" if port else "")
    return f"[{host}]:{port or 5432}" if ":" in host else f"{host}:{port or 5432}"


def _fetch(secrets: SecretSource, reference: str) -> str:
    try:
        return secrets.resolve(reference)
    except LookupError as error:
        words = str(error.args[0]) if error.args else "a secret can't be had"
        raise ProbeError(Cause.AUTH, words, "the profile refers to a secret that this machine can't give") from None


def resolve(settings: PostgresSettings, secrets: SecretSource, environ: Mapping[str, str]) -> Address:
    """Settings as connection parameters. May run a program for a secret, so not on the event loop."""
    url = settings.url
    if url.startswith(_REFERENCE):
        url = _fetch(secrets, url)
    try:
        params, where = _parse(url) if url else ({}, "")
    except BadUrl as error:
        raise ProbeError(Cause.AUTH, f"the address {error}", "correct the url of this target") from None
    if settings.password:
        params["password"] = _fetch(secrets, settings.password)
    if settings.service:
        params["service"] = settings.service
    if not url and not settings.service:
        params |= {name: environ[key] for name, key in (("host", "PGHOST"), ("port", "PGPORT")) if environ.get(key)}
    if not where:
        place = _where(params.get("host", ""), params.get("port", ""))
        where = f"service {settings.service}" if settings.service else place
    return Address(where, params, not settings.service and _is_local(params.get("host", "")))


def _is_local(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def looked_up(params: Mapping[str, str]) -> dict[str, str]:
    """The parameters with the host's addresses (three at most) filled in, so that the driver looks up no name.

    Blocking; raises `OSError` when there is no such name.
    """
    host = params.get("host", "")
    if not host or host.startswith(("/", "@")) or "," in host:
        return dict(params)
    port = params.get("port", "5432")
    found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))[:3]
    hosts, ports = ",".join([host] * len(addresses)), ",".join([port] * len(addresses))
    return {**params, "host": hosts, "hostaddr": ",".join(addresses), "port": ports}


def connection_params(
    address: Mapping[str, str], operator: str, pooled: bool, session: Mapping[str, str] = SESSION
) -> dict[str, str | int]:
    """What the driver is given: the address, our limits, and who we are."""
    params: dict[str, str | int] = {
        "gssencmode": "disable",
        **address,
        "application_name": f"opsroom/{operator}"[:63],
        "client_encoding": "UTF8",
        "connect_timeout": 3,
        "tcp_user_timeout": 5000,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    }
    if pooled:
        params.pop("options", None)
    else:
        ours = " ".join(f"-c {name}={value}" for name, value in session.items())
        params["options"] = f"{address.get('options', '')} {ours}".strip()
    return params


def discover(environ: Mapping[str, str]) -> Iterable[Found]:
    """Servers that the environment, pg_service.conf or a local socket speak of."""
    found = [
        Found(_name(variable), {"url": f"env:{variable}"}, f"{variable} is set")
        for variable in ("DATABASE_URL", "POSTGRES_URL", "POSTGRESQL_URL")
        if environ.get(variable, "").startswith(("postgres://", "postgresql://", "postgresql+"))
    ][:1]
    if not found:
        found = [*_from_environment(environ), *_from_services(environ)]
    return found or _from_sockets(_SOCKET_FOLDERS)


def _name(variable: str) -> str:
    return "main" if variable == "DATABASE_URL" else variable.removesuffix("_URL").lower()


def _from_environment(environ: Mapping[str, str]) -> list[Found]:
    if environ.get("PGSERVICE"):
        return [Found("main", {"service": environ["PGSERVICE"]}, "PGSERVICE is set")]
    host = environ.get("PGHOST")
    if not host:
        return []
    user = f"{quote(environ['PGUSER'], safe='')}@" if environ.get("PGUSER") else ""
    database = quote(environ.get("PGDATABASE", ""), safe="")
    port = environ.get("PGPORT", "")
    if host.startswith("/"):
        extra = f"&port={port}" if port else ""
        url = f"postgresql:///{database or 'postgres'}?host={quote(host)}{extra}"
    else:
        url = f"postgresql://{user}{host}{f':{port}' if port else ''}/{database}"
    settings = {"url": url}
    if environ.get("PGPASSWORD"):
        settings["password"] = "env:PGPASSWORD"
    return [Found("main", settings, "PGHOST is set")]


def _from_services(environ: Mapping[str, str]) -> list[Found]:
    home = environ.get("HOME")
    default = Path(home) / ".pg_service.conf" if home else None
    path = Path(environ["PGSERVICEFILE"]) if environ.get("PGSERVICEFILE") else default
    if path is None:
        return []
    try:
        text = path.read_text("utf-8", "replace")[:65536]
    except OSError:
        return []
    names = re.findall(r"^\s*\[([^\]\s]+)\]", text, re.MULTILINE)[:5]
    return [Found(name, {"service": name}, f"section of {path.name}") for name in names]


def _from_sockets(folders: Iterable[str]) -> list[Found]:
    found = []
    for folder in folders:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        for name in names[:2000]:
            if made := re.fullmatch(r"\.s\.PGSQL\.(\d+)", name):
                url = f"postgresql:///postgres?host={folder}&port={made[1]}"
                label = "postgres" if made[1] == "5432" else f"postgres-{made[1]}"
                found.append(Found(label, {"url": url}, f"a server's socket is in {folder}"))
    return found[:5]
