"""Something to look at: sessions in PostgreSQL, queues and a cache in Redis, and a health page.

`python -m bench.load --postgres PORT --connections N --redis PORT --http PORT` says `ready` and stays until its
standard input ends, so it can never outlive the one who started it. Of N sessions 5 % run a statement, 5 % sit idle in
a transaction, 1 % wait for a row lock, the rest is idle.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import dataclass

import psycopg
import redis.asyncio
from psycopg import AsyncConnection

DATABASE = "bench"
AT_ONCE = 8
"""Connections opened at the same time."""
NAMES = 40
"""Different application names."""
QUEUES = ("emails", "insights")
JOBS = 200
CACHED = 2000

PREPARE = """
CREATE TABLE IF NOT EXISTS orders (id int PRIMARY KEY, state text);
INSERT INTO orders SELECT n, 'new' FROM generate_series(1, 1000) AS n ON CONFLICT DO NOTHING;
"""
WORK = "SELECT pg_sleep(5), 'a longer statement, as an application writes them: orders joined with customers'"


@dataclass(frozen=True, slots=True)
class Shares:
    """How many sessions do what."""

    active: int
    in_transaction: int
    waiting: int

    @classmethod
    def of(cls, connections: int) -> Shares:
        """5 %, 5 % and 1 %, at least one each."""
        return cls(max(1, connections // 20), max(1, connections // 20), max(1, connections // 100))


def address(port: int, database: str = DATABASE) -> str:
    """The connection string of the private server."""
    return f"host=127.0.0.1 port={port} user=postgres dbname={database}"


async def _create(port: int) -> AsyncConnection:
    """The database; and the session that will hold a row lock."""
    async with await AsyncConnection.connect(address(port, "postgres"), autocommit=True) as first:
        known = await first.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if await known.fetchone() is None:
            await first.execute(f"CREATE DATABASE {DATABASE}")
    holder = await AsyncConnection.connect(address(port), autocommit=True, application_name="holder")
    await holder.execute(PREPARE)
    await holder.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    await holder.execute("BEGIN")
    await holder.execute("UPDATE orders SET state = 'held' WHERE id = 1")
    return holder


async def _connect(port: int, count: int) -> list[AsyncConnection]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> AsyncConnection:
        async with gate:
            name = f"worker-{number % NAMES}"
            session = await AsyncConnection.connect(address(port), autocommit=True, application_name=name)
            await session.execute("SELECT count(*) FROM orders WHERE id > %s", [number])
            return session

    return await asyncio.gather(*(one(number) for number in range(count)))


async def _forever(session: AsyncConnection) -> None:
    while True:
        await session.execute(WORK)


async def _in_transaction(session: AsyncConnection) -> None:
    await session.execute("BEGIN")
    await session.execute("SELECT state FROM orders WHERE id = 2")


async def _wait(session: AsyncConnection) -> None:
    await session.execute("UPDATE orders SET state = 'waited' WHERE id = 1")


async def sessions(port: int, count: int, group: asyncio.TaskGroup) -> list[AsyncConnection]:
    """All the sessions; give them back, so that they are kept."""
    holder = await _create(port)
    opened = await _connect(port, count - 1)
    share, rest = Shares.of(count), iter(opened)
    for _ in range(share.active):
        group.create_task(_forever(next(rest)))
    for _ in range(share.waiting):
        group.create_task(_wait(next(rest)))
    for _ in range(share.in_transaction):
        await _in_transaction(next(rest))
    return [holder, *opened]


async def fill(client: redis.asyncio.Redis) -> None:
    """A cache and two queues with jobs, as BullMQ lays them out."""
    async with client.pipeline(transaction=False) as pipe:
        for number in range(CACHED):
            pipe.set(f"cache:page:{number}", "x" * 200, ex=3600)
        await pipe.execute()
    from bullmq import Queue

    where = client.connection_pool.connection_kwargs
    for name in QUEUES:
        queue = Queue(name, {"connection": {"host": where["host"], "port": where["port"]}})
        for number in range(JOBS):
            await queue.add("send", {"to": number}, {})
        await queue.close()


async def read_cache(client: redis.asyncio.Redis) -> None:
    """A little traffic, nine hits of ten."""
    number = 0
    while True:
        number += 1
        await client.get(f"cache:page:{number % CACHED}" if number % 10 else "cache:missing")
        await asyncio.sleep(0.05)


async def health(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Every question gets the same healthy answer."""
    await reader.readuntil(b"\r\n\r\n")
    body = b'{"status": "healthy"}'
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
    await writer.drain()
    writer.close()


async def _until_input_ends() -> None:
    await asyncio.to_thread(sys.stdin.read)


async def main(ports: argparse.Namespace) -> None:
    """Set everything up, say so, and stay."""
    page = await asyncio.start_server(health, "127.0.0.1", ports.http) if ports.http else None
    client = redis.asyncio.Redis(host="127.0.0.1", port=ports.redis) if ports.redis else None
    async with asyncio.TaskGroup() as group:
        work = group.create_task(_run(ports, client))
        await _until_input_ends()
        work.cancel()
    if page is not None:
        page.close()


async def _run(ports: argparse.Namespace, client: redis.asyncio.Redis | None) -> None:
    async with asyncio.TaskGroup() as group:
        kept = await sessions(ports.postgres, ports.connections, group)
        if client is not None:
            await fill(client)
            group.create_task(read_cache(client))
        print("ready", len(kept), flush=True)
        await asyncio.Event().wait()


def arguments() -> argparse.ArgumentParser:
    """The ports; 0 leaves that part out."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--postgres", type=int, required=True)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--redis", type=int, default=0)
    parser.add_argument("--http", type=int, default=0)
    return parser


def first(error: BaseException) -> BaseException:
    """The first real error in a group of groups."""
    return first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


if __name__ == "__main__":
    try:
        asyncio.run(main(arguments().parse_args()))
    except* (psycopg.Error, OSError) as errors:
        sys.exit(f"bench.load: {first(errors)}")
