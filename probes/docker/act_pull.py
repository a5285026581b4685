"""Fetches the image of a Compose service by Docker's own program, which knows the logins of registries.

It is begun once and goes on by itself, also when the session ends; what is true is told by the image's digest.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from probes.base import (
    Cause,
    Context,
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
    lasted,
    quoted,
)
from probes.docker import deploys
from probes.docker.act_once import ActingApi
from probes.docker.compose import engine_environment, image_there
from probes.docker.deploys import PULL, Way, described
from probes.docker.images import REFERENCE, image, short_id, variables
from probes.docker.parse import IMAGE_ID
from probes.docker.plans import ServiceSight
from probes.docker.sight import Scene
from probes.exec import job

WITHIN: Final = 3600.0
"""Seconds an image may take to come."""
_LAYER: Final = re.compile(r"^([0-9a-f]{12}): (.{1,60})$", re.M)
_SHARES: Final = {"Download complete": 0.7, "Verifying Checksum": 0.6, "Pull complete": 1.0, "Already exists": 1.0}
"""How far a layer has come, by what Docker's program says of it."""
STILL: Final = 60.0
"""Seconds without a word of Docker's program after which a pull is said to stand still."""
_PACE: Final = 5.0
"""Seconds a pull must have run before an estimate is made of it."""
_STATUS: Final = re.compile(r"http status: (5\d\d)")
_LOGIN: Final = "the registry wants a login: docker login"
_COMPLAINTS: Final = {
    "cannot connect to the docker daemon": "the Engine is gone",
    "error getting credentials": "the program that keeps Docker's logins (credsStore) fails on this machine",
    "toomanyrequests": "the registry's limit of pulls is reached: docker login raises it, else wait some hours",
    "too many requests": "the registry's limit of pulls is reached: docker login raises it, else wait some hours",
    "no matching manifest": "the registry has it, but not for this kind of machine (platform)",
    "authorization token has expired": "the login to the registry has run out: docker login again",
    "pull access denied": "the registry has no such image, or none for us: is the name right? else docker login",
    "unauthorized": _LOGIN,
    "authentication required": _LOGIN,
    "no basic auth credentials": _LOGIN,
    "denied": "the registry does not let us have it: docker login as somebody who may",
    "no such host": "the registry's name is not known",
    "not found": "the registry has no such image",
    "manifest unknown": "the registry has no such image",
    "no space left": "the Engine's disk is full",
    "x509": "the Engine does not trust the registry's certificate",
    "http response to https client": "the registry speaks no TLS, which the Engine must be told: insecure-registries",
    "connection refused": "nothing listens at the registry's address",
    "no route to host": "the Engine's machine has no way to the registry",
    "network is unreachable": "the Engine's machine has no way to the registry",
    "timeout": "the registry gave no answer in time",
    "deadline exceeded": "the registry gave no answer in time",
    "verification failed": "what came is not what the registry promised: its checksum is another",
    "connection reset": "the connection to the registry broke off",
    "eof": "the connection to the registry broke off",
}
"""What the Engine and Docker's program complain of in a pull, the telling part of it, and our words; the first counts.

The limit of Docker Hub: https://docs.docker.com/docker-hub/usage/pulls/
"""


async def plan(
    api: ActingApi, request: Request, there: Scene, sights: Sequence[ServiceSight], target: str, context: Context
) -> Plan:
    """Say which images would be fetched."""
    ways = []
    for sight in sights:
        inspected = await image_there(api, sight.wanted.image) if sight.wanted.image_id else {}
        ways.append(Way(sight, image(inspected), variables(inspected), there.at))
    if context.state is None:
        raise ProbeError(Cause.MISSING, "this session has no folder for a pull to go on by itself")
    subjects = [deploys.pull_subject(way, there.engine) for way in ways]
    open_ways = [way for way, subject in zip(ways, subjects, strict=True) if not subject.barred]
    return Plan(
        target=target,
        kind="docker",
        action=PULL,
        request=request,
        place=there.place,
        pin=(("engine", there.engine),),
        subjects=tuple(subjects),
        command=tuple(quoted(_argv(way.name, way.sight.wanted.platform)) for way in open_ways),
        looked_at=context.now(),
        danger=PULL.danger,
        undo=SafeText("not needed: no container is touched"),
        notes=tuple(dict.fromkeys(note for way in ways for note in deploys.pull_notes(way))),
        answers=15.0,
        settles=WITHIN,
    )


async def do(
    api: ActingApi, plan: Plan, subject: Subject, act: str, sending: Sending, engine: str, state: Path | None
) -> Outcome:
    """Begin it, if the name still means what it meant."""
    then = dict(subject.identity)
    if engine != then["engine"]:
        return _changed(f"Engine {then['engine']} -> Engine {engine}")
    async with asyncio.timeout(10.0):
        means = str((await image_there(api, then["name"])).get("Id", "")) or "nothing here"
    if means != then["means"]:
        return _changed(f"{then['name']} {short_id(then['means'])} -> {short_id(means)}")
    argv = next((one for one in map(str.split, plan.command) if one[-1] == then["name"]), None)
    if argv is None or state is None or not REFERENCE.fullmatch(then["name"]):
        return _changed("what would be fetched")
    await sending()
    try:
        await job.begin(
            argv, _folder(state, act), within=WITHIN, env=engine_environment(api.endpoint, api.certificates)
        )
    except ProbeError as error:
        if error.cause in (Cause.MISSING, Cause.LOCAL_PERM):  # it was never started
            return Outcome(Result.FAILED, error.message)
        raise
    return Outcome(Result.DONE, SafeText("under way: it goes on by itself"), (("job", act), ("before", means)))


async def verify(api: ActingApi, subject: Subject, outcome: Outcome, state: Path | None, after: float) -> Verdict:
    """How far it has come; at the end which image the name means now."""
    then, act = dict(subject.identity), dict(outcome.facts).get("job", "")
    standing = await job.look(_folder(state, act)) if state is not None and act else None
    if standing is not None and standing.state is job.State.RUNNING and state is not None:
        quiet = await asyncio.to_thread(_quiet, _folder(state, act), time.time())
        ran = max(quiet, time.time() - standing.began.timestamp()) if standing.began is not None else after
        return progress(standing.out.decode("utf-8", "replace"), ran, quiet)
    now = image(await image_there(api, then["name"]))
    id = now.id if now is not None else ""
    before = short_id(then["means"]) if IMAGE_ID.fullmatch(then["means"]) else "nothing"
    if standing is not None and standing.state is job.State.ENDED:
        if standing.code != 0 or now is None:
            otherwise = f"exit code {standing.code}, its words are in {_folder(state, act) / 'err'}" if state else ""
            why = f"its {lasted(WITHIN)} were up" if standing.late else complaint(str(standing.complaint), otherwise)
            return Verdict(Truth.REFUTED, SafeText(f"it could not be fetched: {why}", 300))
        told = described(now, standing.ended) if standing.ended is not None else short_id(id)
        if id == then["means"]:
            return Verdict(Truth.CONFIRMED, SafeText(f"nothing newer: {then['name']} is still {told}", 300))
        return Verdict(Truth.CONFIRMED, SafeText(f"{then['name']}: {before} -> {told}", 300))
    if now is not None and id != then["means"]:
        return Verdict(Truth.CONFIRMED, SafeText(f"{then['name']}: {before} -> {short_id(id)}", 300))
    return Verdict(Truth.UNKNOWN, SafeText(f"what fetched it is gone; {then['name']} is still {before}", 300))


def progress(out: str, ran: float, quiet: float) -> Verdict:
    """How far a pull has come by what Docker's program has printed, `ran` seconds after its begin; the last of it came
    `quiet` seconds ago. It tells no bytes, only where each layer stands."""
    layers: dict[str, float] = {}
    last: dict[str, str] = {}
    for name, said in _LAYER.findall(out):
        if not said.startswith("Pulling from"):
            last[name] = said
            layers[name] = max(layers.get(name, 0.0), _SHARES.get(said, 0.0))
    still = f"; nothing new for {lasted(quiet)}: " if quiet >= STILL else ""
    if not layers:
        return Verdict(Truth.PENDING, SafeText(f"asking the registry{still and still + 'it may have stalled'}"))
    done = sum(share == 1.0 for share in layers.values())
    words = f"{done} of {_layers(len(layers))} here"
    fetched = [share for name, share in layers.items() if last[name] != "Already exists"]
    share = sum(fetched) / len(fetched) if fetched else 1.0
    if any(said.startswith("Retrying") for said in last.values()):
        words += "; the connection to the registry breaks off, Docker tries again"
    elif still:
        words += f"{still}a large layer, or the registry has stalled"
    elif done == len(layers):
        words += ", the rest of the image is awaited"
    elif ran >= _PACE and 0.1 <= share < 1.0:
        words += f", about {lasted(ran * (1 - share) / share)} to go if layers are alike"
    return Verdict(Truth.PENDING, SafeText(words), min(0.95, sum(layers.values()) / len(layers)))


def _layers(number: int) -> str:
    return "1 layer is" if number == 1 else f"{number} layers are"


def _quiet(folder: Path, now: float) -> float:
    """Seconds since the program of a job wrote something, or was begun. Blocking."""
    wrote = [path.stat().st_mtime for path in (folder / "out", folder / "err") if path.exists()]
    return max(0.0, now - max(wrote, default=now))


def complaint(said: str, otherwise: str) -> str:
    """What Docker's program complained of, in our words: what it says may hold a login in an address."""
    said = said.lower()
    if found := _STATUS.search(said):
        return f"the registry itself is in trouble: it answers HTTP {found[1]}"
    return next((words for part, words in _COMPLAINTS.items() if part in said), otherwise)


def _argv(name: str, platform: str) -> list[str]:
    return ["docker", "pull", *(["--platform", platform] if platform else []), name]


def _folder(state: Path, act: str) -> Path:
    return state / "jobs" / act


def _changed(differs: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {differs}", 300))
