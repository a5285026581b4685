"""What a reading of an HTTP endpoint is: the answer, what it took, what was expected, what its body says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from probes.base import SafeText


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
class Certificate:
    """What the server's certificate says about itself; nothing here is verified by us."""

    subject: SafeText = SafeText()
    issuer: SafeText = SafeText()
    names: tuple[SafeText, ...] = ()
    """Host names it is for, at most ten."""
    not_before: datetime | None = None
    not_after: datetime | None = None
    """When it ends, aware UTC."""
    self_signed: bool = False
    """True when it names itself as its issuer."""


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

    @property
    def sick(self) -> tuple[Check, ...]:
        """Checks that say they are ill, then those that are degraded."""
        return tuple(one for one in self.checks if one.ok is False) + tuple(
            one for one in self.checks if one.degraded and one.ok is not False
        )
