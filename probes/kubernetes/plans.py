"""What would be done to workloads, autoscalers and pods: from what to what, and who feels it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from probes.base import Action, Cause, Danger, Identity, Number, ProbeError, SafeText, Subject, Word, lasted
from probes.kubernetes.commands import FOREVER
from probes.kubernetes.facts import Autoscaler, Budget, Pod, Workload
from probes.kubernetes.parse import Row, raw, rows, table
from probes.kubernetes.sight import Seen

_TIME: Final = rf"[1-9]\d{{0,4}}m|{FOREVER}"

RESTART: Final = Action(
    "restart",
    "rolling restart",
    Danger.DISRUPTIVE,
    "Replaces its pods one after the other, as its strategy says; the template stays as it is.",
    rolling=True,
    noun="workload",
)
SCALE: Final = Action(
    "scale",
    "scale",
    Danger.REVERSIBLE,
    "Sets how many pods it has; refused where an autoscaler would set it back.",
    Number("pods", 1, 5000),
    many=False,
)
STOP: Final = Action(
    "stop", "scale to 0", Danger.DISRUPTIVE, "Ends all its pods; nothing of it answers.", grave=True, noun="workload"
)
UNDO: Final = Action(
    "undo",
    "roll back",
    Danger.DISRUPTIVE,
    "Gives its pods an earlier template again; no configuration and no database goes back with it.",
    word=Word("revision", r"[1-9]\d{0,9}", listed=True),
    many=False,
)
IMAGE: Final = Action(
    "image",
    "set image",
    Danger.DISRUPTIVE,
    "Rolls out another image, named by a tag that stays or by its digest.",
    word=Word("image", r"[a-z0-9][a-z0-9-]{0,62}=[^\s,=]{1,400}(,[a-z0-9][a-z0-9-]{0,62}=[^\s,=]{1,400}){0,19}"),
    many=False,
)
MINIMUM: Final = Action(
    "minimum",
    "set minimum",
    Danger.REVERSIBLE,
    "Sets the fewest pods its autoscaler keeps, for a while or for good.",
    Number("pods", 1, 5000),
    word=Word("time", _TIME),
    many=False,
)
EVICT: Final = Action(
    "evict",
    "evict",
    Danger.DISRUPTIVE,
    "Ends a pod so that its owner makes another; refused where a disruption budget forbids it.",
    rolling=True,
    noun="pod",
)
DELETE: Final = Action(
    "delete",
    "delete pod",
    Danger.DISRUPTIVE,
    "Ends a pod whatever disruption budgets say; its log goes with it.",
    grave=True,
    noun="pod",
)
ACTIONS: Final = (RESTART, SCALE, STOP, UNDO, IMAGE, MINIMUM, EVICT, DELETE)
ON_WORKLOADS: Final = (RESTART, SCALE, STOP, UNDO, IMAGE)
ON_PODS: Final = (EVICT, DELETE)


def able(action: Action, one: Workload, scaler: Autoscaler | None) -> str:
    """Why an action makes no sense for a workload now; empty when it does."""
    if action in (SCALE, STOP) and one.kind == "daemonset":
        return "it has one pod on each node that suits it"
    if action is SCALE and scaler is not None and one.desired:  # at 0 an autoscaler rests: a person wakes it
        return f"autoscaler {scaler.name} sets its number: raise its minimum"
    if action is STOP and one.desired == 0:
        return "it is at 0 already"
    if action in (RESTART, UNDO, IMAGE) and one.paused:
        return "its rollouts are paused"
    if action in (RESTART, UNDO, IMAGE) and one.strategy == "OnDelete":
        return "its strategy is OnDelete: its pods change only when they are deleted"
    if action is RESTART and one.desired == 0:
        return "it has no pod to replace"
    return ""


def checked(action: Action, one: Workload, scaler: Autoscaler | None) -> None:
    """Raises `ProbeError` for what makes no sense now."""
    reason = able(action, one, scaler)
    if reason:
        raise ProbeError(Cause.MISSING, f"{one.name}: {reason}")


def identity(cluster: str, seen: Seen) -> Identity:
    """What must still be so: the same object, and nobody has changed its specification since."""
    return (
        ("cluster", cluster),
        ("row", seen.one.key),
        ("uid", seen.one.uid),
        ("generation", str(seen.generation)),
        ("template", seen.digest),
        ("pods", str(seen.one.desired)),
    )


def workload_subject(action: Action, cluster: str, seen: Seen, after: str, felt: Sequence[str] = ()) -> Subject:
    """A workload that will be acted on."""
    one = seen.one
    state = f"{one.ready} of {one.desired} ready" + (", a rollout is under way" if one.rolling else "")
    return Subject(
        key=one.key,
        name=SafeText(f"{one.kind} {one.name} in {one.namespace}", 200),
        identity=identity(cluster, seen),
        before=SafeText(f"{state}, {_images(one)}" if action in (UNDO, IMAGE) else state, 300),
        after=SafeText(after, 300),
        felt=tuple(SafeText(words, 300) for words in felt),
    )


def rollout_felt(action: Action, seen: Seen, images: Sequence[SafeText]) -> list[str]:
    """Who feels it that pods are replaced by ones with these images. Raises `ProbeError` where none would be."""
    one = seen.one
    if seen.kept and seen.kept == one.desired:
        raise ProbeError(Cause.MISSING, f"{one.name}: by its partition none of its {one.desired} pods is replaced")
    rolling = table(table(table(seen.item.get("spec")).get("strategy")).get("rollingUpdate"))
    felt = [f"its partition leaves {seen.kept} of its {one.desired} pods as they are"] if seen.kept else []
    if one.strategy == "Recreate":
        felt.append("its strategy is Recreate: all its pods end before the first new one starts")
    elif one.kind == "deployment":
        away, more = rolling.get("maxUnavailable", "25%"), rolling.get("maxSurge", "25%")
        felt.append(f"{away} of its pods may be missing, {more} may be extra meanwhile")
    if one.desired == 1 and one.strategy != "Recreate" and one.kind != "deployment":
        felt.append("it has one pod: there is none while that is replaced")
    if one.ready < one.desired and action is RESTART:
        felt.append(f"{one.desired - one.ready} of its pods are not ready as it is; a restart may not help")
    moving = [str(image) for image in images if is_moving(str(image))]
    if moving:
        felt.append(f"{', '.join(moving)} is pulled again and may be other code than runs now")
    return felt


def is_moving(image: str) -> bool:
    """True for an image whose name can mean another one tomorrow: `latest`, or no tag at all.

    >>> is_moving("shop/web"), is_moving("web:latest"), is_moving("registry:5000/web:1.2"), is_moving("w@sha256:ab")
    (True, True, False, False)
    """
    if "@" in image:
        return False
    tag = image.rpartition("/")[2].partition(":")[2]
    return tag in ("", "latest")


def images_of(word: str) -> dict[str, str]:
    """Container -> image of a word: "web=shop/web:2,proxy=envoy:1"."""
    return dict(pair.split("=", 1) for pair in word.split(","))


def images_after(seen: Seen, word: str) -> list[SafeText]:
    """The images its pods have once those of a word are set."""
    given = images_of(word)
    pairs = ((raw(one.get("name"), 100), raw(one.get("image"), 500)) for one in _containers(seen.template))
    return [SafeText(given.get(name, image)) for name, image in pairs]


def image_change(seen: Seen, word: str) -> str:
    """From what to what, container by container. Raises `ProbeError` where it makes no sense."""
    there = {raw(one.get("name"), 100): raw(one.get("image"), 500) for one in _containers(seen.template)}
    changes = []
    for container, image in images_of(word).items():
        if container not in there:
            raise ProbeError(Cause.MISSING, f"it has no container {container}: {', '.join(there)}")
        if is_moving(image):
            words = f"{image} can mean another image tomorrow: nothing to go back to"
            raise ProbeError(Cause.MISSING, words, "name a tag that stays, or a digest")
        if there[container] == image:
            raise ProbeError(Cause.MISSING, f"{container} runs {image} already: nothing would be rolled out")
        changes.append(f"{container}: {image}")
    return ", ".join(changes)


def minimum_subject(cluster: str, scaler: Autoscaler, number: int, word: str) -> Subject:
    """An autoscaler whose minimum is set. Raises `ProbeError` where it makes no sense."""
    if not re.fullmatch(_TIME, word):
        raise ProbeError(Cause.MISSING, f"{SafeText(word, 40)} is no time: 30m, or {FOREVER}")
    if number > scaler.most:
        raise ProbeError(
            Cause.MISSING, f"autoscaler {scaler.name} allows {scaler.most} at most", "raise its maximum first"
        )
    if number == scaler.least:
        raise ProbeError(Cause.MISSING, f"the minimum of {scaler.name} is {number} already")
    falls = number < scaler.least
    felt = ["fewer pods than now may be left when there is little to do"] if falls else []
    if number > scaler.current:
        felt.append(f"{number - scaler.current} more pods are started, if the nodes have room")
    return Subject(
        key=scaler.key,
        name=SafeText(f"autoscaler {scaler.name} in {scaler.namespace}", 200),
        identity=(
            ("cluster", cluster),
            ("row", scaler.key),
            ("uid", scaler.uid),
            ("minimum", str(scaler.least)),
            ("most", str(scaler.most)),
        ),
        before=SafeText(f"{scaler.least} to {scaler.most} pods, {scaler.current} now"),
        after=SafeText(f"{number} to {scaler.most} pods, {word if word == FOREVER else f'for {word}'}"),
        felt=tuple(map(SafeText, felt)),
    )


def pod_subject(
    action: Action, cluster: str, one: Pod, controller: str, budgets: Sequence[Budget] | None, at: datetime
) -> Subject:
    """A pod that will end. `budgets` is None where they could not be read."""
    felt = []
    tight = [budget for budget in budgets or () if budget.allowed < 1]
    if one.is_ready:
        felt.append("its connections end; it answers until its grace time is over")
    if action is EVICT and budgets is not None and len(budgets) > 1:
        felt.append(f"it has {len(budgets)} disruption budgets: Kubernetes evicts no such pod, it will be refused")
    elif action is EVICT and tight:
        felt.append(f"budget {tight[0].name} allows no pod to go now: it will be refused")
    elif action is DELETE and tight:
        felt.append(f"budget {tight[0].name} allows no pod to go now, and is not asked")
    if budgets is None:
        felt.append("disruption budgets could not be read")
    age = f", {lasted((at - one.created).total_seconds())} old" if one.created is not None else ""
    return Subject(
        key=one.key,
        name=SafeText(f"pod {one.name} in {one.namespace}", 200),
        identity=(("cluster", cluster), ("row", one.key), ("uid", one.uid), ("controller", controller)),
        before=SafeText(f"{one.status}, {one.ready} of {one.total} ready{age}"),
        after=SafeText("gone" if one.done or not controller else "another pod in its place"),
        felt=tuple(SafeText(words, 300) for words in felt),
        spared=SafeText("it is on its way out already" if one.deleted is not None else ""),
        barred=one.deleted is not None,
    )


def pod_danger(pods: Sequence[Pod], controllers: Sequence[str]) -> Danger:
    """A pod that nobody makes anew is lost."""
    lost = any(not controller and not one.done for one, controller in zip(pods, controllers, strict=True))
    return Danger.DESTRUCTIVE if lost else Danger.DISRUPTIVE


def _containers(template: Row) -> list[Row]:
    return list(rows(table(template.get("spec")).get("containers")))


def _images(one: Workload) -> str:
    return ", ".join(map(str, one.images)) or "no image"
