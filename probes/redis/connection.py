"""The one connection to a Redis or Valkey server: opened when needed, kept, and cut hard when it hangs.

Commands go out in one batch and their replies come back as bytes; an error reply is a `Refusal` among them. The
driver's retries are off; only a reading whose kept connection turns out dead begins once more. A reply beyond the limit
ends the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from probes.base import Cause, Lane, ProbeError, SafeText, SecretSource, from_os_error, lenient
from probes.redis.address import Address, RedisSettings, resolve
from probes.redis.lookups import OWN

if TYPE_CHECKING:
    from redis.asyncio.connection import AbstractConnection

T = TypeVar("T")

Command = tuple[str | bytes | int | float, ...]
"""A command and its arguments."""

BIGGEST: Final = 8 << 20
"""Bytes of one reply."""
SILENCE: Final = 3.0
"""Seconds without a byte before a connection is given up."""
_LEAST: Final = 16
"""Bytes that each element of a reply counts at least: an empty one costs us more than it takes on the wire."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error reply."""

    code: str
    """Its first word: "NOPERM", "WRONGTYPE"."""
    text: str
    """All of it, raw; never shown."""

    @property
    def denied(self) -> bool:
        """True when we lack the right."""
        return self.code == "NOPERM"

    @property
    def unknown(self) -> bool:
        """True when the server has no such command, as managed ones often have not."""
        return "unknown command" in self.text.lower() or "unknown subcommand" in self.text.lower()


_OVERLOAD: Final = {
    "LOADING": "is still loading its data from disk",
    "BUSY": "is busy with a script and answers nobody else",
    "OOM": "is out of memory and refuses commands",
    "MASTERDOWN": "is a replica without its master and refuses to answer",
    "CLUSTERDOWN": "belongs to a cluster that is down",
    "MISCONF": "can't save to disk and refuses writes",
}


def complaint(refusal: Refusal, where: str) -> ProbeError:
    """What an error reply means when it spoils the whole reading."""
    said = refusal.text.lower()
    if refusal.code in _OVERLOAD:
        return ProbeError(Cause.OVERLOADED, f"{where} {_OVERLOAD[refusal.code]}")
    if "max number of clients" in said:
        return ProbeError(
            Cause.OVERLOADED, f"{where} takes no more clients", "every connection is taken: see maxclients"
        )
    if refusal.code == "NOAUTH" or "without any password" in said or "no password is set" in said:
        return _password(refusal, where)
    if refusal.code == "WRONGPASS" or "invalid password" in said or "wrong number of arguments for 'auth'" in said:
        return ProbeError(Cause.AUTH, f"{where} does not accept our user or password", "see password in the profile")
    if refusal.code == "NOPERM":
        return ProbeError(Cause.DENIED, "our user may not do this", "an ACL of the server forbids it: see ACL WHOAMI")
    if refusal.code == "DENIED":
        return ProbeError(Cause.DENIED, f"{where} is in protected mode and lets in local clients only")
    if "db index" in said:
        return ProbeError(Cause.MISSING, f"{where} has no database of that number")
    if refusal.code in ("MOVED", "ASK", "CROSSSLOT"):
        return ProbeError(Cause.VERSION, f"{where} is one node of a cluster and does not hold these keys")
    if refusal.code == "READONLY":
        return ProbeError(Cause.DENIED, f"{where} is a replica and takes no writes")
    if refusal.unknown:
        return ProbeError(Cause.VERSION, f"{where} does not know a command we need")
    return ProbeError(Cause.GARBAGE, f"{where} answered with an error: {SafeText(refusal.code, 30)}")


def _password(refusal: Refusal, where: str) -> ProbeError:
    if refusal.code == "NOAUTH":
        return ProbeError(Cause.AUTH, f"{where} wants a password and none is configured", 'set password = "env:NAME"')
    return ProbeError(Cause.AUTH, f"{where} has no password and one is configured", "take password out of the profile")


def _cause(error: BaseException) -> OSError | None:
    """The operating system's error behind a driver's."""
    seen = 0
    found: BaseException | None = error
    while found is not None and seen < 8:
        if isinstance(found, OSError) and not _is_drivers(found):
            return _single(found)
        found, seen = found.__cause__ or found.__context__, seen + 1
    return None


def _is_drivers(error: OSError) -> bool:
    return type(error).__module__.startswith("redis")


def _single(error: OSError) -> OSError:
    """Of several addresses tried in vain, one error for all when they agree."""
    if error.errno is None and not isinstance(error, ssl.SSLError | socket.gaierror | TimeoutError):
        numbers = {int(number) for number in re.findall(r"\[Errno (\d+)\]", str(error))}
        if numbers:
            number = errno.ECONNREFUSED if errno.ECONNREFUSED in numbers else min(numbers)
            return OSError(number, "no address of it answers")
    return error


def translated(error: BaseException, where: str, connected: bool) -> ProbeError:
    """A driver's error in our words."""
    from redis import exceptions as theirs

    below = _cause(error)
    if isinstance(error, TimeoutError | theirs.TimeoutError):
        cause = Cause.TIMEOUT_READ if connected else Cause.TIMEOUT_CONNECT
        return ProbeError(cause, f"no answer from {where} for {SILENCE:g} s")
    if below is not None:
        return from_os_error(below, where)
    if isinstance(error, theirs.InvalidResponse | ValueError | RecursionError):
        hint = "is the port right? a server with TLS needs rediss://"
        return ProbeError(Cause.GARBAGE, f"{where} answers, but it does not speak Redis's protocol", hint)
    return ProbeError(Cause.CLOSED_EARLY, f"{where} closed the connection", "a server with TLS needs rediss://")


class Link:
    """Keeps one connection. Several may ask: one batch at a time goes over it."""

    def __init__(self, name: str, settings: RedisSettings, secrets: SecretSource, operator: str) -> None:
        self._settings = settings
        self._secrets = secrets
        self._label = re.sub(r"[^!-~]", "-", f"opsroom/{operator}")[:60]
        self._lane = Lane(f"redis-{name}", limit=2)
        self._connection: AbstractConnection | None = None
        self._asking = asyncio.Lock()
        self._connecting: asyncio.Task[Any] | None = None
        self.where = "the server"
        """The place, for messages."""
        self.server = ""
        """Address of the other end, the same for every connection of ours to it."""

    @property
    def is_open(self) -> bool:
        """True while there is a connection."""
        return self._connection is not None

    async def open(self) -> None:
        """Connect and log in if there is no connection. Raises `ProbeError`."""
        async with self._asking:
            if self._connection is None:
                await self._open()

    async def revived(self, reading: Callable[[], Awaitable[T]]) -> T:
        """What `reading` gives; once more over a new connection when the kept one turns out to be dead."""
        kept = self.is_open
        try:
            return await reading()
        except ProbeError as error:
            if not kept or error.cause not in (Cause.RESET, Cause.CLOSED_EARLY):
                raise
        return await reading()

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to `commands`, in order: bytes, int, list, None, or `Refusal`.

        Raises `ProbeError`; the connection is gone then.
        """
        if not commands:
            return []
        async with self._asking:
            if self._connection is None:
                await self._open()
            return await self._exchange(commands)

    def abort(self) -> None:
        """Cut the socket: whoever waits on it wakes at once."""
        connection, self._connection = self._connection, None
        if self._connecting is not None:
            self._connecting.cancel()
        if connection is not None:
            _cut(connection)

    async def close(self) -> None:
        """Let go of the connection and the threads."""
        self.abort()
        self._lane.close()

    async def _open(self) -> None:
        address = resolve(self._settings, self._secrets)
        self.where = address.where
        self._connection = await self._cuttable(self._connect(address))
        self.server = _peer(self._connection) or address.where
        replies = await self._exchange(_greeting(address, self._label))
        for reply in replies[:-1]:  # a name is a courtesy that an ACL may refuse
            if isinstance(reply, Refusal):
                self.abort()
                raise complaint(reply, self.where)

    async def _cuttable(self, work: Coroutine[Any, Any, AbstractConnection]) -> AbstractConnection:
        """Connect in a task of its own, so that `abort` can end it while somebody waits."""
        self._connecting = task = asyncio.ensure_future(work)
        try:
            return await task
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if waiting is not None and waiting.cancelling():
                task.cancel()
                raise
            raise ProbeError(Cause.CLOSED_EARLY, f"connecting to {self.where} was cut") from None
        finally:
            self._connecting = None

    async def _connect(self, address: Address) -> AbstractConnection:
        """A connection to the first of the server's addresses that takes it."""
        try:
            hosts = await self._lane.run(_prepared, address)
        except OSError as error:
            raise from_os_error(error, address.where) from None
        except UnicodeError:
            raise ProbeError(Cause.DNS_NX, f"no such host: {address.where}") from None
        for number, host in enumerate(hosts):
            try:
                return await self._dial(address, host)
            except ProbeError:
                if number == len(hosts) - 1:
                    raise
        raise ProbeError(Cause.DNS_NX, f"no such host: {address.where}")

    async def _dial(self, address: Address, host: str) -> AbstractConnection:
        from redis.exceptions import RedisError

        connection: AbstractConnection | None = None
        try:
            connection = _made(address, host)
            await connection.connect()  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            if connection is not None:
                _cut(connection)
            raise translated(error, address.where, connected=False) from None
        except BaseException:
            if connection is not None:
                _cut(connection)
            raise
        return connection

    async def _exchange(self, commands: Sequence[Command]) -> list[Any]:
        from redis.exceptions import RedisError

        connection = self._connection
        assert connection is not None
        replies: list[Any] = []
        reader = connection._reader
        try:
            await connection.send_packed_command(connection.pack_commands(commands))
            for _ in commands:
                replies.append(await _reply(connection))
        except ProbeError:
            self.abort()
            raise
        except (RedisError, OSError, ValueError, RecursionError) as error:
            self.abort()
            last = _last_words(replies, reader)
            raise complaint(last, self.where) if last else translated(error, self.where, connected=True) from None
        except BaseException:
            self.abort()
            raise
        OWN.note(self.server, commands, replies)
        return replies


def _greeting(address: Address, label: str) -> list[Command]:
    """Log in, choose the database, say who we are; the last may be refused."""
    commands: list[Command] = []
    if address.password is not None:
        login = (address.username, address.password) if address.username else (address.password,)
        commands.append(("AUTH", *login))
    commands.append(("SELECT", address.db) if address.db else ("PING",))
    return [*commands, ("CLIENT", "SETNAME", label)]


async def _reply(connection: AbstractConnection) -> Any:
    from redis.exceptions import ResponseError

    try:
        reply = await connection.read_response(disable_decoding=True)
    except ResponseError as error:
        text = str(error)
        return Refusal(text.split(" ", 1)[0].rstrip(","), text)
    return _settled(reply)


def _last_words(replies: Sequence[Any], reader: asyncio.StreamReader | None) -> Refusal | None:
    """Why the server hung up, if it said so first: a full one does, and the reset overtakes its words."""
    if replies:
        return replies[0] if isinstance(replies[0], Refusal) else None
    said = bytes(getattr(reader, "_buffer", b""))[:300]
    if not said.startswith(b"-"):
        return None
    text = said[1:].split(b"\r\n")[0].decode("utf-8", "replace")
    return Refusal(text.split(" ", 1)[0], text)


def _settled(reply: Any) -> Any:
    """Errors inside an array are refusals too."""
    if isinstance(reply, list):
        return [_settled(one) for one in reply]
    if isinstance(reply, Exception):
        text = str(reply)
        return Refusal(text.split(" ", 1)[0], text)
    return reply


def _prepared(address: Address) -> list[str]:
    """Load the driver and look up the host's addresses, three at most. Blocking."""
    import redis.asyncio.connection

    assert redis.asyncio.connection
    if address.path:
        return [""]
    rows = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in rows))[:3]


def _made(address: Address, host: str) -> AbstractConnection:
    """The driver's connection with our limits; it sends nothing by itself."""
    from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    shared: dict[str, Any] = {
        "socket_timeout": SILENCE,
        "socket_connect_timeout": SILENCE,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "parser_class": _parser(),
        "driver_info": None,
    }
    if address.path:
        return UnixDomainSocketConnection(path=address.path, **shared)
    if not address.tls:
        return Connection(host=host, port=address.port, **shared)

    class Named(SSLConnection):
        """Connects to an address and checks the certificate for the name."""

        def _connection_arguments(self) -> Any:
            given = super()._connection_arguments()
            return {**given, "server_hostname": address.host, "ssl": lenient(given["ssl"])}

    reqs = "required" if address.verify else "none"
    return Named(host=host, port=address.port, ssl_cert_reqs=reqs, ssl_ca_certs=address.ca_file, **shared)


def _parser() -> Any:
    """The driver's parser of RESP2, which refuses replies beyond the limit and keeps error replies as they are."""
    from redis._parsers import _AsyncRESP2Parser
    from redis.exceptions import ResponseError

    class Bounded(_AsyncRESP2Parser):
        """Counts the bytes of a reply before it reads them."""

        _spent = 0

        async def read_response(self, disable_decoding: bool = False) -> Any:
            self._spent = 0
            return await super().read_response(disable_decoding)

        async def _read(self, length: int) -> bytes:
            self._spend(length)
            return await super()._read(length)

        async def _readline(self) -> bytes:
            self._spend(_LEAST)
            line = await super()._readline()
            if line[:1] == b"*" and line[1:].isdigit() and self._spent + _LEAST * int(line[1:]) > BIGGEST:
                raise _too_big()
            return line

        def _spend(self, length: int) -> None:
            self._spent += length
            if length < 0 or self._spent > BIGGEST:
                raise _too_big()

        @classmethod
        def parse_error(cls, response: str) -> ResponseError:
            return ResponseError(response)

    return Bounded


def _too_big() -> ProbeError:
    return ProbeError(Cause.TOO_BIG, f"a reply is beyond {BIGGEST >> 20} MiB")


def _peer(connection: AbstractConnection) -> str:
    writer = connection._writer
    name = writer.get_extra_info("peername") if writer is not None else None
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) and len(name) >= 2 else ""


def _cut(connection: AbstractConnection) -> None:
    """Close the socket below the driver without a word."""
    writer = connection._writer
    connection._writer = connection._reader = None
    if writer is not None:
        with contextlib.suppress(OSError, RuntimeError):
            writer.transport.abort()
