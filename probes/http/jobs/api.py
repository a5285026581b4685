"""Reads a scheduler's API: whole lists up to a stated cap, one job afresh, executions. GET only, no redirect followed.

Our login goes to the configured place and nowhere else: a next page that leads to another host is not asked for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urljoin

from probes.base import Cause, Context, ProbeError, SafeText, at_path, parse_path
from probes.http.address import Reach, reach
from probes.http.body import looks_like, parse_json
from probes.http.jobs.settings import JobsSettings
from probes.http.jobs.template import filled_path
from probes.http.limits import limits_of, pause
from probes.http.reach import place_of
from probes.http.wire import Answer, Ask, Wire

PAGES: Final = 50
"""Pages of one list that are asked for."""
MOST: Final = 5000
"""Items of one list that are kept."""
LIMIT: Final = 8 << 20
"""Bytes of an answer."""
_USUAL: Final = ("items", "jobs", "data", "results", "executions", "runs", "content", "list")
_USUAL_NEXT: Final = ("next", "next_page", "nextPage", "next_cursor", "nextCursor", "next_page_token", "nextPageToken")
"""What a list that has further pages often calls the next one."""
_LINK: Final = re.compile(r'<([^<>]{1,2000})>\s*;[^,]*\brel="?next"?')


@dataclass(frozen=True, slots=True)
class One:
    """One job afresh."""

    told: Mapping[str, Any]
    etag: str = ""
    """The server's mark of this very version, to be sent back with a change; empty: it gives none."""


class Api:
    """One scheduler. Made cheaply; connects when asked; `cut` ends what is under way."""

    def __init__(self, name: str, settings: JobsSettings, context: Context) -> None:
        self.settings = settings
        self.context = context
        self.quiet_until = 0.0
        """Monotonic seconds until which it must not be asked."""
        self.goes_on = ""
        """Where the list read last names a next page that the profile does not know of; empty: nowhere."""
        self._wire = Wire(name, settings.timeout, context.monotonic)
        self._turn = asyncio.Lock()
        """One request at a time."""
        self._reach: Reach | None = None

    @property
    def reached(self) -> Reach:
        """Where it is and what goes along. Raises `ProbeError` when a secret can't be had."""
        if self._reach is None:
            self._reach = reach(self.settings, self.context.secrets)
        return self._reach

    @property
    def base(self) -> str:
        """The address that every path stands behind: scheme, host, port, prefix."""
        return base_of(self.reached.url)

    @property
    def connected(self) -> bool:
        """True once the present request has a connection."""
        return self._wire.connected

    def cut(self) -> None:
        """End what is under way, without waiting."""
        self._wire.abort()
        self._reach = None

    async def close(self) -> None:
        """Let go of everything."""
        self._wire.abort()
        await self._wire.close()

    # what it holds

    async def everything(self, path: str, items: str | None, within: float) -> tuple[list[Mapping[str, Any]], bool]:
        """(all objects of a list, over all of its pages; whether some were left out)."""
        found: list[Mapping[str, Any]] = []
        url, seen = self.base + path, set[str]()
        for _ in range(PAGES):
            seen.add(url)
            answer = await self.get(url, within)
            told = self.parsed(answer)
            found += self.rows(told, items)
            following = self._following(told, answer, url, path)
            self.goes_on = "" if following is not None else self._goes_on(told)
            if following is None or following in seen:
                return found[:MOST], len(found) > MOST or bool(self.goes_on)
            if len(found) >= MOST:
                break
            url = following
        return found[:MOST], True

    async def one(self, id: str, within: float) -> One:
        """A job as it is now, by its own path where the profile names one, else out of the list.

        Raises `ProbeError(Cause.GONE)` when it is not there.
        """
        settings = self.settings
        if settings.item:
            answer = await self.get(self.base + filled_path(settings.item, {"id": id}), within)
            told = self.parsed(answer)
            mark = answer.headers.get("etag", "")
            for inner in (told, *(told.values() if isinstance(told, dict) else ())):
                if isinstance(inner, dict) and id_of(inner, settings) == id:
                    return One(inner, mark if re.fullmatch(r'(?:W/)?"[!-~]{0,200}"', mark) else "")
            raise ProbeError(Cause.GARBAGE, f"{self.reached.where} gives another job than the one asked for")
        listed, _ = await self.everything(settings.list, settings.items, within)
        same = [one for one in listed if id_of(one, settings) == id]
        if not same:
            raise ProbeError(Cause.GONE, f"there is no job {SafeText(id, 80)} any more")
        if len(same) > 1:
            raise ProbeError(Cause.GARBAGE, f"several jobs have the id {SafeText(id, 80)}")
        return One(same[0])

    def rows(self, told: Any, items: str | None) -> list[Mapping[str, Any]]:
        """The objects of a list. Raises `ProbeError` when there is no list."""
        where = self.reached.where
        if items is not None:
            _, told = at_path(told, parse_path(items))
        elif isinstance(told, dict):
            told = next((told[name] for name in _USUAL if isinstance(told.get(name), list)), told)
        if not isinstance(told, list):
            place = items or "the answer"
            raise ProbeError(Cause.GARBAGE, f"{where}: there is no list at {place}", "items says where the list stands")
        return [one for one in told if isinstance(one, dict)]

    def _goes_on(self, told: Any) -> str:
        """Where an answer says that there is a next page, when the profile does not say where to look; else empty."""
        if self.settings.next is not None or not isinstance(told, dict):
            return ""
        return next((f"$.{name}" for name in _USUAL_NEXT if told.get(name) not in (None, False, "", 0)), "")

    def _following(self, told: Any, answer: Answer, url: str, path: str) -> str | None:
        """The address of the next page; None when there is none. One at another place is refused."""
        found: Any = None
        if self.settings.next is not None:
            _, found = at_path(told, parse_path(self.settings.next))
        elif link := _LINK.search(answer.headers.get("link", "")):
            found = link[1]
        if found is None or found is False or found == "":
            return None
        text = str(found)
        if not text.startswith(("/", "http://", "https://", "?")):
            sign = "&" if "?" in path else "?"
            return f"{self.base}{path}{sign}{quote(self.settings.cursor, safe='')}={quote(text, safe='')}"
        target = urljoin(url, text)
        if place_of(target) != place_of(self.base):
            raise ProbeError(
                Cause.GARBAGE, f"the next page of {self.reached.where} is at another place", "it is not asked"
            )
        return target

    # asking

    async def get(self, url: str, within: float) -> Answer:
        """An answer that says yes. Raises `ProbeError`."""
        left = self.quiet_until - self.context.monotonic()
        if left > 0:
            raise ProbeError(
                Cause.THROTTLED, f"{self.reached.where} was asked too often and is left alone for {left:.0f} s"
            )
        settings, there = self.settings, self.reached
        ask = Ask(
            url,
            "GET",
            there.headers,
            settings.tls_verify,
            settings.ca,
            settings.environment_proxy,
            follow=0,
            limit=LIMIT,
        )
        async with self._turn:
            answer = await self._wire.ask(ask, within, there.where)
        self.check(answer.status, answer.headers, answer.body)
        if answer.cut:
            raise ProbeError(Cause.TOO_BIG, f"an answer of {there.where} is greater than {LIMIT >> 20} MiB")
        return answer

    def parsed(self, answer: Answer) -> Any:
        """The JSON of an answer."""
        parsed = parse_json(answer.body)
        if not parsed.is_json:
            said = looks_like(answer.body)
            raise ProbeError(
                Cause.GARBAGE, f"{self.reached.where} gives {said}, expected JSON", "does url name its API?"
            )
        return parsed.value

    def check(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Raise for an answer that says no, in words."""
        if 200 <= status < 300:
            return
        where, now = self.reached.where, self.context.now()
        wait = pause(status, headers, parse_json(body).value, limits_of(headers, now), now)
        if wait is not None:
            self.quiet_until = self.context.monotonic() + wait
            raise ProbeError(Cause.THROTTLED, f"{where} is asked too often: again in {wait:.0f} s")
        if 300 <= status < 400:
            raise ProbeError(Cause.GARBAGE, f"{where} sends us elsewhere (HTTP {status})", "is that a login page?")
        if status == 401:
            self._reach = None  # a secret may have been renewed
            raise ProbeError(Cause.AUTH, f"{where} does not accept our login", "set token, or headers")
        if status == 403:
            raise ProbeError(Cause.DENIED, f"{where} does not allow us this")
        if status == 404:
            raise ProbeError(Cause.GONE, f"{where} has no such thing (HTTP 404)", "are url and path right?")
        cause = Cause.OVERLOADED if status >= 500 else Cause.GARBAGE
        raise ProbeError(cause, f"{where} says HTTP {status}: {self.said(body)}")

    def said(self, body: bytes) -> SafeText:
        """The server's own reason, one safe line without our secrets."""
        told = parse_json(body).value
        if isinstance(told, dict):
            told = next((told[name] for name in ("message", "error", "detail", "title") if name in told), None)
            told = told.get("message") if isinstance(told, dict) else told
        text = told.encode("utf-8", "replace") if isinstance(told, str) else body[:400]
        if text.lstrip()[:1] == b"<":
            return SafeText("a web page")
        return SafeText(self.reached.covered(text).strip() or "no reason", 160)


def base_of(url: str) -> str:
    """An address without query and last slash."""
    return url.partition("?")[0].rstrip("/")


def id_of(told: Mapping[str, Any], settings: JobsSettings) -> str:
    """A job's id as text; empty when it has none that can be used."""
    _, found = at_path(told, parse_path(settings.of_job.id))
    if isinstance(found, bool) or not isinstance(found, int | str):
        return ""
    text = str(found)
    return text if 0 < len(text) <= 200 and text.isprintable() and text.strip() == text else ""
