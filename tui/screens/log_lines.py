"""How a line of a log is drawn: its level's tone, what was searched for, with or without its time, cut or wrapped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from desk import words
from probes.base.log import LEADING, Level
from tui.screens.log_ring import LABEL, LONGEST_LABEL, Ring, Row
from widgets.draw.marks import spark
from widgets.folding import folded
from widgets.levels import LEVEL_TONES
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, width_of

_HIGHLIGHTS: Final = 50
"""Finds marked in one line."""
_NARROW: Final = 100
"""Columns below which lines are shortened at their beginning."""
_END: Final = 6
"""Characters that are left of both ends of a long name."""
_UTC: Final = re.compile(r"(\d\d:\d\d:\d\d)(?:[.,]\d{1,9})? ?(?:Z|UTC|GMT|[+-]00:?00)")


@dataclass(slots=True)
class Look:
    """How a person wants to see lines."""

    stamps: bool = True
    wrap: bool = False
    shift: int = 0
    """Cells left out at the left, when lines are not wrapped."""
    wanted: re.Pattern[str] | None = None
    """What is searched for."""
    labels: bool = True
    """False: every line is of one source, which need not be said on each where there is little room."""


def drawn(row: Row, look: Look, width: int) -> list[Line]:
    """One line as one or more of the screen's."""
    text = row.text if look.stamps else LEADING.sub(r"\g<before>", row.text, count=1)
    if width < _NARROW and not look.wrap:
        text = _shorter(text, look.labels)
    tone = LEVEL_TONES.get(row.level, Tone.PLAIN)
    if not look.wrap:
        text = text[look.shift : look.shift + width * 2]
    spans: list[Span] = []
    at = 0
    if look.wanted is not None:
        for number, found in enumerate(look.wanted.finditer(text)):
            if found.end() == found.start() or number >= _HIGHLIGHTS:
                break
            spans += [Span(text[at : found.start()], tone), Span(found[0], Tone.KEY)]
            at = found.end()
    made = line(*spans, Span(text[at:], tone), key=str(row.number))
    if not look.wrap:
        return [_marked(made, width)]
    return [Line(one.spans, made.key) for one in folded(made, max(width, 8), 2)]


def _shorter(text: str, labels: bool) -> str:
    """A line with the time of day for its time, where that is in UTC as the clock above it, and without the name of
    its source where that goes without saying, or with both ends of it: what it tells has the room.

    >>> _shorter("error.log │ 2026-03-01T03:12:41.042Z ERROR no token", labels=False)
    '03:12:41 ERROR no token'
    >>> _shorter("web-2jfs7d6p7-q4ccz │ 2026-03-01T03:12:41+02:00 ERROR no token", labels=True)
    'web-2j…-q4ccz │ 2026-03-01T03:12:41+02:00 ERROR no token'
    """
    label, cut, rest = text.partition(LABEL)
    if cut and len(label) < LONGEST_LABEL:
        short = f"{label[:_END]}…{label[-_END:]}" if len(label) > 2 * _END + 2 else label
        text = f"{short}{LABEL}{rest}" if labels else rest
    stamp = LEADING.match(text)
    clock = _UTC.search(stamp[0]) if stamp is not None else None
    if stamp is None or clock is None:
        return text
    return f"{stamp['before']}{clock[1]} {text[stamp.end() :]}"


def _marked(made: Line, width: int) -> Line:
    """With a mark at the edge of the screen where the line goes on beyond it."""
    if width_of(made.spans) <= width:
        return made
    spans: list[Span] = []
    room = max(0, width - 1)
    for span in made.spans:
        kept = fit(span.text, room).text if width_of((span,)) > room else ""
        if kept:
            spans += [Span(kept.removesuffix("…"), span.tone)]
            break
        spans.append(span)
        room -= width_of((span,))
    return Line((*spans, Span("›", Tone.KEY)), made.key)


def window(rows: Sequence[Row], end: int, last: int, look: Look, width: int, height: int) -> list[Line]:
    """The lines that fill a screen, the last of them `rows[end - 1]`; those before `last` where there is room."""
    lines: list[Line] = []
    at = end
    while at > 0 and len(lines) < height:
        at -= 1
        lines[:0] = drawn(rows[at], look, width)
    if len(lines) > height:
        return lines[-height:]
    while end < last and len(lines) < height:
        lines += drawn(rows[end], look, width)
        end += 1
    return lines[:height]


def told(ring: Ring, width: int) -> Line:
    """One line on what is kept: errors over time as bars, how many, what span, what is filtered."""
    parts: list[Part] = [" "]
    counted = ring.errors or ring.warnings
    parts.append(Span(f"{words.count(ring.errors)} err", Tone.CRITICAL if ring.errors else Tone.DIM))
    parts.append(Span(f" {words.count(ring.warnings)} warn", Tone.WARNING if ring.warnings else Tone.DIM))
    narrowed = _narrowed(ring)
    parts += [Span(f"  {narrowed}", Tone.KEY)] if narrowed else []
    span = ring.span
    parts += [dim(f"  {_from_to(*span)}")] if span is not None else []
    head = line(*parts)
    room = width - width_of(head.spans) - 17
    if room < 4:
        return head
    column = 2 if ring.errors else 1 if counted else 0
    bars, step = ring.histogram.bars(min(room, 60), column)
    what = ("lines", "warn", "err")[column]
    tone = (Tone.DIM, Tone.WARNING, Tone.CRITICAL)[column]
    shown = [Span(spark(bars, len(bars)), tone), dim(f" {what} per {words.span(step)}")] if bars else []
    return line(*parts, "  ", *shown)


def _narrowed(ring: Ring) -> str:
    if not ring.filtered:
        return ""
    level = f"{ring.least.word} and worse" if ring.least is not Level.UNKNOWN else ""
    only = "only matches" if ring.only is not None else ""
    what = ", ".join(one for one in (level, only) if one)
    return f"{what}: {words.count(len(ring.visible))} of {words.count(len(ring.rows))}"


CLOCK: Final = 13
"""Cells for one of `clocks`, with a gap."""
WITH_CLOCKS: Final = 76
"""Columns from which a list shows them: those within a screen of 80."""


def clocks(moments: Sequence[float | None]) -> list[str]:
    """When each was, with its day where they are not all of one.

    >>> clocks([0, 60, None]), clocks([0, 86400])
    (['00:00:00', '00:01:00', '–'], ['01-01 00:00', '01-02 00:00'])
    """
    there = [datetime.fromtimestamp(one, UTC) if one is not None else None for one in moments]
    how = "%m-%d %H:%M" if len({one.date() for one in there if one is not None}) > 1 else "%H:%M:%S"
    return [f"{one:{how}}" if one is not None else "–" for one in there]


def _from_to(first: float, last: float) -> str:
    """When, with days where it is not all of one.

    >>> _from_to(0, 60), _from_to(0, 86400)
    ('00:00:00–00:01:00', '01-01 00:00–01-02 00:00')
    """
    one, other = datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC)
    how = "%H:%M:%S" if one.date() == other.date() else "%m-%d %H:%M"
    return f"{one:{how}}–{other:{how}}"
