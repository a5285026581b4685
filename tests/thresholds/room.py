"""An example profile on engines of the test's own, with a clock that a test moves: readings are real, the time isn't.

A rule of a quarter of an hour is judged as it would be, reading by reading, without anybody waiting.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.resources import files
from typing import Any

from desk.alert import Alert
from desk.engine import Engine, Watched
from desk.poller import Poller
from desk.profile import Profile, parse
from desk.rules import rules_for
from desk.theirs import instructed
from probes.base import Context, Severity, Target
from tests.probes.rigs import TestSecrets
from tui.kinds import Kinds

KINDS = Kinds()

MOST = 120
"""Readings in which a bad state must show."""


class Clock:
    """Both clocks stand still until they are moved; the day is today, as it is on the engines."""

    def __init__(self) -> None:
        self.seconds = 10_000.0
        self.wall = datetime.now(UTC)

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    def forward(self, seconds: float) -> None:
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds)


def text_of(system: str) -> str:
    """An example profile as it is written."""
    return files(f"systems.{system}").joinpath("opsroom.toml").read_text(encoding="utf-8")


def profile_of(system: str, *switched_on: str) -> Profile:
    """An example profile; the named rules, which it ships switched off, are on."""
    text = text_of(system)
    for name in switched_on:
        pattern = rf'(\[\[rule\]\]\nname = "{name}"\n(?:(?!\[\[).*\n)*?)enabled = false\n'
        text, found = re.subn(pattern, r"\1", text)
        assert found == 1, name
    return parse(text, KINDS, f"systems/{system}/opsroom.toml")


class Room:
    """Some targets of an example profile, each in another place than the profile says, under all of its rules."""

    def __init__(
        self, profile: Profile, places: Mapping[str, Mapping[str, Any]], clock: Clock, real: bool = False
    ) -> None:
        """`real`: only who judges has the moved clock; who reads has the machine's."""
        self.clock = clock
        context = Context(TestSecrets()) if real else Context(TestSecrets(), clock.monotonic, clock.now)
        known = {target.name: target for target in profile.targets}
        watched = [self._watched(profile, known[name], dict(place), context) for name, place in places.items()]
        standing = [rule for rule in profile.standing if set(rule.targets) <= set(places)]
        self.engine = Engine(watched, clock, self._bug, standing=standing)
        self.engine.instructed = lambda alert: instructed(alert, profile.theirs)
        self.before: Callable[[], object] = lambda: None
        """Is called before each reading: what goes on meanwhile."""
        self._pollers = {
            one.probe.target.name: Poller(one.probe, self.engine._take, clock, self._bug) for one in watched
        }

    @staticmethod
    def _watched(profile: Profile, target: Target, place: dict[str, Any], context: Context) -> Watched:
        said = target.settings.model_dump(by_alias=True, exclude_unset=True)
        made = replace(target, settings=type(target.settings).model_validate(said | place))
        probe = KINDS.facts(target.kind)(made, context)
        return Watched(probe, rules_for(target.kind, target.name, probe.rules, profile.changes))

    @staticmethod
    def _bug(target: str, error: Exception) -> None:
        raise error

    def every(self, target: str) -> float:
        """Seconds between two readings of a target."""
        return self.engine.probe(target).target.settings.every

    async def read(self, target: str) -> None:
        """Let a target's time pass, read it once, and judge."""
        self.clock.forward(self.every(target))
        self.before()
        self.engine._take(await self._pollers[target]._once())

    def alerts(self) -> list[Alert]:
        """What is wrong, but for clocks that differ: ours was moved."""
        return [one for one in self.engine.alerts() if one.rule != "clock"]

    def alert(self, rule: str, **labels: str) -> Alert | None:
        """The alert of a rule, about what these labels name."""
        wanted = set(labels.items())
        found = [one for one in self.alerts() if one.rule == rule and wanted <= set(one.labels)]
        assert len(found) < 2, found
        return found[0] if found else None

    async def proves(
        self,
        target: str,
        rule: str,
        *,
        severity: Severity,
        words: str,
        bad: Callable[[], object],
        good: Callable[[], object],
        between: Callable[[], object] | None = None,
        hold: float = 0.0,
        readings: int = 1,
        calm: int = 2,
        late: int = 1,
        passes: Callable[[Room], bool] = lambda room: True,
        labels: Mapping[str, str] | None = None,
    ) -> Alert:
        """A rule is silent while all is well, speaks when it is due after `bad`, and ends after `good`.

        Due: after `hold` seconds and so many `readings` of the bad state, not one reading earlier and at most one
        later. The bad state begins with the first reading in which the number `passes`: what a cloud measures comes
        when it likes. `between` makes a state beyond neither the limit nor the value that clears: the alert stays. It
        ends at most `late` readings after `good`. Gives the alert as it was raised.
        """
        alert = partial(self.alert, rule, **dict(labels or {}))
        every = self.every(target)
        for _ in range(calm):
            await self.read(target)
            assert alert() is None, alert()
        bad()
        due = max(hold, (readings - 1) * every)
        began: float | None = None
        raised = None
        for _ in range(MOST):
            await self.read(target)
            if began is None and not passes(self):
                continue
            began = self.clock.seconds if began is None else began
            passed = self.clock.seconds - began
            raised = alert()
            assert raised is not None or passed < due + every, f"{rule} is late: {self._seen(target)}"
            if raised is not None:
                break
        assert raised is not None, f"{rule} is never raised: {self._seen(target)}"
        assert began is not None
        passed = self.clock.seconds - began
        assert passed >= due - 0.001, f"{rule} is early, after {passed} s"
        if raised.gauge:  # what can't be read is as old as its first failure, another system's alert as that says
            assert raised.since == self.clock.seconds
        assert raised.severity is severity, raised
        assert re.fullmatch(words, raised.words), raised.words
        if between is not None:
            between()
            for _ in range(2):
                await self.read(target)
                stays = alert()
                assert stays is not None, self._seen(target)
                assert stays.since == raised.since
        good()
        for _ in range(late + 1):
            await self.read(target)
            if alert() is None:
                return raised
        raise AssertionError(f"{rule} does not end: {self._seen(target)}")

    def gauge(self, target: str, name: str, **labels: str) -> float | None:
        """A gauge in the newest reading."""
        snapshot = self.engine.board.slot(target).snapshot
        return None if snapshot is None else snapshot.gauge(name, **labels)

    def _seen(self, target: str) -> str:
        slot = self.engine.board.slot(target)
        if slot.failure is not None:
            return str(slot.failure.message)
        assert slot.snapshot is not None
        return ", ".join(f"{key} {value:g}" for key, value in slot.snapshot.gauges.items())


@asynccontextmanager
async def opened(
    system: str,
    places: Mapping[str, Mapping[str, Any]],
    clock: Clock | None = None,
    switched_on: tuple[str, ...] = (),
    real: bool = False,
) -> AsyncIterator[Room]:
    """Some targets of an example profile, each in another place."""
    room = Room(profile_of(system, *switched_on), places, clock or Clock(), real)
    try:
        yield room
    finally:
        await room.engine.close()
