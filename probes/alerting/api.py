"""One Alertmanager or Grafana over HTTP: GET only, every answer bounded in size and time, every error in our words.

Names are looked up in threads of our own. No redirect is followed: where one leads, our token is nobody's business.
Interface: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from probes.alerting.address import Address, ReachSettings, resolve
from probes.base import Cause, Context, Lane, ProbeError, SafeText, Settings, Underway, from_os_error, load, verifying

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
Query = Sequence[tuple[str, str]]

REPLY_LIMIT: Final = 8 << 20
"""Bytes of an answer: some ten thousand alerts."""
SKEW: Final = 5.0
"""Seconds by which the server's clock may differ from ours before it is said."""
_FRESH: Final = 60.0
"""Seconds a looked-up address is used."""
_CONNECT: Final = 3.0
_SAID: Final = 160
"""Characters kept of the server's own reason."""
_LOGINS: Final = ("login", "auth", "sso", "signin", "saml")


class Reply(NamedTuple):
    """One answer, whole."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    """By names in small letters."""


class Api:
    """One server. Made cheaply; connects when asked; `cut` ends every call at once."""

    def __init__(self, name: str, settings: Settings, context: Context, product: str, prefix: str = "") -> None:
        """`product` is what should answer, for a person; `prefix` goes between the address and every path."""
        self.product = product
        self.where = product
        self.skew: float | None = None
        """Seconds the server's clock is ahead of ours, by its last answer; whole seconds are all HTTP tells."""
        self.connected = False
        """True once a connection stands."""
        self._settings = settings
        self._context = context
        self._prefix = prefix
        self._lane = Lane(f"alerting-{name}", limit=2)
        self._address: Address | None = None
        self._ip = ""
        self._turn = 0
        """Which of a name's addresses is used; the next one after a failure."""
        self._looked_up = 0.0
        self._client: httpx.AsyncClient | None = None
        self._calls = Underway(lambda: self.where)

    @property
    def address(self) -> Address | None:
        """Where it answers, once it is known."""
        return self._address

    @property
    def url(self) -> str:
        """The address without any secret, once it is known."""
        return self._address.url if self._address is not None else ""

    async def get(self, path: str, query: Query = (), within: float | None = None, limit: int = REPLY_LIMIT) -> Any:
        """The JSON at `path`, `within` seconds at most. Raises `ProbeError`; GONE when there is no such path."""
        return await self._calls.run(self._get(path, query, within or self._settings.timeout, limit))

    async def _get(self, path: str, query: Query, within: float, limit: int) -> Any:
        client, url, headers, extensions = await self._route(path)
        opening = client.stream("GET", url, params=list(query), headers=headers, extensions=extensions)
        status, body = await self._answer(opening, within, limit)
        self.check(status, body)
        return self.parsed(body)

    async def _route(self, path: str) -> tuple[httpx.AsyncClient, str, dict[str, str], dict[str, Any]]:
        """(client, URL by address, headers, extensions) for a request to `path`."""
        client, address = await self._ready()
        host = f"[{self._ip}]" if ":" in self._ip else self._ip
        url = f"{address.scheme}://{host}:{address.port}{address.path}{self._prefix}{path}"
        headers = dict(address.headers) | {"Host": address.netloc}
        return client, url, headers, {"trace": self._traced, "sni_hostname": address.host}

    async def _traced(self, event: str, info: Any) -> None:
        self.connected = self.connected or event == "connection.connect_tcp.complete"

    async def _answer(
        self, opening: AbstractAsyncContextManager[httpx.Response], within: float, limit: int = REPLY_LIMIT
    ) -> tuple[int, bytes]:
        """(status, body) of a request that leaves when it is opened, `within` seconds at most."""
        return (await self._replied(opening, within, limit))[:2]

    async def _replied(self, opening: AbstractAsyncContextManager[httpx.Response], within: float, limit: int) -> Reply:
        began, body = False, bytearray()
        try:
            async with asyncio.timeout(within):
                with self._translated():
                    async with opening as reply:
                        began = True
                        self._note_clock(reply.headers.get("date", ""))
                        async for chunk in reply.aiter_raw():
                            body += chunk
                            if len(body) > limit:
                                raise self._too_big(limit)
                        told = {name.lower(): text for name, text in reply.headers.items()}
                        return Reply(reply.status_code, bytes(body), told)
        except TimeoutError:
            cause = Cause.SLOW if began else Cause.TIMEOUT_READ if self.connected else Cause.TIMEOUT_CONNECT
            words = "answers too slowly" if began else "gives no answer"
            raise ProbeError(cause, f"{self.where} {words}: {within:g} s were not enough") from None

    async def _ready(self) -> tuple[httpx.AsyncClient, Address]:
        """The client and where it goes; names are looked up anew from time to time."""
        await load("httpx")
        if self._address is None:
            self._address = await self._lane.run(self._resolved)
            self.where = f"{self.product} at {self._address.where}"
        now = self._context.monotonic()
        if not self._ip or now - self._looked_up > _FRESH:
            found = await self._lane.run(_look_up, self._address)
            if self._ip not in found:
                self._ip = found[self._turn % len(found)]
            self._looked_up = now
        if self._client is None:
            self._client = await self._lane.run(self._made, self._address)
        return self._client, self._address

    def _resolved(self) -> Address:
        """Where it answers, references looked up. Blocks."""
        assert isinstance(self._settings, ReachSettings)
        return resolve(self._settings, self._context.secrets)

    def _made(self, address: Address) -> httpx.AsyncClient:
        """In a thread: reading the trusted certificates takes tens of milliseconds."""
        import httpx

        verify = _trust(address.ca) if address.scheme == "https" else False
        limits = httpx.Limits(max_connections=6, max_keepalive_connections=6, keepalive_expiry=_FRESH)
        timeout = httpx.Timeout(self._settings.timeout, connect=min(_CONNECT, self._settings.timeout))
        return httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(verify=verify, limits=limits, trust_env=False),
            timeout=timeout,
            trust_env=False,
            follow_redirects=False,
        )

    def _note_clock(self, date: str) -> None:
        try:
            told = parsedate_to_datetime(date)
        except (ValueError, TypeError):
            return
        told = told if told.tzinfo else told.replace(tzinfo=UTC)
        self.skew = (told - self._context.now()).total_seconds()

    def cut(self) -> None:
        """End every call now, without waiting; the next one connects afresh."""
        self._calls.cut()
        client, self._client, self._ip, self.connected = self._client, None, "", False
        if client is not None:
            self._calls.leave(client.aclose)

    async def close(self) -> None:
        """End every call and let go of every connection."""
        self.cut()
        self._lane.close()
        await self._calls.left()

    # what went wrong, in words

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.HTTPError as error:
            self._ip, self._turn = "", self._turn + 1  # another address of the name may answer
            raise self._words(error) from None

    def _words(self, error: Exception) -> ProbeError:
        import httpx

        if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
            return ProbeError(Cause.TIMEOUT_CONNECT, f"no answer from {self.where}")
        if isinstance(error, httpx.TimeoutException):
            return ProbeError(Cause.TIMEOUT_READ, f"{self.where} gives no answer")
        if isinstance(error, httpx.RemoteProtocolError) and not {"disconnected", "closed"} & set(str(error).split()):
            return ProbeError(Cause.GARBAGE, f"{self.where} does not speak HTTP", "does the url name the right port?")
        found = _system_error(error)
        if found is None:
            return ProbeError(Cause.CLOSED_EARLY, f"{self.where} closed the connection before its answer was whole")
        return from_os_error(found, self.where)

    def check(self, status: int, body: bytes) -> None:
        """Raise for an answer that says no."""
        if 200 <= status < 300:
            return
        if status in (301, 302, 303, 307, 308):
            raise ProbeError(
                Cause.AUTH if any(word in body[:2000].decode("ascii", "replace").lower() for word in _LOGINS)
                else Cause.GARBAGE,
                f"{self.where} sends us elsewhere (HTTP {status}), perhaps to a login page",
                "set url to the address that answers itself, and a token it takes",
            )  # fmt: skip
        if status == 401:
            raise ProbeError(Cause.AUTH, f"{self.where} does not take our login", "set token, or user and password")
        if status == 403:
            raise ProbeError(
                Cause.DENIED, f"{self.where} does not allow us this", "its rights are told by: opsroom doctor"
            )
        if status == 404:
            raise ProbeError(Cause.GONE, f"{self.where} knows no such path", "does url need a path prefix?")
        said = said_by(body)
        if status == 429:
            raise ProbeError(Cause.THROTTLED, f"{self.where} is asked too often: {said}")
        cause = Cause.GARBAGE if status < 500 else Cause.OVERLOADED
        raise ProbeError(cause, f"{self.where} says HTTP {status}: {said}")

    def parsed(self, body: bytes) -> Any:
        """The JSON in an answer. Raises `ProbeError(Cause.GARBAGE)`."""
        if body.lstrip()[:1] == b"<":
            raise ProbeError(Cause.GARBAGE, f"{self.where} answers with a web page", "does url name its interface?")
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            start = SafeText(body, 60)
            raise ProbeError(Cause.GARBAGE, f"{self.where} does not answer with JSON: {start}") from None

    def _too_big(self, limit: int) -> ProbeError:
        return ProbeError(
            Cause.TOO_BIG, f"the answer of {self.where} is greater than {limit >> 20} MiB", "narrow it with matchers"
        )


def said_by(body: bytes) -> SafeText:
    """The server's own reason, one safe line: a JSON text, or the message of a JSON object."""
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(body)
        if isinstance(found, dict):
            found = found.get("message")
        if isinstance(found, str):
            return SafeText(found, _SAID)
    return SafeText("a web page") if body.lstrip()[:1] == b"<" else SafeText(body.strip() or "no reason", _SAID)


def moment(value: object) -> datetime | None:
    """A time as Go writes it (RFC 3339, the year 1 for none), aware UTC; None when there is none."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    if found.year < 1971 or found.tzinfo is None:
        return None
    return found.astimezone(UTC)


def _look_up(address: Address) -> tuple[str, ...]:
    """The addresses of a name. Blocks; a resolver may hang for half a minute."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise from_os_error(error, address.where) from None
    except UnicodeError:
        raise ProbeError(Cause.DNS_NX, f"no such host: {address.where}") from None
    families = sorted(found, key=lambda one: one[0] == socket.AF_INET6)
    return tuple(dict.fromkeys(str(one[4][0]) for one in families))


def _trust(authorities: str | None) -> ssl.SSLContext:
    try:
        return verifying(authorities)
    except (OSError, ValueError):
        raise ProbeError(
            Cause.LOCAL_PERM, f"the file of authorities {authorities} can't be read", "ca names a PEM file"
        ) from None


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
