"""Where a request may go and whom it may trust: names looked up by us, addresses judged, certificates of authorities.

Nothing here sends a request; a server that is not trusted is met once more only to read the names in its certificate.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import ssl
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from probes.base import Cause, ProbeError, SafeText, from_os_error, verifying
from probes.base.x509 import Certificate, read_certificate

_PEEK: Final = 1.5
"""Seconds to fetch the certificate of a server we don't trust."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes."""

    scheme: str
    host: str
    port: int

    @property
    def where(self) -> str:
        """The place for a person: host:port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def place_of(url: str) -> Place:
    """Host and port of an address, the port of its scheme where it names none."""
    import httpx

    parts = httpx.URL(url)
    return Place(parts.scheme, parts.host, parts.port or (443 if parts.scheme == "https" else 80))


def shown(url: str) -> SafeText:
    """An address without its query and user."""
    import httpx

    parts = httpx.URL(url)
    query = "?…" if parts.query else ""
    host = f"[{parts.host}]" if ":" in parts.host else parts.host
    port = f":{parts.port}" if parts.port is not None else ""
    return SafeText(f"{parts.scheme}://{host}{port}{parts.path}{query}", 200)


def look_up(place: Place) -> tuple[str, ...]:
    """The addresses of a place. Blocks, a resolver may hang for half a minute. Raises `ProbeError`."""
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise from_os_error(error, place.where) from None
    except UnicodeError:
        raise ProbeError(Cause.DNS_NX, f"no such host: {place.where}") from None
    return tuple(dict.fromkeys(str(one[4][0]) for one in found))


_METADATA: Final = frozenset({"fd00:ec2::254", "100.100.100.200", "168.63.129.16"})
"""Where clouds answer with a machine's own secrets, beside link-local addresses."""


def forbidden(address: str, start: tuple[str, ...]) -> bool:
    """True for an address no redirect may lead to; to loopback only from loopback."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    if found.is_link_local or found.is_multicast or found.is_unspecified or str(found) in _METADATA:
        return True
    return found.is_loopback and not any(_is_loopback(one) for one in start)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def changed_at(path: str | None) -> float:
    """When a file was changed last, so that a renewed authority is read again."""
    try:
        return os.stat(path).st_mtime if path else 0.0
    except OSError:
        return 0.0


@lru_cache(maxsize=8)
def tls_context(verify: bool, ca: str | None, changed: float) -> ssl.SSLContext:
    """Trust in the machine's authorities, or in those of the file `ca` alone; shared by all targets."""
    if not verify:
        return _trusting()
    try:
        context = verifying(ca)
    except (OSError, ValueError):
        raise ProbeError(
            Cause.LOCAL_PERM, f"the file of authorities {ca} can't be read", "ca names a PEM file"
        ) from None
    paths = ssl.get_default_verify_paths()
    if ca is None and paths.cafile is None and paths.capath is None:
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def peek(address: str, place: Place) -> Certificate | None:
    """The certificate a server shows; the connection is dropped right after the handshake."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(_PEEK):
            name = None if _is_address(place.host) else place.host
            _, writer = await asyncio.open_connection(
                address, place.port, ssl=_trusting(), server_hostname=name or "", ssl_handshake_timeout=_PEEK
            )
        tls = writer.get_extra_info("ssl_object")
        der = tls.getpeercert(binary_form=True) if tls is not None else None
        return read_certificate(der) if der else None
    except (OSError, ValueError):
        return None
    finally:
        if writer is not None:
            writer.transport.abort()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
