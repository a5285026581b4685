"""Lines of a log counted by type: a sheet over the log; a chosen type is what the log then shows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Final

from desk import words
from probes.base.log import LONGEST_TYPE
from probes.base.logcount import OTHERS, TypeCount, Types
from tui.room import Room
from tui.screens.log_lines import CLOCK, WITH_CLOCKS, clocks
from tui.screens.log_ring import LABEL, LONGEST_LABEL, Row
from tui.screens.sheet import Sheet
from widgets.levels import LEVEL_TONES
from widgets.lines import Line, Span, Tone, dim, fit, line

_QUOTED: Final = r"""["'`“].*?["'`”]"""
_BREATH: Final = 200
"""Lines counted before keys are answered again."""


class LogTypes(Sheet):
    """Counts lines, then lists their types, the most frequent first."""

    def __init__(self, room: Room, name: str, rows: Sequence[Row], choose: Callable[[str], None]) -> None:
        """`choose` is told the type that a person chose."""
        super().__init__(room, f"{name}: by type", self._shown, self._chosen)
        self._rows = list(rows)
        self._tell = choose
        self._types: list[TypeCount] | None = None
        self._counting: asyncio.Task[None] | None = None

    def on_mount(self) -> None:
        """Count."""
        super().on_mount()
        self._counting = asyncio.create_task(self._count())

    def on_unmount(self) -> None:
        """Nobody waits for it any more."""
        if self._counting is not None:
            self._counting.cancel()

    async def _count(self) -> None:
        types = Types()
        for number, row in enumerate(self._rows):
            label, cut, rest = row.text.partition(LABEL)
            types.take(rest if cut and len(label) < LONGEST_LABEL else row.text, row.level, row.at)
            if number % _BREATH == 0:
                await asyncio.sleep(0)
        self._types = types.ranked()
        self.draw()

    def _shown(self, width: int) -> list[Line]:
        if self._types is None:
            return [line(dim("counting …"))]
        total = f"{words.plural(len(self._rows), 'line')} of {words.plural(len(self._types), 'type')}"
        lines = [
            line(total),
            line(dim("alike but for times, numbers, ids and quoted texts; Enter shows only these")),
            line(),
        ]
        for one, last in zip(self._types, clocks([each.last for each in self._types]), strict=True):
            lines.append(
                line(
                    fit(words.count(one.count), 8, right=True),
                    "  ",
                    fit(Span(one.level.word, LEVEL_TONES.get(one.level, Tone.PLAIN)), 8),
                    "  ",
                    fit(dim(last), CLOCK if width >= WITH_CLOCKS else 0),
                    one.type or "(nothing but numbers)",
                    key=one.type if one.type and one.type != OTHERS else "",
                )
            )
        return lines

    def _chosen(self, key: str) -> None:
        self.leave()
        self._tell(key)


def of_type(wanted: str) -> re.Pattern[str]:
    """An expression for the lines of a type.

    >>> bool(of_type('user # not in "…"').search("03:12:41 user 4711 not in 'x y'"))
    True
    """
    parts = [re.escape(part).replace('"…"', _QUOTED).replace("\\ ", r"\s+") for part in wanted.split("#")]
    ends = r"(?:\s*$|\")" if len(wanted) < LONGEST_TYPE else ""
    return re.compile(r"\S+".join(parts) + ends)
