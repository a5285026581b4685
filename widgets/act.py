"""An act, drawn: what would be done, then how it goes. Pure functions of what the desk knows; nothing is ever cut off.

One form for all kinds: where, what exactly with its identity, from what to what, who feels it, the command a person
would have typed, how to take it back, and how fresh the look is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from rich.cells import cell_len

from desk import words
from desk.deed import Deed, Stage, Step
from desk.guard import Needs, Setting, alike
from desk.requirements import Finding, needed
from probes.base import Danger, Plan, Result, SafeText, Subject, Truth
from widgets.draw.marks import Sign
from widgets.folding import folded
from widgets.lines import Line, Part, Span, Tone, dim, line, shortened, strong

LEAST: Final = (56, 12)
"""Columns and rows a terminal must have for an act: it is never shown cut."""

_NAME: Final = 12
"""Cells that are left of a name or a word at least, where it must be cut."""

_THING: Final = "thing"
"""What a subject is called whose act has no noun for it."""

_LABEL: Final = 9
"""Cells for the word at the start of a line."""

_TOLD: Final = 3
"""Names that are told of a deed in one line."""

_EPOCH: Final = re.compile(r"\d{9,10}")
_STAMP: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d{1,9})?(?:Z|\+00:?00)")
"""A moment in UTC as machines write it."""

_DANGERS: Final = {
    Danger.READ: Span("changes nothing", Tone.GOOD),
    Danger.REVERSIBLE: Span("can be taken back", Tone.NOTICE),
    Danger.DISRUPTIVE: Span("DISRUPTIVE", Tone.WARNING),
    Danger.DESTRUCTIVE: Span("DESTRUCTIVE", Tone.CRITICAL),
}

_FINE = Span(Sign.FINE.value, Tone.GOOD)
_BAD = Span(Sign.CRITICAL.value, Tone.CRITICAL)
_ODD = Span(Sign.UNKNOWN.value, Tone.WARNING)
_TRUTHS: Final = {
    Truth.CONFIRMED: (_FINE, Tone.GOOD),
    Truth.PENDING: (Span("…", Tone.NOTICE), Tone.NOTICE),
    Truth.REFUTED: (_BAD, Tone.CRITICAL),
    Truth.UNKNOWN: (_ODD, Tone.WARNING),
}


@dataclass(frozen=True, slots=True)
class Button:
    """Something that can be chosen or typed into."""

    name: str
    text: str
    live: float = 1.0
    """Share of the waiting time that has passed; it does something only at 1."""


def plan_lines(
    plan: Plan,
    setting: Setting,
    needs: Needs,
    age: float,
    width: int,
    focus: str = "",
    reason: str = "",
    found: Sequence[Finding] = (),
    refused: str = "",
    warning: str = "",
    served: Sequence[str] = (),
) -> list[Line]:
    """What would be done, whole. `reason`: the one that is given already; `found`: how what it requires stands;
    `served`: what lives by these rows, as it is now.

    `refused`: why it can't be done, whoever confirms it; then that comes first, and nothing is asked for. `warning`:
    what else a person must read before the rest.
    """
    first: list[Line] = []
    if refused:
        first += folded(line("  ", _BAD, " ", Span(f"it can't be done: {refused}", Tone.CRITICAL)), width, 4)
    elif not plan.chosen:
        first.append(line("  ", _ODD, " ", Span("nothing would be done: all is left out", Tone.WARNING)))
    first += folded(line("  ", Span(warning, Tone.WARNING)), width, 2) if warning else []
    made = headed(aim(plan), _DANGERS[max(plan.danger, plan.action.danger)], width, first)
    made += _labelled("where", _place(plan, setting), width)
    for number, subject in enumerate(plan.chosen):
        made += _subject(subject, "what" if number == 0 else "", width)
    for group in spared(plan):
        made += _left_out(group, width, focus, not refused)
    for number, felt in enumerate(plan.felt):
        made += _labelled("felt" if number == 0 else "", [str(felt)], width)
    for number, one in enumerate(served):
        made += _labelled("serves" if number == 0 else "", [str(SafeText(one, 300))], width)
    for number, command in enumerate(plan.command):
        made += _labelled("command" if number == 0 else "", [Span(str(SafeText(command)), Tone.STRONG)], width)
    made += _required(plan, setting, found, width)
    if plan.request.hidden and plan.action.hidden:
        made += _labelled("typed", [_typed_unseen(plan)], width)
    made += _labelled("undo", [_undo(plan)], width)
    for number, note in enumerate(plan.notes):
        made += _labelled("note" if number == 0 else "", [str(note)], width)
    for one, two in alike(plan):
        made += _labelled("beware", [Span(f"{one!a} and {two!a} only look alike", Tone.CRITICAL)], width)
    if needs.reason and reason:
        made += _labelled("reason", [reason], width)
    takes = ["a reason" if needs.reason and not reason else "", "the name typed" if needs.typed else ""]
    takes += ["a second person" if needs.second else ""]
    asked = ", ".join(one for one in takes if one)
    wanted = f"; takes {asked}" if asked and plan.chosen and not refused else ""
    looked = f"looked at {words.age(max(0.0, age))} ago{wanted}"
    made += _labelled("", [dim(looked)], width)
    return made


def _required(plan: Plan, setting: Setting, found: Sequence[Finding], width: int) -> list[Line]:
    """What it requires, each with how it is now; what nobody looked at is not met."""
    made: list[Line] = []
    there = {one.requirement: one for one in found}
    for number, one in enumerate(plan.requires):
        finding = there.get(one)
        sign = _ODD if finding is None else _FINE if finding.met else _BAD
        said: Part = "it is not known here" if finding is None else finding.said
        value = Span(str(said), Tone.PLAIN if finding is not None and finding.met else Tone.CRITICAL)
        made += _labelled("needs" if number == 0 else "", [sign, " ", f"{needed(one)}: ", value], width)
    if plan.not_in_production:
        tone = Tone.CRITICAL if setting.production else Tone.DIM
        sign = _BAD if setting.production else _FINE
        made += _labelled("", [sign, " ", Span(f"never in production: {plan.not_in_production}", tone)], width)
    return made


def _typed_unseen(plan: Plan) -> str:
    """How long each secret is that was typed: one that was cut short is seen by that."""
    request = plan.request
    parts = [part.strip() for part in request.word.split(",")] if plan.action.word is not None else request.subjects
    names = parts if len(parts) == len(plan.request.hidden) else [""] * len(plan.request.hidden)
    lengths = [words.plural(len(one.reveal()), "character") for one in plan.request.hidden]
    return ", ".join(
        f"{SafeText(name, 60)}: {length}" if name else length for name, length in zip(names, lengths, strict=True)
    )


def headed(what: str, how: Span, width: int, first: Sequence[Line] = ()) -> list[Line]:
    """The first lines of an act: what it is about, whole, and how that is or went, `first` below; then an empty one."""
    return [*folded(line(" ", strong(what), "   ", how), width, 3), *first, line()]


def told(deed: Deed) -> str:
    """A deed in one line, for who is elsewhere."""
    result = deed.result
    names = ", ".join(str(step.subject.name) for step in deed.steps[:_TOLD])
    if more := len(deed.steps[_TOLD:]):
        names += f" and {more} more"
    word = "under way" if result is None else result.value
    said = deed.refused or _proof(deed)
    return f"{deed.plan.action.title} {names}: {word}" + (f" ({said})" if said else "")


def _proof(deed: Deed) -> str:
    """What the first of those says that are not well, by its name where there are others; else what the first says."""
    seen = [(step, str(step.verdict.words)) for step in deed.steps if step.verdict is not None]
    for step, said in seen:
        if not step.well and len(deed.steps) > 1 and deed.over:
            return f"{step.subject.name}: {said}"
    return seen[0][1] if seen else ""


def aim(plan: Plan, width: int = 0) -> str:
    """What would be done to what, in a few words.

    In at most `width` cells the name is cut in its middle, then the word: the act and the number stay. 0: as long as
    it is.
    """
    (title, name), word, number = _aimed(plan), _word(plan), _number(plan)
    over = cell_len(" ".join(filter(None, (title, name, word, number)))) - width if width else 0
    if over > 0:
        short = shortened(name, max(_NAME, cell_len(name) - over))
        over -= cell_len(name) - cell_len(short)
        name, word = short, shortened(word, max(_NAME, cell_len(word) - over)) if over > 0 else word
    said = " ".join(filter(None, (title, name, word, number)))
    return shortened(said, width) if width else said


def _aimed(plan: Plan) -> tuple[str, str]:
    """(what is done, what it is done to: the one thing, or how many)."""
    title, asked = plan.action.title, plan.request.subjects
    if len(plan.subjects) == 1:
        return title, str(plan.subjects[0].name)
    count, noun = len(plan.chosen), plan.action.noun or _THING
    many, wanted = words.counted(f"{count:,}", noun), plan.action.number
    if len(asked) != 1:
        return _several(title, count, noun, bool(_number(plan)))
    named = str(SafeText(asked[0], 80))
    counts = wanted is not None and wanted.what == words.several(noun)  # the number says already how many
    return title, named if count == 1 or counts else f"{named}, {many}"


def _several(title: str, count: int, noun: str, numbered: bool) -> tuple[str, str]:
    """(what is done, to how many): the title's own noun is counted, and others follow it.

    >>> _several("end session", 3, "session", False), _several("end the silence", 2, "silence", False)
    (('end', '3 sessions'), ('end', '2 silences'))
    >>> _several("restart", 3, "process", False), _several("delete old backups", 3, "backup", False)
    (('restart', '3 processes'), ('delete old backups,', '3 of them'))
    >>> _several("silence", 2, "alert", True), _several("set retention", 2, "log group", True)
    (('silence', '2 alerts'), ('set retention,', '2 log groups,'))
    """
    many = words.counted(f"{count:,}", noun)
    if title.endswith(f" {noun}"):
        return title.removesuffix(noun).rstrip().removesuffix(" the").removesuffix(" a"), many
    if title.endswith(f" {words.several(noun)}"):
        return f"{title},", f"{count:,} of them"
    return (f"{title},", f"{many}," if numbered else many) if " " in title else (title, many)


def _word(plan: Plan) -> str:
    """The word that was asked for, and what it is, without the example that stands where it is asked for."""
    wanted = plan.action.word
    if wanted is None or not plan.request.word:
        return ""
    return f"({wanted.what.partition(', such as ')[0]} {SafeText(plan.request.word, 200)})"


def _number(plan: Plan) -> str:
    """The number that was asked for, with its unit, as one says it."""
    number, wanted = plan.request.number, plan.action.number
    if number is None or wanted is None:
        return ""
    lead = "for" if wanted.what in ("minutes", "hours") else "at" if " per " in wanted.what else "to"
    said = f"{number} {wanted.what}"
    return f"({said})" if wanted.what.endswith(" to keep") else f"{lead} {said}"


def _place(plan: Plan, setting: Setting) -> list[Part]:
    environment = setting.environment or "no environment named"
    word = Span(f"▌{environment.upper()}▐", Tone.CRITICAL) if setting.production else Span(environment, Tone.NOTICE)
    return [setting.system, " ", word, "  ", strong(plan.target), dim(f" ({plan.kind})"), "  ", str(plan.place)]


def spared(plan: Plan) -> list[tuple[Subject, ...]]:
    """What would be left out, those of one reason together."""
    groups: dict[tuple[str, bool], list[Subject]] = {}
    for subject in plan.subjects:
        if subject.spared:
            groups.setdefault((str(subject.spared), subject.barred), []).append(subject)
    return [tuple(group) for group in groups.values()]


def _left_out(group: Sequence[Subject], width: int, focus: str, asking: bool) -> list[Line]:
    first = group[0]
    mark = Span("▸", Tone.TITLE) if focus == f"spared:{first.key}" else " "
    names = ", ".join(str(subject.name) for subject in group)
    how = "" if first.barred or not asking else "; Space takes it in" if len(group) == 1 else "; Space takes them in"
    return _labelled("left out", [mark, dim(f"{names}: {first.spared}{how}")], width)


def _subject(subject: Subject, label: str, width: int) -> list[Line]:
    change: list[Part] = [strong(subject.name), "  ", str(subject.before), dim(" → "), str(subject.after)]
    made = _labelled(label, [*change, *((Span("  taken in", Tone.WARNING),) if subject.taken_in else ())], width)
    told = "  ".join(f"{name} {SafeText(_moment(name, value))}" for name, value in subject.identity)
    made += _labelled("", [dim(told)], width)
    for felt in subject.felt:
        made += _labelled("", [str(felt)], width)
    return made


def _moment(name: str, value: str) -> str:
    """A part of an identity with its time as a person reads it.

    >>> _moment("key", "dumps/2026-03-01T03:00:00Z.sql")
    'dumps/2026-03-01T03:00:00Z.sql'
    >>> _moment("created", "2026-11-22T14:18:40.242460+00:00"), _moment("started", "1795357118"), _moment("pid", "42")
    ('2026-11-22 14:18:40 UTC', '2026-11-22 14:18:38 UTC', '42')
    """
    if name == "started" and _EPOCH.fullmatch(value):
        return f"{datetime.fromtimestamp(int(value), UTC):%Y-%m-%d %H:%M:%S} UTC"
    found = _STAMP.fullmatch(value)  # one inside a name is part of the name
    return f"{found[1]} {found[2]} UTC" if found is not None else value


def _labelled(label: str, parts: Sequence[Part], width: int) -> list[Line]:
    lead = line(" ", dim(f"{label:<{_LABEL}}"), *parts)
    return folded(lead, width, _LABEL + 1)


BESIDE: Final = 12
"""Cells that a button takes beside its words, when it stands alone on its line."""


def button_lines(buttons: Sequence[Button], focus: str, width: int) -> list[Line]:
    """What can be chosen, side by side where there is room for the words, else one below the other.

    The chosen one is told by its shape, and one that waits shows how long.
    """
    faces = [_face(button, button.name == focus) for button in buttons]
    cells = 1 + sum(cell_len(button.text) + BESIDE - 1 for button in buttons)
    if cells <= width or len(faces) == 1:
        return [line(" ", *(part for face in faces for part in (face, "  ")))]
    return [line(" ", face) for face in faces]


def _face(button: Button, here: bool) -> Span:
    filled = round(button.live * 4)
    waiting = "" if button.live >= 1 else " " + "█" * filled + "░" * (4 - filled)
    face = f"▸[ {button.text}{waiting} ]" if here else f" [ {button.text}{waiting} ]"
    return Span(face, Tone.DIM if button.live < 1 else Tone.TITLE if here else Tone.PLAIN)


def field_lines(label: str, typed: str, here: bool, width: int, wanted: str = "") -> list[Line]:
    """A line to type into; what is too long for it goes on below."""
    mark = "▸" if here else " "
    cursor = "_" if here else ""
    state: Part = Span("  ok", Tone.GOOD) if wanted and typed == wanted else ""
    parts = (Span(mark, Tone.TITLE), dim(f"{label}: "), strong(str(SafeText(typed, 200))), dim(cursor), state)
    return folded(line(" ", *parts), width, 3)


def deed_lines(deed: Deed, now: float, width: int) -> list[Line]:
    """How it goes: asked, answered and true are three different things."""
    made = headed(aim(deed.plan), _whole(deed), width)
    if deed.refused:
        return made + folded(line("  ", _BAD, "  ", deed.refused), width, 5)
    for step in deed.steps:
        made += _step(deed, step, now, width)
    if deed.unlocked:
        made += folded(line("  ", _ODD, "  ", deed.unlocked), width, 5)
    if deed.unrecorded:
        made += folded(line("  ", _ODD, "  not everything could be recorded: ", deed.unrecorded), width, 5)
    return made


def _whole(deed: Deed) -> Span:
    result = deed.result
    if result is None:
        done = sum(step.stage in (Stage.SETTLED, Stage.LEFT) for step in deed.steps)
        return Span(f"{done} of {len(deed.steps)} settled" if len(deed.steps) > 1 else "under way", Tone.NOTICE)
    if isinstance(result, Truth):
        return Span(result.value, _TRUTHS[result][1])
    return Span(result.value.upper(), Tone.WARNING if result is Result.PARTIAL else Tone.CRITICAL)


def _undo(plan: Plan) -> Part:
    if plan.undo:
        return str(plan.undo)
    danger = max(plan.danger, plan.action.danger)
    if danger is Danger.READ:
        return dim("there is nothing to take back")
    if danger is Danger.REVERSIBLE:
        return "how to take it back is not said"
    return Span("it can't be taken back", Tone.WARNING)


def _step(deed: Deed, step: Step, now: float, width: int) -> list[Line]:
    sign, said = _state(step)
    took = ""
    if step.asked is not None:
        took = f"  asked {words.age(now - step.asked)} ago"
        took = took if step.settled is None else f"  {words.span(step.settled - step.asked)} after it was asked"
    made = folded(line("  ", sign, "  ", strong(step.subject.name), "  ", *said, dim(took)), width, 5)
    if step.outcome is not None and step.outcome.words:
        made += folded(line("     ", dim(f"answer: {step.outcome.result.value}, {step.outcome.words}")), width, 5)
    if step.stage is Stage.VERIFYING and step.answered is not None:
        waited = max(0.0, now - step.answered)
        share = step.verdict.share if step.verdict is not None and step.verdict.share is not None else None
        bar = _bar(share if share is not None else min(1.0, waited / deed.plan.settles))
        most = words.age(deed.plan.settles)
        made.append(line("     ", bar, dim(f"  looking for {words.age(waited)} of {most} at most")))
    return made


def _state(step: Step) -> tuple[Span, list[Part]]:
    if step.stage is Stage.WAITING:
        return dim("·"), [dim("waits for its turn")]
    if step.stage is Stage.LEFT:
        return dim("·"), [dim("left as it was")]
    if step.stage is Stage.SENDING:
        return Span("…", Tone.NOTICE), ["asking"]
    if step.verdict is not None:
        sign, tone = _TRUTHS[step.verdict.truth]
        word = "NOT YET TRUE" if step.verdict.truth is Truth.PENDING and step.stage is Stage.SETTLED else None
        return sign, [Span(word or step.verdict.truth.value, tone), "  ", str(step.verdict.words)]
    if step.outcome is not None and step.outcome.result in (Result.REFUSED, Result.FAILED):
        return _BAD, [Span(step.outcome.result.value.upper(), Tone.CRITICAL)]
    return Span("…", Tone.NOTICE), ["answered; looking whether it is true"]


def _bar(share: float) -> Span:
    filled = round(max(0.0, min(1.0, share)) * 20)
    return Span("█" * filled + "░" * (20 - filled), Tone.CHART)
