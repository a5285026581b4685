"""What Compose does to one service: make its containers new, set their number, deploy an image or go back to one.

Compose's own program is started once and makes its many requests by itself. Before a deploy or a roll-back the image
that runs gets a name it is kept under; for a roll-back the file's own name is given to the earlier image first.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from probes.base import (
    Action,
    Cause,
    Choice,
    Context,
    Danger,
    Lane,
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
    quoted,
)
from probes.docker import deploys, history, plans, truth
from probes.docker.act_once import ActingApi, deploying, recreating, scaling
from probes.docker.compose import Files, complaint, engine_environment, files_of, hash_now, image_there, wanted
from probes.docker.deploys import DEPLOY, KEPT, ROLL_BACK, Way, kept_tag
from probes.docker.engine import said_by
from probes.docker.facts import Image
from probes.docker.images import image, reference, short_id, variables
from probes.docker.plans import RECREATE, SCALE, SEP, ServiceSight
from probes.docker.sight import Scene, Seen, all_seen, lasting, scene
from probes.exec import Ran

LOOK: Final = 20.0
"""Seconds a look may take in all."""
ON_SERVICES: Final = (RECREATE, SCALE, DEPLOY, ROLL_BACK)
_DEPLOYS: Final = (DEPLOY, ROLL_BACK)
_BROKEN_WAY: Final = re.compile(
    rb"error during connect|cannot connect|\bEOF\b|connection re|broken pipe|timeout|deadline|malformed HTTP", re.I
)
"""What Compose complains of when an answer was lost on the way, so that nobody knows what was done."""


class ComposeActs:
    """The acts on services of one target."""

    def __init__(self, target: str, kind: str, project: str | None, context: Context, lane: Lane) -> None:
        self.target = target
        self.kind = kind
        self.project = project
        self.context = context
        self.lane = lane

    async def sight(self, api: ActingApi, there: Scene, name: str, project: str, service: str) -> ServiceSight:
        """A Compose service with its files, checked."""
        replicas = await self.replicas(api, there, project, service)
        if not replicas:
            raise ProbeError(Cause.GONE, f"{name} has no container any more, only tasks beside it")
        files = await self.lane.run(files_of, replicas)
        return ServiceSight(name, there, files, await wanted(files, api), tuple(replicas))

    async def replicas(self, api: ActingApi, there: Scene, project: str, service: str) -> list[Seen]:
        """The containers of a service, freshly inspected."""
        return await all_seen(api, [one.id for one in there.replicas(project, service)], there.at)

    async def choices(self, api: ActingApi, there: Scene, project: str, service: str) -> Sequence[Choice]:
        """The images a service can go back to, the one it ran last first."""
        runs = {seen.image for seen in await self.replicas(api, there, project, service)}
        past = await self.lane.run(history.of, self.context.state, project, service, there.engine)
        found = []
        for one in past:
            ago = lasting(max(0.0, (self.context.now() - _moment(one.until, self.context)).total_seconds()))
            here = bool(await image_there(api, one.image))
            about = f"{one.name}, until {ago} ago ({one.why} by {one.by})" + ("" if here else "; not on this machine")
            if one.image not in runs:
                found.append(Choice(short_id(one.image), SafeText(about, 200)))
        return found

    # plan

    async def plan(
        self, api: ActingApi, action: Action, request: Request, there: Scene, sights: Sequence[ServiceSight]
    ) -> Plan:
        """Say what Compose would be asked to do."""
        if action in _DEPLOYS:
            return await self._deploy_plan(api, action, request, there, sights)
        number = request.number or 0
        if action is SCALE and not 1 <= number <= 100:
            raise ProbeError(Cause.MISSING, "scale takes a number from 1 to 100", "none at all is stop")
        if action is SCALE and len(sights) > 1:
            raise ProbeError(Cause.MISSING, "one service is scaled at a time")
        if action is RECREATE:
            subjects = [plans.recreate_subject(sight) for sight in sights]
        else:
            subjects = [plans.scale_subject(sight, number) for sight in sights]
        every = [one for sight in sights for one in sight.replicas]
        fewer = action is SCALE and number < len(every)
        notes = [note for sight in sights for note in plans.service_notes(action, sight, number)]
        answers = plans.compose_answers(every, max(number, len(every)))
        return self._plan(
            action, request, there, subjects, [quoted(_argv_of(action, sight, number)) for sight in sights], notes,
            answers, plans.settles(every, answers), _undo(action, sights[0]),
            SafeText("this lowers it: containers are removed" if fewer else ""),
            Danger.DISRUPTIVE if fewer else action.danger,
        )  # fmt: skip

    async def _deploy_plan(
        self, api: ActingApi, action: Action, request: Request, there: Scene, sights: Sequence[ServiceSight]
    ) -> Plan:
        now, state = there.at, self.context.state
        subjects, lines, notes = [], [], []
        for sight in sights:
            if action is ROLL_BACK:
                past = await self._past(there.engine, sight, request.word)
                inspected = await image_there(api, past.image)
                way = Way(sight, image(inspected), variables(inspected), now)
                subjects.append(deploys.roll_back_subject(way, past))
                notes += deploys.roll_back_notes(way, past)
            else:
                inspected = await image_there(api, sight.wanted.image) if sight.wanted.image_id else {}
                way = Way(sight, image(inspected), dict(sight.wanted.image_variables), now)
                subjects.append(deploys.deploy_subject(way))
                notes += deploys.deploy_notes(way, state is not None)
            if not subjects[-1].barred:
                lines += [quoted(["docker", "tag", *pair]) for pair in _names(action, way)]
                lines.append(quoted(_argv_of(action, sight, 0)))
        every = [one for sight in sights for one in sight.replicas]
        answers = plans.compose_answers(every, len(every)) + 10.0 * len(sights)
        runs = SEP.join(sorted({short_id(seen.image) for seen in every}))
        undo = f"roll back to {runs}" if state is not None else ""
        return self._plan(
            action, request, there, subjects, lines, notes, answers, plans.settles(every, answers), SafeText(undo)
        )

    async def _past(self, engine: str, sight: ServiceSight, word: str) -> history.Past:
        if self.context.state is None:
            raise ProbeError(Cause.MISSING, "this session has no folder in which earlier images would be remembered")
        files = sight.files
        found = await self.lane.run(history.of, self.context.state, files.project, files.service, engine)
        digits = word.removeprefix("sha256:")
        meant = [one for one in found if len(digits) >= 12 and one.image.removeprefix("sha256:").startswith(digits)]
        if not meant:
            raise ProbeError(
                Cause.MISSING, f"it is not remembered that {sight.named} ran an image {SafeText(digits[:12])}",
                "only images that ran until a deploy from here are offered",
            )  # fmt: skip
        return meant[0]

    def _plan(
        self, action: Action, request: Request, there: Scene, subjects: Sequence[Subject], lines: Sequence[str],
        notes: Sequence[SafeText], answers: float, settles: float, undo: SafeText, felt: SafeText = SafeText(),
        danger: Danger | None = None,
    ) -> Plan:  # fmt: skip
        return Plan(
            target=self.target,
            kind=self.kind,
            action=action,
            request=request,
            place=there.place,
            pin=(("engine", there.engine),),
            subjects=tuple(subjects),
            command=tuple(lines),
            looked_at=self.context.now(),
            danger=danger if danger is not None else action.danger,
            felt=(felt,) if felt else (),
            undo=undo,
            notes=tuple(dict.fromkeys(notes)),
            answers=answers,
            settles=settles,
        )

    # doing it

    async def do(self, api: ActingApi, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Look whether it is still what was planned; remember what runs; then names and one run of Compose."""
        then = dict(subject.identity)
        async with asyncio.timeout(LOOK):
            there = await scene(api, self.project, self.context.now())
            replicas = await self.replicas(api, there, then["project"], then["service"])
            if not replicas:
                differs = truth.service_changed(subject.identity, there, replicas, then["configuration"])
                return refused_now(differs)
            files = await self.lane.run(files_of, replicas)
            hash = await hash_now(files, api) if then["configuration"] else ""
            there = await scene(api, self.project, self.context.now())
            replicas = await self.replicas(api, there, then["project"], then["service"])
            differs = truth.service_changed(subject.identity, there, replicas, hash)
            differs = differs or await self._images_changed(api, then)
        if differs:
            return refused_now(differs)
        argvs = [_argv(plan.action, files, len(replicas), plan.request.number, never) for never in (True, False)]
        argv = next((one for one in argvs if quoted(one) in plan.command), None)
        if argv is None:
            return refused_now("its Compose files -> others")
        facts = await self._remember(api, plan, there, replicas, then, act)
        names = _tags(plan.action, [seen.image for seen in replicas], then)
        told = False

        async def once() -> None:
            nonlocal told
            if not told:
                told = True
                await sending()

        for id, name, tag in names:
            async with asyncio.timeout(LOOK):
                status, body = await api.tag(id, name, tag, once, LOOK)
            if status != 201:
                words = f"the Engine did not name the image {name}:{tag}: {said_by(body)}; no container was touched"
                return Outcome(Result.FAILED if name == KEPT else Result.PARTIAL, SafeText(words, 300))
        environment = engine_environment(api.endpoint, api.certificates)
        try:
            ran = await api.up(argv, environment, once, plan.answers)
        except ProbeError as error:
            if error.cause in (Cause.MISSING, Cause.LOCAL_PERM):
                return Outcome(Result.PARTIAL if names else Result.FAILED, error.message)
            raise
        if ran.code == 0:
            return Outcome(Result.DONE, SafeText("Compose says that it is done"), (("exit code", "0"), *facts))
        return await self._complained(api, plan, subject, ran, named=plan.action is ROLL_BACK)

    @staticmethod
    async def _images_changed(api: ActingApi, then: dict[str, str]) -> str:
        """What differs from the images that were planned; empty when nothing does."""
        if "name" not in then:
            return ""
        means = str((await image_there(api, then["name"])).get("Id", ""))
        if means != then["means"]:
            return f"{then['name']} {_short(then['means'])} -> {_short(means)}"
        if then["image"] != means and not await image_there(api, then["image"]):
            return f"image {_short(then['image'])} -> gone"
        return ""

    async def _remember(
        self, api: ActingApi, plan: Plan, there: Scene, replicas: Sequence[Seen], then: dict[str, str], act: str
    ) -> tuple[tuple[str, str], ...]:
        """Write down which images run now; they are given back for the audit. Raises `ProbeError`."""
        runs = sorted({seen.image for seen in replicas})
        if plan.action not in (*_DEPLOYS, RECREATE):
            return ()
        images: dict[str, Image] = {}
        async with asyncio.timeout(LOOK):
            for id in runs:
                if (found := image(await image_there(api, id))) is not None:
                    images[id] = found
        state, project, service = self.context.state, then["project"], then["service"]
        if state is not None:
            who, why = self.context.operator, plan.action.name
            ran = deploys.pasts(replicas, images, self.context.now(), act, who, why)
            await self.lane.run(history.note, state, there.engine, project, service, ran)
        return (("ran before", SEP.join(runs)), *((("image", then["image"]),) if "image" in then else ()))

    async def _complained(self, api: ActingApi, plan: Plan, subject: Subject, ran: Ran, named: bool) -> Outcome:
        """Compose gave up: nothing was done, a part was, or its way to the Engine broke and nobody knows."""
        said, then = complaint(ran), dict(subject.identity)
        async with asyncio.timeout(LOOK):
            there = await scene(api, self.project, self.context.now())
            replicas = await self.replicas(api, there, then["project"], then["service"])
        differs = truth.service_changed(subject.identity, there, replicas, then["configuration"])
        if differs:
            return Outcome(Result.PARTIAL, SafeText(f"Compose stopped half-way ({differs}): {said}", 300))
        if ran.code < 0 or _BROKEN_WAY.search(ran.err):
            return Outcome(Result.UNKNOWN, SafeText(f"Compose lost its way to the Engine: {said}", 300))
        if named:
            words = f"{then['name']} means the earlier image now, but Compose did not make the containers new: {said}"
            return Outcome(Result.PARTIAL, SafeText(words, 300))
        return Outcome(Result.FAILED, SafeText(f"Compose did not do it: {said}", 300))

    # looking whether it is true

    async def verify(
        self, api: ActingApi, plan: Plan, subject: Subject, outcome: Outcome, there: Scene, after: float
    ) -> Verdict:
        """Look at all of the service afresh, and at the images."""
        then = dict(subject.identity)
        replicas = await self.replicas(api, there, then["project"], then["service"])
        if plan.action.name == SCALE.name:
            return truth.after_scale(plan, subject, there, replicas, outcome, after)
        verdict = truth.after_recreate(plan, subject, there, replicas, outcome, after)
        if "image" not in then or verdict.truth is not Truth.CONFIRMED:
            return verdict
        others = sorted({_short(seen.image) for seen in replicas if seen.image != then["image"]})
        if others:
            words = f"its containers run image {SEP.join(others)}, not {_short(then['image'])}"
            return Verdict(Truth.REFUTED, SafeText(words))
        words = f"image {_short(then['image'])}: {verdict.words}"
        old = [id for id in dict(outcome.facts).get("ran before", "").split(SEP) if id and id != then["image"]]
        gone = [id for id in old if not await image_there(api, id)]
        if old:
            words += f"; {SEP.join(map(_short, old))} is {'gone: no way back' if gone else 'kept'}"
        return Verdict(Truth.CONFIRMED, SafeText(words, 300))


def refused_now(differs: str) -> Outcome:
    """It is not what was looked at any more."""
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {differs}", 300))


def _names(action: Action, way: Way) -> list[tuple[str, str]]:
    """(image, name) for each name that is given before Compose runs, as a person types it."""
    then = dict(way.sight.identity) | {"name": way.name, "image": way.to.id if way.to is not None else ""}
    return [(short_id(id), f"{name}:{tag}") for id, name, tag in _tags(action, way.runs, then)]


def _tags(action: Action, runs: Sequence[str], then: dict[str, str]) -> list[tuple[str, str, str]]:
    """(image, repository, tag) for each name that is given before Compose runs."""
    if action.name not in (DEPLOY.name, ROLL_BACK.name):
        return []
    project, service = then["project"], then["service"]
    kept = [(id, KEPT, kept_tag(project, service, id)) for id in sorted(set(runs)) if id != then["image"]]
    name = reference(then["name"]) if action.name == ROLL_BACK.name else None
    return [*kept, *([(then["image"], name.name, name.tag)] if name is not None else [])]


def _argv_of(action: Action, sight: ServiceSight, number: int) -> list[str]:
    return _argv(action, sight.files, len(sight.replicas), number, sight.wanted.never_pulls)


def _argv(action: Action, files: Files, now: int, number: int | None, never_pulls: bool) -> list[str]:
    if action.name == RECREATE.name:
        return recreating(files, now, never_pulls)
    if action.name == SCALE.name:
        return scaling(files, number or 0, never_pulls)
    return deploying(files, now, never_pulls)


def _undo(action: Action, sight: ServiceSight) -> SafeText:
    if action is SCALE:
        return SafeText(f"scale {sight.files.service} to {len(sight.replicas)}")
    if not sight.differs:
        return SafeText("not needed: its configuration stays the same")
    return SafeText("put the old values back into its file and recreate it again")


def _short(id: str) -> str:
    return short_id(id) if id.startswith("sha256:") else id or "nothing"


def _moment(text: str, context: Context) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return context.now()
