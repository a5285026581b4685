"""From an alert to the procedure that fits it: by what is named, by another name, else by likeness, with the reason.

Likeness is the share of an alert's words that a procedure's title, its limits and its commands have too, rare words
counting more (https://en.wikipedia.org/wiki/Tf-idf); it is an offer, and never opened without being asked.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from desk.alert import Alert
from desk.runbook.book import Phase, Procedure, Runbook


class How(Enum):
    """How a procedure was found; the first is the surest."""

    LINK = "link"
    NAME = "name"
    ALIAS = "alias"
    ALIKE = "alike"


@dataclass(frozen=True, slots=True)
class Match:
    """A procedure that may fit."""

    book: Runbook
    procedure: Procedure
    how: How
    why: str
    """For a person: "named by the rule", "alike: queue, backlog"."""
    likeness: float = 1.0
    """0 to 1."""


_LEAST: Final = 0.34
"""Likeness below which nothing is offered."""
_NOWHERE: Final = 0.25
"""How much a word counts that no procedure has: it tells little about which one fits."""
_MOST: Final = 5
"""Procedures that are offered at most."""
_SAME: Final = (
    ("queue", "backlog", "backup", "depth", "waiting", "lag"),
    ("database", "db", "postgres", "postgresql", "rds", "sql"),
    ("memory", "mem", "ram", "oom", "heap"),
    ("slow", "latency", "response", "p95", "p99", "percentile"),
    ("error", "fail", "failure", "5xx", "500"),
    ("disk", "storage", "space", "filesystem", "inode"),
    ("down", "unavailable", "unreachable", "503", "outage", "refused"),
    ("certificate", "cert", "tls", "ssl", "expiry"),
    ("cache", "redis", "elasticache", "hit", "eviction"),
    ("connection", "pool", "client"),
    ("worker", "job", "consumer"),
    ("cpu", "load", "processor"),
    ("mail", "email", "smtp"),
)
"""Words that mean much the same in an operations room."""
_MEANS: Final = {word: words[0] for words in _SAME for word in words}
_IDLE: Final = frozenset(
    re.findall(
        r"\w+",
        """
        a an and any are as at be by for from has high how if in is it its issue issues low many more much no not of
        on or over problem procedure response runbook scenario step than that the this to too under up use used warn
        utc warning was what when why with critical alert incident ratio seconds bytes total rate count percent per
        """,
    )
)
"""Words that say nothing about what it is about."""
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+xx|\d{3}|[^\W\d_a-zA-Z]+")


def procedures_for(alert: Alert, books: Sequence[Runbook]) -> list[Match]:
    """The procedures for an alert, the surest first; empty when none is named and none is like it."""
    named = alert.handling.procedure
    if named:
        found = [Match(*one, How.LINK, "named by the rule") for one in called(named, books)]
        if found:
            return found
    found = [Match(*one, How.NAME, "called as the alert is") for one in called(alert.rule, books)]
    for alias in alert.handling.aliases:
        found += [Match(*one, How.ALIAS, f"the alert is also called {alias}") for one in called(alias, books)]
    return found or _alike(alert, books)


def called(name: str, books: Iterable[Runbook]) -> list[tuple[Runbook, Procedure]]:
    """The procedures that a name means: a title, its anchor, `FILE#anchor`, or `FILE:line`.

    An address of another place (https) means none here.
    """
    if "://" in name:
        return []
    file, _, anchor = name.rpartition("#") if "#" in name else ("", "", name)
    if (at := re.fullmatch(r"(.+):(\d+)", name)) is not None:
        file, line = at[1], int(at[2])
        return [
            (book, one)
            for book in books
            if _is_file(book, file)
            for one in book.procedures
            if one.line <= line <= one.end_line
        ][-1:]
    wanted = _folded(anchor)
    return [
        (book, one)
        for book in books
        if not file or _is_file(book, file)
        for one in book.procedures
        if wanted and wanted in (_folded(one.title), _folded(_bare(one.title)))
    ]


def _is_file(book: Runbook, name: str) -> bool:
    return book.path == name or book.path.endswith("/" + name.removeprefix("./"))


def _folded(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


_GRADE: Final = re.compile(
    r"^\W*(?:critical|warning|alert|issue|problem|incident|scenario|p\d|sev-?\d)\b[\s:–-]*(?:alert)?[\s:–-]*",
    re.IGNORECASE,
)


def _bare(title: str) -> str:
    """A title without its number, severity and what stands in brackets: "3. Critical: Queue backup (5 min)"."""
    text = re.sub(r"\(.*?\)", "", title)
    text = re.sub(r"^\W*(?:step\s+)?\d+(?:\.\d+)*[.):]?\s+", "", text, flags=re.IGNORECASE)
    return _GRADE.sub("", text)


def words(text: str) -> frozenset[str]:
    """The words of a text that say what it is about, likes under one of them.

    >>> sorted(words("High queue depth: EmailBacklog")), sorted(words("postgres.connections"))
    (['mail', 'queue'], ['connection', 'database'])
    """
    found = set()
    for word in _WORD.findall(text):
        plain = word.casefold()
        singular = plain[:-1] if plain.endswith("s") and not plain.endswith("ss") and len(plain) > 3 else plain
        meant = _MEANS.get(plain) or _MEANS.get(singular) or singular
        if plain not in _IDLE and len(meant) > 1:
            found.add(meant)
    return frozenset(found)


def _alike(alert: Alert, books: Sequence[Runbook]) -> list[Match]:
    about = [(book, one, _profile(book, one)) for book in books for one in book.procedures if not one.menu]
    spread = Counter(word for _, _, weights in about for word in weights)
    asked = dict.fromkeys(words(alert.words), 0.3)
    asked |= dict.fromkeys(words(alert.target), 0.4)
    asked |= dict.fromkeys(words(f"{alert.rule} {alert.gauge}"), 1.0)
    rarity = {word: math.log((1 + len(about)) / (1 + spread[word])) + 1 for word in asked}
    whole = sum(rarity[word] * weight * (1.0 if spread[word] else _NOWHERE) for word, weight in asked.items())
    found = []
    for book, one, weights in about:
        shared = {word: rarity[word] * weights[word] * asked[word] for word in asked if word in weights}
        score = sum(shared.values()) / (whole or 1.0)
        if score >= _LEAST and any(asked[word] == 1.0 for word in shared):
            why = sorted(shared, key=lambda word: (-shared[word], word))
            found.append(Match(book, one, How.ALIKE, f"alike: {', '.join(why[:3])}", min(1.0, score)))
    found.sort(key=lambda one: -one.likeness)
    return found[:_MOST]


def _profile(book: Runbook, one: Procedure) -> Mapping[str, float]:
    """How much each word tells of a procedure: its title most, then its limits and symptoms, then what it acts on."""
    weights: dict[str, float] = {}

    def add(text: str, weight: float) -> None:
        for word in words(text):
            weights[word] = max(weight, weights.get(word, 0.0))

    add(one.title, 1.0)
    for limit in book.thresholds:
        if one.line <= limit.line <= one.end_line:
            add(limit.metric, 0.8)
    for part in one.parts:
        if part.phase is Phase.SYMPTOMS:
            for step in part.steps:
                add(f"{step.title} {step.text}", 0.7)
    for step in one.steps:
        if step.command is not None:
            add(f"{step.command.system} {step.command.target}", 0.4)
    return weights
