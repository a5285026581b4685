"""Reads a Prometheus server: the tiles a profile asks for, the hosts it watches, and whether it is well itself.

A reading is a handful of questions, each with a limit on the server's work; one that goes wrong costs its own tile.
What changes slowly is asked for seldom, what costs the server much only while somebody looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from pydantic import Field, field_validator

from probes.base import (
    Cause,
    Context,
    Found,
    Gap,
    Look,
    Probe,
    ProbeError,
    Raised,
    SafeText,
    Sheet,
    Snapshot,
    Target,
)
from probes.prometheus import fleet, watch
from probes.prometheus.answers import (
    Endurance,
    ExpressionTile,
    asked,
    chart_of,
    filled,
    question,
    series_lines,
)
from probes.prometheus.api import Answer, Api, Refused
from probes.prometheus.facts import Host, PrometheusFacts, Server
from probes.prometheus.gauges import RULES, SPECS, measured
from probes.prometheus.place import WebSettings, place_of
from probes.prometheus.tiles import MOST_TILES, Chart, Sight, Tile, limit_rules, limit_specs, new_tile, unique
from probes.prometheus.wire import TOGETHER, Wire

T = TypeVar("T")

SELDOM: Final = 60.0
"""Seconds between two readings of what changes slowly: targets, rules, the server's status."""
RARELY: Final = 300.0
"""Seconds between two readings of what is costly: jobs, filling disks, sizes of the head block."""
_CHARTS: Final = 15.0
"""Seconds between two readings of a chart at least."""
_PART: Final = 0.85
"""Share of a reading's time that its parts have."""


class PrometheusSettings(WebSettings):
    """A Prometheus server, or one that speaks its HTTP API."""

    tile: tuple[ExpressionTile, ...] = Field((), description="Numbers to show: [[prometheus.NAME.tile]].")
    fleet: bool | str = Field(
        False, description="true: show the hosts of every node exporter; or label matchers: 'job=\"node\"'."
    )
    window: float = Field(
        300.0, ge=2, le=86400, description="Seconds that rates of hosts are taken over: four scrapes at least."
    )

    @field_validator("url")
    @classmethod
    def _plain(cls, url: str) -> str:
        if not url.startswith(("env:", "file:", "command:")) and "?" in url:
            raise ValueError("is where the server is, without ?…")
        return url

    @field_validator("tile")
    @classmethod
    def _few_and_unique(cls, tiles: tuple[ExpressionTile, ...]) -> tuple[ExpressionTile, ...]:
        if len(tiles) > MOST_TILES:
            raise ValueError(f"has more than {MOST_TILES} tiles")
        return tuple(unique(tiles))

    @field_validator("fleet")
    @classmethod
    def _matching(cls, value: bool | str) -> bool | str:
        if isinstance(value, str) and not fleet.good_matchers(value):
            raise ValueError('must be true, or label matchers such as \'job="node", env="production"\'')
        return value

    @property
    def matchers(self) -> str:
        """What tells the hosts of the fleet from others; empty: nothing."""
        return self.fleet if isinstance(self.fleet, str) else ""


@dataclass(slots=True)
class _Kept:
    """A part that is not read every time."""

    value: Any = None
    at: float | None = None
    """When it was last asked for, monotonic seconds."""
    error: ProbeError | None = None


class PrometheusProbe(Probe[PrometheusFacts]):
    """One server."""

    kind = "prometheus"
    settings_type = PrometheusSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, PrometheusSettings)
        self.settings = target.settings
        # limits written in tiles are this target's own rules, beside those of its kind
        self.gauges = (*SPECS, *limit_specs(self.settings.tile))  # type: ignore[misc]
        self.rules = (*RULES, *limit_rules(self.settings.tile, remembered=True))  # type: ignore[misc]
        self._wire = Wire(target.name, self.settings.timeout, context.monotonic)
        self._api: Api | None = None
        self._kept: dict[str, _Kept] = {}
        self._slots = asyncio.Semaphore(TOGETHER)
        self._endurance = Endurance()
        self._sight = Sight()
        self._jobs: set[str] = set()
        self._down: float | None = None

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """The server that PROMETHEUS_URL names."""
        if environ.get("PROMETHEUS_URL"):
            yield Found("prometheus", {"url": "env:PROMETHEUS_URL"}, "PROMETHEUS_URL is set")

    async def read(self) -> Snapshot[PrometheusFacts]:
        """Ask for the time first; then everything else, side by side."""
        began = self.context.monotonic()
        self._wire.begin()
        self.doing = "connecting"
        api: Api | None = None
        try:
            async with asyncio.timeout(max(0.1, self.settings.timeout * 0.96)):
                api = self._connected()
                now, skew = await self._time(api)
                self.doing = "reading"
                facts, gaps = await self._read(api, now, began)
        except TimeoutError:
            self._drop()
            raise self._wire.too_late(api.where if api else "it") from None
        except ProbeError:
            self._drop()
            raise
        return self.snapshot(facts := replace(facts, skew=skew), measured(facts), began, gaps)

    def looks(self) -> tuple[Look, ...]:
        """The series behind a tile."""
        return (Look("series", "every series behind the tile"),) if self.settings.tile else ()

    async def look(self, name: str, subject: str) -> Sheet:
        """Ask for one tile's expression and give every series as it comes."""
        if name != "series":
            return await super().look(name, subject)
        tile = next((one for one in self.settings.tile if one.name == subject), None)
        if tile is None:
            raise ProbeError(Cause.GONE, "there is no tile of that name")
        try:
            async with asyncio.timeout(self.settings.timeout):
                answer = await self._connected().query(tile.expr, 1000)
        except TimeoutError:
            raise ProbeError(Cause.TIMEOUT_READ, "no answer in time") from None
        lines = tuple(series_lines(answer)) or (SafeText("no series"),)
        return Sheet(tile.label, (SafeText(tile.expr, 1000), SafeText(), *lines), max(0, len(answer.series) - 1000))

    def raised(self, facts: PrometheusFacts) -> Sequence[Raised]:
        """The alerts of its own rules that fire and want somebody."""
        return tuple(watch.raised_of(facts, self.settings.url))

    def abort(self) -> None:
        """Cut every connection."""
        self._drop()

    async def close(self) -> None:
        """Let go of everything."""
        self._drop()
        await self._wire.close()

    def _drop(self) -> None:
        self._wire.cut()
        self._api = None  # a secret may have been renewed

    def _connected(self) -> Api:
        if self._api is None:
            patience = self.settings.timeout * _PART
            self._api = Api(self._wire, place_of(self.settings, self.context), patience)
        return self._api

    # one reading

    async def _time(self, api: Api) -> tuple[float, float]:
        """(the server's clock now in seconds since 1970, seconds that it is ahead of ours)."""
        asked_at = self.context.monotonic()
        answer = await api.query("time()", 1)
        points = answer.series[0].points if answer.series else ()
        if not points:
            raise ProbeError(Cause.GARBAGE, f"{api.where} does not tell its time as Prometheus does")
        now = points[-1][0]
        ours = self.context.now().timestamp() - (self.context.monotonic() - asked_at) / 2
        return now, now - ours

    async def _read(self, api: Api, now: float, began: float) -> tuple[PrometheusFacts, list[Gap]]:
        until = asyncio.get_running_loop().time() + self.settings.timeout * _PART
        gaps: list[Gap] = []

        async def part(name: str, every: float, ask: Callable[[], Awaitable[Any]]) -> Any:
            return await self._part(name, every, ask, until, gaps)

        tiles, hosts, counts, alerts, rules, server = await _all(
            _all(*(self._tile(api, one, now, until) for one in self.settings.tile)),
            self._hosts(api, until, gaps),
            part("scrape targets", 0.0, lambda: api.query('count_values("up", up)', 10)),
            part("alerts", 0.0, lambda: api.get("alerts")),
            part("rules", SELDOM, lambda: api.get("rules", exclude_alerts="true")),
            self._server(api, now, part),
        )
        up, down = _counts(counts)
        if down != self._down:
            self._kept.pop("targets", None)
            self._down = down
        targets = await part("targets", SELDOM, lambda: api.get("targets", state="active"))
        found = watch.alerts_of(alerts, now)
        troubles, many = watch.rules_of(rules)
        facts = PrometheusFacts(
            where=SafeText(api.where, 200),
            server=server,
            tiles=tuple(self._sight.note(one, began) for one in tiles),
            up=up,
            down=down,
            troubled=tuple(watch.troubled_of(targets, now)[: watch.MOST_SHOWN]),
            alerts=tuple(found[: watch.MOST_SHOWN]),
            more_alerts=max(0, len(found) - watch.MOST_SHOWN),
            rule_troubles=tuple(troubles[: watch.MOST_SHOWN]),
            rules=many if rules is not None else None,
            fleet=self.settings.fleet is not False,
            hosts_known=hosts is not None,
            hosts=tuple((hosts or ())[: fleet.MOST_HOSTS]),
            more_hosts=max(0, len(hosts or ()) - fleet.MOST_HOSTS),
            hosts_down=sum(host.up is False for host in hosts or ()),
            hosts_silent=sum(host.silent for host in hosts or ()),
            read_ago={name: self.context.monotonic() - kept.at for name, kept in self._kept.items() if kept.at},
        )
        gaps += _cuts(facts)
        return facts, gaps

    async def _asked(self, ask: Callable[[], Awaitable[T]], until: float) -> T:
        """One question among several, a few at a time. Raises `ProbeError` when its time is over."""
        try:
            async with asyncio.timeout_at(until), self._slots:
                return await ask()
        except TimeoutError:
            raise Refused(Cause.TIMEOUT_READ, "no answer in time") from None

    async def _part(
        self, name: str, every: float, ask: Callable[[], Awaitable[T]], until: float, gaps: list[Gap]
    ) -> T | None:
        """A part of the reading that may be missing; asked for again after `every` seconds."""
        kept = self._kept.setdefault(name, _Kept())
        now = self.context.monotonic()
        if kept.at is None or now - kept.at >= every:
            kept.at = now
            try:
                kept.value, kept.error = await self._asked(ask, until), None
            except ProbeError as error:
                kept.value, kept.error = None, error
        if kept.error is not None:
            gaps.append(Gap(name, kept.error.cause, kept.error.message))
        value: T | None = kept.value
        return value

    async def _server(self, api: Api, now: float, part: Callable[..., Awaitable[Any]]) -> Server:
        async def tsdb() -> Any:
            if not self.watched and "head block" not in self._kept:
                return None
            return await part(
                "head block", RARELY if self.watched else 1e12, lambda: api.get("status/tsdb", limit="10")
            )

        build, runtime, head = await _all(
            part("build", RARELY, lambda: api.get("status/buildinfo")),
            part("status", SELDOM, lambda: api.get("status/runtimeinfo")),
            tsdb(),
        )
        return watch.server_of(build, runtime, head, now)

    # tiles

    async def _tile(self, api: Api, settings: ExpressionTile, now: float, until: float) -> Tile:
        tile = new_tile(settings, settings.expr)
        try:
            answer = await self._asked(lambda: api.query(question(settings), asked(settings)), until)
        except ProbeError as error:
            if not isinstance(error, Refused) and error.cause is not Cause.TOO_BIG:
                raise
            return replace(tile, why=error.message)
        tile = replace(filled(tile, settings, answer), chart=await self._chart(api, settings, now, until))
        return self._endurance.note(settings, tile, now)

    async def _chart(self, api: Api, settings: ExpressionTile, now: float, until: float) -> Chart | None:
        step = settings.step
        if step is None:
            return None
        steps = settings.points
        kept = self._kept.setdefault(f"chart of {settings.name}", _Kept())
        if kept.at is None or self.context.monotonic() - kept.at >= max(_CHARTS, step):
            kept.at = self.context.monotonic()
            start = now // step * step - steps * step
            try:
                answer = await self._asked(
                    lambda: api.query_range(settings.expr, start, start + steps * step, step, 2), until
                )
                kept.value = start, answer
            except ProbeError as error:
                if not isinstance(error, Refused) and error.cause is not Cause.TOO_BIG:
                    raise
                kept.value = None
        if kept.value is None:
            return None
        start, answer = kept.value
        return chart_of(answer, start, step, steps, now)

    # hosts

    async def _hosts(self, api: Api, until: float, gaps: list[Gap]) -> list[Host] | None:
        """The hosts of the fleet; None when it is not known which there are."""
        settings = self.settings
        if settings.fleet is False:
            return []
        where = settings.matchers
        jobs: Answer | None = await self._part(
            "jobs of node exporters", RARELY, lambda: api.query(fleet.jobs_question(where), 1000), until, gaps
        )
        self._jobs |= {one.labels["job"] for one in (jobs.series if jobs else ()) if one.labels.get("job")}
        if not self._jobs:
            self._kept.pop("jobs of node exporters", None)
            if jobs is not None:
                hint = SafeText("no series is named node_uname_info there: is a node exporter scraped?")
                gaps.append(Gap("hosts", Cause.MISSING, hint))
            return None
        asking = fleet.questions(where, self._jobs, settings.window)
        most = fleet.MOST_HOSTS + 1

        async def one(name: str, expression: str, every: float = 0.0) -> tuple[str, Answer | None]:
            return name, await self._part(name, every, lambda: api.query(expression, most), until, gaps)

        answers = await _all(
            *(one(name, expression) for name, expression in asking.items()),
            one("full_in", fleet.filling_question(where, self._jobs), RARELY),
        )
        if dict(answers)["up"] is None:
            return None
        found = fleet.Fleet()
        for name, answer in answers:
            if answer is not None:
                found.take(name, answer)
        return found.worst_first()


def _counts(answer: Answer | None) -> tuple[float | None, float | None]:
    """(targets that are up, those that are down)."""
    if answer is None:
        return None, None
    found = {series.labels.get("up"): series.value for series in answer.series}
    return found.get("1", 0.0), found.get("0", 0.0)


def _cuts(facts: PrometheusFacts) -> Iterable[Gap]:
    if facts.more_hosts:
        shown = f"{facts.more_hosts} more than the {fleet.MOST_HOSTS} shown; set fleet to label matchers"
        yield Gap("some hosts", Cause.TOO_BIG, SafeText(shown))
    if facts.more_alerts:
        shown = f"{facts.more_alerts} more than the {watch.MOST_SHOWN} shown, those that fire first"
        yield Gap("some alerts", Cause.TOO_BIG, SafeText(shown))


async def _all(*parts: Awaitable[T]) -> list[T]:
    """Wait for all; the first that failed decides, when the others are over."""
    answers = await asyncio.gather(*parts, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]
