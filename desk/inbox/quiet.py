"""Why nobody is told of an alert: its rule is muted, it is silenced, or another system tells of the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from desk.alert import Alert
from desk.inbox.book import Book, Life, there_silenced
from desk.inbox.case import Silence
from desk.inbox.sight import Sight

TWIN: Final = 120.0
"""Seconds that an alert may outlast the one that spoke for it, another system's word for the same."""

ELSEWHERE: Final = "told by the session that leads"
"""Of what the session that leads has not begun as a case yet."""

_TWIN: Final = "told by "


class Quiet:
    """Looks at the book and the time; decides nothing."""

    def __init__(self, book: Book, kinds: Mapping[str, str]) -> None:
        self._book = book
        self._kinds = kinds
        self._silent: tuple[datetime, list[Silence]] | None = None
        """The silences in force at a moment, the last to end first."""
        self._alike: dict[str, list[Life]] = {}
        """Open cases of other systems by fingerprint."""

    def why(self, alert: Alert, at: datetime) -> str:
        """In a word or two; empty: people are told."""
        if alert.handling.muted:
            return "muted"
        if self.silence(alert, at) is not None or there_silenced(alert):
            return "silenced"
        life = self._book.open.get(alert.identity)
        if life is not None and life.told:
            return ""
        for other in self._alike.get(_mark(alert), ()):
            if other.identity != alert.identity and other.told and not other.quiet and other.cleared is None:
                return f"{_TWIN}{other.identity.target}"
        return ""

    def outlasting(self, life: Life, sight: Sight, now: float) -> str:
        """Why it stays quiet a little longer than the one that spoke for it: both mostly end together."""
        if not life.quiet.startswith(_TWIN) or life.quiet == ELSEWHERE:
            return ""
        sight.lonely = now if sight.lonely is None else sight.lonely
        return life.quiet if now - sight.lonely < TWIN else ""

    def silence(self, alert: Alert, at: datetime) -> Silence | None:
        """The silence in force for an alert, the last to end."""
        if self._silent is None or self._silent[0] != at:
            self._silent = at, list(self._book.standing(at))[::-1]
        kind = self._kinds.get(alert.target, "")
        return next((one for one in self._silent[1] if one.suits(alert, kind)), None)

    def lifted_by(self, life: Life, at: datetime) -> str:
        """Who ended early what had silenced it; empty: it ended by itself."""
        if life.quiet != "silenced":
            return ""
        kind = self._kinds.get(life.alert.target, "")
        ended = (one for one in self._book.silences.values() if one.end <= at and one.suits(life.alert, kind))
        last = max(ended, key=lambda one: one.end, default=None)
        return last.lifted_by if last is not None and last.lifted is not None else ""

    def changed(self) -> None:
        """A silence may have begun or ended."""
        self._silent = None

    def compare(self) -> None:
        """Find out which open cases are the same alert."""
        self._alike = {}
        for life in self._book.open.values():
            self.add(life)

    def add(self, life: Life) -> None:
        """The same of a case that has just begun."""
        if mark := _mark(life.alert):
            self._alike.setdefault(mark, []).append(life)


def _mark(alert: Alert) -> str:
    """What is equal for the same alert of two systems; empty: nothing is known to be the same."""
    return alert.theirs.fingerprint if alert.theirs is not None else ""
