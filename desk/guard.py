"""Whether an act may be done, and what it takes. Pure: everything it judges by is handed in.

tier 0   looking: nothing
tier 1   one thing that is not production: an armed session and one dialog
tier 2   production, or several things: a reason as well
tier 3   destructive, wide, or on a protected target: the target's name is typed as well
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import Final

from desk.audit.record import digest
from desk.requirements import Finding, unmet
from desk.second.rule import NOTHING, Rule
from probes.base import Danger, Plan, SafeText

FRESH: Final = 60.0
"""Seconds a plan may be old when it is confirmed; an older one is made anew first."""


class Tier(IntEnum):
    """How much an act takes."""

    LOOK = 0
    SINGLE = 1
    SERIOUS = 2
    GRAVE = 3


class Mode(Enum):
    """What a session may do. It may go down while it runs, never up beyond how it was started."""

    READ_ONLY = "read-only"
    """For good: nothing that could act was even loaded."""
    DISARMED = "disarmed"
    """Acting is possible once somebody says why."""
    ARMED = "ARMED"


@dataclass(frozen=True, slots=True)
class Setting:
    """Where an act would take place."""

    system: str
    environment: str
    production: bool
    protected: bool
    """True when the profile asks for the name before any act on this target."""
    second: Rule = NOTHING
    """Which acts need a second person."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a plan takes in its setting."""

    tier: Tier
    reason: bool = False
    typed: str = ""
    """What must be typed, letter by letter; empty: nothing."""
    second: bool = False
    """True when somebody else must agree as well."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the person in front of the dialog gave."""

    digest: str
    """Of the plan that was on the screen."""
    reason: str = ""
    typed: str = ""
    agreed: str = ""
    """Id of what a second person approved; empty: none was asked."""


@dataclass(frozen=True, slots=True)
class Permit:
    """It may be done."""

    tier: Tier


@dataclass(frozen=True, slots=True)
class Refusal:
    """It may not, for this reason."""

    reason: str


def needs(plan: Plan, setting: Setting) -> Needs:
    """What this plan takes. Danger comes from the act itself, never from the words around it."""
    tier = _tier(plan, setting)
    typed = _readable(plan.target) if tier is Tier.GRAVE else ""
    second = setting.second.asks(_classes(plan, setting, tier), plan.action.name)
    return Needs(tier, tier >= Tier.SERIOUS or second, typed, second)


def _classes(plan: Plan, setting: Setting, tier: Tier) -> set[str]:
    """The classes of `desk.second.rule` that a plan is of."""
    danger = max(plan.danger, plan.action.danger)
    if danger is Danger.READ:
        return set()
    there = {
        "grave": tier is Tier.GRAVE,
        "destructive": danger is Danger.DESTRUCTIVE,
        "disruptive": danger >= Danger.DISRUPTIVE,
        "production": setting.production,
        "several": len(plan.chosen) > 1,
        "protected": setting.protected,
    }
    return {name for name, so in there.items() if so}


def _tier(plan: Plan, setting: Setting) -> Tier:
    danger = max(plan.danger, plan.action.danger)
    several = len(plan.chosen) > 1
    if danger is Danger.READ:
        return Tier.LOOK
    if danger is Danger.DESTRUCTIVE or setting.protected or _taken_in(plan):
        return Tier.GRAVE
    if danger is Danger.DISRUPTIVE and plan.action.grave and (several or setting.production):
        return Tier.GRAVE
    return Tier.SERIOUS if several or setting.production else Tier.SINGLE


def _taken_in(plan: Plan) -> bool:
    return any(subject.taken_in for subject in plan.chosen)


def judge(
    plan: Plan,
    setting: Setting,
    mode: Mode,
    given: Confirmation,
    age: float,
    approved: bool = False,
    found: Sequence[Finding] = (),
) -> Permit | Refusal:
    """Whether the confirmed plan may be done now.

    `age` is the seconds since its look; `approved`: a second person has agreed to this very plan; `found` is how what
    it requires stands now.
    """
    need = needs(plan, setting)
    if mode is not Mode.ARMED:
        return Refusal("the session is read-only" if mode is Mode.READ_ONLY else "the session is no longer armed")
    if given.digest != digest_of(plan, setting):
        return Refusal("it is not what was on the screen")
    if not plan.chosen:
        return Refusal("nothing is left to act on")
    if age > FRESH:
        return Refusal(f"it was looked at {age:.0f} s ago: look again")
    if barred := hindrance(plan, setting, found):
        return Refusal(barred)
    if need.reason and not given.reason.strip():
        return Refusal("a reason is needed")
    if need.typed and given.typed != need.typed:
        return Refusal(f"type {need.typed} to go on")
    if need.second and not approved:
        return Refusal("a second person must agree first")
    return Permit(need.tier)


def hindrance(plan: Plan, setting: Setting, found: Sequence[Finding]) -> str:
    """What stands in the way of a plan whoever confirms it; empty: nothing does."""
    if plan.not_in_production and setting.production:
        return f"never in production: {plan.not_in_production}"
    return unmet(plan, found)


def digest_of(plan: Plan, setting: Setting) -> str:
    """Names exactly what was confirmed: environment, system, objects with their identities, action, number."""
    return digest(
        {
            "system": setting.system,
            "environment": setting.environment,
            "target": plan.target,
            "kind": plan.kind,
            "pin": plan.pin,
            "action": plan.action.name,
            "number": plan.request.number,
            "word": plan.request.word,
            "command": plan.command,
            "requires": [[one.target, one.gauge, one.labels, one.at_most, one.at_least] for one in plan.requires],
            "subjects": [[one.key, one.identity, str(one.before), str(one.after)] for one in plan.chosen],
        }
    )


def agreed_of(plan: Plan, setting: Setting) -> str:
    """Names what two people agree on: all that `digest_of` names, but for what moves by itself while they do.

    That is the figures in how an object is now and will be (messages that wait, seconds it has run), unless the act is
    told a figure itself: then what that would change must be what both have seen.
    """
    still = plan.action.number is not None
    seen = [
        [one.key, one.identity, *(_still(str(text), still) for text in (one.before, one.after))] for one in plan.chosen
    ]
    return digest(
        {
            "plan": digest_of(replace(plan, subjects=()), setting),
            "danger": max(plan.danger, plan.action.danger).name,
            "subjects": seen,
        }
    )


def _still(text: str, exactly: bool) -> str:
    return text if exactly else _FIGURES.sub("#", text)


_FIGURES: Final = re.compile(r"[0-9]+(?:[.,][0-9]+)*")


def lock_of(plan: Plan) -> str:
    """The name of the lock for the system a plan is about, whatever a profile calls it."""
    return digest({"kind": plan.kind, "pin": plan.pin or [["target", plan.target]]})


def alike(plan: Plan) -> Sequence[tuple[str, str]]:
    """Pairs of names in a plan that look the same and are not."""
    names = [str(subject.name) for subject in plan.subjects]
    return [
        (one, two) for n, one in enumerate(names) for two in names[n + 1 :] if one != two and folded(one) == folded(two)
    ]


def folded(name: str) -> str:
    """A name as a tired eye reads it.

    >>> folded("wоrker-0") == folded("worker-O")  # a Cyrillic o; a nought and a capital O
    True
    """
    plain = unicodedata.normalize("NFKD", name).casefold().translate(_LOOK_ALIKES)
    return "".join(char for char in plain if not unicodedata.combining(char)).replace("rn", "m")


_LOOK_ALIKES: Final = str.maketrans(
    {"а": "a", "е": "e", "о": "o", "р": "p", "с": "c", "у": "y", "х": "x", "і": "i", "ј": "j", "ѕ": "s", "ԁ": "d",
     "ο": "o", "α": "a", "ν": "v", "ρ": "p", "κ": "k", "ι": "i", "τ": "t", "0": "o", "1": "l", "ı": "i", "_": "-"}
)  # fmt: skip
"""Letters of other alphabets, and digits, that look like Latin letters; the common ones of Unicode's confusables
(https://www.unicode.org/reports/tr39/)."""


def _readable(name: str) -> str:
    return str(SafeText(name, 60))
