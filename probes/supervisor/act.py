"""Starts, stops and restarts processes of a supervisord: one request each, over a connection of its own.

supervisord keeps no condition with a request, so a process is looked at on the same connection directly before, and
once more inside the request itself. A restart is one request with a stop and a start in it; supervisord goes through
them only while the connection stands, so one that breaks half-way leaves the process stopped.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from probes.base import (
    Action,
    Actuator,
    Cause,
    CommandLine,
    Context,
    Danger,
    Grant,
    Identity,
    Number,
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
from probes.supervisor import commands
from probes.supervisor.address import SupervisorSettings, connect, endpoint
from probes.supervisor.facts import Process, Stage, SupervisorFacts
from probes.supervisor.probe import parse_process
from probes.supervisor.programs import Program, Seen, pin_of, see
from probes.supervisor.rpc import Fault, Rpc, Unsent
from probes.supervisor.verdict import (
    NO_SUCH_NAME,
    NONE,
    TRYING,
    Sight,
    answered,
    called,
    is_down,
    is_up,
    known,
    same,
)

START: Final = Action(
    "start",
    "start",
    Danger.REVERSIBLE,
    "Starts processes that do not run; those that do are left alone.",
    noun="process",
)
STOP: Final = Action(
    "stop",
    "stop",
    Danger.DISRUPTIVE,
    "Stops processes; they stay down until somebody starts them again.",
    noun="process",
)
RESTART: Final = Action(
    "restart",
    "restart",
    Danger.DISRUPTIVE,
    "Stops and starts processes one after the other; what does not run is only started.",
    rolling=True,
    noun="process",
)

SCALE: Final = Action(
    "scale",
    "scale",
    Danger.REVERSIBLE,
    "Makes so many processes of a service run: starts spare ones, or stops the last ones.",
    Number("processes", 1, 500),
    many=False,
    noun="process",
)

_SENT: Final = 5.0
"""Seconds for supervisord itself to answer, beside what the processes take."""
_MOST: Final = 500
"""Processes in one plan."""

_SHUTTING_DOWN: Final = ("SHUTDOWN", "RESTARTING")


class SupervisorActuator(Actuator[SupervisorFacts]):
    """Starts and stops processes of one supervisord. A subject is a process ("group:name") or a service (its group)."""

    kind = "supervisor"
    actions = (START, STOP, RESTART, SCALE)

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, SupervisorSettings)
        self.settings = target.settings
        self._open: set[Rpc] = set()

    # offers

    def offers(self, facts: SupervisorFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """Start, stop, restart, each with why it makes no sense for any of these."""
        wanted = set(subjects)
        found = [one for one in facts.processes if one.key in wanted or str(one.group) in wanted]
        if not found:
            return ()
        if str(facts.state) in _SHUTTING_DOWN:
            return tuple(Offer(action, "supervisord is shutting down") for action in self.actions)
        groups = {str(one.group) for one in found}
        size = sum(str(one.group) in groups for one in facts.processes)
        many = "one service at a time" if len(groups) > 1 else "it has one process" if size == 1 else ""
        return tuple(Offer(one, many if one is SCALE else _refusal(one, found)) for one in self.actions)

    # plan

    async def plan(self, request: Request) -> Plan:
        """Look at all processes afresh."""
        action = next((one for one in self.actions if one.name == request.action), None)
        if action is None or (request.number is None) is not (action.number is None):
            raise ProbeError(Cause.MISSING, "supervisor has no such action")
        async with self._rpc() as rpc:
            seen = await see(rpc, self.settings.groups)
        looked_at = self.context.now()
        if not seen.processes:
            raise ProbeError(Cause.GONE, "supervisord has no process here")
        if action is SCALE:
            verb, subjects = _scaled(request, seen)
        else:
            verb, subjects = action, self._subjects(action, request, seen)
        programs = [seen.program(one.key) for one in subjects if not one.barred] or [Program()]
        slowest = max(one.stop for one in programs) if verb is not START else 0.0
        waits = slowest if verb is RESTART else 0.0
        chosen = [one.key for one in subjects if not one.spared] or [one.key for one in subjects]
        each = [[one] for one in chosen] if verb is RESTART else [chosen]
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=SafeText(f"supervisord {seen.version} at {rpc.where}, pid {dict(seen.pin)['supervisord']}", 200),
            pin=seen.pin,
            subjects=tuple(subjects),
            command=tuple(self.render(Request(verb.name, tuple(keys))) for keys in each),
            looked_at=looked_at,
            danger=verb.danger,
            felt=tuple(_felt(verb, subjects, seen)),
            undo=SafeText({"start": "stop it again", "stop": "start it again"}.get(verb.name, "")),
            notes=tuple(map(SafeText, _notes(verb, subjects, seen))),
            answers=self.settings.timeout + _SENT + waits,
            settles=_SENT + 10.0 + slowest + max(one.starting for one in programs),
        )

    def _subjects(self, action: Action, request: Request, seen: Seen) -> list[Subject]:
        """One for each process that is meant, in the order in which they are acted on."""
        groups = list(dict.fromkeys(str(one.group) for one in seen.processes.values()))
        picked: dict[str, Subject] = {}
        for name in request.subjects or groups:
            if name in seen.processes:
                picked[name] = _subject(action, seen.processes[name], seen.program(name))
            elif members := seen.group(name):
                others = members if request.subjects else list(seen.processes.values())
                for one in members:
                    spared = _spared(action, one, others)
                    picked.setdefault(one.key, _subject(action, one, seen.program(one.key), spared))
            else:
                raise ProbeError(Cause.GONE, f"there is no process {SafeText(name, 60)} any more", _other(name, groups))
        if len(picked) > _MOST:
            raise ProbeError(Cause.TOO_BIG, f"{len(picked)} processes at once are too many, {_MOST} at most")
        order = sorted(picked.values(), key=lambda one: (seen.program(one.key).rank, one.key))
        return order[::-1] if action is STOP else order

    # doing it

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Look at the process on this connection, then send the one request over the same."""
        name = subject.key
        planned = dict(subject.identity)
        within = plan.answers - self.settings.timeout
        asked = _calls(_verb(plan.action, subject.identity), name, planned)
        async with self._rpc() as rpc:
            pin = await pin_of(rpc)
            if pin != plan.pin:
                return _changed(f"supervisord {dict(plan.pin)['supervisord']}", f"{dict(pin)['supervisord']}")
            try:
                now = known(_process(await rpc.call("getProcessInfo", name)))
            except Fault as fault:
                if fault.code != NO_SUCH_NAME:
                    raise
                return _changed(called(subject.identity), "not there any more")
            if not same(subject.identity, now):
                return _changed(called(subject.identity), called(now))
            await sending()
            try:
                values = await rpc.together(asked, within)
            except Unsent as error:
                return Outcome(Result.FAILED, error.message)
            except ProbeError as error:
                if isinstance(error, Fault) or error.cause in (Cause.AUTH, Cause.DENIED):
                    return Outcome(Result.FAILED, error.message)
                raise
        said = {method: value for (method, _), value in zip(asked[1:-1], values[1:-1], strict=True)}
        return answered(subject.identity, said, values[0], values[-1])

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look at the process; another supervisord than the planned one tells nothing."""
        async with self._rpc() as rpc:
            pin = await pin_of(rpc)
            if pin != plan.pin:
                words = f"another supervisord answers there now, pid {dict(pin)['supervisord']}"
                return Verdict(Truth.UNKNOWN, SafeText(words))
            try:
                one = _process(await rpc.call("getProcessInfo", subject.key))
            except Fault as fault:
                if fault.code != NO_SUCH_NAME:
                    raise
                return Verdict(Truth.REFUTED, SafeText("supervisord does not know it any more"))
        sight = Sight(one, dict(subject.identity), outcome, after)
        return is_down(sight) if _verb(plan.action, subject.identity) is STOP else is_up(sight)

    # words

    def render(self, request: Request) -> str:
        """`supervisorctl -s URL restart worker:*`."""
        return commands.render(request, self.settings.written)

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What supervisorctl would start, stop or restart here."""
        return commands.recognise(line, self.settings.written)

    async def rights(self) -> Sequence[Right]:
        """Whoever reaches a supervisord may do everything there; it knows no lesser right."""
        async with self._rpc() as rpc:
            await rpc.call("getState")
        end = endpoint(self.settings, self.context.secrets)
        found = [Right("start, stop and restart processes", Grant.HELD)]
        if end.scheme != "unix" and not (self.settings.username or end.user):
            remedy = "set username and password in its [inet_http_server], or use its socket"
            found.append(Right("everybody who reaches its port may do the same", Grant.EXCESS, SafeText(remedy)))
        return found

    def abort(self) -> None:
        """Cut every connection."""
        for rpc in self._open:
            rpc.cut()

    async def close(self) -> None:
        """Let go of every connection."""
        for rpc in list(self._open):
            await rpc.close()

    @asynccontextmanager
    async def _rpc(self) -> AsyncIterator[Rpc]:
        rpc = await connect(self.settings, self.context)
        self._open.add(rpc)
        try:
            yield rpc
        finally:
            self._open.discard(rpc)
            await rpc.close()


def _verb(action: Action, identity: Identity) -> Action:
    """What is done to one process: scaling starts those that do not run, and stops those that do."""
    if action.name != SCALE.name:
        return next(one for one in (START, STOP, RESTART) if one.name == action.name)
    return START if dict(identity)["pid"] == NONE else STOP


def _scaled(request: Request, seen: Seen) -> tuple[Action, list[Subject]]:
    """Which processes of a service to start or to stop, so that as many run as were asked for."""
    name = request.subjects[0] if len(request.subjects) == 1 else ""
    members = seen.group(name) or seen.group(name.partition(":")[0])
    if not members or request.number is None:
        raise ProbeError(Cause.GONE, f"there is no service {SafeText(name, 60)} any more")
    group, wanted = members[0].group, request.number
    members.sort(key=lambda one: (seen.program(one.key).rank, one.key))
    up = [one for one in members if one.stage in (Stage.RUNNING, Stage.STARTING, Stage.BACKOFF, Stage.STOPPING)]
    if wanted > len(members):
        hint = "its configuration says how many (numprocs, or the programs of its group)"
        raise ProbeError(Cause.MISSING, f"{group} has {len(members)} processes in all, {len(up)} of them run", hint)
    if wanted == len(up):
        raise ProbeError(Cause.MISSING, f"{wanted} of {group} run already")
    verb = START if wanted > len(up) else STOP
    down = sorted((one for one in members if one not in up), key=lambda one: not one.dead)
    picked = down[: wanted - len(up)] if verb is START else up[wanted:][::-1]
    return verb, [_subject(verb, one, seen.program(one.key)) for one in picked]


def _hindrance(action: Action, one: Process) -> str:
    """Why this can't be done to a process now; empty when it can."""
    if one.stage in (Stage.UNKNOWN, Stage.STOPPING):
        return "it is stopping" if one.stage is Stage.STOPPING else "supervisord does not know its state"
    if action is START and one.stage in (Stage.RUNNING, Stage.STARTING, Stage.BACKOFF):
        return "it runs already" if one.stage is Stage.RUNNING else "supervisord is starting it already"
    if action is STOP and one.stage in (Stage.STOPPED, Stage.EXITED, Stage.FATAL):
        return "it does not run"
    return ""


def _refusal(action: Action, found: Sequence[Process]) -> str:
    reasons = [_hindrance(action, one) for one in found]
    return reasons[0] if all(reasons) else ""


def _spared(action: Action, one: Process, members: Iterable[Process]) -> str:
    """Why a process is left out when its whole service is meant: nobody wants it to run, and others are wanted."""
    others = any(other.dead if action is START else other.wanted for other in members)
    if one.wanted or not others or action is STOP:
        return ""
    if one.stage is Stage.STOPPED:
        return "was never started" if one.started is None else "was stopped on purpose"
    return "has finished its work"


def _subject(action: Action, one: Process, program: Program, spared: str = "") -> Subject:
    hindrance = _hindrance(action, one)
    return Subject(
        key=one.key,
        name=SafeText(_short(one)),
        identity=known(one),
        before=SafeText(_before(one)),
        after=SafeText("stopped" if action is STOP else "running, new process"),
        felt=tuple(map(SafeText, _loses(one, program))) if action is not START and one.pid is not None else (),
        spared=SafeText(hindrance or spared),
        barred=bool(hindrance),
    )


def _short(one: Process) -> str:
    return str(one.name) if str(one.name) == str(one.group) else one.key


def _before(one: Process) -> str:
    parts = [one.word]
    if one.up is not None:
        parts = [f"{one.word} for {lasted(one.up)}"]
    elif one.down is not None and one.started is not None:
        parts = [f"{one.word} {lasted(one.down)} ago"]
    parts += [f"pid {one.pid}"] if one.pid is not None else []
    parts += [one.why] if not one.why.startswith(one.word) and one.why else []
    return ", ".join(parts)


def _loses(one: Process, program: Program) -> list[str]:
    """What becomes of the work it has in hand, as far as the configuration tells."""
    if program.signal == signal.SIGKILL:
        words = ["it is killed at once (stopsignal KILL): it can't finish what it has in hand"]
    else:
        words = [f"it gets {program.signal_name} and {lasted(program.stop)} to finish, then it is killed"]
    if not one.has_log:
        words.append("supervisord keeps no log of it: nothing of this run can be read afterwards")
    return words


def _felt(action: Action, subjects: Sequence[Subject], seen: Seen) -> Iterable[SafeText]:
    """How many processes of each service stay up meanwhile."""
    if action is START:
        return
    touched = {one.key for one in subjects if not one.spared and dict(one.identity)["pid"] != NONE}
    for group in dict.fromkeys(str(seen.processes[one.key].group) for one in subjects):
        alive = [one.key for one in seen.group(group) if one.pid is not None]
        gone = sum(key in touched for key in alive)
        gone = min(gone, 1) if action is RESTART else gone
        if gone:
            stay = len(alive) - gone
            how = ", one after the other" if action is RESTART and len(alive) > 1 else ""
            yield SafeText(f"{group}: {stay} of {len(alive)} running {_plural(len(alive))} up meanwhile{how}")


def _plural(count: int) -> str:
    return "process stays" if count == 1 else "processes stay"


def _notes(action: Action, subjects: Sequence[Subject], seen: Seen) -> Iterable[str]:
    chosen = [one for one in subjects if not one.spared]
    if action is RESTART:
        if idle := [one for one in chosen if dict(one.identity)["pid"] == NONE]:
            yield (
                f"{_listed(idle)}: " + ("does not run" if len(idle) == 1 else "do not run") + ", so it is a start only"
            )
        if len(chosen) > 1:
            yield "supervisorctl restart would stop all of them before it starts the first"
        yield "changed configuration files are not read by a restart: supervisorctl reread, then update"
        if len(idle) < len(chosen):
            yield "should the connection break while it stops, supervisord does not start it again"
    if action is STOP and (own := [one for one in chosen if seen.program(one.key).by_itself]):
        yield f"{_listed(own)}: supervisord starts it again when it is itself started (autostart)"


def _listed(subjects: Sequence[Subject]) -> str:
    shown = ", ".join(str(one.name) for one in subjects[:3])
    return shown if len(subjects) <= 3 else f"{shown} and {len(subjects) - 3} more"


def _other(name: str, groups: Sequence[str]) -> str:
    """A hint for a name that supervisorctl would not find either."""
    group = name.partition(":")[0]
    return f"the whole service is {SafeText(group, 60)}:*" if group in groups else ""


def _calls(action: Action, name: str, planned: Mapping[str, str]) -> list[tuple[str, Sequence[Any]]]:
    """The one request: what it is, the stop, the start, what it is then.

    A stop is waited for only where a start comes after it: what is not waited for can't break half-way.
    """
    alive = planned["pid"] != NONE or planned.get("phase") == TRYING
    calls: list[tuple[str, Sequence[Any]]] = [("getProcessInfo", (name,))]
    if action.name == STOP.name or (action.name == RESTART.name and alive):
        calls.append(("stopProcess", (name, action.name == RESTART.name)))
    if action.name != STOP.name:
        calls.append(("startProcess", (name, False)))
    return [*calls, ("getProcessInfo", (name,))]


def _process(row: Any) -> Process:
    one = parse_process(row)
    if one is None:
        raise ProbeError(Cause.GARBAGE, "supervisord does not tell of its process as it should")
    return one


def _changed(planned: str, now: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {planned} -> {now}"))
