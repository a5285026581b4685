"""Reads CloudWatch: the state of its alarms and the chosen metrics. Silencing and testing is done in `act`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from probes.aws.calls import Calls
from probes.aws.cloudwatch.facts import CloudWatchFacts, Dashboard, counted
from probes.aws.cloudwatch.gauges import RULES, SPECS, measured
from probes.aws.cloudwatch.listing import CAP, Alarms, Listing
from probes.aws.cloudwatch.parse import definition, moment, ranked
from probes.aws.cloudwatch.raised import console, raised_of
from probes.aws.cloudwatch.settings import CloudWatchSettings, fitting
from probes.aws.cloudwatch.tiles import Tiles
from probes.base import Cause, Context, Gap, Look, Probe, ProbeError, Raised, SafeText, Sheet, Snapshot, Target

_SHARE: Final = 0.6
"""Share of a reading's time in which alarms are listed."""
_PARTLY: Final = (Cause.DENIED, Cause.MISSING)
"""Causes for which one part is missing and the others are still read."""
_HISTORY: Final = 100
"""Items of a history at most: one page."""
_DAYS: Final = 14
"""Days of a history; CloudWatch keeps thirty."""


class CloudWatchProbe(Probe[CloudWatchFacts]):
    """Alarms and chosen metrics of one account and region."""

    kind = "cloudwatch"
    settings_type = CloudWatchSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, CloudWatchSettings)
        self.settings = target.settings
        self._calls = Calls(self.settings, context, target.name)
        self._alarms = Alarms(self._calls, self.settings.alarms, self.settings.timeout * _SHARE)
        self._tiles = Tiles(self._calls, self.settings.metrics)

    async def read(self) -> Snapshot[CloudWatchFacts]:
        """Read alarms, then metrics; what one of them is denied costs its own part only."""
        began = self.context.monotonic()
        self.doing = "connecting"
        whose = await self._calls.whose()
        self.doing = "reading"
        gaps: list[Gap] = []
        listing = Listing((), False, 0.0)
        counts = {}
        try:
            listing = await self._alarms.read(self.watched)
            counts = counted(listing.alarms)
        except ProbeError as error:
            if error.cause not in _PARTLY or not self.settings.metrics:
                raise
            gaps.append(Gap("alarms", error.cause, error.hint or error.message))
        if listing.cut:
            most = f"{CAP:,} are kept" if len(listing.alarms) >= CAP else f"{len(listing.alarms):,} were read in time"
            gaps.append(Gap("some alarms that are OK", Cause.TOO_BIG, SafeText(f"{most}: narrow `alarms`")))
        try:
            tiles = await self._tiles.read()
        except ProbeError as error:
            tiles = self._tiles.unread()
            gaps.append(Gap("metrics", error.cause, error.hint or error.message))
        refused = [str(tile.title) for tile in tiles if not tile.read]
        if refused and not any(gap.part == "metrics" for gap in gaps):
            said = SafeText("CloudWatch refuses: are statistic and period right?")
            gaps.append(Gap(f"metrics {', '.join(refused[:5])}", Cause.MISSING, said))
        facts = CloudWatchFacts(
            seat=await self._calls.seat(),
            alarms=ranked(listing.alarms),
            cut=listing.cut,
            whole_age=listing.age,
            tiles=tiles,
            dashboards=tuple(
                Dashboard(SafeText(name, 255), dashboard_url(whose.region, name)) for name in self.settings.dashboards
            ),
            taken_at=self.context.now(),
            counts=counts,
        )
        return self.snapshot(facts, measured(facts), began, gaps)

    def looks(self) -> tuple[Look, ...]:
        """An alarm's history, and all it says of itself."""
        return (Look("history", "history of the alarm"), Look("definition", "whole definition of the alarm"))

    async def look(self, name: str, subject: str) -> Sheet:
        """Take one closer look; without a subject the history of all alarms."""
        if name == "history":
            await self._calls.whose()
            return await self._history(subject)
        if name == "definition":
            if not subject:
                raise ProbeError(Cause.MISSING, "a definition belongs to one alarm: go to its line first")
            await self._calls.whose()
            lines = definition(await self._alarms.row(subject))
            return Sheet(f"alarm {SafeText(subject, 80)}", tuple(map(SafeText.line, lines)))
        return await super().look(name, subject)

    async def _history(self, subject: str) -> Sheet:
        items, more = await history(self._calls, subject, timedelta(days=_DAYS))
        fits = fitting(self.settings.alarms)
        lines = [_told(item, not subject) for item in items if fits(str(item.get("AlarmName", "")))]
        title = f"history of {SafeText(subject, 80) if subject else 'all alarms'}, newest first, {_DAYS} days at most"
        lines = lines or [SafeText("nothing has happened to it")]
        if more:
            lines.append(SafeText(f"(older than the newest {_HISTORY} is not shown)"))
        return Sheet(title, tuple(lines))

    def raised(self, facts: CloudWatchFacts) -> Sequence[Raised]:
        """The alarms in ALARM that are news to a person, those that nobody is told of too."""
        return tuple(raised_of(facts))

    def abort(self) -> None:
        """Nothing to cut: each call ends by its own deadline, in threads of this target's own."""

    async def close(self) -> None:
        """Let go of the threads."""
        self._calls.close()


async def history(calls: Calls, alarm: str, back: timedelta) -> tuple[list[Mapping[str, Any]], bool]:
    """What has happened to an alarm (empty: to any), newest first, and whether there is more. Raises `ProbeError`."""
    now = calls.context.now()
    answer = await calls.read(
        "cloudwatch",
        "describe_alarm_history",
        AlarmTypes=["MetricAlarm", "CompositeAlarm"],
        StartDate=now - back,
        EndDate=now + timedelta(minutes=5),
        MaxRecords=_HISTORY,
        ScanBy="TimestampDescending",
        **({"AlarmName": alarm} if alarm else {}),
    )
    items = [one for one in answer.get("AlarmHistoryItems") or () if isinstance(one, Mapping)]
    return items, bool(answer.get("NextToken"))


def _told(item: Mapping[str, Any], named: bool) -> SafeText:
    """One item: when, what, and the reason that stands in its data."""
    at = moment(item.get("Timestamp"))
    when = f"{at:%Y-%m-%d %H:%M:%S}" if at else "–".ljust(19)
    name = f"{item.get('AlarmName', '')!s:<40.40} " if named else ""
    reason = reason_of(item)
    words = f"{when}  {name}{str(item.get('HistorySummary', ''))[:300]}"
    return SafeText.line(f"{words}: {reason}" if reason else words)


def reason_of(item: Mapping[str, Any]) -> str:
    """Why a state was set, from the item's own data; empty when it tells none."""
    try:
        data = json.loads(str(item.get("HistoryData", ""))[:65536])
    except ValueError:
        return ""
    state = data.get("newState") if isinstance(data, dict) else None
    reason = state.get("stateReason") if isinstance(state, dict) else None
    return reason[:1024] if isinstance(reason, str) else ""


def dashboard_url(region: str, name: str) -> str:
    """Where the console shows a dashboard.

    >>> dashboard_url("eu-west-1", "production")
    'https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#dashboards/dashboard/production'
    """
    return f"{console(region)}#dashboards/dashboard/{name}"
