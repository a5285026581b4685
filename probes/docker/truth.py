"""Whether what was asked for is true now, told from a fresh look, the plan and the outcome alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from probes.base import Identity, Outcome, Plan, Result, SafeText, Subject, Truth, Verdict
from probes.docker.compose import short
from probes.docker.plans import SEP, container_identity, counted
from probes.docker.sight import Scene, Seen, how_it_is, is_looping

STABLE: Final = 3.0
"""Seconds it must have run: right after its start every process looks well."""
STABLE_AFTER_DEATH: Final = 10.0
"""The same, once it has died and was started again by its policy."""
_REPLICA: Final = "replica "


def changed(planned: Identity, scene: Scene, seen: Seen | None) -> str:
    """What differs from the planned identity of a container, as "from -> to"; empty when nothing does."""
    then = dict(planned)
    if scene.engine != then["engine"]:
        return f"Engine {then['engine']} -> Engine {scene.engine}"
    if seen is None:
        return f"container {then['container'][:12]} -> gone"
    if not seen.is_in_run(then["started"]):
        return f"started {_moment(then['started'])} -> {_moment(seen.run)}"
    if seen.state != then["state"]:
        return f"{then['state']} -> {seen.state}"
    return "" if dict(container_identity(scene, seen))["container"] == then["container"] else "another container"


def service_changed(planned: Identity, scene: Scene, replicas: Sequence[Seen], hash: str) -> str:
    """The same for a Compose service: its containers, its configuration, how many the other services have."""
    then = dict(planned)
    if scene.engine != then["engine"]:
        return f"Engine {then['engine']} -> Engine {scene.engine}"
    before, now = planned_replicas(planned), {seen.one.id: seen for seen in replicas}
    if before.keys() != now.keys():
        gone, come = len(before.keys() - now.keys()), len(now.keys() - before.keys())
        return f"{len(before)} containers -> {len(now)} ({gone} gone, {come} new)"
    for id, value in before.items():
        _, state, run = value.split(SEP, 2)
        seen = now[id]
        if not seen.is_in_run(run) or seen.state != state:
            return f"{seen.one.name} {state}, {_moment(run)} -> {seen.state}, {_moment(seen.run)}"
    if hash != then["configuration"]:
        return f"configuration {short(then['configuration'])} -> {short(hash)}"
    others = _others(scene, then)
    return f"other services: {then['others']} -> {others}" if others != then["others"] else ""


def planned_replicas(planned: Identity) -> dict[str, str]:
    """Containers of a planned service: id to what was known of it."""
    return {value.split(SEP, 1)[0]: value for name, value in planned if name.startswith(_REPLICA)}


def after_stop(plan: Plan, subject: Subject, seen: Seen | None, outcome: Outcome, after: float) -> Verdict:
    """It does not run any more, and stays so."""
    if seen is None:
        return _verdict(Truth.CONFIRMED, "it is stopped and removed")
    if seen.one.state == "removing":
        return _verdict(Truth.PENDING, "it is being removed")
    if seen.one.state in ("exited", "dead", "created"):
        return _verdict(Truth.CONFIRMED, _ended(seen))
    if not seen.is_in_run(dict(subject.identity)["started"]):
        return _verdict(Truth.REFUTED, f"it runs again: started {_moment(seen.started)}")
    return not_yet(plan, outcome, after, "it still runs")


def after_start(plan: Plan, subject: Subject, seen: Seen | None, outcome: Outcome, after: float) -> Verdict:
    """It runs in a new run, its own check passed, and it has stayed up for a while: for start and restart."""
    if seen is None:
        return _verdict(Truth.REFUTED, "the container is gone")
    planned = dict(subject.identity)
    if seen.is_in_run(planned["started"]):
        return not_yet(plan, outcome, after, f"it was not started anew: {how_it_is(seen.one)}")
    return lives(seen, planned["state"] == "not running", after if outcome.result is Result.DONE else 0.0)


def lives(seen: Seen, task: bool, after: float = 0.0) -> Verdict:
    """Whether a container that was just started runs, is healthy and has stayed so; a `task` may also have ended well.

    `after` is how long ago it was certainly started, in seconds.
    """
    one, died = seen.one, seen.restarts
    again = f", died and was started again {_times(died)}" if died else ""
    if one.done and task:
        return _verdict(Truth.CONFIRMED, "it ran to its end, exit code 0")
    if is_looping(seen):
        code = f", last exit code {one.details.exit_code}" if one.details and one.details.exit_code else ""
        return _verdict(Truth.REFUTED, f"it dies again and again: {_times(died)} since it was started{code}")
    if one.state == "restarting":
        return _verdict(Truth.PENDING, f"it died and waits for its next start{again}")
    if not one.running:
        return _verdict(Truth.REFUTED, how_it_is(one))
    if one.health is not None and one.health.word == "unhealthy":
        return _verdict(Truth.REFUTED, f"it runs, but its {one.why}")
    up = max(seen.up or 0.0, after if not died else 0.0)
    if one.health is not None and one.health.word == "starting":
        return _verdict(Truth.PENDING, f"running for {up:.0f} s, its check has not passed yet{again}")
    long = STABLE_AFTER_DEATH if died else STABLE
    if up < long:
        return Verdict(Truth.PENDING, SafeText(f"running for {up:.0f} of {long:.0f} s{again}"), up / long)
    healthy = ", healthy" if one.health is not None else ""
    return _verdict(Truth.CONFIRMED, f"running for {up:.0f} s{healthy}{again}")


def after_recreate(
    plan: Plan, subject: Subject, scene: Scene, replicas: Sequence[Seen], outcome: Outcome, after: float
) -> Verdict:
    """Every old container is gone, as many new ones live, and no other service has more or fewer."""
    before, then = planned_replicas(subject.identity), dict(subject.identity)
    old = [seen for seen in replicas if seen.one.id in before]
    if old:
        return not_yet(plan, outcome, after, f"{len(old)} of {len(before)} old containers are still there")
    verdict = _together(plan, subject, replicas, len(before), outcome, after) or _elsewhere(scene, then)
    if verdict is not None:
        return verdict
    made = sorted({seen.one.version for seen in replicas})
    says = "as the file says" if made == [then["configuration"]] else "by its label"
    up, hashes = min(seen.up or 0.0 for seen in replicas), SEP.join(map(short, made))
    return _verdict(Truth.CONFIRMED, f"{_new(len(replicas))}, running for {up:.0f} s, configuration {hashes} {says}")


def after_scale(
    plan: Plan, subject: Subject, scene: Scene, replicas: Sequence[Seen], outcome: Outcome, after: float
) -> Verdict:
    """There are as many as asked for and they live; those that were kept are the same; others are as many as before."""
    before, then = planned_replicas(subject.identity), dict(subject.identity)
    number = plan.request.number or 0
    verdict = _together(plan, subject, replicas, number, outcome, after) or _elsewhere(scene, then)
    if verdict is not None:
        return verdict
    now = {seen.one.id: seen for seen in replicas}
    kept = [id for id in before if id in now]
    for id in kept:
        _, state, run = before[id].split(SEP, 2)
        if state == "running" and not now[id].is_in_run(run):
            return _verdict(Truth.REFUTED, f"{now[id].one.name} was started anew, though it should be left alone")
    if len(kept) < min(len(before), number):
        return _verdict(Truth.REFUTED, f"{min(len(before), number) - len(kept)} old containers were replaced")
    names = {value.split(SEP, 1)[0]: name.removeprefix(_REPLICA) for name, value in subject.identity}
    gone = [names[id] for id in before if id not in now]
    said = f", gone: {SEP.join(gone[:8])}" if gone else ""
    words = f"{len(replicas)} of {number} running{said}; other services as before: {then['others']}"
    return _verdict(Truth.CONFIRMED, words)


def _together(
    plan: Plan, subject: Subject, replicas: Sequence[Seen], number: int, outcome: Outcome, after: float
) -> Verdict | None:
    """A verdict while not all of them are there and live; None when all do."""
    if len(replicas) != number:
        return not_yet(plan, outcome, after, f"{len(replicas)} of {number} containers are there")
    task = all(value.split(SEP, 2)[1] == "not running" for value in planned_replicas(subject.identity).values())
    verdicts = [(seen, lives(seen, task)) for seen in replicas]
    well = sum(verdict.truth is Truth.CONFIRMED for _, verdict in verdicts)
    for truth in (Truth.REFUTED, Truth.PENDING):
        for seen, verdict in verdicts:
            if verdict.truth is truth:
                words = f"{well} of {number} well; {seen.one.name}: {verdict.words}"
                return Verdict(truth, SafeText(words), well / number)
    return None


def _elsewhere(scene: Scene, then: Mapping[str, str]) -> Verdict | None:
    others = _others(scene, then)
    if others == then["others"]:
        return None
    return _verdict(Truth.REFUTED, f"other services changed too: {then['others']} -> {others}")


def _others(scene: Scene, then: Mapping[str, str]) -> str:
    others = scene.of_project(then["project"])
    others.pop(then["service"], None)
    return counted(others)


def not_yet(plan: Plan, outcome: Outcome, after: float, words: str) -> Verdict:
    """Of what was done it is not so; of what nobody knows it may still become so for as long as it may take."""
    if outcome.result is Result.UNKNOWN and after < plan.answers:
        return _verdict(Truth.PENDING, f"{words}; it may still come, {after:.0f} of {plan.answers:.0f} s")
    return _verdict(Truth.REFUTED, words)


def _ended(seen: Seen) -> str:
    one = seen.one
    code = one.exit_code
    if code == 137 and not (one.details and one.details.oom_killed) and seen.grace is not None:
        return f"stopped, exit code 137: it did not end in its {seen.grace:g} s and was killed"
    return f"stopped{f', exit code {code}' if code is not None else ''}"


def _moment(started: str) -> str:
    """A start as a person compares it."""
    if started.startswith("0001-"):
        return "never"
    return started[:23].replace("T", " ") if started[:2].isdecimal() and "T" in started else started


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _new(number: int) -> str:
    return "1 new container" if number == 1 else f"{number} new containers"


def _verdict(truth: Truth, words: str) -> Verdict:
    return Verdict(truth, SafeText(words))
