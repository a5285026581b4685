"""The condition under which a session may be signalled: it still is what was looked at, to the microsecond.

The server compares, in the statement that signals: what differs by then is not touched. A pid alone is used again for
others, and a pooler's server connection carries now one client's transaction, now another's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from probes.base import Identity

if TYPE_CHECKING:
    from probes.postgres.facts import Session

MATCHES: Final = """
    s.pid = %(pid)s::int4
    AND s.backend_start = %(backend_start)s::timestamptz
    AND s.state IS NOT DISTINCT FROM %(state)s::text
    AND s.state_change IS NOT DISTINCT FROM %(state_change)s::timestamptz
    AND s.query_start IS NOT DISTINCT FROM %(query_start)s::timestamptz
    AND (
        s.xact_start IS NOT DISTINCT FROM %(xact_start)s::timestamptz
        OR (%(xact_start)s::timestamptz IS NULL AND s.state = 'active')
    )
    AND s.backend_type = 'client backend'
    AND s.pid <> pg_catalog.pg_backend_pid()"""
"""What a row `s` of pg_stat_activity must be. A running query that commits on its own has no transaction to compare."""

FIELDS: Final = ("backend_start", "state", "state_change", "query_start", "xact_start")
"""What is compared beside the pid; None where the server tells nothing."""

_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d(?::?\d\d)?)")


def moment(text: str) -> str | None:
    """A moment as the server writes it in UTC; None when the text is none, or names no zone.

    >>> moment("2026-03-01 04:02:11.480+01"), moment("2026-03-01T03:02:11Z"), moment("2026-03-01 03:02:11")
    ('2026-03-01 03:02:11.48+00', '2026-03-01 03:02:11+00', None)
    """
    found = _MOMENT.fullmatch(text)
    if found is None or not text.isascii():
        return None
    day, time, fraction, zone = found.groups()
    zone = "+00" if zone == "Z" else zone
    try:
        at = datetime.fromisoformat(f"{day} {time}.{(fraction or '0').ljust(6, '0')}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    fraction = f"{at.microsecond:06d}".rstrip("0")
    return f"{at:%Y-%m-%d %H:%M:%S}".rjust(19, "0") + (f".{fraction}" if fraction else "") + "+00"


def identity_of(session: Session) -> Identity:
    """What must still be so: the session, what it does, and the transaction it is in.

    A query that began its transaction itself after it was sent (a procedure that commits, an index built
    concurrently) may be in its next one by now and still be the same query: that transaction is left out.
    """
    known = {name: getattr(session, name) for name in FIELDS}
    if session.active and session.xact_start > session.query_start:
        known["xact_start"] = ""
    return (("pid", str(session.pid)), *((name, value) for name, value in known.items() if value))


def values_of(identity: Identity) -> dict[str, str | int | None]:
    """The identity as values for `MATCHES`."""
    known = dict(identity)
    return {"pid": int(known["pid"]), **{name: known.get(name) for name in FIELDS}}


def same(identity: Identity, session: Session) -> bool:
    """True when a session as it is now is what was looked at; the server says so once more when it signals."""
    known, now = dict(identity), dict(identity_of(session))
    if "xact_start" not in known and session.active:
        now.pop("xact_start", None)
    return known == now


def is_session(identity: Identity, session: Session) -> bool:
    """True when it is the same session, whatever it does now."""
    known: Mapping[str, str] = dict(identity)
    return known["pid"] == str(session.pid) and known["backend_start"] == session.backend_start


def same_query(identity: Identity, session: Session) -> bool:
    """True when the session still runs the query that was looked at."""
    return is_session(identity, session) and session.active and dict(identity).get("query_start") == session.query_start
