"""Reads the open incidents of a PagerDuty account, page by page up to a cap, and from time to time who is on call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from probes.alerting.hosted import HostedApi, Ways
from probes.alerting.pagerduty.facts import OnCall, PagerDutyFacts
from probes.alerting.pagerduty.gauges import RULES, SPECS, measure, raised_of
from probes.alerting.pagerduty.parse import incident, more, on_call, rank, rows
from probes.alerting.pagerduty.settings import PagerDutySettings
from probes.alerting.parse import worth_saying
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
"""Objects of a page: the most that PagerDuty gives. https://developer.pagerduty.com/docs/pagination"""
PAGES: Final = 10
"""Pages of one list at most."""
MOST: Final = PAGE * PAGES
_ON_CALL: Final = 60.0
"""Seconds between two questions who is on call."""

WAYS: Final = Ways(
    product="PagerDuty",
    scheme="Token token=",
    accept="application/vnd.pagerduty+json;version=2",
    scope="a token that may read incidents and on-calls; see contrib/pagerduty/README.md",
    remedy="set token to a reference to a REST API key of this account and region; see contrib/pagerduty/README.md",
)


class PagerDutyProbe(Probe[PagerDutyFacts]):
    """Reads one account, or some services and teams of it."""

    kind = "pagerduty"
    settings_type: ClassVar[type[Settings]] = PagerDutySettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, PagerDutySettings)
        self.settings = target.settings
        self._api = HostedApi(target.name, self.settings, context, WAYS)
        self._on_call: tuple[float, tuple[OnCall, ...] | None, tuple[Gap, ...]] | None = None
        """(when it was asked, who is on call, what is missing)."""

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """The account that a token in the environment is for."""
        name = next((one for one in ("PAGERDUTY_TOKEN", "PAGERDUTY_API_KEY", "PD_API_KEY") if environ.get(one)), "")
        if name:
            yield Found("pagerduty", {"token": f"env:{name}"}, f"{name} is set")

    async def read(self) -> Snapshot[PagerDutyFacts]:
        """Ask for the incidents, then for who is on call."""
        began = self.context.monotonic()
        self.doing = "reading" if self._api.connected else "connecting"
        try:
            return await self._read(began)
        except ProbeError:
            self._api.cut()
            raise

    async def _read(self, began: float) -> Snapshot[PagerDutyFacts]:
        told, cut, headers = await self._listed("/incidents", "incidents", self._query, began)
        self.doing = "reading"
        people, missing = await self._who(began)
        now = self.context.now() + timedelta(seconds=worth_saying(self._api.skew) or 0.0)
        found = {one.id: one for row in told if (one := incident(row, now)) is not None}
        open_ones = sorted((one for one in found.values() if one.status != "resolved"), key=rank)
        served = {one.policy_id for one in people or ()}
        left = headers.get("ratelimit-remaining", "")
        facts = PagerDutyFacts(
            where=SafeText(self._api.where, 200),
            incidents=tuple(open_ones),
            cut=cut,
            on_call=people,
            nobody=()
            if people is None or missing
            else tuple(one for one in self.settings.policies if one not in served),
            skew=worth_saying(self._api.skew),
            requests_left=int(left) if left.isdecimal() and len(left) < 9 else None,
        )
        measured = Gauges()
        measure(measured, facts)
        gaps = [*missing]
        if cut:
            hint = SafeText(f"the newest {len(open_ones)} were read: narrow services or teams")
            gaps.append(Gap("older incidents, and how many there are", Cause.TOO_BIG, hint))
        return self.snapshot(facts, measured, began, gaps)

    async def _listed(
        self, path: str, field: str, query: Sequence[tuple[str, str]], began: float
    ) -> tuple[list[Mapping[str, Any]], bool, Mapping[str, str]]:
        """(objects of all pages, whether there are more, the last headers)."""
        found: list[Mapping[str, Any]] = []
        for page in range(PAGES):
            left = max(0.1, self.settings.timeout - (self.context.monotonic() - began))
            asked = [*query, ("limit", str(PAGE)), ("offset", str(page * PAGE))]
            value, headers = await self._api.page(path, asked, left)
            self.doing = "reading"
            found += rows(value, field)
            if not more(value):
                return found, False, headers
        return found, True, headers

    async def _who(self, began: float) -> tuple[tuple[OnCall, ...] | None, tuple[Gap, ...]]:
        """Who is on call, and what could not be had of it."""
        now = self.context.monotonic()
        if self._on_call is not None and now - self._on_call[0] < _ON_CALL:
            return self._on_call[1:]
        query = [("earliest", "true"), *(("escalation_policy_ids[]", one) for one in self.settings.policies)]
        people: tuple[OnCall, ...] | None = None
        gaps: tuple[Gap, ...] = ()
        try:
            told, cut, _ = await self._listed("/oncalls", "oncalls", query, began)
        except ProbeError as error:
            if error.cause not in (Cause.DENIED, Cause.GONE):
                raise
            gaps = (Gap("who is on call", error.cause, error.hint or error.message),)
        else:
            known = {one.key: one for row in told if (one := on_call(row)) is not None}
            people = tuple(sorted(known.values(), key=lambda one: (one.policy, one.level, one.user)))
            if cut:
                hint = SafeText("name the escalation policies that are meant: policies")
                gaps = (Gap(f"who else is on call than the first {MOST}", Cause.TOO_BIG, hint),)
        self._on_call = now, people, gaps
        return people, gaps

    @property
    def _query(self) -> list[tuple[str, str]]:
        return [
            ("statuses[]", "triggered"),
            ("statuses[]", "acknowledged"),
            ("date_range", "all"),
            ("sort_by", "created_at:desc"),
            *(("service_ids[]", one) for one in self.settings.services),
            *(("team_ids[]", one) for one in self.settings.teams),
        ]

    def raised(self, facts: PagerDutyFacts) -> Sequence[Raised]:
        """Every open incident."""
        return tuple(raised_of(facts))

    def abort(self) -> None:
        """Cut the connection."""
        self._api.cut()

    async def close(self) -> None:
        """Let go of the connection."""
        await self._api.close()
