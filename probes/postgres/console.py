"""psql on the same server as the readings: once for reading, once for everything.

The password goes through a private password file, never into an argument
(https://www.postgresql.org/docs/current/libpq-pgpass.html). What an address says beyond libpq's own parameters, as
other libraries put it there, is left out: psql would refuse it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import partial
from typing import Final

from probes.base import Console, Context, Danger, ProbeError, SafeText
from probes.postgres.address import Address, PostgresSettings, for_acts, resolve

_SECRETS: Final = ("password", "sslpassword")
"""Parameters that never stand in an argument; for the second one libpq knows no file and no variable."""
_READING: Final = "-c default_transaction_read_only=on"


def consoles(settings: PostgresSettings, context: Context) -> tuple[Console, ...]:
    """Both, as the login for reading and as the one for acts."""
    pooled = "start-up options don't go through the pooler" if settings.pooled else ""
    return (
        _console("psql-reading", settings, context, reading=True, refused=pooled),
        _console("psql", for_acts(settings), context, reading=False),
    )


def _console(name: str, settings: PostgresSettings, context: Context, reading: bool, refused: str = "") -> Console:
    title = "psql, transactions read only" if reading else "psql, read and write"
    danger = Danger.DISRUPTIVE if reading else Danger.DESTRUCTIVE
    try:
        address = resolve(settings, context.secrets, os.environ)
    except ProbeError as error:
        return Console(name, title, ("psql",), SafeText(), danger=danger, refused=str(error.message))
    params = {key: value for key, value in address.params.items() if key not in _SECRETS}
    if reading:
        params["options"] = f"{params.get('options', '')} {_READING}".strip()
    base, login = params.get("dbname", ""), params.get("user", "")
    place = f"PostgreSQL at {address.where}, database {base or 'as libpq finds it'}, as {login or 'libpq finds it'}"
    note = "read-only is a seat belt: SET can take it off" if reading else "everything this login may change"
    note += "; psql asks for the passphrase of its key" if "sslpassword" in address.params else ""
    return Console(
        name=name,
        title=title,
        argv=("psql", conninfo(params)),
        prompted=lambda words: ("psql", "-v", f"PROMPT1={words} %/%R%x%# ", conninfo(params)),
        place=SafeText(place, 300),
        identity=(("server", address.where), ("database", base), ("login", login)),
        env={"PGAPPNAME": f"opsroom-console/{context.operator}"[:63]},
        files=partial(_password_file, address),
        danger=danger,
        note=note,
        refused=refused,
    )


def conninfo(params: Mapping[str, str]) -> str:
    """Parameters as libpq reads them in one argument.

    >>> conninfo({"host": "db1", "options": "-c a=b"})
    "host=db1 options='-c a=b'"
    """
    return " ".join(f"{name}={_quoted(value)}" for name, value in params.items())


def _quoted(value: str) -> str:
    if re.fullmatch(r"[^\s'\\]+", value):
        return value
    escaped = re.sub(r"(['\\])", r"\\\1", value)
    return f"'{escaped}'"


def _password_file(address: Address) -> dict[str, str]:
    """One line for any server: the console knows but one."""
    password = address.params.get("password")
    if not password:
        return {}
    return {"PGPASSFILE": "*:*:*:*:" + re.sub(r"([:\\])", r"\\\1", password) + "\n"}
