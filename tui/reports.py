"""Reports on a system out of what was kept of it; for the command line and the screen. Only local files are read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from desk.audit import chronicle
from desk.history import ArchiveError, Past
from desk.profile import Profile
from desk.report import alerts, capacity, cases
from desk.report.acts import Act, acts
from desk.report.alerts import Episode
from desk.report.paper import Report
from desk.store import FileStore, StoreError
from tui.kinds import Kinds
from tui.places import Places

DAYS: Final = 14
"""Days a report looks back by default."""

_BLINK: Final = 120.0
"""Seconds without a watcher that are worth a line: what is kept is kept by the minute."""


class NoReport(Exception):
    """It can't be made; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class Reports:
    """The reports on one system. Every method reads files and raises `NoReport`: call it in a thread."""

    profile: Profile
    kinds: Kinds
    places: Places

    @property
    def system(self) -> str:
        """What the reports call it."""
        return " ".join(part for part in (self.profile.system, self.profile.environment) if part)

    def capacity(self, now: datetime, days: int = DAYS) -> Report:
        """How full it is getting."""
        if not self._history.exists():
            raise NoReport(f"nothing is kept of {self.system} yet; it is while a room is open on it")
        targets = [
            capacity.Watched(one.name, one.kind, self.kinds.facts(one.kind).gauges) for one in self.profile.targets
        ]
        try:
            with Past.read(self._history) as past:
                return capacity.report(self.system, targets, past, now - timedelta(days=days), now, now)
        except ArchiveError as error:
            raise NoReport(f"the history cannot be read: {error}") from None

    def shift(self, since: datetime, until: datetime, now: datetime) -> Report:
        """What a shift saw."""
        done, gaps = self._acts(since, until), self._unwatched(since, until)
        return alerts.shift(self.system, self.episodes(), done, gaps, since, until, now)

    def alert(self, name: str, now: datetime, days: int = DAYS) -> Report:
        """What an alert did."""
        since = now - timedelta(days=days)
        every = [one for one in self.episodes() if one.cleared is None or one.cleared >= since]
        return alerts.history(self.system, name, every, self._acts(since, now), since, now, now)

    def episodes(self) -> list[Episode]:
        """Every alert that is remembered."""
        path = self._folder / "inbox.db"
        if not path.exists():
            return []
        try:
            store = FileStore.look(path)
            try:
                return cases.episodes(cases.rows(store), {one.name: one.kind for one in self.profile.targets})
            finally:
                store.close()
        except StoreError as error:
            raise NoReport(f"the inbox cannot be read: {error}") from None

    @property
    def _folder(self) -> Path:
        return self.places.system(self.profile.system, self.profile.environment)

    @property
    def _history(self) -> Path:
        return self._folder / "history.db"

    def _acts(self, since: datetime, until: datetime) -> list[Act]:
        try:
            records = chronicle.read(self.places.audit).records()
        except OSError as error:
            raise NoReport(f"the audit cannot be read: {error.strerror or error}") from None
        return acts(records, self.profile.system, self.profile.environment, since, until)

    def _unwatched(self, since: datetime, until: datetime) -> list[tuple[datetime, datetime]] | None:
        """The spans in which nobody watched; None where nothing is kept that could tell."""
        if not self._history.exists():
            return None
        try:
            with Past.read(self._history) as past:
                watched = past.watched(since.timestamp(), until.timestamp())
        except ArchiveError as error:
            raise NoReport(f"the history cannot be read: {error}") from None
        spans = [(datetime.fromtimestamp(began, UTC), datetime.fromtimestamp(ended, UTC)) for began, ended in watched]
        gaps, end = list[tuple[datetime, datetime]](), since
        for began, ended in [*spans, (until, until)]:
            if (began - end).total_seconds() >= _BLINK:
                gaps.append((end, began))
            end = max(end, ended)
        return gaps
