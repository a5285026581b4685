"""The base of everything we paint by the line: tones become styles once per theme, text is armoured once more.

Only what changed is repainted: a line view and a table refresh regions, never the whole of themselves.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from probes.base import armour
from widgets.draw.marks import plain
from widgets.lines import Span, Tone, width_of


class Drawn(Widget):
    """A widget whose lines are strips made of toned spans."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"tone--{tone.value}" for tone in Tone} | {"tone--cursor", "tone--marked"}

    DEFAULT_CSS = """
    Drawn {
        & > .tone--plain { color: $foreground; }
        & > .tone--dim { color: $text-muted; }
        & > .tone--strong { color: $foreground; text-style: bold; }
        & > .tone--title { color: $primary; text-style: bold; }
        & > .tone--good { color: $success; }
        & > .tone--notice { color: $accent; }
        & > .tone--warning { color: $warning; text-style: bold; }
        & > .tone--critical { color: $error; text-style: bold; }
        & > .tone--key { color: $secondary; text-style: bold; }
        & > .tone--chart { color: $primary; }
        & > .tone--replay { color: $background; background: $accent; text-style: bold; }
        & > .tone--cursor { background: $primary-muted; }
        & > .tone--marked { text-style: underline; }
    }
    """

    ascii_only: ClassVar[bool] = False
    """Draw with ASCII stand-ins; set once at start from the terminal's character set."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._styles_of: dict[tuple[Tone, bool, bool], Style] = {}

    def notify_style_update(self) -> None:
        """The theme or a state class changed: styles are looked up anew."""
        self._styles_of = {}
        super().notify_style_update()

    def style_of(self, tone: Tone, cursor: bool = False, marked: bool = False) -> Style:
        """The look of a tone, on the cursor's line or not."""
        key = (tone, cursor, marked)
        style = self._styles_of.get(key)
        if style is None:
            style = self.get_component_rich_style(f"tone--{tone.value}")
            if tone is Tone.REPLAY and "NO_COLOR" in os.environ:
                style += Style(reverse=True)
            if cursor:
                ground = self.get_component_rich_style("tone--cursor").bgcolor
                style += Style(bgcolor=ground, bold=True, reverse=True if "NO_COLOR" in os.environ else None)
            if marked:
                style += Style(underline=True)
            self._styles_of[key] = style
        return style

    def strip(self, spans: Sequence[Span], width: int, cursor: bool = False, marked: bool = False) -> Strip:
        """The spans as exactly `width` cells."""
        segments = [Segment(self.safe(span.text), self.style_of(span.tone, cursor, marked)) for span in spans]
        return Strip(segments).adjust_cell_length(width, self.style_of(Tone.PLAIN, cursor))

    def safe(self, text: str) -> str:
        """The last gate before the terminal."""
        if not text.isprintable():
            text = armour(text)
        return plain(text) if self.ascii_only and not text.isascii() else text


def changed_cells(old: Sequence[Span], new: Sequence[Span]) -> tuple[int, int | None]:
    """The cells in which two lines differ: first, and end (None: to the right edge).

    >>> changed_cells([Span("cpu "), Span("12 %"), Span(" ok")], [Span("cpu "), Span("13 %"), Span(" ok")])
    (4, 8)
    >>> changed_cells([Span("a")], [Span("a"), Span("b")])
    (1, None)
    """
    start = 0
    while start < len(old) and start < len(new) and old[start] == new[start]:
        start += 1
    first = width_of(new[:start])
    if width_of(old) != width_of(new):
        return first, None
    tail = 0
    while tail < min(len(old), len(new)) - start and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return first, width_of(new) - width_of(new[len(new) - tail :]) if tail else width_of(new)
