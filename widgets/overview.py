"""The overview as pure functions: what the board knows becomes blocks, and blocks share the room there is.

Worst first, words before numbers. Every block has a state and an age; an empty, loading or broken one has words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rich.cells import cell_len

from desk import words
from desk.alert import Alert
from desk.board import GRACE, Freshness, Slot
from desk.inbox.case import Case
from desk.inbox.grouping import Item, items, speaking
from desk.series import Series
from probes.base import Severity, State
from widgets.draw.marks import Sign
from widgets.folding import folded
from widgets.lines import Line, Part, Span, Tone, dim, fit, joined, line, shortened, sign, strong, toned, width_of
from widgets.panel import Member, Panel, View, Worry

_LEAST_MORE: Final = 3
"""Spare lines below which no block adds to its brief."""
_FIRST_MORE: Final = 6
"""Lines a block adds to its brief before any other adds more."""
_NAME: Final = 20
"""Cells of a target's name beside what is said about it."""

SIMULATED: Final = Span("SIMULATED", Tone.NOTICE)
"""Beside the name of what only plays the real thing."""
_PARTLY: Final = Span("partly SIMULATED", Tone.NOTICE)
_MARKED: Final = 70
"""Columns from which each line of what is played says so, in a block where something is real."""
_MARK: Final = 11
"""Cells of that."""

_WORD: Final = re.compile(r"[\w%.:/-]*\w%?")

APART: Final = "\x1f"
"""Separates target and row in the key of an overview line."""


class Sketch:
    """What a panel has drawn of one reading, kept until there is news: panels are pure functions of a View."""

    def __init__(self) -> None:
        self._snapshot: object = None
        self._failure: object = None
        self._alerts: tuple[Alert, ...] = ()
        self._drawn: dict[tuple[str, int], Sequence[Any]] = {}

    def once(self, entry: Entry, what: str, width: int, draw: Callable[[], Sequence[Any]]) -> Sequence[Any]:
        """What `draw` gives; asked again only after another reading, or when other things are said of it."""
        slot = entry.slot
        if slot.snapshot is not self._snapshot or slot.failure is not self._failure or (entry.alerts != self._alerts):
            self._snapshot, self._failure, self._alerts = slot.snapshot, slot.failure, entry.alerts
            self._drawn = {}
        if (what, width) not in self._drawn:
            self._drawn[what, width] = draw()
        return self._drawn[what, width]


@dataclass(frozen=True, slots=True)
class Entry:
    """One target as the overview sees it."""

    slot: Slot
    panel: Panel[Any]
    series: Series
    alerts: tuple[Alert, ...] = ()
    sketch: Sketch = field(default_factory=Sketch)

    @property
    def name(self) -> str:
        """The target's name."""
        return self.slot.target.name

    @property
    def severity(self) -> Severity | None:
        """The worst that is said about it; what is silenced where it was raised says nothing."""
        loud = (alert for alert in self.alerts if alert.theirs is None or not alert.theirs.silenced)
        return max((alert.severity for alert in loud), default=None)

    @property
    def simulated(self) -> bool:
        """True when what answers there only plays the real thing."""
        return self.slot.target.settings.simulated

    def view(self) -> View[Any]:
        """What its panel draws from; only when there is a snapshot."""
        assert self.slot.snapshot is not None
        known = (alert for alert in self.alerts if alert.gauge)  # that it can't be read is not the panel's to draw
        worries = tuple(Worry(alert.severity, alert.gauge, alert.labels, alert.words) for alert in known)
        return View(self.name, self.slot.snapshot, self.series.values, worries)

    def headline(self) -> Sequence[Part]:
        """The panel's words beside its title."""
        return self.sketch.once(self, "headline", 0, lambda: self.panel.headline(self.view()))

    def members(self) -> Sequence[Member]:
        """The machines of the fleet that it tells of."""
        return self.sketch.once(self, "members", 0, lambda: self.panel.members(self.view()))

    def brief(self, width: int) -> Sequence[Line]:
        """The panel's lines for the overview."""
        return self.sketch.once(self, "brief", width, lambda: self.panel.brief(self.view(), width))

    def head(self, width: int) -> Sequence[Line]:
        """The top of the panel's detail screen."""
        return self.sketch.once(self, "head", width, lambda: self.panel.head(self.view(), width))

    def more(self, width: int) -> Sequence[Line]:
        """What the panel adds to its brief where there is room."""
        return self.sketch.once(self, "more", width, lambda: self.panel.more(self.view(), width))


@dataclass(frozen=True, slots=True)
class Block:
    """All targets of a sort, under one title."""

    title: str
    digit: int
    """The key that opens it; 0: none."""
    entries: tuple[Entry, ...]

    @property
    def simulated(self) -> bool:
        """True when everything in it only plays the real thing."""
        return all(entry.simulated for entry in self.entries)

    @property
    def severity(self) -> int:
        """For sharing the room: the worst of its entries, 0 when all is well."""
        return max((entry.severity or 0 for entry in self.entries), default=0)


@dataclass(slots=True)
class Drawn:
    """A block's lines before the room is shared."""

    block: Block
    head: tuple[Part, ...]
    lines: list[Line] = field(default_factory=list)
    room: int = 0
    """Lines it gets under its title."""
    names: frozenset[int] = frozenset()
    """Which of its lines name a target: where not all have room, each target is named before more is said of one
    that is well."""

    @property
    def shown(self) -> list[Line]:
        """The lines there is room for, in their order: what is wrong, then names, then the rest."""
        if not self.names:
            return self.lines[: self.room]
        order = sorted(
            range(len(self.lines)), key=lambda at: (-(self.lines[at].severity or 0), at not in self.names, at)
        )
        return [self.lines[at] for at in sorted(order[: self.room])]


def key_of(target: str, row: str = "") -> str:
    """The key of an overview line."""
    return target + APART + row


def parts_of(key: str) -> tuple[str, str]:
    """(target, row) of an overview line's key."""
    target, _, row = key.partition(APART)
    return target, row


def draw(blocks: Sequence[Block], width: int, height: int, now: float) -> list[Line]:
    """Blocks one under the other in exactly the room there is; where not all have a line, the worst stay."""
    if len(blocks) > max(height, 1) > 1:
        kept = set(sorted(range(len(blocks)), key=lambda at: -blocks[at].severity)[: height - 1])
        hidden = [block for at, block in enumerate(blocks) if at not in kept]
        return [*draw([blocks[at] for at in sorted(kept)], width, height - 1, now), _hidden(hidden, width)]
    drawn = [_contents(block, width, now) for block in blocks]
    spare = _share(drawn, height)
    lines: list[Line] = []
    apart = min(len(drawn) - 1, spare)
    extras = [_more(one, width, now) for one in drawn] if spare - apart > _LEAST_MORE else [[] for _ in drawn]
    rooms = _spread([len(extra) for extra in extras], spare - apart)
    for number, one in enumerate(drawn):
        lines.append(_title(one, width, now))
        lines.extend(one.shown)
        if rooms[number]:
            lines += [line(), *_first(extras[number], rooms[number])]
        if number < apart:
            lines.append(line())
    return lines[:height]


def _hidden(blocks: Sequence[Block], width: int) -> Line:
    """The blocks that have no line, by name."""
    worst = max(block.severity for block in blocks)
    mark = sign(Severity(worst)) if worst else dim(" ")
    said = f"no room for {', '.join(block.title for block in blocks)}"
    return line(" ", mark, " ", *cut((dim(said),), max(0, width - 3)))


def _spread(sizes: Sequence[int], spare: int) -> list[int]:
    """Lines each block gets beyond its brief: the first six of each, then the rest as it fits.

    >>> _spread([6, 9, 12], 22), _spread([6, 9, 12], 11)
    ([6, 7, 6], [6, 3, 0])
    >>> _spread([6, 12], 20)
    [6, 12]
    """
    rooms = [0 for _ in sizes]
    for number, size in enumerate(sizes):
        first = min(size, _FIRST_MORE, spare - 1)  # one is the blank line above them
        if first > 0:
            rooms[number] = first
            spare -= first + 1
    for number, size in enumerate(sizes):
        grant = min(size - rooms[number], spare) if rooms[number] else 0
        rooms[number] += grant
        spare -= grant
    return rooms


def _first(lines: Sequence[Line], room: int) -> list[Line]:
    """The first lines, without a blank one or a header that nothing follows."""
    kept = list(lines[:room])
    if len(kept) < len(lines) and len(kept) > 1 and not kept[-2].text.strip():
        kept.pop()
    while kept and not kept[-1].text.strip():
        kept.pop()
    return kept


def _more(one: Drawn, width: int, now: float) -> list[Line]:
    """What a block of one target adds when there is room to spare."""
    entry = one.block.entries[0]
    if one.room < len(one.lines) or len(one.block.entries) > 1 or entry.slot.freshness(now) is not Freshness.FRESH:
        return []
    said = {_plain(made.text) for made in one.lines} | {_plain("".join(span.text for span in joined(one.head)))}
    new = [made for made in entry.more(width - 4) if _plain(made.text) not in said]
    return [Line((Span("    "), *cut(made.spans, width - 4)), key_of(entry.name)) for made in new]


def _plain(text: str) -> str:
    """The words of a line, by which it is known again however it is set.

    >>> _plain("  ● 6 jobs,  1 late")
    '6 jobs 1 late'
    """
    return " ".join(_WORD.findall(text))


def _share(drawn: list[Drawn], height: int) -> int:
    """Give each block its lines: one each, then the worst first; returns what is left over."""
    left = height - len(drawn)
    wanting = sorted(drawn, key=lambda one: -one.block.severity)
    for least in (1, 3, 6, 12, 10_000):
        for one in wanting:
            more = min(least, len(one.lines)) - one.room
            if more > 0 and left > 0:
                grant = min(more, left)
                one.room += grant
                left -= grant
    return max(0, left)


def _contents(block: Block, width: int, now: float) -> Drawn:
    if _alike(block):
        told = _by_target(block, width, now)
        return Drawn(block, (), [one for one, _ in told], names=frozenset(at for at, (_, so) in enumerate(told) if so))
    head: list[Part] = []
    lines: list[Line] = []
    for entry in block.entries:
        head.extend(_headline(entry, now))
        marked = width >= _MARKED and entry.simulated and not block.simulated
        made = _entry_lines(entry, width - _MARK if marked else width, now, len(block.entries) > 1)
        lines.extend(_played(one, width) if marked else one for one in made)
    return Drawn(block, tuple(head), sorted(lines, key=lambda one: -(one.severity or 0)))


def _alike(block: Block) -> bool:
    """True when several of its targets are of one kind: each stands under its own name then."""
    return len({entry.slot.target.kind for entry in block.entries}) < len(block.entries)


def _played(one: Line, width: int) -> Line:
    """A line of what only plays the real thing, among lines of what is real."""
    return Line((*cut(one.spans, width - _MARK), Span("  "), SIMULATED), one.key, one.severity)


def _by_target(block: Block, width: int, now: float) -> list[tuple[Line, bool]]:
    """Several targets of one kind: each under its own name, the worst first; with whether a line is such a name."""
    lines: list[tuple[Line, bool]] = []
    for entry in sorted(block.entries, key=lambda entry: -(entry.severity or 0)):
        head = _headline(entry, now)
        played: tuple[Part, ...] = ("  ", SIMULATED) if entry.simulated else ()
        said = [part for one in head for part in ("  ", one)]
        if head and (state := _state(entry, now)) is not None:
            said = ["  ", state, dim(", was"), *said]
        name = line("  ", _mark(entry, now), " ", strong(entry.name), *played, *said)
        lines.append((Line(name.spans, key_of(entry.name), entry.severity), True))
        below = _entry_lines(entry, width - 2, now, False)
        lines += [(Line((Span("  "), *one.spans), one.key, one.severity), False) for one in below]
    return lines


def _state(entry: Entry, now: float) -> Span | None:
    """The word before values that are not fresh, so that they are not read as of now; None: they are fresh."""
    if entry.slot.freshness(now) is Freshness.FRESH:
        return None
    state = entry.slot.state(now) if entry.slot.failure is not None else State.STALE
    return toned(state.value, Severity.WARNING if _mild(state) else Severity.CRITICAL)


def _mark(entry: Entry, now: float) -> Span:
    """The shape beside a target's name: what has no fresh value is not called fine before there is an alert of it."""
    if entry.severity is not None or entry.slot.freshness(now) is Freshness.FRESH:
        return sign(entry.severity)
    states = [one.severity for one in state_lines(entry.slot, now) if one.severity is not None]
    return sign(max(states)) if states else dim("?")


def _headline(entry: Entry, now: float) -> Sequence[Part]:
    """The words beside a title: dimmed when they are old, gone when they are too old to be values."""
    if not shows_values(entry.slot, now):
        return ()
    return entry.headline() if entry.slot.freshness(now) is Freshness.FRESH else [*map(_faded, entry.headline())]


def shows_values(slot: Slot, now: float) -> bool:
    """Are there values that are not too old to be shown as such?"""
    return slot.snapshot is not None and not (slot.expired(now) and slot.freshness(now) is not Freshness.FRESH)


def _entry_lines(entry: Entry, width: int, now: float, several: bool) -> list[Line]:
    lines = [_short(one, width) for one in state_lines(entry.slot, now, key_of(entry.name), several)]
    if shows_values(entry.slot, now):
        stale = entry.slot.freshness(now) is not Freshness.FRESH
        for one in entry.brief(width - 2):
            spans = tuple(map(past, one.spans)) if stale else one.spans
            lines.append(Line((Span("  "), *spans), key_of(entry.name, one.key), one.severity))
        if not stale and entry.slot.snapshot is not None:
            lines.extend(_short(one, width) for one in gap_lines(entry, key_of(entry.name)))
    return lines


def _short(one: Line, width: int) -> Line:
    return one if width_of(one.spans) <= width else Line(cut(one.spans, width), one.key, one.severity)


def gap_lines(entry: Entry, key: str = "") -> list[Line]:
    """What the last reading could not see, one line each, with what would bring it."""
    gaps = entry.slot.snapshot.gaps if entry.slot.snapshot is not None else ()
    lines = []
    for gap in gaps:
        hint: tuple[Part, ...] = (dim(f"  {gap.hint}"),) if gap.hint else ()
        lines.append(line("  ", dim("? "), dim(f"{LOST[gap.cause.state]}: {gap.part}"), *hint, key=key))
    return lines


LOST: Final = {
    State.DENIED: "DENIED",
    State.THROTTLED: "THROTTLED",
    State.STALE: "NO ANSWER",
    State.UNSUPPORTED: "NOT THERE",
    State.PARTIAL: "LEFT OUT",
    State.DOWN: "NOT READ",
}
"""The word for a part that could not be had: what is DOWN or UNSUPPORTED is a target, not a part of it."""


def whole(groups: Sequence[tuple[Sequence[Line], int]], width: int, room: int) -> list[Line]:
    """The lines of some groups in at most `room` lines; each group with how many lines one of its lines may be folded
    into, which is done where all still fit.

    What says why nothing is known, and what would help, is worth more than one line.
    """
    shown = [list(lines) for lines, _ in groups]
    for number, (lines, most) in enumerate(groups):
        folds = [_folded(one, width, most) for one in lines]
        if sum(map(len, shown)) - len(lines) + sum(map(len, folds)) <= room:
            shown[number] = [part for parts in folds for part in parts]
    return [one for lines in shown for one in lines][:room]


def _folded(one: Line, width: int, most: int) -> list[Line]:
    parts = folded(one, width, 4)
    return parts if len(parts) <= most else [one]


def state_lines(slot: Slot, now: float, key: str = "", named: bool = True) -> Sequence[Line]:
    """The words for a target that has no fresh value; nothing when it has."""
    fresh = slot.freshness(now)
    name: tuple[Part, ...] = (strong(slot.target.name), "  ") if named else ()
    if fresh is Freshness.FRESH:
        return ()
    if fresh is Freshness.WAITING or (slot.snapshot is None and now - slot.since < GRACE):
        why = f": {slot.failure.message}" if slot.failure is not None else ""
        waited = f"waiting for the first answer ({words.age(now - slot.since)}){why}"
        return (line("  ", dim("? "), *name, dim(waited), key=key),)
    severity = Severity.WARNING if _mild(slot.state(now)) else Severity.CRITICAL
    if slot.failure is None:
        text = f"STALE {words.age(slot.age(now) or 0)}: no reading came in"
        return (line("  ", sign(severity), " ", *name, toned(text, severity), key=key, severity=severity),)
    word = f"{slot.state(now).value} {slot.failure.cause.value}"
    said = line(
        "  ", sign(severity), " ", *name, toned(word, severity), f"  {slot.failure.message}", key=key, severity=severity
    )
    more = line("    ", dim(last_good(slot, now)), dim(_hint(slot)), key="", severity=severity)
    return (said, more)


def _mild(state: State) -> bool:
    return state in (State.DENIED, State.UNSUPPORTED, State.THROTTLED, State.PARTIAL)


def last_good(slot: Slot, now: float) -> str:
    """Since when nothing is known, in words."""
    age = slot.age(now)
    if age is None or slot.snapshot is None:
        return f"no answer yet, tried for {words.age(now - slot.since)}"
    if slot.expired(now):
        return f"no data since {words.clock(slot.snapshot.taken_at)} UTC ({words.age(age)} ago)"
    return f"last good values are {words.age(age)} old"


def _hint(slot: Slot) -> str:
    return f"; {slot.failure.hint}" if slot.failure is not None and slot.failure.hint else ""


def _title(one: Drawn, width: int, now: float) -> Line:
    block = one.block
    lead: list[Part] = [dim(f" {block.digit} " if block.digit else "   "), Span(block.title, Tone.TITLE)]
    if block.simulated:
        lead += [" ", SIMULATED]
    elif width < _MARKED and any(entry.simulated for entry in block.entries) and not _alike(block):
        lead += [" ", _PARTLY]
    head: Sequence[Part] = one.head
    if one.lines and not one.room:
        lead += [" ", sign(Severity(block.severity))] if block.severity else []
        head = head or [span for span in one.lines[0].spans if span.text.strip(" ✕▲◆●?")]
    left_out = len(one.lines) - one.room
    tail: list[Part] = [dim(f"+{left_out} more  ")] if left_out > 0 else []
    tail += age_parts(block.entries, now)
    left, right = line(*lead).spans, line(" ", *tail, " ").spans
    room = width - width_of(right)
    body = cut((*left, *_chosen(head, room - width_of(left))), room)
    first = block.entries[0].name if len(block.entries) == 1 else ""
    return Line((*body, *right), key_of(first) if first and not one.room else "")


def past(span: Span) -> Span:
    """What is too old to be true now: what was fine then may be so or not."""
    return dim(span.text.replace(Sign.FINE.value, Sign.UNKNOWN.value))


def _faded(part: Part) -> Span:
    return dim(part.text if isinstance(part, Span) else part)


def _chosen(parts: Sequence[Part], room: int) -> list[Span]:
    """As many words as fit beside a title, each whole and after a gap; what is wrong before all else."""
    pieces = [(Span("  "), part if isinstance(part, Span) else Span(str(part))) for part in parts]
    kept: set[int] = set()
    for number in sorted(range(len(pieces)), key=lambda number: pieces[number][1].tone in (Tone.PLAIN, Tone.DIM)):
        size = width_of(pieces[number])
        if size <= room or not kept:
            kept.add(number)
            room -= size
    return [span for number in sorted(kept) for span in pieces[number]]


def cut(spans: Sequence[Span], room: int) -> tuple[Span, ...]:
    """The spans in exactly `room` cells: padded, or cut with an ellipsis.

    >>> "".join(span.text for span in cut((Span("four"), Span("more")), 4))
    'fou…'
    """
    kept: list[Span] = []
    left = room
    for span in spans:
        size = width_of((span,))
        if size > left:
            if not left and kept:  # what is there fills it: its last cell tells that there is more
                last = kept.pop()
                left, span = width_of((last,)), Span(f"{last.text} ", last.tone)
            kept.append(fit(span, left))
            left = 0
            break
        kept.append(span)
        left -= size
    return (*kept, Span(" " * left)) if left > 0 else tuple(kept)


def age_parts(entries: Sequence[Entry], now: float) -> list[Part]:
    """The age of the oldest value in the block, and its state when that isn't live."""
    ages = [entry.slot.age(now) for entry in entries]
    known = [age for age in ages if age is not None]
    if len(known) < len(ages) or not known:
        return [dim("waiting")] if all(e.slot.freshness(now) is Freshness.WAITING for e in entries) else [dim("–")]
    oldest = max(known)
    text = f"{words.age(oldest)} ago"
    stale = any(entry.slot.freshness(now) is not Freshness.FRESH for entry in entries)
    return [Span(text, Tone.WARNING) if stale else dim(text)]


@dataclass(frozen=True, slots=True)
class Heading:
    """What the top line says."""

    system: str
    environment: str
    production: bool
    mode: str
    """How much may be done from here: "read-only", "disarmed", "ARMED 9:41"."""
    alerts: int
    worst: Severity | None = None
    """Of the alerts."""
    silenced: int = 0
    """Alerts that are not counted because they are silenced."""
    waiting: int = 0
    """Targets that have not answered yet."""
    note: str = ""
    """A passing state: "1 run open: p"."""
    armed: bool = False
    """True while acts are allowed."""
    frozen: str = ""
    """Since when the picture stands still: "03:12:41"; empty: it does not."""
    glass: str = ""
    """That acts go on where no audit takes them: "BREAK GLASS: audit on stderr ONLY"; empty: they don't."""


_WIDE: Final = 80
"""Columns from which the top line spells out what a narrower one leaves to be understood."""

_SYSTEM: Final = 4
"""Cells of the system's name that the top line keeps at least."""


def banner(heading: Heading, clock: str, width: int) -> Line:
    """The top line: which system, which environment, what may be done, how it is, what time it is.

    Where there is little room the system's name gives way: the environment and what may be done stay whole. A picture
    that stands still says since when, in place of the clock: one that goes on would make it look live. So does a broken
    glass that has no room elsewhere.
    """
    state: Part = Span("all well", Tone.GOOD)
    if heading.alerts:
        state = toned(words.plural(heading.alerts, "alert"), heading.worst or Severity.CRITICAL)
    elif heading.silenced:
        state = dim(f"{heading.silenced} silenced")
    elif heading.waiting:
        state = dim(f"waiting for {heading.waiting}")
    since, apart = (" since", "   ") if width >= _WIDE else ("", "  ")
    time = Span(f"FROZEN{since} {heading.frozen}", Tone.WARNING) if heading.frozen else dim(clock)
    broken = heading.glass.partition(":")[0]
    room = width - width_of(line(state, apart, time, " ").spans) - 2
    where, mode = heading.environment.upper(), heading.mode
    mode_span = Span(f"▌{mode}▐", Tone.WARNING) if heading.armed else dim(mode)
    for unnamed, gap in (("NO ENVIRONMENT NAMED", "  "), ("NO ENVIRONMENT", " ")):
        place = Span(f"▌{where}▐", Tone.CRITICAL) if heading.production else Span(where or unnamed, Tone.NOTICE)
        left: list[Part] = [gap, place, gap, mode_span]
        spare = room - 1 - width_of(line(*left).spans)
        if spare >= cell_len(heading.system):
            break
    left = [" ", strong(shortened(heading.system, max(spare, _SYSTEM))), *left]
    free = room - width_of(line(*left).spans)
    said = next((one for one in (heading.glass, broken) if cell_len(one) + 2 <= free), "")
    if broken and not said and not heading.frozen:
        time = Span(fit(broken, cell_len(clock), right=True).text, Tone.WARNING)
    if notes := "  ".join(filter(None, (said, heading.note))) if free > 2 else "":
        left += ["  ", Span(notes, Tone.WARNING)]
    return Line((*cut(line(*left).spans, room), *line("  ", state, apart, time, " ").spans))


def attention(cases: Sequence[Case], now: float, width: int, rows: int, opening: str = "") -> list[Line]:
    """What is wrong, in words, worst first; what doesn't fit, and what is silenced, is counted, never dropped.

    `opening` says what is still awaited: as long as it does, all being well is not known.
    """
    loud, silent = speaking(cases)
    quiet = f"{silent} silenced" if silent else ""
    if not loud:
        calm = (sign(None), dim(" nothing needs attention"))
        if quiet:
            calm = (dim("▪"), dim(f" {words.plural(silent, 'alert')} silenced, nothing else needs attention"))
        return [line(" ", *((dim("? "), dim(opening)) if opening else calm))]
    lines = []
    found = items(loud)
    shown = found[: max(1, rows)]
    for number, item in enumerate(shown):
        last = number == len(shown) - 1
        more = [f"+{len(found) - len(shown)} more"] if last and len(found) > len(shown) else []
        more += [quiet] if last and quiet else []
        lines.append(_attention_line(item, now, width, more, first=number == 0))
    return lines


def _attention_line(item: Item, now: float, width: int, more: Sequence[str], first: bool) -> Line:
    """One thing that is wrong; dimmer when somebody has it in hand."""
    alert, hand = item.face.alert, item.handed
    tail: list[Part] = [dim(fit(alert.target, min(width_of((Span(alert.target),)), _NAME)).text)]
    tail.append(dim(f"  {words.age(now - alert.since)}"))
    if hand:
        tail.insert(0, dim(f"{shortened(hand, _NAME)} has it  "))
    elif item.face.late:
        tail.insert(0, Span("LATE  ", Tone.CRITICAL))
    elif item.face.flaps:
        tail.insert(0, dim("flaps  "))
    tail += [dim(f"  {one}") for one in more]
    if first:
        tail += ["  ", Span("o", Tone.KEY), dim(" open")]
    right = line("  ", *tail, " ").spans
    also = f" and {item.alerts - 1} more of {alert.rule}" if item.folded else ""
    said = f"{alert.words}{also}"
    tone = dim(said) if hand or item.face.away else toned(said, alert.severity)
    left = line(" ", sign(alert.severity), " ", tone).spans
    return Line((*cut(left, width - width_of(right)), *right), key_of(alert.target, alert.row), alert.severity)


def footer(hints: Sequence[tuple[str, str]], width: int, message: str = "") -> Line:
    """The keys that matter here, as many as fit; or a passing message."""
    if message:
        return Line(cut((Span(" "), Span(message, Tone.NOTICE)), width))
    parts: list[Span] = [Span(" ")]
    for key, what in hints:
        piece = (Span(key, Tone.KEY), Span(" " + what + "  ", Tone.DIM))
        if width_of(parts) + width_of(piece) > width:
            break
        parts.extend(piece)
    return Line(tuple(parts))
