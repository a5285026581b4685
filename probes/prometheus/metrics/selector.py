"""What a tile is made from: the samples a selector chooses, as in PromQL, or a number at a path in a JSON document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from probes.base import SafeText, finite
from probes.prometheus.metrics.exposition import Metric, Sample

Json = Any

MOST_LEAVES: Final = 2000
"""Numbers of a JSON document that are listed."""
_DEEPEST: Final = 12

_SELECTOR: Final = re.compile(r"\s*([A-Za-z_:][A-Za-z0-9_:]*)\s*(?:\{(.*)\})?\s*", re.ASCII | re.DOTALL)
_MATCHER: Final = re.compile(
    r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)', re.ASCII | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Selector:
    """Chooses samples by name and labels."""

    name: str
    matchers: tuple[tuple[str, str, str, re.Pattern[str] | None], ...] = ()
    """(label, operator, value, the value as a pattern)."""

    def chooses(self, sample: Sample) -> bool:
        """True when every matcher agrees; a label that is not there counts as empty, as in PromQL."""
        labels = dict(sample.labels)
        return all(_agrees(labels.get(key, ""), how, value, kept) for key, how, value, kept in self.matchers)


def _agrees(have: str, how: str, value: str, pattern: re.Pattern[str] | None) -> bool:
    same = pattern.fullmatch(have) is not None if pattern is not None else have == value
    return same if how in ("=", "=~") else not same


def parse_selector(text: str) -> Selector:
    """A selector from its text; raises ValueError with words for a profile.

    >>> parse_selector('http_requests_total{code=~"5.."}').name
    'http_requests_total'
    """
    found = _SELECTOR.fullmatch(text)
    if found is None:
        raise ValueError('is written like http_requests_total{code=~"5.."}, or like $.queue.depth for JSON')
    matchers, at, inside = [], 0, found[2] or ""
    while inside[at:].strip():
        one = _MATCHER.match(inside, at)
        if one is None:
            raise ValueError('has labels that can\'t be read; they are written like {code=~"5..", path!="/health"}')
        at = one.end()
        value = re.sub(r"\\(.)", lambda escaped: {"n": "\n"}.get(escaped[1], escaped[1]), one[3])
        try:
            pattern = re.compile(value) if "~" in one[2] else None
        except re.error:
            raise ValueError(f"has a pattern that can't be read at label {one[1]}") from None
        matchers.append((one[1], one[2], value, pattern))
    return Selector(found[1], tuple(matchers))


def is_path(text: str) -> bool:
    """True for a JSON path."""
    return text.startswith("$")


@dataclass(frozen=True, slots=True)
class Document:
    """A body read as JSON."""

    value: Json
    odd_numbers: int = 0
    """NaN and Infinity, which JSON has not; they count as missing."""


def read_document(body: bytes) -> Document | None:
    """A body as JSON; None when it is none.

    >>> read_document(b'{"depth": NaN}')
    Document(value={'depth': None}, odd_numbers=1)
    """
    odd: list[str] = []
    try:
        value = json.loads(body, parse_constant=lambda word: odd.append(word))
    except (ValueError, RecursionError):
        return None
    return Document(value, len(odd))


def leaves(value: Json, path: str = "$", depth: int = 0) -> Iterable[Metric]:
    """Every number of a document with its path."""
    if isinstance(value, dict | list) and depth < _DEEPEST:
        pairs: Iterable[tuple[str | int, Json]] = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in pairs:
            plain = isinstance(key, str) and re.fullmatch(r"[A-Za-z_][\w-]*", key)
            step = f".{key}" if plain else f"[{key}]" if isinstance(key, int) else f'["{key[:80]}"]'
            yield from leaves(one, path + step, depth + 1)
    elif (number := finite(value)) is not None:
        yield Metric(SafeText(path, 200), "number", series=1, value=number)
