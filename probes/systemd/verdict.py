"""Whether what was asked of a unit is true now: by its invocation, and only once it has held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from probes.base import Identity, Outcome, Result, SafeText, Truth, Verdict, lasted
from probes.systemd.facts import Unit

STABLE: Final = 3.0
"""Seconds a new run must have lasted before it counts."""
ARRIVING: Final = 3.0
"""Seconds in which a request without an answer may still be on its way."""
NONE: Final = "none"
_LOOPS: Final = 3
"""Automatic restarts after which a unit counts as one that dies again and again."""
_YOUNG: Final = 10.0
"""Seconds within which one that was restarted by itself may well die again."""

LIMIT: Final = "start limit hit: it was started too often too quickly; systemctl reset-failed allows it again"


def known(one: Unit) -> Identity:
    """What tells this run of a unit from any other."""
    young = bool(one.restarts) and one.age is not None and one.age < _YOUNG
    loops = one.looping or one.returning or young
    down = one.active in ("inactive", "failed") and not one.returning
    pairs = [("unit", one.id), ("invocation", one.invocation or NONE), ("pid", str(one.pid or NONE))]
    pairs.append(("phase", "looping" if loops and not down else "down" if down else "up"))
    if loops and not down:
        pairs.append(("restarts", str(one.restarts or 0)))
    return tuple(pairs)


def same(planned: Identity, now: Identity) -> bool:
    """True when nobody has started or stopped it since. What systemd itself starts again and again is one run; of a
    unit that is down systemd may have forgotten the last one.
    """
    first, second = dict(planned), dict(now)
    if (first["unit"], first["phase"]) != (second["unit"], second["phase"]):
        return False
    if first["phase"] == "looping":
        return int(second["restarts"]) >= int(first["restarts"])
    if first["phase"] == "down":
        return NONE in (first["invocation"], second["invocation"]) or first["invocation"] == second["invocation"]
    return (first["invocation"], first["pid"]) == (second["invocation"], second["pid"])


def called(identity: Identity) -> str:
    """A run in words: "pid 812, run 5b6f1174"."""
    told = dict(identity)
    words = {"down": "not running", "looping": "restarting by itself"}.get(told["phase"], "")
    pid = f"pid {told['pid']}" if told["pid"] != NONE else ""
    run = f"run {told['invocation'][:8]}" if told["invocation"] != NONE else ""
    return ", ".join(part for part in (words, pid if not words else "", run) if part) or "running"


@dataclass(frozen=True, slots=True)
class Sight:
    """A unit as it is now, beside what was planned for it and what was answered."""

    one: Unit
    planned: Mapping[str, str]
    outcome: Outcome
    after: float
    """Seconds since the answer."""
    forgets: bool = False
    """True when systemd forgets it even when it failed."""

    @property
    def fresh(self) -> bool:
        """True when it has been started since the plan."""
        return self.one.invocation not in ("", self.planned["invocation"])

    @property
    def in_doubt(self) -> bool:
        """True while a request without an answer may still be on its way."""
        return self.outcome.result is Result.UNKNOWN and self.after < ARRIVING

    @property
    def job(self) -> str:
        """What systemd is at, and since when."""
        return f"job running {lasted(self.after)}: {self.one.word}" + (f" ({self.one.sub})" if self.one.sub else "")


def is_up(sight: Sight) -> Verdict:
    """Whether it was started, or started anew; a task has finished well instead."""
    one = sight.one
    if one.load == "not-found":
        return _refuted("systemd knows no such unit any more")
    if one.looping:
        return _loops(sight)
    if one.job or one.active == "deactivating":
        return _pending(sight.job)
    if one.failed and (sight.fresh or sight.outcome.result is not Result.UNKNOWN):
        return _refuted(LIMIT if one.result == "start-limit-hit" else f"it failed: {one.why}")
    if one.active in ("active", "reloading"):
        return _active(sight)
    if one.active == "activating":
        return _pending(f"starting for {lasted(sight.after)} ({one.sub})")
    return _inactive(sight)


def _loops(sight: Sight) -> Verdict:
    one = sight.one
    words = f"it dies and is restarted by itself, {one.restarts or 0} times: {one.ending}"
    return _refuted(words) if sight.fresh and (one.restarts or 0) >= _LOOPS else _pending(words)


def _active(sight: Sight) -> Verdict:
    one = sight.one
    who = f", pid {one.pid}" if one.pid else ""
    if not sight.fresh:
        if sight.in_doubt:
            return _pending(f"the old run goes on{who}")
        return _refuted(f"not done: the old run goes on{who}")
    if one.sub == "exited" and one.suffix == "service":
        if one.exit_status in (0, None):
            return Verdict(Truth.CONFIRMED, SafeText("finished with success, and stays active"), 1.0)
        return _refuted(f"its program has ended: {one.ending}")
    held = min(sight.after, one.age if one.age is not None else sight.after)
    wanted = _YOUNG if one.restarts else STABLE
    words = f"{one.word} for {lasted(held)}{who}"
    if one.restarts:
        words += f", after it died {one.restarts} times" if one.restarts > 1 else ", after it died once"
    if held < wanted:
        return Verdict(Truth.PENDING, SafeText(f"{words}: counts after {wanted:g} s"), held / wanted)
    return Verdict(Truth.CONFIRMED, SafeText(words), 1.0)


def _inactive(sight: Sight) -> Verdict:
    """It is down, and systemd is not at it."""
    one = sight.one
    if one.failed:
        return _pending("not yet started") if sight.in_doubt else _refuted(f"not started: {one.why or 'still failed'}")
    if sight.outcome.result is Result.UNKNOWN and not sight.fresh:
        if sight.in_doubt:
            return _pending("not yet started")
        if one.waits:
            return Verdict(Truth.UNKNOWN, SafeText("it is not running: never started, or over and forgotten"))
        return _refuted("not started: still stopped")
    if not one.waits:
        return _refuted("it ended again without an error, or was stopped by hand")
    if sight.fresh:
        return Verdict(Truth.CONFIRMED, SafeText("finished with success"), 1.0)
    if sight.forgets:
        return Verdict(Truth.UNKNOWN, SafeText("it is over, and systemd keeps nothing of it: its log tells"))
    return Verdict(Truth.CONFIRMED, SafeText("finished: it is over, and it has not failed"), 1.0)


def is_down(sight: Sight) -> Verdict:
    """Whether it was stopped."""
    one = sight.one
    who = f", pid {one.pid}" if one.pid else ""
    if one.job or one.active == "deactivating":
        return _pending(sight.job)
    if one.active in ("inactive", "failed") or not one.usable:
        how = f"; {one.why}" if one.failed else ""
        return Verdict(Truth.CONFIRMED, SafeText(f"stopped{how}"), 1.0)
    if sight.fresh and not one.looping:
        return _refuted(f"it runs again{who}: something has started it")
    return _pending(f"it still runs{who}") if sight.in_doubt else _refuted(f"not stopped: it still runs{who}")


def _pending(words: str) -> Verdict:
    return Verdict(Truth.PENDING, SafeText(words))


def _refuted(words: str) -> Verdict:
    return Verdict(Truth.REFUTED, SafeText(words))
