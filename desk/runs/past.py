"""How a procedure went before: how often, how long, how it ended, when last and by whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from desk.runs.record import End
from desk.runs.run import Run


@dataclass(frozen=True, slots=True)
class Past:
    """What its runs tell."""

    runs: tuple[Run, ...] = ()
    """The newest first."""
    ends: Mapping[End, int] = field(default_factory=dict)
    """How many ended how."""
    median: float | None = None
    """Seconds that half of the solved ones took at most; None: none was solved."""

    @property
    def times(self) -> int:
        """How often it was run."""
        return len(self.runs)

    @property
    def last(self) -> Run | None:
        """The newest."""
        return self.runs[0] if self.runs else None

    @property
    def open(self) -> tuple[Run, ...]:
        """Those that go on, the newest first."""
        return tuple(run for run in self.runs if run.open)


def past(runs: Iterable[Run], path: str, title: str) -> Past:
    """The past of one procedure, whichever revision of the file it stood in."""
    there = sorted(
        (run for run in runs if run.about.path == path and run.procedure.title == title),
        key=lambda run: (run.at, run.id),
        reverse=True,
    )
    ends = Counter(run.ended.end for run in there if run.ended is not None)
    took = [run.seconds for run in there if run.seconds is not None and run.ended and run.ended.end is End.SOLVED]
    return Past(tuple(there), dict(ends), median(took) if took else None)
