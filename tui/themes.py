"""The looks: dark, light, one for eyes that can't tell red from green, and one without colours of its own.

Every state also has a word and a shape, so that a look is never needed to understand.
"""

from __future__ import annotations

from textual.theme import Theme

THEMES = (
    Theme(
        name="night", dark=True,
        primary="#7aa2f7", secondary="#e0af68", accent="#7dcfff", foreground="#c8d0e8", background="#101319",
        surface="#151a22", panel="#1b212c", success="#8fc98a", warning="#ffb454", error="#ff6b6b",
    ),
    Theme(
        name="day", dark=False,
        primary="#1f4fa3", secondary="#7a4b00", accent="#00607a", foreground="#1c2026", background="#fafaf7",
        surface="#f0f0ec", panel="#e6e6e0", success="#1d6b2a", warning="#8a5200", error="#b3141e",
    ),
    Theme(
        name="safe", dark=True,
        primary="#88ccee", secondary="#ddcc77", accent="#88ccee", foreground="#d8dbe2", background="#101214",
        surface="#16191d", panel="#1d2126", success="#44aaee", warning="#ddcc77", error="#ff8f00",
    ),
    Theme(
        name="plain", dark=True,
        primary="#d0d0d0", secondary="#ffffff", accent="#d0d0d0", foreground="#c8c8c8", background="#000000",
        surface="#080808", panel="#101010", success="#d0d0d0", warning="#ffffff", error="#ffffff",
    ),
)  # fmt: skip
"""The first is the default; `safe` uses blue, yellow and orange, told apart by people with red-green blindness."""
