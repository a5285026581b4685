"""Addresses of targets, parsed by us: an ambiguous one is refused, and no error ever echoes what was given.

A password with an unescaped `@` would otherwise turn its tail into a host name, which goes to the resolver and
into error texts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

_PARAMETER: Final = re.compile(r"(?i)\b((?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^&#\s]+)")
_QUERY: Final = re.compile(r"(?<=[?&])([^=&#\s]+)=[^&#\s]+")
_SECRETIVE: Final = re.compile(r"(?i)token|key|secret|passw|pwd|sig")
"""Names of parameters whose value is not shown."""
_PASSWORD: Final = re.compile(r"(?i)passw|passphrase|pwd|^pass$")
"""Names of parameters that hold a password."""

_WEB: Final = frozenset({"http", "https"})
"""Schemes in which an @ may stand behind the host, as in /@user/status."""
_ESCAPE: Final = "write a @ inside a password as %40"


class BadUrl(ValueError):
    """An address that can't be used; the message names the fault and never the address."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a target answers."""

    scheme: str
    host: str
    """Host name, address, or empty for a local socket."""
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    """Only when the address itself carried one, as DATABASE_URL often does."""
    path: str = ""
    """Database name or number, or the path of a local socket."""
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """The place for a person: host:port or the socket's path; no user, no secret."""
        if not self.host:
            return self.path
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port is not None else host


def parse_url(url: str, schemes: Collection[str], default_port: int | None = None) -> Endpoint:
    """Parse `scheme://[user[:password]@]host[:port]/path?query` or `unix:///path`.

    >>> parse_url("redis://127.0.0.1/3", {"redis"}, 6379).where
    '127.0.0.1:6379'
    >>> parse_url("postgresql://app:p@ss@db/x", {"postgresql"})
    Traceback (most recent call last):
    ...
    probes.base.url.BadUrl: has more than one @; write a @ inside a password as %40
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadUrl("can't be read; signs like / and @ in a password are written %2F and %40") from None
    if parts.scheme not in schemes:
        raise BadUrl(f"must begin with {' or '.join(sorted(f'{scheme}://' for scheme in schemes))}")
    if parts.netloc.count("@") > 1:
        raise BadUrl(f"has more than one @; {_ESCAPE}")
    if _is_ambiguous(parts):
        raise BadUrl(f"has a @ behind its host; {_ESCAPE}, and so one in a path")
    if not parts.hostname and (not parts.path or parts.scheme in _WEB):
        raise BadUrl("names no host")
    return Endpoint(
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=port if port is not None else (default_port if parts.hostname else None),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        path=unquote(parts.path) if not parts.hostname else unquote(parts.path).lstrip("/"),
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
    )


def _is_ambiguous(parts: SplitResult) -> bool:
    """True when a @ behind the host may be the end of a password that holds a / ? or #.

    In an address of the web a path may hold one, unless what stands before it could be a login: `name:digits`.
    """
    if not parts.netloc:
        return False
    first = parts.path or parts.query.partition("=")[0] or parts.fragment
    if parts.scheme not in _WEB:
        return "@" in first + parts.path + parts.fragment
    name, colon, _ = parts.netloc.partition(":")
    may_be_login = "@" in parts.netloc or (colon and not re.search(r"^localhost$|[.[]", name))
    return bool(may_be_login) and "@" in first.replace("/@", "/")


def hide_password(url: str) -> str:
    """An address without the password it may carry before its host, nor the secrets among its parameters.

    >>> hide_password("postgresql://app:secret@db/x"), hide_password("env:DATABASE_URL")
    ('postgresql://app:***@db/x', 'env:DATABASE_URL')
    >>> hide_password("postgresql://db/x?user=app&password=secret&application_name=y")
    'postgresql://db/x?user=app&password=***&application_name=y'
    >>> hide_password("https://h/x?deep=1&api_key=abc&X-Amz-Signature=def&%74oken=ghi")
    'https://h/x?deep=1&api_key=***&X-Amz-Signature=***&%74oken=***'
    >>> hide_password("https://x.example:8443/@user/status")
    'https://x.example:8443/@user/status'
    """
    url = _QUERY.sub(_shown, _PARAMETER.sub(r"\1***", url))
    head, mark, rest = url.partition("://")
    end = _authority(url, len(rest))
    login, at, place = rest[:end].rpartition("@")
    if not mark or not at:
        return url
    user, colon, _ = login.partition(":")
    return f"{head}://{user}{':***' if colon else ''}@{place}{rest[end:]}"


def _shown(parameter: re.Match[str]) -> str:
    return f"{parameter[1]}=***" if _SECRETIVE.search(unquote(parameter[1])) else parameter[0]


def carries_password(url: str) -> bool:
    """True when an address holds a password, before its host or as a parameter.

    >>> carries_password("redis://:pw@h"), carries_password("postgresql://h/x?sslpassword=pw")
    (True, True)
    >>> carries_password("redis://reader@h/0"), carries_password("text/plain")
    (False, False)
    """
    try:
        parts = urlsplit(url)
        return bool(parts.password) or any(_PASSWORD.search(name) for name, _ in parse_qsl(parts.query))
    except ValueError:
        return False


def secret_parameters(url: str) -> list[str]:
    """The secrets among an address's parameters.

    >>> secret_parameters("https://h/x?deep=1&token=abc")
    ['abc']
    """
    try:
        return [value for name, value in parse_qsl(urlsplit(url).query) if _SECRETIVE.search(name)]
    except ValueError:
        return []


def _authority(url: str, longest: int) -> int:
    """Characters behind :// in which a password may stand: all, unless it is plain where the host ends."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return longest
    return longest if parts.scheme not in _WEB or _is_ambiguous(parts) else len(parts.netloc)
