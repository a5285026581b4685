"""What happened between two readings. PostgreSQL counts since a reset, which says nothing about now."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from probes.base import Rates, SafeText
from probes.postgres.facts import Database, Statement, Statements, Traffic
from probes.postgres.literals import one_line, without_literals
from probes.postgres.parse import Document, name, number, part, rows, whole

_TEXTS_KEPT: Final = 500
_MOST: Final = 5000


class Recent:
    """How much a counter grew within the last `window` seconds."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._last: float | None = None
        self._grown: deque[tuple[float, float]] = deque()

    def add(self, value: float | None, at: float) -> float | None:
        """Growth in the window up to `at` (monotonic seconds); None before there is anything to compare."""
        if value is None:
            self._last = None
            return None
        before, self._last = self._last, value
        while self._grown and self._grown[0][0] <= at - self._window:
            self._grown.popleft()
        if before is None:
            return None
        if value > before:
            self._grown.append((at, value - before))
        return sum(growth for _, growth in self._grown)


class TrafficMeter:
    """Counters of pg_stat_database as rates."""

    def __init__(self) -> None:
        self._rates = Rates()
        self._deadlocks = Recent(60.0)
        self._checkpoints = Recent(300.0)
        self._sizes: Mapping[str, float | None] = {}

    def sized(self, document: object) -> None:
        """Take the sizes of the databases, which are measured rarely."""
        self._sizes = {str(name(key)): number(value) for key, value in part(document).items()}

    def measure(self, document: Document, at: float) -> Traffic:
        """The whole server's traffic since the last measure; `at` is monotonic seconds."""
        totals = part(document.get("totals"))
        hit, asked = self._cache("*", totals, at)
        deadlocks = number(totals.get("deadlocks"))
        return Traffic(
            commits=self._rate("*", "commits", totals, at),
            rollbacks=self._rate("*", "rollbacks", totals, at),
            rows_read=self._rate("*", "rows_read", totals, at),
            rows_written=self._rate("*", "rows_written", totals, at),
            temp_bytes=self._rate("*", "temp_bytes", totals, at),
            cache_hit=hit,
            block_reads=asked,
            deadlocks=self._deadlocks.add(deadlocks, at),
            deadlocks_total=deadlocks,
            checksum_failures=number(totals.get("checksum_failures")),
            checkpoints_requested=self._checkpoints.add(number(part(document.get("checkpoints")).get("requested")), at),
        )

    def databases(self, document: Document, sessions: Mapping[str, float], at: float) -> tuple[Database, ...]:
        """Each database, busiest first; `sessions` is their number by database."""
        found = [self._database(row, sessions, at) for row in rows(document.get("databases"))]
        return tuple(sorted(found, key=lambda one: -((one.commits or 0) + (one.rollbacks or 0))))

    def _database(self, row: Document, sessions: Mapping[str, float], at: float) -> Database:
        called = name(row.get("name"))
        key = str(called)
        return Database(
            name=called,
            size=self._sizes.get(key),
            sessions=sessions.get(key, 0.0),
            commits=self._rate(key, "commits", row, at),
            rollbacks=self._rate(key, "rollbacks", row, at),
            cache_hit=self._cache(key, row, at)[0],
            temp_bytes=self._rate(key, "temp_bytes", row, at),
            deadlocks=number(row.get("deadlocks")),
            xid_age=number(row.get("xid_age")),
            since=name(row.get("since")),
        )

    def _rate(self, scope: str, what: str, row: Document, at: float) -> float | None:
        return self._rates.per_second((scope, what), number(row.get(what)), at)

    def _cache(self, scope: str, row: Document, at: float) -> tuple[float | None, float | None]:
        """(share found, blocks asked for) since the last time; a share of nothing is not known."""
        hit = self._rates.delta((scope, "hit"), number(row.get("blocks_hit")), at)
        read = self._rates.delta((scope, "read"), number(row.get("blocks_read")), at)
        if hit is None or read is None:
            return None, None
        asked = hit[0] + read[0]
        return (hit[0] / asked if asked else None), asked


@dataclass(frozen=True, slots=True)
class _Count:
    calls: float
    seconds: float
    rows: float


@dataclass(frozen=True, slots=True)
class _Text:
    query: SafeText
    user: SafeText
    database: SafeText
    ours: bool = False


StatementKey = tuple[str, int, int]
"""Query identifier, role and database."""
OURS: Final = "opsroom"
"""What stands in the place of an identifier for our own statements as one."""
_MARK: Final = "/* opsroom */"
"""A comment in what we ask all the time. What an act does bears the act's id there, and is shown as any other."""


class StatementMeter:
    """Counters of pg_stat_statements as what each statement cost since the last reading."""

    def __init__(self, literals: bool, most: int = 50) -> None:
        self._literals = literals
        self._most = most
        self._before: dict[StatementKey, _Count] | None = None
        self._full = False
        self._at = 0.0
        self._texts: dict[StatementKey, _Text] = {}
        self._top: list[tuple[StatementKey, _Count, _Count]] = []
        self._all = _Count(0, 0, 0)
        self._interval: float | None = None
        self._since = SafeText()

    def take(self, document: Document, at: float) -> Sequence[str]:
        """Take a reading; answers with the identifiers of statements whose text is wanted."""
        counts = _counted(document)
        before, self._before = self._before, counts
        self._since = name(document.get("since"))
        if before is None:
            self._at, self._full = at, len(counts) >= _MOST
            return ()
        self._interval = at - self._at if at > self._at else None
        changed = [(key, _grown(before.get(key), now, self._full), now) for key, now in counts.items()]
        done = [(key, delta, now) for key, delta, now in changed if delta is not None and delta.calls > 0]
        self._top = sorted(done, key=lambda one: -one[1].seconds)[: self._most]
        self._all = _sum([delta for _, delta, _ in done])
        self._at, self._full = at, len(counts) >= _MOST
        return sorted({key[0] for key, _, _ in self._top if key not in self._texts and key[0].lstrip("-").isdigit()})

    def learn(self, document: object) -> None:
        """Take the texts of statements."""
        if len(self._texts) > _TEXTS_KEPT:
            self._texts.clear()
        learnt = set[StatementKey]()
        for row in rows(document):
            text = str(row.get("query") or "")
            shown = one_line(text) if self._literals else without_literals(text)
            key = (str(row.get("queryid")), whole(row.get("userid")), whole(row.get("dbid")))
            ours = _MARK in text
            if ours and key in learnt:  # what is planned at somebody's wish is counted beside what its role runs
                continue
            learnt.add(key)
            self._texts[key] = _Text(SafeText(shown, 2000), name(row.get("user")), name(row.get("database")), ours)

    def statements(self) -> Statements:
        """What the last two readings say, the costliest first, and our own questions as one."""
        span = self._interval
        ours = [one for one in self._top if one[0] in self._texts and self._texts[one[0]].ours]
        shown = [one for one in self._top if one not in ours]
        return Statements(
            top=tuple(self._statement(f"{key[0]}/{key[1]}/{key[2]}", self._text(key), delta, now)
                      for key, delta, now in shown),
            ours=self._own([delta for _, delta, _ in ours], [now for _, _, now in ours]) if ours else None,
            interval=span,
            calls=self._all.calls / span if span else None,
            mean=self._all.seconds / self._all.calls if span and self._all.calls else None,
            since=self._since,
        )  # fmt: skip

    def _text(self, key: StatementKey) -> _Text:
        return self._texts.get(key, _Text(SafeText("text not known"), SafeText(), SafeText()))

    def _own(self, deltas: Sequence[_Count], totals: Sequence[_Count]) -> Statement:
        text = _Text(SafeText(f"Opsroom's own: {len(deltas)} statements as one"), SafeText(), SafeText())
        return self._statement(OURS, text, _sum(deltas), _sum(totals))

    def _statement(self, called: str, text: _Text, delta: _Count, now: _Count) -> Statement:
        return Statement(
            id=called,
            query=text.query,
            user=text.user,
            database=text.database,
            calls=delta.calls / self._interval if self._interval else 0.0,
            mean=delta.seconds / delta.calls if delta.calls else None,
            share=delta.seconds / self._all.seconds if self._all.seconds else None,
            rows=delta.rows / delta.calls if delta.calls else None,
            calls_total=now.calls,
            mean_total=now.seconds / now.calls if now.calls else None,
        )


def _sum(counts: Sequence[_Count]) -> _Count:
    return _Count(*(sum(getattr(one, what) for one in counts) for what in ("calls", "seconds", "rows")))


def _counted(document: Document) -> dict[StatementKey, _Count]:
    counts: dict[StatementKey, _Count] = {}
    listed = document.get("rows")
    for row in listed if isinstance(listed, list) else []:
        if isinstance(row, list) and len(row) == 6:
            numbers = [number(value) for value in row[3:]]
            if None not in numbers:
                counts[str(row[0]), whole(row[1]), whole(row[2])] = _Count(*(value or 0.0 for value in numbers))
    return counts


def _grown(before: _Count | None, now: _Count, full: bool) -> _Count | None:
    """What was added; a statement that was not there before is new, unless the list had no room for all."""
    if before is None:
        return None if full else now
    if now.calls < before.calls or now.seconds < before.seconds:
        return now
    return _Count(now.calls - before.calls, now.seconds - before.seconds, max(now.rows - before.rows, 0.0))
