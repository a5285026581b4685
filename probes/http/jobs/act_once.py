"""The one call that changes something: a configured request, sent once on a connection of its own.

No retry, no redirect: what breaks on the way is told, never tried again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from probes.base import Cause, Lane, ProbeError, Sending, from_os_error, load
from probes.http.jobs.api import Api
from probes.http.reach import look_up, place_of
from probes.http.wire import HEADERS, TRIED, Ask, client_for, system_error

_REPLY: Final = 1 << 16
"""Bytes kept of an answer."""
_LEAVES: Final = "http11.send_request_headers.started"
"""What the driver reports directly before the request's first byte, with its connection made."""


@dataclass(frozen=True, slots=True)
class Change:
    """A request that changes something, ready to leave; its body may hold what is nobody's business."""

    method: str
    path: str
    """Behind the address, filled."""
    body: Any = field(default=None, repr=False)
    """JSON; None: none goes along."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ActingApi(Api):
    """A scheduler that one thing is asked of."""

    _sender: asyncio.Task[Reply] | None = None

    async def change(self, what: Change, sending: Sending, within: float) -> Reply:
        """Send it once; `sending` is awaited when the connection stands and nothing has left. Raises `ProbeError`."""
        task = self._sender = asyncio.ensure_future(self._change(what, sending, within))
        try:
            return await task
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if waiting is not None and waiting.cancelling():
                raise
            raise ProbeError(Cause.CLOSED_EARLY, f"the connection to {self.reached.where} was cut") from None
        finally:
            task.cancel()

    def cut(self) -> None:
        """End what is under way, without waiting."""
        if self._sender is not None:
            self._sender.cancel()
        super().cut()

    async def _change(self, what: Change, sending: Sending, within: float) -> Reply:
        await load("httpx")
        settings, there = self.settings, self.reached
        ask = Ask(
            self.base + what.path,
            what.method,
            there.headers,
            settings.tls_verify,
            settings.ca,
            settings.environment_proxy,
        )
        lane = Lane(f"act-{there.where}", limit=1)
        try:
            async with asyncio.timeout(within):
                place = place_of(ask.url)
                addresses = (place.host,) if ask.through_proxy else await lane.run(look_up, place)
                client = await lane.run(client_for, ask, settings.timeout)
        except TimeoutError:
            raise ProbeError(Cause.DNS_TIMEOUT, f"the name of {there.where} could not be looked up in time") from None
        finally:
            lane.close()
        try:
            return await self._sent(client, ask, what, addresses[:TRIED], _Once(sending), within)
        finally:
            await client.aclose()

    async def _sent(
        self, client: Any, ask: Ask, what: Change, addresses: tuple[str, ...], once: _Once, within: float
    ) -> Reply:
        import httpx

        where, last = self.reached.where, ProbeError(Cause.DNS_NX, f"no such host: {self.reached.where}")
        for address in addresses:
            try:
                async with asyncio.timeout(within):
                    return await self._once(client, ask, what, address, once)
            except TimeoutError:
                cause = Cause.TIMEOUT_READ if once.done else Cause.TIMEOUT_CONNECT
                last = ProbeError(cause, f"{where} gives no answer")
            except httpx.HTTPError as error:
                last = _words(error, where, once.done)
            if once.done:
                break
        raise last

    async def _once(self, client: Any, ask: Ask, what: Change, address: str, once: _Once) -> Reply:
        import httpx

        url = httpx.URL(ask.url)
        headers = {"Host": url.netloc.decode("ascii"), **HEADERS, **dict(ask.headers), **what.headers}
        body = None if what.body is None else json.dumps(what.body, ensure_ascii=False).encode("utf-8", "replace")
        if body is not None:
            headers["Content-Type"] = "application/json"
        target = url if ask.through_proxy else url.copy_with(host=address)
        extensions = {"trace": once.traced, "sni_hostname": url.host}
        opening = client.stream(
            what.method, target, content=body, headers=headers, extensions=extensions, follow_redirects=False
        )
        got = bytearray()
        async with opening as reply:
            async for chunk in reply.aiter_raw(1 << 14):
                got += chunk
                if len(got) >= _REPLY:
                    break
            told = {name.lower(): value for name, value in reply.headers.items()}
            return Reply(reply.status_code, told, bytes(got[:_REPLY]))


class _Once:
    """Announces the request directly before its first byte, and refuses a second one."""

    def __init__(self, sending: Sending) -> None:
        self._sending = sending
        self.done = False

    async def traced(self, event: str, info: Any) -> None:
        """What the driver reports on its way. The word to a proxy that opens the way to a server is not the request."""
        if event != _LEAVES or getattr(info.get("request"), "method", b"") == b"CONNECT":
            return
        if self.done:
            raise ProbeError(Cause.INTERNAL, "the driver began to send a second time")
        self.done = True
        await self._sending()


def _words(error: Exception, where: str, sent: bool) -> ProbeError:
    import httpx

    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return ProbeError(Cause.TIMEOUT_CONNECT, f"no connection to {where}")
    if isinstance(error, httpx.TimeoutException):
        return ProbeError(Cause.TIMEOUT_READ, f"{where} gives no answer")
    if isinstance(error, httpx.RemoteProtocolError) and not {"disconnected", "closed"} & set(str(error).split()):
        return ProbeError(Cause.GARBAGE, f"{where} does not answer as an HTTP server does")
    found = system_error(error)
    if found is not None:
        return from_os_error(found, where)
    if sent:
        return ProbeError(Cause.CLOSED_EARLY, f"{where} closed the connection before its answer was whole")
    return ProbeError(Cause.REFUSED, f"cannot reach {where}")
