"""supervisord's XML-RPC over its socket: one call at a time, every reply bounded, every error in our words.

The methods that change something are named in `act` alone. Interface: http://supervisord.org/api.html.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from probes.base import Cause, Endpoint, ProbeError, SafeText, from_os_error, load, verifying

if TYPE_CHECKING:
    import xmlrpc.client

    import httpx

REPLY_LIMIT: Final = 8 << 20
"""Bytes of a reply: some ten thousand processes."""

_RAW: Final = {code: 0xE000 + code for code in range(32) if code not in (9, 10, 13)}
"""Control characters that XML forbids and supervisord sends all the same, as stand-ins while the reply is parsed."""
_BACK: Final = {stand: code for code, stand in _RAW.items()}

_SHUTTING_DOWN: Final = 6
_NO_SUCH_NAME: Final = 10
_NO_FILE: Final = 20


class Fault(ProbeError):
    """supervisord understood the call and says no."""

    def __init__(self, cause: Cause, message: str, code: int) -> None:
        super().__init__(cause, message)
        self.code = code


class Unspeakable(ProbeError):
    """supervisord failed to put its answer into words: most often a log that is not UTF-8."""


class Unsent(ProbeError):
    """The connection that a call was meant for is gone, and the call never left."""


class Rpc:
    """One supervisord. Made cheaply; connects when asked; `cut` ends every call at once."""

    def __init__(self, endpoint: Endpoint, login: tuple[str, str] | None, timeout: float) -> None:
        """`timeout` in seconds for each wait on the socket."""
        self.where = endpoint.where
        self._endpoint = endpoint
        self._login = login
        self._timeout = timeout
        self._client: httpx.AsyncClient | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._pinned = False
        """True when no other connection may be made any more."""
        self.connections = 0
        """Connections made so far: behind a new one there may be another supervisord."""

    async def call(self, method: str, *params: Any) -> Any:
        """Call `supervisor.<method>` and return its value. Raises `ProbeError`."""
        return await self._ask(f"supervisor.{method}", params, self._timeout)

    async def together(self, calls: Sequence[tuple[str, Sequence[Any]]], within: float) -> list[Any]:
        """Call several methods in one request, one after the other, and return what each gave; a dict with
        `faultCode` where one failed. It goes over the connection that is open now and over no other.

        Raises `Unsent` when that is gone, `Fault` when nothing of it was done, another `ProbeError` when nobody knows;
        `within` seconds in all.
        """
        listed = [{"methodName": f"supervisor.{name}", "params": list(params)} for name, params in calls]
        self._pinned = True
        try:
            async with asyncio.timeout(within):
                values = await self._ask("system.multicall", (listed,), within)
        except TimeoutError:
            self.cut()
            raise ProbeError(Cause.TIMEOUT_READ, f"supervisord at {self.where} gives no answer") from None
        if not isinstance(values, list) or len(values) != len(calls):
            raise ProbeError(Cause.GARBAGE, f"{self.where} does not answer as supervisord does")
        return values

    async def _ask(self, method: str, params: Sequence[Any], within: float) -> Any:
        await load("httpx", "xmlrpc.client")
        import xmlrpc.client

        import httpx

        self._client = self._client or self._new_client()
        request = xmlrpc.client.dumps(tuple(params), method, encoding="utf-8").encode()
        patience = httpx.Timeout(within, connect=min(3.0, within))
        with self._translated():
            extensions = {"trace": self._traced}
            async with self._client.stream(
                "POST", "/RPC2", content=request, extensions=extensions, timeout=patience
            ) as reply:
                body = await self._bounded(reply)
        self._check(reply.status_code)
        return self._value(body)

    def cut(self) -> None:
        """Drop the connection now, without waiting; the next call makes a fresh one."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(RuntimeError):  # no loop any more: nothing is left open
                task = asyncio.get_running_loop().create_task(client.aclose())
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Let go of the connection."""
        self.cut()
        if self._closing:
            await asyncio.wait(set(self._closing), timeout=1.0)

    async def _traced(self, event: str, info: Any) -> None:
        if self._pinned and event in ("connection.connect_tcp.started", "connection.connect_unix_socket.started"):
            raise Unsent(Cause.CLOSED_EARLY, f"{self.where} closed the connection before anything was sent")
        if event in ("connection.connect_tcp.complete", "connection.connect_unix_socket.complete"):
            self.connections += 1

    def _new_client(self) -> httpx.AsyncClient:
        import httpx

        end = self._endpoint
        uds = end.path if end.scheme == "unix" else None
        base = "http://supervisor" if uds else f"{end.scheme}://{end.where}/{end.path.removesuffix('RPC2').strip('/')}"
        secure = verifying() if end.scheme == "https" else False
        limits = httpx.Limits(max_connections=2, max_keepalive_connections=1)
        return httpx.AsyncClient(
            base_url=base,
            transport=httpx.AsyncHTTPTransport(uds=uds, limits=limits, verify=secure, trust_env=False),
            headers={"Accept-Encoding": "identity", "User-Agent": "opsroom", "Content-Type": "text/xml"},
            auth=httpx.BasicAuth(*self._login) if self._login else None,
            trust_env=False,
        )

    async def _bounded(self, reply: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in reply.aiter_raw():
            body += chunk
            if len(body) > REPLY_LIMIT:
                raise ProbeError(Cause.TOO_BIG, f"the answer of supervisord is greater than {REPLY_LIMIT >> 20} MiB")
        return bytes(body)

    def _check(self, status: int) -> None:
        if status == 200:
            return
        if status == 401:
            raise ProbeError(Cause.AUTH, f"supervisord at {self.where} wants another user or password")
        if status == 403:
            raise ProbeError(Cause.DENIED, f"{self.where} does not allow this")
        if status == 500:
            raise Unspeakable(Cause.GARBAGE, f"supervisord at {self.where} failed to answer (HTTP 500)", "see its log")
        raise ProbeError(Cause.GARBAGE, f"{self.where} does not answer as supervisord does (HTTP {status})")

    def _value(self, body: bytes) -> Any:
        """The one value of a reply. No document types and entities: they can grow without end."""
        import xmlrpc.client
        from xml.parsers.expat import ExpatError

        try:
            text = body.decode("utf-8").translate(_RAW)
            if "<!" in text:
                raise ValueError("a document type")
            values, _ = xmlrpc.client.loads(text, use_builtin_types=True)
            return _restored(values[0])
        except xmlrpc.client.Fault as fault:
            raise self._fault(fault) from None
        except (ExpatError, xmlrpc.client.Error, ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
            raise ProbeError(Cause.GARBAGE, f"{self.where} does not answer as supervisord does") from None

    def _fault(self, fault: xmlrpc.client.Fault) -> Fault:
        code = fault.faultCode if isinstance(fault.faultCode, int) else 0
        if code == _SHUTTING_DOWN:
            return Fault(Cause.OVERLOADED, "supervisord is shutting down or restarting", code)
        if code == _NO_SUCH_NAME:
            return Fault(Cause.GONE, "supervisord has no process of that name any more", code)
        if code == _NO_FILE:
            return Fault(Cause.MISSING, "supervisord keeps no such log", code)
        return Fault(Cause.GARBAGE, f"supervisord says: {SafeText(str(fault.faultString), 120)}", code)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.TransportError as error:
            self.cut()
            raise self._words(error) from None
        except ProbeError:
            self.cut()
            raise

    def _words(self, error: httpx.TransportError) -> ProbeError:
        import httpx

        if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
            return ProbeError(Cause.TIMEOUT_CONNECT, f"no answer from {self.where}")
        if isinstance(error, httpx.TimeoutException):
            return ProbeError(Cause.TIMEOUT_READ, f"supervisord at {self.where} gives no answer")
        if isinstance(error, httpx.RemoteProtocolError):
            if "disconnected" in str(error) or "closed" in str(error):
                return ProbeError(Cause.CLOSED_EARLY, f"{self.where} closed the connection before its answer was whole")
            return ProbeError(Cause.GARBAGE, f"{self.where} does not answer as supervisord does")
        found = _system_error(error)
        if found is None:
            return ProbeError(Cause.CLOSED_EARLY, f"the connection to {self.where} broke off", "is it running?")
        told = from_os_error(found, self.where)
        if told.cause is Cause.LOCAL_PERM:
            return ProbeError(told.cause, told.message, "its [unix_http_server] says who may: chmod, chown")
        return told


def _restored(value: Any) -> Any:
    """The control characters back in their places."""
    if isinstance(value, str):
        return value.translate(_BACK)
    if isinstance(value, list):
        return [_restored(one) for one in value]
    if isinstance(value, dict):
        return {name: _restored(one) for name, one in value.items()}
    return value


def _system_error(error: BaseException) -> OSError | None:
    """What the operating system said at the root of a client's exception."""
    found: OSError | None = None
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        found = one if isinstance(one, OSError) else found
        inner = one.exceptions[0] if isinstance(one, BaseExceptionGroup) and one.exceptions else None
        one = inner or one.__cause__ or one.__context__
    return found
