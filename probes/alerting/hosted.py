"""What the services that people are paged by have in common: a token, pages, and a limit on how often one may ask.

Looking only. Each page is asked for once; a service that says "too often" is left alone for as long as it says.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NoReturn

from pydantic import Field, field_validator

from probes.alerting.address import SCHEMES, Address, address_of
from probes.alerting.api import REPLY_LIMIT, Api, Query, Reply
from probes.base import BadUrl, Cause, Context, ProbeError, Referring, SafeText, Secret, Settings, parse_url

_REFERENCE: Final = ("env:", "file:", "command:")
_LONGEST: Final = 600.0
"""Seconds a service is left alone at most, whatever it says."""
_UNSAID: Final = 30.0
"""Seconds it is left alone when it does not say how long."""
_SAID: Final = 160


class HostedSettings(Settings):
    """What both services need."""

    every: float = Field(default=30.0, ge=0.5, le=3600, description="Seconds between two readings.")
    timeout: float = Field(default=10.0, gt=0, le=60, description="Seconds a reading may take in all.")
    url: Referring = Field(default="", description="http:// or https:// address, where it is not the service's own.")
    token: Secret | None = Field(default=None, description="The token, by reference.")
    ca: str | None = Field(default=None, description="PEM file of the authority that signed the server's certificate.")

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        if url and not url.startswith(_REFERENCE) and parse_url(url, SCHEMES).query:
            raise BadUrl("holds parameters; give the address alone")
        return url

    @property
    def home(self) -> str:
        """The address that is meant when none is given."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Ways:
    """How a service is spoken to, and what it needs."""

    product: str
    scheme: str
    """What stands before the token: "Bearer "."""
    accept: str
    scope: str
    """What a token needs to read, for a person."""
    remedy: str
    """Where such a token comes from."""


class HostedApi(Api):
    """One service; GET only."""

    def __init__(self, name: str, settings: HostedSettings, context: Context, ways: Ways, prefix: str = "") -> None:
        super().__init__(name, settings, context, ways.product, prefix)
        self.hosted = settings
        self.ways = ways
        self._quiet: tuple[float, ProbeError] | None = None
        """(monotonic seconds until which it is left alone, why)."""

    async def page(self, path: str, query: Query = (), within: float | None = None) -> tuple[Any, Mapping[str, str]]:
        """(JSON, headers) of one page. Raises `ProbeError`."""
        self.rested()
        reply = await self._calls.run(self._page(path, query, within or self._settings.timeout))
        self.judge(reply)
        return self.parsed(reply.body), reply.headers

    async def _page(self, path: str, query: Query, within: float) -> Reply:
        client, url, headers, extensions = await self._route(path)
        opening = client.stream("GET", url, params=list(query), headers=headers, extensions=extensions)
        return await self._replied(opening, within, REPLY_LIMIT)

    def rested(self) -> None:
        """Raise as long as the service is to be left alone."""
        if self._quiet is not None and self._context.monotonic() < self._quiet[0]:
            raise self._quiet[1]

    def judge(self, reply: Reply) -> None:
        """Raise for an answer that says no; what it says of being asked too often is kept to."""
        if reply.status == 429:
            self._throttled(reply)
        self.check(reply.status, reply.body)

    def check(self, status: int, body: bytes) -> None:
        """Raise for an answer that says no, with what the token lacks."""
        said = reason(body)
        if status == 401:
            raise ProbeError(Cause.AUTH, f"{self.where} does not take our token: {said}", self.ways.remedy)
        if status in (402, 403):
            raise ProbeError(Cause.DENIED, f"{self.where} does not allow us this: {said}", f"needs {self.ways.scope}")
        if status == 404:
            raise ProbeError(
                Cause.GONE, f"{self.where} knows no such thing: {said}", "is its name in the profile right?"
            )
        if status == 429:
            raise ProbeError(Cause.THROTTLED, f"{self.where} is asked too often: {said}")
        if status >= 400:
            cause = Cause.GARBAGE if status < 500 and status != 408 else Cause.OVERLOADED
            raise ProbeError(cause, f"{self.where} says HTTP {status}: {said}")
        super().check(status, body)

    def _throttled(self, reply: Reply) -> NoReturn:
        told = wait_of(reply.headers, self._context.now(), self.skew or 0.0)
        wait = min(_LONGEST, max(1.0, told if told is not None else _UNSAID))
        until = self._context.now() + timedelta(seconds=wait)
        when = f"until {until:%H:%M:%S} UTC" if told is not None else "it does not say until when"
        error = ProbeError(
            Cause.THROTTLED, f"{self.where} is asked too often, {when}: {reason(reply.body)}",
            "set every higher, or give Opsroom a token of its own",
        )  # fmt: skip
        self._quiet = self._context.monotonic() + wait, error
        raise error

    def _resolved(self) -> Address:
        """Where it answers, with the token. Blocks."""
        return hosted_address(self.hosted, self._context, self.ways)


def hosted_address(settings: HostedSettings, context: Context, ways: Ways) -> Address:
    """The address and its headers, references looked up. May block. Raises `ProbeError`."""
    headers = {"Accept": ways.accept}
    return address_of(settings.url or settings.home, settings.token, settings.ca, ways.scheme, headers, context.secrets)


def wait_of(headers: Mapping[str, str], now: datetime, skew: float) -> float | None:
    """Seconds that a service wants to be left alone; None when it does not say.

    Retry-After and PagerDuty's ratelimit-reset are seconds from now, Sentry's own header is a moment by its clock.
    https://docs.sentry.io/api/ratelimits/ https://developer.pagerduty.com/docs/rest-api-rate-limits
    """
    for name in ("retry-after", "ratelimit-reset", "x-sentry-rate-limit-reset"):
        with contextlib.suppress(KeyError, ValueError):
            told = float(headers[name])
            if name.startswith("x-sentry"):
                told -= now.timestamp() + skew
            if -3600.0 < told < 86400.0:
                return max(0.0, told)
    return None


def reason(body: bytes) -> SafeText:
    """The service's own reason, one safe line: Sentry's `detail`, PagerDuty's `error`."""
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(body)
        error = found.get("error") if isinstance(found, dict) else None
        if isinstance(error, dict):
            more = error.get("errors")
            parts = [error.get("message"), *(more if isinstance(more, list) else [])]
            return SafeText("; ".join(part for part in parts if isinstance(part, str)) or "no reason", _SAID)
        detail = found.get("detail") if isinstance(found, dict) else None
        if isinstance(detail, dict):
            detail = detail.get("message")
        if isinstance(detail, str):
            return SafeText(detail, _SAID)
        if isinstance(error, str):
            return SafeText(error, _SAID)
    return SafeText("a web page") if body.lstrip()[:1] == b"<" else SafeText(body.strip() or b"no reason", _SAID)
