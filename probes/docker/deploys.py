"""What a pull, a deploy or a roll-back would do, in words and with identities. Pure: it looks at nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from probes.base import Action, Danger, SafeText, Subject, Word
from probes.docker.compose import short
from probes.docker.facts import Image
from probes.docker.history import Past
from probes.docker.images import is_store, major_jump, reference, short_id, shown
from probes.docker.plans import SEP, ServiceSight, barred, service_felt
from probes.docker.sight import Seen, lasting

PULL: Final = Action(
    "pull", "pull", Danger.REVERSIBLE,
    what="Fetches what the registry means by the service's image now; its containers go on as they are.",
    noun="service",
)  # fmt: skip
DEPLOY: Final = Action(
    "deploy", "deploy", Danger.DISRUPTIVE, rolling=True,
    what="Makes the service's containers new where its image or its file has changed; what ran before is remembered.",
    noun="service",
)  # fmt: skip
ROLL_BACK: Final = Action(
    "roll-back", "roll back", Danger.DISRUPTIVE, many=False,
    word=Word("image", r"(?:sha256:)?[0-9a-f]{12,64}", listed=True),
    what="Makes the service's containers new from an image that it ran before; its file stays as it is.",
)  # fmt: skip
KEPT: Final = "opsroom-kept"
"""Repository under which an image that was replaced keeps a name, so that no prune of dangling images takes it."""


@dataclass(frozen=True, slots=True)
class Way:
    """A service, the image it would get, and what it runs now."""

    sight: ServiceSight
    to: Image | None
    """None: it is not on the Engine's machine."""
    to_variables: dict[str, str]
    now: datetime

    @property
    def runs(self) -> list[str]:
        """Ids of the images its containers were made from."""
        return sorted({seen.image for seen in self.sight.replicas})

    @property
    def name(self) -> str:
        """What its file calls the image."""
        return self.sight.wanted.image


def kept_tag(project: str, service: str, image: str) -> str:
    """The tag an image is kept under.

    >>> kept_tag("shop", "web", "sha256:" + "ab" * 32)
    'shop-web-abababababab'
    """
    return f"{project}-{service}"[:100].replace("/", "-") + f"-{short_id(image)}"


def pull_subject(way: Way, engine: str) -> Subject:
    """The image of one service."""
    wanted = way.sight.wanted
    return Subject(
        key=way.sight.key,
        name=way.sight.named,
        identity=(
            ("engine", engine),
            ("project", way.sight.files.project),
            ("service", way.sight.files.service),
            ("name", wanted.image),
            ("means", wanted.image_id or "nothing here"),
        ),
        before=SafeText(f"{shown(wanted.image)} is {described(way.to, way.now)}"),
        after=SafeText("what the registry means by that name now"),
        spared=SafeText(_unpullable(way)),
        barred=bool(_unpullable(way)),
    )


def _unpullable(way: Way) -> str:
    wanted = way.sight.wanted
    found = reference(wanted.image)
    if found is None:
        return f"{shown(wanted.image)} is no name that a registry knows"
    if wanted.built:
        return "it is built on this machine, not pulled: docker compose build --pull"
    if wanted.policy in ("never", "build"):
        return f"its file says pull_policy: {wanted.policy}"
    if found.digest and wanted.image_id:
        return "its file names one image by its digest, and that is here: nothing newer can come"
    return ""


def pull_notes(way: Way) -> list[SafeText]:
    """What a person should know before an image is fetched."""
    found = ["containers go on as they are: deploy makes them new from it"]
    name = reference(way.name)
    if name is not None and name.floats:
        found.append(f"{name.familiar} means whatever was pushed last; a version's own tag or a digest says which")
    if is_store(way.name) and name is not None and not name.digest:
        found.append("a store: deploy refuses another major version, whose server would not open the data of this one")
    if way.to is not None:
        found.append("the image it names now stays, without that name; a prune may take it once no container has it")
    return [SafeText(one) for one in found]


def deploy_subject(way: Way) -> Subject:
    """A service whose containers would be made new where something has changed."""
    return _subject(way, _undeployable(way))


def _undeployable(way: Way) -> str:
    sight = way.sight
    if sight.wanted.image_id and way.runs == [sight.wanted.image_id] and not sight.differs:
        return f"it runs what its file says already, image {short_id(sight.wanted.image_id)}"
    return barred(sight) or _jump(way)


def roll_back_subject(way: Way, past: Past) -> Subject:
    """A service whose containers would be made new from an earlier image."""
    name = reference(way.name)
    reason = ""
    if way.to is None:
        again = f": docker pull {past.digest}" if past.digest else ""
        reason = f"image {short_id(past.image)} is no longer on the Engine's machine{again}"
    elif name is None or name.digest:
        reason = "its file names one image by its digest: put the earlier digest back there, then deploy"
    elif way.runs == [past.image]:
        reason = f"it runs image {short_id(past.image)} already"
    elif way.sight.differs and way.sight.wanted.unset:
        reason = barred(way.sight)
    return _subject(way, reason or _jump(way))


def _jump(way: Way) -> str:
    """A store of another major version can't open its data."""
    jumps = [major_jump(seen.environment, way.to_variables) for seen in way.sight.replicas]
    jump = next(filter(None, jumps), "")
    return f"{jump}: another major version does not open this one's data; dump and restore it" if jump else ""


def _subject(way: Way, reason: str) -> Subject:
    sight = way.sight
    number = len(sight.replicas)
    to = way.to.id if way.to is not None else ""
    up = sum(seen.one.running for seen in sight.replicas)
    containers = "1 container" if number == 1 else f"{number} containers"
    return Subject(
        key=sight.key,
        name=sight.named,
        identity=(*sight.identity, ("name", way.name), ("means", sight.wanted.image_id), ("image", to)),
        before=SafeText(f"{up} of {number} running, image {SEP.join(map(short_id, way.runs))}"),
        after=SafeText(f"{containers} made new from image {described(way.to, way.now)}"),
        felt=tuple(service_felt(sight)),
        spared=SafeText(reason),
        barred=bool(reason),
    )


def deploy_notes(way: Way, kept: bool) -> list[SafeText]:
    """What a person should know before a service gets another image."""
    found = _changes(way)
    name = reference(way.name)
    if name is not None and name.floats:
        found.append(f"{name.familiar} means whatever was pushed last; a version's own tag or a digest says which")
    if is_store(way.name) and way.runs != [way.sight.wanted.image_id]:
        found.append("a store gets another version: take a backup first")
    if kept:
        found.append(f"what runs now is remembered, and kept as {KEPT}:...: roll back offers it")
    else:
        found.append("this session has no folder to remember what runs now: no roll-back will be offered")
    return [SafeText(one) for one in found]


def roll_back_notes(way: Way, past: Past) -> list[SafeText]:
    """What a person should know before a service goes back."""
    name = reference(way.name)
    called = name.familiar if name is not None else way.name
    found = [
        f"{called} stands for the earlier image on this machine, until the next pull or build of that name",
        *_changes(way),
        "its configuration is what its file says now, not what it was then",
        "a database that was migrated since stays migrated: the earlier code must work with it",
    ]
    then = reference(past.name)
    if then is not None and then.familiar != called:
        found.insert(1, f"it was called {past.name} then: that name, put back into its file, is the lasting way back")
    return [SafeText(one) for one in found]


def _changes(way: Way) -> list[str]:
    sight = way.sight
    found = [f"Compose reads {SEP.join(sight.files.files)} on this machine"]
    if way.to is not None and way.runs == [way.to.id]:
        found.append("its image stays the same: only its file has changed")
    if sight.differs:
        changed = SEP.join(sight.wanted.changes(sight.replicas[0])[:8]) or "none"
        found.append(f"its file says something else than it was made from; variables that change: {changed}")
    found.append("the old containers' logs and what they wrote outside volumes are lost")
    return found


def described(image: Image | None, now: datetime) -> str:
    """An image in a few words: which one, as a registry knows it, how old."""
    if image is None:
        return "not on the Engine's machine"
    digest = f" ({short(image.digests[0].partition('@')[2])} in its registry)" if image.digests else ""
    age = f", built {lasting(max(0.0, (now - image.created).total_seconds()))} ago" if image.created else ""
    return f"{short_id(image.id)}{digest}{age}"


def pasts(replicas: Sequence[Seen], images: dict[str, Image], now: datetime, act: str, by: str, why: str) -> list[Past]:
    """What a service runs now, for its record."""
    found = {}
    for seen in replicas:
        image = images.get(seen.image)
        found[seen.image] = Past(
            image=seen.image,
            name=str(seen.one.image_name),
            digest=image.digests[0] if image is not None and image.digests else "",
            created=image.created.isoformat() if image is not None and image.created else "",
            until=now.isoformat(timespec="seconds"),
            act=act,
            by=by,
            why=why,
        )
    return list(found.values())
