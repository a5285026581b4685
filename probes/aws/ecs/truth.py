"""Whether what was asked for is true now, told from a fresh look, the plan and the outcome alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from probes.aws.alb.health import Health
from probes.aws.ecs.facts import LOOP, Bounds, Deployment, Service, Task
from probes.aws.ecs.plans import DEPLOYED, SCALED, STEADY, bounds_in, suspended
from probes.aws.ecs.sheets import diagnosis
from probes.base import Outcome, Plan, Result, SafeText, Subject, Truth, Verdict, lasted

APPEARS: Final = 60.0
"""Seconds in which a request that nobody answered may still show."""


def after_deployment(
    plan: Plan, subject: Subject, service: Service | None, stopped: Sequence[Task], health: Sequence[Health],
    outcome: Outcome, after: float,
) -> Verdict:  # fmt: skip
    """The new deployment is through: its tasks run, its targets are healthy. For restart and roll-back.

    `stopped` are tasks of the service that ended by themselves, `health` is that of its target groups.
    """
    if service is None:
        return _verdict(Truth.REFUTED, "the service is gone")
    then, primary = dict(subject.identity), service.primary
    ours = dict(outcome.facts).get("deployment", "")
    wanted = then.get("to") or then["revision"]
    if primary is None:
        return _verdict(Truth.UNKNOWN, "ECS lists no deployment of it")
    if not ours:
        if primary.id == then["primary"]:
            return _not_yet(outcome, after, "no new deployment has begun")
        if primary.revision != wanted:
            return _verdict(Truth.REFUTED, f"another deployment has begun, of {primary.revision}")
        ours = primary.id
    if ours == then["primary"]:
        return _verdict(Truth.REFUTED, "ECS accepted it and began no deployment")
    if primary.id != ours:
        return _overtaken(service, ours, stopped, after)
    if primary.rollout == "FAILED":
        return _verdict(
            Truth.REFUTED, _with(f"the deployment failed: {primary.reason}", service, _of(primary, stopped))
        )
    if primary.revision != wanted:
        return _verdict(Truth.REFUTED, f"the new deployment is of {primary.revision}, not {wanted}")
    failing = _of(primary, stopped)
    if primary.rollout == "COMPLETED" or (not primary.rollout and len(service.deployments) == 1):
        return _through(service, primary, health, failing, after)
    failed = max(primary.failed, len(failing))
    if failed >= LOOP and not service.breaker and not primary.running:
        words = f"{failed} of its tasks ended and none stays, and without a circuit breaker ECS goes on trying"
        return _verdict(Truth.REFUTED, _with(words, service, failing))
    if after >= DEPLOYED:
        words = f"not through after {lasted(after)}: {primary.running} of {service.desired} new tasks running"
        return _verdict(Truth.REFUTED, _with(words, service, failing))
    words = f"{primary.running} of {service.desired} new tasks running, {lasted(after)}"
    words += f", {failed} failed" if failed else ""
    share = min(1.0, primary.running / service.desired) if service.desired else None
    return Verdict(Truth.PENDING, SafeText(_with(words, service, failing) if failing else words, 400), share)


def _through(
    service: Service, primary: Deployment, health: Sequence[Health], failing: Sequence[Task], after: float
) -> Verdict:
    """The deployment is COMPLETED: that its tasks run and are healthy is looked at all the same."""
    count = f"{service.running} of {service.desired} running {primary.revision}"
    unwell = [one for one in health if one.healthy == 0 or one.unhealthy]
    if service.running != service.desired or (unwell and service.desired):
        targets = "".join(f", {one.name}: {one.healthy} of {len(one.targets)} targets healthy" for one in unwell)
        words = f"the deployment is COMPLETED, but {count}{targets}"
        if after >= DEPLOYED:
            return _verdict(Truth.REFUTED, _with(words, service, failing))
        return Verdict(Truth.PENDING, SafeText(words, 400))
    healthy = f", {sum(one.healthy for one in health)} targets healthy" if health else ""
    again = f"; {len(failing)} of its tasks ended on the way" if failing else ""
    return _verdict(Truth.CONFIRMED, f"deployment {_tail(primary.id)} COMPLETED: {count}{healthy}{again}")


def _overtaken(service: Service, ours: str, stopped: Sequence[Task], after: float) -> Verdict:
    """Our deployment is not the newest any more."""
    primary = service.primary
    mine = next((one for one in service.deployments if one.id == ours), None)
    now = f"{primary.revision} of deployment {_tail(primary.id)} runs now" if primary else "no deployment is the newest"
    if mine is not None and mine.rollout == "FAILED":
        back = "rolled back by the circuit breaker" if service.rolls_back else "failed"
        return _verdict(Truth.REFUTED, _with(f"{back}: {mine.reason}; {now}", service, _of(mine, stopped)))
    if after >= DEPLOYED:
        return _verdict(Truth.UNKNOWN, f"its deployment is over, and {now}")
    words = f"another deployment has taken its place, by somebody else or by a roll back: {now}"
    return _verdict(Truth.REFUTED, _with(words, service, stopped))


def after_scale(
    plan: Plan, subject: Subject, service: Service | None, stopped: Sequence[Task], outcome: Outcome, after: float,
    held: float,
) -> Verdict:  # fmt: skip
    """As many run as were asked for, and it stays so. `held` is for how many seconds that has been seen."""
    number = plan.request.number or 0
    if service is None:
        return _verdict(Truth.REFUTED, "the service is gone")
    then = dict(subject.identity)
    if service.desired != number:
        if str(service.desired) == then["desired"]:
            return _not_yet(outcome, after, f"its desired count is still {service.desired}")
        return _verdict(Truth.REFUTED, f"its desired count is {service.desired}: auto-scaling or somebody changed it")
    if service.running == number and not service.pending:
        words = f"{service.running} of {number} running"
        if held >= STEADY:
            return _verdict(Truth.CONFIRMED, f"{words} for {held:.0f} s" if number else "no task runs any more")
        return Verdict(Truth.PENDING, SafeText(f"{words} for {held:.0f} of {STEADY:.0f} s"), 0.9)
    failing = [one for one in stopped if one.created is not None and one.created >= plan.looked_at]
    words = f"{service.running} of {number} running, {service.pending} on their way, {lasted(after)}"
    if len(failing) >= LOOP and service.running < number:
        return _verdict(Truth.REFUTED, _with(f"{words}: new tasks end again and again", service, failing))
    if after >= SCALED:
        return _verdict(Truth.REFUTED, _with(words, service, failing))
    share = min(service.running, number) / max(service.running, number, 1)
    return Verdict(Truth.PENDING, SafeText(_with(words, service, failing) if failing else words, 400), share)


def after_bounds(subject: Subject, bounds: Bounds | None, word: str, outcome: Outcome, after: float) -> Verdict:
    """The bounds are those asked for, and what was suspended still is."""
    then, (least, most) = dict(subject.identity), bounds_in(word)
    now = bounds.words if bounds else "none"
    if bounds is None or (bounds.least, bounds.most) != (least, most):
        if now == then["bounds"]:
            return _not_yet(outcome, after, f"its bounds are still {now}")
        return _verdict(Truth.REFUTED, f"its bounds are {now}")
    if suspended(bounds) != then["suspended"]:
        return _verdict(
            Truth.REFUTED, f"its bounds are {now}, but suspended {then['suspended']} -> {suspended(bounds)}"
        )
    return _verdict(Truth.CONFIRMED, f"its bounds are {now}")


def after_stop_task(task: Task | None, service: Service | None, outcome: Outcome, after: float) -> Verdict:
    """The task is over, and its service has as many as it wants again."""
    if task is not None and task.status != "STOPPED":
        if task.wanted == "STOPPED":
            return _verdict(Truth.PENDING, f"it is {task.status.lower()}, {lasted(after)}")
        return _not_yet(outcome, after, f"it is {task.status.lower()}")
    why = f": {task.why}" if task is not None and task.why else ""
    if service is None:
        return _verdict(Truth.CONFIRMED, f"it has stopped{why}")
    count = f"{service.running} of {service.desired} running"
    if service.running < service.desired:
        share = service.running / service.desired
        return Verdict(Truth.PENDING, SafeText(f"it has stopped; {service.name}: {count}"), share)
    return _verdict(Truth.CONFIRMED, f"it has stopped{why}; {service.name}: {count}")


def _of(deployment: Deployment, stopped: Sequence[Task]) -> list[Task]:
    """Tasks that a deployment made: they say so; where they don't, they are of its revision and were made since."""
    return [one for one in stopped if one.started_by == deployment.id or _may_be_of(one, deployment)]


def _may_be_of(task: Task, deployment: Deployment) -> bool:
    if task.started_by.startswith("ecs-svc/") or task.revision != deployment.revision:
        return False
    return deployment.created is not None and task.created is not None and task.created > deployment.created


def _with(words: str, service: Service, tasks: Sequence[Task]) -> str:
    said = diagnosis(service, tasks)
    return f"{words}; {said}" if said else words


def _not_yet(outcome: Outcome, after: float, words: str) -> Verdict:
    """Of what was done it is not so; of what nobody knows it may still become so for a while."""
    if outcome.result is Result.UNKNOWN and after < APPEARS:
        return _verdict(Truth.PENDING, f"{words}; it may still come, {after:.0f} of {APPEARS:.0f} s")
    return _verdict(Truth.REFUTED, words)


def _tail(id: str) -> str:
    return id.rpartition("/")[2]


def _verdict(truth: Truth, words: str) -> Verdict:
    return Verdict(truth, SafeText(words, 400))
