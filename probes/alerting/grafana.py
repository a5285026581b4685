"""A Grafana: its health, the alerts and silences of its own Alertmanager, its rules, its data sources, last night.

Alerts, silences and health are asked for in every reading; the rest less often, and what may not be read is a gap.
Interfaces: https://grafana.com/docs/grafana/latest/developers/http_api/
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import quote

from pydantic import Field, field_validator

from probes.alerting import parse
from probes.alerting.address import ReachSettings
from probes.alerting.alertmanager import cut_rows, cut_silences
from probes.alerting.api import Api, Query
from probes.alerting.facts import Dashboard, DataSource, Fired, GrafanaFacts
from probes.alerting.gauges import (
    GRAFANA_GAUGES,
    GRAFANA_RULES,
    fails,
    measure_alerts,
    measure_rules,
    measure_sources,
)
from probes.alerting.history import fired
from probes.alerting.raised import raised_of
from probes.alerting.rulestates import rule_states
from probes.base import (
    Cause,
    Context,
    Found,
    Gap,
    Gauges,
    Look,
    Probe,
    ProbeError,
    Raised,
    Referring,
    SafeText,
    Settings,
    Sheet,
    Snapshot,
    Target,
)

ALERTMANAGER: Final = "/api/alertmanager/grafana"
"""Where Grafana's own Alertmanager answers; its API v2 is below it."""
MOST_SOURCES: Final = 20
"""Data sources that are asked whether they answer."""
MOST_FIRED: Final = 1000
"""State changes read for the list of what fired."""
_RULES: Final = 20.0
_HISTORY: Final = 60.0
_SOURCES: Final = 60.0
_CHECKED: Final = 300.0
"""Seconds between two checks of a data source: Grafana asks the source itself for it."""
_AT_ONCE: Final = 4
"""Data sources checked in one reading."""
_MOST_LISTED: Final = 200
_REASON: Final = re.compile(r"^.* says HTTP \d+: ")
"""What stands before the source's own words."""
_SHARE: Final = 0.6
"""Of the time of a reading, what a part may take that the reading can do without."""
_WHOLE_ADDRESS: Final = ("http://", "https://")


class GrafanaSettings(ReachSettings):
    """Where Grafana is, and which dashboards belong to this system."""

    url: Referring = Field(
        default="http://127.0.0.1:3000", description="http:// or https:// address, with its path prefix if it has one."
    )
    dashboards: dict[str, str] = Field(
        default_factory=dict,
        max_length=50,
        description="Name and uid, or whole address, of dashboards to have at hand.",
    )
    fired_hours: float = Field(default=16.0, gt=0, le=168, description="Hours back that count as last night.")
    sources: bool = Field(default=True, description="Have Grafana check its data sources, every five minutes.")

    @field_validator("dashboards")
    @classmethod
    def _plain(cls, dashboards: dict[str, str]) -> dict[str, str]:
        for name, place in dashboards.items():
            if not place.isprintable() or not name.isprintable() or not place:
                raise ValueError("names a dashboard by neither uid nor address")
        return dashboards


class GrafanaProbe(Probe[GrafanaFacts]):
    """Reads a Grafana with a service account's token."""

    kind = "grafana"
    settings_type: ClassVar[type[Settings]] = GrafanaSettings
    gauges = GRAFANA_GAUGES
    rules = GRAFANA_RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, GrafanaSettings)
        self.settings = target.settings
        self._api = Api(target.name, self.settings, context, "Grafana")
        self._parts: dict[str, tuple[float, Any, Gap | None]] = {}
        """(when it was read, what was read, why not) of each part that is not read every time."""
        self._checked: dict[str, tuple[float, bool | None, SafeText]] = {}
        """(when, whether it answers, what was said) of each data source that was checked."""

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """One that the environment speaks of, as Grafana's own tools do."""
        if environ.get("GRAFANA_URL", "").startswith(_WHOLE_ADDRESS):
            settings = {"url": "env:GRAFANA_URL"}
            token = next((one for one in ("GRAFANA_TOKEN", "GRAFANA_API_KEY") if environ.get(one)), "")
            yield Found("grafana", settings | ({"token": f"env:{token}"} if token else {}), "GRAFANA_URL is set")

    async def read(self) -> Snapshot[GrafanaFacts]:
        """Ask for all of it at once."""
        began = self.context.monotonic()
        self.doing = "reading" if self._api.connected else "connecting"
        try:
            health = await self._health()
            self.doing = "reading"
            told, quiet, *_ = await asyncio.gather(
                self._required("/api/v2/alerts", [("filter", one) for one in self.settings.matchers]),
                self._optional("silences", "alert.silences:read", 0.0, self._asks(f"{ALERTMANAGER}/api/v2/silences")),
                self._optional("alert rules", "alert.rules:read", _RULES, self._asks(_rules_path())),
                self._optional("alerts of last night", "annotations:read", _HISTORY, self._night),
                self._optional("data sources", "datasources:read", _SOURCES, self._asks("/api/datasources")),
                self._check_sources(),
            )
            return self._snapshot(health, told, quiet, began)
        except ProbeError:
            self._api.cut()
            raise

    async def _health(self) -> Mapping[str, Any]:
        """/api/health, which needs no login. It answers 503 when the database fails, with the same document."""
        try:
            health = parse.table(await self._api.get("/api/health"))
        except ProbeError as error:
            if error.cause is Cause.GONE:
                raise ProbeError(Cause.MISSING, f"{error.message}: no Grafana answers there", error.hint) from None
            if error.cause is not Cause.OVERLOADED:
                raise
            return {"database": "failing"}
        if "database" not in health:
            raise ProbeError(Cause.GARBAGE, f"{self._api.where} does not answer like a Grafana")
        return health

    async def _required(self, path: str, query: Query) -> Any:
        try:
            return await self._api.get(ALERTMANAGER + path, query)
        except ProbeError as error:
            if error.cause is Cause.GONE:
                words = f"{self._api.where} has no Alertmanager of its own: unified alerting (9 or newer) is needed"
                raise ProbeError(Cause.MISSING, words) from None
            if error.cause is Cause.DENIED:
                hint = "its service account needs alert.instances:read; see contrib/grafana/README.md"
                raise ProbeError(Cause.DENIED, error.message, hint) from None
            raise

    def _asks(self, path: str) -> Callable[[], Awaitable[Any]]:
        return lambda: self._api.get(path, within=_SHARE * self.settings.timeout)

    async def _optional(self, part: str, right: str, every: float, ask: Callable[[], Awaitable[Any]]) -> Any:
        """A part that may be missing; asked for again only after `every` seconds."""
        now = self.context.monotonic()
        known = self._parts.get(part)
        if known is not None and every and now - known[0] < every:
            return known[1]
        try:
            found, gap = await ask(), None
        except ProbeError as error:
            hint = f"the service account needs {right}" if error.cause is Cause.DENIED else str(error.message)
            found, gap = None, Gap(part, Cause.MISSING if error.cause is Cause.GONE else error.cause, SafeText(hint))
        lasting = gap is None or gap.cause in (Cause.DENIED, Cause.MISSING)
        self._parts[part] = (now if lasting else -math.inf, found, gap)
        return found

    def _value(self, part: str) -> Any:
        return self._parts[part][1]

    async def _night(self) -> Any:
        now = self.context.now() + timedelta(seconds=parse.worth_saying(self._api.skew) or 0.0)
        start = now - timedelta(hours=self.settings.fired_hours)
        query = [("type", "alert"), ("from", _milliseconds(start)), ("to", _milliseconds(now))]
        query.append(("limit", str(MOST_FIRED)))
        return await self._api.get("/api/annotations", query, within=_SHARE * self.settings.timeout)

    # data sources

    async def _check_sources(self) -> None:
        """Have some of those that the last list named checked, the longest unchecked first."""
        if not self.settings.sources:
            return
        now = self.context.monotonic()
        known = {one.uid: self._checked.get(one.uid, (-math.inf,))[0] for one in self._listed()[:MOST_SOURCES]}
        due = sorted((uid for uid, at in known.items() if now - at >= _CHECKED), key=lambda uid: known[uid])
        for uid, (well, said) in zip(due, await asyncio.gather(*map(self._ask_source, due[:_AT_ONCE])), strict=False):
            self._checked[uid] = (now, well, said)

    def _listed(self) -> list[DataSource]:
        found = self._parts.get("data sources", (0.0, None, None))[1]
        return [_source(one) for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    def _sources(self) -> tuple[DataSource, ...]:
        """Those of the list, with what their last check said."""
        unknown = (0.0, None, SafeText())
        listed = ((one, self._checked.get(one.uid, unknown)) for one in self._listed()[:_MOST_LISTED])
        return tuple(replace(one, well=check[1], said=check[2]) for one, check in listed)

    async def _ask_source(self, uid: str) -> tuple[bool | None, SafeText]:
        """(whether it answers, what was said); None for a source that has no check or may not be asked."""
        within = max(0.5, self.settings.timeout / 3)
        try:
            told = parse.table(await self._api.get(f"/api/datasources/uid/{quote(uid, safe='')}/health", (), within))
        except ProbeError as error:
            if error.cause in (Cause.SLOW, Cause.TIMEOUT_READ):
                return False, SafeText(f"no answer within {within:.1f} s")
            if error.cause is Cause.DENIED:
                return None, SafeText("the service account needs datasources:query")
            if error.cause in (Cause.GONE, Cause.GARBAGE, Cause.OVERLOADED):  # 404 and 501: it has no check
                said = str(error.message)
                missing = error.cause is Cause.GONE or "not implemented" in said.lower() or "HTTP 501" in said
                return (None, SafeText("it has no check")) if missing else (False, SafeText(_REASON.sub("", said)))
            return False, error.message
        return told.get("status") == "OK", SafeText(str(told.get("message") or ""), 200)

    # facts

    def _snapshot(self, health: Mapping[str, Any], told: Any, quiet: Any, began: float) -> Snapshot[GrafanaFacts]:
        skew = parse.worth_saying(self._api.skew)
        now = self.context.now() + timedelta(seconds=skew or 0.0)
        held = parse.held(told, self.settings.severity, now)
        silences = parse.silences(quiet, held.by_silence, now) if quiet is not None else ()
        states, counts = rule_states(self._value("alert rules"), now)
        night = self._value("alerts of last night")
        sources = self._sources()
        facts = GrafanaFacts(
            version=SafeText(str(health.get("version") or ""), 40),
            alerts=held.alerts,
            held=len(held.everything),
            silences=silences[: parse.MOST_SILENCES],
            skew=skew,
            database="ok" if health.get("database") == "ok" else "failing",
            rules=states[: parse.MOST_ALERTS],
            rule_count=counts.total() if self._value("alert rules") is not None else None,
            sources=sources,
            fired=fired(night) if isinstance(night, list) else (),
            fired_hours=self.settings.fired_hours,
            dashboards=self._dashboards(),
        )
        measured = Gauges()
        measured.put("database_ok", float(facts.database == "ok"))
        unnamed = measure_alerts(measured, held.everything, silences if quiet is not None else None, skew)
        if facts.rule_count is not None:
            measure_rules(measured, counts, sum(map(fails, states)))
        if isinstance(night, list):
            measured.put("fired_recently", len(facts.fired))
        measure_sources(measured, sources)
        return self.snapshot(facts, measured, began, self._gaps(facts, unnamed, len(silences), len(states)))

    def _gaps(self, facts: GrafanaFacts, unnamed: int, silences: int, states: int) -> list[Gap]:
        gaps = [gap for _, _, gap in self._parts.values() if gap is not None]
        gaps += [*cut_rows(facts.held, unnamed), *cut_silences(silences)]
        night = self._value("alerts of last night")
        if isinstance(night, list) and len(night) >= MOST_FIRED:
            gaps.append(Gap(f"what fired before the newest {MOST_FIRED} changes of state", Cause.TOO_BIG))
        if states > parse.MOST_ALERTS:
            gaps.append(Gap(f"{states - parse.MOST_ALERTS} of {states} alert rules as rows", Cause.TOO_BIG))
        if self.settings.sources and len(facts.sources) > MOST_SOURCES:
            gaps.append(Gap(f"checks of {len(facts.sources) - MOST_SOURCES} more data sources", Cause.TOO_BIG))
        return gaps

    def _dashboards(self) -> tuple[Dashboard, ...]:
        base = self._api.url
        return tuple(
            Dashboard(name, place if place.startswith(_WHOLE_ADDRESS) else f"{base}/d/{quote(place, safe='')}")
            for name, place in self.settings.dashboards.items()
        )

    # a closer look

    def looks(self) -> tuple[Look, ...]:
        """What fired since last evening."""
        return (Look("fired", f"what fired in the last {self.settings.fired_hours:g} h"),)

    async def look(self, name: str, subject: str) -> Sheet:
        """Ask for it afresh, one line each."""
        if name != "fired":
            return await super().look(name, subject)
        found = fired(await self._night())
        lines = tuple(map(_fired_line, found)) or (SafeText("nothing fired"),)
        return Sheet(f"fired in the last {self.settings.fired_hours:g} h", lines[:MOST_FIRED])

    def raised(self, facts: GrafanaFacts) -> Sequence[Raised]:
        """Every alert it holds that wants somebody."""
        return tuple(raised_of(facts, self.settings.external_labels))

    def abort(self) -> None:
        """Cut the connection."""
        self._api.cut()

    async def close(self) -> None:
        """Let go of the connection."""
        await self._api.close()


def _rules_path() -> str:
    return "/api/prometheus/grafana/api/v1/rules"


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def _source(told: Mapping[str, Any]) -> DataSource:
    return DataSource(
        uid=str(SafeText(str(told.get("uid") or told.get("name") or ""), 100)),
        name=SafeText(str(told.get("name") or ""), 100),
        type=SafeText(str(told.get("typeName") or told.get("type") or ""), 60),
        well=None,
        said=SafeText(),
    )


def _fired_line(one: Fired) -> SafeText:
    until = f"to {one.until:%H:%M:%S}" if one.until else "still   "
    return SafeText(f"{one.at:%m-%d %H:%M:%S} {until} UTC  {one.state}  {one.name}  {one.text}")
