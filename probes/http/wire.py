"""One HTTP request at a time, every part of it bounded: names, connections, redirects, header, body, time.

Names are looked up by us, in our own threads, and the address that was checked is the address that is used. Nothing is
sent but to the configured place and, without our headers, to where it redirects; never to a link-local address.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from probes.base import Cause, Lane, ProbeError, SafeText, from_os_error
from probes.base.x509 import Certificate, read_certificate
from probes.http.facts import Timing
from probes.http.reach import Place, changed_at, forbidden, look_up, peek, place_of, shown, tls_context
from probes.http.unpack import Inflate

if TYPE_CHECKING:
    import httpcore
    import httpx

T = TypeVar("T")

BODY_LIMIT: Final = 1 << 20
"""Bytes read of a body, before and after decompression."""
REDIRECTS: Final = 2
"""Redirects followed at most."""
FRESH: Final = 30.0
"""Seconds a connection and its address are used: then the name is looked up and a new connection made, so that an
endpoint which takes no new connections is noticed."""
_CONNECT: Final = 3.0
TRIED: Final = 3
"""Addresses of a name that are tried."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request, ready to be sent; holds secrets and is never shown."""

    url: str = field(repr=False)
    """Without user and password."""
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    verify: bool = True
    ca: str | None = None
    through_proxy: bool = False
    """True to heed HTTP_PROXY and its like."""
    follow: int = REDIRECTS
    """Redirects followed at most."""
    limit: int = BODY_LIMIT
    """Bytes read of the body."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole or as much as is read."""

    status: int
    reason: SafeText
    headers: Mapping[str, str]
    """Names in lower case; values as they came, not safe to show."""
    body: bytes
    cut: bool = False
    timing: Timing = field(default_factory=Timing)
    certificate: Certificate | None = None
    notes: tuple[SafeText, ...] = ()


class Wire:
    """The connection of one target. Made cheaply; `cut` ends everything at once."""

    def __init__(self, name: str, timeout: float, monotonic: Callable[[], float]) -> None:
        """`timeout` in seconds for each wait on the socket."""
        self._timeout = timeout
        self._monotonic = monotonic
        self._lane = Lane(f"http-{name}", limit=2)
        self._client: httpx.AsyncClient | None = None
        self._made = 0.0
        self._addresses: dict[Place, tuple[str, ...]] = {}
        self._certificate: Certificate | None = None
        self._established: float | None = None
        self._lookup: float | None = None
        self._bare: httpcore.AsyncNetworkStream | None = None
        """A connection whose TLS handshake is not done: nobody else closes it when the deadline passes."""
        self._closing: set[asyncio.Task[None]] = set()
        self._asking: asyncio.Task[Answer] | None = None
        self.got = 0
        """Bytes of the body that have come so far."""
        self.connected = False
        """True once the present request has a connection."""

    async def ask(self, ask: Ask, within: float, where: str) -> Answer:
        """`fetch`, `within` seconds at most; `abort` ends it while somebody waits. `where` is for words."""
        task = self._asking = asyncio.ensure_future(self.fetch(ask))
        try:
            async with asyncio.timeout(within):
                return await task
        except TimeoutError:
            raise self.too_late(where) from None
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if waiting is not None and waiting.cancelling():
                raise
            raise ProbeError(Cause.CLOSED_EARLY, f"the connection to {where} was cut") from None
        finally:
            task.cancel()

    def abort(self) -> None:
        """Cut the connection; a request under way ends at once."""
        if self._asking is not None:
            self._asking.cancel()
        self.cut()

    async def fetch(self, ask: Ask) -> Answer:
        """Send the request and read the answer, after its redirects. Raises `ProbeError`."""
        self.got, self.connected, self._lookup = 0, False, None
        await self._ready(ask)
        notes: list[SafeText] = []
        first = place_of(ask.url)
        answer = await self._once(ask, await self._reach(first, ask), first)
        for _ in range(ask.follow):
            if answer.status not in (301, 302, 303, 307, 308):
                break
            target, refused = self._redirect(ask.url, answer.headers.get("location", ""))
            if refused or target is None:
                notes.append(SafeText(refused or "redirects to nowhere", 200))
                break
            place = place_of(target)
            addresses = await self._after(target, self._reach(place, ask))
            if any(forbidden(one, self._addresses.get(first, ())) for one in addresses):
                notes.append(SafeText(f"redirect to {shown(target)} not followed: it is a local address", 200))
                break
            notes.append(SafeText(f"redirected to {shown(target)}", 200))
            kept = ask.headers if place == first else ()
            ask = replace(ask, url=target, headers=kept, method="GET" if answer.status == 303 else ask.method)
            answer = await self._after(target, self._once(ask, addresses, place))
        return replace(answer, notes=(*notes, *answer.notes))

    def cut(self) -> None:
        """Drop the connection now; the next request makes a fresh one."""
        client, self._client = self._client, None
        bare, self._bare = self._bare, None
        self._addresses.clear()
        if bare is not None:
            self._end(bare.aclose())
        if client is not None:
            self._end(client.aclose())

    def _end(self, closing: Coroutine[Any, Any, None]) -> None:
        try:
            task = asyncio.get_running_loop().create_task(closing)
        except RuntimeError:  # no loop any more: nothing is left open
            closing.close()
            return
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Let go of everything."""
        self.cut()
        self._lane.close()
        if self._closing:
            await asyncio.wait(set(self._closing), timeout=1.0)

    async def _after(self, target: str, step: Coroutine[Any, Any, T]) -> T:
        """A step of a request to where we were redirected: an error says so."""
        try:
            return await step
        except ProbeError as error:
            words = f"redirected to {shown(target)}: {error.message}"
            raise ProbeError(error.cause, words, error.hint) from None

    # one request

    async def _ready(self, ask: Ask) -> None:
        """A client, made anew when the old one has been used long enough."""
        now = self._monotonic()
        if self._client is not None and now - self._made < FRESH:
            return
        self.cut()
        self._client = await self._lane.run(client_for, ask, self._timeout)
        self._made, self._established = now, None

    async def _reach(self, place: Place, ask: Ask) -> tuple[str, ...]:
        """The addresses of a place; its own name when a proxy looks it up."""
        if ask.through_proxy:
            return (place.host,)
        if place not in self._addresses:
            began = self._monotonic()
            self._addresses[place] = await self._lane.run(look_up, place)
            self._lookup = self._monotonic() - began
        return self._addresses[place]

    async def _once(self, ask: Ask, addresses: tuple[str, ...], place: Place) -> Answer:
        """Try the addresses in turn; a kept connection that turns out to be dead is tried once more, afresh."""
        last: ProbeError | None = None
        self.connected = False
        for address in addresses[:TRIED]:
            try:
                return await self._exchange(ask, address, place)
            except _Retry:
                return await self._exchange(ask, address, place, again=True)
            except ProbeError as error:
                if error.cause not in (Cause.REFUSED, Cause.TIMEOUT_CONNECT) or self.connected:
                    raise
                last = error
        raise last or ProbeError(Cause.DNS_NX, f"no such host: {place.where}")

    async def _exchange(self, ask: Ask, address: str, place: Place, again: bool = False) -> Answer:
        import httpx

        assert self._client is not None
        steps = _Steps(self._monotonic)
        try:
            async with self._sent(ask, address, place, steps) as reply:
                self._learn(reply, steps)
                body, cut, odd = await self._body(reply, ask.limit)
        except httpx.TransportError as error:
            reused = "connect_tcp.started" not in steps.at
            dropped = isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError)
            if reused and dropped and not again and not self.got:
                raise _Retry from None
            raise await self._words(error, ask, address, place, steps) from None
        headers = {name.lower(): value for name, value in reply.headers.items()}
        reason = SafeText(reply.extensions.get("reason_phrase", b""), 60)
        timing = replace(steps.timing(), lookup=self._lookup, established=self._established)
        return Answer(reply.status_code, reason, headers, body, cut, timing, self._certificate, odd)

    @contextlib.asynccontextmanager
    async def _sent(self, ask: Ask, address: str, place: Place, steps: _Steps) -> AsyncGenerator[httpx.Response, None]:
        """The answer, its header read; the connection is given back or closed behind."""
        import httpx

        assert self._client is not None
        url = httpx.URL(ask.url)
        headers = {"Host": url.netloc.decode("ascii"), **HEADERS, **dict(ask.headers)}
        extensions: dict[str, Any] = {"trace": self._watch(steps)}
        if url.scheme == "https":
            extensions["sni_hostname"] = place.host
        request = self._client.build_request(
            ask.method,
            url if ask.through_proxy else url.copy_with(host=address),
            headers=headers,
            extensions=extensions,
        )
        reply = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            yield reply
        finally:
            await reply.aclose()
            self._client.cookies.clear() if self._client is not None else None

    def _watch(self, steps: _Steps) -> Callable[[str, Any], Any]:
        async def told(event: str, info: Any) -> None:
            steps.mark(event.partition(".")[2])
            if event == "connection.connect_tcp.complete":
                self._bare = info["return_value"]
            elif event == "connection.start_tls.complete":
                self._bare = None
            if event.endswith("send_request_headers.started"):
                self.connected, self._bare = True, None

        return told

    def _learn(self, reply: httpx.Response, steps: _Steps) -> None:
        """What a new connection shows: how long it took and who is there."""
        if "connect_tcp.started" not in steps.at:
            return
        self._established = steps.between("connect_tcp.started", "send_request_headers.started")
        stream = reply.extensions.get("network_stream")
        tls = stream.get_extra_info("ssl_object") if stream is not None else None
        der = tls.getpeercert(binary_form=True) if tls is not None else None
        self._certificate = read_certificate(der) if der else None

    async def _body(self, reply: httpx.Response, limit: int) -> tuple[bytes, bool, tuple[SafeText, ...]]:
        """(body, cut, notes). Decompressed by us, so that no small answer becomes a great one in memory."""
        encoding = reply.headers.get("content-encoding", "").strip().lower()
        pump = Inflate(encoding, limit)
        async for chunk in reply.aiter_raw(1 << 16):
            self.got += len(chunk)
            pump.feed(chunk)
            if len(pump.out) >= limit or self.got >= limit:
                return bytes(pump.out[:limit]), True, pump.notes
        return bytes(pump.out), False, pump.notes

    def _redirect(self, base: str, location: str) -> tuple[str | None, str]:
        """(where to, why not)."""
        import httpx

        try:
            target = httpx.URL(base).join(location.strip()[:4096])
        except (httpx.InvalidURL, ValueError, TypeError):
            return None, "redirects to an address that can't be read"
        if not location or not target.host:
            return None, "redirects without saying where"
        if target.scheme != httpx.URL(base).scheme:
            return None, f"redirect to {shown(str(target))} not followed: another scheme"
        return str(target.copy_with(userinfo=b"", fragment=None)), ""

    # why it failed

    async def _words(
        self, error: httpx.TransportError, ask: Ask, address: str, place: Place, steps: _Steps
    ) -> ProbeError:
        import httpx

        where = place.where
        if isinstance(error, httpx.ConnectTimeout) and self._bare is not None:
            return self.too_late(where)
        if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
            return ProbeError(
                Cause.TIMEOUT_CONNECT, f"no connection to {where} within {min(_CONNECT, self._timeout):g} s"
            )
        if isinstance(error, httpx.TimeoutException):
            return self.too_late(where)
        if isinstance(error, httpx.RemoteProtocolError):
            return self._broken(str(error), where)
        if isinstance(error, httpx.ProxyError | httpx.UnsupportedProtocol):
            return ProbeError(Cause.REFUSED, f"the proxy for {where} does not let this through")
        found = system_error(error)
        if isinstance(found, ssl.SSLCertVerificationError):
            return await self._untrusted(found, address, place)
        if isinstance(found, ssl.SSLError):
            return from_os_error(found, where)
        if steps.failed_tls or (
            ask.url.startswith("https:") and not self.connected and "connect_tcp.complete" in steps.at
        ):
            return ProbeError(Cause.TLS_PLAIN, f"{where} does not speak TLS as expected", "does it serve plain http?")
        if found is not None:
            return from_os_error(found, where)
        if self.connected:
            return ProbeError(Cause.CLOSED_EARLY, f"{where} closed the connection before its answer was whole")
        return ProbeError(Cause.REFUSED, f"cannot reach {where}", "is it running?")

    def too_late(self, where: str) -> ProbeError:
        """The deadline passed: how far the request had come by then."""
        if not self.connected and self._bare is not None:
            return ProbeError(
                Cause.TIMEOUT_CONNECT, f"{where} does not finish the TLS handshake", "does it serve http?"
            )
        if not self.connected:
            return ProbeError(Cause.TIMEOUT_CONNECT, f"no connection to {where} in time")
        if self.got:
            return ProbeError(Cause.TIMEOUT_READ, f"the answer of {where} stopped after {self.got} bytes")
        return ProbeError(Cause.TIMEOUT_READ, f"{where} takes connections but gives no answer")

    def _broken(self, said: str, where: str) -> ProbeError:
        if "disconnected" in said or "closed" in said:
            return ProbeError(Cause.CLOSED_EARLY, f"{where} closed the connection before its answer was whole")
        if "too large" in said or "too long" in said or "Receive buffer" in said:
            return ProbeError(Cause.TOO_BIG, f"the header of the answer of {where} is greater than 100 KiB")
        return ProbeError(Cause.GARBAGE, f"{where} does not answer as an HTTP server does")

    async def _untrusted(self, error: ssl.SSLCertVerificationError, address: str, place: Place) -> ProbeError:
        """Say what the certificate is that can't be trusted; it is fetched for its words only and nothing is sent."""
        told = from_os_error(error, place.where)
        found = await peek(address, place)
        if found is None:
            return told
        self._certificate = found
        until = f", ended {found.not_after:%Y-%m-%d}" if told.cause is Cause.TLS_EXPIRED and found.not_after else ""
        names = ", ".join(map(str, found.names[:3])) or str(found.subject)
        issuer = "itself" if found.self_signed else str(found.issuer) or "nobody named"
        hint = "" if told.cause is Cause.TLS_EXPIRED else "set ca to the file of the authority that signs it"
        if told.cause is Cause.TLS_NAME:
            hint = "is this the right server?"
        return ProbeError(told.cause, f"{told.message}: it is for {names}, signed by {issuer}{until}", hint)


def client_for(ask: Ask, seconds: float) -> httpx.AsyncClient:
    """A client for a place, to be made in a thread: reading the trusted certificates takes tens of milliseconds.

    `seconds` is for each wait on a socket. It repeats nothing by itself.
    """
    import httpx

    verify = tls_context(ask.verify, ask.ca, changed_at(ask.ca)) if ask.url.startswith("https:") else False
    limits = httpx.Limits(max_connections=4, max_keepalive_connections=2, keepalive_expiry=FRESH)
    timeout = httpx.Timeout(seconds, connect=min(_CONNECT, seconds))
    if ask.through_proxy:
        return httpx.AsyncClient(verify=verify, limits=limits, timeout=timeout, trust_env=True)
    transport = httpx.AsyncHTTPTransport(verify=verify, limits=limits, trust_env=False, http2=False)
    return httpx.AsyncClient(transport=transport, timeout=timeout, trust_env=False)


class _Retry(Exception):
    """A kept connection was dead already."""


HEADERS: Final = {
    "User-Agent": "opsroom",
    "Accept": "application/json, text/plain;q=0.9, */*;q=0.5",
    "Accept-Encoding": "identity",
    "Cache-Control": "no-cache",
}


class _Steps:
    """When each step of a request began and ended, in monotonic seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self.at: dict[str, float] = {}
        self.failed_tls = False

    def mark(self, step: str) -> None:
        self.at.setdefault(step, self._monotonic())
        self.failed_tls = self.failed_tls or step == "start_tls.failed"

    def between(self, first: str, last: str) -> float | None:
        if first not in self.at or last not in self.at:
            return None
        return max(0.0, self.at[last] - self.at[first])

    def timing(self) -> Timing:
        self.mark("end")
        return Timing(
            connect=self.between("connect_tcp.started", "connect_tcp.complete"),
            tls=self.between("start_tls.started", "start_tls.complete"),
            first_byte=self.between("send_request_body.complete", "receive_response_headers.complete"),
            total=self.between("send_request_headers.started", "end"),
        )


def system_error(error: BaseException) -> OSError | None:
    """What the operating system or TLS said, deepest in a client's exception."""
    return next((one for one in reversed(list(_chain(error))) if isinstance(one, OSError)), None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        inner = one.exceptions[0] if isinstance(one, BaseExceptionGroup) and one.exceptions else None
        one = inner or one.__cause__ or one.__context__
