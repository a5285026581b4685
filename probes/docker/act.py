"""Acts on an Engine: once, on the very things that were looked at.

Containers are restarted, stopped and started by the Engine, by their whole id, one request each. What Compose does to
services stands in `act_compose`, the fetching of images in `act_pull`, the removal of leftovers in `act_prune`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from probes.base import (
    Action,
    Actuator,
    Cause,
    Choice,
    CommandLine,
    Context,
    Lane,
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
)
from probes.docker import act_limits, act_pull, commands, plans, rights, truth
from probes.docker.act_compose import LOOK, ON_SERVICES, ComposeActs, refused_now
from probes.docker.act_once import ActingApi
from probes.docker.act_prune import CARE, PRUNE, REMOVE_IMAGE, REMOVE_VOLUME, Housekeeping, is_image
from probes.docker.deploys import DEPLOY, PULL, ROLL_BACK
from probes.docker.engine import DEFAULT_URL, chosen_url, said_by, tls_folder
from probes.docker.facts import Container, DockerFacts, Service
from probes.docker.limits import LIMIT
from probes.docker.plans import RECREATE, RESTART, SCALE, START, STOP, ServiceSight
from probes.docker.settings import DockerSettings
from probes.docker.sight import Scene, Seen, all_seen, meant, scene, seen

ACTIONS: Final = (*plans.ACTIONS, LIMIT, PULL, DEPLOY, ROLL_BACK, *CARE)
_DONE: Final = {RESTART.name: "restarted", STOP.name: "stopped", START.name: "started"}
_IN_SERVICES: Final = (*ON_SERVICES, PULL)
_AT_ONCE: Final = 3
"""Services whose files are read at once, by a program each."""
_CARE: Final = frozenset(action.name for action in CARE)


class DockerActuator(Actuator[DockerFacts]):
    """One Engine, or the Compose project on it that the target is."""

    kind = "docker"
    actions = ACTIONS

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, DockerSettings)
        self.settings = target.settings
        self._tunnel = target.settings.tunnel
        self._open: set[ActingApi] = set()
        self._lane = Lane("docker-files", limit=2)
        self._compose = ComposeActs(target.name, self.kind, self.settings.project, context, self._lane)
        keep = self.settings.keep_volumes
        self._care = Housekeeping(target.name, self.settings.project, keep, context, self._lane)

    def offers(self, facts: DockerFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """Restart, stop and start for all; what Compose does for services; what gives room back for images and all."""
        if all(map(is_image, subjects)):  # the rows of the images' table, or the Engine as a whole
            return [*([Offer(REMOVE_IMAGE)] if subjects else []), Offer(PRUNE), Offer(REMOVE_VOLUME)]
        try:
            things = [meant(subject, facts.services) for subject in subjects]
        except ProbeError:
            return ()
        found = [thing for thing in things if thing is not None]
        if not found or len(found) < len(things):
            return ()
        offers = [Offer(action, _refused(action, found)) for action in (RESTART, STOP, START)]
        offers += [Offer(LIMIT, _refused(LIMIT, found))] if not any(isinstance(one, Service) for one in found) else []
        if self._tunnel is None and all(isinstance(thing, Service) for thing in found):
            offers += [Offer(RECREATE), Offer(DEPLOY), Offer(PULL)]
            offers += [Offer(SCALE), Offer(ROLL_BACK)] if len(found) == 1 else []
        return offers

    async def choices(self, action: str, subjects: Sequence[str]) -> Sequence[Choice]:
        """Images to go back to, sorts of leftovers, or volumes."""
        async with self._engine(LOOK) as api:
            there = await self._scene(api)
            if action in _CARE:
                return await self._care.choices(api, there, action)
            if action != ROLL_BACK.name or len(subjects) != 1:
                return ()
            one = self._service(self._thing(subjects[0], there)).members[0]
            return await self._compose.choices(api, there, str(one.project), str(one.service))

    async def plan(self, request: Request) -> Plan:
        """Look at the Engine, the containers meant and, where Compose is to act, at its files."""
        action = next((one for one in ACTIONS if one.name == request.action), None)
        wide = action in (PRUNE, REMOVE_VOLUME) or (action in (PULL, DEPLOY) and self.settings.project is not None)
        if action is None or not (request.subjects or wide):
            raise ProbeError(Cause.MISSING, f"docker has no act called {SafeText(request.action, 40)} for this")
        if self._tunnel is not None and action in _IN_SERVICES:
            there = self._tunnel.destination
            raise ProbeError(
                Cause.MISSING, f"its Compose files lie on {there}: {action.title} is done there, not from here"
            )
        plan = await self._planned(action, request)
        return replace(plan, command=tuple(map(self._said, plan.command)))

    async def _planned(self, action: Action, request: Request) -> Plan:
        async with self._engine(LOOK + 20.0 * (action in _IN_SERVICES)) as api:
            there = await self._scene(api)
            if action.name in _CARE:
                return await self._care.plan(api, action, request, there)
            things = [self._thing(subject, there) for subject in request.subjects]
            if action is LIMIT:
                return await act_limits.plan(api, request, there, things, self.target.name, self.context)
            if action not in _IN_SERVICES:
                return await self._container_plan(api, action, request, there, things)
            sights = await self._sights(api, there, things or list(_in_order(there)))
            if action is PULL:
                return await act_pull.plan(api, request, there, sights, self.target.name, self.context)
            return await self._compose.plan(api, action, request, there, sights)

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """One POST by whole id, or one run of a program; directly before it the identity is read again."""
        async with self._engine(None) as api:
            if plan.action.name in commands.VERBS:
                return await self._post(api, plan, subject, sending)
            if plan.action.name not in (*_CARE, PULL.name, LIMIT.name):
                return await self._compose.do(api, plan, subject, act, sending)
            async with asyncio.timeout(LOOK):
                there = await self._scene(api)
            if plan.action.name == LIMIT.name:
                return await act_limits.do(api, plan, subject, there, sending)
            if plan.action.name in _CARE:
                return await self._care.do(api, plan, subject, there, sending)
            return await act_pull.do(api, plan, subject, act, sending, there.engine, self.context.state)

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look at the container, all of the service, or the thing that was removed, afresh."""
        async with self._engine(LOOK) as api:
            there = await self._scene(api)
            then, name = dict(subject.identity), plan.action.name
            if there.engine != then["engine"]:
                raise ProbeError(Cause.GONE, f"another Engine answers now: {there.engine}")
            if name in _CARE:
                return await self._care.verify(api, plan, subject, outcome, there, after)
            if name == LIMIT.name:
                return await act_limits.verify(api, plan, subject, there, outcome, after)
            if name == PULL.name:
                return await act_pull.verify(api, subject, outcome, self.context.state, after)
            if name in commands.VERBS:
                now = await _if_there(api, then["container"], there)
                judge = truth.after_stop if name == STOP.name else truth.after_start
                return judge(plan, subject, now, outcome, after)
            return await self._compose.verify(api, plan, subject, outcome, there, after)

    def render(self, request: Request) -> str:
        """`docker restart NAME`, or `docker compose ...` for services."""
        return "\n".join(map(self._said, commands.render(request, self.settings.project).splitlines()))

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line of docker, docker compose or docker-compose means here."""
        if self.settings.ssh is not None:
            return commands.recognise_there(line, self.settings.project, self.settings.ssh)
        url = self.settings.url or os.environ.get("DOCKER_HOST") or DEFAULT_URL
        return commands.recognise(line, self.settings.project, url)

    def _said(self, line: str) -> str:
        """A line with where it is done, so that nobody does it here by copying it."""
        return line if self.settings.ssh is None else f"ssh {self.settings.ssh} {line}"

    async def rights(self) -> Sequence[Right]:
        """Told by reading only: what of the Engine's interface this address lets through."""
        async with self._engine(LOOK) as api:
            return await rights.found(api)

    def abort(self) -> None:
        """Cut every connection and end a Compose that runs."""
        for api in self._open:
            api.cut()

    async def close(self) -> None:
        """Let go of the Engine."""
        self.abort()
        self._lane.close()
        if self._tunnel is not None:
            await self._tunnel.close()

    @asynccontextmanager
    async def _engine(self, within: float | None) -> AsyncIterator[ActingApi]:
        """A connection of its own to the Engine, for at most so many seconds."""
        if self._tunnel is not None:
            url = await self._tunnel.url(await self._tunnel.line())
            api = ActingApi(url, self.settings.timeout, None, self._tunnel.where)
        else:
            certificates = self.settings.tls or tls_folder(os.environ)
            api = ActingApi(chosen_url(self.settings.url, self.context), self.settings.timeout, certificates)
        self._open.add(api)
        try:
            async with asyncio.timeout(within):
                yield api
        except TimeoutError:
            raise ProbeError(Cause.TIMEOUT_READ, f"the Engine at {api.where} gave no answer in time") from None
        finally:
            self._open.discard(api)
            await api.close()

    async def _scene(self, api: ActingApi) -> Scene:
        return await scene(api, self.settings.project, self.context.now())

    def _thing(self, subject: str, there: Scene) -> Service | Container:
        found = meant(subject, there.services)
        if found is None:
            raise ProbeError(Cause.GONE, f"{SafeText(subject, 80)} is not there any more")
        return found

    async def _sights(self, api: ActingApi, there: Scene, things: Sequence[Service | Container]) -> list[ServiceSight]:
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(thing: Service) -> ServiceSight:
            first = thing.members[0]
            async with turns:
                return await self._compose.sight(api, there, thing.name, str(first.project), str(first.service))

        return list(await asyncio.gather(*map(one, map(self._service, things))))

    @staticmethod
    def _service(thing: Service | Container) -> Service:
        """A Compose service; `ProbeError` for anything else."""
        if not isinstance(thing, Service):
            raise ProbeError(Cause.MISSING, f"{thing.name} is no service of Compose: only such have a file")
        return thing

    async def _container_plan(
        self, api: ActingApi, action: Action, request: Request, there: Scene, things: Sequence[Service | Container]
    ) -> Plan:
        subjects: dict[str, Subject] = {}
        looked: dict[str, Seen] = {}
        lines = []
        for thing in things:
            members = thing.containers if isinstance(thing, Service) else (thing,)
            group = await all_seen(api, [one.id for one in members], there.at)
            beside = group if isinstance(thing, Service) else ()
            for one in group:
                subjects.setdefault(one.one.id, plans.container_subject(action, there, one, beside))
                looked[one.one.id] = one
            lines.append(_line(request, thing))
        chosen = [looked[key] for key, subject in subjects.items() if not subject.barred]
        hit = [looked[key] for key, subject in subjects.items() if not subject.spared]
        answers = plans.answers(action, chosen)
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=there.place,
            pin=(("engine", there.engine),),
            subjects=tuple(subjects.values()),
            command=tuple(lines),
            looked_at=self.context.now(),
            danger=plans.container_danger(action, chosen),
            felt=tuple(plans.container_felt(action, there, hit)),
            undo=SafeText({STOP.name: "start", START.name: "stop"}.get(action.name, "")),
            notes=tuple(plans.container_notes(action, chosen)),
            answers=answers,
            settles=plans.settles(chosen, answers),
        )

    async def _post(self, api: ActingApi, plan: Plan, subject: Subject, sending: Sending) -> Outcome:
        then = dict(subject.identity)
        async with asyncio.timeout(LOOK):
            there = await self._scene(api)
            now = await _if_there(api, then["container"], there)
        differs = truth.changed(subject.identity, there, now)
        if differs or now is None:
            return refused_now(differs)
        async with asyncio.timeout(plan.answers):
            status, body = await api.post(then["container"], plan.action.name, sending, plan.answers)
        return await self._answered(api, plan, there, now, status, body)

    async def _answered(
        self, api: ActingApi, plan: Plan, there: Scene, before: Seen, status: int, body: bytes
    ) -> Outcome:
        """What an answer means. One that says no, half-way through a restart, may leave the container stopped."""
        if status == 304:
            return Outcome(Result.DONE, SafeText("it was so already"), (("status", "304"),))
        if status in (200, 204) and not body.strip():
            return Outcome(
                Result.DONE, SafeText(f"the Engine {_DONE[plan.action.name]} it"), (("status", str(status)),)
            )
        from_engine = body.lstrip()[:1] == b"{"
        if status < 300 or (status >= 500 and not from_engine):
            raise ProbeError(Cause.GARBAGE, f"{api.where} answered HTTP {status}, not as an Engine does")
        if status in (401, 403, 405):
            words = f"{api.where} does not allow POST /containers/ID/{plan.action.name}: allow it in the socket proxy"
            return Outcome(Result.FAILED, SafeText(words))
        said = said_by(body) if from_engine else f"HTTP {status}"
        if plan.action.name == RESTART.name and before.is_up:
            now = await _if_there(api, before.one.id, there)
            if now is None or not now.is_up or now.started != before.started:
                return Outcome(Result.PARTIAL, SafeText(f"it was stopped and not started again: {said}"))
        return Outcome(Result.FAILED, SafeText(f"the Engine said no: {said}"))


def _refused(action: Action, things: Sequence[Service | Container]) -> str:
    """Why an action can be done to none of these now; empty when it can be done to one."""
    every = [one for thing in things for one in (thing.members if isinstance(thing, Service) else (thing,))]
    reasons = [plans.refusal(action, one) for one in every]
    return "" if "" in reasons else reasons[0]


def _in_order(there: Scene) -> list[Service]:
    """The services of a Compose project, those that others wait for first."""
    found = [one for one in there.services if one.members[0].project and not all(each.oneoff for each in one.members)]
    keys = {one.name: (str(one.members[0].project), str(one.members[0].service)) for one in found}
    return sorted(found, key=lambda one: (-len(there.needed_by.get(keys[one.name], ())), one.name))


async def _if_there(api: ActingApi, id: str, there: Scene) -> Seen | None:
    try:
        return await seen(api, id, there.at)
    except ProbeError as error:
        if error.cause is Cause.GONE:
            return None
        raise


def _line(request: Request, thing: Service | Container) -> str:
    if isinstance(thing, Service):
        one = thing.members[0]
        return commands.service_line(request, str(one.project), str(one.service))
    return commands.container_line(request.action, str(thing.name))
