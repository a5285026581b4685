"""What several sessions say alike of one alert, each of its own copy: while they are apart from the shared store each
of them leads, and once it is back all that they wrote is there."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from desk.alert import Alert, Identity
from desk.inbox.case import What
from desk.inbox.record import Record

APART: Final = timedelta(seconds=15)
"""How far apart two sessions may say the same: each reads in its own turn, by its own clock."""

_HAPPENS: Final = frozenset(
    {What.RAISED, What.WORSE, What.BETTER, What.CLEARED, What.LATE, What.SILENCED, What.SPEAKS_AGAIN}
)
"""What a session says by itself. What people decide is said once each time, whoever else decides the same."""


@dataclass(slots=True)
class _Said:
    """One thing that was said, and of which copies."""

    record: Record
    alike: Hashable
    cases: set[str]


@dataclass(slots=True)
class _Episode:
    """An alert from its beginning to its end, in every copy."""

    said: list[_Said] = field(default_factory=list)


def copies(records: Iterable[Record]) -> dict[str, str]:
    """Ids of records that say of one copy of an alert what was said of another copy just before, each with the id of
    the first that said it. `records`: in order of time.

    One alert is one system's target, rule and labels. What differs in more than its words, such as how severe it is,
    is no copy, and neither is what comes later than `APART` or after the end of all that was known.
    """
    found: dict[str, str] = {}
    open_now: dict[Identity, _Episode] = {}
    of_case: dict[str, _Episode] = {}
    for record in records:
        alert = record.alert
        if alert is None or record.what not in _HAPPENS:
            continue
        if record.what is What.RAISED:
            of_case[record.case] = open_now.setdefault(alert.identity, _Episode())
        episode = of_case.get(record.case)
        if episode is None:
            continue
        if record.what is What.CLEARED and open_now.get(alert.identity) is episode:
            del open_now[alert.identity]
        alike = _alike(record, alert)
        same = next((one for one in reversed(episode.said) if one.alike == alike and _copied(one, record)), None)
        if same is None:
            episode.said.append(_Said(record, alike, {record.case}))
        else:
            same.cases.add(record.case)
            found[record.id] = same.record.id
    return found


def _copied(one: _Said, record: Record) -> bool:
    return record.case not in one.cases and record.at - one.record.at <= APART


def _alike(record: Record, alert: Alert) -> Hashable:
    return record.what, alert.rule, alert.labels, alert.severity, record.by, record.note
