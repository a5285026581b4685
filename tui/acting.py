"""From a key, a menu or a pasted command to an act: which action, on which rows, armed or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from desk.actions import CONSOLE
from desk.audit import Unrecorded
from desk.guard import Mode
from desk.hands import Hands
from probes.base import Action, Danger, Offer, Recognised, Request
from tui.asking import ask_and_show
from tui.keys import shown
from tui.room import Room
from tui.screens.act import Act
from tui.screens.base import RoomScreen

LETTERS: Final[Mapping[str, tuple[str, ...]]] = {
    "restart": ("restart", "retry", "retry-all", "evict", "start", "reboot", "run", "renew", "rotate"),
    "deploy": ("deploy", "image"),
    "pause": ("pause", "resume"),
    "scale": ("scale", "minimum", "interval"),
    "cancel": ("cancel", "silence", "unsilence", "enable"),
    "terminate": ("terminate", "delete", "stop-task"),
}
"""What each capital letter stands for: the first of these that can be done to the row."""

_DANGERS: Final = {
    Danger.READ: "",
    Danger.REVERSIBLE: "can be taken back",
    Danger.DISRUPTIVE: "disruptive",
    Danger.DESTRUCTIVE: "DESTRUCTIVE",
}


@dataclass(frozen=True, slots=True)
class Chance:
    """Something that can be done: to the rows themselves, or to the service behind them."""

    target: str
    subjects: tuple[str, ...]
    offer: Offer

    @property
    def action(self) -> Action:
        """What it is."""
        return self.offer.action


def chances(room: Room, target: str, subjects: Sequence[str]) -> list[Chance]:
    """What can be done to these rows by the last reading, then to what stands behind or beside them: the service that
    the profile names for them, and rows of other targets that say they do something for them."""
    found = _offered(room, target, tuple(subjects))
    settings = room.engine.board.slot(target).target.settings if target else None
    server, _, row = ((settings.served_by if settings is not None else None) or "").partition("/")
    own = {chance.action.name for chance in found if not chance.offer.refused}
    behind = _offered(room, server, (row,)) if server else []
    behind += _beside(room, target, subjects) if len(subjects) == 1 else []
    return found + [chance for chance in behind if chance.action.name not in own]


def _beside(room: Room, target: str, subjects: Sequence[str]) -> list[Chance]:
    runner = room.hands.runner if room.hands is not None else None
    if runner is None or not target:
        return []
    kind = room.engine.board.slot(target).target.kind
    found: list[Chance] = []
    for slot in room.engine.board.slots():
        actuator = runner.actuator(slot.target.name) if slot.target.name != target else None
        if actuator is not None and slot.snapshot is not None:
            for row in actuator.beside(slot.snapshot.facts, kind, subjects[0]):
                found += _offered(room, slot.target.name, (row,))
    able = {one.action.name for one in found if not one.offer.refused}
    return [one for one in found if not one.offer.refused or one.action.name not in able]


def _offered(room: Room, target: str, subjects: tuple[str, ...]) -> list[Chance]:
    runner = room.hands.runner if room.hands is not None else None
    if runner is None or not target:
        return []
    snapshot = room.engine.board.slot(target).snapshot
    facts = snapshot.facts if snapshot is not None else None
    offers = runner.offers(target, facts, subjects)
    return [Chance(target, () if offer.action.whole else subjects, offer) for offer in offers]


def by_letter(screen: RoomScreen, letter: str) -> None:
    """A capital letter was pressed on a row."""
    target, subjects = screen.pointed[0], screen.subjects

    def choose() -> None:
        there = chances(screen.room, target, subjects)
        fitting = _by_letter(letter, there)
        able = next((one for one in fitting if not one.offer.refused), None)
        if able is not None:
            _begin(screen, able)
        elif fitting:
            screen.say(f"{fitting[0].action.title}: {fitting[0].offer.refused}")
        else:
            screen.say(_nothing(screen.room, target, subjects, letter))

    once_armed(screen, choose)


def _nothing(room: Room, target: str, subjects: Sequence[str], letter: str = "") -> str:
    """Why there is no act here, and where there may be one."""
    runner = room.hands.runner if room.hands is not None else None
    if target and not subjects and runner is not None and runner.actuator(target) is not None:
        return f"acts are for a row of {target}: Enter opens it"
    named = room.named(target, subjects)
    return f"there is no {letter} for {named}; a lists what there is" if letter else f"nothing can be done to {named}"


def menu(screen: RoomScreen) -> None:
    """Everything that can be done to the row, or to the marked ones."""
    from tui.screens.sheet import Menu

    target, subjects = screen.pointed[0], screen.subjects

    def show() -> None:
        there = {_key(one): one for one in chances(screen.room, target, subjects)}
        if not there:
            screen.say(_nothing(screen.room, target, subjects))
            return
        faces = _faces(screen.room, screen.where, list(there.values()))
        items = [
            (key, f"{faces.get(key, ''):<2}{_title(screen.room, one, target)}", _words(one.offer))
            for key, one in there.items()
        ]

        def choose(key: str) -> None:
            one = there[key]
            if one.offer.refused:  # it is listed all the same: a person should know why
                sheet.say(f"{one.action.title}: {one.offer.refused}")
                return
            sheet.leave()
            _begin(screen, one)

        sheet = Menu(screen.room, f"Act on {screen.room.named(target, subjects)}", items, choose)
        screen.app.push_screen(sheet)

    once_armed(screen, show)


def meant(room: Room, text: str) -> list[tuple[str, Recognised]]:
    """(target, what it means there) for each target that a command means something to."""
    runner = room.hands.runner if room.hands is not None else None
    return runner.recognised(text) if runner is not None and text.strip() else []


def open_meant(screen: RoomScreen, target: str, one: Recognised) -> None:
    """Show what a pasted command would do."""
    runner = screen.room.hands.runner if screen.room.hands is not None else None
    actuator = runner.actuator(target) if runner is not None else None
    actions = actuator.actions if actuator is not None else ()
    action = next((action for action in actions if action.name == one.request.action), None)
    if action is not None:
        offered = (chance.action for chance in _offered(screen.room, target, one.request.subjects))
        here = next((offer for offer in offered if offer.name == action.name), action)
        action = replace(action, shown=here.shown and not one.unseen)  # what may be seen is known of the rows
        ask_and_show(screen, target, action, one.request, one.warning)
    else:  # a line that is known and that nothing does: the look says why
        screen.app.push_screen(Act(screen.room, target, one.request, one.warning))


def once_armed(screen: RoomScreen, then: Callable[[], None]) -> None:
    """Do it now if the session is armed; else ask why it should be, arm it, and then do it."""
    hands = screen.room.hands
    if hands is None:
        screen.say(screen.room.read_only_because or "one moment: the room is still opening")
    elif hands.forbidden:
        screen.say(f"{hands.passive} forbids every act from this machine")
    elif hands.mode is Mode.ARMED:
        then()
    else:
        ask_to_arm(screen, hands, then)


def ask_to_arm(screen: RoomScreen, hands: Hands, then: Callable[[], None] = lambda: None) -> None:
    """Ask for the reason, and arm for some minutes."""

    def done(reason: str) -> None:
        if reason.strip():
            screen.room.later(_arm(screen, hands, reason.strip(), then))
        else:
            screen.say("without a reason nothing is armed")

    place = " ".join(one for one in (screen.room.profile.system, screen.room.profile.environment.upper()) if one)
    screen.ask(
        f"why act on {place}? the reason arms it for {hands.minutes:g} min; Esc looks on",
        "",
        typed=lambda text: None,
        done=done,
    )


async def _arm(screen: RoomScreen, hands: Hands, reason: str, then: Callable[[], None]) -> None:
    try:
        await hands.arm(reason, hands.minutes)
    except Unrecorded as error:
        screen.say(f"not armed: {error}")
        return
    if screen.on_top:  # who has left meanwhile wants nothing shown any more
        screen.draw()
        then()


def _begin(screen: RoomScreen, one: Chance) -> None:
    """Ask for what it takes, then show what would be done."""
    ask_and_show(screen, one.target, one.action, Request(one.action.name, one.subjects))


def _title(room: Room, one: Chance, target: str) -> str:
    if one.target == target:
        return one.action.title
    return f"{one.action.title} {room.named(one.target, one.subjects)}"


def _by_letter(letter: str, there: Sequence[Chance]) -> list[Chance]:
    """What a capital letter can mean, the likeliest first."""
    names = (CONSOLE,) if letter == CONSOLE else LETTERS.get(letter, ())
    return [one for name in names for one in there if one.action.name == name]


def _faces(room: Room, where: str, there: Sequence[Chance]) -> dict[str, str]:
    """The key of each chance that has one on a screen, by its name in the menu."""
    faces: dict[str, str] = {}
    for key in room.keymap.of(where):
        able = [one for one in _by_letter(key.action, there) if not one.offer.refused]
        if able:
            faces[_key(able[0])] = shown(key.keys)
    return faces


def _key(one: Chance) -> str:
    """What tells a chance from others in a menu."""
    return f"{one.target} {one.action.name}"


def _words(offer: Offer) -> str:
    if offer.refused:
        return f"not now: {offer.refused}"
    danger, what = _DANGERS[offer.action.danger], offer.action.what
    if offer.action.danger is Danger.DESTRUCTIVE:  # first: the end of a long sentence has no room in its line
        return f"({danger}) {what}"
    return f"{what} ({danger})" if danger else what


__all__ = ["ask_to_arm", "by_letter", "chances", "meant", "menu", "once_armed", "open_meant"]
