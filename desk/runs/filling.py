"""What the parameters of a command are, which of them are filled in, and the line with them in it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from desk.runbook.book import Command, Parameter, Procedure

LONGEST: Final = 1000
"""Characters of a value."""

_PLAIN: Final = re.compile(r"[\w@%+=:,./-]+")
"""What means itself wherever it stands in a command line."""

_STRANGE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Filled:
    """A command with its parameters filled in."""

    text: str
    missing: tuple[str, ...] = ()
    """Names of the parameters that have no value yet; with any of them it is not run."""
    refused: str = ""
    """Why a value can't stand where it would, in words; empty: all can."""

    @property
    def ready(self) -> bool:
        """True when nothing is missing and nothing refused."""
        return not self.missing and not self.refused


def needed(procedure: Procedure, parameters: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """The parameters of a document that a procedure's commands need, in the order they are met."""
    known = {written: one for one in parameters for written in one.written}
    found: dict[str, Parameter] = {}
    for step in procedure.steps:
        for written in step.command.placeholders if step.command is not None else ():
            one = known.get(written) or Parameter(bare(written), (written,), (step.line,))
            found.setdefault(one.name, one)
    return tuple(found.values())


def names(command: Command, parameters: Iterable[Parameter]) -> tuple[str, ...]:
    """The parameters of one command, by name."""
    known = {written: one.name for one in parameters for written in one.written}
    return tuple(dict.fromkeys(known.get(written, bare(written)) for written in command.placeholders))


def filled(
    command: Command, parameters: Sequence[Parameter], values: Mapping[str, str], hide: Iterable[str] = ()
) -> Filled:
    """The command with values in place of its placeholders; those named in `hide` stay as they are written.

    A value is one word: what could be read as more is quoted, and refused where it stands within quotes or in a text
    with a here-document.
    """
    known = {written: one.name for one in parameters for written in one.written}
    hidden, text = set(hide), command.text
    missing = [name for name in names(command, parameters) if not values.get(name)]
    if not command.placeholders:
        return Filled(text)
    refused: list[str] = []

    def value(found: re.Match[str]) -> str:
        name = known.get(found[0], bare(found[0]))
        given = values.get(name)
        if not given or name in hidden:
            return found[0]
        if _PLAIN.fullmatch(given):
            return given
        if "<<" in text:
            refused.append(f"{name} stands in a text with a here-document, where “{given[:40]}” can't be quoted")
            return found[0]
        if _within(text, found.start()):
            refused.append(f"{name} stands within quotes, where “{given[:40]}” would mean more than itself")
            return found[0]
        return shlex.quote(given)

    longest_first = sorted(set(command.placeholders), key=len, reverse=True)
    made = re.sub("|".join(_alone(one) for one in longest_first), value, text)
    return Filled(made, tuple(missing), refused[0] if refused else "")


def fits(value: str) -> str:
    """Why a text is no value, in words; empty: it is one.

    >>> fits("12"), fits(""), fits("two\\nlines")
    ('', 'nothing was typed', 'it holds a line break or a control character')
    """
    if not value.strip():
        return "nothing was typed"
    if len(value) > LONGEST:
        return f"it is longer than {LONGEST} characters"
    return "it holds a line break or a control character" if _STRANGE.search(value) else ""


def bare(written: str) -> str:
    """A placeholder's name without its marks.

    >>> bare("<pid>"), bare("$QUEUE_URL"), bare("${QUEUE_URL}"), bare("{{ name }}")
    ('pid', 'QUEUE_URL', 'QUEUE_URL', 'name')
    """
    return written.strip("<>{}[]$ ") or written


def _alone(written: str) -> str:
    """A placeholder as an expression: a name is not found within a longer one."""
    before = r"(?<!\w)" if written[0].isalnum() or written[0] == "_" else ""
    after = r"(?!\w)" if written[-1].isalnum() or written[-1] == "_" else ""
    return before + re.escape(written) + after


def _within(text: str, place: int) -> bool:
    """True when a place of a command line is within quotes. Those in a comment open none."""
    quote, skip, comment, before = "", False, False, ""
    for letter in text[:place]:
        last, before = before, letter
        if comment:
            comment = letter != "\n"
        elif skip:
            skip = False
        elif letter == "\\" and quote != "'":
            skip = True
        elif quote:
            quote = "" if letter == quote else quote
        elif letter == "#" and (not last or last in " \t\n;&|(`"):
            comment = True
        elif letter in "'\"":
            quote = letter
    return bool(quote)
