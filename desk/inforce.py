"""The rules that are in force, one by one, and where each limit comes from: ours, or a line of the profile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from desk import words
from desk.condition import Comparison, duration
from desk.profile import Profile
from desk.rules import NO_ANSWER, SILENCE, rules_for
from desk.standing import StandingRule, unit_of
from probes.base import GaugeSpec, Handling, Rule, Severity, Unit


@dataclass(frozen=True, slots=True)
class InForce:
    """One limit of one rule, as a person reads it."""

    target: str
    rule: str
    severity: Severity
    when: str
    """What must be so: "disk_used_ratio > 85 %, clears at 84 %"."""
    handling: Handling
    """`origin` says where its limit comes from."""
    enabled: bool = True

    @property
    def record(self) -> Mapping[str, Any]:
        """As JSON values."""
        return {
            "target": self.target,
            "rule": self.rule,
            "severity": self.severity.name.lower(),
            "when": self.when,
            "from": self.handling.origin,
            "enabled": self.enabled,
        }


@dataclass(frozen=True, slots=True)
class Own:
    """What a target brings along: the rules of its kind, with the limits of its own table, and its gauges."""

    rules: Sequence[Rule]
    gauges: Sequence[GaugeSpec]


def in_force(profile: Profile, own: Mapping[str, Own]) -> Iterator[InForce]:
    """Every rule of a profile, target by target; the profile's own rules first. `own`: by target."""
    specs = {(name, spec.name): spec for name, one in own.items() for spec in one.gauges}

    def spec(target: str, gauge: str) -> GaugeSpec | None:
        return specs.get((target, gauge))

    for target in profile.targets:
        name = target.name
        for rules, enabled in ((profile.standing, True), (profile.off, False)):
            for standing in rules:
                if standing.targets[0] == name:
                    yield from _levels(name, standing, unit_of(standing.of, spec), enabled)
        units = {one.name: one.unit for one in own[name].gauges}
        known = [SILENCE, *own[name].rules]
        kept = {one.name: one for one in rules_for(target.kind, name, known, profile.changes)}
        for rule in {one.name: one for one in (*kept.values(), *known)}.values():
            rule = kept.get(rule.name, rule)
            enabled = rule.name in kept and rule.hold != _NEVER
            yield InForce(name, rule.name, rule.severity, _when(rule, units), rule.handling, enabled)


_NEVER: Final = float("inf")


def _levels(target: str, rule: StandingRule, unit: Unit, enabled: bool) -> Iterator[InForce]:
    for level in rule.levels:
        samples = f"{rule.samples}" if rule.samples is not None else ""
        said = _limit(level.limit.op, level.limit.value, level.clear, unit, level.limit.hold, rule.consecutive, samples)
        yield InForce(target, rule.name, level.severity, f"{rule.of} {said}", rule.handling, enabled)


def _when(rule: Rule, units: Mapping[str, Unit]) -> str:
    if rule.name == NO_ANSWER:
        lasting = _lasting(rule.hold, rule.consecutive)
        return "it can't be read" + "".join(f", {one}" for one in lasting)
    unit = units.get(rule.gauge, Unit.COUNT)
    samples = ""
    if rule.samples is not None:
        samples = f"{rule.samples} >= {words.amount(rule.min_samples, units.get(rule.samples, Unit.COUNT))}"
    said = _limit(rule.op, rule.threshold, rule.clear, unit, rule.hold, rule.consecutive, samples)
    return f"{rule.gauge} {said}"


def _limit(
    op: Comparison, value: float, clear: float | None, unit: Unit, hold: float, consecutive: int, samples: str
) -> str:
    parts = [f"{op} {words.amount(value, unit) if value else '0'}", *_lasting(hold, consecutive)]
    if clear is not None:
        parts.append(f"clears at {words.amount(clear, unit)}")
    if samples:
        parts.append(f"needs {samples}")
    return ", ".join(parts)


def _lasting(hold: float, consecutive: int) -> Iterable[str]:
    if 0 < hold != _NEVER:
        yield f"for {duration(hold)}"
    if consecutive > 1:
        yield f"{consecutive} readings in a row"
