"""Draws saved queries: each number with the one before, its limits and its age; the rows of each on Enter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from desk.words import age, amount, count, plural, span
from probes.base import SafeText, Severity
from probes.postgres.saved.facts import SavedQuery, SqlFacts
from probes.postgres.saved.gauges import gauge_of
from probes.postgres.saved.rows import Actable, actable
from widgets.draw.marks import Sign, spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Panel, Table, View

_GONE: Final = "–"
_CELL: Final = 52
"""Cells of one query on the overview; as many stand side by side as fit."""
_DETAIL: Final = 50
"""Rows of one answer shown on Enter; the look shows all."""
_OLD: Final = 120.0
"""Seconds from which the age of a number stands beside it."""


def said(query: SavedQuery, value: float | None) -> str:
    """One of a query's numbers in its unit."""
    return _GONE if value is None else amount(value, query.unit)


def number(query: SavedQuery) -> str:
    """A query's number, or why there is none."""
    if query.rows:
        shown = [f"{row.of} {said(query, row.value)}" for row in query.rows[:3]]
        return "  ".join(shown + ([f"+{len(query.rows) - 3}"] if len(query.rows) > 3 else []))
    if query.value is None:
        return query.why or _GONE
    return ("at least " if query.cut and query.value == query.count else "") + said(query, query.value)


def change(query: SavedQuery) -> str:
    """By how much the number differs from the one before.

    >>> from probes.postgres.saved.facts import SavedQuery
    >>> change(SavedQuery("a", "a", value=12, previous=10, previous_ago=60)), change(SavedQuery("a", "a", value=12))
    ('+2', '–')
    """
    found = query.change
    if found is None:
        return _GONE
    return "same" if found == 0 else f"{'+' if found > 0 else '-'}{said(query, abs(found))}"


def limits(query: SavedQuery) -> str:
    """A query's limits in words."""
    both = (("warning", query.warn), ("critical", query.critical))
    words = [f"{name} {query.when} {said(query, limit)}" for name, limit in both if limit is not None]
    return ", ".join(words + ([f"for {span(query.lasts)}"] if words and query.lasts else []))


def _severity(view: View[SqlFacts], query: SavedQuery) -> Severity | None:
    found = (
        view.severity(gauge_of(query.name)),
        view.severity("no_data_seconds", query=query.title),
        view.severity("failed", query=query.title),
    )
    return max((one for one in found if one is not None), default=None)


def _tone(query: SavedQuery) -> Tone:
    if query.fault:
        return Tone.NOTICE
    return Tone.DIM if query.value is None else Tone.PLAIN


def _mark(view: View[SqlFacts], query: SavedQuery) -> Span:
    severity = _severity(view, query)
    if severity is None and query.value is None and not query.rows:
        return dim(Sign.UNKNOWN.value)
    limited = query.warn is not None or query.critical is not None
    return sign(severity) if severity is not None or limited else dim(Sign.NONE.value)


def _cell(view: View[SqlFacts], query: SavedQuery, width: int) -> list[Part]:
    """One query in `width` cells: sign, name, number, change, course."""
    severity = _severity(view, query)
    name = max(8, min(24, width * 2 // 5))
    room = max(0, width - name - 3)
    parts: list[Part] = [_mark(view, query), " ", fit(query.title, name), " "]
    text = number(query)
    if query.value is None or query.rows:
        words = fit(text, room).text
        return [*parts, toned(words, severity) if severity is not None or query.rows else dim(words)]
    if query.age is not None and query.age >= _OLD:
        text += f" {age(query.age)} old"
    if query.change:
        text += f" ({change(query)})"
    head = min(room, max(10, len(text)))
    parts.append(fit(toned(text, severity) if severity is not None else strong(text), head))
    left = room - head
    if left >= 8:
        course = view.history("value", query=query.name)
        parts += ["  ", Span(f"{spark(course, left - 2):<{left - 2}}", Tone.CHART)]
    elif left:
        parts.append(" " * left)
    return parts


def _strip(view: View[SqlFacts], width: int) -> list[Line]:
    """Every query: those in trouble first and alone, the others side by side."""
    bad = [query for query in view.facts.queries if _severity(view, query) is not None]
    bad.sort(key=lambda query: -(_severity(view, query) or 0))
    well = [query for query in view.facts.queries if _severity(view, query) is None]
    found = []
    for query in bad:
        parts = _cell(view, query, min(width, _CELL))
        words = query.hint if query.fault else limits(query)
        if words and width >= _CELL + 14:
            parts += ["  ", dim(fit(words, width - _CELL - 2).text.rstrip())]
        found.append(line(*parts, key=query.name, severity=_severity(view, query)))
    beside = max(1, (width + 2) // _CELL)
    cell = (width - 2 * (beside - 1)) // beside
    for start in range(0, len(well), beside):
        row: list[Part] = []
        for query in well[start : start + beside]:
            row += ([*row[:0], "  "] if row else []) + _cell(view, query, cell)
        found.append(line(*row))
    return found


def _about(query: SavedQuery) -> Sequence[Line]:
    """All that is known of a query, then its rows."""
    pairs: list[tuple[str, Part]] = [("query", query.sql), ("number", number(query))]
    if query.hint:
        pairs.append(("hint", query.hint))
    if query.last is not None and query.last_age is not None:
        pairs.append(("last", f"{said(query, query.last)}, {age(query.last_age)} ago"))
    if query.previous is not None and query.previous_ago is not None:
        pairs.append(("before", f"{said(query, query.previous)}, {span(query.previous_ago)} before ({change(query)})"))
    pairs.append(("limits", limits(query) or "none"))
    every = f"every {span(query.every)}" + (f", for {query.slowed}" if query.slowed else "") if query.every else _GONE
    pairs.append(("asked", every + (f"; took {span(query.took)}" if query.took is not None else "")))
    pairs += [("note", note) for note in query.notes]
    drawn = [line(dim(f"{label:<8}"), words) for label, words in pairs]
    if query.table:
        more = " and more" if query.cut or len(query.table) > _DETAIL else ""
        drawn += [line(), line(dim(f"{plural(query.count or 0, 'row')}{more}"))]
        drawn += [line(one) for one in query.lines(_DETAIL)]
    elif query.columns:
        drawn += [line(), line(dim("no row came"))]
    return drawn


def _says(query: SavedQuery) -> str | SafeText:
    if query.why:
        return query.why
    if query.slowed:
        return f"asked every {span(query.every or 0.0)}: {query.slowed}"
    return query.notes[0] if query.notes else limits(query) or _GONE


_QUERIES: Final[Table[SqlFacts, SavedQuery]] = Table(
    name="queries",
    title="saved queries",
    rows=lambda facts: facts.queries,
    key=lambda query: query.name,
    columns=(
        Column("query", lambda query: query.title, 24),
        Column("now", lambda query: _GONE if query.value is None else number(query), 18, lambda query: query.value,
               True, 0, True),
        Column("change", lambda query: change(query), 10, lambda query: query.change, True, 70, True),
        Column("rows", lambda query: _GONE if query.count is None else f"{count(query.count)}{'+' * query.cut}", 7,
               lambda query: query.count, True, 90, True),
        Column("age", lambda query: _GONE if query.age is None else age(query.age), 6, lambda query: query.age, True),
        Column("took", lambda query: _GONE if query.took is None else span(query.took), 8, lambda query: query.took,
               True, 100, True),
        Column("what there is to say", lambda query: _says(query)),
    ),
    empty="no query is saved for this database: write [sql.NAME.query.QUERY]",
    tone=_tone,
    detail=_about,
    looks=("rows",),
)  # fmt: skip


def _unanswered(facts: SqlFacts) -> str:
    """Which queries with rows to act on gave no answer, and why; empty: all did."""
    some = [query for query in facts.queries if query.key and (query.fault or not query.asked)]
    return "; ".join(f"{query.title} was not answered: {query.why}" for query in some)


_ROWS: Final[Table[SqlFacts, Actable]] = Table(
    name="rows",
    title="rows to act on",
    rows=actable,
    key=lambda row: row.key,
    columns=(
        Column("query", lambda row: row.query, 24),
        Column("row", lambda row: " ".join(row.values), 20),
        Column("says", lambda row: row.told),
    ),
    empty="no row came for which the profile has an act: [sql.NAME.query.QUERY.act]",
    unseen=_unanswered,
    label=lambda row: f"{row.query} {' '.join(row.values)}",
)


class SqlPanel(Panel[SqlFacts]):
    """Saved queries of one database."""

    title = "SQL"
    help = (
        "saved queries: [sql.NAME.query.QUERY] of the profile, asked in read-only transactions, each with\n"
        "a time-out, a limit of rows and an age of its own. One that fails costs its own row and says why.\n"
        "now: the number in the first column (or value = ...), of several rows the worst; or how many rows came.\n"
        "change: against the asking before. NULL and no row are missing, never zero: their limits see nothing.\n"
        "asked every: a query that ran out of time is asked more rarely; none takes more than 1/20 of the time.\n"
        "***: covered by redact, or because the column's name says that it is a secret. Enter shows the rows, l all.\n"
        "rows to act on: a runs the command of the profile for a row, or for marked rows, with the row's key.\n"
        "Role: contrib/postgres/saved.sql gives SELECT on named tables and nothing else."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_QUERIES, _ROWS)

    def headline(self, view: View[SqlFacts]) -> Sequence[Part]:
        """How many answered."""
        queries = view.facts.queries
        failed = sum(bool(query.fault) for query in queries)
        parts: list[Part] = [plural(len(queries), "query", "queries")]
        if failed:
            parts.append(toned(f"{failed} not answered", view.severity("failed")))
        return parts

    def brief(self, view: View[SqlFacts], width: int) -> Sequence[Line]:
        """The numbers."""
        if not view.facts.queries:
            return (line(dim(fit("no query is saved for it", width).text.rstrip())),)
        return _strip(view, width)

    def head(self, view: View[SqlFacts], width: int) -> Sequence[Line]:
        """The numbers, then where they come from."""
        facts = view.facts
        where = f"{facts.database or _GONE} at {facts.where or _GONE}, PostgreSQL {facts.version or _GONE}"
        where += f", as {facts.role or _GONE}" + (", a standby" if facts.standby else "")
        found = [*self.brief(view, width), line(dim(fit(where, width).text.rstrip()))]
        if facts.powers:
            words = f"our role may do more than a saved query needs: {', '.join(map(str, facts.powers))}"
            found.append(line(Span(fit(words, width).text.rstrip(), Tone.NOTICE)))
        return found

    def more(self, view: View[SqlFacts], width: int) -> Sequence[Line]:
        """Nothing: the brief has said it."""
        return ()
