"""What can go wrong with a reading, in a closed list of codes, each with its word on the screen.

    ProbeError            a probe could not read its target; becomes a Failure
    `- (any other)        a bug in the probe; the poller turns it into a Failure with Cause.INTERNAL

A driver's exception is translated once, in the probe, where its meaning is known. Messages are our own words
with sanitised detail: a library's error text may hold passwords or control bytes.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from probes.base.text import SafeText


class State(Enum):
    """The word a panel shows for a target. Told by word and shape, never by colour alone."""

    WAITING = "WAITING"
    LIVE = "LIVE"
    STALE = "STALE"
    PARTIAL = "PARTIAL"
    DOWN = "DOWN"
    DENIED = "DENIED"
    THROTTLED = "THROTTLED"
    UNSUPPORTED = "UNSUPPORTED"


class Cause(Enum):
    """Why a reading failed. The value is the code shown; `state` is the word it goes with."""

    REFUSED = "refused"
    TIMEOUT_CONNECT = "timeout-connect"
    TIMEOUT_READ = "timeout-read"
    RESET = "reset"
    CLOSED_EARLY = "closed-early"
    SLOW = "slow"
    GARBAGE = "garbage"
    TOO_BIG = "too-big"
    AUTH = "auth"
    DENIED = "denied"
    TLS_EXPIRED = "tls-expired"
    TLS_NAME = "tls-name"
    TLS_UNTRUSTED = "tls-untrusted"
    TLS_PLAIN = "tls-plain"
    HOST_KEY = "host-key"
    DNS_NX = "dns-nx"
    DNS_FAIL = "dns-fail"
    DNS_TIMEOUT = "dns-timeout"
    VERSION = "version"
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"
    CLOCK = "clock"
    GONE = "gone"
    MISSING = "missing"
    LOCAL_DISK = "local-disk"
    LOCAL_PERM = "local-perm"
    INTERNAL = "internal"

    @property
    def state(self) -> State:
        """The panel's word: silent ones are STALE, answers that say no are DOWN or DENIED."""
        return _STATES.get(self, State.DOWN)


_STATES = {
    Cause.TIMEOUT_CONNECT: State.STALE,
    Cause.TIMEOUT_READ: State.STALE,
    Cause.RESET: State.STALE,
    Cause.CLOSED_EARLY: State.STALE,
    Cause.SLOW: State.STALE,
    Cause.AUTH: State.DENIED,
    Cause.DENIED: State.DENIED,
    Cause.LOCAL_PERM: State.DENIED,
    Cause.THROTTLED: State.THROTTLED,
    Cause.OVERLOADED: State.THROTTLED,
    Cause.VERSION: State.UNSUPPORTED,
    Cause.MISSING: State.UNSUPPORTED,
    Cause.TOO_BIG: State.PARTIAL,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A reading too: the target could not be read, why, and what a person can do about it."""

    target: str
    """Name of the target."""
    at: datetime
    """When it failed, aware UTC."""
    cause: Cause
    message: SafeText
    """One line in plain words, without secrets."""
    hint: SafeText = SafeText()
    """What the person can do next, or empty."""


class ProbeError(Exception):
    """A target could not be read: `cause` from the closed list, `message` and `hint` in our words.

    Only ever give it text that was built by us or went through `SafeText`, and no secret.
    """

    def __init__(self, cause: Cause, message: str | SafeText, hint: str | SafeText = "") -> None:
        self.cause = cause
        self.message = message if isinstance(message, SafeText) else SafeText(message, 300)
        self.hint = hint if isinstance(hint, SafeText) else SafeText(hint, 300)
        super().__init__(f"{cause.value}: {self.message}")


def _from_tls(error: ssl.SSLError, where: str) -> ProbeError:
    if isinstance(error, ssl.SSLCertVerificationError):
        text = (error.verify_message or "").lower()
        if "expired" in text:
            return ProbeError(Cause.TLS_EXPIRED, f"the certificate of {where} has expired")
        if "hostname" in text or "ip address" in text:
            return ProbeError(Cause.TLS_NAME, f"the certificate of {where} is for another name")
        return ProbeError(Cause.TLS_UNTRUSTED, f"the certificate of {where} is not trusted")
    return ProbeError(Cause.TLS_PLAIN, f"{where} does not speak TLS as expected")


def from_os_error(error: OSError, where: str) -> ProbeError:
    """Translate what the operating system says about a connection to `where` (host:port or a path)."""
    if isinstance(error, ssl.SSLError):
        return _from_tls(error, where)
    if isinstance(error, socket.gaierror):
        if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", -5)):
            return ProbeError(Cause.DNS_NX, f"no such host: {where}")
        return ProbeError(Cause.DNS_FAIL, f"the name of {where} could not be looked up")
    if isinstance(error, ConnectionRefusedError):
        return ProbeError(Cause.REFUSED, f"connection refused by {where}", "is it running?")
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return ProbeError(Cause.RESET, f"{where} reset the connection")
    if isinstance(error, TimeoutError):
        return ProbeError(Cause.TIMEOUT_CONNECT, f"no answer from {where}")
    if isinstance(error, FileNotFoundError):
        return ProbeError(Cause.REFUSED, f"no socket at {where}", "is it running?")
    if isinstance(error, PermissionError):
        return ProbeError(Cause.LOCAL_PERM, f"not allowed to open {where}")
    return ProbeError(Cause.REFUSED, f"cannot reach {where}: {error.strerror or type(error).__name__}")
