"""Reads what a certificate says about itself from its DER form, verified or not.

Only for showing it to a person: whom to trust is never decided by what is read here, and a certificate that can't be
read is simply not shown. Structure: RFC 5280 section 4.1; encoding: ITU-T X.690.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from probes.base.text import SafeText

_BOOLEAN: Final = 0x01
_INTEGER: Final = 0x02
_OID: Final = 0x06
_UTC_TIME: Final = 0x17
_TIME: Final = 0x18
_SEQUENCE: Final = 0x30
_SET: Final = 0x31
_DNS_NAME: Final = 0x82
_IP: Final = 0x87
_VERSION: Final = 0xA0
_EXTENSIONS: Final = 0xA3
_ALT_NAMES: Final = bytes((0x55, 0x1D, 0x11))
_CONSTRAINTS: Final = bytes((0x55, 0x1D, 0x13))
_COMMON_NAME: Final = bytes((0x55, 0x04, 0x03))
_ORGANISATION: Final = bytes((0x55, 0x04, 0x0A))
_NAMES: Final = 10
_MANY: Final = 2000

_RSA: Final = bytes.fromhex("2a864886f70d010101")
_ELLIPTIC: Final = bytes.fromhex("2a8648ce3d0201")
_KEYS: Final = {bytes.fromhex("2b6570"): ("Ed25519", 256), bytes.fromhex("2b6571"): ("Ed448", 456)}
_CURVES: Final = {
    bytes.fromhex("2a8648ce3d030107"): 256,
    bytes.fromhex("2b81040022"): 384,
    bytes.fromhex("2b81040023"): 521,
    bytes.fromhex("2b8104000a"): 256,
}
"""Kinds of keys: RFC 3279, RFC 5480, RFC 8410."""

Item = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says about itself; nothing here is verified by us."""

    subject: SafeText = SafeText()
    issuer: SafeText = SafeText()
    names: tuple[SafeText, ...] = ()
    """Host names it is for, at most ten."""
    not_before: datetime | None = None
    not_after: datetime | None = None
    """When it ends, aware UTC."""
    self_signed: bool = False
    """True when it names itself as its issuer."""
    serial: str = ""
    """The serial number in hexadecimal, as openssl shows it."""
    key: str = ""
    """Kind of its key: "RSA", "EC", "Ed25519"; empty: one we don't know."""
    bits: int | None = None
    """Size of the key."""
    authority: bool = False
    """True when it may sign others."""
    fingerprint: str = ""
    """SHA-256 of the whole, in hexadecimal: two certificates are one when it is the same."""
    holder: str = ""
    """Its whole subject, encoded, in hexadecimal; what an issuer is compared with."""
    signer: str = ""
    """The whole subject of its issuer, likewise."""
    covers: frozenset[str] = frozenset()
    """Every host name and address it is for, in lower case; only to be compared with."""


def read_certificate(der: bytes) -> Certificate | None:
    """The certificate, or None when it can't be understood.

    >>> read_certificate(b"not a certificate") is None
    True
    """
    try:
        fields = list(_items(_first(_first(der, _SEQUENCE), _SEQUENCE)))
        if fields and fields[0][0] == _VERSION:
            fields = fields[1:]
        serial, issuer, subject = fields[0][1], fields[2][1], fields[4][1]
        dates = list(_items(fields[3][1]))
        extensions = _extensions(fields)
        names, covers = _alternatives(extensions.get(_ALT_NAMES, b""))
        key, bits = _key(fields[5][1])
        return Certificate(
            subject=_name(subject),
            issuer=_name(issuer),
            names=names,
            not_before=_moment(dates[0]),
            not_after=_moment(dates[1]),
            self_signed=issuer == subject,
            serial=serial.lstrip(b"\0").hex()[:80] or "00",
            key=key,
            bits=bits,
            authority=_signs(extensions.get(_CONSTRAINTS, b"")),
            fingerprint=hashlib.sha256(der).hexdigest(),
            holder=subject.hex(),
            signer=issuer.hex(),
            covers=covers,
        )
    except (ValueError, IndexError):
        return None


def covers(certificate: Certificate, host: str) -> bool:
    """True when a certificate is for this host name or address; a star stands for one label (RFC 6125 section 6.4.3).

    >>> covers(Certificate(covers=frozenset({"*.shop.example"})), "www.shop.example")
    True
    >>> covers(Certificate(covers=frozenset({"*.shop.example"})), "shop.example")
    False
    """
    wanted = host.rstrip(".").lower()
    return wanted in certificate.covers or f"*.{wanted.partition('.')[2]}" in certificate.covers


def _items(data: bytes) -> Iterator[Item]:
    """Tag and content of each element, one after the other."""
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise ValueError("cut")
        tag, length = data[at], data[at + 1]
        at += 2
        if length >= 0x80:
            count = length & 0x7F
            if not 1 <= count <= 4 or at + count > len(data):
                raise ValueError("length")
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + length > len(data):
            raise ValueError("cut")
        yield tag, data[at : at + length]
        at += length


def _first(data: bytes, tag: int) -> bytes:
    found, content = next(_items(data), (0, b""))
    if found != tag:
        raise ValueError("structure")
    return content


def _name(data: bytes) -> SafeText:
    """The common name of a distinguished name, else the organisation."""
    parts: dict[bytes, bytes] = {}
    for tag, group in _items(data):
        if tag == _SET:
            (_, oid), (_, text) = list(_items(_first(group, _SEQUENCE)))[:2]
            parts.setdefault(oid, text)
    return SafeText(parts.get(_COMMON_NAME) or parts.get(_ORGANISATION) or b"", 120)


def _extensions(fields: list[Item]) -> dict[bytes, bytes]:
    """What each extension holds, by its object identifier."""
    found: dict[bytes, bytes] = {}
    for tag, content in fields[6:]:
        if tag == _EXTENSIONS:
            for _, extension in _items(_first(content, _SEQUENCE)):
                parts = list(_items(extension))
                if parts and parts[0][0] == _OID:
                    found.setdefault(parts[0][1], parts[-1][1])
    return found


def _alternatives(data: bytes) -> tuple[tuple[SafeText, ...], frozenset[str]]:
    if not data:
        return (), frozenset()
    found = [text for text in (_address(*one) for one in _items(_first(data, _SEQUENCE))) if text][:_MANY]
    return tuple(SafeText(text, 120) for text in found[:_NAMES]), frozenset(text.lower() for text in found)


def _address(tag: int, content: bytes) -> str:
    if tag == _DNS_NAME:
        return content[:255].decode("utf-8", "backslashreplace")
    if tag == _IP and len(content) in (4, 16):
        return str(ipaddress.ip_address(content))
    return ""


def _signs(data: bytes) -> bool:
    """True when the basic constraints name an authority, RFC 5280 section 4.2.1.9."""
    first = next(_items(_first(data, _SEQUENCE)), None) if data else None
    return first is not None and first[0] == _BOOLEAN and any(first[1])


def _key(data: bytes) -> tuple[str, int | None]:
    """Kind and size of a public key, RFC 5280 section 4.1.2.7."""
    parts = list(_items(data))
    algorithm = list(_items(parts[0][1]))
    oid = algorithm[0][1]
    if oid == _RSA:
        modulus = _first(_first(parts[1][1][1:], _SEQUENCE), _INTEGER)
        return "RSA", int.from_bytes(modulus, "big").bit_length()
    if oid == _ELLIPTIC:
        return "EC", _CURVES.get(algorithm[1][1]) if len(algorithm) > 1 else None
    return _KEYS.get(oid, ("", None))


def _moment(item: Item) -> datetime | None:
    """UTCTime (two-digit year, 50 and above is 19xx) or GeneralizedTime, RFC 5280 section 4.1.2.5."""
    tag, content = item
    text = content.decode("ascii", "replace")
    if tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != _TIME:
        return None
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
