"""Which acts need a second person, and who that may be: what the profile says, as data that can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CLASSES: Final[Mapping[str, str]] = {
    "grave": "whatever takes the target's name: destructive, wide, or on a protected target",
    "destructive": "what can't be taken back",
    "disruptive": "what somebody may feel, and what can't be taken back",
    "production": "everything that changes something in production",
    "several": "what is done to several things at once",
    "protected": "everything on a target that the profile protects",
}
"""Classes of acts a profile can name, and what each is; any other word is the name of an action."""

USUAL: Final = Path("/run/opsroom")
"""Where people of one machine meet to agree unless the profile names another folder."""

_WITHIN: Final[Mapping[str, frozenset[str]]] = {
    "destructive": frozenset({"disruptive", "grave"}),
    "protected": frozenset({"grave"}),
}
"""Classes that lie whole within others."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What needs a second person in one system."""

    classes: frozenset[str] = frozenset()
    """Of `CLASSES`, or names of actions; empty: nothing needs one."""
    approvers: frozenset[str] = frozenset()
    """Who may be the second: names of users, or `@group`; empty: everybody but the one who asks."""
    production: bool = False
    """True when it was made for production: it goes on to hold as such."""
    protected: frozenset[str] = frozenset()
    """Targets that were protected when it was made."""

    def __bool__(self) -> bool:
        return bool(self.classes)

    def asks(self, which: Iterable[str], action: str) -> bool:
        """True when an act of these classes and of this name needs a second person."""
        return action in self.classes or not self.classes.isdisjoint(which)

    def covers(self, other: Rule) -> bool:
        """True when whatever `other` asks for is asked for by this one as well, of nobody but whom `other` allows."""
        if not other.classes:
            return True
        asked = all(self._has(one) for one in other.classes)
        narrower = not other.approvers or (bool(self.approvers) and self.approvers <= other.approvers)
        # what a switched-off flag would take out of the rule without changing its words
        placed = (self.production or not other.production) and self.protected >= other.protected
        return asked and narrower and placed

    def joined(self, before: Rule) -> Rule:
        """What asks for whatever either of the two asks for, of those whom both allow.

        Where nobody is allowed by both, those are whom `before` allows: who may agree changes by agreement only.
        """
        if not before or not self:
            return self or before
        both = self.approvers & before.approvers
        return Rule(
            self.classes | before.classes,
            both or before.approvers or self.approvers,
            self.production or before.production,
            self.protected | before.protected,
        )

    def _has(self, name: str) -> bool:
        return name in self.classes or not self.classes.isdisjoint(_WITHIN.get(name, frozenset()))

    @property
    def words(self) -> str:
        """For a person: "destructive, purge; by ada, @oncall"."""
        if not self.classes:
            return "nothing"
        said = ", ".join(sorted(self.classes))
        by = f"; by {', '.join(sorted(self.approvers))}" if self.approvers else ""
        where = " in production" if self.production else ""
        held = f"; protected: {', '.join(sorted(self.protected))}" if self.protected else ""
        return f"{said}{where}{by}{held}"

    @property
    def told(self) -> dict[str, Any]:
        """It as JSON values."""
        return {
            "classes": sorted(self.classes),
            "approvers": sorted(self.approvers),
            "production": self.production,
            "protected": sorted(self.protected),
        }

    @classmethod
    def read(cls, told: object) -> Rule:
        """It again from JSON values. Raises `ValueError`."""
        if not isinstance(told, Mapping) or not isinstance(told.get("production"), bool):
            raise ValueError("it is no rule")
        parts = {name: told.get(name) for name in ("classes", "approvers", "protected")}
        if not all(isinstance(one, list) and all(isinstance(word, str) for word in one) for one in parts.values()):
            raise ValueError("it is no rule")
        sets = {name: frozenset(one or ()) for name, one in parts.items()}
        return cls(sets["classes"], sets["approvers"], bool(told["production"]), sets["protected"])


NOTHING: Final = Rule()
"""Nothing needs a second person."""
GRAVE: Final = Rule(frozenset({"grave"}))
"""What `second_person = true` says."""
