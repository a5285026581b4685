"""An incident, drawn: the line on every screen, its head, what is due, its timeline, whom to call, what is to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from desk import words
from desk.incident.incident import Incident, Item
from desk.incident.record import Role, Stage
from desk.incident.scheme import Contact, Level, Scheme
from desk.incident.timeline import Entry, Source
from desk.incident.timers import Kind, Step, Timer, Turn
from probes.base import SafeText
from widgets.folding import folded
from widgets.lines import Line, Part, Span, Tone, dim, fit, joined, line, shortened, strong, width_of
from widgets.overview import cut

BESIDE: Final = 130
"""Columns from which whom to call and what is left to do stand beside the timeline."""

LINES: Final = 3
"""Lines that an entry of the timeline takes at most; the rest is in its details."""

_NAME: Final = 60
_LONG: Final = 400
_SHORT: Final = 24
"""Cells of a person's name."""

_TONES: Final = (Tone.CRITICAL, Tone.WARNING)
"""Of the worst severity and the next; the others are notices."""

_SOON: Final = 300.0
"""Seconds before which what is due is a warning."""

_NOW: Final = 60.0
"""Seconds for which a call that is due is not overdue yet."""

_SAID: Final = {
    Kind.RESPOND: "respond", Kind.ESCALATE: "call", Kind.TELL: "tell",
    Kind.INTERNAL: "tell our people", Kind.PUBLIC: "tell customers", Kind.ETA: "expected end",
    Kind.WATCH: "watched", Kind.MEETING: "set a day for the post-mortem", Kind.POST_MORTEM: "post-mortem",
    Kind.ITEM: "action item",
}  # fmt: skip

_SIGNS: Final = {
    Source.INCIDENT: Span("■", Tone.TITLE), Source.ALERT: Span("▲", Tone.WARNING), Source.ACT: Span("►", Tone.KEY),
    Source.STEP: Span("·", Tone.KEY), Source.APPROVAL: Span("‡", Tone.NOTICE), Source.MESSAGE: Span("»", Tone.NOTICE),
    Source.NOTE: Span("“", Tone.STRONG), Source.REACTION: Span("+", Tone.DIM),
}  # fmt: skip

_ALERTS: Final = {"critical": Span("✕", Tone.CRITICAL), "notice": Span("◆", Tone.NOTICE)}

LEGEND: Final = """■ what people said of it  ✕ ▲ ◆ ● alert, over  ► act  · step of a procedure  ‡ approval
» message  “ note  + reaction, said of an entry in a word.
The newest stands at the foot. The timeline writes itself: it holds everything that happened on this system from a
quarter of an hour before it was noticed until its end, also what belongs to another incident of that time: while it
goes on nobody knows what will turn out to matter. / narrows it down.
Times are UTC. * : by a clock that is behind; it happened after what stands above it.
OVERDUE: the time is over. Of two times, the severity's and the profile's, the stricter counts.
While evidence is kept, acts that would destroy it are refused, and the dialog says which and why."""


def _safe(text: str, most: int = _LONG) -> str:
    return str(SafeText(" ".join(text.split()), most))


def lasted(seconds: float) -> str:
    """How long it goes on: "40 s", "12m", "3h04m".

    >>> lasted(40), lasted(749), lasted(11040), lasted(-3)
    ('40 s', '12m', '3h04m', '0 s')
    """
    whole = max(0, int(seconds))
    return f"{whole // 60}m" if 60 <= whole < 3600 else words.age(whole)


def tone_of(scheme: Scheme, level: str) -> Tone:
    """How a severity looks."""
    rank = scheme.rank(level)
    return _TONES[rank] if rank < len(_TONES) else Tone.NOTICE


def due_words(timer: Timer, now: datetime) -> Span:
    """What is due, and when, in words that need no colour."""
    left = timer.left(now)
    said = _SAID[timer.kind]
    if timer.contact is not None:
        said = f"{said} {_safe(timer.contact.words, 40)}"
    if timer.kind is Kind.WATCH and left <= 0:
        return Span("watched long enough: resolve it", Tone.GOOD)
    when = when_words(timer, now)
    gap = " " if timer.kind is not Kind.WATCH else ", "
    return Span(f"{said}{gap}{when.text}", when.tone)


def when_words(timer: Timer, now: datetime) -> Span:
    """When it is due: "in 12m", "NOW" for who is to be called, "OVERDUE 2m"."""
    left = timer.left(now)
    if timer.kind is Kind.WATCH:
        return Span(f"{lasted(left)} left") if left > 0 else Span("is over", Tone.GOOD)
    if timer.contact is not None and -_NOW < left <= 0:
        return Span("NOW", Tone.CRITICAL)
    if left <= 0:
        return Span(f"OVERDUE {lasted(-left)}", Tone.CRITICAL)
    return Span(f"in {lasted(left)}", Tone.WARNING if left < _SOON else Tone.PLAIN)


def strip(
    incident: Incident, scheme: Scheme, due: Sequence[Timer], others: int, now: datetime, key: str, width: int
) -> Line:
    """The line that every screen has while an incident is open: what it is, how long, what is due next."""
    since = lasted((now - incident.at).total_seconds())
    name = Span(f"▌INCIDENT {_safe(incident.level, 12)}▐", tone_of(scheme, incident.level))
    left: list[Part] = [" ", name, " ", strong(since)]
    if incident.security is not None:
        left += ["  ", Span("EVIDENCE", Tone.WARNING)]
    tail: list[Part] = [dim(f"  +{others} more")] if others else []
    tail += ["  ", Span(key, Tone.KEY), " "]
    right = line(*tail).spans
    room = width - width_of(line(*left).spans) - width_of(right) - 2
    next_due = due_words(due[0], now) if due else dim(incident.stage.value)
    title, told = _safe(incident.title, 120), fit(next_due, min(room, width_of((next_due,))))
    rest = room - width_of((told,)) - 2
    middle: list[Part] = ["  ", told]
    if rest >= 8:
        middle += ["  ", dim(shortened(title, rest))]
    return Line((*cut(line(*left, *middle).spans, width - width_of(right)), *right))


# one of them


def head(incident: Incident, scheme: Scheme, now: datetime, width: int, trouble: str = "") -> list[Line]:
    """What it is, how far it is, who does what."""
    end = incident.resolved or now
    level = Span(f"▌{_safe(incident.level, 12)}▐", tone_of(scheme, incident.level))
    right = line("  ", strong(lasted((end - incident.at).total_seconds())), "  ", dim(incident.short), " ").spans
    stage = Span(stage_words(incident, scheme), _stage_tone(incident))
    room = width - width_of(right)
    title = shortened(_safe(incident.title, 200), max(8, room - width_of((level, stage)) - 6))
    made = [Line((*cut(line(" ", level, " ", strong(title), "  ", stage).spans, room), *right))]
    roles = [part for role in Role for part in _role(incident, role)]
    eta: list[Part] = []
    if incident.eta is not None and incident.open:
        left = (incident.eta - now).total_seconds()
        eta = [dim("   end "), f"{incident.eta:%H:%M}", dim(f" in {lasted(left)}" if left > 0 else " (over)")]
    made.append(_cut(line(" ", *roles, *eta), width))
    if incident.security is not None:
        said = f"EVIDENCE IS KEPT since {_clock(incident.security.at)}: {_safe(incident.security.reason)}"
        made.append(_cut(line(" ", Span(said, Tone.WARNING)), width))
    if trouble:
        made += folded(line(" ", Span(trouble, Tone.CRITICAL)), width, 3)
    return made


def stage_words(incident: Incident, scheme: Scheme) -> str:
    """How far it is."""
    if incident.joined:
        return "joined with another"
    if incident.stage is Stage.DECLARED and incident.acknowledged is not None:
        return "somebody is at it"
    if incident.stage is Stage.MITIGATED and scheme.watching(incident.level) is not None:
        return "mitigated, watched"
    return incident.stage.value


def _stage_tone(incident: Incident) -> Tone:
    if not incident.open:
        return Tone.GOOD
    return Tone.NOTICE if incident.stage is Stage.MITIGATED else Tone.WARNING


def _role(incident: Incident, role: Role) -> tuple[Part, ...]:
    who = incident.roles.get(role, "")
    return (dim(f"{role.value} "), shortened(_safe(who, _NAME), _SHORT) if who else dim("–"), "   ")


def due_lines(due: Sequence[Timer], now: datetime, width: int, rows: int) -> list[Line]:
    """What is due, the first first; of more than there is room for the number."""
    made = []
    for one in due[:rows]:
        over = one.over(now) and one.kind is not Kind.WATCH
        mark = Span("✕", Tone.CRITICAL) if over else dim("·")
        said = "watched long enough: resolve it" if one.kind is Kind.WATCH and one.over(now) else _safe(one.words)
        made.append(line("  ", mark, " ", dim(f"{one.due:%H:%M}"), " ", fit(when_words(one, now), 14), " ", said))
    if len(due) > rows and made:
        more = line(dim(f"  +{len(due) - rows} more"), " ").spans
        made[-1] = Line((*cut(made[-1].spans, width - width_of(more)), *more))
    return [_cut(one, width) for one in made]


def timeline(entries: Sequence[Entry], width: int) -> list[Line]:
    """The timeline, a few lines for each entry, all with its id as their key."""
    made: list[Line] = []
    day = ""
    for one in entries:
        today = f"{one.at.astimezone(UTC):%Y-%m-%d}"
        if day and today != day:
            made.append(line(dim(f" {today}")))
        day = today
        made += _entry(one, width)
    return made


def _entry(entry: Entry, width: int) -> list[Line]:
    tone = Tone.DIM if entry.source is Source.REACTION else Tone.PLAIN
    said: list[Part] = [Span(entry_words(entry), tone)]
    said += [" ", *_verdict(entry)]
    said += [dim(f"  {shortened(_safe(entry.by, _NAME), _SHORT)}")] if entry.by else []
    said += [dim(f"  [{_safe('; '.join(entry.reactions), 80)}]")] if entry.reactions else []
    lead = (" ", dim(_clock(entry.at)), "*" if entry.behind else " ", _sign(entry), " ")
    parts = folded(line(*lead, *said, key=entry.id), width, 12)
    if len(parts) > LINES:
        last = _unpadded(parts[LINES - 1].spans)
        more = (*last, dim(" …")) if width_of(last) <= width - 2 else cut(last, width - 2)  # whose end tells it
        parts = [*parts[: LINES - 1], Line(more)]
    return [Line(one.spans, entry.id) for one in parts]


def _unpadded(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Without the blanks at the end."""
    kept = list(spans)
    while kept and not kept[-1].text.strip():
        kept.pop()
    return (*kept[:-1], Span(kept[-1].text.rstrip(), kept[-1].tone)) if kept else ()


def _sign(entry: Entry) -> Span:
    """The shape of where it comes from; of an alert how bad it is, and that it is over."""
    if entry.source is Source.ALERT:
        first, _, rest = entry.words.partition(" ")
        if rest.startswith("cleared"):
            return Span("●", Tone.GOOD)
        return _ALERTS.get(first, _SIGNS[Source.ALERT])
    return _SIGNS[entry.source]


def entry_words(entry: Entry) -> str:
    """What happened, where, and what that changed."""
    where = f"{_safe(entry.target, _NAME)}: " if entry.target else ""
    change = ""
    if entry.before or entry.after:
        change = f" ({_safe(entry.before, 80) or '?'} → {_safe(entry.after, 80) or '?'})"
    return f"{where}{_safe(entry.words, 1000)}{change}"


def _verdict(entry: Entry) -> tuple[Part, ...]:
    if not entry.verdict:
        return ()
    bad = entry.verdict.casefold() in ("refuted", "bad")
    well = entry.verdict.casefold() in ("confirmed", "good")
    return (Span(f"[{_safe(entry.verdict, 20)}]", Tone.CRITICAL if bad else Tone.GOOD if well else Tone.WARNING),)


def entry_whole(entry: Entry, width: int) -> list[Line]:
    """Everything known about an entry."""
    behind = ", by a clock that is behind" if entry.behind else ""
    rows = [
        ("when", f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC{behind}"),
        ("from", entry.source.value), ("who", entry.by), ("host", entry.host), ("where", entry.target),
        ("before", entry.before), ("after", entry.after), ("verdict", entry.verdict),
        ("reactions", "; ".join(entry.reactions)),
    ]  # fmt: skip
    made = folded(line(strong(_safe(entry.words, 4000))), width, 0)
    made.append(line())
    for name, text in rows:
        if text:
            made += folded(line(dim(f"{name:<10}"), _safe(text)), width, 10)
    if entry.detail:
        made.append(line())
        made += [part for one in entry.detail.splitlines() for part in folded(line(SafeText.line(one)), width, 0)]
    return made


# whom to call


def ladder(steps: Sequence[Step], now: datetime, width: int, oncall: Sequence[str] = ()) -> list[Line]:
    """Every rung with whose turn it is, how they are reached, and what came of it. `oncall`: who that is now, each."""
    if not steps:
        said = "no ladder is written down: [[escalation]] in the profile, or a section of the runbook"
        return folded(line(dim(said)), width, 0)
    made: list[Line] = []
    for place, one in enumerate(steps):
        made += folded(line(_turn(one, now), " ", strong(_safe(one.contact.words, 80)), key=one.rung.name), width, 4)
        ways = ", ".join(_safe(way, 120) for way in one.contact.ways)
        who = oncall[place] if place < len(oncall) else ""
        for text in (ways, who, _safe(one.rung.say), _safe(one.why)):
            made += folded(line(dim(f"    {text}")), width, 4) if text else []
    return made


def _turn(step: Step, now: datetime) -> Span:
    if step.turn is Turn.DUE and step.due is not None:
        return Span(f"✕ NOW, due for {lasted((now - step.due).total_seconds())}", Tone.CRITICAL)
    if step.turn is Turn.WAITING and step.due is not None:
        return Span(f"· in {lasted((step.due - now).total_seconds())}", Tone.PLAIN)
    return Span("✓ called", Tone.GOOD) if step.turn is Turn.CALLED else dim(f"– {step.turn.value}")


def contacts(found: Iterable[Contact], width: int, oncall: Callable[[str], str] = lambda name: "") -> list[Line]:
    """Everybody who can be called, with the ways to reach them. `oncall` tells who that is now."""
    made: list[Line] = []
    for one in found:
        made += folded(line(strong(_safe(one.words, 80))), width, 4)
        for way in (*one.ways, oncall(one.oncall)):
            made += folded(line("    ", _safe(way, 200)), width, 6) if way else []
    return made or [line(dim("no contact is written down: [contacts.NAME] in the profile"))]


def meeting_places(named: Mapping[str, str], width: int) -> list[Line]:
    """Where people meet and customers look: what it is, and its address or name; those that have one."""
    return [
        one for what, said in named.items() if said for one in folded(line(f"{what}  ", _safe(said, 300)), width, 4)
    ]


# what is left to do


def items(found: Sequence[Item], now: datetime, width: int) -> list[Line]:
    """Action items, each with a key."""
    return [part for one in found for part in _item(one, now, width)]


def _item(one: Item, now: datetime, width: int) -> list[Line]:
    box = Span("[x]", Tone.GOOD) if one.done is not None else strong("[ ]")
    owner = _safe(one.owner, _NAME) if one.owner else "nobody yet"
    due = f", due {one.due.astimezone(UTC):%Y-%m-%d}" if one.due is not None else ", no day yet"
    tail: list[Part] = [dim(f"  {owner}{due}")]
    if one.overdue(now):
        tail.append(Span("  OVERDUE", Tone.CRITICAL))
    if one.done is not None:
        tail = [dim(f"  done by {_safe(one.done.by, _NAME)}")]
    parts = folded(line(box, " ", _safe(one.text), *tail, key=one.id), width, 4)
    return [Line(part.spans, one.id) for part in parts]


def known(incident: Incident, width: int) -> list[Line]:
    """What is known of it so far."""
    alerts = "; ".join(one.words or one.id for one in incident.linked("case"))
    rows = [
        ("impact", incident.impact or "not said yet"), ("cause", incident.cause or "not known yet"),
        ("so", ", ".join(incident.flags)), ("alerts", alerts),
    ]  # fmt: skip
    if incident.began is not None:
        rows.insert(0, ("began", f"{incident.began.astimezone(UTC):%Y-%m-%d %H:%M} UTC"))
    return [part for name, text in rows if text for part in folded(line(dim(f"{name:<8}"), _safe(text)), width, 8)]


def titled(text: str) -> Line:
    """A heading in a panel."""
    return line(Span(text, Tone.TITLE))


# all of them


def heading(open_: int, every: int, todo: int, late: int, trouble: str, width: int) -> Line:
    """How many there are."""
    parts: list[Part] = [strong("Incidents")]
    parts.append(Span(f"{open_} open", Tone.WARNING) if open_ else dim("none is open"))
    parts += [dim(f"{every} in all")] if every else []
    parts += [dim(words.plural(todo, "action item"))] if todo else []
    parts += [Span(f"{late} OVERDUE", Tone.CRITICAL)] if late else []
    parts += [Span(trouble, Tone.CRITICAL)] if trouble else []
    return _cut(line(" ", *joined(parts)), width)


def listed(found: Sequence[Incident], scheme: Scheme, now: datetime, width: int) -> list[Line]:
    """A line each."""
    made = []
    for one in found:
        end = one.resolved or (one.last.at if one.joined else now)
        left: list[Part] = [" ", fit(Span(_safe(one.level, 8), tone_of(scheme, one.level)), 5), " "]
        left += [fit(Span(stage_words(one, scheme), _stage_tone(one)), 19), " "]
        left += [dim(f"{one.at.astimezone(UTC):%Y-%m-%d %H:%M}" if width >= 76 else f"{one.at:%d %b}"), " "]
        left += [fit(lasted((end - one.at).total_seconds()), 7, right=True), "  "]
        waits = len(one.open_items())
        tail = line(dim(f"  {words.plural(waits, 'item')} to do ")).spans if waits and width >= 76 else ()
        said = (*line(*left, _safe(one.title, 200)).spans,)
        made.append(Line((*cut(said, width - width_of(tail)), *tail), one.id))
    return made


def severities(levels: Sequence[Level]) -> list[tuple[str, str, str]]:
    """(key, name, words) of each, for who has to choose."""
    return [(one.name, _safe(one.name, 30), _defined(one)) for one in levels]


def _defined(one: Level) -> str:
    said = [_safe(one.about, 200)] if one.about else []
    times = ((one.respond, "respond in"), (one.internal, "our people every"), (one.public, "customers every"))
    said += [f"{name} {lasted(seconds)}" for seconds, name in times if seconds is not None]
    return "; ".join(said)


def empty(width: int) -> list[Line]:
    """How one is declared."""
    told = (
        "There was no incident yet. n declares one; so does the same key on an alert in the inbox, which then "
        "belongs to it. Severities, contacts, ladder and messages are the profile's, or the runbook's."
    )
    return [line(), *folded(line(" ", dim(told)), width, 1)]


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M:%S}"


def _cut(one: Line, width: int) -> Line:
    return one if width_of(one.spans) <= width else Line(cut(one.spans, width), one.key, one.severity)
