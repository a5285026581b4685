"""One sitting in the room: from an opened profile to the exit code. The screen's libraries are loaded here, late."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from desk.profile import Profile, ProfileError
from tui import capabilities, terminal, wiring
from tui.kinds import Kinds
from tui.places import Places
from tui.secrets import Secrets

if TYPE_CHECKING:
    from desk.audit.sinks import LastResort
    from tui.app import OpsroomApp
    from tui.reports import Reports
    from tui.room import FaultSwitch


_BY_PROFILE: Final = "its profile arms every session"

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
    read_only: bool = False,
    arm: str = "",
    break_glass: str = "",
) -> int:
    """Open the screen on a system and stay until the person leaves; the exit code.

    `read_only` is for good; `arm` is the reason for which it may act from the start, `break_glass` the one for which
    it may act where nothing takes its records.
    """
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

    from desk.actor import who
    from tui import delivery
    from tui.app import OpsroomApp
    from tui.handover import Terminal
    from tui.room import Room
    from widgets.drawn import Drawn

    Drawn.ascii_only = ascii_only or (capabilities.ascii_only(environ) if wishes.ascii is None else wishes.ascii)
    secrets = Secrets(environ)
    profile, runnable = wiring.with_steps(profile, places)
    engine = wiring.build(profile, kinds, secrets, places)
    why_not = wiring.read_only_because(profile, read_only, places)
    room = Room(engine, profile, kinds, Keymap(wishes.keys), stage, read_only_because=why_not)
    room.greeting = "" if profile.file else "found on this machine; opsroom init writes it down as a profile"
    room.reports = partial(_reports, profile, kinds, places)
    room.record = partial(wiring.scribe, profile, engine, secrets, places)
    room.history = wiring.history_file(profile, places)
    room.make_historian = partial(wiring.historian, profile, engine, places)
    room.who = who(environ).called
    room.sharing = sharing = wiring.sharing(profile, engine, secrets, places, environ, room.who)
    room.keep = partial(wiring.journal, profile, engine, secrets, places, sharing)
    room.make_procedures = partial(wiring.procedures, room, secrets, places, runnable)
    room.make_checklists = partial(wiring.checklists, profile, engine, secrets, places, sharing)
    room.make_incidents = partial(wiring.incidents, room, secrets, places)
    room.undecided_because = wiring.undecided_because(read_only, places)
    arming = (arm, profile.arm_minutes) if arm else (_BY_PROFILE, None) if profile.acts == "armed" else None
    terminal_ = Terminal()
    last = _last_resort(break_glass) if break_glass else None
    acting = partial(wiring.hands, profile, engine, kinds, secrets, places, environ, terminal_, sharing, last)
    hands = None if why_not else acting
    if why_not:
        room.onlooker = wiring.onlooker(profile, engine, sharing)
    app = OpsroomApp(room, secrets, look, arming, hands, terminal_)
    ring = app.ring if wishes.notices else None
    room.dispatch = delivery.dispatch(profile, engine, secrets, places, ring, environ, sharing)
    app.crash_folder = places.state
    if colours is None:  # Textual would paint greys, and those are colours on a terminal whose ground is light
        app._filters = [NoColor()]
    sys.excepthook = terminal.quiet_excepthook(places.state, secrets.redact)
    mouse = capabilities.mouse_allowed(environ) if wishes.mouse is None else wishes.mouse
    try:
        app.run(mouse=mouse)
    finally:
        if last is not None:
            last.speak()
    if stage is None:
        terminal.leave(app.return_code or 0)
    from systems.stage import ENDED

    app.allow(_STAGE_TIME)
    for line in stage.progress()[-1:]:
        if line.startswith(ENDED):
            terminal.say(line)
    return app.return_code or 0


def on_screen(
    make: Callable[[], OpsroomApp], environ: Mapping[str, str], places: Places, ascii_only: bool = False
) -> int:
    """Open an app that needs no more than a terminal, a replay say; the exit code."""
    reason = terminal.check_terminal(environ)
    if reason:
        return _refuse(reason)
    colours = capabilities.colour_system(environ)
    os.environ["TEXTUAL_COLOR_SYSTEM"] = colours or "standard"
    if colours is None:
        os.environ["NO_COLOR"] = "1"
    from textual.filter import NoColor

    from tui import preferences
    from widgets.drawn import Drawn

    app = make()
    wishes = preferences.load(places.preferences)
    Drawn.ascii_only = ascii_only or (capabilities.ascii_only(environ) if wishes.ascii is None else wishes.ascii)
    app.crash_folder = places.state
    if colours is None:
        app._filters = [NoColor()]
    sys.excepthook = terminal.quiet_excepthook(places.state, app.redact)
    app.run(mouse=capabilities.mouse_allowed(environ) if wishes.mouse is None else wishes.mouse)
    return terminal.leave(app.return_code or 0)


def _last_resort(reason: str) -> LastResort:
    from desk.audit.sinks import LastResort

    return LastResort(reason, at_once=not os.isatty(2))


def _reports(profile: Profile, kinds: Kinds, places: Places) -> Reports:
    from tui.reports import Reports  # what it stands on is loaded when first asked for

    return Reports(profile, kinds, places)


def _refuse(reason: str) -> int:
    sys.stderr.write(reason + "\n")
    return terminal.EXIT_USAGE
