"""Makes what a world's PostgreSQL needs to be lived in: roles, a database, its tables; each when it is not there."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from systems.programs import say


async def patiently(attempt: Callable[[], Awaitable[Any]], seconds: float = 60) -> Any:
    """Try until it works: the neighbours may still be coming up."""
    until = time.monotonic() + seconds
    while True:
        try:
            return await attempt()
        except (OSError, psycopg.Error):
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.05)


async def furnish(folder: Path, port: int, name: str, schema: str, owner: str = "") -> None:
    """A database, its tables, and two roles: the one that owns it, and `opsroom`, which watches and ends sessions.

    The owner bears the database's name unless another is given. The schema is run once, as the owner.
    """
    owner = owner or name

    async def connect(database: str) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(
            autocommit=True,
            host="127.0.0.1",
            port=str(port),
            user="postgres",
            dbname=database,
            password=os.environ["OPSROOM_DEMO_APP_PASSWORD"],
            application_name=f"{owner}-setup",
            connect_timeout="3",
        )

    async with await patiently(lambda: connect("postgres")) as first:
        for role, variable in ((owner, "OPSROOM_DEMO_APP_PASSWORD"), ("opsroom", "OPSROOM_DEMO_PG_PASSWORD")):
            names = {"role": sql.Identifier(role), "password": sql.Literal(os.environ[variable])}
            if not await _there(first, "SELECT 1 FROM pg_roles WHERE rolname = %s", role):
                await first.execute(sql.SQL("CREATE ROLE {role} LOGIN PASSWORD {password}").format(**names))
        await first.execute("GRANT pg_monitor, pg_signal_backend TO opsroom")
        if not await _there(first, "SELECT 1 FROM pg_database WHERE datname = %s", name):
            names = {"name": sql.Identifier(name), "owner": sql.Identifier(owner)}
            await first.execute(sql.SQL("CREATE DATABASE {name} OWNER {owner}").format(**names))
    async with await connect(name) as second:
        await second.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        if not await _there(second, "SELECT 1 FROM pg_tables WHERE tableowner = %s", owner):
            async with second.transaction():
                await second.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(owner)))
                await second.execute(schema.encode())
            await second.execute("ANALYZE")
    say(folder, f"postgres: the tables of {name} are filled")


async def _there(connection: psycopg.AsyncConnection[Any], text: str, name: str) -> bool:
    return await (await connection.execute(text.encode(), [name])).fetchone() is not None
