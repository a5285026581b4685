"""The smallest app on our driver and lifelines, for tests of the terminal; each letter does one thing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Key, Resize
from textual.widgets import Static

from tui.driver import QuietDriver
from tui.terminal import Lifelines, leave

SECRET_HALVES = ("hunter2-", "canary")
"""Joined only while running, so that the source lines of a traceback do not hold the whole."""


class TinyApp(Lifelines, App[None]):
    """Shows the last key, its size and a counter."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "app.exit_with(0)", "quit"),
        Binding("ctrl+c", "interrupt", "interrupt", priority=True),
        Binding("ctrl+z", "suspend_process", "suspend"),
        Binding("x", "crash", "crash"),
        Binding("w", "fail_in_worker", "crash in a worker"),
        Binding("t", "tick", "tick"),
        Binding("h", "hang", "hang"),
        Binding("y", "yank", "copy"),
        Binding("e", "lend", "lend the terminal"),
        Binding("r", "redraw", "redraw"),
    ]
    crash_folder = Path(os.environ["STATE"]) if "STATE" in os.environ else None

    def compose(self) -> ComposeResult:
        yield Static("ready", id="state")
        yield Static("", id="key", markup=False)
        yield Static("", id="size")
        yield Static("", id="count")
        yield Static("", id="filler")

    def show(self, name: str, text: str) -> None:
        self.query_one(f"#{name}", Static).update(text)

    def on_key(self, event: Key) -> None:
        self.show("key", f"key={event.key};")

    def on_resize(self, event: Resize) -> None:
        self.show("size", f"size={event.size.width}x{event.size.height};")

    def on_unmount(self) -> None:
        if mark := os.environ.get("MARK"):
            Path(mark).write_text("unmounted")
        if os.environ.get("SLOW_END"):
            time.sleep(60)

    def action_exit_with(self, code: int) -> None:
        self.exit(return_code=code)

    def action_crash(self) -> None:
        password = "".join(SECRET_HALVES)
        raise ValueError(f"cannot connect with {password}")

    def action_fail_in_worker(self) -> None:
        async def work() -> None:
            password = "".join(SECRET_HALVES)
            raise KeyError(password)

        self.run_worker(work())

    def action_tick(self) -> None:
        self.beats = 0
        self.worst = 0.0
        self.last = time.monotonic()
        self.set_interval(0.02, self.tick)

    def tick(self) -> None:
        """One beat: remember the longest gap, and fill the screen with something new."""
        now = time.monotonic()
        self.worst = max(self.worst, now - self.last)
        self.last = now
        self.beats += 1
        self.show("count", f"beats={self.beats}; worst={self.worst:.3f};")
        self.show("filler", "\n".join(f"{self.beats * 7919 + line:09}" * 8 for line in range(18)))
        if mark := os.environ.get("BEATS"):
            Path(mark).write_text(f"{self.beats} {self.worst:.3f}")

    def action_hang(self) -> None:
        Path(os.environ["HANG"]).write_text("hanging")
        time.sleep(60)

    def action_yank(self) -> None:
        self.copy_to_clipboard("copied text")

    def action_redraw(self) -> None:
        assert isinstance(self._driver, QuietDriver)
        self._driver.paint_afresh()
        self.refresh()

    def action_lend(self) -> None:
        with self.suspend():
            subprocess.call(["sh", "-c", "echo lent; read line"])
        self.show("state", "back")


if __name__ == "__main__":
    app = TinyApp()
    app.run(mouse="mouse" in sys.argv)
    leave(app.return_code or 0)
