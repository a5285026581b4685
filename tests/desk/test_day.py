"""A recorded day is judged again as it was judged then: the same alerts, with the same words, at the same moments."""

from __future__ import annotations

import json
import random
from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from desk import codec
from desk.alert import Alert
from desk.engine import Engine, Watched
from desk.profile import parse
from desk.rules import rules_for
from probes.base import Cause, Failure, Gauges, SafeText, Snapshot
from tests.toys import StillClock, Thing, ToyFacts, ToyKinds, ToyProbe, context

PROFILE = """
system = "nursery"
[toy.shelf]
every = 60
[toy.box]
every = 60
[toy.crate]
every = 120
[[rule]]
name = "crowded"
when = "toy.things > 8 for 5m"
clear = 6
critical = "> 12 for 2m"
critical_clear = 10
respond = "5m"
[[rule]]
name = "heavy"
when = "avg(shelf.size_bytes, 10m) > 1500"
consecutive = 3
missing = "clear"
[[rule]]
name = "lopsided"
when = "sum(box.size_bytes) / sum(shelf.size_bytes) > 1.2 for 3m"
samples = "shelf.things >= 3"
[[rule]]
name = "empty"
when = "crate.things == 0"
missing = "alert"
consecutive = 2
[[rule]]
name = "growing"
when = "delta(box.things, 15m) - delta(box.things, 15m ago 15m) > 4"
[[rule]]
name = "no-answer"
target = "shelf"
consecutive = 2
severity = "warning"
[[rule]]
name = "big"
kind = "toy"
threshold = 2000
hold = 60
clear = 1500
"""

Reading = tuple[float, datetime, str]
"""When it came, by both clocks, and the reading as the black box keeps it."""

Told = tuple[datetime, frozenset[tuple[Any, ...]]]


def new_engine(clock: StillClock) -> Engine:
    profile = parse(PROFILE, ToyKinds(), "nursery.toml")
    watched = [
        Watched(ToyProbe(target, context(clock)), rules_for("toy", target.name, ToyProbe.rules, profile.changes))
        for target in profile.targets
    ]
    return Engine(watched, clock, grace=5.0, standing=profile.standing)


def told(alert: Alert) -> tuple[Any, ...]:
    return (alert.identity, alert.rule, alert.severity, alert.words, alert.since, alert.at, alert.value, alert.limit)


class Day:
    """A day of readings with faults in it, and what was said of each of them."""

    def __init__(self, seed: int, hours: float) -> None:
        self.chance = random.Random(seed)
        self.things = {"shelf": 4, "box": 4, "crate": 2}
        self.dark: dict[str, int] = {}
        """Targets that can't be read, and for how many readings more."""
        self.clock = StillClock()
        self.began = self.clock.seconds
        self.recorded: list[Reading] = []
        self.said: list[Told] = []
        engine = new_engine(self.clock)
        for _ in range(int(hours * 60)):
            for name in ("shelf", "box", "crate"):
                self._forward(self.chance.uniform(18.0, 22.0))
                if name != "crate" or self.chance.random() < 0.5:
                    reading = self._read(name)
                    engine._take(reading)
                    written = json.dumps(codec.reading(reading))
                    self.recorded.append((self.clock.seconds, self.clock.wall, f"{name} {written}"))
                    self.said.append((self.clock.wall, frozenset(map(told, engine.alerts()))))

    def _forward(self, seconds: float) -> None:
        wall = self.clock.wall
        self.clock.seconds += seconds
        self.clock.wall = datetime.fromtimestamp(wall.timestamp() + seconds, wall.tzinfo)

    def _read(self, name: str) -> Snapshot[ToyFacts] | Failure:
        if self.dark.get(name, 0) > 0 or self.chance.random() < 0.01:
            self.dark[name] = self.dark.get(name, 0) - 1 if self.dark.get(name, 0) > 0 else self.chance.randrange(8)
            cause = self.chance.choice((Cause.REFUSED, Cause.TIMEOUT_READ, Cause.DENIED))
            return Failure(name, self.clock.now(), cause, SafeText("it does not answer"))
        self.things[name] = min(16, max(0, self.things[name] + self.chance.choice((-1, 0, 0, 0, 1))))
        size = [self.chance.uniform(500, 2500) for _ in range(self.things[name])]
        facts = ToyFacts(tuple(Thing(f"thing {number}", one) for number, one in enumerate(size)))
        gauges = Gauges()
        gauges.put("things", len(facts.things) if self.chance.random() > 0.02 else None)
        for thing in facts.things:
            gauges.put("size_bytes", thing.size, thing=thing.name)
        return Snapshot(name, self.clock.now(), 0.01, facts, gauges.values)

    def replayed(self) -> list[Told]:
        """What a new engine says of what was recorded."""
        clock = StillClock()
        assert clock.seconds == self.began
        engine = new_engine(clock)
        found = []
        for clock.seconds, clock.wall, text in self.recorded:
            name, _, written = text.partition(" ")
            engine._take(codec.read(name, ToyFacts, json.loads(written)))
            found.append((clock.wall, frozenset(map(told, engine.alerts()))))
        return found


def test_a_recorded_day_is_judged_again_exactly_as_it_was() -> None:
    day = Day(seed=6, hours=24)
    rules = {one[1] for _, alerts in day.said for one in alerts}
    assert rules >= {"crowded", "heavy", "lopsided", "empty", "growing", "no-answer", "big"}, "all of them spoke"
    ends = sum(bool(before - after) for (_, before), (_, after) in zip(day.said, day.said[1:], strict=False))
    assert ends > 50, "and fell silent again"
    assert day.replayed() == day.said


@given(st.integers(0, 2**32))
@settings(max_examples=15)
def test_whatever_the_hour_holds_it_is_judged_again_as_it_was(seed: int) -> None:
    day = Day(seed, hours=1)
    assert day.replayed() == day.said


@given(st.integers(0, 2**32))
@settings(max_examples=15)
def test_of_one_number_there_is_one_alert_and_none_is_older_than_its_first_reading(seed: int) -> None:
    day = Day(seed, hours=1)
    for _, alerts in day.said:
        identities = [one[0] for one in alerts]
        assert len(identities) == len(set(identities))
        assert all(day.began <= one[4] <= day.clock.seconds for one in alerts)
