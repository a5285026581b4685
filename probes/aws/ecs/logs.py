"""The newest output of a service's containers, from CloudWatch Logs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Final

from probes.aws.calls import Calls, Refused
from probes.aws.cloudwatch_logs import lines
from probes.aws.cloudwatch_logs.events import Budget, Event
from probes.aws.cloudwatch_logs.lines import Source, every
from probes.aws.ecs.facts import Revision
from probes.base import Cause, ProbeError, SafeText
from probes.base.log import masked

BACK: Final = 600_000
"""Milliseconds of the past that a log begins with."""
BEAT: Final = 3.0
"""Seconds between two looks; FilterLogEvents allows few a second for a whole account."""
_PAGES: Final = 10
_SIZE: Final = 16 << 20
"""Pages and bytes that the newest lines may take."""


def sources(revision: Revision | None, override: str, task: str, region: str) -> list[Source]:
    """Where the output of a service, or of one `task` of it, goes. Raises `ProbeError` when that is not known."""
    if override:
        return [Source(override, "", every)]
    places = [place for place in (revision.logs if revision else ()) if place.region in ("", region)]
    if not places:
        elsewhere = sorted({place.region for place in (revision.logs if revision else ())})
        if elsewhere:
            raise ProbeError(Cause.MISSING, f"its log is kept in {', '.join(elsewhere)}, and this target is {region}")
        raise ProbeError(
            Cause.MISSING,
            "its task definition names no log group of CloudWatch",
            'set log_group = { "service" = "/group" } in the profile',
        )
    several = len(places) > 1
    found = []
    for place in places:
        prefix = f"{place.prefix}/{place.container}/" if place.prefix else ""
        stream = f"{prefix}{task}" if task and prefix else ""
        label = f"{place.container} │ " if several else ""
        found.append(Source(place.group, "", every, label, stream, prefix))
    return found


async def tail(calls: Calls, wanted: Sequence[Source], most: int = 100) -> list[SafeText]:
    """The newest lines of the last minutes. Raises `ProbeError`."""
    found: list[tuple[Event, str]] = []
    for source in wanted:
        budget = Budget(_PAGES, _SIZE, calls.context.monotonic() + calls.settings.timeout)
        with _told(wanted):
            events, _ = await lines.newest(calls, source, BACK, budget)
        found += [(one, source.prefix) for one in events]
    found.sort(key=lambda pair: pair[0].at)
    return [one.line(masked(one.message), prefix) for one, prefix in found[-most:]]


async def follow(calls: Calls, wanted: Sequence[Source], beat: float = BEAT) -> AsyncGenerator[SafeText, None]:
    """Lines as they come, each once, until the iterator is closed; the newest of the last minutes first."""
    with _told(wanted):
        async with aclosing(lines.follow(calls, wanted, BACK, beat)) as following:
            async for line in following:
                yield line


@contextmanager
def _told(wanted: Sequence[Source]) -> Iterator[None]:
    """What is not there, in words that say what it was looked for."""
    try:
        yield
    except Refused as error:
        if error.code != "ResourceNotFoundException":
            raise
        one = wanted[0]
        what = f"the log group {one.group} has no stream of it" if one.stream else f"no log group {one.group}"
        if len(wanted) > 1:
            what = f"one of its log groups is not there: {', '.join(dict.fromkeys(each.group for each in wanted))}"
        raise ProbeError(Cause.GONE, SafeText(what, 200)) from None
