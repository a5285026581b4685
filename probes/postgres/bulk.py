"""Sessions chosen by what they do and for how long, as runbooks write it: all that are idle for 15 minutes.

Such a line names nobody, so the look finds them first: a person sees the list, and each is signalled by its identity.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from probes.base import Cause, ProbeError, SafeText

if TYPE_CHECKING:
    from probes.postgres.link import Link

MOST: Final = 200
"""Sessions in one plan."""
_STATES: Final = ("active", "idle", "idle in transaction")
_WORD: Final = re.compile(rf"({'|'.join(sorted(_STATES, key=len, reverse=True))}) for ([1-9]\d{{0,5}}) s")
_UNITS: Final = {"second": 1, "minute": 60, "min": 60, "hour": 3600, "day": 86400}
_SINCE: Final = {"active": "query_start"}
_TERM: Final = re.compile(
    r"""\s*(?:state\s*=\s*'(?P<state>[a-z ]+)'
      | (?P<since>state_change|query_start|xact_start)\s*<\s*(?P<before>now\s*\(\s*\)|current_timestamp)\s*-\s*
        (?:interval\s*)?'(?P<number>[1-9]\d{0,5})\s*(?P<unit>second|minute|min|hour|day)s?'(?:\s*::\s*interval)?
      | now\s*\(\s*\)\s*-\s*(?P<later>state_change|query_start)\s*>\s*(?:interval\s*)?
        '(?P<amount>[1-9]\d{0,5})\s*(?P<of>second|minute|min|hour|day)s?'(?:\s*::\s*interval)?
      | pid\s*(?:<>|!=)\s*pg_backend_pid\s*\(\s*\)
      | backend_type\s*=\s*'client\ backend'
      | datname\s*=\s*(?:current_database\s*\(\s*\)|'[^']+'))\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_SELECT: Final = re.compile(
    r"select\s+(?:pid\s*,\s*)?(?:pg_catalog\.)?pg_(?P<call>cancel|terminate)_backend\s*\(\s*pid\s*\)\s+"
    r"from\s+(?:pg_catalog\.)?pg_stat_activity\s+where\s+(?P<where>.*)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Bulk:
    """Sessions in one state for some time."""

    state: str
    """PostgreSQL's word: active, idle, idle in transaction."""
    seconds: int

    def __str__(self) -> str:
        return f"{self.state} for {self.seconds} s"


def bulk_of(word: str) -> Bulk | None:
    """What a request's word chooses; None when it chooses nothing.

    >>> bulk_of("idle for 900 s"), bulk_of("all")
    (Bulk(state='idle', seconds=900), None)
    """
    found = _WORD.fullmatch(word)
    return None if found is None else Bulk(found[1], int(found[2]))


def render(action: str, one: Bulk) -> str:
    """The statement a runbook has for it; it signals whoever it finds by then, unseen."""
    since = _SINCE.get(one.state, "state_change")
    return (
        f"SELECT pg_{action}_backend(pid) FROM pg_stat_activity WHERE state = '{one.state}' "
        f"AND {since} < now() - interval '{one.seconds} seconds' AND pid <> pg_backend_pid()"
    )


def meant(statement: str) -> tuple[str, Bulk] | None:
    """(action, what it chooses) of one statement; None when it chooses by anything else as well.

    >>> meant("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    ...       "WHERE state = 'idle' AND state_change < now() - interval '15 minutes'")
    ('terminate', Bulk(state='idle', seconds=900))
    """
    found = _SELECT.fullmatch(statement.strip().rstrip(";").strip())
    if found is None:
        return None
    state, seconds = "", 0
    for part in re.split(r"\s+and\s+", found["where"], flags=re.IGNORECASE):
        term = _TERM.fullmatch(part)
        if term is None:
            return None
        if term["state"]:
            if state:
                return None
            state = term["state"].lower()
        elif number := term["number"] or term["amount"]:
            since = (term["since"] or term["later"]).lower()
            if seconds or since == "xact_start":
                return None
            seconds = int(number) * _UNITS[(term["unit"] or term["of"]).lower()]
    if state not in _STATES or not 0 < seconds < 1_000_000:
        return None
    return found["call"].lower(), Bulk(state, seconds)


async def chosen(link: Link, one: Bulk) -> tuple[str, ...]:
    """The pids of the sessions it chooses now, longest first. `ProbeError` when there are none, or too many."""
    since = _SINCE.get(one.state, "state_change")
    found = await link.ask(
        f"SELECT coalesce(json_agg(s.pid ORDER BY s.{since}), '[]'::json) FROM (SELECT pid, {since} "
        f"FROM pg_catalog.pg_stat_activity WHERE state = '{one.state}' AND backend_type = 'client backend' "
        f"AND {since} < clock_timestamp() - interval '{one.seconds} seconds' AND pid <> pg_catalog.pg_backend_pid() "
        f"ORDER BY {since} LIMIT {MOST + 1}) AS s"
    )
    pids = tuple(str(pid) for pid in found if isinstance(pid, int)) if isinstance(found, list) else ()
    if not pids:
        raise ProbeError(Cause.GONE, SafeText(f"no session that we see is {one}"))
    if len(pids) > MOST:
        raise ProbeError(Cause.TOO_BIG, SafeText(f"more than {MOST} sessions are {one}: choose fewer"))
    return pids
