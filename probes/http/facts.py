"""What a reading of an HTTP endpoint is: the answer, what it took, what was expected, what its body says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from probes.base import SafeText
from probes.base.x509 import Certificate


@dataclass(frozen=True, slots=True)
class Timing:
    """Where the time of a request went, in seconds; None: not measured, or not needed this time."""

    lookup: float | None = None
    """Looking up the name."""
    connect: float | None = None
    """The TCP handshake; None when the connection was kept open from the reading before."""
    tls: float | None = None
    """The TLS handshake."""
    first_byte: float | None = None
    """From the last byte of the request to the whole header of the answer."""
    total: float | None = None
    """From the first byte of the request to the last of the answer."""
    established: float | None = None
    """What connecting took when the connection in use was made, TCP and TLS together."""


@dataclass(frozen=True, slots=True)
class Check:
    """One dependency that the body speaks about."""

    name: str
    """Its place in the body: "database", "db.primary"."""
    status: SafeText
    """The word the body uses."""
    ok: bool | None = None
    """True for a word that means well, False for one that means ill; None: a word we don't know."""
    degraded: bool = False
    """True for a word between well and ill."""
    latency: float | None = None
    """Seconds, only when the body names the unit."""
    message: SafeText = SafeText()
    """What the body says went wrong."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One expectation and whether the answer met it."""

    name: str
    """"status", "json", "text", "body" or a JSON path."""
    ok: bool
    words: SafeText
    """Expected and got, in words."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A quota of an API, as its headers tell it."""

    name: str
    """"requests", "tokens", "app"."""
    used: float | None = None
    """Share used, 0 to 1 or more."""
    remaining: float | None = None
    """Calls left until it is renewed."""
    most: float | None = None
    """Calls in all."""
    resets: float | None = None
    """Seconds until it is renewed."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """Something that ends at a time the body names: a token, access to data."""

    name: str
    at: datetime | None = None
    """When, aware UTC; None: never, or not told."""
    left: float | None = None
    """Seconds until then; negative: it has ended."""
    words: SafeText = SafeText()
    """What the body says, where it is no time: "never", "not told"."""


@dataclass(frozen=True, slots=True)
class HttpFacts:
    """An endpoint that answered, well or not. That nothing answers at all is a failure and never this."""

    url: SafeText = SafeText()
    """Where, without user, password and query."""
    method: str = "GET"
    status: int | None = None
    reason: SafeText = SafeText()
    ok: bool = False
    """True when every expectation was met and the body does not say it is ill."""
    why: SafeText = SafeText()
    """Why it is not, in a few words: "answers 503: database unhealthy"; empty when it is."""
    blame: str = ""
    """Key of the check or expectation that says so."""
    timing: Timing = field(default_factory=Timing)
    slow: float | None = None
    """Seconds above which an answer is called slow."""
    verdicts: tuple[Verdict, ...] = ()
    checks: tuple[Check, ...] = ()
    more_checks: int = 0
    """Checks beyond those kept."""
    content_type: SafeText = SafeText()
    headers: tuple[tuple[str, SafeText], ...] = ()
    """The few response headers that tell something about an incident."""
    size: int | None = None
    """Bytes of the body read, after decompression."""
    cut: bool = False
    """True when the body was greater than is read."""
    body: tuple[SafeText, ...] = ()
    """Lines of the body: whole up to 64 KiB when something is wrong, the beginning when all is well."""
    notes: tuple[SafeText, ...] = ()
    """What else is odd: a redirect that was not followed, NaN in JSON."""
    version: SafeText = SafeText()
    """The version the body names."""
    answer_age: float | None = None
    """Seconds since the answer was made, by its Age header or its own time stamp; None: it doesn't say."""
    skew: float | None = None
    """Seconds the server's clock is ahead of ours, to about one second; negative: behind."""
    certificate: Certificate | None = None
    certificate_left: float | None = None
    """Seconds until the certificate ends; negative: it has."""
    failures: int = 0
    """Readings in a row that were not well, those without any answer included."""
    down_since: datetime | None = None
    """When that row began, aware UTC."""
    down_for: float | None = None
    """Seconds since then; None when all is well."""
    last_good: datetime | None = None
    """When all was well last, aware UTC; None: not since we watch."""
    up_ratio: float | None = None
    """Share of the recent readings that were well."""
    seen: int = 0
    """Recent readings that share is taken of."""
    limits: tuple[Limit, ...] = ()
    """Quotas that the answer's headers name."""
    retry: float | None = None
    """Seconds until it may be asked again; None: it has not asked for less."""
    throttles: int = 0
    """Answers since we watch that asked for less, 429 above all."""
    credential: bool | None = None
    """Whether what we log in with is accepted; None: nothing goes along, or it can't be told."""
    expiries: tuple[Expiry, ...] = ()

    @property
    def sick(self) -> tuple[Check, ...]:
        """Checks that say they are ill, then those that are degraded."""
        return tuple(one for one in self.checks if one.ok is False) + tuple(
            one for one in self.checks if one.degraded and one.ok is not False
        )
