"""Silences and maintenance windows as a person asks for them: of what, until when, and why; the last two always."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from desk import words
from desk.inbox.case import Case, InboxError, Match, Silence
from desk.inbox.grouping import Item
from desk.inbox.until import end, until
from probes.base import Severity
from tui.room import Room
from tui.screens.base import RoomScreen
from tui.screens.sheet import Menu, Sheet
from widgets import inbox as drawn
from widgets.lines import Line

Scope = tuple[Sequence[tuple[Match, ...]], Severity]
"""What silences are about, one each, and up to which severity."""


def there(room: Room, case: Case) -> str:
    """How much of a decision is known where the alert comes from; empty for one of ours."""
    if case.alert.theirs is None:
        return ""
    acting = room.hands is not None
    return "decisions here are ours alone" + ("; a: what can be done there" if acting else "")


def only_here(case: Case) -> str:
    """The same in passing."""
    return f" here, {case.alert.target} does not know; a acts there" if case.alert.theirs is not None else ""


def silence(screen: RoomScreen, item: Item) -> None:
    """Ask of what, until when and why."""
    alert = item.face.alert
    severest = max(case.alert.severity for case in item.cases)
    scopes: dict[str, tuple[str, str, Scope]] = {}
    if not item.folded:
        each = [_exactly(case) for case in item.cases]
        upto = "" if severest is Severity.CRITICAL else f", while it is no worse than a {severest.name.lower()}"
        scopes["this"] = ("this alert alone", f"{alert.words}{upto}", (each, severest))
    scopes["rule"] = (
        f"{alert.rule} of {alert.target}",
        "every alert of this rule there",
        ([(Match("target", alert.target), Match("rule", alert.rule))], Severity.CRITICAL),
    )
    scopes["target"] = (
        f"all of {alert.target}",
        "every alert of this target",
        ([(Match("target", alert.target),)], Severity.CRITICAL),
    )
    scopes["everywhere"] = (
        f"{alert.rule} everywhere",
        "this rule, of whatever target",
        ([(Match("rule", alert.rule),)], Severity.CRITICAL),
    )

    def choose(key: str) -> None:
        menu.leave()
        screen.call_after_refresh(_until, screen, scopes[key][2], "")

    menu = Menu(screen.room, "Silence what?", [(key, name, said) for key, (name, said, _) in scopes.items()], choose)
    screen.app.push_screen(menu)


def window(screen: RoomScreen, target: str) -> None:
    """Ask over what, for the name, the end and the reason."""
    names = sorted(
        {slot.target.name for slot in screen.room.engine.board.slots()}, key=lambda name: (name != target, name)
    )
    kinds = sorted({slot.target.kind for slot in screen.room.engine.board.slots()})
    scopes: dict[str, tuple[str, str, tuple[Match, ...]]] = {"all": ("everything", "the whole system", ())}
    scopes |= {f"target {name}": (name, "this target alone", (Match("target", name),)) for name in names}
    scopes |= {f"kind {kind}": (f"every {kind}", "targets of this kind", (Match("kind", kind),)) for kind in kinds}

    def named(matches: tuple[Match, ...], name: str) -> None:
        if name.strip():
            screen.call_after_refresh(_until, screen, ([matches], Severity.CRITICAL), name.strip())
        else:
            screen.say("without a name no window is opened")

    def choose(key: str) -> None:
        menu.leave()
        ask = partial(named, scopes[key][2])
        screen.call_after_refresh(screen.ask, "what is the window called? Esc opens none", "", _unheard, ask, _nothing)

    items = [(key, name, said) for key, (name, said, _) in scopes.items()]
    menu = Menu(screen.room, "Maintenance window over what?", items, choose)
    screen.app.push_screen(menu)


def _until(screen: RoomScreen, scope: Scope, name: str) -> None:
    def done(text: str) -> None:
        found = end(text, screen.room.engine.clock.now())
        if found is None:
            screen.say(f"“{text.strip()}” is no end: 30m, 2h, 1d or until 14:00; nothing is silenced")
        else:
            screen.call_after_refresh(_why, screen, scope, name, text)

    screen.ask("for how long? 30m, 2h, 1d, or until 14:00 (UTC); Esc silences nothing", "", _unheard, done, _nothing)


def _why(screen: RoomScreen, scope: Scope, name: str, text: str) -> None:
    def done(reason: str) -> None:
        room = screen.room
        ends = end(text, room.engine.clock.now())
        if not reason.strip() or ends is None:
            screen.say("without a reason nothing is silenced")
            return
        matches, upto = scope
        try:
            for one in matches:
                room.engine.inbox.silence(one, ends, room.who, reason, name=name, upto=upto)
        except InboxError as error:
            screen.say(str(error))
            return
        called = f"{name} stands" if name else "silenced"
        screen.say(f"{called} until {until(ends, room.engine.clock.now())} UTC; then it speaks again by itself")
        screen.draw()

    screen.ask("why? everybody sees the reason; Esc silences nothing", "", _unheard, done, _nothing)


def _exactly(case: Case) -> tuple[Match, ...]:
    """One alert, however its words change."""
    alert = case.alert
    labels = (Match("label", text, name) for name, text in alert.labels)
    return (Match("target", alert.target), Match("about", alert.identity.about), *labels)


def lift(screen: RoomScreen, one: Silence, then: Callable[[], None] = lambda: None) -> None:
    """Ask, and end a silence or a window now."""
    room = screen.room
    held = words.plural(len(room.engine.inbox.matched(one)), "alert")

    def choose(key: str) -> None:
        menu.leave()
        if key == "keep":
            return
        try:
            room.engine.inbox.lift(one.id, room.who)
            screen.say("ended: what is still wrong speaks again")
        except InboxError as error:
            screen.say(str(error))
        screen.draw()
        then()

    called = f"maintenance “{one.name}”" if one.name else "the silence"
    items = [
        ("keep", "leave it", f"until {until(one.until, room.engine.clock.now())} UTC: {one.reason} ({one.by})"),
        ("end", "end it now", f"it holds {held} back; what is still wrong speaks again"),
    ]
    menu = Menu(room, f"End {called} of {one.about}?", items, choose)
    screen.app.push_screen(menu)


def silences_sheet(room: Room) -> Sheet:
    """What is silent now, and until when; Enter ends one."""
    inbox = room.engine.inbox

    def lines(width: int) -> list[Line]:
        standing = [(one, len(inbox.matched(one))) for one in inbox.silences()]
        return drawn.silences(standing, room.engine.clock.now(), width)

    def choose(key: str) -> None:
        one = next((one for one in inbox.silences() if one.id == key), None)
        if room.undecided_because:
            sheet.say(room.undecided_because)
        elif one is not None:
            lift(sheet, one)

    sheet = Sheet(room, "Silences and maintenance windows; Enter ends one", lines, choose)
    return sheet


def _unheard(text: str) -> None:
    """What is being typed changes nothing yet."""


def _nothing() -> None:
    """Esc: nothing happens."""
