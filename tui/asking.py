"""What an act still needs before it can be looked at: a word, secrets, a number; asked one after the other.

Nothing is ever filled in for a person: a word is picked or typed, a number typed, a secret typed unseen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from probes.base import Action, Choice, Hidden, ProbeError, Request, SafeText
from tui.screens.act import Act
from tui.screens.base import RoomScreen
from widgets.lines import shortened

_LONGEST: Final = 4096
"""Characters of a secret."""


def ask_and_show(screen: RoomScreen, target: str, action: Action, request: Request, warning: str = "") -> None:
    """Ask for what the action needs and the request does not have yet; then show what would be done."""

    def again(filled: Request) -> None:
        ask_and_show(screen, target, action, filled, warning)

    if action.word is not None and not request.word:
        screen.room.later(_pick(screen, target, action, request, again))
    elif len(request.hidden) < len(parts(action, request)):
        _ask_hidden(screen, action, request, again)
    elif action.number is not None and request.number is None:
        _ask_number(screen, target, action, request, again)
    else:
        screen.app.push_screen(Act(screen.room, target, request, warning))


def parts(action: Action, request: Request) -> Sequence[str]:
    """What a secret is asked for, one each: the parts of the word, the rows, or the thing itself.

    >>> from probes.base import Danger, Word
    >>> put = Action("set", "set", Danger.DISRUPTIVE, "Sets keys.", word=Word("keys"), hidden="new value")
    >>> parts(put, Request("set", ("app",), word="user, password"))
    ['user', 'password']
    >>> parts(Action("put", "put", Danger.DISRUPTIVE, "Sets a key.", hidden="new value"), Request("put", ("user",)))
    ['user']
    """
    if not action.hidden:
        return ()
    if action.word is None and request.subjects:
        return list(request.subjects)
    return [part for part in map(str.strip, request.word.split(",")) if part] or [""]


async def _pick(
    screen: RoomScreen, target: str, action: Action, request: Request, then: Callable[[Request], None]
) -> None:
    """Offer the words there are; where any word will do, one can be typed as well."""
    from tui.screens.sheet import Menu

    word = action.word
    runner = screen.room.hands.runner if screen.room.hands is not None else None
    if word is None or runner is None:
        screen.say(f"{action.title}: the session is disarmed by now")
        return
    screen.say(f"{action.title}: one moment, looking which {word.what}s there are")
    try:
        found = await runner.choices(target, action.name, request.subjects)
    except ProbeError as error:
        if word.listed:
            screen.say(f"{action.title}: {error.message}")
            return
        found = ()
    if not screen.on_top:
        return
    screen.say("")
    if not found and not word.listed:
        _ask_word(screen, target, action, request, then)
    elif not found:
        screen.say(f"{action.title}: there is no {word.what} to pick")
    else:
        screen.app.push_screen(_menu(Menu, screen, target, action, request, found, then))


def _menu(
    menu: type,
    screen: RoomScreen,
    target: str,
    action: Action,
    request: Request,
    found: Sequence[Choice],
    then: Callable[[Request], None],
) -> RoomScreen:
    word = action.word
    assert word is not None
    items = [(one.word, str(SafeText(one.word, 60)), str(one.about)) for one in found]

    def typed(text: str) -> Sequence[tuple[str, str, str]]:
        text = text.strip()
        new = text and not word.listed and re.fullmatch(word.pattern, text) and text not in {one.word for one in found}
        return [(text, str(SafeText(text, 60)), f"this {word.what}, as typed")] if new else ()

    def choose(key: str) -> None:
        sheet.leave()
        then(replace(request, word=key))

    title = _question(screen, action, target, request.subjects, f": which {word.what}?")
    sheet: RoomScreen = menu(screen.room, title, items, choose, typed)
    return sheet


def _ask_word(
    screen: RoomScreen, target: str, action: Action, request: Request, then: Callable[[Request], None]
) -> None:
    word = action.word
    assert word is not None

    def done(text: str) -> None:
        if re.fullmatch(word.pattern, text.strip()):
            screen.call_after_refresh(then, replace(request, word=text.strip()))
        else:
            screen.say(f"{action.title}: that is no {word.what}")

    asked = _question(screen, action, target, request.subjects, f": {word.what}?")
    screen.ask(asked, "", lambda text: None, done)


def _ask_hidden(screen: RoomScreen, action: Action, request: Request, then: Callable[[Request], None]) -> None:
    part = parts(action, request)[len(request.hidden)]
    unseen = "" if action.shown else " it is not shown"
    label = f"{action.title}: {action.hidden}{f' of {SafeText(part, 60)}' if part else ''}?{unseen}"

    def done(text: str) -> None:
        if text:
            screen.call_after_refresh(then, replace(request, hidden=(*request.hidden, Hidden(text))))
        else:
            screen.say(f"{action.title}: nothing was typed, nothing is done")

    screen.ask(label, "", lambda text: None, done, longest=_LONGEST, hidden=not action.shown)


def _ask_number(
    screen: RoomScreen, target: str, action: Action, request: Request, then: Callable[[Request], None]
) -> None:
    wanted = action.number
    assert wanted is not None

    def done(text: str) -> None:
        text = text.strip()
        if not text.isdecimal() or not wanted.least <= int(text) <= wanted.most:
            screen.say(f"{wanted.what}: a whole number from {wanted.least} to {wanted.most}")
            return
        then(replace(request, number=int(text)))

    asked = _question(screen, action, target, request.subjects, f": how many {wanted.what}?")
    screen.ask(asked, "", lambda text: None, done)


def _question(screen: RoomScreen, action: Action, target: str, subjects: Sequence[str], tail: str) -> str:
    """What is asked about which rows, in one line; too long a name is cut in its middle, never the question."""
    lead = f"{action.title} {screen.room.named(target, subjects)}"
    return shortened(lead, max(20, screen.size.width - len(tail) - 4)) + tail
