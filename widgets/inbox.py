"""The alert inbox, drawn: a line for each alert by urgency, and everything about the one under the cursor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from rich.cells import cell_len

from desk import words
from desk.inbox.case import Case, Change, Silence, Standing, What
from desk.inbox.grouping import Item, number, speaking
from desk.inbox.until import until
from widgets.draw.marks import spark
from widgets.folding import folded
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, shortened, sign, strong, toned, width_of

BESIDE: Final = 132
"""Columns from which the detail stands beside the list."""

_TREND: Final = 0.05
"""Share of the larger by which the ends of a course must differ to rise or fall."""

_SOON: Final = 60.0
"""Seconds left to respond from which that is urgent."""

_LAST: Final = 6
"""Changes of a case that are listed."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One line of the list with what the room knows about it."""

    item: Item
    course: Sequence[float | None] = ()
    """Recent values of its gauge, oldest first; empty: it has none."""
    times: int = 0
    """How often it was raised in the last seven days."""
    life: Sequence[Change] = ()
    """What happened to it so far."""
    theirs: str = ""
    """How it is acknowledged or silenced where it comes from; empty: it is ours."""


@dataclass(frozen=True, slots=True)
class Calm:
    """What there is to say while nothing is wrong."""

    last: Case | None = None
    """The alert that ended last, of the last seven days."""
    week: int = 0
    """Alerts of the last seven days."""
    targets: int = 0
    unread: int = 0
    """Targets without a fresh reading."""
    lost: Sequence[Case] = field(default=())
    """What an earlier session left open, not seen again yet."""


def trend(course: Sequence[float | None]) -> str:
    """Whether a course rises, falls or stays; empty where too little is known.

    >>> trend([1, 2, 3, 5, 8, 9]), trend([9, 8, 5, 3, 1, 0]), trend([5, 5, 5, 5, 5, 5]), trend([1, None, 2])
    ('rising', 'falling', 'steady', '')
    """
    known = [value for value in course if value is not None][-60:]
    third = len(known) // 3
    if third < 2:
        return ""
    before, after = sum(known[:third]) / third, sum(known[-third:]) / third
    if abs(after - before) <= _TREND * max(abs(before), abs(after)):
        return "steady"
    return "rising" if after > before else "falling"


_ARROWS: Final = {"rising": "↑", "falling": "↓", "steady": "→", "": " "}


def title(cases: Sequence[Case], cleared: bool, filtered: str, width: int) -> Line:
    """How many there are of which sort."""
    loud, silent = speaking(cases)
    held = [case for case in loud if case.handed]
    waiting = number(loud) - number(held)
    parts: list[Part] = [" ", strong("Alerts")]
    if waiting:
        worst = max(case.alert.severity for case in loud if not case.handed)
        parts += ["  ", toned(f"{waiting} waiting", worst)]
    if held:
        parts += ["  ", f"{number(held)} in hand"]
    if silent:
        parts += ["  ", dim(f"{silent} silenced")]
    if late := number([case for case in loud if case.late]):
        parts += ["  ", Span(f"{late} LATE", Tone.CRITICAL)]
    if cleared:
        parts += ["  ", dim("with what ended in the last day")]
    if filtered:
        parts += ["  ", dim(f"filter “{shortened(filtered, 20)}”")]
    made = line(*parts)
    return made if width_of(made.spans) <= width else line(fit(made.text, width))


@dataclass(frozen=True, slots=True)
class _Widths:
    """Cells of each column; 0: it is left out."""

    name: int
    target: int
    value: int
    course: int
    source: int
    procedure: int
    hand: int


_NAMED: Final = (18, 28)
"""Cells that names keep before they give any away: at least, and when they are long."""
_SENTENCE: Final = 20
"""Cells that a sentence takes at least where its rule stands before it."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Cells that the longest of each column takes."""

    name: int
    target: int
    value: int
    hand: int


def _wanted(seen: Sequence[Seen], at: datetime, width: int) -> _Wanted:
    def longest(texts: Iterable[str]) -> int:
        return max(map(cell_len, texts), default=0)

    return _Wanted(
        longest("".join(_name(one.item.face, width)) for one in seen),
        longest(one.item.face.alert.target for one in seen),
        longest(_value(one.item.face) for one in seen if not one.item.folded),
        longest(_hand(one.item, at).text for one in seen),
    )


def _widths(width: int, wanted: _Wanted) -> _Widths:
    """Targets and values take what they need, and leave the rest to the names; of that, who has it takes what the
    names can do without."""
    value = min(-(-(wanted.value + 2) // 4) * 4 + 1, 25 if width >= 96 else 17) if width >= 76 else 0
    course = 12 if width >= 116 else 0
    source = (25 if width >= 150 else 13) if width >= 108 else 0
    procedure = 18 if width >= 150 else 0
    target = min(wanted.target, 12 if width >= 70 else 9)
    hand = 16 if width >= 96 else 13
    apart = sum(bool(one) for one in (value, course, source, procedure)) + 2
    name = width - 11 - target - value - course - source - procedure - hand - apart
    more = max(0, min(wanted.hand - hand, name - min(max(wanted.name, _NAMED[0]), _NAMED[1])))
    return _Widths(max(8, name - more), target, value, course, source, procedure, hand + more)


def rows(seen: Sequence[Seen], now: float, at: datetime, width: int) -> list[Line]:
    """A line each, in the order given."""
    widths = _widths(width, _wanted(seen, at, width))
    return [_row(one, now, at, widths) for one in seen]


def _row(one: Seen, now: float, at: datetime, widths: _Widths) -> Line:
    item = one.item
    case, alert = item.face, item.face.alert
    quiet = case.standing is Standing.SILENCED or case.cleared is not None or case.away or bool(item.handed)
    name, sentence = (f"{item.alerts} × {alert.rule}", "") if item.folded else _named(case, widths.name)
    age = (case.cleared - alert.at).total_seconds() if case.cleared else now - alert.since
    shape = dim("–") if case.cleared else sign(alert.severity)
    parts: list[Part] = [
        " ", shape, " ", *_in_a_line(dim(name) if quiet else toned(name, alert.severity), sentence, widths.name), " ",
        fit(dim(alert.target) if quiet else alert.target, widths.target), " ",
        fit(dim(words.age(max(0.0, age))), 7, right=True), " ",
    ]  # fmt: skip
    if widths.value:
        said = "" if item.folded else _value(case)
        course = trend(one.course)
        tail = Span(_ARROWS[course], Tone.DIM if quiet else Tone.PLAIN)
        parts += [fit(dim(said) if quiet else said, widths.value - 2, right=True), " ", tail, " "]
    if widths.course:
        parts += [fit(Span(_course(one.course, widths.course), Tone.CHART), widths.course), " "]
    if widths.source:
        parts += [fit(dim(_sources(item, widths.source)), widths.source), " "]
    if widths.procedure:
        parts += [fit(dim(alert.handling.procedure or "–"), widths.procedure), " "]
    parts.append(fit(_hand(item, at), widths.hand))
    return line(*parts, key=item.key, severity=alert.severity)


def _sources(item: Item, width: int) -> str:
    """Who says so; where not all have room the first, and how many more."""
    first, *more = item.sources.split(", ")
    return item.sources if len(item.sources) <= width or not more else f"{shortened(first, width - 3)} +{len(more)}"


def _in_a_line(name: Span, sentence: str, width: int) -> list[Part]:
    """What it is called, and what it says, in so many cells."""
    room = width - cell_len(name.text)
    if not sentence or room <= 0:
        return [fit(name, width)]
    return [name, fit(dim(sentence) if name.tone is Tone.DIM else sentence, room)]


def _named(case: Case, width: int) -> tuple[str, str]:
    """(what it is called, what it says behind that, as far as there is room for both)."""
    name, sentence = _name(case, width)
    if sentence:
        return name, sentence
    rest = _unsaid(case)
    room = width - cell_len(name) - 2
    fits = name == _called(case) and rest and room >= min(cell_len(rest), _SENTENCE)
    return name, f": {rest}" if fits else ""


def _name(case: Case, width: int) -> tuple[str, str]:
    """What it is called, with what tells it from its likes; where there is no room for that, or nothing to tell it by,
    the sentence it says, behind its rule where there is room for both."""
    alert, called = case.alert, _called(case)
    if called != alert.rule and cell_len(called) <= width:
        return called, ""
    if alert.words.startswith(alert.rule) or (alert.theirs is None and width < cell_len(alert.rule) + _SENTENCE):
        return alert.words, ""
    return alert.rule, f": {alert.words}"


def _called(case: Case) -> str:
    """Its rule, with what tells it from its likes."""
    return " ".join([case.alert.rule, *_labels(case)])


def _labels(case: Case) -> list[str]:
    """What tells it from its likes, as far as it is named in a line."""
    alert = case.alert
    labels = [text for _, text in alert.labels if text]
    if alert.theirs is not None:
        labels = [text for label, text in alert.theirs.labels if text and label not in ("alertname", "severity")]
    return [text for text in labels if text.replace("_", "-") != alert.rule][:3]


def _unsaid(case: Case) -> str:
    """Its sentence without the name that it begins with, where that stands before it already."""
    said = case.alert.words
    for name in (case.alert.rule, *_labels(case)):
        said = "" if said == name else said.removeprefix(f"{name}: ")
    return said


def _course(values: Sequence[float | None], width: int) -> str:
    """All of the values in so many bars: of those that share one, the highest.

    >>> _course([1, 2, None, None, 4, 3], 3)
    '▄ █'
    """
    count = len(values)
    if count <= width:
        return spark(values, width)
    shared = (values[place * count // width : (place + 1) * count // width] for place in range(width))
    return spark([max((one for one in few if one is not None), default=None) for few in shared], width)


def _value(case: Case) -> str:
    """The number against its limit."""
    alert = case.alert
    if alert.value is None:
        return "–"
    said = words.amount(alert.value, alert.unit)
    if not alert.limit:  # beyond nothing at all: the number says it
        return said
    return f"{said} / {words.amount(alert.limit, alert.unit)}"


def _hand(item: Item, at: datetime) -> Span:
    """Who has it, or by when somebody should."""
    case = item.face
    if case.cleared is not None:
        return dim(f"ended {words.age((at - case.cleared).total_seconds())} ago")
    if case.standing is Standing.SILENCED:
        return dim(f"silent {until(case.silenced_until, at)}" if case.silenced_until is not None else "silent there")
    if item.handed:
        return dim(f"{item.handed} has it")
    if case.late:
        return Span("LATE", Tone.CRITICAL)
    if case.away:
        return dim("flaps, away")
    if case.flaps:
        return Span("flaps", Tone.WARNING)
    if case.due is not None:
        left = max(0.0, (case.due - at).total_seconds())
        return Span(f"{words.span(left)} to go", Tone.CRITICAL if left < _SOON else Tone.WARNING)
    if case.quiet == "muted":
        return dim("muted")
    return Span("nobody", Tone.PLAIN)


def about(one: Seen, now: float, at: datetime, width: int) -> list[Line]:
    """Everything about the line under the cursor, the most needed first."""
    item = one.item
    alert = item.face.alert
    made = folded(line(sign(alert.severity), " ", toned(alert.words, alert.severity)), width, 2)
    if item.folded:
        also = ", ".join(case_.alert.row or case_.alert.words for case_ in item.cases[:12])
        made += folded(line(strong(f"{item.alerts} alerts"), dim(": "), also, dim("; Enter shows each")), width, 2)
    for name, parts in _facts(one, now, at):
        made += folded(line(dim(f"{name:<10}"), *parts), width, 10)
    made += [part for text in _life(one, at) for part in folded(text, width, 10)]
    return made


def as_far_as(lines: Sequence[Line], height: int) -> list[Line]:
    """As many lines as there is room for; where some are left out, the last says which key shows them."""
    if len(lines) <= height or height < 2:
        return list(lines)
    return [*lines[: height - 1], line(dim(f"… {len(lines) - height + 1} more lines: "), Span("d", Tone.KEY))]


def _facts(one: Seen, now: float, at: datetime) -> list[tuple[str, list[Part]]]:
    item = one.item
    case, alert, handling = item.face, item.face.alert, item.face.alert.handling
    pairs: list[tuple[str, list[Part]]] = [("in hand", [_in_hand(item, at)])]
    if case.flaps:
        away = ", not there now" if case.away else ""
        pairs.append(
            ("flaps", [f"came {case.flaps} times within half an hour{away}: told once until it stays or stays away"])
        )
    if case.quiet and case.standing is not Standing.SILENCED and case.cleared is None:
        pairs.append(("quiet", [f"{case.quiet}: nobody is told from here"]))
    pairs.append(("since", [f"{alert.at:%d %b} {words.clock(alert.at)} UTC, {_lasting(case, now)}"]))
    if alert.value is not None:
        limit = f"  limit {words.amount(alert.limit, alert.unit)}" if alert.limit else ""
        pairs.append(
            ("value", [strong(words.amount(alert.value, alert.unit)), dim(limit), "  ",
                       Span(_course(one.course, 24), Tone.CHART), dim(f"  {trend(one.course)}")])
        )  # fmt: skip
    pairs.append(
        ("target", [strong(alert.target), dim(f"  {case.kind}"), dim(f"  row {alert.row}" if alert.row else "")])
    )
    if handling.procedure:
        pairs.append(("procedure", [strong(handling.procedure), dim("  p")]))
    if handling.suggest:
        pairs.append(("try", [handling.suggest]))
    if handling.see or handling.search:
        for_ = f" for “{handling.search}”" if handling.search else ""
        pairs.append(("look at", [f"{handling.see or alert.target}{for_}", dim("  l")]))
    if handling.aliases:
        pairs.append(("also", [dim(", ".join(handling.aliases))]))
    if alert.labels:
        pairs.append(("labels", [dim(", ".join(f"{name}={text}" for name, text in alert.labels))]))
    pairs.append(("said by", [dim(_said_by(item))]))
    if one.theirs:
        pairs.append(("there", [dim(one.theirs)]))
    pairs.append(("often", [dim(f"raised {_times(one.times)} in the last 7 days")]))
    return pairs


def _times(count: int) -> str:
    return "once" if count == 1 else f"{words.count(count)} times"


def _said_by(item: Item) -> str:
    told = []
    for case in item.cases if not item.folded else item.cases[:1]:
        theirs = case.alert.theirs
        if theirs is None:
            origin = case.alert.handling.origin
            told.append(f"our rule {case.alert.rule}" + (f" ({origin})" if origin else ""))
        else:
            told.append(f"{case.alert.target} ({case.source})" + (f" {theirs.link}" if theirs.link else ""))
    return ", ".join(dict.fromkeys(told))


def _lasting(case: Case, now: float) -> str:
    if case.cleared is not None:
        return (
            f"for {words.span((case.cleared - case.alert.at).total_seconds())}, ended {words.clock(case.cleared)} UTC"
        )
    return f"for {words.age(max(0.0, now - case.alert.since))}"


def _in_hand(item: Item, at: datetime) -> Part:
    case = item.face
    if case.cleared is not None:
        return f"{case.acknowledged.by} had it" if case.acknowledged is not None else "nobody had it"
    if case.standing is Standing.SILENCED:
        end = f" until {until(case.silenced_until, at)} UTC" if case.silenced_until is not None else ""
        return Span(f"silenced{end}: {case.silenced_by}", Tone.NOTICE)
    held = case.acknowledged
    if held is not None:
        said = f": {held.note}" if held.note else ""
        return f"{held.by} since {words.clock(held.at)} UTC{said}"
    if item.handed:
        return f"{item.handed}, by their own word"
    if case.due is None:
        return Span("nobody has it", Tone.WARNING)
    left = (case.due - at).total_seconds()
    if left <= 0:
        return Span(f"NOBODY, LATE by {words.span(-left)}", Tone.CRITICAL)
    return Span(f"nobody; somebody should within {words.span(left)}", Tone.CRITICAL if left < _SOON else Tone.WARNING)


_SAID: Final = {What.SPEAKS_AGAIN: "speaks again", What.LATE: "nobody in time"}


def _life(one: Seen, at: datetime) -> list[Line]:
    made = []
    for place, change in enumerate(list(one.life)[-_LAST:]):
        by = f" by {change.by}" if change.by else ""
        note = f": {change.note}" if change.note else ""
        told = dim(f"  ({change.quiet}: told to nobody)") if change.quiet else ""
        day = "" if at - change.at < timedelta(hours=12) else f"{change.at:%d %b} "
        said = f"{day}{words.clock(change.at)} {_SAID.get(change.what, change.what.value)}{by}{note}"
        made.append(line(dim("so far    " if place == 0 else " " * 10), said, told))
    return made


def calm(found: Calm, at: datetime, width: int) -> list[Line]:
    """What there is to say while nothing is wrong."""
    made = [line()]
    if found.unread:
        waiting = f" {found.unread} of {words.plural(found.targets, 'target')} not read now: nothing is known of them"
        made.append(line(" ", dim("?"), waiting))
    else:
        made.append(line(" ", sign(None), f" nothing is wrong: {words.plural(found.targets, 'target')} read"))
    last = found.last
    if last is not None and last.cleared is not None:
        lasted = words.span((last.cleared - last.alert.at).total_seconds())
        ago = words.span((at - last.cleared).total_seconds())
        made.append(line())
        made += folded(line("   ", dim(f"the last alert ended {ago} ago and had lasted {lasted}:")), width, 3)
        made += folded(line("   ", last.alert.target, ": ", last.alert.words), width, 3)
    week = "none before it" if found.week == 1 else f"{words.plural(found.week, 'alert')} in all"
    made += [
        line(),
        line("   ", dim(f"in the last 7 days: {week if found.week else 'none'}; c lists those of the last day")),
    ]
    return [*made, *lost(found.lost, width)]


def lost(cases: Sequence[Case], width: int) -> list[Line]:
    """What an earlier session left open and this one has not seen yet."""
    made: list[Line] = [line()] if cases else []
    for case in cases[:5]:
        text = f"open when the last session ended, not seen again yet: {case.alert.target}: {case.alert.words}"
        made += folded(line("   ", dim("? "), dim(text)), width, 5)
    return made


def silences(standing: Sequence[tuple[Silence, int]], at: datetime, width: int) -> list[Line]:
    """Silences and maintenance windows with how many alerts each holds back; the first to end first."""
    made: list[Line] = []
    for one, held in standing:
        left = words.span((one.until - at).total_seconds())
        kind = strong(f"maintenance “{one.name}”") if one.name else strong("silence")
        upto = "" if one.upto.name == "CRITICAL" else f", up to {one.upto.name.lower()}"
        lead: list[Part] = [kind, f" of {one.about}{upto}", dim(f"  until {until(one.until, at)} UTC, {left} left")]
        made += folded(line(*lead, key=one.id), width, 2)
        made += folded(line("  ", dim(f"{one.by}: {one.reason}; holds {words.plural(held, 'alert')} back")), width, 2)
    return made or [line(dim("nothing is silenced, and no maintenance window is open"))]
