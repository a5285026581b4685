"""What a drawn line is, before any screen: spans of safe text, each with a tone.

Tones are meanings, not colours; the theme gives them a look. Text from outside arrives as `SafeText`; the line view
armours everything once more when it paints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from probes.base import SafeText, Severity
from widgets.draw.marks import Sign


class Tone(Enum):
    """What a piece of text means."""

    PLAIN = "plain"
    DIM = "dim"
    STRONG = "strong"
    TITLE = "title"
    GOOD = "good"
    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"
    KEY = "key"
    CHART = "chart"
    REPLAY = "replay"
    """Not now: it stands on a ground of its own."""


class Span(NamedTuple):
    """A piece of a line."""

    text: str
    tone: Tone = Tone.PLAIN


Part = Span | str | SafeText
"""What a line is made of: our own words, safe text from outside, or either with a tone."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a panel."""

    spans: tuple[Span, ...]
    key: str = ""
    """The row this line stands for; Enter opens it."""
    severity: Severity | None = None
    """How much it matters when there isn't room for every line; None: nothing wrong."""

    @property
    def text(self) -> str:
        """What it says, without its looks."""
        return "".join(span.text for span in self.spans)


def line(*parts: Part, key: str = "", severity: Severity | None = None) -> Line:
    """A line of parts, set one after the other as they are.

    >>> line("a", SafeText("b"), Span("c", Tone.DIM)).spans[2].tone
    <Tone.DIM: 'dim'>
    """
    spans = tuple(part if isinstance(part, Span) else Span(str(part)) for part in parts)
    return Line(tuple(span for span in spans if span.text), key, severity)


def dim(text: str | SafeText) -> Span:
    """Less important than its neighbours."""
    return Span(str(text), Tone.DIM)


def strong(text: str | SafeText) -> Span:
    """The number or name a person looks for."""
    return Span(str(text), Tone.STRONG)


def toned(text: str | SafeText, severity: Severity | None) -> Span:
    """Text in the tone of a severity; plain when nothing is wrong."""
    return Span(str(text), TONES[severity] if severity is not None else Tone.PLAIN)


def sign(severity: Severity | None) -> Span:
    """The shape of a severity, toned."""
    if severity is None:
        return Span(Sign.FINE.value, Tone.GOOD)
    return Span(SIGNS[severity].value, TONES[severity])


TONES = {Severity.NOTICE: Tone.NOTICE, Severity.WARNING: Tone.WARNING, Severity.CRITICAL: Tone.CRITICAL}
SIGNS = {Severity.NOTICE: Sign.NOTICE, Severity.WARNING: Sign.WARNING, Severity.CRITICAL: Sign.CRITICAL}


def fit(part: Part, width: int, right: bool = False, tail: bool = False) -> Span:
    """A part cut or padded to exactly `width` cells; a cut shows as an ellipsis, with `tail` at the beginning.

    >>> fit("newsletter", 6).text, fit("7", 3, right=True).text, fit("/var/log/app.log", 9, tail=True).text
    ('newsl…', '  7', '…/app.log')
    """
    tone = part.tone if isinstance(part, Span) else Tone.PLAIN
    text = part.text if isinstance(part, Span) else str(part)
    cells = cell_len(text)
    if cells > width and tail and width > 0:
        while cell_len(text) > width - 1:
            text = text[1:]
        return Span("…" + set_cell_size(text, width - 1), tone)
    if cells > width:
        return Span(set_cell_size(text, width - 1) + "…" if width > 0 else "", tone)
    pad = " " * (width - cells)
    return Span(pad + text if right else text + pad, tone)


def shortened(text: str, width: int) -> str:
    """A text of at most `width` cells: where it is cut, an ellipsis stands in its middle, so both its ends are seen.

    >>> shortened("newsletter-2026-03-01.dump", 13), shortened("kite", 13)
    ('newsle…1.dump', 'kite')
    """
    if cell_len(text) <= width:
        return text
    if width < 1:
        return ""
    tail = (width - 1) // 2
    head = set_cell_size(text, width - 1 - tail).rstrip()
    end = text
    while cell_len(end) > tail:
        end = end[1:]
    return f"{head}…{end}"


def joined(parts: Iterable[Part], gap: str = "  ") -> tuple[Span, ...]:
    """Parts with a gap between each two."""
    spans: list[Span] = []
    for part in parts:
        if spans:
            spans.append(Span(gap))
        spans.append(part if isinstance(part, Span) else Span(str(part)))
    return tuple(spans)


def width_of(spans: Iterable[Span]) -> int:
    """Cells the spans take on screen."""
    return sum(cell_len(span.text) for span in spans)


def side_by_side(marks: Iterable[Span], width: int, left: Callable[[int], str], most: int = 3) -> list[Line]:
    """Marks one beside the other, in so many lines at most; `left` says it of those there is no room for."""
    rows: list[list[Span]] = [[]]
    for mark in marks:
        part = fit(mark, min(width, width_of([mark])))
        if rows[-1] and width_of(joined([*rows[-1], part])) > width:
            rows.append([])
        rows[-1].append(part)
    shown = [line(*joined(row)) for row in rows[:most] if row]
    hidden = sum(len(row) for row in rows[most:])
    return [*shown, line(dim(left(hidden)))] if hidden else shown
