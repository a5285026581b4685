"""Reads a scheduler: the whole list of its jobs, runs of some, and whether what own actions bring about is so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from probes.base import Cause, Context, Gap, Look, Probe, ProbeError, SafeText, Sheet, Snapshot, Target
from probes.http.body import Parsed, parse_json
from probes.http.jobs.api import Api
from probes.http.jobs.facts import OWN, Execution, Job, JobsFacts, Own
from probes.http.jobs.gauges import RULES, SPECS, measured
from probes.http.jobs.parse import counted, executions_of, jobs_of, newest, own_of, with_runs
from probes.http.jobs.settings import JobsSettings
from probes.http.jobs.template import BadTemplate, filled_path

_TURN: Final = 5
"""Jobs whose executions one reading asks for, when each has a path of its own."""
_LISTED: Final = 200
"""Executions that a look shows."""


class JobsProbe(Probe[JobsFacts]):
    """One scheduler."""

    kind = "jobs"
    settings_type = JobsSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, JobsSettings)
        self.settings = target.settings
        self._api = Api(target.name, target.settings, context)
        self._closer = Api(f"{target.name}-look", target.settings, context)
        """For looks, so that a reading and a look never wait for each other."""
        self._runs: dict[str, tuple[float, list[Execution]]] = {}
        """Job id -> when its executions were read (monotonic), and which."""
        self._last: tuple[Job, ...] = ()

    async def read(self) -> Snapshot[JobsFacts]:
        """Read the list, then what hangs on it; only a list that can't be read is a failure."""
        began = self.context.monotonic()
        self.doing = "connecting"
        try:
            async with asyncio.timeout(max(0.1, self.settings.timeout * 0.96)):
                return await self._whole(began)
        except (ProbeError, asyncio.CancelledError):
            self._api.cut()
            raise
        except TimeoutError:
            where, connected = self._api.reached.where, self._api.connected
            self._api.cut()
            if not connected:
                raise ProbeError(Cause.TIMEOUT_CONNECT, f"no connection to {where} in time") from None
            raise ProbeError(Cause.TIMEOUT_READ, f"{where} does not answer in time") from None

    async def _whole(self, began: float) -> Snapshot[JobsFacts]:
        settings, gaps, cut, odd = self.settings, list[Gap](), False, 0
        jobs: tuple[Job, ...] = ()
        if settings.list:
            listed, cut = await self._api.everything(settings.list, settings.items, settings.timeout)
            self.doing = "reading"
            jobs, odd = jobs_of(listed, settings, self.context.now())
            if listed and not jobs:
                words = f"the jobs of {self._api.reached.where} have no id at {settings.of_job.id}"
                raise ProbeError(Cause.GARBAGE, words, "fields.id says where it stands")
        if cut:
            hint = f"only the first {len(jobs)} are read"
            hint += f": the list goes on, set next to {self._api.goes_on}" if self._api.goes_on else ""
            gaps.append(Gap("further jobs", Cause.TOO_BIG, SafeText(hint)))
        if odd:
            gaps.append(Gap(f"{odd} jobs without an id of their own", Cause.GARBAGE))
        self._last = jobs
        own = await self._own(gaps)
        runs = await self._executions(jobs, gaps)
        now = self.context.now()
        jobs = tuple(with_runs(one, self._runs.get(one.id, (0.0, []))[1], settings, now) for one in jobs)
        facts = JobsFacts(
            url=self._api.reached.shown,
            jobs=jobs,
            more=odd,
            executions=runs,
            counted=counted(runs),
            own=own,
            unit=settings.unit,
            lists=bool(settings.list),
        )
        return self.snapshot(facts, measured(facts), began, gaps)

    async def _own(self, gaps: list[Gap]) -> tuple[Own, ...]:
        """The own actions, each place of a check asked once. Without a list a silent place is a failure."""
        answers: dict[str, Parsed | None] = {}
        for one in self.settings.own.values():
            if one.check is None or one.check.path in answers:
                continue
            try:
                answer = await self._api.get(self._api.base + one.check.path, self.settings.timeout)
                answers[one.check.path] = parse_json(answer.body)
            except ProbeError as error:
                if not self.settings.list:
                    raise
                answers[one.check.path] = None
                gaps.append(Gap(f"what {one.check.path} tells", error.cause, error.message))
        if not self.settings.list and not answers:
            await self._api.get(self._api.base + "/", self.settings.timeout)
        return tuple(
            own_of(name, one, answers.get(one.check.path) if one.check is not None else None, one.path)
            for name, one in self.settings.own.items()
        )

    async def _executions(self, jobs: tuple[Job, ...], gaps: list[Gap]) -> tuple[Execution, ...]:
        """The latest runs: of one list, or of some jobs in turn, those that failed first.

        When the list tells itself how each job ended, they are read only while somebody looks.
        """
        settings, path = self.settings, self.settings.executions
        if not path or ("{id}" in path and settings.of_job.last_status is not None and not self.watched):
            return ()
        names = {one.id: one.name for one in jobs}
        try:
            if "{id}" not in path:
                listed, _ = await self._api.everything(path, settings.executions_items, settings.timeout)
                return newest(executions_of(listed, None, settings, names))
            there = {one.id for one in jobs}
            self._runs = {id: kept for id, kept in self._runs.items() if id in there}
            turn = sorted(jobs, key=lambda one: (self._runs.get(one.id, (0.0,))[0], not one.failed))
            for one in turn[:_TURN]:
                self._runs[one.id] = self.context.monotonic(), await self._runs_of(one, self._api)
        except ProbeError as error:
            if error.cause in (Cause.AUTH, Cause.TIMEOUT_READ):
                raise
            gaps.append(Gap("executions", error.cause, error.message))
        if left := len(jobs) - len(self._runs):
            others = f"executions of {left} job{'' if left == 1 else 's'}"
            gaps.append(Gap(others, Cause.SLOW, SafeText("read in turn, a few each time")))
        return newest(self._known())

    async def _runs_of(self, job: Job, api: Api) -> list[Execution]:
        try:
            path = filled_path(self.settings.executions, {"id": job.id})
        except BadTemplate:
            return []
        answer = await api.get(api.base + path, self.settings.timeout)
        listed = api.rows(api.parsed(answer), self.settings.executions_items)
        return executions_of(listed, job, self.settings, {})

    def looks(self) -> tuple[Look, ...]:
        """The runs of a job."""
        return (Look("executions", "executions"),) if self.settings.executions else ()

    async def look(self, name: str, subject: str) -> Sheet:
        """The latest runs of one job, or of all."""
        if name != "executions" or not self.settings.executions or subject.startswith(OWN):
            return await super().look(name, subject)
        job = next((one for one in self._last if one.key == subject), None)
        if subject and job is None:
            raise ProbeError(Cause.GONE, f"there is no job {SafeText(subject, 80)} any more")
        runs = newest(await self._looked(job))
        told = ", ".join(f"{number} {status}" for status, number in counted(runs)) or "none"
        lines = [SafeText(f"{len(runs)} execution{'' if len(runs) == 1 else 's'}: {told}")]
        for one in runs[:_LISTED]:
            when = f"{one.at:%Y-%m-%d %H:%M:%S}" if one.at is not None else "no time told"
            took = f"  {one.took:.1f} s" if one.took is not None else ""
            lines.append(SafeText(f"{when}  {one.status}  {one.job}{took}  {one.message}".rstrip(), 500))
        title = f"executions of {job.name}" if job is not None else "executions"
        return Sheet(title, tuple(lines), max(0, len(runs) - _LISTED))

    async def _looked(self, job: Job | None) -> list[Execution]:
        settings, api = self.settings, self._closer
        if "{id}" in settings.executions:
            return await self._runs_of(job, api) if job is not None else [*self._known()]
        listed, _ = await api.everything(settings.executions, settings.executions_items, settings.timeout)
        found = executions_of(listed, None, settings, {one.id: one.name for one in self._last})
        return [one for one in found if job is None or one.job == job.name]

    def _known(self) -> Iterator[Execution]:
        return (run for _, runs in self._runs.values() for run in runs)

    def abort(self) -> None:
        """Cut the connection; a request under way ends at once."""
        self._api.cut()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._api.close()
        await self._closer.close()
