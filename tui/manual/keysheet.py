"""The page on keys: one table for each place, out of the one table of keys."""

from __future__ import annotations

from typing import Final

from tui.keys import KEYS, shown
from tui.manual.markdown import table

_PLACES: Final = {
    "everywhere": "Everywhere",
    "overview": "On the overview",
    "detail": "On a target's own screen",
    "inbox": "In the inbox",
    "chart": "On a chart",
    "log": "In a log",
    "sheet": "On a sheet of text",
    "act": "In the dialog of an act",
    "consent": "Where a second person decides",
    "runbook": "In the runbook",
    "procedure": "In a procedure",
    "checklists": "In the list of checklists",
    "checklist": "In a checklist",
    "incidents": "In the list of incidents",
    "incident": "In an incident",
    "replay": "In a replay",
    "wall": "On a wall",
    "demo": "In the demonstration",
}


def keys_page() -> str:
    """The whole page, Markdown."""
    lines = ["# Keys", ""]
    lines += ["`?` shows those of the screen you are on. Each can be changed in `preferences.toml`, by its name:"]
    lines += ['`keys = { "table.sort" = "o" }`; a clash is refused at start.']
    for where, title in _PLACES.items():
        rows = [(_all(one.keys), one.what, one.more, f"`{one.id}`") for one in KEYS if one.where == where]
        lines += ["", f"## {title}", "", *table(["key", "what", "", "name"], rows)]
    return "\n".join(lines) + "\n"


def _all(keys: str) -> str:
    """Every key for a thing; digits in a row are one.

    >>> _all("j,down"), _all("1,2,3")
    ('`j` `↓`', '`1-3`')
    """
    names = keys.split(",")
    if all(name.isdigit() for name in names):
        return f"`{shown(keys)}`"
    return " ".join(f"`{shown(name)}`" for name in names)
