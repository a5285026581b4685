"""Makes databases, fills them from a backup, and drops exactly those again: by oid, never by name alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from probes.backups.facts import TEXTS
from probes.backups.login import environment
from probes.backups.whole import opened
from probes.base import Cause, ProbeError, SafeText
from probes.exec import Ran, run

if TYPE_CHECKING:
    import psycopg

DAY: Final = 86400.0
_CHUNK: Final = 1 << 20
_LOCK: Final = re.compile(rb"(?:(?:--[^\n]*)?\r?\n)*(?P<lock>\\restrict (?P<key>[A-Za-z0-9]{1,200})\r?\n)")
"""How a plain dump begins that is locked: comments, empty lines, the lock."""
WRITING: Final[Mapping[str, str]] = {"statement_timeout": "0", "lock_timeout": "10s", "search_path": "pg_catalog"}
"""Settings of a session that makes or drops a database."""
_LIKE: Final = """
SELECT pg_encoding_to_char(encoding), datcollate, datctype, pg_get_userbyid(datdba)
FROM pg_database WHERE datname = %s
"""


def made(name: str, like: tuple[str, str, str] | None, owner: str = "") -> Callable[[psycopg.Connection[Any]], int]:
    """The order for a new, empty database; gives its oid. Fails when the name is taken."""

    def order(connection: psycopg.Connection[Any]) -> int:
        from psycopg import sql

        words = [sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))]
        if owner:
            words.append(sql.SQL("OWNER {}").format(sql.Identifier(owner)))
        if like is not None:
            words.append(sql.SQL("ENCODING {} LC_COLLATE {} LC_CTYPE {}").format(*map(sql.Literal, like)))
        connection.execute(sql.SQL(" ").join(words))
        row = connection.execute("SELECT oid::bigint FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if row is None:
            raise ProbeError(Cause.GONE, "the database that was just made is not there")
        return int(row[0])

    return order


def like_of(name: str) -> Callable[[psycopg.Connection[Any]], tuple[tuple[str, str, str], str] | None]:
    """The question how a database is set up: (encoding, collation, character types), owner."""

    def look(connection: psycopg.Connection[Any]) -> tuple[tuple[str, str, str], str] | None:
        row = connection.execute(_LIKE, (name,)).fetchone()
        return None if row is None else ((str(row[0]), str(row[1]), str(row[2])), str(row[3]))

    return look


def dropped(name: str, oid: int, ending: bool = True) -> Callable[[psycopg.Connection[Any]], bool]:
    """The order to drop one database if that name still is that very one; True when it is gone.

    With `ending` whoever is in it is thrown out; without, the server refuses while anybody is.
    """

    def order(connection: psycopg.Connection[Any]) -> bool:
        from psycopg import sql

        row = connection.execute("SELECT oid::bigint FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if row is None or int(row[0]) != oid:
            there = connection.execute("SELECT 1 FROM pg_database WHERE oid = %s", (oid,)).fetchone()
            return there is None
        force = sql.SQL(" WITH (FORCE)" if ending and connection.info.server_version >= 130000 else "")
        connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)) + force)
        return True

    return order


async def filled(
    path: Path, form: str, programs: str, params: Mapping[str, str], database: str, faithful: bool, pipe: Path
) -> Complaint | None:
    """Fill a new database from a backup; what went wrong, None when nothing did.

    `faithful` keeps owners, privileges and the like; a scratch database needs none of them.
    """
    env = environment(params, database)
    if form in TEXTS:
        return await _by_psql(path, form, f"{programs}/psql", env, pipe)
    argv = [f"{programs}/pg_restore", "--exit-on-error", "--no-password", "--dbname", database]
    if not faithful:
        argv += ["--no-owner", "--no-privileges", "--no-tablespaces", "--no-publications", "--no-subscriptions"]
    ran = await run([*argv, str(path)], within=DAY, limit=1 << 16, env=env)
    return None if ran.code == 0 else complained(ran, "pg_restore")


async def _by_psql(path: Path, form: str, psql: str, env: Mapping[str, str], pipe: Path) -> Complaint | None:
    """One transaction that ends at the first error: else psql goes on, and its exit code says nothing."""
    argv = [psql, "-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "--single-transaction", "-f", str(pipe)]
    _away(pipe)
    os.mkfifo(pipe, 0o600)
    feeding = asyncio.create_task(asyncio.to_thread(_feed, path, form, pipe))
    try:
        ran = await run(argv, within=DAY, limit=1 << 16, env=env)
    finally:
        with contextlib.suppress(OSError):  # psql may have gone before it opened it: let the other end go too
            os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
        broken = await feeding
        _away(pipe)
    if ran.code != 0:
        return complained(ran, "psql")
    return Complaint(SafeText("it could not be read to its end"), True) if broken else None


def _away(pipe: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(pipe)


def _feed(path: Path, form: str, pipe: Path) -> bool:
    """Write the text into a pipe; True when it could not be read, or not be taken, to its end.

    All of it stands between a \\restrict and its \\unrestrict with a key of ours: psql follows no command of its own in
    there, \\! and the like, wherever in a line one hides (https://www.postgresql.org/docs/current/app-psql.html).
    """
    key = secrets.token_hex(32).encode()
    try:
        with open(pipe, "wb") as into, opened(path, form) as text:
            into.write(b"\\restrict " + key + b"\n")
            for part in unlocked(text):
                into.write(part)
            into.write(b"\n\\unrestrict " + key + b"\n")
    except (OSError, EOFError):
        return True
    return False


def unlocked(text: IO[bytes]) -> Iterator[bytes]:
    """A plain dump in parts, without the lock that pg_dump itself puts around it: two of them psql does not take."""
    rest = text.read(_CHUNK)
    found = _LOCK.match(rest)
    if found is None:
        yield rest
        while part := text.read(_CHUNK):
            yield part
        return
    end = b"\\unrestrict " + found["key"]
    rest = rest[: found.start("lock")] + rest[found.end("lock") :]
    while part := text.read(_CHUNK):
        rest = (rest + part).replace(end, b"")
        yield rest[: -len(end)]
        rest = rest[-len(end) :]
    yield rest.replace(end, b"")


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a program of PostgreSQL has failed."""

    words: SafeText
    of_backup: bool
    """The backup itself seems to be at fault, not the server, the login or the disk."""


_KNOWN: Final = (
    (r"no space left on device|could not extend file", "the disk is full"),
    (r"password authentication failed", "the server does not accept our password"),
    (r"permission denied (?:for|to) ([^\n]{1,80})", "our role has no right to {0}"),
    (r"must be ((?:owner of|able to set role|member of role|superuser)[^\n]{0,80})", "our role must be {0}"),
    (r"role \"([^\"]{1,63})\" does not exist", "there is no role {0} on that server: roles are not in a dump"),
    (r"extension \"([^\"]{1,63})\" is not available", "the extension {0} is not installed on that server"),
    (r"invalid command \\+(?:un)?restrict", "this release does not know \\\\restrict: update postgresql-client"),
    (r"backslash commands are restricted", "the dump holds a command for psql itself, which is not followed"),
    (r"lock timeout", "a lock on a table was in its way"),
    (r"server version mismatch", "it refuses a newer server"),
    (r"unsupported version", "the archive was taken by a newer pg_dump"),
    (r"unrecognized configuration parameter \"([^\"]{1,63})\"", "the server is older than the program: no {0}"),
    (r"server closed the connection|terminating connection|connection to server was lost|no connection to the server",
     "the server was lost on the way"),
    (r"connection refused|could not connect|connection to server .* failed", "the server can't be reached"),
)  # fmt: skip


def complained(ran: Ran, name: str) -> Complaint:
    """What a program of PostgreSQL complained of, in our words where it is known."""
    if ran.code < 0:
        return Complaint(SafeText(f"{name} was killed by signal {-ran.code}"), False)
    text = ran.err.decode("utf-8", "replace")
    for pattern, words in _KNOWN:
        if found := re.search(pattern, text, re.IGNORECASE):
            said = words.format(*(part.strip() or "" for part in found.groups()))
            return Complaint(SafeText(f"{name}: {said}", 300), False)
    return Complaint(SafeText(f"{name}: {ran.complaint or f'exit code {ran.code}'}", 300), True)
