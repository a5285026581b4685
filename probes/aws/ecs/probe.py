"""Reads an ECS cluster: its services, their deployments, tasks, targets and bounds. Never changes anything.

Services are described at each reading, and what stopped is listed; everything around them is read more seldom, or
while somebody looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from probes.aws.calls import Calls
from probes.aws.cloudwatch_logs.lines import Source
from probes.aws.ecs import logs, parse
from probes.aws.ecs.around import SOME, USE, Targets, Use, bounds_of
from probes.aws.ecs.console import consoles
from probes.aws.ecs.facts import Bounds, Cluster, EcsFacts, Service, Task
from probes.aws.ecs.gauges import RULES, SPECS, measured
from probes.aws.ecs.revisions import Revisions
from probes.aws.ecs.roster import Roster, cluster_of, no_cluster
from probes.aws.ecs.settings import EcsSettings
from probes.aws.ecs.sheets import events_sheet, task_sheet
from probes.aws.ecs.tasks import Tasks, described
from probes.base import Cause, Console, Context, Gap, Look, Probe, ProbeError, SafeText, Sheet, Snapshot, Target

_SHOWN_STOPPED: Final = 200
_LEARNT: Final = 10
"""Task definitions asked for in one reading at most."""
_BOUNDED: Final = 100
"""Services whose bounds are asked for in one reading at most, those asked for longest ago first."""
_PLENTY: Final = 0.4
"""Share of a reading's time after which what is around the services waits for the next one."""
_FIRST: Final = 0.5
"""Seconds of the first reading after which the same is so: a first sight matters more than a whole one."""
_EVERY: Final[dict[str, tuple[float, float]]] = {
    "the cluster itself": (60.0, 60.0),
    "tasks that stopped": (15.0, 15.0),
    "tasks that run": (120.0, 15.0),
    "health of the targets": (30.0, 15.0),
    "bounds of auto-scaling": (120.0, 60.0),
    "images of the revisions": (60.0, 15.0),
    "cpu and memory": (300.0, 60.0),
}
"""Part of a reading -> seconds it serves for, and the same while somebody looks."""
_LOOK: Final = 20.0


class EcsProbe(Probe[EcsFacts]):
    """One cluster, or the services of it that the target is."""

    kind = "ecs"
    settings_type = EcsSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, EcsSettings)
        self.settings = target.settings
        self._calls = Calls(target.settings, context, f"ecs-{target.name}")
        self._roster = Roster(self._calls, target.settings)
        self._tasks = Tasks(self._calls, target.settings.cluster)
        self._revisions = Revisions(self._calls)
        self._targets = Targets(self._calls)
        self._use = Use(self._calls, target.settings.cluster_name)
        self._bounds: dict[str, Bounds] = {}
        self._bounded: dict[str, float] = {}
        """Service -> when its bounds were asked for."""
        self._cluster: Cluster | None = None
        self._read_at: dict[str, float] = {}
        self._missing: dict[str, ProbeError] = {}
        self._stopped_known = False
        self._was_read = False

    def consoles(self, facts: EcsFacts | None, subject: str) -> tuple[Console, ...]:
        """A shell in each running container of a task, or of a service's tasks."""
        return consoles(facts, subject, self.settings, self.context)

    async def read(self) -> Snapshot[EcsFacts]:
        """Describe the services; then what is due around them, as far as there is time."""
        began = self.context.monotonic()
        self.doing = "connecting"
        await self._calls.whose()
        self.doing = "reading"
        await self._roster.read()
        services = sorted(self._roster.services.values(), key=lambda one: (one.trouble, one.name))
        limit = self.settings.timeout * _PLENTY if self._was_read else min(_FIRST, self.settings.timeout * _PLENTY)
        for part, read in self._parts(services).items():
            if self.context.monotonic() - began > limit:
                break
            await self._part(part, read)
        self._was_read = True
        facts = await self._facts()
        return self.snapshot(facts, measured(facts, self.context.now()), began, self._gaps())

    def looks(self) -> tuple[Look, ...]:
        """Log, events, one task."""
        return (
            Look("logs", "log of the service or task", follow=True, evidence=True),
            Look("events", "what the service says of itself", evidence=True),
            Look("task", "all about the task", evidence=True),
        )

    async def look(self, name: str, subject: str) -> Sheet:
        """Take one closer look: at a service by its name, or a task by its ARN."""
        try:
            async with asyncio.timeout(_LOOK):
                return await self._look(name, subject)
        except TimeoutError:
            raise ProbeError(Cause.TIMEOUT_READ, f"AWS gave no answer in {_LOOK:g} s") from None

    async def _look(self, name: str, subject: str) -> Sheet:
        await self._calls.whose()
        if name == "events":
            return events_sheet(await self._service(subject), self.context.now())
        if name == "task":
            task = await self._task(subject)
            return task_sheet(task, self._revisions.known(task.revision), self.context.now())
        if name == "logs":
            return Sheet(f"last lines of {subject}", tuple(await logs.tail(self._calls, await self._sources(subject))))
        return await super().look(name, subject)

    async def follow(self, name: str, subject: str) -> AsyncGenerator[SafeText, None]:
        """The log of a service's containers, or of one task's."""
        if name != "logs":
            raise ProbeError(Cause.MISSING, f"ecs cannot follow {name}")
        await self._calls.whose()
        async with aclosing(logs.follow(self._calls, await self._sources(subject))) as lines:
            async for line in lines:
                yield line

    async def close(self) -> None:
        """Let go of the account."""
        self._calls.close()

    def _parts(self, services: list[Service]) -> dict[str, Callable[[], Awaitable[None]]]:
        """What is around the services, the most telling first."""
        there = tuple(name for name in self._roster.names if name not in self._roster.absent)
        some = there if self.settings.services else None
        names = [one.name for one in services]
        return {
            "the cluster itself": self._read_cluster,
            "tasks that stopped": lambda: self._tasks.read_stopped(some),
            "health of the targets": lambda: self._targets.read(services),
            "bounds of auto-scaling": lambda: self._read_bounds(names),
            "images of the revisions": lambda: self._read_revisions(services),
            "tasks that run": lambda: self._tasks.read_running(some),
            "cpu and memory": lambda: self._use.read(names[:USE]),
        }

    async def _part(self, part: str, read: Callable[[], Awaitable[None]]) -> None:
        """Read a part when it is due; what goes wrong with it is a gap."""
        now = self.context.monotonic()
        last = self._read_at.get(part)
        if last is not None and now - last < _EVERY[part][self.watched]:
            return
        self._read_at[part] = now
        try:
            await read()
            self._missing.pop(part, None)
        except ProbeError as error:
            self._missing[part] = error
        self._stopped_known = self._stopped_known or (part == "tasks that stopped" and part not in self._missing)

    async def _read_cluster(self) -> None:
        self._cluster = await cluster_of(self._calls, self.settings.cluster)

    async def _read_bounds(self, names: list[str]) -> None:
        there, now = set(names), self.context.monotonic()
        self._bounds = {name: one for name, one in self._bounds.items() if name in there}
        due = sorted(names, key=lambda name: self._bounded.get(name, 0.0))[:_BOUNDED]
        for first in range(0, len(due), SOME):
            some, policies = due[first : first + SOME], self.watched and not first
            found = await bounds_of(self._calls, self.settings.cluster_name, some, policies=policies)
            self._bounds = {name: one for name, one in self._bounds.items() if name not in set(some)} | found
            self._bounded |= dict.fromkeys(some, now)

    async def _read_revisions(self, services: list[Service]) -> None:
        wanted = [name for one in services for name in (one.revision, *(d.revision for d in one.deployments))]
        await self._revisions.learn(wanted, _LEARNT)

    async def _facts(self) -> EcsFacts:
        now = self.context.monotonic()
        recent = self._tasks.recent()
        services = [self._whole(one, now, recent.get(one.name, [])) for one in self._roster.services.values()]
        services.sort(key=lambda one: (one.trouble, one.name))
        stopped = self._tasks.stopped
        ended = [one for one in stopped if one.by_itself]
        asked = [one for one in stopped if not one.by_itself]
        at = self._tasks.running_at
        names = dict.fromkeys(name for one in services[:_SHOWN_STOPPED] for name in (one.revision,))
        return EcsFacts(
            seat=await self._calls.seat(),
            cluster=self._cluster or Cluster("", SafeText(self.settings.cluster_name)),
            services=tuple(services),
            absent=tuple(SafeText(name) for name in sorted(self._roster.absent)),
            known=len(self._roster.names) - len(self._roster.absent),
            tasks=(*(ended + asked)[:_SHOWN_STOPPED], *self._tasks.running),
            tasks_age=None if at is None else now - at,
            revisions=tuple(found for name in names if (found := self._revisions.known(name)) is not None),
        )

    def _whole(self, one: Service, now: float, recent: Sequence[Task]) -> Service:
        """A service with what is around it; `recent` are its tasks that ended by themselves."""
        known = self._revisions.known(one.revision)
        return replace(
            one,
            age=now - one.read,
            health=self._targets.of(one),
            bounds=self._bounds.get(one.name),
            cpu=self._use.of("cpu", one.name),
            memory=self._use.of("memory", one.name),
            images=known.images if known else (),
            exits=len(recent) if self._stopped_known else None,
            ooms=sum(task.out_of_memory for task in recent) if self._stopped_known else None,
            last_stop=recent[0].why if recent else SafeText(),
        )

    def _gaps(self) -> list[Gap]:
        gaps = [Gap(part, error.cause, error.hint or error.message) for part, error in self._missing.items()]
        return [*gaps, *self._roster.gaps(), *self._tasks.gaps()]

    async def _service(self, name: str) -> Service:
        return await one_service(self._calls, self.settings, name)

    async def _task(self, subject: str) -> Task:
        found = await described(self._calls, self.settings.cluster, [subject])
        if not found:
            raise ProbeError(Cause.GONE, "ECS does not know that task any more: it keeps them for about an hour")
        return found[0]

    async def _sources(self, subject: str) -> list[Source]:
        task = await self._task(subject) if "task/" in subject else None
        service = task.service if task is not None else subject
        name = task.revision if task is not None else (await self._service(subject)).revision
        region = (await self._calls.whose()).region
        override = self.settings.log_group.get(service, "")
        revision = None if override or not name else await self._revisions.of(name)
        return logs.sources(revision, override, task.id if task is not None else "", region)


async def one_service(calls: Calls, settings: EcsSettings, name: str) -> Service:
    """One service as it is now. Raises `ProbeError`."""
    try:
        answer = await calls.read("ecs", "describe_services", cluster=settings.cluster, services=[name])
    except ProbeError as error:
        raise no_cluster(error, settings.cluster) from None
    for row in parse.rows(answer.get("services")):
        if row.get("status") != "INACTIVE":
            return parse.service(row, calls.context.monotonic())
    raise ProbeError(Cause.GONE, f"the cluster has no service {SafeText(name, 80)}")
