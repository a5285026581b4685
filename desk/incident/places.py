"""Places to fill in, in messages, names of chat channels and post-mortems: {title}."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

PLACE: Final = re.compile(r"\{([a-z_]+)\}")

KNOWN: Final[Mapping[str, str]] = {
    "severity": "its severity",
    "title": "its title",
    "system": "the system's name",
    "environment": "its environment",
    "stage": "how far it is",
    "since": "when it was declared",
    "began": "when it began, or was noticed",
    "mitigated": "since when it hurts nobody",
    "resolved": "when it was resolved",
    "duration": "how long it lasts or lasted",
    "impact": "what customers feel",
    "cause": "why it happened",
    "eta": "when it should be over",
    "next": "when the next message comes",
    "commander": "who decides",
    "scribe": "who writes down",
    "operator": "who acts",
    "status_page": "address of the status page",
    "chat": "name of the chat channel",
    "id": "how people call it",
    "update": "what is new: asked each time",
}
"""Places that a message may have, and what is filled in."""

ASKED: Final = "update"
"""The one place that a person fills in each time."""


def placeholders(text: str) -> tuple[str, ...]:
    """The places of a text, in order, each once.

    >>> placeholders("{title}: {impact}, {title} {Not one} { }")
    ('title', 'impact')
    """
    return tuple(dict.fromkeys(PLACE.findall(text)))
