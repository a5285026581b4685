"""Which services there are, and how each was when it was last described.

ECS describes ten services in a call, and an account allows few calls a second: of a large cluster each reading takes
those never read, those in trouble, and those read longest ago.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from probes.aws.calls import Calls, Refused
from probes.aws.ecs import parse
from probes.aws.ecs.facts import Cluster, Service
from probes.aws.ecs.settings import EcsSettings, bare
from probes.base import Cause, Gap, ProbeError, SafeText

MOST: Final = 2000
"""Services of a cluster that are known at most."""
TOGETHER: Final = 10
"""Services in one call
(https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html)."""
SLICE: Final = 200
"""Services described in one reading at most."""
LISTING: Final = 60.0
"""Seconds a list of names serves for."""
_PAGE: Final = 100
_FIRST: Final = 200
"""Names that the first reading waits for."""
_MANY: Final = 200
"""Services from which fewer events of each are kept."""
_FEW_EVENTS: Final = 4


class Roster:
    """The services of one target."""

    def __init__(self, calls: Calls, settings: EcsSettings) -> None:
        self._calls = calls
        self._settings = settings
        self._listed: float | None = None
        self._whole = False
        self._cut = False
        self._unread = 0
        self._failed: ProbeError | None = None
        self.names: tuple[str, ...] = ()
        """Services there are, as far as known."""
        self.services: dict[str, Service] = {}
        """Those that were described, by name."""
        self.absent: frozenset[str] = frozenset()
        """Named in the profile and not there."""

    async def read(self) -> None:
        """List when it is time, then describe a slice. Raises `ProbeError` when nothing could be described."""
        now = self._calls.context.monotonic()
        if self._listed is None or (self._settings.lists and (not self._whole or now - self._listed >= LISTING)):
            await self._list(now)
        chosen = self._slice()
        groups = [chosen[n : n + TOGETHER] for n in range(0, len(chosen), TOGETHER)]
        answers = await self._calls.each(
            "ecs", "describe_services", [{"cluster": self._settings.cluster, "services": group} for group in groups]
        )
        errors = [one for one in answers if isinstance(one, ProbeError)]
        self._failed = errors[0] if errors else None
        if errors and len(errors) == len(answers):
            raise no_cluster(errors[0], self._settings.cluster)
        for group, answer in zip(groups, answers, strict=True):
            if not isinstance(answer, ProbeError):
                self._take(group, answer)
                await asyncio.sleep(0)  # keys are answered between two groups
        self._unread = sum(name not in self.services and name not in self.absent for name in self.names)

    def gaps(self) -> list[Gap]:
        """What is not known of the services."""
        found = []
        if self._cut:
            found.append(Gap(f"services beyond {MOST:,}", Cause.TOO_BIG, SafeText("name those of interest: services")))
        if self._failed is not None:
            found.append(Gap("some of the services", self._failed.cause, self._failed.message))
        elif self._unread:
            found.append(Gap(f"{self._unread:,} services", Cause.TOO_BIG, SafeText("follow soon")))
        return found

    async def _list(self, now: float) -> None:
        names = list(self._settings.named)
        if self._settings.lists:
            cap = _FIRST if self._listed is None else MOST
            try:
                listed = await self._calls.listed(
                    "ecs", "list_services", "serviceArns", cap, _PAGE, cluster=self._settings.cluster
                )
            except ProbeError as error:
                raise no_cluster(error, self._settings.cluster) from None
            self._cut = listed.cut and cap == MOST
            self._whole = not listed.cut or cap == MOST
            names += [name for arn in listed.items if self._is_meant(name := bare(str(arn)))]
        else:
            self._whole = True
        self._listed = now
        self.names = tuple(sorted(dict.fromkeys(str(SafeText(name, 255)) for name in names)))
        there = set(self.names)
        self.services = {name: one for name, one in self.services.items() if name in there}
        self.absent = frozenset(name for name in self.absent if name in there)

    def _is_meant(self, name: str) -> bool:
        wanted = self._settings.services
        return not wanted or any(fnmatchcase(name, one) for one in wanted)

    def _slice(self) -> Sequence[str]:
        """Names to describe now."""
        if len(self.names) <= SLICE:
            return self.names
        known, there = self.services, set(self.names)
        unread = [name for name in self.names if name not in known][:SLICE]
        unwell = [name for name, one in known.items() if not one.fine][: SLICE // 2]
        oldest = sorted((name for name in known if name in there), key=lambda name: known[name].read)
        return list(dict.fromkeys([*unwell, *unread, *oldest]))[:SLICE]

    def _take(self, group: Sequence[str], answer: dict[str, Any]) -> None:
        now = self._calls.context.monotonic()
        most = parse.EVENTS if len(self.names) <= _MANY else _FEW_EVENTS
        there = set()
        for row in parse.rows(answer.get("services")):
            if row.get("status") == "INACTIVE":  # deleted; ECS goes on describing it for a while
                continue
            one = parse.service({**row, "events": (row.get("events") or [])[: most * 5]}, now)
            there.add(one.name)
            self.services[one.name] = one
        gone = [name for name in group if name not in there]
        for name in gone:
            self.services.pop(name, None)
        self.absent = (self.absent - there) | {name for name in gone if name in self._settings.named}
        deleted = set(gone) - self.absent
        if deleted:
            self.names = tuple(name for name in self.names if name not in deleted)


async def cluster_of(calls: Calls, reference: str) -> Cluster:
    """The cluster itself. Raises `ProbeError`; one that is not there is told, not left empty."""
    answer = await calls.read("ecs", "describe_clusters", clusters=[reference])
    found = parse.rows(answer.get("clusters"))
    if not found:
        raise missing(reference)
    return parse.cluster(found[0])


def missing(reference: str) -> ProbeError:
    """There is no such cluster."""
    return ProbeError(
        Cause.GONE,
        f"there is no cluster {SafeText(bare(reference), 80)} in this account and region",
        "is it the right region?",
    )


def no_cluster(error: ProbeError, reference: str) -> ProbeError:
    """The same error, in our words where ECS says that it has no such cluster."""
    return missing(reference) if isinstance(error, Refused) and error.code == "ClusterNotFoundException" else error
