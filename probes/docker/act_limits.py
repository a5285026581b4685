"""Memory and CPU limits of running containers, set in place: one POST for each, on the very container that was seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from probes.base import (
    Cause,
    Context,
    Danger,
    Outcome,
    Plan,
    ProbeError,
    Request,
    Result,
    SafeText,
    Sending,
    Subject,
    Truth,
    Verdict,
)
from probes.docker import limits, plans, truth
from probes.docker.act_once import ActingApi
from probes.docker.engine import said_by
from probes.docker.facts import Container, Service
from probes.docker.limits import LIMIT, Limits
from probes.docker.parse import items, table
from probes.docker.sight import Scene, seen

ANSWERS: Final = 20.0
"""Seconds the Engine may take."""
_INSPECTION = 4 << 20
_UNTOLD: Final = "how much it uses now is not told: with less than that it would be killed at once"


async def plan(
    api: ActingApi, request: Request, there: Scene, things: Sequence[Service | Container], target: str, context: Context
) -> Plan:
    """Look at the containers, what they use, and the machine."""
    asked = limits.wanted(request.word)
    host = await api.get("/info", limit=_INSPECTION)
    subjects, danger, notes = [], Danger.REVERSIBLE, list[str]()
    for thing in things:
        if isinstance(thing, Service):
            raise ProbeError(Cause.MISSING, f"{thing.name} is a service: choose its containers, one or all")
        subject, now, told = await _subject(api, there, thing.id, asked, host)
        subjects.append(subject)
        danger = max(danger, limits.danger(asked, now))
        notes += [] if told else [_UNTOLD]
        if thing.project:
            notes.append("its Compose file does not say so: recreate and deploy take this back; change it there too")
    undo = f"set it back to {subjects[0].before}" if len(subjects) == 1 else "set each back to what it was"
    return Plan(
        target=target,
        kind="docker",
        action=LIMIT,
        request=request,
        place=there.place,
        pin=(("engine", there.engine),),
        subjects=tuple(subjects),
        command=(limits.render(request),),
        looked_at=context.now(),
        danger=danger,
        undo=SafeText(undo, 300),
        notes=tuple(SafeText(one) for one in dict.fromkeys(notes)),
        answers=ANSWERS,
        settles=ANSWERS,
    )


async def _subject(
    api: ActingApi, there: Scene, id: str, asked: limits.Wanted, host: object
) -> tuple[Subject, Limits, bool]:
    """(what is acted on, its limits now, whether it is known that it has room within those it gets)."""
    found, now = await seen(api, id, there.at), await _now(api, id)
    used = await _used(api, id) if found.is_up else None
    refused = limits.refused(asked, now, used, host)
    told = not found.is_up or used is not None or not limits.takes_memory(asked, now)
    made = Subject(
        key=id,
        name=found.one.name,
        identity=(*plans.container_identity(there, found), *_identity(now)),
        before=SafeText(str(now)),
        after=SafeText(str(asked.after(now))),
    )
    if refused:
        return replace(made, spared=SafeText(refused), barred=True), now, True
    return made, now, told


async def do(api: ActingApi, plan: Plan, subject: Subject, there: Scene, sending: Sending) -> Outcome:
    """Look once more, then send the one request."""
    then = dict(subject.identity)
    try:
        found, now = await seen(api, then["container"], there.at), await _now(api, then["container"])
    except ProbeError as error:
        if error.cause is not Cause.GONE:
            raise
        return Outcome(Result.REFUSED, SafeText("changed since you looked: it is gone"))
    differs = truth.changed(subject.identity, there, found)
    if not differs and dict(_identity(now)) != {name: then[name] for name, _ in _identity(now)}:
        differs = f"its limits are {now} now"
    if differs:
        return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {differs}", 300))
    asked = limits.wanted(plan.request.word)
    body = asked.body(now)
    if found.is_up and (grown := limits.refused(asked, now, await _used(api, then["container"]), None)):
        return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {grown}", 300))
    status, answer = await api.update(then["container"], body, sending, plan.answers)
    if status == 200:
        warnings = _warnings(answer)
        return Outcome(Result.DONE, SafeText(f"the Engine took it{': ' + warnings if warnings else ''}", 300))
    if status < 300 or (status >= 500 and answer.lstrip()[:1] != b"{"):
        raise ProbeError(Cause.GARBAGE, f"{api.where} answered HTTP {status}, not as an Engine does")
    if status in (401, 403, 405):
        words = f"{api.where} does not allow POST /containers/ID/update: it is done over the Engine's own socket"
        return Outcome(Result.FAILED, SafeText(words))
    said = said_by(answer) if answer.lstrip()[:1] == b"{" else f"HTTP {status}"
    return Outcome(Result.FAILED, SafeText(f"the Engine said no: {said}"))


async def verify(api: ActingApi, plan: Plan, subject: Subject, there: Scene, outcome: Outcome, after: float) -> Verdict:
    """The container says so, and is still in the same run."""
    then, asked = dict(subject.identity), limits.wanted(plan.request.word)
    try:
        found, now = await seen(api, then["container"], there.at), await _now(api, then["container"])
    except ProbeError as error:
        if error.cause is not Cause.GONE:
            raise
        return Verdict(Truth.REFUTED, SafeText("the container is gone"))
    if not asked.is_so(now):
        found_so = truth.not_yet(plan, outcome, after, f"it may use {now}")
        return replace(found_so, truth=Truth.PENDING) if after <= 2 else found_so
    differs = truth.changed(subject.identity, there, found)
    if differs:
        return Verdict(Truth.REFUTED, SafeText(f"it may use {now}, but {differs}", 300))
    return Verdict(Truth.CONFIRMED, SafeText(f"{now}; it was not restarted"))


async def _now(api: ActingApi, id: str) -> Limits:
    return limits.limits_of(await api.get(f"/containers/{id}/json", limit=_INSPECTION))


async def _used(api: ActingApi, id: str) -> float | None:
    """Bytes that its processes hold, the page cache left out; None where the Engine does not tell."""
    try:
        answer = await api.get(f"/containers/{id}/stats", {"stream": "false", "one-shot": "true"}, _INSPECTION)
    except ProbeError:
        return None
    memory = table(table(answer).get("memory_stats"))
    usage, cache = memory.get("usage"), table(memory.get("stats")).get("inactive_file")
    return float(usage - (cache if isinstance(cache, int) else 0)) if isinstance(usage, int) else None


def _identity(now: Limits) -> tuple[tuple[str, str], ...]:
    return (("memory", str(now.memory)), ("swap", str(now.swap)), ("cpus", str(now.cpus)))


def _warnings(answer: bytes) -> str:
    try:
        found = items(table(json.loads(answer)).get("Warnings"))
    except ValueError:
        return ""
    return "; ".join(one for one in found if isinstance(one, str))[:200]
