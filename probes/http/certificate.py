"""Reads a certificate's names and dates from its DER form, verified or not.

Only for showing them to a person: nothing is decided by what is read here, and a certificate that can't be read is
simply not shown. Structure: RFC 5280 section 4.1; encoding: ITU-T X.690.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from probes.base import SafeText
from probes.http.facts import Certificate

_SEQUENCE: Final = 0x30
_SET: Final = 0x31
_OID: Final = 0x06
_VERSION: Final = 0xA0
_EXTENSIONS: Final = 0xA3
_DNS_NAME: Final = 0x82
_IP: Final = 0x87
_UTC_TIME: Final = 0x17
_TIME: Final = 0x18
_ALT_NAMES: Final = bytes((0x55, 0x1D, 0x11))
_COMMON_NAME: Final = bytes((0x55, 0x04, 0x03))
_ORGANISATION: Final = bytes((0x55, 0x04, 0x0A))
_NAMES: Final = 10

Item = tuple[int, bytes]


def read_certificate(der: bytes) -> Certificate | None:
    """The certificate, or None when it can't be understood.

    >>> read_certificate(b"not a certificate") is None
    True
    """
    try:
        fields = list(_items(_first(_first(der, _SEQUENCE), _SEQUENCE)))
        if fields and fields[0][0] == _VERSION:
            fields = fields[1:]
        issuer, dates, subject = fields[2][1], list(_items(fields[3][1])), fields[4][1]
        return Certificate(
            subject=_name(subject),
            issuer=_name(issuer),
            names=_alternatives(fields),
            not_before=_moment(dates[0]),
            not_after=_moment(dates[1]),
            self_signed=issuer == subject,
        )
    except (ValueError, IndexError):
        return None


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


def _alternatives(fields: list[Item]) -> tuple[SafeText, ...]:
    for tag, content in fields[5:]:
        if tag == _EXTENSIONS:
            for _, extension in _items(_first(content, _SEQUENCE)):
                parts = list(_items(extension))
                if parts and parts[0] == (_OID, _ALT_NAMES):
                    names = [_address(*one) for one in _items(_first(parts[-1][1], _SEQUENCE))]
                    return tuple(name for name in names if name)[:_NAMES]
    return ()


def _address(tag: int, content: bytes) -> SafeText:
    if tag == _DNS_NAME:
        return SafeText(content, 120)
    if tag == _IP and len(content) == 4:
        return SafeText(".".join(map(str, content)))
    return SafeText()


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
