"""Certificates in files: PEM with several of them, or DER. Keys that stand beside them are never kept."""

from __future__ import annotations

import base64
import binascii
import glob
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from probes.base import Cause, ProbeError, SafeText
from probes.base.x509 import Certificate, read_certificate
from probes.certificates.facts import Seen, Unread

FILES: Final = 500
"""Files read at most."""
EACH: Final = 50
"""Certificates shown of one file."""
_SIZE: Final = 1 << 20
_PEM: Final = re.compile(
    rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.*?)-----END (?:X509 |TRUSTED )?CERTIFICATE-----", re.S
)
_PKCS12: Final = b"\x02\x01\x03"
"""A PFX begins with its version, 3: RFC 7292 section 4."""
_JKS: Final = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")


@dataclass(frozen=True, slots=True)
class Contents:
    """The certificates of one file."""

    path: str
    certificates: tuple[Certificate, ...]
    changed: datetime


def read_all(patterns: Sequence[str], now: datetime) -> tuple[list[Seen], list[Unread], int]:
    """(certificates, what could not be read, files and certificates left out) of all files the patterns name."""
    seen: list[Seen] = []
    unread: list[Unread] = []
    paths: dict[str, None] = {}
    for pattern in patterns:
        found = sorted(glob.glob(pattern, recursive=True)) or [pattern]
        if found == [pattern] and glob.has_magic(pattern):
            unread.append(Unread(SafeText(pattern, 200), Cause.GONE, SafeText("no file there")))
            continue
        paths.update(dict.fromkeys(found))
    left_out = max(0, len(paths) - FILES)
    for path in list(paths)[:FILES]:
        try:
            contents = read_file(path)
        except ProbeError as error:
            unread.append(Unread(SafeText(path, 200), error.cause, error.message, error.hint))
            continue
        shown = list(leaves(contents, now))
        left_out += max(0, len(shown) - EACH)
        seen += shown[:EACH]
    return seen, unread, left_out


def read_file(path: str) -> Contents:
    """The certificates of one file. Raises `ProbeError` with the reason when it has none that can be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ProbeError(Cause.GONE, "no such file") from None
    except PermissionError:
        raise ProbeError(
            Cause.LOCAL_PERM, "this user may not read it", "certificates are public: chmod o+r, or look at the server"
        ) from None
    except OSError as error:
        raise ProbeError(Cause.LOCAL_PERM, f"can't be opened: {error.strerror}") from None
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise ProbeError(Cause.GARBAGE, "not a file of certificates")
        if about.st_size > _SIZE:
            raise ProbeError(Cause.TOO_BIG, "longer than 1 MiB, too long for certificates")
        raw = b""
        while len(raw) <= _SIZE and (part := os.read(descriptor, 1 << 16)):
            raw += part
    except OSError as error:
        raise ProbeError(Cause.LOCAL_DISK, f"can't be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    return Contents(path, parsed(raw), datetime.fromtimestamp(about.st_mtime, UTC))


def parsed(raw: bytes) -> tuple[Certificate, ...]:
    """The certificates in the bytes of a file, PEM or DER. Raises `ProbeError` when there is none."""
    blocks = _PEM.findall(raw)
    if blocks:
        found = [_decoded(block) for block in blocks]
        if None in found:
            raise ProbeError(Cause.GARBAGE, f"certificate {found.index(None) + 1} of {len(found)} is damaged")
        return tuple(one for one in found if one is not None)
    if raw[:4] in _JKS:
        raise ProbeError(Cause.VERSION, "a Java keystore, which is not read", "keytool -exportcert gives a PEM file")
    if raw[:1] == b"\x30" and _PKCS12 in raw[2:10]:
        raise ProbeError(
            Cause.AUTH, "PKCS#12, which needs a password and is not read", "openssl pkcs12 -nokeys gives a PEM file"
        )
    one = read_certificate(raw)
    if one is not None:
        return (one,)
    if b"-----BEGIN" in raw:
        what = "a key" if b"PRIVATE KEY-----" in raw else "a request" if b"CERTIFICATE REQUEST" in raw else "PEM"
        raise ProbeError(Cause.GARBAGE, f"{what}, and no certificate in it")
    raise ProbeError(Cause.GARBAGE, "empty" if not raw.strip() else "no certificate in it")


def _decoded(block: bytes) -> Certificate | None:
    try:
        return read_certificate(base64.b64decode(b"".join(block.split()), validate=True))
    except binascii.Error:
        return None


def leaves(contents: Contents, now: datetime) -> Iterable[Seen]:
    """A line for each certificate that signed no other of its file; its issuers are counted with it."""
    every = contents.certificates
    signers = {one.signer for one in every if not one.self_signed}
    heads = [one for one in every if one.holder not in signers or not one.authority] or list(every[:1])
    for number, one in enumerate(heads):
        issuers = issuers_of(one, every)
        key = contents.path if not number else f"{contents.path}#{number + 1}"
        why = "what stands beside it did not sign it" if len(heads) == 1 < len(every) - len(issuers) else ""
        yield Seen(
            key=key,
            certificate=one,
            served=False,
            left=time_left((one, *issuers), now),
            chain=len(issuers),
            complete=True if one.self_signed else None,
            why=SafeText(ended(one, issuers, now) or why),
            changed=contents.changed,
        )


def issuers_of(one: Certificate, every: Sequence[Certificate]) -> list[Certificate]:
    """Those that lead up from a certificate, by their names."""
    found: list[Certificate] = []
    while not one.self_signed:
        above = next((other for other in every if other.holder == one.signer and other not in found), None)
        if above is None:
            break
        found.append(above)
        one = above
    return found


def time_left(chain: Iterable[Certificate], now: datetime) -> float | None:
    """Seconds until the first of a chain ends."""
    ends = [one.not_after for one in chain if one.not_after is not None]
    return (min(ends) - now).total_seconds() if ends else None


def ended(one: Certificate, issuers: Sequence[Certificate], now: datetime) -> str:
    """What its dates say: past, to come, or an issuer that ends first."""
    if one.not_after is not None and one.not_after <= now:
        return "it has expired"
    if one.not_before is not None and one.not_before > now:
        return "it is not valid yet"
    for above in issuers:
        if above.not_after is not None and one.not_after is not None and above.not_after < one.not_after:
            word = "has expired" if above.not_after <= now else "ends before it"
            return f"its issuer {above.subject} {word}"
    return ""
