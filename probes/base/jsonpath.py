"""A place in a JSON document, as a profile writes it: names and positions, such as $.checks.queue[0].depth."""

from __future__ import annotations

import re
from typing import Any, Final

JsonPath = tuple[str | int, ...]

_STEP: Final = re.compile(r"""\.([A-Za-z_][\w-]*)|\[(\d{1,9})\]|\["([^"\]]+)"\]|\['([^'\]]+)'\]""")


class BadPath(ValueError):
    """A path that can't be read; the message says how one is written."""


def parse_path(text: str) -> JsonPath:
    """The steps of a path.

    >>> parse_path("$.checks.queue[0].depth"), parse_path('$["a b"]')
    (('checks', 'queue', 0, 'depth'), ('a b',))
    >>> parse_path("checks")
    Traceback (most recent call last):
    ...
    probes.base.jsonpath.BadPath: a path is written like $.checks.database.status or $.list[0].name
    """
    steps: list[str | int] = []
    at = 1
    while text.startswith("$") and at < len(text) and (found := _STEP.match(text, at)):
        name, place, quoted, single = found.groups()
        steps.append(int(place) if place is not None else name or quoted or single)
        at = found.end()
    if not text.startswith("$") or at != len(text):
        raise BadPath("a path is written like $.checks.database.status or $.list[0].name")
    return tuple(steps)


def at_path(value: Any, path: JsonPath) -> tuple[bool, Any]:
    """(is there, what is there).

    >>> at_path({"a": [{"b": 1}]}, ("a", 0, "b")), at_path({"a": []}, ("a", 0))
    ((True, 1), (False, None))
    """
    for step in path:
        named = isinstance(value, dict) and isinstance(step, str) and step in value
        placed = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if not (named or placed):
            return False, None
        value = value[step]
    return True, value
