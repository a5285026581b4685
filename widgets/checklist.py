"""Checklists, drawn: which there are and how they stand, and one of them with a line for each box."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from desk import words
from desk.checklist.book import Note, Past, Run, SignOff
from desk.checklist.judge import Verdict
from desk.checklist.paper import Item, Looked, local
from desk.checklist.record import What
from desk.checklist.schedule import zone_of
from desk.checklist.standing import Standing, State
from widgets.folding import folded
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, shortened, strong, width_of

BESIDE: Final = 140
"""Columns from which the detail stands beside the list."""

_SHAPES: Final = {
    "good": Span("●", Tone.GOOD), "amber": Span("▲", Tone.WARNING), "bad": Span("✕", Tone.CRITICAL),
    "unknown": Span("?", Tone.WARNING), "not done": Span("–", Tone.STRONG), "done": Span("✓", Tone.GOOD),
    "skipped": Span("»", Tone.DIM),
}  # fmt: skip
"""The shape of each word; a state is told by both, and never by a colour alone."""

_STATES: Final = {
    State.MISSED: Span("✕", Tone.CRITICAL), State.DUE: Span("▲", Tone.WARNING), State.DONE: Span("✓", Tone.GOOD),
    State.COMING: Span("–", Tone.DIM), State.FREE: Span("–", Tone.DIM),
}  # fmt: skip

EMPTY: Final = """There is no checklist yet. One is written into the profile like this:

[[checklist]]
name = "morning"
schedule = "daily 09:00"
zone = "Europe/Berlin"

[[checklist.box]]
say = "Disks have room"
check = "host.disk_used_ratio < 80%"

[[checklist.box]]
say = "Somebody read the night's mail"
manual = true

Or name the runbook, runbook = "RUNBOOK.md": its boxes are read from there."""

LEGEND: Final = """● good  ▲ amber, between two limits  ✕ bad  ? unknown: it can't be seen, and is never taken for good.
– not done: a person has to look and sign.  ✓ done  » skipped, with its reason.
Boxes that a reading answers are looked at again while this is open; their values are kept when it is signed off.
“before” is the last run that was signed off, or the last on the same day of the week where the box says so.
What is signed is seen by every session on this system. It changes nothing in the system itself."""


def empty(width: int) -> list[Line]:
    """How a checklist is made."""
    return [part for text in EMPTY.splitlines() for part in folded(line(dim(text)), width, 0)]


# which there are


def titled(found: Sequence[Standing], trouble: str, width: int) -> Line:
    """How many there are, and how they stand."""
    parts: list[Part] = [" ", strong("Checklists")]
    for state, tone in ((State.MISSED, Tone.CRITICAL), (State.DUE, Tone.WARNING), (State.DONE, Tone.GOOD)):
        number = sum(one.state is state for one in found)
        if number:
            parts += ["  ", Span(f"{number} {state.value}", tone)]
    if trouble:
        parts += ["  ", Span(trouble, Tone.WARNING)]
    made = line(*parts)
    return made if width_of(made.spans) <= width else line(fit(made.text, width))


def standings(found: Sequence[Standing], at: datetime, width: int) -> list[Line]:
    """A line for each checklist."""
    longest = max((len(one.checklist.title) for one in found), default=0)
    name = min(28, longest, width - 54) if width >= 76 else 18
    return [_standing(one, at, name, width) for one in found]


def _standing(one: Standing, at: datetime, name: int, width: int) -> Line:
    run = one.run
    parts: list[Part] = [" ", _STATES[one.state], " ", fit(strong(one.checklist.title), name), "  "]
    parts.append(fit(_word(one, at), 34 if width >= 100 else min(25, width - 23)))
    if width >= 72:
        parts += ["  ", fit(dim(_next(one, at)), 22)]
    if width >= 110:
        last = one.previous if run is None or run.done is None else run
        parts += ["  ", fit(dim(_last(last, one)), max(10, width - name - 68))]
    return line(*parts, key=one.checklist.name)


def _word(one: Standing, at: datetime) -> Span:
    run = one.run
    if one.state is State.DONE and run is not None and run.done is not None:
        late = " late" if one.over is not None and run.done > one.over else ""
        return Span(f"done{late} {_clock(run.done, one.checklist.zone)} by {run.by}", Tone.GOOD)
    if one.state is State.DUE and one.over is not None:
        left = words.span(max(0.0, (one.over - at).total_seconds()))
        begun = ", begun" if run is not None and run.begun else ""
        return Span(f"due, {left} left{begun}", Tone.WARNING)
    if one.state is State.MISSED:
        return Span(f"MISSED, was due {_clock(one.due, one.checklist.zone)}", Tone.CRITICAL)
    return dim(one.state.value)


def _next(one: Standing, at: datetime) -> str:
    if one.next is None:
        return ""
    away = (one.next - at).total_seconds()
    here = one.next.astimezone(zone_of(one.checklist.zone))
    return f"next {here:%H:%M %Z}" if away < 86400 else f"next {here:%a %d %b %H:%M}"


def _last(run: Run | None, one: Standing) -> str:
    if run is None or run.done is None:
        return "never done yet"
    handed = f": {run.handed}" if run.handed else ""
    return f"last {local(run.done, one.checklist.zone)} by {run.by}{handed}"


def _clock(at: datetime, zone: str) -> str:
    return f"{at.astimezone(zone_of(zone)):%H:%M}"


def history(found: Sequence[Past], zone: str, width: int) -> list[Line]:
    """What became of each run, the newest first."""
    if not found:
        return [line(dim("no run is known yet"))]
    made: list[Line] = []
    for past in found:
        when = f"{local(past.due, zone)}"
        run = past.run
        if past.missed:
            begun = ", begun but not signed off" if run is not None and run.begun else ""
            made.append(line(Span("✕", Tone.CRITICAL), f" {when}  ", Span(f"MISSED{begun}", Tone.CRITICAL)))
        elif run is not None and run.done is not None:
            bad = sum(one.verdict in (Verdict.BAD, Verdict.UNKNOWN) for one in run.evidence.values())
            well = f"  {bad} not good" if bad else ""
            made.append(line(Span("✓", Tone.GOOD), f" {when}  done {local(run.done, zone)} by {run.by}", dim(well)))
            if run.handed:
                made += folded(line(dim(f"    handed over: {run.handed}")), width, 4)
        elif run is not None:
            made.append(line(dim("–"), f" {when}  ", dim("begun")))
    return made


# one of them


def head(looked: Looked, standing: Standing, at: datetime, width: int, trouble: str = "") -> Line:
    """Its name, what is wrong with it, when it is or was due, and how many boxes have which word."""
    parts: list[Part] = [" ", strong(looked.checklist.title), "  "]
    if trouble:
        parts = [" ", Span(trouble, Tone.CRITICAL), "  ", *parts[1:]]
    parts.append(_word(standing, at))
    for word, shape in _SHAPES.items():
        if number := looked.count(word):
            parts += ["  ", shape, f" {number}", dim(f" {word}") if width >= 100 else ""]
    made = line(*parts)
    return made if width_of(made.spans) <= width else line(fit(made.text, width))


def boxes(looked: Looked, width: int) -> list[Line]:
    """A line for each box: shape and word, what is asked, the value, how it changed, who signed."""
    value = 22 if width >= 100 else 17 if width >= 76 else 12
    before = 16 if width >= 116 and any(one.before is not None for one in looked.items) else 0
    change = max((min(10, len(one.change)) for one in looked.items), default=0) if width >= 76 else 0
    most = 12 if width >= 90 else 8 if width >= 70 else 0
    who = max((min(most, len(one.mark.by)) for one in looked.items if one.mark is not None), default=0)
    gaps = sum(bool(one) for one in (value, before, change, who))
    say = max(8, width - 13 - value - before - change - who - gaps)
    return [_box(one, say, value, before, change, who) for one in looked.items]


def _box(one: Item, say: int, value: int, before: int, change: int, who: int) -> Line:
    quiet = one.word in ("done", "skipped", "good")
    tone = _SHAPES[one.word].tone
    parts: list[Part] = [
        " ", _SHAPES[one.word], " ", Span(f"{one.word:<9}", tone if tone is not Tone.DIM else Tone.DIM), " ",
        fit(one.box.say if quiet else strong(one.box.say), say), " ",
        fit(one.said or ("–" if one.box.by_itself else ""), value),
    ]  # fmt: skip
    if before:
        told = one.before.words or one.before.verdict.value if one.before is not None else ""
        parts += [" ", fit(dim(told), before)]
    if change:
        parts += [" ", fit(dim(one.change), change, right=True)]
    if who:
        parts += [" ", fit(dim(one.mark.by if one.mark is not None else ""), who)]
    return line(*parts, key=one.box.key)


def about(one: Item, run: Run | None, zone: str, width: int, at: datetime) -> list[Line]:
    """Everything about the box under the cursor at a moment, the most needed first."""
    made = folded(line(_SHAPES[one.word], " ", strong(one.box.say)), width, 2)
    for name, parts in _facts(one, run, zone, at):
        made += folded(line(dim(f"{name:<10}"), *parts), width, 10)
    return made


def _facts(one: Item, run: Run | None, zone: str, at: datetime) -> list[tuple[str, list[Part]]]:
    box = one.box
    pairs: list[tuple[str, list[Part]]] = []
    if one.said and one.word != "skipped":
        name, ago = "then" if one.word == "done" else "now", one.age(at)
        pairs.append((name, [strong(one.said), dim(f"  {words.age(ago)} ago" if ago is not None else "")]))
    if one.before is not None and one.before_at is not None:
        change = f"  {one.change}" if one.change else ""
        told = one.before.words or one.before.verdict.value
        pairs.append(("before", [told, dim(f"  {local(one.before_at, zone)}"), change]))
    if box.test is not None:
        pairs.append(("answered", [_limits(one)]))
    elif box.reading:
        pairs.append(("answered", [f"{box.reading} has no alert"]))
    if one.mark is not None:
        word = "skipped" if one.mark.what is What.SKIPPED else "signed"
        reason = f": {one.mark.note}" if one.mark.note else ""
        pairs.append((word, [f"by {one.mark.by} {local(one.mark.at, zone)}{reason}"]))
    elif not box.by_itself:
        wanted = f", with a {box.asked.value}" if box.asked.value else ""
        pairs.append(("asked", [f"a person looks and signs{wanted}"]))
    for note in notes_of(run, box.key)[-3:]:
        pairs.append(("note", [f"{note.text}", dim(f"  {note.by} {_clock(note.at, zone)}")]))
    for name, text, key in (
        ("procedure", box.procedure, "p"), ("act at", box.action, "o"), ("look at", box.see, "o"),
        ("link", box.link, "p"),
    ):  # fmt: skip
        if text:
            pairs.append((name, [text, dim(f"  {key}")]))
    if box.command:
        pairs.append(("runbook", [shortened(box.command.replace("\n", " ⏎ "), 200)]))
    pairs.append(("written", [dim(box.origin)]))
    return pairs


def _limits(one: Item) -> str:
    test, unit = one.box.test, one.judged.unit
    assert test is not None
    parts = [
        f"{word} {limit.op} {words.amount(limit.value, unit)}"
        for word, limit in (("good", test.good), ("amber", test.warn), ("bad", test.critical))
        if limit is not None
    ]
    return f"{test.of}{': ' if parts else ''}{', '.join(parts)}"


def notes_of(run: Run | None, box: str) -> list[Note]:
    """The notes about a box; with an empty key those about the whole."""
    return [note for note in run.notes if note.box == box] if run is not None else []


def tail(run: Run | None, handed: tuple[str, SignOff] | None, zone: str, width: int) -> list[Line]:
    """What stands below the boxes: what was handed over, notes about the whole, and who signed it off.

    `handed`: (title of its checklist, the sign-off) with the last word of who was here before.
    """
    made: list[Line] = []
    if handed is not None:
        title, off = handed
        said = line(dim(" handed over "), off.note, dim(f"  {off.by} {local(off.at, zone)}, {title}"))
        made += folded(said, width, 4)
    for note in notes_of(run, ""):
        made += folded(line(dim(" note "), note.text, dim(f"  {note.by} {_clock(note.at, zone)}")), width, 4)
    for off in run.offs if run is not None else ():
        word = f": {off.note}" if off.note else ""
        said = line(" ", Span("✓", Tone.GOOD), f" signed off by {off.by} {_clock(off.at, zone)}{word}")
        made += folded(said, width, 4)
    return [line(), *made] if made else []
