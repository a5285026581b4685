"""What clients really send to an engine, command by command, and whether it only reads.

A proxy stands before each engine and reads along: XML-RPC method names, PostgreSQL statements, Redis commands, HTTP
requests. What it cannot read is kept as such, and counts as something that may change things.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import xmlrpc.client
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

from tests.stack.faultproxy import FaultProxy, _Pair

UNREADABLE: Final = "UNREADABLE"

RPC: Final = frozenset(
    {"system.multicall", "system.listMethods", "supervisor.getAPIVersion", "supervisor.getSupervisorVersion",
     "supervisor.getIdentification", "supervisor.getState", "supervisor.getPID", "supervisor.getAllProcessInfo",
     "supervisor.getProcessInfo", "supervisor.getAllConfigInfo", "supervisor.readLog", "supervisor.readProcessLog",
     "supervisor.readProcessStdoutLog", "supervisor.readProcessStderrLog", "supervisor.tailProcessLog",
     "supervisor.tailProcessStdoutLog", "supervisor.tailProcessStderrLog"}
)  # fmt: skip
"""Methods that change nothing. Source: supervisord.org/api.html."""

REDIS: Final = frozenset(
    {"AUTH", "HELLO", "PING", "SELECT", "QUIT", "CLIENT SETNAME", "CLIENT SETINFO", "CLIENT LIST", "CLIENT ID",
     "CLIENT NO-TOUCH", "CLIENT NO-EVICT", "COMMAND INFO", "COMMAND COUNT", "CONFIG GET", "INFO", "DBSIZE", "TIME",
     "SLOWLOG GET", "SLOWLOG LEN", "LATENCY LATEST", "LATENCY HISTOGRAM", "MEMORY USAGE", "MEMORY STATS",
     "OBJECT ENCODING", "OBJECT IDLETIME", "SCAN", "SSCAN", "HSCAN", "ZSCAN", "TYPE", "TTL", "PTTL", "EXISTS",
     "STRLEN", "LLEN", "SCARD", "HLEN", "ZCARD", "XLEN", "ZCOUNT", "LRANGE", "LINDEX", "ZRANGE", "ZREVRANGE",
     "ZRANGEBYSCORE", "GET", "MGET", "HGET", "HMGET", "HGETALL", "SMEMBERS", "SISMEMBER", "XINFO STREAM",
     "XINFO GROUPS", "XPENDING", "XRANGE", "XREVRANGE", "MULTI", "EXEC", "MODULE LIST", "ACL WHOAMI"}
)  # fmt: skip
"""Commands that change nothing but the session that sends them. Source: the flags of COMMAND INFO."""

_FAMILIES: Final = frozenset(
    {"CLIENT", "CONFIG", "COMMAND", "SLOWLOG", "LATENCY", "MEMORY", "OBJECT", "XINFO", "XGROUP", "SCRIPT", "FUNCTION",
     "MODULE", "ACL", "CLUSTER", "DEBUG", "PUBSUB"}
)  # fmt: skip

STARTS: Final = frozenset({"select", "with", "show", "set", "reset", "begin", "commit", "rollback", "savepoint"})
"""First words of statements that read, or speak of the session alone."""

PLANS: Final = frozenset({"prepare", "deallocate"})
"""First words of statements that have another one planned and run nothing, as EXPLAIN does by itself."""

WRITES: Final = frozenset(
    {"insert", "update", "delete", "merge", "truncate", "drop", "create", "alter", "grant", "revoke", "vacuum",
     "analyze", "reindex", "cluster", "copy", "call", "do", "lock", "notify", "listen", "execute", "prepare", "into",
     "checkpoint", "refresh", "load", "discard", "comment", "security", "reassign", "share"}
)  # fmt: skip
"""Words that no reading statement needs outside of quotes."""

FUNCTIONS: Final = frozenset(
    {"age", "bool_or", "clock_timestamp", "coalesce", "count", "current_database", "current_setting", "extract",
     "format", "format_type", "greatest", "has_database_privilege", "has_table_privilege", "host", "json_agg",
     "json_build_array", "json_build_object", "json_object_agg", "least", "left", "max", "min", "mxid_age", "now",
     "nullif", "octet_length", "pg_has_role", "position", "quote_ident", "round", "row_number", "row_to_json",
     "substr", "substring", "sum", "unnest",
     "pg_catalog.cardinality", "pg_catalog.pg_get_indexdef", "pg_catalog.pg_indexes_size", "pg_catalog.pg_table_size",
     "pg_catalog.pg_backend_pid", "pg_catalog.pg_blocking_pids", "pg_catalog.pg_control_system",
     "pg_catalog.pg_current_wal_lsn", "pg_catalog.pg_database_size", "pg_catalog.pg_is_in_recovery",
     "pg_catalog.pg_is_wal_replay_paused", "pg_catalog.pg_last_wal_receive_lsn",
     "pg_catalog.pg_last_wal_replay_lsn", "pg_catalog.pg_last_xact_replay_timestamp",
     "pg_catalog.pg_postmaster_start_time", "pg_catalog.pg_stat_get_wal_senders", "pg_catalog.pg_wal_lsn_diff",
     "public.pg_stat_statements", "public.pg_stat_statements_info"}
)  # fmt: skip
"""Functions of PostgreSQL that change nothing: those the probe needs, one by one."""

_QUIET_WORDS: Final = frozenset(
    {"in", "and", "or", "not", "as", "on", "over", "filter", "values", "from", "select", "where", "when", "then",
     "else", "any", "all", "exists", "using", "by", "interval", "is", "with", "end", "union", "distinct", "order",
     "group", "lateral", "join", "array", "materialized", "between", "limit", "numeric", "having", "partition", "only",
     "row"}
)  # fmt: skip
_COMMENT: Final = re.compile(r"--[^\n]*|/\*.*?\*/", re.S)
_QUOTED: Final = re.compile(r"'(?:[^']|'')*'")
_CALLED: Final = re.compile(r"([a-z_][a-z0-9_.]*)\s*\(")


class Reader(Protocol):
    """Reads one client's side of one connection."""

    def feed(self, data: bytes) -> Iterator[str]:
        """The commands that are whole with these bytes."""
        ...


class HttpReader:
    """HTTP/1.1: "GET /path"; for XML-RPC each method, those within a multicall too."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> Iterator[str]:
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end].decode("latin-1")
            length = re.search(r"(?im)^content-length:\s*(\d+)\s*$", head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._held) < whole:
                return
            body, self._held = self._held[end + 4 : whole], self._held[whole:]
            yield from self._request(head, body)

    @staticmethod
    def _request(head: str, body: bytes) -> Iterator[str]:
        method, path, *_ = [*head.split("\r\n")[0].split(" "), "", ""]
        if method != "POST" or path != "/RPC2":
            yield f"{method} {path.partition('?')[0]}"
            return
        params, name = xmlrpc.client.loads(body)
        yield str(name)
        if name == "system.multicall":
            calls: object = params[0]
            yield from (str(one["methodName"]) for one in calls) if isinstance(calls, list) else (UNREADABLE,)


class RedisReader:
    """RESP: the command's name, with the second word where the first is a family."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> Iterator[str]:
        self._held += data
        while self._held:
            if not self._held.startswith(b"*"):
                yield f"{UNREADABLE} {self._held[:40]!r}"
                self._held = b""
                return
            words = self._words()
            if words is None:
                return
            first, second = words[0].upper(), words[1].upper() if len(words) > 1 else ""
            yield f"{first} {second}" if first in _FAMILIES else first

    def _words(self) -> list[str] | None:
        """The first whole command; None while some of it is missing."""
        parts = self._held.split(b"\r\n", 1)
        if len(parts) < 2:
            return None
        number, rest = int(parts[0][1:]), parts[1]
        words = []
        for _ in range(number):
            size, found, rest = rest.partition(b"\r\n")
            length = int(size[1:] or 0)
            if not found or len(rest) < length + 2:
                return None
            words.append(rest[:length].decode("utf-8", "replace"))
            rest = rest[length + 2 :]
        self._held = rest
        return words


class PostgresReader:
    """Protocol 3: every statement each time it is run; a cancel request and a function call by their names."""

    def __init__(self) -> None:
        self._held = b""
        self._begun = False
        self._prepared: dict[bytes, str] = {}

    def feed(self, data: bytes) -> Iterator[str]:
        self._held += data
        while True:
            found = self._message()
            if found is None:
                return
            kind, body = found
            if kind == b"Q":
                yield _text(body)
            elif kind == b"P":
                self._prepared[body.partition(b"\0")[0]] = _text(body.partition(b"\0")[2])
            elif kind == b"B":
                yield self._prepared.get(body.split(b"\0")[1], UNREADABLE)
            elif kind == b"F":
                yield "FUNCTION CALL"
            elif kind in b"dcf" and kind:
                yield "COPY DATA"
            elif kind == b"" and body[:4] == struct.pack("!I", 80877102):
                yield "CANCEL REQUEST"
            elif kind not in (b"", b"p", b"D", b"E", b"S", b"C", b"H", b"X"):
                yield f"{UNREADABLE} {kind!r}"

    def _message(self) -> tuple[bytes, bytes] | None:
        """(type, body) of the first whole message; the first messages of a connection have no type."""
        lead = 1 if self._begun else 0
        if len(self._held) < lead + 4:
            return None
        size = struct.unpack("!I", self._held[lead : lead + 4])[0]
        if len(self._held) < lead + size:
            return None
        kind, body, self._held = self._held[:lead], self._held[lead + 4 : lead + size], self._held[lead + size :]
        self._begun = self._begun or body[:4] == struct.pack("!I", 196608)
        return kind, body


def _text(body: bytes) -> str:
    return body.partition(b"\0")[0].decode("utf-8", "replace")


class CountingProxy(FaultProxy):
    """Lets everything through and writes down what clients ask for."""

    def __init__(self, upstream: int | Path, reader: Callable[[], Reader], listen: Path | None = None) -> None:
        super().__init__(upstream, listen=listen)
        self.reader = reader
        self.pair: Callable[[CountingProxy, asyncio.StreamReader, asyncio.StreamWriter], _Pair] = _ReadAlong
        self.asked_for: Counter[str] = Counter()
        """Command -> how often it was sent."""

    async def _serve(self, accepted: socket.socket) -> None:
        pair = self.pair(self, *await asyncio.open_connection(sock=accepted))
        self._pairs.add(pair)
        try:
            await pair.serve()
        finally:
            self._pairs.discard(pair)


class _ReadAlong(_Pair):
    """A client and its way to the server, with somebody who reads along."""

    def __init__(self, proxy: CountingProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(proxy, reader, writer)
        self._told = proxy.asked_for
        self._along = proxy.reader()

    def _note(self, data: bytes) -> None:
        super()._note(data)
        try:
            self._told.update(self._along.feed(data))
        except Exception as error:  # noqa: BLE001 - whatever can't be read is told, never passed over
            self._told[f"{UNREADABLE} {type(error).__name__}"] += 1


_LOCAL: Final = re.compile(r"pg_catalog\.set_config\('', '', true\)")
"""A setting until the transaction ends: SET LOCAL by another name."""


def changing_sql(statement: str) -> str:
    """Why a statement may change something; empty when it only reads."""
    if statement == "CANCEL REQUEST":  # a driver's own, for the query it waits for
        return ""
    plain = _QUOTED.sub("''", _COMMENT.sub(" ", statement)).lower()
    for one in filter(None, (part.strip() for part in plain.split(";"))):
        words = re.findall(r"[a-z_]+", one)
        if words and (words[0] in PLANS or (words[0] == "explain" and "analyze" not in words)):
            continue
        if not words or words[0] not in STARTS:
            return f"it begins with {one.split()[0]}"
        if found := sorted(WRITES & set(words)):
            return f"it says {found[0]}"
        if unknown := sorted(set(_CALLED.findall(_LOCAL.sub("", one))) - FUNCTIONS - _QUIET_WORDS):
            return f"it calls {unknown[0]}"
    return ""


def changing_http(command: str) -> str:
    """Why an HTTP request may change something."""
    return "" if command.startswith(("GET ", "HEAD ")) else "its method is not GET"


def changing_rpc(command: str) -> str:
    """Why a call to supervisord may change something."""
    return "" if command in RPC else "it is not in the list of calls that read"


def changing_redis(command: str) -> str:
    """Why a Redis command may change something."""
    return "" if command in REDIS else "it is not in the list of commands that read"
