"""One POST of a notice, every part of it bounded: name, connection, request, answer, time. Never repeated here.

The one place of these rooms that sends something to others without being an act: it tells people, it changes no system
under watch, and nobody has to be armed for it. Redirects are not followed, certificates are always checked, and no
error tells an address beyond its host: a path may be a secret.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from socket import SOCK_STREAM, getaddrinfo
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from probes.base import (
    BadUrl,
    Cause,
    Endpoint,
    Lane,
    ProbeError,
    SafeText,
    SecretSource,
    from_os_error,
    lenient,
    load,
    parse_url,
    verifying,
)
from probes.base.notice import Delivery, Fate

if TYPE_CHECKING:
    import httpx

REPLY: Final = 4096
"""Bytes of an answer that are read."""

_TRIED: Final = 3
"""Addresses of a name that are tried, as long as nothing was sent."""

_EXCERPT: Final = 120
"""Characters of an answer that are shown."""

_BODY: Final = 2.0
"""Seconds at most that a body is waited for: by then its status is known, and tells more."""

_SHORTEST: Final = 4
"""Characters of what is searched for in an answer at least: less would blank out ordinary words."""

_TOKEN: Final = 16
"""Characters from which one part of a path is searched for by itself."""

_ALONE: Final = frozenset({400, 413, 414, 422, 431})
"""Answers that are about what was sent, not about us: others may be sent meanwhile."""

_DOUBTFUL: Final = frozenset({408, 502, 504})
"""Answers by somebody in between, who does not know what became of it."""

_WHY: Final[Mapping[int, str]] = {
    401: "does not accept our login or signature",
    403: "does not allow it",
    404: "has nothing at this address",
    410: "has nothing at this address any more",
    429: "has had too much from us",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, as far as it is read."""

    status: int
    reason: bytes
    body: bytes
    whole: bool
    """False when the body broke off."""
    wait: float | None
    """Seconds of its Retry-After."""
    hidden: tuple[str, ...] = ()
    """What of our request is nobody's business and may stand in it: the path of its address, secret headers."""

    @property
    def words(self) -> SafeText:
        """Status and the beginning of the body, without what is hidden."""
        reason, said = SafeText(self._open(self.reason), 60), SafeText(self._open(self.body).strip(), _EXCERPT)
        return SafeText(f"{self.status} {reason}".strip() + (f": {said}" if said else ""), 300)

    def _open(self, text: bytes) -> bytes:
        for one in self.hidden:
            text = text.replace(one.encode("utf-8", "surrogateescape"), b"[secret]")
        return text


class Undelivered(Exception):
    """There was no answer; `delivery` says how far it had come."""

    def __init__(self, fate: Fate, words: SafeText) -> None:
        self.delivery = Delivery(fate, words)
        super().__init__(str(words))


class Post:
    """The way to one channel's server."""

    def __init__(
        self, name: str, timeout: float, ca: str | None = None, proxy: str = "", secrets: SecretSource | None = None
    ) -> None:
        """`timeout`: seconds for one request in all. `ca`: PEM file of the authorities to trust.

        `proxy`: address of the HTTP proxy between, or a reference; empty: none. The environment's own is not heeded.
        """
        self._through = proxy
        self._secrets = secrets
        self._timeout = timeout
        self._ca = ca
        self._lane = Lane(f"notify-{name}", limit=3)
        self._trust: ssl.SSLContext | None = None

    @property
    def _proxy(self) -> str:
        """The proxy's address. Raises `Undelivered` when its reference leads nowhere."""
        return resolved(self._through, self._secrets) if self._secrets is not None else self._through

    async def send(self, url: str, headers: Mapping[str, str], body: bytes, secret: Collection[str] = ()) -> Reply:
        """Send it once. `secret`: what is in it and must not be shown where the answer repeats it.

        Raises `Undelivered`.
        """
        steps = _Steps(asyncio.get_running_loop().time() + self._timeout)
        try:
            async with asyncio.timeout_at(steps.end):
                reply = await self._send(url, headers, body, steps)
        except TimeoutError:
            raise self._late(url, steps) from None
        return replace(reply, hidden=_hidden(url, secret))

    async def reach(self, url: str) -> str:
        """Connect, with TLS where it is spoken, and hang up; where that was. Raises `Undelivered`."""
        place = endpoint(self._proxy or url)
        try:
            async with asyncio.timeout(self._timeout):
                address, *_ = await self._prepared(place)
                context = self._trust if place.scheme == "https" else None
                name = place.host if context is not None else None
                _, writer = await asyncio.open_connection(address, place.port, ssl=context, server_hostname=name)
                writer.close()
        except TimeoutError:
            raise self._late(url, _Steps(0.0)) from None
        except OSError as error:
            raise Undelivered(Fate.UNSENT, from_os_error(error, place.where).message) from None
        return f"the proxy {place.where}" if self._proxy else place.where

    def close(self) -> None:
        """Let go of the threads."""
        self._lane.close()

    def _late(self, url: str, steps: _Steps) -> Undelivered:
        where = endpoint(url).where
        if steps.sent:
            return Undelivered(Fate.UNANSWERED, SafeText(f"{where} gave no answer within {self._timeout:g} s"))
        return Undelivered(Fate.UNSENT, SafeText(f"no connection to {where} within {self._timeout:g} s"))

    async def _prepared(self, place: Endpoint) -> tuple[str, ...]:
        """The addresses of a place, looked up in a thread: a resolver may hang."""
        try:
            if place.scheme == "https" and self._trust is None:
                self._trust = await self._lane.run(trusting, self._ca)
            found: tuple[str, ...] = await self._lane.run(_look_up, place)
        except ProbeError as error:
            raise Undelivered(Fate.UNSENT, error.message) from None
        return found

    async def _send(self, url: str, headers: Mapping[str, str], body: bytes, steps: _Steps) -> Reply:
        place = endpoint(url)
        _check(headers)
        await load("httpx")
        if self._proxy:
            if place.scheme == "https":
                await self._prepared(Endpoint("https", endpoint(self._proxy).host, endpoint(self._proxy).port))
            return await self._once(place, place.host, url, headers, body, steps)
        addresses = await self._prepared(place)
        last: Undelivered | None = None
        for address in addresses[:_TRIED]:
            try:
                return await self._once(place, address, url, headers, body, steps)
            except Undelivered as error:
                if steps.sent:
                    raise
                last = error
        raise last or Undelivered(Fate.UNSENT, SafeText(f"no such host: {place.where}"))

    async def _once(
        self, place: Endpoint, address: str, url: str, headers: Mapping[str, str], body: bytes, steps: _Steps
    ) -> Reply:
        import httpx

        try:
            whole = httpx.URL(url)
            proxy = httpx.Proxy(self._proxy) if self._proxy else None
        except httpx.InvalidURL:
            raise Undelivered(Fate.UNSENT, SafeText("the address has signs that none can have")) from None
        extensions: dict[str, Any] = {"trace": steps.told}
        if place.scheme == "https":
            extensions["sni_hostname"] = place.host
        bare = whole.copy_with(host=address, username=None, password=None, fragment=None)
        transport = httpx.AsyncHTTPTransport(verify=self._trust or False, trust_env=False, retries=0, proxy=proxy)
        async with httpx.AsyncClient(transport=transport, timeout=None, trust_env=False) as client:
            sent = {"Host": whole.netloc.decode("ascii"), **_HEADERS, **_login(place), **headers}
            request = client.build_request("POST", bare, content=body, headers=sent, extensions=extensions)
            try:
                response = await client.send(request, stream=True, follow_redirects=False)
                try:
                    return await _read(response, steps)
                finally:
                    await response.aclose()
            except httpx.ProxyError:
                raise Undelivered(Fate.UNSENT, SafeText(f"the proxy does not let us to {place.where}")) from None
            except httpx.HTTPError as error:
                raise _words(error, endpoint(self._proxy) if self._proxy else place, steps) from None


_HEADERS: Final = {"User-Agent": "opsroom", "Accept-Encoding": "identity", "Connection": "close"}


class _Steps:
    """How far one request has come."""

    def __init__(self, end: float) -> None:
        """`end`: when it must be over, by the clock of the event loop."""
        self.end = end
        self.opened = False
        self.sent = False
        """The first byte may have left."""

    async def told(self, event: str, info: Any) -> None:
        """What the HTTP library reports."""
        self.opened = self.opened or event == "connection.connect_tcp.complete"
        self.sent = self.sent or event.endswith("send_request_headers.started")


async def _read(response: httpx.Response, steps: _Steps) -> Reply:
    import httpx

    body, whole = bytearray(), True
    left = steps.end - asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(min(_BODY, left / 2)):
            async for chunk in response.aiter_raw(REPLY):
                body += chunk
                if len(body) >= REPLY:
                    break
    except (httpx.HTTPError, TimeoutError):  # the status is known: what it says counts
        whole = False
    reason = response.extensions.get("reason_phrase", b"")
    wait = _retry_after(response.headers.get("retry-after", ""))
    return Reply(response.status_code, reason, bytes(body[:REPLY]), whole, wait)


def _retry_after(said: str) -> float | None:
    """Seconds, or a date: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after."""
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        at = parsedate_to_datetime(said)
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return max(0.0, (at - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return None


def _hidden(url: str, secret: Collection[str]) -> tuple[str, ...]:
    """What of a request is not shown where an answer repeats it, the longest first."""
    found = {form for one in (*_parts(url), *secret) for form in (one, unquote(one), one.replace("/", "\\/"))}
    return tuple(sorted((one for one in found if len(one) >= _SHORTEST), key=len, reverse=True))


def _parts(url: str) -> Iterator[str]:
    """What of an address may be a secret: everything behind its host, the login before it."""
    parts = urlsplit(url)
    yield from (f"{parts.path}?{parts.query}", parts.path, parts.query, parts.password or "")
    yield from (value for _, value in parse_qsl(parts.query))
    yield from (one for one in parts.path.split("/") if len(one) >= _TOKEN)


def _words(error: httpx.HTTPError, place: Endpoint, steps: _Steps) -> Undelivered:
    """Why there was no answer, in our words."""
    import httpx

    where = place.where
    found = next((one for one in reversed(_chain(error)) if isinstance(one, OSError)), None)
    if not steps.sent:
        if isinstance(found, ssl.SSLError) or found is None or not steps.opened:
            words = from_os_error(found, where).message if found is not None else SafeText(f"cannot reach {where}")
            return Undelivered(Fate.UNSENT, words)
        return Undelivered(Fate.UNSENT, SafeText(f"{where} does not speak TLS as expected"))
    if isinstance(error, httpx.RemoteProtocolError) and "disconnect" not in str(error):
        return Undelivered(Fate.UNANSWERED, SafeText(f"{where} does not answer as an HTTP server does"))
    return Undelivered(Fate.UNANSWERED, SafeText(f"{where} closed the connection without an answer"))


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and step not in found:
        found.append(step)
        step = step.__cause__ or step.__context__
    return found


def _login(place: Endpoint) -> dict[str, str]:
    if place.user is None:
        return {}
    login = f"{place.user}:{place.password or ''}".encode()
    return {"Authorization": f"Basic {base64.b64encode(login).decode('ascii')}"}


def _check(headers: Mapping[str, str]) -> None:
    """A header that can't be sent is said by its name, never by its value."""
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable() and name.isascii() and name.isprintable()):
            raise Undelivered(Fate.UNSENT, SafeText(f"the header {SafeText(name, 40)} has signs that none can carry"))


def endpoint(url: str) -> Endpoint:
    """Where an address leads. Raises `Undelivered` for one that is none; its text is never told."""
    try:
        place = parse_url(url, {"http", "https"})
        host = place.host.encode("idna").decode("ascii") if not place.host.isascii() else place.host
    except (BadUrl, UnicodeError) as error:
        why = str(error) if isinstance(error, BadUrl) else "names a host that is none"
        raise Undelivered(Fate.UNSENT, SafeText(f"the address {why}")) from None
    port = place.port or (443 if place.scheme == "https" else 80)
    return Endpoint(place.scheme, host, port, place.user, place.password)


def _look_up(place: Endpoint) -> tuple[str, ...]:
    """The addresses of a place. Blocks."""
    try:
        found = getaddrinfo(place.host, place.port, type=SOCK_STREAM)
    except OSError as error:
        raise from_os_error(error, place.where) from None
    except UnicodeError:
        raise ProbeError(Cause.DNS_NX, f"no such host: {place.where}") from None
    return tuple(dict.fromkeys(str(one[4][0]) for one in found))


def trusting(ca: str | None) -> ssl.SSLContext:
    """What decides which servers are believed; `ca`: a PEM file instead of the machine's. Raises `ProbeError`.

    Blocks for tens of milliseconds: the trusted certificates are read.
    """
    paths = ssl.get_default_verify_paths()
    try:
        if ca is None and paths.cafile is None and paths.capath is None:
            import certifi

            return lenient(ssl.create_default_context(cafile=certifi.where()))
        return verifying(ca)
    except (OSError, ValueError):
        raise ProbeError(Cause.LOCAL_PERM, f"the file of authorities {ca} can't be read") from None


def resolved(text: str, secrets: SecretSource) -> str:
    """What stands behind a reference, or the text itself. Raises `Undelivered`, which tells the reference only."""
    if not text.startswith(("env:", "file:", "command:")):
        return text
    try:
        return secrets.resolve(text)
    except LookupError as error:
        raise Undelivered(Fate.UNSENT, SafeText(str(error.args[0] if error.args else "a secret is missing"))) from None


def judged(reply: Reply, where: str, taken: bool) -> Delivery:
    """What an answer means. `taken`: it is one by which this kind of channel says that it has the notice."""
    status = reply.status
    if 200 <= status < 300 and taken:
        return Delivery(Fate.TOLD, reply.words)
    if 200 <= status < 300:
        fate = Fate.REFUSED if reply.whole else Fate.UNANSWERED
        return Delivery(fate, SafeText(f"{where} does not answer as expected: {reply.words}", 300))
    if 300 <= status < 400:
        return Delivery(Fate.REFUSED, SafeText(f"{where} redirects elsewhere, which is not followed: {status}"))
    why = _WHY.get(status, "has a fault of its own" if status >= 500 else "does not take it")
    fate = Fate.UNANSWERED if status in _DOUBTFUL else Fate.REFUSED
    return Delivery(fate, SafeText(f"{where} {why}: {reply.words}", 300), reply.wait, alone=status in _ALONE)
