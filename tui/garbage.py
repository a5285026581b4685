"""When the garbage collector goes through everything there is: while nobody waits for the answer to a key.

A full collection holds every thread for some 50 ms once thousands of objects are watched. Python would begin one in
the middle of whatever it does; the short ones, of new objects alone, stay its own affair.
"""

from __future__ import annotations

import gc
from typing import Final

EVERY: Final = 30.0
"""Seconds between two full collections at least."""
STILL: Final = 1.0
"""Seconds without a key after which one may begin."""
LATEST: Final = 60.0
"""Seconds after which one begins anyway."""
_NEVER: Final = 1_000_000_000
"""As many middling collections as Python would do before a full one of its own."""


class Garbage:
    """Decides when; times are the event loop's."""

    def __init__(self) -> None:
        self._keyed = 0.0
        self._done = 0.0
        self._before: tuple[int, int, int] | None = None

    def begin(self, now: float) -> None:
        """What start-up made stays for good; from now on there is something to collect."""
        gc.freeze()
        self._before = gc.get_threshold()
        gc.set_threshold(*self._before[:2], _NEVER)
        gc.enable()
        self._done = now

    def end(self) -> None:
        """From now on as Python does by itself."""
        if self._before is not None:
            gc.set_threshold(*self._before)

    def keyed(self, now: float) -> None:
        """A key was pressed."""
        self._keyed = now

    def tidy(self, now: float) -> bool:
        """A full collection, if now is the moment; whether it was."""
        since = now - self._done
        if since < EVERY or (now - self._keyed < STILL and since < LATEST):
            return False
        gc.collect()
        self._done = now
        return True
