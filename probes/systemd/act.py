"""Starts, stops and restarts units, by one run of systemctl each.

systemd keeps no condition with a request, so a unit is looked at directly before. The request only puts a job into
systemd's queue and never replaces one that is there, but for the stop of a unit that dies and is restarted again and
again: there systemd's own restart stands in the queue any moment. How a job goes is seen by looking, however long it
takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import isfinite
from typing import Final

from probes.base import (
    Action,
    Actuator,
    Cause,
    CommandLine,
    Context,
    Danger,
    Grant,
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
    Truth,
    Verdict,
    lasted,
)
from probes.exec.ssh import NotBegun
from probes.systemd import commands
from probes.systemd.answers import answered
from probes.systemd.calls import Calls
from probes.systemd.details import Detail, Place, arguments, details_of, place_of, running
from probes.systemd.facts import SystemdFacts, Unit
from probes.systemd.probe import SystemdSettings
from probes.systemd.reach import Reach, Road
from probes.systemd.verdict import LIMIT, Sight, called, is_down, is_up, known, same

START: Final = Action(
    "start",
    "start",
    Danger.REVERSIBLE,
    "Starts units that do not run; those that do are left alone.",
    noun="unit",
)
STOP: Final = Action(
    "stop", "stop", Danger.DISRUPTIVE, "Stops units; they stay down until something starts them.", noun="unit"
)
RESTART: Final = Action(
    "restart",
    "restart",
    Danger.DISRUPTIVE,
    "Stops and starts units one after the other; one that does not run is only started.",
    rolling=True,
    noun="unit",
)

_SORTS: Final = ("service", "timer", "socket", "path")
"""Units that are acted on. A target, slice or mount takes half of the machine with it."""
_MOST: Final = 100
"""Units in one plan."""
_LONGEST: Final = 600.0
"""Seconds a job is waited for at most."""
_AT_ONCE: Final = 2.0
"""Seconds for the look directly after a request, which may be left out."""


class SystemdActuator(Actuator[SystemdFacts]):
    """Starts and stops units of one systemd. A subject is a unit's name; without its sort it is a service."""

    kind = "systemd"
    actions = (START, STOP, RESTART)

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, SystemdSettings)
        self.settings = target.settings
        self._here = commands.Here(self.settings.by, self.settings.user, self.settings.sudo, self.settings.ssh)
        self._calls = Calls()
        self._reach = Reach(self.settings.prefix, self.settings.ssh)

    # offers

    def offers(self, facts: SystemdFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """Start, stop, restart, each with why it makes no sense for any of these."""
        wanted = set(subjects)
        found = [one for one in facts.units if wanted & {one.id, one.asked or one.id}]
        if not found:
            return ()
        return tuple(Offer(action, _refusal(action, found)) for action in self.actions)

    # plan

    async def plan(self, request: Request) -> Plan:
        """Look at the units afresh, and at those that go up and down with them."""
        action = next((one for one in self.actions if one.name == request.action), None)
        if action is None or request.number is not None:
            raise ProbeError(Cause.MISSING, "systemd has no such action")
        if not 0 < len(request.subjects) <= _MOST:
            raise ProbeError(Cause.MISSING, f"name the units, {_MOST} at most")
        return await self._calls.cuttable(self._plan(action, request))

    async def _plan(self, action: Action, request: Request) -> Plan:
        road = await self._reach.road()
        place = await place_of(self.settings, road)
        found = await details_of(self.settings, road, place, request.subjects, self.context.now())
        looked_at = self.context.now()
        for name, one in zip(request.subjects, found, strict=True):
            if one.unit.load == "not-found" and one.unit.active not in ("active", "activating", "deactivating"):
                raise ProbeError(Cause.GONE, f"systemd knows no unit {SafeText(name, 80)}")
        details = list({one.unit.id: one for one in found}.values())
        near = {name for one in details for name in (*one.following, *map(str, one.unit.triggered_by), *one.upheld_by)}
        up = await running(self.settings, road, sorted(near))
        subjects = tuple(_subject(action, one, up) for one in details)
        chosen = [one.key for one in subjects if not one.spared] or [one.key for one in subjects]
        barred = {one.key for one in subjects if one.barred}
        each = [[one] for one in chosen] if action is RESTART else [chosen]
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=SafeText(self._place(place), 300),
            pin=place.pin,
            subjects=subjects,
            command=tuple(self.render(Request(action.name, tuple(units))) for units in each),
            looked_at=looked_at,
            danger=action.danger,
            undo=SafeText({"start": "stop it again", "stop": "start it again"}.get(action.name, "")),
            notes=tuple(map(SafeText, _notes(action, request, found, barred, up))),
            answers=3 * self.settings.timeout + _AT_ONCE,
            settles=max(_settles(action, one) for one in details),
        )

    def _place(self, place: Place) -> str:
        told = dict(place.pin)
        by = f", by {' '.join(self.settings.by)}" if self.settings.by else ""
        return f"systemd {place.version.partition(' ')[0]} {told['manager']}, machine {told['machine'][:8]}{by}"

    # doing it

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Look at the unit, then run systemctl for it once."""
        return await self._calls.cuttable(self._carry_out(plan, subject, sending))

    async def _carry_out(self, plan: Plan, subject: Subject, sending: Sending) -> Outcome:
        road = await self._reach.road()
        place = await place_of(self.settings, road)
        if place.pin != plan.pin:
            return _changed(*_machines(plan.pin, place.pin))
        now = known((await self._detail(road, place, subject.key)).unit)
        if not same(subject.identity, now):
            return _changed(called(subject.identity), called(now))
        ends_a_loop = plan.action.name == STOP.name and dict(now)["phase"] == "looping"
        mode = "replace" if ends_a_loop else "fail"
        words = [plan.action.name, "--no-block", f"--job-mode={mode}", "--", subject.key]
        await sending()
        try:
            argv = arguments(self.settings, words, rooted=True)
            ran = await road.run(argv, self.settings.timeout, 1 << 16, again=False)
        except ProbeError as error:
            if isinstance(error, NotBegun) or error.cause in (Cause.MISSING, Cause.LOCAL_PERM):  # it was never started
                return Outcome(Result.FAILED, error.message)
            raise
        outcome = answered(ran, self.settings)
        return await self._at_once(road, place, subject, outcome) if outcome.result is Result.DONE else outcome

    async def _at_once(self, road: Road, place: Place, subject: Subject, outcome: Outcome) -> Outcome:
        """The answer with what can be seen already: the run that it began, or that systemd will not start it."""
        try:
            async with asyncio.timeout(_AT_ONCE):
                one = (await self._detail(road, place, subject.key)).unit
        except (TimeoutError, ProbeError):
            return outcome
        if one.failed and not one.job and one.result == "start-limit-hit":
            was_up = dict(subject.identity)["phase"] != "down"
            words = f"stopped, but not started: {LIMIT}" if was_up else LIMIT
            return Outcome(Result.PARTIAL if was_up else Result.FAILED, SafeText(words), known(one))
        return replace(outcome, facts=known(one))

    async def _detail(self, road: Road, place: Place, name: str) -> Detail:
        (found,) = await details_of(self.settings, road, place, [name], self.context.now())
        return found

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look at the unit and at its job."""
        return await self._calls.cuttable(self._verify(plan, subject, outcome, after))

    async def _verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        road = await self._reach.road()
        place = await place_of(self.settings, road)
        if place.pin != plan.pin:
            restarted = dict(place.pin)["machine"] == dict(plan.pin)["machine"]
            words = "the machine was started anew since" if restarted else "another machine answers there now"
            return Verdict(Truth.UNKNOWN, SafeText(words))
        found = await self._detail(road, place, subject.key)
        sight = Sight(found.unit, dict(subject.identity), outcome, after, found.forgets)
        return is_down(sight) if plan.action.name == STOP.name else is_up(sight)

    # words

    def render(self, request: Request) -> str:
        """`systemctl restart nginx.service`, with what brings it to its machine."""
        return commands.render(request, self._here)

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line would start, stop or restart here."""
        return commands.recognise(line, self._here)

    async def rights(self) -> Sequence[Right]:
        """Whether systemd, or sudo, lets us; polkit's answer is known only when it is asked in earnest."""
        return await self._calls.cuttable(self._rights())

    async def _rights(self) -> Sequence[Right]:
        name = "start and stop units"
        road = await self._reach.road()
        if self.settings.user:
            await place_of(self.settings, road)
            return (Right(name, Grant.HELD),)
        ran = await road.run(["id", "-u"], self.settings.timeout, 1 << 16)
        if ran.out.strip() == b"0":
            remedy = SafeText("run it as a user whom sudo or polkit lets start and stop these units only")
            return (Right(name, Grant.HELD), Right("everything, as root", Grant.EXCESS, remedy))
        if not self.settings.sudo:
            remedy = SafeText("a polkit rule for org.freedesktop.systemd1.manage-units, or sudo = true in the profile")
            return (Right(name, Grant.UNKNOWN, remedy),)
        return await self._by_sudo(road, name)

    async def _by_sudo(self, road: Road, name: str) -> Sequence[Right]:
        """What sudo would allow: its -l only lists."""
        units = [one for one in self.settings.units if not set("*?[") & set(one)] or ["example"]
        words = ["restart", "--no-block", "--job-mode=fail", "--", commands.full_name(units[0])]
        listing = ["sudo", "-n", "-l"]
        one = await road.run([*listing, *arguments(self.settings, words)], self.settings.timeout, 1 << 16)
        all_of_it = await road.run(listing, self.settings.timeout, 1 << 16)
        remedy = SafeText("in sudoers: NAME ALL=(root) NOPASSWD: /usr/bin/systemctl ... for these units")
        found = [Right(name, Grant.HELD if one.code == 0 else Grant.MISSING, remedy if one.code else SafeText())]
        if b"NOPASSWD: ALL" in all_of_it.out:
            found.append(Right("everything, as root by sudo", Grant.EXCESS, remedy))
        return found

    def abort(self) -> None:
        """End what runs; its programs are killed."""
        self._calls.cut()

    async def close(self) -> None:
        """End what runs."""
        await self._calls.ended()
        await self._reach.close()


def _hindrance(action: Action, one: Unit) -> str:
    """Why this can't be done to a unit now; empty when it can."""
    if one.suffix not in _SORTS:
        return f"only {', '.join(f'{sort}s' for sort in _SORTS)} are acted on here"
    if one.job and not (action is STOP and one.returning):
        return "systemd works on it already"
    down = one.active in ("inactive", "failed", "") and not one.returning
    if action is STOP:
        return "it does not run" if down else ""
    if not one.usable:
        return one.why
    if action is START and not down:
        return "systemd starts it again by itself" if one.looping else "it runs already"
    return ""


def _refusal(action: Action, found: Sequence[Unit]) -> str:
    reasons = [_hindrance(action, one) for one in found]
    return reasons[0] if all(reasons) else ""


def _subject(action: Action, detail: Detail, up: set[str]) -> Subject:
    one = detail.unit
    hindrance = _hindrance(action, one)
    if not hindrance and detail.no_stop and action is not START:
        hindrance = "it refuses to be stopped by hand (RefuseManualStop)"
    if not hindrance and detail.no_start and action is not STOP:
        hindrance = "it refuses to be started by hand (RefuseManualStart)"
    return Subject(
        key=one.id,
        name=SafeText(one.id.removesuffix(".service"), 120),
        identity=known(one),
        before=SafeText(_before(one)),
        after=SafeText(_after(action, one)),
        felt=tuple(map(SafeText, _felt(action, detail, up))),
        spared=SafeText(hindrance),
        barred=bool(hindrance),
    )


def _before(one: Unit) -> str:
    parts = [one.word if one.age is None else f"{one.word} for {lasted(one.age)}"]
    parts += [f"pid {one.pid}"] if one.pid else []
    parts += [one.why] if one.why else []
    return ", ".join(parts)


def _after(action: Action, one: Unit) -> str:
    if action is STOP:
        return "stopped"
    if one.kind == "oneshot":
        return "has run once more"
    return "running, new process" if one.suffix == "service" else "waiting, begun anew"


def _felt(action: Action, detail: Detail, up: set[str]) -> Iterable[str]:
    """Who else goes down with it, and how long it has."""
    one = detail.unit
    if action is START or one.active in ("inactive", "failed"):
        return
    if followers := [name for name in detail.following if name in up]:
        verb = "stopped" if action is STOP else "restarted"
        yield f"{_listed(followers)}: {verb} with it"
    if one.suffix == "service" and one.pid:
        grace = "no limit" if not isfinite(detail.stop_limit) else lasted(detail.stop_limit)
        yield f"it has {grace} to end, then it is killed" if grace != "no limit" else "it may take for ever to end"


def _notes(action: Action, request: Request, found: Sequence[Detail], barred: set[str], up: set[str]) -> Iterable[str]:
    for name, detail in zip(request.subjects, found, strict=True):
        one = detail.unit
        if commands.full_name(name) != one.id:
            yield f"{SafeText(name, 60)} is another name of {one.id}"
        if one.id in barred:
            continue
        if one.needs_reload and action is not STOP:
            yield f"{one.id}: its file changed since systemd read it; without daemon-reload the old one is used"
        if action is STOP:
            yield from _comes_back(detail, up)
        if action is RESTART and one.active in ("inactive", "failed"):
            yield f"{one.id} does not run, so it is a start only"
    if action is not STOP and any(one.unit.kind != "oneshot" and one.unit.id not in barred for one in found):
        yield "systemctl is content once it is started; here it must also hold for some seconds"


def _comes_back(detail: Detail, up: set[str]) -> Iterable[str]:
    """What would start it again."""
    one = detail.unit
    if again := [name for name in (*map(str, one.triggered_by), *detail.upheld_by) if name in up]:
        yield f"{one.id} is started again by {_listed(again)}, which goes on"
    if one.enabled == "enabled":
        yield f"{one.id} starts again with the machine (enabled)"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _settles(action: Action, detail: Detail) -> float:
    """Seconds after which its job must be over, ten minutes at most."""
    stop = detail.stop_limit if action is not START else 0.0
    start = detail.start_limit if action is not STOP else 0.0
    return 20.0 + min(_LONGEST, stop + start)


def _machines(planned: Identity, now: Identity) -> tuple[str, str]:
    """Two machines in words, or two runs of one."""
    one, two = dict(planned), dict(now)
    part = "machine" if one["machine"] != two["machine"] else "boot"
    return f"{part} {one.get(part, 'not told')[:8]}", f"{part} {two.get(part, 'not told')[:8]}"


def _changed(planned: str, now: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {planned} -> {now}"))
