"""Paths and bodies with holes, filled by value and never by pasting text: a path quotes, a body stays JSON.

The same templates read a request back, to tell which values somebody has written into a command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

_HOLE: Final = re.compile(r"\{([a-z]+)\}")
_DEEPEST: Final = 20

Values = Mapping[str, str | int | float]


class BadTemplate(ValueError):
    """A template, or a value for it, that can't be used."""


def holes(template: Any) -> set[str]:
    """Names of the holes: anywhere in a path, and in a body wherever a whole text is one.

    >>> sorted(holes("/jobs/{id}/runs")), sorted(holes({"minutes": "{interval}", "note": "not {this}"}))
    (['id'], ['interval'])
    """
    if isinstance(template, str):
        return set(_HOLE.findall(template)) if template.startswith("/") else _whole(template)
    if isinstance(template, Mapping):
        return set().union(*map(holes, template.values()))
    if isinstance(template, list | tuple):
        return set().union(*map(holes, template))
    return set()


def _whole(text: str) -> set[str]:
    found = _HOLE.fullmatch(text)
    return {found[1]} if found else set()


def plain_path(path: str) -> None:
    """Raise `BadTemplate` unless it is a path behind an address, perhaps with a query, that leads nowhere else."""
    bare = _HOLE.sub("x", path)
    parts = urlsplit(bare)
    if not bare.startswith("/") or bare.startswith("//") or not bare.isascii() or not bare.isprintable():
        raise BadTemplate("a path begins with one / and is plain ASCII")
    if parts.fragment or " " in bare or "\\" in bare or {".", ".."} & set(unquote(parts.path).split("/")):
        raise BadTemplate("a path has no blank, no # and no ..")


def filled_path(template: str, values: Values) -> str:
    """A path with its holes filled, each value quoted as one segment.

    >>> filled_path("/jobs/{id}/pause", {"id": "a/b?c"})
    '/jobs/a%2Fb%3Fc/pause'
    >>> filled_path("/jobs/{id}", {"id": "7/../../users"})
    Traceback (most recent call last):
    ...
    probes.http.jobs.template.BadTemplate: an id that can't stand in a path
    """

    def put(found: re.Match[str]) -> str:
        text = str(values[found[1]])
        if text == "" or {".", ".."} & set(re.split(r"[/\\]", text)):  # a proxy may unquote it before it looks
            raise BadTemplate("an id that can't stand in a path")
        return quote(text, safe="")

    return _HOLE.sub(put, template)


def filled_body(template: Any, values: Values) -> Any:
    """A body with its holes filled, numbers as numbers.

    >>> filled_body({"minutes": "{interval}", "job": "{id}"}, {"interval": 120, "id": '7"'})
    {'minutes': 120, 'job': '7"'}
    """
    if isinstance(template, str):
        found = _HOLE.fullmatch(template)
        return values[found[1]] if found and found[1] in values else template
    if isinstance(template, Mapping):
        return {key: filled_body(value, values) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [filled_body(value, values) for value in template]
    return template


def read_path(template: str, path: str) -> dict[str, str] | None:
    """The values in a path that somebody has written; None when it is not this template's.

    >>> read_path("/jobs/{id}/pause", "/jobs/a%2Fb/pause"), read_path("/jobs/{id}", "/jobs/1/x")
    ({'id': 'a/b'}, None)
    """
    pieces = _HOLE.split(template)
    pattern = "".join(re.escape(one) if place % 2 == 0 else f"(?P<{one}>[^/?#&]+)" for place, one in enumerate(pieces))
    found = re.fullmatch(pattern, path) if len(set(pieces[1::2])) == len(pieces[1::2]) else None
    return {name: unquote(text) for name, text in found.groupdict().items()} if found else None


def read_body(template: Any, body: Any, depth: int = 0) -> dict[str, Any] | None:
    """The values in a body that somebody has written; None when it is not this template's, or contradicts itself.

    >>> read_body({"minutes": "{interval}"}, {"minutes": 120}), read_body({"minutes": "{interval}"}, {"hours": 2})
    ({'interval': 120}, None)
    """
    if depth > _DEEPEST:
        return None
    if isinstance(template, str) and (found := _HOLE.fullmatch(template)):
        return {found[1]: body}
    pairs: list[tuple[Any, Any]]
    if isinstance(template, Mapping):
        if not isinstance(body, Mapping) or template.keys() != body.keys():
            return None
        pairs = [(value, body[key]) for key, value in template.items()]
    elif isinstance(template, list | tuple):
        if not isinstance(body, list) or len(template) != len(body):
            return None
        pairs = list(zip(template, body, strict=True))
    else:
        return {} if template == body and isinstance(template, bool) == isinstance(body, bool) else None
    values: dict[str, Any] = {}
    for inner, given in pairs:
        told = read_body(inner, given, depth + 1)
        if told is None or any(name in values and values[name] != value for name, value in told.items()):
            return None
        values |= told
    return values
