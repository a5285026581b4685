"""Looks up names and connects to each of their addresses, several endpoints at a time, and never waits for one another.

Every fault of an endpoint is a reading of it: only what keeps us from looking at all is a failure. Nothing is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
import ssl
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pydantic import Field, field_validator

from probes.base import (
    Cause,
    Context,
    Lane,
    Probe,
    ProbeError,
    SafeText,
    Settings,
    Snapshot,
    Target,
    from_os_error,
    verifying,
)
from probes.net.dial import CONNECT, Dial, dial
from probes.net.facts import Attempt, NetFacts, Reached
from probes.net.gauges import RULES, SPECS, measured

MOST: Final = 100
"""Endpoints of one target."""
TRIED: Final = 8
"""Addresses of one name that are tried."""
_TOGETHER: Final = 8
"""Endpoints looked at side by side; as many names may hang before the next one has to wait."""
_SCHEMES: Final = {"http": (80, False), "https": (443, True)}
_WRITTEN: Final = re.compile(r"(?:\[([0-9A-Fa-f:.%]{2,60})\]|([^\s\[\]:/@]{1,253})):(\d{1,5})(?:\s+(tls))?")


class NetSettings(Settings):
    """Endpoints and how they are looked at."""

    every: float = Field(default=15.0, ge=5, le=3600, description="Seconds between two readings.")
    timeout: float = Field(default=10.0, gt=0, le=60, description="Seconds a reading may take in all.")
    hosts: str | list[str] = Field(
        description='Endpoints: "db.internal:5432", with " tls" behind it TLS too; or addresses: "https://api.example".',
    )
    slow: float = Field(0.5, gt=0, le=60, description="Seconds above which connecting is called slow.")
    source: str = Field("", description="Address of this machine to connect from; empty: as its routes say.")
    ca: str | None = Field(None, description="PEM file of the authorities to trust instead of this machine's.")

    @field_validator("hosts")
    @classmethod
    def _readable(cls, hosts: str | list[str]) -> str | list[str]:
        found = [endpoint(text).key for text in _several(hosts)]
        if not 0 < len(found) <= MOST:
            raise ValueError(f"name 1 to {MOST} endpoints")
        if len(set(found)) < len(found):
            raise ValueError("an endpoint is named twice")
        return hosts

    @field_validator("source")
    @classmethod
    def _address(cls, source: str) -> str:
        if source:
            ipaddress.ip_address(source)
        return source


def endpoint(text: str) -> Reached:
    """An endpoint as a profile names it.

    >>> one = endpoint("api.vendor.example:443 tls")
    >>> one.host, one.port, one.tls, endpoint("[::1]:22").key
    ('api.vendor.example', 443, True, '[::1]:22')
    """
    found = _WRITTEN.fullmatch(_short(text.strip()))
    if found is None or not 0 < int(found[3]) < 65536:
        raise ValueError(
            'an endpoint is written host:port, [address]:port, "host:port tls", or as an address of the web'
        )
    host = found[1] or found[2]
    shown = f"[{host}]" if found[1] else host
    return Reached(f"{shown}:{found[3]}", host, int(found[3]), bool(found[4]))


def _short(text: str) -> str:
    """An address of the web as host and port; anything else as it is."""
    scheme, mark, rest = text.partition("://")
    if not mark or scheme not in _SCHEMES:
        return text
    port, tls = _SCHEMES[scheme]
    place = re.split(r"[/?#]", rest, maxsplit=1)[0]
    bare = re.fullmatch(r"\[[^\]]*\]|[^:]*", place) is not None
    return f"{place}{f':{port}' if bare else ''}{' tls' if tls else ''}"


def _several(hosts: str | list[str]) -> list[str]:
    return [hosts] if isinstance(hosts, str) else hosts


@dataclass(slots=True)
class _Past:
    """What an endpoint has been since we watch."""

    addresses: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    changed: datetime | None = None
    down: tuple[float, datetime] | None = None


class NetProbe(Probe[NetFacts]):
    """Several endpoints."""

    kind = "net"
    settings_type = NetSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, NetSettings)
        self.settings = target.settings
        self._endpoints = tuple(map(endpoint, _several(self.settings.hosts)))
        self._past = {one.key: _Past() for one in self._endpoints}
        self._lane = Lane(f"net-{target.name}", limit=_TOGETHER)
        self._trust: ssl.SSLContext | None = None
        self._reading: asyncio.Future[list[Reached]] | None = None

    async def read(self) -> Snapshot[NetFacts]:
        """Look at every endpoint once, side by side."""
        began = self.context.monotonic()
        self.doing = "reading"
        if self._trust is None and any(one.tls for one in self._endpoints):
            self._trust = await self._lane.run(_trusting, self.settings.ca)
        room = asyncio.Semaphore(_TOGETHER)
        self._reading = asyncio.gather(*(self._looked_at(one, room) for one in self._endpoints))
        try:
            found = await self._reading
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if waiting is not None and waiting.cancelling():
                raise
            raise ProbeError(Cause.CLOSED_EARLY, "the look was cut") from None
        finally:
            self._reading = None
        facts = NetFacts(tuple(self._remembered(one) for one in found))
        return self.snapshot(facts, measured(facts), began)

    def abort(self) -> None:
        """End the look that is under way."""
        if self._reading is not None:
            self._reading.cancel()

    async def close(self) -> None:
        """Let go of the threads."""
        self.abort()
        self._lane.close()

    async def _looked_at(self, one: Reached, room: asyncio.Semaphore) -> Reached:
        """One endpoint. Its share of the reading's time is what its turn leaves it."""
        share = max(0.5, (self.settings.timeout - 1.0) / (1 + (len(self._endpoints) - 1) // _TOGETHER))
        async with room:
            began = self.context.monotonic()
            try:
                async with asyncio.timeout(share / 2):
                    addresses = await self._resolved(one)
            except TimeoutError:
                return _unknown(one, Cause.DNS_TIMEOUT, "the resolver does not answer")
            except ProbeError as error:
                if error.cause is Cause.TIMEOUT_READ:  # every thread hangs in the resolver
                    return _unknown(one, Cause.DNS_TIMEOUT, "the resolver does not answer")
                words = "no such name" if error.cause is Cause.DNS_NX else "the resolver can't look up the name"
                return _unknown(one, error.cause, words)
            resolve = None if _is_address(one.host) else self.context.monotonic() - began
            how = Dial(
                one.host, one.port, self._trust if one.tls else None, self.settings.source, min(CONNECT, share / 4)
            )
            tried = await asyncio.gather(*(dial(address, how, self.context.monotonic) for address in addresses[:TRIED]))
        attempts = tuple(attempt for attempt, _ in tried)
        certificate = next((shown for _, shown in tried if shown is not None), None)
        found = replace(
            one, resolve=resolve, attempts=attempts, more=max(0, len(addresses) - TRIED), certificate=certificate
        )
        return _judged(found)

    async def _resolved(self, one: Reached) -> tuple[str, ...]:
        if _is_address(one.host):
            return (one.host,)
        return await self._lane.run(look_up, one.host, one.port)

    def _remembered(self, one: Reached) -> Reached:
        """With what is known from earlier readings."""
        past, now, at = self._past[one.key], self.context.monotonic(), self.context.now()
        addresses = tuple(attempt.address for attempt in one.attempts)
        if addresses and past.addresses and set(addresses) != set(past.addresses):
            past.before, past.changed = past.addresses, at
        past.addresses = addresses or past.addresses
        past.down = None if one.ok else past.down or (now, at)
        certificate = one.certificate
        ends = certificate.not_after if certificate is not None else None
        return replace(
            one,
            before=past.before,
            changed=past.changed,
            down_for=now - past.down[0] if past.down is not None else None,
            down_since=past.down[1] if past.down is not None else None,
            certificate_left=(ends - at).total_seconds() if ends is not None else None,
            slow=self.settings.slow,
        )


def look_up(host: str, port: int) -> tuple[str, ...]:
    """Every address of a name, those of IPv4 first. Blocks; a resolver may hang for half a minute."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise from_os_error(error, host) from None
    except UnicodeError:
        raise ProbeError(Cause.DNS_NX, f"no such host: {host}") from None
    ordered = sorted(found, key=lambda one: one[0] == socket.AF_INET6)
    return tuple(dict.fromkeys(str(one[4][0]) for one in ordered))


def _judged(one: Reached) -> Reached:
    """Whether an endpoint can be reached, by what became of its addresses; the commonest reason is said."""
    if any(attempt.ok for attempt in one.attempts):
        return replace(one, ok=True)
    first = _worst(one.attempts)
    several = len(one.attempts) > 1
    words = f"none of {len(one.attempts)} addresses: {first.words}" if several else str(first.words)
    return replace(one, cause=first.cause, words=SafeText(words, 200))


def _worst(attempts: tuple[Attempt, ...]) -> Attempt:
    """The attempt that got furthest: TLS tells more than a refusal, a refusal more than silence."""
    order = (Cause.TLS_NAME, Cause.TLS_EXPIRED, Cause.TLS_UNTRUSTED, Cause.TLS_PLAIN, Cause.RESET, Cause.REFUSED)
    ranked = {cause: rank for rank, cause in enumerate(order)}
    return min(attempts, key=lambda one: (one.routeless, ranked.get(one.cause, len(order)) if one.cause else 0))


def _unknown(one: Reached, cause: Cause, words: str) -> Reached:
    return replace(one, cause=cause, words=SafeText(words))


def _is_address(host: str) -> bool:
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host.partition("%")[0])
        return True
    return False


def _trusting(ca: str | None) -> ssl.SSLContext:
    """In a thread: reading the trusted certificates takes tens of milliseconds."""
    try:
        return verifying(ca)
    except (OSError, ValueError):
        raise ProbeError(
            Cause.LOCAL_PERM, f"the file of authorities {ca} can't be read", "ca names a PEM file"
        ) from None
