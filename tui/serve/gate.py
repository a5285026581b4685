"""Who may come in: the right address, the right origin, the right token, and not too many at once. Pure.

The token reaches the page behind the # of its address, which no browser sends anywhere, and the server as the first
message of the socket: so it stands in no request, no log and no argument list. A cookie would be sent to every port of
this machine, and other people listen there too.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from hmac import compare_digest
from typing import Final
from urllib.parse import urlsplit

SESSIONS: Final = 4
"""Viewers at once."""

KNOCKING: Final = 8
"""Sockets that may be open without having shown a token yet."""

CROWD: Final = 64
"""Connections that may be open in all: each costs a file, and a process has not many."""

_BYTES: Final = 16
"""Of a token: 128 bits."""


class Gate:
    """Decides about every request, and counts who is inside."""

    def __init__(self, origins: Iterable[str], token: str | None = None) -> None:
        """`origins`: what the browser's address may be, to the letter: "http://127.0.0.1:8425"."""
        self.origins = frozenset(origins)
        self.hosts = frozenset(urlsplit(origin).netloc for origin in self.origins)
        self.token = token or secrets.token_urlsafe(_BYTES)
        self.inside = 0
        self.knocking = 0
        self.crowd = 0
        """Connections that are open, whatever they want."""

    def refusal(self, hosts: Sequence[str], origins: Sequence[str], socket: bool) -> str:
        """Why a request is refused, by its Host and Origin headers; empty when it isn't.

        A page that is opened from the address bar has no Origin; a socket always has one. A name that was made to
        point to this machine is not the name it was asked for by.
        """
        if len(hosts) != 1 or hosts[0] not in self.hosts:
            return "this is not an address of this server"
        if len(origins) > 1 or any(one not in self.origins for one in origins):
            return "another page asks"
        return "no page asks" if socket and not origins else ""

    def knows(self, token: str) -> bool:
        """Is that the token? Takes the same time for every wrong one."""
        return compare_digest(token.encode("utf-8", "replace"), self.token.encode("ascii"))

    def enter(self) -> bool:
        """One more viewer; False when there are as many as may be."""
        if self.inside >= SESSIONS:
            return False
        self.inside += 1
        return True

    def leave(self) -> None:
        """A viewer is gone."""
        self.inside -= 1


def origin_of(text: str) -> str:
    """An origin as browsers write it. Raises ValueError for what is none."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(f"{text} is no origin; it is written as http://localhost:8425")
    if parts.path not in ("", "/"):
        raise ValueError(f"{text} has a path; an origin is written as http://localhost:8425")
    default = {"http": 80, "https": 443}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if parts.port in (None, default) else f":{parts.port}")
