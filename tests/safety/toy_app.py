"""The real screen on a real terminal, with toys in the place of a system: `python -m tests.safety.toy_app FOLDER`.

The session is armed. What is confirmed and what reaches the toys is written to FOLDER/events, a line each, with the
monotonic time that every process of this machine shares. F12 writes a line when all keys before it have been handled.
SIGUSR1 makes the screen hang for as many seconds as FOLDER/stall says.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Final

from desk.actions import Runner
from desk.actor import who
from desk.audit import Trail
from desk.clock import SystemClock
from desk.deed import Deed
from desk.guard import Confirmation, Setting
from desk.hands import Hands
from desk.locks import FileLocks
from probes.base import Outcome, Plan, Sending, Subject, Target
from tests.toyhands import ToyActuator, Toybox, context
from tests.toys import ToySettings, room
from tui.app import OpsroomApp
from tui.screens import act_picture
from tui.secrets import Secrets
from tui.terminal import leave

WAITS: Final = "OPSROOM_TOY_WAITS"
"""Seconds a picture must stand here before a key confirms; for showing that the trials notice a shorter time."""


class Notes:
    """A file that another process reads while we write."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("a", encoding="utf-8")

    def line(self, word: str) -> None:
        """One thing that happened now."""
        self._stream.write(f"{word} {time.monotonic():.6f}\n")
        self._stream.flush()


class NotedRunner(Runner):
    """Writes down each confirmation that gets through."""

    notes: Notes

    def begin(self, plan: Plan, given: Confirmation) -> Deed:
        self.notes.line("confirmed")
        return super().begin(plan, given)


class NotedToys(ToyActuator):
    """Writes down each request that reaches the toys."""

    notes: Notes

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        outcome = await super().carry_out(plan, subject, act, sending)
        self.notes.line("request")
        return outcome


class ToyApp(OpsroomApp):
    """The app, and a key that says that it got there."""

    notes: Notes

    def action_mark(self) -> None:
        """All keys before this one have been handled."""
        self.notes.line("mark")


def hands(folder: Path, notes: Notes) -> Hands:
    """What may act on `it`."""
    clock = SystemClock()
    trail = Trail(folder / "audit", who({}), clock, {"system": "toys"})

    def make(made: Hands) -> Runner:
        toys = NotedToys(Target("it", "toy", ToySettings()), context(clock), Toybox())
        toys.notes = notes
        setting = Setting("toys", "test", False, False)
        locks = FileLocks(folder / "locks")
        runner = NotedRunner({"it": toys}, lambda target: setting, lambda: made.mode, trail, locks, clock, every=0.01)
        runner.notes = notes
        return runner

    return Hands(make, trail, clock, 10)


def main(folder: Path) -> None:
    """Open the room and stay until it is left."""
    notes = Notes(folder / "events")
    if WAITS in os.environ:
        vars(act_picture)["SEEN"] = float(os.environ[WAITS])

    def hang(*_: object) -> None:
        notes.line("hangs")
        time.sleep(float((folder / "stall").read_text()))

    signal.signal(signal.SIGUSR1, hang)
    made = room("it", every=0.2)
    made.hands = hands(folder, notes)
    app = ToyApp(made, Secrets({}), "night", ("trials of a safety rule", None))
    app.notes = notes
    app._bindings.bind("f12", "mark", "mark", show=False)
    app.run(mouse=True)
    leave(app.return_code or 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
