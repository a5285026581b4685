"""What would be done to containers and Compose services, in words and with identities. Pure: it looks at nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from probes.base import Action, Danger, Identity, Number, SafeText, Subject
from probes.docker.compose import Files, Wanted, short
from probes.docker.facts import Container
from probes.docker.sight import Scene, Seen, how_it_is

RESTART: Final = Action(
    "restart", "restart", Danger.DISRUPTIVE, rolling=True,
    what="Stops the container and starts the same one again; its configuration and its log stay.",
    noun="container",
)  # fmt: skip
STOP: Final = Action(
    "stop", "stop", Danger.DISRUPTIVE, grave=True,
    what="Stops the container and keeps it; it stays down until it is started.",
    noun="container",
)  # fmt: skip
START: Final = Action(
    "start", "start", Danger.REVERSIBLE, what="Starts the container that is there, as it was made.",
    noun="container",
)  # fmt: skip
RECREATE: Final = Action(
    "recreate", "recreate", Danger.DISRUPTIVE,
    what="Makes the service's containers new from its Compose file, so that a changed environment applies; "
    "touches no other service.",
    noun="service",
)  # fmt: skip
SCALE: Final = Action(
    "scale", "scale", Danger.REVERSIBLE, number=Number("replicas", 1, 100), many=False,
    what="Sets how many containers the service has; running ones and other services are left alone.",
)  # fmt: skip
ACTIONS: Final = (RESTART, STOP, START, RECREATE, SCALE)
"""Those on containers, and the two that change a service without another image."""

UNLIMITED: Final = 300.0
"""Seconds waited for a stop that has no limit of its own."""
_MARGIN: Final = 10.0
"""Seconds beyond the container's own that the Engine gets to answer."""
_EACH: Final = 3.0
"""Seconds Compose gets for each container, beside the time it needs at all."""
_COMPOSE: Final = 30.0
_SHOWN: Final = 8
SEP: Final = ", "


def refusal(action: Action, one: Container) -> str:
    """Why an action can't be done to a container as it is; empty when it can."""
    if one.state in ("removing", "dead"):
        return "it is being removed"
    if action is STOP and one.state not in ("running", "restarting", "paused"):
        return "it does not run"
    if action is START and one.state in ("running", "restarting"):
        return "it runs already"
    if action is START and one.state == "paused":
        return "it is paused"
    return ""


def container_subject(action: Action, scene: Scene, seen: Seen, beside: Sequence[Seen] = ()) -> Subject:
    """One container that would be acted on; `beside` are the others of the service it is meant as a part of."""
    one = seen.one
    refused = refusal(action, one)
    spared = refused
    if not spared and one.oneoff and not all(other.one.oneoff for other in beside):
        spared = "a task beside the service (compose run)"
    if not spared and one.done and action is RESTART and any(other.is_up for other in beside):
        spared = "a finished task: it would run once more"
    felt = []
    if action is not START and seen.is_up:
        felt += [SafeText(f"nobody answers on {SEP.join(map(str, one.ports[:_SHOWN]))}")] if one.ports else []
        felt += [SafeText(_given_to_end(seen))]
    return Subject(
        key=one.id,
        name=one.name,
        identity=container_identity(scene, seen),
        before=SafeText(how_it_is(one)),
        after=SafeText(_after(action, seen)),
        felt=tuple(felt),
        spared=SafeText(spared),
        barred=bool(refused),
    )


def container_identity(scene: Scene, seen: Seen) -> Identity:
    """Which Engine, which container, in which run of it."""
    return (
        ("engine", scene.engine),
        ("container", seen.one.id),
        ("state", seen.state),
        ("started", seen.run),
    )


def service_identity(scene: Scene, files: Files, hash: str, replicas: Sequence[Seen]) -> Identity:
    """Which Engine, project and service, made of which containers; and how many the other services have."""
    others = scene.of_project(files.project)
    others.pop(files.service, None)
    return (
        ("engine", scene.engine),
        ("project", files.project),
        ("service", files.service),
        ("configuration", hash),
        *((f"replica {seen.one.name}", replica_value(seen)) for seen in _ordered(replicas)),
        ("others", counted(others)),
    )


def replica_value(seen: Seen) -> str:
    """A replica in an identity: its id, its state, its run."""
    return SEP.join((seen.one.id, seen.state, seen.run))


def counted(others: dict[str, int]) -> str:
    """How many containers other services have, in one line."""
    return SEP.join(f"{name} {number}" for name, number in sorted(others.items())) or "none"


def container_notes(action: Action, every: Sequence[Seen]) -> list[SafeText]:
    """What a person should know beside it, each once."""
    found: dict[str, None] = {}
    for seen in every:
        one, policy = seen.one, (seen.one.details.policy if seen.one.details else "")
        if action is RESTART and one.project:
            found["restart does not apply a changed environment or Compose file: recreate does"] = None
        if action is START and one.done:
            found[f"{one.name} is a finished task (it ended with 0 and has no restart policy): it runs once more"] = (
                None
            )
        if action is STOP and policy == "always":
            found[f"{one.name} has the policy always: it comes back when the Engine itself is restarted"] = None
        if action is STOP and seen.vanishes:
            found[f"{one.name} was made with --rm: stopping it removes it and its log"] = None
        if action is not START and seen.is_up:
            found["work that is killed may be run a second time by its queue: pause the queue first"] = None
    if action is RESTART:
        found["what a process holds in memory is lost as evidence; the log stays"] = None
    return [SafeText(words) for words in found]


def container_danger(action: Action, every: Sequence[Seen]) -> Danger:
    """What it costs: a container that vanishes when it stops can't be had back."""
    gone = action is STOP and any(seen.vanishes for seen in every)
    return Danger.DESTRUCTIVE if gone else action.danger


def container_felt(action: Action, scene: Scene, chosen: Sequence[Seen]) -> list[SafeText]:
    """Who else feels it: what is left of each service, and who waits for it."""
    found = []
    services = {(str(seen.one.project), str(seen.one.service)): None for seen in chosen if seen.one.project}
    for project, service in services:
        if action is START:
            continue
        running = [one for one in scene.replicas(project, service) if one.running]
        hit = {seen.one.id for seen in chosen}
        left = [one for one in running if one.id not in hit]
        if action is RESTART and len(running) > 1:
            found.append(
                f"{service}: one replica after the other, {len(running) - 1} of {len(running)} go on meanwhile"
            )
        elif left:
            found.append(f"{service}: {len(left)} of {len(running)} replicas go on")
        elif running:
            found.append(f"{service}: no replica is left {'meanwhile' if action is RESTART else 'that runs'}")
        found += _waiting(scene, project, service)
    return [SafeText(words) for words in found]


def answers(action: Action, chosen: Sequence[Seen]) -> float:
    """Seconds one request may take: the container's own time to end, and some more for the Engine."""
    ending = 0.0 if action is START else max((_grace(seen) for seen in chosen), default=0.0)
    return ending + _MARGIN


def settles(chosen: Sequence[Seen], answers: float) -> float:
    """Seconds until it is true or will not be: start, its own check, and a while of staying up."""
    return answers + max((seen.check for seen in chosen), default=0.0) + 20.0


def compose_answers(chosen: Sequence[Seen], number: int) -> float:
    """Seconds Compose may take: it stops containers side by side and starts them one by one."""
    return _COMPOSE + max((_grace(seen) for seen in chosen), default=0.0) + _EACH * number


@dataclass(frozen=True, slots=True)
class ServiceSight:
    """A Compose service, looked at to be recreated or scaled."""

    key: str
    scene: Scene
    files: Files
    wanted: Wanted
    replicas: tuple[Seen, ...]

    @property
    def identity(self) -> Identity:
        return service_identity(self.scene, self.files, self.wanted.hash, self.replicas)

    @property
    def hashes(self) -> list[str]:
        """Configurations its containers were made from."""
        return sorted({seen.one.version for seen in self.replicas})

    @property
    def differs(self) -> bool:
        """The files say something else than its containers were made from, or it can't be told."""
        return self.hashes != [self.wanted.hash]

    @property
    def named(self) -> SafeText:
        return SafeText(f"{self.files.project}/{self.files.service}")


def recreate_subject(sight: ServiceSight) -> Subject:
    """A service whose containers would be made new."""
    number = len(sight.replicas)
    after = f"{_containers(number)} made new from the file, configuration {short(sight.wanted.hash)}"
    return Subject(
        key=sight.key,
        name=sight.named,
        identity=sight.identity,
        before=SafeText(f"{_running(sight)}, configuration {SEP.join(map(short, sight.hashes))}"),
        after=SafeText(after),
        felt=tuple(service_felt(sight)),
        spared=SafeText(barred(sight)),
        barred=bool(barred(sight)),
    )


def scale_subject(sight: ServiceSight, number: int) -> Subject:
    """A service that would have `number` containers."""
    now = len(sight.replicas)
    going = leaving(sight.replicas, number)
    after = f"{_containers(number)}, {number - now:+d}"
    felt: list[SafeText] = []
    if going:
        names = SEP.join(str(seen.one.name) for seen in going[:_SHOWN])
        after = f"{_containers(number)}: {len(going)} fewer"
        more = f" and {len(going) - _SHOWN} more" if len(going) > _SHOWN else ""
        felt = [SafeText(f"{names}{more} will be stopped and removed, with their logs")]
        felt += [SafeText(_given_to_end(seen)) for seen in going[:1] if seen.is_up]
    stopped = [seen for seen in sight.replicas if not seen.is_up and seen not in going]
    if stopped:
        felt.append(SafeText(f"{SEP.join(str(seen.one.name) for seen in stopped[:_SHOWN])} will be started too"))
    reason = barred(sight) if number > now else ""
    room = sight.wanted.room()
    if number == now:
        reason = f"it has {_containers(now)} already"
    elif number > 1 and sight.wanted.own_name:
        reason = "it sets container_name, so there can be only one of it"
    elif room is not None and number > room:
        first, last = min(sight.wanted.ports, key=lambda ports: ports[1] - ports[0])
        ports = f"port {first}" if first == last else f"ports {first}-{last}"
        reason = f"it publishes the fixed {ports} of the machine: only {_replicas(room)} can have it"
    return Subject(
        key=sight.key,
        name=sight.named,
        identity=sight.identity,
        before=SafeText(f"{_containers(now)}, {_running(sight)}"),
        after=SafeText(after),
        felt=tuple(felt),
        spared=SafeText(reason),
        barred=bool(reason),
    )


def leaving(replicas: Sequence[Seen], number: int) -> list[Seen]:
    """The containers that go when there shall be fewer: Compose removes the highest numbers."""
    return _ordered(replicas)[number:]


def service_notes(action: Action, sight: ServiceSight, number: int) -> list[SafeText]:
    """What a person should know before Compose is asked."""
    wanted, found = sight.wanted, [f"Compose reads {SEP.join(sight.files.files)} on this machine"]
    changed = wanted.changes(sight.replicas[0])
    if not sight.differs:
        found.append("the file says what its containers were made from: nothing in its configuration changes")
    else:
        names = SEP.join(changed[:_SHOWN]) + (f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else "")
        what = f"variables that change: {names}" if changed else "no variable of its environment changes"
        who = "its containers" if action is RECREATE else "running replicas keep theirs, new ones"
        found.append(f"the file says something else than it was made from; {who} get what it says now; {what}")
    images = {seen.image for seen in sight.replicas}
    if wanted.image_id and images != {wanted.image_id}:
        found.append(f"its image changes to {short(wanted.image_id)} ({wanted.image})")
    if action is RECREATE:
        found.append("restart would not apply a changed environment")
        found.append("the old containers' logs and what they wrote outside volumes are lost")
    else:
        found.append("`up --scale` without the service's name would bring every other service back to its file")
    if action is SCALE and number > len(sight.replicas):
        cores = f"its {sight.scene.cores} cores" if sight.scene.cores else "its cores"
        found.append(f"all replicas share the one machine and {cores}: more of them add no cpu")
        if sight.replicas[0].host_network:
            found.append("it uses the machine's own network: two replicas can't listen on one port")
    if not wanted.never_pulls:
        found.append("this version of Compose can't be told never to pull an image")
    return [SafeText(words) for words in found]


def barred(sight: ServiceSight) -> str:
    """Why Compose could not make this service's containers, or would make other ones than meant."""
    if not sight.wanted.image_id:
        return f"its image {SafeText(sight.wanted.image, 80)} is not on the Engine's machine: pull it first"
    if sight.differs and sight.wanted.unset:
        names = SEP.join(sight.wanted.unset[:_SHOWN])
        return f"its file asks for {names}, which nobody sets here: it would be made with nothing in its place"
    return ""


def service_felt(sight: ServiceSight) -> list[SafeText]:
    """Who feels it when all containers of a service are made new."""
    up = [seen for seen in sight.replicas if seen.is_up]
    down = "all its replicas are down together" if len(up) > 1 else "it is down"
    found = [f"{down} while {'they are' if len(up) > 1 else 'it is'} made new"] if up else []
    ports = [str(port) for seen in up for port in seen.one.ports]
    found += [f"nobody answers on {SEP.join(ports[:_SHOWN])} meanwhile"] if ports else []
    found += [_given_to_end(seen) for seen in up[:1]]
    found += _waiting(sight.scene, sight.files.project, sight.files.service)
    return [SafeText(one) for one in found]


def _waiting(scene: Scene, project: str, service: str) -> list[str]:
    names = [name for name in scene.needed_by.get((project, service), ()) if name != service]
    return [f"{SEP.join(names[:_SHOWN])} depend{'s' * (len(names) == 1)} on {service}"] if names else []


def _given_to_end(seen: Seen) -> str:
    """H-62 in words: how long it has to end its work."""
    if seen.grace is None:
        return "it has no limit to end its work"
    how = "its own setting" if seen.own_grace else "the default; stop_grace_period sets another"
    return f"it has {seen.grace:g} s to end its work ({how}), then it is killed"


def _after(action: Action, seen: Seen) -> str:
    if action is STOP:
        return "removed" if seen.vanishes else "stopped, kept"
    checked = ", its check passed" if seen.check else ""
    return f"running, {'new process' if action is RESTART and seen.is_up else 'started'}{checked}"


def _running(sight: ServiceSight) -> str:
    up = sum(seen.one.running for seen in sight.replicas)
    return f"{up} of {len(sight.replicas)} running"


def _grace(seen: Seen) -> float:
    return seen.grace if seen.grace is not None else UNLIMITED


def _ordered(replicas: Sequence[Seen]) -> list[Seen]:
    return sorted(replicas, key=lambda seen: (seen.made.number or 0, str(seen.one.name)))


def _containers(number: int) -> str:
    return "1 container" if number == 1 else f"{number} containers"


def _replicas(number: int) -> str:
    return "1 replica" if number == 1 else f"{number} replicas"
