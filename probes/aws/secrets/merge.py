"""Puts new values into a secret's JSON and leaves every other letter of it as it is.

A secret is text that others read: reordering keys or rewriting numbers in it would be a change nobody asked for. What
is wrong with a value is said without the value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_KINDS: Final = {str: "text", bool: "true or false", int: "a number", float: "a number", type(None): "nothing"}


class NotKeys(ValueError):
    """A secret's text is no JSON object, or one of which nobody can say what it means."""


class Unfit(ValueError):
    """A value can't be put where it should go; the words name the key only."""


@dataclass(frozen=True, slots=True)
class Member:
    """Where the value of a key stands in the text."""

    start: int
    end: int
    kind: type

    @property
    def about(self) -> str:
        """What kind of value it is; never the value."""
        return _KINDS.get(self.kind, "a list or an object")


def members(text: str) -> dict[str, Member]:
    """The keys of a JSON object with the places of their values. Raises `NotKeys`."""
    try:
        return _members(text)
    except (ValueError, RecursionError):
        raise NotKeys("it is no JSON object of keys and values") from None


def _members(text: str) -> dict[str, Member]:
    decoder = json.JSONDecoder()
    found: dict[str, Member] = {}
    at = _after(text, 0, "{")
    if text[at : at + 1] == "}":
        _end(text, at + 1)
        return found
    while True:
        key, at = decoder.raw_decode(text, at)
        if not isinstance(key, str) or key in found:
            raise ValueError("a key that is none, or is there twice")
        start = _after(text, at, ":")
        value, end = decoder.raw_decode(text, start)
        found[key] = Member(start, end, type(value))
        at = _skipped(text, end)
        if text[at : at + 1] == "}":
            _end(text, at + 1)
            return found
        at = _after(text, at, ",")


def _skipped(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space is not None else at


def _after(text: str, at: int, sign: str) -> int:
    """The place after a sign and the space around it."""
    at = _skipped(text, at)
    if text[at : at + 1] != sign:
        raise ValueError("not JSON")
    return _skipped(text, at + 1)


def _end(text: str, at: int) -> None:
    if _skipped(text, at) != len(text):
        raise ValueError("more than an object")


def merged(text: str, changes: Mapping[str, str]) -> str:
    """The text with these values in place; keys that aren't there yet come last. Raises `NotKeys` and `Unfit`."""
    known = members(text)
    for key in sorted((key for key in changes if key in known), key=lambda key: -known[key].start):
        place = known[key]
        text = text[: place.start] + written(key, place, changes[key]) + text[place.end :]
    added = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in changes.items() if key not in known]
    if not added:
        return text
    closing = text.rindex("}")
    body = text[:closing].rstrip(" \t\r\n")
    comma = "" if body.endswith("{") and not known else ", "
    return body + comma + ", ".join(added) + text[len(body) :]


def written(key: str, place: Member, value: str) -> str:
    """A typed value as JSON of the kind that is there now. Raises `Unfit`."""
    if place.kind in (str, type(None)):
        return json.dumps(value)
    if place.kind in (int, float, bool):
        typed = _literal(value)
        if type(typed) is place.kind or {type(typed), place.kind} == {int, float}:
            return value.strip()
        raise Unfit(f"{key} holds {place.about}, and what was typed is none")
    raise Unfit(f"{key} holds {place.about}: it can't be typed here")


def _literal(text: str) -> Any:
    def never(_: str) -> None:
        raise ValueError("not JSON")

    try:
        return json.loads(text, parse_constant=never)
    except (ValueError, RecursionError):
        return None


def same(text: str, key: str, value: str) -> bool:
    """True when a key has this value already."""
    place = members(text).get(key)
    if place is None:
        return False
    try:
        new = written(key, place, value)
    except Unfit:
        return False
    return bool(json.loads(new) == json.loads(text[place.start : place.end]))


def fingerprint(keys: Mapping[str, object] | set[str]) -> str:
    """Tells one set of keys from another; says nothing of values."""
    return sha256(json.dumps(sorted(keys)).encode()).hexdigest()[:16]
