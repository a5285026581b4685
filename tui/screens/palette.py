"""Everything by name: the keys of the screen one came from, every target, every look."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from tui.keys import shown
from tui.room import Room
from tui.screens.base import RoomScreen
from tui.screens.sheet import Menu, open_look
from tui.themes import THEMES

_FACE: Final = 8
"""Cells for a key before its words."""


def palette(room: Room, screen: RoomScreen) -> Menu:
    """The commands that make sense on `screen`; choosing one goes back there and does it."""
    app = screen.app
    commands: dict[str, tuple[str, str, Callable[[], object]]] = {}
    for key in room.keymap.live(screen.where, room.demo):
        if key.action not in ("palette", "step_back", "panel"):
            commands[key.id] = (key.what, f"{shown(key.keys):<{_FACE}}{key.more}", partial(_press, screen, key.action))
    for block in room.blocks():
        for entry in block.entries:
            commands[f"open {entry.name}"] = (
                f"open {entry.name}",
                f"{'':<{_FACE}}{block.title.lower()}, {entry.slot.state(room.now).value}",
                partial(_open, room, screen, entry.name),
            )
    target, row = screen.pointed
    for look in room.engine.probe(target).looks() if target else ():
        commands[f"look {look.name}"] = (
            f"look at {look.name}",
            f"{'':<{_FACE}}{target}, {look.title}",
            partial(open_look, screen, room, target, look.name, row),
        )
    for theme in THEMES:
        commands[f"theme {theme.name}"] = (
            f"theme {theme.name}",
            "",
            partial(setattr, app, "theme", theme.name),
        )

    def choose(key: str) -> None:
        app.pop_screen()
        app.call_later(commands[key][2])

    return Menu(room, "Commands", [(key, name, words) for key, (name, words, _) in commands.items()], choose)


def _press(screen: RoomScreen, action: str) -> object:
    owner = screen if hasattr(screen, f"action_{action}") else screen.app
    return getattr(owner, f"action_{action}")()


def _open(room: Room, screen: RoomScreen, name: str) -> None:
    from tui.screens.detail import Detail

    screen.app.push_screen(Detail(room, name))
