"""Acts on the services and tasks of an ECS cluster: one request each, to the very service that was looked at.

ECS checks no identity itself, so the service is described again directly before; what is accepted is followed until
its deployment is through, or is known not to come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from probes.aws.act_once import send
from probes.aws.alb.health import Health
from probes.aws.calls import Calls, Refused
from probes.aws.ecs import commands, history, parse, plans, truth
from probes.aws.ecs.around import DIMENSION, bounds_of, healths, resource
from probes.aws.ecs.facts import Bounds, EcsFacts, Service, Task
from probes.aws.ecs.plans import ACTIONS, BOUNDS_OF, ON_SERVICES, RESTART, ROLL_BACK, SCALE, STOP, STOP_TASK, Sight
from probes.aws.ecs.probe import one_service
from probes.aws.ecs.revisions import Revisions
from probes.aws.ecs.settings import EcsSettings, bare
from probes.aws.ecs.tasks import Tasks, described
from probes.aws.paced import Paced
from probes.aws.rights import rights
from probes.base import (
    Action,
    Actuator,
    Cause,
    Choice,
    CommandLine,
    Context,
    Offer,
    Outcome,
    Plan,
    ProbeError,
    Recognised,
    Request,
    Result,
    Right,
    SafeText,
    Sending,
    Subject,
    Target,
    Truth,
    Verdict,
)

_FRESH: Final = 2.0
"""Seconds at most between the answer of the last look at a service and the request that changes it."""
_MARGIN: Final = 5.0
_LAST_LOOK: Final = 20.0
"""Seconds beyond its time in which an act is looked at once more, to say why it did not come."""
_TOGETHER: Final = 10
NEEDED: Final[Mapping[str, str]] = {
    "ecs:UpdateService": "restart, scale and roll back services",
    "ecs:StopTask": "stop one task",
    "application-autoscaling:RegisterScalableTarget": "change auto-scaling's bounds",
    "ecs:DescribeServices": "look at a service directly before it is acted on",
    "ecs:DescribeTaskDefinition": "show which image a revision runs",
    "ecs:ListTaskDefinitions": "find earlier revisions",
    "ecs:ListTasks": "find why tasks stopped",
    "ecs:DescribeTasks": "read why tasks stopped",
    "elasticloadbalancing:DescribeTargetHealth": "see that targets are healthy afterwards",
    "application-autoscaling:DescribeScalableTargets": "see who owns the desired count",
}


class EcsActuator(Actuator[EcsFacts]):
    """One cluster, or the services of it that the target is."""

    kind = "ecs"
    actions = ACTIONS

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, EcsSettings)
        self.settings = target.settings
        self._calls = Calls(target.settings, context, f"ecs-act-{target.name}")
        self._revisions = Revisions(self._calls)
        self._tasks = Tasks(self._calls, target.settings.cluster)
        self._paced = Paced(context.monotonic)
        self._held: dict[str, float] = {}
        """Act -> since when its count has been seen to be as asked for, monotonic seconds."""

    def offers(self, facts: EcsFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """Services are restarted, scaled, rolled back; a task is stopped."""
        if not subjects:
            return ()
        tasks = {one.arn: one for one in facts.tasks}
        if all(subject in tasks for subject in subjects):
            over = all(tasks[subject].over for subject in subjects)
            return [Offer(STOP_TASK, "it has stopped already" if over else "")]
        services = {one.name: one for one in facts.services}
        if not all(subject in services for subject in subjects):
            return ()
        chosen = [services[subject] for subject in subjects]
        several = len(chosen) > 1
        return [Offer(action, _refused(action, chosen)) for action in ON_SERVICES if action.many or not several]

    async def choices(self, action: str, subjects: Sequence[str]) -> Sequence[Choice]:
        """Revisions to go back to; the bounds of now, to change from."""
        if len(subjects) != 1:
            return ()
        await self._calls.whose()
        service = await one_service(self._calls, self.settings, subjects[0])
        if action == ROLL_BACK.name:
            return await history.choices(self._calls, self.settings.cluster, service, self._revisions)
        return ()

    async def plan(self, request: Request) -> Plan:
        """Look at the services or tasks meant, and at what stands around them."""
        action = next((one for one in ACTIONS if one.name == request.action), None)
        if action is None or not request.subjects:
            raise ProbeError(Cause.MISSING, f"ecs has no act called {SafeText(request.action, 40)} for this")
        if len(request.subjects) > 1 and not action.many:
            raise ProbeError(Cause.MISSING, "one service at a time")
        number = 0 if action is STOP else request.number or 0
        if action is SCALE and not 1 <= number <= commands.MOST:
            raise ProbeError(Cause.MISSING, f"scale takes a number from 1 to {commands.MOST}", "none at all is stop")
        if action is BOUNDS_OF and not commands.BOUNDS.fullmatch(request.word):
            raise ProbeError(Cause.MISSING, "bounds are two numbers, such as 4-10")
        if action is ROLL_BACK and not commands.REVISION.fullmatch(request.word):
            raise ProbeError(Cause.MISSING, "roll back takes a revision, such as api:41", "pick one that has run")
        if action is STOP_TASK:
            return await self._task_plan(request)
        sights = [await self._sight(action, one, request.word) for one in await self._services(request.subjects)]
        return await self._service_plan(action, request, sights, number)

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """One request; directly before it the service or task is described again."""
        then = dict(subject.identity)
        name = plan.action.name
        if name == STOP_TASK.name:
            return await self._stop_task(then["task"], act, sending)
        service = await self._if_there(then["name"])
        looked = self.context.monotonic()
        if differs := plans.changed(subject.identity, service):
            return _changed(differs)
        if name == BOUNDS_OF.name:
            bounds = (await bounds_of(self._calls, self.settings.cluster_name, [then["name"]])).get(then["name"])
            now = bounds.words if bounds else "none"
            if now != then["bounds"]:
                return _changed(f"bounds {then['bounds']} -> {now}")
            if plans.suspended(bounds) != then["suspended"]:
                return _changed(f"suspended {then['suspended']} -> {plans.suspended(bounds)}")
            least, most = plans.bounds_in(plan.request.word)
            return await self._sent(
                self._while_fresh(looked, sending), "application-autoscaling", "register_scalable_target",
                ServiceNamespace="ecs", ResourceId=resource(self.settings.cluster_name, then["name"]),
                ScalableDimension=DIMENSION, MinCapacity=least, MaxCapacity=most,
            )  # fmt: skip
        what: Mapping[str, Mapping[str, Any]] = {
            RESTART.name: {"forceNewDeployment": True},
            SCALE.name: {"desiredCount": plan.request.number},
            STOP.name: {"desiredCount": 0},
            ROLL_BACK.name: {"taskDefinition": then.get("to")},
        }
        return await self._sent(
            self._while_fresh(looked, sending), "ecs", "update_service",
            cluster=self.settings.cluster, service=then["service"], **what[name],
        )  # fmt: skip

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look at the service, its deployments, what stopped and its targets."""
        key = f"{subject.key} {plan.action.name} {plan.looked_at.isoformat()} {outcome.result.name}"

        async def look() -> Verdict:
            return await self._verdict(plan, subject, outcome, after, key)

        return await self._paced.verdict(key, after, look)

    def render(self, request: Request) -> str:
        """`aws ecs update-service ...`, one line for each service."""
        return commands.render(request, self.settings)

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line of the AWS command line means here."""
        return commands.recognise(line, self.settings)

    async def rights(self) -> Sequence[Right]:
        """Told by IAM, where it may be asked."""
        return await rights(self._calls, NEEDED)

    async def close(self) -> None:
        """Let go of the account."""
        self._calls.close()

    async def _services(self, names: Sequence[str]) -> list[Service]:
        await self._calls.whose()
        if len(names) == 1:
            return [await one_service(self._calls, self.settings, names[0])]
        found: dict[str, Service] = {}
        for start in range(0, len(names), _TOGETHER):
            answer = await self._calls.read(
                "ecs",
                "describe_services",
                cluster=self.settings.cluster,
                services=list(names[start : start + _TOGETHER]),
            )
            rows = (row for row in parse.rows(answer.get("services")) if row.get("status") != "INACTIVE")
            found |= {one.name: one for row in rows if (one := parse.service(row, 0.0))}
        gone = [name for name in names if name not in found]
        if gone:
            raise ProbeError(Cause.GONE, f"the cluster has no service {SafeText(gone[0], 80)}")
        return [found[name] for name in names]

    async def _sight(self, action: Action, service: Service, word: str) -> Sight:
        bounds: Bounds | None = None
        unknown = ""
        if action in (SCALE, STOP, BOUNDS_OF):
            try:
                found = await bounds_of(self._calls, self.settings.cluster_name, [service.name])
                bounds = found.get(service.name)
            except ProbeError as error:
                if error.cause not in (Cause.DENIED, Cause.MISSING):
                    raise
                unknown = str(error.message)
        revision = to = None
        if action in (RESTART, ROLL_BACK) and service.revision:
            revision = await self._revisions.of(service.revision)
        if action is ROLL_BACK:
            to = await self._revision(word)
        return Sight(service, revision, bounds, unknown, to)

    async def _revision(self, word: str) -> Any:
        try:
            return await self._revisions.afresh(word)
        except Refused as error:
            if error.cause in (Cause.MISSING, Cause.GONE):
                raise ProbeError(
                    Cause.GONE, f"there is no revision {SafeText(word, 80)}", "pick one from the list"
                ) from None
            raise

    async def _service_plan(self, action: Action, request: Request, sights: Sequence[Sight], number: int) -> Plan:
        whose = await self._calls.whose()
        subjects = [plans.service_subject(action, one, number, request.word) for one in sights]
        first = sights[0]
        now = self.context.now()
        found = dict.fromkeys(note for one in sights for note in plans.notes(action, one, number, now))
        reverse, undo = _undo(action, first, request)
        arns = ",".join(sorted(one.service.arn for one in sights))
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=SafeText(f"{whose.place}, cluster {self.settings.cluster_name}", 300),
            pin=(*whose.pin, ("cluster", self.settings.cluster_name), ("services", arns)),
            subjects=tuple(subjects),
            command=tuple(commands.line_of(request, one.service.name, self.settings) for one in sights),
            looked_at=now,
            danger=plans.danger(action, sights, number, request.word),
            undo=SafeText(undo),
            reverse=reverse,
            notes=tuple(SafeText(note, 300) for note in found),
            answers=self.settings.timeout + _MARGIN,
            settles=(plans.DEPLOYED if action in (RESTART, ROLL_BACK) else plans.SCALED) + _LAST_LOOK,
        )

    async def _task_plan(self, request: Request) -> Plan:
        whose = await self._calls.whose()
        found = await described(self._calls, self.settings.cluster, list(request.subjects))
        by_name = {name: one for one in found for name in (one.arn, one.id)}
        gone = [subject for subject in request.subjects if subject not in by_name]
        if gone:
            raise ProbeError(Cause.GONE, f"ECS does not know task {SafeText(bare(gone[0]), 60)} any more")
        tasks = [by_name[subject] for subject in request.subjects]
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=STOP_TASK,
            request=request,
            place=SafeText(f"{whose.place}, cluster {self.settings.cluster_name}", 300),
            pin=(
                *whose.pin,
                ("cluster", self.settings.cluster_name),
                ("tasks", ",".join(sorted(one.arn for one in tasks))),
            ),
            subjects=tuple({one.arn: plans.task_subject(one) for one in tasks}.values()),
            command=tuple(commands.line_of(request, one.arn, self.settings) for one in tasks),
            looked_at=self.context.now(),
            danger=STOP_TASK.danger,
            notes=(SafeText("what it holds in memory is lost as evidence; its log stays"),),
            answers=self.settings.timeout + _MARGIN,
            settles=plans.GRACE + 60.0,
        )

    async def _stop_task(self, arn: str, act: str, sending: Sending) -> Outcome:
        found = await described(self._calls, self.settings.cluster, [arn])
        looked = self.context.monotonic()
        if not found or found[0].over:
            return _changed("the task -> " + ("stopped" if found else "gone"))
        return await self._sent(
            self._while_fresh(looked, sending), "ecs", "stop_task",
            cluster=self.settings.cluster, task=arn, reason=f"opsroom {act}",
        )  # fmt: skip

    def _while_fresh(self, looked: float, sending: Sending) -> Sending:
        """Refuses to send what was looked at too long ago: our own calls may have had to wait for their turn."""

        async def check() -> None:
            if self.context.monotonic() - looked > _FRESH:
                words = "our own calls to this account queue up: it was looked at too long before"
                raise ProbeError(Cause.THROTTLED, f"{words}, nothing was sent", "try again in a moment")
            await sending()

        return check

    async def _sent(self, sending: Sending, service: str, operation: str, /, **parameters: Any) -> Outcome:
        try:
            answer = await send(self._calls, sending, service, operation, **parameters)
        except Refused as error:
            return Outcome(Result.FAILED, SafeText(f"AWS said no: {error.message}", 300), (("code", error.code),))
        facts = [("request", str((answer.get("ResponseMetadata") or {}).get("RequestId", "")))]
        row = answer.get("service")
        if isinstance(row, dict):
            now = parse.service(row, 0.0)
            facts += [("deployment", now.primary.id)] if now.primary and operation == "update_service" else []
            facts += [("desired", str(now.desired))]
        return Outcome(Result.DONE, SafeText("AWS accepted it"), tuple(facts))

    async def _verdict(self, plan: Plan, subject: Subject, outcome: Outcome, after: float, key: str) -> Verdict:
        then, name = dict(subject.identity), plan.action.name
        await self._calls.whose()
        if name == STOP_TASK.name:
            found = await described(self._calls, self.settings.cluster, [then["task"]])
            service = await self._if_there(then["service"]) if then["service"] else None
            return truth.after_stop_task(found[0] if found else None, service, outcome, after)
        service = await self._if_there(then["name"])
        if service is not None and service.arn == then["service"] and _made(service) != then["created"]:
            return Verdict(Truth.REFUTED, SafeText("another service has its name now"))
        if name == BOUNDS_OF.name:
            bounds = await bounds_of(self._calls, self.settings.cluster_name, [then["name"]])
            return truth.after_bounds(subject, bounds.get(then["name"]), plan.request.word, outcome, after)
        stopped = await self._ended(then["name"]) if service is not None else []
        if name in (RESTART.name, ROLL_BACK.name):
            health = await self._health(service)
            return truth.after_deployment(plan, subject, service, stopped, health, outcome, after)
        held = self._held_for(key, service, plan.request.number or 0)
        return truth.after_scale(plan, subject, service, stopped, outcome, after, held)

    def _held_for(self, key: str, service: Service | None, number: int) -> float:
        """For how long the count has been seen to be right."""
        now = self.context.monotonic()
        if service is None or service.running != number or service.desired != number or service.pending:
            self._held.pop(key, None)
            return 0.0
        while len(self._held) > 100:
            del self._held[next(iter(self._held))]
        return now - self._held.setdefault(key, now)

    async def _ended(self, service: str) -> list[Task]:
        """Tasks of a service that ended by themselves, the newest first; none where that can't be told."""
        try:
            await self._tasks.read_stopped([service])
        except ProbeError as error:
            if error.cause not in (Cause.DENIED, Cause.MISSING, Cause.GONE):
                raise
            return []
        return [one for one in self._tasks.stopped if one.by_itself]

    async def _health(self, service: Service | None) -> list[Health]:
        if service is None or not service.groups or service.primary is None or service.primary.rollout != "COMPLETED":
            return []
        return [one for one in await healths(self._calls, service.groups) if isinstance(one, Health)]

    async def _if_there(self, name: str) -> Service | None:
        try:
            return await one_service(self._calls, self.settings, name)
        except ProbeError as error:
            if error.cause is Cause.GONE:
                return None
            raise


def _undo(action: Action, sight: Sight, request: Request) -> tuple[Request | None, str]:
    """What takes it back, as a request and in words."""
    one = sight.service
    if action is SCALE and one.desired:
        return Request(SCALE.name, request.subjects, one.desired), f"scale to {one.desired}"
    if action is STOP:
        return Request(
            SCALE.name, request.subjects, one.desired
        ), f"scale to {one.desired}; what its tasks held is lost"
    if action is BOUNDS_OF and sight.bounds is not None:
        return Request(BOUNDS_OF.name, request.subjects, word=sight.bounds.words), f"bounds {sight.bounds.words}"
    if action is ROLL_BACK:
        return Request(ROLL_BACK.name, request.subjects, word=one.revision), f"roll back to {one.revision}"
    return None, ""


def _refused(action: Action, services: Sequence[Service]) -> str:
    """Why an action can be done to none of these; empty when it can be done to one."""
    reasons = [plans.refusal(action, one) for one in services]
    return "" if "" in reasons else reasons[0]


def _made(service: Service) -> str:
    return dict(plans.identity_of(service))["created"]


def _changed(differs: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {differs}", 300))
