"""Tries whether a value works: one GET that carries it in a header, answered or not. Nothing is changed there, and the
value stands in no message, on no command line and in no record."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import Final

from probes.base import Endpoint, SafeText, load, parse_url, verifying
from probes.settings.settings import Prove

WITHIN: Final = 7.0
"""Seconds an answer may take."""


class Proof(Enum):
    """What an answer proves of a value."""

    WORKS = "it works"
    DEAD = "it does not work any more"
    UNKNOWN = "that proves nothing"


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of trying a value."""

    proof: Proof
    words: SafeText
    """"HTTP 200 from api.resend.com: it works"."""

    @property
    def of_new(self) -> str:
        """The words for a value that has never worked."""
        return str(self.words).removesuffix(" any more") if self.proof is Proof.DEAD else str(self.words)


async def tried(prove: Prove, value: str) -> Tried:
    """Try a value once. Never raises: no answer proves nothing."""
    await load("httpx")
    import httpx

    place: Endpoint = parse_url(prove.url, {"http", "https"})
    name, _, text = prove.header.partition(":")
    if not value.isascii() or not value.isprintable():
        return Tried(Proof.UNKNOWN, SafeText("a header can't carry this value: it was not tried"))
    headers = {name: text.strip().replace("{}", value), "User-Agent": "opsroom", "Accept-Encoding": "identity"}
    try:
        async with asyncio.timeout(WITHIN):
            async with (
                httpx.AsyncClient(
                    verify=verifying(), timeout=WITHIN, trust_env=False, follow_redirects=False
                ) as client,
                client.stream("GET", prove.url, headers=headers) as reply,
            ):
                status = reply.status_code
    except TimeoutError:
        return Tried(Proof.UNKNOWN, SafeText(f"{place.where} gave no answer in {WITHIN:g} s"))
    except (httpx.HTTPError, OSError, ValueError):
        return Tried(Proof.UNKNOWN, SafeText(f"{place.where} can't be reached"))
    proof = Proof.WORKS if status in prove.ok else Proof.DEAD if status in prove.dead else Proof.UNKNOWN
    return Tried(proof, SafeText(f"HTTP {status} from {place.where}: {proof.value}"))
