"""Which revisions a service can go back to, and which of them have run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from probes.aws.calls import Calls
from probes.aws.ecs import parse
from probes.aws.ecs.facts import Revision, Service
from probes.aws.ecs.revisions import Revisions
from probes.base import Choice, ProbeError, SafeText

OFFERED: Final = 15
"""Revisions offered at most."""
_LISTED: Final = 40
_DEPLOYMENTS: Final = 40
_SOME: Final = 20
"""Service revisions in one call
(https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServiceRevisions.html)."""


@dataclass(frozen=True, slots=True)
class Run:
    """When a revision was deployed to a service, and what became of it."""

    revision: str
    began: datetime
    ended: datetime | None
    """When the next one began; None: it is the newest."""
    status: str
    """SUCCESSFUL, or how it failed: ROLLBACK_SUCCESSFUL, STOPPED ..."""


async def runs_of(calls: Calls, cluster: str, service: str) -> list[Run]:
    """Deployments of a service, the newest first. Raises `ProbeError`; many places don't keep any."""
    answer = await calls.read(
        "ecs", "list_service_deployments", cluster=cluster, service=service, maxResults=_DEPLOYMENTS
    )
    rows = parse.rows(answer.get("serviceDeployments"))
    arns = list(dict.fromkeys(arn for row in rows if (arn := row.get("targetServiceRevisionArn"))))
    groups = [{"serviceRevisionArns": arns[n : n + _SOME]} for n in range(0, len(arns), _SOME)]
    revisions: dict[str, str] = {}
    for told in await calls.each("ecs", "describe_service_revisions", groups):
        if isinstance(told, ProbeError):
            raise told
        for row in parse.rows(told.get("serviceRevisions")):
            revisions[str(row.get("serviceRevisionArn"))] = parse.short_name(row.get("taskDefinition"))
    found: list[Run] = []
    ended: datetime | None = None
    for row in rows:
        began = parse.moment(row.get("startedAt")) or parse.moment(row.get("createdAt"))
        revision = revisions.get(str(row.get("targetServiceRevisionArn")), "")
        if began is not None and revision:
            found.append(Run(revision, began, ended, parse.text(row.get("status"), 40)))
            ended = began
    return found


async def choices(calls: Calls, cluster: str, service: Service, revisions: Revisions) -> list[Choice]:
    """Earlier revisions that are ACTIVE, those that ran well first. Raises `ProbeError`."""
    family = service.revision.rpartition(":")[0]
    listed = await calls.listed(
        "ecs", "list_task_definitions", "taskDefinitionArns", _LISTED, _LISTED,
        familyPrefix=family, status="ACTIVE", sort="DESC",
    )  # fmt: skip
    names = [name for arn in listed.items if (name := parse.short_name(arn)).rpartition(":")[0] == family]
    try:
        runs = await runs_of(calls, cluster, service.name)
    except ProbeError:
        runs = []
    ran = [run.revision for run in runs if run.status == "SUCCESSFUL"]
    ordered = [name for name in dict.fromkeys([*ran, *_nearest(names, service.revision)]) if name in names]
    wanted = [name for name in ordered if name != service.revision][:OFFERED]
    await revisions.learn(wanted, OFFERED)
    return [Choice(name, _about(revisions.known(name), name, runs)) for name in wanted]


def _nearest(names: Sequence[str], now: str) -> list[str]:
    """Earlier ones from the newest back, then later ones."""
    current = _number(now)
    earlier = sorted((name for name in names if _number(name) < current), key=_number, reverse=True)
    return [*earlier, *sorted((name for name in names if _number(name) >= current), key=_number)]


def _number(name: str) -> int:
    tail = name.rpartition(":")[2]
    return int(tail) if tail.isdigit() else 0


def _about(revision: Revision | None, name: str, runs: Sequence[Run]) -> SafeText:
    parts = []
    if revision is not None:
        parts += [", ".join(map(str, revision.images[:3]))] if revision.images else []
        parts += [f"registered {_day(revision.registered)}"] if revision.registered else []
    mine = next((run for run in runs if run.revision == name), None)
    if mine is None:
        parts.append("no deployment of it is known" if runs else "not known whether it ran")
    elif mine.status != "SUCCESSFUL":
        parts.append(f"its deployment of {_day(mine.began)} ended {mine.status.lower().replace('_', ' ')}")
    else:
        parts.append(f"ran until {_day(mine.ended)}" if mine.ended else f"deployed {_day(mine.began)}")
    return SafeText(", ".join(parts), 200)


def _day(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
