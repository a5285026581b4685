"""Puts together a session's part in the shared store of its system: what is carried, who is there, locks, approvals."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from desk.checklist import record as checklists
from desk.clock import Clock
from desk.ids import new_id
from desk.inbox import record as inbox
from desk.inbox.ahead import believed
from desk.incident import record as incidents
from desk.incident.journal import FILE as INCIDENTS
from desk.locks import FileLocks
from desk.notices import told
from desk.profile import Profile
from desk.runs import record as runs
from desk.shared import audit
from desk.shared.colleagues import StoreColleagues
from desk.shared.locks import SharedLocks
from desk.shared.presence import Here
from desk.shared.relay import Relay, Strand
from desk.shared.standing import Standing
from tui.places import Places
from tui.secrets import Secrets

if TYPE_CHECKING:
    from probes.store.line import Line

FILE: Final = "shared.db"
"""What is shared and belongs to no journal: the audit, and which notices were told. In the folder of a system."""

_AUDIT: Final = timedelta(days=400)
_TOLD: Final = timedelta(days=8)


class Journal(Protocol):
    """A session's way to one stream, as the sharing sees it."""

    stream: ClassVar[str]
    carry: Callable[[], None]

    def look(self) -> None:
        """Look at once for what others wrote."""
        ...


class Sharing:
    """One session's part. Nothing is connected before `start`, and no driver loaded."""

    def __init__(
        self,
        profile: Profile,
        clock: Clock,
        secrets: Secrets,
        places: Places,
        environ: Mapping[str, str],
        who: str,
        wall: bool = False,
    ) -> None:
        from probes.store.locks import AdvisoryLocks
        from probes.store.records import Records
        from probes.store.requests import Requests

        self.system = system_of(profile)
        session = new_id()
        folder = places.acts or places.system(profile.system, profile.environment)
        self.file = folder / FILE
        self._looks: dict[str, Callable[[], None]] = {}
        copy = audit.AuditCopy(places.audit, self.file, profile.system, profile.environment)
        line = partial(line_to, profile.store, secrets, environ)
        carrying = line(f"opsroom/{session}")
        strands = [
            replace(self._strand(inbox.STREAM, folder / "inbox.db", inbox.read), believed=believed),
            self._strand(incidents.STREAM, folder / INCIDENTS, incidents.read),
            self._strand(runs.STREAM, folder / "runs.db", runs.read),
            self._strand(checklists.STREAM, folder / "checklists.db", checklists.read),
            replace(self._strand(told.STREAM, self.file, told.parsed), lasts=_TOLD),
            replace(self._strand(audit.STREAM, self.file, audit.parsed), lasts=_AUDIT, before=copy.copy),
        ]
        here = Here(who, os.uname().nodename, wall=wall)
        self.here = here
        self.relay = Relay(
            Records(carrying, self.system), strands, clock, session, here, lambda: self.locks.tend(), self._lost
        )
        self.locks = SharedLocks(
            FileLocks(places.locks),
            AdvisoryLocks(line(f"opsroom-locks/{session}"), self.system, session),
            clock,
            session,
            self.relay.settled,
            self.relay.wake,
        )
        requests = Requests(carrying, self.system)
        self.colleagues = StoreColleagues(self.relay, requests, profile.system, profile.environment, clock)

    @property
    def standing(self) -> Standing:
        """How it goes."""
        return self.relay.standing

    def start(self) -> None:
        """Begin."""
        self.relay.start()

    def join(self, journal: Journal) -> None:
        """What this journal writes is carried at once, and what comes for it is read at once."""
        journal.carry = self.relay.wake
        self._looks[journal.stream] = journal.look

    def show(self, screen: str, incident: str, armed: bool) -> None:
        """What others see of this session."""
        self.relay.show(replace(self.here, screen=screen, incident=incident, armed=armed))

    def close(self) -> None:
        """Carry what is left, say goodbye, let go; in a moment."""
        self.relay.close()
        self.locks.close()

    def _strand(self, stream: str, path: Path, parsed: Callable[[Mapping[str, Any]], object]) -> Strand:
        return Strand(stream, path, parsed, lambda: self._looks.get(stream, _nothing)())

    def _lost(self) -> None:
        self.locks.suspect()


def _nothing() -> None:
    return


def system_of(profile: Profile) -> str:
    """By what a system is known in the store, on whatever machine."""
    return f"{profile.system}/{profile.environment}"


def line_to(store: str, secrets: Secrets, environ: Mapping[str, str], name: str) -> Line:
    """A connection to be, to the address that the profile names."""
    from probes.postgres.address import PostgresSettings, connection_params, resolve
    from probes.postgres.complaints import translated
    from probes.store.line import Line

    settings = PostgresSettings(url=store)

    def parameters() -> tuple[Mapping[str, str | int], str]:
        address = resolve(settings, secrets, environ)
        return connection_params(address.params, "", pooled=True), address.where

    return Line(parameters, translated, name)


__all__ = ["FILE", "Sharing", "line_to", "system_of"]
