"""A page of a list taken apart object by object, so that no more than one of them is held as a tree at a time.

A page of 500 pods as one tree has some hundred thousand parts: making it holds everything else up for a tenth of a
second, and the garbage collector for longer.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from probes.kubernetes.parse import Row, items, raw, some, table

T = TypeVar("T")

_ITEMS: Final = re.compile(r'"items":\s*\[')
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_DECODER: Final = json.JSONDecoder()
_STINT: Final = 0.001
"""Seconds of work in a thread after which it pauses: the interpreter lets a busy thread go on for longer than a person
who waits for a key should (https://docs.python.org/3/library/sys.html#sys.setswitchinterval)."""
_BREATH: Final = 0.0002
"""Seconds of that pause."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list."""

    kept: list[T]
    number: int
    """Objects on it."""
    token: str
    """What brings the next page; empty on the last."""
    left: int
    """Objects on the pages after it, where the server tells."""


def page(body: bytes, keep: Callable[[Row], T | None]) -> Page[T] | None:
    """What `keep` makes of each object of a list; None when the answer is no list. Raises ValueError for no JSON."""
    text = body.decode("utf-8", "replace")
    head, kept, number = _one_by_one(text, keep) or _at_once(text, keep)
    if number is None:
        return None
    meta = table(head.get("metadata"))
    return Page(kept, number, raw(meta.get("continue"), 1 << 14), some(meta.get("remainingItemCount")) or 0)


def _at_once(text: str, keep: Callable[[Row], T | None]) -> tuple[Row, list[T], int | None]:
    """The usual way, for whatever is not written as API servers write it."""
    answer = table(json.loads(text))
    given = answer.get("items")
    if not isinstance(given, list) and not (given is None and raw(answer.get("kind")).endswith("List")):
        return answer, [], None
    found = [one for item in items(given) if isinstance(item, dict) and (one := keep(item)) is not None]
    return answer, found, len(items(given))


def _one_by_one(text: str, keep: Callable[[Row], T | None]) -> tuple[Row, list[T], int | None] | None:
    """The objects in turn; None when the text is not written as expected."""
    begin = _ITEMS.search(text)
    if begin is None:
        return None
    try:
        head = json.loads(f"{text[: begin.end()]}]}}")  # proves that these are the items of the list itself
        found: list[T] = []
        at, number = _space(text, begin.end()), 0
        began, aside = time.perf_counter(), threading.current_thread() is not threading.main_thread()
        while text[at : at + 1] != "]":
            item: Any
            item, at = _DECODER.raw_decode(text, at)
            number += 1
            if isinstance(item, dict) and (one := keep(item)) is not None:
                found.append(one)
            if aside and time.perf_counter() - began > _STINT:
                time.sleep(_BREATH)
                began = time.perf_counter()
            at = _space(text, at)
            if text[at : at + 1] == ",":
                at = _space(text, at + 1)
        rest = json.loads(f'{{"items": [{text[at:]}')
    except (ValueError, RecursionError):
        return None
    return {**table(head), **{key: value for key, value in rest.items() if key != "items"}}, found, number


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
