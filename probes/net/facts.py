"""What a reading of several endpoints is: the addresses of each, what became of each address, and how long it took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from probes.base import Cause, SafeText, expiry
from probes.base.x509 import Certificate


@dataclass(frozen=True, slots=True)
class Attempt:
    """One address of an endpoint, tried once."""

    address: str
    """IPv4 or IPv6."""
    ok: bool = False
    cause: Cause | None = None
    """Why not; None when it went well, or was not tried."""
    words: SafeText = SafeText()
    """What became of it: "connected", "refused", "no answer in 3 s: filtered, or its host is down"."""
    connect: float | None = None
    """Seconds of the TCP handshake."""
    tls: float | None = None
    """Seconds of the TLS handshake."""
    source: str = ""
    """The address it was tried from; empty when there was no connection."""
    routeless: bool = False
    """True when this machine has no way to that family of addresses at all."""


@dataclass(frozen=True, slots=True)
class Reached:
    """One endpoint: its name, its addresses, and whether one of them takes connections."""

    key: str
    """As the profile names it: "db.internal:5432"."""
    host: str
    port: int
    tls: bool = False
    ok: bool = False
    """True when at least one address took the connection, with TLS where that is asked."""
    cause: Cause | None = None
    words: SafeText = SafeText()
    """Why not, in a few words that stay the same while the cause does; empty when it is well."""
    resolve: float | None = None
    """Seconds of looking up the name; None for an address, and when the name was not found."""
    attempts: tuple[Attempt, ...] = ()
    """Each address, those of IPv4 first."""
    more: int = 0
    """Addresses beyond those tried."""
    before: tuple[str, ...] = ()
    """Addresses it had before they changed last; none: they have not changed since we watch."""
    changed: datetime | None = None
    """When they changed, aware UTC."""
    certificate: Certificate | None = None
    certificate_left: float | None = None
    """Seconds until the certificate ends; negative: it has."""
    down_for: float | None = None
    """Seconds since it can't be reached; None when it can."""
    down_since: datetime | None = None
    slow: float | None = None
    """Seconds above which connecting is called slow."""

    @property
    def ends_soon(self) -> bool:
        """Whether the end of its certificate is worth attention."""
        left, shown = self.certificate_left, self.certificate
        if left is None or left <= 0 or shown is None:
            return False
        share = expiry.share_left(shown.not_before, shown.not_after, left)
        return left < expiry.SOON if share is None else share < expiry.SOON_SHARE

    @property
    def connect(self) -> float | None:
        """Seconds of the quickest TCP handshake that led to a whole connection."""
        return min((one.connect for one in self.attempts if one.ok and one.connect is not None), default=None)

    @property
    def handshake(self) -> float | None:
        """Seconds of the quickest TLS handshake."""
        return min((one.tls for one in self.attempts if one.ok and one.tls is not None), default=None)

    @property
    def source(self) -> str:
        """The address it is reached from."""
        return next((one.source for one in self.attempts if one.ok), "")

    @property
    def lost(self) -> tuple[Attempt, ...]:
        """Addresses that fail; one this machine has no way to counts only when no other address answers."""
        return tuple(one for one in self.attempts if not one.ok and not (self.ok and one.routeless))


@dataclass(frozen=True, slots=True)
class NetFacts:
    """Endpoints and whether they can be reached from here."""

    endpoints: tuple[Reached, ...] = ()
    """In the profile's order."""

    @property
    def down(self) -> tuple[Reached, ...]:
        """Those that can't."""
        return tuple(one for one in self.endpoints if not one.ok)
