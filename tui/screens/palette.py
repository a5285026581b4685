"""Everything by name: the keys of the screen one came from, every target, every look."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from probes.base import Recognised
from tui.acting import meant, open_meant
from tui.keys import NUMBERED, shown
from tui.room import Room
from tui.screens.base import RoomScreen
from tui.screens.checklists import open_checklists
from tui.screens.opening import procedure_commands
from tui.screens.report import REPORTS, open_report
from tui.screens.sheet import Menu, open_look
from tui.themes import THEMES

_FACE: Final = 8
"""Cells for a key before its words."""


def palette(room: Room, screen: RoomScreen) -> Menu:
    """The commands that make sense on `screen`; choosing one goes back there and does it."""
    app = screen.app
    commands: dict[str, tuple[str, str, Callable[[], object]]] = {}
    for key in room.keymap.live(screen.where, room.demo):
        if key.action not in ("palette", "step_back", *NUMBERED):
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
    for name, words, _ in REPORTS if room.reports is not None else ():
        commands[name] = (name, f"{'':<{_FACE}}{words}", partial(open_report, screen, room, name))
    for number, (name, said, then) in enumerate(procedure_commands(screen)):
        commands[f"procedure {number}"] = (name, f"{'':<{_FACE}}{said}", then)
    for one in room.checklists.ledger.checklists if room.checklists is not None else ():
        then_open = partial(open_checklists, screen, one.name)
        commands[f"checklist {one.name}"] = (f"checklist {one.name}", f"{'':<{_FACE}}{one.title}", then_open)
    for theme in THEMES:
        commands[f"theme {theme.name}"] = (
            f"theme {theme.name}",
            "",
            partial(setattr, app, "theme", theme.name),
        )

    pasted: dict[str, tuple[str, Recognised]] = {}

    def also(text: str) -> list[tuple[str, str, str]]:
        """What a pasted command means to the targets."""
        pasted.clear()
        if " " in text.strip():  # one word is what narrows the list down
            pasted.update({f"meant {target}": (target, one) for target, one in meant(room, text)})
        return [
            (key, f"{one.request.action} on {target}", one.warning or "what this command means, guarded")
            for key, (target, one) in pasted.items()
        ]

    def choose(key: str) -> None:
        app.pop_screen()
        if key in pasted:
            app.call_later(open_meant, screen, *pasted[key])
        else:
            app.call_later(commands[key][2])

    return Menu(room, "Commands", [(key, name, words) for key, (name, words, _) in commands.items()], choose, also)


def _press(screen: RoomScreen, action: str) -> object:
    owner = screen if hasattr(screen, f"action_{action}") else screen.app
    return getattr(owner, f"action_{action}")()


def _open(room: Room, screen: RoomScreen, name: str) -> None:
    from tui.screens.detail import Detail

    screen.app.push_screen(Detail(room, name))
