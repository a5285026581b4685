"""A system's incidents as they lie on disk, with all that happened beside them, and the papers made of that; for the
command line and the screen. Only local files are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from desk import journal
from desk.audit import Record, chronicle
from desk.history import ArchiveError, Past
from desk.inbox import record as inbox
from desk.incident import postmortem
from desk.incident.beside import of_audit, of_cases, of_runs
from desk.incident.chart import Chart, chart
from desk.incident.incident import Incident
from desk.incident.journal import FILE, look
from desk.incident.timeline import Entry, of_incident, span_of, woven
from desk.profile import Profile
from desk.profile_faults import ProfileError
from desk.profile_file import read_text
from desk.runs import record as runs
from desk.shared import audit as shared
from desk.store import StoreError
from probes.base import GaugeKey, Unit
from tui.places import Places
from tui.sharing import FILE as SHARED
from tui.wiring import inbox_file, runs_file

CHARTS: Final = 6
"""Gauges that a post-mortem shows."""

R = TypeVar("R")


class NoPapers(Exception):
    """Something can't be read; the message says why, for a person."""


def file_of(profile: Profile, places: Places) -> Path:
    """Where the incidents of a system are kept; a demonstration's with all else that is forgotten with it."""
    return (places.acts or places.system(profile.system, profile.environment)) / FILE


@dataclass(frozen=True, slots=True)
class Papers:
    """What was kept of a system's incidents. Every method reads files and raises `NoPapers`: call it in a thread."""

    profile: Profile
    places: Places

    @property
    def system(self) -> str:
        """What the papers call it."""
        return " ".join(part for part in (self.profile.system, self.profile.environment) if part)

    def incidents(self) -> list[Incident]:
        """Every incident, the oldest first."""
        try:
            return look(file_of(self.profile, self.places))
        except StoreError as error:
            raise NoPapers(f"the incidents cannot be read: {error}") from None

    def entries(self, incident: Incident, now: datetime, more: Iterable[Entry] = ()) -> list[Entry]:
        """Its timeline with the alerts, acts and procedures of its time. `more`: what stands in no file here."""
        return woven(of_incident(incident), self.beside(*span_of(incident, now)), more)

    def beside(
        self,
        since: datetime,
        until: datetime,
        cases: Sequence[inbox.Record] = (),
        known: Sequence[runs.Record] = (),
    ) -> list[Entry]:
        """Alerts, acts, approvals and procedures of a time. `cases` and `known`: records of alerts and of runs that a
        session has besides, whether the disk took them or not."""
        profile = self.profile
        alerts = {one.id: one for one in (*cases, *self._cases())}
        there = self._looked(runs_file(profile, self.places), runs.STREAM, runs.read)
        steps = {one.id: one for one in (*known, *there)}
        return [
            *of_cases(alerts.values(), since, until),
            *of_audit(self._audit(since), profile.system, profile.environment, since, until),
            *of_runs(steps.values(), since, until),
        ]

    def charts(self, incident: Incident, now: datetime) -> list[Chart]:
        """The gauges of its alerts over its time; none where no history is kept."""
        path = self.places.system(self.profile.system, self.profile.environment) / "history.db"
        gauges = self._gauges(incident)
        if not gauges or not path.exists():
            return []
        since, until = span_of(incident, now)
        found = []
        try:
            with Past.read(path) as past:
                for target, key, unit in gauges[:CHARTS]:
                    buckets = past.window(target, key, since.timestamp(), until.timestamp())
                    points = [(one.start, one.cell.most) for one in buckets]
                    found.append(chart(f"{target}: {key}", unit, points, since, until))
        except ArchiveError as error:
            raise NoPapers(f"the history cannot be read: {error}") from None
        return found

    def post_mortem(self, incident: Incident, now: datetime, more: Iterable[Entry] = ()) -> str:
        """The draft, in the profile's template."""
        entries = self.entries(incident, now, more)
        charts = self.charts(incident, now)
        return postmortem.markdown(incident, entries, self.system, charts, self.template(), now)

    def template(self) -> str | None:
        """The profile's template; None: it has none."""
        path = self.profile.incidents.post_mortem
        if path is None:
            return None
        try:
            return read_text(path)
        except ProfileError as error:
            raise NoPapers(f"the template of post-mortems cannot be used: {error}") from None

    def _cases(self) -> list[inbox.Record]:
        return self._looked(inbox_file(self.profile, self.places), inbox.STREAM, inbox.read)

    def _looked(self, path: Path, stream: str, parsed: Callable[[Mapping[str, Any]], R]) -> list[R]:
        try:
            return journal.look(path, stream, parsed)
        except StoreError as error:
            raise NoPapers(str(error)) from None

    def _audit(self, since: datetime) -> list[Record]:
        """Of this machine the files that were written to since then; of others what the shared store has brought."""
        folder = (self.places.acts or self.places.system(self.profile.system, self.profile.environment)) / SHARED
        try:
            ours = chronicle.recent(self.places.audit, since)
            theirs = [one.record for one in shared.witnessed(folder)]
        except (OSError, StoreError) as error:
            said = error.strerror if isinstance(error, OSError) else ""
            raise NoPapers(f"the audit cannot be read: {said or error}") from None
        return list({(one.writer, one.seq): one for one in (*theirs, *ours)}.values())

    def _gauges(self, incident: Incident) -> list[tuple[str, GaugeKey, Unit]]:
        """(target, gauge, its unit) of the alerts that belong to it."""
        wanted = {one.id for one in incident.linked("case")}
        found: dict[tuple[str, GaugeKey], Unit] = {}
        for record in self._cases() if wanted else ():
            alert = record.alert
            if record.case in wanted and alert is not None and alert.gauge:
                found[alert.target, GaugeKey(alert.gauge, alert.labels)] = alert.unit
        return [(target, key, unit) for (target, key), unit in found.items()]
