"""Removes what nobody uses: exactly the things that were listed, by id, one request each. Volumes are never among them;
one volume at a time is removed by an act of its own, and one that the profile protects never.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
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
    Word,
)
from probes.docker import commands_care, history, leftovers
from probes.docker.act_once import REMOVABLE, ActingApi
from probes.docker.engine import said_by
from probes.docker.leftovers import MOST, WORDS, Leftover, bounded
from probes.docker.parse import IMAGE_ID, items, table, whole
from probes.docker.sheets import size
from probes.docker.sight import Scene

PRUNE: Final = Action(
    "prune", "prune the Engine", Danger.DESTRUCTIVE, many=False, whole=True,
    word=Word("sort", r"[a-z-]{3,40}", listed=True),
    what="Removes what no container uses, one listed thing after the other; never a volume, never what can be "
    "rolled back to.",
    noun="leftover",
)  # fmt: skip
REMOVE_IMAGE: Final = Action(
    "remove-image",
    "remove image",
    Danger.DESTRUCTIVE,
    what="Removes an image that no container has, by its id.",
    noun="image",
)
REMOVE_VOLUME: Final = Action(
    "remove-volume", "remove a volume", Danger.DESTRUCTIVE, many=False, grave=True, whole=True,
    word=Word("volume", r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}", listed=True),
    what="Removes one volume that no container has, with all its data, unless the profile protects it.",
)  # fmt: skip
CARE: Final = (PRUNE, REMOVE_IMAGE, REMOVE_VOLUME)
_SORTS: Final = {
    "images": "images no name is left to",
    "all-images": "images no container has, also those with a name",
    "containers": "containers that have ended",
    "networks": "networks no container has",
    "build-cache": "what builds have kept",
    "everything": "all of these, images only without a name",
    "everything-and-all-images": "all of these, images with a name too",
}
"""What each sort of a prune takes, for who picks one."""
_ANSWERS: Final = 60.0
"""Seconds a removal may take: a great image has many files."""


class Housekeeping:
    """The acts that give room back."""

    def __init__(
        self, target: str, project: str | None, protected: Sequence[str], context: Context, lane: Lane
    ) -> None:
        self.target = target
        self.project = project
        self.protected = protected
        self.context = context
        self.lane = lane

    async def choices(self, api: ActingApi, there: Scene, action: str) -> Sequence[Choice]:
        """What can be pruned, with counts and sizes; or the volumes nobody uses."""
        use = await leftovers.used(api, there.at)
        if action == REMOVE_VOLUME.name:
            found = await leftovers.volumes(api, self.protected, use)
            return tuple(Choice(one.id, SafeText(one.spared or one.about, 200)) for one in found)
        every = await self._unused(api, there, "everything-and-all-images", use)
        choices = []
        for word, sorts in WORDS.items():
            taken = [one for one in every.things if one.what in sorts and not one.spared and _meant(one, word)]
            total = sum(one.bytes or 0.0 for one in taken)
            much = f"{_things(len(taken))}, {size(total)} at most" if taken else "nothing to remove"
            choices.append(Choice(word, SafeText(f"{much}: {_SORTS[word]}")))
        return choices

    async def plan(self, api: ActingApi, action: Action, request: Request, there: Scene) -> Plan:
        """List what would be removed."""
        use = await leftovers.used(api, there.at)
        things, notes = await self._things(api, action, request, there, use)
        listed, more = bounded(things)
        if not listed:
            raise ProbeError(Cause.GONE, _nothing(action, request.word))
        taken = [one for one in listed if not one.spared]
        notes += [f"{more} more are there than one act lists ({MOST}): prune again afterwards"] if more else []
        total = sum(one.bytes or 0.0 for one in taken)
        felt = [f"{_things(len(taken))} removed for good"] if taken else []
        felt += [f"{size(total)} at most: images share layers"] if total else []
        return Plan(
            target=self.target,
            kind="docker",
            action=action,
            request=request,
            place=there.place,
            pin=(("engine", there.engine),),
            subjects=tuple(one.subject(there.engine, action is PRUNE) for one in listed),
            command=tuple(commands_care.removal_line(one.what, one.id) for one in taken),
            looked_at=self.context.now(),
            danger=action.danger,
            felt=tuple(map(SafeText, felt)),
            notes=tuple(map(SafeText, notes)),
            answers=_ANSWERS,
            settles=_ANSWERS + 10.0,
        )

    async def _things(
        self, api: ActingApi, action: Action, request: Request, there: Scene, use: leftovers.Used
    ) -> tuple[list[Leftover], list[str]]:
        if action is REMOVE_VOLUME:
            every = await leftovers.volumes(api, self.protected, use)
            found = [one for one in every if one.id == request.word]
            if not found and request.word in use.volumes:
                raise ProbeError(Cause.MISSING, f"a container has the volume {SafeText(request.word, 60)}")
            return found, ["its data can't be had back: is there a backup?"]
        kept = await self._kept(there.engine)
        if action is REMOVE_IMAGE:
            there_are = await leftovers.images(api, kept, use, there.at)
            return [self._image(one, there_are, use) for one in request.subjects], []
        if request.word not in WORDS:
            raise ProbeError(Cause.MISSING, f"prune takes one of {', '.join(WORDS)}")
        told = await self._unused(api, there, request.word, use)
        notes = ["volumes are not in it: remove a volume is an act of its own, for one at a time"]
        notes += ["images and build cache are those of the whole Engine, not of the project"] if self.project else []
        notes += ["only what is listed is removed, each by its id: what comes meanwhile stays"]
        return list(told.things), [*notes, *told.untold]

    @staticmethod
    def _image(subject: str, there_are: Sequence[Leftover], use: leftovers.Used) -> Leftover:
        found = [one for one in there_are if one.id.startswith(subject)]
        if len(found) == 1 and len(subject) >= len("sha256:") + 12:
            return found[0]
        if any(id.startswith(subject) for id in use.images):
            raise ProbeError(Cause.MISSING, f"a container has the image {SafeText(subject[7:19])}")
        raise ProbeError(Cause.GONE, f"there is no image {SafeText(subject[7:19])} any more")

    async def _unused(self, api: ActingApi, there: Scene, word: str, use: leftovers.Used) -> leftovers.Found:
        kept = await self._kept(there.engine)
        return await leftovers.unused(api, word, self.project, kept, use, there.at)

    async def _kept(self, engine: str) -> dict[str, str]:
        return dict(await self.lane.run(history.remembered, self.context.state, engine))

    async def do(self, api: ActingApi, plan: Plan, subject: Subject, there: Scene, sending: Sending) -> Outcome:
        """Look once more whether it is the same and still unused, then one request for this one thing."""
        then = dict(subject.identity)
        what, id = then["what"], then["id"]
        if there.engine != then["engine"]:
            return _changed(f"Engine {then['engine']} -> Engine {there.engine}")
        if what not in REMOVABLE or not REMOVABLE[what].fullmatch(id):
            return Outcome(Result.FAILED, SafeText(f"this {what} has no id that can be removed"))
        async with asyncio.timeout(20.0):
            now = await leftovers.now(api, what, id, there.at) if what != "build cache" else then["state"]
            use = await leftovers.used(api, there.at)
            kept = await self._kept(there.engine)
        if now != then["state"]:
            return _changed(f"{then['state']} -> {now if now is not None else 'gone'}")
        if id in (use.images | use.networks | use.volumes):
            return _changed(f"a container has the {what} now")
        if id in kept:
            return _changed(f"{kept[id]} can be rolled back to it now")
        status, body = await api.remove(what, id, sending, plan.answers)
        return _answered(api.where, what, id, status, body)

    async def verify(
        self, api: ActingApi, plan: Plan, subject: Subject, outcome: Outcome, there: Scene, after: float
    ) -> Verdict:
        """Look whether it is gone."""
        then, facts = dict(subject.identity), dict(outcome.facts)
        if then["what"] == "build cache" and then["id"] in facts.get("removed", "").split():
            return Verdict(Truth.CONFIRMED, SafeText(f"gone, {size(float(facts.get('bytes', 0)))} given back"))
        now = await leftovers.now(api, then["what"], then["id"], there.at)
        if now is None or (then["what"] == "volume" and now != then["state"]):
            running = sum(one.running for service in there.services for one in service.containers)
            return Verdict(Truth.CONFIRMED, SafeText(f"gone; {running} containers run on"))
        if outcome.result is Result.UNKNOWN and after < plan.answers:
            return Verdict(Truth.PENDING, SafeText("it is still there; it may still go"))
        return Verdict(Truth.REFUTED, SafeText("it is still there"))


def _answered(where: str, what: str, id: str, status: int, body: bytes) -> Outcome:
    from_engine = body.lstrip()[:1] in (b"{", b"[") or not body.strip()
    if status in (200, 204) and from_engine:
        facts: tuple[tuple[str, str], ...] = ()
        if what == "build cache":
            told = table(_parsed(body))
            removed = " ".join(one for one in items(told.get("CachesDeleted")) if isinstance(one, str))
            facts = (("removed", removed), ("bytes", str(whole(told.get("SpaceReclaimed")) or 0)))
        return Outcome(Result.DONE, SafeText(f"the Engine removed the {what}"), facts)
    if status < 300 or (status >= 500 and not from_engine):
        raise ProbeError(Cause.GARBAGE, f"{where} answered HTTP {status}, not as an Engine does")
    if status in (401, 403, 405) and body.lstrip()[:1] != b"{":
        return Outcome(Result.FAILED, SafeText(f"{where} does not allow a {what} to be removed: see the socket proxy"))
    if status == 409:
        return Outcome(Result.REFUSED, SafeText(f"the Engine keeps it, it is in use: {said_by(body)}", 300))
    return Outcome(Result.FAILED, SafeText(f"the Engine said no: {said_by(body)}", 300))


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _meant(one: Leftover, word: str) -> bool:
    """Whether a thing of the widest list is in a narrower one too."""
    return (
        one.what != "image"
        or word in ("all-images", "everything-and-all-images")
        or leftovers.nameless(one.state.split(", "))
    )


def _nothing(action: Action, word: str) -> str:
    if action is REMOVE_VOLUME:
        return f"there is no volume {SafeText(word, 60)} that nobody uses"
    return "nothing of that sort is unused: there is nothing to remove"


def is_image(subject: str) -> bool:
    """Whether a row is an image."""
    return bool(IMAGE_ID.fullmatch(subject))


def _things(number: int) -> str:
    return "1 thing" if number == 1 else f"{number} things"


def _changed(differs: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {differs}", 300))
