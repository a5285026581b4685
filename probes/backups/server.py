"""A look at a PostgreSQL server: which databases it has, who is in them, and what the row checks answer.

One short connection for each look, in a lane; `cut` ends one that hangs. Everything runs read-only.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from probes.backups.login import where
from probes.backups.settings import Check
from probes.base import Cause, Lane, ProbeError, SafeText, finite, from_os_error, load

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

LOOKING: Final[Mapping[str, str]] = {
    "statement_timeout": "4s",
    "lock_timeout": "500ms",
    "idle_in_transaction_session_timeout": "60s",
    "default_transaction_read_only": "on",
    "search_path": "pg_catalog",
    "timezone": "UTC",
    "datestyle": "ISO",
}
"""Settings of a session that looks."""
CHECKING: Final[Mapping[str, str]] = {
    "statement_timeout": "10min",
    "lock_timeout": "5s",
    "default_transaction_read_only": "on",
}
"""Settings of a session that runs the profile's row checks: with the database's own search path."""
_MOST: Final = 500
"""Databases and sessions that are told."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody in a database."""

    pid: int
    began: str
    who: SafeText
    """Role, application and address, in one line."""
    superuser: bool = False
    """Only a superuser can end it."""


@dataclass(frozen=True, slots=True)
class Database:
    """One database of a server."""

    name: str
    oid: int
    size: float | None
    """Bytes; None: we may not ask."""
    owner: str
    settings: int
    """ALTER DATABASE ... SET of its own."""
    granted: bool
    """It has privileges of its own."""
    sessions: int
    template: bool
    mine: bool
    """We own it, or a role we are in does."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A server as one login sees it."""

    where: str
    version: int
    """Major."""
    text: SafeText
    system: str
    """Its system identifier; empty where it may not be asked."""
    database: str
    """The one we are in."""
    standby: bool
    makes: bool
    """We may make databases."""
    superuser: bool
    signals: bool
    """We may end sessions of others."""
    home: str
    """Its data directory; empty where it may not be asked."""
    role: SafeText
    """Who we are there."""
    power: str
    """What our role could do beyond its databases, by what a backup holds; empty: nothing."""
    databases: Mapping[str, Database]
    now: datetime

    @property
    def pin(self) -> tuple[tuple[str, str], ...]:
        """What tells this server from others."""
        return (("server", self.system or self.where),)


_SIGHT: Final = """
SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_database(),
       pg_is_in_recovery(), r.rolcreatedb, r.rolsuper,
       r.rolsuper OR pg_has_role('pg_signal_backend', 'USAGE'),
       has_function_privilege('pg_control_system()', 'EXECUTE'), now()
FROM pg_roles r WHERE r.rolname = current_user
"""
_POWER: Final = """
SELECT current_user,
       CASE WHEN r.rolsuper THEN 'is a superuser'
            WHEN r.rolcreaterole AND current_setting('server_version_num')::int < 160000 THEN 'may make roles'
            ELSE 'is a member of ' || (SELECT min(g.rolname) FROM pg_roles g WHERE pg_has_role(g.oid, 'MEMBER') AND
                 (g.rolsuper OR g.rolname IN
                  ('pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files'))) END
FROM pg_roles r WHERE r.rolname = current_user
"""
_DATABASES: Final = f"""
SELECT d.datname, d.oid::bigint,
       CASE WHEN has_database_privilege(d.oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE')
            THEN pg_database_size(d.oid) END,
       pg_get_userbyid(d.datdba),
       (SELECT coalesce(sum(cardinality(s.setconfig)), 0) FROM pg_db_role_setting s WHERE s.setdatabase = d.oid)::int,
       d.datacl IS NOT NULL,
       (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid AND a.pid <> pg_backend_pid())::int,
       d.datistemplate, pg_has_role(d.datdba, 'USAGE')
FROM pg_database d ORDER BY d.oid LIMIT {_MOST}
"""
_SESSIONS: Final = f"""
SELECT pid, backend_start::text, coalesce(usename, '-'), coalesce(application_name, ''),
       coalesce(host(client_addr), 'local'), coalesce(state, backend_type, ''),
       coalesce((SELECT r.rolsuper FROM pg_roles r WHERE r.oid = usesysid), false)
FROM pg_stat_activity WHERE datid = %s AND pid <> pg_backend_pid() AND usesysid IS NOT NULL ORDER BY pid LIMIT {_MOST}
"""
"""Without the server's own workers: autovacuum makes way for a rename by itself."""


def conninfo(params: Mapping[str, str], database: str, session: Mapping[str, str], operator: str) -> str:
    """A connection string for one session with our limits."""
    from psycopg.conninfo import make_conninfo

    made: dict[str, str | int] = {
        "gssencmode": "disable",
        **params,
        "application_name": f"opsroom/{operator}"[:63],
        "client_encoding": "UTF8",
        "connect_timeout": 3,
        "tcp_user_timeout": 10000,
    }
    if database:
        made["dbname"] = database
    ours = " ".join(f"-c {name}={value}" for name, value in session.items())
    made["options"] = f"{params.get('options', '')} {ours}".strip()
    return make_conninfo("", **made)


class Server:
    """Looks at one server. Has two threads of its own."""

    def __init__(self, name: str, operator: str) -> None:
        self.lane = Lane(f"backups-{name}", limit=3)
        self._operator = operator
        self._open: set[psycopg.Connection[Any]] = set()

    async def ask(
        self,
        params: Mapping[str, str],
        question: Callable[[psycopg.Connection[Any]], T],
        database: str = "",
        session: Mapping[str, str] = LOOKING,
    ) -> T:
        """What a question gives on a connection of its own. Raises `ProbeError`."""
        await load("psycopg")
        return await self.lane.run(self._asked, params, question, database, session)

    def _asked(
        self,
        params: Mapping[str, str],
        question: Callable[[psycopg.Connection[Any]], T],
        database: str,
        session: Mapping[str, str],
    ) -> T:
        with self.connected(params, database, session) as connection:
            return question(connection)

    @contextlib.contextmanager
    def connected(
        self, params: Mapping[str, str], database: str = "", session: Mapping[str, str] = LOOKING
    ) -> Iterator[psycopg.Connection[Any]]:
        """A session in autocommit; what fails in it becomes a `ProbeError`. Blocking."""
        import psycopg

        place = where(params)
        try:
            connection = psycopg.connect(conninfo(params, database, session, self._operator), autocommit=True)
        except psycopg.Error as error:
            raise translated(error, place) from None
        except OSError as error:
            raise from_os_error(error, place) from None
        self._open.add(connection)
        try:
            yield connection
        except psycopg.Error as error:
            raise translated(error, place) from None
        finally:
            self._open.discard(connection)
            connection.close()

    def cut(self) -> None:
        """End whatever is being asked, hard."""
        if not self._open:
            return
        import psycopg

        for connection in list(self._open):
            with (
                contextlib.suppress(OSError, psycopg.Error),
                socket.socket(fileno=os.dup(connection.fileno())) as below,
            ):
                below.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the threads."""
        self.cut()
        self.lane.close()


def scene_at(place: str) -> Callable[[psycopg.Connection[Any]], Scene]:
    """The question that looks at a whole server."""

    def look(connection: psycopg.Connection[Any]) -> Scene:
        row = connection.execute(_SIGHT).fetchone()
        if row is None:
            raise ProbeError(Cause.GARBAGE, f"{place} does not tell which role we are")
        number, text, database, standby, makes, superuser, signals, may_ask, now = row
        system = ""
        if may_ask:
            found = connection.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
            system = str(found[0]) if found else ""
        home = ""
        if superuser or _one(connection, "SELECT pg_has_role('pg_read_all_settings', 'USAGE')"):
            home = str(_one(connection, "SELECT current_setting('data_directory')") or "")
        rows = connection.execute(_DATABASES).fetchall()
        databases = {
            str(name): Database(str(name), int(oid), finite(size), str(owner), settings, acl, users, template, mine)
            for name, oid, size, owner, settings, acl, users, template, mine in rows
        }
        version = int(number) // 10000
        role, power = power_of(connection)
        return Scene(
            place, version, SafeText(str(text).split()[0]), system, str(database), standby, makes or superuser,
            superuser, signals, home, role, power, databases, now,
        )  # fmt: skip

    return look


def power_of(connection: psycopg.Connection[Any]) -> tuple[SafeText, str]:
    """(our role, what SQL that runs as it could do beyond databases: run programs, touch files, make itself more).

    Who takes a backup decides what is run when it is restored: https://www.postgresql.org/docs/current/app-pgrestore.html;
    before PostgreSQL 16 who makes roles can make itself any but a superuser.
    """
    row = connection.execute(_POWER).fetchone()
    if row is None:
        raise ProbeError(Cause.GARBAGE, "the server does not tell which role we are")
    return SafeText(str(row[0]), 63), str(SafeText(str(row[1] or ""), 100))


def _one(connection: psycopg.Connection[Any], question: str) -> Any:
    row = connection.execute(question.encode()).fetchone()
    return row[0] if row else None


def size_of(name: str) -> Callable[[psycopg.Connection[Any]], float | None]:
    """The question how many bytes a database has; None: there is none of that name."""

    def look(connection: psycopg.Connection[Any]) -> float | None:
        row = connection.execute("SELECT pg_database_size(oid) FROM pg_database WHERE datname = %s", (name,)).fetchone()
        return finite(row[0]) if row else None

    return look


def sessions_in(oid: int) -> Callable[[psycopg.Connection[Any]], list[Session]]:
    """The question who is in a database."""

    def look(connection: psycopg.Connection[Any]) -> list[Session]:
        rows = connection.execute(_SESSIONS, (oid,)).fetchall()
        return [
            Session(int(pid), str(began), SafeText(f"{user} {name or '(no name)'} from {host}, {state}", 120), mighty)
            for pid, began, user, name, host, state, mighty in rows
        ]

    return look


def answers_of(checks: Mapping[str, Check]) -> Callable[[psycopg.Connection[Any]], dict[str, float | str]]:
    """The question what each row check gives: a number, or words for why there is none."""

    def look(connection: psycopg.Connection[Any]) -> dict[str, float | str]:
        import psycopg

        found: dict[str, float | str] = {}
        for name, check in checks.items():
            try:
                with connection.transaction(force_rollback=True):
                    connection.execute("SET TRANSACTION READ ONLY")
                    row = connection.execute(check.sql.encode()).fetchone()
            except psycopg.Error as error:
                if connection.closed:
                    raise
                found[name] = f"it failed (SQLSTATE {error.sqlstate or 'unknown'})"
                continue
            try:
                number = finite(float(row[0])) if row and row[0] is not None else None
            except (TypeError, ValueError):
                number = None
            found[name] = "it gave no number" if number is None else number
        return found

    return look


_STATES: Final = {
    "28P01": (Cause.AUTH, "{where} does not accept our password", "see password in the profile"),
    "28000": (Cause.AUTH, "{where} does not let our role in", "pg_hba.conf, or the role may not log in"),
    "3D000": (Cause.MISSING, "{where} has no database of that name", "see the end of the url"),
    "53300": (Cause.OVERLOADED, "{where} has no connection left", ""),
    "57P01": (Cause.CLOSED_EARLY, "{where} is shutting down", ""),
    "57P02": (Cause.CLOSED_EARLY, "{where} repairs itself after a crash", ""),
    "57P03": (Cause.REFUSED, "{where} is starting up", ""),
    "57014": (Cause.SLOW, "{where} did not finish in time", ""),
    "55P03": (Cause.SLOW, "a lock at {where} is in our way", ""),
    "55006": (Cause.REFUSED, "somebody is in that database", "see who, or end them with it"),
    "42501": (Cause.DENIED, "our role at {where} has no right to do that", "see contrib/backups/roles.sql"),
    "42P04": (Cause.REFUSED, "a database of that name is there already", ""),
    "53100": (Cause.LOCAL_DISK, "the disk of {where} is full", ""),
}
_TEXTS: Final = (
    ("password authentication failed", "28P01"),
    ("no password supplied", "28P01"),
    ("no pg_hba.conf entry", "28000"),
    ("pg_hba.conf rejects", "28000"),
    ("role .* does not exist", "28000"),
    ("not permitted to log in", "28000"),
    ("database .* does not exist", "3D000"),
    ("too many clients|too many connections|slots are reserved", "53300"),
    ("starting up", "57P03"),
    ("shutting down", "57P01"),
    ("in recovery mode", "57P02"),
)
_WAYS: Final = (
    ("connection refused", Cause.REFUSED, "connection refused by {where}"),
    ("no such file or directory", Cause.REFUSED, "no server listens at {where}"),
    ("timeout expired|timed out", Cause.TIMEOUT_CONNECT, "no answer from {where}"),
    ("translate host name|name or service not known|resolve host", Cause.DNS_NX, "no such host: {where}"),
    ("certificate", Cause.TLS_UNTRUSTED, "the certificate of {where} is not trusted"),
    ("does not support SSL|SSL", Cause.TLS_PLAIN, "the encryption with {where} failed"),
    ("reset by peer|broken pipe", Cause.RESET, "{where} reset the connection"),
    ("closed|EOF|lost|terminat", Cause.CLOSED_EARLY, "{where} closed the connection"),
    ("invalid response|expected authentication|unrecognized|protocol", Cause.GARBAGE,
     "{where} does not speak PostgreSQL"),
)  # fmt: skip


def translated(error: psycopg.Error, place: str) -> ProbeError:
    """What a driver's error means, without a word of its text
    (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""
    state = error.sqlstate or ""
    bare = re.sub(r'"[^"]*"', "x", str(error))
    if not state:
        state = next((code for pattern, code in _TEXTS if re.search(pattern, bare, re.IGNORECASE)), "")
    if state in _STATES:
        cause, words, hint = _STATES[state]
        return ProbeError(cause, words.format(where=place), hint)
    if state:
        return ProbeError(Cause.GARBAGE, f"{place} refused it (SQLSTATE {state})")
    for pattern, cause, words in _WAYS:
        if re.search(pattern, bare, re.IGNORECASE):
            return ProbeError(cause, words.format(where=place))
    return ProbeError(Cause.CLOSED_EARLY, f"the connection to {place} failed")
