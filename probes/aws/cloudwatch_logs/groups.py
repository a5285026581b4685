"""Lists log groups, through all pages up to a cap, and looks how long each has been silent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from probes.aws.calls import Calls
from probes.aws.cloudwatch_logs.events import Budget, Sweep, from_ms, ms
from probes.aws.cloudwatch_logs.facts import Group
from probes.base import Cause, ProbeError, SafeText

CAP: Final = 1000
"""Groups shown at most."""
_PAGE: Final = 50
_PAGES: Final = 60
_FEW: Final = 5
"""Lists of so many pages are read every time."""
_WHOLE: Final = 300.0
"""Seconds after which a longer list is read again."""
_AGED: Final = 20
"""Groups whose newest event is asked for."""
_AGES: Final = 300.0
"""Seconds after which that is asked again; AWS itself brings it up to date within an hour."""
_QUIET_PAGES: Final = 5
"""Pages in which an event must turn up before its absence is called unknown."""
_MINUTE: Final = 60_000


class Groups:
    """The log groups of one target."""

    def __init__(self, calls: Calls, patterns: Sequence[str], silent: Mapping[str, int]) -> None:
        self._calls = calls
        self._patterns = patterns
        self._fits = fitting(patterns)
        self._silent = [(fitting([pattern]), minutes) for pattern, minutes in silent.items()]
        self._known: tuple[Group, ...] = ()
        self._cut = False
        self._at: float | None = None
        self._pages = 0
        self._ages: dict[str, Group] = {}
        self._aged_at: float | None = None

    async def read(self, needed: bool, budget: Budget) -> tuple[tuple[Group, ...], bool]:
        """(the groups by name, whether there are more). `needed`: read them even when that was just done."""
        now = self._calls.context.monotonic()
        if needed or self._at is None or self._pages <= _FEW or now - self._at >= _WHOLE:
            found, self._pages, self._cut = await listed(self._calls, self._patterns, self._fits, budget)
            self._known = tuple(sorted(found, key=lambda one: one.key))
            self._at = now
        groups = [replace(one, silent_after=self._silence_of(one.key)) for one in self._known]
        return tuple([await self._judged(one, budget) if one.silent_after else one for one in groups]), self._cut

    async def aged(self, groups: Sequence[Group], watched: bool) -> tuple[Group, ...]:
        """The groups with their newest event, as far as that is cheap. Raises `ProbeError`."""
        now = self._calls.context.monotonic()
        if self._aged_at is None or now - self._aged_at >= (_AGES / 5 if watched else _AGES):
            asked = [{"logGroupName": one.key, "orderBy": "LastEventTime", "descending": True, "limit": 1}
                     for one in groups[:_AGED]]  # fmt: skip
            answers = await self._calls.each("logs", "describe_log_streams", asked)
            for one, answer in zip(groups, answers, strict=False):
                if isinstance(answer, ProbeError):
                    if answer.cause is not Cause.GONE:
                        raise answer
                    continue
                self._ages[one.key] = replace(one, last=_newest(answer))
            self._aged_at = now
        return tuple(replace(one, last=self._ages[one.key].last) if one.key in self._ages else one for one in groups)

    def _silence_of(self, name: str) -> int | None:
        return min((minutes for fits, minutes in self._silent if fits(name)), default=None)

    async def _judged(self, one: Group, budget: Budget) -> Group:
        """With whether anything was written in the time in which something should be."""
        assert one.silent_after is not None
        now = ms(self._calls.context.now())
        sweep = Sweep(one.key, "", now - one.silent_after * _MINUTE, now + _MINUTE)
        own = Budget(min(_QUIET_PAGES, budget.pages), budget.size, budget.until)
        before = own.pages
        found = await sweep.read(self._calls, own, most=1)
        budget.pages -= before - own.pages
        silent = False if found else True if sweep.done else None
        return replace(one, silent=silent)


async def listed(
    calls: Calls, patterns: Sequence[str], fits: Callable[[str], bool], budget: Budget
) -> tuple[list[Group], int, bool]:
    """(groups, pages, whether some were left out)."""
    found: dict[str, Group] = {}
    pages = 0
    for prefix in _prefixes(patterns):
        token: dict[str, str] = {}
        while True:
            if pages >= _PAGES or len(found) > CAP or (pages and calls.context.monotonic() > budget.until):
                return list(found.values())[:CAP], pages, True
            narrowed = {"logGroupNamePrefix": prefix} if prefix else {}
            answer = await calls.read("logs", "describe_log_groups", limit=_PAGE, **narrowed, **token)
            pages += 1
            rows = (parse_group(row) for row in answer.get("logGroups") or ())
            found |= {one.key: one for one in rows if one is not None and fits(one.key)}
            following = answer.get("nextToken")
            if not following or (prefix in patterns and prefix in found):  # a whole name: what follows only begins so
                break
            if following == token.get("nextToken"):
                raise ProbeError(Cause.GARBAGE, f"{calls.where} gives the same page again and again")
            token = {"nextToken": following}
    return list(found.values())[:CAP], pages, len(found) > CAP


async def group_named(calls: Calls, name: str) -> Group | None:
    """One group afresh; None when there is none of that name."""
    answer = await calls.read("logs", "describe_log_groups", logGroupNamePrefix=name, limit=_PAGE)
    rows = (parse_group(row) for row in answer.get("logGroups") or ())
    return next((one for one in rows if one is not None and one.key == name), None)


def parse_group(row: Any) -> Group | None:
    """One log group; None when it has no name."""
    if not isinstance(row, Mapping) or not isinstance(row.get("logGroupName"), str):
        return None
    name = row["logGroupName"][:512]
    created = row.get("creationTime")
    return Group(
        key=name,
        name=SafeText(name, 512),
        arn=str(row.get("logGroupArn") or row.get("arn") or "").removesuffix(":*")[:2048],
        stored=_whole(row.get("storedBytes")),
        retention=_whole(row.get("retentionInDays")) or None,
        created=from_ms(created) if isinstance(created, int) and created > 0 else None,
        type=SafeText(str(row.get("logGroupClass") or ""), 40),
    )


def fitting(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Tells whether a name fits one of these names and patterns with * and ?; with none every name does.

    >>> fits = fitting(["/ecs/*"])
    >>> fits("/ecs/api"), fits("/rds/main"), fitting([])("any")
    (True, False, True)
    """
    parts = ["".join({"*": ".*", "?": "."}.get(char) or re.escape(char) for char in one) for one in patterns]
    if not parts:
        return lambda name: True
    whole = re.compile("|".join(f"(?:{part})" for part in parts))
    return lambda name: whole.fullmatch(name) is not None


def _prefixes(patterns: Sequence[str]) -> list[str]:
    """What to ask for, so that every name that fits is among the answers.

    >>> _prefixes(["/ecs/*", "/ecs/a*", "/rds/main"]), _prefixes([])
    (['/ecs/', '/rds/main'], [''])
    """
    starts = {one: re.split(r"[*?]", one, maxsplit=1)[0] for one in patterns}
    open_ended = {start for one, start in starts.items() if start != one}
    wanted = sorted(set(starts.values()) or {""})
    return [one for one in wanted if not any(one != other and one.startswith(other) for other in open_ended)]


def _newest(answer: Mapping[str, Any]) -> Any:
    streams = [one for one in answer.get("logStreams") or () if isinstance(one, Mapping)]
    times = [one.get("lastEventTimestamp") for one in streams]
    known = [at for at in times if isinstance(at, int) and at > 0]
    return from_ms(max(known)) if known else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
