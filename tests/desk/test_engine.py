"""The engine and its inbox: what readings raise becomes a case, and outlives the session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from desk.condition import parse
from desk.engine import Engine, Watched
from desk.inbox.case import What
from desk.inbox.inbox import SETTLING
from desk.inbox.record import Record
from desk.standing import Level, StandingRule
from probes.base import Cause, Failure, GaugeKey, Missing, Raised, Rule, SafeText, Severity, Snapshot
from tests.desk.inboxes import HandClock
from tests.toys import ToyFacts, ToyProbe, context, target

BIG = Rule(
    name="big", gauge="size_bytes", op=">", threshold=100, severity=Severity.WARNING, say="{thing} is {value}",
    hold=600, clear=50,
)  # fmt: skip
HUGE = Rule(
    name="huge", gauge="size_bytes", op=">", threshold=1000, severity=Severity.CRITICAL, say="{thing} is {value}",
    hold=300,
)  # fmt: skip


class Desk:
    """An engine that is read by hand; `records` are what an earlier one kept."""

    def __init__(
        self,
        clock: HandClock,
        records: list[Record] | None = None,
        standing: Any = (),
        probe: type[ToyProbe] = ToyProbe,
    ) -> None:
        self.clock = clock
        self.records: list[Record] = [] if records is None else records
        self.engine = Engine([Watched(probe(target(), context()), (BIG, HUGE))], clock, standing=standing)
        self.told: list[What] = []
        self.engine.inbox.heard.append(lambda change: self.told.append(change.what))
        before = list(self.records)

        def keep(new: Any) -> None:
            self.records.extend(new)
            self.engine.inbox.kept([record.id for record in new])

        self.engine.inbox.keep(keep)
        self.engine.inbox.take(before, live=False)
        self.engine.inbox.open(leads=True)

    def read(self, after: float = 5.0, size: float | None = None, things: float | None = None) -> list[str]:
        self.clock.passed += after
        gauges = {GaugeKey("size_bytes", (("thing", "ball"),)): size, GaugeKey("things"): things}
        known = {key: value for key, value in gauges.items() if value is not None}
        self.engine._take(Snapshot("shelf", self.clock.now(), 0.1, ToyFacts(), known))
        self.engine.tick()
        return [alert.rule for alert in self.engine.alerts()]

    def fail(self) -> None:
        self.engine._take(
            Failure("shelf", self.clock.now(), Cause.REFUSED, SafeText("connection refused"), SafeText(""))
        )
        self.engine.tick()


def _raised(clock: HandClock) -> Desk:
    one = Desk(clock)
    one.read(size=200)
    for _ in range(121):
        one.read(size=200)
    assert one.told == [What.RAISED]
    return one


def test_after_a_restart_a_rule_that_waits_long_need_not_wait_again() -> None:
    clock = HandClock()
    first = _raised(clock)
    began = first.engine.inbox.cases()[0].alert.at
    clock.passed += 30
    again = Desk(clock, first.records)
    assert again.read(size=200) == ["big"]
    assert again.told == []
    (case,) = again.engine.inbox.cases()
    assert (case.alert.at, case.alert.value) == (began, 200)
    assert again.engine.alerts()[0].at == began


def test_after_a_restart_hysteresis_holds_and_what_is_over_is_over() -> None:
    clock = HandClock()
    first = _raised(clock)
    again = Desk(clock, first.records)
    assert again.read(size=70) == ["big"]
    assert again.read(size=40) == []
    assert again.told == [What.CLEARED]
    over = Desk(clock, first.records[:1])
    assert over.read(size=40) == []
    assert over.read(size=70) == [], "what was seen to be over must not come back without being so again"
    for _ in range(int(SETTLING) // 5):
        over.read(size=40)
    assert over.told == [What.CLEARED]


def test_a_value_that_comes_late_after_a_restart_still_finds_its_case() -> None:
    clock = HandClock()
    first = _raised(clock)
    again = Desk(clock, first.records)
    assert again.read() == []
    assert again.read(size=200) == ["big"]
    assert again.told == []


def test_a_target_that_is_not_readable_after_a_restart_ends_nothing() -> None:
    clock = HandClock()
    first = _raised(clock)
    again = Desk(clock, first.records)
    for _ in range(100):
        clock.passed += 5
        again.fail()
    assert What.CLEARED not in again.told
    assert again.read(size=200) == ["big"]
    assert again.told == [What.RAISED, What.CLEARED], "only that it could not be read began and ended"


def test_what_another_system_said_is_not_told_as_said_now_while_it_cannot_be_read() -> None:
    class Told(ToyProbe):
        def raised(self, facts: ToyFacts) -> Sequence[Raised]:
            return [
                Raised(key="a", name=SafeText("TooManyToys"), severity=Severity.WARNING, words=SafeText("9 lie about"))
            ]

    desk = Desk(HandClock(), probe=Told)
    desk.read()
    seen = desk.clock.now()

    def told() -> list[str]:
        return [case.alert.words for case in desk.engine.cases() if case.alert.theirs is not None]

    assert told() == ["9 lie about"]
    for _ in range(2):
        desk.clock.passed += 5
        desk.fail()
        assert told() == [f"as of {seen:%H:%M:%S} UTC: 9 lie about"]
    desk.read()
    assert told() == ["9 lie about"]


def test_the_milder_limit_need_not_wait_when_the_worse_is_over() -> None:
    clock = HandClock()
    first = Desk(clock)
    for _ in range(125):
        first.read(size=2000)
    again = Desk(clock, first.records)
    assert again.read(size=2000) == ["huge"]
    assert again.read(size=200) == ["big"]
    assert again.told == [What.BETTER]


def test_a_rule_over_several_gauges_is_taken_up_again_too() -> None:
    clock = HandClock()
    condition = parse("shelf.things > 3 for 10m")
    rule = StandingRule(
        name="many", of=condition.of, levels=(Level(Severity.WARNING, condition.limit),), missing=Missing.KEEP
    )
    first = Desk(clock, standing=[rule])
    for _ in range(125):
        first.read(things=5)
    assert first.told == [What.RAISED]
    again = Desk(clock, first.records, standing=[rule])
    assert again.read(things=5) == ["many"]
    assert again.told == []
