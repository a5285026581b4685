"""What lines that edit a file of settings mean: one that is named like one, `.env` or `shop.env`."""

from __future__ import annotations

import re
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Sort, Verb
from probes.settings.commands import plain, recognise, render, values

_FILE: Final = re.compile(r"(?:.*/)?(?:\.env(?:\.[\w-]+)?|[\w-]+\.env)")


def understand(line: CommandLine) -> Meaning | None:
    """What an edit of such a file means, where one of our own acts does the same; None for every other line."""
    place = line.words[-1] if line.words else ""
    if line.program not in ("sed", "tee") or line.fed or line.piped or line.writes or not _FILE.fullmatch(place):
        return None
    found = recognise(line, place if place.startswith(("/", "~")) else f"/{place.removeprefix('./')}")
    if found is None:
        return None
    return Meaning(
        Sort.ACTION,
        Verb.OTHER,
        "settings",
        place,
        Danger.DISRUPTIVE,
        kind="settings",
        warning=found.warning,
        becomes=render(found.request, place) if found.warning else "",
        asked=values(line),
        plain=plain(line),
    )
