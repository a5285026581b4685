"""Lists alarms: of every type, through all pages, up to a cap; those in ALARM are never cut away.

An account with many alarms is read whole every ten minutes and whenever somebody looks; in between only what is not OK
is asked for, which is a call or two. A page holds a hundred, and composite alarms come only when asked for by type:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from probes.aws.calls import Calls, Refused
from probes.aws.cloudwatch.facts import Alarm, AlarmState
from probes.aws.cloudwatch.parse import parse_alarms
from probes.aws.cloudwatch.settings import fitting, is_pattern, prefix_of
from probes.base import Cause, ProbeError, SafeText

CAP: Final = 5000
"""Alarms kept at most."""
PAGE: Final = 100
"""Alarms of one page, and names in one question, at most."""
_PAGES: Final = 120
"""Pages of one listing at most."""
_COMPOSITES: Final = 10
"""Pages of composite alarms at most."""
_FEW: Final = 5
"""Listings of so many pages are read whole every time."""
WHOLE: Final = 600.0
"""Seconds after which a long listing is read whole again."""
_TYPES: Final = ("MetricAlarm", "CompositeAlarm", "LogAlarm")
_OLDER: Final = ("MetricAlarm", "CompositeAlarm")
"""What endpoints take that do not know alarms of log queries yet."""
_BAD_VALUE: Final = frozenset({"ValidationError", "InvalidParameterValue", "InvalidParameterCombination"})


@dataclass(frozen=True, slots=True)
class Listing:
    """All alarms that are watched."""

    alarms: tuple[Alarm, ...]
    cut: bool
    """True when some were not read; none of those is in ALARM."""
    age: float
    """Seconds since every one was read."""


class Alarms:
    """The alarms of one target."""

    def __init__(self, calls: Calls, patterns: Sequence[str], patience: float) -> None:
        """`patience` is how many seconds a listing may take."""
        self._calls = calls
        self._fits = fitting(patterns)
        self._questions = _questions(patterns)
        self._patience = patience
        self._types: Sequence[str] = _TYPES
        self._known: dict[str, Alarm] = {}
        self._whole_at: float | None = None
        self._pages = 0
        self._cut = False

    async def read(self, whole: bool) -> Listing:
        """The alarms as they are now; `whole` reads every one even where there are many. Raises `ProbeError`."""
        now = self._calls.context.monotonic()
        old = self._whole_at is None or now - self._whole_at >= WHOLE
        if whole or old or self._pages <= _FEW:
            known: dict[str, Alarm] = {}
            pages, cut = await self._collect(known, {}, now + self._patience)
            if cut:
                await self._collect(known, {"StateValue": AlarmState.ALARM.value}, None)
            self._known, self._pages, self._cut, self._whole_at = known, pages, cut, now
        else:
            await self._catch_up()
        assert self._whole_at is not None
        return Listing(tuple(self._known.values()), self._cut, now - self._whole_at)

    async def named(self, names: Sequence[str]) -> dict[str, Alarm]:
        """These alarms afresh, by name; those that are not there are left out."""
        found: dict[str, Alarm] = {}
        for start in range(0, len(names), PAGE):
            some = list(names[start : start + PAGE])
            for one in parse_alarms(await self._ask({"AlarmNames": some, "MaxRecords": PAGE})):
                if one.key in some:
                    found[one.key] = one
        return found

    async def composites(self) -> list[Alarm]:
        """Every composite alarm of the region, up to a cap. Raises `ProbeError`."""
        found: list[Alarm] = []
        token: dict[str, str] = {}
        for _ in range(_COMPOSITES):
            answer = await self._calls.read(
                "cloudwatch", "describe_alarms", AlarmTypes=["CompositeAlarm"], MaxRecords=PAGE, **token
            )
            found += [one for one in parse_alarms(answer) if one.type == "composite"]
            if not answer.get("NextToken"):
                break
            token = {"NextToken": answer["NextToken"]}
        return found

    async def row(self, name: str) -> Mapping[str, Any]:
        """One alarm as CloudWatch tells it. Raises `ProbeError(Cause.GONE)` when there is none of that name."""
        answer = await self._ask({"AlarmNames": [name], "MaxRecords": PAGE})
        for value in answer.values():
            for row in value if isinstance(value, list) else ():
                if isinstance(row, Mapping) and row.get("AlarmName") == name:
                    return row
        raise ProbeError(Cause.GONE, f"there is no alarm {SafeText(name, 80)} any more")

    async def _catch_up(self) -> None:
        """Bring those up to date that are not OK, or were not."""
        fresh: dict[str, Alarm] = {}
        for state in (AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA):
            await self._collect(fresh, {"StateValue": state.value}, None)
        for key, one in self._known.items():
            if key not in fresh and one.state is not AlarmState.OK:
                fresh[key] = replace(one, state=AlarmState.OK, since=None, updated=None, reason=SafeText())
        self._known |= fresh

    async def _collect(
        self, into: dict[str, Alarm], narrowed: Mapping[str, Any], until: float | None
    ) -> tuple[int, bool]:
        """Read every page of every question; (pages, whether some was left out)."""
        pages = 0
        wanted = narrowed.get("StateValue")
        for question in self._questions:
            token: dict[str, str] = {}
            while True:
                late = until is not None and pages > 0 and self._calls.context.monotonic() > until
                if pages >= _PAGES or late:
                    return pages, True
                answer = await self._ask({**question, **narrowed, "MaxRecords": PAGE, **token})
                pages += 1
                for one in parse_alarms(answer):
                    if self._fits(one.key) and (wanted is None or one.state.value == wanted):
                        if len(into) >= CAP and wanted is None:
                            return pages, True
                        into[one.key] = one
                following = answer.get("NextToken")
                if not following:
                    break
                if following == token.get("NextToken"):
                    raise ProbeError(
                        Cause.GARBAGE, f"{self._calls.where} gives the same page of alarms again and again"
                    )
                token = {"NextToken": following}
        return pages, False

    async def _ask(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return await self._calls.read("cloudwatch", "describe_alarms", AlarmTypes=list(self._types), **parameters)
        except Refused as error:
            if error.code not in _BAD_VALUE or self._types == _OLDER:
                raise
        self._types = _OLDER
        return await self._calls.read("cloudwatch", "describe_alarms", AlarmTypes=list(_OLDER), **parameters)


def _questions(patterns: Sequence[str]) -> list[dict[str, Any]]:
    """What to ask for, so that every name that fits is among the answers.

    >>> _questions(["a-*", "a-b*", "db"])
    [{'AlarmNames': ['db']}, {'AlarmNamePrefix': 'a-'}]
    """
    names = [one for one in patterns if not is_pattern(one)]
    prefixes = sorted({prefix_of(one) for one in patterns if is_pattern(one)})
    if not patterns or "" in prefixes:
        return [{}]
    found: list[dict[str, Any]] = [{"AlarmNames": names[start : start + PAGE]} for start in range(0, len(names), PAGE)]
    for prefix in prefixes:
        if not any(prefix != other and prefix.startswith(other) for other in prefixes):
            found.append({"AlarmNamePrefix": prefix})
    return found
