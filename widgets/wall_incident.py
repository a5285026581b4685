"""An incident on the wall: a clock that is always in sight, and a page of who does what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from desk import words
from widgets.big import big, fitting
from widgets.big import width_of as big_width
from widgets.lines import Line, Part, Span, Tone, dim, fit, joined, line, strong
from widgets.overview import cut

_BESIDE = 34
"""Cells of words beside the clock at least."""


@dataclass(frozen=True, slots=True)
class Timer:
    """Something that is due."""

    what: str
    left: float
    """Seconds; negative: it is overdue."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the timeline."""

    clock: str
    """Time of day, UTC."""
    words: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Situation:
    """An open incident as the wall shows it."""

    level: str
    """Name of its severity: "SEV1"."""
    title: str
    stage: str
    """How far it is: "investigating"."""
    tone: Tone
    seconds: float
    """How long it has been going on."""
    security: bool = False
    """True while evidence is preserved."""
    roles: tuple[tuple[str, str], ...] = ()
    """(role, who has it; empty: nobody)."""
    people: tuple[tuple[str, str], ...] = ()
    """(who is here, what they look at or do)."""
    timers: tuple[Timer, ...] = ()
    """The next to be due first."""
    timeline: tuple[Happening, ...] = ()
    """The newest last."""
    unseen: str = ""
    """Why not all of its time is seen; empty: it is."""
    others: int = 0
    """Other incidents that are open."""

    @property
    def clock(self) -> str:
        """How long it has been going on: hours, minutes, seconds."""
        return duration(self.seconds)


def duration(seconds: float) -> str:
    """A length of time as a clock shows it.

    >>> duration(3723.9), duration(90061), duration(-5)
    ('1:02:03', '25:01:01', '0:00:00')
    """
    whole = max(0, int(seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def clock_strip(situation: Situation, width: int, rows: int, plain: bool) -> list[Line]:
    """The incident's clock with its severity, above every page: large, with its title beside it."""
    text = f"{situation.level} {situation.clock}"
    scale = fitting(text, max(1, width - _BESIDE - 4), rows, plain) or fitting(text, width - 2, rows, plain)
    beside = _beside_clock(situation)
    if scale is None:
        lead = (Span(f" INCIDENT {text}", situation.tone), "  ", *beside[0])
        return [Line(cut(line(*lead).spans, width))]
    drawn = big(text, scale)
    taken = big_width(text, scale) + 4
    made = []
    for number, row in enumerate(drawn):
        words_ = beside[number] if number < len(beside) and taken + _BESIDE <= width else ()
        made.append(Line(cut(line(" ", Span(fit(row, taken - 2).text, situation.tone), " ", *words_).spans, width)))
    if taken + _BESIDE > width:
        made.append(Line(cut(line(" ", *beside[0]).spans, width)))
    return made


def _beside_clock(situation: Situation) -> list[tuple[Part, ...]]:
    who = next((name for role, name in situation.roles if role == "commander"), "")
    more = f"   +{situation.others} more open" if situation.others else ""
    first = next(iter(situation.timers), None)
    due: tuple[Part, ...] = () if first is None else (_due(first),)
    return [
        (Span("INCIDENT ", situation.tone), strong(situation.title)),
        (dim("commander "), strong(who or "NOBODY"), dim(f"   {situation.stage}{more}"), *_evidence(situation)),
        due,
    ]


def _evidence(situation: Situation) -> tuple[Part, ...]:
    return (Span("   SECURITY: evidence is preserved", Tone.WARNING),) if situation.security else ()


def _due(timer: Timer) -> Span:
    if timer.left < 0:
        return Span(f"{timer.what} OVERDUE by {words.age(-timer.left)}", Tone.CRITICAL)
    return Span(f"{timer.what} in {words.age(timer.left)}", Tone.WARNING if timer.left < 120 else Tone.PLAIN)


def incident_page(situation: Situation, width: int, height: int) -> list[Line]:
    """Who has which role, who is doing what, what is due, and the last lines of the timeline."""
    roles = [
        line(fit(dim(role), 12), strong(who) if who else Span("NOBODY", Tone.WARNING)) for role, who in situation.roles
    ]
    doing = [line(fit(strong(who), 14), " ", what) for who, what in situation.people]
    blocks = [
        ("ROLES", roles),
        ("DUE", [line(_due(timer)) for timer in situation.timers] or [line(dim("nothing is due"))]),
        ("WHO IS DOING WHAT", doing or [line(dim("nobody is known to be here"))]),
    ]
    wide = width >= 110
    if not wide:  # all roles in one line
        blocks[0] = ("ROLES", [Line(joined((span for one in roles for span in _tight(one)), " "))])
    made = _columns(blocks, width) if wide else _stacked(blocks, width, max(3, height // 2))
    room = height - len(made) - 1
    if room > 1:
        unseen = (Span(f"   not all of it is seen: {situation.unseen}", Tone.WARNING),) if situation.unseen else ()
        head = line(" ", Span("TIMELINE", Tone.TITLE), dim("  UTC, the newest last"), *unseen)
        made += [Line(cut(head.spans, width))]
        made += [_happened(one, width) for one in situation.timeline[-room:]] or [line("  ", dim("nothing yet"))]
    return made[:height]


def _tight(one: Line) -> tuple[Span, ...]:
    """A role without the blanks that set it in columns."""
    return (*(Span(span.text.strip(), span.tone) for span in one.spans), Span(" "))


def _happened(one: Happening, width: int) -> Line:
    by = (dim(f"  {one.by}"),) if one.by else ()
    return Line(cut(line("  ", dim(one.clock), "  ", one.words, *by).spans, width))


def _columns(blocks: Sequence[tuple[str, Sequence[Line]]], width: int) -> list[Line]:
    cell = width // len(blocks) - 1
    deep = max(len(lines) for _, lines in blocks)
    made = [Line(tuple(span for title, _ in blocks for span in cut((Span(f" {title}", Tone.TITLE),), cell + 1)))]
    for row in range(deep):
        spans: list[Span] = []
        for _, lines in blocks:
            spans += cut((Span("  "), *(lines[row].spans if row < len(lines) else ())), cell + 1)
        made.append(Line(tuple(spans)))
    return [*made, line()]


def _stacked(blocks: Sequence[tuple[str, Sequence[Line]]], width: int, height: int) -> list[Line]:
    made: list[Line] = []
    for title, lines in blocks:
        share = max(1, (height - len(made)) // 2 - 1)
        made.append(line(" ", Span(title, Tone.TITLE)))
        made += [Line(cut((Span("  "), *one.spans), width)) for one in lines[:share]]
        if len(lines) > share:
            made[-1] = line("  ", dim(f"+{len(lines) - share + 1} more"))
    return made
