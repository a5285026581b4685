"""One sitting in the room: from an opened profile to the exit code. The screen's libraries are loaded here, late."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from desk.profile import Profile, ProfileError
from tui import capabilities, terminal, wiring
from tui.kinds import Kinds
from tui.places import Places
from tui.secrets import Secrets

if TYPE_CHECKING:
    from tui.room import FaultSwitch


_STAGE_TIME: Final = 20.0
"""Seconds in which a demonstration's engines have ended, however they hang; they mostly take a fraction of one."""


def open_room(
    profile: Profile,
    kinds: Kinds,
    places: Places,
    environ: Mapping[str, str],
    theme: str | None = None,
    ascii_only: bool = False,
    stage: FaultSwitch | None = None,
) -> int:
    """Open the screen on a system and stay until the person leaves; the exit code."""
    reason = terminal.check_terminal(environ)
    if reason:
        return _refuse(reason)
    colours = capabilities.colour_system(environ)
    os.environ["TEXTUAL_COLOR_SYSTEM"] = colours or "standard"
    if colours is None:
        os.environ["NO_COLOR"] = "1"
    from tui import preferences
    from tui.keys import Keymap
    from tui.themes import THEMES

    try:
        wishes = preferences.load(places.preferences)
    except ProfileError as error:
        return _refuse(str(error))
    look = theme or environ.get("OPSROOM_THEME") or wishes.theme
    if look not in {one.name for one in THEMES}:
        return _refuse(f"opsroom: no theme named {look}; there are {', '.join(one.name for one in THEMES)}")

    from textual.filter import NoColor

    from tui.app import OpsroomApp
    from tui.room import Room
    from widgets.drawn import Drawn

    Drawn.ascii_only = ascii_only or (capabilities.ascii_only(environ) if wishes.ascii is None else wishes.ascii)
    secrets = Secrets(environ)
    engine = wiring.build(profile, kinds, secrets, places)
    room = Room(engine, profile, kinds, Keymap(wishes.keys), stage)
    app = OpsroomApp(room, secrets, look)
    app.crash_folder = places.state
    if colours is None:  # Textual would paint greys, and those are colours on a terminal whose ground is light
        app._filters = [NoColor()]
    sys.excepthook = terminal.quiet_excepthook(places.state, secrets.redact)
    mouse = capabilities.mouse_allowed(environ) if wishes.mouse is None else wishes.mouse
    app.run(mouse=mouse)
    if stage is None:
        terminal.leave(app.return_code or 0)
    from systems.stage import ENDED

    app.allow(_STAGE_TIME)
    for line in stage.progress()[-1:]:
        if line.startswith(ENDED):
            terminal.say(line)
    return app.return_code or 0


def _refuse(reason: str) -> int:
    sys.stderr.write(reason + "\n")
    return terminal.EXIT_USAGE
