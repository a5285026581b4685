"""Deciding what is worth a person's attention: rules over gauges, evaluated purely, reading by reading.

A ratio of two events raises nothing (minimum samples), a flicker raises nothing (hold, consecutive), and an alert that
wobbles at its limit stays raised until it is clearly over (hysteresis).
"""

from __future__ import annotations

import math
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, Final

from desk import words
from desk.alert import Alert, worst_first
from desk.board import Slot
from desk.life import Bar, Life
from probes.base import PLAIN, Failure, GaugeKey, GaugeSpec, Handling, Missing, Rule, Severity, Snapshot, State, Unit

NO_ANSWER: Final = "no-answer"
"""The rule every target has: it must be readable."""

SILENCE: Final = Rule(
    name=NO_ANSWER, gauge="", op="==", threshold=0.0, severity=Severity.CRITICAL, say="it can't be read"
)
"""As it is where a profile says nothing else: at once, and critical, but for what is denied or throttled."""


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
        return words.counted(str(value), format_spec)

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
    _lives: dict[tuple[str, GaugeKey], Life] = field(default_factory=dict)
    _blind: dict[tuple[str, GaugeKey], Life] = field(default_factory=dict)
    _units: dict[str, Unit] = field(default_factory=dict)
    _silence: Rule = SILENCE

    def __post_init__(self) -> None:
        self._units = {spec.name: spec.unit for spec in self.specs}
        self._silence = next((rule for rule in self.rules if rule.name == NO_ANSWER), SILENCE)

    def judge(self, slot: Slot, now: float, at: datetime) -> tuple[Alert, ...]:
        """What is wrong with the target after its newest reading; worst first."""
        if slot.failure is not None:
            if slot.snapshot is None and now - slot.since < self.grace:
                return ()
            return (*_unreadable(self._silence, slot, slot.failure, now, at), *self._standing(now, at))
        if slot.snapshot is None:
            return ()
        self._read(slot.snapshot, now, at, slot.patience)
        return self._standing(now, at)

    def resume(self, alert: Alert, now: float) -> None:
        """An earlier session had raised this: its rule, and the milder ones on the same number, need not wait again."""
        for rule in self.rules if alert.gauge and alert.theirs is None else ():
            if rule.gauge == alert.gauge and (rule.name == alert.rule or rule.severity < alert.severity):
                life = self._lives.setdefault((rule.name, GaugeKey(alert.gauge, alert.labels)), Life())
                life.resume(alert.since, alert.at, now, alert.words)

    def _read(self, snapshot: Snapshot[Any], now: float, at: datetime, patience: float) -> None:
        by_name: dict[str, list[GaugeKey]] = {}
        for key in snapshot.gauges:
            by_name.setdefault(key.name, []).append(key)
        for rule in self.rules:
            seen = by_name.get(rule.gauge, [])
            for key in seen:
                self._step(rule, key, snapshot.gauges, now, at, patience)
            self._absent(rule, set(seen))
            self._look_for_silence(rule, bool(seen), now, at)

    def _step(
        self, rule: Rule, key: GaugeKey, gauges: Mapping[GaugeKey, float], now: float, at: datetime, patience: float
    ) -> None:
        life = self._lives.setdefault((rule.name, key), Life())
        if _enough(rule, key, gauges) and life.step(_bar(rule), gauges[key], now, at, patience):
            life.words = _Words(key, gauges, self._units, rule).format(rule.say)
        else:
            del self._lives[rule.name, key]

    def _absent(self, rule: Rule, seen: set[GaugeKey]) -> None:
        """A labelled gauge that vanished has ended; an unlabelled one is missing, which the rule's policy decides."""
        for name, key in [found for found in self._lives if found[0] == rule.name and found[1] not in seen]:
            if key.labels or rule.missing is Missing.CLEAR:
                del self._lives[name, key]

    def _look_for_silence(self, rule: Rule, known: bool, now: float, at: datetime) -> None:
        mark = (rule.name, GaugeKey(rule.gauge))
        if rule.missing is Missing.ALERT and not known:
            life = self._blind.setdefault(mark, Life(words=f"no value of {rule.gauge}"))
            life.step(Bar(">", 0.0, None, rule.hold, rule.consecutive), 1.0, now, at)
        else:
            self._blind.pop(mark, None)

    def _standing(self, now: float, at: datetime) -> tuple[Alert, ...]:
        by_name = {rule.name: rule for rule in self.rules}
        told = {id(life): life.told(now, at) for life in (*self._lives.values(), *self._blind.values())}
        found = [
            Alert(
                target=self.target,
                rule=name,
                severity=by_name[name].severity,
                gauge=key.name,
                labels=key.labels,
                words=told[id(life)][0],
                since=life.raised,
                at=life.raised_at,
                value=told[id(life)][1] if (name, key) in self._lives else None,
                handling=by_name[name].handling,
                limit=by_name[name].threshold,
                unit=self._units.get(key.name, Unit.COUNT),
            )
            for (name, key), life in (*self._lives.items(), *self._blind.items())
            if life.raised is not None and life.raised_at is not None
        ]
        return tuple(worst_first(_once(found)))


def _enough(rule: Rule, key: GaugeKey, gauges: Mapping[GaugeKey, float]) -> bool:
    if rule.samples is None:
        return True
    samples = gauges.get(GaugeKey(rule.samples, key.labels), gauges.get(GaugeKey(rule.samples)))
    return samples is not None and samples >= rule.min_samples


def _bar(rule: Rule) -> Bar:
    return Bar(rule.op, rule.threshold, rule.clear, rule.hold, rule.consecutive)


def _once(alerts: Iterable[Alert]) -> Iterable[Alert]:
    """Of several rules on the same gauge only the worst speaks."""
    best: dict[tuple[str, tuple[tuple[str, str], ...]], Alert] = {}
    for alert in alerts:
        mark = (alert.gauge, alert.labels)
        if mark not in best or alert.severity > best[mark].severity:
            best[mark] = alert
    return best.values()


_MILD: Final = frozenset({State.DENIED, State.UNSUPPORTED, State.THROTTLED, State.PARTIAL})


def _unreadable(rule: Rule, slot: Slot, failure: Failure, now: float, at: datetime) -> tuple[Alert, ...]:
    state = failure.cause.state
    since = slot.failing_since if slot.failing_since is not None else slot.since
    if now - since < rule.hold or max(slot.misses, 1) < rule.consecutive:
        return ()
    severity = min(Severity.WARNING, rule.severity) if state in _MILD else rule.severity
    text = f"{state.value} {failure.cause.value}: {failure.message}"
    began = at - timedelta(seconds=now - since)
    return (Alert(slot.target.name, NO_ANSWER, severity, "", (), text, since, began, handling=rule.handling),)


@dataclass(frozen=True, slots=True)
class RuleChange:
    """What a profile says about a rule: a new one, another limit, or off."""

    rule: str
    kind: str | None
    target: str | None
    enabled: bool
    values: Mapping[str, Any]
    """Fields of `Rule` to set."""
    origin: str = ""
    """Where it stands: "opsroom.toml:41"; a limit that it sets comes from there."""

    def suits(self, kind: str, name: str) -> bool:
        """True when it speaks of this target."""
        return self.kind in (None, kind) and self.target in (None, name)

    def apply(self, rules: dict[str, Rule]) -> None:
        """Change `rules` in place."""
        known = rules.get(self.rule, SILENCE if self.rule == NO_ANSWER else None)
        if not self.enabled:
            rules.pop(self.rule, None)
            if self.rule == NO_ANSWER:
                rules[self.rule] = replace(SILENCE, hold=math.inf)
            return
        base = {} if known is None else {name: getattr(known, name) for name in Rule.__dataclass_fields__}
        handling = merged(PLAIN if known is None else known.handling, self.values.get("handling", PLAIN))
        if self.origin and not self.values.keys().isdisjoint(_LIMITING):
            handling = replace(handling, origin=self.origin)
        if known is not None and "threshold" in self.values:
            base["clear"] = _moved(known, self.values["threshold"])
        rules[self.rule] = Rule(**{**base, "name": self.rule, **self.values, "handling": handling})


_LIMITING: Final = frozenset(Rule.__dataclass_fields__) - {"name", "say", "handling"}
"""What of a rule decides when it speaks."""


def _moved(known: Rule, threshold: float) -> float | None:
    """Where an alert clears when its limit is moved: as far from it, in proportion, as it was.

    >>> rule = Rule(name="x", gauge="x", op=">", threshold=80, clear=60, severity=Severity.NOTICE, say="x")
    >>> _moved(rule, 40), _moved(replace(rule, threshold=0), 40)
    (30.0, None)
    """
    if known.clear is None or not known.threshold:
        return None
    return known.clear * threshold / known.threshold


def merged(known: Handling, said: Handling) -> Handling:
    """What is known of how to handle it, with what is said besides."""
    more = {one.name: getattr(said, one.name) for one in fields(Handling)}
    return replace(known, **{name: value for name, value in more.items() if value != getattr(PLAIN, name)})


def rules_for(kind: str, name: str, defaults: Iterable[Rule], changes: Iterable[RuleChange]) -> tuple[Rule, ...]:
    """A kind's rules with the profile's changes for this kind or target applied, in order."""
    rules = {rule.name: rule for rule in defaults}
    for change in changes:
        if change.suits(kind, name):
            change.apply(rules)
    return tuple(rules.values())
