"""Acts on a cluster: each act is one request that the server itself refuses when the object has changed.

Workloads and autoscalers are changed with the resourceVersion that was read directly before, pods are ended by their
uid (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions), so there is no moment in which
another object could be hit.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from probes.base import (
    Action,
    Actuator,
    Cause,
    Choice,
    CommandLine,
    Context,
    Danger,
    Identity,
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
    Verdict,
    lasted,
)
from probes.kubernetes import act_rights, commands, plans, truth
from probes.kubernetes.act_once import MERGE, STRATEGIC, ActingApi
from probes.kubernetes.commands import FOREVER, MINIMUM
from probes.kubernetes.complaints import Asked, status_of
from probes.kubernetes.discovery import discover
from probes.kubernetes.facts import KubernetesFacts, Pod, Workload
from probes.kubernetes.parse import raw, rows, table
from probes.kubernetes.plans import ACTIONS, DELETE, EVICT, IMAGE, RESTART, SCALE, STOP, UNDO
from probes.kubernetes.pods import pod
from probes.kubernetes.rollouts import Revision, revisions
from probes.kubernetes.settings import EVERYWHERE, KubernetesSettings, namespaces_of
from probes.kubernetes.sight import Named, Seen, Sight, controller_of, named
from probes.kubernetes.workloads import CAUSE, RESTARTED

ACT: Final = "opsroom/action-id"
"""The annotation of a pod template that names the act behind its rollout."""
_LOOK: Final = 20.0
"""Seconds a look may take in all."""
_HASH: Final = "pod-template-hash"
"""The label that a ReplicaSet adds to its template; it is no part of what was asked for."""
_ROLLOUT: Final = 15 * 60.0
"""Seconds a rollout may take at most before it is given up on; its own deadline is 10 min unless it says otherwise."""
_GRACE: Final = 30.0
_SELDOM: Final = 5.0
"""Seconds between two looks at an act at most."""
_MANY: Final = 50
"""Acts whose last look is remembered."""


@dataclass(frozen=True, slots=True)
class _Change:
    """One request, ready to be sent."""

    method: str
    path: str
    body: Any
    sort: str
    asked: Asked


class KubernetesActuator(Actuator[KubernetesFacts]):
    """One cluster, or the namespaces of it that the target is."""

    kind = "kubernetes"
    actions = ACTIONS

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, KubernetesSettings)
        self.settings = target.settings
        self._open: set[ActingApi] = set()
        self._looked: dict[tuple[Identity, Outcome], tuple[float, Verdict]] = {}
        """What the last look at an act said, and how long after it that was."""

    # what could be done

    def offers(self, facts: KubernetesFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """By the sort of the rows: all of one sort, and all still there."""
        workloads = [facts.workload(row) for row in subjects]
        pods = [facts.pod(row) for row in subjects]
        scalers = [next((one for one in facts.autoscalers if one.key == row), None) for row in subjects]
        if subjects and all(workloads):
            return self._workload_offers(facts, [one for one in workloads if one is not None])
        if subjects and all(pods):
            leaving = any(one is not None and one.deleted is not None for one in pods)
            return [Offer(action, "it is on its way out already" if leaving else "") for action in plans.ON_PODS]
        if len(subjects) == 1 and all(scalers):
            return [Offer(plans.MINIMUM)]
        return ()

    def _workload_offers(self, facts: KubernetesFacts, found: Sequence[Workload]) -> list[Offer]:
        offers = []
        for action in plans.ON_WORKLOADS:
            if len(found) > 1 and not action.many:
                continue
            reasons = (plans.able(action, one, facts.scaler(one.key)) for one in found)
            offers.append(Offer(action, next((reason for reason in reasons if reason), "")))
        if len(found) == 1 and facts.scaler(found[0].key) is not None:
            offers.append(Offer(plans.MINIMUM))
        return offers

    async def choices(self, action: str, subjects: Sequence[str]) -> Sequence[Choice]:
        """Earlier revisions to roll back to, images that ran before, times a minimum may hold."""
        if action == plans.MINIMUM.name:
            times = ("30m", "60m", "240m", "720m")
            return [*(Choice(one, SafeText(f"then back, {lasted(int(one[:-1]) * 60)}")) for one in times), _FOR_GOOD]
        if action not in (UNDO.name, IMAGE.name) or len(subjects) != 1:
            return ()
        async with self._sight() as sight:
            seen = await sight.workload(named(subjects[0]))
            found = await revisions(sight.api, sight.served, seen.one)
            if action == UNDO.name:
                return [Choice(str(one.number), self._told(one)) for one in found if not one.current]
            return await self._images(sight, seen, found)

    def _told(self, one: Revision) -> SafeText:
        age = lasted((self.context.now() - one.created).total_seconds()) if one.created is not None else "?"
        images = ", ".join(map(str, one.images))
        return SafeText(f"{images}, made {age} ago{f': {one.cause}' if one.cause else ''}", 200)

    async def _images(self, sight: Sight, seen: Seen, found: Sequence[Revision]) -> list[Choice]:
        """Images of earlier revisions, container by container."""
        there = rows(table(seen.template.get("spec")).get("containers"))
        now = {raw(one.get("name"), 100): raw(one.get("image"), 500) for one in there}
        known: dict[str, Choice] = {}
        for one in found:
            for container, image in zip(one.containers, map(str, one.images), strict=True):
                word = f"{container}={image}"
                if now.get(container, image) != image and not plans.is_moving(image):
                    known.setdefault(word, Choice(word, SafeText(f"of revision {one.number}")))
        return list(known.values())

    # the plan

    async def plan(self, request: Request) -> Plan:
        """Look at each object afresh and say what would be done to it."""
        action = next((one for one in ACTIONS if one.name == request.action), None)
        if action is None or not request.subjects:
            raise ProbeError(Cause.MISSING, f"kubernetes has no act called {SafeText(request.action, 40)} for this")
        things = [named(row) for row in request.subjects]
        async with self._sight() as sight:
            self._within(sight, things)
            if action in plans.ON_PODS:
                return await self._pod_plan(sight, action, request, things)
            if action is plans.MINIMUM:
                return await self._minimum_plan(sight, request, things[0])
            return await self._workload_plan(sight, action, request, things)

    async def _workload_plan(self, sight: Sight, action: Action, request: Request, things: Sequence[Named]) -> Plan:
        if any(one.kind in ("pod", "hpa") for one in things):
            raise ProbeError(Cause.MISSING, f"{action.title} is for deployments, stateful sets and daemon sets")
        subjects, notes, danger, undo = [], list[str](), action.danger, list[str]()
        for one in things:
            seen = await sight.workload(one)
            plans.checked(action, seen.one, seen.scaler)
            after, felt = await self._meaning(sight, action, request, seen)
            subjects.append(plans.workload_subject(action, sight.api.place.identity, seen, after, felt))
            if action is SCALE and (request.number or 0) < seen.one.desired:
                danger = Danger.DISRUPTIVE
            if action is STOP and seen.scaler is not None:
                notes.append(f"autoscaler {seen.scaler.name} rests while it is at 0 and goes on when it is scaled up")
            if back := _undo(action, seen):
                undo.append(f"{seen.one.name}: {back}" if len(things) > 1 else back)
            if action in (SCALE, STOP) and seen.scaler_unseen:
                notes.append("whether an autoscaler sets its number may not be read: one would set it back")
        if action is UNDO:
            notes.append("ConfigMaps, Secrets and databases do not go back with it")
        if action is RESTART and len(things) > 1:
            notes.append("one after the other: each must be through before the next begins")
        settles = 120.0 if action in (SCALE, STOP) else _ROLLOUT
        return self._plan(sight, action, request, subjects, danger, "; ".join(undo), notes, settles)

    async def _meaning(self, sight: Sight, action: Action, request: Request, seen: Seen) -> tuple[str, list[str]]:
        """(how it will be, who feels it)."""
        one = seen.one
        if action is RESTART:
            felt = plans.rollout_felt(action, seen, one.images)
            return f"{one.desired - seen.kept} new pods of the same template", felt
        if action is SCALE:
            number = request.number or 0
            if number == one.desired:
                raise ProbeError(Cause.MISSING, f"{one.name} has {_pods(number)} already")
            fewer = one.desired - number
            return _pods(number), [f"{fewer} fewer than now: they end"] if fewer > 0 else []
        if action is STOP:
            return "no pod", [f"all {one.desired} pods end; nothing of it answers any more"]
        if action is UNDO:
            goal = await self._revision(sight, seen, request.word)
            felt = plans.rollout_felt(action, seen, goal.images)
            return f"revision {goal.number}: {', '.join(map(str, goal.images))}", felt
        felt = plans.rollout_felt(action, seen, plans.images_after(seen, request.word))
        return plans.image_change(seen, request.word), felt

    async def _revision(self, sight: Sight, seen: Seen, word: str) -> Revision:
        found = await revisions(sight.api, sight.served, seen.one)
        goal = next((one for one in found if str(one.number) == word), None)
        if goal is None:
            raise ProbeError(Cause.GONE, f"revision {SafeText(word, 20)} of {seen.one.name} is not kept any more")
        if goal.current:
            raise ProbeError(Cause.MISSING, f"{seen.one.name} runs revision {word} already")
        return goal

    async def _minimum_plan(self, sight: Sight, request: Request, thing: Named) -> Plan:
        scaler, _, _ = await sight.scaler(thing)
        number, word = request.number or 0, request.word or FOREVER
        subject = plans.minimum_subject(sight.api.place.identity, scaler, number, word)
        due = None if word == FOREVER else self.context.now() + timedelta(minutes=int(word[:-1]))
        request = replace(request, subjects=(scaler.key,))  # by whichever row it was found
        reverse = Request(request.action, request.subjects, scaler.least, FOREVER) if due is not None else None
        danger = Danger.DISRUPTIVE if number < scaler.least else Danger.REVERSIBLE
        plan = self._plan(
            sight, plans.MINIMUM, request, [subject], danger, f"set the minimum to {scaler.least} again", [], 180.0
        )
        return replace(plan, due=due, reverse=reverse)

    async def _pod_plan(self, sight: Sight, action: Action, request: Request, things: Sequence[Named]) -> Plan:
        subjects, found, controllers = [], list[Pod](), list[str]()
        for one in things:
            if one.kind != "pod":
                raise ProbeError(Cause.MISSING, f"{action.title} is for pods")
            there, item = await sight.pod(one)
            if there.owner.startswith("node/"):
                raise ProbeError(Cause.MISSING, f"{there.name} is a static pod: its node starts it again by itself")
            try:
                budgets = await sight.budgets(item, one.namespace)
            except ProbeError as error:
                if error.cause is not Cause.DENIED:
                    raise
                budgets = None
            controller = controller_of(item)
            at = self.context.now()
            subject = plans.pod_subject(action, sight.api.place.identity, there, controller, budgets, at)
            subjects.append(replace(subject, identity=(*subject.identity, ("owner", there.owner))))
            found.append(there)
            controllers.append(controller)
        notes = ["its log and its events go with it: look at them first (l, Enter)"]
        danger = max(action.danger, plans.pod_danger(found, controllers))
        if danger is Danger.DESTRUCTIVE:
            notes.append("nothing makes another one in its place")
        return self._plan(sight, action, request, subjects, danger, "", notes, 300.0)

    def _plan(
        self,
        sight: Sight,
        action: Action,
        request: Request,
        subjects: Sequence[Subject],
        danger: Danger,
        undo: str,
        notes: Sequence[str],
        settles: float,
    ) -> Plan:
        place = sight.api.place
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=SafeText(f"context {place.context} at {place.where}", 200),
            pin=(("cluster", place.identity),),
            subjects=tuple(subjects),
            command=tuple(commands.render(request, replace(self._here(), policy=_policy(sight))).splitlines()),
            looked_at=self.context.now(),
            danger=danger,
            undo=SafeText(undo),
            notes=tuple(SafeText(note, 300) for note in dict.fromkeys(notes)),
            answers=self.settings.timeout + _GRACE * (action in plans.ON_PODS),
            settles=settles,
        )

    # doing it

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """One request, refused by the server itself when the object is not the planned one any more."""
        then = dict(subject.identity)
        async with self._sight(within=None) as sight:
            if sight.api.place.identity != then["cluster"]:
                return Outcome(Result.REFUSED, SafeText("this context leads to another cluster now"))
            try:
                change = await self._change(sight, plan, named(then["row"]), then, act)
            except ProbeError as error:
                if error.cause is Cause.GONE:
                    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {error.message}"))
                raise
            if change is None:
                return Outcome(Result.REFUSED, SafeText("changed since you looked: nothing was done"))
            status, answer, refused = await sight.api.send(
                change.method, change.path, change.body, change.sort, change.asked, sending, plan.answers
            )
        return _outcome(plan.action, status, answer, refused)

    async def _change(self, sight: Sight, plan: Plan, one: Named, then: Mapping[str, str], act: str) -> _Change | None:
        """The request for one object; None when it is not the planned one any more."""
        if plan.action in plans.ON_PODS:
            return self._ending(sight, plan.action, one, then["uid"])
        if plan.action is plans.MINIMUM:
            return await self._bound(sight, plan, one, then)
        seen = await sight.workload(one)
        now = dict(plans.identity(then["cluster"], seen))
        if any(now[name] != value for name, value in then.items()):
            return None
        body, sort = await self._body(sight, plan, seen, act)
        part = "scale" if plan.action in (SCALE, STOP) else ""
        asked = Asked("patch", f"{seen.resource.name}{'/scale' if part else ''}", one.namespace, one.name)
        return _Change("PATCH", seen.resource.path(one.namespace, one.name, part), body, sort, asked)

    async def _body(self, sight: Sight, plan: Plan, seen: Seen, act: str) -> tuple[Any, str]:
        """(what is sent, its content type), with the version that must still stand."""
        held = {"metadata": {"uid": seen.one.uid, "resourceVersion": seen.one.version}}
        word = plan.request.word
        match plan.action.name:
            case "scale" | "stop":
                number = plan.request.number if plan.action is SCALE else 0
                return {"metadata": {"resourceVersion": seen.one.version}, "spec": {"replicas": number}}, MERGE
            case "restart":
                stamp = self.context.now().isoformat(timespec="seconds")
                notes = {"metadata": {"annotations": {RESTARTED: stamp, ACT: act}}}
                return held | {"spec": {"template": notes}}, MERGE
            case "image":
                images = [{"name": name, "image": image} for name, image in plans.images_of(word).items()]
                return held | {"spec": {"template": {"spec": {"containers": images}}}}, STRATEGIC
        goal = await self._revision(sight, seen, word)
        return await self._earlier(sight, seen, goal, held)

    async def _earlier(self, sight: Sight, seen: Seen, goal: Revision, held: dict[str, Any]) -> tuple[Any, str]:
        """The template of an earlier revision, as `kubectl rollout undo` puts it back."""
        deployment = seen.one.kind == "deployment"
        resource = sight.resource("replicasets" if deployment else "controllerrevisions")
        namespace = str(seen.one.namespace)
        asked = Asked("get", resource.name, namespace, goal.name)
        item = table(await sight.api.get(resource.path(namespace, goal.name), asked))
        meta = table(item.get("metadata"))
        if raw(meta.get("uid"), 64) != goal.uid:
            raise ProbeError(Cause.GONE, f"revision {goal.number} was made anew meanwhile")
        if not deployment:
            return dict(table(item.get("data"))) | held, STRATEGIC
        template = json.loads(json.dumps(table(table(item.get("spec")).get("template"))))
        template.get("metadata", {}).get("labels", {}).pop(_HASH, None)
        why = (
            raw(table(meta.get("annotations")).get(CAUSE), 4000) or None
        )  # else the old template gets the newest cause
        change = {"metadata": held["metadata"] | {"annotations": {CAUSE: why}}}
        return change | {"spec": {"template": template | {"$patch": "replace"}}}, STRATEGIC

    async def _bound(self, sight: Sight, plan: Plan, one: Named, then: Mapping[str, str]) -> _Change | None:
        scaler, _, resource = await sight.scaler(one)
        if (scaler.uid, str(scaler.least), str(scaler.most)) != (then["uid"], then["minimum"], then["most"]):
            return None
        word = plan.request.word
        body = {
            "metadata": {
                "uid": scaler.uid,
                "resourceVersion": scaler.version,
                "annotations": {MINIMUM: None if word in ("", FOREVER) else word},
            },
            "spec": {"minReplicas": plan.request.number},
        }
        asked = Asked("patch", resource.name, one.namespace, one.name)
        return _Change("PATCH", resource.path(one.namespace, one.name), body, MERGE, asked)

    @staticmethod
    def _ending(sight: Sight, action: Action, one: Named, uid: str) -> _Change:
        """An eviction or a deletion of the pod with this uid and no other."""
        path = sight.resource("pods").path(one.namespace, one.name)
        held = {"preconditions": {"uid": uid}}
        if action is DELETE:
            body = {"kind": "DeleteOptions", "apiVersion": "v1"} | held
            return _Change("DELETE", path, body, "application/json", Asked("delete", "pods", one.namespace, one.name))
        eviction = {
            "apiVersion": _policy(sight),
            "kind": "Eviction",
            "metadata": {"name": one.name, "namespace": one.namespace},
            "deleteOptions": held,
        }
        asked = Asked("create", "pods/eviction", one.namespace, one.name)
        return _Change("POST", f"{path}/eviction", eviction, "application/json", asked)

    # whether it is true

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look at the object afresh, ever more seldom: each look is a login and lists of its own."""
        which = (subject.identity, outcome)
        known = self._looked.get(which)
        if known is None or not 0 <= after - known[0] < min(_SELDOM, after / 10):
            known = after, await self._verdict(plan, subject, outcome, after)
            self._looked = {**dict(list(self._looked.items())[-_MANY:]), which: known}
        return known[1]

    async def _verdict(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        then = dict(subject.identity)
        one = named(then["row"])
        async with self._sight() as sight:
            if sight.api.place.identity != then["cluster"]:
                raise ProbeError(Cause.GONE, "this context leads to another cluster now")
            if plan.action in plans.ON_PODS:
                return await self._ended(sight, one, then)
            if plan.action is plans.MINIMUM:
                scaler, _, _ = await sight.scaler(one)
                return truth.after_minimum(scaler, then, plan.request.number or 0, after)
            seen = await sight.workload(one)
            worst = await self._not_ready(sight, seen.one)
            if plan.action in (SCALE, STOP):
                number = (plan.request.number or 0) if plan.action is SCALE else 0
                return truth.after_scale(seen.one, then, number, worst, after)
            return truth.after_rollout(seen, then, outcome, worst, after)

    async def _ended(self, sight: Sight, one: Named, then: Mapping[str, str]) -> Verdict:
        now = await sight.if_pod(one)
        owner = then.get("owner", "")
        wanted, siblings = None, list[Pod]()
        if then["controller"] and owner.split("/")[0] in ("deployment", "statefulset", "daemonset"):
            wanted = (await sight.workload(named(owner))).one.desired
            siblings = await sight.siblings(one.namespace, then["controller"])
        return truth.after_end(now, then, siblings, wanted)

    async def _not_ready(self, sight: Sight, one: Workload) -> list[Pod]:
        """A few of its pods that say why they are not ready."""
        if not one.selector or (one.ready >= one.desired and not one.rolling):
            return []
        found = await sight.api.listed(sight.resource("pods"), pod, str(one.namespace), {"labelSelector": one.selector})
        return [one for one in found.items if not one.is_ready and one.why and one.deleted is None][:3]

    # the dialect, the rights, the end

    def render(self, request: Request) -> str:
        """kubectl's line, with its namespace."""
        return commands.render(request, self._here())

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line of kubectl means here."""
        return commands.recognise(line, self._here())

    def _here(self) -> commands.Here:
        several = len(self.settings.namespaces) != 1 or EVERYWHERE in self.settings.namespaces
        namespace = "" if several else self.settings.namespaces[0]
        return commands.Here(self.settings.context, self.settings.kubeconfig, namespace)

    async def rights(self) -> Sequence[Right]:
        """What the API server says that we may, asked by SelfSubjectAccessReview, which changes nothing."""
        async with self._sight() as sight:
            return await act_rights.found(sight.api, namespaces_of(self.settings, sight.api.place))

    def abort(self) -> None:
        """Cut every connection."""
        for api in self._open:
            api.cut()

    async def close(self) -> None:
        """Let go of the cluster."""
        self.abort()

    @asynccontextmanager
    async def _sight(self, within: float | None = _LOOK) -> AsyncIterator[_ActingSight]:
        """A connection of its own to the cluster, for at most so many seconds."""
        api = ActingApi(self.settings, self.context, f"{self.target.name}-act")
        self._open.add(api)
        try:
            async with asyncio.timeout(within):
                await api.locate()
                yield _ActingSight(api, await discover(api))
        except TimeoutError:
            raise ProbeError(Cause.TIMEOUT_READ, "the API server gave no answer in time") from None
        finally:
            self._open.discard(api)
            await api.close()

    def _within(self, sight: Sight, things: Sequence[Named]) -> None:
        """Nothing is done outside the namespaces of the target."""
        ours = namespaces_of(self.settings, sight.api.place)
        for one in things:
            if ours != ("",) and one.namespace not in ours:
                raise ProbeError(Cause.MISSING, f"namespace {SafeText(one.namespace, 63)} is not of this target")


class _ActingSight(Sight):
    """A sight through which something can be asked for, too."""

    def __init__(self, api: ActingApi, served: Mapping[str, Any]) -> None:
        super().__init__(api, served)
        self.api: ActingApi = api


_TWO: Final = "more than one PodDisruptionBudget"
"""What the API server says of a pod that it never evicts."""
_FOR_GOOD: Final = Choice(FOREVER, SafeText("nobody takes it back by itself"))


def _pods(number: int) -> str:
    return "1 pod" if number == 1 else f"{number} pods"


def _policy(sight: Sight) -> str:
    """The version of the API that takes evictions there."""
    budgets = sight.served.get("poddisruptionbudgets")
    return f"policy/{budgets.version if budgets is not None else 'v1'}"


def _undo(action: Action, seen: Seen) -> str:
    """How an act on a workload is taken back."""
    if action in (SCALE, STOP):
        return f"scale to {seen.one.desired} again"
    if action in (UNDO, IMAGE):
        return f"roll back to revision {seen.one.revision}" if seen.one.revision else "roll back"
    return ""


def _outcome(action: Action, status: int, answer: bytes, refused: ProbeError | None) -> Outcome:
    """What the server's answer means. What may have been done although it failed raises: nobody knows then."""
    if refused is None:
        if not status_of(answer):
            raise ProbeError(Cause.GARBAGE, "what came is no answer of an API server: a proxy may have given it")
        meta = table(status_of(answer).get("metadata"))
        generation = meta.get("generation")
        rolled = action in (RESTART, UNDO, IMAGE) and isinstance(generation, int)
        facts = (("generation", str(generation)),) if rolled else ()
        return Outcome(Result.DONE, SafeText("accepted"), facts)
    said = SafeText(raw(status_of(answer).get("message"), 1000), 200)
    if status in (404, 409, 410):
        return Outcome(Result.REFUSED, SafeText(f"changed since you looked, nothing was done: {said}", 300))
    causes = rows(table(status_of(answer).get("details")).get("causes"))
    why = next((raw(one.get("message"), 300) for one in causes if one.get("reason") == "DisruptionBudget"), None)
    if status == 429 and action is EVICT and why is not None:  # without that cause it is the server that is too busy
        return Outcome(Result.FAILED, SafeText(f"a disruption budget forbids it now: {why or said}", 300))
    if status == 500 and action is EVICT and _TWO in str(said):
        return Outcome(Result.FAILED, SafeText("two disruption budgets protect it: Kubernetes evicts no such pod"))
    if status >= 500:
        raise refused
    return Outcome(Result.FAILED, refused.message if status in (401, 403, 429) else SafeText(f"refused: {said}", 300))
