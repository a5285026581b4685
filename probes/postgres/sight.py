"""A look before and after an act: the server, what our role may do there, and the sessions concerned."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from probes.base import Cause, Context, Identity, ProbeError, SafeText
from probes.postgres import parse
from probes.postgres.address import SESSION, PostgresSettings, for_acts, resolve
from probes.postgres.facts import Session
from probes.postgres.link import Link
from probes.postgres.questions import chosen, question

_NOWHERE: Final = "0"
"""A pid no process has."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """A function `opsroom.cancel` or `opsroom.terminate`, which signals a session that still is what it was."""

    usable: bool
    """True when we may call it and it runs with its owner's rights, never with ours."""
    all_powerful: bool
    """True when its owner is a superuser: then it could end a superuser's session too."""
    able: bool
    """True when its owner, no superuser, may signal sessions."""
    everybodys: bool
    """True when any role may call it."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen in one look."""

    where: str
    number: int
    """As in server_version_num: 150018."""
    version: SafeText
    role: SafeText
    database: SafeText
    pin: Identity
    superuser: bool
    reads_all: bool
    signals: bool
    """True when our role may signal sessions of roles that are not its own, superusers' excepted."""
    powers: tuple[str, ...]
    """Predefined roles we have and need not."""
    guarded: Mapping[str, Guarded]
    sessions: tuple[Session, ...]
    """Those asked about, those that wait, and those waited for."""
    hidden: frozenset[int]
    """Pids of sessions that are there and not shown to us."""
    ours: frozenset[int]
    """Pids of sessions of roles whose rights we have."""

    @property
    def place(self) -> SafeText:
        """Which server this is, for a person."""
        copy = ", a standby" if dict(self.pin)["standby"] == "yes" else ""
        return SafeText(f"PostgreSQL {self.version} at {self.where}{copy}, as {self.role} in {self.database}", 300)

    def session(self, pid: int) -> Session | None:
        """The session of a process, if it is shown to us."""
        return next((one for one in self.sessions if one.pid == pid), None)

    def behind(self, pid: int) -> tuple[Session, ...]:
        """The sessions that wait for a process, directly or behind others."""
        found: dict[int, Session] = {}
        todo = [pid]
        while todo:
            holder = todo.pop()
            for one in self.sessions:
                if holder in one.blocked_by and one.pid not in found and one.pid != pid:
                    found[one.pid] = one
                    todo.append(one.pid)
        return tuple(found[one] for one in sorted(found))

    def holders(self, session: Session) -> tuple[int, ...]:
        """Processes at the root of what a session waits for; 0 stands for a prepared transaction.

        Empty when it waits for nobody, or in a circle.
        """
        by_pid = {one.pid: one for one in self.sessions}
        roots: set[int] = set()
        seen: set[int] = set()
        todo = list(session.blocked_by)
        while todo:
            pid = todo.pop()
            if pid in seen:
                continue
            seen.add(pid)
            further = by_pid[pid].blocked_by if pid in by_pid else ()
            todo.extend(further)
            if not further:
                roots.add(pid)
        return tuple(sorted(roots))

    def function(self, action: str) -> Guarded | None:
        """The guarded function for an action, when there is one we may call."""
        found = self.guarded.get(action)
        return found if found is not None and found.usable else None


@asynccontextmanager
async def linked(
    name: str, settings: PostgresSettings, context: Context, held: set[Link], session: Mapping[str, str] = SESSION
) -> AsyncIterator[Link]:
    """A connection of its own with the login for acts, kept in `held` while it is open. Raises `ProbeError`."""
    link = Link(name, context.operator, settings.pooled, session)
    held.add(link)
    try:
        await link.open(await link.lane.run(resolve, for_acts(settings), context.secrets, os.environ))
        yield link
    finally:
        held.discard(link)
        await link.close()
        link.release()


async def look(link: Link, pids: Iterable[int]) -> Sight:
    """See the server and these sessions. Raises `ProbeError`."""
    control: parse.Document = {}
    try:
        control = parse.part(await link.ask(question("control", 120000)))
    except ProbeError:
        if not link.is_open:
            raise
    wanted = ",".join(str(pid) for pid in sorted(set(pids))) or _NOWHERE
    document = parse.part(await link.ask(question("acting", 120000, ids=wanted)))
    if not parse.word(document.get("started")):
        raise ProbeError(Cause.GARBAGE, f"{link.where} answers, but not as PostgreSQL does")
    chosen("acting", parse.whole(document.get("number")))  # too old a server ends here, with words
    return _seen(link.where, document, parse.word(control.get("system_identifier")))


def _seen(where: str, document: parse.Document, system: str) -> Sight:
    rows = parse.rows(document.get("sessions"))
    started, standby = parse.word(document.get("started")), document.get("in_recovery") is True
    pin = (("system_identifier", system), ("started", started), ("standby", "yes" if standby else "no"))
    superuser = document.get("superuser") is True
    return Sight(
        where=where,
        number=parse.whole(document.get("number")),
        version=parse.name(document.get("version")),
        role=parse.name(document.get("role")),
        database=parse.name(document.get("database")),
        pin=tuple(pair for pair in pin if pair[1]),
        superuser=superuser,
        reads_all=superuser or document.get("reads_all") is True,
        signals=superuser or document.get("signals") is True,
        powers=tuple(str(one) for one in document.get("powers") or ()),
        guarded={parse.word(row.get("proname")): _guarded(row) for row in parse.rows(document.get("guarded"))},
        sessions=tuple(parse.session_of(row, literals=False) for row in rows if row.get("hidden") is not True),
        hidden=frozenset(parse.whole(row.get("pid")) for row in rows if row.get("hidden") is True),
        ours=frozenset(parse.whole(row.get("pid")) for row in rows if row.get("ours") is True),
    )


def _guarded(row: parse.Document) -> Guarded:
    return Guarded(*(row.get(name) is True for name in ("usable", "all_powerful", "able", "everybodys")))
