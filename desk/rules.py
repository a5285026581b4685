"""Deciding what is worth a person's attention: rules over gauges, evaluated purely, reading by reading.

A ratio of two events raises nothing (minimum samples), a flicker raises nothing (hold, consecutive), and an alert that
wobbles at its limit stays raised until it is clearly over (hysteresis).
"""

from __future__ import annotations

import operator
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from desk import words
from desk.board import Slot
from probes.base import Failure, GaugeKey, GaugeSpec, Missing, Rule, Severity, Snapshot, State, Unit

_OPS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip

NO_ANSWER: Final = "no-answer"
"""The rule every target has: it must be readable."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something is wrong now, in words, with the number that proves it."""

    target: str
    rule: str
    severity: Severity
    gauge: str
    """Name of the gauge; empty when the target itself can't be read."""
    labels: tuple[tuple[str, str], ...]
    words: str
    since: float
    """When it was raised, monotonic seconds."""
    at: datetime
    """When it was raised, aware UTC."""
    value: float | None = None
    """The gauge's value now, in its base unit."""


@dataclass(slots=True)
class _Track:
    """The life of one rule on one gauge."""

    true_since: float | None = None
    times: int = 0
    raised: float | None = None
    raised_at: datetime | None = None
    value: float = 0.0
    words: str = ""


class _Words(string.Formatter):
    """Fills a rule's sentence from gauges and labels; what is absent reads "unknown"."""

    def __init__(self, key: GaugeKey, gauges: Mapping[GaugeKey, float], units: Mapping[str, Unit], rule: Rule) -> None:
        self._key = key
        self._gauges = gauges
        self._units = units
        self._rule = rule

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        name = str(key)
        if name == "limit":
            return words.amount(self._rule.threshold, self._unit(self._rule.gauge))
        if name == "value":
            return words.amount(self._gauges[self._key], self._unit(self._rule.gauge))
        for label, text in self._key.labels:
            if label == name:
                return text
        value = self._gauges.get(GaugeKey(name, self._key.labels), self._gauges.get(GaugeKey(name)))
        return "unknown" if value is None else words.amount(value, self._unit(name))

    def format_field(self, value: Any, format_spec: str) -> str:
        return str(value)

    def _unit(self, gauge: str) -> Unit:
        return self._units.get(gauge, Unit.COUNT)


def placeholders(sentence: str) -> set[str]:
    """The names a rule's sentence asks for.

    >>> sorted(placeholders("{queue}: {value} waiting"))
    ['queue', 'value']
    """
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@dataclass
class RuleBook:
    """The rules of one target, and the life of each. Fed with slots in order, one owner."""

    target: str
    rules: tuple[Rule, ...]
    specs: tuple[GaugeSpec, ...]
    grace: float = 0.0
    """Seconds a target that has never answered is given before that is an alert."""
    _tracks: dict[tuple[str, GaugeKey], _Track] = field(default_factory=dict)
    _units: dict[str, Unit] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._units = {spec.name: spec.unit for spec in self.specs}

    def judge(self, slot: Slot, now: float, at: datetime) -> tuple[Alert, ...]:
        """What is wrong with the target after its newest reading; worst first."""
        if slot.failure is not None:
            if slot.snapshot is None and now - slot.since < self.grace:
                return ()
            return (*_unreadable(slot, slot.failure, at), *self._standing())
        if slot.snapshot is None:
            return ()
        self._read(slot.snapshot, now, at)
        return self._standing()

    def _read(self, snapshot: Snapshot[Any], now: float, at: datetime) -> None:
        by_name: dict[str, list[GaugeKey]] = {}
        for key in snapshot.gauges:
            by_name.setdefault(key.name, []).append(key)
        for rule in self.rules:
            seen = by_name.get(rule.gauge, [])
            for key in seen:
                self._step(rule, key, snapshot.gauges, now, at)
            self._absent(rule, set(seen))

    def _step(self, rule: Rule, key: GaugeKey, gauges: Mapping[GaugeKey, float], now: float, at: datetime) -> None:
        track = self._tracks.setdefault((rule.name, key), _Track())
        value = gauges[key]
        if _holds(rule, key, gauges, raised=track.raised is not None):
            track.true_since = now if track.true_since is None else track.true_since
            track.times += 1
            if track.raised is None and now - track.true_since >= rule.hold and track.times >= rule.consecutive:
                track.raised, track.raised_at = now, at
            track.value = value
            track.words = _Words(key, gauges, self._units, rule).format(rule.say)
        else:
            del self._tracks[rule.name, key]

    def _absent(self, rule: Rule, seen: set[GaugeKey]) -> None:
        """A labelled gauge that vanished has ended; an unlabelled one is missing, which the rule's policy decides."""
        for name, key in [found for found in self._tracks if found[0] == rule.name and found[1] not in seen]:
            if key.labels or rule.missing is Missing.CLEAR:
                del self._tracks[name, key]

    def _standing(self) -> tuple[Alert, ...]:
        by_name = {rule.name: rule for rule in self.rules}
        found = [
            Alert(
                target=self.target,
                rule=name,
                severity=by_name[name].severity,
                gauge=key.name,
                labels=key.labels,
                words=track.words,
                since=track.raised,
                at=track.raised_at,
                value=track.value,
            )
            for (name, key), track in self._tracks.items()
            if track.raised is not None and track.raised_at is not None
        ]
        return tuple(worst_first(_once(found)))


def _holds(rule: Rule, key: GaugeKey, gauges: Mapping[GaugeKey, float], raised: bool) -> bool:
    if rule.samples is not None:
        samples = gauges.get(GaugeKey(rule.samples, key.labels), gauges.get(GaugeKey(rule.samples)))
        if samples is None or samples < rule.min_samples:
            return False
    limit = rule.clear if raised and rule.clear is not None else rule.threshold
    return _OPS[rule.op](gauges[key], limit)


def _once(alerts: Iterable[Alert]) -> Iterable[Alert]:
    """Of several rules on the same gauge only the worst speaks."""
    best: dict[tuple[str, tuple[tuple[str, str], ...]], Alert] = {}
    for alert in alerts:
        mark = (alert.gauge, alert.labels)
        if mark not in best or alert.severity > best[mark].severity:
            best[mark] = alert
    return best.values()


def worst_first(alerts: Iterable[Alert]) -> list[Alert]:
    """Alerts in the order a person should meet them: the worst, and of equals the oldest, first."""
    return sorted(alerts, key=lambda alert: (-alert.severity, alert.since, alert.target, alert.rule))


_MILD: Final = frozenset({State.DENIED, State.UNSUPPORTED, State.THROTTLED, State.PARTIAL})


def _unreadable(slot: Slot, failure: Failure, at: datetime) -> tuple[Alert, ...]:
    state = failure.cause.state
    since = slot.failing_since if slot.failing_since is not None else slot.since
    severity = Severity.WARNING if state in _MILD else Severity.CRITICAL
    text = f"{state.value} {failure.cause.value}: {failure.message}"
    return (Alert(slot.target.name, NO_ANSWER, severity, "", (), text, since, at),)


@dataclass(frozen=True, slots=True)
class RuleChange:
    """What a profile says about a rule: a new one, another limit, or off."""

    rule: str
    kind: str | None
    target: str | None
    enabled: bool
    values: Mapping[str, Any]
    """Fields of `Rule` to set."""

    def suits(self, kind: str, name: str) -> bool:
        """True when it speaks of this target."""
        return self.kind in (None, kind) and self.target in (None, name)

    def apply(self, rules: dict[str, Rule]) -> None:
        """Change `rules` in place."""
        if not self.enabled:
            rules.pop(self.rule, None)
            return
        known = rules.get(self.rule)
        base = {} if known is None else {name: getattr(known, name) for name in Rule.__dataclass_fields__}
        rules[self.rule] = Rule(**{**base, "name": self.rule, **self.values})


def rules_for(kind: str, name: str, defaults: Iterable[Rule], changes: Iterable[RuleChange]) -> tuple[Rule, ...]:
    """A kind's rules with the profile's changes for this kind or target applied, in order."""
    rules = {rule.name: rule for rule in defaults}
    for change in changes:
        if change.suits(kind, name):
            change.apply(rules)
    return tuple(rules.values())
