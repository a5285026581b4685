"""Rules that a profile writes as `when`: over gauges of any targets, with statistics, and with two limits as one rule.

A kind's own rules look at one reading of one target (`desk.rules`); these look at what is remembered of all of them.
They are judged after each reading of a target that they name.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, TypeAlias

from desk import words
from desk.alert import Alert
from desk.condition import Across, Condition, Expression, Gauge, Limit, Number, Over, Sum, duration, gauges
from desk.evaluate import COMPARE, Labels, Memory, Values, values
from desk.life import Bar, Life
from probes.base import PLAIN, GaugeKey, GaugeSpec, Handling, Missing, Severity, Unit

SpecOf = Callable[[str, str], GaugeSpec | None]
"""(target, gauge): the gauge's declaration; None where it has none."""


@dataclass(frozen=True, slots=True)
class Level:
    """One limit of a rule."""

    severity: Severity
    limit: Limit
    clear: float | None = None
    """Clears only at or beyond this value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingRule:
    """A rule over an expression. Several limits of one number are levels of one rule: the worst that holds speaks."""

    name: str
    of: Expression
    levels: tuple[Level, ...]
    """At least one; mild before severe."""
    say: str = ""
    """As a kind's rule says it; empty: the expression, its value and the limit."""
    consecutive: int = 1
    missing: Missing = Missing.KEEP
    """What it does when there is no value at all; ALERT: that counts as beyond the mildest limit, in one row with
    values that are, so that an error and then silence are two in a row. A reading that failed ends nothing."""
    samples: Condition | None = None
    """What must be so for there to be enough behind the number: `delta(api.requests_total, 5m) >= 50`."""
    handling: Handling = PLAIN

    @property
    def targets(self) -> tuple[str, ...]:
        """Every target it looks at, the one that its alerts are about first."""
        found = [*gauges(self.of), *(gauges(self.samples.of) if self.samples is not None else ())]
        return tuple(dict.fromkeys(gauge.source for gauge in found))

    @property
    def key(self) -> str:
        """What makes its alerts its own, whichever of its limits is passed; likes of it for other targets differ."""
        return f"rule {self.name}" + "".join(f" {target}" for target in self.targets[1:])

    @property
    def pinned(self) -> Labels:
        """The labels that it names by `=`; none for a sum over many."""
        if isinstance(self.of, Across):
            return ()
        equal = {(where.label, where.text) for one in gauges(self.of) for where in one.where if where.how == "="}
        return tuple(sorted(equal))

    def at_once(self) -> StandingRule:
        """The same rule without waiting to see whether it lasts."""
        levels = tuple(replace(level, limit=replace(level.limit, hold=0.0)) for level in self.levels)
        return replace(self, levels=levels, consecutive=1)


_Mark: TypeAlias = tuple[int, Labels, int]
"""Place of a rule, labels of a value, place of a level."""


@dataclass
class StandingBook:
    """The standing rules of a system, and the life of each limit. One owner."""

    rules: Sequence[StandingRule]
    spec: SpecOf
    _lives: dict[_Mark, Life] = field(default_factory=dict)
    _units: list[Unit] = field(default_factory=list)
    _by_target: dict[str, list[int]] = field(default_factory=dict)
    _judged: dict[int, tuple[float, datetime]] = field(default_factory=dict)
    """By the place of a rule when it was looked at last: monotonic seconds, and aware UTC."""

    def __post_init__(self) -> None:
        self._units = [unit_of(rule.of, self.spec) for rule in self.rules]
        for place, rule in enumerate(self.rules):
            for target in rule.targets:
                self._by_target.setdefault(target, []).append(place)

    def judge(self, target: str, memory: Memory, now: float, at: datetime) -> None:
        """Look again at every rule that names this target."""
        for place in self._by_target.get(target, ()):
            self._judge(place, memory, now, at)

    def resume(self, alert: Alert, now: float) -> None:
        """An earlier session had raised this: its limit, and the milder ones of its rule, need not wait again."""
        for place in self._by_target.get(alert.target, ()):
            if self.rules[place].key != alert.key:
                continue
            for number, level in enumerate(self.rules[place].levels):
                if level.severity <= alert.severity:
                    life = self._lives.setdefault((place, alert.labels, number), Life())
                    life.resume(alert.since, alert.at, now, alert.words)

    def standing(self) -> list[Alert]:
        """What the rules say now, in no order; of one number only its worst level."""
        best: dict[tuple[int, Labels], tuple[Level, Life]] = {}
        for (place, labels, number), life in self._lives.items():
            level = self.rules[place].levels[number]
            if life.raised is None:
                continue
            if (place, labels) not in best or level.severity > best[place, labels][0].severity:
                best[place, labels] = level, life
        return [self._alert(place, labels, life, level) for (place, labels), (level, life) in best.items()]

    def _counter(self, target: str, gauge: str) -> bool:
        spec = self.spec(target, gauge)
        return spec is not None and spec.counter

    def _judge(self, place: int, memory: Memory, now: float, at: datetime) -> None:
        rule = self.rules[place]
        self._judged[place] = now, at
        found = values(rule.of, memory, now, self._counter)
        patience = max(memory.patience(target) for target in rule.targets)
        for labels, value in found.items():
            known = value if self._enough(rule, labels, memory, now) else None
            for number in range(len(rule.levels)):
                self._step((place, labels, number), known, now, at, patience)
        self._miss(place, found, all(memory.answered(target) for target in rule.targets))
        if not found and rule.missing is Missing.ALERT:
            labels = next((mark[1] for mark in self._lives if mark[0] == place and mark[2] == 0), rule.pinned)
            life = self._lives.setdefault((place, labels, 0), Life())
            life.passed(_bar(rule, rule.levels[0]), None, now, at, patience)
            life.words = f"{rule.name}: no value of {rule.of}"

    def _miss(self, place: int, found: Values, answered: bool) -> None:
        """End what is no longer there.

        Of many things one that vanishes has ended, as soon as a reading shows it; the value that a rule names, by all
        of its labels or because it has none, is missing, which the rule's policy decides.
        """
        rule = self.rules[place]
        for mark in [mark for mark in self._lives if mark[0] == place and mark[1] not in found]:
            named = set(mark[1]) <= set(rule.pinned)
            if found or (answered and (not named or rule.missing is Missing.CLEAR)):
                del self._lives[mark]

    def _step(self, mark: _Mark, value: float | None, now: float, at: datetime, patience: float) -> None:
        place, labels, number = mark
        rule = self.rules[place]
        level = rule.levels[number]
        life = self._lives.setdefault(mark, Life())
        if value is None or not life.step(_bar(rule, level), value, now, at, patience):
            del self._lives[mark]
        else:
            life.words = self._sentence(rule, level, labels, value, self._units[place])

    def _enough(self, rule: StandingRule, labels: Labels, memory: Memory, now: float) -> bool:
        if rule.samples is None:
            return True
        found = values(rule.samples.of, memory, now, self._counter)
        behind = found.get(labels, found.get(()))
        return behind is not None and COMPARE[rule.samples.limit.op](behind, rule.samples.limit.value)

    def _sentence(self, rule: StandingRule, level: Level, labels: Labels, value: float, unit: Unit) -> str:
        said, limit = words.amount(value, unit), words.amount(level.limit.value, unit)
        if rule.say:
            return _Words({"value": said, "limit": limit, **dict(labels)}).format(rule.say)
        about = f" of {', '.join(text for _, text in labels)}" if labels else ""
        lasting = f" for {duration(level.limit.hold)}" if level.limit.hold else ""
        past = level.limit.op[0] in "<>" and not COMPARE[level.limit.op](value, level.limit.value)
        tense = "was " if past else ""  # back within its limit, not yet far enough to clear
        return f"{rule.name}{about} is {said}, {tense}{_BEYOND[level.limit.op]} {limit}{lasting}"

    def _alert(self, place: int, labels: Labels, life: Life, level: Level) -> Alert:
        assert life.raised is not None
        assert life.raised_at is not None
        rule = self.rules[place]
        said, value = life.told(*self._judged.get(place, (life.seen, life.raised_at)))
        about = next(gauges(rule.of))
        return Alert(
            target=about.source,
            rule=rule.name,
            severity=level.severity,
            gauge=about.name,
            labels=labels,
            words=said,
            since=life.raised,
            at=life.raised_at,
            value=value,
            handling=rule.handling,
            limit=level.limit.value,
            unit=self._units[place],
            key=rule.key,
        )


def _bar(rule: StandingRule, level: Level) -> Bar:
    return Bar(level.limit.op, level.limit.value, level.clear, level.limit.hold, rule.consecutive)


_BEYOND: Final[Mapping[str, str]] = {
    ">": "more than", ">=": "at least", "<": "less than", "<=": "at most", "==": "which is", "!=": "and not",
}  # fmt: skip


class _Words(string.Formatter):
    """Fills a sentence; what is absent reads "unknown"."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        return self._known.get(str(key), "unknown")

    def format_field(self, value: Any, format_spec: str) -> str:
        return words.counted(str(value), format_spec)


_PER_SECOND: Final = {Unit.COUNT: Unit.PER_SECOND, Unit.BYTES: Unit.BYTES_PER_SECOND, Unit.SECONDS: Unit.RATIO}
"""What a unit becomes per second; seconds per second are a share of the time."""


def _labelled(of: Gauge) -> str:
    """The gauge with the labels that it names, as a kind whose likes differ in unit declares it."""
    equal = {where.label: where.text for where in of.where if where.how == "="}
    return str(GaugeKey(of.name, tuple(sorted(equal.items()))))


def unit_of(of: Expression, spec: SpecOf) -> Unit:
    """In which unit an expression is told: a share of two alike is a ratio, what has no unit is a plain number."""
    match of:
        case Gauge():
            known = spec(of.source, _labelled(of)) or spec(of.source, of.name)
            return Unit.COUNT if known is None else known.unit
        case Over():
            unit = unit_of(of.gauge, spec)
            return _PER_SECOND.get(unit, Unit.COUNT) if of.statistic == "rate" else unit
        case Across():
            return Unit.COUNT if of.total == "count" else unit_of(of.of, spec)
        case Number():
            return Unit.COUNT
        case Sum():
            left, right = unit_of(of.left, spec), unit_of(of.right, spec)
            if of.op == "/":
                return left if isinstance(of.right, Number) else Unit.RATIO if left is right else Unit.COUNT
            if of.op == "*":
                return right if isinstance(of.left, Number) else left if isinstance(of.right, Number) else Unit.COUNT
            return left if left is right or isinstance(of.right, Number) else right


def spread(rule: StandingRule, kinds: Mapping[str, Iterable[str]]) -> tuple[StandingRule, ...]:
    """The rule for each target of the kind that it names; itself where it names none. `kinds`: kind to its targets.

    Every gauge of that kind in it is then of the same target.
    """
    named = dict.fromkeys(target for target in rule.targets if target in kinds)
    found = [rule]
    for kind in named:
        found = [_renamed(one, kind, target) for one in found for target in kinds[kind]]
    return tuple(found)


def _renamed(rule: StandingRule, kind: str, target: str) -> StandingRule:
    samples = None
    if rule.samples is not None:
        samples = Condition(of_target(rule.samples.of, kind, target), rule.samples.limit)
    return StandingRule(
        name=rule.name, of=of_target(rule.of, kind, target), levels=rule.levels, say=rule.say, handling=rule.handling,
        consecutive=rule.consecutive, missing=rule.missing, samples=samples,
    )  # fmt: skip


def of_target(of: Expression, kind: str, target: str) -> Expression:
    """An expression with every gauge of a kind as that of one target."""
    match of:
        case Gauge():
            return Gauge(target, of.name, of.where) if of.source == kind else of
        case Over():
            return Over(of.statistic, _gauge(of.gauge, kind, target), of.window, of.ago)
        case Across():
            return Across(of.total, of_target(of.of, kind, target))
        case Sum():
            return Sum(of.op, of_target(of.left, kind, target), of_target(of.right, kind, target))
        case Number():
            return of


def _gauge(of: Gauge, kind: str, target: str) -> Gauge:
    return Gauge(target, of.name, of.where) if of.source == kind else of
