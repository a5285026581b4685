"""Runbooks and procedures, drawn: the outline of a file, the steps of a procedure, one step whole."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from desk import words
from desk.runbook.book import Command, Procedure, Runbook, Step, StepKind
from desk.runs.filling import Filled
from desk.runs.past import Past
from desk.runs.record import Given, Judgement
from desk.runs.run import Done, Evidence, Run
from desk.runs.ways import Fork, forks
from probes.base import Danger, SafeText
from widgets.draw.marks import Sign
from widgets.folding import folded
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, shortened, strong, width_of
from widgets.overview import Entry, age_parts, gap_lines, shows_values, state_lines

BESIDE: Final = 120
"""Columns from which a step stands beside the list of steps."""

_TITLE: Final = 300
_TEXT: Final = 4000
_LINE: Final = 2000
_NOTES: Final = 3
"""The newest notes of a step, which it shows."""
_OUTPUT: Final = 6
"""Lines of an output that are shown with its step; all of it is in the details."""

DANGER: Final[Mapping[Danger, tuple[str, Tone]]] = {
    Danger.READ: ("", Tone.DIM),
    Danger.REVERSIBLE: ("◆ can be undone", Tone.NOTICE),
    Danger.DISRUPTIVE: ("▲ DISRUPTIVE", Tone.WARNING),
    Danger.DESTRUCTIVE: ("✕ DESTRUCTIVE", Tone.CRITICAL),
}
"""Shape, word and tone of what a command can cost."""

_JUDGED: Final = {
    Judgement.GOOD: ("good", Tone.GOOD),
    Judgement.BAD: ("BAD", Tone.CRITICAL),
    Judgement.UNKNOWN: ("unknown", Tone.WARNING),
    Judgement.NONE: ("", Tone.PLAIN),
}

_ENTER: Final = {
    StepKind.NOTE: "Enter ticks it",
    StepKind.READING: "Enter keeps the value as evidence",
    StepKind.LOG: "Enter opens the log",
    StepKind.ACTION: "Enter shows what would be done, guarded",
    StepKind.SHELL: "Enter copies it: run it yourself, then say what came of it",
    StepKind.DECISION: "Enter picks a way",
    StepKind.TIMER: "Enter begins to wait",
    StepKind.SIGN_OFF: "Enter signs it with your name",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One step with all that is known of it, ready to draw."""

    number: int
    """From 0."""
    step: Step
    done: Done
    fill: Filled | None = None
    """Its command with what is filled in; None: it has none."""
    needs: Sequence[str] = ()
    """Parameters it needs, by name."""
    values: Mapping[str, Given] = field(default_factory=dict)
    live: Sequence[tuple[str, Judgement]] = ()
    """What is read of it now, a line for each place, and what that says."""
    kept: bool = True
    """False while something of it is not on disk."""
    way: str = ""
    """Why it is not to be done: another way was taken."""
    lacks: Sequence[str] = ()
    """Variables it takes that no step has set in this session."""
    secrets: Collection[str] = ()
    """Those of them that are never filled in here."""
    enter: str = ""
    """What Enter does, where that is not what it does with every step of its kind."""
    under_way: bool = False
    as_it_stands: bool = False
    """True when its line runs, or is copied, as it is written: nothing is done instead of it."""


def title(procedure: Procedure, run: Run | None, unkept: int, now: datetime, width: int, why: str = "") -> Line:
    """Its name, and how far it is. `why`: why no run can be begun."""
    count = len(list(procedure.steps))
    parts: list[Part] = []
    if procedure.menu:
        parts = [dim("a menu: pick what you need, in any order")]
    elif run is None:
        parts = [dim(f"{words.plural(count, 'step')}; not begun{f': {why}' if why else ''}")]
    elif run.ended is not None:
        parts = [Span(run.ended.end.value.upper(), Tone.NOTICE), dim(f" by {run.ended.by}")]
    else:
        parts = [
            Span("RUN", Tone.NOTICE),
            f" {run.settled_count} of {count}",
            dim(f"  {run.holder}, since {words.when(run.at, now)[:-3]} UTC"),
        ]
    if unkept:
        parts += ["  ", Span(f"{unkept} NOT KEPT YET", Tone.WARNING)]
    right = line(*parts)
    room = max(10, width - width_of(right.spans) - 4)
    made = line(" ", strong(shortened(str(SafeText(procedure.title, _TITLE)), room)), "  ", *right.spans)
    return made if width_of(made.spans) <= width else line(fit(made.text, width))


def steps(procedure: Procedure, run: Run | None, now: datetime, width: int) -> list[Line]:
    """Every step under its phase, with its state and its danger; the keys are their numbers."""
    made: list[Line] = []
    number = 0
    ahead = {fork.at: fork for fork in forks(procedure)}
    waiting = run.next if run is not None and run.open else None
    for part in procedure.parts:
        if part.title or len(procedure.parts) > 1:
            made.append(line(fit(Span(str(SafeText(part.title or part.phase.value, _TITLE)), Tone.TITLE), width)))
        before = ""
        for step in part.steps:
            if step.choice and step.choice != before:
                taken = run.choices.get(_fork_of(ahead, number).at) if run is not None else None
                made.append(_way(step.choice, taken, width))
            before = step.choice
            done = run.steps[number] if run is not None else Done()
            missed = run is not None and run.missed(number)
            mark = _mark(step, done, missed, number == waiting, now)
            made.append(_row(number, step, mark, missed, width, 4 if step.choice else 1))
            number += 1
    return made or [line(dim(" it has no steps"))]


def _fork_of(ahead: Mapping[int, Fork], number: int) -> Fork:
    return next(fork for fork in ahead.values() if number in fork.ways)


def _way(name: str, taken: str | None, width: int) -> Line:
    tail = "" if taken is None else "  taken" if taken == name else "  not taken"
    room = max(8, width - 4 - len(tail))
    return line("   ", dim("› "), fit(str(SafeText(name, _TITLE)), room).text.rstrip(), Span(tail, Tone.NOTICE))


def _mark(step: Step, done: Done, missed: bool, next_: bool, now: datetime) -> Span:
    """Where a step is, as a shape."""
    if done.skipped is not None:
        return dim("–")
    if done.last is not None:
        return _found(done.last.judgement)
    if missed:
        return dim("·")
    if step.kind is StepKind.TIMER and done.timer is not None:
        return Span("◌" if done.timer.left(now) > 0 else "◉", Tone.NOTICE)
    return Span("▸", Tone.KEY) if next_ else Span(" ")


def _row(number: int, step: Step, mark: Span, missed: bool, width: int, indent: int) -> Line:
    shape, tone = DANGER[_danger(step)]
    word = shape if width >= 44 and _danger(step) >= Danger.DISRUPTIVE else shape[:1] if shape else ""
    room = max(6, width - indent - 6 - len(word) - 1)
    name = str(SafeText(step.title or (step.command.text if step.command is not None else ""), _TITLE))
    said = dim(name) if missed else Span(name)
    return line(
        " " * indent, mark, " ", dim(f"{number + 1:>2} "), fit(said, room), " ", Span(word, tone), key=str(number)
    )


def _danger(step: Step) -> Danger:
    return step.command.danger if step.command is not None else Danger.READ


def whole(shown: Shown, now: datetime, width: int) -> list[Line]:
    """One step, with everything a person needs to do it; the most important first."""
    step, command = shown.step, shown.step.command
    made = [_head(shown, width)]
    begun = " ".join(step.title.removesuffix("…").split())
    if command is not None or " ".join(step.text.split()) == begun or not " ".join(step.text.split()).startswith(begun):
        made += folded(line(strong(SafeText(step.title, _TITLE))), width, 0)
    if command is not None:
        made += _command(shown, command, width)
    made += _needs(shown, width)
    if step.kind is StepKind.TIMER:
        made += folded(line("  ", *_timer(shown, now)), width, 2)
    if shown.way:
        made += folded(line("  ", dim(shown.way)), width, 2)
    for value, judged in shown.live:
        word, tone = _JUDGED[judged]
        made += folded(line("  now  ", Span(word, tone), " " if word else "", SafeText(value, _LINE)), width, 7)
    made += _evidence(shown, now, width)
    if step.expected:
        made += folded(line("  ", dim("expect  "), SafeText(step.expected, _TEXT)), width, 10)
    if command is not None and command.expected and command.expected != step.expected:
        made += folded(line("  ", dim("expect  "), SafeText(command.expected, _TEXT)), width, 10)
    made += _text(step, width)
    return made


def _head(shown: Shown, width: int) -> Line:
    shape, tone = DANGER[_danger(shown.step)]
    enter = shown.enter or _ENTER[shown.step.kind]
    parts: list[Part] = [dim(f"step {shown.number + 1}  "), Span(shown.step.kind.value, Tone.KEY)]
    if shape:
        parts += ["  ", Span(shape, tone)]
    if not shown.kept:
        parts += ["  ", Span("NOT KEPT YET", Tone.WARNING)]
    room = width - width_of(line(*parts).spans) - 2
    if room >= 12:
        parts += ["  ", dim(shortened(enter, room))]
    return line(*parts)


def _command(shown: Shown, command: Command, width: int) -> list[Line]:
    made: list[Line] = []
    tone = DANGER[command.danger][1] if command.danger >= Danger.DISRUPTIVE else Tone.STRONG
    made += _verbatim(command.text, tone, width)
    if shown.fill is not None and shown.fill.text != command.text:
        made += folded(line("  ", dim("filled in:")), width, 2)
        made += _verbatim(shown.fill.text, Tone.STRONG, width)
    wrong = command.flaw if shown.as_it_stands else command.warning
    if wrong:
        made += folded(line("  ", Span("! ", Tone.WARNING), SafeText(wrong, _LINE)), width, 4)
    if command.becomes and command.becomes != command.text and not shown.as_it_stands:
        made += folded(line("  ", dim("becomes  "), strong(SafeText(command.becomes, _LINE))), width, 11)
    told = [
        *([f"runs on {command.place}"] if command.place else []),
        *([_asked(command, shown.as_it_stands)] if command.asked else []),
        *(["its output may show secrets"] if command.reveals else []),
        *(["it never ends by itself"] if command.endless else []),
        *(["it opens a session to type into"] if command.interactive else []),
        *([f"sets {', '.join(command.sets)}"] if command.sets else []),
    ]
    if told:
        made += folded(line("  ", dim(SafeText("; ".join(told), _LINE))), width, 2)
    return made


def _asked(command: Command, as_it_stands: bool) -> str:
    """Who fills in what is no parameter."""
    values = ", ".join(command.asked)
    return (
        f"{values} is typed where the line is run"
        if as_it_stands
        else f"its act fills in {values}; without one it is typed where the line is run"
    )


def _verbatim(text: str, tone: Tone, width: int) -> list[Line]:
    """A command as it is written, line by line; a line that is too long is broken, never cut."""
    made: list[Line] = []
    for number, one in enumerate(text.splitlines() or [""]):
        made += folded(line("  ", dim("$ " if not number else "  "), Span(str(SafeText(one, _TEXT)), tone)), width, 6)
    return made


def _needs(shown: Shown, width: int) -> list[Line]:
    made: list[Line] = []
    for name in shown.needs:
        given = shown.values.get(name)
        if name in shown.secrets:
            said: Part = dim("a secret: it is typed where the line is run, never here")
        elif given is None:
            said = Span("not filled in: u, or Enter, asks for it", Tone.WARNING)
        else:
            said = SafeText(given.value, _LINE)
        made += folded(line("  ", dim("needs  "), strong(SafeText(name, 60)), " = ", said), width, 9)
    if shown.fill is not None and shown.fill.refused:
        made += folded(line("  ", Span(str(SafeText(shown.fill.refused, _LINE)), Tone.WARNING)), width, 2)
    for name in shown.lacks:
        text = f"takes {SafeText(name, 60)}, which no step has set in this session"
        made += folded(line("  ", Span(text, Tone.WARNING)), width, 2)
    return made


def _timer(shown: Shown, now: datetime) -> Sequence[Part]:
    seconds, timer = shown.step.seconds, shown.done.timer
    if timer is None:
        return (dim("waits "), words.span(seconds) if seconds else "as long as is said when it begins")
    left = timer.left(now)
    if left > 0:
        return (Span(f"{words.age(left)} left", Tone.NOTICE), dim(f", begun by {timer.by}; Enter ends it early"))
    return (Span(f"over since {words.age(-left)}", Tone.NOTICE), dim("; Enter ticks it"))


def _evidence(shown: Shown, now: datetime, width: int) -> list[Line]:
    made: list[Line] = []
    done = shown.done
    if done.skipped is not None:
        head = (dim("–  "), f"left out by {done.skipped.by}: ", SafeText(done.skipped.text, _LINE))
        made += folded(line("  ", *head), width, 5)
    for note in done.notes[-_NOTES:]:
        said = (dim(f"{_at(note.at, now)} {note.by}  "), SafeText(note.text, _LINE))
        cut = (dim("  d shows it whole"),) if len(note.text) > _LINE else ()
        made += folded(line("  note ", *said, *cut), width, 7)
    if shown.under_way:
        made.append(line("  ", Span("under way", Tone.NOTICE)))
    if done.last is not None:
        made += proof(done.last, now, width, _OUTPUT)
        if len(done.evidence) > 1:
            made.append(line("  ", dim(f"and {words.plural(len(done.evidence) - 1, 'time')} before: d shows all")))
    return made


def notes(done: Done, now: datetime, width: int) -> list[Line]:
    """Every note of a step, whole, where the step itself shows only some or a part."""
    if len(done.notes) <= _NOTES and all(len(note.text) <= _LINE for note in done.notes):
        return []
    made = [line(), line(strong("notes"))]
    for note in done.notes:
        head: tuple[Part, ...] = (dim(f"{_at(note.at, now)} {note.by}  "),)
        for text in note.text.splitlines():
            made += folded(line("  ", *head, SafeText.line(text)), width, 4)
            head = ()
    return made


def _found(judgement: Judgement) -> Span:
    """What was found, as a shape: what is bad, or what nobody knows, is not ticked."""
    match judgement:
        case Judgement.BAD:
            return Span(Sign.CRITICAL.value, Tone.CRITICAL)
        case Judgement.UNKNOWN:
            return Span("?", Tone.WARNING)
    return Span("✓", Tone.GOOD)


def _at(moment: datetime, now: datetime) -> str:
    """When something was, and how long ago."""
    return f"{words.when(moment, now)}, {words.age(max(0.0, (now - moment).total_seconds()))} ago,"


def proof(one: Evidence, now: datetime, width: int, most: int) -> list[Line]:
    """What was found, by whom, when and how long ago, with so many lines of its output."""
    word, tone = _JUDGED[one.judgement]
    head: list[Part] = ["  ", _found(one.judgement), " ", dim(f"{_at(one.at, now)} {one.by}  ")]
    head += [Span(word, tone), " "] if word else []
    made = folded(line(*head, SafeText(one.value or "done", _LINE)), width, 6)
    output = one.output.splitlines()
    made += [part for text in output[:most] for part in folded(line("    ", dim(SafeText(text, _TEXT))), width, 6)]
    if len(output) > most:
        made.append(line("    ", dim(f"{words.plural(len(output) - most, 'more line')}: d shows all")))
    return made


_BROKEN: Final = 40
"""Characters of a line that may have been broken for its length."""
_BEGINS: Final = re.compile(r"\s*(?:[-*+•]\s|\d{1,3}[.)]\s|>|#|$)|\s{2,}")
"""What begins a line of its own: an item, a quotation, an empty line, what is set in."""


def _text(step: Step, width: int) -> list[Line]:
    """What the author wrote about it, unless the title says it all."""
    if " ".join(step.text.split()) in ("", " ".join(step.title.split())):
        return []
    made: list[Line] = [line()]
    for one in _flowing(step.text):
        made += folded(line(dim(SafeText(one, _TEXT))), width, 2)
    return made


def _flowing(text: str) -> list[str]:
    """Lines as an author means them: what he broke for his own editor's width goes on in one.

    >>> _flowing("The API does not accept the application's secret\\nany more.\\n- one\\n- two")
    ["The API does not accept the application's secret any more.", '- one', '- two']
    """
    made: list[str] = []
    for one in text.splitlines():
        apart = not made or len(made[-1]) < _BROKEN or " | " in made[-1] + one or _BEGINS.match(one)
        if apart or made[-1].endswith((":", "  ")):
            made.append(one)
        else:
            made[-1] += f" {one.strip()}"
    return made


def live(entries: Sequence[tuple[Entry, str]], now: float, width: int, most: int) -> list[Line]:
    """The panels that a procedure is about: a title and a few lines of each, in at most so many lines."""
    made: list[Line] = []
    each = max(1, most // max(1, len(entries)))
    for entry, row in entries:
        lines: list[Line] = []
        head: list[Part] = [Span(f"{entry.panel.title} ", Tone.TITLE), strong(entry.name), "  "]
        if shows_values(entry.slot, now):
            head += [part for one in entry.headline() for part in (one, "  ")]
            brief = sorted(entry.brief(width - 2), key=lambda one: (not row or one.key != row, -(one.severity or 0)))
            lines = [Line((Span("  "), *one.spans)) for one in brief]
            lines += gap_lines(entry)
        lines = [*state_lines(entry.slot, now, named=False), *lines]
        made += [line(*head, *age_parts([entry], now)), *(Line(one.spans) for one in lines)][:each]
    return made[:most]


# the file


@dataclass(frozen=True, slots=True)
class Listed:
    """A procedure of a runbook in its outline."""

    key: str
    procedure: Procedure
    past: Past


def outline(
    book: Runbook, listed: Sequence[Listed], now: datetime, width: int, trouble: str = "", indent: bool = True
) -> list[Line]:
    """A runbook's chapters and procedures. `indent`: under their chapters, as they stand in the file."""
    count = words.plural(len(book.procedures), "procedure")
    repairs = f", {words.plural(len(book.repairs), 'repair')}" if book.repairs else ""
    said = f"{count}{repairs}, {book.sha256[:8]}"
    name = str(SafeText(book.title or book.path, _TITLE))
    made = [line(strong(shortened(name, max(10, width - len(said) - 3))), "  ", dim(said))]
    if trouble:
        made += folded(
            line("  ", Span(str(SafeText(f"as it was read before: {trouble}", _LINE)), Tone.WARNING)), width, 2
        )
    above: tuple[str, ...] = ()
    for one in listed:
        path = one.procedure.path
        path = path[1:] if path[:1] == (book.title,) else path  # it stands above all of them already
        if indent and path != above:
            shared = next(
                (n for n, (a, b) in enumerate(zip(path, above, strict=False)) if a != b), min(len(path), len(above))
            )
            for depth, chapter in enumerate(path[shared:], shared):
                made.append(line(" " * min(depth, 6), fit(Span(str(SafeText(chapter, _TITLE)), Tone.TITLE), width - 8)))
            above = path
        made.append(_listed(one, now, width, min(len(path), 5) + 1 if indent else 1))
    return made


def _listed(one: Listed, now: datetime, width: int, indent: int) -> Line:
    procedure = one.procedure
    worst = max((_danger(step) for step in procedure.steps), default=Danger.READ)
    shape, tone = DANGER[worst]
    count = len(list(procedure.steps))
    size = "menu" if procedure.menu else words.plural(count, "step")
    word = shape if width >= 100 else shape[:1]
    last = went(one.past, now) if width >= 70 else ("OPEN" if one.past.open else "")
    loud = bool(one.past.open)
    tail = (14 if width >= 100 else 1) + 1
    last_room = (34 if width >= 100 else 26) if width >= 70 else 4
    room = max(8, width - indent - 9 - tail - last_room - 3)
    name = fit(str(SafeText(procedure.title, _TITLE)), room)
    return line(
        " " * indent, name, " ", fit(dim(size), 9), " ", fit(Span(word, tone), tail), " ",
        fit(Span(last, Tone.NOTICE) if loud else dim(last), last_room), key=one.key,
    )  # fmt: skip


def went(past: Past, now: datetime) -> str:
    """How it went before, in a few words."""
    last = past.last
    if last is None:
        return "never run"
    if past.open:
        run = past.open[0]
        return f"OPEN: {run.settled_count} of {len(run.steps)}, {run.holder}"
    assert last.ended is not None
    ago = words.age(max(0.0, (now - last.ended.at).total_seconds()))
    return f"{last.ended.end.value} {ago} ago, {last.ended.by}"


def history(past: Past, now: datetime, width: int) -> list[Line]:
    """How often a procedure was run, how long it took, how it ended, and each run."""
    if not past.times:
        return [line(dim("it was never run from here"))]
    ends = ", ".join(f"{count} {end.value}" for end, count in past.ends.items())
    took = f"; half of the solved ones took {words.span(past.median)} at most" if past.median is not None else ""
    made = [
        *folded(line(f"run {words.plural(past.times, 'time')}: {ends or 'none has ended'}{took}"), width, 2),
        line(),
    ]
    for run in past.runs[:200]:
        state = run.ended.end.value if run.ended is not None else "OPEN"
        took = f"  {words.span(run.seconds)}" if run.seconds is not None else ""
        said = f"  {SafeText(run.ended.words, _LINE)}" if run.ended is not None and run.ended.words else ""
        people = ", ".join(run.people)
        at = dim(f"{run.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC  ")
        rev = dim(f"  {run.about.sha256[:8]}")
        made += folded(line(at, strong(state), took, "  ", SafeText(people, 200), said, rev, key=run.id), width, 22)
    return made
