"""A login of the profile as connection parameters, and as the environment of PostgreSQL's programs.

What they need goes through their environment, never through an argument list
(https://www.postgresql.org/docs/current/libpq-envars.html).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from probes.backups.settings import REFERENCE, SCHEMES, Login
from probes.base import BadUrl, Cause, ProbeError, SecretSource, parse_url

_DRIVER: Final = re.compile(r"^(postgres(?:ql)?)\+\w+://")
_VARIABLES: Final = {
    "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE", "password": "PGPASSWORD",
    "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
    "passfile": "PGPASSFILE", "options": "PGOPTIONS", "channel_binding": "PGCHANNELBINDING",
}  # fmt: skip
"""What of an address libpq knows; the rest (Prisma's connection_limit, schema ...) is dropped."""
_OURS: Final = frozenset({"host", "port", "user", "dbname", "password"})
_HERE: Final = frozenset({"", "localhost", "127.0.0.1", "::1"})


def resolved(login: Login, secrets: SecretSource) -> dict[str, str]:
    """Connection parameters for libpq. May run a program for a secret: for a lane. Raises `ProbeError`."""
    try:
        url = secrets.resolve(login.url) if login.url.startswith(REFERENCE) else login.url
        password = secrets.resolve(login.password) if login.password else ""
    except LookupError as error:
        words = str(error.args[0]) if error.args else "a secret can't be had"
        raise ProbeError(Cause.AUTH, words, "the profile refers to a secret that this machine can't give") from None
    try:
        end = parse_url(_DRIVER.sub(r"\1://", url.strip()), SCHEMES)
    except BadUrl as error:
        raise ProbeError(Cause.AUTH, f"the address {error}", "correct the url of this target") from None
    params = {name: value for name, value in end.query.items() if name in _VARIABLES and name not in _OURS and value}
    given = {
        "host": end.host or end.query.get("host", ""),
        "port": str(end.port) if end.port is not None else end.query.get("port", ""),
        "dbname": end.path.lstrip("/") if end.host else end.path.strip("/") or end.query.get("dbname", ""),
        "user": end.user or end.query.get("user", ""),
        "password": password or end.password or end.query.get("password", ""),
    }
    return params | {name: value for name, value in given.items() if value}


def where(params: Mapping[str, str]) -> str:
    """The place for a person; no secret."""
    host = params.get("host", "")
    if not host or host.startswith("/"):
        return host or "the local socket"
    return f"[{host}]:{params.get('port', '5432')}" if ":" in host else f"{host}:{params.get('port', '5432')}"


def is_here(params: Mapping[str, str]) -> bool:
    """True when the server is on this machine, as far as its address tells."""
    host = params.get("host", "")
    return host in _HERE or host.startswith("/")


def environment(params: Mapping[str, str], database: str = "") -> dict[str, str]:
    """What PostgreSQL's programs are given to log in, in a database of that server."""
    made = {_VARIABLES[name]: value for name, value in params.items() if name in _VARIABLES}
    if database:
        made["PGDATABASE"] = database
    return made | {"PGCONNECT_TIMEOUT": "10", "PGCLIENTENCODING": "UTF8"}
