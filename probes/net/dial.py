"""Connects to one address and hangs up: a TCP handshake, a TLS one where asked, each timed, nothing said.

A server sees a connection that ends without a request. What the operating system says is told apart: refused (somebody
answers that nobody listens), no answer (dropped by a filter, or nobody there), no route, unreachable, reset.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from probes.base import Cause, ProbeError, SafeText, from_os_error
from probes.base.x509 import Certificate, read_certificate
from probes.net.facts import Attempt

CONNECT: Final = 3.0
"""Seconds one address has for its TCP handshake, and again for TLS."""

_NO_ROUTE: Final = frozenset({errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
_UNREACHABLE: Final = frozenset({errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETDOWN})
_FORBIDDEN: Final = frozenset({errno.EPERM, errno.EACCES})


@dataclass(frozen=True, slots=True)
class Dial:
    """How to connect."""

    host: str
    """The name a certificate must be for."""
    port: int
    trust: ssl.SSLContext | None = None
    """For TLS; None: TCP alone."""
    source: str = ""
    """The address to come from; empty: the machine chooses."""
    within: float = CONNECT


async def dial(address: str, how: Dial, monotonic: Callable[[], float]) -> tuple[Attempt, Certificate | None]:
    """What becomes of one address, and the certificate shown there, trusted or not. Never raises `OSError`."""
    came = socket.AF_INET6 if ":" in address else socket.AF_INET
    attempt = Attempt(address)
    try:
        sock = socket.socket(came, socket.SOCK_STREAM)
    except OSError as error:
        return _failed(attempt, error, how), None
    try:
        sock.setblocking(False)
        began = monotonic()
        try:
            async with asyncio.timeout(how.within):
                if how.source:
                    sock.bind((how.source, 0))
                await asyncio.get_running_loop().sock_connect(sock, (address, how.port))
        except TimeoutError:
            words = f"no answer in {how.within:g} s: filtered, or its host is down"
            return replace(attempt, cause=Cause.TIMEOUT_CONNECT, words=SafeText(words)), None
        except OSError as error:
            return _failed(attempt, error, how), None
        attempt = replace(attempt, connect=monotonic() - began, source=str(sock.getsockname()[0]))
        if how.trust is None:
            return replace(attempt, ok=True, words=SafeText("connected")), None
        return await _secured(attempt, sock, how, monotonic)
    finally:
        sock.close()


async def _secured(
    attempt: Attempt, sock: socket.socket, how: Dial, monotonic: Callable[[], float]
) -> tuple[Attempt, Certificate | None]:
    began = monotonic()
    try:
        assert how.trust is not None
        shown = await _handshake(sock, how, how.trust)
    except TimeoutError:
        words = "takes the connection and does not finish the TLS handshake"
        return replace(attempt, cause=Cause.TIMEOUT_READ, words=SafeText(words)), None
    except ssl.SSLCertVerificationError as error:
        found = await _peek(attempt.address, how)
        told = from_os_error(error, "it")
        return replace(attempt, cause=told.cause, words=SafeText(_untrusted(told, found), 200)), found
    except ssl.SSLError:
        words = "takes the connection and does not speak TLS as expected"
        return replace(attempt, cause=Cause.TLS_PLAIN, words=SafeText(words)), None
    except OSError:
        words = "cuts the connection in the TLS handshake"
        return replace(attempt, cause=Cause.RESET, words=SafeText(words)), None
    return replace(attempt, ok=True, tls=monotonic() - began, words=SafeText("connected, TLS trusted")), shown


async def _handshake(sock: socket.socket, how: Dial, trust: ssl.SSLContext) -> Certificate | None:
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(how.within):
            _, writer = await asyncio.open_connection(sock=sock, ssl=trust, server_hostname=how.host)
        found = writer.get_extra_info("ssl_object")
        der = found.getpeercert(binary_form=True) if found is not None else None
        return read_certificate(der) if der else None
    finally:
        if writer is not None:
            writer.transport.abort()


async def _peek(address: str, how: Dial) -> Certificate | None:
    """The certificate of a server we don't trust, met once more for its words only."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as sock, contextlib.suppress(OSError):
        sock.setblocking(False)
        async with asyncio.timeout(how.within):
            await asyncio.get_running_loop().sock_connect(sock, (address, how.port))
        return await _handshake(sock, how, trusting)
    return None


def _untrusted(told: ProbeError, found: Certificate | None) -> str:
    if told.cause is Cause.TLS_EXPIRED:
        until = f" on {found.not_after:%Y-%m-%d}" if found is not None and found.not_after is not None else ""
        return f"its certificate has ended{until}"
    if found is None:
        return "its certificate is not trusted" if told.cause is not Cause.TLS_NAME else "its certificate names another"
    names = ", ".join(map(str, found.names[:3])) or str(found.subject)
    if told.cause is Cause.TLS_NAME:
        return f"its certificate is for {names}, not for this name"
    return (
        f"its certificate is not trusted: signed by {'itself' if found.self_signed else found.issuer or 'nobody named'}"
    )


def _failed(attempt: Attempt, error: OSError, how: Dial) -> Attempt:
    """What the operating system says of a connection that was not made."""
    number = error.errno
    cause, words = Cause.REFUSED, SafeText(error.strerror or type(error).__name__, 80)
    if isinstance(error, ConnectionRefusedError):
        words = SafeText("refused: its host answers, and nobody listens there")
    elif isinstance(error, ConnectionResetError | BrokenPipeError):
        cause, words = Cause.RESET, SafeText("reset while connecting")
    elif number == errno.EADDRNOTAVAIL and how.source:
        cause, words = Cause.LOCAL_PERM, SafeText(f"this machine does not have the address {how.source}")
    elif number in _NO_ROUTE:
        words = SafeText("no route to it from this machine")
    elif number in _UNREACHABLE:
        cause, words = Cause.TIMEOUT_CONNECT, SafeText("unreachable: the network says that its host does not answer")
    elif number in _FORBIDDEN:
        cause, words = Cause.LOCAL_PERM, SafeText("a filter on this machine does not let us out")
    elif number == errno.ETIMEDOUT:
        cause, words = Cause.TIMEOUT_CONNECT, SafeText("no answer: filtered, or its host is down")
    elif number in (errno.EMFILE, errno.ENFILE):
        cause, words = Cause.LOCAL_PERM, SafeText("this machine has no file descriptor left")
    return replace(attempt, cause=cause, words=words, routeless=number in _NO_ROUTE and not how.source)
