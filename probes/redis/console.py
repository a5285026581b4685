"""redis-cli on the same server as the readings. The password goes through the environment, never into an argument
(https://redis.io/docs/latest/develop/tools/cli/)."""

from __future__ import annotations

import shutil

from probes.base import Console, Context, ProbeError, SafeText
from probes.redis.address import Address, RedisSettings, resolve

_TITLE = "redis-cli, read and write"


def consoles(settings: RedisSettings, context: Context) -> tuple[Console, ...]:
    """The one there is."""
    program = "redis-cli" if shutil.which("redis-cli") or not shutil.which("valkey-cli") else "valkey-cli"
    try:
        address = resolve(settings, context.secrets)
    except ProbeError as error:
        return (Console("redis-cli", _TITLE, (program,), SafeText(), refused=str(error.message)),)
    login = address.username or "default"
    place = SafeText(f"Redis at {address.where}, database {address.db}, as {login}", 300)
    return (
        Console(
            name="redis-cli",
            title=_TITLE,
            argv=(program, *_arguments(address)),
            place=place,
            identity=(("server", address.where), ("database", str(address.db)), ("login", login)),
            secrets=lambda: {"REDISCLI_AUTH": address.password} if address.password else {},
            note="one word empties it all: FLUSHALL asks nobody",
        ),
    )


def _arguments(address: Address) -> list[str]:
    made = ["-s", address.path] if address.path else ["-h", address.host, "-p", str(address.port)]
    made += ["-n", str(address.db)] if address.db else []
    made += ["--user", address.username] if address.username else []
    if address.tls:
        made += ["--tls", *(["--cacert", address.ca_file] if address.ca_file else [])]
        made += [] if address.verify else ["--insecure"]
    return made
