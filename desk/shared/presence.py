"""Who else is there, and what they look at. Nothing in it is secret, and all of it is what others say of themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from desk.codec import CodecError, plain, shared
from probes.base import SafeText, Seen

_LONGEST = 60
"""Characters of each thing that is told of a colleague."""


@dataclass(frozen=True, slots=True)
class Here:
    """What a session tells others of itself."""

    name: str
    """Who sits there, by their own machine."""
    host: str
    screen: str = ""
    """What they look at: a target or a screen."""
    incident: str = ""
    armed: bool = False
    wall: bool = False
    """True for a screen on a wall: nobody sits there."""


@dataclass(frozen=True, slots=True)
class Present:
    """A session on the same system; every text is safe to show."""

    session: str
    by: str
    """The login, as the store says."""
    here: Here
    age: float
    """Seconds since it was heard of, when the store was asked."""

    @property
    def words(self) -> str:
        """For a person: "ada at bastion: queue orders, ARMED"."""
        name = self.here.name if self.here.name == self.by else f"{self.here.name} ({self.by})"
        what = [one for one in (self.here.screen, self.here.incident, "ARMED" if self.here.armed else "") if one]
        return f"{'wall' if self.here.wall else name} at {self.here.host}" + (f": {', '.join(what)}" if what else "")


def told(here: Here) -> object:
    """It as JSON values, no longer than others would show."""
    return plain(_cut(here))


def others(seen: Iterable[Seen], ours: str) -> tuple[Present, ...]:
    """Everybody but ourselves; what can't be read is left out."""
    found = []
    for one in seen:
        if one.session == ours:
            continue
        try:
            says: Here = shared(Here, one.says)
        except CodecError:
            continue
        found.append(Present(_safe(one.session), _safe(one.by), _cut(says), max(0.0, one.age)))
    return tuple(found)


def _cut(here: Here) -> Here:
    return Here(
        _safe(here.name), _safe(here.host), _safe(here.screen), _safe(here.incident), here.armed, here.wall
    )  # fmt: skip


def _safe(text: str) -> str:
    return str(SafeText(text, _LONGEST))
