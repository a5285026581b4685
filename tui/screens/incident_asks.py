"""What a person says of an incident, asked step by step: how far it is, how severe, who does what, whom they called.

Nothing is chosen beforehand: the first line of every choice leaves things as they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from desk.inbox.until import end, until
from desk.incident.incident import Incident
from desk.incident.record import Role, Stage
from desk.incident.scheme import Contact
from desk.incident.timers import Step, Turn, ladder, untold
from desk.incident.timers import watch as watch_of
from desk.moment import moment
from probes.base import SafeText
from tui.screens.incidents import Items, attempt, page, paged, pick, refused, say, tried
from widgets import incident as drawn

if TYPE_CHECKING:
    from tui.screens.incident import IncidentScreen

_ABOUT: Final = {Role.COMMANDER: "decides", Role.SCRIBE: "writes down", Role.OPERATOR: "acts"}


def _there(screen: IncidentScreen) -> Incident | None:
    """The incident, where something may be said of it."""
    return None if refused(screen) else screen.incident


# how far it is


def stage(screen: IncidentScreen) -> None:
    """At it, investigating, mitigated, resolved, open again."""
    one = _there(screen)
    if one is None:
        return
    watched = screen.desk.scheme.watching(one.level)
    items = [("", "leave it", f"it is {drawn.stage_words(one, screen.desk.scheme)}")]
    if one.open and one.acknowledged is None:
        items.append(("at it", "I am at it", "somebody has it in hand; ends the time to respond"))
    if one.stage in (Stage.DECLARED, Stage.REOPENED):
        items.append(("look", "investigating", "it is being looked into"))
    if one.open and one.stage is not Stage.MITIGATED:
        told = (
            f"it hurts nobody any more; watched for {drawn.lasted(watched)}" if watched else "it hurts nobody any more"
        )
        items.append(("ease", "mitigated", told))
    if one.open:
        items.append(("end", "resolved", "it is over"))
    if one.stage in (Stage.MITIGATED, Stage.RESOLVED) and not one.joined:
        items.append(("again", "open again", "it is not over; asks why"))
    pick(screen, "How far is it?", items, partial(_stage, screen))


def _stage(screen: IncidentScreen, key: str) -> None:
    book, name = screen.desk.incidents, screen.id_
    if key == "at it":
        tried(screen, partial(book.acknowledge, name), "you are at it")
    elif key == "look":
        tried(screen, partial(book.investigate, name), "investigating")
    elif key == "ease":
        label = "mitigated: by what? or just Enter; Esc leaves it"
        say(screen, label, lambda text: _mitigated(screen, text))
    elif key == "again":
        label = "open again: why? Esc leaves it"
        say(screen, label, lambda text: _reopened(screen, partial(book.reopen, name, text)))
    else:
        resolve(screen)


def _reopened(screen: IncidentScreen, call: Callable[[], object]) -> None:
    if tried(screen, call, "open again"):
        page(screen.room, screen.desk, screen.id_)


def _mitigated(screen: IncidentScreen, note: str) -> None:
    desk = screen.desk
    if not tried(screen, partial(desk.incidents.mitigate, screen.id_, note), "mitigated"):
        return
    one = screen.incident
    timer = watch_of(one, desk.scheme) if one is not None else None
    if timer is not None:
        screen.say(f"mitigated: it is watched until {timer.due:%H:%M} UTC; then x resolves it", 8.0)


def resolve(screen: IncidentScreen) -> None:
    """End it. What speaks against that is named, and a person says why it is over all the same."""
    one = _there(screen)
    if one is None:
        return
    desk = screen.desk
    timer = watch_of(one, desk.scheme)
    alerts = desk.standing(one)
    against = [f"alert open: {words}" for words in alerts]
    if one.stage is not Stage.MITIGATED and desk.scheme.watching(one.level) is not None:
        against.append("it was not mitigated and watched")
    elif timer is not None and not timer.over(desk.now):
        against.append(f"it is watched until {timer.due:%H:%M} UTC")
    if not against:
        label = "resolved: what was it? or just Enter; Esc leaves it open"
        say(screen, label, lambda text: _resolved(screen, text, ""))
        return
    note = f"still open: {'; '.join(alerts)}" if alerts else ""
    items = [("", "leave it open", "something speaks against that it is over")]
    items += [("", f"because {number}", words) for number, words in enumerate(against, 1)]
    items.append(("end", "it is over all the same", "asks why"))

    def on(key: str) -> None:
        del key
        label = "why is it over all the same? Esc leaves it open"
        say(screen, label, lambda text: _over(screen, note, text))

    pick(screen, "Resolve it?", items, on)


def _over(screen: IncidentScreen, note: str, why: str) -> None:
    if why.strip():
        _resolved(screen, note, why)
    else:
        screen.say("without a reason it stays open")


def _resolved(screen: IncidentScreen, note: str, why: str) -> None:
    if tried(screen, partial(screen.desk.incidents.resolve, screen.id_, note, why), "resolved"):
        screen.say("resolved: m tells people, i what is to be done, w writes the post-mortem", 8.0)
        page(screen.room, screen.desk, screen.id_)


# who does what


def role(screen: IncidentScreen) -> None:
    """Give a role to somebody."""
    one = _there(screen)
    if one is None:
        return
    held = {each: str(SafeText(one.roles.get(each, "nobody"), 60)) for each in Role}
    items = [(each.name, each.value, f"{_ABOUT[each]}; now {held[each]}") for each in Role]
    pick(screen, "Which role?", [("", "leave them", "nothing changes"), *items], partial(_who, screen))


def _who(screen: IncidentScreen, key: str) -> None:
    one = screen.incident
    if one is None:
        return
    which, me = Role[key], screen.desk.incidents.who
    had = one.roles.get(which, "")
    present = [each.here.name for each in screen.room.present() if not each.here.wall]
    people = [name for name in dict.fromkeys([me, *present, *one.people]) if name != had]
    items = [("", "leave it", f"{which.value} is {SafeText(had, 60) or 'nobody'}")]
    items += [(f"={name}", str(SafeText(name, 60)), "you" if name == me else "") for name in people]
    items += [("=", "nobody", "nobody has it any more")] if had else []

    def typed(text: str) -> Items:
        name = text.strip()
        known = any(name.casefold() in one.casefold() for one in people)
        return [(f"={name}", str(SafeText(name, 60)), "this name, as typed")] if name and not known else ()

    def give(chosen: str) -> None:
        name = chosen[1:]
        words = f"{SafeText(name, 60)} is {which.value}" if name else f"nobody is {which.value}"
        tried(screen, partial(screen.desk.incidents.assign, screen.id_, which, name), words)

    pick(screen, f"Who is {which.value}? Type a name, or choose", items, give, typed)


def severity(screen: IncidentScreen) -> None:
    """Change how severe it is."""
    one = _there(screen)
    if one is None:
        return
    levels = [each for each in drawn.severities(screen.desk.scheme.levels) if each[0] != one.level]

    def why(level: str) -> None:
        call = screen.desk.incidents.grade
        label = f"{level} instead of {one.level}: why? or just Enter; Esc leaves it"
        say(screen, label, lambda text: _graded(screen, partial(call, screen.id_, level, text), level))

    pick(screen, "How severe is it?", [("", "leave it", f"it is {one.level}"), *levels], why)


def _graded(screen: IncidentScreen, call: Callable[[], object], level: str) -> None:
    if tried(screen, call, f"it is {level}"):
        page(screen.room, screen.desk, screen.id_)


def expect(screen: IncidentScreen) -> None:
    """Say when it should be over."""
    if _there(screen) is None:
        return
    desk = screen.desk

    def done(text: str) -> None:
        if text.strip() in ("-", "?"):
            tried(screen, partial(desk.incidents.expect, screen.id_, None), "nobody knows when it ends")
            return
        found = end(text, desk.now)
        if found is None:
            screen.say(f"“{SafeText(text.strip(), 40)}” is no end: 30m, 2h or 14:00 (UTC); - takes it back")
            return
        words = f"expected end {until(found, desk.now)} UTC"
        tried(screen, partial(desk.incidents.expect, screen.id_, found), words)

    say(screen, "when should it be over? 30m, 2h, 14:00 (UTC); - nobody knows; Esc leaves it", done)


def facts(screen: IncidentScreen) -> None:
    """What is known of it."""
    one = _there(screen)
    if one is None:
        return
    items = [
        ("", "leave it", "nothing changes"),
        ("impact", "impact", one.impact or "what customers feel: not said yet"),
        ("cause", "cause", one.cause or "why it happened: not known yet"),
        ("began", "began", f"{one.began:%Y-%m-%d %H:%M} UTC" if one.began else "when it really began: not known yet"),
        ("title", "title", one.title),
    ]
    for flag in screen.desk.scheme.all_flags():
        so = flag in one.flags
        items.append(
            (f"flag {flag}", f"{'no ' if so else ''}{flag}", "it is so: take it back" if so else "say it is so")
        )
    pick(
        screen,
        "What is known?",
        [(key, name, str(SafeText(words, 300))) for key, name, words in items],
        partial(_fact, screen),
    )


def _fact(screen: IncidentScreen, key: str) -> None:
    one, book, name = screen.incident, screen.desk.incidents, screen.id_
    if one is None:
        return
    if key.startswith("flag "):
        flag = key.removeprefix("flag ")
        so = flag not in one.flags
        tried(screen, partial(book.flag, name, flag, so), f"{'' if so else 'not '}{flag}")
    elif key == "impact":
        done = partial(_set, screen, book.set_impact, "impact noted")
        say(screen, "what do customers feel? Esc leaves it", done, one.impact)
    elif key == "cause":
        done = partial(_set, screen, book.set_cause, "cause noted")
        say(screen, "why did it happen? Esc leaves it", done, one.cause)
    elif key == "title":
        say(screen, "another title; Esc leaves it", partial(_set, screen, book.rename, "renamed"), one.title, 200)
    else:
        say(screen, "when did it begin? 03:12 or -20m (UTC); Esc leaves it", partial(_began, screen))


def _set(screen: IncidentScreen, call: Callable[[str, str], object], words: str, text: str) -> None:
    tried(screen, partial(call, screen.id_, text), words)


def _began(screen: IncidentScreen, text: str) -> None:
    try:
        found = moment(text, screen.desk.now)
    except ValueError as error:
        screen.say(str(error))
        return
    said = f"began {found:%Y-%m-%d %H:%M} UTC"
    tried(screen, partial(screen.desk.incidents.set_began, screen.id_, found), said)


# evidence


def security(screen: IncidentScreen) -> None:
    """Keep evidence, or no longer."""
    one = _there(screen)
    if one is None:
        return
    book = screen.desk.incidents
    if one.security is None:
        label = "keep evidence: why? Acts that destroy it are barred; Esc leaves it"
        words = "evidence is kept: acts that destroy it are barred, in every session on this system; B gathers it"
        say(screen, label, lambda text: attempt(screen, partial(book.secure, one.id, text), words))
    else:
        label = "keep evidence no longer: why? Nothing is barred any more; Esc leaves it"
        words = "evidence is no longer kept: nothing is barred"
        say(screen, label, lambda text: attempt(screen, partial(book.release, one.id, text), words))


def gather(screen: IncidentScreen) -> None:
    """Ask where the evidence goes, and gather it there."""
    one = _there(screen)
    if one is None:
        return
    evidence = screen.desk.evidence
    if evidence.going:
        screen.say(evidence.words)
        return

    def into(text: str) -> None:
        folder = Path(os.path.expanduser(text.strip()))
        if text.strip() and evidence.begin(one, screen.desk.entries(one.id), folder, screen.room.note):
            screen.draw()

    label = "gather evidence into a new folder; Esc gathers nothing"
    say(screen, label, into, str(evidence.folder_of(one, screen.desk.now)))


# whom to call


def escalate(screen: IncidentScreen) -> None:
    """Choose a rung of the ladder, or a contact; then say what came of the call."""
    one = _there(screen)
    if one is None:
        return
    desk = screen.desk
    steps = ladder(one, desk.scheme, desk.now)
    items = [("", "leave it", "nobody is called")]
    items += [(f"page {name}", f"page {name}", "NOW, it was not taken yet") for name in desk.unpaged(one.id)]
    items += [
        (f"page {name}", f"end the page to {name}", "it may still call somebody") for name in desk.unended(one.id)
    ]
    at_once = untold(one, desk.scheme)
    known = {step.contact.name for step in steps}
    items += [
        (f"who {each.name}", str(SafeText(each.words, 60)), "; ".join((_NOW, _reached(screen, each))).rstrip("; "))
        for each in at_once
        if each.name not in known
    ]
    for step in steps:
        turn = f"{_NOW}; " if step.contact in at_once and step.turn is not Turn.DUE else ""
        words = str(SafeText(step.contact.words, 60))
        items.append((f"rung {step.rung.name}", words, turn + _turn(screen, step)))
    known |= {each.name for each in at_once}
    others = [each for each in desk.scheme.contacts if each.name not in known]
    items += [(f"who {each.name}", str(SafeText(each.words, 60)), _reached(screen, each)) for each in others]
    if len(items) == 1:
        screen.say("no contacts are known: [contacts.NAME] in the profile, or a runbook", 8.0)
        return

    def chosen(key: str) -> None:
        kind, _, name = key.partition(" ")
        if kind == "page":
            screen.room.later(paged(screen.room, desk, one.id, name))
            return
        if kind == "who":
            _call(screen, "", desk.scheme.contact(name))
            return
        step = next(each for each in steps if each.rung.name == name)
        _call(screen, name, step.contact, step.rung.say)

    pick(screen, "Who is called?", items, chosen)


def _turn(screen: IncidentScreen, step: Step) -> str:
    now = screen.desk.now
    left = (step.due - now).total_seconds() if step.due is not None else None
    turn = step.turn.value if left is None else f"in {drawn.lasted(left)}"
    if step.turn is Turn.DUE and left is not None:
        turn = f"NOW, due for {drawn.lasted(-left)}"
    said = (turn, str(SafeText(step.why, 100)), _reached(screen, step.contact), str(SafeText(step.rung.say, 200)))
    return "; ".join(part for part in said if part)


_NOW: Final = "NOW, told at once by the severity"


def _reached(screen: IncidentScreen, contact: Contact) -> str:
    ways = ", ".join(str(SafeText(way, 120)) for way in contact.ways)
    return "; ".join(part for part in (ways, screen.desk.oncall(contact.oncall)) if part)


def _call(screen: IncidentScreen, rung: str, contact: Contact, tell: str = "") -> None:
    who = contact.called
    reached = _reached(screen, contact) or "no way to reach them is written down"
    items = [("", "not called", f"{reached}{f'; tell them: {SafeText(tell, 200)}' if tell else ''}")]
    items += [(f"copy {way}", f"copy {SafeText(way, 60)}", "for the phone or the browser") for way in contact.ways]
    items += [
        ("yes", "called, they answered", "asks what was said"),
        ("no", "called, no answer", "the next is due soon"),
    ]

    def chosen(key: str) -> None:
        if key.startswith("copy "):
            screen.app.copy_to_clipboard(key.removeprefix("copy "))
            screen.say("copied")
            screen.call_after_refresh(_call, screen, rung, contact, tell)
            return
        answered = key == "yes"
        said = "answered: what was said?" if answered else "did not answer:"
        label = f"{SafeText(who, 60)} {said} a note, or just Enter; Esc: no call"
        call = screen.desk.incidents.call
        words = f"called {SafeText(who, 60)}"
        say(screen, label, lambda text: attempt(screen, partial(call, screen.id_, rung, who, answered, text), words))

    pick(screen, f"Call {SafeText(contact.words, 80)}", items, chosen)
