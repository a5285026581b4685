"""Certificates as servers show them: one handshake that verifies, and one more that only looks when that one fails.

Mail servers and PostgreSQL are asked for TLS in their own words first: RFC 3207, RFC 9051, RFC 2595 and the protocol of
PostgreSQL (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from probes.base import Cause, Lane, ProbeError, SafeText, from_os_error, lenient, verifying
from probes.base.x509 import Certificate, covers, read_certificate
from probes.certificates.facts import Seen
from probes.certificates.files import ended, issuers_of, time_left

PLACE: Final = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9_.-]+)):(?P<port>[1-9]\d{0,4})"
    r"(?P<options>(?: +(?:starttls=(?:smtp|imap|pop3|postgres)|name=[A-Za-z0-9_.-]+))*)"
)
_LINES: Final = 100
_MISSING_ISSUER: Final = frozenset({2, 20, 21})
"""Codes of OpenSSL for a chain that leads nowhere: X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT and its kin (x509_vfy.h)."""


@dataclass(frozen=True, slots=True)
class Place:
    """A server to shake hands with."""

    host: str
    port: int
    name: str
    """The name it is asked for (SNI), and that its certificate must be for."""
    starttls: str = ""

    @property
    def key(self) -> str:
        """host:port, and the name where that is another."""
        where = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        return where if self.name == self.host else f"{where} name={self.name}"


def place_of(text: str) -> Place:
    """A line of the profile; ValueError in words for one that is no place.

    >>> place_of("smtp.example:587 starttls=smtp").starttls
    'smtp'
    """
    found = PLACE.fullmatch(text.strip())
    if found is None or int(found["port"]) > 65535:
        raise ValueError(
            "a server is host:port, then perhaps starttls=smtp, imap, pop3 or postgres, then perhaps name=NAME"
        )
    options = dict(word.split("=", 1) for word in found["options"].split())
    host = found["six"] or found["host"]
    return Place(host, int(found["port"]), options.get("name", host), options.get("starttls", ""))


@dataclass(frozen=True, slots=True)
class _Shown:
    chain: tuple[Certificate, ...]
    error: ssl.SSLCertVerificationError | None = None


async def shown_by(place: Place, lane: Lane, ca: str | None, within: float, now: datetime) -> Seen:
    """The certificate a server shows now. Raises `ProbeError` when it shows none."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    try:
        try:
            trusting = await lane.run(verifying, ca)
        except (OSError, ssl.SSLError):
            raise ProbeError(Cause.LOCAL_PERM, "the file of authorities can't be read", "ca names a PEM file") from None
        try:
            shown = _Shown(await _handshake(place, lane, trusting, until - loop.time()))
        except ssl.SSLCertVerificationError as error:
            shown = _Shown(await _handshake(place, lane, _looking(), until - loop.time()), error)
    except ssl.SSLError as error:
        raise _no_tls(place, error) from None
    except OSError as error:
        raise from_os_error(error, place.key) from None
    return _seen(place, shown, now)


def _seen(place: Place, shown: _Shown, now: datetime) -> Seen:
    if not shown.chain:
        raise ProbeError(Cause.GARBAGE, f"{place.key} shows a certificate that can't be read")
    one = shown.chain[0]
    issuers = issuers_of(one, shown.chain[1:])
    matches = covers(one, _plain(place.name))
    error = shown.error
    complete = True if error is None else False if error.verify_code in _MISSING_ISSUER else None
    return Seen(
        key=place.key,
        certificate=one,
        served=True,
        left=time_left((one, *issuers), now),
        chain=len(issuers),
        complete=complete,
        verified=error is None,
        matches=matches,
        why=SafeText(_why(place, one, issuers, shown, matches, now), 200),
    )


def _why(
    place: Place, one: Certificate, issuers: Sequence[Certificate], shown: _Shown, matches: bool, now: datetime
) -> str:
    if words := ended(one, issuers, now):
        return words
    if not matches:
        return f"it is for {', '.join(map(str, one.names[:2])) or one.subject}, not for {place.name}"
    if shown.error is None:
        return ""
    if one.self_signed:
        return "self-signed, and not trusted here"
    if shown.error.verify_code in _MISSING_ISSUER and not issuers:
        return "the server sends no issuer with it, or one that is unknown here"
    if shown.error.verify_code in (*_MISSING_ISSUER, 19):
        return "its authority is not trusted here"
    return f"a client refuses it: {SafeText(shown.error.verify_message or '', 100)}"


def _plain(name: str) -> str:
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(name))
    return name


def _looking() -> ssl.SSLContext:
    """Trusts everybody, for looking only: nothing but the handshake is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return lenient(context)


async def _handshake(place: Place, lane: Lane, context: ssl.SSLContext, within: float) -> tuple[Certificate, ...]:
    """The chain as it is served, its first the server's own."""
    writer: asyncio.StreamWriter | None = None
    step = Cause.TIMEOUT_CONNECT
    try:
        async with asyncio.timeout(max(0.05, within)):
            found = await lane.run(_addresses, place)
            reader, writer = await _connected(found, place.port)
            step = Cause.TIMEOUT_READ
            if place.starttls:
                await _ask_for_tls(place, reader, writer)
            await writer.start_tls(context, server_hostname=place.name)
            tls = writer.get_extra_info("ssl_object")
            return _chain(tls)
    except TimeoutError:
        raise ProbeError(step, f"{place.key} does not finish the TLS handshake") from None
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise ProbeError(Cause.CLOSED_EARLY, f"{place.key} hung up before TLS began") from None
    finally:
        if writer is not None:
            writer.transport.abort()


def _addresses(place: Place) -> list[str]:
    found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))[:4]


async def _connected(addresses: Sequence[str], port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The first address that answers."""
    for address in addresses[:-1]:
        with contextlib.suppress(OSError):
            return await asyncio.open_connection(address, port)
    return await asyncio.open_connection(addresses[-1], port)


def _chain(tls: Any) -> tuple[Certificate, ...]:
    """What was served. Python gives the whole of it since 3.13, and without a public name since 3.10."""
    holder = tls if hasattr(tls, "get_unverified_chain") else getattr(tls, "_sslobj", None)
    get = getattr(holder, "get_unverified_chain", None)
    raw: list[bytes] = []
    if get is not None:
        raw = [one if isinstance(one, bytes) else one.public_bytes(2) for one in get() or ()]  # 2: DER
    own = tls.getpeercert(binary_form=True)
    if not raw and own:
        raw = [own]
    return tuple(one for one in map(read_certificate, raw[:20]) if one is not None)


async def _ask_for_tls(place: Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The few words after which a server speaks TLS."""
    if place.starttls == "postgres":
        writer.write((8).to_bytes(4, "big") + (80877103).to_bytes(4, "big"))
        if await reader.readexactly(1) != b"S":
            raise ProbeError(Cause.TLS_PLAIN, f"{place.key} does not offer TLS")
        return
    talk = {
        "smtp": ((b"", b"220"), (b"EHLO opsroom.invalid\r\n", b"250"), (b"STARTTLS\r\n", b"220")),
        "imap": ((b"", b"* "), (b"a STARTTLS\r\n", b"a OK")),
        "pop3": ((b"", b"+OK"), (b"STLS\r\n", b"+OK")),
    }[place.starttls]
    for word, wanted in talk:
        writer.write(word)
        said = await _answer(reader, b"a " if word.startswith(b"a ") else b"")
        if not said.upper().startswith(wanted.upper()):
            raise ProbeError(Cause.TLS_PLAIN, f"{place.key} does not offer STARTTLS for {place.starttls}")


async def _answer(reader: asyncio.StreamReader, tag: bytes) -> bytes:
    """The last line of an answer: without a hyphen after its code, or with the tag."""
    for _ in range(_LINES):
        said = await reader.readuntil(b"\n")
        if (tag and said.startswith(tag)) or (not tag and said[3:4] != b"-"):
            return said
    raise ProbeError(Cause.GARBAGE, "more was said than a greeting holds")


def _no_tls(place: Place, error: ssl.SSLError) -> ProbeError:
    reason = (error.reason or "").upper()
    if "UNSUPPORTED_PROTOCOL" in reason or "PROTOCOL_VERSION" in reason:
        return ProbeError(Cause.VERSION, f"{place.key} speaks only versions of TLS that are no longer safe")
    if "EOF" in reason:
        return ProbeError(Cause.CLOSED_EARLY, f"{place.key} hung up in the TLS handshake")
    return ProbeError(Cause.GARBAGE, f"what answers at {place.key} does not speak TLS as expected")
