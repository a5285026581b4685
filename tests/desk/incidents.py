"""What tests of incidents share: sessions of several people, each with a clock of its own, that exchange records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import count

from desk.incident.incident import Incident
from desk.incident.incidents import Incidents
from desk.incident.record import Record
from desk.incident.scheme import OURS, Scheme
from tests.desk.inboxes import START, HandClock


class OffClock(HandClock):
    """A clock of another host, so many seconds ahead of the others."""

    def __init__(self, true: HandClock, ahead: float) -> None:
        super().__init__()
        self._true, self._ahead = true, ahead

    def now(self) -> datetime:
        return self._true.now() + timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        return self._true.monotonic()


class Person:
    """One person's session, and everything it wrote."""

    def __init__(
        self,
        who: str,
        clock: HandClock,
        ahead: float = 0.0,
        scheme: Scheme = OURS,
        mask: Callable[[str], str] = str,
    ) -> None:
        numbers = count(1)
        self.clock = OffClock(clock, ahead)
        self.book = Incidents(self.clock, who, f"{who}-host", scheme, mask, lambda: f"{who}-{next(numbers):04}")
        self.wrote: list[Record] = []
        self.book.keep(self.wrote.extend)

    def hear(self, *others: Person) -> None:
        """Everything that the others wrote so far has come here."""
        for one in others:
            self.book.take(one.wrote)

    def of(self, incident: str) -> Incident:
        """It as this person sees it."""
        found = self.book.get(incident)
        assert found is not None
        return found


def minutes(number: float) -> datetime:
    """So many minutes after the beginning."""
    return START + timedelta(minutes=number)


def words(incident: Person, name: str) -> list[str]:
    """The timeline of an incident, a line each."""
    return [one.words for one in incident.book.entries(name)]


def sent(people: Iterable[Person]) -> list[Record]:
    """Everything that anybody wrote."""
    return [record for one in people for record in one.wrote]
