"""What we make of a runbook, as JSON for scripts, and what is worth mending in it, for whoever keeps it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from desk.runbook.book import Command, Runbook
from desk.runbook.words import names
from probes.base import Danger, Sort

_WARNED: Final = re.compile(
    r"warn|caution|danger|destructi|irrevers|(?:cannot|can't) be undone|data loss|delete|wipes?\b|destroy|drops?\b|⚠|🚨"
    r"|careful|last resort|backup first|approval|never\b|do not|achtung|vorsicht|attention|atención|cuidado|dikkat"
    r"|注意|警告",
    re.IGNORECASE,
)
_AROUND: Final = 3
"""Lines of text above a command that still speak of it; empty ones and the edges of fences aren't counted."""
_LOOKED_AT: Final = 12
"""Lines above a command among which those are looked for."""
_BLANK: Final = re.compile(r"\s*(?:(?:```|~~~).*)?")
_WORD: Final = re.compile(r"[^\W\d_]{5,}")
_STEM: Final = 6
"""Letters by which two words are the same: `release`, `releases` and `released`."""
_EMPTY: Final = names("which while where until their there these those would could other every about being")
"""Words of five letters and more that say nothing by themselves."""
_SAID: Final = 2
"""Words of an advice near a line by which the author tells it already."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in the file that will not do what its author meant."""

    line: int
    what: str


def form(book: Runbook) -> dict[str, Any]:
    """The runbook as one JSON object; every line counts from 1."""
    return {
        "file": book.path,
        "sha256": book.sha256,
        "title": book.title,
        "procedures": [
            {
                "line": one.line,
                "title": one.title,
                "menu": one.menu,
                "phases": [{"line": part.line, "phase": part.phase.value} for part in one.parts],
            }
            for one in book.procedures
        ],
        "commands": [_command(one) for one in book.commands],
        "thresholds": [
            {
                "line": one.line,
                "metric": one.metric,
                "operator": one.operator,
                "value": int(one.value) if one.value.is_integer() else one.value,
                "unit": one.unit,
                "for": one.lasting or None,
                "severity": one.severity or None,
                "alert": one.alert,
            }
            for one in book.thresholds
        ],
        "checklist_items": [
            {"line": box.line, "text": box.text, "checked": box.checked, "list": boxes.title, "cadence": boxes.cadence}
            for boxes in book.checklists
            if boxes.boxed
            for box in boxes.boxes
        ],
        "routines": [
            {"line": one.line, "title": one.title, "cadence": one.cadence, "lines": [box.line for box in one.boxes]}
            for one in book.checklists
            if not one.boxed
        ],
        "contacts": [
            {"line": one.line, "role": one.role, "name": one.name, "ways": list(one.ways)} for one in book.contacts
        ],
        "ladder": [{"line": one.line, "who": one.who, "after_seconds": one.after} for one in book.ladder],
        "severities": [
            {"line": one.line, "name": one.name, "about": one.about, "respond_seconds": one.respond}
            for one in book.levels
        ],
        "parameters": [
            {"name": one.name, "written": list(one.written), "lines": list(one.lines), "secret": one.secret}
            for one in book.parameters
        ],
        "repairs": [{"line": one.line, "what": one.what} for one in book.repairs],
    }


def _command(one: Command) -> dict[str, Any]:
    return {
        "line": one.line,
        "end_line": one.end_line,
        "text": one.text,
        "is_command": one.is_command,
        "inline": one.inline,
        "class": one.sort.value if one.is_command and one.sort is not None else "not-a-command",
        "verb": one.verb.value,
        "system": one.system,
        "target": one.target,
        "danger": one.danger.name.lower(),
        "placeholders": list(one.placeholders),
        "warning": one.warning or None,
        "becomes": one.becomes or one.text,
    }


def findings(book: Runbook, text: str) -> list[Finding]:
    """What is worth mending, in the order of the lines."""
    lines = text.splitlines()
    found = [Finding(one.line, one.what) for one in book.repairs]
    for one in book.commands:
        if not one.is_command:
            continue
        found += [Finding(one.line, what) for what in _of_command(one, lines)]
    return sorted(found, key=lambda one: one.line)


def _of_command(one: Command, lines: Sequence[str]) -> Iterator[str]:
    near = _near(one, lines)
    if one.warning and not _taken_care_of(one) and not _told(one, near):
        yield one.warning
    if one.danger is Danger.DESTRUCTIVE and not any(map(_WARNED.search, near)):
        yield f"it takes away what can't be had back, and no word near it says so: {_short(one.text)}"
    if one.reveals:
        yield f"what it prints may hold secrets: {_short(one.text)}"


def _taken_care_of(one: Command) -> bool:
    """Whether ours does what the author meant, and the line can't be written better: `SELECT pg_cancel_backend(<pid>)`.

    Where the line should be another one that is worth mending, as it misleads whoever types it.
    """
    return one.sort is not Sort.SHELL and one.flaw != one.warning and one.becomes in ("", one.text)


def _told(one: Command, near: Sequence[str]) -> bool:
    """Whether the words near a line say what its advice says; words of the line itself prove nothing."""
    needed = _stems([one.flaw]) - _stems([one.text])
    return len(needed & _stems(near)) >= min(_SAID, max(1, len(needed)))


def _stems(texts: Iterable[str]) -> set[str]:
    words = {word for text in texts for word in _WORD.findall(text.casefold())}
    return {word[:_STEM] for word in words - _EMPTY}


def _near(one: Command, lines: Sequence[str]) -> list[str]:
    """What stands above a command, and what names it."""
    above = (
        line
        for line in reversed(lines[max(0, one.line - 1 - _LOOKED_AT) : one.line - 1])
        if _BLANK.fullmatch(line) is None
    )
    return [*islice(above, _AROUND), one.comment, one.choice]


def _short(text: str) -> str:
    first = text.strip().splitlines()[0] if text.strip() else ""
    return first if len(first) <= 60 else first[:59] + "…"
