"""Reads log groups: what they keep, how often patterns are found, who is silent. Retention is changed in `act`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from probes.aws.calls import Calls
from probes.aws.cloudwatch_logs.counting import Counters
from probes.aws.cloudwatch_logs.events import Budget
from probes.aws.cloudwatch_logs.facts import PATTERN, Group, LogsFacts
from probes.aws.cloudwatch_logs.gauges import RULES, SPECS, measured
from probes.aws.cloudwatch_logs.groups import CAP, Groups
from probes.aws.cloudwatch_logs.lines import Source, every, follow, search, tail
from probes.aws.cloudwatch_logs.patterns import filter_of, matching
from probes.aws.cloudwatch_logs.settings import CloudWatchLogsSettings, PatternSetting
from probes.base import Cause, Context, Gap, Look, Probe, ProbeError, SafeText, Sheet, Snapshot, Target

_SHARE: Final = 0.7
"""Share of a reading's or a look's time in which pages are asked for."""
_PAGES: Final = 60
_SIZE: Final = 24 << 20
"""Pages and bytes of events one reading may take."""
_TOGETHER: Final = 6
"""Groups shown together at most."""
_HOUR: Final = 60


class CloudWatchLogsProbe(Probe[LogsFacts]):
    """Log groups of one account and region."""

    kind = "cloudwatch_logs"
    settings_type = CloudWatchLogsSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, CloudWatchLogsSettings)
        self.settings = target.settings
        self._calls = Calls(self.settings, context, target.name)
        self._groups = Groups(self._calls, self.settings.groups, self.settings.silent)
        self._counters = Counters(self._calls, self.settings.patterns)
        self._shown: tuple[Group, ...] = ()

    async def read(self) -> Snapshot[LogsFacts]:
        """Read the groups, then count what is new of each pattern."""
        began = self.context.monotonic()
        self.doing = "connecting"
        await self._calls.whose()
        self.doing = "reading"
        budget = Budget(_PAGES, _SIZE, began + self.settings.timeout * _SHARE)
        gaps: list[Gap] = []
        groups, cut = await self._groups.read(self.watched or self._counters.idle, budget)
        if cut:
            said = SafeText(f"{len(groups):,} of at most {CAP:,} were read: narrow `groups`")
            gaps.append(Gap("some log groups", Cause.TOO_BIG, said))
        counted = await self._counters.read([one.key for one in groups], budget)
        try:
            groups = await self._groups.aged(groups, self.watched)
        except ProbeError as error:
            gaps.append(Gap("newest event of each group", error.cause, error.hint or error.message))
        self._shown = groups
        facts = LogsFacts(
            seat=await self._calls.seat(),
            groups=groups,
            cut=cut,
            counts=counted.counts,
            taken_at=self.context.now(),
        )
        return self.snapshot(facts, measured(facts), began, (*gaps, *counted.gaps))

    def looks(self) -> tuple[Look, ...]:
        """The lines of a group, and of a pattern."""
        found = [Look("follow", "lines as they are written", follow=True), Look("tail", "last ten minutes")]
        return (*found, Look("search", "search the last hour")) if self.settings.patterns else tuple(found)

    async def look(self, name: str, subject: str) -> Sheet:
        """Take one closer look; a subject is a group, or a pattern with a ? before its name."""
        patience = self.settings.timeout * _SHARE
        if name == "tail":
            await self._calls.whose()
            return await tail(self._calls, (await self._sources(subject))[0], patience)
        if name == "search":
            await self._calls.whose()
            sources, minutes = await self._searched(subject)
            what = subject.removeprefix(PATTERN) if subject.startswith(PATTERN) else f"all patterns in {subject}"
            return await search(self._calls, sources, minutes, f"search: {SafeText(what, 120)}", patience)
        return await super().look(name, subject)

    async def follow(self, name: str, subject: str) -> AsyncGenerator[SafeText, None]:
        """Lines of a group, or those that a pattern finds in its groups, as they are written."""
        if name != "follow":
            raise ProbeError(Cause.MISSING, f"cloudwatch_logs cannot follow {name}")
        await self._calls.whose()
        sources = await self._sources(subject)
        if len(sources) > _TOGETHER:
            yield SafeText(f"following {_TOGETHER} of {len(sources)} groups")
        async with aclosing(follow(self._calls, sources[:_TOGETHER])) as lines:
            async for line in lines:
                yield line

    async def _searched(self, subject: str) -> tuple[list[Source], int]:
        """What to search for a pattern, or for every pattern of a group; and how many minutes back."""
        if subject.startswith(PATTERN):
            return await self._sources(subject), max(_HOUR, self._pattern(subject).since)
        if not subject:
            raise ProbeError(Cause.MISSING, "a search belongs to a pattern or a group: go to its line first")
        fitting = [one for one in self.settings.patterns if subject in self._counters.groups_of(one, [subject])]
        if not fitting:
            raise ProbeError(Cause.MISSING, "no pattern of the profile is looked for in this group")
        return [Source(subject, filter_of(one), matching(one), f"{one.name} │ ") for one in fitting], _HOUR

    async def _sources(self, subject: str) -> list[Source]:
        if not subject:
            raise ProbeError(Cause.MISSING, "lines belong to a group or a pattern: go to its line first")
        if not subject.startswith(PATTERN):
            return [Source(subject, "", every)]
        pattern = self._pattern(subject)
        if not self._shown:
            budget = Budget(_PAGES, _SIZE, self.context.monotonic() + self.settings.timeout * _SHARE)
            self._shown, _ = await self._groups.read(True, budget)
        groups = self._counters.groups_of(pattern, [one.key for one in self._shown])
        if not groups:
            raise ProbeError(Cause.GONE, f"there is no group for pattern {pattern.name}")
        found = [Source(one, filter_of(pattern), matching(pattern)) for one in groups]
        return [replace(one, prefix=f"{one.group} │ ") for one in found] if len(found) > 1 else found

    def _pattern(self, subject: str) -> PatternSetting:
        name = subject.removeprefix(PATTERN)
        found = next((one for one in self.settings.patterns if one.name == name), None)
        if found is None:
            raise ProbeError(Cause.GONE, f"the profile has no pattern {SafeText(name, 60)}")
        return found

    async def close(self) -> None:
        """Let go of the threads."""
        self._calls.close()
