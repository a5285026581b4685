"""What supervisord's answers mean, and whether what was asked of a process is true now: by its process id and start,
and only once it has held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from probes.base import Identity, Outcome, Result, SafeText, Truth, Verdict, lasted
from probes.supervisor.facts import Process, Stage
from probes.supervisor.probe import parse_process

STABLE: Final = 2.0
"""Seconds a new process must have run before it counts; supervisord's startsecs come before them."""
DOUBTED: Final = 10.0
"""Seconds instead, when it has died once since."""
ARRIVING: Final = 3.0
"""Seconds in which a request without an answer may still be on its way."""
NO_SUCH_NAME: Final = 10
_REASONS: Final = {
    6: "supervisord is shutting down",
    NO_SUCH_NAME: "supervisord has no such process any more",
    20: "its program is not there",
    21: "its program can't be run",
    40: "it ended at once",
    50: "it could not be started",
    60: "it runs already",
    70: "it does not run",
}
"""Codes of supervisord's refusals: supervisor.xmlrpc.Faults."""

NONE: Final = "none"
TRYING: Final = "trying"
"""In place of a process id, while supervisord tries to start it: each try has another one."""


def known(one: Process) -> Identity:
    """What tells this run of a process from any other."""
    trying = one.stage in (Stage.STARTING, Stage.BACKOFF)
    pairs = [("process", one.key), ("pid", str(one.pid or NONE)), ("started", str(one.started or "never"))]
    if trying:
        pairs.append(("phase", TRYING))
    if one.stage is Stage.EXITED:
        pairs.append(("exit", str(one.exit_status)))
    return tuple(pairs)


def same(planned: Identity, now: Identity) -> bool:
    """True when nothing has begun or ended since; tries to start it are one run, until it holds."""
    first, second = dict(planned), dict(now)
    if first.get("phase") == second.get("phase") == TRYING:
        return first["process"] == second["process"]
    return all(first.get(name) == second.get(name) for name in ("process", "pid", "started"))


def called(identity: Identity) -> str:
    """A run in words.

    >>> called((("process", "a:a"), ("pid", "812"), ("started", "1772334761")))
    'pid 812 of 03:12:41 UTC'
    """
    told = dict(identity)
    if told["pid"] == NONE:
        return "not running" + (f", last started {_clock(told['started'])}" if told["started"] != "never" else "")
    return f"pid {told['pid']} of {_clock(told['started'])}"


def _clock(started: str) -> str:
    if not started.isdecimal() or len(started) > 11:
        return "an unknown time"
    return f"{datetime.fromtimestamp(int(started), UTC):%H:%M:%S} UTC"


@dataclass(frozen=True, slots=True)
class Sight:
    """A process as it is now, beside what was planned for it and what was answered."""

    one: Process
    planned: Mapping[str, str]
    outcome: Outcome
    after: float
    """Seconds since the answer."""

    @property
    def fresh(self) -> bool:
        """True when it has been started since the plan."""
        one = self.one
        other = one.pid is not None and str(one.pid) != self.planned["pid"]
        return other or str(one.started or "never") != self.planned["started"]

    @property
    def held(self) -> float:
        """Seconds it has surely run: supervisord tells whole seconds only, so one of them may be none."""
        up = self.one.up if self.one.up is not None else self.after
        answered = dict(self.outcome.facts).get("pid") == str(self.one.pid)
        return min(up, max(up - 1, self.after if answered else 0.0))

    @property
    def died(self) -> bool:
        """True when the process that the answer spoke of is gone again."""
        answered = dict(self.outcome.facts).get("pid", NONE)
        return self.one.pid is not None and answered not in (NONE, str(self.one.pid))

    @property
    def in_doubt(self) -> bool:
        """True while a request without an answer may still be on its way."""
        return self.outcome.result is Result.UNKNOWN and self.after < ARRIVING


def is_up(sight: Sight) -> Verdict:
    """Whether it was started, or started anew."""
    one = sight.one
    match one.stage:
        case Stage.RUNNING:
            return _running(sight)
        case Stage.STARTING:
            return _pending(f"starting for {lasted(one.up or 0.0)}, pid {one.pid}")
        case Stage.STOPPING:
            return _pending(f"stopping for {lasted(sight.after)}")
        case Stage.BACKOFF:
            return _pending(f"supervisord tries again: {one.trouble or 'it died too soon'}")
        case Stage.UNKNOWN:
            return Verdict(Truth.UNKNOWN, SafeText("supervisord does not know its state"))
        case Stage.FATAL if sight.fresh:
            return _refuted(f"supervisord has given up: {one.trouble or 'it dies too soon'}")
        case Stage.EXITED if sight.fresh:
            return _ended(sight)
        case _:
            return _down(sight)


def _running(sight: Sight) -> Verdict:
    one = sight.one
    if not sight.fresh:
        if sight.in_doubt:
            return _pending(f"the old process still runs, pid {one.pid}")
        return _refuted(f"not done: the old process still runs, pid {one.pid}")
    up = one.up if one.up is not None else sight.after
    wanted = DOUBTED if sight.died else STABLE
    words = f"running for {lasted(up)}, pid {one.pid}" + (", after it died once" if sight.died else "")
    if sight.held < wanted:
        return Verdict(Truth.PENDING, SafeText(f"{words}: counts after {wanted:g} s"), max(0.0, sight.held) / wanted)
    return Verdict(Truth.CONFIRMED, SafeText(words), 1.0)


def _ended(sight: Sight) -> Verdict:
    """It was started and is over."""
    one = sight.one
    if sight.planned.get("exit") == "0" and one.exit_status == 0:
        return Verdict(Truth.CONFIRMED, SafeText("it ran once more and finished with 0"), 1.0)
    if (one.down or 0.0) < STABLE:
        return _pending(f"it ended again: {one.word}; supervisord may start it once more")
    return _refuted(f"it ended again after its start: {one.word}")


def _down(sight: Sight) -> Verdict:
    """It is down and nothing has started it."""
    stopped = sight.one.stage is Stage.STOPPED and sight.planned["pid"] != NONE
    if sight.outcome.result is Result.UNKNOWN:
        if sight.in_doubt or (stopped and (sight.one.down or 0.0) < STABLE):
            return _pending("stopped, not yet started" if stopped else "not yet started")
        if stopped:
            return _refuted("stopped and not started: the connection ended half-way. It stays down until it is started")
        return _refuted(f"not started: still {sight.one.word}")
    if sight.outcome.result is Result.PARTIAL:
        return _refuted(f"{sight.one.word}, and it stays so: {sight.outcome.words}")
    by_hand = ": somebody has stopped it again" if sight.one.stage is Stage.STOPPED else ""
    return _refuted(f"{sight.one.word}{by_hand}")


def is_down(sight: Sight) -> Verdict:
    """Whether it was stopped."""
    one = sight.one
    match one.stage:
        case Stage.STOPPED:
            return Verdict(Truth.CONFIRMED, SafeText(f"stopped for {lasted(one.down or 0.0)}"), 1.0)
        case Stage.STOPPING:
            return _pending(f"stopping for {lasted(sight.after)}; supervisord kills it when its time is up")
        case Stage.EXITED | Stage.FATAL:
            if (one.down or 0.0) < STABLE:
                return _pending(f"it ended by itself: {one.word}")
            return Verdict(Truth.CONFIRMED, SafeText(f"down for {lasted(one.down or 0.0)}, ended by itself"), 1.0)
        case Stage.UNKNOWN:
            return Verdict(Truth.UNKNOWN, SafeText("supervisord does not know its state"))
    if sight.in_doubt:
        return _pending(f"it still runs, pid {one.pid}")
    if sight.fresh and one.pid is not None:
        return _refuted(f"it runs again: pid {one.pid} for {lasted(one.up or 0.0)}")
    return _refuted("not stopped: it still runs" + (f", pid {one.pid}" if one.pid is not None else ""))


def _pending(words: str) -> Verdict:
    return Verdict(Truth.PENDING, SafeText(words))


def _refuted(words: str) -> Verdict:
    return Verdict(Truth.REFUTED, SafeText(words))


def expected(one: Process, exit_codes: tuple[int, ...]) -> Process:
    """The process, its end called expected where its configuration does so."""
    return replace(one, expected=True) if one.exit_status in exit_codes else one


def answered(planned: Identity, said: Mapping[str, Any], first: Any, last: Any) -> Outcome:
    """What the answers to the parts of a request mean together, with how the process was just before and just after."""
    then, now = parse_process(first), parse_process(last)
    result, words = _result(said, now)
    if then is not None and not same(planned, known(then)):
        words = f"{words}; it was another run by then: {called(known(then))}"
    return Outcome(result, SafeText(words), known(now) if now is not None else ())


def _result(said: Mapping[str, Any], now: Process | None) -> tuple[Result, str]:
    stopped, started = "stopProcess" in said, "startProcess" in said
    no_stop, no_start = _said_no(said.get("stopProcess")), _said_no(said.get("startProcess"))
    if not started:
        if no_stop:
            return Result.FAILED, no_stop
        return Result.DONE, "stopped" if now is not None and now.stage is Stage.STOPPED else "told to stop"
    if not no_start:
        began = f"started, pid {now.pid}" if now is not None and now.pid is not None else "started"
        before = "it had ended by itself; " if no_stop else "stopped and "
        return Result.DONE, (before if stopped else "") + began
    if now is not None and now.stage in (Stage.BACKOFF, Stage.STARTING) and (not stopped or not no_stop):
        return Result.PARTIAL, f"its first start failed, supervisord tries again: {now.trouble or no_start}"
    if stopped and not no_stop:
        return Result.PARTIAL, f"stopped, but not started: {no_start}"
    return Result.FAILED, no_stop or no_start


def _said_no(value: Any) -> str:
    """Why supervisord did not do a part of a request; empty when it did."""
    if not isinstance(value, dict):
        return ""
    code = value.get("faultCode")
    text = str(SafeText(str(value.get("faultString", ""))[:120], 120))
    return _REASONS.get(code if isinstance(code, int) else 0, f"supervisord says: {text}")
