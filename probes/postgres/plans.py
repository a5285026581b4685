"""What would be done to which sessions, in words: who they are, what they hold up, who is left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from probes.base import Action, Cause, ProbeError, Request, SafeText, Subject, lasted
from probes.postgres.bulk import MOST
from probes.postgres.commands import pid_of
from probes.postgres.facts import Session
from probes.postgres.guard import identity_of
from probes.postgres.sight import Sight

_QUERY: Final = 400
"""Characters of a query in a plan."""
CLIENT: Final = "client backend"


def counted(number: int, one: str = "session", many: str = "") -> str:
    """A counted noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def hindrance(action: str, session: Session) -> str:
    """Why this action makes no sense for a session, by what it is and does; empty when it does."""
    if session.backend_type != CLIENT:
        return f"{session.excluded or session.backend_type or 'not a client'}: no client's session"
    if str(session.application).startswith("opsroom/"):
        return "Opsroom itself"
    if action == "cancel" and not session.active:
        return "it runs no query: a cancel changes nothing; ending the session does"
    return ""


def not_allowed(action: str, session: Session, sight: Sight) -> str:
    """Why our role may not signal a session; empty when it may, by itself or through the guarded function."""
    if sight.superuser:
        return ""
    function = sight.function(action)
    if session.superuser and not (function is not None and function.all_powerful):
        return "a superuser's session: only a superuser may end it"
    if (
        sight.signals
        or session.pid in sight.ours
        or (function is not None and (function.able or function.all_powerful))
    ):
        return ""
    return f"{sight.role} may not: needs pg_signal_backend, or opsroom.{action} of contrib/postgres"


def named(request: Request) -> list[tuple[int, str]]:
    """The sessions a request names, as (pid, when it began or nothing)."""
    found = [pid_of(subject) for subject in request.subjects]
    if not found:
        raise ProbeError(Cause.MISSING, "say which session", "by its pid, or pid and backend_start")
    if None in found:
        strange = next(text for text, one in zip(request.subjects, found, strict=True) if one is None)
        raise ProbeError(Cause.GONE, f"{SafeText(strange, 60)} is no session", "stand on the row of one session")
    if len(found) > MOST:
        raise ProbeError(Cause.TOO_BIG, f"{len(found)} sessions at once are too many, {MOST} at most")
    return [one for one in dict.fromkeys(found) if one is not None]


def asked_about(request: Request, sight: Sight) -> list[Session]:
    """The sessions that a request names, as they are now. `ProbeError(Cause.GONE)` when one is not there any more."""
    found: dict[int, Session] = {}
    for pid, start in named(request):
        session = sight.session(pid)
        if pid in sight.hidden:
            raise ProbeError(
                Cause.DENIED, f"session {pid} is hidden from {sight.role}", f"GRANT pg_read_all_stats TO {sight.role}"
            )
        if session is None:
            raise ProbeError(Cause.GONE, f"session {pid} has ended: there is no such process any more")
        if start and session.backend_start != start:
            raise ProbeError(
                Cause.GONE, f"session {pid} has ended: the pid belongs to {session.who} now, a session of its own"
            )
        found[pid] = session
    return list(found.values())


def subjects_of(action: Action, request: Request, sight: Sight) -> tuple[Subject, ...]:
    """One for each session that is named, and for no other: whoever holds it up is told of in a note."""
    return tuple(_subject(action, session, sight) for session in asked_about(request, sight))


def left_alone(subjects: Sequence[Subject], sight: Sight) -> tuple[Subject, ...]:
    """Subjects that nobody has named one by one, those of other databases spared."""
    found = []
    for one in subjects:
        session = sight.session(int(dict(one.identity)["pid"]))
        other = session is not None and session.database != sight.database
        spared = SafeText(f"database {session.database}") if other and session is not None else SafeText()
        found.append(replace(one, spared=spared) if spared and not one.spared else one)
    return tuple(found)


def _subject(action: Action, session: Session, sight: Sight) -> Subject:
    barred = hindrance(action.name, session) or not_allowed(action.name, session, sight)
    spared = barred or session.excluded or ("a superuser's session" if session.superuser else "")
    return Subject(
        key=session.key,
        name=SafeText(f"{session.pid} {session.who}", 120),
        identity=identity_of(session),
        before=SafeText(_before(session, sight), 1000),
        after=SafeText(_after(action.name, session)),
        felt=tuple(map(SafeText, _felt(action.name, session, sight))),
        spared=SafeText(spared),
        barred=bool(barred),
    )


def state_of(session: Session) -> str:
    """What it does, and since when."""
    words = f"{session.state or 'state not known'} for {lasted(session.age)}"
    if session.blocked_by:
        words += f", waits for {', '.join(str(pid) if pid else 'a prepared transaction' for pid in session.blocked_by)}"
    return words


def _before(session: Session, sight: Sight) -> str:
    parts = [state_of(session)]
    if session.xact_age is not None:
        parts.append(f"transaction open for {lasted(session.xact_age)}")
    if behind := sight.behind(session.pid):
        parts.append(f"{'holds' if not session.blocked_by else 'and holds'} up {counted(len(behind))}")
    who = f"{session.user or 'no user'} from {session.client or 'this machine'}"
    parts.append(f"{who}, database {session.database or 'none'}")
    text = SafeText(str(session.query), _QUERY)
    return "; ".join(parts) + (f"; {'runs' if session.active else 'ran last'}: {text}" if text else "")


def _after(action: str, session: Session) -> str:
    if action == "cancel":
        return "query cancelled, session stays"
    return "session ended" + (", its transaction rolled back" if session.xact_start else "")


def _felt(action: str, session: Session, sight: Sight) -> Iterable[str]:
    if behind := sight.behind(session.pid):
        goes = "waits for it and goes on" if len(behind) == 1 else "wait for it and go on"
        yield f"{counted(len(behind))} {goes}"
    if action == "cancel":
        if session.xact_start and session.xact_start < session.query_start:
            yield f"its whole transaction fails, {lasted(session.xact_age)} of it"
        return
    yield f"its client {session.who} loses the connection; what it does then is its own matter"
    if session.writes:
        yield f"it has written: {lasted(session.xact_age)} of work is lost, and its end may take a while"


def felt_of(action: str, subjects: Sequence[Subject], sight: Sight) -> Iterable[str]:
    """Who feels the whole of it."""
    pids = [int(dict(one.identity)["pid"]) for one in subjects if not one.spared]
    freed = {other.pid for pid in pids for other in sight.behind(pid)} - set(pids)
    if len(pids) > 1:
        what = "sessions end" if action == "terminate" else "queries end"
        yield f"{len(pids)} {what}" + (f", {counted(len(freed))} behind them go on" if freed else "")


def notes_of(action: str, request: Request, subjects: Sequence[Subject], sight: Sight, pooled: bool) -> Iterable[str]:
    """What else a person should know."""
    chosen = [one for one in subjects if not one.spared]
    first = dict(chosen[0].identity)["pid"] if chosen else ""
    if action == "terminate" and first:
        yield f"pg_terminate_backend({first}) alone ends whoever has that pid by then; here it is this session or none"
    if action == "cancel" and first:
        bare = f"pg_cancel_backend({first}) alone hits whatever runs by then"
        yield f"{bare}; here it is this query or none, but for one that begins in the same microseconds"
    for session in asked_about(request, sight):
        roots = sight.holders(session)
        if 0 in roots:
            yield f"{session.pid} waits for a prepared transaction: ROLLBACK PREPARED ends that, no session does"
        elif lost := [pid for pid in roots if sight.session(pid) is None]:
            yield f"{session.pid} waits for {lost[0]}, which is hidden from {sight.role}"
        elif roots and action == "terminate":
            whom = ", ".join(map(str, roots))
            yield f"{session.pid} only waits, and to end it frees nobody: {whom} is at the root of it"
    if pooled:
        yield "through a pooler the session of the server may serve another client by then: then nothing is done"
