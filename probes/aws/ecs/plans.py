"""What would be done to services and tasks, in words and with identities. Pure: it looks at nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from probes.aws.ecs.commands import BOUNDS, MOST, REVISION
from probes.aws.ecs.facts import Bounds, Revision, Service, Task
from probes.base import Action, Danger, Identity, Number, SafeText, Subject, Word, lasted

RESTART: Final = Action(
    "restart", "restart", Danger.DISRUPTIVE, rolling=True,
    what="Begins a new deployment of the same revision: new tasks come up, then the old ones go. Its image's tag is "
    "pulled again.",
    noun="service",
)  # fmt: skip
SCALE: Final = Action(
    "scale", "scale", Danger.REVERSIBLE, number=Number("tasks", 1, MOST), many=False,
    what="Sets how many tasks the service should have; begins no deployment.",
)  # fmt: skip
STOP: Final = Action(
    "stop", "scale to zero", Danger.DESTRUCTIVE, many=False, grave=True,
    what="Ends every task of the service; it stays and can be scaled up again.",
)  # fmt: skip
BOUNDS_OF: Final = Action(
    "bounds", "auto-scaling bounds", Danger.REVERSIBLE, word=Word("min-max, such as 4-10", BOUNDS.pattern), many=False,
    what="Sets between which counts auto-scaling may move the service; what is suspended stays so.",
)  # fmt: skip
ROLL_BACK: Final = Action(
    "roll-back", "roll back", Danger.DISRUPTIVE, word=Word("revision", REVISION.pattern, listed=True), many=False,
    what="Begins a deployment of an earlier revision of its task definition; the database stays as it is.",
)  # fmt: skip
STOP_TASK: Final = Action(
    "stop-task", "stop task", Danger.DISRUPTIVE, rolling=True,
    what="Ends one task; a service starts another in its place.",
    noun="task",
)  # fmt: skip
ON_SERVICES: Final = (RESTART, SCALE, ROLL_BACK, BOUNDS_OF, STOP)
ACTIONS: Final = (*ON_SERVICES, STOP_TASK)

DEPLOYED: Final = 900.0
"""Seconds after which a deployment that is not through is given up on."""
SCALED: Final = 600.0
"""Seconds after which a count that is not reached is given up on."""
STEADY: Final = 10.0
"""Seconds a count must stay as it was asked for."""
GRACE: Final = 180.0
"""Seconds a task gets to stop, with its time at the load balancer."""
_NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class Sight:
    """A service, looked at to be acted on."""

    service: Service
    revision: Revision | None
    """Its revision of now; None: not told."""
    bounds: Bounds | None
    bounds_unknown: str = ""
    """Why the bounds could not be read; empty: they were."""
    to: Revision | None = None
    """The revision to go to."""


def refusal(action: Action, service: Service) -> str:
    """Why an action can't be done to a service as it is; empty when it can."""
    if service.status != "ACTIVE":
        return f"it is {service.status.lower() or 'not active'}"
    if action in (RESTART, ROLL_BACK) and service.controller != "ECS":
        return f"its deployments are made by {service.controller}"
    if action in (RESTART, STOP) and service.desired == 0:
        return "it is scaled to zero"
    if action in (SCALE, STOP, BOUNDS_OF) and service.strategy == "DAEMON":
        return "a daemon service has one task on each instance"
    return ""


def identity_of(service: Service) -> Identity:
    """Which service, in which deployment, with which count."""
    return (
        ("service", service.arn),
        ("name", service.name),
        ("created", service.created.isoformat() if service.created else _NONE),
        ("primary", service.primary.id if service.primary else _NONE),
        ("revision", service.revision),
        ("desired", str(service.desired)),
    )


def changed(planned: Identity, service: Service | None) -> str:
    """What differs from the planned identity, as "from -> to"; empty when nothing does."""
    if service is None:
        return "the service -> gone"
    now = dict(identity_of(service))
    words = {"created": "made", "primary": "deployment", "desired": "desired count"}
    for name in ("service", "created", "primary", "revision", "desired"):
        then = dict(planned)[name]
        if now[name] != then:
            return f"{words.get(name, name)} {then} -> {now[name]}"
    return "" if service.status == "ACTIVE" else f"ACTIVE -> {service.status}"


def service_subject(action: Action, sight: Sight, number: int, word: str) -> Subject:
    """One service that would be acted on."""
    one = sight.service
    more: list[tuple[str, str]] = []
    if action is BOUNDS_OF:
        more = [("bounds", sight.bounds.words if sight.bounds else _NONE), ("suspended", suspended(sight.bounds))]
    if action is ROLL_BACK:
        more = [("to", word)]
    reason = barred(action, sight, number, word)
    return Subject(
        key=one.name,
        name=SafeText(one.name),
        identity=(*identity_of(one), *more),
        before=SafeText(_before(action, sight)),
        after=SafeText(_after(action, sight, number, word)),
        felt=tuple(SafeText(words) for words in _felt(action, sight, number, word)),
        spared=SafeText(reason),
        barred=bool(reason),
    )


def barred(action: Action, sight: Sight, number: int, word: str) -> str:
    """Why it can't be done, or would not stay done."""
    one, bounds = sight.service, sight.bounds
    if reason := refusal(action, one):
        return reason
    if action in (SCALE, STOP) and bounds is not None and bounds.beyond(number) and not _is_still(bounds):
        return f"auto-scaling keeps it within {bounds.words} and would override {number}: change its bounds first"
    if action is SCALE and number == one.desired:
        return f"its desired count is {number} already"
    if action is BOUNDS_OF:
        least, most = bounds_in(word)
        if least > most:
            return f"{least} is more than {most}"
        if bounds is not None and (bounds.least, bounds.most) == (least, most):
            return f"its bounds are {bounds.words} already"
        return f"its bounds can't be read: {sight.bounds_unknown}" if sight.bounds_unknown else ""
    if action is ROLL_BACK and sight.to is not None:
        if sight.to.status != "ACTIVE":
            return f"{word} is {sight.to.status.lower() or 'not active'}: ECS makes no task of it"
        if sight.to.family != one.revision.rpartition(":")[0]:
            return f"{word} is of another family than {one.revision}"
        if word == one.revision:
            return f"it runs {word} already: restart begins a new deployment of it"
    return ""


def bounds_in(word: str) -> tuple[int, int]:
    """The two numbers of "4-10"."""
    least, _, most = word.partition("-")
    return int(least), int(most)


def suspended(bounds: Bounds | None) -> str:
    """What is suspended, for an identity."""
    return ",".join(bounds.suspended) if bounds and bounds.suspended else _NONE


def danger(action: Action, sights: Sequence[Sight], number: int, word: str) -> Danger:
    """What it costs: taking tasks away interrupts somebody."""
    now = max((one.service.desired for one in sights), default=0)
    lower = (action is SCALE and number < now) or (action is BOUNDS_OF and bounds_in(word)[1] < now)
    return Danger.DISRUPTIVE if lower else action.danger


def notes(action: Action, sight: Sight, number: int, now: datetime) -> list[str]:
    """What a person should know beside it."""
    one, found = sight.service, []
    if action in (RESTART, ROLL_BACK):
        found.append("asynchronous: ECS accepts it at once, and takes minutes; this is followed until it is through")
        found.append(_room(one))
        if not one.breaker:
            found.append("it has no circuit breaker: a deployment that fails goes on trying for ever")
        elif one.rolls_back:
            found.append("its circuit breaker goes back to the last deployment when this one fails")
        if one.deploying is not None and one.deploying.rollout == "IN_PROGRESS":
            since = lasted((now - one.deploying.created).total_seconds()) if one.deploying.created else "a while"
            found.append(f"a deployment has been under way for {since}: this one takes its place")
    if action is RESTART:
        found += _tags(sight.revision)
    if action is ROLL_BACK:
        found.append("the database, its schema and the configuration are not rolled back with it")
        found += _same_images(sight)
    if action is SCALE:
        found.append(
            "the number is absolute, and a change of it begins no deployment: new tasks are of the same revision"
        )
    if action in (SCALE, STOP):
        found += _scaling_notes(sight)
    if action is BOUNDS_OF:
        if sight.bounds is None:
            found.append("it has no bounds yet: without a scaling policy auto-scaling does nothing with them")
        elif sight.bounds.suspended:
            found.append(f"suspended stays suspended: {', '.join(sight.bounds.suspended)}")
    return found


def task_subject(task: Task) -> Subject:
    """One task that would be stopped."""
    reason = "it has stopped already" if task.over else ""
    replaced = f"{task.service} starts another task in its place" if task.service else "nothing replaces it"
    felt = [f"what it does now is cut off after its stop time; {replaced}"]
    return Subject(
        key=task.arn,
        name=SafeText(f"{task.service or 'task'} {task.id}"),
        identity=(("task", task.arn), ("service", task.service), ("revision", task.revision)),
        before=SafeText(f"{task.status.lower()}, {task.revision}{', ' + task.zone if task.zone else ''}"),
        after=SafeText("stopped, another task in its place" if task.service else "stopped"),
        felt=tuple(map(SafeText, felt)),
        spared=SafeText(reason),
        barred=bool(reason),
    )


def told(revision: Revision | None, word: str) -> str:
    """A revision for a person: "api:41 (api:2026-02)"."""
    images = ", ".join(map(str, revision.images[:3])) if revision else ""
    return f"{word} ({images})" if images else word


def _is_still(bounds: Bounds) -> bool:
    """Auto-scaling does nothing at all for now."""
    return {"in", "out", "scheduled"} <= set(bounds.suspended)


def _before(action: Action, sight: Sight) -> str:
    one = sight.service
    count = f"{one.running} of {_tasks(one.desired)} running"
    if action is BOUNDS_OF:
        return f"bounds {sight.bounds.words if sight.bounds else _NONE}, {count}"
    if action in (RESTART, ROLL_BACK):
        deployment = _tail(one.primary.id) if one.primary else _NONE
        return f"{told(sight.revision, one.revision)}, {count}, deployment {deployment}"
    return count


def _after(action: Action, sight: Sight, number: int, word: str) -> str:
    one = sight.service
    if action is RESTART:
        return f"{one.revision}, {_tasks(one.desired)} made new in a deployment of its own"
    if action is ROLL_BACK:
        return f"{told(sight.to, word)}, {_tasks(one.desired)} made new"
    if action is BOUNDS_OF:
        return f"bounds {word}"
    if action is STOP:
        return "0 tasks: nobody answers"
    change = number - one.desired
    return f"{_tasks(number)}, {abs(change)} {'more' if change > 0 else 'fewer'}"


def _felt(action: Action, sight: Sight, number: int, word: str) -> list[str]:
    one = sight.service
    if action in (RESTART, ROLL_BACK):
        return [
            f"every one of its {_tasks(one.running)} ends; a request that takes longer than its stop time is cut off"
        ]
    if action is STOP:
        behind = ", and its load balancer answers 503" if one.groups else ""
        return [f"all {_tasks(one.running)} end{behind}"]
    if action is SCALE and number < one.desired:
        return [f"this lowers it: {_tasks(one.desired - number)} will be ended"]
    if action is BOUNDS_OF:
        least, most = bounds_in(word)
        if one.desired > most:
            return [f"auto-scaling will lower it from {one.desired} to {most}"]
        if one.desired < least:
            return [f"auto-scaling will raise it from {one.desired} to {least}"]
    return []


def _scaling_notes(sight: Sight) -> list[str]:
    if sight.bounds_unknown:
        return [f"whether auto-scaling owns the count is not known ({sight.bounds_unknown}): it may override this"]
    if sight.bounds is None:
        return []
    if _is_still(sight.bounds):
        return [f"auto-scaling ({sight.bounds.words}) is suspended and leaves the count alone"]
    return [f"auto-scaling moves the count within {sight.bounds.words} and may change it again"]


def _room(one: Service) -> str:
    least, most = one.least_percent, one.most_percent
    if least is None or most is None:
        return "new tasks need room beside the old ones, as its healthy percents say"
    fewest = -(-one.desired * least // 100)
    room = max(1, one.desired * most // 100)
    return f"at least {fewest} ({least} %) run meanwhile, and there must be room for {room} ({most} %)"


def _tags(revision: Revision | None) -> list[str]:
    loose = [str(one) for one in (revision.images if revision else ()) if "@sha256:" not in str(one)]
    if revision is not None and not loose:
        return ["its images are named by digest: the new tasks run the same code"]
    moving = [one for one in loose if one.endswith(":latest") or ":" not in one.rpartition("/")[2]]
    if moving:
        return [f"it pulls {', '.join(moving[:3])} again: whatever that tag is by now is what runs"]
    return ["it pulls its tag again: if somebody moved that tag, other code runs afterwards"]


def _same_images(sight: Sight) -> list[str]:
    if sight.to is None or sight.revision is None or sight.to.images != sight.revision.images:
        return []
    return ["both revisions name the same images: what changes is the rest of the definition"]


def _tasks(number: int) -> str:
    return "1 task" if number == 1 else f"{number} tasks"


def _tail(id: str) -> str:
    return id.rpartition("/")[2]
