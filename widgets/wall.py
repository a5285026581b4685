"""The wall's pages as pure functions: cards become lines that can be read from across a room.

Words and shapes say everything; colour only repeats it. Nothing blinks, every value has its age, and what doesn't fit
is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from desk import words
from probes.base import Severity
from widgets.big import PLAIN, SCALES, Scale, big, fitting, folded, rows_in
from widgets.big import width_of as big_width
from widgets.draw.marks import spark
from widgets.folding import wrapped
from widgets.lines import TONES, Line, Part, Span, Tone, dim, fit, line, sign, strong, toned, width_of
from widgets.overview import cut

WORDS: Final = {Severity.NOTICE: "NOTICE", Severity.WARNING: "WARNING", Severity.CRITICAL: "CRITICAL"}
"""What a severity is called on the wall."""

FINE: Final = "FINE"

_GAP: Final = 2
"""Cells between two cards."""
_LEAST: Final = 38
"""Cells a card has at least, so that its words can be read."""
_CARD: Final = 3
"""Lines of a card beside its big word: name, what is said, and a blank one."""
_NARROW: Final = 100
"""Cells below which an alert is told without its severity's word: its shape and the large word above stay."""
_WHOLE: Final = 2
"""Alerts of a target that are told in whole sentences, if there is room."""
_SIZES: Final = ((10, 5), (10, 3), (5, 5), (5, 3), (5, 0), (3, 0))
"""Lines of a card's word and of its name, the largest first; 0: the name is not large."""
_SHORTEST, _LONGEST = 20, 30
"""Cells for a name in a line of its own, and as many as it may have where there is room."""
_SAID: Final = 40
"""Cells of a sparkline at most."""


@dataclass(frozen=True, slots=True)
class Told:
    """An alert as the wall tells it."""

    severity: Severity
    target: str
    words: str
    age: float
    """Seconds since it was raised."""
    number: str = ""
    """The value that proves it, in its unit."""
    handed: str = ""
    """Who has it in hand; empty: nobody."""
    late: bool = False
    """True when nobody had it in hand in time."""


@dataclass(frozen=True, slots=True)
class Number:
    """A gauge with its course."""

    name: str
    value: str
    course: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """One target as the wall sees it."""

    name: str
    word: str
    """Its state: "CRITICAL", "FINE", "STALE"."""
    severity: Severity | None
    """The worst that is said about it; None: nothing is wrong, or nothing is known."""
    known: bool
    """True when its values are fresh."""
    age: str
    """How old its values are: "2 s ago", "no answer yet"."""
    said: str = ""
    """What is wrong, else how it is."""
    told: tuple[Told, ...] = ()
    """Its alerts, worst first."""
    numbers: tuple[Number, ...] = ()

    @property
    def mark(self) -> Span:
        """Its shape; what is not known is never called fine."""
        return sign(self.severity) if self.severity is not None or self.known else dim("?")

    @property
    def tone(self) -> Tone:
        """How its word looks."""
        if self.severity is not None:
            return TONES[self.severity]
        return Tone.GOOD if self.known else Tone.DIM


@dataclass(frozen=True, slots=True)
class Step:
    """A page in the row of pages at the foot."""

    name: str
    mark: Span
    here: bool = False


def whole_word(cards: Sequence[Card]) -> tuple[str, Severity | None, bool]:
    """(the word for the whole system, its severity, whether everything is known)."""
    worst = max((card.severity for card in cards if card.severity is not None), default=None)
    known = bool(cards) and all(card.known for card in cards)
    if worst is not None:
        return WORDS[worst], worst, known
    return ("ALL FINE" if known else "NOT ALL KNOWN"), None, known


def spelled(text: str, tone: Tone, width: int, height: int, plain: bool) -> list[Line]:
    """A word as large as fits; where no large letter fits, the word itself."""
    scale = fitting(text, width, height, plain)
    if scale is None:
        return [line(fit(Span(text, tone), max(0, width)))]
    return [line(Span(row.rstrip(), tone)) for row in big(text, scale)]


def _headroom(height: int, plain: bool) -> int:
    """Lines for the large word above a page: a fifth, and at least one row of letters where there is room at all."""
    least = (PLAIN if plain else SCALES)[-1].height
    return max(height // 5, least if height >= 3 * least else 1)


def overview_page(cards: Sequence[Card], width: int, height: int, plain: bool) -> list[Line]:
    """All targets by state: the word for the whole, how many of each, then a card for each, the worst first."""
    word, severity, known = whole_word(cards)
    tone = TONES[severity] if severity is not None else Tone.GOOD if known else Tone.DIM
    head = [_indented(one) for one in spelled(word, tone, width - 2, _headroom(height, plain), plain)]
    head += [line(), line(" ", *_tally(cards)), line()]
    return [*head, *_grid(cards, width, height - len(head), plain)]


def fleet_page(cards: Sequence[Card], width: int, height: int, plain: bool) -> list[Line]:
    """Every machine, the worst first: how it is, what is in use, and when it was heard."""
    word, severity, known = whole_word(cards)
    tone = TONES[severity] if severity is not None else Tone.GOOD if known else Tone.DIM
    word = FINE if severity is None and known else word
    head = [_indented(one) for one in _heading("FLEET", word, tone, width, _headroom(height, plain), plain)]
    head += [line(), line(" ", *_tally(cards)), line()]
    return [*head, *_grid(cards, width, height - len(head), plain)]


def _tally(cards: Sequence[Card]) -> list[Part]:
    """How many targets are in which state."""
    parts: list[Part] = []
    for severity in sorted(Severity, reverse=True):
        if many := sum(card.severity is severity for card in cards):
            parts += [sign(severity), toned(f" {many} {WORDS[severity]}", severity), "   "]
    unknown = sum(card.severity is None and not card.known for card in cards)
    fine = sum(card.severity is None and card.known for card in cards)
    parts += [dim(f"? {unknown} NOT KNOWN"), "   "] if unknown else []
    return [*parts, sign(None), Span(f" {fine} {FINE}", Tone.GOOD if fine else Tone.DIM), dim(f"  of {len(cards)}")]


def _grid(cards: Sequence[Card], width: int, height: int, plain: bool) -> list[Line]:
    """The cards side by side, as large as they can be while all are seen; else a line for each, the rest counted."""
    if not cards:
        return [line("  ", dim("this profile has no targets"))]
    longest = max({card.word for card in cards}, key=lambda word: big_width(word, Scale(1, 0)))
    for rows, named in _SIZES:
        scale = fitting(longest, width - 3, rows, plain)
        if scale is None or scale.height < rows:
            continue
        cell = max(_LEAST, big_width(longest, scale) + 2)
        columns = min(len(cards), max(1, (width - 1) // (cell + _GAP)))
        cell, deep = (width - 1) // columns - _GAP, scale.height + _CARD + (named + 1 if named else 0)
        if -(-len(cards) // columns) * deep - 1 > height:
            continue
        fit_in = [fitting(card.name, cell, named, plain) for card in cards] if named else []
        letters = min((one for one in fit_in if one), key=lambda one: one.across, default=None)
        if not named or (None not in fit_in and letters is not None and letters.height == named):
            return _cards(cards, columns, cell, scale, letters)
    columns = max(1, min(width // 76, -(-len(cards) // max(1, height))))
    cell = (width - 1) // columns - _GAP
    room = height * columns
    shown = cards if len(cards) <= room else cards[: room - 1]
    name = min(_LONGEST, max(_SHORTEST, *(len(card.name) for card in shown))) if cell > _LEAST * 2 else _SHORTEST
    rows_ = [_row(card, cell, name) for card in shown]
    if len(shown) < len(cards):
        rows_.append(line(dim(f"+{len(cards) - len(shown)} more:  "), *_tally(cards[len(shown) :])[:-1]))
    return _beside([rows_[at : at + height] for at in range(0, len(rows_), height)], cell)


def _cards(cards: Sequence[Card], columns: int, cell: int, scale: Scale, letters: Scale | None) -> list[Line]:
    made: list[Line] = []
    for at in range(0, len(cards), columns):
        made += _beside([_card(card, cell, scale, letters) for card in cards[at : at + columns]], cell)
    return made[:-1]  # the last blank line separates nothing


def _card(card: Card, cell: int, scale: Scale, letters: Scale | None) -> list[Line]:
    """Name and age, the big word, what is said; `letters`: of the name, where it is large too."""
    rows = big(card.name, letters) if letters is not None else None
    lead: tuple[Part, ...] = (card.mark,) if rows else (card.mark, " ", strong(card.name))
    return [
        _between(lead, _age(card), cell),
        *(line(strong(row.rstrip())) for row in rows or ()),
        *([line()] if rows else []),
        *(line(Span(row.rstrip(), card.tone)) for row in big(card.word, scale)),
        line(fit(toned(card.said, card.severity) if card.severity is not None else dim(card.said), cell)),
        line(),
    ]


def _row(card: Card, cell: int, name: int) -> Line:
    """One target in one line, `name` cells of it for what it is called."""
    left = (card.mark, " ", fit(strong(card.name), name), " ", fit(Span(card.word, card.tone), 9), " ", dim(card.said))
    return _between(left, _age(card), cell)


def _age(card: Card) -> Span:
    return dim(card.age) if card.known else Span(card.age, Tone.WARNING)


def group_page(title: str, cards: Sequence[Card], width: int, height: int, plain: bool) -> list[Line]:
    """One group of targets, the worst first: state, what is wrong with the number that proves it, and the gauges."""
    word, severity, known = whole_word(cards)
    tone = TONES[severity] if severity is not None else Tone.GOOD if known else Tone.DIM
    rows = min(10, _headroom(height, plain))
    made = [
        _indented(one)
        for one in _heading(title, FINE if severity is None and known else word, tone, width, rows, plain)
    ]
    made.append(line())
    cards = sorted(cards, key=lambda card: -(card.severity or 0))
    for number, card in enumerate(cards):
        room = height - len(made)
        left = len(cards) - number
        if room < 2 or (room < 3 and left > 1):
            made.append(line(" ", dim(f"+{left} more: {', '.join(one.name for one in cards[number:])}")))
            break
        share = max(2, room // left if left > 1 else room)
        made += _detailed(card, width - 2, share, plain)
    return [one if len(one.spans) else line() for one in made][:height]


def _heading(title: str, word: str, tone: Tone, width: int, rows: int, plain: bool) -> list[Line]:
    """The title and its state, both large, or one under the other as they fit."""
    scale = fitting(f"{title}  {word}", width - 2, rows, plain)
    if scale is None and fitting(word, width - 2, rows, plain) is not None:
        return [line(Span(title, Tone.TITLE)), *spelled(word, tone, width - 2, rows, plain)]
    if scale is None:
        return [line(Span(title, Tone.TITLE), "  ", Span(word, tone))]
    pairs = zip(big(title, scale), big("  " + word, scale), strict=True)
    return [line(Span(one, Tone.TITLE), " " * scale.across, Span(two.rstrip(), tone)) for one, two in pairs]


def _detailed(card: Card, width: int, height: int, plain: bool) -> list[Line]:
    """A target with its alerts and gauges in so many lines."""
    said = () if card.told else (dim(card.said),)
    head = (" ", card.mark, " ", strong(card.name), "  ", Span(card.word, card.tone), "  ", *said)
    made = [_between(head, _age(card), width)]
    for number, told in enumerate(card.told):
        room = height - len(made) - (len(card.told) - number)
        lines = _proof(card.name, told, width - 8, room - 4, plain) if number == 0 else []
        lines += _alert(told, width - 4, 1 + max(0, room - len(lines)) if number < _WHOLE else 1)
        if len(made) + len(lines) > height:
            made.append(line("     ", dim(f"+{len(card.told) - number} more")))
            break
        made += [_indented(one, 4) for one in lines]
    room = height - len(made) - 2
    if room > 0 and card.numbers:
        made += [*([line()] if card.told else []), *_numbers(card.numbers, width - 4, room)]
    return [*made, line()] if len(made) < height else made[:height]


def _proof(name: str, told: Told, width: int, height: int, plain: bool) -> list[Line]:
    """What is wrong in large letters, or at least where and by what number; nothing where there is no room."""
    tone = TONES[told.severity]
    texts = (f"{name}: {told.words}", told.words, *([f"{name}: {told.number}"] if told.number else []))
    ways = ((text, scale) for text in texts for scale in (PLAIN if plain else SCALES)[-2:])
    drawn = (folded(text, width, min(3, rows_in(height, scale)), plain, scale) for text, scale in ways)
    rows = next((one for one in drawn if one), None)
    return [line(), *(line(" ", Span(row.rstrip(), tone)) for row in rows), line()] if rows else []


def _alert(told: Told, width: int, most: int) -> list[Line]:
    """An alert in as many lines as it needs, if there is room; else in one."""
    whole = told_line(told, 10_000, named=False)
    one = told_line(told, width, named=False)
    if most < 2 or whole.text.replace(" ", "") == one.text.replace(" ", ""):
        return [one]
    lead = line(" ", sign(told.severity), " ", toned(WORDS[told.severity], told.severity), "  ", *_hand(told))
    said = wrapped(told.words, width - 3, 0)
    lines = [lead, *(line("   ", *(Span(span.text, TONES[told.severity]) for span in part.spans)) for part in said)]
    return lines if len(lines) <= most else [one]


def _numbers(numbers: Sequence[Number], width: int, height: int) -> list[Line]:
    """Gauges with their courses, in as many columns as fit."""
    columns = max(1, width // 72)
    cell = width // columns - _GAP
    course = max(0, min(_SAID, cell - 43 - (4 if columns == 1 else 0)))
    shown = [
        line(
            "    " if columns == 1 else "", fit(dim(one.name), 28), " ", fit(strong(one.value), 12, right=True), "  ",
            Span(spark(one.course if _moves(one) else (), course), Tone.CHART),
        )
        for one in numbers[: height * columns]
    ]  # fmt: skip
    deep = -(-len(shown) // columns)
    made = _beside([shown[at : at + deep] for at in range(0, len(shown), deep)], cell)
    return made if columns == 1 else [_indented(one, 4) for one in made]


def _moves(one: Number) -> bool:
    """False for what has always been the same: a row of bars would say nothing of it."""
    return len({value for value in one.course if value is not None}) > 1


def alerts_page(told: Sequence[Told], silenced: int, known: bool, width: int, height: int, plain: bool) -> list[Line]:
    """Every alert that speaks, the worst first, with its age and who has it in hand."""
    worst = max((one.severity for one in told), default=None)
    word = words.plural(len(told), "alert").upper() if told else "NO ALERT"
    tone = TONES[worst] if worst is not None else Tone.GOOD if known else Tone.DIM
    made = [_indented(one) for one in spelled(word, tone, width - 2, _headroom(height, plain), plain)]
    made.append(line())
    if not told and not known:
        made.append(line("  ", dim("not every target has answered: what is wrong there is not known")))
    deep = 2 if len(told) * 2 <= height - len(made) - 1 else 1
    room = (height - len(made) - 1) // deep
    for one in told[:room]:
        made.append(told_line(one, width - 2, named=True))
        made += [line()] if deep == 2 else []
    rest = [f"+{len(told) - room} more"] if len(told) > room else []
    rest += [f"{silenced} silenced"] if silenced else []
    return [*made, *([line("  ", dim(", ".join(rest)))] if rest else [])][:height]


def told_line(told: Told, width: int, named: bool) -> Line:
    """An alert in a line: shape, words, target, since when, who has it in hand."""
    said = dim(told.words) if told.handed else toned(told.words, told.severity)
    if width < _NARROW:
        tail: list[Part] = ["  ", strong(told.target)] if named else []
        return _between((" ", sign(told.severity), " ", said), line(*tail, "  ", *_hand(told)).spans, width)
    name: list[Part] = [fit(strong(told.target), 18), " "] if named else []
    lead = (" ", sign(told.severity), " ", fit(toned(WORDS[told.severity], told.severity), 9), " ", *name, said)
    return _between(lead, line("  ", *_hand(told)).spans, width)


def _hand(told: Told) -> tuple[Part, ...]:
    """Since when, and who has it in hand."""
    since = dim(f"for {words.age(told.age)}, ")
    if told.handed:
        return since, dim(f"{told.handed} has it")
    return (since, Span("LATE: nobody has it", Tone.CRITICAL)) if told.late else (since, dim("nobody has it"))


def foot(steps: Sequence[Step], note: str, width: int) -> Line:
    """The row of pages, and what the rotation does."""
    right = line(dim(note), " ").spans
    left: list[Span] = [Span(" ")]
    room = width - width_of(right) - 2
    here = next((number for number, step in enumerate(steps) if step.here), 0)
    names = [_step(step) for step in steps]
    while sum(map(width_of, names)) > room and len(names) > 1:  # those furthest from here go first
        number = len(names) - 1 if here < len(names) - 1 else 0
        names.pop(number)
        here -= number == 0
        room = width - width_of(right) - 6
    for name in names:
        left += name
    left += [dim(f"+{len(steps) - len(names)}")] if len(names) < len(steps) else []
    return Line((*cut(left, width - width_of(right)), *right))


def _step(step: Step) -> tuple[Span, ...]:
    return (step.mark, Span(" "), Span(f"[{step.name}]", Tone.STRONG) if step.here else dim(step.name), Span("  "))


def _between(left: Sequence[Part], right: Span | Sequence[Span], width: int) -> Line:
    """A line with something at each end."""
    tail = (right,) if isinstance(right, Span) else tuple(right)
    return Line((*cut(line(*left).spans, max(0, width - width_of(tail) - 1)), Span(" "), *tail))


def _indented(one: Line, by: int = 1) -> Line:
    return Line((Span(" " * by), *one.spans))


def _beside(columns: Sequence[Sequence[Line]], cell: int) -> list[Line]:
    """Blocks of lines side by side, each in `cell` cells."""
    deep = max((len(column) for column in columns), default=0)
    made = []
    for row in range(deep):
        spans: list[Span] = [Span(" ")]
        for column in columns:
            spans += cut(column[row].spans if row < len(column) else (), cell)
            spans.append(Span(" " * _GAP))
        made.append(Line(tuple(spans[:-1])))
    return made
