"""The API server: GET only, every answer bounded in size and time, every error in our words. Changes nothing.

Concepts (paging, continue tokens, partial metadata): https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from probes.base import Cause, Context, Lane, ProbeError, Underway, load
from probes.kubernetes.complaints import Asked, Expired, Throttled, broken, refusal, shut_out
from probes.kubernetes.kubeconfig import Place
from probes.kubernetes.login import Credentials
from probes.kubernetes.pages import page
from probes.kubernetes.parse import Row
from probes.kubernetes.settings import KubernetesSettings, pinned

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

REPLY_LIMIT: Final = 32 << 20
"""Bytes of one answer, unpacked: a page of 500 pods has some 4 MiB."""
PAGE: Final = 500
"""Objects asked for at a time."""
_SMALL_PAGE: Final = 50
"""Objects asked for at a time where 500 are greater than an answer may be."""
MOST: Final = 20_000
"""Objects of one list that are read."""
_CLOSE: Final = 2.0
"""Seconds two clocks may differ for all we can tell from whole seconds and a journey."""
_AGES: Final = 1e9
_CONNECTIONS: Final = 8
_CONNECT: Final = 3.0
_INLINE: Final = 1 << 16
"""Bytes of an answer up to which it is taken apart at once, not in a thread."""
AGENT: Final = "opsroom"
JSON: Final = "application/json"
METADATA: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
"""Asks for names and dates alone, where the content is long or nobody's business."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A sort of object as this cluster serves it."""

    name: str
    """Its plural: "pods"."""
    group: str = ""
    version: str = "v1"
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "", part: str = "") -> str:
        """Where a list of them, one of them or a part of one is; no namespace: all of them."""
        base = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return "/".join(filter(None, (f"{base}{within}/{self.name}", name, part)))


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A list, whole or as much of it as is read."""

    items: list[T]
    left: int = 0
    """Objects that were not read, as far as the server tells; at least 1 when some were not."""


class KubeApi:
    """One API server. Made cheaply; finds its cluster and connects when asked; `cut` ends every call at once."""

    def __init__(self, settings: KubernetesSettings, context: Context, name: str = "kubernetes") -> None:
        """`name` is the target's, for the names of its threads."""
        self._settings = settings
        self._context = context
        self._lane = Lane(name, limit=2)
        self._place: Place | None = None
        self._credentials: Credentials | None = None
        self._reads: httpx.AsyncClient | None = None
        self._streams: httpx.AsyncClient | None = None
        self._given = b""
        """The certificate the open connections were made with."""
        self._opening = asyncio.Lock()
        self._parsing = asyncio.Lock()
        self._calls = Underway(lambda: "the API server")
        self._waits: float | None = None
        """Until when the server asked us to wait, monotonic."""
        self.skew: float | None = None
        """Seconds the server's clock is ahead of ours; 0 when no difference can be told."""

    @property
    def place(self) -> Place:
        """The cluster; known once something was asked."""
        if self._place is None:
            raise ProbeError(Cause.INTERNAL, "the cluster has not been looked up yet")
        return self._place

    def server_time(self) -> datetime:
        """Now, by the server's clock where it has told it; aware UTC."""
        return self._context.now() + timedelta(seconds=self.skew or 0.0)

    async def locate(self) -> Place:
        """The cluster these settings lead to; the same ever after."""
        if self._place is None:
            async with self._opening:
                if self._place is None:
                    await load("yaml")
                    place = await self._lane.run(pinned, self._settings)
                    within = max(1.0, self._settings.timeout * 0.7)
                    now, monotonic = self._context.now, self._context.monotonic
                    self._credentials = Credentials(place, self._lane, within, now, monotonic)
                    self._place = place
        return self._place

    async def get(
        self,
        path: str,
        asked: Asked,
        query: Mapping[str, str] | None = None,
        accept: str = JSON,
        limit: int = REPLY_LIMIT,
    ) -> Any:
        """The JSON at `path`. Raises `ProbeError`."""
        body = await self._calls.run(self._get(path, asked, query, accept, limit))
        return await self._parsed(body, json.loads)

    async def listed(
        self,
        resource: Resource,
        keep: Callable[[Row], T | None],
        namespace: str = "",
        query: Mapping[str, str] | None = None,
        accept: str = JSON,
        most: int = MOST,
        within: float | None = None,
    ) -> Listed[T]:
        """All objects of a sort, page by page; of each only what `keep` makes of it stays. Raises `ProbeError`.

        A list that is not kept any more while it is paged through is begun again, once. `within` is the seconds after
        which no further page is asked for.
        """
        size = PAGE
        until = None if within is None else self._context.monotonic() + within
        for attempt in range(3):
            try:
                return await self._pages(resource, keep, namespace, dict(query or {}), accept, most, size, until)
            except Expired:
                if attempt:
                    break
            except ProbeError as error:
                if error.cause is not Cause.TOO_BIG or size == _SMALL_PAGE:
                    raise
                size = _SMALL_PAGE
        raise ProbeError(Cause.SLOW, f"the list of {resource.name} changes faster than it can be read")

    async def _pages(
        self,
        resource: Resource,
        keep: Callable[[Row], T | None],
        namespace: str,
        query: dict[str, str],
        accept: str,
        most: int,
        size: int,
        until: float | None,
    ) -> Listed[T]:
        found: list[T] = []
        asked = Asked("list", resource.name, namespace)
        seen = 0
        token = ""
        while True:
            query |= {"limit": str(min(size, most - seen))} | ({"continue": token} if token else {})
            path = resource.path(namespace)
            body = await self._calls.run(self._get(path, asked, query, accept, REPLY_LIMIT))
            got = await self._parsed(body, lambda answer: page(answer, keep))
            if got is None:
                raise ProbeError(Cause.GARBAGE, f"{self.place.where} did not answer with a list of {resource.name}")
            found += got.kept
            seen += got.number
            token = got.token
            if not token:
                return Listed(found)
            late = until is not None and self._context.monotonic() > until
            if seen >= most or not got.number or late:
                return Listed(found, max(1, got.left))

    async def stream(self, path: str, asked: Asked, query: Mapping[str, str]) -> AsyncGenerator[bytes, None]:
        """The bytes at `path` as they come, until the server ends it or the iterator is closed."""
        await self._opened()
        headers = await self._headers("*/*")
        client, place = self._streams, self.place
        assert client is not None
        with self._translated():
            async with client.stream(
                "GET", place.server + path, params=query, headers=headers, extensions=_extensions(place)
            ) as reply:
                self._learn(reply)
                if reply.status_code >= 300:
                    raise self._refused(reply, await _whole(reply.aiter_bytes(), 1 << 16, place.where), asked)
                async for chunk in reply.aiter_bytes():
                    yield chunk

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
        self._lane.close()
        await self._calls.left()

    # one call

    async def _get(self, path: str, asked: Asked, query: Mapping[str, str] | None, accept: str, limit: int) -> bytes:
        """The body; a login that is refused is renewed once, where it can be."""
        renewed = False
        while True:
            self._heed_wait()
            await self._opened()
            status, body, refused = await self._once(path, asked, query, await self._headers(accept), limit)
            if refused is None:
                return body
            assert self._credentials is not None
            if isinstance(refused, Throttled):
                self._waits = self._context.monotonic() + refused.seconds
            if status != 401 or renewed or not self._credentials.renewable:
                raise refused
            self._credentials.forget()
            renewed = True

    async def _once(
        self, path: str, asked: Asked, query: Mapping[str, str] | None, headers: list[tuple[str, str]], limit: int
    ) -> tuple[int, bytes, ProbeError | None]:
        client, place = self._reads, self.place
        if client is None:
            raise ProbeError(Cause.CLOSED_EARLY, f"the connection to {place.where} was cut")
        with self._translated():
            async with client.stream(
                "GET", place.server + path, params=query, headers=headers, extensions=_extensions(place)
            ) as reply:
                self._learn(reply)
                packed = reply.headers.get("content-encoding", "").lower() == "gzip"
                body = await _whole(reply.aiter_raw() if packed else reply.aiter_bytes(), limit, place.where)
        if packed:  # a page of pods is ten times as long when it is unpacked
            body = await self.aside(_unpacked, body, limit, place.where)
        refused = self._refused(reply, body, asked) if reply.status_code >= 300 else None
        return reply.status_code, body, refused

    def _refused(self, reply: httpx.Response, body: bytes, asked: Asked) -> ProbeError:
        assert self._credentials is not None
        remedy = self._credentials.remedy
        return refusal(reply.status_code, reply.headers, body, asked, self.place.where, remedy, self.skew)

    def _heed_wait(self) -> None:
        """Send nothing while the server wants us to wait."""
        left = (self._waits or 0.0) - self._context.monotonic()
        if self._waits is not None and left > 0:
            raise Throttled(left, f"the API server asked us to wait; tries again in {max(1.0, left):.0f} s")
        self._waits = None

    def _learn(self, reply: httpx.Response) -> None:
        """The server's clock."""
        with contextlib.suppress(ValueError, TypeError, KeyError, IndexError):
            told = parsedate_to_datetime(reply.headers["date"])
            seconds = (told - self._context.now()).total_seconds() + 0.5  # a Date has whole seconds, cut off
            self.skew = None if abs(seconds) > _AGES else 0.0 if abs(seconds) < _CLOSE else seconds

    # the connection

    async def _headers(self, accept: str) -> list[tuple[str, str]]:
        assert self._credentials is not None
        async with self._opening:
            return [*await self._credentials.headers(), ("Accept", accept)]

    async def _opened(self) -> None:
        """A client with our login; made anew when the login's certificate has been renewed."""
        place = await self.locate()
        await load("httpx")
        async with self._opening:
            credentials = self._credentials
            assert credentials is not None
            if self._reads is not None and self._given != await credentials.fingerprint():
                self._calls.leave(self._reads.aclose)
                self._reads, self._streams = None, None
            if self._reads is not None and self._streams is not None:
                return
            tls, self._given = await credentials.tls() if place.server.startswith("https") else (None, b"")
            timeout = self._settings.timeout
            self._reads = self._reads or self._client(place, tls, _CONNECTIONS, timeout)
            self._streams = self._streams or self._client(place, tls, None, None)

    def _client(self, place: Place, tls: Any, connections: int | None, read: float | None) -> httpx.AsyncClient:
        import httpx

        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections or 0)
        try:
            proxy = httpx.Proxy(place.proxy) if place.proxy else None
            transport = httpx.AsyncHTTPTransport(verify=tls or False, limits=limits, trust_env=False, proxy=proxy)
        except (ValueError, ImportError):
            words = "the proxy to the API server can't be used: http:// and https:// ones can"
            raise ProbeError(Cause.MISSING, words) from None
        return httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(self._settings.timeout, read=read, connect=min(_CONNECT, self._settings.timeout)),
            headers={"Accept-Encoding": "gzip", "User-Agent": AGENT},
            trust_env=False,
            follow_redirects=False,
        )

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.TransportError as error:
            raise broken(error, self.place.where, bool(self.place.proxy)) from None
        except ssl.SSLError as error:  # in TLS 1.3 a server refuses our certificate while we wait for its answer
            raise shut_out(error, self.place.where) from None
        except (httpx.DecodingError, httpx.InvalidURL):
            raise ProbeError(Cause.GARBAGE, f"{self.place.where} does not answer as an API server does") from None

    # what came

    async def _parsed(self, body: bytes, parse: Callable[[bytes], T]) -> T:
        """What `parse` makes of an answer; a long one is taken apart in a thread, one at a time."""
        where = self.place.where
        if len(body) <= _INLINE:
            return _checked(body, parse, where)
        return await self.aside(_checked, body, parse, where)

    async def aside(self, work: Callable[..., T], *given: Any) -> T:
        """Work that may take long, done in a thread while keys are answered; one at a time."""
        async with self._parsing:
            return await self._lane.run(work, *given)


def _extensions(place: Place) -> dict[str, Any]:
    return {"sni_hostname": place.tls_name} if place.tls_name else {}


async def _whole(chunks: AsyncIterator[bytes], limit: int, where: str) -> bytes:
    """The body of an answer; `ProbeError(Cause.TOO_BIG)` when it is greater than `limit` bytes."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > limit:
            raise _too_big(limit, where)
    return bytes(body)


def _unpacked(body: bytes, limit: int, where: str) -> bytes:
    """The same of a body that is packed by gzip."""
    try:
        found = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, limit + 1)
    except zlib.error:
        raise ProbeError(Cause.GARBAGE, f"{where} does not answer as an API server does") from None
    if len(found) > limit:
        raise _too_big(limit, where)
    return found


def _too_big(limit: int, where: str) -> ProbeError:
    return ProbeError(Cause.TOO_BIG, f"an answer of {where} is greater than {limit >> 20} MiB")


def _checked(body: bytes, parse: Callable[[bytes], T], where: str) -> T:
    if body.lstrip()[:1] == b"<":
        raise ProbeError(Cause.GARBAGE, f"{where} answered with a web page, not as an API server")
    try:
        return parse(body)
    except (ValueError, RecursionError):
        raise ProbeError(Cause.GARBAGE, f"{where} did not answer with JSON") from None
