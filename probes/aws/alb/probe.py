"""Reads target groups and the load balancers before them. Never changes anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from pydantic import Field, field_validator

from probes.aws.alb import parse
from probes.aws.alb.facts import AlbFacts, Balancer, Group
from probes.aws.alb.gauges import RULES, SPECS, measured
from probes.aws.alb.health import Health, health_of
from probes.aws.calls import Calls, Refused
from probes.aws.metrics import Metric, Metrics, Points
from probes.aws.settings import AwsSettings
from probes.base import Cause, Context, Gap, Probe, ProbeError, SafeText, Snapshot, Target

MOST: Final = 200
"""Target groups, and load balancers, that are known at most."""
CHECKED: Final = 40
"""Groups whose targets are asked about in one reading, the longest not asked about first."""
MEASURED: Final = 20
"""Groups that metrics are asked for: each metric costs."""
_LISTING: Final = 60.0
_SELDOM: Final = 300.0
"""Seconds between two looks at metrics while nobody looks at the screen."""
_SOON: Final = 60.0
_TOGETHER: Final = 20
"""Names or ARNs in one call
(https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroups.html)."""
_WHOLE: Final = timedelta(seconds=60)
"""Age from which a minute is over, and its sum is whole."""
_OLD: Final = timedelta(minutes=6)
"""Age from which a point says nothing about now."""
_NAMESPACE: Final = "AWS/ApplicationELB"
_ABSENT: Final = frozenset({"TargetGroupNotFound", "LoadBalancerNotFound"})
_ARN: Final = "arn:"


class AlbSettings(AwsSettings):
    """Load balancers of a region: all of them, one, or some target groups."""

    target_groups: tuple[str, ...] = Field((), max_length=100, description="Only these target groups: names or ARNs.")
    load_balancer: str | None = Field(
        None, max_length=300, description="Only the target groups of this load balancer: its name or ARN."
    )

    @field_validator("target_groups")
    @classmethod
    def _are_short(cls, groups: tuple[str, ...]) -> tuple[str, ...]:
        if any(not 1 <= len(one) <= 300 for one in groups):
            raise ValueError("must be names or ARNs")
        return tuple(dict.fromkeys(groups))


class AlbProbe(Probe[AlbFacts]):
    """Some target groups."""

    kind = "alb"
    settings_type = AlbSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, AlbSettings)
        self.settings = target.settings
        self._calls = Calls(target.settings, context, f"alb-{target.name}")
        self._metrics, self._percentiles = Metrics(self._calls), Metrics(self._calls)
        self._points: dict[str, Points] = {}
        self._measured_at: float | None = None
        self._listed_at: float | None = None
        self._groups: dict[str, Group] = {}
        self._balancers: dict[str, Balancer] = {}
        self._absent: tuple[str, ...] = ()
        self._cut = False
        self._health: dict[str, Health] = {}
        self._checked_at: dict[str, float] = {}
        self._missing: dict[str, ProbeError] = {}

    async def read(self) -> Snapshot[AlbFacts]:
        """List when it is time, ask about the targets, and about metrics when they are due."""
        began = self.context.monotonic()
        self.doing = "connecting"
        await self._calls.whose()
        self.doing = "reading"
        if self._listed_at is None or began - self._listed_at >= _LISTING:
            await self._list()
            self._listed_at = began
        await self._check()
        every = _SOON if self.watched else _SELDOM
        if self._measured_at is None or began - self._measured_at >= every:
            self._measured_at = began
            await self._measure()
        now = self.context.monotonic()
        groups = sorted(
            (self._whole(one, now) for one in self._groups.values()), key=lambda one: (one.trouble, one.name)
        )
        facts = AlbFacts(
            seat=await self._calls.seat(),
            groups=tuple(groups),
            balancers=tuple(replace(one, errors=self._sum(f"{one.arn} elb")) for one in self._balancers.values()),
            absent=tuple(SafeText(name, 120) for name in self._absent),
        )
        return self.snapshot(facts, measured(facts), began, self._gaps())

    async def close(self) -> None:
        """Let go of the account."""
        self._calls.close()

    async def _list(self) -> None:
        """Which groups and balancers there are."""
        absent: list[str] = []
        found: dict[str, Group] = {}
        self._cut = False
        for name in (True, False):
            some = [one for one in self.settings.target_groups if one.startswith(_ARN) is not name]
            for row in await self._named(
                "describe_target_groups", "Names" if name else "TargetGroupArns", some, absent
            ):
                found |= {(one := parse.group(row)).arn: one}
        if self.settings.load_balancer is not None:
            key = "LoadBalancerArns" if self.settings.load_balancer.startswith(_ARN) else "Names"
            rows = await self._named("describe_load_balancers", key, [self.settings.load_balancer], absent)
            for row in rows:
                found |= await self._pages({"LoadBalancerArn": row.get("LoadBalancerArn")})
        elif not self.settings.target_groups:
            found |= await self._pages({})
        self._groups, self._absent = found, tuple(absent)
        arns = list(dict.fromkeys(arn for one in found.values() for arn in one.balancers))[:MOST]
        rows = await self._named("describe_load_balancers", "LoadBalancerArns", arns, [])
        self._balancers = {balancer.arn: balancer for balancer in map(parse.balancer, rows)}
        self._health = {arn: one for arn, one in self._health.items() if arn in found}

    async def _pages(self, scope: Mapping[str, Any]) -> dict[str, Group]:
        listed = await self._calls.listed("elbv2", "describe_target_groups", "TargetGroups", MOST, **scope)
        self._cut = self._cut or listed.cut
        return {(one := parse.group(row)).arn: one for row in parse.rows(listed.items)}

    async def _named(self, operation: str, key: str, names: Sequence[str], absent: list[str]) -> list[parse.Row]:
        """Those of these names that are there. One that is not makes the whole call fail, so then each is asked for."""
        field = "TargetGroups" if "group" in operation else "LoadBalancers"
        found: list[parse.Row] = []
        for start in range(0, len(names), _TOGETHER):
            some = list(names[start : start + _TOGETHER])
            try:
                answers: list[dict[str, Any] | ProbeError] = [await self._calls.read("elbv2", operation, **{key: some})]
            except Refused as error:
                if error.code not in _ABSENT:
                    raise
                answers = await self._calls.each("elbv2", operation, [{key: [name]} for name in some])
            for name, answer in zip(some, answers, strict=False):
                if isinstance(answer, Refused) and answer.code in _ABSENT:
                    absent.append(name)
                elif isinstance(answer, ProbeError):
                    raise answer
                else:
                    found += parse.rows(answer.get(field))
        return found

    async def _check(self) -> None:
        """Ask about the targets of some groups. Raises when none could be asked about."""
        due = sorted(self._groups, key=lambda arn: self._checked_at.get(arn, 0.0))[:CHECKED]
        failed: list[ProbeError] = []
        answers = await self._calls.each("elbv2", "describe_target_health", [{"TargetGroupArn": arn} for arn in due])
        for arn, answer in zip(due, answers, strict=True):
            if isinstance(answer, ProbeError):
                failed.append(answer)
            else:
                self._health[arn] = health_of(arn, answer)
                self._checked_at[arn] = self.context.monotonic()
        if failed and len(failed) == len(due):
            raise failed[0]
        self._note("health of some targets", failed[0] if failed else None)

    async def _measure(self) -> None:
        """Response times, requests and errors; a wrong or silent metric is a gap, never zero."""
        wanted = self._wanted()
        apart = {key: one for key, one in wanted.items() if one.statistic.startswith("p")}
        plain = {key: one for key, one in wanted.items() if key not in apart}
        found: dict[str, Points] = {}
        # one metric that is refused takes the whole call with it, and not every place knows percentiles
        for part, metrics, some in (("metrics", self._metrics, plain), ("percentiles", self._percentiles, apart)):
            try:
                found |= await metrics.read(some)
                self._note(part, None)
            except ProbeError as error:
                self._note(part, error)
        self._points = found

    def _wanted(self) -> dict[str, Metric]:
        ranked = sorted(self._groups.values(), key=lambda one: (self._whole(one, 0.0).trouble, one.name))
        wanted: dict[str, Metric] = {}
        for group in ranked[:MEASURED]:
            balancer = next((self._balancers[arn] for arn in group.balancers if arn in self._balancers), None)
            if balancer is None or balancer.type != "application":
                continue
            before = (("LoadBalancer", balancer.dimension),)
            both = (("TargetGroup", group.arn.rpartition(":")[2]), *before)
            for name, statistic in (("average", "Average"), ("p95", "p95"), ("p99", "p99")):
                wanted[f"{group.arn} {name}"] = Metric(_NAMESPACE, "TargetResponseTime", both, statistic)
            wanted[f"{group.arn} requests"] = Metric(_NAMESPACE, "RequestCount", both, "Sum")
            wanted[f"{group.arn} errors"] = Metric(_NAMESPACE, "HTTPCode_Target_5XX_Count", both, "Sum")
            wanted[f"{balancer.arn} elb"] = Metric(_NAMESPACE, "HTTPCode_ELB_5XX_Count", before, "Sum")
        return wanted

    def _whole(self, one: Group, now: float) -> Group:
        return replace(
            one,
            health=self._health.get(one.arn),
            age=max(0.0, now - self._checked_at.get(one.arn, now)),
            average=self._sum(f"{one.arn} average"),
            p95=self._sum(f"{one.arn} p95"),
            p99=self._sum(f"{one.arn} p99"),
            requests=self._sum(f"{one.arn} requests"),
            errors=self._sum(f"{one.arn} errors"),
        )

    def _sum(self, key: str) -> float | None:
        """The value of the last minute that is over; None when that is long ago, or nothing was reported."""
        points = self._points.get(key, Points())
        now = self.context.now()
        for at, value in zip(reversed(points.times), reversed(points.values), strict=True):
            if at <= now - _WHOLE:
                return value if at >= now - _OLD else None
        return None

    def _note(self, part: str, error: ProbeError | None) -> None:
        if error is None:
            self._missing.pop(part, None)
        else:
            self._missing[part] = error

    def _gaps(self) -> list[Gap]:
        gaps = [Gap(part, error.cause, error.hint or error.message) for part, error in self._missing.items()]
        if self._cut:
            gaps.append(Gap(f"target groups beyond {MOST}", Cause.TOO_BIG, SafeText("name those of interest")))
        unread = len(self._groups.keys() - self._health.keys())
        if unread:
            gaps.append(Gap(f"health of {unread} target groups", Cause.TOO_BIG, SafeText("follows soon")))
        return gaps
