"""`[[rule]]` of a profile: its keys, and what they make: a change of a kind's own rule, or a rule over any gauges."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from desk.condition import (
    Condition,
    ConditionError,
    Expression,
    Gauge,
    gauges,
    parse,
    parse_duration,
    parse_expression,
    parse_limit,
)
from desk.evaluate import COMPARE
from desk.rules import RuleChange
from desk.standing import Level, StandingRule
from desk.theirs import Theirs
from desk.words import is_noun
from probes.base import OURS, Handling, Missing, Severity

_KIND_ONLY: Final = ("kind", "target", "gauge", "op", "threshold", "hold", "min_samples")
"""Keys of a rule of one kind; a rule with `when` says all of that there."""

SUGGESTED: Final = f"{OURS} in "
"""Stands before the place of a figure that nobody has given, so that nobody takes it for the system's own."""

_HANDLING: Final = ("respond", "procedure", "aliases", "suggest", "see", "search", "mute")


class RuleTable(BaseModel):
    """`[[rule]]`: a rule of one's own, another limit for a known one, or one switched off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        min_length=1,
        max_length=60,
        description="The rule's name; a kind's own rule of that name is changed, any other is new.",
    )
    when: str | None = Field(
        None,
        description='What it is about, its limit and for how long: "jobs.depth > 1000 for 5m". Gauges of any targets, '
        "ratios and sums of them, avg min max p50 p90 p95 p99 rate delta over some time.",
    )
    theirs: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Name of an alert that another system raises, * for any text: what to do about it is said here.",
    )
    critical: str | None = Field(
        None, description='A second, worse limit of the same number: "> 5000 for 1m". Only with when.'
    )
    critical_clear: float | None = Field(
        None, allow_inf_nan=False, description="The second limit clears only at or beyond this value."
    )
    kind: str | None = Field(None, description="Only for targets of this kind.")
    target: str | None = Field(None, description="Only for this target.")
    enabled: bool = Field(True, description="false switches the rule off.")
    gauge: str | None = Field(None, description="The gauge it looks at.")
    op: Literal[">", ">=", "<", "<=", "==", "!="] | None = Field(None, description="How the gauge is compared.")
    threshold: float | None = Field(None, allow_inf_nan=False, description="The limit, in the gauge's base unit.")
    severity: Literal["notice", "warning", "critical"] | None = Field(None, description="How much it matters.")
    say: str | None = Field(
        None,
        description="The sentence; {value}, {limit}, labels, other gauges are filled in; {value:job}: 1 job, 2 jobs.",
    )
    hold: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="Seconds it must be true before it is raised."
    )
    consecutive: int | None = Field(None, ge=1, description="Readings in a row that must say so.")
    clear: float | None = Field(None, allow_inf_nan=False, description="It clears only at or beyond this value.")
    missing: Literal["keep", "clear", "alert"] | None = Field(
        None, description="What a missing value does: leaves the alert as it is, ends it, or is an alert itself."
    )
    samples: str | None = Field(
        None,
        description="What counts the samples behind the number: a gauge; with when also an expression and its limit, "
        '"delta(api.requests_total, 5m) >= 50".',
    )
    min_samples: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="No alert from fewer samples than this."
    )
    respond: str | None = Field(None, description='In which time somebody should have acknowledged it: "30m".')
    procedure: str = Field("", max_length=200, description="The procedure to follow, or where it is written.")
    aliases: tuple[str, ...] = Field((), description="Other names by which people and runbooks call it.")
    suggest: str = Field("", max_length=300, description="What usually helps, in a sentence.")
    see: str = Field("", description="The target to look at next.")
    search: str = Field("", max_length=200, description="What to search for in that target's log.")
    mute: bool = Field(False, description="true: judged and shown, but nobody is told.")
    ours: bool = Field(
        False, description="true: nobody has given this figure, so it is shown as Opsroom's; look at it when you can."
    )

    @field_validator("respond")
    @classmethod
    def _a_length_of_time(cls, text: str | None) -> str | None:
        if text is not None:
            parse_duration(text)
        return text

    @property
    def handling(self) -> Handling:
        """What a person should do about its alerts."""
        return Handling(
            respond=None if self.respond is None else parse_duration(self.respond),
            procedure=self.procedure,
            aliases=self.aliases,
            suggest=self.suggest,
            see=self.see,
            search=self.search,
            muted=self.mute,
        )


def place(entry: RuleTable, file: str, line: int | None) -> str:
    """Where an entry's limit comes from, as a person is told: "opsroom.toml:41"."""
    where = file.rpartition("/")[2] + (f":{line}" if line is not None else "")
    return SUGGESTED + where if entry.ours else where


def change(entry: RuleTable, origin: str = "") -> RuleChange:
    """What an entry without `when` says about the rules of kinds. `origin`: where it stands."""
    fields = ("gauge", "op", "threshold", "say", "hold", "consecutive", "clear", "samples", "min_samples")
    values: dict[str, Any] = {name: getattr(entry, name) for name in fields if getattr(entry, name) is not None}
    if entry.severity is not None:
        values["severity"] = Severity[entry.severity.upper()]
    if entry.missing is not None:
        values["missing"] = Missing(entry.missing)
    if any(getattr(entry, name) for name in _HANDLING):
        values["handling"] = entry.handling
    return RuleChange(entry.name, entry.kind, entry.target, entry.enabled, values, origin)


_OURS_ONLY: Final = (
    "when", "critical", "critical_clear", *_KIND_ONLY[:1], *_KIND_ONLY[2:], "say", "consecutive", "clear", "missing",
    "samples",
)  # fmt: skip
"""Keys of our own rules; another system's alert has its own limit and words."""


def instruction(entry: RuleTable) -> tuple[Theirs, list[tuple[str, str]]]:
    """What an entry with `theirs` says, and (key, what is wrong)."""
    wrong = [
        (key, "goes without theirs: that alert has its own limit and words")
        for key in _OURS_ONLY
        if getattr(entry, key) is not None
    ]
    if not entry.enabled:
        wrong.append(("enabled", "goes without theirs: write mute = true, so that nobody is told"))
    if entry.ours:
        wrong.append(("ours", "goes without theirs: the figure is theirs"))
    severity = None if entry.severity is None else Severity[entry.severity.upper()]
    return Theirs(entry.theirs or "", entry.target, severity, entry.handling), wrong


GaugesOf = Callable[[str], Iterable[str]]
"""The gauges of a kind."""


class RuleReader:
    """Makes a standing rule out of an entry with `when`, and gathers what is wrong with it."""

    def __init__(
        self, targets: Mapping[str, str], gauges_of: GaugesOf, guess: Callable[[str, Iterable[str]], str]
    ) -> None:
        """`targets`: name to kind. `guess` makes "; did you mean ...?" of a word and the known ones."""
        self._targets = targets
        self._gauges_of = gauges_of
        self._guess = guess
        self.problems: list[tuple[str, str]] = []
        """(key, what is wrong)."""

    def rule(self, entry: RuleTable, origin: str = "") -> StandingRule | None:
        """The rule; None when there are problems. `origin`: where it stands."""
        for key in _KIND_ONLY:
            if getattr(entry, key) is not None:
                self.problems.append((key, "goes without when: a rule with when says all of that there"))
        if entry.see and entry.see not in self._targets:
            self.problems.append(("see", "is not a target of this profile" + self._guess(entry.see, self._targets)))
        of = self._condition("when", entry.when or "")
        if of is None:
            return None
        levels = self._levels(entry, of)
        samples = self._samples(entry.samples) if entry.samples is not None else None
        self._sentence(entry.say or "", of.of)
        if self.problems:
            return None
        return StandingRule(
            name=entry.name,
            of=of.of,
            levels=levels,
            say=entry.say or "",
            consecutive=entry.consecutive or 1,
            missing=Missing(entry.missing or "keep"),
            samples=samples,
            handling=replace(entry.handling, origin=origin) if origin else entry.handling,
        )

    def _levels(self, entry: RuleTable, of: Condition) -> tuple[Level, ...]:
        mild = Severity[(entry.severity or "warning").upper()]
        beyond = COMPARE[of.limit.op]
        if entry.clear is not None and (of.limit.op in ("==", "!=") or beyond(entry.clear, of.limit.value)):
            self.problems.append(("clear", f"must not be beyond the limit itself, which is {of.limit}"))
        found = [Level(mild, of.limit, entry.clear)]
        if entry.critical is None:
            if entry.critical_clear is not None:
                self.problems.append(("critical_clear", "goes with critical only"))
            return tuple(found)
        try:
            worse = parse_limit(entry.critical)
        except ConditionError as error:
            self.problems.append(("critical", str(error)))
            return tuple(found)
        if mild is Severity.CRITICAL:
            self.problems.append(("critical", "is a second, worse limit: severity must be notice or warning then"))
        if worse.op != of.limit.op or not beyond(worse.value, of.limit.value):
            self.problems.append(("critical", f"must be further than the first limit, {of.limit}"))
        clear = entry.critical_clear
        if clear is not None and (worse.op in ("==", "!=") or beyond(clear, worse.value)):
            self.problems.append(("critical_clear", f"must not be beyond its limit, which is {worse}"))
        found.append(Level(Severity.CRITICAL, worse, clear))
        return tuple(found)

    def _condition(self, key: str, text: str) -> Condition | None:
        try:
            found = parse(text)
        except ConditionError as error:
            self.problems.append((key, str(error)))
            return None
        self.known(key, found.of)
        return found

    def _samples(self, text: str) -> Condition | None:
        try:
            parse_expression(text)
        except ConditionError:
            return self._condition("samples", text)
        self.problems.append(("samples", f"needs a limit here: {text} >= 50"))
        return None

    def known(self, key: str, of: Expression) -> None:
        """Note every gauge of an expression that nothing gives."""
        for gauge in gauges(of):
            kind = self._targets.get(gauge.source)
            if kind is None and gauge.source in self._targets.values():
                kind = gauge.source
            if kind is None:
                known = {*self._targets, *self._targets.values()}
                said = f"{gauge.source} is neither a target of this profile nor a kind that it has"
                self.problems.append((key, said + self._guess(gauge.source, known)))
            elif gauge.name not in (names := list(self._gauges_of(kind))):
                self.problems.append((key, f"{kind} has no gauge {gauge.name}" + self._guess(gauge.name, names)))

    def _sentence(self, say: str, of: Expression) -> None:
        try:
            asked = [(name, how, turned) for _, name, how, turned in string.Formatter().parse(say) if name is not None]
        except ValueError:
            self.problems.append(("say", "has an unpaired brace; write {{ or }} for a brace itself"))
            return
        for name, how, turned in asked:
            if not name:
                self.problems.append(("say", "has { } around nothing"))
            elif not name.isidentifier() or turned or not is_noun(how):
                self.problems.append(("say", f"{{{name}}} must be a name alone, such as {{value}} or a label"))


def kinds_of(rule: StandingRule, targets: Mapping[str, str]) -> dict[str, list[str]]:
    """The kinds that a rule names where no target is called so, each with its targets. `targets`: name to kind."""
    named = {gauge.source for gauge in _all(rule)} - set(targets)
    return {kind: [name for name, of in targets.items() if of == kind] for kind in named}


def _all(rule: StandingRule) -> Iterable[Gauge]:
    yield from gauges(rule.of)
    if rule.samples is not None:
        yield from gauges(rule.samples.of)
