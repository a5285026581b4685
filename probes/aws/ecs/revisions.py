"""Task definitions: a revision never changes, so each is asked for once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from probes.aws.calls import Calls
from probes.aws.ecs import parse
from probes.aws.ecs.facts import Revision
from probes.base import Cause, ProbeError

KEPT: Final = 4000
"""Revisions remembered at most."""


class Revisions:
    """The revisions that were asked for. Their environment is dropped as the answer comes in."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._known: dict[str, Revision] = {}

    def known(self, name: str) -> Revision | None:
        """A revision by family:revision, when it was asked for before."""
        return self._known.get(name)

    async def of(self, name: str) -> Revision:
        """A revision by family:revision. Raises `ProbeError`."""
        found = self._known.get(name)
        return found if found is not None else await self.afresh(name)

    async def afresh(self, name: str) -> Revision:
        """The same, asked anew: all but its status stays as it was made."""
        answer = await self._calls.read("ecs", "describe_task_definition", taskDefinition=name)
        row = answer.get("taskDefinition")
        if not isinstance(row, dict):
            raise ProbeError(Cause.GARBAGE, "ECS describes a task definition with nothing in it")
        found = parse.revision(row)
        self._keep(replace(found, name=found.name or name))
        return found

    async def learn(self, names: Iterable[str], most: int) -> None:
        """Ask for some that are not known yet. Raises the first error, after the others were taken."""
        new = [name for name in dict.fromkeys(names) if name and name not in self._known][:most]
        asked = [{"taskDefinition": name} for name in new]
        failed: ProbeError | None = None
        for answer in await self._calls.each("ecs", "describe_task_definition", asked):
            if isinstance(answer, ProbeError):
                failed = failed or answer
            elif isinstance(row := answer.get("taskDefinition"), dict):
                self._keep(parse.revision(row))
        if failed is not None:
            raise failed

    def _keep(self, found: Revision) -> None:
        self._known[found.name] = found
        while len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
