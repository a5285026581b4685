"""The Engine API over its socket: GET only, every reply bounded in size and time, every error in our words.

No method here can change anything; what comes back is plain JSON or raw bytes, judged elsewhere.
Reference: https://docs.docker.com/reference/api/engine/
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from probes.base import (
    BadUrl,
    Cause,
    Context,
    Endpoint,
    ProbeError,
    SafeText,
    Underway,
    from_os_error,
    load,
    parse_url,
    verifying,
)

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

DEFAULT_URL: Final = "unix:///var/run/docker.sock"
SCHEMES: Final = frozenset({"unix", "tcp", "http", "https", "ssh"})
REPLY_LIMIT: Final = 32 << 20
"""Bytes of a reply: some ten thousand containers."""
OLDEST: Final = (1, 24)
"""The oldest API that has what we read (Engine 1.12)."""
NEWEST: Final = (1, 47)
"""The newest API we know; a newer Engine is asked to speak this one."""
_COUNTING_ALREADY: Final = "disk usage operation is already running"
_TURN: Final = 30.0
"""Seconds to wait while the Engine adds up its disks for somebody else."""
_ASK_AGAIN: Final = 0.25
_SAID: Final = 160
"""Characters kept of the Engine's own error message."""
_ROOT_HINT: Final = "join the group of the socket (it gives root's power), or point url at a socket proxy"


class EngineApi:
    """One Engine. Made cheaply; connects when asked; `cut` ends every call at once."""

    def __init__(self, url: str, timeout: float, certificates: str | None = None, where: str = "") -> None:
        """`timeout` in seconds for each wait on the socket; `certificates` is a folder as DOCKER_CERT_PATH.

        `where` is what a person knows it by, when that is not its address.
        """
        self.endpoint = _endpoint(url)
        self.certificates = certificates
        self.where = where or self.endpoint.where
        self.prefix = ""
        """The version part of the path, set by `negotiate`."""
        self.connections = 0
        """Connections made so far for readings: behind a new one there may be another Engine."""
        self._timeout = timeout
        self._reads: httpx.AsyncClient | None = None
        self._streams: httpx.AsyncClient | None = None
        self._calls = Underway(lambda: self.where)

    async def negotiate(self) -> Mapping[str, Any]:
        """The Engine's `/version`; from then on a version of the API is spoken that both know."""
        self.prefix = ""  # what was agreed with another Engine may be unknown to this one
        version = await self.get("/version", limit=1 << 20)
        theirs = _version(version.get("ApiVersion")) if isinstance(version, dict) else None
        if theirs is None:
            raise ProbeError(Cause.GARBAGE, f"{self.where} does not answer like a Docker Engine")
        if theirs < OLDEST:
            need = ".".join(map(str, OLDEST))
            raise ProbeError(Cause.VERSION, f"the Engine speaks API {theirs[0]}.{theirs[1]}, {need} is needed")
        spoken = max(min(theirs, NEWEST), _version(version.get("MinAPIVersion")) or OLDEST)
        self.prefix = f"/v{spoken[0]}.{spoken[1]}"
        return dict(version)

    async def get(self, path: str, query: Mapping[str, str] | None = None, limit: int = REPLY_LIMIT) -> Any:
        """The JSON at `path`. Raises `ProbeError`."""
        return await self._calls.run(self._get(path, query, limit))

    async def disk_usage(self) -> Any:
        """The JSON at `/system/df`. An Engine adds it up for one at a time: others wait here for their turn."""
        turn = asyncio.get_running_loop().time() + _TURN
        while True:
            try:
                return await self.get("/system/df")
            except ProbeError as error:
                if _COUNTING_ALREADY not in error.message or asyncio.get_running_loop().time() >= turn:
                    raise
            await asyncio.sleep(_ASK_AGAIN)

    async def _get(self, path: str, query: Mapping[str, str] | None, limit: int) -> Any:
        await load("httpx")
        self._reads = self._reads or self._client(connections=8, read=self._timeout)
        with self._translated():
            extensions = {"trace": self._traced}
            async with self._reads.stream("GET", self.prefix + path, params=query, extensions=extensions) as reply:
                body = await read_whole(reply, limit)
        self._check(reply.status_code, body)
        return self._parsed(body)

    async def _traced(self, event: str, info: Any) -> None:
        if event in ("connection.connect_tcp.complete", "connection.connect_unix_socket.complete"):
            self.connections += 1

    async def stream(self, path: str, query: Mapping[str, str] | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes at `path` as they come, until the Engine ends it or the iterator is closed."""
        await load("httpx")
        streams = self._streams = self._streams or self._client(connections=None, read=None)
        try:
            with self._translated():
                async with streams.stream("GET", self.prefix + path, params=query) as reply:
                    if reply.status_code >= 300:
                        self._check(reply.status_code, await read_whole(reply, 1 << 16))
                    async for chunk in reply.aiter_raw():
                        yield chunk
        except ProbeError:
            if self._streams is streams:
                raise
            raise ProbeError(Cause.CLOSED_EARLY, f"the connection to {self.where} was cut") from None

    def cut(self) -> None:
        """End every call now, without waiting; the next one connects afresh."""
        self._calls.cut()
        old, self._reads, self._streams = (self._reads, self._streams), None, None
        for client in old:
            if client is not None:
                self._calls.leave(client.aclose)

    async def close(self) -> None:
        """End every call and let go of every connection."""
        self.cut()
        await self._calls.left()

    def _client(self, connections: int | None, read: float | None) -> httpx.AsyncClient:
        import httpx

        base, uds = _base(self.endpoint)
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections or 0)
        verify = _tls(self.certificates) if base.startswith("https") or self.certificates else False
        if self.certificates:
            base = base.replace("http://", "https://", 1)
        return httpx.AsyncClient(
            base_url=base,
            transport=httpx.AsyncHTTPTransport(uds=uds, limits=limits, verify=verify, trust_env=False),
            timeout=httpx.Timeout(self._timeout, read=read, connect=min(3.0, self._timeout)),
            headers={"Accept-Encoding": "identity", "User-Agent": "opsroom"},
            trust_env=False,
        )

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.TransportError as error:
            raise self._words(error) from None

    def _words(self, error: httpx.TransportError) -> ProbeError:
        import httpx

        if isinstance(error, httpx.ConnectTimeout):
            return ProbeError(Cause.TIMEOUT_CONNECT, f"no answer from {self.where}")
        if isinstance(error, httpx.TimeoutException):
            return ProbeError(Cause.TIMEOUT_READ, f"the Docker Engine at {self.where} gives no answer")
        if isinstance(error, httpx.RemoteProtocolError):
            if "disconnected" in str(error) or "closed" in str(error):
                return ProbeError(Cause.CLOSED_EARLY, f"{self.where} closed the connection before its answer was whole")
            return ProbeError(Cause.GARBAGE, f"{self.where} does not speak HTTP as a Docker Engine does")
        found = _system_error(error)
        if found is None:
            return ProbeError(Cause.REFUSED, f"cannot reach {self.where}", "is it running?")
        told = from_os_error(found, self.where)
        hint: str | SafeText = _ROOT_HINT if told.cause is Cause.LOCAL_PERM else told.hint
        return ProbeError(told.cause, told.message, hint)

    def _check(self, status: int, body: bytes) -> None:
        """Raise for an answer that says no."""
        if status < 300:
            return
        if status in (401, 403):
            raise ProbeError(
                Cause.DENIED, f"{self.where} does not allow us to read this", "allow it in the socket proxy"
            )
        if body.lstrip()[:1] == b"<":
            raise ProbeError(Cause.GARBAGE, f"{self.where} answered with a web page (HTTP {status}), not as an Engine")
        said = said_by(body)
        if b"HTTP request to an HTTPS" in body:
            raise ProbeError(Cause.TLS_PLAIN, f"{self.where} wants TLS", "set tls to the folder of the certificates")
        if status == 404 and body.lstrip()[:1] != b"{":  # an Engine always says in JSON what it does not find
            raise ProbeError(Cause.GARBAGE, f"{self.where} answered HTTP 404, and not as a Docker Engine does")
        if status == 404:
            raise ProbeError(Cause.GONE, f"no longer there: {said}")
        if "does not support reading" in said:
            raise ProbeError(Cause.MISSING, "its log goes where the Engine can't read it back", "see its log driver")
        if "version" in said and status == 400:
            raise ProbeError(Cause.VERSION, f"the Engine speaks another version: {said}")
        if status == 429 or "too many" in said:
            raise ProbeError(Cause.THROTTLED, f"the Engine is overloaded: {said}")
        raise ProbeError(Cause.GARBAGE if status < 500 else Cause.OVERLOADED, f"the Engine said HTTP {status}: {said}")

    def _parsed(self, body: bytes) -> Any:
        if body.lstrip()[:1] == b"<":
            raise ProbeError(Cause.GARBAGE, f"{self.where} answered with a web page, not as a Docker Engine")
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            start = SafeText(body, 60)
            raise ProbeError(Cause.GARBAGE, f"{self.where} did not answer with JSON: {start}") from None


def chosen_url(url: str | None, context: Context) -> str:
    """The Engine's address: the one in the profile, else as DOCKER_HOST says, else the usual socket."""
    url = url or os.environ.get("DOCKER_HOST") or DEFAULT_URL
    if not url.startswith(("env:", "file:")):
        return url
    try:
        return context.secrets.resolve(url)
    except LookupError as error:
        raise ProbeError(Cause.AUTH, f"the Engine's url: {error}") from None


def tls_folder(environ: Mapping[str, str]) -> str | None:
    """The folder of certificates the docker command line would use, if it would use TLS at all."""
    if not environ.get("DOCKER_TLS_VERIFY"):
        return None
    return environ.get("DOCKER_CERT_PATH") or os.path.expanduser("~/.docker")


def _endpoint(url: str) -> Endpoint:
    try:
        endpoint = parse_url(url, SCHEMES, 2375)
    except BadUrl as error:
        raise ProbeError(Cause.REFUSED, f"the address of the Engine {error}") from None
    if endpoint.scheme == "ssh":
        raise ProbeError(
            Cause.MISSING,
            "an Engine behind ssh:// can't be read by its url",
            f'take url out and set ssh = "{SafeText(endpoint.host, 80)}"',
        )
    return endpoint


def _base(endpoint: Endpoint) -> tuple[str, str | None]:
    """(base url, unix socket path) for the client."""
    if endpoint.scheme == "unix":
        return "http://docker", endpoint.path or f"/{endpoint.host}"
    scheme = "https" if endpoint.scheme == "https" else "http"
    return f"{scheme}://{endpoint.where}", None


def _tls(folder: str | None) -> ssl.SSLContext:
    """TLS that always verifies the Engine; with our own certificate when there is one."""
    try:
        if folder is None:
            return verifying()
        context = verifying(os.path.join(folder, "ca.pem"))
        if os.path.exists(os.path.join(folder, "cert.pem")):
            context.load_cert_chain(os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem"))
    except OSError:
        raise ProbeError(
            Cause.LOCAL_PERM, "the TLS certificates for the Engine can't be read", "tls names their folder"
        ) from None
    return context


async def read_whole(reply: httpx.Response, limit: int) -> bytes:
    """The body of an answer; `ProbeError(Cause.TOO_BIG)` when it is greater than `limit` bytes."""
    body = bytearray()
    async for chunk in reply.aiter_raw():
        body += chunk
        if len(body) > limit:
            raise ProbeError(Cause.TOO_BIG, f"the Engine's answer is greater than {limit >> 20} MiB")
    return bytes(body)


def _version(text: object) -> tuple[int, int] | None:
    if not isinstance(text, str):
        return None
    major, _, minor = text.partition(".")
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else None


def said_by(body: bytes) -> str:
    """What the Engine says about an error, one safe line."""
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(body)
        if isinstance(found, dict) and isinstance(found.get("message"), str):
            return str(SafeText(found["message"], _SAID))
    return str(SafeText(body.strip(), _SAID)) or "no reason given"


def _system_error(error: BaseException) -> OSError | None:
    """What the operating system said at the root of a client's exception."""
    found: OSError | None = None
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        if isinstance(one, OSError):
            found = one
        if isinstance(one, BaseExceptionGroup) and one.exceptions:
            one = one.exceptions[0]
        else:
            one = one.__cause__ or one.__context__
    return found
