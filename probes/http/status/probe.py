"""Reads a vendor's status page, seldom and politely: what has not changed is not sent again.

That the page can't be read is a reading of it and no outage of theirs. What it said last is kept, with its age.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field

from probes.base import Cause, Context, Gap, Probe, ProbeError, SafeText, Snapshot, Target, lasted
from probes.http.address import Reach, ReachSettings, reach
from probes.http.limits import limits_of, pause
from probes.http.status.facts import Component, Incident, Level, Maintenance, StatusFacts
from probes.http.status.forms import NotUnderstood, Page, components_of, understood
from probes.http.status.gauges import RULES, SPECS, measured
from probes.http.wire import Answer, Ask, Wire

_FORMS: Final = ("/api/v2/summary.json", "/api/v1/summary", "/summary.json", "/history.atom")
"""Where pages keep their form for machines, the commonest first."""
_OWN: Final = (".json", ".xml", ".rss", ".atom", "/summary", "/feed", "/rss", "/atom")
"""How an address ends that names a form itself."""
_INSTATUS_PARTS: Final = "/v2/components.json"
_LIMIT: Final = 4 << 20
_ACCEPT: Final = "application/json, application/atom+xml;q=0.9, application/rss+xml;q=0.9, application/xml;q=0.8"
_NOT_THEIRS: Final = "only their status page can't be read: that is no outage of theirs"


class StatusSettings(ReachSettings):
    """A status page and what matters on it."""

    every: float = Field(default=120.0, ge=60, le=3600, description="Seconds between two readings; at least a minute.")
    timeout: float = Field(default=10.0, gt=0, le=60, description="Seconds a reading may take in all.")
    components: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="Names of the components that matter, as the page writes them. Default: all of them.",
    )


@dataclass(slots=True)
class _Kept:
    """What was read last, and how to ask whether it has changed."""

    page: Page
    at: datetime
    moment: float
    """The same, monotonic."""
    etag: str = ""
    modified: str = ""


class StatusProbe(Probe[StatusFacts]):
    """One status page."""

    kind = "status"
    settings_type = StatusSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, StatusSettings)
        self.settings = target.settings
        self._wire = Wire(target.name, self.settings.timeout, context.monotonic)
        self._reach: Reach | None = None
        self._path: str | None = None
        """The path of the form that was understood."""
        self._kept: _Kept | None = None
        self._unread_since: float | None = None
        self._quiet_until = 0.0

    async def read(self) -> Snapshot[StatusFacts]:
        """Ask whether the page has changed, and read it if so."""
        began = self.context.monotonic()
        gaps: list[Gap] = []
        unchanged = False
        failed: ProbeError | None = None
        try:
            if self._reach is None:
                self._reach = reach(self.settings, self.context.secrets)
            unchanged = await self._asked(began, gaps)
            self._unread_since = None
        except ProbeError as error:
            if error.cause is Cause.AUTH:
                raise
            failed = error
            self._wire.cut()
            self._unread_since = began if self._unread_since is None else self._unread_since
            gaps.append(Gap("the status page", error.cause, SafeText(_NOT_THEIRS)))
        facts = self._facts(failed, unchanged)
        gaps += [Gap(f"component {SafeText(name, 80)}", Cause.GONE, SafeText(_named(facts))) for name in facts.absent]
        return self.snapshot(facts, measured(facts, self.target.name), began, gaps)

    def abort(self) -> None:
        """Cut the connection; a request under way ends at once."""
        self._wire.abort()

    async def close(self) -> None:
        """Let go of the connection."""
        self.abort()
        await self._wire.close()

    # asking

    async def _asked(self, now: float, gaps: list[Gap]) -> bool:
        """Read the page into `_kept`; True when it has not changed since."""
        assert self._reach is not None
        if (left := self._quiet_until - now) > 0:
            words = f"{self._reach.where} was asked too often and is left alone for {lasted(left + 0.999)}"
            raise ProbeError(Cause.THROTTLED, words)
        problem = ProbeError(Cause.GARBAGE, f"{self._reach.where} has no form of a status page that is understood")
        for path in self._paths():
            answer = await self._fetch(path, self._kept if path == self._path else None)
            if answer.status == 304 and self._kept is not None and path == self._path:
                self._kept.at, self._kept.moment = self.context.now(), self.context.monotonic()
                return True
            try:
                page = self._page(answer)
            except ProbeError as error:
                if error.cause not in (Cause.GARBAGE, Cause.GONE):
                    raise
                problem = error
                continue
            if page.form == "instatus" and not page.components and self.settings.components:
                page = await self._with_components(page, path, gaps)
            headers = answer.headers
            self._kept = _Kept(
                page,
                self.context.now(),
                self.context.monotonic(),
                headers.get("etag", ""),
                headers.get("last-modified", ""),
            )
            self._path = path
            return False
        folder = urlsplit(self._reach.url).path.rstrip("/")
        looked = ", ".join(folder + path for path in self._paths() if path)
        self._path = None
        told = SafeText(f"{problem.message}; looked for {looked}" if looked else str(problem.message), 300)
        raise ProbeError(problem.cause, told, "url may name the page's summary.json or its feed itself")

    def _paths(self) -> tuple[str, ...]:
        """Paths to try, behind the address; empty: the address itself. What comes there is told when none is there."""
        assert self._reach is not None
        if self._path is not None:
            return (self._path,)
        own = urlsplit(self._reach.url).path.rstrip("/").lower()
        return ("",) if own.endswith(_OWN) else (*_FORMS, "")

    async def _fetch(self, path: str, kept: _Kept | None) -> Answer:
        assert self._reach is not None
        there, settings = self._reach, self.settings
        headers = (*there.headers, ("Accept", _ACCEPT))
        if kept is not None and kept.etag:
            headers += (("If-None-Match", kept.etag),)
        if kept is not None and kept.modified:
            headers += (("If-Modified-Since", kept.modified),)
        url = there.url if not path else there.url.partition("?")[0].rstrip("/") + path
        ask = Ask(url, "GET", headers, settings.tls_verify, settings.ca, settings.environment_proxy, limit=_LIMIT)
        self.doing = "connecting"
        try:
            return await self._wire.ask(ask, max(0.1, settings.timeout * 0.9), there.where)
        finally:
            self.doing = "reading" if self._wire.connected else "connecting"

    def _page(self, answer: Answer) -> Page:
        """The page in an answer. Raises `ProbeError`, GARBAGE and GONE when another form may be there instead."""
        assert self._reach is not None
        where, now = self._reach.where, self.context.now()
        wait = pause(answer.status, answer.headers, None, limits_of(answer.headers, now), now)
        if wait is not None:
            self._quiet_until = self.context.monotonic() + wait
            words = f"{where} was asked too often: again in {lasted(wait)}"
            raise ProbeError(Cause.THROTTLED, words)
        if answer.status in (404, 410, 405, 400):
            raise ProbeError(Cause.GONE, f"{where} has no such page (HTTP {answer.status})")
        if answer.status in (401, 403):
            raise ProbeError(Cause.DENIED, f"{where} does not show us its status page (HTTP {answer.status})")
        if not 200 <= answer.status < 300:
            cause = Cause.OVERLOADED if answer.status >= 500 else Cause.GARBAGE
            raise ProbeError(cause, f"{where} answers {answer.status} instead of its status page")
        if answer.cut:
            raise ProbeError(Cause.TOO_BIG, f"the status page of {where} is greater than {_LIMIT >> 20} MiB")
        try:
            return understood(answer.body, now)
        except NotUnderstood as error:
            raise ProbeError(Cause.GARBAGE, f"{where} {error} where its status should be") from None

    async def _with_components(self, page: Page, path: str, gaps: list[Gap]) -> Page:
        """An Instatus page with its components, which stand elsewhere."""
        try:
            answer = await self._fetch(path.removesuffix("/summary.json") + _INSTATUS_PARTS, None)
        except ProbeError as error:
            gaps.append(Gap("its components", error.cause))
            return page
        found = components_of(answer.body) if answer.status == 200 else ()
        if not found:
            gaps.append(Gap("its components", Cause.GARBAGE))
        return replace(page, components=found)

    # what it says

    def _facts(self, failed: ProbeError | None, unchanged: bool) -> StatusFacts:
        now, kept = self.context.now(), self._kept
        shown = self._reach.shown if self._reach is not None else SafeText()
        facts = StatusFacts(
            url=shown,
            trouble=failed.cause if failed is not None else None,
            words=failed.message if failed is not None else SafeText(),
            unread_for=self.context.monotonic() - self._unread_since if self._unread_since is not None else None,
            unchanged=unchanged,
        )
        if kept is None:
            return facts
        page = kept.page
        wanted = {name.casefold() for name in self.settings.components}
        components = tuple(replace(one, wanted=_suits(one, wanted)) for one in page.components)
        if page.form == "incident.io":
            components = (*components, *self._untouched(page))
        there = {str(one.name).casefold() for one in components} | {one.key.casefold() for one in components}
        listed = bool(page.components) or page.form in ("statuspage", "instatus")
        return replace(
            facts,
            page=page.name,
            form=page.form,
            says=page.says,
            components=components,
            incidents=tuple(replace(one, wanted=_touches(one, wanted)) for one in page.incidents),
            maintenances=tuple(replace(one, wanted=_touches(one, wanted)) for one in page.maintenances),
            absent=tuple(one for one in self.settings.components if one.casefold() not in there) if listed else (),
            more=page.more,
            updated=page.updated,
            updated_age=max(0.0, (now - page.updated).total_seconds()) if page.updated is not None else None,
            read=kept.at,
            read_age=max(0.0, self.context.monotonic() - kept.moment),
        )

    def _untouched(self, page: Page) -> tuple[Component, ...]:
        """Components that matter and that no incident names: the page lists only those that something touches."""
        named = {str(one.name).casefold() for one in page.components}
        return tuple(
            Component(name, SafeText(name, 80), SafeText("in no incident"), Level.FINE)
            for name in self.settings.components
            if name.casefold() not in named
        )


def _suits(one: Component, wanted: set[str]) -> bool:
    return not wanted or str(one.name).casefold() in wanted or one.key.casefold() in wanted


def _touches(one: Incident | Maintenance, wanted: set[str]) -> bool:
    """True unless it names components and none of them matters."""
    return not wanted or not one.parts or any(str(part).casefold() in wanted for part in one.parts)


def _named(facts: StatusFacts) -> str:
    names = ", ".join(str(one.name) for one in facts.components[:8])
    return f"the page has: {names}" if names else "the page names no component"
