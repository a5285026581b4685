"""The app behind one page: the wall, or the room with the keys for looking; made without hands."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final

from textual import events
from textual.driver import Driver
from textual.geometry import Size
from textual.keys import _character_to_key

from desk.profile import Profile, load
from tui import terminal, wall, wiring
from tui.app import OpsroomApp
from tui.keys import Keymap
from tui.kinds import Kinds
from tui.places import Places
from tui.room import Room
from tui.secrets import Secrets
from tui.serve.viewer import KEYS, Press, pieces

READ_ONLY: Final = "read-only: this is a view in a browser, and nothing can be done from it"

_GRACE: Final = 1.0
"""Seconds from the end of the page to the end of the program, however it hangs."""

_BEAT: Final = 1.0
"""Seconds between two signs of life."""

_FIRST: Final = (120, 36)
"""Columns and lines until the page has said how many it has."""


class PageDriver(Driver):
    """The page as the app sees it: it draws what the compositor holds, and hears keys and sizes from a pipe.

    There is nothing here by which an app could open an address, send a file or take one.
    """

    source: BinaryIO
    press: Press

    def write(self, data: str) -> None:
        """Sequences for a terminal go nowhere; the picture is taken when they are complete."""

    def flush(self) -> None:
        """A picture is complete."""
        app = self._app
        if not app.screen_stack:
            return
        size = app.size
        lines = [pieces(strip) for strip in app.screen._compositor.render_strips(size)]
        self.press.show((size.width, size.height), lines)

    def start_application_mode(self) -> None:
        """Begin to listen."""
        self._resize(self._size or _FIRST)
        self._app.set_interval(_BEAT, self.press.beat)
        threading.Thread(target=self._listen, name="page", daemon=True).start()

    def disable_input(self) -> None:
        """Nothing is to be given back."""

    def stop_application_mode(self) -> None:
        """The app is over."""
        self.press.close()

    def open_url(self, url: str, new_tab: bool = True) -> None:
        """Never."""

    def deliver_binary(self, *args: Any, **kwargs: Any) -> None:
        """Never."""

    def _listen(self) -> None:
        """In a thread: what the page says, until it is gone; then so are we."""
        with suppress(OSError, ValueError):
            while line := self.source.readline(4096):
                self._heard(json.loads(line))
        app = self._app
        if isinstance(app, terminal.Lifelines):
            app.leave_with(terminal.EXIT_HANGUP)
        time.sleep(_GRACE)
        os._exit(terminal.EXIT_HANGUP)  # the app hangs; nobody sees it any more

    def _heard(self, said: Mapping[str, Any]) -> None:
        if "size" in said:
            columns, lines = said["size"]
            self._resize((int(columns), int(lines)))
        elif "seen" in said:
            self.press.seen()
        elif (key := str(said.get("key", ""))) in KEYS:
            self.send_message(events.Key(KEYS[key], None))
        elif len(key) == 1:
            self.send_message(events.Key(key if key.isalnum() else _character_to_key(key), key))

    def _resize(self, size: tuple[int, int]) -> None:
        self.send_message(events.Resize(Size(*size), Size(*size)))


def looking_only(profile: Profile) -> Profile:
    """The profile without what a view does not have: runbooks, checklists, channels, and any right to act."""
    return replace(profile, acts="never", runbooks=(), checklists=(), channels=())


def room_app(profile: Profile, kinds: Kinds, secrets: Secrets, places: Places, theme: str) -> OpsroomApp:
    """The room with the keys for looking."""
    engine = wiring.build(profile, kinds, secrets, places)
    room = Room(engine, profile, kinds, Keymap().for_view(), read_only_because=READ_ONLY, undecided_because=READ_ONLY)
    room.sharing = wiring.sharing(profile, engine, secrets, places, os.environ, "a browser", wall=True)
    room.keep = partial(wiring.journal, profile, engine, secrets, places, room.sharing)
    return OpsroomApp(room, secrets, theme)


def show(spec: Mapping[str, Any], source: BinaryIO, press: Press) -> None:
    """Run the app that `spec` asks for: its profile's file, wall or room, theme, pages and their seconds."""
    kinds, secrets, places = Kinds(), Secrets(os.environ), Places.of(os.environ)
    sys.excepthook = terminal.quiet_excepthook(places.state, secrets.redact)
    profile = looking_only(load(Path(spec["profile"]), kinds))
    app: OpsroomApp
    if spec["wall"]:
        app = wall.make(profile, kinds, secrets, places, os.environ, spec["theme"], spec["pages"], spec["every"])
    else:
        app = room_app(profile, kinds, secrets, places, spec["theme"])
    app.crash_folder = places.state
    app.driver_class = type("PageDriver", (PageDriver,), {"source": source, "press": press})
    app.run(mouse=False)
    terminal.leave(app.return_code or 0)
