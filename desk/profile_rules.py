"""The `[[rule]]` tables of a profile, checked against its targets and their kinds."""

from __future__ import annotations

import string
from collections.abc import Iterable
from typing import Final

from desk import ruletable
from desk.evaluate import COMPARE
from desk.kindtable import KindFacts, KindTable
from desk.profile_faults import Findings, guess
from desk.rules import NO_ANSWER, RuleChange, placeholders
from desk.ruletable import RuleTable
from desk.standing import StandingRule, spread
from desk.theirs import Theirs
from desk.words import is_noun
from probes.base import Rule, SafeText, Target

_LABELS: Final = frozenset(
    {"alert", "backend", "database", "level", "on", "process", "project", "severity", "state", "status", "what", "why"}
)
"""Labels that some gauges carry and no kind's own rule speaks of; those that one does are known from it."""


class Rules:
    """What the tables say, one after the other."""

    def __init__(self, kinds: KindTable, findings: Findings) -> None:
        self._kinds = kinds
        self._names = list(kinds.names())
        self._findings = findings
        self._named_rules: set[tuple[str, str]] = set()
        self.changes: list[RuleChange] = []
        """What differs from the rules of kinds."""
        self.standing: list[StandingRule] = []
        """Rules over any gauges."""
        self.off: list[StandingRule] = []
        """Those of them that are switched off."""
        self.theirs: list[Theirs] = []
        """What is said about the alerts of other systems."""

    @property
    def names(self) -> Iterable[str]:
        """Every name that one of them has."""
        yield from (one.rule for one in self.changes)
        for rule in (*self.standing, *self.off):
            yield from (rule.name, *rule.handling.aliases)

    def read(self, tables: object, targets: list[Target]) -> None:
        """Take in every `[[rule]]`; `tables` is what stands there."""
        if not isinstance(tables, list):
            self._findings.wrong(("rule",), "must be written as [[rule]]")
            return
        for number, table in enumerate(tables):
            entry = self._findings.check(RuleTable, table, ("rule", number))
            if entry is None:
                continue
            if entry.theirs is not None:
                self._instruct(entry, number, targets)
            elif entry.when is not None:
                (self.standing if entry.enabled else self.off).extend(self._standing(entry, number, targets))
            elif self._suits(entry, number, targets):
                self.changes.append(ruletable.change(entry, self._origin(entry, number)))

    def _standing(self, entry: RuleTable, number: int, targets: list[Target]) -> Iterable[StandingRule]:
        kinds = {target.name: target.kind for target in targets}
        reader = ruletable.RuleReader(kinds, lambda kind: [one.name for one in self._kinds.facts(kind).gauges], guess)
        rule = reader.rule(entry, self._origin(entry, number))
        for key, message in reader.problems:
            self._findings.wrong(("rule", number, key), message)
        found = spread(rule, ruletable.kinds_of(rule, kinds)) if rule is not None else ()
        if twice := [one.targets[0] for one in found if (one.name, one.targets[0]) in self._named_rules]:
            self._findings.wrong(("rule", number, "name"), f"is already the name of a rule about {twice[0]}")
        self._named_rules |= {(one.name, one.targets[0]) for one in found}
        return found

    def _instruct(self, entry: RuleTable, number: int, targets: list[Target]) -> None:
        said, wrong = ruletable.instruction(entry)
        names = [target.name for target in targets]
        wrong += [
            (key, "is not a target of this profile" + guess(name, names))
            for key, name in (("target", entry.target), ("see", entry.see or None))
            if name is not None and name not in names
        ]
        for key, message in wrong:
            self._findings.wrong(("rule", number, key), message)
        self.theirs.append(said)

    def _origin(self, entry: RuleTable, number: int) -> str:
        return ruletable.place(entry, self._findings.file, self._findings.line(("rule", number)))

    def _suits(self, entry: RuleTable, number: int, targets: list[Target]) -> bool:
        """True when the entry names things that exist and makes a complete rule for each target it is for."""
        before = len(self._findings.problems)
        if entry.kind is not None and entry.kind not in self._names:
            self._findings.wrong(("rule", number, "kind"), "is not a known kind" + guess(entry.kind, self._names))
        names = [target.name for target in targets]
        if entry.target is not None and entry.target not in names:
            self._findings.wrong(
                ("rule", number, "target"), "is not a target of this profile" + guess(entry.target, names)
            )
        if entry.see and entry.see not in names:
            self._findings.wrong(("rule", number, "see"), "is not a target of this profile" + guess(entry.see, names))
        for key in ("critical", "critical_clear"):
            if getattr(entry, key) is not None:
                self._findings.wrong(("rule", number, key), "goes with when only")
        change = ruletable.change(entry)
        kinds = {target.kind for target in targets if change.suits(target.kind, target.name)}
        if len(self._findings.problems) == before:
            for kind in sorted(kinds):
                self._complete(entry, change, kind, number)
        return len(self._findings.problems) == before

    def _complete(self, entry: RuleTable, change: RuleChange, kind: str, number: int) -> None:
        facts = self._kinds.facts(kind)
        rules = {rule.name: rule for rule in facts.rules}
        if entry.name == NO_ANSWER:
            for key in sorted({"gauge", "op", "threshold", "say", "clear", "missing", "samples", "min_samples"}):
                if getattr(entry, key) is not None:
                    self._findings.wrong(("rule", number, key), f"does not go with {NO_ANSWER}: it is about no gauge")
            return
        if entry.name not in rules and not entry.enabled:
            self._findings.wrong(
                ("rule", number, "name"), f"{kind} has no rule of that name" + guess(entry.name, rules)
            )
            return
        try:
            change.apply(rules)
        except TypeError:
            near = guess(entry.name, [rule.name for rule in facts.rules])
            self._findings.wrong(
                ("rule", number), f"a new rule for {kind} needs gauge, op, threshold, severity and say{near}"
            )
            return
        if entry.enabled:
            rule = rules[entry.name]
            if rule.clear is not None and (rule.op in ("==", "!=") or COMPARE[rule.op](rule.clear, rule.threshold)):
                self._findings.wrong(
                    ("rule", number, "clear"), f"must not be beyond the limit itself, which is {rule.threshold:g}"
                )
            self._gauges(rule, facts, kind, number)

    def _gauges(self, rule: Rule, facts: KindFacts, kind: str, number: int) -> None:
        gauges = [spec.name for spec in facts.gauges]
        for key, name in (("gauge", rule.gauge), ("samples", rule.samples)):
            if name is not None and name not in gauges:
                self._findings.wrong(("rule", number, key), f"{kind} has no gauge of that name" + guess(name, gauges))
        try:
            asked = _fields(rule.say)
        except ValueError:
            self._findings.wrong(("rule", number, "say"), "has an unpaired brace; write {{ or }} for a brace itself")
            return
        known = _sayable(facts)
        for name in sorted(asked - known):
            said = f"{kind} has no gauge or label for {{{SafeText(name, 60)}}}" if name else "has { } around nothing"
            self._findings.wrong(("rule", number, "say"), said + guess(name, sorted(known)))


def _fields(sentence: str) -> set[str]:
    """What stands between the braces of a sentence, as far as it must be a name. ValueError for a single brace."""
    names: set[str] = set()
    for _, name, noun, how in string.Formatter().parse(sentence):
        if name is not None:
            names.add(f"{name}!{how}" if how else name if is_noun(noun) else f"{name}:{noun}")
    return names


def _sayable(facts: KindFacts) -> set[str]:
    """Every name that a sentence about a kind may ask for."""
    labels = set[str]().union(*(placeholders(rule.say) for rule in facts.rules))
    return {"value", "limit", *(spec.name for spec in facts.gauges), *labels, *_LABELS}
