"""Reads the unresolved issues of a Sentry organisation, page by page up to a cap, the one seen last first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from probes.alerting.hosted import HostedApi, Ways
from probes.alerting.parse import worth_saying
from probes.alerting.sentry.facts import Issue, SentryFacts
from probes.alerting.sentry.gauges import RULES, SPECS, measure, raised_of
from probes.alerting.sentry.parse import hits, issues, next_cursor, once
from probes.alerting.sentry.settings import SentrySettings
from probes.base import (
    Cause,
    Context,
    Found,
    Gap,
    Gauges,
    Probe,
    ProbeError,
    Raised,
    SafeText,
    Settings,
    Snapshot,
    Target,
)

PAGE: Final = 100
"""Issues of a page: the most that Sentry gives."""
PAGES: Final = 5
"""Pages of a reading at most."""
MOST: Final = PAGE * PAGES

WAYS: Final = Ways(
    product="Sentry",
    scheme="Bearer ",
    accept="application/json",
    scope="the scope event:read; see contrib/sentry/README.md",
    remedy="make a token with the scope event:read and set token to a reference to it; see contrib/sentry/README.md",
)


class SentryProbe(Probe[SentryFacts]):
    """Reads one organisation, or some projects of it."""

    kind = "sentry"
    settings_type: ClassVar[type[Settings]] = SentrySettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, SentrySettings)
        self.settings = target.settings
        self._api = HostedApi(target.name, self.settings, context, WAYS)

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """The organisation that Sentry's own command line is set up for."""
        organization = environ.get("SENTRY_ORG", "")
        if organization and environ.get("SENTRY_AUTH_TOKEN"):
            settings: dict[str, Any] = {"organization": organization, "token": "env:SENTRY_AUTH_TOKEN"}
            if environ.get("SENTRY_URL", "").startswith(("http://", "https://")):
                settings["url"] = "env:SENTRY_URL"
            if environ.get("SENTRY_PROJECT"):
                settings["projects"] = [environ["SENTRY_PROJECT"]]
            yield Found("sentry", settings, "SENTRY_ORG and SENTRY_AUTH_TOKEN are set")

    async def read(self) -> Snapshot[SentryFacts]:
        """Turn the pages until there is no more, or enough."""
        began = self.context.monotonic()
        self.doing = "reading" if self._api.connected else "connecting"
        try:
            return await self._read(began)
        except ProbeError as error:
            self._api.cut()
            if error.cause is Cause.GONE:
                words = f"{error.message}: organisation {self.settings.organization}"
                raise ProbeError(Cause.GONE, words, "does the token belong to it, and is its region right?") from None
            raise

    async def _read(self, began: float) -> Snapshot[SentryFacts]:
        found: list[Issue] = []
        cursor: str | None = ""
        headers: Mapping[str, str] = {}
        first: Mapping[str, str] = {}
        for _ in range(PAGES):
            left = self.settings.timeout - (self.context.monotonic() - began)
            value, headers = await self._api.page(self._path, self._query(cursor), max(0.1, left))
            self.doing = "reading"
            first = first or headers
            found += issues(value, self._now)
            cursor = next_cursor(headers.get("link", ""))
            if cursor is None:
                break
        kept = tuple(one for one in once(found) if self._meant(one))
        whole = cursor is None
        left_there = headers.get("x-sentry-rate-limit-remaining", "")
        facts = SentryFacts(
            where=SafeText(self._api.where, 200),
            organization=self.settings.organization,
            issues=kept,
            unresolved=len(kept) if whole else hits(first),
            read_at=self._now,
            skew=worth_saying(self._api.skew),
            throttle=int(left_there) if left_there.isdecimal() and len(left_there) < 9 else None,
        )
        measured = Gauges()
        measure(measured, facts, whole)
        return self.snapshot(facts, measured, began, () if whole else self._cut(facts))

    def _cut(self, facts: SentryFacts) -> Iterable[Gap]:
        of = f" of {facts.unresolved}" if facts.unresolved is not None else ""
        hint = SafeText(f"the {len(facts.issues)}{of} seen last were read: narrow projects, environments or query")
        yield Gap("older issues, and what all of them come to", Cause.TOO_BIG, hint)

    def _meant(self, one: Issue) -> bool:
        return not self.settings.projects or str(one.project) in self.settings.projects

    @property
    def _now(self) -> datetime:
        return self.context.now() + timedelta(seconds=worth_saying(self._api.skew) or 0.0)

    @property
    def _path(self) -> str:
        return f"/api/0/organizations/{self.settings.organization}/issues/"

    def _query(self, cursor: str | None) -> list[tuple[str, str]]:
        words = ["is:unresolved", *([self.settings.query] if self.settings.query else [])]
        if self.settings.projects:
            words.append(f"project:[{', '.join(self.settings.projects)}]")
        query = [
            ("query", " ".join(words)), ("project", "-1"), ("statsPeriod", f"{self.settings.days}d"),
            ("groupStatsPeriod", "24h"), ("sort", "date"), ("limit", str(PAGE)),
        ]  # fmt: skip
        query += [("environment", one) for one in self.settings.environments]
        return [*query, ("cursor", cursor)] if cursor else query

    def raised(self, facts: SentryFacts) -> Sequence[Raised]:
        """The issues that are bad enough, happen now, and are many, new or back."""
        return tuple(raised_of(facts, self.settings))

    def abort(self) -> None:
        """Cut the connection."""
        self._api.cut()

    async def close(self) -> None:
        """Let go of the connection."""
        await self._api.close()
