"""GET requests to one server, every part of them bounded: name, connection, header, body before and after unpacking.

Names are looked up in a thread of our own and the address found is the address used. Redirects are not followed: a
server of metrics has no reason to send us, and what we carry, elsewhere.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import zlib
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from probes.base import Cause, Lane, ProbeError, SafeText, from_os_error, lenient, load, verifying
from probes.prometheus.place import Place

if TYPE_CHECKING:
    import httpcore
    import httpx

BODY_LIMIT: Final = 8 << 20
"""Bytes of a body, unpacked, unless the caller says otherwise."""
FRESH: Final = 60.0
"""Seconds connections and addresses are used; then the name is looked up again."""
TOGETHER: Final = 4
"""Connections at most."""
_CONNECT: Final = 3.0
_TRIED: Final = 3
"""Addresses of a name that are tried."""
_HEADER: Final = re.compile(r"too (?:large|long)|Receive buffer")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whole."""

    status: int
    reason: SafeText
    content_type: str
    """In lower case, as it came: not safe to show."""
    location: SafeText
    """Where it redirects to, without the query."""
    body: bytes


class Wire:
    """The connections to one server. Made cheaply; `cut` ends everything at once."""

    def __init__(self, name: str, timeout: float, monotonic: Callable[[], float]) -> None:
        """`timeout` in seconds for each wait on a socket."""
        self._timeout = timeout
        self._monotonic = monotonic
        self._lane = Lane(f"prometheus-{name}", limit=2)
        self._client: httpx.AsyncClient | None = None
        self._addresses: tuple[str, ...] = ()
        self._made = 0.0
        self._turn = asyncio.Lock()
        """Of making a client: requests that begin together share one."""
        self._under_way = 0
        """Requests that use the client now, so that it is not made anew under them."""
        self._closing: set[asyncio.Task[None]] = set()
        self._handshakes: set[httpcore.AsyncNetworkStream] = set()
        """Connections whose TLS handshake is not done: nobody else closes them when a deadline passes."""
        self.connected = False
        """True once a request since `begin` has a connection."""
        self.got = 0
        """Bytes that came since `begin`."""

    def begin(self) -> None:
        """A new reading: what `too_late` says is about it alone."""
        self.connected, self.got = False, 0

    async def get(
        self, place: Place, path: str, query: Mapping[str, str], accept: str, most: int = BODY_LIMIT
    ) -> Reply:
        """One answer, whatever its status. Raises `ProbeError`, TOO_BIG when its body has more than `most` bytes."""
        url = place.url + path + (f"?{urlencode(query)}" if query else "")
        last: ProbeError | None = None
        client = await self._ready(place)
        self._under_way += 1
        try:
            for address in self._addresses[:_TRIED]:
                try:
                    try:
                        return await self._once(client, place, address, url, accept, most)
                    except _DeadConnection:
                        return await self._once(client, place, address, url, accept, most, again=True)
                except ProbeError as error:
                    if error.cause not in (Cause.REFUSED, Cause.TIMEOUT_CONNECT):
                        raise
                    last = error
        finally:
            self._under_way -= 1
        raise last or ProbeError(Cause.DNS_NX, f"no such host: {place.where}")

    async def work(self, call: Callable[..., Any], *args: Any) -> Any:
        """Run what takes long without waiting for anything, such as reading a great body, in a thread of ours."""
        return await self._lane.run(call, *args)

    def too_late(self, where: str) -> ProbeError:
        """The deadline passed: how far we had come by then."""
        if not self.connected:
            return ProbeError(Cause.TIMEOUT_CONNECT, f"no connection to {where} in time")
        if self.got:
            return ProbeError(Cause.TIMEOUT_READ, f"the answer of {where} stopped after {self.got} bytes")
        return ProbeError(Cause.TIMEOUT_READ, f"{where} takes connections but gives no answer")

    def cut(self) -> None:
        """Drop every connection now; the next request makes a fresh one."""
        client, self._client = self._client, None
        for stream in (*self._handshakes,):
            self._end(stream.aclose())
        self._handshakes.clear()
        if client is not None:
            self._end(client.aclose())

    async def close(self) -> None:
        """Let go of everything."""
        self.cut()
        self._lane.close()
        if self._closing:
            await asyncio.wait(set(self._closing), timeout=1.0)

    def _end(self, closing: Coroutine[Any, Any, None]) -> None:
        try:
            task = asyncio.get_running_loop().create_task(closing)
        except RuntimeError:  # no loop any more: nothing is left open
            closing.close()
            return
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    # one request

    async def _ready(self, place: Place) -> httpx.AsyncClient:
        """A client and addresses, made anew when they have been used long enough."""
        async with self._turn:
            now = self._monotonic()
            if self._client is None or (now - self._made >= FRESH and not self._under_way):
                await load("httpx")
                self.cut()
                self._addresses = await self._lane.run(_look_up, place)
                self._client = await self._lane.run(_client, place, self._timeout)
                self._made = now
            return self._client

    async def _once(
        self,
        client: httpx.AsyncClient,
        place: Place,
        address: str,
        url: str,
        accept: str,
        most: int,
        again: bool = False,
    ) -> Reply:
        import httpx

        whole = httpx.URL(url)
        headers = {"Host": whole.netloc.decode("ascii"), **_HEADERS, "Accept": accept, **dict(place.headers)}
        steps = _Steps(self._handshakes)
        extensions: dict[str, Any] = {"trace": steps.told}
        if place.scheme == "https":
            extensions["sni_hostname"] = place.host
        request = client.build_request("GET", whole.copy_with(host=address), headers=headers, extensions=extensions)
        try:
            response = await client.send(request, stream=True, follow_redirects=False)
            try:
                self.connected = True
                body = await self._body(response, place.where, most)
            finally:
                await response.aclose()
                if client is not self._client:  # cut while it connected: of this connection nobody else knows any more
                    await response.extensions["network_stream"].aclose()
                client.cookies.clear()
        except httpx.TransportError as error:
            self.connected = self.connected or steps.sent
            if not steps.opened and not again and not isinstance(error, httpx.TimeoutException):
                raise _DeadConnection from None
            raise self._words(error, place, steps) from None
        except RuntimeError:  # the client was closed under us by `cut`
            raise ProbeError(Cause.CLOSED_EARLY, f"the connection to {place.where} was cut") from None
        finally:
            self.connected = self.connected or steps.sent
        location = SafeText(response.headers.get("location", "").partition("?")[0], 200)
        kind = response.headers.get("content-type", "").lower()
        reason = SafeText(response.extensions.get("reason_phrase", b""), 60)
        return Reply(response.status_code, reason, kind, location, body)

    async def _body(self, response: httpx.Response, where: str, most: int) -> bytes:
        """The body, unpacked by us, so that no small answer becomes a great one in memory."""
        pump = _Unpack(response.headers.get("content-encoding", "").strip().lower(), where, most)
        async for chunk in response.aiter_raw(1 << 16):
            self.got += len(chunk)
            pump.feed(chunk)
        return pump.whole()

    def _words(self, error: httpx.TransportError, place: Place, steps: _Steps) -> ProbeError:
        """Why it failed, in our words."""
        import httpx

        where = place.where
        if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
            if steps.opened:
                return ProbeError(Cause.TIMEOUT_CONNECT, f"{where} does not finish the TLS handshake", _PLAIN)
            limit = min(_CONNECT, self._timeout)
            return ProbeError(Cause.TIMEOUT_CONNECT, f"no connection to {where} within {limit:g} s")
        if isinstance(error, httpx.TimeoutException):
            return self.too_late(where)
        if isinstance(error, httpx.RemoteProtocolError):
            said = str(error)
            if "disconnected" in said or "closed" in said:
                return ProbeError(Cause.CLOSED_EARLY, f"{where} closed the connection before its answer was whole")
            if _HEADER.search(said):
                return ProbeError(Cause.TOO_BIG, f"the header of the answer of {where} is greater than 100 KiB")
            return ProbeError(Cause.GARBAGE, f"{where} does not answer as an HTTP server does")
        found = next((one for one in reversed(list(_chain(error))) if isinstance(one, OSError)), None)
        if isinstance(found, ssl.SSLCertVerificationError):
            return from_os_error(found, where)
        if place.scheme == "https" and steps.opened and not steps.sent:
            return ProbeError(Cause.TLS_PLAIN, f"{where} does not speak TLS as expected", _PLAIN)
        if found is not None:
            return from_os_error(found, where)
        if steps.sent:
            return ProbeError(Cause.CLOSED_EARLY, f"{where} closed the connection before its answer was whole")
        return ProbeError(Cause.REFUSED, f"cannot reach {where}", "is it running?")


_PLAIN: Final = "does it serve plain http?"


class _DeadConnection(Exception):
    """A kept connection turned out to be dead: the request may be sent once more, on a new one."""


_HEADERS: Final = {"User-Agent": "opsroom", "Accept-Encoding": "gzip", "Cache-Control": "no-cache"}


class _Steps:
    """How far one request has come."""

    def __init__(self, handshakes: set[httpcore.AsyncNetworkStream]) -> None:
        self.opened = False
        """A new connection was tried."""
        self.sent = False
        self._handshakes = handshakes
        self._bare: httpcore.AsyncNetworkStream | None = None

    async def told(self, event: str, info: Any) -> None:
        """What the HTTP library reports."""
        if event.startswith("connection.connect_tcp"):
            self.opened = True
            if event.endswith("complete"):
                self._bare = info["return_value"]
                self._handshakes.add(self._bare)
        elif event == "connection.start_tls.complete" or event.endswith("send_request_headers.started"):
            self.sent = self.sent or event.endswith("started")
            if self._bare is not None:
                self._handshakes.discard(self._bare)


class _Unpack:
    """Undoes gzip and deflate, up to a limit."""

    def __init__(self, encoding: str, where: str, most: int) -> None:
        self._where = where
        self._most = most
        self._out = bytearray()
        self._engine = zlib.decompressobj(47) if encoding in ("gzip", "x-gzip", "deflate") else None
        if self._engine is None and encoding not in ("", "identity"):
            raise ProbeError(Cause.GARBAGE, f"the answer of {where} is packed with {SafeText(encoding, 20)}")

    def feed(self, chunk: bytes) -> None:
        """Take what came."""
        if self._engine is None:
            self._out += chunk
        else:
            while chunk:
                try:
                    self._out += self._engine.decompress(chunk, self._most + 1 - len(self._out))
                except zlib.error:
                    raise ProbeError(
                        Cause.GARBAGE, f"the answer of {self._where} says it is packed and is not"
                    ) from None
                if len(self._out) > self._most or not self._engine.eof:
                    break
                chunk = self._engine.unused_data
                self._engine = zlib.decompressobj(47) if chunk else self._engine
        if len(self._out) > self._most:
            size = f"{self._most >> 20} MiB" if self._most >> 20 else f"{self._most} bytes"
            raise ProbeError(Cause.TOO_BIG, f"the answer of {self._where} is greater than {size}")

    def whole(self) -> bytes:
        """All of it; raises `ProbeError` when the packed form ends in its middle."""
        if self._engine is not None and not self._engine.eof:
            raise ProbeError(Cause.CLOSED_EARLY, f"the packed answer of {self._where} ends in its middle")
        return bytes(self._out)


def _look_up(place: Place) -> tuple[str, ...]:
    """The addresses of a place. Blocks, a resolver may hang for half a minute."""
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise from_os_error(error, place.where) from None
    except UnicodeError:
        raise ProbeError(Cause.DNS_NX, f"no such host: {place.where}") from None
    return tuple(dict.fromkeys(str(one[4][0]) for one in found))


def _client(place: Place, timeout: float) -> httpx.AsyncClient:
    """In a thread: reading the trusted certificates takes tens of milliseconds."""
    import httpx

    limits = httpx.Limits(max_connections=TOGETHER, max_keepalive_connections=TOGETHER, keepalive_expiry=FRESH)
    transport = httpx.AsyncHTTPTransport(verify=_trust(place), limits=limits, trust_env=False, http2=False)
    limit = httpx.Timeout(timeout, connect=min(_CONNECT, timeout))
    return httpx.AsyncClient(transport=transport, timeout=limit, trust_env=False)


def _trust(place: Place) -> ssl.SSLContext | bool:
    if place.scheme != "https":
        return False
    if not place.verify:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return lenient(context)
    try:
        context = verifying(place.ca)
    except (OSError, ValueError):
        words = f"the file of authorities {place.ca} can't be read"
        raise ProbeError(Cause.LOCAL_PERM, words, "ca names a PEM file") from None
    paths = ssl.get_default_verify_paths()
    if place.ca is None and paths.cafile is None and paths.capath is None:
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        inner = one.exceptions[0] if isinstance(one, BaseExceptionGroup) and one.exceptions else None
        one = inner or one.__cause__ or one.__context__
