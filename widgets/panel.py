"""What every kind's panel is: a presenter that turns typed facts into lines and tables. It holds no state.

Freshness, failures and alerts are drawn once, by the overview and the detail screen; a panel draws only what is
special about its kind, and is drawn only when there is a snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from probes.base import SafeText, Severity, Snapshot
from widgets.lines import Line, Part, Tone

F = TypeVar("F")
R = TypeVar("R")


class History(Protocol):
    """Recent values of a target's gauges, oldest first, one per reading; None is a gap."""

    def __call__(self, name: str, **labels: str) -> Sequence[float | None]:
        """The values of one gauge."""
        ...


@dataclass(frozen=True, slots=True)
class Worry:
    """What an alert says about a part of the target."""

    severity: Severity
    gauge: str
    labels: tuple[tuple[str, str], ...]
    words: str

    def about(self, **labels: str) -> bool:
        """True when the alert carries all of these labels."""
        return set(labels.items()) <= set(self.labels)


@dataclass(frozen=True, slots=True)
class View(Generic[F]):
    """What a panel is given to draw."""

    name: str
    """The target's name."""
    snapshot: Snapshot[F]
    history: History
    worries: tuple[Worry, ...] = ()
    """What the rules say about this target now, worst first."""

    @property
    def facts(self) -> F:
        """The typed facts of the last reading."""
        return self.snapshot.facts

    def severity(self, gauge: str | None = None, **labels: str) -> Severity | None:
        """The worst severity of the alerts on a gauge or on these labels; None when there is none.

        With neither, the worst of the target.
        """
        found = [w.severity for w in self.worries if (gauge is None or w.gauge == gauge) and w.about(**labels)]
        return max(found, default=None)


@dataclass(frozen=True, slots=True)
class Member:
    """One machine of the fleet, as a target tells of it."""

    name: str
    severity: Severity | None = None
    """The worst that is said about it."""
    word: str = ""
    """What it is where nothing is known of it now: "DOWN", "SILENT"; else empty."""
    age: float | None = 0.0
    """Seconds since it was heard, when this was read; None: unknown."""
    said: str = ""
    """Cores, memory and disk in use; what is missing is an en dash."""
    trouble: float = 0.0
    """How much it wants looking at among those of the same severity."""


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One declaration: header, cell, order and width of a column."""

    title: str
    cell: Callable[[R], Part]
    """The text of a cell; give `SafeText` from outside as it is. A missing value is an en dash."""
    width: int = 0
    """Cells; 0 takes what is left (one column only, the last)."""
    sort: Callable[[R], Any] | None = None
    """Sort key; None values come last. Absent: sorted by the cell's text."""
    right: bool = False
    """Numbers align right."""
    least: int = 0
    """The table must be at least this wide to show it."""
    descending: bool = False
    """The useful order is greatest first."""
    tail: bool = False
    """Where it is cut, its end stays: for paths."""


@dataclass(frozen=True, slots=True)
class Table(Generic[F, R]):
    """A table of a kind's detail screen."""

    name: str
    """Stable name: "sessions"."""
    title: str
    rows: Callable[[F], Sequence[R]]
    key: Callable[[R], str]
    """Identity of the row: the cursor stays on it, whatever moves."""
    columns: tuple[Column[R], ...]
    empty: str
    """Words for no rows at all: "no session is open"."""
    tone: Callable[[R], Tone] = lambda row: Tone.PLAIN
    """The tone of the whole row."""
    detail: Callable[[R], Sequence[Line]] | None = None
    """More about one row, shown on Enter."""
    subject: Callable[[R], str] | None = None
    """What a look at this row is about; absent: its key."""
    label: Callable[[R], str | SafeText] | None = None
    """What a person calls the row, where its subject is no name to read; absent: its subject."""
    looks: tuple[str, ...] = ()
    """Names of the probe's looks that suit a row: they stand first."""
    order: str = ""
    """Title of the column it is sorted by at first; empty: as the rows come."""
    beyond: Callable[[F], int] = lambda facts: 0
    """Rows there are beyond these, which the probe does not list."""
    unseen: Callable[[F], str] = lambda facts: ""
    """Why no rows prove nothing, instead of the words for that: "others' sessions are hidden from us"."""


def name_column(width: int) -> int:
    """Cells for the name at the start of a line of SERVICES: kinds that share the block share the column.

    >>> name_column(118), name_column(78), name_column(40)
    (22, 14, 10)
    """
    return min(24, max(10, width * 3 // 16))


class Panel(Generic[F]):
    """Draws one kind. Stateless: everything comes with the view."""

    title: ClassVar[str]
    """The block's title on the overview, in capitals: "POSTGRES"."""
    help: ClassVar[str]
    """What the numbers mean and where they come from; two to eight short lines."""
    tables: ClassVar[tuple[Table[Any, Any], ...]] = ()

    def headline(self, view: View[F]) -> Sequence[Part]:
        """The few words beside the title that say how it is: ("34 of 97 used", "2 active", "1 blocked")."""
        return ()

    def members(self, view: View[F]) -> Sequence[Member]:
        """The machines of the fleet that it tells of, in any order."""
        return ()

    def called(self, facts: F, name: str) -> Sequence[str] | None:
        """The keys of the rows that a command line of this world means by a name ("deployment/web", "app=web", "pods");
        none of them: the target as a whole; None: nothing of that name was read. For names that no row bears itself."""
        return None

    def is_about(self, row: str, label: str, text: str) -> bool:
        """Whether a gauge or an alert with this label is about a row."""
        return text == row

    def brief(self, view: View[F], width: int) -> Sequence[Line]:
        """Lines for the overview, the most important first; the room decides how many are seen."""
        return ()

    def head(self, view: View[F], width: int) -> Sequence[Line]:
        """The top of the detail screen: gauges, bars, sparklines; at most some ten lines."""
        return ()

    def more(self, view: View[F], width: int) -> Sequence[Line]:
        """What an overview with room to spare shows under the brief: the head, without what the brief has said."""
        return self.head(view, width)
